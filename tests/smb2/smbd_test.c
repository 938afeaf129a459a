/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SMB2 client against the real smbd, and what is in its export afterwards:
 * guest, user, signed, signing mandatory, few credits and many; connections
 * that die, sessions that are taken away, shares that are closed.
 */
#include "client.h"
#include "nwb/auth.h"
#include "nwb/mem.h"
#include "nwb/server.h"
#include "nwb/smb2.h"
#include "nwb/smb2_pdu.h"
#include "nwb/wait.h"
#include "nwb_test_exec.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH	   8u
#define FILE_BYTES (8u << 20)

/**
 * struct rig - one smbd, and for each executor one client on it.
 * @as_user, @sign: log in with name and password; sign
 */
struct rig {
	struct nwb_dialer dialer;
	struct nwb_server *srv;
	struct nwb_server_opts srv_opts;
	struct nwb_server_info info;
	bool as_user, sign;
	void (*body)(struct rig *r);
	struct nwb_exec *ex;
	struct nwb_smb2 *c;
	struct nwb_mutex lock;
	struct nwb_waitq q;
	unsigned int running;
};

struct job {
	struct nwb_smb2_write wr;
	struct rig *r;
	struct iovec iov[256];
	bool is_free;
	int64_t result;
	uint32_t status;
};

static uint8_t pattern(uint64_t pos)
{
	return (uint8_t)(pos * 11 + (pos >> 8) * 5 + (pos >> 16));
}

static int dial(struct nwb_dialer *dialer, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct rig *r = nwb_container_of(dialer, struct rig, dialer);
	int fd, rc;

	rc = nwb_server_dial(r->srv, &fd, err);
	return rc ? rc : nwb_sock_from_fd(ex, fd, ret_sock);
}

/* A new client as the rig says. */
static struct nwb_smb2 *client(struct rig *r)
{
	struct nwb_smb2_opts opts = {
		.dialer = &r->dialer,
		.auth = nwb_auth_gssapi(),
		.server_name = "faultsrv",
		.share = r->info.share,
		.user = r->as_user ? r->info.user : "",
		.password = r->as_user ? r->info.password : "",
		.sign = r->sign,
		.timeout_ns = 20 * NWB_SEC,
	};
	struct nwb_smb2 *c = NULL;

	nwb_check_eq(nwb_smb2_new(r->ex, &opts, &c, NULL), 0);
	return c;
}

static void run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct rig *r = te->arg;

	r->ex = te->ex;
	r->running = 0;
	nwb_mutex_init(&r->lock, r->ex, "test");
	nwb_waitq_init(&r->q, r->ex, "test");
	r->c = client(r);
	r->body(r);
	nwb_smb2_free(r->c);
}

static void on_smbd(struct rig *r, bool both)
{
	struct nwb_err err = {0};
	char version[64];

	if (nwb_server_probe("smbd", version, sizeof(version), &err))
		nwb_test_skip("smbd is not installed");
	r->dialer.dial = dial;
	r->srv_opts.name = "smbd";
	r->srv_opts.ctl_fd = -1;
	r->srv_opts.ledger_fd = -1;
	if (nwb_server_start(&r->srv_opts, &r->srv, &err))
		nwb_check_streq(err.text, "");
	nwb_server_info(r->srv, &r->info);
	nwb_test_on_real(true, run, r);
	if (both)
		nwb_test_on_real(false, run, r);
	nwb_server_free(r->srv);
}

/* --- writing -------------------------------------------------------------- */

static void job_done(struct nwb_smb2_write *wr)
{
	struct job *j = nwb_container_of(wr, struct job, wr);

	nwb_mutex_lock(&j->r->lock);
	j->is_free = true;
	j->result = wr->result;
	j->status = wr->status;
	j->r->running--;
	nwb_waitq_wake_all(&j->r->q);
	nwb_mutex_unlock(&j->r->lock);
}

static struct job *free_job(struct rig *r, struct job *jobs)
{
	struct job *j = NULL;

	nwb_mutex_lock(&r->lock);
	while (!j) {
		for (unsigned int i = 0; i < DEPTH && !j; i++)
			if (jobs[i].is_free)
				j = &jobs[i];
		if (!j)
			(void)nwb_waitq_wait(&r->q, &r->lock, NWB_NEVER);
	}
	j->is_free = false;
	r->running++;
	nwb_mutex_unlock(&r->lock);
	return j;
}

