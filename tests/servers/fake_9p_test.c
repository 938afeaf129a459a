/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 9P fake: protocol, Tflush as diod does it, and every fault.
 */
#include "hand_9p.h"
#include "nwb/fake.h"
#include "nwb_test.h"
#include "nwb_test_exec.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct both {
	struct nwb_fake *f;
	struct hand h;
};

static void begin(struct both *b, struct nwb_exec *ex, unsigned int workers,
		  const struct nwb_fake_faults *ft)
{
	struct nwb_fake_opts opts = {.proto = NWB_FAKE_9P,
				     .nr_workers = workers};

	nwb_check_eq(nwb_fake_new(ex, &opts, &b->f), 0);
	hand_init(&b->h, ex);
	hand_open(&b->h, nwb_fake_dialer(b->f), "f");
	if (ft)
		nwb_fake_set_faults(b->f, ft);
}

static void end(struct both *b)
{
	hand_fini(&b->h);
	nwb_fake_free(b->f);
}

static int byte_at(struct nwb_fake *f, bool durable, uint64_t offset)
{
	uint8_t c = 0;

	return nwb_fake_get(f, "f", durable, offset, &c, 1, NULL) < 0 ? -1 : c;
}

/* The next answer must be of this type and tag. */
static void expect(struct hand *h, uint8_t type, uint16_t tag)
{
	nwb_check_eq(hand_recv(h), 0);
	nwb_check_eq(h->rsp.type, type);
	nwb_check_eq(h->rsp.tag, tag);
}

static void round_trip(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_p9_msg m = {.type = NWB_P9_TGETATTR};
	struct both b;

	begin(&b, te->ex, 0, NULL);
	nwb_check_eq(b.h.msize, 65536);
	hand_write(&b.h, 7, 1000, 65512, 'x');
	expect(&b.h, NWB_P9_RWRITE, 7);
	nwb_check_eq(b.h.rsp.rwrite.count, 65512);
	nwb_check_eq(byte_at(b.f, false, 66511), 'x');
	nwb_check_eq(byte_at(b.f, true, 66511), 0);
	nwb_check_eq(hand_fsync(&b.h), 0);
	nwb_check_eq(byte_at(b.f, true, 66511), 'x');
	m.tgetattr.fid = HAND_FID;
	nwb_check_eq(hand_call(&b.h, &m), 0);
	nwb_check_eq(b.h.rsp.rgetattr.size, 66512);
	m = (struct nwb_p9_msg){.type = NWB_P9_TSETATTR};
	m.tsetattr.fid = HAND_FID;
	m.tsetattr.attr.valid = NWB_P9_SETATTR_SIZE;
	m.tsetattr.attr.size = 1001;
	nwb_check_eq(hand_call(&b.h, &m), 0);
	m = (struct nwb_p9_msg){.type = NWB_P9_TREAD};
	m.tread.fid = HAND_FID;
	m.tread.offset = 999;
	m.tread.count = 100;
	nwb_check_eq(hand_call(&b.h, &m), 0);
	nwb_check_eq(b.h.rsp.rread.count, 2);
	nwb_check(!memcmp(b.h.rsp.rread.data, "\0x", 2));
	m = (struct nwb_p9_msg){.type = NWB_P9_TCLUNK};
	m.tclunk.fid = HAND_FID;
	nwb_check_eq(hand_call(&b.h, &m), 0);
	nwb_check_eq(hand_call(&b.h, &m), EIO);
	end(&b);
}

NWB_TEST(fake_9p, round_trip)
{
	nwb_test_on_all(round_trip, NULL);
}

static void walk_and_open(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_p9_msg w = {.type = NWB_P9_TWALK};
	struct nwb_p9_msg o = {.type = NWB_P9_TLOPEN};
	struct both b;

	begin(&b, te->ex, 0, NULL);
	nwb_check_eq(nwb_fake_put(b.f, "g", "12345", 5), 0);
	w.twalk.fid = HAND_ROOT;
	w.twalk.newfid = 9;
	w.twalk.nwname = 1;
	w.twalk.wname[0] = nwb_p9_str("missing");
	nwb_check_eq(hand_call(&b.h, &w), ENOENT);
	w.twalk.wname[0] = nwb_p9_str("g");
	nwb_check_eq(hand_call(&b.h, &w), 0);
	nwb_check_eq(b.h.rsp.rwalk.nwqid, 1);
	o.tlopen.fid = 9;
	o.tlopen.flags = NWB_P9_DOTL_RDWR | NWB_P9_DOTL_TRUNC;
	nwb_check_eq(hand_call(&b.h, &o), 0);
	nwb_check_eq(hand_call(&b.h, &o), EINVAL); /* open already */
	nwb_check_eq(nwb_fake_get(b.f, "g", false, 0, NULL, 0, NULL), 0);
	nwb_check_eq(nwb_fake_get(b.f, "none", false, 0, NULL, 0, NULL),
		     -ENOENT);
	end(&b);
}

