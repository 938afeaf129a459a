/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The time line of ledgers written by hand: times and tickets are given, so
 * every figure has one right value.
 */
#include "nwb_test.h"

#include "nwb/mem.h"
#include "nwb/timeline.h"

#define T0 1000000000000ull /* the first write begins */

struct hand {
	struct nwb_lrec rec[64];
	unsigned int nr;
	uint64_t tick;
};

static struct nwb_lrec *put(struct hand *h, uint16_t kind, uint64_t at_us,
			    uint64_t off, uint64_t len)
{
	struct nwb_lrec *r = &h->rec[h->nr++];

	nwb_check(h->nr <= NWB_ARRAY_SIZE(h->rec));
	*r = (struct nwb_lrec){
		.state = NWB_LS_ENDED,
		.kind = kind,
		.begin = ++h->tick,
		.end = ++h->tick,
		.t_begin = T0 + at_us * NWB_USEC,
		.t_end = T0 + at_us * NWB_USEC,
		.off = off,
		.len = len,
		.result = (int64_t)len,
	};
	return r;
}

static struct nwb_timeline made(const struct hand *h, unsigned int nr_rules,
				uint64_t span_us)
{
	static struct nwb_timeline tl;

	nwb_check_eq(nwb_timeline_make(h->rec, h->nr, nr_rules,
				       span_us * NWB_USEC, &tl),
		     0);
	return tl;
}

NWB_TEST(timeline, bytes_fall_into_their_bins)
{
	struct hand h = {0};
	struct nwb_timeline tl;

	put(&h, NWB_L_WRITE, 0, 0, 4096);
	put(&h, NWB_L_WRITE, 100, 4096, 4096);
	put(&h, NWB_L_SENT, 110, 0, 8192);
	put(&h, NWB_L_ACKED, 1050, 0, 8192);
	put(&h, NWB_L_FSYNC, 1999, 0, 0);
	put(&h, NWB_L_WRITE, 2500, 0, 100); /* after the window */
	tl = made(&h, 0, 2000);
	nwb_check_eq(tl.bin_ns, 20 * NWB_USEC);
	nwb_check_eq(tl.nr_bins, 101);
	nwb_check(tl.has_acks && !tl.is_by_server);
	nwb_check_eq(tl.written[0], 4096);
	nwb_check_eq(tl.written[5], 4096);
	nwb_check_eq(tl.acked[52], 8192);
	nwb_check_eq(tl.durable[99], 8192);
	for (unsigned int i = 0; i < tl.nr_bins; i++)
		nwb_check(i == 0 || i == 5 || !tl.written[i]);
	nwb_check_eq(tl.nr_marks, 1);
	nwb_check_eq(tl.mark[0].kind, NWB_TL_FSYNC);
}

NWB_TEST(timeline, any_span_fits_its_bins)
{
	struct hand h = {0};

	put(&h, NWB_L_WRITE, 0, 0, 1);
	for (uint64_t us = 0; us < 1ull << 40; us = us * 3 + 1) {
		struct nwb_timeline tl = made(&h, 0, us);

		nwb_check(tl.nr_bins >= 1 && tl.nr_bins <= NWB_TL_BINS);
		nwb_check(tl.bin_ns * tl.nr_bins > us * NWB_USEC);
	}
}

NWB_TEST(timeline, a_failed_fsync_makes_nothing_durable)
{
	struct hand h = {0};
	struct nwb_timeline tl;

	put(&h, NWB_L_WRITE, 0, 0, 4096);
	put(&h, NWB_L_FSYNC, 10, 0, 0)->result = -5;
	put(&h, NWB_L_FSYNC, 100, 0, 0);
	tl = made(&h, 0, 190);
	nwb_check_eq(tl.bin_ns, NWB_USEC);
	nwb_check_eq(tl.durable[10], 0);
	nwb_check_eq(tl.durable[100], 4096);
	nwb_check_eq(tl.mark[0].kind, NWB_TL_FSYNC_ERROR);
	nwb_check_eq(tl.mark[1].kind, NWB_TL_FSYNC);
}

/* With several writers a write may be under way when an fsync begins: that
 * fsync says nothing of it. */
