/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan language: what parses, what is refused and where exactly, and that
 * parse -> print -> parse changes nothing.
 */
#include "nwb/faultctl.h"
#include "nwb/netfs.h"
#include "nwb/plan.h"
#include "nwb/server.h"
#include "nwb/smb2.h"
#include "nwb_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const good[] = {
	/* the three examples that the language was made for */
	"starve: on server.grant nth=6..9 do grant 0\n"
	"expect drain < 5s\n",
	"plan   lost-ack-then-reset\n"
	"server smbd credits=64 dialect=3.1.1\n"
	"client temp-page wsize=64K\n"
	"lost:  on server.write file=*.dat nth=4 after  do drop, rst   # x\n"
	"never: on server.write file=*.dat nth=7 before do rst\n"
	"hard:  on server.write file=*.dat off=1M..1.5M do seq ru.\n"
	"heal\n"
	"expect hits lost = 1\n"
	"expect never stale-retry\n"
	"expect fsync 0 on every-fd\n"
	"expect amplification < 1.5\n",
	"plan   slow-ack-9p\n"
	"seed   4711\n"
	"server ganesha msize=64K\n"
	"client in-place\n"
	"slow:  on server.reply op=Rwrite p=0.10 do delay 40ms\n"
	"armed: on client.flush nth=3 do arm cut\n"
	"cut:   on wire.reply inflight >= 4 after do fin unarmed max=1\n"
	"tick:  on server.write after do rst every=2s\n"
	"phase  load for 10s\n"
	"heal\n"
	"expect hits slow >= 20\n"
	"expect drain < 2s\n"
	"expect verdict pass\n",
	/* the rest of the vocabulary */
	"# only a comment\n\n   \t\n",
	"on backend.pwrite file=a#b.dat len=>=64K off=4K eof-extends do error "
	"ENOSPC, delay 1.5ms max=3 while load\nphase load until "
	"server.write=100\nneeds signing\nneeds volatile\n",
	"a: on server.any op=ECHO credits < 3 before do kill\n"
	"b: on server.reply status=STATUS_PENDING do dup, disarm a, arm a\n"
	"c: on backend.fsync nth=2+3 after do error EIO\n"
	"d: on server.write len=512 nth=3..9+2 do short 1000\n"
	"e: on server.write off=1M.. do hold 20us\n"
	"f: on server.close before do restart\n"
	"g: on client.write do corrupt 3\n"
	"h: on backend.fsync do seq .xdX\n",
	"client in-place durable=v2 hard wsize=12345\n"
	"gone: on server.write nth=3 after do kill-child max=1\n",
	"client temp-page durable=off soft retrans=3 wsize=65537\n",
	"server smbd credits=64 multichannel\n"
	"client in-place channels=4\n",
	"client in-place flavour=linux-7.2 hazard=h3,-h9 retry=smaller-bits "
	"fscache-short=4608\n",
	"client temp-page second-user mirror=diod mirror-room=8M dirty=16M "
	"dirty-bg=1M strictlimit=128K\n",
	"client in-place mirror=diod\n"
	"a: on mirror.backend.pwrite nth=3+1 do error ENOSPC max=2 unarmed\n"
	"b: on mirror.server.write nth=2 before do rst, arm a, disarm a\n"
	"c: on server.write nth=9 after do hold 5ms\n",
	"cut: on server.write nth=300+1 before do rst, intrude\n",
	"client in-place crypto=512 compound=4\n",
	"client temp-page crypto compound=2\n",
	"server smbd guest sign=mandatory volatile=off\n"
	"client in-place settle=50ms patience=1.5s credits=8 attempts=3 "
	"depth=8\n",
	"server smbd encrypt signing=mandatory min-dialect=2.1 "
	"max-dialect=3.1.1 sign-alg=gmac cipher=gcm\n"
	"client in-place dialect=3.0.2 sign=cmac encrypt\n",
	"server smbd\nclient kernel soft wsize=64K\n"
	"go: on client.mark op=dirty nth=2 do arm cut, disarm cut\n"
	"cut: on server.write nth=3 after do drop, power-off max=1 unarmed\n"
	"stall: on client.mark op=dirty do freeze 1.5s, restart max=1\n"
	"hole: on client.mark do blackhole 4s\n"
	"off: on client.mark op=x do power-off\n",
	"server smbd encrypt=share signing=disabled dialect=2.0.2\n"
	"client temp-page dialect=any sign encrypt=off\n",
};

