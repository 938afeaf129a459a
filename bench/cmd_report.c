/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb report: make the report files of a session again, and show the text. */
#include "bench_i.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The names of results directories sort by time. */
static int newest(const char *base, char *ret, size_t size)
{
	DIR *d = opendir(base);
	struct dirent *e;
	char best[256] = "";

	if (!d)
		return -errno;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && strcmp(e->d_name, best) > 0)
			snprintf(best, sizeof(best), "%s", e->d_name);
	closedir(d);
	if (!best[0])
		return -ENOENT;
	snprintf(ret, size, "%s/%s", base, best);
	return 0;
}

static int show(const char *dir)
{
	char path[4096];
	char line[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, NWB_REPORT_TEXT);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		fputs(line, stdout);
	fclose(f);
	return 0;
}

int bench_cmd_report(int argc, char **argv)
{
	struct nwb_err err = {0};
	char dir[1024];
	int rc;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		bool help = argc == 2 && (!strcmp(argv[1], "--help") ||
					  !strcmp(argv[1], "-h"));

		fprintf(help ? stdout : stderr,
			"usage: netwb report [DIR]\n\n"
			"Make report.txt and junit.xml of a session again from "
			"its run.jsonl and\nshow the text. Without DIR: the "
			"newest below results/.\n");
		return help ? NWB_EXIT_OK : NWB_EXIT_USAGE;
	}
	if (argc == 2) {
		snprintf(dir, sizeof(dir), "%s", argv[1]);
	} else {
		rc = newest("results", dir, sizeof(dir));
		if (rc) {
			fprintf(stderr, "netwb: no results in results/; run "
					"`netwb bench` or name a directory\n");
			return NWB_EXIT_BROKEN;
		}
	}
	rc = nwb_report_write_all(dir, &err);
	if (!rc)
		rc = show(dir);
	if (rc)
		fprintf(stderr, "netwb: %s\n",
			err.text[0] ? err.text : strerror(-rc));
	return rc ? NWB_EXIT_BROKEN : NWB_EXIT_OK;
}
