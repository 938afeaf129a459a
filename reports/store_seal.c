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

int nwb_sha256_file(int dirfd, const char *name, char ret_hex[NWB_HEX_SIZE],
		    struct nwb_err *err)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
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

static int pick(const struct dirent *de)
{
	return nwb_store_is_kept(de->d_name);
}

static bool is_file(int dirfd, const char *name)
{
	struct stat st;

	return !fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) &&
	       S_ISREG(st.st_mode);
}

/* One line for each file but run.jsonl, whose digest is known. */
static int write_others(FILE *f, int dirfd, struct nwb_err *err)
{
	struct dirent **list;
	char hex[NWB_HEX_SIZE];
	int nr = scandirat(dirfd, ".", &list, pick, alphasort), r = 0;

	if (nr < 0)
		return nwb_err_set(err, -errno, "%s: %s", NWB_STORE_SUMS,
				   strerror(errno));
	for (int i = 0; i < nr; i++) {
		const char *name = list[i]->d_name;

		if (!r && strcmp(name, NWB_STORE_NAME) &&
		    is_file(dirfd, name)) {
			r = nwb_sha256_file(dirfd, name, hex, err);
			/* a temporary file may be gone meanwhile */
			if (!r)
				fprintf(f, "%s  %s\n", hex, name);
			else if (r == -ENOENT)
				r = 0;
		}
		free(list[i]);
	}
	free(list);
	return r;
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
	r = write_others(f, dirfd, err);
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
	    strncmp(line + hex, "  ", 2) ||
	    !nwb_store_is_kept(line + hex + 2) || strchr(line + hex + 2, '/') ||
	    !line[hex + 2])
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
	char line[NWB_HEX_SIZE + NAME_MAX + 8];
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

static void find_extra(int dirfd, struct nwb_store_check *ret,
		       const json_t *named)
{
	struct dirent **list;
	int nr = scandirat(dirfd, ".", &list, pick, alphasort);

	for (int i = 0; i < nr; i++) {
		const char *name = list[i]->d_name;
		size_t at = strlen(ret->extra);

		if (!json_object_get(named, name) && is_file(dirfd, name))
			snprintf(ret->extra + at, sizeof(ret->extra) - at,
				 "%s%s", at ? " " : "", name);
		free(list[i]);
	}
	if (nr >= 0)
		free(list);
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
		find_extra(dirfd, ret, named);
	json_decref(named);
	close(dirfd);
	/* what the file says is worth knowing beside a seal that is broken */
	r2 = check_records(dir, ret, r ? NULL : err);
	if (r)
		return nwb_err_wrap(err, r, "%s", dir);
	return r2;
}
