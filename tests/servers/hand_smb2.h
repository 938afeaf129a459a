/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An SMB2 client made by hand: it decides every MessageId and charge itself,
 * so that it can break the rules. For bodies of nwb_test_exec.h.
 */
#ifndef HAND_SMB2_H
#define HAND_SMB2_H

#include "nwb/exec.h"
#include "nwb/smb2_pdu.h"

#define HAND_BYTES (2 * 1024 * 1024)

enum hand_login {
	HAND_ANONYMOUS,
	HAND_GUEST, /* NTLM with a user whom nobody knows */
	HAND_TEST,  /* one token that only the fake takes */
};

/**
 * struct hand - @mid: of the next request; @ask: CreditRequest of the next
 * requests; @credits: held as a client counts them; @rsp, @rsp_len: response
 * at @rx
 */
struct hand {
	struct nwb_exec *ex;
	struct nwb_sock *sock;
	uint64_t mid;
	uint16_t ask;
	int credits;
	enum hand_login login;
	uint64_t sid;
	uint32_t tid;
	struct nwb_smb2_fid fid;
	uint8_t *tx, *rx;
	struct nwb_smb2_hdr rsp;
	size_t rsp_len;
};

void hand_init(struct hand *h, struct nwb_exec *ex);
void hand_fini(struct hand *h);
/* Connect; 0 or negative errno. A second time: anew. */
int hand_dial(struct hand *h, struct nwb_dialer *d);
/* Send the @len bytes of PDU that stand at @tx + 4. Counts @mid on. */
void hand_send(struct hand *h, unsigned int command, int len, uint16_t charge);
/* Receive one response; 0, or -1 when the connection ended. */
int hand_recv(struct hand *h);
/* NEGOTIATE, two SESSION_SETUPs, TREE_CONNECT; all must succeed. */
void hand_login(struct hand *h, uint64_t previous);
/* CREATE (open or make) and keep the fid. Return: NTSTATUS. */
uint32_t hand_create(struct hand *h, const char *name);
/* Connect, log in, create. */
void hand_open(struct hand *h, struct nwb_dialer *d, const char *name);
/* Send a WRITE of @len bytes of @fill, charge as it should be. */
void hand_write(struct hand *h, uint64_t offset, uint32_t len, char fill);
void hand_flush(struct hand *h);
void hand_echo(struct hand *h);
void hand_read(struct hand *h, uint64_t offset, uint32_t len);

#endif
