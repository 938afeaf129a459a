/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The workload's operations, and what they must see.
 *
 * A file's shadow is what its users were told is there. Writers of a file take
 * turns, so the shadow is known but while one of them is at it (nr_in; in some
 * worlds stores go on beside a write, never to the same bytes);
 * readers and fsyncs do not wait, and are compared only if no writer came by.
 * Bytes that were given up, refused, or told of by an error are "unsure": the
 * oracles at the end know more about those (who was told what).
 *
 *	read	every sure byte is the shadow's			(O12)
 *	fsync	ok: every sure byte is durable, and the size	(O1, O9)
 */
#include "sim_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <string.h>

#define OPEN_TRIES 64u
#define BLOCK	   4096u
#define OPEN_PAUSE (50 * NWB_MSEC)
/* How often and how long a store waits for a write to be beside. */
#define BESIDE_TRIES 50u
#define BESIDE_PAUSE (20 * NWB_USEC)
#define BESIDE_BYTES 400u

static struct nwb_lrec op_rec(const struct sim_task_state *t, uint16_t kind,
			      uint64_t off, uint64_t len)
{
	return (struct nwb_lrec){.kind = kind,
				 .file = t->file->id,
				 .fd = t->fd,
				 .off = off,
				 .len = len};
}

static void writer_in(struct sim_world *w, struct sim_file *f)
{
	nwb_mutex_lock(&f->lock);
	/* a store may outlast the write that it was beside */
	while (f->nr_beside)
		nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + BESIDE_PAUSE);
	f->gen++;
	f->nr_in++;
}

static void writer_out(struct sim_file *f)
{
	f->gen++;
	f->nr_in--;
	f->in_to = 0;
	nwb_mutex_unlock(&f->lock);
}

/* Nobody has written since @gen, and nobody does. */
static bool is_same(const struct sim_file *f, uint64_t gen)
{
	return gen == f->gen && !f->nr_in;
}

void sim_unsure(struct sim_file *f, uint64_t pos, uint64_t len)
{
	if (pos >= f->max)
		return;
	memset(f->unsure + pos, 1, nwb_min(len, f->max - pos));
}

struct aio {
	struct nwb_kiocb iocb;
	struct sim_task_state *t;
};

/* --- one operation each --------------------------------------------------- */

static void aio_done(struct nwb_kiocb *iocb)
{
	struct aio *a = nwb_container_of(iocb, struct aio, iocb);
	struct sim_task_state *t = a->t;

	nwb_mutex_lock(&t->aio_lock);
	t->is_aio_done = true;
	nwb_waitq_wake_all(&t->aio_wake);
	nwb_mutex_unlock(&t->aio_lock);
}

static ssize_t write_async(struct sim_task_state *t, uint64_t pos, uint32_t len)
{
	struct aio a = {.iocb = {.done = aio_done}, .t = t};
	int rc;

	t->is_aio_done = false;
	rc = nwb_file_write_async(t->handle, t->buf, len, t->w->plan.base + pos,
				  &a.iocb);
	if (rc != -EIOCBQUEUED)
		return rc;
	nwb_mutex_lock(&t->aio_lock);
	nwb_wait_event(&t->aio_wake, &t->aio_lock, t->is_aio_done);
	nwb_mutex_unlock(&t->aio_lock);
	return a.iocb.result;
}

/* Appending is only done where the end is known. */
static uint64_t take_pos(const struct sim_file *f, const struct sim_op *op,
			 uint32_t len, uint32_t *flags)
{
	if (!(*flags & NWB_F_APPEND))
		return op->pos;
	if (!f->is_size_unsure && f->size + len <= f->max)
		return f->size;
	*flags &= ~NWB_F_APPEND;
	return op->pos;
}

/* O_SYNC: the error that it returned is told to this file now. */
static void take_error(struct sim_task_state *t, uint32_t flags)
{
	if (!(flags & (NWB_F_SYNC | NWB_F_DSYNC)))
		return;
	sim_unsure(t->file, 0, t->file->max);
}

static void check_count(const struct sim_task_state *t, uint32_t flags,
			uint32_t len, ssize_t n)
{
	if (n > (ssize_t)len)
		sim_fail(t->w, "O6", "write of %u bytes returned %lld", len,
			 (long long)n);
	if (!n && flags & NWB_F_DIRECT)
		sim_fail(t->w, "O6",
			 "a direct write of %u bytes returned 0: no error, and "
			 "nothing was written",
			 len);
}

