/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every command that starts a server needs before and after. */
#include "bench_i.h"

#include "nwb/faultctl.h"
#include "nwb/mem.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void bench_key(uint64_t seed, uint8_t key[16])
{
	/* any key will do as long as the seed gives it */
	for (int i = 0; i < 2; i++) {
		uint64_t z = nwb_splitmix64(&seed);

		memcpy(key + 8 * i, &z, 8);
	}
}

void bench_ledgers_crypt(struct bench_ledgers *l, uint64_t seed, uint32_t unit)
{
	struct nwb_ledger_hdr *h = l->ledger.hdr;

	/* other keys than the stamps', which are made from the seed itself */
	bench_key(~seed, h->crypt_key);
	bench_key(seed ^ 0x5855u, h->crypt_key + 16);
	h->crypt_unit = unit;
}

int bench_ledgers_new(struct bench_ledgers *l, const char *file, uint64_t slots,
		      uint32_t level, uint64_t seed, struct nwb_err *err)
{
	int rc;

	bench_key(seed, l->key);
	l->ledger_fd = memfd_create("netwb-ledger", MFD_CLOEXEC);
	if (l->ledger_fd < 0)
		return nwb_err_set(err, -errno, "memfd: %s", strerror(errno));
	rc = nwb_ledger_create(l->ledger_fd, slots, l->key, level, &l->ledger);
	if (rc)
		return nwb_err_set(err, rc, "ledger: %s", strerror(-rc));
	rc = file ? nwb_ledger_add_file(&l->ledger, file) : 0;
	if (rc < 0)
		return nwb_err_set(err, rc, "ledger: no room for a file");
	l->file_id = (uint16_t)rc;
	rc = nwb_fc_create(&l->page_fd, &l->page);
	return rc ? nwb_err_set(err, rc, "shared page: %s", strerror(-rc)) : 0;
}

void bench_ledgers_fini(struct bench_ledgers *l)
{
	nwb_fc_unmap(l->page);
	nwb_ledger_unmap(&l->ledger);
	if (l->page_fd >= 0)
		close(l->page_fd);
	if (l->ledger_fd >= 0)
		close(l->ledger_fd);
}

bool bench_is_fake(const char *server)
{
	return !strcmp(server, "fake") || !strcmp(server, "fake-9p");
}

static bool plan_restarts(const struct nwb_plan *plan)
{
	for (unsigned int i = 0; plan && i < plan->nr_rules; i++)
		for (unsigned int a = 0; a < plan->rule[i].nr_actions; a++)
			if (plan->rule[i].action[a].kind == NWB_ACT_RESTART)
				return true;
	return false;
}

void bench_server_opts(const struct nwb_plan *plan, struct nwb_server_opts *so)
{
	so->auto_restart = plan_restarts(plan);
	so->restart_delay_ns = 50 * NWB_MSEC;
	if (plan) {
		so->max_credits = (unsigned int)nwb_plan_server_opt_nr(
			plan, "credits", 0);
		so->multichannel =
			nwb_plan_server_opt_nr(plan, "multichannel", 0);
		so->msize = (uint32_t)nwb_plan_server_opt_nr(plan, "msize", 0);
		so->volatile_storage =
			nwb_plan_server_opt_nr(plan, "volatile", 0);
		so->ignore_sigpipe =
			nwb_plan_server_opt_nr(plan, "ignore-sigpipe", 0);
		bench_server_security(plan, &so->security);
	}
}

unsigned int bench_channels(const struct bench_run_opts *o)
{
	return o->plan ? (unsigned int)nwb_plan_client_opt_nr(
				 o->plan, "channels", o->channels)
		       : o->channels;
}

/* The plan's "client" line wins. */
static void plan_client(const struct nwb_plan *plan,
			struct nwb_subject_opts *so)
{
	so->wsize = (uint32_t)nwb_plan_client_opt_nr(plan, "wsize", so->wsize);
	so->credits = (uint32_t)nwb_plan_client_opt_nr(plan, "credits", 0);
	so->msize = (uint32_t)nwb_plan_client_opt_nr(plan, "msize", 0);
	so->settle_ns = nwb_plan_client_opt_nr(plan, "settle", 0);
	so->patience_ns = nwb_plan_client_opt_nr(plan, "patience", 0);
	so->cache =
		(unsigned int)nwb_plan_client_opt_nr(plan, "cache", so->cache);
	so->durable = (unsigned int)nwb_plan_client_opt_nr(plan, "durable",
							   so->durable);
	so->hard |= nwb_plan_client_opt_nr(plan, "hard", 0) != 0;
	so->max_attempts = (uint32_t)nwb_plan_client_opt_nr(plan, "attempts",
							    so->max_attempts);
	so->max_attempts = (uint32_t)nwb_plan_client_opt_nr(plan, "retrans",
							    so->max_attempts);
	if (nwb_plan_server_opt_nr(plan, "guest", 0)) {
		so->user = "";
		so->password = "";
	}
}

