/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nwb_p9_file_rename() gives a fid up that others may be about to name: each
 * request holds on to it from the moment when it reads its number, through the
 * wait for a tag and for its turn to send, until the answer. The script counts
 * a fid that was clunked as a violation when it is named; a real server says
 * EIO, or EBADF when it does both at once.
 */
#include "harness.h"

#include <errno.h>

static int64_t do_write(struct t *t, struct nwb_p9_file *f)
{
	struct tw tw;
	int rc = tw_start(t, &tw, f, 0, 400);

	if (rc)
		return rc;
	nwb_mutex_lock(&t->lock);
	nwb_wait_event(&t->wq, &t->lock, tw.dones);
	nwb_mutex_unlock(&t->lock);
	return tw.w.result;
}

static int64_t do_fsync(struct t *t, struct nwb_p9_file *f)
{
	uint32_t epoch;

	(void)t;
	return nwb_p9_fsync(f, &epoch);
}

static int64_t do_set_size(struct t *t, struct nwb_p9_file *f)
{
	(void)t;
	return nwb_p9_set_size(f, 400);
}

static int64_t do_get_size(struct t *t, struct nwb_p9_file *f)
{
	uint64_t size;

	(void)t;
	return nwb_p9_get_size(f, &size);
}

static int64_t do_read(struct t *t, struct nwb_p9_file *f)
{
	uint8_t buf[100];

	(void)t;
	return nwb_p9_read(f, 0, buf, sizeof(buf));
}

static const struct {
	int64_t (*fn)(struct t *t, struct nwb_p9_file *f);
	uint8_t type;
} ops[] = {
	{do_write, NWB_P9_TWRITE},	{do_fsync, NWB_P9_TFSYNC},
	{do_set_size, NWB_P9_TSETATTR}, {do_get_size, NWB_P9_TGETATTR},
	{do_read, NWB_P9_TREAD},
};

struct user {
	struct t *t;
	struct nwb_p9_file *f;
	struct nwb_task *task;
	unsigned int op;
	int64_t rc;
};

/* --- the answer is waited for ----------------------------------------------
 */

/* The first of the type @note is answered with the second. */
static enum script_act hook_hold(struct script *s, const struct nwb_p9_msg *m,
				 unsigned int nth)
{
	struct t *t = s->arg;

	(void)nth;
	if (m->type != t->note)
		return ACT_REPLY;
	if (!s->nr_held)
		return ACT_HOLD;
	script_release(s, false);
	return ACT_REPLY;
}

static void prepare_hold(struct t *t)
{
	t->s->hook = hook_hold;
	t->opts.timeout_ns = 1000 * NWB_SEC;
}

static void op_task(void *arg)
{
	struct user *u = arg;

	u->rc = ops[u->op].fn(u->t, u->f);
}

static void rename_task(void *arg)
{
	struct user *u = arg;

	u->rc = nwb_p9_file_rename(u->f, "a");
}

static void hold(struct t *t, unsigned int op)
{
	struct user u = {.t = t, .f = t_open(t, "a"), .op = op}, r = u;
	struct nwb_p9_file *other = t_open(t, "b");
	unsigned int before = script_count(t->s, NWB_P9_TCLUNK, 0);

	T_EXPECT(t, t_write(t, u.f, 0, 100, NULL) == 100);
	t->note = ops[op].type;
	T_EXPECT(t, !nwb_task_spawn(t->ex, "op", op_task, &u, &u.task));
	nwb_sleep_until(t->ex, nwb_now_ns(t->ex) + NWB_SEC);
	T_EXPECT(t, t->s->nr_held == 1);
	T_EXPECT(t, !nwb_task_spawn(t->ex, "rename", rename_task, &r, &r.task));
	nwb_sleep_until(t->ex, nwb_now_ns(t->ex) + NWB_SEC);
	T_EXPECT(t, script_count(t->s, NWB_P9_TCLUNK, 0) == before);
	T_EXPECT(t, ops[op].fn(t, other) >= 0);
	nwb_task_join(u.task);
	nwb_task_join(r.task);
	T_EXPECT(t, u.rc >= 0 && !r.rc);
	T_EXPECT(t, script_count(t->s, NWB_P9_TCLUNK, 0) == before + 1);
	t->note = 0;
	t_close(t, u.f);
	t_close(t, other);
}

static void body_hold(struct t *t)
{
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(ops); i++)
		hold(t, i);
}

NWB_TEST(p9_rename, waits_for_the_answer_of_each_request)
{
	t_on_sim(prepare_hold, body_hold);
}

/* --- so is what has not been sent ------------------------------------------
 */

static void prepare_few_tags(struct t *t)
{
	t->opts.max_tags = 2;
	t->s->buf_bytes = 1000;
}

static void use_task(void *arg)
{
	struct user *u = arg;
	uint32_t epoch;

	for (int i = 0; i < 6; i++) {
		T_EXPECT(u->t, !nwb_p9_file_ready(u->f, &epoch, NULL));
		u->rc = ops[u->op].fn(u->t, u->f);
		/* -EAGAIN: renamed in between, to be opened again */
		T_EXPECT(u->t, u->rc >= 0 || u->rc == -EAGAIN);
	}
}

static void body_few_tags(struct t *t)
{
	struct user u[2 * NWB_ARRAY_SIZE(ops)];
	struct nwb_p9_file *f = t_open(t, "a");

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(u); i++) {
		u[i] = (struct user){
			.t = t, .f = f, .op = i % NWB_ARRAY_SIZE(ops)};
		T_EXPECT(t, !nwb_task_spawn(t->ex, "user", use_task, &u[i],
					    &u[i].task));
	}
	for (int i = 0; i < 12; i++) {
		T_EXPECT(t, !nwb_p9_file_rename(f, "a"));
		nwb_sleep_until(t->ex, nwb_now_ns(t->ex) + NWB_USEC);
	}
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(u); i++)
		nwb_task_join(u[i].task);
	t_close(t, f);
}

NWB_TEST(p9_rename, waits_for_who_waits_for_a_tag)
{
	t_on_all(prepare_few_tags, body_few_tags);
}