static void do_write(struct sim_task_state *t, const struct sim_op *op,
		     uint32_t len)
{
	struct sim_world *w = t->w;
	struct sim_file *f = t->file;
	uint32_t flags = op->flags;
	struct nwb_lrec rec;
	uint64_t i, nr_gaveup, gen, pos;
	ssize_t n;

	writer_in(w, f);
	gen = f->gen;
	nr_gaveup = f->nr_gaveup;
	pos = take_pos(f, op, len, &flags);
	f->in_from = pos;
	f->in_to = pos + len;
	nwb_file_set_flags(t->handle, flags & ~SIM_F_ASYNC);
	nwb_file_set_group(t->handle, op->arg);
	rec = op_rec(t, NWB_L_WRITE, pos, len);
	rec.version = ++f->version;
	/* encrypted it goes through the cache all the same */
	if (flags & NWB_F_DIRECT && w->plan.opts.crypto_key)
		flags = (flags & ~NWB_F_DIRECT) | NWB_F_DSYNC;
	if (flags & (NWB_F_SYNC | NWB_F_DSYNC))
		rec.flags = NWB_LF_SYNC;
	nwb_stamp_fill(&w->key, f->id, f->version, pos, t->buf, len);
	i = sim_begin(&w->ev, &rec);
	n = flags & SIM_F_ASYNC ? write_async(t, pos, len)
				: nwb_file_write(t->handle, t->buf, len,
						 w->plan.base + pos);
	/* not all was copied: no fsync has told anything */
	if (n == -ENOMEM && i != SIM_NO_REC)
		w->ev.rec[i].flags = 0;
	sim_end(&w->ev, i, n);
	if (n == (ssize_t)len) {
		memcpy(f->shadow + pos, t->buf, len);
		/* Its beginning may be lost before its end is copied. */
		memset(f->unsure + pos, f->nr_gaveup != nr_gaveup, len);
	} else {
		/* Some of it may be there, now or later. */
		sim_unsure(f, pos, len);
		f->is_size_unsure = true;
		take_error(t, flags);
	}
	if (n > 0)
		f->size = nwb_max(f->size, pos + (uint64_t)n);
	writer_out(f);
	check_count(t, flags, len, n);
	/* nobody promised what was stored beside it */
	if (n == (ssize_t)len && rec.flags && f->gen == gen + 1)
		sim_check_durable(t, gen + 1);
}

/* O12: what a read returned, while nobody wrote. */
static void check_read(struct sim_task_state *t, uint64_t pos, uint32_t len,
		       ssize_t n)
{
	const struct sim_file *f = t->file;
	uint64_t want =
		pos < f->size ? nwb_min((uint64_t)len, f->size - pos) : 0;

	if ((uint64_t)n != want && !f->is_size_unsure)
		sim_fail(t->w, "O12",
			 "%s: read at %llu returned %lld bytes of %llu",
			 f->name, (unsigned long long)pos, (long long)n,
			 (unsigned long long)want);
	for (uint64_t i = 0; i < nwb_min(want, (uint64_t)n); i++)
		if (!f->unsure[pos + i] && t->buf[i] != f->shadow[pos + i])
			sim_fail(t->w, "O12",
				 "%s: byte %llu is not what was written",
				 f->name, (unsigned long long)(pos + i));
}

static void do_read(struct sim_task_state *t, uint64_t pos, uint32_t len)
{
	uint64_t gen = t->file->gen;
	ssize_t n =
		nwb_file_read(t->handle, t->buf, len, t->w->plan.base + pos);

	sim_mix(&t->w->ev, pos, (uint64_t)n);
	if (n >= 0 && is_same(t->file, gen))
		check_read(t, pos, len, n);
}

