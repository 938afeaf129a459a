/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * diod, a 9P2000.L server. It runs as root without authentication; the export
 * is writable for every uid that Tattach may name.
 */
#include "desc.h"
#include "probe.h"

static const char *const dirs[] = {
	"1777:tmp", "0755:log", "0777:share", "0777:durable", NULL,
};

static int configure(struct nwb_server *srv, struct nwb_err *err)
{
	(void)srv;
	(void)err;
	return 0;
}

static void command(struct nwb_server *srv, struct nwb_strings *argv)
{
	nwb_strings_add(argv, "-f");
	nwb_strings_add(argv, "-n");
	nwb_strings_add(argv, "-N");
	nwb_strings_add(argv, "-c");
	nwb_strings_add(argv, "/dev/null");
	nwb_strings_add(argv, "-l");
	nwb_strings_add(argv, "127.0.0.1:%u", srv->port);
	if (srv->opts.tap) {
		nwb_strings_add(argv, "-l");
		nwb_strings_add(argv, NWB_TAP_ADDR ":%u", srv->port);
	}
	nwb_strings_add(argv, "-e");
	nwb_strings_add(argv, "%s", srv->share_path);
	nwb_strings_add(argv, "-L");
	nwb_strings_add(argv, "stderr");
	nwb_strings_add(argv, "-t"); /* threads; its help calls it -w */
	nwb_strings_add(argv, "16");
}

/* diod has no option that prints its version; its program text names it. */
static int version(const char *path, char *buf, size_t size)
{
	return nwb_probe_text(path, "diod-", buf, size);
}

const struct nwb_server_desc nwb_server_diod = {
	.name = "diod",
	.binary = "/usr/sbin/diod",
	.package = "diod",
	.is_9p = true,
	.port = 564,
	.user = "root",
	.password = "",
	.dirs = dirs,
	.configure = configure,
	.command = command,
	.probe = nwb_probe_9p,
	.version = version,
};
