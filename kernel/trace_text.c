/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reference trace as text: a line a step, both ways. See nwb/ktrace.h. */
#include "trace_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const kind_name[NWB_KS_KINDS] = {
	[NWB_KS_WRITE] = "write",     [NWB_KS_REQ] = "req",
	[NWB_KS_STORE] = "store",     [NWB_KS_SUBMIT] = "submit",
	[NWB_KS_TERM] = "term",	      [NWB_KS_RETRY] = "retry",
	[NWB_KS_SPLIT] = "split",     [NWB_KS_DISCARD] = "discard",
	[NWB_KS_FAIL] = "fail",	      [NWB_KS_PAUSE] = "pause",
	[NWB_KS_UNPAUSE] = "unpause", [NWB_KS_CLEAR] = "clear",
	[NWB_KS_DONE] = "done",
};

static const char *const stream_name[] = {"up", "cache", "mirror"};

static const char *error_name(int32_t error, char buf[16])
{
	const char *name;

	if (!error)
		return "ok";
	name = nwb_errno_name(error);
	if (strcmp(name, "E?") != 0)
		return name;
	snprintf(buf, 16, "%" PRId32, error);
	return buf;
}

void nwb_kstep_text(const struct nwb_kstep *s, char *buf, size_t size)
{
	unsigned int stream = nwb_min(s->stream, 2u);
	char num[16];

	nwb_assert(s->kind < NWB_KS_KINDS);
	switch (s->kind) {
	case NWB_KS_WRITE:
		snprintf(buf, size, "write f%u %" PRIx64 "+%" PRIx64, s->file,
			 s->off, s->len);
		break;
	case NWB_KS_REQ:
		snprintf(buf, size,
			 "req %" PRIu32 " %s f%u %" PRIx64 "+%" PRIx64, s->req,
			 s->word, s->file, s->off, s->len);
		break;
	case NWB_KS_STORE:
	case NWB_KS_CLEAR:
		snprintf(buf, size, "%s %" PRIu32 " %" PRIx64 "+%" PRIx64 " %s",
			 kind_name[s->kind], s->req, s->off, s->len, s->word);
		break;
	case NWB_KS_SUBMIT:
		snprintf(buf, size,
			 "submit %" PRIu32 ".%" PRIu32 " %s %" PRIx64
			 "+%" PRIx64 " %" PRIx64,
			 s->req, s->sub, stream_name[stream], s->off, s->len,
			 s->done);
		break;
	case NWB_KS_TERM:
		snprintf(buf, size,
			 "term %" PRIu32 ".%" PRIu32 " %s %" PRIx64 " %s",
			 s->req, s->sub, stream_name[stream], s->done,
			 error_name(s->error, num));
		break;
	case NWB_KS_FAIL:
		snprintf(buf, size, "fail %" PRIu32 ".%" PRIu32 " %s %s %s",
			 s->req, s->sub, stream_name[stream], s->word,
			 error_name(s->error, num));
		break;
	case NWB_KS_RETRY:
	case NWB_KS_SPLIT:
	case NWB_KS_DISCARD:
		snprintf(buf, size, "%s %" PRIu32 ".%" PRIu32 " %s",
			 kind_name[s->kind], s->req, s->sub,
			 stream_name[stream]);
		break;
	default:
		snprintf(buf, size, "%s %" PRIu32, kind_name[s->kind], s->req);
		break;
	}
}

