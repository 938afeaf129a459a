/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Worlds in which one hazard of a flavour can do its damage.
 *
 * What the swarm draws meets most hazards by chance, some hardly ever, and many
 * where nobody looks: an fsync right behind it tells of the error after all.
 * Every second world of a flavour is therefore bent towards one of them: the
 * server and the options that it needs, faults of that kind only, and a workload
 * that does not look too early. All else stays as it was drawn, and what is
 * checked is what is always checked.
 */
#include "sim_i.h"

static void clear_faults(struct sim_plan *p)
{
	p->families = 0;
	p->nr_faults = 0;
	p->scatter_ns = 0;
	p->disk_bytes = 0;
}

static void add_fault(struct sim_plan *p, enum sim_family family, uint64_t at,
		      uint64_t arg)
{
	if (p->nr_faults == NWB_SIM_FAULTS)
		return;
	p->families |= 1u << family;
	p->fault[p->nr_faults++] =
		(struct sim_fault){.family = family, .at = at, .arg = arg};
}

/* @nr of @family, at the first @within WRITEs, requests or ns. */
static void add_faults(struct sim_plan *p, uint64_t *s, enum sim_family family,
		       unsigned int nr, uint64_t within, uint64_t arg)
{
	while (nr--)
		add_fault(p, family, 1 + sim_draw(s, within), arg);
}

/* No promise, and no error told, before the end of the world. */
static void no_promises(struct sim_plan *p)
{
	for (unsigned int i = 0; i < p->nr_ops; i++) {
		struct sim_op *op = &p->op[i];

		switch (op->kind) {
		case SIM_FSYNC:
		case SIM_FLUSH:
		case SIM_REOPEN:
		case SIM_TRUNCATE:
		case SIM_SYNC:
		case SIM_INVALIDATE:
		case SIM_LAUNDER:
		case SIM_GRANT:
		case SIM_BREAK:
			op->kind = SIM_SLEEP;
			break;
		default:
			break;
		}
		op->flags = 0;
	}
}

/* The flusher writes, not who waits for it. */
static void no_waiting(struct sim_plan *p)
{
	no_promises(p);
	p->opts.dirty_age_ns = NWB_MSEC;
	for (unsigned int i = 0; i < p->nr_ops; i++)
		if (p->op[i].kind == SIM_WRITEPAGES)
			p->op[i].kind = SIM_KICK;
}

static void use_large(struct sim_plan *p)
{
	p->file_max = SIM_FILE_MAX;
	p->len_max = SIM_LEN_MAX;
	p->opts.folio_bytes_max = 262144;
	p->opts.cache_bytes = 2 * NWB_MIB;
	p->opts.temp_bytes = 2 * NWB_MIB;
}

/* --- one each ------------------------------------------------------------- */

/* The server is away longer than anybody waits, and comes back. */
static void away(struct sim_plan *p, uint64_t *s)
{
	clear_faults(p);
	p->opts.patience_ns = 200 * NWB_MSEC;
	p->down_ns = 2500 * NWB_MSEC;
	add_faults(p, s, SIM_CRASH_TIMED, 2, 30 * NWB_MSEC, 0);
	no_waiting(p);
}

/* The same with what is in flight, and nothing is begun until it is back. */
static void aim_h1(struct sim_plan *p, uint64_t *s)
{
	p->is_9p = false;
	away(p, s);
	p->nr_faults = 0;
	add_faults(p, s, SIM_CRASH, 3, 30, 0);
	p->nr_tasks = 1;
	for (unsigned int i = 0; i < p->nr_ops; i++) {
		p->op[i].task = 0;
		if (p->op[i].kind != SIM_WRITE) {
			p->op[i].kind = SIM_SLEEP;
			p->op[i].ns = 4 * NWB_SEC;
		}
	}
}

static void aim_h2(struct sim_plan *p, uint64_t *s)
{
	clear_faults(p);
	p->is_9p = false;
	add_faults(p, s, SIM_CUT_READY, 6, 30, 0);
}

