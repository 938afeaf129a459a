/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events in, steps out: the kernel's ids become numbers, and a folio gets the
 * request that it belongs to, which the kernel does not print.
 *
 * A folio's event says its inode only. But writeback is begun by the issuer
 * (netfs_write_folio), in the task that made the request and prepares its
 * subrequests, and ended by the collector (netfs_writeback_unlock_folios), in
 * the task that has just said netfs_collect of the same request. So each task
 * has two requests: the one it issues and the one it collects. Events that any
 * task may print (TERM comes from an interrupt with virtio) change neither.
 */
#include "trace_i.h"

#include <errno.h>
#include <stdlib.h>

#define TASKS_MAX 64u
#define FILES_MAX 1024u
/* 2^k; grows when half full */
#define REQS_MIN 256u

struct task {
	uint32_t pid;
	uint32_t issues, collects; /* kernel's ids, 0 = none */
};

struct req {
	uint32_t id; /* 0: free */
	uint32_t nr; /* 0: it reads */
};

struct nwb_ktrace_ids {
	struct task task[TASKS_MAX];
	unsigned int next_task;
	uint64_t ino[FILES_MAX];
	unsigned int nr_files;
	struct req *req;
	uint32_t nr_slots, nr_used;
	uint32_t last_nr;
};

static struct req *req_slot(struct req *tab, uint32_t nr_slots, uint32_t id)
{
	uint32_t i = id * 2654435761u; /* Knuth's multiplicative hash */

	for (i &= nr_slots - 1; tab[i].id && tab[i].id != id;)
		i = (i + 1) & (nr_slots - 1);
	return &tab[i];
}

static int reqs_grow(struct nwb_ktrace_ids *ids)
{
	uint32_t nr = ids->nr_slots ? ids->nr_slots * 2 : REQS_MIN;
	struct req *tab = calloc(nr, sizeof(*tab));

	if (!tab)
		return -ENOMEM;
	for (uint32_t i = 0; i < ids->nr_slots; i++)
		if (ids->req[i].id)
			*req_slot(tab, nr, ids->req[i].id) = ids->req[i];
	free(ids->req);
	ids->req = tab;
	ids->nr_slots = nr;
	return 0;
}

/* The request @id; NULL: it has not been seen. */
static struct req *req_find(struct nwb_ktrace_ids *ids, uint32_t id)
{
	struct req *r = id ? req_slot(ids->req, ids->nr_slots, id) : NULL;

	return r && r->id ? r : NULL;
}

static int req_new(struct nwb_ktrace_ids *ids, uint32_t id, bool reads,
		   uint32_t *ret_nr)
{
	struct req *r;

	if (ids->nr_used >= NWB_KTRACE_STEPS_MAX)
		return -E2BIG;
	if (ids->nr_used * 2 >= ids->nr_slots && reqs_grow(ids))
		return -ENOMEM;
	r = req_slot(ids->req, ids->nr_slots, id);
	nwb_assert(!r->id);
	r->id = id;
	r->nr = reads ? 0 : ++ids->last_nr;
	ids->nr_used++;
	*ret_nr = r->nr;
	return 0;
}

static struct task *task_of(struct nwb_ktrace_ids *ids, uint32_t pid)
{
	struct task *t;

	for (unsigned int i = 0; i < TASKS_MAX; i++)
		if (ids->task[i].pid == pid)
			return &ids->task[i];
	t = &ids->task[ids->next_task++ % TASKS_MAX];
	*t = (struct task){.pid = pid};
	return t;
}

static uint16_t file_of(struct nwb_ktrace_ids *ids, uint64_t ino)
{
	if (!ino)
		return 0;
	for (unsigned int i = 0; i < ids->nr_files; i++)
		if (ids->ino[i] == ino)
			return (uint16_t)(i + 1);
	if (ids->nr_files == FILES_MAX)
		return 0;
	ids->ino[ids->nr_files++] = ino;
	return (uint16_t)ids->nr_files;
}

