/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger: what was intended, sent, acknowledged and applied.
 *
 * One shared mapping a run, written by the workload (intent), the reference
 * client (sent, acked, given up), the shim inside the server (PDUs, effects,
 * fault hits) and the harness (server instances, heal, heartbeat), judged by
 * lib/oracle. Append-only, lock-free, any process, any thread.
 *
 *	+--------+---------------------------------------------+
 *	| header | slot 0 | slot 1 | slot 2 | ...              |
 *	+--------+---------------------------------------------+
 *	  next: fetch_add reserves a slot
 *	  tick: fetch_add draws a ticket
 *
 * Order. Everything takes two tickets, one at its begin and one at its end;
 * a < b only if a.end < b.begin. A slot is published (state, release) at its
 * begin with end = NWB_TICKET_OPEN, and once more at its end. BEGUN without
 * ENDED: the writer was killed, it may have happened. A reserved slot that
 * never reached BEGUN is a gap, and a gap is INCONCLUSIVE.
 *
 * A guest kernel cannot draw tickets. Its operations are numbered by itself,
 * one counter a guest, and written down here by the host when it hears of them:
 * NWB_LF_GUEST, aux and len2 are the guest's numbers of begin and end, the
 * tickets say when the host heard of each. NWB_L_JOIN records tie the two
 * clocks together; what follows from that is lib/oracle/order.c's business.
 *
 * Links libc only (the shim uses it).
 */
#ifndef NWB_LEDGER_H
#define NWB_LEDGER_H

#include "nwb/stamp.h"
#include <stdatomic.h>

#define NWB_LEDGER_MAGIC   0x3152474457424e57ull
#define NWB_LEDGER_VERSION 1u
#define NWB_LEDGER_FILES   64u
#define NWB_LEDGER_NAMING  UINT16_MAX
#define NWB_TICKET_OPEN	   UINT64_MAX

enum nwb_lrec_kind {
	NWB_L_NONE,
	/* user operations; fd = number of the open, result = bytes or -errno */
	NWB_L_OPEN,
	NWB_L_WRITE,	/* off, len, version */
	NWB_L_READ,	/* off, len; all result bytes show this version, or
			 * (0) what was there before, or NWB_LF_ZERO; file2, mid
			 * when not 0: file and offset that the stamp names */
	NWB_L_TRUNCATE, /* off = new size, version */
	NWB_L_FSYNC,	/* result 0 or -errno; off, len: of an msync, which
			 * promises its range only; len 0: all of the file */
	NWB_L_CLOSE,	/* result 0 or -errno */
	/* the client under test */
	NWB_L_SENT,    /* one issue of a subrequest; instance, aux = attempt */
	NWB_L_ACKED,   /* its success, result = bytes; instance */
	NWB_L_GIVEUP,  /* an upload, or a FLUSH (len 0), was given up: result =
			* -errno, status = last wire status, aux = attempts
			* (the first one counts), len2 = ns unreachable; flags
			* NWB_LF_REFUSED */
	NWB_L_CONNECT, /* client (re)connected; instance = new one */
	/* inside the server */
	NWB_L_PDU_REQ,	 /* a whole request was read; off and len of a READ or
			  * WRITE; 9P: aux = oldtag of Tflush, newfid of Twalk */
	NWB_L_PDU_REPLY, /* a reply left the shim's queue; status, grant; flags
			  * NWB_LF_INTERIM; begin and end around the send */
	NWB_L_EFFECT_WRITE, /* pwrite: off, len; result; aux = ns parked before
			     * the system call (begin is drawn after that);
			     * pid, conn of the request when known */
	NWB_L_EFFECT_RUN,   /* payload of the effect in slot @parent: off, len,
			     * version, file2, len2 = origin offset; raw */
	NWB_L_EFFECT_FSYNC, /* result */
	NWB_L_EFFECT_TRUNCATE, /* off = new size; result */
	NWB_L_CONN_UP,	       /* accept; conn */
	NWB_L_CONN_DOWN,       /* close or reset; conn; aux = 1 if by a fault */
	NWB_L_FAULT, /* rule @rule fired: aux = nth hit, off, len, mid */
	/* the harness */
	NWB_L_SERVER_UP,   /* ready; instance */
	NWB_L_SERVER_DOWN, /* died or was killed; status = wait status; flags
			    * NWB_LF_VOLATILE: unsynced data was dropped */
	NWB_L_HEAL,	   /* faults off; aux = bound of the drain, ns */
	NWB_L_HEARTBEAT,
	NWB_L_RUN_END, /* everything was closed and the server is quiet */
	/* a word between host and guest: aux = the guest's number of it, which
	 * was drawn before this record's end; and NWB_LF_TO_GUEST: after its
	 * begin (the host spoke, and the guest answered) */
	NWB_L_JOIN,
	NWB_L_KINDS
};

