/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shards: each case in exactly one, for ever the same. */
#include "../../bench/shard.h"

#include "nwb_test.h"

#include <errno.h>
#include <string.h>

NWB_TEST(bench_shard, reads_k_of_n_and_nothing_else)
{
	static const char *const bad[] = {
		"",	"/",	"1",	"1/",	 "/2",
		"0/2",	"3/2",	"1/0",	"1/2/",	 "1/2 ",
		" 1/2", "-1/2", "1/-2", "+1/2",	 "1/1001",
		"a/b",	"1,2",	"1//2", "1.0/2", "99999999999999/2",
	};
	struct bench_shard s = {.k = 7};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(bad); i++)
		nwb_check_eq(bench_shard_parse(bad[i], &s), -EINVAL);
	nwb_check_eq(s.k, 7);
	nwb_check_eq(bench_shard_parse("1/1", &s), 0);
	nwb_check_eq(s.k, 1);
	nwb_check_eq(s.n, 1);
	nwb_check_eq(bench_shard_parse("1000/1000", &s), 0);
	nwb_check_eq(s.k, 1000);
}

/* What belongs where is part of what results mean: sessions that were cut by
 * different versions of netwb must fit together. */
NWB_TEST(bench_shard, a_case_stays_where_it_is)
{
	nwb_check_eq(bench_shard_of("smbd.seq1m.none", 4), 1);
	nwb_check_eq(bench_shard_of("diod.seq4k.famine", 4), 4);
	nwb_check_eq(bench_shard_of("mutant.retry-dropped", 7), 4);
	nwb_check_eq(bench_shard_of("", 3), 3);
}

static void name_of(unsigned int i, char *buf, size_t size)
{
	snprintf(buf, size, "smbd.job%u.none", i);
}

NWB_TEST(bench_shard, each_case_is_in_one_shard_and_all_have_some)
{
	unsigned int count[5] = {0};
	char name[64];

	for (unsigned int i = 0; i < 1000; i++) {
		unsigned int taken = 0;

		name_of(i, name, sizeof(name));
		for (unsigned int k = 1; k <= 4; k++) {
			struct bench_shard s = {.k = k, .n = 4};

			if (bench_shard_takes(&s, name)) {
				taken++;
				count[k]++;
			}
			bench_shard_fini(&s);
		}
		nwb_check_eq(taken, 1);
	}
	for (unsigned int k = 1; k <= 4; k++)
		nwb_check(count[k] > 200 && count[k] < 300);
}

NWB_TEST(bench_shard, remembers_each_name_once)
{
	struct bench_shard s = {.k = 1, .n = 4}, whole = {0};
	json_t *rec;

	for (int i = 0; i < 3; i++) {
		nwb_check(bench_shard_takes(&s, "smbd.seq1m.none"));
		nwb_check(!bench_shard_takes(&s, "diod.seq4k.famine"));
		nwb_check(bench_shard_takes(&whole, "diod.seq4k.famine"));
	}
	nwb_check(bench_shard_takes(NULL, "x"));
	nwb_check(bench_shard_record(&whole) == NULL);
	rec = bench_shard_record(&s);
	nwb_check_eq(json_integer_value(json_object_get(rec, "total")), 2);
	nwb_check_eq(json_array_size(json_object_get(rec, "ran")), 1);
	nwb_check_streq(json_string_value(json_array_get(
				json_object_get(rec, "left_out"), 0)),
			"diod.seq4k.famine");
	json_decref(rec);
	bench_shard_fini(&s);
	bench_shard_fini(&s);
}
