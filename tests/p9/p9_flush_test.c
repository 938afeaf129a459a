/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 9P client against silence: time limits, Tflush, and what is late. */
#include "harness.h"

#include <errno.h>

/* --- silence, and Tflush ----------------------------------------------------
 */

#define LIMIT (5 * NWB_SEC)

/* t->note: bit 0: the reply comes before the Rflush; bit 1: no Rflush. */
static enum script_act hook_silent(struct script *s, const struct nwb_p9_msg *m,
				   unsigned int nth)
{
	struct t *t = s->arg;

	if (m->type == NWB_P9_TWRITE || m->type == NWB_P9_TFSYNC)
		return nth ? ACT_REPLY : ACT_HOLD;
	if (m->type != NWB_P9_TFLUSH)
		return ACT_REPLY;
	if (m->tflush.oldtag != s->held[0].tag)
		t->fail = "Tflush names another request";
	if (t->note & 1)
		script_release(s, false);
	return t->note & 2 ? ACT_SWALLOW : ACT_REPLY;
}

static void prepare_silent(struct t *t)
{
	t->s->hook = hook_silent;
	t->opts.timeout_ns = LIMIT;
	t->opts.max_tags = 1; /* so that a tag freed early is used at once */
	t->s->latency_ns = NWB_MSEC;
}

static void body_rflush_only(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	uint64_t start = nwb_now_ns(t->ex), took;
	struct nwb_p9_stats st;
	uint32_t epoch = 0, ecode = 77;

	T_EXPECT(t, t_write(t, f, 0, 100, &ecode) == -ETIMEDOUT && !ecode);
	took = nwb_now_ns(t->ex) - start;
	T_EXPECT(t, took >= LIMIT && took < LIMIT + NWB_SEC);
	T_EXPECT(t, nwb_p9_fsync(f, &epoch) == -ETIMEDOUT);
	T_EXPECT(t, nwb_p9_epoch(t->c) == 1);
	T_EXPECT(t, t_write(t, f, 0, 100, NULL) == 100);
	T_EXPECT(t, !nwb_p9_fsync(f, &epoch));
	nwb_p9_get_stats(t->c, &st);
	T_EXPECT(t, st.nr_flushes == 2);
	T_EXPECT(t, script_count(t->s, NWB_P9_TFLUSH, 0) == 2);
	t_close(t, f);
}

NWB_TEST(p9_flush, a_late_request_is_flushed)
{
	t_on_sim(prepare_silent, body_rflush_only);
}

static void body_reply_then_rflush(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");

	t->note = 1;
	T_EXPECT(t, t_write(t, f, 0, 100, NULL) == 100);
	T_EXPECT(t, t_write(t, f, 0, 100, NULL) == 100);
	T_EXPECT(t, nwb_p9_epoch(t->c) == 1);
	T_EXPECT(t, script_count(t->s, NWB_P9_TFLUSH, 0) == 1);
	t_close(t, f);
}

/* diod of a running request, nfs-ganesha always. */
NWB_TEST(p9_flush, a_late_reply_before_rflush_counts)
{
	t_on_sim(prepare_silent, body_reply_then_rflush);
}

/* The reply comes, Rflush does not: the tag stays taken, and in the end the
 * connection goes. */
static void body_reply_no_rflush(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	uint64_t start = nwb_now_ns(t->ex), took;
	struct nwb_err loss = {0};

	t->note = 3;
	T_EXPECT(t, t_write(t, f, 0, 100, NULL) == 100);
	T_EXPECT(t, t_write(t, f, 0, 100, NULL) == -ECONNABORTED);
	took = nwb_now_ns(t->ex) - start;
	T_EXPECT(t, took >= 2 * LIMIT && took < 2 * LIMIT + NWB_SEC);
	nwb_p9_last_loss(t->c, &loss);
	T_EXPECT(t, loss.code == -ETIMEDOUT);
	T_EXPECT(t, script_count(t->s, NWB_P9_TWRITE, 0) == 1);
	t_close(t, f);
}

NWB_TEST(p9_flush, a_tag_is_not_reused_before_rflush)
{
	t_on_sim(prepare_silent, body_reply_no_rflush);
}

static void body_nothing_at_all(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	uint64_t start = nwb_now_ns(t->ex), took;

	t->note = 2;
	T_EXPECT(t, t_write(t, f, 0, 100, NULL) == -ECONNABORTED);
	took = nwb_now_ns(t->ex) - start;
	T_EXPECT(t, took >= 2 * LIMIT && took < 2 * LIMIT + NWB_SEC);
	T_EXPECT(t, nwb_p9_epoch(t->c) == 0);
	t_close(t, f);
}

NWB_TEST(p9_flush, a_server_that_says_nothing_is_lost)
{
	t_on_sim(prepare_silent, body_nothing_at_all);
}

