/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the simulation.
 *
 *	plan.c     what a seed means
 *	plan_more.c kinds of worlds that came later
 *	aims.c     worlds in which a hazard can do its damage
 *	world.c    a world: build, run, heal, take down
 *	tasks.c    reading and writing, and what it must see
 *	vm.c       what else a kernel does with a file: writepages, sync, ...
 *	calls.c    what else a program asks for: sync_file_range, readahead, ...
 *	blob.c     an object that is written as a whole
 *	refuse.c   what must be refused
 *	crypt.c    cipher text on the server
 *	sides.c    what a mount may have besides: cache, mirror, limits, trace
 *	faults.c   when the server misbehaves
 *	events.c   the ledger in memory, its digest, the client's tap
 *	judge.c    the oracles at the end
 *	shrink.c   less of the same
 *	mutants.c  the list of defects
 */
#ifndef NWB_SIM_SIM_I_H
#define NWB_SIM_SIM_I_H

#include "nwb/budget.h"
#include "nwb/cache.h"
#include "nwb/fake.h"
#include "nwb/fs.h"
#include "nwb/netfs_check.h"
#include "nwb/netfs_fs.h"
#include "nwb/netfs_vm.h"
#include "nwb/oracle.h"
#include "nwb/sim.h"
#include "nwb/stamp.h"
#include "nwb/trace.h"

#include <nettle/sha2.h>

/* Defects that are not netfs': obeyed where the mount is made. */
#define SIM_MUT_CREDITS_TWICE (1ull << 62)
#define SIM_MUT_NO_SETTLE     (1ull << 63)

#define SIM_FILES 2u
#define SIM_TASKS 3u
/* Most of a plan's file_max and len_max. */
#define SIM_FILE_MAX (3u * 1024 * 1024)
#define SIM_LEN_MAX  (1280u * 1024)

/* --- plan.c --------------------------------------------------------------- */

enum sim_op_kind {
	SIM_WRITE,
	SIM_READ,
	SIM_FSYNC,
	SIM_TRUNCATE,
	SIM_KICK,  /* nwb_file_writeback() */
	SIM_FLUSH, /* nwb_file_flush() */
	SIM_REOPEN,
	SIM_SLEEP,
	SIM_WRITEPAGES, /* nwb_inode_writepages(), all its ways */
	SIM_SYNC,	/* nwb_netfs_sync() */
	SIM_MIGRATE,
	SIM_OFFLINE,
	SIM_HOG,   /* somebody else takes of the page budget */
	SIM_GRANT, /* the server grants caching, or takes it back */
	SIM_BREAK,
	SIM_FAR_READ, /* behind all that there is */
	SIM_STORE,    /* to mapped pages */
	SIM_LOAD,
	SIM_INVALIDATE, /* of a range, in one pass */
	SIM_LAUNDER,	/* folio by folio */
	SIM_SYNC_RANGE,
	SIM_READAHEAD,
	SIM_LOCK_FOLIO, /* for a while */
	SIM_BLOB,	/* nwb_writeback_single() */
	SIM_REFUSED,	/* what must not be done */
	SIM_OP_KINDS
};

/* Of a write, besides NWB_F_*. */
#define SIM_F_ASYNC 0x100u

/* @arg: of SIM_WRITE the group, of others what their function in vm.c says. */
struct sim_op {
	enum sim_op_kind kind;
	unsigned int task;
	uint64_t pos;
	uint32_t len;
	uint32_t flags;
	uint32_t arg;
	uint64_t ns;
};

