/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SMB2 fake against smbd.
 */
#include "hand_smb2.h"
#include "nwb_test.h"
#include "same.h"

#define PDU(h)	  ((h)->tx + NWB_SMB2_NBT_LEN)
#define PDU_BYTES (HAND_BYTES - NWB_SMB2_NBT_LEN)

/* The answer's status and credits, -1 for a connection that ended. */
static void answer(struct trace *t, struct hand *h, const char *what)
{
	if (hand_recv(h)) {
		trace_add(t, what, -1);
		return;
	}
	/* A slow WRITE of a real server: the interim bears the credits. */
	if (h->rsp.status == NWB_STATUS_PENDING) {
		uint16_t credits = h->rsp.credits;

		nwb_check_eq(hand_recv(h), 0);
		h->rsp.credits = (uint16_t)(h->rsp.credits + credits);
	}
	trace_add(t, what, h->rsp.status);
	trace_add(t, "its credits", h->rsp.credits);
}

static void credits(struct trace *t, struct nwb_exec *ex, struct nwb_dialer *d,
		    const char *export)
{
	static const uint16_t asks[] = {64, 16, 1, 0};
	struct hand h;
	unsigned int i;

	(void)export;
	hand_init(&h, ex);
	nwb_check_eq(hand_dial(&h, d), 0);
	h.ask = 64;
	hand_login(&h, 0);
	trace_add(t, "credits after login", h.credits);
	nwb_check_eq(hand_create(&h, "f"), 0);
	trace_add(t, "credits after create", h.credits);
	for (i = 0; i < NWB_ARRAY_SIZE(asks); i++) {
		h.ask = asks[i];
		hand_write(&h, 0, 1 << 20, 'a');
		answer(t, &h, "write 1 MiB");
		hand_write(&h, 0, 10, 'a');
		answer(t, &h, "write 10 B");
		hand_flush(&h);
		answer(t, &h, "flush");
		hand_echo(&h);
		answer(t, &h, "echo");
	}
	trace_add(t, "credits at the end", h.credits);
	hand_fini(&h);
}

NWB_TEST(same_smb2, credits)
{
	same_on_both(credits, NWB_FAKE_SMB2, "smbd");
}

static void refusals(struct trace *t, struct nwb_exec *ex, struct nwb_dialer *d,
		     const char *export)
{
	struct nwb_smb2_write_req q = {.len = 65537};
	struct hand h;
	int n;

	(void)export;
	hand_init(&h, ex);
	h.ask = 16;
	hand_open(&h, d, "f");
	q.fid = h.fid;
	n = nwb_smb2_write_req_encode(PDU(&h), PDU_BYTES, &q);
	hand_send(&h, NWB_SMB2_WRITE, n + 65537, 1);
	answer(t, &h, "charge too small");
	hand_write(&h, 0, 10, 'a');
	answer(t, &h, "write after it");
	hand_read(&h, 10, 1);
	answer(t, &h, "read at the end");
	h.fid.volatil ^= 0x5555;
	hand_write(&h, 0, 10, 'a');
	answer(t, &h, "wrong fid");
	h.fid.volatil ^= 0x5555;
	h.tid ^= 0x5555;
	hand_write(&h, 0, 10, 'a');
	answer(t, &h, "wrong tree");
	h.tid ^= 0x5555;
	h.sid ^= 0x5555;
	hand_write(&h, 0, 10, 'a');
	answer(t, &h, "wrong session");
	h.sid ^= 0x5555;
	trace_add(t, "path", hand_create(&h, "no\\f"));
	hand_fini(&h);
}

NWB_TEST(same_smb2, refusals)
{
	same_on_both(refusals, NWB_FAKE_SMB2, "smbd");
}

static void one_breach(struct trace *t, struct nwb_exec *ex,
		       struct nwb_dialer *d, const char *what, int64_t skip,
		       uint32_t len)
{
	struct hand h;

	hand_init(&h, ex);
	h.ask = 4;
	hand_open(&h, d, "f");
	h.mid += (uint64_t)skip;
	hand_write(&h, 0, len, 'a');
	answer(t, &h, what);
	hand_fini(&h);
}

static void breaches(struct trace *t, struct nwb_exec *ex, struct nwb_dialer *d,
		     const char *export)
{
	struct hand h;
	uint64_t first;

	(void)export;
	one_breach(t, ex, d, "no breach", 0, 10);
	one_breach(t, ex, d, "skipped one", 1, 10);
	one_breach(t, ex, d, "overdrawn", 0, 1 << 20);
	one_breach(t, ex, d, "used before", -1, 10);
	one_breach(t, ex, d, "too high", 1000, 10);
	hand_init(&h, ex);
	h.ask = 8;
	hand_open(&h, d, "f");
	first = h.mid;
	h.mid = first + 3;
	hand_write(&h, 0, 10, 'a');
	answer(t, &h, "left three out");
	h.mid = first;
	hand_write(&h, 0, 10, 'a');
	answer(t, &h, "went back");
	h.mid = first + 3;
	hand_write(&h, 0, 10, 'a');
	answer(t, &h, "same again");
	hand_fini(&h);
}

NWB_TEST(same_smb2, breaches)
{
	same_on_both(breaches, NWB_FAKE_SMB2, "smbd");
}

/* Who may end an older session by naming it? Neither of these. */
static void sessions(struct trace *t, struct nwb_exec *ex, struct nwb_dialer *d,
		     const char *export)
{
	struct hand a, b;
	enum hand_login login;

	(void)export;
	for (login = HAND_ANONYMOUS; login <= HAND_GUEST; login++) {
		hand_init(&a, ex);
		hand_init(&b, ex);
		a.ask = b.ask = 8;
		a.login = b.login = login;
		hand_open(&a, d, "f");
		nwb_check_eq(hand_dial(&b, d), 0);
		hand_login(&b, a.sid);
		hand_write(&a, 0, 10, 'a');
		answer(t, &a, "write of the session that was named");
		hand_fini(&a);
		hand_fini(&b);
	}
}

NWB_TEST(same_smb2, previous_session)
{
	same_on_both(sessions, NWB_FAKE_SMB2, "smbd");
}
