/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb merge: the shards of a campaign into one session, and its reports. */
#include "bench_i.h"

#include "nwb/store.h"
#include <stdio.h>
#include <string.h>

static int usage(FILE *out)
{
	fprintf(out,
		"usage: netwb merge [--force] OUT IN...\n\n"
		"Make one session, OUT, from sessions that were run with "
		"--shard 1/n to n/n.\nEach IN is the directory of one. All "
		"must be there, sealed, of one build and\none kind of machine; "
		"--force merges nevertheless and writes down what is\nwrong. A "
		"shard that is given twice is always refused.\n\n"
		"Exit: that of the whole campaign; 2 when it cannot be "
		"merged.\n");
	return out == stdout ? NWB_EXIT_OK : NWB_EXIT_USAGE;
}

static int tell(const char *dir, int code)
{
	struct nwb_err err = {0};
	char path[4200];
	json_t *recs;
	int rc = nwb_report_write_all(dir, &err);

	if (!rc) {
		snprintf(path, sizeof(path), "%s/%s", dir, NWB_STORE_NAME);
		rc = nwb_store_load(path, &recs, &err);
	}
	if (!rc) {
		rc = nwb_report_text(recs, stdout,
				     NWB_REPORT_SUMMARY | NWB_REPORT_FINDINGS,
				     NULL, &err);
		json_decref(recs);
	}
	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return NWB_EXIT_BROKEN;
	}
	printf("\n%s/%s\n", dir, NWB_REPORT_TEXT);
	return code;
}

int bench_cmd_merge(int argc, char **argv)
{
	struct nwb_err err = {0};
	bool is_forced = false;
	int code, at = 1;

	for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
		if (!strcmp(argv[at], "--help") || !strcmp(argv[at], "-h"))
			return usage(stdout);
		if (!strcmp(argv[at], "--")) {
			at++;
			break;
		}
		if (strcmp(argv[at], "--force")) {
			fprintf(stderr, "netwb: merge: no option %s\n",
				argv[at]);
			return usage(stderr);
		}
		is_forced = true;
	}
	if (argc - at < 2)
		return usage(stderr);
	if (nwb_store_merge(argv[at], (const char *const *)&argv[at + 1],
			    (unsigned int)(argc - at - 1), is_forced, &code,
			    &err)) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return NWB_EXIT_BROKEN;
	}
	return tell(argv[at], code);
}
