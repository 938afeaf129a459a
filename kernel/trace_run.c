/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a run asks its guest's kernel, and what became of the answers.
 *
 * Tracepoints: all of netfs (17 or 18 events), and of the file system what
 * tells of WRITEs, credits and connections; the hundred others of cifs would
 * fill the ring with look-ups.
 */
#include "trace_i.h"

#include "nwb/guest_chan.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define RING_KIB 8192u

static const struct {
	const char *fs;
	const char *events;
	const char *stats[3];
} asks[] = {
	{"cifs",
	 "netfs cifs:smb3_write_enter cifs:smb3_write_done cifs:smb3_write_err "
	 "cifs:smb3_flush_enter cifs:smb3_flush_done cifs:smb3_flush_err "
	 "cifs:smb3_rw_credits cifs:smb3_reconnect cifs:smb3_credit_timeout "
	 "cifs:smb3_slow_rsp writeback:writeback_single_inode",
	 {"/proc/fs/netfs/stats", "/proc/fs/cifs/Stats"}},
	{"9p",
	 "netfs 9p:9p_client_req 9p:9p_client_res "
	 "writeback:writeback_single_inode",
	 {"/proc/fs/netfs/stats"}},
	{"fuse",
	 "fuse writeback:writeback_single_inode writeback:writeback_start "
	 "writeback:balance_dirty_pages",
	 {NULL}},
};

static unsigned int ask_of(const char *fs)
{
	unsigned int i = 0;

	while (i + 1 < NWB_ARRAY_SIZE(asks) && strcmp(asks[i].fs, fs) != 0)
		i++;
	return i;
}

struct out {
	char *buf;
	size_t size, n;
};

static void put(struct out *o, const char *a, const char *b, const char *c)
{
	const char *const parts[] = {a, b, c};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(parts); i++)
		for (const char *p = parts[i]; *p; p++, o->n++)
			if (o->n + 1 < o->size)
				o->buf[o->n] = *p;
	if (o->size)
		o->buf[nwb_min(o->n, o->size - 1)] = '\0';
}

static void put_stats(struct out *o, unsigned int ask)
{
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(asks[ask].stats); i++)
		if (asks[ask].stats[i])
			put(o, "stat ", asks[ask].stats[i], "\n");
}

int nwb_ktrace_verbs_on(const char *fs, bool is_live, char *buf, size_t size)
{
	struct out o = {buf, size, 0};
	unsigned int ask = ask_of(fs);
	char ring[16];

	snprintf(ring, sizeof(ring), "%u ", RING_KIB);
	put_stats(&o, ask);
	put(&o, is_live ? "trace live " : "trace on ", ring, asks[ask].events);
	put(&o, "\n", "", "");
	return (int)o.n;
}

int nwb_ktrace_verbs_off(const char *fs, char *buf, size_t size)
{
	struct out o = {buf, size, 0};

	put(&o, "trace off\n", "", "");
	put_stats(&o, ask_of(fs));
	return (int)o.n;
}