#define NWB_LF_INTERIM	0x01u /* STATUS_PENDING */
#define NWB_LF_VOLATILE 0x02u
#define NWB_LF_SIGNED	0x04u
#define NWB_LF_CRASH	0x08u /* SERVER_DOWN by SIGKILL or signal */
#define NWB_LF_ZERO	0x10u /* EFFECT_RUN, READ: zero bytes */
#define NWB_LF_PARTIAL	0x20u /* EFFECT_RUN: raw holds the bytes */
#define NWB_LF_DUP	0x40u /* PDU_REPLY: an injected second copy */
#define NWB_LF_9P	0x80u /* PDU of 9P: cmd is the message type, mid the tag */
#define NWB_LF_SYNC	0x100u /* WRITE through O_SYNC or O_DSYNC: promises */
/* made in a guest: aux, len2 = its numbers of begin and end; also HEARTBEAT */
#define NWB_LF_GUEST	0x400u
#define NWB_LF_TO_GUEST 0x800u	/* JOIN */
#define NWB_LF_MAPPED	0x1000u /* WRITE: stores through a mapping */
/* GIVEUP: the file could not be opened again, or the answer was senseless */
#define NWB_LF_REFUSED 0x200u

enum nwb_lrec_state {
	NWB_LS_FREE,  /* not reserved, or a gap */
	NWB_LS_BEGUN, /* begin is valid */
	NWB_LS_ENDED, /* all is valid */
};

/* Host byte order, zero when unused. */
struct nwb_lrec {
	_Atomic uint32_t state;
	uint16_t kind;
	uint16_t flags;
	uint64_t begin;	  /* ticket */
	uint64_t end;	  /* ticket, or NWB_TICKET_OPEN */
	uint64_t t_begin; /* CLOCK_MONOTONIC ns */
	uint64_t t_end;
	uint64_t off;
	uint64_t len;
	uint64_t len2;
	int64_t result;
	uint64_t mid; /* SMB2 MessageId or 9P tag */
	uint64_t aux;
	uint32_t version;
	uint32_t instance; /* server instance (client: connection epoch) */
	uint32_t conn;	   /* client port of the connection */
	uint32_t status;   /* NTSTATUS, 9P errno */
	uint16_t file;	   /* id from the header's table, 0 = unknown */
	uint16_t fd;
	uint16_t cmd;	 /* SMB2 command, 9P message type */
	uint16_t charge; /* SMB2 CreditCharge */
	uint16_t grant;	 /* credits asked for (request) or granted (reply) */
	uint16_t file2;
	uint16_t rule; /* FAULT: index of the rule */
	uint16_t pad;
	uint32_t parent; /* slot + 1 */
	uint32_t fid;	 /* 9P fid; low 32 bits of the persistent FileId */
};
_Static_assert(sizeof(struct nwb_lrec) == 128, "layout of the ledger");

/* EFFECT_RUN with NWB_LF_PARTIAL keeps 16 raw bytes in result and mid. */
static inline void *nwb_lrec_raw(struct nwb_lrec *r)
{
	return &r->result;
}

/**
 * nwb_lrec_run() - an EFFECT_RUN: what stood in one stretch of a payload.
 * @file: whose effect it is, number in the ledger
 * @parent: slot + 1 of the effect
 *
 * Context: any; also inside a server, so it calls nothing.
 */
static inline struct nwb_lrec nwb_lrec_run(uint16_t file, uint32_t parent,
					   const struct nwb_stamp_run *run)
{
	struct nwb_lrec rec = {
		.kind = NWB_L_EFFECT_RUN,
		.file = file,
		.parent = parent,
		.off = run->offset,
		.len = run->len,
	};

	if (run->kind == NWB_STAMP_LANES) {
		rec.version = run->lane.version;
		rec.file2 = run->lane.file;
		rec.len2 = run->lane.offset;
	} else if (run->kind == NWB_STAMP_ZERO) {
		rec.flags = NWB_LF_ZERO;
	} else {
		rec.flags = NWB_LF_PARTIAL;
		__builtin_memcpy(nwb_lrec_raw(&rec), run->raw,
				 sizeof(run->raw));
	}
	return rec;
}

