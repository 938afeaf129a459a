/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb: find the command and hand over. */
#include "bench_i.h"
#include "check_host.h"
#include "gate_i.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	int (*fn)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"run", bench_cmd_run, "one run against a real server, judged"},
	{"bench", bench_cmd_bench, "the quick matrix: measure, judge, report"},
	{"latency", bench_cmd_latency,
	 "open-loop latency: find the knee, measure below it"},
	{"check", bench_cmd_check, "judge plans and kill mutants, no timing"},
	{"compare", bench_cmd_compare, "two builds, modes, servers: pairs"},
	{"gate", bench_cmd_gate, "is this build worse than the baseline?"},
	{"serve", bench_cmd_serve,
	 "a broken server for your own client, judged"},
	{"mount", bench_cmd_mount,
	 "the client as a file system, for any program, judged"},
	{"kernel", bench_cmd_kernel, "kernels to judge: get, build, list"},
	{"sim", bench_cmd_sim, "the client in simulated worlds, a seed each"},
	{"deadlock", bench_cmd_deadlock,
	 "a server that takes memory from its client's page cache"},
	{"exec", bench_cmd_exec, "run a command inside a `netwb serve`"},
	{"lint", bench_cmd_lint, "read plans, say what is wrong with them"},
	{"list", bench_cmd_list, "servers, subjects, workloads, faults, ..."},
	{"explain", bench_cmd_explain, "the life of a byte, from a ledger"},
	{"report", bench_cmd_report, "write a report again from run.jsonl"},
	{"history", bench_cmd_history, "one case over all sessions"},
	{"merge", bench_cmd_merge, "one session from the shards of a campaign"},
	{"store", bench_cmd_store, "are results what they were when measured?"},
};

static void usage(FILE *out)
{
	fprintf(out, "usage: netwb COMMAND [OPTIONS]\n\n"
		     "Benchmark and fault injection for network-filesystem "
		     "writeback.\n\n");
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(out,
		"\n`netwb COMMAND --help` explains a command.\n"
		"Exit: 0 passed, 1 failed or vacuous, 2 inconclusive or could "
		"not run,\n      3 bad usage or plan, 77 all skipped.\n");
}

static int run_command(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return NWB_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		usage(stdout);
		return NWB_EXIT_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("netwb %s\n", NWB_PROGRAM_VERSION);
		return NWB_EXIT_OK;
	}
	/* what compare and gate run; of no use to people, so not in the list */
	if (!strcmp(argv[1], "one-run"))
		return bench_cmd_one_run(argc - 1, argv + 1);
	/* what `netwb bench JOB.fio` starts; not for people */
	if (!strcmp(argv[1], "fio-inside"))
		return bench_cmd_fio_inside(argc - 1, argv + 1);
	/* what `netwb check --kernel host` drives; not for people */
	if (!strcmp(argv[1], "host-work"))
		return bench_cmd_host_work(argc - 1, argv + 1);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].fn(argc - 1, argv + 1);
	fprintf(stderr, "netwb: no command \"%s\"; `netwb help` lists them\n",
		argv[1]);
	return NWB_EXIT_USAGE;
}

/* Has all that was said been heard? A reader who leaves early has had enough. */
static bool was_heard(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};
	bool is_bad = ferror(stdout);

	is_bad |= fflush(stdout) != 0;
	return !is_bad || (poll(&out, 1, 0) == 1 && out.revents & POLLERR);
}

int main(int argc, char **argv)
{
	int code;

	nwb_server_maybe_agent(argc, argv);
	code = run_command(argc, argv);
	if (was_heard())
		return code;
	fprintf(stderr, "netwb: standard output cannot be written\n");
	return code ? code : NWB_EXIT_BROKEN;
}
