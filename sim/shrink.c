/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Less of the same: operations in runs of a half, a quarter, ... one; faults
 * one by one; lengths halved. Whatever still fails is kept, until nothing
 * single can be left out any more (delta debugging, ddmin without its
 * complements: plans are short).
 */
#include "sim_i.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HALVE_MAX  8u
#define ROUNDS_MAX 8u

struct shrink {
	struct nwb_sim_cut *cut;
	nwb_sim_fails_fn fails;
	void *arg;
	unsigned int asked;
};

static bool try_cut(struct shrink *s, const struct nwb_sim_cut *less)
{
	s->asked++;
	if (!s->fails(s->arg, less))
		return false;
	*s->cut = *less;
	return true;
}

static bool is_out(const struct nwb_sim_cut *cut, unsigned int i)
{
	return cut->ops[i / 64] >> (i % 64) & 1;
}

/* Leave out runs of @len operations. Return: was there progress? */
static bool less_ops(struct shrink *s, unsigned int nr, unsigned int len)
{
	bool progress = false;

	for (unsigned int from = 0; from < nr; from += len) {
		struct nwb_sim_cut less = *s->cut;
		bool is_new = false;

		for (unsigned int i = from; i < nwb_min(from + len, nr); i++) {
			is_new |= !is_out(&less, i);
			less.ops[i / 64] |= 1ull << (i % 64);
		}
		if (is_new)
			progress |= try_cut(s, &less);
	}
	return progress;
}

static bool less_faults(struct shrink *s, unsigned int nr)
{
	bool progress = false;

	for (unsigned int i = 0; i < nr; i++) {
		struct nwb_sim_cut less = *s->cut;

		if (less.faults >> i & 1)
			continue;
		less.faults |= 1u << i;
		progress |= try_cut(s, &less);
	}
	return progress;
}

static bool shorter(struct shrink *s)
{
	struct nwb_sim_cut less = *s->cut;

	if (less.halve >= HALVE_MAX)
		return false;
	less.halve++;
	return try_cut(s, &less);
}

unsigned int nwb_sim_shrink(uint64_t seed, struct nwb_sim_cut *cut,
			    nwb_sim_fails_fn fails, void *arg)
{
	struct shrink s = {.cut = cut, .fails = fails, .arg = arg};
	unsigned int nr = nwb_sim_nr_ops(seed);
	unsigned int nr_faults = nwb_sim_nr_faults(seed);
	bool progress = true;

	for (unsigned int round = 0; progress && round < ROUNDS_MAX; round++) {
		progress = false;
		for (unsigned int len = (nr + 1) / 2; len;
		     len = len > 1 ? (len + 1) / 2 : 0)
			progress |= less_ops(&s, nr, len);
		progress |= less_faults(&s, nr_faults);
		while (shorter(&s))
			progress = true;
	}
	return s.asked;
}

/* --- as options ----------------------------------------------------------- */

static size_t print_list(char *buf, size_t size, const uint64_t *bits,
			 unsigned int nr)
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned int i = 0; i < nr && len + 12 < size; i++) {
		unsigned int to = i;

		if (!(bits[i / 64] >> (i % 64) & 1))
			continue;
		while (to + 1 < nr &&
		       (bits[(to + 1) / 64] >> ((to + 1) % 64) & 1))
			to++;
		len += (size_t)snprintf(buf + len, size - len,
					to > i ? "%s%u-%u" : "%s%u",
					len ? "," : "", i, to);
		i = to;
	}
	return len;
}

void nwb_sim_cut_print(const struct nwb_sim_cut *cut, char *buf, size_t size)
{
	uint64_t faults = cut->faults;
	char list[700];
	size_t len = 0;

	buf[0] = '\0';
	if (print_list(list, sizeof(list), cut->ops, NWB_SIM_OPS))
		len += (size_t)snprintf(buf, size, " --drop-ops %s", list);
	if (len < size && print_list(list, sizeof(list), &faults, 32))
		len += (size_t)snprintf(buf + len, size - len,
					" --drop-faults %s", list);
	if (len < size && cut->halve)
		(void)snprintf(buf + len, size - len, " --halve %u",
			       cut->halve);
}

int nwb_sim_cut_parse(const char *list, unsigned int max, uint64_t *bits)
{
	const char *at = list;

	while (*at) {
		unsigned long from, to;
		char *end;

		if (*at < '0' || *at > '9')
			return -EINVAL;
		from = to = strtoul(at, &end, 10);
		if (*end == '-') {
			at = end + 1;
			if (*at < '0' || *at > '9')
				return -EINVAL;
			to = strtoul(at, &end, 10);
		}
		if (from > to || to >= max)
			return -EINVAL;
		for (unsigned long i = from; i <= to; i++)
			bits[i / 64] |= 1ull << (i % 64);
		if (*end && *end != ',')
			return -EINVAL;
		at = *end ? end + 1 : end;
	}
	return at == list ? -EINVAL : 0;
}
