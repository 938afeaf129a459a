/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What Linux clients promise, by kernel, file system and mount options.
 *
 * Read from the sources of 6.12.95 (before 6.16) and 7.2.12, not from what the
 * kernels were seen to do: a kernel that does not keep to this FAILs.
 *
 *	all	an upload that failed for good leaves clean pages behind and its
 *		errno in the mapping, for fsync to return once on each fd:
 *		no redirty (fs/netfs/write_collect.c,
 *		netfs_collect_write_results(); mapping_set_error()). netfs
 *		counts no attempts.
 *	cifs	close writes back, waits and returns the error, and sends no
 *		FLUSH (fs/smb/client/file.c: cifs_flush(), cifs_fsync()).
 *		Soft is the default (fs_context.c): it waits 10 s for the server
 *		(misc.c: cifs_wait_for_server_reconnect()), and a connection
 *		that is lost while a WRITE is being sent is final
 *		(transport.c: __smb_send_rqst() says ECONNABORTED, and
 *		smb2_should_replay() says no), as mount.cifs(8) has it: errors
 *		are returned to the program. Hard says that it does not return
 *		until the server does. What is sent again:
 *		smb2pdu.c, smb2_writev_callback() with the statuses that
 *		smb2maperror.c makes -EAGAIN and, in 7.2, -ECONNABORTED; an
 *		expired or deleted session tears the connection down and is
 *		retried (connect.c, cifs_handle_standard()). A short answer is
 *		retried by 6.12 and is -ENOSPC in 7.2. 7.2 keeps pages still
 *		while it signs (inode.c, cifs_set_ops()).
 *	9p	close promises nothing (fs/9p/vfs_dir.c, v9fs_dir_release());
 *		every Rlerror is final; a transport that failed stays so, and
 *		nothing is fenced (net/9p/client.c, p9_client_prepare_req()).
 *		No large folios.
 *	fuse	close is a FLUSH of dirty pages and of errors, not an FSYNC
 *		(fs/fuse/file.c, fuse_flush()); the daemon's errors are final.
 *		6.12 writes back from copies of the pages when the daemon asked
 *		for the writeback cache (fuse_writepages_fill()), 7.2 from the
 *		pages themselves.
 */
#include "nwb/oracle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SOFT_PATIENCE (10 * NWB_SEC)
#define PAGE	      4096u

/* Is @word one of the options? */
static bool has_word(const char *options, const char *word)
{
	size_t len = strlen(word);

	for (const char *o = options; o && *o;) {
		size_t n = strcspn(o, ",");

		if (n == len && !strncmp(o, word, n))
			return true;
		o += n + (o[n] == ',');
	}
	return false;
}

/* The last "@key=..." of the options, which is the one that counts. */
static bool find_value(const char *options, const char *key, char *ret_value,
		       size_t size)
{
	size_t len = strlen(key);
	bool is_found = false;

	for (const char *o = options; o && *o;) {
		size_t n = strcspn(o, ",");

		if (n > len && !strncmp(o, key, len) && o[len] == '=' &&
		    n - len - 1 < size) {
			memcpy(ret_value, o + len + 1, n - len - 1);
			ret_value[n - len - 1] = 0;
			is_found = true;
		}
		o += n + (o[n] == ',');
	}
	return is_found;
}

/* hard or soft, whichever was said last. */
static bool is_hard(const char *options)
{
	bool hard = false;

	for (const char *o = options; o && *o;) {
		size_t n = strcspn(o, ",");

		if (n == 4 && !strncmp(o, "hard", n))
			hard = true;
		if (n == 4 && !strncmp(o, "soft", n))
			hard = false;
		o += n + (o[n] == ',');
	}
	return hard;
}

static bool is_signed(const char *options)
{
	char sec[32];

	if (has_word(options, "sign"))
		return true;
	return find_value(options, "sec", sec, sizeof(sec)) && *sec &&
	       sec[strlen(sec) - 1] == 'i';
}

static int check_cache(const char *type, const char *options,
		       const char *const *modes, char *ret_mode, size_t size,
		       struct nwb_err *err)
{
	snprintf(ret_mode, size, "%s", modes[0]);
	if (!find_value(options, "cache", ret_mode, size))
		return 0;
	for (unsigned int i = 0; modes[i]; i++)
		if (!strcmp(modes[i], ret_mode))
			return 0;
	return nwb_err_set(err, -EINVAL, "%s has no cache=%s", type, ret_mode);
}

