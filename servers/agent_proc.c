/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's dealings with processes: start one, add up what all have used.
 */
#include "agent.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A low number may be the target of another: step aside first. */
static int lift(int fd)
{
	return fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 100);
}

static void put(int fd, int target)
{
	if (fd >= 0 && dup2(fd, target) < 0)
		_exit(127);
}

/*
 * The child. It calls neither setsid() nor setpgid(): smbd -F makes its own
 * session and gives up when it already leads one.
 */
static void child(const struct nwb_agent_cmd *cmd, int status_fd)
{
	struct rlimit core;
	int in = lift(cmd->in), out = lift(cmd->out);
	int ctl = lift(cmd->ctl), ledger = lift(cmd->ledger);
	int null, rc, sig;
	sigset_t none;

	status_fd = lift(status_fd);
	if (cmd->dies_too && prctl(PR_SET_PDEATHSIG, SIGKILL))
		_exit(127);
	for (sig = 1; sig < NSIG; sig++)
		signal(sig,
		       sig == SIGPIPE && cmd->no_sigpipe ? SIG_IGN : SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Nothing may stay behind, cores neither. 1, not 0: a core pattern
	 * that is a pipe takes 0 for "unlimited". The hard limit stays: diod
	 * insists on raising its own, and then dumps into its directory. */
	if (!getrlimit(RLIMIT_CORE, &core)) {
		core.rlim_cur = nwb_min(core.rlim_max, (rlim_t)1);
		setrlimit(RLIMIT_CORE, &core);
	}
	null = lift(open("/dev/null", O_RDWR | O_CLOEXEC));
	put(in >= 0 ? in : null, 0);
	put(out, 1);
	put(out, 2);
	close_range(3, 99, 0);
	put(ctl, NWB_SERVER_FD_CTL);
	put(ledger, NWB_SERVER_FD_LEDGER);
	if (chdir(cmd->dir))
		_exit(127);
	execve(cmd->argv[0], cmd->argv, cmd->envp);
	rc = errno;
	if (write(status_fd, &rc, sizeof(rc)) < 0)
		_exit(126);
	_exit(127);
}

int nwb_agent_fork_exec(const struct nwb_agent_cmd *cmd)
{
	int fds[2], code = 0;
	pid_t pid;
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0) {
		code = errno;
		close(fds[0]);
		close(fds[1]);
		return -code;
	}
	if (pid == 0)
		child(cmd, fds[1]);
	close(fds[1]);
	do
		n = read(fds[0], &code, sizeof(code));
	while (n < 0 && errno == EINTR);
	close(fds[0]);
	if (n == (ssize_t)sizeof(code)) {
		waitpid(pid, NULL, 0);
		return -code;
	}
	return pid;
}

/* Ticks that its waited-for children have used are cutime and cstime; the
 * name in parentheses may hold anything, so count from the last ')'. */
int nwb_agent_stat(int pid, struct nwb_agent_stat *ret)
{
	unsigned long long cutime, cstime;
	char path[48], buf[1024], *p;
	long hz = sysconf(_SC_CLK_TCK);
	ssize_t n;
	int fd, ppid;
	char state;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0 || hz <= 0)
		return -ESRCH;
	buf[n] = '\0';
	p = strrchr(buf, ')');
	if (!p || sscanf(p + 1,
			 " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
			 "%*u %*u %llu %llu",
			 &state, &ppid, &cutime, &cstime) != 4)
		return -ESRCH;
	*ret = (struct nwb_agent_stat){
		.state = state,
		.ppid = ppid,
		.waited_ns = (cutime + cstime) * (NWB_SEC / (uint64_t)hz),
	};
	return 0;
}

/* The kernel's MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED), which is what
 * clock_getcpuclockid() returns: all threads, the ended ones included. */
static uint64_t process_ns(int pid)
{
	struct timespec ts;
	clockid_t clk;

	if (clock_getcpuclockid(pid, &clk) || clock_gettime(clk, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t used_ns(int pid)
{
	struct nwb_agent_stat st;
	uint64_t ns = process_ns(pid);

	return nwb_agent_stat(pid, &st) ? ns : ns + st.waited_ns;
}

static uint64_t tree_ns(int except)
{
	static int pids[NWB_TREE_MAX];
	unsigned int nr = nwb_tree_pids(pids, NWB_TREE_MAX);
	uint64_t sum = 0;

	while (nr--)
		if (pids[nr] != except)
			sum += used_ns(pids[nr]);
	return sum;
}

uint64_t nwb_agent_cpu_live(bool is_ns, int except)
{
	struct dirent *de;
	uint64_t sum = 0;
	DIR *dir;
	int pid;

	if (!is_ns)
		return tree_ns(except);
	dir = opendir("/proc");
	if (!dir)
		return 0;
	while ((de = readdir(dir)) != NULL) {
		pid = atoi(de->d_name);
		if (pid > 1 && pid != except)
			sum += used_ns(pid);
	}
	closedir(dir);
	return sum;
}