static struct nwb_plan *parse(const char *text, struct nwb_err *err)
{
	struct nwb_plan *plan = NULL;
	int rc;

	nwb_check_eq(nwb_plan_new(&plan), 0);
	rc = nwb_plan_add_text(plan, "x.plan", text, strlen(text), err);
	if (!rc)
		rc = nwb_plan_finish(plan, err);
	if (!rc)
		return plan;
	nwb_check_eq(rc, err->code);
	nwb_plan_free(plan);
	return NULL;
}

/* same_text() - out of line: the compiler need not know the buffers' sizes. */
static __attribute__((noinline)) void same_text(const char *a, const char *b)
{
	if (strcmp(a, b))
		fprintf(stderr, "--- one\n%s--- two\n%s", a, b);
	nwb_check(!strcmp(a, b));
}

static void check_error(const char *text, const char *want)
{
	struct nwb_err err = {0};
	struct nwb_plan *plan = parse(text, &err);

	if (plan)
		fprintf(stderr, "accepted: %s\n", text);
	nwb_check(!plan);
	nwb_check_streq(err.text, want);
}

/* A bare word means what its option says, and the numbers are those that its
 * readers take them for. */
NWB_TEST(plan, words_of_security)
{
	struct nwb_plan *plan =
		parse("server smbd encrypt signing=disabled max-dialect=3.0.2\n"
		      "client in-place sign encrypt dialect=any\n",
		      NULL);

	nwb_check(plan);
	nwb_check_streq(nwb_plan_server_opt(plan, "encrypt"), "required");
	nwb_check_eq(nwb_plan_server_opt_nr(plan, "encrypt", 9),
		     NWB_SERVER_ENCRYPT_REQUIRED);
	nwb_check_eq(nwb_plan_server_opt_nr(plan, "signing", 9),
		     NWB_SERVER_SIGNING_DISABLED);
	nwb_check_eq(nwb_plan_server_opt_nr(plan, "max-dialect", 9), 0x302);
	nwb_check_streq(nwb_plan_client_opt(plan, "sign"), "on");
	nwb_check_eq(nwb_plan_client_opt_nr(plan, "sign", 9), NWB_SIGNING_BEST);
	nwb_check_streq(nwb_plan_client_opt(plan, "encrypt"), "on");
	nwb_check_eq(nwb_plan_client_opt_nr(plan, "encrypt", 9),
		     NWB_ENCRYPT_ON);
	nwb_check_eq(nwb_plan_client_opt_nr(plan, "dialect", 9),
		     NWB_SMB2_DIALECT_ANY);
	nwb_plan_free(plan);
	plan = parse("client in-place sign=gmac encrypt=off\n", NULL);
	nwb_check_eq(nwb_plan_client_opt_nr(plan, "sign", 9), NWB_SIGNING_GMAC);
	nwb_check_eq(nwb_plan_client_opt_nr(plan, "encrypt", 9),
		     NWB_ENCRYPT_OFF);
	nwb_plan_free(plan);
	plan = parse("client in-place sign=off\n", NULL);
	nwb_check_eq(nwb_plan_client_opt_nr(plan, "sign", 9),
		     NWB_PLAN_SIGN_OFF);
	nwb_plan_free(plan);
}

/* As whom the client does; the numbers are those of nwb/hazard.h and
 * nwb/netfs.h. */
