/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ledger files from anywhere, and the oracles and netwb explain over them.
 *
 *	first byte even	 the rest is a file as it is
 *	           odd	 the rest are records in 20 bytes each: kinds that
 *			 exist, small offsets, tickets that cross
 *
 * The property: the reader says no or the judge says something, in time.
 */
#include "fuzz.h"
#include "nwb/explain.h"
#include "nwb/ledger.h"
#include "nwb/oracle.h"

#include <sys/mman.h>
#include <unistd.h>

#define RECORDS_MAX 128u

static const uint8_t key[16] = "fuzzing ledgers";
static uint8_t content[256 * 64];

static void policy(struct fuzz_in *in, struct nwb_policy *p)
{
	uint8_t bits = fuzz_u8(in);

	*p = (struct nwb_policy){
		.redirty = bits & 1,
		.flush_on_close = bits & 2,
		.stable_pages = bits & 4,
		.hard = bits & 8,
		.foreign = bits & 16,
		.is_9p = bits & 32,
		.patience_ns = 1000,
		.max_attempts = bits >> 6,
		.fence = (enum nwb_fence)(fuzz_u8(in) % 4),
		.settle_ns = 100,
		.retryable = {5, 0xc000009a},
		.nr_retryable = 2,
	};
}

static void judge(const struct nwb_ledger *l, struct fuzz_in *in)
{
	static struct nwb_judgement j;
	struct nwb_content c[2] = {{.file = 1}, {.file = 2}};
	struct nwb_expect_hits e = {"r", 'g', 1, 1, true};
	struct nwb_judge_in ji = {
		.rec = l->hdr->slot,
		.nr_rec = nwb_ledger_count(l),
		.nr_lost = atomic_load(&l->hdr->lost),
		.level = l->hdr->level,
		.content = c,
		.nr_content = 2,
		.expect = &e,
		.nr_expect = 1,
		.drain_bound_ns = 1000,
	};

	memcpy(ji.key, l->hdr->key, sizeof(ji.key));
	policy(in, &ji.policy);
	c[0].data = content;
	c[0].size = fuzz_u16(in) % (sizeof(content) + 1);
	c[1].is_missing = true;
	ji.expect_reconnect = fuzz_u8(in) & 1;
	nwb_assert(!nwb_judge(&ji, &j, NULL));
	nwb_assert(j.nr_findings <= NWB_FINDINGS_MAX);
	for (unsigned int i = 0; i < j.nr_findings; i++)
		nwb_assert(memchr(j.finding[i].text, 0,
				  sizeof(j.finding[i].text)));
}

static void short_line(void *arg, const char *line)
{
	(void)arg;
	nwb_assert(strlen(line) <= NWB_EXPLAIN_COLUMNS);
}

static void use(int fd, struct fuzz_in *in)
{
	struct nwb_err err = {0};
	struct nwb_ledger l;
	int id;

	if (nwb_ledger_map(fd, false, &l))
		return;
	id = nwb_explain_file(&l, "netwb.dat", &err);
	nwb_assert(id > 0 || err.text[0]);
	(void)!nwb_explain(&l, 1, fuzz_u16(in), short_line, NULL, &err);
	(void)!nwb_explain(&l, (uint16_t)id, UINT64_MAX - 1, short_line, NULL,
			   &err);
	(void)nwb_ledger_find_file(&l, "dir/netwb.dat");
	judge(&l, in);
	nwb_ledger_unmap(&l);
}

static void record(struct fuzz_in *in, struct nwb_lrec *r)
{
	uint8_t bits;

	r->kind = fuzz_u8(in) % (NWB_L_KINDS + 2);
	bits = fuzz_u8(in);
	atomic_store(&r->state, bits & 3);
	r->begin = fuzz_u16(in);
	r->end = bits & 4 ? NWB_TICKET_OPEN : r->begin + fuzz_u8(in) + 1;
	r->t_begin = r->begin * 100;
	r->t_end = r->end * 100;
	r->off = (uint64_t)fuzz_u8(in) * (bits & 8 ? 64 : 63);
	r->len = (uint64_t)fuzz_u8(in) * (bits & 16 ? 64 : 61);
	if (bits & 32)
		r->off = UINT64_MAX - r->off;
	r->result = bits & 64 ? -(int64_t)fuzz_u8(in) : (int64_t)r->len;
	r->mid = fuzz_u8(in) % 8;
	r->aux = fuzz_u8(in);
	r->version = fuzz_u8(in);
	r->conn = fuzz_u8(in) % 4;
	r->instance = fuzz_u8(in) % 4;
	r->status = fuzz_u8(in);
	r->file = fuzz_u8(in) % 4;
	r->fd = fuzz_u8(in) % 4;
	r->cmd = fuzz_u8(in);
	r->flags = fuzz_u16(in);
	r->charge = bits >> 6;
	r->grant = bits >> 5;
	r->rule = bits & 1;
	r->parent = fuzz_u8(in);
	/* a guest's numbers ascend, or the record is not read at all */
	r->len2 = r->flags & NWB_LF_GUEST ? r->aux + 1 + r->mid : r->off;
	r->file2 = r->file;
}

