/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names, one case at a time, on the real servers: what POSIX says must come of
 * it, also where the protocol does not say so.
 */
#include "ops_rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct nwb_node *make_file(struct ops_rig *r, struct nwb_node *dir,
				  const char *name, const char *text)
{
	struct nwb_node *node;
	struct nwb_file *f;
	struct nwb_attr a;
	struct nwb_err err = {0};

	if (nwb_ns_create(r->mnt, dir, name, 0644, &node, &a, &f, &err))
		nwb_check_streq(err.text, "");
	nwb_check_eq(nwb_file_write(f, text, strlen(text), 0), strlen(text));
	nwb_check_eq(nwb_ns_close(r->mnt, node, f), 0);
	return node;
}

static struct nwb_node *make_dir(struct ops_rig *r, struct nwb_node *dir,
				 const char *name)
{
	struct nwb_node *node;
	struct nwb_attr a;
	struct nwb_err err = {0};

	if (nwb_ns_mkdir(r->mnt, dir, name, 0755, &node, &a, &err))
		nwb_check_streq(err.text, "");
	nwb_check(S_ISDIR(a.mode));
	return node;
}

static int look(struct ops_rig *r, struct nwb_node *dir, const char *name)
{
	struct nwb_node *node;
	struct nwb_attr a;
	int rc = nwb_ns_lookup(r->mnt, dir, name, &node, &a, NULL);

	if (!rc)
		nwb_ns_forget(r->mnt, node, 1);
	return rc;
}

/* What the server has under @name begins with @text and is no longer. */
static void check_export(struct ops_rig *r, const char *name, const char *text)
{
	char buf[256] = {0};
	int fd = -1;

	nwb_check_eq(nwb_server_open(r->srv, name, O_RDONLY, &fd, NULL), 0);
	nwb_check(read(fd, buf, sizeof(buf) - 1) >= 0);
	nwb_check_streq(buf, text);
	close(fd);
}

/* Names of the root, one behind the other, in whatever order. */
static unsigned int count_entries(struct ops_rig *r, struct nwb_node *node)
{
	struct nwb_dirent e = {0};
	struct nwb_dir *dir;
	unsigned int nr = 0;
	int rc;

	nwb_check_eq(nwb_ns_opendir(r->mnt, node, &dir, NULL), 0);
	while ((rc = nwb_ns_readdir(dir, e.next, &e, NULL)) == 1)
		nr += strcmp(e.name, ".") && strcmp(e.name, "..");
	nwb_check_eq(rc, 0);
	nwb_ns_closedir(dir);
	return nr;
}

static void removed_while_open(struct ops_rig *r)
{
	struct nwb_node *root = nwb_ns_root(r->mnt);
	struct nwb_node *dir = make_dir(r, root, "d");
	struct nwb_node *node = make_file(r, dir, "f", "one");
	struct nwb_attr a;
	struct nwb_file *f;
	char buf[8] = {0};

	nwb_check_eq(nwb_ns_open(r->mnt, node, false, &f, NULL), 0);
	nwb_check_eq(nwb_file_write(f, "TWO", 3, 3), 3);
	nwb_check_eq(nwb_ns_unlink(r->mnt, dir, "f", NULL), 0);
	nwb_check_eq(look(r, dir, "f"), -ENOENT);
	nwb_check_eq(nwb_ns_unlink(r->mnt, dir, "f", NULL), -ENOENT);
	nwb_check_eq(count_entries(r, root), 1);
	nwb_check_eq(nwb_ns_getattr(r->mnt, node, &a, NULL), 0);
	nwb_check_eq(a.nlink, 0);
	nwb_check_eq(a.size, 6);
	/* neither in the way of its directory, nor of a lost connection */
	nwb_check_eq(nwb_ns_rmdir(r->mnt, root, "d", NULL), 0);
	ops_rig_drop(r);
	nwb_check_eq(nwb_file_fsync(f), 0);
	nwb_check_eq(nwb_file_read(f, buf, 7, 0), 6);
	nwb_check_streq(buf, "oneTWO");
	nwb_check_eq(nwb_ns_close(r->mnt, node, f), 0);
	nwb_ns_forget(r->mnt, node, 1);
	nwb_ns_forget(r->mnt, dir, 1);
	/* and nothing is left of it */
	nwb_check_eq(count_entries(r, root), 0);
}

