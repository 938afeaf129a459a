/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a mount may have besides its server: a local cache, a mirror on another
 * server, a second identity, limits that it shares, a trace.
 *
 *	mount ─► server
 *	  ├────► cache     at the end it must have nothing that the server has not
 *	  └────► mirror    its own netfs, its own faults; nothing of it may show
 */
#include "sim_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <string.h>

int sim_sides_opts(struct sim_world *w)
{
	struct sim_plan *p = &w->plan;
	int rc = 0;

	if (p->domain_bytes)
		rc = nwb_dirty_domain_new(w->ex, p->domain_bytes / 2,
					  p->domain_bytes, &w->domain);
	if (!rc && p->budget_bytes)
		rc = nwb_budget_new(w->ex, p->budget_bytes, p->is_legacy,
				    &w->budget);
	if (!rc && p->trace_events) {
		w->ring = nwb_trace_new(p->trace_events);
		rc = w->ring ? 0 : -ENOMEM;
	}
	p->opts.dirty_domain = w->domain;
	p->opts.budget = w->budget;
	p->opts.trace = w->ring;
	return rc;
}

static int make_mirror(struct sim_world *w)
{
	const struct sim_plan *p = &w->plan;
	struct nwb_fake_opts fo = {
		.proto = p->is_mirror_9p ? NWB_FAKE_9P : NWB_FAKE_SMB2,
		.latency_ns = p->latency_ns,
		.buf_bytes = p->buf_bytes,
	};
	struct nwb_netfs_opts o = {
		.folio_bytes_max = 16384,
		.cache_bytes = nwb_max(262144ul, 4 * 16384ul),
		.patience_ns = p->opts.patience_ns,
		.dirty_age_ns = p->opts.dirty_age_ns,
	};
	struct nwb_p9_opts po = {.aname = "/",
				 .uname = "sim",
				 .timeout_ns = p->timeout_ns,
				 .settle_ns = p->settle_ns};
	struct nwb_smb2_opts so = {.server_name = "mirror",
				   .share = "s",
				   .user = "",
				   .password = "",
				   .timeout_ns = p->timeout_ns};
	int rc = nwb_fake_new(w->ex, &fo, &w->mirror_fake);

	if (rc)
		return rc;
	po.dialer = so.dialer = nwb_fake_dialer(w->mirror_fake);
	if (p->is_mirror_9p)
		rc = nwb_mount_9p(w->ex, &po, &o, NULL, &w->mirror,
				  w->setup_err);
	else
		rc = nwb_mount_smb(w->ex, &so, &o, NULL, &w->mirror,
				   w->setup_err);
	return rc ? rc : nwb_mount_use_mirror(w->mnt, w->mirror);
}

static int add_identity(struct sim_world *w)
{
	struct nwb_smb2_opts so = {
		.dialer = nwb_fake_dialer(w->fake),
		.server_name = "sim",
		.share = "s",
		.user = "",
		.password = "",
		.max_credits = w->plan.credits,
		.timeout_ns = w->plan.timeout_ns,
	};

	return nwb_mount_add_identity(w->mnt, &so, w->setup_err);
}

int sim_sides_attach(struct sim_world *w)
{
	const struct sim_plan *p = &w->plan;
	struct nwb_cache_opts co = {.dir = "/", .max_bytes = p->cache_max};
	int rc = 0;

	nwb_exec_sim_short_files(w->ex, p->short_percent);
	if (p->has_cache) {
		rc = nwb_cache_new(w->ex, &co, &w->cache, w->setup_err);
		if (!rc)
			nwb_mount_use_cache(w->mnt, w->cache);
	}
	if (!rc && p->has_mirror)
		rc = make_mirror(w);
	if (!rc && p->has_identity)
		rc = add_identity(w);
	return rc;
}

/* --- the end -------------------------------------------------------------- */

/* What the cache has of one file, against what the server has. */
static void check_cache(struct sim_world *w, struct sim_task_state *t)
{
	struct nwb_cache_object *obj =
		nwb_inode_side(nwb_file_inode(t->handle), 1);
	struct sim_file *f = t->file;
	uint64_t size = 0;
	ssize_t n = nwb_fake_get(w->fake, f->name, false, 0, t->scratch, f->max,
				 &size);

	if (n < 0 || !nwb_inode_is_cached(nwb_file_inode(t->handle)))
		return;
	sim_plain(w, 0, t->scratch, (size_t)n);
	for (uint64_t pos = 0; pos < (uint64_t)n; pos += NWB_CACHE_BLOCK) {
		size_t len =
			nwb_min(NWB_CACHE_BLOCK, (size_t)((uint64_t)n - pos));
		ssize_t got = nwb_cache_read(obj, pos, t->buf, len);

		/* zeros have a cipher text here, and are a hole there */
		if (got > 0)
			sim_plain(w, pos, t->buf, (size_t)got);
		if (got > 0 && memcmp(t->buf, t->scratch + pos, (size_t)got))
			sim_fail(w, "CACHE",
				 "%s: the local cache has other bytes at %llu "
				 "than the server",
				 f->name, (unsigned long long)pos);
	}
}

void sim_sides_check(struct sim_world *w)
{
	for (unsigned int i = 0; i < w->plan.nr_tasks && w->cache; i++)
		if (w->task[i].handle)
			check_cache(w, &w->task[i]);
}

/* Both printed forms of what was traced, into the digest. */
static void read_trace(struct sim_world *w)
{
	struct nwb_trace_event e;
	uint64_t pos = 0;
	char text[512];

	while (nwb_trace_next(w->ring, &pos, &e)) {
		size_t n = nwb_trace_text(&e, text, sizeof(text));

		sha256_update(&w->ev.sha, n, (const uint8_t *)text);
		n = nwb_trace_json(&e, text, sizeof(text));
		sha256_update(&w->ev.sha, n, (const uint8_t *)text);
	}
}

void sim_sides_down(struct sim_world *w)
{
	if (w->ring)
		read_trace(w);
	nwb_trace_free(w->ring);
	nwb_mount_free(w->mirror);
	nwb_cache_free(w->cache);
	nwb_dirty_domain_free(w->domain);
	nwb_budget_free(w->budget);
}
