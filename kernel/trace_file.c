/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reference traces as files. Reading is strict: what is in the tree was written
 * by nwb_ktrace_save(), and a line that nobody understands would be a step that
 * nobody compares.
 */
#include "trace_text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define MAGIC	 "netwb-ktrace 1"
#define TEXT_MAX (64u << 20) /* what a file may unpack to */

/* Append "@line\n" to *@field. */
static int append(char **field, struct nwb_ktext line)
{
	size_t old = *field ? strlen(*field) : 0;
	char *s = realloc(*field, old + line.n + 2);

	if (!s)
		return -ENOMEM;
	memcpy(s + old, line.p, line.n);
	s[old + line.n] = '\n';
	s[old + line.n + 1] = '\0';
	*field = s;
	return 0;
}

/* Return: 0, -ENOMEM, -EINVAL. */
static int head_line(struct nwb_ktrace *t, struct nwb_ktext line)
{
	struct nwb_ktext key = ktext_word(&line);
	struct {
		const char *key;
		char *buf;
		size_t size;
	} fixed[] = {{"kernel", t->head.kernel, sizeof(t->head.kernel)},
		     {"workload", t->head.workload, sizeof(t->head.workload)},
		     {"lane", t->head.lane, sizeof(t->head.lane)},
		     {"fs", t->head.fs, sizeof(t->head.fs)}};

	if (line.n)
		ktext_skip(&line, 1); /* one blank; the rest is as it is */
	for (size_t i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < ' ' && line.p[i] != '\t')
			return -EINVAL;
	if (ktext_is(key, "job"))
		return append(&t->head.job, line);
	if (ktext_is(key, "stat"))
		return append(&t->head.stat, line);
	if (ktext_is(key, "mount"))
		return t->head.mount ? -EINVAL : append(&t->head.mount, line);
	if (ktext_is(key, "lost"))
		return ktext_number(&line, 10, &t->lost) && !line.n ? 0
								    : -EINVAL;
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(fixed); i++) {
		if (!ktext_is(key, fixed[i].key))
			continue;
		if (line.n >= fixed[i].size)
			return -EINVAL;
		ktext_copy(line, fixed[i].buf, fixed[i].size);
		return 0;
	}
	return -EINVAL;
}

static int read_lines(struct nwb_ktext text, struct nwb_ktrace *t,
		      unsigned long *ret_nr)
{
	struct nwb_ktext line;
	struct nwb_kstep s;
	bool in_steps = false;
	int rc;

	*ret_nr = 1;
	if (!ktext_line(&text, &line) || !ktext_is(line, MAGIC))
		return -EINVAL;
	while (ktext_line(&text, &line)) {
		++*ret_nr;
		if (in_steps)
			rc = ktrace_get_step(line, &s) ? nwb_ktrace_add(t, &s)
						       : -EINVAL;
		else if (ktext_is(line, "trace"))
			rc = 0, in_steps = true;
		else
			rc = head_line(t, line);
		if (rc)
			return rc;
	}
	++*ret_nr;
	return in_steps ? 0 : -EINVAL;
}

/* What append() left at the end of a single line. */
static void chomp(char *s)
{
	size_t n = s ? strlen(s) : 0;

	if (n && s[n - 1] == '\n')
		s[n - 1] = '\0';
}

int nwb_ktrace_read(struct nwb_ktext text, const char *name,
		    struct nwb_ktrace *t, struct nwb_err *err)
{
	unsigned long nr;
	int rc = read_lines(text, t, &nr);

	if (!rc) {
		chomp(t->head.mount);
		return 0;
	}
	nwb_ktrace_fini(t);
	if (rc != -EINVAL)
		return nwb_err_set(err, rc, "%s: %s", name, strerror(-rc));
	if (nr == 1)
		return nwb_err_set(err, rc,
				   "%s: not a trace of netwb (it does "
				   "not begin with \"" MAGIC "\")",
				   name);
	return nwb_err_set(err, rc, "%s:%lu: this is not a line of a trace",
			   name, nr);
}

/* Return: 0; -ENOMEM; -E2BIG; -EBADMSG. @gz stays open. */
static int unpack(gzFile gz, char **ret_p, size_t *ret_n)
{
	char *buf = NULL, *grown;
	size_t n = 0, cap = 0;
	int got = 1;

	while (got > 0) {
		if (n == cap) {
			cap = cap ? cap * 2 : 65536;
			grown = cap > TEXT_MAX ? NULL : realloc(buf, cap);
			if (!grown) {
				free(buf);
				return cap > TEXT_MAX ? -E2BIG : -ENOMEM;
			}
			buf = grown;
		}
		got = gzread(gz, buf + n, (unsigned int)(cap - n));
		if (got > 0)
			n += (size_t)got;
	}
	if (got < 0) {
		free(buf);
		return -EBADMSG;
	}
	*ret_p = buf;
	*ret_n = n;
	return 0;
}

