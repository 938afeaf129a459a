/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb kernel: the kernels that can be judged; see nwb/kernel.h. */
#include "bench_i.h"

#include "kernel_record.h"
#include "nwb/kernel.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int usage(FILE *out)
{
	fprintf(out,
		"usage: netwb kernel get SERIES... [--source] [--update]\n"
		"       netwb kernel build TREE [-j N] [--kasan]\n"
		"       netwb kernel list [--json]\n"
		"       netwb kernel show WORD\n"
		"       netwb kernel remove NAME...\n"
		"       netwb kernel record WORD [WORKLOAD...]\n"
		"       netwb kernel trace show|steps|diff FILE...\n"
		"\n"
		"Kernels for `netwb check --kernel WORD`. They are kept in\n"
		"$XDG_CACHE_HOME/netwb/kernel (~/.cache/netwb/kernel); nothing "
		"is installed,\nand no root is needed.\n\n"
		"get     the distribution's kernel of a series (6.12, 7.2), "
		"through apt from the\n        archives that this machine's "
		"apt knows, and their backports of bookworm\n        and "
		"trixie; runs in QEMU. --source: the source package, unpacked: "
		"a tree.\n        --update: ask for a newer one of what is "
		"there.\n"
		"build   a tree as User Mode Linux, beside it and "
		"incrementally; with KASAN in a\n        build of its own.\n"
		"list    what is there: name, how it runs, release, size, "
		"age.\n"
		"show    what a WORD means: 6.12 or 7.2 (got), 7.2-uml "
		"(built), a name of the\n        list, a tree (built first), "
		"an image of UML, a file X.deb, host.\n"
		"remove  take it out of the cache; a tree of your own is never "
		"touched.\n"
		"record  boot it, keep traces of its writeback; see record "
		"--help.\n"
		"trace   look at such traces, compare them; see trace "
		"--help.\n\n"
		"Exit: 0 done, 2 it could not be done, 3 bad usage.\n");
	return out == stdout ? NWB_EXIT_OK : NWB_EXIT_USAGE;
}

/* --- progress ------------------------------------------------------------- */

struct progress {
	char said[256];
	time_t when;
	bool is_tty, is_open;
};

/* A line that is overwritten on a terminal; in a log one for each step, and one
 * every ten seconds. */
static void say(void *arg, const char *step, int percent)
{
	struct progress *p = arg;
	size_t head = strcspn(step, ":");
	bool is_new = strncmp(step, p->said, head) != 0;
	time_t now = time(NULL);
	char tail[16] = "";

	if (percent >= 0)
		snprintf(tail, sizeof(tail), ", %d %%", percent);
	if (p->is_tty && (is_new || now != p->when))
		fprintf(stderr, "\r\033[K%s%s", step, tail);
	else if (!p->is_tty && (is_new || now >= p->when + 10))
		fprintf(stderr, "netwb: %s%s\n", step, tail);
	else
		return;
	p->is_open = p->is_tty;
	p->when = now;
	snprintf(p->said, sizeof(p->said), "%s", step);
}

static void progress_end(struct progress *p)
{
	if (p->is_open)
		fprintf(stderr, "\r\033[K");
	p->is_open = false;
	p->said[0] = 0;
}

static struct progress shown;
static const struct nwb_kernel_progress progress = {say, &shown};

static int broken(const struct nwb_err *err)
{
	progress_end(&shown);
	fprintf(stderr, "netwb: %s\n", err->text);
	return err->code == -EINVAL ? NWB_EXIT_USAGE : NWB_EXIT_BROKEN;
}

/* --- telling -------------------------------------------------------------- */

static const struct {
	uint32_t has;
	const char *name;
} facts[] = {
	{NWB_KERNEL_HAS_CIFS, "cifs"},
	{NWB_KERNEL_HAS_9P, "9p"},
	{NWB_KERNEL_HAS_FUSE, "fuse"},
	{NWB_KERNEL_HAS_NETFS, "netfs"},
	{NWB_KERNEL_HAS_TRACE, "tracepoints"},
	{NWB_KERNEL_HAS_FSSTATS, "netfs-stats"},
	{NWB_KERNEL_HAS_KASAN, "kasan"},
	{NWB_KERNEL_HAS_LOCKDEP, "lockdep"},
	{NWB_KERNEL_HAS_SMP, "smp"},
	{NWB_KERNEL_HAS_HUNGTASK, "hung-task"},
};

static void tell_size(uint64_t bytes, char *buf, size_t size)
{
	snprintf(buf, size, "%.0f MiB", (double)bytes / (double)NWB_MIB);
}

