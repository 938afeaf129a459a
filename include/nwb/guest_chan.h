/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The channel between the program in a guest kernel and netwb: framed records
 * on a byte stream that is not the network under test.
 *
 *	guest                                       host
 *	  ── HELLO ──────────────────────────────►    its clock, its kernel
 *	  ── OP_BEGIN write #7 ──────────────────►    before the system call
 *	  ── OP_END   write #7 = 4096 ───────────►    after it
 *	  ◄────────────────────────── ECHO 12 ────    now and then
 *	  ── BEAT (seen 12) ─────────────────────►    each 200 ms, own thread
 *	  ── MARK "cut" (wait) ──────────────────►
 *	  ◄────────────────────── GO "cut" ───────
 *	  ── DONE rc ────────────────────────────►
 *
 * Order. The guest has one writer's lock: @seq counts records from 1 and is
 * the order in which they were made, over all threads. A record stands in the
 * stream before the system call that it announces is made, and is made after
 * the call has returned whose end it tells. So @seq orders the guest's events;
 * @ns (CLOCK_MONOTONIC of the guest) is for people only: in UML it may tick in
 * steps of 10 ms.
 *
 * The two clocks. The host draws a ticket of the ledger when it has read a
 * record, and one before it sends an ECHO. Each record carries in @seen the
 * number of the newest ECHO that the guest had read when it made the record.
 * So every record joins the clocks in both directions:
 *
 *	made in the guest             < ticket at which the host read it
 *	ticket of ECHO number @seen   < made in the guest
 *
 * The program here is of both sides; links libc only.
 */
#ifndef NWB_GUEST_CHAN_H
#define NWB_GUEST_CHAN_H

#include "nwb/util.h"

#define NWB_CHAN_MAGIC	     0x6e57u /* "Wn" on the wire */
#define NWB_CHAN_VERSION     1u
#define NWB_CHAN_HEAD	     32u /* bytes of a frame before its payload */
#define NWB_CHAN_PAYLOAD_MAX 16384u
#define NWB_CHAN_FRAME_MAX   (NWB_CHAN_HEAD + NWB_CHAN_PAYLOAD_MAX)
#define NWB_CHAN_NAME_MAX    240u /* of marks and files, without the NUL */
#define NWB_CHAN_EFFECT_ID   0x80000000u /* in the ids of effects only */

enum nwb_chan_type {
	/* guest to host */
	NWB_CHAN_HELLO = 1, /* text: "version release machine" */
	NWB_CHAN_OP_BEGIN,  /* struct nwb_chan_op */
	NWB_CHAN_OP_END,    /* struct nwb_chan_op */
	NWB_CHAN_FOUND,	    /* struct nwb_chan_found: what a read has seen */
	NWB_CHAN_MARK,	    /* text: name; the guest goes on */
	NWB_CHAN_WAIT,	    /* text: name; the guest waits for GO of it */
	NWB_CHAN_BEAT,	    /* nothing: it lives */
	NWB_CHAN_TRACE,	    /* text: the next piece of the trace */
	NWB_CHAN_STAT,	    /* text: path, NUL, the next piece of the file;
			     * a piece of no bytes ends it */
	NWB_CHAN_SAY,	    /* text: a line for people */
	NWB_CHAN_DONE,	    /* struct nwb_chan_done; the last of a job */
	/* of the FUSE server in the guest: what it is asked to do, before it
	 * does; then FOUND records of all of a WRITE's payload; then how it
	 * went. Ids are its own, with NWB_CHAN_EFFECT_ID in them */
	NWB_CHAN_EFFECT_BEGIN, /* struct nwb_chan_op */
	NWB_CHAN_EFFECT_END,   /* struct nwb_chan_op */
	/* host to guest */
	NWB_CHAN_ECHO = 64, /* le32: number, from 1 */
	NWB_CHAN_GO,	    /* text: name of the WAIT */
	NWB_CHAN_STOP,	    /* nothing: end the job now, as if done */
	NWB_CHAN_FUSE,	    /* text: an order to the guest's FUSE server, see
			     * nwb_machine_fuse() */
};

