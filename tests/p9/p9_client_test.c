/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 9P client against a server that behaves. */
#include "harness.h"

#include <errno.h>

/* --- one after the other ---------------------------------------------------
 */

static void body_round_trip(struct t *t)
{
	struct nwb_p9_file *f = NULL, *g = NULL;
	struct nwb_p9_stats st;
	uint8_t buf[64];
	uint64_t size = 0;
	uint32_t epoch = 0;
	uint32_t i;

	T_EXPECT(t, nwb_p9_epoch(t->c) == 0);
	T_EXPECT(t, nwb_p9_open(t->c, "a", 0, &f, NULL) == -ENOENT);
	T_EXPECT(t, nwb_p9_epoch(t->c) == 1);
	f = t_open(t, "a");
	T_EXPECT(t, nwb_p9_open(t->c, "a", NWB_O_EXCL | NWB_O_CREATE, &g,
				NULL) == -EEXIST);
	T_EXPECT(t, t_write(t, f, 10, 50, NULL) == 50);
	T_EXPECT(t, !nwb_p9_fsync(f, &epoch) && epoch == 1);
	T_EXPECT(t, !nwb_p9_get_size(f, &size) && size == 60);
	T_EXPECT(t, nwb_p9_read(f, 20, buf, sizeof(buf)) == 40);
	for (i = 0; i < 40; i++)
		T_EXPECT(t, buf[i] == t_byte(20 + i));
	T_EXPECT(t, nwb_p9_read(f, 60, buf, sizeof(buf)) == 0);
	T_EXPECT(t, !nwb_p9_set_size(f, 7));
	T_EXPECT(t, !nwb_p9_get_size(f, &size) && size == 7);
	T_EXPECT(t, nwb_p9_set_size(f, SCRIPT_BYTES + 1) == -EFBIG);
	t_close(t, f);
	T_EXPECT(t, !nwb_p9_open(t->c, "a", NWB_O_TRUNC, &f, NULL));
	T_EXPECT(t, !nwb_p9_get_size(f, &size) && size == 0);
	t_close(t, f);
	nwb_p9_get_stats(t->c, &st);
	T_EXPECT(t, st.nr_writes == 1 && st.bytes_written == 50);
	T_EXPECT(t, st.nr_connects == 1 && st.msize == 65536 &&
			    st.max_write == 65512 && st.tags_max == 1);
	T_EXPECT(t, st.nr_requests == t->s->nr_log);
}

NWB_TEST(p9_client, round_trip)
{
	t_on_all(NULL, body_round_trip);
}

static void prepare_slow(struct t *t)
{
	t->s->is_slow = true;
}

NWB_TEST(p9_client, replies_may_come_byte_by_byte)
{
	t_on_all(prepare_slow, body_round_trip);
}

static void body_paths(struct t *t)
{
	struct nwb_p9_file *f = NULL;
	char deep[64] = "";
	int i;

	f = t_open(t, "d//./d/x");
	t_close(t, f);
	T_EXPECT(t, !nwb_p9_open(t->c, "/x", 0, &f, NULL));
	t_close(t, f);
	/* the first name is there, the second is not: Rwalk, not Rlerror */
	T_EXPECT(t, nwb_p9_open(t->c, "d/y", 0, &f, NULL) == -ENOENT);
	T_EXPECT(t,
		 nwb_p9_open(t->c, "q/y", NWB_O_CREATE, &f, NULL) == -ENOENT);
	T_EXPECT(t, nwb_p9_open(t->c, "", 0, &f, NULL) == -EINVAL);
	T_EXPECT(t, nwb_p9_open(t->c, "/./", 0, &f, NULL) == -EINVAL);
	/* more names than one Twalk takes */
	for (i = 0; i < 17; i++)
		strcat(deep, "d/");
	T_EXPECT(t, nwb_p9_open(t->c, deep, 0, &f, NULL) == -EINVAL);
	strcat(deep, "x");
	T_EXPECT(t, !nwb_p9_open(t->c, deep, 0, &f, NULL));
	t_close(t, f);
}

NWB_TEST(p9_client, paths)
{
	t_on_sim(NULL, body_paths);
}

/* --- many at once ----------------------------------------------------------
 */

#define MANY 64u

/* Eight are outstanding; the next one must have found no tag before they are
 * answered, or the test would hang on who is faster. */
static void await_tag_wait(struct script *s)
{
	struct t *t = s->arg;
	struct nwb_p9_stats st = {0};

	for (unsigned int i = 0; i < 10000 && !st.tag_waits; i++) {
		nwb_p9_get_stats(t->c, &st);
		nwb_sleep_until(s->ex, nwb_now_ns(s->ex) + NWB_MSEC);
	}
}

