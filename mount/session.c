/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A FUSE connection, its workers, its end.
 *
 *	/dev/fuse ─► read ─► libfuse decodes ─► request ─► libfuse ─► writev
 *	             hook                                             hook
 *
 * The hooks are there for one thing: libfuse 3.14 cannot say
 * FUSE_DIRECT_IO_ALLOW_MMAP, so the kernel's offer is looked for in INIT and
 * accepted in the answer to it.
 */
#include "fuse_i.h"

#include <errno.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef FUSE_DIRECT_IO_ALLOW_MMAP
/* include/uapi/linux/fuse.h, 7.39 */
#define FUSE_DIRECT_IO_ALLOW_MMAP (1ull << 36)
#endif
#define ALLOW_MMAP ((uint32_t)(FUSE_DIRECT_IO_ALLOW_MMAP >> 32))

/* Wakes a worker out of read(2) on a connection that nobody unmounts. */
#define SIG_WAKE  SIGRTMIN
#define STOP_TICK (10 * NWB_MSEC)

__thread struct worker *fuse_worker;

/* --- what passes through ----------------------------------------------------
 */

static ssize_t hook_read(int fd, void *buf, size_t len, void *userdata)
{
	struct nwb_fuse *f = userdata;
	const struct fuse_in_header *h = buf;
	const struct fuse_init_in *in = (const void *)(h + 1);
	ssize_t n = read(fd, buf, len);

	if (n < 0 ||
	    atomic_load_explicit(&f->is_init_done, memory_order_acquire))
		return n;
	if (n >= (ssize_t)(sizeof(*h) + sizeof(*in)) &&
	    h->opcode == FUSE_INIT && in->flags & FUSE_INIT_EXT)
		f->can_mmap = in->flags2 & ALLOW_MMAP;
	return n;
}

static ssize_t hook_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct nwb_fuse *f = userdata;
	struct fuse_init_out out;
	struct iovec v[2];
	const struct fuse_out_header *h = iov[0].iov_base;

	if (atomic_load_explicit(&f->is_init_done, memory_order_acquire))
		return writev(fd, iov, count);
	/* the first answer that there is */
	atomic_store_explicit(&f->is_init_done, true, memory_order_release);
	if (!f->can_mmap || f->kernel_cache || h->error || count != 2 ||
	    iov[1].iov_len != sizeof(out))
		return writev(fd, iov, count);
	memcpy(&out, iov[1].iov_base, sizeof(out));
	out.flags |= FUSE_INIT_EXT;
	out.flags2 |= ALLOW_MMAP;
	v[0] = iov[0];
	v[1] = (struct iovec){&out, sizeof(out)};
	return writev(fd, v, 2);
}

static void do_init(void *userdata, struct fuse_conn_info *conn)
{
	struct nwb_fuse *f = userdata;
	unsigned int none = FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
			    FUSE_CAP_SPLICE_MOVE | FUSE_CAP_HANDLE_KILLPRIV |
			    FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_READDIRPLUS;

	/* Data goes from the request into a folio, from a folio into the
	 * answer. A pipe in between (splice(2) of /dev/fuse, then read(2) into
	 * the folio) saves a copy, but writes of 256 and 512 KiB took 12 % and
	 * 11 % longer with it. */
	conn->want &= ~none;
	conn->max_write = FUSE_IO_MAX;
	conn->max_read = 0; /* as large as the kernel makes them: max_pages */
	conn->max_readahead = FUSE_IO_MAX;
	conn->time_gran = 1;
	if (f->kernel_cache)
		conn->want |= conn->capable & FUSE_CAP_WRITEBACK_CACHE;
	/* writeback and reads ahead, of which each takes a worker */
	conn->max_background = f->nr_workers * 2;
	conn->congestion_threshold = f->nr_workers * 2;
}

/* --- workers -------------------------------------------------------------- */

static void on_wake(int sig nwb_unused)
{
	/* read(2) returns EINTR */
}

static void work(void *arg)
{
	struct worker *w = arg;
	struct nwb_fuse *f = w->f;

	w->thread = pthread_self();
	fuse_worker = w;
	while (!fuse_session_exited(f->se) &&
	       !atomic_load_explicit(&f->is_stopping, memory_order_acquire)) {
		int n = fuse_session_receive_buf(f->se, &w->in);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		atomic_fetch_add_explicit(&f->nr_requests, 1,
					  memory_order_relaxed);
		fuse_session_process_buf(f->se, &w->in);
	}
	atomic_store(&f->is_over, true);
	atomic_store(&w->has_ended, true);
}

static int start_workers(struct nwb_fuse *f, unsigned int nr,
			 struct nwb_err *err)
{
	struct sigaction sa = {.sa_handler = on_wake};

	sigaction(SIG_WAKE, &sa, NULL);
	f->worker = calloc(nr, sizeof(*f->worker));
	if (!f->worker)
		return nwb_err_set(err, -ENOMEM, "no memory for workers");
	f->nr_workers = nr;
	for (unsigned int i = 0; i < nr; i++) {
		struct worker *w = &f->worker[i];
		int rc;

		w->f = f;
		w->out = malloc(FUSE_IO_MAX);
		rc = w->out ? nwb_task_spawn(f->ex, "fuse", work, w, &w->task)
			    : -ENOMEM;
		if (rc)
			return nwb_err_set(err, rc, "a FUSE worker: %s",
					   nwb_errno_name(rc));
	}
	return 0;
}

