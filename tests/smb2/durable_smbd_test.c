/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Durable handles, leases and oplocks on the real smbd: what is granted, what
 * is reclaimed after a reset and what is not after the server forgot it, and
 * breaks that come when a second client wants the file.
 */
#include "nwb/auth.h"
#include "nwb/server.h"
#include "nwb/smb2.h"
#include "nwb/wait.h"
#include "nwb_test_exec.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct rig {
	struct nwb_dialer dialer;
	struct nwb_server *srv;
	struct nwb_server_info info;
	struct nwb_exec *ex;
	enum nwb_smb2_durable durable;
	uint32_t caching;
	bool sign;
	void (*body)(struct rig *r);
	/* breaks */
	struct nwb_mutex lock;
	struct nwb_waitq q;
	unsigned int nr_breaks;
	uint32_t left;
	bool may_go;
};

static int dial(struct nwb_dialer *dialer, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct rig *r = nwb_container_of(dialer, struct rig, dialer);
	int fd, rc;

	rc = nwb_server_dial(r->srv, &fd, err);
	return rc ? rc : nwb_sock_from_fd(ex, fd, ret_sock);
}

static struct nwb_smb2 *client(struct rig *r, enum nwb_smb2_durable durable,
			       uint32_t caching)
{
	struct nwb_smb2_opts opts = {
		.dialer = &r->dialer,
		.auth = nwb_auth_gssapi(),
		.server_name = "faultsrv",
		.share = r->info.share,
		.user = r->sign ? r->info.user : "",
		.password = r->sign ? r->info.password : "",
		.sign = r->sign,
		.timeout_ns = 20 * NWB_SEC,
		.durable = durable,
		.caching = caching,
	};
	struct nwb_smb2 *c = NULL;

	nwb_check_eq(nwb_smb2_new(r->ex, &opts, &c, NULL), 0);
	return c;
}

static struct nwb_smb2_stats stats_of(struct nwb_smb2 *c)
{
	struct nwb_smb2_stats st;

	nwb_smb2_get_stats(c, &st);
	return st;
}

static void run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct rig *r = te->arg;

	r->ex = te->ex;
	nwb_mutex_init(&r->lock, r->ex, "test");
	nwb_waitq_init(&r->q, r->ex, "test");
	r->body(r);
}

static void on_smbd(struct rig *r)
{
	struct nwb_server_opts o = {
		.name = "smbd", .ctl_fd = -1, .ledger_fd = -1};
	struct nwb_err err = {0};
	char version[64];

	if (nwb_server_probe("smbd", version, sizeof(version), &err))
		nwb_test_skip("smbd is not installed");
	r->dialer.dial = dial;
	if (nwb_server_start(&o, &r->srv, &err))
		nwb_check_streq(err.text, "");
	nwb_server_info(r->srv, &r->info);
	nwb_test_on_real(true, run, r);
	nwb_server_free(r->srv);
}

/* --- reclaims ------------------------------------------------------------- */

#define NR_RESETS 10u

static void resets_body(struct rig *r)
{
	struct nwb_smb2 *c = client(r, r->durable, r->caching);
	struct nwb_smb2_file *f;
	struct nwb_err err = {0};
	uint32_t instance = 0, status;

	if (nwb_smb2_open(c, "f", NWB_O_CREATE, &f, &err))
		nwb_check_streq(err.text, "");
	nwb_check(nwb_smb2_file_is_durable(f));
	nwb_check_eq(nwb_smb2_file_caching(f), NWB_SMB2_CACHE_RWH);
	for (unsigned int i = 1; i <= NR_RESETS; i++) {
		nwb_smb2_disconnect(c);
		if (nwb_smb2_file_ready(f, &instance, &err))
			nwb_check_streq(err.text, "");
		nwb_check_eq(instance, 1);
		nwb_check_eq(stats_of(c).nr_reclaims, i);
		nwb_check_eq(nwb_smb2_file_caching(f), NWB_SMB2_CACHE_RWH);
		nwb_check_eq(nwb_smb2_set_eof(f, i * 1000, &status), 0);
		nwb_check_eq(nwb_smb2_flush(f, &instance, NULL), 0);
		nwb_check_eq(instance, 1);
	}
	nwb_check_eq(stats_of(c).nr_opens, 1);
	/* the server forgets: another open, another instance */
	nwb_check_eq(nwb_server_kill(r->srv, SIGKILL, true, NULL), 0);
	nwb_check_eq(nwb_server_restart(r->srv, NULL), 0);
	for (unsigned int i = 0; i < 100; i++) {
		if (!nwb_smb2_file_ready(f, &instance, &err))
			break;
		nwb_sleep_until(r->ex, nwb_now_ns(r->ex) + 20 * NWB_MSEC);
	}
	nwb_check(instance > NR_RESETS);
	nwb_check_eq(stats_of(c).nr_reclaims, NR_RESETS);
	nwb_check_eq(stats_of(c).nr_reclaims_refused, 1);
	nwb_check_eq(stats_of(c).nr_opens, 2);
	nwb_check(nwb_smb2_file_is_durable(f));
	nwb_check_eq(nwb_smb2_close(f), 0);
	nwb_smb2_free(c);
}

