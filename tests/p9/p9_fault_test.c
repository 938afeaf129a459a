/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 9P client against loss and servers that are broken or hostile. */
#include "harness.h"

#include <errno.h>

#define MANY 16u

/* --- loss ------------------------------------------------------------------
 */

/* t->note: the number of the Twrite at which something happens. */
static enum script_act hook_loss(struct script *s, const struct nwb_p9_msg *m,
				 unsigned int nth)
{
	struct t *t = s->arg;

	if (m->type != NWB_P9_TWRITE || s->nr_conns > 1)
		return ACT_REPLY;
	if (nth < t->note)
		return ACT_SWALLOW;
	return t->note % 2 ? ACT_RESET : ACT_RESET_AFTER;
}

static void prepare_loss(struct t *t)
{
	t->s->hook = hook_loss;
	t->opts.max_tags = 32;
}

/* Everything outstanding ends once, with -ECONNABORTED; what had not been sent
 * is refused at once; after file_ready() writing goes on. */
static void lose_once(struct t *t, unsigned int at)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct tw *tw = calloc(MANY, sizeof(*tw));
	struct nwb_err loss = {0};
	uint32_t epoch = 0;
	unsigned int i, sent = 0;
	int rc;

	t->note = at;
	for (i = 0; i < MANY; i++) {
		rc = tw_start(t, &tw[i], f, i * 4096, 4096);
		T_EXPECT(t, !rc || rc == -ECONNABORTED);
		sent += !rc;
	}
	t_wait_writes(t);
	for (i = 0; i < MANY; i++) {
		if (tw[i].dones)
			T_EXPECT(t, tw[i].w.result == -ECONNABORTED &&
					    !tw[i].w.ecode &&
					    tw[i].w.epoch == 1);
	}
	T_EXPECT(t, sent > at);
	T_EXPECT(t, nwb_p9_epoch(t->c) == 0);
	nwb_p9_last_loss(t->c, &loss);
	T_EXPECT(t, loss.code < 0 && loss.text[0]);
	T_EXPECT(t, t_write(t, f, 0, 100, NULL) == -ECONNABORTED);
	T_EXPECT(t, nwb_p9_fsync(f, &epoch) == -ECONNABORTED);
	T_EXPECT(t, !nwb_p9_connect(t->c, NULL));
	T_EXPECT(t, t_write(t, f, 0, 100, NULL) == -EAGAIN);
	T_EXPECT(t, nwb_p9_fsync(f, &epoch) == -EAGAIN);
	T_EXPECT(t, !nwb_p9_file_ready(f, &epoch, NULL) && epoch == 2);
	for (i = 0; i < MANY; i++)
		T_EXPECT(t, t_write(t, f, i * 4096, 4096, NULL) == 4096);
	T_EXPECT(t, !nwb_p9_fsync(f, &epoch) && epoch == 2);
	T_EXPECT(t, t_content_ok(&t->s->files[0], 0, MANY * 4096));
	t_close(t, f);
	free(tw);
}

static void body_loss_early(struct t *t)
{
	lose_once(t, 0);
}

static void body_loss_late(struct t *t)
{
	lose_once(t, 7);
}

NWB_TEST(p9_fault, loss_after_execution_ends_all_once)
{
	t_on_all(prepare_loss, body_loss_early);
}

NWB_TEST(p9_fault, loss_before_execution_ends_all_once)
{
	t_on_all(prepare_loss, body_loss_late);
}

/* The server takes some bytes and resets, while the sender is in sendv: the
 * payload is freed by done(), which must not be called before sendv is left. */
static enum script_act hook_stuck(struct script *s, const struct nwb_p9_msg *m,
				  unsigned int nth)
{
	struct t *t = s->arg;

	(void)nth;
	if (m->type != NWB_P9_TWRITE || s->nr_conns > 1)
		return ACT_REPLY;
	nwb_sleep_until(s->ex, nwb_now_ns(s->ex) + t->note);
	return ACT_RESET;
}

static void prepare_stuck(struct t *t)
{
	t->s->hook = hook_stuck;
	t->s->buf_bytes = 8192;
}

