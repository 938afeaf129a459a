/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same random operations on a mount and on a directory of the local file
 * system: each must come to the same, errors included, and so must the two
 * trees in the end, seen through the mount and as they lie on the server. With
 * resets, the connection is dropped again and again meanwhile.
 *
 *	path walk, create, mkdir, unlink, rmdir, rename, link, symlink ...
 *	     │						│
 *	nwb_ns_*() ──► server ◄── compared ──► openat(2) ... in a directory
 *
 * Up to HANDLES files stay open over whatever happens to their names.
 *
 * NWB_OPS_SEED=n runs that seed only, NWB_OPS_COUNT=n so many operations; what
 * fails prints both.
 */
#include "ops_rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HANDLES	  4u
#define FILE_MAX_ 40000u
#define PATH_MAX_ 512u
#define TRACE	  24u
#define LINE_MAX_ 1200u

struct handle {
	int fd; /* of the model; -1: free */
	struct nwb_node *node;
	struct nwb_file *file;
};

struct diff {
	struct ops_rig *rig;
	struct nwb_mount *mnt;
	uint64_t seed, rng;
	int dir; /* the model */
	struct handle handle[HANDLES];
	unsigned int nr_ops, at;
	unsigned int nr_done; /* of those that came to something */
	char trace[TRACE][LINE_MAX_];
	uint8_t want[FILE_MAX_ + 1], got[FILE_MAX_ + 1];
};

static uint32_t rnd(struct diff *d, uint32_t below)
{
	d->rng ^= d->rng << 13;
	d->rng ^= d->rng >> 7;
	d->rng ^= d->rng << 17;
	return (uint32_t)((d->rng >> 11) % below);
}

static void fail(struct diff *d, const char *what, long long want,
		 long long got)
{
	unsigned int n = d->at < TRACE ? d->at : TRACE - 1;

	fprintf(stderr, "the last operations:\n");
	for (unsigned int i = d->at - n; i <= d->at; i++)
		fprintf(stderr, "  %u %s\n", i, d->trace[i % TRACE]);
	fprintf(stderr,
		"%s: %lld and not %lld, as it should be\nagain: "
		"NWB_OPS_SEED=%llu NWB_OPS_COUNT=%u tests/fs/fs_ops_diff_%s\n",
		what, got, want, (unsigned long long)d->seed, d->nr_ops,
		d->rig->server);
	nwb_check(!"the mount does as the local file system does");
}

static void same(struct diff *d, const char *what, long long want,
		 long long got)
{
	if (want != got)
		fail(d, what, want, got);
	d->nr_done += want >= 0;
}

static int sys(long long rc)
{
	return rc < 0 ? -errno : (int)rc;
}

#define TRACE_OP(d_, ...)                                                      \
	snprintf((d_)->trace[(d_)->at % TRACE], LINE_MAX_, __VA_ARGS__)

/* --- paths -----------------------------------------------------------------
 */

/* Names that are files now and directories then. */
static void pick_path(struct diff *d, char *buf)
{
	static const char *const names[] = {"a", "b", "c", "Aa"};
	unsigned int depth = 1 + rnd(d, 3);

	buf[0] = 0;
	for (unsigned int i = 0; i < depth; i++) {
		strcat(buf, i ? "/" : "");
		strcat(buf, names[rnd(d, i + 1 == depth ? 4 : 2)]);
	}
}

/* What the kernel does with a path before it asks FUSE for anything: the node
 * of all but the last name, with a reference. */
static int walk(struct diff *d, const char *path, struct nwb_node **ret_dir,
		const char **ret_name)
{
	struct nwb_node *node = nwb_ns_root(d->mnt), *next;
	char name[PATH_MAX_];
	struct nwb_attr a;
	const char *slash;
	int rc;

	while ((slash = strchr(path, '/'))) {
		snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
		rc = nwb_ns_lookup(d->mnt, node, name, &next, &a, NULL);
		nwb_ns_forget(d->mnt, node, 1);
		if (rc)
			return rc;
		if (!S_ISDIR(a.mode)) {
			nwb_ns_forget(d->mnt, next, 1);
			/* ELOOP where a link goes in circles is no matter here:
			 * links of this test lead nowhere */
			return S_ISLNK(a.mode) ? -ENOENT : -ENOTDIR;
		}
		node = next;
		path = slash + 1;
	}
	*ret_dir = node;
	*ret_name = path;
	return 0;
}

