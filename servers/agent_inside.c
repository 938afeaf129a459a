/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A place for the user's commands.
 *
 * The server's mount namespace hides parts of the outside: /etc/passwd, /proc
 * and the directory under the state's tmpfs. A user's command wants its own
 * files, so it gets a copy of that namespace from which those mounts are taken
 * away again:
 *
 *	outside           server's               commands'
 *	/mnt (theirs)     /mnt  tmpfs state      /mnt (theirs)
 *	/etc/passwd       /etc/passwd of state   /etc/passwd (theirs)
 *	RUN/export empty  RUN/export empty       RUN/export = state's share
 *
 * What a command mounts there is seen by the run's other commands, not by the
 * server and not by the outside, and goes with the last of them.
 */
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define HIDDEN_MAX  16
#define HIDDEN_PATH 64

static char hidden[HIDDEN_MAX][HIDDEN_PATH];
static unsigned int nr_hidden;

void nwb_agent_inside_hide(const char *path)
{
	nwb_assert(nr_hidden < HIDDEN_MAX && strlen(path) < HIDDEN_PATH);
	strcpy(hidden[nr_hidden++], path);
}

static int fail(struct nwb_err *err, const char *what, const char *path)
{
	int rc = -errno;

	return nwb_err_set(err, rc, "a place for commands: %s %s: %s", what,
			   path, nwb_errno_name(rc));
}

/* In the new namespace: take away what hides, put the export where it shall
 * be. The tree is cloned first: its source is about to go. */
static int furnish(const char *dir, const char *at, struct nwb_err *err)
{
	char share[128];
	unsigned int i;
	int tree, rc = 0;

	snprintf(share, sizeof(share), "%s/share", dir);
	tree = open_tree(AT_FDCWD, share, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return fail(err, "clone", share);
	for (i = nr_hidden; !rc && i-- > 0;)
		if (umount2(hidden[i], MNT_DETACH))
			rc = fail(err, "uncover", hidden[i]);
	if (!rc && umount2("/proc", MNT_DETACH))
		rc = fail(err, "uncover", "/proc");
	if (!rc && umount2(dir, MNT_DETACH))
		rc = fail(err, "uncover", dir);
	if (!rc && move_mount(tree, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH))
		rc = fail(err, "mount the export on", at);
	close(tree);
	return rc;
}

static int open_all(const char *const *names, int *fds, struct nwb_err *err)
{
	int i;

	for (i = 0; i < 3; i++) {
		fds[i] = open(names[i], O_RDONLY | O_CLOEXEC);
		if (fds[i] >= 0)
			continue;
		fail(err, "open", names[i]);
		while (i-- > 0)
			close(fds[i]);
		return err->code;
	}
	return 0;
}

int nwb_agent_inside(const char *dir, const char *at, int ret_fds[3],
		     struct nwb_err *err)
{
	static const char *const names[] = {
		"/proc/self/ns/user",
		"/proc/self/ns/net",
		"/proc/self/ns/mnt",
	};
	int home, fds[3], rc;

	home = open(names[2], O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return fail(err, "open", names[2]);
	if (unshare(CLONE_NEWNS)) {
		rc = fail(err, "make", "a mount namespace");
		close(home);
		return rc;
	}
	rc = open_all(names, fds, err);
	if (!rc) {
		rc = furnish(dir, at, err);
		for (int i = 0; rc && i < 3; i++)
			close(fds[i]);
	}
	/* In the wrong namespace the agent is of no use any more. */
	if (setns(home, CLONE_NEWNS))
		_exit(errno);
	close(home);
	if (!rc)
		memcpy(ret_fds, fds, sizeof(fds));
	return rc;
}
