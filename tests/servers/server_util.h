/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of real servers share: a first exchange made by hand, an
 * event log, and the reason to skip.
 */
#ifndef SERVER_UTIL_H
#define SERVER_UTIL_H

#include "nwb/server.h"
#include "nwb_test.h"
#include <pthread.h>

/* Skip the test when servers cannot be started on this machine. */
void skip_unless_servers(void);
/** skip_unless_ganesha() - after skip_unless_servers(). */
void skip_unless_ganesha(void);
/* ... when not with this isolation. */
void skip_unless_isolated(enum nwb_isolation step);
/* ... or when they would be started without namespaces. */
void skip_unless_namespaces(void);

/* One NEGOTIATE or Tversion on @fd; 0 when the answer is one. */
int say_hello(int fd, bool is_9p);
/* Dial and say hello. */
int dial_hello(struct nwb_server *srv);

/* Events in the order in which they came, readable while more come. */
struct event_log {
	pthread_mutex_t lock;
	pthread_cond_t more;
	enum nwb_server_event ev[32];
	int status[32];
	unsigned int nr;
};

void event_log_init(struct event_log *log);
void event_log_add(void *arg, enum nwb_server_event ev, int wait_status);
/* Wait until there are @nr events. Return: false when 10 s were not enough. */
bool event_log_wait(struct event_log *log, unsigned int nr);

/* Write or read all of an export file below the server. */
void export_put(struct nwb_server *srv, const char *name, const char *text);
void export_get(struct nwb_server *srv, const char *name, char *buf,
		size_t size);

#endif
