/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multichannel on the real smbd: both addresses are found and used, each
 * channel has its own signing key, the session outlives either of them. And
 * under the shim: what it records of a connection, and what it does to one,
 * has that connection's name, although another process accepted it.
 */
#include "nwb/auth.h"
#include "nwb/faultctl.h"
#include "nwb/ledger.h"
#include "nwb/mem.h"
#include "nwb/plan.h"
#include "nwb/server.h"
#include "nwb/smb2.h"
#include "nwb/smb2_pdu.h"
#include "nwb/wait.h"
#include "nwb_test_exec.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NR_WRITES 48u
#define BYTES	  (128u * 1024)
#define TRIES	  3000u

struct rig;

struct job {
	struct nwb_smb2_write wr;
	struct rig *r;
	struct iovec iov;
	int64_t result;
};

/**
 * struct rig - one smbd with two addresses, one client.
 * @what: of the client; dialer and account are added
 * @addrs: where it went, in order
 * @page, @ledger: of the shim; NULL: there is none
 */
struct rig {
	struct nwb_dialer dialer;
	struct nwb_server *srv;
	struct nwb_smb2_opts what;
	void (*body)(struct rig *r);
	struct nwb_exec *ex;
	struct nwb_smb2 *c;
	struct nwb_smb2_file *f;
	struct nwb_mutex lock;
	struct nwb_waitq q;
	unsigned int running;
	uint32_t addrs[16];
	unsigned int nr_addrs;
	uint8_t *data;
	struct nwb_fc_page *page;
	struct nwb_ledger ledger;
	struct job job[NR_WRITES];
};

static int dial_to(struct nwb_dialer *d, struct nwb_exec *ex, uint32_t addr,
		   struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct rig *r = nwb_container_of(d, struct rig, dialer);
	int fd, rc;

	if (r->nr_addrs < NWB_ARRAY_SIZE(r->addrs))
		r->addrs[r->nr_addrs++] = addr;
	rc = nwb_server_dial_to(r->srv, addr, &fd, err);
	return rc ? rc : nwb_sock_from_fd(ex, fd, ret_sock);
}

static int dial(struct nwb_dialer *d, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	return dial_to(d, ex, NWB_SERVER_ADDR, ret_sock, err);
}

static struct nwb_smb2_stats stats_of(struct rig *r)
{
	struct nwb_smb2_stats st;

	nwb_smb2_get_stats(r->c, &st);
	return st;
}

static void job_done(struct nwb_smb2_write *wr)
{
	struct job *j = nwb_container_of(wr, struct job, wr);

	nwb_mutex_lock(&j->r->lock);
	j->result = wr->result;
	j->r->running--;
	nwb_waitq_wake_all(&j->r->q);
	nwb_mutex_unlock(&j->r->lock);
}

/* Write piece @i of the data. Return: was it sent? */
static bool start_again(struct rig *r, unsigned int i, bool is_replay)
{
	struct job *j = &r->job[i];
	size_t got;

	memset(j, 0, sizeof(*j));
	j->r = r;
	j->iov = (struct iovec){r->data + (size_t)i * BYTES, BYTES};
	j->wr.file = r->f;
	j->wr.offset = (uint64_t)i * BYTES;
	j->wr.iov = &j->iov;
	j->wr.nr_iov = 1;
	j->wr.len = BYTES;
	j->wr.done = job_done;
	j->wr.is_replay = is_replay;
	if (nwb_smb2_wait_mtu_credits(r->c, BYTES, NWB_NEVER, &got,
				      &j->wr.credits))
		return false;
	nwb_check_eq(got, BYTES);
	nwb_mutex_lock(&r->lock);
	r->running++;
	nwb_mutex_unlock(&r->lock);
	if (!nwb_smb2_write_async(&j->wr))
		return true;
	nwb_mutex_lock(&r->lock);
	r->running--;
	nwb_mutex_unlock(&r->lock);
	return false;
}

static bool start(struct rig *r, unsigned int i)
{
	return start_again(r, i, false);
}

static void wait_all(struct rig *r)
{
	nwb_mutex_lock(&r->lock);
	nwb_wait_event(&r->q, &r->lock, r->running == 0);
	nwb_mutex_unlock(&r->lock);
}

/* All pieces, with the channel @lose (below 0: none) lost in the middle; what
 * went down with it is sent again. Return: how many that were. */
