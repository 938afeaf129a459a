/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reference client as a subject: a mount of lib/fs in one of its modes.
 */
#include "workloads_i.h"

#include "nwb/cache.h"
#include "nwb/fs.h"
#include "nwb/mem.h"
#include "nwb/netfs_vm.h"
#include <stdio.h>

#define MIRROR_PATIENCE (10 * NWB_SEC)
#define MIRROR_ATTEMPTS 64u

struct subject_ref {
	struct nwb_subject s;
	struct nwb_ledger_tap *tap, *mirror_tap;
	struct nwb_mount *mnt;
	struct nwb_cache *cache;
	struct nwb_mount *mirror;
	struct nwb_dirty_domain *domain;
	struct nwb_file *file;
	uint64_t cache_bytes, cache_wrong, cache_wrong_at;
	bool is_behind;
};

static struct subject_ref *to_ref(struct nwb_subject *s)
{
	return nwb_container_of(s, struct subject_ref, s);
}

static int ref_open(struct nwb_subject *s, const char *name, uint16_t id,
		    unsigned int flags, struct nwb_err *err)
{
	struct subject_ref *r = to_ref(s);

	nwb_assert(!r->file);
	return nwb_mount_open(r->mnt, name, NWB_O_CREATE | flags, id, &r->file,
			      err);
}

static ssize_t ref_write(struct nwb_subject *s, const void *buf, size_t len,
			 uint64_t off)
{
	return nwb_file_write(to_ref(s)->file, buf, len, off);
}

static int ref_fsync(struct nwb_subject *s)
{
	return nwb_file_fsync(to_ref(s)->file);
}

static int ref_mirror_error(struct nwb_subject *s)
{
	struct subject_ref *r = to_ref(s);

	return r->mirror && nwb_mount_mirror_is_behind(r->file) ? -EIO : 0;
}

static int ref_close(struct nwb_subject *s)
{
	struct subject_ref *r = to_ref(s);
	struct nwb_file *f = r->file;

	r->file = NULL;
	if (f && r->mirror) {
		(void)!nwb_file_flush(f);
		r->is_behind = nwb_mount_mirror_is_behind(f);
	}
	/* what cannot be read is not compared */
	if (f && r->cache)
		(void)!nwb_mount_check_cache(f, &r->cache_bytes,
					     &r->cache_wrong,
					     &r->cache_wrong_at);
	return f ? nwb_mount_close(r->mnt, f) : 0;
}

static uint32_t fired(struct nwb_mount *mnt, const struct nwb_netfs_stats *ns)
{
	struct nwb_smb2_stats st = {0};
	uint32_t bits = 0;

	for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS; h++)
		if (ns->hazards_fired[h])
			bits |= NWB_HAZARD_BIT(h);
	if (nwb_mount_smb2(mnt))
		nwb_smb2_get_stats(nwb_mount_smb2(mnt), &st);
	if (st.starved_waits)
		bits |= NWB_HAZARD_BIT(NWB_H11);
	if (st.nr_bad_believed)
		bits |= NWB_HAZARD_BIT(NWB_H16);
	return bits;
}

static void ref_stats(struct nwb_subject *s, struct nwb_subject_stats *ret)
{
	struct subject_ref *r = to_ref(s);
	struct nwb_mirror_stats opens;
	struct nwb_netfs_stats ns;

	nwb_netfs_get_stats(nwb_mount_netfs(r->mnt), &ns);
	nwb_mount_mirror_stats(r->mnt, &opens);
	*ret = (struct nwb_subject_stats){
		.bytes_dirtied = ns.bytes_dirtied,
		.temp_bytes_max = ns.temp_bytes_max,
		.retries = ns.retries,
		.gave_up = ns.gave_up,
		.opens = UINT64_MAX,
		.reclaims = UINT64_MAX,
		.channels = UINT64_MAX,
		.channels_lost = UINT64_MAX,
		.unstable_resent = ns.unstable_resent,
		.retry_rounds = ns.retry_requests,
		.bytes_reissued = ns.bytes_reissued,
		.crypto_bytes = ns.crypto_bytes,
		.crypto_fills = ns.crypto_fills,
		.crypto_refreshed = ns.crypto_refreshed,
		.bytes_copied = ns.copies,
		.stable_waits = ns.stable_waits,
		.hazards_fired = fired(r->mnt, &ns),
		.rotations = ns.rotations,
		.throttled = ns.throttled,
		.throttled_ns = ns.throttled_ns,
		.dirty_max = ns.dirty_bytes_max,
		.fscache_bytes = r->cache_bytes,
		.fscache_wrong = r->cache_wrong,
		.fscache_wrong_at = r->cache_wrong_at,
		.mirror_bytes = ns.mirror_bytes,
		.mirror_was_away = opens.not_reached,
		.mirror_is_behind = r->is_behind,
	};
	if (nwb_mount_smb2(r->mnt)) {
		struct nwb_smb2_stats st;

		nwb_smb2_get_stats(nwb_mount_smb2(r->mnt), &st);
		nwb_subject_smb2_stats(&st, ret);
		ret->wsize = nwb_min(s->opts.wsize, st.max_write);
		ret->opens = st.nr_opens;
		ret->reclaims = st.nr_reclaims;
		ret->reclaims_refused = st.nr_reclaims_refused;
	} else {
		struct nwb_p9_stats st;

		nwb_p9_get_stats(nwb_mount_p9(r->mnt), &st);
		ret->rpcs = st.nr_requests;
		ret->write_rpcs = st.nr_writes;
		ret->bytes_sent = st.bytes_written;
		ret->reconnects = st.nr_connects - 1;
		ret->wsize = st.max_write;
		snprintf(ret->signing, sizeof(ret->signing), "none");
		snprintf(ret->cipher, sizeof(ret->cipher), "none");
	}
}

