/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The client with a server that does what it should not, or only late: every
 * request completes exactly once, credits are counted once, nothing hangs.
 */
#include "credits.h"
#include "harness.h"

#include <errno.h>

/* --- interim responses ---------------------------------------------------- */

static int pending_hook(struct sconn *c, const struct smsg *m)
{
	if (m->h.command != NWB_SMB2_WRITE)
		return 0;
	script_pending(c, m, script_grant(c, &m->h));
	script_reply_write(c, m, script_apply(c, m), 0);
	return 1;
}

static void pending_setup(struct world *w)
{
	w->s->hook = pending_hook;
}

static void pending_body(struct world *w)
{
	struct job j[12];
	int32_t before;

	OPEN(w);
	before = stats_of(w).credits;
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(j); i++)
		EXPECT(w, !job_start(w, &j[i], i * 131072, 131072));
	wait_jobs(w);
	EXPECT(w, content_is(w, 0, NWB_ARRAY_SIZE(j) * 131072));
	EXPECT(w, stats_of(w).nr_pending == NWB_ARRAY_SIZE(j));
	EXPECT(w, stats_of(w).credits >= before);
	EXPECT(w, stats_of(w).credits == w->s->conns[0]->credits);
	EXPECT(w, stats_of(w).in_flight == 0);
}

NWB_TEST(smb2_rude, interim_responses_carry_the_credits)
{
	on_all(pending_setup, pending_body);
}

static void user_setup(struct world *w)
{
	w->s->user = true;
	w->s->expect_sign = true;
	w->opts.auth = script_auth();
	w->opts.user = "u";
	w->opts.sign = true;
}

static void signed_pending_setup(struct world *w)
{
	user_setup(w);
	pending_setup(w);
}

NWB_TEST(smb2_rude, unsigned_interim_responses_are_taken)
{
	on_all(signed_pending_setup, pending_body);
}

/* --- answers that must not count ------------------------------------------ */

static int twice_hook(struct sconn *c, const struct smsg *m)
{
	struct smsg other = *m;
	uint16_t credits;
	uint32_t n;

	if (m->h.command != NWB_SMB2_WRITE)
		return 0;
	credits = script_grant(c, &m->h);
	n = script_apply(c, m);
	other.h.message_id = 1000000; /* asked by nobody */
	script_reply_write(c, &other, n, 7);
	script_reply_write(c, m, n, credits);
	script_reply_write(c, m, n, credits);
	other.h.message_id = NWB_SMB2_MID_NONE;
	script_reply_write(c, &other, n, 7);
	return 1;
}

static void twice_setup(struct world *w)
{
	w->s->hook = twice_hook;
}

static void twice_body(struct world *w)
{
	OPEN(w);
	for (unsigned int i = 0; i < 10; i++)
		EXPECT(w, job_run(w, i * 1000, 1000, NULL) == 1000);
	/* its answer is behind all the others */
	EXPECT(w, !nwb_smb2_echo(w->c, NULL));
	EXPECT(w, stats_of(w).credits == w->s->conns[0]->credits);
	EXPECT(w, w->nr_done == 10);
	EXPECT(w, nwb_smb2_epoch(w->c) == 1);
}

NWB_TEST(smb2_rude, duplicates_and_strangers_bring_no_credits)
{
	on_all(twice_setup, twice_body);
}

/* --- answers that end the connection -------------------------------------- */

enum rudeness {
	WRONG_COMMAND,
	COUNT_TOO_LARGE,
	NOT_A_RESPONSE,
	COMPOUND,
	HUGE_FRAME,
	NO_NBT,
	NO_SMB,
	SHORT_HEADER,
	SHORT_BODY,
	CLOSES,
	SESSION_EXPIRED,
	SESSION_DELETED,
	TREE_DELETED,
	NR_RUDE,
};

