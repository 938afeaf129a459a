/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The standard faults of the matrix, as plans that anybody can copy into a
 * file. "nth" is small enough for every workload of the matrix.
 */
#include "bench_i.h"

#include <string.h>

const struct bench_fault bench_faults[] = {
	{.name = "none", .title = "no fault", .text = ""},
	{.name = "reset-before",
	 .title = "reset before a write is executed",
	 .text = "plan reset-before\n"
		 "cut: on server.write nth=7 before do rst max=1\n"
		 "heal\n"
		 "expect hits cut = 1\n"
		 "expect verdict pass\n"},
	{.name = "reset-after",
	 .title = "reset after a write is executed, before its ack",
	 .text = "plan reset-after\n"
		 "cut: on server.write nth=7 after do drop, rst max=1\n"
		 "heal\n"
		 "expect hits cut = 1\n"
		 "expect verdict pass\n"},
	{.name = "slow-acks",
	 .title = "every third ack of a write comes 20 ms late",
	 .text = "plan slow-acks\n"
		 "slow: on server.write nth=2..60+3 after do hold 20ms\n"
		 "heal\n"
		 "expect hits slow >= 2\n"
		 "expect verdict pass\n"},
	{.name = "famine",
	 .title = "credit famine: grants of 0 for a while",
	 .text = "plan famine\n"
		 "server smbd\n"
		 "starve: on server.grant nth=8..47 do grant 0\n"
		 "heal\n"
		 "expect hits starve >= 4\n"
		 "expect verdict pass\n",
	 .smbd_only = true},
};
const unsigned int bench_nr_faults = NWB_ARRAY_SIZE(bench_faults);

const char *bench_fault_text(const char *name)
{
	const struct bench_mutant *m = bench_mutant_find(name);

	for (unsigned int i = 0; i < bench_nr_faults; i++)
		if (!strcmp(bench_faults[i].name, name))
			return bench_faults[i].text;
	return m ? m->plan : NULL;
}

int bench_plan_text(const char *name, const char *text,
		    struct nwb_plan **ret_plan, struct nwb_err *err)
{
	struct nwb_plan *plan;
	int rc = nwb_plan_new(&plan);

	if (rc)
		return nwb_err_set(err, rc, "no memory for a plan");
	rc = nwb_plan_add_text(plan, name, text, strlen(text), err);
	if (!rc)
		rc = nwb_plan_finish(plan, err);
	if (rc) {
		nwb_plan_free(plan);
		return rc;
	}
	*ret_plan = plan;
	return 0;
}
