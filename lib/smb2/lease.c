/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Breaks of oplocks and leases ([MS-SMB2] 3.2.5.19).
 *
 *	receiver ── OPLOCK_BREAK ──► file: caching is less from now on
 *	                               │ c->breaks
 *	breaker task ◄─────────────────┘
 *	   ├─ owner's on_break(): writes back, drops what it cached
 *	   └─ acknowledgement ──► server lets the other client in
 *
 * The receiver waits for nobody, and the owner may need it (to write back), so
 * breaks have a task of their own, one at a time. The server waits 35 s.
 *
 * The answer of CREATE is taken in by the task that sent it, so a break that
 * comes right behind may be seen first: it is kept with the file until then.
 */
#include "client.h"

#define ACK_BYTES (NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN + 36u)

/* Caching becomes @to, and the breaker gets to work; c->lock held. */
static void begin_break(struct nwb_smb2_file *f, uint32_t to, bool is_lease,
			bool needs_ack)
{
	struct nwb_smb2 *c = f->c;

	f->caching &= to;
	f->brk.to = f->caching;
	f->brk.is_lease = is_lease;
	f->brk.needs_ack |= needs_ack;
	f->brk.epoch = c->epoch;
	c->stats.nr_breaks++;
	if (nwb_list_empty(&f->brk.link))
		nwb_list_add_tail(&c->breaks, &f->brk.link);
	nwb_waitq_wake_all(&c->break_q);
}

/** nwb_smb2_break_reclaimed() - @f is reclaimed, perhaps with less than the
 * @was it had: broken while nobody could be told, and nobody waits for an
 * answer. c->lock held. */
void nwb_smb2_break_reclaimed(struct nwb_smb2_file *f, uint32_t was)
{
	if (!(was & ~f->caching))
		return;
	f->brk.needs_ack = false; /* that was asked in the lost session */
	begin_break(f, f->caching, f->has_lease, false);
}

static int oplock_broken(struct nwb_smb2 *c, const uint8_t *pdu, size_t len)
{
	struct nwb_smb2_oplock_break b;
	struct nwb_smb2_file *f;

	if (nwb_smb2_oplock_break_decode(pdu, len, &b))
		return -EBADMSG;
	nwb_list_for_each_entry (f, &c->files, link) {
		if (f->is_opening) {
			f->has_early = true;
			f->early_fid = b.fid;
			f->early = (struct file_break){
				.to = nwb_smb2_oplock_caching(b.level)};
		}
		if (f->fid_epoch != c->epoch ||
		    f->fid.persistent != b.fid.persistent ||
		    f->fid.volatil != b.fid.volatil)
			continue;
		/* from II to none nobody waits for an answer */
		begin_break(f, nwb_smb2_oplock_caching(b.level), false,
			    f->oplock != NWB_SMB2_OPLOCK_II);
		f->oplock = b.level;
		break;
	}
	return 0;
}

static int lease_broken(struct nwb_smb2 *c, const uint8_t *pdu, size_t len)
{
	struct nwb_smb2_lease_break b;
	struct nwb_smb2_file *f;

	if (nwb_smb2_lease_break_decode(pdu, len, &b))
		return -EBADMSG;
	nwb_list_for_each_entry (f, &c->files, link) {
		bool needs_ack = b.flags & NWB_SMB2_BREAK_ACK_REQUIRED;

		if (memcmp(f->lease_key, b.key, sizeof(b.key)) != 0)
			continue;
		if (f->is_opening) {
			f->has_early = true;
			f->early = (struct file_break){.is_lease = true,
						       .needs_ack = needs_ack,
						       .to = b.new_state};
		} else if (f->fid_epoch == c->epoch) {
			begin_break(f, b.new_state, true, needs_ack);
		}
		break;
	}
	return 0;
}

/**
 * nwb_smb2_break_received() - the server takes back what it granted. What is
 * about no file of ours any more is not our business: its CLOSE is under way.
 * Return: 0 or -EBADMSG. Context: receiver; no lock held.
 */
int nwb_smb2_break_received(struct nwb_smb2 *c, const uint8_t *pdu, size_t len)
{
	int rc;

	nwb_mutex_lock(&c->lock);
	rc = nwb_smb2_break_is_lease(pdu, len) ? lease_broken(c, pdu, len)
					       : oplock_broken(c, pdu, len);
	nwb_mutex_unlock(&c->lock);
	return rc;
}

/** nwb_smb2_break_early() - @f is open now: was it broken on the way? c->lock
 * held. */
void nwb_smb2_break_early(struct nwb_smb2_file *f)
{
	bool is_ours = f->has_early &&
		       (f->early.is_lease ||
			(f->early_fid.persistent == f->fid.persistent &&
			 f->early_fid.volatil == f->fid.volatil));

	f->has_early = false;
	if (!is_ours)
		return;
	begin_break(f, f->early.to, f->early.is_lease,
		    f->early.is_lease ? f->early.needs_ack
				      : f->oplock != NWB_SMB2_OPLOCK_II);
}

static uint8_t level_of(uint32_t caching)
{
	return caching & NWB_SMB2_CACHE_READ ? NWB_SMB2_OPLOCK_II
					     : NWB_SMB2_OPLOCK_NONE;
}

/* Say that it is done, again where the channel was lost. A lost session has
 * answered by itself. */
