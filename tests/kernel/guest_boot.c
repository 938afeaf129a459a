/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests, booted: each way in which one can end, and what it leaves.
 *
 * Usage: guest_boot KERNEL... [--quick | --only CASE]
 *        guest_boot --uml IMAGE [--modules DIR] | --qemu IMAGE --modules DIR
 *
 * KERNEL as `netwb check --kernel` takes it, of the cache. Closes with
 * "N passed, N failed, N skipped".
 */
#include "machine_i.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY	"000102030405060708090a0b0c0d0e0f"
#define MIB_ALL 16

static struct nwb_kernel kernel;
static struct nwb_server *srv;
static struct nwb_machine *machine;
static struct nwb_machine_report report;
static char job[8192];
static uint64_t limit_ns;
static int fails;
static bool is_loud, is_skipped;

/* What came. */
static struct {
	_Atomic unsigned int marks;
	unsigned int writes_begun, writes_ended, echoes;
	unsigned int effects, effect_errors, fsync_errors;
	bool fsync_end_before_mark;
	uint64_t last_ticket;
	char says[4096];
	size_t trace;
} got;

static void bad(const char *fmt, ...) nwb_printf(1, 2);

static void bad(const char *fmt, ...)
{
	va_list ap;

	fails++;
	printf("    ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

static void tell_record(const struct nwb_machine_event *ev)
{
	const struct nwb_chan_rec *rec = ev->rec;
	struct nwb_chan_op op;

	printf("  %8.3f # %s", (double)(ev->host_ns % (1000 * NWB_SEC)) / 1e9,
	       nwb_chan_type_name(rec->type));
	if (!nwb_chan_get_op(rec, &op))
		printf(" %s %x off=%llu len=%llu = %lld",
		       nwb_chan_op_name(op.op), op.id,
		       (unsigned long long)op.off, (unsigned long long)op.len,
		       (long long)op.result);
	else if (rec->type == NWB_CHAN_SAY || rec->type == NWB_CHAN_MARK)
		printf(" %.*s", (int)rec->len, (const char *)rec->payload);
	printf("\n");
}

static void on_record(const struct nwb_machine_event *ev)
{
	const struct nwb_chan_rec *rec = ev->rec;
	struct nwb_chan_op op;
	size_t len = strlen(got.says);

	if (is_loud)
		tell_record(ev);
	switch (rec->type) {
	case NWB_CHAN_MARK:
		atomic_fetch_add(&got.marks, 1);
		break;
	case NWB_CHAN_SAY:
		snprintf(got.says + len, sizeof(got.says) - len, "%.*s\n",
			 (int)rec->len, (const char *)rec->payload);
		break;
	case NWB_CHAN_TRACE:
		got.trace += rec->len;
		break;
	case NWB_CHAN_OP_BEGIN:
	case NWB_CHAN_OP_END:
		if (nwb_chan_get_op(rec, &op))
			bad("a malformed operation");
		else if (op.op == NWB_CHAN_OP_FSYNC && op.result)
			got.fsync_errors++;
		else if (op.op == NWB_CHAN_OP_FSYNC &&
			 rec->type == NWB_CHAN_OP_END && got.marks == 1)
			got.fsync_end_before_mark = true;
		else if (op.op == NWB_CHAN_OP_WRITE)
			*(rec->type == NWB_CHAN_OP_BEGIN ? &got.writes_begun
							 : &got.writes_ended) +=
				1;
		break;
	case NWB_CHAN_EFFECT_END:
		got.effects++;
		got.effect_errors += nwb_chan_get_op(rec, &op) || op.result < 0;
		break;
	default:
		break;
	}
}

static void on_event(void *arg, const struct nwb_machine_event *ev)
{
	(void)arg;
	if (ev->kind == NWB_MACHINE_EV_CONSOLE && is_loud)
		printf("  %8.3f | %s\n",
		       (double)(ev->host_ns % (1000 * NWB_SEC)) / 1e9,
		       ev->line);
	if (ev->kind == NWB_MACHINE_EV_ECHO)
		got.echoes++;
	if (ev->kind == NWB_MACHINE_EV_RECORD)
		on_record(ev);
	if (ev->kind > NWB_MACHINE_EV_ECHO)
		return;
	if (ev->ticket <= got.last_ticket)
		bad("tickets do not rise");
	got.last_ticket = ev->ticket;
}

/* --- beginning and end ----------------------------------------------------- */

static int up(const char *server)
{
	struct nwb_server_opts o = {
		.name = server,
		.tap = true,
		.ignore_sigpipe = true,
	};
	struct nwb_err err = {0};
	int rc = nwb_server_start(&o, &srv, &err);

	if (rc == -EPERM || rc == -EACCES || rc == -EOPNOTSUPP) {
		printf("skipped: %s\n", err.text);
		is_skipped = true;
	} else if (rc) {
		bad("%s", err.text);
	}
	return rc;
}

static const char *head(void)
{
	struct nwb_server_info info;
	static char text[1024];

	nwb_server_info(srv, &info);
	if (info.is_9p)
		snprintf(text, sizeof(text),
			 "key " KEY "\nfile 1 /mnt/a\n"
			 "mount 9p " NWB_TAP_ADDR
			 " /mnt trans=tcp,port=%u,version=9p2000.L,aname=%s,"
			 "uname=root,access=user,msize=65536,cache=loose,"
			 "ignoreqv\n",
			 info.port, info.share);
	else
		snprintf(text, sizeof(text),
			 "key " KEY "\nfile 1 /mnt/a\n"
			 "mount cifs //" NWB_TAP_ADDR
			 "/%s /mnt ip=" NWB_TAP_ADDR ",unc=\\\\" NWB_TAP_ADDR
			 "\\%s,username=%s,"
			 "password=%s,vers=3.1.1,cache=strict\n",
			 info.share, info.share, info.user, info.password);
	return text;
}

static int boot_whole(uint64_t hung_ns)
{
	struct nwb_machine_opts o = {
		.kernel = &kernel,
		.srv = srv,
		.job = job,
		.hung_ns = hung_ns,
		.on_event = on_event,
		.limit_ns = limit_ns,
		.append = getenv("NWB_APPEND"),
	};
	struct nwb_err err = {0};

	memset(&got, 0, sizeof(got));
	if (!nwb_machine_start(&o, &machine, &err))
		return 0;
	bad("%s", err.text);
	return -1;
}

static int boot(const char *rest, uint64_t hung_ns)
{
	snprintf(job, sizeof(job), "%s%s", head(), rest);
	return boot_whole(hung_ns);
}

static void expect(enum nwb_machine_end end)
{
	if (nwb_machine_wait(machine, 0, &report))
		bad("no end");
	if (report.end != end)
		bad("ended as %s (%s) instead of %s\n%s",
		    nwb_machine_end_name(report.end), report.why,
		    nwb_machine_end_name(end), report.excerpt);
	if (end == NWB_MACHINE_DONE && report.done.rc)
		bad("the job failed: %s", report.done.text);
}

static void down(void)
{
	nwb_machine_free(machine);
	nwb_server_free(srv);
	machine = NULL;
	srv = NULL;
}

/* Read the file below the server: is it what the job wrote? */
static void check_export(uint64_t size)
{
	static const uint8_t raw[16] = {0, 1, 2,  3,  4,  5,  6,  7,
					8, 9, 10, 11, 12, 13, 14, 15};
	static uint8_t have[NWB_MIB], want[NWB_MIB];
	struct nwb_stamp_key key;
	struct nwb_err err = {0};
	int fd;

	if (nwb_server_open(srv, "a", O_RDONLY, &fd, &err)) {
		bad("%s", err.text);
		return;
	}
	nwb_stamp_key_init(&key, raw);
	for (uint32_t i = 0; i * NWB_MIB < size; i++) {
		if (read(fd, have, NWB_MIB) != (ssize_t)NWB_MIB) {
			bad("the file ends within MiB %u", i);
			break;
		}
		/* version 1 is the truncation of the open */
		nwb_stamp_fill(&key, 1, i + 2, i * NWB_MIB, want, NWB_MIB);
		if (memcmp(have, want, NWB_MIB))
			bad("MiB %u is not what was written", i);
	}
	close(fd);
}

/* --- cases ----------------------------------------------------------------- */

static void smoke(const char *server)
{
	if (up(server) || boot("open 0 1 creat,trunc\n"
			       "write 0 0 1M x 16 fsync 16\n"
			       "drop_caches\n"
			       "verify 0\n"
			       "close 0\n"
			       "stat /proc/fs/netfs/stats\n"
			       "ls /mnt\n"
			       "umount /mnt\n",
			       0))
		return;
	expect(NWB_MACHINE_DONE);
	if (got.writes_begun != 16 || got.writes_ended != 16)
		bad("%u writes begun, %u ended", got.writes_begun,
		    got.writes_ended);
	if (!got.echoes)
		bad("nothing was echoed");
	if (!strstr(got.says, "ls /mnt/a 16777216"))
		bad("ls says: %s", got.says);
	check_export(MIB_ALL * NWB_MIB);
}

static void case_cifs(void)
{
	smoke("smbd");
}

static void case_9p(void)
{
	smoke("diod");
}

static void case_panic(void)
{
	if (up("smbd") || boot("echo c /proc/sysrq-trigger\n", 0))
		return;
	if (!nwb_machine_wait(machine, 0, &report) &&
	    strstr(got.says, "sysrq-trigger: ")) {
		printf("skipped: this kernel has no sysrq-trigger\n");
		is_skipped = true;
		return;
	}
	expect(NWB_MACHINE_PANIC);
	if (!strstr(report.excerpt, "sysrq"))
		bad("the excerpt does not say what happened:\n%s",
		    report.excerpt);
}

static void wait_mark(void)
{
	for (int i = 0; i < 6000 && !atomic_load(&got.marks); i++) {
		if (!nwb_machine_wait(machine, 10 * NWB_MSEC, &report))
			return;
	}
}

static void case_hung(void)
{
	if (up("smbd") || boot("mark here\nsleep 60000\n", 2 * NWB_SEC))
		return;
	wait_mark();
	if (nwb_box_signal(machine->box, SIGSTOP))
		bad("the guest cannot be stopped");
	expect(NWB_MACHINE_HUNG);
}

/* The heart beats, the job does not end. */
static void case_stuck(void)
{
	/* Long enough for the slowest boot that is allowed. */
	limit_ns = kernel.kind == NWB_KERNEL_UML ? 10 * NWB_SEC : 90 * NWB_SEC;
	if (up("smbd") || boot("mark here\nsleep 600000\n", 0))
		return;
	expect(NWB_MACHINE_STUCK);
	if (!report.beats)
		bad("no heart has beaten");
}

static void case_died(void)
{
	if (up("smbd") || boot("mark here\nsleep 600000\n", 0))
		return;
	wait_mark();
	if (nwb_box_signal(machine->box, SIGKILL))
		bad("the guest cannot be killed");
	expect(NWB_MACHINE_DIED);
	if (!WIFSIGNALED(report.status) || WTERMSIG(report.status) != SIGKILL)
		bad("it died of %x", (unsigned int)report.status);
}

/* Somebody else writes into the channel: UML's is a line that he can open. */
static void case_broken(void)
{
	if (up("smbd") || boot("mark here\necho nonsense /dev/ttyS0\n"
			       "mark not-here\nsleep 1000\n",
			       0))
		return;
	if (kernel.kind != NWB_KERNEL_UML) {
		printf("skipped: a virtio port has one user\n");
		is_skipped = true;
		return;
	}
	expect(NWB_MACHINE_BROKEN);
	if (got.marks != 1)
		bad("%u marks were taken", got.marks);
}

/* A guest that says nothing any more: it may have sent what we know nothing of,
 * and that is told. */
static void case_power_frozen(void)
{
	struct nwb_err err = {0};

	if (up("smbd") || boot("mark here\nsleep 600000\n", 0))
		return;
	wait_mark();
	if (nwb_box_signal(machine->box, SIGSTOP))
		bad("the guest cannot be stopped");
	if (nwb_machine_power_loss(machine, &err))
		bad("%s", err.text);
	expect(NWB_MACHINE_POWEROFF);
	if (report.is_cut_clean)
		bad("what was never heard is taken for heard");
}

/* Everything that may be on the server was announced before. */
static void case_power(void)
{
	struct nwb_err err = {0};

	if (up("smbd") || boot("open 0 1 creat,trunc\nmark here\n"
			       "write 0 0 64K x 100000 fsync 3\n",
			       0))
		return;
	wait_mark();
	usleep(300000);
	if (nwb_machine_power_loss(machine, &err))
		bad("%s", err.text);
	expect(NWB_MACHINE_POWEROFF);
	if (!report.is_cut_clean)
		bad("the channel was not read to its end");
	if (!got.writes_begun)
		bad("nothing was written before");
}

static void case_restart(void)
{
	struct nwb_err err = {0};

	if (up("smbd") || boot("open 0 1 creat,trunc\n"
			       "write 0 0 1M x 8\nmark here\nwait go\n"
			       "write 0 8M 1M x 8\nfsync 0\nclose 0\n",
			       0))
		return;
	wait_mark();
	if (nwb_server_restart(srv, &err))
		bad("%s", err.text);
	if (nwb_machine_go(machine, "go"))
		bad("go");
	expect(NWB_MACHINE_DONE);
	/* What a kernel makes of it is for oracles; what fsync has promised is
	 * for us, too. */
	if (got.fsync_errors)
		printf("    fsync failed\n");
	else
		check_export(MIB_ALL * NWB_MIB);
}

/* Somebody trips over the cable, and puts it in again two seconds later. */
static void case_cable(void)
{
	struct nwb_err err = {0};

	if (up("smbd") || boot("open 0 1 creat,trunc\n"
			       "write 0 0 1M x 8\nmark here\nwait go\n"
			       "write 0 8M 1M x 8\nfsync 0\nclose 0\n",
			       0))
		return;
	wait_mark();
	if (nwb_server_plug(srv, false, &err))
		bad("%s", err.text);
	if (nwb_machine_go(machine, "go"))
		bad("go");
	usleep(2000000);
	if (!nwb_machine_wait(machine, NWB_MSEC, &report))
		bad("it was done without a cable: %s", report.done.text);
	if (nwb_server_plug(srv, true, &err))
		bad("%s", err.text);
	expect(NWB_MACHINE_DONE);
	if (got.fsync_errors)
		bad("fsync failed");
	check_export(MIB_ALL * NWB_MIB);
}

static void case_trace(void)
{
	if (up("smbd") || boot("trace live 4096 cifs netfs nonesuch\n"
			       "open 0 1 creat,trunc\n"
			       "write 0 0 1M x 4 fsync 4\nclose 0\n"
			       "trace off\nmark here\n",
			       0))
		return;
	expect(NWB_MACHINE_DONE);
	if (strstr(got.says, "trace nonesuch: No such file")) {
		printf("skipped: this kernel has no tracepoints\n");
		is_skipped = true;
		return;
	}
	if (!strstr(got.says, "no event \"nonesuch\""))
		bad("an unknown event is not told: %s", got.says);
	if (got.trace < 1000)
		bad("a trace of %zu bytes", got.trace);
}

static void case_mount_fails(void)
{
	strcpy(job, "mount cifs //10.99.0.1/x /mnt ip=10.99.0.1\n"
		    "mark not-here\n");
	if (up("smbd") || boot_whole(0))
		return;
	if (nwb_machine_wait(machine, 0, &report) ||
	    report.end != NWB_MACHINE_DONE || report.done.rc != 1 ||
	    !strstr(report.done.text, "mount -t cifs") || got.marks)
		bad("a mount that fails: %s, %s",
		    nwb_machine_end_name(report.end), report.done.text);
}

/* The guest's own server: its first WRITE hangs, its second fails. Released by
 * another thread, for the writer may be throttled. */
static void case_fuse(void)
{
	strcpy(job, "key " KEY "\nfile 1 /mnt/a\n"
		    "mount fuse mem /mnt writeback,hang=1,fail=2,"
		    "max_write=65536\n"
		    "open 0 1 creat,trunc\n"
		    "thread t\n"
		    "mark hangs\nsleep 300\nmark ends\nrelease\n"
		    "end\n"
		    "write 0 0 64K x 8\nfsync 0\njoin\n"
		    "write 0 0 64K x 8 fsync 8\n"
		    "drop_caches\nverify 0\nclose 0\numount /mnt\n");
	if (up("smbd") || boot_whole(0))
		return;
	expect(NWB_MACHINE_DONE);
	if (!strstr(got.says, "writeback cache on"))
		bad("no writeback cache: %s", got.says);
	if (report.done.failed != 1 || got.fsync_errors != 1)
		bad("%u operations failed, %u of them fsync",
		    report.done.failed, got.fsync_errors);
	if (got.effects < 2 || got.effect_errors != 1)
		bad("%u effects, %u of them failed", got.effects,
		    got.effect_errors);
	if (got.fsync_end_before_mark)
		bad("fsync came back while the server hung");
}

/* Everybody who loses his parent comes to us: when nobody is left to be waited
 * for, nobody is left in any namespace. Who stays makes us wait for ever. */
static void wait_nobody(void)
{
	alarm(60);
	while (waitpid(-1, NULL, 0) > 0)
		;
	alarm(0);
}

/* Return: a process with a server and a guest; @tell gets a byte when the guest
 * is at work. */
static pid_t make_victim(int tell)
{
	pid_t pid;

	fflush(stdout);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		bad("prctl");
	pid = fork();
	if (pid)
		return pid;
	if (up("smbd") || boot("open 0 1 creat,trunc\nmark here\n"
			       "write 0 0 64K x 100000 fsync 3\n",
			       0))
		_exit(1);
	wait_mark();
	if (write(tell, "u", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void case_kill9(void)
{
	int fds[2];
	char byte;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC)) {
		bad("pipe");
		return;
	}
	pid = make_victim(fds[1]);
	close(fds[1]);
	if (read(fds[0], &byte, 1) != 1)
		bad("the victim did not come up");
	close(fds[0]);
	kill(pid, SIGKILL);
	wait_nobody();
}

/* At any moment: NWB_KILLS of them, of a seed. */
static void case_kill9_any(void)
{
	const char *kills = getenv("NWB_KILLS"), *from = getenv("NWB_SEED");
	uint64_t seed = from ? strtoull(from, NULL, 0) : 1;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	printf("  NWB_SEED=%llu\n", (unsigned long long)seed);
	for (int i = kills ? atoi(kills) : 20; i > 0; i--) {
		pid_t pid = make_victim(null);

		usleep((useconds_t)(nwb_splitmix64(&seed) % 2000000));
		kill(pid, SIGKILL);
		wait_nobody();
	}
	close(null);
}

static const struct {
	const char *name;
	void (*fn)(void);
	bool is_quick;
} cases[] = {
	{"cifs", case_cifs, true},
	{"9p", case_9p, false},
	{"panic", case_panic, true},
	{"hung", case_hung, true},
	{"power", case_power, true},
	{"power-frozen", case_power_frozen, false},
	{"stuck", case_stuck, false},
	{"died", case_died, true},
	{"broken", case_broken, true},
	{"restart", case_restart, false},
	{"cable", case_cable, false},
	{"trace", case_trace, false},
	{"mount-fails", case_mount_fails, true},
	{"fuse", case_fuse, true},
	{"kill9", case_kill9, true},
	{"kill9-any", case_kill9_any, false},
};

/* What to run. */
static struct {
	const char *word[16]; /* NULL: the kernel is given by its files */
	unsigned int nr;
	const char *only;
	bool is_quick;
} want;

static unsigned int passed, failed, skipped;

static bool is_wanted(unsigned int i)
{
	return (!want.only || !strcmp(want.only, cases[i].name)) &&
	       (!want.is_quick || cases[i].is_quick);
}

static void run_case(unsigned int i)
{
	fails = 0;
	limit_ns = 0;
	is_skipped = false;
	memset(&report, 0, sizeof(report));
	cases[i].fn();
	down();
	printf("%s %s %s: boot %.2f s, all %.2f s, harness gap %.0f ms\n",
	       fails	    ? "FAIL"
	       : is_skipped ? "skipped"
			    : "ok",
	       kernel.name, cases[i].name, (double)report.boot_ns / 1e9,
	       (double)report.total_ns / 1e9,
	       (double)report.harness_gap_ns / 1e6);
	passed += !fails && !is_skipped;
	skipped += !fails && is_skipped;
	failed += fails != 0;
}

static void run_kernel(const char *word)
{
	struct nwb_err err = {0};

	if ((word && nwb_kernel_resolve(word, NULL, NULL, &kernel, &err)) ||
	    nwb_machine_check(&kernel, &err)) {
		printf("skipped: %s\n", err.text);
		skipped++;
		return;
	}
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(cases); i++)
		if (is_wanted(i))
			run_case(i);
}

static void parse(int argc, char **argv)
{
	for (int i = 1; i < argc && want.nr < 16; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : "";
		bool is_uml = !strcmp(argv[i], "--uml");

		if (!strcmp(argv[i], "--quick")) {
			want.is_quick = true;
		} else if (!strcmp(argv[i], "--only")) {
			want.only = next;
			i++;
		} else if (is_uml || !strcmp(argv[i], "--qemu")) {
			kernel.kind = is_uml ? NWB_KERNEL_UML : NWB_KERNEL_QEMU;
			snprintf(kernel.image, sizeof(kernel.image), "%s",
				 next);
			snprintf(kernel.name, sizeof(kernel.name), "image");
			want.nr++;
			i++;
		} else if (!strcmp(argv[i], "--modules")) {
			snprintf(kernel.modules, sizeof(kernel.modules), "%s",
				 next);
			i++;
		} else {
			want.word[want.nr++] = argv[i];
		}
	}
}

int main(int argc, char **argv)
{
	nwb_server_maybe_agent(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	is_loud = getenv("NWB_LOUD");
	parse(argc, argv);
	for (unsigned int w = 0; w < want.nr; w++)
		run_kernel(want.word[w]);
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed != 0;
}
