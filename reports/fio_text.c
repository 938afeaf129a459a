/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.txt: fio jobs, a table for each job, fault and direction. */
#include "fio_i.h"

#include "heat_i.h"
#include "nwb/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME_COLS 22

static void row_name(struct rep_out *o, const struct rep_fio_row *row)
{
	char *name;

	if (asprintf(&name, "%s.%s", row->server, row->subject) < 0) {
		o->err = -ENOMEM;
		return;
	}
	rep_name(o, NAME_COLS, name);
	free(name);
}

static void ratio_line(struct rep_out *o, const struct rep_fio *f,
		       const struct rep_fio_row *row, enum rep_fio_dir dir,
		       const char *subject)
{
	const struct rep_fio_row *base = rep_fio_base(f, row, subject);
	struct rep_gate_row speed, cpu;
	char a[REP_FIELD], b[REP_FIELD], ca[REP_INTERVAL], cb[REP_INTERVAL];

	if (!base || !strcmp(row->subject, "posix"))
		return;
	rep_fio_compare(base, row, dir, REP_FIO_MIB_S, &speed);
	rep_fio_compare(base, row, dir, REP_FIO_CPU, &cpu);
	fprintf(o->f, "  / %-8s  MiB/s %6s %-14s  CPU %6s %-14s %2zu\n",
		subject, rep_gate_change(a, speed.ratio),
		rep_gate_interval(ca, &speed), rep_gate_change(b, cpu.ratio),
		rep_gate_interval(cb, &cpu), speed.n);
}

static void put_row(struct rep_out *o, const struct rep_fio *f,
		    const struct rep_fio_row *row, enum rep_fio_dir dir)
{
	const double *v = row->v[dir];
	char a[REP_FIELD], b[REP_FIELD], c[REP_FIELD], d[REP_FIELD];
	char e[REP_FIELD];

	row_name(o, row);
	fprintf(o->f, " %8s %8s %8s %8s %8s %2zu\n",
		rep_fmt_num(a, v[REP_FIO_MIB_S]),
		rep_fmt_count(b, round(v[REP_FIO_IOPS])),
		rep_fmt_ns(c, v[REP_FIO_P50]), rep_fmt_ns(d, v[REP_FIO_P99]),
		rep_fmt_count(e, round(v[REP_FIO_CPU])),
		row->n[dir][REP_FIO_MIB_S]);
	if (row->verdict < REP_PASS)
		rep_wrap(o, 2, 4, "%s", rep_verdict_name(row->verdict));
	if (row->nr_invalid)
		rep_wrap(o, 2, 4, "INVALID: %zu of %zu runs, not in the table",
			 row->nr_invalid, row->nr);
	ratio_line(o, f, row, dir, "posix");
	ratio_line(o, f, row, dir, "in-place");
}

static void put_group(struct rep_out *o, const struct rep_fio *f, size_t from,
		      size_t nr)
{
	const struct rep_fio_row *row = &f->row[from];
	bool is_clean = !strcmp(row->fault, "none");
	char shape[REP_TALLY];
	size_t tables = 0;

	fputc('\n', o->f);
	rep_wrap(o, 0, 2, "Job %s%s%s: %s", row->job,
		 is_clean ? "" : ", fault ", is_clean ? "" : row->fault,
		 rep_fio_shape(shape, row));
	for (int d = 0; d < REP_FIO_DIRS; d++) {
		if (!rep_fio_has(row, nr, (enum rep_fio_dir)d))
			continue;
		fprintf(o->f, "%-*s %8s %8s %8s %8s %8s %2s\n", NAME_COLS,
			rep_fio_dir_name((enum rep_fio_dir)d), "MiB/s", "IOPS",
			"clat p50", "p99", "CPU/MiB", "n");
		for (size_t i = 0; i < nr; i++)
			put_row(o, f, &row[i], (enum rep_fio_dir)d);
		tables++;
	}
	for (size_t i = 0; i < nr && !tables; i++)
		rep_wrap(o, 2, 4, "%s.%s: no run has numbers (%zu INVALID)",
			 row[i].server, row[i].subject, row[i].nr_invalid);
}

/* Runs that have something to say, each with its reason. */
static void troubles(struct rep_out *o, const struct rep_fio *f)
{
	size_t nr = 0;

	for (size_t i = 0; i < f->nr_runs; i++) {
		const struct rep_fio_run *run = &f->run[i];
		const char *why = rep_str(run->rec, "reason");
		const char *repro = rep_str(run->rec, "repro");

		if (!rep_fio_is_bad(run))
			continue;
		if (!nr++)
			fputc('\n', o->f);
		rep_wrap(o, 0, 2, "%s %s.%s, job %s, pair %lld: %s",
			 run->invalid ? "INVALID"
				      : rep_verdict_name(run->verdict),
			 rep_str(run->rec, "server"),
			 rep_str(run->rec, "subject"), rep_str(run->rec, "job"),
			 (long long)run->pair,
			 run->invalid ? run->invalid
			 : why	      ? why
				      : "no reason recorded");
		if (repro)
			rep_command(o, repro);
	}
}

static void warnings(struct rep_out *o, const struct rep_fio *f)
{
	for (size_t i = 0; i < f->nr_runs; i++) {
		size_t k;
		json_t *v;

		json_array_foreach(json_object_get(f->run[i].rec, "warnings"),
				   k, v)
		{
			if (rep_fio_is_news(f, i, json_string_value(v)))
				rep_wrap(o, 0, 2, "Warning: %s",
					 json_string_value(v));
		}
	}
}

static void grids(struct rep_out *o, const struct rep_fio *f)
{
	struct rep_heat *h = nwb_zalloc(sizeof(*h));

	if (!h) {
		o->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; rep_heat_fio(f, i, h); i++)
		rep_heat_print(o, h);
	nwb_free(h);
}

void rep_section_fio(struct rep_out *o, const struct rep_fio *f)
{
	const json_t *rec = f->run[0].rec;
	const char *file = rep_str(rec, "jobfile"), *fio = rep_str(rec, "fio");
	char text[REP_TALLY];

	rep_heading(o, "fio");
	rep_fio_tally(f, text);
	rep_wrap(o, 0, 2, "%s", text);
	rep_wrap(o, 0, 2, "Job file: %s, run unchanged by %s",
		 file ? file : "not recorded",
		 fio ? fio : "a fio whose version was not recorded");
	rep_wrap(o, 0, 0,
		 "Medians over runs; n: runs with numbers. CPU/MiB: ns of "
		 "fio, client and server per MiB of the whole run. Changes "
		 "from interleaved pairs, with exact 95%% intervals.");
	troubles(o, f);
	warnings(o, f);
	for (size_t i = 0; i < f->nr; i += rep_fio_group(f, i))
		put_group(o, f, i, rep_fio_group(f, i));
	grids(o, f);
}
