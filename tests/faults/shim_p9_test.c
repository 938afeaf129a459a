/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shim in the real diod and nfs-ganesha, driven by bytes: what it records,
 * what its rules do, what is on storage afterwards.
 */
#include "nwb/faultctl.h"
#include "nwb/ledger.h"
#include "nwb/server.h"
#include "nwb_test.h"
#include "p9_raw.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* The server's agent is this program, started again. */
__attribute__((constructor)) static void agent_hook(int argc, char **argv)
{
	nwb_server_maybe_agent(argc, argv);
}

struct rig {
	struct nwb_server *srv;
	struct nwb_server_info info;
	struct nwb_plan *plan;
	struct nwb_fc_page *page;
	struct nwb_ledger ledger;
	struct nwb_stamp_key key;
	int ctl_fd, ledger_fd;
	struct p9_raw p9;
	uint32_t port;
};

static const uint8_t key[16] = "key of the tests";

static void rig_connect(struct rig *r, bool create)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);
	struct nwb_err err = {0};
	int fd = -1;

	if (nwb_server_dial(r->srv, &fd, &err))
		nwb_check_streq(err.text, "");
	nwb_check_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	r->port = ntohs(sa.sin_port);
	r->p9.uid = r->info.uid;
	nwb_check_eq(p9_raw_attach(&r->p9, fd, r->info.share), 0);
	nwb_check_eq(create ? p9_raw_create(&r->p9, "a.dat")
			    : p9_raw_open(&r->p9, "a.dat"),
		     0);
}

static void rig_begin(struct rig *r, const char *server, const char *text,
		      bool is_volatile)
{
	struct nwb_err err = {0};
	struct nwb_server_opts opts = {
		.name = server,
		.shim_path = getenv("NWB_SHIM"),
		.volatile_storage = is_volatile,
		.ignore_sigpipe = true,
	};
	enum nwb_isolation step;
	char version[64], why[96];

	memset(r, 0, sizeof(*r));
	if (nwb_server_probe(server, version, sizeof(version), &err))
		nwb_test_skip(err.text);
	nwb_check_eq(nwb_isolation_try(NWB_ISOLATION_AUTO, &step, why,
				       sizeof(why), &err),
		     0);
	if (nwb_server_check_step(server, step, &err))
		nwb_test_skip(err.text);
	nwb_check(opts.shim_path);
	nwb_check_eq(nwb_plan_new(&r->plan), 0);
	nwb_check_eq(nwb_plan_add_text(r->plan, "t", text, strlen(text), &err),
		     0);
	nwb_check_eq(nwb_plan_finish(r->plan, &err), 0);
	nwb_check_eq(nwb_fc_create(&r->ctl_fd, &r->page), 0);
	nwb_check_eq(nwb_plan_compile(r->plan, r->page, server, &err), 0);
	r->ledger_fd = memfd_create("ledger", MFD_CLOEXEC);
	nwb_check_eq(nwb_ledger_create(r->ledger_fd, 8192, key, 1, &r->ledger),
		     0);
	nwb_check_eq(nwb_ledger_add_file(&r->ledger, "a.dat"), 1);
	nwb_stamp_key_init(&r->key, key);
	opts.ctl_fd = r->ctl_fd;
	opts.ledger_fd = r->ledger_fd;
	if (nwb_server_start(&opts, &r->srv, &err))
		nwb_check_streq(err.text, "");
	nwb_server_info(r->srv, &r->info);
	nwb_check(!nwb_fc_refusal(r->page));
	rig_connect(r, true);
}

static void rig_end(struct rig *r)
{
	close(r->p9.fd);
	nwb_server_free(r->srv);
	nwb_plan_free(r->plan);
	nwb_fc_unmap(r->page);
	nwb_ledger_unmap(&r->ledger);
	close(r->ctl_fd);
	close(r->ledger_fd);
}

/* has() - the @nth record of a kind (and message), or NULL. */
static const struct nwb_lrec *has(struct rig *r, unsigned int kind,
				  unsigned int cmd, unsigned int nth)
{
	uint64_t n = atomic_load(&r->ledger.hdr->next);

	for (uint64_t i = 0; i < n; i++) {
		const struct nwb_lrec *l = &r->ledger.hdr->slot[i];

		if (l->kind == kind && (!cmd || l->cmd == cmd) && !nth--)
			return l;
	}
	return NULL;
}

/* rec() - the same, and it must be there. */
static const struct nwb_lrec *rec(struct rig *r, unsigned int kind,
				  unsigned int cmd, unsigned int nth)
{
	static const struct nwb_lrec none;
	const struct nwb_lrec *l = has(r, kind, cmd, nth);

	nwb_check(l != NULL);
	return l ? l : &none;
}

