/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An SMB 2.0.2 to 3.1.1 client: one session, one tree, one connection or
 * several (multichannel) that may be lost and made again.
 *
 *	nwb_smb2 (session, epoch n)
 *	   ├── channel ── receiver task
 *	   │      credits, MessageId window, outstanding requests
 *	   ├── channel ...
 *	   └── nwb_smb2_file: a name, a FileId of this epoch; perhaps a
 *	       durable handle, a lease or an oplock
 *
 * Losing a channel completes every request outstanding on it with -ECONNABORTED
 * (outcome unknown) and puts all its credits away; session and FileIds live on
 * while another channel does, and the lost one is bound again in the
 * background. With the last channel the session is lost. Nothing is retried
 * here: retrying is netfs' business. nwb_smb2_file_ready() connects and opens
 * again when that is needed.
 *
 * Credits are taken as Linux takes them (fs/smb/client/smb2ops.c,
 * smb2_wait_mtu_credits, smb2_adjust_credits, smb2_add_credits): reserved for a
 * largest size first, adjusted when the size is known, spent when sent; those
 * of an older instance are never counted.
 *
 * Threads: everything may be called from any task unless said otherwise;
 * completion callbacks run on the receiver task (or the task that loses the
 * connection) without locks held and must not block or call blocking functions
 * of this header.
 */
#ifndef NWB_SMB2_H
#define NWB_SMB2_H

#include "nwb/exec.h"
#include "nwb/list.h"

#define NWB_SMB2_CHANNELS_MAX 4u

struct nwb_smb2;
struct nwb_smb2_file;
struct nwb_auth_ops;

/* What a client may cache, granted by a lease or an oplock (the bits of a
 * LeaseState, [MS-SMB2] 2.2.13.2.8). */
#define NWB_SMB2_CACHE_READ   1u
#define NWB_SMB2_CACHE_HANDLE 2u
#define NWB_SMB2_CACHE_WRITE  4u
#define NWB_SMB2_CACHE_RWH    7u

enum nwb_smb2_durable {
	NWB_SMB2_DURABLE_OFF,
	NWB_SMB2_DURABLE_V1, /* DHnQ and a batch oplock; any dialect */
	NWB_SMB2_DURABLE_V2, /* DH2Q and a lease; SMB 3.0 and later */
};

/* How requests are signed; what a dialect cannot do is refused by name. */
enum nwb_smb2_signing {
	NWB_SIGNING_BEST, /* what client and server like best */
	NWB_SIGNING_HMAC, /* HMAC-SHA256: 2.0.2, 2.1, 3.1.1 */
	NWB_SIGNING_CMAC, /* AES-CMAC: 3.0.2, 3.1.1 */
	NWB_SIGNING_GMAC, /* AES-GMAC: 3.1.1 */
};

enum nwb_smb2_encryption {
	NWB_ENCRYPT_AUTO, /* when the server or the share wants it */
	NWB_ENCRYPT_ON,	  /* always, or there is no session */
	NWB_ENCRYPT_OFF,  /* no cipher is offered */
};

/* Offers all of 2.0.2, 2.1, 3.0.2 and 3.1.1; the server chooses. */
#define NWB_SMB2_DIALECT_ANY 0xffffu

/**
 * struct nwb_smb2_opts - copied by nwb_smb2_new(), the dialer and auth borrowed.
 * @dialer: makes the TCP connection
 * @auth: token exchange (nwb/auth.h); NULL: anonymous NTLMSSP made here, enough
 *	for the in-process fake
 * @server_name: for the target name and UNC path, for example "faultsrv"
 * @share: share name
 * @user, @password, @domain: empty user = guest/anonymous
 * @dialect: 0x0202, 0x0210, 0x0302, 0x0311 or NWB_SMB2_DIALECT_ANY; 0 = 3.1.1
 * @sign: sign every request (needs a user session)
 * @signing: with what, when something is signed
 * @encryption: AES-128-GCM (3.1.1) or AES-128-CCM (3.0.2) of all that follows
 *	the login (needs a user session); encrypted messages are not signed too
 * @max_credits: most credits to hold; 0 = 8192
 * @timeout_ns: a request unanswered for that long loses the connection;
 *	0 = 30 s
 * @durable: ask for handles that outlive their connection, and reclaim them
 * @caching: NWB_SMB2_CACHE_* to ask for with each open; 0 = nothing, and with
 *	@durable whatever that needs
 * @channels: connections of the session, 1..4; 0 = 1. More than one needs a
 *	user's session, SMB 3 and a server with multichannel: refused otherwise
 * @wait_for_ever: without a credit wait until the connection dies, even when
 *	nothing is in flight that could bring one (hazard H11)
 * @believe_bad_signatures: an answer with a wrong signature counts, as it does
 *	in Linux, which only logs it (hazard H16)
 * @count_stale_credits: mutant "credits counted twice after reconnect"; only
 *	obeyed in builds with NWB_MUTANTS
 * @repick_channel: mutant "credits reserved on one channel, spent on another"
 *	(B1); the same
 */
