/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See nwb/box.h. The agent is the servers' own, cloned into the network (and
 * user) namespace of another.
 */
#include "nwb/box.h"
#include "desc.h"
#include "nwb/mem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct nwb_box {
	struct nwb_link link;
	int dirfd;
	char dir[32];
};

int nwb_box_open(struct nwb_server *srv, uint64_t bytes,
		 struct nwb_box **ret_box, struct nwb_err *err)
{
	struct nwb_call c = {.op = NWB_AGENT_SETUP, .arg = {bytes, srv->step}};
	struct nwb_box *box;
	int rc;

	if (srv->step == NWB_ISOLATION_NONE)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "isolation is \"none\": there is no network "
				   "namespace to be in");
	box = nwb_zalloc(sizeof(*box));
	if (!box)
		return nwb_err_set(err, -ENOMEM, "out of memory");
	rc = nwb_link_join(&box->link, srv->step, srv->link.pidfd, err);
	if (rc) {
		nwb_free(box);
		return rc;
	}
	rc = nwb_link_call(&box->link, &c);
	if (rc || c.ret_fd < 0) {
		nwb_err_set(err, rc ? rc : -EPROTO, "a box beside %s: %s",
			    srv->desc->name,
			    *c.ret_text ? c.ret_text : nwb_errno_name(rc));
		nwb_link_close(&box->link);
		nwb_free(box);
		return rc ? rc : -EPROTO;
	}
	nwb_assert(strlen(c.ret_text) < sizeof(box->dir));
	memcpy(box->dir, c.ret_text, strlen(c.ret_text) + 1);
	box->dirfd = c.ret_fd;
	*ret_box = box;
	return 0;
}

int nwb_box_dirfd(const struct nwb_box *box)
{
	return box->dirfd;
}

const char *nwb_box_dir(const struct nwb_box *box)
{
	return box->dir;
}

int nwb_box_spawn(struct nwb_box *box, const char *const *argv, int out,
		  int fd1, int fd2, struct nwb_err *err)
{
	struct nwb_call c = {
		.op = NWB_AGENT_SPAWN,
		.arg = {0, 0, NWB_AGENT_HAS_CTL | NWB_AGENT_HAS_LEDGER},
		.fds = {out, fd1, fd2},
		.nr_fds = 3,
	};
	struct nwb_call watch = {.op = NWB_AGENT_WATCH, .arg = {1}};
	struct nwb_strings *s = nwb_zalloc(sizeof(*s));
	int rc;

	if (!s)
		return nwb_err_set(err, -ENOMEM, "out of memory");
	for (const char *const *a = argv; *a; a++)
		nwb_strings_add(s, "%s", *a);
	c.arg[0] = s->nr;
	nwb_strings_add(s, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	nwb_strings_add(s, "LC_ALL=C");
	nwb_strings_add(s, "HOME=%s", box->dir);
	nwb_strings_add(s, "TMPDIR=%s", box->dir);
	c.arg[1] = s->nr - c.arg[0];
	nwb_assert(s->nr + 2 < NWB_AGENT_ARGS_MAX);
	c.text = s->text;
	c.text_len = s->len;
	rc = nwb_link_call(&box->link, &c);
	if (!rc)
		rc = nwb_link_call(&box->link, &watch);
	if (rc)
		nwb_err_set(err, rc, "execute %s: %s %s", argv[0],
			    nwb_errno_name(rc), c.ret_text);
	nwb_free(s);
	return rc;
}

int nwb_box_event(const struct nwb_box *box)
{
	return box->link.ev;
}

int nwb_box_died(struct nwb_box *box, int *ret_status)
{
	struct nwb_agent_msg *ev = nwb_zalloc(sizeof(*ev));
	int fds[NWB_AGENT_FDS_MAX], rc;
	unsigned int nr = 0;

	if (!ev)
		return -ENOMEM;
	rc = nwb_agent_recv(box->link.ev, ev, fds, &nr);
	while (nr)
		nwb_close_fd(&fds[--nr]);
	if (!rc && ev->op == NWB_AGENT_EV_DIED) {
		*ret_status = (int)ev->arg[1];
		rc = 1;
	}
	nwb_free(ev);
	return rc < 0 ? -EPIPE : rc;
}

int nwb_box_signal(struct nwb_box *box, int sig)
{
	struct nwb_call c = {
		.op = NWB_AGENT_SIGNAL,
		.arg = {(uint64_t)sig, 0},
	};

	return nwb_link_call(&box->link, &c);
}

void nwb_box_kill(struct nwb_box *box)
{
	(void)nwb_link_kill(&box->link);
}

void nwb_box_close(struct nwb_box *box)
{
	if (!box)
		return;
	nwb_close_fd(&box->dirfd);
	nwb_link_close(&box->link);
	nwb_free(box);
}