NWB_TEST(plan, words_of_flavour)
{
	struct nwb_plan *plan = parse("client in-place flavour=linux-7.2 "
				      "hazard=h17,-h9,h3 retry=smaller-bits\n",
				      NULL);

	nwb_check(plan);
	nwb_check_eq(nwb_plan_client_opt_nr(plan, "flavour", 9), NWB_LINUX_7_2);
	nwb_check_eq(nwb_plan_client_opt_nr(plan, "retry", 9),
		     NWB_RETRY_SMALLER_BITS);
	nwb_check_eq(nwb_plan_client_opt_nr(plan, "hazard", 0),
		     NWB_HAZARD_BIT(NWB_H17) | NWB_HAZARD_BIT(NWB_H3) |
			     (uint64_t)NWB_HAZARD_BIT(NWB_H9) << 32);
	nwb_plan_free(plan);
	plan = parse("client in-place flavour=linux-6.12 retry=resplit-each\n",
		     NULL);
	nwb_check_eq(nwb_plan_client_opt_nr(plan, "flavour", 9),
		     NWB_LINUX_6_12);
	nwb_check_eq(nwb_plan_client_opt_nr(plan, "retry", 9),
		     NWB_RETRY_RESPLIT_EACH);
	nwb_check_eq(nwb_plan_client_opt_nr(plan, "hazard", 0), 0);
	nwb_plan_free(plan);
	check_error("client in-place flavour=linux-6.13",
		    "x.plan:1:25: unknown value \"linux-6.13\"; did you mean "
		    "\"linux-6.12\"?");
	check_error("client in-place hazard=h3,h18",
		    "x.plan:1:27: hazards are h1 to h17, with a minus to "
		    "switch one off");
	check_error("client in-place hazard=h3,",
		    "x.plan:1:27: hazards are h1 to h17, with a minus to "
		    "switch one off");
	check_error("client in-place hazard",
		    "x.plan:1:23: \"=\" must follow \"hazard\"");
	check_error("client in-place hazard=h1,h2,h3,h4,h5,h6,h7,h8,h9",
		    "x.plan:1:24: a list of 23 characters at most");
}

NWB_TEST(plan, good_ones_parse_and_round_trip)
{
	for (size_t i = 0; i < NWB_ARRAY_SIZE(good); i++) {
		struct nwb_err err = {0};
		struct nwb_plan *a = parse(good[i], &err), *b;
		char one[4096], two[4096];

		if (!a)
			fprintf(stderr, "%s\n", err.text);
		nwb_check(a);
		nwb_check(nwb_plan_print(a, one, sizeof(one)) <
			  (int)sizeof(one));
		b = parse(one, &err);
		if (!b)
			fprintf(stderr, "%s\n%s", err.text, one);
		nwb_check(b);
		nwb_plan_print(b, two, sizeof(two));
		same_text(one, two);
		nwb_plan_free(a);
		nwb_plan_free(b);
	}
}

NWB_TEST(plan, canonical_text)
{
	struct nwb_err err = {0};
	struct nwb_plan *p =
		parse("seed 7\nserver  smbd   credits=16\n"
		      "on server.write nth=3..3 off=1024..1.5M p=0.50 "
		      "len==4096 after do drop ,rst max=2\n"
		      "expect amplification<=1.250\n",
		      &err);
	char buf[512];

	nwb_check(p);
	nwb_plan_print(p, buf, sizeof(buf));
	nwb_check_streq(buf, "seed 7\nserver smbd credits=16\n"
			     "rule1: on server.write off=1K..1536K len=4K "
			     "nth=3 p=0.5 after do drop, rst max=2\n"
			     "expect amplification <= 1.25\n");
	/* cut off, but never written beyond */
	memset(buf, 'x', sizeof(buf));
	nwb_check(nwb_plan_print(p, buf, 10) > 10);
	nwb_check_streq(buf, "seed 7\nse");
	nwb_check_eq(buf[10], 'x');
	nwb_plan_free(p);
}

NWB_TEST(plan, errors_have_place_and_suggestion)
{
	check_error("on server.wirte do rst",
		    "x.plan:1:11: unknown op \"wirte\"; did you mean "
		    "\"write\"?");
	check_error("\n  lost: on sever.write after do rst",
		    "x.plan:2:12: unknown side \"sever\"; did you mean "
		    "\"server\"?");
	check_error("on server.write ntj=4 after do rst",
		    "x.plan:1:17: unknown match \"ntj\"; did you mean "
		    "\"nth\"?");
	check_error("on server.write nth=4 after do rts",
		    "x.plan:1:32: unknown action \"rts\"; did you mean "
		    "\"rst\"?");
	check_error("on server.write after do drop, rset",
		    "x.plan:1:32: unknown action \"rset\"; did you mean "
		    "\"rst\"?");
	check_error("on server.write after do rst mx=1",
		    "x.plan:1:30: unknown guard \"mx\"; did you mean "
		    "\"max\"?");
	check_error("sede 3",
		    "x.plan:1:1: unknown statement \"sede\"; did you mean "
		    "\"seed\"?");
	check_error("server smdb",
		    "x.plan:1:8: unknown server \"smdb\"; did you mean "
		    "\"smbd\"?");
}

