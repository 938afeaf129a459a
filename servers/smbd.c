/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Samba's smbd, as a standalone server of one share on one port.
 */
#include "desc.h"
#include "probe.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define USER	 "u"
#define SECOND	 "v" /* who may write, if there are two */
#define PASSWORD "pw"
#define TEXT_MAX 4096

static const char *const dirs[] = {
	"0755:etc",   "0700:private", "0755:lock",    "0755:state",
	"0755:cache", "0755:pid",     "0755:ncalrpc", "0755:log",
	"1777:tmp",   "0777:share",   "0777:durable", NULL,
};

/* rpc start on demand helpers = no: the helpers would inherit LD_PRELOAD.
 * force create mode: what "nobody" makes must be writable for USER. Names are
 * those of POSIX: case counts, and none is mangled. */
static const char conf[] = "[global]\n"
			   "server role = standalone\n"
			   "netbios name = NWBSRV\n"
			   "workgroup = NWB\n"
			   "security = user\n"
			   "passdb backend = tdbsam:%1$s/private/passdb.tdb\n"
			   "private dir = %1$s/private\n"
			   "lock directory = %1$s/lock\n"
			   "state directory = %1$s/state\n"
			   "cache directory = %1$s/cache\n"
			   "pid directory = %1$s/pid\n"
			   "ncalrpc dir = %1$s/ncalrpc\n"
			   "usershare path =\n"
			   "log file = %1$s/log/smbd.log\n"
			   "log level = %2$u\n"
			   "max log size = 0\n"
			   "interfaces = %7$s%10$s\n"
			   "bind interfaces only = yes\n"
			   "smb ports = %3$u\n"
			   "disable netbios = yes\n"
			   "disable spoolss = yes\n"
			   "load printers = no\n"
			   "printing = bsd\n"
			   "printcap name = /dev/null\n"
			   "enable core files = no\n"
			   "rpc start on demand helpers = no\n"
			   "map to guest = Bad User\n"
			   "guest account = %6$s\n"
			   "smb2 max credits = %4$u\n"
			   "%5$s" /* security */
			   "server multi channel support = %8$s\n"
			   "deadtime = 0\n"
			   "host msdfs = no\n"
			   "store dos attributes = no\n"
			   "[s]\n"
			   "path = %1$s/share\n"
			   "%11$s"
			   "guest ok = yes\n"
			   "case sensitive = yes\n"
			   "mangled names = no\n"
			   "force create mode = 0666\n"
			   "force directory mode = 0777\n"
			   "%9$s"; /* security of the share */

/* Speed and capability are given so that smbd tells of interfaces that it
 * knows nothing about; all of 127/8 is local everywhere. */
#define IFACE(addr) "\"" addr "/8;speed=1000000000,capability=RSS\""
static const char one_iface[] = "127.0.0.1/8";
static const char two_ifaces[] = IFACE("127.0.0.1") " " IFACE("127.0.0.2");

/*
 * Who there is. In a user namespace there is one id only, so that everybody
 * is root there.
 */
static const struct accounts {
	const char *passwd;
	const char *group;
	const char *guest;
} many =
	{
		.passwd = "root:x:0:0:root:/:/bin/false\n" USER
			  ":x:1000:1000::/:/bin/false\n" SECOND
			  ":x:1001:1000::/:/bin/false\n"
			  "nobody:x:65534:65534::/:/bin/false\n",
		.group = "root:x:0:\n" USER ":x:1000:\n"
			 "nogroup:x:65534:\n",
		.guest = "nobody",
},
  one = {
	  .passwd = "root:x:0:0:root:/:/bin/false\n" USER
		    ":x:0:0::/:/bin/false\n" SECOND ":x:0:0::/:/bin/false\n",
	  .group = "root:x:0:\n",
	  .guest = "root",
};

static int write_files(struct nwb_server *srv, const struct accounts *who,
		       struct nwb_err *err)
{
	static const char nss[] = "passwd: files\ngroup: files\n"
				  "hosts: files\n";
	const char *guest = who ? who->guest : srv->user;
	char text[TEXT_MAX], security[512], share[64];
	int rc, n;

	nwb_smbd_security(&srv->opts.security, security, sizeof(security));
	nwb_smbd_share_security(&srv->opts.security, share, sizeof(share));
	n = snprintf(text, sizeof(text), conf, srv->dir, srv->opts.log_level,
		     srv->port,
		     srv->opts.max_credits ? srv->opts.max_credits : 8192,
		     security, guest,
		     srv->opts.multichannel ? two_ifaces : one_iface,
		     srv->opts.multichannel ? "yes" : "no", share,
		     srv->opts.tap ? " " NWB_TAP_ADDR "/24" : "",
		     srv->opts.second_user ? "read only = yes\n"
					     "write list = " SECOND "\n"
					   : "read only = no\n");
	nwb_assert(n > 0 && (size_t)n < sizeof(text));
	rc = nwb_state_write(srv, "smb.conf", 0644, text, err);
	if (rc || !who)
		return rc;
	rc = nwb_state_write(srv, "etc/passwd", 0644, who->passwd, err);
	if (!rc)
		rc = nwb_state_write(srv, "etc/group", 0644, who->group, err);
	if (!rc)
		rc = nwb_state_write(srv, "etc/nsswitch.conf", 0644, nss, err);
	return rc;
}

