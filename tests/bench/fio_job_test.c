/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is read from `fio --showcmd`: jobs, directories, what is refused and
 * what a reader of the figures is told.
 */
#include "../../bench/fio_i.h"
#include "nwb_test.h"

#include <string.h>

static struct bench_fio_file f;
static struct nwb_err err;

static int understand(const char *text)
{
	err = (struct nwb_err){0};
	return bench_fio_understand(text, &f, &err);
}

static bool remarks(const char *what)
{
	for (unsigned int i = 0; i < f.nr_remarks; i++)
		if (strstr(f.remark[i], what))
			return true;
	return false;
}

NWB_TEST(fio_job, globals_reach_every_job)
{
	nwb_check_eq(understand("fio --ioengine=sync --rw=randwrite --bs=4k "
				"--size=2G --numjobs=2 --end_fsync=1 --name=a "
				"--name=b --stonewall --bs=1M --iodepth=8 \n"),
		     0);
	nwb_check_eq(f.nr_jobs, 2);
	nwb_check(!strcmp(f.job[0].name, "a") && !strcmp(f.job[1].name, "b"));
	nwb_check_eq(f.job[0].bs_bytes, 4096);
	nwb_check_eq(f.job[1].bs_bytes, 1 << 20);
	nwb_check_eq(f.job[0].bytes, 2ull << 30);
	nwb_check_eq(f.job[1].numjobs, 2);
	nwb_check_eq(f.job[1].iodepth, 8);
	nwb_check(f.job[0].writes && f.job[0].syncs);
	nwb_check(!strcmp(f.job[1].rw, "randwrite"));
	nwb_check_eq(f.nr_remarks, 0);
}

NWB_TEST(fio_job, words_in_values_are_no_options)
{
	nwb_check_eq(understand("fio --name=a b --description=\"say --name=x\" "
				"--rw=read --exec_prerun=echo a b"),
		     0);
	nwb_check_eq(f.nr_jobs, 1);
	nwb_check(!strcmp(f.job[0].name, "a b"));
	nwb_check(!strcmp(f.job[0].rw, "read"));
	nwb_check(!f.job[0].writes);
}

NWB_TEST(fio_job, directories_are_sorted_and_counted_once)
{
	nwb_check_eq(understand("fio --directory=/z/y:/a/ --name=1 --name=2 "
				"--directory=/a/b --name=3 "
				"--filename=/a/file:/c\\:d/x:rel --name=4 "
				"--directory=data/sub:. --name=5 "
				"--directory=/a/bc"),
		     0);
	nwb_check_eq(f.nr_dirs, 5);
	nwb_check(!strcmp(f.dir[0], "/a"));
	nwb_check(!strcmp(f.dir[1], "/a/b"));
	nwb_check(!strcmp(f.dir[2], "/a/bc"));
	nwb_check(!strcmp(f.dir[3], "/c:d"));
	nwb_check(!strcmp(f.dir[4], "/z/y"));
	nwb_check_eq(f.nr_subdirs, 1);
	nwb_check(!strcmp(f.subdir[0], "data/sub"));
}

NWB_TEST(fio_job, refuses_what_cannot_be_measured)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"fio --name=a --ramp_time=30 --runtime=10 --time_based",
		 "ramp_time (30 s)"},
		{"fio --name=a --ramp_time=1m --runtime=60", "ramp_time"},
		{"fio --name=a --ioengine=net", "ioengine=net"},
		{"fio --name=a --filename=/dev/sda", "is a device"},
		{"fio ", "no job"},
		{"", "no job"},
		{"fio --bs=4k", "no job"},
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(cases); i++) {
		nwb_check_eq(understand(cases[i].text), -EINVAL);
		nwb_check(strstr(err.text, cases[i].why));
	}
}

NWB_TEST(fio_job, tells_what_the_figures_hide)
{
	nwb_check_eq(understand("fio --rw=write --name=a"), 0);
	nwb_check(remarks("nothing is synced"));
	nwb_check_eq(understand("fio --rw=write --name=a --end_fsync=0"), 0);
	nwb_check(remarks("nothing is synced"));
	nwb_check_eq(understand("fio --rw=write --name=a --fsync_on_close=1"),
		     0);
	nwb_check(remarks("fsync_on_close"));
	nwb_check(!remarks("nothing is synced"));
	nwb_check_eq(understand("fio --rw=read --name=a --ramp_time=5"), 0);
	nwb_check(remarks("ramp_time"));
	nwb_check_eq(understand("fio --rw=read --name=a --rate_iops=100"), 0);
	nwb_check(remarks("fixed rate"));
	nwb_check_eq(understand("fio --rw=read --name=a --gtod_reduce=1"), 0);
	nwb_check(remarks("latencies off"));
}

NWB_TEST(fio_job, too_much_is_said_not_cut)
{
	char text[4096] = "fio";

	for (int i = 0; i < BENCH_FIO_JOBS + 1; i++)
		strcat(text, " --name=x");
	nwb_check_eq(understand(text), -EINVAL);
	strcpy(text, "fio --name=x --directory=");
	for (int i = 0; i < BENCH_FIO_DIRS + 1; i++)
		sprintf(text + strlen(text), "/%d:", i);
	nwb_check_eq(understand(text), -EINVAL);
	strcpy(text, "fio --name=x --directory=/");
	memset(text + strlen(text), 'a', 3000);
	nwb_check_eq(understand(text), -EINVAL);
}
