/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hand-made ledgers as text (format: ledger_text.h). */
#include "ledger_text.h"

#include <nettle/xts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP	10u
#define LENGTH	4u
#define WORDS	40u
#define NO_PAIR UINT32_MAX

struct line {
	char text[400];
	char *word[WORDS];
	unsigned int nr;
	const char *label; /* without the @, or "" */
	unsigned int number;
};

struct loader {
	struct text_ledger *t;
	struct line line;
	char flip_label[40];
	struct line flip;
	uint64_t ticket;
	int content; /* index of the open one, -1 */
};

static int bad(struct loader *l, const char *why, const char *what)
{
	snprintf(l->t->error, sizeof(l->t->error), "line %u: %s: %s",
		 l->line.number, why, what);
	return -1;
}

static void split(struct line *l)
{
	char *save = NULL, *hash = strchr(l->text, '#');

	if (hash)
		*hash = 0;
	l->nr = 0;
	l->label = "";
	for (char *w = strtok_r(l->text, " \t\n", &save); w && l->nr < WORDS;
	     w = strtok_r(NULL, " \t\n", &save)) {
		if (*w == '@' && !l->nr)
			l->label = w + 1;
		else
			l->word[l->nr++] = w;
	}
}

static int number(const char *s, int64_t *ret)
{
	char *end;
	long long v = strtoll(s, &end, 0);

	if (end == s)
		return -1;
	if (!strcmp(end, "k"))
		v *= 1024;
	else if (!strcmp(end, "m"))
		v *= 1024 * 1024;
	else if (!strcmp(end, "ms"))
		v *= (long long)NWB_MSEC;
	else if (!strcmp(end, "s"))
		v *= (long long)NWB_SEC;
	else if (*end)
		return -1;
	*ret = v;
	return 0;
}

/* The last pair "key=..." of @l wins, as a flip is put at its end. */
static const char *get(const struct line *l, const char *key)
{
	size_t len = strlen(key);

	for (unsigned int i = l->nr; i-- > 0;)
		if (!strncmp(l->word[i], key, len) && l->word[i][len] == '=')
			return l->word[i] + len + 1;
	return NULL;
}

static bool has(const struct line *l, const char *word)
{
	for (unsigned int i = 0; i < l->nr; i++)
		if (!strcmp(l->word[i], word))
			return true;
	return false;
}

static int64_t get_nr(const struct line *l, const char *key, int64_t dflt)
{
	const char *s = get(l, key);
	int64_t v = dflt;

	if (s && number(s, &v))
		return dflt;
	return v;
}

/* Every word must be known, or a typo would make a test that cannot fail. */
static int check_words(struct loader *l, const char *const *known)
{
	for (unsigned int i = 1; i < l->line.nr; i++) {
		const char *w = l->line.word[i];
		size_t len = strcspn(w, "=");
		bool is_known = false;
		int64_t v;

		for (unsigned int k = 0; known[k]; k++)
			is_known |= strlen(known[k]) == len &&
				    !strncmp(known[k], w, len);
		if (!is_known)
			return bad(l, "unknown word", w);
		if (w[len] && strncmp(w, "mix", 3) &&
		    strncmp(w, "garbage", 7) && strncmp(w, "name", 4) &&
		    strncmp(w, "g=", 2) && strncmp(w, "op=", 3) &&
		    strncmp(w, "kind", 4) && strncmp(w, "fence", 5) &&
		    number(w + len + 1, &v) && strncmp(w, "retryable", 9))
			return bad(l, "not a number", w);
	}
	return 0;
}

static const struct {
	const char *name;
	uint16_t flag;
} flag_names[] = {
	{"interim", NWB_LF_INTERIM}, {"volatile", NWB_LF_VOLATILE},
	{"signed", NWB_LF_SIGNED},   {"crash", NWB_LF_CRASH},
	{"dup", NWB_LF_DUP},	     {"9p", NWB_LF_9P},
	{"sync", NWB_LF_SYNC},	     {"refused", NWB_LF_REFUSED},
	{"guest", NWB_LF_GUEST},     {"to_guest", NWB_LF_TO_GUEST},
	{"mapped", NWB_LF_MAPPED},   {"zeros", NWB_LF_ZERO},
};

