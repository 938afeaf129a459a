/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The credit ledger by itself: the table of what Linux does, the cases from
 * other clients' bug trackers, and a random walk against a simple model.
 */
#include "credits.h"
#include "nwb/smb2_pdu.h"
#include "nwb_test.h"

#include <errno.h>
#include <stdio.h>

#define W (4u << 20) /* wsize */

static struct credit_pool pool_of(int32_t credits)
{
	struct credit_pool p = {.max = 8192};

	nwb_credits_reset(&p, 1, credits);
	return p;
}

NWB_TEST(smb2_credits, nothing_without_connection)
{
	struct credit_pool p = pool_of(100);
	struct nwb_smb2_credits cr;
	size_t size;

	nwb_credits_reset(&p, 0, 100);
	nwb_check_eq(nwb_credits_reserve(&p, W, &size, &cr), -EAGAIN);
	nwb_check_eq(nwb_credits_take_one(&p, false, &cr), -EAGAIN);
}

NWB_TEST(smb2_credits, few_credits_mean_64k_and_no_reservation)
{
	for (int32_t n = 1; n <= CREDITS_FOR_REOPEN; n++) {
		struct credit_pool p = pool_of(n);
		struct nwb_smb2_credits cr = {.value = 99};
		size_t size = 0;

		nwb_check_eq(nwb_credits_reserve(&p, W, &size, &cr), 0);
		nwb_check_eq(size, 65536);
		nwb_check_eq(cr.value, 0);
		nwb_check(!cr.in_flight);
		nwb_check_eq(p.credits, n);
		nwb_check_eq(p.in_flight, 0);
		nwb_check_eq(nwb_credits_reserve(&p, 100, &size, &cr), 0);
		nwb_check_eq(size, 100);
	}
}

NWB_TEST(smb2_credits, many_credits_are_reserved_but_eight)
{
	struct credit_pool p = pool_of(9);
	struct nwb_smb2_credits cr;
	size_t size;

	nwb_check_eq(nwb_credits_reserve(&p, W, &size, &cr), 0);
	nwb_check_eq(size, 65536);
	nwb_check_eq(cr.value, 1);
	nwb_check_eq(cr.instance, 1);
	nwb_check_eq(p.credits, 8);
	nwb_check_eq(p.in_flight, 1); /* one request, whatever it costs */
	p = pool_of(1000);
	nwb_check_eq(nwb_credits_reserve(&p, W, &size, &cr), 0);
	nwb_check_eq(size, W);
	nwb_check_eq(cr.value, 64);
	nwb_check_eq(p.credits, 1000 - 64);
	nwb_check_eq(p.in_flight, 1);
	nwb_check_eq(p.min_seen, 1000 - 64);
}

/* A server whose ceiling is just the charge of the largest write, one less and
 * one more (smbj #29): the length must follow the credits. */
NWB_TEST(smb2_credits, ceiling_near_the_largest_write)
{
	for (int32_t n = 127; n <= 129; n++) {
		struct credit_pool p = pool_of(n);
		struct nwb_smb2_credits cr;
		size_t size;

		nwb_check_eq(nwb_credits_reserve(&p, 8 << 20, &size, &cr), 0);
		nwb_check_eq(size, (size_t)(n - 8) * 65536);
		nwb_check_eq(cr.value, nwb_smb2_charge(size));
		nwb_check_eq(p.credits, 8);
	}
}

NWB_TEST(smb2_credits, the_last_of_three_is_not_for_writes)
{
	struct credit_pool p = pool_of(3);
	struct nwb_smb2_credits a, b, c;
	size_t size;

	nwb_check_eq(nwb_credits_take_one(&p, true, &a), 0);
	nwb_check_eq(nwb_credits_take_one(&p, true, &b), 0);
	nwb_check_eq(nwb_credits_take_one(&p, true, &c), -EAGAIN);
	nwb_check_eq(nwb_credits_reserve(&p, W, &size, &c), -EAGAIN);
	nwb_check_eq(nwb_credits_take_one(&p, false, &c), 0); /* FLUSH */
	nwb_check_eq(nwb_credits_take_one(&p, false, &c), -EAGAIN);
	/* with two in all there is nothing to keep back */
	p = pool_of(2);
	nwb_check_eq(nwb_credits_take_one(&p, true, &a), 0);
	nwb_check_eq(nwb_credits_take_one(&p, true, &b), 0);
	p = pool_of(1);
	nwb_check_eq(nwb_credits_take_one(&p, true, &a), 0);
	nwb_check_eq(p.credits, 0);
}

NWB_TEST(smb2_credits, surplus_goes_back)
{
	struct credit_pool p = pool_of(1000);
	struct nwb_smb2_credits cr;
	size_t size;

	nwb_check_eq(nwb_credits_reserve(&p, W, &size, &cr), 0);
	nwb_check_eq(nwb_credits_adjust(&p, &cr, nwb_smb2_charge(65537)), 0);
	nwb_check_eq(cr.value, 2);
	nwb_check_eq(p.credits, 998);
	nwb_check_eq(p.outstanding, 2);
	nwb_check_eq(nwb_credits_adjust(&p, &cr, 2), 0);
	nwb_check_eq(nwb_credits_adjust(&p, &cr, 3), -EOPNOTSUPP);
	nwb_credits_put(&p, &cr);
	nwb_check_eq(cr.value, 0);
	nwb_check_eq(p.credits, 1000);
	nwb_check_eq(p.outstanding, 0);
	nwb_check_eq(p.in_flight, 0);
}

