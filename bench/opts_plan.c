/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan that the command line names: --fault, --plan, -e. */
#include "bench_i.h"

#include "nwb/shell.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bench_read_file(const char *path, char **ret_text, size_t *ret_len,
		    struct nwb_err *err)
{
	FILE *f = fopen(path, "re");
	size_t size = 1 << 20, len;
	char *buf;
	int bad;

	if (!f)
		return nwb_err_set(err, -errno, "%s: %s", path,
				   strerror(errno));
	buf = malloc(size);
	if (!buf) {
		fclose(f);
		return nwb_err_set(err, -ENOMEM, "%s: no memory", path);
	}
	errno = 0;
	len = fread(buf, 1, size, f);
	bad = ferror(f) ? errno : 0;
	fclose(f);
	if (bad || len == size) {
		free(buf);
		return nwb_err_set(err, bad ? -bad : -EFBIG, "%s: %s", path,
				   bad ? strerror(bad) : "over 1 MiB");
	}
	buf[len] = '\0';
	*ret_text = buf;
	*ret_len = len;
	return 0;
}

static int add_sources(struct bench_cli *c, struct nwb_plan *plan,
		       struct nwb_err *err)
{
	char *text, name[16];
	size_t len;
	int rc = 0;

	if (strcmp(c->run.fault, "none")) {
		const char *t = bench_fault_text(c->run.fault);

		rc = nwb_plan_add_text(plan, c->run.fault, t, strlen(t), err);
	}
	for (unsigned int i = 0; !rc && i < c->nr_plan_files; i++) {
		rc = bench_read_file(c->plan_files[i], &text, &len, err);
		if (rc)
			break;
		rc = nwb_plan_add_text(plan, c->plan_files[i], text, len, err);
		free(text);
	}
	for (unsigned int i = 0; !rc && i < c->nr_lines; i++) {
		snprintf(name, sizeof(name), "-e #%u", i + 1);
		rc = nwb_plan_add_text(plan, name, c->lines[i],
				       strlen(c->lines[i]), err);
	}
	return rc;
}

/* The arguments that name the plan again; kept short, but never cut silently.
 */
static void name_plan(struct bench_cli *c)
{
	size_t at = 0, size = sizeof(c->plan_args);
	char *buf = c->plan_args;

	if (strcmp(c->run.fault, "none")) {
		at = nwb_shell_word(buf, size, at, "--fault");
		at = nwb_shell_word(buf, size, at, c->run.fault);
	}
	for (unsigned int i = 0; i < c->nr_plan_files; i++) {
		at = nwb_shell_word(buf, size, at, "--plan");
		at = nwb_shell_word(buf, size, at, c->plan_files[i]);
	}
	for (unsigned int i = 0; i < c->nr_lines; i++) {
		at = nwb_shell_word(buf, size, at, "-e");
		at = nwb_shell_word(buf, size, at, c->lines[i]);
	}
	if (at >= size)
		snprintf(buf, size, " (and the plan given)");
	c->run.plan_args = buf;
}

bool bench_cli_stray(struct bench_cli *c, int at, int argc, char **argv)
{
	if (at >= argc)
		return false;
	fprintf(stderr,
		"netwb: %s: what is that? `netwb %s --help` lists the "
		"options\n",
		argv[at], argv[0]);
	bench_cli_fini(c);
	return true;
}

int bench_cli_plan(struct bench_cli *c, struct nwb_err *err)
{
	struct nwb_plan *plan;
	int rc, kind;

	if (!c->nr_plan_files && !c->nr_lines && !strcmp(c->run.fault, "none"))
		return 0;
	rc = nwb_plan_new(&plan);
	if (rc)
		return nwb_err_set(err, rc, "no memory for a plan");
	c->plan = plan;
	rc = add_sources(c, plan, err);
	if (!rc)
		rc = nwb_plan_finish(plan, err);
	if (rc)
		return rc;
	c->run.plan = plan;
	name_plan(c);
	if (!strcmp(c->run.fault, "none"))
		c->run.fault = plan->name[0] ? plan->name : "plan";
	if (plan->server.name[0] && !c->has_server)
		c->run.server = plan->server.name;
	kind = plan->client.name[0] ? nwb_subject_kind_find(plan->client.name)
				    : -1;
	if (kind >= 0 && !c->has_client)
		c->run.subject = (enum nwb_subject_kind)kind;
	if (!strcmp(plan->client.name, "kernel"))
		return nwb_err_set(err, -EINVAL,
				   "client kernel: see `netwb "
				   "check --kernel --help`");
	bench_client_from_plan(&c->run, plan);
	if (plan->has_seed && !c->has_seed)
		c->run.seed = plan->seed;
	return 0;
}