/* What netfs_write calls it, and what netfs_rreq does. */
static const char *origin_of(const char *what)
{
	static const char *const names[][2] = {
		{"WRITEBACK", "WB"}, {"WB-SINGLE", "W1"}, {"WRITETHRU", "WT"},
		{"UNB-WRITE", "UW"}, {"DIO-WRITE", "DW"}, {"COPY2CACH", "2C"},
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(names); i++)
		if (!strcmp(what, names[i][0]))
			return names[i][1];
	return what;
}

static bool is_write_origin(const char *origin)
{
	static const char *const names[] = {"WB", "W1", "WT", "UW", "DW", "2C"};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(names); i++)
		if (!strcmp(origin, names[i]))
			return true;
	return false;
}

static void set_word(struct nwb_kstep *s, const char *word)
{
	ktext_copy((struct nwb_ktext){word, strlen(word)}, s->word,
		   sizeof(s->word));
	/* a guest's bytes: they go to terminals and files */
	for (char *c = s->word; *c; c++)
		if (*c <= ' ' || *c > '~')
			*c = '?';
}

static int step_write(struct nwb_ktrace *t, const struct nwb_kev *e)
{
	struct nwb_kstep s = {.kind = NWB_KS_REQ,
			      .file = file_of(t->ids, e->ino),
			      .off = e->start,
			      .len = e->len};
	struct req *old = req_find(t->ids, e->rreq);
	int rc;

	if (old) {
		/* The kernel's counter starts again with the module. */
		s.req = old->nr = ++t->ids->last_nr;
	} else {
		rc = req_new(t->ids, e->rreq, false, &s.req);
		if (rc)
			return rc;
	}
	task_of(t->ids, e->pid)->issues = e->rreq;
	set_word(&s, origin_of(e->what));
	return nwb_ktrace_add(t, &s);
}

static int step_rreq(struct nwb_ktrace *t, const struct nwb_kev *e)
{
	struct nwb_kstep s = {0};
	struct req *r = req_find(t->ids, e->rreq);

	if (!strcmp(e->what, "WR-DONE"))
		s.kind = NWB_KS_DONE;
	else if (!strcmp(e->what, "PAUSE"))
		s.kind = NWB_KS_PAUSE;
	else if (!strcmp(e->what, "UNPAUSE"))
		s.kind = NWB_KS_UNPAUSE;
	else
		return 0;
	if (!is_write_origin(e->origin) || (r && !r->nr))
		return 0;
	s.req = r ? r->nr : 0;
	return nwb_ktrace_add(t, &s);
}

static const struct {
	const char *what;
	enum nwb_kstep_kind kind;
} sreq_steps[] = {{"SUBMT", NWB_KS_SUBMIT},
		  {"TERM", NWB_KS_TERM},
		  {"RETRY", NWB_KS_RETRY},
		  {"SPLIT", NWB_KS_SPLIT},
		  {"DSCRD", NWB_KS_DISCARD}};

static int step_sreq(struct nwb_ktrace *t, const struct nwb_kev *e)
{
	struct req *r = req_find(t->ids, e->rreq);
	struct nwb_kstep s = {.sub = e->index, .stream = e->stream};

	if (e->stream == 255 || (r && !r->nr))
		return 0;
	s.req = r ? r->nr : 0;
	if (!strcmp(e->what, "PREP"))
		task_of(t->ids, e->pid)->issues = e->rreq;
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(sreq_steps); i++) {
		if (strcmp(e->what, sreq_steps[i].what) != 0)
			continue;
		s.kind = (uint8_t)sreq_steps[i].kind;
		if (s.kind == NWB_KS_SUBMIT) {
			s.off = e->start;
			s.len = e->len;
		}
		if (s.kind == NWB_KS_SUBMIT || s.kind == NWB_KS_TERM)
			s.done = e->done;
		if (s.kind == NWB_KS_TERM)
			s.error = e->error;
		return nwb_ktrace_add(t, &s);
	}
	return 0;
}

