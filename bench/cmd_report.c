/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb report: make the report files of a session again, and show one. */
#include "bench_i.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool has_records(DIR *d, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%.250s/%s", name, NWB_STORE_NAME);
	return !faccessat(dirfd(d), path, F_OK, 0);
}

/* The names of results directories sort by time; an index lies beside them. */
static int newest(const char *base, char *ret, size_t size)
{
	DIR *d = opendir(base);
	struct dirent *e;
	char best[256] = "";

	if (!d)
		return -errno;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && strcmp(e->d_name, best) > 0 &&
		    has_records(d, e->d_name))
			snprintf(best, sizeof(best), "%s", e->d_name);
	closedir(d);
	if (!best[0])
		return -ENOENT;
	snprintf(ret, size, "%s/%s", base, best);
	return 0;
}

static int show(const char *dir, enum nwb_report_format format)
{
	char path[4096], buf[4096];
	size_t n;
	FILE *f;
	int rc = 0;

	snprintf(path, sizeof(path), "%s/%s", dir,
		 nwb_report_format_file(format));
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		if (fwrite(buf, 1, n, stdout) != n)
			rc = -EIO;
	fclose(f);
	return fflush(stdout) ? -EIO : rc;
}

static int usage(bool is_help)
{
	fprintf(is_help ? stdout : stderr,
		"usage: netwb report [--format FORMAT | --cover] [--history "
		"BASE] [DIR]\n"
		"       netwb report --pages FILE\n\n"
		"Make the reports of a session again from its run.jsonl and "
		"show one of them.\nWithout DIR: the newest below results/.\n\n"
		"  --format FORMAT  which one to show (default text):\n");
	for (int f = 0; f < NWB_REPORT_FORMATS; f++)
		fprintf(is_help ? stdout : stderr, "      %-10s %s\n",
			nwb_report_format_name((enum nwb_report_format)f),
			nwb_report_format_file((enum nwb_report_format)f));
	fprintf(is_help ? stdout : stderr,
		"  --cover          the block for a patch series' cover "
		"letter; the same as\n                   --format cover\n"
		"  --pages FILE     only the picture of `make pages`: what a "
		"page costs, as SVG\n"
		"  --history BASE   draw on the page what the sessions in BASE "
		"say of its rows\n                   (see netwb history)\n");
	return is_help ? NWB_EXIT_OK : NWB_EXIT_USAGE;
}

/* The picture of `make pages`, to stdout. */
static int show_pages(const char *path)
{
	struct nwb_err err = {0};
	FILE *in = fopen(path, "re");
	int rc;

	if (!in) {
		fprintf(stderr, "netwb: %s: %s\n", path, strerror(errno));
		return NWB_EXIT_BROKEN;
	}
	rc = nwb_report_pages(in, stdout, &err);
	fclose(in);
	if (rc)
		fprintf(stderr, "netwb: %s: %s\n", path, err.text);
	return rc ? NWB_EXIT_BROKEN : NWB_EXIT_OK;
}

/* Return: 0; 1: end with *@ret_code. */
static int parse(int argc, char **argv, const char **ret_dir,
		 const char **ret_base, int *ret_format, int *ret_code)
{
	static const struct option opts[] = {
		{"format", required_argument, NULL, 'f'},
		{"cover", no_argument, NULL, 'c'},
		{"history", required_argument, NULL, 'b'},
		{"pages", required_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *pages = NULL;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "h", opts, NULL)) != -1) {
		if (c == 'c') {
			*ret_format = NWB_FORMAT_COVER;
			continue;
		}
		if (c == 'b') {
			*ret_base = optarg;
			continue;
		}
		if (c == 'p') {
			pages = optarg;
			continue;
		}
		if (c == 'f') {
			*ret_format = nwb_report_format_find(optarg);
			if (*ret_format >= 0)
				continue;
			fprintf(stderr, "netwb: no report format \"%s\"\n",
				optarg);
		}
		*ret_code = usage(c == 'h');
		return 1;
	}
	if (argc - optind > 1 || (pages && (optind < argc || *ret_base ||
					    *ret_format != NWB_FORMAT_TEXT))) {
		*ret_code = usage(false);
		return 1;
	}
	if (pages) {
		*ret_code = show_pages(pages);
		return 1;
	}
	*ret_dir = optind < argc ? argv[optind] : NULL;
	return 0;
}

int bench_cmd_report(int argc, char **argv)
{
	struct nwb_err err = {0};
	char found[1024];
	const char *dir, *base = NULL;
	int rc, format = NWB_FORMAT_TEXT;

	if (parse(argc, argv, &dir, &base, &format, &rc))
		return rc;
	if (!dir) {
		rc = newest("results", found, sizeof(found));
		if (rc) {
			fprintf(stderr, "netwb: no results in results/; run "
					"`netwb bench` or name a directory\n");
			return NWB_EXIT_BROKEN;
		}
		dir = found;
	}
	rc = base ? nwb_report_write_history(dir, base, &err)
		  : nwb_report_write_all(dir, &err);
	if (!rc)
		rc = show(dir, (enum nwb_report_format)format);
	if (rc)
		fprintf(stderr, "netwb: %s\n",
			err.text[0] ? err.text : strerror(-rc));
	return rc ? NWB_EXIT_BROKEN : NWB_EXIT_OK;
}
