/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shim in encrypted sessions: what it sees between the socket and the
 * hooks, with a cipher that is none (every byte inverted).
 */
#include "shim_util.h"

#include <errno.h>
#include <string.h>

#define TF 52u

static uint8_t plain[512], frame[600];
static uint8_t last_nonce;

static void invert(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)~p[i];
}

/* The frame of @plain, whose first 4 bytes are NBT's; the nonce is new. */
static size_t make_frame(size_t n)
{
	size_t len = n - 4;

	memset(frame, 0, sizeof(frame));
	frame[2] = (uint8_t)((TF + len) >> 8);
	frame[3] = (uint8_t)(TF + len);
	memcpy(frame + 4, "\xfdSMB", 4);
	frame[4 + 20] = ++last_nonce;
	memcpy(frame + 4 + TF, plain + 4, len);
	return 4 + TF + len;
}

/* smbd reads a WRITE and decrypts it. Return: it may go on. */
static bool arrives(struct sh_conn *c, uint64_t mid)
{
	size_t n =
		make_frame(smb_request(plain, SMB_WRITE, mid, 1, mid * 16, 16));
	struct iovec iov[2] = {{frame + 4, TF}, {frame + 4 + TF, n - 4 - TF}};

	invert(iov[1].iov_base, iov[1].iov_len);
	nwb_check_eq(world_rx(c, frame, n), n);
	invert(iov[1].iov_base, iov[1].iov_len);
	return sh_unsealed(iov, 2, true);
}

/* smbd encrypts the answer and sends it. */
static ssize_t answers(struct sh_conn *c, uint64_t mid, uint16_t credits)
{
	size_t n = make_frame(smb_reply(plain, SMB_WRITE, mid, 0, 0, credits));
	struct iovec iov[3] = {{frame + 4, TF},
			       {frame + 4 + TF, 64},
			       {frame + 4 + TF + 64, n - 4 - TF - 64}};

	sh_seal(iov, 3);
	invert(frame + 4 + TF, n - 4 - TF);
	sh_sealed(frame + 4);
	return world_tx(c, frame, n);
}

/* What left, decrypted. */
static void out_pdu(unsigned int i, struct sh_pdu *ret)
{
	nwb_check(i < world.nr_out);
	invert(world.out[i] + 4 + TF, world.out_len[i] - 4 - TF);
	nwb_check(sh_smb_decode(world.out[i] + 4 + TF,
				world.out_len[i] - 4 - TF, ret));
}

