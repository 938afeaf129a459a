/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cable into the run's network, for a guest kernel: a tap device that goes
 * with the network namespace, and the address of the servers on it.
 *
 *	smbd, diod ── 10.99.0.1 on nwb0 ── UML or QEMU ── 10.99.0.2
 *
 * Pulling the cable takes the address away, and not the link down: to the
 * guest's side the device stays as it was, what it sends is dropped unseen, and
 * the server's connections wait for an answer as they do when somebody trips
 * over a cable. All by ioctl(2): no tool is needed.
 */
#include "agent.h"
#include "nwb/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(struct nwb_err *err, const char *what)
{
	int rc = -errno;

	return nwb_err_set(err, rc, "%s: %s", what, nwb_errno_name(rc));
}

static struct ifreq ifr_of_tap(void)
{
	struct ifreq ifr = {.ifr_name = NWB_TAP_NAME};

	return ifr;
}

static int set_addr(int sock, unsigned long req, const char *addr)
{
	struct ifreq ifr = ifr_of_tap();
	struct sockaddr_in sin = {.sin_family = AF_INET};

	nwb_assert(inet_pton(AF_INET, addr, &sin.sin_addr) == 1);
	memcpy(&ifr.ifr_addr, &sin, sizeof(sin));
	return ioctl(sock, req, &ifr) ? -errno : 0;
}

static int make(struct nwb_err *err)
{
	struct ifreq ifr = ifr_of_tap();
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return nwb_err_set(err, -errno,
				   "/dev/net/tun: %s: a guest's network needs "
				   "it (module tun; in a container the device "
				   "must be given to it)",
				   nwb_errno_name(errno));
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(fd, TUNSETIFF, &ifr) || ioctl(fd, TUNSETPERSIST, 1))
		rc = fail(err, "make the tap device " NWB_TAP_NAME);
	close(fd);
	return rc;
}

int nwb_agent_tap_plug(bool up, struct nwb_err *err)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	if (sock < 0)
		return fail(err, "socket");
	rc = set_addr(sock, SIOCSIFADDR, up ? NWB_TAP_ADDR : "0.0.0.0");
	if (!rc && up)
		rc = set_addr(sock, SIOCSIFNETMASK, NWB_TAP_MASK);
	close(sock);
	if (rc)
		return nwb_err_set(err, rc, "address of " NWB_TAP_NAME ": %s",
				   nwb_errno_name(rc));
	return 0;
}

static int link_up(struct nwb_err *err)
{
	struct ifreq ifr = ifr_of_tap();
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;

	if (sock < 0 || ioctl(sock, SIOCGIFFLAGS, &ifr))
		rc = fail(err, "flags of " NWB_TAP_NAME);
	ifr.ifr_flags |= IFF_UP;
	if (!rc && ioctl(sock, SIOCSIFFLAGS, &ifr))
		rc = fail(err, "set " NWB_TAP_NAME " up");
	if (sock >= 0)
		close(sock);
	return rc;
}

/* Nobody shall be heard on the cable but the two: no neighbour discovery. Not
 * there where the kernel knows no IPv6. */
static void be_quiet(void)
{
	int fd = open("/proc/sys/net/ipv6/conf/" NWB_TAP_NAME "/disable_ipv6",
		      O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "1", 1) != 1)
		errno = 0; /* it is noise, no more */
	close(fd);
}

int nwb_agent_tap_make(struct nwb_err *err)
{
	int rc = make(err);

	if (rc)
		return rc;
	be_quiet();
	rc = link_up(err);
	return rc ? rc : nwb_agent_tap_plug(true, err);
}
