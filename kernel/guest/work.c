/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The worker: verbs, one after another, in as many threads as the job has.
 *
 * A job ends early when a mount fails (what follows would write into the
 * guest's own root), when a verb cannot be meant, when an operation fails
 * after "on-error stop", or when the host says STOP. It always ends with DONE.
 */
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct worker worker = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

void work_fail(struct worker *w, int rc, const char *fmt, ...)
{
	char text[sizeof(w->why)];
	int none = 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out_say("%s", text);
	if (atomic_compare_exchange_strong(&w->rc, &none, rc))
		memcpy(w->why, text, sizeof(text));
	atomic_store(&w->is_over, true);
}

int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (*text && write(fd, text, strlen(text)) < 0)
		rc = -errno;
	if (close(fd) && !rc)
		rc = -errno;
	return rc;
}

/* --- mounts --------------------------------------------------------------- */

static int make_dirs(const char *path)
{
	char buf[PATH_MAX];

	snprintf(buf, sizeof(buf), "%s", path);
	for (char *p = buf + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(buf, 0755) && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(buf, 0755) && errno != EEXIST ? -errno : 0;
}

static void do_mount(struct task *t, const struct job_verb *v)
{
	struct nwb_chan_op op = {.op = NWB_CHAN_OP_MOUNT};
	const char *type = v->s[0], *source = v->s[1], *dir = v->s[2];
	const char *options = v->nr_s > 3 ? v->s[3] : "";
	int rc = make_dirs(dir);

	op_begin(t, &op);
	if (!rc && !strcmp(type, "fuse"))
		rc = fuse_start(t->w, dir, options);
	else if (!rc && mount(source, dir, type, 0, options))
		rc = -errno;
	op_end(t, &op, rc);
	if (rc)
		work_fail(t->w, 1, "mount -t %s %s %s -o %s: %s", type, source,
			  dir, options, strerror(-rc));
	else
		out_say("mounted -t %s %s %s -o %s", type, source, dir,
			options);
}

static void do_umount(struct task *t, const struct job_verb *v)
{
	struct nwb_chan_op op = {.op = NWB_CHAN_OP_UMOUNT};

	op_begin(t, &op);
	op_end(t, &op, umount2(v->s[0], v->flags) ? -errno : 0);
}

/* --- what else there is --------------------------------------------------- */

static void do_drop(struct task *t, const struct job_verb *v)
{
	struct nwb_chan_op op = {.op = NWB_CHAN_OP_DROP};
	char what[8];

	snprintf(what, sizeof(what), "%llu", (unsigned long long)v->nr);
	op_begin(t, &op);
	op_end(t, &op, write_file("/proc/sys/vm/drop_caches", what));
}

static void sleep_ms(uint64_t ms)
{
	const struct timespec ts = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000 * 1000000),
	};

	nanosleep(&ts, NULL);
}

/* A process of its own, which the kernel may kill for it. */
static void eat(uint64_t bytes, uint64_t ms)
{
	uint8_t *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)write_file("/proc/self/oom_score_adj", "1000");
	if (p == MAP_FAILED)
		_exit(1);
	for (uint64_t i = 0; i < bytes; i += 4096)
		*(volatile uint8_t *)(p + i) = 1;
	sleep_ms(ms);
	_exit(0);
}

static void do_pressure(struct task *t, const struct job_verb *v)
{
	struct nwb_chan_op op = {
		.op = NWB_CHAN_OP_PRESS,
		.len = v->r.len,
	};
	int status = 0;
	pid_t pid;

	op_begin(t, &op);
	pid = fork();
	if (pid == 0)
		eat(v->r.len, v->nr);
	if (pid < 0)
		op_end(t, &op, -errno);
	else if (waitpid(pid, &status, 0) < 0)
		op_end(t, &op, -errno);
	else
		op_end(t, &op, 0);
	if (pid > 0 && WIFSIGNALED(status))
		out_say("pressure: killed by signal %d", WTERMSIG(status));
}

static void do_ls(const struct job_verb *v)
{
	DIR *dir = opendir(v->s[0]);
	struct dirent *de;
	struct stat st;

	while (dir && (de = readdir(dir)) != NULL)
		if (de->d_name[0] != '.' &&
		    !fstatat(dirfd(dir), de->d_name, &st, 0))
			out_say("ls %s/%s %lld", v->s[0], de->d_name,
				(long long)st.st_size);
	if (dir)
		closedir(dir);
	else
		out_say("ls %s: %s", v->s[0], strerror(errno));
}

