/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SMB2 fake: protocol, credits as smbd keeps them, and every fault.
 */
#include "hand_smb2.h"
#include "nwb/fake.h"
#include "nwb_test.h"
#include "nwb_test_exec.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct both {
	struct nwb_fake *f;
	struct hand h;
};

static void begin(struct both *b, struct nwb_exec *ex,
		  const struct nwb_fake_opts *opts)
{
	static const struct nwb_fake_opts none;

	nwb_check_eq(nwb_fake_new(ex, opts ? opts : &none, &b->f), 0);
	hand_init(&b->h, ex);
}

static void end(struct both *b)
{
	hand_fini(&b->h);
	nwb_fake_free(b->f);
}

/* The first byte at @offset, 0 when the file is shorter, -1: no file. */
static int byte_at(struct nwb_fake *f, const char *name, bool durable,
		   uint64_t offset)
{
	uint8_t c = 0;

	return nwb_fake_get(f, name, durable, offset, &c, 1, NULL) < 0 ? -1 : c;
}

static uint32_t write_count(const struct hand *h)
{
	struct nwb_smb2_write_rsp m;

	nwb_check_eq(nwb_smb2_write_rsp_decode(h->rx, h->rsp_len, &m), 0);
	return m.count;
}

/* A WRITE and its answer, which must be there. */
static uint32_t do_write(struct hand *h, uint64_t offset, uint32_t len,
			 char fill)
{
	hand_write(h, offset, len, fill);
	nwb_check_eq(hand_recv(h), 0);
	nwb_check_eq(h->rsp.command, NWB_SMB2_WRITE);
	return h->rsp.status;
}

/* What 65536 bytes at @offset are, which must be there. */
static const uint8_t *read_64k(struct hand *h, uint64_t offset)
{
	struct nwb_smb2_read_rsp m = {0};

	hand_read(h, offset, 65536);
	nwb_check_eq(hand_recv(h), 0);
	nwb_check_eq(
		nwb_smb2_read_rsp_decode(h->rx, h->rsp_len, h->rsp_len, &m), 0);
	nwb_check_eq(m.len, 65536);
	return h->rx + m.data_offset;
}

static void round_trip(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_stats st;
	const uint8_t *data;
	struct both b;

	begin(&b, te->ex, NULL);
	hand_open(&b.h, nwb_fake_dialer(b.f), "file");
	b.h.ask = 32;
	hand_echo(&b.h);
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(do_write(&b.h, 100000, 200000, 'x'), 0);
	nwb_check_eq(write_count(&b.h), 200000);
	nwb_check_eq(byte_at(b.f, "file", false, 299999), 'x');
	nwb_check_eq(byte_at(b.f, "file", true, 299999), 0);
	hand_flush(&b.h);
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(b.h.rsp.status, 0);
	nwb_check_eq(byte_at(b.f, "file", true, 299999), 'x');
	data = read_64k(&b.h, 99999);
	nwb_check_eq(data[0], 0);
	nwb_check_eq(data[1], 'x');
	hand_read(&b.h, 300000, 1);
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(b.h.rsp.status, NWB_STATUS_END_OF_FILE);
	nwb_fake_get_stats(b.f, &st);
	nwb_check_eq(st.nr_writes, 1);
	nwb_check_eq(st.bytes_applied, 200000);
	nwb_check_eq(st.nr_violations, 0);
	nwb_check_eq(st.nr_faults, 0);
	end(&b);
}

NWB_TEST(fake_smb2, round_trip)
{
	nwb_test_on_all(round_trip, NULL);
}

