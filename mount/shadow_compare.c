/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shadow against the export, as it lies on the server's disk.
 *
 * Each directory is read from both sides; content is compared where either has
 * some: what is a hole in both is not read, however large it is.
 */
#include "shadow_i.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct compare {
	struct nwb_shadow *sh;
	bool (*ignore)(const char *name);
	struct nwb_err *err;
	uint8_t buf[SHADOW_CHUNK];
};

static const uint8_t zero[SHADOW_PAGE];
static const char *const type_names[] = {"file", "directory", "symbolic link"};

typedef unsigned long long ull;

/* --- content -------------------------------------------------------------- */

/* Return: the first byte at or behind @off where either side has data; @end:
 * none. */
static uint64_t next_data(const struct nwb_snode *n, int fd, uint64_t off,
			  uint64_t end)
{
	off_t at = lseek(fd, (off_t)off, SEEK_DATA);
	uint64_t theirs = at >= 0 ? (uint64_t)at : errno == ENXIO ? end : off;
	uint64_t c = off / SHADOW_CHUNK;

	while (c < n->nr_chunks && !n->chunk[c])
		c++;
	return nwb_min(nwb_min(theirs, end),
		       c < n->nr_chunks ? nwb_max(c * SHADOW_CHUNK, off) : end);
}

static void found_bytes(struct compare *c, struct nwb_snode *n,
			const uint8_t *theirs, uint64_t len, uint64_t off)
{
	const uint8_t *ours = pages_find(c->sh, n, off);
	struct nwb_shadow_finding f = {.oracle = 1, .off = off};
	uint64_t nr = 0, nr_zero = 0;

	ours = ours ? ours + off % SHADOW_PAGE : zero;
	len = nwb_min(len, SHADOW_PAGE - off % SHADOW_PAGE);
	for (uint64_t i = 0; i < len; i++) {
		nr += ours[i] != theirs[i];
		nr_zero += ours[i] != theirs[i] && !theirs[i];
	}
	f.len = len;
	f.kind = nr == nr_zero ? "ZEROED" : "LOST";
	snprintf(f.text, sizeof(f.text),
		 "%llu of %llu bytes from %llu on are not what was written",
		 (ull)nr, (ull)len, (ull)off);
	shadow_hexdump(f.detail, sizeof(f.detail), "written", ours, "server",
		       theirs, len, off);
	shadow_found(c->sh, &f, n);
}

/* One page at most. Return: how far it is compared. */
static uint64_t compare_page(struct compare *c, struct nwb_snode *n,
			     const uint8_t *theirs, uint64_t len, uint64_t off,
			     unsigned int *ret_bad)
{
	const struct range *r = ranges_next(&n->released, off);
	const uint8_t *ours = pages_find(c->sh, n, off);
	uint64_t in = off % SHADOW_PAGE;

	len = nwb_min(len, SHADOW_PAGE - in);
	if (r && r->off <= off) {
		len = nwb_min(len, r->end - off);
		c->sh->stats.bytes_released += len;
		return len;
	}
	if (r)
		len = nwb_min(len, r->off - off);
	ours = ours ? ours + in : zero;
	c->sh->stats.bytes += len;
	if (!memcmp(ours, theirs, len))
		return len;
	for (uint64_t i = 0; i < len; i++)
		if (ours[i] != theirs[i]) {
			/* one a file */
			if (!(*ret_bad)++)
				found_bytes(c, n, theirs + i, len - i, off + i);
			break;
		}
	return len;
}

static int compare_data(struct compare *c, struct nwb_snode *n, int fd,
			uint64_t size)
{
	unsigned int bad = 0;
	uint64_t off = 0;

	for (;;) {
		uint64_t want, at = 0;
		ssize_t got;

		off = next_data(n, fd, off, size);
		if (off >= size)
			return 0;
		want = nwb_min(sizeof(c->buf) - off % sizeof(c->buf),
			       size - off);
		got = pread(fd, c->buf, want, (off_t)off);
		if (got <= 0)
			return nwb_err_set(c->err, got ? -errno : -EIO,
					   "reading the export: %s",
					   got ? nwb_errno_name(errno)
					       : "it ended too soon");
		while (at < (uint64_t)got)
			at += compare_page(c, n, c->buf + at,
					   (uint64_t)got - at, off + at, &bad);
		off += (uint64_t)got;
	}
}

static int compare_file(struct compare *c, struct nwb_snode *n, int fd)
{
	struct nwb_shadow_finding f = {.oracle = 1, .kind = "SHORT"};
	struct stat st;
	uint64_t size;

	c->sh->stats.nr_files++;
	if (n->is_given_up)
		return 0;
	if (fstat(fd, &st))
		return nwb_err_set(c->err, -errno, "stat in the export: %s",
				   nwb_errno_name(errno));
	size = (uint64_t)st.st_size;
	if (size != n->size && !n->is_size_unknown) {
		if (size > n->size) {
			f.oracle = 9;
			f.kind = "LONG";
		}
		f.off = nwb_min(size, n->size);
		f.len = nwb_max(size, n->size) - f.off;
		snprintf(f.text, sizeof(f.text),
			 "%llu bytes long on the server, should be %llu",
			 (ull)size, (ull)n->size);
		shadow_found(c->sh, &f, n);
	}
	return compare_data(c, n, fd, nwb_min(size, n->size));
}