NWB_TEST(plan, errors_of_words_have_place_and_suggestion)
{
	check_error("client inplace",
		    "x.plan:1:8: unknown mode \"inplace\"; did you mean "
		    "\"in-place\"?");
	check_error("server smbd credit=4",
		    "x.plan:1:13: unknown option \"credit\"; did you mean "
		    "\"credits\"?");
	check_error("client in-place wsze=4K",
		    "x.plan:1:17: unknown option \"wsze\"; did you mean "
		    "\"wsize\"?");
	check_error("client in-place dialect=3.0.1",
		    "x.plan:1:25: unknown value \"3.0.1\"; did you mean "
		    "\"3.0.2\"?");
	check_error("client in-place sign=gmca",
		    "x.plan:1:22: unknown value \"gmca\"; did you mean "
		    "\"gmac\"?");
	check_error("client in-place encrpyt",
		    "x.plan:1:17: unknown option \"encrpyt\"; did you mean "
		    "\"encrypt\"?");
	check_error("server smbd encrypt=requierd",
		    "x.plan:1:21: unknown value \"requierd\"; did you mean "
		    "\"required\"?");
	check_error("server diod encrypt",
		    "x.plan:1:13: diod has no option \"encrypt\"");
	check_error("client in-place dialect",
		    "x.plan:1:24: \"=\" must follow \"dialect\"");
	check_error("server smbd sign=mandatry",
		    "x.plan:1:18: unknown value \"mandatry\"; did you mean "
		    "\"mandatory\"?");
	check_error("server diod credits=4",
		    "x.plan:1:13: diod has no option \"credits\"");
	check_error("server diod msize=64K\n",
		    "x.plan:1:13: diod has no option \"msize\"");
	check_error("on server.reply op=Rwrit do drop",
		    "x.plan:1:20: unknown message \"Rwrit\"; did you mean "
		    "\"Rwrite\"?");
	check_error("on server.reply status=STATUS_PENDIN do drop",
		    "x.plan:1:24: unknown status \"STATUS_PENDIN\"; did you "
		    "mean \"STATUS_PENDING\"?");
	check_error("on backend.pwrite do error ENOSPACE",
		    "x.plan:1:28: unknown errno \"ENOSPACE\"; did you mean "
		    "\"ENOSPC\"?");
	check_error("needs sining",
		    "x.plan:1:7: unknown feature \"sining\"; did you mean "
		    "\"signing\"?");
	check_error("expect hit a = 1",
		    "x.plan:1:8: unknown expectation \"hit\"; did you mean "
		    "\"hits\"?");
	check_error("expect verdict pas",
		    "x.plan:1:16: unknown verdict \"pas\"; did you mean "
		    "\"pass\"?");
	check_error("expect never stale-rety",
		    "x.plan:1:14: unknown invariant \"stale-rety\"; did you "
		    "mean \"stale-retry\"?");
	check_error("expect fsync EIO on each-fd",
		    "x.plan:1:21: unknown class of fds \"each-fd\"; did you "
		    "mean \"any-fd\"?");
	check_error("frobnicate", "x.plan:1:1: unknown statement "
				  "\"frobnicate\"");
}

NWB_TEST(plan, errors_of_syntax)
{
	check_error("on", "x.plan:1:3: the event (side.op) is missing");
	check_error("on server do rst", "x.plan:1:10: \".\" and an op must "
					"follow the side");
	check_error("on server.write", "x.plan:1:16: \"do\" is missing");
	check_error("on server.write do", "x.plan:1:19: an action is missing");
	check_error("on server.write do hold",
		    "x.plan:1:24: \"hold\" needs an argument");
	check_error("on server.write do drop drop",
		    "x.plan:1:25: unknown guard \"drop\"");
	check_error("on server.write do drop, drop",
		    "x.plan:1:26: \"drop\" stands twice");
	check_error("on server.write nth=1 nth=2 do drop",
		    "x.plan:1:23: \"nth\" stands twice");
	check_error("on server.write after nth=1 do drop",
		    "x.plan:1:23: \"do\" must follow \"before\" or \"after\"");
	check_error("on server.write do drop unarmed unarmed",
		    "x.plan:1:33: \"unarmed\" stands twice");
	check_error("a: b", "x.plan:1:4: \"on\" must follow the rule's name");
	check_error("a.b: on server.write do drop",
		    "x.plan:1:1: \"a.b\" is no name: a letter, then letters, "
		    "digits, - and _");
	check_error("heal now", "x.plan:1:6: unexpected \"now\"");
	check_error("= 3", "x.plan:1:1: unexpected \"=\"");
	check_error("expect drain 5s",
		    "x.plan:1:14: a comparison (< <= > >= =) is missing");
	check_error("on server.write do seq rXu",
		    "x.plan:1:25: an upper-case letter repeats for ever and "
		    "must be the last");
	check_error("on server.write do seq rq",
		    "x.plan:1:25: unknown letter \"q\" in seq; . x d u r are "
		    "known");
	check_error("a: on server.write do drop\na: on server.write do drop",
		    "x.plan:2:1: second rule \"a\"; the first is at "
		    "x.plan:1:1");
	check_error("seed 1\nseed 2",
		    "x.plan:2:1: second \"seed\" line; the first is at "
		    "x.plan:1:1");
	check_error("plan abcdefghijklmnopqrstuvwxyzabcdef",
		    "x.plan:1:6: the name is longer than 31 characters");
}

