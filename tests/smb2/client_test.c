/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The client with a server that means well, and where it does not, with one
 * whose handshake fails.
 */
#include "harness.h"

#include <errno.h>

static void all_operations(struct world *w)
{
	uint8_t *buf = malloc(300000);
	uint64_t eof = 0;
	uint32_t epoch = 0, status = 1;
	struct job j[2];

	EXPECT(w, nwb_smb2_epoch(w->c) == 0);
	OPEN(w);
	EXPECT(w, w->s->last_disposition == NWB_SMB2_FILE_OPEN_IF);
	EXPECT(w, nwb_smb2_epoch(w->c) == 1);
	EXPECT(w, !job_start(w, &j[0], 0, 200000));
	EXPECT(w, !job_start(w, &j[1], 200000, 65536));
	wait_jobs(w);
	EXPECT(w, j[0].result == 200000 && j[1].result == 65536);
	EXPECT(w, content_is(w, 0, 265536));
	EXPECT(w, !nwb_smb2_flush(w->f, &epoch, &status));
	EXPECT(w, epoch == 1 && status == 0);
	EXPECT(w, !nwb_smb2_query_eof(w->f, &eof, NULL) && eof == 265536);
	EXPECT(w, nwb_smb2_read(w->f, 7, buf, 300000, NULL) == 265529);
	EXPECT(w, !memcmp(buf, w->s->data + 7, 265529));
	EXPECT(w, nwb_smb2_read(w->f, 265536, buf, 1, NULL) == 0);
	EXPECT(w, !nwb_smb2_set_eof(w->f, 4711, NULL));
	EXPECT(w, !nwb_smb2_query_eof(w->f, &eof, NULL) && eof == 4711);
	EXPECT(w, !nwb_smb2_echo(w->c, &status) && status == 0);
	EXPECT(w, stats_of(w).nr_writes == 2);
	EXPECT(w, stats_of(w).bytes_written == 265536);
	EXPECT(w, stats_of(w).in_flight == 0);
	EXPECT(w, stats_of(w).max_write == 8 << 20);
	EXPECT(w, stats_of(w).dialect == NWB_SMB2_DIALECT_0311);
	free(buf);
}

NWB_TEST(smb2_client, all_operations)
{
	on_all(NULL, all_operations);
}

static void user_setup(struct world *w)
{
	w->s->user = true;
	w->s->expect_sign = true;
	w->opts.auth = script_auth();
	w->opts.user = "u";
	w->opts.sign = true;
}

static void signed_body(struct world *w)
{
	all_operations(w);
	EXPECT(w, stats_of(w).is_signed);
	EXPECT(w, !strcmp(stats_of(w).signing_alg, "AES-GMAC"));
}

NWB_TEST(smb2_client, all_operations_signed)
{
	on_all(user_setup, signed_body);
}

static void unsigned_user_setup(struct world *w)
{
	user_setup(w);
	w->opts.sign = false;
	w->s->expect_sign = false;
}

static void unsigned_body(struct world *w)
{
	all_operations(w);
	EXPECT(w, !stats_of(w).is_signed);
	EXPECT(w, !strcmp(stats_of(w).signing_alg, "none"));
}

NWB_TEST(smb2_client, user_without_signing_signs_the_tree_connect)
{
	on_all(unsigned_user_setup, unsigned_body);
}

static void required_setup(struct world *w)
{
	user_setup(w);
	w->opts.sign = false;
	w->s->sign_all = true;
}

NWB_TEST(smb2_client, server_that_requires_signing_gets_it)
{
	on_all(required_setup, signed_body);
}

/* One credit in all: everything still works, one request at a time. */
static void one_credit_setup(struct world *w)
{
	w->s->max_credits = 1;
}

static void one_credit(struct world *w)
{
	struct nwb_smb2_credits cr;
	size_t size = 0;
	struct job j[4];

	OPEN(w);
	EXPECT(w, !nwb_smb2_wait_mtu_credits(w->c, 1 << 20, NWB_NEVER, &size,
					     &cr));
	EXPECT(w, size == 65536 && cr.value == 0);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(j); i++)
		EXPECT(w, !job_start(w, &j[i], i * 65536, 65536));
	wait_jobs(w);
	EXPECT(w, content_is(w, 0, 4 * 65536));
	EXPECT(w, !nwb_smb2_echo(w->c, NULL));
	EXPECT(w, stats_of(w).credits == 1);
	EXPECT(w, stats_of(w).credits_min == 0);
}

NWB_TEST(smb2_client, one_credit_is_enough)
{
	on_all(one_credit_setup, one_credit);
}

/* --- connecting ----------------------------------------------------------- */

static void connect_task(void *arg)
{
	struct world *w = arg;
	int rc = nwb_smb2_connect(w->c, NULL);

	nwb_mutex_lock(&w->lock);
	EXPECT(w, rc == 0);
	nwb_mutex_unlock(&w->lock);
}

