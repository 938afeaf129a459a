/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reach.h"

#include <errno.h>

#define BACKOFF_MIN_NS (10 * NWB_MSEC)
#define BACKOFF_MAX_NS (500 * NWB_MSEC)
/* With no attempt for so long, nobody knows whether it was away throughout. */
#define BLIND_NS (2 * NWB_SEC)

bool nwb_fs_is_away(int rc)
{
	switch (rc) {
	case -ECONNREFUSED:
	case -ECONNRESET:
	case -ECONNABORTED:
	case -ENOTCONN:
	case -ESHUTDOWN:
	case -EPIPE:
	case -ETIMEDOUT:
	case -EHOSTUNREACH:
	case -EHOSTDOWN:
	case -ENETUNREACH:
	case -ENETDOWN:
	case -EAGAIN: /* reconnected in the meantime */
		return true;
	default:
		return false;
	}
}

/*
 * An attempt from @begin to @now has failed; for how long has the server been
 * away? Never more than is known: that would give up too early (O15). Shared
 * by all tasks of the mount, or each of a hundred subrequests would have
 * patience of its own.
 */
static uint64_t note_away(struct nwb_fs_ctx *ctx, uint64_t begin, uint64_t now)
{
	uint64_t since = __atomic_load_n(&ctx->away_since_ns, __ATOMIC_RELAXED);
	uint64_t seen = __atomic_load_n(&ctx->away_seen_ns, __ATOMIC_RELAXED);

	if (!since || (begin > seen && begin - seen > BLIND_NS)) {
		since = begin;
		__atomic_store_n(&ctx->away_since_ns, since, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&ctx->away_seen_ns, now, __ATOMIC_RELAXED);
	return now > since ? now - since : 0;
}

uint64_t nwb_fs_away_ns(struct nwb_fs_ctx *ctx)
{
	uint64_t since = __atomic_load_n(&ctx->away_since_ns, __ATOMIC_RELAXED);
	uint64_t now = nwb_now_ns(ctx->ex);

	return since && now > since ? now - since : 0;
}

int nwb_fs_reach(struct nwb_fs_ctx *ctx, nwb_fs_try_fn fn, void *arg,
		 uint32_t *ret_instance, uint64_t *ret_away_ns,
		 struct nwb_err *err)
{
	uint64_t backoff = BACKOFF_MIN_NS, away = 0, begin, now;
	int rc;

	for (;;) {
		begin = nwb_now_ns(ctx->ex);
		rc = fn(arg, ret_instance, err);
		if (!nwb_fs_is_away(rc))
			break;
		now = nwb_now_ns(ctx->ex);
		away = note_away(ctx, begin, now);
		if (ctx->patience_ns != NWB_NEVER && away > ctx->patience_ns) {
			rc = nwb_err_wrap(
				err, -EHOSTDOWN,
				"away for %llu ms, which is longer "
				"than patience",
				(unsigned long long)(away / NWB_MSEC));
			break;
		}
		nwb_sleep_until(ctx->ex, now + backoff);
		backoff = nwb_min(2 * backoff, BACKOFF_MAX_NS);
	}
	if (!rc)
		__atomic_store_n(&ctx->away_since_ns, 0, __ATOMIC_RELAXED);
	if (ret_away_ns)
		*ret_away_ns = away;
	return rc;
}

int nwb_fs_reach_by(struct nwb_fs_ctx *ctx, unsigned int flags,
		    nwb_fs_try_fn fn, void *arg, uint32_t *ret_instance,
		    struct nwb_err *err)
{
	uint64_t begin;
	int rc;

	if (!(flags & NWB_O_ONCE))
		return nwb_fs_reach(ctx, fn, arg, ret_instance, NULL, err);
	begin = nwb_now_ns(ctx->ex);
	rc = fn(arg, ret_instance, err);
	if (rc == -ECONNABORTED || rc == -EAGAIN)
		rc = fn(arg, ret_instance, err);
	if (!rc)
		__atomic_store_n(&ctx->away_since_ns, 0, __ATOMIC_RELAXED);
	else if (nwb_fs_is_away(rc))
		(void)note_away(ctx, begin, nwb_now_ns(ctx->ex));
	return rc;
}
