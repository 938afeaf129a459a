/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A FUSE server in the guest, for the guest's own kernel to write back to: a
 * flat directory of files in memory, that can be slow, fail, be full or hang.
 *
 *	worker ── write(2) ── kernel: page cache ── /dev/fuse ── this process
 *	  │ OP_BEGIN, OP_END                          EFFECT_BEGIN, EFFECT_END
 *	  └────────────────── channel ───────────────────┘
 *
 * It is a process of its own: a thread of the worker would wait for the very
 * lock of the address space that a store into a mapping holds while it waits
 * for the server. It tells what it is asked to write, before and after it does,
 * by the same channel, so the guest's numbers order both sides.
 *
 * It can also lie, so that what judges it is seen to notice: lose=N acks the
 * Nth WRITE and forgets it, cut=N cuts the file in half after it, tear=N takes
 * the first half of each of its pages from before it.
 */
#define FUSE_USE_VERSION 314
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NODES	  16u /* the root is number 1 */
#define SIZE_MAX_ (256 * NWB_MIB)
#define THREADS	  32u

struct node {
	char name[64];
	uint8_t *data;
	size_t size, room;
	unsigned int file; /* number of the job, 0: none */
	bool is_used;
};

/* Both processes'. */
struct shared {
	_Atomic int ready;	  /* 0: not yet; 1: mounted; negative errno */
	_Atomic bool is_released; /* of the option hang= */
	_Atomic bool hangs;	  /* by order */
	_Atomic int error;	  /* by order: of WRITEs; 0: none */
	_Atomic int64_t spared;	  /* so many of them still go well */
};

static struct {
	struct shared *shared;
	pthread_mutex_t lock;
	struct node node[NODES + 1];
	struct worker *w;
	bool has_writeback;
	uint64_t delay_ms, fail_at, hang_at, capacity;
	uint64_t lose_at, cut_at, tear_at, max_write;
	_Atomic uint64_t nr_writes;
	_Atomic uint32_t next_id;
} fs = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.capacity = SIZE_MAX_,
};

static const double for_ever = 1e6; /* seconds: nobody else changes anything */

static void fill_stat(fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){
		.st_ino = ino,
		.st_nlink = 1,
		.st_mode =
			ino == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644,
		.st_size = (off_t)fs.node[ino].size,
		.st_blksize = 4096,
	};
}

static fuse_ino_t find(const char *name)
{
	for (fuse_ino_t i = FUSE_ROOT_ID + 1; i <= NODES; i++)
		if (fs.node[i].is_used && !strcmp(fs.node[i].name, name))
			return i;
	return 0;
}

static unsigned int file_of(const char *name)
{
	for (unsigned int i = 1; i < JOB_FILES; i++) {
		const char *path = fs.w->job.path[i];
		const char *slash = path ? strrchr(path, '/') : NULL;

		if (slash && !strcmp(slash + 1, name))
			return i;
	}
	return 0;
}

/* --- what is told ---------------------------------------------------------- */

static int found(void *arg, const struct nwb_stamp_run *run)
{
	const uint32_t *id = arg;

	ops_found(*id, run);
	return 0;
}

static struct nwb_chan_op begin(enum nwb_chan_opcode code, fuse_ino_t ino,
				uint64_t off, const void *buf, size_t len)
{
	struct nwb_chan_op op = {
		.op = code,
		.id = NWB_CHAN_EFFECT_ID |
		      (atomic_fetch_add(&fs.next_id, 1) + 1),
		.file = (uint16_t)fs.node[ino].file,
		.off = off,
		.len = len,
	};

	out_op(NWB_CHAN_EFFECT_BEGIN, &op);
	if (buf && fs.w->job.has_key)
		(void)nwb_stamp_scan(&fs.w->key, off, buf, len, found, &op.id);
	return op;
}

static void end(struct nwb_chan_op *op, int64_t result)
{
	op->result = result;
	out_op(NWB_CHAN_EFFECT_END, op);
}

/* --- operations ------------------------------------------------------------ */

