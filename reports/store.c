/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.jsonl: one write(2) a line to a file opened O_APPEND and O_EXCL.
 *
 * No stdio buffer stands between a record and the file, so kill -9 at any
 * moment leaves whole lines and at most one cut-off line at the end. Lines are
 * compact with sorted keys: equal records are equal bytes.
 */
#include "store_i.h"

#include "nwb/mem.h"
#include "nwb/report.h"
#include "nwb/store.h"
#include "schema_i.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX (1024 * NWB_MIB)
#define READ_STEP      (64 * NWB_KIB)

struct nwb_store {
	int fd;
	int dirfd;
	struct sha256_ctx sum; /* of what is in the file */
	bool is_broken; /* a cut-off line is in the file and stays there */
	off_t size;
	struct nwb_schema_seq seq;
};

/* mkdir -p; parents as the umask says, the last one for its owner only. */
static int make_dir(const char *dir, struct nwb_err *err)
{
	char path[PATH_MAX];
	size_t len = strlen(dir);
	struct stat st;

	if (!len || len >= sizeof(path))
		return nwb_err_set(err, -ENAMETOOLONG,
				   "results directory: bad length of name");
	memcpy(path, dir, len + 1);
	/* "a/b/" is made like "a/b", not as a parent. */
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	for (size_t i = 1; i < len; i++) {
		if (path[i] != '/')
			continue;
		path[i] = '\0';
		if (mkdir(path, 0777) && errno != EEXIST)
			return nwb_err_set(err, -errno, "mkdir %s: %s", path,
					   strerror(errno));
		path[i] = '/';
	}
	if (mkdir(path, 0700) && errno != EEXIST)
		return nwb_err_set(err, -errno, "mkdir %s: %s", path,
				   strerror(errno));
	if (stat(path, &st))
		return nwb_err_set(err, -errno, "%s: %s", path,
				   strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return nwb_err_set(err, -ENOTDIR, "%s: not a directory", path);
	return 0;
}

int nwb_store_create(const char *dir, struct nwb_store **ret_store,
		     struct nwb_err *err)
{
	char path[PATH_MAX];
	struct nwb_store *s;
	int r = make_dir(dir, err);

	if (r)
		return r;
	r = snprintf(path, sizeof(path), "%s/%s", dir, NWB_STORE_NAME);
	if (r < 0 || (size_t)r >= sizeof(path))
		return nwb_err_set(err, -ENAMETOOLONG, "%s: too long", dir);
	s = nwb_zalloc(sizeof(*s));
	if (!s)
		return nwb_err_set(err, -ENOMEM, "results: out of memory");
	s->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sha256_init(&s->sum);
	s->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC,
		     0644);
	if (s->fd < 0) {
		r = -errno;
		if (s->dirfd >= 0)
			close(s->dirfd);
		nwb_free(s);
		if (r == -EEXIST)
			return nwb_err_set(err, r,
					   "%s exists; results are never "
					   "overwritten",
					   path);
		return nwb_err_set(err, r, "%s: %s", path, strerror(-r));
	}
	*ret_store = s;
	return 0;
}

static int write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EIO;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

static int append_line(struct nwb_store *s, const json_t *rec,
		       struct nwb_err *err)
{
	char *line = json_dumps(rec, JSON_COMPACT | JSON_SORT_KEYS);
	size_t len;
	int r;

	if (!line)
		return nwb_err_set(err, -ENOMEM, "results: out of memory");
	len = strlen(line);
	/* The NUL becomes the newline; the length is known from here on. */
	line[len++] = '\n';
	r = write_all(s->fd, line, len);
	if (!r) {
		sha256_update(&s->sum, len, (const uint8_t *)line);
		s->size += (off_t)len;
	}
	free(line);
	if (!r)
		return 0;
	if (ftruncate(s->fd, s->size))
		s->is_broken = true;
	return nwb_err_set(err, r, "%s: write: %s", NWB_STORE_NAME,
			   strerror(-r));
}

int nwb_store_add(struct nwb_store *s, json_t *rec, struct nwb_err *err)
{
	struct nwb_schema_seq seq = s->seq;
	int r;

	if (!rec)
		return nwb_err_set(err, -ENOMEM,
				   "results: no record (no memory, or a "
				   "string that is not UTF-8)");
	if (s->is_broken) {
		r = nwb_err_set(err, -EIO, "%s: broken by an earlier error",
				NWB_STORE_NAME);
		goto out;
	}
	if (json_is_object(rec) && !json_object_get(rec, "v") &&
	    json_object_set_new(rec, "v", json_integer(NWB_STORE_VERSION))) {
		r = nwb_err_set(err, -ENOMEM, "results: out of memory");
		goto out;
	}
	r = nwb_schema_check(&seq, rec, err);
	if (r) {
		r = nwb_err_wrap(err, r, "%s", NWB_STORE_NAME);
		goto out;
	}
	r = append_line(s, rec, err);
	if (!r)
		s->seq = seq;
out:
	json_decref(rec);
	return r;
}