static void ref_free(struct nwb_subject *s)
{
	struct subject_ref *r = to_ref(s);

	nwb_assert(!r->file);
	if (r->mnt)
		nwb_mount_free(r->mnt);
	nwb_mount_free(r->mirror);
	nwb_dirty_domain_free(r->domain);
	nwb_cache_free(r->cache);
	nwb_ledger_tap_free(r->tap);
	nwb_ledger_tap_free(r->mirror_tap);
	nwb_free(r);
}

static const struct nwb_subject_ops ref_ops = {
	.open = ref_open,
	.write = ref_write,
	.fsync = ref_fsync,
	.mirror_error = ref_mirror_error,
	.close = ref_close,
	.stats = ref_stats,
	.free = ref_free,
};

struct nwb_mount *nwb_subject_mount(struct nwb_subject *s)
{
	return s->ops == &ref_ops ? to_ref(s)->mnt : NULL;
}

static int use_cache(struct subject_ref *r, const char *dir,
		     struct nwb_err *err)
{
	struct nwb_cache_opts co = {.dir = dir,
				    .short_bytes = r->s.opts.fscache_short};
	int rc = nwb_cache_new(r->s.ex, &co, &r->cache, err);

	if (!rc)
		nwb_mount_use_cache(r->mnt, r->cache);
	return rc;
}

/* A client of its own: nothing of what this one was told to be but how long it
 * waits. @peer->ledger has what it sends. */
static int use_mirror(struct subject_ref *r,
		      const struct nwb_subject_peer *peer, struct nwb_err *err)
{
	const struct nwb_subject_opts *own = &r->s.opts;
	/* a file may wait for its server for ever, but not for a mirror */
	uint64_t patience = own->hard ? MIRROR_PATIENCE : own->patience_ns;
	struct nwb_netfs_opts no = {.wsize = peer->is_9p ? 0 : own->wsize,
				    .cache_bytes = own->cache_bytes,
				    .max_attempts = MIRROR_ATTEMPTS,
				    .patience_ns = patience};
	struct nwb_subject_opts so = {.dialer = peer->dialer,
				      .is_9p = peer->is_9p,
				      .share = peer->share,
				      .user = peer->user,
				      .uid = peer->uid,
				      .password = peer->password,
				      .settle_ns = own->settle_ns,
				      .patience_ns = patience,
				      .max_attempts = MIRROR_ATTEMPTS,
				      .timeout_ns = own->timeout_ns};
	struct nwb_netfs_tap *tap;
	struct nwb_smb2_opts smb;
	struct nwb_p9_opts p9;
	int rc;

	if (peer->ledger) {
		r->mirror_tap = nwb_ledger_tap_new(peer->ledger);
		if (!r->mirror_tap)
			return nwb_err_set(err, -ENOMEM, "mirror: no memory");
	}
	tap = nwb_ledger_tap_netfs(r->mirror_tap);
	nwb_subject_smb2_opts(&so, &smb);
	nwb_subject_p9_opts(&so, &p9);
	nwb_subject_policy(&so, false, &r->s.mirror_policy);
	r->s.mirror_policy.flush_on_close =
		false; /* fsync promises, no close */
	rc = peer->is_9p
		     ? nwb_mount_9p(r->s.ex, &p9, &no, tap, &r->mirror, err)
		     : nwb_mount_smb(r->s.ex, &smb, &no, tap, &r->mirror, err);
	if (rc)
		return nwb_err_wrap(err, rc, "mirror");
	rc = nwb_mount_use_mirror(r->mnt, r->mirror);
	return rc ? nwb_err_set(err, rc, "mirror: no task") : 0;
}