NWB_TEST(plan, errors_of_numbers)
{
	check_error("on server.write do hold 5",
		    "x.plan:1:25: \"5\" needs a unit: us, ms or s");
	check_error("on server.write do hold 5min",
		    "x.plan:1:25: \"5min\" has an unknown unit; us, ms and s "
		    "are known");
	check_error("on server.write off=1X do drop",
		    "x.plan:1:21: \"1X\" has an unknown unit; K, M and G are "
		    "known");
	check_error("on server.write off=0.3K do drop",
		    "x.plan:1:21: \"0.3K\" is finer than the smallest unit");
	check_error("on server.write off=2M..1M do drop",
		    "x.plan:1:21: the range is empty");
	check_error("on server.write nth=0 do drop",
		    "x.plan:1:21: nth counts from 1");
	check_error("on server.write nth=5..4 do drop",
		    "x.plan:1:21: the range is empty");
	check_error("on server.write nth=5.. do drop",
		    "x.plan:1:24: \"\" is no number");
	check_error("on server.write p=1.1 do drop",
		    "x.plan:1:19: a probability is above 0 and at most 1");
	check_error("seed 99999999999999999999",
		    "x.plan:1:6: \"99999999999999999999\" is too large");
	check_error("server smbd credits=0", "x.plan:1:21: credits is 1..8K");
	check_error("client in-place wsize=1", "x.plan:1:23: wsize is 4K..8M");
	check_error("on server.grant do grant 65536",
		    "x.plan:1:26: a grant is at most 65535");
}

NWB_TEST(plan, cross_checks)
{
	check_error("a: on server.write do rst",
		    "x.plan:1:23: say \"before\" (not executed) or \"after\" "
		    "(executed, the ack is lost) in front of \"do\"");
	check_error("cut: on server.write do drop\n"
		    "a: on server.write do arm cutt",
		    "x.plan:2:23: there is no rule \"cutt\"; did you mean "
		    "\"cut\"?");
	check_error("on server.write do drop every=0.5ms",
		    "x.plan:1:31: every is at least 1ms");
	check_error("on server.write do drop every=1s every=1s",
		    "x.plan:1:34: \"every\" stands twice");
	check_error("a: on server.write do drop unarmed every=1s\n"
		    "on server.flush do drop, arm a",
		    "x.plan:1:1: rule \"a\" is armed by \"every\", not by "
		    "another rule");
	check_error("cut: on server.write do drop unarmed",
		    "x.plan:1:1: rule \"cut\" is unarmed and no rule arms it");
	check_error("cut: on server.write do drop while load",
		    "x.plan:1:1: there is no phase \"load\"");
	check_error("cut: on server.write do drop\nexpect hits kut = 1",
		    "x.plan:2:1: there is no rule \"kut\"; did you mean "
		    "\"cut\"?");
	check_error("a: on mirror.server.write do drop\n"
		    "b: on server.write do disarm a",
		    "x.plan:2:23: rule \"a\" is one of the other server");
	check_error("a: on mirror.client.write do drop",
		    "x.plan:1:14: a mirror has events of wire, server and "
		    "backend");
	check_error("a: on mirror.sever.write do drop",
		    "x.plan:1:14: unknown side \"sever\"; did you mean "
		    "\"server\"?");
	check_error("phase a until mirror.server.write=3",
		    "x.plan:1:15: a phase counts events of the first server");
	check_error("a: on server.write do seq ru, drop",
		    "x.plan:1:23: \"seq\" stands alone");
	check_error("heal\nphase a for 1s", "x.plan:2:1: a phase after "
					    "\"heal\"");
}

