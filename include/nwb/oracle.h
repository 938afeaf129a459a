/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The oracle: ledgers and final content in, verdict out.
 *
 * Pure: reads records and bytes that the caller has loaded, judges them by
 * O1..O15, says PASS or FAIL with findings, VACUOUS, INCONCLUSIVE or KNOWN.
 * One thread a judgement; allocates as it likes (never in a measured window).
 * The law is in the header comment of each o*.c.
 */
#ifndef NWB_ORACLE_H
#define NWB_ORACLE_H

#include "nwb/err.h"
#include "nwb/ledger.h"

enum nwb_verdict {
	NWB_PASS,
	NWB_FAIL,
	NWB_VACUOUS,
	NWB_INCONCLUSIVE,
	NWB_SKIP,
	NWB_KNOWN,
	NWB_UNEXPECTED_PASS,
};

enum nwb_fence {
	NWB_FENCE_NONE,
	NWB_FENCE_SETTLE,  /* 9P: waits settle_ns before it sends again */
	NWB_FENCE_SESSION, /* SMB: the old session is closed by the new one */
	NWB_FENCE_DURABLE,
};

/* What the subject under judgement promises; declared and printed. */
struct nwb_policy {
	bool redirty;	     /* after a failed writeback: dirty again */
	bool flush_on_close; /* close promises like fsync */
	bool close_volatile; /* close promises what the server was told, not
			      * what it keeps through a crash */
	bool stable_pages;   /* payload comes from one instant */
	bool cut_is_final;   /* a lost connection is enough to give up */
	bool short_is_final; /* a short WRITE is a failure (ENOSPC), not the
			      * first half of a retry */
	bool hard;	     /* patience without end */
	bool foreign;	     /* somebody else's client: no SENT or GIVEUP; O6
			      * and O15 are judged from the wire */
	bool is_9p;
	uint64_t patience_ns;
	uint32_t max_attempts;
	enum nwb_fence fence;
	uint64_t settle_ns;
	uint32_t retryable[16]; /* NTSTATUS or 9P errno */
	unsigned int nr_retryable;
	/* Dirtying a byte dirties its folio, and all of that may be sent again:
	 * bytes, a power of two; 0: NWB_FOLIO_MAX */
	uint64_t folio_max;
};
#define NWB_FOLIO_MAX (2ull * 1024 * 1024)

/* Final content of one file, read below the shim when all was quiet. */
struct nwb_content {
	uint16_t file;
	bool is_missing;
	uint64_t size;
	uint64_t initial;    /* size before the run; 0: a new file */
	const uint8_t *data; /* borrowed, @size bytes */
};

/* What the plan expects of one rule (index = rule number in the ledger). */
struct nwb_expect_hits {
	const char *name;
	char op;	    /* '=' '<' '>' 'l' (<=) 'g' (>=) */
	uint64_t nr;	    /* default: >= 1 */
	uint64_t counted;   /* by the shim's shared page */
	bool needs_exposed; /* bytes must have been at stake at each hit */
};

struct nwb_judge_in {
	const struct nwb_lrec *rec; /* borrowed; slot order */
	uint64_t nr_rec;
	uint64_t nr_lost;
	uint8_t key[16];
	uint32_t crypt_unit; /* content crypto, as in the ledger's header */
	uint8_t crypt_key[NWB_CRYPT_KEY];
	uint32_t level;
	struct nwb_policy policy;
	const struct nwb_content *content;
	unsigned int nr_content;
	const struct nwb_expect_hits *expect;
	unsigned int nr_expect;
	bool expect_reconnect; /* the plan says that one happens */
	bool expect_retry;
	uint64_t drain_bound_ns; /* 0: no liveness judgement */
};

#define NWB_FINDINGS_MAX 32

struct nwb_finding {
	uint8_t oracle;		  /* 1 for O1, ... */
	enum nwb_verdict verdict; /* FAIL, VACUOUS, INCONCLUSIVE or KNOWN */
	const char *kind;	  /* "LOST", "STALE-RETRY", ... static */
	uint16_t file;
	uint64_t off, len;
	uint64_t rec_a, rec_b; /* slots that prove it, UINT64_MAX: none */
	char text[200];
};

struct nwb_judgement {
	enum nwb_verdict verdict;
	unsigned int nr_findings; /* kept; more may have been found */
	uint64_t nr_found;
	struct nwb_finding finding[NWB_FINDINGS_MAX]; /* heaviest first */
	uint32_t ran;	 /* bit n: oracle On had something to judge */
	uint32_t failed; /* bit n: oracle On said FAIL */
	uint32_t cannot; /* bit n: On needs what such a ledger never holds */
	/* exact counts for the report */
	uint64_t nr_effects, bytes_applied, bytes_dirtied;
	uint64_t nr_pdu, nr_reconnects, bytes_sent, bytes_resent;
};

/**
 * nwb_judge() - judge one run.
 * Return: 0 and the judgement, or -ENOMEM. Never fails on odd records: what
 * cannot be read is INCONCLUSIVE.
 */
int nwb_judge(const struct nwb_judge_in *in, struct nwb_judgement *ret_j,
	      struct nwb_err *err) nwb_must_check;

/** nwb_verdict_weight() - the larger one of two verdicts is that of both. */
unsigned int nwb_verdict_weight(enum nwb_verdict v);

/** nwb_oracle_why_not() - what oracle O@nr misses in a ledger of a client with
 * this @policy; NULL: it is judged. For the report: nothing is skipped in
 * silence. */
const char *nwb_oracle_why_not(const struct nwb_policy *policy,
			       unsigned int nr);

/**
 * nwb_policy_linux() - what a Linux client promises (the places in the
 * kernel that say so are named in policy_linux.c).
 * @flavour: "linux-6.12" (before 6.16) or "linux-7.2"
 * @type: "cifs", "smb3", "9p" or "fuse"
 * @options: mount options, "hard,cache=strict,sign"; words that change no
 *	promise are passed over; NULL: none. FUSE: "writeback" for a daemon that
 *	asked for the writeback cache
 *
 * Return: 0; -EINVAL: no such flavour, type or cache mode, @err says which.
 */
int nwb_policy_linux(const char *flavour, const char *type, const char *options,
		     struct nwb_policy *ret_p,
		     struct nwb_err *err) nwb_must_check;

/** nwb_policy_text() - a policy as one line of words, for reports; cut to
 * @size with its final NUL. Return: @text. */
const char *nwb_policy_text(const struct nwb_policy *p, char *text,
			    size_t size);

/** nwb_verdict_name() - "PASS", "FAIL", ... */
const char *nwb_verdict_name(enum nwb_verdict v);
/** nwb_verdict_exit() - exit code of a set of verdicts: any FAIL, VACUOUS or
 * UNEXPECTED-PASS is 1, else any INCONCLUSIVE 2, else 0; 77 only if all @nr > 0
 * were SKIP. */
int nwb_verdict_exit(const enum nwb_verdict *v, unsigned int nr);

#endif