int nwb_store_seal(struct nwb_store *s, struct nwb_err *err)
{
	char hex[NWB_HEX_SIZE];

	if (!s->seq.has_end || s->is_broken)
		return nwb_err_set(err, -EINVAL, "%s: no end record to seal",
				   NWB_STORE_NAME);
	nwb_sha256_hex(&s->sum, hex);
	return nwb_sums_write(s->dirfd, hex, err);
}

int nwb_store_close(struct nwb_store *s)
{
	int r = 0;

	if (!s)
		return 0;
	if (fsync(s->fd))
		r = -errno;
	if (s->seq.has_end && !s->is_broken && !r)
		r = nwb_store_seal(s, NULL);
	if (s->dirfd >= 0)
		close(s->dirfd);
	if (close(s->fd) && !r)
		r = -errno;
	nwb_free(s);
	return r;
}

static int slurp_fd(int fd, char **ret_buf, size_t *ret_len)
{
	size_t len = 0, size = 0;
	char *buf = NULL;

	for (;;) {
		ssize_t n;

		if (len == size) {
			size_t want = size ? 2 * size : READ_STEP;
			char *more = realloc(buf, want);

			if (!more) {
				free(buf);
				return -ENOMEM;
			}
			buf = more;
			size = want;
		}
		n = read(fd, buf + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || len + (size_t)n > FILE_BYTES_MAX) {
			int r = n < 0 ? -errno : -EFBIG;

			free(buf);
			return r;
		}
		if (!n)
			break;
		len += (size_t)n;
	}
	*ret_buf = buf;
	*ret_len = len;
	return 0;
}

int nwb_store_slurp(const char *path, char **ret_buf, size_t *ret_len,
		    struct nwb_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return nwb_err_set(err, -errno, "%s: %s", path,
				   strerror(errno));
	r = slurp_fd(fd, ret_buf, ret_len);
	close(fd);
	if (r)
		return nwb_err_set(err, r, "%s: %s", path, strerror(-r));
	return 0;
}

static json_t *truncated(size_t line, size_t bytes)
{
	return json_pack("{s:s, s:I, s:I}", "type", "truncated", "line",
			 (json_int_t)line, "bytes", (json_int_t)bytes);
}

/* One line of @len bytes without its newline. @is_cut: it had none. */
static int parse_line(const char *buf, size_t len, bool is_cut, size_t line,
		      struct nwb_schema_seq *seq, json_t *array,
		      struct nwb_err *err)
{
	json_error_t je;
	json_t *rec = json_loadb(buf, len, JSON_REJECT_DUPLICATES, &je);
	int r;

	if (!rec && json_error_code(&je) == json_error_out_of_memory)
		return nwb_err_set(err, -ENOMEM, "out of memory");
	/*
	 * No proper prefix of an object is an object: a last line that parses
	 * was written whole and lacks its newline only.
	 */
	if (!rec && is_cut) {
		rec = truncated(line, len);
	} else if (!rec) {
		return nwb_err_set(err, -EINVAL, "column %d: %s", je.column,
				   je.text);
	} else {
		r = nwb_schema_check(seq, rec, err);
		if (r) {
			json_decref(rec);
			return r;
		}
	}
	if (json_array_append_new(array, rec))
		return nwb_err_set(err, -ENOMEM, "out of memory");
	return 0;
}

int nwb_store_parse(const char *buf, size_t len, const char *name,
		    json_t **ret_array, struct nwb_err *err)
{
	struct nwb_schema_seq seq = {0};
	json_t *array = json_array();
	size_t line = 0;

	if (!array)
		return nwb_err_set(err, -ENOMEM, "%s: out of memory", name);
	while (len) {
		const char *nl = memchr(buf, '\n', len);
		size_t n = nl ? (size_t)(nl - buf) : len;
		int r = parse_line(buf, n, !nl, ++line, &seq, array, err);

		if (r) {
			json_decref(array);
			return nwb_err_wrap(err, r, "%s:%zu", name, line);
		}
		n += nl != NULL;
		buf += n;
		len -= n;
	}
	*ret_array = array;
	return 0;
}

int nwb_store_load(const char *path, json_t **ret_array, struct nwb_err *err)
{
	char *buf;
	size_t len;
	int r = nwb_store_slurp(path, &buf, &len, err);

	if (r)
		return r;
	r = nwb_store_parse(buf, len, path, ret_array, err);
	free(buf);
	return r;
}
