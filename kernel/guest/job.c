/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parser of jobs. One pass: a line is cut into words, its verb is looked
 * up, the verb's own function reads the words. All that can be known to be
 * wrong without a kernel is refused here, with the number of the line.
 */
#include "job.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

struct parser {
	struct job *job;
	unsigned int line;
	unsigned int thread; /* 1 + index of the THREAD that is open, or 0 */
	char **w;	     /* words of the line */
	unsigned int nr;
	char *why;
	size_t size;
};

static int wrong(struct parser *p, const char *fmt, ...) nwb_printf(2, 3);

static int wrong(struct parser *p, const char *fmt, ...)
{
	char what[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(p->why, p->size, "line %u: %s", p->line, what);
	return -EINVAL;
}

/* --- words ---------------------------------------------------------------- */

static int number(struct parser *p, const char *w, uint64_t max, uint64_t *ret)
{
	unsigned int shift = 0;
	uint64_t v;
	char *end;

	if (!isdigit((unsigned char)*w))
		return wrong(p, "\"%.40s\" is not a number", w);
	errno = 0;
	v = strtoull(w, &end, 0);
	if (*end == 'K' || *end == 'M' || *end == 'G') {
		shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 30;
		end++;
	}
	if (*end)
		return wrong(p, "\"%.40s\" is not a number", w);
	if (errno || v > max >> shift)
		return wrong(p, "\"%.40s\" is more than %llu", w,
			     (unsigned long long)max);
	*ret = v << shift;
	return 0;
}

static int small(struct parser *p, const char *w, const char *what,
		 unsigned int min, unsigned int max, unsigned int *ret)
{
	uint64_t v;
	int rc = number(p, w, UINT32_MAX, &v);

	if (rc)
		return rc;
	if (v < min || v > max)
		return wrong(p, "%s %.20s is not within %u..%u", what, w, min,
			     max);
	*ret = (unsigned int)v;
	return 0;
}

static int fd_word(struct parser *p, struct job_verb *v)
{
	return small(p, p->w[1], "file descriptor", 0, JOB_FDS - 1, &v->fd);
}

static int file_word(struct parser *p, const char *w, struct job_verb *v)
{
	int rc = small(p, w, "file", 1, JOB_FILES - 1, &v->file);

	if (!rc && !p->job->path[v->file])
		return wrong(p, "there is no \"file %u\" above", v->file);
	return rc;
}

/* --- what the verbs want -------------------------------------------------- */

static int do_key(struct parser *p, struct job_verb *v)
{
	const char *hex = p->w[1];

	(void)v;
	if (strlen(hex) != 32 || strspn(hex, "0123456789abcdefABCDEF") != 32)
		return wrong(p, "a key is 32 hexadecimal digits");
	for (unsigned int i = 0; i < 16; i++) {
		const char digits[] = {hex[2 * i], hex[2 * i + 1], '\0'};

		p->job->key[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	p->job->has_key = true;
	return 0;
}

static int do_file(struct parser *p, struct job_verb *v)
{
	int rc = small(p, p->w[1], "file", 1, JOB_FILES - 1, &v->file);

	if (rc)
		return rc;
	if (p->job->path[v->file])
		return wrong(p, "file %u has a path already", v->file);
	if (p->w[2][0] != '/')
		return wrong(p, "\"%.40s\" is not an absolute path", p->w[2]);
	p->job->path[v->file] = p->w[2];
	return 0;
}

static int do_umount(struct parser *p, struct job_verb *v)
{
	for (unsigned int i = 2; i < p->nr; i++)
		if (!strcmp(p->w[i], "lazy"))
			v->flags |= MNT_DETACH;
		else if (!strcmp(p->w[i], "force"))
			v->flags |= MNT_FORCE;
		else
			return wrong(p,
				     "umount knows lazy and force, not "
				     "\"%.20s\"",
				     p->w[i]);
	return 0;
}

static const struct {
	const char *name;
	int flag;
} open_flags[] = {
	{"rdwr", O_RDWR},     {"rdonly", O_RDONLY}, {"wronly", O_WRONLY},
	{"creat", O_CREAT},   {"trunc", O_TRUNC},   {"append", O_APPEND},
	{"direct", O_DIRECT}, {"sync", O_SYNC},	    {"dsync", O_DSYNC},
	{"excl", O_EXCL},
};

static int do_open(struct parser *p, struct job_verb *v)
{
	int rc = fd_word(p, v);
	char *save = NULL, *w;
	unsigned int i, modes = 0;

	if (!rc)
		rc = file_word(p, p->w[2], v);
	for (w = p->nr > 3 ? strtok_r(p->w[3], ",", &save) : NULL; !rc && w;
	     w = strtok_r(NULL, ",", &save)) {
		for (i = 0; i < NWB_ARRAY_SIZE(open_flags); i++)
			if (!strcmp(open_flags[i].name, w))
				break;
		if (i == NWB_ARRAY_SIZE(open_flags))
			return wrong(p, "unknown flag \"%.20s\"", w);
		modes += i < 3;
		v->flags |= open_flags[i].flag;
	}
	if (!modes)
		v->flags |= O_RDWR;
	if (modes > 1)
		return wrong(p, "only one of rdwr, rdonly and wronly");
	return rc;
}

/* "x COUNT [STEP]", "fsync EVERY", "shuffle SEED" from word @i on. */
static int row_words(struct parser *p, struct job_verb *v, unsigned int i)
{
	int rc = 0;

	v->r.count = 1;
	v->r.step = v->r.len;
	while (!rc && i < p->nr) {
		const char *w = p->w[i];

		if (i + 1 >= p->nr)
			return wrong(p, "\"%.20s\" wants a number behind it",
				     w);
		if (!strcmp(w, "x")) {
			rc = number(p, p->w[i + 1], JOB_COUNT, &v->r.count);
			if (!rc && i + 2 < p->nr &&
			    isdigit((unsigned char)p->w[i + 2][0]))
				rc = number(p, p->w[i++ + 2], 1ull << 40,
					    &v->r.step);
		} else if (!strcmp(w, "fsync")) {
			rc = number(p, p->w[i + 1], JOB_COUNT,
				    &v->r.fsync_every);
		} else if (!strcmp(w, "shuffle")) {
			rc = number(p, p->w[i + 1], UINT32_MAX, &v->r.seed);
			v->r.is_shuffled = true;
		} else {
			return wrong(p,
				     "\"%.20s\": x, fsync or shuffle are "
				     "known here",
				     w);
		}
		i += 2;
	}
	if (!rc && !v->r.count)
		return wrong(p, "a row of no operations");
	return rc;
}

static int len_word(struct parser *p, const char *w, struct job_verb *v)
{
	int rc = number(p, w, JOB_LEN_MAX, &v->r.len);

	return !rc && !v->r.len ? wrong(p, "an operation of no bytes") : rc;
}

static int do_row(struct parser *p, struct job_verb *v)
{
	uint64_t room;
	int rc = fd_word(p, v);

	if (!rc)
		rc = number(p, p->w[2], INT64_MAX, &v->r.off);
	if (!rc)
		rc = len_word(p, p->w[3], v);
	if (!rc)
		rc = row_words(p, v, 4);
	if (rc)
		return rc;
	room = (uint64_t)INT64_MAX - v->r.off;
	if (v->r.len > room ||
	    (v->r.count - 1) >
		    (room - v->r.len) / nwb_max(v->r.step, (uint64_t)1))
		return wrong(p, "the row leaves the largest offset behind");
	return 0;
}

static int do_append(struct parser *p, struct job_verb *v)
{
	int rc = fd_word(p, v);

	if (!rc)
		rc = len_word(p, p->w[2], v);
	if (!rc)
		rc = row_words(p, v, 3);
	if (!rc && v->r.is_shuffled)
		return wrong(p, "appends have one order only");
	return rc;
}

static int do_fd(struct parser *p, struct job_verb *v)
{
	return fd_word(p, v);
}

static int do_truncate(struct parser *p, struct job_verb *v)
{
	int rc = fd_word(p, v);

	return rc ? rc : number(p, p->w[2], INT64_MAX, &v->nr);
}

static int do_unlink(struct parser *p, struct job_verb *v)
{
	return file_word(p, p->w[1], v);
}

static int do_name(struct parser *p, struct job_verb *v)
{
	(void)v;
	if (p->nr > 1 && strlen(p->w[1]) > 60)
		return wrong(p, "a name of at most 60 letters");
	return 0;
}

static int do_sleep(struct parser *p, struct job_verb *v)
{
	return number(p, p->w[1], 3600000, &v->nr);
}

static int do_drop(struct parser *p, struct job_verb *v)
{
	unsigned int what = 3;
	int rc = p->nr > 1 ? small(p, p->w[1], "drop_caches", 1, 3, &what) : 0;

	v->nr = what;
	return rc;
}

static int do_pressure(struct parser *p, struct job_verb *v)
{
	int rc = number(p, p->w[1], 1ull << 40, &v->r.len);

	return rc ? rc : number(p, p->w[2], 3600000, &v->nr);
}

static int do_none(struct parser *p, struct job_verb *v)
{
	(void)p, (void)v;
	return 0;
}

/* trace on|live KB EVENT... | trace off */
static int do_trace(struct parser *p, struct job_verb *v)
{
	if (!strcmp(p->w[1], "off")) {
		v->kind = JOB_TRACE_OFF;
		return p->nr == 2 ? 0 : wrong(p, "trace off takes nothing");
	}
	v->kind = JOB_TRACE_ON;
	if (!strcmp(p->w[1], "live"))
		v->kind = JOB_TRACE_LIVE;
	else if (strcmp(p->w[1], "on"))
		return wrong(p, "trace on, live or off");
	if (p->nr < 4)
		return wrong(p, "trace %s KB EVENT...", p->w[1]);
	return number(p, p->w[2], 1u << 20, &v->nr);
}

static int do_thread(struct parser *p, struct job_verb *v)
{
	if (p->thread)
		return wrong(p, "a thread in a thread");
	if (++p->job->nr_threads >= JOB_THREADS)
		return wrong(p, "more than %u threads", JOB_THREADS - 1);
	p->thread = p->job->nr_verbs + 1;
	return do_name(p, v);
}

static int do_end(struct parser *p, struct job_verb *v)
{
	(void)v;
	if (!p->thread)
		return wrong(p, "end of no thread");
	p->job->verb[p->thread - 1].to = p->job->nr_verbs;
	p->thread = 0;
	return 0;
}

static int do_on_error(struct parser *p, struct job_verb *v)
{
	v->flags = !strcmp(p->w[1], "stop");
	if (!v->flags && strcmp(p->w[1], "go"))
		return wrong(p, "on-error go or stop");
	return 0;
}

/* Of the first thread only: they end or join others. */
static int do_outer(struct parser *p, struct job_verb *v)
{
	if (p->thread)
		return wrong(p, "%s within a thread", p->w[0]);
	return do_name(p, v);
}

static const struct {
	const char *name;
	enum job_kind kind;
	unsigned int min, max; /* words behind the verb */
	int (*fn)(struct parser *p, struct job_verb *v);
} verbs[] = {
	{"key", JOB_KEY, 1, 1, do_key},
	{"file", JOB_FILE, 2, 2, do_file},
	{"mount", JOB_MOUNT, 3, 4, do_none},
	{"umount", JOB_UMOUNT, 1, 3, do_umount},
	{"open", JOB_OPEN, 2, 3, do_open},
	{"write", JOB_WRITE, 3, 10, do_row},
	{"pwrite", JOB_WRITE, 3, 10, do_row},
	{"append", JOB_APPEND, 2, 8, do_append},
	{"store", JOB_STORE, 3, 10, do_row},
	{"msync", JOB_MSYNC, 3, 3, do_row},
	{"read", JOB_READ, 3, 10, do_row},
	{"verify", JOB_VERIFY, 1, 1, do_fd},
	{"fsync", JOB_FSYNC, 1, 1, do_fd},
	{"fdatasync", JOB_FDATASYNC, 1, 1, do_fd},
	{"syncfs", JOB_SYNCFS, 1, 1, do_fd},
	{"sync", JOB_SYNC, 0, 0, do_none},
	{"truncate", JOB_TRUNCATE, 2, 2, do_truncate},
	{"close", JOB_CLOSE, 1, 1, do_fd},
	{"unlink", JOB_UNLINK, 1, 1, do_unlink},
	{"mark", JOB_MARK, 1, 1, do_name},
	{"wait", JOB_WAIT, 1, 1, do_name},
	{"sleep", JOB_SLEEP, 1, 1, do_sleep},
	{"drop_caches", JOB_DROP, 0, 1, do_drop},
	{"pressure", JOB_PRESSURE, 2, 2, do_pressure},
	{"echo", JOB_ECHO, 2, 2, do_none},
	{"stat", JOB_STAT, 1, 1, do_none},
	{"ls", JOB_LS, 1, 1, do_none},
	{"release", JOB_RELEASE, 0, 0, do_none},
	{"trace", JOB_TRACE, 1, JOB_WORDS - 1, do_trace},
	{"thread", JOB_THREAD, 1, 1, do_thread},
	{"end", JOB_END, 0, 0, do_end},
	{"join", JOB_JOIN, 0, 1, do_outer},
	{"on-error", JOB_ON_ERROR, 1, 1, do_on_error},
	{"done", JOB_DONE, 0, 0, do_outer},
};

/* --- lines ---------------------------------------------------------------- */

static int one_line(struct parser *p)
{
	struct job *job = p->job;
	struct job_verb *v = &job->verb[job->nr_verbs];
	unsigned int i;
	int rc;

	for (i = 0; i < NWB_ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i].name, p->w[0]))
			break;
	if (i == NWB_ARRAY_SIZE(verbs))
		return wrong(p, "unknown verb \"%.40s\"", p->w[0]);
	if (p->nr - 1 < verbs[i].min || p->nr - 1 > verbs[i].max)
		return wrong(p, "%s with %u words behind it instead of %u..%u",
			     p->w[0], p->nr - 1, verbs[i].min, verbs[i].max);
	*v = (struct job_verb){
		.kind = verbs[i].kind,
		.line = p->line,
		.s = p->w + 1,
		.nr_s = p->nr - 1,
	};
	rc = verbs[i].fn(p, v);
	if (!rc && v->kind != JOB_KEY && v->kind != JOB_FILE &&
	    ++job->nr_verbs == JOB_VERBS)
		return wrong(p, "more than %u verbs", JOB_VERBS - 1);
	return rc;
}

/* Cut a line into words; p->w stays where the list of all words ends. */
static int cut(struct parser *p, char *line)
{
	struct job *job = p->job;

	p->w = job->words + job->nr_words;
	p->nr = 0;
	for (;;) {
		line += strspn(line, " \t\r");
		if (!*line || *line == '#')
			break;
		if (p->nr == JOB_WORDS)
			return wrong(p, "more than %u words", JOB_WORDS);
		p->w[p->nr++] = line;
		line += strcspn(line, " \t\r");
		if (*line)
			*line++ = '\0';
	}
	job->nr_words += p->nr;
	return 0;
}

/* A word is at least one letter and a blank, or the line's end. */
static int make_room(struct job *job, const char *text, size_t len)
{
	job->text = malloc(len + 1);
	job->words = malloc((len / 2 + 1 + JOB_WORDS) * sizeof(*job->words));
	job->verb = malloc(JOB_VERBS * sizeof(*job->verb));
	if (!job->text || !job->words || !job->verb)
		return -ENOMEM;
	memcpy(job->text, text, len);
	job->text[len] = '\0';
	return 0;
}

static int all_lines(struct parser *p)
{
	char *at = p->job->text, *next;
	int rc = 0;

	for (; !rc && at; at = next) {
		next = strchr(at, '\n');
		if (next)
			*next++ = '\0';
		p->line++;
		rc = cut(p, at);
		if (!rc && p->nr)
			rc = one_line(p);
	}
	if (!rc && p->thread)
		return wrong(p, "a thread without end");
	return rc;
}

int job_parse(const char *text, size_t len, struct job *ret, char *ret_why,
	      size_t size)
{
	struct job job = {0};
	struct parser p = {.job = &job, .why = ret_why, .size = size};
	int rc;

	if (len > JOB_TEXT_MAX || memchr(text, 0, len))
		return wrong(&p, len > JOB_TEXT_MAX ? "longer than 1 MiB"
						    : "holds a NUL");
	rc = make_room(&job, text, len);
	if (rc)
		snprintf(ret_why, size, "out of memory");
	if (!rc)
		rc = all_lines(&p);
	for (unsigned int i = 0; !rc && i < job.nr_verbs; i++) {
		enum job_kind k = job.verb[i].kind;

		p.line = job.verb[i].line;
		if (!job.has_key && (k == JOB_WRITE || k == JOB_APPEND ||
				     k == JOB_STORE || k == JOB_READ))
			rc = wrong(&p, "there is no key");
	}
	if (rc) {
		job_fini(&job);
		return rc;
	}
	*ret = job;
	return 0;
}

void job_fini(struct job *job)
{
	free(job->text);
	free(job->words);
	free(job->verb);
	*job = (struct job){0};
}

/*
 * A permutation without a list of it: a Feistel network on just enough bits,
 * walked until it is within the row (a bijection of a larger set, cut to the
 * smaller one by following its cycles, is one of the smaller set).
 */
uint64_t job_at(const struct job_range *r, uint64_t i)
{
	unsigned int half = 1;
	uint64_t mask;

	if (!r->is_shuffled || r->count < 2)
		return i;
	while (half < 31 && 1ull << (2 * half) < r->count)
		half++;
	mask = (1ull << half) - 1;
	do {
		uint64_t left = i >> half, right = i & mask;

		for (uint64_t round = 1; round <= 4; round++) {
			uint64_t f = (right + r->seed + round) *
				     0x9e3779b97f4a7c15ull;
			uint64_t t = left ^ (f >> 40 & mask);

			left = right;
			right = t;
		}
		i = left << half | right;
	} while (i >= r->count);
	return i;
}