static int look(struct diff *d, const char *path, struct nwb_node **ret_node,
		struct nwb_attr *ret_attr)
{
	struct nwb_node *dir;
	const char *name;
	int rc = walk(d, path, &dir, &name);

	if (rc)
		return rc;
	rc = nwb_ns_lookup(d->mnt, dir, name, ret_node, ret_attr, NULL);
	nwb_ns_forget(d->mnt, dir, 1);
	return rc;
}

/* --- operations ------------------------------------------------------------
 */

static void compare_attr(struct diff *d, const struct stat *st,
			 const struct nwb_attr *a)
{
	same(d, "type", st->st_mode & S_IFMT, a->mode & S_IFMT);
	if (S_ISREG(st->st_mode)) {
		same(d, "size", st->st_size, (long long)a->size);
		same(d, "nlink", (long long)st->st_nlink, a->nlink);
		same(d, "mode", st->st_mode & 07777, a->mode & 07777);
	}
}

static void op_stat(struct diff *d, const char *path)
{
	struct nwb_node *node;
	struct nwb_attr a;
	struct stat st;
	int want, got;

	TRACE_OP(d, "stat %s", path);
	want = sys(fstatat(d->dir, path, &st, AT_SYMLINK_NOFOLLOW));
	got = look(d, path, &node, &a);
	same(d, "stat", want, got);
	if (want)
		return;
	compare_attr(d, &st, &a);
	nwb_ns_forget(d->mnt, node, 1);
}

static void op_create(struct diff *d, const char *path)
{
	static const mode_t modes[] = {0644, 0600, 0755, 0666};
	mode_t mode = modes[rnd(d, 4)];
	struct nwb_node *dir, *node;
	struct handle *h = NULL;
	struct nwb_file *f;
	struct nwb_attr a;
	const char *name;
	int want, got;

	for (unsigned int i = 0; i < HANDLES && !h; i++)
		if (d->handle[i].fd < 0)
			h = &d->handle[i];
	TRACE_OP(d, "create %s %o", path, mode);
	want = sys(openat(d->dir, path, O_CREAT | O_EXCL | O_RDWR, mode));
	got = walk(d, path, &dir, &name);
	if (!got) {
		got = nwb_ns_create(d->mnt, dir, name, mode, &node, &a, &f,
				    NULL);
		nwb_ns_forget(d->mnt, dir, 1);
	}
	same(d, "create", want < 0 ? want : 0, got);
	if (got)
		return;
	same(d, "mode", mode, a.mode & 07777);
	if (h && rnd(d, 2)) {
		*h = (struct handle){want, node, f};
		return;
	}
	close(want);
	same(d, "close", 0, nwb_ns_close(d->mnt, node, f));
	nwb_ns_forget(d->mnt, node, 1);
}

static void op_open(struct diff *d, const char *path)
{
	bool trunc = rnd(d, 4) == 0;
	struct handle *h = NULL;
	struct nwb_node *node;
	struct nwb_file *f;
	struct nwb_attr a;
	int want, got;

	for (unsigned int i = 0; i < HANDLES && !h; i++)
		if (d->handle[i].fd < 0)
			h = &d->handle[i];
	if (!h)
		return;
	TRACE_OP(d, "open%s %s", trunc ? " O_TRUNC" : "", path);
	want = sys(openat(d->dir, path,
			  O_RDWR | O_NOFOLLOW | (trunc ? O_TRUNC : 0)));
	if (want == -ELOOP)
		return; /* the kernel follows links before it asks */
	got = look(d, path, &node, &a);
	if (!got) {
		got = nwb_ns_open(d->mnt, node, trunc, &f, NULL);
		if (got)
			nwb_ns_forget(d->mnt, node, 1);
	}
	same(d, "open", want < 0 ? want : 0, got);
	if (!got)
		*h = (struct handle){want, node, f};
}

