/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb bench: the quick matrix, measured and judged, and its report. */
#include "matrix.h"
#include "session.h"

#include <stdio.h>

static const char about[] =
	"The quick matrix: {smbd, diod} x {in-place, temp-page} x four "
	"workloads, clean\n(interleaved pairs, with the limits raw-cold and "
	"raw-hot) and under each standard\nfault. Writes report.txt, junit.xml "
	"and run.jsonl.";

static int broken(const struct nwb_err *err)
{
	fprintf(stderr, "netwb: %s\n", err->text);
	return NWB_EXIT_BROKEN;
}

int bench_cmd_bench(int argc, char **argv)
{
	struct bench_matrix m = {0};
	struct bench_session s = {0};
	struct nwb_err err = {0};
	struct bench_cli c;
	int code, rc = bench_cli_parse(&c, argc, argv, BENCH_CLI_BENCH, about);

	if (rc < 0)
		return rc == -2 ? NWB_EXIT_OK : NWB_EXIT_USAGE;
	if (bench_interrupt_setup())
		return NWB_EXIT_BROKEN;
	rc = bench_matrix_build(&m, c.pairs, c.run.seed, c.filter, true, true,
				&err);
	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return NWB_EXIT_USAGE;
	}
	rc = bench_session_begin(&s, c.out, c.run.seed, m.nr, argc, argv, &err);
	for (unsigned int i = 0; i < m.nr && !rc; i++)
		rc = bench_session_run(&s, &m.job[i].run, m.job[i].pair,
				       m.job[i].order, NULL, &err);
	code = rc ? broken(&err) : NWB_EXIT_OK;
	rc = bench_session_end(&s, &err);
	if (rc == NWB_EXIT_BROKEN && err.code)
		broken(&err);
	bench_matrix_fini(&m);
	return code ? code : rc;
}