/* To what is mapped: a write that never extends the file. Between in and out. */
static void store(struct sim_task_state *t, uint64_t pos, uint32_t len)
{
	struct sim_world *w = t->w;
	struct sim_file *f = t->file;
	uint64_t i, nr_gaveup = f->nr_gaveup;
	struct nwb_lrec rec = op_rec(t, NWB_L_WRITE, pos, len);
	int rc;

	rec.version = ++f->version;
	nwb_stamp_fill(&w->key, f->id, f->version, pos, t->buf, len);
	i = sim_begin(&w->ev, &rec);
	rc = nwb_map_store(t->handle, t->buf, len, t->w->plan.base + pos);
	sim_end(&w->ev, i, rc ? rc : (int64_t)len);
	if (!rc) {
		memcpy(f->shadow + pos, t->buf, len);
		memset(f->unsure + pos, f->nr_gaveup != nr_gaveup, len);
	} else {
		sim_unsure(f, pos, len);
	}
}

/* Beside a write that is under way, just behind its end; each task has a place
 * of its own there. */
static void do_store_beside(struct sim_task_state *t, const struct sim_op *op,
			    uint32_t len)
{
	struct sim_file *f = t->file;
	uint64_t pos, size;

	for (unsigned int i = 0; i < BESIDE_TRIES && !f->in_to; i++)
		nwb_sleep_until(t->w->ex, nwb_now_ns(t->w->ex) + BESIDE_PAUSE);
	pos = f->in_to + BESIDE_BYTES * t->nr;
	len = nwb_min(len, BESIDE_BYTES);
	size = nwb_min(f->size, f->max);
	if (!f->in_to || pos >= size || f->is_size_unsure)
		return;
	nwb_file_set_group(t->handle, op->arg);
	f->nr_beside++;
	f->nr_in++;
	f->gen++;
	store(t, pos, (uint32_t)nwb_min((uint64_t)len, size - pos));
	f->gen++;
	f->nr_in--;
	f->nr_beside--;
}

static void do_store(struct sim_task_state *t, const struct sim_op *op,
		     uint32_t len)
{
	struct sim_file *f = t->file;

	if (t->w->plan.has_stores_beside) {
		do_store_beside(t, op, len);
		return;
	}
	writer_in(t->w, f);
	if (op->pos < f->size && !f->is_size_unsure)
		store(t, op->pos,
		      (uint32_t)nwb_min((uint64_t)len, f->size - op->pos));
	writer_out(f);
}

static void do_load(struct sim_task_state *t, uint64_t pos, uint32_t len)
{
	uint64_t gen = t->file->gen;
	int rc;

	if (pos >= t->file->size)
		return;
	len = (uint32_t)nwb_min((uint64_t)len, t->file->size - pos);
	rc = nwb_map_load(t->handle, t->buf, len, t->w->plan.base + pos);
	sim_mix(&t->w->ev, pos, (uint64_t)rc);
	if (!rc && is_same(t->file, gen))
		check_read(t, pos, len, (ssize_t)len);
}

/* O1, O9. Looking takes a lock, and who takes a lock may be overtaken: only
 * then it is asked whether somebody has written since @gen. */
void sim_check_durable(struct sim_task_state *t, uint64_t gen)
{
	struct sim_world *w = t->w;
	struct sim_file *f = t->file;
	uint64_t size = 0;
	ssize_t n = nwb_fake_get(w->fake, f->name, true, w->plan.base,
				 t->scratch, f->max, &size);

	if (!is_same(f, gen))
		return;
	size -= w->plan.base;
	if (n < 0)
		n = 0;
	sim_plain(w, 0, t->scratch, (size_t)n);
	memset(t->scratch + n, 0, f->max - (size_t)n);
	for (uint64_t i = 0; i < f->size; i++) {
		/* most of it is as it should be */
		while (f->size - i >= BLOCK &&
		       !memcmp(t->scratch + i, f->shadow + i, BLOCK))
			i += BLOCK;
		if (i < f->size && !f->unsure[i] &&
		    t->scratch[i] != f->shadow[i])
			sim_fail(w, "O1",
				 "%s: fsync said ok, and byte %llu of %llu is "
				 "not durable",
				 f->name, (unsigned long long)i,
				 (unsigned long long)f->size);
	}
	if (!f->is_size_unsure && size != sim_server_size(w, f->size))
		sim_fail(w, "O9",
			 "%s: fsync said ok, and the size is %llu, "
			 "not %llu",
			 f->name, (unsigned long long)size,
			 (unsigned long long)f->size);
}

void sim_told(struct sim_task_state *t)
{
	sim_unsure(t->file, 0, t->file->max);
	t->file->is_size_unsure = true;
}

