/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the SMB2 client. What it is for its users: nwb/smb2.h.
 *
 *	struct nwb_smb2		the session: id, tree, limits, files, policy
 *	   └─ chan[i]		a connection of it: socket, credits, MessageId
 *				window, outstanding requests, timer, signers,
 *				receiver task
 *
 * The session and each channel go through the same states:
 *
 *	DOWN ── connect ──► CONNECTING ── handshake ok ──► UP (epoch n)
 *	  ▲                     │ failed                     │
 *	  ├─────────────────────┘                            │
 *	  └──────────────────────────────────────────────────┘
 *	     nwb_smb2_chan_lost(): receive or send failed, time is up,
 *	     bad signature
 *
 * The session is UP while one of its channels is; with the last one it is lost,
 * and the next connect makes a new one. Two numbers tell who is who: the epoch
 * of the session (FileIds belong to it) and the instance of a channel (credits
 * and requests belong to it), unique among all channels that this client ever
 * had. Credits reserved on a channel are spent there or given back there, never
 * anywhere else (B1).
 *
 * Locks, outermost first:
 *	file->lock	one reopen of a file at a time; held across CREATE
 *	chan->send_lock	one PDU at a time; MessageIds are taken under it, so
 *			they leave in ascending order; held across
 *			nwb_sock_sendv()
 *	lock		all state below, of the channels too; never held
 *			across I/O or callbacks
 *
 * A request is in its channel's table from before its first byte is sent until
 * its final response came or the channel was lost. Who takes it out completes
 * it, except while its sender is still inside nwb_sock_sendv() with its payload
 * (req->sending): then the result is only noted and the sender completes. So
 * every request completes exactly once, and never while its payload is in use.
 */
#ifndef NWB_SMB2_CLIENT_H
#define NWB_SMB2_CLIENT_H

#include "credits.h"
#include "crypt.h"
#include "nwb/auth.h"
#include "nwb/mem.h"
#include "nwb/smb2.h"
#include "nwb/smb2_ctx.h"
#include "nwb/smb2_pdu.h"
#include "nwb/wait.h"

#include <errno.h>
#include <string.h>

#define TABLE_BUCKETS	    1024u
#define RX_BYTES	    (128u * 1024)
#define TX_BYTES	    (20u * 1024) /* requests without payload */
#define SEND_IOV_MAX	    4096u
#define READ_PIECE	    65536u
#define NAME_BYTES_MAX	    8192u /* PATH_MAX of ASCII */
#define STR_MAX		    256u
#define DEFAULT_MAX_CREDITS 8192u
#define DEFAULT_TIMEOUT_NS  (30 * NWB_SEC)
#define WRITE_MAX	    (8u * 1024 * 1024)
/* With no credit and nothing in flight no server can ever give any. */
#define STARVED_GRACE_NS NWB_SEC
/* Addresses of a server that are remembered. */
#define ADDRS_MAX 8u
/* A channel that could not be bound is tried again after that time. */
#define BIND_AGAIN_NS NWB_SEC

/* Of the session and of each channel. */
enum conn_state {
	CONN_DOWN,
	CONN_CONNECTING,
	CONN_UP,
};

struct sync_call;
struct nwb_smb2_chan;

/**
 * struct req - one outstanding request, in its owner's memory.
 * @hash, @order: table bucket; list in order of deadlines
 * @ch, @instance: channel it belongs to
 * @sending: its sender still uses header and payload
 * @is_known: the result is known, the sender shall complete it
 * @is_interim: a STATUS_PENDING was seen, the charge is paid back
 * @w, @sync: exactly one is set
 */
struct req {
	struct nwb_list hash;
	struct nwb_list order;
	uint64_t mid;
	uint64_t deadline_ns;
	struct nwb_smb2_chan *ch;
	uint32_t instance;
	uint16_t command;
	uint16_t charge;
	bool sending;
	bool is_known;
	bool is_interim;
	uint64_t async_id; /* once is_interim */
	uint32_t status;
	int64_t result;
	struct nwb_smb2_write *w;
	struct sync_call *sync;
};

