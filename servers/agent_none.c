/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No namespace at all: the agent as a janitor.
 *
 *	netwb ── pipe, pidfd ── agent ── server ...
 *	  ✗ killed ──────────────► kills the tree, removes the directory, leaves
 *
 * The state directory is for nobody but us (0700), on /dev/shm where there is
 * room, for that is a tmpfs as it is in the namespaces; else in /tmp. A port
 * is ours as long as a socket is bound to it: others cannot bind it, a server
 * that sets SO_REUSEADDR can, for ours does not listen. And because the
 * network is everybody's, nwb_none_check_port() looks at the result: listeners
 * on loopback only, and the one that answers is in our tree.
 */
#include "agent.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#define PREFIX	  "netwb-none."
#define STALE_S	  60
#define DEPTH_MAX 64
#define LINE_MAX_ 256
#define INODES	  64

static char state_dir[32];
static int lock_fd = -1;
static int port_fd = -1;

/* --- removing ------------------------------------------------------------ */

static int remove_tree(int parent, const char *name, unsigned int depth);

static void empty_dir(int fd, unsigned int depth)
{
	struct dirent *de;
	DIR *dir = fdopendir(fd);

	if (!dir) {
		close(fd);
		return;
	}
	while ((de = readdir(dir)) != NULL)
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			(void)remove_tree(dirfd(dir), de->d_name, depth + 1);
	closedir(dir);
}