static enum script_act
hook_reverse(struct script *s, const struct nwb_p9_msg *m, unsigned int nth)
{
	struct nwb_p9_msg r = {.type = NWB_P9_RWRITE, .tag = m->tag};

	if (m->type != NWB_P9_TWRITE)
		return ACT_REPLY;
	memcpy(s->files[0].data + m->twrite.offset, m->twrite.data,
	       m->twrite.count);
	r.rwrite.count = m->twrite.count;
	s->held[s->nr_held++] = r;
	if (nth == 7)
		await_tag_wait(s);
	if (nth % 8 == 7)
		script_release(s, true);
	return ACT_DONE;
}

static void prepare_reverse(struct t *t)
{
	t->s->hook = hook_reverse;
	t->opts.max_tags = 8;
}

/* 64 writes of different lengths through 8 tags, answered last first. */
static void body_many(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct tw *tw = calloc(MANY, sizeof(*tw));
	struct nwb_p9_stats st;
	unsigned int i;

	for (i = 0; i < MANY; i++)
		T_EXPECT(t, !tw_start(t, &tw[i], f, i * 4096, 4000 + i));
	t_wait_writes(t);
	for (i = 0; i < MANY; i++) {
		T_EXPECT(t, tw[i].dones == 1);
		T_EXPECT(t, tw[i].w.result == 4000 + i);
		T_EXPECT(t, tw[i].w.epoch == 1 && !tw[i].w.ecode);
		T_EXPECT(t, t_content_ok(&t->s->files[0], i * 4096,
					 i * 4096 + 4000 + i));
	}
	nwb_p9_get_stats(t->c, &st);
	T_EXPECT(t, st.tags_max == 8);
	T_EXPECT(t, st.tag_waits > 0);
	t_close(t, f);
	free(tw);
}

NWB_TEST(p9_client, many_tags_answered_in_reverse)
{
	t_on_all(prepare_reverse, body_many);
}

struct writer {
	struct t *t;
	struct nwb_p9_file *f;
	unsigned int nr;
	struct nwb_task *task;
};

static void writer_task(void *arg)
{
	struct writer *w = arg;
	struct tw *tw = calloc(16, sizeof(*tw));
	unsigned int i;

	for (i = 0; i < 16; i++)
		T_EXPECT(w->t, !tw_start(w->t, &tw[i], w->f,
					 (w->nr * 16 + i) * 4096, 4096));
	t_wait_writes(w->t);
	for (i = 0; i < 16; i++)
		T_EXPECT(w->t, tw[i].dones == 1 && tw[i].w.result == 4096);
	free(tw);
}

/* Four senders, few tags and a socket smaller than a write. */
static void body_writers(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct writer w[4];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		w[i] = (struct writer){.t = t, .f = f, .nr = i};
		T_EXPECT(t, !nwb_task_spawn(t->ex, "writer", writer_task, &w[i],
					    &w[i].task));
	}
	for (i = 0; i < 4; i++)
		nwb_task_join(w[i].task);
	T_EXPECT(t, t->s->files[0].size == 64 * 4096);
	T_EXPECT(t, t_content_ok(&t->s->files[0], 0, 64 * 4096));
	t_close(t, f);
}

static void prepare_writers(struct t *t)
{
	t->opts.max_tags = 3;
	t->s->buf_bytes = 1000;
}

NWB_TEST(p9_client, many_senders_share_tags_and_socket)
{
	t_on_all(prepare_writers, body_writers);
}

/* More segments than the client gathers at once. */
static void body_segments(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct iovec *iov = calloc(1200, sizeof(*iov));
	uint8_t *data = malloc(2400);
	struct tw tw = {.t = t};
	unsigned int i;

	for (i = 0; i < 2400; i++)
		data[i] = t_byte(i);
	for (i = 0; i < 1200; i++) /* 3, 0, 3, 0, ...; more than is asked */
		iov[i] = (struct iovec){data + i / 2 * 3, i % 2 ? 0 : 3};
	tw.w = (struct nwb_p9_write){.file = f,
				     .iov = iov,
				     .nr_iov = 1200,
				     .len = 1501,
				     .done = tw_done};
	t->out = 1;
	T_EXPECT(t, !nwb_p9_write_async(&tw.w));
	t_wait_writes(t);
	T_EXPECT(t, tw.w.result == 1501);
	T_EXPECT(t, t->s->files[0].size == 1501);
	T_EXPECT(t, t_content_ok(&t->s->files[0], 0, 1501));
	t_close(t, f);
	free(iov);
	free(data);
}