/* is_cut() - did a fault end the present connection? (The ready-probe's ended
 * too, by itself.) */
static bool is_cut(struct rig *r)
{
	const struct nwb_lrec *l;

	for (unsigned int i = 0; (l = has(r, NWB_L_CONN_DOWN, 0, i)); i++)
		if (l->conn == r->port && l->aux == 1)
			return true;
	return false;
}

/* content() - bytes of a.dat below the server; -1: there is no file. */
static ssize_t content(struct rig *r, char *buf, size_t size)
{
	ssize_t n;
	int fd;

	if (nwb_server_open(r->srv, "a.dat", O_RDONLY, &fd, NULL))
		return -1;
	n = read(fd, buf, size);
	close(fd);
	return n;
}

static void ledger_sees_what_happened(const char *server)
{
	static struct rig r;
	const struct nwb_lrec *req, *eff, *run, *reply;
	uint8_t data[64];

	rig_begin(&r, server, "", false);
	nwb_stamp_fill(&r.key, 1, 7, 4096, data, sizeof(data));
	nwb_check_eq(p9_raw_write(&r.p9, 4096, data, sizeof(data)), 64);
	nwb_check_eq(p9_raw_fsync(&r.p9), 0);
	req = rec(&r, NWB_L_PDU_REQ, 118, 0);
	eff = rec(&r, NWB_L_EFFECT_WRITE, 0, 0);
	run = rec(&r, NWB_L_EFFECT_RUN, 0, 0);
	reply = rec(&r, NWB_L_PDU_REPLY, 119, 0);
	nwb_check_eq(req->off, 4096);
	nwb_check_eq(req->len, 64);
	nwb_check_eq(req->file, 1);
	nwb_check_eq(req->conn, r.port);
	nwb_check_eq(eff->off, 4096);
	nwb_check_eq(eff->result, 64);
	nwb_check_eq(eff->conn, r.port);
	nwb_check_eq(eff->mid, 1);
	nwb_check_eq(eff->file, 1);
	nwb_check_eq(run->version, 7);
	nwb_check_eq(run->len2, 4096);
	nwb_check_eq(reply->result, 64);
	/* request, effect, reply: in that order, none before the other ended */
	nwb_check(req->end < eff->begin && eff->end < reply->begin);
	nwb_check(has(&r, NWB_L_EFFECT_FSYNC, 0, 0));
	nwb_check_eq(rec(&r, NWB_L_PDU_REPLY, 101, 0)->len > 4096, 1);
	rig_end(&r);
}

static void reset_before_is_not_executed(const char *server)
{
	static struct rig r;
	char got[64] = "";

	rig_begin(&r, server, "cut: on server.write nth=2 before do rst",
		  false);
	nwb_check_eq(p9_raw_write(&r.p9, 0, "one", 3), 3);
	nwb_check_eq(p9_raw_write(&r.p9, 3, "two", 3), -ECONNRESET);
	nwb_check_eq(nwb_fc_hits(r.page, 0), 1);
	nwb_check_eq(content(&r, got, sizeof(got)), 3);
	nwb_check(is_cut(&r));
	/* the ready-probe shifted nothing; a new connection works */
	close(r.p9.fd);
	rig_connect(&r, false);
	nwb_check_eq(p9_raw_write(&r.p9, 3, "two", 3), 3);
	nwb_check_eq(content(&r, got, sizeof(got)), 6);
	rig_end(&r);
}

static void reset_after_is_executed(const char *server)
{
	static struct rig r;
	char got[64] = "";

	rig_begin(&r, server, "cut: on server.write nth=2 after do drop, rst",
		  false);
	nwb_check_eq(p9_raw_write(&r.p9, 0, "one", 3), 3);
	nwb_check_eq(p9_raw_write(&r.p9, 3, "two", 3), -ECONNRESET);
	nwb_check_eq(nwb_fc_hits(r.page, 0), 1);
	nwb_check_eq(content(&r, got, sizeof(got)), 6);
	nwb_check(has(&r, NWB_L_EFFECT_WRITE, 0, 1));
	nwb_check(!has(&r, NWB_L_PDU_REPLY, 119, 1));
	rig_end(&r);
}

static void fin_is_an_end_of_file(const char *server)
{
	static struct rig r;

	rig_begin(&r, server, "cut: on server.write after do fin", false);
	nwb_check_eq(p9_raw_write(&r.p9, 0, "one", 3), -EPIPE);
	nwb_check_eq(nwb_fc_hits(r.page, 0), 1);
	rig_end(&r);
}