static void op_mkdir(struct diff *d, const char *path)
{
	struct nwb_node *dir, *node;
	struct nwb_attr a;
	const char *name;
	int want, got;

	TRACE_OP(d, "mkdir %s", path);
	want = sys(mkdirat(d->dir, path, 0755));
	got = walk(d, path, &dir, &name);
	if (!got) {
		got = nwb_ns_mkdir(d->mnt, dir, name, 0755, &node, &a, NULL);
		nwb_ns_forget(d->mnt, dir, 1);
	}
	same(d, "mkdir", want, got);
	if (!got)
		nwb_ns_forget(d->mnt, node, 1);
}

static void op_remove(struct diff *d, const char *path, bool is_dir)
{
	struct nwb_node *dir;
	const char *name;
	int want, got;

	TRACE_OP(d, "%s %s", is_dir ? "rmdir" : "unlink", path);
	want = sys(unlinkat(d->dir, path, is_dir ? AT_REMOVEDIR : 0));
	got = walk(d, path, &dir, &name);
	if (!got) {
		got = is_dir ? nwb_ns_rmdir(d->mnt, dir, name, NULL)
			     : nwb_ns_unlink(d->mnt, dir, name, NULL);
		nwb_ns_forget(d->mnt, dir, 1);
	}
	same(d, is_dir ? "rmdir" : "unlink", want, got);
}

static void op_rename(struct diff *d, const char *path)
{
	unsigned int flags = rnd(d, 4) ? 0 : NWB_RENAME_NOREPLACE;
	struct nwb_node *dir, *to_dir;
	const char *name, *to_name;
	char to[PATH_MAX_];
	int want, got;

	pick_path(d, to);
	TRACE_OP(d, "rename %s %s %u", path, to, flags);
	want = sys(renameat2(d->dir, path, d->dir, to, flags));
	got = walk(d, path, &dir, &name);
	if (!got) {
		got = walk(d, to, &to_dir, &to_name);
		if (!got) {
			got = nwb_ns_rename(d->mnt, dir, name, to_dir, to_name,
					    flags, NULL);
			nwb_ns_forget(d->mnt, to_dir, 1);
		}
		nwb_ns_forget(d->mnt, dir, 1);
	}
	same(d, "rename", want, got);
}

static void op_link(struct diff *d, const char *path)
{
	struct nwb_node *dir, *node;
	struct nwb_attr a;
	char to[PATH_MAX_];
	const char *name;
	int want, got;

	pick_path(d, to);
	TRACE_OP(d, "link %s %s", path, to);
	got = look(d, path, &node, &a);
	if (!got && S_ISLNK(a.mode)) {
		nwb_ns_forget(d->mnt, node, 1);
		return; /* of a link to a symlink nobody knows what it is */
	}
	want = sys(linkat(d->dir, path, d->dir, to, 0));
	if (!got) {
		got = walk(d, to, &dir, &name);
		if (!got) {
			got = nwb_ns_link(d->mnt, node, dir, name, &a, NULL);
			nwb_ns_forget(d->mnt, dir, 1);
			nwb_ns_forget(d->mnt, node, !got);
		}
		nwb_ns_forget(d->mnt, node, 1);
	}
	same(d, "link", want, got);
}

static void op_symlink(struct diff *d, const char *path)
{
	struct nwb_node *dir, *node;
	struct nwb_attr a;
	char target[32], there[64] = {0};
	const char *name;
	int want, got;

	if (nwb_mount_smb2(d->mnt))
		return;
	snprintf(target, sizeof(target), "no/where/%u", rnd(d, 1000));
	TRACE_OP(d, "symlink %s %s", target, path);
	want = sys(symlinkat(target, d->dir, path));
	got = walk(d, path, &dir, &name);
	if (!got) {
		got = nwb_ns_symlink(d->mnt, dir, name, target, &node, &a,
				     NULL);
		nwb_ns_forget(d->mnt, dir, 1);
	}
	same(d, "symlink", want, got);
	if (got)
		return;
	same(d, "readlink", (long long)strlen(target),
	     nwb_ns_readlink(d->mnt, node, there, sizeof(there), NULL));
	same(d, "target", 0, strcmp(target, there));
	nwb_ns_forget(d->mnt, node, 1);
}