static const char *const record_words[] = {
	"file",	  "fd",	    "off",   "len",   "len2",	  "res",
	"mid",	  "aux",    "v",     "inst",  "conn",	  "status",
	"cmd",	  "charge", "grant", "rule",  "fid",	  "b",
	"e",	  "t",	    "te",    "mix",   "garbage",  "from",
	"shift",  "open",   "gap",   "kind",  "interim",  "volatile",
	"signed", "crash",  "dup",   "9p",    "sync",	  "refused",
	"state",  "parent", "g",     "guest", "to_guest", "mapped",
	"zeros",  "file2",  NULL};

static int kind_of(const char *name)
{
	for (unsigned int k = 1; k < NWB_L_KINDS; k++)
		if (!strcmp(nwb_ledger_kind_name(k), name))
			return (int)k;
	return -1;
}

static struct nwb_lrec *add_rec(struct loader *l)
{
	struct nwb_lrec *r;

	if (l->t->nr_rec >= TEXT_RECS)
		return NULL;
	r = &l->t->rec[l->t->nr_rec++];
	memset(r, 0, sizeof(*r));
	return r;
}

struct payload {
	struct loader *l;
	uint32_t parent;
	const struct nwb_lrec *effect;
};

static int add_run(void *arg, const struct nwb_stamp_run *run)
{
	struct payload *p = arg;
	struct nwb_lrec *r = add_rec(p->l);

	if (!r)
		return bad(p->l, "too many records", "");
	r->kind = NWB_L_EFFECT_RUN;
	r->state = NWB_LS_ENDED;
	r->begin = p->effect->begin;
	r->end = p->effect->begin + 1;
	r->t_begin = p->effect->t_begin;
	r->t_end = p->effect->t_begin;
	r->file = p->effect->file;
	r->off = run->offset;
	r->len = run->len;
	r->parent = p->parent;
	if (run->kind == NWB_STAMP_ZERO) {
		r->flags = NWB_LF_ZERO;
	} else if (run->kind == NWB_STAMP_PARTIAL) {
		r->flags = NWB_LF_PARTIAL;
		memcpy(&r->result, run->raw, 8);
		memcpy(&r->mid, run->raw + 8, 8);
	} else {
		r->version = run->lane.version;
		r->file2 = run->lane.file;
		r->len2 = run->lane.offset;
	}
	return 0;
}

static void stamp(struct loader *l, uint8_t *buf, uint64_t base, uint64_t off,
		  uint64_t len, uint32_t version)
{
	int64_t file = get_nr(&l->line, "from", get_nr(&l->line, "file", 1));
	int64_t shift = get_nr(&l->line, "shift", 0);

	nwb_stamp_fill(&l->t->key, (uint16_t)file, version,
		       off + (uint64_t)shift, buf + (off - base), len);
}

/* garbage=24+8: bytes of the payload that nobody ever wrote. */
static int put_garbage(struct loader *l, uint8_t *buf, uint64_t room)
{
	const char *g = get(&l->line, "garbage");
	unsigned long off, len;

	if (!g)
		return 0;
	if (sscanf(g, "%lu+%lu", &off, &len) != 2 || off + len > room)
		return -1;
	memset(buf + off, 0xa5, len);
	return 0;
}

static int add_runs(struct loader *l, const struct nwb_lrec *e)
{
	static uint8_t buf[TEXT_SIZE];
	const char *mix = get(&l->line, "mix");
	struct payload p = {.l = l, .effect = e};

	p.parent = (uint32_t)(e - l->t->rec) + 1;
	if (e->len > sizeof(buf))
		return bad(l, "too long", "len");
	memset(buf, 0, sizeof(buf));
	if (!mix && !get(&l->line, "v"))
		return 0;
	if (!mix)
		stamp(l, buf, e->off, e->off, e->len, e->version);
	while (mix && *mix) {
		unsigned int v;
		unsigned long off, len;

		if (sscanf(mix, "%u:%lu+%lu", &v, &off, &len) != 3 ||
		    off + len > e->len)
			return bad(l, "bad mix", mix);
		stamp(l, buf, e->off, e->off + off, len, v);
		mix += strcspn(mix, ",");
		mix += *mix == ',';
	}
	if (put_garbage(l, buf, e->len))
		return bad(l, "bad garbage", get(&l->line, "garbage"));
	return nwb_stamp_scan(&l->t->key, e->off, buf, e->len, add_run, &p);
}

