/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handle: start, ask, steer, free.
 */
#include "desc.h"
#include "nwb/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STATE_BYTES  (1024 * NWB_MIB)
#define TERM_MS	     700
#define VERSION_MAX  64
#define VERSION_NONE "unknown"

static const struct nwb_server_desc *const descs[] = {
	&nwb_server_smbd,
	&nwb_server_diod,
	&nwb_server_ganesha,
};

const char *nwb_server_name(unsigned int i)
{
	return i < NWB_ARRAY_SIZE(descs) ? descs[i]->name : NULL;
}

const char *nwb_server_find(const char *name)
{
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(descs); i++)
		if (!strcmp(descs[i]->name, name))
			return descs[i]->name;
	return NULL;
}

bool nwb_server_is_9p(const char *name)
{
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(descs); i++)
		if (!strcmp(descs[i]->name, name))
			return descs[i]->is_9p;
	return false;
}

static const struct nwb_server_desc *find_desc(const char *name,
					       struct nwb_err *err)
{
	unsigned int i;

	for (i = 0; name && i < NWB_ARRAY_SIZE(descs); i++)
		if (!strcmp(descs[i]->name, name))
			return descs[i];
	nwb_err_set(err, -EINVAL,
		    "unknown server \"%s\": smbd, diod and ganesha exist",
		    name ? name : "");
	return NULL;
}

void nwb_strings_add(struct nwb_strings *s, const char *fmt, ...)
{
	size_t room = sizeof(s->text) - s->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->text + s->len, room, fmt, ap);
	va_end(ap);
	nwb_assert(n >= 0 && (size_t)n < room);
	s->len += (size_t)n + 1;
	s->nr++;
}

const char *nwb_server_binary(const struct nwb_server *srv)
{
	return srv->opts.binary_path ? srv->opts.binary_path
				     : srv->desc->binary;
}

static int probe_binary(const struct nwb_server_desc *desc, const char *path,
			char *version, size_t size, struct nwb_err *err)
{
	struct stat st;

	if (access(path, X_OK) || stat(path, &st))
		return nwb_err_set(err, -ENOENT,
				   "%s is not installed (%s: %s): "
				   "apt-get install %s",
				   desc->name, path, nwb_errno_name(errno),
				   desc->package);
	if (!S_ISREG(st.st_mode))
		return nwb_err_set(err, -EINVAL, "%s is no program", path);
	if (desc->version(path, version, size))
		snprintf(version, size, "%s", VERSION_NONE);
	return 0;
}

int nwb_server_probe(const char *name, char *version, size_t size,
		     struct nwb_err *err)
{
	const struct nwb_server_desc *desc = find_desc(name, err);

	if (!desc)
		return -EINVAL;
	return probe_binary(desc, desc->binary, version, size, err);
}

static char *dup_string(const char *s)
{
	size_t len = s ? strlen(s) + 1 : 0;
	char *copy = s ? nwb_alloc(len) : NULL;

	return copy ? memcpy(copy, s, len) : NULL;
}

/* The agent starts it in a directory of its own. */
static char *dup_path(const char *path)
{
	char buf[2 * PATH_MAX];
	size_t at;

	if (!path || *path == '/' || !getcwd(buf, PATH_MAX))
		return dup_string(path);
	at = strlen(buf);
	snprintf(buf + at, sizeof(buf) - at, "/%s", path);
	return dup_string(buf);
}

/* "Stays the caller's": it may close it before a restart needs it. */
static int dup_fd(int fd)
{
	return fd > 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 100) : -1;
}

static struct nwb_server *handle_new(const struct nwb_server_opts *opts,
				     const struct nwb_server_desc *desc)
{
	struct nwb_server *srv = nwb_zalloc(sizeof(*srv));
	pthread_condattr_t ca;

	if (!srv)
		return NULL;
	srv->desc = desc;
	srv->opts = *opts;
	srv->opts.name = desc->name;
	srv->opts.shim_path = dup_string(opts->shim_path);
	srv->opts.binary_path = dup_path(opts->binary_path);
	srv->opts.ctl_fd = dup_fd(opts->ctl_fd);
	srv->opts.ledger_fd = dup_fd(opts->ledger_fd);
	srv->root_fd = srv->share_fd = srv->log_fd = -1;
	srv->link.req = srv->link.ev = srv->link.life = srv->link.pidfd = -1;
	pthread_mutex_init(&srv->start_lock, NULL);
	pthread_mutex_init(&srv->state_lock, NULL);
	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&srv->wake, &ca);
	pthread_condattr_destroy(&ca);
	return srv;
}