static unsigned int write_all(struct rig *r, int lose)
{
	unsigned int nr_lost = 0;

	for (unsigned int i = 0; i < NR_WRITES; i++) {
		if (lose >= 0 && i == NR_WRITES / 2)
			nwb_smb2_drop_channel(r->c, (unsigned int)lose);
		nwb_check(start(r, i));
	}
	wait_all(r);
	for (unsigned int i = 0; i < NR_WRITES; i++) {
		if (r->job[i].result == BYTES)
			continue;
		nwb_check_eq(r->job[i].result, -ECONNABORTED);
		nr_lost++;
		/* smbd holds it back as long as the first one runs */
		do {
			nwb_check(start(r, i));
			wait_all(r);
		} while (r->job[i].result == -EAGAIN);
		nwb_check_eq(r->job[i].result, BYTES);
	}
	return nr_lost;
}

static void check_content(struct rig *r)
{
	size_t size = (size_t)NR_WRITES * BYTES;
	uint8_t *back = malloc(size);
	uint32_t epoch = 0;

	nwb_check_eq(nwb_smb2_flush(r->f, &epoch, NULL), 0);
	nwb_check_eq(nwb_smb2_read(r->f, 0, back, size, NULL), (ssize_t)size);
	nwb_check(!memcmp(back, r->data, size));
	free(back);
}

static void new_data(struct rig *r)
{
	uint64_t salt = nwb_random_u64(r->ex);

	for (size_t i = 0; i < (size_t)NR_WRITES * BYTES; i += 8) {
		uint64_t v = (i + 1) * 0x9e3779b97f4a7c15u ^ salt;

		memcpy(r->data + i, &v, 8);
	}
}

static bool wait_channels(struct rig *r, unsigned int nr)
{
	for (unsigned int i = 0; i < TRIES; i++) {
		if (stats_of(r).nr_channels == nr)
			return true;
		nwb_check_eq(nwb_smb2_connect(r->c, NULL), 0);
		nwb_sleep_until(r->ex, nwb_now_ns(r->ex) + NWB_MSEC);
	}
	return false;
}

/* --- bodies --------------------------------------------------------------- */

static void both(struct rig *r)
{
	uint32_t epoch = nwb_smb2_epoch(r->c);

	nwb_check_eq(stats_of(r).nr_channels, 2);
	nwb_check_eq(r->addrs[0], NWB_SERVER_ADDR);
	nwb_check_eq(r->addrs[1], NWB_SERVER_ADDR + 1);
	new_data(r);
	nwb_check_eq(write_all(r, -1), 0);
	check_content(r);
	nwb_check(stats_of(r).chan_writes[0] > NR_WRITES / 8);
	nwb_check(stats_of(r).chan_writes[1] > NR_WRITES / 8);
	for (int lose = 0; lose < 2; lose++) {
		new_data(r);
		(void)write_all(r, lose);
		check_content(r);
		nwb_check(wait_channels(r, 2));
	}
	nwb_check_eq(nwb_smb2_epoch(r->c), epoch);
	nwb_check_eq(stats_of(r).nr_chan_lost, 2);
	nwb_check_eq(stats_of(r).nr_binds, 3);
	new_data(r);
	nwb_check_eq(write_all(r, -1), 0);
	check_content(r);
}

/* The rule resets the connection on which write 20 is answered. */
static void cut_in_the_middle(struct rig *r)
{
	uint32_t epoch = nwb_smb2_epoch(r->c);

	new_data(r);
	nwb_check(write_all(r, -1) > 0);
	check_content(r);
	nwb_check_eq(nwb_smb2_epoch(r->c), epoch);
	nwb_check_eq(stats_of(r).nr_chan_lost, 1);
	nwb_check_eq(stats_of(r).nr_connects, 1);
	nwb_check(wait_channels(r, 2));
	nwb_check_eq(stats_of(r).nr_binds, 2);
	nwb_check_eq(nwb_fc_hits(r->page, 0), 1);
}

/*
 * A pwrite is parked, the channel it came by is lost, and the same is sent
 * again, first of all. Until the first one is done smbd may take none of it,
 * or else what is written next is undone by the first.
 */