struct nwb_smb2_opts {
	struct nwb_dialer *dialer;
	const struct nwb_auth_ops *auth;
	const char *server_name;
	const char *share;
	const char *user;
	const char *password;
	const char *domain;
	uint16_t dialect;
	bool sign;
	enum nwb_smb2_signing signing;
	enum nwb_smb2_encryption encryption;
	uint32_t max_credits;
	uint64_t timeout_ns;
	enum nwb_smb2_durable durable;
	uint32_t caching;
	unsigned int channels;
	bool wait_for_ever;
	bool believe_bad_signatures;
	bool count_stale_credits;
	bool repick_channel;
};

/* What was negotiated and what happened; exact counts. */
struct nwb_smb2_stats {
	uint16_t dialect;
	bool is_signed;
	bool is_guest;
	char signing_alg[16]; /* "AES-GMAC", "none" */
	char cipher[16];      /* "AES-128-GCM", "none" */
	char lost_why[80];    /* the connection lost last; "": none was */
	uint32_t max_write, max_read;
	uint64_t nr_requests; /* PDUs sent */
	uint64_t nr_writes;
	uint64_t bytes_written; /* payload of WRITEs sent */
	uint64_t nr_chained;	/* of these, in a frame with others */
	uint64_t nr_pending;	/* interim responses */
	uint64_t nr_connects;
	uint64_t nr_opens;    /* handles opened anew, the first time included */
	uint64_t nr_reclaims; /* handles taken up again as they were */
	uint64_t nr_reclaims_refused;
	uint64_t nr_breaks;	  /* of oplocks and leases */
	uint64_t nr_replays;	  /* sent with FLAGS_REPLAY_OPERATION */
	uint64_t nr_binds;	  /* further channels, also those made again */
	uint64_t nr_chan_lost;	  /* channels lost while another one lived */
	unsigned int nr_channels; /* up now */
	uint64_t chan_writes[NWB_SMB2_CHANNELS_MAX]; /* WRITEs sent */
	uint64_t credit_waits;
	uint64_t credit_wait_ns;
	uint64_t starved_waits;	  /* with nothing in flight (H11) */
	uint64_t nr_bad_believed; /* answers (H16) */
	int32_t credits, in_flight;
	int32_t credits_min;
};

/* Credits set aside for one request (struct cifs_credits). */
struct nwb_smb2_credits {
	uint32_t value;	   /* 0: nothing reserved, one is taken at send */
	uint32_t instance; /* of the channel they belong to */
	uint32_t chan;	   /* its index */
	bool in_flight;	   /* counted in in_flight */
};

/** nwb_smb2_new() - a client, not connected yet. @opts is copied with its
 * strings; the dialer and what @auth leads to are borrowed. Starts a task that
 * answers breaks. Return: 0; -EINVAL, -ENAMETOOLONG: @opts; -ENOMEM; or no
 * task. */
int nwb_smb2_new(struct nwb_exec *ex, const struct nwb_smb2_opts *opts,
		 struct nwb_smb2 **ret_c, struct nwb_err *err) nwb_must_check;
/** nwb_smb2_free() - log off if connected, close, free. All files were closed
 * and no request is outstanding. */
void nwb_smb2_free(struct nwb_smb2 *c);
/**
 * nwb_smb2_connect() - connect, negotiate, authenticate, tree connect, unless
 * connected. Concurrent callers join the attempt under way. One attempt, no
 * retry loop. PreviousSessionId names the session that was lost. With several
 * channels the others are bound before it returns; one that cannot be reached
 * then, or is lost later, is tried again in the background, which every call
 * of this may begin.
 * Return: 0; -ECONNREFUSED, -ECONNRESET, -EACCES, -EPROTO, ... with @err.
 */
