/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The results store and the reports made from it.
 *
 * A session writes one directory. In it `run.jsonl` is the truth: JSON Lines,
 * one record a line, each line in the file before nwb_store_add() returns, so
 * that a killed session leaves all that it had measured. The reports beside it
 * (enum nwb_report_format) are made from that file alone and may be made again
 * at any time.
 *
 * Records are jansson objects with "v" (major schema version) and "type":
 *
 *	session	first line: who, where, with what
 *	run	one run of one cell: numbers, verdict, findings
 *	end	last line; a file without it is of an interrupted session
 *
 * The fields of each are the tables of reports/schema.c. A number may be null
 * or absent: it was not measured, and every report says so. A verdict of null:
 * the run was not judged, its numbers are there to compare with. Seeds are
 * unsigned and stored as their two's complement.
 *
 * One thread a store; the rest keeps no state and may run in any thread. All
 * of it allocates, does blocking file I/O and stays out of measured windows.
 */
#ifndef NWB_REPORT_H
#define NWB_REPORT_H

#include "nwb/err.h"

#include <jansson.h>
#include <stdio.h>

/* Major version of the schema: what is written, and all that is read. */
#define NWB_STORE_VERSION  1
#define NWB_STORE_NAME	   "run.jsonl"
#define NWB_REPORT_TEXT	   "report.txt"
#define NWB_REPORT_COLUMNS 72

struct nwb_store;

/**
 * nwb_store_create() - begin the results of one session.
 * @dir: directory; made with mode 0700 (missing parents too) unless it exists
 * @ret_store: to be closed by nwb_store_close()
 * @err: text of the failure, or NULL
 *
 * Return: 0; -EEXIST when @dir holds results already (they are never
 * overwritten); another negative errno.
 */
int nwb_store_create(const char *dir, struct nwb_store **ret_store,
		     struct nwb_err *err) nwb_must_check;

/**
 * nwb_store_add() - append one record.
 * @store: open store
 * @rec: record without "v", which is set here (or with the right one); the
 *	reference is taken over, also on failure
 * @err: text of the failure, or NULL
 *
 * The record is held against the schema first, so a misspelt type is found
 * where it is made. After return the line is in the file as far as another
 * process is concerned; it is not fsynced. A line that could not be written
 * whole is taken back.
 *
 * Return: 0; -EINVAL: against the schema or out of order; negative errno of
 * write(2).
 */
int nwb_store_add(struct nwb_store *store, json_t *rec,
		  struct nwb_err *err) nwb_must_check;

/**
 * nwb_store_close() - sync, seal when there is an end record (nwb/store.h), and
 * free; NULL is fine.
 * Return: 0 or the negative errno of what failed; freed either way.
 */
int nwb_store_close(struct nwb_store *store);

/**
 * nwb_store_load() - read a results file.
 * @path: of the file
 * @ret_array: records in the order of the file, to be released by json_decref()
 * @err: "path:line: what", or NULL
 *
 * Strict: a line that is not a record of this schema fails the load. The only
 * thing tolerated is a last line that was cut off; it stands in the result as
 * {"type":"truncated","line":n,"bytes":n}, a type that no file may contain,
 * and reports say it. A session that was killed early may have no records.
 *
 * Return: 0; -EPROTONOSUPPORT: written by another major version; -EINVAL:
 * malformed; -EFBIG: over 1 GiB; another negative errno.
 */
int nwb_store_load(const char *path, json_t **ret_array,
		   struct nwb_err *err) nwb_must_check;

/* Parts of the text report, in the order in which they are printed. */
enum nwb_report_part {
	NWB_REPORT_SUMMARY = 1 << 0, /* verdict line, what was run */
	NWB_REPORT_TABLE = 1 << 1,   /* verdict, throughput, CPU of each cell */
	NWB_REPORT_COUNTS = 1 << 2,  /* RPCs, bytes, memory; faults and hits */
	NWB_REPORT_LATENCY = 1 << 3, /* p50 and p99 of write and fsync */
	NWB_REPORT_MODES = 1 << 4,   /* in-place against temp-page */
	NWB_REPORT_LIMIT = 1 << 5,   /* distance from raw-cold; raw-hot */
	NWB_REPORT_FINDINGS = 1 << 6, /* in full, with reasons */
	NWB_REPORT_ENV = 1 << 7,      /* environment, reproduce lines, data */
	/* Where there are such records; on top, but for NWB_REPORT_SUMMARY. */
	NWB_REPORT_GATE = 1 << 8, /* comparisons: changes, controls, pairs */
	NWB_REPORT_LOAD = 1 << 9, /* open loop: latency against load */
	NWB_REPORT_FIO = 1 << 10, /* fio jobs by subject */
	NWB_REPORT_ALL = (1 << 11) - 1,
	/* What a person wants to see at the end of a session. */
	NWB_REPORT_TERMINAL = NWB_REPORT_SUMMARY | NWB_REPORT_TABLE |
			      NWB_REPORT_MODES | NWB_REPORT_LIMIT |
			      NWB_REPORT_FINDINGS | NWB_REPORT_GATE |
			      NWB_REPORT_LOAD | NWB_REPORT_FIO,
};

/**
 * nwb_report_text() - print the report: ASCII, at most 72 columns, no escapes.
 * @recs: what nwb_store_load() gave
 * @out: stream; errors on it are found when it is closed by the caller too
 * @parts: set of enum nwb_report_part
 * @sha256: hex digest of the file, or NULL: not computed
 * @err: text of the failure, or NULL
 *
 * Equal records in another order of execution give the same rows in the same
 * order, so that two reports can be compared by diff.
 *
 * Return: 0, -ENOMEM, -E2BIG: more than 4096 runs of one cell, -EIO.
 */