/* g=3-4: made in a guest, its numbers of begin and end (g=3: has no end). */
static void put_numbers(const struct line *ln, struct nwb_lrec *r)
{
	const char *g = get(ln, "g");
	unsigned long long from = 0, to = 0;

	if (!g || sscanf(g, "%llu-%llu", &from, &to) < 1)
		return;
	r->aux = from;
	r->len2 = to;
	if (r->kind != NWB_L_JOIN)
		r->flags |= NWB_LF_GUEST;
}

static int64_t default_result(const struct nwb_lrec *r)
{
	return r->kind == NWB_L_WRITE || r->kind == NWB_L_READ ||
			       r->kind == NWB_L_EFFECT_WRITE ||
			       r->kind == NWB_L_ACKED
		       ? (int64_t)r->len
		       : 0;
}

static void put_place(struct loader *l, struct nwb_lrec *r)
{
	const struct line *ln = &l->line;
	uint64_t begin = l->ticket;

	r->state = has(ln, "gap")    ? NWB_LS_FREE
		   : has(ln, "open") ? NWB_LS_BEGUN
				     : NWB_LS_ENDED;
	r->state = (uint32_t)get_nr(ln, "state", r->state);
	l->ticket += STEP;
	r->begin = (uint64_t)get_nr(ln, "b", (int64_t)begin);
	r->end = has(ln, "open")
			 ? NWB_TICKET_OPEN
			 : (uint64_t)get_nr(ln, "e", (int64_t)begin + LENGTH);
	r->t_begin = (uint64_t)get_nr(ln, "t", (int64_t)(r->begin * NWB_MSEC));
	r->t_end = (uint64_t)get_nr(
		ln, "te", has(ln, "open") ? 0 : (int64_t)(r->end * NWB_MSEC));
}

static int record(struct loader *l)
{
	const struct line *ln = &l->line;
	int kind = kind_of(get(ln, "kind") ? get(ln, "kind") : ln->word[0]);
	struct nwb_lrec *r;
	bool has_file;

	if (kind < 0)
		return bad(l, "unknown kind", ln->word[0]);
	if (check_words(l, record_words))
		return -1;
	r = add_rec(l);
	if (!r)
		return bad(l, "too many records", "");
	has_file =
		(kind >= NWB_L_OPEN && kind <= NWB_L_GIVEUP) ||
		(kind >= NWB_L_EFFECT_WRITE && kind <= NWB_L_EFFECT_TRUNCATE);
	r->kind = (uint16_t)kind;
	put_place(l, r);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(flag_names); i++)
		if (has(ln, flag_names[i].name))
			r->flags |= flag_names[i].flag;
	r->off = (uint64_t)get_nr(ln, "off", 0);
	r->len = (uint64_t)get_nr(ln, "len", 0);
	r->len2 = (uint64_t)get_nr(ln, "len2", 0);
	r->result = get_nr(ln, "res", default_result(r));
	r->mid = (uint64_t)get_nr(ln, "mid", 0);
	r->aux = (uint64_t)get_nr(ln, "aux", 0);
	put_numbers(ln, r);
	r->version = (uint32_t)get_nr(ln, "v", 0);
	r->file2 = (uint16_t)get_nr(ln, "file2", 0);
	r->instance = (uint32_t)get_nr(ln, "inst", 0);
	r->conn = (uint32_t)get_nr(ln, "conn", 0);
	r->status = (uint32_t)get_nr(ln, "status", 0);
	r->file = (uint16_t)get_nr(ln, "file", has_file);
	r->fd = (uint16_t)get_nr(ln, "fd", kind <= NWB_L_CLOSE);
	r->cmd = (uint16_t)get_nr(ln, "cmd", 0);
	r->charge = (uint16_t)get_nr(ln, "charge", 0);
	r->grant = (uint16_t)get_nr(ln, "grant", 0);
	r->rule = (uint16_t)get_nr(ln, "rule", 0);
	r->fid = (uint32_t)get_nr(ln, "fid", 0);
	r->parent = (uint32_t)get_nr(ln, "parent", 0);
	return kind == NWB_L_EFFECT_WRITE ? add_runs(l, r) : 0;
}