static void aim_h3(struct sim_plan *p, uint64_t *s)
{
	clear_faults(p);
	p->is_9p = true;
	for (unsigned int i = 0; i < 6; i++) {
		uint64_t at = 1 + sim_draw(s, 30);

		/* some of it, and an error for the rest */
		add_fault(p, SIM_SHORT, at, 1 + sim_draw(s, 3000));
		add_fault(p, SIM_ERROR_AGAIN, at + 1, 11);
	}
}

static void aim_h5(struct sim_plan *p, uint64_t *s)
{
	clear_faults(p);
	p->is_9p = true;
	add_faults(p, s, SIM_ZERO, 2, 20, 100);
}

static void aim_h6(struct sim_plan *p, uint64_t *s)
{
	clear_faults(p);
	add_faults(p, s, SIM_ERROR, 4, 20, p->is_9p ? 28 : 0xc000007f);
	for (unsigned int i = 0; i < p->nr_ops; i++)
		if (p->op[i].kind == SIM_WRITE && sim_draw(s, 2))
			p->op[i].flags = NWB_F_DIRECT;
}

static void aim_h7(struct sim_plan *p, uint64_t *s)
{
	clear_faults(p);
	p->opts.mode = NWB_TEMP_PAGE;
	add_faults(p, s, SIM_SHORT, 6, 30, 1 + sim_draw(s, 3000));
}

/* A cache whose disk writes short, and nothing else that would end it. */
static void aim_h8(struct sim_plan *p, uint64_t *s)
{
	clear_faults(p);
	p->has_cache = true;
	p->cache_max = 0;
	p->short_percent = 40;
	p->has_mirror = false;
	p->opts.cache_mode = NWB_CACHE_ALWAYS;
	p->opts.folio_bytes_max = 65536;
	no_promises(p);
	(void)s;
}

static void aim_h9(struct sim_plan *p, uint64_t *s)
{
	uint64_t at = 1 + sim_draw(s, 10);

	clear_faults(p);
	p->opts.max_attempts = 3;
	for (unsigned int i = 0; i < 20; i++)
		add_fault(p, SIM_ERROR_AGAIN, at + i,
			  p->is_9p ? 11 : 0xc000009a);
}

static void aim_h10(struct sim_plan *p, uint64_t *s)
{
	clear_faults(p);
	p->has_cache = true;
	p->cache_max = 0;
	add_faults(p, s, SIM_CUT_BEFORE, 6, 40, 0);
}

static void aim_h11(struct sim_plan *p, uint64_t *s)
{
	clear_faults(p);
	p->is_9p = false;
	p->opts.patience_ns = 200 * NWB_MSEC;
	add_faults(p, s, SIM_STARVE, 3, 20 * NWB_MSEC, 30 * NWB_SEC);
}

static void aim_h12(struct sim_plan *p, uint64_t *s)
{
	clear_faults(p);
	p->has_cache = true;
	p->cache_max = 0;
	add_faults(p, s, SIM_ERROR, 3, 30, p->is_9p ? 28 : 0xc000007f);
}

/*
 * As many credits as the largest writes need, and what is kept for a reopen. When
 * they are sent again somebody else has one of them, so more and smaller pieces
 * are needed than there are.
 */