NWB_TEST(p9_client, any_number_of_segments)
{
	t_on_all(NULL, body_segments);
}

/* The window in which nothing may be allocated. */
static void body_no_alloc(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	struct tw *tw = calloc(MANY, sizeof(*tw));
	uint64_t before;
	unsigned int i;

	T_EXPECT(t, t_write(t, f, 0, 4096, NULL) == 4096);
	before = nwb_mem_count();
	for (i = 0; i < MANY; i++)
		T_EXPECT(t, !tw_start(t, &tw[i], f, i * 4096, 4096));
	t_wait_writes(t);
	T_EXPECT(t, nwb_mem_count() == before);
	t_close(t, f);
	free(tw);
}

NWB_TEST(p9_client, writing_allocates_nothing)
{
	t_on_all(NULL, body_no_alloc);
}

/* --- sizes -----------------------------------------------------------------
 */

static void prepare_small(struct t *t)
{
	t->s->msize = 8192;
}

static void body_small(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");
	uint8_t *buf = malloc(20000);
	struct nwb_p9_stats st;
	unsigned int i;

	nwb_p9_get_stats(t->c, &st);
	T_EXPECT(t, st.msize == 8192 && st.max_write == 8168);
	T_EXPECT(t, t_write(t, f, 0, 8169, NULL) == -EMSGSIZE);
	T_EXPECT(t, t_write(t, f, 0, 8168, NULL) == 8168);
	T_EXPECT(t, t_write(t, f, 8168, 8168, NULL) == 8168);
	T_EXPECT(t, nwb_p9_read(f, 0, buf, 20000) == 16336);
	for (i = 0; i < 16336; i++)
		T_EXPECT(t, buf[i] == t_byte(i));
	t_close(t, f);
	free(buf);
}

NWB_TEST(p9_client, keeps_to_the_msize_of_the_server)
{
	t_on_sim(prepare_small, body_small);
}

static void prepare_iounit(struct t *t)
{
	t->s->iounit = 4096;
}

static void body_iounit(struct t *t)
{
	struct nwb_p9_file *f = t_open(t, "a");

	T_EXPECT(t, t_write(t, f, 0, 4097, NULL) == -EMSGSIZE);
	T_EXPECT(t, t_write(t, f, 0, 4096, NULL) == 4096);
	t_close(t, f);
}

NWB_TEST(p9_client, keeps_to_the_iounit_of_the_file)
{
	t_on_sim(prepare_iounit, body_iounit);
}

/* It is the file's, and of its last open: others are not held back by it. */
static void body_iounits(struct t *t)
{
	struct nwb_p9_file *f, *g;
	uint8_t *buf = malloc(8000);
	uint32_t epoch = 0;

	t->s->iounit = 512;
	f = t_open(t, "a");
	t->s->iounit = 0;
	g = t_open(t, "b");
	T_EXPECT(t, nwb_p9_max_write(f) == 512);
	T_EXPECT(t, nwb_p9_max_write(g) == 65512);
	T_EXPECT(t, t_write(t, g, 0, 8000, NULL) == 8000);
	T_EXPECT(t, t_write(t, f, 0, 513, NULL) == -EMSGSIZE);
	T_EXPECT(t, t_write(t, f, 0, 512, NULL) == 512);
	/* a reconnect brings a smaller one, and a larger one */
	t->s->iounit = 100;
	nwb_p9_disconnect(t->c);
	T_EXPECT(t, !nwb_p9_file_ready(f, &epoch, NULL));
	T_EXPECT(t, nwb_p9_max_write(f) == 100);
	t->s->iounit = 4096;
	nwb_p9_disconnect(t->c);
	T_EXPECT(t, !nwb_p9_file_ready(f, &epoch, NULL));
	T_EXPECT(t, !nwb_p9_file_ready(g, &epoch, NULL));
	T_EXPECT(t, nwb_p9_max_write(f) == 4096);
	T_EXPECT(t, t_write(t, f, 512, 4096, NULL) == 4096);
	T_EXPECT(t, nwb_p9_read(g, 0, buf, 8000) == 8000); /* in two pieces */
	T_EXPECT(t, script_count(t->s, NWB_P9_TREAD, 0) == 2);
	t_close(t, f);
	t_close(t, g);
	free(buf);
}

