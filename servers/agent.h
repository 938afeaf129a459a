/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What netwb and its agent (pid 1 of a server's namespaces) say to each other.
 *
 * Two SOCK_SEQPACKET pairs. On the first, netwb asks and the agent answers,
 * one request at a time. On the second, the agent alone speaks: events. Files
 * travel beside a message by SCM_RIGHTS.
 *
 *	netwb                           agent
 *	  ── SETUP ─────────────────►     mounts, lo
 *	  ◄── 0 + state directory ───
 *	  ── SPAWN + log, ctl, ... ──►    fork, exec
 *	  ◄── 0, pid ────────────────
 *	  ── WATCH ─────────────────►     from now on deaths are told
 *	                 ◄─ EV_READY
 *	                 ◄─ EV_DIED, wait status
 *
 * Everything that needs no namespace is done by netwb itself through the
 * files it was handed: writing configuration, opening the export, connecting
 * a socket. So the agent stays small and never blocks.
 */
#ifndef NWB_SERVERS_AGENT_H
#define NWB_SERVERS_AGENT_H

#include "nwb/err.h"

/* File numbers that the agent finds open after exec. */
#define NWB_AGENT_FD_REQ  3 /* request socket */
#define NWB_AGENT_FD_EV	  4 /* event socket */
#define NWB_AGENT_FD_PIPE 5 /* read end: EOF when netwb is gone */
#define NWB_AGENT_FD_PID                                                       \
	6 /* pidfd of netwb: the same, should a fork of                        \
	   * netwb hold the write end of the pipe */
#define NWB_AGENT_FD_END 7

/* File numbers that a server's process finds open after exec. */
#define NWB_SERVER_FD_CTL    60
#define NWB_SERVER_FD_LEDGER 61

#define NWB_AGENT_NAME	   "netwb-agent"
#define NWB_AGENT_TEXT_MAX 6144
#define NWB_AGENT_FDS_MAX  4
#define NWB_AGENT_ARGS_MAX 64

enum nwb_agent_op {
	/* arg[0]: bytes of the tmpfs, arg[1]: enum nwb_isolation. Reply:
	 * directory fd, text = its path; arg[0]: port to use, 0 = any */
	NWB_AGENT_SETUP = 1,
	/* text: from NUL to NUL; bind mount. */
	NWB_AGENT_BIND,
	/* arg[0]: arguments, arg[1]: environment strings; text: those, each
	 * with its NUL, then what the program reads from stdin. fd 0: output.
	 * Reply when it has ended; arg[0]: wait status */
	NWB_AGENT_RUN,
	/* like RUN, for the server's main process, without stdin. Further fds
	 * as arg[2] says. Reply at once; arg[0]: pid */
	NWB_AGENT_SPAWN,
	/* arg[0]: number that comes back in events. Reply: nothing */
	NWB_AGENT_WATCH,
	/* Reply: arg[0]: 1 when the main process lives, arg[1]: wait status */
	NWB_AGENT_STATUS,
	/* arg[0]: signal, arg[1]: 1 = all processes */
	NWB_AGENT_SIGNAL,
	/* Reply: an unconnected TCP socket of the namespace */
	NWB_AGENT_SOCKET,
	/* arg[0]: milliseconds between TERM and KILL, 0 = KILL at once. Reply
	 * when no process but the agent is left. No EV_DIED */
	NWB_AGENT_STOP,
	/* Reply: arg[0]: nanoseconds */
	NWB_AGENT_CPU,
	/* arg[0]: port. Without namespaces: do the server's processes listen
	 * there, and on loopback only? Reply: 0, or an error */
	NWB_AGENT_LISTENS,
	/* Reply: an unbound AF_PACKET socket of the namespace */
	NWB_AGENT_PACKET,
	/* text: directory, as the outside names it. Reply: three files, the
	 * user, network and mount namespace of a user's command */
	NWB_AGENT_INSIDE,
	/* Make the tap device. Reply: nothing */
	NWB_AGENT_TAP,
	/* arg[0]: 1 = its cable in, 0 = out. Reply: nothing */
	NWB_AGENT_PLUG,

	/* Events. arg[0]: the number of WATCH; DIED: arg[1]: wait status */
	NWB_AGENT_EV_READY = 100,
	NWB_AGENT_EV_DIED,
};

/* Bits of arg[2] of SPAWN: which fds follow the log, in this order. */
#define NWB_AGENT_HAS_CTL    1u
#define NWB_AGENT_HAS_LEDGER 2u
#define NWB_AGENT_NO_SIGPIPE 4u

/**
 * struct nwb_agent_msg - one message, either way; only the used part of
 * @text is sent.
 */
struct nwb_agent_msg {
	uint32_t op;
	int32_t result; /* replies: 0 or negative errno, @text says more */
	uint64_t arg[3];
	uint32_t text_len; /* with every NUL that belongs to it */
	char text[NWB_AGENT_TEXT_MAX];
};

/**
 * nwb_agent_send() - send @msg with @nr_fds files, which stay the caller's.
 * Return: 0 or negative errno; no SIGPIPE.
 */
int nwb_agent_send(int sock, const struct nwb_agent_msg *msg, const int *fds,
		   unsigned int nr_fds) nwb_must_check;
/**
 * nwb_agent_recv() - receive one message.
 * @fds: room for NWB_AGENT_FDS_MAX; the received ones become the caller's
 *
 * Return: 0; -EPIPE at end of stream; -EPROTO for a malformed message (its
 * files are closed); other negative errno.
 */
int nwb_agent_recv(int sock, struct nwb_agent_msg *msg, int *fds,
		   unsigned int *ret_nr_fds) nwb_must_check;

/**
 * nwb_agent_strings() - split the arg[0] arguments and arg[1] environment
 * strings of @msg; both arrays get NULL at their end and point into @msg.
 * Return: what follows them, NULL: malformed.
 */
const char *nwb_agent_strings(struct nwb_agent_msg *msg,
			      char *argv[NWB_AGENT_ARGS_MAX],
			      char *envp[NWB_AGENT_ARGS_MAX]);

/**
 * nwb_agent_main() - be the agent, on the fds above. Never returns.
 */
void nwb_agent_main(void) __attribute__((noreturn));

/* --- agent_setup.c ------------------------------------------------------- */

/** nwb_agent_setup() - private mounts, /proc, a tmpfs of @bytes, lo up.
 * @ret_path: static string. Return: 0; negative errno with @err. */
int nwb_agent_setup(uint64_t bytes, int *ret_dirfd, const char **ret_path,
		    struct nwb_err *err) nwb_must_check;
/** nwb_agent_lacks_ids() - is this a user namespace that denies setgroups(2),
 * and so knows but one user and one group? For netwb, too. */
bool nwb_agent_lacks_ids(void);
/** nwb_agent_mind_setgroups() - in such a one: from now on the call succeeds
 * and does nothing, for all descendants. */
int nwb_agent_mind_setgroups(struct nwb_err *err) nwb_must_check;

/* --- agent_inside.c ------------------------------------------------------ */

/** nwb_agent_inside_hide() - remember that @path was mounted over. */
void nwb_agent_inside_hide(const char *path);
/** nwb_agent_inside() - a second mount namespace, in which nothing of the
 * outside is hidden; the export (@dir/share) is mounted on @at.
 * @ret_fds: user, network, mount namespace; the caller's
 * Return: 0; negative errno with @err. Context: single-threaded caller. */
int nwb_agent_inside(const char *dir, const char *at, int ret_fds[3],
		     struct nwb_err *err) nwb_must_check;

/* --- agent_tap.c --------------------------------------------------------- */

/** nwb_agent_tap_make() - the device NWB_TAP_NAME, up, with its address.
 * Return: 0; negative errno with @err. */
int nwb_agent_tap_make(struct nwb_err *err) nwb_must_check;
/** nwb_agent_tap_plug() - see nwb_server_plug(). */
int nwb_agent_tap_plug(bool up, struct nwb_err *err) nwb_must_check;

/* --- agent_proc.c -------------------------------------------------------- */

/**
 * struct nwb_agent_cmd - a program to be started.
 * @argv, @envp: NULL-terminated
 * @dir: working directory; cores land there
 * @in: becomes fd 0, -1 = /dev/null
 * @out: becomes fd 1 and 2
 * @ctl, @ledger: become NWB_SERVER_FD_*, -1 = none
 * @dies_too: killed when the agent dies; a namespace does that by itself
 * @no_sigpipe: SIGPIPE is ignored
 */
struct nwb_agent_cmd {
	char **argv;
	char **envp;
	const char *dir;
	int in;
	int out;
	int ctl;
	int ledger;
	bool dies_too;
	bool no_sigpipe;
};

/** nwb_agent_fork_exec() - start @cmd. Return: its pid, or negative errno of
 * fork or exec. Context: single-threaded caller. */
int nwb_agent_fork_exec(const struct nwb_agent_cmd *cmd) nwb_must_check;
/** nwb_agent_cpu_live() - CPU time of all live processes but pid 1 and
 * @except, and of the children that those have waited for.
 * @is_ns: all in /proc, else all in the agent's tree */
uint64_t nwb_agent_cpu_live(bool is_ns, int except);

/* What proc(5) says of a process. */
struct nwb_agent_stat {
	char state;
	int ppid;
	uint64_t waited_ns; /* used by children that were waited for */
};

/** nwb_agent_stat() - read /proc/@pid/stat. Return: 0 or negative errno. */
int nwb_agent_stat(int pid, struct nwb_agent_stat *ret) nwb_must_check;

/* --- agent_tree.c: descendants, where there is no pid namespace ---------- */

#define NWB_TREE_MAX 512

/** nwb_tree_pids() - the agent's descendants, zombies too. Return: how many,
 * @max at most. */
unsigned int nwb_tree_pids(int *ret_pids, unsigned int max);
/** nwb_tree_signal() - @sig to all. Return: how many got it. */
unsigned int nwb_tree_signal(int sig);
/** nwb_tree_end() - kill and wait for all, @max_ms at most. */
void nwb_tree_end(unsigned int max_ms);

/* --- agent_none.c: no namespaces ----------------------------------------- */

/** nwb_none_setup() - a directory of our own, a port of 127.0.0.1.
 * @bytes: that it should have room for
 * @ret_path: static string. Return: 0; negative errno with @err. */
int nwb_none_setup(uint64_t bytes, int *ret_dirfd, const char **ret_path,
		   uint16_t *ret_port, struct nwb_err *err) nwb_must_check;
/** nwb_none_clean() - end all descendants, remove the directory. Fine after a
 * failed setup, too. */
void nwb_none_clean(void);
/** nwb_none_check_port() - see NWB_AGENT_LISTENS. */
int nwb_none_check_port(unsigned int port, struct nwb_err *err) nwb_must_check;

#endif
