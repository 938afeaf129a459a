/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words of a command that a person may paste. */
#include "nwb/shell.h"

#include <string.h>

/* What means nothing to a shell, wherever in a word it stands. */
static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789_@%+=:,./-";

static size_t put(char *buf, size_t size, size_t at, const char *text)
{
	for (; *text; text++, at++)
		if (at + 1 < size) {
			buf[at] = *text;
			buf[at + 1] = '\0';
		}
	return at;
}

size_t nwb_shell_word(char *buf, size_t size, size_t at, const char *word)
{
	at = put(buf, size, at, " ");
	if (*word && strspn(word, plain) == strlen(word))
		return put(buf, size, at, word);
	at = put(buf, size, at, "'");
	for (; *word; word++) {
		const char one[] = {*word, '\0'};

		at = put(buf, size, at, *word == '\'' ? "'\\''" : one);
	}
	return put(buf, size, at, "'");
}
