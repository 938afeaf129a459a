/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netfs over 9P on a real nfs-ganesha that comes back with another msize each
 * time, smaller and larger, while several files are being written: what is in
 * flight is cut to the new size, and later writes grow again.
 */
#include "nwb/fs.h"
#include "nwb/server.h"
#include "nwb_test_exec.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NR_FILES   3u
#define FILE_BYTES (4u << 20)
#define PIECE	   150001u

/* The first is what it starts with; 1 MiB is asked for. */
static const uint32_t msizes[] = {1u << 20, 8192, 262144, 4096, 1u << 20};

struct rig {
	struct nwb_dialer dialer;
	struct nwb_server *srv;
	struct nwb_netfs_opts netfs;
	struct nwb_exec *ex;
	struct nwb_mount *mnt;
	_Atomic unsigned int nr_restarts;
};

static uint8_t pattern(unsigned int file, unsigned int pass, uint64_t pos)
{
	return (uint8_t)(pos * 17 + (pos >> 8) * 3 + (pos >> 16) + file * 5 +
			 pass * 101);
}

static int dial(struct nwb_dialer *dialer, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct rig *r = nwb_container_of(dialer, struct rig, dialer);
	int fd, rc;

	rc = nwb_server_dial(r->srv, &fd, err);
	return rc ? rc : nwb_sock_from_fd(ex, fd, ret_sock);
}

static void restart_task(void *arg)
{
	struct rig *r = arg;
	struct nwb_p9_stats st;

	for (unsigned int i = 1; i < NWB_ARRAY_SIZE(msizes); i++) {
		/* it is connected again, and writes */
		do {
			nwb_sleep_until(r->ex,
					nwb_now_ns(r->ex) + 20 * NWB_MSEC);
			nwb_p9_get_stats(nwb_mount_p9(r->mnt), &st);
		} while (st.nr_connects < i);
		if (nwb_server_set_msize(r->srv, msizes[i], NULL) ||
		    nwb_server_kill(r->srv, SIGKILL, true, NULL) ||
		    nwb_server_restart(r->srv, NULL))
			return; /* told by the missing restart */
		r->nr_restarts++;
	}
}

static void write_all(struct nwb_file *const *f, unsigned int pass)
{
	uint8_t *buf = malloc(PIECE);

	for (uint64_t at = 0; at < FILE_BYTES; at += PIECE) {
		size_t n = nwb_min((size_t)(FILE_BYTES - at), (size_t)PIECE);

		for (unsigned int k = 0; k < NR_FILES; k++) {
			for (size_t i = 0; i < n; i++)
				buf[i] = pattern(k, pass, at + i);
			nwb_check_eq(nwb_file_write(f[k], buf, n, at), n);
		}
		if (at / PIECE % 10 == 9)
			nwb_check_eq(nwb_file_fsync(f[at % NR_FILES]), 0);
	}
	for (unsigned int k = 0; k < NR_FILES; k++)
		nwb_check_eq(nwb_file_fsync(f[k]), 0);
	free(buf);
}

static void check_export(struct rig *r, unsigned int k, unsigned int pass)
{
	char name[] = {'f', (char)('0' + k), 0};
	uint8_t *buf = malloc(FILE_BYTES + 1);
	uint64_t bad = 0;
	int fd = -1;

	nwb_check_eq(nwb_server_open(r->srv, name, O_RDONLY, &fd, NULL), 0);
	nwb_check_eq(pread(fd, buf, FILE_BYTES + 1, 0), FILE_BYTES);
	for (uint64_t i = 0; i < FILE_BYTES; i++)
		bad += buf[i] != pattern(k, pass, i);
	nwb_check_eq(bad, 0);
	close(fd);
	free(buf);
}