/**
 * struct sync_call - a request whose caller waits for it.
 * @rsp, @rsp_len: first bytes of the response
 * @data, @data_size: where a READ's payload goes; of other requests, the whole
 *	answer, if it may be longer than @rsp
 * @replay_of: set: a replay on that file, as in struct nwb_smb2_write
 * @result: payload bytes of a READ, 0, or negative errno
 */
struct sync_call {
	struct req r;
	struct nwb_waitq q;
	bool is_done;
	uint8_t rsp[512]; /* a CREATE response with all its contexts */
	size_t rsp_len;
	void *data;
	size_t data_size;
	const struct nwb_smb2_file *replay_of;
};

/* Receive buffer: frames are handed out in place. */
struct rx {
	uint8_t *buf;
	size_t start; /* of the frame handed out last, or of what follows */
	size_t end;
	size_t frame; /* bytes of the frame handed out last */
};

/* A break that is not acknowledged yet (lease.c). */
struct file_break {
	struct nwb_list link; /* c->breaks, empty: none */
	bool is_lease;
	bool needs_ack;
	bool is_running;
	uint32_t to;	/* caching that is left */
	uint32_t epoch; /* of the session that said so */
};

/**
 * struct nwb_smb2_file - under c->lock but for what is constant.
 * @link: c->files
 * @fid, @fid_epoch: FileId and its session; 0 = none
 * @instance: fid_epoch when it was last opened anew
 * @eof: as CREATE said
 * @sequence: the ChannelSequence that the server knows of this open
 * @is_eof_unknown: a size was sent, and nobody knows what became of it
 * @is_durable, @create_guid: the handle can be reclaimed (durable.c)
 * @lease_key: constant, but of a file that was renamed and is opened anew
 * @has_lease, @oplock, @caching: what is granted
 * @is_opening, @has_early, @early: a break that overtakes the answer of CREATE
 * @on_break, @break_arg: owner's
 */
struct nwb_smb2_file {
	struct nwb_smb2 *c;
	struct nwb_mutex lock;
	struct nwb_list link;
	struct nwb_smb2_fid fid;
	uint32_t fid_epoch;
	uint32_t instance;
	uint16_t sequence;
	uint64_t eof;
	bool is_eof_unknown;
	bool is_durable;
	uint8_t create_guid[NWB_SMB2_GUID_LEN];
	uint8_t lease_key[NWB_SMB2_GUID_LEN];
	bool has_lease;
	uint8_t oplock;
	uint32_t caching;
	bool is_opening, has_early;
	struct nwb_smb2_fid early_fid;
	struct file_break early;
	struct file_break brk;
	void (*on_break)(void *arg, uint32_t caching);
	void *break_arg;
	_Atomic bool was_parked;
	bool is_renamed; /* under lock: it had another name once */
	bool is_parked;	 /* under lock: not to be opened before it is renamed */
	bool is_rdonly;	 /* constant */
	uint32_t name_len;
	uint8_t name[NAME_BYTES_MAX];
};

/**
 * struct nwb_smb2_chan - one connection of the session; under c->lock unless
 * said otherwise.
 * @c, @index: whose, and which one; constant
 * @instance: of the newest connection, whatever became of it
 * @addr: IPv4 address it goes to, 0: where the dialer goes by itself
 * @nr_failed: attempts to bind it since it was up
 * @handshake_deadline_ns: 0 = none under way
 * @rx_ended: the present receiver is about to return
 * @receiver: owned by the connecting task
 */
struct nwb_smb2_chan {
	struct nwb_smb2 *c;
	unsigned int index;
	enum conn_state state;
	uint32_t instance;
	uint32_t addr;
	unsigned int nr_failed;
	struct nwb_sock *sock;
	uint64_t handshake_deadline_ns;

	struct credit_pool pool;
	int32_t stale_credits;

