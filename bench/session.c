/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See session.h. */
#include "session.h"

#include "env_meters.h"
#include "nwb/mem.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

int bench_session_begin(struct bench_session *s, const char *out,
			enum nwb_isolation want, uint64_t seed,
			unsigned int total, int argc, char **argv,
			struct nwb_err *err)
{
	char isolation[128];
	const char *id;
	int rc;

	*s = (struct bench_session){.t_start = now_ns(), .room = total + 64};
	s->verdict = nwb_zalloc(s->room * sizeof(*s->verdict));
	if (!s->verdict)
		return nwb_err_set(err, -ENOMEM, "no memory for a session");
	/* once, so that no two runs of a session differ in it */
	rc = nwb_isolation_try(want, &s->step, s->why, sizeof(s->why), err);
	if (rc)
		return rc;
	snprintf(isolation, sizeof(isolation), s->why[0] ? "%s (%s)" : "%s",
		 nwb_isolation_name(s->step), s->why);
	rc = bench_results_dir(out, s->dir, sizeof(s->dir), err);
	if (!rc)
		rc = nwb_store_create(s->dir, &s->store, err);
	if (rc)
		return rc;
	bench_interrupt_store(s->store);
	id = strrchr(s->dir, '/');
	rc = bench_store_add(s->store,
			     bench_env_session(id ? id + 1 : s->dir, isolation,
					       seed, argc, argv),
			     err);
	bench_progress_start(&s->progress, total);
	return rc;
}

int bench_session_shard(struct bench_session *s,
			const struct bench_shard *shard, struct nwb_err *err)
{
	if (!shard->n)
		return 0;
	bench_shard_say(shard);
	return bench_store_add(s->store, bench_shard_record(shard), err);
}

int bench_session_note(struct bench_session *s, struct nwb_err *err,
		       const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s%s\n", s->progress.is_tty ? "\r\033[K" : "", text);
	return bench_store_add(
		s->store, json_pack("{s:s,s:s}", "type", "note", "text", text),
		err);
}

void bench_session_add(struct bench_session *s, enum nwb_verdict v)
{
	nwb_assert(s->nr_verdicts < s->room);
	s->verdict[s->nr_verdicts++] = v;
}

/* The client hangs: this run is the session's last. */
static void session_hang(void *arg, const struct bench_run_opts *o,
			 const struct bench_run_result *r)
{
	struct bench_session *s = arg;
	struct nwb_err err = {0};
	char reason[256];
	enum nwb_verdict v = bench_verdict(r, o->plan, reason, sizeof(reason));
	int code;

	fprintf(stderr,
		"netwb: the client stands still; the session ends "
		"here\n%s\n",
		reason);
	bench_session_add(s, v);
	if (bench_store_add(s->store, bench_record_run(o, r, s->pair, s->order),
			    &err))
		fprintf(stderr, "netwb: %s\n", err.text);
	code = bench_session_end(s, NWB_REPORT_SUMMARY | NWB_REPORT_FINDINGS,
				 &err);
	fflush(NULL);
	_exit(code);
}

int bench_session_run(struct bench_session *s, const struct bench_run_opts *o,
		      unsigned int pair, unsigned int order,
		      struct bench_run_result *ret, struct nwb_err *err)
{
	static struct bench_run_result res; /* large; one run at a time */
	struct bench_run_opts mine;
	struct nwb_err why = {0};
	enum nwb_verdict v;
	char cell[128], reason[256], hint[2560];
	json_t *rec;
	int rc;

	bench_cell_name(o, cell, sizeof(cell));
	bench_progress_step(&s->progress, cell);
	mine = *o;
	mine.isolation = s->step;
	mine.keep_failed = true;
	mine.results_dir = s->dir;
	mine.on_hang = session_hang;
	mine.hang_arg = s;
	s->pair = pair;
	s->order = order;
	rc = bench_run_one(&mine, &res, &why);
	if (rc) {
		v = NWB_INCONCLUSIVE;
		rec = bench_record_failed(&mine, pair, order, why.text);
		snprintf(reason, sizeof(reason), "%.250s", why.text);
	} else {
		v = bench_verdict(&res, o->plan, reason, sizeof(reason));
		rec = bench_record_run(&mine, &res, pair, order);
	}
	if (res.nr_died)
		fprintf(stderr, "%s%s: %s (%u of %u attempts); made again\n",
			s->progress.is_tty ? "\r\033[K" : "", cell, res.died,
			res.nr_died, res.nr_died + 1);
	if (v != NWB_PASS)
		fprintf(stderr, "%s%s: %s  %s\n",
			s->progress.is_tty ? "\r\033[K" : "", cell,
			nwb_verdict_name(v), reason);
	if (!rc && bench_explain(&res, hint, sizeof(hint)))
		fprintf(stderr, "  explain: %s\n", hint);
	/* limit figures without a judgement count for nothing */
	if (rc || res.is_judged || v != NWB_PASS)
		bench_session_add(s, v);
	if (ret)
		*ret = res;
	return bench_store_add(s->store, rec, err);
}

static int tell(struct bench_session *s, unsigned int parts,
		struct nwb_err *err)
{
	char path[4200];
	json_t *recs;
	int rc = nwb_report_write_all(s->dir, err);

	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/%s", s->dir, NWB_STORE_NAME);
	rc = nwb_store_load(path, &recs, err);
	if (rc)
		return rc;
	if (parts)
		rc = nwb_report_text(recs, stdout, parts, NULL, err);
	json_decref(recs);
	putchar('\n');
	for (int f = 0; f < NWB_REPORT_FORMATS; f++)
		printf("%s/%s\n", s->dir,
		       nwb_report_format_file((enum nwb_report_format)f));
	printf("%s/%s\n", s->dir, NWB_STORE_NAME);
	return rc;
}

uint64_t bench_session_elapsed_ns(const struct bench_session *s)
{
	return now_ns() - s->t_start;
}

int bench_session_end(struct bench_session *s, unsigned int parts,
		      struct nwb_err *err)
{
	int code = nwb_verdict_exit(s->verdict, s->nr_verdicts);
	int rc = 0;

	bench_interrupt_store(NULL);
	if (s->store) {
		bench_progress_end(&s->progress);
		rc = nwb_store_add(
			s->store,
			json_pack("{s:i,s:s,s:i,s:I,s:b,s:o}", "v", 1, "type",
				  "end", "exit", code, "duration_ns",
				  (json_int_t)(now_ns() - s->t_start),
				  "interrupted", 0, "env", bench_env_after("")),
			err);
		if (nwb_store_close(s->store) && !rc)
			rc = nwb_err_set(err, -EIO, "%s: cannot be written",
					 s->dir);
		s->store = NULL;
		if (!rc)
			rc = tell(s, parts, err);
	}
	if (rc)
		fprintf(stderr, "netwb: %s\n", err->text);
	nwb_free(s->verdict);
	s->verdict = NULL;
	return rc ? NWB_EXIT_BROKEN : code;
}
