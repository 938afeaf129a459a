/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The warden: a small process between netwb and a user's command.
 *
 *	netwb ──socketpair── warden ── CMD ── its children
 *	        RUN + place ►        (what is orphaned comes back to the warden)
 *	        ◄ ENDED, status
 *	        EOF: netwb is gone, in whatever way
 *
 * It is forked before netwb makes its first thread, so it may do what it
 * likes. It stays in netwb's session and process group: the command has
 * netwb's terminal, and ^C on it reaches the command by itself. When netwb is
 * gone, even by kill -9, it kills all that the command left, removes the run's
 * directory, and ends.
 */
#ifndef NWB_BENCH_WARDEN_H
#define NWB_BENCH_WARDEN_H

#include "bench_i.h"

struct bench_warden {
	int sock; /* readable: bench_warden_status() knows more */
	int pid;
};

/**
 * bench_warden_start() - fork it.
 * @dir: the run's directory, removed with the files in it at the end
 * Context: the process has one thread.
 */
int bench_warden_start(struct bench_warden *w, const char *dir,
		       struct nwb_err *err) nwb_must_check;
/**
 * bench_warden_run() - start a command, with netwb's files, directory and
 * environment, the latter as it is at bench_warden_start() plus @env.
 * @argv: NULL-terminated
 * @env: "NAME=value" strings, NULL-terminated
 * @cwd: where it begins, as it is called in @place; NULL: where we are
 * Return: 0; negative errno with @err: it could not be started.
 */
int bench_warden_run(struct bench_warden *w, char **argv, char **env,
		     const char *cwd, const struct nwb_inside *place,
		     struct nwb_err *err) nwb_must_check;
/**
 * struct bench_fuse_at - a FUSE mount that the warden makes and takes away.
 * @place: in whose namespaces; NULL: in those of the host, where who is not
 *	root needs fusermount3
 * @path: an empty directory there
 * @source: as /proc/mounts shall name it
 */
struct bench_fuse_at {
	const struct nwb_inside *place;
	const char *path;
	const char *source;
};
/**
 * bench_warden_mount() - open /dev/fuse and mount it. The kernel wants both
 * from inside the user namespace that owns the mount (fs/fuse/inode.c,
 * fuse_get_tree), so it is the warden's child that goes there. What is mounted
 * on the host goes with netwb, in whatever way that ends.
 * @ret_fd: the connection, the caller's
 * Return: 0; negative errno with @err, which names the remedy.
 */
int bench_warden_mount(struct bench_warden *w, const struct bench_fuse_at *at,
		       int *ret_fd, struct nwb_err *err) nwb_must_check;
/** bench_warden_umount() - the other way; blocks until what the kernel holds
 * back is written. -EBUSY: somebody is still in there, the mount is gone for
 * everybody else. */
int bench_warden_umount(struct bench_warden *w, const struct bench_fuse_at *at,
			struct nwb_err *err) nwb_must_check;
/** bench_warden_signal() - to the command. */
void bench_warden_signal(struct bench_warden *w, int sig);
/** bench_warden_status() - the socket is readable. Return: 0 and the wait
 * status; -EPIPE: the warden is gone. */
int bench_warden_status(struct bench_warden *w, int *ret_status) nwb_must_check;
/** bench_warden_stop() - all that is left of the command is killed; wait. */
void bench_warden_stop(struct bench_warden *w);

/** bench_exec_in() - go to @place, and there to @cwd (NULL: the working
 * directory stays), set @env, become @argv. Returns only on failure: negative
 * errno with @err. Context: one thread. */
int bench_exec_in(const struct nwb_inside *place, char **argv, char **env,
		  const char *cwd, struct nwb_err *err);

#endif