/* wait_for() - until a counter of the shim says @nr; seconds at most. */
static bool wait_for(_Atomic uint64_t *counter, uint64_t nr)
{
	for (int i = 0; i < 5000 && atomic_load(counter) < nr; i++)
		usleep(1000);
	return atomic_load(counter) == nr;
}

static void held_acks_are_overtaken_and_block_nobody(const char *server)
{
	static struct rig r;

	rig_begin(&r, server, "slow: on server.write nth=1..2 do hold 60s",
		  false);
	for (uint16_t tag = 1; tag <= 4; tag++)
		nwb_check_eq(
			p9_raw_send_write(&r.p9, tag, tag * 8u, "12345678", 8),
			0);
	nwb_check_eq(p9_raw_recv(&r.p9), 0);
	nwb_check(p9_raw_tag(&r.p9) >= 3);
	nwb_check_eq(p9_raw_recv(&r.p9), 0);
	nwb_check(p9_raw_tag(&r.p9) >= 3);
	nwb_check(wait_for(&r.page->nr_held, 2));
	nwb_check_eq(nwb_fc_hits(r.page, 0), 2);
	nwb_check(!has(&r, NWB_L_PDU_REPLY, 119, 2));
	nwb_fc_heal(r.page);
	nwb_check_eq(p9_raw_recv(&r.p9), 0);
	nwb_check(p9_raw_tag(&r.p9) <= 2);
	nwb_check_eq(p9_raw_recv(&r.p9), 0);
	nwb_check(p9_raw_tag(&r.p9) <= 2);
	rig_end(&r);
}

static void storage_faults(const char *server)
{
	static struct rig r;

	rig_begin(&r, server,
		  "full: on server.write nth=1 do error ENOSPC\n"
		  "short: on backend.pwrite nth=2 do short 5\n"
		  "quota: on backend.fsync nth=1 do error EDQUOT\n"
		  "dup: on server.write nth=3 do dup\n",
		  false);
	nwb_check_eq(p9_raw_write(&r.p9, 0, "12345678", 8), -ENOSPC);
	nwb_check_eq(p9_raw_write(&r.p9, 0, "12345678", 8), 5);
	nwb_check_eq(p9_raw_fsync(&r.p9), -EDQUOT);
	nwb_check_eq(p9_raw_fsync(&r.p9), 0);
	nwb_check_eq(p9_raw_write(&r.p9, 0, "12345678", 8), 8);
	nwb_check_eq(p9_raw_recv(&r.p9), 0);
	nwb_check_eq(p9_raw_type(&r.p9), 119);
	for (unsigned int i = 0; i < 4; i++)
		nwb_check_eq(nwb_fc_hits(r.page, i), 1);
	nwb_check_eq(atomic_load(&r.page->marks_lost), 0);
	rig_end(&r);
}

static void a_crash_loses_what_was_not_synced(const char *server)
{
	static struct rig r;
	char got[64] = "";

	rig_begin(&r, server, "k: on server.write nth=3 after do kill", true);
	nwb_check_eq(p9_raw_write(&r.p9, 0, "one", 3), 3);
	nwb_check_eq(p9_raw_fsync(&r.p9), 0);
	nwb_check_eq(p9_raw_write(&r.p9, 3, "two", 3), 3);
	nwb_check(p9_raw_write(&r.p9, 6, "six", 3) < 0);
	nwb_check_eq(nwb_fc_hits(r.page, 0), 1);
	nwb_check_eq(atomic_load(&r.page->kills), 1);
	nwb_check_eq(content(&r, got, sizeof(got)), 9);
	nwb_check_eq(nwb_server_restart(r.srv, NULL), 0);
	nwb_check_eq(content(&r, got, sizeof(got)), 3);
	nwb_check_eq(atomic_load(&r.page->durable_errors), 0);
	nwb_check_eq(atomic_load(&r.page->attached), 2);
	/* rules go on counting in the next instance */
	close(r.p9.fd);
	rig_connect(&r, false);
	nwb_check_eq(p9_raw_write(&r.p9, 3, "two", 3), 3);
	nwb_check_eq(nwb_fc_matches(r.page, 0), 4);
	rig_end(&r);
}

/* What comes when a running Twrite is flushed: it is executed, answered, and
 * only then is the Rflush there. */
