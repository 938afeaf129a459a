/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories that appear whole.
 *
 *	.new-PID-n/  is filled ──rename──► NAME/
 *	                        NAME/ of before ──rename──► .old-PID-n/ ──► gone
 *
 * A process that is killed leaves a directory whose name says that it is dead;
 * the next one that stages something removes it.
 */
#include "kernel_i.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#define TEXT_MAX (4u << 20)

int kernel_path(char *ret, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(ret, size, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < size)
		return 0;
	ret[0] = 0;
	return -ENAMETOOLONG;
}

int kernel_mkdirs(const char *path)
{
	char buf[KERNEL_PATH];
	struct stat st;

	if (kernel_path(buf, sizeof(buf), "%s", path))
		return -ENAMETOOLONG;
	for (char *p = buf + 1; *p; p++)
		if (*p == '/') {
			*p = 0;
			if (mkdir(buf, 0700) && errno != EEXIST)
				return -errno;
			*p = '/';
		}
	if (mkdir(buf, 0700) && errno != EEXIST)
		return -errno;
	if (stat(buf, &st))
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int nwb_kernel_cache(char *ret_path, size_t size, struct nwb_err *err)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char path[KERNEL_DIR];
	struct stat st;
	int rc;

	if (xdg && xdg[0] == '/')
		rc = kernel_path(path, sizeof(path), "%s/netwb/kernel", xdg);
	else if (home && home[0] == '/')
		rc = kernel_path(path, sizeof(path), "%s/.cache/netwb/kernel",
				 home);
	else
		return nwb_err_set(err, -ENOENT,
				   "no cache directory: set XDG_CACHE_HOME or "
				   "HOME");
	/* with a quotation mark in it, it fits into no configuration of apt */
	if (!rc && (strpbrk(path, "\"\n") || strlen(path) >= size))
		rc = -ENAMETOOLONG;
	if (rc)
		return nwb_err_set(err, rc,
				   "the cache directory's name is too long, or "
				   "has a quotation mark in it");
	rc = kernel_mkdirs(path);
	if (!rc && stat(path, &st))
		rc = -errno;
	if (rc)
		return nwb_err_set(err, rc, "cache directory %.300s: %s", path,
				   strerror(-rc));
	/* what lies there is run: nobody else may have put it there */
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return nwb_err_set(err, -EPERM,
				   "cache directory %.200s: it belongs to or "
				   "can be written by others",
				   path);
	snprintf(ret_path, size, "%s", path);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return flag == FTW_DP ? rmdir(path) : unlink(path);
}

int kernel_rmtree(const char *path)
{
	if (!nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS))
		return 0;
	return errno == ENOENT ? 0 : -errno;
}

static uint64_t du_sum;

static int add_size(const char *path, const struct stat *st, int flag,
		    struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	if (flag != FTW_NS)
		du_sum += (uint64_t)st->st_blocks * 512;
	return 0;
}

uint64_t nwb_kernel_size(const char *path)
{
	du_sum = 0;
	nftw(path, add_size, 32, FTW_PHYS);
	return du_sum;
}

int kernel_copy(const char *from, const char *to, unsigned int mode)
{
	int rc = 0, in, out;
	ssize_t n = 1;

	in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return -errno;
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (out < 0) {
		rc = -errno;
		close(in);
		return rc;
	}
	while (!rc && n) {
		static char buf[1 << 16];

		n = read(in, buf, sizeof(buf));
		if (n < 0 && errno != EINTR)
			rc = -errno;
		for (ssize_t at = 0, w; at < n && !rc; at += w) {
			w = write(out, buf + at, (size_t)(n - at));
			if (w < 0 && errno != EINTR)
				rc = -errno;
			w = w < 0 ? 0 : w;
		}
	}
	close(in);
	if (close(out) && !rc)
		rc = -errno;
	if (rc)
		unlink(to);
	return rc;
}

