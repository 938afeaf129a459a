/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words of netwb explain: a line a record, 72 columns. */
#include "explain_i.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* "   1.204  " and the column of what happened */
#define TIME_WIDTH 9
#define WHAT_WIDTH 9

struct line {
	char text[NWB_EXPLAIN_COLUMNS + 1];
	size_t len;
};

static void put(struct line *l, const char *fmt, ...) nwb_printf(2, 3);

/* What does not fit is marked, not wrapped: only nonsense is that long. */
static void put(struct line *l, const char *fmt, ...)
{
	size_t room = sizeof(l->text) - l->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n < room) {
		l->len += (size_t)n;
		return;
	}
	l->len = sizeof(l->text) - 1;
	l->text[l->len - 1] = '~';
}

static void put_range(struct line *l, const struct nwb_lrec *r)
{
	put(l, "%llu+%llu", (unsigned long long)r->off,
	    (unsigned long long)r->len);
}

static const char *smb_command(unsigned int cmd)
{
	switch (cmd) {
	case 5:
		return "CREATE";
	case 6:
		return "CLOSE";
	case 7:
		return "FLUSH";
	case 8:
		return "READ";
	case 9:
		return "WRITE";
	default:
		return "SMB2";
	}
}

static const char *p9_command(unsigned int cmd)
{
	switch (cmd) {
	case 50:
		return "Tfsync";
	case 116:
		return "Tread";
	case 118:
		return "Twrite";
	case 120:
		return "Tclunk";
	default:
		return "9P";
	}
}

/* Faults and effects do not say which protocol it is; 9P's types are large. */
static bool is_9p(const struct nwb_lrec *r)
{
	return r->flags & NWB_LF_9P || r->cmd >= 24;
}

static void put_pdu(struct line *l, const struct nwb_lrec *r)
{
	if (!r->conn && !r->mid && !r->cmd) {
		put(l, "of a request that is not known");
		return;
	}
	if (is_9p(r))
		put(l, "%s tag %llu", p9_command(r->cmd),
		    (unsigned long long)r->mid);
	else
		put(l, "%s mid %llu", smb_command(r->cmd),
		    (unsigned long long)r->mid);
	put(l, " conn %u", r->conn);
}

static void put_result(struct line *l, const struct nwb_lrec *r)
{
	if (!ex_has_ended(r))
		put(l, ": never ended");
	else if (r->result < 0)
		put(l, ": %s",
		    nwb_errno_name((int)nwb_max(r->result, (int64_t)-4096)));
	else if (r->kind == NWB_L_FSYNC || r->kind == NWB_L_CLOSE ||
		 r->kind == NWB_L_EFFECT_FSYNC)
		put(l, ": ok");
	else if ((uint64_t)r->result != r->len)
		put(l, ": %lld", (long long)r->result);
}

/* How long it took, for what people wait for. */
static void put_duration(struct line *l, const struct nwb_lrec *r)
{
	if (ex_has_ended(r) && r->t_end > r->t_begin)
		put(l, " after %.1f ms", (double)(r->t_end - r->t_begin) / 1e6);
}

static void user_line(const struct explain *x, const struct nwb_lrec *r,
		      struct line *l)
{
	put(l, "fd %u", r->fd);
	if (r->kind == NWB_L_WRITE || r->kind == NWB_L_TRUNCATE)
		put(l, " v%u", r->version);
	if (r->kind == NWB_L_WRITE || r->kind == NWB_L_READ) {
		put(l, ", ");
		put_range(l, r);
	}
	if (r->kind == NWB_L_TRUNCATE)
		put(l, ", to %llu", (unsigned long long)r->off);
	if (r->kind == NWB_L_FSYNC && x->covered)
		put(l, ", covers v%u", x->covered);
	put_result(l, r);
	if (r->kind == NWB_L_FSYNC)
		put_duration(l, r);
}

static void client_line(const struct nwb_lrec *r, struct line *l)
{
	switch (r->kind) {
	case NWB_L_SENT:
		put(l, "attempt %llu, ", (unsigned long long)r->aux + 1);
		put_range(l, r);
		break;
	case NWB_L_ACKED:
		put_range(l, r);
		if (r->instance)
			put(l, ", instance %u", r->instance);
		break;
	case NWB_L_GIVEUP:
		put(l, "%llu attempts, ", (unsigned long long)r->aux);
		if (r->len)
			put_range(l, r);
		else
			put(l, "a FLUSH");
		put_result(l, r);
		put(l, ", status 0x%x", r->status);
		break;
	default:
		put(l, "instance %u", r->instance);
		break;
	}
}

static void effect_line(const struct explain *x, const struct nwb_lrec *r,
			struct line *l)
{
	uint32_t version;

	if (r->kind == NWB_L_EFFECT_TRUNCATE) {
		put(l, "to %llu", (unsigned long long)r->off);
		put_result(l, r);
		return;
	}
	if (r->kind == NWB_L_EFFECT_WRITE) {
		if (ex_version(x, r, &version))
			put(l, "v%u, ", version);
		put_range(l, r);
		put(l, ", ");
	}
	if (r->conn || r->mid)
		put(l, "%s %llu :%u", is_9p(r) ? "tag" : "mid",
		    (unsigned long long)r->mid, r->conn);
	else
		put(l, "whose is not known");
	put_result(l, r);
	if (r->aux)
		put(l, ", parked %.*f ms", r->aux < 100 * NWB_MSEC,
		    (double)r->aux / 1e6);
}

