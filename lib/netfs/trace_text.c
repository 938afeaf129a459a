/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trace events as text: the names and print formats of the kernel's
 * include/trace/events/netfs.h (7.2), in a tracefs line; and as Perfetto's JSON.
 */
#include "nwb/trace.h"

#include "nwb/util.h"

#include <stdarg.h>
#include <stdio.h>

#define NAME(array, i) ((i) < NWB_ARRAY_SIZE(array) ? (array)[i] : "?")

static const char *const type_names[NWB_TR_TYPES] = {
	[NWB_TR_NONE] = "none",
	[NWB_TR_WRITE_ITER] = "netfs_write_iter",
	[NWB_TR_WRITE] = "netfs_write",
	[NWB_TR_RREQ] = "netfs_rreq",
	[NWB_TR_SREQ] = "netfs_sreq",
	[NWB_TR_FAILURE] = "netfs_failure",
	[NWB_TR_FOLIO] = "netfs_folio",
	[NWB_TR_COLLECT] = "netfs_collect",
	[NWB_TR_COLLECT_SREQ] = "netfs_collect_sreq",
	[NWB_TR_COLLECT_FOLIO] = "netfs_collect_folio",
	[NWB_TR_COLLECT_STATE] = "netfs_collect_state",
	[NWB_TR_COLLECT_GAP] = "netfs_collect_gap",
	[NWB_TR_COLLECT_STREAM] = "netfs_collect_stream",
};

/* By enum nwb_rreq_origin: of netfs_rreq, and of netfs_write. */
static const char *const origin_names[] = {"WB", "W1", "LW", "WT", "DW"};
static const char *const write_names[] = {
	"WRITEBACK", "WB-SINGLE", "LAUNDER", "WRITETHRU", "DIO-WRITE",
};

static const char *const rreq_names[NWB_TRR_WHATS] = {
	[NWB_TRR_WAIT_QUIESCE] = "WAIT-QUIESCE",
	[NWB_TRR_DONE_QUIESCE] = "DONE-QUIESCE",
	[NWB_TRR_WRITE_DONE] = "WR-DONE",
	[NWB_TRR_FREE] = "FREE",
	[NWB_TRR_ALL_QUEUED] = "ALL-Q",
};

static const char *const sreq_names[NWB_TRS_WHATS] = {
	[NWB_TRS_PREPARE] = "PREP",  [NWB_TRS_PREPARE_FAILED] = "PRPFL",
	[NWB_TRS_SUBMIT] = "SUBMT",  [NWB_TRS_TERMINATED] = "TERM",
	[NWB_TRS_RETRY] = "RETRY",   [NWB_TRS_SPLIT] = "SPLIT",
	[NWB_TRS_DISCARD] = "DSCRD", [NWB_TRS_FREE] = "FREE",
	[NWB_TRS_FAIL] = "FAIL",

};

static const char *const folio_names[NWB_TRF_WHATS] = {
	[NWB_TRF_STORE] = "store",
	[NWB_TRF_STORE_PLUS] = "store+",
	[NWB_TRF_STORE_COPY] = "store-copy",
	[NWB_TRF_CANCEL_COPY] = "cancel-copy",
	[NWB_TRF_CANCEL_STORE] = "cancel-store",
	[NWB_TRF_CLEAR] = "clear",
	[NWB_TRF_CLEAR_CC] = "clear-cc",
	[NWB_TRF_CLEAR_S] = "clear-s",
	[NWB_TRF_REDIRTIED] = "redirtied",
	[NWB_TRF_SCHED_COPY] = "sched-copy",
	[NWB_TRF_MOD_STREAM] = "mod-streamw",
	[NWB_TRF_MOD_STREAM_CONT] = "mod-streamw+",
	[NWB_TRF_MOD_UPTODATE] = "mod-uptodate",
	[NWB_TRF_MOD_WHOLE] = "mod-whole-f",
	[NWB_TRF_MOD_RMW] = "mod-prefetch",
	[NWB_TRF_FLUSH] = "flush",
	[NWB_TRF_MKWRITE] = "mkwrite",
	[NWB_TRF_MKWRITE_PLUS] = "mkwrite+",
};

