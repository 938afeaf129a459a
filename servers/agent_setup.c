/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's first work: make the namespaces habitable.
 *
 * Nothing of it is visible outside: propagation is cut first, the tmpfs lies
 * over a directory that every Linux has, and goes with the mount namespace.
 */
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What lies under it is hidden from the server. /tmp comes last: it is where
 * people build things that they want to be found. */
static const char *const mount_points[] = {"/mnt", "/srv", "/media", "/opt",
					   "/tmp"};

static int up_lo(struct nwb_err *err)
{
	struct ifreq ifr = {.ifr_name = "lo"};
	int fd, rc = 0;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return nwb_err_set(err, -errno, "socket for lo: %s",
				   nwb_errno_name(errno));
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		rc = -errno;
	ifr.ifr_flags |= IFF_UP | IFF_RUNNING;
	if (!rc && ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		rc = -errno;
	close(fd);
	if (rc)
		return nwb_err_set(err, rc, "set lo up: %s",
				   nwb_errno_name(rc));
	return 0;
}

static int mount_state(uint64_t bytes, const char **ret_path,
		       struct nwb_err *err)
{
	char opts[64];
	struct stat st;
	unsigned int i;

	snprintf(opts, sizeof(opts), "mode=755,size=%llu",
		 (unsigned long long)bytes);
	for (i = 0; i < NWB_ARRAY_SIZE(mount_points); i++) {
		if (stat(mount_points[i], &st) || !S_ISDIR(st.st_mode))
			continue;
		if (mount("netwb", mount_points[i], "tmpfs",
			  MS_NOSUID | MS_NODEV, opts))
			return nwb_err_set(
				err, -errno, "mount a tmpfs on %s (%s): %s",
				mount_points[i], opts, nwb_errno_name(errno));
		*ret_path = mount_points[i];
		return 0;
	}
	return nwb_err_set(err, -ENOENT,
			   "no directory to mount the private tmpfs on: "
			   "create /mnt");
}

int nwb_agent_setup(uint64_t bytes, int *ret_dirfd, const char **ret_path,
		    struct nwb_err *err)
{
	int rc, fd;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return nwb_err_set(err, -errno, "make mounts private: %s",
				   nwb_errno_name(errno));
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL))
		return nwb_err_set(err, -errno, "mount /proc: %s",
				   nwb_errno_name(errno));
	rc = mount_state(bytes, ret_path, err);
	if (rc)
		return rc;
	rc = up_lo(err);
	if (rc)
		return rc;
	fd = open(*ret_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return nwb_err_set(err, -errno, "open %s: %s", *ret_path,
				   nwb_errno_name(errno));
	*ret_dirfd = fd;
	return 0;
}
