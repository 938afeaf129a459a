/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX 65536u
#define FREE_FID  (-1)
#define ROOT	  (-2)

static void violation(struct script *s, const char *what)
{
	if (!s->violations++)
		s->violation = what;
}

static int dial(struct nwb_dialer *d, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct script *s = nwb_container_of(d, struct script, dialer);
	struct nwb_sock *pair[2];
	int rc;

	s->nr_dials++;
	if (s->refuse) {
		s->refuse--;
		return nwb_err_set(err, -ECONNREFUSED, "refused by the test");
	}
	rc = nwb_sock_pair(ex, s->latency_ns, s->buf_bytes, pair);
	if (rc)
		return nwb_err_set(err, rc, "no socket pair");
	nwb_mutex_lock(&s->lock);
	nwb_wait_event(&s->wq, &s->lock, !s->pending);
	s->pending = pair[1];
	nwb_waitq_wake_all(&s->wq);
	nwb_mutex_unlock(&s->lock);
	*ret_sock = pair[0];
	return 0;
}

/* --- replies ---------------------------------------------------------------
 */

void script_send_raw(struct script *s, const void *bytes, size_t len)
{
	struct iovec iov = {(void *)(uintptr_t)bytes, len};
	size_t i;
	int rc = 0;

	if (!s->is_slow) {
		rc = nwb_sock_sendv(s->sock, &iov, 1);
	} else {
		for (i = 0; i < len && !rc; i++) {
			iov.iov_base = (char *)(uintptr_t)bytes + i;
			iov.iov_len = 1;
			rc = nwb_sock_sendv(s->sock, &iov, 1);
		}
	}
	(void)rc; /* the client may be gone: the next receive says so */
}

void script_send(struct script *s, const struct nwb_p9_msg *m)
{
	size_t len = 0;

	if (nwb_p9_encode(m, s->out, FRAME_MAX, &len))
		violation(s, "the script cannot encode its reply");
	if (m->type == NWB_P9_RREAD) {
		memcpy(s->out + len, m->rread.data, m->rread.count);
		len += m->rread.count;
	}
	if (m->tag < SCRIPT_TAGS)
		s->tag_used[m->tag] = false;
	script_send_raw(s, s->out, len);
}

void script_rlerror(struct script *s, const struct nwb_p9_msg *m,
		    uint32_t ecode)
{
	struct nwb_p9_msg r = {
		.type = NWB_P9_RLERROR, .tag = m->tag, .rlerror.ecode = ecode};

	script_send(s, &r);
}

void script_rwrite(struct script *s, const struct nwb_p9_msg *m, uint32_t count)
{
	struct nwb_p9_msg r = {
		.type = NWB_P9_RWRITE, .tag = m->tag, .rwrite.count = count};

	script_send(s, &r);
}

void script_release(struct script *s, bool reverse)
{
	unsigned int i;

	for (i = 0; i < s->nr_held; i++)
		script_send(s, &s->held[reverse ? s->nr_held - 1 - i : i]);
	s->nr_held = 0;
}

/* --- the filesystem --------------------------------------------------------
 */

static int *fid_slot(struct script *s, uint32_t fid)
{
	static int none = FREE_FID;

	return fid < SCRIPT_FIDS ? &s->fids[fid] : &none;
}

static struct script_file *fid_file(struct script *s, uint32_t fid)
{
	int f = *fid_slot(s, fid);

	if (f < 0) {
		violation(s, "a fid that is not open");
		return NULL;
	}
	return &s->files[f];
}

static int find_file(struct script *s, const struct nwb_p9_str *name)
{
	int i;

	for (i = 0; i < SCRIPT_FILES; i++) {
		if (s->files[i].exists && nwb_p9_str_eq(name, s->files[i].name))
			return i;
	}
	return -1;
}

/* The directory "d" is the root again, so that "d/x" is "x". */
static uint32_t do_walk(struct script *s, const struct nwb_p9_msg *m,
			struct nwb_p9_msg *r)
{
	int at = *fid_slot(s, m->twalk.fid), next;
	unsigned int i;