static int step_failure(struct nwb_ktrace *t, const struct nwb_kev *e)
{
	struct req *r = req_find(t->ids, e->rreq);
	struct nwb_kstep s = {.kind = NWB_KS_FAIL, .error = e->error};

	if (!r || !r->nr)
		return 0;
	s.req = r->nr;
	s.sub = e->index == NWB_KEV_NO_INDEX ? 0 : e->index;
	s.stream = e->stream == 255 ? 0 : e->stream;
	set_word(&s, e->what);
	return nwb_ktrace_add(t, &s);
}

static bool starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static int step_folio(struct nwb_ktrace *t, const struct nwb_kev *e)
{
	struct nwb_kstep s = {.off = e->page, .len = e->nr_pages};
	struct task *task = task_of(t->ids, e->pid);
	struct req *r;

	/* "wthru" comes before a "store" of the same folio */
	if (starts(e->what, "store"))
		s.kind = NWB_KS_STORE;
	else if (starts(e->what, "clear") || starts(e->what, "endwb") ||
		 starts(e->what, "cancel-") || !strcmp(e->what, "redirtied"))
		s.kind = NWB_KS_CLEAR;
	else
		return 0;
	r = req_find(t->ids,
		     s.kind == NWB_KS_STORE || starts(e->what, "cancel-")
			     ? task->issues
			     : task->collects);
	s.req = r ? r->nr : 0;
	set_word(&s, e->what);
	return nwb_ktrace_add(t, &s);
}

static int add_event(struct nwb_ktrace *t, const struct nwb_kev *e)
{
	struct nwb_kstep s = {0};
	uint32_t nr;

	switch (e->kind) {
	case NWB_KEV_LOST:
		t->lost += nwb_min(e->len, UINT64_MAX - t->lost);
		return 0;
	case NWB_KEV_READ:
		if (req_find(t->ids, e->rreq))
			return 0;
		return req_new(t->ids, e->rreq, true, &nr);
	case NWB_KEV_WRITE_ITER:
		s.kind = NWB_KS_WRITE;
		s.file = file_of(t->ids, e->ino);
		s.off = e->start;
		s.len = e->len;
		return nwb_ktrace_add(t, &s);
	case NWB_KEV_WRITE:
		return step_write(t, e);
	case NWB_KEV_RREQ:
		return step_rreq(t, e);
	case NWB_KEV_SREQ:
		return step_sreq(t, e);
	case NWB_KEV_FAILURE:
		return step_failure(t, e);
	case NWB_KEV_FOLIO:
		return step_folio(t, e);
	case NWB_KEV_COLLECT:
		task_of(t->ids, e->pid)->collects = e->rreq;
		return 0;
	default:
		return 0;
	}
}

int nwb_ktrace_add_text(struct nwb_ktrace *t, struct nwb_ktext text)
{
	struct nwb_kev e;
	int rc;

	if (!t->ids) {
		t->ids = calloc(1, sizeof(*t->ids));
		if (!t->ids || reqs_grow(t->ids))
			return -ENOMEM;
	}
	if (!t->ids->req)
		return -ENOMEM;
	while (nwb_kev_next(&text, &e)) {
		rc = add_event(t, &e);
		if (rc)
			return rc;
	}
	return 0;
}

int nwb_ktrace_add(struct nwb_ktrace *t, const struct nwb_kstep *s)
{
	struct nwb_kstep *step;
	size_t cap;

	if (t->nr >= NWB_KTRACE_STEPS_MAX)
		return -E2BIG;
	if (t->nr == t->cap) {
		cap = t->cap ? t->cap * 2 : 256;
		step = realloc(t->step, cap * sizeof(*step));
		if (!step)
			return -ENOMEM;
		t->step = step;
		t->cap = cap;
	}
	t->step[t->nr++] = *s;
	return 0;
}

void nwb_ktrace_fini(struct nwb_ktrace *t)
{
	if (t->ids)
		free(t->ids->req);
	free(t->ids);
	free(t->step);
	free(t->head.mount);
	free(t->head.job);
	free(t->head.stat);
	*t = (struct nwb_ktrace){0};
}

int nwb_ktrace_head_set(char **field, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}
