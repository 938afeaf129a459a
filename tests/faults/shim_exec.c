/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run a command with the shim in it, then say what it saw. For a look by hand
 * and for counting system calls; no test.
 *
 *	shim_exec SHIM smbd|diod [-n|-i] [-s] [-p FILE] [-f FILE]...
 *		[-e RULE]... -- CMD...
 *
 * -n: without the shim, for comparison; -i: idle, neither rules nor ledger;
 * -s: summary only; -p: where to write the pid of the command; -f: a file's
 * base name for the ledger; -e: a line of a plan.
 */
#include "nwb/faultctl.h"
#include "nwb/ledger.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "shim_exec: %s\n", what);
	exit(2);
}

static void print_records(const struct nwb_ledger *l)
{
	uint64_t n = atomic_load(&l->hdr->next);

	for (uint64_t i = 0; i < n && i < l->hdr->nr_slots; i++) {
		const struct nwb_lrec *r = &l->hdr->slot[i];

		printf("%5llu %-15s %llu..%lld conn %u mid %llu cmd %u off "
		       "%llu len %llu res %lld status %#x charge %u grant %u "
		       "file %u rule %u aux %llu flags %#x\n",
		       (unsigned long long)i, nwb_ledger_kind_name(r->kind),
		       (unsigned long long)r->begin, (long long)r->end, r->conn,
		       (unsigned long long)r->mid, r->cmd,
		       (unsigned long long)r->off, (unsigned long long)r->len,
		       (long long)r->result, r->status, r->charge, r->grant,
		       r->file, r->rule, (unsigned long long)r->aux, r->flags);
	}
}

static void print_summary(struct nwb_fc_page *p)
{
	const char *refusal = nwb_fc_refusal(p);

#define N(name)                                                                \
	printf(#name " %llu\n", (unsigned long long)atomic_load(&p->name))
	N(nr_conns);
	N(nr_requests);
	N(nr_replies);
	N(nr_interim);
	N(nr_signed);
	N(nr_sign_calls);
	N(nr_encrypted);
	N(nr_sealed);
	N(nr_unsealed);
	N(nr_unparsed);
	N(nr_held);
	N(nr_dropped);
	N(nr_cuts);
	N(nr_pwrites);
	N(nr_fsyncs);
	N(nr_relief);
	N(credits_withheld);
	N(credits_returned);
	N(min_balance_p1);
	N(marks_lost);
	N(nomem);
	N(durable_copies);
	N(durable_errors);
#undef N
	printf("samba \"%s\" attached %u sign %u main_pid %d refusal %s\n",
	       p->samba, atomic_load(&p->attached), atomic_load(&p->sign),
	       atomic_load(&p->main_pid), refusal ? refusal : "none");
	for (unsigned int i = 0; i < p->nr_rules; i++)
		printf("rule %s: matches %llu hits %llu\n", p->rule[i].name,
		       (unsigned long long)nwb_fc_matches(p, i),
		       (unsigned long long)nwb_fc_hits(p, i));
}

static void set_fd(const char *name, int fd)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", fd);
	setenv(name, text, 1);
	fcntl(fd, F_SETFD, 0);
}

/* run() - become the command; @shim NULL: as it is. */
static void run(char **argv, const char *shim, int ctl, int lfd)
{
	if (shim) {
		set_fd(NWB_SHIM_ENV_CTL, ctl);
		if (lfd >= 0)
			set_fd(NWB_SHIM_ENV_LEDGER, lfd);
		setenv("LD_PRELOAD", shim, 1);
	}
	execvp(argv[0], argv);
	_exit(127);
}

static void write_pid(const char *path, pid_t pid)
{
	FILE *f = fopen(path, "w");

	if (!f || fprintf(f, "%d\n", pid) < 0 || fclose(f))
		die("cannot write the pid");
}

static void add_line(struct nwb_plan *plan, const char *text)
{
	struct nwb_err err = {0};

	if (nwb_plan_add_text(plan, "-e", text, strlen(text), &err))
		die(err.text);
}

int main(int argc, char **argv)
{
	static const uint8_t key[16] = "not a secret key";
	bool idle = false, plain = false, summary = false;
	const char *pid_file = NULL;
	struct nwb_fc_page *page = NULL;
	struct nwb_plan *plan = NULL;
	struct nwb_ledger l = {0};
	struct nwb_err err = {0};
	int ctl = -1, lfd, opt, status = 0;
	char **end = argv + argc;
	pid_t pid;

	lfd = memfd_create("ledger", MFD_CLOEXEC);
	if (argc < 5 || nwb_plan_new(&plan) || nwb_fc_create(&ctl, &page) ||
	    nwb_ledger_create(lfd, 1 << 20, key, 1, &l))
		die("usage: shim_exec SHIM smbd|diod [-nis] [-p FILE] [-f "
		    "FILE] "
		    "[-e RULE] -- CMD");
	optind = 3;
	while ((opt = getopt(argc, argv, "+nisp:f:e:")) != -1) {
		if (opt == 'i')
			idle = true;
		else if (opt == 'n')
			plain = true;
		else if (opt == 's')
			summary = true;
		else if (opt == 'p')
			pid_file = optarg;
		else if (opt == 'f' && nwb_ledger_add_file(&l, optarg) < 0)
			die("too many files");
		else if (opt == 'e')
			add_line(plan, optarg);
	}
	if (argv + optind >= end)
		die("no command");
	if (nwb_plan_finish(plan, &err) ||
	    nwb_plan_compile(plan, page, argv[2], &err))
		die(err.text);
	pid = fork();
	if (!pid)
		run(argv + optind, plain ? NULL : argv[1], ctl,
		    idle ? -1 : lfd);
	if (pid_file)
		write_pid(pid_file, pid);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	waitpid(pid, &status, 0);
	if (!summary)
		print_records(&l);
	print_summary(page);
	nwb_ledger_unmap(&l);
	nwb_fc_unmap(page);
	nwb_plan_free(plan);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
