/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two mounts of one real smbd: what the second sees of the first, and the other
 * way round, as the cache mode and its lease allow.
 */
#include "ns.h"
#include "nwb/auth.h"
#include "nwb/fs.h"
#include "nwb/server.h"
#include "nwb_test_exec.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define BYTES 200000u

struct rig {
	struct nwb_dialer dialer;
	struct nwb_server *srv;
	struct nwb_server_opts srv_opts;
	enum nwb_cache_mode mode;
	enum nwb_smb2_durable durable;
	bool sign, encrypt; /* as a user */
	void (*body)(struct rig *r);
	struct nwb_exec *ex;
	struct nwb_mount *a, *b;
};

static uint8_t one[BYTES], two[BYTES], got[BYTES];

static int dial(struct nwb_dialer *dialer, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct rig *r = nwb_container_of(dialer, struct rig, dialer);
	int fd, rc;

	rc = nwb_server_dial(r->srv, &fd, err);
	return rc ? rc : nwb_sock_from_fd(ex, fd, ret_sock);
}

static struct nwb_mount *mount_it(struct rig *r)
{
	struct nwb_server_info info;
	struct nwb_smb2_opts smb = {
		.dialer = &r->dialer,
		.auth = nwb_auth_gssapi(),
		.server_name = "faultsrv",
		.sign = r->sign,
		.encryption = r->encrypt ? NWB_ENCRYPT_ON : NWB_ENCRYPT_AUTO,
		.durable = r->durable,
	};
	struct nwb_netfs_opts o = {
		.cache_mode = r->mode,
		.cache_bytes = 32 * NWB_MIB,
		.dirty_age_ns = 60 * NWB_SEC, /* nothing goes by itself */
	};
	struct nwb_mount *mnt = NULL;
	struct nwb_err err = {0};

	nwb_server_info(r->srv, &info);
	smb.share = info.share;
	smb.user = r->sign || r->encrypt ? info.user : "";
	smb.password = info.password;
	if (nwb_mount_smb(r->ex, &smb, &o, NULL, &mnt, &err))
		nwb_check_streq(err.text, "");
	return mnt;
}

static struct nwb_netfs_stats stats_of(struct nwb_mount *mnt)
{
	struct nwb_netfs_stats st;

	nwb_netfs_get_stats(nwb_mount_netfs(mnt), &st);
	return st;
}

static void run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct rig *r = te->arg;

	r->ex = te->ex;
	memset(one, 0x11, sizeof(one));
	memset(two, 0x22, sizeof(two));
	r->a = mount_it(r);
	r->b = mount_it(r);
	r->body(r);
	nwb_mount_free(r->b);
	nwb_mount_free(r->a);
}

static void on_smbd(struct rig *r)
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
	nwb_test_on_real(true, run, r);
	nwb_server_free(r->srv);
}

static struct nwb_file *open_it(struct nwb_mount *mnt)
{
	struct nwb_file *f = NULL;
	struct nwb_err err = {0};

	if (nwb_mount_open(mnt, "f", NWB_O_CREATE, 1, &f, &err))
		nwb_check_streq(err.text, "");
	return f;
}

static bool sees(struct nwb_file *f, const uint8_t *want)
{
	memset(got, 0, sizeof(got));
	nwb_check_eq(nwb_file_read(f, got, BYTES, 0), BYTES);
	return !memcmp(got, want, BYTES);
}

/* Through the second mount. */
static void somebody_writes(struct rig *r)
{
	struct nwb_file *g = open_it(r->b);

	nwb_check_eq(nwb_file_write(g, two, BYTES, 0), BYTES);
	nwb_check_eq(nwb_mount_close(r->b, g), 0);
}

/* The server does not wait for a reader to give its lease up: soon. */
static bool soon_sees(struct rig *r, struct nwb_file *f, const uint8_t *want)
{
	for (unsigned int i = 0; i < 500; i++) {
		if (sees(f, want))
			return true;
		nwb_sleep_until(r->ex, nwb_now_ns(r->ex) + 10 * NWB_MSEC);
	}
	return false;
}

