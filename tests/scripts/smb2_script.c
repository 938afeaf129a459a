/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMB2 scripts. Requests go one by one, so that the order of answers is
 * defined; a batch is told by its sums only, because a server may answer it in
 * any order and give credits with an interim answer or with the final one.
 */
#include "../servers/hand_smb2.h"
#include "nwb_test.h"
#include "scripts.h"
#include <stdio.h>
#include <string.h>

#define PDU(h)	  ((h)->tx + NWB_SMB2_NBT_LEN)
#define PDU_BYTES (HAND_BYTES - NWB_SMB2_NBT_LEN)
#define NR_FILES  2u
#define NR_OPS	  24u
#define SPAN	  (256u * 1024)
#define NR_BATCH  5u
#define FILE_STD  5u /* FileStandardInformation */
#define FILE_EOF  20u
#define CHARGE(l) ((uint16_t)nwb_smb2_charge(l))
#define BAD	  0x5555u

struct slot {
	char name[24];
	struct nwb_smb2_fid fid;
	bool is_open;
};

struct smb {
	struct hand h;
	struct world *w;
	struct slot slot[NR_FILES];
	struct slot *cur;
};

/* Receive the final answer to @mid. false: the connection ended. */
static bool receive(struct smb *s, uint64_t mid, uint32_t *ret_credits)
{
	*ret_credits = 0;
	do {
		if (hand_recv(&s->h))
			return false;
		*ret_credits += s->h.rsp.credits;
	} while (s->h.rsp.message_id != mid ||
		 s->h.rsp.status == NWB_STATUS_PENDING);
	return true;
}

static void tell_counts(struct smb *s)
{
	struct nwb_smb2_write_rsp w;
	struct nwb_smb2_read_rsp r;
	struct nwb_smb2_query_info_rsp q;
	struct nwb_smb2_standard_info info;
	const struct hand *h = &s->h;

	if (h->rsp.status)
		return;
	if (h->rsp.command == NWB_SMB2_WRITE) {
		nwb_check_eq(nwb_smb2_write_rsp_decode(h->rx, h->rsp_len, &w),
			     0);
		say_result(s->w, ", count %u", w.count);
	}
	if (h->rsp.command == NWB_SMB2_READ) {
		nwb_check_eq(nwb_smb2_read_rsp_decode(h->rx, h->rsp_len,
						      h->rsp_len, &r),
			     0);
		say_result(s->w, ", count %u, hash %016llx", r.len,
			   (unsigned long long)hash_bytes(
				   HASH_START, h->rx + r.data_offset, r.len));
	}
	if (h->rsp.command == NWB_SMB2_QUERY_INFO) {
		nwb_check_eq(
			nwb_smb2_query_info_rsp_decode(h->rx, h->rsp_len, &q),
			0);
		nwb_check_eq(nwb_smb2_standard_info_decode(q.info.data,
							   q.info.len, &info),
			     0);
		say_result(s->w, ", EOF %llu", (unsigned long long)info.eof);
	}
}

static void reopen(struct smb *s)
{
	nwb_check_eq(hand_dial(&s->h, s->w->dialer), 0);
	s->h.ask = 64;
	say_op(s->w, "log in again");
	hand_login(&s->h, 0);
	for (unsigned int i = 0; i < NR_FILES; i++) {
		if (!s->slot[i].is_open)
			continue;
		say_result(s->w, "%08x ", hand_create(&s->h, s->slot[i].name));
		s->slot[i].fid = s->h.fid;
	}
	say_result(s->w, "balance %d", s->h.credits);
}

/* The answer to the request that was just sent with MessageId @mid. */
static void answer(struct smb *s, uint64_t mid)
{
	uint32_t credits;

	if (!receive(s, mid, &credits)) {
		say_result(s->w, "closed");
		reopen(s);
		return;
	}
	say_result(s->w, "%08x, credits %u", s->h.rsp.status, credits);
	tell_counts(s);
}

/* Room for @charge credits, or an ECHO that brings some instead. */
static bool afford(struct smb *s, uint32_t charge)
{
	if (s->h.credits > (int)charge)
		return true;
	s->h.ask = 64;
	say_op(s->w, "echo for credits");
	hand_echo(&s->h);
	answer(s, s->h.mid - 1);
	return false;
}