int nwb_smb2_connect(struct nwb_smb2 *c, struct nwb_err *err) nwb_must_check;
/** nwb_smb2_disconnect() - drop all connections as if they had been reset. */
void nwb_smb2_disconnect(struct nwb_smb2 *c);
/** nwb_smb2_drop_channel() - drop connection @nr (0..channels - 1) as if it had
 * been reset; nothing if it is not up. */
void nwb_smb2_drop_channel(struct nwb_smb2 *c, unsigned int nr);
/** nwb_smb2_epoch() - number of the present session, 1 for the first;
 * 0 when there is none now. */
uint32_t nwb_smb2_epoch(struct nwb_smb2 *c);
/** nwb_smb2_get_stats() - counts since nwb_smb2_new(), over all sessions;
 * credits and what is in flight are of the channels that are up. All of one
 * moment. */
void nwb_smb2_get_stats(struct nwb_smb2 *c, struct nwb_smb2_stats *ret_stats);

#define NWB_O_CREATE 0x1u /* create when missing */
#define NWB_O_TRUNC  0x2u /* overwrite */
#define NWB_O_EXCL   0x4u /* create only */
#define NWB_O_RDONLY 0x8u /* SMB: and not for writing */

/** nwb_smb2_open() - connect if needed and open @name for reading and writing,
 * or as @flags say. Reopening later never creates or truncates. */
int nwb_smb2_open(struct nwb_smb2 *c, const char *name, unsigned int flags,
		  struct nwb_smb2_file **ret_file,
		  struct nwb_err *err) nwb_must_check;
/** nwb_smb2_open_like() - open the file that @like, of another client, has the
 * name of; for writing, whatever @like was opened for. */
int nwb_smb2_open_like(struct nwb_smb2 *c, struct nwb_smb2_file *like,
		       struct nwb_smb2_file **ret_file,
		       struct nwb_err *err) nwb_must_check;
/** nwb_smb2_file_is_rdonly() - was it opened with NWB_O_RDONLY? */
bool nwb_smb2_file_is_rdonly(const struct nwb_smb2_file *f);
/** nwb_smb2_close() - CLOSE if open on this epoch, and free @f. Return: 0 or
 * the error of the CLOSE. */
int nwb_smb2_close(struct nwb_smb2_file *f);
/**
 * nwb_smb2_file_ready() - make sure that @f has a FileId of the present epoch:
 * connect, reclaim or reopen as needed. One attempt.
 * @ret_instance: the open that the server knows now: the epoch in which it was
 *	last opened anew. A reclaimed handle is the same open as before.
 * Return: 0, or why not (see nwb_smb2_connect(); -ENOENT: the file is gone).
 * Context: blocks.
 */
int nwb_smb2_file_ready(struct nwb_smb2_file *f, uint32_t *ret_instance,
			struct nwb_err *err) nwb_must_check;
/** nwb_smb2_file_is_open() - has @f a FileId of the present session, from the
 * open that @instance of nwb_smb2_file_ready() stands for? */
bool nwb_smb2_file_is_open(struct nwb_smb2_file *f, uint32_t instance);
/** nwb_smb2_file_caching() - NWB_SMB2_CACHE_* that were granted last and not
 * broken since; they count only while nwb_smb2_file_is_open(). */
uint32_t nwb_smb2_file_caching(struct nwb_smb2_file *f);
/** nwb_smb2_file_eof() - the size that the newest CREATE told. */
uint64_t nwb_smb2_file_eof(struct nwb_smb2_file *f);
/** nwb_smb2_file_is_durable() - has the server promised to keep the handle over
 * a lost connection? */
bool nwb_smb2_file_is_durable(struct nwb_smb2_file *f);
/**
 * nwb_smb2_file_on_break() - be told when the server takes caching back.
 * @fn: called on a task of its own with what is left (NWB_SMB2_CACHE_*); may
 *	block and use the file. When it returns the break is acknowledged. NULL:
 *	acknowledge at once; then no call is under way when this returns
 * The server waits 35 s for the acknowledgement and then goes on without.
 */
void nwb_smb2_file_on_break(struct nwb_smb2_file *f,
			    void (*fn)(void *arg, uint32_t caching), void *arg);

