/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A regression on purpose: a gate that was never seen to be red proves
 * nothing. What is planted lies inside the measured window, at the end of each
 * fsync, in proportion to what the stretch since the last one has cost, so that
 * it is the stated share whatever the machine does.
 */
#include "bench_i.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
	struct nwb_subject_ops ops;
	const struct nwb_subject_ops *real;
	struct bench_plant plant;
	struct nwb_server *srv;
	bool is_begun;
	uint64_t cpu_ns, wall_ns; /* at the begin of the stretch */
} the;

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t cpu_ns(void)
{
	uint64_t server = 0;

	if (the.srv && nwb_server_cpu_ns(the.srv, &server))
		server = 0;
	return bench_cpu_ns() + server;
}

static void begin(void)
{
	the.is_begun = true;
	the.wall_ns = clock_ns(CLOCK_MONOTONIC);
	the.cpu_ns = the.plant.cpu > 0 ? cpu_ns() : 0;
}

static void burn(uint64_t ns)
{
	uint64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
		;
}

static void stall(uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / NWB_SEC),
			      .tv_nsec = (long)(ns % NWB_SEC)};

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static ssize_t planted_write(struct nwb_subject *s, const void *buf, size_t len,
			     uint64_t off)
{
	if (!the.is_begun)
		begin();
	return the.real->write(s, buf, len, off);
}

/* After the real one: only then is the cost of the stretch known. */
static int planted_fsync(struct nwb_subject *s)
{
	int rc = the.real->fsync(s);
	uint64_t wall = clock_ns(CLOCK_MONOTONIC) - the.wall_ns;

	if (!the.is_begun)
		return rc;
	if (the.plant.cpu > 0)
		burn((uint64_t)((double)(cpu_ns() - the.cpu_ns) *
				the.plant.cpu));
	if (the.plant.stall > 0)
		stall((uint64_t)((double)wall * the.plant.stall));
	the.is_begun = false; /* a pause may follow; the next write begins */
	return rc;
}

void bench_plant(struct nwb_subject *s, const struct bench_plant *p,
		 struct nwb_server *srv)
{
	if (!(p->cpu > 0) && !(p->stall > 0))
		return;
	memset(&the, 0, sizeof(the));
	the.real = s->ops;
	the.ops = *s->ops;
	the.ops.write = planted_write;
	the.ops.fsync = planted_fsync;
	the.plant = *p;
	the.srv = srv;
	s->ops = &the.ops;
}

int bench_plant_parse(const char *word, struct bench_plant *p)
{
	static const char cpu[] = "cpu=", thr[] = "throughput=-";
	bool is_cpu = !strncmp(word, cpu, sizeof(cpu) - 1);
	bool is_thr = !strncmp(word, thr, sizeof(thr) - 1);
	const char *at = word + (is_cpu ? sizeof(cpu) : sizeof(thr)) - 1;
	unsigned long v;
	char *end;

	if ((!is_cpu && !is_thr) || *at < '0' || *at > '9')
		return -EINVAL;
	v = strtoul(at, &end, 10);
	if (strcmp(end, "%") || !v || v > (is_cpu ? 1000 : 90))
		return -EINVAL;
	if (is_cpu)
		p->cpu = (double)v / 100.0;
	else
		p->stall = 100.0 / (100.0 - (double)v) - 1.0;
	return 0;
}
