/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cover.txt: the block that goes into the cover letter of a patch series.
 *
 *	what was compared, by which rule
 *	the machine, in one line
 *	a table a metric: every case that was run, with interval and n
 *	what is worse, what has no verdict, what the control said
 *	the command that repeats it, the digest of the data
 *
 * ASCII, 72 columns. No line begins with what git or a mail reader takes for
 * the end of the message ("---", "diff -", "From "): lines begin with words of
 * ours, names from records are indented.
 */
#include "gate_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME_COLS 20

/* ---- head ---- */

static bool has_server(const struct rep_gate *g, const char *name)
{
	for (size_t i = 0; i < g->nr; i++)
		if (g->row[i].server && !strcmp(g->row[i].server, name))
			return true;
	return false;
}

/* Those that rows name, with their versions. */
static void servers(struct rep_out *o, const struct rep_gate *g)
{
	json_t *all = json_object_get(g->session, "servers");
	const char **name = rep_keys(all);
	size_t nr = 0, len = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	for (size_t i = 0; f && name && name[i]; i++) {
		const char *v = rep_str(all, name[i]);

		if (has_server(g, name[i]))
			fprintf(f, "%s%s %s", nr++ ? ", " : "", name[i],
				v ? v : "(version not recorded)");
	}
	if (!f || !name || fclose(f))
		o->err = -ENOMEM;
	else if (nr)
		rep_wrap(o, 0, 2, "Servers: %s", text);
	free(text);
	nwb_free(name);
	if (has_server(g, "fake") || has_server(g, "fake-9p"))
		rep_wrap(o, 0, 2,
			 "fake is a model in the same process, no evidence "
			 "about a server.");
}

static const char *env_of(const struct rep_gate *g, const char *key)
{
	return rep_str(json_object_get(g->session, "env"), key);
}

/* vm.dirty_bytes of 0 means that the ratio counts. */
static void machine(struct rep_out *o, const struct rep_gate *g)
{
	const char *cpu = rep_str(g->session, "cpu");
	const char *kernel = rep_str(g->session, "kernel");
	const char *bytes = env_of(g, "vm.dirty_bytes");
	const char *ratio = env_of(g, "vm.dirty_ratio");
	bool is_bytes = bytes && strcmp(bytes, "0");
	char mem[REP_FIELD], n[REP_FIELD];

	rep_wrap(o, 0, 2, "Machine: %s x %s, %s, Linux %s, %s %s",
		 rep_fmt_count(n, rep_num(g->session, "ncpu")),
		 cpu ? cpu : "CPU not recorded",
		 rep_fmt_bytes(mem, rep_num(g->session, "mem_bytes")),
		 kernel ? kernel : "not recorded",
		 is_bytes ? "dirty_bytes" : "dirty_ratio",
		 is_bytes ? bytes
		 : ratio  ? ratio
			  : "not recorded");
}

static void head(struct rep_out *o, const struct rep_gate *g)
{
	const char *summary = rep_str(g->compare, "summary");
	const char *differs = rep_str(g->compare, "differs");

	if (g->trouble)
		rep_wrap(o, 0, 2, "UNUSABLE, do not quote: %s", g->trouble);
	if (g->nr_broken)
		rep_wrap(o, 0, 2,
			 "FAIL, do not quote: %zu runs broke a promise.",
			 g->nr_broken);
	if (!g->end || json_is_true(json_object_get(g->end, "interrupted")))
		rep_wrap(o, 0, 2,
			 "INTERRUPTED: this is what was measured until then.");
	if (summary)
		rep_wrap(o, 0, 2, "Measured: %s", summary);
	rep_gate_put_side(o, g, "a", "A");
	rep_gate_put_side(o, g, "b", "B");
	if (differs)
		rep_wrap(o, 0, 2, "Different: %s", differs);
	servers(o, g);
	machine(o, g);
	rep_wrap(o, 0, 2,
		 "Interleaved pairs, order inside a pair at random, timed to "
		 "fsync return; Hodges-Lehmann estimate with its exact 95%% "
		 "interval.");
}

