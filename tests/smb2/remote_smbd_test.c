/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compounds, FSCTLs and CANCEL on the real smbd, plain, signed and encrypted;
 * the export is looked at afterwards.
 */
#include "nwb/auth.h"
#include "nwb/server.h"
#include "nwb/smb2.h"
#include "nwb/smb2_pdu.h"
#include "nwb/wait.h"
#include "nwb_test_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB 1048576u

struct rig {
	struct nwb_dialer dialer;
	struct nwb_server *srv;
	struct nwb_server_info info;
	struct nwb_exec *ex;
	bool sign, encrypt, dos_attributes;
	unsigned int max_credits;
	void (*body)(struct rig *r);
	struct nwb_mutex lock;
	struct nwb_waitq q;
	bool may_go, is_breaking;
};

static uint8_t data[4 * MIB], got[4 * MIB];

static int dial(struct nwb_dialer *dialer, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct rig *r = nwb_container_of(dialer, struct rig, dialer);
	int fd, rc;

	rc = nwb_server_dial(r->srv, &fd, err);
	return rc ? rc : nwb_sock_from_fd(ex, fd, ret_sock);
}

static struct nwb_smb2 *client(struct rig *r, uint32_t caching)
{
	bool as_user = r->sign || r->encrypt;
	struct nwb_smb2_opts opts = {
		.dialer = &r->dialer,
		.auth = nwb_auth_gssapi(),
		.server_name = "faultsrv",
		.share = r->info.share,
		.user = as_user ? r->info.user : "",
		.password = as_user ? r->info.password : "",
		.sign = r->sign,
		.encryption = r->encrypt ? NWB_ENCRYPT_ON : NWB_ENCRYPT_AUTO,
		.timeout_ns = 20 * NWB_SEC,
		.caching = caching,
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
	nwb_mutex_init(&r->lock, r->ex, "test");
	nwb_waitq_init(&r->q, r->ex, "test");
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + (i >> 8) + (i >> 16) + 1);
	r->body(r);
}

static void on_smbd(struct rig *r)
{
	struct nwb_server_opts o = {.name = "smbd",
				    .ctl_fd = -1,
				    .ledger_fd = -1,
				    .dos_attributes = r->dos_attributes,
				    .max_credits = r->max_credits};
	struct nwb_err err = {0};
	char version[64];

	if (geteuid() != 0)
		nwb_test_skip("needs root to make namespaces");
	if (nwb_server_probe("smbd", version, sizeof(version), &err))
		nwb_test_skip("smbd is not installed");
	r->dialer.dial = dial;
	if (nwb_server_start(&o, &r->srv, &err))
		nwb_check_streq(err.text, "");
	nwb_server_info(r->srv, &r->info);
	nwb_test_on_real(true, run, r);
	nwb_server_free(r->srv);
}

static uint64_t put_below(struct rig *r, const char *name, size_t len)
{
	struct stat st;
	int fd = -1;

	nwb_check_eq(nwb_server_open(r->srv, name, O_RDWR | O_CREAT, &fd, NULL),
		     0);
	nwb_check_eq(pwrite(fd, data, len, 0), len);
	nwb_check_eq(fstat(fd, &st), 0);
	close(fd);
	return (uint64_t)st.st_blocks;
}

static uint64_t get_below(struct rig *r, const char *name, size_t len)
{
	struct stat st;
	int fd = -1;

	nwb_check_eq(nwb_server_open(r->srv, name, O_RDONLY, &fd, NULL), 0);
	nwb_check_eq(pread(fd, got, sizeof(got), 0), len);
	nwb_check_eq(fstat(fd, &st), 0);
	close(fd);
	return (uint64_t)st.st_blocks;
}

/* --- compounds ------------------------------------------------------------ */

static void compound_body(struct rig *r)
{
	struct nwb_smb2 *c = client(r, 0);
	struct nwb_smb2_file *f;
	struct nwb_smb2_stats a, b;
	uint64_t size = 0;
	uint32_t status = 0;

	put_below(r, "f", 12345);
	nwb_check_eq(nwb_smb2_stat(c, "f", &size, &status), 0);
	nwb_check_eq(size, 12345);
	nwb_check_eq(nwb_smb2_stat(c, "nobody", &size, &status), -ENOENT);
	nwb_check(status == NWB_STATUS_OBJECT_NAME_NOT_FOUND);
	nwb_check_eq(nwb_smb2_stat(c, "f", &size, &status), 0);
	nwb_smb2_get_stats(c, &a);
	nwb_check_eq(a.in_flight, 0);
	nwb_check_eq(nwb_smb2_open(c, "f", 0, &f, NULL), 0);
	size = 0;
	nwb_check_eq(nwb_smb2_query_close(f, &size), 0);
	nwb_check_eq(size, 12345);
	nwb_smb2_get_stats(c, &b);
	nwb_check_eq(b.nr_requests - a.nr_requests, 3);
	nwb_check_eq(b.nr_connects, 1);
	nwb_smb2_free(c);
}

