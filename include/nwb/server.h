/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real servers, each in its own network, mount, pid, ipc and uts namespaces.
 *
 *	netwb ──socketpair── agent (pid 1 of the pid namespace)
 *	  │                    ├─ smbd | diod | ganesha  (+ children)
 *	  └─ pipe: when netwb dies the agent leaves, and with it everything
 *
 * Three steps of isolation, the first that works here is taken:
 *
 *	ns      root: the namespaces above
 *	userns  anybody: the same inside a user namespace with one mapped id
 *	none    no namespace: 127.0.0.1, a free high port, a directory of its
 *		own; the agent is the janitor
 *
 * State (configuration, databases, logs, export) lives on a tmpfs that only
 * the run's mount namespace sees. Sockets and files are opened inside and
 * handed out by SCM_RIGHTS. A descriptor (struct nwb_server_desc) holds all
 * that differs between servers.
 *
 * The agent is this very program, run again under the name "netwb-agent":
 * every program that starts servers calls nwb_server_maybe_agent() as the
 * first thing in main(). (So it works with threads and under sanitizers,
 * where a forked child may do next to nothing.)
 *
 * Threads: one handle may be used from several threads; calls are serialised
 * inside. The event callback runs on the monitor thread of the handle and may
 * call everything but nwb_server_free().
 */
#ifndef NWB_SERVER_H
#define NWB_SERVER_H

#include "nwb/err.h"

#define NWB_SERVER_MSIZE_MIN 4096u
/* Addresses of a server with multichannel: 127.0.0.1 and what follows. */
#define NWB_SERVER_ADDR	 0x7f000001u
#define NWB_SERVER_ADDRS 2u
/* The cable for a guest kernel: the device, both of its ends. */
#define NWB_TAP_NAME  "nwb0"
#define NWB_TAP_ADDR  "10.99.0.1" /* of the server */
#define NWB_TAP_GUEST "10.99.0.2"
#define NWB_TAP_MASK  "255.255.255.0"

struct nwb_server;

enum nwb_isolation {
	NWB_ISOLATION_AUTO, /* the first of the following that works here */
	NWB_ISOLATION_NS,
	NWB_ISOLATION_USERNS,
	NWB_ISOLATION_NONE,
};

/* smbd: `server signing` */
enum nwb_server_signing {
	NWB_SERVER_SIGNING_DEFAULT, /* as the client wants it */
	NWB_SERVER_SIGNING_MANDATORY,
	NWB_SERVER_SIGNING_DISABLED, /* but who signs is answered so */
};

/* smbd: `server smb encrypt`, of the server or of the share only */
enum nwb_server_encrypt {
	NWB_SERVER_ENCRYPT_DEFAULT, /* as the client wants it */
	NWB_SERVER_ENCRYPT_OFF,	    /* no cipher is negotiated */
	NWB_SERVER_ENCRYPT_DESIRED, /* who can must, others need not */
	NWB_SERVER_ENCRYPT_REQUIRED,
	NWB_SERVER_ENCRYPT_SHARE, /* required by the share */
};

/**
 * struct nwb_server_security - what smbd insists on. All zero: nothing.
 * @min_dialect, @max_dialect: 0x0202 ... 0x0311; 0 = no limit
 * @sign_alg: 1 + the only algorithm that it signs 3.1.1 with (0 HMAC-SHA256, 1
 *	AES-CMAC, 2 AES-GMAC); 0 = all of them
 * @cipher: the only one that it encrypts 3.1.1 with (1 AES-128-CCM, 2
 *	AES-128-GCM); 0 = all of them
 */
struct nwb_server_security {
	enum nwb_server_signing signing;
	enum nwb_server_encrypt encrypt;
	uint16_t min_dialect, max_dialect;
	unsigned int sign_alg;
	unsigned int cipher;
};

enum nwb_server_event {
	NWB_SERVER_READY,  /* answers; also after a restart */
	NWB_SERVER_DIED,   /* main process ended; wait status is given */
	NWB_SERVER_FAILED, /* could not be started again */
};