static enum script_act
hook_flush_error(struct script *s, const struct nwb_p9_msg *m, unsigned int nth)
{
	(void)nth;
	if (m->type == NWB_P9_TWRITE)
		return ACT_SWALLOW;
	if (m->type != NWB_P9_TFLUSH)
		return ACT_REPLY;
	script_rlerror(s, m, EINVAL);
	return ACT_DONE;
}

static void prepare_flush_error(struct t *t)
{
	prepare_silent(t);
	t->s->hook = hook_flush_error;
}

static void body_flush_error(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct nwb_err loss = {0};

	T_EXPECT(t, t_write(t, f, 0, 100, NULL) == -ECONNABORTED);
	nwb_p9_last_loss(t->c, &loss);
	T_EXPECT(t, strstr(loss.text, "answer to Tflush"));
	t_close(t, f);
}

NWB_TEST(p9_flush, tflush_is_never_refused)
{
	t_on_sim(prepare_flush_error, body_flush_error);
}

/* Several late ones: each gets its Tflush, one after the other. */
static enum script_act
hook_all_late(struct script *s, const struct nwb_p9_msg *m, unsigned int nth)
{
	(void)s;
	if (m->type == NWB_P9_TWRITE && nth < 5)
		return ACT_SWALLOW;
	return ACT_REPLY;
}

static void prepare_all_late(struct t *t)
{
	prepare_silent(t);
	t->opts.max_tags = 8;
	t->s->hook = hook_all_late;
}

static void body_all_late(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct tw *tw = calloc(5, sizeof(*tw));
	uint64_t start = nwb_now_ns(t->ex);
	unsigned int i;

	for (i = 0; i < 5; i++)
		T_EXPECT(t, !tw_start(t, &tw[i], f, i * 100, 100));
	t_wait_writes(t);
	T_EXPECT(t, nwb_now_ns(t->ex) < start + LIMIT + NWB_SEC);
	for (i = 0; i < 5; i++)
		T_EXPECT(t, tw[i].w.result == -ETIMEDOUT);
	T_EXPECT(t, script_count(t->s, NWB_P9_TFLUSH, 0) == 5);
	T_EXPECT(t, t_write(t, f, 0, 100, NULL) == 100);
	t_close(t, f);
	free(tw);
}

NWB_TEST(p9_flush, each_late_request_is_flushed)
{
	t_on_sim(prepare_all_late, body_all_late);
}

/* The server reads no more and the socket is full: no Tflush gets through, and
 * the sender comes out. */
static enum script_act hook_deaf(struct script *s, const struct nwb_p9_msg *m,
				 unsigned int nth)
{
	(void)nth;
	if (m->type == NWB_P9_TWRITE && s->nr_conns == 1)
		nwb_sleep_until(s->ex, nwb_now_ns(s->ex) + 100 * NWB_SEC);
	return ACT_REPLY;
}

static void prepare_deaf(struct t *t)
{
	prepare_silent(t);
	t->opts.max_tags = 8;
	t->s->hook = hook_deaf;
	t->s->buf_bytes = 4096;
}

static void body_deaf(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct tw *tw = calloc(3, sizeof(*tw));
	uint64_t start = nwb_now_ns(t->ex), took;
	unsigned int i;
	int rc;

	for (i = 0; i < 3; i++) {
		rc = tw_start(t, &tw[i], f, i * 8000, 8000);
		T_EXPECT(t, i < 2 ? !rc : rc == -ECONNABORTED);
	}
	t_wait_writes(t);
	took = nwb_now_ns(t->ex) - start;
	T_EXPECT(t, took >= LIMIT && took < 2 * LIMIT + NWB_SEC);
	for (i = 0; i < 2; i++)
		T_EXPECT(t, tw[i].w.result == -ECONNABORTED);
	t_close(t, f);
	free(tw);
}

NWB_TEST(p9_flush, a_full_socket_is_no_hiding_place)
{
	t_on_sim(prepare_deaf, body_deaf);
}

/* Deaf before the first byte of the write: it is half sent when its time is
 * over, there is nothing to flush, and nobody waits a second time. */
static enum script_act
hook_deaf_early(struct script *s, const struct nwb_p9_msg *m, unsigned int nth)
{
	struct nwb_p9_msg r = {.type = NWB_P9_RFSYNC, .tag = m->tag};

	(void)nth;
	if (m->type != NWB_P9_TFSYNC)
		return ACT_REPLY;
	script_send(s, &r);
	nwb_sleep_until(s->ex, nwb_now_ns(s->ex) + 100 * NWB_SEC);
	return ACT_DONE;
}

static void prepare_deaf_early(struct t *t)
{
	prepare_deaf(t);
	t->s->hook = hook_deaf_early;
}

