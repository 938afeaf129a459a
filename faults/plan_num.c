/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers with units, both ways.
 *
 * A number is digits, perhaps a fraction, perhaps a unit. It is read exactly,
 * in integers: a fraction that leaves a rest of the smallest unit is an error,
 * never rounded. What is printed reads back as the same value.
 */
#include "plan_i.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FRACTION_DIGITS 9u

struct number {
	uint64_t whole;
	uint64_t frac; /* over @scale */
	uint64_t scale;
	struct pl_tok unit;
};

static int bad(struct pl_cur *c, const struct pl_tok *t, const char *what)
{
	return pl_fail(c, t->s, -EINVAL, "\"%.*s\" %s",
		       (int)nwb_min(t->len, (size_t)40), t->s, what);
}

static bool is_digit(char ch)
{
	return ch >= '0' && ch <= '9';
}

/* scan() - digits [ "." digits ] and the rest, which is the unit. */
static int scan(struct pl_cur *c, const struct pl_tok *t, struct number *n)
{
	size_t i = 0;

	*n = (struct number){.scale = 1};
	if (!t->len || !is_digit(t->s[0]))
		return bad(c, t, "is no number");
	for (; i < t->len && is_digit(t->s[i]); i++) {
		uint64_t d = (uint64_t)(t->s[i] - '0');

		if (n->whole > (UINT64_MAX - d) / 10)
			return bad(c, t, "is too large");
		n->whole = n->whole * 10 + d;
	}
	if (i + 1 < t->len && t->s[i] == '.' && is_digit(t->s[i + 1])) {
		unsigned int digits = 0;

		for (i++; i < t->len && is_digit(t->s[i]); i++) {
			if (++digits > FRACTION_DIGITS)
				return bad(c, t, "has too many digits");
			n->frac = n->frac * 10 + (uint64_t)(t->s[i] - '0');
			n->scale *= 10;
		}
	}
	n->unit = (struct pl_tok){t->s + i, t->len - i};
	return 0;
}

/* value() - @n in units of which one is @one smallest ones. */
static int value(struct pl_cur *c, const struct pl_tok *t,
		 const struct number *n, uint64_t one, uint64_t *ret)
{
	unsigned __int128 sum = (unsigned __int128)n->whole * one;
	unsigned __int128 frac = (unsigned __int128)n->frac * one;

	if (frac % n->scale)
		return bad(c, t, "is finer than the smallest unit");
	sum += frac / n->scale;
	/* UINT64_MAX itself means "open" or "never" to the plan's users. */
	if (sum >= UINT64_MAX)
		return bad(c, t, "is too large");
	*ret = (uint64_t)sum;
	return 0;
}

/* pl_count() - a plain number. */
int pl_count(struct pl_cur *c, const struct pl_tok *t, uint64_t *ret)
{
	struct number n;
	int err = scan(c, t, &n);

	if (err)
		return err;
	if (n.unit.len || n.scale != 1)
		return bad(c, t, "is no whole number");
	return value(c, t, &n, 1, ret);
}

/* pl_size() - bytes: plain, K, M or G. */
int pl_size(struct pl_cur *c, const struct pl_tok *t, uint64_t *ret)
{
	static const char units[] = "KMG";
	struct number n;
	uint64_t one = 1;
	int err = scan(c, t, &n);

	if (err)
		return err;
	if (n.unit.len) {
		const char *u = n.unit.len == 1 && *n.unit.s
					? strchr(units, *n.unit.s)
					: NULL;

		if (!u)
			return bad(c, t,
				   "has an unknown unit; K, M and G are "
				   "known");
		one <<= 10 * (unsigned int)(u - units + 1);
	}
	return value(c, t, &n, one, ret);
}

/* pl_time() - nanoseconds: us, ms or s, and a unit there must be. */
int pl_time(struct pl_cur *c, const struct pl_tok *t, uint64_t *ret)
{
	struct number n;
	uint64_t one;
	int err = scan(c, t, &n);

	if (err)
		return err;
	if (pl_is(&n.unit, "us"))
		one = NWB_USEC;
	else if (pl_is(&n.unit, "ms"))
		one = NWB_MSEC;
	else if (pl_is(&n.unit, "s"))
		one = NWB_SEC;
	else
		return bad(c, t,
			   n.unit.len ? "has an unknown unit; us, ms and "
					"s are known"
				      : "needs a unit: us, ms or s");
	return value(c, t, &n, one, ret);
}

/* pl_decimal() - a fraction of which 1 is @one. */
int pl_decimal(struct pl_cur *c, const struct pl_tok *t, uint64_t one,
	       uint64_t *ret)
{
	struct number n;
	int err = scan(c, t, &n);

	if (err)
		return err;
	if (n.unit.len)
		return bad(c, t, "is no number");
	return value(c, t, &n, one, ret);
}

/* pl_cmp_op() - < <= > >= or =. */
int pl_cmp_op(struct pl_cur *c, char *ret_op)
{
	pl_skip(c);
	if (pl_char(c, '<'))
		*ret_op = pl_char(c, '=') ? 'l' : '<';
	else if (pl_char(c, '>'))
		*ret_op = pl_char(c, '=') ? 'g' : '>';
	else if (pl_char(c, '='))
		*ret_op = '=';
	else
		return pl_fail(c, c->at, -EINVAL,
			       "a comparison (< <= > >= =) is missing");
	return 0;
}

const char *pl_cmp_str(char op)
{
	return op == 'l'   ? "<="
	       : op == 'g' ? ">="
	       : op == '<' ? "<"
	       : op == '>' ? ">"
			   : "=";
}

const char *pl_size_str(uint64_t v, char *buf, size_t size)
{
	unsigned int u = 0;

	while (v && !(v & 1023) && u < 3) {
		v >>= 10;
		u++;
	}
	snprintf(buf, size, "%llu%.*s", (unsigned long long)v, u ? 1 : 0,
		 &"-KMG"[u]);
	return buf;
}

const char *pl_time_str(uint64_t ns, char *buf, size_t size)
{
	if (ns % NWB_USEC)
		snprintf(buf, size, "%llu.%03lluus",
			 (unsigned long long)(ns / NWB_USEC),
			 (unsigned long long)(ns % NWB_USEC));
	else if (ns % NWB_MSEC)
		snprintf(buf, size, "%lluus",
			 (unsigned long long)(ns / NWB_USEC));
	else if (ns % NWB_SEC)
		snprintf(buf, size, "%llums",
			 (unsigned long long)(ns / NWB_MSEC));
	else
		snprintf(buf, size, "%llus",
			 (unsigned long long)(ns / NWB_SEC));
	return buf;
}

const char *pl_decimal_str(uint64_t v, uint64_t one, char *buf, size_t size)
{
	uint64_t frac = v % one;
	size_t at;

	at = (size_t)snprintf(buf, size, "%llu", (unsigned long long)(v / one));
	if (frac && at + 1 < size)
		buf[at++] = '.';
	while (frac && at + 1 < size) {
		frac *= 10;
		buf[at++] = (char)('0' + frac / one);
		frac %= one;
	}
	buf[nwb_min(at, size - 1)] = '\0';
	return buf;
}
