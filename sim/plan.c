/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a seed means.
 *
 *	seed ─┬─ "config"    server, mount
 *	      ├─ "sides"     cache, mirror, limits, what is scarce
 *	      ├─ "faults"    which families, then which faults
 *	      ├─ "ops"       the workload
 *	      └─ plan_more.c kinds of worlds that came later
 *
 * A generator each, so that a new knob of one does not change the others.
 * Everything is drawn here, beforehand: an operation or a fault can be left out
 * without moving the rest.
 */
#include "sim_i.h"

#include <string.h>

uint64_t sim_draw(uint64_t *state, uint64_t below)
{
	uint64_t z = nwb_splitmix64(state);

	return below ? z % below : z;
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
	if (!sim_draw(s, 4))
		o->cache_mode = (enum nwb_cache_mode)PICK(
			s, NWB_CACHE_NONE, NWB_CACHE_LOOSE, NWB_CACHE_STRICT);
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

/* --- besides -------------------------------------------------------------- */

/* Folios larger than a word of the arena, and more leaves than one. */
static void plan_large(struct sim_plan *p, uint64_t *s)
{
	struct nwb_netfs_opts *o = &p->opts;

	p->file_max = SIM_FILE_MAX;
	p->len_max = SIM_LEN_MAX;
	o->folio_bytes_max = (uint32_t)PICK(s, 262144, 524288, 2097152);
	o->cache_bytes = 4ull * o->folio_bytes_max;
	o->temp_bytes = 2ull * o->folio_bytes_max;
	o->wsize = (uint32_t)PICK(s, 65536, 262144, 1000000);
	p->disk_bytes = 0;
}

static void plan_limits(struct sim_plan *p, uint64_t *s)
{
	struct nwb_netfs_opts *o = &p->opts;

	if (!sim_draw(s, 4))
		o->dirty_limit_bytes = PICK(s, 16384, 65536, 200000);
	if (!sim_draw(s, 6))
		p->domain_bytes = PICK(s, 16384, 65536, 200000);
	if (!sim_draw(s, 5)) {
		p->budget_bytes = o->cache_bytes / PICK(s, 1, 2, 4);
		p->is_legacy = sim_draw(s, 2);
		o->writeback_may_deadlock = sim_draw(s, 2);
		o->may_block_rules = sim_draw(s, 2);
	}
	o->no_data_integrity = !sim_draw(s, 4);
	/* pools that run dry, and a heap that does not always help */
	if (!sim_draw(s, 3)) {
		o->reserve_percent = (uint32_t)PICK(s, 1, 5, 30);
		p->refuse_every = PICK(s, 0, 3, 5, 7);
	}
}

static void plan_sides(struct sim_plan *p, uint64_t *s)
{
	p->file_max = 512ull * 1024;
	p->len_max = 96u * 1024;
	if (!sim_draw(s, 24))
		plan_large(p, s);
	p->has_cache = !sim_draw(s, 4);
	p->cache_max = PICK(s, 0, 0, 65536, 300000);
	p->short_percent = (unsigned int)PICK(s, 0, 0, 5, 40);
	p->has_mirror = !sim_draw(s, 6);
	p->is_mirror_9p = sim_draw(s, 2);
	p->has_identity = !p->is_9p && !sim_draw(s, 4);
	if (!sim_draw(s, 4))
		p->trace_events = (unsigned int)PICK(s, 64, 1024);
	plan_limits(p, s);
	if (!sim_draw(s, 5))
		p->opts.max_subrequests = (uint32_t)PICK(s, 2, 4, 6);
}

/* --- faults --------------------------------------------------------------- */

static bool is_for(const struct sim_plan *p, enum sim_family family)
{
	if (family == SIM_STARVE || family == SIM_FAMINE)
		return !p->is_9p;
	if (family == SIM_MIRROR_CUT || family == SIM_MIRROR_CRASH)
		return p->has_mirror;
	/* aims.c and plan_more.c only */
	if (family == SIM_CUT_READY || family == SIM_LATE_FLUSH)
		return false;
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
	case SIM_MIRROR_CUT:
	case SIM_MIRROR_CRASH:
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
	case SIM_ZERO:
		x.arg = PICK(s, 1, 2, 100); /* so often */
		break;
	case SIM_NO_REQUEST:
		x.arg = PICK(s, 1, 5); /* EPERM, EIO */
		x.at = 1 + sim_draw(s, 30);
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
	/* What ends an upload for good leaves little to be seen behind it. */
	if (sim_draw(s, 2))
		p->families &= ~(1u << SIM_ERROR);
	if (sim_draw(s, 4))
		p->families &= ~(1u << SIM_ZERO);
	if (sim_draw(s, 4))
		p->families &= ~(1u << SIM_NO_REQUEST);
	/* Of two sources of errors nobody could say which one was told. */
	if (p->disk_bytes || p->families & (1u << SIM_ERROR | 1u << SIM_ZERO |
					    1u << SIM_NO_REQUEST))
		p->families &= ~(1u << SIM_ERROR_FLUSH);
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

static enum sim_op_kind draw_vm_kind(const struct sim_plan *p, uint64_t *s)
{
	switch (sim_draw(s, 8)) {
	case 0:
		return SIM_SYNC;
	case 1:
		return SIM_MIGRATE;
	case 2:
		return SIM_OFFLINE;
	case 3:
		return p->budget_bytes ? SIM_HOG : SIM_WRITEPAGES;
	case 4:
	case 5:
		if (p->opts.cache_mode < NWB_CACHE_STRICT)
			return SIM_WRITEPAGES;
		return sim_draw(s, 2) ? SIM_GRANT : SIM_BREAK;
	case 6:
		return SIM_FAR_READ;
	default:
		return SIM_WRITEPAGES;
	}
}

static enum sim_op_kind draw_kind(const struct sim_plan *p, uint64_t *s,
				  uint64_t fsync_weight)
{
	uint64_t r = sim_draw(s, 100 + fsync_weight);

	if (r < 58)
		return SIM_WRITE;
	if (r < 70)
		return SIM_READ;
	if (r < 74)
		return SIM_TRUNCATE;
	if (r < 77)
		return SIM_KICK;
	if (r < 79)
		return SIM_FLUSH;
	if (r < 81)
		return SIM_REOPEN;
	if (r < 90)
		return draw_vm_kind(p, s);
	if (r < 100)
		return SIM_SLEEP;
	return SIM_FSYNC;
}

/* How a world's files are written to, besides plainly: bits. */
#define STYLE_SYNC   1u
#define STYLE_DIRECT 2u
#define STYLE_APPEND 4u
#define STYLE_GROUPS 8u

static void draw_flags(struct sim_op *op, uint64_t *s, uint64_t style)
{
	uint64_t r = sim_draw(s, 8);

	op->arg = style & STYLE_GROUPS ? (uint32_t)sim_draw(s, 3) : 0;
	if (r == 0 && style & STYLE_SYNC)
		op->flags |= sim_draw(s, 2) ? NWB_F_SYNC : NWB_F_DSYNC;
	/* not both: nobody could say which error it is that it returns */
	if (r <= 1 && style & STYLE_DIRECT)
		op->flags = NWB_F_DIRECT | (sim_draw(s, 3) ? 0 : SIM_F_ASYNC);
	if (r >= 6 && style & STYLE_APPEND)
		op->flags |= NWB_F_APPEND;
}

/* Where the next write goes: on, back over what was there, or anywhere. */
static uint64_t draw_pos(const struct sim_plan *p, uint64_t *s, uint64_t next,
			 uint32_t len, uint64_t style)
{
	uint64_t max = p->file_max - len, pos = next;

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
	uint64_t len_max = PICK(s, 5000, 20000, 40000, p->len_max);
	uint64_t next[SIM_TASKS] = {0};
	uint64_t ways = sim_draw(s, 2) ? sim_draw(s, 16) : 0;
	bool is_large = p->file_max == SIM_FILE_MAX;

	p->nr_files = 1 + (unsigned int)sim_draw(s, SIM_FILES);
	p->nr_tasks = 1 + (unsigned int)sim_draw(s, SIM_TASKS);
	p->initial = sim_draw(s, 2) ? 0 : sim_draw(s, p->file_max);
	p->nr_ops = 40 + (unsigned int)sim_draw(s, NWB_SIM_OPS - 40);
	if (is_large) {
		len_max = p->len_max;
		p->nr_ops = 40;
	}
	for (unsigned int i = 0; i < p->nr_ops; i++) {
		struct sim_op *op = &p->op[i];

		op->task = (unsigned int)sim_draw(s, p->nr_tasks);
		op->kind = draw_kind(p, s, fsync_weight);
		op->len = 1 + (uint32_t)sim_draw(s, len_max);
		if (sim_draw(s, 2))
			op->len = NWB_ROUND_UP(op->len, 4096u);
		op->pos = draw_pos(p, s, next[op->task], op->len, style);
		op->ns = sim_draw(s, PICK(s, 100, 10000, 300000) * NWB_USEC);
		op->arg = (uint32_t)sim_draw(s, 0);
		if (op->kind == SIM_WRITE) {
			next[op->task] = op->pos + op->len;
			draw_flags(op, s, ways);
		}
		if (op->kind == SIM_TRUNCATE)
			op->pos = sim_draw(s, p->file_max);
	}
}

/* In every third world the file is mapped, too: of the workload some reads become
 * stores and loads, and some of what a kernel does besides invalidations. */
static void plan_mapped(struct sim_plan *p, uint64_t *s)
{
	static const enum sim_op_kind instead[] = {SIM_STORE, SIM_STORE,
						   SIM_LOAD, SIM_READ};

	if (sim_draw(s, 3) || p->opts.cache_mode == NWB_CACHE_NONE)
		return;
	for (unsigned int i = 0; i < p->nr_ops; i++) {
		struct sim_op *op = &p->op[i];
		uint64_t r = sim_draw(s, 4);

		if (op->kind == SIM_READ)
			op->kind = instead[r];
		else if (op->kind == SIM_WRITE && r == 3 && !op->flags)
			op->kind = SIM_STORE;
		else if ((op->kind == SIM_SYNC || op->kind == SIM_MIGRATE ||
			  op->kind == SIM_KICK) &&
			 r)
			op->kind = r == 3 ? SIM_LAUNDER : SIM_INVALIDATE;
	}
}

/*
 * Linux' flavours retry in one way. What they wrote directly is the
 * application's own to flush (H17), so no promise is left of it once a server
 * may forget.
 */
static void plan_flavour(struct sim_plan *p, const struct nwb_sim_opts *so)
{
	uint64_t aims = so->seed;
	uint32_t crashes =
		1u << SIM_CRASH | 1u << SIM_CRASH_FLUSH | 1u << SIM_CRASH_TIMED;

	p->opts.flavour = so->flavour;
	p->opts.no_hazards = so->no_hazards;
	if (so->flavour == NWB_STRICT)
		return;
	p->opts.strategy = NWB_RETRY_COMBINE;
	aims = sim_draw(&aims, 0) ^ 0x9e3779b97f4a7c15ull;
	sim_plan_aim(p, so->flavour, &aims);
	for (unsigned int i = 0; i < p->nr_ops; i++)
		if (p->op[i].kind == SIM_WRITE && p->families & crashes)
			p->op[i].flags &= ~(NWB_F_DIRECT | SIM_F_ASYNC);
}

void sim_plan_make(const struct nwb_sim_opts *so, struct sim_plan *ret_plan)
{
	uint64_t seed = so->seed;
	uint64_t config = seed * 3 + 1, faults = seed * 3 + 2, ops = seed * 3;
	uint64_t sides = seed, mapped = seed;

	memset(ret_plan, 0, sizeof(*ret_plan));
	/* Three neighbours would be three shifted copies of one sequence. */
	config = sim_draw(&config, 0);
	faults = sim_draw(&faults, 0) ^ 0x5851f42d4c957f2dull;
	ops = sim_draw(&ops, 0) ^ 0x14057b7ef767814full;
	sides = sim_draw(&sides, 0) ^ 0xd1342543de82ef95ull;
	plan_server(ret_plan, &config);
	plan_mount(ret_plan, &config);
	plan_sides(ret_plan, &sides);
	plan_faults(ret_plan, &faults);
	mapped = sim_draw(&mapped, 0) ^ 0x2545f4914f6cdd1dull;
	plan_ops(ret_plan, &ops);
	plan_mapped(ret_plan, &mapped);
	plan_flavour(ret_plan, so);
	sim_plan_more(ret_plan, seed);
}

unsigned int nwb_sim_nr_ops(uint64_t seed)
{
	struct nwb_sim_opts so = {.seed = seed};
	struct sim_plan p;

	sim_plan_make(&so, &p);
	return p.nr_ops;
}

unsigned int nwb_sim_nr_faults(uint64_t seed)
{
	struct nwb_sim_opts so = {.seed = seed};
	struct sim_plan p;

	sim_plan_make(&so, &p);
	return p.nr_faults;
}
