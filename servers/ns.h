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
#include <pthread.h>
#include <sys/types.h>

/**
 * struct nwb_link - netwb's end of one agent.
 * @req, @ev: sockets; @ev is read by the monitor thread only
 * @life: write end of the pipe that the agent watches
 * @pidfd: of the agent
 * @lock: one request at a time
 * @msg: request and reply, under @lock
 * @is_broken: a reply was lost, no further request can be matched
 */
struct nwb_link {
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
	char ret_text[NWB_ERR_TEXT_MAX];
};

/**
 * nwb_link_open() - new namespaces with an agent in them.
 *
 * clone3(2) makes a child like fork(2)'s that execs this very program under
 * the name "netwb-agent": between the two it makes only system calls, so it
 * works in a program with threads and under sanitizers.
 *
 * Return: 0; negative errno with the remedy in @err.
 */
int nwb_link_open(struct nwb_link *l, struct nwb_err *err) nwb_must_check;
/** nwb_link_kill() - kill the agent and with it the namespaces; wait. Then
 * the reader of @ev sees the end. */
void nwb_link_kill(struct nwb_link *l);
/** nwb_link_close() - free what is left; kills first when need be. */
void nwb_link_close(struct nwb_link *l);
/**
 * nwb_link_call() - send a request and wait for the reply, 10 s at most.
 * Return: the agent's result; -EPIPE when the agent is gone.
 */
int nwb_link_call(struct nwb_link *l, struct nwb_call *c) nwb_must_check;

/** nwb_close_fd() - close *@fd when it is open, and remember that. */
void nwb_close_fd(int *fd);

#endif
