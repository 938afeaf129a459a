/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a finished run to its judgement: the ledger as it is, the file as it
 * lies in the export below server and shim, the plan's expectations.
 */
#include "bench_i.h"

#include "nwb/faultctl.h"
#include "nwb/mem.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct mapped {
	void *p;
	size_t len;
};

/* What stands in @fd, holes left out. */
static int read_data(int fd, uint8_t *to, size_t len)
{
	off_t at = 0, end;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0 && (size_t)at < len) {
		end = nwb_min(lseek(fd, at, SEEK_HOLE), (off_t)len);
		if (end <= at) /* it shrinks under our hands */
			return -EIO;
		while (at < end) {
			ssize_t n = pread(fd, to + at, (size_t)(end - at), at);

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return n ? -errno : -EIO;
			at += n;
		}
	}
	return at < 0 && errno != ENXIO ? -errno : 0;
}

/* A copy: on a disk that is full, looking at a hole of a mapped file takes a
 * page that is not there, and that is SIGBUS. */
static int copy_content(int fd, struct mapped *m)
{
	m->p = mmap(NULL, m->len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->p != MAP_FAILED)
		return read_data(fd, m->p, m->len);
	m->p = NULL;
	return -ENOMEM;
}

static int map_content(const struct bench_judge_in *in, struct mapped *m,
		       struct nwb_content *c, struct nwb_err *err)
{
	struct stat st;
	int fd, rc;

	*c = (struct nwb_content){.file = in->file_id};
	rc = nwb_server_open(in->srv, in->file, O_RDONLY, &fd, err);
	if (rc == -ENOENT) {
		c->is_missing = true;
		return 0;
	}
	if (rc)
		return nwb_err_wrap(err, rc, "reading the export");
	if (fstat(fd, &st)) {
		rc = -errno;
	} else if (st.st_size > 0 && st.st_blocks < st.st_size / 512) {
		m->len = (size_t)st.st_size;
		rc = copy_content(fd, m);
	} else if (st.st_size > 0) {
		m->len = (size_t)st.st_size;
		m->p = mmap(NULL, m->len, PROT_READ, MAP_PRIVATE, fd, 0);
		if (m->p == MAP_FAILED) {
			rc = -errno;
			m->p = NULL;
		}
	}
	close(fd);
	if (rc)
		return nwb_err_set(err, rc, "reading %s in the export: %s",
				   in->file, strerror(-rc));
	c->size = m->len;
	c->data = m->p;
	return 0;
}

/* A mark that only arms and disarms does no harm by itself. */
static bool only_arms(const struct nwb_plan_rule *r)
{
	for (unsigned int i = 0; i < r->nr_actions; i++)
		if (r->action[i].kind != NWB_ACT_ARM &&
		    r->action[i].kind != NWB_ACT_DISARM)
			return false;
	return nwb_plan_is_mark(r);
}

unsigned int bench_expect_hits(const struct nwb_plan *plan,
			       const struct nwb_fc_page *page, bool is_mirror,
			       struct nwb_expect_hits *e)
{
	unsigned int nr = 0;

	if (!plan)
		return 0;
	for (unsigned int r = 0; r < plan->nr_rules; r++) {
		e[r] = (struct nwb_expect_hits){
			.name = plan->rule[r].name,
			.op = 'g',
			.nr = 1,
			.counted = nwb_fc_hits(page, r),
			.needs_exposed = !only_arms(&plan->rule[r]),
		};
		nr = r + 1;
		if (plan->rule[r].is_mirror == is_mirror)
			continue;
		e[r].nr = 0;
		e[r].needs_exposed = false;
	}
	for (unsigned int i = 0; i < plan->nr_expects; i++) {
		const struct nwb_plan_expect *x = &plan->expect[i];

		if (x->kind != NWB_EXPECT_HITS ||
		    plan->rule[x->rule].is_mirror != is_mirror)
			continue;
		e[x->rule].op = x->op;
		e[x->rule].nr = x->nr;
	}
	return nr;
}

/* After a cut the client must come back; after a kill it cannot. */
static bool expects_reconnect(const struct nwb_plan *plan, bool is_mirror)
{
	for (unsigned int r = 0; plan && r < plan->nr_rules; r++) {
		const struct nwb_plan_rule *rule = &plan->rule[r];

		if (rule->is_mirror != is_mirror)
			continue;
		for (unsigned int a = 0; a < rule->nr_actions; a++)
			if (rule->action[a].kind == NWB_ACT_RST ||
			    rule->action[a].kind == NWB_ACT_FIN ||
			    rule->action[a].kind == NWB_ACT_RESTART ||
			    rule->action[a].kind == NWB_ACT_KILL_CHILD)
				return true;
	}
	return false;
}

int bench_judge(const struct bench_judge_in *in, struct nwb_judgement *ret_j,
		struct nwb_err *err)
{
	const struct nwb_ledger_hdr *h = in->ledger->hdr;
	struct nwb_expect_hits expect[NWB_PLAN_RULES];
	struct nwb_content content;
	struct mapped m = {0};
	struct nwb_judge_in ji = {
		.rec = h->slot,
		.nr_rec = nwb_min(atomic_load(&h->next), h->nr_slots),
		.nr_lost = atomic_load(&h->lost),
		.level = h->level,
		.policy = *in->policy,
		.content = &content,
		.nr_content = 1,
		.expect = expect,
		.drain_bound_ns = in->drain_bound_ns,
	};
	int rc = map_content(in, &m, &content, err);

	if (rc)
		goto out;
	memcpy(ji.key, in->key, sizeof(ji.key));
	memcpy(ji.crypt_key, h->crypt_key, sizeof(ji.crypt_key));
	ji.crypt_unit = h->crypt_unit;
	ji.nr_expect =
		bench_expect_hits(in->plan, in->page, in->is_mirror, expect);
	ji.expect_reconnect = !in->may_stay_away &&
			      expects_reconnect(in->plan, in->is_mirror);
	rc = nwb_judge(&ji, ret_j, err);
out:
	if (m.p)
		munmap(m.p, m.len);
	return rc;
}
