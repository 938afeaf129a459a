/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan: what goes wrong, when, and what must come of it.
 *
 * A line-oriented text, one fault a line, readable aloud; every line is also
 * valid as a single -e '...' argument. The grammar:
 *
 *	plan    = { header | rule | phase | expect | "#" comment }
 *	header  = "plan" NAME | "seed" N
 *	        | "server" ("smbd"|"diod"|"ganesha"|"fake") [opts]
 *	        | "client" ("temp-page"|"in-place"|"kernel") [opts]
 *	        | "needs" FEATURE
 *	rule    = [NAME ":"] "on" EVENT { MATCH } [ TIMING ]
 *	          "do" ACTION { "," ACTION } { GUARD }
 *	EVENT   = [ "mirror." ] side "." op
 *	side    = client | wire | server | backend
 *	op      = write | flush | create | close | reply | connect | pwrite
 *	        | fsync | grant | any | mark
 *	MATCH   = "file=" GLOB | "off=" RANGE | "len=" CMP N | "p=" F
 *	        | "nth=" FIRST [".." LAST] ["+" STEP] | "op=" NAME
 *	        | "status=" S | "credits" CMP N | "inflight" CMP N
 *	        | "eof-extends"
 *	TIMING  = "before" | "after"
 *	ACTION  = "error" NAME | "drop" | "hold" T | "delay" T | "short" N
 *	        | "rst" | "fin" | "kill" | "restart" | "grant" N | "dup"
 *	        | "seq" STRING | "arm" NAME | "disarm" NAME | "corrupt" N
 *	        | "kill-child" | "freeze" T | "blackhole" T | "power-off"
 *	        | "intrude"
 *	GUARD   = "max=" N | "while" NAME | "unarmed" | "every=" T
 *	phase   = "phase" NAME ("until" EVENT "=" N | "for" T) | "heal"
 *	expect  = "expect" ("hits" NAME CMP N | "verdict" V | "drain" CMP T
 *	        | "fsync" ERRNO "on" FD-CLASS | "amplification" CMP X
 *	        | "never" INVARIANT)
 *	CMP     = "<" | "<=" | ">" | ">=" | "=" ("=" may be left out in len=)
 *
 * opts are words, "key", "key=value"; docs/plans.md lists them. A bare key is a
 * flag, or the usual one of its values ("encrypt" of smbd: required). Of the
 * client, among others: "flavour=linux-7.2", "hazard=h3,-h9", and "retry=" one
 * of combine, resplit-each, smaller-bits say as whom it does
 * (nwb/hazard.h); "second-user", "mirror=SERVER", "dirty=SIZE" what it has;
 * "crypto" or "crypto=512" and "compound=4" what it makes of its WRITEs.
 *
 * Numbers take K, M, G (powers of 1024), times us, ms, s; both may have a
 * fraction ("1.5M") as long as the result is whole. A range is FIRST..END in
 * bytes, END not included ("1M..2M", "1M.." to the end); a single number is
 * that byte. nth counts, from 1, the events that match everything else while
 * the rule is armed: "3" the third, "3..9" third to ninth, "3..9+2" every
 * second of these, "3+2" third, fifth, and so on for ever.
 *
 * Times stand only in delay, hold, for and every; order is by events. "every=2s"
 * arms the rule two seconds after the start and every two seconds from then on,
 * and its hit disarms it: one hit at most each time, for programs whose requests
 * nobody can count beforehand. "before": the
 * event does not take effect. "after": it does, and only its answer is
 * touched. A cut (rst, fin, kill, restart, kill-child) of a request must say
 * which. kill-child ends the process that serves the connection and
 * leaves the server alone: smbd has one for each, and with it the handles go.
 * "client.mark" is a kernel's: the job inside the guest says "mark NAME", op=NAME
 * chooses it, and the harness acts before the job goes on. Its actions are done
 * one after the other: "freeze" stops the whole server and lets it run again T
 * later, unless "kill" or "restart" (SIGKILL to the whole server) is next;
 * "blackhole" takes the network away for T; "power-off" kills the guest (also as
 * an action of a rule of the server: at its hit); "arm" and "disarm" are for
 * rules of the server.
 * "intrude" (of server.write, netwb run only): the harness, as a second client,
 * writes to the page where the request begins, and disarms the rule when it has:
 * with "nth=N+1" and a cut nothing is sent again before that.
 * "seq" spends one letter a matching event: . nothing, x error, d delay,
 * u applied and the ack lost with the connection, r reset before. After the
 * last letter nothing happens any more, unless it is an upper-case one, which
 * repeats for ever.
 *
 * "mirror." before a side means the second server of "client ... mirror=SERVER":
 * "on mirror.server.write", "on mirror.backend.pwrite". Such a rule is for a run
 * with a mirror only, its events and its hits are counted there, and a rule can
 * arm and disarm rules of its own server only. Phases count the first server's
 * events and hold for both.
 *
 * A plan is one owner's object: fill it from one thread, then it is read-only
 * and any thread may read it. Not pure (allocates), does no I/O.
 */
