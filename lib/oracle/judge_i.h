/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of the oracle: the ledger turned into per-file, per-byte facts.
 *
 * Atoms. All ends of all ranges of a file (writes, effects, runs of payload)
 * cut its bytes into atoms: inside one atom every byte has the same history.
 * Each oracle then works atom by atom on short sorted lists, so that the whole
 * costs n log n and not n^2:
 *
 *	bytes    0        4096      5000        8192              2^64
 *	write 1  [---------------------------------)
 *	write 2           [----------)
 *	effect   [-------------------)
 *	atoms    |   0     |    1    |      2      |       3        |
 *
 * Tickets. OPEN (2^64-1) as an end means "not over, as far as the ledger
 * knows"; "a before b" is always a.end < b.begin.
 */
#ifndef NWB_ORACLE_JUDGE_I_H
#define NWB_ORACLE_JUDGE_I_H

#include "nwb/oracle.h"

#include <errno.h>

#define OPEN	 NWB_TICKET_OPEN
#define NO_SLOT	 UINT64_MAX
#define FOREVER	 UINT64_MAX
#define NO_INDEX UINT32_MAX

/* SMB2 commands and 9P2000.L message types that the oracles look at. */
enum {
	SMB_NEGOTIATE = 0,
	SMB_CREATE = 5,
	SMB_FLUSH = 7,
	SMB_READ = 8,
	SMB_WRITE = 9,
	SMB_CANCEL = 12,
	SMB_ECHO = 13,
	P9_TLOPEN = 12,
	P9_TLCREATE = 14,
	P9_TFSYNC = 50,
	P9_TVERSION = 100,
	P9_RVERSION = 101,
	P9_TATTACH = 104,
	P9_TFLUSH = 108,
	P9_RFLUSH = 109,
	P9_TWALK = 110,
	P9_TWRITE = 118,
	P9_TCLUNK = 120,
	P9_TREMOVE = 122,
};

/*
 * A record's place in the order (order.c): begin and end are compared with what
 * happened on the host, ub and ue with other operations of users. Of a guest's
 * operation begin and end are the tickets that surely were before and after it.
 */
struct jspan {
	uint64_t begin;
	uint64_t end; /* OPEN when it never ended */
	uint64_t slot;
	uint64_t ub, ue;
	uint64_t begin_hi; /* surely after its begin */
	uint64_t end_lo;   /* surely before its end */
};

/* A write(2) or a truncate; a truncate is a write of zeros up to FOREVER. */
struct jwrite {
	struct jspan s;
	uint64_t lo;
	uint64_t hi;	  /* what may have been written */
	uint64_t owed_hi; /* what write(2) said it took; lo when nothing */
	uint32_t version;
	uint32_t session;
	bool is_trunc;
	bool is_sync;
	bool is_mapped;
};

/* One open of a file: OPEN .. CLOSE of one fd. */
struct jopen {
	uint16_t fd;
	struct jspan s;	    /* of the open; begin 0 when the ledger has none */
	struct jspan close; /* slot NO_SLOT when there is none */
};

/* fsync, close, or the syncing half of an O_SYNC write. */
struct jsync {
	struct jspan s;
	int64_t result;
	uint32_t session;
	uint64_t lo, hi; /* an msync promises a range only */
	bool is_close;
	bool is_write;
	bool has_ended;
	uint32_t write;	   /* O_SYNC: index of the write, else NO_INDEX */
	uint64_t released; /* writes begun up to here are not owed by it */
};

struct jeffect {
	struct jspan s;
	uint64_t lo, hi;
	uint64_t dies; /* ticket of the crash that took it, OPEN: none */
	uint32_t run0, nr_runs;
	bool is_trunc;
	bool is_maybe;	  /* failed or cut short: some of it may have landed */
	bool is_unfenced; /* O3: came too late, and nobody could fence it */
	uint32_t conn;
	uint64_t parked_ns;
	uint64_t t_begin;
};

/* What a stretch of payload or content turned out to be. */
enum jwhat {
	JW_OK, /* issued here, initial, or a hole */
	JW_ZERO,
	JW_UNKNOWN, /* the ledger does not say (level bench) */
	JW_FOREIGN,
	JW_DISPLACED,
	JW_UNISSUED,
	JW_TORN,
};

/* [ub, ue] of the write that explains the bytes; both 0: initial. */
struct jorigin {
	enum jwhat what;
	uint64_t begin;
	uint64_t end;
};

/* An EFFECT_RUN, kept for the lookup of its atoms. */
struct jrun {
	uint32_t effect;
	uint64_t lo, hi;
	struct nwb_stamp_run run;
	uint64_t slot;
};

/* An effect as one atom sees it. */
struct jpiece {
	uint32_t effect;
	uint32_t run; /* index, or NO_INDEX */
	struct jorigin o;
};