/**
 * nwb_smb2_wait_mtu_credits() - reserve credits for a write of up to @size.
 * @deadline_ns: NWB_NEVER to wait for ever
 * @ret_size: how much may be sent, 1..@size (64 KiB when credits are few)
 * @ret_credits: to be given to a write or back with nwb_smb2_put_credits()
 * Return: 0; -ETIMEDOUT; -ECONNABORTED: no connection, or it was given up
 * because for a second there was neither a credit nor a request in flight that
 * could bring one.
 * Context: blocks. Linux: smb2_wait_mtu_credits().
 */
int nwb_smb2_wait_mtu_credits(
	struct nwb_smb2 *c, size_t size, uint64_t deadline_ns, size_t *ret_size,
	struct nwb_smb2_credits *ret_credits) nwb_must_check;
/** nwb_smb2_put_credits() - give unspent credits back; a stale instance's are
 * forgotten. */
void nwb_smb2_put_credits(struct nwb_smb2 *c, struct nwb_smb2_credits *cr);

/**
 * struct nwb_smb2_write - one WRITE; caller's memory until @done was called.
 * @file, @offset, @iov, @nr_iov, @len: what and where (the first @len bytes of
 *	@iov); @iov and what it points to stay unchanged until @done (sent by
 *	reference)
 * @credits: reserved before (adjusted here to what @len needs), or all zero
 * @done: called exactly once unless nwb_smb2_write_async() failed
 * @result: bytes the server took, or negative errno: -ECONNABORTED = unknown
 * @is_replay: these bytes were sent before and nobody knows what became of
 *	them: FLAGS_REPLAY_OPERATION (3.x; [MS-SMB2] 3.3.5.2.10: the server
 *	refuses it with FILE_NOT_AVAILABLE while requests of an older
 *	ChannelSequence are under way)
 * @status: NTSTATUS of the answer, 0 when there was none
 * @epoch: session in which it was sent
 * @instance: open through which it was sent, see nwb_smb2_file_ready()
 */
struct nwb_smb2_write {
	struct nwb_smb2_file *file;
	uint64_t offset;
	const struct iovec *iov;
	unsigned int nr_iov;
	uint32_t len;
	struct nwb_smb2_credits credits;
	void (*done)(struct nwb_smb2_write *w);
	bool is_replay;
	int64_t result;
	uint32_t status;
	uint32_t epoch;
	uint32_t instance;
	/* private to lib/smb2 */
	struct nwb_list link;
	uint64_t priv[24];
};

/**
 * nwb_smb2_write_async() - send a WRITE and return when it is sent.
 * Return: 0 (@done will be called, or was already); -EAGAIN: stale credits or
 * FileId, or a replay while the server does not know yet that a channel was
 * lost; nothing was sent, call nwb_smb2_file_ready() and reserve again;
 * -ECONNABORTED: no connection, nothing was sent; -EOPNOTSUPP: @len needs more
 * credits than were reserved, nothing was sent. Reserved credits are given back
 * on every failure. @done may run before this returns, on this task too.
 * Context: blocks while the socket is full, and for one credit if none was
 * reserved.
 */
int nwb_smb2_write_async(struct nwb_smb2_write *w) nwb_must_check;

/**
 * nwb_smb2_write_hold() - reserve the one credit that nwb_smb2_write_async()
 * would wait for, of a WRITE that is sent later. Nothing if @w has some.
 * @w: @file and @credits are set
 * Return: 0; -EAGAIN, -ECONNABORTED: as nwb_smb2_write_async(); nothing is held.
 * Context: blocks for the credit.
 */
int nwb_smb2_write_hold(struct nwb_smb2_write *w) nwb_must_check;

#define NWB_SMB2_CHAIN_MAX 4u

/**
 * nwb_smb2_write_chain() - send WRITEs to several places in one frame.
 * @w: @nr of them, at most NWB_SMB2_CHAIN_MAX, each with credits reserved
 * Return: 0: @done of each is or will be called; -EOPNOTSUPP: these cannot go
 * together (another channel, too large), nothing was done, send them alone;
 * -EAGAIN, -ECONNABORTED: as nwb_smb2_write_async(), of all of them.
 * Context: as nwb_smb2_write_async().
 */
int nwb_smb2_write_chain(struct nwb_smb2_write *const *w,
			 unsigned int nr) nwb_must_check;

/*
 * Synchronous requests. Each blocks until answered or the connection is lost
 * (-ECONNABORTED; nothing was sent if the handle is of an older session). What
 * the server refuses is nwb_smb2_status_errno() of its status.
 * @ret_status: NTSTATUS of the answer, if there was one; may be NULL
 */