/* Families: a plan has a random subset of them. */
enum sim_family {
	SIM_CUT_BEFORE, /* connection reset, WRITE not applied */
	SIM_CUT_AFTER,	/* applied, ack lost */
	SIM_CUT_FLUSH,	/* FLUSH executed or not, not answered */
	SIM_CUT_TIMED,	/* all connections reset at some time */
	SIM_CRASH,	/* the server restarts, what was not flushed is lost */
	SIM_CRASH_FLUSH,
	SIM_CRASH_TIMED,
	SIM_SLOW_ACK,
	SIM_PARK, /* a WRITE is applied late */
	SIM_SHORT,
	SIM_ERROR,	 /* for good: ENOSPC, EIO, EACCES */
	SIM_ERROR_AGAIN, /* to be tried again */
	SIM_ERROR_FLUSH,
	SIM_STARVE,	/* no credits for a while */
	SIM_FAMINE,	/* credits withheld until little is left */
	SIM_SCATTER,	/* all WRITEs take a random time: reordered */
	SIM_ZERO,	/* a count of 0, once or for a long time */
	SIM_NO_REQUEST, /* ->init_request() refuses */
	SIM_MIRROR_CUT, /* the mirror's connections are reset */
	SIM_MIRROR_CRASH,
	SIM_CUT_READY,	/* reconnect between preparing and sending (SMB) */
	SIM_LATE_FLUSH, /* a FLUSH is executed at once and answered late */
	SIM_FAMILIES
};

struct sim_fault {
	enum sim_family family;
	uint64_t at; /* number of the WRITE or FLUSH, or ns of virtual time */
	uint64_t arg;
};

struct sim_plan {
	/* server */
	bool is_9p;
	uint32_t max_credits, max_write, msize;
	unsigned int nr_workers;
	uint64_t latency_ns, down_ns, scatter_ns, pending_after_ns;
	size_t buf_bytes;
	uint64_t disk_bytes; /* a file may have; 0: enough */
	/* mount */
	struct nwb_netfs_opts opts;
	uint32_t credits;
	uint64_t timeout_ns, settle_ns;
	/* besides (sides.c); 0: not there */
	bool has_cache, has_mirror, has_identity, is_mirror_9p, is_legacy;
	uint64_t cache_max, domain_bytes, budget_bytes;
	unsigned int trace_events, short_percent;
	uint64_t refuse_every;	/* n-th object that no pool has */
	enum nwb_hazard aim;	/* bent towards it; 0: as drawn */
	bool has_stores_beside; /* stores go on while somebody writes */
	bool has_blobs, is_refusing;
	uint64_t base; /* all positions are so far away; a hole before */
	/* workload */
	uint64_t file_max;
	uint32_t len_max;
	unsigned int nr_files, nr_tasks, nr_ops, nr_faults;
	uint64_t initial; /* bytes that each file has before */
	uint32_t families;
	struct sim_op op[NWB_SIM_OPS];
	struct sim_fault fault[NWB_SIM_FAULTS];
};

/* One draw below @below (0: any 64 bits). */
uint64_t sim_draw(uint64_t *state, uint64_t below);
void sim_plan_make(const struct nwb_sim_opts *opts, struct sim_plan *ret_plan);
/* aims.c: every second world of a flavour is bent towards one of its hazards. */
void sim_plan_aim(struct sim_plan *p, enum nwb_flavour flavour, uint64_t *s);
/** sim_is_stable() - does what is sent stay as it is until it is acked? */
bool sim_is_stable(const struct sim_plan *p);
/** sim_plan_more() - what plan_more.c has. */
void sim_plan_more(struct sim_plan *p, uint64_t seed);
extern const uint8_t sim_crypto_key[NWB_CRYPT_KEY];

/* --- events.c ------------------------------------------------------------- */

#define SIM_NO_REC UINT64_MAX

/* Records of the run, in order; grows. */
struct sim_events {
	struct nwb_exec *ex;
	struct nwb_lrec *rec;
	uint64_t nr, max, tick, nr_lost;
	struct sha256_ctx sha;
	bool trace;
};

int sim_events_init(struct sim_events *e, bool trace);
void sim_events_fini(struct sim_events *e);
/** sim_begin() - Return: index for sim_end(). */
uint64_t sim_begin(struct sim_events *e, const struct nwb_lrec *proto);
void sim_end(struct sim_events *e, uint64_t index, int64_t result);
/** sim_mix() - something that is in no record, into the digest. */
void sim_mix(struct sim_events *e, uint64_t a, uint64_t b);
uint64_t sim_point(struct sim_events *e, const struct nwb_lrec *proto);