/* The two handles are looked for where the names are now. */
static void renamed_while_open(struct ops_rig *r)
{
	struct nwb_node *root = nwb_ns_root(r->mnt);
	struct nwb_node *a = make_dir(r, root, "a");
	struct nwb_node *b = make_dir(r, a, "b");
	struct nwb_node *f1 = make_file(r, b, "f", "one");
	struct nwb_node *f2 = make_file(r, root, "g", "two");
	struct nwb_file *o1, *o2;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_ns_open(r->mnt, f1, false, &o1, NULL), 0);
	nwb_check_eq(nwb_ns_open(r->mnt, f2, false, &o2, NULL), 0);
	nwb_check_eq(nwb_file_write(o1, "ONE", 3, 0), 3);
	if (nwb_ns_rename(r->mnt, root, "a", root, "z", 0, &err))
		nwb_check_streq(err.text, "");
	nwb_check_eq(nwb_file_fsync(o1), 0);
	check_export(r, "z/b/f", "ONE");
	/* over the other one, which is open, too */
	nwb_check_eq(nwb_file_write(o2, "TWO", 3, 0), 3);
	nwb_check_eq(nwb_ns_rename(r->mnt, b, "f", root, "g", 0, &err), 0);
	nwb_check_eq(nwb_file_write(o1, "!", 1, 3), 1);
	ops_rig_drop(r);
	nwb_check_eq(nwb_file_fsync(o2), 0);
	nwb_check_eq(nwb_file_fsync(o1), 0);
	check_export(r, "g", "ONE!");
	nwb_check_eq(nwb_ns_close(r->mnt, f1, o1), 0);
	nwb_check_eq(nwb_ns_close(r->mnt, f2, o2), 0);
	check_export(r, "g", "ONE!");
	nwb_check_eq(count_entries(r, root), 2);
	nwb_check_eq(nwb_ns_rename(r->mnt, root, "z", b, "x", 0, NULL),
		     -EINVAL);
	nwb_check_eq(nwb_ns_rename(r->mnt, root, "z", root, "g", 0, NULL),
		     -ENOTDIR);
	nwb_check_eq(nwb_ns_rename(r->mnt, root, "g", root, "z", 0, NULL),
		     -EISDIR);
	nwb_check_eq(nwb_ns_rename(r->mnt, root, "g", root, "z",
				   NWB_RENAME_NOREPLACE, NULL),
		     -EEXIST);
	nwb_check_eq(nwb_ns_rmdir(r->mnt, root, "z", NULL), -ENOTEMPTY);
	nwb_check_eq(nwb_ns_rmdir(r->mnt, root, "g", NULL), -ENOTDIR);
	nwb_check_eq(nwb_ns_unlink(r->mnt, root, "z", NULL), -EISDIR);
}

