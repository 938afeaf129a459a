/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Oplock breaks, reclaims, ChannelSequence and CANCEL against the scripted
 * server, on all executors.
 */
#include "harness.h"

#include "nwb/smb2_ctx.h"

/* --- breaks --------------------------------------------------------------- */

static void send_break(struct sconn *c, uint8_t level)
{
	struct nwb_smb2_oplock_break b = {.level = level,
					  .fid = {c->session, 1}};
	struct nwb_smb2_hdr h = {.command = NWB_SMB2_OPLOCK_BREAK,
				 .flags = NWB_SMB2_F_RESPONSE,
				 .message_id = NWB_SMB2_MID_NONE};
	uint8_t raw[NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN + 24] = {0};
	uint8_t *pdu = raw + NWB_SMB2_NBT_LEN;
	int n = nwb_smb2_oplock_break_encode(pdu, NWB_SMB2_HDR_LEN + 24, &b);

	nwb_smb2_hdr_encode(pdu, &h);
	nwb_smb2_nbt_encode(raw, (uint32_t)n);
	script_raw(c, raw, sizeof(raw));
}

static void reply_create_level(struct sconn *c, const struct smsg *m,
			       uint8_t level)
{
	struct nwb_smb2_create_rsp rsp = {.oplock = level, .fid = {c->nr, 1}};
	uint8_t pdu[256] = {0};

	script_reply(c, m, 0, script_grant(c, &m->h), 0, pdu,
		     nwb_smb2_create_rsp_encode(pdu, sizeof(pdu), &rsp));
}

static void reply_create(struct sconn *c, const struct smsg *m, bool durable)
{
	uint8_t ctx[64], pdu[256] = {0};
	struct nwb_smb2_ctx_list list = {.buf = ctx, .size = sizeof(ctx)};
	struct nwb_smb2_create_rsp rsp = {.oplock = NWB_SMB2_OPLOCK_BATCH,
					  .fid = {c->nr, 1}};

	if (durable)
		nwb_assert(!nwb_smb2_ctx_grant_v1(&list));
	rsp.contexts = (struct nwb_smb2_blob){ctx, (uint32_t)list.len};
	script_reply(c, m, 0, script_grant(c, &m->h), 0, pdu,
		     nwb_smb2_create_rsp_encode(pdu, sizeof(pdu), &rsp));
}

/* The break is on the wire before the answer of CREATE, and once more after. */
static int early_hook(struct sconn *c, const struct smsg *m)
{
	struct nwb_smb2_oplock_break b;
	struct world *w = c->s->arg;

	if (m->h.command == NWB_SMB2_CREATE) {
		send_break(c, NWB_SMB2_OPLOCK_II);
		reply_create(c, m, false);
		return 1;
	}
	if (m->h.command != NWB_SMB2_OPLOCK_BREAK)
		return 0;
	nwb_mutex_lock(&w->lock);
	EXPECT(w, !nwb_smb2_oplock_break_decode(m->pdu, m->len, &b));
	EXPECT(w, b.level == NWB_SMB2_OPLOCK_II && b.fid.volatil == 1);
	w->note++;
	nwb_waitq_wake_all(&w->q);
	nwb_mutex_unlock(&w->lock);
	return 0;
}

static void early_setup(struct world *w)
{
	w->s->hook = early_hook;
	w->opts.caching = NWB_SMB2_CACHE_RWH;
}

static void early_body(struct world *w)
{
	OPEN(w);
	EXPECT(w, nwb_smb2_file_caching(w->f) == NWB_SMB2_CACHE_READ);
	nwb_mutex_lock(&w->lock);
	nwb_wait_event(&w->q, &w->lock, w->note == 1);
	nwb_mutex_unlock(&w->lock);
	EXPECT(w, stats_of(w).nr_breaks == 1);
	EXPECT(w, !nwb_smb2_echo(w->c, NULL));
}

NWB_TEST(smb2_handles, a_break_may_overtake_the_answer_of_create)
{
	on_all(early_setup, early_body);
}

