/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reports beside run.jsonl.
 *
 * The file is read once: the digest in the reports is of the very bytes that
 * they were made from. All of them are complete on disk under temporary names
 * before any takes its place.
 */
#include "report_i.h"

#include "nwb/mem.h"
#include "past_i.h"
#include "store_i.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX_SIZE (2 * SHA256_DIGEST_SIZE + 1)

typedef int (*print_fn)(const json_t *recs, FILE *out, const char *sha256,
			struct nwb_err *err);

static int print_text(const json_t *recs, FILE *out, const char *sha256,
		      struct nwb_err *err)
{
	return nwb_report_text(recs, out, NWB_REPORT_ALL, sha256, err);
}

static int print_junit(const json_t *recs, FILE *out, const char *sha256,
		       struct nwb_err *err)
{
	(void)sha256;
	return nwb_report_junit(recs, out, err);
}

static int print_ktap(const json_t *recs, FILE *out, const char *sha256,
		      struct nwb_err *err)
{
	(void)sha256;
	return nwb_report_ktap(recs, out, err);
}

static const struct {
	const char *name, *file;
	print_fn print;
} formats[NWB_REPORT_FORMATS] = {
	[NWB_FORMAT_TEXT] = {"text", NWB_REPORT_TEXT, print_text},
	[NWB_FORMAT_HTML] = {"html", "report.html", nwb_report_html},
	[NWB_FORMAT_JUNIT] = {"junit", "junit.xml", print_junit},
	[NWB_FORMAT_KTAP] = {"ktap", "report.ktap", print_ktap},
	[NWB_FORMAT_MARKDOWN] = {"markdown", "report.md", nwb_report_markdown},
	[NWB_FORMAT_COVER] = {"cover", "cover.txt", nwb_report_cover},
};

const char *nwb_report_format_name(enum nwb_report_format format)
{
	nwb_assert(format < NWB_REPORT_FORMATS);
	return formats[format].name;
}

const char *nwb_report_format_file(enum nwb_report_format format)
{
	nwb_assert(format < NWB_REPORT_FORMATS);
	return formats[format].file;
}

int nwb_report_format_find(const char *name)
{
	for (int f = 0; f < NWB_REPORT_FORMATS; f++)
		if (!strcmp(formats[f].name, name))
			return f;
	return -1;
}

int nwb_report_print(const json_t *recs, enum nwb_report_format format,
		     FILE *out, const char *sha256, struct nwb_err *err)
{
	nwb_assert(format < NWB_REPORT_FORMATS);
	return formats[format].print(recs, out, sha256, err);
}

static void sha256_hex(const char *buf, size_t len, char *ret_hex)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, len, (const uint8_t *)buf);
	sha256_digest(&ctx, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}

/* A file that appears under its name only when it is complete. */
struct draft {
	FILE *f;
	char tmp[PATH_MAX];
	char path[PATH_MAX];
};

static int draft_open(struct draft *d, const char *dir, const char *name,
		      struct nwb_err *err)
{
	int n = snprintf(d->path, sizeof(d->path), "%s/%s", dir, name);
	int t = snprintf(d->tmp, sizeof(d->tmp), "%s/.%s.XXXXXX", dir, name);
	int fd, r;

	d->f = NULL;
	if (n < 0 || t < 0 || (size_t)t >= sizeof(d->tmp)) {
		d->tmp[0] = '\0';
		return nwb_err_set(err, -ENAMETOOLONG, "%s: too long", dir);
	}
	fd = mkostemp(d->tmp, O_CLOEXEC);
	if (fd < 0) {
		r = nwb_err_set(err, -errno, "%s: %s", d->tmp, strerror(errno));
		d->tmp[0] = '\0';
		return r;
	}
	/* mkostemp makes them 0600; the directory's mode is what protects. */
	d->f = fchmod(fd, 0644) ? NULL : fdopen(fd, "w");
	if (!d->f) {
		r = nwb_err_set(err, -errno, "%s: %s", d->tmp, strerror(errno));
		close(fd);
		return r;
	}
	return 0;
}

