/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Subjects by name, and the defaults that all kinds share, so that a limit
 * ("raw") and what is held against it differ in nothing but the page cache.
 */
#include "workloads_i.h"

#include "nwb/auth.h"
#include "nwb/mem.h"
#include "nwb/p9.h"
#include "nwb/smb2.h"
#include <errno.h>
#include <string.h>

static const char *const kind_names[NWB_SUBJ_KINDS] = {
	[NWB_SUBJ_IN_PLACE] = "in-place",
	[NWB_SUBJ_TEMP_PAGE] = "temp-page",
	[NWB_SUBJ_RAW_COLD] = "raw-cold",
	[NWB_SUBJ_RAW_HOT] = "raw-hot",
};

const char *nwb_subject_kind_name(enum nwb_subject_kind kind)
{
	nwb_assert(kind < NWB_SUBJ_KINDS);
	return kind_names[kind];
}

int nwb_subject_kind_find(const char *name)
{
	for (int i = 0; i < NWB_SUBJ_KINDS; i++)
		if (!strcmp(kind_names[i], name))
			return i;
	return -1;
}

void nwb_subject_smb2_opts(const struct nwb_subject_opts *o,
			   struct nwb_smb2_opts *ret)
{
	*ret = (struct nwb_smb2_opts){
		.dialer = o->dialer,
		.auth = o->anonymous ? NULL : nwb_auth_gssapi(),
		.server_name = "netwb",
		.share = o->share,
		.user = o->user,
		.password = o->password,
		.domain = "",
		.sign = o->sign,
		.dialect = o->dialect,
		.signing = o->signing,
		.encryption = o->encryption,
		.max_credits = o->credits,
		.timeout_ns = o->timeout_ns,
		.durable = (enum nwb_smb2_durable)o->durable,
		.count_stale_credits = o->mutant_credits,
		.repick_channel = o->mutant_channel,
		.channels = o->channels,
	};
}

void nwb_subject_smb2_stats(const struct nwb_smb2_stats *st,
			    struct nwb_subject_stats *ret)
{
	ret->rpcs = st->nr_requests;
	ret->write_rpcs = st->nr_writes;
	ret->bytes_sent = st->bytes_written;
	ret->reconnects = st->nr_connects - 1;
	ret->chained = st->nr_chained;
	ret->channels = 0;
	for (unsigned int i = 0; i < NWB_SMB2_CHANNELS_MAX; i++)
		ret->channels += st->chan_writes[i] != 0;
	ret->channels_lost = st->nr_chan_lost;
	memcpy(ret->signing, st->signing_alg, sizeof(ret->signing));
	memcpy(ret->cipher, st->cipher, sizeof(ret->cipher));
	memcpy(ret->lost_why, st->lost_why, sizeof(ret->lost_why));
}

void nwb_subject_smb2_prove(struct nwb_smb2 *c)
{
	struct nwb_smb2_stats st;

	nwb_smb2_get_stats(c, &st);
	/* who does not hear the answer will notice soon enough */
	if (strcmp(st.cipher, "none") != 0)
		(void)!nwb_smb2_echo(c, NULL);
}

void nwb_subject_p9_opts(const struct nwb_subject_opts *o,
			 struct nwb_p9_opts *ret)
{
	*ret = (struct nwb_p9_opts){
		.dialer = o->dialer,
		.aname = o->share,
		.uname = o->user && o->user[0] ? o->user : "root",
		.uid = o->uid,
		.msize = o->msize,
		.timeout_ns = o->timeout_ns,
		.settle_ns = o->settle_ns,
	};
}

/** nwb_subject_policy() - what a client with @o promises.
 * @is_protected: a signature covers the bytes of one instant, and so does what
 * is encrypted, messages or content: pages must stay as they are while they are sent (O13) */
void nwb_subject_policy(const struct nwb_subject_opts *o, bool is_protected,
			struct nwb_policy *p)
{
	/* What lib/fs/smb.c (NTSTATUS) and lib/fs/9p.c (errno of Rlerror)
	 * send again for. */
	static const uint32_t p9_retryable[] = {EAGAIN, EINTR};
	static const uint32_t smb_retryable[] = {
		0xc000009a, /* INSUFFICIENT_RESOURCES */
		0xc00000b5, /* IO_TIMEOUT */
		0xc000022d, /* RETRY */
		0xc000026e, /* VOLUME_DISMOUNTED */
		0xc0000467, /* FILE_NOT_AVAILABLE */
		0xc0000466, /* SERVER_UNAVAILABLE */
		0xc000035c, /* NETWORK_SESSION_EXPIRED */
		0xc0000203, /* USER_SESSION_DELETED */
		0xc00000c9, /* NETWORK_NAME_DELETED */
	};

