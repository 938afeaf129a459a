/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handle of a fake, and its dialer.
 */
#include "fake_i.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BUF	(1024 * 1024u)
#define DEFAULT_CREDITS 8192u
#define DEFAULT_WRITE	(8 * 1024 * 1024u)
#define DEFAULT_MSIZE	65536u
#define DEFAULT_FILE	(1024 * NWB_MIB)
#define WORKERS_9P	16u
#define WORKERS_SMB2	100u

static int dial(struct nwb_dialer *d, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct nwb_fake *f = nwb_container_of(d, struct nwb_fake, dialer);
	struct nwb_sock *pair[2];
	bool is_down;
	int rc;

	nwb_mutex_lock(&f->lock);
	is_down = nwb_now_ns(ex) < f->down_until || f->is_stopping;
	nwb_mutex_unlock(&f->lock);
	if (is_down)
		return nwb_err_set(err, -ECONNREFUSED,
				   "the fake server is down");
	rc = nwb_sock_pair(ex, f->opts.latency_ns, f->opts.buf_bytes, pair);
	if (rc)
		return nwb_err_set(err, rc, "make a socket pair: %s",
				   nwb_errno_name(rc));
	rc = nwb_fake_serve(f, pair[1]);
	if (rc) {
		nwb_sock_close(pair[0]);
		return nwb_err_set(err, rc, "serve a connection: %s",
				   nwb_errno_name(rc));
	}
	*ret_sock = pair[0];
	return 0;
}

static void set_defaults(struct nwb_fake *f)
{
	struct nwb_fake_opts *o = &f->opts;
	bool is_9p = o->proto == NWB_FAKE_9P;

	o->buf_bytes = o->buf_bytes ? o->buf_bytes : DEFAULT_BUF;
	o->max_credits = o->max_credits ? o->max_credits : DEFAULT_CREDITS;
	o->max_write = o->max_write ? o->max_write : DEFAULT_WRITE;
	o->msize = o->msize ? o->msize : DEFAULT_MSIZE;
	o->max_file_bytes =
		o->max_file_bytes ? o->max_file_bytes : DEFAULT_FILE;
	if (!o->nr_workers)
		o->nr_workers = is_9p ? WORKERS_9P : WORKERS_SMB2;
	snprintf(f->share, sizeof(f->share), "%s", o->share ? o->share : "s");
	o->share = f->share;
	nwb_assert(o->max_credits <= 65535);
	f->proto = is_9p ? &nwb_fake_proto_9p : &nwb_fake_proto_smb2;
}

int nwb_fake_new(struct nwb_exec *ex, const struct nwb_fake_opts *opts,
		 struct nwb_fake **ret_fake)
{
	struct nwb_fake *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return -ENOMEM;
	f->ex = ex;
	f->opts = *opts;
	set_defaults(f);
	f->dialer.dial = dial;
	f->stats.instance = 1;
	nwb_mutex_init(&f->lock, ex, "fake");
	nwb_waitq_init(&f->disk_wake, ex, "fake: parked writes");
	nwb_list_init(&f->files);
	nwb_list_init(&f->conns);
	nwb_list_init(&f->parked);
	rc = nwb_task_spawn(ex, "fake disk", nwb_fake_disk_task, f, &f->disk);
	if (rc) {
		free(f);
		return rc;
	}
	*ret_fake = f;
	return 0;
}

void nwb_fake_free(struct nwb_fake *f)
{
	struct fake_file *file, *n;
	struct fake_conn *c;
	struct fake_op *op, *m;

	if (!f)
		return;
	nwb_mutex_lock(&f->lock);
	f->is_stopping = true;
	nwb_waitq_wake_all(&f->disk_wake);
	nwb_list_for_each_entry (c, &f->conns, link)
		nwb_fake_kill_conn(c, true);
	nwb_fake_join_dead(f, true);
	nwb_mutex_unlock(&f->lock);
	nwb_task_join(f->disk);
	nwb_list_for_each_entry_safe (op, m, &f->parked, link) {
		nwb_list_del(&op->link);
		free(op);
	}
	nwb_list_for_each_entry_safe (file, n, &f->files, link)
		nwb_fake_file_free(file);
	free(f);
}

struct nwb_dialer *nwb_fake_dialer(struct nwb_fake *f)
{
	return &f->dialer;
}

void nwb_fake_set_faults(struct nwb_fake *f, const struct nwb_fake_faults *ft)
{
	struct fake_conn *c;

	nwb_mutex_lock(&f->lock);
	f->faults = *ft;
	/* that may be over now */
	nwb_list_for_each_entry (c, &f->conns, link)
		nwb_waitq_wake_all(&c->wake);
	nwb_mutex_unlock(&f->lock);
}

void nwb_fake_get_stats(struct nwb_fake *f, struct nwb_fake_stats *ret_stats)
{
	nwb_mutex_lock(&f->lock);
	*ret_stats = f->stats;
	nwb_mutex_unlock(&f->lock);
}

void nwb_fake_reset_all(struct nwb_fake *f)
{
	struct fake_conn *c;

	nwb_mutex_lock(&f->lock);
	nwb_list_for_each_entry (c, &f->conns, link)
		nwb_fake_kill_conn(c, true);
	nwb_mutex_unlock(&f->lock);
}

void nwb_fake_crash(struct nwb_fake *f)
{
	nwb_mutex_lock(&f->lock);
	nwb_fake_crash_locked(f);
	nwb_mutex_unlock(&f->lock);
}
