/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan in words. */
#include "sim_i.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const family_name[SIM_FAMILIES] = {
	[SIM_CUT_BEFORE] = "cut-before",
	[SIM_CUT_AFTER] = "cut-after",
	[SIM_CUT_FLUSH] = "cut-flush",
	[SIM_CUT_TIMED] = "cut-timed",
	[SIM_CRASH] = "crash",
	[SIM_CRASH_FLUSH] = "crash-flush",
	[SIM_CRASH_TIMED] = "crash-timed",
	[SIM_SLOW_ACK] = "slow-ack",
	[SIM_PARK] = "park",
	[SIM_SHORT] = "short",
	[SIM_ERROR] = "error",
	[SIM_ERROR_AGAIN] = "error-again",
	[SIM_ERROR_FLUSH] = "error-flush",
	[SIM_STARVE] = "starve",
	[SIM_FAMINE] = "famine",
	[SIM_SCATTER] = "scatter",
	[SIM_ZERO] = "zero",
	[SIM_NO_REQUEST] = "no-request",
	[SIM_MIRROR_CUT] = "mirror-cut",
	[SIM_MIRROR_CRASH] = "mirror-crash",
	[SIM_CUT_READY] = "cut-ready",
	[SIM_LATE_FLUSH] = "late-flush",
};

static const char *const op_name[SIM_OP_KINDS] = {
	[SIM_WRITE] = "write",
	[SIM_READ] = "read",
	[SIM_FSYNC] = "fsync",
	[SIM_TRUNCATE] = "truncate",
	[SIM_KICK] = "kick",
	[SIM_FLUSH] = "flush",
	[SIM_REOPEN] = "reopen",
	[SIM_SLEEP] = "sleep",
	[SIM_WRITEPAGES] = "writepages",
	[SIM_SYNC] = "sync",
	[SIM_MIGRATE] = "migrate",
	[SIM_OFFLINE] = "offline",
	[SIM_HOG] = "hog",
	[SIM_GRANT] = "grant",
	[SIM_BREAK] = "break",
	[SIM_FAR_READ] = "far-read",
	[SIM_STORE] = "store",
	[SIM_LOAD] = "load",
	[SIM_INVALIDATE] = "invalidate",
	[SIM_LAUNDER] = "launder",
	[SIM_SYNC_RANGE] = "sync-range",
	[SIM_READAHEAD] = "readahead",
	[SIM_LOCK_FOLIO] = "lock-folio",
	[SIM_BLOB] = "blob",
	[SIM_REFUSED] = "refused",
};

struct text {
	char *at;
	size_t left;
};

static void nwb_printf(2, 3) add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->left, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->left)
		n = t->left ? (int)t->left - 1 : 0;
	t->at += n;
	t->left -= (size_t)n;
}

static bool is_left_out(const uint64_t *bits, unsigned int i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static void add_client(struct text *t, const struct sim_plan *p)
{
	const struct nwb_netfs_opts *o = &p->opts;
	static const char *const cache_mode[] = {"always", "none", "strict",
						 "loose"};

	add(t,
	    "client %s, %s, wsize %u, folios to %u, cache %llu KiB (%s), "
	    "attempts %u, patience %llu ms%s\n",
	    nwb_flavour_name(o->flavour),
	    o->mode == NWB_TEMP_PAGE ? "temp-page" : "in-place", o->wsize,
	    o->folio_bytes_max, (unsigned long long)(o->cache_bytes / 1024),
	    cache_mode[o->cache_mode], o->max_attempts,
	    (unsigned long long)(o->patience_ns / NWB_MSEC),
	    o->stable_writes ? ", stable" : "");
	add(t, "retries: %s, %u subrequests, vectored %u%s, data units of %u\n",
	    nwb_retry_strategy_name(o->strategy), o->max_subrequests,
	    o->vectored, o->no_copy ? ", no copy" : "", o->crypto_unit);
	add(t,
	    "besides:%s (%u %% short)%s%s%s, dirty limit %llu, domain %llu, "
	    "budget %llu%s, "
	    "reserve %u %%, every %llu. refused\n",
	    p->has_cache ? " cache" : "", p->short_percent,
	    p->has_mirror ? " mirror" : "", p->has_identity ? " identity" : "",
	    p->trace_events ? " trace" : "",
	    (unsigned long long)o->dirty_limit_bytes,
	    (unsigned long long)p->domain_bytes,
	    (unsigned long long)p->budget_bytes, p->is_legacy ? " legacy" : "",
	    o->reserve_percent, (unsigned long long)p->refuse_every);
}

static void add_op(struct text *t, const struct sim_op *op, unsigned int i,
		   unsigned int halve)
{
	add(t, "op %u: task %u %s %llu+%u, %llu us", i, op->task,
	    op_name[op->kind], (unsigned long long)op->pos,
	    nwb_max(op->len >> halve, 1u),
	    (unsigned long long)(op->ns / NWB_USEC));
	if (op->kind == SIM_WRITE && (op->flags || op->arg))
		add(t, "%s%s%s%s, group %u",
		    op->flags & (NWB_F_SYNC | NWB_F_DSYNC) ? ", sync" : "",
		    op->flags & NWB_F_DIRECT ? ", direct" : "",
		    op->flags & SIM_F_ASYNC ? ", async" : "",
		    op->flags & NWB_F_APPEND ? ", append" : "", op->arg);
	add(t, "\n");
}

void nwb_sim_describe(const struct nwb_sim_opts *opts, char *buf, size_t size)
{
	struct text t = {.at = buf, .left = size};
	uint64_t left_out = opts->cut.faults;
	struct sim_plan p;

	buf[0] = '\0';
	sim_plan_make(opts, &p);
	if (p.aim)
		add(&t, "bent towards h%u: %s\n", p.aim,
		    nwb_hazard_text(p.aim));
	add(&t, "server %s, ", p.is_9p ? "9p" : "smb");
	if (p.is_9p)
		add(&t, "msize %u, settle %llu ms", p.msize,
		    (unsigned long long)(p.settle_ns / NWB_MSEC));
	else
		add(&t, "credits %u, max write %u", p.max_credits, p.max_write);
	add(&t, ", latency %llu us, %u workers, down %llu ms\n",
	    (unsigned long long)(p.latency_ns / NWB_USEC), p.nr_workers,
	    (unsigned long long)(p.down_ns / NWB_MSEC));
	add_client(&t, &p);
	for (unsigned int i = 0; i < p.nr_faults; i++)
		if (!is_left_out(&left_out, i))
			add(&t, "fault %u: %s at %llu (%llu)\n", i,
			    family_name[p.fault[i].family],
			    (unsigned long long)p.fault[i].at,
			    (unsigned long long)p.fault[i].arg);
	if (p.scatter_ns)
		add(&t, "scatter %llu us\n",
		    (unsigned long long)(p.scatter_ns / NWB_USEC));
	add(&t, "%u tasks, %u files, %llu bytes at first\n", p.nr_tasks,
	    p.nr_files, (unsigned long long)p.initial);
	for (unsigned int i = 0; i < p.nr_ops; i++)
		if (!is_left_out(opts->cut.ops, i))
			add_op(&t, &p.op[i], i, opts->cut.halve);
}
