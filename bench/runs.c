/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See runs.h. */
#include "runs.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define NAME_CHARS                                                             \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
#define YOUNG_S 10 /* it may not listen yet */

union space {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(3 * sizeof(int))];
};

bool bench_vars_add(struct bench_vars *v, const char *fmt, ...)
{
	size_t room = sizeof(v->text) - v->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(v->text + v->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		return false;
	v->len += (size_t)n + 1;
	return true;
}

void bench_vars_split(struct bench_vars *v, char *ret_v[BENCH_RUN_VARS + 1])
{
	unsigned int nr = 0;

	for (size_t at = 0; at < v->len && nr < BENCH_RUN_VARS;
	     at += strlen(v->text + at) + 1)
		ret_v[nr++] = v->text + at;
	ret_v[nr] = NULL;
}

const char *bench_vars_get(const struct bench_vars *v, const char *name)
{
	size_t len = strlen(name);

	for (size_t at = 0; at < v->len; at += strlen(v->text + at) + 1)
		if (!strncmp(v->text + at, name, len) &&
		    v->text[at + len] == '=')
			return v->text + at + len + 1;
	return "";
}

/* --- directories ---------------------------------------------------------- */

static bool is_ours(const char *path, bool must_be_closed)
{
	struct stat st;

	return !lstat(path, &st) && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid() &&
	       (!must_be_closed || !(st.st_mode & 077));
}

/* The directory of all our runs; made when @make. */
static int base_dir(bool make, char *buf, size_t size, struct nwb_err *err)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");

	if (xdg && xdg[0] == '/' && strlen(xdg) < 128 && is_ours(xdg, false))
		snprintf(buf, size, "%s/netwb", xdg);
	else
		snprintf(buf, size, "/tmp/netwb-%u", geteuid());
	if (make && mkdir(buf, 0700) && errno != EEXIST)
		return nwb_err_set(err, -errno, "%s: %s", buf, strerror(errno));
	if (is_ours(buf, true))
		return 0;
	if (access(buf, F_OK))
		return -ENOENT;
	return nwb_err_set(err, -EPERM,
			   "%s is not a directory of ours with mode 0700: "
			   "remove it",
			   buf);
}

static void remove_dir(const char *path)
{
	static const char *const files[] = {"ctl", "ntlm"};
	char name[320];

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(files); i++) {
		snprintf(name, sizeof(name), "%s/%s", path, files[i]);
		unlink(name);
	}
	snprintf(name, sizeof(name), "%s/export", path);
	rmdir(name);
	rmdir(path);
}

/* A path of any length fits by way of the directory's number. */
static int ctl_address(const char *path, struct sockaddr_un *sa)
{
	int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (dir >= 0)
		snprintf(sa->sun_path, sizeof(sa->sun_path),
			 "/proc/self/fd/%d/ctl", dir);
	return dir < 0 ? -errno : dir;
}

static int make_listener(struct bench_rundir *r)
{
	struct sockaddr_un sa;
	int dir = ctl_address(r->path, &sa), rc = 0;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);

	if (dir < 0 || fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) ||
	    listen(fd, 16))
		rc = -errno;
	if (dir >= 0)
		close(dir);
	if (rc && fd >= 0)
		close(fd);
	r->listen_fd = rc ? -1 : fd;
	return rc;
}

static int make_dir(struct bench_rundir *r, const char *base, const char *name)
{
	for (unsigned int i = 1; i < 1000; i++) {
		if (name)
			snprintf(r->name, sizeof(r->name), "%s", name);
		else
			snprintf(r->name, sizeof(r->name), "%u", i);
		snprintf(r->path, sizeof(r->path), "%s/%s", base, r->name);
		if (!mkdir(r->path, 0700))
			return 0;
		if (errno != EEXIST || name)
			break;
	}
	return -errno;
}

static void forget(const char *name, const struct bench_vars *v)
{
	(void)name;
	(void)v;
}

int bench_rundir_new(struct bench_rundir *r, const char *name,
		     struct nwb_err *err)
{
	char base[160], path[320];
	int rc;

	*r = (struct bench_rundir){.listen_fd = -1, .stop_fd = -1};
	if (name && (!*name || strlen(name) >= sizeof(r->name) ||
		     name[strspn(name, NAME_CHARS)]))
		return nwb_err_set(err, -EINVAL,
				   "--name %s: letters, digits, - and _, at "
				   "most %zu",
				   name, sizeof(r->name) - 1);
	rc = bench_runs_list(forget, err); /* removes what is stale */
	if (rc < 0)
		return rc;
	rc = base_dir(true, base, sizeof(base), err);
	if (!rc)
		rc = make_dir(r, base, name);
	/* the last run's warden may have taken the base away meanwhile */
	if (rc == -ENOENT && !base_dir(true, base, sizeof(base), err))
		rc = make_dir(r, base, name);
	if (rc == -EEXIST)
		return nwb_err_set(err, rc, "a run \"%s\" is going on already",
				   r->name);
	if (rc)
		return nwb_err_set(err, rc, "make a directory in %s: %s", base,
				   nwb_errno_name(rc));
	snprintf(path, sizeof(path), "%s/export", r->path);
	rc = mkdir(path, 0700) ? -errno : make_listener(r);
	if (!rc)
		return 0;
	remove_dir(r->path);
	return nwb_err_set(err, rc, "%s: %s", r->path, nwb_errno_name(rc));
}

/* --- answering ------------------------------------------------------------ */

