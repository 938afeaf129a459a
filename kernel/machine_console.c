/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest's kernel says on its console, as far as it is about itself.
 * Nothing else is read from there: results come by the channel.
 */
#include "machine_i.h"

#include <string.h>

static const struct {
	const char *text;
	enum nwb_console_kind kind;
} patterns[] = {
	{"nwb-init: fatal:", NWB_CONSOLE_INIT},
	{"Kernel panic - not syncing", NWB_CONSOLE_DEAD},
	{"Oops:", NWB_CONSOLE_DEAD},
	{"kernel BUG at", NWB_CONSOLE_DEAD},
	{"BUG: ", NWB_CONSOLE_DEAD},
	{"general protection fault", NWB_CONSOLE_DEAD},
	{"Kernel mode fault at", NWB_CONSOLE_DEAD}, /* UML's oops */
	{"Segfault with no mm", NWB_CONSOLE_DEAD},  /* UML's, too */
	{"UBSAN:", NWB_CONSOLE_DEAD},
	{"WARNING: ", NWB_CONSOLE_WARNS},
	{"blocked for more than", NWB_CONSOLE_WARNS},
	{"refcount_t:", NWB_CONSOLE_WARNS},
	{"possible recursive locking", NWB_CONSOLE_WARNS},
	{"possible circular locking", NWB_CONSOLE_WARNS},
	{"soft lockup", NWB_CONSOLE_WARNS},
	{"nwb-init: module", NWB_CONSOLE_WARNS},
};

enum nwb_console_kind nwb_console_kind(const char *line)
{
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(patterns); i++)
		if (strstr(line, patterns[i].text))
			return patterns[i].kind;
	return NWB_CONSOLE_PLAIN;
}

const char *nwb_console_byte(struct nwb_console *c, char byte)
{
	char *line;

	if (byte != '\n') {
		/* A line of any length must not hide what comes behind it. */
		if ((unsigned char)byte >= ' ' && byte != 0x7f &&
		    c->part_len + 1 < sizeof(c->part))
			c->part[c->part_len++] = byte;
		return NULL;
	}
	c->part[c->part_len] = '\0';
	c->part_len = 0;
	line = c->last[c->nr++ % NWB_MACHINE_LAST];
	memcpy(line, c->part, sizeof(c->part));
	return line;
}

void nwb_console_excerpt(const struct nwb_console *c, char *buf, size_t size)
{
	unsigned int i =
		c->nr > NWB_MACHINE_LAST ? c->nr - NWB_MACHINE_LAST : 0;
	size_t len = 0;

	*buf = '\0';
	for (; i < c->nr && len < size; i++) {
		int n = snprintf(buf + len, size - len, "%s\n",
				 c->last[i % NWB_MACHINE_LAST]);

		len += (size_t)nwb_max(n, 0);
	}
	/* What a dying kernel could not end is told, too. */
	if (c->part_len && len < size)
		snprintf(buf + len, size - len, "%.*s", (int)c->part_len,
			 c->part);
}
