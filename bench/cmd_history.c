/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb history: one case over all sessions. */
#include "bench_i.h"

#include "nwb/store.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct opts {
	const char *base, *metric, *case_name;
	unsigned long last;
};

static int usage(FILE *out)
{
	fprintf(out,
		"usage: netwb history [OPTIONS] [CASE]\n\n"
		"One case over sessions: a value a session with its interval, "
		"n, build and date,\nand where its level changed. A case is a "
		"cell (server.client.workload.fault), a\ncase of the gate or a "
		"fio job. Without CASE: which there are.\n\n"
		"  --metric NAME    which number (default: throughput)\n"
		"  --last N         the newest N sessions\n"
		"  --results DIR    where the sessions are (default "
		"results)\n\n"
		"Interval: exact signed-rank, from 6 runs on. A step is found "
		"by E-divisive\nmeans, p <= 0.01, 2 %% at least, five sessions "
		"a side.\n");
	return out == stdout ? NWB_EXIT_OK : NWB_EXIT_USAGE;
}

/* Return: -1, or the code to end with. */
static int parse(int argc, char **argv, struct opts *o)
{
	static const struct option opts[] = {
		{"metric", required_argument, NULL, 'm'},
		{"last", required_argument, NULL, 'n'},
		{"results", required_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	char *end;
	int c;

	*o = (struct opts){.base = "results"};
	optind = 1;
	while ((c = getopt_long(argc, argv, "h", opts, NULL)) != -1) {
		if (c == 'm') {
			o->metric = optarg;
		} else if (c == 'r') {
			o->base = optarg;
		} else if (c == 'n') {
			o->last = strtoul(optarg, &end, 10);
			if (*optarg < '1' || *optarg > '9' || *end) {
				fprintf(stderr,
					"netwb: --last %s: not a number above "
					"0\n",
					optarg);
				return NWB_EXIT_USAGE;
			}
		} else {
			return usage(c == 'h' ? stdout : stderr);
		}
	}
	if (argc - optind > 1)
		return usage(stderr);
	o->case_name = optind < argc ? argv[optind] : NULL;
	return -1;
}

static void tell_case(void *arg, const char *name, const char *metrics,
		      unsigned int sessions)
{
	++*(unsigned int *)arg;
	printf("%s: %u session%s\n", name, sessions, sessions == 1 ? "" : "s");
	nwb_history_words(stdout, "    ", metrics);
}

int bench_cmd_history(int argc, char **argv)
{
	struct nwb_index *x = NULL;
	struct nwb_err err = {0};
	struct nwb_history h;
	unsigned int nr = 0;
	struct opts o;
	int rc = parse(argc, argv, &o);

	if (rc >= 0)
		return rc;
	rc = nwb_index_open(o.base, false, &x, &err);
	if (!rc && *nwb_index_note(x))
		fprintf(stderr, "netwb: %s\n", nwb_index_note(x));
	if (!rc && !o.case_name) {
		rc = nwb_index_cases(x, tell_case, &nr, &err);
		if (!rc && !nr)
			printf("%s: no figures that can be followed; runs of "
			       "`netwb check` are judged, not timed\n",
			       o.base);
	} else if (!rc) {
		rc = nwb_history_load(x, o.case_name, o.metric, o.last, &h,
				      &err);
		if (!rc) {
			rc = nwb_history_text(&h, stdout);
			nwb_history_fini(&h);
		}
	}
	nwb_index_close(x);
	if (rc)
		fprintf(stderr, "netwb: %s\n",
			err.text[0] ? err.text : strerror(-rc));
	return rc ? NWB_EXIT_BROKEN : NWB_EXIT_OK;
}