static void discards(void *arg)
{
	const struct nwb_fake_opts opts = {
		.discard = true,
		.max_file_bytes = 1ull << 40,
	};
	const uint64_t far = 1ull << 39; /* no memory has room for that */
	struct nwb_test_exec *te = arg;
	const uint8_t *data;
	uint64_t size = 0;
	struct both b;

	begin(&b, te->ex, &opts);
	hand_open(&b.h, nwb_fake_dialer(b.f), "file");
	b.h.ask = 32;
	hand_echo(&b.h);
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(do_write(&b.h, far, 65536, 'x'), 0);
	nwb_check_eq(write_count(&b.h), 65536);
	hand_flush(&b.h);
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(b.h.rsp.status, 0);
	data = read_64k(&b.h, far);
	nwb_check_eq(data[0], 0);
	nwb_check_eq(byte_at(b.f, "file", true, far + 1), 0);
	nwb_check_eq(nwb_fake_get(b.f, "file", true, 0, NULL, 0, &size), 0);
	nwb_check_eq(size, far + 65536);
	nwb_fake_crash(b.f);
	nwb_check_eq(nwb_fake_get(b.f, "file", false, 0, NULL, 0, &size), 0);
	nwb_check_eq(size, far + 65536);
	end(&b);
}

NWB_TEST(fake_smb2, discarded_content_leaves_sizes)
{
	nwb_test_on_all(discards, NULL);
}

/* --- credits: the numbers that were measured on smbd ---------------------- */

static void grants(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct both b;
	int before;

	begin(&b, te->ex, NULL);
	nwb_check_eq(hand_dial(&b.h, nwb_fake_dialer(b.f)), 0);
	b.h.ask = 64;
	hand_login(&b.h, 0);
	/* NEGOTIATE and the first SESSION_SETUP gave 1 whatever was asked,
	 * the last SESSION_SETUP and TREE_CONNECT 64 each. */
	nwb_check_eq(b.h.credits, 127);
	nwb_check_eq(hand_create(&b.h, "f"), 0);
	b.h.ask = 16;
	before = b.h.credits;
	nwb_check_eq(do_write(&b.h, 0, 1 << 20, 'a'), 0);
	nwb_check_eq(b.h.rsp.credits, 31);
	nwb_check_eq(b.h.credits, before + 15);
	b.h.ask = 0;
	nwb_check_eq(do_write(&b.h, 0, 1 << 20, 'a'), 0);
	nwb_check_eq(b.h.rsp.credits, 16);
	end(&b);
}

NWB_TEST(fake_smb2, grants_are_smbds)
{
	nwb_test_on_all(grants, NULL);
}

static void capped(void *arg)
{
	struct nwb_fake_opts opts = {.max_credits = 8};
	struct nwb_test_exec *te = arg;
	struct both b;
	unsigned int i;

	begin(&b, te->ex, &opts);
	b.h.ask = 100;
	hand_open(&b.h, nwb_fake_dialer(b.f), "f");
	for (i = 0; i < 40; i++) {
		nwb_check_eq(b.h.credits, 8);
		nwb_check_eq(do_write(&b.h, 0, 65536 * (1 + i % 8), 'a'), 0);
	}
	end(&b);
}

NWB_TEST(fake_smb2, credits_never_exceed_the_limit)
{
	nwb_test_on_all(capped, NULL);
}

/* Breaks one rule; the connection must end, and the file be untouched. */
struct breach {
	const char *what;
	uint64_t skip; /* added to the MessageId */
	uint64_t back; /* taken from it */
	uint32_t len;
};

static void breach(void *arg)
{
	struct nwb_test_exec *te = arg;
	const struct breach *br = te->arg;
	struct nwb_fake_stats st;
	struct both b;

	begin(&b, te->ex, NULL);
	b.h.ask = 4;
	hand_open(&b.h, nwb_fake_dialer(b.f), "f");
	b.h.mid += br->skip - br->back;
	hand_write(&b.h, 0, br->len, 'a');
	nwb_check_eq(hand_recv(&b.h), -1);
	nwb_fake_get_stats(b.f, &st);
	nwb_check_eq(st.nr_violations, 1);
	nwb_check_streq(st.last_violation, br->what);
	nwb_check_eq(byte_at(b.f, "f", false, 0), 0);
	end(&b);
}

NWB_TEST(fake_smb2, overdrawing_closes)
{
	struct breach br = {"more credits used than granted", 0, 0, 1 << 20};

	nwb_test_on_all(breach, &br);
}

NWB_TEST(fake_smb2, used_message_id_closes)
{
	struct breach br = {"MessageId outside the window", 0, 1, 10};

	nwb_test_on_all(breach, &br);
}

