/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * File operations. Each is announced before its system call and told after it,
 * with the errno that the call gave: nothing is repeated, nothing is made up
 * for (a short write stays short), for what the kernel says is what is judged.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOUND_MAX 64u
#define VERIFY_AT 1048576u

void op_begin(struct task *t, struct nwb_chan_op *op)
{
	op->id = atomic_fetch_add(&t->w->next_id, 1) + 1;
	op->thread = t->nr;
	op->result = 0;
	out_op(NWB_CHAN_OP_BEGIN, op);
	trace_mark('B', op);
}

void op_end(struct task *t, struct nwb_chan_op *op, int64_t result)
{
	op->result = result;
	trace_mark('E', op);
	out_op(NWB_CHAN_OP_END, op);
	if (result >= 0)
		return;
	atomic_fetch_add(&t->w->failed, 1);
	if (atomic_load(&t->w->stops_on_error))
		work_fail(t->w, 1, "%s: %s", nwb_chan_op_name(op->op),
			  strerror((int)-result));
}

/* --- helpers -------------------------------------------------------------- */

static uint8_t *room(struct task *t, size_t len)
{
	size_t size = NWB_ROUND_UP(len, (size_t)4096);

	if (size > t->size) {
		free(t->buf);
		t->size = 0;
		t->buf = aligned_alloc(4096, size);
		if (t->buf)
			t->size = size;
		else
			work_fail(t->w, 1, "no memory for %zu bytes", len);
	}
	return t->buf;
}

static struct open_file *opened(struct task *t, const struct job_verb *v)
{
	struct open_file *of = &t->w->open[v->fd];

	if (of->fd >= 0)
		return of;
	work_fail(t->w, 1, "line %u: descriptor %u is not open", v->line,
		  v->fd);
	return NULL;
}

static uint16_t flags_of(int flags)
{
	uint16_t f = 0;

	if (flags & (O_SYNC | O_DSYNC))
		f |= NWB_CHAN_F_SYNC;
	if (flags & O_DIRECT)
		f |= NWB_CHAN_F_DIRECT;
	if (flags & O_CREAT)
		f |= NWB_CHAN_F_CREATE;
	if (flags & O_TRUNC)
		f |= NWB_CHAN_F_TRUNC;
	return f;
}

static struct nwb_chan_op op_of(const struct job_verb *v,
				const struct open_file *of,
				enum nwb_chan_opcode code)
{
	return (struct nwb_chan_op){
		.op = code,
		.fd = (uint16_t)v->fd,
		.file = (uint16_t)of->file,
		.flags = flags_of(of->flags) &
			 (NWB_CHAN_F_SYNC | NWB_CHAN_F_DIRECT),
	};
}

static uint32_t next_version(struct task *t, unsigned int file)
{
	return atomic_fetch_add(&t->w->file[file].version, 1) + 1;
}

static int64_t or_errno(int64_t rc)
{
	return rc < 0 ? -errno : rc;
}

/* Nothing behind it may count on what was there. */
static void lost_all_behind(struct task *t, unsigned int file, uint64_t off,
			    bool is_unknown)
{
	owed_add(t->w, file, off, (uint64_t)INT64_MAX - off, 0, is_unknown);
}

/* --- open, close, truncate ------------------------------------------------ */

/* O_TRUNC is a truncation too, and whoever judges knows only those. */
static void do_open(struct task *t, const struct job_verb *v)
{
	struct open_file *of = &t->w->open[v->fd];
	struct nwb_chan_op op = {
		.op = NWB_CHAN_OP_OPEN,
		.flags = flags_of(v->flags),
		.file = (uint16_t)v->file,
		.fd = (uint16_t)v->fd,
	};
	struct nwb_chan_op cut = {
		.op = NWB_CHAN_OP_TRUNCATE,
		.file = op.file,
		.fd = op.fd,
	};
	bool is_cut = v->flags & O_TRUNC;
	struct stat st;

	if (of->fd >= 0) {
		work_fail(t->w, 1, "line %u: descriptor %u is open already",
			  v->line, v->fd);
		return;
	}
	if (is_cut) {
		op.version = cut.version = next_version(t, v->file);
		op_begin(t, &cut);
	}
	op_begin(t, &op);
	of->fd = open(t->w->job.path[v->file], v->flags | O_CLOEXEC, 0644);
	op_end(t, &op, or_errno(of->fd) < 0 ? -errno : 0);
	if (is_cut) {
		op_end(t, &cut, op.result);
		lost_all_behind(t, v->file, 0, of->fd < 0);
	}
	of->file = v->file;
	of->flags = v->flags;
	if (of->fd >= 0 && !fstat(of->fd, &st))
		atomic_store(&t->w->file[v->file].end, (uint64_t)st.st_size);
}

