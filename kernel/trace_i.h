/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of kernel/trace*.c only: reading pieces of text. */
#ifndef NWB_TRACE_I_H
#define NWB_TRACE_I_H

#include "nwb/ktrace.h"
#include <string.h>

/* The next line of *@text, without its newline. */
static inline bool ktext_line(struct nwb_ktext *text,
			      struct nwb_ktext *ret_line)
{
	const char *nl;
	size_t n;

	if (!text->n)
		return false;
	nl = memchr(text->p, '\n', text->n);
	n = nl ? (size_t)(nl - text->p) : text->n;
	*ret_line = (struct nwb_ktext){text->p, n};
	text->p += nl ? n + 1 : n;
	text->n -= nl ? n + 1 : n;
	return true;
}

static inline void ktext_skip(struct nwb_ktext *t, size_t n)
{
	t->p += n;
	t->n -= n;
}

static inline void ktext_blanks(struct nwb_ktext *t)
{
	while (t->n && (*t->p == ' ' || *t->p == '\t'))
		ktext_skip(t, 1);
}

/* The next word; @ret->n is 0 at the end. */
static inline struct nwb_ktext ktext_word(struct nwb_ktext *t)
{
	struct nwb_ktext w;

	ktext_blanks(t);
	w = (struct nwb_ktext){t->p, 0};
	while (w.n < t->n && t->p[w.n] != ' ' && t->p[w.n] != '\t')
		w.n++;
	ktext_skip(t, w.n);
	return w;
}

static inline bool ktext_is(struct nwb_ktext t, const char *word)
{
	return t.n == strlen(word) && !memcmp(t.p, word, t.n);
}

static inline bool ktext_starts(struct nwb_ktext t, const char *word)
{
	size_t n = strlen(word);

	return t.n >= n && !memcmp(t.p, word, n);
}

/* A copy that fits, cut where it does not. */
static inline void ktext_copy(struct nwb_ktext t, char *buf, size_t size)
{
	size_t n = nwb_min(t.n, size - 1);

	memcpy(buf, t.p, n);
	buf[n] = '\0';
}

/**
 * ktext_number() - digits of @base (10 or 16, no "0x") at the start of *@t,
 * which is moved on behind them.
 * Return: false: there are none, or it is 2^64 or more.
 */
bool ktext_number(struct nwb_ktext *t, unsigned int base, uint64_t *ret_v);

#endif
