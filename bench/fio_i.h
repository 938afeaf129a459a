/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb bench JOB.fio: somebody's own job file, unchanged, on every subject.
 *
 *	JOB.fio ─ fio --showcmd ─► fio_job.c   what we must know of it
 *	   │
 *	   ▼       one subject, fresh (fio_run.c)
 *	netwb mount SERVER ... ─┐
 *	          or a tmpfs ───┴─► netwb fio-inside (fio_inside.c) ─► fio
 *	                                │  its own namespaces   json+ │
 *	                                └──────── CPU, files ──┐      ▼
 *	fio_cmd.c: pairs, order, store ◄── fio_record.c ◄──── fio_result.c
 *
 * fio itself reads the job file; nothing here parses its language. What fio
 * leaves behind is believed only when it is whole (fio_result.c).
 */
#ifndef NWB_BENCH_FIO_I_H
#define NWB_BENCH_FIO_I_H

#include "bench_i.h"
#include "nwb/hist.h"

#define BENCH_FIO_JOBS	  64
#define BENCH_FIO_DIRS	  8
#define BENCH_FIO_REMARKS 16

/* One job section, as fio understands it. */
struct bench_fio_spec {
	char name[64];
	unsigned int numjobs;
	uint64_t runtime_ns, ramp_ns; /* 0: none */
	bool time_based;
	bool group_reporting;
	bool writes; /* as far as rw= says */
	bool syncs;  /* something makes what is written durable */
	bool fsync_on_close;
	bool is_rated;
	bool no_latency;
	bool unlinks;
	bool verifies;
	char rw[24], ioengine[32];
	uint64_t bs_bytes; /* 0: a range, or one for each direction */
	unsigned int iodepth;
	uint64_t bytes; /* size=; 0: not given, or a percentage */
};

/* What we must know of a job file before it runs. */
struct bench_fio_file {
	char path[4096]; /* absolute; set by whoever runs it */
	bool includes;	 /* other files, found beside it */
	unsigned int nr_jobs;
	struct bench_fio_spec job[BENCH_FIO_JOBS];
	/* absolute directories that it names, parents before children */
	unsigned int nr_dirs;
	char dir[BENCH_FIO_DIRS][256];
	/* relative ones, to be made on the subject */
	unsigned int nr_subdirs;
	char subdir[BENCH_FIO_DIRS][256];
	/* what a reader of the figures must be told */
	unsigned int nr_remarks;
	char remark[BENCH_FIO_REMARKS][160];
};

/* fio_job.c */
/**
 * bench_fio_understand() - read what `fio --showcmd JOB` printed.
 * @text: its output, NUL-terminated
 * @ret: jobs, directories and remarks; path and includes are left alone
 * @err: why such a job cannot be run here
 * Return: 0; -EINVAL: refused, or more than we have room for.
 */
int bench_fio_understand(const char *text, struct bench_fio_file *ret,
			 struct nwb_err *err) nwb_must_check;
/**
 * bench_fio_file_read() - the same of a file, by way of fio.
 * @path: as the user named it
 * Return: 0; -ENOENT: no such file, or no fio; -EINVAL: fio does not take it.
 */
int bench_fio_file_read(const char *path, struct bench_fio_file *ret,
			struct nwb_err *err) nwb_must_check;

enum bench_fio_ddir {
	BENCH_FIO_READ,
	BENCH_FIO_WRITE,
	BENCH_FIO_TRIM,
	BENCH_FIO_DDIRS
};

/* One direction of one job. */
struct bench_fio_dir {
	uint64_t bytes, ios;
	uint64_t runtime_ns; /* the longest of the processes' */
	struct nwb_hist clat;
};

/* One job name; its processes (numjobs=) are summed up. */
struct bench_fio_job {
	char name[64];
	unsigned int nr; /* entries in fio's output */
	struct bench_fio_dir dir[BENCH_FIO_DDIRS];
	struct nwb_hist sync;
	double usr, sys; /* per cent of a CPU; sums over the entries */
	uint64_t runtime_ns;
	char why[240]; /* it measured nothing; empty: its numbers are good */
};

/* What fio said; large, allocate it. */
struct bench_fio_result {
	char version[32];
	unsigned int nr_jobs;
	struct bench_fio_job job[BENCH_FIO_JOBS];
	int error; /* the first job's that failed, errno */
	char error_job[64];
	char note[256]; /* fio's own "note:" lines */
};

