/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What forgetting a file's cache costs, in the way of today and in the one
 * before it, and what each needs: both halves of the objection to the change
 * (lib/netfs/invalidate.c), on real servers.
 *
 *	WRITEs	of 8 MiB of which some is dirty, until all of it is written,
 *		durable and forgotten; exact, as the client sent them
 *	racing	the same while somebody writes to random pages of it: pages of
 *		which the server has not what was written last, after an fsync
 *		that said 0; folios that are cached still; the longest write
 *	under a folio lock: may a caller do it who has the lock of a folio?
 *
 * The writer knows what it wrote, and the export is read behind the client's
 * back: what is lost is not taken from the client.
 */
#include "bench_i.h"

#include "nwb/auth.h"
#include "nwb/fs.h"
#include "nwb/mem.h"
#include "nwb/netfs_vm.h"
#include "nwb/stats.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAGE	   4096u
#define NR_PAGES   2048u
#define BYTES	   (NR_PAGES * PAGE)
#define FILE_NAME  "inval.dat"
#define ROUNDS_MAX NWB_PAIRS_MAX

enum way {
	LAUNDER,
	RANGE,
	MERGED_UNLOCKED,
	FIRST_UNLOCKED,
	NR_WAYS,
	NR_SAFE = MERGED_UNLOCKED
};

static const struct {
	const char *name;
	const char *locks;
	uint32_t flags;
} ways[NR_WAYS] = {
	[LAUNDER] = {"launder", "folio", 0},
	[RANGE] = {"range", "io, invalidate, folio", NWB_INVAL_FLUSH},
	[MERGED_UNLOCKED] = {"range, no locks", "folio",
			     NWB_INVAL_FLUSH | NWB_INVAL_UNLOCKED},
	[FIRST_UNLOCKED] = {"first posting, no locks", "folio",
			    NWB_INVAL_FLUSH | NWB_INVAL_UNLOCKED |
				    NWB_INVAL_DISCARD},
};

static const struct cell {
	const char *name;
	uint32_t folio; /* bytes written at a time, which make a folio */
	uint32_t step;
} cells[] = {
	{"4 KiB folios, all dirty", PAGE, PAGE},
	{"64 KiB folios, all dirty", 16 * PAGE, 16 * PAGE},
	{"4 KiB folios, every 2nd dirty", PAGE, 2 * PAGE},
	{"4 KiB folios, every 16th dirty", PAGE, 16 * PAGE},
};

struct cost {
	struct bench_dialer dialer;
	struct nwb_server *srv;
	struct nwb_server_info info;
	unsigned int rounds;
	uint64_t rnd;
	struct nwb_exec *ex;
	struct nwb_mount *mnt;
	struct nwb_file *f;
	struct nwb_inode *inode;
	uint32_t version[NR_PAGES]; /* written last; 0: never */
	uint32_t next;
	uint8_t buf[16 * PAGE];
	uint8_t back[BYTES];
	_Atomic bool stop;
	uint64_t nr_raced;
	uint64_t longest_ns;
	int writer_rc;
	struct nwb_err *err;
	int rc;
};

/* --- the client ----------------------------------------------------------- */

static int mount_it(struct cost *c)
{
	/* nothing is written but by the invalidation */
	struct nwb_netfs_opts no = {
		.wsize = c->info.is_9p ? 0 : NWB_MIB,
		.cache_bytes = 4 * BYTES,
		.dirty_kick_bytes = 1024 * NWB_MIB,
		.dirty_age_ns = 10000 * NWB_SEC,
	};
	struct nwb_smb2_opts smb = {
		.dialer = &c->dialer.dialer,
		.auth = nwb_auth_gssapi(),
		.server_name = "netwb",
		.share = c->info.share,
		.user = c->info.user,
		.password = c->info.password,
		.domain = "",
	};
	struct nwb_p9_opts p9 = {
		.dialer = &c->dialer.dialer,
		.aname = c->info.share,
		.uname =
			c->info.user && c->info.user[0] ? c->info.user : "root",
		.uid = c->info.uid,
	};
	int rc = c->info.is_9p
			 ? nwb_mount_9p(c->ex, &p9, &no, NULL, &c->mnt, c->err)
			 : nwb_mount_smb(c->ex, &smb, &no, NULL, &c->mnt,
					 c->err);

	if (rc)
		return rc;
	rc = nwb_mount_open(c->mnt, FILE_NAME, NWB_O_CREATE, 1, &c->f, c->err);
	if (rc)
		nwb_mount_free(c->mnt);
	else
		c->inode = nwb_file_inode(c->f);
	return rc;
}