int kernel_space(const char *dir, uint64_t bytes, struct nwb_err *err)
{
	struct statvfs vfs;
	uint64_t have;

	/* a guess that cannot be made stops nobody */
	if (statvfs(dir, &vfs))
		return 0;
	have = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	if (have >= bytes)
		return 0;
	return nwb_err_set(err, -ENOSPC,
			   "%.200s: %llu MiB are free, %llu MiB are needed; "
			   "XDG_CACHE_HOME may name another place",
			   dir, (unsigned long long)(have / NWB_MIB),
			   (unsigned long long)(bytes / NWB_MIB));
}

int kernel_lock(const char *path, const struct nwb_kernel_progress *p,
		const char *what)
{
	int low = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), fd, rc;

	if (low < 0)
		return -errno;
	/* Our children hold it too: when we are killed, it is free when they
	 * have ended. Above the descriptors that they are given. */
	fd = fcntl(low, F_DUPFD, 16);
	rc = fd < 0 ? -errno : 0;
	close(low);
	if (rc || !flock(fd, LOCK_EX | LOCK_NB))
		return rc ? rc : fd;
	kernel_say(p, -1, "waiting for another netwb that %s", what);
	while (flock(fd, LOCK_EX))
		if (errno != EINTR) {
			rc = -errno;
			close(fd);
			return rc;
		}
	return fd;
}

/* --- whole or not at all -------------------------------------------------- */

static bool is_left_over(const char *name)
{
	long pid;

	if (strncmp(name, ".new-", 5) && strncmp(name, ".old-", 5))
		return false;
	pid = strtol(name + 5, NULL, 10);
	return pid > 0 && pid != getpid() && kill((pid_t)pid, 0) &&
	       errno == ESRCH;
}

static void sweep(const char *base)
{
	DIR *d = opendir(base);
	char path[KERNEL_PATH];
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (is_left_over(de->d_name) &&
		    !kernel_path(path, sizeof(path), "%s/%s", base, de->d_name))
			kernel_rmtree(path);
	if (d)
		closedir(d);
}

int kernel_stage(const char *base, char *ret_path, size_t size,
		 struct nwb_err *err)
{
	static unsigned int nr;
	char path[KERNEL_PATH];
	int rc = kernel_mkdirs(base);

	if (!rc) {
		sweep(base);
		rc = kernel_path(path, nwb_min(sizeof(path), size),
				 "%s/.new-%ld-%u", base, (long)getpid(), nr++);
	}
	/* of a process that had our number before us */
	if (!rc)
		rc = kernel_rmtree(path);
	if (!rc && mkdir(path, 0700))
		rc = -errno;
	if (rc)
		return nwb_err_set(err, rc, "%.300s: %s", base, strerror(-rc));
	snprintf(ret_path, size, "%s", path);
	return 0;
}

int kernel_commit(const char *base, const char *stage, const char *name,
		  struct nwb_err *err)
{
	static unsigned int nr;
	char to[KERNEL_PATH], old[KERNEL_PATH];
	int rc = kernel_path(to, sizeof(to), "%s/%s", base, name);

	if (!rc)
		rc = kernel_path(old, sizeof(old), "%s/.old-%ld-%u", base,
				 (long)getpid(), nr++);
	if (!rc && rename(to, old) && errno != ENOENT)
		rc = -errno;
	if (!rc && rename(stage, to))
		rc = -errno;
	if (rc)
		return nwb_err_set(err, rc, "%.200s/%.100s: %s", base, name,
				   strerror(-rc));
	kernel_rmtree(old);
	return 0;
}

/* --- about ---------------------------------------------------------------- */

char *kernel_text(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t n = 0, room = 0;

	while (f && n < TEXT_MAX) {
		char *more;
		size_t got;

		if (n + 1 >= room) {
			room = room ? room * 2 : 8192;
			more = realloc(text, room);
			if (!more)
				break;
			text = more;
		}
		got = fread(text + n, 1, room - n - 1, f);
		n += got;
		text[n] = 0;
		if (!got)
			break;
	}
	if (f && (ferror(f) || n >= TEXT_MAX)) {
		free(text);
		text = NULL;
	}
	if (f)
		fclose(f);
	return text;
}