static void op_setattr(struct diff *d, const char *path)
{
	static const mode_t modes[] = {0644, 0600, 0755, 0640};
	struct nwb_attr set = {
		.size = rnd(d, FILE_MAX_),
		.mtime = {1000000000 + rnd(d, 1000000), 100 * rnd(d, 9999999)}};
	struct nwb_node *node;
	struct nwb_attr a;
	unsigned int what = rnd(d, 3);
	uint32_t valid;
	int want, got;

	set.mode = modes[rnd(d, 4)];
	got = look(d, path, &node, &a);
	if (!got && S_ISLNK(a.mode)) {
		nwb_ns_forget(d->mnt, node, 1);
		return;
	}
	/* whoever is not root would lock himself out; smbd keeps no modes */
	if (!got && S_ISDIR(a.mode))
		set.mode |= 0700;
	TRACE_OP(d, "setattr %u %s", what, path);
	if (what == 0) {
		int fd = openat(d->dir, path, O_WRONLY);

		valid = NWB_SET_SIZE;
		want = fd < 0 ? -errno : sys(ftruncate(fd, (off_t)set.size));
		if (fd >= 0)
			close(fd);
	} else if (what == 1) {
		valid = NWB_SET_MODE;
		want = sys(fchmodat(d->dir, path, set.mode, 0));
	} else {
		const struct timespec ts[2] = {{0, UTIME_OMIT},
					       {set.mtime.sec, set.mtime.nsec}};

		valid = NWB_SET_MTIME;
		want = sys(utimensat(d->dir, path, ts, 0));
	}
	if (!got) {
		got = nwb_ns_setattr(d->mnt, node, valid, &set, &a, NULL);
		if (!got && what == 2) {
			same(d, "mtime", set.mtime.sec, a.mtime.sec);
			same(d, "mtime, ns", set.mtime.nsec, a.mtime.nsec);
		}
		nwb_ns_forget(d->mnt, node, 1);
	}
	same(d, "setattr", want, got);
}

static void op_readdir(struct diff *d, const char *path)
{
	struct nwb_dirent e = {0};
	struct nwb_node *node;
	struct nwb_attr a;
	struct nwb_dir *dir;
	struct stat st;
	unsigned int nr = 0;
	int fd, rc;
	DIR *model;

	TRACE_OP(d, "readdir %s", path);
	if (look(d, path, &node, &a))
		return;
	rc = nwb_ns_opendir(d->mnt, node, &dir, NULL);
	same(d, "opendir", S_ISDIR(a.mode) ? 0 : -ENOTDIR, rc);
	if (!rc) {
		fd = openat(d->dir, path, O_RDONLY | O_DIRECTORY);
		nwb_check(fd >= 0);
		while ((rc = nwb_ns_readdir(dir, e.next, &e, NULL)) == 1) {
			same(d, e.name, 0,
			     sys(fstatat(fd, e.name, &st,
					 AT_SYMLINK_NOFOLLOW)));
			same(d, "type", st.st_mode >> 12, e.type);
			nr++;
		}
		same(d, "readdir", 0, rc);
		nwb_ns_closedir(dir);
		model = fdopendir(fd);
		while (readdir(model))
			nr--;
		same(d, "entries", 0, (int)nr);
		closedir(model);
	}
	nwb_ns_forget(d->mnt, node, 1);
}

/* --- open files ------------------------------------------------------------
 */

static void handle_close(struct diff *d, struct handle *h)
{
	close(h->fd);
	h->fd = -1;
	same(d, "close", 0, nwb_ns_close(d->mnt, h->node, h->file));
	nwb_ns_forget(d->mnt, h->node, 1);
}

static void handle_read(struct diff *d, struct handle *h)
{
	ssize_t want = pread(h->fd, d->want, sizeof(d->want), 0);
	ssize_t got = nwb_file_read(h->file, d->got, sizeof(d->got), 0);

	same(d, "read", want, got);
	for (ssize_t i = 0; i < want; i++)
		if (d->want[i] != d->got[i]) {
			fprintf(stderr, "at byte %zd\n", i);
			fail(d, "content", d->want[i], d->got[i]);
		}
}