/* Return: whether there was room. */
static bool kbuf_put(struct nwb_kbuf *b, const void *p, size_t n, size_t max)
{
	size_t cap = b->cap ? b->cap : 4096;
	char *grown;

	if (n > max || b->n > max - n)
		return false;
	while (cap < b->n + n)
		cap *= 2;
	if (cap != b->cap) {
		grown = realloc(b->p, cap);
		if (!grown)
			return false;
		b->p = grown;
		b->cap = cap;
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
	return true;
}

static void kbuf_move(struct nwb_kbuf *to, struct nwb_kbuf *from)
{
	free(to->p);
	*to = *from;
	*from = (struct nwb_kbuf){0};
}

static void record_stat(struct nwb_krun *r, const struct nwb_chan_rec *rec)
{
	const char *path = (const char *)rec->payload;
	const char *nul = memchr(path, '\0', rec->len);
	size_t path_n = nul ? (size_t)(nul - path) : 0;
	size_t n = nul ? rec->len - path_n - 1 : 0;
	unsigned int i = 0;

	if (!path_n || path_n >= sizeof(r->stat[0].path))
		return;
	while (i < r->nr_stats && strcmp(r->stat[i].path, path) != 0)
		i++;
	if (i == NWB_KRUN_STATS_MAX)
		return;
	if (i == r->nr_stats) {
		memcpy(r->stat[i].path, path, path_n + 1);
		r->nr_stats++;
	}
	if (n) {
		(void)kbuf_put(&r->stat[i].part, nul + 1, n, 1u << 20);
	} else if (!r->stat[i].has_first) {
		kbuf_move(&r->stat[i].first, &r->stat[i].part);
		r->stat[i].has_first = true;
	} else {
		kbuf_move(&r->stat[i].last, &r->stat[i].part);
		r->stat[i].has_last = true;
	}
}

void nwb_krun_record(struct nwb_krun *r, const struct nwb_chan_rec *rec)
{
	if (rec->type == NWB_CHAN_STAT) {
		record_stat(r, rec);
	} else if (rec->type == NWB_CHAN_TRACE && rec->len) {
		if (r->cut || !kbuf_put(&r->trace, rec->payload, rec->len,
					NWB_KRUN_TRACE_MAX))
			r->cut += rec->len;
	}
}

/* "/proc/fs/netfs/stats" is netfs's. */
static void prefix_of(const char *path, char *buf, size_t size)
{
	static const char root[] = "/proc/fs/";
	const char *p = path;
	const char *end;

	if (!strncmp(p, root, sizeof(root) - 1))
		p += sizeof(root) - 1;
	end = strchr(p, '/');
	ktext_copy((struct nwb_ktext){p, end ? (size_t)(end - p) : strlen(p)},
		   buf, size);
}

char *nwb_krun_delta(const struct nwb_krun *r)
{
	struct nwb_kstat *before = calloc(2, sizeof(*before)), *after = before;
	char prefix[24], *text = NULL;

	if (!before)
		return NULL;
	after++;
	for (unsigned int i = 0; i < r->nr_stats; i++) {
		const struct nwb_kbuf *first = &r->stat[i].first;
		const struct nwb_kbuf *last = &r->stat[i].last;

		if (!r->stat[i].has_last)
			continue;
		prefix_of(r->stat[i].path, prefix, sizeof(prefix));
		nwb_kstat_parse((struct nwb_ktext){first->p, first->n}, prefix,
				before);
		nwb_kstat_parse((struct nwb_ktext){last->p, last->n}, prefix,
				after);
	}
	text = nwb_kstat_delta(before, after);
	free(before);
	return text;
}

int nwb_krun_save(const struct nwb_krun *r, const char *prefix,
		  struct nwb_err *err)
{
	char path[4200], *delta;
	int rc = 0;

	if (r->trace.n) {
		snprintf(path, sizeof(path), "%s.trace.gz", prefix);
		rc = nwb_ktext_save((struct nwb_ktext){r->trace.p, r->trace.n},
				    path, err);
	}
	if (rc)
		return rc;
	delta = nwb_krun_delta(r);
	if (!delta)
		return nwb_err_set(err, -ENOMEM, "no memory for the counters");
	if (*delta) {
		snprintf(path, sizeof(path), "%s.stat", prefix);
		rc = nwb_ktext_save((struct nwb_ktext){delta, strlen(delta)},
				    path, err);
	}
	free(delta);
	return rc;
}

void nwb_krun_fini(struct nwb_krun *r)
{
	free(r->trace.p);
	for (unsigned int i = 0; i < r->nr_stats; i++) {
		free(r->stat[i].first.p);
		free(r->stat[i].last.p);
		free(r->stat[i].part.p);
	}
	*r = (struct nwb_krun){0};
}
