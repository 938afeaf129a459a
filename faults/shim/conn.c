/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections: open requests, and whose write an effect is.
 *
 * A connection's memory outlives its close by many others: a worker thread may
 * still be about to answer on it. It goes to a graveyard, and the oldest grave
 * is reused when there are more than a few.
 */
#include "shim_i.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define GRAVES 64u

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sh_conn *all;
static struct sh_conn *graves; /* newest first */
static unsigned int nr_graves;

static void init(struct sh_conn *c, int fd, uint32_t port,
		 enum nwb_fc_proto proto)
{
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->port = port;
	c->proto = proto;
	pthread_mutex_init(&c->lock, NULL);
	pthread_mutex_init(&c->tx_lock, NULL);
	c->balance = 1; /* [MS-SMB2] 3.2.1.2: one credit to begin with */
	c->need_charge = 1;
	c->free_req = -1;
	c->first_req = -1;
	c->last_req = -1;
	memset(c->req_bucket, 0xff, sizeof(c->req_bucket));
}

/* exhume() - the oldest grave, when there are enough of them. */
static struct sh_conn *exhume(void)
{
	struct sh_conn **at = &graves, *c;

	if (nr_graves <= GRAVES)
		return NULL;
	while ((*at)->next)
		at = &(*at)->next;
	c = *at;
	*at = NULL;
	nr_graves--;
	sh_handles_free(c);
	free(c->req);
	return c;
}

static struct sh_conn *add(int fd, uint32_t port, enum nwb_fc_proto proto)
{
	struct sh_conn *c;

	pthread_mutex_lock(&all_lock);
	c = exhume();
	if (!c)
		c = malloc(sizeof(*c));
	if (c) {
		init(c, fd, port, proto);
		c->next = all;
		all = c;
	}
	pthread_mutex_unlock(&all_lock);
	if (!c)
		sh_count(&sh.page->nomem);
	return c;
}

/* sh_conn_new() - a connection was accepted; NULL: no memory. */
struct sh_conn *sh_conn_new(int fd, uint32_t port, enum nwb_fc_proto proto)
{
	struct sh_conn *c = add(fd, port, proto);

	if (!c)
		return NULL;
	sh_count(&sh.page->nr_conns);
	sh_rec_point(&(struct nwb_lrec){.kind = NWB_L_CONN_UP,
					.conn = port,
					.instance = sh_instance()});
	return c;
}

/*
 * sh_conn_adopt() - a connection came from another process of smbd, which has
 * read its NEGOTIATE, seen that the client is ours, and leaves the rest to us
 * (multichannel). What that process recorded is not recorded again.
 */
struct sh_conn *sh_conn_adopt(int fd, uint32_t port)
{
	const struct sh_pdu first = {.cmd = SMB_NEGOTIATE, .charge = 1};
	struct sh_conn *c = add(fd, port, NWB_FC_SMB);

	if (!c)
		return NULL;
	pthread_mutex_lock(&c->lock);
	c->balance -= first.charge;
	(void)sh_req_add(c, &first);
	pthread_mutex_unlock(&c->lock);
	atomic_store(&c->is_active, true);
	return c;
}

/* sh_conn_given() - the other side of it: whoever has it now records its end.
 */
void sh_conn_given(uint32_t port)
{
	pthread_mutex_lock(&all_lock);
	for (struct sh_conn *c = all; c; c = c->next)
		if (c->port == port)
			atomic_store(&c->is_active, false);
	pthread_mutex_unlock(&all_lock);
}

/* begin_down() - the record of the end, once, by the process that served it. */
static struct nwb_lrec *begin_down(struct sh_conn *c, bool by_fault)
{
	if (!atomic_load(&c->is_active) || atomic_exchange(&c->is_down, true))
		return NULL;
	return sh_rec_begin(&(struct nwb_lrec){.kind = NWB_L_CONN_DOWN,
					       .conn = c->port,
					       .aux = by_fault,
					       .instance = sh_instance()});
}

void sh_conn_down(struct sh_conn *c)
{
	sh_rec_end(begin_down(c, false));
}

