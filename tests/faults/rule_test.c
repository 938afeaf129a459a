/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rule engine, with events that no server has made. */
#include "shim_util.h"

#include <stdio.h>
#include <string.h>

static struct sh_ev write_ev(uint64_t off, uint64_t len)
{
	return (struct sh_ev){
		.ev = NWB_FC_EV_REQUEST,
		.cmd = SMB_WRITE,
		.file = 1,
		.has_extent = true,
		.is_attached = true,
		.off = off,
		.len = len,
		.name = "a.dat",
	};
}

/* pattern() - which of @n equal events rule @i takes, as a string. */
static const char *pattern(const struct sh_ev *ev, unsigned int i,
			   unsigned int n)
{
	static char s[256];

	for (unsigned int k = 0; k < n; k++) {
		struct sh_take t;
		uint32_t all;

		sh_rules_eval(ev, &t);
		all = t.rules_before | t.rules_mark | t.rules_after;
		sh_rules_hit(all, ev);
		s[k] = all & 1u << i ? '1' : '0';
	}
	s[n] = '\0';
	return s;
}

static void check_pattern(const char *rule, const char *want)
{
	struct sh_ev ev = write_ev(0, 4096);

	world_begin("smbd", rule, 0);
	nwb_check_streq(pattern(&ev, 0, (unsigned int)strlen(want)), want);
	world_end();
}

NWB_TEST(rule, nth)
{
	check_pattern("on server.write nth=3 do drop", "0010000");
	check_pattern("on server.write nth=2..4 do drop", "0111000");
	check_pattern("on server.write nth=2..6+2 do drop", "01010100");
	check_pattern("on server.write nth=2+3 do drop", "01001001");
	check_pattern("on server.write do drop", "111");
}

NWB_TEST(rule, max_and_phase_and_heal)
{
	struct sh_ev ev = write_ev(0, 4096);

	check_pattern("on server.write nth=2+1 do drop max=2", "01100");
	world_begin("smbd",
		    "a: on server.write do drop while load\n"
		    "phase warm for 1s\nphase load for 1s\n",
		    0);
	nwb_check_streq(pattern(&ev, 0, 2), "00");
	nwb_fc_set_phase(sh.page, 2);
	nwb_check_streq(pattern(&ev, 0, 2), "11");
	nwb_fc_set_phase(sh.page, 1);
	nwb_check_streq(pattern(&ev, 0, 2), "00");
	nwb_check(sh_wants(NWB_FC_EV_REQUEST));
	nwb_check(!sh_wants(NWB_FC_EV_PWRITE));
	nwb_fc_heal(sh.page);
	nwb_check(!sh_wants(NWB_FC_EV_REQUEST));
	nwb_check_eq(hits("a"), 2);
	world_end();
}

NWB_TEST(rule, filters)
{
	struct sh_ev ev = write_ev(0, 4096);

	world_begin("smbd",
		    "a: on server.write off=8K..16K do hold 1ms\n"
		    "b: on server.write file=b* do hold 1ms\n"
		    "c: on server.write file=?.d*t len=>=4K do hold 1ms\n"
		    "d: on server.write credits < 4 inflight >= 2 do hold "
		    "1ms\n"
		    "e: on server.flush do hold 1ms\n",
		    0);
	nwb_check_streq(pattern(&ev, 0, 1), "0");
	ev.off = 8191;
	nwb_check_streq(pattern(&ev, 0, 1), "1");
	ev.off = 16384;
	nwb_check_streq(pattern(&ev, 0, 1), "0");
	ev.off = 4096; /* ends where the range begins */
	nwb_check_streq(pattern(&ev, 0, 1), "0");
	nwb_check_eq(hits("b"), 0);
	nwb_check_eq(hits("c"), 4);
	ev.len = 4095;
	nwb_check_streq(pattern(&ev, 2, 1), "0");
	nwb_check_eq(hits("d"), 0);
	ev.inflight = 2;
	nwb_check_streq(pattern(&ev, 3, 1), "1");
	ev.credits = 4;
	nwb_check_streq(pattern(&ev, 3, 1), "0");
	ev.credits = -1;
	nwb_check_streq(pattern(&ev, 3, 1), "1");
	ev.name = NULL;
	nwb_check_streq(pattern(&ev, 2, 1), "0");
	nwb_check_eq(matches("e"), 0);
	world_end();
}

NWB_TEST(rule, off_of_one_byte_and_without_end)
{
	struct sh_ev ev = write_ev(4096, 4096);

	world_begin("smbd",
		    "a: on server.write off=8K do hold 1ms\n"
		    "b: on server.write off=8K.. do hold 1ms\n",
		    0);
	nwb_check_streq(pattern(&ev, 0, 1), "0");
	ev.len = 4097;
	nwb_check_streq(pattern(&ev, 0, 1), "1");
	ev.off = 8192;
	nwb_check_streq(pattern(&ev, 0, 1), "1");
	ev.off = 8193;
	nwb_check_streq(pattern(&ev, 0, 1), "0");
	nwb_check_eq(hits("b"), 3);
	world_end();
}