static int policy(struct loader *l)
{
	static const char *const words[] = {
		"redirty",  "flush_on_close", "stable",
		"hard",	    "foreign",	      "p9",
		"patience", "max_attempts",   "fence",
		"settle",   "retryable",      "close_volatile",
		"folio",    "short_is_final", "cut_is_final",
		NULL};
	static const char *const fences[] = {"none", "settle", "session",
					     "durable"};
	struct nwb_policy *p = &l->t->in.policy;
	const struct line *ln = &l->line;
	const char *s = get(ln, "retryable"), *fence = get(ln, "fence");

	if (check_words(l, words))
		return -1;
	p->redirty |= has(ln, "redirty");
	p->flush_on_close |= has(ln, "flush_on_close");
	p->stable_pages |= has(ln, "stable");
	p->hard |= has(ln, "hard");
	p->foreign |= has(ln, "foreign");
	p->is_9p |= has(ln, "p9");
	p->close_volatile |= has(ln, "close_volatile");
	p->cut_is_final |= has(ln, "cut_is_final");
	p->short_is_final |= has(ln, "short_is_final");
	p->folio_max = (uint64_t)get_nr(ln, "folio", (int64_t)p->folio_max);
	p->patience_ns =
		(uint64_t)get_nr(ln, "patience", (int64_t)p->patience_ns);
	p->max_attempts =
		(uint32_t)get_nr(ln, "max_attempts", (int64_t)p->max_attempts);
	p->settle_ns = (uint64_t)get_nr(ln, "settle", (int64_t)p->settle_ns);
	for (unsigned int i = 0; fence && i < NWB_ARRAY_SIZE(fences); i++)
		if (!strcmp(fence, fences[i]))
			p->fence = (enum nwb_fence)i;
	while (s && *s && p->nr_retryable < NWB_ARRAY_SIZE(p->retryable)) {
		char *end;

		p->retryable[p->nr_retryable++] = (uint32_t)strtoul(s, &end, 0);
		s = *end == ',' ? end + 1 : NULL;
	}
	return 0;
}

static int expectation(struct loader *l)
{
	static const char *const words[] = {"rule",    "op",   "nr", "counted",
					    "exposed", "name", NULL};
	const struct line *ln = &l->line;
	uint64_t rule = (uint64_t)get_nr(ln, "rule", 0);
	struct nwb_expect_hits *e;

	if (check_words(l, words) || rule >= TEXT_RULES)
		return -1;
	e = &l->t->expect[rule];
	snprintf(l->t->rule_name[rule], sizeof(l->t->rule_name[rule]), "%s",
		 get(ln, "name") ? get(ln, "name") : "rule");
	e->name = l->t->rule_name[rule];
	e->op = get(ln, "op") ? *get(ln, "op") : 0;
	e->nr = (uint64_t)get_nr(ln, "nr", 1);
	e->counted = (uint64_t)get_nr(ln, "counted", 1);
	e->needs_exposed = has(ln, "exposed");
	if (l->t->in.nr_expect <= rule)
		l->t->in.nr_expect = (unsigned int)rule + 1;
	return 0;
}

static int content(struct loader *l)
{
	static const char *const words[] = {
		"file", "size",	 "off",	 "len",	    "v",       "val",
		"from", "shift", "skip", "missing", "initial", NULL};
	struct text_ledger *t = l->t;
	const struct line *ln = &l->line;
	uint64_t off = (uint64_t)get_nr(ln, "off", 0);
	uint64_t len = (uint64_t)get_nr(ln, "len", 1);
	struct nwb_content *c;

	if (check_words(l, words))
		return -1;
	if (has(ln, "skip"))
		return 0;
	if (!strcmp(ln->word[0], "content")) {
		if (t->in.nr_content >= TEXT_CONTENTS)
			return bad(l, "too many contents", "");
		l->content = (int)t->in.nr_content++;
		c = &t->content[l->content];
		c->file = (uint16_t)get_nr(ln, "file", 1);
		c->is_missing = has(ln, "missing");
		c->size = (uint64_t)get_nr(ln, "size", 0);
		c->initial = (uint64_t)get_nr(ln, "initial", 0);
		c->data = t->data[l->content];
		return c->size > TEXT_SIZE ? bad(l, "too large", "size") : 0;
	}
	if (l->content < 0 || off > TEXT_SIZE || len > TEXT_SIZE - off)
		return bad(l, "no content, or beyond it", ln->word[0]);
	c = &t->content[l->content];
	if (!strcmp(ln->word[0], "fill")) {
		int64_t file = get_nr(ln, "from", c->file);

		nwb_stamp_fill(&t->key, (uint16_t)file,
			       (uint32_t)get_nr(ln, "v", 0),
			       off + (uint64_t)get_nr(ln, "shift", 0),
			       t->data[l->content] + off, len);
	} else {
		memset(t->data[l->content] + off, (int)get_nr(ln, "val", 0),
		       len);
	}
	if (c->size < off + len)
		c->size = off + len;
	return 0;
}