NWB_TEST(fake_9p, walk_and_open)
{
	nwb_test_on_all(walk_and_open, NULL);
}

static void too_big(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_stats st;
	struct both b;

	begin(&b, te->ex, 0, NULL);
	hand_write(&b.h, 3, 0, 65513, 'x');
	expect(&b.h, NWB_P9_RLERROR, 3);
	nwb_check_eq(b.h.rsp.rlerror.ecode, EIO);
	hand_write(&b.h, 3, 0, 65514, 'x'); /* a frame of msize + 1 */
	nwb_check_eq(hand_recv(&b.h), -1);
	nwb_fake_get_stats(b.f, &st);
	nwb_check_eq(st.nr_violations, 1);
	nwb_check_eq(st.nr_writes, 0);
	end(&b);
}

NWB_TEST(fake_9p, too_big_is_eio_then_the_end)
{
	nwb_test_on_all(too_big, NULL);
}

static void msize_cap(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_p9_msg v = {.type = NWB_P9_TVERSION};
	struct both b;

	begin(&b, te->ex, 0, NULL);
	nwb_check_eq(hand_dial(&b.h, nwb_fake_dialer(b.f)), 0);
	v.version.msize = 8 << 20;
	v.version.version = nwb_p9_str("9P1999");
	nwb_check_eq(hand_call(&b.h, &v), EIO);
	hand_attach(&b.h, 8 << 20);
	nwb_check_eq(b.h.msize, 65536);
	end(&b);
}

NWB_TEST(fake_9p, msize_is_capped)
{
	nwb_test_on_all(msize_cap, NULL);
}

/* --- Tflush --------------------------------------------------------------- */

static void flush_queued(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {.park_ns = 5 * NWB_MSEC};
	struct nwb_fake_stats st;
	struct both b;

	begin(&b, te->ex, 1, &ft);
	hand_write(&b.h, 10, 0, 1, 'a'); /* runs */
	hand_write(&b.h, 11, 1, 1, 'b'); /* queues */
	hand_tflush(&b.h, 12, 11);
	expect(&b.h, NWB_P9_RFLUSH, 12);
	expect(&b.h, NWB_P9_RWRITE, 10);
	nwb_sleep_until(te->ex, nwb_now_ns(te->ex) + 20 * NWB_MSEC);
	nwb_fake_get_stats(b.f, &st);
	nwb_check_eq(st.nr_applied, 1);
	nwb_check_eq(byte_at(b.f, false, 1), 0);
	nwb_check_eq(hand_fsync(&b.h), 0); /* and no Rwrite 11 before it */
	end(&b);
}

NWB_TEST(fake_9p, flush_drops_what_waits)
{
	nwb_test_on_sim(flush_queued, NULL);
}

static void flush_running(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {.park_ns = 5 * NWB_MSEC};
	struct both b;

	begin(&b, te->ex, 1, &ft);
	hand_write(&b.h, 10, 0, 1, 'a');
	hand_tflush(&b.h, 12, 10);
	hand_tflush(&b.h, 13, 10);
	expect(&b.h, NWB_P9_RWRITE, 10);
	expect(&b.h, NWB_P9_RFLUSH, 12);
	expect(&b.h, NWB_P9_RFLUSH, 13);
	nwb_check_eq(byte_at(b.f, false, 0), 'a');
	hand_tflush(&b.h, 14, 99); /* nothing of that name */
	expect(&b.h, NWB_P9_RFLUSH, 14);
	end(&b);
}

NWB_TEST(fake_9p, flush_waits_for_what_runs)
{
	nwb_test_on_sim(flush_running, NULL);
}

static void late_fate(void *arg, const struct nwb_fake_asked *a,
		      struct nwb_fake_fate *fate)
{
	(void)arg;
	if (a->is_flush)
		fate->ack_delay_ns = 3 * NWB_MSEC;
}

