/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must be refused: arguments that no caller may give, options that no mount
 * can have, and a mount for which there is not enough memory. Each at once, with
 * its error, and without a trace.
 */
#include "sim_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <string.h>

#define CHECK	  "REFUSED"
#define FILE_MAX  ((uint64_t)INT64_MAX)
#define TRIES_MAX 400u

static void expect(struct sim_world *w, const char *what, int64_t got,
		   int64_t want)
{
	if (got != want)
		sim_fail(w, CHECK, "%s: %lld, not %lld", what, (long long)got,
			 (long long)want);
}

/* --- of an open file ------------------------------------------------------ */

static void nobody_waits(struct nwb_kiocb *iocb)
{
	(void)iocb;
}

static void refuse_writes(struct sim_task_state *t)
{
	struct nwb_kiocb iocb = {.done = nobody_waits};
	struct sim_world *w = t->w;
	struct nwb_file *f = t->handle;

	nwb_file_set_flags(f, 0);
	expect(w, "a write behind 2^63",
	       nwb_file_write(f, t->buf, 4096, FILE_MAX - 100), -EFBIG);
	expect(w, "a write of 2^63 bytes",
	       nwb_file_write(f, t->buf, FILE_MAX + 1, 0), -EFBIG);
	expect(w, "a write of nothing", nwb_file_write(f, t->buf, 0, 0), 0);
	expect(w, "an asynchronous write that is not direct",
	       nwb_file_write_async(f, t->buf, 1, 0, &iocb), -EINVAL);
	nwb_file_set_flags(f, NWB_F_APPEND);
	expect(w, "2^63 bytes appended",
	       nwb_file_write(f, t->buf, FILE_MAX + 1, 0), -EFBIG);
	nwb_file_set_flags(f, NWB_F_DIRECT);
	expect(w, "a direct write of nothing", nwb_file_write(f, t->buf, 0, 0),
	       0);
	expect(w, "an asynchronous write behind 2^63",
	       nwb_file_write_async(f, t->buf, 2, FILE_MAX - 1, &iocb), -EFBIG);
	expect(w, "an asynchronous write of 2^63 bytes",
	       nwb_file_write_async(f, t->buf, FILE_MAX + 1, 0, &iocb), -EFBIG);
	expect(w, "truncation to 2^63", nwb_file_truncate(f, FILE_MAX + 1),
	       -EFBIG);
}

static void refuse_ranges(struct sim_task_state *t)
{
	struct nwb_inode *inode = nwb_file_inode(t->handle);
	int fault = t->w->plan.opts.cache_mode == NWB_CACHE_NONE ? -ENODEV
								 : -EFAULT;
	struct nwb_file *f = t->handle;
	struct sim_world *w = t->w;

	expect(w, "a load behind the end",
	       nwb_map_load(f, t->buf, 1, FILE_MAX - 1), fault);
	expect(w, "a load behind 2^63",
	       nwb_map_load(f, t->buf, 2, FILE_MAX - 1), -EFAULT);
	expect(w, "a store of 2^63 bytes",
	       nwb_map_store(f, t->buf, FILE_MAX + 1, 0), -EFAULT);
	expect(w, "a sync with unknown flags",
	       nwb_file_sync_range(f, 0, 0, 0x10), -EINVAL);
	expect(w, "a sync behind 2^63",
	       nwb_file_sync_range(f, FILE_MAX + 1, 0, 0), -EINVAL);
	expect(w, "a sync with a range that wraps",
	       nwb_file_sync_range(f, 2, UINT64_MAX, 0), -EINVAL);
	expect(w, "an invalidation that ends before it begins",
	       nwb_inode_invalidate_range(inode, 2, 1, 0, NULL), -EINVAL);
	expect(w, "the same, folio by folio",
	       nwb_inode_invalidate_pages2(inode, 2, 1, NULL), -EINVAL);
	expect(w, "the lock of no folio",
	       nwb_inode_lock_folio(inode, FILE_MAX - 1), -ENOENT);
	expect(w, "no folio moved",
	       nwb_inode_migrate(inode, FILE_MAX - 1, NWB_MIGRATE_ASYNC),
	       -ENOENT);
}

static void refuse_blobs(struct sim_task_state *t)
{
	static _Alignas(4096) uint8_t page[NWB_PAGE_SIZE];
	static const struct {
		const char *what;
		struct iovec vec[2];
		unsigned int nr;
		uint64_t len;
	} bad[] = {
		{"an object of nothing", {{page, sizeof(page)}}, 1, 0},
		{"an object without memory", {{NULL, 0}}, 0, 1},
		{"an object of an empty piece", {{page, 0}}, 1, 1},
		{"half a page", {{page, 2048}}, 1, 1},
		{"half a page off", {{page + 2048, sizeof(page)}}, 1, 1},
		{"a piece of 2 GiB", {{page, (size_t)INT32_MAX + 1}}, 1, 1},
		{"more than there is", {{page, sizeof(page)}}, 1, 5000},
		{"a piece too many",
		 {{page, sizeof(page)}, {page, sizeof(page)}},
		 2,
		 4096},
	};
	struct nwb_inode *inode = nwb_file_inode(t->handle);

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(bad); i++) {
		struct nwb_blob blob;

		nwb_blob_init(&blob, bad[i].vec, bad[i].nr, bad[i].len, NULL);
		expect(t->w, bad[i].what,
		       nwb_writeback_single(inode, NWB_WB_SYNC_ALL, 0, &blob),
		       -EINVAL);
		nwb_blob_put(&blob);
	}
}

