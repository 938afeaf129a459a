/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest: one kernel, booted in the network of a run's server, with one job.
 *
 *	netwb ── server's agent (net, mnt, pid ns) ── smbd | diod
 *	  │             tap nwb0 10.99.0.1 ◄──────────────┐
 *	  └── guest's agent (same net; own mnt, pid ns) ── UML | QEMU  10.99.0.2
 *	        pipe from netwb: it dies, everything does
 *
 * The server is started with struct nwb_server_opts.tap. The guest lives in a
 * pid namespace of its own, so that stopping or restarting the server never
 * touches it; killing netwb at any moment kills both. Its memory, its initrd
 * and all that it writes lie on a tmpfs that only it sees.
 *
 * In the guest runs one static program (kernel/guest): as /init it prepares
 * the guest, then it does the job and tells of everything through the channel
 * (nwb/guest_chan.h). A thread of netwb reads the channel and the console;
 * what it reads it hands to @on_event.
 *
 * Jobs. Text, one verb a line, # comments. Numbers may end in K, M, G.
 *
 *	key HEX32			stamp key (the ledger's); needed first
 *	file N PATH			file number N (the ledger's id) is PATH
 *	mount TYPE SOURCE DIR [OPTIONS]	DIR is made; a failure ends the job
 *	mount fuse NAME DIR [OPTIONS]	a FUSE server of the guest's own, in memory;
 *					one a job. OPTIONS: writeback delay=MS fail=N
 *					(the Nth WRITE: EIO) hang=N (from the Nth on,
 *					until release) capacity=BYTES max_write=BYTES;
 *					lies: lose=N cut=N tear=N (guest/fuse.c)
 *	release				WRITEs that hang go on
 *	umount DIR [lazy] [force]
 *	open FD N [FLAGS]		FLAGS: rdwr (default) rdonly wronly, creat
 *					trunc append direct sync dsync excl, by
 *					commas. FD: 0..31, as the job counts
 *	write FD OFF LEN [x COUNT [STEP]] [fsync EVERY] [shuffle SEED]
 *					stamps; COUNT of them, STEP bytes apart
 *					(LEN), fsync after each EVERY; each is
 *					a pwrite of its own, a new version each
 *	append FD LEN [x COUNT] [fsync EVERY]
 *	store FD OFF LEN [x COUNT [STEP]]  through a shared mapping
 *	msync FD OFF LEN
 *	read FD OFF LEN [x COUNT [STEP]]  what is seen is told by FOUND
 *	verify FD			read all of it, compare with what this job
 *					has written there; a difference fails
 *	fsync FD | fdatasync FD | syncfs FD | sync
 *	truncate FD SIZE
 *	close FD
 *	unlink N
 *	mark NAME			tells the host, goes on
 *	wait NAME			tells the host, waits for its GO
 *	sleep MS
 *	drop_caches [1|2|3]
 *	pressure BYTES MS		a process touches so much memory for so long
 *	echo TEXT PATH			write TEXT into PATH (/proc/sys/...)
 *	stat PATH			content of PATH goes to the host
 *	ls DIR				names and sizes go to the host as SAY
 *	trace on KB EVENT...		tracefs: clock mono, buffer of KB, events
 *					(netfs cifs:smb3_rw_done ...)
 *	trace live KB EVENT...		the same, sent while it runs
 *	trace off			stop; what is left goes to the host
 *	thread NAME ... end		verbs of another thread, which runs now
 *	join [NAME]			wait for it, or for all
 *	on-error go|stop		what an operation that fails does to the
 *					job; go at first. Mounts always stop it
 *	done				the end; also at the end of the text
 */
#ifndef NWB_GUEST_H
#define NWB_GUEST_H

#include "nwb/guest_chan.h"
#include "nwb/kernel.h"
#include "nwb/ledger.h"
#include "nwb/server.h"

struct nwb_machine;

enum nwb_machine_end {
	NWB_MACHINE_RUNS,
	NWB_MACHINE_DONE, /* the job has ended, rc of struct nwb_chan_done */
	NWB_MACHINE_POWEROFF, /* nwb_machine_power_loss() */
	NWB_MACHINE_PANIC,    /* panic, oops, BUG, sanitizer's report */
	NWB_MACHINE_HUNG,     /* no record for hung_ns, the process lives */
	NWB_MACHINE_STUCK,    /* limit_ns is over, heartbeats still come */
	NWB_MACHINE_DIED,     /* it ended by itself before the job's end */
	NWB_MACHINE_BROKEN,   /* what comes through the channel is nonsense */
	NWB_MACHINE_STOPPED,  /* nwb_machine_stop() */
};

enum nwb_machine_event_kind {
	NWB_MACHINE_EV_RECORD,	/* @rec */
	NWB_MACHINE_EV_ECHO,	/* echo number @nr is about to be sent */
	NWB_MACHINE_EV_CONSOLE, /* @line of the console */
	NWB_MACHINE_EV_END,	/* the last: nwb_machine_report() is final */
};

/**
 * struct nwb_machine_event - something from the guest.
 * @ticket: RECORD: drawn when it had been read; ECHO: drawn before it is sent.
 *	The join of nwb/guest_chan.h
 * @host_ns: CLOCK_MONOTONIC
 */
struct nwb_machine_event {
	enum nwb_machine_event_kind kind;
	uint64_t ticket;
	uint64_t host_ns;
	const struct nwb_chan_rec *rec;
	uint32_t nr;
	const char *line;
};

/**
 * struct nwb_machine_opts - which guest.
 * @kernel: UML or QEMU; copied
 * @srv: started with opts.tap; outlives the machine
 * @job: text, see above; copied
 * @console: file that gets the console, made or emptied, 16 MiB at most; NULL:
 *	none is kept
 * @program: path of the guest's program, NULL: nwb_guest_program()
 * @mem_mib: memory; 0: 512, with KASAN 1024
 * @append: more words for the kernel's command line, or NULL
 * @ledger: tickets are drawn from it; NULL: a counter of its own
 * @hung_ns: without a record for so long it is HUNG; 0: 30 s
 * @boot_ns: time until the first record; 0: 120 s
 * @limit_ns: for all of it; 0: 300 s
 * @on_event, @arg: called on the machine's thread, in the stream's order; may
 *	call nwb_machine_go(), not _wait() nor _free()
 */
struct nwb_machine_opts {
	const struct nwb_kernel *kernel;
	struct nwb_server *srv;
	const char *job;
	const char *console;
	const char *program;
	unsigned int mem_mib;
	const char *append;
	struct nwb_ledger *ledger;
	uint64_t hung_ns;
	uint64_t boot_ns;
	uint64_t limit_ns;
	void (*on_event)(void *arg, const struct nwb_machine_event *ev);
	void *arg;
};

/**
 * struct nwb_machine_report - how it went.
 * @done: of the job when @end is DONE
 * @status: wait status of the process when it ended by itself
 * @why: one sentence; "" when all is well
 * @excerpt: lines of the console around a panic or the like, or its last ones
 * @release: of the guest's kernel as it says itself
 * @boot_ns: from the start to the first record
 * @total_ns: from the start to the end
 * @records, @beats: from the guest
 * @gap_ns: longest time without a record, after the first
 * @harness_gap_ns: longest time for which netwb's own thread did not run: a
 *	HUNG is to be believed only when this is small
 * @is_cut_clean: power loss: all that the guest had told before was read
 * @suspicious: lines of the console that warn (WARNING, hung task, ...)
 */
struct nwb_machine_report {
	enum nwb_machine_end end;
	struct nwb_chan_done done;
	int status;
	char why[256];
	char excerpt[4096];
	char release[96];
	uint64_t boot_ns;
	uint64_t total_ns;
	uint64_t records;
	uint64_t beats;
	uint64_t gap_ns;
	uint64_t harness_gap_ns;
	bool is_cut_clean;
	unsigned int suspicious;
};

/**
 * nwb_machine_check() - could a guest of @kernel be started here?
 * Return: 0; -EOPNOTSUPP, -ENOENT with the reason and the remedy (a package's
 * name) in @err.
 */
int nwb_machine_check(const struct nwb_kernel *kernel,
		      struct nwb_err *err) nwb_must_check;

/**
 * nwb_machine_start() - boot it; does not wait for the boot.
 * Return: 0; negative errno with the remedy in @err. -EOPNOTSUPP: no network
 * namespace, or no /dev/net/tun.
 */
int nwb_machine_start(const struct nwb_machine_opts *opts,
		      struct nwb_machine **ret_m,
		      struct nwb_err *err) nwb_must_check;

/** nwb_machine_go() - answer the guest's WAIT of @name. Any thread. */
int nwb_machine_go(struct nwb_machine *m, const char *name) nwb_must_check;

/**
 * nwb_machine_fuse() - give the guest's own FUSE server an order. It is obeyed
 * before a GO that is said after it.
 * @order: "fail ERRNO N": N WRITEs from now on go well, each later one ends in
 *	ERRNO and does nothing; "hang": WRITEs wait; "go": they wait no longer;
 *	"well": neither any more
 *
 * Return: 0; -ENOBUFS: the guest does not read. Any thread.
 */
int nwb_machine_fuse(struct nwb_machine *m, const char *order) nwb_must_check;

/**
 * nwb_machine_power_loss() - the client loses its power.
 *
 * The cable is pulled first (nwb_server_plug(): nothing reaches the server any more,
 * and it is not told), then what the guest has announced is read to its end,
 * then it is killed. So no write can have reached the server that the ledger
 * does not know to be intended. Returns when it is dead.
 * Context: any thread but the machine's.
 */
int nwb_machine_power_loss(struct nwb_machine *m,
			   struct nwb_err *err) nwb_must_check;

/** nwb_machine_stop() - kill it now, for no reason of the run's. Any thread. */
void nwb_machine_stop(struct nwb_machine *m);

/**
 * nwb_machine_wait() - until it has ended, @timeout_ns at most (0: as long as it
 * takes; it always ends, see limit_ns).
 * Return: 0 and @ret; -ETIMEDOUT.
 */
int nwb_machine_wait(struct nwb_machine *m, uint64_t timeout_ns,
		     struct nwb_machine_report *ret) nwb_must_check;

/** nwb_machine_free() - kills it when it still runs. NULL is fine. */
void nwb_machine_free(struct nwb_machine *m);

/** nwb_machine_end_name() - "done", "panic", "hung", ... */
const char *nwb_machine_end_name(enum nwb_machine_end end);

/** nwb_guest_program() - path of the program that runs in guests: beside the
 * running netwb, or where it is installed. NULL: not found. */
const char *nwb_guest_program(void);

/**
 * nwb_guest_job_check() - is @job well-formed? What the guest's own parser says.
 * Return: 0; -EINVAL with "line N: ..." in @err.
 */
int nwb_guest_job_check(const char *job, struct nwb_err *err) nwb_must_check;

#endif