static void handle_write(struct diff *d, struct handle *h)
{
	uint32_t len = 1 + rnd(d, 9000), pos = rnd(d, FILE_MAX_ - 9000);

	for (uint32_t i = 0; i < len; i++)
		d->want[i] = (uint8_t)rnd(d, 256);
	same(d, "write", pwrite(h->fd, d->want, len, pos),
	     nwb_file_write(h->file, d->want, len, pos));
}

static void op_handle(struct diff *d)
{
	struct handle *h = &d->handle[rnd(d, HANDLES)];
	unsigned int what = rnd(d, 8);
	struct nwb_attr a;
	struct stat st;

	TRACE_OP(d, "handle %u, %u", (unsigned int)(h - d->handle), what);
	if (h->fd < 0)
		return;
	if (what < 3)
		handle_write(d, h);
	else if (what == 3)
		handle_read(d, h);
	else if (what == 4)
		same(d, "fsync", 0, nwb_file_fsync(h->file));
	else if (what == 5)
		handle_close(d, h);
	else if (!fstat(h->fd, &st) && what == 6) {
		same(d, "fstat", 0, nwb_ns_getattr(d->mnt, h->node, &a, NULL));
		compare_attr(d, &st, &a);
	} else if (what == 7) {
		uint32_t size = rnd(d, FILE_MAX_);

		same(d, "ftruncate", sys(ftruncate(h->fd, size)),
		     nwb_file_truncate(h->file, size));
	}
}

static void op(struct diff *d)
{
	char path[PATH_MAX_];
	unsigned int what = rnd(d, 20);

	pick_path(d, path);
	TRACE_OP(d, "nothing");
	if (what < 3)
		op_create(d, path);
	else if (what < 5)
		op_open(d, path);
	else if (what < 7)
		op_mkdir(d, path);
	else if (what == 7)
		op_remove(d, path, true);
	else if (what == 8)
		op_remove(d, path, false);
	else if (what < 11)
		op_rename(d, path);
	else if (what == 11)
		op_link(d, path);
	else if (what == 12)
		op_symlink(d, path);
	else if (what == 13)
		op_stat(d, path);
	else if (what == 14)
		op_setattr(d, path);
	else if (what == 15)
		op_readdir(d, path);
	else
		op_handle(d);
	d->at++;
}

/* --- the end: both trees, all of them ---------------------------------------
 */

/* Content of a file in both, closed or not, and on the server if closed. */
static void end_file(struct diff *d, const char *path, struct nwb_node *node)
{
	struct handle h = {.fd = openat(d->dir, path, O_RDONLY), .node = node};
	ssize_t want, got;
	int fd = -1;

	nwb_check(h.fd >= 0);
	same(d, "open", 0, nwb_ns_open(d->mnt, node, false, &h.file, NULL));
	handle_read(d, &h);
	same(d, "close", 0, nwb_ns_close(d->mnt, node, h.file));
	same(d, "on the server", 0,
	     nwb_server_open(d->rig->srv, path, O_RDONLY, &fd, NULL));
	want = pread(h.fd, d->want, sizeof(d->want), 0);
	got = pread(fd, d->got, sizeof(d->got), 0);
	same(d, "size on the server", want, got);
	same(d, "content on the server", 0,
	     memcmp(d->want, d->got, (size_t)want));
	close(fd);
	close(h.fd);
}

static void end_tree(struct diff *d, const char *at, struct nwb_node *node)
{
	struct nwb_dirent e = {0};
	char path[PATH_MAX_];
	struct nwb_node *child;
	struct nwb_attr a;
	struct nwb_dir *dir;
	struct stat st;

	if (*at)
		op_readdir(d, at);
	same(d, "opendir", 0, nwb_ns_opendir(d->mnt, node, &dir, NULL));
	while (nwb_ns_readdir(dir, e.next, &e, NULL) == 1) {
		if (e.name[0] == '.')
			continue;
		nwb_check(snprintf(path, sizeof(path), "%s%s%s", at,
				   *at ? "/" : "", e.name) < (int)sizeof(path));
		same(d, "lookup", 0,
		     nwb_ns_lookup(d->mnt, node, e.name, &child, &a, NULL));
		same(d, path, 0,
		     sys(fstatat(d->dir, path, &st, AT_SYMLINK_NOFOLLOW)));
		compare_attr(d, &st, &a);
		if (S_ISDIR(a.mode))
			end_tree(d, path, child);
		else if (S_ISREG(a.mode))
			end_file(d, path, child);
		nwb_ns_forget(d->mnt, child, 1);
	}
	nwb_ns_closedir(dir);
}