static void answer(struct bench_rundir *r, int fd)
{
	struct iovec iov = {(void *)(uintptr_t)r->vars->text, r->vars->len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	union space space = {0};
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ||
	    (peer.uid != geteuid() && peer.uid != 0))
		return;
	if (r->place->net >= 0) {
		struct cmsghdr *cm;

		mh.msg_control = space.bytes;
		mh.msg_controllen = sizeof(space.bytes);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(3 * sizeof(int));
		memcpy(CMSG_DATA(cm),
		       &(int[3]){r->place->user, r->place->net, r->place->mnt},
		       3 * sizeof(int));
	}
	if (sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return; /* who does not listen learns nothing */
}

static void *serve(void *arg)
{
	struct bench_rundir *r = arg;
	struct pollfd pfds[] = {
		{r->listen_fd, POLLIN, 0},
		{r->stop_fd, POLLIN, 0},
	};
	int fd;

	while (poll(pfds, 2, -1) >= 0 || errno == EINTR) {
		if (pfds[1].revents)
			break;
		fd = accept4(r->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		answer(r, fd);
		close(fd);
	}
	return NULL;
}

int bench_rundir_serve(struct bench_rundir *r, const struct bench_vars *vars,
		       const struct nwb_inside *place, struct nwb_err *err)
{
	int rc;

	r->vars = vars;
	r->place = place;
	r->stop_fd = eventfd(0, EFD_CLOEXEC);
	rc = r->stop_fd < 0 ? errno
			    : pthread_create(&r->thread, NULL, serve, r);
	r->has_thread = !rc;
	return rc ? nwb_err_set(err, -rc, "control socket: %s", strerror(rc))
		  : 0;
}

void bench_rundir_stop(struct bench_rundir *r)
{
	if (r->has_thread && eventfd_write(r->stop_fd, 1) == 0)
		pthread_join(r->thread, NULL);
	r->has_thread = false;
	if (r->listen_fd >= 0)
		close(r->listen_fd);
	if (r->stop_fd >= 0)
		close(r->stop_fd);
	r->listen_fd = r->stop_fd = -1;
}

/* --- asking --------------------------------------------------------------- */

static int take(int fd, struct bench_vars *ret_v, struct nwb_inside *ret_p)
{
	struct iovec iov = {ret_v->text, sizeof(ret_v->text)};
	union space space = {0};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space.bytes,
		.msg_controllen = sizeof(space.bytes),
	};
	const struct timeval limit = {.tv_sec = 2};
	struct cmsghdr *cm;
	int fds[3];
	ssize_t n;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		return -errno;
	n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	*ret_p = NWB_INSIDE_NONE;
	cm = CMSG_FIRSTHDR(&mh);
	if (cm && cm->cmsg_type == SCM_RIGHTS &&
	    cm->cmsg_len == CMSG_LEN(sizeof(fds))) {
		memcpy(fds, CMSG_DATA(cm), sizeof(fds));
		*ret_p = (struct nwb_inside){fds[0], fds[1], fds[2]};
	}
	ret_v->len = (size_t)n;
	if (n && !ret_v->text[n - 1])
		return 0;
	nwb_inside_close(ret_p);
	return -EPROTO;
}

/* -ECONNREFUSED: nobody listens there any more. */
static int ask(const char *path, struct bench_vars *ret_v,
	       struct nwb_inside *ret_p)
{
	struct sockaddr_un sa;
	int dir = ctl_address(path, &sa), rc = 0, fd;

	if (dir < 0)
		return dir;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		rc = errno == ENOENT ? -ECONNREFUSED : -errno;
	close(dir);
	if (!rc)
		rc = take(fd, ret_v, ret_p);
	if (fd >= 0)
		close(fd);
	return rc;
}

int bench_run_find(const char *name, struct bench_vars *ret_v,
		   struct nwb_inside *ret_p, struct nwb_err *err)
{
	char base[160], path[320];
	int rc = base_dir(false, base, sizeof(base), err);

	if (rc && rc != -ENOENT)
		return rc;
	if (!rc && *name && strlen(name) < 64 &&
	    !name[strspn(name, NAME_CHARS)]) {
		snprintf(path, sizeof(path), "%s/%s", base, name);
		rc = ask(path, ret_v, ret_p);
		if (!rc)
			return 0;
		if (rc != -ENOENT && rc != -ECONNREFUSED)
			return nwb_err_set(err, rc,
					   "run \"%s\" does not answer: %s",
					   name, nwb_errno_name(rc));
	}
	return nwb_err_set(err, -ENOENT,
			   "no run \"%s\" is going on; `netwb list --runs` "
			   "shows which are",
			   name);
}

static bool is_young(const char *path)
{
	struct stat st;

	return stat(path, &st) || time(NULL) - st.st_mtime < YOUNG_S;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

static int no_dots(const struct dirent *de)
{
	return de->d_name[0] != '.';
}

int bench_runs_list(void (*fn)(const char *name, const struct bench_vars *v),
		    struct nwb_err *err)
{
	char base[160], path[448];
	struct dirent **list;
	int nr, found = 0, rc = base_dir(false, base, sizeof(base), err);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	nr = scandir(base, &list, no_dots, by_name);
	if (nr < 0)
		return nwb_err_set(err, -errno, "%s: %s", base,
				   strerror(errno));
	for (int i = 0; i < nr; i++) {
		static struct bench_vars v;
		struct nwb_inside p;

		snprintf(path, sizeof(path), "%s/%s", base, list[i]->d_name);
		rc = ask(path, &v, &p);
		if (!rc) {
			nwb_inside_close(&p);
			fn(list[i]->d_name, &v);
			found++;
		} else if (rc == -ECONNREFUSED && !is_young(path)) {
			remove_dir(path);
		}
		free(list[i]);
	}
	free(list);
	return found;
}