static uint32_t some_len(struct smb *s)
{
	static const uint32_t lens[] = {0,     1,     10,     4096,    65535,
					65536, 65537, 200000, 1 << 20, 777};

	return lens[roll(s->w, NWB_ARRAY_SIZE(lens))];
}

/* --- good requests ------------------------------------------------------- */

static void op_write(struct smb *s)
{
	uint32_t len = some_len(s), off = roll(s->w, SPAN);
	char fill = (char)('a' + roll(s->w, 26));

	if (!afford(s, CHARGE(len)))
		return;
	say_op(s->w, "write %s off %u len %u ask %u", s->cur->name, off, len,
	       s->h.ask);
	hand_write(&s->h, off, len, fill);
	answer(s, s->h.mid - CHARGE(len));
}

static void op_read(struct smb *s)
{
	uint32_t len = some_len(s), off = roll(s->w, 2 * SPAN);

	if (!afford(s, CHARGE(len)))
		return;
	say_op(s->w, "read %s off %u len %u ask %u", s->cur->name, off, len,
	       s->h.ask);
	hand_read(&s->h, off, len);
	answer(s, s->h.mid - CHARGE(len));
}

static void op_flush(struct smb *s)
{
	say_op(s->w, "flush %s ask %u", s->cur->name, s->h.ask);
	hand_flush(&s->h);
	answer(s, s->h.mid - 1);
}

static void op_echo(struct smb *s)
{
	say_op(s->w, "echo ask %u", s->h.ask);
	hand_echo(&s->h);
	answer(s, s->h.mid - 1);
}

static void send_close(struct smb *s)
{
	struct nwb_smb2_close_req q = {.fid = s->h.fid};

	hand_send(&s->h, NWB_SMB2_CLOSE,
		  nwb_smb2_close_req_encode(PDU(&s->h), PDU_BYTES, &q), 1);
	answer(s, s->h.mid - 1);
}

static void op_close_open(struct smb *s)
{
	uint32_t status;

	say_op(s->w, "close %s", s->cur->name);
	s->cur->is_open = false;
	send_close(s);
	say_op(s->w, "write after close");
	hand_write(&s->h, 0, 10, 'x');
	answer(s, s->h.mid - 1);
	say_op(s->w, "close again");
	send_close(s);
	status = hand_create(&s->h, s->cur->name);
	say_op(s->w, "open %s again", s->cur->name);
	say_result(s->w, "%08x, credits %u", status, s->h.rsp.credits);
	s->cur->fid = s->h.fid;
	s->cur->is_open = !status;
}

static void op_query(struct smb *s)
{
	struct nwb_smb2_query_info_req q = {
		.type = 1, .class = FILE_STD, .max_len = 64, .fid = s->h.fid};

	say_op(s->w, "query EOF of %s", s->cur->name);
	hand_send(&s->h, NWB_SMB2_QUERY_INFO,
		  nwb_smb2_query_info_req_encode(PDU(&s->h), PDU_BYTES, &q), 1);
	answer(s, s->h.mid - 1);
}

static void op_set_eof(struct smb *s)
{
	uint32_t eof = roll(s->w, 2 * SPAN);
	struct nwb_smb2_set_info_req q = {
		.type = 1, .class = FILE_EOF, .fid = s->h.fid};
	uint8_t info[8];

	nwb_smb2_eof_info_encode(info, eof);
	q.info = (struct nwb_smb2_blob){info, sizeof(info)};
	say_op(s->w, "set EOF of %s to %u", s->cur->name, eof);
	hand_send(&s->h, NWB_SMB2_SET_INFO,
		  nwb_smb2_set_info_req_encode(PDU(&s->h), PDU_BYTES, &q), 1);
	answer(s, s->h.mid - 1);
}

