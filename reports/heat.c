/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grids of changes (model: heat_i.h). */
#include "heat_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Index of @name among @nr labels, kept in order; @max: no room. */
static size_t place(char (*label)[REP_HEAT_NAME], size_t nr, size_t max,
		    const char *name)
{
	for (size_t i = 0; i < nr; i++)
		if (!strncmp(label[i], name, REP_HEAT_NAME - 1))
			return i;
	if (nr == max)
		return max;
	snprintf(label[nr], REP_HEAT_NAME, "%s", name);
	return nr;
}

static void put(struct rep_heat *h, const char *row, const char *col,
		const struct rep_heat_cell *cell)
{
	size_t r = place(h->row, h->nr_rows, REP_HEAT_ROWS, row);
	size_t c = place(h->col, h->nr_cols, REP_HEAT_COLS, col);

	if (r == REP_HEAT_ROWS || c == REP_HEAT_COLS) {
		h->left_out++;
		return;
	}
	h->nr_rows = nwb_max(h->nr_rows, r + 1);
	h->nr_cols = nwb_max(h->nr_cols, c + 1);
	h->cell[r][c] = *cell;
	h->cell[r][c].is_set = true;
}

/* Less than two by two is a list. */
static void drop_lists(struct rep_heat *h)
{
	if (h->nr_rows < 2 || h->nr_cols < 2)
		h->nr_rows = h->nr_cols = 0;
}

static double tone_of(const struct rep_gate_row *row)
{
	return row->is_more_better ? log(row->ratio) : -log(row->ratio);
}

/* ---- comparisons ---- */

static const char *nth_metric(const struct rep_gate *g, size_t nth)
{
	for (size_t i = 0; i < g->nr; i++) {
		size_t k = 0;

		while (strcmp(g->row[k].metric, g->row[i].metric))
			k++;
		if (k == i && !nth--)
			return g->row[i].metric;
	}
	return NULL;
}

/* The name without its server, which is the column. */
static const char *row_label(const struct rep_gate_row *row)
{
	size_t len = row->server ? strlen(row->server) : 0;

	if (len && !strncmp(row->name, row->server, len) &&
	    row->name[len] == '.' && row->name[len + 1])
		return row->name + len + 1;
	return row->name;
}

static int by_label(const void *pa, const void *pb)
{
	const struct rep_gate_row *const *a = pa, *const *b = pb;
	int c = strcmp(row_label(*a), row_label(*b));

	if (!c)
		c = strcmp((*a)->server ? (*a)->server : "",
			   (*b)->server ? (*b)->server : "");
	return c ? c : strcmp((*a)->name, (*b)->name);
}

static void fill_gate(const struct rep_gate_row **all, size_t nr,
		      struct rep_heat *h)
{
	for (size_t i = 0; i < nr; i++) {
		const struct rep_gate_row *row = all[i];
		struct rep_heat_cell cell = {
			.is_clear = rep_gate_is_number(row),
			.ratio = row->ratio,
			.tone = row->verdict == REP_GATE_SAME ? 0
							      : tone_of(row),
			.lo = row->lo,
			.hi = row->hi,
			.n = row->n,
		};

		put(h, row_label(row), row->server ? row->server : "all",
		    &cell);
	}
}

bool rep_heat_gate(const struct rep_gate *g, size_t nth, struct rep_heat *ret)
{
	const char *metric = nth_metric(g, nth);
	const struct rep_gate_row **all;
	size_t nr = 0;

	memset(ret, 0, sizeof(*ret));
	if (!metric)
		return false;
	all = calloc(g->nr + 1, sizeof(*all));
	if (!all)
		return true; /* the picture is left out, the table stands */
	for (size_t i = 0; i < g->nr; i++)
		if (!strcmp(g->row[i].metric, metric))
			all[nr++] = &g->row[i];
	qsort(all, nr, sizeof(*all), by_label);
	snprintf(ret->title, sizeof(ret->title), "%.60s, %s",
		 rep_gate_title(all[0]), rep_gate_direction(all[0]));
	fill_gate(all, nr, ret);
	free(all);
	drop_lists(ret);
	return true;
}

/* ---- fio ---- */

static double writers_of(const struct rep_fio_row *row)
{
	double jobs = rep_num(row->run->rec, "numjobs");
	double depth = rep_num(row->run->rec, "iodepth");

	return (jobs > 0 ? jobs : 1) * (depth > 0 ? depth : 1);
}

static bool is_posix(const struct rep_fio_row *row)
{
	return !strcmp(row->subject, "posix");
}

static const struct rep_fio_row *base_of(const struct rep_fio *f,
					 const struct rep_fio_row *row)
{
	const struct rep_fio_row *b = rep_fio_base(f, row, "posix");

	return b ? b : rep_fio_base(f, row, "in-place");
}

static bool compare(const struct rep_fio *f, const struct rep_fio_row *row,
		    struct rep_heat_cell *ret)
{
	const struct rep_fio_row *base = base_of(f, row);
	enum rep_fio_dir dir = REP_FIO_WRITE;
	struct rep_gate_row r;
	const char *word;

	if (!base || is_posix(row))
		return false;
	if (!row->n[dir][REP_FIO_MIB_S])
		dir = REP_FIO_READ;
	rep_fio_compare(base, row, dir, REP_FIO_MIB_S, &r);
	word = rep_gate_word(&r);
	*ret = (struct rep_heat_cell){
		.is_clear = *word && strcmp(word, "unclear"),
		.ratio = r.ratio,
		.tone = strcmp(word, "~") ? log(r.ratio) : 0,
		.lo = r.lo,
		.hi = r.hi,
		.n = r.n,
	};
	return true;
}

