/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must be known of a job file before it runs: the directories that it
 * names, how long it measures, and what its figures will not say.
 *
 * fio is asked (--showcmd), so that includes, variables, defaults and
 * [global] sections are its own business. Its answer is one line:
 *
 *	fio --ioengine=sync --rw=write --name=a --bs=4k --name=b --bs=1M
 *
 * Options in front of the first --name= are everybody's.
 */
#include "fio_i.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int too_many(struct nwb_err *err, const char *what, unsigned int most)
{
	return nwb_err_set(err, -EINVAL, "more than %u %s in the job file",
			   most, what);
}

/* --- values --------------------------------------------------------------- */

/* fio(1), "Parameter types": seconds unless a unit is given. */
static uint64_t parse_time(const char *s)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {
		{"", NWB_SEC},		{"s", NWB_SEC},
		{"ms", NWB_MSEC},	{"us", NWB_USEC},
		{"m", 60 * NWB_SEC},	{"h", 3600 * NWB_SEC},
		{"d", 86400 * NWB_SEC},
	};
	char *end;
	unsigned long long v = strtoull(s, &end, 10);

	for (size_t i = 0; i < NWB_ARRAY_SIZE(units); i++)
		if (!strcmp(end, units[i].unit))
			return v > UINT64_MAX / units[i].ns / 2
				       ? UINT64_MAX / 2
				       : v * units[i].ns;
	return 0;
}

/* 0: a percentage, or nothing that we know. Only ever a hint. */
static uint64_t parse_size(const char *s)
{
	static const char units[] = "kmgt";
	char *end;
	unsigned long long v = strtoull(s, &end, 10);
	const char *u;

	if (end == s || !*end || v > UINT32_MAX)
		return *end ? 0 : v;
	u = strchr(units, tolower((unsigned char)*end));
	if (!u ||
	    (end[1] && strcasecmp(end + 1, "b") && strcasecmp(end + 1, "ib")))
		return 0;
	for (; u >= units; u--)
		v *= 1024;
	return v;
}

/* A flag of fio's is on unless it is 0. */
static bool is_on(const char *value)
{
	return !value || strcmp(value, "0") != 0;
}

/* --- directories ---------------------------------------------------------- */

static int add_dir(struct bench_fio_file *f, const char *path, size_t len,
		   struct nwb_err *err)
{
	bool is_abs = path[0] == '/';
	char(*list)[256] = is_abs ? f->dir : f->subdir;
	unsigned int *nr = is_abs ? &f->nr_dirs : &f->nr_subdirs, at;

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (!len || (len == 1 && *path == '.'))
		return 0;
	if (len >= sizeof(list[0]))
		return nwb_err_set(err, -EINVAL, "%.*s: path too long",
				   (int)nwb_min(len, (size_t)200), path);
	for (unsigned int i = 0; i < *nr; i++)
		if (strlen(list[i]) == len && !memcmp(list[i], path, len))
			return 0;
	if (*nr == BENCH_FIO_DIRS)
		return too_many(err, "directories", BENCH_FIO_DIRS);
	/* sorted: a parent comes before what is in it */
	for (at = *nr; at; at--) {
		int c = strncmp(list[at - 1], path, len);

		if (c < 0 || (!c && strlen(list[at - 1]) < len))
			break;
		memcpy(list[at], list[at - 1], sizeof(list[at]));
	}
	memcpy(list[at], path, len);
	list[at][len] = 0;
	++*nr;
	return 0;
}

static int add_file(struct bench_fio_file *f, const char *path, size_t len,
		    struct nwb_err *err)
{
	size_t dir = len;

	if (len >= 5 && !strncmp(path, "/dev/", 5))
		return nwb_err_set(err, -EINVAL,
				   "filename=%.*s is a device: no subject has "
				   "it",
				   (int)nwb_min(len, (size_t)100), path);
	while (dir && path[dir - 1] != '/')
		dir--;
	return dir ? add_dir(f, path, dir, err) : 0;
}

/* "a:b\:c": fio(1), filename=. A backslash keeps the colon. */
static int each_path(struct bench_fio_file *f, const char *value,
		     int (*fn)(struct bench_fio_file *f, const char *path,
			       size_t len, struct nwb_err *err),
		     struct nwb_err *err)
{
	char path[512];
	size_t len = 0;
	int rc = 0;

