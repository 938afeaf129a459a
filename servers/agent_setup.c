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
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

#if defined(__x86_64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define AUDIT_ARCH_HERE AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define AUDIT_ARCH_HERE AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_S390X
#else
#define AUDIT_ARCH_HERE 0
#endif

bool nwb_agent_lacks_ids(void)
{
	char text[8] = {0};
	int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
	bool is_denied =
		fd >= 0 && read(fd, text, 4) == 4 && !strcmp(text, "deny");

	if (fd >= 0)
		close(fd);
	return is_denied;
}

/*
 * A user namespace that a user may make himself forbids setgroups(2)
 * (user_namespaces(7)), and both servers give up without it: smbd panics in
 * sys_setgroups(), diod says so. There is but one id inside, so nothing is
 * lost when the call does nothing and succeeds: errno 0 of a seccomp filter.
 * A preloaded library would do as well, but not for a static program, and it
 * would have to share LD_PRELOAD with the shim.
 */
int nwb_agent_mind_setgroups(struct nwb_err *err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_HERE, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setgroups, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {NWB_ARRAY_SIZE(code), code};

	if (!nwb_agent_lacks_ids())
		return 0;
	if (!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0))
		return 0;
	/* Without CAP_SYS_ADMIN that is for those who gain nothing by exec. */
	if (errno != EACCES || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0))
		return nwb_err_set(err, -errno, "seccomp filter: %s",
				   nwb_errno_name(errno));
	return 0;
}

int nwb_agent_setup(uint64_t bytes, int *ret_dirfd, const char **ret_path,
		    struct nwb_err *err)
{
	int rc, fd;

	rc = nwb_agent_mind_setgroups(err);
	if (rc)
		return rc;

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