static int want(struct loader *l, const struct line *ln, unsigned int at)
{
	static const char *const names[] = {"PASS",	    "FAIL", "VACUOUS",
					    "INCONCLUSIVE", "SKIP", "KNOWN"};
	struct text_want *w = &l->t->want;

	memset(w, 0, sizeof(*w));
	if (at >= ln->nr)
		return bad(l, "want what?", "");
	w->verdict = -2;
	if (!strcmp(ln->word[at], "noticed"))
		w->verdict = -1;
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], ln->word[at]))
			w->verdict = (int)i;
	if (w->verdict == -2)
		return bad(l, "no verdict", ln->word[at]);
	if (at + 1 < ln->nr)
		w->oracle =
			(unsigned int)strtoul(ln->word[at + 1] + 1, NULL, 10);
	if (at + 2 < ln->nr)
		snprintf(w->kind, sizeof(w->kind), "%s", ln->word[at + 2]);
	return 0;
}

/* Put the flip's pairs at the end of the line that it is about. */
static void apply_flip(struct loader *l)
{
	if (!*l->flip_label || strcmp(l->line.label, l->flip_label))
		return;
	for (unsigned int i = 0; i < l->flip.nr && l->line.nr < WORDS; i++)
		l->line.word[l->line.nr++] = l->flip.word[i];
}

static int crypt_unit(struct loader *l, const char *word)
{
	int64_t unit = 0;

	if (number(word, &unit) || unit < 16 || unit % 16 || unit > TEXT_SIZE)
		return bad(l, "no size of a data unit", word);
	l->t->in.crypt_unit = (uint32_t)unit;
	return 0;
}

static int directive(struct loader *l)
{
	const struct line *ln = &l->line;
	const char *w = ln->word[0];

	if (!strcmp(w, "policy"))
		return policy(l);
	if (!strcmp(w, "expect"))
		return expectation(l);
	if (!strcmp(w, "content") || !strcmp(w, "fill") || !strcmp(w, "zero") ||
	    !strcmp(w, "byte"))
		return content(l);
	if (!strcmp(w, "flip"))
		return 0;
	if (!strcmp(w, "want"))
		return *l->flip_label ? 0 : want(l, ln, 1);
	if (!strcmp(w, "reconnect"))
		l->t->in.expect_reconnect = true;
	else if (!strcmp(w, "retry"))
		l->t->in.expect_retry = true;
	else if (ln->nr < 2)
		return record(l);
	else if (!strcmp(w, "level"))
		l->t->in.level = !strcmp(ln->word[1], "check");
	else if (!strcmp(w, "lost"))
		l->t->in.nr_lost = strtoul(ln->word[1], NULL, 0);
	else if (!strcmp(w, "bound"))
		return number(ln->word[1], (int64_t *)&l->t->in.drain_bound_ns);
	else if (!strcmp(w, "crypt"))
		return crypt_unit(l, ln->word[1]);
	else
		return record(l);
	return 0;
}

/* The contents as a server has them: whole data units of cipher text. */
static void encrypt(struct text_ledger *t)
{
	uint32_t unit = t->in.crypt_unit;
	struct xts_aes128_key key;

	if (!unit)
		return;
	xts_aes128_set_encrypt_key(&key, t->in.crypt_key);
	for (unsigned int i = 0; i < t->in.nr_content; i++) {
		struct nwb_content *c = &t->content[i];

		c->size = NWB_ROUND_UP(c->size, (uint64_t)unit);
		for (uint64_t at = 0; at < c->size; at += unit) {
			uint8_t tweak[16] = {0};

			for (unsigned int k = 0; k < 8; k++)
				tweak[k] = (uint8_t)(at / unit >> (8 * k));
			xts_aes128_encrypt_message(&key, tweak, unit,
						   t->data[i] + at,
						   t->data[i] + at);
		}
	}
}

