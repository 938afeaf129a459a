/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside lib/p9.
 *
 *	caller ─ req_begin ─► tag ─► turn ─► outstanding ─ sendv ─► wire
 *	                       ▲                 │
 *	                       └─ free ◄─ answer ┤◄─ receiver ◄─ wire
 *	                                         └◄─ lose, Rflush
 *
 * A request is registered (tags[], outstanding) when it owns both a tag and the
 * turn to send, so that a caller who still waits for either has sent nothing.
 * From then on it is *answered* exactly once, under the lock, by whichever
 * comes first: its reply, the Rflush that cancelled it, or the loss of the
 * connection. It is *completed* (done() or a wake) without the lock by the one
 * who answered it; but while its sender is still inside nwb_sock_sendv() the
 * sender does that when it comes out, because the payload is referenced until
 * then.
 *
 * Locking: c->lock protects everything, is never held across socket calls other
 * than shutdown, and is not held in callbacks. The turn (send_busy) is what
 * serialises senders, owns send_buf and send_iov, and keeps the socket alive.
 *
 * Connection: DOWN -> SETUP (socket made, Tversion, Tattach) -> UP -> DOWN.
 * Each socket has a number, conn_epoch, and everything that belongs to one
 * carries it; its tags come from a range of their own, because a server may
 * answer a request of a lost connection on a later one (nfs-ganesha 4.3 does,
 * when the number of the socket is used again). The receiver and the socket of
 * a lost connection are cleared away by the next attempt, or by nwb_p9_free().
 */
#ifndef P9_INTERNAL_H
#define P9_INTERNAL_H

#include "nwb/mem.h"
#include "nwb/p9.h"
#include "nwb/p9_pdu.h"
#include "nwb/wait.h"

#include <errno.h>
#include <string.h>

#define P9_ROOT_FID	 0u
#define P9_SEND_BUF	 8192u /* header of any request; a Tsymlink */
#define P9_SEND_IOV	 256u
#define P9_DEFAULT_MSIZE 65536u
/* 1 MiB of a msize of 64 KiB: more on its way only lies in the buffers of
 * sockets, whose memory is then cold each time it is filled. */
#define P9_DEFAULT_TAGS 16u
#define P9_MAX_TAGS	0xfff0u
#define P9_MAX_MSIZE	(16u << 20)

struct p9_req;

struct p9_req_ops {
	/* Take the outcome: @code is 0 (@msg is the reply) or a negative errno
	 * (@msg is the Rlerror or NULL). Lock held; once. */
	void (*answer)(struct p9_req *r, int code,
		       const struct nwb_p9_msg *msg);
	/* Tell the owner; @r is his again. No lock held; once. */
	void (*complete)(struct p9_req *r);
};

struct p9_req {
	struct nwb_list link; /* c->outstanding, oldest first */
	struct nwb_p9 *c;
	const struct p9_req_ops *ops;
	const struct nwb_p9_file *file; /* whose it is, NULL: nobody's */
	uint64_t deadline_ns;
	uint32_t epoch;
	uint16_t tag; /* index; on the wire, tag_base is added */
	uint8_t type;
	bool is_setup;	   /* Tversion, Tattach */
	bool is_cancelled; /* wants a Tflush */
	bool is_sending;   /* its sender is between begin and end */
	bool is_answered;  /* and completed by the sender if is_sending */
};

enum p9_state {
	P9_DOWN,
	P9_SETUP,
	P9_UP
};

/* The one Tflush that may be under way; it has a tag of its own. */
struct p9_flush {
	bool is_active;
	bool is_sent;
	uint16_t oldtag; /* not reusable until Rflush */
	uint32_t epoch;
	uint64_t deadline_ns;
};

struct nwb_p9 {
	struct nwb_exec *ex;
	struct nwb_dialer *dialer;
	char *aname;
	char *uname;
	uint32_t uid;
	uint32_t want_msize;
	uint32_t max_tags;
	uint64_t timeout_ns;
	uint64_t settle_ns;

	struct nwb_mutex lock;
	struct nwb_waitq tag_wq;   /* a tag was freed */
	struct nwb_waitq turn_wq;  /* nobody is sending */
	struct nwb_waitq sync_wq;  /* a synchronous request was answered */
	struct nwb_waitq state_wq; /* an attempt or a reopen has ended */
	struct nwb_waitq watch_wq; /* the watchdog has something to look at */

