/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Servers inside the process: real wire format, files in memory, on any
 * executor and over any nwb_sock. For unit tests, limits and simulation; never
 * evidence about real servers, whose manners they copy (credits and MessageId
 * window: smbd; msize, Tflush and what survives a connection: diod).
 *
 *	client ──nwb_sock── reader task ─┬─ answered at once ──► out queue
 *	                                 └─ parked ─► disk task ─► out queue
 *	       ◄─────────── sender task ◄──────── (each reply at its due time)
 *
 * One struct nwb_fake is one server: files, faults, and any number of
 * connections, by nwb_fake_dialer() or nwb_fake_serve(). A fault is a field
 * of struct nwb_fake_faults and may be changed at any time.
 *
 * Its memory comes from malloc, not from nwb_alloc(): what a client allocates
 * is counted, and a server is no part of it.
 *
 * Threads: every function may be called from any task of its executor, unless
 * it says otherwise. Owner: who called nwb_fake_new().
 */
#ifndef NWB_FAKE_H
#define NWB_FAKE_H

#include "nwb/exec.h"

struct nwb_fake;

enum nwb_fake_proto {
	NWB_FAKE_SMB2,
	NWB_FAKE_9P,
};

/* One write that reached a file; @data is borrowed for the call. */
struct nwb_fake_apply {
	const char *name;
	uint64_t offset;
	uint32_t len;
	const void *data;
	uint32_t instance;
};

/* A WRITE or FLUSH that has arrived, to be decided on by opts.decide.
 * @nr: its number, as in struct nwb_fake_faults; @len: 0 for a FLUSH */
struct nwb_fake_asked {
	const char *name;
	bool is_flush;
	uint64_t nr;
	uint64_t offset;
	uint32_t len;
};

/**
 * struct nwb_fake_fate - what becomes of it. All zero: it is served.
 * @reset_before, @reset_after: reset the connection instead of applying it, or
 *	instead of answering
 * @crash: crash (see nwb_fake_crash()): a WRITE is applied before, a FLUSH
 *	does not sync
 * @code: native error: nothing is applied or synced
 * @short_to: WRITE: only so many bytes are applied and counted; 0 = all
 * @zero: WRITE: none is, and the answer is a count of 0
 * @ack_delay_ns: done at once and answered that much later; of a FLUSH, too
 * @park_ns: WRITE: as in struct nwb_fake_faults
 */
struct nwb_fake_fate {
	bool reset_before;
	bool reset_after;
	bool crash;
	uint32_t code;
	uint32_t short_to;
	bool zero;
	uint64_t ack_delay_ns;
	uint64_t park_ns;
};

/* What happened to the server or a file, for opts.on_event. */
enum nwb_fake_event {
	NWB_FAKE_SYNCED,  /* @name was synced */
	NWB_FAKE_RESIZED, /* @name has size @value now */
	NWB_FAKE_CRASHED, /* @value: the instance that begins */
	NWB_FAKE_CONN_UP,
	NWB_FAKE_CONN_DOWN,
};

/**
 * struct nwb_fake_opts - all zero is an smbd-like server.
 * @proto: which
 * @share: SMB share name, NULL = "s"; 9P accepts every aname
 * @latency_ns, @buf_bytes: of the socket pairs that dialing makes; 0 bytes =
 *	1 MiB
 * @max_credits: as smbd's `smb2 max credits`, 1..65535; 0 = 8192
 * @max_write: SMB2 MaxWriteSize, MaxReadSize; 0 = 8 MiB
 * @msize: 9P: most that is given; 0 = 65536, as diod
 * @nr_workers: parked writes that run at once, further ones queue; 0 = 16 for
 *	9P (diod -t 16), 100 for SMB2 (aio max threads)
 * @max_file_bytes: beyond it DISK_FULL or ENOSPC; 0 = 1 GiB
 * @hole_bytes: each file begins with a hole of so many bytes, which takes no
 *	memory, reads as zeros and cannot be written: for positions near 2^63.
 *	@max_file_bytes does not count it
 * @reserve_bytes: each file has memory for so many bytes from the beginning, and
 *	has touched it: for measuring, where growing would be paid for by whoever
 *	writes. 0: it grows as it is written
 * @discard: keep sizes and no content; all reads as zeros
 * @on_apply, @apply_arg: told of every write that reached a file, in order,
 *	under the fake's lock: must not block or call the fake
 * @decide: told of every WRITE and FLUSH that arrives, in order; says what
 *	becomes of it, in addition to struct nwb_fake_faults. As @on_apply
 * @on_event: told of what else happens. As @on_apply
 * @arg: of these two
 */