static void be_rude(struct sconn *c, const struct smsg *m, enum rudeness how)
{
	static const uint32_t gone[] = {NWB_STATUS_NETWORK_SESSION_EXPIRED,
					NWB_STATUS_USER_SESSION_DELETED,
					NWB_STATUS_NETWORK_NAME_DELETED};
	uint8_t raw[NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN + 16] = {0};
	uint8_t *pdu = raw + NWB_SMB2_NBT_LEN;
	struct nwb_smb2_write_rsp rsp = {.count = 1000};
	struct nwb_smb2_hdr h = m->h;
	struct smsg other = *m;

	h.flags = NWB_SMB2_F_RESPONSE;
	h.status = 0; /* of a request: the ChannelSequence */
	nwb_smb2_nbt_encode(raw, sizeof(raw) - NWB_SMB2_NBT_LEN);
	(void)!nwb_smb2_write_rsp_encode(pdu, NWB_SMB2_HDR_LEN + 16, &rsp);
	switch (how) {
	case WRONG_COMMAND:
		other.h.command = NWB_SMB2_FLUSH;
		script_reply_write(c, &other, 1000, 1);
		return;
	case COUNT_TOO_LARGE:
		script_reply_write(c, m, 1001, 1);
		return;
	case NOT_A_RESPONSE:
		h.flags = 0;
		break;
	case COMPOUND:
		h.next_command = 80;
		break;
	case HUGE_FRAME:
		nwb_smb2_nbt_encode(raw, NWB_SMB2_FRAME_MAX);
		break;
	case NO_NBT:
		raw[0] = 0x85;
		break;
	case SHORT_HEADER:
		nwb_smb2_nbt_encode(raw, 40);
		break;
	case SHORT_BODY:
		nwb_smb2_nbt_encode(raw, NWB_SMB2_HDR_LEN + 6);
		break;
	case CLOSES:
		nwb_sock_reset(c->sock);
		return;
	case SESSION_EXPIRED:
	case SESSION_DELETED:
	case TREE_DELETED:
		script_reply(c, m, gone[how - SESSION_EXPIRED], 1, 0, NULL, 0);
		return;
	default:
		break;
	}
	nwb_smb2_hdr_encode(pdu, &h);
	if (how == NO_SMB)
		pdu[0] = 0xff;
	script_raw(c, raw, sizeof(raw));
}

/* Waits for all of them, then is rude about the first; the second connection
 * is a good one. */
static int rude_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	if (m->h.command != NWB_SMB2_WRITE || c->nr % 2 == 0)
		return 0;
	(void)script_apply(c, m);
	if (c->s->nr_writes % 10 == 5)
		be_rude(c, m, (enum rudeness)w->note);
	return 1;
}

static void rude_setup(struct world *w)
{
	w->s->hook = rude_hook;
}

static void rude_body(struct world *w)
{
	uint32_t epoch = 0;
	struct job j[5];

	OPEN(w);
	for (w->note = 0; w->note < NR_RUDE; w->note++) {
		bool gone = w->note >= SESSION_EXPIRED;

		w->nr_done = 0;
		w->s->nr_writes = 0;
		EXPECT(w, !nwb_smb2_file_ready(w->f, &epoch, NULL));
		for (unsigned int i = 0; i < NWB_ARRAY_SIZE(j); i++)
			EXPECT(w, !job_start(w, &j[i], i * 1000, 1000));
		wait_jobs(w);
		EXPECT(w, w->nr_done == NWB_ARRAY_SIZE(j));
		for (unsigned int i = 0; i < NWB_ARRAY_SIZE(j); i++) {
			EXPECT(w, j[i].result == -ECONNABORTED);
			EXPECT(w, (j[i].status != 0) == (gone && i == 4));
			EXPECT(w, j[i].wr.epoch == epoch);
		}
		EXPECT(w, nwb_smb2_epoch(w->c) == 0);
		EXPECT(w, !nwb_smb2_file_ready(w->f, &epoch, NULL));
		EXPECT(w, epoch == 2 * w->note + 2);
		EXPECT(w, job_run(w, 0, 1000, NULL) == 1000);
		nwb_smb2_disconnect(w->c);
	}
}

