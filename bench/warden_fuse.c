/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A FUSE mount, made and taken away by a child of the warden.
 *
 *	in a place    enter it, open /dev/fuse there, mount(2)
 *	on the host   root: the same without entering
 *	              others: fusermount3, which hands the connection back
 *	              over the socket that _FUSE_COMMFD names
 */
#include "warden_i.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUSY_TRIES 40 /* of 50 ms: what was killed is still going away */

static int explain(const char *path, int rc, struct nwb_err *err)
{
	if (rc == -EPERM)
		return nwb_err_set(err, rc,
				   "mount FUSE on %s: not permitted (the "
				   "container must allow FUSE mounts)",
				   path);
	if (rc == -ENODEV)
		return nwb_err_set(err, rc,
				   "this kernel has no FUSE "
				   "(CONFIG_FUSE_FS)");
	return nwb_err_set(err, rc, "mount FUSE on %s: %s", path,
			   nwb_errno_name(rc));
}

static int open_dev(struct nwb_err *err)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == EACCES)
		return nwb_err_set(err, -EACCES,
				   "/dev/fuse: not allowed to open it (mode "
				   "0666 is usual: chmod 666 /dev/fuse)");
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return nwb_err_set(err, -errno,
				   "/dev/fuse: %s: this kernel or container "
				   "has no FUSE (modprobe fuse)",
				   nwb_errno_name(errno));
	return nwb_err_set(err, -errno, "/dev/fuse: %s", nwb_errno_name(errno));
}

/* fs/fuse/inode.c, fuse_parse_param(): the ids are those of who mounts, in his
 * own user namespace. In a place everybody who is there may use it. */
static int mount_self(const char *path, const char *source, bool is_private,
		      struct nwb_err *err)
{
	char opts[160];
	int fd = open_dev(err);

	if (fd < 0)
		return fd;
	snprintf(opts, sizeof(opts),
		 "fd=%d,rootmode=40000,user_id=%u,group_id=%u,"
		 "default_permissions%s",
		 fd, getuid(), getgid(), is_private ? ",allow_other" : "");
	if (mount(source, path, "fuse.netwb", MS_NOSUID | MS_NODEV, opts)) {
		int rc = -errno;

		close(fd);
		return explain(path, rc, err);
	}
	return fd;
}

static int recv_fd(int sock)
{
	char byte;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} space;
	struct iovec iov = {&byte, 1};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space.bytes,
		.msg_controllen = sizeof(space.bytes),
	};
	struct cmsghdr *cm;
	int fd;

	if (recvmsg(sock, &mh, MSG_CMSG_CLOEXEC) != 1)
		return -EPERM;
	cm = CMSG_FIRSTHDR(&mh);
	if (!cm || cm->cmsg_type != SCM_RIGHTS)
		return -EPERM;
	memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
	return fd;
}

static pid_t run_helper(char **argv, int keep)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (keep >= 0)
		fcntl(keep, F_SETFD, 0);
	execvp(argv[0], argv);
	_exit(127);
}

