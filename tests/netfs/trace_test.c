/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Behaviour 11: the tracepoints, their text, and the ring that they go to. */
#include "nwb/mem.h"
#include "nwb/trace.h"
#include "words.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static struct nwb_trace *ring;

/* The events of one type, each as the text behind its name. */
static unsigned int texts(unsigned int type, char (*ret)[128], unsigned int max)
{
	struct nwb_trace_event e;
	unsigned int n = 0;
	uint64_t pos = 0;

	while (nwb_trace_next(ring, &pos, &e)) {
		char line[256], *body;

		if (e.type != type)
			continue;
		nwb_check(n < max);
		nwb_check(nwb_trace_text(&e, line, sizeof(line)) ==
			  strlen(line));
		body = strstr(line, nwb_trace_type_name(type));
		nwb_check(body != NULL);
		body += strlen(nwb_trace_type_name(type)) + 2;
		body[strcspn(body, "\n")] = '\0';
		(void)snprintf(ret[n++], 128, "%s", body);
	}
	return n;
}

static void expect(unsigned int type, const char *const *want, unsigned int nr)
{
	char got[64][128];
	unsigned int n = texts(type, got, 64);

	for (unsigned int i = 0; i < n || i < nr; i++)
		if (i >= n || i >= nr || strcmp(got[i], want[i]) != 0)
			fprintf(stderr, "%u: got \"%s\", not \"%s\"\n", i,
				i < n ? got[i] : "", i < nr ? want[i] : "");
	nwb_check_eq(n, nr);
	for (unsigned int i = 0; i < nr; i++)
		nwb_check(!strcmp(got[i], want[i]));
}

static void simple_body(struct sfs_rig *rig)
{
	static const char *const sreqs[] = {
		"R=00000001[1] UPLD PREP  f=100 s=0 0/0 s=0 e=0",
		"R=00000001[1] UPLD SUBMT f=100 s=0 0/4000 s=0 e=0",
		"R=00000001[2] UPLD PREP  f=100 s=4000 0/0 s=0 e=0",
		"R=00000001[2] UPLD SUBMT f=100 s=4000 0/2000 s=0 e=0",
		"R=00000001[1] UPLD TERM  f=010 s=0 4000/4000 s=0 e=0",
		"R=00000001[1] UPLD FREE  f=010 s=0 4000/4000 s=0 e=0",
		"R=00000001[2] UPLD TERM  f=010 s=4000 2000/2000 s=0 e=0",
		"R=00000001[2] UPLD FREE  f=010 s=4000 2000/2000 s=0 e=0",
	};
	static const char *const folios[] = {
		"i=00001 ix=00000-00003 mod-whole-f",
		"i=00001 ix=00004-00005 mod-whole-f",
		"i=00001 ix=00000-00003 store",
		"i=00001 ix=00004-00005 store",
		"i=00001 ix=00000-00003 clear",
		"i=00001 ix=00004-00005 clear",
	};
	static const char *const writes[] = {
		"R=00000001 WRITEBACK c=00000000 i=1 by=0-0",
	};
	static const char *const iters[] = {
		"WRITE-ITER i=1 s=0 l=6000 f=0",
	};
	static const char *const gaps[] = {NULL};

	put(rig, 0, 0x6000);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 2);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_MSEC);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_MSEC);
	expect(NWB_TR_WRITE, writes, 1);
	expect(NWB_TR_WRITE_ITER, iters, 1);
	expect(NWB_TR_SREQ, sreqs, 8);
	expect(NWB_TR_FOLIO, folios, 6);
	expect(NWB_TR_FAILURE, gaps, 0);
}

static void retry_body(struct sfs_rig *rig)
{
	static const char *const sreqs[] = {
		"R=00000001[1] UPLD PREP  f=100 s=0 0/0 s=0 e=0",
		"R=00000001[1] UPLD SUBMT f=100 s=0 0/1000 s=0 e=0",
		"R=00000001[1] UPLD TERM  f=210 s=0 800/1000 s=0 e=0",
		"R=00000001[1] UPLD RETRY f=100 s=800 0/800 s=0 e=0",
		"R=00000001[1] UPLD SUBMT f=100 s=800 0/800 s=0 e=0",
		"R=00000001[1] UPLD TERM  f=400 s=800 0/800 s=0 e=-28",
		"R=00000001[1] UPLD FREE  f=400 s=800 0/800 s=0 e=-28",
	};
	static const char *const failures[] = {
		"R=00000001[1] UPLD f=400 s=800 0/800 write e=-28",
	};

	put(rig, 0, 4096);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, 2048);
	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, -ENOSPC);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_MSEC);
	expect(NWB_TR_SREQ, sreqs, 7);
	expect(NWB_TR_FAILURE, failures, 1);
}