static void body_stuck(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct tw *tw = calloc(4, sizeof(*tw));
	uint32_t epoch = 0;
	unsigned int i;
	int rc;

	t->note = 2 * NWB_MSEC;
	for (i = 0; i < 4; i++) {
		rc = tw_start(t, &tw[i], f, i * 65000, 65000);
		T_EXPECT(t, !rc || rc == -ECONNABORTED);
		T_EXPECT(t, !rc || i > 0);
	}
	t_wait_writes(t);
	for (i = 0; i < 4; i++)
		T_EXPECT(t, !tw[i].dones || tw[i].w.result == -ECONNABORTED);
	T_EXPECT(t, !nwb_p9_file_ready(f, &epoch, NULL));
	T_EXPECT(t, t_write(t, f, 0, 65000, NULL) == 65000);
	t_close(t, f);
	free(tw);
}

NWB_TEST(p9_fault, loss_while_sending)
{
	t_on_all(prepare_stuck, body_stuck);
}

/*
 * Several writers and a task that disconnects at any moment. In the end there
 * must still be every tag: as many writes as there are tags are outstanding at
 * once, or nobody is answered.
 */
#define CUT_TAGS    3u
#define CUT_WRITERS 3u

struct cut_task {
	struct t *t;
	struct nwb_p9_file *f;
	struct nwb_task *task;
	unsigned int nr;
};

static void cutter_task(void *arg)
{
	struct cut_task *c = arg;
	struct nwb_exec *ex = c->t->ex;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		unsigned int k = nwb_random_u64(ex) % 400;

		if (c->t->s->latency_ns)
			nwb_sleep_until(ex, nwb_now_ns(ex) + k * NWB_USEC);
		while (k-- && !c->t->s->latency_ns)
			nwb_yield(ex, "cut");
		nwb_p9_disconnect(c->t->c);
		/* at once, while senders are still on their way out */
		if (i % 2)
			T_EXPECT(c->t, nwb_p9_connect(c->t->c, NULL) <= 0);
	}
}

static void cut_writer_task(void *arg)
{
	struct cut_task *c = arg;
	struct tw *tw = calloc(MANY, sizeof(*tw));
	unsigned int i, round;
	uint32_t epoch = 0;
	int rc;

	for (round = 0; round < 15; round++) {
		rc = nwb_p9_file_ready(c->f, &epoch, NULL);
		for (i = 0; i < MANY; i++) {
			rc = tw_start(c->t, &tw[i], c->f,
				      (c->nr * MANY + i) * 4096, 4096);
			T_EXPECT(c->t,
				 !rc || rc == -ECONNABORTED || rc == -EAGAIN);
		}
		t_wait_writes(c->t);
		for (i = 0; i < MANY; i++)
			T_EXPECT(c->t, !tw[i].dones || tw[i].w.result == 4096 ||
					       tw[i].w.result == -ECONNABORTED);
	}
	free(tw);
}

static enum script_act hook_gather(struct script *s, const struct nwb_p9_msg *m,
				   unsigned int nth)
{
	struct t *t = s->arg;

	(void)nth;
	if (!t->note || m->type != NWB_P9_TWRITE)
		return ACT_REPLY;
	if (++t->note <= CUT_TAGS)
		return ACT_HOLD;
	script_release(s, false);
	return ACT_REPLY;
}

static void prepare_cutter(struct t *t)
{
	t->s->hook = hook_gather;
	t->s->buf_bytes = 3000;
	t->s->latency_ns = 10 * NWB_USEC;
	t->opts.max_tags = CUT_TAGS;
}