static bool get_u32(struct nwb_ktext *t, uint32_t *ret)
{
	uint64_t v;

	if (!ktext_number(t, 10, &v) || v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

/* "REQ" */
static bool get_req(struct nwb_ktext *t, struct nwb_kstep *s)
{
	struct nwb_ktext w = ktext_word(t);

	return get_u32(&w, &s->req) && !w.n;
}

/* "REQ.SUB STREAM" */
static bool get_sub(struct nwb_ktext *t, struct nwb_kstep *s)
{
	struct nwb_ktext w = ktext_word(t);

	if (!get_u32(&w, &s->req) || !w.n || *w.p != '.')
		return false;
	ktext_skip(&w, 1);
	if (!get_u32(&w, &s->sub) || w.n)
		return false;
	w = ktext_word(t);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(stream_name); i++) {
		s->stream = (uint8_t)i;
		if (ktext_is(w, stream_name[i]))
			return true;
	}
	return false;
}

/* "fN" */
static bool get_file(struct nwb_ktext *t, struct nwb_kstep *s)
{
	struct nwb_ktext w = ktext_word(t);
	uint64_t v;

	if (!ktext_starts(w, "f"))
		return false;
	ktext_skip(&w, 1);
	if (!ktext_number(&w, 10, &v) || w.n || v > UINT16_MAX)
		return false;
	s->file = (uint16_t)v;
	return true;
}

/* "OFF+LEN" */
static bool get_range(struct nwb_ktext *t, struct nwb_kstep *s)
{
	struct nwb_ktext w = ktext_word(t);

	if (!ktext_number(&w, 16, &s->off) || !w.n || *w.p != '+')
		return false;
	ktext_skip(&w, 1);
	return ktext_number(&w, 16, &s->len) && !w.n;
}

static bool get_hex(struct nwb_ktext *t, uint64_t *ret)
{
	struct nwb_ktext w = ktext_word(t);

	return ktext_number(&w, 16, ret) && !w.n;
}

static bool get_word(struct nwb_ktext *t, struct nwb_kstep *s)
{
	struct nwb_ktext w = ktext_word(t);

	if (!w.n || w.n >= sizeof(s->word))
		return false;
	for (size_t i = 0; i < w.n; i++)
		if (w.p[i] <= ' ' || w.p[i] > '~')
			return false;
	ktext_copy(w, s->word, sizeof(s->word));
	return true;
}

/* "ok", "EIO", "-523" */
static bool get_error(struct nwb_ktext *t, struct nwb_kstep *s)
{
	struct nwb_ktext w = ktext_word(t);
	char name[24];
	uint64_t v;
	int nr;

	if (ktext_is(w, "ok"))
		return true;
	if (ktext_starts(w, "-")) {
		ktext_skip(&w, 1);
		if (!ktext_number(&w, 10, &v) || w.n || v > INT32_MAX)
			return false;
		s->error = -(int32_t)v;
		return true;
	}
	if (w.n >= sizeof(name))
		return false;
	ktext_copy(w, name, sizeof(name));
	nr = nwb_errno_value(name);
	s->error = -nr;
	return nr > 0;
}

bool ktrace_get_step(struct nwb_ktext t, struct nwb_kstep *ret_s)
{
	struct nwb_ktext w = ktext_word(&t);
	struct nwb_kstep s = {0};
	bool good;

	while (s.kind < NWB_KS_KINDS && !ktext_is(w, kind_name[s.kind]))
		s.kind++;
	switch (s.kind) {
	case NWB_KS_WRITE:
		good = get_file(&t, &s) && get_range(&t, &s);
		break;
	case NWB_KS_REQ:
		good = get_req(&t, &s) && get_word(&t, &s) &&
		       get_file(&t, &s) && get_range(&t, &s);
		break;
	case NWB_KS_STORE:
	case NWB_KS_CLEAR:
		good = get_req(&t, &s) && get_range(&t, &s) && get_word(&t, &s);
		break;
	case NWB_KS_SUBMIT:
		good = get_sub(&t, &s) && get_range(&t, &s) &&
		       get_hex(&t, &s.done);
		break;
	case NWB_KS_TERM:
		good = get_sub(&t, &s) && get_hex(&t, &s.done) &&
		       get_error(&t, &s);
		break;
	case NWB_KS_FAIL:
		good = get_sub(&t, &s) && get_word(&t, &s) && get_error(&t, &s);
		break;
	case NWB_KS_RETRY:
	case NWB_KS_SPLIT:
	case NWB_KS_DISCARD:
		good = get_sub(&t, &s);
		break;
	case NWB_KS_PAUSE:
	case NWB_KS_UNPAUSE:
	case NWB_KS_DONE:
		good = get_req(&t, &s);
		break;
	default:
		return false;
	}
	if (!good || ktext_word(&t).n)
		return false;
	*ret_s = s;
	return true;
}
