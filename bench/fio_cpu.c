/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU time of a `netwb mount` while its command runs, seen from outside:
 *
 *	netwb mount		the client and the FUSE daemon
 *	 ├─ netwb-warden	the command: not counted, fio's own time is
 *	 │			known from its end
 *	 └─ all others		the server and its agent
 *
 * /proc/PID/stat counts in ticks (10 ms), the time of children that have
 * ended with their parent's.
 */
#include "fio_i.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROCS_MAX 4096

struct proc {
	int pid, ppid;
	uint64_t ticks, child_ticks;
	bool is_warden;
	bool is_server;
};

struct procs {
	struct proc p[PROCS_MAX];
	unsigned int nr;
};

static bool read_stat(int pid, struct proc *ret)
{
	unsigned long long ut, st;
	long long cut, cst;
	char path[64], line[1024], *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	p = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	/* proc(5): fields 3 state, 4 ppid, 14..17 the times */
	if (!p || sscanf(p + 1,
			 " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu "
			 "%llu %lld %lld",
			 &ret->ppid, &ut, &st, &cut, &cst) != 5)
		return false;
	ret->pid = pid;
	ret->ticks = ut + st;
	ret->child_ticks = (uint64_t)(cut + cst);
	ret->is_warden = strstr(line, "(netwb-warden)") != NULL;
	return true;
}

static void read_all(struct procs *all)
{
	DIR *dir = opendir("/proc");
	struct dirent *de;

	while (dir && (de = readdir(dir)) != NULL && all->nr < PROCS_MAX)
		if (de->d_name[0] >= '1' && de->d_name[0] <= '9' &&
		    read_stat(atoi(de->d_name), &all->p[all->nr]))
			all->nr++;
	if (dir)
		closedir(dir);
}

/* Whose parent is @root, but no warden; then theirs, until none is new. */
static void mark_servers(struct procs *all, int root)
{
	bool is_new = true;

	while (is_new) {
		is_new = false;
		for (unsigned int i = 0; i < all->nr; i++) {
			struct proc *p = &all->p[i];
			bool belongs = p->ppid == root && !p->is_warden;

			for (unsigned int k = 0; k < all->nr && !belongs; k++)
				belongs = all->p[k].is_server &&
					  all->p[k].pid == p->ppid;
			is_new |= belongs && !p->is_server;
			p->is_server |= belongs;
		}
	}
}

int bench_fio_cpu(int pid, struct bench_fio_cpu *ret)
{
	const uint64_t tick_ns = NWB_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
	struct procs *all = calloc(1, sizeof(*all));
	struct timespec ts;
	clockid_t clock;
	int rc = -ESRCH;

	if (!all)
		return -ENOMEM;
	read_all(all);
	mark_servers(all, pid);
	if (!clock_getcpuclockid(pid, &clock) && !clock_gettime(clock, &ts)) {
		*ret = (struct bench_fio_cpu){
			.client_ns = (uint64_t)ts.tv_sec * NWB_SEC +
				     (uint64_t)ts.tv_nsec,
		};
		rc = 0;
	}
	for (unsigned int i = 0; i < all->nr && !rc; i++)
		if (all->p[i].is_server) {
			ret->server_ns +=
				(all->p[i].ticks + all->p[i].child_ticks) *
				tick_ns;
			ret->nr_server++;
		}
	free(all);
	return rc;
}