/* On disk under the temporary name. */
static int draft_finish(struct draft *d, struct nwb_err *err)
{
	bool is_bad = fflush(d->f) || ferror(d->f) || fsync(fileno(d->f));
	int r = is_bad ? -(errno ? errno : EIO) : 0;

	if (fclose(d->f) && !r)
		r = -errno;
	d->f = NULL;
	if (r)
		return nwb_err_set(err, r, "%s: %s", d->path, strerror(-r));
	return 0;
}

static int draft_publish(struct draft *d, struct nwb_err *err)
{
	if (rename(d->tmp, d->path))
		return nwb_err_set(err, -errno, "%s: %s", d->path,
				   strerror(errno));
	d->tmp[0] = '\0';
	return 0;
}

static void draft_fini(struct draft *d)
{
	if (d->f)
		fclose(d->f);
	if (d->tmp[0])
		unlink(d->tmp);
}

/* Only the page has room for what other sessions say. */
static int print_one(struct draft *d, enum nwb_report_format f,
		     const json_t *recs, const char *sha256,
		     struct nwb_index *index, struct nwb_err *err)
{
	if (f == NWB_FORMAT_HTML && index)
		return rep_html(recs, d->f, sha256, index, err);
	return nwb_report_print(recs, f, d->f, sha256, err);
}

static int write_drafts(struct draft *d, const json_t *recs, const char *sha256,
			const char *dir, struct nwb_index *index,
			struct nwb_err *err)
{
	int r = 0;

	for (int f = 0; f < NWB_REPORT_FORMATS && !r; f++)
		r = draft_open(&d[f], dir, formats[f].file, err);
	for (int f = 0; f < NWB_REPORT_FORMATS && !r; f++)
		r = print_one(&d[f], (enum nwb_report_format)f, recs, sha256,
			      index, err);
	for (int f = 0; f < NWB_REPORT_FORMATS && !r; f++)
		r = draft_finish(&d[f], err);
	for (int f = 0; f < NWB_REPORT_FORMATS && !r; f++)
		r = draft_publish(&d[f], err);
	return r;
}

static int write_recs(const json_t *recs, const char *sha256, const char *dir,
		      struct nwb_index *index, struct nwb_err *err)
{
	struct draft *d = nwb_zalloc(NWB_REPORT_FORMATS * sizeof(*d));
	int r;

	if (!d)
		return nwb_err_set(err, -ENOMEM, "report: out of memory");
	r = write_drafts(d, recs, sha256, dir, index, err);
	for (int f = 0; f < NWB_REPORT_FORMATS; f++)
		draft_fini(&d[f]);
	nwb_free(d);
	return r;
}

static int write_all(const char *dir, struct nwb_index *index,
		     struct nwb_err *err)
{
	char path[PATH_MAX], hex[HEX_SIZE];
	char *buf;
	json_t *recs;
	size_t len;
	int r = snprintf(path, sizeof(path), "%s/%s", dir, NWB_STORE_NAME);

	if (r < 0 || (size_t)r >= sizeof(path))
		return nwb_err_set(err, -ENAMETOOLONG, "%s: too long", dir);
	r = nwb_store_slurp(path, &buf, &len, err);
	if (r)
		return r;
	sha256_hex(buf, len, hex);
	r = nwb_store_parse(buf, len, path, &recs, err);
	free(buf);
	if (r)
		return r;
	r = write_recs(recs, hex, dir, index, err);
	json_decref(recs);
	return r;
}

int nwb_report_write_all(const char *dir, struct nwb_err *err)
{
	return write_all(dir, NULL, err);
}

int nwb_report_write_history(const char *dir, const char *base,
			     struct nwb_err *err)
{
	struct nwb_index *index;
	int r = nwb_index_open(base, false, &index, err);

	if (r)
		return r;
	r = write_all(dir, index, err);
	nwb_index_close(index);
	return r;
}