static void aim_h13(struct sim_plan *p, uint64_t *s)
{
	unsigned int nr = 2 + (unsigned int)sim_draw(s, 3);

	clear_faults(p);
	use_large(p);
	p->is_9p = false;
	p->opts.wsize = 4 * 65536;
	p->max_write = NWB_MIB;
	p->max_credits = p->credits = 8 + 4 * nr;
	p->latency_ns = 50 * NWB_USEC;
	p->opts.max_subrequests = nr;
	p->opts.dirty_kick_bytes = 0;
	p->opts.mode = NWB_IN_PLACE;
	p->opts.dirty_limit_bytes = p->domain_bytes = p->budget_bytes = 0;
	p->opts.reserve_percent = 0;
	p->refuse_every = 0;
	p->nr_files = 2;
	p->nr_tasks = 2;
	p->initial = p->file_max;
	p->nr_ops = nwb_min(p->nr_ops, 80u);
	for (unsigned int i = 0; i < p->nr_ops; i++) {
		struct sim_op *op = &p->op[i];

		op->task = i % 2;
		op->flags = 0;
		op->kind = op->task ? sim_draw(s, 2) ? SIM_READ : SIM_INVALIDATE
			   : sim_draw(s, 4) ? SIM_WRITE
					    : SIM_FSYNC;
		op->len = p->len_max;
		op->pos = p->len_max * sim_draw(s, 2);
	}
	p->scatter_ns = 3 * NWB_MSEC;
	p->families |= 1u << SIM_SCATTER;
	add_faults(p, s, SIM_CUT_BEFORE, 30, 200, 0);
}

static void aim_h14(struct sim_plan *p, uint64_t *s)
{
	clear_faults(p);
	add_faults(p, s, SIM_NO_REQUEST, 4, 12, 5);
	no_waiting(p);
}

/*
 * Stores to the page in which an O_SYNC write ends, by two tasks: what the first
 * one stored is written before the copying, and the second waits for that as the
 * writer does. The write has a group of its own, so it cannot take over what is
 * dirty.
 */
static void aim_h15(struct sim_plan *p, uint64_t *s)
{
	clear_faults(p);
	p->nr_files = 1;
	p->nr_tasks = 3;
	p->initial = p->file_max / 2;
	p->opts.cache_mode = NWB_CACHE_ALWAYS;
	p->has_stores_beside = true;
	for (unsigned int i = 0; i < p->nr_ops; i++) {
		struct sim_op *op = &p->op[i];

		op->task = (unsigned int)sim_draw(s, p->nr_tasks);
		op->kind = op->task ? SIM_STORE : SIM_WRITE;
		op->pos = sim_draw(s, 40000);
		op->len = 1 + op->len % 6000;
		op->flags = op->task ? 0 : NWB_F_SYNC;
		op->arg = op->task ? 2 : 1;
	}
}

static void aim_h17(struct sim_plan *p, uint64_t *s)
{
	clear_faults(p);
	add_faults(p, s, SIM_CRASH_TIMED, 2, 30 * NWB_MSEC, 0);
	add_faults(p, s, SIM_CRASH, 2, 30, 0);
}

/* H16 is not here: sessions with the fakes have no key, so nothing is signed. */
static void (*const aims[NWB_NR_HAZARDS])(struct sim_plan *p, uint64_t *s) = {
	[NWB_H1] = aim_h1,   [NWB_H2] = aim_h2,	  [NWB_H3] = aim_h3,
	[NWB_H4] = away,     [NWB_H5] = aim_h5,	  [NWB_H6] = aim_h6,
	[NWB_H7] = aim_h7,   [NWB_H8] = aim_h8,	  [NWB_H9] = aim_h9,
	[NWB_H10] = aim_h10, [NWB_H11] = aim_h11, [NWB_H12] = aim_h12,
	[NWB_H13] = aim_h13, [NWB_H14] = aim_h14, [NWB_H15] = aim_h15,
	[NWB_H17] = aim_h17,
};

bool nwb_sim_can_meet(enum nwb_hazard h)
{
	return h < NWB_NR_HAZARDS && aims[h];
}

void sim_plan_aim(struct sim_plan *p, enum nwb_flavour flavour, uint64_t *s)
{
	uint32_t has = nwb_flavour_hazards(flavour, "", true);
	enum nwb_hazard own[NWB_NR_HAZARDS];
	unsigned int nr = 0;

	for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS; h++)
		if (has & NWB_HAZARD_BIT(h) && aims[h])
			own[nr++] = h;
	if (!nr || sim_draw(s, 2))
		return;
	p->aim = own[sim_draw(s, nr)];
	/* a second identity is for SMB only, and would help out */
	p->has_identity = false;
	aims[p->aim](p, s);
}