static void count(const struct cost *c, uint64_t *ret_writes, uint64_t *ret_all)
{
	if (c->info.is_9p) {
		struct nwb_p9_stats st;

		nwb_p9_get_stats(nwb_mount_p9(c->mnt), &st);
		*ret_writes = st.nr_writes;
		*ret_all = st.nr_requests;
	} else {
		struct nwb_smb2_stats st;

		nwb_smb2_get_stats(nwb_mount_smb2(c->mnt), &st);
		*ret_writes = st.nr_writes;
		*ret_all = st.nr_requests;
	}
}

/* --- content -------------------------------------------------------------- */

static void fill_page(uint8_t *p, uint32_t page, uint32_t version)
{
	uint32_t word[2] = {page, version};

	for (unsigned int i = 0; i < PAGE; i += 8)
		memcpy(p + i, word, 8);
}

static int write_pages(struct cost *c, uint8_t *buf, uint32_t page, uint32_t nr)
{
	uint32_t version = ++c->next;
	ssize_t n;

	for (uint32_t i = 0; i < nr; i++)
		fill_page(buf + (size_t)i * PAGE, page + i, version);
	n = nwb_file_write(c->f, buf, (size_t)nr * PAGE, (uint64_t)page * PAGE);
	for (uint32_t i = 0; i < nr; i++)
		c->version[page + i] = version;
	return n < 0 ? (int)n : 0;
}

/* Pages that the server has not as they were written last. */
static int count_lost(struct cost *c, uint64_t *ret_lost)
{
	uint8_t want[PAGE];
	ssize_t n;
	int fd, rc = nwb_server_open(c->srv, FILE_NAME, O_RDONLY, &fd, c->err);

	if (rc)
		return rc;
	n = pread(fd, c->back, BYTES, 0);
	close(fd);
	if (n < 0)
		return nwb_err_set(c->err, -EIO, "export: cannot be read");
	memset(c->back + n, 0, BYTES - (size_t)n);
	*ret_lost = 0;
	for (uint32_t i = 0; i < NR_PAGES; i++) {
		memset(want, 0, PAGE);
		if (c->version[i])
			fill_page(want, i, c->version[i]);
		*ret_lost +=
			memcmp(want, c->back + (size_t)i * PAGE, PAGE) != 0;
	}
	return 0;
}

/* Empty, then @cell's part of it dirty. */
static int dirty(struct cost *c, const struct cell *cell)
{
	int rc = nwb_file_truncate(c->f, 0);

	memset(c->version, 0, sizeof(c->version));
	for (uint32_t at = 0; at < BYTES && !rc; at += cell->step)
		rc = write_pages(c, c->buf, at / PAGE, cell->folio / PAGE);
	if (rc)
		return nwb_err_set(c->err, rc, "write: %s", strerror(-rc));
	return 0;
}

static int forget(struct cost *c, enum way way, uint64_t pos, uint32_t flags,
		  struct nwb_invalidated *r)
{
	if (way == LAUNDER)
		return nwb_inode_invalidate_pages2(c->inode, pos, UINT64_MAX,
						   r);
	return nwb_inode_invalidate_range(c->inode, pos, UINT64_MAX,
					  ways[way].flags | flags, r);
}

/* --- the number of WRITEs ------------------------------------------------- */

struct figures {
	double writes[ROUNDS_MAX], rest[ROUNDS_MAX], ms[ROUNDS_MAX];
	unsigned int n;
};

static int measure_once(struct cost *c, const struct cell *cell, enum way way,
			struct figures *f)
{
	uint64_t w0, a0, w1, a1, began, lost;
	struct nwb_invalidated r;
	int rc = dirty(c, cell);

