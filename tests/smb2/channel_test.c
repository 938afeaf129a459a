/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several channels of one session, on a scripted server that keeps the books of
 * each connection for itself: whose MessageIds leave a gap, or who spends
 * credits that this connection was not granted, is told so.
 */
#include "harness.h"

#include <errno.h>

#define ADDR_2 0x0a000002u
#define TRIES  4000u

static void two_setup(struct world *w)
{
	w->s->user = true;
	w->s->ifaces[0] = SCRIPT_ADDR;
	w->s->ifaces[1] = ADDR_2;
	w->s->nr_ifaces = 2;
	w->opts.auth = script_auth();
	w->opts.user = "u";
	w->opts.channels = 2;
}

static void two_signed_setup(struct world *w)
{
	two_setup(w);
	w->s->expect_sign = true;
	w->opts.sign = true;
}

static void pause_for(struct world *w, uint64_t ns)
{
	nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + ns);
}

/* Until @nr channels are up; nwb_smb2_connect() is what begins to mend. */
static bool wait_channels(struct world *w, unsigned int nr)
{
	for (unsigned int i = 0; i < TRIES; i++) {
		if (stats_of(w).nr_channels == nr)
			return true;
		(void)!nwb_smb2_connect(w->c, NULL);
		pause_for(w, NWB_MSEC);
	}
	return false;
}

/* --- one session ---------------------------------------------------------- */

/* B5: the second one asks for credits, too. */
static int asks_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	if (m->h.command != NWB_SMB2_WRITE || m->h.credits)
		return 0;
	nwb_mutex_lock(&w->lock);
	w->note = c->nr;
	nwb_mutex_unlock(&w->lock);
	return 0;
}

static void both_setup(struct world *w)
{
	two_setup(w);
	w->s->hook = asks_hook;
}

static void both_work(struct world *w)
{
	struct job j[16];

	OPEN(w);
	EXPECT(w, stats_of(w).nr_channels == 2);
	EXPECT(w, stats_of(w).nr_connects == 1 && stats_of(w).nr_binds == 1);
	EXPECT(w, w->s->nr_conns == 2 && w->s->nr_binds == 1);
	EXPECT(w, w->s->conns[0]->addr == 0);
	EXPECT(w, w->s->conns[1]->addr == ADDR_2);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(j); i++)
		EXPECT(w, !job_start(w, &j[i], i * 100000, 100000));
	wait_jobs(w);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(j); i++)
		EXPECT(w, j[i].result == 100000 && j[i].wr.epoch == 1);
	EXPECT(w, content_is(w, 0, 1600000));
	EXPECT(w, stats_of(w).chan_writes[0] && stats_of(w).chan_writes[1]);
	EXPECT(w, stats_of(w).nr_writes == 16);
	EXPECT(w, w->s->nr_creates == 1);
	EXPECT(w, !w->note);
	EXPECT(w, stats_of(w).in_flight == 0);
}

NWB_TEST(smb2_channel, both_carry_writes_of_one_session)
{
	on_all(both_setup, both_work);
}

NWB_TEST(smb2_channel, each_signs_with_its_own_key)
{
	on_all(two_signed_setup, both_work);
}

/* --- several in a frame --------------------------------------------------- */

/* Two writes with credits, not sent yet. */
static void reserve_two(struct world *w, struct job *j,
			struct nwb_smb2_write **ret_w)
{
	for (unsigned int i = 0; i < 2; i++) {
		size_t got = 0;

		job_fill(w, &j[i], i * 200000, 1000);
		EXPECT(w, !nwb_smb2_wait_mtu_credits(w->c, 1000, NWB_NEVER,
						     &got, &j[i].wr.credits));
		EXPECT(w, got == 1000);
		ret_w[i] = &j[i].wr;
	}
}

/* Each channel has its own credits and MessageIds: who has credits of two is
 * told to send them alone, and has them still. */
