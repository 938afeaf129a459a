/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small SMB2 server for one test: polite by default, and exactly as rude as
 * the test's hooks want it. It watches the client: MessageIds must ascend
 * without a gap, charges must be right and paid for, FileIds must be of this
 * connection, signed sessions must sign.
 */
#ifndef TESTS_SMB2_SCRIPT_H
#define TESTS_SMB2_SCRIPT_H

#include "crypt.h"
#include "nwb/auth.h"
#include "nwb/exec.h"
#include "nwb/smb2.h"
#include "nwb/smb2_pdu.h"
#include "nwb/wait.h"

#define SCRIPT_FILE_BYTES (2u * 1024 * 1024)
/* Where the dialer goes by itself. */
#define SCRIPT_ADDR	 0x0a000001u
#define SCRIPT_CONNS_MAX 256

struct script;

/* One request as it came; @pdu of @len bytes, the header included. */
struct smsg {
	struct nwb_smb2_hdr h;
	const uint8_t *pdu;
	uint32_t len;
};

struct sconn {
	struct script *s;
	struct nwb_sock *sock;
	struct nwb_task *task;
	struct nwb_mutex send_lock;
	unsigned int nr;      /* 1 for the first connection */
	unsigned int session; /* connection that made its session */
	uint32_t addr;	      /* that was dialled, 0: the usual one */
	uint8_t key[16];
	uint8_t *rx;
	uint64_t next_mid;
	int64_t credits; /* the client's, as we count them */
	uint8_t hash[PREAUTH_HASH_LEN];
	unsigned int setups;
	struct signer in, out;
	bool is_signing; /* every request must be signed */
	struct sealer seal_in, seal_out;
	uint64_t nr_sealed;  /* sent */
	uint64_t last_nonce; /* received, + 1; 0: none yet */
	bool is_sealed;	     /* every request must be encrypted */
	struct nwb_smb2_validate_info asked, told;
};

/**
 * struct script - set what matters, then script_start().
 * @max_credits: the client never holds more; default 64
 * @user: a user's session with signatures (see script_auth())
 * @sign_all: SIGNING_REQUIRED is announced
 * @expect_sign: all requests must be signed, and are answered so
 * @dialect, @max_write, @setup_status, @tree_status: handshake answers
 * @ifaces, @nr_ifaces: multichannel is offered, on these addresses
 * @dead_addr: cannot be dialled
 * @bind_status: answer to a SESSION_SETUP that binds
 * @sign_alg, @cipher: what NEGOTIATE chooses; -1 = no context; default GMAC
 *	and none
 * @caps: more capabilities; @share_flags: of the tree
 * @negotiate_status: refuses the dialects
 * @no_preauth, @spoil_setup_signature: handshake faults
 * @in_the_clear, @spoil_seal: encrypted sessions are answered unencrypted, or
 *	in a way that nobody can decrypt; from the tree connect on
 * @validate_status, @lies: answers FSCTL_VALIDATE_NEGOTIATE_INFO with that, or
 *	with something else than was negotiated
 * @spoil_every: in each so-many-th frame sent some bytes are wrong; 0 = never
 * @early: called when only the header of a request was read
 * @hook: called with each request after the tree connect. Return: 0: do what
 *	is usual; 1: done; -1: close the connection
 * @arg: the test's
 */
struct script {
	struct nwb_dialer dialer;
	struct nwb_exec *ex;
	struct nwb_mutex lock;
	int64_t max_credits;
	size_t buf_bytes;
	bool user, sign_all, expect_sign;
	uint16_t dialect;
	uint32_t max_write;
	uint32_t setup_status, tree_status, bind_status;
	uint32_t ifaces[4], dead_addr;
	unsigned int nr_ifaces;
	int sign_alg, cipher;
	uint32_t caps, share_flags, negotiate_status, validate_status;
	bool no_preauth, spoil_setup_signature, mute;
	bool in_the_clear, spoil_seal, lies;
	uint16_t session_flags;
	unsigned int spoil_every;
	void (*early)(struct sconn *c, const struct nwb_smb2_hdr *h);
	int (*hook)(struct sconn *c, const struct smsg *m);
	void *arg;
	/* what happened; connections count at the same time */
	_Atomic unsigned int nr_conns;
	uint64_t previous_session; /* of the newest SESSION_SETUP */
	_Atomic unsigned int nr_writes, nr_flushes, nr_closes, nr_logoffs;
	_Atomic unsigned int nr_binds;
	_Atomic unsigned int nr_creates, nr_sent, nr_spoiled;
	_Atomic unsigned int nr_validates;
	_Atomic unsigned int nr_unsealed; /* encrypted requests */
	uint32_t last_disposition, last_access;
	_Atomic unsigned int violations;
	const char *violation;
	struct sconn *conns[SCRIPT_CONNS_MAX];
	uint8_t *data;
	uint64_t size;
};

struct script *script_new(struct nwb_exec *ex);
/* Close all connections, join their tasks. */
void script_halt(struct script *s);
void script_free(struct script *s);

/* smbd's grant for @h, within max_credits; counted as given. */
uint16_t script_grant(struct sconn *c, const struct nwb_smb2_hdr *h);
/* Answer @m: @status, @credits as they are (not counted), body of @body_len
 * bytes behind the header in @pdu (NULL: the usual error body). @flags are
 * added. */
void script_reply(struct sconn *c, const struct smsg *m, uint32_t status,
		  uint16_t credits, uint32_t flags, uint8_t *pdu, int len);
/* The WRITE response for @count bytes. */
void script_reply_write(struct sconn *c, const struct smsg *m, uint32_t count,
			uint16_t credits);
/* STATUS_PENDING, never signed. */
void script_pending(struct sconn *c, const struct smsg *m, uint16_t credits);
/* @len raw bytes. */
void script_raw(struct sconn *c, const void *bytes, size_t len);
/* Apply a WRITE to the file. Return: bytes. */
uint32_t script_apply(struct sconn *c, const struct smsg *m);

/* script_secure.c: encrypted sessions, FSCTL_VALIDATE_NEGOTIATE_INFO */
void script_note_negotiate(struct sconn *c, const struct smsg *m,
			   const struct nwb_smb2_negotiate_rsp *rsp);
void script_seal_keys(struct sconn *c, const struct session_keys *keys);
/* Decrypt what came in c->rx; -1: it cannot be. */
int script_unseal(struct sconn *c, struct smsg *m);
void script_send_sealed(struct sconn *c, const uint8_t *pdu, size_t len);
void script_validate(struct sconn *c, const struct smsg *m);

/* Token exchange with a fixed key, to be given to the client. */
const struct nwb_auth_ops *script_auth(void);

#endif
