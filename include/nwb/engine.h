/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mount without the kernel in between: files of a FUSE mount of ours, read
 * and written through memory that a program shares with the mount's daemon.
 *
 *	program				daemon (mount/engine.c)
 *	  open(2) on the mount  ──FUSE──►  node
 *	  fgetxattr(NWB_ENGINE_XATTR) ──►  opens it once more, gives a token
 *	  socket: hello, segment ───────►  maps it
 *	  ┌ segment ────────────────────────────────────────────┐
 *	  │ requests ──► workers ──► the same calls as for FUSE │
 *	  │ answers  ◄──┘                                       │
 *	  │ data: read and written in place                     │
 *	  └─────────────────────────────────────────────────────┘
 *
 * The segment is a memfd that can not shrink. Two rings, each with one index
 * that its producer moves with a release store and its consumer waits for with
 * a (shared) futex; the consumer's index is its own business. A program has
 * NWB_ENGINE_SLOTS requests outstanding at most, so no ring ever overflows.
 * Who writes nonsense into the segment harms itself alone: every request is
 * copied before it is looked at, and its data must lie in the segment.
 *
 * The name of the socket is in the environment, NWB_ENGINE, an abstract one:
 * it begins with '@', which stands for the NUL. Only the daemon's own user and
 * root may connect.
 */
#ifndef NWB_ENGINE_H
#define NWB_ENGINE_H

#include <stdatomic.h>
#include <stdint.h>

#define NWB_ENGINE_MAGIC 0x4e574231u /* with a version in it */
#define NWB_ENGINE_ENV	 "NWB_ENGINE"
#define NWB_ENGINE_XATTR "user.netwb.engine" /* gives a token, 8 bytes */
#define NWB_ENGINE_SLOTS 256u
#define NWB_ENGINE_FILES 256u
/* Where the data begins. */
#define NWB_ENGINE_DATA	    65536u
#define NWB_ENGINE_SIZE_MAX (1ull << 32)

enum nwb_engine_op {
	NWB_ENGINE_OPEN = 1, /* file: the token; answer: a handle */
	NWB_ENGINE_CLOSE,
	NWB_ENGINE_READ, /* answer: bytes, fewer at the end of the file */
	NWB_ENGINE_WRITE,
	NWB_ENGINE_FSYNC,
};

/**
 * struct nwb_engine_sqe - a request.
 * @op: enum nwb_engine_op
 * @tag: comes back with the answer
 * @file: handle, or token
 * @off: in the file, bytes
 * @data: in the segment, bytes from its begin, NWB_ENGINE_DATA at least
 * @len: bytes
 */
struct nwb_engine_sqe {
	uint32_t op;
	uint32_t tag;
	uint64_t file;
	uint64_t off;
	uint64_t data;
	uint32_t len;
	uint32_t zero;
};

struct nwb_engine_cqe {
	uint32_t tag;
	int32_t res; /* negative errno */
};

struct nwb_engine_seg {
	_Atomic uint32_t sq_tail;
	uint8_t pad1[60];
	_Atomic uint32_t cq_tail;
	uint8_t pad2[60];
	struct nwb_engine_sqe sqe[NWB_ENGINE_SLOTS];
	struct nwb_engine_cqe cqe[NWB_ENGINE_SLOTS];
};
_Static_assert(sizeof(struct nwb_engine_seg) <= NWB_ENGINE_DATA, "rings");

/* The first and only message, with the segment's fd; answered by an int32_t,
 * 0 or a negative errno. The end of the connection is the end of it all. */
struct nwb_engine_hello {
	uint32_t magic;
	uint32_t zero;
	uint64_t size; /* of the segment */
};

#endif
