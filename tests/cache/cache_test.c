/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local cache object: which blocks it has, and what becomes of odd ones. */
#include "nwb/cache.h"
#include "nwb/mem.h"
#include "nwb_test_exec.h"

#include <errno.h>
#include <string.h>

struct cache_test {
	struct nwb_exec *ex;
	struct nwb_cache *c;
	struct nwb_cache_object *obj;
	uint8_t *mem;
	struct nwb_mutex lock;
	struct nwb_waitq done;
	unsigned int nr_done;
	struct nwb_cache_opts opts;
	bool unskipped;
	void (*body)(struct cache_test *ct);
};

struct one {
	struct nwb_cache_write w;
	struct cache_test *ct;
	struct iovec iov;
	bool is_done;
};

static void one_done(struct nwb_cache_write *w)
{
	struct one *o = nwb_container_of(w, struct one, w);

	nwb_mutex_lock(&o->ct->lock);
	o->ct->nr_done++;
	o->is_done = true;
	nwb_waitq_wake_all(&o->ct->done);
	nwb_mutex_unlock(&o->ct->lock);
}

static void submit(struct cache_test *ct, struct one *o, uint64_t start,
		   size_t len)
{
	o->ct = ct;
	o->is_done = false;
	o->iov.iov_base = ct->mem + start;
	o->iov.iov_len = len;
	o->w = (struct nwb_cache_write){.obj = ct->obj,
					.start = start,
					.len = len,
					.iov = &o->iov,
					.nr_iov = 1,
					.unskipped_start = ct->unskipped,
					.done = one_done};
	nwb_cache_write(&o->w);
}

static int64_t put(struct cache_test *ct, uint64_t start, size_t len)
{
	struct one o;

	submit(ct, &o, start, len);
	nwb_mutex_lock(&ct->lock);
	nwb_wait_event(&ct->done, &ct->lock, o.is_done);
	nwb_mutex_unlock(&ct->lock);
	return o.w.result;
}

/* How much is there, and is it what was written? */
static ssize_t get(struct cache_test *ct, uint64_t pos, size_t len)
{
	static uint8_t back[1 << 16];
	ssize_t n = nwb_cache_read(ct->obj, pos, back, len);

	if (n > 0)
		nwb_check(!memcmp(back, ct->mem + pos, (size_t)n));
	return n;
}

static void begin(struct nwb_test_exec *te)
{
	struct cache_test *ct = te->arg;
	struct nwb_err err = {0};

	ct->ex = te->ex;
	ct->nr_done = 0;
	ct->mem = nwb_alloc_pages(1 << 18);
	nwb_check(ct->mem != NULL);
	for (unsigned int i = 0; i < 1 << 18; i++)
		ct->mem[i] = (uint8_t)(i * 3 + i / 4096);
	nwb_mutex_init(&ct->lock, te->ex, "cache test");
	nwb_waitq_init(&ct->done, te->ex, "cache test");
	ct->opts.dir = "/tmp";
	nwb_check_eq(nwb_cache_new(te->ex, &ct->opts, &ct->c, &err), 0);
	nwb_check_eq(nwb_cache_open(ct->c, &ct->obj), 0);
}

static void end(struct cache_test *ct)
{
	nwb_cache_close(ct->obj);
	nwb_cache_free(ct->c);
	nwb_free(ct->mem);
}

static void run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct cache_test *ct = te->arg;

	begin(te);
	ct->body(ct);
	end(ct);
}

static void on_all(void (*body)(struct cache_test *ct),
		   const struct nwb_cache_opts *opts)
{
	struct cache_test ct = {.body = body};

	if (opts)
		ct.opts = *opts;
	nwb_test_on_all(run, &ct);
}

