/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of a machine share.
 *
 *	machine.c	  start, wait, free; what others ask of it
 *	machine_loop.c	  its thread: channel, console, end
 *	machine_console.c what a line of the console means
 *	machine_cmd.c	  command lines of UML and QEMU
 *	initrd.c	  the guest's first root
 */
#ifndef NWB_KERNEL_MACHINE_I_H
#define NWB_KERNEL_MACHINE_I_H

#include "nwb/box.h"
#include "nwb/guest.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define NWB_MACHINE_ARGS  48
#define NWB_MACHINE_WORDS 2048
#define NWB_MACHINE_OUT	  65536u
#define NWB_MACHINE_LAST  24 /* lines that are remembered */
#define NWB_MACHINE_LINE  240

/* What a line of the console is. */
enum nwb_console_kind {
	NWB_CONSOLE_PLAIN,
	NWB_CONSOLE_WARNS, /* worth a look */
	NWB_CONSOLE_DEAD,  /* the kernel is, or what it does is worth nothing */
	NWB_CONSOLE_INIT,  /* our own program could not begin */
};

/**
 * struct nwb_console - the console as it comes.
 * @last: ring of the last lines; @nr lines so far
 * @part: the line that has not ended
 */
struct nwb_console {
	char last[NWB_MACHINE_LAST][NWB_MACHINE_LINE];
	unsigned int nr;
	char part[NWB_MACHINE_LINE];
	size_t part_len;
};

/** nwb_console_kind() - what @line says. */
enum nwb_console_kind nwb_console_kind(const char *line);
/**
 * nwb_console_byte() - the next byte.
 * Return: a line that has ended (good until the next call), or NULL.
 */
const char *nwb_console_byte(struct nwb_console *c, char byte);
/** nwb_console_excerpt() - the last lines; @size of @buf. */
void nwb_console_excerpt(const struct nwb_console *c, char *buf, size_t size);

/** struct nwb_machine_cmd - a command line; argv points into @text. */
struct nwb_machine_cmd {
	const char *argv[NWB_MACHINE_ARGS];
	unsigned int nr;
	char text[NWB_MACHINE_WORDS];
	size_t len;
};

/** nwb_machine_cmd() - how to start @o->kernel; @dir: of the box. The kernel is
 * NWB_BOX_FD_2, the channel NWB_BOX_FD_1, the initrd @dir/initrd. */
void nwb_machine_cmd(const struct nwb_machine_opts *o, const char *dir,
		     struct nwb_machine_cmd *ret);
/** nwb_machine_conf() - the guest's /nwb.conf. */
const char *nwb_machine_conf(const struct nwb_kernel *kernel);

/** nwb_initrd_write() - the first root into @fd. */
int nwb_initrd_write(int fd, const struct nwb_kernel *kernel,
		     const char *program, const char *conf, const char *job,
		     struct nwb_err *err) nwb_must_check;

/**
 * struct nwb_machine - one guest.
 * @o: strings are owned
 * @chan, @con: our ends; @wake: eventfd of the thread
 * @lock: of @out*, @want_*, @has_ended; @ended announces that
 * @out, @out_len: what the guest is to be told
 *
 * The rest is the thread's until it has ended:
 * @echo: number of the last; @echo_ns: when
 * @cut_ns: power loss: when it began; 0: none
 * @cut_echo: number of the echo that must have been seen; 0: not sent yet
 * @dead_ns: when the console said that the kernel is dead; 0: it did not
 */
struct nwb_machine {
	struct nwb_machine_opts o;
	struct nwb_kernel kernel;
	struct nwb_box *box;
	int chan;
	int con;
	int wake;
	FILE *log;
	uint64_t log_len;
	pthread_t thread;
	bool has_thread;

	pthread_mutex_t lock;
	pthread_cond_t ended;
	uint8_t out[NWB_MACHINE_OUT];
	size_t out_len;
	bool want_cut;
	bool want_stop;
	bool has_ended;

	struct nwb_chan_parser parser;
	struct nwb_console console;
	struct nwb_machine_report r;
	_Atomic uint64_t own_tick;
	uint64_t seq;
	uint64_t start_ns;
	uint64_t last_ns;
	uint64_t loop_ns;
	uint32_t echo;
	uint32_t seen;
	uint64_t echo_ns;
	uint32_t cut_echo;
	uint64_t cut_ns;
	uint64_t dead_ns;
};

/** nwb_machine_now() - CLOCK_MONOTONIC, ns. */
uint64_t nwb_machine_now(void);
/** nwb_machine_tell() - queue a record for the guest. Return: 0; -ENOBUFS. */
int nwb_machine_tell(struct nwb_machine *m, enum nwb_chan_type type,
		     const void *payload, size_t len) nwb_must_check;
/** nwb_machine_loop() - the thread. */
void *nwb_machine_loop(void *arg);

#endif
