/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --trace: the reference client's tracepoints of a run, in a file: as tracefs
 * prints them, or, for a name that ends in .json, for Perfetto
 * (ui.perfetto.dev) and chrome://tracing.
 */
#include "bench_i.h"

#include "nwb/trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Of 64 bytes each; the newest are kept. */
#define TRACE_EVENTS ((size_t)1 << 20)

struct nwb_trace *bench_trace_new(void)
{
	return nwb_trace_new(TRACE_EVENTS);
}

static bool is_json(const char *path)
{
	size_t n = strlen(path);

	return n >= 5 && !strcmp(path + n - 5, ".json");
}

static void put_json(const struct nwb_trace *t, FILE *f)
{
	struct nwb_trace_event e;
	const char *comma = "";
	uint64_t pos = 0;
	char line[512];

	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", f);
	while (nwb_trace_next(t, &pos, &e)) {
		(void)nwb_trace_json(&e, line, sizeof(line));
		fprintf(f, "%s\n%s", comma, line);
		comma = ",";
	}
	fputs("\n]}\n", f);
}

static void put_text(const struct nwb_trace *t, FILE *f)
{
	struct nwb_trace_event e;
	uint64_t pos = 0;
	char line[256];

	fputs(nwb_trace_text_head(), f);
	while (nwb_trace_next(t, &pos, &e)) {
		(void)nwb_trace_text(&e, line, sizeof(line));
		fputs(line, f);
	}
}

int bench_trace_keep(const struct nwb_trace *t, const char *path,
		     struct nwb_err *err)
{
	FILE *f = fopen(path, "we");
	bool is_bad, is_plain;
	struct stat st;

	if (!f)
		return nwb_err_set(err, -errno, "trace: %s: %s", path,
				   strerror(errno));
	/* a device is not ours to remove, a link to one neither */
	is_plain = !lstat(path, &st) && S_ISREG(st.st_mode);
	if (is_json(path))
		put_json(t, f);
	else
		put_text(t, f);
	is_bad = ferror(f);
	if (fclose(f) || is_bad) {
		if (is_plain)
			(void)remove(path);
		return nwb_err_set(err, -EIO, "trace: %s: cannot be written",
				   path);
	}
	return 0;
}