	for (const char *p = value; !rc; p++) {
		if (p[0] == '\\' && p[1] == ':') {
			p++;
		} else if (!*p || *p == ':') {
			rc = len ? fn(f, path, len, err) : 0;
			len = 0;
			if (!*p)
				break;
			continue;
		}
		if (len + 1 >= sizeof(path))
			return nwb_err_set(err, -EINVAL, "path too long");
		path[len++] = *p;
		path[len] = 0;
	}
	return rc;
}

/* --- one option ----------------------------------------------------------- */

static bool is_one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(s, *list))
			return true;
	return false;
}

static int set_engine(struct bench_fio_spec *j, const char *v,
		      struct nwb_err *err)
{
	/* engines that move no data of files in a directory */
	static const char *const others[] = {
		"net",	       "netsplice", "rdma",
		"rbd",	       "rados",	    "http",
		"libhdfs",     "mtd",	    "sg",
		"null",	       "libiscsi",  "nbd",
		"libzbc",      "dev-dax",   "io_uring_cmd",
		"xnvme",       "cpuio",	    "gfapi",
		"gfapi_async", "pmemblk",   "libblkio",
		"guasi",       NULL};

	if (is_one_of(v, others))
		return nwb_err_set(err, -EINVAL,
				   "ioengine=%s reads and writes no files", v);
	snprintf(j->ioengine, sizeof(j->ioengine), "%.31s", v);
	return 0;
}

static void set_sync(struct bench_fio_spec *j, const char *key, const char *v)
{
	static const char *const keys[] = {"fsync",	      "fdatasync",
					   "end_fsync",	      "sync",
					   "sync_file_range", NULL};

	if (!strcmp(key, "fsync_on_close"))
		j->fsync_on_close = is_on(v);
	else if (is_one_of(key, keys) && is_on(v) && (!v || strcmp(v, "none")))
		j->syncs = true;
}

static void set_flag(struct bench_fio_spec *j, const char *key, const char *v)
{
	static const struct {
		const char *key;
		size_t at;
	} flags[] = {
#define FLAG(k, m) {k, offsetof(struct bench_fio_spec, m)}
		FLAG("time_based", time_based),
		FLAG("group_reporting", group_reporting),
		FLAG("rate", is_rated),
		FLAG("rate_iops", is_rated),
		FLAG("gtod_reduce", no_latency),
		FLAG("disable_lat", no_latency),
		FLAG("disable_clat", no_latency),
		FLAG("unlink", unlinks),
		FLAG("unlink_each_loop", unlinks),
#undef FLAG
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(flags); i++)
		if (!strcmp(key, flags[i].key))
			*(bool *)((char *)j + flags[i].at) = is_on(v);
	set_sync(j, key, v);
}

static int set_option(struct bench_fio_file *f, struct bench_fio_spec *j,
		      const char *key, const char *v, struct nwb_err *err)
{
	set_flag(j, key, v);
	if (!v)
		return 0;
	if (!strcmp(key, "numjobs")) {
		j->numjobs = (unsigned int)strtoul(v, NULL, 0);
	} else if (!strcmp(key, "iodepth")) {
		j->iodepth = (unsigned int)strtoul(v, NULL, 0);
	} else if (!strcmp(key, "runtime")) {
		j->runtime_ns = parse_time(v);
	} else if (!strcmp(key, "ramp_time")) {
		j->ramp_ns = parse_time(v);
	} else if (!strcmp(key, "size")) {
		j->bytes = parse_size(v);
	} else if (!strcmp(key, "bs") || !strcmp(key, "blocksize")) {
		j->bs_bytes = parse_size(v);
	} else if (!strcmp(key, "verify")) {
		j->verifies = strcmp(v, "0") && strcmp(v, "null");
	} else if (!strcmp(key, "rw") || !strcmp(key, "readwrite")) {
		snprintf(j->rw, sizeof(j->rw), "%.23s", v);
		j->writes = strstr(v, "write") || strstr(v, "rw");
	} else if (!strcmp(key, "ioengine")) {
		return set_engine(j, v, err);
	} else if (!strcmp(key, "directory")) {
		return each_path(f, v, add_dir, err);
	} else if (!strcmp(key, "filename")) {
		return each_path(f, v, add_file, err);
	}
	return 0;
}

