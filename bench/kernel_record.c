/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb kernel record: reference traces of real kernels. */
#include "kernel_record.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define JOBS_MAX	64u
#define KR_BUILTINS_MAX 20u

static const char about[] =
	"usage: netwb kernel record KERNEL [WORKLOAD...] [OPTIONS]\n\n"
	"Boot KERNEL beside a real server, run the workloads, and write what\n"
	"its tracepoints say of each as a reference trace, text inside:\n"
	"DIR/FLAVOUR/FS-WORKLOAD.gz. KERNEL as for `netwb check --kernel`.\n"
	"WORKLOAD is a name of --list or a file NAME.job; none: all of them.\n"
	"\n"
	"  --fs cifs|9p   on this file system only\n"
	"  --out DIR      write there (traces)\n"
	"  --against DIR  write nothing, compare with the traces there:\n"
	"                 exit 1 when one differs\n"
	"  --raw          keep the text of tracefs and the counters too\n"
	"  --list         the workloads\n\n"
	"  netwb kernel record 7.2 seq-4k --fs cifs\n";

struct record_opts {
	const char *fs, *out, *against;
	bool raw;
	struct kr_job job[JOBS_MAX];
	char *file_text[JOBS_MAX];
	unsigned int nr;
};

static int usage(const char *what)
{
	fprintf(stderr,
		"netwb: kernel record: %s; see `netwb kernel "
		"record --help`\n",
		what);
	return NWB_EXIT_USAGE;
}

static int list(void)
{
	const char *name, *text;
	struct nwb_err err;
	struct kr_job j;

	for (unsigned int i = 0; (text = kr_builtin(i, &name)) != NULL; i++)
		if (!kr_parse(name, text, &j, &err))
			printf("  %-12s %-8s %s\n", j.name,
			       !j.on_9p	    ? "cifs"
			       : !j.on_cifs ? "9p"
					    : "cifs 9p",
			       j.title);
	return NWB_EXIT_OK;
}

static int add_file(struct record_opts *o, const char *path,
		    struct nwb_err *err)
{
	const char *base = strrchr(path, '/');
	char name[64];
	size_t len;
	int rc = bench_read_file(path, &o->file_text[o->nr], &len, err);

	if (rc)
		return rc;
	base = base ? base + 1 : path;
	snprintf(name, sizeof(name), "%.*s",
		 (int)(strlen(base) - strlen(".job")), base);
	rc = kr_parse(name, o->file_text[o->nr], &o->job[o->nr], err);
	o->nr++;
	return rc;
}

/* @word NULL: all that are built in. */
static int add_jobs(struct record_opts *o, const char *word,
		    struct nwb_err *err)
{
	size_t n = word ? strlen(word) : 0;
	const char *name, *text;
	bool found = false;
	int rc = 0;

	if (o->nr + KR_BUILTINS_MAX > JOBS_MAX)
		return nwb_err_set(err, -E2BIG, "too many workloads");
	if (n > 4 && !strcmp(word + n - 4, ".job"))
		return add_file(o, word, err);
	for (unsigned int i = 0; !rc && (text = kr_builtin(i, &name)) != NULL;
	     i++) {
		if (word && strcmp(word, name) != 0)
			continue;
		rc = kr_parse(name, text, &o->job[o->nr], err);
		o->nr += !rc;
		found = true;
	}
	if (!found)
		return nwb_err_set(err, -ENOENT,
				   "no workload \"%s\"; --list shows them",
				   word);
	return rc;
}

static int make_dirs(const char *dir, const char *flavour, struct nwb_err *err)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/%s", dir, flavour);
	if ((mkdir(dir, 0777) && errno != EEXIST) ||
	    (mkdir(path, 0777) && errno != EEXIST))
		return nwb_err_set(err, -errno, "%s: %s", path,
				   strerror(errno));
	return 0;
}

/* Return: 0, 1 differs, negative errno. */
static int compare(const char *path, const struct nwb_ktrace *t,
		   const char *release, char *text, size_t size,
		   struct nwb_err *err)
{
	struct nwb_ktrace ref = {0};
	struct nwb_kdiff d = {.text = ""};
	int rc = nwb_ktrace_load(path, &ref, err);

	if (rc)
		return rc;
	rc = nwb_ktrace_diff(&ref, ref.head.kernel, t, release, NULL, &d);
	if (rc < 0)
		nwb_err_set(err, rc, "%s: %s", path, strerror(-rc));
	snprintf(text, size, "%s", d.text);
	nwb_ktrace_fini(&ref);
	return rc;
}

