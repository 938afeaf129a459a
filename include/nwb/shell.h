/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that are printed to be pasted into a shell.
 */
#ifndef NWB_SHELL_H
#define NWB_SHELL_H

#include <stddef.h>

/**
 * nwb_shell_word() - append a blank and one word to a command.
 *
 * A word of letters, digits and what no shell looks at stays as it is; any
 * other one, the empty one too, stands between single quotes, and a single
 * quote in it as '\'' (POSIX.1, Shell Command Language, 2.2.2).
 *
 * @buf: the command; stays terminated
 * @size: of @buf, at least 1
 * @at: length of what stands in it, as the last call returned it; may be
 *	@size or more, then nothing is added
 * @word: any bytes up to a NUL
 *
 * Return: the length that the command has, or would have with more room: at
 * @size or more something was cut. Context: any; does not allocate.
 */
size_t nwb_shell_word(char *buf, size_t size, size_t at, const char *word);

#endif