	if (rc)
		return rc;
	count(c, &w0, &a0);
	began = nwb_now_ns(c->ex);
	rc = forget(c, way, 0, 0, &r);
	f->ms[f->n] = (double)(nwb_now_ns(c->ex) - began) / (double)NWB_MSEC;
	count(c, &w1, &a1);
	f->writes[f->n] = (double)(w1 - w0);
	f->rest[f->n++] = (double)(a1 - a0 - (w1 - w0));
	if (rc || r.kept)
		return nwb_err_set(c->err, rc ? rc : -EBUSY,
				   "%s: not all was forgotten", ways[way].name);
	rc = count_lost(c, &lost);
	if (!rc && lost)
		rc = nwb_err_set(c->err, -EIO, "%s: %llu pages are lost",
				 ways[way].name, (unsigned long long)lost);
	return rc;
}

static int measure_cell(struct cost *c, const struct cell *cell)
{
	static struct figures f[NR_SAFE];
	double kib = (double)(BYTES / cell->step * cell->folio) / 1024;

	memset(f, 0, sizeof(f));
	for (unsigned int i = 0; i < c->rounds; i++) {
		unsigned int first = nwb_splitmix64(&c->rnd) % NR_SAFE;

		for (unsigned int k = 0; k < NR_SAFE; k++) {
			enum way way = (enum way)((first + k) % NR_SAFE);
			int rc = measure_once(c, cell, way, &f[way]);

			if (rc)
				return rc;
		}
	}
	for (unsigned int w = 0; w < NR_SAFE; w++) {
		double writes = nwb_median(f[w].writes, f[w].n);

		printf("%-7s %-31s %-8s %7.0f %9.1f %6.0f %9.1f  n=%u\n",
		       c->info.name, cell->name, ways[w].name, writes,
		       kib / writes, nwb_median(f[w].rest, f[w].n),
		       nwb_median(f[w].ms, f[w].n), f[w].n);
	}
	fflush(stdout);
	return 0;
}

/* --- against a writer ----------------------------------------------------- */

static void writer_main(void *arg)
{
	struct cost *c = arg;
	uint64_t rnd = c->rnd;
	uint8_t buf[PAGE];

	while (!atomic_load(&c->stop) && !c->writer_rc) {
		uint64_t began = nwb_now_ns(c->ex);

		c->writer_rc = write_pages(
			c, buf, (uint32_t)(nwb_splitmix64(&rnd) % NR_PAGES), 1);
		c->longest_ns =
			nwb_max(c->longest_ns, nwb_now_ns(c->ex) - began);
		c->nr_raced++;
		nwb_sleep_until(c->ex, nwb_now_ns(c->ex) + 50 * NWB_USEC);
	}
}

static int race(struct cost *c, enum way way, struct nwb_invalidated *r,
		uint64_t *ret_lost)
{
	struct nwb_task *task;
	int rc = dirty(c, &cells[0]);

	if (rc)
		return rc;
	atomic_store(&c->stop, false);
	c->longest_ns = 0;
	c->nr_raced = 0;
	c->writer_rc = 0;
	rc = nwb_task_spawn(c->ex, "writer", writer_main, c, &task);
	if (rc)
		return nwb_err_set(c->err, rc, "no task");
	rc = forget(c, way, 0, 0, r);
	atomic_store(&c->stop, true);
	nwb_task_join(task);
	c->rnd += c->nr_raced;
	if (rc == -EBUSY) /* what a writer came back to: that is the figure */
		rc = 0;
	if (!rc)
		rc = c->writer_rc;
	if (!rc)
		rc = nwb_file_fsync(c->f);
	if (rc)
		return nwb_err_set(c->err, rc, "%s, racing: %s", ways[way].name,
				   strerror(-rc));
	return count_lost(c, ret_lost);
}

/* With the lock of page 0's folio; all others are to be forgotten. */
static int under_lock(struct cost *c, enum way way, const char **ret_word)
{
	struct nwb_invalidated r = {0};
	int rc = dirty(c, &cells[0]);

	if (rc)
		return rc;
	rc = nwb_inode_lock_folio(c->inode, 0);
	if (!rc) {
		rc = forget(c, way, PAGE, NWB_INVAL_FOLIO_LOCKED, &r);
		nwb_inode_unlock_folio(c->inode, 0);
	}
	*ret_word = rc == -EDEADLK ? "no (EDEADLK)" : "yes";
	return !rc || rc == -EDEADLK
		       ? 0
		       : nwb_err_set(c->err, rc, "%s, under a folio lock: %s",
				     ways[way].name, strerror(-rc));
}