/* What a guest's operation is. */
enum nwb_chan_opcode {
	NWB_CHAN_OP_OPEN = 1, /* flags: NWB_CHAN_F_* */
	NWB_CHAN_OP_WRITE,    /* off, len, version */
	NWB_CHAN_OP_STORE,    /* the same through a mapping; result: len, or
			       * -EFAULT for SIGBUS */
	NWB_CHAN_OP_READ,     /* off, len; FOUND records stand before its END;
			       * version: newest seen */
	NWB_CHAN_OP_FSYNC,
	NWB_CHAN_OP_FDATASYNC,
	NWB_CHAN_OP_MSYNC,    /* off, len; MS_SYNC */
	NWB_CHAN_OP_SYNCFS,   /* promises for the file system; file 0 */
	NWB_CHAN_OP_SYNC,     /* promises nothing; file 0 */
	NWB_CHAN_OP_TRUNCATE, /* off: new size, version */
	NWB_CHAN_OP_CLOSE,
	NWB_CHAN_OP_MOUNT, /* text of the verb follows as SAY */
	NWB_CHAN_OP_UMOUNT,
	NWB_CHAN_OP_UNLINK,
	NWB_CHAN_OP_DROP,  /* drop_caches */
	NWB_CHAN_OP_PRESS, /* memory pressure; len: bytes */
	NWB_CHAN_OPCODES
};

/* Flags of an operation. */
#define NWB_CHAN_F_SYNC	  0x01u /* the file is open O_SYNC or O_DSYNC */
#define NWB_CHAN_F_DIRECT 0x02u
#define NWB_CHAN_F_APPEND 0x04u /* WRITE: off is where it must land */
#define NWB_CHAN_F_CREATE 0x08u /* OPEN */
#define NWB_CHAN_F_TRUNC  0x10u /* OPEN: O_TRUNC, version holds */
#define NWB_CHAN_F_VERIFY 0x20u /* READ: compared with what is owed */
#define NWB_CHAN_F_CUT	  0x40u /* READ: more FOUND there was than is told */

/**
 * struct nwb_chan_op - one operation; BEGIN and END carry the same fields.
 * @op: enum nwb_chan_opcode
 * @id: of the operation, from 1; pairs BEGIN with END
 * @flags: NWB_CHAN_F_*
 * @file: number that the job gave the file (its ledger id), 0: none
 * @fd: number of the open, as the job counts
 * @thread: of the job, 0 = the first
 * @off, @len: bytes
 * @version: of the stamp
 * @result: END: bytes or 0, or negative errno; BEGIN: 0
 */
struct nwb_chan_op {
	uint16_t op;
	uint16_t flags;
	uint32_t id;
	uint16_t file;
	uint16_t fd;
	uint32_t thread;
	uint64_t off;
	uint64_t len;
	uint32_t version;
	int64_t result;
};

/* What stands in a stretch that was read, as enum nwb_stamp_kind has it. */
enum nwb_chan_found_kind {
	NWB_CHAN_FOUND_STAMP,	/* file, version, origin */
	NWB_CHAN_FOUND_ZERO,	/* zero bytes */
	NWB_CHAN_FOUND_PARTIAL, /* at most one lane, mixed or cut: raw */
};

/**
 * struct nwb_chan_found - a stretch of one version that a READ has seen.
 * @id: of the READ
 * @kind: enum nwb_chan_found_kind
 * @off, @len: where it stood
 * @file, @version: of its stamp
 * @origin: offset for which it was written; @off when all is well
 * @raw: PARTIAL: the bytes, at their place in the lane
 */
struct nwb_chan_found {
	uint32_t id;
	uint16_t kind;
	uint16_t file;
	uint64_t off;
	uint64_t len;
	uint32_t version;
	uint64_t origin;
	uint8_t raw[16];
};

/**
 * struct nwb_chan_done - how the job ended.
 * @rc: 0; 1: a verb failed that must not (a mount), or a verify; 2: the job is
 *	malformed
 * @failed: operations that returned an error
 * @text: what went wrong, "" = nothing
 */
struct nwb_chan_done {
	int32_t rc;
	uint32_t failed;
	char text[NWB_CHAN_NAME_MAX + 1];
};

/**
 * struct nwb_chan_rec - one record.
 * @type: enum nwb_chan_type
 * @seq: from 1, without gaps; 0 from the host
 * @ns: CLOCK_MONOTONIC of the guest
 * @seen: number of the newest ECHO that the guest had read, 0: none
 * @payload, @len: into the parser's or the caller's buffer; text has no NUL
 */
