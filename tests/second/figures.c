/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second opinion: drain time, recovery time, bytes sent again and
 * amplification of a run, computed from its ledger as docs/reports.md defines
 * them, and held against what the run's record says.
 *
 *	figures LEDGER              prints what it computes
 *	figures LEDGER RECORD       and compares; RECORD: output of `netwb
 *	                            one-run`; exit 1 when something is over
 *	                            10 % off
 *
 * On purpose it includes no header and links no library of netwb: the layout
 * of the file is typed from the text of include/nwb/ledger.h, and everything is
 * computed the slow and obvious way. It shall be able to find netwb wrong.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Offsets in the header and in a record of 128 bytes. */
enum {
	H_MAGIC = 0,
	H_VERSION = 8,
	H_REC_SIZE = 12,
	H_NR_SLOTS = 16,
	H_NEXT = 4160,
	H_SLOTS = 8192,
	R_STATE = 0,
	R_KIND = 4,
	R_BEGIN = 8,
	R_END = 16,
	R_T_BEGIN = 24,
	R_T_END = 32,
	R_OFF = 40,
	R_LEN = 48,
	R_RESULT = 64,
	R_AUX = 80,
	R_CMD = 108,
	R_FLAGS = 6,
	R_RULE = 116,
	R_SIZE = 128,
};

/* Numbers of the kinds, counted in enum nwb_lrec_kind from NONE = 0. */
enum {
	K_WRITE = 2,
	K_FSYNC = 5,
	K_SENT = 7,
	K_ACKED = 8,
	K_PDU_REQ = 11,
	K_CONN_DOWN = 18,
	K_FAULT = 19,
	K_HEAL = 22,
};

#define ENDED	   2u /* state */
#define RULES	   32u
#define SMB2_WRITE 9u
#define P9_TWRITE  118u
#define FLAG_9P	   0x80u
/* Below these differences nobody cares about a percentage. */
#define CLOSE_NS  2000000.0
#define TOLERANCE 0.10

struct rec {
	unsigned int kind, rule, cmd, flags;
	uint64_t begin, end, t_begin, t_end, off, len, aux;
	int64_t result;
};

static struct rec *rec;
static size_t nr;

struct figures {
	double drain; /* -1: none */
	double hits[RULES], recovered[RULES], recovery[RULES], again[RULES];
	double sent, written, on_wire;
};

static uint64_t get(const unsigned char *p, size_t at, size_t bytes)
{
	uint64_t v = 0;

	for (size_t i = bytes; i-- > 0;)
		v = v << 8 | p[at + i]; /* ledgers are little-endian here */
	return v;
}

static void die(const char *path, const char *why)
{
	fprintf(stderr, "figures: %s: %s\n", path, why);
	exit(2);
}

static unsigned char *slurp(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	unsigned char *buf = NULL;
	size_t len = 0, room = 0, n;

	if (!f)
		die(path, "cannot be opened");
	do {
		if (len == room) {
			room = room ? 2 * room : 1 << 20;
			buf = realloc(buf, room + 1);
			if (!buf)
				die(path, "no memory");
		}
		n = fread(buf + len, 1, room - len, f);
		len += n;
	} while (n);
	if (ferror(f))
		die(path, "cannot be read");
	fclose(f);
	buf[len] = 0;
	*ret_len = len;
	return buf;
}

static void load(const char *path)
{
	size_t len;
	unsigned char *p = slurp(path, &len);
	uint64_t slots, next;

	if (len < H_SLOTS || get(p, H_MAGIC, 8) != 0x3152474457424e57u)
		die(path, "is no ledger");
	if (get(p, H_VERSION, 4) != 1 || get(p, H_REC_SIZE, 4) != R_SIZE)
		die(path, "is of another version");
	slots = get(p, H_NR_SLOTS, 8);
	next = get(p, H_NEXT, 8);
	if (next < slots)
		slots = next;
	if ((len - H_SLOTS) / R_SIZE < slots)
		die(path, "is cut off");
	rec = calloc(slots + 1, sizeof(*rec));
	if (!rec)
		die(path, "no memory");
	for (uint64_t i = 0; i < slots; i++) {
		const unsigned char *r = p + H_SLOTS + i * R_SIZE;

		if (get(r, R_STATE, 4) != ENDED)
			continue;
		rec[nr++] = (struct rec){
			.kind = (unsigned int)get(r, R_KIND, 2),
			.flags = (unsigned int)get(r, R_FLAGS, 2),
			.rule = (unsigned int)get(r, R_RULE, 2),
			.cmd = (unsigned int)get(r, R_CMD, 2),
			.begin = get(r, R_BEGIN, 8),
			.end = get(r, R_END, 8),
			.t_begin = get(r, R_T_BEGIN, 8),
			.t_end = get(r, R_T_END, 8),
			.off = get(r, R_OFF, 8),
			.len = get(r, R_LEN, 8),
			.result = (int64_t)get(r, R_RESULT, 8),
			.aux = get(r, R_AUX, 8),
		};
	}
	free(p);
}

