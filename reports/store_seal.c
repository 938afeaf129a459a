/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA256SUMS: written when a session has ended, held against the files at any
 * time later. The digest of run.jsonl is of the bytes that were handed to
 * write(2), so that what a disk made of them shows.
 */
#include "nwb/store.h"

#include "nwb/mem.h"
#include "store_i.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP	  (64 * NWB_KIB)
#define FILES_MAX 100000

static void fini_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

void nwb_sha256_hex(const struct sha256_ctx *sum, char ret_hex[NWB_HEX_SIZE])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx copy = *sum;

	sha256_digest(&copy, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}

/* The file @path below @dirfd; no symbolic link on the way. */
static int open_below(int dirfd, const char *path)
{
	const char *slash = strchr(path, '/');
	char name[NAME_MAX + 1];
	int sub, fd;

	if (!slash)
		return openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
	sub = openat(dirfd, name,
		     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (sub < 0)
		return -1;
	fd = open_below(sub, slash + 1);
	close(sub);
	return fd;
}

int nwb_sha256_file(int dirfd, const char *name, char ret_hex[NWB_HEX_SIZE],
		    struct nwb_err *err)
{
	int fd = dirfd == AT_FDCWD
			 ? open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
			 : open_below(dirfd, name);
	struct sha256_ctx sum;
	uint8_t *buf;
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return nwb_err_set(err, -errno, "%s: %s", name,
				   strerror(errno));
	buf = nwb_alloc(STEP);
	if (!buf) {
		close(fd);
		return nwb_err_set(err, -ENOMEM, "%s: out of memory", name);
	}
	sha256_init(&sum);
	while ((n = read(fd, buf, STEP)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = nwb_err_set(err, -errno, "%s: %s", name,
					strerror(errno));
			break;
		}
		sha256_update(&sum, (size_t)n, buf);
	}
	nwb_free(buf);
	close(fd);
	if (!r)
		nwb_sha256_hex(&sum, ret_hex);
	return r;
}

bool nwb_store_is_kept(const char *name)
{
	if (name[0] == '.' || strpbrk(name, "\\\n") ||
	    !strcmp(name, NWB_STORE_SUMS))
		return false;
	for (int f = 0; f < NWB_REPORT_FORMATS; f++)
		if (!strcmp(name,
			    nwb_report_format_file((enum nwb_report_format)f)))
			return false;
	return true;
}

/* --- every file of a session ---------------------------------------------- */

/* What is measured of a guest lies in directories of its own: DIR/guest/RUN/.
 */
#define DEPTH_MAX 4u

/* May a file be called so? Reports have their names at the top only. */
static bool is_kept_path(const char *path)
{
	unsigned int depth = 0;

	if (!strchr(path, '/'))
		return *path && nwb_store_is_kept(path);
	for (; path; depth++) {
		const char *slash = strchr(path, '/');
		size_t len = slash ? (size_t)(slash - path) : strlen(path);

		if (!len || len > NAME_MAX || *path == '.')
			return false;
		if (strcspn(path, "\\\n") < len)
			return false;
		path = slash ? slash + 1 : NULL;
	}
	return depth <= DEPTH_MAX;
}

static int pick(const struct dirent *de)
{
	return de->d_name[0] != '.';
}

typedef int (*visit_fn)(void *arg, int top, const char *path,
			struct nwb_err *err);

/* @fn for each plain file below @dirfd, in the order of their names. @rel: what
 * @dirfd is called from @top, "" or with a slash behind it. */
static int walk(int top, int dirfd, const char *rel, visit_fn fn, void *arg,
		struct nwb_err *err)
{
	char path[PATH_MAX];
	struct dirent **list;
	int nr = scandirat(dirfd, ".", &list, pick, alphasort), r = 0;

	if (nr < 0)
		return nwb_err_set(err, -errno, "%s: %s", NWB_STORE_SUMS,
				   strerror(errno));
	for (int i = 0; i < nr; i++) {
		const char *name = list[i]->d_name;
		int n = snprintf(path, sizeof(path), "%s%s", rel, name), sub;
		struct stat st;

		if (r || n < 0 || (size_t)n + 1 >= sizeof(path) ||
		    !is_kept_path(path) ||
		    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW)) {
			free(list[i]);
			continue;
		}
		if (S_ISREG(st.st_mode)) {
			r = fn(arg, top, path, err);
		} else if (S_ISDIR(st.st_mode)) {
			strcat(path, "/");
			sub = openat(dirfd, name,
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC |
					     O_NOFOLLOW);
			if (sub >= 0)
				r = walk(top, sub, path, fn, arg, err);
			if (sub >= 0)
				close(sub);
		}
		free(list[i]);
	}
	free(list);
	return r;
}

/* One line for each file but run.jsonl, whose digest is known. */
static int write_line(void *arg, int top, const char *path, struct nwb_err *err)
{
	char hex[NWB_HEX_SIZE];
	int r;

	if (!strcmp(path, NWB_STORE_NAME))
		return 0;
	r = nwb_sha256_file(top, path, hex, err);
	/* a temporary file may be gone meanwhile */
	if (!r)
		fprintf(arg, "%s  %s\n", hex, path);
	return r == -ENOENT ? 0 : r;
}

