/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a seed means.
 *
 *	seed ─┬─ "config"    server, mount
 *	      ├─ "faults"    which families, then which faults
 *	      └─ "ops"       the workload
 *
 * Three generators, so that a new knob of one does not change the others.
 * Everything is drawn here, beforehand: an operation or a fault can be left out
 * without moving the rest.
 */
#include "sim_i.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

uint64_t sim_draw(uint64_t *state, uint64_t below)
{
	uint64_t z = nwb_splitmix64(state);

	return below ? z % below : z;
}

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
};

const char *sim_family_name(enum sim_family family)
{
	return family_name[family];
}

static const char *const op_name[SIM_OP_KINDS] = {
	[SIM_WRITE] = "write",	 [SIM_READ] = "read",
	[SIM_FSYNC] = "fsync",	 [SIM_TRUNCATE] = "truncate",
	[SIM_KICK] = "kick",	 [SIM_FLUSH] = "flush",
	[SIM_REOPEN] = "reopen", [SIM_SLEEP] = "sleep",
};

const char *sim_op_name(enum sim_op_kind kind)
{
	return op_name[kind];
}

static uint64_t pick(uint64_t *s, const uint64_t *from, unsigned int nr)
{
	return from[sim_draw(s, nr)];
}

#define PICK(s, ...)                                                           \
	pick(s, (const uint64_t[]){__VA_ARGS__},                               \
	     NWB_ARRAY_SIZE(((const uint64_t[]){__VA_ARGS__})))

/* --- server and mount ----------------------------------------------------- */

static void plan_server(struct sim_plan *p, uint64_t *s)
{
	p->is_9p = sim_draw(s, 2);
	p->max_credits = (uint32_t)PICK(s, 2, 4, 8, 16, 64, 512);
	p->max_write = (uint32_t)PICK(s, 65536, 131072, 1048576);
	p->msize = (uint32_t)PICK(s, 8192, 16384, 65536);
	p->nr_workers = (unsigned int)PICK(s, 1, 2, 4, 16);
	p->latency_ns = PICK(s, 0, 1000, 50000, 2000000);
	p->buf_bytes = (size_t)PICK(s, 16384, 65536, 262144);
	p->down_ns = PICK(s, 0, 0, 5, 300, 2500) * NWB_MSEC;
	p->pending_after_ns = sim_draw(s, 2) ? NWB_MSEC : 0;
	/* a disk that gets full */
	p->disk_bytes = sim_draw(s, 12) ? 0 : PICK(s, 65536, 200000, 300000);
}

static void plan_mount(struct sim_plan *p, uint64_t *s)
{
	struct nwb_netfs_opts *o = &p->opts;

	o->mode = sim_draw(s, 2) ? NWB_TEMP_PAGE : NWB_IN_PLACE;
	o->cache_mode = NWB_CACHE_ALWAYS;
	if (!sim_draw(s, 5))
		o->cache_mode =
			sim_draw(s, 2) ? NWB_CACHE_NONE : NWB_CACHE_LOOSE;
	o->folio_bytes_max = (uint32_t)PICK(s, 4096, 8192, 16384, 65536);
	o->wsize = (uint32_t)PICK(s, 3000, 4096, 8192, 16384, 20000, 65536,
				  100000);
	o->cache_bytes = PICK(s, 262144, 524288, 1048576);
	o->temp_bytes = PICK(s, 131072, 131072, 262144, 1048576);
	o->dirty_kick_bytes = PICK(s, 0, 0, 4096, 32768, 262144);
	o->dirty_age_ns = PICK(s, 1, 5, 50, 1000) * NWB_MSEC;
	o->max_attempts = (uint32_t)PICK(s, 64, 64, 64, 3);
	o->patience_ns = PICK(s, 200, 2000, 30000) * NWB_MSEC;
	o->retry_backoff_ns = PICK(s, 10, 1000, 5000) * NWB_USEC;
	o->stable_writes = !sim_draw(s, 3);
	p->credits = (uint32_t)PICK(s, 8, 64, 512);
	p->timeout_ns = PICK(s, 1, 10) * NWB_SEC;
	p->settle_ns = PICK(s, 20, 150) * NWB_MSEC;
	o->strategy =
		(enum nwb_retry_strategy)sim_draw(s, NWB_NR_RETRY_STRATEGIES);
	o->max_subrequests = (uint32_t)PICK(s, 0, 0, 0, 16);
}

/* --- faults --------------------------------------------------------------- */

static bool is_for(const struct sim_plan *p, enum sim_family family)
{
	if (family == SIM_STARVE || family == SIM_FAMINE)
		return !p->is_9p;
	return true;
}

static uint64_t permanent_error(const struct sim_plan *p, uint64_t *s)
{
	if (p->is_9p)
		return PICK(s, 28, 5, 13); /* ENOSPC, EIO, EACCES */
	/* DISK_FULL, IO_DEVICE_ERROR, ACCESS_DENIED */
	return PICK(s, 0xc000007f, 0xc0000185, 0xc0000022);
}

