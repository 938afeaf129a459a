/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page that the harness and the shim inside the server share.
 *
 *	netwb ── nwb_fc_create ── memfd ──(NWB_SHIM_CTL_FD)── shim in smbd
 *	           compile rules                              (and its children)
 *	           heal, phase ────────────────────────────►  reads
 *	           hits          ◄────────────────────────── counts
 *
 * The harness owns the mapping and fills the rules before the server is
 * executed, so that they are armed before it accepts its first connection.
 * Connections count for rules once they are past NEGOTIATE or Tversion: the
 * harness's own ready-probe never is, and does not shift nth=.
 *
 * All fields marked _Atomic may be used from any process and thread; the rest
 * is written before the server starts and constant from then on.
 *
 * Links libc only: the shim uses it.
 */
#ifndef NWB_FAULTCTL_H
#define NWB_FAULTCTL_H

#include "nwb/plan.h"
#include <stdatomic.h>

#define NWB_FC_MAGIC   0x3163666e62776eull
#define NWB_FC_VERSION 3u
#define NWB_FC_RULES   NWB_PLAN_RULES
#define NWB_FC_SEQ     31u /* longest seq */
#define NWB_FC_ANY     0xffffu

/* Environment of the preloaded library. */
#define NWB_SHIM_ENV_CTL     "NWB_SHIM_CTL_FD"
#define NWB_SHIM_ENV_LEDGER  "NWB_SHIM_LEDGER_FD"
#define NWB_SHIM_ENV_DURABLE "NWB_SHIM_DURABLE"

enum nwb_fc_proto {
	NWB_FC_AUTO, /* no plan was compiled: told by the first byte */
	NWB_FC_SMB,
	NWB_FC_9P,
};

/* What happens in the server; rules are sorted by it. */
enum nwb_fc_event {
	NWB_FC_EV_REQUEST, /* a whole request was read */
	NWB_FC_EV_REPLY,   /* a reply is about to leave */
	NWB_FC_EV_GRANT,   /* a reply that carries credits */
	NWB_FC_EV_PWRITE,
	NWB_FC_EV_FSYNC,
	NWB_FC_EVENTS
};

/* Actions of a compiled rule. */
#define NWB_FC_DO_ERROR	     0x0001u
#define NWB_FC_DO_DROP	     0x0002u
#define NWB_FC_DO_HOLD	     0x0004u
#define NWB_FC_DO_DELAY	     0x0008u
#define NWB_FC_DO_SHORT	     0x0010u
#define NWB_FC_DO_RST	     0x0020u
#define NWB_FC_DO_FIN	     0x0040u
#define NWB_FC_DO_KILL	     0x0080u
#define NWB_FC_DO_RESTART    0x0100u
#define NWB_FC_DO_GRANT	     0x0200u
#define NWB_FC_DO_DUP	     0x0400u
#define NWB_FC_DO_SEQ	     0x0800u
#define NWB_FC_DO_AFTER	     0x1000u /* the cut, drop or error comes after */
#define NWB_FC_DO_KILL_CHILD 0x2000u /* this process only */

/* Filters of a compiled rule. */
#define NWB_FC_IF_FILE	 0x01u
#define NWB_FC_IF_OFF	 0x02u
#define NWB_FC_IF_STATUS 0x04u
#define NWB_FC_IF_P	 0x08u
#define NWB_FC_IF_EOF	 0x10u

struct nwb_fc_rule {
	char name[NWB_PLAN_NAME];
	uint8_t event;	  /* enum nwb_fc_event */
	uint8_t filters;  /* NWB_FC_IF_* */
	uint16_t cmd;	  /* SMB2 command or 9P T-type, NWB_FC_ANY */
	uint16_t actions; /* NWB_FC_DO_* */
	uint16_t phase;	  /* only while this phase, 0: always */
	char file[NWB_PLAN_ARG];
	uint64_t off, off_end;
	struct nwb_plan_cmp len, credits, inflight;
	uint32_t status;
	uint32_t p_ppb;
	uint64_t gen; /* hash of seed and name: its own random generator */
	uint64_t nth, nth_last, nth_step;
	uint64_t max;
	uint64_t hold_ns, delay_ns, short_len;
	int32_t error; /* positive errno */
	uint32_t grant;
	uint32_t arm_mask, disarm_mask; /* bit n: rule n */
	char seq[NWB_FC_SEQ + 1];
};

/* State of a rule, counted by every process of the server. */
struct nwb_fc_state {
	_Alignas(64) _Atomic uint64_t matches; /* events that fit */
	_Atomic uint64_t taken; /* chosen (max= and seq count these) */
	_Atomic uint64_t hits;	/* took effect */
	_Atomic uint32_t armed;
};

/* Why credits of signed sessions can or cannot be rewritten. */
enum nwb_fc_sign {
	NWB_FC_SIGN_UNKNOWN,  /* nothing was signed yet */
	NWB_FC_SIGN_OK,	      /* the hook was seen at work */
	NWB_FC_SIGN_MISSING,  /* not the pinned version of Samba */
	NWB_FC_SIGN_SHAPE,    /* called with something that is no SMB2 header */
	NWB_FC_SIGN_BYPASSED, /* signed replies left without the hook */
};