static int mount_helper(const char *path, const char *source,
			struct nwb_err *err)
{
	char opts[128], num[16];
	char *argv[] = {(char[]){"fusermount3"}, (char[]){"-o"},	  opts,
			(char[]){"--"},		 (char *)(uintptr_t)path, NULL};
	int sv[2], fd, status = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return nwb_err_set(err, -errno, "socketpair: %s",
				   nwb_errno_name(errno));
	snprintf(opts, sizeof(opts),
		 "nosuid,nodev,default_permissions,subtype=netwb,fsname=%s",
		 source);
	snprintf(num, sizeof(num), "%d", sv[0]);
	setenv("_FUSE_COMMFD", num, 1);
	pid = run_helper(argv, sv[0]);
	close(sv[0]);
	fd = pid > 0 ? recv_fd(sv[1]) : -errno;
	close(sv[1]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (fd >= 0)
		return fd;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return nwb_err_set(err, -ENOENT,
				   "who is not root needs fusermount3 "
				   "(apt-get install fuse3) to mount on the "
				   "host; netwb mount ... -- COMMAND needs "
				   "neither");
	return nwb_err_set(err, fd, "fusermount3 could not mount on %s", path);
}

static int umount_helper(const char *path, bool is_lazy)
{
	char *argv[] = {(char[]){"fusermount3"}, (char[]){"-u"}, (char[]){"-q"},
			(char *)(uintptr_t)path, NULL,		 NULL};
	int status = -1;
	pid_t pid;

	if (is_lazy) {
		argv[3] = (char[]){"-z"};
		argv[4] = (char *)(uintptr_t)path;
	}
	pid = run_helper(argv, -1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return -EBUSY;
	return 0;
}

static int umount_one(const char *path, bool is_helper, bool is_lazy)
{
	if (is_helper)
		return umount_helper(path, is_lazy);
	return umount2(path, is_lazy ? MNT_DETACH : 0) ? -errno : 0;
}

static int umount_all(const char *path, bool is_helper, struct nwb_err *err)
{
	int rc = -EBUSY;

	for (int i = 0; rc == -EBUSY && i < BUSY_TRIES; i++) {
		if (i)
			usleep(50000);
		rc = umount_one(path, is_helper, false);
	}
	if (rc != -EBUSY)
		return rc ? nwb_err_set(err, rc, "umount %s: %s", path,
					nwb_errno_name(rc))
			  : 0;
	rc = umount_one(path, is_helper, true);
	return nwb_err_set(err, rc ? rc : -EBUSY,
			   "%s is still in use by somebody", path);
}

void warden_fuse_drop(const char *path)
{
	if (umount_one(path, geteuid() != 0, true))
		return; /* it is gone already */
}

int warden_fuse_child(int sock, struct warden_msg *m,
		      const struct nwb_inside *place)
{
	static struct warden_msg answer;
	struct nwb_err err = {0};
	const char *path = m->text, *source;
	bool is_helper = !place && geteuid() != 0;
	int rc = 0, fd = -1;

	m->text[WARDEN_TEXT - 1] = 0;
	source = path + strlen(path) + 1;
	if (place)
		rc = nwb_inside_enter(place, &err);
	if (!rc && m->op == OP_UMOUNT) {
		rc = umount_all(path, is_helper, &err);
	} else if (!rc) {
		fd = is_helper ? mount_helper(path, source, &err)
			       : mount_self(path, source, place, &err);
		rc = nwb_min(fd, 0);
	}
	answer = (struct warden_msg){.op = OP_MOUNTED, .result = rc};
	answer.len = (uint32_t)snprintf(answer.text, 1024, "%s", err.text) + 1;
	if (warden_send(sock, &answer, &fd, fd >= 0))
		return 1;
	return rc != 0;
}

/* --- netwb's side ----------------------------------------------------------
 */

static int ask(struct bench_warden *w, uint32_t op,
	       const struct bench_fuse_at *at, int *ret_fd, struct nwb_err *err)
{
	static struct warden_msg m;
	int fds[3], got[3] = {-1, -1, -1};
	unsigned int nr = 0;
	int rc, n;

	m = (struct warden_msg){.op = op, .nr = {!at->place}};
	n = snprintf(m.text, sizeof(m.text), "%s%c%s", at->path, 0, at->source);
	if (n < 0 || (size_t)n >= sizeof(m.text) ||
	    strlen(at->path) >= WARDEN_PATH)
		return nwb_err_set(err, -ENAMETOOLONG, "%.64s...: too long",
				   at->path);
	m.len = (uint32_t)n + 1;
	if (at->place)
		nr = warden_put_place(&m, at->place, fds);
	rc = warden_send(w->sock, &m, fds, nr);
	/* the end of a command that nobody waits for any more may come first */
	do
		rc = rc ? rc : warden_recv(w->sock, &m, got);
	while (!rc && m.op != OP_MOUNTED);
	if (rc)
		return nwb_err_set(err, rc, "the warden is gone");
	if (m.result)
		return nwb_err_set(err, m.result, "%.*s", (int)m.len, m.text);
	if (ret_fd)
		*ret_fd = got[0];
	return 0;
}

int bench_warden_mount(struct bench_warden *w, const struct bench_fuse_at *at,
		       int *ret_fd, struct nwb_err *err)
{
	return ask(w, OP_MOUNT, at, ret_fd, err);
}

int bench_warden_umount(struct bench_warden *w, const struct bench_fuse_at *at,
			struct nwb_err *err)
{
	return ask(w, OP_UMOUNT, at, NULL, err);
}
