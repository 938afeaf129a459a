/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A 9P2000.L client made by hand, which chooses its tags itself. For bodies
 * of nwb_test_exec.h.
 */
#ifndef HAND_9P_H
#define HAND_9P_H

#include "nwb/exec.h"
#include "nwb/p9_pdu.h"

#define HAND_BYTES 131072u

/* @aname: for Tattach, NULL = any. @rsp: last answer; points into @rx. @msize:
 * as negotiated */
struct hand {
	struct nwb_exec *ex;
	struct nwb_sock *sock;
	const char *aname;
	uint32_t msize;
	uint8_t *tx, *rx;
	struct nwb_p9_msg rsp;
};

#define HAND_ROOT 1u
#define HAND_FID  2u

void hand_init(struct hand *h, struct nwb_exec *ex);
void hand_fini(struct hand *h);
int hand_dial(struct hand *h, struct nwb_dialer *d);
/* Send @m; for Twrite m->twrite.count bytes of @fill follow. */
void hand_send(struct hand *h, const struct nwb_p9_msg *m, char fill);
/* Receive one answer; 0, or -1 when the connection ended. */
int hand_recv(struct hand *h);
/* Send @m with tag 1 and receive. Return: 0 or the errno of Rlerror. */
uint32_t hand_call(struct hand *h, struct nwb_p9_msg *m);
/* Tversion and Tattach. */
void hand_attach(struct hand *h, uint32_t msize);
/* Connect, attach, create or open @name as HAND_FID. */
void hand_open(struct hand *h, struct nwb_dialer *d, const char *name);
void hand_write(struct hand *h, uint16_t tag, uint64_t offset, uint32_t count,
		char fill);
void hand_tflush(struct hand *h, uint16_t tag, uint16_t oldtag);
/* Tfsync and its answer. */
uint32_t hand_fsync(struct hand *h);

#endif
