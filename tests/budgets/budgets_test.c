/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exact counts of the simulated cells against bench/budgets/simulated.txt. A
 * change of a budget is a reviewed diff.
 *
 * Usage: budgets_test [OPTIONS] FILE	compare
 *	  budgets_test --print		print the lines of FILE
 *
 * --only=CELL	this cell and its budgets alone
 * --plant=WHAT	compare with a deliberate regression: rpc or alloc
 */
#include "budget.h"
#include "cells.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct options {
	bool is_print;
	enum plant plant;
	const char *only;
	const char *file;
};

static void print_count(struct budgets *unused nwb_unused, const char *name,
			uint64_t value)
{
	printf("%-48s %10" PRIu64 " better=exact\n", name, value);
}

static void
each_count(struct budgets *bs, const struct cell *c, const uint64_t *counts,
	   void (*fn)(struct budgets *bs, const char *name, uint64_t value))
{
	for (int i = 0; i < NR_COUNTS; i++) {
		char name[BUDGET_NAME_MAX];

		/* A raw subject has nothing to send again. */
		if (counts[i] == UINT64_MAX)
			continue;
		snprintf(name, sizeof(name), "%s/%s", c->name, count_names[i]);
		fn(bs, name, counts[i]);
	}
}

static int parse(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (!strcmp(a, "--print"))
			o->is_print = true;
		else if (!strcmp(a, "--plant=rpc"))
			o->plant = PLANT_RPC;
		else if (!strcmp(a, "--plant=alloc"))
			o->plant = PLANT_ALLOC;
		else if (!strncmp(a, "--only=", 7))
			o->only = a + 7;
		else if (a[0] == '-' || o->file)
			return -1;
		else
			o->file = a;
	}
	return o->is_print == !o->file ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct options o = {0};
	static struct budgets bs;

	if (parse(argc, argv, &o)) {
		fprintf(stderr, "usage: budgets_test [--only=CELL] "
				"[--plant=rpc|alloc] FILE | --print\n");
		return 3;
	}
	if (o.file && budgets_load(&bs, o.file, o.only))
		return 3;
	for (unsigned int i = 0; i < nr_cells; i++) {
		uint64_t counts[NR_COUNTS];

		if (o.only && strcmp(o.only, cells[i].name) != 0)
			continue;
		if (!count_cell(&cells[i], o.plant, counts))
			each_count(&bs, &cells[i], counts,
				   o.is_print ? print_count : budgets_check);
		else if (o.is_print)
			return 3;
		else
			bs.failed++;
	}
	return o.is_print ? 0 : budgets_end(&bs);
}
