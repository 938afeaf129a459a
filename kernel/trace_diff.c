/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two traces side by side, and the first difference in words.
 *
 * Who is faster, the server or the issuer, decides where a TERM stands among
 * the submits, and that is nobody's behaviour. What is: the lanes of a trace,
 * each in its own order, the same every time:
 *
 *	calls		write f1 0+1000, write f1 1000+1000, ...
 *	requests	req 1 WB f1, req 2 WB f1, ...
 *	  issue		store 0+10, submit 1.1, store 10+10, ...
 *	  subrequest	submit 1.1, term 1.1, retry 1.1, submit 1.1, ...
 *	  clean		clear 0+10, clear 10+10, ... done 1
 *
 * The issue lane has the first submit of each subrequest that the issuer made;
 * what the retryer submits belongs to the subrequest only. A step of which the
 * request is not known is in the lane of request 0.
 */
#include "trace_i.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum lane_kind {
	LANE_CALLS,
	LANE_REQS,
	LANE_ISSUE,
	LANE_SUB,
	LANE_CLEAN
};

/* A step's place: steps are compared lane by lane, in this order. */
struct place {
	uint32_t req;
	uint32_t sub;
	uint8_t lane;
	size_t at; /* index of the step */
};

struct lanes {
	const struct nwb_ktrace *t;
	const char *name;
	struct place *p;
	size_t nr;
};