static void tell_age(int64_t made, char *buf, size_t size)
{
	int64_t s = (int64_t)time(NULL) - made;

	if (!made)
		snprintf(buf, size, "-");
	else if (s < 7200)
		snprintf(buf, size, "%lld min",
			 (long long)(s < 0 ? 0 : s / 60));
	else if (s < 172800)
		snprintf(buf, size, "%lld h", (long long)(s / 3600));
	else
		snprintf(buf, size, "%lld d", (long long)(s / 86400));
}

static void show(const struct nwb_kernel *k)
{
	char bytes[32], age[32];

	tell_size(k->size, bytes, sizeof(bytes));
	tell_age(k->made, age, sizeof(age));
	printf("%s: Linux %s, %s\n", k->name, k->release,
	       nwb_kernel_kind_name(k->kind));
	printf("  from     %s\n", k->from);
	if (k->image[0])
		printf("  image    %s\n", k->image);
	if (k->modules[0])
		printf("  modules  %s\n", k->modules);
	printf("  flavour  %s\n  has     ", k->flavour);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(facts); i++)
		if (k->has & facts[i].has)
			printf(" %s", facts[i].name);
	printf("%s\n",
	       k->is_config_known ? "" : " (its configuration is not known)");
	if (k->size)
		printf("  size     %s, made %s ago\n", bytes, age);
}

/* The programs that the lane of a kernel needs beside it. */
static void tell_needs(const struct nwb_kernel *k)
{
	if (k->kind == NWB_KERNEL_QEMU &&
	    access("/usr/bin/qemu-system-x86_64", X_OK))
		fprintf(stderr, "netwb: to boot it, qemu-system-x86_64 is "
				"needed: apt-get install qemu-system-x86\n");
}

/* --- get, build ----------------------------------------------------------- */

static int get_one(const char *series, bool source, bool update)
{
	struct nwb_kernel *k = calloc(1, sizeof(*k));
	struct nwb_err err = {0};
	char tree[4096];
	int rc;

	if (!k)
		return NWB_EXIT_BROKEN;
	if (source) {
		rc = nwb_kernel_get_source(series, update, &progress, tree,
					   sizeof(tree), &err);
		progress_end(&shown);
		if (!rc)
			printf("%s\n", tree);
	} else {
		rc = nwb_kernel_get(series, update, &progress, k, &err);
		progress_end(&shown);
		if (!rc) {
			show(k);
			tell_needs(k);
		}
	}
	free(k);
	return rc ? broken(&err) : NWB_EXIT_OK;
}

static int cmd_get(int argc, char **argv)
{
	static const struct option options[] = {{"source", 0, NULL, 's'},
						{"update", 0, NULL, 'u'},
						{"help", 0, NULL, 'h'},
						{0}};
	bool source = false, update = false;
	int c, code = NWB_EXIT_OK;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (c == 's')
			source = true;
		else if (c == 'u')
			update = true;
		else
			return usage(c == 'h' ? stdout : stderr);
	}
	if (optind == argc)
		return usage(stderr);
	for (; optind < argc && !code; optind++)
		code = get_one(argv[optind], source, update);
	return code;
}

static int cmd_build(int argc, char **argv)
{
	static const struct option options[] = {{"kasan", 0, NULL, 'k'},
						{"jobs", 1, NULL, 'j'},
						{"help", 0, NULL, 'h'},
						{0}};
	struct nwb_kernel_build b = {0};
	struct nwb_err err = {0};
	struct nwb_kernel *k;
	unsigned long jobs;
	char *end;
	int c, rc;

	while ((c = getopt_long(argc, argv, "hj:", options, NULL)) >= 0) {
		switch (c) {
		case 'k':
			b.kasan = true;
			break;
		case 'j':
			jobs = strtoul(optarg, &end, 10);
			if (*end || jobs < 1 || jobs > 1024) {
				fprintf(stderr,
					"netwb: -j %s: not a number "
					"of 1 to 1024\n",
					optarg);
				return NWB_EXIT_USAGE;
			}
			b.jobs = (unsigned int)jobs;
			break;
		default:
			return usage(c == 'h' ? stdout : stderr);
		}
	}
	if (optind + 1 != argc)
		return usage(stderr);
	k = calloc(1, sizeof(*k));
	if (!k)
		return NWB_EXIT_BROKEN;
	rc = nwb_kernel_build(argv[optind], &b, &progress, k, &err);
	progress_end(&shown);
	if (!rc) {
		show(k);
		printf("  built in %.0f s, log %s\n", b.seconds, b.log);
	}
	free(k);
	return rc ? broken(&err) : NWB_EXIT_OK;
}

/* --- list, show, remove --------------------------------------------------- */