/* In pieces of 4 KiB, as folios would be. */
static void job_fill(struct job *j, struct nwb_smb2_file *f, uint8_t *data,
		     uint64_t offset, size_t len)
{
	unsigned int n = 0;

	for (size_t at = 0; at < len; at += 4096) {
		j->iov[n].iov_base = data + offset + at;
		j->iov[n++].iov_len = nwb_min(len - at, (size_t)4096);
	}
	memset(&j->wr, 0, sizeof(j->wr));
	j->wr.file = f;
	j->wr.offset = offset;
	j->wr.iov = j->iov;
	j->wr.nr_iov = n;
	j->wr.len = (uint32_t)len;
	j->wr.done = job_done;
}

/* All of @data, in writes as large as credits allow, eight at a time. */
static void write_file(struct rig *r, struct nwb_smb2_file *f, uint8_t *data,
		       uint64_t size)
{
	struct job *jobs = calloc(DEPTH, sizeof(*jobs));
	uint64_t offset = 0;

	for (unsigned int i = 0; i < DEPTH; i++) {
		jobs[i].r = r;
		jobs[i].is_free = true;
	}
	while (offset < size) {
		struct job *j = free_job(r, jobs);
		struct nwb_smb2_credits cr;
		size_t len = 0;

		nwb_check_eq(nwb_smb2_wait_mtu_credits(
				     r->c, nwb_min(size - offset, NWB_MIB),
				     NWB_NEVER, &len, &cr),
			     0);
		job_fill(j, f, data, offset, len);
		j->wr.credits = cr;
		nwb_check_eq(nwb_smb2_write_async(&j->wr), 0);
		offset += len;
	}
	nwb_mutex_lock(&r->lock);
	nwb_wait_event(&r->q, &r->lock, r->running == 0);
	nwb_mutex_unlock(&r->lock);
	for (unsigned int i = 0; i < DEPTH; i++) {
		nwb_check(jobs[i].result >= 0);
		nwb_check(jobs[i].status == 0);
	}
	free(jobs);
}

/* One small write, and what became of it. */
static int64_t write_one(struct rig *r, struct nwb_smb2_file *f, uint8_t *data,
			 size_t len, uint32_t *ret_status)
{
	struct job *j = calloc(1, sizeof(*j));
	int64_t rc;

	j->r = r;
	job_fill(j, f, data, 0, len);
	r->running = 1;
	rc = nwb_smb2_write_async(&j->wr);
	if (!rc) {
		nwb_mutex_lock(&r->lock);
		nwb_wait_event(&r->q, &r->lock, r->running == 0);
		nwb_mutex_unlock(&r->lock);
		rc = j->result;
		*ret_status = j->status;
	}
	free(j);
	return rc;
}

static uint8_t *make_data(uint64_t size)
{
	uint8_t *data = malloc(size);

	for (uint64_t i = 0; i < size; i++)
		data[i] = pattern(i);
	return data;
}

static void check_export(struct rig *r, const char *name, uint64_t size)
{
	uint8_t *buf = malloc(size + 1);
	uint64_t bad = 0;
	int fd = -1;

	nwb_check_eq(nwb_server_open(r->srv, name, O_RDONLY, &fd, NULL), 0);
	nwb_check_eq(pread(fd, buf, size + 1, 0), (ssize_t)size);
	for (uint64_t i = 0; i < size; i++)
		bad += buf[i] != pattern(i);
	nwb_check_eq(bad, 0);
	close(fd);
	free(buf);
}

static struct nwb_smb2_file *open_or_fail(struct nwb_smb2 *c, const char *name,
					  unsigned int flags)
{
	struct nwb_smb2_file *f = NULL;
	struct nwb_err err = {0};

	if (nwb_smb2_open(c, name, flags, &f, &err))
		nwb_check_streq(err.text, "");
	return f;
}