	struct nwb_list table[TABLE_BUCKETS];
	struct nwb_list order;
	struct nwb_timer timer;
	bool timer_set;
	uint64_t next_mid;

	struct nwb_mutex send_lock;
	struct signer tx_signer; /* send_lock */
	struct sealer tx_sealer; /* send_lock; ready: all is encrypted */
	uint64_t seal_session;	 /* SessionId of encrypted messages */
	uint8_t *seal_buf;	 /* send_lock; a frame that is encrypted */
	size_t seal_size;
	struct iovec *send_iov;	 /* send_lock */
	uint8_t *tx_buf;	 /* handshake only */
	struct signer rx_signer; /* receiver */
	struct sealer rx_sealer; /* receiver */
	struct rx rx;		 /* receiver, or handshake before it */
	bool rx_ended;
	struct nwb_task *receiver;
};

struct nwb_smb2 {
	struct nwb_exec *ex;
	struct nwb_smb2_opts opts; /* strings point into strings[] */
	char strings[5][STR_MAX];

	struct nwb_mutex lock;
	enum conn_state state;
	uint32_t epoch; /* of the newest session, whatever became of it */
	struct nwb_waitq state_q;
	int connect_rc; /* of the newest attempt */
	struct nwb_err connect_err;

	unsigned int nr_chans;
	struct nwb_smb2_chan chan[NWB_SMB2_CHANNELS_MAX];
	uint32_t last_instance;
	unsigned int last_pick;
	uint32_t addr[ADDRS_MAX]; /* of the server, as it says */
	unsigned int nr_addrs;
	bool is_binding;	   /* some task makes a session or channels */
	struct nwb_task *binder;   /* the newest background task that does */
	uint64_t bind_after_ns;	   /* not before */
	struct nwb_waitq credit_q; /* for credits of whichever channel */
	unsigned int nr_credit_waiters;
	int32_t credits_min;

	struct nwb_list files;
	struct nwb_list breaks; /* files whose brk waits for the breaker */
	struct nwb_waitq break_q;
	bool is_breaker_ended;
	struct nwb_task *breaker;

	/* [MS-SMB2] 3.2.7.1: goes up when a connection is lost, so that the
	 * server can tell what was sent before. Never back, also not for a new
	 * session: a durable open remembers it. */
	uint16_t channel_sequence;
	uint32_t server_caps;

	uint64_t session_id; /* also of the lost one: PreviousSessionId */
	uint32_t tree_id;
	uint8_t guid[16];
	bool sign_all;
	bool encrypt_all;
	bool is_guest;
	int sign_alg; /* NWB_SMB2_SIGN_*, -1: not negotiated yet */
	int cipher;   /* NWB_SMB2_CIPHER_*; NONE: there is no encryption */
	struct session_keys keys;
	/* For every message of every session, whichever channel it leaves by:
	 * who is late with an old key cannot meet a number again. */
	uint64_t next_nonce;
	uint16_t dialect;
	uint32_t max_write;
	uint32_t max_read;
	struct nwb_smb2_stats stats;
};

/* table.c */
void nwb_smb2_table_init(struct nwb_smb2_chan *ch);
void nwb_smb2_table_insert(struct nwb_smb2_chan *ch, struct req *r);
struct req *nwb_smb2_table_find(struct nwb_smb2_chan *ch, uint64_t mid);
void nwb_smb2_table_remove(struct req *r);
void nwb_smb2_table_touch(struct req *r);
void nwb_smb2_req_finish(struct req *r);

/* chan.c */
int nwb_smb2_chan_init(struct nwb_smb2_chan *ch, struct nwb_smb2 *c,
		       unsigned int index) nwb_must_check;
void nwb_smb2_chan_fini(struct nwb_smb2_chan *ch);
int nwb_smb2_chan_connect(struct nwb_smb2_chan *ch, uint32_t addr,
			  uint32_t bind_to, struct nwb_err *err) nwb_must_check;
