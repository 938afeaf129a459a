/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FUSE in a guest: the server is a program of the guest's own, so what the shim
 * does inside smbd and diod is done by others here. The same plans hold:
 *
 *	plan				who does it
 *	on backend.pwrite do error E	the guest's server, by an order, from the
 *					moment that the rule is armed
 *	on server.write do power-off	the harness, when it hears of the effect
 *	freeze T at a mark		WRITEs wait in the guest's server
 *
 * A hit is counted when the guest's server has told of it: the WRITE that ended
 * in E, or the nth since the rule was armed. What the server holds is lost with
 * the guest; the file that is judged is made of the effects that it told, in
 * their order (the kernel never sends two WRITEs to the same bytes at once).
 */
#include "check_kernel.h"

#include "nwb/faultctl.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SIZE_LIMIT (1ull << 30)

bool kc_is_fuse(const struct kc_mount *m)
{
	return m->is_inside;
}

const char *kc_server_name(const struct kc_mount *m)
{
	return kc_is_fuse(m) ? "guest" : m->server;
}

static const struct nwb_plan_action *find_action(const struct nwb_plan_rule *r,
						 enum nwb_plan_action_kind kind)
{
	for (unsigned int i = 0; i < r->nr_actions; i++)
		if (r->action[i].kind == kind)
			return &r->action[i];
	return NULL;
}

static bool is_of_storage(const struct nwb_plan_rule *r)
{
	return r->side == NWB_SIDE_BACKEND && r->op == NWB_OP_PWRITE;
}

static bool is_of_writes(const struct nwb_plan_rule *r)
{
	return r->side == NWB_SIDE_SERVER && r->op == NWB_OP_WRITE;
}

/* There is no network between, and who kills the server kills the mount. */
static bool is_mark_for_fuse(const struct nwb_plan_rule *r)
{
	for (unsigned int i = 0; i < r->nr_actions; i++)
		if (r->action[i].kind != NWB_ACT_ARM &&
		    r->action[i].kind != NWB_ACT_DISARM &&
		    r->action[i].kind != NWB_ACT_FREEZE &&
		    r->action[i].kind != NWB_ACT_POWER_OFF)
			return false;
	return nwb_plan_is_mark(r);
}

int kc_fuse_check(const struct nwb_plan *plan, struct nwb_err *err)
{
	for (unsigned int i = 0; i < plan->nr_rules; i++) {
		const struct nwb_plan_rule *r = &plan->rule[i];

		if (is_mark_for_fuse(r) ||
		    (is_of_storage(r) && find_action(r, NWB_ACT_ERROR)) ||
		    (is_of_writes(r) && find_action(r, NWB_ACT_POWER_OFF)))
			continue;
		return nwb_err_set(err, -EOPNOTSUPP,
				   "%s: with the FUSE server of a guest there "
				   "are arm, disarm, freeze and power-off at a "
				   "mark, \"on backend.pwrite do error\", \"on "
				   "server.write do power-off\", and no more",
				   r->name);
	}
	return 0;
}

void kc_fuse_order(const struct nwb_plan *plan, unsigned int rule, bool on,
		   char *buf, size_t size)
{
	const struct nwb_plan_rule *r = &plan->rule[rule];
	const struct nwb_plan_action *a = find_action(r, NWB_ACT_ERROR);

	buf[0] = '\0';
	if (!is_of_storage(r) || !a)
		return;
	if (on)
		snprintf(buf, size, "fail %d %llu", a->err,
			 (unsigned long long)(r->nth ? r->nth - 1 : 0));
	else
		snprintf(buf, size, "well");
}

static void hit(const struct kc_fuse *f, unsigned int rule,
		const struct nwb_chan_op *op)
{
	uint64_t nr = atomic_fetch_add(&f->page->state[rule].hits, 1) + 1;

	nwb_ledger_point(f->ledger, &(struct nwb_lrec){
					    .kind = NWB_L_FAULT,
					    .rule = (uint16_t)rule,
					    .aux = nr,
					    .file = op->file,
					    .off = op->off,
					    .len = op->len,
				    });
}

