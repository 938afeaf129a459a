/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb lint: read plans, say what is wrong with them, run nothing. */
#include "bench_i.h"

#include "nwb/faultctl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int lint_compile(const struct nwb_plan *plan, const char *server,
			enum nwb_plan_target target, struct nwb_err *err)
{
	struct nwb_fc_page *page;
	int fd, rc;

	rc = nwb_fc_create(&fd, &page);
	if (rc)
		return nwb_err_set(err, rc, "shared page: %s", strerror(-rc));
	rc = nwb_plan_compile_of(plan, page, server, target, err);
	nwb_fc_unmap(page);
	close(fd);
	return rc;
}

static int lint_file(const char *path, bool print, struct nwb_err *err)
{
	struct nwb_plan *plan = NULL;
	const char *mirror;
	char *text, *out;
	size_t len, size = 1 << 16;
	int rc = bench_read_file(path, &text, &len, err);

	if (rc)
		return rc;
	rc = nwb_plan_new(&plan);
	if (!rc)
		rc = nwb_plan_add_text(plan, path, text, len, err);
	if (!rc)
		rc = nwb_plan_finish(plan, err);
	mirror = rc ? NULL : nwb_plan_client_opt(plan, "mirror");
	/* what the plan does not name, the command line may */
	if (!rc && plan->server.name[0])
		rc = lint_compile(plan, plan->server.name, NWB_PLAN_FIRST, err);
	if (!rc && mirror)
		rc = lint_compile(plan, mirror, NWB_PLAN_MIRROR, err);
	if (!rc && print) {
		out = malloc(size);
		if (out) {
			nwb_plan_print(plan, out, size);
			fputs(out, stdout);
			free(out);
		}
	}
	nwb_plan_free(plan);
	free(text);
	return rc;
}

int bench_cmd_lint(int argc, char **argv)
{
	bool print = false;
	int first = 1, bad = 0;

	if (argc > 1 &&
	    (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		printf("usage: netwb lint [--print] PLAN...\n\n"
		       "Read plans and say what is wrong with them: "
		       "file:line:column, what was\nmeant, and what cannot be "
		       "injected under the server that the plan names.\n"
		       "--print shows each in canonical form. Exit 3 when one "
		       "is wrong.\n");
		return NWB_EXIT_OK;
	}
	if (argc > 1 && !strcmp(argv[1], "--print")) {
		print = true;
		first = 2;
	}
	if (first >= argc) {
		fprintf(stderr, "usage: netwb lint [--print] PLAN...\n");
		return NWB_EXIT_USAGE;
	}
	for (int i = first; i < argc; i++) {
		struct nwb_err err = {0};

		if (lint_file(argv[i], print, &err)) {
			fprintf(stderr, "%s\n", err.text);
			bad++;
		} else if (!print) {
			printf("%s: fine\n", argv[i]);
		}
	}
	return bad ? NWB_EXIT_USAGE : NWB_EXIT_OK;
}
