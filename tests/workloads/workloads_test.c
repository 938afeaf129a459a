/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shapes, and the window around a subject that only remembers: every
 * operation is an intent, every payload says where it belongs.
 */
#include "nwb_test.h"

#include "nwb/mem.h"
#include "nwb/workload.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint8_t the_key[16] = "sixteen bytes ok";

/* A subject that remembers what it was given. */
struct recorder {
	struct nwb_subject s;
	struct nwb_stamp_key key;
	uint64_t nr_writes, nr_bytes, nr_fsyncs, low, high;
	uint32_t last_version;
	uint64_t bad_lanes, rewritten;
	uint64_t fail_at; /* n-th write fails with EIO */
	uint8_t seen[4 << 20 >> 12];
};

static int rec_open(struct nwb_subject *s, const char *name, uint16_t id,
		    unsigned int flags, struct nwb_err *err)
{
	(void)s, (void)name, (void)id, (void)flags, (void)err;
	return 0;
}

static ssize_t rec_write(struct nwb_subject *s, const void *buf, size_t len,
			 uint64_t off)
{
	struct recorder *r = nwb_container_of(s, struct recorder, s);
	const uint8_t *p = buf;
	struct nwb_lane lane;

	if (++r->nr_writes == r->fail_at)
		return -EIO;
	r->nr_bytes += len;
	r->low = nwb_min(r->low, off);
	r->high = nwb_max(r->high, off + len);
	for (size_t i = (16 - off % 16) % 16; i + 16 <= len; i += 16) {
		if (!nwb_stamp_decode(&r->key, p + i, &lane) ||
		    lane.offset != off + i || lane.file != 3 ||
		    lane.version <= r->last_version)
			r->bad_lanes++;
	}
	r->last_version++;
	if (off >> 12 < sizeof(r->seen) && r->seen[off >> 12]++)
		r->rewritten++;
	return (ssize_t)len;
}

static int rec_fsync(struct nwb_subject *s)
{
	nwb_container_of(s, struct recorder, s)->nr_fsyncs++;
	return 0;
}

static int rec_close(struct nwb_subject *s)
{
	(void)s;
	return 0;
}

static const struct nwb_subject_ops rec_ops = {
	.open = rec_open,
	.write = rec_write,
	.fsync = rec_fsync,
	.close = rec_close,
};

struct fixture {
	struct nwb_exec *ex;
	struct nwb_ledger ledger;
	struct recorder *rec;
	struct nwb_workload *w;
	struct nwb_workload_result *res;
};

static void set_up(struct fixture *f, const char *shape, uint64_t bytes,
		   unsigned int fsyncs)
{
	struct nwb_workload_opts o = {
		.desc = nwb_workload_find(shape),
		.bytes = bytes,
		.fsyncs = fsyncs,
		.seed = 7,
		.file = "x",
		.file_id = 3,
		.key = the_key,
		.ledger = &f->ledger,
	};
	int fd = memfd_create("ledger", MFD_CLOEXEC);

	nwb_check(fd >= 0);
	nwb_check_eq(nwb_ledger_create(fd, 65536, the_key, 0, &f->ledger), 0);
	close(fd);
	nwb_check_eq(nwb_exec_real_new(NULL, &f->ex, NULL), 0);
	f->rec = nwb_zalloc(sizeof(*f->rec));
	f->res = nwb_zalloc(sizeof(*f->res));
	nwb_check(f->rec && f->res);
	f->rec->s.ops = &rec_ops;
	f->rec->s.ex = f->ex;
	f->rec->low = UINT64_MAX;
	nwb_stamp_key_init(&f->rec->key, the_key);
	nwb_check_eq(nwb_workload_prepare(&o, &f->w, NULL), 0);
}

static void tear_down(struct fixture *f)
{
	nwb_workload_free(f->w);
	nwb_free(f->rec);
	nwb_free(f->res);
	nwb_exec_free(f->ex);
	nwb_ledger_unmap(&f->ledger);
}

static uint64_t count_kind(const struct nwb_ledger *l, uint16_t kind)
{
	uint64_t n = 0, nr = atomic_load(&l->hdr->next);

	for (uint64_t i = 0; i < nr; i++)
		n += l->hdr->slot[i].kind == kind;
	return n;
}

NWB_TEST(workloads, sequential_writes_cover_the_file_once)
{
	struct fixture f;

	set_up(&f, "seq4k", NWB_MIB, 4);
	nwb_check_eq(nwb_workload_run(f.w, &f.rec->s, NULL, f.res, NULL), 0);
	nwb_workload_close(f.w, &f.rec->s, f.res);
	nwb_check_eq(f.rec->nr_bytes, NWB_MIB);
	nwb_check_eq(f.rec->low, 0);
	nwb_check_eq(f.rec->high, NWB_MIB);
	nwb_check_eq(f.rec->rewritten, 0);
	nwb_check_eq(f.rec->nr_fsyncs, 4);
	nwb_check_eq(f.rec->bad_lanes, 0);
	nwb_check_eq(f.res->bytes, NWB_MIB);
	nwb_check_eq(f.res->nr_allocs, 0);
	nwb_check_eq(f.res->write_lat.count, 256);
	nwb_check_eq(count_kind(&f.ledger, NWB_L_WRITE), 256);
	nwb_check_eq(count_kind(&f.ledger, NWB_L_FSYNC), 4);
	nwb_check_eq(count_kind(&f.ledger, NWB_L_OPEN), 1);
	nwb_check_eq(count_kind(&f.ledger, NWB_L_CLOSE), 1);
	tear_down(&f);
}