/* Alone it writes back; the second open breaks the lease, and only then does
 * the second mount see anything. Afterwards both go to the server. */
static void strict_body(struct rig *r)
{
	struct nwb_file *f = open_it(r->a), *g;

	nwb_check_eq(nwb_file_write(f, one, BYTES, 0), BYTES);
	nwb_check_eq(stats_of(r->a).wthrough, 0);
	nwb_check_eq(stats_of(r->a).dirty_bytes, BYTES);
	g = open_it(r->b);
	nwb_check(sees(g, one));
	nwb_check(stats_of(r->a).breaks >= 1);
	nwb_check_eq(stats_of(r->a).dirty_bytes, 0);
	/* no lease to write now: each sees the other */
	nwb_check_eq(nwb_file_write(g, two, BYTES, 0), BYTES);
	nwb_check(soon_sees(r, f, two));
	nwb_check_eq(nwb_file_write(f, one, BYTES, 0), BYTES);
	nwb_check(soon_sees(r, g, one));
	nwb_check(stats_of(r->a).wthrough >= 1);
	nwb_check(stats_of(r->b).wthrough >= 1);
	nwb_check_eq(nwb_file_fsync(f), 0);
	nwb_check_eq(nwb_file_fsync(g), 0);
	nwb_check_eq(nwb_mount_close(r->b, g), 0);
	nwb_check_eq(nwb_mount_close(r->a, f), 0);
}

NWB_TEST(fs_smbd_cache, strict_breaks_its_lease)
{
	struct rig r = {.mode = NWB_CACHE_STRICT, .body = strict_body};

	on_smbd(&r);
}

NWB_TEST(fs_smbd_cache, strict_signed_with_a_batch_oplock)
{
	struct rig r = {.mode = NWB_CACHE_STRICT,
			.durable = NWB_SMB2_DURABLE_V1,
			.sign = true,
			.body = strict_body};

	on_smbd(&r);
}

/* Only the client wants encryption: smbd tells of the break in the clear. */
NWB_TEST(fs_smbd_cache, strict_encrypted_by_the_client)
{
	struct rig r = {
		.mode = NWB_CACHE_STRICT, .encrypt = true, .body = strict_body};

	on_smbd(&r);
}

/* The server does: everything is encrypted, the break too. */
NWB_TEST(fs_smbd_cache, strict_encrypted_by_the_server)
{
	struct rig r = {
		.mode = NWB_CACHE_STRICT,
		.encrypt = true,
		.srv_opts.security.encrypt = NWB_SERVER_ENCRYPT_REQUIRED,
		.body = strict_body,
	};

	on_smbd(&r);
}

static void none_body(struct rig *r)
{
	struct nwb_file *f = open_it(r->a), *g = open_it(r->b);

	nwb_check_eq(nwb_file_write(f, one, BYTES, 0), BYTES);
	nwb_check(sees(g, one));
	nwb_check_eq(nwb_file_write(g, two, BYTES, 0), BYTES);
	nwb_check(sees(f, two));
	nwb_check_eq(stats_of(r->a).breaks, 0);
	nwb_check_eq(nwb_mount_close(r->b, g), 0);
	nwb_check_eq(nwb_mount_close(r->a, f), 0);
}

NWB_TEST(fs_smbd_cache, none_sees_all_at_once)
{
	struct rig r = {.mode = NWB_CACHE_NONE, .body = none_body};

	on_smbd(&r);
}

/* The server forgets everything, and somebody writes before the first comes
 * back: what it had cached is not what it reads. */
static void reopen_body(struct rig *r)
{
	struct nwb_file *f = open_it(r->a);

	nwb_check_eq(nwb_file_write(f, one, BYTES, 0), BYTES);
	nwb_check_eq(nwb_file_fsync(f), 0);
	nwb_check(sees(f, one));
	nwb_check_eq(nwb_server_kill(r->srv, SIGKILL, true, NULL), 0);
	nwb_check_eq(nwb_server_restart(r->srv, NULL), 0);
	somebody_writes(r);
	nwb_check_eq(nwb_file_write(f, one, 1, 0), 1);
	nwb_check_eq(nwb_file_fsync(f), 0);
	two[0] = one[0];
	nwb_check(sees(f, two));
	nwb_check_eq(nwb_mount_close(r->a, f), 0);
}

