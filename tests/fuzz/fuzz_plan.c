/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan language. The property: the canonical text of what was read is read
 * again, to the same canonical text; and compiling ends, one way or the other.
 */
#include "fuzz.h"
#include "nwb/faultctl.h"
#include "nwb/plan.h"

#include <unistd.h>

#define TEXT_MAX 65536

static char once[TEXT_MAX], twice[TEXT_MAX];

static bool read_plan(const char *text, size_t len, struct nwb_plan **ret)
{
	struct nwb_err err = {0};
	int rc = nwb_plan_new(ret);

	nwb_assert(!rc);
	rc = nwb_plan_add_text(*ret, "fuzz", text, len, &err);
	if (!rc)
		rc = nwb_plan_finish(*ret, &err);
	if (!rc)
		return true;
	/* whatever is wrong, there is a sentence about it */
	nwb_assert(err.text[0]);
	nwb_plan_free(*ret);
	return false;
}

static void compile(const struct nwb_plan *plan, const char *server)
{
	struct nwb_fc_page *page;
	struct nwb_err err = {0};
	int fd, rc;

	rc = nwb_fc_create(&fd, &page);
	nwb_assert(!rc);
	rc = nwb_plan_compile(plan, page, server, &err);
	nwb_assert(!rc || err.text[0]);
	nwb_fc_unmap(page);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nwb_plan *plan, *again;
	int n;

	if (!read_plan((const char *)data, size, &plan))
		return 0;
	n = nwb_plan_print(plan, once, sizeof(once));
	if (n < (int)sizeof(once)) {
		nwb_assert(read_plan(once, (size_t)n, &again));
		nwb_plan_print(again, twice, sizeof(twice));
		nwb_assert(!strcmp(once, twice));
		nwb_plan_free(again);
	}
	for (unsigned int i = 0; i < plan->nr_rules; i++)
		nwb_plan_print_actions(&plan->rule[i], twice, sizeof(twice));
	compile(plan, "smbd");
	compile(plan, "diod");
	nwb_plan_free(plan);
	return 0;
}

void fuzz_seeds(void)
{
	static const char *const text[] = {
		"plan lost-ack\nserver smbd credits=64\n"
		"client temp-page wsize=64K\n"
		"lost: on server.write nth=4 after do drop, rst # why\n"
		"slow: on server.write nth=9..30+3 after do hold 20ms\n"
		"heal\nexpect hits lost = 1\nexpect verdict pass\n",
		"seed 7\nneeds durable\n"
		"a: on backend.pwrite file=*.dat off=1M..2M len>=64K p=0.25 "
		"do error ENOSPC max=3\n"
		"expect fsync EIO on all\nexpect drain < 2s\n",
		"on server.grant credits < 32 do grant 0 max=40\n"
		"expect amplification <= 1.5\nexpect never lost\n",
		"x: on server.write do seq .xdurX unarmed\n"
		"y: on server.flush nth=2 do arm x\n"
		"phase warm until server.write=10\nphase hot for 1.5s\nheal\n",
		"on server.reply op=WRITE status=STATUS_PENDING do delay 5us "
		"while hot\nphase hot for 2ms\n",
		"on server.connect nth=2 before do fin\n",
		"on server.write eof-extends inflight >= 4 before do short "
		"1K\n",
		"on server.write nth=3 after do kill\n",
		"on server.write nth=3 after do restart\n",
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(text); i++)
		fuzz_seed(text[i], strlen(text[i]));
}