NWB_TEST(fake_smb2, message_id_too_high_closes)
{
	struct breach br = {"MessageId outside the window", 1000, 0, 10};

	nwb_test_on_all(breach, &br);
}

static void window(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_stats st;
	struct both b;
	uint64_t first;

	begin(&b, te->ex, NULL);
	b.h.ask = 8;
	hand_open(&b.h, nwb_fake_dialer(b.f), "f");
	first = b.h.mid;
	b.h.mid = first + 3; /* leave three out, use them afterwards */
	nwb_check_eq(do_write(&b.h, 0, 10, 'a'), 0);
	b.h.mid = first;
	nwb_check_eq(do_write(&b.h, 10, 10, 'b'), 0);
	nwb_check_eq(do_write(&b.h, 20, 10, 'c'), 0);
	nwb_check_eq(byte_at(b.f, "f", false, 29), 'c');
	b.h.mid = first + 3; /* used, but not the lowest: the bitmap knows */
	hand_write(&b.h, 0, 10, 'd');
	nwb_check_eq(hand_recv(&b.h), -1);
	nwb_fake_get_stats(b.f, &st);
	nwb_check_streq(st.last_violation, "MessageId used twice");
	nwb_check_eq(byte_at(b.f, "f", false, 0), 'a');
	end(&b);
}

NWB_TEST(fake_smb2, message_ids_may_be_used_out_of_order)
{
	nwb_test_on_all(window, NULL);
}

static void small_charge(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_smb2_write_req q = {.len = 65537};
	struct both b;
	int n;

	begin(&b, te->ex, NULL);
	b.h.ask = 8;
	hand_open(&b.h, nwb_fake_dialer(b.f), "f");
	q.fid = b.h.fid;
	n = nwb_smb2_write_req_encode(b.h.tx + 4, HAND_BYTES - 4, &q);
	hand_send(&b.h, NWB_SMB2_WRITE, n + 65537, 1);
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(b.h.rsp.status, NWB_STATUS_INVALID_PARAMETER);
	nwb_check_eq(do_write(&b.h, 0, 65537, 'a'), 0); /* lives on */
	end(&b);
}

NWB_TEST(fake_smb2, charge_too_small_is_refused)
{
	nwb_test_on_all(small_charge, NULL);
}

/* --- identities ----------------------------------------------------------- */

static void bad_ids(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct both b;

	begin(&b, te->ex, NULL);
	b.h.ask = 8;
	hand_open(&b.h, nwb_fake_dialer(b.f), "f");
	b.h.fid.volatil++;
	nwb_check_eq(do_write(&b.h, 0, 1, 'a'), NWB_STATUS_FILE_CLOSED);
	b.h.fid.volatil--;
	b.h.tid++;
	nwb_check_eq(do_write(&b.h, 0, 1, 'a'),
		     NWB_STATUS_NETWORK_NAME_DELETED);
	b.h.tid--;
	b.h.sid++;
	nwb_check_eq(do_write(&b.h, 0, 1, 'a'),
		     NWB_STATUS_USER_SESSION_DELETED);
	b.h.sid--;
	nwb_check_eq(do_write(&b.h, 0, 1, 'a'), 0);
	nwb_check_eq(hand_create(&b.h, "dir\\f"),
		     NWB_STATUS_OBJECT_PATH_NOT_FOUND);
	end(&b);
}

NWB_TEST(fake_smb2, wrong_ids_are_refused)
{
	nwb_test_on_all(bad_ids, NULL);
}

static void previous(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct hand other;
	struct both b;

	begin(&b, te->ex, NULL);
	b.h.ask = 8;
	b.h.login = HAND_TEST;
	hand_open(&b.h, nwb_fake_dialer(b.f), "f");
	hand_init(&other, te->ex);
	other.login = HAND_TEST;
	nwb_check_eq(hand_dial(&other, nwb_fake_dialer(b.f)), 0);
	hand_login(&other, b.h.sid);
	nwb_check_eq(do_write(&b.h, 0, 1, 'a'),
		     NWB_STATUS_USER_SESSION_DELETED);
	nwb_check_eq(hand_create(&other, "f"), 0);
	hand_fini(&other);
	end(&b);
}

