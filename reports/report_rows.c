/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model in the order in which every format shows it: bad news first.
 */
#include "report_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <string.h>

int rep_rows_init(struct rep_rows *rows, const struct rep_model *m)
{
	rows->nr = 0;
	rows->cell = nwb_zalloc((m->nr_cells + 1) * sizeof(*rows->cell));
	if (!rows->cell)
		return -ENOMEM;
	for (int v = 0; v < REP_VERDICT_NR; v++)
		for (size_t i = 0; i < m->nr_cells; i++)
			if (m->cell[i].verdict == (enum rep_verdict)v)
				rows->cell[rows->nr++] = &m->cell[i];
	nwb_assert(rows->nr == m->nr_cells);
	return 0;
}

void rep_rows_fini(struct rep_rows *rows)
{
	nwb_free(rows->cell);
	*rows = (struct rep_rows){0};
}

void rep_tally(const struct rep_model *m, char ret_text[REP_TALLY])
{
	size_t at = 0;

	for (int v = 0; v < REP_VERDICT_NR; v++) {
		if (!m->cells_by_verdict[v])
			continue;
		at += (size_t)snprintf(ret_text + at, REP_TALLY - at,
				       "%s%s %zu", at ? ", " : "",
				       rep_verdict_name((enum rep_verdict)v),
				       m->cells_by_verdict[v]);
		nwb_assert(at < REP_TALLY);
	}
	if (!at)
		snprintf(ret_text, REP_TALLY, "nothing was run");
}

/* Codes: oracles' 0, 1, 77 are verdicts, and so is 2 when a cell is
 * inconclusive. */
const char *rep_session_trouble(const struct rep_model *m, char *buf,
				size_t size)
{
	json_int_t code = json_integer_value(json_object_get(m->end, "exit"));

	if (!m->end)
		return "interrupted: no end record";
	if (m->is_interrupted)
		return "interrupted";
	if (rep_str(m->end, "unusable"))
		return rep_str(m->end, "unusable");
	if (code == 0 || code == 1 || code == 77 ||
	    (code == 2 && m->cells_by_verdict[REP_INCONCLUSIVE]))
		return NULL;
	snprintf(buf, size, "exit %lld", (long long)code);
	return buf;
}

const struct rep_run *rep_worst_run(const struct rep_cell *c)
{
	for (size_t i = 0; i < c->nr_runs; i++)
		if (c->run[i].verdict == c->verdict)
			return &c->run[i];
	nwb_assert(!"a cell has its verdict from one of its runs");
	return NULL;
}

const char *rep_reason(const struct rep_run *run)
{
	const json_t *all = json_object_get(run->rec, "findings");
	const char *reason = rep_str(run->rec, "reason");
	size_t i;
	json_t *f;

	json_array_foreach(all, i, f)
	{
		const char *oracle = rep_str(f, "oracle");
		const char *kind = rep_str(f, "kind");
		size_t len = strlen(oracle);

		if (reason && !strncmp(reason, oracle, len) &&
		    reason[len] == ' ' &&
		    !strncmp(reason + len + 1, kind, strlen(kind)) &&
		    reason[len + 1 + strlen(kind)] == ':')
			return NULL;
	}
	return reason;
}

/* ---- news ---- */

static bool has_news(const struct rep_run *run)
{
	bool is_bad =
		run->verdict != REP_PASS && run->verdict != REP_NOT_JUDGED;

	return is_bad || rep_str(run->rec, "reason") ||
	       json_array_size(json_object_get(run->rec, "findings"));
}

/* Do both say the same, so that one entry can stand for them? */
static bool says_same(const struct rep_run *a, const struct rep_run *b)
{
	const char *ra = rep_str(a->rec, "reason");
	const char *rb = rep_str(b->rec, "reason");
	json_t *fa = json_object_get(a->rec, "findings");
	json_t *fb = json_object_get(b->rec, "findings");

	if (a->verdict != b->verdict || a->is_check != b->is_check ||
	    !ra != !rb || (ra && strcmp(ra, rb)))
		return false;
	if (!json_array_size(fa) && !json_array_size(fb))
		return true;
	return fa && fb && json_equal(fa, fb);
}

static void news_of(struct rep_news *news, const struct rep_cell *c,
		    enum rep_verdict v)
{
	size_t nr;

	for (size_t i = 0; i < c->nr_runs; i += nr) {
		const struct rep_run *run = &c->run[i];

		nr = 1;
		if (run->verdict != v || !has_news(run))
			continue;
		while (i + nr < c->nr_runs && says_same(run, run + nr))
			nr++;
		news->item[news->nr++] =
			(struct rep_news_item){.cell = c, .run = run, .nr = nr};
		news->nr_runs += nr;
	}
}

int rep_news_init(struct rep_news *news, const struct rep_model *m)
{
	*news = (struct rep_news){0};
	news->item = nwb_zalloc((m->nr_runs + 1) * sizeof(*news->item));
	if (!news->item)
		return -ENOMEM;
	for (int v = 0; v < REP_VERDICT_NR; v++)
		for (size_t i = 0; i < m->nr_cells; i++)
			news_of(news, &m->cell[i], (enum rep_verdict)v);
	return 0;
}

void rep_news_fini(struct rep_news *news)
{
	nwb_free(news->item);
	*news = (struct rep_news){0};
}