static void apart_work(struct world *w)
{
	struct nwb_smb2_write *both[2];
	struct job j[2];

	OPEN(w);
	reserve_two(w, j, both);
	EXPECT(w, j[0].wr.credits.chan != j[1].wr.credits.chan);
	EXPECT(w, nwb_smb2_write_chain(both, 2) == -EOPNOTSUPP);
	for (unsigned int i = 0; i < 2; i++) {
		EXPECT(w, j[i].wr.credits.value);
		EXPECT(w, !job_send(w, &j[i]));
	}
	wait_jobs(w);
	EXPECT(w, content_is(w, 0, 1000) && content_is(w, 200000, 201000));
	EXPECT(w, stats_of(w).nr_chained == 0);
}

NWB_TEST(smb2_channel, writes_of_two_channels_go_in_no_frame)
{
	on_all(two_setup, apart_work);
}

/* The file was open in another session: nothing is sent, no credit is lost. */
static void stale_work(struct world *w)
{
	struct nwb_smb2_write *both[2];
	uint32_t instance;
	struct job j[2];

	OPEN(w);
	nwb_smb2_disconnect(w->c);
	EXPECT(w, !nwb_smb2_connect(w->c, NULL));
	reserve_two(w, j, both);
	EXPECT(w, nwb_smb2_write_chain(both, 2) == -EAGAIN);
	for (unsigned int i = 0; i < 2; i++) {
		EXPECT(w, !j[i].wr.credits.value);
		free(j[i].payload);
	}
	EXPECT(w, stats_of(w).in_flight == 0);
	EXPECT(w, stats_of(w).nr_chained == 0);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &instance, NULL));
	EXPECT(w, job_run(w, 0, 1000, NULL) == 1000);
}

NWB_TEST(smb2_channel, a_frame_to_a_closed_file_is_not_sent)
{
	on_all(NULL, stale_work);
}

/* --- one is lost ---------------------------------------------------------- */

#define TAKEN 4u

static unsigned int nr_taken(struct world *w)
{
	unsigned int nr;

	nwb_mutex_lock(&w->lock);
	nr = (unsigned int)w->note;
	nwb_mutex_unlock(&w->lock);
	return nr;
}

/*
 * Connection 1 takes four writes and goes. Connection 2 answers none before
 * that: would it, the client might give the first one fewer.
 */
static int silent_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;
	unsigned int nr;

	if (m->h.command != NWB_SMB2_WRITE)
		return 0;
	if (c->nr != 1) {
		for (nr = 0; nr < TRIES && nr_taken(w) < TAKEN; nr++)
			pause_for(w, NWB_MSEC);
		return 0;
	}
	(void)script_apply(c, m);
	nwb_mutex_lock(&w->lock);
	nr = (unsigned int)++w->note;
	nwb_mutex_unlock(&w->lock);
	return nr == TAKEN ? -1 : 1;
}

static void silent_setup(struct world *w)
{
	two_setup(w);
	w->s->hook = silent_hook;
}

static void failover(struct world *w)
{
	uint64_t lost = 0;
	uint32_t epoch = 0;
	struct job j[32];

	OPEN(w);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(j); i++)
		EXPECT(w, !job_start(w, &j[i], i * 1000, 1000));
	wait_jobs(w);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(j); i++) {
		EXPECT(w, j[i].result == 1000 || j[i].result == -ECONNABORTED);
		lost += j[i].result < 0;
	}
	EXPECT(w, lost >= TAKEN && lost < NWB_ARRAY_SIZE(j));
	EXPECT(w, stats_of(w).nr_chan_lost == 1);
	EXPECT(w, nwb_smb2_epoch(w->c) == 1);
	/* C6: the next ones use the channel that is left, at once */
	EXPECT(w, job_run(w, 0, 1000, NULL) == 1000);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &epoch, NULL) && epoch == 1);
	EXPECT(w, w->s->nr_creates == 1);
	EXPECT(w, !nwb_smb2_flush(w->f, &epoch, NULL) && epoch == 1);
	EXPECT(w, wait_channels(w, 2));
	EXPECT(w, stats_of(w).nr_connects == 1 && stats_of(w).nr_binds == 2);
	EXPECT(w, w->s->conns[2]->session == 1);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(j); i++)
		EXPECT(w, !job_start(w, &j[i], i * 1000, 1000));
	wait_jobs(w);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(j); i++)
		EXPECT(w, j[i].result == 1000);
	EXPECT(w, content_is(w, 0, 32000));
}

