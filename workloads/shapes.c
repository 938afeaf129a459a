/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shapes, and how a shape becomes a list of stamped writes.
 *
 *	seq1m     |-----1M-----|-----1M-----|...
 *	seq4k     |4k|4k|4k|...
 *	seq1k     |1k|1k|1k|...
 *	rand4k    4k at random aligned places of the file, with repetition
 *	rewrite   the same 8 MiB in 64 KiB blocks, eight times over: each round
 *	          overwrites what the round before has just put in flight
 *	odd       odd lengths at odd places, overlapping: lanes covered in part
 */
#include "workloads_i.h"

#include "nwb/mem.h"
#include <string.h>

const struct nwb_workload_desc nwb_workloads[] = {
	{.name = "seq1m",
	 .title = "sequential 1 MiB",
	 .bytes_default = 64 * NWB_MIB,
	 .block = NWB_MIB,
	 .rounds = 1},
	{.name = "seq4k",
	 .title = "sequential 4 KiB",
	 .bytes_default = 32 * NWB_MIB,
	 .block = 4096,
	 .rounds = 1},
	{.name = "seq1k",
	 .title = "sequential 1 KiB",
	 .bytes_default = 16 * NWB_MIB,
	 .block = 1024,
	 .rounds = 1},
	{.name = "rand4k",
	 .title = "random 4 KiB",
	 .bytes_default = 16 * NWB_MIB,
	 .block = 4096,
	 .rounds = 1,
	 .is_random = true},
	{.name = "rewrite",
	 .title = "rewrite of data in flight",
	 .bytes_default = 64 * NWB_MIB,
	 .block = 64 * 1024,
	 .rounds = 8},
	{.name = "odd",
	 .title = "odd lengths, overlapping",
	 .bytes_default = 4 * NWB_MIB,
	 .block = 3000,
	 .rounds = 1,
	 .is_random = true,
	 .is_unaligned = true},
	{.name = "part",
	 .title = "the first 3000 bytes of each page, twice",
	 .bytes_default = 4 * NWB_MIB,
	 .block = 4096,
	 .rounds = 2,
	 .part = 3000},
};
const unsigned int nwb_nr_workloads = NWB_ARRAY_SIZE(nwb_workloads);

const struct nwb_workload_desc *nwb_workload_find(const char *name)
{
	for (unsigned int i = 0; i < nwb_nr_workloads; i++)
		if (!strcmp(nwb_workloads[i].name, name))
			return &nwb_workloads[i];
	return NULL;
}

static void place_op(const struct nwb_workload *w, uint64_t nth, uint64_t *rnd,
		     struct nwb_write_op *op)
{
	const struct nwb_workload_desc *d = w->opts.desc;
	uint64_t range = w->opts.bytes / d->rounds;

	op->len = d->part ? d->part : d->block;
	if (d->is_unaligned) {
		op->len = 1 + (uint32_t)(nwb_splitmix64(rnd) % (2 * d->block));
		op->off = nwb_splitmix64(rnd) % (range - op->len);
	} else if (d->is_random) {
		op->off = nwb_splitmix64(rnd) % (range / d->block) * d->block;
	} else {
		op->off = nth * d->block % range;
	}
	op->version = (uint32_t)nth + 1;
}

int nwb_workload_check(const struct nwb_workload_desc *d, uint64_t bytes,
		       struct nwb_err *err)
{
	uint64_t least = 4ull * d->block * d->rounds;

	if (!bytes || bytes >= least)
		return 0;
	return nwb_err_set(err, -EINVAL,
			   "workload %s: %llu bytes are too few, it needs at "
			   "least %llu",
			   d->name, (unsigned long long)bytes,
			   (unsigned long long)least);
}

int nwb_workload_prepare(const struct nwb_workload_opts *opts,
			 struct nwb_workload **ret_w, struct nwb_err *err)
{
	const struct nwb_workload_desc *d = opts->desc;
	uint64_t rnd = opts->seed, at = 0, nr;
	struct nwb_stamp_key key;
	struct nwb_workload *w;
	int rc = nwb_workload_check(d, opts->bytes, err);

	if (rc)
		return rc;
	w = nwb_zalloc(sizeof(*w));
	if (!w)
		goto no_memory;
	w->opts = *opts;
	if (!w->opts.bytes)
		w->opts.bytes = d->bytes_default;
	if (!w->opts.fsyncs)
		w->opts.fsyncs = 1;
	/* whole blocks in each round, so that rounds really overlap */
	nr = w->opts.bytes / d->rounds / d->block * d->rounds;
	w->nr_ops = nr;
	w->ops = nwb_zalloc(nr * sizeof(*w->ops));
	w->bytes_max = nr * d->block * (d->is_unaligned ? 2 : 1);
	w->payload = nwb_alloc_pages(NWB_ROUND_UP(w->bytes_max, 4096));
	if (!w->ops || !w->payload)
		goto no_memory;
	nwb_stamp_key_init(&key, opts->key);
	for (uint64_t i = 0; i < nr; i++) {
		struct nwb_write_op *op = &w->ops[i];

		place_op(w, i, &rnd, op);
		op->buf = w->payload + at;
		nwb_stamp_fill(&key, opts->file_id, op->version, op->off,
			       w->payload + at, op->len);
		at += op->len;
	}
	w->bytes = at;
	*ret_w = w;
	return 0;

no_memory:
	nwb_workload_free(w);
	return nwb_err_set(err, -ENOMEM,
			   "workload %s: no memory for its "
			   "payload",
			   d->name);
}

void nwb_workload_free(struct nwb_workload *w)
{
	if (!w)
		return;
	nwb_free(w->payload);
	nwb_free(w->ops);
	nwb_free(w);
}