static void body_cutter(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct cut_task task[CUT_WRITERS + 1];
	struct tw *tw = calloc(CUT_TAGS, sizeof(*tw));
	uint32_t epoch = 0;
	unsigned int i;

	for (i = 0; i <= CUT_WRITERS; i++) {
		task[i] = (struct cut_task){.t = t, .f = f, .nr = i};
		T_EXPECT(t, !nwb_task_spawn(t->ex, "cut",
					    i < CUT_WRITERS ? cut_writer_task
							    : cutter_task,
					    &task[i], &task[i].task));
	}
	for (i = 0; i <= CUT_WRITERS; i++)
		nwb_task_join(task[i].task);
	T_EXPECT(t, !nwb_p9_file_ready(f, &epoch, NULL));
	t->note = 1;
	for (i = 0; i < CUT_TAGS; i++)
		T_EXPECT(t, !tw_start(t, &tw[i], f, i * 4096, 4096));
	t_wait_writes(t);
	for (i = 0; i < CUT_TAGS; i++)
		T_EXPECT(t, tw[i].w.result == 4096);
	T_EXPECT(t, nwb_p9_epoch(t->c) == epoch);
	t_close(t, f);
	free(tw);
}

NWB_TEST(p9_fault, disconnect_at_any_moment)
{
	t_on_all(prepare_cutter, body_cutter);
}

/* Without latency a new connection may be up before those who waited for the
 * old one have looked. */
static void prepare_cutter_fast(struct t *t)
{
	prepare_cutter(t);
	t->s->latency_ns = 0;
	t->s->buf_bytes = 1500;
}

NWB_TEST(p9_fault, disconnect_at_any_step)
{
	t_on_all(prepare_cutter_fast, body_cutter);
}

/* Fenced by settling: no dial before settle_ns after the loss. */
static void prepare_settle(struct t *t)
{
	t->opts.settle_ns = 3 * NWB_SEC;
	t->s->latency_ns = NWB_MSEC;
}

static void body_settle(struct t *t)
{
	uint64_t start = nwb_now_ns(t->ex), lost, now;
	struct nwb_p9_file *f = t_open(t, "a");
	uint32_t epoch = 0;

	lost = nwb_now_ns(t->ex);
	T_EXPECT(t, lost < start + NWB_SEC); /* none the first time */
	nwb_p9_disconnect(t->c);
	nwb_sleep_until(t->ex, lost + NWB_SEC);
	T_EXPECT(t, !nwb_p9_file_ready(f, &epoch, NULL));
	now = nwb_now_ns(t->ex);
	T_EXPECT(t, now >= lost + 3 * NWB_SEC && now < lost + 4 * NWB_SEC);
	t_close(t, f);
}

NWB_TEST(p9_fault, reconnect_settles_first)
{
	t_on_sim(prepare_settle, body_settle);
}

static void body_gone(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	uint32_t epoch = 77;

	nwb_p9_disconnect(t->c);
	t->s->files[0].exists = false;
	T_EXPECT(t, nwb_p9_file_ready(f, &epoch, NULL) == -ENOENT);
	T_EXPECT(t, epoch == 77);
	/* reopening never creates */
	T_EXPECT(t, script_count(t->s, NWB_P9_TLCREATE, 2) == 0);
	t_close(t, f);
}

NWB_TEST(p9_fault, a_file_that_is_gone_stays_gone)
{
	t_on_sim(NULL, body_gone);
}

/* Lost after Tlcreate was executed: without NWB_O_EXCL ask again, with it say
 * that nobody knows. */
static enum script_act hook_create(struct script *s, const struct nwb_p9_msg *m,
				   unsigned int nth)
{
	(void)s;
	return m->type == NWB_P9_TLCREATE && nth < 2 ? ACT_RESET_AFTER
						     : ACT_REPLY;
}

static void prepare_create(struct t *t)
{
	t->s->hook = hook_create;
}

static void body_create(struct t *t)
{
	struct nwb_p9_file *f = NULL;

	T_EXPECT(t, nwb_p9_open(t->c, "a", NWB_O_CREATE, &f, NULL) ==
			    -ECONNABORTED);
	T_EXPECT(t, nwb_p9_open(t->c, "b", NWB_O_CREATE | NWB_O_EXCL, &f,
				NULL) == -EIO);
	T_EXPECT(t, !nwb_p9_open(t->c, "a", NWB_O_CREATE, &f, NULL));
	t_close(t, f);
}