static void run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct rig *r = te->arg;
	struct nwb_p9_opts p9 = {.dialer = &r->dialer, .msize = 1u << 20};
	struct nwb_file *f[NR_FILES];
	struct nwb_server_info info;
	struct nwb_p9_stats st;
	struct nwb_task *restarts;
	struct nwb_err err = {0};
	unsigned int pass = 0;

	r->ex = te->ex;
	nwb_server_info(r->srv, &info);
	p9.aname = info.share;
	p9.uname = info.user;
	p9.uid = info.uid;
	if (nwb_mount_9p(r->ex, &p9, &r->netfs, NULL, &r->mnt, &err))
		nwb_check_streq(err.text, "");
	for (unsigned int k = 0; k < NR_FILES; k++)
		nwb_check_eq(nwb_mount_open(r->mnt,
					    (char[]){'f', (char)('0' + k), 0},
					    NWB_O_CREATE, k + 1, &f[k], &err),
			     0);
	nwb_check_eq(
		nwb_task_spawn(r->ex, "restarts", restart_task, r, &restarts),
		0);
	/* the restarts may outlast one pass, but never a hundred */
	do
		write_all(f, ++pass);
	while (r->nr_restarts + 1 < NWB_ARRAY_SIZE(msizes) && pass < 100);
	nwb_task_join(restarts);
	nwb_check_eq(r->nr_restarts + 1, NWB_ARRAY_SIZE(msizes));
	write_all(f, ++pass); /* all of it at the last msize */
	nwb_p9_get_stats(nwb_mount_p9(r->mnt), &st);
	nwb_check_eq(st.max_write, (1u << 20) - 24);
	nwb_check(st.nr_connects >= NWB_ARRAY_SIZE(msizes));
	for (unsigned int k = 0; k < NR_FILES; k++) {
		check_export(r, k, pass);
		nwb_check_eq(nwb_mount_close(r->mnt, f[k]), 0);
	}
	nwb_mount_free(r->mnt);
}

static void on_ganesha(struct rig *r)
{
	struct nwb_server_opts opts = {.name = "ganesha", .msize = msizes[0]};
	enum nwb_isolation step;
	struct nwb_err err = {0};
	char version[64], why[96];

	if (nwb_server_probe("ganesha", version, sizeof(version), &err))
		nwb_test_skip(err.text);
	if (nwb_isolation_try(NWB_ISOLATION_AUTO, &step, why, sizeof(why),
			      &err))
		nwb_check_streq(err.text, "");
	if (nwb_server_check_step("ganesha", step, &err))
		nwb_test_skip(err.text);
	r->dialer.dial = dial;
	r->netfs.cache_bytes = 16 * NWB_MIB;
	r->netfs.temp_bytes = 8 * NWB_MIB;
	r->netfs.patience_ns = 20 * NWB_SEC;
	if (nwb_server_start(&opts, &r->srv, &err))
		nwb_check_streq(err.text, "");
	nwb_test_on_real(true, run, r);
	nwb_server_free(r->srv);
}

NWB_TEST(fs_ganesha, msize_changes_in_place)
{
	struct rig r = {.netfs = {.mode = NWB_IN_PLACE}};

	on_ganesha(&r);
}

NWB_TEST(fs_ganesha, msize_changes_temp_page)
{
	struct rig r = {.netfs = {.mode = NWB_TEMP_PAGE}};

	on_ganesha(&r);
}

/* What has no such knob says so, and what is out of range as well. */
NWB_TEST(fs_ganesha, msize_is_checked)
{
	struct nwb_server_opts opts = {.name = "diod", .msize = 8192};
	struct nwb_server *srv;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_server_start(&opts, &srv, &err), -EOPNOTSUPP);
	nwb_check(strstr(err.text, "msize of diod"));
	opts = (struct nwb_server_opts){.name = "ganesha", .msize = 4095};
	nwb_check_eq(nwb_server_start(&opts, &srv, &err), -EINVAL);
	opts.msize = (8u << 20) + 1;
	nwb_check_eq(nwb_server_start(&opts, &srv, &err), -EINVAL);
}
