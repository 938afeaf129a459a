/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The deliberate defects, each with a plan that shows it and the oracle that
 * must kill it. The same plan without the defect must pass. Between them every
 * oracle fires on a real server (O11 in tests/e2e/verdicts.sh).
 */
#include "bench_i.h"

#include "nwb/netfs_mutants.h"
#include <stdio.h>
#include <string.h>

#define O(n) (1u << (n))

const struct bench_mutant bench_mutants[] = {
	{.name = "retry-dropped",
	 .title = "the retry after a reset is not sent",
	 .netfs = NWB_MUT_RETRY_DROPPED,
	 .server = "smbd",
	 .subject = NWB_SUBJ_IN_PLACE,
	 .workload = "seq1m",
	 .bytes = 16 * NWB_MIB,
	 .oracles = O(1),
	 .plan = "plan retry-dropped\n"
		 "cut: on server.write nth=5 before do rst max=1\n"
		 "heal\n"},
	{.name = "retry-offset",
	 .title = "the retry is sent to the wrong offset",
	 .netfs = NWB_MUT_RETRY_OFFSET,
	 .server = "smbd",
	 .subject = NWB_SUBJ_IN_PLACE,
	 .workload = "seq1m",
	 .bytes = 16 * NWB_MIB,
	 .oracles = O(2),
	 .plan = "plan retry-offset\n"
		 "cut: on server.write nth=5 before do rst max=1\n"
		 "heal\n"},
	{.name = "older-after-newer",
	 .title = "older data is sent after newer was acked",
	 .netfs = NWB_MUT_OLDER_AFTER_NEWER,
	 .server = "smbd",
	 .subject = NWB_SUBJ_TEMP_PAGE,
	 .workload = "rewrite",
	 .bytes = 64 * NWB_MIB,
	 .fsyncs = 2,
	 .oracles = O(3),
	 .plan = "plan older-after-newer\n"
		 "cut: on server.write nth=3 after do drop, rst max=1\n"
		 "heal\n"},
	{.name = "fsync-swallows",
	 .title = "fsync swallows an upload error",
	 .netfs = NWB_MUT_FSYNC_SWALLOWS,
	 .server = "diod",
	 .subject = NWB_SUBJ_IN_PLACE,
	 .workload = "seq1m",
	 .bytes = 8 * NWB_MIB,
	 .oracles = O(6),
	 .plan = "plan fsync-swallows\n"
		 "full: on backend.pwrite nth=9 do error ENOSPC max=1\n"
		 "heal\n"},
	{.name = "credits-twice",
	 .title = "credits of the old connection are counted again",
	 .credits = true,
	 .server = "smbd",
	 .subject = NWB_SUBJ_IN_PLACE,
	 .workload = "seq1m",
	 .bytes = 32 * NWB_MIB,
	 .oracles = O(7),
	 .plan = "plan credits-twice\n"
		 "server smbd credits=64\n"
		 "cut: on server.write nth=5 after do drop, rst max=1\n"
		 "starve: on server.grant nth=14..120 do grant 0\n"
		 "heal\n"},
	{.name = "unstable-forgotten",
	 .title = "acked-but-unflushed bytes are forgotten after a crash",
	 .netfs = NWB_MUT_UNSTABLE_FORGOTTEN,
	 .server = "smbd",
	 .subject = NWB_SUBJ_IN_PLACE,
	 .workload = "seq1m",
	 .bytes = 16 * NWB_MIB,
	 .oracles = O(1),
	 .plan = "plan unstable-forgotten\n"
		 "server smbd volatile\n"
		 "crash: on server.write nth=9 after do restart max=1\n"
		 "heal\n"},
	{.name = "lost-wakeup",
	 .title = "the retryer waits for a wake-up that never comes",
	 .netfs = NWB_MUT_LOST_WAKEUP,
	 .server = "smbd",
	 .subject = NWB_SUBJ_IN_PLACE,
	 .workload = "seq1m",
	 .bytes = 16 * NWB_MIB,
	 .oracles = O(8),
	 .plan = "plan lost-wakeup\n"
		 "client in-place patience=1s\n"
		 "cut: on server.write nth=5 before do rst max=1\n"
		 "heal\n"
		 "expect drain < 2s\n"},
	{.name = "channel-repicked",
	 .title = "credits reserved on one channel are spent on another",
	 .channel = true,
	 .server = "smbd",
	 .subject = NWB_SUBJ_IN_PLACE,
	 .workload = "seq1m",
	 .bytes = 32 * NWB_MIB,
	 .oracles = O(7),
	 .plan = "plan channel-repicked\n"
		 "server smbd credits=64 multichannel\n"
		 "client in-place channels=2\n"
		 "starve: on server.grant nth=14..120 do grant 0\n"
		 "heal\n"},
	{.name = "tries-for-ever",
	 .title = "an upload is tried more often than is allowed",
	 .netfs = NWB_MUT_NO_LIMIT,
	 .server = "smbd",
	 .subject = NWB_SUBJ_IN_PLACE,
	 .workload = "seq1m",
	 .bytes = 8 * NWB_MIB,
	 .oracles = O(4),
	 .plan = "plan tries-for-ever\n"
		 "client in-place attempts=2\n"
		 "cut: on server.write before do rst max=4\n"
		 "heal\n"},
	{.name = "mirror-stops",
	 .title = "with a mirror that failed goes the upload",
	 .netfs = NWB_MUT_MIRROR_STOPS,
	 .server = "smbd",
	 .subject = NWB_SUBJ_IN_PLACE,
	 .workload = "seq1m",
	 .bytes = 8 * NWB_MIB,
	 .fsyncs = 2,
	 .oracles = O(1),
	 .plan = "plan mirror-stops\n"
		 "client in-place mirror=diod\n"
		 "full: on mirror.backend.pwrite nth=9 do error ENOSPC max=1\n"
		 "heal\n"},
	{.name = "upload-stops",
	 .title = "with an upload that failed goes the mirror",
	 .netfs = NWB_MUT_UPLOAD_STOPS,
	 .server = "diod",
	 .subject = NWB_SUBJ_IN_PLACE,
	 .workload = "seq1m",
	 .bytes = 8 * NWB_MIB,
	 .fsyncs = 2,
	 .oracles = O(1),
	 .plan = "plan upload-stops\n"
		 "client in-place mirror=smbd\n"
		 "full: on backend.pwrite nth=9 do error ENOSPC max=1\n"
		 "heal\n"},
	{.name = "crypt-plain",
	 .title = "some data units are sent as they are",
	 .netfs = NWB_MUT_CRYPT_PLAIN,
	 .server = "smbd",
	 .subject = NWB_SUBJ_IN_PLACE,
	 .workload = "seq1m",
	 .bytes = 8 * NWB_MIB,
	 .oracles = O(2),
	 .plan = "plan crypt-plain\n"
		 "client in-place crypto\n"
		 "heal\n"},
	{.name = "crypt-no-rmw",
	 .title = "a unit is sent again with what others had before",
	 .netfs = NWB_MUT_CRYPT_NO_RMW,
	 .server = "smbd",
	 .subject = NWB_SUBJ_IN_PLACE,
	 .workload = "part",
	 .bytes = 2 * NWB_MIB,
	 .oracles = O(1),
	 .plan = "plan crypt-no-rmw\n"
		 "client in-place crypto cache=none\n"
		 "cut: on server.write nth=300+1 before do rst, intrude\n"
		 "heal\n"},
	{.name = "gives-up-early",
	 .title = "the first lost connection is final",
	 .netfs = NWB_MUT_GIVES_UP_EARLY,
	 .server = "diod",
	 .subject = NWB_SUBJ_TEMP_PAGE,
	 .workload = "seq1m",
	 .bytes = 16 * NWB_MIB,
	 .oracles = O(15),
	 .plan = "plan gives-up-early\n"
		 "cut: on server.write nth=5 before do rst max=1\n"
		 "heal\n"},
};
const unsigned int bench_nr_mutants = NWB_ARRAY_SIZE(bench_mutants);

const struct bench_mutant *bench_mutant_find(const char *name)
{
	for (unsigned int i = 0; i < bench_nr_mutants; i++)
		if (!strcmp(bench_mutants[i].name, name))
			return &bench_mutants[i];
	return NULL;
}

bool bench_mutants_missing(void)
{
#ifdef NWB_MUTANTS
	return false;
#else
	fprintf(stderr, "netwb: this build has no mutants in it; "
			"`meson setup BUILD -Dmutants=true` makes one that "
			"has\n");
	return true;
#endif
}
