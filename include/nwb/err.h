/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An error is a negative errno *and* a sentence for a person.
 *
 * Functions that can fail return 0 or a negative errno. Where a person must
 * learn more than the number, the last argument is a struct nwb_err that the
 * callee fills once, at the place that knows most, and that callers wrap on
 * the way up ("connect to smbd: negotiate: ..."). It may always be NULL.
 */
#ifndef NWB_ERR_H
#define NWB_ERR_H

#include "nwb/util.h"

#define NWB_ERR_TEXT_MAX 480

/**
 * struct nwb_err - code and text of one failure; caller's memory.
 * @code: negative errno, 0 when nothing failed
 * @text: NUL-terminated sentence without a trailing newline
 */
struct nwb_err {
	int code;
	char text[NWB_ERR_TEXT_MAX];
};

/**
 * nwb_err_set() - fill an error.
 * @err: to be filled, or NULL
 * @code: negative errno
 * @fmt: printf format of the sentence
 *
 * Return: @code, so that "return nwb_err_set(...)" reads well.
 * Context: any; does not allocate.
 */
int nwb_err_set(struct nwb_err *err, int code, const char *fmt, ...)
	nwb_printf(3, 4);

/**
 * nwb_err_wrap() - put "prefix: " in front of the text that is there.
 * @err: to be wrapped, or NULL
 * @code: negative errno to return (and to store when @err has none)
 * @fmt: printf format of the prefix
 *
 * Return: @code.
 */
int nwb_err_wrap(struct nwb_err *err, int code, const char *fmt, ...)
	nwb_printf(3, 4);

/**
 * nwb_errno_name() - the symbolic name of an errno ("EIO"), for reports.
 * @code: errno, of either sign
 *
 * Return: static string; "E?" when unknown.
 */
const char *nwb_errno_name(int code);

/**
 * nwb_errno_value() - the inverse of nwb_errno_name().
 * @name: "EIO", "ENOSPC", ...
 *
 * Return: positive errno, or -1 when unknown.
 */
int nwb_errno_value(const char *name);

#endif