NWB_TEST(smb2_durable_smbd, v1_is_reclaimed_until_the_server_forgets)
{
	struct rig r = {.durable = NWB_SMB2_DURABLE_V1, .body = resets_body};

	on_smbd(&r);
}

NWB_TEST(smb2_durable_smbd, v2_signed_is_reclaimed_until_the_server_forgets)
{
	struct rig r = {.durable = NWB_SMB2_DURABLE_V2,
			.sign = true,
			.body = resets_body};

	on_smbd(&r);
}

/* Somebody else had the file meanwhile: the handle is not given back. */
static void stolen_body(struct rig *r)
{
	struct nwb_smb2 *c = client(r, r->durable, 0), *thief;
	struct nwb_smb2_file *f, *g;
	uint32_t instance = 0;

	nwb_check_eq(nwb_smb2_open(c, "f", NWB_O_CREATE, &f, NULL), 0);
	nwb_smb2_disconnect(c);
	thief = client(r, NWB_SMB2_DURABLE_OFF, 0);
	nwb_check_eq(nwb_smb2_open(thief, "f", 0, &g, NULL), 0);
	nwb_check_eq(nwb_smb2_set_eof(g, 77, NULL), 0);
	nwb_check_eq(nwb_smb2_file_ready(f, &instance, NULL), 0);
	nwb_check_eq(instance, 2);
	nwb_check_eq(stats_of(c).nr_reclaims, 0);
	nwb_check_eq(stats_of(c).nr_reclaims_refused, 1);
	nwb_check_eq(nwb_smb2_close(g), 0);
	nwb_check_eq(nwb_smb2_close(f), 0);
	nwb_smb2_free(thief);
	nwb_smb2_free(c);
}

NWB_TEST(smb2_durable_smbd, stolen_handles_are_opened_anew)
{
	struct rig r = {.durable = NWB_SMB2_DURABLE_V2, .body = stolen_body};

	on_smbd(&r);
}

/*
 * The file was written below the server meanwhile, as a pwrite does that was
 * under way when the connection went: smbd compares times and denies. The
 * plain open that follows must not wait for the oplock of the handle that was
 * denied (35 s).
 */
static void changed_body(struct rig *r)
{
	struct nwb_smb2 *c = client(r, r->durable, 0);
	struct nwb_smb2_file *f;
	uint32_t instance = 0;
	uint64_t begin;
	int fd = -1, rc;

	nwb_check_eq(nwb_smb2_open(c, "f", NWB_O_CREATE, &f, NULL), 0);
	nwb_smb2_disconnect(c);
	nwb_sleep_until(r->ex, nwb_now_ns(r->ex) + 50 * NWB_MSEC);
	nwb_check_eq(nwb_server_open(r->srv, "f", O_WRONLY, &fd, NULL), 0);
	nwb_check_eq(pwrite(fd, "x", 1, 0), 1);
	close(fd);
	begin = nwb_now_ns(r->ex);
	do
		rc = nwb_smb2_file_ready(f, &instance, NULL);
	while (rc == -ECONNABORTED);
	nwb_check_eq(rc, 0);
	nwb_check(instance > 1);
	nwb_check_eq(stats_of(c).nr_reclaims_refused, 1);
	nwb_check_eq(stats_of(c).nr_opens, 2);
	nwb_check(nwb_now_ns(r->ex) - begin < 5 * NWB_SEC);
	nwb_check(nwb_smb2_file_is_durable(f));
	nwb_check_eq(nwb_smb2_close(f), 0);
	nwb_smb2_free(c);
}

NWB_TEST(smb2_durable_smbd, v1_of_changed_files_are_opened_anew)
{
	struct rig r = {.durable = NWB_SMB2_DURABLE_V1, .body = changed_body};

	on_smbd(&r);
}

NWB_TEST(smb2_durable_smbd, v2_of_changed_files_are_opened_anew)
{
	struct rig r = {.durable = NWB_SMB2_DURABLE_V2, .body = changed_body};

	on_smbd(&r);
}

/* --- breaks --------------------------------------------------------------- */

static void on_break(void *arg, uint32_t caching)
{
	struct rig *r = arg;

	nwb_mutex_lock(&r->lock);
	r->nr_breaks++;
	r->left = caching;
	nwb_waitq_wake_all(&r->q);
	nwb_wait_event(&r->q, &r->lock, r->may_go);
	nwb_mutex_unlock(&r->lock);
}