void nwb_smb2_chan_bury(struct nwb_smb2_chan *ch);
void nwb_smb2_chan_lost(struct nwb_smb2_chan *ch, uint32_t instance);
bool nwb_smb2_chan_is(const struct nwb_smb2_chan *ch, uint32_t instance);
void nwb_smb2_session_lost(struct nwb_smb2 *c, uint32_t epoch);

/* channels.c */
int nwb_smb2_channels_bind(struct nwb_smb2 *c,
			   struct nwb_err *err) nwb_must_check;
void nwb_smb2_channels_mend(struct nwb_smb2 *c);
void nwb_smb2_channels_stop(struct nwb_smb2 *c);
void nwb_smb2_channels_learn(struct nwb_smb2 *c, const void *info, size_t len);

/**
 * struct handshake - NEGOTIATE to TREE_CONNECT of one channel; on success
 * fills session, limits, credits, signers and sealers.
 * @asked, @told: what NEGOTIATE said in both directions, to be asked for again
 *	under a signature before 3.1.1
 */
struct handshake {
	struct nwb_smb2 *c;
	struct nwb_smb2_chan *ch;
	struct nwb_sock *sock;
	bool is_binding; /* one more channel of the session that exists */
	uint64_t mid;
	int32_t credits;
	uint64_t session_id;
	uint64_t previous_session_id;
	uint32_t tree_id;
	uint16_t security_mode;
	uint8_t hash[PREAUTH_HASH_LEN];
	struct nwb_smb2_validate_info asked, told;
	struct nwb_smb2_hdr rsp_hdr;
	uint8_t *rsp;
	uint32_t rsp_len;
};

/* handshake.c */
int nwb_smb2_handshake(struct handshake *h, struct nwb_err *err) nwb_must_check;
int nwb_smb2_exchange(struct handshake *h, unsigned int command, int len,
		      bool sign, const char *what,
		      struct nwb_err *err) nwb_must_check;
int nwb_smb2_refused(struct nwb_err *err, const char *what, uint32_t status);
static inline uint8_t *nwb_smb2_hs_pdu(struct handshake *h)
{
	return h->ch->tx_buf + NWB_SMB2_NBT_LEN;
}

/* negotiate.c */
int nwb_smb2_check_opts(const struct nwb_smb2_opts *o,
			struct nwb_err *err) nwb_must_check;
int nwb_smb2_negotiate(struct handshake *h, struct nwb_err *err) nwb_must_check;
int nwb_smb2_validate_negotiate(struct handshake *h,
				struct nwb_err *err) nwb_must_check;
const char *nwb_smb2_dialect_name(unsigned int dialect);

unsigned int nwb_smb2_gather(struct iovec *iov, const struct nwb_smb2_write *w);
int nwb_smb2_write_check(struct nwb_smb2 *c, struct nwb_smb2_write *w,
			 struct nwb_smb2_fid *ret_fid) nwb_must_check;

/* protect.c */
int nwb_smb2_protect_part(struct nwb_smb2_chan *ch, const struct iovec *iov,
			  unsigned int nr) nwb_must_check;
int nwb_smb2_protect_push(struct nwb_smb2_chan *ch, struct iovec *iov,
			  unsigned int nr) nwb_must_check;
int nwb_smb2_seal_start(struct nwb_smb2_chan *ch,
			uint64_t session_id) nwb_must_check;
int nwb_smb2_protect_send_all(struct nwb_smb2_chan *ch, struct iovec *iov,
			      unsigned int nr) nwb_must_check;
int nwb_smb2_protect_send(struct nwb_smb2_chan *ch, struct iovec *iov,
			  unsigned int nr) nwb_must_check;
int nwb_smb2_protect_open(struct nwb_smb2_chan *ch, uint8_t **pdu,
			  uint32_t *len, bool *ret_sealed,
			  const char **ret_why) nwb_must_check;
int nwb_smb2_protect_check(struct nwb_smb2_chan *ch,
			   const struct nwb_smb2_hdr *h, uint8_t *pdu,
			   uint32_t len, bool is_sealed,
			   const char **ret_why) nwb_must_check;

