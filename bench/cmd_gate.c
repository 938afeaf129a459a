/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb gate: tonight's build against the baseline, red or green. */
#include "gate_cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char about[] =
	"Is this build (B) worse than the baseline (A)? A fixed list of cases, "
	"in\ninterleaved pairs; what is found worse is measured again with "
	"both "
	"programs\nlinked anew, and only what is worse again makes it red. It "
	"plans its pairs to\nfit the budget; the confirmation takes at most 15 "
	"minutes more.\n\n"
	"Exit: 0 nothing worse, 1 confirmed worse (or a run broke a promise), "
	"2 the\nsession is unusable or could not run, 3 bad usage. "
	"docs/gate.md has the method.";

#define CONFIRM_NS (15 * 60 * NWB_SEC)

static int copy_file(const char *from, const char *to, struct nwb_err *err)
{
	static char buf[1 << 16];
	int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, rc = 0;
	ssize_t n = 0;

	if (in >= 0)
		out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	if (in < 0 || out < 0)
		rc = -errno;
	while (!rc && (n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			rc = errno ? -errno : -EIO;
	if (!rc && n < 0)
		rc = -errno;
	if (in >= 0)
		close(in);
	if (out >= 0 && close(out) && !rc)
		rc = -errno;
	return rc ? nwb_err_set(err, rc, "copy %.100s to %.100s: %s", from, to,
				strerror(-rc))
		  : 0;
}

/* The program and its library, in the shape of a build directory. A whole one
 * takes the place of the old one, or none does. */
static int record_baseline(struct nwb_err *err)
{
	struct gate_side *self = calloc(1, sizeof(*self));
	char cache[3072], dir[3200], path[4096], shim[4096], old[3200];
	int rc = self ? gate_side_self(self, err) : -ENOMEM;

	if (!rc)
		rc = gate_cache_dir(cache, sizeof(cache), err);
	if (!rc)
		rc = bench_shim_path(shim, sizeof(shim), err);
	if (rc)
		goto out;
	snprintf(dir, sizeof(dir), "%s/baseline-%d", cache, getpid());
	snprintf(path, sizeof(path), "%s/bench", dir);
	mkdir(dir, 0700);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/faults", dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/faults/libnwb-shim.so", dir);
	rc = copy_file(shim, path, err);
	snprintf(path, sizeof(path), "%s/bench/netwb", dir);
	if (!rc)
		rc = copy_file(self->binary, path, err);
	if (rc)
		goto out;
	snprintf(old, sizeof(old), "%s/baseline-old-%d", cache, getpid());
	snprintf(path, sizeof(path), "%s/baseline", cache);
	if (rename(path, old) && errno != ENOENT)
		rc = -errno;
	if (!rc && rename(dir, path))
		rc = -errno;
	if (rc)
		nwb_err_set(err, rc, "%.160s: %s", path, strerror(-rc));
	else {
		const char *rm[] = {"rm", "-rf", old, NULL};

		printf("baseline: %s\n", path);
		if (gate_command(rm, NULL, NULL))
			fprintf(stderr, "netwb: %s stays\n", old);
	}
out:
	free(self);
	return rc;
}

static int default_baseline(char *word, size_t size, struct nwb_err *err)
{
	static const char *const last_tag[] = {
		"describe", "--tags", "--abbrev=0", "--match",
		"v[0-9]*",  "HEAD",   NULL};
	char cache[3072], path[4096], tag[200];
	int rc = gate_cache_dir(cache, sizeof(cache), err);

	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/baseline/bench/netwb", cache);
	if (!access(path, X_OK)) {
		snprintf(word, size, "build:%s/baseline", cache);
		return 0;
	}
	if (!gate_repo(path, sizeof(path), NULL) &&
	    !gate_git(path, last_tag, tag, sizeof(tag))) {
		snprintf(word, size, "rev:%s", tag);
		return 0;
	}
	return nwb_err_set(err, -ENOENT,
			   "no baseline: none was recorded (netwb gate "
			   "--record-baseline) and there is no release tag "
			   "v*; name one with --baseline rev:REF or "
			   "build:PATH");
}

static int choose_sides(const struct gate_cli *c, struct gate_opts *o,
			struct nwb_err *err)
{
	static char word[4200];
	int rc = gate_side_self(&o->b, err);

	if (rc || c->record_noise) {
		o->a = o->b;
		return rc;
	}
	if (c->baseline)
		snprintf(word, sizeof(word), "%s", c->baseline);
	else
		rc = default_baseline(word, sizeof(word), err);
	if (!rc)
		rc = gate_side_parse(word, &o->a, err);
	if (!rc && !gate_is_binary_side(&o->a))
		rc = nwb_err_set(err, -EINVAL,
				 "--baseline %.100s: a build or a revision",
				 word);
	return rc;
}

int bench_cmd_gate(int argc, char **argv)
{
	struct gate_opts *o = calloc(1, sizeof(*o));
	struct nwb_err err = {0};
	struct gate_cli c;
	int at = gate_cli_parse(&c, argc, argv, true, about), rc;

	if (at < 0 || !o) {
		free(o);
		return at == -2 ? NWB_EXIT_OK : NWB_EXIT_USAGE;
	}
	if (at < argc) {
		fprintf(stderr,
			"netwb: gate takes no \"%s\"; `netwb gate --help`\n",
			argv[at]);
		free(o);
		return NWB_EXIT_USAGE;
	}
	o->argc = argc;
	o->argv = argv;
	o->is_gate = !c.record_noise;
	o->confirm_ns = CONFIRM_NS;
	o->record_noise = c.record_noise;
	if (c.record_noise && !c.has_pairs)
		c.pairs = 30;
	rc = gate_cases_builtin(&o->cases, &err);
	if (!rc && !c.is_list)
		rc = c.record_baseline ? record_baseline(&err)
				       : choose_sides(&c, o, &err);
	if (!rc)
		rc = gate_cli_apply(&c, o, &err);
	if (rc)
		fprintf(stderr, "netwb: %s\n", err.text);
	if (!rc && c.is_list)
		gate_cli_list(&o->cases);
	else if (!rc && !c.record_baseline)
		rc = gate_run_session(o);
	else if (rc)
		rc = rc == -ENOEXEC ? NWB_EXIT_BROKEN : NWB_EXIT_USAGE;
	free(o);
	return rc;
}