/* --- the line ------------------------------------------------------------- */

/* Cut off the next "--key[=value]"; values may hold spaces and quotes. */
static char *next_option(char **rest)
{
	char *at = *rest, *end;

	if (!at)
		return NULL;
	end = strncmp(at, "description=\"", 13) ? at : strchr(at + 13, '"');
	end = end ? strstr(end, " --") : NULL;
	*rest = end ? end + 3 : NULL;
	if (!end)
		end = at + strlen(at);
	while (end > at && isspace((unsigned char)end[-1]))
		end--;
	*end = 0;
	return at;
}

static void remark(struct bench_fio_file *f, const struct bench_fio_spec *j,
		   const char *text)
{
	char name[41];

	if (f->nr_remarks == BENCH_FIO_REMARKS)
		return;
	/* @j lies in @f, too: the compiler is to see that nothing overlaps */
	snprintf(name, sizeof(name), "%s", j->name);
	snprintf(f->remark[f->nr_remarks++], sizeof(f->remark[0]), "%s: %.110s",
		 name, text);
}

static int check_job(struct bench_fio_file *f, const struct bench_fio_spec *j,
		     struct nwb_err *err)
{
	if (j->ramp_ns && j->runtime_ns && j->ramp_ns >= j->runtime_ns)
		return nwb_err_set(
			err, -EINVAL,
			"%s: ramp_time (%llu s) is not shorter than the window "
			"that is measured (runtime, %llu s)",
			j->name, (unsigned long long)(j->ramp_ns / NWB_SEC),
			(unsigned long long)(j->runtime_ns / NWB_SEC));
	if (j->fsync_on_close)
		remark(f, j,
		       "fsync_on_close: older versions of fio do not time it "
		       "(issue 831; 3.33 does)");
	if (j->writes && !j->syncs && !j->fsync_on_close)
		remark(f, j,
		       "nothing is synced: the figures are of filling a "
		       "cache, not of writing");
	if (j->ramp_ns && !j->time_based)
		remark(f, j,
		       "ramp_time without time_based: INVALID if what is "
		       "measured turns out shorter");
	if (j->is_rated)
		remark(f, j,
		       "at a fixed rate fio's latencies begin when it comes "
		       "round to an I/O, not when it was due");
	if (j->no_latency)
		remark(f, j, "its options switch latencies off");
	return 0;
}

static int read_options(char *rest, struct bench_fio_file *f,
			struct nwb_err *err)
{
	struct bench_fio_spec global = {
		.numjobs = 1,
		.iodepth = 1,
		.bs_bytes = 4096,
	};
	struct bench_fio_spec *j = &global;
	char *opt;
	int rc = 0;

	/* fio's own defaults: fio(1) */
	strcpy(global.rw, "read");
	strcpy(global.ioengine, "psync");
	while (!rc && (opt = next_option(&rest))) {
		char *eq = strchr(opt, '=');

		if (eq)
			*eq++ = 0;
		if (strcmp(opt, "name")) {
			rc = set_option(f, j, opt, eq, err);
			continue;
		}
		if (f->nr_jobs == BENCH_FIO_JOBS)
			return too_many(err, "jobs", BENCH_FIO_JOBS);
		j = &f->job[f->nr_jobs++];
		*j = global;
		snprintf(j->name, sizeof(j->name), "%.63s", eq ? eq : "");
	}
	return rc;
}

int bench_fio_understand(const char *text, struct bench_fio_file *ret,
			 struct nwb_err *err)
{
	char *copy = strdup(text), *start;
	int rc;

	if (!copy)
		return nwb_err_set(err, -ENOMEM, "no memory for a job file");
	ret->nr_jobs = ret->nr_dirs = ret->nr_subdirs = ret->nr_remarks = 0;
	start = strstr(copy, " --");
	rc = read_options(start ? start + 3 : NULL, ret, err);
	if (!rc && !ret->nr_jobs)
		rc = nwb_err_set(err, -EINVAL, "there is no job in it");
	for (unsigned int i = 0; i < ret->nr_jobs && !rc; i++)
		rc = check_job(ret, &ret->job[i], err);
	free(copy);
	return rc;
}
