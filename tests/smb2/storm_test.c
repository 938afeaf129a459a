/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The client while connections are lost all the time, and while every third
 * frame is damaged: nothing crashes, hangs or completes twice, and all is well
 * when it is over.
 */
#include "credits.h"
#include "harness.h"

#include <errno.h>

static void user_setup(struct world *w)
{
	w->s->user = true;
	w->s->expect_sign = true;
	w->opts.auth = script_auth();
	w->opts.user = "u";
	w->opts.sign = true;
}

/* --- storms --------------------------------------------------------------- */

struct writer {
	struct world *w;
	struct nwb_task *task;
	unsigned int nr;
	unsigned int acked, lost, refused;
};

static bool is_storm_over(struct world *w)
{
	bool is_over;

	nwb_mutex_lock(&w->lock);
	is_over = w->note;
	nwb_mutex_unlock(&w->lock);
	return is_over;
}

/* Write until enough was acknowledged and the storm is over, whatever becomes
 * of connections. */
static void writer_task(void *arg)
{
	struct writer *wr = arg;
	struct world *w = wr->w;

	while ((wr->acked < 12 || !is_storm_over(w)) && !w->wrong) {
		uint64_t offset = (wr->nr * 12 + wr->acked % 12) * 3000;
		struct job j;
		uint32_t epoch;
		size_t size;
		int rc;

		if (nwb_smb2_file_ready(w->f, &epoch, NULL)) {
			wr->refused++;
			continue;
		}
		job_fill(w, &j, offset, 3000);
		if (nwb_smb2_wait_mtu_credits(w->c, 3000, NWB_NEVER, &size,
					      &j.wr.credits)) {
			free(j.payload);
			wr->refused++;
			continue;
		}
		rc = job_send(w, &j);
		if (rc) {
			EXPECT(w, rc == -EAGAIN || rc == -ECONNABORTED);
			wr->refused++;
			continue;
		}
		nwb_mutex_lock(&w->lock);
		nwb_wait_event(&w->q, &w->lock, j.is_done);
		nwb_mutex_unlock(&w->lock);
		if (j.result == 3000)
			wr->acked++;
		else
			wr->lost++;
		EXPECT(w, j.result == 3000 || j.result == -ECONNABORTED);
	}
}

static void storm_task(void *arg)
{
	struct world *w = arg;

	for (unsigned int i = 0; i < 12; i++) {
		nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + 300 * NWB_USEC);
		nwb_smb2_disconnect(w->c);
	}
	nwb_mutex_lock(&w->lock);
	w->note = 1;
	nwb_mutex_unlock(&w->lock);
}

static void storm_setup(struct world *w)
{
	w->s->buf_bytes = 2000; /* senders block inside their payload */
	w->s->max_credits = 12;
}

static void storm_body(struct world *w)
{
	struct writer wr[4] = {{0}};
	struct nwb_task *storm;

	OPEN(w);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(wr); i++) {
		wr[i].w = w;
		wr[i].nr = i;
		EXPECT(w, !nwb_task_spawn(w->ex, "writer", writer_task, &wr[i],
					  &wr[i].task));
	}
	EXPECT(w, !nwb_task_spawn(w->ex, "storm", storm_task, w, &storm));
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(wr); i++)
		nwb_task_join(wr[i].task);
	nwb_task_join(storm);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(wr); i++)
		w->hits += wr[i].lost;
	EXPECT(w, stats_of(w).nr_connects >= 2);
	EXPECT(w, content_is(w, 0, 4 * 12 * 3000));
	EXPECT(w, stats_of(w).in_flight == 0);
}

static void user_storm_setup(struct world *w)
{
	user_setup(w);
	storm_setup(w);
}

/* Writes must have been lost in flight, or it was no storm. How many a run in
 * real time loses is a matter of its speed: the simulated ones are counted on. */
static void storm(void (*setup)(struct world *))
{
	struct world w = {.setup = setup, .body = storm_body};

	nwb_test_on_all(world_run, &w);
	world_verdict(&w);
	nwb_check(w.hits > w.runs || !NWB_TEST_HAS_SIM);
}

NWB_TEST(smb2_storm, storm_of_disconnects)
{
	storm(storm_setup);
}

NWB_TEST(smb2_storm, storm_of_disconnects_signed)
{
	storm(user_storm_setup);
}

/* --- noise ---------------------------------------------------------------- */

/* Every third frame of the server is damaged somewhere, also in handshakes.
 * Nothing may crash, hang or complete twice; when the noise is over all is
 * well again. */
static void noise_body(struct world *w)
{
	uint8_t buf[3000];
	uint64_t eof;
	uint32_t epoch;
	struct job j[4];

	w->s->spoil_every = 3;
	for (unsigned int i = 0; i < 20; i++) {
		unsigned int n = 0;

		if (!w->f &&
		    nwb_smb2_open(w->c, "n", NWB_O_CREATE, &w->f, NULL)) {
			w->f = NULL;
			continue;
		}
		if (nwb_smb2_file_ready(w->f, &epoch, NULL))
			continue;
		while (n < NWB_ARRAY_SIZE(j) &&
		       !job_start(w, &j[n], n * 3000, 3000))
			n++;
		(void)!nwb_smb2_read(w->f, 0, buf, sizeof(buf), NULL);
		(void)!nwb_smb2_query_eof(w->f, &eof, NULL);
		(void)!nwb_smb2_flush(w->f, &epoch, NULL);
		wait_jobs(w);
		for (unsigned int k = 0; k < n; k++)
			EXPECT(w, j[k].result <= 3000);
	}
	w->hits += w->s->nr_spoiled;
	w->s->spoil_every = 0;
	nwb_smb2_disconnect(w->c);
	/* what a misled client did to the server is not its fault */
	if (!w->f)
		OPEN(w);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &epoch, NULL));
	w->s->violations = 0;
	EXPECT(w, job_run(w, 0, 3000, NULL) == 3000);
	EXPECT(w, content_is(w, 0, 3000));
}

static void noise_setup(struct world *w)
{
	w->opts.timeout_ns = 2 * NWB_SEC;
}

static void signed_noise_setup(struct world *w)
{
	user_setup(w);
	noise_setup(w);
}

static void noise(void (*setup)(struct world *))
{
	struct world w = {.setup = setup, .body = noise_body};

	nwb_test_on_sim(world_run, &w);
	world_verdict(&w);
	nwb_check(w.hits > 10 * w.runs);
}

NWB_TEST(smb2_storm, noise)
{
	noise(noise_setup);
}

NWB_TEST(smb2_storm, noise_signed)
{
	noise(signed_noise_setup);
}
