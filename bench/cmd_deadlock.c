/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb deadlock: a server that takes its memory from where the page cache of
 * its own client has it, as a FUSE server on a small machine does, and who stands
 * still of it.
 *
 *	page cache  |dddddddddddddddd|cccccccc|		nothing is free
 *	             all on its way    clean
 *	             to the server
 *	server       one thread: takes memory, answers one WRITE, keeps some
 *	                           └─► reclaim ─► folios under writeback: waits,
 *	                               passes over, or there are none (temp pages)
 *
 * A model (lib/netfs/budget.c) in virtual time: each choice follows from the
 * seed. The line that must stand still is KNOWN if it does and is detected, and
 * UNEXPECTED-PASS if not; a server that never ran out of memory is VACUOUS.
 */
#include "bench_i.h"
#include "cli.h"

#include "nwb/budget.h"
#include "nwb/mem.h"
#include "nwb/netfs_fs.h"
#include "nwb/wait.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE	   16384u /* of a WRITE, and what the server takes for it */
#define PIECES	   16u
#define DIRTY	   (PIECES * PIECE)
#define CLEAN	   (8u * PIECE)
#define KEPT	   4u /* pieces that the server does not give back */
#define STUCK_NS   (60 * NWB_SEC)
#define PATIENCE   (100 * NWB_SEC)
#define SKIPPED	   77
#define FILE_BYTES DIRTY /* the larger one */

struct deadlock_opts {
	uint64_t seed, spare;
	bool never_waits; /* reclaim of cgroup v2 */
};

static const struct row {
	enum nwb_wb_mode mode;
	bool has_flag;
} rows[] = {
	{NWB_IN_PLACE, false},
	{NWB_IN_PLACE, true},
	{NWB_TEMP_PAGE, false},
};

/* One line: a mount, its server and their memory. */
struct world {
	const struct deadlock_opts *o;
	const struct row *row;
	struct nwb_exec *ex;
	struct nwb_budget *budget;
	struct nwb_netfs *nf;
	struct nwb_mutex lock;
	struct nwb_waitq changed;
	struct nwb_list queue; /* struct request */
	unsigned int nr_queued;
	bool is_over;
	uint8_t disk[2][FILE_BYTES];
	/* what was seen */
	int rc;
	unsigned int nr_served, nr_short;
	uint64_t served_ns;
	bool is_stuck, is_wrong;
	char why[200];
};

/* Of one subrequest. */
struct request {
	struct nwb_list link;
};
static_assert(sizeof(struct request) <= NWB_SREQ_PRIV_BYTES,
	      "a request does not fit in a subrequest");
static_assert(FILE_BYTES >= CLEAN && FILE_BYTES >= DIRTY, "both files fit");

static struct world *world_of(const struct nwb_inode *inode)
{
	return nwb_netfs_fs_priv(nwb_inode_netfs(inode));
}

/* --- the server ----------------------------------------------------------- */

static int begin_writeback(struct nwb_io_request *rreq, uint32_t *ret_wsize)
{
	(void)rreq;
	*ret_wsize = PIECE;
	return 0;
}

static void issue_write(struct nwb_io_subrequest *sreq)
{
	struct world *w = world_of(nwb_rreq_inode(sreq->rreq));
	struct request *q = (struct request *)(void *)sreq->fs_priv;

	nwb_list_init(&q->link);
	nwb_mutex_lock(&w->lock);
	nwb_list_add_tail(&w->queue, &q->link);
	w->nr_queued++;
	nwb_waitq_wake_all(&w->changed);
	nwb_mutex_unlock(&w->lock);
}

static int flush(struct nwb_inode *inode, uint32_t *ret_instance)
{
	(void)inode;
	*ret_instance = 1;
	return 0;
}

static int set_size(struct nwb_inode *inode, uint64_t size)
{
	(void)inode;
	(void)size;
	return 0;
}

static ssize_t read_disk(struct nwb_inode *inode, uint64_t pos, void *buf,
			 size_t len)
{
	const uint8_t *disk = nwb_inode_fs_priv(inode);

	if (pos >= FILE_BYTES)
		return 0;
	len = nwb_min(len, (size_t)(FILE_BYTES - pos));
	memcpy(buf, disk + pos, len);
	return (ssize_t)len;
}

