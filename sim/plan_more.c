/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kinds of worlds that came later: what most of them have in common is that few
 * files on a mount ever meet it.
 *
 *	crypto	content crypto: the server has cipher text, in whole data units
 *	vector	small uploads go together (SMB: a compound of WRITEs)
 *	blobs	an object that is always written as a whole, beside the files
 *	far	positions up to 2^63: deep trees, and no sum may wrap
 *	calls	sync_file_range(2), readahead(2), a folio lock held for a while
 *	late	flushes are answered long after they were executed, and what
 *		was written and acknowledged meanwhile a crash takes away
 *	refuse	what a caller must not ask for, and a mount without memory
 *
 * A generator of its own, so that a world that is of none of these kinds is what
 * it was. The operations take the place of others.
 */
#include "sim_i.h"

const uint8_t sim_crypto_key[NWB_CRYPT_KEY] = "simulation: data, and its tweak";

#define ONE_OF(s, a) (a)[sim_draw(s, NWB_ARRAY_SIZE(a))]

static void plan_crypto(struct sim_plan *p, uint64_t *s)
{
	static const uint32_t unit[] = {512, 1024, 4096, 4096};

	if (sim_draw(s, 6) || p->opts.flavour != NWB_STRICT)
		return;
	p->opts.crypto_unit = ONE_OF(s, unit);
	p->opts.crypto_key = sim_crypto_key;
	/* whole units, as whoever wrote them left them */
	p->initial = NWB_ROUND_UP(p->initial, (uint64_t)p->opts.crypto_unit);
}

bool sim_is_stable(const struct sim_plan *p)
{
	const struct nwb_netfs_opts *o = &p->opts;

	return o->stable_writes || o->crypto_key ||
	       (o->mode == NWB_TEMP_PAGE && !o->no_copy);
}

static void plan_client(struct sim_plan *p, uint64_t *s)
{
	static const unsigned int vectored[] = {2, 3, 4, 9};

	if (!sim_draw(s, 4))
		p->opts.vectored = ONE_OF(s, vectored);
	if (!sim_draw(s, 8) && p->opts.mode == NWB_TEMP_PAGE)
		p->opts.no_copy = !p->opts.crypto_key;
}

/* The hole before is none of the local cache's, nor of the mirror's. */
static void plan_far(struct sim_plan *p, uint64_t *s)
{
	static const uint64_t base[] = {
		128 * NWB_MIB - 65536,	/* the tree grows by a level */
		8192 * NWB_MIB - 98304, /* by another one */
		(uint64_t)1 << 40,
		((uint64_t)1 << 63) - 16 * NWB_MIB,
	};

	if (sim_draw(s, 8) || p->opts.crypto_key)
		return;
	p->base = ONE_OF(s, base);
	p->has_cache = p->has_mirror = p->has_blobs = false;
	p->families &= ~(1u << SIM_MIRROR_CUT | 1u << SIM_MIRROR_CRASH);
	for (unsigned int i = 0; i < p->nr_faults; i++)
		if (p->fault[i].family == SIM_MIRROR_CUT ||
		    p->fault[i].family == SIM_MIRROR_CRASH)
			p->fault[i].family = SIM_CUT_TIMED;
}

/*
 * Two tasks at one file, so that one writes while the other waits for its flush;
 * a flusher that does not wait; and crashes, before which not all was flushed
 * once more. The late answer must not count for what was acknowledged since.
 */
static void plan_late(struct sim_plan *p, uint64_t *s)
{
	if (sim_draw(s, 8))
		return;
	p->nr_files = 1;
	p->nr_tasks = nwb_max(p->nr_tasks, 2u);
	p->opts.dirty_age_ns = NWB_MSEC;
	p->nr_faults = nwb_max(p->nr_faults, 20u);
	for (unsigned int i = 0; i < p->nr_ops; i++)
		p->op[i].task = (unsigned int)sim_draw(s, p->nr_tasks);
	for (unsigned int i = 0; i < p->nr_faults; i++) {
		bool is_flush = i < 12;

		if (i >= 20 && sim_draw(s, 2))
			continue;
		p->fault[i] = (struct sim_fault){
			.family = is_flush ? SIM_LATE_FLUSH : SIM_CRASH,
			.at = 1 + sim_draw(s, is_flush ? 12 : 60),
			.arg = is_flush ? 1 + sim_draw(s, 30 * NWB_MSEC) : 0,
		};
	}
	p->families = 0;
	for (unsigned int i = 0; i < p->nr_faults; i++)
		p->families |= 1u << p->fault[i].family;
	if (p->scatter_ns)
		p->families |= 1u << SIM_SCATTER;
}

static bool is_idle(enum sim_op_kind kind)
{
	return kind == SIM_SLEEP || kind == SIM_KICK || kind == SIM_FLUSH ||
	       kind == SIM_FAR_READ || kind == SIM_OFFLINE;
}

/* Every other one of what does little is something of these. */
static void replace(struct sim_plan *p, uint64_t *s,
		    const enum sim_op_kind *kind, unsigned int nr)
{
	for (unsigned int i = 0; i < p->nr_ops; i++)
		if (is_idle(p->op[i].kind) && sim_draw(s, 2))
			p->op[i].kind = kind[sim_draw(s, nr)];
}

void sim_plan_more(struct sim_plan *p, uint64_t seed)
{
	static const enum sim_op_kind calls[] = {SIM_SYNC_RANGE, SIM_READAHEAD,
						 SIM_LOCK_FOLIO};
	static const enum sim_op_kind blobs[] = {SIM_BLOB};
	static const enum sim_op_kind refused[] = {SIM_REFUSED};
	uint64_t s = seed;

	if (p->aim)
		return;
	s = sim_draw(&s, 0) ^ 0x9fb21c651e98df25ull;
	plan_crypto(p, &s);
	plan_client(p, &s);
	if (!sim_draw(&s, 3))
		replace(p, &s, calls, NWB_ARRAY_SIZE(calls));
	p->has_blobs = !sim_draw(&s, 8);
	if (p->has_blobs)
		replace(p, &s, blobs, 1);
	p->is_refusing = !sim_draw(&s, 16);
	if (p->is_refusing)
		replace(p, &s, refused, 1);
	plan_far(p, &s);
	plan_late(p, &s);
}