static int check_handle(struct nwb_server *srv,
			const struct nwb_server_opts *opts, struct nwb_err *err)
{
	if ((opts->shim_path && !srv->opts.shim_path) ||
	    (opts->binary_path && !srv->opts.binary_path))
		return nwb_err_set(err, -ENOMEM, "out of memory");
	if ((opts->ctl_fd > 0 && srv->opts.ctl_fd < 0) ||
	    (opts->ledger_fd > 0 && srv->opts.ledger_fd < 0))
		return nwb_err_set(err, -EBADF,
				   "ctl_fd or ledger_fd is not open");
	return probe_binary(srv->desc, nwb_server_binary(srv), srv->version,
			    sizeof(srv->version), err);
}

/* Options that this kind of server has no knob for. */
static int check_opts(const struct nwb_server_desc *desc,
		      const struct nwb_server_opts *opts, struct nwb_err *err)
{
	if (opts->msize && !desc->msize_max)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "the msize of %s cannot be configured",
				   desc->name);
	if (opts->msize && (opts->msize < NWB_SERVER_MSIZE_MIN ||
			    opts->msize > desc->msize_max))
		return nwb_err_set(err, -EINVAL,
				   "msize %u of %s is not within %u..%u",
				   opts->msize, desc->name,
				   NWB_SERVER_MSIZE_MIN, desc->msize_max);
	if (opts->second_user && !desc->second_user)
		return nwb_err_set(
			err, -EOPNOTSUPP,
			"%s cannot tell a second user from the first",
			desc->name);
	return 0;
}

/* Without a /etc/passwd of its own a server knows the accounts of the host
 * only, and as an ordinary user it can act for one of them. */
static int take_account(struct nwb_server *srv, struct nwb_err *err)
{
	struct passwd pw, *found = NULL;
	char buf[4096];
	int rc = getpwuid_r(geteuid(), &pw, buf, sizeof(buf), &found);

	if (!found)
		return nwb_err_set(err, rc ? -rc : -ENOENT,
				   "isolation none: uid %u has no account in "
				   "/etc/passwd, and a server cannot act for "
				   "it",
				   (unsigned int)geteuid());
	if (strlen(pw.pw_name) >= sizeof(srv->user))
		return nwb_err_set(err, -ENAMETOOLONG, "account name too long");
	snprintf(srv->user, sizeof(srv->user), "%s", pw.pw_name);
	srv->uid = pw.pw_uid;
	return 0;
}

static int check_step(const struct nwb_server_desc *desc,
		      enum nwb_isolation step, struct nwb_err *err)
{
	if (desc->lowest == NWB_ISOLATION_AUTO || step <= desc->lowest)
		return 0;
	return nwb_err_set(
		err, -EOPNOTSUPP,
		"%s works with isolation \"%s\" only, not \"%s\": %s",
		desc->name, nwb_isolation_name(desc->lowest),
		nwb_isolation_name(step), desc->lowest_why);
}

int nwb_server_check_step(const char *name, enum nwb_isolation step,
			  struct nwb_err *err)
{
	const struct nwb_server_desc *desc = find_desc(name, err);

	return desc ? check_step(desc, step, err) : -EINVAL;
}

