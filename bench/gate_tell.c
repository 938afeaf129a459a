/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a person sees: the progress, and in the end the report. */
#include "gate_i.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void clear(const struct gate_session *s)
{
	if (s->is_tty)
		fputs("\r\033[K", stderr);
}

void gate_tell_line(struct gate_session *s, const char *fmt, ...)
{
	char text[1024];
	struct nwb_err err = {0};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clear(s);
	fprintf(stderr, "%s\n", text);
	/* what was told belongs to what was measured */
	if (s->store && gate_record_note(s, text, &err))
		fprintf(stderr, "netwb: %s\n", err.text);
}

static void tell_side(const struct gate_session *s, char name,
		      const struct gate_side *side)
{
	fprintf(stderr, "%c = %s:%s%s%.12s%s%s%s\n", name,
		gate_side_kind_name(side->kind), side->id,
		side->revision[0] ? " = " : "", side->revision,
		side->build[0] && gate_is_binary_side(side) ? " (" : "",
		gate_is_binary_side(side) ? side->build : "",
		side->build[0] && gate_is_binary_side(side) ? ")" : "");
	(void)s;
}

void gate_tell_begin(struct gate_session *s)
{
	const struct gate_opts *o = s->o;

	tell_side(s, 'A', &o->a);
	tell_side(s, 'B', &o->b);
	fprintf(stderr, "what differs: %s\n", s->differs);
	fprintf(stderr, "%u cases, ", o->cases.nr);
	if (o->pairs)
		fprintf(stderr, "%u pairs each", o->pairs);
	else
		fprintf(stderr, "looks at 10, 20, 30 and 40 pairs");
	if (o->budget_ns)
		fprintf(stderr, ", %llu min",
			(unsigned long long)(o->budget_ns / (60 * NWB_SEC)));
	fprintf(stderr, ", seed %llu, results in %s\n",
		(unsigned long long)o->seed, s->dir);
	if (o->pairs && o->pairs < NWB_GATE_PAIRS_MIN)
		fprintf(stderr,
			"need >= %d pairs: with %u nothing can be decided\n",
			NWB_GATE_PAIRS_MIN, o->pairs);
}

/* A line on a terminal, one in half a minute in a log. */
void gate_tell_pair(struct gate_session *s, const struct gate_stream *st)
{
	static const char *const role[] = {"", " control", " again"};
	uint64_t now = gate_now_ns(), left = 0;
	unsigned int done = 0, total = 0;

	for (unsigned int i = 0; i < s->nr_streams; i++) {
		const struct gate_stream *o = &s->stream[i];

		done += o->nr_run;
		total += o->is_done ? o->nr_run
				    : nwb_max(o->want + o->nr_bad, o->nr_run);
	}
	if (s->nr_pairs)
		left = s->pair_ns / s->nr_pairs * (total - done) / NWB_SEC;
	if (!s->is_tty && now - s->t_said < 30 * NWB_SEC && s->t_said)
		return;
	s->t_said = now;
	clear(s);
	fprintf(stderr, "%u/%u pairs, %llu:%02llu left%s: %s%s%s", done, total,
		(unsigned long long)(left / 60),
		(unsigned long long)(left % 60), s->o->pairs ? "" : " or more",
		st->c->name, role[st->role], s->is_tty ? "" : "\n");
	fflush(stderr);
}

/* The block as it lies in the directory, with the digest of the data. */
static int print_cover(const struct gate_session *s, struct nwb_err *err)
{
	char path[4200], *text;
	size_t len;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", s->dir,
		 nwb_report_format_file(NWB_FORMAT_COVER));
	rc = bench_read_file(path, &text, &len, err);
	if (rc)
		return rc;
	fwrite(text, 1, len, stdout);
	free(text);
	return 0;
}

static int print_report(const struct gate_session *s, struct nwb_err *err)
{
	char path[4200];
	json_t *recs;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", s->dir, NWB_STORE_NAME);
	rc = nwb_store_load(path, &recs, err);
	if (rc)
		return rc;
	rc = nwb_report_text(recs, stdout, NWB_REPORT_TERMINAL, NULL, err);
	json_decref(recs);
	return rc;
}

void gate_tell_end(const struct gate_session *s, int code)
{
	struct nwb_err err = {0};
	int rc;

	clear(s);
	rc = s->o->has_cover ? print_cover(s, &err) : print_report(s, &err);
	if (rc)
		fprintf(stderr, "netwb: %s\n", err.text);
	putchar('\n');
	for (int f = 0; f < NWB_REPORT_FORMATS; f++)
		printf("%s/%s\n", s->dir,
		       nwb_report_format_file((enum nwb_report_format)f));
	printf("%s/%s\n", s->dir, NWB_STORE_NAME);
	if (s->nr_fail)
		printf("FAIL: %u runs broke a promise; the session's numbers "
		       "do not matter\n",
		       s->nr_fail);
	if (s->unusable[0])
		printf("UNUSABLE: %s\n", s->unusable);
	if (s->nr_failed > s->nr_fail)
		printf("%u pairs could not be measured; their records say "
		       "why\n",
		       s->nr_failed - s->nr_fail);
	if (code > 128)
		printf("interrupted: decided by what was measured\n");
}