static void blocks_body(struct cache_test *ct)
{
	struct nwb_cache_stats st;

	nwb_check_eq(get(ct, 0, 4096), 0);
	nwb_check_eq(put(ct, 8192, 8192), 8192);
	nwb_check_eq(get(ct, 0, 4096), 0);
	nwb_check_eq(get(ct, 8192, 65536), 8192);
	nwb_check_eq(get(ct, 8192 + 5000, 100), 100);
	nwb_check_eq(get(ct, 8192 + 5000, 8192), 8192 - 5000);
	nwb_cache_forget(ct->obj, 8192 + 4096 + 7, 1);
	nwb_check_eq(get(ct, 8192, 65536), 4096);
	nwb_cache_invalidate(ct->obj);
	nwb_check_eq(get(ct, 8192, 4096), 0);
	nwb_check_eq(put(ct, 0, 4096), 4096);
	nwb_check_eq(get(ct, 0, 65536), 4096);
	nwb_cache_get_stats(ct->c, &st);
	nwb_check_eq(st.present_bytes, 4096);
	nwb_check_eq(st.mis, 0);
}

NWB_TEST(cache, item2_blocks_are_present_or_not)
{
	on_all(blocks_body, NULL);
}

static void to_the_end_body(struct cache_test *ct)
{
	nwb_check_eq(put(ct, 0, 32768), 32768);
	nwb_cache_forget(ct->obj, 4096, 0);
	nwb_cache_forget(ct->obj, NWB_CACHE_OBJECT_MAX, UINT64_MAX);
	nwb_cache_forget(ct->obj, UINT64_MAX, 1);
	nwb_check_eq(get(ct, 0, 65536), 32768);
	nwb_cache_forget(ct->obj, 8192 + 1, UINT64_MAX);
	nwb_check_eq(get(ct, 0, 65536), 8192);
}

NWB_TEST(cache, item2_all_to_the_end_is_forgotten)
{
	on_all(to_the_end_body, NULL);
}

static void odd_body(struct cache_test *ct)
{
	struct nwb_cache_stats st;

	/* 100 bytes, one block, 50 bytes: the block is stored. */
	nwb_check_eq(put(ct, 4096 - 100, 100 + 4096 + 50), 100 + 4096 + 50);
	nwb_check_eq(get(ct, 4096, 65536), 4096);
	nwb_check_eq(get(ct, 0, 4096), 0);
	nwb_cache_get_stats(ct->c, &st);
	nwb_check_eq(st.mis, 150);
	/* Nothing but odd bytes: counts as written. The block that they are of
	 * is not what the server has any more. */
	nwb_check_eq(put(ct, 4096 + 10, 20), 20);
	nwb_check_eq(get(ct, 4096, 4096), 0);
}

NWB_TEST(cache, item2_odd_ends_are_left_out)
{
	on_all(odd_body, NULL);
}

static void h8_body(struct cache_test *ct)
{
	ct->unskipped = true;
	/* The bytes of 4096 are to be stored at 4000, which is refused. */
	nwb_check_eq(put(ct, 4000, 96 + 4096), -EINVAL);
	nwb_check_eq(get(ct, 4096, 4096), 0);
	ct->unskipped = false;
	nwb_check_eq(put(ct, 4000, 96 + 4096), 96 + 4096);
	nwb_check_eq(get(ct, 4096, 4096), 4096);
}

NWB_TEST(cache, h8_a_skipped_start_is_not_skipped)
{
	on_all(h8_body, NULL);
}

/* Where a sector begins nobody refuses it: the second block is taken for the
 * first, and is wrong in all but the sector before. */
static void h8_misplaced_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct cache_test *ct = te->arg;
	uint8_t back[4096];

	begin(te);
	ct->unskipped = true;
	nwb_check_eq(put(ct, 512, 4096 - 512 + 4096), 4096 - 512 + 4096);
	nwb_check_eq(nwb_cache_read(ct->obj, 0, back, 4096), 4096);
	nwb_check(!memcmp(back + 512, ct->mem + 4096, 4096 - 512));
	nwb_check(memcmp(back + 512, ct->mem + 512, 4096 - 512));
	nwb_cache_invalidate(ct->obj);
	ct->unskipped = false;
	nwb_check_eq(put(ct, 512, 4096 - 512 + 4096), 4096 - 512 + 4096);
	nwb_check_eq(get(ct, 0, 4096), 0);
	nwb_check_eq(get(ct, 4096, 8192), 4096);
	end(ct);
}