struct nwb_fake_opts {
	enum nwb_fake_proto proto;
	const char *share;
	uint64_t latency_ns;
	size_t buf_bytes;
	uint32_t max_credits;
	uint32_t max_write;
	uint32_t msize;
	unsigned int nr_workers;
	uint64_t max_file_bytes;
	uint64_t hole_bytes;
	uint64_t reserve_bytes;
	bool discard;
	void (*on_apply)(void *arg, const struct nwb_fake_apply *a);
	void *apply_arg;
	void (*decide)(void *arg, const struct nwb_fake_asked *a,
		       struct nwb_fake_fate *fate);
	void (*on_event)(void *arg, enum nwb_fake_event event, const char *name,
			 uint64_t value);
	void *arg;
};

enum nwb_fake_withhold {
	NWB_FAKE_GIVE,	 /* credits as smbd grants them */
	NWB_FAKE_FAMINE, /* withheld; the last open reply brings them back */
	NWB_FAKE_STARVE, /* withheld for as long as this is set */
};

/**
 * struct nwb_fake_faults - what goes wrong. All zero: nothing.
 *
 * WRITEs and FLUSHes are numbered from 1 as they arrive, over the life of the
 * fake and all its connections; 0 in an *_at field means never.
 *
 * @ack_delay_ns: a WRITE is applied at once and answered that much later
 * @ack_delay_every: only WRITEs whose number it divides; 0 = all. (Later ones
 *	overtake: acks are reordered.)
 * @park_ns: a WRITE is applied, and answered, that much later. On 9P what
 *	runs survives its connection, as in diod; on SMB2 it is forgotten
 * @park_at: only this WRITE; 0 = all
 * @scatter_ns: parked for a random time below this in addition
 * @pending_after_ns: SMB2: what takes longer gets an interim STATUS_PENDING
 *	with the credits after that time; 0 = none
 * @reset_at, @reset_after: reset the connection at this WRITE: before it is
 *	applied, or after and instead of the answer
 * @fail_at, @fail_times, @fail_code: this and the (@fail_times - 1, 0 = 1)
 *	following WRITEs are not applied and answered with an NTSTATUS or a
 *	Linux errno
 * @short_at, @short_times, @short_count: of this and the (@short_times - 1,
 *	0 = 1) following WRITEs only so many bytes are applied and counted
 * @flush_fail_at, @flush_fail_code: FLUSH or Tfsync is answered with an error
 *	and syncs nothing
 * @crash_at, @crash_at_flush: crash (see nwb_fake_crash()) instead of
 *	answering: a WRITE after it was applied, a FLUSH before it synced
 * @down_ns: after a crash nothing can connect for so long
 * @is_frozen: while this is set no reply leaves, to nothing that was or is sent;
 *	what comes in is served, and connections are accepted
 * @withhold: SMB2, from the tree connect on
 * @famine_below: FAMINE ends when the client holds fewer credits than this and
 *	one request is open; 0 = 1. Set it to the charge of the largest request
 * @famine_hold_ns: that last reply is held for so long
 */