	enum p9_state state;
	uint32_t conn_epoch; /* of the present or the last socket */
	struct nwb_sock *sock;
	struct nwb_task *receiver;
	bool is_connecting;
	bool is_stopping;
	int attempt_result;
	struct nwb_err attempt_err;
	struct nwb_err loss; /* why the last connection ended */
	bool was_up;
	uint64_t lost_at_ns;
	uint32_t next_fid;
	_Atomic bool has_no_at; /* neither Tunlinkat nor Trenameat */

	struct p9_req **tags;
	bool *is_late; /* by tag: cancelled, and a reply never came */
	uint16_t tag_base;
	uint32_t nr_cancelled; /* outstanding, their Tflush still to come */
	uint16_t *free_ring; /* first in, first out: reuse as late as can be */
	uint32_t free_head, nr_free;
	struct p9_req *version_req; /* the one with NWB_P9_NOTAG */
	struct nwb_list outstanding;

	struct p9_flush flush;
	struct nwb_work flush_work;
	struct nwb_task *watchdog;
	bool is_watch_idle;

	bool send_busy; /* the turn */
	uint8_t *send_buf;
	struct iovec *send_iov;
	uint8_t *recv_buf;
	uint32_t recv_size;

	struct nwb_p9_stats stats;
};

struct nwb_p9_file {
	struct nwb_p9 *c;
	char *name;
	uint32_t fid;
	uint32_t epoch;	 /* connection on which @fid is open; 0: none */
	uint32_t iounit; /* largest transfer that its server wants; 0: any */
	bool is_opening;
	uint32_t nr_users; /* requests that name @fid, or are about to */
};

/* A synchronous request, on its caller's stack. */
struct p9_sync {
	struct p9_req req;
	const struct nwb_p9_file *file; /* may cancel it; NULL: nobody */
	bool is_done;
	int code;
	struct nwb_p9_msg reply; /* strings and data do not outlive it */
	void *dst;		 /* Tread, Treaddir, Treadlink */
	uint32_t dst_len;
	const void *src; /* payload of a Twrite to an xattr */
	uint32_t src_len;
	char version[16]; /* Rversion */
};

/* req.c */

/**
 * nwb_p9_req_begin() - get a tag and the turn to send, and register @r.
 * @epoch: connection it is for
 * Return: 0: send, then p9_req_end(); -ECONNABORTED: that connection is gone,
 * nothing happened.
 * Context: lock held, released while waiting.
 */
int nwb_p9_req_begin(struct p9_req *r, uint32_t epoch) nwb_must_check;
/**
 * nwb_p9_req_send() - encode @m with the tag of @r, send it and @len bytes of
 * @iov, and give the turn back. Completes @r if it was answered meanwhile.
 * Return: 0; or -ENOSPC, -EINVAL when @m cannot be encoded: not sent, and @r
 * is unregistered and not completed.
 * Context: lock not held; the caller owns the turn.
 */
int nwb_p9_req_send(struct p9_req *r, struct nwb_p9_msg *m,
		    const struct iovec *iov, unsigned int nr_iov,
		    size_t len) nwb_must_check;
/** nwb_p9_req_reply() - a frame has arrived. Return: 0, or -EPROTO with @err:
 * the connection must go. */
int nwb_p9_req_reply(struct nwb_p9 *c, uint32_t epoch,
		     const struct nwb_p9_msg *m,
		     struct nwb_err *err) nwb_must_check;
/** nwb_p9_wire_tag() - what stands on the wire for tag index @tag. */
static inline uint16_t nwb_p9_wire_tag(const struct nwb_p9 *c, uint16_t tag)
{
	return tag == NWB_P9_NOTAG ? tag : (uint16_t)(c->tag_base + tag);
}
/** nwb_p9_take_turn() - wait until nobody sends on connection @epoch. Lock
 * held. */
int nwb_p9_take_turn(struct nwb_p9 *c, uint32_t epoch) nwb_must_check;
/** nwb_p9_release_turn() - lock held. */
void nwb_p9_release_turn(struct nwb_p9 *c);
/** nwb_p9_send() - @hdr and @len bytes of @iov, by the owner of the turn. */
int nwb_p9_send(struct nwb_p9 *c, size_t hdr_len, const struct iovec *iov,
		unsigned int nr_iov, size_t len) nwb_must_check;
