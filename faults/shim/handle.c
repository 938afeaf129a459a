/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a handle is a handle of. A fid of 9P belongs to its connection; the
 * FileId of SMB belongs to the session, which may have several connections, and
 * its persistent half is unique in the server: one table a process.
 */
#include "shim_i.h"

#include <stdlib.h>
#include <string.h>

static pthread_mutex_t smb_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sh_handle *smb_bucket[SH_HANDLE_BUCKETS];

static void free_all(struct sh_handle **bucket)
{
	for (unsigned int i = 0; i < SH_HANDLE_BUCKETS; i++) {
		while (bucket[i]) {
			struct sh_handle *h = bucket[i];

			bucket[i] = h->next;
			free(h);
		}
	}
}

/* sh_handles_free() - the memory of @c is used for another connection. */
void sh_handles_free(struct sh_conn *c)
{
	free_all(c->handle_bucket);
}

/* sh_handles_forget() - no connection is left, and so no session. */
void sh_handles_forget(void)
{
	pthread_mutex_lock(&smb_lock);
	free_all(smb_bucket);
	pthread_mutex_unlock(&smb_lock);
}

void sh_handles_reset_after_fork(void)
{
	pthread_mutex_init(&smb_lock, NULL);
}

/* Where @fid is or would be; c->lock is held, and for SMB smb_lock, too. */
static struct sh_handle **place(struct sh_conn *c, uint64_t fid)
{
	struct sh_handle **bucket =
		c->proto == NWB_FC_SMB ? smb_bucket : c->handle_bucket;
	struct sh_handle **at = &bucket[(fid ^ fid >> 32) % SH_HANDLE_BUCKETS];

	while (*at && (*at)->fid != fid)
		at = &(*at)->next;
	return at;
}

static void lock(const struct sh_conn *c)
{
	if (c->proto == NWB_FC_SMB)
		pthread_mutex_lock(&smb_lock);
}

static void unlock(const struct sh_conn *c)
{
	if (c->proto == NWB_FC_SMB)
		pthread_mutex_unlock(&smb_lock);
}

bool sh_handle_find(struct sh_conn *c, uint64_t fid, struct sh_handle *ret)
{
	const struct sh_handle *h;

	lock(c);
	h = *place(c, fid);
	if (h)
		*ret = *h;
	unlock(c);
	return h;
}

void sh_handle_del(struct sh_conn *c, uint64_t fid)
{
	struct sh_handle **at, *h;

	lock(c);
	at = place(c, fid);
	h = *at;
	if (h)
		*at = h->next;
	unlock(c);
	free(h);
}

void sh_handle_set(struct sh_conn *c, uint64_t fid, const char *name)
{
	struct sh_handle **at, *h;

	sh_handle_del(c, fid);
	h = malloc(sizeof(*h));
	if (!h) {
		sh_count(&sh.page->nomem);
		return;
	}
	h->fid = fid;
	strncpy(h->name, name, sizeof(h->name) - 1);
	h->name[sizeof(h->name) - 1] = '\0';
	h->file = sh.ledger ? nwb_ledger_find_file(sh.ledger, h->name) : 0;
	h->next = NULL;
	lock(c);
	at = place(c, fid);
	*at = h;
	unlock(c);
}
