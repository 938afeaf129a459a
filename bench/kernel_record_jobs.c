/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The workloads of which reference traces are kept: files of kernel/workloads,
 * which are part of the program. A workload is a guest's job (nwb/guest.h)
 * without mount and trace, with a head:
 *
 *	# Title. More words.
 *	#: fs cifs 9p
 *	#: options wsize=65536
 *	#: plan on server.write nth=3 before do rst
 */
#include "kernel_record.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	const char *text;
} builtin[] = {
	{
		"seq-4k",
#include "workload-seq-4k.inc"
	},
	{
		"seq-1m",
#include "workload-seq-1m.inc"
	},
	{
		"rand-4k",
#include "workload-rand-4k.inc"
	},
	{
		"rand-1m",
#include "workload-rand-1m.inc"
	},
	{
		"unaligned",
#include "workload-unaligned.inc"
	},
	{
		"streaming",
#include "workload-streaming.inc"
	},
	{
		"append",
#include "workload-append.inc"
	},
	{
		"truncate",
#include "workload-truncate.inc"
	},
	{
		"fsync",
#include "workload-fsync.inc"
	},
	{
		"direct",
#include "workload-direct.inc"
	},
	{
		"osync",
#include "workload-osync.inc"
	},
	{
		"small-wsize",
#include "workload-small-wsize.inc"
	},
	{
		"cut-retry",
#include "workload-cut-retry.inc"
	},
	{
		"short-write",
#include "workload-short-write.inc"
	},
	{
		"mapped",
#include "workload-mapped.inc"
	},
};

const char *kr_builtin(unsigned int i, const char **ret_name)
{
	if (i >= NWB_ARRAY_SIZE(builtin))
		return NULL;
	*ret_name = builtin[i].name;
	return builtin[i].text;
}

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; (p = strstr(p, word)) != NULL; p += n)
		if ((p == words || p[-1] == ' ') && (!p[n] || p[n] == ' '))
			return true;
	return false;
}

static int copy(char *to, size_t size, const char *from, const char *what,
		struct nwb_err *err)
{
	if (strlen(from) >= size)
		return nwb_err_set(err, -EINVAL, "%s is too long", what);
	memcpy(to, from, strlen(from) + 1);
	return 0;
}

static int directive(const char *line, struct kr_job *j, struct nwb_err *err)
{
	if (!strncmp(line, "fs ", 3)) {
		j->on_cifs = has_word(line + 3, "cifs");
		j->on_9p = has_word(line + 3, "9p");
		return 0;
	}
	if (!strncmp(line, "options ", 8))
		return copy(j->options, sizeof(j->options), line + 8,
			    "\"options\"", err);
	if (!strncmp(line, "plan ", 5))
		return copy(j->plan, sizeof(j->plan), line + 5, "\"plan\"",
			    err);
	return nwb_err_set(err, -EINVAL, "\"#: %s\": it is fs, options or plan",
			   line);
}

static void set_title(const char *line, struct kr_job *j)
{
	size_t n = strcspn(line, ".:");

	if (j->title[0] || !strncmp(line, "SPDX", 4))
		return;
	n = nwb_min(n, sizeof(j->title) - 1);
	memcpy(j->title, line, n);
	j->title[n] = '\0';
}

int kr_parse(const char *name, const char *text, struct kr_job *ret_j,
	     struct nwb_err *err)
{
	struct kr_job j = {.text = text};
	const char *p = text, *end;
	unsigned int nr = 1;
	char line[320];
	int rc = copy(j.name, sizeof(j.name), name, "the name", err);

	for (; !rc && *p; p = *end ? end + 1 : end, nr++) {
		end = strchrnul(p, '\n');
		if (*p != '#')
			continue;
		snprintf(line, sizeof(line), "%.*s", (int)(end - p), p);
		if (!strncmp(line, "#: ", 3))
			rc = directive(line + 3, &j, err);
		else if (!strncmp(line, "# ", 2))
			set_title(line + 2, &j);
	}
	if (!rc && !j.on_cifs && !j.on_9p)
		rc = nwb_err_set(err, -EINVAL,
				 "it has no \"#: fs cifs 9p\", or names none "
				 "of them");
	if (rc)
		return nwb_err_wrap(err, rc, "%s:%u", name, nr - 1);
	*ret_j = j;
	return 0;
}
