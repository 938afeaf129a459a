/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The counters that kernels print for people, as names and numbers.
 *
 *	Writes : BW=4 WT=0		Writes.BW 4, Writes.WT 0
 *	Creates: 3 total 0 failed	Creates.total 3, Creates.failed 0
 *	Bytes read: 0  Bytes written: 8	Bytes-read 0, Bytes-written 8
 *	0 session 1 share reconnects	session 0, share-reconnects 1
 *	Total Large 10 Small 3 Alloc.	Large 10, Small 3
 *
 * There is no grammar behind it, so none is asked for: a number takes the key
 * that is joined to it; else the label before the last colon, and with it the
 * words that follow, up to the next number or label; a word right before it
 * wins over those.
 */
#include "trace_i.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct name {
	char text[NWB_KSTAT_NAME_MAX];
	size_t n;
};

static void put(struct name *to, const char *p, size_t n)
{
	for (size_t i = 0; i < n && to->n + 1 < sizeof(to->text); i++) {
		bool plain = (p[i] >= 'a' && p[i] <= 'z') ||
			     (p[i] >= 'A' && p[i] <= 'Z') ||
			     (p[i] >= '0' && p[i] <= '9') || p[i] == '_' ||
			     p[i] == '/';

		if (plain)
			to->text[to->n++] = p[i];
		else if (to->n && to->text[to->n - 1] != '.' &&
			 to->text[to->n - 1] != '-')
			to->text[to->n++] = '-';
	}
	to->text[to->n] = '\0';
}

/* Blanks and colons at the end have left a hyphen. */
static void trim(struct name *to)
{
	while (to->n && to->text[to->n - 1] == '-')
		to->text[--to->n] = '\0';
}

static void dot(struct name *to)
{
	trim(to);
	if (to->n && to->text[to->n - 1] != '.' &&
	    to->n + 1 < sizeof(to->text)) {
		to->text[to->n++] = '.';
		to->text[to->n] = '\0';
	}
}

static void count(struct nwb_kstat *s, const struct name *name, uint64_t value)
{
	if (!name->n || name->text[name->n - 1] == '.')
		return; /* a number of nothing */
	for (unsigned int i = 0; i < s->nr; i++) {
		if (strcmp(s->item[i].name, name->text) != 0)
			continue;
		s->item[i].value += value;
		return;
	}
	if (s->nr == NWB_KSTAT_MAX)
		return;
	memcpy(s->item[s->nr].name, name->text, sizeof(name->text));
	s->item[s->nr++].value = value;
}

static bool whole_number(struct nwb_ktext w, uint64_t *ret_v)
{
	if (w.n && w.p[w.n - 1] == ',')
		w.n--;
	return ktext_number(&w, 10, ret_v) && !w.n;
}

static bool has_digit(struct nwb_ktext w)
{
	for (size_t i = 0; i < w.n; i++)
		if (w.p[i] >= '0' && w.p[i] <= '9')
			return true;
	return false;
}

/* The words behind a number, as far as they are its own; "since 2026-11-21
 * 18:33" is not. */
static void put_words(struct nwb_ktext *line, struct name *to)
{
	struct nwb_ktext rest = *line, w = ktext_word(&rest), own;
	const char *start = w.p, *end = w.p;
	struct nwb_ktext behind = *line;
	uint64_t v;

	for (; w.n && !whole_number(w, &v); w = ktext_word(&rest)) {
		if (has_digit(w) || ktext_is(w, "since"))
			break;
		if (w.p[w.n - 1] == ':')
			return; /* the next number's label: "5 Pool size: 30" */
		end = w.p + w.n;
		behind = rest;
	}
	*line = behind;
	own = (struct nwb_ktext){start, (size_t)(end - start)};
	if (!own.n)
		return;
	dot(to);
	put(to, own.p, own.n);
	trim(to);
}

static void parse_line(struct nwb_ktext line, const char *prefix,
		       struct nwb_kstat *s)
{
	struct name label = {.n = 0}, name;
	struct nwb_ktext w, from = line, before = {NULL, 0};
	const char *eq;
	uint64_t v;

	while ((w = ktext_word(&line)).n) {
		eq = memchr(w.p, '=', w.n);
		name = (struct name){.n = 0};
		put(&name, prefix, strlen(prefix));
		dot(&name);
		if (eq) {
			struct nwb_ktext num = {eq + 1,
						w.n - (size_t)(eq + 1 - w.p)};

			put(&name, label.text, label.n);
			dot(&name);
			put(&name, w.p, (size_t)(eq - w.p));
			trim(&name);
			if (whole_number(num, &v))
				count(s, &name, v);
		} else if (whole_number(w, &v)) {
			put(&name, label.text, label.n);
			if (before.n) {
				dot(&name);
				put(&name, before.p, before.n);
			} else {
				put_words(&line, &name);
			}
			trim(&name);
			count(s, &name, v);
			from = line;
			before.n = 0;
		} else if (w.p[w.n - 1] == ':') {
			label = (struct name){.n = 0};
			ktext_blanks(&from);
			put(&label, from.p, (size_t)(w.p + w.n - from.p));
			trim(&label);
			from = line;
			before.n = 0;
		} else {
			before = w;
		}
	}
}

void nwb_kstat_parse(struct nwb_ktext text, const char *prefix,
		     struct nwb_kstat *s)
{
	struct nwb_ktext line;

	while (ktext_line(&text, &line))
		parse_line(line, prefix, s);
}

static uint64_t value_of(const struct nwb_kstat *s, const char *name)
{
	for (unsigned int i = 0; i < s->nr; i++)
		if (!strcmp(s->item[i].name, name))
			return s->item[i].value;
	return 0;
}

char *nwb_kstat_delta(const struct nwb_kstat *before,
		      const struct nwb_kstat *after)
{
	size_t cap = (size_t)after->nr * (NWB_KSTAT_NAME_MAX + 24) + 1, n = 0;
	char *text = malloc(cap);

	if (!text)
		return NULL;
	*text = '\0';
	for (unsigned int i = 0; i < after->nr; i++) {
		uint64_t was = value_of(before, after->item[i].name);
		uint64_t is = after->item[i].value;

		if (was == is)
			continue;
		n += (size_t)snprintf(text + n, cap - n, "%s %s%" PRIu64 "\n",
				      after->item[i].name, is < was ? "-" : "",
				      is < was ? was - is : is - was);
	}
	return text;
}