/* ---- tables ---- */

static const char *word_of(const struct rep_gate_row *row)
{
	if (row->verdict == REP_GATE_RED)
		return "WORSE";
	return row->verdict == REP_GATE_SUSPECT ? "worse?" : rep_gate_word(row);
}

static void row_name(struct rep_out *o, const char *name)
{
	if (strlen(name) > NAME_COLS) {
		rep_wrap(o, 2, 4, "%s", name);
		fprintf(o->f, "%*s", NAME_COLS + 2, "");
		return;
	}
	fputs("  ", o->f);
	rep_name(o, NAME_COLS, name);
}

static void put_row(struct rep_out *o, const struct rep_gate_row *row)
{
	char a[REP_FIELD], b[REP_FIELD], c[REP_FIELD], ci[REP_INTERVAL];
	const char *word = word_of(row);

	row_name(o, row->name);
	fprintf(o->f, " %7s %7s %6s %14s %2zu%s%s\n",
		rep_gate_value(a, row, row->a), rep_gate_value(b, row, row->b),
		rep_gate_change(c, row->ratio), rep_gate_interval(ci, row),
		row->n, *word ? " " : "", word);
}

/* In the order in which they were first measured, which is the author's. */
static int by_seq(const void *pa, const void *pb)
{
	const struct rep_gate_row *const *a = pa, *const *b = pb;
	int c = ((*a)->seq > (*b)->seq) - ((*a)->seq < (*b)->seq);

	return c ? c : strcmp((*a)->name, (*b)->name);
}

static bool is_done(const struct rep_gate_row *const *all, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(all[k]->metric, all[i]->metric))
			return true;
	return false;
}

static void tables(struct rep_out *o, const struct rep_gate *g)
{
	const struct rep_gate_row **all;

	all = nwb_zalloc((g->nr + 1) * sizeof(*all));
	if (!all) {
		o->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < g->nr; i++)
		all[i] = &g->row[i];
	qsort(all, g->nr, sizeof(*all), by_seq);
	for (size_t i = 0; i < g->nr; i++) {
		if (is_done(all, i))
			continue;
		fputc('\n', o->f);
		rep_wrap(o, 0, 2, "%s%s (%s is better)",
			 rep_gate_title(all[i]) == all[i]->metric ? "metric "
								  : "",
			 rep_gate_title(all[i]),
			 all[i]->is_more_better ? "more" : "less");
		fprintf(o->f, "  %-*s %7s %7s %6s %14s %2s\n", NAME_COLS,
			"case", "A", "B", "change", "95% interval", "n");
		for (size_t k = i; k < g->nr; k++)
			if (!strcmp(all[k]->metric, all[i]->metric))
				put_row(o, all[k]);
	}
	nwb_free(all);
}

/* ---- what the table does not say ---- */

static void worse(struct rep_out *o, const struct rep_gate *g)
{
	size_t nr = 0, decided = 0;

	for (size_t i = 0; i < g->nr; i++) {
		const struct rep_gate_row *row = &g->row[i];
		char b[REP_FIELD];

		if (row->verdict > REP_GATE_SUSPECT)
			continue;
		rep_wrap(o, 0, 2, "Worse: %s, %s %s (%s)", row->name,
			 rep_gate_title(row), rep_gate_change(b, row->ratio),
			 row->verdict == REP_GATE_RED
				 ? "measured again: worse again"
			 : row->is_looked_again
				 ? "measured again: not worse again"
				 : "not measured again");
		nr++;
	}
	for (size_t i = 0; i < g->nr; i++)
		decided += rep_gate_is_number(&g->row[i]);
	if (!nr && decided && g->compare && !g->trouble)
		rep_wrap(o, 0, 2,
			 "Worse: nothing that was decided, beyond its "
			 "threshold.");
}