#ifndef NWB_PLAN_H
#define NWB_PLAN_H

#include "nwb/err.h"

#define NWB_PLAN_RULES	 32u
#define NWB_PLAN_ACTIONS 4u
#define NWB_PLAN_PHASES	 16u
#define NWB_PLAN_EXPECTS 64u
#define NWB_PLAN_OPTS	 32u
#define NWB_PLAN_NEEDS	 8u
#define NWB_PLAN_SOURCES 32u
#define NWB_PLAN_NAME	 32u /* longest name + 1 */
#define NWB_PLAN_ARG	 64u /* longest glob or other argument + 1 */

enum nwb_plan_side {
	NWB_SIDE_CLIENT,
	NWB_SIDE_WIRE,
	NWB_SIDE_SERVER,
	NWB_SIDE_BACKEND,
	NWB_PLAN_SIDES
};

enum nwb_plan_op {
	NWB_OP_WRITE,
	NWB_OP_FLUSH,
	NWB_OP_CREATE,
	NWB_OP_CLOSE,
	NWB_OP_REPLY,
	NWB_OP_CONNECT,
	NWB_OP_PWRITE,
	NWB_OP_FSYNC,
	NWB_OP_GRANT,
	NWB_OP_ANY,
	NWB_OP_MARK, /* of a guest's job */
	NWB_PLAN_OPS
};

enum nwb_plan_timing {
	NWB_TIMING_NONE,
	NWB_TIMING_BEFORE,
	NWB_TIMING_AFTER,
};

enum nwb_plan_action_kind {
	NWB_ACT_ERROR,
	NWB_ACT_DROP,
	NWB_ACT_HOLD,
	NWB_ACT_DELAY,
	NWB_ACT_SHORT,
	NWB_ACT_RST,
	NWB_ACT_FIN,
	NWB_ACT_KILL,
	NWB_ACT_RESTART,
	NWB_ACT_GRANT,
	NWB_ACT_DUP,
	NWB_ACT_SEQ,
	NWB_ACT_ARM,
	NWB_ACT_DISARM,
	NWB_ACT_CORRUPT,
	NWB_ACT_KILL_CHILD,
	NWB_ACT_FREEZE,	   /* the harness, at a mark */
	NWB_ACT_BLACKHOLE, /* the same */
	NWB_ACT_POWER_OFF, /* the same */
	NWB_ACT_INTRUDE,   /* the harness, at a hit */
	NWB_PLAN_ACTS
};

/* Where in the text something stood; line and column count from 1, the
 * column in bytes. */
struct nwb_plan_pos {
	uint16_t source;
	uint32_t line;
	uint32_t col;
};

/* A comparison: op is '=', '<', '>', 'l' (<=) or 'g' (>=); 0: none. */
struct nwb_plan_cmp {
	char op;
	uint64_t nr;
};

struct nwb_plan_action {
	enum nwb_plan_action_kind kind;
	uint64_t nr;		 /* ns, bytes or credits */
	int err;		 /* error: positive errno */
	char arg[NWB_PLAN_NAME]; /* errno name, seq letters, rule name */
	struct nwb_plan_pos pos;
};

