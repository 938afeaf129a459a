/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 9P2000.L scripts. Requests go one by one; a batch with tags of its own is
 * told by its sums, because the answers may come in any order.
 */
#include "../servers/hand_9p.h"
#include "nwb_test.h"
#include "scripts.h"
#include <stdio.h>
#include <string.h>

#define NR_OPS	  24u
#define SPAN	  (256u * 1024)
#define NR_BATCH  6u
#define NEW_FID	  9u
#define OTHER_FID 11u
#define NO_FID	  4711u
#define MOST	  (65536u - NWB_P9_IOHDR)

struct p9 {
	struct hand h;
	struct world *w;
	char name[24];
};

static void reopen(struct p9 *s)
{
	say_op(s->w, "open again");
	hand_open(&s->h, s->w->dialer, s->name);
	say_result(s->w, "msize %u", s->h.msize);
}

static void tell(struct p9 *s)
{
	const struct nwb_p9_msg *m = &s->h.rsp;

	say_result(s->w, "%s", nwb_p9_type_name(m->type));
	if (m->type == NWB_P9_RLERROR)
		say_result(s->w, " %u", m->rlerror.ecode);
	if (m->type == NWB_P9_RWRITE)
		say_result(s->w, " count %u", m->rwrite.count);
	if (m->type == NWB_P9_RREAD)
		say_result(s->w, " count %u hash %016llx", m->rread.count,
			   (unsigned long long)hash_bytes(
				   HASH_START, m->rread.data, m->rread.count));
	if (m->type == NWB_P9_RWALK)
		say_result(s->w, " names %u", m->rwalk.nwqid);
	if (m->type == NWB_P9_RLOPEN || m->type == NWB_P9_RLCREATE)
		say_result(s->w, " type %x iounit %u", m->rlopen.qid.type,
			   m->rlopen.iounit);
	if (m->type == NWB_P9_RGETATTR)
		say_result(s->w, " type %x size %llu", m->rgetattr.qid.type,
			   (m->rgetattr.qid.type & NWB_P9_QTDIR)
				   ? 0ull
				   : (unsigned long long)m->rgetattr.size);
	if (m->type == NWB_P9_RVERSION)
		say_result(s->w, " msize %u", m->version.msize);
}

/* false: the connection ended, and was made anew. */
static bool answer(struct p9 *s)
{
	if (!hand_recv(&s->h)) {
		tell(s);
		return true;
	}
	say_result(s->w, "closed");
	reopen(s);
	return false;
}

static void ask(struct p9 *s, struct nwb_p9_msg *m)
{
	m->tag = (uint16_t)(1 + roll(s->w, 1000));
	hand_send(&s->h, m, (char)('a' + roll(s->w, 26)));
	if (answer(s))
		say_result(s->w, s->h.rsp.tag == m->tag ? "" : ", wrong tag");
}

/* --- data ---------------------------------------------------------------- */

static uint32_t some_count(struct p9 *s)
{
	static const uint32_t counts[] = {0, 1, 10, 4096, 65000, MOST, 777};

	return counts[roll(s->w, NWB_ARRAY_SIZE(counts))];
}

static void write_to(struct p9 *s, uint32_t fid, uint32_t count)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TWRITE};

	m.twrite.fid = fid;
	m.twrite.offset = roll(s->w, SPAN);
	m.twrite.count = count;
	say_op(s->w, "Twrite fid %u off %llu count %u", fid,
	       (unsigned long long)m.twrite.offset, count);
	ask(s, &m);
}

static void op_write(struct p9 *s)
{
	write_to(s, HAND_FID, some_count(s));
}

static void op_write_bad(struct p9 *s)
{
	unsigned int kind = roll(s->w, 4);

	if (kind == 0)
		write_to(s, NO_FID, 10);
	else if (kind == 1)
		write_to(s, HAND_ROOT, 10);
	else
		write_to(s, HAND_FID, MOST + kind - 1);
}

static void op_read(struct p9 *s)
{
	static const uint32_t fids[] = {HAND_FID, HAND_FID, HAND_FID, NO_FID};
	struct nwb_p9_msg m = {.type = NWB_P9_TREAD};

	m.tread.fid = fids[roll(s->w, NWB_ARRAY_SIZE(fids))];
	m.tread.offset = roll(s->w, 2 * SPAN);
	m.tread.count = some_count(s) + (roll(s->w, 8) ? 0 : 1);
	say_op(s->w, "Tread fid %u off %llu count %u", m.tread.fid,
	       (unsigned long long)m.tread.offset, m.tread.count);
	ask(s, &m);
}

static void op_fsync(struct p9 *s)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TFSYNC};

	m.tfsync.fid = roll(s->w, 4) ? HAND_FID : NO_FID;
	m.tfsync.is_short = roll(s->w, 2);
	say_op(s->w, "Tfsync fid %u%s", m.tfsync.fid,
	       m.tfsync.is_short ? ", short form" : "");
	ask(s, &m);
}