	if (at == FREE_FID) {
		violation(s, "Twalk from a fid that does not exist");
		return EBADF;
	}
	if ((*fid_slot(s, m->twalk.newfid) != FREE_FID &&
	     m->twalk.newfid != m->twalk.fid) ||
	    m->twalk.newfid >= SCRIPT_FIDS)
		violation(s, "Twalk to a fid in use");
	for (i = 0; i < m->twalk.nwname; i++) {
		next = nwb_p9_str_eq(&m->twalk.wname[i], "d")
			       ? ROOT
			       : find_file(s, &m->twalk.wname[i]);
		if (next == -1 || at != ROOT)
			break;
		at = next;
		r->rwalk.wqid[i].type = at == ROOT ? NWB_P9_QTDIR : 0;
	}
	r->rwalk.nwqid = (uint16_t)i;
	if (i < m->twalk.nwname)
		return i ? 0 : ENOENT;
	*fid_slot(s, m->twalk.newfid) = at;
	return 0;
}

static uint32_t do_create(struct script *s, const struct nwb_p9_msg *m)
{
	int f = find_file(s, &m->tlcreate.name);

	if (*fid_slot(s, m->tlcreate.fid) != ROOT) {
		violation(s, "Tlcreate in no directory");
		return ENOTDIR;
	}
	if (f >= 0 && (m->tlcreate.flags & NWB_P9_DOTL_EXCL))
		return EEXIST;
	for (f = 0; f < SCRIPT_FILES && s->files[f].exists; f++)
		;
	if (f == SCRIPT_FILES || m->tlcreate.name.len > 63)
		return ENOSPC;
	s->files[f].exists = true;
	s->files[f].size = 0;
	memcpy(s->files[f].name, m->tlcreate.name.s, m->tlcreate.name.len);
	s->files[f].name[m->tlcreate.name.len] = 0;
	*fid_slot(s, m->tlcreate.fid) = f;
	return 0;
}

static uint32_t do_write(struct script *s, const struct nwb_p9_msg *m,
			 struct nwb_p9_msg *r)
{
	struct script_file *f = fid_file(s, m->twrite.fid);

	if (!f)
		return EBADF;
	if (m->twrite.offset + m->twrite.count > SCRIPT_BYTES)
		return EFBIG;
	memcpy(f->data + m->twrite.offset, m->twrite.data, m->twrite.count);
	f->size = nwb_max(f->size, m->twrite.offset + m->twrite.count);
	r->rwrite.count = m->twrite.count;
	return 0;
}

static uint32_t do_read(struct script *s, const struct nwb_p9_msg *m,
			struct nwb_p9_msg *r)
{
	struct script_file *f = fid_file(s, m->tread.fid);
	uint64_t left;

	if (!f)
		return EBADF;
	left = f->size > m->tread.offset ? f->size - m->tread.offset : 0;
	r->rread.count = (uint32_t)nwb_min(left, (uint64_t)m->tread.count);
	r->rread.data = f->data + m->tread.offset;
	return 0;
}

static uint32_t do_version(struct script *s, const struct nwb_p9_msg *m,
			   struct nwb_p9_msg *r)
{
	uint32_t most = s->msize ? s->msize : 65536;

	if (m->tag != NWB_P9_NOTAG)
		violation(s, "Tversion with a tag");
	s->granted = nwb_min(m->version.msize, most);
	r->version.msize = s->granted;
	r->version.version = nwb_p9_str(NWB_P9_VERSION_L);
	return 0;
}

static uint32_t do_clunk(struct script *s, const struct nwb_p9_msg *m)
{
	int *slot = fid_slot(s, m->tclunk.fid);

	if (*slot == FREE_FID) {
		violation(s, "Tclunk of a fid that does not exist");
		return EBADF;
	}
	*slot = FREE_FID;
	return 0;
}

