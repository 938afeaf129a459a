/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same program with its objects in another order. ninja knows the command
 * that linked it; the objects in that command change places, the output goes
 * elsewhere, nothing else differs.
 */
#include "gate_i.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len > n && !strcmp(s + len - n, end);
}

unsigned int gate_split(char *line, const char **v)
{
	unsigned int nr = 0;
	char *save = NULL;

	if (strpbrk(line, "'\"\\;&|`$("))
		return 0;
	for (char *w = strtok_r(line, " \n", &save); w;
	     w = strtok_r(NULL, " \n", &save)) {
		if (nr == GATE_WORDS_MAX - 1)
			return 0;
		v[nr++] = w;
	}
	v[nr] = NULL;
	return nr;
}

/* The words of our own (not "/usr/...") that end so change places. */
static unsigned int shuffle(const char **v, unsigned int nr, const char *end,
			    uint64_t *rnd)
{
	unsigned int at[GATE_WORDS_MAX], n = 0;

	for (unsigned int i = 0; i < nr; i++)
		if (ends_with(v[i], end) && v[i][0] != '/')
			at[n++] = i;
	for (unsigned int i = n; i > 1; i--) {
		unsigned int k = (unsigned int)(nwb_splitmix64(rnd) % i);
		const char *t = v[at[i - 1]];

		v[at[i - 1]] = v[at[k]];
		v[at[k]] = t;
	}
	return n;
}

unsigned int gate_rearrange(const char **v, unsigned int nr, uint64_t seed,
			    const char *path)
{
	unsigned int objects = shuffle(v, nr, ".o", &seed);

	/* all of them stand in one group, in which their order is free */
	shuffle(v, nr, ".a", &seed);
	for (unsigned int i = 0; i + 1 < nr; i++)
		if (!strcmp(v[i], "-o")) {
			v[i + 1] = path;
			return objects;
		}
	return 0;
}

int gate_relink(const struct gate_side *s, uint64_t seed, const char *path,
		struct nwb_err *err)
{
	const char *ask[] = {"ninja",	 "-C", s->build_dir,  "-t",
			     "commands", "-s", "bench/netwb", NULL};
	const char **v;
	char *text;
	int rc;

	if (!s->build_dir[0])
		return nwb_err_set(err, -EOPNOTSUPP,
				   "where %.80s was built is not known", s->id);
	text = calloc(1, 1 << 17);
	v = calloc(GATE_WORDS_MAX, sizeof(*v));
	if (!text || !v) {
		rc = nwb_err_set(err, -ENOMEM, "no memory to link");
	} else if (gate_command_text(ask, NULL, text, 1 << 17)) {
		rc = nwb_err_set(err, -EOPNOTSUPP,
				 "ninja does not tell how %.80s was linked",
				 s->id);
	} else {
		unsigned int nr = gate_split(text, v);

		rc = nr && gate_rearrange(v, nr, seed, path) > 1 &&
				     !gate_command(v, s->build_dir, NULL)
			     ? 0
			     : nwb_err_set(err, -EOPNOTSUPP,
					   "%.80s cannot be linked again",
					   s->id);
	}
	free(text);
	free(v);
	return rc;
}
