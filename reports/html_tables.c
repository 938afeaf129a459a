/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.html: tables of cells. */
#include "html_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double us(double ns)
{
	return ns / 1000;
}

/* ---- main table ---- */

/* Bad news is one group, before the servers. */
static bool is_news(const struct rep_cell *c)
{
	return c->verdict < REP_PASS;
}

static void cell_row(struct rep_out *o, const struct rep_cell *c,
		     bool with_server)
{
	char b[HTML_FIELD];

	fputs("<tr>", o->f);
	if (with_server) {
		fputs("<th scope=\"row\">", o->f);
		html_text(o, c->server);
		fputs(" <span class=\"w\">", o->f);
		html_text(o, c->workload);
		fputs("</span> <span class=\"f\">", o->f);
		html_text(o, strcmp(c->fault, "none") ? c->fault : "");
		fprintf(o->f, "</span> <span class=\"s %s\">",
			html_class(c->subject));
		html_text(o, c->subject);
		fputs("</span></th>", o->f);
	} else {
		html_row_head(o, c, true);
	}
	fputs("<td>", o->f);
	html_verdict(o, c->verdict);
	fputs("</td>", o->f);
	html_num(o, html_fixed(b, c->m[REP_MIB_S], 0));
	html_num(o, html_fixed(b, us(c->m[REP_CPU_NS_MIB]), 0));
	html_num(o, html_ns(b, c->m[REP_FSYNC_P99]));
	html_spark(o, c);
	fprintf(o->f, "<td class=\"n\">%zu%s</td></tr>\n", c->nr_runs,
		c->is_check ? "<abbr title=\"level check: payload decoded, "
			      "slower\">c</abbr>"
			    : "");
}

static void cell_head(struct rep_out *o)
{
	fputs("<table class=\"cells\">\n<thead><tr><th scope=\"col\">Cell</th>"
	      "<th scope=\"col\">Verdict</th><th scope=\"col\" class=\"n\">"
	      "MiB/s</th><th scope=\"col\" class=\"n\">CPU "
	      "<small>\xc2\xb5s/MiB</small></th><th scope=\"col\" "
	      "class=\"n\">fsync <small>p99</small></th><th scope=\"col\" "
	      "class=\"k\">MiB/s over time</th><th scope=\"col\" "
	      "class=\"n\">Runs</th></tr></thead>\n<tbody>\n",
	      o->f);
}

void html_table_cells(struct rep_out *o, const struct rep_model *m,
		      const struct rep_rows *rows)
{
	const char *server = NULL;

	html_scroll(o, "Cells");
	cell_head(o);
	for (size_t i = 0; i < rows->nr && is_news(rows->cell[i]); i++) {
		if (!i)
			html_group_row(o, "Look at these first", 7);
		cell_row(o, rows->cell[i], true);
	}
	for (size_t i = 0; i < m->nr_cells; i++) {
		const struct rep_cell *c = &m->cell[i];

		if (is_news(c))
			continue;
		if (!server || strcmp(server, c->server))
			html_group_row(o, c->server, 7);
		server = c->server;
		cell_row(o, c, false);
	}
	fputs("</tbody></table>\n", o->f);
	html_scroll_end(o);
}

/* ---- why ---- */

static void why_row(struct rep_out *o, const struct rep_cell *c)
{
	char b[HTML_FIELD];

	fputs("<tr>", o->f);
	html_row_head(o, c, true);
	html_num(o, html_fixed(b, us(c->m[REP_CLIENT_NS_MIB]), 0));
	html_num(o, html_fixed(b, us(c->m[REP_SERVER_NS_MIB]), 0));
	html_num(o, html_fixed(b, c->m[REP_RPCS_MIB], 1));
	html_num(o, html_fixed(b, c->m[REP_WRITES_MIB], 1));
	html_num(o, html_bytes(b, (double)NWB_MIB / c->m[REP_WRITES_MIB]));
	html_num(o, html_fixed(b, c->m[REP_SENT_RATIO], 3));
	html_num(o, html_bytes(b, c->m[REP_TEMP_MAX]));
	html_num(o, html_count(b, c->m[REP_RETRIES]));
	html_num(o, html_count(b, c->m[REP_RECONNECTS]));
	html_num(o, html_count(b, c->m[REP_ALLOCS]));
	fputs("</tr>\n", o->f);
}