static uint64_t passing_error(const struct sim_plan *p, uint64_t *s)
{
	if (p->is_9p)
		return PICK(s, 11, 4); /* EAGAIN, EINTR */
	/* INSUFFICIENT_RESOURCES, IO_TIMEOUT */
	return PICK(s, 0xc000009a, 0xc00000b5);
}

static struct sim_fault make_fault(const struct sim_plan *p,
				   enum sim_family family, uint64_t *s)
{
	struct sim_fault x = {.family = family};

	x.at = 1 + sim_draw(s, sim_draw(s, 3) ? 60 : 12);
	switch (family) {
	case SIM_CUT_FLUSH:
		x.arg = sim_draw(s, 2);
		x.at = 1 + sim_draw(s, 10);
		break;
	case SIM_CRASH_FLUSH:
		x.at = 1 + sim_draw(s, 10);
		break;
	case SIM_ERROR_FLUSH:
		x.at = 1 + sim_draw(s, 10);
		x.arg = permanent_error(p, s);
		break;
	case SIM_CUT_TIMED:
	case SIM_CRASH_TIMED:
		x.at = sim_draw(s, 60 * NWB_MSEC);
		break;
	case SIM_STARVE:
	case SIM_FAMINE:
		x.at = sim_draw(s, 40 * NWB_MSEC);
		x.arg = sim_draw(s, PICK(s, 30, 2000) * NWB_MSEC);
		break;
	case SIM_SLOW_ACK:
	case SIM_PARK:
		/* within what a 9P client settles for: nobody can fence more */
		x.arg = 1 + sim_draw(s, p->is_9p ? p->settle_ns / 2
						 : 200 * NWB_MSEC);
		break;
	case SIM_SHORT:
		x.arg = 1 + sim_draw(s, 9000);
		break;
	case SIM_ERROR:
		x.arg = permanent_error(p, s);
		break;
	case SIM_ERROR_AGAIN:
		x.arg = passing_error(p, s);
		break;
	default:
		break;
	}
	return x;
}

static void plan_faults(struct sim_plan *p, uint64_t *s)
{
	enum sim_family on[SIM_FAMILIES];
	unsigned int nr_on = 0, want;

	for (unsigned int i = 0; i < SIM_FAMILIES; i++)
		if (is_for(p, i) && !sim_draw(s, 3))
			p->families |= 1u << i;
	/* Of two sources of errors nobody could say which one was told. */
	if (p->families & (1u << SIM_ERROR) || p->disk_bytes)
		p->families &= ~(1u << SIM_ERROR_FLUSH);
	if (sim_draw(s, 2))
		p->families &= ~(1u << SIM_ERROR);
	if (p->families & (1u << SIM_SCATTER)) {
		p->scatter_ns = PICK(s, 100, 3000, 15000) * NWB_USEC;
		p->families &= ~(1u << SIM_SCATTER);
	}
	for (unsigned int i = 0; i < SIM_FAMILIES; i++)
		if (p->families & (1u << i))
			on[nr_on++] = i;
	if (p->scatter_ns)
		p->families |= 1u << SIM_SCATTER;
	want = nr_on ? 3 + (unsigned int)sim_draw(s, NWB_SIM_FAULTS - 3) : 0;
	for (unsigned int i = 0; i < want; i++)
		p->fault[p->nr_faults++] =
			make_fault(p, on[sim_draw(s, nr_on)], s);
}

/* --- workload ------------------------------------------------------------- */

static enum sim_op_kind draw_kind(uint64_t *s, uint64_t fsync_weight)
{
	uint64_t r = sim_draw(s, 100 + fsync_weight);

	if (r < 62)
		return SIM_WRITE;
	if (r < 74)
		return SIM_READ;
	if (r < 78)
		return SIM_TRUNCATE;
	if (r < 82)
		return SIM_KICK;
	if (r < 84)
		return SIM_FLUSH;
	if (r < 86)
		return SIM_REOPEN;
	if (r < 100)
		return SIM_SLEEP;
	return SIM_FSYNC;
}

/* Where the next write goes: on, back over what was there, or anywhere. */
static uint64_t draw_pos(uint64_t *s, uint64_t next, uint32_t len,
			 uint64_t style)
{
	uint64_t max = SIM_FILE_MAX - len, pos = next;

	switch (style ? sim_draw(s, 4) : 0) {
	case 1:
		pos = sim_draw(s, max);
		break;
	case 2:
		pos = sim_draw(s, 40000);
		break;
	case 3:
		pos = NWB_ROUND_DOWN(sim_draw(s, max), 4096ull);
		break;
	default:
		break;
	}
	return pos > max ? sim_draw(s, max) : pos;
}