int sim_fsync(struct sim_task_state *t)
{
	struct sim_file *f = t->file;
	uint64_t gen = f->gen, i;
	struct nwb_lrec rec = op_rec(t, NWB_L_FSYNC, 0, 0);
	int rc;

	i = sim_begin(&t->w->ev, &rec);
	rc = nwb_file_fsync(t->handle);
	sim_end(&t->w->ev, i, rc);
	if (rc)
		sim_told(t);
	else
		sim_check_durable(t, gen);
	return rc;
}

static void do_truncate(struct sim_task_state *t, uint64_t size)
{
	struct sim_file *f = t->file;
	struct nwb_lrec rec = op_rec(t, NWB_L_TRUNCATE, size, 0);
	uint64_t i;
	int rc;

	writer_in(t->w, f);
	rec.version = ++f->version;
	i = sim_begin(&t->w->ev, &rec);
	rc = nwb_file_truncate(t->handle, t->w->plan.base + size);
	sim_end(&t->w->ev, i, rc);
	if (rc) {
		sim_told(t);
	} else if (size < f->size) {
		memset(f->shadow + size, 0, f->max - size);
		memset(f->unsure + size, 0, f->max - size);
	}
	if (!rc)
		f->size = size;
	writer_out(f);
}

static void do_reopen(struct sim_task_state *t)
{
	sim_close(t);
	if (sim_open(t))
		t->handle = NULL;
}

/* --- open and close ------------------------------------------------------- */

int sim_open(struct sim_task_state *t)
{
	struct sim_world *w = t->w;
	struct nwb_err err = {0};
	int rc = -EIO;

	for (unsigned int i = 0; i < OPEN_TRIES && rc; i++) {
		struct nwb_lrec rec;
		uint64_t r;

		t->fd = ++w->next_fd;
		rec = op_rec(t, NWB_L_OPEN, 0, 0);
		r = sim_begin(&w->ev, &rec);
		rc = nwb_mount_open(w->mnt, t->file->name, NWB_O_CREATE,
				    t->file->id, &t->handle, &err);
		sim_end(&w->ev, r, rc);
		if (rc)
			nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + OPEN_PAUSE);
	}
	if (!rc)
		sim_learn_size(t);
	return rc;
}

void sim_close(struct sim_task_state *t)
{
	struct sim_world *w = t->w;
	struct nwb_lrec rec = op_rec(t, NWB_L_CLOSE, 0, 0);
	uint64_t i;
	int rc;

	if (!t->handle)
		return;
	i = sim_begin(&w->ev, &rec);
	rc = nwb_mount_close(w->mnt, t->handle);
	sim_end(&w->ev, i, rc);
	t->handle = NULL;
	/* Whoever opens it next is not told any more of what was lost. */
	if (rc)
		sim_told(t);
}

/* --- the task ------------------------------------------------------------- */

static void do_op(struct sim_task_state *t, const struct sim_op *op)
{
	uint32_t len = nwb_max(op->len >> t->w->opts.cut.halve, 1u);

	switch (op->kind) {
	case SIM_WRITE:
		do_write(t, op, len);
		break;
	case SIM_READ:
		do_read(t, op->pos, len);
		break;
	case SIM_STORE:
		do_store(t, op, len);
		break;
	case SIM_LOAD:
		do_load(t, op->pos, len);
		break;
	case SIM_FSYNC:
		(void)sim_fsync(t);
		break;
	case SIM_TRUNCATE:
		do_truncate(t, op->pos);
		break;
	case SIM_KICK:
		nwb_file_writeback(t->handle);
		break;
	case SIM_FLUSH:
		(void)!nwb_file_flush(t->handle);
		break;
	case SIM_REOPEN:
		do_reopen(t);
		break;
	case SIM_SLEEP:
		nwb_sleep_until(t->w->ex, nwb_now_ns(t->w->ex) + op->ns);
		break;
	default:
		if (!sim_do_vm(t, op))
			sim_do_call(t, op);
		break;
	}
}

void sim_task_main(void *arg)
{
	struct sim_task_state *t = arg;
	const struct sim_plan *p = &t->w->plan;

	for (unsigned int i = 0; i < p->nr_ops && t->handle; i++) {
		if (p->op[i].task != t->nr ||
		    (t->w->opts.cut.ops[i / 64] >> (i % 64) & 1))
			continue;
		t->w->r->ops++;
		do_op(t, &p->op[i]);
	}
}
