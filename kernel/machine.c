/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See nwb/guest.h. Locks: m->lock alone, never held while somebody else's code
 * is called.
 */
#include "guest/job.h"
#include "machine_i.h"
#include "nwb/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define QEMU_PATH "/usr/bin/qemu-system-x86_64"
#define MEM_MIB	  512u
#define ROOM	  (64 * NWB_MIB) /* of the tmpfs, beside memory and modules */
#define HUNG_NS	  (30 * NWB_SEC)
#define BOOT_NS	  (120 * NWB_SEC)
#define LIMIT_NS  (300 * NWB_SEC)

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

const char *nwb_machine_end_name(enum nwb_machine_end end)
{
	static const char *const names[] = {
		"runs",	 "done", "power-off", "panic",	 "hung",
		"stuck", "died", "broken",    "stopped",
	};

	nwb_assert((unsigned int)end < NWB_ARRAY_SIZE(names));
	return names[end];
}

static bool is_readable(const char *path)
{
	return !access(path, R_OK);
}

const char *nwb_guest_program(void)
{
	static const char *const beside[] = {
		"../kernel/guest/netwb-guest",	  /* BUILD/bench/netwb */
		"../../kernel/guest/netwb-guest", /* BUILD/tests/room/x_test */
		"../libexec/netwb/netwb-guest",	  /* PREFIX/bin/netwb */
	};
	static _Thread_local char path[PATH_MAX + 64];
	const char *env = getenv("NWB_GUEST_PROGRAM");
	char exe[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (env)
		return is_readable(env) ? env : NULL;
	if (n < 0)
		return NULL;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	*slash = '\0';
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(beside); i++) {
		snprintf(path, sizeof(path), "%s/%s", exe, beside[i]);
		if (is_readable(path))
			return path;
	}
	return NULL;
}

int nwb_guest_job_check(const char *job, struct nwb_err *err)
{
	struct job parsed;
	char why[256];
	int rc = job_parse(job, strlen(job), &parsed, why, sizeof(why));

	if (rc)
		return nwb_err_set(err, rc, "job: %s", why);
	job_fini(&parsed);
	return 0;
}

int nwb_machine_check(const struct nwb_kernel *kernel, struct nwb_err *err)
{
	if (kernel->kind == NWB_KERNEL_HOST)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "the running kernel is no guest");
#if !defined(__x86_64__)
	return nwb_err_set(err, -EOPNOTSUPP,
			   "guests are for x86-64 machines only");
#endif
	if (access("/dev/net/tun", R_OK | W_OK))
		return nwb_err_set(err, -EOPNOTSUPP,
				   "/dev/net/tun: %s: a guest's network needs "
				   "it (module tun; in a container the device "
				   "must be given to it)",
				   strerror(errno));
	if (kernel->kind == NWB_KERNEL_QEMU && access(QEMU_PATH, X_OK))
		return nwb_err_set(err, -ENOENT,
				   QEMU_PATH ": %s: apt-get install "
					     "--no-install-recommends "
					     "qemu-system-x86",
				   strerror(errno));
	/* The driver of the tap device panics there (vector_net_open()). */
	if (kernel->kind == NWB_KERNEL_UML &&
	    (kernel->has & (NWB_KERNEL_HAS_SMP | NWB_KERNEL_HAS_LOCKDEP)))
		return nwb_err_set(err, -EOPNOTSUPP,
				   "%s: UML with CONFIG_SMP or lockdep panics "
				   "in its network driver: build it without",
				   kernel->name);
	if (!is_readable(kernel->image))
		return nwb_err_set(err, -ENOENT, "%s: %s", kernel->image,
				   strerror(errno));
	if (!nwb_guest_program())
		return nwb_err_set(
			err, -ENOENT,
			"netwb-guest, the program for guests, is not "
			"where it belongs: `make build`, or name it "
			"in NWB_GUEST_PROGRAM");
	return 0;
}

/* --- start ---------------------------------------------------------------- */

