/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "do ..., intrude": somebody else writes to the file while an answer is out.
 *
 *	on server.write nth=300+1 before do rst, intrude
 *
 *	WRITE 300 ──rst──► the client comes back ──rst──► ...
 *	    └─► the harness has seen the hit: 64 bytes of the same page, made
 *	        durable, in the server's copy; then the rule is off
 *
 * The second client is the harness, on the export, below server and shim; it puts
 * itself into the ledger as a user (fd 2) and as effects, so that the oracles know
 * what it was promised. The rule goes on until it has written: what is sent again
 * comes after it, however long it takes.
 *
 * It writes where workload "part" leaves a page alone, but within the data unit
 * of what that writes, whichever size units have. With content crypto the others'
 * bytes of a unit are sent along by whoever writes to it, so a client must read
 * them again before a retry; one that does not is LOST (O1) in fd 2's eyes.
 */
#include "bench_i.h"

#include "nwb/faultctl.h"
#include "nwb/mem.h"

#include <fcntl.h>
#include <nettle/xts.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAGE	4096u
#define IN_PAGE 3008u /* behind what "part" writes of a page */
#define BYTES	64u
#define FD	2u
#define VERSION 0x40000000u /* and up: the workload never comes so far */

struct bench_intruder {
	const struct nwb_plan *plan;
	struct bench_ledgers *l;
	struct nwb_server *srv;
	const char *file;
	pthread_t thread;
	_Atomic bool stop;
	/* of the thread, read behind the join */
	uint32_t done; /* bit n: rule n */
	unsigned int nr;
	int rc;
	struct nwb_err err;
};

static bool intrudes(const struct nwb_plan_rule *r)
{
	for (unsigned int i = 0; i < r->nr_actions; i++)
		if (r->action[i].kind == NWB_ACT_INTRUDE)
			return true;
	return false;
}

/* Where the request began that rule @nr hit. False: nobody has said so yet. */
static bool find_hit(const struct bench_intruder *in, unsigned int nr,
		     uint64_t *ret_off)
{
	uint64_t n = nwb_ledger_count(&in->l->ledger);

	for (uint64_t i = 0; i < n; i++) {
		const struct nwb_lrec *rec = &in->l->ledger.hdr->slot[i];

		if (atomic_load_explicit(&rec->state, memory_order_acquire) !=
			    NWB_LS_ENDED ||
		    rec->kind != NWB_L_FAULT || rec->rule != nr)
			continue;
		*ret_off = rec->off;
		return true;
	}
	return false;
}

/* --- what it writes ------------------------------------------------------- */

/* Only these blocks of the unit are others than before: XTS encrypts each with
 * a tweak of its place. */
static void encrypt(const struct nwb_ledger_hdr *h, uint64_t off,
		    uint8_t *bytes)
{
	uint64_t unit = h->crypt_unit, at = off % unit;
	struct xts_aes128_key key;
	uint8_t mem[PAGE] = {0}, tweak[16] = {0};

	if (!unit)
		return;
	for (unsigned int i = 0; i < 8; i++)
		tweak[i] = (uint8_t)(off / unit >> (8 * i));
	memcpy(mem + at, bytes, BYTES);
	xts_aes128_set_encrypt_key(&key, h->crypt_key);
	xts_aes128_encrypt_message(&key, tweak, unit, mem, mem);
	memcpy(bytes, mem + at, BYTES);
}

static int put_bytes(struct bench_intruder *in, int fd, uint64_t off,
		     uint32_t version)
{
	const struct nwb_stamp_run run = {
		.kind = NWB_STAMP_LANES,
		.offset = off,
		.len = BYTES,
		.lane = {.file = in->l->file_id,
			 .offset = off,
			 .version = version},
	};
	struct nwb_ledger *l = &in->l->ledger;
	struct nwb_lrec *user, *effect, part;
	struct nwb_stamp_key key;
	uint8_t bytes[BYTES];
	ssize_t n;

	nwb_stamp_key_init(&key, in->l->key);
	nwb_stamp_fill(&key, in->l->file_id, version, off, bytes, BYTES);
	encrypt(l->hdr, off, bytes);
	user = nwb_ledger_begin(l, &(struct nwb_lrec){.kind = NWB_L_WRITE,
						      .file = in->l->file_id,
						      .fd = FD,
						      .off = off,
						      .len = BYTES,
						      .version = version});
	effect = nwb_ledger_begin(l,
				  &(struct nwb_lrec){.kind = NWB_L_EFFECT_WRITE,
						     .file = in->l->file_id,
						     .off = off,
						     .len = BYTES});
	if (!user || !effect)
		return -ENOSPC;
	n = pwrite(fd, bytes, BYTES, (off_t)off);
	effect->result = user->result = n < 0 ? -errno : n;
	nwb_ledger_end(l, effect);
	part = nwb_lrec_run(in->l->file_id,
			    (uint32_t)(effect - l->hdr->slot) + 1, &run);
	if (l->hdr->level)
		nwb_ledger_point(l, &part);
	nwb_ledger_end(l, user);
	return n == BYTES ? 0 : n < 0 ? (int)user->result : -EIO;
}

