/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making the namespaces and the agent in them, and talking to it.
 *
 * Threads: nwb_link_call() serialises its callers; the rest belongs to one
 * thread at a time.
 */
#ifndef NWB_SERVERS_NS_H
#define NWB_SERVERS_NS_H

#include "agent.h"
#include "nwb/server.h"
#include <pthread.h>
#include <sys/types.h>

/**
 * struct nwb_link - netwb's end of one agent.
 * @step: its isolation; never AUTO
 * @req, @ev: sockets; @ev is read by the monitor thread only
 * @life: write end of the pipe that the agent watches
 * @pidfd: of the agent
 * @lock: one request at a time
 * @msg: request and reply, under @lock
 * @is_broken: a reply was lost, no further request can be matched
 */
struct nwb_link {
	enum nwb_isolation step;
	int req;
	int ev;
	int life;
	int pidfd;
	pthread_mutex_t lock;
	struct nwb_agent_msg msg;
	bool is_broken;
};

/**
 * struct nwb_call - one request and its reply.
 * @op, @arg: see enum nwb_agent_op; @arg is replaced by the reply's
 * @text, @text_len: of the request; borrowed
 * @fds, @nr_fds: sent along; they stay the caller's
 * @ret_fd: the file that came with the reply, -1 = none; the caller's
 * @ret_more: what came behind it, -1 = none; the caller's
 * @ret_text: text of the reply, or the reason of the failure
 */
struct nwb_call {
	uint32_t op;
	uint64_t arg[3];
	const char *text;
	size_t text_len;
	int fds[NWB_AGENT_FDS_MAX];
	unsigned int nr_fds;
	int ret_fd;
	int ret_more[NWB_AGENT_FDS_MAX - 1];
	char ret_text[NWB_ERR_TEXT_MAX];
};

/**
 * nwb_link_open() - an agent in new namespaces, or in none.
 * @step: not AUTO
 *
 * clone(2) makes a child like fork(2)'s that execs this very program under
 * the name "netwb-agent": between the two it makes only system calls, so it
 * works in a program with threads and under sanitizers.
 *
 * Return: 0; negative errno with the remedy in @err.
 */
int nwb_link_open(struct nwb_link *l, enum nwb_isolation step,
		  struct nwb_err *err) nwb_must_check;
/**
 * nwb_link_join() - an agent beside another: in that one's network (and user)
 * namespace, with pid, mount, ipc and uts namespaces of its own.
 * @step: of the other; not NONE
 * @pidfd: of the other
 *
 * Return: as nwb_link_open().
 */
int nwb_link_join(struct nwb_link *l, enum nwb_isolation step, int pidfd,
		  struct nwb_err *err) nwb_must_check;
/** nwb_link_kill() - end the agent and with it everything; wait. Then the
 * reader of @ev sees the end. Return: the agent's exit status, an errno when
 * it gave up by itself; 0 when it was killed. */
int nwb_link_kill(struct nwb_link *l);
/** nwb_link_close() - free what is left; kills first when need be. */
void nwb_link_close(struct nwb_link *l);
/**
 * nwb_link_call() - send a request and wait for the reply, 10 s at most.
 * Return: the agent's result; -EPIPE when the agent is gone.
 */
int nwb_link_call(struct nwb_link *l, struct nwb_call *c) nwb_must_check;

/* --- isolation.c --------------------------------------------------------- */

/**
 * struct nwb_place - where a server is going to live.
 * @step: how it is isolated; @why: why no higher step
 * @dir: path of the state directory, inside; @dirfd the directory itself
 * @port: its port, 0: the usual one
 */
struct nwb_place {
	enum nwb_isolation step;
	char why[96];
	char dir[32];
	int dirfd;
	uint16_t port;
};

/**
 * nwb_place_open() - climb down the ladder: the first step of @want whose
 * agent comes up and makes the state directory.
 * @bytes: size of the state directory
 *
 * Return: 0, then @l and @ret_place->dirfd are the caller's; negative errno
 * with the remedy in @err, then @l is closed.
 */
int nwb_place_open(struct nwb_link *l, enum nwb_isolation want, uint64_t bytes,
		   struct nwb_place *ret_place,
		   struct nwb_err *err) nwb_must_check;

/** nwb_close_fd() - close *@fd when it is open, and remember that. */
void nwb_close_fd(int *fd);

#endif