void bench_client_opts(const struct bench_run_opts *o,
		       struct nwb_subject_opts *so)
{
	so->kind = o->subject;
	so->wsize = o->wsize;
	so->depth = o->depth;
	so->cache = o->cache;
	so->durable = o->durable;
	so->hard = o->hard;
	so->fscache = o->fscache;
	so->crypto_unit = o->crypto_unit;
	so->vectored = o->vectored;
	so->max_attempts = o->retrans;
	so->flavour = o->flavour;
	so->hazards = o->hazards;
	so->no_hazards = o->no_hazards;
	so->strategy = o->strategy;
	so->no_copy = o->no_copy;
	so->mutants = o->mutants;
	so->mutant_credits = o->mutant_credits;
	so->mutant_channel = o->mutant_channel;
	so->channels = bench_channels(o);
	so->dirty = o->dirty;
	so->dirty_bg = o->dirty_bg;
	so->strictlimit = o->strictlimit;
	so->fscache_short = o->fscache_short;
	bench_client_security(o, so);
	if (o->plan)
		plan_client(o->plan, so);
}

/* Is an effect of a server process that may still live under way? */
bool bench_is_busy(const struct nwb_ledger *l)
{
	const struct nwb_ledger_hdr *h = l->hdr;
	uint64_t nr = nwb_min(atomic_load(&h->next), h->nr_slots);

	for (uint64_t s = nr; s-- > 0;) {
		const struct nwb_lrec *rec = &h->slot[s];
		uint32_t state =
			atomic_load_explicit(&rec->state, memory_order_acquire);

		/* reserved, not yet published: its writer is at work */
		if (state == NWB_LS_FREE)
			return true;
		/* what began before the server died ended with it */
		if (rec->kind == NWB_L_SERVER_DOWN)
			return false;
		if ((rec->kind == NWB_L_EFFECT_WRITE ||
		     rec->kind == NWB_L_EFFECT_FSYNC) &&
		    state == NWB_LS_BEGUN)
			return true;
	}
	return false;
}

/* What the shim could not do as it was told makes its records worthless. */
void bench_trouble(const struct nwb_fc_page *p, char *buf, size_t size)
{
	uint64_t nomem = atomic_load(&p->nomem);
	uint64_t marks = atomic_load(&p->marks_lost);
	uint64_t copies = atomic_load(&p->durable_errors);
	uint64_t unread = atomic_load(&p->nr_encrypted);

	if (unread)
		snprintf(buf, size,
			 "shim: %llu encrypted messages could not be read",
			 (unsigned long long)unread);
	else if (nomem || marks || copies)
		snprintf(buf, size,
			 "shim: %llu times out of memory, %llu faults lost "
			 "their request, %llu durable copies failed",
			 (unsigned long long)nomem, (unsigned long long)marks,
			 (unsigned long long)copies);
}

/* A fault kills with SIGKILL; any other end before ours was the server's own.
 * diod 1.0.24 does not ignore SIGPIPE: it dies of a reply to a connection that
 * was reset meanwhile, which is none of the client's doing. */
bool bench_server_died(const struct nwb_ledger *l, const char *server,
		       char *buf, size_t size)
{
	uint64_t nr = nwb_ledger_count(l);

	for (uint64_t i = 0; i < nr; i++) {
		const struct nwb_lrec *rec = &l->hdr->slot[i];
		int status;

		/* the heartbeat may still write others */
		if (atomic_load(&rec->state) != NWB_LS_ENDED ||
		    rec->kind != NWB_L_SERVER_DOWN)
			continue;
		status = (int)rec->status;
		if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
			snprintf(buf, size, "%s ended by itself: SIG%s", server,
				 sigabbrev_np(WTERMSIG(status)));
		else if (WIFEXITED(status))
			snprintf(buf, size, "%s ended by itself: exit %d",
				 server, WEXITSTATUS(status));
		else
			continue;
		return true;
	}
	return false;
}

/* The header says how many slots there are; those never used stay behind. */
int bench_keep_ledger(const struct nwb_ledger *l, const char *path,
		      struct nwb_err *err)
{
	uint64_t nr = nwb_max(nwb_ledger_count(l), (uint64_t)1);
	struct nwb_ledger_hdr *h = nwb_alloc_pages(sizeof(*h));
	FILE *f = h ? fopen(path, "wxe") : NULL;
	bool is_bad;

	if (!f) {
		int rc = h ? -errno : -ENOMEM;

		nwb_free(h);
		return nwb_err_set(err, rc, "%s: %s", path, strerror(-rc));
	}
	memcpy(h, l->hdr, sizeof(*h));
	h->nr_slots = nr;
	is_bad = fwrite(h, sizeof(*h), 1, f) != 1;
	is_bad |= fwrite(l->hdr->slot, sizeof(h->slot[0]), nr, f) != nr;
	is_bad |= fclose(f) != 0;
	nwb_free(h);
	if (is_bad) /* it was not there before */
		unlink(path);
	return is_bad ? nwb_err_set(err, -EIO, "%s: cannot be written", path)
		      : 0;
}
