/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scenes: a mount over a fake server, run on many seeds or executors. A struct
 * scene has wrong and line for EXPECT(), seed and runs.
 */
#ifndef NWB_TEST_SCENE_H
#define NWB_TEST_SCENE_H

#include "nwb_test_exec.h"

#include <stdio.h>

/* All runs are over. */
#define SCENE_VERDICT(sc_)                                                     \
	do {                                                                   \
		if ((sc_)->wrong)                                              \
			fprintf(stderr, "run %u, seed %llu, line %d: %s\n",    \
				(sc_)->runs, (unsigned long long)(sc_)->seed,  \
				(sc_)->line, (sc_)->wrong);                    \
		nwb_check(!(sc_)->wrong);                                      \
		nwb_check((sc_)->runs > 0);                                    \
	} while (0)

#endif