static void body_deaf_early(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	uint64_t start, took;
	uint32_t epoch;

	T_EXPECT(t, !nwb_p9_fsync(f, &epoch));
	start = nwb_now_ns(t->ex);
	T_EXPECT(t, t_write(t, f, 0, 8000, NULL) == -ECONNABORTED);
	took = nwb_now_ns(t->ex) - start;
	T_EXPECT(t, took >= LIMIT && took < LIMIT + NWB_SEC);
	t_close(t, f);
}

NWB_TEST(p9_flush, half_a_write_is_not_flushed)
{
	t_on_sim(prepare_deaf_early, body_deaf_early);
}

/* Fids are not used twice on a connection, though a walk was cancelled. */
static enum script_act
hook_walk_late(struct script *s, const struct nwb_p9_msg *m, unsigned int nth)
{
	(void)s;
	return m->type == NWB_P9_TWALK && nth == 2 ? ACT_SWALLOW : ACT_REPLY;
}

static void prepare_walk_late(struct t *t)
{
	prepare_silent(t);
	t->s->hook = hook_walk_late;
}

static void body_walk_late(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a"), *g = NULL;

	T_EXPECT(t, nwb_p9_open(t->c, "a", 0, &g, NULL) == -ETIMEDOUT);
	T_EXPECT(t, !nwb_p9_open(t->c, "a", 0, &g, NULL));
	t_close(t, g);
	t_close(t, f);
}

NWB_TEST(p9_flush, a_cancelled_walk_leaves_its_fid_alone)
{
	t_on_sim(prepare_walk_late, body_walk_late);
}

/* --- late replies ----------------------------------------------------------
 */

/* Rflush first, the reply after it: against the rule, and of no consequence. */
static enum script_act hook_after_rflush(struct script *s,
					 const struct nwb_p9_msg *m,
					 unsigned int nth)
{
	struct nwb_p9_msg r = {.type = NWB_P9_RFLUSH, .tag = m->tag};

	if (m->type == NWB_P9_TWRITE)
		return nth ? ACT_REPLY : ACT_HOLD;
	if (m->type != NWB_P9_TFLUSH)
		return ACT_REPLY;
	s->tag_used[m->tag] = false;
	s->tag_used[m->tflush.oldtag] = false;
	script_send(s, &r);
	script_release(s, false);
	return ACT_DONE;
}

static void prepare_after_rflush(struct t *t)
{
	t->opts.max_tags = 8;
	t->opts.timeout_ns = LIMIT;
	t->s->hook = hook_after_rflush;
}

static void body_after_rflush(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct nwb_p9_stats st;
	int i;

	T_EXPECT(t, t_write(t, f, 0, 100, NULL) == -ETIMEDOUT);
	for (i = 0; i < 20; i++) /* the tag comes round again */
		T_EXPECT(t, t_write(t, f, 0, 100, NULL) == 100);
	T_EXPECT(t, nwb_p9_epoch(t->c) == 1);
	nwb_p9_get_stats(t->c, &st);
	T_EXPECT(t, st.nr_late == 1);
	t_close(t, f);
}

NWB_TEST(p9_flush, a_reply_after_rflush_is_dropped)
{
	t_on_sim(prepare_after_rflush, body_after_rflush);
}

/* nfs-ganesha 4.3: the reply to a request of a lost connection goes to a later
 * one, where the same tag may well be out. */
static enum script_act hook_stray(struct script *s, const struct nwb_p9_msg *m,
				  unsigned int nth)
{
	struct t *t = s->arg;
	struct nwb_p9_msg stray = {.type = NWB_P9_RWRITE,
				   .tag = (uint16_t)t->note,
				   .rwrite.count = 100};

	if (m->type != NWB_P9_TWRITE)
		return ACT_REPLY;
	if (!nth) {
		t->note = m->tag;
		return ACT_SWALLOW;
	}
	if (nth == 1)
		return ACT_RESET;
	if (nth == 2) {
		/* this one is out, and never answered: nobody may take the
		 * stray for its reply */
		script_send(s, &stray);
		return ACT_SWALLOW;
	}
	return ACT_REPLY;
}

static void prepare_stray(struct t *t)
{
	t->opts.max_tags = 4;
	t->opts.timeout_ns = LIMIT;
	t->s->hook = hook_stray;
}