static void connects_join(struct world *w)
{
	struct nwb_task *t[4];

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(t); i++)
		EXPECT(w, !nwb_task_spawn(w->ex, "connect", connect_task, w,
					  &t[i]));
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(t); i++)
		nwb_task_join(t[i]);
	EXPECT(w, w->s->nr_conns == 1);
	EXPECT(w, stats_of(w).nr_connects == 1);
}

NWB_TEST(smb2_client, concurrent_connects_join)
{
	on_all(NULL, connects_join);
}

static void reopens(struct world *w)
{
	struct nwb_smb2_credits cr = {0};
	uint32_t epoch = 0;
	struct job j, k;
	size_t got;

	OPEN(w);
	EXPECT(w, job_run(w, 0, 70000, NULL) == 70000);
	EXPECT(w,
	       !nwb_smb2_wait_mtu_credits(w->c, 65536, NWB_NEVER, &got, &cr));
	EXPECT(w, cr.value == 1 && cr.instance == 1);
	job_fill(w, &k, 0, 65536);
	k.wr.credits = cr;
	EXPECT(w,
	       !nwb_smb2_wait_mtu_credits(w->c, 65536, NWB_NEVER, &got, &cr));
	nwb_smb2_disconnect(w->c);
	EXPECT(w, nwb_smb2_epoch(w->c) == 0);
	EXPECT(w, job_start(w, &j, 0, 100) == -ECONNABORTED);
	EXPECT(w, nwb_smb2_flush(w->f, &epoch, NULL) == -ECONNABORTED);
	EXPECT(w, nwb_smb2_wait_mtu_credits(w->c, 1, NWB_NEVER, &got,
					    &j.wr.credits) == -ECONNABORTED);
	EXPECT(w, !nwb_smb2_connect(w->c, NULL));
	EXPECT(w, w->s->previous_session == 0x5e5510001ull);
	/* connected, but the FileId is of the old connection */
	EXPECT(w, job_start(w, &j, 0, 100) == -EAGAIN);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &epoch, NULL));
	EXPECT(w, epoch == 2);
	EXPECT(w, w->s->last_disposition == NWB_SMB2_FILE_OPEN);
	/* reserved on the old one */
	EXPECT(w, job_send(w, &k) == -EAGAIN);
	nwb_smb2_put_credits(w->c, &cr);
	EXPECT(w, cr.value == 0);
	EXPECT(w, stats_of(w).in_flight == 0);
	EXPECT(w, job_run(w, 70000, 100, NULL) == 100);
	EXPECT(w, content_is(w, 0, 70100));
	EXPECT(w, !nwb_smb2_file_ready(w->f, &epoch, NULL) && epoch == 2);
	EXPECT(w, w->s->nr_conns == 2 && w->s->nr_creates == 2);
}

NWB_TEST(smb2_client, reconnects_and_reopens)
{
	on_all(NULL, reopens);
}

/* Reopened it may do what it might before, no less and no more; what is opened
 * like it may write. */
static void keeps_access(struct world *w)
{
	struct nwb_smb2_file *f = NULL;
	uint32_t instance = 0;

	OPEN(w);
	EXPECT(w, w->s->last_access == NWB_SMB2_ACCESS_RW);
	nwb_smb2_disconnect(w->c);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &instance, NULL));
	EXPECT(w, w->s->last_access == NWB_SMB2_ACCESS_RW);
	EXPECT(w, !nwb_smb2_close(w->f));
	EXPECT(w, !nwb_smb2_open(w->c, "dir/file", NWB_O_RDONLY, &w->f, NULL));
	EXPECT(w, w->s->last_access == NWB_SMB2_ACCESS_RO);
	nwb_smb2_disconnect(w->c);
	EXPECT(w, !nwb_smb2_open_like(w->c, w->f, &f, NULL));
	EXPECT(w, w->s->last_access == NWB_SMB2_ACCESS_RW);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &instance, NULL));
	EXPECT(w, w->s->last_access == NWB_SMB2_ACCESS_RO);
	EXPECT(w, nwb_smb2_file_is_rdonly(w->f));
	EXPECT(w, !nwb_smb2_file_is_rdonly(f));
	nwb_smb2_disconnect(w->c);
	EXPECT(w, !nwb_smb2_file_ready(f, &instance, NULL));
	EXPECT(w, w->s->last_access == NWB_SMB2_ACCESS_RW);
	EXPECT(w, w->s->nr_creates == 6);
	EXPECT(w, !nwb_smb2_close(f));
}

NWB_TEST(smb2_client, a_reopened_handle_keeps_its_access)
{
	on_all(NULL, keeps_access);
}

static void signed_reopens(struct world *w)
{
	reopens(w);
	EXPECT(w, stats_of(w).is_signed);
}

NWB_TEST(smb2_client, reconnects_signed)
{
	on_all(user_setup, signed_reopens);
}

