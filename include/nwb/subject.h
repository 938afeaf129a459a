/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A subject is whoever is driven: the reference client in one of its modes, or
 * "raw" (pipelined WRITEs from the caller's buffer, no page cache: the limit).
 * Workloads know this vtable and nothing else.
 *
 * Threads: write and fsync may be called by several tasks at a time, all else
 * by one and not meanwhile. An error that fsync tells is told once.
 */
#ifndef NWB_SUBJECT_H
#define NWB_SUBJECT_H

#include "nwb/exec.h"
#include "nwb/hazard.h"
#include "nwb/ledger.h"
#include "nwb/oracle.h"
#include "nwb/smb2.h"

struct nwb_subject;

/* A server and who comes to it, as nwb_server_info() says; all borrowed. */
struct nwb_subject_peer {
	struct nwb_dialer *dialer;
	bool is_9p;
	const char *share;
	const char *user;
	uint32_t uid;
	const char *password;
	struct nwb_ledger *ledger; /* of a mirror; NULL: none */
};

enum nwb_subject_kind {
	NWB_SUBJ_IN_PLACE,
	NWB_SUBJ_TEMP_PAGE,
	NWB_SUBJ_RAW_COLD, /* every byte sent from its own, pre-stamped memory
			    */
	NWB_SUBJ_RAW_HOT,  /* all sent from one wsize of memory: cache-hot */
	NWB_SUBJ_KINDS
};

/**
 * struct nwb_subject_opts - what to drive and over what.
 * @kind: see above
 * @dialer: borrowed
 * @is_9p, @share, @user, @uid, @password: as nwb_server_info() says
 * @anonymous: no authentication; enough for the in-process fake
 * @sign: SMB: sign every request
 * @dialect, @signing, @encryption: SMB: see struct nwb_smb2_opts
 * @wsize: largest WRITE; 0 = 1 MiB (SMB), what msize allows (9P)
 * @depth: raw: WRITEs in flight; 0 = 16
 * @credits: SMB: most credits to hold; 0 = 8192
 * @msize: 9P: largest message to ask for; 0 = 64 KiB, what diod gives at most
 * @settle_ns: 9P: fence; 0 = 150 ms
 * @cache: enum nwb_cache_mode of nwb/netfs.h
 * @durable: SMB: handles that outlive a connection: 0 off, 1 v1, 2 v2
 * @patience_ns: 0 = 10 s
 * @hard: patience has no end, and attempts have none
 * @max_attempts: of one write; 0 = 64
 * @timeout_ns: unanswered request loses the connection; 0 = 10 s
 * @flavour, @hazards, @no_hazards: see nwb/hazard.h; reference client only
 * @strategy: enum nwb_retry_strategy of nwb/netfs.h
 * @cache_bytes: page cache, faulted in at once; 0 = 160 MiB
 * @mutants: NWB_MUT_* of nwb/netfs_mutants.h
 * @channels: SMB: connections of the session; 0 = 1
 * @mutant_credits: credits of an old connection are counted again
 * @mutant_channel: credits of one channel are spent on another
 * @fscache: reference client: directory for a local cache of the file, NULL:
 *	none
 * @vectored: reference client on SMB: small WRITEs in one frame; 0: one each
 * @crypto_key, @crypto_unit: reference client: content crypto, see struct
 *	nwb_netfs_opts; the ledger's header has the same for the oracle
 * @no_copy: temp-page: see struct nwb_netfs_opts
 * @trace: ring for the reference client's tracepoints (nwb/trace.h); borrowed,
 *	NULL: off
 * @second_user: SMB, reference client: who may write where @user may not, same
 *	password; NULL: nobody
 * @mirror: reference client: a server that gets what is written, too; NULL:
 *	none; borrowed
 * @dirty, @dirty_bg: reference client: bytes that may be dirty or under
 *	writeback before a writer waits, and before writeback begins
 *	(vm.dirty_bytes, vm.dirty_background_bytes; temp pages do not count); 0:
 *	no limit, half of @dirty
 * @strictlimit: the same of this mount alone, temp pages count; 0: none
 * @fscache_short: a fault of @fscache: see struct nwb_cache_opts
 * @ledger: borrowed; the client's SENT, ACKED, GIVEUP and CONNECT go there.
 *	NULL = none
 */
struct nwb_subject_opts {
	enum nwb_subject_kind kind;
	struct nwb_dialer *dialer;
	bool is_9p;
	const char *share;
	const char *user;
	uint32_t uid; /* 9P */
	const char *password;
	bool anonymous;
	bool sign;
	uint16_t dialect;
	enum nwb_smb2_signing signing;
	enum nwb_smb2_encryption encryption;
	uint32_t wsize;
	uint32_t depth;
	uint32_t credits;
	uint32_t msize;
	uint64_t settle_ns;
	unsigned int cache;
	unsigned int durable;
	uint64_t patience_ns;
	bool hard;
	uint32_t max_attempts;
	uint64_t timeout_ns;
	enum nwb_flavour flavour;
	uint32_t hazards;
	uint32_t no_hazards;
	unsigned int strategy;
	uint64_t cache_bytes;
	uint64_t mutants;
	unsigned int channels;
	bool mutant_credits;
	bool mutant_channel;
	const char *fscache;
	unsigned int vectored;
	const uint8_t *crypto_key;
	uint32_t crypto_unit;
	bool no_copy;
	struct nwb_trace *trace;
	const char *second_user;
	const struct nwb_subject_peer *mirror;
	uint64_t dirty, dirty_bg, strictlimit;
	uint64_t fscache_short;
	struct nwb_ledger *ledger;
};

/* Exact counts; UINT64_MAX = does not apply to this subject. */
struct nwb_subject_stats {
	uint64_t rpcs;
	uint64_t write_rpcs;
	uint64_t bytes_sent; /* payload of WRITEs */
	uint64_t bytes_dirtied;
	uint64_t temp_bytes_max;
	uint64_t retries;
	uint64_t reconnects;
	uint64_t gave_up;
	uint64_t opens; /* SMB handles: opened, reclaimed, not given back */
	uint64_t reclaims;
	uint64_t reclaims_refused;
	uint64_t channels;	  /* SMB: connections that carried WRITEs */
	uint64_t channels_lost;	  /* while another one went on */
	uint64_t unstable_resent; /* acked bytes sent again: another open */
	uint64_t retry_rounds;
	uint64_t bytes_reissued;
	uint64_t bytes_copied;	/* into temp pages */
	uint64_t stable_waits;	/* a writer waited for writeback to end */
	uint32_t hazards_fired; /* NWB_HAZARD_BIT()s */
	uint64_t rotations; /* the first identity was refused, the second took
			     * over */
	uint64_t throttled, throttled_ns; /* writers that met a dirty limit */
	uint64_t dirty_max;		  /* dirty or under writeback at once */
	/* of the last close: the local cache held to the server, what the
	 * mirror got */
	uint64_t fscache_bytes, fscache_wrong, fscache_wrong_at;
	uint64_t mirror_bytes;
	bool mirror_was_away; /* when the file was opened */
	bool mirror_is_behind;
	uint64_t chained;      /* WRITEs in a frame with others */
	uint64_t crypto_bytes; /* encrypted; 0: no content crypto */
	uint64_t crypto_fills; /* folios read because a unit was not whole */
	uint64_t crypto_refreshed; /* units read again before a retry */
	uint32_t depth; /* most WRITEs in flight; 0: credits or tags decide */
	uint32_t wsize;
	char signing[16];
	char cipher[16];   /* "none": nothing is encrypted */
	char lost_why[80]; /* SMB: the connection lost last, or "" */
};

struct nwb_subject_ops {
	int (*open)(struct nwb_subject *s, const char *name, uint16_t id,
		    unsigned int flags, struct nwb_err *err);
	ssize_t (*write)(struct nwb_subject *s, const void *buf, size_t len,
			 uint64_t off);
	int (*fsync)(struct nwb_subject *s);
	/* Behind an fsync: 0, or an error: the mirror was left behind before
	 * or by it. May be NULL: the subject has none. */
	int (*mirror_error)(struct nwb_subject *s);
	int (*close)(struct nwb_subject *s);
	void (*stats)(struct nwb_subject *s, struct nwb_subject_stats *ret);
	void (*free)(struct nwb_subject *s);
};

/* A subject drives one file at a time; embedded first in each kind. */
struct nwb_subject {
	const struct nwb_subject_ops *ops;
	struct nwb_exec *ex;
	struct nwb_subject_opts opts;
	struct nwb_policy policy;	 /* what it promises; for the oracle */
	struct nwb_policy mirror_policy; /* and its mirror */
};

/**
 * nwb_subject_check() - is there such a client: does the protocol have what
 * @opts asks for, and has a subject of that kind? Part of nwb_subject_new(),
 * for who wants to know before a server is started.
 *
 * Return: 0 or -EOPNOTSUPP with the reason in @err.
 */
int nwb_subject_check(const struct nwb_subject_opts *opts,
		      struct nwb_err *err) nwb_must_check;

/** nwb_subject_new() - connect and get ready. Blocks. */
int nwb_subject_new(struct nwb_exec *ex, const struct nwb_subject_opts *opts,
		    struct nwb_subject **ret_s,
		    struct nwb_err *err) nwb_must_check;
struct nwb_mount;
/** nwb_subject_mount() - the mount that a reference client drives, borrowed;
 * NULL: it is no reference client. */
struct nwb_mount *nwb_subject_mount(struct nwb_subject *s);
/** nwb_subject_free() - NULL is fine; the file was closed. */
void nwb_subject_free(struct nwb_subject *s);
/** nwb_subject_kind_name() - the word of plans and records; a static string. */
const char *nwb_subject_kind_name(enum nwb_subject_kind kind);
/** nwb_subject_kind_find() - Return: the kind, or -1. */
int nwb_subject_kind_find(const char *name);

#endif
