/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kind of client: --flavour, --hazard and --retry; what the record of a
 * run says of it, and its series over sessions with it (nwb_series_name()). */
#include "bench_i.h"

#include "nwb/netfs.h"

#include <stdio.h>
#include <string.h>

int bench_set_flavour(struct bench_run_opts *o, const char *value)
{
	int flavour = nwb_flavour_find(value);

	if (flavour < 0)
		return -EINVAL;
	o->flavour = (enum nwb_flavour)flavour;
	return 0;
}

int bench_set_hazards(struct bench_run_opts *o, const char *value,
		      struct nwb_err *err)
{
	return nwb_hazards_parse(value, &o->hazards, &o->no_hazards, err);
}

int bench_set_strategy(struct bench_run_opts *o, const char *value)
{
	int strategy = nwb_retry_strategy_find(value);

	if (strategy < 0)
		return -EINVAL;
	o->strategy = (unsigned int)strategy;
	return 0;
}

/* Each with @sign before it. */
static size_t put_names(uint32_t bits, const char *sign, char *buf, size_t size,
			size_t at)
{
	for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS && at < size; h++)
		if (bits & NWB_HAZARD_BIT(h))
			at += (size_t)snprintf(buf + at, size - at, "%s%sh%u",
					       at ? "," : "", sign, h);
	return at;
}

void bench_hazard_names(uint32_t bits, char *buf, size_t size)
{
	buf[0] = 0;
	(void)put_names(bits, "", buf, size, 0);
}

/* As --hazard takes them. */
static void asked_names(const struct bench_run_opts *o, char *buf, size_t size)
{
	size_t at = put_names(o->hazards, "", buf, size, 0);

	buf[at] = 0;
	(void)put_names(o->no_hazards, "-", buf, size, at);
}

void bench_flavour_record(json_t *rec, const struct bench_run_opts *o,
			  uint32_t fired)
{
	char names[160];

	if (o->strategy)
		json_object_set_new(
			rec, "retry",
			json_string(nwb_retry_strategy_name(
				(enum nwb_retry_strategy)o->strategy)));
	asked_names(o, names, sizeof(names));
	if (names[0])
		json_object_set_new(rec, "hazards", json_string(names));
	if (!o->flavour && !o->hazards)
		return;
	bench_hazard_names(fired, names, sizeof(names));
	json_object_set_new(rec, "flavour",
			    json_string(nwb_flavour_name(o->flavour)));
	json_object_set_new(rec, "hazards_fired", json_string(names));
}

void bench_flavour_args(const struct bench_run_opts *o, char *buf, size_t size)
{
	char names[160];
	int n = 0;

	asked_names(o, names, sizeof(names));
	buf[0] = 0;
	if (o->flavour)
		n = snprintf(buf, size, " --flavour %s",
			     nwb_flavour_name(o->flavour));
	if (names[0])
		n += snprintf(buf + n, size - (size_t)n, " --hazard=%s", names);
	if (o->strategy)
		snprintf(buf + n, size - (size_t)n, " --retry %s",
			 nwb_retry_strategy_name(
				 (enum nwb_retry_strategy)o->strategy));
}
