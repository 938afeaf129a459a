/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files in the state directory: configuration before the start, and after a
 * crash with volatile storage the export as it was at the last fsyncs.
 */
#include "desc.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int nwb_state_dirs(struct nwb_server *srv, struct nwb_err *err)
{
	const char *const *d;

	for (d = srv->desc->dirs; *d; d++) {
		const char *name = strchr(*d, ':') + 1;
		mode_t mode = (mode_t)strtoul(*d, NULL, 8);

		/* fchmodat: mkdir alone is subject to the umask. */
		if (mkdirat(srv->root_fd, name, 0700) ||
		    fchmodat(srv->root_fd, name, mode, 0))
			return nwb_err_set(err, -errno, "make %s/%s: %s",
					   srv->dir, name,
					   nwb_errno_name(errno));
	}
	return 0;
}

static int write_all(int fd, const char *buf, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, buf, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

static int copy_all(int from, int to)
{
	char buf[32768];
	ssize_t n;
	int rc;

	for (;;) {
		n = read(from, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : 0;
		rc = write_all(to, buf, (size_t)n);
		if (rc)
			return rc;
	}
}

static int create(struct nwb_server *srv, const char *name, mode_t mode,
		  struct nwb_err *err)
{
	int fd = openat(srv->root_fd, name,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd >= 0 && fchmod(fd, mode) == 0)
		return fd;
	nwb_err_set(err, -errno, "create %s/%s: %s", srv->dir, name,
		    nwb_errno_name(errno));
	if (fd >= 0)
		close(fd);
	return err ? err->code : -EIO;
}

int nwb_state_write(struct nwb_server *srv, const char *name, unsigned int mode,
		    const char *text, struct nwb_err *err)
{
	int rc, fd = create(srv, name, mode, err);

	if (fd < 0)
		return fd;
	rc = write_all(fd, text, strlen(text));
	close(fd);
	if (rc)
		return nwb_err_set(err, rc, "write %s/%s: %s", srv->dir, name,
				   nwb_errno_name(rc));
	return 0;
}

int nwb_state_copy_in(struct nwb_server *srv, const char *path,
		      const char *name, struct nwb_err *err)
{
	int from, to, rc;

	from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return nwb_err_set(err, -errno, "open %s: %s", path,
				   nwb_errno_name(errno));
	to = create(srv, name, 0755, err);
	rc = to < 0 ? to : copy_all(from, to);
	if (to >= 0 && rc)
		nwb_err_set(err, rc, "copy %s into %s: %s", path, srv->dir,
			    nwb_errno_name(rc));
	close(from);
	nwb_close_fd(&to);
	return rc;
}

static int restore_one(int share, int durable, const char *name)
{
	int from, to, rc = 0;

	to = openat(share, name,
		    O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (to < 0)
		return -errno;
	from = openat(durable, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0 && errno != ENOENT)
		rc = -errno;
	if (from >= 0)
		rc = copy_all(from, to);
	nwb_close_fd(&from);
	close(to);
	return rc;
}

static int restore_all(DIR *dir, int share, int durable, struct nwb_err *err)
{
	struct dirent *de;
	struct stat st;
	int rc;

	while ((de = readdir(dir)) != NULL) {
		if (fstatat(share, de->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(st.st_mode))
			continue;
		rc = restore_one(share, durable, de->d_name);
		if (rc)
			return nwb_err_set(err, rc,
					   "restore the durable content of "
					   "%s: %s",
					   de->d_name, nwb_errno_name(rc));
	}
	return 0;
}

int nwb_state_restore(struct nwb_server *srv, struct nwb_err *err)
{
	int durable, fd, rc;
	DIR *dir = NULL;

	durable = openat(srv->root_fd, "durable",
			 O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* An open file description of its own: readdir moves its offset. */
	fd = openat(srv->share_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		dir = fdopendir(fd);
	if (durable < 0 || !dir)
		rc = nwb_err_set(err, -errno, "open the export: %s",
				 nwb_errno_name(errno));
	else
		rc = restore_all(dir, srv->share_fd, durable, err);
	if (dir)
		closedir(dir);
	else
		nwb_close_fd(&fd);
	nwb_close_fd(&durable);
	return rc;
}
