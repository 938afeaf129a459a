/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judging somebody else's client. Nobody wrote down what it meant to write,
 * so only what the wire shows can be judged: that it keeps the protocol's
 * rules (O7), and that the plan's faults hit when something was at stake
 * (O11). A client that was not there proves nothing.
 */
#include "serve_i.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int serve_refuse_plan(const struct nwb_plan *plan, struct nwb_err *err)
{
	char pos[128];

	for (unsigned int i = 0; plan && i < plan->nr_expects; i++) {
		const struct nwb_plan_expect *x = &plan->expect[i];
		const char *what = x->kind == NWB_EXPECT_DRAIN	 ? "drain"
				   : x->kind == NWB_EXPECT_FSYNC ? "fsync"
				   : x->kind == NWB_EXPECT_AMPLIFICATION
					   ? "amplification"
				   : x->kind == NWB_EXPECT_NEVER ? "never"
								 : NULL;

		if (!what)
			continue;
		return nwb_err_set(
			err, -EOPNOTSUPP,
			"%s: \"expect %s\" cannot be judged here: "
			"somebody else's client keeps no ledger of "
			"what it meant to write",
			nwb_plan_pos_str(plan, &x->pos, pos, sizeof(pos)),
			what);
	}
	return 0;
}

static bool is_first_request(const struct nwb_lrec *r)
{
	return r->flags & NWB_LF_9P ? r->cmd == 100 /* Tversion */
				    : r->cmd == 0 /* NEGOTIATE */;
}

/* Another connection may have had the same port before: its NEGOTIATE tells
 * them apart. The ready-probe never comes further than that. */
void serve_look_at_wire(const struct serve *s, struct serve_wire *w)
{
	const struct nwb_ledger_hdr *h = s->l.ledger.hdr;
	uint64_t nr = nwb_ledger_count(&s->l.ledger);
	static uint8_t state[65536]; /* by port: 0 new, 1 greeted, 2 counted */

	*w = (struct serve_wire){.t0 = nr ? h->slot[0].t_begin : 0};
	memset(state, 0, sizeof(state));
	for (uint64_t i = 0; i < nr; i++) {
		const struct nwb_lrec *r = &h->slot[i];
		bool is_9p = r->flags & NWB_LF_9P;

		if (atomic_load_explicit(&r->state, memory_order_acquire) !=
		    NWB_LS_ENDED)
			continue;
		if (r->kind == NWB_L_CONN_DOWN && r->aux)
			w->nr_cuts++;
		if (r->kind != NWB_L_PDU_REQ || r->conn > UINT16_MAX)
			continue;
		if (is_first_request(r)) {
			state[r->conn] = 1;
			continue;
		}
		w->nr_conns += state[r->conn] != 2;
		state[r->conn] = 2;
		w->nr_requests++;
		if (r->cmd == (is_9p ? 118 : 9)) {
			w->nr_writes++;
			w->bytes_written += r->len;
		}
		w->nr_flushes += r->cmd == (is_9p ? 50 : 7);
	}
}

void serve_look_at_export(struct serve *s)
{
	struct dirent *de;
	struct stat st;
	DIR *dir;
	int fd;

	if (nwb_server_open(s->srv, ".", O_RDONLY | O_DIRECTORY, &fd, NULL))
		return;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return;
	}
	while ((de = readdir(dir)) != NULL)
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, "..") &&
		    !fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
		    S_ISDIR(st.st_mode))
			s->has_subdirs = true;
	closedir(dir);
}

/* A crash with volatile storage puts files of the top directory back to what
 * was fsynced, by name; where that is not all there is, it was no crash that
 * any storage makes. */
static bool is_bad_crash(const struct serve *s)
{
	return s->cli.plan &&
	       nwb_plan_server_opt_nr(s->cli.plan, "volatile", 0) &&
	       atomic_load(&s->l.page->restarts) &&
	       (s->has_subdirs || s->l.ledger.hdr->unnamed);
}

/* What the oracles cannot know: whether their material was whole. */
static void weigh(struct serve *s)
{
	const char *refusal = s->cli.plan ? nwb_fc_refusal(s->l.page) : NULL;
	struct serve_wire w;

	serve_look_at_wire(s, &w);
	s->verdict = s->judgement.verdict;
	if (s->judgement.nr_findings)
		snprintf(s->reason, sizeof(s->reason), "O%u %s: %.180s",
			 s->judgement.finding[0].oracle,
			 s->judgement.finding[0].kind,
			 s->judgement.finding[0].text);
	if (s->verdict == NWB_FAIL)
		return;
	if (refusal) {
		s->verdict = NWB_INCONCLUSIVE;
		snprintf(s->reason, sizeof(s->reason),
			 "faults could not be injected: %s", refusal);
	} else if (s->trouble[0]) {
		s->verdict = NWB_INCONCLUSIVE;
		snprintf(s->reason, sizeof(s->reason), "%s", s->trouble);
	} else if (is_bad_crash(s)) {
		s->verdict = NWB_INCONCLUSIVE;
		snprintf(s->reason, sizeof(s->reason),
			 "volatile storage knows %u files of the top "
			 "directory; there were more, or others",
			 NWB_LEDGER_FILES);
	} else if (!w.nr_requests) {
		s->verdict = NWB_VACUOUS;
		snprintf(s->reason, sizeof(s->reason),
			 "no client talked to the server");
	}
}

int serve_judge(struct serve *s, struct nwb_err *err)
{
	const struct nwb_ledger_hdr *h = s->l.ledger.hdr;
	const struct nwb_plan *plan = s->cli.plan;
	struct nwb_expect_hits expect[NWB_PLAN_RULES];
	struct nwb_judge_in in = {
		.rec = h->slot,
		.nr_rec = nwb_ledger_count(&s->l.ledger),
		.nr_lost = atomic_load(&h->lost),
		.level = h->level,
		.policy = {.foreign = true, .is_9p = s->is_9p},
		.expect = expect,
	};
	int rc;

	memcpy(in.key, s->l.key, sizeof(in.key));
	in.nr_expect = bench_expect_hits(plan, s->l.page, false, expect);
	/* what was at stake is known of files that are told apart */
	for (unsigned int i = 0; h->unnamed && i < in.nr_expect; i++)
		expect[i].needs_exposed = false;
	bench_trouble(s->l.page, s->trouble, sizeof(s->trouble));
	if (!s->trouble[0])
		(void)bench_server_died(&s->l.ledger, s->server, s->trouble,
					sizeof(s->trouble));
	rc = nwb_judge(&in, &s->judgement, err);
	if (rc)
		return rc;
	if (s->mount)
		mount_judge(s);
	weigh(s);
	for (unsigned int i = 0; plan && i < plan->nr_expects; i++)
		if (plan->expect[i].kind == NWB_EXPECT_VERDICT)
			s->verdict = bench_expect_verdict(&plan->expect[i],
							  s->verdict, s->reason,
							  sizeof(s->reason));
	return 0;
}