/* --- names ---------------------------------------------------------------- */

static int compare_dir(struct compare *c, struct nwb_snode *dir, int fd);

static void found_name(struct compare *c, struct nwb_snode *n, uint8_t oracle,
		       const char *kind, const char *what)
{
	struct nwb_shadow_finding f = {.oracle = oracle, .kind = kind};

	snprintf(f.text, sizeof(f.text), "this %s %s", type_names[n->type],
		 what);
	shadow_found(c->sh, &f, n);
}

static int compare_link(struct compare *c, struct nwb_snode *n, int dirfd,
			const char *name)
{
	ssize_t len =
		readlinkat(dirfd, name, (char *)c->buf, sizeof(c->buf) - 1);

	c->sh->stats.nr_links++;
	if (len < 0)
		return nwb_err_set(c->err, -errno, "readlink: %s",
				   nwb_errno_name(errno));
	c->buf[len] = 0;
	if (n->target && strcmp((char *)c->buf, n->target))
		found_name(c, n, 1, "LOST", "points elsewhere on the server");
	return 0;
}

static bool is_type(enum nwb_snode_type type, mode_t mode)
{
	switch (type) {
	case NWB_SNODE_FILE:
		return S_ISREG(mode);
	case NWB_SNODE_DIR:
		return S_ISDIR(mode);
	default:
		return S_ISLNK(mode);
	}
}

static int compare_name(struct compare *c, const struct dentry *d, int dirfd)
{
	struct nwb_snode *n = d->node;
	struct stat st;
	int fd, rc;

	if (d->is_doubtful || !n) {
		c->sh->stats.nr_doubtful++;
		return 0;
	}
	if (fstatat(dirfd, d->name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			return nwb_err_set(c->err, -errno,
					   "stat in the export: %s",
					   nwb_errno_name(errno));
		found_name(c, n, 1, "LOST", "is not on the server");
		return 0;
	}
	if (!is_type(n->type, st.st_mode)) {
		found_name(c, n, 1, "LOST", "is something else on the server");
		return 0;
	}
	if (n->type == NWB_SNODE_LINK)
		return compare_link(c, n, dirfd, d->name);
	fd = openat(dirfd, d->name,
		    O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
			    (n->type == NWB_SNODE_DIR ? O_DIRECTORY : 0));
	if (fd < 0)
		return nwb_err_set(c->err, -errno, "opening in the export: %s",
				   nwb_errno_name(errno));
	rc = n->type == NWB_SNODE_DIR ? compare_dir(c, n, fd)
				      : compare_file(c, n, fd);
	close(fd);
	return rc;
}

/* What is there and nobody made. */
static int compare_extra(struct compare *c, struct nwb_snode *dir, int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!d) {
		int rc = -errno;

		if (fd >= 0)
			close(fd);
		return nwb_err_set(c->err, rc, "reading the export: %s",
				   nwb_errno_name(rc));
	}
	while ((de = readdir(d)) != NULL) {
		struct nwb_shadow_finding f = {.oracle = 2, .kind = "UNISSUED"};

		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, "..") ||
		    (c->ignore && c->ignore(de->d_name)) ||
		    shadow_find(c->sh, dir, de->d_name))
			continue;
		snprintf(
			f.text, sizeof(f.text),
			"on the server there is \"%.140s\" in it, which nobody "
			"made",
			de->d_name);
		for (char *p = f.text; *p; p++)
			if (*p < ' ' || *p > '~')
				*p = '?';
		shadow_found(c->sh, &f, dir);
	}
	closedir(d);
	return 0;
}

static int compare_dir(struct compare *c, struct nwb_snode *dir, int fd)
{
	const struct dentry *d;
	int rc = 0;

	c->sh->stats.nr_dirs++;
	nwb_list_for_each_entry (d, &dir->entries, sibling) {
		rc = compare_name(c, d, fd);
		if (rc)
			return rc;
	}
	return compare_extra(c, dir, fd);
}

int nwb_shadow_compare(struct nwb_shadow *sh, int dirfd,
		       bool (*ignore)(const char *name), struct nwb_err *err)
{
	struct compare *c = malloc(sizeof(*c));
	int rc;

	if (!c)
		return nwb_err_set(err, -ENOMEM, "no memory to compare");
	c->sh = sh;
	c->ignore = ignore;
	c->err = err;
	rc = compare_dir(c, sh->root, dirfd);
	free(c);
	return rc;
}
