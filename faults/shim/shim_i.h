/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the shim.
 *
 *	hooks*.c   read recvmsg ...   write sendmsg ...   pwrite fsync ...
 *	             │                   │                    │
 *	rx.c ────────┘     tx.c ─────────┘     effect.c ──────┘
 *	  frames, requests   replies, credits    storage, durable copy
 *	             ├─ sealed.c ────────┤   encrypted sessions: what is in them
 *	             └───────┬───────────┘            │
 *	             conn.c: open requests, handles ◄─┘ (whose write is it?)
 *	             rule.c: which rule takes this event
 *	             queue.c: held PDUs, one sender thread a process
 *
 * Everything but hooks*.c is the "logic": it reaches the system through struct
 * sh_ops and is unit-tested and sanitised as a static library. The shared
 * object itself links libc only and is never sanitised.
 *
 * Locks: conn->lock (state of a connection) is never held across a system
 * call; conn->tx_lock (order of bytes on the socket) is held across one send,
 * and the sender thread only ever tries it. conn->tx_lock before conn->lock
 * before the queue's lock. Nothing is held while something is delayed.
 */
#ifndef NWB_SHIM_I_H
#define NWB_SHIM_I_H

#include "nwb/faultctl.h"
#include "nwb/ledger.h"
#include <pthread.h>
#include <sys/types.h>
#include <sys/uio.h>

#define SH_HEAD	     4096u /* bytes of a frame that are kept at most */
#define SH_NAME	     64u
#define SH_COMPOUND  4u /* PDUs of a compound that are recorded */
#define SH_RELIEF_NS (30 * NWB_MSEC)

/* SMB2 commands ([MS-SMB2] 2.2.1.2) and 9P types that the shim looks into. */
enum {
	SMB_NEGOTIATE = 0,
	SMB_SESSION_SETUP = 1,
	SMB_TREE_CONNECT = 3,
	SMB_CREATE = 5,
	SMB_CLOSE = 6,
	SMB_FLUSH = 7,
	SMB_READ = 8,
	SMB_WRITE = 9,
	SMB_CANCEL = 12,
	SMB_SET_INFO = 17,
	P9_RLERROR = 7,
	P9_TLOPEN = 12,
	P9_TLCREATE = 14,
	P9_TSETATTR = 26,
	P9_TFSYNC = 50,
	P9_TVERSION = 100,
	P9_RERROR = 107,
	P9_TATTACH = 104,
	P9_TFLUSH = 108,
	P9_TWALK = 110,
	P9_TREAD = 116,
	P9_TWRITE = 118,
	P9_TCLUNK = 120,
	P9_TREMOVE = 122,
};

#define SMB_FLAG_RESPONSE 0x1u
#define SMB_FLAG_ASYNC	  0x2u
#define SMB_FLAG_SIGNED	  0x8u
#define SMB_PENDING	  0x103u

/* One message, as far as it matters here. */
struct sh_pdu {
	uint16_t cmd;  /* SMB2 command, or 9P T-type of both directions */
	uint16_t type; /* as it stands on the wire */
	bool is_reply;
	bool is_interim;
	bool is_signed;
	bool is_binding; /* SESSION_SETUP: one more channel of a session */
	bool has_extent;
	bool has_fid;
	uint16_t charge;
	uint16_t credits; /* asked for or granted */
	uint32_t status;  /* replies: NTSTATUS or errno */
	uint32_t next;	  /* compound: offset of the next PDU, 0: last */
	uint32_t newfid;  /* Twalk; Tflush: oldtag */
	uint64_t mid;
	uint64_t fid; /* handle: persistent FileId, or fid */
	uint64_t off, len;
	uint64_t count;	    /* replies of WRITE: bytes */
	uint64_t msize;	    /* Rversion */
	char name[SH_NAME]; /* base name: CREATE, Twalk, Tlcreate */
};

bool sh_smb_decode(const uint8_t *pdu, size_t len, struct sh_pdu *ret);
bool sh_p9_decode(const uint8_t *frame, size_t len, struct sh_pdu *ret);

/* --- frames: bytes to messages --- */
enum sh_frame_state {
	SH_FRAME_MORE,
	SH_FRAME_DONE,	 /* the frame is complete */
	SH_FRAME_BROKEN, /* this is no such stream */
};

