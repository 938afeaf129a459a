/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a guest is started.
 *
 * UML is a program: the tap device by its vector driver, the channel as the
 * serial line ssl0 on a file. gro=1: without it the driver drops the large
 * frames that the host sends, and a read waits for ever. The memory is a file
 * in TMPDIR, which is the box's tmpfs.
 *
 * QEMU translates (TCG): no KVM is needed, or used. The channel is a virtio
 * port: a second serial line costs the guest one exit a byte. no_timer_check:
 * on a busy machine the emulated timer comes too late for the kernel's check
 * of it. cryptomgr.notests: ciphers tried on themselves, emulated, are a fifth
 * of the boot (2.0 s of CPU time instead of 2.7, 7.2.12), and say nothing of a
 * client.
 */
#include "machine_i.h"

#include <stdarg.h>
#include <string.h>

#define QEMU	"/usr/bin/qemu-system-x86_64"
#define MAC	"02:4e:57:42:00:02"
#define STR_(x) #x
#define STR(x)	STR_(x)
#define IMAGE	"/proc/self/fd/" STR(NWB_BOX_FD_2)
#define CHAN_FD STR(NWB_BOX_FD_1)

static void add(struct nwb_machine_cmd *c, const char *fmt, ...)
	nwb_printf(2, 3);

static void add(struct nwb_machine_cmd *c, const char *fmt, ...)
{
	size_t room = sizeof(c->text) - c->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(c->text + c->len, room, fmt, ap);
	va_end(ap);
	nwb_assert(n >= 0 && (size_t)n < room);
	nwb_assert(c->nr + 1 < NWB_MACHINE_ARGS);
	c->argv[c->nr++] = c->text + c->len;
	c->argv[c->nr] = NULL;
	c->len += (size_t)n + 1;
}

/* Words of a string as arguments of their own. */
static void add_words(struct nwb_machine_cmd *c, const char *words)
{
	while (words && *words) {
		size_t n = strcspn(words, " ");

		if (n)
			add(c, "%.*s", (int)n, words);
		words += n + (words[n] == ' ');
	}
}

static void uml(const struct nwb_machine_opts *o, const char *dir,
		unsigned int mem, struct nwb_machine_cmd *c)
{
	add(c, IMAGE);
	add(c, "mem=%uM", mem);
	add(c, "umid=nwb");
	add(c, "initrd=%s/initrd", dir);
	add(c, "rdinit=/init");
	add(c, "con0=null,fd:1");
	add(c, "con=null");
	add(c, "ssl0=fd:" CHAN_FD);
	add(c, "ssl=null");
	add(c, "quiet");
	add(c, "loglevel=5");
	add(c, "panic=-1");
	add(c, "random.trust_cpu=on");
	add(c, "seccomp=auto"); /* since 6.16; older ones pass it on */
	add(c, "vec0:transport=tap,ifname=" NWB_TAP_NAME
	       ",depth=128,gro=1,mac=" MAC);
	add_words(c, o->append);
}

static void qemu(const struct nwb_machine_opts *o, const char *dir,
		 unsigned int mem, struct nwb_machine_cmd *c)
{
	static const char *const plain[] = {
		QEMU,
		"-nodefaults",
		"-no-user-config",
		"-no-reboot",
		"-display",
		"none",
		"-M",
		"q35",
		"-accel",
		"tcg,thread=multi,tb-size=256",
		"-cpu",
		"max",
		"-smp",
		"1",
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(plain); i++)
		add(c, "%s", plain[i]);
	add(c, "-m");
	add(c, "%u", mem);
	add(c, "-kernel");
	add(c, IMAGE);
	add(c, "-initrd");
	add(c, "%s/initrd", dir);
	add(c, "-append");
	add(c,
	    "console=ttyS0 quiet loglevel=5 panic=-1 mitigations=off "
	    "tsc=reliable no_timer_check cryptomgr.notests "
	    "random.trust_cpu=on rdinit=/init%s%s",
	    o->append ? " " : "", o->append ? o->append : "");
	add(c, "-chardev");
	add(c, "stdio,id=con,signal=off");
	add(c, "-serial");
	add(c, "chardev:con");
	add(c, "-device");
	add(c, "virtio-serial-pci");
	add(c, "-chardev");
	add(c, "socket,id=chan,fd=" CHAN_FD);
	add(c, "-device");
	add(c, "virtserialport,chardev=chan,name=nwb,nr=1");
	add(c, "-netdev");
	add(c, "tap,id=net,ifname=" NWB_TAP_NAME ",script=no,downscript=no");
	add(c, "-device");
	add(c, "virtio-net-pci,netdev=net,romfile=,mac=" MAC);
}

void nwb_machine_cmd(const struct nwb_machine_opts *o, const char *dir,
		     struct nwb_machine_cmd *ret)
{
	unsigned int mem = o->mem_mib ? o->mem_mib : 512;

	ret->nr = 0;
	ret->len = 0;
	if (o->kernel->kind == NWB_KERNEL_UML)
		uml(o, dir, mem, ret);
	else
		qemu(o, dir, mem, ret);
}

const char *nwb_machine_conf(const struct nwb_kernel *kernel)
{
	if (kernel->kind == NWB_KERNEL_UML)
		return "net vec0 " NWB_TAP_GUEST " " NWB_TAP_MASK "\n"
		       "chan /dev/ttyS0\n";
	return "chan /dev/vport0p1\n"
	       "net eth0 " NWB_TAP_GUEST " " NWB_TAP_MASK "\n";
}
