/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Somebody's client, for tests of `netwb serve`: told where the server is by
 * its environment, sharing no code with the project's own clients.
 *
 *	own_client 9p-put FILE NAME   copy, 32 KiB a Twrite, Tfsync
 *	own_client 9p-tag NAME        two Twrites out under one tag
 *	own_client smb-polite         NEGOTIATE, three ECHOs, one by one
 *	own_client smb-overdraw       an ECHO that takes five credits of one
 *	own_client smb-reuse          the same MessageId twice
 */
#include "../faults/p9_raw.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 32768u

static int dial(void)
{
	const char *addr = getenv("NWB_ADDR"), *port = getenv("NWB_PORT");
	struct sockaddr_in sa = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (!addr || !port || inet_pton(AF_INET, addr, &sa.sin_addr) != 1)
		return -1;
	sa.sin_port = htons((uint16_t)atoi(port));
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
	    connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return -1;
	return fd;
}

/* --- 9P ------------------------------------------------------------------- */

static struct p9_raw p9;

static int p9_begin(const char *name)
{
	const char *share = getenv("NWB_SHARE");
	int fd = dial();

	if (fd < 0 || !share)
		return 1;
	return p9_raw_attach(&p9, fd, share) || p9_raw_create(&p9, name);
}

static int p9_put(const char *file, const char *name)
{
	static char buf[CHUNK];
	FILE *f = fopen(file, "re");
	uint64_t off = 0;
	size_t n;

	if (!f || p9_begin(name))
		return 1;
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0) {
		if (p9_raw_write(&p9, off, buf, (uint32_t)n) != (int)n)
			return 1;
		off += n;
	}
	fclose(f);
	return p9_raw_fsync(&p9) != 0;
}

static int p9_tag(const char *name)
{
	static char buf[CHUNK];

	if (p9_begin(name))
		return 1;
	if (p9_raw_send_write(&p9, 7, 0, buf, sizeof(buf)) ||
	    p9_raw_send_write(&p9, 7, CHUNK, buf, sizeof(buf)))
		return 1;
	return p9_raw_recv(&p9) || p9_raw_recv(&p9);
}

/* --- SMB2 ([MS-SMB2] 2.2.1.2, 2.2.3, 2.2.28) -------------------------------
 */

static size_t header(uint8_t *p, uint16_t command, uint64_t mid, size_t body)
{
	memset(p, 0, 4 + 64 + body);
	p[3] = (uint8_t)(64 + body);
	p += 4;
	memcpy(p, "\xfeSMB", 4);
	p[4] = 64;
	p[6] = 1; /* CreditCharge */
	p[12] = (uint8_t)command;
	p[14] = 1; /* CreditRequest: a server gives no more than that */
	for (int i = 0; i < 8; i++)
		p[24 + i] = (uint8_t)(mid >> 8 * i);
	return 4 + 64 + body;
}

static int send_negotiate(int fd)
{
	uint8_t pdu[4 + 64 + 38];
	size_t len = header(pdu, 0, 0, 38);
	uint8_t *b = pdu + 68;

	b[0] = 36;
	b[2] = 1;  /* DialectCount */
	b[4] = 1;  /* signing enabled */
	b[12] = 7; /* ClientGuid */
	b[36] = 0x10;
	b[37] = 2; /* 2.1 */
	return send(fd, pdu, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : 1;
}

static int send_echo(int fd, uint64_t mid, uint8_t charge)
{
	uint8_t pdu[4 + 64 + 4];
	size_t len = header(pdu, 13, mid, 4);

	pdu[4 + 6] = charge;
	pdu[68] = 4;
	return send(fd, pdu, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : 1;
}

static int take_reply(int fd)
{
	uint8_t head[4], body[4096];
	size_t len;

	if (recv(fd, head, 4, MSG_WAITALL) != 4)
		return 1;
	len = (size_t)head[2] << 8 | head[3];
	if (len > sizeof(body))
		return 1;
	return recv(fd, body, len, MSG_WAITALL) != (ssize_t)len;
}

static int smb(const char *how)
{
	int fd = dial();

	if (fd < 0 || send_negotiate(fd) || take_reply(fd))
		return 1;
	if (!strcmp(how, "smb-polite")) {
		for (uint64_t mid = 1; mid <= 3; mid++)
			if (send_echo(fd, mid, 1) || take_reply(fd))
				return 1;
	} else if (!strcmp(how, "smb-overdraw")) {
		if (send_echo(fd, 1, 5))
			return 1;
		while (!take_reply(fd))
			;
	} else {
		if (send_echo(fd, 1, 1) || take_reply(fd) ||
		    send_echo(fd, 1, 1))
			return 1;
		while (!take_reply(fd))
			;
	}
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "9p-put"))
		return p9_put(argv[2], argv[3]);
	if (argc == 3 && !strcmp(argv[1], "9p-tag"))
		return p9_tag(argv[2]);
	if (argc == 2 && !strncmp(argv[1], "smb-", 4))
		return smb(argv[1]);
	return 2;
}