/** nwb_smb2_flush() - FLUSH, [MS-SMB2] 2.2.17. @ret_instance: as that of
 * nwb_smb2_file_ready(), of the open that was flushed. */
int nwb_smb2_flush(struct nwb_smb2_file *f, uint32_t *ret_instance,
		   uint32_t *ret_status) nwb_must_check;
/** nwb_smb2_set_eof() - SET_INFO of FileEndOfFileInformation: cut or extend to
 * @size bytes. After an attempt of unknown outcome it is marked as a replay. */
int nwb_smb2_set_eof(struct nwb_smb2_file *f, uint64_t size,
		     uint32_t *ret_status) nwb_must_check;
/** nwb_smb2_query_eof() - QUERY_INFO of FileStandardInformation. -EPROTO: an
 * answer that is none. */
int nwb_smb2_query_eof(struct nwb_smb2_file *f, uint64_t *ret_size,
		       uint32_t *ret_status) nwb_must_check;
/** nwb_smb2_read() - READs of one credit each, one after the other, until @len
 * bytes are there or the file ends. Return: how many, 0: at or behind the end;
 * negative errno also when some had been read. */
ssize_t nwb_smb2_read(struct nwb_smb2_file *f, uint64_t offset, void *buf,
		      size_t len, uint32_t *ret_status) nwb_must_check;
/** nwb_smb2_echo() - ECHO on the present session; does not connect. */
int nwb_smb2_echo(struct nwb_smb2 *c, uint32_t *ret_status) nwb_must_check;

/* --- several requests in one frame ---------------------------------------- */

/** nwb_smb2_stat() - size of @name, by CREATE, QUERY_INFO and CLOSE in one
 * frame; breaks no lease. Return: 0, -ENOENT, ...; -EOPNOTSUPP: the server
 * gives fewer than three credits. */
int nwb_smb2_stat(struct nwb_smb2 *c, const char *name, uint64_t *ret_size,
		  uint32_t *ret_status) nwb_must_check;
/** nwb_smb2_query_close() - size of @f, and close and free it: QUERY_INFO and
 * CLOSE in one frame, or one after the other where credits are few. */
int nwb_smb2_query_close(struct nwb_smb2_file *f,
			 uint64_t *ret_size) nwb_must_check;

/* --- names -----------------------------------------------------------------
 * Paths are relative to the share's root, which is "", with slashes. Each is
 * one attempt: connect if needed, CREATE, one request, CLOSE. -ECONNABORTED,
 * and what nwb_smb2_connect() fails with: not known whether it was done.
 * -EAGAIN: the server says later (also: what has this name is being removed).
 */

/**
 * struct nwb_smb2_attr - a file or directory.
 * @number: IndexNumber, the file's on the server
 * @attributes: FileAttributes
 * @access_time and the others: FILETIME
 */
struct nwb_smb2_attr {
	uint64_t number;
	uint64_t eof, allocation;
	uint64_t access_time, write_time, change_time;
	uint32_t attributes;
	uint32_t links;
};
/** nwb_smb2_path_getattr() - by CREATE, QUERY_INFO and CLOSE in one frame, or
 * one after the other where credits are few; breaks no lease. */
int nwb_smb2_path_getattr(struct nwb_smb2 *c, const char *path,
			  struct nwb_smb2_attr *ret_attr) nwb_must_check;
/** nwb_smb2_path_set_times() - FILETIMEs; 0: as it is. */
int nwb_smb2_path_set_times(struct nwb_smb2 *c, const char *path,
			    uint64_t access_time,
			    uint64_t write_time) nwb_must_check;
/** nwb_smb2_file_set_times() - through the handle of @f. */
int nwb_smb2_file_set_times(struct nwb_smb2_file *f, uint64_t access_time,
			    uint64_t write_time) nwb_must_check;
/** nwb_smb2_path_create() - a file or directory that is not there; it does not
 * stay open. */
int nwb_smb2_path_create(struct nwb_smb2 *c, const char *path,
			 bool is_dir) nwb_must_check;
/** nwb_smb2_path_unlink() - marks for removal (FileDispositionInformation) and
 * closes: it is gone when nobody has it open. @is_dir: it must be a directory,
 * and empty; false: must be none. */
int nwb_smb2_path_unlink(struct nwb_smb2 *c, const char *path,
			 bool is_dir) nwb_must_check;