NWB_TEST(fake_smb2, previous_session_is_deleted)
{
	nwb_test_on_all(previous, NULL);
}

/* --- faults --------------------------------------------------------------- */

static void begin_faults(struct both *b, struct nwb_exec *ex,
			 const struct nwb_fake_faults *ft)
{
	begin(b, ex, NULL);
	b->h.ask = 8;
	hand_open(&b->h, nwb_fake_dialer(b->f), "f");
	nwb_fake_set_faults(b->f, ft);
}

static void late_ack(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {.ack_delay_ns = 10 * NWB_MSEC};
	uint64_t t0 = nwb_now_ns(te->ex);
	struct both b;

	begin_faults(&b, te->ex, &ft);
	hand_write(&b.h, 0, 10, 'a');
	hand_echo(&b.h);
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(b.h.rsp.command, NWB_SMB2_ECHO);
	nwb_check_eq(byte_at(b.f, "f", false, 9), 'a'); /* but applied */
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(b.h.rsp.command, NWB_SMB2_WRITE);
	nwb_check(nwb_now_ns(te->ex) >= t0 + 10 * NWB_MSEC);
	end(&b);
}

NWB_TEST(fake_smb2, late_acks_block_nobody)
{
	nwb_test_on_sim(late_ack, NULL);
}

static void reorder(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {.ack_delay_ns = NWB_MSEC,
				     .ack_delay_every = 2};
	uint64_t mid[4], first;
	struct both b;
	unsigned int i;

	begin_faults(&b, te->ex, &ft);
	first = b.h.mid;
	for (i = 0; i < 4; i++)
		hand_write(&b.h, i, 1, 'a');
	for (i = 0; i < 4; i++) {
		nwb_check_eq(hand_recv(&b.h), 0);
		mid[i] = b.h.rsp.message_id - first;
	}
	nwb_check_eq(mid[0], 0);
	nwb_check_eq(mid[1], 2);
	nwb_check_eq(mid[2], 1);
	nwb_check_eq(mid[3], 3);
	end(&b);
}

NWB_TEST(fake_smb2, acks_can_be_reordered)
{
	nwb_test_on_sim(reorder, NULL);
}

static void pending(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {.park_ns = 3 * NWB_MSEC,
				     .pending_after_ns = NWB_MSEC};
	struct nwb_fake_stats st;
	struct both b;
	uint64_t async;

	begin_faults(&b, te->ex, &ft);
	hand_write(&b.h, 0, 10, 'a');
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(b.h.rsp.status, NWB_STATUS_PENDING);
	nwb_check(b.h.rsp.flags & NWB_SMB2_F_ASYNC);
	nwb_check_eq(b.h.rsp.credits, 8);
	nwb_check_eq(byte_at(b.f, "f", false, 0), 0); /* not applied yet */
	async = b.h.rsp.async_id;
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(b.h.rsp.status, 0);
	nwb_check_eq(b.h.rsp.async_id, async);
	nwb_check_eq(b.h.rsp.message_id, b.h.mid - 1);
	nwb_check_eq(b.h.rsp.credits, 0);
	nwb_check_eq(byte_at(b.f, "f", false, 0), 'a');
	nwb_fake_get_stats(b.f, &st);
	nwb_check_eq(st.nr_pending, 1);
	end(&b);
}

NWB_TEST(fake_smb2, interim_answer_bears_the_credits)
{
	nwb_test_on_sim(pending, NULL);
}

static void late_fate(void *arg, const struct nwb_fake_asked *a,
		      struct nwb_fake_fate *fate)
{
	(void)arg;
	if (a->is_flush)
		fate->ack_delay_ns = 3 * NWB_MSEC;
}

