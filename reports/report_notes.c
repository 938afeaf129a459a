/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a session left out, what it was merged from, what a person was told
 * while it ran: sentences that all formats show, so that no number is read
 * without them.
 */
#include "report_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_names(FILE *f, const char *what, const json_t *names)
{
	size_t i;
	json_t *v;

	if (!json_array_size(names))
		return;
	fprintf(f, "; %s:", what);
	json_array_foreach(names, i, v)
		fprintf(f, "%s %s", i ? "," : "", json_string_value(v));
}

static void put_shard(FILE *f, const json_t *rec)
{
	const json_t *out = json_object_get(rec, "left_out");

	fprintf(f,
		"Shard %.0f of %.0f: this session has %zu cases and left "
		"%zu to the others",
		rep_num(rec, "k"), rep_num(rec, "n"),
		json_array_size(json_object_get(rec, "ran")),
		json_array_size(out));
	put_names(f, "left out", out);
}

static void put_merge(FILE *f, const json_t *rec)
{
	const json_t *from = json_object_get(rec, "from");
	const char *forced = rep_str(rec, "forced");
	size_t i;
	json_t *v;

	fprintf(f, "Merged from %zu sessions:", json_array_size(from));
	json_array_foreach(from, i, v)
		fprintf(f, "%s %s%s%s", i ? "," : "", rep_str(v, "id"),
			rep_str(v, "shard") ? " shard " : "",
			rep_str(v, "shard") ? rep_str(v, "shard") : "");
	if (forced)
		fprintf(f, "; FORCED, though: %s", forced);
}

static void put_note(FILE *f, const json_t *rec)
{
	const char *about = rep_str(rec, "about");

	fprintf(f, "Note%s%s: %s", about ? " on " : "", about ? about : "",
		rep_str(rec, "text"));
}

static int one(const json_t *rec, void (*put)(FILE *f, const json_t *rec),
	       void (*fn)(void *arg, const char *text), void *arg)
{
	size_t len;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -ENOMEM;
	put(f, rec);
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	fn(arg, text);
	free(text);
	return 0;
}

int rep_notes(const json_t *recs, void (*fn)(void *arg, const char *text),
	      void *arg)
{
	size_t i;
	json_t *rec;
	int r = 0;

	json_array_foreach(recs, i, rec)
	{
		const char *type = rep_str(rec, "type");

		if (!strcmp(type, "shard"))
			r = one(rec, put_shard, fn, arg);
		else if (!strcmp(type, "merge"))
			r = one(rec, put_merge, fn, arg);
		else if (!strcmp(type, "note"))
			r = one(rec, put_note, fn, arg);
		if (r)
			return r;
	}
	return 0;
}