struct sh_frame {
	uint64_t len; /* of the frame, with its length field; 0: unknown */
	uint64_t got;
	uint32_t have;	   /* bytes in head */
	uint32_t want;	   /* bytes that shall be in head */
	uintptr_t payload; /* address of the payload of a write, or 0 */
	uint64_t elem; /* compound of WRITEs: where the next one begins, or 0 */
	uint8_t head[SH_HEAD];
};

void sh_frame_reset(struct sh_frame *f);
enum sh_frame_state sh_frame_feed(struct sh_frame *f, enum nwb_fc_proto proto,
				  const uint8_t *p, size_t n, size_t *ret_used);
uint64_t sh_frame_len(const uint8_t *head, enum nwb_fc_proto proto);

/* --- rules --- */
struct sh_ev {
	enum nwb_fc_event ev;
	uint16_t cmd;
	uint16_t file;
	bool has_extent;
	bool is_attached; /* past the negotiation */
	bool eof_extends;
	bool is_first; /* first SESSION_SETUP of the connection */
	bool is_interim;
	uint32_t status;
	uint32_t inflight;
	uint32_t conn;
	uint32_t grant; /* credits that the reply carries */
	int64_t credits;
	uint64_t mid, off, len;
	const char *name; /* base name, NULL: unknown */
};

/* What the rules want: @before at once, @mark at the request's pwrite or
 * fsync, @after at its answer. The masks name the rules. */
struct sh_take {
	uint16_t before, mark, after; /* NWB_FC_DO_* */
	uint32_t rules_before, rules_mark, rules_after;
	uint64_t hold_ns, delay_ns, short_len;
	int error;
	uint32_t grant;
};

struct sh_ops;
struct sh_env {
	struct nwb_fc_page *page;
	struct nwb_ledger *ledger; /* NULL: none */
	struct nwb_stamp_key key;
	const struct sh_ops *ops;
	int durable_fd; /* directory, -1: none */
};

extern struct sh_env sh;

void sh_rules_eval(const struct sh_ev *ev, struct sh_take *t);
void sh_rules_hit(uint32_t rules, const struct sh_ev *ev);
bool sh_glob(const char *pattern, const char *name);
/** sh_wants() - does some rule wait for the event, and are faults on? */
bool sh_wants(enum nwb_fc_event ev);
/** sh_grant_in_force() - is some rule limiting credits just now? */
bool sh_grant_in_force(const struct sh_ev *ev);
void sh_count_op(enum nwb_plan_op op);

/* --- connections --- */
struct sh_req {
	uint64_t mid, fid, off, len;
	uintptr_t payload;
	uint16_t cmd, charge, file;
	bool has_extent;
	bool is_linked; /* its pwrite or fsync was seen */
	bool is_binding;
	bool grant_done; /* credits of its next reply are decided */
	uint32_t newfid;
	uint64_t hold_ns; /* by the famine's relief */
	struct sh_take take;
	char name[SH_NAME];
	int32_t hash_next, prev, next; /* indices, -1: none */
};

struct sh_handle {
	struct sh_handle *next;
	uint64_t fid;
	uint16_t file;
	char name[SH_NAME];
};

#define SH_REQ_BUCKETS	  256u
#define SH_HANDLE_BUCKETS 64u

/* A PDU on its way out: what is recorded of it. */
struct sh_out {
	unsigned int nr;
	struct nwb_lrec proto[SH_COMPOUND];
	struct nwb_lrec *rec[SH_COMPOUND]; /* begun */
};

struct sh_held {
	struct sh_held *next;
	struct sh_conn *conn;
	uint64_t due;
	size_t len, sent;
	struct sh_out out;
	uint8_t data[];
};

struct sh_conn {
	struct sh_conn *next; /* list of all, or graveyard */
	int fd;
	uint32_t port;
	enum nwb_fc_proto proto;
	pthread_mutex_t lock;
	pthread_mutex_t tx_lock;
	_Atomic int cut;	/* 0, SH_CUT_RST or SH_CUT_FIN */
	_Atomic bool is_down;	/* CONN_DOWN was recorded */
	_Atomic bool is_active; /* this process read something from it */
	_Atomic bool is_dead;	/* closed */
	_Atomic bool sending;	/* the sender thread is at it */

