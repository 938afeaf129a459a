/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `netwb fio-inside`: run fio where the subject is, and nowhere else. Not for
 * people: fio_run.c starts it, alone or as the command of `netwb mount`.
 *
 *	a mount namespace of its own
 *	  root: the subject's mount point (NWB_MNT), or with --tmpfs a fresh
 *		tmpfs: the local directory that everything is compared with
 *	  each --bind DIR: a directory of the root, mounted over DIR, so that a
 *		job file that says directory=DIR finds the subject there
 *	  a pid namespace, of which fio is the init: when it goes, so does every
 *		process of every job (they are sessions of their own, no signal
 *		to a process group reaches them)
 *
 * Nothing of this is seen outside, and nothing is left. Files that stay are
 * opened before anything is mounted over them.
 */
#include "fio_i.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TERM_GRACE_MS 3000

struct inside {
	const char *job, *out, *log, *result;
	bool by_path; /* the job file includes others: fio must see its path */
	bool is_tmpfs;
	uint64_t limit_ms;
	unsigned int nr_binds, nr_subdirs;
	const char *bind[BENCH_FIO_DIRS], *subdir[BENCH_FIO_DIRS];
	int bind_fd[BENCH_FIO_DIRS];
	char root[512];
	int job_fd, out_fd, log_fd, result_fd;
	struct nwb_err err;

