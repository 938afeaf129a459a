/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What earlier sessions said about the rows of a page. All other parts of a
 * report come from one run.jsonl; this one from the index of many, so it is
 * drawn only when somebody asks for it (nwb_report_write_history()).
 */
#ifndef NWB_REPORTS_PAST_I_H
#define NWB_REPORTS_PAST_I_H

#include "gate_i.h"

#include "nwb/store.h"

#define REP_PAST_LAST 60 /* sessions that a picture has room for */

struct rep_past {
	struct nwb_history *h; /* two sessions or more each */
	size_t nr;
};

/** rep_past_init() - of all comparisons of @g and all cells of @m that @x
 * knows. Return: 0, -ENOMEM, or that of nwb_history_load().
 * rep_past_fini() is safe after failure. */
int rep_past_init(struct rep_past *p, struct nwb_index *x,
		  const struct rep_gate *g, const struct rep_model *m,
		  struct nwb_err *err) nwb_must_check;
void rep_past_fini(struct rep_past *p);
/** rep_past_find() - of a comparison; @p may be NULL. Return: NULL: none. */
const struct nwb_history *rep_past_find(const struct rep_past *p,
					const struct rep_gate_row *row);

/** rep_html() - nwb_report_html() with the history that @index (may be NULL)
 * knows of the rows (report_html.c). */
int rep_html(const json_t *recs, FILE *out, const char *sha256,
	     struct nwb_index *index, struct nwb_err *err) nwb_must_check;

#endif