/* From II to none nobody waits; the client must not acknowledge. */
static int ii_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	if (m->h.command == NWB_SMB2_CREATE) {
		uint8_t pdu[256] = {0};
		struct nwb_smb2_create_rsp rsp = {.oplock = NWB_SMB2_OPLOCK_II,
						  .fid = {c->nr, 1}};

		script_reply(
			c, m, 0, script_grant(c, &m->h), 0, pdu,
			nwb_smb2_create_rsp_encode(pdu, sizeof(pdu), &rsp));
		return 1;
	}
	if (m->h.command == NWB_SMB2_FLUSH)
		send_break(c, NWB_SMB2_OPLOCK_NONE);
	EXPECT(w, m->h.command != NWB_SMB2_OPLOCK_BREAK);
	return 0;
}

static void ii_setup(struct world *w)
{
	w->s->hook = ii_hook;
	w->opts.caching = NWB_SMB2_CACHE_READ;
}

static void ii_body(struct world *w)
{
	uint32_t instance;

	OPEN(w);
	EXPECT(w, nwb_smb2_file_caching(w->f) == NWB_SMB2_CACHE_READ);
	EXPECT(w, !nwb_smb2_flush(w->f, &instance, NULL));
	EXPECT(w, nwb_smb2_file_caching(w->f) == 0);
	EXPECT(w, !nwb_smb2_echo(w->c, NULL));
}

NWB_TEST(smb2_handles, the_last_break_is_not_acknowledged)
{
	on_all(ii_setup, ii_body);
}

static bool told_within(struct world *w, uint64_t times, uint64_t ns)
{
	uint64_t end = nwb_now_ns(w->ex) + ns;
	bool is_told;

	nwb_mutex_lock(&w->lock);
	while (w->note < times && nwb_now_ns(w->ex) < end)
		(void)nwb_waitq_wait(&w->q, &w->lock, end);
	is_told = w->note == times;
	nwb_mutex_unlock(&w->lock);
	return is_told;
}

/* The channel is lost on which a break was acknowledged: perhaps the server
 * never heard it, and lets nobody in for 35 s. It is said again on the other.
 */
static int ack_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	if (m->h.command == NWB_SMB2_CREATE) {
		struct nwb_smb2_create_rsp rsp = {.oplock =
							  NWB_SMB2_OPLOCK_BATCH,
						  .fid = {c->session, 1}};
		uint8_t pdu[256] = {0};

		script_reply(
			c, m, 0, script_grant(c, &m->h), 0, pdu,
			nwb_smb2_create_rsp_encode(pdu, sizeof(pdu), &rsp));
		send_break(c, NWB_SMB2_OPLOCK_II);
		return 1;
	}
	if (m->h.command != NWB_SMB2_OPLOCK_BREAK)
		return 0;
	nwb_mutex_lock(&w->lock);
	w->note++;
	nwb_waitq_wake_all(&w->q);
	nwb_mutex_unlock(&w->lock);
	return w->note == 1 ? -1 : 0;
}

static void ack_setup(struct world *w)
{
	w->s->hook = ack_hook;
	w->s->user = true;
	w->s->ifaces[0] = SCRIPT_ADDR;
	w->s->nr_ifaces = 1;
	w->opts.auth = script_auth();
	w->opts.user = "u";
	w->opts.channels = 2;
	w->opts.caching = NWB_SMB2_CACHE_RWH;
}

static void ack_body(struct world *w)
{
	OPEN(w);
	EXPECT(w, told_within(w, 2, NWB_SEC));
	EXPECT(w, nwb_smb2_epoch(w->c) == 1);
	EXPECT(w, !nwb_smb2_echo(w->c, NULL));
}

NWB_TEST(smb2_handles, acknowledged_again_on_another_channel)
{
	on_all(ack_setup, ack_body);
}

/* --- reclaims ------------------------------------------------------------- */

/* The second connection gives the handle back, the third knows nothing of it,
 * nor does it of the plain open that would come in the same session. */