static void server_line(const struct explain *x, const struct nwb_lrec *r,
			struct line *l)
{
	switch (r->kind) {
	case NWB_L_PDU_REQ:
		put_pdu(l, r);
		if (r->len) {
			put(l, ", ");
			put_range(l, r);
		}
		break;
	case NWB_L_PDU_REPLY:
		put_pdu(l, r);
		put(l, ": %s0x%x", r->flags & NWB_LF_INTERIM ? "interim " : "",
		    r->status);
		if (r->grant)
			put(l, ", %u credits", r->grant);
		if (r->flags & NWB_LF_DUP)
			put(l, ", a second copy");
		if (!ex_has_ended(r))
			put(l, ", not sent");
		break;
	case NWB_L_CONN_UP:
		put(l, "%u", r->conn);
		break;
	case NWB_L_CONN_DOWN:
		put(l, "%u%s", r->conn, r->aux ? ", by a fault" : "");
		break;
	case NWB_L_FAULT:
		put(l, "rule %u, hit %llu: ", r->rule + 1u,
		    (unsigned long long)r->aux);
		put_pdu(l, r);
		break;
	default:
		effect_line(x, r, l);
		break;
	}
}

static void harness_line(const struct nwb_lrec *r, struct line *l)
{
	switch (r->kind) {
	case NWB_L_SERVER_UP:
		put(l, "instance %u", r->instance);
		break;
	case NWB_L_SERVER_DOWN:
		put(l, "%s%s", r->flags & NWB_LF_CRASH ? "crashed" : "ended",
		    r->flags & NWB_LF_VOLATILE ? ", what was not synced is lost"
					       : "");
		break;
	case NWB_L_HEAL:
		put(l, "no more faults from here");
		break;
	default:
		put(l, "all is closed, the server is quiet");
		break;
	}
}

static const char *what(const struct nwb_lrec *r)
{
	static const char *const word[NWB_L_KINDS] = {
		[NWB_L_OPEN] = "open",
		[NWB_L_WRITE] = "write",
		[NWB_L_READ] = "read",
		[NWB_L_TRUNCATE] = "truncate",
		[NWB_L_FSYNC] = "fsync",
		[NWB_L_CLOSE] = "close",
		[NWB_L_SENT] = "sent",
		[NWB_L_ACKED] = "acked",
		[NWB_L_GIVEUP] = "gave up",
		[NWB_L_CONNECT] = "connected",
		[NWB_L_PDU_REQ] = "request",
		[NWB_L_PDU_REPLY] = "reply",
		[NWB_L_EFFECT_WRITE] = "applied",
		[NWB_L_EFFECT_FSYNC] = "synced",
		[NWB_L_EFFECT_TRUNCATE] = "cut to",
		[NWB_L_CONN_UP] = "conn up",
		[NWB_L_CONN_DOWN] = "conn down",
		[NWB_L_FAULT] = "FAULT",
		[NWB_L_SERVER_UP] = "server up",
		[NWB_L_SERVER_DOWN] = "server",
		[NWB_L_HEAL] = "heal",
		[NWB_L_RUN_END] = "end",
		[NWB_L_JOIN] = "heard",
	};

	return r->kind < NWB_L_KINDS && word[r->kind] ? word[r->kind] : "?";
}

void ex_line(struct explain *x, const struct nwb_lrec *r)
{
	struct line l = {.len = 0};

	put(&l, "%*.3f  %-*s ", TIME_WIDTH,
	    (double)(int64_t)(r->t_begin - x->t0) / 1e6, WHAT_WIDTH, what(r));
	if (r->kind <= NWB_L_CLOSE)
		user_line(x, r, &l);
	else if (r->kind <= NWB_L_CONNECT)
		client_line(r, &l);
	else if (r->kind <= NWB_L_FAULT)
		server_line(x, r, &l);
	else
		harness_line(r, &l);
	x->put(x->arg, l.text);
}

void ex_summary(struct explain *x)
{
	const struct ex_sum *s = &x->sum;
	struct line l = {.len = 0};

	put(&l, "in the end: ");
	if (s->written)
		put(&l, "v%u written; ", s->written->version);
	else
		put(&l, "no write(2) is known; ");
	if (!s->applied)
		put(&l, "nothing applied");
	else if (s->is_known)
		put(&l, "v%u applied last", s->applied_version);
	else
		put(&l, "applied, version unknown");
	if (!s->promise)
		put(&l, "; no fsync");
	else if (s->promised_version)
		put(&l, "; fsync ok for v%u", s->promised_version);
	else
		put(&l, "; fsync ok before it");
	if (s->nr_sent > 1)
		put(&l, "; sent %ux", s->nr_sent);
	if (s->nr_gaveup)
		put(&l, "; gave up %ux", s->nr_gaveup);
	x->put(x->arg, l.text);
}
