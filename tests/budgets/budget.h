/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A budget file: reviewed text, one budget a line,
 *
 *	NAME VALUE better=exact		VALUE and no other
 *	NAME VALUE better=ir		instructions: VALUE +- 0.5 %
 *	# comment			kept by an update
 *	@compiler TEXT			better=ir counts for this one only
 *
 * The measuring program must name each budget once, and only budgets.
 */
#ifndef NWB_BUDGET_H
#define NWB_BUDGET_H

#include "nwb/util.h"

#define BUDGETS_MAX	1024
#define BUDGET_NAME_MAX 64
#define BUDGET_IR_SHARE 0.005

struct budget {
	char name[BUDGET_NAME_MAX];
	uint64_t value;
	bool is_ir;
	bool is_seen; /* it was measured */
};

struct budgets {
	const char *path;
	struct budget b[BUDGETS_MAX];
	unsigned int nr;
	char compiler[128]; /* "" without a line */
	unsigned int passed, failed;
};

/* Read @path; with @only, keep the budgets "ONLY/..." alone. 0, or -EINVAL,
 * -EIO after one message path:line: why. */
int budgets_load(struct budgets *bs, const char *path, const char *only);
/* One value was measured; a difference is said on stderr, both values. */
void budgets_check(struct budgets *bs, const char *name, uint64_t value);
/* Budgets that nobody measured fail too. Prints the closing line. Exit code. */
int budgets_end(struct budgets *bs);
/* "gcc 12.2.0 -O2": what instructions depend on, of this program. */
const char *budget_compiler(void);

#endif