void sim_do_refused(struct sim_task_state *t, const struct sim_op *op)
{
	switch (op->arg % 3) {
	case 0:
		refuse_writes(t);
		break;
	case 1:
		refuse_ranges(t);
		break;
	default:
		refuse_blobs(t);
		break;
	}
}

/* --- of a mount ----------------------------------------------------------- */

static const struct nwb_netfs_ops no_server = {.name = "smb"};
static const struct nwb_netfs_opts small = {
	.folio_bytes_max = 4096,
	.cache_bytes = 16384,
	.temp_bytes = 8192,
	.wsize = 4096,
	.max_subrequests = 2,
	.mode = NWB_TEMP_PAGE,
};

static int try_mount(struct sim_world *w, const struct nwb_netfs_opts *o)
{
	struct nwb_netfs *nf = NULL;
	struct nwb_err err = {0};
	int rc = nwb_netfs_new(w->ex, o, &no_server, NULL, NULL, &nf, &err);

	nwb_mem_fail_at(0, 0);
	/* at the end of the world it is seen what was left behind */
	if (!rc)
		nwb_netfs_free(nf);
	return rc;
}

static void refuse_opts(struct sim_world *w)
{
	struct nwb_netfs_opts o[14];
	unsigned int i = 0;

	for (; i < NWB_ARRAY_SIZE(o); i++)
		o[i] = small;
	i = 0;
	o[i++].folio_bytes_max = 2048;
	o[i++].folio_bytes_max = 4194304;
	o[i++].folio_bytes_max = 12288;
	o[i++].cache_bytes = 12288;
	o[i++].temp_bytes = 4096;
	o[i++].flavour = NWB_NR_FLAVOURS;
	o[i++].strategy = NWB_NR_RETRY_STRATEGIES;
	o[i++].cache_mode = (enum nwb_cache_mode)4;
	for (unsigned int k = i; k < NWB_ARRAY_SIZE(o); k++)
		o[k].crypto_key = sim_crypto_key;
	o[i++].crypto_unit = 256;
	o[i++].crypto_unit = 8192;
	o[i++].crypto_unit = 1536;
	o[i++].no_copy = true;
	o[i++].flavour = NWB_LINUX_6_12;
	o[i++].flavour = NWB_LINUX_7_2;
	for (unsigned int k = 0; k < i; k++)
		expect(w, "options that cannot be", try_mount(w, &o[k]),
		       o[k].flavour && o[k].flavour < NWB_NR_FLAVOURS
			       ? -EOPNOTSUPP
			       : -EINVAL);
}

/* The first allocation is refused, the second, ..., until none is left. */
static void refuse_memory(struct sim_world *w, const struct nwb_netfs_opts *o)
{
	unsigned int nth = 0;
	int rc;

	do {
		nwb_mem_fail_at(++nth, 1);
		rc = try_mount(w, o);
		if (rc)
			expect(w, "a mount without memory", rc, -ENOMEM);
	} while (rc && nth < TRIES_MAX);
	expect(w, "a mount with enough memory", rc, 0);
}

static void refuse_files(struct sim_world *w)
{
	struct nwb_netfs *nf = NULL;
	struct nwb_inode *inode;
	struct nwb_file *file;
	struct nwb_err err = {0};

	expect(w, "a small mount",
	       nwb_netfs_new(w->ex, &small, &no_server, NULL, NULL, &nf, &err),
	       0);
	nwb_mem_fail_at(1, 1);
	expect(w, "an inode without memory",
	       nwb_inode_new(nf, 1, NULL, 0, &inode), -ENOMEM);
	nwb_mem_fail_at(0, 0);
	expect(w, "an inode", nwb_inode_new(nf, 1, NULL, 0, &inode), 0);
	nwb_mem_fail_at(1, 1);
	expect(w, "a file without memory", nwb_file_open(inode, &file),
	       -ENOMEM);
	nwb_mem_fail_at(0, 0);
	nwb_inode_put(inode);
	nwb_netfs_free(nf);
}

static void refuse_limits(struct sim_world *w)
{
	struct nwb_dirty_domain *d = NULL;
	struct nwb_budget *b = NULL;

	expect(w, "a domain without a limit",
	       nwb_dirty_domain_new(w->ex, 0, 1, &d), -EINVAL);
	expect(w, "a domain whose limits are one",
	       nwb_dirty_domain_new(w->ex, 8192, 8192, &d), -EINVAL);
	expect(w, "a budget of half a page",
	       nwb_budget_new(w->ex, 2048, false, &b), -EINVAL);
	nwb_mem_fail_at(1, 1);
	expect(w, "a domain without memory",
	       nwb_dirty_domain_new(w->ex, 1, 2, &d), -ENOMEM);
	nwb_mem_fail_at(1, 1);
	expect(w, "a budget without memory",
	       nwb_budget_new(w->ex, 4096, false, &b), -ENOMEM);
	for (unsigned int i = 1; i <= 2; i++) {
		nwb_mem_fail_at(i, 1);
		expect(w, "a trace without memory", nwb_trace_new(64) != NULL,
		       0);
	}
	nwb_mem_fail_at(0, 0);
	nwb_budget_free(NULL);
	nwb_trace_free(NULL);
	nwb_netfs_free(NULL);
}

void sim_refuse_mounts(struct sim_world *w)
{
	struct nwb_netfs_opts o = small;

	if (!w->plan.is_refusing)
		return;
	refuse_opts(w);
	refuse_memory(w, &o);
	o.crypto_key = sim_crypto_key;
	o.mode = NWB_IN_PLACE;
	o.reserve_percent = 200;
	refuse_memory(w, &o);
	refuse_files(w);
	refuse_limits(w);
}
