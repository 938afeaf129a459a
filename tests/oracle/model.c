/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model of a client and its server (model.h). */
#include "model.h"
#include "nwb_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE	MODEL_SIZE
#define RECS	MODEL_RECS
#define OUT_MAX MODEL_OUT_MAX
#define FDS	MODEL_FDS

static uint32_t draw(struct model *m, uint32_t below)
{
	m->seed ^= m->seed >> 12;
	m->seed ^= m->seed << 25;
	m->seed ^= m->seed >> 27;
	return (uint32_t)((m->seed * 2685821657736338717ull) >> 33) % below;
}

static struct nwb_lrec *begin(struct model *m, uint16_t kind)
{
	struct nwb_lrec *r = &m->rec[m->nr++];

	nwb_check(m->nr < RECS);
	memset(r, 0, sizeof(*r));
	r->kind = kind;
	r->state = NWB_LS_BEGUN;
	r->begin = ++m->ticket;
	r->end = NWB_TICKET_OPEN;
	r->t_begin = r->begin * 1000;
	return r;
}

static struct nwb_lrec *begin_io(struct model *m, uint16_t kind, uint32_t lo,
				 uint32_t hi)
{
	struct nwb_lrec *r = begin(m, kind);

	r->file = 1;
	r->fd = 1;
	r->off = lo;
	r->len = hi - lo;
	return r;
}

static void end(struct model *m, struct nwb_lrec *r, int64_t result)
{
	r->result = result;
	r->end = ++m->ticket;
	r->t_end = r->end * 1000;
	r->state = NWB_LS_ENDED;
}

static void bytes_of(const struct model *m, const uint32_t *version,
		     uint32_t lo, uint32_t hi, int64_t shift, uint8_t *buf)
{
	for (uint32_t i = lo; i < hi; i++)
		if (version[i])
			nwb_stamp_fill(&m->key, 1, version[i],
				       (uint64_t)(i + shift), buf + (i - lo),
				       1);
		else
			buf[i - lo] = 0;
}

static void app_write(struct model *m)
{
	uint32_t lo = draw(m, SIZE), hi;
	struct nwb_lrec *r;

	/* Whole lanes where a defect must be seen for sure. */
	lo = m->defect || draw(m, 2) ? lo / 16 * 16 : lo;
	hi = lo + 1 + draw(m, 300);
	hi = m->defect || draw(m, 2) ? (hi + 15) / 16 * 16 : hi;
	hi = nwb_min(hi, SIZE);
	r = begin_io(m, NWB_L_WRITE, lo, hi);
	r->version = ++m->version;
	for (uint32_t i = lo; i < hi; i++) {
		m->cache[i] = m->version;
		m->dirty[i] = true;
	}
	if (!m->defect && !m->open_write && !draw(m, 4)) {
		m->open_write = r; /* its return takes a while */
		return;
	}
	end(m, r, hi - lo);
}

static void end_open_write(struct model *m)
{
	if (m->open_write)
		end(m, m->open_write, (int64_t)m->open_write->len);
	m->open_write = NULL;
}

static void sent(struct model *m, const struct upload *u, uint64_t attempt)
{
	struct nwb_lrec *r = begin_io(m, NWB_L_SENT, u->lo, u->hi);

	r->aux = attempt;
	end(m, r, 0);
}

static void start_upload(struct model *m)
{
	uint32_t at = draw(m, SIZE), lo, hi, most = 1 + draw(m, 600);
	struct upload *u = &m->out[m->nr_out];

	if (m->nr_out == OUT_MAX)
		return;
	for (lo = at; lo < SIZE && (!m->dirty[lo] || m->busy[lo]); lo++)
		;
	if (m->defect)
		lo = lo / 16 * 16;
	for (hi = lo;
	     hi < SIZE && hi - lo < most && m->dirty[hi] && !m->busy[hi]; hi++)
		;
	if (m->defect)
		hi = lo + (hi - lo) / 16 * 16;
	if (lo >= hi)
		return;
	u->lo = lo;
	u->hi = hi;
	u->effect = NULL;
	u->is_done = false;
	for (uint32_t i = lo; i < hi; i++) {
		u->version[i] = m->cache[i];
		m->dirty[i] = false;
		m->busy[i] = true;
	}
	sent(m, u, 0);
	m->nr_out++;
}

static struct model *run_model;
static uint32_t run_parent;