static void do_init(void *arg, struct fuse_conn_info *c)
{
	(void)arg;
	if (fs.has_writeback && (c->capable & FUSE_CAP_WRITEBACK_CACHE))
		c->want |= FUSE_CAP_WRITEBACK_CACHE;
	if (fs.max_write)
		c->max_write = (unsigned int)fs.max_write;
	out_say("fuse %u.%u: max_write %u, writeback cache %s", c->proto_major,
		c->proto_minor, c->max_write,
		c->want & FUSE_CAP_WRITEBACK_CACHE ? "on" : "off");
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = {
		.attr_timeout = for_ever,
		.entry_timeout = for_ever,
	};

	pthread_mutex_lock(&fs.lock);
	e.ino = parent == FUSE_ROOT_ID ? find(name) : 0;
	if (e.ino)
		fill_stat(e.ino, &e.attr);
	pthread_mutex_unlock(&fs.lock);
	if (e.ino)
		fuse_reply_entry(req, &e);
	else
		fuse_reply_err(req, ENOENT);
}

static void do_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	pthread_mutex_lock(&fs.lock);
	fill_stat(ino, &st);
	pthread_mutex_unlock(&fs.lock);
	fuse_reply_attr(req, &st, for_ever);
}

/* Under the lock. Return: 0 or errno. */
static int grow(struct node *n, size_t size)
{
	uint8_t *p;

	if (size > fs.capacity)
		return ENOSPC;
	if (size > n->room) {
		p = realloc(n->data, size + size / 2);
		if (!p)
			return ENOMEM;
		n->data = p;
		n->room = size + size / 2;
	}
	if (size > n->size)
		memset(n->data + n->size, 0, size - n->size);
	n->size = size;
	return 0;
}

static void do_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		       int what, struct fuse_file_info *fi)
{
	struct nwb_chan_op op;
	struct stat st;
	int rc = 0;

	(void)fi;
	if (what & FUSE_SET_ATTR_SIZE)
		op = begin(NWB_CHAN_OP_TRUNCATE, ino, (uint64_t)attr->st_size,
			   NULL, 0);
	pthread_mutex_lock(&fs.lock);
	if (what & FUSE_SET_ATTR_SIZE)
		rc = grow(&fs.node[ino], (size_t)attr->st_size);
	fill_stat(ino, &st);
	pthread_mutex_unlock(&fs.lock);
	if (what & FUSE_SET_ATTR_SIZE)
		end(&op, -rc);
	if (rc)
		fuse_reply_err(req, rc);
	else
		fuse_reply_attr(req, &st, for_ever);
}

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void do_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		      mode_t mode, struct fuse_file_info *fi)
{
	struct fuse_entry_param e = {
		.attr_timeout = for_ever,
		.entry_timeout = for_ever,
	};

	(void)parent, (void)mode;
	pthread_mutex_lock(&fs.lock);
	for (e.ino = FUSE_ROOT_ID + 1; e.ino <= NODES; e.ino++)
		if (!fs.node[e.ino].is_used)
			break;
	if (e.ino <= NODES && strlen(name) < sizeof(fs.node[0].name)) {
		strcpy(fs.node[e.ino].name, name);
		fs.node[e.ino].is_used = true;
		fs.node[e.ino].file = file_of(name);
		fill_stat(e.ino, &e.attr);
	} else {
		e.ino = 0;
	}
	pthread_mutex_unlock(&fs.lock);
	if (e.ino)
		fuse_reply_create(req, &e, fi);
	else
		fuse_reply_err(req, ENOSPC);
}

static void do_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	fuse_ino_t ino;

	(void)parent;
	pthread_mutex_lock(&fs.lock);
	ino = find(name);
	if (ino)
		fs.node[ino].name[0] = '\0'; /* who has it open goes on */
	pthread_mutex_unlock(&fs.lock);
	fuse_reply_err(req, ino ? 0 : ENOENT);
}

static void do_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t off,
		    struct fuse_file_info *fi)
{
	const struct node *n = &fs.node[ino];
	size_t at = (size_t)off;

	(void)fi;
	pthread_mutex_lock(&fs.lock);
	if (at >= n->size)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, (const char *)n->data + at,
			       nwb_min(len, n->size - at));
	pthread_mutex_unlock(&fs.lock);
}

static void sleep_ms(uint64_t ms)
{
	usleep((useconds_t)(ms * 1000));
}

static bool must_wait(uint64_t nr)
{
	return (fs.hang_at && nr >= fs.hang_at &&
		!atomic_load(&fs.shared->is_released)) ||
	       atomic_load(&fs.shared->hangs);
}