void html_table_why(struct rep_out *o, const struct rep_model *m)
{
	const char *group = NULL;

	html_scroll(o, "Counts");
	fputs("<table>\n<thead><tr><th scope=\"col\">Cell</th>"
	      "<th scope=\"col\" class=\"n\">Client CPU "
	      "<small>\xc2\xb5s/MiB</small></th>"
	      "<th scope=\"col\" class=\"n\">Server CPU "
	      "<small>\xc2\xb5s/MiB</small></th>"
	      "<th scope=\"col\" class=\"n\">RPCs <small>per MiB</small></th>"
	      "<th scope=\"col\" class=\"n\">WRITEs "
	      "<small>per MiB</small></th>"
	      "<th scope=\"col\" class=\"n\">Mean WRITE</th>"
	      "<th scope=\"col\" class=\"n\">Sent "
	      "<small>per byte dirtied</small></th>"
	      "<th scope=\"col\" class=\"n\">Temp pages "
	      "<small>peak</small></th>"
	      "<th scope=\"col\" class=\"n\">Retries</th>"
	      "<th scope=\"col\" class=\"n\">Recon\xc2\xadnects</th>"
	      "<th scope=\"col\" class=\"n\">Allocs "
	      "<small>in window</small></th></tr></thead>\n<tbody>\n",
	      o->f);
	for (size_t i = 0; i < m->nr_cells; i++) {
		const struct rep_cell *c = &m->cell[i];

		if (!c->nr_ran)
			continue;
		if (!group || strcmp(group, c->server))
			html_group_row(o, c->server, 11);
		group = c->server;
		why_row(o, c);
	}
	fputs("</tbody></table>\n", o->f);
	html_scroll_end(o);
}

/* ---- what each fault did ---- */

static void put_range(struct rep_out *o, double lo, double hi)
{
	char a[HTML_FIELD], b[HTML_FIELD];

	if (!isfinite(lo))
		html_num(o, html_count(a, NAN));
	else if (lo == hi)
		html_num(o, html_count(a, lo));
	else
		fprintf(o->f, "<td class=\"n\">%s\xe2\x80\x93%s</td>",
			html_count(a, lo), html_count(b, hi));
}

static void fault_row(struct rep_out *o, const struct rep_cell *c,
		      const char *rule)
{
	struct rep_fault f;
	char b[HTML_FIELD];

	rep_fault_load(c, rule, &f);
	fputs("<tr>", o->f);
	html_row_head(o, c, true);
	fputs("<td><code>", o->f);
	html_text(o, rule);
	fputs("</code></td>", o->f);
	put_range(o, f.hits_lo, f.hits_hi);
	html_num(o, html_count(b, f.retries));
	html_num(o, html_bytes(b, f.bytes_again));
	html_num(o, html_ns(b, f.recovery_ns));
	if (isfinite(f.recovered))
		fprintf(o->f, "<td class=\"n\">%.0f %%</td>",
			100 * f.recovered);
	else
		html_num(o, html_count(b, NAN));
	html_num(o, html_count(b, c->m[REP_RECONNECTS]));
	html_num(o, html_ns(b, c->m[REP_DRAIN]));
	fputs("<td>", o->f);
	html_verdict(o, c->verdict);
	fputs("</td></tr>\n", o->f);
}

static void fault_head(struct rep_out *o)
{
	html_scroll(o, "Faults");
	fputs("<table>\n<thead><tr><th scope=\"col\">Cell</th><th "
	      "scope=\"col\">Rule</th>"
	      "<th scope=\"col\" class=\"n\">Hits <small>a run</small></th>"
	      "<th scope=\"col\" class=\"n\">Retries</th>"
	      "<th scope=\"col\" class=\"n\">Sent again</th>"
	      "<th scope=\"col\" class=\"n\">Recovery</th>"
	      "<th scope=\"col\" class=\"n\">Recovered "
	      "<small>of hits</small></th>"
	      "<th scope=\"col\" class=\"n\">Recon\xc2\xadnects</th>"
	      "<th scope=\"col\" class=\"n\">Drain</th>"
	      "<th scope=\"col\">Verdict</th></tr></thead>\n<tbody>\n",
	      o->f);
}

void html_table_faults(struct rep_out *o, const struct rep_model *m)
{
	const char *group = NULL;

	for (size_t i = 0; i < m->nr_cells; i++) {
		const struct rep_cell *c = &m->cell[i];
		json_t *owner = NULL;
		const char **rule = rep_fault_rules(c, &owner);

		if (!rule) {
			o->err = -ENOMEM;
			break;
		}
		if (rule[0] && !group)
			fault_head(o);
		if (rule[0] && (!group || strcmp(group, c->server))) {
			html_group_row(o, c->server, 10);
			group = c->server;
		}
		for (size_t k = 0; rule[k]; k++)
			fault_row(o, c, rule[k]);
		nwb_free(rule);
		json_decref(owner);
	}
	if (group) {
		fputs("</tbody></table>\n", o->f);
		html_scroll_end(o);
	} else {
		fputs("<p>No fault was planned in any run.</p>\n", o->f);
	}
}