struct nwb_plan_rule {
	char name[NWB_PLAN_NAME];
	struct nwb_plan_pos pos;
	bool is_mirror; /* of the second server */
	enum nwb_plan_side side;
	enum nwb_plan_op op;
	/* MATCH; zero or empty: not given */
	char file[NWB_PLAN_ARG];
	bool has_off;
	uint64_t off, off_end; /* end exclusive, UINT64_MAX: open */
	struct nwb_plan_cmp len, credits, inflight;
	bool has_p;
	uint32_t p_ppb;			  /* billionths */
	uint64_t nth, nth_last, nth_step; /* 0: no nth= */
	char op_name[NWB_PLAN_NAME];
	char status_name[NWB_PLAN_ARG];
	uint32_t status;
	bool eof_extends;
	enum nwb_plan_timing timing;
	struct nwb_plan_action action[NWB_PLAN_ACTIONS];
	unsigned int nr_actions;
	/* GUARD */
	uint64_t max; /* 0: none */
	char while_phase[NWB_PLAN_NAME];
	bool unarmed;
	uint64_t every_ns; /* 0: armed all the time */
};

enum nwb_plan_phase_kind {
	NWB_PHASE_FOR,	 /* @ns */
	NWB_PHASE_UNTIL, /* @nr events of (@side, @op) */
	NWB_PHASE_HEAL,	 /* all faults off from here */
};

struct nwb_plan_phase {
	enum nwb_plan_phase_kind kind;
	char name[NWB_PLAN_NAME];
	uint64_t ns;
	enum nwb_plan_side side;
	enum nwb_plan_op op;
	uint64_t nr;
	struct nwb_plan_pos pos;
};

enum nwb_plan_expect_kind {
	NWB_EXPECT_HITS,
	NWB_EXPECT_VERDICT,
	NWB_EXPECT_DRAIN,
	NWB_EXPECT_FSYNC,
	NWB_EXPECT_AMPLIFICATION,
	NWB_EXPECT_NEVER,
};

struct nwb_plan_expect {
	enum nwb_plan_expect_kind kind;
	bool is_default;	  /* not in the text: hits >= 1 */
	char name[NWB_PLAN_NAME]; /* rule, verdict, fd class or invariant */
	unsigned int rule;	  /* HITS: index of the rule */
	char op;		  /* as in struct nwb_plan_cmp */
	uint64_t nr; /* hits; drain in ns; amplification in millionths */
	int err;     /* FSYNC: positive errno, 0 = success */
	struct nwb_plan_pos pos;
};

/* Hazards that "client ... hazard=" knows: h1 to that (nwb/hazard.h). Its value
 * has bit N for hN, and bit 32 + N for -hN. */
#define NWB_PLAN_HAZARDS 17u

/* Value of "client ... sign=off"; others are enum nwb_smb2_signing. */
#define NWB_PLAN_SIGN_OFF 255u

struct nwb_plan_opt {
	char key[16];
	char value[24]; /* canonical text, also of a bare word */
	uint64_t nr;	/* bytes, ns, number; flag: 1 or 0 */
};

/* "server" and "client" lines; name empty: not given. */
struct nwb_plan_party {
	char name[NWB_PLAN_NAME];
	struct nwb_plan_opt opt[NWB_PLAN_OPTS];
	unsigned int nr_opts;
	struct nwb_plan_pos pos;
};

/* Read-only for everybody but this room. */
struct nwb_plan {
	char name[NWB_PLAN_NAME];
	struct nwb_plan_pos name_pos;
	uint64_t seed;
	bool has_seed;
	struct nwb_plan_pos seed_pos;
	struct nwb_plan_party server;
	struct nwb_plan_party client;
	char needs[NWB_PLAN_NEEDS][NWB_PLAN_NAME];
	unsigned int nr_needs;
	struct nwb_plan_rule rule[NWB_PLAN_RULES];
	unsigned int nr_rules;
	struct nwb_plan_phase phase[NWB_PLAN_PHASES];
	unsigned int nr_phases; /* the heal included */
	bool has_heal;
	struct nwb_plan_expect expect[NWB_PLAN_EXPECTS];
	unsigned int nr_expects;
	char source[NWB_PLAN_SOURCES][NWB_PLAN_ARG];
	unsigned int nr_sources;
	bool is_finished;
};

/** nwb_plan_new() - an empty plan; -ENOMEM. Free with nwb_plan_free(). */
int nwb_plan_new(struct nwb_plan **ret) nwb_must_check;
/** nwb_plan_free() - NULL is fine. */
void nwb_plan_free(struct nwb_plan *plan);

/**
 * nwb_plan_add_text() - parse one source: a file's content or one -e.
 * @source_name: as it shall stand in errors ("plans/x.plan", "-e #2"); copied
 * @text: not NUL-terminated; copied as needed
 * @err: "source:line:column: what; did you mean ..."
 *
 * A header line may stand once a source; a later source's replaces it.
 * Return: 0, -EINVAL (text is wrong), -ENOSPC (too many of something). After
 * an error the plan is only good for nwb_plan_free().
 */