static int copy_opts(struct nwb_machine *m, const struct nwb_machine_opts *o)
{
	m->o = *o;
	m->kernel = *o->kernel;
	m->o.kernel = &m->kernel;
	m->o.job = NULL; /* in the initrd from the start on */
	m->o.append = NULL;
	m->o.console = NULL;
	m->o.program = NULL;
	/* KASAN keeps an eighth of it, and what is freed for a while. */
	if (!m->o.mem_mib)
		m->o.mem_mib = m->kernel.has & NWB_KERNEL_HAS_KASAN
				       ? 2 * MEM_MIB
				       : MEM_MIB;
	if (!m->o.hung_ns)
		m->o.hung_ns = HUNG_NS;
	if (!m->o.boot_ns)
		m->o.boot_ns = BOOT_NS;
	if (!m->o.limit_ns)
		m->o.limit_ns = LIMIT_NS;
	if (!o->console)
		return 0;
	m->log = fopen(o->console, "we");
	return m->log ? 0 : -errno;
}

static struct nwb_machine *machine_new(void)
{
	struct nwb_machine *m = nwb_zalloc(sizeof(*m));
	pthread_condattr_t ca;

	if (!m)
		return NULL;
	m->chan = m->con = m->wake = -1;
	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&m->ended, &ca);
	pthread_condattr_destroy(&ca);
	return m;
}

/* The sum of what the directory of modules holds is not asked for: a tmpfs
 * takes only what is put into it. */
static uint64_t box_bytes(const struct nwb_machine *m)
{
	uint64_t mem = (uint64_t)m->o.mem_mib * NWB_MIB;

	return ROOM + 192 * NWB_MIB +
	       (m->kernel.kind == NWB_KERNEL_UML ? mem : 0);
}

static int furnish(struct nwb_machine *m, const struct nwb_machine_opts *o,
		   struct nwb_err *err)
{
	const char *program = o->program ? o->program : nwb_guest_program();
	int fd, rc;

	rc = nwb_box_open(o->srv, box_bytes(m), &m->box, err);
	if (rc)
		return rc;
	fd = openat(nwb_box_dirfd(m->box), "initrd",
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return nwb_err_set(err, -errno, "the guest's initrd: %s",
				   nwb_errno_name(errno));
	rc = nwb_initrd_write(fd, &m->kernel, program,
			      nwb_machine_conf(&m->kernel), o->job, err);
	close(fd);
	return rc;
}

static int launch(struct nwb_machine *m, const struct nwb_machine_opts *o,
		  struct nwb_err *err)
{
	struct nwb_machine_opts with = m->o;
	struct nwb_machine_cmd cmd;
	int chan[2] = {-1, -1}, con[2] = {-1, -1}, image, rc;

	with.append = o->append;
	nwb_machine_cmd(&with, nwb_box_dir(m->box), &cmd);
	image = open(m->kernel.image, O_RDONLY | O_CLOEXEC);
	m->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (image < 0 || m->wake < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, chan) ||
	    pipe2(con, O_CLOEXEC) || fcntl(con[0], F_SETFL, O_NONBLOCK))
		rc = nwb_err_set(err, -errno, "%s and its channel: %s",
				 m->kernel.image, nwb_errno_name(errno));
	else
		rc = nwb_box_spawn(m->box, cmd.argv, con[1], chan[1], image,
				   err);
	m->chan = chan[0];
	m->con = con[0];
	close_fd(&chan[1]);
	close_fd(&con[1]);
	close_fd(&image);
	return rc;
}

static int start_thread(struct nwb_machine *m, struct nwb_err *err)
{
	sigset_t all, old;
	int rc;

	m->loop_ns = m->last_ns = nwb_machine_now();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&m->thread, NULL, nwb_machine_loop, m);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		return nwb_err_set(err, -rc, "start the guest's thread: %s",
				   nwb_errno_name(rc));
	m->has_thread = true;
	return 0;
}

int nwb_machine_start(const struct nwb_machine_opts *opts,
		      struct nwb_machine **ret_m, struct nwb_err *err)
{
	struct nwb_machine *m;
	int rc = nwb_guest_job_check(opts->job, err);

