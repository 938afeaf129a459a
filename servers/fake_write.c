/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of a WRITE, and a crash.
 *
 *	arrives ─► reset before? fail? ─► parked? ─────────► applied ─► answer
 *	                                    │ queued             │
 *	                                    ▼                    ├► reset after
 *	                                  running ─ due ─► ──────┘► crash
 */
#include "fake_i.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void apply(struct fake_op *op, struct nwb_fake *f, const void *data)
{
	int rc;

	if (op->code)
		return;
	rc = nwb_fake_file_write(f, op->file, op->offset, data, op->count);
	if (rc)
		op->code = f->proto->no_space;
}

/* It is applied: end the connection, the server, or answer. */
static void finish(struct nwb_fake *f, struct fake_op *op)
{
	if (op->crash)
		nwb_fake_crash_locked(f);
	else if (!op->conn)
		return;
	else if (op->reset_after)
		nwb_fake_kill_conn(op->conn, true);
	else
		f->proto->write_done(op->conn, op);
}

static struct nwb_fake_fate ask(struct nwb_fake *f, const char *name,
				bool is_flush, uint64_t nr, uint64_t offset,
				uint32_t len)
{
	struct nwb_fake_asked a = {.name = name,
				   .is_flush = is_flush,
				   .nr = nr,
				   .offset = offset,
				   .len = len};
	struct nwb_fake_fate fate = {0};

	if (f->opts.decide)
		f->opts.decide(f->opts.arg, &a, &fate);
	return fate;
}

/* What opts.decide says. Return: as decide(). */
static bool take_fate(struct nwb_fake *f, struct fake_op *op, uint64_t n)
{
	struct nwb_fake_fate x =
		ask(f, op->file->name, false, n, op->offset, op->count);

	if (x.reset_before) {
		f->stats.nr_faults++;
		nwb_fake_kill_conn(op->conn, true);
		return false;
	}
	op->reset_after |= x.reset_after;
	op->crash |= x.crash;
	op->code = x.code ? x.code : op->code;
	op->ack_delay += x.ack_delay_ns;
	op->park += x.park_ns;
	if (x.short_to && x.short_to < op->count)
		op->count = x.short_to;
	else
		x.short_to = 0;
	if (x.zero)
		op->count = 0;
	if (x.reset_after || x.crash || x.code || x.short_to || x.zero ||
	    x.ack_delay_ns || x.park_ns)
		f->stats.nr_faults++;
	return true;
}

/* Numbers and fields of struct nwb_fake_faults. Return: false when the write
 * is not to be looked at any further. */
static bool decide(struct nwb_fake *f, struct fake_op *op)
{
	const struct nwb_fake_faults *ft = &f->faults;
	uint64_t n = ++f->stats.nr_writes;
	uint64_t fired = f->stats.nr_faults;

	if (n == ft->reset_at) {
		f->stats.nr_faults++;
		op->reset_after = ft->reset_after;
		if (!ft->reset_after) {
			nwb_fake_kill_conn(op->conn, true);
			return false;
		}
	}
	op->crash = n == ft->crash_at;
	if (ft->fail_at && n >= ft->fail_at &&
	    n - ft->fail_at < nwb_max(ft->fail_times, (uint64_t)1))
		op->code = ft->fail_code;
	if (ft->short_at && n >= ft->short_at &&
	    n - ft->short_at < nwb_max(ft->short_times, (uint64_t)1) &&
	    ft->short_count < op->count) {
		op->count = ft->short_count;
		f->stats.nr_faults++;
	}
	if (ft->ack_delay_ns && n % nwb_max(ft->ack_delay_every, 1ul) == 0)
		op->ack_delay = ft->ack_delay_ns;
	if (!ft->park_at || n == ft->park_at) {
		op->park = ft->park_ns;
		if (ft->scatter_ns)
			op->park += nwb_random_u64(f->ex) % ft->scatter_ns;
	}
	if (op->crash || op->code || op->ack_delay || op->park)
		f->stats.nr_faults = fired + 1;
	return take_fate(f, op, n);
}

static void run_queued(struct nwb_fake *f)
{
	struct fake_op *op;

	nwb_list_for_each_entry (op, &f->parked, link) {
		if (f->nr_running >= f->opts.nr_workers)
			break;
		if (op->is_running)
			continue;
		op->is_running = true;
		op->due = nwb_now_ns(f->ex) + op->park;
		f->nr_running++;
	}
}

