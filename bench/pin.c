/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See pin.h. */
#include "pin.h"

#include <errno.h>
#include <string.h>

/* The first or the second half of @all. */
static cpu_set_t half_of(const cpu_set_t *all, bool is_second)
{
	int nr = CPU_COUNT(all), first = nr / 2, seen = 0;
	cpu_set_t half;

	CPU_ZERO(&half);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, all))
			continue;
		if ((seen++ >= first) == is_second)
			CPU_SET(i, &half);
	}
	return half;
}

static int go(const cpu_set_t *set, struct nwb_err *err)
{
	if (!sched_setaffinity(0, sizeof(*set), set))
		return 0;
	return nwb_err_set(err, -errno, "--pin: %s", strerror(errno));
}

int bench_pin_server(struct bench_pin *ret, struct nwb_err *err)
{
	struct bench_pin p = {.is_on = true};
	cpu_set_t half;
	int rc;

	if (sched_getaffinity(0, sizeof(p.all), &p.all))
		return nwb_err_set(err, -errno, "--pin: %s", strerror(errno));
	if (CPU_COUNT(&p.all) < 2)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "--pin: server and client need a CPU each, "
				   "and only one is allowed here");
	half = half_of(&p.all, false);
	rc = go(&half, err);
	if (!rc)
		*ret = p;
	return rc;
}

int bench_pin_client(const struct bench_pin *p, struct nwb_err *err)
{
	cpu_set_t half;

	if (!p->is_on)
		return 0;
	half = half_of(&p->all, true);
	return go(&half, err);
}

void bench_pin_none(struct bench_pin *p)
{
	if (p->is_on)
		(void)go(&p->all, NULL);
	p->is_on = false;
}