	/* what came of it */
	int status;
	bool is_late;
	uint64_t cpu_ns, wall_ns;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

/* --- files ---------------------------------------------------------------- */

static int open_one(struct inside *in, const char *path, int flags, int *ret)
{
	*ret = open(path, flags, 0600);
	return *ret < 0 ? nwb_err_set(&in->err, -errno, "%s: %s", path,
				      strerror(errno))
			: 0;
}

static int open_files(struct inside *in)
{
	const int fresh = O_RDWR | O_CREAT | O_TRUNC;
	int rc = open_one(in, in->result, fresh | O_CLOEXEC, &in->result_fd);

	/* fio opens these two again, by their number */
	if (!rc)
		rc = open_one(in, in->job, O_RDONLY, &in->job_fd);
	if (!rc)
		rc = open_one(in, in->out, fresh, &in->out_fd);
	if (!rc)
		rc = open_one(in, in->log, fresh | O_CLOEXEC, &in->log_fd);
	return rc;
}

/* In the new mount namespace, as what is mounted on must be, and before
 * anything is. */
static int open_binds(struct inside *in)
{
	int rc = 0;

	for (unsigned int i = 0; i < in->nr_binds && !rc; i++)
		rc = open_one(in, in->bind[i], O_PATH | O_DIRECTORY | O_CLOEXEC,
			      &in->bind_fd[i]);
	return rc;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	int rc = n < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

/* --- namespaces ----------------------------------------------------------- */

/* Who is not root needs a user namespace for the others. Its ids are ours. */
static int own_namespaces(struct inside *in)
{
	const uid_t uid = geteuid();
	const gid_t gid = getegid();
	char map[64];
	int rc = 0;

	if (!unshare(CLONE_NEWNS | CLONE_NEWPID))
		goto private;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID))
		return nwb_err_set(&in->err, -errno,
				   "no mount namespace of one's own here: %s",
				   strerror(errno));
	/* a kernel without it has nothing to deny */
	rc = write_text("/proc/self/setgroups", "deny");
	if (rc == -ENOENT)
		rc = 0;
	snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
	if (!rc)
		rc = write_text("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
	if (!rc)
		rc = write_text("/proc/self/gid_map", map);
	if (rc)
		return nwb_err_set(&in->err, rc, "user namespace: %s",
				   strerror(-rc));

      private:
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return nwb_err_set(&in->err, -errno, "private mounts: %s",
				   strerror(errno));
	/* new credentials clear it (Linux, commit_creds()) */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return 0;
}

/* Is @dir the directory @path itself, or one that it lies in? */
static bool holds(const char *dir, const char *path)
{
	size_t len = strlen(dir);

	return !strncmp(dir, path, len) && (!path[len] || path[len] == '/');
}

static bool hides_something(const struct inside *in, const char *spot)
{
	for (unsigned int i = 0; i < in->nr_binds; i++)
		if (holds(spot, in->bind[i]) || holds(in->bind[i], spot))
			return true;
	return in->by_path && holds(spot, in->job);
}

/* Over a directory that exists on every system, in our own namespace only. */
static int mount_tmpfs(struct inside *in)
{
	static const char *const spots[] = {"/mnt", "/media",	"/srv",
					    "/opt", "/var/tmp", "/tmp"};
	struct stat st;

	for (size_t i = 0; i < NWB_ARRAY_SIZE(spots); i++) {
		if (hides_something(in, spots[i]) || stat(spots[i], &st) ||
		    !S_ISDIR(st.st_mode))
			continue;
		if (mount("netwb", spots[i], "tmpfs", MS_NOSUID | MS_NODEV,
			  "mode=0700"))
			return nwb_err_set(&in->err, -errno, "tmpfs: %s",
					   strerror(errno));
		snprintf(in->root, sizeof(in->root), "%s", spots[i]);
		return 0;
	}
	return nwb_err_set(&in->err, -ENOENT,
			   "no directory to mount a tmpfs on: the job names "
			   "all of /mnt, /media, /srv, /opt, /var/tmp, /tmp");
}

static int make_dirs(struct inside *in, const char *path)
{
	char *copy = strdup(path);
	int rc = copy ? 0 : -ENOMEM;

	for (char *p = copy; p && *p && !rc;) {
		p = strchr(p + 1, '/');
		if (p)
			*p = 0;
		if (mkdir(copy, 0777) && errno != EEXIST)
			rc = -errno;
		if (p)
			*p = '/';
	}
	free(copy);
	return rc ? nwb_err_set(&in->err, rc, "%s: %s", path, strerror(-rc))
		  : 0;
}

/* One directory gets the root itself; of several each gets its own. What lies
 * in another one that is bound is made there. */
static int bind_one(struct inside *in, unsigned int i)
{
	char from[600], to[64];

	for (unsigned int k = 0; k < i; k++)
		if (holds(in->bind[k], in->bind[i]))
			return make_dirs(in, in->bind[i]);
	snprintf(from, sizeof(from), "%s", in->root);
	if (in->nr_binds > 1) {
		snprintf(from, sizeof(from), "%s/d%u", in->root, i + 1);
		if (mkdir(from, 0777))
			return nwb_err_set(&in->err, -errno, "%s: %s", from,
					   strerror(errno));
	}
	snprintf(to, sizeof(to), "/proc/self/fd/%d", in->bind_fd[i]);
	if (mount(from, to, NULL, MS_BIND, NULL))
		return nwb_err_set(&in->err, -errno, "bind %s over %s: %s",
				   from, in->bind[i], strerror(errno));
	return 0;
}

static int make_place(struct inside *in)
{
	const char *mnt = getenv("NWB_MNT");
	int rc = 0;

	if (in->is_tmpfs || in->nr_binds)
		rc = own_namespaces(in);
	if (!rc)
		rc = open_binds(in);
	if (rc)
		return rc;
	if (in->is_tmpfs)
		rc = mount_tmpfs(in);
	else if (mnt)
		snprintf(in->root, sizeof(in->root), "%s", mnt);
	else
		rc = nwb_err_set(&in->err, -EINVAL, "NWB_MNT is not set");
	if (!rc && chdir(in->root))
		rc = nwb_err_set(&in->err, -errno, "%s: %s", in->root,
				 strerror(errno));
	for (unsigned int i = 0; i < in->nr_binds && !rc; i++)
		rc = bind_one(in, i);
	for (unsigned int i = 0; i < in->nr_subdirs && !rc; i++)
		rc = make_dirs(in, in->subdir[i]);
	return rc;
}

/* --- fio ------------------------------------------------------------------ */

__attribute__((noreturn)) static void become_fio(struct inside *in)
{
	char out[64], job[4096];
	sigset_t none;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	snprintf(out, sizeof(out), "--output=/dev/fd/%d", in->out_fd);
	if (in->by_path)
		snprintf(job, sizeof(job), "%s", in->job);
	else
		snprintf(job, sizeof(job), "/dev/fd/%d", in->job_fd);
	if (null < 0 || dup2(null, 0) < 0 || dup2(in->log_fd, 1) < 0 ||
	    dup2(in->log_fd, 2) < 0)
		_exit(126);
	execlp("fio", "fio", "--output-format=json+", out, job, (char *)NULL);
	dprintf(2, "fio: %s\n", strerror(errno));
	_exit(127);
}

/* Return: whether @pid ended within @ms. */
static bool wait_end(struct inside *in, pid_t pid, int sigfd, uint64_t ms)
{
	const uint64_t deadline = now_ns() + ms * NWB_MSEC;
	struct pollfd pfd = {sigfd, POLLIN, 0};
	struct signalfd_siginfo si;
	struct rusage ru;

	for (;;) {
		uint64_t now = now_ns();
		pid_t got = wait4(pid, &in->status, WNOHANG, &ru);

		if (got == pid) {
			in->cpu_ns = (uint64_t)(ru.ru_utime.tv_sec +
						ru.ru_stime.tv_sec) *
					     NWB_SEC +
				     (uint64_t)(ru.ru_utime.tv_usec +
						ru.ru_stime.tv_usec) *
					     NWB_USEC;
			return true;
		}
		if (now >= deadline)
			return false;
		if (poll(&pfd, 1, (int)((deadline - now) / NWB_MSEC + 1)) > 0 &&
		    read(sigfd, &si, sizeof(si)) == sizeof(si) &&
		    si.ssi_signo != SIGCHLD)
			kill(pid, (int)si.ssi_signo);
	}
}

/* Let whoever started us look at the clocks; nobody may be there. */
static void tell_moment(char moment)
{
	const char *name = getenv("NWB_FIO_SOCKET");
	int fd = name ? atoi(name) : -1;
	struct pollfd pfd = {fd, POLLIN, 0};
	char answer;

	if (fd > 2 && send(fd, &moment, 1, MSG_NOSIGNAL) == 1 &&
	    poll(&pfd, 1, 5000) > 0 && recv(fd, &answer, 1, MSG_DONTWAIT) < 0)
		unsetenv("NWB_FIO_SOCKET");
}

static int run_fio(struct inside *in)
{
	uint64_t begun;
	sigset_t set;
	int sigfd;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sigfd < 0)
		return nwb_err_set(&in->err, -errno, "signalfd: %s",
				   strerror(errno));
	tell_moment(BENCH_FIO_BEGIN);
	begun = now_ns();
	fflush(NULL);
	pid = fork();
	if (!pid)
		become_fio(in);
	if (pid < 0)
		return nwb_err_set(&in->err, -errno, "fork: %s",
				   strerror(errno));
	if (!wait_end(in, pid, sigfd, in->limit_ms)) {
		in->is_late = true;
		kill(pid, SIGTERM);
		if (!wait_end(in, pid, sigfd, TERM_GRACE_MS)) {
			kill(pid, SIGKILL);
			while (waitpid(pid, &in->status, 0) < 0 &&
			       errno == EINTR)
				;
		}
	}
	in->wall_ns = now_ns() - begun;
	tell_moment(BENCH_FIO_END);
	return 0;
}