NWB_TEST(p9_fault, exclusive_create_of_unknown_outcome)
{
	t_on_all(prepare_create, body_create);
}

/* --- answers that are not what they should be -------------------------------
 */

enum odd {
	ODD_ZERO,
	ODD_MORE,
	ODD_HUGE,
	ODD_SHORT,
	ODD_ENOSPC,
	ODD_E0,
	ODD_EHUGE,
	ODD_EAGAIN,
	NR_ODD,
};

static enum script_act hook_odd(struct script *s, const struct nwb_p9_msg *m,
				unsigned int nth)
{
	static const uint32_t counts[] = {0, 1001, 0xffffffff, 400};
	static const uint32_t ecodes[] = {ENOSPC, 0, 0x80000005, EAGAIN};

	if (m->type != NWB_P9_TWRITE)
		return ACT_REPLY;
	if (nth < ODD_ENOSPC)
		script_rwrite(s, m, counts[nth]);
	else
		script_rlerror(s, m, ecodes[nth - ODD_ENOSPC]);
	return ACT_DONE;
}

static void prepare_odd(struct t *t)
{
	t->s->hook = hook_odd;
}

/* Told once, never tried again, and the connection lives. */
static void body_odd(struct t *t)
{
	static const int64_t want[NR_ODD] = {-EIO,    -EPROTO, -EPROTO,
					     400,     -ENOSPC, -EPROTO,
					     -EPROTO, -EAGAIN};
	struct nwb_p9_file *f = t_open(t, "a");
	uint32_t ecode[NR_ODD];
	unsigned int i;

	for (i = 0; i < NR_ODD; i++)
		T_EXPECT(t,
			 t_write(t, f, i * 1000, 1000, &ecode[i]) == want[i]);
	T_EXPECT(t, !ecode[ODD_ZERO] && !ecode[ODD_MORE] && !ecode[ODD_SHORT]);
	T_EXPECT(t, ecode[ODD_ENOSPC] == ENOSPC && ecode[ODD_E0] == 0);
	T_EXPECT(t, ecode[ODD_EAGAIN] == EAGAIN);
	T_EXPECT(t, nwb_p9_epoch(t->c) == 1);
	t_close(t, f);
	T_EXPECT(t, script_count(t->s, NWB_P9_TWRITE, 0) == NR_ODD);
}

NWB_TEST(p9_fault, odd_counts_and_errors_are_told_once)
{
	t_on_all(prepare_odd, body_odd);
}

static enum script_act
hook_sync_error(struct script *s, const struct nwb_p9_msg *m, unsigned int nth)
{
	static const uint32_t ecodes[] = {EIO, ETIMEDOUT, ECONNABORTED, EAGAIN};

	if (m->type != NWB_P9_TFSYNC)
		return ACT_REPLY;
	script_rlerror(s, m, ecodes[nth]);
	return ACT_DONE;
}

static void prepare_sync_error(struct t *t)
{
	t->s->hook = hook_sync_error;
}

static void body_sync_error(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	uint32_t epoch = 77;

	T_EXPECT(t, nwb_p9_fsync(f, &epoch) == -EIO);
	T_EXPECT(t, nwb_p9_fsync(f, &epoch) == -EREMOTEIO);
	T_EXPECT(t, nwb_p9_fsync(f, &epoch) == -EREMOTEIO);
	T_EXPECT(t, nwb_p9_fsync(f, &epoch) == -EREMOTEIO);
	T_EXPECT(t, epoch == 77 && nwb_p9_epoch(t->c) == 1);
	t_close(t, f);
}

NWB_TEST(p9_fault, errors_of_the_server_are_told_from_our_own)
{
	t_on_sim(prepare_sync_error, body_sync_error);
}

/* --- frames that end the connection -----------------------------------------
 */

struct forged {
	const char *text; /* of which the loss must speak */
	uint8_t bytes[24];
	unsigned int len;
};

/* In answer to the first Twrite: bytes 5 and 6 are made its tag if byte 5 is
 * zero. */
