/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bodies of the events, as Linux 6.12 and 7.2 print them. The words are
 * those of include/trace/events/netfs.h and fs/smb/client/trace.h; numbers are
 * hexadecimal unless they are said not to be.
 *
 *	netfs_write_iter    WRITE-ITER [i=INO] s=START l=LEN f=FLAGS
 *	netfs_write         R=ID WHAT c=COOKIE [o=OBJECT] [i=INO] by=FIRST-LAST
 *	netfs_read          R=ID WHAT c=COOKIE ... s=START [l=]LEN ...
 *	netfs_rreq          R=ID ORIGIN WHAT f=FLAGS
 *	netfs_sreq          R=ID[INDEX] SOURCE WHAT f=FLAGS s=START DONE/LEN
 *			    [s=SLOT] e=ERROR (decimal)
 *	netfs_failure       R=ID[INDEX] SOURCE f=FLAGS s=START DONE/LEN WHAT
 *			    e=ERROR; INDEX is -1 (in 6.12 and in decimal, or as
 *			    ffff...) when it is about the whole request
 *	netfs_folio         [p=PFN] i=INO ix=FIRST-LAST WHY
 *	netfs_collect*      R=ID ...
 *	netfs_collect_sreq  R=ID[STREAM:INDEX] s=START t=DONE/LEN
 *	smb3_write_*        R=ID[INDEX] ... offset=START len=LEN [rc=ERROR]
 *	smb3_rw_credits     R=ID[INDEX] WHAT ...
 *	9p_client_req, _res client N request WHAT tag N [err N]
 *	fuse_request_*      ... opcode N (WHAT) ...
 *
 *	tracing_mark_write  nwb: B|E id=ID op=OP file=N off=OFF len=LEN r=RESULT
 *			    (decimal): the guest's own program (nwb/guest.h)
 *
 * Fields are found by their key, so a field more or less in another kernel does
 * no harm; what makes the meaning of an event must be there, or it is a TEXT.
 */
#include "trace_event.h"

/* The first word of @body that begins with @key; behind it. */
static bool find(struct nwb_ktext body, const char *key, struct nwb_ktext *ret)
{
	struct nwb_ktext w;

	for (w = ktext_word(&body); w.n; w = ktext_word(&body)) {
		if (!ktext_starts(w, key))
			continue;
		ktext_skip(&w, strlen(key));
		*ret = w;
		return true;
	}
	return false;
}

static bool find_hex(struct nwb_ktext body, const char *key, uint64_t *ret_v)
{
	struct nwb_ktext w;

	if (!find(body, key, &w))
		return false;
	if (ktext_starts(w, "0x"))
		ktext_skip(&w, 2);
	return ktext_number(&w, 16, ret_v);
}

/* Decimal, perhaps negative; an errno. */
static bool find_error(struct nwb_ktext body, const char *key, int32_t *ret_v)
{
	struct nwb_ktext w;
	bool minus;
	uint64_t v;

	if (!find(body, key, &w) || !w.n)
		return false;
	minus = *w.p == '-';
	if (minus)
		ktext_skip(&w, 1);
	if (!ktext_number(&w, 10, &v) || v > INT32_MAX)
		return false;
	*ret_v = minus ? -(int32_t)v : (int32_t)v;
	return true;
}

/* "DONE/LEN" */
static bool parse_share(struct nwb_ktext w, struct nwb_kev *e)
{
	uint64_t done, len;

	if (!ktext_number(&w, 16, &done) || !w.n || *w.p != '/')
		return false;
	ktext_skip(&w, 1);
	if (!ktext_number(&w, 16, &len) || w.n)
		return false;
	e->done = done;
	e->len = len;
	return true;
}

static bool find_share(struct nwb_ktext body, struct nwb_kev *e)
{
	struct nwb_ktext w;

	for (w = ktext_word(&body); w.n; w = ktext_word(&body))
		if (parse_share(w, e))
			return true;
	return false;
}

/* "FIRST-LAST" */
static bool parse_span(struct nwb_ktext w, uint64_t *ret_first,
		       uint64_t *ret_nr)
{
	uint64_t first, last;

	if (!ktext_number(&w, 16, &first) || !w.n || *w.p != '-')
		return false;
	ktext_skip(&w, 1);
	if (!ktext_number(&w, 16, &last) || w.n)
		return false;
	*ret_first = first;
	*ret_nr = last - first + 1; /* an empty one ends before it begins */
	return true;
}

