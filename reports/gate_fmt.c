/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words and numbers of a comparison, the same in all formats. */
#include "gate_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *rep_gate_verdict_name(enum rep_gate_verdict v)
{
	static const char *const name[REP_GATE_VERDICT_NR] = {
		[REP_GATE_RED] = "RED",		[REP_GATE_SUSPECT] = "suspect",
		[REP_GATE_INVALID] = "invalid", [REP_GATE_UNCLEAR] = "unclear",
		[REP_GATE_BETTER] = "better",	[REP_GATE_SAME] = "same",
		[REP_GATE_OBSERVE] = "observe", [REP_GATE_SKIP] = "skipped",
		[REP_GATE_FREE] = "not judged",
	};

	nwb_assert(v < REP_GATE_VERDICT_NR);
	return name[v];
}

bool rep_gate_is_number(const struct rep_gate_row *row)
{
	return row->verdict == REP_GATE_RED ||
	       row->verdict == REP_GATE_SUSPECT ||
	       row->verdict == REP_GATE_BETTER ||
	       row->verdict == REP_GATE_SAME || row->verdict == REP_GATE_FREE;
}

/* "ok" is all that is not worse; the rest only where there is some. */
void rep_gate_tally(const struct rep_gate *g, char ret_text[REP_TALLY])
{
	static const enum rep_gate_verdict rest[] = {
		REP_GATE_UNCLEAR, REP_GATE_INVALID, REP_GATE_OBSERVE,
		REP_GATE_SKIP};
	const size_t *v = g->by_verdict;
	size_t at = 0;

	at += (size_t)snprintf(ret_text, REP_TALLY,
			       "RED %zu  suspect %zu  ok %zu", v[REP_GATE_RED],
			       v[REP_GATE_SUSPECT],
			       v[REP_GATE_BETTER] + v[REP_GATE_SAME]);
	if (v[REP_GATE_BETTER])
		at += (size_t)snprintf(ret_text + at, REP_TALLY - at,
				       " (better %zu)", v[REP_GATE_BETTER]);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(rest); i++) {
		if (!v[rest[i]])
			continue;
		at += (size_t)snprintf(
			ret_text + at, REP_TALLY - at, "  %s %zu",
			rep_gate_verdict_name(rest[i]), v[rest[i]]);
		nwb_assert(at < REP_TALLY);
	}
}

const char *rep_gate_title(const struct rep_gate_row *row)
{
	static const char *const known[][2] = {
		{"cpu_ns_mib", "CPU ns/MiB"},
		{"mib_s", "MiB/s"},
		{"write_p99_ns", "write p99"},
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(known); i++)
		if (!strcmp(row->metric, known[i][0]))
			return known[i][1];
	return row->metric;
}

/* What an interval alone says, where nothing was tested. */
static const char *word_of_interval(const struct rep_gate_row *row)
{
	double lo = row->is_more_better ? 1 / row->hi : row->lo;
	double hi = row->is_more_better ? 1 / row->lo : row->hi;
	double delta = isfinite(row->delta) ? row->delta : 0;

	if (isnan(row->ratio) || (row->lo <= 0 && !isfinite(row->hi)))
		return "";
	if (row->lo > 1 / (1 + delta) && row->hi < 1 + delta)
		return "~";
	return lo > 1 ? "worse" : hi < 1 ? "better" : "unclear";
}

const char *rep_gate_word(const struct rep_gate_row *row)
{
	if (row->verdict == REP_GATE_SAME)
		return "~";
	if (row->verdict == REP_GATE_FREE)
		return word_of_interval(row);
	return rep_gate_verdict_name(row->verdict);
}

/* Percent with a sign, at most 5 characters: one decimal below 10. */
static void percent(char *buf, size_t size, double ratio, double limit)
{
	double p = 100 * (ratio - 1);

	if (ratio >= 100)
		snprintf(buf, size, ">1e4");
	else
		snprintf(buf, size, "%+.*f", fabs(p) < limit ? 1 : 0, p);
}

const char *rep_gate_change(char *buf, double ratio)
{
	if (!isfinite(ratio))
		return REP_NM;
	percent(buf, REP_FIELD - 1, ratio, 99.95);
	strcat(buf, "%");
	return buf;
}

const char *rep_gate_interval(char *buf, const struct rep_gate_row *row)
{
	char lo[REP_FIELD] = "-inf", hi[REP_FIELD] = "+inf";

	if (isnan(row->ratio))
		return REP_NM;
	if (row->lo > 0)
		percent(lo, sizeof(lo), row->lo, 9.95);
	if (isfinite(row->hi))
		percent(hi, sizeof(hi), row->hi, 9.95);
	snprintf(buf, REP_INTERVAL, "[%s, %s]", lo, hi);
	return buf;
}

const char *rep_gate_value(char *buf, const struct rep_gate_row *row, double v)
{
	if (!isfinite(v))
		return REP_NM;
	if (row->unit && !strcmp(row->unit, "ns"))
		return rep_fmt_ns(buf, v);
	if (v >= 1e7)
		snprintf(buf, REP_FIELD, "%.1e", v);
	else
		snprintf(buf, REP_FIELD, "%.*f", v < 1000 ? 1 : 0, v);
	return buf;
}

const char *rep_gate_delta(char *buf, const struct rep_gate_row *row)
{
	if (!isfinite(row->delta))
		return "n/a";
	snprintf(buf, REP_FIELD, "%.*f%%", row->delta < 0.0095 ? 1 : 0,
		 100 * fmin(row->delta, 9.99));
	return buf;
}

const char *rep_gate_direction(const struct rep_gate_row *row)
{
	if (!strcmp(row->metric, "cpu_ns_mib"))
		return "above 0: B is dearer";
	return row->is_more_better ? "above 0: B is faster"
				   : "above 0: B is worse";
}

/* ---- what was compared ---- */

/* "id (revision, summary)" of a side. */
char *rep_gate_side(const struct rep_gate *g, const char *side)
{
	const json_t *s = json_object_get(g->compare, side);
	static const char *const key[] = {"revision", "build", "date",
					  "summary"};
	const char *id = rep_str(s, "id");
	size_t len = 0;
	char *buf = NULL;
	FILE *f = open_memstream(&buf, &len);

	if (!f)
		return NULL;
	if (!id && g->is_modes)
		id = *side == 'a' ? "temp-page writeback (a model: no kernel "
				    "had it on netfs)"
				  : "in-place writeback";
	fputs(id ? id : "not recorded", f);
	for (size_t i = 0, nr = 0; i < NWB_ARRAY_SIZE(key); i++) {
		const char *v = rep_str(s, key[i]);

		if (v && (!id || strcmp(v, id)))
			fprintf(f, "%s%s", nr++ ? ", " : " (", v);
		if (i + 1 == NWB_ARRAY_SIZE(key) && nr)
			fputc(')', f);
	}
	if (fclose(f)) {
		free(buf);
		return NULL;
	}
	return buf;
}