static void do_name(const struct job_verb *v)
{
	enum nwb_chan_type type =
		v->kind == JOB_MARK ? NWB_CHAN_MARK : NWB_CHAN_WAIT;

	out_rec(type, v->s[0], strlen(v->s[0]));
	if (type == NWB_CHAN_WAIT && !out_wait_go(v->s[0]))
		out_say("wait %s: stopped", v->s[0]);
}

static void say_errno(const struct job_verb *v, const char *what, int rc)
{
	if (rc)
		out_say("line %u: %s %s: %s", v->line, what,
			v->nr_s ? v->s[v->nr_s - 1] : "", strerror(-rc));
}

/* --- threads -------------------------------------------------------------- */

static void run_verbs(struct task *t);

static void *task_main(void *arg)
{
	run_verbs(arg);
	return NULL;
}

static void do_thread(struct task *t, const struct job_verb *v)
{
	struct worker *w = t->w;
	unsigned int nr = 1;

	/* The parser has counted them. */
	while (w->task[nr].w)
		nr++;
	nwb_assert(nr < JOB_THREADS);
	w->task[nr] = (struct task){
		.w = w,
		.nr = nr,
		.from = (unsigned int)(v - w->job.verb) + 1,
		.to = v->to,
	};
	if (pthread_create(&w->task[nr].thread, NULL, task_main, &w->task[nr]))
		work_fail(w, 1, "thread %s cannot be started", v->s[0]);
	else
		w->task[nr].is_running = true;
}

static void join(struct worker *w, const char *name)
{
	for (unsigned int i = 1; i < JOB_THREADS; i++) {
		struct task *t = &w->task[i];

		if (!t->is_running ||
		    (name && strcmp(name, w->job.verb[t->from - 1].s[0])))
			continue;
		pthread_join(t->thread, NULL);
		t->is_running = false;
	}
}

/* --- verbs ---------------------------------------------------------------- */

static void run_verb(struct task *t, const struct job_verb *v)
{
	if (ops_run(t, v))
		return;
	switch (v->kind) {
	case JOB_MOUNT:
		do_mount(t, v);
		break;
	case JOB_UMOUNT:
		do_umount(t, v);
		break;
	case JOB_MARK:
	case JOB_WAIT:
		do_name(v);
		break;
	case JOB_SLEEP:
		sleep_ms(v->nr);
		break;
	case JOB_DROP:
		do_drop(t, v);
		break;
	case JOB_PRESSURE:
		do_pressure(t, v);
		break;
	case JOB_ECHO:
		say_errno(v, "echo", write_file(v->s[1], v->s[0]));
		break;
	case JOB_STAT:
		say_errno(v, "stat", out_file(v->s[0]));
		break;
	case JOB_LS:
		do_ls(v);
		break;
	case JOB_TRACE_ON:
	case JOB_TRACE_LIVE:
		say_errno(v, "trace", trace_on(v));
		break;
	case JOB_RELEASE:
		fuse_release();
		break;
	case JOB_TRACE_OFF:
		trace_off();
		break;
	case JOB_THREAD:
		do_thread(t, v);
		break;
	case JOB_JOIN:
		join(t->w, v->nr_s ? v->s[0] : NULL);
		break;
	case JOB_ON_ERROR:
		atomic_store(&t->w->stops_on_error, v->flags);
		break;
	case JOB_DONE:
		atomic_store(&t->w->is_over, true);
		break;
	default:
		break;
	}
}

static void run_verbs(struct task *t)
{
	const struct job *job = &t->w->job;

	for (unsigned int i = t->from; i < t->to; i++) {
		if (atomic_load(&t->w->is_over) || out_is_stopped())
			break;
		run_verb(t, &job->verb[i]);
		if (job->verb[i].kind == JOB_THREAD)
			i = job->verb[i].to;
	}
}

int work_run(const char *text, size_t len)
{
	struct worker *w = &worker;
	char why[200];
	int rc = job_parse(text, len, &w->job, why, sizeof(why));

	if (rc) {
		out_done(2, 0, why);
		return 2;
	}
	if (w->job.has_key)
		nwb_stamp_key_init(&w->key, w->job.key);
	for (unsigned int i = 0; i < JOB_FDS; i++)
		w->open[i].fd = -1;
	w->task[0] = (struct task){.w = w, .to = w->job.nr_verbs};
	run_verbs(&w->task[0]);
	join(w, NULL);
	trace_off();
	out_done(atomic_load(&w->rc), atomic_load(&w->failed), w->why);
	return atomic_load(&w->rc);
}