static void late_flush(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_opts opts = {.decide = late_fate};
	struct nwb_fake_faults ft = {.pending_after_ns = NWB_MSEC};
	uint64_t began = nwb_now_ns(te->ex);
	struct both b;

	begin(&b, te->ex, &opts);
	hand_open(&b.h, nwb_fake_dialer(b.f), "f");
	nwb_fake_set_faults(b.f, &ft);
	nwb_check_eq(do_write(&b.h, 0, 10, 'a'), 0);
	hand_flush(&b.h);
	/* answered before the flush, and not covered by it */
	nwb_check_eq(do_write(&b.h, 10, 10, 'b'), 0);
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(b.h.rsp.command, NWB_SMB2_FLUSH);
	nwb_check_eq(b.h.rsp.status, NWB_STATUS_PENDING);
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(b.h.rsp.command, NWB_SMB2_FLUSH);
	nwb_check_eq(b.h.rsp.status, 0);
	nwb_check(b.h.rsp.flags & NWB_SMB2_F_ASYNC);
	nwb_check(nwb_now_ns(te->ex) - began >= 3 * NWB_MSEC);
	nwb_check_eq(byte_at(b.f, "f", true, 0), 'a');
	nwb_check_eq(byte_at(b.f, "f", true, 10), 0);
	end(&b);
}

NWB_TEST(fake_smb2, a_late_flush_covers_what_was_there)
{
	nwb_test_on_sim(late_flush, NULL);
}

static void reset(void *arg)
{
	struct nwb_test_exec *te = arg;
	const bool *after = te->arg;
	struct nwb_fake_faults ft = {.reset_at = 2, .reset_after = *after};
	struct nwb_fake_stats st;
	struct both b;

	begin_faults(&b, te->ex, &ft);
	nwb_check_eq(do_write(&b.h, 0, 1, 'a'), 0);
	hand_write(&b.h, 1, 1, 'b');
	nwb_check_eq(hand_recv(&b.h), -1);
	nwb_check_eq(byte_at(b.f, "f", false, 0), 'a');
	nwb_check_eq(byte_at(b.f, "f", false, 1), *after ? 'b' : 0);
	hand_open(&b.h, nwb_fake_dialer(b.f), "f");
	nwb_check_eq(do_write(&b.h, 1, 1, 'c'), 0); /* once only */
	nwb_fake_get_stats(b.f, &st);
	nwb_check_eq(st.nr_faults, 1);
	nwb_check_eq(st.nr_connects, 2);
	nwb_check_eq(st.instance, 1);
	end(&b);
}

NWB_TEST(fake_smb2, reset_before_and_after)
{
	bool after = false;

	nwb_test_on_all(reset, &after);
	after = true;
	nwb_test_on_all(reset, &after);
}

static void fails(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {
		.fail_at = 2,
		.fail_times = 2,
		.fail_code = NWB_STATUS_DISK_FULL,
		.short_at = 5,
		.short_count = 3,
		.flush_fail_at = 1,
		.flush_fail_code = NWB_STATUS_IO_DEVICE_ERROR,
	};
	struct both b;

	begin_faults(&b, te->ex, &ft);
	nwb_check_eq(do_write(&b.h, 0, 10, 'a'), 0);
	nwb_check_eq(do_write(&b.h, 0, 10, 'b'), NWB_STATUS_DISK_FULL);
	nwb_check_eq(do_write(&b.h, 0, 10, 'c'), NWB_STATUS_DISK_FULL);
	nwb_check_eq(byte_at(b.f, "f", false, 0), 'a');
	nwb_check_eq(do_write(&b.h, 0, 10, 'd'), 0);
	nwb_check_eq(do_write(&b.h, 0, 10, 'e'), 0);
	nwb_check_eq(write_count(&b.h), 3);
	nwb_check_eq(byte_at(b.f, "f", false, 2), 'e');
	nwb_check_eq(byte_at(b.f, "f", false, 3), 'd');
	hand_flush(&b.h);
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(b.h.rsp.status, NWB_STATUS_IO_DEVICE_ERROR);
	nwb_check_eq(byte_at(b.f, "f", true, 0), 0);
	hand_flush(&b.h);
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(b.h.rsp.status, 0);
	nwb_check_eq(byte_at(b.f, "f", true, 0), 'e');
	end(&b);
}

NWB_TEST(fake_smb2, errors_and_short_counts)
{
	nwb_test_on_all(fails, NULL);
}