static void sizes_and_times(struct ops_rig *r)
{
	struct nwb_node *root = nwb_ns_root(r->mnt), *node;
	struct nwb_attr a, set = {.size = 5000,
				  .mtime = {1234567890, 123456700},
				  .atime = {1000000000, 5000}};
	struct nwb_file *f, *g;
	struct nwb_statfs st;

	nwb_check_eq(
		nwb_ns_create(r->mnt, root, "f", 0640, &node, &a, &f, NULL), 0);
	nwb_check_eq(a.mode, S_IFREG | 0640);
	nwb_check_eq(a.nlink, 1);
	nwb_check_eq(nwb_file_write(f, "x", 1, 9999), 1);
	nwb_check_eq(nwb_ns_size(r->mnt, node), 10000);
	nwb_check_eq(nwb_ns_getattr(r->mnt, node, &a, NULL), 0);
	nwb_check_eq(a.size, 10000);
	/* what is dirty beyond does not come back */
	nwb_check_eq(nwb_ns_setattr(r->mnt, node, NWB_SET_SIZE, &set, &a, NULL),
		     0);
	nwb_check_eq(a.size, 5000);
	nwb_check_eq(nwb_file_write(f, "y", 1, 1), 1);
	nwb_check_eq(nwb_ns_setattr(r->mnt, node, NWB_SET_MTIME | NWB_SET_ATIME,
				    &set, &a, NULL),
		     0);
	nwb_check_eq(nwb_ns_close(r->mnt, node, f), 0);
	nwb_check_eq(nwb_ns_getattr(r->mnt, node, &a, NULL), 0);
	nwb_check_eq(a.size, 5000);
	nwb_check_eq(a.mtime.sec, 1234567890);
	nwb_check_eq(a.mtime.nsec, 123456700);
	nwb_check_eq(a.atime.sec, 1000000000);
	nwb_check_eq(nwb_ns_open(r->mnt, node, true, &g, NULL), 0);
	nwb_check_eq(nwb_ns_size(r->mnt, node), 0);
	nwb_check_eq(nwb_ns_close(r->mnt, node, g), 0);
	check_export(r, "f", "");
	nwb_check_eq(nwb_ns_statfs(r->mnt, &st, NULL), 0);
	nwb_check(st.bsize && st.blocks && st.bfree <= st.blocks);
	nwb_check(st.namelen >= 200);
}

static void errors(struct ops_rig *r)
{
	struct nwb_node *root = nwb_ns_root(r->mnt), *node, *file;
	struct nwb_file *f;
	struct nwb_attr a;
	char longest[300];

	memset(longest, 'n', sizeof(longest));
	longest[256] = 0;
	file = make_file(r, root, "f", "x");
	nwb_check_eq(nwb_ns_lookup(r->mnt, root, longest, &node, &a, NULL),
		     -ENAMETOOLONG);
	nwb_check_eq(nwb_ns_mkdir(r->mnt, root, longest, 0755, &node, &a, NULL),
		     -ENAMETOOLONG);
	nwb_check_eq(nwb_ns_lookup(r->mnt, root, "none", &node, &a, NULL),
		     -ENOENT);
	nwb_check_eq(nwb_ns_lookup(r->mnt, file, "x", &node, &a, NULL),
		     -ENOTDIR);
	nwb_check_eq(
		nwb_ns_create(r->mnt, root, "f", 0644, &node, &a, &f, NULL),
		-EEXIST);
	nwb_check_eq(nwb_ns_mkdir(r->mnt, root, "f", 0755, &node, &a, NULL),
		     -EEXIST);
	nwb_check_eq(nwb_ns_mkdir(r->mnt, root, "..", 0755, &node, &a, NULL),
		     -EEXIST);
	nwb_check_eq(nwb_ns_unlink(r->mnt, root, "none", NULL), -ENOENT);
	nwb_check_eq(nwb_ns_rename(r->mnt, root, "none", root, "f", 0, NULL),
		     -ENOENT);
	nwb_check_eq(nwb_ns_open(r->mnt, root, false, &f, NULL), -EISDIR);
	nwb_check_eq(
		nwb_ns_lookup(r->mnt, root, NWB_NS_GONE "1", &node, &a, NULL),
		-ENOENT);
	nwb_check_eq(nwb_ns_lookup(r->mnt, root, "..", &node, &a, NULL), 0);
	nwb_check(node == root);
	longest[200] = 0;
	node = make_dir(r, root, longest);
	nwb_check_eq(look(r, root, longest), 0);
	nwb_ns_forget(r->mnt, node, 1);
	/* UTF-8, and upper and lower case are not the same */
	node = make_file(r, root, "\xc3\xa4\xf0\x9f\x98\x80", "u");
	check_export(r, "\xc3\xa4\xf0\x9f\x98\x80", "u");
	nwb_ns_forget(r->mnt, node, 1);
	node = make_file(r, root, "F", "big");
	check_export(r, "f", "x");
	check_export(r, "F", "big");
}

