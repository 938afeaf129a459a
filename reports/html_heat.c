/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.html: grids of changes (model: heat_i.h). */
#include "heat_i.h"
#include "html_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <math.h>

/* Three steps each way: from 2, 10 and 30 percent on. */
static const char *class_of(const struct rep_heat_cell *c)
{
	double t = c->tone;

	if (!c->is_set)
		return "none";
	if (!c->is_clear || isnan(t))
		return "unclear";
	if (t > 0)
		return t > log(1.3)    ? "b3"
		       : t > log(1.1)  ? "b2"
		       : t > log(1.02) ? "b1"
				       : "zero";
	return t < -log(1.3)	? "w3"
	       : t < -log(1.1)	? "w2"
	       : t < -log(1.02) ? "w1"
				: "zero";
}

static void put_cell(struct rep_out *o, const struct rep_heat_cell *c)
{
	char b[REP_FIELD], ci[HTML_INTERVAL];
	struct rep_gate_row row = {.ratio = c->ratio, .lo = c->lo, .hi = c->hi};

	fprintf(o->f, "<td class=\"%s\"", class_of(c));
	if (c->is_set)
		fprintf(o->f, " title=\"%s %%, n %zu%s\"",
			html_interval(ci, &row), c->n,
			c->is_clear ? "" : ", not decided");
	fprintf(o->f, ">%s%s</td>",
		c->is_set ? rep_gate_change(b, c->ratio) : "",
		c->is_set && !c->is_clear ? "<small> ?</small>" : "");
}

static void put_grid(struct rep_out *o, const struct rep_heat *h)
{
	fputs("<h3>", o->f);
	html_text(o, h->title);
	fputs("</h3>\n", o->f);
	html_scroll(o, "Grid of changes");
	fputs("<table class=\"heat\">\n<thead><tr><td></td>", o->f);
	for (size_t c = 0; c < h->nr_cols; c++) {
		fputs("<th scope=\"col\">", o->f);
		html_text(o, h->col[c]);
		fputs("</th>", o->f);
	}
	fputs("</tr></thead>\n<tbody>\n", o->f);
	for (size_t r = 0; r < h->nr_rows; r++) {
		fputs("<tr><th scope=\"row\">", o->f);
		html_text(o, h->row[r]);
		fputs("</th>", o->f);
		for (size_t c = 0; c < h->nr_cols; c++)
			put_cell(o, &h->cell[r][c]);
		fputs("</tr>\n", o->f);
	}
	fputs("</tbody></table>\n", o->f);
	html_scroll_end(o);
	if (h->left_out)
		fprintf(o->f, "<p>%zu more stand in the tables only.</p>\n",
			h->left_out);
}

/* The heading comes with the first grid: no grid, no section. */
static void put_section(struct rep_out *o, const struct rep_heat *h,
			bool *is_open)
{
	if (!h->nr_rows)
		return;
	if (!*is_open) {
		html_section(o, "heat", "Which region changed");
		html_lead(o, "Change of B against A, or of a subject against "
			     "its base. Green is better, red is worse, deeper "
			     "beyond 10 and 30 %; without a tone: the same; "
			     "grey with a question mark: not decided. Point at "
			     "a cell for its interval and n; the tables have "
			     "them too.");
	}
	*is_open = true;
	put_grid(o, h);
}

void html_heat(struct rep_out *o, const struct rep_gate *g,
	       const struct rep_fio *f)
{
	struct rep_heat *h = nwb_zalloc(sizeof(*h));
	bool is_open = false;

	if (!h) {
		o->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; rep_heat_gate(g, i, h); i++)
		put_section(o, h, &is_open);
	for (size_t i = 0; f->nr && rep_heat_fio(f, i, h); i++)
		put_section(o, h, &is_open);
	if (is_open)
		fputs("</section>\n", o->f);
	nwb_free(h);
}
