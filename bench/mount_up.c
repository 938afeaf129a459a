/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client and its mount, from the first to the last; see mount_i.h. */
#include "mount_i.h"
#include "serve_i.h"

#include "nwb/engine.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define KILL_MS	    10000
#define PATIENCE_NS (10 * NWB_SEC) /* of nwb_subject_new(), if not said */
#define BOUND_NS    (10 * NWB_SEC)

const char *mount_subject(const struct serve *s)
{
	if (s->cli.kernel_cache)
		return "kernel-fuse";
	if (s->cli.is_raw)
		return "raw";
	return nwb_subject_kind_name(s->cli.run.subject);
}

static int check_dir(const char *dir, struct nwb_err *err)
{
	struct stat st;

	if (stat(dir, &st))
		return nwb_err_set(err, -EINVAL, "--dir %s: %s", dir,
				   strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return nwb_err_set(err, -EINVAL, "--dir %s: not a directory",
				   dir);
	return 0;
}

int mount_check(struct serve *s, struct nwb_err *err)
{
	struct bench_cli *c = &s->cli;
	int rc;

	if (!strcmp(s->server, "ganesha"))
		return nwb_err_set(err, -EINVAL,
				   "mount: smbd or diod; a mount over ganesha "
				   "has not been proven");
	if (c->kernel_cache && c->has_client && !c->is_raw)
		return nwb_err_set(err, -EINVAL,
				   "--kernel-cache is a cache already: it goes "
				   "with --client raw");
	if (!s->command && !c->mount_dir)
		return nwb_err_set(err, -EINVAL,
				   "what shall run in it? netwb mount %s -- "
				   "COMMAND, or --dir DIR to mount it on the "
				   "host",
				   s->server);
	if (c->run.subject != NWB_SUBJ_IN_PLACE &&
	    c->run.subject != NWB_SUBJ_TEMP_PAGE)
		return nwb_err_set(err, -EINVAL,
				   "client %s of the plan is no file system",
				   nwb_subject_kind_name(c->run.subject));
	if (c->run.second_user || c->run.mirror[0])
		return nwb_err_set(
			err, -EOPNOTSUPP,
			"a second user and a mirror are of `netwb run`, "
			"not of a mount");
	if (c->run.crypto_unit)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "content crypto is of `netwb run`, not of a "
				   "mount");
	c->is_raw |= c->kernel_cache;
	if (c->is_raw)
		c->run.cache = NWB_CACHE_NONE;
	rc = bench_subject_check(&c->run, err);
	return rc || !c->mount_dir ? rc : check_dir(c->mount_dir, err);
}

/* --- up ------------------------------------------------------------------- */

/* In the run's place; where there is none, on the host. */
static int find_path(struct serve *s, struct nwb_err *err)
{
	struct bench_mount *m = s->mount;
	bool is_host = s->inside.mnt < 0 || !s->command;

	if (s->cli.mount_dir) {
		if (!realpath(s->cli.mount_dir, m->path))
			return nwb_err_set(err, -errno, "--dir %s: %s",
					   s->cli.mount_dir, strerror(errno));
	} else {
		snprintf(m->path, sizeof(m->path), "%s/mnt", s->dir.path);
		if (mkdir(m->path, 0700))
			return nwb_err_set(err, -errno, "%s: %s", m->path,
					   strerror(errno));
	}
	m->place = s->inside;
	m->place.net = -1;
	m->at = (struct bench_fuse_at){
		.place = is_host ? NULL : &m->place,
		.path = m->path,
		.source = "netwb",
	};
	if (s->cli.engine)
		snprintf(m->engine, sizeof(m->engine), "@netwb-engine-%d",
			 getpid());
	if (!bench_vars_add(&s->vars, "NWB_MNT=%s", m->path) ||
	    (m->engine[0] &&
	     !bench_vars_add(&s->vars, NWB_ENGINE_ENV "=%s", m->engine)))
		return nwb_err_set(err, -ENAMETOOLONG, "variables too long");
	return 0;
}

