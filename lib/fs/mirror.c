/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stream 2 of a mount: the file of the same name on another mount, which has its
 * own netfs: retries, reconnects and keeps what is not flushed there.
 *
 *	open ──one try──► there ──misses something──► behind
 *	   └─────────────► not there ──something is uploaded─┘
 *
 * Nothing that happens to a mirror stops a file or is told by it. A mirror that
 * has missed something (a failure, a truncation, a direct write, all that was
 * written while it was away) is left alone from then on, also when the file is
 * opened again; it is never read.
 *
 * A file is opened there by a task of the mirror's own, one try, for which an
 * open waits OPEN_WAIT_NS at most:
 *
 *	open ──► try ──► opener ──► mirror	request's timeout: 10 s and more
 *	  ◄── there, or not ───┘
 *	  ◄── OPEN_WAIT_NS		the try is left to the opener
 *
 * Without an answer the file does without its mirror, and so do those that are
 * opened while the try goes on, or in the second after it; then one tries again,
 * and the next ones do without for twice as long, up to half a minute.
 */
#include "ns.h"

#include "nwb/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

/* Many times what a server that is alive takes on a busy machine, and well below
 * the timeout of a request. */
#define OPEN_WAIT_NS (3 * NWB_SEC)
#define AWAY_MIN_NS  (1 * NWB_SEC)
#define AWAY_MAX_NS  (30 * NWB_SEC)
/* Files that were left behind and closed; with more of them nobody remembers
 * which, and no file takes part any more. */
#define BEHIND_MAX 1024u

/* To open a file there. Freed by who opens the file here, or, once that one has
 * left it, by the opener. */
struct open_try {
	uint32_t id;
	struct nwb_file *file; /* NULL: it is not there */
	bool is_over, is_left;
	char name[];
};

/*
 * struct nwb_fs_mirror - of a mount. One task writes what is queued, one after
 * the other, another one opens: they may wait for the mirror as long as they
 * like, and nobody else does before the folios are to be clean.
 * @try: the one of the opener; the next one begins when it is over
 */
struct nwb_fs_mirror {
	struct nwb_mount *mnt; /* the other one */
	struct nwb_mutex lock;
	struct nwb_waitq changed, opened;
	struct nwb_list queue;
	struct open_try *try;
	bool stopping;
	struct nwb_task *task, *opener;
	/* under lock */
	struct nwb_list behind; /* struct behind_name */
	unsigned int nr_behind;
	uint64_t away_until, away_ns; /* 0: it was there the last time */
	struct nwb_mirror_stats stats;
};

struct behind_name {
	struct nwb_list link;
	char name[];
};

/* Of one inode.
 * @file: NULL: it was not there when the file was opened
 * @name: behind it */
struct mirror_file {
	struct nwb_fs_mirror *mir;
	struct nwb_file *file;
	_Atomic bool is_behind;
	char name[];
};

/* Of one subrequest. */
struct mirror_write {
	struct nwb_list link;
};

static_assert(sizeof(struct mirror_write) <= NWB_SREQ_PRIV_BYTES,
	      "a mirror write does not fit in a subrequest");

static struct nwb_io_subrequest *mirror_sreq(struct mirror_write *w)
{
	char *priv = (char *)w;

	return (struct nwb_io_subrequest
			*)(void *)(priv -
				   offsetof(struct nwb_io_subrequest, fs_priv));
}

static bool mirror_begin(struct nwb_io_request *rreq, unsigned int stream_nr)
{
	struct mirror_file *m = nwb_inode_side(nwb_rreq_inode(rreq), stream_nr);

	return !atomic_load(&m->is_behind);
}

/* Something is about to be written: not what a request has that only copies to
 * the local cache. */
static int mirror_prepare(struct nwb_io_subrequest *sreq)
{
	struct mirror_file *m = nwb_inode_side(nwb_rreq_inode(sreq->rreq), 2);

	return m->file ? 0 : -EHOSTDOWN;
}

/* Copied into the mirror's page cache, which may have to wait for room. */
static int64_t mirror_write(struct nwb_io_subrequest *sreq)
{
	struct mirror_file *m = nwb_inode_side(nwb_rreq_inode(sreq->rreq), 2);
	uint64_t pos = sreq->start + sreq->transferred;
	int64_t total = 0;

	for (unsigned int i = 0; i < sreq->nr_iov; i++) {
		ssize_t n = nwb_file_write(m->file, sreq->iov[i].iov_base,
					   sreq->iov[i].iov_len, pos);

		if (n < 0)
			return n;
		pos += (uint64_t)n;
		total += n;
		if ((size_t)n < sreq->iov[i].iov_len)
			break;
	}
	return total;
}