static void plan_ops(struct sim_plan *p, uint64_t *s)
{
	uint64_t fsync_weight = PICK(s, 2, 10, 30), style = sim_draw(s, 3);
	uint64_t len_max = PICK(s, 5000, 20000, 40000, SIM_LEN_MAX);
	uint64_t next[SIM_TASKS] = {0};

	p->nr_files = 1 + (unsigned int)sim_draw(s, SIM_FILES);
	p->nr_tasks = 1 + (unsigned int)sim_draw(s, SIM_TASKS);
	p->initial = sim_draw(s, 2) ? 0 : sim_draw(s, SIM_FILE_MAX);
	p->nr_ops = 40 + (unsigned int)sim_draw(s, NWB_SIM_OPS - 40);
	for (unsigned int i = 0; i < p->nr_ops; i++) {
		struct sim_op *op = &p->op[i];

		op->task = (unsigned int)sim_draw(s, p->nr_tasks);
		op->kind = draw_kind(s, fsync_weight);
		op->len = 1 + (uint32_t)sim_draw(s, len_max);
		if (sim_draw(s, 2))
			op->len = NWB_ROUND_UP(op->len, 4096u);
		op->pos = draw_pos(s, next[op->task], op->len, style);
		op->ns = sim_draw(s, PICK(s, 100, 10000, 300000) * NWB_USEC);
		if (op->kind == SIM_WRITE)
			next[op->task] = op->pos + op->len;
		if (op->kind == SIM_TRUNCATE)
			op->pos = sim_draw(s, SIM_FILE_MAX);
	}
}

void sim_plan_make(uint64_t seed, struct sim_plan *ret_plan)
{
	uint64_t config = seed * 3 + 1, faults = seed * 3 + 2, ops = seed * 3;

	memset(ret_plan, 0, sizeof(*ret_plan));
	/* Three neighbours would be three shifted copies of one sequence. */
	config = sim_draw(&config, 0);
	faults = sim_draw(&faults, 0) ^ 0x5851f42d4c957f2dull;
	ops = sim_draw(&ops, 0) ^ 0x14057b7ef767814full;
	plan_server(ret_plan, &config);
	plan_mount(ret_plan, &config);
	plan_faults(ret_plan, &faults);
	plan_ops(ret_plan, &ops);
}

unsigned int nwb_sim_nr_ops(uint64_t seed)
{
	struct sim_plan p;

	sim_plan_make(seed, &p);
	return p.nr_ops;
}

unsigned int nwb_sim_nr_faults(uint64_t seed)
{
	struct sim_plan p;

	sim_plan_make(seed, &p);
	return p.nr_faults;
}

/* --- in words ------------------------------------------------------------- */

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

void nwb_sim_describe(const struct nwb_sim_opts *opts, char *buf, size_t size)
{
	struct text t = {.at = buf, .left = size};
	struct sim_plan p;
	const struct nwb_netfs_opts *o = &p.opts;
	uint64_t left_out = opts->cut.faults;

	buf[0] = '\0';
	sim_plan_make(opts->seed, &p);
	add(&t, "server %s, ", p.is_9p ? "9p" : "smb");
	if (p.is_9p)
		add(&t, "msize %u, settle %llu ms", p.msize,
		    (unsigned long long)(p.settle_ns / NWB_MSEC));
	else
		add(&t, "credits %u, max write %u", p.max_credits, p.max_write);
	add(&t,
	    ", latency %llu us, %u workers, down %llu ms\nclient %s, wsize %u, "
	    "folios to %u, cache %llu KiB, attempts %u, patience %llu ms%s%s\n",
	    (unsigned long long)(p.latency_ns / NWB_USEC), p.nr_workers,
	    (unsigned long long)(p.down_ns / NWB_MSEC),
	    o->mode == NWB_TEMP_PAGE ? "temp-page" : "in-place", o->wsize,
	    o->folio_bytes_max, (unsigned long long)(o->cache_bytes / 1024),
	    o->max_attempts, (unsigned long long)(o->patience_ns / NWB_MSEC),
	    o->stable_writes ? ", stable" : "",
	    o->cache_mode == NWB_CACHE_NONE    ? ", cache none"
	    : o->cache_mode == NWB_CACHE_LOOSE ? ", cache loose"
					       : "");
	add(&t, "retries: %s, %u subrequests\n",
	    o->strategy == NWB_RETRY_COMBINE	    ? "combine"
	    : o->strategy == NWB_RETRY_RESPLIT_EACH ? "resplit-each"
						    : "smaller-bits",
	    o->max_subrequests);
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
			add(&t, "op %u: task %u %s %llu+%u, %llu us\n", i,
			    p.op[i].task, op_name[p.op[i].kind],
			    (unsigned long long)p.op[i].pos,
			    nwb_max(p.op[i].len >> opts->cut.halve, 1u),
			    (unsigned long long)(p.op[i].ns / NWB_USEC));
}
