/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An object that is always written as a whole (nwb_writeback_single()), beside
 * the files, by all tasks in turns.
 *
 *	SYNC_ALL said 0 (strict)	the server has it, durably
 *	anything else			nobody knows what the server has, until
 *					the next one
 */
#include "sim_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <string.h>

#define NAME	"object"
#define ID	100u
#define PIECES	3u
#define LEN_MAX 30000u

struct piece_of {
	struct nwb_blob blob;
	struct iovec vec[PIECES];
	uint8_t *mem;
};

static void release(struct nwb_blob *blob)
{
	struct piece_of *p = nwb_container_of(blob, struct piece_of, blob);

	nwb_free(p->mem);
	nwb_free(p);
}

/* In up to three pieces; NULL: no memory. */
static struct piece_of *make(struct sim_world *w, uint32_t len, uint32_t cuts)
{
	size_t room = NWB_ROUND_UP(len, NWB_PAGE_SIZE), at = 0;
	struct piece_of *p = nwb_zalloc(sizeof(*p));
	unsigned int nr = 0;

	if (!p)
		return NULL;
	p->mem = nwb_alloc_pages(room);
	if (!p->mem) {
		nwb_free(p);
		return NULL;
	}
	nwb_stamp_fill(&w->key, ID, ++w->object.version, 0, p->mem, len);
	for (; at < room; nr++, cuts /= 8) {
		size_t part = (1 + cuts % 8) * NWB_PAGE_SIZE;

		part = nr == PIECES - 1 ? room - at : nwb_min(part, room - at);
		p->vec[nr] = (struct iovec){p->mem + at, part};
		at += part;
	}
	nwb_blob_init(&p->blob, p->vec, nr, len, release);
	return p;
}

static void check(struct sim_world *w, const char *when)
{
	struct sim_object *o = &w->object;
	uint8_t got[LEN_MAX];
	ssize_t n = nwb_fake_get(w->fake, NAME, true, 0, got, o->len, NULL);

	if (n != (ssize_t)o->len || memcmp(got, o->bytes, o->len))
		sim_fail(w, "O1", "%s: the object of %u bytes is not durable",
			 when, o->len);
}

/* Under the lock. Return: of nwb_writeback_single(). */
static int write_object(struct sim_world *w, uint32_t arg,
			enum nwb_sync_mode mode, uint32_t flags)
{
	struct sim_object *o = &w->object;
	uint32_t len = 1 + arg % LEN_MAX;
	struct piece_of *p = make(w, len, arg / LEN_MAX);
	bool is_durable = mode == NWB_WB_SYNC_ALL && !flags &&
			  w->plan.opts.flavour == NWB_STRICT;
	int rc;

	if (!p)
		return -ENOMEM;
	if (!(flags & NWB_SINGLE_NO_UPLOAD))
		o->len = 0;
	/* there it is the caller who keeps two of them apart */
	if (w->plan.opts.flavour == NWB_LINUX_6_12)
		(void)!nwb_file_flush(o->file);
	/* it is the writer's until the last reference is gone: a copy */
	if (is_durable)
		memcpy(o->bytes, p->mem, len);
	rc = nwb_writeback_single(nwb_file_inode(o->file), mode, flags,
				  &p->blob);
	nwb_blob_put(&p->blob);
	sim_mix(&w->ev, len, (uint64_t)rc);
	if (!rc && is_durable) {
		o->len = len;
		check(w, "SYNC_ALL said 0");
	}
	return rc;
}

void sim_do_blob(struct sim_task_state *t, const struct sim_op *op)
{
	struct sim_world *w = t->w;
	struct sim_object *o = &w->object;
	uint32_t way = op->arg % 8;

	if (!o->file)
		return;
	nwb_mutex_lock(&o->lock);
	(void)write_object(w, op->arg / 8,
			   way < 5 ? NWB_WB_SYNC_ALL : NWB_WB_SYNC_NONE,
			   way == 7 ? NWB_SINGLE_NO_UPLOAD : 0);
	nwb_mutex_unlock(&o->lock);
}

int sim_blob_open(struct sim_world *w)
{
	struct sim_object *o = &w->object;

	if (!w->plan.has_blobs)
		return 0;
	nwb_mutex_init(&o->lock, w->ex, "sim object");
	o->bytes = nwb_alloc(LEN_MAX);
	if (!o->bytes)
		return -ENOMEM;
	return nwb_mount_open(w->mnt, NAME, NWB_O_CREATE, ID, &o->file,
			      w->setup_err);
}

void sim_blob_check(struct sim_world *w)
{
	struct sim_object *o = &w->object;
	int rc;

	if (!o->file || w->plan.opts.flavour != NWB_STRICT)
		return;
	if (o->len)
		check(w, "nobody has written since");
	rc = write_object(w, 12345, NWB_WB_SYNC_ALL, 0);
	if (rc)
		sim_fail(w, "HEAL", "the object cannot be written: %s",
			 nwb_errno_name(rc));
}

void sim_blob_close(struct sim_world *w)
{
	struct sim_object *o = &w->object;

	/* what was lost of it nobody wants to know any more */
	if (o->file)
		(void)nwb_mount_close(w->mnt, o->file);
	nwb_free(o->bytes);
}
