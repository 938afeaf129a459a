/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A port of the host's loopback that leads to a server inside.
 *
 *	client ──► 127.0.0.1:PORT ══ relay ══► server, in its namespace
 *
 * One thread, bytes untouched. A reset on one side becomes a reset on the
 * other, an orderly end an orderly end. What is not the host's own loopback is
 * refused: a server that is broken on purpose is nobody else's business.
 */
#ifndef NWB_BENCH_RELAY_H
#define NWB_BENCH_RELAY_H

#include "bench_i.h"
#include <sys/socket.h>

struct bench_relay;

struct bench_relay_opts {
	/* Connect to the server: the connection's fd, the relay's from now on;
	 * or negative errno. On the relay's thread. */
	int (*dial)(void *arg);
	void *arg;
};

/**
 * bench_relay_address() - read "[ADDR:]PORT".
 * @ret_sa: a loopback address; PORT 0 = any
 * Return: 0; -EINVAL: it is no address; -EPERM: it is not loopback.
 */
int bench_relay_address(const char *text, struct sockaddr_storage *ret_sa,
			struct nwb_err *err) nwb_must_check;
/** bench_relay_start() - listen, and carry bytes from now on. */
int bench_relay_start(const struct sockaddr_storage *sa,
		      const struct bench_relay_opts *o,
		      struct bench_relay **ret_r,
		      struct nwb_err *err) nwb_must_check;
/** bench_relay_name() - "127.0.0.1:PORT" as it came to be. */
const char *bench_relay_name(const struct bench_relay *r);
/** bench_relay_stop() - all connections are reset. NULL is fine. */
void bench_relay_stop(struct bench_relay *r);

#endif
