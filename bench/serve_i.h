/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb serve: a real server, broken by a plan, for somebody else's client.
 *
 *	run directory ─ warden ─ ledger, page ─ server ─ place ─┬─ control
 *	                  │                       ▲             ├─ relay
 *	                  └─ CMD ─────────────────┘             └─ capture
 *	CMD ends, ^C, --for ─► faults off ─► server down ─► judged, told, kept
 *
 * cmd_serve.c has the command line; serve_up.c makes and unmakes it;
 * serve_tell.c says how to get there; serve_judge.c and serve_report.c say what
 * came of it. netwb mount is the same with a client of ours in between, see
 * mount_i.h.
 */
#ifndef NWB_BENCH_SERVE_I_H
#define NWB_BENCH_SERVE_I_H

#include "bench_i.h"
#include "mount_i.h"
#include "relay.h"
#include "runs.h"
#include "warden.h"

#include "nwb/faultctl.h"

struct bench_mount;

struct serve {
	const char *name;	    /* of the command: "serve", "mount" */
	struct bench_mount *mount;  /* NULL: serve */
	struct bench_dialer dialer; /* of the mount's client */
	struct bench_cli cli;
	const char *server;
	char **command; /* NULL: none */
	FILE *out;	/* the command has stdout for itself */

	struct bench_rundir dir;
	struct bench_warden warden;
	struct bench_vars vars;
	struct nwb_inside inside;
	struct bench_ledgers l;
	struct bench_supervisor *sup;
	struct nwb_server *srv;
	struct nwb_server_info info;
	struct bench_relay *relay;
	struct bench_phases *phases;
	struct bench_capture *capture;

	int sigfd;
	int event_fd; /* the server died for good */
	bool has_command_ended;
	int wait_status; /* of the command */
	bool is_server_lost;

	/* the end */
	char server_version[64];
	char isolation[16];
	bool is_9p;
	bool has_subdirs; /* in the export */
	char trouble[192];
	char capture_text[512];
	struct nwb_judgement judgement;
	enum nwb_verdict verdict;
	char reason[256];
	char results[4096]; /* directory; empty: none */
};

/* What the wire shows, without a judgement. */
struct serve_wire {
	uint64_t t0; /* ns, first record */
	uint64_t nr_conns, nr_requests, nr_writes, nr_flushes;
	uint64_t bytes_written;
	uint64_t nr_cuts; /* connections that a fault ended */
};

/* cmd_serve.c */
/** serve_command() - netwb serve, or what is made of it. @groups: BENCH_CLI_*
 * beside the plan's. Return: exit code. */
int serve_command(int argc, char **argv, unsigned int groups,
		  const char *about_it, struct bench_mount *mount);

/* serve_up.c */
/** serve_all() - up, wait, down, judged. */
int serve_all(struct serve *s, struct nwb_err *err) nwb_must_check;
void serve_drop(struct serve *s);

/* serve_tell.c */
/** serve_vars() - the command's environment; false when it is too long. */
bool serve_vars(struct serve *s);
/** serve_tell() - address, credentials and ready commands. */
void serve_tell(const struct serve *s);
/** serve_write_ntlm() - the password file in the run's directory. */
int serve_write_ntlm(const struct serve *s, struct nwb_err *err) nwb_must_check;

/* serve_judge.c */
/** serve_refuse_plan() - expectations that need a client of our own. Return: 0
 * or -EOPNOTSUPP with the place in the plan. */
int serve_refuse_plan(const struct nwb_plan *plan,
		      struct nwb_err *err) nwb_must_check;
/** serve_look_at_export() - the server still lives: what there is that a crash
 * with volatile storage could not be applied to. */
void serve_look_at_export(struct serve *s);
/** serve_judge() - the server is down: judge what is in the ledger. */
int serve_judge(struct serve *s, struct nwb_err *err) nwb_must_check;
void serve_look_at_wire(const struct serve *s, struct serve_wire *w);

/* serve_report.c */
/** serve_report() - hits, findings, what was judged and what not, verdict. */
void serve_report(const struct serve *s);
/** serve_keep() - serve.jsonl and the ledger into the results directory. */
int serve_keep(struct serve *s, struct nwb_err *err) nwb_must_check;

#endif