NWB_TEST(timeline, an_fsync_makes_durable_what_had_returned_before)
{
	struct hand h = {0};
	struct nwb_timeline tl;
	struct nwb_lrec *slow;

	slow = put(&h, NWB_L_WRITE, 0, 0, 4096);
	put(&h, NWB_L_WRITE, 10, 4096, 100);
	put(&h, NWB_L_FSYNC, 50, 0, 0);
	slow->end = ++h.tick;
	slow->t_end = T0 + 60 * NWB_USEC;
	put(&h, NWB_L_FSYNC, 100, 0, 0);
	tl = made(&h, 0, 190);
	nwb_check_eq(tl.durable[50], 100);
	nwb_check_eq(tl.durable[100], 4096);
}

NWB_TEST(timeline, drain_is_from_the_heal_to_the_fsync_that_covers_all)
{
	struct hand h = {0};
	struct nwb_lrec *early;

	put(&h, NWB_L_WRITE, 0, 0, 4096);
	nwb_check_eq(made(&h, 0, 2000).drain_ns, NWB_TL_NONE); /* no heal */
	/* begun before the last write was over: says nothing of that one */
	early = put(&h, NWB_L_FSYNC, 10, 0, 0);
	put(&h, NWB_L_WRITE, 20, 4096, 4096);
	early->end = ++h.tick;
	early->t_end = T0 + 300 * NWB_USEC;
	put(&h, NWB_L_HEAL, 200, 0, 0);
	nwb_check_eq(made(&h, 0, 2000).drain_ns, NWB_TL_NONE);
	put(&h, NWB_L_WRITE, 210, 8192, 4096); /* after the heal */
	put(&h, NWB_L_FSYNC, 700, 0, 0)->result = -5;
	nwb_check_eq(made(&h, 0, 2000).drain_ns, 500 * NWB_USEC);
	put(&h, NWB_L_FSYNC, 900, 0, 0);
	nwb_check_eq(made(&h, 0, 2000).drain_ns, 500 * NWB_USEC);
	/* a second heal: all was over before it */
	put(&h, NWB_L_FSYNC, 1000, 0, 0);
	put(&h, NWB_L_HEAL, 1100, 0, 0);
	nwb_check_eq(made(&h, 0, 2000).drain_ns, 0);
}

/* A client that stands still has no window; one sees where it stopped. */
NWB_TEST(timeline, without_a_window_all_records_count)
{
	struct hand h = {0};
	struct nwb_timeline tl;

	put(&h, NWB_L_WRITE, 0, 0, 4096);
	put(&h, NWB_L_SENT, 10, 0, 4096);
	put(&h, NWB_L_ACKED, 50, 0, 4096);
	put(&h, NWB_L_HEARTBEAT, 5000, 0, 0);
	tl = made(&h, 0, 0);
	nwb_check_eq(tl.span_ns, 5 * NWB_MSEC);
	nwb_check_eq(tl.acked[50 * NWB_USEC / tl.bin_ns], 4096);
}

/* A client that keeps no record of its acks: what the server applied. */
NWB_TEST(timeline, a_raw_client_is_seen_from_the_server)
{
	struct hand h = {0};
	struct nwb_timeline tl;

	put(&h, NWB_L_WRITE, 0, 0, 4096);
	tl = made(&h, 1, 100);
	nwb_check(!tl.has_acks);
	nwb_check_eq(tl.rule[0].bytes_again, NWB_TL_NONE);
	nwb_check_eq(tl.rule[0].first_ns, NWB_TL_NONE);
	put(&h, NWB_L_EFFECT_WRITE, 50, 0, 4096);
	tl = made(&h, 1, 100);
	nwb_check(tl.has_acks && tl.is_by_server);
	nwb_check_eq(tl.acked[50], 4096);
}