static const struct forged forged[] = {
	{"tag 61166, which is not outstanding",
	 {11, 0, 0, 0, 119, 0xee, 0xee, 1},
	 11},
	/* Tflush's own on the second connection, and a later connection's */
	{"with tag 257, which is not", {7, 0, 0, 0, 109, 1, 1}, 7},
	{"with tag 8193, which is not", {7, 0, 0, 0, 109, 1, 0x20}, 7},
	{"answers a Twrite", {7, 0, 0, 0, 51}, 7},
	{"shorter than a header", {6, 0, 0, 0, 119}, 7},
	{"shorter than a header", {0, 0, 0, 0}, 4},
	{"larger than msize", {1, 0, 1, 0, 119}, 7},
	{"larger than msize", {0xff, 0xff, 0xff, 0xff}, 4},
	{"malformed", {10, 0, 0, 0, 119, 0, 0, 1, 0, 0}, 10},
	{"malformed", {12, 0, 0, 0, 119, 0, 0, 1, 0, 0, 0, 0}, 12},
	{"malformed", {9, 0, 0, 0, 108, 0, 0, 1, 0}, 9},
	{"not known here", {7, 0, 0, 0, 200}, 7},
	{"tag 65535, which is not",
	 {19, 0, 0, 0, 101, 0xff, 0xff, 0, 1, 0, 0, 6, 0, 'u', 'n', 'k', 'n',
	  'o', 'w'},
	 19},
	{"closed", {7, 0, 0}, 3},
};

static enum script_act hook_forge(struct script *s, const struct nwb_p9_msg *m,
				  unsigned int nth)
{
	struct t *t = s->arg;
	const struct forged *g = &forged[t->note];
	uint8_t bytes[24];

	(void)nth;
	if (m->type != NWB_P9_TWRITE)
		return ACT_REPLY;
	memcpy(bytes, g->bytes, sizeof(bytes));
	if (!bytes[5]) {
		bytes[5] = (uint8_t)m->tag;
		bytes[6] = (uint8_t)(m->tag >> 8);
	}
	script_send_raw(s, bytes, g->len);
	if (!strcmp(g->text, "closed")) {
		/* not while the Twrite is still being sent: that is EPIPE */
		nwb_sleep_until(s->ex, nwb_now_ns(s->ex) + NWB_MSEC);
		nwb_sock_shutdown(s->sock);
	}
	return ACT_DONE;
}

static void prepare_forge(struct t *t)
{
	t->s->hook = hook_forge;
}

static void body_forge(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct nwb_err loss;
	uint32_t epoch = 0;
	unsigned int i;

	for (i = 0; i < NWB_ARRAY_SIZE(forged); i++) {
		t->note = i;
		T_EXPECT(t, !nwb_p9_file_ready(f, &epoch, NULL));
		T_EXPECT(t, epoch == i + 1);
		T_EXPECT(t, t_write(t, f, 0, 100, NULL) == -ECONNABORTED);
		nwb_p9_last_loss(t->c, &loss);
		if (!strstr(loss.text, forged[i].text))
			fprintf(stderr, "forged %u: %s\n", i, loss.text);
		T_EXPECT(t, strstr(loss.text, forged[i].text));
		T_EXPECT(t, loss.code == (i + 1 < NWB_ARRAY_SIZE(forged)
						  ? -EPROTO
						  : -ECONNRESET));
	}
	t_close(t, f);
}

NWB_TEST(p9_fault, nonsense_ends_the_connection_with_a_reason)
{
	t_on_all(prepare_forge, body_forge);
}

static enum script_act hook_twice(struct script *s, const struct nwb_p9_msg *m,
				  unsigned int nth)
{
	(void)nth;
	if (m->type != NWB_P9_TWRITE)
		return ACT_REPLY;
	script_rwrite(s, m, 100);
	script_rwrite(s, m, 100);
	return ACT_DONE;
}

static void prepare_twice(struct t *t)
{
	t->s->hook = hook_twice;
}

