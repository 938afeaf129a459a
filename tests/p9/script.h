/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A 9P2000.L server of a few hundred lines for tests of the client: one task,
 * one connection at a time, a flat directory in memory, and a hook that may
 * hold, swallow, forge or cut anything. It also holds the client to the
 * protocol: each thing that a client must not do is counted in @violations.
 *
 * Everything runs on the server's task but what the test body calls; the body
 * reads the log after script_stop().
 */
#ifndef TESTS_P9_SCRIPT_H
#define TESTS_P9_SCRIPT_H

#include "nwb/p9.h"
#include "nwb/p9_pdu.h"
#include "nwb/smb2.h"
#include "nwb/wait.h"

#define SCRIPT_FILES 4
#define SCRIPT_BYTES (1u << 20) /* a file */
#define SCRIPT_LOG   4096
#define SCRIPT_HELD  256
#define SCRIPT_FIDS  64
#define SCRIPT_TAGS  32768

enum script_act {
	ACT_REPLY,	 /* as a good server does */
	ACT_HOLD,	 /* execute, keep the reply for script_release() */
	ACT_SWALLOW,	 /* execute, never reply */
	ACT_RESET,	 /* do not execute, reset the connection */
	ACT_RESET_AFTER, /* execute, reset without a reply */
	ACT_DONE,	 /* the hook has done it all */
};

struct script;
/* @nth: how many of this type came before on all connections */
typedef enum script_act (*script_hook_fn)(struct script *s,
					  const struct nwb_p9_msg *m,
					  unsigned int nth);

struct script_file {
	bool exists;
	char name[64];
	uint64_t size;
	uint8_t *data;
};

struct script_seen {
	unsigned int conn;
	uint8_t type;
	uint16_t tag;
	uint32_t fid;
	uint64_t offset;
	uint32_t count;
	uint64_t at_ns;
};

struct script {
	struct nwb_dialer dialer;
	struct nwb_exec *ex;
	/* set by the test before script_start() */
	script_hook_fn hook;
	void *arg;
	uint32_t msize; /* most that it grants; 0 = 65536 */
	uint32_t iounit;
	uint64_t latency_ns;
	size_t buf_bytes;    /* of the socket; 0 = 256 KiB */
	bool is_slow;	     /* replies leave byte by byte */
	unsigned int refuse; /* so many dials are refused first */

	struct nwb_mutex lock;
	struct nwb_waitq wq;
	struct nwb_sock *pending;
	struct nwb_task *task;
	bool is_stopping;

	/* of the server's task */
	struct nwb_sock *sock;
	uint8_t *frame;
	uint8_t *out;
	uint32_t granted;
	int fids[SCRIPT_FIDS]; /* -1 free, -2 root, else the file */
	bool tag_used[SCRIPT_TAGS];
	struct nwb_p9_msg held[SCRIPT_HELD];
	unsigned int nr_held;
	unsigned int nth[256];
	struct script_file files[SCRIPT_FILES];

	/* results */
	unsigned int nr_dials;
	unsigned int nr_conns;
	unsigned int violations;
	const char *violation; /* the first */
	struct script_seen log[SCRIPT_LOG];
	unsigned int nr_log;
};

/** script_new() - zeroed; free with script_stop(). */
struct script *script_new(struct nwb_exec *ex);
void script_start(struct script *s);
/** script_halt() - end the task; the log may be read. The client was freed. */
void script_halt(struct script *s);
void script_free(struct script *s);

/* For hooks. */
void script_send(struct script *s, const struct nwb_p9_msg *m);
void script_send_raw(struct script *s, const void *bytes, size_t len);
/** script_release() - send what was held, last first if @reverse. */
void script_release(struct script *s, bool reverse);
/** script_rlerror() - Rlerror for @m. */
void script_rlerror(struct script *s, const struct nwb_p9_msg *m,
		    uint32_t ecode);
void script_rwrite(struct script *s, const struct nwb_p9_msg *m,
		   uint32_t count);

/** script_count() - messages of @type in the log; @conn 0: of all. */
unsigned int script_count(const struct script *s, uint8_t type,
			  unsigned int conn);

#endif