	/* under lock */
	struct sh_frame rx;
	bool rx_broken;
	unsigned int nr_unopened; /* encrypted frame, not decrypted yet */
	bool is_attached;
	unsigned int nr_setups;
	const void *sign_key;
	int64_t balance; /* credits that the client holds */
	uint64_t withheld;
	uint32_t need_charge; /* the largest charge seen */
	uint32_t nr_open;
	struct sh_req *req;
	int32_t nr_req, free_req, first_req, last_req;
	int32_t req_bucket[SH_REQ_BUCKETS];
	struct sh_handle *handle_bucket[SH_HANDLE_BUCKETS];

	/* under tx_lock */
	bool tx_broken;
	uint64_t tx_need; /* bytes left of a PDU that the server sends itself */
	bool tx_decided;
	struct sh_take tx_take;
	uint32_t tx_credits; /* that the decided frame carries */
	struct sh_out tx_out;
	struct sh_held *partial; /* the queue's, begun and not finished */
};

#define SH_CUT_RST 1
#define SH_CUT_FIN 2

struct sh_conn *sh_conn_new(int fd, uint32_t port, enum nwb_fc_proto proto);
struct sh_conn *sh_conn_adopt(int fd, uint32_t port);
void sh_conn_given(uint32_t port);
/** sh_conn_close() - the server closes it; the memory stays a while. */
void sh_conn_close(struct sh_conn *c);
void sh_conn_down(struct sh_conn *c);
/** sh_conn_cut() - RST or FIN, at once; what is queued is dropped. */
void sh_conn_cut(struct sh_conn *c, int how);
void sh_conns_reset_after_fork(void);

struct sh_req *sh_req_add(struct sh_conn *c, const struct sh_pdu *p);
struct sh_req *sh_req_find(struct sh_conn *c, uint64_t mid);
void sh_req_del(struct sh_conn *c, struct sh_req *r);
/** sh_handle_find() - a copy of what is known of @fid; false: nothing. */
bool sh_handle_find(struct sh_conn *c, uint64_t fid, struct sh_handle *ret);
void sh_handle_set(struct sh_conn *c, uint64_t fid, const char *name);
void sh_handle_del(struct sh_conn *c, uint64_t fid);
void sh_handles_free(struct sh_conn *c);
void sh_handles_forget(void);
void sh_handles_reset_after_fork(void);

/* What an effect learns about its request; a copy. */
struct sh_link {
	bool found;
	uint32_t conn;
	uint32_t fid;
	uint64_t mid;
	uint16_t cmd;
	struct sh_take take; /* marks only */
};

void sh_link_write(const void *buf, uint64_t off, uint64_t len, uint16_t file,
		   struct sh_link *ret);
void sh_link_flush(uint16_t file, struct sh_link *ret);
/** sh_conn_signing() - the connection on which the reply @p is about to be
 * signed with @key, locked; NULL: none. */
struct sh_conn *sh_conn_signing(const void *key, const struct sh_pdu *p,
				struct sh_req **ret_req);

/* --- the two directions --- */
/**
 * sh_rx() - @n bytes arrived in @iov.
 * Return: how many of them the server may see; -1: none, it was cut (errno).
 */
ssize_t sh_rx(struct sh_conn *c, const struct iovec *iov, int nr_iov,
	      ssize_t n);

typedef ssize_t (*sh_send_fn)(void *arg, const struct iovec *iov, int nr_iov);
/** sh_tx() - the server sends @iov; @send does it really. As sendmsg(2). */
ssize_t sh_tx(struct sh_conn *c, struct iovec *iov, int nr_iov, sh_send_fn send,
	      void *arg);

/** sh_grant() - decide the credits of a reply; called with c->lock.
 * Return: what the reply shall carry. */
uint16_t sh_grant(struct sh_conn *c, struct sh_req *r, const struct sh_pdu *p);
/** sh_sign() - the server is about to sign @hdr, which may be changed.
 * @key: what it signs with; only compared */
