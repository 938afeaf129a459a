/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb list: what can be run here, and what the words mean. */
#include "bench_i.h"
#include "runs.h"

#include <stdio.h>
#include <string.h>

static void list_servers(void)
{
	const char *name;

	printf("servers (--server)\n");
	for (unsigned int i = 0; (name = nwb_server_name(i)); i++) {
		struct nwb_err err = {0};
		char v[64];

		if (nwb_server_probe(name, v, sizeof(v), &err))
			printf("  %-14s missing: %s\n", name, err.text);
		else
			printf("  %-14s %s\n", name, v);
	}
}

static void list_faults(bool with_text)
{
	printf("faults (--fault)\n");
	for (unsigned int i = 0; i < bench_nr_faults; i++) {
		printf("  %-14s %s%s\n", bench_faults[i].name,
		       bench_faults[i].title,
		       bench_faults[i].smbd_only ? " (smbd)" : "");
		if (with_text && bench_faults[i].text[0])
			printf("\n%s\n", bench_faults[i].text);
	}
}

static void list_mutants(bool with_text)
{
	printf("mutants (netwb check --mutant, in builds with "
	       "-Dmutants=true)\n");
	for (unsigned int i = 0; i < bench_nr_mutants; i++) {
		printf("  %-18s %s\n", bench_mutants[i].name,
		       bench_mutants[i].title);
		if (with_text)
			printf("\n%s\n", bench_mutants[i].plan);
	}
}

static void list_hazards(void)
{
	printf("hazards (--hazard), and the flavours (--flavour) that have "
	       "them\n");
	for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS; h++) {
		printf("  h%-13u %s;", h, nwb_hazard_text((enum nwb_hazard)h));
		for (unsigned int f = NWB_LINUX_6_12; f < NWB_NR_FLAVOURS; f++)
			if (nwb_flavour_hazards((enum nwb_flavour)f, "", true) &
			    NWB_HAZARD_BIT(h))
				printf(" %s",
				       nwb_flavour_name((enum nwb_flavour)f));
		putchar('\n');
	}
}

static void list_run(const char *name, const struct bench_vars *v)
{
	printf("%-14s %s %s:%s, isolation %s, pid %s%s%s\n", name,
	       bench_vars_get(v, "NWB_SERVER"), bench_vars_get(v, "NWB_ADDR"),
	       bench_vars_get(v, "NWB_PORT"),
	       bench_vars_get(v, "NWB_ISOLATION"), bench_vars_get(v, "NWB_PID"),
	       bench_vars_get(v, "NWB_PUBLISHED")[0] ? ", published on " : "",
	       bench_vars_get(v, "NWB_PUBLISHED"));
}

static int list_runs(void)
{
	struct nwb_err err = {0};
	int nr = bench_runs_list(list_run, &err);

	if (nr < 0)
		fprintf(stderr, "netwb: %s\n", err.text);
	else if (!nr)
		printf("no run is going on\n");
	return nr < 0 ? NWB_EXIT_BROKEN : NWB_EXIT_OK;
}

int bench_cmd_list(int argc, char **argv)
{
	bool plans = argc == 2 && !strcmp(argv[1], "--plans");

	if (argc == 2 && !strcmp(argv[1], "--runs"))
		return list_runs();

	if (argc > 1 && !plans) {
		bool help =
			!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h");

		fprintf(help ? stdout : stderr,
			"usage: netwb list [--plans | --runs]\n\n"
			"Servers, subjects, workloads, standard faults, "
			"mutants and hazards;\n--plans shows the text of the "
			"faults and "
			"mutants' plans too;\n--runs the runs of `netwb serve` "
			"that are going on.\n");
		return help ? NWB_EXIT_OK : NWB_EXIT_USAGE;
	}
	list_servers();
	printf("subjects (--client)\n");
	for (int k = 0; k < NWB_SUBJ_KINDS; k++)
		printf("  %s\n",
		       nwb_subject_kind_name((enum nwb_subject_kind)k));
	printf("workloads (--workload)\n");
	for (unsigned int i = 0; i < nwb_nr_workloads; i++)
		printf("  %-14s %s, %llu MiB\n", nwb_workloads[i].name,
		       nwb_workloads[i].title,
		       (unsigned long long)(nwb_workloads[i].bytes_default /
					    NWB_MIB));
	list_faults(plans);
	list_mutants(plans);
	list_hazards();
	return NWB_EXIT_OK;
}
