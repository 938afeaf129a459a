/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors: a number for programs, a sentence for people.
 *
 * The sentence grows leftwards: the callee that knows most writes it, callers
 * put their own part in front. When the buffer is full the tail is lost, never
 * the prefix: where it happened is worth more than the last word.
 */
#include "nwb/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int nwb_err_set(struct nwb_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

int nwb_err_wrap(struct nwb_err *err, int code, const char *fmt, ...)
{
	char head[NWB_ERR_TEXT_MAX];
	size_t len, tail;
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	(void)vsnprintf(head, sizeof(head) - 2, fmt, ap);
	va_end(ap);
	len = strlen(head);
	if (!err->code) {
		/* The callee said nothing: the number is all we can add. */
		err->code = code;
		(void)snprintf(err->text, sizeof(err->text), "%s",
			       nwb_errno_name(code));
	}
	head[len++] = ':';
	head[len++] = ' ';
	tail = strlen(err->text);
	if (tail > sizeof(err->text) - 1 - len)
		tail = sizeof(err->text) - 1 - len;
	memmove(err->text + len, err->text, tail);
	memcpy(err->text, head, len);
	err->text[len + tail] = '\0';
	return code;
}
