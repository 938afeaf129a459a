/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 9P client against real servers, diod and nfs-ganesha, and what is in
 * their exports afterwards. */
#include "nwb/p9.h"
#include "nwb/server.h"
#include "nwb/smb2.h"
#include "nwb/wait.h"
#include "nwb_test_exec.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH 64u

struct d {
	struct nwb_dialer dialer;
	struct nwb_server *srv;
	struct nwb_server_opts srv_opts;
	uint64_t timeout_ns;
	bool is_ganesha;
	void (*body)(struct d *d);
	struct nwb_exec *ex;
	struct nwb_p9 *c;
	struct nwb_mutex lock;
	struct nwb_waitq wq;
	unsigned int out;
};

struct dw {
	struct nwb_p9_write w;
	struct d *d;
	struct iovec iov;
	unsigned int dones;
};

static uint8_t pattern(uint64_t pos)
{
	return (uint8_t)(pos * 13 + (pos >> 8) + (pos >> 16));
}

static int dial(struct nwb_dialer *dialer, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct d *d = nwb_container_of(dialer, struct d, dialer);
	int fd, rc;

	rc = nwb_server_dial(d->srv, &fd, err);
	return rc ? rc : nwb_sock_from_fd(ex, fd, ret_sock);
}

static void dw_done(struct nwb_p9_write *w)
{
	struct dw *dw = nwb_container_of(w, struct dw, w);

	nwb_mutex_lock(&dw->d->lock);
	dw->dones++;
	dw->d->out--;
	nwb_waitq_wake_all(&dw->d->wq);
	nwb_mutex_unlock(&dw->d->lock);
}

static int dw_start(struct d *d, struct dw *dw, struct nwb_p9_file *f,
		    uint64_t offset, uint8_t *data, uint32_t len)
{
	int rc;

	*dw = (struct dw){.d = d, .iov = {data, len}};
	dw->w = (struct nwb_p9_write){.file = f,
				      .offset = offset,
				      .iov = &dw->iov,
				      .nr_iov = 1,
				      .len = len,
				      .done = dw_done};
	nwb_mutex_lock(&d->lock);
	d->out++;
	nwb_mutex_unlock(&d->lock);
	rc = nwb_p9_write_async(&dw->w);
	if (rc) {
		nwb_mutex_lock(&d->lock);
		d->out--;
		nwb_mutex_unlock(&d->lock);
	}
	return rc;
}

static void wait_all(struct d *d)
{
	nwb_mutex_lock(&d->lock);
	nwb_wait_event(&d->wq, &d->lock, !d->out);
	nwb_mutex_unlock(&d->lock);
}

static void run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct d *d = te->arg;
	struct nwb_p9_opts opts = {.dialer = &d->dialer};
	struct nwb_server_info info;
	struct nwb_err err = {0};

	nwb_server_info(d->srv, &info);
	opts.aname = info.share;
	opts.uname = info.user;
	opts.uid = info.uid;
	opts.timeout_ns = d->timeout_ns;
	opts.max_tags = 2 * DEPTH;
	d->ex = te->ex;
	nwb_mutex_init(&d->lock, d->ex, "test");
	nwb_waitq_init(&d->wq, d->ex, "test");
	nwb_check_eq(nwb_p9_new(d->ex, &opts, &d->c, &err), 0);
	d->body(d);
	nwb_p9_free(d->c);
}

static void on_server(const char *name, struct d *d, bool both)
{
	struct nwb_server_info info;
	enum nwb_isolation step;
	struct nwb_err err = {0};
	char version[64], why[96];

	if (nwb_server_probe(name, version, sizeof(version), &err))
		nwb_test_skip(err.text);
	if (nwb_isolation_try(NWB_ISOLATION_AUTO, &step, why, sizeof(why),
			      &err))
		nwb_check_streq(err.text, "");
	if (nwb_server_check_step(name, step, &err))
		nwb_test_skip(err.text);
	d->is_ganesha = !strcmp(name, "ganesha");
	d->dialer.dial = dial;
	d->srv_opts.name = name;
	d->srv_opts.ignore_sigpipe = true;
	d->srv_opts.ctl_fd = -1;
	d->srv_opts.ledger_fd = -1;
	if (nwb_server_start(&d->srv_opts, &d->srv, &err))
		nwb_check_streq(err.text, "");
	nwb_server_info(d->srv, &info);
	if (d->srv_opts.state_bytes && !strcmp(info.isolation, "none")) {
		nwb_server_free(d->srv);
		nwb_test_skip("needs a file system of its own: namespaces");
	}
	nwb_test_on_real(false, run, d);
	if (both)
		nwb_test_on_real(true, run, d);
	nwb_server_free(d->srv);
}