static int policy_cifs(bool is_new, const char *options, struct nwb_policy *p,
		       struct nwb_err *err)
{
	static const char *const modes[] = {"strict", "loose",	      "none",
					    "ro",     "singleclient", NULL};
	static const uint32_t retryable[] = {
		0xc000009a, /* INSUFFICIENT_RESOURCES */
		0xc00000b5, /* IO_TIMEOUT */
		0xc000022d, /* RETRY */
		0xc0000466, /* SERVER_UNAVAILABLE */
		0xc0000467, /* FILE_NOT_AVAILABLE */
		0xc000035c, /* NETWORK_SESSION_EXPIRED */
		0xc0000203, /* USER_SESSION_DELETED */
	};
	static const uint32_t retryable_7_2[] = {
		0xc000020c, /* CONNECTION_DISCONNECTED */
		0xc0000241, /* CONNECTION_ABORTED */
	};
	char mode[32];
	int rc = check_cache("cifs", options, modes, mode, sizeof(mode), err);

	if (rc)
		return rc;
	p->flush_on_close = true;
	p->close_volatile = true;
	p->hard = is_hard(options);
	p->cut_is_final = !p->hard;
	p->patience_ns = SOFT_PATIENCE;
	p->fence = NWB_FENCE_SESSION;
	p->stable_pages = is_new && is_signed(options);
	p->short_is_final = is_new;
	/* Without a cache there is no folio, and only a write sends. */
	p->folio_max = strcmp(mode, "none") ? NWB_FOLIO_MAX : 1;
	memcpy(p->retryable, retryable, sizeof(retryable));
	p->nr_retryable = NWB_ARRAY_SIZE(retryable);
	if (is_new) {
		memcpy(p->retryable + p->nr_retryable, retryable_7_2,
		       sizeof(retryable_7_2));
		p->nr_retryable += NWB_ARRAY_SIZE(retryable_7_2);
	}
	return 0;
}

static int policy_9p(const char *options, struct nwb_policy *p,
		     struct nwb_err *err)
{
	static const char *const modes[] = {"none",  "readahead", "mmap",
					    "loose", "fscache",	  NULL};
	char mode[32];
	int rc = check_cache("9p", options, modes, mode, sizeof(mode), err);

	if (rc)
		return rc;
	p->is_9p = true;
	p->cut_is_final = true;
	p->fence = NWB_FENCE_NONE;
	p->folio_max =
		strcmp(mode, "none") && strcmp(mode, "readahead") ? PAGE : 1;
	return 0;
}

static void policy_fuse(bool is_new, const char *options, struct nwb_policy *p)
{
	p->flush_on_close = true;
	p->close_volatile = true;
	p->fence = NWB_FENCE_NONE;
	p->stable_pages = !is_new && has_word(options, "writeback");
	p->folio_max = PAGE;
}

int nwb_policy_linux(const char *flavour, const char *type, const char *options,
		     struct nwb_policy *ret_p, struct nwb_err *err)
{
	struct nwb_policy p = {.foreign = true};
	bool is_new;
	int rc = 0;

	if (!strcmp(flavour, "linux-6.12"))
		is_new = false;
	else if (!strcmp(flavour, "linux-7.2"))
		is_new = true;
	else
		return nwb_err_set(err, -EINVAL,
				   "no policy for %s: linux-6.12 or linux-7.2",
				   flavour);
	if (!strcmp(type, "cifs") || !strcmp(type, "smb3"))
		rc = policy_cifs(is_new, options, &p, err);
	else if (!strcmp(type, "9p"))
		rc = policy_9p(options, &p, err);
	else if (!strcmp(type, "fuse"))
		policy_fuse(is_new, options, &p);
	else
		rc = nwb_err_set(err, -EINVAL,
				 "no policy for %s: cifs, 9p or fuse", type);
	if (!rc)
		*ret_p = p;
	return rc;
}

const char *nwb_policy_text(const struct nwb_policy *p, char *text, size_t size)
{
	static const char *const fence[] = {
		[NWB_FENCE_NONE] = "nothing",
		[NWB_FENCE_SETTLE] = "settling",
		[NWB_FENCE_SESSION] = "a new session",
		[NWB_FENCE_DURABLE] = "a durable handle",
	};
	const char *close = !p->flush_on_close	? "nothing"
			    : p->close_volatile ? "writeback"
						: "durability";
	char patience[48] = "for ever";
	char attempts[32] = "any number of";

	if (!p->hard)
		snprintf(patience, sizeof(patience), "%.3g s",
			 (double)p->patience_ns / 1e9);
	if (p->max_attempts)
		snprintf(attempts, sizeof(attempts), "%u", p->max_attempts);
	snprintf(text, size,
		 "waits %s, %s attempts, %u statuses retried%s%s; a failed "
		 "upload "
		 "is %s; close promises %s; %s pages; fenced by %s",
		 patience, attempts, p->nr_retryable,
		 p->cut_is_final ? ", a lost connection may be final" : "",
		 p->short_is_final ? ", a short write is final" : "",
		 p->redirty ? "dirty again" : "dropped and told", close,
		 p->stable_pages ? "stable" : "unstable",
		 (unsigned int)p->fence < NWB_ARRAY_SIZE(fence)
			 ? fence[p->fence]
			 : "?");
	return text;
}