void sh_sign(const void *key, uint8_t *hdr, size_t len);
/** sh_credits_before() - decide the credits of the reply with the header @hdr
 * of 64 bytes before it is signed with @key, or encrypted (NULL). False: it is
 * no SMB2 header. */
bool sh_credits_before(const void *key, uint8_t *hdr);
/** sh_request() - one whole request; with c->lock. Return: 0, or the cut
 * (NWB_FC_DO_*) that must come before it. */
uint16_t sh_request(struct sh_conn *c, const struct sh_pdu *p);

/* --- encrypted sessions: see sealed.c --- */
bool sh_is_sealed(const uint8_t *pdu, size_t len);
void sh_sealed_arrived(struct sh_conn *c);
bool sh_unsealed(const struct iovec *iov, int nr, bool ok);
void sh_seal(struct iovec *iov, int nr);
void sh_sealed(const uint8_t *transform);
size_t sh_sealed_take(const uint8_t *transform, uint8_t *head);
void sh_sealed_reset_after_fork(void);

void sh_out_begin(struct sh_out *o);
void sh_out_end(struct sh_out *o);

/* --- held PDUs --- */
/** sh_queue_add() - copy a PDU, to be sent at @due (ns). 0 or -ENOMEM. */
int sh_queue_add(struct sh_conn *c, const struct iovec *iov, int nr_iov,
		 size_t len, uint64_t due, const struct sh_out *out);
void sh_queue_purge(struct sh_conn *c);
void sh_queue_reset_after_fork(void);
/** sh_queue_run() - send what is due at @now. Return: when to look again
 * (NWB_NEVER: it is empty). For the sender thread and for tests. */
uint64_t sh_queue_run(uint64_t now);
/** sh_sleep() - wait; ends early when faults are healed. Returns ns slept. */
uint64_t sh_sleep(uint64_t ns);

/* --- effects --- */
struct sh_file {
	struct sh_file *next;
	uint16_t id; /* of the ledger's table, 0: not in it */
	char name[SH_NAME];
};

const struct sh_file *sh_file_intern(const char *path);

typedef ssize_t (*sh_pwrite_fn)(int fd, const void *buf, size_t len, off_t off);
ssize_t sh_pwrite(const struct sh_file *f, int fd, const void *buf, size_t len,
		  off_t off, sh_pwrite_fn real);
int sh_fsync(const struct sh_file *f, int fd, int (*real)(int fd));
int sh_ftruncate(const struct sh_file *f, int fd, off_t size,
		 int (*real)(int fd, off_t size));
void sh_trunc_begin(const struct sh_file *f, off_t size,
		    struct nwb_lrec **ret_rec);
void sh_trunc_end(struct nwb_lrec *rec, int result);
int sh_durable_copy(int fd, const char *name);

/* --- the system --- */
struct sh_ops {
	uint64_t (*now)(void);
	/* of the sender thread: never blocks */
	ssize_t (*send)(int fd, const void *buf, size_t len);
	void (*rst)(int fd);
	void (*fin)(int fd);
	void (*wake)(_Atomic uint32_t *word);
	/* until @word != @seen or @ns */
	void (*wait)(_Atomic uint32_t *word, uint32_t seen, uint64_t ns);
	void (*start_sender)(void); /* make the thread of this process */
	void (*die)(int main_pid);  /* SIGKILL to the server and oneself */
	uint64_t (*file_size)(int fd);
};

static inline uint64_t sh_count(_Atomic uint64_t *c)
{
	return atomic_fetch_add_explicit(c, 1, memory_order_relaxed) + 1;
}

static inline struct nwb_lrec *sh_rec_point(const struct nwb_lrec *proto)
{
	return sh.ledger ? nwb_ledger_point(sh.ledger, proto) : NULL;
}

static inline struct nwb_lrec *sh_rec_begin(const struct nwb_lrec *proto)
{
	return sh.ledger ? nwb_ledger_begin(sh.ledger, proto) : NULL;
}

static inline void sh_rec_end(struct nwb_lrec *rec)
{
	if (rec)
		nwb_ledger_end(sh.ledger, rec);
}

/** sh_die() - the rule says kill: by now everything is recorded. */
void sh_die(uint16_t actions);
uint32_t sh_instance(void);

#endif