/* A task: the client, then FUSE on it. */
static void start_client(void *arg)
{
	struct serve *s = arg;
	struct bench_mount *m = s->mount;
	struct nwb_fuse_opts fo = {
		.kernel_cache = s->cli.kernel_cache,
		.has_owner = !m->at.place && getuid() != 0,
		.uid = getuid(),
		.gid = getgid(),
	};
	struct nwb_subject_opts so = {
		.dialer = &s->dialer.dialer,
		.is_9p = s->info.is_9p,
		.share = s->info.share,
		.user = s->info.user,
		.uid = s->info.uid,
		.password = s->info.password,
	};

	bench_dialer_init(&s->dialer, s->srv);
	bench_client_opts(&s->cli.run, &so);
	m->rc = nwb_subject_new(m->ex, &so, &m->subject, m->err);
	if (m->rc)
		return;
	fo.mnt = nwb_subject_mount(m->subject);
	m->rc = bench_warden_mount(&s->warden, &m->at, &fo.fd, m->err);
	if (m->rc)
		return;
	m->is_mounted = true;
	fo.shadow = m->shadow;
	fo.engine = m->engine[0] ? m->engine : NULL;
	m->rc = nwb_fuse_start(m->ex, &fo, &m->fuse, m->err);
}

int mount_up(struct serve *s, struct nwb_err *err)
{
	struct bench_mount *m = s->mount;
	int rc = find_path(s, err);

	if (!rc && !s->cli.no_shadow) {
		rc = nwb_shadow_new(0, &m->shadow);
		if (rc)
			return nwb_err_set(err, rc,
					   "no address space for a shadow");
	}
	if (!rc)
		rc = nwb_exec_real_new(NULL, &m->ex, err);
	if (rc)
		return rc;
	m->err = err;
	rc = nwb_exec_run(m->ex, start_client, s, 0, err);
	return rc ? rc : m->rc;
}

int mount_run(struct serve *s, char **env, struct nwb_err *err)
{
	struct bench_mount *m = s->mount;

	return bench_warden_run(&s->warden, s->command, env, m->path, &m->place,
				err);
}

/* --- down ----------------------------------------------------------------- */

bool mount_is_over(const struct bench_mount *m)
{
	return m->fuse && nwb_fuse_is_over(m->fuse);
}

static void trouble(struct bench_mount *m, const char *why)
{
	if (!m->trouble[0])
		snprintf(m->trouble, sizeof(m->trouble), "%.180s", why);
}

/* It must not write any more. */
static void end_command(struct serve *s)
{
	struct pollfd pfd = {s->warden.sock, POLLIN, 0};

	if (!s->command || s->has_command_ended || !s->mount->is_mounted)
		return;
	bench_warden_signal(&s->warden, SIGKILL);
	if (poll(&pfd, 1, KILL_MS) > 0)
		(void)!bench_warden_status(&s->warden, &s->wait_status);
}

static void heal(void *arg)
{
	struct serve *s = arg;

	bench_heal(s->l.page, &s->l.ledger, BOUND_NS);
}

/* The client stands still, without any fault: say so, and what would have. */
static void hang(void *arg)
{
	struct serve *s = arg;

	fprintf(s->out,
		"O8 FAIL HANG: the client does not come to an end of what it "
		"was told to write\nverdict: FAIL\n");
	fflush(NULL);
	_exit(NWB_EXIT_FAIL);
}

/* A task: what is still open is closed, which makes it durable. */
static void stop_client(void *arg)
{
	struct serve *s = arg;
	struct bench_mount *m = s->mount;

	m->close_error = nwb_fuse_stop(m->fuse, &m->stats);
	m->fuse = NULL;
	if (m->subject)
		m->subject->ops->stats(m->subject, &m->client);
	nwb_subject_free(m->subject);
	m->subject = NULL;
}

void mount_down(struct serve *s)
{
	struct bench_mount *m = s->mount;
	struct bench_watchdog *dog = NULL;
	struct nwb_err err = {0};
	int rc;

	if (!m->ex)
		return;
	end_command(s);
	if (m->subject && s->sup &&
	    bench_watchdog_start(&s->l.ledger, s->sup,
				 m->subject->policy.hard
					 ? 60 * NWB_SEC
					 : m->subject->policy.patience_ns +
						   15 * NWB_SEC,
				 BOUND_NS, heal, hang, s, &dog))
		dog = NULL;
	if (m->is_mounted && !mount_is_over(m)) {
		rc = bench_warden_umount(&s->warden, &m->at, &err);
		if (rc && !mount_is_over(m))
			trouble(m, err.text);
	}
	m->is_mounted = false;
	if (nwb_exec_run(m->ex, stop_client, s, 0, &err))
		trouble(m, err.text);
	bench_watchdog_stop(dog);
	nwb_exec_free(m->ex);
	m->ex = NULL;
}