NWB_TEST(cache, h8_at_a_sector_it_lands_elsewhere)
{
	struct cache_test ct = {0};

	nwb_test_on_sim(h8_misplaced_body, &ct);
}

static void short_body(struct cache_test *ct)
{
	struct nwb_cache_stats st;

	/* Whole blocks are kept; what is told ends within the next one. */
	nwb_check_eq(put(ct, 0, 65536), 4096 + 512);
	nwb_check_eq(get(ct, 0, 65536), 4096);
	nwb_check_eq(put(ct, 4096 + 512, 65536 - 4096 - 512),
		     65536 - 4096 - 512);
	nwb_check_eq(get(ct, 4096, 4096), 0);
	nwb_check_eq(get(ct, 8192, 65536), 65536 - 8192);
	nwb_check_eq(put(ct, 0, 65536), 65536); /* once */
	nwb_check_eq(get(ct, 0, 65536), 65536);
	nwb_cache_get_stats(ct->c, &st);
	nwb_check_eq(st.nr_short, 1);
}

NWB_TEST(cache, item2_a_write_that_stops_short)
{
	struct nwb_cache_opts opts = {.short_bytes = 4096 + 512};

	on_all(short_body, &opts);
}

static void orphan_body(struct cache_test *ct)
{
	struct one o;

	/* Under way when it is invalidated: whatever becomes of it, it is not
	 * to be seen, and does not harm what comes after it. */
	submit(ct, &o, 0, 65536);
	nwb_cache_invalidate(ct->obj);
	nwb_check_eq(put(ct, 0, 4096), 4096);
	nwb_mutex_lock(&ct->lock);
	nwb_wait_event(&ct->done, &ct->lock, ct->nr_done == 2);
	nwb_mutex_unlock(&ct->lock);
	nwb_check_eq(get(ct, 0, 65536), 4096);
}

NWB_TEST(cache, item2_what_was_under_way_lands_in_an_orphan)
{
	on_all(orphan_body, NULL);
}

static void forget_body(struct cache_test *ct)
{
	struct one o;

	submit(ct, &o, 0, 65536);
	nwb_cache_forget(ct->obj, 4096, 1);
	nwb_mutex_lock(&ct->lock);
	nwb_wait_event(&ct->done, &ct->lock, ct->nr_done == 1);
	nwb_mutex_unlock(&ct->lock);
	nwb_check_eq(o.w.result, 65536);
	nwb_check_eq(get(ct, 4096, 4096), 0);
}

NWB_TEST(cache, item2_what_was_under_way_is_forgotten_too)
{
	on_all(forget_body, NULL);
}

static void space_body(struct cache_test *ct)
{
	struct nwb_cache_stats st;

	nwb_check(nwb_cache_prepare(ct->obj, 0) > 0);
	nwb_check_eq(put(ct, 0, 65536), 65536);
	nwb_check_eq(nwb_cache_prepare(ct->obj, 65536), -ENOBUFS);
	nwb_check_eq(nwb_cache_prepare(ct->obj, NWB_CACHE_OBJECT_MAX),
		     -ENOBUFS);
	nwb_cache_get_stats(ct->c, &st);
	nwb_check_eq(st.nwr, 2);
	nwb_cache_invalidate(ct->obj);
	nwb_check(nwb_cache_prepare(ct->obj, 65536) > 0);
}

NWB_TEST(cache, item2_no_space_is_said)
{
	struct nwb_cache_opts opts = {.max_bytes = 65536};

	on_all(space_body, &opts);
}

static void nowhere_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_cache_opts opts = {.dir = "/nowhere"};
	struct nwb_err err = {0};
	struct nwb_cache *c;

	nwb_check_eq(nwb_cache_new(te->ex, &opts, &c, &err), -ENOENT);
	nwb_check(strstr(err.text, "/nowhere") != NULL);
}

NWB_TEST(cache, a_directory_that_there_is_not)
{
	nwb_test_on_real(true, nowhere_body, NULL);
}