/* "R=ID", "R=ID[INDEX]", "R=ID[STREAM:INDEX]", "R=ID[STREAM:]" */
static bool parse_id(struct nwb_ktext w, struct nwb_kev *e)
{
	uint64_t id, v;

	if (!ktext_starts(w, "R="))
		return false;
	ktext_skip(&w, 2);
	if (!ktext_number(&w, 16, &id) || !id || id > UINT32_MAX)
		return false;
	e->rreq = (uint32_t)id;
	if (!w.n)
		return true;
	if (w.n < 3 || *w.p != '[' || w.p[w.n - 1] != ']')
		return false;
	ktext_skip(&w, 1);
	w.n--;
	if (ktext_is(w, "-1") || ktext_starts(w, "ffff"))
		return true; /* of the whole request */
	if (!ktext_number(&w, 16, &v))
		return false;
	if (w.n && *w.p == ':') {
		e->stream = (uint8_t)nwb_min(v, 255u);
		ktext_skip(&w, 1);
		if (!w.n)
			return true;
		if (!ktext_number(&w, 16, &v))
			return false;
	}
	e->index = (uint32_t)nwb_min(v, (uint64_t)UINT32_MAX - 1);
	return !w.n;
}

static void set_stream(struct nwb_ktext source, struct nwb_kev *e)
{
	if (ktext_is(source, "UPLD"))
		e->stream = 0;
	else if (ktext_is(source, "WRIT"))
		e->stream = 1;
	else if (ktext_is(source, "MIRR")) /* no kernel's, the reference's */
		e->stream = 2;
}

static bool body_write_iter(struct nwb_kev *e)
{
	(void)find_hex(e->body, "i=", &e->ino);
	return find_hex(e->body, "s=", &e->start) &&
	       find_hex(e->body, "l=", &e->len);
}

static bool body_write(struct nwb_kev *e)
{
	struct nwb_ktext t = e->body, w;

	if (!parse_id(ktext_word(&t), e))
		return false;
	ktext_copy(ktext_word(&t), e->what, sizeof(e->what));
	(void)find_hex(t, "i=", &e->ino);
	return find(t, "by=", &w) && parse_span(w, &e->start, &e->len);
}

static bool body_read(struct nwb_kev *e)
{
	struct nwb_ktext t = e->body;

	if (!parse_id(ktext_word(&t), e))
		return false;
	ktext_copy(ktext_word(&t), e->what, sizeof(e->what));
	(void)find_hex(t, "ni=", &e->ino);
	(void)find_hex(t, "l=", &e->len);
	return find_hex(t, "s=", &e->start);
}

static bool body_rreq(struct nwb_kev *e)
{
	struct nwb_ktext t = e->body, w;

	if (!parse_id(ktext_word(&t), e))
		return false;
	ktext_copy(ktext_word(&t), e->origin, sizeof(e->origin));
	w = ktext_word(&t);
	ktext_copy(w, e->what, sizeof(e->what));
	return w.n > 0;
}

static bool body_sreq(struct nwb_kev *e)
{
	struct nwb_ktext t = e->body, w;

	if (!parse_id(ktext_word(&t), e) || e->index == NWB_KEV_NO_INDEX)
		return false;
	set_stream(ktext_word(&t), e);
	w = ktext_word(&t);
	ktext_copy(w, e->what, sizeof(e->what));
	return find_hex(t, "s=", &e->start) && find_share(t, e) &&
	       find_error(t, "e=", &e->error);
}

static bool body_failure(struct nwb_kev *e)
{
	struct nwb_ktext t = e->body, w;

	if (!parse_id(ktext_word(&t), e))
		return false;
	set_stream(ktext_word(&t), e);
	if (!find_hex(t, "s=", &e->start) || !find_error(t, "e=", &e->error))
		return false;
	for (w = ktext_word(&t); w.n; w = ktext_word(&t))
		if (parse_share(w, e))
			break;
	w = ktext_word(&t);
	ktext_copy(w, e->what, sizeof(e->what));
	return w.n > 0;
}

static bool body_folio(struct nwb_kev *e)
{
	struct nwb_ktext w, t = e->body;

	if (!find_hex(t, "i=", &e->ino) || !find(t, "ix=", &w) ||
	    !parse_span(w, &e->page, &e->nr_pages))
		return false;
	while (!ktext_starts(ktext_word(&t), "ix="))
		;
	w = ktext_word(&t);
	ktext_copy(w, e->what, sizeof(e->what));
	return w.n > 0;
}