/* Those in read(2) are waiting for nothing: wake them until they see it. */
static void end_workers(struct nwb_fuse *f)
{
	atomic_store_explicit(&f->is_stopping, true, memory_order_release);
	for (unsigned int i = 0; i < f->nr_workers; i++) {
		struct worker *w = &f->worker[i];

		while (w->task && !atomic_load(&w->has_ended)) {
			if (w->thread)
				pthread_kill(w->thread, SIG_WAKE);
			nwb_sleep_until(f->ex, nwb_now_ns(f->ex) + STOP_TICK);
		}
		if (w->task)
			nwb_task_join(w->task);
		free(w->in.mem);
		free(w->out);
	}
	free(f->worker);
}

/* --- life ----------------------------------------------------------------- */

static int open_session(struct nwb_fuse *f, int fd, struct nwb_err *err)
{
	static const struct fuse_custom_io io = {
		.writev = hook_writev,
		.read = hook_read,
	};
	struct fuse_lowlevel_ops ops = {.init = do_init};
	char *argv[] = {(char[]){"netwb"}, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	int rc = 0;

	fuse_names_ops(&ops);
	fuse_attr_ops(&ops);
	fuse_file_ops(&ops);
	fuse_misc_ops(&ops);
	f->se = fuse_session_new(&args, &ops, sizeof(ops), f);
	fuse_opt_free_args(&args);
	if (f->se)
		rc = fuse_session_custom_io(f->se, &io, fd);
	if (f->se && !rc)
		return 0;
	close(fd);
	return nwb_err_set(err, rc ? rc : -ENOMEM,
			   "libfuse did not make a session");
}

int nwb_fuse_start(struct nwb_exec *ex, const struct nwb_fuse_opts *opts,
		   struct nwb_fuse **ret_f, struct nwb_err *err)
{
	struct nwb_fuse *f = calloc(1, sizeof(*f));
	int rc;

	if (!f) {
		close(opts->fd);
		return nwb_err_set(err, -ENOMEM, "no memory for a mount");
	}
	f->ex = ex;
	f->mnt = opts->mnt;
	f->shadow = opts->shadow;
	f->kernel_cache = opts->kernel_cache;
	f->has_owner = opts->has_owner;
	f->uid = opts->uid;
	f->gid = opts->gid;
	f->root.node = nwb_ns_root(f->mnt);
	if (f->shadow)
		f->root.shadow = nwb_shadow_root(f->shadow);
	pthread_mutex_init(&f->lock, NULL);
	nwb_list_init(&f->files);
	nwb_list_init(&f->dirs);
	for (unsigned int i = 0; i < NODE_BUCKETS; i++)
		nwb_list_init(&f->bucket[i]);
	f->nr_workers = opts->nr_workers ? opts->nr_workers : NWB_FUSE_WORKERS;
	rc = open_session(f, opts->fd, err);
	if (!rc)
		rc = start_workers(f, f->nr_workers, err);
	else
		f->nr_workers = 0;
	if (!rc && opts->engine)
		rc = engine_start(f, opts->engine, err);
	if (rc) {
		(void)nwb_fuse_stop(f, NULL);
		return rc;
	}
	*ret_f = f;
	return 0;
}

bool nwb_fuse_is_over(const struct nwb_fuse *f)
{
	return atomic_load(&f->is_over);
}

/* What the kernel did not get round to release. */
static int close_all(struct nwb_fuse *f)
{
	int rc, first = 0;

	while (!nwb_list_empty(&f->files)) {
		rc = file_close(f,
				nwb_list_first(&f->files, struct mfile, link));
		first = first ? first : rc;
	}
	while (!nwb_list_empty(&f->dirs)) {
		struct mdir *md = nwb_list_first(&f->dirs, struct mdir, link);

		nwb_list_del(&md->link);
		nwb_ns_closedir(md->dir);
		free(md);
	}
	return first;
}

int nwb_fuse_stop(struct nwb_fuse *f, struct nwb_fuse_stats *ret_stats)
{
	int rc;

	if (!f)
		return 0;
	if (f->worker)
		end_workers(f);
	engine_stop(f);
	rc = close_all(f);
	mnode_drop_all(f);
	if (ret_stats)
		*ret_stats = (struct nwb_fuse_stats){
			.nr_requests = f->nr_requests,
			.nr_reads = f->nr_reads,
			.bytes_read = f->bytes_read,
			.nr_writes = f->nr_writes,
			.bytes_written = f->bytes_written,
			.nr_fsyncs = f->nr_fsyncs,
			.nr_errors = f->nr_errors,
			.has_mmap = f->can_mmap || f->kernel_cache,
		};
	if (f->se)
		fuse_session_destroy(f->se); /* and with it the connection */
	pthread_mutex_destroy(&f->lock);
	free(f);
	return rc;
}