/** nwb_p9_tags_reset() - all tags free, for connection conn_epoch. Lock held.
 */
void nwb_p9_tags_reset(struct nwb_p9 *c);
/** nwb_p9_tag_free() - lock held. */
void nwb_p9_tag_free(struct nwb_p9 *c, uint16_t tag);
/** nwb_p9_answer() - unregister @r and hand it its outcome. Lock held. Return:
 * true: the caller must call ops->complete() without the lock. */
bool nwb_p9_answer(struct p9_req *r, int code, const struct nwb_p9_msg *msg);

/* conn.c */

/** nwb_p9_lose() - connection @epoch is lost: everything outstanding completes
 * with -ECONNABORTED. Idempotent. Lock not held. @reset: be rude. */
void nwb_p9_lose(struct nwb_p9 *c, uint32_t epoch, bool reset, int code,
		 const char *fmt, ...) nwb_printf(5, 6);
/** nwb_p9_conn_clear() - wait for sender and receiver of the lost connection
 * and close its socket. Lock not held. */
void nwb_p9_conn_clear(struct nwb_p9 *c);

/* file.c */

/** nwb_p9_file_put() - a request of @f is over, lock held. */
void nwb_p9_file_put(struct nwb_p9_file *f);

/** nwb_p9_file_limit() - nwb_p9_max_write(), lock held. */
uint32_t nwb_p9_file_limit(const struct nwb_p9_file *f);

/* walk.c */

/** nwb_p9_new_fid() - one that was never used on this connection. */
uint32_t nwb_p9_new_fid(struct nwb_p9 *c);
/** nwb_p9_clunk() - give up a fid of connection @epoch. */
void nwb_p9_clunk(struct nwb_p9 *c, uint32_t epoch, uint32_t fid);
/**
 * nwb_p9_walk() - a new fid for @path, from the root; as many Twalks as it
 * needs. Empty elements and "." are left out; nothing left is the root.
 * @len: bytes of @path that count
 * Return: 0; -ENOENT, -ENOTDIR, -ENAMETOOLONG; as nwb_p9_rpc().
 */
int nwb_p9_walk(struct nwb_p9 *c, uint32_t epoch, const char *path, size_t len,
		uint32_t *ret_fid) nwb_must_check;
/** nwb_p9_leaf() - the last element of @path; @ret_dir_len: bytes of what
 * stands before it. -EINVAL: there is none. */
int nwb_p9_leaf(const char *path, struct nwb_p9_str *ret_leaf,
		size_t *ret_dir_len) nwb_must_check;

/* recv.c */
void nwb_p9_receiver(void *arg);

/* flush.c */
void nwb_p9_watchdog(void *arg);
void nwb_p9_flush_work(struct nwb_work *work);
/** nwb_p9_flush_reply() - the frame with the tag of the Tflush. Lock held.
 * @ret_done: the cancelled request to complete without the lock, or NULL. */
int nwb_p9_flush_reply(struct nwb_p9 *c, const struct nwb_p9_msg *m,
		       struct p9_req **ret_done,
		       struct nwb_err *err) nwb_must_check;
static inline uint16_t nwb_p9_flush_tag(const struct nwb_p9 *c)
{
	return nwb_p9_wire_tag(c, (uint16_t)c->max_tags);
}

/* sync.c */

/**
 * nwb_p9_rpc() - send @m on connection @epoch and wait for the answer.
 * @s: reply on success; dst and dst_len set by the caller for Tread, else 0
 * Return: 0; -ECONNABORTED: lost, outcome unknown or nothing sent; -ETIMEDOUT,
 * -ECANCELED: ended by Tflush, outcome unknown; -errno of an Rlerror,
 * -EREMOTEIO when that is one of the three or -EAGAIN; -EPROTO.
 */
int nwb_p9_rpc(struct nwb_p9 *c, uint32_t epoch, bool is_setup,
	       struct nwb_p9_msg *m, struct p9_sync *s) nwb_must_check;
/** nwb_p9_ecode_errno() - Rlerror's number as a negative errno; one that is
 * none (0 looks like success) is -EPROTO. */
int nwb_p9_ecode_errno(uint32_t ecode);

#endif
