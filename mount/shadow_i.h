/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shadow's insides; see nwb/shadow.h.
 *
 *	shadow ── hash of (directory, name) ─► dentry ─► snode
 *	   └── pool of pages ◄── index ── snode: chunk ─► 512 pages
 *
 * Locks: a node's lock is for its content, the shadow's for names, the pool,
 * findings and counters; the latter is taken inside the former.
 */
#ifndef NWB_SHADOW_I_H
#define NWB_SHADOW_I_H

#include "nwb/shadow.h"

#include "nwb/list.h"
#include <pthread.h>

#define SHADOW_PAGE    4096u
#define SHADOW_PER     512u			  /* pages a chunk */
#define SHADOW_CHUNK   (SHADOW_PAGE * SHADOW_PER) /* bytes */
#define SHADOW_CHANGES 64u			  /* at one time, a file */
#define SHADOW_BUCKETS 16384u
#define SHADOW_RANGES  1024u

/* Disjoint, ascending, not empty. */
struct range {
	uint64_t off, end;
};

struct ranges {
	struct range *r;
	unsigned int nr, room;
};

struct chunk {
	uint32_t page[SHADOW_PER]; /* of the pool; 0: a hole */
};

struct dentry {
	struct nwb_list bucket;
	struct nwb_list sibling;
	struct nwb_snode *dir;	/* not counted: it holds us */
	struct nwb_snode *node; /* counted; NULL: only a doubt */
	bool is_doubtful;
	char name[];
};

struct nwb_snode {
	enum nwb_snode_type type;
	unsigned int refs;	 /* under the shadow's lock */
	struct nwb_list entries; /* of a directory */
	char *target;		 /* of a symbolic link */

	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t is_done;
	uint64_t size;
	bool is_size_unknown;
	bool is_given_up; /* too large or no memory: not judged */
	struct chunk **chunk;
	uint64_t nr_chunks;
	struct ranges released;
	struct ranges dirty; /* since the last good fsync */
	uint64_t seq;	     /* of changes that began */
	unsigned int nr_changing;
	uint64_t changing; /* bit n: slot n is in use */
	struct range change[SHADOW_CHANGES];
};

struct nwb_shadow {
	pthread_mutex_t lock;
	uint8_t *pool;
	uint64_t pool_pages, next_page;
	uint32_t free_page; /* the first word of each names the next */
	char trouble[160];
	struct nwb_snode *root;
	struct nwb_list bucket[SHADOW_BUCKETS];
	struct nwb_shadow_stats stats;
	struct nwb_shadow_finding finding[NWB_SHADOW_FINDINGS];
	unsigned int nr_findings;
	uint64_t nr_found;
};

/* shadow.c */
void shadow_trouble(struct nwb_shadow *sh, const char *why);
/** shadow_found() - @path NULL: the node's own, the first that there is. */
void shadow_found(struct nwb_shadow *sh, const struct nwb_shadow_finding *f,
		  const struct nwb_snode *n);
struct dentry *shadow_find(struct nwb_shadow *sh, const struct nwb_snode *dir,
			   const char *name);

/* shadow_range.c */
/** ranges_add() - false: no memory. More than SHADOW_RANGES become one. */
bool ranges_add(struct ranges *s, uint64_t off, uint64_t end);
bool ranges_sub(struct ranges *s, uint64_t off, uint64_t end);
/** ranges_next() - the first of @s that ends behind @off, or NULL. */
const struct range *ranges_next(const struct ranges *s, uint64_t off);
void ranges_drop(struct ranges *s);

/* shadow_pages.c */
/** pages_find() - the page at @off, NULL: a hole. */
uint8_t *pages_find(const struct nwb_shadow *sh, const struct nwb_snode *n,
		    uint64_t off);
/** pages_write() - false: no memory, or too large. */
bool pages_write(struct nwb_shadow *sh, struct nwb_snode *n, const void *buf,
		 uint64_t len, uint64_t off);
/** pages_cut() - everything from @size on is a hole. */
void pages_cut(struct nwb_shadow *sh, struct nwb_snode *n, uint64_t size);
/** shadow_hexdump() - the lines of both sides around what differs. */
void shadow_hexdump(char *buf, size_t size, const char *a_name,
		    const uint8_t *a, const char *b_name, const uint8_t *b,
		    uint64_t len, uint64_t off);

#endif