int nwb_plan_add_text(struct nwb_plan *plan, const char *source_name,
		      const char *text, size_t len,
		      struct nwb_err *err) nwb_must_check;

/**
 * nwb_plan_finish() - cross-checks, names for the nameless, default expects.
 *
 * Once, after the last nwb_plan_add_text(). Names must exist and be unique;
 * a cut of a request must say before or after; every rule without an
 * "expect hits" gets ">= 1".
 */
int nwb_plan_finish(struct nwb_plan *plan, struct nwb_err *err) nwb_must_check;

/**
 * nwb_plan_print() - the canonical text of a plan: parsing it gives the same
 * plan, printing that gives the same text.
 * Return: length without the NUL, as snprintf() (>= @size: it was cut).
 */
int nwb_plan_print(const struct nwb_plan *plan, char *buf, size_t size);

/** nwb_plan_print_actions() - what a rule does: "drop, rst after". Return: as
 * nwb_plan_print(). */
int nwb_plan_print_actions(const struct nwb_plan_rule *rule, char *buf,
			   size_t size);

/** nwb_plan_server_opt() - canonical text of an option of the "server" line,
 * NULL when it is not given. */
const char *nwb_plan_server_opt(const struct nwb_plan *plan, const char *key);
/** nwb_plan_client_opt() - the same for the "client" line. */
const char *nwb_plan_client_opt(const struct nwb_plan *plan, const char *key);
/** nwb_plan_server_opt_nr() - its value (bytes, ns, number; flag 0 or 1), or
 * @def when it is not given. */
uint64_t nwb_plan_server_opt_nr(const struct nwb_plan *plan, const char *key,
				uint64_t def);
/** nwb_plan_client_opt_nr() - the same for the "client" line. */
uint64_t nwb_plan_client_opt_nr(const struct nwb_plan *plan, const char *key,
				uint64_t def);
/** nwb_plan_find_rule() - index of the rule @name, or -ENOENT. */
int nwb_plan_find_rule(const struct nwb_plan *plan, const char *name);
/** nwb_plan_pos_str() - "source:line:col" into @buf; returns @buf. */
const char *nwb_plan_pos_str(const struct nwb_plan *plan,
			     const struct nwb_plan_pos *pos, char *buf,
			     size_t size);
/** nwb_plan_cmp_holds() - does @value @op @nr hold? */
bool nwb_plan_cmp_holds(char op, uint64_t value, uint64_t nr);
/** nwb_plan_is_mark() - is it the harness that carries out @rule, at a mark of
 * a guest's job, and not the shim inside the server? */
bool nwb_plan_is_mark(const struct nwb_plan_rule *rule);

struct nwb_fc_page;
/**
 * nwb_plan_compile() - put the rules into the shim's page.
 * @page: fresh from nwb_fc_create(); the server is not started yet
 * @server: "smbd", "diod" or "ganesha", NULL: the plan's own
 * @err: "source:line:col: rule NAME: cannot be injected here: reason"
 *
 * What the shim of this version cannot inject under @server is refused with
 * its position and reason, -EOPNOTSUPP; nothing is skipped. For a run with one
 * server: rules of a mirror are refused, too.
 */
int nwb_plan_compile(const struct nwb_plan *plan, struct nwb_fc_page *page,
		     const char *server, struct nwb_err *err) nwb_must_check;

/* Which server of a run a page belongs to. */
enum nwb_plan_target {
	NWB_PLAN_ALONE,	 /* there is no other, nor a second client */
	NWB_PLAN_FIRST,	 /* of a run, which may have a mirror */
	NWB_PLAN_MIRROR, /* the mirror */
};
/**
 * nwb_plan_compile_of() - the same for one of two servers: the rules of the other
 * one have their place in @page, so that numbers of rules mean the same in both,
 * and never fire.
 */
int nwb_plan_compile_of(const struct nwb_plan *plan, struct nwb_fc_page *page,
			const char *server, enum nwb_plan_target target,
			struct nwb_err *err) nwb_must_check;
/** nwb_plan_has_mirror_rules() - does anything go wrong on a mirror? */
bool nwb_plan_has_mirror_rules(const struct nwb_plan *plan);

#endif
