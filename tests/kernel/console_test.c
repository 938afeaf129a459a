/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest's console says, and how a guest is started. */
#include "machine_i.h"
#include "nwb_test.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

NWB_TEST(console, a_dead_kernel_is_known)
{
	static const char *const dead[] = {
		"[    4.1] Kernel panic - not syncing: Fatal exception",
		"[    4.1] Oops: 0000 [#1] PREEMPT SMP NOPTI",
		"[    4.1] BUG: KASAN: slab-use-after-free in cifs_x+0x1/0x2",
		"[    4.1] BUG: kernel NULL pointer dereference, address: 0",
		"[    4.1] kernel BUG at fs/netfs/write_collect.c:12!",
		"[    4.1] general protection fault, probably for address",
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(dead); i++)
		nwb_check_eq(nwb_console_kind(dead[i]), NWB_CONSOLE_DEAD);
	nwb_check_eq(nwb_console_kind("nwb-init: fatal: no /nwb.conf"),
		     NWB_CONSOLE_INIT);
}

NWB_TEST(console, what_only_warns)
{
	nwb_check_eq(nwb_console_kind("[ 1] WARNING: CPU: 0 PID: 7 at x"),
		     NWB_CONSOLE_WARNS);
	nwb_check_eq(
		nwb_console_kind("INFO: task x:1 blocked for more than 61 s"),
		NWB_CONSOLE_WARNS);
	nwb_check_eq(nwb_console_kind("[ 1] CIFS: VFS: reconnect"),
		     NWB_CONSOLE_PLAIN);
	/* UML says so at each start */
	nwb_check_eq(nwb_console_kind("Core dump limits :"), NWB_CONSOLE_PLAIN);
}

static const char *put(struct nwb_console *c, const char *text)
{
	const char *line = NULL;

	for (; *text; text++) {
		const char *l = nwb_console_byte(c, *text);

		line = l ? l : line;
	}
	return line;
}

NWB_TEST(console, lines)
{
	static struct nwb_console c;
	static char excerpt[4096], small[8];

	nwb_check(!put(&c, "half a"));
	nwb_check_streq(put(&c, " line\r\n"), "half a line");
	nwb_check_streq(put(&c, "\x1b[1mbold\n"), "[1mbold");
	put(&c, "last");
	nwb_console_excerpt(&c, excerpt, sizeof(excerpt));
	nwb_check_streq(excerpt, "half a line\n[1mbold\nlast");
	nwb_console_excerpt(&c, small, sizeof(small));
	nwb_check_streq(small, "half a ");
	for (int i = 0; i < 100; i++)
		put(&c, "x\n");
	nwb_console_excerpt(&c, excerpt, sizeof(excerpt));
	nwb_check_eq(strlen(excerpt), 2 * NWB_MACHINE_LAST);
	/* a line without end does not grow for ever */
	for (int i = 0; i < 10000; i++)
		put(&c, "y");
	nwb_check_eq(strlen(put(&c, "\n")), NWB_MACHINE_LINE - 1);
}

static bool has(const struct nwb_machine_cmd *cmd, const char *arg)
{
	for (unsigned int i = 0; i < cmd->nr; i++)
		if (!strcmp(cmd->argv[i], arg))
			return true;
	return false;
}

NWB_TEST(console, command_lines)
{
	static struct nwb_kernel k = {.kind = NWB_KERNEL_UML};
	struct nwb_machine_opts o = {
		.kernel = &k,
		.mem_mib = 256,
		.append = "one two",
	};
	static struct nwb_machine_cmd cmd;

	nwb_machine_cmd(&o, "/box", &cmd);
	nwb_check_streq(cmd.argv[0], "/proc/self/fd/61");
	nwb_check(has(&cmd, "mem=256M"));
	nwb_check(has(&cmd, "initrd=/box/initrd"));
	nwb_check(has(&cmd, "ssl0=fd:60"));
	nwb_check(has(&cmd, "one") && has(&cmd, "two"));
	nwb_check(!cmd.argv[cmd.nr]);
	nwb_check(strstr(nwb_machine_conf(&k), "vec0 10.99.0.2"));
	k.kind = NWB_KERNEL_QEMU;
	nwb_machine_cmd(&o, "/box", &cmd);
	nwb_check_streq(cmd.argv[0], "/usr/bin/qemu-system-x86_64");
	nwb_check(has(&cmd, "socket,id=chan,fd=60"));
	nwb_check(has(&cmd, "/box/initrd"));
	nwb_check(strstr(nwb_machine_conf(&k), "eth0 10.99.0.2"));
}

/* Each reason for which there can be no guest, before anything is made. */
NWB_TEST(machine, what_cannot_be_started_says_why)
{
	static struct nwb_kernel k = {.kind = NWB_KERNEL_HOST, .name = "host"};
	struct nwb_err err = {0};

	nwb_check_eq(nwb_machine_check(&k, &err), -EOPNOTSUPP);
	nwb_check_streq(err.text, "the running kernel is no guest");
	if (access("/dev/net/tun", R_OK | W_OK)) {
		k.kind = NWB_KERNEL_UML;
		nwb_check_eq(nwb_machine_check(&k, &err), -EOPNOTSUPP);
		nwb_check(strstr(err.text, "/dev/net/tun"));
		return;
	}
	k = (struct nwb_kernel){
		.kind = NWB_KERNEL_UML,
		.name = "smp",
		.has = NWB_KERNEL_HAS_SMP,
		.image = "/bin/true",
	};
	nwb_check_eq(nwb_machine_check(&k, &err), -EOPNOTSUPP);
	nwb_check(strstr(err.text, "smp: UML with CONFIG_SMP"));
	k.has = 0;
	strcpy(k.image, "/nonexistent/linux");
	nwb_check_eq(nwb_machine_check(&k, &err), -ENOENT);
	nwb_check(strstr(err.text, "/nonexistent/linux"));
}

NWB_TEST(machine, a_malformed_job_is_refused_before_anything_is_made)
{
	static struct nwb_kernel k = {.kind = NWB_KERNEL_UML};
	struct nwb_machine_opts o = {.kernel = &k, .job = "fly\n"};
	struct nwb_machine *m = NULL;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_machine_start(&o, &m, &err), -EINVAL);
	nwb_check(strstr(err.text, "line 1: unknown verb"));
	nwb_check(!m);
}

NWB_TEST(machine, every_end_has_a_name)
{
	for (int i = NWB_MACHINE_RUNS; i <= NWB_MACHINE_STOPPED; i++)
		nwb_check(*nwb_machine_end_name((enum nwb_machine_end)i));
}
