/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a session compares that is no gate: the two modes of a matrix, as rows
 * like those of a comparison. Nobody tested them against a threshold, so they
 * have an interval and no verdict.
 */
#include "gate_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	enum rep_metric from;
	const char *metric, *unit;
	bool is_more_better;
	double delta;
} metrics[] = {
	{REP_MIB_S, "mib_s", "MiB/s", true, 0.10},
	{REP_CPU_NS_MIB, "cpu_ns_mib", "ns/MiB", false, 0.05},
};

/* Without the subject, which is what is compared. Moves *@room on. */
static const char *put_name(char **room, const struct rep_cell *c)
{
	char *name = *room;
	bool is_clean = !strcmp(c->fault, "none");

	*room += sprintf(name, "%s.%s%s%s", c->server, c->workload,
			 is_clean ? "" : ".", is_clean ? "" : c->fault) +
		 1;
	return name;
}

static void put_row(struct rep_gate *g, const char *name,
		    const struct rep_cell *a, const struct rep_cell *b,
		    size_t k)
{
	struct rep_gate_row *row = &g->row[g->nr++];
	struct rep_cmp cmp;

	rep_compare(b, a, metrics[k].from, &cmp);
	*row = (struct rep_gate_row){
		.name = name,
		.metric = metrics[k].metric,
		.unit = metrics[k].unit,
		.server = a->server,
		.workload = a->workload,
		.verdict = REP_GATE_FREE,
		.is_more_better = metrics[k].is_more_better,
		.delta = metrics[k].delta,
		.ratio = cmp.ratio,
		.lo = cmp.pairs && isnan(cmp.lo) ? 0 : cmp.lo,
		.hi = cmp.pairs && isnan(cmp.hi) ? INFINITY : cmp.hi,
		.a = cmp.b,
		.b = cmp.a,
		.n = cmp.pairs,
		.beyond = NAN,
		.again_ratio = NAN,
		.why = cmp.pairs ? NULL : "no pair that counts",
		.seq = g->nr,
	};
	if (!cmp.pairs)
		row->verdict = REP_GATE_UNCLEAR;
	g->by_verdict[row->verdict]++;
}

static void put_cells(struct rep_gate *g, const struct rep_model *m)
{
	char *room = g->names;

	for (size_t i = 0; i < m->nr_cells; i++) {
		const struct rep_cell *a = &m->cell[i], *b;
		const char *name;

		if (strcmp(a->subject, "temp-page"))
			continue;
		b = rep_cell_find(m, a, "in-place");
		if (!b)
			continue;
		g->nr_cases++;
		name = put_name(&room, a);
		for (size_t k = 0; k < NWB_ARRAY_SIZE(metrics); k++)
			put_row(g, name, a, b, k);
	}
}

int rep_gate_init_cells(struct rep_gate *g, const struct rep_model *m)
{
	size_t bytes = 1;

	*g = (struct rep_gate){
		.session = m->session, .end = m->end, .control_max = NAN};
	for (size_t i = 0; i < m->nr_cells; i++)
		bytes += strlen(m->cell[i].name) + 1;
	g->row = nwb_zalloc((2 * m->nr_cells + 1) * sizeof(*g->row));
	g->names = nwb_zalloc(bytes);
	if (!g->row || !g->names)
		return -ENOMEM;
	put_cells(g, m);
	g->is_modes = g->nr > 0;
	rep_tally(m, g->cells);
	return 0;
}

int rep_gate_init_any(struct rep_gate *g, const json_t *recs,
		      struct nwb_err *err)
{
	struct rep_model m;
	int r = rep_gate_init(g, recs);

	if (r)
		return nwb_err_set(err, r, "report: out of memory");
	if (g->nr)
		return 0;
	rep_gate_fini(g);
	r = rep_model_init(&m, recs, err);
	if (!r && rep_gate_init_cells(g, &m))
		r = nwb_err_set(err, -ENOMEM, "report: out of memory");
	rep_model_fini(&m);
	return r;
}