/* Several requests at once, answers in any order: sums only. */
static void op_batch(struct smb *s)
{
	uint32_t n = 2 + roll(s->w, NR_BATCH - 1), sum = 0, credits = 0;
	uint32_t i, left, len;
	uint64_t status = 0;

	say_op(s->w, "batch of %u on %s", n, s->cur->name);
	for (i = 0; i < n; i++) {
		len = 1 + roll(s->w, 65536);
		if (s->h.credits < 2)
			break;
		/* Apart, so that their order does not show in the file. */
		hand_write(&s->h, (uint64_t)i * 65536, len,
			   (char)('A' + roll(s->w, 26)));
		sum += len;
	}
	for (left = i; left;) {
		struct nwb_smb2_write_rsp m;

		if (hand_recv(&s->h)) {
			say_result(s->w, "closed");
			reopen(s);
			return;
		}
		credits += s->h.rsp.credits;
		if (s->h.rsp.status == NWB_STATUS_PENDING)
			continue;
		left--;
		status |= s->h.rsp.status;
		if (!nwb_smb2_write_rsp_decode(s->h.rx, s->h.rsp_len, &m))
			sum -= m.count;
	}
	say_result(s->w, "%u sent, status %llx, credits %u, %u bytes missing",
		   i, (unsigned long long)status, credits, sum);
}

/* MessageIds left out inside the window, then used. */
static void op_skip(struct smb *s)
{
	uint64_t first = s->h.mid;
	uint32_t n = 1 + roll(s->w, 3);

	if (!afford(s, n + 1))
		return;
	s->h.mid += n;
	say_op(s->w, "write, %u MessageIds left out", n);
	hand_write(&s->h, 0, 10, 's');
	answer(s, s->h.mid - 1);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t next = s->h.mid;

		s->h.mid = first + i;
		say_op(s->w, "one that was left out");
		hand_write(&s->h, 0, 10, 't');
		answer(s, first + i);
		if (s->h.mid != first + i + 1)
			return; /* closed, and begun anew */
		s->h.mid = next;
	}
}

/* --- bad requests -------------------------------------------------------- */

static void send_write(struct smb *s, uint32_t len, uint16_t charge)
{
	struct nwb_smb2_write_req q = {.len = len, .fid = s->h.fid};
	int n = nwb_smb2_write_req_encode(PDU(&s->h), PDU_BYTES, &q);

	memset(PDU(&s->h) + n, 'c', len);
	hand_send(&s->h, NWB_SMB2_WRITE, n + (int)len, charge);
	answer(s, s->h.mid - nwb_max(charge, (uint16_t)1));
}

static void op_charge_small(struct smb *s)
{
	uint32_t len = 65537 + roll(s->w, 1 << 19);
	uint16_t charge = (uint16_t)roll(s->w, 2);

	say_op(s->w, "write len %u charge %u: too small", len, charge);
	send_write(s, len, charge);
}

static void op_charge_large(struct smb *s)
{
	uint16_t charge = (uint16_t)(2 + roll(s->w, 6));

	if (!afford(s, charge))
		return;
	say_op(s->w, "write len 10 charge %u: too large", charge);
	send_write(s, 10, charge);
}

static void op_charge_zero(struct smb *s)
{
	say_op(s->w, "write len 100 charge 0");
	send_write(s, 100, 0);
}

static void op_overdraw(struct smb *s)
{
	uint16_t charge = (uint16_t)(s->h.credits + 1 + (int)roll(s->w, 8));

	say_op(s->w, "write, one charge beyond the balance");
	send_write(s, 10, charge);
}

static void op_mid_twice(struct smb *s)
{
	s->h.mid--;
	say_op(s->w, "MessageId used twice");
	hand_echo(&s->h);
	answer(s, s->h.mid - 1);
}

static void op_mid_high(struct smb *s)
{
	s->h.mid += 20000 + roll(s->w, 1000);
	say_op(s->w, "MessageId over the window");
	hand_echo(&s->h);
	answer(s, s->h.mid - 1);
}

static void on_wrong(struct smb *s, const char *what)
{
	unsigned int kind = roll(s->w, 4);

	if (!afford(s, 1))
		return;
	if (kind == 0) {
		say_op(s->w, "write, wrong %s", what);
		hand_write(&s->h, 0, 10, 'w');
	} else if (kind == 1) {
		say_op(s->w, "flush, wrong %s", what);
		hand_flush(&s->h);
	} else if (kind == 2) {
		say_op(s->w, "read, wrong %s", what);
		hand_read(&s->h, 0, 10);
	} else {
		say_op(s->w, "close, wrong %s", what);
		send_close(s);
		return;
	}
	answer(s, s->h.mid - 1);
}

