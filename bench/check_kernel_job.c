/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole job of a run: what every run begins and ends with, and the
 * scenario's own lines in between (grammar: nwb/guest.h).
 */
#include "check_kernel.h"

#include "nwb/ktrace.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MNT "/mnt"

struct text {
	char *buf;
	size_t size, len;
};

static void put(struct text *t, const char *fmt, ...) nwb_printf(2, 3);

static void put(struct text *t, const char *fmt, ...)
{
	size_t at = nwb_min(t->len, t->size);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + at, t->size - at, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n;
}

static void put_mount(struct text *t, const struct kc_run_opts *o,
		      const struct nwb_server_info *info)
{
	const char *host = NWB_TAP_ADDR;

	if (kc_is_fuse(o->cell.mount))
		put(t, "mount fuse netwb " MNT " %s\n", o->mount_options);
	else if (!info->is_9p)
		put(t,
		    "mount cifs //%s/%s " MNT " ip=%s,unc=\\\\%s\\%s,port=%u,"
		    "username=%s,password=%s,%s\n",
		    host, info->share, host, host, info->share, info->port,
		    info->user, info->password, o->mount_options);
	else
		put(t,
		    "mount 9p %s " MNT " trans=tcp,port=%u,aname=%s,uname=%s,"
		    "%s\n",
		    host, info->port, info->share, info->user,
		    o->mount_options);
}

static void put_body(struct text *t, const char *job)
{
	size_t len = strlen(job);

	put(t, "%s%s", job, len && job[len - 1] == '\n' ? "" : "\n");
}

int kc_job_text(const struct kc_run_opts *o, const struct nwb_server_info *info,
		const uint8_t key[16], char *buf, size_t size,
		struct nwb_err *err)
{
	struct text t = {.buf = buf, .size = size};
	const char *fs = o->cell.mount->type;
	char trace[1024];

	put(&t, "key ");
	for (unsigned int i = 0; i < 16; i++)
		put(&t, "%02x", key[i]);
	put(&t, "\nfile 1 " MNT "/" KC_FILE "\n");
	put_mount(&t, o, info);
	/* live: a guest may die */
	if (o->has_trace) {
		nwb_ktrace_verbs_on(fs, true, trace, sizeof(trace));
		put_body(&t, trace);
	}
	put_body(&t, o->cell.scenario->job);
	if (o->has_trace) {
		nwb_ktrace_verbs_off(fs, trace, sizeof(trace));
		put_body(&t, trace);
	}
	put(&t, "done\n");
	if (t.len >= size)
		return nwb_err_set(err, -ENOSPC,
				   "the job is longer than %zu "
				   "bytes",
				   size);
	return 0;
}
