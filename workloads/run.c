/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The measured window: writes and fsyncs of one prepared workload on one
 * subject, every operation an intent in the ledger. Nothing in here allocates
 * or logs.
 */
#include "workloads_i.h"

#include "nwb/mem.h"

/* A workload holds its file open once. */
#define THE_FD 1

/* One operation, in the ledger of the run and in that of the mirror. */
struct intent {
	struct nwb_lrec *rec, *mirror; /* NULL: not recorded */
};

static struct intent intent(const struct nwb_workload *w, uint16_t kind,
			    const struct nwb_write_op *op)
{
	struct nwb_lrec rec = {
		.kind = kind,
		.file = w->opts.file_id,
		.fd = THE_FD,
	};

	struct intent in = {NULL, NULL};

	if (op) {
		rec.off = op->off;
		rec.len = op->len;
		rec.version = op->version;
	}
	if (w->opts.ledger)
		in.rec = nwb_ledger_begin(w->opts.ledger, &rec);
	if (w->opts.mirror)
		in.mirror = nwb_ledger_begin(w->opts.mirror, &rec);
	return in;
}

static void end_in(struct nwb_ledger *l, struct nwb_lrec *rec, int64_t result)
{
	if (!rec)
		return;
	rec->result = result;
	nwb_ledger_end(l, rec);
}

static void intent_end(const struct nwb_workload *w, const struct intent *in,
		       int64_t result)
{
	end_in(w->opts.ledger, in->rec, result);
	end_in(w->opts.mirror, in->mirror, result);
}

/* Of what promises: the mirror keeps its own promise, or none. */
static void intent_kept(const struct nwb_workload *w, const struct intent *in,
			int64_t result, int64_t mirror)
{
	end_in(w->opts.ledger, in->rec, result);
	end_in(w->opts.mirror, in->mirror, mirror);
}

static int mirror_error(struct nwb_subject *s)
{
	return s->ops->mirror_error ? s->ops->mirror_error(s) : 0;
}

int nwb_workload_fsync(struct nwb_workload *w, struct nwb_subject *s)
{
	struct intent in = intent(w, NWB_L_FSYNC, NULL);
	int err = s->ops->fsync(s);

	intent_kept(w, &in, err, mirror_error(s));
	return err;
}

ssize_t nwb_workload_write(struct nwb_workload *w, struct nwb_subject *s,
			   const struct nwb_write_op *op)
{
	struct intent in = intent(w, NWB_L_WRITE, op);
	ssize_t n = s->ops->write(s, op->buf, op->len, op->off);

	intent_end(w, &in, n);
	return n;
}

static void note_error(struct nwb_workload_result *res, int64_t err)
{
	if (err < 0 && !res->first_error)
		res->first_error = (int)err;
}

/* What is measured: from the first write, or from the end of a pause, to the
 * next pause or the end. */
struct stretch {
	uint64_t (*cpu_ns)(void);
	uint64_t start, cpu;
};

static uint64_t stretch_begin(struct stretch *t, struct nwb_exec *ex)
{
	t->cpu = t->cpu_ns ? t->cpu_ns() : 0;
	t->start = nwb_now_ns(ex);
	return t->start;
}

static void stretch_end(const struct stretch *t, struct nwb_exec *ex,
			struct nwb_workload_result *res)
{
	res->durable_ns += nwb_now_ns(ex) - t->start;
	res->client_cpu_ns += t->cpu_ns ? t->cpu_ns() - t->cpu : 0;
}

static void run_ops(struct nwb_workload *w, struct nwb_subject *s,
		    struct stretch *t, struct nwb_workload_result *res)
{
	uint64_t per_fsync = NWB_DIV_ROUND_UP(w->nr_ops, w->opts.fsyncs);
	uint64_t before, after = stretch_begin(t, s->ex);

	for (uint64_t i = 0; i < w->nr_ops; i++) {
		const struct nwb_write_op *op = &w->ops[i];
		ssize_t n;

		before = after;
		n = nwb_workload_write(w, s, op);
		after = nwb_now_ns(s->ex);
		nwb_hist_record(&res->write_lat, after - before);
		note_error(res, n);
		if (n > 0)
			res->bytes += (uint64_t)n;
		if ((i + 1) % per_fsync && i + 1 < w->nr_ops)
			continue;
		before = after;
		note_error(res, nwb_workload_fsync(w, s));
		after = nwb_now_ns(s->ex);
		nwb_hist_record(&res->fsync_lat, after - before);
		if (!w->opts.pause || i + 1 == w->nr_ops)
			continue;
		stretch_end(t, s->ex, res);
		w->opts.pause(w->opts.pause_arg);
		after = stretch_begin(t, s->ex);
	}
	stretch_end(t, s->ex, res);
}

int nwb_workload_open(struct nwb_workload *w, struct nwb_subject *s,
		      struct nwb_workload_result *ret, struct nwb_err *err)
{
	struct intent in = intent(w, NWB_L_OPEN, NULL);
	int rc = s->ops->open(s, w->opts.file, w->opts.file_id, 0, err);

	intent_end(w, &in, rc);
	if (rc)
		return nwb_err_wrap(err, rc, "open %s", w->opts.file);
	ret->bytes = 0;
	ret->first_error = 0;
	ret->close_error = 0;
	nwb_hist_init(&ret->write_lat);
	nwb_hist_init(&ret->fsync_lat);
	return 0;
}

int nwb_workload_run(struct nwb_workload *w, struct nwb_subject *s,
		     uint64_t (*cpu_ns)(void), struct nwb_workload_result *ret,
		     struct nwb_err *err)
{
	struct stretch t = {.cpu_ns = cpu_ns};
	uint64_t allocs;
	int rc = nwb_workload_open(w, s, ret, err);

	if (rc)
		return rc;
	allocs = nwb_mem_count();
	ret->durable_ns = 0;
	ret->client_cpu_ns = 0;
	run_ops(w, s, &t, ret);
	ret->nr_allocs = nwb_mem_count() - allocs;
	return 0;
}

void nwb_workload_close(struct nwb_workload *w, struct nwb_subject *s,
			struct nwb_workload_result *ret)
{
	struct intent in = intent(w, NWB_L_CLOSE, NULL);

	ret->close_error = s->ops->close(s);
	/* of a mirror it promises nothing */
	intent_kept(w, &in, ret->close_error, 0);
}