static const char *const source_names[] = {"UPLD", "WRIT", "MIRR"};

const char *nwb_trace_type_name(unsigned int type)
{
	return NAME(type_names, type);
}

const char *nwb_trace_origin_name(unsigned int origin)
{
	return NAME(origin_names, origin);
}

const char *nwb_trace_what_name(unsigned int type, unsigned int what)
{
	switch (type) {
	case NWB_TR_WRITE:
		return NAME(write_names, what);
	case NWB_TR_RREQ:
		return NAME(rreq_names, what);
	case NWB_TR_SREQ:
		return NAME(sreq_names, what);
	case NWB_TR_FOLIO:
		return NAME(folio_names, what);
	default:
		return "?";
	}
}

const char *nwb_trace_text_head(void)
{
	return "# tracer: nop\n"
	       "#\n"
	       "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
	       "#              | |         |   |||||     |         |\n";
}

typedef unsigned long long ull;

/* What stands behind "name: ". */
static int body(const struct nwb_trace_event *e, char *buf, size_t size)
{
	const char *what = nwb_trace_what_name(e->type, e->what);
	const char *source = NAME(source_names, e->source);
	ull start = e->start, len = e->len, done = e->done;

	switch (e->type) {
	case NWB_TR_WRITE_ITER:
		return snprintf(buf, size, "WRITE-ITER i=%x s=%llx l=%llx f=%x",
				e->ino, start, len, e->flags);
	case NWB_TR_WRITE:
		return snprintf(buf, size, "R=%08x %s c=%08x i=%x by=%llx-%llx",
				e->rreq, what, 0u, e->ino, start,
				start + (len ? len - 1 : 0));
	case NWB_TR_RREQ:
		return snprintf(buf, size, "R=%08x %s %-7s f=%03x", e->rreq,
				nwb_trace_origin_name(e->origin), what,
				e->flags);
	case NWB_TR_SREQ:
		return snprintf(buf, size,
				"R=%08x[%x] %s %-5s f=%03x s=%llx %llx/%llx "
				"s=%u e=%d",
				e->rreq, e->index, source, what, e->flags,
				start, done, len, 0u, e->error);
	case NWB_TR_FAILURE:
		return snprintf(buf, size,
				"R=%08x[%x] %s f=%03x s=%llx %llx/%llx write "
				"e=%d",
				e->rreq, e->index, source, e->flags, start,
				done, len, e->error);
	case NWB_TR_FOLIO:
		return snprintf(buf, size, "i=%05x ix=%05llx-%05llx %s", e->ino,
				start, start + len - 1, what);
	case NWB_TR_COLLECT:
		return snprintf(buf, size, "R=%08x s=%llx-%llx", e->rreq, start,
				start + len);
	case NWB_TR_COLLECT_SREQ:
		return snprintf(buf, size, "R=%08x[%u:%02x] s=%llx t=%llx/%llx",
				e->rreq, e->source, e->index, start, done, len);
	case NWB_TR_COLLECT_FOLIO:
		return snprintf(buf, size,
				"R=%08x ix=%05llx r=%llx-%llx t=%llx/%llx",
				e->rreq, start, start << 12, len, len, done);
	case NWB_TR_COLLECT_STATE:
		return snprintf(buf, size, "R=%08x col=%llx cln=%llx n=%x",
				e->rreq, start, done, e->flags);
	case NWB_TR_COLLECT_GAP:
		return snprintf(buf, size, "R=%08x[%x:] %llx->%llx %c", e->rreq,
				e->source, start, done, e->what);
	case NWB_TR_COLLECT_STREAM:
		return snprintf(buf, size, "R=%08x[%x:] cto=%llx ito=%llx",
				e->rreq, e->source, start, done);
	default:
		return snprintf(buf, size, "?");
	}
}

static size_t clip(int n, size_t size)
{
	if (n < 0)
		return 0;
	return (size_t)n < size ? (size_t)n : size - 1;
}

