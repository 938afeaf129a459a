/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Seeded raw scripts, run on a fake and on the real server that it copies.
 *
 *	seed ──► script ──┬─► fake ───► transcript ─┐
 *	                  └─► server ─► transcript ─┴─► equal, line by line,
 *	                                     or excused by exceptions.txt
 *
 * A script speaks the protocol by hand and breaks its rules on purpose. It
 * goes on by what its own seed and its own count of credits say, never by what
 * a server makes of it, so both get the same bytes as long as both answer the
 * same.
 */
#ifndef SCRIPTS_H
#define SCRIPTS_H

#include "nwb/exec.h"
#include "nwb/fake.h"

#define LINE_MAX_ 112u

/* One request, or a batch whose answers may come in any order. */
struct line {
	char op[LINE_MAX_];
	char result[LINE_MAX_];
};

struct transcript {
	struct line *line;
	unsigned int nr, room;
};

/**
 * struct world - what a script runs on.
 * @export: 9P aname
 * @seed: of the script
 * @content: size and hash of file @name below the server, and cut it to
 *	nothing, so that many scripts fit
 */
struct world {
	struct nwb_exec *ex;
	struct nwb_dialer *dialer;
	const char *export;
	uint64_t seed;
	struct transcript *t;
	void (*content)(struct world *w, const char *name, uint64_t *ret_size,
			uint64_t *ret_hash);
	void *arg;
	uint64_t rng;
	bool is_loud;
};

typedef void (*script_fn)(struct world *w);

/* --- campaign.c ---------------------------------------------------------- */

/** run_on_both() - as many scripts as the environment says, on the fake and on
 * @server; a failure when one differs. @name: as exceptions.txt calls it. */
void run_on_both(script_fn script, enum nwb_fake_proto proto, const char *name,
		 const char *server);
/** find_sabotage() - a fake with one wrong answer must not pass for another. */
void find_sabotage(script_fn script, enum nwb_fake_proto proto,
		   const char *name);

/* --- transcript.c -------------------------------------------------------- */

/** say_op() - what is sent next; say_result() - what came of it. */
void say_op(struct world *w, const char *fmt, ...) nwb_printf(2, 3);
void say_result(struct world *w, const char *fmt, ...) nwb_printf(2, 3);
/** say_content() - a line about file @name as it is below the server. */
void say_content(struct world *w, const char *name);
/** roll() - a number below @n, from the seed. */
uint32_t roll(struct world *w, uint32_t n);
uint64_t hash_bytes(uint64_t h, const void *p, size_t len);
#define HASH_START 0xcbf29ce484222325ull

/* One difference that is known and has a reason; patterns as in fnmatch(3). */
struct exception {
	char proto[8];
	char op[LINE_MAX_];
	char fake[LINE_MAX_];
	char real[LINE_MAX_];
	unsigned int line;
	unsigned int used;
};

#define EXCEPTIONS_MAX 64u
struct exceptions {
	struct exception e[EXCEPTIONS_MAX];
	unsigned int nr;
};

/** exceptions_load() - "proto | op | fake | real | reason" a line; a line
 * without a reason is refused. */
void exceptions_load(struct exceptions *x, const char *path);
/** transcripts_differ() - Return: index of the first line that differs and is
 * not excused, or -1. Counts what was used in @x. */
int transcripts_differ(const struct transcript *fake,
		       const struct transcript *real, const char *proto,
		       struct exceptions *x);
void transcripts_print(const struct transcript *fake,
		       const struct transcript *real, int mark);
void transcript_free(struct transcript *t);

#endif