NWB_TEST(smb2_channel, lost_one_takes_only_its_own_requests_along)
{
	on_all(silent_setup, failover);
}

static void lose_each(struct world *w)
{
	uint32_t epoch = 0;

	OPEN(w);
	for (unsigned int i = 0; i < 6; i++) {
		nwb_smb2_drop_channel(w->c, i % 2);
		EXPECT(w, nwb_smb2_epoch(w->c) == 1);
		EXPECT(w, job_run(w, i * 1000, 1000, NULL) == 1000);
		EXPECT(w, wait_channels(w, 2));
	}
	EXPECT(w, stats_of(w).nr_connects == 1 && w->s->nr_creates == 1);
	EXPECT(w, stats_of(w).nr_chan_lost == 6 && stats_of(w).nr_binds == 7);
	/* the first one is gone for good: the session ends with the last */
	nwb_smb2_disconnect(w->c);
	EXPECT(w, nwb_smb2_epoch(w->c) == 0);
	EXPECT(w, job_run(w, 0, 1000, NULL) == -ECONNABORTED);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &epoch, NULL) && epoch == 2);
	EXPECT(w, stats_of(w).nr_channels == 2);
	EXPECT(w, job_run(w, 0, 1000, NULL) == 1000);
}

NWB_TEST(smb2_channel, session_lives_while_one_does)
{
	on_all(two_signed_setup, lose_each);
}

/* A write's header carries how many losses there were before it. */
static int sequence_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	if (m->h.command == NWB_SMB2_WRITE)
		w->note = m->h.status;
	return 0;
}

static void sequence_setup(struct world *w)
{
	two_setup(w);
	w->s->hook = sequence_hook;
}

static void sequence(struct world *w)
{
	uint64_t first;

	OPEN(w);
	EXPECT(w, job_run(w, 0, 1000, NULL) == 1000);
	first = w->note;
	nwb_smb2_drop_channel(w->c, 0);
	EXPECT(w, job_run(w, 0, 1000, NULL) == 1000);
	EXPECT(w, w->note == first + 1);
	EXPECT(w, wait_channels(w, 2));
	EXPECT(w, job_run(w, 0, 1000, NULL) == 1000);
	EXPECT(w, w->note == first + 1);
}

NWB_TEST(smb2_channel, loss_raises_the_channel_sequence)
{
	on_all(sequence_setup, sequence);
}

/* The close is asked for again on the channel that is left. */
static int close_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	if (m->h.command != NWB_SMB2_CLOSE || w->note)
		return 0;
	w->note = c->nr;
	return -1;
}

static void close_setup(struct world *w)
{
	two_setup(w);
	w->s->hook = close_hook;
}

static void close_again(struct world *w)
{
	OPEN(w);
	EXPECT(w, !nwb_smb2_close(w->f));
	w->f = NULL;
	EXPECT(w, w->note && w->s->nr_closes == 1);
}

NWB_TEST(smb2_channel, handle_is_closed_although_a_channel_was_lost)
{
	on_all(close_setup, close_again);
}

/* The session is taken away: the answer to write 4 says so, on whichever
 * channel; the others are not answered. */
static int deleted_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;
	unsigned int nr;

	if (m->h.command != NWB_SMB2_WRITE || c->session != 1)
		return 0;
	nwb_mutex_lock(&w->lock);
	nr = (unsigned int)++w->note;
	nwb_mutex_unlock(&w->lock);
	if (nr == 4)
		script_reply(c, m, NWB_STATUS_USER_SESSION_DELETED,
			     script_grant(c, &m->h), 0, NULL, 0);
	return 1;
}

static void deleted_setup(struct world *w)
{
	two_setup(w);
	w->s->hook = deleted_hook;
}

static void deleted(struct world *w)
{
	uint32_t epoch = 0;
	struct job j[4];

	OPEN(w);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(j); i++)
		EXPECT(w, !job_start(w, &j[i], i * 1000, 1000));
	wait_jobs(w);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(j); i++)
		EXPECT(w, j[i].result == -ECONNABORTED);
	EXPECT(w, nwb_smb2_epoch(w->c) == 0);
	EXPECT(w, stats_of(w).nr_channels == 0);
	EXPECT(w, stats_of(w).nr_chan_lost == 0);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &epoch, NULL) && epoch == 2);
	EXPECT(w, stats_of(w).nr_channels == 2);
	EXPECT(w, job_run(w, 0, 1000, NULL) == 1000);
}