/* At ticket @t the server had to hold nothing older than @bound. */
struct jowed {
	uint64_t t;
	uint64_t bound; /* ub of the newest write owed */
	uint32_t sync;
	uint32_t write;
	bool is_volatile; /* a crash of the server may take it back */
};

/* SENT or ACKED; for a foreign client, its WRITE request or our reply. */
struct jxfer {
	struct jspan s;
	uint64_t lo, hi;
	uint64_t attempt; /* 0: the first */
	bool is_lost;	  /* on the wire, and no ok answer left */
};

/* Lists by atom, in one allocation: items of atom a are at[a] .. at[a+1]. */
struct jlists {
	uint64_t *at;
	void *item;
};

struct jfile {
	uint16_t id;
	struct jwrite *write; /* by begin */
	uint32_t nr_write;
	uint32_t *by_version; /* indices of real writes, by version, lo */
	uint64_t *reach;      /* largest hi so far within that version */
	uint32_t nr_by_version;
	uint32_t nr_trunc;
	uint32_t *trunc; /* indices */
	struct jopen *open;
	uint32_t nr_open;
	struct jsync *sync; /* by begin */
	uint32_t nr_sync;
	struct jeffect *effect; /* by begin */
	uint32_t nr_effect;
	struct jrun *run;
	uint32_t nr_run;
	struct jspan *fsync; /* ok EFFECT_FSYNC, by begin */
	uint32_t nr_fsync;
	struct jspan *giveup;
	uint32_t nr_giveup;
	struct jspan *flush_bad; /* FLUSH that failed or had no answer */
	uint32_t nr_flush_bad;
	struct jxfer *sent, *acked;
	uint32_t nr_sent, nr_acked;
	uint64_t *atom; /* nr_atom + 1 ends */
	uint32_t nr_atom;
	struct jlists writes;	     /* uint32_t, by begin */
	struct jlists pieces;	     /* struct jpiece, by begin of the effect */
	struct jlists owed;	     /* struct jowed, by t */
	struct jlists sents, ackeds; /* uint32_t, by begin */
	uint32_t *upload; /* WRITE requests on the wire: PDUs, by begin */
	uint32_t nr_upload;
	struct jlists uploads; /* uint32_t (PDU), by begin */
	bool is_built;
	uint64_t *bound;	/* by atom: newest write promised */
	struct jowed *bound_by; /* and who promised it */
	const struct nwb_content *content;
};

/* A connection: CONN_UP .. next CONN_UP of the same port. */
struct jpdu {
	struct jspan s;
	const struct nwb_lrec *r;
	uint32_t conn; /* index of the connection */
	uint32_t peer; /* request: its final reply; reply: its request */
	bool is_reply;
};

struct jconn {
	uint32_t port;
	struct jspan up; /* begin 0 when its CONN_UP is not in the ledger */
	struct jspan down;
	uint64_t t_up;
	uint32_t pdu0, nr_pdu; /* in order of begin */
};

struct judge {
	const struct nwb_judge_in *in;
	struct nwb_judgement *j;
	struct nwb_stamp_key key;
	struct mem_link *mem; /* all that was allocated */
	uint8_t *seen;	      /* by slot: state and kind (index.c) */
	bool is_blind;	      /* gap, loss or nonsense: nothing can FAIL */
	bool has_server;      /* the shim wrote here */
	bool has_guest;
	struct jorder *order; /* NULL: one clock */
	struct jwire *wire;   /* NULL: not asked for yet */
	bool has_sent;
	struct jfile *file;  /* NWB_LEDGER_FILES + 1, [0] is "unknown" */
	struct jspan *crash; /* by end */
	uint32_t nr_crash;
	struct jpdu *pdu; /* by connection, then begin */
	uint32_t nr_pdu;
	struct jconn *conn;
	uint32_t nr_conn;
};

static inline bool before(const struct jspan *a, const struct jspan *b)
{
	return a->end < b->begin;
}

/* The same for two operations of users. */
static inline bool user_before(const struct jspan *a, const struct jspan *b)
{
	return a->ue < b->ub;
}

/* order.c */
int nwb_j_order_build(struct judge *J);
void nwb_j_order_place(const struct judge *J, const struct nwb_lrec *r,
		       struct jspan *s);

/* index.c */
int nwb_j_index_build(struct judge *J);
struct jspan nwb_j_span_of(const struct judge *J, const struct nwb_lrec *r);
bool nwb_j_has_ended(const struct judge *J, const struct nwb_lrec *r);
/* A record's kind, or NWB_L_NONE when it cannot be read. */
unsigned int nwb_j_kind(const struct judge *J, uint64_t slot);
int nwb_j_by_begin(const void *a,
		   const void *b); /* structs that start with jspan */
int nwb_j_by_user(const void *a, const void *b); /* the same, by ub */
uint64_t nwb_j_newest_ub(const struct jfile *f, uint64_t ticket);