NWB_TEST(plan, marks_are_the_harness_business)
{
	struct nwb_fc_page *page;
	struct nwb_err err = {0};
	struct nwb_plan *p;
	int fd;

	check_error("on server.mark do kill",
		    "x.plan:1:1: a mark is an event of the client: "
		    "client.mark");
	check_error("on server.write before do freeze 1s",
		    "x.plan:1:27: only at a mark of a guest's job: on "
		    "client.mark");
	check_error("on client.write do power-off",
		    "x.plan:1:20: only at a mark of a guest's job: on "
		    "client.mark");
	check_error("on client.mark do drop",
		    "x.plan:1:19: not at a mark; freeze, blackhole, kill, "
		    "restart, power-off, arm and disarm are");
	check_error("on client.mark file=x do kill",
		    "x.plan:1:1: a mark has a name (op=) and a number "
		    "(nth=), and nothing else");
	check_error("on client.mark op=abcdefghijklmnopqrstuvwxyzabcdef do "
		    "kill",
		    "x.plan:1:19: the mark is longer than 31 characters");
	p = parse("client kernel\n"
		  "go: on client.mark op=dirty do arm cut\n"
		  "cut: on server.write nth=3 before do rst unarmed\n",
		  &err);
	nwb_check(p);
	nwb_check(nwb_plan_is_mark(&p->rule[0]));
	nwb_check(!nwb_plan_is_mark(&p->rule[1]));
	nwb_check_eq(nwb_fc_create(&fd, &page), 0);
	nwb_check_eq(nwb_plan_compile(p, page, "smbd", &err), 0);
	nwb_check_eq(page->nr_rules, 2);
	nwb_check_eq(page->ev_mask, 1u << NWB_FC_EV_REQUEST);
	nwb_check_eq(page->rule[0].event, NWB_FC_EVENTS);
	nwb_plan_free(p);
	/* a client of ours makes no marks: refused, not skipped */
	p = parse("go: on client.mark op=dirty do kill\n", &err);
	nwb_check(p);
	nwb_check_eq(nwb_plan_compile(p, page, "smbd", &err), -EOPNOTSUPP);
	nwb_plan_free(p);
	p = parse("on server.write after do power-off\n", &err);
	nwb_check(p);
	nwb_check_eq(nwb_plan_compile(p, page, "smbd", &err), -EOPNOTSUPP);
	nwb_plan_free(p);
	nwb_fc_unmap(page);
	close(fd);
}

NWB_TEST(plan, sources_name_themselves_and_replace_headers)
{
	const char *file = "seed 1\nserver diod\n", *e1 = "seed 2",
		   *e2 = "on server.wirte do drop";
	struct nwb_plan *p = NULL;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_plan_new(&p), 0);
	nwb_check_eq(nwb_plan_add_text(p, "x.plan", file, strlen(file), &err),
		     0);
	nwb_check_eq(nwb_plan_add_text(p, "-e #1", e1, strlen(e1), &err), 0);
	nwb_check_eq(p->seed, 2);
	nwb_check_eq(nwb_plan_add_text(p, "-e #2", e2, strlen(e2), &err),
		     -EINVAL);
	nwb_check_streq(err.text, "-e #2:1:11: unknown op \"wirte\"; did you "
				  "mean \"write\"?");
	nwb_plan_free(p);
}