static uint32_t do_attr(struct script *s, const struct nwb_p9_msg *m,
			struct nwb_p9_msg *r)
{
	bool is_set = m->type == NWB_P9_TSETATTR;
	struct script_file *f =
		fid_file(s, is_set ? m->tsetattr.fid : m->tgetattr.fid);

	if (!f)
		return EBADF;
	if (is_set && (m->tsetattr.attr.valid & NWB_P9_SETATTR_SIZE)) {
		if (m->tsetattr.attr.size > SCRIPT_BYTES)
			return EFBIG;
		f->size = m->tsetattr.attr.size;
	} else if (!is_set) {
		r->rgetattr.valid = NWB_P9_GETATTR_BASIC;
		r->rgetattr.size = f->size;
	}
	return 0;
}

/* Return: 0 and @r filled, or an errno for Rlerror. */
static uint32_t execute(struct script *s, const struct nwb_p9_msg *m,
			struct nwb_p9_msg *r)
{
	struct script_file *f;

	switch (m->type) {
	case NWB_P9_TVERSION:
		return do_version(s, m, r);
	case NWB_P9_TATTACH:
		*fid_slot(s, m->tattach.fid) = ROOT;
		return 0;
	case NWB_P9_TWALK:
		return do_walk(s, m, r);
	case NWB_P9_TLOPEN:
		f = fid_file(s, m->tlopen.fid);
		if (f && (m->tlopen.flags & NWB_P9_DOTL_TRUNC))
			f->size = 0;
		r->rlopen.iounit = s->iounit;
		return f ? 0 : EBADF;
	case NWB_P9_TLCREATE:
		r->rlopen.iounit = s->iounit;
		return do_create(s, m);
	case NWB_P9_TWRITE:
		return do_write(s, m, r);
	case NWB_P9_TREAD:
		return do_read(s, m, r);
	case NWB_P9_TFSYNC:
		return fid_file(s, m->tfsync.fid) ? 0 : EBADF;
	case NWB_P9_TGETATTR:
	case NWB_P9_TSETATTR:
		return do_attr(s, m, r);
	case NWB_P9_TCLUNK:
		return do_clunk(s, m);
	case NWB_P9_TFLUSH:
		if (m->tflush.oldtag < SCRIPT_TAGS)
			s->tag_used[m->tflush.oldtag] = false;
		return 0;
	default:
		violation(s, "a message that no client sends");
		return EOPNOTSUPP;
	}
}

static void execute_and_reply(struct script *s, const struct nwb_p9_msg *m,
			      enum script_act act)
{
	struct nwb_p9_msg r = {.type = (uint8_t)(m->type + 1), .tag = m->tag};
	uint32_t ecode = execute(s, m, &r);

	if (ecode) {
		r.type = NWB_P9_RLERROR;
		r.rlerror.ecode = ecode;
	}
	if (act == ACT_REPLY)
		script_send(s, &r);
	else if (act == ACT_HOLD && s->nr_held < SCRIPT_HELD)
		s->held[s->nr_held++] = r;
}

/* --- the task --------------------------------------------------------------
 */

static void note(struct script *s, const struct nwb_p9_msg *m)
{
	struct script_seen *e;

	if (s->nr_log == SCRIPT_LOG) {
		violation(s, "log of the script is full");
		return;
	}
	e = &s->log[s->nr_log++];
	memset(e, 0, sizeof(*e));
	e->conn = s->nr_conns;
	e->type = m->type;
	e->tag = m->tag;
	e->at_ns = nwb_now_ns(s->ex);
	switch (m->type) {
	case NWB_P9_TWRITE:
		e->fid = m->twrite.fid;
		e->offset = m->twrite.offset;
		e->count = m->twrite.count;
		break;
	case NWB_P9_TFLUSH:
		e->count = m->tflush.oldtag;
		break;
	case NWB_P9_TLOPEN:
		e->fid = m->tlopen.fid;
		e->count = m->tlopen.flags;
		break;
	default:
		break;
	}
}

