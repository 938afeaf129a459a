/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb explain: the life of a byte, from a ledger that was kept. */
#include "bench_i.h"

#include "nwb/explain.h"
#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEDGER_END ".ledger"

static const char about[] =
	"usage: netwb explain RUN --at FILE:OFFSET\n\n"
	"Tell the life of one byte from a kept ledger: who wrote it, when it\n"
	"was sent, applied, acked, sent again or given up, which faults and\n"
	"fsyncs concern it. RUN is a ledger (netwb run --ledger FILE), or the\n"
	"results directory of a run that failed. OFFSET may end in K, M, G.\n"
	"When the client was a kernel, its tracepoints and counters follow.\n\n"
	"  netwb explain run.ledger --at netwb.dat:4M\n";

static int usage(const char *what)
{
	fprintf(stderr, "netwb: explain: %s; see `netwb explain --help`\n",
		what);
	return NWB_EXIT_USAGE;
}

/* FILE:OFFSET; @at is cut at its last colon. */
static int parse_at(char *at, uint64_t *ret_off)
{
	char *colon = strrchr(at, ':'), *end;
	unsigned int shift = 0;
	unsigned long long v;

	if (!colon || colon == at || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(colon + 1, &end, 0);
	if (*end == 'K' || *end == 'M' || *end == 'G') {
		shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 30;
		end++;
	}
	if (errno || *end || v > UINT64_MAX >> shift)
		return -EINVAL;
	*colon = '\0';
	*ret_off = v << shift;
	return 0;
}

/* A directory must hold exactly one ledger; several are listed. */
static int find_ledger(const char *dir, char *path, size_t size,
		       struct nwb_err *err)
{
	size_t end = strlen(LEDGER_END), len;
	unsigned int nr = 0;
	struct dirent *de;
	DIR *d = opendir(dir);

	if (!d)
		return nwb_err_set(err, -errno, "%s: %s", dir, strerror(errno));
	while ((de = readdir(d)) != NULL) {
		len = strlen(de->d_name);
		if (len <= end || strcmp(de->d_name + len - end, LEDGER_END))
			continue;
		if (nr)
			fprintf(stderr, "%s%s\n", nr == 1 ? path : "",
				nr == 1 ? "" : path);
		snprintf(path, size, "%s/%s", dir, de->d_name);
		nr++;
	}
	closedir(d);
	if (nr > 1) {
		fprintf(stderr, "%s\n", path);
		return nwb_err_set(err, -EINVAL,
				   "%s has %u ledgers: name one of them", dir,
				   nr);
	}
	if (!nr)
		return nwb_err_set(err, -ENOENT,
				   "%s has no ledger: they are kept for runs "
				   "that fail, and with --ledger",
				   dir);
	return 0;
}

/* @path: gets its name. */
static int open_ledger(const char *run, char *path, size_t size,
		       struct nwb_ledger *ret, struct nwb_err *err)
{
	struct stat st;
	int fd, rc;

	snprintf(path, size, "%s", run);
	if (!stat(run, &st) && S_ISDIR(st.st_mode)) {
		rc = find_ledger(run, path, size, err);
		if (rc)
			return rc;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return nwb_err_set(err, -errno, "%s: %s", path,
				   strerror(errno));
	rc = nwb_ledger_map(fd, false, ret);
	close(fd);
	if (rc)
		return nwb_err_set(err, rc, "%s: %s", path,
				   rc == -EINVAL ? "not a ledger of this "
						   "version, or cut short"
						 : strerror(-rc));
	return 0;
}

static void put(void *arg, const char *line)
{
	(void)arg;
	puts(line);
}

static int explain(const char *run, const char *file, uint64_t off)
{
	struct nwb_err err = {0};
	struct nwb_ledger l;
	char path[4200];
	int rc = open_ledger(run, path, sizeof(path), &l, &err), id;

	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return NWB_EXIT_USAGE;
	}
	id = nwb_explain_file(&l, file, &err);
	rc = id < 0 ? id : nwb_explain(&l, (uint16_t)id, off, put, NULL, &err);
	nwb_ledger_unmap(&l);
	if (rc)
		fprintf(stderr, "netwb: %s: %s\n", run, err.text);
	if (!rc)
		return bench_explain_kernel(path, off);
	return rc == -ENOMEM ? NWB_EXIT_BROKEN : NWB_EXIT_USAGE;
}

int bench_cmd_explain(int argc, char **argv)
{
	static const struct option opts[] = {
		{"at", 1, NULL, 'a'}, {"help", 0, NULL, 'h'}, {0}};
	char *at = NULL;
	uint64_t off;
	int opt;

	optind = 1;
	while ((opt = getopt_long(argc, argv, "h", opts, NULL)) != -1) {
		if (opt == 'h') {
			fputs(about, stdout);
			return NWB_EXIT_OK;
		}
		if (opt != 'a')
			return usage("wrong option");
		at = optarg;
	}
	if (argc - optind != 1)
		return usage("it takes one RUN");
	if (!at)
		return usage("which byte? --at FILE:OFFSET");
	if (parse_at(at, &off))
		return usage("--at takes FILE:OFFSET, as netwb.dat:4M");
	return explain(argv[optind], at, off);
}
