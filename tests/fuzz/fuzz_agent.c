/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between netwb and its agent: receiving, files beside them, and the
 * arguments in them. The property: no file leaks, no string lies outside.
 */
#include "agent.h"
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static int pair[2] = {-1, -1};

static bool send_raw(const uint8_t *data, size_t size, unsigned int nr_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * NWB_AGENT_FDS_MAX)];
	} space = {0};
	struct iovec iov = {(void *)(uintptr_t)data, size};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cm;
	int fds[NWB_AGENT_FDS_MAX];

	for (unsigned int i = 0; i < nr_fds; i++)
		fds[i] = pair[0];
	if (nr_fds) {
		mh.msg_control = space.bytes;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * nr_fds);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int) * nr_fds);
		memcpy(CMSG_DATA(cm), fds, sizeof(int) * nr_fds);
	}
	return sendmsg(pair[0], &mh, MSG_DONTWAIT) == (ssize_t)size;
}

static void strings(struct nwb_agent_msg *msg)
{
	char *argv[NWB_AGENT_ARGS_MAX], *envp[NWB_AGENT_ARGS_MAX];
	const char *end = msg->text + msg->text_len;
	const char *rest = nwb_agent_strings(msg, argv, envp);

	if (!rest)
		return;
	nwb_assert(rest >= msg->text && rest <= end);
	for (unsigned int i = 0; argv[i]; i++)
		nwb_assert(argv[i] + strlen(argv[i]) < end);
	for (unsigned int i = 0; envp[i]; i++)
		nwb_assert(envp[i] + strlen(envp[i]) < end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nwb_agent_msg msg;
	int fds[NWB_AGENT_FDS_MAX], rc, lowest;
	unsigned int nr_fds = 0, sent;

	if (!size || size > 2 * sizeof(msg))
		return 0;
	if (pair[0] < 0)
		nwb_assert(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC,
				       0, pair));
	lowest = dup(0);
	close(lowest);
	sent = data[0] % (NWB_AGENT_FDS_MAX + 1);
	if (size < 2 || !send_raw(data + 1, size - 1, sent))
		return 0;
	rc = nwb_agent_recv(pair[1], &msg, fds, &nr_fds);
	nwb_assert(!rc || rc == -EPROTO);
	if (!rc) {
		nwb_assert(nr_fds == sent);
		nwb_assert(msg.text_len <= sizeof(msg.text));
		while (nr_fds)
			close(fds[--nr_fds]);
		strings(&msg);
	}
	rc = dup(0);
	nwb_assert(rc == lowest);
	close(rc);
	return 0;
}

void fuzz_seeds(void)
{
	static const char text[] = "/usr/sbin/smbd\0-F\0LC_ALL=C\0input";
	struct nwb_agent_msg msg = {.op = NWB_AGENT_RUN, .arg = {2, 1, 0}};
	uint8_t in[sizeof(msg) + 1];

	msg.text_len = sizeof(text);
	memcpy(msg.text, text, sizeof(text));
	for (uint8_t nr_fds = 0; nr_fds < 3; nr_fds++) {
		in[0] = nr_fds;
		memcpy(in + 1, &msg, sizeof(msg));
		fuzz_seed(in, 1 + offsetof(struct nwb_agent_msg, text) +
				      sizeof(text));
	}
}