static bool is_open(const struct rep_gate_row *row)
{
	return !rep_gate_is_number(row) && row->why;
}

static bool is_like(const struct rep_gate_row *a, const struct rep_gate_row *b)
{
	return is_open(a) && a->verdict == b->verdict &&
	       !strcmp(a->why, b->why);
}

/* All that are open for the same reason, in one sentence. */
static void open_rows(struct rep_out *o, const struct rep_gate *g, size_t first)
{
	const struct rep_gate_row *row = &g->row[first];
	size_t len, nr = 0;
	char *names = NULL;
	FILE *f = open_memstream(&names, &len);

	for (size_t i = first; f && i < g->nr; i++)
		if (is_like(&g->row[i], row))
			fprintf(f, "%s%s %s", nr++ ? ", " : "", g->row[i].name,
				rep_gate_title(&g->row[i]));
	if (!f || fclose(f))
		o->err = -ENOMEM;
	else
		rep_wrap(o, 0, 2, "No verdict, %s (%s): %s", rep_gate_word(row),
			 row->why, names);
	free(names);
}

static void undecided(struct rep_out *o, const struct rep_gate *g)
{
	for (size_t i = 0; i < g->nr; i++) {
		size_t k = 0;

		if (!is_open(&g->row[i]))
			continue;
		while (!is_like(&g->row[k], &g->row[i]))
			k++;
		if (k == i)
			open_rows(o, g, i);
	}
}

static void put_note(void *arg, const char *text)
{
	rep_wrap(arg, 0, 2, "%s", text);
}

static void tail(struct rep_out *o, const struct rep_gate *g,
		 const char *sha256)
{
	const char *command = rep_str(g->session, "command");
	char b[REP_FIELD];

	fputc('\n', o->f);
	if (g->is_modes)
		rep_wrap(o, 0, 2,
			 "~: the interval lies within 10%% of throughput, 5%% "
			 "of CPU; no word: fewer than %d pairs.",
			 REP_PAIRS_MIN);
	else
		rep_wrap(o, 0, 2, "~ is proved to lie within the threshold.");
	if (g->cells[0])
		rep_wrap(o, 0, 2, "Verdicts of all cells: %s.", g->cells);
	worse(o, g);
	undecided(o, g);
	if (isfinite(g->control_max))
		rep_wrap(o, 0, 2, "A/A control: %s max.",
			 rep_gate_change(b, 1 + g->control_max) + 1);
	else
		rep_wrap(o, 0, 2, "A/A control: %s.",
			 g->nr_controls ? "none has an estimate"
					: "none was run");
	if (g->recs && rep_notes(g->recs, put_note, o))
		o->err = -ENOMEM;
	rep_wrap(o, 0, 0, "Reproduce:");
	rep_command(o, command ? command : "(the command was not recorded)");
	rep_wrap(o, 0, 2, "Data: %s, sha256 %.16s%s", NWB_STORE_NAME,
		 sha256 ? sha256 : "not computed", sha256 ? "..." : "");
}

int nwb_report_cover(const json_t *recs, FILE *out, const char *sha256,
		     struct nwb_err *err)
{
	struct rep_out o = {.f = out};
	struct rep_gate g;
	int r = rep_gate_init_any(&g, recs, err);

	if (r)
		goto out;
	if (g.nr) {
		head(&o, &g);
		tables(&o, &g);
		tail(&o, &g, sha256);
	} else {
		rep_wrap(&o, 0, 0,
			 "Nothing was compared in this session: there is "
			 "nothing to say in a cover letter.");
	}
	r = o.err;
	if (r)
		nwb_err_set(err, r, "cover: out of memory");
	else if (ferror(out))
		r = nwb_err_set(err, -EIO, "cover: write error");
out:
	rep_gate_fini(&g);
	return r;
}