static int open_place(struct nwb_server *srv, struct nwb_err *err)
{
	uint64_t bytes =
		srv->opts.state_bytes ? srv->opts.state_bytes : STATE_BYTES;
	struct nwb_place p;
	int rc =
		nwb_place_open(&srv->link, srv->opts.isolation, bytes, &p, err);

	if (rc)
		return rc;
	srv->root_fd = p.dirfd;
	rc = check_step(srv->desc, p.step, err);
	if (rc)
		return rc;
	srv->step = p.step;
	srv->port = p.port ? p.port : srv->desc->port;
	memcpy(srv->why, p.why, sizeof(srv->why));
	memcpy(srv->dir, p.dir, sizeof(srv->dir));
	snprintf(srv->share_path, sizeof(srv->share_path), "%s/share",
		 srv->dir);
	snprintf(srv->user, sizeof(srv->user), "%s", srv->desc->user);
	return srv->step == NWB_ISOLATION_NONE ? take_account(srv, err) : 0;
}

/*
 * A copy: what is preloaded must be seen inside, and must not change when
 * somebody builds during the run. But nothing can be executed from a
 * filesystem that is mounted noexec, as /dev/shm often is.
 */
static int place_shim(struct nwb_server *srv, struct nwb_err *err)
{
	const char *path = srv->opts.shim_path;
	struct statvfs fs;
	char *real;

	if (srv->step != NWB_ISOLATION_NONE || fstatvfs(srv->root_fd, &fs) ||
	    !(fs.f_flag & ST_NOEXEC)) {
		snprintf(srv->preload, sizeof(srv->preload), "%s/shim.so",
			 srv->dir);
		return nwb_state_copy_in(srv, path, "shim.so", err);
	}
	real = realpath(path, NULL);
	if (!real)
		return nwb_err_set(err, -errno, "open %s: %s", path,
				   nwb_errno_name(errno));
	snprintf(srv->preload, sizeof(srv->preload), "%s", real);
	free(real);
	/* ld.so(8): these separate libraries */
	if (strlen(srv->preload) + 1 == sizeof(srv->preload) ||
	    strpbrk(srv->preload, " :"))
		return nwb_err_set(err, -EINVAL,
				   "%s: a path with a blank or a colon, or so "
				   "long, cannot be preloaded",
				   path);
	return 0;
}