static void body_stray(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct nwb_p9_stats st;
	struct tw tw[2];
	uint32_t epoch = 0;
	int i;

	T_EXPECT(t, !tw_start(t, &tw[0], f, 0, 1000));
	(void)!tw_start(t, &tw[1], f, 1000, 1000);
	t_wait_writes(t);
	T_EXPECT(t, tw[0].w.result == -ECONNABORTED);
	T_EXPECT(t, !nwb_p9_file_ready(f, &epoch, NULL));
	T_EXPECT(t, t_write(t, f, 0, 100, NULL) == -ETIMEDOUT);
	for (i = 0; i < 8; i++)
		T_EXPECT(t, t_write(t, f, 0, 100, NULL) == 100);
	T_EXPECT(t, nwb_p9_epoch(t->c) == 2);
	nwb_p9_get_stats(t->c, &st);
	T_EXPECT(t, st.nr_late == 1);
	t_close(t, f);
}

NWB_TEST(p9_flush, a_reply_of_a_lost_connection_is_dropped)
{
	t_on_sim(prepare_stray, body_stray);
}

/* --- cancelled by the caller ------------------------------------------------
 */

/* t->note: 0: the request is dropped, Rflush only (diod, queued); 1: the reply
 * comes first (diod, running; nfs-ganesha always). */
static void prepare_cancel(struct t *t)
{
	prepare_silent(t);
	t->opts.max_tags = 4;
	t->opts.timeout_ns = 1000 * NWB_SEC;
}

struct fsyncer {
	struct t *t;
	struct nwb_p9_file *f;
	int rc;
};

static void fsync_task(void *arg)
{
	struct fsyncer *s = arg;
	uint32_t epoch;

	s->rc = nwb_p9_fsync(s->f, &epoch);
}

/* A signal to the one who waits in fsync, at no cost in time. */
static void cancel_fsync(struct t *t, int want)
{
	struct fsyncer s = {.t = t, .f = t_open(t, "a")};
	struct nwb_p9_file *other = t_open(t, "b");
	uint64_t start = nwb_now_ns(t->ex);
	struct nwb_task *task;
	uint32_t epoch;

	T_EXPECT(t, !nwb_task_spawn(t->ex, "fsync", fsync_task, &s, &task));
	nwb_sleep_until(t->ex, start + NWB_SEC);
	T_EXPECT(t, nwb_p9_cancel(other) == 0); /* another file's is not its */
	T_EXPECT(t, nwb_p9_cancel(s.f) == 1);
	T_EXPECT(t, nwb_p9_cancel(s.f) == 0);
	nwb_task_join(task);
	T_EXPECT(t, s.rc == want);
	T_EXPECT(t, nwb_now_ns(t->ex) < start + 2 * NWB_SEC);
	T_EXPECT(t, script_count(t->s, NWB_P9_TFLUSH, 0) == 1);
	T_EXPECT(t, !nwb_p9_fsync(s.f, &epoch));
	T_EXPECT(t, nwb_p9_epoch(t->c) == 1);
	t_close(t, other);
	t_close(t, s.f);
}

static void body_cancel_dropped(struct t *t)
{
	t->note = 0;
	cancel_fsync(t, -ECANCELED);
}

static void body_cancel_answered(struct t *t)
{
	t->note = 1;
	cancel_fsync(t, 0);
}

NWB_TEST(p9_flush, an_interrupted_fsync)
{
	t_on_sim(prepare_cancel, body_cancel_dropped);
	t_on_sim(prepare_cancel, body_cancel_answered);
}

/* Several writes under way: each gets its own Tflush, each ends once. */
static enum script_act
hook_all_silent(struct script *s, const struct nwb_p9_msg *m, unsigned int nth)
{
	(void)nth;
	if (m->type != NWB_P9_TWRITE)
		return ACT_REPLY;
	s->tag_used[m->tag] = true;
	return m->twrite.offset ? ACT_SWALLOW : ACT_REPLY;
}

static void prepare_cancel_many(struct t *t)
{
	t->opts.max_tags = 4;
	t->opts.timeout_ns = 1000 * NWB_SEC;
	t->s->hook = hook_all_silent;
}

static void body_cancel_many(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct tw tw[3];
	unsigned int i;

	for (i = 0; i < 3; i++)
		T_EXPECT(t, !tw_start(t, &tw[i], f, 4096 * (i + 1), 4096));
	T_EXPECT(t, nwb_p9_cancel(f) == 3);
	t_wait_writes(t);
	for (i = 0; i < 3; i++)
		T_EXPECT(t, tw[i].w.result == -ECANCELED && tw[i].dones == 1);
	T_EXPECT(t, script_count(t->s, NWB_P9_TFLUSH, 0) == 3);
	for (i = 0; i < 9; i++)
		T_EXPECT(t, t_write(t, f, 0, 100, NULL) == 100);
	T_EXPECT(t, nwb_p9_epoch(t->c) == 1);
	t_close(t, f);
}

NWB_TEST(p9_flush, all_of_a_file_are_cancelled)
{
	t_on_all(prepare_cancel_many, body_cancel_many);
}