static int reclaim_hook(struct sconn *c, const struct smsg *m)
{
	struct nwb_smb2_create_req req;
	struct nwb_smb2_fid old;
	struct world *w = c->s->arg;
	bool is_reclaim;

	if (m->h.command == NWB_SMB2_WRITE) {
		EXPECT(w, m->h.status == c->nr - 1);
		EXPECT(w, !(m->h.flags & NWB_SMB2_F_REPLAY) == (c->nr == 1));
	}
	if (m->h.command != NWB_SMB2_CREATE)
		return 0;
	EXPECT(w, !nwb_smb2_create_req_decode(m->pdu, m->len, &req));
	EXPECT(w, req.oplock == NWB_SMB2_OPLOCK_BATCH);
	is_reclaim = !nwb_smb2_ctx_find_reclaim_v1(&req.contexts, &old);
	EXPECT(w, is_reclaim == (c->nr == 2 || c->nr == 3));
	if (is_reclaim)
		EXPECT(w, old.persistent == c->nr - 1);
	if (c->nr == 3)
		script_reply(c, m, NWB_STATUS_OBJECT_NAME_NOT_FOUND,
			     script_grant(c, &m->h), 0, NULL, 0);
	else
		reply_create(c, m, !is_reclaim);
	return 1;
}

static void reclaim_setup(struct world *w)
{
	w->s->hook = reclaim_hook;
	w->opts.durable = NWB_SMB2_DURABLE_V1;
}

static int64_t write_again(struct world *w, uint32_t *ret_instance)
{
	struct job j;
	int rc;

	job_fill(w, &j, 0, 1000);
	j.wr.is_replay = nwb_smb2_epoch(w->c) > 1;
	rc = job_send(w, &j);
	if (rc)
		return rc;
	wait_jobs(w);
	*ret_instance = j.wr.instance;
	return j.result;
}

static void reclaim_body(struct world *w)
{
	uint32_t instance = 0;

	OPEN(w);
	EXPECT(w, nwb_smb2_file_is_durable(w->f));
	EXPECT(w, write_again(w, &instance) == 1000 && instance == 1);
	nwb_smb2_disconnect(w->c);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &instance, NULL));
	EXPECT(w, instance == 1); /* the same open */
	EXPECT(w, nwb_smb2_file_is_durable(w->f));
	EXPECT(w, write_again(w, &instance) == 1000 && instance == 1);
	nwb_smb2_disconnect(w->c);
	EXPECT(w, nwb_smb2_file_ready(w->f, &instance, NULL) == -ECONNABORTED);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &instance, NULL));
	EXPECT(w, instance == 4);
	EXPECT(w, write_again(w, &instance) == 1000 && instance == 4);
	EXPECT(w, stats_of(w).nr_opens == 2);
	EXPECT(w, stats_of(w).nr_reclaims == 1);
	EXPECT(w, stats_of(w).nr_reclaims_refused == 1);
	EXPECT(w, stats_of(w).nr_replays == 2);
}

NWB_TEST(smb2_handles, reclaimed_it_is_the_same_open)
{
	on_all(reclaim_setup, reclaim_body);
}

/* The server took caching back while the client was away, and tells so with
 * the handle: the owner must write back and forget as after any break. */
static int less_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	EXPECT(w, m->h.command != NWB_SMB2_OPLOCK_BREAK);
	if (m->h.command != NWB_SMB2_CREATE)
		return 0;
	if (c->nr == 1)
		reply_create(c, m, true);
	else
		reply_create_level(c, m, NWB_SMB2_OPLOCK_II);
	return 1;
}

static void less_setup(struct world *w)
{
	w->s->hook = less_hook;
	w->opts.durable = NWB_SMB2_DURABLE_V1;
}

static void note_break(void *arg, uint32_t caching)
{
	struct world *w = arg;

	nwb_mutex_lock(&w->lock);
	EXPECT(w, caching == NWB_SMB2_CACHE_READ);
	w->note++;
	nwb_waitq_wake_all(&w->q);
	nwb_mutex_unlock(&w->lock);
}