static void body_all(struct rig *r)
{
	struct nwb_smb2_file *f =
		open_or_fail(r->c, "f", NWB_O_CREATE | NWB_O_TRUNC);
	uint8_t *data = make_data(FILE_BYTES), *back = malloc(FILE_BYTES + 1);
	struct nwb_smb2_stats st;
	uint32_t epoch = 0, status = 1;
	uint64_t eof = 0, allocations = nwb_mem_count();

	write_file(r, f, data, FILE_BYTES);
	nwb_check_eq(nwb_smb2_flush(f, &epoch, &status), 0);
	nwb_check_eq(nwb_mem_count(), allocations);
	nwb_check_eq(epoch, 1);
	nwb_check_eq(nwb_smb2_query_eof(f, &eof, NULL), 0);
	nwb_check_eq(eof, FILE_BYTES);
	check_export(r, "f", FILE_BYTES);
	nwb_check_eq(nwb_smb2_read(f, 3, back, FILE_BYTES, NULL),
		     FILE_BYTES - 3);
	nwb_check(memcmp(back, data + 3, FILE_BYTES - 3) == 0);
	nwb_check_eq(nwb_smb2_set_eof(f, 1234, NULL), 0);
	check_export(r, "f", 1234);
	nwb_check_eq(nwb_smb2_echo(r->c, NULL), 0);
	nwb_smb2_get_stats(r->c, &st);
	nwb_check_eq(st.dialect, NWB_SMB2_DIALECT_0311);
	nwb_check_eq(st.is_guest, !r->as_user);
	nwb_check_eq(st.is_signed,
		     r->as_user &&
			     (r->sign || r->srv_opts.security.signing ==
						 NWB_SERVER_SIGNING_MANDATORY));
	nwb_check_streq(st.signing_alg, st.is_signed ? "AES-GMAC" : "none");
	nwb_check_eq(st.bytes_written, FILE_BYTES);
	nwb_check_eq(st.in_flight, 0);
	nwb_check(st.credits_min >= 0);
	if (r->srv_opts.max_credits)
		nwb_check_eq(st.credits, r->srv_opts.max_credits);
	nwb_check_eq(nwb_smb2_close(f), 0);
	free(data);
	free(back);
}

static void with_credits(unsigned int max_credits)
{
	struct rig guest = {.body = body_all};
	struct rig user = {.body = body_all, .as_user = true, .sign = true};

	guest.srv_opts.max_credits = max_credits;
	user.srv_opts.max_credits = max_credits;
	on_smbd(&guest, true);
	on_smbd(&user, false);
}

NWB_TEST(smbd, all_operations)
{
	with_credits(0);
}

NWB_TEST(smbd, one_credit)
{
	with_credits(1);
}

NWB_TEST(smbd, eight_credits)
{
	with_credits(8);
}

NWB_TEST(smbd, as_many_credits_as_the_largest_write)
{
	with_credits(128);
}

NWB_TEST(smbd, user_unsigned)
{
	struct rig r = {.body = body_all, .as_user = true};

	on_smbd(&r, false);
}

NWB_TEST(smbd, signing_mandatory)
{
	struct rig user = {.body = body_all, .as_user = true};
	struct rig guest = {.body = body_all};

	user.srv_opts.security.signing = NWB_SERVER_SIGNING_MANDATORY;
	guest.srv_opts.security.signing = NWB_SERVER_SIGNING_MANDATORY;
	on_smbd(&user, false);
	on_smbd(&guest, false);
}

/* --- what goes wrong ------------------------------------------------------ */

static void body_wrong_password(struct rig *r)
{
	struct nwb_smb2_opts opts = {
		.dialer = &r->dialer,
		.auth = nwb_auth_gssapi(),
		.server_name = "faultsrv",
		.share = r->info.share,
		.user = r->info.user,
		.password = "wrong",
	};
	struct nwb_smb2 *c = NULL;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_smb2_new(r->ex, &opts, &c, NULL), 0);
	nwb_check_eq(nwb_smb2_connect(c, &err), -EACCES);
	nwb_check_streq(err.text, "session setup: STATUS_LOGON_FAILURE");
	nwb_smb2_free(c);
	opts.password = r->info.password;
	opts.share = "nowhere";
	nwb_check_eq(nwb_smb2_new(r->ex, &opts, &c, NULL), 0);
	nwb_check_eq(nwb_smb2_connect(c, &err), -ENOENT);
	nwb_check_streq(err.text, "tree connect: STATUS_BAD_NETWORK_NAME");
	nwb_smb2_free(c);
}

NWB_TEST(smbd, refusals_are_told)
{
	struct rig r = {.body = body_wrong_password};

	on_smbd(&r, false);
}

static void body_open_flags(struct rig *r)
{
	struct nwb_smb2_file *f = NULL;
	uint64_t eof = 1;

	nwb_check_eq(nwb_smb2_open(r->c, "o", 0, &f, NULL), -ENOENT);
	f = open_or_fail(r->c, "o", NWB_O_CREATE | NWB_O_EXCL);
	nwb_check_eq(nwb_smb2_set_eof(f, 99, NULL), 0);
	nwb_check_eq(nwb_smb2_close(f), 0);
	nwb_check_eq(
		nwb_smb2_open(r->c, "o", NWB_O_CREATE | NWB_O_EXCL, &f, NULL),
		-EEXIST);
	f = open_or_fail(r->c, "o", NWB_O_CREATE);
	nwb_check_eq(nwb_smb2_query_eof(f, &eof, NULL), 0);
	nwb_check_eq(eof, 99);
	nwb_check_eq(nwb_smb2_close(f), 0);
	f = open_or_fail(r->c, "o", NWB_O_TRUNC);
	nwb_check_eq(nwb_smb2_query_eof(f, &eof, NULL), 0);
	nwb_check_eq(eof, 0);
	nwb_check_eq(nwb_smb2_close(f), 0);
}