static void late_fsync(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_opts opts = {.proto = NWB_FAKE_9P, .decide = late_fate};
	struct nwb_p9_msg m = {.type = NWB_P9_TFSYNC, .tag = 3};
	uint64_t began = nwb_now_ns(te->ex);
	struct both b;

	nwb_check_eq(nwb_fake_new(te->ex, &opts, &b.f), 0);
	hand_init(&b.h, te->ex);
	hand_open(&b.h, nwb_fake_dialer(b.f), "f");
	hand_write(&b.h, 1, 0, 10, 'a');
	expect(&b.h, NWB_P9_RWRITE, 1);
	m.tfsync.fid = HAND_FID;
	hand_send(&b.h, &m, 0);
	/* answered before the flush, and not covered by it */
	hand_write(&b.h, 2, 10, 10, 'b');
	expect(&b.h, NWB_P9_RWRITE, 2);
	expect(&b.h, NWB_P9_RFSYNC, 3);
	nwb_check(nwb_now_ns(te->ex) - began >= 3 * NWB_MSEC);
	nwb_check_eq(byte_at(b.f, true, 0), 'a');
	nwb_check_eq(byte_at(b.f, true, 10), 0);
	end(&b);
}

NWB_TEST(fake_9p, a_late_fsync_covers_what_was_there)
{
	nwb_test_on_sim(late_fsync, NULL);
}

static void flush_answered(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {.ack_delay_ns = 5 * NWB_MSEC};
	struct both b;

	begin(&b, te->ex, 0, &ft);
	hand_write(&b.h, 10, 0, 1, 'a');
	hand_tflush(&b.h, 12, 10);
	expect(&b.h, NWB_P9_RWRITE, 10);
	expect(&b.h, NWB_P9_RFLUSH, 12);
	end(&b);
}

NWB_TEST(fake_9p, flush_follows_a_late_answer)
{
	nwb_test_on_sim(flush_answered, NULL);
}

/* --- faults --------------------------------------------------------------- */

static void survives(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {.park_ns = 5 * NWB_MSEC};
	struct nwb_fake_faults none = {0};
	struct both b;

	begin(&b, te->ex, 1, &ft);
	hand_write(&b.h, 10, 0, 1, 'A'); /* runs: lands after the reset */
	hand_write(&b.h, 11, 1, 1, 'Q'); /* queues: never lands */
	hand_tflush(&b.h, 12, 77);	 /* both have arrived */
	expect(&b.h, NWB_P9_RFLUSH, 12);
	nwb_fake_set_faults(b.f, &none);
	hand_open(&b.h, nwb_fake_dialer(b.f), "f");
	hand_write(&b.h, 10, 0, 1, 'B');
	expect(&b.h, NWB_P9_RWRITE, 10);
	nwb_check_eq(byte_at(b.f, false, 0), 'B');
	nwb_sleep_until(te->ex, nwb_now_ns(te->ex) + 20 * NWB_MSEC);
	nwb_check_eq(byte_at(b.f, false, 0), 'A'); /* the stale write */
	nwb_check_eq(byte_at(b.f, false, 1), 0);
	end(&b);
}

NWB_TEST(fake_9p, running_write_outlives_its_connection)
{
	nwb_test_on_sim(survives, NULL);
}

static void faults(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {
		.fail_at = 1,
		.fail_code = EDQUOT,
		.short_at = 2,
		.short_count = 3,
		.reset_at = 3,
		.crash_at_flush = 2,
	};
	struct nwb_fake_stats st;
	struct both b;

	begin(&b, te->ex, 0, &ft);
	hand_write(&b.h, 1, 0, 10, 'a');
	expect(&b.h, NWB_P9_RLERROR, 1);
	nwb_check_eq(b.h.rsp.rlerror.ecode, EDQUOT);
	hand_write(&b.h, 1, 0, 10, 'b');
	expect(&b.h, NWB_P9_RWRITE, 1);
	nwb_check_eq(b.h.rsp.rwrite.count, 3);
	nwb_check_eq(byte_at(b.f, false, 3), 0);
	nwb_check_eq(hand_fsync(&b.h), 0);
	hand_write(&b.h, 1, 0, 10, 'c');
	nwb_check_eq(hand_recv(&b.h), -1);
	nwb_check_eq(byte_at(b.f, false, 0), 'b');
	hand_open(&b.h, nwb_fake_dialer(b.f), "f");
	hand_write(&b.h, 1, 1, 5, 'd');
	expect(&b.h, NWB_P9_RWRITE, 1);
	nwb_check_eq(byte_at(b.f, false, 1), 'd');
	hand_send(&b.h,
		  &(struct nwb_p9_msg){.type = NWB_P9_TFSYNC,
				       .tfsync.fid = HAND_FID},
		  0);
	nwb_check_eq(hand_recv(&b.h), -1);
	nwb_check_eq(byte_at(b.f, false, 1), 'b');
	nwb_check_eq(byte_at(b.f, false, 3), 0);
	nwb_fake_get_stats(b.f, &st);
	nwb_check_eq(st.nr_faults, 4);
	nwb_check_eq(st.instance, 2);
	end(&b);
}

