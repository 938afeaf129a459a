/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --capture: the wire of a run's server, with the plan's faults in it. */
#include "bench_i.h"

#include "nwb/capture.h"
#include "nwb/mem.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct bench_capture {
	struct nwb_capture *cap;
	struct nwb_capture_opts opts;
	char path[4096];
	char password[64];
};

int bench_capture_start(struct nwb_server *srv, const char *path,
			const char *iface, const char *about,
			struct bench_capture **ret_c, struct nwb_err *err)
{
	struct bench_capture *c = nwb_zalloc(sizeof(*c));
	struct nwb_server_info info;
	int rc, fd = -1;

	if (!c)
		return nwb_err_set(err, -ENOMEM, "capture: no memory");
	nwb_server_info(srv, &info);
	snprintf(c->path, sizeof(c->path), "%s", path);
	snprintf(c->password, sizeof(c->password), "%s",
		 info.password ? info.password : "");
	c->opts = (struct nwb_capture_opts){
		.path = c->path,
		.iface = iface,
		.port = info.port,
		.is_9p = info.is_9p,
		.password = info.password ? c->password : NULL,
		.about = about,
	};
	rc = nwb_server_packet_socket(srv, &fd, err);
	if (!rc) {
		c->opts.packet_fd = fd;
		rc = nwb_capture_start(&c->opts, &c->cap, err);
		close(fd);
	}
	if (rc) {
		nwb_free(c);
		return rc;
	}
	*ret_c = c;
	return 0;
}

static bool cuts(const struct nwb_plan_rule *r)
{
	for (unsigned int i = 0; i < r->nr_actions; i++) {
		switch (r->action[i].kind) {
		case NWB_ACT_RST:
		case NWB_ACT_FIN:
		case NWB_ACT_KILL:
		case NWB_ACT_RESTART:
		case NWB_ACT_KILL_CHILD:
		case NWB_ACT_SEQ: /* its u and r */
			return true;
		default:
			break;
		}
	}
	return false;
}

static void tell(const struct bench_capture *c,
		 const struct nwb_capture_stats *st, char *text, size_t size)
{
	char command[4400];
	size_t n;

	n = (size_t)snprintf(text, size,
			     "  capture: %llu packets, %llu of %llu faults on "
			     "their packet",
			     (unsigned long long)st->packets,
			     (unsigned long long)(st->placed - st->by_time),
			     (unsigned long long)st->faults);
	if (st->drops && n < size)
		n += (size_t)snprintf(text + n, size - n,
				      "; the kernel dropped %llu packets",
				      (unsigned long long)st->drops);
	if (n < size)
		snprintf(text + n, size - n, "\n    %s\n",
			 nwb_capture_command(&c->opts, st, command,
					     sizeof(command)));
}

int bench_capture_end(struct bench_capture *c, const struct nwb_ledger *ledger,
		      const struct nwb_plan *plan, char *text, size_t size,
		      struct nwb_err *err)
{
	struct nwb_capture_rule rule[NWB_PLAN_RULES];
	char what[NWB_PLAN_RULES][160];
	struct nwb_capture_notes notes = {.rule = rule};
	struct nwb_capture_stats st;
	int rc;

	if (!c)
		return 0;
	notes.rec = ledger->hdr->slot;
	notes.nr_rec = nwb_ledger_count(ledger);
	for (unsigned int i = 0; plan && i < plan->nr_rules; i++) {
		nwb_plan_print_actions(&plan->rule[i], what[i],
				       sizeof(what[i]));
		rule[i] = (struct nwb_capture_rule){plan->rule[i].name, what[i],
						    cuts(&plan->rule[i])};
		notes.nr_rules = i + 1;
	}
	rc = nwb_capture_finish(c->cap, &notes, &st, err);
	if (!rc)
		tell(c, &st, text, size);
	bench_capture_drop(c);
	return rc;
}

void bench_capture_drop(struct bench_capture *c)
{
	if (!c)
		return;
	nwb_capture_free(c->cap);
	nwb_free(c);
}