static void op_wrong_fid(struct smb *s)
{
	s->h.fid.volatil ^= BAD;
	on_wrong(s, "FileId");
}

static void op_wrong_tree(struct smb *s)
{
	uint32_t old = s->h.tid;

	s->h.tid ^= BAD;
	on_wrong(s, "TreeId");
	if (s->h.tid == (old ^ BAD))
		s->h.tid = old;
}

static void op_wrong_session(struct smb *s)
{
	uint64_t old = s->h.sid;

	s->h.sid ^= BAD;
	on_wrong(s, "SessionId");
	if (s->h.sid == (old ^ BAD))
		s->h.sid = old;
}

/* A WRITE whose payload, or whose own body, is not all there. */
static void op_truncated(struct smb *s)
{
	struct nwb_smb2_write_req q = {.len = 1000, .fid = s->h.fid};
	int n = nwb_smb2_write_req_encode(PDU(&s->h), PDU_BYTES, &q);

	n += roll(s->w, 2) ? 500 : -20;
	say_op(s->w, "truncated write, PDU of %d bytes", n);
	hand_send(&s->h, NWB_SMB2_WRITE, n, 1);
	answer(s, s->h.mid - 1);
}

static void op_bad_size(struct smb *s)
{
	int n = nwb_smb2_empty_encode(PDU(&s->h), PDU_BYTES);

	PDU(&s->h)[NWB_SMB2_HDR_LEN] = 7; /* StructureSize */
	say_op(s->w, "echo with a wrong StructureSize");
	hand_send(&s->h, NWB_SMB2_ECHO, n, 1);
	answer(s, s->h.mid - 1);
}

static void op_runt(struct smb *s)
{
	int n = 4 + (int)roll(s->w, 50);

	/* hand_send() writes a whole header: send less of it. */
	say_op(s->w, "frame of %d bytes", n);
	memset(PDU(&s->h), 0, NWB_SMB2_HDR_LEN);
	hand_send(&s->h, NWB_SMB2_ECHO, n, 1);
	answer(s, s->h.mid - 1);
}

static void op_unknown(struct smb *s)
{
	unsigned int command = 0x13 + roll(s->w, 200);

	say_op(s->w, "command 0x%x", command);
	hand_send(&s->h, command, nwb_smb2_empty_encode(PDU(&s->h), PDU_BYTES),
		  1);
	answer(s, s->h.mid - 1);
}

/* A CANCEL of nothing gets no answer and costs nothing. */
static void op_cancel(struct smb *s)
{
	uint64_t mid = s->h.mid;
	int credits = s->h.credits;

	hand_send(&s->h, NWB_SMB2_CANCEL,
		  nwb_smb2_empty_encode(PDU(&s->h), PDU_BYTES), 0);
	s->h.mid = mid;
	s->h.credits = credits;
	say_op(s->w, "cancel nothing, then echo");
	hand_echo(&s->h);
	answer(s, mid);
}

static void op_create(struct smb *s)
{
	struct nwb_smb2_create_req q = {
		.impersonation = NWB_SMB2_IMPERSONATION,
		.access = NWB_SMB2_ACCESS_RW,
		.share_access = NWB_SMB2_SHARE_ALL,
	};
	static const char *const what[] = {
		"what exists, exclusively", "what is missing", "no name",
		"in a missing directory", "with a bad disposition"};
	unsigned int kind = roll(s->w, NWB_ARRAY_SIZE(what));
	uint8_t utf16[128];
	const char *name = kind == 0   ? s->cur->name
			   : kind == 3 ? "none\\f"
			   : kind == 2 ? ""
				       : "missing";

	q.disposition = kind == 0   ? NWB_SMB2_FILE_CREATE
			: kind == 4 ? 77
				    : NWB_SMB2_FILE_OPEN;
	q.name.data = utf16;
	q.name.len =
		(uint32_t)nwb_smb2_utf16_encode(utf16, sizeof(utf16), name);
	say_op(s->w, "create %s", what[kind]);
	hand_send(&s->h, NWB_SMB2_CREATE,
		  nwb_smb2_create_req_encode(PDU(&s->h), PDU_BYTES, &q), 1);
	answer(s, s->h.mid - 1);
}

