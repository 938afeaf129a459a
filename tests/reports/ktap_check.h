/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A strict reader of KTAP, version 1, for the tests: the rules that kunit's
 * parser and the specification have in common, and none of their leniency.
 *
 *	block   = version {"# Subtest: " name | diagnostic} plan {test}
 *	test    = { diagnostic | block two columns further in } result
 *	result  = ("ok" | "not ok") " " number [" " name] [" # " directive]
 *
 * Numbers count from 1 without a gap up to the plan; a block within a test is
 * "ok" or not as its tests are; a directive that is written in capitals is one
 * that the specification knows, and agrees with the result.
 */
#ifndef NWB_KTAP_CHECK_H
#define NWB_KTAP_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ktap {
	const char *at; /* next line */
	int line;
	char why[200]; /* what is wrong; empty: nothing */
	unsigned int passed, failed, skipped, xfailed, timeouts, errors;
};

static inline bool ktap_bad(struct ktap *k, const char *why)
{
	if (!k->why[0])
		snprintf(k->why, sizeof(k->why), "line %d: %s", k->line, why);
	return false;
}

/* The next line without its indent, or NULL: it is further out, or the end. */
static inline const char *ktap_peek(struct ktap *k, int indent, char *buf,
				    size_t size)
{
	size_t len = strcspn(k->at, "\n"), in = strspn(k->at, " ");

	if (!*k->at || (int)in < indent)
		return NULL;
	if (len >= size) {
		ktap_bad(k, "too long");
		return NULL;
	}
	memcpy(buf, k->at, len);
	buf[len] = '\0';
	return buf + indent;
}

static inline void ktap_next(struct ktap *k)
{
	k->at += strcspn(k->at, "\n");
	if (*k->at != '\n')
		ktap_bad(k, "no newline at the end");
	else
		k->at++;
	k->line++;
}

static inline bool ktap_directive(struct ktap *k, const char *d, bool is_ok)
{
	size_t len = strspn(d, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
	bool is_word = len > 1 && (!d[len] || d[len] == ' ');

	if (is_word && !strncmp(d, "SKIP", len)) {
		k->skipped++;
		return is_ok || ktap_bad(k, "a SKIP that is not ok");
	}
	if (is_word && !strncmp(d, "XFAIL", len)) {
		k->xfailed++;
		return is_ok || ktap_bad(k, "an XFAIL that is not ok");
	}
	if (is_word && !strncmp(d, "TIMEOUT", len)) {
		k->timeouts++;
		return !is_ok || ktap_bad(k, "a TIMEOUT that is ok");
	}
	if (is_word && !strncmp(d, "ERROR", len)) {
		k->errors++;
		return !is_ok || ktap_bad(k, "an ERROR that is ok");
	}
	k->passed += is_ok;
	k->failed += !is_ok;
	return true;
}

/* Return: whether there was a result at all; *@ret_ok: of the test. */
static inline bool ktap_result(struct ktap *k, const char *s,
			       unsigned long want, bool is_leaf, bool *ret_ok)
{
	char *end;
	const char *d;

	*ret_ok = !strncmp(s, "ok ", 3);
	if (!*ret_ok && strncmp(s, "not ok ", 7))
		return ktap_bad(k, "neither a result nor a diagnostic");
	s += *ret_ok ? 3 : 7;
	if (*s < '1' || *s > '9' || strtoul(s, &end, 10) != want)
		return ktap_bad(k, "the number is not the next one");
	if (*end && *end != ' ')
		return ktap_bad(k, "no blank behind the number");
	d = strchr(end, '#');
	if (d && (d[-1] != ' ' || d[1] != ' '))
		return ktap_bad(k, "a '#' that begins no directive");
	for (const char *p = end; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			return ktap_bad(k, "not printable");
	if (is_leaf)
		return ktap_directive(k, d ? d + 2 : "", *ret_ok);
	return !d || ktap_bad(k, "a directive behind a block");
}

static inline bool ktap_block(struct ktap *k, int indent, bool *ret_ok);

static inline bool ktap_test(struct ktap *k, int indent, unsigned long nr,
			     bool *all_ok)
{
	bool is_leaf = true, sub_ok = true, is_ok;
	char buf[8192];

	for (;;) {
		const char *s = ktap_peek(k, indent, buf, sizeof(buf));

		if (!s)
			return ktap_bad(k, "fewer tests than planned");
		if (!strncmp(s, "# ", 2)) {
			ktap_next(k);
			continue;
		}
		if (!strcmp(s, "  KTAP version 1")) {
			if (!is_leaf)
				return ktap_bad(k, "a second block");
			is_leaf = false;
			if (!ktap_block(k, indent + 2, &sub_ok))
				return false;
			continue;
		}
		if (!ktap_result(k, s, nr, is_leaf, &is_ok))
			return false;
		if (!is_leaf && is_ok != sub_ok)
			return ktap_bad(k, "not as the tests within");
		*all_ok &= is_ok;
		ktap_next(k);
		return true;
	}
}

static inline bool ktap_block(struct ktap *k, int indent, bool *ret_ok)
{
	char buf[8192];
	const char *s = ktap_peek(k, indent, buf, sizeof(buf));
	unsigned long nr;
	char *end;

	*ret_ok = true;
	if (!s || strcmp(s, "KTAP version 1"))
		return ktap_bad(k, "no version line");
	ktap_next(k);
	while ((s = ktap_peek(k, indent, buf, sizeof(buf))) &&
	       !strncmp(s, "# ", 2))
		ktap_next(k);
	if (!s || strncmp(s, "1..", 3) || s[3] < '0' || s[3] > '9')
		return ktap_bad(k, "no plan");
	nr = strtoul(s + 3, &end, 10);
	if (*end)
		return ktap_bad(k, "a plan that is no number");
	ktap_next(k);
	for (unsigned long i = 1; i <= nr; i++)
		if (!ktap_test(k, indent, i, ret_ok))
			return false;
	s = ktap_peek(k, indent, buf, sizeof(buf));
	if (s)
		return ktap_bad(k, "more than was planned");
	return !k->why[0];
}

/** ktap_check() - Return: whether @text is one whole document. */
static inline bool ktap_check(struct ktap *k, const char *text)
{
	bool is_ok;

	*k = (struct ktap){.at = text, .line = 1};
	return ktap_block(k, 0, &is_ok) &&
	       (!*k->at || ktap_bad(k, "something behind the end"));
}

#endif
