/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A box: one program in the network of a server, in pid, mount, ipc and uts
 * namespaces of its own.
 *
 *	netwb ─── agent of the server (net, mnt, pid, ...) ── smbd | diod
 *	  └────── agent of the box (that net; own mnt, pid) ── the program
 *
 * Stopping, freezing or restarting the server does not touch what is in a box.
 * When netwb dies, the box's agent leaves, and everything in the box with it;
 * its files lie on a tmpfs that only the box sees.
 */
#ifndef NWB_BOX_H
#define NWB_BOX_H

#include "nwb/server.h"

/* File numbers that the program finds open. */
#define NWB_BOX_FD_1 60
#define NWB_BOX_FD_2 61

struct nwb_box;

/**
 * nwb_box_open() - make one.
 * @srv: whose network; may be freed before the box
 * @bytes: size of the tmpfs
 *
 * Return: 0; -EOPNOTSUPP: the server has no namespaces; other negative errno.
 * @err says why.
 */
int nwb_box_open(struct nwb_server *srv, uint64_t bytes,
		 struct nwb_box **ret_box, struct nwb_err *err) nwb_must_check;
/** nwb_box_dirfd() - its tmpfs; stays the box's. */
int nwb_box_dirfd(const struct nwb_box *box);
/** nwb_box_dir() - the path of that, inside. HOME and TMPDIR of the program. */
const char *nwb_box_dir(const struct nwb_box *box);
/**
 * nwb_box_spawn() - start the program; once.
 * @argv: NULL at its end; argv[0] is a path inside ("/proc/self/fd/61", too)
 * @out: becomes its fd 1 and 2; fd 0 is /dev/null
 * @fd1, @fd2: become NWB_BOX_FD_1 and NWB_BOX_FD_2; stay the caller's
 */
int nwb_box_spawn(struct nwb_box *box, const char *const *argv, int out,
		  int fd1, int fd2, struct nwb_err *err) nwb_must_check;
/** nwb_box_event() - readable when nwb_box_died() has something to say. */
int nwb_box_event(const struct nwb_box *box);
/** nwb_box_died() - read one piece of news. Return: 1 and *@ret_status (of
 * wait(2)): the program has ended; 0: something else; -EPIPE: the box is gone.
 */
int nwb_box_died(struct nwb_box *box, int *ret_status) nwb_must_check;
/** nwb_box_signal() - to the program. Return: 0; -ESRCH. */
int nwb_box_signal(struct nwb_box *box, int sig) nwb_must_check;
/** nwb_box_kill() - kill everything in it; waits until it is gone. */
void nwb_box_kill(struct nwb_box *box);
/** nwb_box_close() - the same, and free it. NULL is fine. */
void nwb_box_close(struct nwb_box *box);

#endif