/* --- the script ---------------------------------------------------------- */

static const struct {
	void (*fn)(struct smb *s);
	unsigned int weight;
} ops[] = {
	{op_write, 8},	      {op_read, 5},	    {op_flush, 4},
	{op_echo, 2},	      {op_close_open, 2},   {op_query, 2},
	{op_set_eof, 2},      {op_batch, 4},	    {op_skip, 3},
	{op_charge_small, 2}, {op_charge_large, 2}, {op_charge_zero, 1},
	{op_overdraw, 1},     {op_mid_twice, 1},    {op_mid_high, 1},
	{op_wrong_fid, 3},    {op_wrong_tree, 2},   {op_wrong_session, 2},
	{op_truncated, 2},    {op_bad_size, 1},	    {op_runt, 1},
	{op_unknown, 1},      {op_cancel, 2},	    {op_create, 3},
};

static void one_op(struct smb *s)
{
	static const uint16_t asks[] = {0, 1, 1, 2, 4, 16, 64, 512};
	unsigned int sum = 0, i;
	uint32_t r;

	for (i = 0; i < NWB_ARRAY_SIZE(ops); i++)
		sum += ops[i].weight;
	s->cur = &s->slot[roll(s->w, NR_FILES)];
	s->h.fid = s->cur->fid;
	s->h.ask = asks[roll(s->w, NWB_ARRAY_SIZE(asks))];
	r = roll(s->w, sum);
	for (i = 0; r >= ops[i].weight; i++)
		r -= ops[i].weight;
	if (afford(s, 3))
		ops[i].fn(s);
}

static void smb2_script(struct world *w)
{
	struct smb s = {.w = w};

	hand_init(&s.h, w->ex);
	nwb_check_eq(hand_dial(&s.h, w->dialer), 0);
	s.h.ask = 32;
	hand_login(&s.h, 0);
	for (unsigned int i = 0; i < NR_FILES; i++) {
		snprintf(s.slot[i].name, sizeof(s.slot[i].name), "s%llu-%u",
			 (unsigned long long)w->seed, i);
		say_op(w, "create %s", s.slot[i].name);
		say_result(w, "%08x", hand_create(&s.h, s.slot[i].name));
		s.slot[i].fid = s.h.fid;
		s.slot[i].is_open = true;
	}
	for (unsigned int i = 0; i < NR_OPS; i++)
		one_op(&s);
	say_op(w, "balance");
	say_result(w, "%d", s.h.credits);
	hand_fini(&s.h);
	for (unsigned int i = 0; i < NR_FILES; i++)
		say_content(w, s.slot[i].name);
}

NWB_TEST(scripts, smb2)
{
	run_on_both(smb2_script, NWB_FAKE_SMB2, "smb2", "smbd");
}

NWB_TEST(scripts, a_different_smb2_fake_is_found)
{
	find_sabotage(smb2_script, NWB_FAKE_SMB2, "smb2");
}

NWB_TEST(scripts, an_exception_excuses_its_line_only)
{
	struct line a = {"write f off 1", "c000007f, credits 1"};
	struct line b = {"write f off 1", "00000000, credits 1"};
	struct transcript fake = {&a, 1, 1}, real = {&b, 1, 1};
	struct exceptions x = {
		.e[0] = {"smb2", "write*", "c000007f*", "00000000*", 1, 0},
		.nr = 1};

	nwb_check_eq(transcripts_differ(&fake, &real, "smb2", &x), -1);
	nwb_check_eq(x.e[0].used, 1);
	nwb_check_eq(transcripts_differ(&fake, &real, "9p", &x), 0);
	nwb_check_eq(transcripts_differ(&real, &fake, "smb2", &x), 0);
	strcpy(a.op, "flush f");
	strcpy(b.op, "flush f");
	nwb_check_eq(transcripts_differ(&fake, &real, "smb2", &x), 0);
	real.nr = 0;
	nwb_check_eq(transcripts_differ(&fake, &real, "smb2", &x), 0);
}
