/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb kernel trace: look at traces of kernels, and compare them. */
#include "kernel_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char about[] =
	"usage: netwb kernel trace show FILE\n"
	"       netwb kernel trace steps TEXT\n"
	"       netwb kernel trace diff [--exact] [--words] A B\n\n"
	"show prints a reference trace. steps makes one from text of tracefs\n"
	"(/sys/kernel/tracing/trace with events/netfs enabled; may be gzip).\n"
	"diff says the first difference of two, of either kind: of each\n"
	"request what the issuer does, each subrequest's life, the order in\n"
	"which pages become clean. --exact: step by step in the order of "
	"time.\n"
	"--words: the kernel's words at pages count too. Exit 1: they "
	"differ.\n";

static int usage(const char *what)
{
	fprintf(stderr, "netwb: kernel trace: %s\n", what);
	return NWB_EXIT_USAGE;
}

/* A reference trace, or text of tracefs. */
static int load_any(const char *path, struct nwb_ktrace *t, struct nwb_err *err)
{
	static const char magic[] = "netwb-ktrace ";
	char *p = NULL;
	size_t n = 0;
	int rc = nwb_ktext_load(path, &p, &n, err);

	if (rc)
		return rc;
	if (n >= sizeof(magic) && !memcmp(p, magic, sizeof(magic) - 1)) {
		rc = nwb_ktrace_read((struct nwb_ktext){p, n}, path, t, err);
	} else {
		rc = nwb_ktrace_add_text(t, (struct nwb_ktext){p, n});
		if (!rc && !t->nr)
			rc = -ENODATA;
		if (rc) {
			nwb_err_set(err, rc,
				    "%s: neither a trace of netwb nor text of "
				    "tracefs with netfs's events",
				    path);
			nwb_ktrace_fini(t);
		}
	}
	free(p);
	return rc;
}

static int trace_show(const char *path, bool with_head)
{
	struct nwb_ktrace t = {0};
	struct nwb_err err = {0};
	char line[192];

	if (load_any(path, &t, &err)) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return NWB_EXIT_USAGE;
	}
	if (with_head)
		printf("kernel %s, lane %s, workload %s, %s %s\n%s%s\n",
		       t.head.kernel, t.head.lane, t.head.workload, t.head.fs,
		       t.head.mount ? t.head.mount : "",
		       t.head.job ? t.head.job : "",
		       t.head.stat ? t.head.stat : "");
	for (size_t i = 0; i < t.nr; i++) {
		nwb_kstep_text(&t.step[i], line, sizeof(line));
		puts(line);
	}
	nwb_ktrace_fini(&t);
	return NWB_EXIT_OK;
}

static int trace_diff(int argc, char **argv)
{
	struct nwb_kdiff_opts o = {.exact = false};
	struct nwb_ktrace a = {0}, b = {0};
	struct nwb_err err = {0};
	struct nwb_kdiff d;
	int i = 1, rc;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--exact"))
			o.exact = true;
		else if (!strcmp(argv[i], "--words"))
			o.words = true;
		else
			return usage("wrong option; see `netwb kernel trace "
				     "--help`");
	}
	if (argc - i != 2)
		return usage("diff takes two traces");
	rc = load_any(argv[i], &a, &err);
	if (!rc)
		rc = load_any(argv[i + 1], &b, &err);
	if (!rc) {
		rc = nwb_ktrace_diff(&a, argv[i], &b, argv[i + 1], &o, &d);
		if (rc == 1)
			puts(d.text);
		else if (!rc)
			puts("the same");
		else
			nwb_err_set(&err, rc, "%s", strerror(-rc));
	}
	nwb_ktrace_fini(&a);
	nwb_ktrace_fini(&b);
	if (rc < 0) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return NWB_EXIT_USAGE;
	}
	return rc ? NWB_EXIT_FAIL : NWB_EXIT_OK;
}

int bench_kernel_trace(int argc, char **argv)
{
	if (argc > 1 &&
	    (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(about, stdout);
		return NWB_EXIT_OK;
	}
	if (argc == 3 && !strcmp(argv[1], "show"))
		return trace_show(argv[2], true);
	if (argc == 3 && !strcmp(argv[1], "steps"))
		return trace_show(argv[2], false);
	if (argc > 1 && !strcmp(argv[1], "diff"))
		return trace_diff(argc - 1, argv + 1);
	return usage("trace takes show, steps or diff; see `netwb kernel trace "
		     "--help`");
}