NWB_TEST(smb2_rude, nonsense_loses_the_connection_and_nothing_else)
{
	on_all(rude_setup, rude_body);
}

/* --- statuses that do not ------------------------------------------------- */

static int status_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	if (m->h.command != NWB_SMB2_WRITE)
		return 0;
	if (w->note)
		script_reply(c, m, (uint32_t)w->note, script_grant(c, &m->h), 0,
			     NULL, 0);
	else
		script_reply_write(c, m, 600, script_grant(c, &m->h));
	return 1;
}

static void status_setup(struct world *w)
{
	w->s->hook = status_hook;
}

static void status_body(struct world *w)
{
	uint32_t status = 0;

	OPEN(w);
	w->note = NWB_STATUS_DISK_FULL;
	EXPECT(w, job_run(w, 0, 1000, &status) == -ENOSPC);
	EXPECT(w, status == NWB_STATUS_DISK_FULL);
	w->note = NWB_STATUS_INSUFFICIENT_RESOURCES;
	EXPECT(w, job_run(w, 0, 1000, &status) == -EAGAIN);
	w->note = 0;
	EXPECT(w, job_run(w, 0, 1000, &status) == 600);
	EXPECT(w, status == 0);
	EXPECT(w, nwb_smb2_epoch(w->c) == 1);
	EXPECT(w, stats_of(w).in_flight == 0);
}

NWB_TEST(smb2_rude, errors_and_short_counts_are_passed_on)
{
	on_all(status_setup, status_body);
}

/* --- payload in use ------------------------------------------------------- */

/* Answers a WRITE when only its header was read; the client is still sending
 * and must not give the payload away. */
static void early_answer(struct sconn *c, const struct nwb_smb2_hdr *h)
{
	struct world *w = c->s->arg;
	struct smsg m = {.h = *h};

	if (h->command != NWB_SMB2_WRITE)
		return;
	if (w->note)
		nwb_sock_reset(c->sock);
	else
		script_reply(c, &m, NWB_STATUS_DISK_FULL, 16, 0, NULL, 0);
	nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + NWB_MSEC);
	nwb_mutex_lock(&w->lock);
	EXPECT(w, w->note || w->nr_done == 0);
	nwb_mutex_unlock(&w->lock);
}

static int swallow_hook(struct sconn *c, const struct smsg *m)
{
	(void)c;
	return m->h.command == NWB_SMB2_WRITE;
}

static void early_setup(struct world *w)
{
	w->s->buf_bytes = 4096;
	w->s->early = early_answer;
	w->s->hook = swallow_hook;
}

static void early_body(struct world *w)
{
	OPEN(w);
	EXPECT(w, job_run(w, 0, 1 << 20, NULL) == -ENOSPC);
	w->nr_done = 0;
	w->note = 1;
	EXPECT(w, job_run(w, 0, 1 << 20, NULL) == -ECONNABORTED);
	EXPECT(w, w->nr_done == 1);
}

NWB_TEST(smb2_rude, payload_is_kept_until_it_is_sent)
{
	on_all(early_setup, early_body);
}

/* --- time ----------------------------------------------------------------- */

static void silent_setup(struct world *w)
{
	w->s->hook = swallow_hook;
	w->opts.timeout_ns = 5 * NWB_SEC;
}

static void silent_body(struct world *w)
{
	uint64_t begin;
	struct job j[3];

	OPEN(w);
	begin = nwb_now_ns(w->ex);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(j); i++)
		EXPECT(w, !job_start(w, &j[i], 0, 100));
	/* others are answered: that is no excuse */
	for (unsigned int i = 0; i < 8; i++) {
		nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + 500 * NWB_MSEC);
		EXPECT(w, !nwb_smb2_echo(w->c, NULL));
	}
	wait_jobs(w);
	begin = nwb_now_ns(w->ex) - begin;
	EXPECT(w, begin >= 5 * NWB_SEC && begin < 6 * NWB_SEC);
	EXPECT(w, j[0].result == -ECONNABORTED);
	EXPECT(w, w->nr_done == 3);
}

