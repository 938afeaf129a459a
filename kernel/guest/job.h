/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs, parsed: of the guest, and of netwb, which wants to know before it boots
 * anything. The language stands in nwb/guest.h.
 */
#ifndef NWB_KERNEL_GUEST_JOB_H
#define NWB_KERNEL_GUEST_JOB_H

#include "nwb/util.h"

#define JOB_FILES    64u /* numbers 1..63, as in the ledger */
#define JOB_FDS	     32u
#define JOB_VERBS    4096u
#define JOB_THREADS  16u
#define JOB_TEXT_MAX (1u << 20)
#define JOB_WORDS    64u
#define JOB_COUNT    (1u << 24)
#define JOB_LEN_MAX  (1ull << 30) /* of one operation */

enum job_kind {
	JOB_MOUNT,
	JOB_UMOUNT,
	JOB_OPEN,
	JOB_WRITE,
	JOB_APPEND,
	JOB_STORE,
	JOB_MSYNC,
	JOB_READ,
	JOB_VERIFY,
	JOB_FSYNC,
	JOB_FDATASYNC,
	JOB_SYNCFS,
	JOB_SYNC,
	JOB_TRUNCATE,
	JOB_CLOSE,
	JOB_UNLINK,
	JOB_MARK,
	JOB_WAIT,
	JOB_SLEEP,
	JOB_DROP,
	JOB_PRESSURE,
	JOB_ECHO,
	JOB_STAT,
	JOB_LS,
	JOB_RELEASE,
	JOB_TRACE_ON,
	JOB_TRACE_LIVE,
	JOB_TRACE_OFF,
	JOB_THREAD,
	JOB_END,
	JOB_JOIN,
	JOB_ON_ERROR,
	JOB_DONE,
	/* of the parser only: they make no verb */
	JOB_KEY,
	JOB_FILE,
	JOB_TRACE,
};

/**
 * struct job_range - a row of operations.
 * @off, @len: of the first; @count of them, @step bytes apart
 * @fsync_every: 0: none
 * @is_shuffled: in an order that @seed decides
 */
struct job_range {
	uint64_t off;
	uint64_t len;
	uint64_t count;
	uint64_t step;
	uint64_t fsync_every;
	uint64_t seed;
	bool is_shuffled;
};

/**
 * struct job_verb - one line.
 * @fd, @file: numbers of the job
 * @flags: OPEN: of open(2); UMOUNT: of umount2(2); ON_ERROR: 1: stop
 * @nr: SLEEP, PRESSURE: ms; DROP: what; TRUNCATE: size; TRACE: KB
 * @to: THREAD: index of its END
 * @s, @nr_s: words of the line, as the language orders them
 */
struct job_verb {
	enum job_kind kind;
	unsigned int line;
	unsigned int fd;
	unsigned int file;
	int flags;
	uint64_t nr;
	unsigned int to;
	struct job_range r;
	char **s;
	unsigned int nr_s;
};

/**
 * struct job - all of it. Strings lie in @text, lists of them in @words.
 */
struct job {
	char *text;
	char **words;
	unsigned int nr_words;
	struct job_verb *verb;
	unsigned int nr_verbs;
	unsigned int nr_threads;
	const char *path[JOB_FILES]; /* NULL: no such file */
	uint8_t key[16];
	bool has_key;
};

/**
 * job_parse() - make a job of @text.
 * @ret_why: "line N: ..." when it is none; @size of it
 * Return: 0 and @ret, to be freed with job_fini(); -EINVAL; -ENOMEM.
 */
int job_parse(const char *text, size_t len, struct job *ret, char *ret_why,
	      size_t size) nwb_must_check;
/** job_fini() - all zero is fine. */
void job_fini(struct job *job);
/** job_at() - which operation of the row comes as number @i. A permutation of
 * the row for each seed. */
uint64_t job_at(const struct job_range *r, uint64_t i);

#endif
