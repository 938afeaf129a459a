/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between netwb and its agent: one packet each, files beside it.
 */
#include "agent.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_BYTES offsetof(struct nwb_agent_msg, text)

union fd_space {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * NWB_AGENT_FDS_MAX)];
};

int nwb_agent_send(int sock, const struct nwb_agent_msg *msg, const int *fds,
		   unsigned int nr_fds)
{
	struct iovec iov = {(void *)msg, HEAD_BYTES + msg->text_len};
	union fd_space space = {0};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cm;
	ssize_t n;

	nwb_assert(nr_fds <= NWB_AGENT_FDS_MAX);
	nwb_assert(msg->text_len <= sizeof(msg->text));
	if (nr_fds) {
		mh.msg_control = space.bytes;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * nr_fds);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int) * nr_fds);
		memcpy(CMSG_DATA(cm), fds, sizeof(int) * nr_fds);
	}
	do
		n = sendmsg(sock, &mh, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Files may come although the message is rejected: they must not leak. */
static unsigned int take_fds(struct msghdr *mh, int *fds)
{
	struct cmsghdr *cm;
	unsigned int nr = 0;

	for (cm = CMSG_FIRSTHDR(mh); cm; cm = CMSG_NXTHDR(mh, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		nr = (unsigned int)((cm->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		nwb_assert(nr <= NWB_AGENT_FDS_MAX);
		memcpy(fds, CMSG_DATA(cm), nr * sizeof(int));
	}
	return nr;
}

int nwb_agent_recv(int sock, struct nwb_agent_msg *msg, int *fds,
		   unsigned int *ret_nr_fds)
{
	struct iovec iov = {msg, sizeof(*msg)};
	union fd_space space = {0};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space.bytes,
		.msg_controllen = sizeof(space.bytes),
	};
	unsigned int nr;
	ssize_t n;

	do
		n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -EPIPE;
	nr = take_fds(&mh, fds);
	if ((size_t)n < HEAD_BYTES || (mh.msg_flags & MSG_TRUNC) ||
	    (size_t)n - HEAD_BYTES != msg->text_len) {
		while (nr)
			close(fds[--nr]);
		return -EPROTO;
	}
	*ret_nr_fds = nr;
	return 0;
}

const char *nwb_agent_strings(struct nwb_agent_msg *msg,
			      char *argv[NWB_AGENT_ARGS_MAX],
			      char *envp[NWB_AGENT_ARGS_MAX])
{
	char *p = msg->text, *end = p + msg->text_len;
	uint64_t nr_args = msg->arg[0], nr_env = msg->arg[1];

	if (nr_args < 1 || nr_args >= NWB_AGENT_ARGS_MAX ||
	    nr_env >= NWB_AGENT_ARGS_MAX)
		return NULL;
	argv[nr_args] = NULL;
	envp[nr_env] = NULL;
	for (uint64_t i = 0; i < nr_args + nr_env; i++) {
		char *nul = memchr(p, '\0', (size_t)(end - p));

		if (!nul)
			return NULL;
		if (i < nr_args)
			argv[i] = p;
		else
			envp[i - nr_args] = p;
		p = nul + 1;
	}
	return p;
}
