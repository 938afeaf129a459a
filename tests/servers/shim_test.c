/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a preloaded library finds: files and environment, in the server's
 * process only, again after a restart; and what its durable copies are for.
 */
#include "probe_shim.h"
#include "server_util.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct shim {
	struct nwb_server *srv;
	struct probe_page *page;
	int ledger;
};

static void shim_start(struct shim *s, const char *name, bool is_volatile)
{
	struct nwb_server_opts opts = {
		.name = name,
		.shim_path = getenv("PROBE_SHIM"),
		.volatile_storage = is_volatile,
	};
	struct nwb_err err = {0};

	skip_unless_servers();
	nwb_check(opts.shim_path);
	opts.ctl_fd = memfd_create("ctl", MFD_CLOEXEC);
	opts.ledger_fd = memfd_create("ledger", MFD_CLOEXEC);
	nwb_check_eq(ftruncate(opts.ctl_fd, 4096), 0);
	s->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
		       opts.ctl_fd, 0);
	nwb_check(s->page != MAP_FAILED);
	s->ledger = dup(opts.ledger_fd);
	if (nwb_server_start(&opts, &s->srv, &err))
		nwb_check_streq(err.text, "");
	/* They stay the caller's: closing them must not hurt a restart. */
	close(opts.ctl_fd);
	close(opts.ledger_fd);
}

static void shim_stop(struct shim *s)
{
	nwb_server_free(s->srv);
	munmap(s->page, 4096);
	close(s->ledger);
}

static void loaded_into_the_server_only(const char *name)
{
	struct shim s;
	struct stat st;

	shim_start(&s, name, false);
	nwb_check_eq(s.page->loads, 1);
	nwb_check_streq(s.page->name, name);
	nwb_check_eq(dial_hello(s.srv), 0);
	nwb_check_eq(s.page->loads, 1);
	nwb_check_eq(nwb_server_restart(s.srv, NULL), 0);
	nwb_check_eq(s.page->loads, 2);
	nwb_check_eq(s.page->ledger_writes, 2);
	nwb_check_eq(fstat(s.ledger, &st), 0);
	nwb_check_eq(st.st_size, 2);
	shim_stop(&s);
}

NWB_TEST(shim, loaded_into_smbd_only)
{
	loaded_into_the_server_only("smbd");
}

NWB_TEST(shim, loaded_into_diod_only)
{
	loaded_into_the_server_only("diod");
}

NWB_TEST(shim, volatile_storage_goes_back_to_what_was_synced)
{
	struct shim s;
	char buf[64];

	shim_start(&s, "diod", true);
	export_put(s.srv, "synced", "durable, and more that was not");
	export_put(s.srv, "unsynced", "all of it was not");
	nwb_check_eq(nwb_server_restart(s.srv, NULL), 0);
	export_get(s.srv, "synced", buf, sizeof(buf));
	nwb_check_streq(buf, "durable");
	export_get(s.srv, "unsynced", buf, sizeof(buf));
	nwb_check_streq(buf, "");
	shim_stop(&s);
}

NWB_TEST(shim, lasting_storage_keeps_all)
{
	struct shim s;
	char buf[64];

	shim_start(&s, "diod", false);
	export_put(s.srv, "synced", "not durable but lasting");
	nwb_check_eq(nwb_server_restart(s.srv, NULL), 0);
	export_get(s.srv, "synced", buf, sizeof(buf));
	nwb_check_streq(buf, "not durable but lasting");
	shim_stop(&s);
}