void sh_conn_close(struct sh_conn *c)
{
	struct sh_conn **at;

	sh_conn_down(c);
	atomic_store(&c->is_dead, true);
	/* The number of the fd may be another file's a moment from now. */
	while (atomic_load(&c->sending))
		sched_yield();
	sh_queue_purge(c);
	pthread_mutex_lock(&all_lock);
	for (at = &all; *at && *at != c; at = &(*at)->next)
		;
	if (*at) {
		*at = c->next;
		c->next = graves;
		graves = c;
		nr_graves++;
	}
	if (!all)
		sh_handles_forget();
	pthread_mutex_unlock(&all_lock);
}

void sh_conn_cut(struct sh_conn *c, int how)
{
	struct nwb_lrec *rec;
	int none = 0;

	if (!atomic_compare_exchange_strong(&c->cut, &none, how))
		return;
	sh_count(&sh.page->nr_cuts);
	sh_queue_purge(c);
	rec = begin_down(c, true);
	if (how == SH_CUT_FIN)
		sh.ops->fin(c->fd);
	else
		sh.ops->rst(c->fd);
	sh_rec_end(rec);
}

void sh_conns_reset_after_fork(void)
{
	pthread_mutex_init(&all_lock, NULL);
	sh_handles_reset_after_fork();
	for (struct sh_conn *c = all; c; c = c->next) {
		pthread_mutex_init(&c->lock, NULL);
		pthread_mutex_init(&c->tx_lock, NULL);
	}
}

/* --- open requests: an array of slots, hashed by id, in order of arrival ---
 */

static unsigned int bucket(uint64_t mid)
{
	return (unsigned int)(mid % SH_REQ_BUCKETS);
}

static bool grow(struct sh_conn *c)
{
	int32_t nr = c->nr_req ? c->nr_req * 2 : 64;
	struct sh_req *req;

	if (nr > 65536)
		return false;
	req = realloc(c->req, (size_t)nr * sizeof(*req));
	if (!req)
		return false;
	for (int32_t i = c->nr_req; i < nr; i++)
		req[i].hash_next = i + 1 < nr ? i + 1 : -1;
	c->free_req = c->nr_req;
	c->req = req;
	c->nr_req = nr;
	return true;
}

/* sh_req_add() - NULL: no memory, counted. */
struct sh_req *sh_req_add(struct sh_conn *c, const struct sh_pdu *p)
{
	struct sh_req *r;
	int32_t i;

	if (c->free_req < 0 && !grow(c)) {
		sh_count(&sh.page->nomem);
		return NULL;
	}
	i = c->free_req;
	r = &c->req[i];
	c->free_req = r->hash_next;
	memset(r, 0, sizeof(*r));
	r->mid = p->mid;
	r->cmd = p->cmd;
	r->charge = p->charge;
	r->fid = p->fid;
	r->off = p->off;
	r->len = p->len;
	r->has_extent = p->has_extent;
	r->is_binding = p->is_binding;
	r->newfid = p->newfid;
	memcpy(r->name, p->name, sizeof(r->name));
	r->hash_next = c->req_bucket[bucket(p->mid)];
	c->req_bucket[bucket(p->mid)] = i;
	r->next = -1;
	r->prev = c->last_req;
	if (c->last_req >= 0)
		c->req[c->last_req].next = i;
	else
		c->first_req = i;
	c->last_req = i;
	c->nr_open++;
	return r;
}

/* sh_req_find() - of several with the same id the oldest: diod executes two
 * requests of one tag in their order. */
struct sh_req *sh_req_find(struct sh_conn *c, uint64_t mid)
{
	struct sh_req *found = NULL;

	for (int32_t i = c->req_bucket[bucket(mid)]; i >= 0;
	     i = c->req[i].hash_next)
		if (c->req[i].mid == mid)
			found = &c->req[i];
	return found;
}

void sh_req_del(struct sh_conn *c, struct sh_req *r)
{
	int32_t i = (int32_t)(r - c->req);
	int32_t *at = &c->req_bucket[bucket(r->mid)];

	if (r->take.rules_mark && !r->is_linked)
		sh_count(&sh.page->marks_lost);
	while (*at != i)
		at = &c->req[*at].hash_next;
	*at = r->hash_next;
	if (r->prev >= 0)
		c->req[r->prev].next = r->next;
	else
		c->first_req = r->next;
	if (r->next >= 0)
		c->req[r->next].prev = r->prev;
	else
		c->last_req = r->prev;
	r->hash_next = c->free_req;
	c->free_req = i;
	c->nr_open--;
}