static void op_batch(struct p9 *s)
{
	uint32_t n = 2 + roll(s->w, NR_BATCH - 1), sum = 0, bad = 0, got = 0;
	bool same_tag = !roll(s->w, 4);

	say_op(s->w, "batch of %u%s", n, same_tag ? ", all with one tag" : "");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t count = 1 + roll(s->w, 60000);

		hand_write(&s->h, (uint16_t)(same_tag ? 1 : 1 + i),
			   (uint64_t)i * 65536, count,
			   (char)('A' + roll(s->w, 26)));
		sum += count;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (hand_recv(&s->h)) {
			say_result(s->w, "closed");
			reopen(s);
			return;
		}
		if (s->h.rsp.type == NWB_P9_RWRITE)
			got += s->h.rsp.rwrite.count;
		else
			bad++;
	}
	say_result(s->w, "%u errors, %u of %u bytes", bad, got, sum);
}

/* --- fids ---------------------------------------------------------------- */

static void clunk(struct p9 *s, uint32_t fid)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TCLUNK};

	m.tclunk.fid = fid;
	say_op(s->w, "Tclunk fid %u", fid);
	ask(s, &m);
}

static void walk(struct p9 *s, uint32_t fid, uint32_t newfid, const char *name)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TWALK};

	m.twalk.fid = fid;
	m.twalk.newfid = newfid;
	if (name) {
		m.twalk.nwname = 1;
		m.twalk.wname[0] = nwb_p9_str(name);
	}
	say_op(s->w, "Twalk fid %u newfid %u to %s", fid, newfid,
	       name ? name : "itself");
	ask(s, &m);
}

static void lopen(struct p9 *s, uint32_t fid, uint32_t flags)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TLOPEN};

	m.tlopen.fid = fid;
	m.tlopen.flags = flags;
	say_op(s->w, "Tlopen fid %u flags %o", fid, flags);
	ask(s, &m);
}

static void op_another(struct p9 *s)
{
	walk(s, HAND_ROOT, NEW_FID, s->name);
	if (roll(s->w, 2))
		write_to(s, NEW_FID, 10);
	lopen(s, NEW_FID,
	      roll(s->w, 2) ? NWB_P9_DOTL_RDWR : NWB_P9_DOTL_RDONLY);
	write_to(s, NEW_FID, 100);
	if (roll(s->w, 4) == 0)
		lopen(s, NEW_FID, NWB_P9_DOTL_RDWR);
	clunk(s, NEW_FID);
	if (roll(s->w, 2))
		clunk(s, NEW_FID);
	else
		write_to(s, NEW_FID, 10);
}

static void op_walk_bad(struct p9 *s)
{
	unsigned int kind = roll(s->w, 5);

	if (kind == 0)
		walk(s, HAND_ROOT, OTHER_FID, "missing");
	else if (kind == 1)
		walk(s, NO_FID, OTHER_FID, s->name);
	else if (kind == 2)
		walk(s, HAND_FID, OTHER_FID, NULL);
	else if (kind == 3)
		walk(s, HAND_FID, OTHER_FID, "below");
	else
		lopen(s, NO_FID, NWB_P9_DOTL_RDWR);
}

static void op_create(struct p9 *s)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TLCREATE};
	unsigned int kind = roll(s->w, 3);

	walk(s, HAND_ROOT, OTHER_FID, NULL);
	m.tlcreate.fid = kind == 1 ? NO_FID : kind == 2 ? HAND_FID : OTHER_FID;
	m.tlcreate.name = nwb_p9_str(s->name);
	m.tlcreate.flags =
		NWB_P9_DOTL_RDWR | NWB_P9_DOTL_CREATE | NWB_P9_DOTL_EXCL;
	m.tlcreate.mode = 0644;
	say_op(s->w, "Tlcreate fid %u, the file exists", m.tlcreate.fid);
	ask(s, &m);
	clunk(s, OTHER_FID);
}

static void op_attr(struct p9 *s)
{
	static const uint32_t fids[] = {HAND_FID, HAND_FID, HAND_ROOT, NO_FID};
	struct nwb_p9_msg m = {.type = NWB_P9_TGETATTR};

	m.tgetattr.fid = fids[roll(s->w, NWB_ARRAY_SIZE(fids))];
	m.tgetattr.request_mask = NWB_P9_GETATTR_BASIC;
	say_op(s->w, "Tgetattr fid %u", m.tgetattr.fid);
	ask(s, &m);
}