/* Return: an exit code. */
static int record_one(const struct record_opts *o, const struct nwb_kernel *k,
		      const struct kr_job *j, const char *fs)
{
	const char *dir = o->against ? o->against : o->out;
	char path[4200], raw[4200], what[400] = "";
	struct kr_run_opts ro = {.kernel = k, .job = j, .fs = fs};
	struct nwb_ktrace t = {0};
	struct nwb_err err = {0};
	int rc;

	snprintf(path, sizeof(path), "%s/%s/%s-%s.gz", dir, k->flavour, fs,
		 j->name);
	snprintf(raw, sizeof(raw), "%.*s", (int)strlen(path) - 3, path);
	if (o->raw)
		ro.raw = raw;
	rc = kr_record(&ro, &t, &err);
	if (!rc && o->against)
		rc = compare(path, &t, k->release, what, sizeof(what), &err);
	else if (!rc)
		rc = nwb_ktrace_save(&t, path, &err);
	if (rc < 0)
		printf("%-5s %-12s FAILED  %s\n", fs, j->name, err.text);
	else if (rc)
		printf("%-5s %-12s differs %s\n", fs, j->name, what);
	else
		printf("%-5s %-12s %5zu steps  %s\n", fs, j->name, t.nr,
		       o->against ? "the same" : path);
	fflush(stdout);
	nwb_ktrace_fini(&t);
	return rc < 0 ? NWB_EXIT_BROKEN : rc ? NWB_EXIT_FAIL : NWB_EXIT_OK;
}

static int record_all(const struct record_opts *o, const char *word)
{
	static const char *const fs[] = {"cifs", "9p"};
	struct nwb_err err = {0};
	struct nwb_kernel k;
	int worst = NWB_EXIT_OK, code;
	unsigned int nr = 0;
	int rc = nwb_kernel_resolve(word, NULL, NULL, &k, &err);

	if (!rc && k.kind == NWB_KERNEL_HOST)
		rc = nwb_err_set(&err, -EOPNOTSUPP,
				 "the running kernel is not booted: there is "
				 "no guest whose trace could be kept");
	if (!rc && !o->against)
		rc = make_dirs(o->out, k.flavour, &err);
	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return rc == -ENOENT ? NWB_EXIT_USAGE : NWB_EXIT_BROKEN;
	}
	for (unsigned int i = 0; i < o->nr; i++) {
		for (unsigned int f = 0; f < NWB_ARRAY_SIZE(fs); f++) {
			if (o->fs && strcmp(o->fs, fs[f]) != 0)
				continue;
			if (!(f ? o->job[i].on_9p : o->job[i].on_cifs))
				continue;
			nr++;
			code = record_one(o, &k, &o->job[i], fs[f]);
			if (code == NWB_EXIT_BROKEN || worst == NWB_EXIT_OK)
				worst = code;
		}
	}
	if (!nr)
		return usage("no workload of these runs on that file system");
	return worst;
}

/* Return: < 0: go on; else the exit code. */
static int parse(struct record_opts *o, int argc, char **argv)
{
	static const struct option opts[] = {{"fs", 1, NULL, 'f'},
					     {"out", 1, NULL, 'o'},
					     {"against", 1, NULL, 'a'},
					     {"raw", 0, NULL, 'r'},
					     {"list", 0, NULL, 'l'},
					     {"help", 0, NULL, 'h'},
					     {0}};
	int opt;

	optind = 1;
	while ((opt = getopt_long(argc, argv, "h", opts, NULL)) != -1) {
		if (opt == 'f')
			o->fs = optarg;
		else if (opt == 'o')
			o->out = optarg;
		else if (opt == 'a')
			o->against = optarg;
		else if (opt == 'r')
			o->raw = true;
		else if (opt == 'l')
			return list();
		else if (opt == 'h')
			return fputs(about, stdout) < 0 ? NWB_EXIT_BROKEN
							: NWB_EXIT_OK;
		else
			return usage("wrong option");
	}
	if (optind == argc)
		return usage("which kernel?");
	if (o->fs && strcmp(o->fs, "cifs") != 0 && strcmp(o->fs, "9p") != 0)
		return usage("--fs is cifs or 9p");
	return -1;
}

int bench_kernel_record(int argc, char **argv)
{
	struct record_opts *o = calloc(1, sizeof(*o));
	struct nwb_err err = {0};
	int rc = 0, code;

	if (!o)
		return NWB_EXIT_BROKEN;
	o->out = "traces";
	code = parse(o, argc, argv);
	if (code < 0) {
		for (int i = optind + 1; !rc && i < argc; i++)
			rc = add_jobs(o, argv[i], &err);
		if (optind + 1 == argc)
			rc = add_jobs(o, NULL, &err);
		code = rc ? usage(err.text) : record_all(o, argv[optind]);
	}
	for (unsigned int i = 0; i < o->nr; i++)
		free(o->file_text[i]);
	free(o);
	return code;
}