/* Two folios in one subrequest: the second one joins what is being made. */
static void join_body(struct sfs_rig *rig)
{
	static const char *const folios[] = {
		"i=00001 ix=00000-00000 mod-whole-f",
		"i=00001 ix=00001-00001 mod-whole-f",
		"i=00001 ix=00000-00000 store",
		"i=00001 ix=00001-00001 store+",
	};

	put(rig, 0, 4096);
	put(rig, 4096, 4096);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	nwb_check_eq(rig->sfs->log[0].len, 8192);
	expect(NWB_TR_FOLIO, folios, 4);
	sfs_auto(rig->sfs);
}

/* Written to while it is on its way. */
static void folio_body(struct sfs_rig *rig)
{
	static const char *const folios[] = {
		"i=00001 ix=00000-00000 mod-whole-f",
		"i=00001 ix=00000-00000 store",
		"i=00001 ix=00000-00000 mod-uptodate",
		"i=00001 ix=00000-00000 redirtied",
	};

	put(rig, 0, 4096);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	put(rig, 0, 100);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_MSEC);
	expect(NWB_TR_FOLIO, folios, 4);
	sfs_auto(rig->sfs);
}

/* A folio that was read goes to the local cache, and nowhere else. */
static void copy_body(struct sfs_rig *rig)
{
	static const char *const folios[] = {
		"i=00001 ix=00000-00000 sched-copy",
		"i=00001 ix=00000-00000 store-copy",
		"i=00001 ix=00000-00000 clear-cc",
	};
	uint8_t got[4096];

	sfs_use_cache(rig->sfs, rig->inode);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_read(rig->f, got, sizeof(got), 0), sizeof(got));
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	expect(NWB_TR_FOLIO, folios, 3);
}

/* H4: nobody takes it. */
static void cancel_body(struct sfs_rig *rig)
{
	static const char *const folios[] = {
		"i=00001 ix=00000-00001 mod-whole-f",
		"i=00001 ix=00000-00001 cancel-store",
		"i=00001 ix=00000-00001 clear",
	};

	rig->sfs->begin_error = -EBADF;
	put(rig, 0, 8192);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	expect(NWB_TR_FOLIO, folios, 3);
}

static void with_ring(size_t nr, sfs_body_fn body)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 1000 * NWB_SEC};

	if (body == cancel_body)
		opts.hazards = NWB_HAZARD_BIT(NWB_H4);
	ring = nwb_trace_new(nr);
	nwb_check(ring != NULL);
	opts.trace = ring;
	sfs_run(1, &opts, 16384, body == copy_body ? 4096 : 0, body);
	nwb_trace_free(ring);
}

NWB_TEST(trace, item11_names_and_fields)
{
	with_ring(1024, simple_body);
}

NWB_TEST(trace, item11_a_folio_that_joins)
{
	with_ring(1024, join_body);
}

NWB_TEST(trace, item11_dirty_again_in_flight)
{
	with_ring(1024, folio_body);
}

NWB_TEST(trace, item11_folios_of_which_nothing_is_uploaded)
{
	with_ring(1024, copy_body);
	with_ring(1024, cancel_body);
}

NWB_TEST(trace, item11_retry_and_failure)
{
	with_ring(1024, retry_body);
}