static void parked(struct rig *r)
{
	uint8_t *back = malloc(BYTES);
	unsigned int used, nr = 0;
	uint32_t instance;

	new_data(r);
	nwb_check(start(r, 0));
	for (unsigned int i = 0; i < TRIES && !nwb_fc_hits(r->page, 0); i++)
		nwb_sleep_until(r->ex, nwb_now_ns(r->ex) + NWB_MSEC);
	nwb_check_eq(nwb_fc_hits(r->page, 0), 1);
	used = stats_of(r).chan_writes[1] != 0;
	nwb_smb2_drop_channel(r->c, used);
	wait_all(r);
	nwb_check_eq(r->job[0].result, -ECONNABORTED);
	nwb_check(!start_again(r, 0, true)); /* not yet */
	nwb_check_eq(nwb_smb2_file_ready(r->f, &instance, NULL), 0);
	do {
		nr++;
		nwb_check(start_again(r, 0, true));
		wait_all(r);
		nwb_sleep_until(r->ex, nwb_now_ns(r->ex) + 5 * NWB_MSEC);
	} while (r->job[0].result == -EAGAIN);
	nwb_check_eq(r->job[0].result, BYTES);
	nwb_check(nr > 1);
	/* acknowledged: the next one is newer, and stays */
	new_data(r);
	nwb_check(start(r, 0));
	wait_all(r);
	nwb_check_eq(r->job[0].result, BYTES);
	nwb_sleep_until(r->ex, nwb_now_ns(r->ex) + NWB_SEC);
	nwb_check_eq(nwb_smb2_read(r->f, 0, back, BYTES, NULL), BYTES);
	nwb_check(!memcmp(back, r->data, BYTES));
	free(back);
}

struct seen {
	uint32_t port;
	unsigned int up, down, cut, writes, replies, negotiates;
};

static struct seen *seen_of(struct seen *tab, uint32_t port)
{
	for (unsigned int i = 0; i < 8; i++) {
		if (!tab[i].port)
			tab[i].port = port;
		if (tab[i].port == port)
			return &tab[i];
	}
	nwb_check(!"too many connections");
	return tab;
}

static void look_at(struct seen *s, const struct nwb_lrec *rec)
{
	s->up += rec->kind == NWB_L_CONN_UP;
	s->down += rec->kind == NWB_L_CONN_DOWN;
	s->cut += rec->kind == NWB_L_CONN_DOWN && rec->aux;
	s->negotiates += rec->kind == NWB_L_PDU_REPLY &&
			 rec->cmd == NWB_SMB2_NEGOTIATE && rec->grant;
	if (rec->cmd != NWB_SMB2_WRITE)
		return;
	/* by whichever connection: the file's name is known */
	nwb_check_eq(rec->file, 1);
	s->writes += rec->kind == NWB_L_PDU_REQ;
	s->replies +=
		rec->kind == NWB_L_PDU_REPLY && !(rec->flags & NWB_LF_INTERIM);
}

/* Three of the client (and one of the probe): the one that the fault names is
 * the one that was cut, and each is recorded from its begin to its end. */
static void check_ledger(struct rig *r)
{
	const struct nwb_ledger_hdr *h = r->ledger.hdr;
	uint64_t nr = nwb_min(atomic_load(&h->next), h->nr_slots);
	struct seen tab[8] = {0};
	unsigned int nr_writers = 0;
	uint32_t faulted = 0;

	for (uint64_t i = 0; i < nr; i++) {
		const struct nwb_lrec *rec = &h->slot[i];

		if (rec->kind == NWB_L_FAULT)
			faulted = rec->conn;
		if (rec->kind == NWB_L_CONN_UP ||
		    rec->kind == NWB_L_CONN_DOWN ||
		    rec->kind == NWB_L_PDU_REQ || rec->kind == NWB_L_PDU_REPLY)
			look_at(seen_of(tab, rec->conn), rec);
	}
	nwb_check(faulted);
	for (unsigned int i = 0; i < 8 && tab[i].port; i++) {
		nwb_check_eq(tab[i].up, 1);
		nwb_check_eq(tab[i].down, 1);
		nwb_check_eq(tab[i].negotiates, 1);
		nwb_check_eq(tab[i].cut, tab[i].port == faulted);
		nwb_check(tab[i].replies <= tab[i].writes);
		nr_writers += tab[i].writes != 0;
	}
	nwb_check(nr_writers >= 2);
}

static int nr_open_conns(struct rig *r)
{
	const struct nwb_ledger_hdr *h = r->ledger.hdr;
	uint64_t nr = nwb_min(atomic_load(&h->next), h->nr_slots);
	int n = 0;

	for (uint64_t i = 0; i < nr; i++)
		n += (h->slot[i].kind == NWB_L_CONN_UP) -
		     (h->slot[i].kind == NWB_L_CONN_DOWN);
	return n;
}

static void run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct rig *r = te->arg;
	struct nwb_err err = {0};

	r->ex = te->ex;
	nwb_mutex_init(&r->lock, r->ex, "test");
	nwb_waitq_init(&r->q, r->ex, "test");
	nwb_check_eq(nwb_smb2_new(r->ex, &r->what, &r->c, &err), 0);
	if (nwb_smb2_open(r->c, "file", NWB_O_CREATE, &r->f, &err))
		nwb_check_streq(err.text, "");
	r->body(r);
	nwb_check_eq(nwb_smb2_close(r->f), 0);
	nwb_smb2_free(r->c);
}