/* Pauses lie between fsyncs, and what passes in them counts for nothing: the
 * clock is virtual and moves in the pauses only. */
struct pauser {
	struct fixture *f;
	struct nwb_exec *ex;
	unsigned int nr;
	uint64_t fsyncs_then, cpu;
	int rc;
};

static struct pauser *the_pauser;

static uint64_t pauser_cpu(void)
{
	return the_pauser->cpu;
}

static void pause_long(void *arg)
{
	struct pauser *p = arg;

	p->nr++;
	p->fsyncs_then = p->f->rec->nr_fsyncs;
	p->cpu += 1000 * NWB_SEC;
	nwb_sleep_until(p->ex, nwb_now_ns(p->ex) + NWB_SEC);
}

static void run_with_pauses(void *arg)
{
	struct pauser *p = arg;

	p->f->rec->s.ex = p->ex;
	p->rc = nwb_workload_run(p->f->w, &p->f->rec->s, pauser_cpu, p->f->res,
				 NULL);
}

NWB_TEST(workloads, what_passes_in_a_pause_does_not_count)
{
	struct nwb_workload_opts o = {
		.desc = nwb_workload_find("seq4k"),
		.bytes = NWB_MIB,
		.fsyncs = 4,
		.file = "x",
		.file_id = 3,
		.key = the_key,
	};
	struct pauser p = {0};
	struct fixture f;

#ifdef __SANITIZE_THREAD__
	nwb_test_skip("no simulation under ThreadSanitizer");
#endif
	set_up(&f, "seq4k", NWB_MIB, 4);
	nwb_workload_free(f.w);
	p.f = &f;
	the_pauser = &p;
	o.pause = pause_long;
	o.pause_arg = &p;
	nwb_check_eq(nwb_workload_prepare(&o, &f.w, NULL), 0);
	nwb_check_eq(nwb_exec_sim_new(1, &p.ex, NULL), 0);
	nwb_check_eq(nwb_exec_run(p.ex, run_with_pauses, &p, 0, NULL), 0);
	nwb_check_eq(p.rc, 0);
	nwb_check_eq(f.rec->nr_fsyncs, 4);
	nwb_check_eq(p.nr, 3);
	nwb_check_eq(p.fsyncs_then, 3);
	nwb_check_eq(f.res->durable_ns, 0);
	nwb_check_eq(f.res->client_cpu_ns, 0);
	nwb_exec_free(p.ex);
	tear_down(&f);
}

NWB_TEST(workloads, rewrite_really_rewrites)
{
	struct fixture f;

	set_up(&f, "rewrite", 4 * NWB_MIB, 1);
	nwb_check_eq(nwb_workload_run(f.w, &f.rec->s, NULL, f.res, NULL), 0);
	nwb_check_eq(f.rec->high, NWB_MIB / 2);
	nwb_check_eq(f.rec->rewritten, f.rec->nr_writes / 8 * 7);
	nwb_check_eq(f.rec->bad_lanes, 0);
	tear_down(&f);
}

NWB_TEST(workloads, odd_shape_has_partial_lanes_in_range)
{
	struct fixture f;

	set_up(&f, "odd", NWB_MIB, 1);
	nwb_check_eq(nwb_workload_run(f.w, &f.rec->s, NULL, f.res, NULL), 0);
	nwb_check(f.rec->high <= NWB_MIB);
	nwb_check_eq(f.rec->bad_lanes, 0);
	nwb_check(f.rec->nr_bytes % 16 || f.rec->low % 16);
	tear_down(&f);
}

NWB_TEST(workloads, same_seed_same_places)
{
	struct fixture a, b;

	set_up(&a, "rand4k", NWB_MIB, 1);
	set_up(&b, "rand4k", NWB_MIB, 1);
	nwb_check_eq(nwb_workload_run(a.w, &a.rec->s, NULL, a.res, NULL), 0);
	nwb_check_eq(nwb_workload_run(b.w, &b.rec->s, NULL, b.res, NULL), 0);
	nwb_check(a.rec->rewritten > 0);
	nwb_check_eq(memcmp(a.rec->seen, b.rec->seen, sizeof(a.rec->seen)), 0);
	tear_down(&a);
	tear_down(&b);
}

NWB_TEST(workloads, an_error_is_kept_and_recorded)
{
	struct fixture f;
	uint64_t failed = 0, nr;

	set_up(&f, "seq4k", NWB_MIB, 1);
	f.rec->fail_at = 5;
	nwb_check_eq(nwb_workload_run(f.w, &f.rec->s, NULL, f.res, NULL), 0);
	nwb_check_eq(f.res->first_error, -EIO);
	nwb_check_eq(f.res->bytes, NWB_MIB - 4096);
	nr = atomic_load(&f.ledger.hdr->next);
	for (uint64_t i = 0; i < nr; i++)
		failed += f.ledger.hdr->slot[i].result == -EIO;
	nwb_check_eq(failed, 1);
	tear_down(&f);
}

NWB_TEST(workloads, too_few_bytes_are_refused_with_the_number_needed)
{
	struct nwb_workload_opts o = {
		.desc = nwb_workload_find("seq1m"),
		.bytes = NWB_MIB,
		.file = "x",
		.file_id = 1,
		.key = the_key,
	};
	struct nwb_workload *w = NULL;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_workload_prepare(&o, &w, &err), -EINVAL);
	nwb_check(!w);
	nwb_check(strstr(err.text, "4194304") != NULL);
}