static void order_body(struct sfs_rig *rig)
{
	struct nwb_trace_event e;
	uint64_t pos = 0, cto = 0, last = 0;
	unsigned int nr_write = 0, nr_done = 0, nr_free = 0, nr_state = 0;

	sfs_auto(rig->sfs);
	put(rig, 0, 300000);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_MSEC);
	while (nwb_trace_next(ring, &pos, &e)) {
		nwb_check(e.ns >= last);
		last = e.ns;
		nr_write += e.type == NWB_TR_WRITE;
		nr_done +=
			e.type == NWB_TR_RREQ && e.what == NWB_TRR_WRITE_DONE;
		nr_free += e.type == NWB_TR_RREQ && e.what == NWB_TRR_FREE;
		if (e.type != NWB_TR_COLLECT_STATE || e.rreq != 1)
			continue;
		nr_state++;
		nwb_check(e.start >= cto); /* collected_to never decreases */
		cto = e.start;
	}
	nwb_check_eq(cto, 300000);
	nwb_check(nr_state > 0);
	nwb_check(nr_write > 0);
	nwb_check_eq(nr_write, nr_done);
	nwb_check_eq(nr_free, nr_done);
}

NWB_TEST(trace, item11_a_request_has_an_end)
{
	with_ring(16384, order_body);
}

NWB_TEST(trace, item11_the_newest_are_kept)
{
	struct nwb_trace_event e = {.type = NWB_TR_SREQ};
	uint64_t pos = 0, want = 1000 - 128;

	ring = nwb_trace_new(100); /* 128 */
	for (uint32_t i = 0; i < 1000; i++) {
		e.rreq = i;
		nwb_trace_add(ring, &e);
	}
	nwb_check_eq(nwb_trace_count(ring), 1000);
	while (nwb_trace_next(ring, &pos, &e))
		nwb_check_eq(e.rreq, want++);
	nwb_check_eq(want, 1000);
	/* More come: it goes on where it was. */
	e.rreq = 1000;
	nwb_trace_add(ring, &e);
	nwb_check(nwb_trace_next(ring, &pos, &e));
	nwb_check_eq(e.rreq, 1000);
	nwb_check(!nwb_trace_next(ring, &pos, &e));
	nwb_trace_free(ring);
}

static void json_body(struct sfs_rig *rig)
{
	unsigned int begun = 0, ended = 0;
	struct nwb_trace_event e;
	uint64_t pos = 0;

	sfs_auto(rig->sfs);
	put(rig, 0, 100000);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_MSEC);
	while (nwb_trace_next(ring, &pos, &e)) {
		char text[512];
		const char *ph;
		json_t *j;

		nwb_check(nwb_trace_json(&e, text, sizeof(text)) ==
			  strlen(text));
		j = json_loads(text, 0, NULL);
		nwb_check(j != NULL);
		ph = json_string_value(json_object_get(j, "ph"));
		nwb_check(ph && json_object_get(j, "ts"));
		begun += *ph == 'b';
		ended += *ph == 'e';
		json_decref(j);
	}
	nwb_check(begun > 4);
	nwb_check_eq(begun, ended);
}

NWB_TEST(trace, item11_perfetto)
{
	with_ring(16384, json_body);
}

/* Every code has a name; a code that there is not does no harm. */
NWB_TEST(trace, item11_every_code_has_a_name)
{
	static const unsigned int whats[NWB_TR_TYPES] = {
		[NWB_TR_WRITE] = 5,
		[NWB_TR_RREQ] = NWB_TRR_WHATS,
		[NWB_TR_SREQ] = NWB_TRS_WHATS,
		[NWB_TR_FOLIO] = NWB_TRF_WHATS,
	};

	for (unsigned int t = 1; t < 255; t++) {
		for (unsigned int w = 0; w < 255; w++) {
			struct nwb_trace_event e = {
				.type = (uint8_t)t,
				.what = (uint8_t)w,
				.source = (uint8_t)w,
				.origin = (uint8_t)w,
				.start = UINT64_MAX,
				.len = UINT64_MAX,
				.done = UINT64_MAX,
				.rreq = UINT32_MAX,
			};
			char line[256], text[512];

			(void)nwb_trace_text(&e, line, sizeof(line));
			(void)nwb_trace_json(&e, text, sizeof(text));
			nwb_check(strlen(line) < 250);
			nwb_check(strlen(text) < 384);
			if (t < NWB_TR_TYPES)
				nwb_check_eq(*nwb_trace_what_name(t, w) == '?',
					     w >= whats[t]);
		}
	}
}
