/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb mount: the reference client as a file system, for any program.
 *
 *	serve ─► server ─► client (subject) ─► FUSE in the run's place ─► CMD
 *	                                         └─► shadow
 *	CMD ends ─► unmounted ─► closed, durable ─► faults off ─► shadow held
 *	against the export ─► server down ─► judged
 *
 * The hooks that serve_up.c and others call; mount_up.c and mount_judge.c have
 * them.
 */
#ifndef NWB_BENCH_MOUNT_I_H
#define NWB_BENCH_MOUNT_I_H

#include "bench_i.h"
#include "warden.h"

#include "nwb/mount.h"

struct serve;

struct bench_mount {
	char path[4096];
	struct bench_fuse_at at;
	struct nwb_inside place; /* of the command: its network is the host's */
	bool is_mounted;
	struct nwb_exec *ex;
	struct nwb_subject *subject;
	struct nwb_shadow *shadow;
	struct nwb_fuse *fuse;
	char engine[32]; /* socket's name; empty: none */
	int fd;
	int rc; /* of a step in the executor */
	struct nwb_err *err;

	/* the end */
	int close_error; /* first of what was still open */
	struct nwb_fuse_stats stats;
	struct nwb_shadow_stats compared;
	char trouble[192];
	struct nwb_subject_stats client;
};

/* mount_up.c */
/** mount_check() - what cannot be mounted is refused. */
int mount_check(struct serve *s, struct nwb_err *err) nwb_must_check;
/** mount_up() - client and mount; the server is up. */
int mount_up(struct serve *s, struct nwb_err *err) nwb_must_check;
/** mount_run() - start the command in the mount. */
int mount_run(struct serve *s, char **env, struct nwb_err *err) nwb_must_check;
/** mount_is_over() - somebody else has unmounted it. */
bool mount_is_over(const struct bench_mount *m);
/** mount_down() - command away, unmounted, everything closed and durable. */
void mount_down(struct serve *s);

/* mount_judge.c */
/** mount_compare() - the shadow against the export; the server still lives. */
void mount_compare(struct serve *s);
/** mount_judge() - what the shadow found, into the judgement. */
void mount_judge(struct serve *s);
/** mount_tell_judged() - what was judged and what not. */
void mount_tell_judged(const struct serve *s);
/** mount_exit() - exit code of a run that passed: the command may not have. */
int mount_exit(const struct serve *s);
/** mount_subject() - how reports name what is driven. */
const char *mount_subject(const struct serve *s);

#endif