NWB_TEST(smb2_remote_smbd, compounds)
{
	struct rig r = {.body = compound_body};

	on_smbd(&r);
}

NWB_TEST(smb2_remote_smbd, compounds_signed)
{
	struct rig r = {.sign = true, .body = compound_body};

	on_smbd(&r);
}

NWB_TEST(smb2_remote_smbd, compounds_encrypted)
{
	struct rig r = {.encrypt = true, .body = compound_body};

	on_smbd(&r);
}

static void poor_body(struct rig *r)
{
	struct nwb_smb2 *c = client(r, 0);
	struct nwb_smb2_file *f;
	uint64_t size = 0;

	put_below(r, "f", 777);
	nwb_check_eq(nwb_smb2_stat(c, "f", &size, NULL), -EOPNOTSUPP);
	nwb_check_eq(nwb_smb2_open(c, "f", 0, &f, NULL), 0);
	nwb_check_eq(nwb_smb2_query_close(f, &size), 0);
	nwb_check_eq(size, 777);
	nwb_smb2_free(c);
}

NWB_TEST(smb2_remote_smbd, with_one_credit_there_are_no_compounds)
{
	struct rig r = {.max_credits = 1, .body = poor_body};

	on_smbd(&r);
}

/* --- FSCTLs --------------------------------------------------------------- */

static void copy_body(struct rig *r)
{
	struct nwb_smb2 *c = client(r, 0);
	struct nwb_smb2_file *f, *g;
	uint64_t done = 0;
	uint32_t status;

	put_below(r, "f", 3 * MIB + 123);
	nwb_check_eq(nwb_smb2_open(c, "f", 0, &f, NULL), 0);
	nwb_check_eq(nwb_smb2_open(c, "g", NWB_O_CREATE, &g, NULL), 0);
	nwb_check_eq(
		nwb_smb2_copychunk(f, 23, g, 0, 3 * MIB + 100, &done, &status),
		0);
	nwb_check_eq(done, 3 * MIB + 100);
	nwb_check_eq(nwb_smb2_close(g), 0);
	get_below(r, "g", 3 * MIB + 100);
	nwb_check(!memcmp(got, data + 23, 3 * MIB + 100));
	/* beyond the source's end nothing is copied */
	nwb_check_eq(nwb_smb2_open(c, "g", 0, &g, NULL), 0);
	nwb_check(nwb_smb2_copychunk(f, 3 * MIB, g, 0, MIB, &done, &status) <
		  0);
	nwb_check_eq(done, 0);
	nwb_check(status != 0);
	nwb_check_eq(nwb_smb2_close(g), 0);
	nwb_check_eq(nwb_smb2_close(f), 0);
	get_below(r, "g", 3 * MIB + 100);
	nwb_check(!memcmp(got, data + 23, 3 * MIB + 100));
	nwb_smb2_free(c);
}

NWB_TEST(smb2_remote_smbd, copychunk)
{
	struct rig r = {.body = copy_body};

	on_smbd(&r);
}

NWB_TEST(smb2_remote_smbd, copychunk_signed)
{
	struct rig r = {.sign = true, .body = copy_body};

	on_smbd(&r);
}

static void zero_body(struct rig *r)
{
	struct nwb_smb2 *c = client(r, 0);
	struct nwb_smb2_file *f;
	uint64_t before, after;
	uint32_t status;

	before = put_below(r, "f", 2 * MIB);
	nwb_check_eq(nwb_smb2_open(c, "f", 0, &f, NULL), 0);
	nwb_check_eq(nwb_smb2_set_sparse(f, true, &status), 0);
	nwb_check_eq(nwb_smb2_set_sparse(f, false, &status), 0);
	nwb_check_eq(nwb_smb2_set_sparse(f, true, &status), 0);
	nwb_check_eq(nwb_smb2_zero_data(f, 4096, MIB + 7, &status), 0);
	nwb_check_eq(nwb_smb2_zero_data(f, 9, 8, &status), -EINVAL);
	nwb_check_eq(nwb_smb2_close(f), 0);
	after = get_below(r, "f", 2 * MIB);
	memset(data + 4096, 0, MIB + 7 - 4096);
	nwb_check(!memcmp(got, data, 2 * MIB));
	nwb_check(after < before); /* a hole */
	nwb_smb2_free(c);
}