static void op_set_size(struct p9 *s)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TSETATTR};

	m.tsetattr.fid = roll(s->w, 4) ? HAND_FID : NO_FID;
	m.tsetattr.attr.valid = NWB_P9_SETATTR_SIZE;
	m.tsetattr.attr.size = roll(s->w, 2 * SPAN);
	say_op(s->w, "Tsetattr fid %u size %llu", m.tsetattr.fid,
	       (unsigned long long)m.tsetattr.attr.size);
	ask(s, &m);
}

/* --- the rest ------------------------------------------------------------ */

static void op_flush_nothing(struct p9 *s)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TFLUSH};

	m.tflush.oldtag = (uint16_t)(2000 + roll(s->w, 1000));
	say_op(s->w, "Tflush of a tag that nobody has");
	ask(s, &m);
}

/* The write is answered or it is dropped; then comes Rflush; nothing after. */
static void op_flush_write(struct p9 *s)
{
	bool was_answered = false;

	say_op(s->w, "Twrite and its Tflush");
	hand_write(&s->h, 1500, 0, 1000, 'f');
	hand_tflush(&s->h, 1501, 1500);
	for (;;) {
		if (hand_recv(&s->h)) {
			say_result(s->w, "closed");
			reopen(s);
			return;
		}
		if (s->h.rsp.tag == 1501)
			break;
		nwb_check(!was_answered);
		was_answered = true;
	}
	/* Whether it ran is chance: the same bytes again settle the content. */
	tell(s);
	hand_write(&s->h, 1502, 0, 1000, 'f');
	say_op(s->w, "the same Twrite again");
	answer(s);
}

static void op_unknown(struct p9 *s)
{
	uint8_t type = (uint8_t)(200 + 2 * roll(s->w, 20));
	uint8_t bytes[7] = {7, 0, 0, 0, type, 1, 0};
	struct iovec iov = {bytes, sizeof(bytes)};

	say_op(s->w, "message type %u", type);
	nwb_check_eq(nwb_sock_sendv(s->h.sock, &iov, 1), 0);
	answer(s);
}

/* A frame that ends in the middle of its fields. */
static void op_short(struct p9 *s)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TREAD, .tag = 1};
	struct iovec iov;
	size_t len;

	m.tread.fid = HAND_FID;
	m.tread.count = 10;
	nwb_check_eq(nwb_p9_encode(&m, s->h.tx, HAND_BYTES, &len), 0);
	len -= 1 + roll(s->w, 10);
	s->h.tx[0] = (uint8_t)len;
	iov = (struct iovec){s->h.tx, len};
	say_op(s->w, "Tread of %zu bytes", len);
	nwb_check_eq(nwb_sock_sendv(s->h.sock, &iov, 1), 0);
	/* Whoever does not close is left all the same: both begin anew. */
	if (answer(s))
		reopen(s);
}

/* A frame that says less than its own header is not sent: diod waits for the
 * rest of it for ever, the fake closes, and nothing but time tells them apart.
 */
static void op_too_large(struct p9 *s)
{
	uint8_t bytes[7] = {0, 0, 2, 0, NWB_P9_TWRITE, 1, 0};
	struct iovec iov = {bytes, sizeof(bytes)};

	say_op(s->w, "frame that says 128 KiB");
	nwb_check_eq(nwb_sock_sendv(s->h.sock, &iov, 1), 0);
	answer(s);
}

static const struct {
	void (*fn)(struct p9 *s);
	unsigned int weight;
} ops[] = {
	{op_write, 8},	  {op_write_bad, 3},   {op_read, 6},
	{op_fsync, 4},	  {op_batch, 4},       {op_another, 3},
	{op_walk_bad, 3}, {op_create, 2},      {op_attr, 3},
	{op_set_size, 3}, {op_flush_write, 2}, {op_flush_nothing, 1},
	{op_unknown, 1},  {op_short, 1},       {op_too_large, 1},
};

static void p9_script(struct world *w)
{
	struct p9 s = {.w = w};
	unsigned int sum = 0, i;
	uint32_t r;

	for (i = 0; i < NWB_ARRAY_SIZE(ops); i++)
		sum += ops[i].weight;
	snprintf(s.name, sizeof(s.name), "p%llu", (unsigned long long)w->seed);
	hand_init(&s.h, w->ex);
	s.h.aname = w->export;
	reopen(&s);
	for (unsigned int n = 0; n < NR_OPS; n++) {
		r = roll(w, sum);
		for (i = 0; r >= ops[i].weight; i++)
			r -= ops[i].weight;
		ops[i].fn(&s);
	}
	hand_fini(&s.h);
	say_content(w, s.name);
}

NWB_TEST(scripts, p9)
{
	run_on_both(p9_script, NWB_FAKE_9P, "9p", "diod");
}

NWB_TEST(scripts, a_different_9p_fake_is_found)
{
	find_sabotage(p9_script, NWB_FAKE_9P, "9p");
}
