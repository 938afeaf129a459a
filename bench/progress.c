/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Progress of long work on stderr: what runs, done/total, time left. One line
 * that is overwritten on a terminal, a line every ten seconds in a log.
 */
#include "bench_i.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

void bench_progress_start(struct bench_progress *p, unsigned int total)
{
	*p = (struct bench_progress){
		.total = total,
		.t_start = now_ns(),
		.is_tty = isatty(STDERR_FILENO),
	};
}

void bench_progress_step(struct bench_progress *p, const char *what)
{
	uint64_t t = now_ns() - p->t_start;
	uint64_t left = p->done ? t / p->done * (p->total - p->done) : 0;
	char eta[32] = "";

	if (p->done)
		snprintf(eta, sizeof(eta), ", %llu s left",
			 (unsigned long long)(left / NWB_SEC));
	if (p->is_tty)
		fprintf(stderr, "\r\033[K[%u/%u%s] %s", p->done, p->total, eta,
			what);
	else if (t >= p->t_said + 10 * NWB_SEC || !p->done)
		fprintf(stderr, "[%u/%u%s] %s\n", p->done, p->total, eta, what);
	if (t >= p->t_said + 10 * NWB_SEC)
		p->t_said = t;
	p->done++;
}

void bench_progress_end(struct bench_progress *p)
{
	if (p->is_tty)
		fprintf(stderr, "\r\033[K");
	fprintf(stderr, "%u of %u runs in %llu s\n", p->done, p->total,
		(unsigned long long)((now_ns() - p->t_start) / NWB_SEC));
}
