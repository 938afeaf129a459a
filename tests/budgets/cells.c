/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cells.h"

#include "nwb/mem.h"

#include <stdio.h>

#define S(subject, shape, mib)                                                 \
	.kind = NWB_SUBJ_##subject, .workload = shape, .bytes = (mib)*NWB_MIB
#define P(subject, shape, mib) .is_9p = true, S(subject, shape, mib)

const struct cell cells[] = {
	{"smb.in-place.seq1m.none", S(IN_PLACE, "seq1m", 64)},
	{"smb.in-place.seq4k.none", S(IN_PLACE, "seq4k", 8)},
	{"smb.temp-page.seq4k.none", S(TEMP_PAGE, "seq4k", 8)},
	{"smb.in-place.rand4k.none", S(IN_PLACE, "rand4k", 4)},
	{"smb.in-place.rewrite.none", S(IN_PLACE, "rewrite", 8)},
	{"smb.in-place.odd.none", S(IN_PLACE, "odd", 2)},
	{"smb.in-place.seq1m.fsync8", S(IN_PLACE, "seq1m", 16), .fsyncs = 8},
	{"smb.in-place.seq1m.reset-after", S(IN_PLACE, "seq1m", 16),
	 .faults = {.reset_at = 5, .reset_after = true}},
	{"smb.temp-page.seq1m.reset-before", S(TEMP_PAGE, "seq1m", 16),
	 .faults = {.reset_at = 9}},
	{"smb.in-place.seq1m.slow-acks", S(IN_PLACE, "seq1m", 16),
	 .faults = {.ack_delay_ns = 20 * NWB_MSEC, .ack_delay_every = 3}},
	{"smb.in-place.seq1m.short", S(IN_PLACE, "seq1m", 16),
	 .faults = {.short_at = 7, .short_count = 4096}},
	{"smb.raw-cold.seq1m.none", S(RAW_COLD, "seq1m", 16)},
	{"9p.in-place.seq1m.none", P(IN_PLACE, "seq1m", 64)},
	{"9p.temp-page.rewrite.none", P(TEMP_PAGE, "rewrite", 8)},
	{"9p.in-place.rand4k.none", P(IN_PLACE, "rand4k", 4)},
	{"9p.in-place.seq1m.reset-after", P(IN_PLACE, "seq1m", 16),
	 .faults = {.reset_at = 5, .reset_after = true}},
};
const unsigned int nr_cells = NWB_ARRAY_SIZE(cells);

const char *const count_names[NR_COUNTS] = {
	[COUNT_RPCS] = "rpcs",
	[COUNT_WRITE_RPCS] = "write_rpcs",
	[COUNT_WIRE_BYTES] = "wire_bytes",
	[COUNT_PAYLOAD_BYTES] = "payload_bytes",
	[COUNT_DIRTIED_BYTES] = "dirtied_bytes",
	[COUNT_RESENT_BYTES] = "resent_bytes",
	[COUNT_RETRIES] = "retries",
	[COUNT_ALLOCS] = "allocs",
};

struct job {
	const struct cell *cell;
	enum plant plant;
	struct nwb_exec *ex;
	uint64_t *counts;
	int rc;
	struct nwb_err err;
};

static void allocate_once(void *arg, const struct nwb_fake_apply *a)
{
	bool *done = arg;

	if (*done || !a->offset)
		return;
	*done = true;
	nwb_free(nwb_alloc(16));
}

static void take_counts(struct job *j, struct nwb_fake *fake,
			const struct nwb_subject_stats *before,
			const struct nwb_subject_stats *after,
			const struct nwb_workload_result *res)
{
	struct nwb_fake_stats fs;
	uint64_t *n = j->counts;

	nwb_fake_get_stats(fake, &fs);
	n[COUNT_RPCS] = after->rpcs - before->rpcs;
	n[COUNT_WRITE_RPCS] = after->write_rpcs - before->write_rpcs;
	n[COUNT_WIRE_BYTES] = fs.bytes_received;
	n[COUNT_PAYLOAD_BYTES] = after->bytes_sent;
	n[COUNT_DIRTIED_BYTES] = after->bytes_dirtied;
	n[COUNT_RESENT_BYTES] = after->unstable_resent;
	n[COUNT_RETRIES] = after->retries;
	n[COUNT_ALLOCS] = res->nr_allocs;
}

static void measure(struct job *j, struct nwb_fake *fake,
		    struct nwb_workload *w, struct nwb_subject *s)
{
	static struct nwb_workload_result res;
	struct nwb_subject_stats before, after;

	s->ops->stats(s, &before);
	j->rc = nwb_workload_run(w, s, NULL, &res, &j->err);
	if (!j->rc)
		j->rc = res.first_error;
	s->ops->stats(s, &after);
	take_counts(j, fake, &before, &after, &res);
	nwb_workload_close(w, s, &res);
}

static void run_cell(void *arg)
{
	struct job *j = arg;
	const struct cell *c = j->cell;
	bool is_allocated = false;
	struct nwb_fake_opts fo = {
		.proto = c->is_9p ? NWB_FAKE_9P : NWB_FAKE_SMB2,
		.latency_ns = 50 * NWB_USEC,
	};
	struct nwb_workload_opts wo = {
		.desc = nwb_workload_find(c->workload),
		.bytes = c->bytes,
		.fsyncs = c->fsyncs ? c->fsyncs : 1,
		.seed = 1,
		.file = "budget.dat",
		.file_id = 1,
		.key = (const uint8_t *)"budget key 16 by",
	};
	struct nwb_subject_opts so = {.kind = c->kind,
				      .is_9p = c->is_9p,
				      .anonymous = true,
				      .share = "s",
				      .user = "",
				      .password = ""};
	struct nwb_fake_faults faults = c->faults;
	struct nwb_workload *w = NULL;
	struct nwb_subject *s = NULL;
	struct nwb_fake *fake;

	if (j->plant == PLANT_ALLOC) {
		fo.on_apply = allocate_once;
		fo.apply_arg = &is_allocated;
	}
	if (j->plant == PLANT_RPC) {
		faults.short_at = 3;
		faults.short_count = 512;
	}
	j->rc = nwb_fake_new(j->ex, &fo, &fake);
	if (j->rc)
		return;
	nwb_fake_set_faults(fake, &faults);
	so.dialer = nwb_fake_dialer(fake);
	j->rc = nwb_workload_prepare(&wo, &w, &j->err);
	if (!j->rc)
		j->rc = nwb_subject_new(j->ex, &so, &s, &j->err);
	if (!j->rc)
		measure(j, fake, w, s);
	nwb_subject_free(s);
	nwb_workload_free(w);
	nwb_fake_free(fake);
}

int count_cell(const struct cell *c, enum plant plant, uint64_t *ret)
{
	struct job j = {.cell = c, .plant = plant, .counts = ret};
	int rc = nwb_exec_sim_new(1, &j.ex, &j.err);

	if (!rc)
		rc = nwb_exec_run(j.ex, run_cell, &j, 600 * NWB_SEC, &j.err);
	if (!rc)
		rc = j.rc;
	if (rc)
		fprintf(stderr, "%s: %s %s\n", c->name, nwb_errno_name(rc),
			j.err.text);
	if (j.ex)
		nwb_exec_free(j.ex);
	return rc;
}
