/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "budget.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct budget *find(struct budgets *bs, const char *name)
{
	for (unsigned int i = 0; i < bs->nr; i++)
		if (!strcmp(bs->b[i].name, name))
			return &bs->b[i];
	return NULL;
}

/* NULL, or what is wrong with the line. */
static const char *parse_budget(struct budgets *bs, const char *line)
{
	char name[BUDGET_NAME_MAX], value[24], better[16], *end;
	struct budget b = {0};
	int nr = 0;

	if (sscanf(line, " %63s %23s %15s %n", name, value, better, &nr) != 3 ||
	    line[nr])
		return "not NAME VALUE better=exact|ir";
	if (strlen(name) == BUDGET_NAME_MAX - 1)
		return "name too long";
	errno = 0;
	b.value = strtoull(value, &end, 10);
	if (!isdigit((unsigned char)value[0]) || *end || errno)
		return "not a number";
	if (!strcmp(better, "better=ir"))
		b.is_ir = true;
	else if (strcmp(better, "better=exact") != 0)
		return "neither better=exact nor better=ir";
	if (find(bs, name))
		return "a second budget of that name";
	if (bs->nr == BUDGETS_MAX)
		return "too many budgets";
	memcpy(b.name, name, sizeof(name));
	bs->b[bs->nr++] = b;
	return NULL;
}

static const char *parse_line(struct budgets *bs, const char *line)
{
	static const char compiler[] = "@compiler ";
	int n;

	if (line[0] == '#' || !line[strspn(line, " \t")])
		return NULL;
	if (strncmp(line, compiler, sizeof(compiler) - 1) != 0)
		return parse_budget(bs, line);
	line += sizeof(compiler) - 1;
	n = snprintf(bs->compiler, sizeof(bs->compiler), "%s", line);
	return n < (int)sizeof(bs->compiler) ? NULL : "compiler too long";
}

static void keep_only(struct budgets *bs, const char *only)
{
	size_t len = strlen(only);
	unsigned int kept = 0;

	for (unsigned int i = 0; i < bs->nr; i++)
		if (!strncmp(bs->b[i].name, only, len) &&
		    bs->b[i].name[len] == '/')
			bs->b[kept++] = bs->b[i];
	bs->nr = kept;
}

int budgets_load(struct budgets *bs, const char *path, const char *only)
{
	FILE *f = fopen(path, "re");
	const char *why = NULL;
	unsigned int nr = 0;
	char line[256];

	memset(bs, 0, sizeof(*bs));
	bs->path = path;
	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -EIO;
	}
	while (!why && fgets(line, sizeof(line), f)) {
		nr++;
		if (!strchr(line, '\n'))
			why = "line too long, or its end is missing";
		line[strcspn(line, "\n")] = 0;
		if (!why)
			why = parse_line(bs, line);
	}
	fclose(f);
	if (only)
		keep_only(bs, only);
	if (!why && !bs->nr)
		why = "no budget in it";
	if (why) {
		fprintf(stderr, "%s:%u: %s\n", path, nr, why);
		return -EINVAL;
	}
	return 0;
}

static bool is_within(const struct budget *b, uint64_t value)
{
	uint64_t off = value > b->value ? value - b->value : b->value - value;

	if (!b->is_ir)
		return !off;
	return (double)off <= BUDGET_IR_SHARE * (double)b->value;
}

void budgets_check(struct budgets *bs, const char *name, uint64_t value)
{
	struct budget *b = find(bs, name);

	if (!b) {
		fprintf(stderr,
			"budget: %s has no budget, measured %" PRIu64 "\n",
			name, value);
		bs->failed++;
		return;
	}
	b->is_seen = true;
	if (is_within(b, value)) {
		bs->passed++;
		return;
	}
	bs->failed++;
	fprintf(stderr,
		"budget: %s is %" PRIu64 ", budget %" PRIu64 " (%+.2f%%)%s\n",
		name, value, b->value,
		b->value ? 100.0 * ((double)value / (double)b->value - 1.0)
			 : 100.0,
		b->is_ir ? " +-0.5%" : "");
}

int budgets_end(struct budgets *bs)
{
	for (unsigned int i = 0; i < bs->nr; i++)
		if (!bs->b[i].is_seen) {
			fprintf(stderr, "budget: %s was not measured\n",
				bs->b[i].name);
			bs->failed++;
		}
	if (bs->failed)
		fprintf(stderr,
			"a change of a budget is reviewed: `make budgets` "
			"writes %s anew, say why in the commit\n",
			bs->path);
	printf("%u passed, %u failed, 0 skipped\n", bs->passed, bs->failed);
	return bs->failed ? 1 : 0;
}

const char *budget_compiler(void)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s %s %s %s",
#ifdef __clang__
		 "clang",
#else
		 "gcc",
#endif
		 __VERSION__, BUDGET_OPTIMIZATION,
#if defined(__x86_64__)
		 "x86_64"
#elif defined(__aarch64__)
		 "aarch64"
#else
		 "other"
#endif
	);
	return text;
}
