/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the plan language: cursor, tables, numbers.
 *
 *	text ─ lex ─ parse ─► struct nwb_plan ─ check ─ print
 *	                                  └──── compile ─► struct nwb_fc_page
 */
#ifndef NWB_PLAN_I_H
#define NWB_PLAN_I_H

#include "nwb/plan.h"

/* A position in one line of one source. */
struct pl_cur {
	struct nwb_plan *plan;
	struct nwb_err *err;
	uint16_t source;
	uint32_t line;
	const char *begin; /* of the line */
	const char *at;
	const char *end; /* of the line, the comment cut off */
};

/* A slice of the line. */
struct pl_tok {
	const char *s;
	size_t len;
};

/* --- lex --- */
int pl_fail(struct pl_cur *c, const char *at, int code, const char *fmt, ...)
	nwb_printf(4, 5) nwb_must_check;
struct nwb_plan_pos pl_pos(const struct pl_cur *c, const char *at);
void pl_skip(struct pl_cur *c);
bool pl_at_end(struct pl_cur *c);
bool pl_word(struct pl_cur *c, struct pl_tok *ret);
bool pl_value(struct pl_cur *c, const char *stop, struct pl_tok *ret);
bool pl_char(struct pl_cur *c, char ch);
bool pl_is(const struct pl_tok *t, const char *word);
bool pl_copy(const struct pl_tok *t, char *dst, size_t size);
int pl_name(struct pl_cur *c, const char *what, char *dst, size_t size);
int pl_end(struct pl_cur *c);

/* --- numbers; the token must be one number as a whole --- */
int pl_size(struct pl_cur *c, const struct pl_tok *t, uint64_t *ret);
int pl_count(struct pl_cur *c, const struct pl_tok *t, uint64_t *ret);
int pl_time(struct pl_cur *c, const struct pl_tok *t, uint64_t *ret);
int pl_decimal(struct pl_cur *c, const struct pl_tok *t, uint64_t one,
	       uint64_t *ret);
int pl_cmp_op(struct pl_cur *c, char *ret_op);
const char *pl_size_str(uint64_t v, char *buf, size_t size);
const char *pl_time_str(uint64_t ns, char *buf, size_t size);
const char *pl_decimal_str(uint64_t v, uint64_t one, char *buf, size_t size);
const char *pl_cmp_str(char op);

/* --- tables --- */
struct pl_word_id {
	const char *word;
	uint32_t id;
};

extern const struct pl_word_id pl_sides[];
extern const struct pl_word_id pl_ops[];
extern const struct pl_word_id pl_actions[];
extern const struct pl_word_id pl_statements[];
extern const struct pl_word_id pl_statuses[];
extern const struct pl_word_id pl_smb_ops[];
extern const struct pl_word_id pl_9p_ops[];
extern const struct pl_word_id pl_features[];
extern const struct pl_word_id pl_verdicts[];
extern const struct pl_word_id pl_fd_classes[];
extern const struct pl_word_id pl_invariants[];
extern const struct pl_word_id pl_servers[];
extern const struct pl_word_id pl_clients[];
extern const struct pl_word_id pl_errnos[];

enum pl_opt_type {
	PL_OPT_COUNT,
	PL_OPT_SIZE,
	PL_OPT_TIME,
	PL_OPT_FLAG,
	PL_OPT_WORD,	/* one of @words */
	PL_OPT_HAZARDS, /* "h3,-h9" */
};
struct pl_opt_desc {
	const char *key;
	enum pl_opt_type type;
	uint64_t min, max;
	const struct pl_word_id *words;
	const char *only; /* name of the only server that has it */
	const char *bare; /* WORD: what it means without "=" */
};
extern const struct pl_opt_desc pl_server_opts[];
extern const struct pl_opt_desc pl_client_opts[];

/** pl_find() - look up a token; NULL when it is not there. */
const struct pl_word_id *pl_find(const struct pl_word_id *tab,
				 const struct pl_tok *t);
const char *pl_id_word(const struct pl_word_id *tab, uint32_t id);
/** pl_unknown() - "unknown WHAT "x"; did you mean "y"?" at @t. */
int pl_unknown(struct pl_cur *c, const char *what, const struct pl_tok *t,
	       const struct pl_word_id *const *tabs,
	       unsigned int nr_tabs) nwb_must_check;
int pl_lookup(struct pl_cur *c, const char *what, const struct pl_tok *t,
	      const struct pl_word_id *tab, uint32_t *ret) nwb_must_check;
/** pl_distance() - edits (insert, delete, replace, swap) between two words,
 * regardless of case; at most 255. */
unsigned int pl_distance(const char *a, size_t alen, const char *b,
			 size_t blen);

/* --- the parts of the parser --- */
int pl_parse_event(struct pl_cur *c, bool *ret_mirror, enum nwb_plan_side *side,
		   enum nwb_plan_op *op);
int pl_parse_rule(struct pl_cur *c, const struct pl_tok *name);
int pl_parse_match(struct pl_cur *c, struct nwb_plan_rule *r, bool *ret_did);
int pl_parse_actions(struct pl_cur *c, struct nwb_plan_rule *r);
int pl_parse_party(struct pl_cur *c, bool is_server);
int pl_parse_expect(struct pl_cur *c, const char *at);
int pl_parse_phase(struct pl_cur *c, const char *at);
/** pl_fail_pos() - an error at a place that was parsed before. */
int pl_fail_pos(const struct nwb_plan *plan, const struct nwb_plan_pos *pos,
		struct nwb_err *err, int code, const char *fmt, ...)
	nwb_printf(5, 6) nwb_must_check;

#endif
