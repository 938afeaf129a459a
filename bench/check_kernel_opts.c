/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of `netwb check --kernel`. */
#include "check_kernel.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char about[] =
	"usage: netwb check --kernel KERNEL [OPTIONS] [SCENARIO...]\n\n"
	"Judge a real kernel's cifs, 9p and FUSE: it boots as a guest beside "
	"the real\nservers, mounts them, writes, and things go wrong.\n\n"
	"  netwb kernel get 7.2 && netwb check --kernel 7.2\n"
	"  netwb check --kernel ~/linux --runs 10 cifs-soft restart\n"
	"  git bisect run netwb check --kernel . --bisect cifs-hard.reset-*\n\n"
	"KERNEL is a series (7.2), a kernel's tree, an image, a package "
	"(`netwb kernel\nlist`), or host: the running kernel's own clients. "
	"SCENARIO is a mount\n(cifs-soft), a fault (restart), or a glob on "
	"both ('9p.re*'); --kernel list\nshows them, and none means the "
	"first set. docs/test-your-kernel.md has more.\n\n";

static const struct {
	struct option opt;
	const char *arg;
	const char *help;
} options[] = {
	{{"kernel", 1, NULL, 'k'}, "KERNEL", "which; list: what can be run"},
	{{"runs", 1, NULL, 'n'}, "N", "each scenario N times (default 1)"},
	{{"mount-options", 1, NULL, 'm'},
	 "LIST",
	 "added to the mount's, as in mount -o"},
	{{"plan", 1, NULL, 'p'}, "FILE", "your own fault plan, on the mounts"},
	{{"expr", 1, NULL, 'e'}, "LINE", "one more line of the plan (-e)"},
	{{"job", 1, NULL, 'j'}, "FILE", "your own job (nwb/guest.h)"},
	{{"seed", 1, NULL, 's'}, "N", "of everything random (default 1)"},
	{{"out", 1, NULL, 'o'},
	 "DIR",
	 "results go to a new directory in DIR (default results)"},
	{{"keep", 0, NULL, 'K'}, "", "a bundle of each run, not of failures"},
	{{"no-trace", 0, NULL, 't'}, "", "no tracepoints in the guest"},
	{{"memory", 1, NULL, 'M'}, "MIB", "of the guest (default 512)"},
	{{"ktap", 0, NULL, 'T'}, "", "KTAP on stdout, the rest on stderr"},
	{{"bisect", 0, NULL, 'b'},
	 "",
	 "exit 0 good, 1 bad, 125 cannot be told, 129 usage"},
	{{"oracles", 1, NULL, 'O'},
	 "LIST",
	 "only what these find is a FAIL (O1,O3), the rest is KNOWN"},
	{{"isolation", 1, NULL, 'i'}, "STEP", "ns or userns (of the servers)"},
	{{"help", 0, NULL, 'h'}, "", "this text"},
};

bool kc_wants(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--kernel") ||
		    !strncmp(argv[i], "--kernel=", 9))
			return true;
	return false;
}

static void help(void)
{
	fputs(about, stdout);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(options); i++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s %s", options[i].opt.name,
			 options[i].arg);
		printf("  %-22s %s\n", left, options[i].help);
	}
	printf("\nExit: 0 passed, 1 failed or vacuous, 2 inconclusive, 3 "
	       "usage, "
	       "77 all skipped.\n");
}

static int bad(const char *opt, const char *value, const char *want)
{
	fprintf(stderr, "netwb: --%s %s: %s\n", opt, value, want);
	return -1;
}

static int number(const char *opt, const char *value, uint64_t min,
		  uint64_t max, uint64_t *ret)
{
	char *end, want[64];
	unsigned long long v;

	errno = 0;
	v = strtoull(value, &end, 10);
	if (!errno && *value >= '0' && *value <= '9' && !*end && v >= min &&
	    v <= max) {
		*ret = v;
		return 0;
	}
	snprintf(want, sizeof(want), "a number, %llu to %llu",
		 (unsigned long long)min, (unsigned long long)max);
	return bad(opt, value, want);
}