/* And gone: the next seed begins with nothing. */
static void remove_tree(struct diff *d, struct nwb_node *node, int fd)
{
	struct nwb_dirent e = {0};
	struct nwb_node *child;
	struct nwb_attr a;
	struct nwb_dir *dir;

	same(d, "opendir", 0, nwb_ns_opendir(d->mnt, node, &dir, NULL));
	while (nwb_ns_readdir(dir, e.next, &e, NULL) == 1) {
		if (e.name[0] == '.')
			continue;
		if (e.type == DT_DIR) {
			int sub = openat(fd, e.name, O_RDONLY | O_DIRECTORY);

			same(d, "lookup", 0,
			     nwb_ns_lookup(d->mnt, node, e.name, &child, &a,
					   NULL));
			remove_tree(d, child, sub);
			close(sub);
			nwb_ns_forget(d->mnt, child, 1);
			same(d, "rmdir",
			     sys(unlinkat(fd, e.name, AT_REMOVEDIR)),
			     nwb_ns_rmdir(d->mnt, node, e.name, NULL));
		} else {
			same(d, "unlink", sys(unlinkat(fd, e.name, 0)),
			     nwb_ns_unlink(d->mnt, node, e.name, NULL));
		}
	}
	nwb_ns_closedir(dir);
}

static void run_seed(struct diff *d, uint64_t seed)
{
	d->seed = seed;
	d->rng = seed * 0x9e3779b97f4a7c15ull | 1;
	d->at = 0;
	for (unsigned int i = 0; i < HANDLES; i++)
		d->handle[i].fd = -1;
	for (unsigned int i = 0; i < d->nr_ops; i++)
		op(d);
	for (unsigned int i = 0; i < HANDLES; i++)
		if (d->handle[i].fd >= 0)
			handle_close(d, &d->handle[i]);
	end_tree(d, "", nwb_ns_root(d->mnt));
	remove_tree(d, nwb_ns_root(d->mnt), d->dir);
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoul(s, NULL, 0) : otherwise;
}

static void body(struct ops_rig *r)
{
	char where[] = "/dev/shm/nwb-ops-XXXXXX";
	struct diff *d = calloc(1, sizeof(*d));
	unsigned long seed = number("NWB_OPS_SEED", 0);
	mode_t mask = umask(0);

	nwb_check(d && mkdtemp(where));
	d->dir = open(where, O_RDONLY | O_DIRECTORY);
	d->rig = r;
	d->mnt = r->mnt;
	d->nr_ops = (unsigned int)number("NWB_OPS_COUNT", 350);
	if (seed)
		run_seed(d, seed);
	for (uint64_t s = 1; !seed && s <= 3; s++)
		run_seed(d, s);
	/* not only one error after the other */
	nwb_check(d->nr_done > d->nr_ops / 4);
	close(d->dir);
	rmdir(where);
	umask(mask);
	free(d);
}

/* One program a server: OPS_SERVER is its name. */
#define DIFF(name_, ...)                                                       \
	NWB_TEST(ops_diff, name_)                                              \
	{                                                                      \
		struct ops_rig r = {                                           \
			.server = OPS_SERVER, .body = body, __VA_ARGS__};      \
                                                                               \
		r.netfs.cache_bytes = NWB_MIB;                                 \
		ops_rig_run(&r);                                               \
	}

DIFF(in_place)
DIFF(in_place_resets, .resets = true)
DIFF(temp_page_resets, .resets = true, .netfs.mode = NWB_TEMP_PAGE)
#ifdef OPS_LEASES
DIFF(leases_resets, .resets = true, .leases = true)
#endif
