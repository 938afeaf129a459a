/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ops_rig.h"

#include "nwb/auth.h"

#include <string.h>

static int dial(struct nwb_dialer *dialer, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct ops_rig *r = nwb_container_of(dialer, struct ops_rig, dialer);
	int fd, rc;

	rc = nwb_server_dial(r->srv, &fd, err);
	return rc ? rc : nwb_sock_from_fd(ex, fd, ret_sock);
}

void ops_rig_drop(struct ops_rig *r)
{
	if (nwb_mount_smb2(r->mnt))
		nwb_smb2_disconnect(nwb_mount_smb2(r->mnt));
	else
		nwb_p9_disconnect(nwb_mount_p9(r->mnt));
	r->nr_resets++;
}

static void reset_task(void *arg)
{
	struct ops_rig *r = arg;

	while (!r->stop) {
		uint64_t ms = 2 + nwb_random_u64(r->ex) % 40;

		nwb_sleep_until(r->ex, nwb_now_ns(r->ex) + ms * NWB_MSEC);
		ops_rig_drop(r);
	}
}

static int mount_it(struct ops_rig *r, struct nwb_err *err)
{
	struct nwb_server_info info;
	struct nwb_smb2_opts smb = {.dialer = &r->dialer,
				    .auth = nwb_auth_gssapi(),
				    .server_name = "faultsrv"};
	struct nwb_p9_opts p9 = {.dialer = &r->dialer};

	nwb_server_info(r->srv, &info);
	smb.share = info.share;
	smb.user = info.user;
	smb.password = info.password;
	if (r->leases) {
		smb.sign = true;
		smb.durable = NWB_SMB2_DURABLE_V2;
		r->netfs.cache_mode = NWB_CACHE_STRICT;
	}
	p9.aname = info.share;
	p9.uname = info.user;
	p9.uid = info.uid;
	p9.settle_ns = 2 * NWB_MSEC;
	return info.is_9p
		       ? nwb_mount_9p(r->ex, &p9, &r->netfs, NULL, &r->mnt, err)
		       : nwb_mount_smb(r->ex, &smb, &r->netfs, NULL, &r->mnt,
				       err);
}

static void rig_task(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct ops_rig *r = te->arg;
	struct nwb_task *resets = NULL;
	struct nwb_err err = {0};

	r->ex = te->ex;
	if (mount_it(r, &err))
		nwb_check_streq(err.text, "");
	if (r->resets)
		nwb_check_eq(
			nwb_task_spawn(r->ex, "resets", reset_task, r, &resets),
			0);
	r->body(r);
	r->stop = true;
	if (resets)
		nwb_task_join(resets);
	nwb_mount_free(r->mnt);
}

void ops_rig_run(struct ops_rig *r)
{
	struct nwb_server_opts opts = {.name = r->server};
	struct nwb_err err = {0};
	char version[64];

	if (nwb_server_probe(r->server, version, sizeof(version), &err))
		nwb_test_skip("the server is not installed");
	r->dialer.dial = dial;
	/* diod 1.0.24 dies now and then when a connection is cut */
	opts.auto_restart = true;
	opts.ctl_fd = -1;
	opts.ledger_fd = -1;
	if (nwb_server_start(&opts, &r->srv, &err))
		nwb_check_streq(err.text, "");
	nwb_test_on_real(true, rig_task, r);
	nwb_server_free(r->srv);
}
