/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger's mapping and its records (model: include/nwb/ledger.h).
 *
 * A record's life, and what a reader may believe at each step:
 *
 *	fetch_add(next)    slot is reserved; killed here: a gap
 *	fill, draw begin
 *	state = BEGUN      all but the end is valid; killed here: "may have
 *	  (release)        happened"
 *	... the thing itself happens ...
 *	fill, draw end
 *	state = ENDED      all is valid and will not change
 *	  (release)
 *
 * The begin ticket is drawn before the thing starts and the end ticket after it
 * is over, both from one sequentially consistent counter, so that
 * a.end < b.begin proves that a was over before b started.
 *
 * Links libc only: no nwb_assert(), no nwb_alloc().
 */
#include "nwb/ledger.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A bound that keeps the sum below from overflowing: 2^40 records. */
#define SLOTS_MAX (1ull << 40)

static size_t size_of(uint64_t nr_slots)
{
	return sizeof(struct nwb_ledger_hdr) +
	       nr_slots * sizeof(struct nwb_lrec);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

static int map_fd(int fd, size_t size, bool writable, struct nwb_ledger *ret_l)
{
	void *p =
		mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
		     MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	ret_l->hdr = p;
	ret_l->map_len = size;
	return 0;
}

int nwb_ledger_create(int fd, uint64_t nr_slots, const uint8_t key[16],
		      uint32_t level, struct nwb_ledger *ret_l)
{
	struct nwb_ledger l;
	int err;

	if (!nr_slots || nr_slots > SLOTS_MAX || level > 1)
		return -EINVAL;
	/* By way of zero, so that no record of an older run is left. */
	if (ftruncate(fd, 0) || ftruncate(fd, (off_t)size_of(nr_slots)))
		return -errno;
	err = map_fd(fd, size_of(nr_slots), true, &l);
	if (err)
		return err;
	l.hdr->version = NWB_LEDGER_VERSION;
	l.hdr->rec_size = sizeof(struct nwb_lrec);
	l.hdr->nr_slots = nr_slots;
	memcpy(l.hdr->key, key, sizeof(l.hdr->key));
	l.hdr->level = level;
	/* Ticket 0 is never drawn: a zeroed record has no place in time. */
	atomic_store(&l.hdr->tick, 1);
	l.hdr->magic = NWB_LEDGER_MAGIC;
	*ret_l = l;
	return 0;
}

static bool is_ledger(const struct nwb_ledger_hdr *h, size_t size)
{
	return h->magic == NWB_LEDGER_MAGIC &&
	       h->version == NWB_LEDGER_VERSION &&
	       h->rec_size == sizeof(struct nwb_lrec) && h->nr_slots &&
	       h->nr_slots <= SLOTS_MAX && size_of(h->nr_slots) == size &&
	       h->nr_files <= NWB_LEDGER_FILES;
}

int nwb_ledger_map(int fd, bool writable, struct nwb_ledger *ret_l)
{
	struct nwb_ledger l;
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return -errno;
	if ((uint64_t)st.st_size < sizeof(struct nwb_ledger_hdr))
		return -EINVAL;
	err = map_fd(fd, (size_t)st.st_size, writable, &l);
	if (err)
		return err;
	if (!is_ledger(l.hdr, l.map_len)) {
		nwb_ledger_unmap(&l);
		return -EINVAL;
	}
	*ret_l = l;
	return 0;
}

void nwb_ledger_unmap(struct nwb_ledger *l)
{
	if (l->hdr)
		munmap(l->hdr, l->map_len);
	l->hdr = NULL;
	l->map_len = 0;
}

void nwb_ledger_prefault(struct nwb_ledger *l, uint64_t nr)
{
	volatile uint8_t *p = (volatile uint8_t *)l->hdr;
	size_t len = size_of(nwb_min(nr, l->hdr->nr_slots));

	/*
	 * Nobody else uses the ledger yet, so writing back what was read
	 * changes nothing.
	 */
	for (size_t at = 0; at < len; at += 4096)
		p[at] = p[at];
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int nwb_ledger_add_file(struct nwb_ledger *l, const char *name)
{
	struct nwb_ledger_hdr *h = l->hdr;
	const char *base = base_name(name);
	uint16_t id = nwb_ledger_find_file(l, base);

	if (id)
		return id;
	if (!*base || strlen(base) >= sizeof(h->file[0].name))
		return -ENAMETOOLONG;
	if (h->nr_files >= NWB_LEDGER_FILES)
		return -ENOSPC;
	id = (uint16_t)(h->nr_files + 1);
	h->file[h->nr_files].id = id;
	strcpy(h->file[h->nr_files].name, base);
	h->nr_files++;
	return id;
}

static bool is_named(const struct nwb_ledger_file *f, const char *base,
		     size_t len)
{
	uint16_t id = atomic_load_explicit(&f->id, memory_order_acquire);

	return id && id != NWB_LEDGER_NAMING && len < sizeof(f->name) &&
	       !memcmp(f->name, base, len + 1);
}

uint16_t nwb_ledger_find_file(const struct nwb_ledger *l, const char *path)
{
	const char *base = base_name(path);
	size_t len = strlen(base);

	for (uint32_t i = 0; i < l->hdr->nr_files && i < NWB_LEDGER_FILES; i++)
		if (is_named(&l->hdr->file[i], base, len))
			return l->hdr->file[i].id;
	return 0;
}

/* Another process is naming this entry, perhaps with our name. It may have
 * been killed in between: then the entry stays unused. */
static void wait_named(const struct nwb_ledger_file *f)
{
	for (int i = 0; i < 100000; i++)
		if (atomic_load_explicit(&f->id, memory_order_acquire) !=
		    NWB_LEDGER_NAMING)
			return;
}

/* Entries are taken in order and never given back, so whoever wants the same
 * name at the same time meets the first one on its way. */
uint16_t nwb_ledger_learn_file(struct nwb_ledger *l, const char *path)
{
	struct nwb_ledger_hdr *h = l->hdr;
	const char *base = base_name(path);
	size_t len = strlen(base);

	if (!h->learns)
		return nwb_ledger_find_file(l, base);
	if (!len)
		return 0;
	if (len >= sizeof(h->file[0].name)) {
		atomic_fetch_add(&h->unnamed, 1);
		return 0;
	}
	for (uint32_t i = 0; i < NWB_LEDGER_FILES; i++) {
		struct nwb_ledger_file *f = &h->file[i];
		uint16_t none = 0;
		uint32_t nr = h->nr_files;

		if (atomic_compare_exchange_strong(&f->id, &none,
						   NWB_LEDGER_NAMING)) {
			memcpy(f->name, base, len + 1);
			while (nr <= i && !atomic_compare_exchange_weak(
						  &h->nr_files, &nr, i + 1))
				;
			atomic_store_explicit(&f->id, (uint16_t)(i + 1),
					      memory_order_release);
			return (uint16_t)(i + 1);
		}
		if (none == NWB_LEDGER_NAMING)
			wait_named(f);
		if (is_named(f, base, len))
			return f->id;
	}
	atomic_fetch_add(&h->unnamed, 1);
	return 0;
}

uint64_t nwb_ledger_count(const struct nwb_ledger *l)
{
	uint64_t next =
		atomic_load_explicit(&l->hdr->next, memory_order_acquire);

	return nwb_min(next, l->hdr->nr_slots);
}

/* Copy all of @proto but state, tickets and times. */
static void fill(struct nwb_lrec *r, const struct nwb_lrec *proto)
{
	const size_t from = offsetof(struct nwb_lrec, off);

	r->kind = proto->kind;
	r->flags = proto->flags;
	memcpy((char *)r + from, (const char *)proto + from, sizeof(*r) - from);
}

/*
 * A server's process may be killed anywhere, and between reserving a slot and
 * publishing it that leaves a gap, which spoils the run. So what can be slow is
 * done before: the clock, and the page fault of a page that is new to this
 * process. A few slots ahead, because others reserve too.
 */
static uint64_t get_ready(struct nwb_ledger_hdr *h)
{
	uint64_t next = atomic_load_explicit(&h->next, memory_order_relaxed);

	for (uint64_t ahead = 0; ahead <= 8; ahead += 8)
		if (next + ahead < h->nr_slots)
			(void)atomic_load_explicit(&h->slot[next + ahead].state,
						   memory_order_relaxed);
	return now_ns();
}

static struct nwb_lrec *reserve(struct nwb_ledger *l,
				const struct nwb_lrec *proto)
{
	struct nwb_ledger_hdr *h = l->hdr;
	uint64_t slot, now = get_ready(h);
	struct nwb_lrec *r;

	slot = atomic_fetch_add_explicit(&h->next, 1, memory_order_relaxed);
	if (slot >= h->nr_slots) {
		atomic_fetch_add_explicit(&h->lost, 1, memory_order_relaxed);
		return NULL;
	}
	r = &h->slot[slot];
	fill(r, proto);
	r->t_begin = now;
	r->begin = atomic_fetch_add(&h->tick, 1);
	r->end = NWB_TICKET_OPEN;
	return r;
}

struct nwb_lrec *nwb_ledger_begin(struct nwb_ledger *l,
				  const struct nwb_lrec *proto)
{
	struct nwb_lrec *r = reserve(l, proto);

	if (r)
		atomic_store_explicit(&r->state, NWB_LS_BEGUN,
				      memory_order_release);
	return r;
}

void nwb_ledger_end(struct nwb_ledger *l, struct nwb_lrec *rec)
{
	if (!rec)
		return;
	rec->t_end = now_ns();
	rec->end = atomic_fetch_add(&l->hdr->tick, 1);
	atomic_store_explicit(&rec->state, NWB_LS_ENDED, memory_order_release);
}

struct nwb_lrec *nwb_ledger_point(struct nwb_ledger *l,
				  const struct nwb_lrec *proto)
{
	struct nwb_lrec *r = reserve(l, proto);

	if (!r)
		return NULL;
	r->t_end = r->t_begin;
	r->end = atomic_fetch_add(&l->hdr->tick, 1);
	atomic_store_explicit(&r->state, NWB_LS_ENDED, memory_order_release);
	return r;
}

const char *nwb_ledger_kind_name(unsigned int kind)
{
	static const char *const name[NWB_L_KINDS] = {
		[NWB_L_NONE] = "NONE",
		[NWB_L_OPEN] = "OPEN",
		[NWB_L_WRITE] = "WRITE",
		[NWB_L_READ] = "READ",
		[NWB_L_TRUNCATE] = "TRUNCATE",
		[NWB_L_FSYNC] = "FSYNC",
		[NWB_L_CLOSE] = "CLOSE",
		[NWB_L_SENT] = "SENT",
		[NWB_L_ACKED] = "ACKED",
		[NWB_L_GIVEUP] = "GIVEUP",
		[NWB_L_CONNECT] = "CONNECT",
		[NWB_L_PDU_REQ] = "PDU_REQ",
		[NWB_L_PDU_REPLY] = "PDU_REPLY",
		[NWB_L_EFFECT_WRITE] = "EFFECT_WRITE",
		[NWB_L_EFFECT_RUN] = "EFFECT_RUN",
		[NWB_L_EFFECT_FSYNC] = "EFFECT_FSYNC",
		[NWB_L_EFFECT_TRUNCATE] = "EFFECT_TRUNCATE",
		[NWB_L_CONN_UP] = "CONN_UP",
		[NWB_L_CONN_DOWN] = "CONN_DOWN",
		[NWB_L_FAULT] = "FAULT",
		[NWB_L_SERVER_UP] = "SERVER_UP",
		[NWB_L_SERVER_DOWN] = "SERVER_DOWN",
		[NWB_L_HEAL] = "HEAL",
		[NWB_L_HEARTBEAT] = "HEARTBEAT",
		[NWB_L_RUN_END] = "RUN_END",
		[NWB_L_JOIN] = "JOIN",
	};

	return kind < NWB_L_KINDS && name[kind] ? name[kind] : "?";
}
