/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One script, two servers: what the fake answers must be what the real server
 * answers, number by number.
 */
#ifndef SAME_H
#define SAME_H

#include "nwb/exec.h"
#include "nwb/fake.h"

#define TRACE_MAX 64

struct trace {
	const char *what[TRACE_MAX];
	long long value[TRACE_MAX];
	unsigned int nr;
};

/* A script: talks to the server behind @d; @export is the 9P aname. */
typedef void (*script_fn)(struct trace *t, struct nwb_exec *ex,
			  struct nwb_dialer *d, const char *export);

void trace_add(struct trace *t, const char *what, long long value);
/* Run it on a fake and on the real server @name; every value must be equal.
 * Skips where servers cannot be started. */
void same_on_both(script_fn script, enum nwb_fake_proto proto,
		  const char *name);

#endif