static void do_close(struct task *t, const struct job_verb *v)
{
	struct open_file *of = opened(t, v);
	struct nwb_chan_op op;
	int fd;

	if (!of)
		return;
	op = op_of(v, of, NWB_CHAN_OP_CLOSE);
	fd = of->fd;
	op_begin(t, &op);
	of->fd = -1;
	op_end(t, &op, or_errno(close(fd)));
}

static void do_truncate(struct task *t, const struct job_verb *v)
{
	struct open_file *of = opened(t, v);
	struct nwb_chan_op op;

	if (!of)
		return;
	op = op_of(v, of, NWB_CHAN_OP_TRUNCATE);
	op.off = v->nr;
	op.version = next_version(t, of->file);
	op_begin(t, &op);
	op_end(t, &op, or_errno(ftruncate(of->fd, (off_t)v->nr)));
	lost_all_behind(t, of->file, v->nr, op.result < 0);
	if (!op.result)
		atomic_store(&t->w->file[of->file].end, v->nr);
}

static void do_unlink(struct task *t, const struct job_verb *v)
{
	struct nwb_chan_op op = {
		.op = NWB_CHAN_OP_UNLINK,
		.file = (uint16_t)v->file,
	};

	op_begin(t, &op);
	op_end(t, &op, or_errno(unlink(t->w->job.path[v->file])));
	lost_all_behind(t, v->file, 0, op.result < 0);
}

/* --- fsync and its kin ---------------------------------------------------- */

static void do_sync(struct task *t, const struct job_verb *v)
{
	struct open_file none = {.fd = -1}, *of = &none;
	struct nwb_chan_op op;

	if (v->kind != JOB_SYNC)
		of = opened(t, v);
	if (!of)
		return;
	switch (v->kind) {
	case JOB_FSYNC:
		op = op_of(v, of, NWB_CHAN_OP_FSYNC);
		op_begin(t, &op);
		op_end(t, &op, or_errno(fsync(of->fd)));
		break;
	case JOB_FDATASYNC:
		op = op_of(v, of, NWB_CHAN_OP_FDATASYNC);
		op_begin(t, &op);
		op_end(t, &op, or_errno(fdatasync(of->fd)));
		break;
	case JOB_SYNCFS:
		op = op_of(v, of, NWB_CHAN_OP_SYNCFS);
		op_begin(t, &op);
		op_end(t, &op, or_errno(syncfs(of->fd)));
		break;
	default:
		op = op_of(v, of, NWB_CHAN_OP_SYNC);
		op_begin(t, &op);
		sync();
		op_end(t, &op, 0);
	}
}

/* --- mappings ------------------------------------------------------------- */

static __thread sigjmp_buf bus_jump;
static __thread volatile sig_atomic_t is_bus_minded;

