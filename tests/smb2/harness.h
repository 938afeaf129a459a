/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One client on one scripted server, one body, all executors. Bodies may run
 * on coroutines and threads, so EXPECT() notes the first thing that is wrong
 * and the test itself checks the note.
 */
#ifndef TESTS_SMB2_HARNESS_H
#define TESTS_SMB2_HARNESS_H

#include "nwb_test_exec.h"
#include "script.h"

#include <stdlib.h>
#include <string.h>

struct world {
	void (*setup)(struct world *w); /* script and options */
	void (*body)(struct world *w);
	struct nwb_exec *ex;
	struct script *s;
	struct nwb_smb2_opts opts;
	struct nwb_smb2 *c;
	struct nwb_smb2_file *f;
	struct nwb_mutex lock;
	struct nwb_waitq q;
	unsigned int running; /* writes that were not told to be done */
	unsigned int nr_done;
	uint64_t note; /* for hooks */
	const char *wrong;
	int line;
	unsigned int runs;
	uint64_t hits; /* in all runs; for bodies */
};

/* A write with a payload of its own that goes when it is done: whoever looks
 * at it afterwards meets AddressSanitizer. */
struct job {
	struct nwb_smb2_write wr;
	struct world *w;
	struct iovec iov[3];
	uint8_t *payload;
	bool is_done;
	int64_t result;
	uint32_t status;
};

static inline uint8_t byte_at(uint64_t pos)
{
	return (uint8_t)(pos * 13 + (pos >> 8) + 1);
}

static inline void job_done(struct nwb_smb2_write *wr)
{
	struct job *j = nwb_container_of(wr, struct job, wr);
	struct world *w = j->w;

	nwb_mutex_lock(&w->lock);
	EXPECT(w, !j->is_done);
	j->is_done = true;
	j->result = wr->result;
	j->status = wr->status;
	memset(j->payload, 0xdd, wr->len);
	free(j->payload);
	j->payload = NULL;
	w->running--;
	w->nr_done++;
	nwb_waitq_wake_all(&w->q);
	nwb_mutex_unlock(&w->lock);
}

static inline void job_fill(struct world *w, struct job *j, uint64_t offset,
			    uint32_t len)
{
	uint32_t a = len / 3, b = len / 2;

	memset(j, 0, sizeof(*j));
	j->w = w;
	j->payload = malloc(len);
	for (uint32_t i = 0; i < len; i++)
		j->payload[i] = byte_at(offset + i);
	j->iov[0] = (struct iovec){j->payload, a};
	j->iov[1] = (struct iovec){j->payload + a, b - a};
	j->iov[2] = (struct iovec){j->payload + b, len - b};
	j->wr.file = w->f;
	j->wr.offset = offset;
	j->wr.iov = j->iov;
	j->wr.nr_iov = 3;
	j->wr.len = len;
	j->wr.done = job_done;
}

/* Send what job_fill() made. */
static inline int job_send(struct world *w, struct job *j)
{
	int rc;

	nwb_mutex_lock(&w->lock);
	w->running++;
	nwb_mutex_unlock(&w->lock);
	rc = nwb_smb2_write_async(&j->wr);
	if (rc) {
		nwb_mutex_lock(&w->lock);
		EXPECT(w, !j->is_done);
		EXPECT(w, j->wr.credits.value == 0);
		w->running--;
		nwb_mutex_unlock(&w->lock);
		free(j->payload);
		j->payload = NULL;
	}
	return rc;
}

static inline int job_start(struct world *w, struct job *j, uint64_t offset,
			    uint32_t len)
{
	job_fill(w, j, offset, len);
	if (len > 65536) {
		size_t got = 0;
		int rc = nwb_smb2_wait_mtu_credits(w->c, len, NWB_NEVER, &got,
						   &j->wr.credits);

		if (rc) {
			free(j->payload);
			return rc;
		}
		EXPECT(w, got == len);
	}
	return job_send(w, j);
}

static inline void wait_jobs(struct world *w)
{
	nwb_mutex_lock(&w->lock);
	nwb_wait_event(&w->q, &w->lock, w->running == 0);
	nwb_mutex_unlock(&w->lock);
}

/* Start, wait, result. */
static inline int64_t job_run(struct world *w, uint64_t offset, uint32_t len,
			      uint32_t *ret_status)
{
	struct job j;
	int rc = job_start(w, &j, offset, len);

	if (rc)
		return rc;
	wait_jobs(w);
	if (ret_status)
		*ret_status = j.status;
	return j.result;
}

static inline bool content_is(struct world *w, uint64_t from, uint64_t to)
{
	for (; from < to; from++)
		if (w->s->data[from] != byte_at(from))
			return false;
	return true;
}

static inline struct nwb_smb2_stats stats_of(struct world *w)
{
	struct nwb_smb2_stats st;

	nwb_smb2_get_stats(w->c, &st);
	return st;
}

static inline void world_run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct world *w = te->arg;

	w->ex = te->ex;
	w->running = 0;
	w->nr_done = 0;
	w->note = 0;
	w->f = NULL;
	nwb_mutex_init(&w->lock, w->ex, "test");
	nwb_waitq_init(&w->q, w->ex, "test");
	w->s = script_new(w->ex);
	w->s->arg = w;
	w->opts = (struct nwb_smb2_opts){
		.dialer = &w->s->dialer, .server_name = "srv", .share = "s"};
	if (w->setup)
		w->setup(w);
	EXPECT(w, !nwb_smb2_new(w->ex, &w->opts, &w->c, NULL));
	w->body(w);
	EXPECT(w, w->running == 0);
	if (w->f)
		EXPECT(w, !nwb_smb2_close(w->f));
	nwb_smb2_free(w->c);
	script_halt(w->s);
	if (w->s->violations && !w->wrong) {
		w->wrong = w->s->violation;
		w->line = 0;
	}
	script_free(w->s);
	w->runs++;
}

static inline void world_verdict(const struct world *w)
{
	if (w->wrong)
		fprintf(stderr, "run %u, line %d: %s\n", w->runs, w->line,
			w->wrong);
	nwb_check(!w->wrong);
	nwb_check(w->runs > 0);
}

/** on_all() - io_uring, plain calls and all seeds. */
static inline void on_all(void (*setup)(struct world *),
			  void (*body)(struct world *))
{
	struct world w = {.setup = setup, .body = body};

	nwb_test_on_all(world_run, &w);
	world_verdict(&w);
}

/** on_sim() - where a time limit must pass. */
static inline void on_sim(void (*setup)(struct world *),
			  void (*body)(struct world *))
{
	struct world w = {.setup = setup, .body = body};

	nwb_test_on_sim(world_run, &w);
	world_verdict(&w);
}

#define OPEN(w)                                                                \
	EXPECT(w, !nwb_smb2_open((w)->c, "dir/file", NWB_O_CREATE, &(w)->f,    \
				 NULL))

#endif