static void crash(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {.crash_at = 3, .down_ns = 5 * NWB_MSEC};
	struct nwb_fake_stats st;
	uint64_t size = 0;
	struct both b;

	begin_faults(&b, te->ex, &ft);
	nwb_check_eq(do_write(&b.h, 0, 10, 'a'), 0);
	hand_flush(&b.h);
	nwb_check_eq(hand_recv(&b.h), 0);
	nwb_check_eq(do_write(&b.h, 5, 10, 'b'), 0);
	hand_write(&b.h, 15, 10, 'c');
	nwb_check_eq(hand_recv(&b.h), -1);
	nwb_check_eq(byte_at(b.f, "f", false, 5), 'a');
	nwb_check_eq(nwb_fake_get(b.f, "f", false, 0, NULL, 0, &size), 0);
	nwb_check_eq(size, 10);
	nwb_fake_get_stats(b.f, &st);
	nwb_check_eq(st.instance, 2);
	nwb_check_eq(st.nr_applied, 3);
	if (nwb_exec_is_sim(te->ex))
		nwb_check_eq(hand_dial(&b.h, nwb_fake_dialer(b.f)),
			     -ECONNREFUSED);
	nwb_sleep_until(te->ex, nwb_now_ns(te->ex) + 5 * NWB_MSEC);
	hand_open(&b.h, nwb_fake_dialer(b.f), "f");
	nwb_check_eq(do_write(&b.h, 0, 1, 'd'), 0);
	end(&b);
}

NWB_TEST(fake_smb2, crash_loses_what_was_not_flushed)
{
	nwb_test_on_all(crash, NULL);
}

static void parked_is_dropped(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {.park_ns = 2 * NWB_MSEC};
	struct nwb_fake_stats st;
	struct both b;

	begin_faults(&b, te->ex, &ft);
	hand_write(&b.h, 0, 10, 'a');
	hand_echo(&b.h);
	nwb_check_eq(hand_recv(&b.h), 0); /* the WRITE has arrived */
	nwb_check_eq(b.h.rsp.command, NWB_SMB2_ECHO);
	nwb_fake_reset_all(b.f);
	nwb_sleep_until(te->ex, nwb_now_ns(te->ex) + 10 * NWB_MSEC);
	nwb_fake_get_stats(b.f, &st);
	nwb_check_eq(st.nr_writes, 1);
	nwb_check_eq(st.nr_applied, 0);
	end(&b);
}

NWB_TEST(fake_smb2, parked_write_ends_with_its_connection)
{
	nwb_test_on_sim(parked_is_dropped, NULL);
}

static void famine(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {.withhold = NWB_FAKE_FAMINE,
				     .famine_hold_ns = 3 * NWB_MSEC};
	struct nwb_fake_stats st;
	struct both b;
	int held, i;
	uint64_t t0;

	begin_faults(&b, te->ex, &ft);
	held = b.h.credits;
	nwb_check(held > 4);
	for (i = 1; i < held; i++) {
		nwb_check_eq(do_write(&b.h, 0, 1, 'a'), 0);
		nwb_check_eq(b.h.rsp.credits, 0);
	}
	nwb_check_eq(b.h.credits, 1);
	t0 = nwb_now_ns(te->ex);
	nwb_check_eq(do_write(&b.h, 0, 1, 'b'), 0);
	nwb_check_eq(b.h.credits, held * 8); /* each asked for 8 */
	nwb_check(nwb_now_ns(te->ex) >= t0 + 3 * NWB_MSEC);
	nwb_fake_get_stats(b.f, &st);
	nwb_check_eq(st.nr_famines, 1);
	end(&b);
}

NWB_TEST(fake_smb2, famine_ends_with_the_last_answer)
{
	nwb_test_on_all(famine, NULL);
}