static void records(struct fuzz_in *in)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct nwb_ledger l;
	uint64_t nr = 0;
	struct fuzz_in head = *in;

	nwb_assert(fd >= 0);
	nwb_assert(!nwb_ledger_create(fd, RECORDS_MAX, key, in->n & 1, &l));
	(void)!nwb_ledger_add_file(&l, "netwb.dat");
	(void)!nwb_ledger_add_file(&l, "other");
	fuzz_u64(in);
	while (in->n && nr < RECORDS_MAX)
		record(in, &l.hdr->slot[nr++]);
	atomic_store(&l.hdr->next, nr);
	nwb_ledger_unmap(&l);
	use(fd, &head);
	close(fd);
}

static void file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct fuzz_in in = {data, size};

	nwb_assert(fd >= 0);
	if (write(fd, data, size) == (ssize_t)size)
		use(fd, &in);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data + 1, size - 1};
	struct nwb_stamp_key k;

	if (!size)
		return 0;
	if (!content[0]) {
		nwb_stamp_key_init(&k, key);
		nwb_stamp_fill(&k, 1, 3, 0, content, sizeof(content) / 2);
		nwb_stamp_fill(&k, 1, 5, sizeof(content) / 2,
			       content + sizeof(content) / 2,
			       sizeof(content) / 2);
	}
	if (data[0] & 1)
		records(&in);
	else
		file(in.p, in.n);
	return 0;
}

/* The life of a write, twice sent. */
static void fill(struct nwb_ledger *l)
{
	static const uint16_t kinds[] = {
		NWB_L_SERVER_UP,   NWB_L_CONN_UP,      NWB_L_CONNECT,
		NWB_L_OPEN,	   NWB_L_WRITE,	       NWB_L_SENT,
		NWB_L_PDU_REQ,	   NWB_L_EFFECT_WRITE, NWB_L_EFFECT_RUN,
		NWB_L_FAULT,	   NWB_L_CONN_DOWN,    NWB_L_CONN_UP,
		NWB_L_CONNECT,	   NWB_L_SENT,	       NWB_L_PDU_REQ,
		NWB_L_PDU_REPLY,   NWB_L_ACKED,	       NWB_L_FSYNC,
		NWB_L_CLOSE,	   NWB_L_HEAL,	       NWB_L_HEARTBEAT,
		NWB_L_GIVEUP,	   NWB_L_TRUNCATE,     NWB_L_EFFECT_FSYNC,
		NWB_L_SERVER_DOWN, NWB_L_RUN_END,
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(kinds); i++)
		nwb_ledger_point(l, &(struct nwb_lrec){.kind = kinds[i],
						       .file = 1,
						       .fd = 1,
						       .len = 4096,
						       .result = 4096,
						       .version = 1,
						       .cmd = 9,
						       .mid = i,
						       .conn = 1,
						       .parent = 8,
						       .charge = 1,
						       .grant = 8});
}

void fuzz_seeds(void)
{
	static uint8_t file_seed[32768];
	int fd = memfd_create("seed", MFD_CLOEXEC);
	uint8_t small[1 + 8 + 30 * 20];
	struct nwb_ledger l;

	nwb_assert(fd >= 0 && !nwb_ledger_create(fd, 32, key, 1, &l));
	(void)!nwb_ledger_add_file(&l, "netwb.dat");
	fill(&l);
	file_seed[0] = 0;
	nwb_assert(l.map_len < sizeof(file_seed));
	memcpy(file_seed + 1, l.hdr, l.map_len);
	fuzz_seed(file_seed, l.map_len + 1);
	nwb_ledger_unmap(&l);
	close(fd);
	for (unsigned int k = 0; k < sizeof(small); k++)
		small[k] = (uint8_t)(k * 37 + k / 21);
	small[0] = 1;
	fuzz_seed(small, sizeof(small));
	for (unsigned int k = 1; k < NWB_L_KINDS; k++) {
		memset(small, 2, sizeof(small));
		for (unsigned int i = 9; i < sizeof(small); i += 20)
			small[i] = (uint8_t)(i / 20 + k);
		small[0] = 1;
		fuzz_seed(small, sizeof(small));
	}
}
