/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tracepoints of the guest's kernel, by tracefs. The clock is CLOCK_MONOTONIC,
 * as that of the channel: the trace's own clock steps by 10 ms in UML.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROOT "/sys/kernel/tracing/"

static struct {
	_Atomic bool is_on;
	_Atomic bool is_ending;
	bool is_live;
	int marker;
	int pipe;
	pthread_t reader;
} trace = {.marker = -1, .pipe = -1};

/* What is there goes to the host. Return: bytes. */
static size_t drain(void)
{
	char buf[8192];
	size_t sum = 0;
	ssize_t n;

	for (;;) {
		n = read(trace.pipe, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return sum;
		out_rec(NWB_CHAN_TRACE, buf, (size_t)n);
		sum += (size_t)n;
	}
}

static void *live(void *arg)
{
	struct pollfd p = {.fd = trace.pipe, .events = POLLIN};

	(void)arg;
	while (!atomic_load(&trace.is_ending)) {
		(void)poll(&p, 1, 50);
		drain();
	}
	return NULL;
}

static void enable(const char *event, const char *to)
{
	char path[256], name[128];
	char *colon;
	int rc;

	snprintf(name, sizeof(name), "%s", event);
	colon = strchr(name, ':');
	if (colon)
		*colon = '/';
	snprintf(path, sizeof(path), ROOT "events/%s/enable", name);
	rc = write_file(path, to);
	if (rc && *to == '1')
		out_say("trace: this kernel has no event \"%s\" (%s)", event,
			strerror(-rc));
}

int trace_on(const struct job_verb *v)
{
	char kb[32];
	int rc = write_file(ROOT "tracing_on", "0");

	if (rc)
		return rc;
	if (atomic_load(&trace.is_on))
		return -EBUSY;
	snprintf(kb, sizeof(kb), "%llu", (unsigned long long)v->nr);
	rc = write_file(ROOT "trace_clock", "mono");
	if (!rc)
		rc = write_file(ROOT "buffer_size_kb", kb);
	if (!rc)
		rc = write_file(ROOT "trace", "");
	if (rc)
		return rc;
	for (unsigned int i = 2; i < v->nr_s; i++)
		enable(v->s[i], "1");
	trace.pipe = open(ROOT "trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	trace.marker = open(ROOT "trace_marker", O_WRONLY | O_CLOEXEC);
	if (trace.pipe < 0)
		return -errno;
	rc = write_file(ROOT "tracing_on", "1");
	if (rc)
		return rc;
	trace.is_live = v->kind == JOB_TRACE_LIVE;
	atomic_store(&trace.is_ending, false);
	atomic_store(&trace.is_on, true);
	if (trace.is_live && pthread_create(&trace.reader, NULL, live, NULL))
		trace.is_live = false;
	return 0;
}

void trace_off(void)
{
	if (!atomic_exchange(&trace.is_on, false))
		return;
	(void)write_file(ROOT "tracing_on", "0");
	atomic_store(&trace.is_ending, true);
	if (trace.is_live)
		pthread_join(trace.reader, NULL);
	drain();
	(void)write_file(ROOT "events/enable", "0");
	close(trace.pipe);
	if (trace.marker >= 0)
		close(trace.marker);
	trace.pipe = trace.marker = -1;
}

void trace_mark(char what, const struct nwb_chan_op *op)
{
	char line[160];
	int n;

	if (!atomic_load(&trace.is_on) || trace.marker < 0)
		return;
	n = snprintf(line, sizeof(line),
		     "nwb: %c id=%u op=%s file=%u off=%llu len=%llu r=%lld\n",
		     what, op->id, nwb_chan_op_name(op->op), op->file,
		     (unsigned long long)op->off, (unsigned long long)op->len,
		     (long long)op->result);
	if (write(trace.marker, line, (size_t)n) < 0)
		return; /* the record on the channel is what counts */
}
