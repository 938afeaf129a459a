/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kernel's trace says of one byte: for netwb explain, under the story
 * that the ledger tells.
 *
 * An event concerns the byte when its range has it, or when it is about a
 * subrequest whose newest range has it (TERM, credits, FREE), or about a
 * request that has such a subrequest (WR-DONE). In between stands nothing: the
 * events of other bytes are thousands.
 */
#include "trace_i.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_ 96
#define PAGE	  4096u
#define KNOWN_MAX 4096u

struct known {
	uint32_t rreq, index; /* index NWB_KEV_NO_INDEX: the request itself */
	bool has_it;
};

struct teller {
	uint64_t ino, off, t0;
	bool is_begun;
	struct known *known;
	unsigned int nr;
	void (*put)(void *arg, const char *line);
	void *arg;
	long told;
};

static struct known *know(struct teller *t, uint32_t rreq, uint32_t index)
{
	for (unsigned int i = 0; i < t->nr; i++)
		if (t->known[i].rreq == rreq && t->known[i].index == index)
			return &t->known[i];
	if (t->nr == KNOWN_MAX)
		return NULL;
	t->known[t->nr] = (struct known){.rreq = rreq, .index = index};
	return &t->known[t->nr++];
}

static bool has(uint64_t start, uint64_t len, uint64_t off)
{
	return off >= start && off - start < len;
}

/* A subrequest's range is told anew with each of its events. */
static bool sreq_concerns(struct teller *t, const struct nwb_kev *e)
{
	struct known *sub = know(t, e->rreq, e->index), *req;

	if (!sub)
		return false;
	if (e->kind == NWB_KEV_SREQ && e->len)
		sub->has_it = has(e->start, e->len, t->off);
	if (sub->has_it) {
		req = know(t, e->rreq, NWB_KEV_NO_INDEX);
		if (req)
			req->has_it = true;
	}
	return sub->has_it;
}

static bool concerns(struct teller *t, const struct nwb_kev *e)
{
	struct known *req;

	if (t->ino && e->ino && e->ino != t->ino)
		return false;
	switch (e->kind) {
	case NWB_KEV_WRITE_ITER:
	case NWB_KEV_OP:
		return has(e->start, e->len, t->off);
	case NWB_KEV_FOLIO:
		return has(e->page, e->nr_pages, t->off / PAGE);
	case NWB_KEV_SREQ:
		return sreq_concerns(t, e);
	case NWB_KEV_SMB_WRITE:
	case NWB_KEV_SMB_CREDIT:
		return e->index != NWB_KEV_NO_INDEX && sreq_concerns(t, e);
	case NWB_KEV_FAILURE:
		if (e->index != NWB_KEV_NO_INDEX)
			return sreq_concerns(t, e);
		__attribute__((fallthrough));
	case NWB_KEV_RREQ:
		/* the collector looks again and again; what it finds is told */
		if (!strcmp(e->what, "COLLECT"))
			return false;
		__attribute__((fallthrough));
	case NWB_KEV_WRITE:
		req = know(t, e->rreq, NWB_KEV_NO_INDEX);
		return req && req->has_it;
	case NWB_KEV_LOST:
		return true;
	default:
		return false;
	}
}

static void tell(struct teller *t, const struct nwb_kev *e)
{
	char line[LINE_MAX_ + 1];
	uint64_t us = e->ns > t->t0 ? (e->ns - t->t0) / NWB_USEC : 0;
	int n;

	if (e->kind == NWB_KEV_LOST)
		n = snprintf(line, sizeof(line),
			     "          %" PRIu64 " events are lost here",
			     e->len);
	else
		n = snprintf(line, sizeof(line),
			     "%5" PRIu64 ".%03u  %-12.*s %.*s", us / 1000,
			     (unsigned int)(us % 1000), (int)e->event.n,
			     e->event.p, (int)e->body.n, e->body.p);
	if (n > LINE_MAX_)
		line[LINE_MAX_ - 1] = '~';
	/* it goes to a terminal: somebody else's bytes */
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
			*c = '?';
	t->put(t->arg, line);
	t->told++;
}

long nwb_ktrace_tell(struct nwb_ktext text, uint64_t ino, uint64_t off,
		     void (*put)(void *arg, const char *line), void *arg)
{
	struct teller t = {.ino = ino, .off = off, .put = put, .arg = arg};
	struct nwb_kev e;

	t.known = calloc(KNOWN_MAX, sizeof(*t.known));
	if (!t.known)
		return -ENOMEM;
	while (nwb_kev_next(&text, &e)) {
		if (!t.is_begun && e.kind != NWB_KEV_LOST) {
			t.is_begun = true;
			t.t0 = e.ns;
		}
		if (concerns(&t, &e))
			tell(&t, &e);
	}
	free(t.known);
	return t.told;
}
