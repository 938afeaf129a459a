/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shim between a server and its sockets and files, all of them made up:
 * cuts before and after, holds, order, famine, effects and their requests.
 */
#include "shim_util.h"

#include <errno.h>
#include <string.h>

static uint8_t buf[1024];

static void request(struct sh_conn *c, uint64_t mid, uint16_t charge)
{
	size_t n = smb_request(buf, SMB_WRITE, mid, charge, mid * 16, 16);

	nwb_check_eq(world_rx(c, buf, n), n);
}

static void reply(struct sh_conn *c, uint64_t mid, uint16_t credits)
{
	size_t n = smb_reply(buf, SMB_WRITE, mid, 0, 0, credits);

	nwb_check_eq(world_tx(c, buf, n), n);
}

static uint64_t out_mid(unsigned int i)
{
	struct sh_pdu p;

	nwb_check(i < world.nr_out);
	nwb_check(sh_smb_decode(world.out[i] + 4, world.out_len[i] - 4, &p));
	return p.mid;
}

static uint16_t out_credits(unsigned int i)
{
	struct sh_pdu p;

	nwb_check(i < world.nr_out);
	nwb_check(sh_smb_decode(world.out[i] + 4, world.out_len[i] - 4, &p));
	return p.credits;
}

NWB_TEST(shim, passes_and_records)
{
	const struct nwb_lrec *r;
	struct sh_conn *c;

	world_begin("smbd", "", 0);
	c = world_conn();
	request(c, 3, 1);
	reply(c, 3, 2);
	nwb_check_eq(world.nr_out, 1);
	r = find_record(NWB_L_PDU_REQ, 0);
	nwb_check_eq(r->mid, 3);
	nwb_check_eq(r->off, 48);
	nwb_check_eq(r->len, 16);
	nwb_check_eq(r->file, 1);
	nwb_check_eq(r->conn, 4711);
	r = find_record(NWB_L_PDU_REPLY, 0);
	nwb_check_eq(r->state, NWB_LS_ENDED);
	nwb_check_eq(r->grant, 2);
	nwb_check_eq(r->result, 16);
	nwb_check_eq(r->file, 1);
	nwb_check_eq(c->nr_open, 0);
	sh_conn_close(c);
	nwb_check_eq(count_records(NWB_L_CONN_DOWN), 1);
	world_end();
}

NWB_TEST(shim, cut_before_gives_the_server_nothing_of_it)
{
	struct sh_conn *c;
	size_t a, b;

	world_begin("smbd", "cut: on server.write nth=2 before do rst", 0);
	c = world_conn();
	a = smb_request(buf, SMB_WRITE, 1, 1, 0, 16);
	b = smb_request(buf + a, SMB_WRITE, 2, 1, 16, 16);
	/* two in one read: the first is given, the second is not */
	nwb_check_eq(world_rx(c, buf, a + b), a);
	nwb_check_eq(world.nr_rst, 1);
	nwb_check_eq(hits("cut"), 1);
	nwb_check_eq(count_records(NWB_L_PDU_REQ), 1);
	nwb_check_eq(find_record(NWB_L_CONN_DOWN, 0)->aux, 1);
	errno = 0;
	nwb_check_eq(world_rx(c, buf, a), -1);
	nwb_check_eq(errno, ECONNRESET);
	nwb_check_eq(world_tx(c, buf, smb_reply(buf, SMB_WRITE, 1, 0, 0, 1)),
		     -1);
	nwb_check_eq(errno, EPIPE);
	nwb_check_eq(world.nr_out, 0);
	sh_conn_close(c);
	nwb_check_eq(count_records(NWB_L_CONN_DOWN), 1);
	world_end();
}