static void park(struct nwb_fake *f, const struct fake_op *op, const void *data)
{
	struct fake_op *copy = malloc(sizeof(*copy) + op->count);

	nwb_assert(copy);
	*copy = *op;
	if (op->count)
		memcpy(copy->data, data, op->count);
	nwb_list_add_tail(&f->parked, &copy->link);
	f->proto->write_begin(copy->conn, copy);
	run_queued(f);
	nwb_waitq_wake_all(&f->disk_wake);
}

void nwb_fake_write(struct fake_op *op, const void *data)
{
	struct nwb_fake *f = op->conn->fake;

	if (!decide(f, op))
		return;
	if (op->park) {
		park(f, op, data);
		return;
	}
	apply(op, f, data);
	if (op->ack_delay && !op->crash && !op->reset_after)
		f->proto->write_begin(op->conn, op);
	finish(f, op);
}

int64_t nwb_fake_flush(struct fake_op *op)
{
	struct fake_conn *c = op->conn;
	struct fake_file *file = op->file;
	struct nwb_fake *f = c->fake;
	uint64_t n = ++f->stats.nr_flushes;
	struct nwb_fake_fate x = ask(f, file->name, true, n, 0, 0);

	op->ack_delay = x.ack_delay_ns;
	if (x.crash || x.code || x.reset_before || x.reset_after ||
	    x.ack_delay_ns)
		f->stats.nr_faults++;
	if (x.crash) {
		nwb_fake_crash_locked(f);
		return -1;
	}
	if (x.code)
		return x.code;
	if (x.reset_before) {
		nwb_fake_kill_conn(c, true);
		return -1;
	}
	if (n == f->faults.crash_at_flush) {
		f->stats.nr_faults++;
		nwb_fake_crash_locked(f);
		return -1;
	}
	if (n == f->faults.flush_fail_at) {
		f->stats.nr_faults++;
		return f->faults.flush_fail_code;
	}
	if (nwb_fake_file_sync(file))
		return f->proto->no_space;
	nwb_fake_event(f, NWB_FAKE_SYNCED, file->name,
		       nwb_fake_file_size(file));
	if (!x.reset_after)
		return 0;
	nwb_fake_kill_conn(c, true);
	return -1;
}

static void op_free(struct nwb_fake *f, struct fake_op *op)
{
	nwb_list_del(&op->link);
	if (op->is_running)
		f->nr_running--;
	free(op);
}

void nwb_fake_drop_ops(struct fake_conn *c)
{
	struct nwb_fake *f = c->fake;
	struct fake_op *op, *n;

	nwb_list_for_each_entry_safe (op, n, &f->parked, link) {
		if (op->conn != c)
			continue;
		if (op->is_running && f->proto->survives)
			op->conn = NULL;
		else
			op_free(f, op);
	}
	run_queued(f);
}

void nwb_fake_crash_locked(struct nwb_fake *f)
{
	struct fake_conn *c;
	struct fake_file *file;
	struct fake_op *op, *n;

	/* Before the connections, so that nothing survives them. */
	nwb_list_for_each_entry_safe (op, n, &f->parked, link)
		op_free(f, op);
	nwb_list_for_each_entry (c, &f->conns, link)
		nwb_fake_kill_conn(c, true);
	nwb_list_for_each_entry (file, &f->files, link)
		nwb_fake_file_revert(file);
	f->stats.instance++;
	nwb_fake_event(f, NWB_FAKE_CRASHED, NULL, f->stats.instance);
	f->down_until = nwb_now_ns(f->ex) + f->faults.down_ns;
}

/* The running write that is due first, NULL when none runs. */
static struct fake_op *first_due(struct nwb_fake *f)
{
	struct fake_op *op, *best = NULL;

	nwb_list_for_each_entry (op, &f->parked, link)
		if (op->is_running && (!best || op->due < best->due))
			best = op;
	return best;
}

/* Take it out first: what follows may end its connection or crash the server,
 * which frees all parked writes. */
static void complete(struct nwb_fake *f, struct fake_op *op)
{
	nwb_list_del(&op->link);
	f->nr_running--;
	apply(op, f, op->data);
	finish(f, op);
	free(op);
	run_queued(f);
}

void nwb_fake_disk_task(void *arg)
{
	struct nwb_fake *f = arg;
	struct fake_op *op;

	nwb_mutex_lock(&f->lock);
	while (!f->is_stopping) {
		op = first_due(f);
		if (op && op->due <= nwb_now_ns(f->ex))
			complete(f, op);
		else
			(void)nwb_waitq_wait(&f->disk_wake, &f->lock,
					     op ? op->due : NWB_NEVER);
	}
	nwb_mutex_unlock(&f->lock);
}