static int add(const char **list, unsigned int *nr, unsigned int max,
	       const char *opt, const char *value)
{
	if (*nr == max)
		return bad(opt, value, "too many");
	list[(*nr)++] = value;
	return 0;
}

static int set_number(struct kc_opts *o, int c, const char *value)
{
	uint64_t v;

	switch (c) {
	case 'n':
		if (number("runs", value, 1, KC_RUNS_MAX, &v))
			return -1;
		o->runs = (unsigned int)v;
		return 0;
	case 's':
		return number("seed", value, 0, UINT64_MAX, &o->seed);
	default:
		if (number("memory", value, 128, 65536, &v))
			return -1;
		o->memory = (unsigned int)v;
		return 0;
	}
}

static int set_isolation(struct kc_opts *o, const char *value)
{
	int step = nwb_isolation_find(value);

	if (step < 0 || step == NWB_ISOLATION_NONE)
		return bad("isolation", value,
			   "ns or userns: a guest needs a network of its own");
	o->isolation = (enum nwb_isolation)step;
	return 0;
}

static int set_oracles(struct kc_opts *o, const char *value)
{
	const char *s = value;

	do {
		unsigned long nr;
		char *end = NULL;

		s += *s == 'O' || *s == 'o';
		nr = *s >= '0' && *s <= '9' ? strtoul(s, &end, 10) : 0;
		if (!nr || nr > 15 || (*end && *end != ','))
			return bad("oracles", value,
				   "O1 to O15, by commas (docs/oracles.md)");
		o->oracles |= 1u << nr;
		s = end + (*end == ',');
	} while (*s);
	return 0;
}

static int set(struct kc_opts *o, int c, const char *value)
{
	switch (c) {
	case 'k':
		o->kernel = value;
		return 0;
	case 'm':
		o->mount_options = value;
		return 0;
	case 'p':
		return add(o->plan_files, &o->nr_plan_files,
			   NWB_ARRAY_SIZE(o->plan_files), "plan", value);
	case 'e':
		return add(o->lines, &o->nr_lines, NWB_ARRAY_SIZE(o->lines),
			   "expr", value);
	case 'j':
		o->job = value;
		return 0;
	case 'o':
		o->out = value;
		return 0;
	case 'K':
		o->keep = true;
		return 0;
	case 't':
		o->has_trace = false;
		return 0;
	case 'T':
		o->ktap = true;
		return 0;
	case 'b':
		o->bisect = true;
		return 0;
	case 'i':
		return set_isolation(o, value);
	case 'O':
		return set_oracles(o, value);
	default:
		return set_number(o, c, value);
	}
}

int kc_parse(struct kc_opts *o, int argc, char **argv)
{
	struct option opts[NWB_ARRAY_SIZE(options) + 1] = {0};
	int c;

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(options); i++)
		opts[i] = options[i].opt;
	*o = (struct kc_opts){.runs = 1, .seed = 1, .has_trace = true};
	optind = 1;
	while ((c = getopt_long(argc, argv, "he:", opts, NULL)) != -1) {
		if (c == 'h') {
			help();
			return -2;
		}
		if (c == '?') {
			fprintf(stderr, "netwb: `netwb check --kernel list "
					"--help` lists the options\n");
			return -1;
		}
		if (set(o, c, optarg))
			return -1;
	}
	for (; optind < argc; optind++)
		if (add(o->words, &o->nr_words, NWB_ARRAY_SIZE(o->words),
			"kernel", argv[optind]))
			return -1;
	o->is_listing = !strcmp(o->kernel, "list");
	if (o->mount_options && strpbrk(o->mount_options, " \t\n#"))
		return bad("mount-options", o->mount_options,
			   "no blanks, as in mount -o");
	return 0;
}