int nwb_ktext_load(const char *path, char **ret_p, size_t *ret_n,
		   struct nwb_err *err)
{
	char *p = NULL;
	size_t n = 0;
	gzFile gz;
	int rc;

	errno = 0;
	gz = gzopen(path, "rbe");
	if (!gz) {
		rc = errno ? -errno : -ENOMEM;
		return nwb_err_set(err, rc, "%s: %s", path, strerror(-rc));
	}
	rc = unpack(gz, &p, &n);
	/* a file that was cut short says so here only */
	if (gzclose_r(gz) != Z_OK && !rc) {
		free(p);
		rc = -EBADMSG;
	}
	if (rc)
		return nwb_err_set(err, rc, "%s: %s", path,
				   rc == -EBADMSG ? "cannot be unpacked, or is "
						    "cut short"
						  : strerror(-rc));
	*ret_p = p;
	*ret_n = n;
	return 0;
}

int nwb_ktrace_load(const char *path, struct nwb_ktrace *t, struct nwb_err *err)
{
	size_t n = 0;
	char *p = NULL;
	int rc = nwb_ktext_load(path, &p, &n, err);

	if (rc)
		return rc;
	rc = nwb_ktrace_read((struct nwb_ktext){p, n}, path, t, err);
	free(p);
	return rc;
}

static void put_lines(gzFile gz, const char *key, const char *lines)
{
	struct nwb_ktext text = {lines, lines ? strlen(lines) : 0}, line;

	while (ktext_line(&text, &line))
		gzprintf(gz, "%s %.*s\n", key, (int)line.n, line.p);
}

static void put_all(gzFile gz, const struct nwb_ktrace *t)
{
	const struct nwb_ktrace_head *h = &t->head;
	char line[192];

	gzprintf(gz, "%s\n", MAGIC);
	if (h->kernel[0])
		gzprintf(gz, "kernel %s\n", h->kernel);
	if (h->workload[0])
		gzprintf(gz, "workload %s\n", h->workload);
	if (h->lane[0])
		gzprintf(gz, "lane %s\n", h->lane);
	if (h->fs[0])
		gzprintf(gz, "fs %s\n", h->fs);
	put_lines(gz, "mount", h->mount);
	put_lines(gz, "job", h->job);
	put_lines(gz, "stat", h->stat);
	gzprintf(gz, "lost %" PRIu64 "\ntrace\n", t->lost);
	for (size_t i = 0; i < t->nr; i++) {
		nwb_kstep_text(&t->step[i], line, sizeof(line));
		gzprintf(gz, "%s\n", line);
	}
}

static bool is_gz(const char *path)
{
	size_t n = strlen(path);

	return n > 3 && !strcmp(path + n - 3, ".gz");
}

static gzFile create(const char *path, bool packed, struct nwb_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	gzFile gz;

	if (fd < 0) {
		nwb_err_set(err, -errno, "%s: %s", path, strerror(errno));
		return NULL;
	}
	/* "T": as it is; and no name or time in the head, so that the same
	 * trace gives the same file */
	gz = gzdopen(fd, packed ? "wb9" : "wbT");
	if (!gz) {
		close(fd);
		nwb_err_set(err, -ENOMEM, "%s: no memory", path);
	}
	return gz;
}

static int finish(gzFile gz, const char *part, const char *path,
		  struct nwb_err *err)
{
	int rc;

	errno = 0;
	rc = gzclose_w(gz);
	if (rc != Z_OK) {
		rc = errno ? -errno : -EIO;
		nwb_err_set(err, rc, "%s: %s", part, strerror(-rc));
	} else if (rename(part, path)) {
		rc = nwb_err_set(err, -errno, "%s: %s", path, strerror(errno));
	}
	if (rc)
		unlink(part);
	return rc;
}

int nwb_ktrace_save(const struct nwb_ktrace *t, const char *path,
		    struct nwb_err *err)
{
	char part[4200];
	gzFile gz;

	snprintf(part, sizeof(part), "%s.part", path);
	gz = create(part, is_gz(path), err);
	if (!gz)
		return err && err->code ? err->code : -EIO;
	put_all(gz, t);
	return finish(gz, part, path, err);
}

int nwb_ktext_save(struct nwb_ktext text, const char *path, struct nwb_err *err)
{
	char part[4200];
	gzFile gz;
	unsigned int n;

	snprintf(part, sizeof(part), "%s.part", path);
	gz = create(part, is_gz(path), err);
	if (!gz)
		return err && err->code ? err->code : -EIO;
	while (text.n) {
		n = (unsigned int)nwb_min(text.n, (size_t)1 << 20);
		if (gzwrite(gz, text.p, n) != (int)n)
			break;
		ktext_skip(&text, n);
	}
	return finish(gz, part, path, err);
}