NWB_TEST(smb2_rude, request_without_answer_loses_the_connection)
{
	on_sim(silent_setup, silent_body);
}

/* Interim responses prove that the server is at work: time starts anew. */
static int slow_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	if (m->h.command != NWB_SMB2_WRITE)
		return 0;
	nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + 4 * NWB_SEC);
	script_pending(c, m, script_grant(c, &m->h));
	nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + 4 * NWB_SEC);
	script_reply_write(c, m, script_apply(c, m), 0);
	return 1;
}

static void slow_setup(struct world *w)
{
	w->s->hook = slow_hook;
	w->opts.timeout_ns = 5 * NWB_SEC;
}

static void slow_body(struct world *w)
{
	OPEN(w);
	EXPECT(w, job_run(w, 0, 100, NULL) == 100);
}

NWB_TEST(smb2_rude, interim_response_extends_the_time)
{
	on_sim(slow_setup, slow_body);
}

/* --- credits that run out ------------------------------------------------- */

/* Answers everything and grants nothing. */
static int miser_hook(struct sconn *c, const struct smsg *m)
{
	if (m->h.command != NWB_SMB2_WRITE)
		return 0;
	script_reply_write(c, m, script_apply(c, m), 0);
	return 1;
}

static void miser_setup(struct world *w)
{
	w->s->hook = miser_hook;
	w->s->max_credits = 5;
}

static void miser_body(struct world *w)
{
	uint64_t begin;
	uint32_t epoch;
	size_t size;
	struct nwb_smb2_credits cr;

	OPEN(w);
	for (unsigned int i = 0; i < 5; i++)
		EXPECT(w, job_run(w, 0, 100, NULL) == 100);
	EXPECT(w, stats_of(w).credits == 0);
	begin = nwb_now_ns(w->ex);
	/* the caller's limit comes first */
	EXPECT(w, nwb_smb2_wait_mtu_credits(w->c, 100, begin + NWB_MSEC, &size,
					    &cr) == -ETIMEDOUT);
	EXPECT(w, nwb_smb2_epoch(w->c) == 1);
	EXPECT(w, nwb_smb2_wait_mtu_credits(w->c, 100, NWB_NEVER, &size, &cr) ==
			  -ECONNABORTED);
	EXPECT(w, nwb_now_ns(w->ex) - begin >= NWB_SEC);
	EXPECT(w, nwb_now_ns(w->ex) - begin < 2 * NWB_SEC);
	EXPECT(w, nwb_smb2_epoch(w->c) == 0);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &epoch, NULL));
	EXPECT(w, job_run(w, 0, 100, NULL) == 100);
}

NWB_TEST(smb2_rude, no_credits_and_nothing_in_flight_is_the_end)
{
	on_sim(miser_setup, miser_body);
}

/* All credits come back with the last reply, held for a while: no hang, no
 * loss (libsmb2 PR 395: the grant itself must wake). */
static int famine_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;
	uint16_t credits = 0;

	if (m->h.command != NWB_SMB2_WRITE)
		return 0;
	if (c->credits == 0) {
		nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + 3 * NWB_MSEC);
		credits = 5;
		nwb_mutex_lock(&c->s->lock);
		c->credits += 5;
		nwb_mutex_unlock(&c->s->lock);
		w->note++;
	}
	script_reply_write(c, m, script_apply(c, m), credits);
	return 1;
}

static void famine_setup(struct world *w)
{
	w->s->hook = famine_hook;
	w->s->max_credits = 5;
}