/* Never follows a link, whatever the server's users have made. */
static int remove_tree(int parent, const char *name, unsigned int depth)
{
	int fd;

	if (!unlinkat(parent, name, 0) || depth > DEPTH_MAX)
		return 0;
	/* A client may have taken our own permissions away. */
	(void)fchmodat(parent, name, 0700, 0);
	fd = openat(parent, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		empty_dir(fd, depth);
	return unlinkat(parent, name, AT_REMOVEDIR) ? -errno : 0;
}

/*
 * What an agent left that was killed itself, or lost its machine: nobody
 * holds the lock. Young ones may be about to take it.
 */
static void remove_stale(const char *base)
{
	struct dirent *de;
	struct stat st;
	DIR *dir = opendir(base);
	int fd;

	while (dir && (de = readdir(dir)) != NULL) {
		if (strncmp(de->d_name, PREFIX, strlen(PREFIX)) ||
		    fstatat(dirfd(dir), de->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
		    st.st_mtime > time(NULL) - STALE_S)
			continue;
		fd = openat(dirfd(dir), de->d_name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!flock(fd, LOCK_EX | LOCK_NB))
			(void)remove_tree(dirfd(dir), de->d_name, 0);
		close(fd);
	}
	if (dir)
		closedir(dir);
}

/* --- making -------------------------------------------------------------- */

static bool has_room(const char *path, uint64_t bytes)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == TMPFS_MAGIC &&
	       (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize >= bytes &&
	       !access(path, W_OK | X_OK);
}

static int make_dir(uint64_t bytes, struct nwb_err *err)
{
	const char *base = has_room("/dev/shm", bytes) ? "/dev/shm" : "/tmp";

	remove_stale(base);
	snprintf(state_dir, sizeof(state_dir), "%s/" PREFIX "XXXXXX", base);
	if (!mkdtemp(state_dir)) {
		state_dir[0] = '\0';
		return nwb_err_set(err, -errno, "make a directory in %s: %s",
				   base, nwb_errno_name(errno));
	}
	/* Not the file that is handed out: that would hand out the lock. */
	lock_fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock_fd < 0 || flock(lock_fd, LOCK_EX))
		return nwb_err_set(err, -errno, "lock %s: %s", state_dir,
				   nwb_errno_name(errno));
	return 0;
}

static int reserve_port(uint16_t *ret_port, struct nwb_err *err)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(sin);
	int one = 1;

	port_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Bound before the option is set: the kernel picks a port that nobody
	 * has at all. */
	if (port_fd < 0 ||
	    bind(port_fd, (struct sockaddr *)&sin, sizeof(sin)) ||
	    setsockopt(port_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    getsockname(port_fd, (struct sockaddr *)&sin, &len))
		return nwb_err_set(err, -errno,
				   "reserve a port on 127.0.0.1: %s",
				   nwb_errno_name(errno));
	*ret_port = ntohs(sin.sin_port);
	return 0;
}

int nwb_none_setup(uint64_t bytes, int *ret_dirfd, const char **ret_path,
		   uint16_t *ret_port, struct nwb_err *err)
{
	int rc, fd;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		return nwb_err_set(err, -errno, "become a subreaper: %s",
				   nwb_errno_name(errno));
	rc = nwb_agent_mind_setgroups(err);
	if (!rc)
		rc = make_dir(bytes, err);
	if (!rc)
		rc = reserve_port(ret_port, err);
	if (rc)
		return rc;
	fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return nwb_err_set(err, -errno, "open %s: %s", state_dir,
				   nwb_errno_name(errno));
	*ret_path = state_dir;
	*ret_dirfd = fd;
	return 0;
}

void nwb_none_clean(void)
{
	nwb_tree_end(10000);
	if (state_dir[0])
		(void)remove_tree(AT_FDCWD, state_dir, 0);
	state_dir[0] = '\0';
}

/* --- looking ------------------------------------------------------------- */

struct listener {
	unsigned long inode;
	unsigned int port;
	bool is_loopback;
};

/* proc(5), /proc/net/tcp: addresses are in network order, in words as the
 * machine has them. 127.0.0.0/8, ::1, and 127.0.0.0/8 mapped into IPv6. */
static bool is_loopback(const char *hex)
{
	uint32_t w[4] = {0};
	unsigned int i, nr = strlen(hex) == 8 ? 1 : 4;

	for (i = 0; i < nr; i++)
		if (sscanf(hex + 8 * i, "%8x", &w[i]) != 1)
			return false;
	if (nr == 1)
		return ntohl(w[0]) >> 24 == 127;
	if (w[0] || w[1])
		return false;
	return (!w[2] && ntohl(w[3]) == 1) ||
	       (ntohl(w[2]) == 0xffff && ntohl(w[3]) >> 24 == 127);
}

static unsigned int read_listeners(const char *path, struct listener *l,
				   unsigned int max)
{
	char line[LINE_MAX_], addr[33];
	unsigned int nr = 0, state;
	FILE *f = fopen(path, "re");

	while (f && nr < max && fgets(line, sizeof(line), f)) {
		if (sscanf(line,
			   " %*u: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s "
			   "%*s %*u %*u %lu",
			   addr, &l[nr].port, &state, &l[nr].inode) != 4 ||
		    state != 0x0a /* TCP_LISTEN */)
			continue;
		l[nr++].is_loopback = is_loopback(addr);
	}
	if (f)
		fclose(f);
	return nr;
}

static bool has_socket(int pid, unsigned long inode)
{
	char path[64], want[32], link[32];
	struct dirent *de;
	bool is_found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	snprintf(want, sizeof(want), "socket:[%lu]", inode);
	dir = opendir(path);
	while (dir && !is_found && (de = readdir(dir)) != NULL) {
		ssize_t n = readlinkat(dirfd(dir), de->d_name, link,
				       sizeof(link) - 1);

		link[nwb_max(n, (ssize_t)0)] = '\0';
		is_found = !strcmp(link, want);
	}
	if (dir)
		closedir(dir);
	return is_found;
}

int nwb_none_check_port(unsigned int port, struct nwb_err *err)
{
	static struct listener l[INODES * 16];
	static int pids[NWB_TREE_MAX];
	unsigned int i, k, nr, nr_pids;
	bool is_there = false;

	nr = read_listeners("/proc/self/net/tcp", l, INODES * 8);
	nr += read_listeners("/proc/self/net/tcp6", l + nr, INODES * 8);
	nr_pids = nwb_tree_pids(pids, NWB_TREE_MAX);
	for (i = 0; i < nr; i++) {
		for (k = 0; k < nr_pids; k++)
			if (has_socket(pids[k], l[i].inode))
				break;
		if (k == nr_pids)
			continue;
		if (!l[i].is_loopback)
			return nwb_err_set(err, -EADDRNOTAVAIL,
					   "it listens on port %u of an "
					   "address that is not loopback: "
					   "without namespaces others could "
					   "reach it",
					   l[i].port);
		is_there |= l[i].port == port;
	}
	if (!is_there)
		return nwb_err_set(err, -EADDRINUSE,
				   "what answers on port %u is not ours", port);
	return 0;
}
