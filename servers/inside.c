/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The place for a user's commands, from netwb's side.
 */
#include "desc.h"
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int nwb_server_inside(struct nwb_server *srv, const char *at,
		      struct nwb_inside *ret_p, struct nwb_err *err)
{
	struct nwb_call c = {
		.op = NWB_AGENT_INSIDE,
		.text = at,
		.text_len = strlen(at) + 1,
	};
	int rc;

	if (srv->step == NWB_ISOLATION_NONE)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "isolation is \"none\": there are no "
				   "namespaces to be in");
	if (c.text_len > NWB_AGENT_TEXT_MAX)
		return nwb_err_set(err, -ENAMETOOLONG, "%s: too long", at);
	rc = nwb_link_call(&srv->link, &c);
	if (rc)
		return nwb_err_set(err, rc, "%s", c.ret_text);
	*ret_p = (struct nwb_inside){c.ret_fd, c.ret_more[0], c.ret_more[1]};
	return 0;
}

/* A process may not enter the user namespace in which it is. */
static bool is_own_user_ns(int fd)
{
	struct stat own, other;

	return !stat("/proc/self/ns/user", &own) && !fstat(fd, &other) &&
	       own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

static int enter(int fd, int type, const char *what, struct nwb_err *err)
{
	if (fd < 0 || !setns(fd, type))
		return 0;
	return nwb_err_set(err, -errno, "enter the run's %s namespace: %s",
			   what, nwb_errno_name(errno));
}

int nwb_inside_enter(const struct nwb_inside *p, struct nwb_err *err)
{
	char cwd[PATH_MAX];
	int rc = 0;

	if (p->mnt >= 0 && !getcwd(cwd, sizeof(cwd)))
		return nwb_err_set(err, -errno, "the working directory: %s",
				   nwb_errno_name(errno));
	if (p->user >= 0 && !is_own_user_ns(p->user))
		rc = enter(p->user, CLONE_NEWUSER, "user", err);
	if (!rc)
		rc = enter(p->net, CLONE_NEWNET, "network", err);
	if (!rc)
		rc = enter(p->mnt, CLONE_NEWNS, "mount", err);
	if (!rc && p->mnt >= 0 && chdir(cwd))
		rc = nwb_err_set(err, -errno, "%s: %s", cwd,
				 nwb_errno_name(errno));
	return rc;
}

void nwb_inside_close(struct nwb_inside *p)
{
	nwb_close_fd(&p->user);
	nwb_close_fd(&p->net);
	nwb_close_fd(&p->mnt);
}