NWB_TEST(fs_smbd_cache, strict_forgets_what_it_had_before_a_reopen)
{
	struct rig r = {.mode = NWB_CACHE_STRICT, .body = reopen_body};

	on_smbd(&r);
}

/* The connection is lost, and with it what was granted; nobody tells the client
 * that somebody writes meanwhile. The next read asks. */
static void lost_body(struct rig *r)
{
	struct nwb_file *f = open_it(r->a);

	nwb_check_eq(nwb_file_write(f, one, BYTES, 0), BYTES);
	nwb_check_eq(nwb_file_fsync(f), 0);
	nwb_check(sees(f, one));
	nwb_smb2_disconnect(nwb_mount_smb2(r->a));
	somebody_writes(r);
	nwb_check(sees(f, two));
	nwb_check_eq(nwb_mount_close(r->a, f), 0);
}

NWB_TEST(fs_smbd_cache, strict_asks_after_a_lost_connection)
{
	struct rig r = {.mode = NWB_CACHE_STRICT, .body = lost_body};

	on_smbd(&r);
}

/* The same, and somebody else has opened the file again, but not yet forgotten
 * what was cached. */
static void reopened_body(struct rig *r)
{
	struct nwb_file *f = open_it(r->a);
	struct smb_inode *p = nwb_inode_fs_priv(nwb_file_inode(f));
	uint32_t instance;

	nwb_check_eq(nwb_file_write(f, one, BYTES, 0), BYTES);
	nwb_check_eq(nwb_file_fsync(f), 0);
	nwb_check(sees(f, one));
	nwb_smb2_disconnect(nwb_mount_smb2(r->a));
	somebody_writes(r);
	nwb_check_eq(nwb_smb2_connect(nwb_mount_smb2(r->a), NULL), 0);
	nwb_check_eq(nwb_smb2_file_ready(p->file, &instance, NULL), 0);
	nwb_check(sees(f, two));
	nwb_check_eq(nwb_mount_close(r->a, f), 0);
}

NWB_TEST(fs_smbd_cache, strict_does_not_believe_a_new_grant_at_once)
{
	struct rig r = {.mode = NWB_CACHE_STRICT, .body = reopened_body};

	on_smbd(&r);
}

NWB_TEST(fs_smbd_cache, strict_asks_after_a_durable_handle_was_lost)
{
	struct rig r = {.mode = NWB_CACHE_STRICT,
			.durable = NWB_SMB2_DURABLE_V2,
			.body = lost_body};

	on_smbd(&r);
}

/* A server that comes back with other limits: the largest write follows. */
static void limits_body(struct rig *r)
{
	struct nwb_file *f = open_it(r->a);
	struct nwb_smb2_stats st;

	nwb_check_eq(nwb_file_write(f, one, BYTES, 0), BYTES);
	nwb_check_eq(nwb_file_fsync(f), 0);
	nwb_smb2_get_stats(nwb_mount_smb2(r->a), &st);
	nwb_check_eq(st.max_write, 8u << 20);
	nwb_check_eq(nwb_server_kill(r->srv, SIGKILL, true, NULL), 0);
	nwb_check_eq(nwb_server_restart(r->srv, NULL), 0);
	nwb_check_eq(nwb_file_write(f, two, BYTES, 0), BYTES);
	nwb_check_eq(nwb_file_fsync(f), 0);
	nwb_smb2_get_stats(nwb_mount_smb2(r->a), &st);
	nwb_check_eq(st.max_write, 65536);
	nwb_check(st.nr_writes > (BYTES + 65535) / 65536);
	nwb_check(sees(f, two));
	nwb_check_eq(nwb_mount_close(r->a, f), 0);
}

NWB_TEST(fs_smbd_cache, a_smaller_limit_after_a_restart_is_kept)
{
	struct rig r = {.srv_opts.max_write_again = 65536, .body = limits_body};

	on_smbd(&r);
}
