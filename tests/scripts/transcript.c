/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nwb_test.h"
#include "scripts.h"
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void say_op(struct world *w, const char *fmt, ...)
{
	struct transcript *t = w->t;
	va_list ap;

	if (t->nr == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->line = realloc(t->line, t->room * sizeof(*t->line));
		nwb_check(t->line);
	}
	memset(&t->line[t->nr], 0, sizeof(*t->line));
	va_start(ap, fmt);
	vsnprintf(t->line[t->nr].op, LINE_MAX_, fmt, ap);
	va_end(ap);
	/* Should the server never answer, this is what it was asked. */
	if (w->is_loud)
		fprintf(stderr, "  %3u %s\n", t->nr, t->line[t->nr].op);
	t->nr++;
}

void say_result(struct world *w, const char *fmt, ...)
{
	struct line *l = &w->t->line[w->t->nr - 1];
	size_t at = strlen(l->result);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->result + at, LINE_MAX_ - at, fmt, ap);
	va_end(ap);
}

void say_content(struct world *w, const char *name)
{
	uint64_t size, hash;

	w->content(w, name, &size, &hash);
	say_op(w, "content of %s", name);
	say_result(w, "%llu bytes, hash %016llx", (unsigned long long)size,
		   (unsigned long long)hash);
}

uint32_t roll(struct world *w, uint32_t n)
{
	return (uint32_t)(nwb_splitmix64(&w->rng) % n);
}

/* FNV-1a */
uint64_t hash_bytes(uint64_t h, const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		h = (h ^ b[i]) * 0x100000001b3ull;
	return h;
}

/* Cut the next field off @s, without the blanks around it. */
static const char *field(char **s)
{
	char *f = strsep(s, "|"), *end;

	nwb_check(f);
	f += strspn(f, " \t\n");
	end = f + strlen(f);
	while (end > f && strchr(" \t\n", end[-1]))
		*--end = '\0';
	return f;
}

void exceptions_load(struct exceptions *x, const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned int nr = 0;
	char line[1024];

	nwb_check(f);
	while (fgets(line, sizeof(line), f)) {
		struct exception *e = &x->e[x->nr];
		char *s = line;

		nr++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		nwb_check(x->nr < EXCEPTIONS_MAX);
		snprintf(e->proto, sizeof(e->proto), "%s", field(&s));
		snprintf(e->op, sizeof(e->op), "%s", field(&s));
		snprintf(e->fake, sizeof(e->fake), "%s", field(&s));
		snprintf(e->real, sizeof(e->real), "%s", field(&s));
		if (!s || !field(&s)[0]) {
			fprintf(stderr, "%s:%u: no reason\n", path, nr);
			nwb_check(!"an exception without a reason");
		}
		e->line = nr;
		e->used = 0;
		x->nr++;
	}
	fclose(f);
}

static bool is_excused(struct exceptions *x, const char *proto,
		       const struct line *fake, const struct line *real)
{
	for (unsigned int i = 0; i < x->nr; i++) {
		struct exception *e = &x->e[i];

		if (strcmp(e->proto, proto) || fnmatch(e->op, fake->op, 0) ||
		    fnmatch(e->fake, fake->result, 0) ||
		    fnmatch(e->real, real->result, 0))
			continue;
		e->used++;
		return true;
	}
	return false;
}

int transcripts_differ(const struct transcript *fake,
		       const struct transcript *real, const char *proto,
		       struct exceptions *x)
{
	unsigned int i;

	for (i = 0; i < fake->nr && i < real->nr; i++) {
		const struct line *a = &fake->line[i], *b = &real->line[i];

		if (strcmp(a->op, b->op))
			return (int)i;
		if (strcmp(a->result, b->result) && !is_excused(x, proto, a, b))
			return (int)i;
	}
	return fake->nr == real->nr ? -1 : (int)i;
}

void transcripts_print(const struct transcript *fake,
		       const struct transcript *real, int mark)
{
	static const struct line none;

	for (unsigned int i = 0; i < nwb_max(fake->nr, real->nr); i++) {
		const struct line *a = i < fake->nr ? &fake->line[i] : &none;
		const struct line *b = i < real->nr ? &real->line[i] : &none;

		if (mark >= 0 && (int)i > mark)
			return;
		fprintf(stderr, "%s%3u %s\n", (int)i == mark ? ">" : " ", i,
			a->op);
		if (!strcmp(a->op, b->op) && !strcmp(a->result, b->result)) {
			fprintf(stderr, "       %s\n", a->result);
			continue;
		}
		fprintf(stderr, "       fake: %s\n", a->result);
		if (strcmp(a->op, b->op))
			fprintf(stderr, "       real was asked: %s\n", b->op);
		fprintf(stderr, "       real: %s\n", b->result);
	}
}

void transcript_free(struct transcript *t)
{
	free(t->line);
	memset(t, 0, sizeof(*t));
}