static void on_bus(int sig)
{
	if (is_bus_minded)
		siglongjmp(bus_jump, 1);
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Pages around [@off, @off + @len). Return: address of @off, or NULL. */
static uint8_t *map(int fd, uint64_t off, uint64_t len, size_t *ret_skip)
{
	size_t skip = off % 4096;
	void *p = mmap(NULL, len + skip, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       (off_t)(off - skip));

	*ret_skip = skip;
	return p == MAP_FAILED ? NULL : (uint8_t *)p + skip;
}

static int64_t store(int fd, uint64_t off, const void *from, size_t len)
{
	const struct sigaction sa = {.sa_handler = on_bus};
	volatile int64_t rc = (int64_t)len;
	size_t skip;
	uint8_t *to = map(fd, off, len, &skip);

	if (!to)
		return -errno;
	sigaction(SIGBUS, &sa, NULL);
	is_bus_minded = 1;
	if (!sigsetjmp(bus_jump, 1))
		memcpy(to, from, len);
	else
		rc = -EFAULT;
	is_bus_minded = 0;
	munmap(to - skip, len + skip);
	return rc;
}

static void do_msync(struct task *t, const struct job_verb *v)
{
	struct open_file *of = opened(t, v);
	struct nwb_chan_op op;
	size_t skip;
	uint8_t *at;

	if (!of)
		return;
	op = op_of(v, of, NWB_CHAN_OP_MSYNC);
	op.off = v->r.off;
	op.len = v->r.len;
	op_begin(t, &op);
	at = map(of->fd, op.off, op.len, &skip);
	if (!at) {
		op_end(t, &op, -errno);
		return;
	}
	op_end(t, &op, or_errno(msync(at - skip, op.len + skip, MS_SYNC)));
	munmap(at - skip, op.len + skip);
}

/* --- writes --------------------------------------------------------------- */

static void write_one(struct task *t, const struct job_verb *v,
		      const struct open_file *of, uint64_t off, uint64_t len)
{
	bool is_store = v->kind == JOB_STORE;
	struct nwb_chan_op op =
		op_of(v, of, is_store ? NWB_CHAN_OP_STORE : NWB_CHAN_OP_WRITE);
	struct file *f = &t->w->file[of->file];
	uint8_t *buf = room(t, len);
	int64_t rc;

	if (!buf)
		return;
	op.off = off;
	op.len = len;
	op.version = next_version(t, of->file);
	if (v->kind == JOB_APPEND)
		op.flags |= NWB_CHAN_F_APPEND;
	nwb_stamp_fill(&t->w->key, (uint16_t)of->file, op.version, off, buf,
		       len);
	op_begin(t, &op);
	if (is_store)
		rc = store(of->fd, off, buf, len);
	else if (v->kind == JOB_APPEND && (of->flags & O_APPEND))
		rc = or_errno(write(of->fd, buf, len));
	else
		rc = or_errno(pwrite(of->fd, buf, len, (off_t)off));
	op_end(t, &op, rc);
	if (rc > 0) {
		owed_add(t->w, of->file, off, (uint64_t)rc, op.version, false);
		if (off + (uint64_t)rc > atomic_load(&f->end))
			atomic_store(&f->end, off + (uint64_t)rc);
	}
	if (rc < (int64_t)len)
		owed_add(t->w, of->file, off + (uint64_t)nwb_max(rc, 0L),
			 len - (uint64_t)nwb_max(rc, 0L), op.version, true);
}

static void do_write(struct task *t, const struct job_verb *v)
{
	struct open_file *of = opened(t, v);
	struct job_verb sync = *v;

	sync.kind = JOB_FSYNC;
	for (uint64_t i = 0; of && i < v->r.count; i++) {
		uint64_t off = v->r.off + job_at(&v->r, i) * v->r.step;

		if (atomic_load(&t->w->is_over) || out_is_stopped())
			break;
		if (v->kind == JOB_APPEND)
			off = atomic_load(&t->w->file[of->file].end);
		write_one(t, v, of, off, v->r.len);
		if (v->r.fsync_every && (i + 1) % v->r.fsync_every == 0)
			do_sync(t, &sync);
	}
}

/* --- reads ---------------------------------------------------------------- */

struct finder {
	const struct nwb_chan_op *op;
	unsigned int nr;
	uint32_t newest;
};

void ops_found(uint32_t id, const struct nwb_stamp_run *run)
{
	struct nwb_chan_found it = {
		.id = id,
		.kind = run->kind == NWB_STAMP_LANES  ? NWB_CHAN_FOUND_STAMP
			: run->kind == NWB_STAMP_ZERO ? NWB_CHAN_FOUND_ZERO
						      : NWB_CHAN_FOUND_PARTIAL,
		.off = run->offset,
		.len = run->len,
		.origin = run->offset,
	};
	uint8_t buf[128];

	if (run->kind == NWB_STAMP_LANES) {
		it.file = run->lane.file;
		it.version = run->lane.version;
		it.origin = run->lane.offset;
	} else if (run->kind == NWB_STAMP_PARTIAL) {
		memcpy(it.raw, run->raw, sizeof(it.raw));
	}
	out_rec(NWB_CHAN_FOUND, buf, nwb_chan_put_found(&it, buf));
}

static int found(void *arg, const struct nwb_stamp_run *run)
{
	struct finder *f = arg;

	if (run->kind == NWB_STAMP_LANES)
		f->newest = nwb_max(f->newest, run->lane.version);
	if (f->nr++ < FOUND_MAX)
		ops_found(f->op->id, run);
	return 0;
}

/* Return: bytes, or -errno; what was read stands in t->buf. */
static int64_t read_one(struct task *t, const struct job_verb *v,
			const struct open_file *of, uint64_t off, uint64_t len,
			uint16_t flags)
{
	struct nwb_chan_op op = op_of(v, of, NWB_CHAN_OP_READ);
	struct finder f = {.op = &op};
	uint8_t *buf = room(t, len);
	int64_t rc;

	if (!buf)
		return -ENOMEM;
	op.off = off;
	op.len = len;
	op.flags |= flags;
	op_begin(t, &op);
	rc = or_errno(pread(of->fd, buf, len, (off_t)off));
	if (rc > 0 && t->w->job.has_key)
		(void)nwb_stamp_scan(&t->w->key, off, buf, (size_t)rc, found,
				     &f);
	op.version = f.newest;
	if (f.nr > FOUND_MAX)
		op.flags |= NWB_CHAN_F_CUT;
	op_end(t, &op, rc);
	return rc;
}

static void do_read(struct task *t, const struct job_verb *v)
{
	struct open_file *of = opened(t, v);

	for (uint64_t i = 0; of && i < v->r.count; i++) {
		if (atomic_load(&t->w->is_over) || out_is_stopped())
			break;
		(void)read_one(t, v, of,
			       v->r.off + job_at(&v->r, i) * v->r.step,
			       v->r.len, 0);
	}
}

static void do_verify(struct task *t, const struct job_verb *v)
{
	struct open_file *of = opened(t, v);
	uint64_t off = 0, at, want;
	bool is_known;
	int64_t n = 1;

	while (of && n > 0 && !atomic_load(&t->w->is_over)) {
		n = read_one(t, v, of, off, VERIFY_AT, NWB_CHAN_F_VERIFY);
		if (n > 0 &&
		    owed_differs(t->w, of->file, off, t->buf, (size_t)n, &at)) {
			work_fail(t->w, 1,
				  "verify: file %u differs at offset %llu",
				  of->file, (unsigned long long)at);
			return;
		}
		off += (uint64_t)nwb_max(n, 0L);
	}
	if (!of)
		return;
	if (n < 0) {
		work_fail(t->w, 1, "verify: read at %llu: %s",
			  (unsigned long long)off, strerror((int)-n));
		return;
	}
	want = owed_end(t->w, of->file, &is_known);
	if (is_known && off != want)
		work_fail(t->w, 1,
			  "verify: file %u has %llu bytes instead of %llu",
			  of->file, (unsigned long long)off,
			  (unsigned long long)want);
}

bool ops_run(struct task *t, const struct job_verb *v)
{
	switch (v->kind) {
	case JOB_OPEN:
		do_open(t, v);
		break;
	case JOB_WRITE:
	case JOB_APPEND:
	case JOB_STORE:
		do_write(t, v);
		break;
	case JOB_MSYNC:
		do_msync(t, v);
		break;
	case JOB_READ:
		do_read(t, v);
		break;
	case JOB_VERIFY:
		do_verify(t, v);
		break;
	case JOB_FSYNC:
	case JOB_FDATASYNC:
	case JOB_SYNCFS:
	case JOB_SYNC:
		do_sync(t, v);
		break;
	case JOB_TRUNCATE:
		do_truncate(t, v);
		break;
	case JOB_CLOSE:
		do_close(t, v);
		break;
	case JOB_UNLINK:
		do_unlink(t, v);
		break;
	default:
		return false;
	}
	return true;
}