static void famine_body(struct world *w)
{
	struct job j[23];

	OPEN(w);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(j); i++) {
		struct nwb_smb2_credits cr;
		size_t size;

		EXPECT(w, !nwb_smb2_wait_mtu_credits(w->c, 1 << 20, NWB_NEVER,
						     &size, &cr));
		EXPECT(w, size == 65536);
		EXPECT(w, !job_start(w, &j[i], i * 1000, 1000));
	}
	wait_jobs(w);
	EXPECT(w, content_is(w, 0, NWB_ARRAY_SIZE(j) * 1000));
	EXPECT(w, nwb_smb2_epoch(w->c) == 1);
	EXPECT(w, w->note >= 3);
	EXPECT(w, stats_of(w).credits_min == 0);
}

NWB_TEST(smb2_rude, famine_ends_with_the_grant)
{
	on_all(famine_setup, famine_body);
}

/* --- signatures ----------------------------------------------------------- */

static int forge_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;
	struct nwb_smb2_write_rsp rsp = {.count = 1000};
	uint8_t raw[NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN + 16] = {0};
	uint8_t *pdu = raw + NWB_SMB2_NBT_LEN;
	struct nwb_smb2_hdr h = m->h;

	if (m->h.command != NWB_SMB2_WRITE)
		return 0;
	(void)!nwb_smb2_write_rsp_encode(pdu, NWB_SMB2_HDR_LEN + 16, &rsp);
	h.flags = NWB_SMB2_F_RESPONSE | (w->note ? NWB_SMB2_F_SIGNED : 0);
	memset(h.signature, 0x77, sizeof(h.signature));
	nwb_smb2_hdr_encode(pdu, &h);
	nwb_smb2_nbt_encode(raw, sizeof(raw) - NWB_SMB2_NBT_LEN);
	script_raw(c, raw, sizeof(raw));
	return 1;
}

static void forge_setup(struct world *w)
{
	user_setup(w);
	w->s->hook = forge_hook;
}

static void forge_body(struct world *w)
{
	uint32_t epoch;

	OPEN(w);
	/* unsigned, then signed with another key */
	EXPECT(w, job_run(w, 0, 1000, NULL) == -ECONNABORTED);
	EXPECT(w, nwb_smb2_epoch(w->c) == 0);
	w->note = 1;
	EXPECT(w, !nwb_smb2_file_ready(w->f, &epoch, NULL));
	EXPECT(w, job_run(w, 0, 1000, NULL) == -ECONNABORTED);
}

NWB_TEST(smb2_rude, forged_answers_lose_the_connection)
{
	on_all(forge_setup, forge_body);
}

/* --- credits of the old connection -----------------------------------------
 */

static int mute_hook(struct sconn *c, const struct smsg *m)
{
	return c->nr == 2 && m->h.command == NWB_SMB2_WRITE;
}

static void stale_setup(struct world *w)
{
	w->s->hook = mute_hook;
}

/* After a reconnect, spend all that the client believes it has. The mutant
 * believes too much, and the server's own count shows it. */
static void stale_body(struct world *w)
{
	bool is_mutant = w->opts.count_stale_credits;
	struct job *j = calloc(200, sizeof(*j));
	unsigned int n = 0;
	uint32_t epoch;

	OPEN(w);
	nwb_smb2_disconnect(w->c);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &epoch, NULL));
	while (n < 200 && stats_of(w).credits > CREDITS_FOR_REOPEN)
		EXPECT(w, !job_start(w, &j[n++], 0, 100));
	/* behind all of them: now the server has seen them */
	EXPECT(w, !nwb_smb2_echo(w->c, NULL));
	nwb_smb2_disconnect(w->c);
	wait_jobs(w);
	EXPECT(w, (w->s->violations > 0) == is_mutant);
	w->s->violations = 0;
	EXPECT(w, w->nr_done == n && n > 20);
	free(j);
}

NWB_TEST(smb2_rude, old_credits_are_not_spent_again)
{
	on_all(stale_setup, stale_body);
}

#ifdef NWB_MUTANTS
static void mutant_setup(struct world *w)
{
	stale_setup(w);
	w->opts.count_stale_credits = true;
}

NWB_TEST(smb2_rude, mutant_that_spends_old_credits_is_seen)
{
	on_all(mutant_setup, stale_body);
}
#endif