/* The same of what encrypted sessions say. */
enum nwb_fc_seal {
	NWB_FC_SEAL_UNKNOWN, /* nothing was encrypted yet */
	NWB_FC_SEAL_OK,	     /* a message was seen where it is decrypted */
	NWB_FC_SEAL_MISSING, /* not the pinned version of Samba */
	NWB_FC_SEAL_SHAPE,   /* called with something else */
};

struct nwb_fc_page {
	uint64_t magic;
	uint32_t version;
	uint32_t size;
	uint32_t proto; /* enum nwb_fc_proto */
	uint32_t nr_rules;
	uint32_t ev_mask; /* bit n: some rule waits for event n */
	uint32_t port;	  /* listening port, 0: any TCP */
	uint32_t nr_phases;
	uint32_t pad;

	/* harness -> shim */
	_Alignas(64) _Atomic uint32_t healed; /* all faults off */
	_Atomic uint32_t phase;	   /* current phase, from 1; 0: none */
	_Atomic uint32_t instance; /* server instance for the ledger */
	_Atomic uint32_t kick;	   /* futex: held PDUs, look again */

	/* shim -> harness */
	_Alignas(64) _Atomic uint32_t restarts; /* restarts asked for */
	_Atomic uint32_t kills;	   /* of which by kill or restart */
	_Atomic uint32_t sign;	   /* enum nwb_fc_sign */
	_Atomic uint32_t seal;	   /* enum nwb_fc_seal */
	_Atomic uint32_t attached; /* processes that mapped the page */
	_Atomic int32_t main_pid;  /* in the server's pid namespace */
	char samba[48];		   /* version string found */

	/* Counters, process-wide sums; only counted when armed or recorded. */
	_Alignas(64) _Atomic uint64_t nr_conns;
	_Atomic uint64_t nr_requests;
	_Atomic uint64_t nr_replies;
	_Atomic uint64_t nr_interim;
	_Atomic uint64_t nr_signed;
	_Atomic uint64_t nr_sign_calls;
	_Atomic uint64_t nr_sealed;    /* replies seen before encryption */
	_Atomic uint64_t nr_unsealed;  /* requests seen after decryption */
	_Atomic uint64_t nr_encrypted; /* PDUs that could not be read */
	_Atomic uint64_t nr_unparsed;  /* not a PDU, or not seen in full */
	_Atomic uint64_t nr_held;      /* PDUs put into the queue by a rule */
	_Atomic uint64_t nr_dropped;
	_Atomic uint64_t nr_cuts;
	_Atomic uint64_t nr_pwrites;
	_Atomic uint64_t nr_written; /* WRITEs of files of the ledger, answered
				      * with success */
	_Atomic uint64_t nr_fsyncs;
	_Atomic uint64_t nr_relief;	   /* famine: credits given back */
	_Atomic uint64_t credits_withheld; /* ever */
	_Atomic uint64_t credits_returned;
	_Atomic uint64_t min_balance_p1; /* least balance seen + 1; 0: none */
	_Atomic uint64_t marks_lost;	 /* chosen for a request whose pwrite or
					  * fsync never came by */
	_Atomic uint64_t nomem;
	_Atomic uint64_t durable_copies;
	_Atomic uint64_t durable_errors;
	_Atomic uint64_t nr_event[NWB_PLAN_OPS]; /* with phases only */

	_Alignas(64) struct nwb_fc_rule rule[NWB_FC_RULES];
	struct nwb_fc_state state[NWB_FC_RULES];
};

/**
 * nwb_fc_create() - a new page in a memfd.
 * @ret_fd: inheritable to nobody (CLOEXEC) until the caller says so; caller's
 * @ret_page: shared mapping; nwb_fc_unmap() it
 */
int nwb_fc_create(int *ret_fd, struct nwb_fc_page **ret_page) nwb_must_check;
/** nwb_fc_map() - map an existing page; -EINVAL when it is none. */
int nwb_fc_map(int fd, struct nwb_fc_page **ret_page) nwb_must_check;
/** nwb_fc_unmap() - NULL is fine. */
void nwb_fc_unmap(struct nwb_fc_page *page);

/** nwb_fc_hits() - how often the rule took effect. */
uint64_t nwb_fc_hits(const struct nwb_fc_page *page, unsigned int rule);
/** nwb_fc_matches() - how many events fitted it while it was armed. */
uint64_t nwb_fc_matches(const struct nwb_fc_page *page, unsigned int rule);
/** nwb_fc_heal() - all faults off; what is held goes out at once. */
void nwb_fc_heal(struct nwb_fc_page *page);
/** nwb_fc_set_phase() - @phase from 1, as numbered in the plan. */
void nwb_fc_set_phase(struct nwb_fc_page *page, unsigned int phase);
/** nwb_fc_arm() - arm or disarm one rule by hand. */
void nwb_fc_arm(struct nwb_fc_page *page, unsigned int rule, bool armed);
/** nwb_fc_refusal() - after the server began to talk: why rules cannot work
 * under this session (encrypted, another Samba, ...), or NULL. Static. */
const char *nwb_fc_refusal(const struct nwb_fc_page *page);

#endif