struct nwb_chan_rec {
	uint16_t type;
	uint64_t seq;
	uint64_t ns;
	uint32_t seen;
	const uint8_t *payload;
	uint32_t len;
};

/**
 * nwb_chan_put() - make a frame of @rec.
 * @buf: NWB_CHAN_FRAME_MAX bytes
 * Return: bytes of the frame. @rec->len is at most NWB_CHAN_PAYLOAD_MAX.
 */
size_t nwb_chan_put(const struct nwb_chan_rec *rec, uint8_t *buf);

/**
 * struct nwb_chan_parser - bytes in, records out. All zero is the start.
 * @has: bytes in @buf
 * @is_broken: the stream is no channel; sticks
 */
struct nwb_chan_parser {
	uint32_t has;
	uint32_t used; /* bytes of @buf that the last record was made of */
	bool is_broken;
	uint8_t buf[2 * NWB_CHAN_FRAME_MAX];
};

/** nwb_chan_room() - where to read bytes to. Return: at least one frame's
 * rest of room at *@ret_at; the caller then says nwb_chan_fed(). */
size_t nwb_chan_room(struct nwb_chan_parser *p, uint8_t **ret_at);
/** nwb_chan_fed() - @len bytes were put there. */
void nwb_chan_fed(struct nwb_chan_parser *p, size_t len);
/**
 * nwb_chan_next() - the next whole record.
 * @ret_rec: its payload is good until the next call of this parser
 *
 * Return: 1; 0: more bytes are wanted; -EPROTO: magic, length or checksum are
 * wrong, and stay so.
 */
int nwb_chan_next(struct nwb_chan_parser *p,
		  struct nwb_chan_rec *ret_rec) nwb_must_check;

/*
 * Payloads. put: into at least NWB_CHAN_PAYLOAD_MAX bytes, returns how many;
 * get: 0, or -EPROTO: the length or a value cannot be. The record's type is the
 * caller's to look at; what get returns is a copy.
 */

/** nwb_chan_put_op() - an operation to be done, or one that was, with its
 * result. */
size_t nwb_chan_put_op(const struct nwb_chan_op *op, uint8_t *buf);
/** nwb_chan_get_op() - -EPROTO: no such operation, number 0, or a range that
 * goes on behind what an offset can be. @ret->file, @ret->fd and @ret->thread
 * are the caller's to hold to what it has. */
int nwb_chan_get_op(const struct nwb_chan_rec *rec,
		    struct nwb_chan_op *ret) nwb_must_check;
/** nwb_chan_put_found() - what a read found that it should not have. */
size_t nwb_chan_put_found(const struct nwb_chan_found *f, uint8_t *buf);
/** nwb_chan_get_found() - -EPROTO: an unknown kind, or a range as above,
 * too. */
int nwb_chan_get_found(const struct nwb_chan_rec *rec,
		       struct nwb_chan_found *ret) nwb_must_check;
/** nwb_chan_put_done() - the end of the work. Of @d->text NWB_CHAN_NAME_MAX
 * bytes at most are sent. */
size_t nwb_chan_put_done(const struct nwb_chan_done *d, uint8_t *buf);
/** nwb_chan_get_done() - @ret->text is a string, whatever was sent. */
int nwb_chan_get_done(const struct nwb_chan_rec *rec,
		      struct nwb_chan_done *ret) nwb_must_check;
/** nwb_chan_get_name() - a payload that is a name, as a string; -EPROTO: empty,
 * too long, or with control characters. */
int nwb_chan_get_name(const struct nwb_chan_rec *rec,
		      char ret[NWB_CHAN_NAME_MAX + 1]) nwb_must_check;
/** nwb_chan_get_stat() - split a STAT; @ret_text points into the record. */
int nwb_chan_get_stat(const struct nwb_chan_rec *rec,
		      char ret_path[NWB_CHAN_NAME_MAX + 1],
		      const char **ret_text, uint32_t *ret_len) nwb_must_check;

/** nwb_chan_type_name() - "HELLO", ...; "?" for others. */
const char *nwb_chan_type_name(unsigned int type);
/** nwb_chan_op_name() - "open", "write", ...; "?" for others. */
const char *nwb_chan_op_name(unsigned int op);

#endif