NWB_TEST(rule, probe_connections_do_not_count)
{
	struct sh_ev ev = write_ev(0, 1);

	world_begin("smbd",
		    "a: on server.any nth=1 before do rst\n"
		    "b: on server.connect nth=1 before do fin\n",
		    0);
	ev.cmd = SMB_NEGOTIATE;
	ev.is_attached = false;
	nwb_check_streq(pattern(&ev, 0, 3), "000");
	ev.cmd = SMB_SESSION_SETUP;
	ev.is_first = false;
	nwb_check_streq(pattern(&ev, 1, 1), "0");
	ev.is_first = true;
	nwb_check_streq(pattern(&ev, 1, 2), "10");
	ev.cmd = SMB_WRITE;
	ev.is_attached = true;
	nwb_check_streq(pattern(&ev, 0, 2), "10");
	world_end();
}

NWB_TEST(rule, seq_spends_letters)
{
	static const uint16_t want[] = {NWB_FC_DO_RST,
					NWB_FC_DO_ERROR,
					0,
					NWB_FC_DO_RST | NWB_FC_DO_AFTER,
					NWB_FC_DO_HOLD | NWB_FC_DO_AFTER,
					NWB_FC_DO_HOLD | NWB_FC_DO_AFTER,
					NWB_FC_DO_HOLD | NWB_FC_DO_AFTER};
	struct sh_ev ev = write_ev(0, 1);
	struct sh_take t;

	world_begin("smbd", "a: on server.write do seq rx.uD", 0);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(want); i++) {
		sh_rules_eval(&ev, &t);
		nwb_check_eq(t.before | t.mark | t.after, want[i]);
	}
	world_end();
	world_begin("smbd", "a: on server.write do seq r", 0);
	sh_rules_eval(&ev, &t);
	nwb_check_eq(t.before, NWB_FC_DO_RST);
	sh_rules_eval(&ev, &t);
	nwb_check_eq(t.before | t.after, 0);
	world_end();
}

NWB_TEST(rule, p_depends_on_seed_and_name_only)
{
	static const char alone[] = "seed 7\nx: on server.write p=0.3 do drop";
	static const char among[] = "seed 7\ny: on server.write p=0.5 do drop\n"
				    "z: on server.write nth=2+3 do dup\n"
				    "x: on server.write p=0.3 do drop";
	struct sh_ev ev = write_ev(0, 1);
	char one[201], two[201];
	unsigned int n = 0;

	world_begin("smbd", alone, 0);
	strcpy(one, pattern(&ev, 0, 200));
	world_end();
	world_begin("smbd", among, 0);
	strcpy(two, pattern(&ev, 2, 200));
	world_end();
	nwb_check_streq(one, two);
	for (const char *s = one; *s; s++)
		n += *s == '1';
	nwb_check(n > 30 && n < 90);
	world_begin("smbd", "seed 8\nx: on server.write p=0.3 do drop", 0);
	nwb_check(strcmp(one, pattern(&ev, 0, 200)) != 0);
	world_end();
	check_pattern("on server.write p=1 do drop", "11111");
}

NWB_TEST(rule, arm_and_disarm)
{
	struct sh_ev ev = write_ev(0, 1);

	world_begin("smbd",
		    "trig: on server.write nth=2 do arm cut\n"
		    "stop: on server.write nth=4 do disarm cut\n"
		    "cut: on server.write do hold 1ms unarmed\n",
		    0);
	/* armed by the second event, it sees the third first */
	nwb_check_streq(pattern(&ev, 2, 6), "001100");
	/* the fourth was evaluated before it was disarmed */
	nwb_check_eq(matches("cut"), 2);
	world_end();
}

NWB_TEST(rule, a_cut_ends_the_event_and_is_recorded)
{
	struct sh_ev ev = write_ev(4096, 512);
	const struct nwb_lrec *r;
	struct sh_take t;

	world_begin("smbd",
		    "a: on server.write before do rst\n"
		    "b: on server.write do hold 1ms\n",
		    0);
	ev.mid = 42;
	ev.conn = 4711;
	sh_rules_eval(&ev, &t);
	nwb_check_eq(t.rules_before, 1);
	nwb_check_eq(t.rules_after, 0);
	sh_rules_hit(t.rules_before, &ev);
	nwb_check_eq(matches("b"), 0);
	r = find_record(NWB_L_FAULT, 0);
	nwb_check(r);
	nwb_check_eq(r->rule, 0);
	nwb_check_eq(r->aux, 1);
	nwb_check_eq(r->off, 4096);
	nwb_check_eq(r->len, 512);
	nwb_check_eq(r->mid, 42);
	nwb_check_eq(r->file, 1);
	nwb_check_eq(r->conn, 4711);
	world_end();
}

NWB_TEST(rule, glob)
{
	nwb_check(sh_glob("*.dat", "a.dat"));
	nwb_check(sh_glob("*", ""));
	nwb_check(sh_glob("a*b*c", "aXXbYbZc"));
	nwb_check(!sh_glob("a*b*c", "aXXbYbZ"));
	nwb_check(!sh_glob("?", ""));
	nwb_check(!sh_glob("a.dat", "b.dat"));
}
