/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb exec: become a command inside a run of `netwb serve`. */
#include "runs.h"
#include "warden.h"

#include <stdio.h>
#include <string.h>

static const char about[] =
	"usage: netwb exec RUN [--] COMMAND [ARGUMENTS]\n\n"
	"Run COMMAND in the network and mounts of a running `netwb serve`, "
	"with\n"
	"this terminal, directory and environment. RUN is the name or number\n"
	"that serve printed; `netwb list --runs` shows them. What one command\n"
	"mounts the next one sees; nobody else does. NWB_ADDR, NWB_PORT,\n"
	"NWB_SHARE, NWB_USER, NWB_PASSWORD and NWB_EXPORT are set.\n"
	"Exit: COMMAND's own; 125: no such run; 126, 127: COMMAND cannot "
	"run.\n";

int bench_cmd_exec(int argc, char **argv)
{
	static struct bench_vars vars;
	char *env[BENCH_RUN_VARS + 1];
	struct nwb_inside inside;
	struct nwb_err err = {0};
	int at = 2, rc;

	if (argc > 1 &&
	    (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(about, stdout);
		return NWB_EXIT_OK;
	}
	if (argc > at && !strcmp(argv[at], "--"))
		at++;
	if (argc <= at) {
		fputs(about, stderr);
		return NWB_EXIT_USAGE;
	}
	rc = bench_run_find(argv[1], &vars, &inside, &err);
	if (!rc) {
		bench_vars_split(&vars, env);
		rc = bench_exec_in(&inside, argv + at, env, NULL, &err);
		fprintf(stderr, "netwb: %s\n", err.text);
		return rc == -ENOENT ? 127 : 126;
	}
	fprintf(stderr, "netwb: %s\n", err.text);
	return 125;
}