static void body_twice(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct nwb_err loss = {0};
	uint32_t epoch;

	T_EXPECT(t, t_write(t, f, 0, 100, NULL) == 100);
	/* the second reply is on its way: the next request meets its end */
	T_EXPECT(t, nwb_p9_fsync(f, &epoch) == -ECONNABORTED);
	nwb_p9_last_loss(t->c, &loss);
	T_EXPECT(t, strstr(loss.text, "not outstanding"));
	t_close(t, f);
}

NWB_TEST(p9_fault, a_second_reply_is_not_outstanding)
{
	t_on_all(prepare_twice, body_twice);
}

/* --- set-up ----------------------------------------------------------------
 */

static enum script_act hook_setup(struct script *s, const struct nwb_p9_msg *m,
				  unsigned int nth)
{
	struct nwb_p9_msg r = {.type = NWB_P9_RVERSION,
			       .tag = m->tag,
			       .version = {65536, nwb_p9_str("9P2000.L")}};

	if (m->type == NWB_P9_TATTACH) {
		script_rlerror(s, m, EPERM);
		return ACT_DONE;
	}
	if (m->type != NWB_P9_TVERSION)
		return ACT_REPLY;
	switch (nth) {
	case 0:
		r.version.version = nwb_p9_str("unknown");
		break;
	case 1:
		r.version.version = nwb_p9_str("9P2000.Lx-and-much-longer");
		break;
	case 2:
		r.version.msize = 65537;
		break;
	case 3:
		r.version.msize = 4095;
		break;
	case 4:
		return ACT_RESET;
	case 5:
		script_rlerror(s, m, EIO);
		return ACT_DONE;
	default:
		return ACT_REPLY;
	}
	script_send(s, &r);
	return ACT_DONE;
}

static void prepare_setup(struct t *t)
{
	t->s->hook = hook_setup;
	t->opts.settle_ns = 3600 * NWB_SEC; /* only after a connection was up */
}

static void body_setup(struct t *t)
{
	static const struct {
		int rc;
		const char *text;
	} want[] = {
		{-EPROTO, "unknown"},
		{-EPROTO, "9P2000.Lx-and-m"},
		{-EPROTO, "got 65537"},
		{-EPROTO, "got 4095"},
		{0, "set-up"},
		{-EIO, "Tversion"},
		{-EPERM, "Tattach \"/export\" as uid 0"},
	};
	struct nwb_err err;
	unsigned int i;
	int rc;

	for (i = 0; i < NWB_ARRAY_SIZE(want); i++) {
		err.text[0] = 0;
		rc = nwb_p9_connect(t->c, &err);
		T_EXPECT(t, rc < 0 && err.code == rc);
		T_EXPECT(t, !want[i].rc || rc == want[i].rc);
		if (!strstr(err.text, want[i].text))
			fprintf(stderr, "%u: %s\n", i, err.text);
		T_EXPECT(t, strstr(err.text, want[i].text));
		T_EXPECT(t, nwb_p9_epoch(t->c) == 0);
	}
}

NWB_TEST(p9_fault, set_up_fails_with_a_reason)
{
	t_on_all(prepare_setup, body_setup);
}

static enum script_act hook_mute(struct script *s, const struct nwb_p9_msg *m,
				 unsigned int nth)
{
	(void)s;
	(void)m;
	(void)nth;
	return ACT_SWALLOW;
}

static void prepare_mute(struct t *t)
{
	t->s->hook = hook_mute;
	t->opts.timeout_ns = 5 * NWB_SEC;
}

static void body_mute(struct t *t)
{
	uint64_t now = nwb_now_ns(t->ex);
	struct nwb_err err = {0};

	T_EXPECT(t, nwb_p9_connect(t->c, &err) == -ETIMEDOUT);
	now = nwb_now_ns(t->ex) - now;
	T_EXPECT(t, now >= 5 * NWB_SEC && now < 6 * NWB_SEC);
	T_EXPECT(t, script_count(t->s, NWB_P9_TFLUSH, 0) == 0);
}

NWB_TEST(p9_fault, set_up_has_a_time_limit)
{
	t_on_sim(prepare_mute, body_mute);
}