	if (!rc)
		rc = nwb_machine_check(opts->kernel, err);
	if (rc)
		return rc;
	m = machine_new();
	if (!m)
		return nwb_err_set(err, -ENOMEM, "out of memory");
	m->start_ns = nwb_machine_now();
	rc = copy_opts(m, opts);
	if (rc)
		nwb_err_set(err, rc, "%s: %s", opts->console,
			    nwb_errno_name(rc));
	if (!rc)
		rc = furnish(m, opts, err);
	if (!rc)
		rc = launch(m, opts, err);
	if (!rc)
		rc = start_thread(m, err);
	if (rc) {
		nwb_machine_free(m);
		return nwb_err_wrap(err, rc, "guest %s", opts->kernel->name);
	}
	*ret_m = m;
	return 0;
}

/* --- what others ask ------------------------------------------------------ */

static void wake(struct nwb_machine *m)
{
	const uint64_t one = 1;

	if (write(m->wake, &one, sizeof(one)) < 0)
		return; /* it is full of wakes already */
}

int nwb_machine_tell(struct nwb_machine *m, enum nwb_chan_type type,
		     const void *payload, size_t len)
{
	struct nwb_chan_rec rec = {
		.type = type,
		.payload = payload,
		.len = (uint32_t)len,
	};
	int rc = 0;

	pthread_mutex_lock(&m->lock);
	/* Echoes make no queue: the next one says more. */
	if (type == NWB_CHAN_ECHO
		    ? m->out_len
		    : m->out_len + NWB_CHAN_HEAD + len > sizeof(m->out))
		rc = -ENOBUFS;
	else
		m->out_len += nwb_chan_put(&rec, m->out + m->out_len);
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int tell_name(struct nwb_machine *m, enum nwb_chan_type type,
		     const char *name)
{
	int rc;

	if (!*name || strlen(name) > NWB_CHAN_NAME_MAX)
		return -EINVAL;
	rc = nwb_machine_tell(m, type, name, strlen(name));
	wake(m);
	return rc;
}

int nwb_machine_go(struct nwb_machine *m, const char *name)
{
	return tell_name(m, NWB_CHAN_GO, name);
}

int nwb_machine_fuse(struct nwb_machine *m, const char *order)
{
	return tell_name(m, NWB_CHAN_FUSE, order);
}

static void wait_end(struct nwb_machine *m)
{
	pthread_mutex_lock(&m->lock);
	while (!m->has_ended)
		pthread_cond_wait(&m->ended, &m->lock);
	pthread_mutex_unlock(&m->lock);
}

int nwb_machine_power_loss(struct nwb_machine *m, struct nwb_err *err)
{
	int rc = nwb_server_plug(m->o.srv, false, err);

	if (rc)
		return rc;
	pthread_mutex_lock(&m->lock);
	m->want_cut = true;
	pthread_mutex_unlock(&m->lock);
	wake(m);
	wait_end(m);
	/* The cable is good again, for whoever comes next. */
	return nwb_server_plug(m->o.srv, true, err);
}

void nwb_machine_stop(struct nwb_machine *m)
{
	pthread_mutex_lock(&m->lock);
	m->want_stop = true;
	pthread_mutex_unlock(&m->lock);
	wake(m);
}

int nwb_machine_wait(struct nwb_machine *m, uint64_t timeout_ns,
		     struct nwb_machine_report *ret)
{
	uint64_t until = nwb_machine_now() + timeout_ns;
	const struct timespec ts = {
		.tv_sec = (time_t)(until / NWB_SEC),
		.tv_nsec = (long)(until % NWB_SEC),
	};
	bool has_ended;
	int rc = 0;

	pthread_mutex_lock(&m->lock);
	while (!m->has_ended && !rc)
		rc = timeout_ns
			     ? pthread_cond_timedwait(&m->ended, &m->lock, &ts)
			     : pthread_cond_wait(&m->ended, &m->lock);
	has_ended = m->has_ended;
	if (has_ended)
		*ret = m->r;
	pthread_mutex_unlock(&m->lock);
	return has_ended ? 0 : -rc;
}

void nwb_machine_free(struct nwb_machine *m)
{
	if (!m)
		return;
	if (m->has_thread) {
		nwb_machine_stop(m);
		pthread_join(m->thread, NULL);
	}
	nwb_box_close(m->box);
	close_fd(&m->chan);
	close_fd(&m->con);
	close_fd(&m->wake);
	if (m->log)
		fclose(m->log);
	pthread_cond_destroy(&m->ended);
	pthread_mutex_destroy(&m->lock);
	nwb_free(m);
}