/* A payload on its way, to be the same when it is acked (O13). */
#define SIM_SENT 256u
struct sim_sent {
	const struct nwb_io_subrequest *sreq;
	uint32_t id;
	uint64_t start;
	uint64_t sum;
	const struct iovec *iov;
	unsigned int nr_iov;
};

/* --- the world ------------------------------------------------------------ */

struct sim_file {
	char name[16];
	uint16_t id;
	struct nwb_mutex lock; /* writers take turns, so that order is known */
	uint64_t gen;	       /* changes when a write begins or ends */
	unsigned int nr_in;    /* writes and stores under way */
	uint64_t in_from, in_to; /* what the write under way is at */
	unsigned int nr_beside;	 /* stores beside it */
	uint32_t version;
	uint64_t size;
	struct nwb_content content; /* at the end */
	bool is_size_unsure;	    /* something was given up or refused */
	uint64_t nr_gaveup;
	uint64_t max; /* as the plan has it */
	uint8_t *shadow;
	uint8_t *unsure; /* by byte: no promise any more */
};

struct sim_task_state {
	struct sim_world *w;
	unsigned int nr;
	uint16_t fd;
	struct sim_file *file;
	struct nwb_file *handle;
	struct nwb_task *task;
	uint8_t *buf;
	uint8_t *scratch; /* plan.file_max */
	/* of an asynchronous write */
	struct nwb_mutex aio_lock;
	struct nwb_waitq aio_wake;
	bool is_aio_done;
};

/* What is written as a whole, beside the files (blob.c). */
struct sim_object {
	struct nwb_file *file;
	struct nwb_mutex lock;
	uint32_t version;
	uint32_t len;	/* of what is known to be durable; 0: nothing is */
	uint8_t *bytes; /* that */
};

/* The same bytes, of which a server takes none. */
struct sim_zeros {
	uint16_t file; /* 0: the object */
	uint64_t offset;
	uint32_t len;
	uint64_t nr;
};

/* A FLUSH that was refused. */
struct sim_flush_bad {
	uint16_t file;
	uint64_t tick;
};

struct sim_world {
	struct nwb_sim_opts opts;
	struct sim_plan plan;
	struct nwb_sim_result *r;
	struct nwb_exec *ex;
	struct nwb_fake *fake;
	struct nwb_mount *mnt;
	struct nwb_netfs_check *check;
	struct nwb_netfs_tap tap;
	struct sim_events ev;
	struct nwb_stamp_key key;
	struct nwb_policy policy;
	struct sim_file file[SIM_FILES];
	struct sim_task_state task[SIM_TASKS];
	struct sim_sent sent[SIM_SENT];
	uint16_t next_fd;
	bool is_healed;
	struct nwb_task *fault_task;
	struct nwb_mutex fault_lock;
	struct nwb_waitq fault_wake;
	bool fault_stop;
	uint64_t nr_fired;
	uint64_t nr_begun; /* requests, for SIM_NO_REQUEST */
	uint64_t nr_sent;  /* WRITEs, for SIM_CUT_READY */
	uint64_t fired;	   /* bit of each fault that fired */
	uint64_t nr_crashes;
	struct sim_zeros zeros;
	/* sides.c */
	struct nwb_cache *cache;
	struct nwb_fake *mirror_fake;
	struct nwb_mount *mirror;
	struct nwb_dirty_domain *domain;
	struct nwb_budget *budget;
	struct nwb_trace *ring;
	struct sim_object object;
	bool is_dead; /* Linux' 9P without its connection */
	struct sim_flush_bad flush_bad[NWB_SIM_FAULTS];
	unsigned int nr_flush_bad;
	uint64_t began_ns;
	int setup_rc;
	struct nwb_err *setup_err;
};

/** sim_fail() - @check does not hold: note it, end the world. Does not return
 * when called from inside a task. */
