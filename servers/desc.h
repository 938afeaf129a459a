/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All that differs between servers, one descriptor each. And the handle,
 * which the .c files of this room share.
 *
 * Locks, outer first: start_lock > state_lock, link.lock.
 */
#ifndef NWB_SERVERS_DESC_H
#define NWB_SERVERS_DESC_H

#include "ns.h"
#include "nwb/server.h"
#include <stdatomic.h>

/* Arguments or environment of a program: strings, each with its NUL. */
struct nwb_strings {
	char text[NWB_AGENT_TEXT_MAX];
	size_t len;
	unsigned int nr;
};

/**
 * struct nwb_server_desc - one kind of server.
 * @binary: where the distribution puts it
 * @package: Debian package that has it
 * @port: TCP port that it listens on
 * @share: SMB share or 9P aname; NULL: the path of the export
 * @msize_max: 9P: limit of struct nwb_server_opts.msize; 0: its msize cannot
 *	be configured
 * @is_killed_to_stop: it takes its time after SIGTERM and has nothing to save
 * @lowest: the last step of isolation in which it works; AUTO: all
 * @lowest_why: why not below
 * @dirs: directories under the state directory, each "mode:name"; NULL ends
 * @env: what it wants in its environment, "NAME=value"; NULL ends. May be NULL
 * @configure: write its files, run its tools; the directories exist
 * @command: append its arguments (argv[0] is there)
 * @probe: one first exchange on a fresh connection, @fd has a timeout. 0 when
 *	it answered as it should
 * @version: write what the binary at @path says of itself to @buf
 */
struct nwb_server_desc {
	const char *name;
	const char *binary;
	const char *package;
	bool is_9p;
	uint16_t port;
	const char *share;
	const char *user;
	const char *password;
	const char *second_user; /* NULL: it cannot have one */
	uint32_t msize_max;
	bool is_killed_to_stop;
	enum nwb_isolation lowest;
	const char *lowest_why;
	const char *const *dirs;
	const char *const *env;
	int (*configure)(struct nwb_server *srv, struct nwb_err *err);
	void (*command)(struct nwb_server *srv, struct nwb_strings *argv);
	int (*probe)(int fd);
	int (*version)(const char *path, char *buf, size_t size);
};

extern const struct nwb_server_desc nwb_server_smbd;
extern const struct nwb_server_desc nwb_server_diod;
extern const struct nwb_server_desc nwb_server_ganesha;

/**
 * struct nwb_server - the handle.
 * @opts: copy; strings are owned, ctl_fd and ledger_fd are duplicates
 * @step, @why: its isolation, and why no higher one
 * @port: on which it listens
 * @user, @uid: as whom a client comes; the descriptor's and 0, but without
 *	namespaces it is the account that runs netwb
 * @preload: path of the shim, inside
 * @dir: path of the state directory, inside; @root_fd the directory itself
 * @share_path: the export, inside; @share_fd the directory itself
 * @start_lock: held while the server is being started or started again
 * @epoch: number of the start, under @start_lock; comes back in events
 * @state_lock, @wake: protect and announce @is_stopping to the monitor
 */
struct nwb_server {
	const struct nwb_server_desc *desc;
	struct nwb_server_opts opts;
	struct nwb_link link;
	enum nwb_isolation step;
	char why[96];
	uint16_t port;
	char user[64];
	uint32_t uid;
	char preload[256];
	char dir[32];
	char share_path[64];
	char version[64];
	int root_fd;
	int share_fd;
	int log_fd;
	_Atomic int main_pid;
	unsigned int nr_starts;

	pthread_mutex_t start_lock;
	uint64_t epoch;

	pthread_mutex_t state_lock;
	pthread_cond_t wake;
	_Atomic bool is_stopping;
	pthread_t monitor;
	bool has_monitor;
};

/* --- server.c ------------------------------------------------------------ */

/** nwb_server_binary() - what will be executed. */
const char *nwb_server_binary(const struct nwb_server *srv);
/** nwb_strings_add() - append a formatted string with its NUL. */
void nwb_strings_add(struct nwb_strings *s, const char *fmt, ...)
	nwb_printf(2, 3);

/* --- smbd_security.c ----------------------------------------------------- */

/** nwb_smbd_security() - lines of [global]; @size 512 is enough. */
void nwb_smbd_security(const struct nwb_server_security *sec, char *buf,
		       size_t size);
/** nwb_smbd_share_security() - lines of the share, or ""; @size 64. */
void nwb_smbd_share_security(const struct nwb_server_security *sec, char *buf,
			     size_t size);

/* --- state.c: files in the state directory ------------------------------- */

/** nwb_state_dirs() - make the directories of the descriptor. */
int nwb_state_dirs(struct nwb_server *srv, struct nwb_err *err) nwb_must_check;
/** nwb_state_write() - file @name with @text and @mode. */
int nwb_state_write(struct nwb_server *srv, const char *name, unsigned int mode,
		    const char *text, struct nwb_err *err) nwb_must_check;
/** nwb_state_copy_in() - copy @path of the outside to @name, mode 0755. */
int nwb_state_copy_in(struct nwb_server *srv, const char *path,
		      const char *name, struct nwb_err *err) nwb_must_check;
/** nwb_state_restore() - give every file of the export the content that was
 * durable: its copy under durable/, or none. */
int nwb_state_restore(struct nwb_server *srv,
		      struct nwb_err *err) nwb_must_check;

/* --- start.c: processes -------------------------------------------------- */

/** nwb_server_run() - run a tool inside and wait; its output goes to the log.
 * @input: for its stdin. Return: 0; -EIO when its status is not 0. */
int nwb_server_run(struct nwb_server *srv, const struct nwb_strings *argv,
		   const char *input, struct nwb_err *err) nwb_must_check;
/** nwb_server_bind() - bind-mount a file of the state directory over @to. */
int nwb_server_bind(struct nwb_server *srv, const char *name, const char *to,
		    struct nwb_err *err) nwb_must_check;
/** nwb_server_bring_up() - spawn the server, wait until it answers, watch it.
 * Context: start_lock held; blocks up to 12 s. */
int nwb_server_bring_up(struct nwb_server *srv,
			struct nwb_err *err) nwb_must_check;
/** nwb_server_stop_all() - TERM, @grace_ms later KILL, wait for all. */
int nwb_server_stop_all(struct nwb_server *srv,
			unsigned int grace_ms) nwb_must_check;
/** nwb_server_socket() - connect to it at IPv4 address @addr. @timeout_ms: 0 =
 * none */
int nwb_server_socket(struct nwb_server *srv, uint32_t addr,
		      unsigned int timeout_ms, int *ret_fd,
		      struct nwb_err *err) nwb_must_check;

/* --- monitor.c ----------------------------------------------------------- */

/** nwb_monitor_start() - the thread that reads events and restarts. */
int nwb_monitor_start(struct nwb_server *srv,
		      struct nwb_err *err) nwb_must_check;
/** nwb_monitor_join() - the agent is gone: wait for the thread. */
void nwb_monitor_join(struct nwb_server *srv);

#endif