/* ---- drain ---- */

static bool covers(const struct rec *fsync, const struct rec *heal)
{
	for (size_t i = 0; i < nr; i++)
		if (rec[i].kind == K_WRITE && rec[i].end < heal->begin &&
		    rec[i].end >= fsync->begin)
			return false;
	return true;
}

static double drain(void)
{
	const struct rec *heal = NULL;
	double best = -1;

	for (size_t i = 0; i < nr; i++)
		if (rec[i].kind == K_HEAL &&
		    (!heal || rec[i].begin > heal->begin))
			heal = &rec[i];
	for (size_t i = 0; heal && i < nr; i++) {
		double t;

		if (rec[i].kind != K_FSYNC || !covers(&rec[i], heal))
			continue;
		t = rec[i].t_end > heal->t_begin
			    ? (double)(rec[i].t_end - heal->t_begin)
			    : 0;
		if (best < 0 || t < best)
			best = t;
	}
	return best;
}

/* ---- recovery ---- */

/* Was a byte of @ack sent after @fault and before @ack? */
static bool is_answer(const struct rec *fault, const struct rec *ack)
{
	for (size_t i = 0; i < nr; i++)
		if (rec[i].kind == K_SENT && rec[i].begin > fault->begin &&
		    rec[i].begin < ack->begin &&
		    rec[i].off < ack->off + ack->len &&
		    ack->off < rec[i].off + rec[i].len)
			return true;
	return false;
}

static void recovery(const struct rec *fault, struct figures *f)
{
	const struct rec *first = NULL;
	double t;

	for (size_t i = 0; i < nr; i++)
		if (rec[i].kind == K_ACKED && rec[i].begin > fault->begin &&
		    rec[i].t_begin >= fault->t_begin &&
		    (!first || rec[i].begin < first->begin) &&
		    is_answer(fault, &rec[i]))
			first = &rec[i];
	if (!first)
		return;
	f->recovered[fault->rule]++;
	t = (double)(first->t_begin - fault->t_begin);
	if (t > f->recovery[fault->rule])
		f->recovery[fault->rule] = t;
}

/* ---- sent again, byte by byte ---- */

struct byte {
	bool was_sent; /* and not written since */
	uint16_t losses;
};

static int by_ticket(const void *pa, const void *pb)
{
	const struct rec *a = pa, *b = pb;
	uint64_t x = a->kind == K_WRITE ? a->end : a->begin;
	uint64_t y = b->kind == K_WRITE ? b->end : b->begin;

	return (x > y) - (x < y);
}

static void again(struct figures *f)
{
	struct rec *ev = malloc((nr + 1) * sizeof(*ev));
	struct byte *map;
	uint64_t size = 1;
	uint16_t losses = 0;
	int rule = -1;

	for (size_t i = 0; i < nr; i++)
		if (rec[i].kind == K_SENT && rec[i].off + rec[i].len > size)
			size = rec[i].off + rec[i].len;
	map = size > 1u << 30 ? NULL : calloc(size, sizeof(*map));
	if (!ev || !map)
		die("sent again", "no memory");
	memcpy(ev, rec, nr * sizeof(*ev));
	qsort(ev, nr, sizeof(*ev), by_ticket);
	for (size_t i = 0; i < nr; i++) {
		const struct rec *r = &ev[i];

		if (r->kind == K_CONN_DOWN)
			losses++;
		if (r->kind == K_FAULT && r->rule < RULES)
			rule = (int)r->rule;
		if (r->kind == K_WRITE && r->result > 0)
			for (uint64_t b = r->off;
			     b < r->off + (uint64_t)r->result && b < size; b++)
				map[b].was_sent = false;
		for (uint64_t b = r->off;
		     r->kind == K_SENT && b < r->off + r->len; b++) {
			if (map[b].was_sent && rule >= 0 &&
			    (r->aux || map[b].losses != losses))
				f->again[rule]++;
			map[b] = (struct byte){true, losses};
		}
	}
	free(map);
	free(ev);
}