static void flush_of_a_running_write(const char *server)
{
	static struct rig r;
	char got[64] = "";

	rig_begin(&r, server, "park: on backend.pwrite do delay 600s", false);
	nwb_check_eq(p9_raw_send_write(&r.p9, 5, 0, "late", 4), 0);
	nwb_check(wait_for(&r.page->nr_pwrites, 1));
	nwb_check_eq(p9_raw_send_flush(&r.p9, 6, 5), 0);
	while (!has(&r, NWB_L_PDU_REQ, 108, 0))
		usleep(1000);
	usleep(20000); /* it may answer that at once, and must not */
	nwb_check(!has(&r, NWB_L_PDU_REPLY, 109, 0));
	nwb_fc_heal(r.page); /* ends the parking */
	nwb_check_eq(p9_raw_recv(&r.p9), 0);
	nwb_check_eq(p9_raw_type(&r.p9), 119);
	nwb_check_eq(p9_raw_tag(&r.p9), 5);
	nwb_check_eq(p9_raw_recv(&r.p9), 0);
	nwb_check_eq(p9_raw_type(&r.p9), 109);
	nwb_check_eq(p9_raw_tag(&r.p9), 6);
	nwb_check_eq(content(&r, got, sizeof(got)), 4);
	rig_end(&r);
}

/*
 * park_across_a_reset() - a Twrite of "OLD!" is parked, its connection reset,
 * and "NEW!" written on the @nr'th one after it; leaves with "OLD!" in the
 * file, on both servers: nothing fences it.
 */
static void park_across_a_reset(struct rig *r, const char *server,
				unsigned int nr)
{
	char got[64] = "";

	rig_begin(r, server,
		  "park: on backend.pwrite nth=1 do delay 600s\n"
		  "cut: on server.write nth=2 before do rst\n",
		  false);
	nwb_check_eq(p9_raw_send_write(&r->p9, 1, 0, "OLD!", 4), 0);
	nwb_check(wait_for(&r->page->nr_pwrites, 1));
	nwb_check_eq(p9_raw_write(&r->p9, 4, "gone", 4), -ECONNRESET);
	while (nr--) {
		close(r->p9.fd);
		usleep(50000); /* it closes its end as well */
		rig_connect(r, false);
	}
	nwb_check_eq(p9_raw_write(&r->p9, 0, "NEW!", 4), 4);
	nwb_check_eq(content(r, got, sizeof(got)), 4);
	nwb_check_streq(got, "NEW!");
	nwb_fc_heal(r->page); /* ends the parking */
	for (int i = 0; i < 5000 && memcmp(got, "OLD!", 4); i++) {
		usleep(1000);
		nwb_check_eq(content(r, got, sizeof(got)), 4);
	}
	nwb_check_streq(got, "OLD!");
}

static void a_running_write_survives_its_connection(const char *server)
{
	static struct rig r;

	park_across_a_reset(&r, server, 1);
	rig_end(&r);
}

/* recv_within() - a reply, or -EAGAIN when none comes in @ms. */
static int recv_within(struct rig *r, unsigned int ms)
{
	struct timeval tv = {.tv_usec = ms * 1000};

	setsockopt(r->p9.fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return p9_raw_recv(&r->p9);
}

/* diod answers on the connection that asked, or not at all. */
NWB_TEST(diod, a_late_reply_goes_to_nobody)
{
	static struct rig r;

	park_across_a_reset(&r, "diod", 2);
	nwb_check_eq(recv_within(&r, 100), -EAGAIN);
	rig_end(&r);
}

/* nfs-ganesha 4.3 closes the socket while a request still runs, and answers on
 * the number: it is the next connection's but one, which gets a reply that it
 * never asked for. */
NWB_TEST(ganesha, a_late_reply_goes_to_the_next_connection_but_one)
{
	static struct rig r;
	int rc = -EAGAIN;

	/* Which number is used again depends on when it has closed the first
	 * connection; a loaded machine may need a second try. */
	for (int i = 0; i < 5 && rc == -EAGAIN; i++) {
		park_across_a_reset(&r, "ganesha", 2);
		rc = recv_within(&r, 900);
		rig_end(&r);
	}
	nwb_check_eq(rc, 0);
	nwb_check_eq(p9_raw_type(&r.p9), 119);
	nwb_check_eq(p9_raw_tag(&r.p9), 1);
}

#define BOTH(name)                                                             \
	NWB_TEST(diod, name)                                                   \
	{                                                                      \
		name("diod");                                                  \
	}                                                                      \
	NWB_TEST(ganesha, name)                                                \
	{                                                                      \
		name("ganesha");                                               \
	}

BOTH(ledger_sees_what_happened)
BOTH(reset_before_is_not_executed)
BOTH(reset_after_is_executed)
BOTH(fin_is_an_end_of_file)
BOTH(held_acks_are_overtaken_and_block_nobody)
BOTH(storage_faults)
BOTH(a_crash_loses_what_was_not_synced)
BOTH(flush_of_a_running_write)
BOTH(a_running_write_survives_its_connection)