static const struct nwb_netfs_ops ops = {
	.name = "budget",
	.has_no_prepare = true,
	.begin_writeback = begin_writeback,
	.issue_write = issue_write,
	.flush = flush,
	.set_size = set_size,
	.read = read_disk,
};

/* The first in the queue; lock held, dropped and taken again. */
static void answer(struct world *w)
{
	struct request *q = nwb_list_first(&w->queue, struct request, link);
	struct nwb_io_subrequest *sreq =
		(struct nwb_io_subrequest
			 *)(void *)((char *)q -
				    offsetof(struct nwb_io_subrequest,
					     fs_priv));
	uint64_t start = sreq->start + sreq->transferred;
	size_t len = sreq->len - sreq->transferred;
	uint8_t *disk = nwb_inode_fs_priv(nwb_rreq_inode(sreq->rreq));
	struct nwb_iov_iter it;

	nwb_assert(start + len <= FILE_BYTES);
	nwb_list_del(&q->link);
	w->nr_queued--;
	nwb_iov_iter_init(&it, sreq->iov, sreq->nr_iov);
	(void)nwb_iov_copy_out(&it, disk + start, len);
	sreq->instance = 1;
	nwb_mutex_unlock(&w->lock);
	nwb_write_subrequest_terminated(sreq, (int64_t)len);
	nwb_mutex_lock(&w->lock);
}

/* Lock held, dropped and taken again. */
static void take_memory(struct world *w, unsigned int *held)
{
	bool is_short = nwb_budget_used(w->budget) + PIECE >
			DIRTY + CLEAN + w->o->spare;
	int rc;

	if (*held == KEPT)
		return;
	w->nr_short += is_short;
	nwb_mutex_unlock(&w->lock);
	rc = nwb_budget_charge(w->budget, PIECE);
	nwb_mutex_lock(&w->lock);
	*held += !rc;
}

static void server_main(void *arg)
{
	struct world *w = arg;
	unsigned int held = 0;

	nwb_mutex_lock(&w->lock);
	while (!w->is_over) {
		if (nwb_list_empty(&w->queue)) {
			(void)nwb_waitq_wait(&w->changed, &w->lock, NWB_NEVER);
			continue;
		}
		take_memory(w, &held);
		/* somebody else may have answered meanwhile */
		if (nwb_list_empty(&w->queue))
			continue;
		answer(w);
		w->nr_served++;
		w->served_ns = nwb_now_ns(w->ex);
	}
	nwb_mutex_unlock(&w->lock);
	nwb_budget_uncharge(w->budget, (uint64_t)held * PIECE);
}

/* --- the client ----------------------------------------------------------- */

