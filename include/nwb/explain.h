/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of a byte: everything in a ledger that concerns it, in order.
 *
 *	      ms  what
 *	   1.204  write     fd 1 v2, 4194304+1048576
 *	   1.377  sent      attempt 1, 4194304+1048576
 *	   1.612  request   WRITE mid 70 conn 39636, 4194304+1048576
 *	   1.655  FAULT     rule 1, hit 1: WRITE mid 70 conn 39636
 *	   1.660  applied   v2, 4194304+1048576, mid 70 :39636
 *	  ...
 *
 * It tells, it does not judge: that is nwb_judge(). Every byte of the ledger
 * may be hostile. Pure but for memory; any thread.
 */
#ifndef NWB_EXPLAIN_H
#define NWB_EXPLAIN_H

#include "nwb/err.h"
#include "nwb/ledger.h"

#define NWB_EXPLAIN_COLUMNS 72

/** nwb_explain_file() - number of the file @name in the ledger's table.
 * Return: > 0; -ENOENT: @err lists the files that are there. */
int nwb_explain_file(const struct nwb_ledger *l, const char *name,
		     struct nwb_err *err) nwb_must_check;

/**
 * nwb_explain() - tell the life of the byte at @off of @file.
 * @file: as nwb_explain_file() says
 * @off: byte offset
 * @put: gets a line of at most NWB_EXPLAIN_COLUMNS bytes, without newline; the
 *	last one is the summary
 *
 * Return: 0; -ERANGE: nothing was ever written so far out, @err says where the
 * file ends; -ENOMEM.
 */
int nwb_explain(const struct nwb_ledger *l, uint16_t file, uint64_t off,
		void (*put)(void *arg, const char *line), void *arg,
		struct nwb_err *err) nwb_must_check;

#endif