struct second {
	struct rig *r;
	struct nwb_smb2 *c;
	struct nwb_smb2_file *f;
	int rc;
	bool is_open;
};

static void second_opener(void *arg)
{
	struct second *s = arg;
	int rc = nwb_smb2_open(s->c, "f", 0, &s->f, NULL);

	nwb_mutex_lock(&s->r->lock);
	s->rc = rc;
	s->is_open = true;
	nwb_waitq_wake_all(&s->r->q);
	nwb_mutex_unlock(&s->r->lock);
}

/* The second client is let in when the first has acknowledged, not before. */
static void break_body(struct rig *r)
{
	struct nwb_smb2 *c = client(r, r->durable, r->caching);
	struct second s = {.r = r,
			   .c = client(r, NWB_SMB2_DURABLE_OFF, r->caching)};
	struct nwb_smb2_file *f;
	struct nwb_task *t;
	uint64_t begin;

	nwb_check_eq(nwb_smb2_connect(s.c, NULL), 0);
	nwb_check_eq(nwb_smb2_open(c, "f", NWB_O_CREATE, &f, NULL), 0);
	nwb_check(nwb_smb2_file_caching(f) & NWB_SMB2_CACHE_WRITE);
	nwb_smb2_file_on_break(f, on_break, r);
	nwb_check_eq(nwb_task_spawn(r->ex, "second", second_opener, &s, &t), 0);
	nwb_mutex_lock(&r->lock);
	nwb_wait_event(&r->q, &r->lock, r->nr_breaks == 1);
	nwb_check(!(r->left & NWB_SMB2_CACHE_WRITE));
	/* it has the time to come in, if it were let */
	(void)nwb_waitq_wait(&r->q, &r->lock,
			     nwb_now_ns(r->ex) + 200 * NWB_MSEC);
	nwb_check(!s.is_open);
	nwb_check_eq(nwb_smb2_file_caching(f), r->left);
	r->may_go = true;
	begin = nwb_now_ns(r->ex);
	nwb_waitq_wake_all(&r->q);
	nwb_wait_event(&r->q, &r->lock, s.is_open);
	nwb_mutex_unlock(&r->lock);
	nwb_task_join(t);
	nwb_check_eq(s.rc, 0);
	/* without the acknowledgement it would have been 35 s */
	nwb_check(nwb_now_ns(r->ex) - begin < 20 * NWB_SEC);
	nwb_check_eq(stats_of(c).nr_breaks, 1);
	nwb_smb2_file_on_break(f, NULL, NULL);
	nwb_check_eq(nwb_smb2_close(s.f), 0);
	nwb_check_eq(nwb_smb2_close(f), 0);
	nwb_smb2_free(s.c);
	nwb_smb2_free(c);
}

NWB_TEST(smb2_durable_smbd, lease_breaks_are_acknowledged)
{
	struct rig r = {.caching = NWB_SMB2_CACHE_RWH, .body = break_body};

	on_smbd(&r);
}

NWB_TEST(smb2_durable_smbd, batch_oplock_breaks_are_acknowledged_signed)
{
	struct rig r = {.durable = NWB_SMB2_DURABLE_V1,
			.sign = true,
			.body = break_body};

	on_smbd(&r);
}

/* With nobody to ask, the client acknowledges by itself. */
static void alone_body(struct rig *r)
{
	struct nwb_smb2 *c = client(r, r->durable, r->caching), *d;
	struct nwb_smb2_file *f, *g;
	uint64_t begin;

	d = client(r, NWB_SMB2_DURABLE_OFF, 0);
	nwb_check_eq(nwb_smb2_open(c, "f", NWB_O_CREATE, &f, NULL), 0);
	begin = nwb_now_ns(r->ex);
	nwb_check_eq(nwb_smb2_open(d, "f", NWB_O_TRUNC, &g, NULL), 0);
	nwb_check(nwb_now_ns(r->ex) - begin < 20 * NWB_SEC);
	nwb_check(stats_of(c).nr_breaks >= 1);
	nwb_check(!(nwb_smb2_file_caching(f) & NWB_SMB2_CACHE_WRITE));
	nwb_check_eq(nwb_smb2_close(g), 0);
	nwb_check_eq(nwb_smb2_close(f), 0);
	nwb_smb2_free(d);
	nwb_smb2_free(c);
}

NWB_TEST(smb2_durable_smbd, breaks_nobody_waits_for_are_acknowledged)
{
	struct rig r = {.durable = NWB_SMB2_DURABLE_V2, .body = alone_body};

	on_smbd(&r);
}