/* What WRITE number @nr ends in, before it does anything. */
static int ordered_error(uint64_t nr)
{
	int error = atomic_load(&fs.shared->error);

	if (nr == fs.fail_at)
		return EIO;
	if (error && atomic_fetch_sub(&fs.shared->spared, 1) <= 0)
		return error;
	return 0;
}

/* Lies. Return: what @buf is said to have been; NULL: no memory. */
static char *tear(const struct node *n, const char *buf, size_t len, off_t off)
{
	char *torn = malloc(len);

	for (size_t i = 0; torn && i < len; i++) {
		size_t at = (size_t)off + i;

		torn[i] = at % 4096 < 2048 && at < n->size ? (char)n->data[at]
							   : buf[i];
	}
	return torn;
}

static void cut_in_half(fuse_ino_t ino)
{
	struct node *n = &fs.node[ino];
	struct nwb_chan_op op =
		begin(NWB_CHAN_OP_TRUNCATE, ino, n->size / 2, NULL, 0);

	pthread_mutex_lock(&fs.lock);
	n->size /= 2;
	pthread_mutex_unlock(&fs.lock);
	end(&op, 0);
}

static void do_write(fuse_req_t req, fuse_ino_t ino, const char *buf,
		     size_t len, off_t off, struct fuse_file_info *fi)
{
	uint64_t nr = atomic_fetch_add(&fs.nr_writes, 1) + 1;
	struct node *n = &fs.node[ino];
	char *torn = nr == fs.tear_at ? tear(n, buf, len, off) : NULL;
	struct nwb_chan_op op;
	int rc;

	(void)fi;
	buf = torn ? torn : buf;
	op = begin(NWB_CHAN_OP_WRITE, ino, (uint64_t)off, buf, len);
	while (must_wait(nr))
		sleep_ms(10);
	if (fs.delay_ms)
		sleep_ms(fs.delay_ms);
	rc = ordered_error(nr);
	pthread_mutex_lock(&fs.lock);
	if (!rc && (size_t)off + len > n->size)
		rc = grow(n, (size_t)off + len);
	if (!rc && nr != fs.lose_at)
		memcpy(n->data + off, buf, len);
	pthread_mutex_unlock(&fs.lock);
	end(&op, rc ? -rc : (int64_t)len);
	free(torn);
	if (nr == fs.cut_at)
		cut_in_half(ino);
	if (rc)
		fuse_reply_err(req, rc);
	else
		fuse_reply_write(req, len);
}

static void do_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		     struct fuse_file_info *fi)
{
	struct nwb_chan_op op = begin(NWB_CHAN_OP_FSYNC, ino, 0, NULL, 0);

	(void)datasync, (void)fi;
	end(&op, 0);
	fuse_reply_err(req, 0);
}

static void do_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino, (void)fi;
	fuse_reply_err(req, 0);
}

/* Names for ls; all of them fit one answer. */
static void do_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	char buf[4096];
	size_t len = 0;

	(void)ino, (void)fi;
	pthread_mutex_lock(&fs.lock);
	for (fuse_ino_t i = FUSE_ROOT_ID + 1; !off && i <= NODES; i++) {
		struct stat st;

		if (!fs.node[i].is_used || !fs.node[i].name[0])
			continue;
		fill_stat(i, &st);
		len += fuse_add_direntry(req, buf + len, sizeof(buf) - len,
					 fs.node[i].name, &st, (off_t)i);
	}
	pthread_mutex_unlock(&fs.lock);
	fuse_reply_buf(req, buf, nwb_min(len, size));
}

static const struct fuse_lowlevel_ops ops = {
	.init = do_init,
	.lookup = do_lookup,
	.getattr = do_getattr,
	.setattr = do_setattr,
	.open = do_open,
	.create = do_create,
	.unlink = do_unlink,
	.read = do_read,
	.write = do_write,
	.fsync = do_fsync,
	.flush = do_flush,
	.readdir = do_readdir,
};

/*
 * Asked for by libfuse when a session is one of CUSE, which ours never is. With
 * this one the linker leaves libfuse's away, and with it the high-level
 * library, which wants dlopen(3): nothing for a static program.
 */
void cuse_lowlevel_init(fuse_req_t req, fuse_ino_t ino, const void *arg);

void cuse_lowlevel_init(fuse_req_t req, fuse_ino_t ino, const void *arg)
{
	(void)ino, (void)arg;
	fuse_reply_err(req, ENOSYS);
}

