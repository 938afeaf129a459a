/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the fakes. All state is under nwb_fake.lock; no task holds it
 * while it sends, receives or sleeps.
 */
#ifndef NWB_SERVERS_FAKE_I_H
#define NWB_SERVERS_FAKE_I_H

#include "nwb/fake.h"
#include "nwb/smb2_pdu.h"
#include "nwb/wait.h"

#define FAKE_NAME_MAX  255
#define FAKE_FLUSH_MAX 8

struct fake_conn;

/**
 * struct fake_file - content now, and content after a crash.
 * @data: @cap bytes, zero from @size on; @durable likewise
 * @is_void: it has sizes only; @data and @durable are NULL
 * @dirty_lo, @dirty_hi: range in which the two may differ; empty: lo >= hi
 * @base: where it begins (opts.hole_bytes); all others are counted from there
 */
struct fake_file {
	struct nwb_list link;
	uint64_t base;
	char name[FAKE_NAME_MAX + 1];
	uint64_t id;
	bool is_void;
	uint8_t *data, *durable;
	size_t size, cap;
	size_t durable_size, durable_cap;
	size_t dirty_lo, dirty_hi;
};

/* A frame that waits for its time to be sent. @id: tag, or unused. */
struct fake_reply {
	struct nwb_list link;
	uint64_t due;
	uint32_t id;
	size_t len;
	uint8_t bytes[];
};

/**
 * struct fake_op - one WRITE on its way through the server.
 * @conn: NULL when the connection is gone and the write is not
 * @code: native error to answer with, 0 = none
 * @count: bytes to apply and to answer
 * @due: when a running one is done
 * @hdr, @was_pending: SMB2: of the request; it got its interim response
 * @tag, @flush_tag, @nr_flush: 9P: of the request; Tflushes that wait for it
 */
struct fake_op {
	struct nwb_list link;
	struct fake_conn *conn;
	struct fake_file *file;
	uint64_t offset;
	uint32_t count;
	uint32_t code;
	uint64_t ack_delay, park, due;
	bool is_running, reset_after, crash;
	struct nwb_smb2_hdr hdr;
	bool was_pending;
	uint16_t tag;
	uint16_t flush_tag[FAKE_FLUSH_MAX];
	unsigned int nr_flush;
	uint8_t data[];
};

/**
 * struct fake_proto - what differs between protocols; all under the lock.
 * @head: bytes of a frame that tell its length
 * @init: set up conn->state. 0 or -ENOMEM
 * @frame: length of the rest of the frame, or why it cannot be read
 * @handle: one whole frame
 * @write_begin: a write was parked: answer in the interim if need be
 * @write_done: the write is applied, or failed (op->code): answer
 * @survives: does a running write outlive its connection?
 * @no_space: native error for a full disk
 */
struct fake_proto {
	size_t head;
	int (*init)(struct fake_conn *c);
	void (*fini)(struct fake_conn *c);
	const char *(*frame)(struct fake_conn *c, const uint8_t *head,
			     size_t *ret_rest);
	void (*handle)(struct fake_conn *c, uint8_t *frame, size_t len);
	void (*write_begin)(struct fake_conn *c, struct fake_op *op);
	void (*write_done)(struct fake_conn *c, struct fake_op *op);
	bool survives;
	uint32_t no_space;
};

extern const struct fake_proto nwb_fake_proto_smb2;
extern const struct fake_proto nwb_fake_proto_9p;

/**
 * struct fake_conn - one connection.
 * @rx: room for the largest frame
 * @out: replies by due time; @wake: there is another, or the end
 * @tasks_left: 0: can be joined and freed
 * @state: of the protocol
 */
struct fake_conn {
	struct nwb_list link;
	struct nwb_fake *fake;
	struct nwb_sock *sock;
	struct nwb_task *reader, *sender;
	uint8_t *rx;
	size_t rx_size;
	struct nwb_list out;
	struct nwb_waitq wake;
	unsigned int tasks_left;
	bool is_dead;
	void *state;
};