static bool is_same_subject(const struct rep_fio_row *a,
			    const struct rep_fio_row *b)
{
	return !strcmp(a->server, b->server) &&
	       !strcmp(a->subject, b->subject) && !strcmp(a->fault, b->fault);
}

/* The @nth combination of server, subject and fault that is no posix. */
static const struct rep_fio_row *nth_subject(const struct rep_fio *f,
					     size_t nth)
{
	for (size_t i = 0; i < f->nr; i++) {
		size_t k = 0;

		if (is_posix(&f->row[i]))
			continue;
		while (!is_same_subject(&f->row[k], &f->row[i]))
			k++;
		if (k == i && !nth--)
			return &f->row[i];
	}
	return NULL;
}

/* Block size x writers of one subject. */
static void fill_shapes(const struct rep_fio *f, const struct rep_fio_row *of,
			struct rep_heat *h)
{
	snprintf(h->title, sizeof(h->title),
		 "fio, %.40s %.40s %.40s: MiB/s, block size x writers",
		 of->server, of->subject,
		 strcmp(of->fault, "none") ? of->fault : "");
	for (size_t i = 0; i < f->nr; i++) {
		const struct rep_fio_row *row = &f->row[i];
		const char *rw = rep_str(row->run->rec, "rw");
		char bs[REP_FIELD], name[64], col[32];
		struct rep_heat_cell cell;

		if (!is_same_subject(row, of) || !compare(f, row, &cell))
			continue;
		snprintf(name, sizeof(name), "%s %.20s",
			 rep_fmt_bytes(bs, rep_num(row->run->rec, "bs")),
			 rw ? rw : "");
		snprintf(col, sizeof(col), "%.0f", writers_of(row));
		put(h, name, col, &cell);
	}
}

static void fill_jobs(const struct rep_fio *f, struct rep_heat *h)
{
	snprintf(h->title, sizeof(h->title),
		 "fio, MiB/s against posix (or in-place), job x subject");
	for (size_t i = 0; i < f->nr; i++) {
		const struct rep_fio_row *row = &f->row[i];
		struct rep_heat_cell cell;
		char name[100], col[100];

		if (!compare(f, row, &cell))
			continue;
		snprintf(name, sizeof(name), "%.40s%s%.40s", row->job,
			 strcmp(row->fault, "none") ? " " : "",
			 strcmp(row->fault, "none") ? row->fault : "");
		snprintf(col, sizeof(col), "%.40s %.40s", row->server,
			 row->subject);
		put(h, name, col, &cell);
	}
}

bool rep_heat_fio(const struct rep_fio *f, size_t nth, struct rep_heat *ret)
{
	const struct rep_fio_row *of;

	memset(ret, 0, sizeof(*ret));
	if (!nth) {
		fill_jobs(f, ret);
	} else {
		of = nth_subject(f, nth - 1);
		if (!of)
			return false;
		fill_shapes(f, of, ret);
	}
	drop_lists(ret);
	return true;
}

/* ---- text ---- */

#define NAME_COLS 20
#define COL_W	  17
#define PER_LINE  3

/* One line of @to - @from fields, without blanks at its end. */
static void put_line(struct rep_out *o, char (*field)[COL_W + 1], size_t nr)
{
	char line[PER_LINE * COL_W + 1];
	size_t at = 0;

	for (size_t i = 0; i < nr; i++)
		at += (size_t)snprintf(line + at, sizeof(line) - at, "%*s",
				       COL_W, field[i]);
	while (at && line[at - 1] == ' ')
		at--;
	fprintf(o->f, "%.*s\n", (int)at, line);
}

static void put_heads(struct rep_out *o, const struct rep_heat *h, size_t from,
		      size_t to)
{
	char field[PER_LINE][COL_W + 1] = {0};

	for (size_t c = from; c < to; c++) {
		char *f = field[c - from];

		snprintf(f, COL_W, "%.*s", COL_W - 1, h->col[c]);
		for (; *f; f++)
			if (*f < 0x20 || *f > 0x7e)
				*f = '?';
	}
	fprintf(o->f, "%*s", NAME_COLS, "");
	put_line(o, field, to - from);
}

static void put_cells(struct rep_out *o, const struct rep_heat *h, size_t r,
		      size_t from, size_t to)
{
	char field[PER_LINE][COL_W + 1] = {0}, b[REP_FIELD];
	bool is_empty = true;

	for (size_t c = from; c < to; c++) {
		const struct rep_heat_cell *cell = &h->cell[r][c];

		if (!cell->is_set)
			continue;
		is_empty = false;
		snprintf(field[c - from], COL_W + 1, "%s%c",
			 rep_gate_change(b, cell->ratio),
			 cell->is_clear ? '.' : '?');
	}
	if (is_empty)
		return;
	rep_name(o, NAME_COLS, h->row[r]);
	put_line(o, field, to - from);
}

void rep_heat_print(struct rep_out *o, const struct rep_heat *h)
{
	if (!h->nr_rows)
		return;
	fputc('\n', o->f);
	rep_wrap(o, 0, 2, "%s ('?': not decided; '.': decided)", h->title);
	for (size_t c = 0; c < h->nr_cols; c += PER_LINE) {
		size_t to = nwb_min(c + PER_LINE, h->nr_cols);

		put_heads(o, h, c, to);
		for (size_t r = 0; r < h->nr_rows; r++)
			put_cells(o, h, r, c, to);
	}
	if (h->left_out)
		rep_wrap(o, 0, 2, "%zu more stand in the tables only.",
			 h->left_out);
}