NWB_TEST(fake_9p, errors_short_counts_reset_crash)
{
	nwb_test_on_all(faults, NULL);
}

static void same_tag(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {.park_ns = NWB_MSEC};
	struct both b;

	begin(&b, te->ex, 0, &ft);
	hand_write(&b.h, 5, 0, 1, 'a');
	hand_write(&b.h, 5, 1, 1, 'b');
	expect(&b.h, NWB_P9_RWRITE, 5);
	expect(&b.h, NWB_P9_RWRITE, 5);
	nwb_check_eq(byte_at(b.f, false, 0), 'a');
	nwb_check_eq(byte_at(b.f, false, 1), 'b');
	end(&b);
}

NWB_TEST(fake_9p, same_tag_twice_is_answered_twice)
{
	nwb_test_on_all(same_tag, NULL);
}

/* Parked for a random time each: some seed must turn the order round. */
static void scatter(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {.scatter_ns = 10 * NWB_MSEC};
	unsigned int *inversions = te->arg;
	unsigned int i;
	uint16_t last = 0;
	struct both b;

	begin(&b, te->ex, 0, &ft);
	for (i = 0; i < 8; i++)
		hand_write(&b.h, (uint16_t)i, 0, 1, (char)('a' + i));
	for (i = 0; i < 8; i++) {
		nwb_check_eq(hand_recv(&b.h), 0);
		*inversions += b.h.rsp.tag < last;
		last = b.h.rsp.tag;
	}
	/* The order of the answers is the order in the file. */
	nwb_check_eq(byte_at(b.f, false, 0), 'a' + last);
	end(&b);
}

NWB_TEST(fake_9p, scattered_writes_change_places)
{
	unsigned int inversions = 0;

	nwb_test_on_sim(scatter, &inversions);
	nwb_check(inversions > 0);
}

static void full(void *arg)
{
	struct nwb_fake_opts opts = {.proto = NWB_FAKE_9P,
				     .max_file_bytes = 100};
	struct nwb_test_exec *te = arg;
	struct both b;

	nwb_check_eq(nwb_fake_new(te->ex, &opts, &b.f), 0);
	hand_init(&b.h, te->ex);
	hand_open(&b.h, nwb_fake_dialer(b.f), "f");
	hand_write(&b.h, 1, 90, 10, 'a');
	expect(&b.h, NWB_P9_RWRITE, 1);
	hand_write(&b.h, 1, 91, 10, 'a');
	expect(&b.h, NWB_P9_RLERROR, 1);
	nwb_check_eq(b.h.rsp.rlerror.ecode, ENOSPC);
	hand_write(&b.h, 1, UINT64_MAX - 4, 10, 'a');
	expect(&b.h, NWB_P9_RLERROR, 1);
	end(&b);
}

NWB_TEST(fake_9p, full_disk)
{
	nwb_test_on_all(full, NULL);
}

/* Frames of the right size and type with a body of chance. */
static void hostile(void *arg)
{
	static const uint8_t types[] = {100, 104, 108, 110, 12,	 14,
					24,  26,  50,  116, 118, 120};
	struct nwb_test_exec *te = arg;
	struct iovec iov;
	unsigned int i;
	struct both b;
	int rc;

	begin(&b, te->ex, 0, NULL);
	iov.iov_base = b.h.tx;
	for (i = 0; i < 200; i++) {
		hand_open(&b.h, nwb_fake_dialer(b.f), "f");
		iov.iov_len = 7 + nwb_random_u64(te->ex) % 60;
		nwb_random_bytes(te->ex, b.h.tx, iov.iov_len);
		b.h.tx[0] = (uint8_t)iov.iov_len;
		b.h.tx[1] = b.h.tx[2] = b.h.tx[3] = 0;
		b.h.tx[4] = types[i % NWB_ARRAY_SIZE(types)];
		rc = nwb_sock_sendv(b.h.sock, &iov, 1);
		(void)rc;
		nwb_sock_shutdown(b.h.sock);
	}
	hand_open(&b.h, nwb_fake_dialer(b.f), "f");
	hand_write(&b.h, 1, 0, 1, 'z');
	expect(&b.h, NWB_P9_RWRITE, 1);
	end(&b);
}

NWB_TEST(fake_9p, bodies_of_chance_do_no_harm)
{
	nwb_test_on_real(true, hostile, NULL);
	if (NWB_TEST_HAS_SIM)
		nwb_check_eq(nwb_test_on_seed(1, hostile, NULL, NULL, NULL), 0);
}
