/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A mount on a real server for tests of nwb/node.h: started, mounted, a body
 * run in it, everything dropped again. With resets: a task that drops the
 * connection again and again while the body runs.
 */
#ifndef OPS_RIG_H
#define OPS_RIG_H

#include "nwb/fs.h"
#include "nwb/server.h"

#include "nwb_test_exec.h"

/**
 * struct ops_rig - what to run, and on what.
 * @server: "smbd" or "diod"
 * @resets: drop the connection now and then
 * @leases: on SMB, signed, with durable handles, and cached as granted
 * @body: in a task of the executor, the mount is there
 * @nr_resets: so often it was dropped
 */
struct ops_rig {
	const char *server;
	bool resets;
	bool leases;
	void (*body)(struct ops_rig *r);
	void *arg;
	struct nwb_netfs_opts netfs;
	/* the rig's */
	struct nwb_dialer dialer;
	struct nwb_server *srv;
	struct nwb_exec *ex;
	struct nwb_mount *mnt;
	_Atomic bool stop;
	_Atomic unsigned int nr_resets;
};

/** ops_rig_run() - skips the test where the server cannot be had. */
void ops_rig_run(struct ops_rig *r);
/** ops_rig_drop() - lose the connection now. */
void ops_rig_drop(struct ops_rig *r);

#endif