/* --- what is left --------------------------------------------------------- */

static uint64_t nr_files, file_bytes;

static int count_file(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	if (type == FTW_F && S_ISREG(st->st_mode)) {
		nr_files++;
		file_bytes += (uint64_t)st->st_size;
	}
	return 0;
}

/* The proof that it was the subject that fio worked on. */
static void look(struct inside *in)
{
	if (nftw(in->root, count_file, 16, FTW_PHYS | FTW_MOUNT))
		nr_files = 0;
}

static int tell(struct inside *in)
{
	json_t *o = json_pack(
		"{s:i,s:b,s:I,s:I,s:I,s:I,s:s}", "status", in->status, "late",
		in->is_late, "cpu_ns", (json_int_t)in->cpu_ns, "wall_ns",
		(json_int_t)in->wall_ns, "files", (json_int_t)nr_files,
		"file_bytes", (json_int_t)file_bytes, "error", in->err.text);
	int rc = o ? json_dumpfd(o, in->result_fd, 0) : -1;

	json_decref(o);
	return rc;
}

static int read_options(struct inside *in, int argc, char **argv)
{
	static const struct option opts[] = {
		{"job", 1, NULL, 'j'},	    {"out", 1, NULL, 'o'},
		{"log", 1, NULL, 'l'},	    {"result", 1, NULL, 'r'},
		{"limit-ms", 1, NULL, 't'}, {"tmpfs", 0, NULL, 'm'},
		{"by-path", 0, NULL, 'p'},  {"bind", 1, NULL, 'b'},
		{"subdir", 1, NULL, 's'},   {0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (opt == 'j')
			in->job = optarg;
		else if (opt == 'o')
			in->out = optarg;
		else if (opt == 'l')
			in->log = optarg;
		else if (opt == 'r')
			in->result = optarg;
		else if (opt == 't')
			in->limit_ms = strtoull(optarg, NULL, 10);
		else if (opt == 'm')
			in->is_tmpfs = true;
		else if (opt == 'p')
			in->by_path = true;
		else if (opt == 'b' && in->nr_binds < BENCH_FIO_DIRS)
			in->bind[in->nr_binds++] = optarg;
		else if (opt == 's' && in->nr_subdirs < BENCH_FIO_DIRS)
			in->subdir[in->nr_subdirs++] = optarg;
		else
			return -EINVAL;
	}
	return in->job && in->out && in->log && in->result && in->limit_ms
		       ? 0
		       : -EINVAL;
}

int bench_cmd_fio_inside(int argc, char **argv)
{
	static struct inside in = {.job_fd = -1, .out_fd = -1, .result_fd = -1};
	int rc;

	if (read_options(&in, argc, argv)) {
		fprintf(stderr, "netwb: fio-inside is for netwb bench\n");
		return NWB_EXIT_USAGE;
	}
	rc = open_files(&in);
	if (!rc)
		rc = make_place(&in);
	if (!rc)
		rc = run_fio(&in);
	if (!rc)
		look(&in);
	if (rc)
		fprintf(stderr, "netwb: %s\n", in.err.text);
	if (in.result_fd < 0 || tell(&in))
		return NWB_EXIT_BROKEN;
	/* what fio made of it is in the result: a failed job is no failure of
	 * the subject's mount. Nothing forks any more in a pid namespace whose
	 * init has ended, which LeakSanitizer would do at exit. */
	fflush(NULL);
	_exit(rc ? NWB_EXIT_BROKEN : NWB_EXIT_OK);
}