	*p = (struct nwb_policy){
		.flush_on_close = !o->is_9p,
		.stable_pages = is_protected || o->kind != NWB_SUBJ_IN_PLACE,
		.is_9p = o->is_9p,
		.hard = o->hard,
		.patience_ns = o->patience_ns,
		.max_attempts = o->hard ? 0 : o->max_attempts,
		.fence = o->is_9p     ? NWB_FENCE_SETTLE
			 : o->durable ? NWB_FENCE_DURABLE
				      : NWB_FENCE_SESSION,
		.settle_ns = o->is_9p ? o->settle_ns : 0,
	};
	if (o->is_9p) {
		memcpy(p->retryable, p9_retryable, sizeof(p9_retryable));
		p->nr_retryable = NWB_ARRAY_SIZE(p9_retryable);
		return;
	}
	memcpy(p->retryable, smb_retryable, sizeof(smb_retryable));
	p->nr_retryable = NWB_ARRAY_SIZE(smb_retryable);
	if (o->second_user) /* it goes on as that one */
		p->retryable[p->nr_retryable++] =
			0xc0000022; /* ACCESS_DENIED */
}

/* Of what only the reference client has; NULL: nothing. */
static const char *needs_netfs(const struct nwb_subject_opts *o)
{
	if (o->fscache)
		return "a local cache";
	if (o->mirror)
		return "a mirror";
	if (o->second_user)
		return "a second user";
	if (o->dirty || o->dirty_bg || o->strictlimit)
		return "a limit of dirty bytes";
	if (o->flavour || o->hazards || o->no_hazards)
		return "a flavour with its hazards";
	if (o->strategy)
		return "a way to retry";
	if (o->trace)
		return "a trace";
	if (o->crypto_key)
		return "content crypto";
	if (o->vectored)
		return "a compound of WRITEs";
	return NULL;
}

/* What is SMB's is refused, not skipped in silence. */
static int check_9p(const struct nwb_subject_opts *o, struct nwb_err *err)
{
	const char *what = NULL;

	if (o->durable)
		what = "durable handles are";
	else if (o->channels > 1)
		what = "several channels are";
	else if (o->second_user)
		what = "a second user is";
	else if (o->sign)
		what = "signing is";
	else if (o->encryption == NWB_ENCRYPT_ON)
		what = "encryption is";
	else if (o->vectored)
		what = "compounds are";
	else if (o->dialect)
		what = "dialects are";
	if (!what)
		return 0;
	return nwb_err_set(err, -EOPNOTSUPP, "%s part of SMB, 9P has none",
			   what);
}

int nwb_subject_check(const struct nwb_subject_opts *o, struct nwb_err *err)
{
	int rc = o->is_9p ? check_9p(o, err) : 0;

	if (!rc && needs_netfs(o) && o->kind != NWB_SUBJ_IN_PLACE &&
	    o->kind != NWB_SUBJ_TEMP_PAGE)
		rc = nwb_err_set(err, -EOPNOTSUPP,
				 "%s caches nothing: %s is the reference "
				 "client's",
				 nwb_subject_kind_name(o->kind),
				 needs_netfs(o));
	return rc;
}

int nwb_subject_new(struct nwb_exec *ex, const struct nwb_subject_opts *opts,
		    struct nwb_subject **ret_s, struct nwb_err *err)
{
	struct nwb_subject_opts o = *opts;
	struct nwb_subject_stats st;
	int rc;

	if (!o.wsize && !o.is_9p)
		o.wsize = NWB_MIB;
	if (!o.depth)
		o.depth = 16;
	if (!o.settle_ns)
		o.settle_ns = 150 * NWB_MSEC;
	rc = nwb_subject_check(&o, err);
	if (rc)
		return rc;
	if (o.hard)
		o.patience_ns = NWB_NEVER;
	if (!o.max_attempts)
		o.max_attempts = 64;
	if (!o.patience_ns)
		o.patience_ns = 10 * NWB_SEC;
	if (!o.timeout_ns)
		o.timeout_ns = 10 * NWB_SEC;
	if (!o.cache_bytes)
		o.cache_bytes = 160 * NWB_MIB;
	if (o.kind == NWB_SUBJ_IN_PLACE || o.kind == NWB_SUBJ_TEMP_PAGE)
		rc = nwb_subject_ref_new(ex, &o, ret_s, err);
	else
		rc = nwb_subject_raw_new(ex, &o, ret_s, err);
	if (rc)
		return nwb_err_wrap(err, rc, "subject %s", kind_names[o.kind]);
	(*ret_s)->ops->stats(*ret_s, &st);
	nwb_subject_policy(&o,
			   o.crypto_key || strcmp(st.signing, "none") != 0 ||
				   strcmp(st.cipher, "none") != 0,
			   &(*ret_s)->policy);
	return 0;
}

void nwb_subject_free(struct nwb_subject *s)
{
	if (s)
		s->ops->free(s);
}