/* First pass: count the flips and keep the one that is asked for. */
static int find_flip(struct loader *l, FILE *f, unsigned int flip)
{
	struct line *ln = &l->line;

	for (ln->number = 1; fgets(ln->text, sizeof(ln->text), f);
	     ln->number++) {
		char copy[sizeof(ln->text)];
		unsigned int at = 0;

		memcpy(copy, ln->text, sizeof(copy));
		split(ln);
		if (!ln->nr || strcmp(ln->word[0], "flip"))
			continue;
		if (++l->t->nr_flips != flip)
			continue;
		copy[strcspn(copy, "\n")] = 0;
		snprintf(l->t->flip_line, sizeof(l->t->flip_line), "%.190s",
			 copy);
		while (at < ln->nr && strcmp(ln->word[at], "want"))
			at++;
		if (ln->nr < 3 || *ln->word[1] != '@' || want(l, ln, at + 1))
			return bad(l, "bad flip", copy);
		snprintf(l->flip_label, sizeof(l->flip_label), "%.39s",
			 ln->word[1] + 1);
		memcpy(l->flip.text, ln->text, sizeof(ln->text));
		for (unsigned int i = 2; i < at; i++)
			l->flip.word[l->flip.nr++] =
				l->flip.text + (ln->word[i] - ln->text);
	}
	return 0;
}

static int load(struct loader *l, FILE *f, unsigned int flip)
{
	bool is_applied = !flip;

	if (find_flip(l, f, flip))
		return -1;
	if (flip && !*l->flip_label)
		return bad(l, "no such flip", "");
	rewind(f);
	for (l->line.number = 1; fgets(l->line.text, sizeof(l->line.text), f);
	     l->line.number++) {
		split(&l->line);
		if (!l->line.nr)
			continue;
		is_applied |= flip && !strcmp(l->line.label, l->flip_label);
		apply_flip(l);
		if (directive(l))
			return l->t->error[0]
				       ? -1
				       : bad(l, "bad line", l->line.word[0]);
	}
	return is_applied ? 0 : bad(l, "no line has label", l->flip_label);
}

int text_load(struct text_ledger *t, const char *path, unsigned int flip)
{
	struct loader l = {.t = t, .ticket = STEP, .content = -1};
	FILE *f;
	int err;

	memset(t, 0, sizeof(*t));
	t->in.level = 1;
	t->want.verdict = -2;
	memcpy(t->in.key, "a key for tests", 16);
	nwb_stamp_key_init(&t->key, t->in.key);
	f = fopen(path, "r");
	if (!f)
		return bad(&l, "cannot open", path);
	err = load(&l, f, flip);
	fclose(f);
	encrypt(t);
	t->in.rec = t->rec;
	t->in.nr_rec = t->nr_rec;
	t->in.content = t->content;
	t->in.expect = t->expect;
	return err;
}

int text_judge(const struct text_ledger *t, struct nwb_judgement *j, char *text,
	       size_t size)
{
	const struct text_want *w = &t->want;
	struct nwb_err err;
	int n;

	if (nwb_judge(&t->in, j, &err)) {
		snprintf(text, size, "%s", err.text);
		return -1;
	}
	n = snprintf(text, size, "%s", nwb_verdict_name(j->verdict));
	for (unsigned int i = 0; i < j->nr_findings && n < (int)size; i++)
		n += snprintf(text + n, size - (size_t)n, "\n  O%u %s %s: %s",
			      j->finding[i].oracle,
			      nwb_verdict_name(j->finding[i].verdict),
			      j->finding[i].kind, j->finding[i].text);
	if (w->verdict == -1 && !w->oracle)
		return j->verdict == NWB_FAIL || j->verdict == NWB_INCONCLUSIVE
			       ? 0
			       : -1;
	if (w->verdict != -1 && (int)j->verdict != w->verdict)
		return -1;
	if (!w->oracle)
		return 0;
	for (unsigned int i = 0; i < j->nr_findings; i++)
		if (j->finding[i].oracle == w->oracle &&
		    (!*w->kind || !strcmp(w->kind, j->finding[i].kind)))
			return 0;
	return -1;
}