NWB_TEST(smb2_channel, session_that_is_gone_takes_all_along)
{
	on_all(deleted_setup, deleted);
}

/* What became of the first SET_INFO is unknown: the second says so, or else
 * the server might do the first one after what comes next. */
static int eof_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	if (m->h.command != NWB_SMB2_SET_INFO)
		return 0;
	EXPECT(w, !(m->h.flags & NWB_SMB2_F_REPLAY) == (w->note != 1));
	return w->note++ ? 0 : -1;
}

static void eof_setup(struct world *w)
{
	two_setup(w);
	w->s->hook = eof_hook;
}

static void eof_again(struct world *w)
{
	uint32_t instance;

	OPEN(w);
	EXPECT(w, nwb_smb2_set_eof(w->f, 1000, NULL) == -ECONNABORTED);
	EXPECT(w, nwb_smb2_set_eof(w->f, 1000, NULL) == -ECONNABORTED);
	EXPECT(w, w->note == 1); /* the server must hear of the loss first */
	EXPECT(w, !nwb_smb2_file_ready(w->f, &instance, NULL));
	EXPECT(w, !nwb_smb2_set_eof(w->f, 1000, NULL));
	EXPECT(w, !nwb_smb2_set_eof(w->f, 2000, NULL));
	EXPECT(w, w->note == 3);
	EXPECT(w, stats_of(w).nr_replays == 1);
}

NWB_TEST(smb2_channel, size_set_again_is_a_replay)
{
	on_all(eof_setup, eof_again);
}

/* Whatever the server says to the request that announces the new
 * ChannelSequence, it has seen it; no write is given up for that. */
static int deaf_hook(struct sconn *c, const struct smsg *m)
{
	if (m->h.command != NWB_SMB2_QUERY_INFO)
		return 0;
	script_reply(c, m, NWB_STATUS_ACCESS_DENIED, script_grant(c, &m->h), 0,
		     NULL, 0);
	return 1;
}

static void deaf_setup(struct world *w)
{
	two_setup(w);
	w->s->hook = deaf_hook;
}

static void deaf_body(struct world *w)
{
	uint32_t instance;
	struct job j;

	OPEN(w);
	nwb_smb2_drop_channel(w->c, 0);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &instance, NULL));
	job_fill(w, &j, 0, 1000);
	j.wr.is_replay = true;
	EXPECT(w, !job_send(w, &j));
	wait_jobs(w);
	EXPECT(w, j.result == 1000);
}

NWB_TEST(smb2_channel, refused_announcement_is_one)
{
	on_all(deaf_setup, deaf_body);
}

/* --- addresses ------------------------------------------------------------ */

static void dead_setup(struct world *w)
{
	two_setup(w);
	w->s->dead_addr = ADDR_2;
}

static void dead_address(struct world *w)
{
	OPEN(w);
	EXPECT(w, stats_of(w).nr_channels == 1);
	EXPECT(w, job_run(w, 0, 1000, NULL) == 1000);
	EXPECT(w, w->s->nr_conns == 1);
	w->s->dead_addr = 0;
	pause_for(w, 2 * NWB_SEC);
	EXPECT(w, wait_channels(w, 2));
	EXPECT(w, job_run(w, 0, 1000, NULL) == 1000);
}

NWB_TEST(smb2_channel, address_that_is_away_does_not_matter)
{
	on_sim(dead_setup, dead_address);
}

/* --- refusals ------------------------------------------------------------- */

static void refused(struct world *w, int want, const char *text)
{
	struct nwb_err err = {0};
	int rc = nwb_smb2_connect(w->c, &err);

	EXPECT(w, rc == want);
	EXPECT(w, strstr(err.text, text));
	EXPECT(w, nwb_smb2_epoch(w->c) == 0);
	/* and once more: nothing is left that could be in the way */
	EXPECT(w, nwb_smb2_connect(w->c, &err) == want);
}