NWB_TEST(smb2_credits, those_of_an_older_instance_count_for_nothing)
{
	struct credit_pool p = pool_of(1000);
	struct nwb_smb2_credits cr, cr2;
	size_t size;

	nwb_check_eq(nwb_credits_reserve(&p, W, &size, &cr), 0);
	nwb_check_eq(nwb_credits_reserve(&p, W, &size, &cr2), 0);
	nwb_credits_reset(&p, 2, 10);
	nwb_credits_put(&p, &cr);
	nwb_check_eq(p.credits, 10);
	nwb_check_eq(nwb_credits_adjust(&p, &cr2, 1), -EAGAIN);
	nwb_check_eq(cr2.value, 0);
	nwb_credits_grant(&p, 1, 64, 64, true);
	nwb_check_eq(p.credits, 10);
	nwb_check_eq(p.in_flight, 0);
	nwb_check_eq(p.outstanding, 0);
}

/* Samba BUG 8357: the interim response carries all, the final one none; and
 * the reverse. Each is counted once. */
NWB_TEST(smb2_credits, interim_and_final_count_once_each)
{
	struct credit_pool p = pool_of(16);
	struct nwb_smb2_credits cr;

	nwb_check_eq(nwb_credits_take_one(&p, true, &cr), 0);
	nwb_credits_grant(&p, 1, 1, 1, false);
	nwb_check_eq(p.credits, 16);
	nwb_check_eq(p.outstanding, 0);
	nwb_check_eq(p.in_flight, 1);
	nwb_credits_grant(&p, 1, 0, 0, true);
	nwb_check_eq(p.credits, 16);
	nwb_check_eq(p.in_flight, 0);
	nwb_check_eq(nwb_credits_take_one(&p, true, &cr), 0);
	nwb_credits_grant(&p, 1, 1, 0, false);
	nwb_check_eq(p.credits, 15);
	nwb_credits_grant(&p, 1, 0, 1, true);
	nwb_check_eq(p.credits, 16);
	nwb_check_eq(p.in_flight, 0);
}

NWB_TEST(smb2_credits, asks_for_the_charge_and_eight_up_to_the_maximum)
{
	struct credit_pool p = pool_of(100);

	nwb_check_eq(nwb_credits_ask(&p, 16), 24);
	p.max = 110;
	nwb_check_eq(nwb_credits_ask(&p, 16), 10);
	p.max = 100;
	nwb_check_eq(nwb_credits_ask(&p, 16), 0);
	p.max = 50;
	nwb_check_eq(nwb_credits_ask(&p, 16), 0);
	p = pool_of(0);
	p.max = 1;
	nwb_check_eq(nwb_credits_ask(&p, 1), 1); /* never stuck at zero */
}

NWB_TEST(smb2_credits, pool_is_capped)
{
	struct credit_pool p = pool_of(CREDITS_CAP - 1);
	struct nwb_smb2_credits cr;

	nwb_check_eq(nwb_credits_take_one(&p, true, &cr), 0);
	nwb_credits_grant(&p, 1, 1, 1000, true);
	nwb_check_eq(p.credits, CREDITS_CAP);
}

/* Requests of all kinds in random order against the one number a server keeps:
 * what it granted less what it saw spent. */
NWB_TEST(smb2_credits, random_walk_agrees_with_the_server)
{
	enum {
		NR = 64
	};
	struct credit_pool p = pool_of(40);
	struct {
		struct nwb_smb2_credits cr;
		bool sent, interim;
	} op[NR] = {{{0}, false, false}};
	uint64_t rng = 88172645463325252ull;
	int64_t server = 40, reserved = 0;
	int32_t live = 0;

	for (unsigned int i = 0; i < 200000; i++) {
		unsigned int k, g;
		size_t size;

		rng ^= rng << 13;
		rng ^= rng >> 7;
		rng ^= rng << 17;
		k = (unsigned int)(rng % NR);
		g = (unsigned int)(rng >> 40) % 20;
		if (op[k].cr.value == 0) {
			int rc = rng & 1024
					 ? nwb_credits_reserve(&p, 1 + rng % W,
							       &size, &op[k].cr)
					 : nwb_credits_take_one(&p, rng & 2048,
								&op[k].cr);

			if (rc == 0 && op[k].cr.value) {
				reserved += op[k].cr.value;
				live++;
			} else {
				op[k].cr.value = 0;
			}
		} else if (!op[k].sent && (rng & 4096)) {
			reserved -= op[k].cr.value;
			nwb_credits_put(&p, &op[k].cr);
			live--;
		} else if (!op[k].sent) {
			op[k].sent = true;
			op[k].interim = false;
			reserved -= op[k].cr.value;
			server -= op[k].cr.value;
			nwb_check(server >= 0);
		} else {
			bool is_final = rng & 8192;

			/* as smbd: what was spent, and a little more or less */
			g = (unsigned int)nwb_max(
				0, (int)(op[k].interim ? 0 : op[k].cr.value) +
					   (int)g - 10);
			if (server + g > 4000)
				g = 0;
			nwb_credits_grant(&p, 1,
					  op[k].interim ? 0 : op[k].cr.value, g,
					  is_final);
			server += g;
			op[k].interim = true;
			if (is_final) {
				op[k].cr.value = 0;
				op[k].sent = false;
				live--;
			}
		}
		nwb_check_eq(p.credits, server - reserved);
		nwb_check(p.credits >= 0 && p.min_seen >= 0);
		nwb_check_eq(p.in_flight, live);
	}
}
