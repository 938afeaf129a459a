/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shim with several connections of one session in one process
 * (multichannel): a connection that came from another process, handles that
 * all of them know, ids that are open on two of them.
 */
#include "shim_util.h"

#include <string.h>

static uint8_t buf[1024];

static void request(struct sh_conn *c, uint16_t cmd, uint64_t mid)
{
	size_t n = smb_request(buf, cmd, mid, 1, mid * 16, 16);

	nwb_check_eq(world_rx(c, buf, n), n);
}

NWB_TEST(shim_channel, adopted_one_goes_on_where_the_other_process_was)
{
	const struct nwb_lrec *r;
	struct sh_conn *c;
	size_t n;

	world_begin("smbd", "", 0);
	c = sh_conn_adopt(8, 4712);
	nwb_check(c);
	nwb_check_eq(count_records(NWB_L_CONN_UP), 0);
	nwb_check_eq(c->balance, 0);
	/* the answer to the NEGOTIATE that the other process has read */
	n = smb_reply(buf, SMB_NEGOTIATE, 0, 0, 0, 1);
	nwb_check_eq(world_tx(c, buf, n), n);
	r = find_record(NWB_L_PDU_REPLY, 0);
	nwb_check_eq(r->conn, 4712);
	nwb_check_eq(r->grant, 1);
	nwb_check_eq(c->balance, 1);
	nwb_check_eq(c->nr_open, 0);
	sh_conn_close(c);
	nwb_check_eq(count_records(NWB_L_CONN_DOWN), 1);
	world_end();
}

NWB_TEST(shim_channel, given_one_does_not_end_here)
{
	struct sh_conn *c;

	world_begin("smbd", "", 0);
	c = world_conn();
	request(c, SMB_NEGOTIATE, 0);
	sh_conn_given(4711);
	sh_conn_close(c);
	nwb_check_eq(count_records(NWB_L_CONN_UP), 1);
	nwb_check_eq(count_records(NWB_L_CONN_DOWN), 0);
	world_end();
}

NWB_TEST(shim_channel, bound_one_is_attached_without_a_tree)
{
	struct sh_conn *c;
	size_t n;

	world_begin("smbd", "", 0);
	c = sh_conn_adopt(8, 4712);
	n = smb_request(buf, SMB_SESSION_SETUP, 1, 1, 0, 16);
	buf[4 + 64 + 2] = 1; /* SESSION_FLAG_BINDING */
	nwb_check_eq(world_rx(c, buf, n), n);
	nwb_check(!c->is_attached);
	n = smb_reply(buf, SMB_SESSION_SETUP, 1, 0, 0, 1);
	nwb_check_eq(world_tx(c, buf, n), n);
	nwb_check(c->is_attached);
	sh_conn_close(c);
	world_end();
}

NWB_TEST(shim_channel, handle_of_one_is_known_on_the_other)
{
	const struct nwb_lrec *r;
	struct sh_conn *a, *b;

	world_begin("smbd", "cut: on server.write file=a.dat before do rst", 0);
	a = world_conn(); /* has opened a.dat */
	b = sh_conn_adopt(8, 4712);
	b->is_attached = true;
	b->balance = 8;
	request(b, SMB_FLUSH, 1);
	r = find_record(NWB_L_PDU_REQ, 0);
	nwb_check_eq(r->file, 1);
	nwb_check_eq(r->conn, 4712);
	nwb_check_eq(hits("cut"), 0);
	/* the cut takes b, and a goes on */
	nwb_check_eq(world_rx(b, buf, smb_request(buf, SMB_WRITE, 2, 1, 0, 16)),
		     -1);
	nwb_check_eq(hits("cut"), 1);
	nwb_check_eq(find_record(NWB_L_CONN_DOWN, 0)->conn, 4712);
	request(a, SMB_FLUSH, 1);
	nwb_check_eq(find_record(NWB_L_PDU_REQ, 1)->conn, 4711);
	sh_conn_close(b);
	nwb_check_eq(count_records(NWB_L_CONN_DOWN), 1);
	sh_conn_close(a);
	world_end();
}

NWB_TEST(shim_channel, no_handle_outlives_the_last_connection)
{
	struct sh_handle h;
	struct sh_conn *c;

	world_begin("smbd", "", 0);
	c = world_conn();
	nwb_check(sh_handle_find(c, 5, &h));
	nwb_check_streq(h.name, "a.dat");
	sh_conn_close(c);
	c = sh_conn_new(9, 4713, NWB_FC_SMB);
	nwb_check(!sh_handle_find(c, 5, &h));
	sh_conn_close(c);
	world_end();
}

/* The reply to @mid is about to be signed with @key. */
static void sign(const void *key, uint64_t mid)
{
	smb_reply(buf, SMB_WRITE, mid, 0, SMB_FLAG_SIGNED, 1);
	sh_sign(key, buf + 4, 64);
}

NWB_TEST(shim_channel, key_tells_whose_of_two_equal_ids_is_signed)
{
	static const char key_a, key_b;
	struct sh_conn *a, *b;

	world_begin("smbd", "", 0);
	a = world_conn();
	b = sh_conn_adopt(8, 4712);
	b->is_attached = true;
	a->balance = 9;
	b->balance = 9;
	request(a, SMB_WRITE, 6);
	sign(&key_a, 6);
	nwb_check(sh_req_find(a, 6)->grant_done);
	request(a, SMB_WRITE, 7);
	request(b, SMB_WRITE, 7);
	/* not a's key, so it is b's */
	sign(&key_b, 7);
	nwb_check(sh_req_find(b, 7)->grant_done);
	nwb_check(!sh_req_find(a, 7)->grant_done);
	sign(&key_a, 7);
	nwb_check(sh_req_find(a, 7)->grant_done);
	/* b's is known since it was the only one */
	request(b, SMB_WRITE, 8);
	sign(&key_b, 8);
	request(a, SMB_WRITE, 9);
	request(b, SMB_WRITE, 9);
	sign(&key_b, 9);
	nwb_check(sh_req_find(b, 9)->grant_done);
	nwb_check(!sh_req_find(a, 9)->grant_done);
	/* encrypted: there is no key of its own, and so no answer */
	request(a, SMB_WRITE, 10);
	request(b, SMB_WRITE, 10);
	a->sign_key = NULL;
	b->sign_key = NULL;
	sign(NULL, 10);
	nwb_check(!sh_req_find(a, 10)->grant_done);
	nwb_check(!sh_req_find(b, 10)->grant_done);
	sh_conn_close(b);
	sh_conn_close(a);
	world_end();
}