/* One WRITE to the guest's server is over. */
static void weigh(struct kc_fuse *f, unsigned int rule,
		  const struct nwb_chan_op *op)
{
	const struct nwb_plan_rule *r = &f->plan->rule[rule];
	const struct nwb_plan_action *a = find_action(r, NWB_ACT_ERROR);

	if (nwb_plan_is_mark(r) || !atomic_load(&f->page->state[rule].armed) ||
	    (r->max && nwb_fc_hits(f->page, rule) >= r->max))
		return;
	f->seen[rule]++;
	if (is_of_storage(r) ? a && op->result == -a->err
			     : kc_is_nth(r, f->seen[rule]))
		hit(f, rule, op);
}

void kc_fuse_record(struct kc_fuse *f, const struct nwb_chan_rec *rec)
{
	struct nwb_chan_op op;

	if (rec->type != NWB_CHAN_EFFECT_END || nwb_chan_get_op(rec, &op) ||
	    op.op != NWB_CHAN_OP_WRITE || !op.file ||
	    atomic_load(&f->page->healed))
		return;
	for (unsigned int i = 0; i < f->plan->nr_rules; i++)
		weigh(f, i, &op);
}

/* --- the file at the end -------------------------------------------------- */

struct copy {
	int fd;
	uint16_t file;
	const struct nwb_ledger *ledger;
	struct nwb_stamp_key key;
	uint8_t buf[65536];
};

static int put(struct copy *c, const void *buf, size_t len, uint64_t off)
{
	ssize_t n = pwrite(c->fd, buf, len, (off_t)off);

	return n < 0 ? -errno : (size_t)n == len ? 0 : -EIO;
}

static int put_run(struct copy *c, const struct nwb_lrec *r)
{
	const struct nwb_lrec *e = &c->ledger->hdr->slot[r->parent - 1];
	uint64_t end = r->off + r->len;
	size_t n;
	int rc = 0;

	if (atomic_load(&e->state) != NWB_LS_ENDED || e->result <= 0)
		return 0;
	end = nwb_min(end, e->off + (uint64_t)e->result);
	if (end > SIZE_LIMIT)
		return -EFBIG;
	if (r->flags & NWB_LF_PARTIAL) {
		memcpy(c->buf, nwb_lrec_raw((struct nwb_lrec *)(uintptr_t)r),
		       NWB_LANE);
		return put(c, c->buf + r->off % NWB_LANE, r->len, r->off);
	}
	for (uint64_t at = r->off; !rc && at < end; at += n) {
		n = (size_t)nwb_min(end - at, (uint64_t)sizeof(c->buf));
		if (r->flags & NWB_LF_ZERO)
			memset(c->buf, 0, n);
		else
			nwb_stamp_fill(&c->key, r->file2, r->version,
				       r->len2 + (at - r->off), c->buf, n);
		rc = put(c, c->buf, n, at);
	}
	return rc;
}

static int put_all(struct copy *c)
{
	uint64_t nr = nwb_ledger_count(c->ledger);
	int rc = 0;

	for (uint64_t i = 0; !rc && i < nr; i++) {
		const struct nwb_lrec *r = &c->ledger->hdr->slot[i];

		if (atomic_load(&r->state) != NWB_LS_ENDED ||
		    r->file != c->file)
			continue;
		if (r->kind == NWB_L_EFFECT_RUN)
			rc = put_run(c, r);
		else if (r->kind == NWB_L_EFFECT_TRUNCATE && !r->result &&
			 ftruncate(c->fd, (off_t)r->off))
			rc = -errno;
	}
	return rc;
}

int kc_fuse_content(struct nwb_server *srv, const struct nwb_ledger *ledger,
		    uint16_t file, const char *name, struct nwb_err *err)
{
	static struct copy c; /* large; one run at a time */
	int rc;

	c = (struct copy){.file = file, .ledger = ledger};
	nwb_stamp_key_init(&c.key, ledger->hdr->key);
	rc = nwb_server_open(srv, name, O_RDWR | O_CREAT | O_TRUNC, &c.fd, err);
	if (rc)
		return nwb_err_wrap(err, rc, "the FUSE server's file");
	rc = put_all(&c);
	close(c.fd);
	return rc ? nwb_err_set(err, rc, "the FUSE server's file: %s",
				strerror(-rc))
		  : 0;
}
