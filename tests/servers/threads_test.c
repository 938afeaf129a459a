/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Servers under a program with threads, and an agent that is lost.
 */
#include "server_util.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_THREADS 4

struct crowd {
	pthread_t threads[NR_THREADS];
	atomic_bool is_over;
	struct nwb_server *srv;
	_Atomic unsigned int nr_bad;
	_Atomic unsigned int nr_good;
};

static void crowd_start(struct crowd *c, void *(*fn)(void *))
{
	unsigned int i;

	for (i = 0; i < NR_THREADS; i++)
		nwb_check_eq(pthread_create(&c->threads[i], NULL, fn, c), 0);
}

static void crowd_join(struct crowd *c)
{
	unsigned int i;

	atomic_store(&c->is_over, true);
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(c->threads[i], NULL);
}

/* Holds the allocator's and stdio's locks most of the time. */
static void *busy(void *arg)
{
	struct crowd *c = arg;
	char text[64];
	unsigned int i;

	for (i = 0; !atomic_load(&c->is_over); i++) {
		char *p = malloc(100 + i % 1000);

		if (!p || snprintf(text, sizeof(text), "%u", i) < 0)
			atomic_fetch_add(&c->nr_bad, 1);
		free(p);
	}
	return NULL;
}

NWB_TEST(threads, start_amid_busy_threads)
{
	struct nwb_server_opts opts = {.name = "diod"};
	struct crowd c = {.srv = NULL};
	unsigned int i;

	skip_unless_servers();
	crowd_start(&c, busy);
	for (i = 0; i < 10; i++) {
		nwb_check_eq(nwb_server_start(&opts, &c.srv, NULL), 0);
		nwb_check_eq(dial_hello(c.srv), 0);
		nwb_server_free(c.srv);
	}
	crowd_join(&c);
	nwb_check_eq(c.nr_bad, 0);
}

/* Everything that a thread may ask while the server comes and goes. */
static void *curious(void *arg)
{
	struct crowd *c = arg;
	struct nwb_server_info info;
	uint64_t last = 0, now;
	char log[256];
	int fd, rc;

	while (!atomic_load(&c->is_over)) {
		nwb_server_info(c->srv, &info);
		rc = nwb_server_dial(c->srv, &fd, NULL);
		if (!rc) {
			rc = say_hello(fd, info.is_9p);
			close(fd);
		}
		if (!rc)
			atomic_fetch_add(&c->nr_good, 1);
		else if (rc != -ECONNREFUSED && rc != -ECONNRESET &&
			 rc != -EPIPE)
			atomic_fetch_add(&c->nr_bad, 1);
		if (nwb_server_cpu_ns(c->srv, &now) || now < last ||
		    nwb_server_log_tail(c->srv, log, sizeof(log)))
			atomic_fetch_add(&c->nr_bad, 1);
		last = now;
	}
	return NULL;
}

NWB_TEST(threads, ask_while_it_dies_and_comes_back)
{
	struct event_log log;
	struct nwb_server_opts opts = {
		.name = "diod",
		.auto_restart = true,
		.on_event = event_log_add,
		.event_arg = &log,
	};
	struct crowd c = {.srv = NULL};
	unsigned int i;

	skip_unless_servers();
	event_log_init(&log);
	nwb_check_eq(nwb_server_start(&opts, &c.srv, NULL), 0);
	crowd_start(&c, curious);
	for (i = 0; i < 5; i++) {
		nwb_check_eq(nwb_server_kill(c.srv, SIGKILL, true, NULL), 0);
		nwb_check(event_log_wait(&log, 3 + 2 * i));
		nwb_check_eq(log.ev[2 + 2 * i], NWB_SERVER_READY);
	}
	nwb_check_eq(nwb_server_restart(c.srv, NULL), 0);
	crowd_join(&c);
	nwb_check_eq(c.nr_bad, 0);
	nwb_check(c.nr_good > 0);
	nwb_server_free(c.srv);
}

/* Our only child is the agent. */
static pid_t find_child(void)
{
	struct dirent *de;
	char path[300], text[512];
	pid_t found = 0;
	int ppid, fd;
	ssize_t n;
	DIR *dir = opendir("/proc");

	nwb_check(dir);
	while ((de = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%s/stat", de->d_name);
		fd = atoi(de->d_name) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		if (fd < 0)
			continue;
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = '\0';
		if (strrchr(text, ')') &&
		    sscanf(strrchr(text, ')') + 1, " %*c %d", &ppid) == 1 &&
		    ppid == getpid())
			found = atoi(de->d_name);
	}
	closedir(dir);
	return found;
}

NWB_TEST(threads, lost_agent_is_told)
{
	struct event_log log;
	struct nwb_server_opts opts = {
		.name = "diod",
		.on_event = event_log_add,
		.event_arg = &log,
	};
	struct nwb_server *srv;
	struct nwb_err err = {0};
	pid_t agent;
	int fd;

	skip_unless_servers();
	event_log_init(&log);
	nwb_check_eq(nwb_server_start(&opts, &srv, NULL), 0);
	nwb_check(event_log_wait(&log, 1));
	agent = find_child();
	nwb_check(agent > 1);
	nwb_check_eq(kill(agent, SIGKILL), 0);
	nwb_check(event_log_wait(&log, 2));
	nwb_check_eq(log.ev[1], NWB_SERVER_FAILED);
	nwb_check_eq(nwb_server_dial(srv, &fd, &err), -EPIPE);
	nwb_check_eq(nwb_server_restart(srv, &err), -EPIPE);
	nwb_server_free(srv);
	nwb_check_eq(log.nr, 2);
}