static void not_offered_setup(struct world *w)
{
	two_setup(w);
	w->s->nr_ifaces = 0;
}

static void not_offered(struct world *w)
{
	refused(w, -EOPNOTSUPP, "the server has no multichannel; switch it on");
}

NWB_TEST(smb2_channel, server_without_multichannel_is_named)
{
	on_all(not_offered_setup, not_offered);
}

static void guest_setup(struct world *w)
{
	two_setup(w);
	w->s->user = false;
	w->opts.auth = NULL;
	w->opts.user = "";
}

static void guest(struct world *w)
{
	refused(w, -EACCES,
		"2 channels were asked for, but guests have no key");
}

NWB_TEST(smb2_channel, guests_are_told_why_not)
{
	on_all(guest_setup, guest);
}

static void denied_setup(struct world *w)
{
	two_setup(w);
	w->s->bind_status = NWB_STATUS_ACCESS_DENIED;
}

static void denied(struct world *w)
{
	refused(w, -EACCES, "channel 2: session setup: STATUS_ACCESS_DENIED");
}

NWB_TEST(smb2_channel, refused_binding_is_an_error_with_its_reason)
{
	on_all(denied_setup, denied);
}

NWB_TEST(smb2_channel, five_are_too_many)
{
	struct nwb_smb2_opts opts = {.channels = NWB_SMB2_CHANNELS_MAX + 1};
	struct nwb_err err = {0};
	struct nwb_smb2 *c = NULL;

	nwb_check_eq(nwb_smb2_new(NULL, &opts, &c, &err), -EINVAL);
	nwb_check_streq(err.text, "5 channels: at most 4 are possible");
}

/* --- everything at once --------------------------------------------------- */

#define ROUNDS 20u

static void storm_setup(struct world *w)
{
	two_setup(w);
	w->s->max_credits = 24;
	w->s->ifaces[2] = SCRIPT_ADDR + 2;
	w->s->nr_ifaces = 3;
	w->opts.channels = 3;
}

/* Reserve, and change one's mind now and then. */
static int storm_start(struct world *w, struct job *j, uint32_t len)
{
	uint64_t at = nwb_random_u64(w->ex) % (SCRIPT_FILE_BYTES - len);
	size_t got = 0;
	int rc;

	job_fill(w, j, at, len);
	rc = nwb_smb2_wait_mtu_credits(w->c, 1 << 20, NWB_NEVER, &got,
				       &j->wr.credits);
	if (!rc && nwb_random_u64(w->ex) % 8 == 0) {
		nwb_smb2_put_credits(w->c, &j->wr.credits);
		rc = -EAGAIN;
	}
	if (!rc && got < len)
		j->wr.len = (uint32_t)got;
	if (!rc)
		return job_send(w, j);
	free(j->payload);
	return rc;
}

static void storm(struct world *w)
{
	uint64_t nr_ok = 0;
	uint32_t epoch;

	OPEN(w);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct job j[12];
		bool is_sent[NWB_ARRAY_SIZE(j)];

		for (unsigned int k = 0; k < NWB_ARRAY_SIZE(j); k++) {
			uint32_t len =
				1 + (uint32_t)(nwb_random_u64(w->ex) % 300000);

			EXPECT(w, !nwb_smb2_file_ready(w->f, &epoch, NULL));
			is_sent[k] = !storm_start(w, &j[k], len);
			if (nwb_random_u64(w->ex) % 16 == 0)
				nwb_smb2_drop_channel(
					w->c, nwb_random_u64(w->ex) % 3);
		}
		wait_jobs(w);
		for (unsigned int k = 0; k < NWB_ARRAY_SIZE(j); k++)
			nr_ok += is_sent[k] && j[k].result > 0;
		if (w->s->nr_conns > SCRIPT_CONNS_MAX - 40)
			break;
	}
	EXPECT(w, nr_ok > 0);
	EXPECT(w, wait_channels(w, 3));
	EXPECT(w, stats_of(w).in_flight == 0);
}

NWB_TEST(smb2_channel, books_balance_on_each_while_they_come_and_go)
{
	on_all(storm_setup, storm);
}
