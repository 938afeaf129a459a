/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kernel says of its own writeback, and how to hold something else to
 * it.
 *
 *	tracefs text ── nwb_kev_next() ──► events ── nwb_ktrace_add_text() ─┐
 *	                                                                    ▼
 *	reference file ◄── nwb_ktrace_save() ── struct nwb_ktrace (steps) ──┘
 *	      └────────── nwb_ktrace_load() ──►      │
 *	                                             ├─ nwb_ktrace_diff()
 *	                                             └─ nwb_ktrace_tell()
 *
 * An *event* is one line of /sys/kernel/tracing/trace or trace_pipe, as
 * include/trace/events/netfs.h of Linux 6.12 and 7.2 prints it (cifs, 9p, fuse
 * and writeback lines are carried along as text). The forms of the two
 * versions differ; fields that only one of them has are 0 from the other.
 *
 * A *step* is what a reference trace keeps of an event: requests are numbered
 * from 1 in the order in which they appear, files likewise, addresses, times
 * and flag bits are gone. Steps stand in the guest's order. Anything that
 * prints the kernel's lines (netwb run --trace does) can be read by the same
 * two calls and compared.
 *
 * The file (gzip or plain, one step a line, numbers of bytes and pages in
 * hexadecimal as in the kernel's lines, NUMBER.INDEX names a subrequest):
 *
 *	netwb-ktrace 1
 *	kernel 6.12.95-amd64
 *	workload seq-4k
 *	lane qemu
 *	fs cifs
 *	mount vers=3.1.1,cache=strict
 *	job open w ...				one line of the job each
 *	stat netfs.Writes.BW 100		what a counter grew by (decimal)
 *	lost 0
 *	trace
 *	write f1 0+1000				a write call enters netfs
 *	req 1 WB f1 0+0				a request, its origin, start+len
 *	store 1 0+10 store			pages: writeback begins
 *	submit 1.1 up 0+100000 0		start+len, done before (retry)
 *	term 1.1 up 100000 ok			bytes done so far, or an errno
 *	retry 1.1 up				will be issued again
 *	split 1.2 up				made for the rest of another
 *	discard 1.2 up				not needed any more
 *	fail 1.1 write EIO			netfs_failure
 *	pause 1, unpause 1			the issuer waits, goes on
 *	clear 1 0+10 clear			pages: writeback has ended
 *	done 1					the request is complete
 *
 * All of it is pure but for memory, and for the two calls that open files. One
 * thread at a time a trace. Every byte of a text may be hostile.
 */
#ifndef NWB_KTRACE_H
#define NWB_KTRACE_H

#include "nwb/err.h"

/* A piece of somebody else's text, not NUL-terminated. */
struct nwb_ktext {
	const char *p;
	size_t n;
};

enum nwb_kev_kind {
	NWB_KEV_TEXT,	    /* an event whose fields are not taken apart */
	NWB_KEV_LOST,	    /* the ring was full: @len events are missing */
	NWB_KEV_READ,	    /* netfs_read */
	NWB_KEV_WRITE_ITER, /* netfs_write_iter */
	NWB_KEV_WRITE,	    /* netfs_write: a request is made */
	NWB_KEV_RREQ,	    /* netfs_rreq */
	NWB_KEV_SREQ,	    /* netfs_sreq */
	NWB_KEV_FAILURE,    /* netfs_failure */
	NWB_KEV_FOLIO,	    /* netfs_folio */
	NWB_KEV_COLLECT,    /* netfs_collect* : of which request, no more */
	NWB_KEV_SMB_WRITE,  /* smb3_write_enter, _done, _err */
	NWB_KEV_SMB_CREDIT, /* smb3_rw_credits */
	NWB_KEV_9P,	    /* 9p_client_req, 9p_client_res */
	NWB_KEV_FUSE,	    /* fuse_request_send, _end */
	NWB_KEV_OP,	    /* the guest's program: an operation begins, ends */
};

#define NWB_KEV_NO_INDEX UINT32_MAX

/**
 * struct nwb_kev - one line of a trace, taken apart.
 * @kind: says which of the fields below are meant
 * @ns: the trace's clock, to the microsecond (echo mono > trace_clock)
 * @pid, @cpu: who was running where
 * @task, @event, @body: in the caller's text: comm, "netfs_sreq", the rest
 * @rreq: debug id of the request, 0: the event has none
 * @index: of the subrequest, NWB_KEV_NO_INDEX: none
 * @stream: 0 upload, 1 cache, 2 mirror (of the reference), 255: none of them
 * @what: what happened, as the kernel says it ("SUBMT", "store+", "WR-DONE"),
 *	without trailing blanks
 * @origin: of an RREQ: "WB", "DW", ...
 * @ino: number of the inode, 0: the event does not say
 * @start, @len: bytes of the file
 * @done: bytes transferred
 * @error: negative errno or 0
 * @page, @nr_pages: of a FOLIO
 *
 * Of an OP (what the guest's program writes into the trace, nwb/guest.h) @index
 * is its id, @what the operation, @start and @len the bytes, @done is 1 at its
 * end.
 */
struct nwb_kev {
	enum nwb_kev_kind kind;
	uint64_t ns;
	uint32_t pid, cpu;
	struct nwb_ktext task, event, body;
	uint32_t rreq;
	uint32_t index;
	uint8_t stream;
	char what[16];
	char origin[4];
	uint64_t ino;
	uint64_t start, len, done;
	int32_t error;
	uint64_t page, nr_pages;
};

/**
 * nwb_kev_parse() - take one line apart.
 * @line: without its newline
 *
 * Return: 0; -EINVAL: it is no event (a comment, a blank line, the rest of a
 * dump over several lines). An event whose fields are not as either kernel
 * prints them is a TEXT.
 */
int nwb_kev_parse(struct nwb_ktext line, struct nwb_kev *ret_e) nwb_must_check;

/**
 * nwb_kev_next() - the next event of a text.
 * @text: is moved on behind it
 *
 * Return: whether there was one.
 */
bool nwb_kev_next(struct nwb_ktext *text, struct nwb_kev *ret_e) nwb_must_check;

enum nwb_kstep_kind {
	NWB_KS_WRITE,
	NWB_KS_REQ,
	NWB_KS_STORE,
	NWB_KS_SUBMIT,
	NWB_KS_TERM,
	NWB_KS_RETRY,
	NWB_KS_SPLIT,
	NWB_KS_DISCARD,
	NWB_KS_FAIL,
	NWB_KS_PAUSE,
	NWB_KS_UNPAUSE,
	NWB_KS_CLEAR,
	NWB_KS_DONE,
	NWB_KS_KINDS
};

/**
 * struct nwb_kstep - one step of a reference trace.
 * @kind: enum nwb_kstep_kind
 * @req: number of the request from 1; 0: not known (or a WRITE)
 * @sub: number of the subrequest within it, 0: none
 * @stream: 0 upload, 1 cache, 2 mirror
 * @file: number of the file from 1; 0: not known. WRITE and REQ
 * @off, @len: bytes; pages for STORE and CLEAR
 * @done: bytes transferred. SUBMIT and TERM
 * @error: negative errno or 0. TERM and FAIL
 * @word: the kernel's own: origin of a REQ, why of a STORE, CLEAR, FAIL
 */
struct nwb_kstep {
	uint8_t kind;
	uint8_t stream;
	uint16_t file;
	uint32_t req;
	uint32_t sub;
	int32_t error;
	uint64_t off, len, done;
	char word[16];
};

#define NWB_KTRACE_STEPS_MAX (1u << 20)

/* What a trace is of; lines of text, each with its newline, may be long. */
struct nwb_ktrace_head {
	char kernel[96];
	char workload[32];
	char lane[16];
	char fs[16];
	char *mount;
	char *job;  /* lines */
	char *stat; /* lines "NAME NUMBER" */
};

/**
 * struct nwb_ktrace - a sequence of steps and what it was recorded from.
 * All zero is an empty one.
 * @lost: events that the kernel's ring had no room for: then it is no reference
 */
struct nwb_ktrace {
	struct nwb_ktrace_head head;
	struct nwb_kstep *step;
	size_t nr, cap;
	uint64_t lost;
	struct nwb_ktrace_ids *ids; /* of nwb_ktrace_add_text() */
};

/** nwb_ktrace_fini() - free what it holds; all zero is fine. */
void nwb_ktrace_fini(struct nwb_ktrace *t);

/**
 * nwb_ktrace_add() - append a step.
 * Return: 0; -ENOMEM; -E2BIG: NWB_KTRACE_STEPS_MAX are there.
 */
int nwb_ktrace_add(struct nwb_ktrace *t,
		   const struct nwb_kstep *s) nwb_must_check;

/**
 * nwb_ktrace_add_text() - append the steps of tracefs text.
 * @text: whole lines; the text of one trace may come in several calls
 *
 * Requests for reading are left out, with all that belongs to them. A folio is
 * of the request that its task was at work on last.
 *
 * Return: 0; -ENOMEM; -E2BIG.
 */
int nwb_ktrace_add_text(struct nwb_ktrace *t,
			struct nwb_ktext text) nwb_must_check;

/** nwb_kstep_text() - the line of @s as the file has it, without newline. */
void nwb_kstep_text(const struct nwb_kstep *s, char *buf, size_t size);

/** nwb_ktrace_head_set() - replace the text at *@field (one of @mount, @job,
 * @stat) by a copy of @text. Return: 0; -ENOMEM. */
int nwb_ktrace_head_set(char **field, const char *text) nwb_must_check;

/**
 * nwb_ktrace_read() - a file's text.
 * @t: all zero before
 * @name: for @err only
 *
 * Return: 0; -EINVAL: @err says which line is wrong; -ENOMEM; -E2BIG. @t is
 * empty then.
 */
int nwb_ktrace_read(struct nwb_ktext text, const char *name,
		    struct nwb_ktrace *t, struct nwb_err *err) nwb_must_check;

/** nwb_ktrace_load() - nwb_ktrace_read() of the file @path, gzip or plain. */
int nwb_ktrace_load(const char *path, struct nwb_ktrace *t,
		    struct nwb_err *err) nwb_must_check;

/**
 * nwb_ktrace_save() - write @t to the file @path; compressed when that ends in
 * ".gz". A file that is there is replaced at the end, or not at all.
 */
int nwb_ktrace_save(const struct nwb_ktrace *t, const char *path,
		    struct nwb_err *err) nwb_must_check;

/**
 * nwb_ktext_load() - a text file, gzip or plain, at most 64 MiB of text.
 * @ret_p: to be freed; not NUL-terminated
 */
int nwb_ktext_load(const char *path, char **ret_p, size_t *ret_n,
		   struct nwb_err *err) nwb_must_check;

/** nwb_ktext_save() - its inverse, as nwb_ktrace_save() does it: for the raw
 * text of a run's trace. */
int nwb_ktext_save(struct nwb_ktext text, const char *path,
		   struct nwb_err *err) nwb_must_check;

/**
 * struct nwb_kdiff_opts - how two traces are compared.
 * @exact: step by step in the order of time. Else only what does not depend on
 *	who was faster: the requests in the order in which they were made; of
 *	each what the issuer did (stores and first submits) in order; of each
 *	subrequest its own story; and the order in which pages became clean.
 * @words: the kernel's words at stores and clears count too
 */
struct nwb_kdiff_opts {
	bool exact;
	bool words;
};

/**
 * struct nwb_kdiff - the first difference.
 * @text: one sentence: where, what @a does, what @b does
 * @line_a, @line_b: index of the step in @a and @b, -1: it has none there
 */
struct nwb_kdiff {
	char text[320];
	long line_a, line_b;
};

/**
 * nwb_ktrace_diff() - do two traces tell the same?
 * @a: the reference
 * @name_a, @name_b: how to call them in the sentence, "linux-6.12" say
 * @ret_d: filled when they differ
 *
 * Write calls are compared only when both have them.
 *
 * Return: 0 equal, 1 they differ, -ENOMEM.
 */
int nwb_ktrace_diff(const struct nwb_ktrace *a, const char *name_a,
		    const struct nwb_ktrace *b, const char *name_b,
		    const struct nwb_kdiff_opts *opts,
		    struct nwb_kdiff *ret_d) nwb_must_check;

/**
 * nwb_ktrace_tell() - the events of a tracefs text that concern one byte, a
 * line each.
 * @ino: of the file, 0: any
 * @off: the byte
 * @put: gets a line of at most 96 bytes without newline
 *
 * An event concerns a byte when it names a range that has it, or a request
 * that has been seen to have it. The time is that since the first event.
 *
 * Return: how many; -ENOMEM.
 */
long nwb_ktrace_tell(struct nwb_ktext text, uint64_t ino, uint64_t off,
		     void (*put)(void *arg, const char *line), void *arg);

#define NWB_KSTAT_NAME_MAX 56
#define NWB_KSTAT_MAX	   1024u

/* The counters of /proc/fs/netfs/stats, /proc/fs/cifs/Stats and the like. */
struct nwb_kstat {
	unsigned int nr;
	struct {
		char name[NWB_KSTAT_NAME_MAX];
		uint64_t value;
	} item[NWB_KSTAT_MAX];
};

/**
 * nwb_kstat_parse() - append the numbers of a statistics file.
 * @prefix: put before each name, with a dot: "netfs"
 *
 * "Writes : BW=4 WT=0" gives netfs.Writes.BW and .WT, "Creates: 3 total 0
 * failed" cifs.Creates.total and .failed, "Bytes read: 0" cifs.Bytes-read. The
 * same name twice (two servers) is added up. What does not fit is left out.
 */
void nwb_kstat_parse(struct nwb_ktext text, const char *prefix,
		     struct nwb_kstat *s);

/** nwb_kstat_delta() - the lines "NAME NUMBER" of what has changed from
 * @before to @after (those that fell have a minus), in @after's order.
 * Return: a string to be freed; NULL: no memory. */
char *nwb_kstat_delta(const struct nwb_kstat *before,
		      const struct nwb_kstat *after);

/*
 * A run's part: the verbs that make a guest tell (nwb/guest.h), and what it has
 * told.
 *
 *	job ── nwb_ktrace_verbs_on() ── BODY ── nwb_ktrace_verbs_off()
 *	                                            │ TRACE, STAT records
 *	RUN.trace.gz, RUN.stat ◄── nwb_krun_save() ◄┴─ nwb_krun_record()
 */
struct nwb_chan_rec;

/**
 * nwb_ktrace_verbs_on() - lines of a job: counters to the host, trace on.
 * @fs: "cifs", "9p" or "fuse"
 * @is_live: the trace is sent while it runs, which disturbs more, but then it
 *	survives the guest
 * Return: bytes of the text, as snprintf().
 */
int nwb_ktrace_verbs_on(const char *fs, bool is_live, char *buf, size_t size);
/** nwb_ktrace_verbs_off() - its end: trace off, counters again. */
int nwb_ktrace_verbs_off(const char *fs, char *buf, size_t size);

#define NWB_KRUN_TRACE_MAX (48u << 20)
#define NWB_KRUN_STATS_MAX 8u

struct nwb_kbuf {
	char *p;
	size_t n, cap;
};

/**
 * struct nwb_krun - what the guest of a run has told of its kernel. All zero is
 * empty.
 * @trace: text of tracefs
 * @cut: bytes of it for which there was no room, or no memory
 * @stat: the files, with their first and last content
 */
struct nwb_krun {
	struct nwb_kbuf trace;
	uint64_t cut;
	unsigned int nr_stats;
	struct {
		char path[64];
		struct nwb_kbuf first, last, part;
		bool has_first, has_last;
	} stat[NWB_KRUN_STATS_MAX];
};

/** nwb_krun_record() - take what @rec says of the kernel; other records are
 * none of its business. */
void nwb_krun_record(struct nwb_krun *r, const struct nwb_chan_rec *rec);
/** nwb_krun_delta() - nwb_kstat_delta() over all of its files. */
char *nwb_krun_delta(const struct nwb_krun *r);
/** nwb_krun_save() - write PREFIX.trace.gz and PREFIX.stat; the one that would
 * be empty is not written. */
int nwb_krun_save(const struct nwb_krun *r, const char *prefix,
		  struct nwb_err *err) nwb_must_check;
/** nwb_krun_fini() - free what @r has; it is empty then, and may be used
 * again. */
void nwb_krun_fini(struct nwb_krun *r);

#endif