static int object(struct cost *c, enum way way)
{
	double lost[ROUNDS_MAX], kept[ROUNDS_MAX], raced[ROUNDS_MAX],
		longest[ROUNDS_MAX];
	const char *word = "?";
	int rc = under_lock(c, way, &word);

	for (unsigned int i = 0; i < c->rounds && !rc; i++) {
		struct nwb_invalidated r = {0};
		uint64_t nr = 0;

		rc = race(c, way, &r, &nr);
		lost[i] = (double)nr;
		kept[i] = (double)r.kept;
		raced[i] = (double)c->nr_raced;
		longest[i] = (double)c->longest_ns / (double)NWB_MSEC;
		if (!rc && nr && way != FIRST_UNLOCKED)
			rc = nwb_err_set(c->err, -EIO,
					 "%s, racing: %.0f pages are lost",
					 ways[way].name, lost[i]);
	}
	if (rc)
		return rc;
	printf("%-7s %-24s %-22s %-13s %6.0f %6.0f %6.0f %8.1f  n=%u\n",
	       c->info.name, ways[way].name, ways[way].locks, word,
	       nwb_median(raced, c->rounds), nwb_median(lost, c->rounds),
	       nwb_median(kept, c->rounds), nwb_median(longest, c->rounds),
	       c->rounds);
	fflush(stdout);
	return 0;
}

/* --- all ------------------------------------------------------------------ */

static void cost_main(void *arg)
{
	struct cost *c = arg;

	c->rc = mount_it(c);
	if (c->rc)
		return;
	printf("%-7s %-31s %-8s %7s %9s %6s %9s\n", "", "8 MiB", "way",
	       "WRITEs", "KiB each", "others", "ms");
	for (size_t i = 0; i < NWB_ARRAY_SIZE(cells) && !c->rc; i++)
		c->rc = measure_cell(c, &cells[i]);
	if (!c->rc)
		printf("\n%-7s %-24s %-22s %-13s %6s %6s %6s %8s\n", "", "way",
		       "locks taken", "under a lock", "writes", "lost", "left",
		       "longest");
	for (unsigned int w = 0; w < NR_WAYS && !c->rc; w++)
		c->rc = object(c, (enum way)w);
	printf("\n");
	if (nwb_mount_close(c->mnt, c->f) && !c->rc)
		c->rc = nwb_err_set(c->err, -EIO, "close: an error is left");
	nwb_mount_free(c->mnt);
}

static int cost_server(const struct bench_cli *cli, const char *name,
		       struct nwb_err *err)
{
	struct nwb_server_opts so = {.name = name,
				     .isolation = cli->run.isolation,
				     .ctl_fd = -1,
				     .ledger_fd = -1};
	struct cost *c = nwb_zalloc(sizeof(*c));
	int rc;

	if (!c)
		return nwb_err_set(err, -ENOMEM, "no memory");
	c->err = err;
	c->rounds = cli->pairs;
	c->rnd = cli->run.seed;
	rc = nwb_server_start(&so, &c->srv, err);
	if (!rc) {
		bench_dialer_init(&c->dialer, c->srv);
		nwb_server_info(c->srv, &c->info);
		printf("%s %s, isolation %s\n", name, c->info.version,
		       c->info.isolation);
		rc = nwb_exec_real_new(NULL, &c->ex, err);
	}
	if (!rc)
		rc = nwb_exec_run(c->ex, cost_main, c, 0, err);
	if (!rc)
		rc = c->rc;
	if (c->ex)
		nwb_exec_free(c->ex);
	nwb_server_free(c->srv);
	nwb_free(c);
	return rc;
}

int bench_inval_cost(const struct bench_cli *c)
{
	static const char *const servers[] = {"smbd", "diod"};
	int code = NWB_EXIT_OK;

	for (size_t i = 0; i < NWB_ARRAY_SIZE(servers); i++) {
		struct nwb_err err = {0};

		if (c->has_server && strcmp(c->run.server, servers[i]) != 0)
			continue;
		if (!cost_server(c, servers[i], &err))
			continue;
		fprintf(stderr, "netwb: %s: %s\n", servers[i], err.text);
		code = NWB_EXIT_BROKEN;
	}
	return code;
}