int nwb_report_text(const json_t *recs, FILE *out, unsigned int parts,
		    const char *sha256, struct nwb_err *err) nwb_must_check;

/**
 * nwb_report_junit() - print JUnit XML: a testsuite a server, a testcase a
 * cell, and one for the session itself, which is an error when interrupted.
 * @recs: what nwb_store_load() gave
 * @out: stream
 * @err: text of the failure, or NULL
 *
 * Return: as nwb_report_text().
 */
int nwb_report_junit(const json_t *recs, FILE *out,
		     struct nwb_err *err) nwb_must_check;

/**
 * nwb_report_ktap() - print KTAP, version 1: a subtest a server, a test a cell,
 * and one for the session itself.
 * @recs: what nwb_store_load() gave
 * @out: stream
 * @err: text of the failure, or NULL
 *
 * Source of the format: Linux, Documentation/dev-tools/ktap.rst.
 *
 * Return: as nwb_report_text().
 */
int nwb_report_ktap(const json_t *recs, FILE *out,
		    struct nwb_err *err) nwb_must_check;

/**
 * nwb_report_markdown() - print Markdown for a comment on a merge request.
 * @recs: what nwb_store_load() gave
 * @out: stream
 * @sha256: hex digest of the file, or NULL: not computed
 * @err: text of the failure, or NULL
 *
 * Return: as nwb_report_text().
 */
int nwb_report_markdown(const json_t *recs, FILE *out, const char *sha256,
			struct nwb_err *err) nwb_must_check;

/**
 * nwb_report_html() - print one HTML file: tables and pictures, no script, no
 * request, light and dark, for screens from a phone's up and for paper.
 * @recs: what nwb_store_load() gave
 * @out: stream
 * @sha256: hex digest of the file, or NULL: not computed
 * @err: text of the failure, or NULL
 *
 * Nothing from a record reaches the page unescaped.
 *
 * Return: as nwb_report_text().
 */
int nwb_report_html(const json_t *recs, FILE *out, const char *sha256,
		    struct nwb_err *err) nwb_must_check;

/**
 * nwb_report_cover() - print what goes into a patch series' cover letter: what
 * was compared, on what machine, every case with interval and n, how to repeat
 * it. ASCII, at most 72 columns; fit for the mails of git format-patch.
 * @recs: what nwb_store_load() gave
 * @out: stream
 * @sha256: hex digest of the file, or NULL: not computed
 * @err: text of the failure, or NULL
 *
 * Return: as nwb_report_text().
 */
int nwb_report_cover(const json_t *recs, FILE *out, const char *sha256,
		     struct nwb_err *err) nwb_must_check;

enum nwb_report_format {
	NWB_FORMAT_TEXT,     /* report.txt */
	NWB_FORMAT_HTML,     /* report.html */
	NWB_FORMAT_JUNIT,    /* junit.xml */
	NWB_FORMAT_KTAP,     /* report.ktap */
	NWB_FORMAT_MARKDOWN, /* report.md */
	NWB_FORMAT_COVER,    /* cover.txt */
	NWB_REPORT_FORMATS
};

/** nwb_report_format_name() - "text", ... as on the command line. */
const char *nwb_report_format_name(enum nwb_report_format format);
/** nwb_report_format_file() - "report.txt", ... in the session's directory. */
const char *nwb_report_format_file(enum nwb_report_format format);
/** nwb_report_format_find() - Return: the format, or -1. */
int nwb_report_format_find(const char *name);

/**
 * nwb_report_print() - print one format, all of it.
 * @recs: what nwb_store_load() gave
 * @format: which
 * @out: stream
 * @sha256: hex digest of the file, or NULL: not computed
 * @err: text of the failure, or NULL
 *
 * Return: as nwb_report_text().
 */
int nwb_report_print(const json_t *recs, enum nwb_report_format format,
		     FILE *out, const char *sha256,
		     struct nwb_err *err) nwb_must_check;

/**
 * nwb_report_write_all() - make the report of each format beside run.jsonl.
 * @dir: directory of the session
 * @err: text of the failure, or NULL
 *
 * Each file appears whole or stays as it was (temporary file and rename), and
 * none appears before all of them are on disk.
 *
 * Return: 0 or negative errno.
 */
int nwb_report_write_all(const char *dir, struct nwb_err *err) nwb_must_check;

/**
 * nwb_report_write_history() - as nwb_report_write_all(), the page with what
 * earlier sessions say: a line in each row of a comparison, and pictures with
 * changes of level.
 * @dir: directory of the session
 * @base: directory of the sessions, for example "results"; its index is brought
 *	up to date (nwb_index_open())
 * @err: text of the failure, or NULL
 *
 * Return: 0 or negative errno.
 */
int nwb_report_write_history(const char *dir, const char *base,
			     struct nwb_err *err) nwb_must_check;

/**
 * nwb_report_pages() - draw what a page costs over the size of its file, beside
 * the machine's own memcpy curve.
 * @in: lines of `tests/budgets/pages.sh PAGES JSON` (`make pages`)
 * @out: gets an SVG picture
 *
 * Return: 0; -EINVAL: a line is none of these; -ENODATA: there is nothing to be
 * drawn; -E2BIG; -EIO. Nothing is written before all was read.
 */
int nwb_report_pages(FILE *in, FILE *out, struct nwb_err *err) nwb_must_check;

#endif