struct nwb_fake_faults {
	uint64_t ack_delay_ns;
	uint64_t ack_delay_every;
	uint64_t park_ns;
	uint64_t park_at;
	uint64_t scatter_ns;
	uint64_t pending_after_ns;
	uint64_t reset_at;
	bool reset_after;
	uint64_t fail_at;
	uint64_t fail_times;
	uint32_t fail_code;
	uint64_t short_at;
	uint64_t short_times;
	uint32_t short_count;
	uint64_t flush_fail_at;
	uint32_t flush_fail_code;
	uint64_t crash_at;
	uint64_t crash_at_flush;
	uint64_t down_ns;
	bool is_frozen;
	enum nwb_fake_withhold withhold;
	uint32_t famine_below;
	uint64_t famine_hold_ns;
};

/**
 * struct nwb_fake_stats - exact counts since the beginning.
 * @nr_requests, @bytes_received: frames that arrived whole, headers included
 * @nr_writes, @nr_flushes: arrived
 * @nr_applied, @bytes_applied: writes that reached a file
 * @nr_violations: connections closed because the client broke the credit,
 *	MessageId or framing rules; @last_violation says how
 * @nr_pending: interim responses
 * @nr_famines: withheld credits that were given back
 * @nr_faults: faults of struct nwb_fake_faults that fired, of any kind
 * @instance: 1 + crashes
 */
struct nwb_fake_stats {
	uint64_t nr_connects;
	uint64_t nr_requests;
	uint64_t bytes_received;
	uint64_t nr_writes;
	uint64_t nr_flushes;
	uint64_t nr_applied;
	uint64_t bytes_applied;
	uint64_t nr_violations;
	const char *last_violation;
	uint64_t nr_pending;
	uint64_t nr_famines;
	uint64_t nr_faults;
	uint32_t instance;
};

/** nwb_fake_new() - a server on @ex. Free it with nwb_fake_free(), from a task
 * of @ex. Return: 0 or -ENOMEM. */
int nwb_fake_new(struct nwb_exec *ex, const struct nwb_fake_opts *opts,
		 struct nwb_fake **ret_fake) nwb_must_check;
/** nwb_fake_free() - reset all connections, join the tasks, free. The clients
 * must not dial any more. NULL is fine. Blocks. */
void nwb_fake_free(struct nwb_fake *f);

/** nwb_fake_dialer() - makes connections; belongs to @f. -ECONNREFUSED while
 * @f is down. */
struct nwb_dialer *nwb_fake_dialer(struct nwb_fake *f);
/** nwb_fake_serve() - serve one connection; takes @sock over, also on
 * failure. */
int nwb_fake_serve(struct nwb_fake *f, struct nwb_sock *sock) nwb_must_check;

/** nwb_fake_set_faults() - replace all. Numbers in it count from the
 * beginning: see nwb_fake_get_stats(). */
void nwb_fake_set_faults(struct nwb_fake *f, const struct nwb_fake_faults *ft);
/** nwb_fake_get_stats() - counts since nwb_fake_new(), over all connections and
 * crashes, all of one moment. Context: a task; short lock. */
void nwb_fake_get_stats(struct nwb_fake *f, struct nwb_fake_stats *ret_stats);
/** nwb_fake_reset_all() - reset all connections; nothing is lost. */
void nwb_fake_reset_all(struct nwb_fake *f);
/** nwb_fake_crash() - reset all connections, forget parked writes, put every
 * file back to what was flushed (nothing, when never), begin a new instance. */
void nwb_fake_crash(struct nwb_fake *f);

/** nwb_fake_put() - create or replace file @name, behind its hole; durable. 0, -ENOMEM, or
 * -EFBIG. */
int nwb_fake_put(struct nwb_fake *f, const char *name, const void *data,
		 size_t len) nwb_must_check;
/**
 * nwb_fake_get() - look into a file, beside all protocols.
 * @is_durable: what a crash would leave, instead of what is there
 * @buf, @len: where to, at most; bytes at @offset
 * @ret_size: size of the file; may be NULL
 *
 * Return: bytes copied, or -ENOENT.
 */
ssize_t nwb_fake_get(struct nwb_fake *f, const char *name, bool is_durable,
		     uint64_t offset, void *buf, size_t len,
		     uint64_t *ret_size) nwb_must_check;

#endif