static int setup_state(struct nwb_server *srv, struct nwb_err *err)
{
	int rc = nwb_state_dirs(srv, err);

	if (rc)
		return rc;
	srv->share_fd = openat(srv->root_fd, "share",
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	srv->log_fd = openat(srv->root_fd, "log/server.log",
			     O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (srv->share_fd < 0 || srv->log_fd < 0)
		return nwb_err_set(err, -errno, "open in %s: %s", srv->dir,
				   nwb_errno_name(errno));
	if (srv->opts.shim_path) {
		rc = place_shim(srv, err);
		if (rc)
			return rc;
	}
	return srv->desc->configure(srv, err);
}

/* The device must be there when the server looks for its interfaces. diod
 * refuses a client whose address has no name. */
static int make_tap(struct nwb_server *srv, struct nwb_err *err)
{
	static const char hosts[] =
		"127.0.0.1 localhost\n" NWB_TAP_ADDR
		" nwb-server\n" NWB_TAP_GUEST " nwb-guest\n";
	struct nwb_call c = {.op = NWB_AGENT_TAP};
	int rc;

	if (!srv->opts.tap)
		return 0;
	rc = nwb_link_call(&srv->link, &c);
	if (rc)
		return nwb_err_set(err, rc, "%s", c.ret_text);
	rc = nwb_state_write(srv, "hosts", 0644, hosts, err);
	if (!rc)
		rc = nwb_server_bind(srv, "hosts", "/etc/hosts", err);
	return rc;
}

static int start(struct nwb_server *srv, const struct nwb_server_opts *opts,
		 struct nwb_err *err)
{
	int rc = check_opts(srv->desc, opts, err);

	if (!rc)
		rc = check_handle(srv, opts, err);
	if (!rc)
		rc = open_place(srv, err);
	if (!rc)
		rc = make_tap(srv, err);
	if (!rc)
		rc = setup_state(srv, err);
	if (!rc)
		rc = nwb_monitor_start(srv, err);
	if (rc)
		return rc;
	pthread_mutex_lock(&srv->start_lock);
	rc = nwb_server_bring_up(srv, err);
	pthread_mutex_unlock(&srv->start_lock);
	return rc;
}

int nwb_server_start(const struct nwb_server_opts *opts,
		     struct nwb_server **ret_srv, struct nwb_err *err)
{
	const struct nwb_server_desc *desc = find_desc(opts->name, err);
	struct nwb_server *srv;
	int rc;

	if (!desc)
		return -EINVAL;
	srv = handle_new(opts, desc);
	if (!srv)
		return nwb_err_set(err, -ENOMEM, "out of memory");
	rc = start(srv, opts, err);
	if (rc) {
		nwb_server_free(srv);
		return nwb_err_wrap(err, rc, "cannot start %s", desc->name);
	}
	*ret_srv = srv;
	return 0;
}

void nwb_server_free(struct nwb_server *srv)
{
	if (!srv)
		return;
	pthread_mutex_lock(&srv->state_lock);
	atomic_store(&srv->is_stopping, true);
	pthread_cond_broadcast(&srv->wake);
	pthread_mutex_unlock(&srv->state_lock);
	if (srv->link.pidfd >= 0) {
		/* A restart under way sees is_stopping and gives up. */
		pthread_mutex_lock(&srv->start_lock);
		if (atomic_load(&srv->main_pid) &&
		    nwb_server_stop_all(
			    srv, srv->desc->is_killed_to_stop ? 0 : TERM_MS))
			atomic_store(&srv->main_pid, 0); /* killed below */
		pthread_mutex_unlock(&srv->start_lock);
		(void)nwb_link_kill(&srv->link);
		nwb_monitor_join(srv);
		nwb_link_close(&srv->link);
	}
	nwb_close_fd(&srv->share_fd);
	nwb_close_fd(&srv->root_fd);
	nwb_close_fd(&srv->log_fd);
	nwb_close_fd(&srv->opts.ctl_fd);
	nwb_close_fd(&srv->opts.ledger_fd);
	pthread_cond_destroy(&srv->wake);
	pthread_mutex_destroy(&srv->state_lock);
	pthread_mutex_destroy(&srv->start_lock);
	nwb_free((void *)(uintptr_t)srv->opts.shim_path);
	nwb_free((void *)(uintptr_t)srv->opts.binary_path);
	nwb_free(srv);
}

void nwb_server_info(struct nwb_server *srv, struct nwb_server_info *ret_info)
{
	*ret_info = (struct nwb_server_info){
		.name = srv->desc->name,
		.version = srv->version,
		.is_9p = srv->desc->is_9p,
		.port = srv->port,
		.share = srv->desc->share ? srv->desc->share : srv->share_path,
		.export_path = srv->share_path,
		.user = srv->user,
		.uid = srv->uid,
		.password = srv->desc->password,
		.second_user =
			srv->opts.second_user ? srv->desc->second_user : NULL,
		.isolation = nwb_isolation_name(srv->step),
		.isolation_why = srv->why,
		.main_pid_in_ns = atomic_load(&srv->main_pid),
	};
}

int nwb_server_dial_to(struct nwb_server *srv, uint32_t addr, int *ret_fd,
		       struct nwb_err *err)
{
	int one = 1, fd, rc;

	rc = nwb_server_socket(srv, addr, 0, &fd, err);
	if (rc)
		return rc;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))) {
		rc = -errno;
		close(fd);
		return nwb_err_set(err, rc, "TCP_NODELAY: %s",
				   nwb_errno_name(rc));
	}
	*ret_fd = fd;
	return 0;
}

int nwb_server_dial(struct nwb_server *srv, int *ret_fd, struct nwb_err *err)
{
	return nwb_server_dial_to(srv, NWB_SERVER_ADDR, ret_fd, err);
}

int nwb_server_packet_socket(struct nwb_server *srv, int *ret_fd,
			     struct nwb_err *err)
{
	struct nwb_call c = {.op = NWB_AGENT_PACKET};
	struct nwb_server_info info;
	int rc;

