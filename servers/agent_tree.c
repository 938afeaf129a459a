/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everybody that descends from the agent, where no pid namespace says so.
 *
 *	agent (PR_SET_CHILD_SUBREAPER)
 *	  ├─ server ── its children, in sessions of their own
 *	  └─ orphans: what loses its parent becomes the agent's child
 *
 * So the tree by parent pid, read from /proc, is complete: leaving the
 * session, the group or the parent does not lead out of it. A pid alone is
 * never signalled: a pidfd is opened first, then the parent is looked at
 * again, so that it cannot have become somebody else's in between.
 */
#include "agent.h"
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ALL_MAX 8192
#define ROUNDS	50

struct process {
	int pid;
	int ppid;
	bool is_ours;
};

/* Everybody, or the first ALL_MAX. The agent has one thread. */
static unsigned int snapshot(struct process *p)
{
	struct nwb_agent_stat st;
	struct dirent *de;
	unsigned int nr = 0;
	DIR *dir = opendir("/proc");

	if (!dir)
		return 0;
	while (nr < ALL_MAX && (de = readdir(dir)) != NULL) {
		int pid = atoi(de->d_name);

		if (pid <= 0 || nwb_agent_stat(pid, &st))
			continue;
		p[nr++] = (struct process){.pid = pid, .ppid = st.ppid};
	}
	closedir(dir);
	return nr;
}

static bool is_member(const struct process *p, unsigned int nr, int pid)
{
	unsigned int i;

	if (pid == getpid())
		return true;
	for (i = 0; i < nr; i++)
		if (p[i].pid == pid)
			return p[i].is_ours;
	return false;
}

unsigned int nwb_tree_pids(int *ret_pids, unsigned int max)
{
	static struct process p[ALL_MAX];
	unsigned int i, nr = snapshot(p), found = 0;
	bool is_more;

	/* A child may stand before its parent in the list. */
	do {
		is_more = false;
		for (i = 0; i < nr; i++) {
			if (p[i].is_ours || found == max ||
			    !is_member(p, nr, p[i].ppid))
				continue;
			p[i].is_ours = true;
			ret_pids[found++] = p[i].pid;
			is_more = true;
		}
	} while (is_more);
	return found;
}

static bool is_in(const int *pids, unsigned int nr, int pid)
{
	while (nr)
		if (pids[--nr] == pid)
			return true;
	return false;
}

/* Return: whether it was alive and got the signal. */
static bool signal_one(int pid, int sig, const int *pids, unsigned int nr)
{
	struct nwb_agent_stat st;
	bool is_done = false;
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return false;
	if (!nwb_agent_stat(pid, &st) && st.state != 'Z' &&
	    (st.ppid == getpid() || is_in(pids, nr, st.ppid)))
		is_done = !syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
	close(fd);
	return is_done;
}

static unsigned int signal_round(int sig)
{
	static int pids[NWB_TREE_MAX];
	unsigned int i, nr = nwb_tree_pids(pids, NWB_TREE_MAX), done = 0;

	for (i = 0; i < nr; i++)
		done += signal_one(pids[i], sig, pids, nr);
	return done;
}

unsigned int nwb_tree_signal(int sig)
{
	unsigned int i, nr;

	if (sig != SIGKILL)
		return signal_round(sig);
	/* All at one moment, as the namespace would do it: smbd's children
	 * must not see their parent's end and leave in good order. */
	signal_round(SIGSTOP);
	nr = signal_round(SIGKILL);
	for (i = 0; i < ROUNDS && signal_round(SIGKILL); i++)
		;
	return nr;
}

void nwb_tree_end(unsigned int max_ms)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	pid_t pid;

	for (; max_ms; max_ms--) {
		do
			pid = waitpid(-1, NULL, WNOHANG);
		while (pid > 0);
		if (pid < 0 && errno == ECHILD)
			return;
		signal_round(SIGKILL);
		nanosleep(&pause, NULL);
	}
}