static void links(struct ops_rig *r)
{
	struct nwb_node *root = nwb_ns_root(r->mnt), *l, *other;
	struct nwb_node *node = make_file(r, root, "f", "one");
	struct nwb_attr a;
	struct nwb_file *f;
	char buf[64] = {0};

	nwb_check_eq(nwb_ns_link(r->mnt, node, root, "g", &a, NULL), 0);
	nwb_check_eq(a.nlink, 2);
	nwb_check_eq(nwb_ns_lookup(r->mnt, root, "g", &other, &a, NULL), 0);
	nwb_check(other == node); /* or there would be two page caches */
	nwb_check_eq(nwb_ns_open(r->mnt, node, false, &f, NULL), 0);
	nwb_check_eq(nwb_ns_unlink(r->mnt, root, "f", NULL), 0);
	nwb_check_eq(nwb_file_write(f, "TWO", 3, 0), 3);
	ops_rig_drop(r);
	nwb_check_eq(nwb_file_fsync(f), 0);
	check_export(r, "g", "TWO");
	nwb_check_eq(nwb_ns_getattr(r->mnt, node, &a, NULL), 0);
	nwb_check_eq(a.nlink, 1);
	nwb_check_eq(nwb_ns_rename(r->mnt, root, "g", root, "g", 0, NULL), 0);
	nwb_check_eq(nwb_ns_close(r->mnt, node, f), 0);
	nwb_check_eq(count_entries(r, root), 1);
	nwb_check_eq(nwb_ns_getattr(r->mnt, node, &a, NULL), 0);
	nwb_check_eq(a.nlink, 1);
	if (nwb_mount_smb2(r->mnt)) {
		nwb_check_eq(
			nwb_ns_symlink(r->mnt, root, "l", "g", &l, &a, NULL),
			-EOPNOTSUPP);
		return;
	}
	nwb_check_eq(
		nwb_ns_symlink(r->mnt, root, "l", "no/where", &l, &a, NULL), 0);
	nwb_check(S_ISLNK(a.mode));
	nwb_check_eq(nwb_ns_readlink(r->mnt, l, buf, sizeof(buf), NULL), 8);
	nwb_check_streq(buf, "no/where");
	nwb_check_eq(nwb_ns_unlink(r->mnt, root, "l", NULL), 0);
}

static void xattrs(struct ops_rig *r)
{
	struct nwb_node *root = nwb_ns_root(r->mnt);
	struct nwb_node *node = make_file(r, root, "f", "x");
	static char big[40000], buf[65536];
	ssize_t n;

	n = nwb_ns_setxattr(r->mnt, node, "user.a", "value", 5,
			    NWB_XATTR_CREATE, NULL);
	if (n == -EOPNOTSUPP)
		return; /* the protocol, or the file system below */
	nwb_check_eq(n, 0);
	nwb_check_eq(nwb_ns_setxattr(r->mnt, node, "user.a", "other", 5,
				     NWB_XATTR_CREATE, NULL),
		     -EEXIST);
	nwb_check_eq(nwb_ns_setxattr(r->mnt, node, "user.b", "other", 5,
				     NWB_XATTR_REPLACE, NULL),
		     -ENODATA);
	nwb_check_eq(nwb_ns_getxattr(r->mnt, node, "user.a", NULL, 0, NULL), 5);
	nwb_check_eq(nwb_ns_getxattr(r->mnt, node, "user.a", buf, 4, NULL),
		     -ERANGE);
	nwb_check_eq(nwb_ns_getxattr(r->mnt, node, "user.a", buf, 64, NULL), 5);
	nwb_check(!memcmp(buf, "value", 5));
	memset(big, 'v', sizeof(big));
	ops_rig_drop(r);
	nwb_check_eq(nwb_ns_setxattr(r->mnt, node, "user.big", big, sizeof(big),
				     0, NULL),
		     0);
	nwb_check_eq(nwb_ns_getxattr(r->mnt, node, "user.big", buf, sizeof(buf),
				     NULL),
		     sizeof(big));
	nwb_check(!memcmp(buf, big, sizeof(big)));
	n = nwb_ns_listxattr(r->mnt, node, buf, sizeof(buf), NULL);
	nwb_check(n >= 16 && memmem(buf, (size_t)n, "user.a", 7) &&
		  memmem(buf, (size_t)n, "user.big", 9));
	nwb_check_eq(nwb_ns_removexattr(r->mnt, node, "user.a", NULL), 0);
	nwb_check_eq(nwb_ns_removexattr(r->mnt, node, "user.a", NULL),
		     -ENODATA);
	nwb_check_eq(nwb_ns_getxattr(r->mnt, node, "user.a", NULL, 0, NULL),
		     -ENODATA);
}

