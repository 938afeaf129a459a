/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ladder: which isolation is there, and why not a better one.
 *
 *	ns ── refused? ──► userns ── refused? ──► none
 *
 * A step counts as there when its agent has come up and has made the state
 * directory: some systems allow the user namespace and then nothing in it.
 */
#include "ns.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
	[NWB_ISOLATION_AUTO] = "auto",
	[NWB_ISOLATION_NS] = "ns",
	[NWB_ISOLATION_USERNS] = "userns",
	[NWB_ISOLATION_NONE] = "none",
};

const char *nwb_isolation_name(enum nwb_isolation step)
{
	nwb_assert((unsigned int)step < NWB_ARRAY_SIZE(names));
	return names[step];
}

int nwb_isolation_find(const char *name)
{
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], name))
			return (int)i;
	return -1;
}

static int setup(struct nwb_link *l, uint64_t bytes, struct nwb_place *p,
		 struct nwb_err *err)
{
	struct nwb_call c = {.op = NWB_AGENT_SETUP, .arg = {bytes, l->step}};
	int rc = nwb_link_call(l, &c);

	if (rc == -EPIPE) {
		int code = nwb_link_kill(l);

		if (code)
			return nwb_err_set(err, -code,
					   "the agent could not begin: %s",
					   nwb_errno_name(code));
		return nwb_err_set(err, rc,
				   "the agent ended at once: is /proc mounted, "
				   "and the program still where it was?");
	}
	if (rc)
		return nwb_err_set(err, rc, "%s", c.ret_text);
	nwb_assert(strlen(c.ret_text) < sizeof(p->dir));
	memcpy(p->dir, c.ret_text, strlen(c.ret_text) + 1);
	p->dirfd = c.ret_fd;
	p->port = (uint16_t)c.arg[0];
	return 0;
}

static int try_step(struct nwb_link *l, enum nwb_isolation step, uint64_t bytes,
		    struct nwb_place *p, struct nwb_err *err)
{
	int rc = nwb_link_open(l, step, err);

	if (rc)
		return rc;
	p->step = step;
	rc = setup(l, bytes, p, err);
	if (rc)
		nwb_link_close(l);
	return rc;
}

/* Not allowed or not there, as against "try again later". */
static bool is_refusal(int rc)
{
	switch (rc) {
	case -EPERM:
	case -EACCES:
	case -EINVAL:
	case -ENOSYS:
	case -ENOSPC:
	case -EUSERS:
	case -ENOENT:
	case -ENODEV:
	case -EROFS:
		return true;
	default:
		return false;
	}
}

static void say_why(enum nwb_isolation refused, int rc, char *why, size_t size)
{
	if (refused == NWB_ISOLATION_NS && geteuid() != 0)
		snprintf(why, size, "not root");
	else if (refused == NWB_ISOLATION_NS)
		snprintf(why, size, "root may not make namespaces here (%s)",
			 nwb_errno_name(rc));
	else
		snprintf(why, size, "user namespaces are off here (%s)",
			 nwb_errno_name(rc));
}

int nwb_place_open(struct nwb_link *l, enum nwb_isolation want, uint64_t bytes,
		   struct nwb_place *ret_place, struct nwb_err *err)
{
	struct nwb_place p = {.dirfd = -1};
	enum nwb_isolation step;
	int rc = -EINVAL;

	if (want != NWB_ISOLATION_AUTO) {
		snprintf(p.why, sizeof(p.why), "asked for");
		rc = try_step(l, want, bytes, &p, err);
		if (!rc)
			*ret_place = p;
		return rc;
	}
	for (step = NWB_ISOLATION_NS; step <= NWB_ISOLATION_NONE; step++) {
		rc = try_step(l, step, bytes, &p, err);
		if (!rc)
			*ret_place = p;
		if (!rc || !is_refusal(rc))
			return rc;
		say_why(step, rc, p.why, sizeof(p.why));
	}
	return rc;
}

int nwb_isolation_try(enum nwb_isolation want, enum nwb_isolation *ret_step,
		      char *ret_why, size_t size, struct nwb_err *err)
{
	struct nwb_place place;
	struct nwb_link link;
	int rc = nwb_place_open(&link, want, NWB_MIB, &place, err);

	if (rc)
		return rc;
	close(place.dirfd);
	nwb_link_close(&link);
	*ret_step = place.step;
	snprintf(ret_why, size, "%s", place.why);
	return 0;
}
