/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The retryer (fs/netfs/write_retry.c): a task of the mount.
 *
 *	collector ──a front is short──► PENDING ──all is quiet──► QUEUED
 *	                                                            │ backoff
 *	collector ◄──────── NONE ◄── each stream: retry_stream.c ◄──┘
 *
 * While a retry is due the issuer prepares nothing new and the collector does
 * nothing. All is quiet: no subrequest of a stream that needs the retry is in
 * flight (in Linux none of any stream: H10). One that the issuer is preparing
 * counts as in flight: it waits for the credits that the retry needs, too.
 *
 * Linux has no limit and no delay (H9); here an extent is given up after
 * opts.max_attempts issues, and one that made no progress waits first, longer
 * each time.
 */
#include "trace.h"

/* How long to wait after @attempts failures. */
static uint64_t backoff_ns(const struct nwb_netfs *nf, uint32_t attempts)
{
	uint64_t factor = NWB_BACKOFF_MAX;

	if (!attempts)
		return 0;
	if (attempts <= 7)
		factor = nwb_min(factor, (uint64_t)1 << (attempts - 1));
	return nf->opts.retry_backoff_ns * factor;
}

/** nwb_backoff() - wait after @attempts failures. No lock held. */
void nwb_backoff(const struct nwb_netfs *nf, uint32_t attempts)
{
	nwb_sleep_until(nf->ex, nwb_now_ns(nf->ex) + backoff_ns(nf, attempts));
}

/** nwb_retry_is_quiet() - is nothing under way that the retry which is due must
 * wait for? rreq->lock held. */
bool nwb_retry_is_quiet(const struct nwb_io_request *rreq)
{
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++)
		if (rreq->nr_inflight[i] && (rreq->streams[i].need_retry ||
					     nwb_hazard(rreq->nf, NWB_H10)))
			return false;
	return true;
}

/* --- the queue ------------------------------------------------------------ */

static uint64_t retry_delay(const struct nwb_io_request *rreq)
{
	uint32_t attempts = 0;

	if (nwb_hazard(rreq->nf, NWB_H9))
		return 0;
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++) {
		const struct nwb_list *head = &rreq->streams[i].subrequests;

		for (struct nwb_list *l = head->next; l != head; l = l->next) {
			const struct nwb_sreq *q = nwb_to_sreq(nwb_list_entry(
				l, struct nwb_io_subrequest, rreq_link));

			if (!q->in_progress && nwb_needs_retry(q) &&
			    !q->has_progressed)
				attempts = nwb_max(attempts, q->attempts);
		}
	}
	return backoff_ns(rreq->nf, attempts);
}

/** nwb_retry_queue() - nothing of @rreq is in flight. rreq->lock held. */
void nwb_retry_queue(struct nwb_io_request *rreq)
{
	struct nwb_netfs *nf = rreq->nf;

	rreq->retry_at = nwb_now_ns(nf->ex) + retry_delay(rreq);
	nwb_mutex_lock(&nf->lock);
	nwb_list_add_tail(&nf->retry_list, &rreq->nf_link);
	nwb_waitq_wake_all(&nf->retry_q);
	nwb_mutex_unlock(&nf->lock);
}

/* --- the task ------------------------------------------------------------- */

static void retry_request(struct nwb_io_request *rreq)
{
	nwb_count(rreq->nf, retry_requests, 1);
	nwb_mutex_lock(&rreq->lock);
	nwb_trace_rreq(rreq, NWB_TRR_DONE_QUIESCE);
	nwb_mutex_unlock(&rreq->lock);
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++) {
		struct nwb_io_stream *stream = &rreq->streams[i];

		if (!stream->need_retry)
			continue;
		stream->need_retry = false;
		nwb_retry_stream(rreq, stream);
	}
	nwb_mutex_lock(&rreq->lock);
	rreq->retry = NWB_RETRY_NONE;
	nwb_waitq_wake_all(&rreq->waitq);
	(void)nwb_work_queue(&rreq->work);
	nwb_mutex_unlock(&rreq->lock);
}

/* nf->lock held. The first that is due, or NULL and when one will be. */
static struct nwb_io_request *next_due(struct nwb_netfs *nf, uint64_t *ret_when)
{
	uint64_t now = nwb_now_ns(nf->ex);
	struct nwb_io_request *rreq;

	*ret_when = NWB_NEVER;
	nwb_list_for_each_entry (rreq, &nf->retry_list, nf_link) {
		if (rreq->retry_at <= now)
			return rreq;
		*ret_when = nwb_min(*ret_when, rreq->retry_at);
	}
	return NULL;
}

/** nwb_retryer_main() - the task. */
void nwb_retryer_main(void *arg)
{
	struct nwb_netfs *nf = arg;

	nwb_mutex_lock(&nf->lock);
	while (!nf->stopping) {
		uint64_t when;
		struct nwb_io_request *rreq = next_due(nf, &when);

		if (!rreq) {
			(void)nwb_waitq_wait(&nf->retry_q, &nf->lock, when);
			continue;
		}
		nwb_list_del(&rreq->nf_link);
		nwb_mutex_unlock(&nf->lock);
		retry_request(rreq);
		nwb_mutex_lock(&nf->lock);
	}
	nwb_mutex_unlock(&nf->lock);
}