NWB_TEST(plan, defaults_and_options)
{
	struct nwb_err err = {0};
	struct nwb_plan *p =
		parse("server smbd credits=16 volatile\n"
		      "client in-place wsize=65536 settle=1500us\n"
		      "a: on server.write do drop\n"
		      "on server.flush do drop\nexpect hits a = 3\n",
		      &err);

	nwb_check(p);
	nwb_check_streq(nwb_plan_server_opt(p, "credits"), "16");
	nwb_check_streq(nwb_plan_server_opt(p, "volatile"), "on");
	nwb_check(!nwb_plan_server_opt(p, "guest"));
	nwb_check_eq(nwb_plan_server_opt_nr(p, "guest", 9), 9);
	nwb_check_streq(nwb_plan_client_opt(p, "wsize"), "64K");
	nwb_check_eq(nwb_plan_client_opt_nr(p, "settle", 0), 1500000);
	nwb_check_eq(p->nr_expects, 2);
	nwb_check_eq(p->expect[0].nr, 3);
	nwb_check(!p->expect[0].is_default);
	nwb_check(p->expect[1].is_default);
	nwb_check_eq(p->expect[1].rule, 1);
	nwb_check_eq(p->expect[1].op, 'g');
	nwb_check_eq(p->expect[1].nr, 1);
	nwb_check_streq(p->expect[1].name, "rule2");
	nwb_plan_free(p);
}

static void check_refused(const char *server, const char *text,
			  const char *want)
{
	struct nwb_err err = {0};
	struct nwb_plan *p = parse(text, &err);
	struct nwb_fc_page *page = NULL;
	int fd = -1;

	nwb_check(p);
	nwb_check_eq(nwb_fc_create(&fd, &page), 0);
	nwb_check_eq(nwb_plan_compile(p, page, server, &err),
		     want ? -EOPNOTSUPP : 0);
	if (want)
		nwb_check_streq(err.text, want);
	nwb_fc_unmap(page);
	close(fd);
	nwb_plan_free(p);
}

NWB_TEST(plan, what_cannot_be_injected_is_refused)
{
#define NO(pos, name) pos ": rule \"" name "\": cannot be injected here: "
	check_refused("diod", "a: on client.flush nth=3 do drop",
		      NO("x.plan:1:1", "a") "events of the client are not "
					    "injected by this version; only "
					    "wire, server and backend are");
	check_refused("diod", "a: on server.grant do grant 0",
		      NO("x.plan:1:1", "a") "9P has no credits");
	check_refused("smbd", "a: on server.reply op=Rwrite do drop",
		      NO("x.plan:1:1", "a") "the message of op= is not of "
					    "this server's protocol");
	check_refused("smbd", "a: on server.write do corrupt 3",
		      NO("x.plan:1:23", "a") "corrupt is not part of this "
					     "version");
	check_refused("smbd", "a: on server.grant do drop",
		      NO("x.plan:1:23", "a") "the event cannot take this "
					     "action");
	check_refused("smbd", "a: on backend.fsync do seq ru",
		      NO("x.plan:1:24", "a") "the event cannot take one of "
					     "the letters of seq");
	check_refused("smbd", "a: on server.write before do drop",
		      NO("x.plan:1:1", "a") "drop, hold and dup touch the "
					    "answer, they come after");
	check_refused("smbd", "a: on backend.close do drop",
		      NO("x.plan:1:1", "a") "of the backend this version "
					    "knows pwrite and fsync");
	check_refused("smbd", "a: on server.pwrite do drop",
		      NO("x.plan:1:1", "a") "pwrite and fsync are events of "
					    "the backend");
	check_refused("smbd", "a: on server.reply status=EIO do drop",
		      NO("x.plan:1:1", "a") "SMB answers with NTSTATUS codes");
	check_refused("fake", "a: on server.write do drop",
		      "plan \"\": server \"fake\": faults are injected into "
		      "smbd, diod and ganesha only");
	check_refused("smbd", "phase a until client.write=3\n",
		      "x.plan:1:1: phase \"a\": events of the client are not "
		      "counted by this version");
	check_refused("smbd",
		      "a: on server.write after do rst\n"
		      "b: on server.write before do rst\n"
		      "c: on server.write do hold 1ms\n"
		      "d: on server.grant do grant 0\n",
		      NULL);
	check_refused("smbd", "a: on server.write before do rst, intrude",
		      NO("x.plan:1:35", "a") "only `netwb run` has a second "
					     "client, and that one goes to its "
					     "first server");
	check_refused("smbd", "a: on mirror.server.write after do rst",
		      NO("x.plan:1:1", "a") "there is no mirror; `netwb run` "
					    "has one with --mirror, or "
					    "\"client ... mirror=SERVER\"");
#undef NO
}

static struct nwb_fc_page *compile_of(const struct nwb_plan *p,
				      const char *server,
				      enum nwb_plan_target target)
{
	struct nwb_err err = {0};
	struct nwb_fc_page *page = NULL;
	int fd = -1;