static bool body_collect(struct nwb_kev *e)
{
	struct nwb_ktext t = e->body;

	return parse_id(ktext_word(&t), e);
}

static bool body_smb_write(struct nwb_kev *e)
{
	struct nwb_ktext t = e->body;

	if (!parse_id(ktext_word(&t), e))
		return false;
	(void)find_error(t, "rc=", &e->error);
	return find_hex(t, "offset=", &e->start) &&
	       find_hex(t, "len=", &e->len);
}

static bool body_smb_credit(struct nwb_kev *e)
{
	struct nwb_ktext t = e->body;

	if (!parse_id(ktext_word(&t), e))
		return false;
	ktext_copy(ktext_word(&t), e->what, sizeof(e->what));
	return true;
}

static bool body_9p(struct nwb_kev *e)
{
	struct nwb_ktext t = e->body, w;

	for (w = ktext_word(&t); w.n; w = ktext_word(&t))
		if (ktext_is(w, "request") || ktext_is(w, "response"))
			break;
	w = ktext_word(&t);
	ktext_copy(w, e->what, sizeof(e->what));
	return w.n > 0;
}

static bool body_fuse(struct nwb_kev *e)
{
	struct nwb_ktext w;

	if (find(e->body, "(", &w) && w.n && w.p[w.n - 1] == ')') {
		w.n--;
		ktext_copy(w, e->what, sizeof(e->what));
	}
	return true;
}

static bool find_number(struct nwb_ktext body, const char *key, uint64_t *ret_v)
{
	struct nwb_ktext w;

	return find(body, key, &w) && ktext_number(&w, 10, ret_v) && !w.n;
}

static bool body_op(struct nwb_kev *e)
{
	struct nwb_ktext t = e->body, w;
	uint64_t id;

	if (!ktext_is(ktext_word(&t), "nwb:"))
		return false;
	w = ktext_word(&t);
	e->done = ktext_is(w, "E");
	if ((!e->done && !ktext_is(w, "B")) || !find_number(t, "id=", &id) ||
	    id >= NWB_KEV_NO_INDEX || !find(t, "op=", &w))
		return false;
	e->index = (uint32_t)id;
	ktext_copy(w, e->what, sizeof(e->what));
	(void)find_error(t, "r=", &e->error);
	return find_number(t, "off=", &e->start) &&
	       find_number(t, "len=", &e->len);
}

static const struct {
	const char *name;
	enum nwb_kev_kind kind;
	bool (*body)(struct nwb_kev *e);
} events[] = {
	{"netfs_write_iter", NWB_KEV_WRITE_ITER, body_write_iter},
	{"netfs_write", NWB_KEV_WRITE, body_write},
	{"netfs_read", NWB_KEV_READ, body_read},
	{"netfs_rreq", NWB_KEV_RREQ, body_rreq},
	{"netfs_sreq", NWB_KEV_SREQ, body_sreq},
	{"netfs_failure", NWB_KEV_FAILURE, body_failure},
	{"netfs_folio", NWB_KEV_FOLIO, body_folio},
	{"netfs_collect", NWB_KEV_COLLECT, body_collect},
	{"netfs_collect_sreq", NWB_KEV_COLLECT, body_collect},
	{"netfs_collect_folio", NWB_KEV_COLLECT, body_collect},
	{"netfs_collect_state", NWB_KEV_COLLECT, body_collect},
	{"netfs_collect_gap", NWB_KEV_COLLECT, body_collect},
	{"netfs_collect_stream", NWB_KEV_COLLECT, body_collect},
	{"smb3_write_enter", NWB_KEV_SMB_WRITE, body_smb_write},
	{"smb3_write_done", NWB_KEV_SMB_WRITE, body_smb_write},
	{"smb3_write_err", NWB_KEV_SMB_WRITE, body_smb_write},
	{"smb3_rw_credits", NWB_KEV_SMB_CREDIT, body_smb_credit},
	{"9p_client_req", NWB_KEV_9P, body_9p},
	{"9p_client_res", NWB_KEV_9P, body_9p},
	{"fuse_request_send", NWB_KEV_FUSE, body_fuse},
	{"fuse_request_end", NWB_KEV_FUSE, body_fuse},
	{"tracing_mark_write", NWB_KEV_OP, body_op},
};

void kev_body(struct nwb_kev *e)
{
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(events); i++) {
		struct nwb_kev full = *e;

		if (!ktext_is(e->event, events[i].name))
			continue;
		if (events[i].body(&full)) {
			*e = full;
			e->kind = events[i].kind;
		}
		return;
	}
}