static int place_cmp(const void *va, const void *vb)
{
	const struct place *a = va, *b = vb;

	/* calls and requests first: they say best what is different */
	if ((a->lane <= LANE_REQS) != (b->lane <= LANE_REQS))
		return a->lane <= LANE_REQS ? -1 : 1;
	if (a->lane <= LANE_REQS && a->lane != b->lane)
		return a->lane < b->lane ? -1 : 1;
	if (a->lane > LANE_REQS && a->req != b->req)
		return a->req < b->req ? -1 : 1;
	if (a->lane != b->lane)
		return a->lane < b->lane ? -1 : 1;
	if (a->sub != b->sub)
		return a->sub < b->sub ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static bool same_lane(const struct place *a, const struct place *b)
{
	return a->lane == b->lane && a->sub == b->sub &&
	       (a->lane <= LANE_REQS || a->req == b->req);
}

static void add(struct lanes *l, enum lane_kind lane, uint32_t sub, size_t at)
{
	l->p[l->nr++] = (struct place){.req = l->t->step[at].req,
				       .sub = sub,
				       .lane = (uint8_t)lane,
				       .at = at};
}

/* All but the issuer's own submits, which need to be known as first. */
static void place_step(struct lanes *l, size_t at)
{
	const struct nwb_kstep *s = &l->t->step[at];

	switch (s->kind) {
	case NWB_KS_WRITE:
		add(l, LANE_CALLS, 0, at);
		break;
	case NWB_KS_REQ:
		add(l, LANE_REQS, 0, at);
		break;
	case NWB_KS_STORE:
		add(l, LANE_ISSUE, 0, at);
		break;
	case NWB_KS_CLEAR:
	case NWB_KS_DONE:
		add(l, LANE_CLEAN, 0, at);
		break;
	case NWB_KS_PAUSE:
	case NWB_KS_UNPAUSE:
		break; /* whether a failure is seen in time is chance */
	default:
		add(l, LANE_SUB, s->sub, at);
		break;
	}
}

/* Within each subrequest's lane: its first step, when that is a submit, is the
 * issuer's. The lanes are sorted. */
static void place_first_submits(struct lanes *l)
{
	size_t nr = l->nr;

	for (size_t i = 0; i < nr; i++) {
		const struct nwb_kstep *s = &l->t->step[l->p[i].at];

		if (l->p[i].lane == LANE_SUB && s->kind == NWB_KS_SUBMIT &&
		    (!i || !same_lane(&l->p[i - 1], &l->p[i])))
			add(l, LANE_ISSUE, 0, l->p[i].at);
	}
}

static int lanes_make(struct lanes *l, const struct nwb_ktrace *t,
		      const char *name)
{
	*l = (struct lanes){.t = t, .name = name};
	l->p = calloc(2 * t->nr + 1, sizeof(*l->p));
	if (!l->p)
		return -ENOMEM;
	for (size_t i = 0; i < t->nr; i++)
		place_step(l, i);
	qsort(l->p, l->nr, sizeof(*l->p), place_cmp);
	place_first_submits(l);
	qsort(l->p, l->nr, sizeof(*l->p), place_cmp);
	return 0;
}

static bool same_step(const struct nwb_kstep *a, const struct nwb_kstep *b,
		      const struct nwb_kdiff_opts *o)
{
	bool word_counts = o->words ||
			   (a->kind != NWB_KS_STORE && a->kind != NWB_KS_CLEAR);

	return a->kind == b->kind && a->req == b->req && a->sub == b->sub &&
	       a->stream == b->stream && a->error == b->error &&
	       a->off == b->off && a->len == b->len && a->done == b->done &&
	       (!a->file || !b->file || a->file == b->file) &&
	       (!word_counts || !strcmp(a->word, b->word));
}

static void say(struct nwb_kdiff *d, size_t *n, const char *fmt, ...)
	nwb_printf(3, 4);

static void say(struct nwb_kdiff *d, size_t *n, const char *fmt, ...)
{
	va_list ap;
	int got;

	va_start(ap, fmt);
	got = vsnprintf(d->text + *n, sizeof(d->text) - *n, fmt, ap);
	va_end(ap);
	if (got > 0)
		*n = nwb_min(*n + (size_t)got, sizeof(d->text) - 1);
}

static void say_lane(struct nwb_kdiff *d, size_t *n, const struct place *p)
{
	static const char *const of[] = {
		[LANE_CALLS] = "the write calls",
		[LANE_REQS] = "the requests",
		[LANE_ISSUE] = "what the issuer does",
		[LANE_SUB] = "the life of subrequest",
		[LANE_CLEAN] = "the order in which pages become clean",
	};

	if (p->lane == LANE_SUB)
		say(d, n, "%s %" PRIu32 ".%" PRIu32, of[p->lane], p->req,
		    p->sub);
	else if (p->lane > LANE_REQS)
		say(d, n, "request %" PRIu32 ": %s", p->req, of[p->lane]);
	else
		say(d, n, "%s", of[p->lane]);
}

static void say_side(struct nwb_kdiff *d, size_t *n, const char *name,
		     const struct nwb_ktrace *t, long at)
{
	char line[128];

	if (at < 0) {
		say(d, n, "%s has nothing more", name);
		return;
	}
	nwb_kstep_text(&t->step[at], line, sizeof(line));
	say(d, n, "%s has \"%s\"", name, line);
}

static void say_both(struct nwb_kdiff *d, size_t *n, const struct lanes *a,
		     const struct lanes *b)
{
	say_side(d, n, a->name, a->t, d->line_a);
	say(d, n, ", ");
	say_side(d, n, b->name, b->t, d->line_b);
}

/* @i, @j: first places that differ, or the ends. */
static void tell(const struct lanes *a, size_t i, const struct lanes *b,
		 size_t j, struct nwb_kdiff *d)
{
	const struct place *pa = i < a->nr ? &a->p[i] : NULL;
	const struct place *pb = j < b->nr ? &b->p[j] : NULL;
	const struct place *lane = pa;
	unsigned int step = 1;
	size_t n = 0;

	if (!pa || (pb && !same_lane(pa, pb) && place_cmp(pb, pa) < 0)) {
		lane = pb; /* a has no step left in the lane where b has one */
		pa = NULL;
	} else if (pb && !same_lane(pa, pb)) {
		pb = NULL;
	}
	d->line_a = pa ? (long)pa->at : -1;
	d->line_b = pb ? (long)pb->at : -1;
	if (lane == pa)
		for (; i && same_lane(&a->p[i - 1], lane); i--)
			step++;
	else
		for (; j && same_lane(&b->p[j - 1], lane); j--)
			step++;
	say_lane(d, &n, lane);
	say(d, &n, ", step %u: ", step);
	say_both(d, &n, a, b);
}

static bool has_calls(const struct nwb_ktrace *t)
{
	for (size_t i = 0; i < t->nr; i++)
		if (t->step[i].kind == NWB_KS_WRITE)
			return true;
	return false;
}

static size_t behind_calls(const struct lanes *l)
{
	size_t i = 0;

	while (i < l->nr && l->p[i].lane == LANE_CALLS)
		i++;
	return i;
}

static int diff_lanes(const struct lanes *a, const struct lanes *b,
		      const struct nwb_kdiff_opts *o, struct nwb_kdiff *ret_d)
{
	struct nwb_kdiff d = {.text = ""};
	size_t i = 0, j = 0;

	if (!has_calls(a->t) || !has_calls(b->t)) {
		i = behind_calls(a);
		j = behind_calls(b);
	}
	for (; i < a->nr && j < b->nr; i++, j++)
		if (!same_lane(&a->p[i], &b->p[j]) ||
		    !same_step(&a->t->step[a->p[i].at], &b->t->step[b->p[j].at],
			       o))
			break;
	if (i == a->nr && j == b->nr)
		return 0;
	tell(a, i, b, j, &d);
	*ret_d = d;
	return 1;
}

static int diff_exact(const struct lanes *a, const struct lanes *b,
		      const struct nwb_kdiff_opts *o, struct nwb_kdiff *ret_d)
{
	struct nwb_kdiff d = {.text = ""};
	size_t i = 0, n = 0;

	while (i < a->t->nr && i < b->t->nr &&
	       same_step(&a->t->step[i], &b->t->step[i], o))
		i++;
	if (i == a->t->nr && i == b->t->nr)
		return 0;
	d.line_a = i < a->t->nr ? (long)i : -1;
	d.line_b = i < b->t->nr ? (long)i : -1;
	say(&d, &n, "step %zu: ", i + 1);
	say_both(&d, &n, a, b);
	*ret_d = d;
	return 1;
}

int nwb_ktrace_diff(const struct nwb_ktrace *a, const char *name_a,
		    const struct nwb_ktrace *b, const char *name_b,
		    const struct nwb_kdiff_opts *opts, struct nwb_kdiff *ret_d)
{
	static const struct nwb_kdiff_opts none;
	const struct nwb_kdiff_opts *o = opts ? opts : &none;
	struct lanes la = {.t = a, .name = name_a};
	struct lanes lb = {.t = b, .name = name_b};
	int rc;

	if (o->exact)
		return diff_exact(&la, &lb, o, ret_d);
	rc = lanes_make(&la, a, name_a);
	if (!rc)
		rc = lanes_make(&lb, b, name_b);
	if (!rc)
		rc = diff_lanes(&la, &lb, o, ret_d);
	free(la.p);
	free(lb.p);
	return rc;
}