	nwb_check_eq(nwb_fc_create(&fd, &page), 0);
	close(fd);
	nwb_check_eq(nwb_plan_compile_of(p, page, server, target, &err), 0);
	return page;
}

/* Each server has a page; a rule is in one of them, its number in both. */
NWB_TEST(plan, a_mirror_has_rules_of_its_own)
{
	struct nwb_err err = {0};
	struct nwb_plan *p = parse("a: on server.grant do grant 0\n"
				   "b: on mirror.server.write do delay 1ms\n"
				   "c: on mirror.backend.fsync do error EIO, "
				   "arm b\n",
				   &err);
	struct nwb_fc_page *first, *mirror;

	nwb_check(p);
	nwb_check(nwb_plan_has_mirror_rules(p));
	nwb_check(!p->rule[0].is_mirror && p->rule[1].is_mirror);
	/* diod has no credits, and need not have: "a" is none of its */
	first = compile_of(p, "smbd", NWB_PLAN_FIRST);
	mirror = compile_of(p, "diod", NWB_PLAN_MIRROR);
	nwb_check_eq(first->nr_rules, 3);
	nwb_check_eq(mirror->nr_rules, 3);
	nwb_check_eq(first->ev_mask, 1u << NWB_FC_EV_GRANT);
	nwb_check_eq(mirror->ev_mask,
		     1u << NWB_FC_EV_REQUEST | 1u << NWB_FC_EV_FSYNC);
	nwb_check_eq(first->rule[0].event, NWB_FC_EV_GRANT);
	nwb_check_eq(first->rule[1].event, NWB_FC_EVENTS);
	nwb_check_eq(first->rule[2].actions, 0);
	nwb_check_eq(mirror->rule[0].event, NWB_FC_EVENTS);
	nwb_check_eq(mirror->rule[2].arm_mask, 1u << 1);
	nwb_check_streq(mirror->rule[0].name, "a");
	nwb_fc_unmap(first);
	nwb_fc_unmap(mirror);
	nwb_plan_free(p);
}

/* Whatever bytes come, the parser answers, and what it takes it can print. */
NWB_TEST(plan, random_bytes_never_crash)
{
	static const char *const pieces[] = {"on ",	"server.write ",
					     "nth=",	"do ",
					     "rst",	",",
					     "3..9+2",	"before ",
					     "after ",	"\n",
					     "a: ",	"expect ",
					     "hits ",	"= ",
					     "1",	"off=",
					     "1M..",	"seq ",
					     "ru.",	"max=",
					     "while ",	"phase ",
					     "for ",	"5ms",
					     "#",	"\"",
					     "p=",	"0.1",
					     "drop ",	"hold ",
					     "client ", "in-place ",
					     "wsize=",	"64K ",
					     "heal",	":",
					     "<",	"file=",
					     "*",	"len=",
					     ">=",	"unarmed ",
					     "every=",	"arm a"};
	unsigned int seed = 1, taken = 0;

	for (unsigned int i = 0; i < 20000; i++) {
		char text[256], out[4096], again[4096];
		struct nwb_err err = {0};
		struct nwb_plan *p = NULL;
		size_t len = 0, want = (size_t)rand_r(&seed) % 200;

		while (len < want) {
			const char *s = pieces[(size_t)rand_r(&seed) %
					       NWB_ARRAY_SIZE(pieces)];

			if (rand_r(&seed) % 8 == 0) {
				text[len++] = (char)rand_r(&seed);
				continue;
			}
			memcpy(text + len, s, strlen(s));
			len += strlen(s);
		}
		nwb_check_eq(nwb_plan_new(&p), 0);
		if (nwb_plan_add_text(p, "r", text, len, &err) ||
		    nwb_plan_finish(p, &err)) {
			nwb_check(err.text[0]);
			nwb_plan_free(p);
			continue;
		}
		taken++;
		nwb_plan_print(p, out, sizeof(out));
		nwb_plan_free(p);
		nwb_check_eq(nwb_plan_new(&p), 0);
		nwb_check_eq(nwb_plan_add_text(p, "r", out, strlen(out), &err),
			     0);
		nwb_check_eq(nwb_plan_finish(p, &err), 0);
		nwb_plan_print(p, again, sizeof(again));
		same_text(out, again);
		nwb_plan_free(p);
	}
	nwb_check(taken > 0);
}