int nwb_sums_write(int dirfd, const char *run_hex, struct nwb_err *err)
{
	static const char tmp[] = "." NWB_STORE_SUMS ".new";
	int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			0644);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	int r;

	if (!f) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return nwb_err_set(err, r, "%s: %s", NWB_STORE_SUMS,
				   strerror(-r));
	}
	fprintf(f, "%s  %s\n", run_hex, NWB_STORE_NAME);
	r = walk(dirfd, dirfd, "", write_line, f, err);
	if (!r && (fflush(f) || fsync(fd)))
		r = nwb_err_set(err, -errno, "%s: %s", NWB_STORE_SUMS,
				strerror(errno));
	if (fclose(f) && !r)
		r = nwb_err_set(err, -errno, "%s: %s", NWB_STORE_SUMS,
				strerror(errno));
	if (!r && renameat(dirfd, tmp, dirfd, NWB_STORE_SUMS))
		r = nwb_err_set(err, -errno, "%s: %s", NWB_STORE_SUMS,
				strerror(errno));
	if (r)
		unlinkat(dirfd, tmp, 0);
	return r;
}

/* --- verify --------------------------------------------------------------- */

static int malformed(struct nwb_err *err, unsigned int line)
{
	return nwb_err_set(err, -EBADMSG,
			   "%s:%u: not a digest, two spaces and a file's name",
			   NWB_STORE_SUMS, line);
}

/* A line without its newline; @ret_name points into it. */
static int split_line(char *line, const char **ret_name)
{
	size_t hex = 2 * SHA256_DIGEST_SIZE;

	if (strspn(line, "0123456789abcdef") != hex ||
	    strncmp(line + hex, "  ", 2) || !is_kept_path(line + hex + 2))
		return -EBADMSG;
	line[hex] = '\0';
	*ret_name = line + hex + 2;
	return 0;
}

static int check_line(int dirfd, char *line, unsigned int nr,
		      struct nwb_store_check *ret, json_t *named,
		      struct nwb_err *err)
{
	char hex[NWB_HEX_SIZE];
	const char *name;
	int r = split_line(line, &name);

	if (r)
		return malformed(err, nr);
	if (json_object_set_new(named, name, json_true()))
		return malformed(err, nr); /* not UTF-8: none of ours */
	ret->files++;
	r = nwb_sha256_file(dirfd, name, hex, err);
	if (r == -ENOENT)
		return nwb_err_set(err, -EBADMSG, "%s is missing", name);
	if (!r && strcmp(hex, line))
		r = nwb_err_set(err, -EBADMSG,
				"%s is not what it was: SHA-256 %s, sealed as "
				"%s",
				name, hex, line);
	return r;
}

static int check_sums(int dirfd, struct nwb_store_check *ret, json_t *named,
		      struct nwb_err *err)
{
	int fd = openat(dirfd, NWB_STORE_SUMS, O_RDONLY | O_CLOEXEC);
	FILE *f nwb_cleanup(fini_file) = fd < 0 ? NULL : fdopen(fd, "r");
	char line[NWB_HEX_SIZE + PATH_MAX + 8];
	unsigned int nr = 0;
	int r = 0;

	if (!f)
		return nwb_err_set(err, errno == ENOENT ? -ENODATA : -errno,
				   errno == ENOENT ? "not sealed (no %s)"
						   : "%s: cannot be read",
				   NWB_STORE_SUMS);
	ret->is_sealed = true;
	while (!r && fgets(line, sizeof(line), f)) {
		size_t len = strlen(line);

		if (++nr > FILES_MAX || !len || line[len - 1] != '\n')
			return malformed(err, nr);
		line[len - 1] = '\0';
		r = check_line(dirfd, line, nr, ret, named, err);
	}
	if (!r && ferror(f))
		r = nwb_err_set(err, -EIO, "%s: read error", NWB_STORE_SUMS);
	if (!r && !json_object_get(named, NWB_STORE_NAME))
		r = nwb_err_set(err, -EBADMSG, "%s does not name %s",
				NWB_STORE_SUMS, NWB_STORE_NAME);
	return r;
}

struct extra {
	struct nwb_store_check *ret;
	const json_t *named;
};

static int note_extra(void *arg, int top, const char *path, struct nwb_err *err)
{
	struct extra *e = arg;
	size_t at = strlen(e->ret->extra);

	(void)top, (void)err;
	if (!json_object_get(e->named, path))
		snprintf(e->ret->extra + at, sizeof(e->ret->extra) - at, "%s%s",
			 at ? " " : "", path);
	return 0;
}

static int check_records(const char *dir, struct nwb_store_check *ret,
			 struct nwb_err *err)
{
	char path[PATH_MAX];
	json_t *recs, *last;
	const char *type;
	int r = snprintf(path, sizeof(path), "%s/%s", dir, NWB_STORE_NAME);

	if (r < 0 || (size_t)r >= sizeof(path))
		return nwb_err_set(err, -ENAMETOOLONG, "%s: too long", dir);
	r = nwb_store_load(path, &recs, err);
	if (r)
		return r;
	ret->records = json_array_size(recs);
	last = json_array_get(recs, ret->records - 1);
	type = json_string_value(json_object_get(last, "type"));
	ret->has_end = type && !strcmp(type, "end");
	json_decref(recs);
	return 0;
}

int nwb_store_verify(const char *dir, struct nwb_store_check *ret,
		     struct nwb_err *err)
{
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	json_t *named;
	int r, r2;

	*ret = (struct nwb_store_check){0};
	if (dirfd < 0)
		return nwb_err_set(err, -errno, "%s: %s", dir, strerror(errno));
	named = json_object();
	r = named ? check_sums(dirfd, ret, named, err)
		  : nwb_err_set(err, -ENOMEM, "out of memory");
	if (ret->is_sealed && named)
		(void)walk(dirfd, dirfd, "", note_extra,
			   &(struct extra){ret, named}, NULL);
	json_decref(named);
	close(dirfd);
	/* what the file says is worth knowing beside a seal that is broken */
	r2 = check_records(dir, ret, r ? NULL : err);
	if (r)
		return nwb_err_wrap(err, r, "%s", dir);
	return r2;
}
