/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes inside: tools, the server, and whether it answers yet.
 */
#include "desc.h"
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_S	      12
#define PROBE_MS      2000
#define TRY_EVERY_NS  2000000L
#define LOG_LINES_MAX 200

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

static void add_env(struct nwb_server *srv, struct nwb_strings *s)
{
	const char *const *e;

	nwb_strings_add(s, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	nwb_strings_add(s, "LC_ALL=C");
	nwb_strings_add(s, "HOME=/");
	nwb_strings_add(s, "TMPDIR=%s/tmp", srv->dir);
	for (e = srv->desc->env; e && *e; e++)
		nwb_strings_add(s, "%s", *e);
}

/* Only for the server itself, never for its tools. */
static void add_shim_env(struct nwb_server *srv, struct nwb_strings *s)
{
	if (srv->opts.shim_path)
		nwb_strings_add(s, "LD_PRELOAD=%s", srv->preload);
	if (srv->opts.ctl_fd >= 0)
		nwb_strings_add(s, "NWB_SHIM_CTL_FD=%d", NWB_SERVER_FD_CTL);
	if (srv->opts.ledger_fd >= 0)
		nwb_strings_add(s, "NWB_SHIM_LEDGER_FD=%d",
				NWB_SERVER_FD_LEDGER);
	if (srv->opts.volatile_storage)
		nwb_strings_add(s, "NWB_SHIM_DURABLE=%s/durable", srv->dir);
}

int nwb_server_run(struct nwb_server *srv, const struct nwb_strings *argv,
		   const char *input, struct nwb_err *err)
{
	struct nwb_call c = {.op = NWB_AGENT_RUN};
	struct nwb_strings all = *argv;
	size_t len = strlen(input);
	int rc, status;

	add_env(srv, &all);
	nwb_assert(all.len + len <= sizeof(all.text));
	memcpy(all.text + all.len, input, len);
	c.arg[0] = argv->nr;
	c.arg[1] = all.nr - argv->nr;
	c.text = all.text;
	c.text_len = all.len + len;
	c.fds[0] = srv->log_fd;
	c.nr_fds = 1;
	rc = nwb_link_call(&srv->link, &c);
	if (rc)
		return nwb_err_set(err, rc, "run %s: %s %s", argv->text,
				   nwb_errno_name(rc), c.ret_text);
	status = (int)c.arg[0];
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return nwb_err_set(err, -EIO, "%s failed (%s %d)", argv->text,
			   WIFEXITED(status) ? "status" : "signal",
			   WIFEXITED(status) ? WEXITSTATUS(status)
					     : WTERMSIG(status));
}

int nwb_server_bind(struct nwb_server *srv, const char *name, const char *to,
		    struct nwb_err *err)
{
	struct nwb_call c = {.op = NWB_AGENT_BIND};
	struct nwb_strings s = {.len = 0};
	int rc;

	nwb_strings_add(&s, "%s/%s", srv->dir, name);
	nwb_strings_add(&s, "%s", to);
	c.text = s.text;
	c.text_len = s.len;
	rc = nwb_link_call(&srv->link, &c);
	if (rc)
		return nwb_err_set(err, rc, "bind-mount over %s: %s", to,
				   nwb_errno_name(rc));
	return 0;
}

static int spawn(struct nwb_server *srv, struct nwb_err *err)
{
	struct nwb_call c = {.op = NWB_AGENT_SPAWN};
	struct nwb_strings s = {.len = 0};
	int rc;

	srv->nr_starts++;
	nwb_strings_add(&s, "%s", nwb_server_binary(srv));
	srv->desc->command(srv, &s);
	c.arg[0] = s.nr;
	add_env(srv, &s);
	add_shim_env(srv, &s);
	c.arg[1] = s.nr - c.arg[0];
	c.text = s.text;
	c.text_len = s.len;
	c.fds[c.nr_fds++] = srv->log_fd;
	if (srv->opts.ctl_fd >= 0) {
		c.fds[c.nr_fds++] = srv->opts.ctl_fd;
		c.arg[2] |= NWB_AGENT_HAS_CTL;
	}
	if (srv->opts.ledger_fd >= 0) {
		c.fds[c.nr_fds++] = srv->opts.ledger_fd;
		c.arg[2] |= NWB_AGENT_HAS_LEDGER;
	}
	if (srv->opts.ignore_sigpipe)
		c.arg[2] |= NWB_AGENT_NO_SIGPIPE;
	rc = nwb_link_call(&srv->link, &c);
	if (rc)
		return nwb_err_set(err, rc, "execute %s: %s %s", s.text,
				   nwb_errno_name(rc), c.ret_text);
	atomic_store(&srv->main_pid, (int)c.arg[0]);
	return 0;
}

int nwb_server_socket(struct nwb_server *srv, uint32_t addr,
		      unsigned int timeout_ms, int *ret_fd, struct nwb_err *err)
{
	struct timeval tv = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(srv->port),
		.sin_addr.s_addr = htonl(addr),
	};
	/* Two connections to two addresses could get the same port, and the
	 * port is a connection's name in ledgers and captures: a port that is
	 * asked for by itself is nobody else's. */
	struct sockaddr_in from = {.sin_family = AF_INET};
	struct nwb_call c = {.op = NWB_AGENT_SOCKET};
	int rc;

	rc = nwb_link_call(&srv->link, &c);
	if (rc)
		return nwb_err_set(err, rc, "socket in the namespace: %s",
				   nwb_errno_name(rc));
	if (c.ret_fd < 0)
		return nwb_err_set(err, -EPROTO, "the agent sent no socket");
	/* A socket stays in the namespace in which it was made. */
	if (setsockopt(c.ret_fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) ||
	    setsockopt(c.ret_fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) ||
	    (srv->opts.multichannel &&
	     bind(c.ret_fd, (struct sockaddr *)&from, sizeof(from))) ||
	    connect(c.ret_fd, (struct sockaddr *)&to, sizeof(to))) {
		rc = -errno;
		close(c.ret_fd);
		return nwb_err_set(err, rc, "connect to %s: %s",
				   srv->desc->name, nwb_errno_name(rc));
	}
	*ret_fd = c.ret_fd;
	return 0;
}