static int use_second_user(struct subject_ref *r, struct nwb_err *err)
{
	struct nwb_subject_opts so = r->s.opts;
	struct nwb_smb2_opts smb;

	so.user = so.second_user;
	nwb_subject_smb2_opts(&so, &smb);
	return nwb_mount_add_identity(r->mnt, &smb, err);
}

static int use_limits(struct subject_ref *r, struct nwb_netfs_opts *no,
		      struct nwb_err *err)
{
	const struct nwb_subject_opts *o = &r->s.opts;
	int rc;

	no->dirty_limit_bytes = o->strictlimit;
	if (!o->dirty)
		return o->dirty_bg ? nwb_err_set(err, -EINVAL,
						 "a background limit of dirty "
						 "bytes without the limit")
				   : 0;
	rc = nwb_dirty_domain_new(r->s.ex,
				  o->dirty_bg ? o->dirty_bg : o->dirty / 2,
				  o->dirty, &r->domain);
	no->dirty_domain = r->domain;
	return rc ? nwb_err_set(err, rc,
				"the limit of dirty bytes must be above the "
				"background limit")
		  : 0;
}

/* The client itself, without what stands beside it. */
static int mount_it(struct subject_ref *r, const struct nwb_netfs_opts *no,
		    struct nwb_err *err)
{
	const struct nwb_subject_opts *opts = &r->s.opts;
	struct nwb_netfs_tap *tap =
		r->tap ? nwb_ledger_tap_netfs(r->tap) : NULL;
	int rc;

	if (opts->is_9p) {
		struct nwb_p9_opts po;

		nwb_subject_p9_opts(opts, &po);
		rc = nwb_mount_9p(r->s.ex, &po, no, tap, &r->mnt, err);
	} else {
		struct nwb_smb2_opts so;

		nwb_subject_smb2_opts(opts, &so);
		rc = nwb_mount_smb(r->s.ex, &so, no, tap, &r->mnt, err);
		if (!rc)
			nwb_subject_smb2_prove(nwb_mount_smb2(r->mnt));
	}
	if (rc)
		r->mnt = NULL;
	return rc;
}

int nwb_subject_ref_new(struct nwb_exec *ex,
			const struct nwb_subject_opts *opts,
			struct nwb_subject **ret_s, struct nwb_err *err)
{
	struct subject_ref *r = nwb_zalloc(sizeof(*r));
	struct nwb_netfs_opts no = {
		.mode = opts->kind == NWB_SUBJ_TEMP_PAGE ? NWB_TEMP_PAGE
							 : NWB_IN_PLACE,
		.cache_mode = (enum nwb_cache_mode)opts->cache,
		.wsize = opts->wsize,
		.cache_bytes = opts->cache_bytes,
		.patience_ns = opts->patience_ns,
		.max_attempts = opts->hard ? UINT32_MAX : opts->max_attempts,
		.flavour = opts->flavour,
		.hazards = opts->hazards,
		.no_hazards = opts->no_hazards,
		.strategy = (enum nwb_retry_strategy)opts->strategy,
		.mutants = opts->mutants,
		.vectored = opts->vectored,
		.crypto_key = opts->crypto_key,
		.crypto_unit = opts->crypto_unit,
		.trace = opts->trace,
		.no_copy = opts->no_copy,
		.folio_bytes_max = NWB_MIB, /* as large as a write */
	};
	int rc;

	if (!r)
		return -ENOMEM;
	r->s.ops = &ref_ops;
	r->s.ex = ex;
	r->s.opts = *opts;
	if (opts->ledger) {
		r->tap = nwb_ledger_tap_new(opts->ledger);
		if (!r->tap) {
			nwb_free(r);
			return -ENOMEM;
		}
	}
	rc = use_limits(r, &no, err);
	if (!rc)
		rc = mount_it(r, &no, err);
	if (!rc && opts->fscache)
		rc = use_cache(r, opts->fscache, err);
	if (!rc && opts->second_user)
		rc = use_second_user(r, err);
	if (!rc && opts->mirror)
		rc = use_mirror(r, opts->mirror, err);
	if (rc) {
		ref_free(&r->s);
		return rc;
	}
	*ret_s = &r->s;
	return 0;
}