struct nwb_ledger_file {
	_Atomic uint16_t id; /* 0 free, NWB_LEDGER_NAMING: being named */
	char name[62];	     /* base name as the server sees it */
};

struct nwb_ledger_hdr {
	uint64_t magic;
	uint32_t version;
	uint32_t rec_size;
	uint64_t nr_slots;
	uint8_t key[16];
	uint32_t level; /* 0 bench: no EFFECT_RUN; 1 check: payload decoded */
	_Atomic uint32_t nr_files;
	struct nwb_ledger_file file[NWB_LEDGER_FILES];
	/* names are learned from the wire: somebody else's client decides what
	 * its files are called */
	uint32_t learns;
	_Atomic uint32_t unnamed; /* names for which there was no room */
	_Alignas(64) _Atomic uint64_t next; /* slots reserved so far */
	_Alignas(64) _Atomic uint64_t tick;
	_Alignas(64) _Atomic uint64_t lost; /* records refused: it was full */
	/* content crypto: payload is cipher text, see nwb_stamp_key_crypt();
	 * crypt_unit 0: it is not */
	uint32_t crypt_unit;
	uint8_t crypt_key[NWB_CRYPT_KEY];
	_Alignas(4096) struct nwb_lrec slot[];
};

/* A handle on a mapping. */
struct nwb_ledger {
	struct nwb_ledger_hdr *hdr;
	size_t map_len;
};

/**
 * nwb_ledger_create() - lay out a ledger in @fd (truncated to size) and map it.
 * @fd: read-write file or memfd; stays the caller's
 * @nr_slots: capacity; a full ledger drops, counts, and is INCONCLUSIVE
 * @key: the run's stamp key
 * @level: 0 bench, 1 check
 */
int nwb_ledger_create(int fd, uint64_t nr_slots, const uint8_t key[16],
		      uint32_t level, struct nwb_ledger *ret_l) nwb_must_check;
/** nwb_ledger_map() - map an existing one; -EINVAL when it is not a ledger of
 * this version or its header and size do not agree. */
int nwb_ledger_map(int fd, bool writable,
		   struct nwb_ledger *ret_l) nwb_must_check;
/** nwb_ledger_unmap() - all zero is fine. */
void nwb_ledger_unmap(struct nwb_ledger *l);
/** nwb_ledger_add_file() - give @name (base name) an id >= 1, or -ENOSPC.
 * Before the server starts. */
int nwb_ledger_add_file(struct nwb_ledger *l, const char *name) nwb_must_check;
/**
 * nwb_ledger_learn_file() - the id of a path's base name, which gets one if it
 * has none and @l->hdr->learns is set.
 * Return: 0 when it is unknown and cannot be learned: the table is full or the
 * name too long (both counted in unnamed), or the name is empty.
 * Context: any thread or process; lock-free.
 */
uint16_t nwb_ledger_learn_file(struct nwb_ledger *l, const char *path);
/** nwb_ledger_find_file() - id of a path's base name, 0 when unknown. */
uint16_t nwb_ledger_find_file(const struct nwb_ledger *l, const char *path);

/** nwb_ledger_count() - slots reserved so far, at most the capacity. */
uint64_t nwb_ledger_count(const struct nwb_ledger *l);
/** nwb_ledger_prefault() - touch the header and the first @nr slots, so that no
 * page fault falls into the measured window. Before anybody else uses it. */
void nwb_ledger_prefault(struct nwb_ledger *l, uint64_t nr);

/**
 * nwb_ledger_begin() - reserve and publish a record.
 * @proto: kind and whatever is known by now; state, tickets and times are
 *	filled here
 * Return: the slot to be ended, or NULL when the ledger is full (counted).
 * Context: any thread or process; wait-free; does not allocate.
 */
struct nwb_lrec *nwb_ledger_begin(struct nwb_ledger *l,
				  const struct nwb_lrec *proto);
/** nwb_ledger_end() - draw the end ticket and publish; fill result and the like
 * in @rec before. NULL is fine. */
void nwb_ledger_end(struct nwb_ledger *l, struct nwb_lrec *rec);
/** nwb_ledger_point() - begin and end at once. */
struct nwb_lrec *nwb_ledger_point(struct nwb_ledger *l,
				  const struct nwb_lrec *proto);
/** nwb_ledger_kind_name() - "WRITE", "EFFECT_WRITE", ... */
const char *nwb_ledger_kind_name(unsigned int kind);

#endif