static int add_run(void *arg, const struct nwb_stamp_run *run)
{
	struct nwb_lrec *r =
		begin_io(arg, NWB_L_EFFECT_RUN, (uint32_t)run->offset,
			 (uint32_t)(run->offset + run->len));

	r->parent = run_parent;
	end(arg, r, 0);
	if (run->kind == NWB_STAMP_ZERO) {
		r->flags = NWB_LF_ZERO;
	} else if (run->kind == NWB_STAMP_PARTIAL) {
		r->flags = NWB_LF_PARTIAL;
		memcpy(&r->result, run->raw, 8);
		memcpy(&r->mid, run->raw + 8, 8);
	} else {
		r->version = run->lane.version;
		r->file2 = run->lane.file;
		r->len2 = run->lane.offset;
	}
	return 0;
}

static struct nwb_lrec *begin_effect(struct model *m, const struct upload *u,
				     int64_t shift)
{
	struct nwb_lrec *e = begin_io(m, NWB_L_EFFECT_WRITE, u->lo, u->hi);
	uint8_t buf[SIZE];

	e->conn = m->conn;
	run_parent = (uint32_t)(e - m->rec) + 1;
	run_model = m;
	bytes_of(m, u->version, u->lo, u->hi, shift, buf);
	nwb_stamp_scan(&m->key, u->lo, buf, u->hi - u->lo, add_run, m);
	return e;
}

static void apply(struct model *m, struct upload *u)
{
	memcpy(m->server + u->lo, u->version + u->lo,
	       (u->hi - u->lo) * sizeof(*m->server));
	u->is_done = true;
}

static void remove_upload(struct model *m, unsigned int i)
{
	for (uint32_t b = m->out[i].lo; b < m->out[i].hi; b++)
		m->busy[b] = false;
	m->out[i] = m->out[--m->nr_out];
}

static void give_up(struct model *m, unsigned int i)
{
	struct nwb_lrec *r =
		begin_io(m, NWB_L_GIVEUP, m->out[i].lo, m->out[i].hi);

	r->status = EIO;
	r->aux = 1;
	end(m, r, -EIO);
	for (unsigned int fd = 0; fd < FDS; fd++)
		m->untold[fd] = true;
	remove_upload(m, i);
}

static void acked(struct model *m, unsigned int i)
{
	struct upload *u = &m->out[i];

	end(m, begin_io(m, NWB_L_ACKED, u->lo, u->hi), u->hi - u->lo);
	for (uint32_t b = u->lo; b < u->hi; b++)
		m->unstable[b] = true;
	remove_upload(m, i);
}

/* Begin, apply and end an effect in one go. */
static void effect(struct model *m, struct upload *u, int64_t shift)
{
	struct nwb_lrec *e = begin_effect(m, u, shift);

	if (!shift)
		apply(m, u);
	end(m, e, u->hi - u->lo);
}

static void cut(struct model *m, unsigned int i)
{
	struct upload first = m->out[i], *u = &m->out[i];
	bool is_after = draw(m, 2);
	bool is_harm = false;

	if (is_after && !u->is_done)
		effect(m, u, 0);
	m->conn++;
	for (uint32_t b = u->lo; b < u->hi; b++) {
		/* The retry takes what is in the cache now. */
		is_harm |= m->cache[b] != u->version[b];
		u->version[b] = m->cache[b];
		m->dirty[b] = false;
	}
	sent(m, u, 1);
	effect(m, u, m->defect == WRONG_OFFSET ? 16 : 0);
	m->is_harmed |= m->defect == WRONG_OFFSET;
	acked(m, i);
	if (m->defect == STALE_RESEND && is_harm) {
		effect(m, &first, 0);
		m->is_harmed = true;
	}
}

/* One step of one upload that is out. */
static void progress(struct model *m, unsigned int i)
{
	struct upload *u = &m->out[i];

	if (u->effect && !u->is_done) {
		apply(m, u);
		return;
	}
	if (u->effect) {
		end(m, u->effect, u->hi - u->lo);
		acked(m, i);
		return;
	}
	switch (draw(m, 10)) {
	case 0:
		cut(m, i);
		return;
	case 1:
		if (m->defect && m->defect != SWALLOWED_ERROR)
			break;
		end(m, begin_effect(m, u, 0), -EIO);
		give_up(m, i);
		return;
	case 2:
		if (m->defect != DROPPED_UPLOAD)
			break;
		acked(m, i);
		return;
	default:
		break;
	}
	u->effect = begin_effect(m, u, 0);
}

static bool is_all_clean(const struct model *m)
{
	for (uint32_t i = 0; i < SIZE; i++)
		if (m->dirty[i])
			return false;
	return !m->nr_out;
}