NWB_TEST(smbd, open_flags)
{
	struct rig r = {.body = body_open_flags};

	on_smbd(&r, false);
}

static int ready_again(struct nwb_smb2_file *f, uint32_t *ret_epoch)
{
	int rc = -ECONNREFUSED;

	for (unsigned int i = 0; i < 200 && rc; i++) {
		rc = nwb_smb2_file_ready(f, ret_epoch, NULL);
		if (rc)
			usleep(20000);
	}
	return rc;
}

/* The server is killed and started again; everything goes on by name. */
static void body_restart(struct rig *r)
{
	struct nwb_smb2_file *f =
		open_or_fail(r->c, "r", NWB_O_CREATE | NWB_O_TRUNC);
	uint8_t *data = make_data(FILE_BYTES);
	struct nwb_err err = {0};
	uint32_t epoch = 0, status = 0;

	write_file(r, f, data, FILE_BYTES / 2);
	if (nwb_server_kill(r->srv, SIGKILL, true, &err) ||
	    nwb_server_restart(r->srv, &err))
		nwb_check_streq(err.text, "");
	nwb_check_eq(ready_again(f, &epoch), 0);
	nwb_check_eq(epoch, 2);
	nwb_check_eq(write_one(r, f, data, 65536, &status), 65536);
	write_file(r, f, data, FILE_BYTES);
	nwb_check_eq(nwb_smb2_flush(f, &epoch, NULL), 0);
	check_export(r, "r", FILE_BYTES);
	nwb_check_eq(nwb_smb2_close(f), 0);
	free(data);
}

NWB_TEST(smbd, restart)
{
	struct rig r = {.body = body_restart, .as_user = true, .sign = true};

	on_smbd(&r, false);
}

/* A drop on our side: the next session names the old one. */
static void body_drop(struct rig *r)
{
	struct nwb_smb2_file *f =
		open_or_fail(r->c, "d", NWB_O_CREATE | NWB_O_TRUNC);
	uint8_t *data = make_data(FILE_BYTES);
	uint32_t epoch = 0, status = 0;

	for (unsigned int i = 1; i <= 5; i++) {
		nwb_check_eq(write_one(r, f, data, 65536, &status), 65536);
		nwb_smb2_disconnect(r->c);
		nwb_check_eq(nwb_smb2_file_ready(f, &epoch, NULL), 0);
		nwb_check_eq(epoch, i + 1);
	}
	write_file(r, f, data, FILE_BYTES);
	check_export(r, "d", FILE_BYTES);
	nwb_check_eq(nwb_smb2_close(f), 0);
	free(data);
}

NWB_TEST(smbd, drops)
{
	struct rig guest = {.body = body_drop};
	struct rig user = {.body = body_drop, .as_user = true, .sign = true};

	on_smbd(&guest, true);
	on_smbd(&user, true);
}

/* Somebody else logs in as the successor of our session: ours is deleted, the
 * stream stays. For the request's owner that is a lost connection. */
static void body_session_deleted(struct rig *r)
{
	struct nwb_smb2_file *f =
		open_or_fail(r->c, "t", NWB_O_CREATE | NWB_O_TRUNC);
	struct nwb_smb2 *thief = client(r);
	uint8_t *data = make_data(65536);
	uint32_t epoch = 0, status = 0;

	nwb_check_eq(write_one(r, f, data, 65536, &status), 65536);
	thief->session_id = r->c->session_id;
	nwb_check_eq(nwb_smb2_connect(thief, NULL), 0);
	nwb_check_eq(nwb_smb2_epoch(r->c), 1);
	nwb_check_eq(write_one(r, f, data, 65536, &status), -ECONNABORTED);
	nwb_check_eq(nwb_smb2_epoch(r->c), 0);
	nwb_check_eq(nwb_smb2_file_ready(f, &epoch, NULL), 0);
	nwb_check_eq(epoch, 2);
	nwb_check_eq(write_one(r, f, data, 65536, &status), 65536);
	check_export(r, "t", 65536);
	nwb_check_eq(nwb_smb2_close(f), 0);
	nwb_smb2_free(thief);
	free(data);
}

NWB_TEST(smbd, session_deleted)
{
	struct rig user = {.body = body_session_deleted, .as_user = true};
	struct rig sign = {
		.body = body_session_deleted, .as_user = true, .sign = true};

	on_smbd(&user, false);
	on_smbd(&sign, false);
}