/* index_conn.c */
int nwb_j_index_conns(struct judge *J);
bool nwb_j_is_flush(const struct nwb_lrec *r);
bool nwb_j_is_write(const struct nwb_lrec *r);
bool nwb_j_was_told_ok(const struct judge *J, const struct jpdu *req);
uint32_t nwb_j_conn_at(const struct judge *J, uint32_t port, uint64_t ticket);

uint16_t nwb_j_pdu_file(const struct judge *J, const struct jpdu *req);

/* wire.c */
int nwb_j_wire_build(struct judge *J);
bool nwb_j_had_trouble(const struct judge *J, uint64_t since, uint64_t until);
bool nwb_j_had_outage(const struct judge *J, uint64_t since, uint64_t until);
uint64_t nwb_j_longest_silence(const struct judge *J, uint64_t until);
bool nwb_j_is_retryable(const struct nwb_policy *p, uint32_t status);
bool nwb_j_is_short(const struct judge *J, const struct jpdu *req);

/* atoms.c */
int nwb_j_atoms_build(struct judge *J, struct jfile *f);
uint32_t nwb_j_atom_of(const struct jfile *f, uint64_t off);
int nwb_j_lists_begin(struct judge *J, struct jfile *f, struct jlists *l);
void nwb_j_lists_want(struct jfile *f, struct jlists *l, uint64_t lo,
		      uint64_t hi);
int nwb_j_lists_alloc(struct judge *J, struct jfile *f, struct jlists *l,
		      size_t item_size);

/* origin.c */
struct jorigin nwb_j_origin_of(const struct judge *J, const struct jfile *f,
			       uint32_t atom, const struct nwb_stamp_run *run,
			       uint64_t lo, uint64_t hi, uint64_t limit);
bool nwb_j_has_shifted_stamp(const struct judge *J, const uint8_t *p,
			     size_t len);
const char *nwb_j_what_name(enum jwhat what);

/* counts.c */
bool nwb_j_is_working(const struct judge *J, const struct jconn *c);
void nwb_j_count_all(struct judge *J);
void nwb_j_count_file(struct judge *J, const struct jfile *f);

static inline bool is_ranged(const struct jsync *y)
{
	return y->hi != FOREVER;
}

/* owed.c: who promised what; o1_promise.c: what the server had by then. */
int nwb_j_owed_build(struct judge *J, struct jfile *f);
bool nwb_j_promises(const struct judge *J, const struct jsync *y);
int nwb_j_promise_all_written(struct judge *J, struct jfile *f,
			      const struct jspan *by, bool *ret_yes);

/* torn.c */
bool nwb_j_is_left_torn(const struct judge *J, const struct jfile *f,
			uint32_t atom, uint64_t lo, uint64_t since,
			const struct jspan *by);
bool nwb_j_is_left_mixed(const struct judge *J, const struct jfile *f,
			 uint32_t atom, uint64_t lo, const struct jspan *by);

/* o3_resurrection.c */
bool nwb_j_is_beyond_fence(const struct judge *J, const struct jeffect *e);

/* o6_wire.c */
uint64_t nwb_j_first_refusal(const struct judge *J, const struct jfile *f);

/* content.c */
struct jcontent {
	uint32_t atom;
	uint64_t lo, hi;
	struct jorigin o;
	const struct nwb_stamp_run *run; /* NULL: beyond the end of file */
};
typedef int (*content_fn)(void *arg, const struct jcontent *c);
int nwb_j_content_visit(struct judge *J, struct jfile *f, content_fn fn,
			void *arg);

/* torn.c */
bool nwb_j_is_left_changing(const struct judge *J, const struct jfile *f,
			    const struct jcontent *c);

/* judge.c */
void *nwb_j_alloc(struct judge *J, uint64_t nr, size_t size) nwb_must_check;
void nwb_j_found(struct judge *J, const struct nwb_finding *f, const char *fmt,
		 ...) nwb_printf(3, 4);

/* Findings of neighbouring bytes become one. */
struct streak {
	struct nwb_finding f; /* len 0: none */
	const char *note;
};
void nwb_j_streak_add(struct judge *J, struct streak *s,
		      const struct nwb_finding *f, const char *note);
void nwb_j_streak_end(struct judge *J, struct streak *s);

/* One function an oracle. */
int nwb_j_o1_promise(struct judge *J);
int nwb_j_o2_provenance(struct judge *J);
int nwb_j_o3_resurrection(struct judge *J);
int nwb_j_o4_licence(struct judge *J);
int nwb_j_o6_errors(struct judge *J);
int nwb_j_o7_protocol(struct judge *J);
int nwb_j_o8_liveness(struct judge *J);
int nwb_j_o9_size(struct judge *J);
int nwb_j_o10_crash(struct judge *J);
int nwb_j_o11_vacuity(struct judge *J);
int nwb_j_o12_reads(struct judge *J);
int nwb_j_o13_stability(struct judge *J);
int nwb_j_o15_gaveup(struct judge *J);

#endif