#define REFUSED(name_, rc_, ...)                                               \
	static void name_##_setup(struct world *w)                             \
	{                                                                      \
		__VA_ARGS__;                                                   \
	}                                                                      \
	static void name_##_body(struct world *w)                              \
	{                                                                      \
		struct nwb_err e = {0};                                        \
		EXPECT(w, nwb_smb2_connect(w->c, &e) == (rc_));                \
		EXPECT(w, e.code == (rc_) && e.text[0]);                       \
		EXPECT(w, nwb_smb2_epoch(w->c) == 0);                          \
		EXPECT(w, nwb_smb2_connect(w->c, NULL) == (rc_));              \
	}                                                                      \
	NWB_TEST(smb2_client, name_)                                           \
	{                                                                      \
		on_all(name_##_setup, name_##_body);                           \
	}

REFUSED(other_dialect_is_refused, -EPROTONOSUPPORT,
	w->s->dialect = NWB_SMB2_DIALECT_0302)
REFUSED(missing_preauth_is_refused, -EPROTONOSUPPORT, w->s->no_preauth = true)
REFUSED(zero_max_write_is_refused, -EPROTO, w->s->max_write = 0)
REFUSED(logon_failure_is_told, -EACCES,
	w->s->setup_status = NWB_STATUS_LOGON_FAILURE)
REFUSED(missing_share_is_told, -ENOENT,
	w->s->tree_status = NWB_STATUS_BAD_NETWORK_NAME)
REFUSED(bad_signature_of_session_setup_is_refused, -EPROTO, user_setup(w);
	w->s->spoil_setup_signature = true)
REFUSED(guests_cannot_sign, -EACCES, w->opts.sign = true)
REFUSED(user_made_guest_is_refused, -EACCES, user_setup(w); w->s->user = false;
	w->s->session_flags = NWB_SMB2_SESSION_F_GUEST)
REFUSED(unsigned_session_setup_is_refused, -EPROTO, user_setup(w);
	w->s->user = false)

REFUSED(session_deleted_at_once_may_be_tried_again, -ECONNABORTED,
	w->s->tree_status = NWB_STATUS_USER_SESSION_DELETED)
REFUSED(server_that_comes_up_may_be_tried_again, -EAGAIN,
	w->s->tree_status = NWB_STATUS_NO_MEMORY)

/* The server comes back with a smaller limit: nothing above it is sent. */
static void smaller_body(struct world *w)
{
	struct nwb_smb2_credits cr;
	uint32_t epoch;
	struct job j;
	size_t got;

	OPEN(w);
	EXPECT(w,
	       !nwb_smb2_wait_mtu_credits(w->c, 1 << 20, NWB_NEVER, &got, &cr));
	EXPECT(w, got == 1 << 20);
	nwb_smb2_put_credits(w->c, &cr);
	w->s->max_write = 65536;
	nwb_smb2_disconnect(w->c);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &epoch, NULL));
	EXPECT(w,
	       !nwb_smb2_wait_mtu_credits(w->c, 1 << 20, NWB_NEVER, &got, &cr));
	EXPECT(w, got == 65536);
	job_fill(w, &j, 0, 65537);
	j.wr.credits = cr;
	EXPECT(w, job_send(w, &j) == -EAGAIN);
	EXPECT(w, w->s->nr_writes == 0);
}

static void smaller_setup(struct world *w)
{
	w->s->max_credits = 200;
}

NWB_TEST(smb2_client, smaller_limit_after_a_reconnect)
{
	on_all(smaller_setup, smaller_body);
}

static void mute_setup(struct world *w)
{
	w->s->mute = true;
	w->opts.timeout_ns = 50 * NWB_MSEC;
}

static void mute_body(struct world *w)
{
	EXPECT(w, nwb_smb2_connect(w->c, NULL) < 0);
	w->s->mute = false;
	OPEN(w);
}

NWB_TEST(smb2_client, handshake_without_answer_times_out)
{
	on_sim(mute_setup, mute_body);
}

/* --- names and numbers ---------------------------------------------------- */

NWB_TEST(smb2_client, statuses_map_as_linux_maps_them)
{
	char buf[16];

	nwb_check_eq(nwb_smb2_status_errno(0), 0);
	nwb_check_eq(nwb_smb2_status_errno(NWB_STATUS_DISK_FULL), -ENOSPC);
	nwb_check_eq(nwb_smb2_status_errno(NWB_STATUS_QUOTA_EXCEEDED), -EDQUOT);
	nwb_check_eq(nwb_smb2_status_errno(NWB_STATUS_IO_TIMEOUT), -EAGAIN);
	nwb_check_eq(nwb_smb2_status_errno(NWB_STATUS_INSUFFICIENT_RESOURCES),
		     -EAGAIN);
	nwb_check_eq(nwb_smb2_status_errno(NWB_STATUS_INSUFF_SERVER_RESOURCES),
		     -EIO);
	nwb_check_eq(nwb_smb2_status_errno(0xc0001234), -EIO);
	nwb_check_streq(nwb_smb2_status_name(NWB_STATUS_DISK_FULL, buf),
			"STATUS_DISK_FULL");
	nwb_check_streq(nwb_smb2_status_name(0xc0001234, buf), "0xc0001234");
}