struct nwb_fake {
	struct nwb_dialer dialer;
	struct nwb_exec *ex;
	struct nwb_fake_opts opts;
	struct nwb_fake_faults faults;
	struct nwb_fake_stats stats;
	const struct fake_proto *proto;
	char share[64];
	struct nwb_mutex lock;
	struct nwb_list files;
	struct nwb_list conns;
	uint64_t next_id; /* files, sessions, async ids */
	uint64_t down_until;
	/* parked writes, in order of arrival */
	struct nwb_list parked;
	unsigned int nr_running;
	struct nwb_waitq disk_wake;
	struct nwb_task *disk;
	bool is_stopping;
};

static inline void nwb_fake_event(struct nwb_fake *f, enum nwb_fake_event event,
				  const char *name, uint64_t value)
{
	if (f->opts.on_event)
		f->opts.on_event(f->opts.arg, event, name, value);
}

/* --- fake_store.c --------------------------------------------------------- */

struct fake_file *nwb_fake_file_find(struct nwb_fake *f, const char *name);
/** nwb_fake_file_add() - a new empty file, NULL without memory. */
struct fake_file *nwb_fake_file_add(struct nwb_fake *f, const char *name);
void nwb_fake_file_free(struct fake_file *file);
/** nwb_fake_file_write() - 0, -EFBIG beyond the limit, -ENOMEM. */
int nwb_fake_file_write(struct nwb_fake *f, struct fake_file *file,
			uint64_t offset, const void *data,
			size_t len) nwb_must_check;
/** nwb_fake_file_size() - with what is before it. */
uint64_t nwb_fake_file_size(const struct fake_file *file);
int nwb_fake_file_resize(struct nwb_fake *f, struct fake_file *file,
			 uint64_t size) nwb_must_check;
/** nwb_fake_file_read() - bytes copied, 0 at the end. */
size_t nwb_fake_file_read(const struct fake_file *file, uint64_t offset,
			  void *buf, size_t len);
/** nwb_fake_file_sync() - what is there becomes durable. 0 or -ENOMEM. */
int nwb_fake_file_sync(struct fake_file *file) nwb_must_check;
/** nwb_fake_file_revert() - what is durable is there. */
void nwb_fake_file_revert(struct fake_file *file);

/* --- fake_conn.c ---------------------------------------------------------- */

/** nwb_fake_kill_conn() - end @c by FIN or RST; its tasks notice. */
void nwb_fake_kill_conn(struct fake_conn *c, bool is_reset);
/** nwb_fake_violation() - the client broke the rules: close, and count. */
void nwb_fake_violation(struct fake_conn *c, const char *what);
/** nwb_fake_reply_new() - room for @size bytes. Never NULL: the program ends
 * without memory, since a reply that is not sent hides what is tested. */
struct fake_reply *nwb_fake_reply_new(size_t size);
/** nwb_fake_reply_send() - queue @r for @due; takes it over. */
void nwb_fake_reply_send(struct fake_conn *c, struct fake_reply *r,
			 uint64_t due);
/** nwb_fake_join_dead() - join and free the connections that have ended; all,
 * when @all, waiting for them. Context: lock held, is dropped meanwhile. */
void nwb_fake_join_dead(struct nwb_fake *f, bool all);

/* --- fake_write.c --------------------------------------------------------- */

/**
 * nwb_fake_write() - one WRITE, with all its faults.
 * @op: conn, file, offset, count and what the protocol needs; the caller's
 * @data: op->count bytes
 */
void nwb_fake_write(struct fake_op *op, const void *data);
/** nwb_fake_flush() - one FLUSH of @op's conn and file; sets its ack_delay.
 * Return: 0; native error; -1 when there must be no answer. */
int64_t nwb_fake_flush(struct fake_op *op);
/** nwb_fake_drop_ops() - @c is ending: forget its parked writes, except those
 * that survive it. */
void nwb_fake_drop_ops(struct fake_conn *c);
/** nwb_fake_crash_locked() - see nwb_fake_crash(). */
void nwb_fake_crash_locked(struct nwb_fake *f);
/** nwb_fake_disk_task() - finishes parked writes when their time has come. */
void nwb_fake_disk_task(void *arg);

#endif