/* ---- all of it ---- */

static void compute(struct figures *f)
{
	*f = (struct figures){.drain = drain()};
	for (size_t i = 0; i < nr; i++) {
		const struct rec *r = &rec[i];

		if (r->kind == K_SENT)
			f->sent += (double)r->len;
		if (r->kind == K_WRITE && r->result > 0)
			f->written += (double)r->result;
		if (r->kind == K_PDU_REQ &&
		    r->cmd == (r->flags & FLAG_9P ? P9_TWRITE : SMB2_WRITE))
			f->on_wire += (double)r->len;
		if (r->kind != K_FAULT || r->rule >= RULES)
			continue;
		f->hits[r->rule]++;
		recovery(r, f);
	}
	if (f->sent > 0)
		again(f);
}

/* ---- the record, read with no JSON library ---- */

/* Just behind "key": at or after @from; NULL: not there. */
static const char *behind(const char *from, const char *key)
{
	char word[64];
	const char *p;

	snprintf(word, sizeof(word), "\"%s\":", key);
	p = from ? strstr(from, word) : NULL;
	return p ? p + strlen(word) : NULL;
}

/* -1: null, or not there. */
static double number(const char *from, const char *key)
{
	const char *p = behind(from, key);

	while (p && *p == ' ')
		p++;
	return !p || *p == 'n' ? -1 : strtod(p, NULL);
}

static unsigned int nr_bad;

static void compare(const char *what, double mine, double its, double close)
{
	double off = mine > its ? mine - its : its - mine;
	double base = mine > its ? mine : its;
	bool is_bad = (mine < 0) != (its < 0) ||
		      (off > TOLERANCE * base && off > close);

	printf("%-28s ledger %16.3f  record %16.3f  %5.1f %%%s\n", what, mine,
	       its, base > 0 ? 100 * off / base : 0.0, is_bad ? "  BAD" : "");
	nr_bad += is_bad;
}

/* Rules stand in the record by name, sorted; in the ledger by number. @order
 * maps them: the n-th name given on the command line is rule n. */
static void compare_rule(const struct figures *f, const char *faults,
			 const char *name, unsigned int rule)
{
	const char *r = behind(faults, name);
	bool has = f->recovered[rule] > 0;
	char what[96];

	if (!r)
		die(name, "no such rule in the record");
	snprintf(what, sizeof(what), "%s hits", name);
	compare(what, f->hits[rule], number(r, "hits"), 0);
	snprintf(what, sizeof(what), "%s recovered", name);
	compare(what, f->recovered[rule], number(r, "recovered"), 0);
	snprintf(what, sizeof(what), "%s recovery ns", name);
	compare(what, has ? f->recovery[rule] : -1, number(r, "recovery_ns"),
		0);
	snprintf(what, sizeof(what), "%s bytes again", name);
	compare(what, f->again[rule], number(r, "bytes_again"), 0);
}

int main(int argc, char **argv)
{
	struct figures f;
	char *text;
	size_t len;
	double its;

	if (argc < 2) {
		fprintf(stderr, "usage: figures LEDGER [RECORD [RULE...]]\n");
		return 2;
	}
	load(argv[1]);
	compute(&f);
	printf("drain_ns %.0f\nsent %.0f\nwritten %.0f\non_wire %.0f\n",
	       f.drain, f.sent, f.written, f.on_wire);
	for (unsigned int i = 0; i < RULES; i++)
		if (f.hits[i] > 0)
			printf("rule %u: hits %.0f recovered %.0f recovery_ns "
			       "%.0f bytes_again %.0f\n",
			       i, f.hits[i], f.recovered[i], f.recovery[i],
			       f.again[i]);
	if (argc < 3)
		return 0;
	text = (char *)slurp(argv[2], &len);
	compare("drain ns", f.drain, number(text, "drain_ns"), CLOSE_NS);
	its = number(text, "bytes_sent") / number(text, "bytes_dirtied");
	compare("amplification", f.sent / f.written, its, 0);
	for (int i = 3; i < argc; i++)
		compare_rule(&f, behind(text, "faults"), argv[i],
			     (unsigned int)i - 3);
	free(text);
	return nr_bad ? 1 : 0;
}
