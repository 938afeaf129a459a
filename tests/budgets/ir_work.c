/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work to be counted in instructions by callgrind, and the comparison of those
 * counts with bench/budgets/ir.txt; ir.sh puts both together.
 *
 *	ir_work codecs		histogram and codecs, nothing else
 *	ir_work CELL		a simulated cell: see ir_cells
 *	ir_work --cells		names of all of these
 *	ir_work --compiler	what the counts depend on
 *	ir_work --check FILE	lines "NAME VALUE" on stdin against FILE; 77 when
 *				FILE is of another compiler
 */
#include "budget.h"
#include "cells.h"

#include "nwb/hist.h"
#include "nwb/p9_pdu.h"
#include "nwb/smb2_pdu.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS	  4096
#define EXIT_SKIP 77

/* Small: valgrind is fifty times slower than the machine. */
static const struct cell ir_cells[] = {
	{.name = "smb.in-place.seq4k",
	 .kind = NWB_SUBJ_IN_PLACE,
	 .workload = "seq4k",
	 .bytes = 2 * NWB_MIB},
	{.name = "smb.temp-page.seq4k",
	 .kind = NWB_SUBJ_TEMP_PAGE,
	 .workload = "seq4k",
	 .bytes = 2 * NWB_MIB},
	{.name = "9p.in-place.rand4k",
	 .is_9p = true,
	 .kind = NWB_SUBJ_IN_PLACE,
	 .workload = "rand4k",
	 .bytes = NWB_MIB},
};

static void record_values(void)
{
	static struct nwb_hist h;
	uint64_t value = 1;

	nwb_hist_init(&h);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		value = value * 6364136223846793005ull + 1442695040888963407ull;
		nwb_hist_record(&h, value >> (i % 60));
	}
	nwb_assert(h.count == ROUNDS);
}

static void code_smb2(void)
{
	struct nwb_smb2_hdr hdr = {
		.credit_charge = 16, .command = 9, .credits = 16};
	struct nwb_smb2_write_req req = {.data_offset = NWB_SMB2_WRITE_HDR_LEN,
					 .len = NWB_MIB};
	struct nwb_smb2_write_rsp rsp = {.count = NWB_MIB}, got;
	uint8_t pdu[256];

	for (unsigned int i = 0; i < ROUNDS; i++) {
		int len;

		hdr.message_id = i;
		req.offset = i * NWB_MIB;
		nwb_smb2_hdr_encode(pdu, &hdr);
		len = nwb_smb2_write_req_encode(pdu, sizeof(pdu), &req);
		nwb_assert(len == NWB_SMB2_WRITE_HDR_LEN);
		len = nwb_smb2_write_rsp_encode(pdu, sizeof(pdu), &rsp);
		nwb_assert(len > 0);
		nwb_assert(!nwb_smb2_hdr_decode(pdu, (size_t)len, &hdr));
		nwb_assert(!nwb_smb2_write_rsp_decode(pdu, (size_t)len, &got));
	}
}

static void code_9p(void)
{
	struct nwb_p9_msg req = {.type = NWB_P9_TWRITE,
				 .twrite = {.fid = 1, .count = 65512}};
	struct nwb_p9_msg rsp = {.type = NWB_P9_RWRITE,
				 .rwrite = {.count = 65512}};
	struct nwb_p9_msg got;
	uint8_t frame[64];

	for (unsigned int i = 0; i < ROUNDS; i++) {
		size_t len;
		int rc;

		req.tag = (uint16_t)i;
		req.twrite.offset = i * 65512ull;
		rc = nwb_p9_encode(&req, frame, sizeof(frame), &len);
		nwb_assert(!rc && len == NWB_P9_TWRITE_HDR);
		rsp.tag = (uint16_t)i;
		rc = nwb_p9_encode(&rsp, frame, sizeof(frame), &len);
		nwb_assert(!rc);
		nwb_assert(!nwb_p9_decode(frame, len, &got));
	}
}

static int work(const char *what)
{
	uint64_t counts[NR_COUNTS];

	if (!strcmp(what, "codecs")) {
		record_values();
		code_smb2();
		code_9p();
		return 0;
	}
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(ir_cells); i++)
		if (!strcmp(what, ir_cells[i].name))
			return count_cell(&ir_cells[i], PLANT_NONE, counts) ? 3
									    : 0;
	fprintf(stderr, "ir_work: no work is called %s\n", what);
	return 3;
}

static int check(const char *path)
{
	static struct budgets bs;
	char name[BUDGET_NAME_MAX];
	uint64_t value;

	if (budgets_load(&bs, path, NULL))
		return 3;
	if (strcmp(bs.compiler, budget_compiler()) != 0) {
		printf("skipped: %s is of \"%s\", this is \"%s\"\n", path,
		       bs.compiler, budget_compiler());
		printf("0 passed, 0 failed, 1 skipped\n");
		return EXIT_SKIP;
	}
	while (scanf(" %63s %" SCNu64, name, &value) == 2)
		budgets_check(&bs, name, value);
	return budgets_end(&bs);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--check"))
		return check(argv[2]);
	if (argc != 2) {
		fprintf(stderr, "usage: ir_work WORK | --cells | --compiler | "
				"--check FILE\n");
		return 3;
	}
	if (!strcmp(argv[1], "--compiler")) {
		puts(budget_compiler());
		return 0;
	}
	if (strcmp(argv[1], "--cells") != 0)
		return work(argv[1]);
	puts("codecs");
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(ir_cells); i++)
		puts(ir_cells[i].name);
	return 0;
}
