/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netfs over SMB on a real smbd that is killed and started again while it is
 * being written to; the export is read afterwards.
 */
#include "nwb/auth.h"
#include "nwb/fs.h"
#include "nwb/server.h"
#include "nwb_test_exec.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES (24u << 20)
#define PIECE	   100000u

/**
 * struct rig - one smbd, one mount.
 * @nr_kills: so often it is killed; 0: only connections are dropped
 */
struct rig {
	struct nwb_dialer dialer;
	struct nwb_server *srv;
	struct nwb_server_opts srv_opts;
	struct nwb_netfs_opts netfs;
	bool sign;
	unsigned int nr_kills;
	struct nwb_exec *ex;
	struct nwb_mount *mnt;
	_Atomic bool stop;
	_Atomic unsigned int nr_faults;
};

static uint8_t pattern(uint64_t pos)
{
	return (uint8_t)(pos * 17 + (pos >> 8) * 3 + (pos >> 16));
}

static int dial(struct nwb_dialer *dialer, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct rig *r = nwb_container_of(dialer, struct rig, dialer);
	int fd, rc;

	rc = nwb_server_dial(r->srv, &fd, err);
	return rc ? rc : nwb_sock_from_fd(ex, fd, ret_sock);
}

static void fault_task(void *arg)
{
	struct rig *r = arg;

	while (!atomic_load(&r->stop)) {
		nwb_sleep_until(r->ex, nwb_now_ns(r->ex) + 15 * NWB_MSEC);
		if (r->nr_faults < r->nr_kills) {
			if (nwb_server_kill(r->srv, SIGKILL, true, NULL) ||
			    nwb_server_restart(r->srv, NULL))
				return; /* told by the missing fault */
		} else if (r->nr_faults < r->nr_kills + 5) {
			nwb_smb2_disconnect(nwb_mount_smb2(r->mnt));
		} else {
			return;
		}
		r->nr_faults++;
	}
}

static void write_all(struct nwb_file *f)
{
	uint8_t *buf = malloc(PIECE);

	for (uint64_t at = 0; at < FILE_BYTES; at += PIECE) {
		size_t n = nwb_min((size_t)(FILE_BYTES - at), (size_t)PIECE);

		for (size_t i = 0; i < n; i++)
			buf[i] = pattern(at + i);
		nwb_check_eq(nwb_file_write(f, buf, n, at), n);
		if (at / PIECE % 40 == 39)
			nwb_check_eq(nwb_file_fsync(f), 0);
	}
	free(buf);
}

static void check_export(struct rig *r)
{
	uint8_t *buf = malloc(FILE_BYTES + 1);
	uint64_t bad = 0;
	int fd = -1;

	nwb_check_eq(nwb_server_open(r->srv, "f", O_RDONLY, &fd, NULL), 0);
	nwb_check_eq(pread(fd, buf, FILE_BYTES + 1, 0), FILE_BYTES);
	for (uint64_t i = 0; i < FILE_BYTES; i++)
		bad += buf[i] != pattern(i);
	nwb_check_eq(bad, 0);
	close(fd);
	free(buf);
}

static void run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct rig *r = te->arg;
	struct nwb_server_info info;
	struct nwb_smb2_opts smb = {
		.dialer = &r->dialer,
		.auth = nwb_auth_gssapi(),
		.server_name = "faultsrv",
		.sign = r->sign,
	};
	struct nwb_task *faults;
	struct nwb_err err = {0};
	unsigned int passes = 0;
	struct nwb_file *f;

	r->ex = te->ex;
	nwb_server_info(r->srv, &info);
	smb.share = info.share;
	smb.user = r->sign ? info.user : "";
	smb.password = info.password;
	if (nwb_mount_smb(r->ex, &smb, &r->netfs, NULL, &r->mnt, &err) ||
	    nwb_mount_open(r->mnt, "f", NWB_O_CREATE, 1, &f, &err))
		nwb_check_streq(err.text, "");
	nwb_check_eq(nwb_task_spawn(r->ex, "faults", fault_task, r, &faults),
		     0);
	/* the faults may outlast one pass, but never a hundred */
	do {
		passes++;
		write_all(f);
	} while (r->nr_faults < r->nr_kills && passes < 100);
	nwb_check_eq(nwb_file_fsync(f), 0);
	atomic_store(&r->stop, true);
	nwb_task_join(faults);
	check_export(r);
	nwb_check(r->nr_faults > 0 && r->nr_faults >= r->nr_kills);
	nwb_check_eq(nwb_mount_close(r->mnt, f), 0);
	nwb_mount_free(r->mnt);
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
	r->netfs.wsize = 1 << 20;
	r->netfs.cache_bytes = 32 * NWB_MIB;
	r->netfs.temp_bytes = 8 * NWB_MIB;
	if (nwb_server_start(&r->srv_opts, &r->srv, &err))
		nwb_check_streq(err.text, "");
	nwb_test_on_real(true, run, r);
	nwb_server_free(r->srv);
}

NWB_TEST(fs_smbd, drops_in_place)
{
	struct rig r = {.netfs = {.mode = NWB_IN_PLACE}};

	on_smbd(&r);
}

NWB_TEST(fs_smbd, drops_temp_page_signed)
{
	struct rig r = {.netfs = {.mode = NWB_TEMP_PAGE}, .sign = true};

	on_smbd(&r);
}

NWB_TEST(fs_smbd, kills_in_place_signed)
{
	struct rig r = {
		.netfs = {.mode = NWB_IN_PLACE}, .sign = true, .nr_kills = 2};

	on_smbd(&r);
}

NWB_TEST(fs_smbd, kills_temp_page)
{
	struct rig r = {.netfs = {.mode = NWB_TEMP_PAGE}, .nr_kills = 2};

	on_smbd(&r);
}