static void less_body(struct world *w)
{
	uint32_t instance = 0;

	OPEN(w);
	nwb_smb2_file_on_break(w->f, note_break, w);
	nwb_smb2_disconnect(w->c);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &instance, NULL));
	EXPECT(w, instance == 1);
	EXPECT(w, nwb_smb2_file_caching(w->f) == NWB_SMB2_CACHE_READ);
	EXPECT(w, told_within(w, 1, NWB_SEC));
	EXPECT(w, stats_of(w).nr_reclaims == 1);
	EXPECT(w, !nwb_smb2_echo(w->c, NULL));
}

NWB_TEST(smb2_handles, reclaimed_with_less_it_is_broken)
{
	on_all(less_setup, less_body);
}

/* --- CANCEL --------------------------------------------------------------- */

/* WRITEs are answered when they are cancelled, every other after a
 * STATUS_PENDING. Two at a time. */
static struct smsg held[2];
static uint8_t held_pdu[2][NWB_SMB2_HDR_LEN];
static unsigned int nr_held;

static int cancel_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	if (m->h.command == NWB_SMB2_WRITE && nr_held < 2) {
		memcpy(held_pdu[nr_held], m->pdu, NWB_SMB2_HDR_LEN);
		held[nr_held] = *m;
		held[nr_held].pdu = held_pdu[nr_held];
		if (nr_held == 1)
			script_pending(c, m, script_grant(c, &m->h));
		nr_held++;
		nwb_mutex_lock(&w->lock);
		w->note++;
		nwb_waitq_wake_all(&w->q);
		nwb_mutex_unlock(&w->lock);
		return 1;
	}
	if (m->h.command != NWB_SMB2_CANCEL)
		return 0;
	for (unsigned int i = 0; i < nr_held; i++) {
		bool is_async = m->h.flags & NWB_SMB2_F_ASYNC;

		if (held[i].h.message_id != m->h.message_id)
			continue;
		EXPECT(w, is_async == (i == 1));
		if (is_async)
			EXPECT(w, m->h.async_id == m->h.message_id + 1000);
		EXPECT(w, m->h.credit_charge == 0);
		w->hits++; /* before the answer that lets the body look */
		script_reply(c, &held[i], NWB_STATUS_CANCELLED,
			     i ? 0 : script_grant(c, &held[i].h),
			     i ? NWB_SMB2_F_ASYNC : 0, NULL, 0);
	}
	return 1;
}

static void cancel_setup(struct world *w)
{
	nr_held = 0;
	w->hits = 0;
	w->s->hook = cancel_hook;
}

static void cancel_body(struct world *w)
{
	struct job j[2];

	OPEN(w);
	EXPECT(w, nwb_smb2_cancel(w->c, NWB_SMB2_WRITE) == 0);
	for (unsigned int i = 0; i < 2; i++)
		EXPECT(w, !job_start(w, &j[i], i * 1000, 1000));
	nwb_mutex_lock(&w->lock);
	nwb_wait_event(&w->q, &w->lock, w->note == 2);
	nwb_mutex_unlock(&w->lock);
	/* its answer is behind the STATUS_PENDING */
	EXPECT(w, !nwb_smb2_echo(w->c, NULL));
	EXPECT(w, nwb_smb2_cancel(w->c, NWB_SMB2_WRITE) == 2);
	wait_jobs(w);
	for (unsigned int i = 0; i < 2; i++)
		EXPECT(w, j[i].status == NWB_STATUS_CANCELLED);
	EXPECT(w, w->hits == 2);
	EXPECT(w, job_run(w, 0, 1000, NULL) == 1000);
	EXPECT(w, stats_of(w).credits == w->s->conns[0]->credits);
}

NWB_TEST(smb2_handles, cancel_names_the_request)
{
	on_all(cancel_setup, cancel_body);
}
