/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of `netwb latency` that no other command has. */
#include "latency.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	const char *arg; /* NULL: a switch */
	const char *help;
} own[] = {
	{"rate", "R[,R...]", "operations a second, instead of the knee"},
	{"knee", NULL, "find the knee, then take 50, 70, 90 % of it (default)"},
	{"against", "NAME", "side B: another client, at the same rates"},
	{"block", "SIZE", "bytes of one write (default: of the workload)"},
	{"fsync-every", "K",
	 "fsync after every K-th write (default: at the end)"},
	{"ops", "N", "writes of a figure (default 2 s, at least 10000)"},
	{"outstanding", "N", "most writes at a time, 1 to 256 (default 32)"},
	{"poisson", NULL, "exponential gaps, from the seed, not equal ones"},
	{"pairs", "N", "measure each figure N times, interleaved (default 3)"},
};

static int bad(const char *name, const char *value, const char *want)
{
	fprintf(stderr, "netwb: --%s %s: %s\n", name, value, want);
	return -EINVAL;
}

/* K and M are binary, as everywhere. */
static int parse_number(const char *name, const char *value, uint64_t max,
			uint64_t *ret)
{
	unsigned long long v;
	char *end, want[64];

	errno = 0;
	v = strtoull(value, &end, 10);
	if (*end == 'K' || *end == 'M')
		v = v > max ? v : v << (*end++ == 'K' ? 10 : 20);
	snprintf(want, sizeof(want), "a number from 1 to %llu",
		 (unsigned long long)max);
	if (errno || *value < '0' || *value > '9' || *end || !v || v > max)
		return bad(name, value, want);
	*ret = v;
	return 0;
}

static int parse_rates(struct latency_opts *l, const char *value)
{
	char one[32];

	while (*value) {
		size_t n = strcspn(value, ",");

		if (l->nr_rates == LATENCY_RATES)
			return bad("rate", value, "at most 8 rates");
		if (n >= sizeof(one))
			return bad("rate", value, "not a number");
		memcpy(one, value, n);
		one[n] = 0;
		if (parse_number("rate", one, NWB_OPENLOOP_RATE_MAX,
				 &l->rate[l->nr_rates++]))
			return -EINVAL;
		value += n + (value[n] == ',');
	}
	return l->nr_rates ? 0 : bad("rate", value, "no rate");
}

static int set(struct latency_opts *l, const char *name, const char *value)
{
	uint64_t n = 0;
	int rc = 0;

	if (!strcmp(name, "poisson")) {
		l->is_poisson = true;
	} else if (!strcmp(name, "knee")) {
		l->nr_rates = 0;
	} else if (!strcmp(name, "rate")) {
		l->nr_rates = 0;
		rc = parse_rates(l, value);
	} else if (!strcmp(name, "against")) {
		l->against = nwb_subject_kind_find(value);
		if (l->against < 0)
			rc = bad(name, value,
				 "no such subject; see `netwb list`");
	} else if (!strcmp(name, "block")) {
		rc = parse_number(name, value, 16 * NWB_MIB, &n);
		l->block = (uint32_t)n;
	} else if (!strcmp(name, "fsync-every")) {
		rc = parse_number(name, value, 1000000000, &n);
		l->fsync_every = (unsigned int)n;
	} else if (!strcmp(name, "ops")) {
		rc = parse_number(name, value, 100000000, &l->ops);
	} else if (!strcmp(name, "outstanding")) {
		rc = parse_number(name, value, NWB_OPENLOOP_OUT_MAX, &n);
		l->outstanding = (unsigned int)n;
	} else {
		rc = parse_number(name, value, 64, &n);
		l->pairs = (unsigned int)n;
	}
	return rc;
}

void latency_opts_about(const char *about, char *buf, size_t size)
{
	size_t at = (size_t)snprintf(buf, size, "%s\n", about);

	for (size_t i = 0; i < NWB_ARRAY_SIZE(own) && at < size; i++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s %s", own[i].name,
			 own[i].arg ? own[i].arg : "");
		at += (size_t)snprintf(buf + at, size - at, "\n  %-18s %s",
				       left, own[i].help);
	}
	nwb_assert(at < size);
}

/* Is @arg one of ours? @ret_value: what stands behind its =, or NULL. */
static int find_own(const char *arg, const char **ret_value)
{
	size_t n;

	if (strncmp(arg, "--", 2))
		return -1;
	arg += 2;
	n = strcspn(arg, "=");
	*ret_value = arg[n] ? arg + n + 1 : NULL;
	for (size_t i = 0; i < NWB_ARRAY_SIZE(own); i++)
		if (strlen(own[i].name) == n && !strncmp(arg, own[i].name, n))
			return (int)i;
	return -1;
}

int latency_opts_parse(struct latency_opts *l, int argc, char **argv)
{
	static char shape[] = "--workload=seq4k", level[] = "--level=bench";

	*l = (struct latency_opts){
		.outstanding = 32, .pairs = 3, .against = -1};
	l->argv[l->argc++] = argv[0];
	/* what the user says comes later and wins */
	l->argv[l->argc++] = shape;
	l->argv[l->argc++] = level;
	for (int i = 1; i < argc; i++) {
		const char *value;
		int o = find_own(argv[i], &value);

		if (o < 0) {
			if (l->argc + 1 == NWB_ARRAY_SIZE(l->argv))
				return bad("", argv[i], "too many options");
			l->argv[l->argc++] = argv[i];
			continue;
		}
		if (own[o].arg && !value && ++i < argc)
			value = argv[i];
		if (own[o].arg && !value)
			return bad(own[o].name, "", "needs a value");
		if (!own[o].arg && value)
			return bad(own[o].name, value, "takes no value");
		if (set(l, own[o].name, value))
			return -EINVAL;
	}
	l->argv[l->argc] = NULL;
	return 0;
}