size_t nwb_trace_text(const struct nwb_trace_event *e, char *buf, size_t size)
{
	size_t at = clip(snprintf(buf, size,
				  "           netwb-1       [000] ..... %5llu."
				  "%06llu: %s: ",
				  (ull)(e->ns / NWB_SEC),
				  (ull)(e->ns % NWB_SEC / NWB_USEC),
				  nwb_trace_type_name(e->type)),
			 size);

	at += clip(body(e, buf + at, size - at), size - at);
	at += clip(snprintf(buf + at, size - at, "\n"), size - at);
	return at;
}

/* --- Perfetto ------------------------------------------------------------- */

struct slice {
	char phase; /* 'b', 'e': a slice of @id; 'i': an instant */
	const char *category;
	char name[32];
	char id[40];
};

static bool ends_writeback(unsigned int what)
{
	return what == NWB_TRF_CLEAR || what == NWB_TRF_CLEAR_CC ||
	       what == NWB_TRF_CLEAR_S || what == NWB_TRF_REDIRTIED;
}

static void classify(const struct nwb_trace_event *e, struct slice *s)
{
	*s = (struct slice){.phase = 'i', .category = "netfs"};
	(void)snprintf(s->name, sizeof(s->name), "%s",
		       nwb_trace_type_name(e->type));
	if (e->type == NWB_TR_WRITE ||
	    (e->type == NWB_TR_RREQ && e->what == NWB_TRR_WRITE_DONE)) {
		s->phase = e->type == NWB_TR_WRITE ? 'b' : 'e';
		s->category = "request";
		(void)snprintf(s->name, sizeof(s->name), "R=%08x", e->rreq);
		(void)snprintf(s->id, sizeof(s->id), "%x", e->rreq);
	} else if (e->type == NWB_TR_SREQ && (e->what == NWB_TRS_SUBMIT ||
					      e->what == NWB_TRS_TERMINATED)) {
		s->phase = e->what == NWB_TRS_SUBMIT ? 'b' : 'e';
		s->category = "subrequest";
		(void)snprintf(s->name, sizeof(s->name), "R=%08x[%x] %s",
			       e->rreq, e->index,
			       NAME(source_names, e->source));
		(void)snprintf(s->id, sizeof(s->id), "%x.%x", e->rreq,
			       e->index);
	} else if (e->type == NWB_TR_FOLIO &&
		   (e->what <= NWB_TRF_CANCEL_STORE ||
		    ends_writeback(e->what))) {
		s->phase = ends_writeback(e->what) ? 'e' : 'b';
		s->category = "folio";
		(void)snprintf(s->name, sizeof(s->name), "ix=%05llx",
			       (ull)e->start);
		(void)snprintf(s->id, sizeof(s->id), "%x:%llx", e->ino,
			       (ull)e->start);
	}
}

size_t nwb_trace_json(const struct nwb_trace_event *e, char *buf, size_t size)
{
	char args[256];
	struct slice s;
	size_t at;

	classify(e, &s);
	/* printable ASCII without quotes or backslashes: nothing to escape */
	(void)body(e, args, sizeof(args));
	at = clip(snprintf(buf, size,
			   "{\"ph\":\"%c\",\"cat\":\"%s\",\"name\":\"%s\","
			   "\"pid\":1,\"tid\":%u,\"ts\":%llu.%03llu",
			   s.phase, s.category, s.name, e->rreq,
			   (ull)(e->ns / NWB_USEC), (ull)(e->ns % NWB_USEC)),
		  size);
	if (s.phase == 'i')
		at += clip(snprintf(buf + at, size - at, ",\"s\":\"t\""),
			   size - at);
	else
		at += clip(
			snprintf(buf + at, size - at, ",\"id\":\"%s\"", s.id),
			size - at);
	at += clip(snprintf(buf + at, size - at, ",\"args\":{\"%s\":\"%s\"}}",
			    nwb_trace_type_name(e->type), args),
		   size - at);
	return at;
}