void sim_fail(struct sim_world *w, const char *check, const char *fmt, ...)
	nwb_printf(3, 4);
/** sim_note() - the same, but where the world cannot be ended from (under a
 * lock of the server): it goes on until something else looks. */
void sim_note(struct sim_world *w, const char *check, const char *fmt, ...)
	nwb_printf(3, 4);
struct sim_file *sim_file_by_name(struct sim_world *w, const char *name);
struct sim_file *sim_file_by_id(struct sim_world *w, uint32_t id);
/** sim_unsure() - no promise is left for these bytes of @f. */
void sim_unsure(struct sim_file *f, uint64_t pos, uint64_t len);

/* events.c */
void sim_tap_init(struct sim_world *w);
void sim_on_apply(void *arg, const struct nwb_fake_apply *a);
void sim_on_event(void *arg, enum nwb_fake_event event, const char *name,
		  uint64_t value);

/* faults.c */
void sim_decide(void *arg, const struct nwb_fake_asked *a,
		struct nwb_fake_fate *fate);
int sim_refuse(struct sim_world *w);
/** sim_cut_ready() - a WRITE is prepared and about to be sent. */
void sim_cut_ready(struct sim_world *w);
int sim_faults_start(struct sim_world *w);
/** sim_faults_stop() - heal: from now on the server behaves. */
void sim_faults_stop(struct sim_world *w);

/* tasks.c */
void sim_task_main(void *arg);
int sim_open(struct sim_task_state *t);
void sim_close(struct sim_task_state *t);
int sim_fsync(struct sim_task_state *t);

/** sim_check_durable() - O1, O9: a promise was made of all that was written
 * before; @gen: of the file, since when nobody wrote. */
void sim_check_durable(struct sim_task_state *t, uint64_t gen);

/** sim_told() - an error was told to @t: of what was written before there is no
 * promise left. */
void sim_told(struct sim_task_state *t);

/* crypt.c */
/** sim_crypt_put() - nwb_fake_put() of plain content. */
int sim_crypt_put(struct sim_world *w, const struct sim_file *f);
/** sim_plain() - @n bytes at @pos of a file, as the server has them, become
 * content. */
void sim_plain(const struct sim_world *w, uint64_t pos, uint8_t *bytes,
	       size_t n);
/** sim_server_size() - of a file of @size. */
uint64_t sim_server_size(const struct sim_world *w, uint64_t size);
/** sim_learn_size() - after an open: the inode may be a new one, which knows
 * whole units only. */
void sim_learn_size(struct sim_task_state *t);

/* calls.c */
void sim_do_call(struct sim_task_state *t, const struct sim_op *op);

/* blob.c */
int sim_blob_open(struct sim_world *w);
void sim_do_blob(struct sim_task_state *t, const struct sim_op *op);
/** sim_blob_check() - healed: once more, and it must be there. */
void sim_blob_check(struct sim_world *w);
void sim_blob_close(struct sim_world *w);

/* refuse.c */
void sim_do_refused(struct sim_task_state *t, const struct sim_op *op);
/** sim_refuse_mounts() - mounts that cannot be. */
void sim_refuse_mounts(struct sim_world *w);

/* vm.c */
/** sim_do_vm() - Return: false: it is none of these. */
bool sim_do_vm(struct sim_task_state *t, const struct sim_op *op);

/* sides.c */
/** sim_sides_opts() - what the mount's options need; before it is made. */
int sim_sides_opts(struct sim_world *w);
/** sim_sides_attach() - cache, mirror, identity; after it was made. */
int sim_sides_attach(struct sim_world *w);
/** sim_sides_check() - at rest: does the cache have what the server has? */
void sim_sides_check(struct sim_world *w);
/** sim_sides_down() - after the mount is gone. */
void sim_sides_down(struct sim_world *w);

/* judge.c */
/** sim_read_contents() - what the files hold now, for sim_judge(). Context: task. */
int sim_read_contents(struct sim_world *w);
int sim_judge(struct sim_world *w, struct nwb_err *err);

#endif