static int probe(struct nwb_server *srv)
{
	int fd, rc;

	rc = nwb_server_socket(srv, NWB_SERVER_ADDR, PROBE_MS, &fd, NULL);
	if (rc)
		return rc;
	rc = srv->desc->probe(fd);
	close(fd);
	return rc;
}

/* Is the main process gone before it answered? */
static int check_alive(struct nwb_server *srv, struct nwb_err *err)
{
	struct nwb_call c = {.op = NWB_AGENT_STATUS};
	int rc, st;

	rc = nwb_link_call(&srv->link, &c);
	if (rc)
		return nwb_err_set(err, rc, "the agent of %s is gone",
				   srv->desc->name);
	if (c.arg[0])
		return 0;
	st = (int)c.arg[1];
	return nwb_err_set(err, -EIO, "%s ended before it answered (%s %d)",
			   nwb_server_binary(srv),
			   WIFEXITED(st) ? "status" : "signal",
			   WIFEXITED(st) ? WEXITSTATUS(st) : WTERMSIG(st));
}

static int wait_ready(struct nwb_server *srv, struct nwb_err *err)
{
	const struct timespec pause = {0, TRY_EVERY_NS};
	uint64_t deadline = now_ns() + READY_S * NWB_SEC;
	int rc;

	for (;;) {
		rc = probe(srv);
		if (!rc)
			return 0;
		if (rc == -EPROTO)
			return nwb_err_set(err, rc,
					   "what answers on port %u of %s does "
					   "not speak its protocol",
					   srv->port, srv->desc->name);
		rc = check_alive(srv, err);
		if (rc)
			return rc;
		if (atomic_load(&srv->is_stopping))
			return nwb_err_set(err, -ECANCELED, "being stopped");
		if (now_ns() > deadline)
			return nwb_err_set(err, -ETIMEDOUT,
					   "%s did not answer within %d s",
					   nwb_server_binary(srv), READY_S);
		nanosleep(&pause, NULL);
	}
}

/* Add the end of the log to the error: it usually names the cause. */
static void add_log(struct nwb_server *srv, struct nwb_err *err)
{
	char tail[LOG_LINES_MAX + 1], *p, *q;
	struct nwb_err old;

	if (!err || nwb_server_log_tail(srv, tail, sizeof(tail)) || !*tail)
		return;
	/* Whole lines, on one line. */
	p = tail;
	if (strlen(tail) == LOG_LINES_MAX && strchr(p, '\n') &&
	    strchr(p, '\n')[1])
		p = strchr(p, '\n') + 1;
	for (q = p; *q; q++)
		if (*q == '\n' || *q == '\r' || *q == '\t')
			*q = ' ';
	while (q > p && q[-1] == ' ')
		*--q = '\0';
	old = *err;
	nwb_err_set(err, old.code, "%.*s; its log ends: %s",
		    NWB_ERR_TEXT_MAX - LOG_LINES_MAX - 20, old.text, p);
}

/* Without namespaces: is it ours that answers, and for us only? */
static int check_port(struct nwb_server *srv, struct nwb_err *err)
{
	struct nwb_call c = {
		.op = NWB_AGENT_LISTENS,
		.arg = {srv->port},
	};
	int rc = nwb_link_call(&srv->link, &c);

	if (rc)
		return nwb_err_set(err, rc, "%s: %s", nwb_server_binary(srv),
				   c.ret_text);
	return 0;
}

int nwb_server_bring_up(struct nwb_server *srv, struct nwb_err *err)
{
	struct nwb_call c = {.op = NWB_AGENT_WATCH};
	int rc;

	srv->epoch++;
	rc = spawn(srv, err);
	if (rc)
		return rc;
	rc = wait_ready(srv, err);
	if (rc) {
		if (nwb_server_stop_all(srv, 0))
			return rc;
		add_log(srv, err);
		return rc;
	}
	rc = check_port(srv, err);
	if (rc) {
		if (nwb_server_stop_all(srv, 0))
			srv->link.is_broken = true;
		return rc;
	}
	c.arg[0] = srv->epoch;
	rc = nwb_link_call(&srv->link, &c);
	if (rc)
		return nwb_err_set(err, rc, "the agent of %s is gone",
				   srv->desc->name);
	return 0;
}

int nwb_server_stop_all(struct nwb_server *srv, unsigned int grace_ms)
{
	struct nwb_call c = {.op = NWB_AGENT_STOP, .arg = {grace_ms}};
	int rc = nwb_link_call(&srv->link, &c);

	atomic_store(&srv->main_pid, 0);
	return rc;
}