NWB_TEST(p9_client, iounit_is_each_file_s_own)
{
	t_on_sim(NULL, body_iounits);
}

/* --- concurrent set-up -----------------------------------------------------
 */

struct joiner {
	struct t *t;
	struct nwb_p9_file *f;
	struct nwb_task *task;
	int rc;
	uint32_t epoch;
};

static void connect_task(void *arg)
{
	struct joiner *j = arg;

	j->rc = nwb_p9_connect(j->t->c, NULL);
}

static void ready_task(void *arg)
{
	struct joiner *j = arg;

	j->rc = nwb_p9_file_ready(j->f, &j->epoch, NULL);
}

static void spawn_joiners(struct t *t, struct joiner *j, unsigned int nr,
			  nwb_task_fn fn, struct nwb_p9_file *f)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		j[i] = (struct joiner){.t = t, .f = f, .rc = 1};
		T_EXPECT(t, !nwb_task_spawn(t->ex, "joiner", fn, &j[i],
					    &j[i].task));
	}
	for (i = 0; i < nr; i++)
		nwb_task_join(j[i].task);
}

static void body_join(struct t *t)
{
	struct nwb_p9_file *f;
	struct joiner j[4];
	unsigned int i, walks;

	spawn_joiners(t, j, 4, connect_task, NULL);
	for (i = 0; i < 4; i++)
		T_EXPECT(t, !j[i].rc);
	T_EXPECT(t, t->s->nr_dials == 1);
	f = t_open(t, "a");
	nwb_p9_disconnect(t->c);
	T_EXPECT(t, nwb_p9_epoch(t->c) == 0);
	spawn_joiners(t, j, 4, ready_task, f);
	for (i = 0; i < 4; i++)
		T_EXPECT(t, !j[i].rc && j[i].epoch == 2);
	T_EXPECT(t, t->s->nr_dials == 2);
	walks = script_count(t->s, NWB_P9_TWALK, 2);
	T_EXPECT(t, walks == 1);
	T_EXPECT(t, t_write(t, f, 0, 100, NULL) == 100);
	t_close(t, f);
}

NWB_TEST(p9_client, concurrent_callers_join_one_attempt)
{
	t_on_all(NULL, body_join);
}

static void prepare_refused(struct t *t)
{
	t->s->refuse = 1;
}

static void body_refused(struct t *t)
{
	struct joiner j[3];
	struct nwb_err err = {0};

	spawn_joiners(t, j, 3, connect_task, NULL);
	/* whoever made the refused attempt, or joined it, was told */
	T_EXPECT(t, j[0].rc == -ECONNREFUSED || j[1].rc == -ECONNREFUSED ||
			    j[2].rc == -ECONNREFUSED);
	T_EXPECT(t, !nwb_p9_connect(t->c, &err));
	T_EXPECT(t, t->s->nr_dials == 2);
}

NWB_TEST(p9_client, a_refused_attempt_is_told_and_may_be_repeated)
{
	t_on_all(prepare_refused, body_refused);
}

static void body_unused(struct t *t)
{
	(void)t; /* never connected, freed */
}

NWB_TEST(p9_client, a_client_that_was_never_used_can_be_freed)
{
	t_on_all(NULL, body_unused);
}

static void body_opts(struct t *t)
{
	struct nwb_p9_opts o = t->opts;
	struct nwb_p9 *c = NULL;
	uint64_t live = nwb_mem_live();
	unsigned int i;

	o.msize = 4095;
	T_EXPECT(t, nwb_p9_new(t->ex, &o, &c, NULL) == -EINVAL);
	o.msize = 0;
	o.max_tags = 65535;
	T_EXPECT(t, nwb_p9_new(t->ex, &o, &c, NULL) == -EINVAL);
	o.max_tags = 0;
	o.dialer = NULL;
	T_EXPECT(t, nwb_p9_new(t->ex, &o, &c, NULL) == -EINVAL);
	o.dialer = t->opts.dialer;
	for (i = 1; i < 9; i++) {
		int rc;

		nwb_mem_fail_at(i, 1);
		rc = nwb_p9_new(t->ex, &o, &c, NULL);
		nwb_mem_fail_at(0, 0);
		T_EXPECT(t, rc == -ENOMEM);
		if (!rc)
			nwb_p9_free(c);
	}
	T_EXPECT(t, nwb_mem_live() == live);
}

NWB_TEST(p9_client, bad_options_and_lack_of_memory_are_refused)
{
	struct t t = {.body = body_opts};

	nwb_test_on_real(false, t_run, &t);
	t_verdict(&t);
}
