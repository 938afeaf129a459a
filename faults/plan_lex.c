/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cursor: words, values and punctuation of one line, and errors that know
 * their column. A line is never looked at beyond its end; the text needs no
 * NUL.
 */
#include "plan_i.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* pl_pos() - the position of @at, which lies in the cursor's line. */
struct nwb_plan_pos pl_pos(const struct pl_cur *c, const char *at)
{
	return (struct nwb_plan_pos){c->source, c->line,
				     (uint32_t)(at - c->begin) + 1};
}

/* nwb_plan_pos_str() - see plan.h. */
const char *nwb_plan_pos_str(const struct nwb_plan *plan,
			     const struct nwb_plan_pos *pos, char *buf,
			     size_t size)
{
	const char *src = pos->source < plan->nr_sources
				  ? plan->source[pos->source]
				  : "?";

	snprintf(buf, size, "%s:%u:%u", src, pos->line, pos->col);
	return buf;
}

static int fail_va(const struct nwb_plan *plan, const struct nwb_plan_pos *pos,
		   struct nwb_err *err, int code, const char *fmt, va_list ap)
	__attribute__((format(printf, 5, 0)));

static int fail_va(const struct nwb_plan *plan, const struct nwb_plan_pos *pos,
		   struct nwb_err *err, int code, const char *fmt, va_list ap)
{
	char where[NWB_PLAN_ARG + 32];
	char text[360];

	vsnprintf(text, sizeof(text), fmt, ap);
	/* no plan writes to the reader's terminal but in letters */
	for (char *t = text; *t; t++)
		if ((unsigned char)*t < ' ' || *t == 0x7f)
			*t = '?';
	return nwb_err_set(err, code, "%s: %s",
			   nwb_plan_pos_str(plan, pos, where, sizeof(where)),
			   text);
}

/* pl_fail() - the error @fmt at @at; returns @code. */
int pl_fail(struct pl_cur *c, const char *at, int code, const char *fmt, ...)
{
	struct nwb_plan_pos pos = pl_pos(c, at);
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = fail_va(c->plan, &pos, c->err, code, fmt, ap);
	va_end(ap);
	return err;
}

int pl_fail_pos(const struct nwb_plan *plan, const struct nwb_plan_pos *pos,
		struct nwb_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	code = fail_va(plan, pos, err, code, fmt, ap);
	va_end(ap);
	return code;
}

static bool is_blank(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\r';
}

static bool is_word(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
	       (ch >= '0' && ch <= '9') || ch == '_' || ch == '-' || ch == '.';
}

void pl_skip(struct pl_cur *c)
{
	while (c->at < c->end && is_blank(*c->at))
		c->at++;
}

bool pl_at_end(struct pl_cur *c)
{
	pl_skip(c);
	return c->at == c->end;
}

/* pl_word() - the next run of word characters; false: there is none here. */
bool pl_word(struct pl_cur *c, struct pl_tok *ret)
{
	pl_skip(c);
	ret->s = c->at;
	while (c->at < c->end && is_word(*c->at))
		c->at++;
	ret->len = (size_t)(c->at - ret->s);
	return ret->len > 0;
}

/* pl_value() - everything up to a blank or a character of @stop. */
bool pl_value(struct pl_cur *c, const char *stop, struct pl_tok *ret)
{
	ret->s = c->at;
	while (c->at < c->end && !is_blank(*c->at) &&
	       (!*c->at || !strchr(stop, *c->at)))
		c->at++;
	ret->len = (size_t)(c->at - ret->s);
	return ret->len > 0;
}

/* pl_char() - take @ch if it comes right here. */
bool pl_char(struct pl_cur *c, char ch)
{
	if (c->at == c->end || *c->at != ch)
		return false;
	c->at++;
	return true;
}

bool pl_is(const struct pl_tok *t, const char *word)
{
	return t->len == strlen(word) && !memcmp(t->s, word, t->len);
}

/* pl_copy() - as a C string; false: it is too long or has a NUL in it. */
bool pl_copy(const struct pl_tok *t, char *dst, size_t size)
{
	if (t->len >= size || memchr(t->s, 0, t->len))
		return false;
	memcpy(dst, t->s, t->len);
	memset(dst + t->len, 0, size - t->len);
	return true;
}

static bool is_name(const struct pl_tok *t)
{
	char ch = t->s[0];

	if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')))
		return false;
	for (size_t i = 0; i < t->len; i++)
		if (t->s[i] == '.')
			return false;
	return true;
}

/* pl_name() - a name: a letter, then letters, digits, - and _. */
int pl_name(struct pl_cur *c, const char *what, char *dst, size_t size)
{
	struct pl_tok t;

	if (!pl_word(c, &t))
		return pl_fail(c, c->at, -EINVAL, "%s is missing", what);
	if (!is_name(&t))
		return pl_fail(c, t.s, -EINVAL,
			       "\"%.*s\" is no name: a letter, then letters, "
			       "digits, - and _",
			       (int)nwb_min(t.len, (size_t)40), t.s);
	if (!pl_copy(&t, dst, size))
		return pl_fail(c, t.s, -EINVAL,
			       "the name is longer than %zu characters",
			       size - 1);
	return 0;
}

/* pl_end() - nothing may follow. */
int pl_end(struct pl_cur *c)
{
	struct pl_tok t;
	const char *at;

	if (pl_at_end(c))
		return 0;
	at = c->at;
	if (!pl_value(c, "", &t))
		return pl_fail(c, at, -EINVAL, "unexpected character");
	return pl_fail(c, at, -EINVAL, "unexpected \"%.*s\"",
		       (int)nwb_min(t.len, (size_t)40), t.s);
}