static int bind_accounts(struct nwb_server *srv, struct nwb_err *err)
{
	int rc;

	rc = nwb_server_bind(srv, "etc/passwd", "/etc/passwd", err);
	if (!rc)
		rc = nwb_server_bind(srv, "etc/group", "/etc/group", err);
	if (rc)
		return rc;
	/* Without the file, libc's default is "files" as well. */
	rc = nwb_server_bind(srv, "etc/nsswitch.conf", "/etc/nsswitch.conf",
			     err);
	return rc == -ENOENT ? 0 : rc;
}

static int add_user(struct nwb_server *srv, const char *name,
		    struct nwb_err *err)
{
	struct nwb_strings argv = {.len = 0};

	nwb_strings_add(&argv, "/usr/bin/pdbedit");
	nwb_strings_add(&argv, "-s");
	nwb_strings_add(&argv, "%s/smb.conf", srv->dir);
	nwb_strings_add(&argv, "-t");
	nwb_strings_add(&argv, "-a");
	nwb_strings_add(&argv, "-u");
	nwb_strings_add(&argv, "%s", name);
	return nwb_server_run(srv, &argv, PASSWORD "\n" PASSWORD "\n", err);
}

static int configure(struct nwb_server *srv, struct nwb_err *err)
{
	/* Root of a container may be one of those who know one id only. */
	const struct accounts *who =
		srv->step == NWB_ISOLATION_NS && !nwb_agent_lacks_ids() ? &many
									: &one;
	int rc;

	if (srv->step == NWB_ISOLATION_NONE)
		who = NULL; /* the host's */
	if (!who && srv->opts.second_user)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "a second user needs namespaces: without "
				   "them there is the host's account only");
	rc = write_files(srv, who, err);
	if (!rc && who)
		rc = bind_accounts(srv, err);
	if (rc)
		return rc;
	rc = add_user(srv, srv->user, err);
	if (!rc && srv->opts.second_user)
		rc = add_user(srv, SECOND, err);
	return rc;
}

static void command(struct nwb_server *srv, struct nwb_strings *argv)
{
	uint32_t max_write = srv->opts.max_write;

	nwb_strings_add(argv, "-F");
	nwb_strings_add(argv, "--debug-stdout");
	nwb_strings_add(argv, "-s");
	nwb_strings_add(argv, "%s/smb.conf", srv->dir);
	if (srv->nr_starts > 1 && srv->opts.max_write_again)
		max_write = srv->opts.max_write_again;
	if (srv->opts.dos_attributes)
		nwb_strings_add(argv, "--option=storedosattributes=yes");
	if (max_write)
		nwb_strings_add(argv, "--option=smb2maxwrite=%u", max_write);
}

/*
 * A whole NEGOTIATE ([MS-SMB2] 2.2.3) that offers 2.0.2, 2.1 and 3.0.2, behind
 * its transport header: no contexts are needed to see whether somebody answers.
 * A server that wants 3.1.1 says STATUS_NOT_SUPPORTED, one that may not sign as
 * 3.0.2 does STATUS_INVALID_PARAMETER: answers too.
 */
static int probe(int fd)
{
	uint8_t req[4 + 64 + 36 + 6] = {0}, head[4 + 64];
	uint8_t *h = req + 4, *b = h + 64;
	int rc;

	req[3] = 64 + 36 + 6;
	memcpy(h, "\xfeSMB", 4);
	h[4] = 64; /* StructureSize */
	h[14] = 1; /* CreditRequest */
	b[0] = 36; /* StructureSize */
	b[2] = 3;  /* DialectCount */
	b[4] = 1;  /* SecurityMode: signing enabled */
	b[12] = 1; /* ClientGuid */
	b[36] = 2; /* 2.0.2 */
	b[37] = 2;
	b[38] = 0x10; /* 2.1 */
	b[39] = 2;
	b[40] = 2; /* 3.0.2 */
	b[41] = 3;
	rc = nwb_probe_exchange(fd, req, sizeof(req), head, sizeof(head));
	if (rc)
		return rc;
	/* A reply, with one of these statuses. */
	if (memcmp(head + 4, "\xfeSMB", 4) || !(head[20] & 1) ||
	    (memcmp(head + 12, "\0\0\0\0", 4) &&
	     memcmp(head + 12, "\xbb\0\0\xc0", 4) &&
	     memcmp(head + 12, "\x0d\0\0\xc0", 4)))
		return -EPROTO;
	return 0;
}

static int version(const char *path, char *buf, size_t size)
{
	return nwb_probe_output(path, "-V", "Version ", buf, size);
}

const struct nwb_server_desc nwb_server_smbd = {
	.name = "smbd",
	.binary = "/usr/sbin/smbd",
	.package = "samba",
	.port = 445,
	.share = "s",
	.user = USER,
	.second_user = SECOND,
	.password = PASSWORD,
	.dirs = dirs,
	.configure = configure,
	.command = command,
	.probe = probe,
	.version = version,
};