/* Return: false when the connection is to end. */
static bool handle(struct script *s, const struct nwb_p9_msg *m)
{
	enum script_act act = ACT_REPLY;

	note(s, m);
	if (m->tag < SCRIPT_TAGS) {
		if (s->tag_used[m->tag])
			violation(s, "a tag in use was used again");
		s->tag_used[m->tag] = true;
	}
	if (s->hook)
		act = s->hook(s, m, s->nth[m->type]);
	s->nth[m->type]++;
	if (act == ACT_RESET) {
		nwb_sock_reset(s->sock);
		return false;
	}
	if (act != ACT_DONE)
		execute_and_reply(s, m, act);
	if (act == ACT_RESET_AFTER) {
		nwb_sock_reset(s->sock);
		return false;
	}
	return true;
}

static void serve(struct script *s)
{
	struct nwb_p9_msg m;
	uint32_t size;
	unsigned int i;

	s->nr_held = 0;
	s->granted = FRAME_MAX;
	memset(s->tag_used, 0, sizeof(s->tag_used));
	for (i = 0; i < SCRIPT_FIDS; i++)
		s->fids[i] = FREE_FID;
	for (;;) {
		if (nwb_sock_recv(s->sock, s->frame, 4, 4) != 4)
			return;
		if (nwb_p9_frame_size(s->frame, s->granted, &size)) {
			violation(s, "a frame above msize");
			return;
		}
		if (size > 4 && nwb_sock_recv(s->sock, s->frame + 4, size - 4,
					      size - 4) != (ssize_t)size - 4)
			return;
		if (nwb_p9_decode(s->frame, size, &m)) {
			violation(s, "a frame that cannot be decoded");
			return;
		}
		if (!handle(s, &m))
			return;
	}
}

static void script_task(void *arg)
{
	struct script *s = arg;

	for (;;) {
		nwb_mutex_lock(&s->lock);
		nwb_wait_event(&s->wq, &s->lock, s->pending || s->is_stopping);
		s->sock = s->pending;
		s->pending = NULL;
		nwb_waitq_wake_all(&s->wq);
		nwb_mutex_unlock(&s->lock);
		if (!s->sock)
			return;
		s->nr_conns++;
		serve(s);
		nwb_sock_shutdown(s->sock);
		nwb_sock_close(s->sock);
	}
}

struct script *script_new(struct nwb_exec *ex)
{
	struct script *s = calloc(1, sizeof(*s));
	unsigned int i;

	s->ex = ex;
	s->dialer.dial = dial;
	s->buf_bytes = 256 * NWB_KIB;
	s->frame = malloc(FRAME_MAX);
	s->out = malloc(FRAME_MAX);
	for (i = 0; i < SCRIPT_FILES; i++)
		s->files[i].data = calloc(1, SCRIPT_BYTES);
	nwb_mutex_init(&s->lock, ex, "script");
	nwb_waitq_init(&s->wq, ex, "script-accept");
	return s;
}

void script_start(struct script *s)
{
	if (nwb_task_spawn(s->ex, "script", script_task, s, &s->task))
		violation(s, "no task");
}

void script_halt(struct script *s)
{
	if (!s->task)
		return;
	nwb_mutex_lock(&s->lock);
	s->is_stopping = true;
	nwb_waitq_wake_all(&s->wq);
	nwb_mutex_unlock(&s->lock);
	nwb_task_join(s->task);
	s->task = NULL;
}

void script_free(struct script *s)
{
	unsigned int i;

	script_halt(s);
	for (i = 0; i < SCRIPT_FILES; i++)
		free(s->files[i].data);
	free(s->frame);
	free(s->out);
	free(s);
}

unsigned int script_count(const struct script *s, uint8_t type,
			  unsigned int conn)
{
	unsigned int i, n = 0;

	for (i = 0; i < s->nr_log; i++)
		n += s->log[i].type == type &&
		     (!conn || s->log[i].conn == conn);
	return n;
}