static int make_durable(struct bench_intruder *in, int fd)
{
	struct nwb_ledger *l = &in->l->ledger;
	struct nwb_lrec *user, *effect;
	int rc;

	user = nwb_ledger_begin(l, &(struct nwb_lrec){.kind = NWB_L_FSYNC,
						      .file = in->l->file_id,
						      .fd = FD});
	effect = nwb_ledger_begin(l,
				  &(struct nwb_lrec){.kind = NWB_L_EFFECT_FSYNC,
						     .file = in->l->file_id});
	if (!user || !effect)
		return -ENOSPC;
	rc = fdatasync(fd) ? -errno : 0;
	effect->result = user->result = rc;
	nwb_ledger_end(l, effect);
	nwb_ledger_end(l, user);
	return rc;
}

static int intrude(struct bench_intruder *in, uint64_t hit)
{
	uint64_t off = hit - hit % PAGE + IN_PAGE;
	int fd, rc;

	rc = nwb_server_open(in->srv, in->file, O_RDWR, &fd, &in->err);
	if (rc)
		return rc;
	nwb_ledger_point(&in->l->ledger,
			 &(struct nwb_lrec){.kind = NWB_L_OPEN,
					    .file = in->l->file_id,
					    .fd = FD});
	rc = put_bytes(in, fd, off, VERSION + in->nr);
	if (!rc)
		rc = make_durable(in, fd);
	nwb_ledger_point(&in->l->ledger,
			 &(struct nwb_lrec){.kind = NWB_L_CLOSE,
					    .file = in->l->file_id,
					    .fd = FD});
	close(fd);
	if (rc)
		return nwb_err_set(&in->err, rc, "%s: %s", in->file,
				   strerror(-rc));
	in->nr++;
	return 0;
}

/* --- when ----------------------------------------------------------------- */

static void look(struct bench_intruder *in)
{
	for (unsigned int i = 0; i < in->plan->nr_rules; i++) {
		uint64_t off;

		if ((in->done & 1u << i) || !intrudes(&in->plan->rule[i]) ||
		    !nwb_fc_hits(in->l->page, i) || !find_hit(in, i, &off))
			continue;
		in->done |= 1u << i;
		in->rc = in->rc ?: intrude(in, off);
		nwb_fc_arm(in->l->page, i, false);
	}
}

static void *watch(void *arg)
{
	const struct timespec tick = {.tv_nsec = NWB_MSEC};
	struct bench_intruder *in = arg;

	while (!atomic_load(&in->stop)) {
		look(in);
		nanosleep(&tick, NULL);
	}
	return NULL;
}

bool bench_plan_intrudes(const struct nwb_plan *plan)
{
	for (unsigned int i = 0; plan && i < plan->nr_rules; i++)
		if (intrudes(&plan->rule[i]))
			return true;
	return false;
}

int bench_intruder_start(const struct nwb_plan *plan, struct bench_ledgers *l,
			 struct nwb_server *srv, const char *file,
			 struct bench_intruder **ret_in)
{
	struct bench_intruder *in;
	int rc;

	*ret_in = NULL;
	if (!bench_plan_intrudes(plan))
		return 0;
	in = nwb_zalloc(sizeof(*in));
	if (!in)
		return -ENOMEM;
	in->plan = plan;
	in->l = l;
	in->srv = srv;
	in->file = file;
	rc = pthread_create(&in->thread, NULL, watch, in);
	if (rc) {
		nwb_free(in);
		return -rc;
	}
	*ret_in = in;
	return 0;
}

unsigned int bench_intruder_stop(struct bench_intruder *in, char *trouble,
				 size_t size)
{
	unsigned int nr;

	if (!in)
		return 0;
	atomic_store(&in->stop, true);
	pthread_join(in->thread, NULL);
	if (in->rc)
		snprintf(trouble, size, "the second client: %.90s",
			 in->err.text);
	nr = in->nr;
	nwb_free(in);
	return nr;
}