/* --- whose effect is it? --- */

struct match {
	const void *buf;
	uint64_t off, len;
	uint16_t file;
	bool is_flush;
};

static bool is_write(const struct sh_req *r)
{
	return r->cmd == SMB_WRITE || r->cmd == P9_TWRITE;
}

/*
 * quality() - how well @r fits: 0 not at all, 1 by extent or file, 2 by the
 * address at which its payload arrived as well. A short write's rest has
 * another offset and stays unknown.
 */
static int quality(const struct sh_req *r, const struct match *m)
{
	bool known = r->file && m->file;

	if (r->is_linked || (known && r->file != m->file))
		return 0;
	if (m->is_flush)
		return (r->cmd == SMB_FLUSH || r->cmd == P9_TFSYNC) ? 1 : 0;
	if (!is_write(r) || r->off != m->off || r->len != m->len)
		return 0;
	return r->payload && r->payload == (uintptr_t)m->buf ? 2 : 1;
}

static void fill_link(struct sh_conn *c, struct sh_req *r, struct sh_link *ret)
{
	r->is_linked = true;
	ret->found = true;
	ret->conn = c->port;
	ret->fid = (uint32_t)r->fid;
	ret->mid = r->mid;
	ret->cmd = r->cmd;
	ret->take = r->take;
}

static bool link_in(struct sh_conn *c, const struct match *m, int want,
		    struct sh_link *ret)
{
	bool found = false;

	pthread_mutex_lock(&c->lock);
	for (int32_t i = c->first_req; i >= 0 && !found; i = c->req[i].next) {
		if (quality(&c->req[i], m) < want)
			continue;
		fill_link(c, &c->req[i], ret);
		found = true;
	}
	pthread_mutex_unlock(&c->lock);
	return found;
}

static void find_link(const struct match *m, struct sh_link *ret)
{
	memset(ret, 0, sizeof(*ret));
	pthread_mutex_lock(&all_lock);
	for (int want = 2; want && !ret->found; want--)
		for (struct sh_conn *c = all; c && !ret->found; c = c->next)
			link_in(c, m, want, ret);
	pthread_mutex_unlock(&all_lock);
}

void sh_link_write(const void *buf, uint64_t off, uint64_t len, uint16_t file,
		   struct sh_link *ret)
{
	find_link(&(struct match){buf, off, len, file, false}, ret);
}

void sh_link_flush(uint16_t file, struct sh_link *ret)
{
	find_link(&(struct match){.file = file, .is_flush = true}, ret);
}

/* How sure is it that @c is what signs with @key? */
static int trust(const struct sh_conn *c, const void *key)
{
	if (c->sign_key == key)
		return 3;
	return c->sign_key ? 1 : 2;
}

/*
 * sh_conn_signing() - the connection on which the reply @p is about to be
 * signed or encrypted; locked. With several channels in one process ids come
 * twice. But each channel has its key to sign with, so that once there was only
 * one possibility, the key is known. All of them encrypt with the same: NULL,
 * when it cannot be told, and then nothing is done to the reply, because what
 * one connection lacks another must not get.
 */
struct sh_conn *sh_conn_signing(const void *key, const struct sh_pdu *p,
				struct sh_req **ret_req)
{
	struct sh_conn *found = NULL;
	bool is_tie = false;
	unsigned int nr = 0;

	pthread_mutex_lock(&all_lock);
	for (struct sh_conn *c = all; c; c = c->next) {
		struct sh_req *r;

		if (!atomic_load(&c->is_active))
			continue;
		pthread_mutex_lock(&c->lock);
		r = sh_req_find(c, p->mid);
		if (!r || r->cmd != p->cmd) {
			pthread_mutex_unlock(&c->lock);
			continue;
		}
		nr++;
		if (found && trust(c, key) <= trust(found, key)) {
			is_tie |= trust(c, key) == trust(found, key);
			pthread_mutex_unlock(&c->lock);
			continue;
		}
		is_tie = false;
		if (found)
			pthread_mutex_unlock(&found->lock);
		found = c;
		*ret_req = r;
	}
	if (nr == 1 && key)
		found->sign_key = key;
	if (is_tie) {
		pthread_mutex_unlock(&found->lock);
		found = NULL;
	}
	pthread_mutex_unlock(&all_lock);
	return found;
}