int kernel_about_write(const char *dir, const struct nwb_kernel *k,
		       struct nwb_err *err)
{
	char path[KERNEL_PATH], tmp[KERNEL_PATH];
	FILE *f = NULL;
	int rc;

	rc = kernel_path(path, sizeof(path), "%s/about", dir);
	if (!rc)
		rc = kernel_path(tmp, sizeof(tmp), "%s/about.new", dir);
	if (!rc) {
		f = fopen(tmp, "we");
		rc = f ? 0 : -errno;
	}
	if (f) {
		fprintf(f,
			"kind %s\nrelease %s\nfrom %s\nhas %#x\nconfig %d\n"
			"modules %d\nmade %lld\n",
			nwb_kernel_kind_name(k->kind), k->release, k->from,
			(unsigned int)k->has, k->is_config_known,
			k->modules[0] != 0, (long long)k->made);
		if (ferror(f))
			rc = -EIO;
		if (fclose(f) && !rc)
			rc = -errno;
		if (!rc && rename(tmp, path))
			rc = -errno;
	}
	if (rc)
		return nwb_err_set(err, rc, "%.300s: %s", path, strerror(-rc));
	return 0;
}

/* The value after "key " of one of the lines; "" when there is none. */
static void value_of(const char *text, const char *key, char *ret, size_t size)
{
	size_t len = strlen(key);

	ret[0] = 0;
	for (const char *p = text; p && *p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, key, len) || p[len] != ' ')
			continue;
		p += len + 1;
		snprintf(ret, size, "%.*s", (int)strcspn(p, "\n"), p);
		return;
	}
}

int kernel_about_read(const char *base, const char *name,
		      struct nwb_kernel *ret)
{
	struct nwb_kernel k = {.kind = NWB_KERNEL_HOST};
	char dir[KERNEL_DIR + 200], path[KERNEL_PATH], value[64];
	char *text;

	if (kernel_path(dir, sizeof(dir), "%s/%s", base, name) ||
	    kernel_path(path, sizeof(path), "%s/about", dir) ||
	    kernel_path(k.name, sizeof(k.name), "%s", name))
		return -ENAMETOOLONG;
	text = kernel_text(path);
	if (!text)
		return -ENOENT;
	value_of(text, "kind", value, sizeof(value));
	for (int kind = NWB_KERNEL_UML; kind < NWB_KERNEL_HOST; kind++)
		if (!strcmp(value, nwb_kernel_kind_name(kind)))
			k.kind = (enum nwb_kernel_kind)kind;
	value_of(text, "release", k.release, sizeof(k.release));
	value_of(text, "from", k.from, sizeof(k.from));
	value_of(text, "has", value, sizeof(value));
	k.has = (uint32_t)strtoul(value, NULL, 0);
	value_of(text, "made", value, sizeof(value));
	k.made = strtoll(value, NULL, 10);
	snprintf(k.image, sizeof(k.image), "%s/image", dir);
	value_of(text, "modules", value, sizeof(value));
	if (value[0] == '1')
		snprintf(k.modules, sizeof(k.modules), "%s/mod", dir);
	value_of(text, "config", value, sizeof(value));
	k.is_config_known = value[0] == '1';
	if (k.is_config_known)
		snprintf(k.config, sizeof(k.config), "%s/config", dir);
	free(text);
	if (k.kind == NWB_KERNEL_HOST || !k.release[0] || access(k.image, R_OK))
		return -EBADMSG;
	snprintf(k.flavour, sizeof(k.flavour), "%s",
		 nwb_kernel_flavour(k.release));
	k.size = nwb_kernel_size(dir);
	*ret = k;
	return 0;
}