static void acknowledge(struct nwb_smb2_file *f, const struct file_break *b,
			const struct nwb_smb2_fid *fid)
{
	uint8_t frame[ACK_BYTES], *pdu = frame + NWB_SMB2_NBT_LEN;
	struct nwb_smb2_lease_ack la = {.state = b->to};
	struct nwb_smb2_oplock_break ob = {.level = level_of(b->to),
					   .fid = *fid};
	size_t size = sizeof(frame) - NWB_SMB2_NBT_LEN;
	struct sync_call s = {0};
	unsigned int tries = 0;
	int n, rc;

	memcpy(la.key, f->lease_key, sizeof(la.key));
	n = b->is_lease ? nwb_smb2_lease_ack_encode(pdu, size, &la)
			: nwb_smb2_oplock_break_encode(pdu, size, &ob);
	do
		rc = nwb_smb2_sync_run(f->c, &s, NWB_SMB2_OPLOCK_BREAK,
				       b->epoch, frame, n, NWB_NEVER);
	while (rc == -ECONNABORTED && ++tries < NWB_SMB2_CHANNELS_MAX);
}

/* One break; c->lock held, dropped and taken again. */
static void do_break(struct nwb_smb2 *c)
{
	struct nwb_smb2_file *f = nwb_container_of(
		nwb_list_first(&c->breaks, struct file_break, link),
		struct nwb_smb2_file, brk);
	void (*fn)(void *, uint32_t) = f->on_break;
	void *arg = f->break_arg;
	struct file_break b = f->brk;
	struct nwb_smb2_fid fid = f->fid;

	nwb_list_del(&f->brk.link);
	f->brk.needs_ack = false;
	f->brk.is_running = true;
	nwb_mutex_unlock(&c->lock);
	if (fn)
		fn(arg, b.to);
	if (b.needs_ack)
		acknowledge(f, &b, &fid);
	nwb_mutex_lock(&c->lock);
	f->brk.is_running = false;
	nwb_waitq_wake_all(&c->break_q);
}

static void breaker_main(void *arg)
{
	struct nwb_smb2 *c = arg;

	nwb_mutex_lock(&c->lock);
	while (!c->is_breaker_ended) {
		if (nwb_list_empty(&c->breaks))
			(void)nwb_waitq_wait(&c->break_q, &c->lock, NWB_NEVER);
		else
			do_break(c);
	}
	nwb_mutex_unlock(&c->lock);
}

/** nwb_smb2_breaker_start() - only a client that asks for caching is ever told
 * of a break. */
int nwb_smb2_breaker_start(struct nwb_smb2 *c)
{
	if (!c->opts.durable && !c->opts.caching)
		return 0;
	return nwb_task_spawn(c->ex, "smb2 breaker", breaker_main, c,
			      &c->breaker);
}

void nwb_smb2_breaker_stop(struct nwb_smb2 *c)
{
	if (!c->breaker)
		return;
	nwb_mutex_lock(&c->lock);
	c->is_breaker_ended = true;
	nwb_waitq_wake_all(&c->break_q);
	nwb_mutex_unlock(&c->lock);
	nwb_task_join(c->breaker);
	c->breaker = NULL;
}

/** nwb_smb2_break_cancel() - @f is closed: nothing is owed any more. Waits for
 * a call under way; c->lock held. */
void nwb_smb2_break_cancel(struct nwb_smb2_file *f)
{
	struct nwb_smb2 *c = f->c;

	nwb_list_del(&f->brk.link);
	nwb_wait_event(&c->break_q, &c->lock, !f->brk.is_running);
	nwb_list_del(&f->brk.link);
}

void nwb_smb2_file_on_break(struct nwb_smb2_file *f,
			    void (*fn)(void *arg, uint32_t caching), void *arg)
{
	struct nwb_smb2 *c = f->c;

	nwb_mutex_lock(&c->lock);
	f->on_break = fn;
	f->break_arg = arg;
	if (!fn)
		nwb_wait_event(&c->break_q, &c->lock, !f->brk.is_running);
	nwb_mutex_unlock(&c->lock);
}

bool nwb_smb2_file_is_open(struct nwb_smb2_file *f, uint32_t instance)
{
	struct nwb_smb2 *c = f->c;
	bool is_open;

	nwb_mutex_lock(&c->lock);
	is_open = c->state == CONN_UP && f->fid_epoch == c->epoch &&
		  f->instance == instance;
	nwb_mutex_unlock(&c->lock);
	return is_open;
}

uint32_t nwb_smb2_file_caching(struct nwb_smb2_file *f)
{
	uint32_t caching;

	nwb_mutex_lock(&f->c->lock);
	caching = f->caching;
	nwb_mutex_unlock(&f->c->lock);
	return caching;
}

uint64_t nwb_smb2_file_eof(struct nwb_smb2_file *f)
{
	uint64_t eof;

	nwb_mutex_lock(&f->c->lock);
	eof = f->eof;
	nwb_mutex_unlock(&f->c->lock);
	return eof;
}

bool nwb_smb2_file_is_durable(struct nwb_smb2_file *f)
{
	bool is_durable;

	nwb_mutex_lock(&f->c->lock);
	is_durable = f->is_durable;
	nwb_mutex_unlock(&f->c->lock);
	return is_durable;
}