/**
 * struct nwb_server_opts - how to start it. All zero is sensible.
 * @name: see nwb_server_name()
 * @isolation: which step; AUTO = the first that works here
 * @state_bytes: size of the private tmpfs; 0 = 1 GiB. Without namespaces no
 *	limit, only what there must be room for
 * @max_credits: smbd: `smb2 max credits`; 0 = the default 8192
 * @security: smbd
 * @multichannel: smbd: offer it, on NWB_SERVER_ADDRS addresses
 * @second_user: smbd: only a second user may write, the first one reads; not
 *	with isolation "none", where there is one account
 * @dos_attributes: smbd: keep them (in extended attributes of the export); a
 *	file cannot be sparse without
 * @tap: a tap device NWB_TAP_NAME, on which the server listens too, for a guest
 *	kernel (nwb/guest.h); not with isolation "none"
 * @max_write, @max_write_again: smbd: `smb2 max write` of the first start, and
 *	of every later one; 0 = the default 8 MiB, and as before
 * @msize: ganesha: largest 9P message, NWB_SERVER_MSIZE_MIN..8 MiB; 0 = 1 MiB
 * @shim_path: library to preload into the server (not into its tools), NULL
 *	= none; a copy is made at the start
 * @binary_path: server binary, NULL = where the distribution has it
 * @ctl_fd: shared page of the shim, <= 0 = none; stays the caller's. The
 *	server finds its number in NWB_SHIM_CTL_FD
 * @ledger_fd: ledger, <= 0 = none; stays the caller's. NWB_SHIM_LEDGER_FD
 * @volatile_storage: content that was not fsynced is lost when it crashes.
 *	The shim keeps the durable content of each file under the same base
 *	name in the directory NWB_SHIM_DURABLE; a restart puts it back
 * @auto_restart: start it again after it died
 * @restart_delay_ns: how long it stays away then
 * @ignore_sigpipe: start it with SIGPIPE ignored, as systemd starts what is
 *	not a SysV script. diod does not ignore it, and dies of a reply to a
 *	connection that is gone
 * @log_level: smbd: 0..10
 * @on_event, @event_arg: see enum nwb_server_event; may be NULL
 */
struct nwb_server_opts {
	const char *name;
	enum nwb_isolation isolation;
	uint64_t state_bytes;
	unsigned int max_credits;
	struct nwb_server_security security;
	bool multichannel;
	bool second_user;
	bool dos_attributes;
	bool tap;
	uint32_t max_write, max_write_again;
	uint32_t msize;
	const char *shim_path;
	const char *binary_path;
	int ctl_fd;
	int ledger_fd;
	bool volatile_storage;
	bool auto_restart;
	uint64_t restart_delay_ns;
	bool ignore_sigpipe;
	unsigned int log_level;
	void (*on_event)(void *arg, enum nwb_server_event ev, int wait_status);
	void *event_arg;
};

/* What a client needs to know; strings live as long as the handle. */
struct nwb_server_info {
	const char *name;
	const char *version; /* as the binary reports it */
	bool is_9p;
	uint16_t port;
	const char *share;	   /* SMB share, or 9P aname */
	const char *export_path;   /* as the server names it */
	const char *user;	   /* SMB account, 9P uname */
	uint32_t uid;		   /* 9P: n_uname of Tattach */
	const char *password;	   /* SMB */
	const char *second_user;   /* then may write, same password; or NULL */
	const char *isolation;	   /* "ns", "userns" or "none" */
	const char *isolation_why; /* why no higher step; may be "" */
	int main_pid_in_ns;
};

/** nwb_server_name() - of the @i'th kind of server there is, NULL: no more. */
const char *nwb_server_name(unsigned int i);
/** nwb_server_find() - the kind called @name: its nwb_server_name(), or NULL. */
const char *nwb_server_find(const char *name);

/** nwb_server_is_9p() - does the kind called @name speak 9P, and not SMB? false
 * also when there is none of that name. */
bool nwb_server_is_9p(const char *name);

/**
 * nwb_server_maybe_agent() - first call of main(): become the agent when this
 * process was made to be one (then it never returns), else do nothing.
 */
void nwb_server_maybe_agent(int argc, char **argv);

/** nwb_isolation_name() - "auto", "ns", "userns" or "none". */
const char *nwb_isolation_name(enum nwb_isolation step);
/** nwb_isolation_find() - Return: the step of that name, or -1. */
int nwb_isolation_find(const char *name);
/**
 * nwb_isolation_try() - which step would a server get now? Makes the
 * namespaces and drops them again.
 * @want: AUTO, or the only step to be tried
 * @ret_why: why no higher step, e.g. "not root"; "" when there is none
 *
 * Return: 0; negative errno with the remedy in @err.
 */
int nwb_isolation_try(enum nwb_isolation want, enum nwb_isolation *ret_step,
		      char *ret_why, size_t size,
		      struct nwb_err *err) nwb_must_check;

/** nwb_server_check_step() - does this kind of server work with that
 * isolation? Return: 0; -EOPNOTSUPP with the reason in @err. */
int nwb_server_check_step(const char *name, enum nwb_isolation step,
			  struct nwb_err *err) nwb_must_check;

/**
 * nwb_server_start() - make the namespaces, start the server, wait until it
 * answers a first protocol exchange (SMB2 NEGOTIATE, 9P Tversion).
 *
 * Return: 0; negative errno with @err saying what could not be done, the last
 * lines of the server's log, and the remedy.
 * Context: blocks up to 15 s.
 */
int nwb_server_start(const struct nwb_server_opts *opts,
		     struct nwb_server **ret_srv,
		     struct nwb_err *err) nwb_must_check;
/** nwb_server_free() - stop (TERM, then KILL), wait for all, drop the
 * namespaces. NULL is fine. Blocks at most about a second. */
