/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line of tracefs:
 *
 *	  kworker/u4:2-45      [000] d..1.    12.345678: netfs_rreq: R=...
 *	  comm        -pid     [cpu] flags    sec.usec:  event:      body
 *
 * comm may hold anything, brackets and blanks too, so the line is anchored at
 * the first "[digits]" after which all the rest is as it should be.
 */
#include "trace_event.h"

static unsigned int digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a') + 10;
	return 99;
}

bool ktext_number(struct nwb_ktext *t, unsigned int base, uint64_t *ret_v)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < t->n && digit(t->p[i]) < base; i++)
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, digit(t->p[i]), &v))
			return false;
	if (!i)
		return false;
	ktext_skip(t, i);
	*ret_v = v;
	return true;
}

/* "12.345678:" or, of a clock that only counts, "12345:" */
static bool parse_time(struct nwb_ktext w, uint64_t *ret_ns)
{
	uint64_t sec, frac = 0;
	size_t digits;

	if (!ktext_number(&w, 10, &sec) || !w.n)
		return false;
	if (*w.p == ':') {
		*ret_ns = sec;
		return w.n == 1;
	}
	if (*w.p != '.')
		return false;
	ktext_skip(&w, 1);
	digits = w.n;
	if (!ktext_number(&w, 10, &frac) || !ktext_is(w, ":"))
		return false;
	digits -= w.n;
	if (digits > 9 || sec > UINT64_MAX / NWB_SEC - 1)
		return false;
	for (; digits < 9; digits++)
		frac *= 10;
	*ret_ns = sec * NWB_SEC + frac;
	return true;
}

/* "comm-pid", with blanks around, from the left of the bracket. */
static bool parse_task(struct nwb_ktext t, struct nwb_kev *e)
{
	struct nwb_ktext pid;
	size_t dash;
	uint64_t v;

	while (t.n && t.p[t.n - 1] == ' ')
		t.n--;
	for (dash = t.n; dash && t.p[dash - 1] != '-'; dash--)
		;
	if (!dash)
		return false;
	pid = (struct nwb_ktext){t.p + dash, t.n - dash};
	t.n = dash - 1;
	if (!ktext_number(&pid, 10, &v) || pid.n || v > UINT32_MAX)
		return false;
	ktext_blanks(&t);
	e->task = t;
	e->pid = (uint32_t)v;
	return true;
}

/* @t: behind a '['. */
static bool parse_rest(struct nwb_ktext t, struct nwb_kev *e)
{
	struct nwb_ktext w;
	const char *colon;
	uint64_t cpu;

	if (!ktext_number(&t, 10, &cpu) || cpu > UINT32_MAX || t.n < 2 ||
	    t.p[0] != ']' || t.p[1] != ' ')
		return false;
	e->cpu = (uint32_t)cpu;
	ktext_skip(&t, 2);
	w = ktext_word(&t);
	if (!parse_time(w, &e->ns)) { /* that was the flags */
		w = ktext_word(&t);
		if (!parse_time(w, &e->ns))
			return false;
	}
	ktext_blanks(&t);
	colon = memchr(t.p, ':', t.n);
	if (!colon || colon == t.p)
		return false;
	e->event = (struct nwb_ktext){t.p, (size_t)(colon - t.p)};
	if (memchr(e->event.p, ' ', e->event.n))
		return false;
	ktext_skip(&t, e->event.n + 1);
	ktext_blanks(&t);
	e->body = t;
	return true;
}

/* "CPU:0 [LOST 12 EVENTS]" */
static bool parse_lost(struct nwb_ktext line, struct nwb_kev *e)
{
	static const char mark[] = " [LOST ";
	const char *p;
	uint64_t nr;

	if (!ktext_starts(line, "CPU:"))
		return false;
	p = memmem(line.p, line.n, mark, sizeof(mark) - 1);
	if (!p)
		return false;
	ktext_skip(&line, (size_t)(p - line.p) + sizeof(mark) - 1);
	/* the kernel does not always know how many */
	if (!ktext_number(&line, 10, &nr) || !nr)
		nr = 1;
	e->kind = NWB_KEV_LOST;
	e->len = nr;
	return true;
}

static void clear(struct nwb_kev *e)
{
	*e = (struct nwb_kev){.index = NWB_KEV_NO_INDEX, .stream = 255};
}

int nwb_kev_parse(struct nwb_ktext line, struct nwb_kev *ret_e)
{
	struct nwb_kev e;

	clear(&e);
	if (parse_lost(line, &e)) {
		*ret_e = e;
		return 0;
	}
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] != '[')
			continue;
		clear(&e);
		if (!parse_task((struct nwb_ktext){line.p, i}, &e) ||
		    !parse_rest(
			    (struct nwb_ktext){line.p + i + 1, line.n - i - 1},
			    &e))
			continue;
		kev_body(&e);
		*ret_e = e;
		return 0;
	}
	return -EINVAL;
}

bool nwb_kev_next(struct nwb_ktext *text, struct nwb_kev *ret_e)
{
	struct nwb_ktext line;

	while (ktext_line(text, &line))
		if (!nwb_kev_parse(line, ret_e))
			return true;
	return false;
}