/* --- the process ----------------------------------------------------------- */

static int set_number(const char *name, uint64_t nr)
{
	static const struct {
		const char *name;
		uint64_t *to;
	} numbers[] = {
		{"delay", &fs.delay_ms},    {"fail", &fs.fail_at},
		{"hang", &fs.hang_at},	    {"lose", &fs.lose_at},
		{"cut", &fs.cut_at},	    {"tear", &fs.tear_at},
		{"capacity", &fs.capacity}, {"max_write", &fs.max_write},
	};

	for (unsigned int i = 0; nr && i < NWB_ARRAY_SIZE(numbers); i++) {
		if (strcmp(numbers[i].name, name) != 0)
			continue;
		*numbers[i].to = nr;
		return 0;
	}
	return -EINVAL;
}

static int parse(const char *options)
{
	char copy[512], *save = NULL, *w, *eq;
	int rc = 0;

	snprintf(copy, sizeof(copy), "%s", options);
	for (w = strtok_r(copy, ",", &save); w && !rc;
	     w = strtok_r(NULL, ",", &save)) {
		eq = strchr(w, '=');
		if (eq)
			*eq = '\0';
		if (!strcmp(w, "writeback"))
			fs.has_writeback = true;
		else
			rc = set_number(w, eq ? strtoull(eq + 1, NULL, 0) : 0);
	}
	fs.capacity = nwb_min(fs.capacity, SIZE_MAX_ + 0ull);
	return rc;
}

/* Not libfuse's own loop: it is part of the high-level library, see above. */
static void *loop(void *arg)
{
	struct fuse_session *se = arg;
	struct fuse_buf buf = {.mem = NULL};
	int rc;

	do {
		rc = fuse_session_receive_buf(se, &buf);
		if (rc > 0)
			fuse_session_process_buf(se, &buf);
	} while (rc > 0 || rc == -EINTR || rc == -EAGAIN);
	free(buf.mem);
	return NULL;
}

static void serve(const char *dir) __attribute__((noreturn));

static void serve(const char *dir)
{
	char *argv[] = {(char[]){"netwb-guest"}, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_session *se =
		fuse_session_new(&args, &ops, sizeof(ops), NULL);
	pthread_t t;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	errno = 0;
	if (!se || fuse_session_mount(se, dir)) {
		atomic_store(&fs.shared->ready, errno ? -errno : -EIO);
		_exit(1);
	}
	/* A WRITE that hangs must not stop the others. */
	for (unsigned int i = 1; i < THREADS; i++)
		if (pthread_create(&t, NULL, loop, se))
			break;
	atomic_store(&fs.shared->ready, 1);
	loop(se);
	_exit(0);
}

int fuse_start(struct worker *w, const char *dir, const char *options)
{
	struct shared *shared;
	int rc;
	pid_t pid;

	if (fs.shared)
		return -EBUSY; /* one a job */
	rc = parse(options);
	if (rc)
		return rc;
	fs.w = w;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return -ENOMEM;
	fs.shared = shared;
	pid = fork();
	if (pid == 0)
		serve(dir);
	if (pid < 0)
		return -errno;
	while (!(rc = atomic_load(&fs.shared->ready)) &&
	       waitpid(pid, NULL, WNOHANG) != pid)
		sleep_ms(1);
	rc = atomic_load(&fs.shared->ready);
	return rc < 0 ? rc : rc ? 0 : -EIO;
}

/* On the thread that listens; the host gives orders at marks of the job, which
 * come after the mount. */
void fuse_order(const char *order)
{
	unsigned int error, spared;

	if (!fs.shared)
		return;
	if (sscanf(order, "fail %u %u", &error, &spared) == 2) {
		atomic_store(&fs.shared->spared, spared);
		atomic_store(&fs.shared->error, (int)error);
	} else if (!strcmp(order, "hang")) {
		atomic_store(&fs.shared->hangs, true);
	} else if (!strcmp(order, "go")) {
		atomic_store(&fs.shared->hangs, false);
	} else if (!strcmp(order, "well")) {
		atomic_store(&fs.shared->hangs, false);
		atomic_store(&fs.shared->error, 0);
	}
}

void fuse_release(void)
{
	if (fs.shared)
		atomic_store(&fs.shared->is_released, true);
}