static void check_export(struct d *d, const char *name, uint64_t size)
{
	uint8_t *buf = malloc(size + 1);
	uint64_t i, bad = 0;
	int fd = -1;

	nwb_check_eq(nwb_server_open(d->srv, name, O_RDONLY, &fd, NULL), 0);
	nwb_check_eq(pread(fd, buf, size + 1, 0), (ssize_t)size);
	for (i = 0; i < size; i++)
		bad += buf[i] != pattern(i);
	nwb_check_eq(bad, 0);
	close(fd);
	free(buf);
}

static uint8_t *make_data(uint64_t len)
{
	uint8_t *data = malloc(len);
	uint64_t i;

	for (i = 0; i < len; i++)
		data[i] = pattern(i);
	return data;
}

static struct nwb_p9_file *open_or_fail(struct d *d, const char *name)
{
	struct nwb_p9_file *f = NULL;
	struct nwb_err err = {0};

	if (nwb_p9_open(d->c, name, NWB_O_CREATE | NWB_O_TRUNC, &f, &err))
		nwb_check_streq(err.text, "");
	return f;
}

#define BOTH(name)                                                             \
	NWB_TEST(p9_diod, name)                                                \
	{                                                                      \
		name("diod");                                                  \
	}                                                                      \
	NWB_TEST(p9_ganesha, name)                                             \
	{                                                                      \
		name("ganesha");                                               \
	}

/* 64 outstanding, in an order of their own, at the largest size. */
static void body_many(struct d *d)
{
	struct nwb_p9_file *f = open_or_fail(d, "many"), *g = NULL;
	struct dw *dw = calloc(DEPTH, sizeof(*dw));
	struct nwb_p9_stats st;
	uint64_t size = 0;
	uint32_t epoch = 0, i, max;
	uint8_t *data, *back;

	nwb_p9_get_stats(d->c, &st);
	nwb_check_eq(st.msize, 65536);
	max = st.max_write;
	nwb_check_eq(max, 65512);
	data = make_data((uint64_t)max * DEPTH);
	back = malloc((size_t)max * DEPTH);
	for (i = 0; i < DEPTH; i++) {
		uint64_t off = (uint64_t)(i * 37 % DEPTH) * max;

		nwb_check_eq(dw_start(d, &dw[i], f, off, data + off, max), 0);
	}
	wait_all(d);
	for (i = 0; i < DEPTH; i++) {
		nwb_check_eq(dw[i].dones, 1);
		nwb_check_eq(dw[i].w.result, max);
	}
	nwb_check_eq(nwb_p9_fsync(f, &epoch), 0);
	nwb_check_eq(epoch, 1);
	check_export(d, "many", (uint64_t)max * DEPTH);
	nwb_check_eq(nwb_p9_get_size(f, &size), 0);
	nwb_check_eq(size, (uint64_t)max * DEPTH);
	nwb_check_eq(nwb_p9_read(f, 0, back, size), (ssize_t)size);
	nwb_check(!memcmp(back, data, size));
	nwb_check_eq(nwb_p9_set_size(f, 1000), 0);
	check_export(d, "many", 1000);
	/* nfs-ganesha 4.3 does not look at O_EXCL and opens what is there */
	nwb_check_eq(
		nwb_p9_open(d->c, "many", NWB_O_CREATE | NWB_O_EXCL, &g, NULL),
		d->is_ganesha ? 0 : -EEXIST);
	if (g)
		nwb_check_eq(nwb_p9_close(g), 0);
	nwb_check_eq(nwb_p9_open(d->c, "none", 0, &g, NULL), -ENOENT);
	nwb_check_eq(nwb_p9_open(d->c, "no/ne", NWB_O_CREATE, &g, NULL),
		     -ENOENT);
	nwb_check_eq(nwb_p9_close(f), 0);
	free(dw);
	free(data);
	free(back);
}

static void many_writes_land_where_they_belong(const char *server)
{
	struct d d = {.body = body_many};

	on_server(server, &d, true);
}

BOTH(many_writes_land_where_they_belong)

/* The kernel below the server runs out of room: the errno comes through, a
 * write may be short, and what was counted as written is there. */