/* Faults of @plan, recorded in a ledger of "file". */
static void with_shim(struct rig *r, const char *text,
		      struct nwb_server_opts *so)
{
	static const uint8_t key[16] = "channel_smbd key";
	struct nwb_plan *plan;
	struct nwb_err err = {0};

	so->shim_path = getenv("NWB_SHIM");
	nwb_check(so->shim_path);
	so->ledger_fd = memfd_create("ledger", MFD_CLOEXEC);
	nwb_check_eq(
		nwb_ledger_create(so->ledger_fd, 65536, key, 0, &r->ledger), 0);
	nwb_check_eq(nwb_ledger_add_file(&r->ledger, "file"), 1);
	nwb_check_eq(nwb_fc_create(&so->ctl_fd, &r->page), 0);
	nwb_check_eq(nwb_plan_new(&plan), 0);
	nwb_check_eq(nwb_plan_add_text(plan, "test", text, strlen(text), &err),
		     0);
	nwb_check_eq(nwb_plan_finish(plan, &err), 0);
	nwb_check_eq(nwb_plan_compile(plan, r->page, "smbd", &err), 0);
	nwb_plan_free(plan);
}

static void on_smbd(struct nwb_smb2_opts what, const char *plan,
		    void (*body)(struct rig *r))
{
	struct rig *r = calloc(1, sizeof(*r));
	struct nwb_server_opts so = {.name = "smbd",
				     .multichannel = true,
				     .ctl_fd = -1,
				     .ledger_fd = -1};
	struct nwb_server_info info;
	struct nwb_err err = {0};
	char version[64];

	if (nwb_server_probe("smbd", version, sizeof(version), &err))
		nwb_test_skip("smbd is not installed");
	if (plan)
		with_shim(r, plan, &so);
	if (nwb_server_start(&so, &r->srv, &err))
		nwb_check_streq(err.text, "");
	nwb_server_info(r->srv, &info);
	r->what = what;
	r->what.dialer = &r->dialer;
	r->what.auth = nwb_auth_gssapi();
	r->what.server_name = "faultsrv";
	r->what.share = info.share;
	r->what.user = info.user;
	r->what.password = info.password;
	r->what.timeout_ns = 20 * NWB_SEC;
	r->what.channels = 2;
	r->dialer = (struct nwb_dialer){dial, dial_to, NWB_SERVER_ADDR};
	r->body = body;
	r->data = malloc((size_t)NR_WRITES * BYTES);
	nwb_test_on_real(true, run, r);
	/* it sees the end of the connections when it comes to it */
	for (unsigned int i = 0; plan && i < TRIES && nr_open_conns(r); i++)
		usleep(1000);
	nwb_server_free(r->srv);
	if (plan) {
		if (body == cut_in_the_middle)
			check_ledger(r);
		nwb_fc_unmap(r->page);
		nwb_ledger_unmap(&r->ledger);
		close(so.ctl_fd);
		close(so.ledger_fd);
	}
	free(r->data);
	free(r);
}

NWB_TEST(smb2_channel_smbd, both_addresses_one_session)
{
	on_smbd((struct nwb_smb2_opts){0}, NULL, both);
}

NWB_TEST(smb2_channel_smbd, signed_with_gmac)
{
	on_smbd((struct nwb_smb2_opts){.sign = true}, NULL, both);
}

NWB_TEST(smb2_channel_smbd, signed_with_cmac_in_302)
{
	on_smbd((struct nwb_smb2_opts){.sign = true,
				       .dialect = NWB_SMB2_DIALECT_0302},
		NULL, both);
}

NWB_TEST(smb2_channel_smbd, encrypted)
{
	on_smbd((struct nwb_smb2_opts){.encryption = NWB_ENCRYPT_ON}, NULL,
		both);
}

static const char cut[] =
	"cut: on server.write nth=20 after do drop, rst max=1";

NWB_TEST(smb2_channel_smbd, cut_one_is_named)
{
	on_smbd((struct nwb_smb2_opts){0}, cut, cut_in_the_middle);
}

NWB_TEST(smb2_channel_smbd, cut_one_is_named_when_signed)
{
	on_smbd((struct nwb_smb2_opts){.sign = true}, cut, cut_in_the_middle);
}

NWB_TEST(smb2_channel_smbd, what_a_lost_channel_left_behind_does_not_win)
{
	on_smbd((struct nwb_smb2_opts){0},
		"park: on backend.pwrite nth=1 before do delay 600ms max=1",
		parked);
}