void nwb_server_free(struct nwb_server *srv);
/** nwb_server_info() - what clients need to reach it. Strings are borrowed from
 * @srv and static ones; @main_pid_in_ns is of now. */
void nwb_server_info(struct nwb_server *srv, struct nwb_server_info *ret_info);

/** nwb_server_dial() - a TCP connection to it, made inside the namespace;
 * the caller owns @ret_fd (blocking, CLOEXEC). -ECONNREFUSED while it is
 * down. */
int nwb_server_dial(struct nwb_server *srv, int *ret_fd,
		    struct nwb_err *err) nwb_must_check;
/** nwb_server_packet_socket() - an unbound AF_PACKET socket of the namespace,
 * for nwb_capture_start(); the caller owns @ret_fd. -EOPNOTSUPP: the run has
 * no network namespace of its own. */
int nwb_server_packet_socket(struct nwb_server *srv, int *ret_fd,
			     struct nwb_err *err) nwb_must_check;
/** nwb_server_dial_to() - the same, to another of its addresses.
 * @addr: IPv4, host order; NWB_SERVER_ADDR is where nwb_server_dial() goes */
int nwb_server_dial_to(struct nwb_server *srv, uint32_t addr, int *ret_fd,
		       struct nwb_err *err) nwb_must_check;
/** nwb_server_plug() - the cable of opts.tap in (@up) or out: out, packets are
 * lost in both directions, and nobody is told. -EOPNOTSUPP: there is none. */
int nwb_server_plug(struct nwb_server *srv, bool up,
		    struct nwb_err *err) nwb_must_check;
/** nwb_server_open() - open @name (relative) in the export, below server and
 * shim. @flags as open(2); with O_CREAT the file becomes writable for all. */
int nwb_server_open(struct nwb_server *srv, const char *name, int flags,
		    int *ret_fd, struct nwb_err *err) nwb_must_check;
/** nwb_server_kill() - signal the main process, or all of the server's
 * processes (@all). After SIGSTOP the main process has stopped with all its
 * threads when this returns; others are told, but not waited for. */
int nwb_server_kill(struct nwb_server *srv, int sig, bool all,
		    struct nwb_err *err) nwb_must_check;
/** nwb_server_restart() - kill all that is left, restore durable content if
 * storage is volatile, start, wait until ready. */
int nwb_server_restart(struct nwb_server *srv,
		       struct nwb_err *err) nwb_must_check;
/** nwb_server_set_msize() - from the next start or restart on, see struct
 * nwb_server_opts. -EOPNOTSUPP when this kind of server has no such knob. */
int nwb_server_set_msize(struct nwb_server *srv, uint32_t msize,
			 struct nwb_err *err) nwb_must_check;
/** nwb_server_cpu_ns() - user + system time of all processes of the server so
 * far, the dead ones included; the agent and the tools run before the start
 * excluded. Never goes back. Exact in nanoseconds while processes live; what
 * an ended child of a living parent used is rounded down to a tick (10 ms). */
int nwb_server_cpu_ns(struct nwb_server *srv, uint64_t *ret_ns) nwb_must_check;
/** nwb_server_log_tail() - up to @size - 1 last bytes of its log. */
int nwb_server_log_tail(struct nwb_server *srv, char *buf,
			size_t size) nwb_must_check;

/**
 * struct nwb_inside - where a user's command runs: the server's network, and a
 * mount namespace that hides nothing of the outside. Files, -1 = none: with
 * isolation "none" all are, and the command just runs.
 */
struct nwb_inside {
	int user;
	int net;
	int mnt;
};
#define NWB_INSIDE_NONE ((struct nwb_inside){-1, -1, -1})

/**
 * nwb_server_inside() - make the place for commands, with the export mounted
 * on @at in it (an empty directory, named as the outside does). All commands
 * of a run share one, so that one sees what the other has mounted.
 * Return: 0 and @ret_p, to be closed with nwb_inside_close(); -EOPNOTSUPP when
 * the server has no namespaces; other negative errno. @err says why.
 */
int nwb_server_inside(struct nwb_server *srv, const char *at,
		      struct nwb_inside *ret_p,
		      struct nwb_err *err) nwb_must_check;
/**
 * nwb_inside_enter() - go there for good; the working directory stays.
 * Return: 0; negative errno with @err: the process is somewhere between.
 * Context: a process with one thread, which will exec.
 */
int nwb_inside_enter(const struct nwb_inside *p,
		     struct nwb_err *err) nwb_must_check;
/** nwb_inside_close() - give up the place; it goes when no command is in it any
 * more. NWB_INSIDE_NONE, which it becomes, is fine. */
void nwb_inside_close(struct nwb_inside *p);

/** nwb_server_probe() - is the server's binary installed and what version?
 * Return: 0, or -ENOENT with the remedy in @err. */
int nwb_server_probe(const char *name, char *version, size_t size,
		     struct nwb_err *err) nwb_must_check;

#endif
