/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which region changed: a grid of changes. The number stands in each cell, its
 * tone says which way is better, and a cell that nobody could decide is grey
 * (in text: '?'), so that colour is never the only code.
 *
 *	comparisons	workload (and what else is in the name) x server
 *	fio		block size x writers of each subject, where there are
 *			several of both; else job x subject
 */
#ifndef NWB_REPORTS_HEAT_I_H
#define NWB_REPORTS_HEAT_I_H

#include "fio_i.h"
#include "gate_i.h"

#define REP_HEAT_ROWS 64
#define REP_HEAT_COLS 24
#define REP_HEAT_NAME 48

struct rep_heat_cell {
	bool is_set;
	bool is_clear; /* a difference or its absence is proved */
	double ratio;  /* B over A of the figure; NAN: no estimate */
	double tone;   /* ln of the ratio, above 0: better */
	double lo, hi;
	size_t n;
};

struct rep_heat {
	char title[160];
	char row[REP_HEAT_ROWS][REP_HEAT_NAME];
	char col[REP_HEAT_COLS][REP_HEAT_NAME];
	size_t nr_rows, nr_cols;
	size_t left_out; /* cells that had no room; the tables have them */
	struct rep_heat_cell cell[REP_HEAT_ROWS][REP_HEAT_COLS];
};

/** rep_heat_gate() - of the @nth metric. Return: whether there is one, with
 * @ret empty (no rows) when a grid would say no more than the table. */
bool rep_heat_gate(const struct rep_gate *g, size_t nth, struct rep_heat *ret);
/** rep_heat_fio() - the @nth grid of writes; as rep_heat_gate(). */
bool rep_heat_fio(const struct rep_fio *f, size_t nth, struct rep_heat *ret);
/** rep_heat_print() - in text, 72 columns. */
void rep_heat_print(struct rep_out *o, const struct rep_heat *h);

#endif
