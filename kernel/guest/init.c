/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's pid 1, in both lanes, and the program's main().
 *
 * What it has to do stands in /nwb.conf, "word value..." lines:
 *
 *	chan PATH		device of the channel
 *	net DEVICE ADDR MASK	the network under test
 *
 * Modules lie in /lib/modules, in the order of the file "order" there. The job
 * is /job. Until the channel is open complaints go to the console, where netwb
 * looks for "nwb-init: fatal:".
 */
#include "guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODULES	   "/lib/modules/"
#define CHAN_TRIES 1000 /* of 10 ms */
#define TEXT_MAX   (1u << 20)

static void die(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

static void off(void) __attribute__((noreturn));

static void off(void)
{
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void die(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("nwb-init: fatal: %s\n", text);
	fflush(stdout);
	sleep(1); /* the console is slower than the end */
	off();
}

/* Return: content, NUL at its end; NULL: not there. Not freed: it lives as long
 * as the machine. */
static char *slurp(const char *path, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *buf = fd < 0 ? NULL : malloc(TEXT_MAX + 1);
	size_t len = 0;
	ssize_t n;

	while (buf && len < TEXT_MAX &&
	       (n = read(fd, buf + len, TEXT_MAX - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		close(fd);
	if (!buf)
		return NULL;
	buf[len] = '\0';
	*ret_len = len;
	return buf;
}

static void mounts(void)
{
	static const struct {
		const char *type, *dir;
		bool is_needed;
	} all[] = {
		{"proc", "/proc", true},
		{"sysfs", "/sys", true},
		{"devtmpfs", "/dev", true},
		{"tmpfs", "/tmp", true},
		{"tmpfs", "/run", true},
		{"debugfs", "/sys/kernel/debug", false},
		{"tracefs", "/sys/kernel/tracing", false},
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(all); i++) {
		mkdir(all[i].dir, 0755);
		if (mount("nwb", all[i].dir, all[i].type, 0, NULL) &&
		    all[i].is_needed && errno != EBUSY)
			die("mount %s: %s", all[i].type, strerror(errno));
	}
}

/* The initial console may be none (a kernel without it in the initrd). */
static void console(void)
{
	int fd = open("/dev/console", O_RDWR);

	if (fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		if (fd != i)
			dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static void load_modules(void)
{
	size_t len;
	char *list = slurp(MODULES "order", &len), *save = NULL, *name;
	char path[512];

	for (name = list ? strtok_r(list, "\n", &save) : NULL; name;
	     name = strtok_r(NULL, "\n", &save)) {
		int fd;

		snprintf(path, sizeof(path), MODULES "%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 ||
		    (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			printf("nwb-init: module %s: %s\n", name,
			       strerror(errno));
		if (fd >= 0)
			close(fd);
	}
}

/* --- network -------------------------------------------------------------- */

static int set_addr(int sock, struct ifreq *ifr, unsigned long req,
		    const char *addr)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};

	if (inet_pton(AF_INET, addr, &sin.sin_addr) != 1)
		return -EINVAL;
	memcpy(&ifr->ifr_addr, &sin, sizeof(sin));
	return ioctl(sock, req, ifr) ? -errno : 0;
}

static int link_up(int sock, const char *name)
{
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%.15s", name);
	if (ioctl(sock, SIOCGIFFLAGS, &ifr))
		return -errno;
	ifr.ifr_flags |= IFF_UP | IFF_RUNNING;
	return ioctl(sock, SIOCSIFFLAGS, &ifr) ? -errno : 0;
}

static void net_up(const char *dev, const char *addr, const char *mask)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;
	struct ifreq ifr = {0};

	if (sock < 0)
		die("socket: %s", strerror(errno));
	(void)link_up(sock, "lo");
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%.15s", dev);
	rc = set_addr(sock, &ifr, SIOCSIFADDR, addr);
	if (!rc)
		rc = set_addr(sock, &ifr, SIOCSIFNETMASK, mask);
	if (!rc)
		rc = link_up(sock, dev);
	if (rc)
		die("network device %s: %s", dev, strerror(-rc));
	close(sock);
}

/* --- the channel ---------------------------------------------------------- */

static int open_chan(const char *path)
{
	/* A virtio port appears when its module has found it. */
	for (int i = 0; i < CHAN_TRIES; i++) {
		int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

		if (fd >= 0)
			return fd;
		usleep(10000);
	}
	die("channel %s: %s", path, strerror(errno));
}

static void hello(void)
{
	struct utsname u;
	char text[512];
	int n;

	uname(&u);
	n = snprintf(text, sizeof(text), "%u %s %s", NWB_CHAN_VERSION,
		     u.release, u.machine);
	out_rec(NWB_CHAN_HELLO, text, (size_t)n);
}

static int configure(void)
{
	size_t len;
	char *conf = slurp("/nwb.conf", &len), *save = NULL, *line;
	int fd = -1;

	if (!conf)
		die("no /nwb.conf");
	for (line = strtok_r(conf, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char word[16], a[64], b[64], c[64];
		int n = sscanf(line, "%15s %63s %63s %63s", word, a, b, c);

		if (n >= 2 && !strcmp(word, "chan"))
			fd = open_chan(a);
		else if (n == 4 && !strcmp(word, "net"))
			net_up(a, b, c);
		else
			die("/nwb.conf: %s", line);
	}
	if (fd < 0)
		die("no channel in /nwb.conf");
	return fd;
}

static int work(const char *path)
{
	size_t len;
	char *text = slurp(path, &len);

	if (!text) {
		out_done(2, 0, "no job");
		return 2;
	}
	return work_run(text, len);
}

void init_main(void)
{
	int fd, status = 0;
	pid_t pid;

	mounts();
	console();
	umask(022);
	sethostname("nwb-guest", 9);
	load_modules();
	fd = configure();
	if (out_init(fd))
		die("channel: %s", strerror(errno));
	hello();
	pid = fork();
	if (pid == 0) {
		/* Whoever is short of memory must not choose us. */
		(void)write_file("/proc/self/oom_score_adj", "-1000");
		if (out_start())
			_exit(3);
		_exit(work("/job"));
	}
	while (pid > 0 && waitpid(pid, &status, 0) != pid)
		;
	if (pid < 0 || WIFSIGNALED(status) || WEXITSTATUS(status) == 3) {
		char why[64];

		snprintf(why, sizeof(why), "the worker ended by %s %d",
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status)
					     : WEXITSTATUS(status));
		out_done(1, 0, why);
	}
	/* netwb takes the machine away when it has read DONE. */
	sleep(5);
	off();
}

/* On any Linux: JOB FD. */
int main(int argc, char **argv)
{
	int fd;

	if (getpid() == 1 && !strcmp(argv[0], "/init"))
		init_main();
	if (argc != 3) {
		fprintf(stderr, "usage: netwb-guest JOB FD\n");
		return 2;
	}
	fd = atoi(argv[2]);
	if (out_init(fd)) {
		fprintf(stderr, "netwb-guest: file %d: %s\n", fd,
			strerror(errno));
		return 2;
	}
	hello();
	if (out_start())
		return 2;
	return work(argv[1]);
}
