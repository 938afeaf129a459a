/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Histories of the rows of a page (model: past_i.h). */
#include "past_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <string.h>

/* What is not in the index, or was seen once, has no history. */
static int add(struct rep_past *p, struct nwb_index *x, const char *name,
	       const char *metric, struct nwb_err *err)
{
	struct nwb_history *h = &p->h[p->nr];
	struct nwb_err none = {0};
	int r;

	for (size_t i = 0; i < p->nr; i++)
		if (!strcmp(p->h[i].case_name, name) &&
		    !strcmp(p->h[i].metric, metric))
			return 0;
	r = nwb_history_load(x, name, metric, REP_PAST_LAST, h, &none);
	if (r == -ENOENT)
		return 0;
	if (r)
		return nwb_err_set(err, r, "%s", none.text);
	if (h->nr < 2)
		nwb_history_fini(h);
	else
		p->nr++;
	return 0;
}

static void metric_of(char *buf, size_t size, const struct rep_gate_row *row)
{
	snprintf(buf, size, "ratio.%.50s", row->metric);
}

int rep_past_init(struct rep_past *p, struct nwb_index *x,
		  const struct rep_gate *g, const struct rep_model *m,
		  struct nwb_err *err)
{
	char metric[64];
	int r = 0;

	*p = (struct rep_past){0};
	p->h = nwb_zalloc((g->nr + m->nr_cells + 1) * sizeof(*p->h));
	if (!p->h)
		return nwb_err_set(err, -ENOMEM, "history: out of memory");
	for (size_t i = 0; i < g->nr && !r; i++) {
		metric_of(metric, sizeof(metric), &g->row[i]);
		r = add(p, x, g->row[i].name, metric, err);
	}
	for (size_t i = 0; i < m->nr_cells && !r; i++) {
		char name[NWB_SERIES_NAME_MAX];

		nwb_series_name(m->cell[i].run->rec, name, sizeof(name));
		r = add(p, x, name, "mib_s", err);
	}
	return r;
}

void rep_past_fini(struct rep_past *p)
{
	for (size_t i = 0; i < p->nr; i++)
		nwb_history_fini(&p->h[i]);
	nwb_free(p->h);
	*p = (struct rep_past){0};
}

const struct nwb_history *rep_past_find(const struct rep_past *p,
					const struct rep_gate_row *row)
{
	char metric[64];

	if (!p)
		return NULL;
	metric_of(metric, sizeof(metric), row);
	for (size_t i = 0; i < p->nr; i++)
		if (!strcmp(p->h[i].case_name, row->name) &&
		    !strcmp(p->h[i].metric, metric))
			return &p->h[i];
	return NULL;
}