NWB_TEST(timeline, recovery_is_to_the_ack_of_what_was_sent_later)
{
	struct hand h = {0};
	struct nwb_timeline tl;

	put(&h, NWB_L_WRITE, 0, 0, 3 * 4096);
	put(&h, NWB_L_SENT, 10, 0, 4096);
	put(&h, NWB_L_SENT, 11, 4096, 4096);
	put(&h, NWB_L_FAULT, 20, 0, 4096);
	put(&h, NWB_L_ACKED, 25, 4096, 4096); /* on its way already */
	put(&h, NWB_L_CONN_DOWN, 30, 0, 0);
	put(&h, NWB_L_CONN_UP, 40, 0, 0);
	put(&h, NWB_L_SENT, 50, 0, 4096);
	put(&h, NWB_L_SENT, 51, 8192, 4096);
	put(&h, NWB_L_ACKED, 70, 0, 4096);
	put(&h, NWB_L_ACKED, 90, 8192, 4096);
	tl = made(&h, 1, 100);
	nwb_check_eq(tl.rule[0].hits, 1);
	nwb_check_eq(tl.rule[0].first_ns, 20 * NWB_USEC);
	nwb_check_eq(tl.rule[0].recovered, 1);
	nwb_check_eq(tl.rule[0].recovery_ns, 50 * NWB_USEC);
	nwb_check_eq(tl.rule[0].retries, 1);
	nwb_check_eq(tl.rule[0].bytes_again, 4096);
	nwb_check_eq(tl.nr_marks, 3);
	nwb_check_eq(tl.mark[0].kind, NWB_TL_FAULT);
	nwb_check_eq(tl.mark[1].kind, NWB_TL_CONN_DOWN);
	nwb_check_eq(tl.mark[2].kind, NWB_TL_CONN_UP);
}

NWB_TEST(timeline, without_an_ack_there_is_no_recovery)
{
	struct hand h = {0};
	struct nwb_timeline tl;

	put(&h, NWB_L_WRITE, 0, 0, 4096);
	put(&h, NWB_L_SENT, 10, 0, 4096);
	put(&h, NWB_L_FAULT, 20, 0, 4096);
	put(&h, NWB_L_SENT, 30, 0, 4096);
	put(&h, NWB_L_ACKED, 40, 0, 4096)->result = 0;
	tl = made(&h, 1, 100);
	nwb_check_eq(tl.rule[0].recovered, 0);
	nwb_check_eq(tl.rule[0].recovery_ns, NWB_TL_NONE);
}

/* Data that was written anew is not sent again, it is sent. */
NWB_TEST(timeline, a_rewrite_is_not_a_retry)
{
	struct hand h = {0};
	struct nwb_timeline tl;

	put(&h, NWB_L_WRITE, 0, 0, 4096);
	put(&h, NWB_L_FAULT, 5, 0, 0);
	put(&h, NWB_L_SENT, 10, 0, 4096);
	put(&h, NWB_L_WRITE, 20, 0, 4096);
	put(&h, NWB_L_SENT, 30, 0, 4096);
	tl = made(&h, 1, 100);
	nwb_check_eq(tl.rule[0].bytes_again, 0);
	/* written while its request was under way */
	put(&h, NWB_L_SENT, 40, 0, 4096);
	tl = made(&h, 1, 100);
	nwb_check_eq(tl.rule[0].bytes_again, 0);
	put(&h, NWB_L_SENT, 50, 0, 4096)->aux = 1;
	tl = made(&h, 1, 100);
	nwb_check_eq(tl.rule[0].retries, 1);
	nwb_check_eq(tl.rule[0].bytes_again, 4096);
	put(&h, NWB_L_CONN_DOWN, 60, 0, 0);
	put(&h, NWB_L_SENT, 70, 0, 4096);
	tl = made(&h, 1, 100);
	nwb_check_eq(tl.rule[0].retries, 2);
	nwb_check_eq(tl.rule[0].bytes_again, 8192);
}