	nwb_server_info(srv, &info);
	/* On the host's own lo it would take other people's packets. */
	if (!strcmp(info.isolation, "none"))
		return nwb_err_set(err, -EOPNOTSUPP,
				   "a capture needs a network namespace of its "
				   "own, and isolation is \"none\"");
	rc = nwb_link_call(&srv->link, &c);
	if (rc)
		return nwb_err_set(err, rc,
				   "packet socket in the namespace: %s%s",
				   nwb_errno_name(rc),
				   rc == -EPERM ? " (needs CAP_NET_RAW)" : "");
	if (c.ret_fd < 0)
		return nwb_err_set(err, -EPROTO, "the agent sent no socket");
	*ret_fd = c.ret_fd;
	return 0;
}

int nwb_server_plug(struct nwb_server *srv, bool up, struct nwb_err *err)
{
	struct nwb_call c = {.op = NWB_AGENT_PLUG, .arg = {up}};
	int rc;

	if (!srv->opts.tap)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "the server has no cable to pull");
	rc = nwb_link_call(&srv->link, &c);
	if (rc)
		return nwb_err_set(err, rc, "%s", c.ret_text);
	return 0;
}

int nwb_server_open(struct nwb_server *srv, const char *name, int flags,
		    int *ret_fd, struct nwb_err *err)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)flags | O_CLOEXEC,
		.mode = flags & O_CREAT ? 0666 : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, srv->share_fd, name, &how, sizeof(how));

	if (fd < 0)
		return nwb_err_set(err, -errno, "open \"%s\" in the export: %s",
				   name, nwb_errno_name(errno));
	/* The umask must not keep the server's users out. */
	if ((flags & O_CREAT) && fchmod((int)fd, 0666)) {
		int rc = -errno;

		close((int)fd);
		return nwb_err_set(err, rc, "chmod \"%s\": %s", name,
				   nwb_errno_name(rc));
	}
	*ret_fd = (int)fd;
	return 0;
}

int nwb_server_kill(struct nwb_server *srv, int sig, bool all,
		    struct nwb_err *err)
{
	struct nwb_call c = {
		.op = NWB_AGENT_SIGNAL,
		.arg = {(uint64_t)sig, all},
	};
	int rc = nwb_link_call(&srv->link, &c);

	if (rc)
		return nwb_err_set(err, rc, "signal %d to %s: %s", sig,
				   srv->desc->name, nwb_errno_name(rc));
	return 0;
}

int nwb_server_restart(struct nwb_server *srv, struct nwb_err *err)
{
	int rc;

	pthread_mutex_lock(&srv->start_lock);
	rc = nwb_server_stop_all(srv, 0);
	if (rc)
		nwb_err_set(err, rc, "the agent does not answer: %s",
			    nwb_errno_name(rc));
	if (!rc && srv->opts.volatile_storage)
		rc = nwb_state_restore(srv, err);
	if (!rc)
		rc = nwb_server_bring_up(srv, err);
	pthread_mutex_unlock(&srv->start_lock);
	if (rc)
		return nwb_err_wrap(err, rc, "restart %s", srv->desc->name);
	return 0;
}

int nwb_server_set_msize(struct nwb_server *srv, uint32_t msize,
			 struct nwb_err *err)
{
	struct nwb_server_opts opts = {.msize = msize};
	int rc = check_opts(srv->desc, &opts, err);

	if (rc)
		return rc;
	pthread_mutex_lock(&srv->start_lock);
	srv->opts.msize = msize;
	rc = srv->desc->configure(srv, err);
	pthread_mutex_unlock(&srv->start_lock);
	return rc;
}

int nwb_server_cpu_ns(struct nwb_server *srv, uint64_t *ret_ns)
{
	struct nwb_call c = {.op = NWB_AGENT_CPU};
	int rc = nwb_link_call(&srv->link, &c);

	if (!rc)
		*ret_ns = c.arg[0];
	return rc;
}

int nwb_server_log_tail(struct nwb_server *srv, char *buf, size_t size)
{
	struct stat st;
	off_t from;
	ssize_t n;

	if (!size)
		return -EINVAL;
	if (fstat(srv->log_fd, &st))
		return -errno;
	from = nwb_max(st.st_size - (off_t)(size - 1), (off_t)0);
	n = pread(srv->log_fd, buf, size - 1, from);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}
