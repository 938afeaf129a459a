/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nfs-ganesha, as a 9P2000.L server of one export on top of its FSAL VFS. NFS
 * is not offered: Protocols = 9P is said twice, for the server and the export.
 *
 * It serves files by handle (name_to_handle_at(2), open_by_handle_at(2)),
 * which tmpfs has, and which asks for CAP_DAC_READ_SEARCH over the file system.
 *
 * Nothing of the host is asked or told: the system bus is looked for where
 * there is none, Kerberos is off, and the clients of port 564 alone reach it.
 * On SIGTERM it takes five seconds to leave, so it is killed at once; all of
 * its state lies on the run's tmpfs.
 */
#include "desc.h"
#include "probe.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHARE	      "s"
#define MSIZE_DEFAULT 1048576u
#define TEXT_MAX      2048
#define MTAB	      "/etc/mtab"

static const char *const dirs[] = {
	"1777:tmp",   "0755:log",     "0755:recovery",
	"0777:share", "0777:durable", NULL,
};

static const char *const env[] = {
	"DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent/bus",
	"KRB5_CONFIG=/dev/null",
	"KRB5_KTNAME=/nonexistent/keytab",
	NULL,
};

/* Nb_Worker: as many threads as diod gets. Graceless: nobody reclaims here, and
 * waiting for it would take a minute and a half after each start. */
static const char conf[] = "NFS_CORE_PARAM {\n"
			   "\tProtocols = 9P;\n"
			   "\tEnable_NLM = false;\n"
			   "\tEnable_RQUOTA = false;\n"
			   "}\n"
			   "NFS_KRB5 {\n"
			   "\tActive_krb5 = false;\n"
			   "}\n"
			   "NFSv4 {\n"
			   "\tOnly_Numeric_Owners = true;\n"
			   "\tIdmapConf = %1$s/idmapd.conf;\n"
			   "\tGraceless = true;\n"
			   "\tRecoveryRoot = %1$s/recovery;\n"
			   "}\n"
			   "_9P {\n"
			   "\t_9P_TCP_Port = %2$u;\n"
			   "\t_9P_TCP_Msize = %3$u;\n"
			   "\tNb_Worker = 16;\n"
			   "}\n"
			   "EXPORT {\n"
			   "\tExport_Id = 1;\n"
			   "\tPath = %4$s;\n"
			   "\tPseudo = /" SHARE ";\n"
			   "\tTag = " SHARE ";\n"
			   "\tAccess_Type = RW;\n"
			   "\tSquash = No_Root_Squash;\n"
			   "\tProtocols = 9P;\n"
			   "\tSecType = none, sys;\n"
			   "\tFSAL {\n"
			   "\t\tName = VFS;\n"
			   "\t}\n"
			   "}\n";

/* Without it: "Failed initializing ID Mapper", and the end. */
static const char idmapd[] = "[General]\n"
			     "Domain = localdomain\n"
			     "[Translation]\n"
			     "Method = nsswitch\n";

static int configure(struct nwb_server *srv, struct nwb_err *err)
{
	char text[TEXT_MAX];
	int rc, n;

	/* It would start, and have no export. systemd makes the link at boot;
	 * a root that was never booted has none. */
	if (access(MTAB, R_OK))
		return nwb_err_set(
			err, -errno,
			"ganesha finds its export's file system in " MTAB
			", which cannot be read (%s); as root: "
			"ln -s /proc/self/mounts " MTAB,
			strerror(errno));
	n = snprintf(text, sizeof(text), conf, srv->dir, srv->port,
		     srv->opts.msize ? srv->opts.msize : MSIZE_DEFAULT,
		     srv->share_path);
	nwb_assert(n > 0 && (size_t)n < sizeof(text));
	rc = nwb_state_write(srv, "ganesha.conf", 0644, text, err);
	if (!rc)
		rc = nwb_state_write(srv, "idmapd.conf", 0644, idmapd, err);
	return rc;
}

static void command(struct nwb_server *srv, struct nwb_strings *argv)
{
	nwb_strings_add(argv, "-F"); /* foreground */
	nwb_strings_add(argv, "-f");
	nwb_strings_add(argv, "%s/ganesha.conf", srv->dir);
	nwb_strings_add(argv, "-L");
	nwb_strings_add(argv, "STDOUT");
	nwb_strings_add(argv, "-p");
	nwb_strings_add(argv, "%s/ganesha.pid", srv->dir);
	nwb_strings_add(argv, "-N");
	nwb_strings_add(argv, "EVENT");
}

static int version(const char *path, char *buf, size_t size)
{
	return nwb_probe_output(path, "-v", "Release = V", buf, size);
}

const struct nwb_server_desc nwb_server_ganesha = {
	.name = "ganesha",
	.binary = "/usr/bin/ganesha.nfsd",
	.package = "nfs-ganesha nfs-ganesha-vfs",
	.is_9p = true,
	.port = 564,
	.share = SHARE,
	.user = "root",
	.password = "",
	.msize_max = 8u << 20,
	.is_killed_to_stop = true,
	/* may_decode_fh(): a file that is no directory only with the
	 * capability in the first user namespace. */
	.lowest = NWB_ISOLATION_NS,
	.lowest_why = "it opens files by handle, which only root may",
	.dirs = dirs,
	.env = env,
	.configure = configure,
	.command = command,
	.probe = nwb_probe_9p,
	.version = version,
};