static void mirror_main(void *arg)
{
	struct nwb_fs_mirror *mir = arg;

	nwb_mutex_lock(&mir->lock);
	while (!mir->stopping) {
		struct nwb_io_subrequest *sreq;
		struct mirror_write *w;

		if (nwb_list_empty(&mir->queue)) {
			(void)nwb_waitq_wait(&mir->changed, &mir->lock,
					     NWB_NEVER);
			continue;
		}
		w = nwb_list_first(&mir->queue, struct mirror_write, link);
		nwb_list_del(&w->link);
		nwb_mutex_unlock(&mir->lock);
		sreq = mirror_sreq(w);
		nwb_write_subrequest_terminated(sreq, mirror_write(sreq));
		nwb_mutex_lock(&mir->lock);
	}
	nwb_mutex_unlock(&mir->lock);
}

/* One try has ended. mir->lock held. */
static void note_try(struct nwb_fs_mirror *mir, bool is_there)
{
	if (is_there) {
		mir->away_ns = 0;
		return;
	}
	mir->away_ns = mir->away_ns ? nwb_min(2 * mir->away_ns, AWAY_MAX_NS)
				    : AWAY_MIN_NS;
	mir->away_until = nwb_now_ns(mir->mnt->ctx.ex) + mir->away_ns;
}

/* Context: mir->lock held, dropped meanwhile. */
static void run_try(struct nwb_fs_mirror *mir, struct open_try *t)
{
	int rc;

	nwb_mutex_unlock(&mir->lock);
	rc = nwb_mount_open(mir->mnt, t->name, NWB_O_CREATE | NWB_O_ONCE, t->id,
			    &t->file, NULL);
	nwb_mutex_lock(&mir->lock);
	note_try(mir, !nwb_fs_is_away(rc));
	t->is_over = true;
	nwb_waitq_wake_all(&mir->opened);
	if (t->is_left) {
		nwb_mutex_unlock(&mir->lock);
		/* nothing was written to it */
		if (t->file)
			(void)!nwb_mount_close(mir->mnt, t->file);
		nwb_free(t);
		nwb_mutex_lock(&mir->lock);
	}
	mir->try = NULL;
}

static void opener_main(void *arg)
{
	struct nwb_fs_mirror *mir = arg;

	nwb_mutex_lock(&mir->lock);
	for (;;) {
		if (mir->try)
			run_try(mir, mir->try);
		else if (mir->stopping)
			break;
		else
			(void)nwb_waitq_wait(&mir->opened, &mir->lock,
					     NWB_NEVER);
	}
	nwb_mutex_unlock(&mir->lock);
}

static void mirror_issue(struct nwb_io_subrequest *sreq)
{
	struct mirror_write *w = (struct mirror_write *)(void *)sreq->fs_priv;
	struct mirror_file *m = nwb_inode_side(nwb_rreq_inode(sreq->rreq), 2);
	struct nwb_fs_mirror *mir = m->mir;

	nwb_list_init(&w->link);
	nwb_mutex_lock(&mir->lock);
	nwb_list_add_tail(&mir->queue, &w->link);
	nwb_waitq_wake_all(&mir->changed);
	nwb_mutex_unlock(&mir->lock);
}

static void mirror_invalidate(struct nwb_inode *inode)
{
	struct mirror_file *m = nwb_inode_side(inode, 2);

	atomic_store(&m->is_behind, true);
}

static int mirror_flush(struct nwb_inode *inode)
{
	struct mirror_file *m = nwb_inode_side(inode, 2);

	return atomic_load(&m->is_behind) || !m->file ? 0
						      : nwb_file_fsync(m->file);
}

static const struct nwb_stream_ops mirror_ops = {
	.name = "mirror",
	.begin = mirror_begin,
	.prepare_write = mirror_prepare,
	.issue_write = mirror_issue,
	.invalidate = mirror_invalidate,
	.flush = mirror_flush,
};

/* Those that there are; each ends what it has begun. */
static void stop_tasks(struct nwb_fs_mirror *mir)
{
	nwb_mutex_lock(&mir->lock);
	nwb_assert(nwb_list_empty(&mir->queue));
	mir->stopping = true;
	nwb_waitq_wake_all(&mir->changed);
	nwb_waitq_wake_all(&mir->opened);
	nwb_mutex_unlock(&mir->lock);
	if (mir->task)
		nwb_task_join(mir->task);
	if (mir->opener)
		nwb_task_join(mir->opener);
}

int nwb_mount_use_mirror(struct nwb_mount *mnt, struct nwb_mount *mirror)
{
	struct nwb_fs_mirror *mir = nwb_zalloc(sizeof(*mir));
	int rc;

	if (!mir)
		return -ENOMEM;
	mir->mnt = mirror;
	nwb_mutex_init(&mir->lock, mnt->ctx.ex, "mirror");
	nwb_waitq_init(&mir->changed, mnt->ctx.ex, "mirror");
	nwb_waitq_init(&mir->opened, mnt->ctx.ex, "mirror open");
	nwb_list_init(&mir->queue);
	nwb_list_init(&mir->behind);
	rc = nwb_task_spawn(mnt->ctx.ex, "mirror", mirror_main, mir,
			    &mir->task);
	if (!rc)
		rc = nwb_task_spawn(mnt->ctx.ex, "mirror open", opener_main,
				    mir, &mir->opener);
	if (rc) {
		stop_tasks(mir);
		nwb_free(mir);
		return rc;
	}
	mnt->mirror = mir;
	nwb_netfs_attach(mnt->nf, 2, &mirror_ops);
	return 0;
}