NWB_TEST(smb2_remote_smbd, zeroes_of_a_sparse_file_are_a_hole)
{
	struct rig r = {.dos_attributes = true, .body = zero_body};

	on_smbd(&r);
}

static void unknown_body(struct rig *r)
{
	struct nwb_smb2 *c = client(r, 0);
	struct nwb_smb2_file *f;
	uint32_t status = 0;
	size_t n;

	nwb_check_eq(nwb_smb2_open(c, "f", NWB_O_CREATE, &f, NULL), 0);
	nwb_check(nwb_smb2_ioctl(f, 0x00090999, NULL, 0, NULL, 0, &n, &status) <
		  0);
	nwb_check(status != 0);
	nwb_check_eq(nwb_smb2_echo(c, NULL), 0);
	nwb_check_eq(nwb_smb2_close(f), 0);
	nwb_smb2_free(c);
}

NWB_TEST(smb2_remote_smbd, an_unknown_fsctl_is_refused)
{
	struct rig r = {.body = unknown_body};

	on_smbd(&r);
}

/* --- CANCEL --------------------------------------------------------------- */

static void on_break(void *arg, uint32_t caching)
{
	struct rig *r = arg;

	(void)caching;
	nwb_mutex_lock(&r->lock);
	r->is_breaking = true;
	nwb_waitq_wake_all(&r->q);
	nwb_wait_event(&r->q, &r->lock, r->may_go);
	nwb_mutex_unlock(&r->lock);
}

struct opener {
	struct rig *r;
	struct nwb_smb2 *c;
	struct nwb_err err;
	int rc;
	bool is_over;
};

static void open_it(void *arg)
{
	struct opener *o = arg;
	struct nwb_smb2_file *f = NULL;
	int rc = nwb_smb2_open(o->c, "f", 0, &f, &o->err);

	if (!rc)
		rc = nwb_smb2_close(f);
	nwb_mutex_lock(&o->r->lock);
	o->rc = rc;
	o->is_over = true;
	nwb_waitq_wake_all(&o->r->q);
	nwb_mutex_unlock(&o->r->lock);
}

/* A CREATE that waits for somebody's lease is given up when it is cancelled,
 * long before the break is acknowledged. */
static void cancel_body(struct rig *r)
{
	struct nwb_smb2 *c = client(r, NWB_SMB2_CACHE_RWH);
	struct opener o = {.r = r, .c = client(r, 0)};
	struct nwb_smb2_stats st;
	struct nwb_smb2_file *f;
	struct nwb_task *t;

	nwb_check_eq(nwb_smb2_connect(o.c, NULL), 0);
	nwb_check_eq(nwb_smb2_open(c, "f", NWB_O_CREATE, &f, NULL), 0);
	nwb_smb2_file_on_break(f, on_break, r);
	nwb_check_eq(nwb_task_spawn(r->ex, "opener", open_it, &o, &t), 0);
	nwb_mutex_lock(&r->lock);
	nwb_wait_event(&r->q, &r->lock, r->is_breaking);
	nwb_check(!o.is_over);
	nwb_mutex_unlock(&r->lock);
	do
		nwb_smb2_get_stats(o.c, &st);
	while (!st.nr_pending);
	nwb_check_eq(nwb_smb2_cancel(o.c, NWB_SMB2_CREATE), 1);
	nwb_mutex_lock(&r->lock);
	nwb_wait_event(&r->q, &r->lock, o.is_over);
	nwb_check(!r->may_go);
	r->may_go = true;
	nwb_waitq_wake_all(&r->q);
	nwb_mutex_unlock(&r->lock);
	nwb_task_join(t);
	nwb_check(o.rc < 0);
	nwb_check_streq(o.err.text, "create: STATUS_CANCELLED");
	nwb_check_eq(nwb_smb2_echo(o.c, NULL), 0);
	nwb_check_eq(nwb_smb2_close(f), 0);
	nwb_smb2_free(o.c);
	nwb_smb2_free(c);
}

NWB_TEST(smb2_remote_smbd, a_waiting_create_is_cancelled)
{
	struct rig r = {.body = cancel_body};

	on_smbd(&r);
}

NWB_TEST(smb2_remote_smbd, a_waiting_create_is_cancelled_signed)
{
	struct rig r = {.sign = true, .body = cancel_body};

	on_smbd(&r);
}
