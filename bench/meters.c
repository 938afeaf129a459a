/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See meters.h. */
#include "meters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345", in microseconds */
static uint64_t read_psi(void)
{
	FILE *f = fopen("/proc/pressure/cpu", "re");
	unsigned long long us = 0;
	int n;

	if (!f)
		return UINT64_MAX;
	n = fscanf(f, "some avg10=%*f avg60=%*f avg300=%*f total=%llu", &us);
	fclose(f);
	return n == 1 ? us * 1000 : UINT64_MAX;
}

/* "cpu  user nice system idle iowait irq softirq steal ...", in ticks */
static uint64_t read_steal(void)
{
	FILE *f = fopen("/proc/stat", "re");
	long hz = sysconf(_SC_CLK_TCK);
	unsigned long long ticks = 0;
	int n;

	if (!f)
		return UINT64_MAX;
	n = fscanf(f, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &ticks);
	fclose(f);
	return n == 1 && hz > 0 ? ticks * (1000000000ull / (uint64_t)hz)
				: UINT64_MAX;
}

void bench_meters_read(struct bench_meters *ret_m)
{
	struct rusage ru = {0};
	struct timespec ts;

	getrusage(RUSAGE_SELF, &ru);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	*ret_m = (struct bench_meters){
		.wall_ns = (uint64_t)ts.tv_sec * 1000000000ull +
			   (uint64_t)ts.tv_nsec,
		.psi_ns = read_psi(),
		.steal_ns = read_steal(),
		.majflt = (uint64_t)ru.ru_majflt,
		.nivcsw = (uint64_t)ru.ru_nivcsw,
	};
}

static uint64_t less(uint64_t now, uint64_t then)
{
	if (now == UINT64_MAX || then == UINT64_MAX)
		return UINT64_MAX;
	return now > then ? now - then : 0;
}

/* What the file says of the stretch of @m, whose length is known. */
static void believe(const char *path, struct bench_meters *m)
{
	FILE *f = fopen(path, "re");
	char word[16];
	double v;

	m->psi_ns = m->steal_ns = UINT64_MAX;
	m->majflt = 0;
	while (f && fscanf(f, "%15s %lf", word, &v) == 2) {
		double ns = v * (double)m->wall_ns;

		if (!(v >= 0) || ns > 1e18)
			continue;
		if (!strcmp(word, "psi"))
			m->psi_ns = (uint64_t)ns;
		else if (!strcmp(word, "steal"))
			m->steal_ns = (uint64_t)ns;
		else if (!strcmp(word, "majflt"))
			m->majflt = (uint64_t)v;
	}
	if (f)
		fclose(f);
}

void bench_meters_since(struct bench_meters *m)
{
	const char *path = getenv("NWB_METERS");
	struct bench_meters now;

	bench_meters_read(&now);
	m->wall_ns = less(now.wall_ns, m->wall_ns);
	m->psi_ns = less(now.psi_ns, m->psi_ns);
	m->steal_ns = less(now.steal_ns, m->steal_ns);
	m->majflt = less(now.majflt, m->majflt);
	m->nivcsw = less(now.nivcsw, m->nivcsw);
	if (path)
		believe(path, m);
}