static const uint8_t *content(void)
{
	static uint8_t bytes[DIRTY];

	for (unsigned int i = 0; i < DIRTY; i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	return bytes;
}

/* All of the memory: clean pages of one file, dirty ones of the other, and all
 * of those on their way. */
static int fill(struct world *w, struct nwb_file *f[2])
{
	static uint8_t clean[CLEAN];

	if (nwb_file_read(f[1], clean, CLEAN, 0) != CLEAN ||
	    nwb_file_write(f[0], content(), DIRTY, 0) != DIRTY)
		return -EIO;
	nwb_file_writeback(f[0]);
	nwb_mutex_lock(&w->lock);
	nwb_wait_event(&w->changed, &w->lock, w->nr_queued == PIECES);
	nwb_mutex_unlock(&w->lock);
	return 0;
}

/* The server's turn. If it stands still, all is answered for it, or nothing
 * could ever be taken down. */
static void watch(struct world *w)
{
	uint64_t begun = nwb_now_ns(w->ex);

	nwb_sleep_until(w->ex, begun + PATIENCE);
	w->is_stuck =
		nwb_budget_stuck(w->budget, STUCK_NS, w->why, sizeof(w->why));
	w->served_ns = w->nr_served ? w->served_ns - begun : 0;
	nwb_mutex_lock(&w->lock);
	while (!nwb_list_empty(&w->queue))
		answer(w);
	nwb_mutex_unlock(&w->lock);
}

static int work(struct world *w, struct nwb_inode *inode[2])
{
	struct nwb_task *server;
	struct nwb_file *f[2];
	unsigned int served;
	int rc = nwb_file_open(inode[0], &f[0]);

	if (rc)
		return rc;
	rc = nwb_file_open(inode[1], &f[1]);
	if (rc) {
		(void)!nwb_file_close(f[0], false);
		return rc;
	}
	rc = fill(w, f);
	if (!rc)
		rc = nwb_task_spawn(w->ex, "server", server_main, w, &server);
	if (!rc) {
		watch(w);
		served = w->nr_served;
		w->is_wrong = nwb_file_fsync(f[0]) != 0 ||
			      memcmp(w->disk[0], content(), DIRTY) != 0;
		nwb_mutex_lock(&w->lock);
		w->is_over = true;
		nwb_waitq_wake_all(&w->changed);
		nwb_mutex_unlock(&w->lock);
		nwb_task_join(server);
		w->nr_served = served;
	}
	for (unsigned int i = 0; i < 2; i++)
		(void)!nwb_file_close(f[i], false);
	return rc;
}

static int with_mount(struct world *w, struct nwb_err *err)
{
	const struct nwb_netfs_opts no = {
		.mode = w->row->mode,
		.writeback_may_deadlock = w->row->has_flag,
		.budget = w->budget,
		.cache_bytes = 2 * NWB_MIB,
		.temp_bytes = NWB_MIB,
		.folio_bytes_max = PIECE,
		.dirty_age_ns = 1000 * NWB_SEC,
		.dirty_kick_bytes = NWB_MIB,
	};
	struct nwb_inode *inode[2] = {NULL, NULL};
	int rc = nwb_netfs_new(w->ex, &no, &ops, w, NULL, &w->nf, err);

	for (unsigned int i = 0; !rc && i < 2; i++)
		rc = nwb_inode_new(w->nf, i + 1, w->disk[i], i ? CLEAN : 0,
				   &inode[i]);
	if (!rc)
		rc = work(w, inode);
	for (unsigned int i = 0; i < 2; i++)
		if (inode[i])
			nwb_inode_put(inode[i]);
	if (w->nf)
		nwb_netfs_free(w->nf);
	return rc;
}

static void world_main(void *arg)
{
	struct world *w = arg;
	struct nwb_err err = {0};

	nwb_mutex_init(&w->lock, w->ex, "server");
	nwb_waitq_init(&w->changed, w->ex, "server");
	nwb_list_init(&w->queue);
	w->rc = nwb_budget_new(w->ex, DIRTY + CLEAN + w->o->spare,
			       !w->o->never_waits, &w->budget);
	if (!w->rc)
		w->rc = with_mount(w, &err);
	nwb_budget_free(w->budget);
	if (w->rc)
		fprintf(stderr, "netwb: deadlock: %s\n",
			err.text[0] ? err.text : strerror(-w->rc));
}

/* --- verdict -------------------------------------------------------------- */

static bool must_stand_still(const struct world *w)
{
	return w->row->mode == NWB_IN_PLACE && !w->row->has_flag &&
	       !w->o->never_waits;
}

static enum nwb_verdict verdict(struct world *w)
{
	if (w->is_wrong) {
		snprintf(w->why, sizeof(w->why),
			 "O1 LOST: the server has not what was written");
		return NWB_FAIL;
	}
	if (!w->nr_short) {
		snprintf(w->why, sizeof(w->why),
			 "the server never ran out of memory");
		return NWB_VACUOUS;
	}
	if (w->nr_served == PIECES)
		return must_stand_still(w) ? NWB_UNEXPECTED_PASS : NWB_PASS;
	if (!w->is_stuck)
		snprintf(w->why, sizeof(w->why),
			 "O8 HANG, and nobody has noticed");
	return w->is_stuck && must_stand_still(w) ? NWB_KNOWN : NWB_FAIL;
}

static enum nwb_verdict tell(struct world *w)
{
	enum nwb_verdict v = verdict(w);

	printf("%-10s %-5s %2u of %u  ",
	       w->row->mode ? "temp-page" : "in-place",
	       w->row->has_flag ? "yes" : "no", w->nr_served, PIECES);
	if (w->nr_served == PIECES)
		printf("%8.3f s", (double)w->served_ns / (double)NWB_SEC);
	else
		printf("%10s", "-");
	printf("  %s%s%s%s\n", nwb_verdict_name(v), w->why[0] ? "  " : "",
	       w->is_stuck && !w->is_wrong ? "O8 HANG: " : "", w->why);
	return v;
}

/* Return: 0, -ENOTSUP: no simulation in this build, or another error. */
static int run_row(const struct deadlock_opts *o, const struct row *row,
		   enum nwb_verdict *ret_v)
{
	struct world *w = nwb_zalloc(sizeof(*w));
	struct nwb_err err = {0};
	int rc;

	if (!w)
		return -ENOMEM;
	w->o = o;
	w->row = row;
	rc = nwb_exec_sim_new(o->seed, &w->ex, &err);
	if (!rc)
		rc = nwb_exec_run(w->ex, world_main, w, 0, &err);
	if (rc && rc != -ENOTSUP)
		fprintf(stderr, "netwb: deadlock: %s\n", err.text);
	if (!rc)
		rc = w->rc;
	if (!rc)
		*ret_v = tell(w);
	if (w->ex)
		nwb_exec_free(w->ex);
	nwb_free(w);
	return rc;
}

/* --- the command ---------------------------------------------------------- */

static const char help[] =
	"usage: netwb deadlock [OPTIONS]\n\n"
	"A server of one thread takes its memory from where its client's page\n"
	"cache has it, when there is none left. In-place writeback without "
	"the\n"
	"mapping's flag (AS_WRITEBACK_MAY_DEADLOCK_ON_RECLAIM) stands still,\n"
	"which is KNOWN; with the flag, and with temp pages, it goes on. A\n"
	"model, in virtual time.\n\n"
	"  --reclaim WHOSE    v1: waits for writeback (default); v2: never\n"
	"                     does, and then nobody stands still\n"
	"  --spare SIZE       memory that is free at first (default 0);\n"
	"                     enough of it proves nothing, which is VACUOUS\n"
	"  --seed N           another order of events (default 1)\n"
	"  --help             this text\n\n"
	"Exit: 0 as it must be; 1 it is not, or nothing was shown; 3 bad\n"
	"usage; 77 this build has no simulation.\n";

static const struct option longopts[] = {
	{"reclaim", 1, NULL, 'r'}, {"spare", 1, NULL, 's'},
	{"seed", 1, NULL, 'n'},	   {"help", 0, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* Return: 0; 1: help was printed; -1: said what is wrong. */
static int parse(struct deadlock_opts *o, int argc, char **argv)
{
	int opt;

	optind = 1;
	while ((opt = getopt_long(argc, argv, "h", longopts, NULL)) != -1) {
		switch (opt) {
		case 'r':
			o->never_waits = !strcmp(optarg, "v2");
			if (!o->never_waits && strcmp(optarg, "v1"))
				return bench_bad_value("reclaim", optarg,
						       "v1 or v2");
			break;
		case 's':
			if (bench_parse_size(optarg, &o->spare) ||
			    o->spare > 1024 * NWB_MIB)
				return bench_bad_value("spare", optarg,
						       "a size, 1G at most");
			break;
		case 'n':
			if (bench_parse_size(optarg, &o->seed))
				return bench_bad_value("seed", optarg,
						       "not a number");
			break;
		case 'h':
			fputs(help, stdout);
			return 1;
		default:
			return bench_bad_option("deadlock");
		}
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "netwb: deadlock takes no \"%s\"\n", argv[optind]);
	return -1;
}

int bench_cmd_deadlock(int argc, char **argv)
{
	struct deadlock_opts o = {.seed = 1};
	enum nwb_verdict v[NWB_ARRAY_SIZE(rows)];
	int rc = parse(&o, argc, argv);

	if (rc)
		return rc < 0 ? NWB_EXIT_USAGE : NWB_EXIT_OK;
	printf("page cache: %u KiB on their way, %u KiB clean, %llu KiB free;\n"
	       "a server of one thread takes %u KiB of that for each WRITE "
	       "and\n"
	       "keeps %u KiB; reclaim as in cgroup %s. A model, virtual time,\n"
	       "seed %llu.\n\n%-10s %-5s %-9s %9s  %s\n",
	       DIRTY / 1024, CLEAN / 1024, (unsigned long long)o.spare / 1024,
	       PIECE / 1024, KEPT * PIECE / 1024, o.never_waits ? "v2" : "v1",
	       (unsigned long long)o.seed, "mode", "flag", "served", "after",
	       "verdict");
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(rows); i++) {
		rc = run_row(&o, &rows[i], &v[i]);
		if (rc == -ENOTSUP) {
			printf("SKIP: this build has no simulation\n");
			return SKIPPED;
		}
		if (rc)
			return NWB_EXIT_BROKEN;
	}
	return nwb_verdict_exit(v, NWB_ARRAY_SIZE(rows));
}