/* Requests that share a page share no byte. */
NWB_TEST(timeline, an_odd_wsize_is_exact)
{
	struct hand h = {0};
	struct nwb_timeline tl;

	put(&h, NWB_L_WRITE, 0, 0, 3 * 4096);
	put(&h, NWB_L_FAULT, 5, 0, 0);
	put(&h, NWB_L_SENT, 10, 0, 5000);
	put(&h, NWB_L_SENT, 11, 5000, 5000);
	put(&h, NWB_L_SENT, 12, 10000, 2288);
	tl = made(&h, 1, 100);
	nwb_check_eq(tl.rule[0].bytes_again, 0);
	put(&h, NWB_L_SENT, 20, 5000, 5000)->aux = 1;
	tl = made(&h, 1, 100);
	nwb_check_eq(tl.rule[0].retries, 1);
	nwb_check_eq(tl.rule[0].bytes_again, 5000);
}

/* Two rules: each byte counts for the one that hit last. */
NWB_TEST(timeline, what_is_sent_again_counts_for_the_last_hit)
{
	struct hand h = {0};
	struct nwb_timeline tl;

	put(&h, NWB_L_WRITE, 0, 0, 8192);
	put(&h, NWB_L_SENT, 10, 0, 8192);
	put(&h, NWB_L_FAULT, 20, 0, 0);
	put(&h, NWB_L_SENT, 30, 0, 4096)->aux = 1;
	put(&h, NWB_L_FAULT, 40, 0, 0)->rule = 1;
	put(&h, NWB_L_CONN_DOWN, 45, 0, 0);
	put(&h, NWB_L_SENT, 50, 0, 8192);
	put(&h, NWB_L_FAULT, 60, 0, 0)->rule = 9; /* of no plan */
	tl = made(&h, 2, 100);
	nwb_check_eq(tl.rule[0].bytes_again, 4096);
	nwb_check_eq(tl.rule[1].bytes_again, 8192);
	nwb_check_eq(tl.rule[1].first_ns, 40 * NWB_USEC);
}

/* Slots that were never filled, writers that were killed, no records at all. */
NWB_TEST(timeline, gaps_and_open_records_are_left_out)
{
	struct hand h = {0};
	struct nwb_timeline tl = made(&h, 1, 100);

	nwb_check_eq(tl.nr_bins, 0);
	put(&h, NWB_L_WRITE, 0, 0, 4096);
	put(&h, NWB_L_ACKED, 5, 0, 4096)->state = NWB_LS_BEGUN;
	put(&h, NWB_L_SENT, 5, 0, 4096)->state = NWB_LS_FREE;
	tl = made(&h, 1, 100);
	nwb_check(!tl.has_acks);
	nwb_check_eq(tl.rule[0].bytes_again, NWB_TL_NONE);
}

NWB_TEST(timeline, too_many_marks_are_counted)
{
	static struct nwb_lrec rec[NWB_TL_MARKS + 8];
	static struct nwb_timeline tl;

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(rec); i++)
		rec[i] = (struct nwb_lrec){
			.state = NWB_LS_ENDED,
			.kind = i ? NWB_L_FAULT : NWB_L_WRITE,
			.begin = 2 * i,
			.end = 2 * i + 1,
			.t_begin = T0 + i,
			.t_end = T0 + i,
		};
	nwb_check_eq(
		nwb_timeline_make(rec, NWB_ARRAY_SIZE(rec), 1, NWB_MSEC, &tl),
		0);
	nwb_check_eq(tl.nr_marks, NWB_TL_MARKS);
	nwb_check_eq(tl.marks_left_out, 7);
	nwb_check_eq(tl.rule[0].hits, NWB_TL_MARKS + 7);
}

NWB_TEST(timeline, without_memory_nothing_leaks)
{
	struct hand h = {0};
	static struct nwb_timeline tl;
	uint64_t live = nwb_mem_live();

	put(&h, NWB_L_WRITE, 0, 0, 4096);
	put(&h, NWB_L_SENT, 10, 0, 4096);
	for (unsigned int n = 1; n <= 3; n++) {
		nwb_mem_fail_at(n, 1);
		nwb_check_eq(nwb_timeline_make(h.rec, h.nr, 1, NWB_MSEC, &tl),
			     -12);
		nwb_check_eq(nwb_mem_live(), live);
	}
	nwb_mem_fail_at(0, 0);
	nwb_check_eq(nwb_timeline_make(h.rec, h.nr, 1, NWB_MSEC, &tl), 0);
	nwb_check_eq(nwb_mem_live(), live);
}
