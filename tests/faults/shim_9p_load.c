/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A load for counting: shim_9p_load PORT ANAME NR sends NR Twrites of 4 KiB,
 * one after the other, to a 9P server on the loopback.
 */
#include "p9_raw.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	/* diod under strace now and then forgets to answer */
	const struct timeval patience = {.tv_sec = 2};
	static uint8_t data[4096];
	static struct p9_raw p9;
	struct sockaddr_in sa = {.sin_family = AF_INET};
	unsigned long nr;
	int fd = -1;

	if (argc != 4)
		return 2;
	sa.sin_port = htons((uint16_t)atoi(argv[1]));
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	nr = strtoul(argv[3], NULL, 10);
	for (int i = 0; i < 500; i++) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0 || !connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
			break;
		close(fd);
		fd = -1;
		usleep(10000);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (fd < 0 || p9_raw_attach(&p9, fd, argv[2]) ||
	    p9_raw_create(&p9, "a.dat")) {
		fprintf(stderr, "shim_9p_load: no server\n");
		return 2;
	}
	for (unsigned long i = 0; i < nr; i++)
		if (p9_raw_write(&p9, i * sizeof(data), data, sizeof(data)) !=
		    (int)sizeof(data))
			return 1;
	close(fd);
	return 0;
}
