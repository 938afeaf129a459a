/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fio's output is believed whole or not at all: one good file, and each way
 * in which it may be broken.
 */
#include "../../bench/fio_i.h"
#include "nwb_test.h"

#include "nwb/mem.h"
#include <stdlib.h>
#include <string.h>

#define DIR_OF(bytes, ios, ms, lat)                                            \
	"{\"io_bytes\":" bytes ",\"total_ios\":" ios ",\"runtime\":" ms        \
	",\"clat_ns\":" lat "}"
#define NO_LAT "{\"min\":0,\"max\":0,\"N\":0}"
#define LAT                                                                    \
	"{\"min\":900,\"max\":5000,\"N\":4,\"bins\":{\"1000\":3,\"5000\":1}}"
#define JOB(name, error, ms)                                                   \
	"{\"jobname\":\"" name "\",\"error\":" error ",\"job_runtime\":" ms    \
	",\"usr_cpu\":1.5,\"sys_cpu\":10,\"read\":" DIR_OF(                    \
		"0", "0", "0",                                                 \
		NO_LAT) ",\"write"                                             \
			"\":" DIR_OF(                                          \
				"4194304", "4", ms,                            \
				LAT) ",\"trim\":" DIR_OF("0", "0", "0",        \
							 NO_LAT) ",\"sync\":{" \
								 "\"lat_"      \
								 "ns\":" LAT   \
								 "}}"
#define FILE_OF(jobs) "{\"fio version\":\"fio-3.33\",\"jobs\":[" jobs "]}\n"

static const char good[] =
	FILE_OF(JOB("a", "0", "500") "," JOB("b", "0", "2000"));

static struct bench_fio_file file;
static struct bench_fio_result *res;
static struct nwb_err err;

static int parse_as(const char *text, const char *showcmd)
{
	nwb_free(res);
	res = nwb_zalloc(sizeof(*res));
	err = (struct nwb_err){0};
	nwb_check(res);
	nwb_check_eq(bench_fio_understand(showcmd, &file, &err), 0);
	return bench_fio_parse(text, strlen(text), &file, res, &err);
}

static int parse(const char *text)
{
	return parse_as(text, "fio --rw=write --name=a --name=b");
}

/* @good with the first @from replaced by @to. */
static int parse_with(const char *from, const char *to)
{
	static char text[8192];
	const char *at = strstr(good, from);

	nwb_check(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to,
		 at + strlen(from));
	return parse(text);
}

static void refused(int rc, const char *why)
{
	nwb_check_eq(rc, -EINVAL);
	if (!strstr(err.text, why))
		fprintf(stderr, "\"%s\" does not say \"%s\"\n", err.text, why);
	nwb_check(strstr(err.text, why));
}

/* Believed, but the first job measured too little. */
static void is_short(int rc, const char *why)
{
	nwb_check_eq(rc, 0);
	if (!strstr(res->job[0].why, why))
		fprintf(stderr, "\"%s\" does not say \"%s\"\n", res->job[0].why,
			why);
	nwb_check(strstr(res->job[0].why, why));
}

NWB_TEST(fio_result, whole_file)
{
	const struct bench_fio_dir *w;

	nwb_check_eq(parse(good), 0);
	nwb_check_eq(res->nr_jobs, 2);
	w = &res->job[0].dir[BENCH_FIO_WRITE];
	nwb_check_eq(w->bytes, 4194304);
	nwb_check_eq(w->ios, 4);
	nwb_check_eq(w->runtime_ns, 500 * NWB_MSEC);
	nwb_check_eq(w->clat.count, 4);
	nwb_check_eq(w->clat.max, 5000);
	nwb_check(nwb_hist_quantile(&w->clat, 0.5) >= 990 &&
		  nwb_hist_quantile(&w->clat, 0.5) <= 1010);
	nwb_check_eq(res->job[0].sync.count, 4);
	nwb_check(!strcmp(res->version, "fio-3.33"));
}

NWB_TEST(fio_result, processes_of_a_job_are_summed)
{
	const struct bench_fio_dir *w;

	nwb_check_eq(
		parse_as(FILE_OF(JOB("a", "0", "500") "," JOB("a", "0", "700")),
			 "fio --numjobs=2 --name=a"),
		0);
	nwb_check_eq(res->nr_jobs, 1);
	w = &res->job[0].dir[BENCH_FIO_WRITE];
	nwb_check_eq(w->bytes, 2 * 4194304);
	nwb_check_eq(w->runtime_ns, 700 * NWB_MSEC);
	nwb_check_eq(w->clat.count, 8);
}

NWB_TEST(fio_result, notes_are_told_other_text_is_not_believed)
{
	char text[8192];

	snprintf(text, sizeof(text), "note: queue depth is capped\n%s", good);
	nwb_check_eq(parse(text), 0);
	nwb_check(strstr(res->note, "capped"));
	snprintf(text, sizeof(text), "fio: something is wrong\n%s", good);
	refused(parse(text), "before its result: fio: something is wrong");
	snprintf(text, sizeof(text), "%s\nfio: it hung\n", good);
	refused(parse(text), "after its result: fio: it hung");
	snprintf(text, sizeof(text), "%s%s", good, good);
	refused(parse(text), "after its result: {");
}