/* More than one reply holds; offsets are stable while it is emptied. */
static void big_directory(struct ops_rig *r)
{
	struct nwb_node *root = nwb_ns_root(r->mnt);
	struct nwb_node *dir = make_dir(r, root, "d"), *node;
	struct nwb_dirent e = {0};
	struct nwb_dir *d;
	unsigned int nr = 0;
	char name[64];

	for (unsigned int i = 0; i < 700; i++) {
		snprintf(name, sizeof(name),
			 "%03u-a-name-that-takes-some-room-in-a-reply", i);
		node = make_dir(r, dir, name);
		nwb_ns_forget(r->mnt, node, 1);
	}
	nwb_check_eq(count_entries(r, dir), 700);
	nwb_check_eq(nwb_ns_opendir(r->mnt, dir, &d, NULL), 0);
	while (nwb_ns_readdir(d, e.next, &e, NULL) == 1) {
		if (!strcmp(e.name, ".") || !strcmp(e.name, ".."))
			continue;
		nwb_check_eq(e.type, DT_DIR);
		nwb_check_eq(nwb_ns_rmdir(r->mnt, dir, e.name, NULL), 0);
		nr++;
	}
	nwb_check_eq(nr, 700);
	nwb_ns_closedir(d);
	nwb_check_eq(count_entries(r, dir), 0);
	nwb_check_eq(nwb_ns_rmdir(r->mnt, root, "d", NULL), 0);
}

/* Ten times what fits in the cache, in files that were closed. */
static void more_files_than_memory(struct ops_rig *r)
{
	static char buf[65536], got[65536];
	struct nwb_node *root = nwb_ns_root(r->mnt), *node;
	struct nwb_file *f;
	struct nwb_attr a;
	char name[16];

	for (unsigned int i = 0; i < 400; i++) {
		size_t len = i % 4 ? 6000 + i : sizeof(buf);

		memset(buf, (int)('a' + i % 26), len);
		snprintf(name, sizeof(name), "f%u", i);
		nwb_check_eq(nwb_ns_create(r->mnt, root, name, 0644, &node, &a,
					   &f, NULL),
			     0);
		nwb_check_eq(nwb_file_write(f, buf, len, 0), len);
		nwb_check_eq(nwb_ns_close(r->mnt, node, f), 0);
		nwb_check_eq(nwb_ns_open(r->mnt, node, false, &f, NULL), 0);
		nwb_check_eq(nwb_file_read(f, got, sizeof(got), 0), len);
		nwb_check(!memcmp(buf, got, len));
		nwb_check_eq(nwb_ns_close(r->mnt, node, f), 0);
		nwb_ns_forget(r->mnt, node, 1);
	}
	nwb_check_eq(count_entries(r, root), 400);
}

#define ON(server_, name_) ON_SUCH(server_, , name_, .resets = false)

#define ON_SUCH(server_, how_, name_, ...)                                     \
	NWB_TEST(ops_##server_##how_, name_)                                   \
	{                                                                      \
		struct ops_rig r = {                                           \
			.server = #server_, .body = name_, __VA_ARGS__};       \
                                                                               \
		r.netfs.cache_bytes = NWB_MIB;                                 \
                                                                               \
		ops_rig_run(&r);                                               \
	}

#define ALL(server_)                                                           \
	ON(server_, removed_while_open)                                        \
	ON(server_, renamed_while_open)                                        \
	ON(server_, sizes_and_times)                                           \
	ON(server_, errors)                                                    \
	ON(server_, links)                                                     \
	ON(server_, xattrs)                                                    \
	ON(server_, big_directory)                                             \
	ON(server_, more_files_than_memory)

ALL(diod)
ALL(smbd)
ON_SUCH(smbd, _leases, removed_while_open, .leases = true)
ON_SUCH(smbd, _leases, renamed_while_open, .leases = true)
ON_SUCH(smbd, _leases, links, .leases = true)