static void starve(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_faults ft = {.withhold = NWB_FAKE_STARVE};
	struct nwb_fake_stats st;
	struct both b;

	begin_faults(&b, te->ex, &ft);
	while (b.h.credits > 0) {
		nwb_check_eq(do_write(&b.h, 0, 1, 'a'), 0);
		nwb_check_eq(b.h.rsp.credits, 0);
	}
	hand_write(&b.h, 0, 1, 'b');
	nwb_check_eq(hand_recv(&b.h), -1);
	nwb_fake_get_stats(b.f, &st);
	nwb_check_eq(st.nr_famines, 0);
	nwb_check_streq(st.last_violation, "more credits used than granted");
	end(&b);
}

NWB_TEST(fake_smb2, starving_never_ends)
{
	nwb_test_on_all(starve, NULL);
}

/* --- hostile bytes -------------------------------------------------------- */

/* One PDU with a good header and a body of chance, again and again. */
static void hostile(void *arg)
{
	struct nwb_test_exec *te = arg;
	unsigned int i, len;
	struct both b;

	begin(&b, te->ex, NULL);
	b.h.ask = 8;
	for (i = 0; i < 100; i++) {
		hand_open(&b.h, nwb_fake_dialer(b.f), "f");
		len = (unsigned int)(nwb_random_u64(te->ex) % 200);
		nwb_random_bytes(te->ex, b.h.tx + 68, len);
		hand_send(&b.h, i % 20, 64 + (int)len, 1);
		nwb_sock_shutdown(b.h.sock);
	}
	hand_open(&b.h, nwb_fake_dialer(b.f), "g");
	nwb_check_eq(do_write(&b.h, 0, 1, 'a'), 0);
	end(&b);
}

NWB_TEST(fake_smb2, bodies_of_chance_do_no_harm)
{
	nwb_test_on_real(true, hostile, NULL);
	if (NWB_TEST_HAS_SIM)
		nwb_check_eq(nwb_test_on_seed(1, hostile, NULL, NULL, NULL), 0);
}

static void garbage(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_fake_stats st;
	struct iovec iov;
	struct both b;
	int rc;

	begin(&b, te->ex, NULL);
	nwb_check_eq(hand_dial(&b.h, nwb_fake_dialer(b.f)), 0);
	memset(b.h.tx, 0xff, 64);
	iov.iov_base = b.h.tx;
	iov.iov_len = 64;
	rc = nwb_sock_sendv(b.h.sock, &iov, 1);
	(void)rc;
	nwb_check_eq(hand_recv(&b.h), -1);
	nwb_fake_get_stats(b.f, &st);
	nwb_check_streq(st.last_violation, "not a session message");
	end(&b);
}

NWB_TEST(fake_smb2, garbage_ends_the_connection)
{
	nwb_test_on_all(garbage, NULL);
}

/* --- memory ---------------------------------------------------------------- */

#define RESERVED (16u * 1024 * 1024)

static long nr_faults(void)
{
	struct rusage u;

	nwb_check_eq(getrusage(RUSAGE_THREAD, &u), 0);
	return u.ru_minflt;
}

/* Written and made durable it costs no page fault; what it has before is
 * nothing, and what is cut off stays zero. */
static void reserved(void *arg)
{
	struct nwb_test_exec *te = arg;
	const struct nwb_fake_opts o = {.reserve_bytes = RESERVED};
	uint8_t *buf = malloc(RESERVED);
	struct both b;
	long was;

	memset(buf, 'x', RESERVED);
	begin(&b, te->ex, &o);
	nwb_check_eq(nwb_fake_put(b.f, "f", buf, 1), 0);
	was = nr_faults();
	nwb_check_eq(nwb_fake_put(b.f, "f", buf, RESERVED), 0);
	nwb_check(nr_faults() - was < RESERVED / 4096 / 4);
	nwb_check_eq(byte_at(b.f, "f", true, RESERVED - 1), 'x');
	nwb_check_eq(nwb_fake_put(b.f, "g", buf, 4096), 0);
	nwb_check_eq(byte_at(b.f, "g", false, 4096), 0);
	nwb_check_eq(nwb_fake_get(b.f, "g", true, 0, buf, RESERVED, NULL),
		     4096);
	end(&b);
	free(buf);
}

NWB_TEST(fake_smb2, reserved_memory_is_there_before_it_is_written)
{
	nwb_test_on_real(false, reserved, NULL);
}
