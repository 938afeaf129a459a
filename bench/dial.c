/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way of a client in this process to a real server. */
#include "bench_i.h"

#include <string.h>

static int dial_to(struct nwb_dialer *d, struct nwb_exec *ex, uint32_t addr,
		   struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct bench_dialer *b =
		nwb_container_of(d, struct bench_dialer, dialer);
	int fd, rc = nwb_server_dial_to(b->srv, addr, &fd, err);

	if (rc)
		return rc;
	rc = nwb_sock_from_fd(ex, fd, ret_sock);
	return rc ? nwb_err_set(err, rc, "socket: %s", strerror(-rc)) : 0;
}

static int dial(struct nwb_dialer *d, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	return dial_to(d, ex, NWB_SERVER_ADDR, ret_sock, err);
}

void bench_dialer_init(struct bench_dialer *b, struct nwb_server *srv)
{
	b->srv = srv;
	b->dialer = (struct nwb_dialer){
		.dial = dial,
		.dial_to = dial_to,
		.addr = NWB_SERVER_ADDR,
	};
}