void nwb_fs_mirror_free(struct nwb_fs_mirror *mir)
{
	struct behind_name *b, *next;

	if (!mir)
		return;
	stop_tasks(mir);
	nwb_list_for_each_entry_safe (b, next, &mir->behind, link)
		nwb_free(b);
	nwb_free(mir);
}

/* Is there any use in looking for it? mir->lock held. */
static bool is_left_behind(const struct nwb_fs_mirror *mir, const char *name)
{
	struct behind_name *b;

	if (mir->nr_behind > BEHIND_MAX)
		return true;
	nwb_list_for_each_entry (b, &mir->behind, link)
		if (!strcmp(b->name, name))
			return true;
	return false;
}

/*
 * What cannot be opened for another reason than that nobody answers is not there
 * either, but the next file may be. mir->lock held, dropped while waiting.
 */
static void try_open(struct mirror_file *m, uint32_t id)
{
	struct nwb_fs_mirror *mir = m->mir;
	uint64_t until = nwb_now_ns(mir->mnt->ctx.ex) + OPEN_WAIT_NS;
	struct open_try *t = nwb_zalloc(sizeof(*t) + strlen(m->name) + 1);

	if (t) {
		t->id = id;
		memcpy(t->name, m->name, strlen(m->name) + 1);
		mir->try = t;
		nwb_waitq_wake_all(&mir->opened);
		while (!t->is_over &&
		       !nwb_waitq_wait(&mir->opened, &mir->lock, until))
			;
		t->is_left = !t->is_over;
		if (t->is_over) {
			m->file = t->file;
			nwb_free(t);
		}
	}
	if (m->file)
		mir->stats.opened++;
	else
		mir->stats.not_reached++;
}

/** nwb_fs_mirror_open() - what a file has of @mir, or NULL: no memory. */
void *nwb_fs_mirror_open(struct nwb_fs_mirror *mir, const char *name,
			 uint32_t id)
{
	struct mirror_file *m = nwb_zalloc(sizeof(*m) + strlen(name) + 1);

	if (!m)
		return NULL;
	m->mir = mir;
	memcpy(m->name, name, strlen(name) + 1);
	nwb_mutex_lock(&mir->lock);
	if (is_left_behind(mir, name)) {
		atomic_store(&m->is_behind, true);
		mir->stats.behind++;
	} else if (mir->try || (mir->away_ns && nwb_now_ns(mir->mnt->ctx.ex) <
							mir->away_until)) {
		/* mnt->lock is held: a try that is under way was left */
		mir->stats.skipped++;
	} else {
		try_open(m, id);
	}
	nwb_mutex_unlock(&mir->lock);
	return m;
}

/* Without memory to remember it, no file takes part any more. */
static void remember(struct nwb_fs_mirror *mir, const char *name)
{
	struct behind_name *b = NULL;

	nwb_mutex_lock(&mir->lock);
	if (!is_left_behind(mir, name)) {
		if (++mir->nr_behind <= BEHIND_MAX)
			b = nwb_alloc(sizeof(*b) + strlen(name) + 1);
		if (b) {
			memcpy(b->name, name, strlen(name) + 1);
			nwb_list_add_tail(&mir->behind, &b->link);
		} else {
			mir->nr_behind = BEHIND_MAX + 1;
		}
	}
	nwb_mutex_unlock(&mir->lock);
}

/** nwb_fs_mirror_close() - the inode of @side is gone. NULL is fine. Context:
 * blocks, as long as the mirror's mount is patient; the lock of the first mount
 * is not held, or nothing was written. */
void nwb_fs_mirror_close(void *side)
{
	struct mirror_file *m = side;

	if (!m)
		return;
	if (m->file && nwb_mount_close(m->mir->mnt, m->file))
		atomic_store(&m->is_behind, true);
	if (atomic_load(&m->is_behind))
		remember(m->mir, m->name);
	nwb_free(m);
}

bool nwb_mount_mirror_is_behind(const struct nwb_file *f)
{
	struct mirror_file *m = nwb_inode_side(nwb_file_inode(f), 2);

	return !m || !m->file || atomic_load(&m->is_behind);
}

void nwb_mount_mirror_stats(const struct nwb_mount *mnt,
			    struct nwb_mirror_stats *ret)
{
	struct nwb_fs_mirror *mir = mnt->mirror;

	*ret = (struct nwb_mirror_stats){0};
	if (!mir)
		return;
	nwb_mutex_lock(&mir->lock);
	*ret = mir->stats;
	nwb_mutex_unlock(&mir->lock);
}