/* rx.c */
void nwb_smb2_rx_reset(struct rx *rx);
int nwb_smb2_rx_frame(struct rx *rx, struct nwb_sock *sock, uint8_t **ret_pdu,
		      uint32_t *ret_len) nwb_must_check;
void nwb_smb2_receiver(void *arg);
bool nwb_smb2_session_gone(uint32_t status);
bool nwb_smb2_is_interim(const struct nwb_smb2_hdr *h);

/* send.c */
int nwb_smb2_take_one(struct nwb_smb2 *c, uint32_t epoch, bool is_write,
		      struct nwb_smb2_credits *ret_cr) nwb_must_check;
int nwb_smb2_take_many(struct nwb_smb2 *c, uint32_t epoch, unsigned int nr,
		       struct nwb_smb2_credits *ret_cr) nwb_must_check;
int nwb_smb2_req_enter(struct req *r, struct nwb_smb2_credits *cr, uint8_t *pdu,
		       uint32_t flags, uint32_t next) nwb_must_check;
void nwb_smb2_sent(struct req *r);
int nwb_smb2_sync_wait(struct nwb_smb2 *c, struct sync_call *s,
		       uint64_t deadline_ns) nwb_must_check;
int nwb_smb2_req_submit(struct nwb_smb2 *c, struct req *r,
			struct nwb_smb2_credits *cr, uint8_t *frame,
			size_t pdu_len) nwb_must_check;
int nwb_smb2_sync_run(struct nwb_smb2 *c, struct sync_call *s,
		      unsigned int command, uint32_t epoch, uint8_t *frame,
		      int pdu_len, uint64_t deadline_ns) nwb_must_check;

/* file.c */
void nwb_smb2_file_forget(struct nwb_smb2_file *f, bool is_closed);

int nwb_smb2_set_name(uint8_t name[NAME_BYTES_MAX], const char *path,
		      uint32_t *ret_len) nwb_must_check;

/* path.c */
void nwb_smb2_close_fid(struct nwb_smb2 *c, uint32_t epoch,
			const struct nwb_smb2_fid *fid);
void nwb_smb2_attr_of(struct nwb_smb2_attr *ret,
		      const struct nwb_smb2_create_rsp *cr,
		      const struct nwb_smb2_standard_info *std);

/* compound.c */
int nwb_smb2_getattr_at_once(struct nwb_smb2 *c, const char *path,
			     struct nwb_smb2_attr *ret_attr,
			     uint32_t *ret_status) nwb_must_check;

/* durable.c */
#define OPEN_CTX_BYTES 256u
int nwb_smb2_open_contexts(struct nwb_smb2_file *f, bool is_reclaim,
			   struct nwb_smb2_ctx_list *list,
			   uint8_t *ret_oplock) nwb_must_check;
int nwb_smb2_open_granted(struct nwb_smb2_file *f, bool is_reclaim,
			  const struct nwb_smb2_create_rsp *rsp) nwb_must_check;
int nwb_smb2_durable_check(const struct nwb_smb2 *c,
			   struct nwb_err *err) nwb_must_check;

/* lease.c */
int nwb_smb2_breaker_start(struct nwb_smb2 *c) nwb_must_check;
void nwb_smb2_breaker_stop(struct nwb_smb2 *c);
int nwb_smb2_break_received(struct nwb_smb2 *c, const uint8_t *pdu,
			    size_t len) nwb_must_check;
void nwb_smb2_break_early(struct nwb_smb2_file *f);
void nwb_smb2_break_reclaimed(struct nwb_smb2_file *f, uint32_t was);
void nwb_smb2_break_cancel(struct nwb_smb2_file *f);
uint32_t nwb_smb2_oplock_caching(uint8_t level);

/* anon.c: NTLMSSP messages of an anonymous login. */
const void *nwb_smb2_anon_token(unsigned int step, size_t *ret_len);

#endif
