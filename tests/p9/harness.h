/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One client, one scripted server, one body; on every executor.
 *
 * Bodies run on stacks and tasks that are not the test's own, so they write
 * down the first thing that is wrong (T_EXPECT) and t_run_on_*() checks it.
 */
#ifndef TESTS_P9_HARNESS_H
#define TESTS_P9_HARNESS_H

#include "script.h"

#include "nwb/mem.h"
#include "nwb_test_exec.h"

#include <stdlib.h>
#include <string.h>

struct t {
	void (*prepare)(struct t *t); /* options and script; may be NULL */
	void (*body)(struct t *t);
	/* for the run under way */
	struct nwb_exec *ex;
	struct script *s;
	struct nwb_p9_opts opts;
	struct nwb_p9 *c;
	struct nwb_mutex lock;
	struct nwb_waitq wq;
	unsigned int out; /* writes whose done() has not been called */
	uint64_t note;	  /* for hooks and bodies */
	/* outcome of all runs */
	const char *fail;
	int line;
	uint64_t seed;
	unsigned int nr_runs;
};

#define T_EXPECT(t_, cond_)                                                    \
	do {                                                                   \
		if (!(cond_) && !(t_)->fail) {                                 \
			(t_)->fail = #cond_;                                   \
			(t_)->line = __LINE__;                                 \
		}                                                              \
	} while (0)

/* A write whose payload is freed in done(): who still looks at it is found by
 * AddressSanitizer. */
struct tw {
	struct nwb_p9_write w;
	struct t *t;
	struct iovec iov[4];
	uint8_t *data;
	unsigned int dones;
};

static inline uint8_t t_byte(uint64_t pos)
{
	return (uint8_t)(pos * 7 + (pos >> 9) + 1);
}

static inline void tw_done(struct nwb_p9_write *w)
{
	struct tw *tw = nwb_container_of(w, struct tw, w);
	struct t *t = tw->t;

	nwb_mutex_lock(&t->lock);
	T_EXPECT(t, !tw->dones);
	tw->dones++;
	free(tw->data);
	tw->data = NULL;
	t->out--;
	nwb_waitq_wake_all(&t->wq);
	nwb_mutex_unlock(&t->lock);
}

/* Return: of nwb_p9_write_async(). The payload is told by its offset. */
static inline int tw_start(struct t *t, struct tw *tw, struct nwb_p9_file *f,
			   uint64_t offset, uint32_t len)
{
	uint32_t i, part = len / 4;
	int rc;

	memset(tw, 0, sizeof(*tw));
	tw->t = t;
	tw->data = malloc(len);
	for (i = 0; i < len; i++)
		tw->data[i] = t_byte(offset + i);
	for (i = 0; i < 4; i++) {
		tw->iov[i].iov_base = tw->data + (size_t)i * part;
		tw->iov[i].iov_len = i == 3 ? len - 3 * part : part;
	}
	tw->w = (struct nwb_p9_write){.file = f,
				      .offset = offset,
				      .iov = tw->iov,
				      .nr_iov = 4,
				      .len = len,
				      .done = tw_done};
	nwb_mutex_lock(&t->lock);
	t->out++;
	nwb_mutex_unlock(&t->lock);
	rc = nwb_p9_write_async(&tw->w);
	if (rc) { /* nothing was sent, done() is not called */
		nwb_mutex_lock(&t->lock);
		T_EXPECT(t, !tw->dones);
		t->out--;
		nwb_waitq_wake_all(&t->wq);
		nwb_mutex_unlock(&t->lock);
		free(tw->data);
		tw->data = NULL;
	}
	return rc;
}

static inline void t_wait_writes(struct t *t)
{
	nwb_mutex_lock(&t->lock);
	nwb_wait_event(&t->wq, &t->lock, !t->out);
	nwb_mutex_unlock(&t->lock);
}

static inline int64_t t_write(struct t *t, struct nwb_p9_file *f,
			      uint64_t offset, uint32_t len, uint32_t *ecode)
{
	struct tw tw;
	int rc = tw_start(t, &tw, f, offset, len);

	if (rc)
		return rc;
	t_wait_writes(t);
	if (ecode)
		*ecode = tw.w.ecode;
	return tw.w.result;
}

static inline bool t_content_ok(const struct script_file *f, uint64_t from,
				uint64_t to)
{
	for (; from < to; from++) {
		if (f->data[from] != t_byte(from))
			return false;
	}
	return true;
}

static inline struct nwb_p9_file *t_open(struct t *t, const char *name)
{
	struct nwb_p9_file *f = NULL;

	T_EXPECT(t, !nwb_p9_open(t->c, name, NWB_O_CREATE, &f, NULL));
	return f;
}

static inline void t_close(struct t *t, struct nwb_p9_file *f)
{
	if (f)
		T_EXPECT(t, !nwb_p9_close(f));
}

static inline void t_run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct t *t = te->arg;
	bool had_failed = t->fail;

	t->ex = te->ex;
	t->out = 0;
	t->note = 0;
	nwb_mutex_init(&t->lock, t->ex, "test");
	nwb_waitq_init(&t->wq, t->ex, "test");
	t->s = script_new(t->ex);
	t->s->arg = t;
	t->opts = (struct nwb_p9_opts){
		.dialer = &t->s->dialer, .aname = "/export", .uname = "root"};
	if (t->prepare)
		t->prepare(t);
	script_start(t->s);
	T_EXPECT(t, !nwb_p9_new(t->ex, &t->opts, &t->c, NULL));
	if (t->c)
		t->body(t);
	nwb_p9_free(t->c);
	script_halt(t->s);
	if (t->s->violations)
		fprintf(stderr, "violation: %s\n", t->s->violation);
	T_EXPECT(t, t->s->violations == 0);
	script_free(t->s);
	t->s = NULL;
	t->c = NULL;
	if (t->fail && !had_failed)
		t->seed = te->seed;
	t->nr_runs++;
}

static inline void t_verdict(const struct t *t)
{
	if (t->fail)
		fprintf(stderr, "line %d, %s seed %llu: %s\n", t->line,
			t->nr_runs < 3 ? "real," : "",
			(unsigned long long)t->seed, t->fail);
	nwb_check(!t->fail);
	nwb_check(t->nr_runs > 0);
}

static inline void t_on_all(void (*prepare)(struct t *),
			    void (*body)(struct t *))
{
	struct t t = {.prepare = prepare, .body = body};

	nwb_test_on_all(t_run, &t);
	t_verdict(&t);
}

/* What needs virtual time: timeouts, settling. */
static inline void t_on_sim(void (*prepare)(struct t *),
			    void (*body)(struct t *))
{
	struct t t = {.prepare = prepare, .body = body};

	nwb_test_on_sim(t_run, &t);
	t_verdict(&t);
}

#endif