static int list_line(void *arg, const struct nwb_kernel *k)
{
	char bytes[32], age[32];

	tell_size(k->size, bytes, sizeof(bytes));
	tell_age(k->made, age, sizeof(age));
	printf("%-32s %-5s %-26s %9s %8s  %s\n", k->name,
	       nwb_kernel_kind_name(k->kind), k->release, bytes, age, k->from);
	++*(unsigned int *)arg;
	return 0;
}

static int source_line(void *arg, const char *name, const char *path,
		       int64_t made)
{
	char bytes[32], age[32];

	tell_size(nwb_kernel_size(path), bytes, sizeof(bytes));
	tell_age(made, age, sizeof(age));
	printf("%-32s %-5s %-26s %9s %8s  %s\n", name, "tree", "-", bytes, age,
	       path);
	++*(unsigned int *)arg;
	return 0;
}

static int list_json(void *arg, const struct nwb_kernel *k)
{
	json_t *has = json_array(), *o;

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(facts); i++)
		if (k->has & facts[i].has)
			json_array_append_new(has, json_string(facts[i].name));
	o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:b,s:I,s:I}", "name",
		      k->name, "kind", nwb_kernel_kind_name(k->kind), "release",
		      k->release, "flavour", k->flavour, "image", k->image,
		      "modules", k->modules, "from", k->from, "has", has,
		      "config_known", k->is_config_known, "size_bytes",
		      (json_int_t)k->size, "made", (json_int_t)k->made);
	return json_array_append_new(arg, o) ? -ENOMEM : 0;
}

static int source_json(void *arg, const char *name, const char *path,
		       int64_t made)
{
	json_t *o = json_pack("{s:s,s:s,s:s,s:I,s:I}", "name", name, "kind",
			      "tree", "path", path, "size_bytes",
			      (json_int_t)nwb_kernel_size(path), "made",
			      (json_int_t)made);

	return json_array_append_new(arg, o) ? -ENOMEM : 0;
}

static int cmd_list(int argc, char **argv)
{
	bool json = argc == 2 && !strcmp(argv[1], "--json");
	struct nwb_err err = {0};
	unsigned int nr = 0;
	json_t *all;
	int rc;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return usage(stdout);
	if (argc > 1 && !json)
		return usage(stderr);
	if (!json) {
		rc = nwb_kernel_list(list_line, &nr, &err);
		if (!rc)
			rc = nwb_kernel_list_sources(source_line, &nr, &err);
		if (!rc && !nr)
			printf("no kernel is there; `netwb kernel get 7.2` "
			       "gets one\n");
		return rc ? broken(&err) : NWB_EXIT_OK;
	}
	all = json_array();
	rc = nwb_kernel_list(list_json, all, &err);
	if (!rc)
		rc = nwb_kernel_list_sources(source_json, all, &err);
	if (!rc && json_dumpf(all, stdout, JSON_INDENT(2)))
		rc = nwb_err_set(&err, -EIO, "the list cannot be written");
	printf("\n");
	json_decref(all);
	return rc ? broken(&err) : NWB_EXIT_OK;
}

static int cmd_show(int argc, char **argv)
{
	struct nwb_err err = {0};
	struct nwb_kernel *k;
	int rc;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return usage(stdout);
	if (argc != 2 || argv[1][0] == '-')
		return usage(stderr);
	k = calloc(1, sizeof(*k));
	if (!k)
		return NWB_EXIT_BROKEN;
	rc = nwb_kernel_resolve(argv[1], NULL, &progress, k, &err);
	progress_end(&shown);
	if (!rc)
		show(k);
	free(k);
	return rc ? broken(&err) : NWB_EXIT_OK;
}

static int cmd_remove(int argc, char **argv)
{
	struct nwb_err err = {0};
	int rc = 0;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return usage(stdout);
	if (argc < 2)
		return usage(stderr);
	for (int i = 1; i < argc && !rc; i++)
		rc = nwb_kernel_remove(argv[i], &err);
	return rc ? broken(&err) : NWB_EXIT_OK;
}

int bench_cmd_kernel(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*fn)(int argc, char **argv);
	} verbs[] = {
		{"get", cmd_get},
		{"build", cmd_build},
		{"list", cmd_list},
		{"show", cmd_show},
		{"remove", cmd_remove},
		{"record", bench_kernel_record},
		{"trace", bench_kernel_trace},
	};

	shown.is_tty = isatty(STDERR_FILENO);
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return usage(stdout);
	for (unsigned int i = 0; argc > 1 && i < NWB_ARRAY_SIZE(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].fn(argc - 1, argv + 1);
	if (argc > 1)
		fprintf(stderr, "netwb: no command \"kernel %s\"\n", argv[1]);
	return usage(stderr);
}