/* fio_result.c */
/** bench_fio_ddir_name() - "read", "write", "trim". */
const char *bench_fio_ddir_name(enum bench_fio_ddir d);
/**
 * bench_fio_parse() - read a json+ file of fio, and believe nothing of it
 * unless all of it is there.
 * @text: content, @len bytes
 * @file: the jobs that must be in it
 * @ret: zeroed, filled as far as it came
 * @err: why the run is INVALID
 *
 * Refused are: anything but "note:" lines before the object, anything behind
 * it, a truncated file, duplicate or missing members, counts that disagree
 * with each other, a job that is missing or that failed (@ret->error).
 * Believed, but without a number (@ret->job[].why), is a job that was measured
 * for less than BENCH_FIO_SHORTEST_NS or less than its runtime=, or whose ramp
 * is longer than what was measured.
 *
 * Return: 0; -EINVAL: not believed.
 */
int bench_fio_parse(const char *text, size_t len,
		    const struct bench_fio_file *file,
		    struct bench_fio_result *ret,
		    struct nwb_err *err) nwb_must_check;

/* --- one run -------------------------------------------------------------- */

struct bench_fio_subject {
	const char *name;
	const char *client; /* of `netwb mount`; NULL: no mount */
	bool kernel_cache;
	bool engine; /* through the external engine, if there is one */
};
extern const struct bench_fio_subject bench_fio_subjects[];
extern const unsigned int bench_fio_nr_subjects;

/* What all runs of a session have in common. */
struct bench_fio_setup {
	const struct bench_fio_file *file;
	const char *engine_job; /* its copy for the external engine, or NULL */
	const char *dir;	/* absolute; what the runs leave goes there */
	const struct bench_cli *cli;
	const char *fault; /* a standard one, by name; NULL: none */
	uint64_t limit_ns; /* of one run of fio */
};

/* What one run came to; large, allocate it. */
struct bench_fio_run {
	const struct bench_fio_subject *subject;
	const char *server; /* "local" for none */
	unsigned int nr;    /* of the session, from 1 */
	unsigned int pair, order;
	uint64_t seed;

	struct bench_fio_result res;
	char json[64];	   /* its json+, relative to the session */
	bool has_numbers;  /* else all of them are void */
	bool is_short;	   /* some jobs measured nothing, see job[].why */
	char invalid[320]; /* why */
	bool is_judged;
	enum nwb_verdict verdict;
	char reason[320];
	uint64_t fio_cpu_ns;	/* UINT64_MAX: not known, as below */
	uint64_t client_cpu_ns; /* of the mount */
	uint64_t server_cpu_ns;
	uint64_t wall_ns;
	uint64_t files; /* on the subject, when fio had ended */
	bool has_mount;
	uint64_t mount_writes; /* requests that came through it */
	uint64_t reconnects;   /* UINT64_MAX: not known */
};

/* fio_run.c */
/** bench_fio_run() - one run of @r->subject on @r->server. What it came to is
 * in @r; nothing that goes wrong in it is a failure of the session. */
void bench_fio_run(const struct bench_fio_setup *s, struct bench_fio_run *r);
/** bench_fio_verdict() - of the run as a whole: a run that was not judged is
 * PASS, one whose numbers are void is INCONCLUSIVE at least. */
enum nwb_verdict bench_fio_verdict(const struct bench_fio_run *r);

/* fio_cpu.c */
struct bench_fio_cpu {
	uint64_t client_ns; /* of the process itself */
	uint64_t server_ns; /* of what it has started, but for its warden */
	unsigned int nr_server;
};
/** bench_fio_cpu() - so far, of the `netwb mount` that is process @pid. */
int bench_fio_cpu(int pid, struct bench_fio_cpu *ret) nwb_must_check;

/* What fio-inside sends over the socket that NWB_FIO_SOCKET names when fio is
 * about to begin, and when it has ended; one byte comes back. */
#define BENCH_FIO_BEGIN 'B'
#define BENCH_FIO_END	'E'

/* fio_record.c */
/** bench_fio_records() - a record for each job of @r, to the store. */
int bench_fio_records(const struct bench_fio_setup *s,
		      const struct bench_fio_run *r, struct nwb_store *store,
		      struct nwb_err *err) nwb_must_check;

/* fio_cmd.c */
/** bench_fio_is_wanted() - does a job file stand on the command line? */
bool bench_fio_is_wanted(int argc, char **argv);
/** bench_cmd_fio() - `netwb bench JOB.fio`. Return: exit code. */
int bench_cmd_fio(int argc, char **argv);

/* fio counts milliseconds: one in a hundred, and a start that costs some. */
#define BENCH_FIO_SHORTEST_NS (100 * NWB_MSEC)

#endif