static void body_full(struct d *d)
{
	struct nwb_p9_file *f = open_or_fail(d, "full");
	uint8_t *data = make_data(32 * NWB_MIB);
	struct dw dw;
	uint64_t off = 0;

	for (;;) {
		nwb_check(off < 32 * NWB_MIB);
		nwb_check_eq(dw_start(d, &dw, f, off, data + off, 60000), 0);
		wait_all(d);
		if (dw.w.result < 0)
			break;
		off += (uint64_t)dw.w.result;
	}
	nwb_check_eq(dw.w.result, -ENOSPC);
	nwb_check_eq(dw.w.ecode, ENOSPC);
	check_export(d, "full", off);
	nwb_check_eq(nwb_p9_epoch(d->c), 1);
	nwb_check_eq(nwb_p9_set_size(f, 0), 0);
	nwb_check_eq(nwb_p9_close(f), 0);
	free(data);
}

static void no_space_is_told_as_errno(const char *server)
{
	struct d d = {.body = body_full, .srv_opts.state_bytes = 16 * NWB_MIB};

	on_server(server, &d, false);
}

BOTH(no_space_is_told_as_errno)

/* Killed with requests outstanding, restarted, reopened by path. */
static void body_killed(struct d *d)
{
	struct nwb_p9_file *f = open_or_fail(d, "killed");
	struct dw *dw = calloc(DEPTH, sizeof(*dw));
	uint8_t *data = make_data(DEPTH * 4096);
	struct nwb_err err = {0};
	uint32_t epoch = 0, i;
	int rc;

	nwb_check_eq(nwb_server_kill(d->srv, SIGSTOP, true, &err), 0);
	for (i = 0; i < DEPTH; i++)
		nwb_check_eq(
			dw_start(d, &dw[i], f, i * 4096, data + i * 4096, 4096),
			0);
	nwb_mutex_lock(&d->lock);
	nwb_check_eq(d->out, DEPTH);
	nwb_mutex_unlock(&d->lock);
	nwb_check_eq(nwb_server_kill(d->srv, SIGKILL, true, &err), 0);
	wait_all(d);
	for (i = 0; i < DEPTH; i++) {
		nwb_check_eq(dw[i].dones, 1);
		nwb_check_eq(dw[i].w.result, -ECONNABORTED);
	}
	rc = nwb_p9_file_ready(f, &epoch, &err);
	nwb_check(rc < 0 && err.text[0]);
	if (nwb_server_restart(d->srv, &err))
		nwb_check_streq(err.text, "");
	if (nwb_p9_file_ready(f, &epoch, &err))
		nwb_check_streq(err.text, "");
	nwb_check(epoch > 1);
	for (i = 0; i < DEPTH; i++)
		nwb_check_eq(
			dw_start(d, &dw[i], f, i * 4096, data + i * 4096, 4096),
			0);
	wait_all(d);
	for (i = 0; i < DEPTH; i++)
		nwb_check_eq(dw[i].w.result, 4096);
	nwb_check_eq(nwb_p9_fsync(f, &epoch), 0);
	check_export(d, "killed", DEPTH * 4096);
	nwb_check_eq(nwb_p9_close(f), 0);
	free(dw);
	free(data);
}

static void killed_restarted_reopened(const char *server)
{
	struct d d = {.body = body_killed};

	on_server(server, &d, false);
}

BOTH(killed_restarted_reopened)

/* Stopped until a Tflush is on its way, then let go: whatever the server makes
 * of it, each write ends once, and the connection, if it is still there, is
 * sound. */
static void body_flushed(struct d *d)
{
	struct nwb_p9_file *f = open_or_fail(d, "flushed");
	struct dw *dw = calloc(DEPTH, sizeof(*dw));
	uint8_t *data = make_data(DEPTH * 4096);
	struct nwb_p9_stats st;
	struct nwb_err err = {0};
	uint32_t epoch = 0, i;

	nwb_check_eq(nwb_server_kill(d->srv, SIGSTOP, true, &err), 0);
	for (i = 0; i < DEPTH; i++)
		nwb_check_eq(
			dw_start(d, &dw[i], f, i * 4096, data + i * 4096, 4096),
			0);
	do {
		nwb_sleep_until(d->ex, nwb_now_ns(d->ex) + NWB_MSEC);
		nwb_p9_get_stats(d->c, &st);
	} while (!st.nr_flushes);
	nwb_check_eq(nwb_server_kill(d->srv, SIGCONT, true, &err), 0);
	wait_all(d);
	for (i = 0; i < DEPTH; i++) {
		nwb_check_eq(dw[i].dones, 1);
		nwb_check(dw[i].w.result == 4096 ||
			  dw[i].w.result == -ETIMEDOUT ||
			  dw[i].w.result == -ECONNABORTED);
	}
	nwb_check_eq(nwb_p9_file_ready(f, &epoch, &err), 0);
	for (i = 0; i < DEPTH; i++) {
		nwb_check_eq(
			dw_start(d, &dw[i], f, i * 4096, data + i * 4096, 4096),
			0);
		wait_all(d);
		nwb_check_eq(dw[i].w.result, 4096);
	}
	check_export(d, "flushed", DEPTH * 4096);
	nwb_check_eq(nwb_p9_close(f), 0);
	free(dw);
	free(data);
}