NWB_TEST(sealed, requests_and_replies_are_recorded)
{
	const struct nwb_lrec *r;
	struct sh_conn *c;

	world_begin("smbd", "", 0);
	c = world_conn();
	nwb_check(arrives(c, 3));
	nwb_check_eq(answers(c, 3, 2), (ssize_t)(world.out_len[0]));
	r = find_record(NWB_L_PDU_REQ, 0);
	nwb_check(r && r->mid == 3 && r->off == 48 && r->len == 16 &&
		  r->file == 1);
	r = find_record(NWB_L_PDU_REPLY, 0);
	nwb_check(r && r->mid == 3 && r->grant == 2 && r->result == 16);
	nwb_check_eq(c->nr_open, 0);
	nwb_check_eq(atomic_load(&sh.page->seal), NWB_FC_SEAL_OK);
	nwb_check_eq(atomic_load(&sh.page->nr_encrypted), 0);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(sealed, a_cut_before_makes_the_decryption_fail)
{
	struct sh_conn *c;

	world_begin("smbd", "cut: on server.write nth=2 before do rst", 0);
	c = world_conn();
	nwb_check(arrives(c, 1));
	nwb_check(!arrives(c, 2));
	nwb_check_eq(world.nr_rst, 1);
	nwb_check_eq(hits("cut"), 1);
	nwb_check_eq(count_records(NWB_L_PDU_REQ), 1);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(sealed, a_cut_after_drops_the_answer)
{
	struct sh_conn *c;

	world_begin("smbd", "cut: on server.write nth=2 after do drop, fin", 0);
	c = world_conn();
	nwb_check(arrives(c, 1));
	nwb_check(arrives(c, 2));
	nwb_check(answers(c, 1, 1) > 0);
	nwb_check(answers(c, 2, 1) > 0);
	nwb_check_eq(world.nr_out, 1);
	nwb_check_eq(world.nr_fin, 1);
	nwb_check_eq(hits("cut"), 1);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(sealed, credits_are_decided_before_encryption)
{
	struct sh_conn *c;
	struct sh_pdu p;

	world_begin("smbd", "s: on server.grant do grant 0", 0);
	c = world_conn();
	c->balance = 9;
	nwb_check(arrives(c, 1));
	nwb_check(arrives(c, 2));
	nwb_check(answers(c, 1, 3) > 0);
	out_pdu(0, &p);
	nwb_check(p.mid == 1 && p.credits == 0);
	nwb_check_eq(find_record(NWB_L_PDU_REPLY, 0)->grant, 0);
	nwb_check_eq(hits("s"), 1);
	nwb_check_eq(c->withheld, 3);
	sh_conn_close(c);
	world_end();
}

/* Answers may leave in another order than they were encrypted in. */
NWB_TEST(sealed, answers_are_known_by_their_nonce)
{
	uint8_t first[600];
	struct sh_conn *c;
	size_t n;

	world_begin("smbd", "", 0);
	c = world_conn();
	nwb_check(arrives(c, 1));
	nwb_check(arrives(c, 2));
	n = make_frame(smb_reply(plain, SMB_WRITE, 1, 0, 0, 1));
	sh_seal((struct iovec[]){{frame + 4, TF}, {frame + 4 + TF, n - 4 - TF}},
		2);
	sh_sealed(frame + 4);
	memcpy(first, frame, n);
	nwb_check(answers(c, 2, 1) > 0);
	nwb_check(world_tx(c, first, n) > 0);
	nwb_check_eq(find_record(NWB_L_PDU_REPLY, 0)->mid, 2);
	nwb_check_eq(find_record(NWB_L_PDU_REPLY, 1)->mid, 1);
	/* twice the same frame: nothing is known of the second */
	nwb_check_eq(atomic_load(&sh.page->nr_encrypted), 0);
	nwb_check(world_tx(c, first, n) > 0);
	nwb_check_eq(atomic_load(&sh.page->nr_encrypted), 1);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(sealed, what_passes_the_hooks_by_is_refused)
{
	struct sh_conn *c;
	size_t n;

	world_begin("smbd", "cut: on server.write nth=9 before do rst", 0);
	atomic_store(&sh.page->attached, 1);
	c = world_conn();
	n = make_frame(smb_request(plain, SMB_WRITE, 1, 1, 0, 16));
	nwb_check_eq(world_rx(c, frame, n), n);
	nwb_check(!nwb_fc_refusal(sh.page));
	/* the next one comes, and the first was never decrypted here */
	nwb_check_eq(world_rx(c, frame, n), n);
	nwb_check_eq(atomic_load(&sh.page->nr_encrypted), 1);
	nwb_check(strstr(nwb_fc_refusal(sh.page), "without passing the shim"));
	atomic_store(&sh.page->seal, NWB_FC_SEAL_MISSING);
	nwb_check(strstr(nwb_fc_refusal(sh.page), "another version"));
	/* and a function of the same name that does something else */
	sh_seal((struct iovec[]){{frame, 4}}, 1);
	nwb_check_eq(atomic_load(&sh.page->seal), NWB_FC_SEAL_SHAPE);
	nwb_check(strstr(nwb_fc_refusal(sh.page), "no message"));
	sh_conn_close(c);
	world_end();
}

NWB_TEST(sealed, what_cannot_be_decrypted_is_the_servers_business)
{
	struct iovec iov[2] = {{frame + 4, TF}, {frame + 4 + TF, 112}};
	struct sh_conn *c;
	size_t n;

	world_begin("smbd", "", 0);
	c = world_conn();
	n = make_frame(smb_request(plain, SMB_WRITE, 1, 1, 0, 16));
	nwb_check_eq(world_rx(c, frame, n), n);
	nwb_check(sh_unsealed(iov, 2, false));
	nwb_check_eq(count_records(NWB_L_PDU_REQ), 0);
	nwb_check(arrives(c, 2));
	nwb_check_eq(count_records(NWB_L_PDU_REQ), 1);
	nwb_check_eq(atomic_load(&sh.page->nr_encrypted), 0);
	sh_conn_close(c);
	world_end();
}