NWB_TEST(fio_result, nothing_is_no_result)
{
	refused(parse(""), "no result");
	refused(parse("\n\n"), "no result");
	refused(parse("[]"), "before its result");
	refused(parse("{}"), "fio version");
	refused(parse("{\"fio version\":\"x\",\"jobs\":[]}"), "processes of");
}

NWB_TEST(fio_result, a_file_cut_anywhere_is_refused)
{
	char text[8192];

	/* the newline behind it may be missing */
	for (size_t len = 0; len + 2 < sizeof(good); len++) {
		memcpy(text, good, len);
		text[len] = 0;
		nwb_check_eq(parse(text), -EINVAL);
	}
}

NWB_TEST(fio_result, each_member_must_be_there)
{
	static const char *const keys[] = {
		"fio version", "jobs",	  "jobname", "error",	 "job_runtime",
		"usr_cpu",     "sys_cpu", "read",    "io_bytes", "total_ios",
		"runtime",     "clat_ns", "min",     "max",	 "N",
		"write",       "trim",	  "sync",    "lat_ns",
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(keys); i++) {
		char from[32];

		snprintf(from, sizeof(from), "\"%s\":", keys[i]);
		nwb_check_eq(parse_with(from, "\"other\":"), -EINVAL);
	}
}

NWB_TEST(fio_result, figures_must_make_sense)
{
	refused(parse_with("\"N\":4", "\"N\":5"), "N is 5");
	refused(parse_with("\"N\":4", "\"N\":\"4\""), "another type");
	refused(parse_with("\"1000\":3", "\"1000\":-3"), "no count");
	refused(parse_with("\"1000\":3", "\"1 s\":3"), "no count");
	refused(parse_with("\"1000\":3", "\"1000\":3,\"1000\":3"), "line 1");
	refused(parse_with("\"io_bytes\":4194304", "\"io_bytes\":-1"), "-1");
	refused(parse_with("\"io_bytes\":4194304", "\"io_bytes\":0"),
		"4 I/Os of 0 bytes");
	refused(parse_with("\"usr_cpu\":1.5", "\"usr_cpu\":nan"), "line 1");
	refused(parse_with("\"usr_cpu\":1.5", "\"usr_cpu\":-nan"), "line 1");
	refused(parse_with("\"total_ios\":4",
			   "\"total_ios\":99999999999999999999"),
		"line 1");
}

NWB_TEST(fio_result, a_job_that_failed_has_no_numbers)
{
	refused(parse_with("\"error\":0", "\"error\":5"),
		"job a failed: Input/output error");
	nwb_check_eq(res->error, EIO);
	refused(parse_with("\"error\":0", "\"error\":84"), "job a failed");
	nwb_check_eq(res->error, EILSEQ);
}

NWB_TEST(fio_result, all_jobs_and_no_others)
{
	refused(parse(FILE_OF(JOB("a", "0", "500"))), "0 of 1 processes of");
	refused(parse(FILE_OF(JOB("a", "0", "500") "," JOB(
			"b", "0", "500") "," JOB("c", "0", "500"))),
		"c is not in the job file");
	refused(parse_as(FILE_OF(JOB("a", "0", "500")),
			 "fio --name=a --numjobs=2"),
		"1 of 2");
	/* a group has one entry, under its first job's name */
	nwb_check_eq(parse_as(FILE_OF(JOB("a", "0", "500")),
			      "fio --group_reporting=1 --name=a --numjobs=2 "
			      "--name=b"),
		     0);
}

NWB_TEST(fio_result, the_window_is_what_was_promised)
{
	static const char one[] = FILE_OF(JOB("a", "0", "500"));

	is_short(parse_as(FILE_OF(JOB("a", "0", "99")), "fio --name=a"),
		 "measured for 99 ms only");
	is_short(parse_as(one, "fio --name=a --runtime=2 --time_based"),
		 "runtime is 2.0 s, but 0.5 s were");
	nwb_check_eq(parse_as(one, "fio --name=a --runtime=2"), 0);
	is_short(parse_as(one, "fio --name=a --ramp_time=30"),
		 "ramp_time 30.0 s is longer");
	nwb_check_eq(parse_as(one, "fio --name=a --ramp_time=400ms"), 0);
	is_short(
		parse_as(
			FILE_OF("{\"jobname\":\"a\",\"error\":0,\"job_runtime"
				"\":0,\"usr_cpu\":0,\"sys_cpu\":0,"
				"\"read\":" DIR_OF(
					"0", "0", "0",
					NO_LAT) ",\"write\":" DIR_OF("0", "0",
								     "0",
								     NO_LAT) ","
									     "\"trim\":" DIR_OF(
										     "0",
										     "0",
										     "0",
										     NO_LAT) ",\"sync\":{\"lat_ns\":" NO_LAT
											     "}}"),
			"fio --name=a --ramp_time=1"),
		"no I/O that was measured");
}