static void a_late_write_is_flushed(const char *server)
{
	struct d d = {.body = body_flushed, .timeout_ns = 500 * NWB_MSEC};

	on_server(server, &d, false);
}

BOTH(a_late_write_is_flushed)

struct fsyncer {
	struct nwb_p9_file *f;
	int rc;
};

static void fsync_task(void *arg)
{
	struct fsyncer *s = arg;
	uint32_t epoch;

	s->rc = nwb_p9_fsync(s->f, &epoch);
}

/*
 * All of one file is cancelled while the server stands still, another file's
 * write and fsync are not. nfs-ganesha answers what it was asked all the same;
 * diod drops what is still queued.
 */
static void body_cancelled(struct d *d)
{
	struct nwb_p9_file *f = open_or_fail(d, "cancelled");
	struct nwb_p9_file *g = open_or_fail(d, "other");
	struct dw *dw = calloc(DEPTH, sizeof(*dw)), other;
	uint8_t *data = make_data(DEPTH * 4096);
	struct fsyncer s = {.f = f};
	struct nwb_task *task;
	struct nwb_p9_stats st;
	uint32_t epoch = 0, i, nr;

	nwb_check_eq(nwb_server_kill(d->srv, SIGSTOP, true, NULL), 0);
	for (i = 0; i < DEPTH; i++)
		nwb_check_eq(
			dw_start(d, &dw[i], f, i * 4096, data + i * 4096, 4096),
			0);
	nwb_check_eq(dw_start(d, &other, g, 0, data, 4096), 0);
	nwb_check_eq(nwb_task_spawn(d->ex, "fsync", fsync_task, &s, &task), 0);
	for (nr = 0; nr < DEPTH + 1;) { /* the fsync, too, when it is sent */
		nr += nwb_p9_cancel(f);
		nwb_sleep_until(d->ex, nwb_now_ns(d->ex) + NWB_MSEC);
	}
	do {
		nwb_sleep_until(d->ex, nwb_now_ns(d->ex) + NWB_MSEC);
		nwb_p9_get_stats(d->c, &st);
	} while (!st.nr_flushes);
	nwb_check_eq(nwb_server_kill(d->srv, SIGCONT, true, NULL), 0);
	wait_all(d);
	nwb_task_join(task);
	for (i = 0; i < DEPTH; i++) {
		nwb_check_eq(dw[i].dones, 1);
		nwb_check(dw[i].w.result == 4096 ||
			  (!d->is_ganesha && dw[i].w.result == -ECANCELED));
	}
	nwb_check(!s.rc || (!d->is_ganesha && s.rc == -ECANCELED));
	nwb_check_eq(other.w.result, 4096);
	nwb_check_eq(nwb_p9_epoch(d->c), 1);
	for (i = 0; i < DEPTH; i++) {
		if (dw[i].w.result == 4096)
			continue;
		nwb_check_eq(
			dw_start(d, &dw[i], f, i * 4096, data + i * 4096, 4096),
			0);
		wait_all(d);
		nwb_check_eq(dw[i].w.result, 4096);
	}
	nwb_check_eq(nwb_p9_fsync(f, &epoch), 0);
	check_export(d, "cancelled", DEPTH * 4096);
	check_export(d, "other", 4096);
	nwb_check_eq(nwb_p9_close(g), 0);
	nwb_check_eq(nwb_p9_close(f), 0);
	free(dw);
	free(data);
}

static void cancelled_by_the_caller(const char *server)
{
	struct d d = {.body = body_cancelled};

	on_server(server, &d, true);
}

BOTH(cancelled_by_the_caller)