NWB_TEST(shim, cut_before_in_pieces)
{
	struct sh_conn *c;
	size_t n;

	world_begin("smbd", "cut: on server.write before do fin", 0);
	c = world_conn();
	n = smb_request(buf, SMB_WRITE, 1, 1, 0, 16);
	nwb_check_eq(world_rx(c, buf, 4), 4);
	nwb_check_eq(world_rx(c, buf + 4, n - 5), n - 5);
	nwb_check_eq(hits("cut"), 0);
	/* the last byte decides, and does not arrive: end of file */
	nwb_check_eq(world_rx(c, buf + n - 1, 1), 0);
	nwb_check_eq(hits("cut"), 1);
	nwb_check_eq(world.nr_fin, 1);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(shim, cut_after_swallows_the_reply)
{
	struct sh_conn *c;
	size_t n;

	world_begin("smbd", "cut: on server.write nth=1 after do rst", 0);
	c = world_conn();
	request(c, 1, 1);
	request(c, 2, 1);
	nwb_check_eq(hits("cut"), 0);
	/* neither another reply nor an interim one is it */
	reply(c, 2, 1);
	n = smb_reply(buf, SMB_WRITE, 1, SMB_PENDING, SMB_FLAG_ASYNC, 1);
	nwb_check_eq(world_tx(c, buf, n), n);
	nwb_check_eq(world.nr_out, 2);
	nwb_check_eq(hits("cut"), 0);
	reply(c, 1, 0);
	nwb_check_eq(world.nr_out, 2);
	nwb_check_eq(world.nr_rst, 1);
	nwb_check_eq(hits("cut"), 1);
	nwb_check_eq(count_records(NWB_L_PDU_REPLY), 2);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(shim, held_replies_keep_order_and_others_overtake)
{
	struct sh_conn *c;

	world_begin("smbd", "slow: on server.write nth=1..2 do hold 5ms", 0);
	c = world_conn();
	for (uint64_t m = 1; m <= 3; m++)
		request(c, m, 1);
	for (uint64_t m = 1; m <= 3; m++)
		reply(c, m, 1);
	nwb_check_eq(world.nr_out, 1);
	nwb_check_eq(out_mid(0), 3);
	nwb_check_eq(world.nr_senders, 1);
	nwb_check_eq(sh_queue_run(world.now), world.now + 5 * NWB_MSEC);
	nwb_check_eq(world.nr_out, 1);
	nwb_check_eq(count_records(NWB_L_PDU_REPLY), 1);
	world.now += 5 * NWB_MSEC;
	nwb_check(sh_queue_run(world.now) == NWB_NEVER);
	nwb_check_eq(world.nr_out, 3);
	nwb_check_eq(out_mid(1), 1);
	nwb_check_eq(out_mid(2), 2);
	nwb_check_eq(count_records(NWB_L_PDU_REPLY), 3);
	nwb_check_eq(hits("slow"), 2);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(shim, heal_releases_what_is_held)
{
	struct sh_conn *c;

	world_begin("smbd", "slow: on server.write do hold 5s", 0);
	c = world_conn();
	request(c, 1, 1);
	reply(c, 1, 1);
	nwb_check_eq(world.nr_out, 0);
	nwb_fc_heal(sh.page);
	sh_queue_run(world.now);
	nwb_check_eq(world.nr_out, 1);
	request(c, 2, 1);
	reply(c, 2, 1);
	nwb_check_eq(world.nr_out, 2);
	nwb_check_eq(hits("slow"), 1);
	sh_conn_close(c);
	world_end();
}

/* A full socket: PDUs of the server and of the queue are never mixed. */
NWB_TEST(shim, partial_sends_stay_whole)
{
	struct sh_conn *c;
	size_t n;

	world_begin("smbd", "slow: on server.write nth=1 do hold 1ms", 0);
	c = world_conn();
	for (uint64_t m = 1; m <= 3; m++)
		request(c, m, 1);
	reply(c, 1, 1);
	/* the server's own PDU leaves in part; the held one is due */
	world.room = 10;
	n = smb_reply(buf, SMB_WRITE, 2, 0, 0, 1);
	nwb_check_eq(world_tx(c, buf, n), 10);
	nwb_check_eq(find_record(NWB_L_PDU_REPLY, 0)->state, NWB_LS_BEGUN);
	world.room = SIZE_MAX;
	world.now += 2 * NWB_MSEC;
	nwb_check(sh_queue_run(world.now) != NWB_NEVER);
	nwb_check_eq(world.nr_out, 0);
	nwb_check_eq(world_tx(c, buf + 10, n - 10), n - 10);
	nwb_check_eq(find_record(NWB_L_PDU_REPLY, 0)->state, NWB_LS_ENDED);
	/* now the queue's leaves in part, and the server comes */
	world.room = 20;
	nwb_check(sh_queue_run(world.now) != NWB_NEVER);
	world.room = SIZE_MAX;
	reply(c, 3, 1);
	nwb_check_eq(world.nr_out, 1);
	nwb_check(sh_queue_run(world.now) == NWB_NEVER);
	nwb_check_eq(world.nr_out, 3);
	nwb_check_eq(out_mid(0), 2);
	nwb_check_eq(out_mid(1), 1);
	nwb_check_eq(out_mid(2), 3);
	sh_conn_close(c);
	world_end();
}

/* The same with one that left before it was due, because all was healed. */
NWB_TEST(shim, partial_sends_after_heal)
{
	struct sh_conn *c;

	world_begin("smbd", "slow: on server.write nth=1 do hold 5s", 0);
	c = world_conn();
	request(c, 1, 1);
	request(c, 2, 1);
	reply(c, 1, 1);
	nwb_fc_heal(sh.page);
	world.room = 20;
	sh_queue_run(world.now);
	world.room = SIZE_MAX;
	reply(c, 2, 1);
	nwb_check_eq(world.nr_out, 0);
	nwb_check(sh_queue_run(world.now) == NWB_NEVER);
	nwb_check_eq(world.nr_out, 2);
	nwb_check_eq(out_mid(0), 1);
	nwb_check_eq(out_mid(1), 2);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(shim, eagain_decides_once)
{
	struct sh_conn *c;
	size_t n;

	world_begin("smbd", "x: on server.reply nth=2 do dup", 0);
	c = world_conn();
	request(c, 1, 1);
	world.room = 0;
	n = smb_reply(buf, SMB_WRITE, 1, 0, 0, 1);
	nwb_check_eq(world_tx(c, buf, n), -1);
	nwb_check_eq(world_tx(c, buf, n), -1);
	world.room = SIZE_MAX;
	nwb_check_eq(world_tx(c, buf, n), n);
	nwb_check_eq(matches("x"), 1);
	nwb_check_eq(count_records(NWB_L_PDU_REPLY), 1);
	nwb_check_eq(find_record(NWB_L_PDU_REPLY, 0)->state, NWB_LS_ENDED);
	/* and the second is doubled, the copy marked */
	request(c, 2, 1);
	reply(c, 2, 1);
	sh_queue_run(world.now);
	nwb_check_eq(world.nr_out, 3);
	nwb_check_eq(out_mid(1), 2);
	nwb_check_eq(out_mid(2), 2);
	nwb_check(!(find_record(NWB_L_PDU_REPLY, 1)->flags & NWB_LF_DUP));
	nwb_check(find_record(NWB_L_PDU_REPLY, 2)->flags & NWB_LF_DUP);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(shim, two_frames_in_one_call)
{
	struct sh_conn *c;
	size_t a, b;

	world_begin("smbd", "", 0);
	c = world_conn();
	request(c, 1, 1);
	request(c, 2, 1);
	a = smb_reply(buf, SMB_WRITE, 1, 0, 0, 1);
	b = smb_reply(buf + a, SMB_WRITE, 2, 0, 0, 1);
	nwb_check_eq(world_tx(c, buf, a + b), a);
	nwb_check_eq(world_tx(c, buf + a, b), b);
	nwb_check_eq(count_records(NWB_L_PDU_REPLY), 2);
	nwb_check_eq(c->nr_open, 0);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(shim, kill_is_recorded_first)
{
	struct sh_conn *c;

	world_begin("smbd", "k: on server.write after do restart", 0);
	c = world_conn();
	request(c, 1, 1);
	nwb_check_eq(world.nr_die, 0);
	reply(c, 1, 1);
	nwb_check_eq(world.nr_die, 1);
	nwb_check_eq(count_records(NWB_L_FAULT), 1);
	nwb_check_eq(atomic_load(&sh.page->restarts), 1);
	nwb_check_eq(world.nr_out, 0);
	sh_conn_close(c);
	world_end();
}

/* The harness must not take it for the death of the server. */
NWB_TEST(shim, kill_child_leaves_the_server_alone)
{
	struct sh_conn *c;

	world_begin("smbd", "k: on server.write after do kill-child", 0);
	atomic_store(&sh.page->main_pid, 77);
	c = world_conn();
	request(c, 1, 1);
	reply(c, 1, 1);
	nwb_check_eq(world.nr_die, 1);
	nwb_check_eq(world.died_with, 0);
	nwb_check_eq(count_records(NWB_L_FAULT), 1);
	nwb_check_eq(atomic_load(&sh.page->kills), 0);
	nwb_check_eq(world.nr_out, 0);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(shim, events_are_counted_for_phases)
{
	struct sh_conn *c;

	world_begin("smbd", "phase p until server.write=2", 0);
	c = world_conn();
	request(c, 1, 1);
	request(c, 2, 1);
	reply(c, 1, 1);
	nwb_check_eq(atomic_load(&sh.page->nr_event[NWB_OP_WRITE]), 2);
	nwb_check_eq(atomic_load(&sh.page->nr_event[NWB_OP_REPLY]), 1);
	nwb_check_eq(atomic_load(&sh.page->nr_event[NWB_OP_GRANT]), 1);
	sh_conn_close(c);
	world_end();
}

/* --- credits --- */

NWB_TEST(famine, window_is_withheld_and_given_back)
{
	struct sh_conn *c;

	world_begin("smbd", "s: on server.grant nth=1..2 do grant 0", 0);
	c = world_conn();
	c->balance = 10;
	for (uint64_t m = 1; m <= 4; m++)
		request(c, m, 1);
	for (uint64_t m = 1; m <= 3; m++)
		reply(c, m, 2);
	nwb_check_eq(out_credits(0), 0);
	nwb_check_eq(out_credits(1), 0);
	nwb_check_eq(out_credits(2), 2 + 4);
	nwb_check_eq(c->withheld, 0);
	nwb_check_eq(hits("s"), 2);
	nwb_check_eq(find_record(NWB_L_PDU_REPLY, 0)->grant, 0);
	nwb_check_eq(find_record(NWB_L_PDU_REPLY, 2)->grant, 6);
	nwb_check_eq(atomic_load(&sh.page->credits_withheld), 4);
	nwb_check_eq(atomic_load(&sh.page->credits_returned), 4);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(famine, the_last_open_reply_brings_relief)
{
	struct sh_conn *c;

	world_begin("smbd", "s: on server.grant do grant 0", 0);
	c = world_conn();
	c->balance = 8;
	request(c, 1, 4);
	request(c, 5, 4);
	nwb_check_eq(c->balance, 0);
	reply(c, 1, 4);
	nwb_check_eq(world.nr_out, 1);
	nwb_check_eq(out_credits(0), 0);
	reply(c, 5, 4); /* nothing else is open and the client has 0 */
	nwb_check_eq(world.nr_out, 1);
	nwb_check_eq(sh_queue_run(world.now), world.now + SH_RELIEF_NS);
	world.now += SH_RELIEF_NS;
	sh_queue_run(world.now);
	nwb_check_eq(out_credits(1), 8);
	nwb_check_eq(c->balance, 8);
	nwb_check_eq(atomic_load(&sh.page->nr_relief), 1);
	sh_conn_close(c);
	world_end();
}

/* Enough for a small request is not enough for the one it needs. */
NWB_TEST(famine, less_than_the_charge_counts_as_none)
{
	struct sh_conn *c;

	world_begin("smbd", "s: on server.grant do grant 0", 0);
	c = world_conn();
	c->balance = 7;
	request(c, 1, 4);
	nwb_check_eq(c->balance, 3);
	reply(c, 1, 4);
	nwb_check_eq(atomic_load(&sh.page->nr_relief), 1);
	sh_conn_close(c);
	world_end();
	world_begin("smbd", "s: on server.grant do grant 0", 0);
	c = world_conn();
	c->balance = 8;
	request(c, 1, 4);
	reply(c, 1, 4);
	nwb_check_eq(atomic_load(&sh.page->nr_relief), 0);
	sh_conn_close(c);
	world_end();
}

/* smbd grants in the interim reply; the final one has nothing to take, and
 * must not give everything back in the middle of the famine. */
NWB_TEST(famine, interim_replies)
{
	struct sh_conn *c;
	size_t n;

	world_begin("smbd", "s: on server.grant do grant 0", 0);
	c = world_conn();
	c->balance = 4;
	request(c, 1, 1);
	request(c, 2, 1);
	n = smb_reply(buf, SMB_WRITE, 1, SMB_PENDING, SMB_FLAG_ASYNC, 1);
	nwb_check_eq(world_tx(c, buf, n), n);
	nwb_check_eq(out_credits(0), 0);
	reply(c, 1, 0);
	nwb_check_eq(out_credits(1), 0);
	nwb_check_eq(c->withheld, 1);
	nwb_check_eq(c->nr_open, 1);
	nwb_fc_heal(sh.page);
	reply(c, 2, 1);
	nwb_check_eq(out_credits(2), 2);
	sh_conn_close(c);
	world_end();
}

/* An interim reply is not the last one: the final one brings the relief. */
NWB_TEST(famine, relief_waits_for_the_final_reply)
{
	struct sh_conn *c;
	size_t n;

	world_begin("smbd", "s: on server.grant do grant 0", 0);
	c = world_conn();
	request(c, 1, 1);
	nwb_check_eq(c->balance, 0);
	n = smb_reply(buf, SMB_WRITE, 1, SMB_PENDING, SMB_FLAG_ASYNC, 1);
	nwb_check_eq(world_tx(c, buf, n), n);
	nwb_check_eq(out_credits(0), 0);
	nwb_check_eq(atomic_load(&sh.page->nr_relief), 0);
	reply(c, 1, 0);
	nwb_check_eq(atomic_load(&sh.page->nr_relief), 1);
	world.now += SH_RELIEF_NS;
	sh_queue_run(world.now);
	nwb_check_eq(out_credits(1), 1);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(famine, signed_replies_are_decided_before_they_are_signed)
{
	struct sh_conn *c;
	struct sh_pdu p;
	size_t n;

	world_begin("smbd", "s: on server.grant do grant 0", 0);
	c = world_conn();
	c->balance = 9;
	request(c, 1, 1);
	request(c, 2, 1);
	n = smb_reply(buf, SMB_WRITE, 1, 0, SMB_FLAG_SIGNED, 3);
	sh_sign(NULL, buf + 4, 64);
	nwb_check(sh_smb_decode(buf + 4, n - 4, &p));
	nwb_check_eq(p.credits, 0);
	nwb_check_eq(world_tx(c, buf, n), n);
	nwb_check_eq(hits("s"), 1);
	nwb_check_eq(atomic_load(&sh.page->sign), NWB_FC_SIGN_OK);
	nwb_check(!find_record(NWB_L_PDU_REPLY, 0)->grant);
	/* signed, and the hook was passed by: nothing is touched */
	atomic_store(&sh.page->sign, NWB_FC_SIGN_UNKNOWN);
	atomic_store(&sh.page->attached, 1);
	n = smb_reply(buf, SMB_WRITE, 2, 0, SMB_FLAG_SIGNED, 3);
	nwb_check_eq(world_tx(c, buf, n), n);
	nwb_check_eq(out_credits(1), 3);
	nwb_check_eq(atomic_load(&sh.page->sign), NWB_FC_SIGN_BYPASSED);
	nwb_check(nwb_fc_refusal(sh.page));
	/* and what is no header is noticed */
	sh_sign(NULL, buf, 64);
	nwb_check_eq(atomic_load(&sh.page->sign), NWB_FC_SIGN_SHAPE);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(famine, a_dropped_reply_brings_no_credits)
{
	struct sh_conn *c;

	world_begin("smbd", "d: on server.write nth=1 do drop", 0);
	c = world_conn();
	c->balance = 5;
	request(c, 1, 1);
	reply(c, 1, 3);
	nwb_check_eq(world.nr_out, 0);
	nwb_check_eq(c->balance, 4);
	sh_conn_close(c);
	world_end();
}

/* --- effects --- */

static char stored[256];
static unsigned int nr_stored, nr_synced;

static ssize_t store(int fd, const void *p, size_t len, off_t off)
{
	(void)fd;
	memcpy(stored + off, p, len);
	nr_stored++;
	return (ssize_t)len;
}

static int sync_it(int fd)
{
	(void)fd;
	nr_synced++;
	return 0;
}

static ssize_t do_pwrite(const void *p, size_t len, off_t off)
{
	const struct sh_file *f = sh_file_intern("/export/a.dat");

	nwb_check(f);
	nwb_check_eq(f->id, 1);
	return sh_pwrite(f, 3, p, len, off, store);
}

NWB_TEST(effect, belongs_to_its_request)
{
	struct sh_conn *c;
	const struct nwb_lrec *r;
	uint8_t other[512];
	size_t n;

	world_begin("smbd", "", 1);
	c = world_conn();
	/* two of the same extent: the address of the payload decides */
	n = smb_request(other, SMB_WRITE, 1, 1, 32, 16);
	nwb_stamp_fill(&sh.key, 1, 7, 32, other + 116, 16);
	nwb_check_eq(world_rx(c, other, n), n);
	n = smb_request(buf, SMB_WRITE, 2, 1, 32, 16);
	nwb_stamp_fill(&sh.key, 1, 8, 32, buf + 116, 16);
	nwb_check_eq(world_rx(c, buf, n), n);
	nwb_check_eq(do_pwrite(buf + 116, 16, 32), 16);
	r = find_record(NWB_L_EFFECT_WRITE, 0);
	nwb_check_eq(r->mid, 2);
	nwb_check_eq(r->conn, 4711);
	nwb_check_eq(r->result, 16);
	nwb_check_eq(r->state, NWB_LS_ENDED);
	r = find_record(NWB_L_EFFECT_RUN, 0);
	nwb_check_eq(r->version, 8);
	nwb_check_eq(r->file2, 1);
	nwb_check_eq(r->len2, 32);
	nwb_check_eq(r->len, 16);
	nwb_check(r->parent > 0);
	/* from elsewhere: the one that is left */
	nwb_check_eq(do_pwrite(stored + 32, 16, 32), 16);
	nwb_check_eq(find_record(NWB_L_EFFECT_WRITE, 1)->mid, 1);
	/* nobody's */
	nwb_check_eq(do_pwrite(stored, 16, 32), 16);
	nwb_check_eq(find_record(NWB_L_EFFECT_WRITE, 2)->conn, 0);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(effect, errors_shorts_and_delays)
{
	static const uint8_t data[64];

	world_begin("diod",
		    "e: on backend.pwrite nth=1 do error ENOSPC\n"
		    "s: on backend.pwrite nth=2 do short 10\n"
		    "d: on backend.pwrite nth=3 do delay 3ms\n"
		    "a: on backend.pwrite nth=4 after do error EIO\n"
		    "x: on backend.pwrite eof-extends nth=1 do delay 1us\n"
		    "f: on backend.fsync nth=1 do error EDQUOT\n",
		    0);
	world.file_size = 1000;
	nr_stored = 0;
	errno = 0;
	nwb_check_eq(do_pwrite(data, 64, 0), -1);
	nwb_check_eq(errno, ENOSPC);
	nwb_check_eq(nr_stored, 0);
	nwb_check_eq(find_record(NWB_L_EFFECT_WRITE, 0)->result, -ENOSPC);
	nwb_check_eq(do_pwrite(data, 64, 0), 10);
	nwb_check_eq(find_record(NWB_L_EFFECT_WRITE, 1)->len, 10);
	nwb_check_eq(do_pwrite(data, 64, 0), 64);
	nwb_check_eq(world.slept, 3 * NWB_MSEC);
	nwb_check_eq(find_record(NWB_L_EFFECT_WRITE, 2)->aux, 3 * NWB_MSEC);
	nr_stored = 0;
	nwb_check_eq(do_pwrite(data, 64, 0), -1);
	nwb_check_eq(errno, EIO);
	nwb_check_eq(nr_stored, 1);
	nwb_check_eq(find_record(NWB_L_EFFECT_WRITE, 3)->result, 64);
	nwb_check_eq(hits("x"), 0);
	world.file_size = 63;
	nwb_check_eq(do_pwrite(data, 64, 0), 64);
	nwb_check_eq(hits("x"), 1);
	nr_synced = 0;
	nwb_check_eq(sh_fsync(sh_file_intern("a.dat"), 3, sync_it), -1);
	nwb_check_eq(errno, EDQUOT);
	nwb_check_eq(nr_synced, 0);
	nwb_check_eq(sh_fsync(sh_file_intern("a.dat"), 3, sync_it), 0);
	nwb_check_eq(find_record(NWB_L_EFFECT_FSYNC, 0)->result, -EDQUOT);
	nwb_check_eq(find_record(NWB_L_EFFECT_FSYNC, 1)->result, 0);
	world_end();
}

/* A rule of a request may act where the request meets storage. */
NWB_TEST(effect, marks_travel_with_the_request)
{
	struct sh_conn *c;

	world_begin("smbd",
		    "e: on server.write nth=2 do error EIO\n"
		    "f: on server.flush do error EIO\n",
		    0);
	c = world_conn();
	request(c, 1, 1);
	request(c, 2, 1);
	nwb_check_eq(hits("e"), 0);
	nwb_check_eq(do_pwrite(stored, 16, 16), 16);
	nwb_check_eq(hits("e"), 0);
	nwb_check_eq(do_pwrite(stored, 16, 32), -1);
	nwb_check_eq(hits("e"), 1);
	nwb_check_eq(find_record(NWB_L_FAULT, 0)->mid, 2);
	/* a mark that met nothing is no hit, and it is counted */
	nwb_check_eq(world_rx(c, buf, smb_request(buf, SMB_FLUSH, 3, 1, 0, 0)),
		     4 + 64 + 48);
	nwb_check_eq(world_tx(c, buf, smb_reply(buf, SMB_FLUSH, 3, 0, 0, 1)),
		     4 + 64 + 16);
	nwb_check_eq(hits("f"), 0);
	nwb_check_eq(atomic_load(&sh.page->marks_lost), 1);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(effect, foreign_files_are_left_alone)
{
	world_begin("smbd", "", 0);
	nwb_check(!sh_file_intern("/var/lock/locking.tdb"));
	nwb_check(!sh_file_intern("/export/b.dat"));
	nwb_check(sh_file_intern("/export/a.dat"));
	world_end();
	world_begin("smbd", "e: on backend.pwrite file=b.* do error EIO", 0);
	nwb_check(sh_file_intern("/export/b.dat"));
	nwb_check(!sh_file_intern("/var/lock/locking.tdb"));
	world_end();
}

/* --- 9P --- */

NWB_TEST(shim, p9_tags_fids_and_flush)
{
	static uint8_t walk[] = {24, 0, 0, 0,	110, 1,	  0,   1,
				 0,  0, 0, 9,	0,   0,	  0,   1,
				 0,  5, 0, 'a', '.', 'd', 'a', 't'};
	static uint8_t flush[] = {9, 0, 0, 0, 108, 3, 0, 2, 0};
	static uint8_t rflush[] = {7, 0, 0, 0, 109, 3, 0};
	const struct nwb_lrec *r;
	struct sh_conn *c;
	size_t n;

	world_begin("diod", "e: on server.reply status=ENOSPC do hold 1ms", 0);
	c = world_conn();
	nwb_check_eq(world_rx(c, walk, sizeof(walk)), sizeof(walk));
	n = p9_twrite(buf, 2, 9, 4096, 32);
	nwb_check_eq(world_rx(c, buf, n), n);
	r = find_record(NWB_L_PDU_REQ, 1);
	nwb_check_eq(r->file, 1);
	nwb_check_eq(r->off, 4096);
	nwb_check_eq(r->cmd, 118);
	nwb_check_eq(r->fid, 9);
	nwb_check_eq(find_record(NWB_L_PDU_REQ, 0)->aux, 9);
	/* flushed: no Rwrite comes, the request is forgotten */
	nwb_check_eq(world_rx(c, flush, sizeof(flush)), sizeof(flush));
	nwb_check_eq(find_record(NWB_L_PDU_REQ, 2)->aux, 2);
	nwb_check_eq(c->nr_open, 3);
	nwb_check_eq(world_tx(c, rflush, sizeof(rflush)), sizeof(rflush));
	nwb_check_eq(c->nr_open, 1);
	n = p9_twrite(buf, 2, 9, 0, 32);
	nwb_check_eq(world_rx(c, buf, n), n);
	n = p9_reply(buf, 7, 2, ENOSPC);
	nwb_check_eq(world_tx(c, buf, n), n);
	nwb_check_eq(hits("e"), 1);
	world.now += NWB_MSEC;
	sh_queue_run(world.now);
	r = find_record(NWB_L_PDU_REPLY, 1);
	nwb_check_eq(r->cmd, 7);
	nwb_check_eq(r->status, ENOSPC);
	nwb_check_eq(r->off, 0);
	sh_conn_close(c);
	world_end();
}

/* nfs-ganesha's Rerror has a number like Rlerror and is recorded as one. */
NWB_TEST(shim, p9_rerror_is_an_error)
{
	const struct nwb_lrec *r;
	struct sh_conn *c;
	size_t n;

	world_begin("ganesha", "e: on server.reply status=EIO do hold 1ms", 0);
	c = world_conn();
	n = p9_twrite(buf, 2, 9, 4096, 32);
	nwb_check_eq(world_rx(c, buf, n), n);
	n = p9_reply(buf, 107, 2, EIO);
	nwb_check_eq(world_tx(c, buf, n), n);
	nwb_check_eq(hits("e"), 1);
	world.now += NWB_MSEC;
	sh_queue_run(world.now);
	r = find_record(NWB_L_PDU_REPLY, 0);
	nwb_check_eq(r->cmd, 7);
	nwb_check_eq(r->status, EIO);
	sh_conn_close(c);
	world_end();
}

/* A server whose writes the shim does not see is not judged by it. */
NWB_TEST(shim, writes_past_the_shim_are_refused)
{
	struct sh_conn *c;
	size_t n;

	world_begin("ganesha", "", 0);
	atomic_store(&sh.page->attached, 1);
	c = world_conn();
	sh_handle_set(c, 9, "a.dat");
	n = p9_twrite(buf, 2, 9, 4096, 32);
	nwb_check_eq(world_rx(c, buf, n), n);
	nwb_check(!nwb_fc_refusal(sh.page));
	n = p9_reply(buf, 119, 2, 32);
	nwb_check_eq(world_tx(c, buf, n), n);
	nwb_check(nwb_fc_refusal(sh.page));
	sh_count(&sh.page->nr_pwrites);
	nwb_check(!nwb_fc_refusal(sh.page));
	sh_conn_close(c);
	world_end();
}

NWB_TEST(shim, protocol_is_told_by_the_first_byte)
{
	struct sh_conn *c;
	size_t n;

	world_begin("smbd", "", 0);
	sh.page->proto = NWB_FC_AUTO;
	c = world_conn();
	n = p9_twrite(buf, 1, 5, 0, 8);
	nwb_check_eq(world_rx(c, buf, n), n);
	nwb_check_eq(c->proto, NWB_FC_9P);
	sh_conn_close(c);
	c = world_conn();
	n = smb_request(buf, SMB_WRITE, 1, 1, 0, 16);
	nwb_check_eq(world_rx(c, buf, 4), 4);
	nwb_check_eq(c->proto, NWB_FC_SMB);
	sh_conn_close(c);
	world_end();
}
