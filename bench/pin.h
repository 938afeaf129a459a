/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs of their own for server and client, so that the two runs of a pair
 * differ in what is compared and not in where they came to lie: the CPUs of a
 * shared machine are not equally fast, for each has another neighbour.
 *
 *	allowed here:  0 1 2 3 ... n-1
 *	               '-----' '-----'
 *	               server  client (its threads are made after the server)
 *
 * A task inherits the CPUs of who made it: the caller becomes the server's
 * while it starts it, then the client's.
 */
#ifndef NWB_BENCH_PIN_H
#define NWB_BENCH_PIN_H

#include "nwb/err.h"

#include <sched.h>

struct bench_pin {
	bool is_on;
	cpu_set_t all;
};

/**
 * bench_pin_server() - from here on the caller, and whom it makes, run on the
 * first half of the CPUs that it may use.
 * @ret: what was there before; to be given to the other two
 *
 * Return: 0; -EOPNOTSUPP: fewer than two CPUs are allowed here; negative errno.
 */
int bench_pin_server(struct bench_pin *ret, struct nwb_err *err) nwb_must_check;
/** bench_pin_client() - and from here on, on the other half. Nothing without
 * bench_pin_server() before it. */
int bench_pin_client(const struct bench_pin *p,
		     struct nwb_err *err) nwb_must_check;
/** bench_pin_none() - on all of them again. */
void bench_pin_none(struct bench_pin *p);

#endif