/** nwb_smb2_path_rename() - @replace: a file that is not open, if there is one.
 */
int nwb_smb2_path_rename(struct nwb_smb2 *c, const char *from, const char *to,
			 bool replace) nwb_must_check;
/** nwb_smb2_path_link() - @path becomes one more name of @existing. */
int nwb_smb2_path_link(struct nwb_smb2 *c, const char *existing,
		       const char *path) nwb_must_check;
struct nwb_smb2_dir_entry;
/** nwb_smb2_entry_fn - one entry, "." and ".." included; not 0 ends it. */
typedef int (*nwb_smb2_entry_fn)(void *arg, const struct nwb_smb2_dir_entry *e);
/** nwb_smb2_path_readdir() - all of a directory. When it fails, some entries
 * may have been given already. */
int nwb_smb2_path_readdir(struct nwb_smb2 *c, const char *path,
			  nwb_smb2_entry_fn fn, void *arg) nwb_must_check;
struct nwb_smb2_fs_size;
/** nwb_smb2_statfs() - FileFsFullSizeInformation of the share's root. -EPROTO:
 * an answer that is none. */
int nwb_smb2_statfs(struct nwb_smb2 *c,
		    struct nwb_smb2_fs_size *ret_st) nwb_must_check;
/** nwb_smb2_file_rename() - the open file has another name now: @name, by which
 * it is opened again after a loss. Ends what nwb_smb2_file_park() began. */
int nwb_smb2_file_rename(struct nwb_smb2_file *f,
			 const char *name) nwb_must_check;
/** nwb_smb2_file_park() - close the handle; until nwb_smb2_file_rename() nobody
 * opens it again (nwb_smb2_file_ready(): -EAGAIN). A directory that is renamed
 * wants nothing open below. */
void nwb_smb2_file_park(struct nwb_smb2_file *f);
/** nwb_smb2_file_was_parked() - ever: then FILE_CLOSED may be the answer to a
 * request that met its CLOSE on the way. */
bool nwb_smb2_file_was_parked(const struct nwb_smb2_file *f);

/* --- work that the server does -------------------------------------------- */

/**
 * nwb_smb2_ioctl() - one FSCTL on an open file.
 * @in, @in_len: input, at most 1024 bytes
 * @out, @out_size: for the output, at most 256 bytes
 * @ret_len: bytes of output
 * Return, @ret_status: as the other synchronous requests.
 */
int nwb_smb2_ioctl(struct nwb_smb2_file *f, uint32_t code, const void *in,
		   size_t in_len, void *out, size_t out_size, size_t *ret_len,
		   uint32_t *ret_status) nwb_must_check;
/** nwb_smb2_set_sparse() - let what is zeroed be a hole, or not. */
int nwb_smb2_set_sparse(struct nwb_smb2_file *f, bool is_sparse,
			uint32_t *ret_status) nwb_must_check;
/** nwb_smb2_zero_data() - bytes [@from, @end) become zeros; the size stays. */
int nwb_smb2_zero_data(struct nwb_smb2_file *f, uint64_t from, uint64_t end,
		       uint32_t *ret_status) nwb_must_check;
/**
 * nwb_smb2_copychunk() - copy @len bytes inside the server.
 * @src, @dst: open in the same session; may be the same file
 * @ret_done: bytes copied; also on failure, else not written before any
 * Return: 0, or the error of the first chunk that was not copied.
 */
int nwb_smb2_copychunk(struct nwb_smb2_file *src, uint64_t from,
		       struct nwb_smb2_file *dst, uint64_t to, uint64_t len,
		       uint64_t *ret_done, uint32_t *ret_status) nwb_must_check;
/**
 * nwb_smb2_cancel() - ask the server to give up every outstanding request of
 * @command (enum nwb_smb2_command). Each is answered all the same: with
 * STATUS_CANCELLED, or as if nothing had been asked.
 * Return: how many were asked for. Context: blocks while the socket is full.
 */
unsigned int nwb_smb2_cancel(struct nwb_smb2 *c, unsigned int command);

/** nwb_smb2_status_errno() - NTSTATUS to negative errno as Linux maps it
 * (fs/smb/client/smb2maperror.c), 0 for success. */
int nwb_smb2_status_errno(uint32_t status);
/** nwb_smb2_status_name() - "STATUS_DISK_FULL", or "0xc000007f" style. */
const char *nwb_smb2_status_name(uint32_t status, char buf[16]);

#endif