/* Has the server all that the cache has, given up or not? */
static bool is_same(const struct model *m, const uint32_t *there)
{
	return !memcmp(m->cache, there, sizeof(m->cache));
}

static void app_fsync(struct model *m, unsigned int fd, bool may_fail_flush)
{
	struct nwb_lrec *r = begin_io(m, NWB_L_FSYNC, 0, 0), *f;
	bool is_told;

	r->fd = (uint16_t)(fd + 1);
	while (!is_all_clean(m)) {
		start_upload(m);
		if (m->nr_out)
			progress(m, draw(m, m->nr_out));
	}
	f = begin_io(m, NWB_L_EFFECT_FSYNC, 0, 0);
	if (!may_fail_flush || draw(m, 4)) {
		memcpy(m->durable, m->server, sizeof(m->durable));
		memset(m->unstable, 0, sizeof(m->unstable));
		end(m, f, 0);
	} else { /* the server never answered; the next one does */
		f->state = NWB_LS_BEGUN;
		f = begin_io(m, NWB_L_EFFECT_FSYNC, 0, 0);
		memcpy(m->durable, m->server, sizeof(m->durable));
		memset(m->unstable, 0, sizeof(m->unstable));
		end(m, f, 0);
	}
	end_open_write(m);
	is_told = m->untold[fd];
	m->untold[fd] = false;
	if (is_told && m->defect == SWALLOWED_ERROR) {
		is_told = false;
		m->is_harmed = true;
	}
	end(m, r, is_told ? -EIO : 0);
	if (!is_told && m->defect == DROPPED_UPLOAD && !is_same(m, m->server))
		m->is_harmed = true;
	if (!is_told && m->defect == FORGOT_UNSTABLE && !is_same(m, m->durable))
		m->is_harmed = true;
}

static void crash(struct model *m)
{
	bool is_volatile = m->defect || draw(m, 2);
	struct nwb_lrec *r = begin(m, NWB_L_SERVER_DOWN);

	r->flags = NWB_LF_CRASH | (is_volatile ? NWB_LF_VOLATILE : 0);
	while (m->nr_out) {
		struct upload *u = &m->out[0];

		if (u->effect && draw(m, 2))
			apply(m, u);
		for (uint32_t b = u->lo; b < u->hi; b++)
			m->dirty[b] = true;
		remove_upload(m, 0);
	}
	if (is_volatile)
		memcpy(m->server, m->durable, sizeof(m->server));
	end(m, r, 0);
	m->conn++;
	end(m, begin(m, NWB_L_SERVER_UP), 0);
	for (uint32_t b = 0; b < SIZE; b++) {
		if (m->defect != FORGOT_UNSTABLE)
			m->dirty[b] |= m->unstable[b];
		m->unstable[b] = false;
	}
}

static void step(struct model *m)
{
	switch (draw(m, 16)) {
	case 0:
		app_fsync(m, draw(m, FDS), true);
		break;
	case 1:
		/* A give-up leaves bytes that a resend must not mix up. */
		if (draw(m, 4) == 0 && m->defect != SWALLOWED_ERROR)
			crash(m);
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		app_write(m);
		break;
	case 6:
		end_open_write(m);
		break;
	case 7:
	case 8:
	case 9:
		start_upload(m);
		break;
	default:
		if (m->nr_out)
			progress(m, draw(m, m->nr_out));
	}
}

void model_run(struct model *m, uint64_t seed, enum defect defect,
	       unsigned int steps)
{
	struct nwb_lrec *rec = m->rec, *r;
	static const uint8_t key[16] = "model";

	memset(m, 0, sizeof(*m));
	m->rec = rec;
	m->seed = seed * 0x9e3779b97f4a7c15ull + 1;
	m->defect = defect;
	m->conn = 1000;
	nwb_stamp_key_init(&m->key, key);
	for (unsigned int fd = 0; fd < FDS; fd++) {
		r = begin_io(m, NWB_L_OPEN, 0, 0);
		r->fd = (uint16_t)(fd + 1);
		end(m, r, 0);
	}
	for (unsigned int i = 0; i < steps; i++)
		step(m);
	end_open_write(m);
	for (unsigned int fd = 0; fd < FDS; fd++)
		app_fsync(m, fd, false);
	for (unsigned int fd = 0; fd < FDS; fd++) {
		r = begin_io(m, NWB_L_CLOSE, 0, 0);
		r->fd = (uint16_t)(fd + 1);
		end(m, r, 0);
	}
	end(m, begin(m, NWB_L_RUN_END), 0);
}

void model_content(const struct model *m, uint8_t *data)
{
	bytes_of(m, m->server, 0, SIZE, 0, data);
}
