/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SMB2 fake: frames, credits, session and tree. Anonymous and guest
 * sessions only: nothing is signed.
 */
#include "fake_smb2.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_BYTES 512
/* NTLMSSP in raw tokens, [MS-NLMP] 2.2.1 */
#define NTLMSSP		  "NTLMSSP"
#define NTLM_NEGOTIATE	  1
#define NTLM_AUTHENTICATE 3
#define NTLM_USER_LEN_AT  36

static struct fake_smb2 *state_of(struct fake_conn *c)
{
	return c->state;
}

static uint32_t charge_of(const struct nwb_smb2_hdr *h)
{
	return nwb_max(h->credit_charge, (uint16_t)1);
}

/* --- answers ------------------------------------------------------------- */

/* Credits that are kept back come with the last open answer, when the client
 * has too few left to go on: otherwise it would wait for ever. */
static uint32_t withhold(struct fake_conn *c, uint32_t due, uint64_t *delay)
{
	struct fake_credits *cr = &state_of(c)->credits;
	const struct nwb_fake_faults *ft = &c->fake->faults;
	uint32_t below = ft->famine_below ? ft->famine_below : 1;
	uint32_t all = due + cr->withheld, room = cr->max - cr->seq_range;

	if (ft->withhold == NWB_FAKE_GIVE || !state_of(c)->tree_id) {
		all = nwb_min(all, room);
		cr->withheld = due + cr->withheld - all;
		return all;
	}
	if (ft->withhold == NWB_FAKE_FAMINE && cr->open == 1 &&
	    cr->granted < below && all) {
		c->fake->stats.nr_famines++;
		*delay += ft->famine_hold_ns;
		all = nwb_min(all, room);
		cr->withheld = due + cr->withheld - all;
		return all;
	}
	c->fake->stats.nr_faults++;
	cr->withheld = all;
	return 0;
}

static uint32_t grant(struct fake_conn *c, const struct nwb_smb2_hdr *req,
		      uint32_t status, uint64_t *delay)
{
	struct fake_credits *cr = &state_of(c)->credits;
	bool is_first = req->command == NWB_SMB2_NEGOTIATE ||
			(req->command == NWB_SMB2_SESSION_SETUP && status);
	uint32_t due = nwb_fake_credits_due(cr, charge_of(req), req->credits,
					    is_first ? 0 : UINT16_MAX);

	due = withhold(c, due, delay);
	nwb_fake_credits_give(cr, due);
	return due;
}

void nwb_fake_smb2_answer(struct fake_conn *c, struct fake_reply *r,
			  const struct nwb_smb2_hdr *req, uint32_t status,
			  int len, uint64_t delay, uint64_t async)
{
	struct fake_smb2 *s = state_of(c);
	struct nwb_smb2_hdr h = {
		.credit_charge = req->credit_charge,
		.status = status,
		.command = req->command,
		.flags = NWB_SMB2_F_RESPONSE,
		.message_id = req->message_id,
		.tree_id = req->tree_id,
		.session_id = s->session_id ? s->session_id : req->session_id,
	};

	nwb_assert(len > 0);
	if (req->command == NWB_SMB2_TREE_CONNECT)
		h.tree_id = s->tree_id;
	if (async) {
		h.flags |= NWB_SMB2_F_ASYNC;
		h.async_id = async;
	}
	if (!async || status == NWB_STATUS_PENDING)
		h.credits = (uint16_t)grant(c, req, status, &delay);
	if (status != NWB_STATUS_PENDING)
		s->credits.open--;
	nwb_smb2_nbt_encode(r->bytes, (uint32_t)len);
	nwb_smb2_hdr_encode(r->bytes + NWB_SMB2_NBT_LEN, &h);
	r->len = NWB_SMB2_NBT_LEN + (size_t)len;
	nwb_fake_reply_send(c, r, nwb_now_ns(c->fake->ex) + delay);
}

void nwb_fake_smb2_error(struct fake_conn *c, const struct nwb_smb2_hdr *req,
			 uint32_t status)
{
	struct fake_reply *r = nwb_fake_reply_new(REPLY_BYTES);
	struct nwb_smb2_error_rsp m = {0};
	int len = nwb_smb2_error_rsp_encode(r->bytes + NWB_SMB2_NBT_LEN,
					    REPLY_BYTES - NWB_SMB2_NBT_LEN, &m);

	nwb_fake_smb2_answer(c, r, req, status, len, 0, 0);
}

/* --- before there is a tree ---------------------------------------------- */

static bool offers(const struct nwb_smb2_negotiate_req *q, uint16_t dialect)
{
	unsigned int i;

	for (i = 0; i < q->nr_dialects; i++)
		if (q->dialects[i] == dialect)
			return true;
	return false;
}

static void negotiate(struct fake_conn *c, const struct nwb_smb2_hdr *h,
		      const uint8_t *p, size_t len)
{
	static const uint16_t known[] = {
		NWB_SMB2_DIALECT_0311, NWB_SMB2_DIALECT_0302,
		NWB_SMB2_DIALECT_0300, NWB_SMB2_DIALECT_0210,
		NWB_SMB2_DIALECT_0202};
	struct fake_smb2 *s = state_of(c);
	struct nwb_smb2_negotiate_req q;
	struct nwb_smb2_negotiate_rsp m = {.sign_alg = -1, .cipher = -1};
	struct fake_reply *r;
	unsigned int i;
	int n;

	if (nwb_smb2_negotiate_req_decode(p, len, &q) || s->dialect) {
		nwb_fake_smb2_error(c, h, NWB_STATUS_INVALID_PARAMETER);
		return;
	}
	for (i = 0; i < NWB_ARRAY_SIZE(known) && !s->dialect; i++)
		if (offers(&q, known[i]) &&
		    (known[i] != NWB_SMB2_DIALECT_0311 || q.has_preauth))
			s->dialect = known[i];
	if (!s->dialect) {
		nwb_fake_smb2_error(c, h, NWB_STATUS_NOT_SUPPORTED);
		return;
	}
	m.security_mode = NWB_SMB2_SECMODE_ENABLED;
	m.dialect = s->dialect;
	memcpy(m.guid, "netwb fake smbd", 16);
	if (s->dialect != NWB_SMB2_DIALECT_0202)
		m.capabilities = NWB_SMB2_CAP_LARGE_MTU;
	m.max_transact = m.max_read = m.max_write = c->fake->opts.max_write;
	m.has_preauth = s->dialect == NWB_SMB2_DIALECT_0311;
	if (m.has_preauth)
		nwb_random_bytes(c->fake->ex, m.salt, sizeof(m.salt));
	if (m.has_preauth && q.nr_sign_algs)
		m.sign_alg = q.sign_algs[0];
	r = nwb_fake_reply_new(REPLY_BYTES);
	n = nwb_smb2_negotiate_rsp_encode(r->bytes + NWB_SMB2_NBT_LEN,
					  REPLY_BYTES - NWB_SMB2_NBT_LEN, &m);
	nwb_fake_smb2_answer(c, r, h, NWB_STATUS_SUCCESS, n, 0, 0);
}

/* A victim's requests are refused from now on; its TCP connection stays. smbd
 * does that for users only, so the anonymous and guests cannot ask for it. */
static void delete_session(struct nwb_fake *f, uint64_t id)
{
	struct fake_conn *c;

	nwb_list_for_each_entry (c, &f->conns, link)
		if (!c->is_dead && state_of(c)->session_id == id)
			state_of(c)->is_deleted = true;
}

/* CHALLENGE_MESSAGE, [MS-NLMP] 2.2.1.2: server challenge, and target info
 * (NetBIOS domain and computer name, end) that clients insist on. */
static const uint8_t challenge[] =
	"NTLMSSP\0\x02\0\0\0"
	"\x06\0\x06\0\x38\0\0\0" /* TargetName: 6 bytes at 56 */
	"\x05\x82\x8a\xe2"	 /* flags */
	"\x01\x23\x45\x67\x89\xab\xcd\xef"
	"\0\0\0\0\0\0\0\0"
	"\x18\0\x18\0\x3e\0\0\0" /* TargetInfo: 24 bytes at 62 */
	"\x06\x01\0\0\0\0\0\x0f" /* version */
	"N\0W\0B\0"
	"\x02\0\x06\0N\0W\0B\0"
	"\x01\0\x06\0N\0W\0B\0"
	"\0\0\0\0";

/* Message type of a raw NTLMSSP token, 0 for any other token: that is the
 * login of a user by itself (the "test" authentication), although GUEST is
 * answered, so that nobody expects a signature. */
static unsigned int ntlm_type(const struct nwb_smb2_blob *t)
{
	if (t->len < 12 || memcmp(t->data, NTLMSSP, 8))
		return 0;
	return t->data[8];
}

static bool has_user(const struct nwb_smb2_blob *t)
{
	return t->len > NTLM_USER_LEN_AT + 1 &&
	       (t->data[NTLM_USER_LEN_AT] || t->data[NTLM_USER_LEN_AT + 1]);
}

static void session_setup(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			  const uint8_t *p, size_t len)
{
	struct fake_smb2 *s = state_of(c);
	struct nwb_smb2_session_setup_req q;
	struct nwb_smb2_session_setup_rsp m = {0};
	uint32_t status = NWB_STATUS_SUCCESS;
	struct fake_reply *r;
	unsigned int type;
	int n;

	if (nwb_smb2_session_setup_req_decode(p, len, &q) || !q.token.len) {
		nwb_fake_smb2_error(c, h, NWB_STATUS_INVALID_PARAMETER);
		return;
	}
	if (!s->session_id)
		s->session_id = ++c->fake->next_id;
	type = ntlm_type(&q.token);
	if (type == NTLM_NEGOTIATE) {
		m.token.data = challenge;
		m.token.len = sizeof(challenge) - 1;
		status = NWB_STATUS_MORE_PROCESSING_REQUIRED;
	} else {
		/* As smbd: no flag for the anonymous, GUEST for a name that it
		 * does not know, and it knows none. */
		if (type != NTLM_AUTHENTICATE || has_user(&q.token))
			m.flags = NWB_SMB2_SESSION_F_GUEST;
		s->is_authenticated = true;
		if (!type && q.previous_session_id &&
		    q.previous_session_id != s->session_id)
			delete_session(c->fake, q.previous_session_id);
	}
	r = nwb_fake_reply_new(REPLY_BYTES);
	n = nwb_smb2_session_setup_rsp_encode(r->bytes + NWB_SMB2_NBT_LEN,
					      REPLY_BYTES - NWB_SMB2_NBT_LEN,
					      &m);
	nwb_fake_smb2_answer(c, r, h, status, n, 0, 0);
}

static void tree_connect(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			 const uint8_t *p, size_t len)
{
	struct nwb_smb2_tree_connect_req q;
	struct nwb_smb2_tree_connect_rsp m = {.type = 1, .access = 0x1f01ff};
	struct fake_reply *r;
	char path[512], *name;
	int n;

	if (nwb_smb2_tree_connect_req_decode(p, len, &q) ||
	    nwb_smb2_utf16_decode(path, sizeof(path), q.path.data, q.path.len) <
		    0) {
		nwb_fake_smb2_error(c, h, NWB_STATUS_INVALID_PARAMETER);
		return;
	}
	name = strrchr(path, '\\');
	if (!name || strcmp(name + 1, c->fake->share)) {
		nwb_fake_smb2_error(c, h, NWB_STATUS_BAD_NETWORK_NAME);
		return;
	}
	state_of(c)->tree_id = (uint32_t)++c->fake->next_id;
	r = nwb_fake_reply_new(REPLY_BYTES);
	n = nwb_smb2_tree_connect_rsp_encode(r->bytes + NWB_SMB2_NBT_LEN,
					     REPLY_BYTES - NWB_SMB2_NBT_LEN,
					     &m);
	nwb_fake_smb2_answer(c, r, h, NWB_STATUS_SUCCESS, n, 0, 0);
}

/* LOGOFF, TREE_DISCONNECT, ECHO: four bytes in, four bytes out. */
static void simple(struct fake_conn *c, const struct nwb_smb2_hdr *h,
		   const uint8_t *p, size_t len)
{
	struct fake_smb2 *s = state_of(c);
	struct fake_reply *r;
	int n;

	if (nwb_smb2_empty_decode(p, len)) {
		nwb_fake_smb2_error(c, h, NWB_STATUS_INVALID_PARAMETER);
		return;
	}
	r = nwb_fake_reply_new(REPLY_BYTES);
	n = nwb_smb2_empty_encode(r->bytes + NWB_SMB2_NBT_LEN,
				  REPLY_BYTES - NWB_SMB2_NBT_LEN);
	nwb_fake_smb2_answer(c, r, h, NWB_STATUS_SUCCESS, n, 0, 0);
	if (h->command == NWB_SMB2_ECHO)
		return;
	nwb_fake_smb2_close_all(s);
	s->tree_id = 0;
	if (h->command == NWB_SMB2_LOGOFF)
		s->is_deleted = true;
}

/* --- dispatch ------------------------------------------------------------ */

/* Session and tree that a request needs; 0 when they are as they should. */
static uint32_t check_ids(const struct fake_smb2 *s,
			  const struct nwb_smb2_hdr *h)
{
	if (h->command == NWB_SMB2_NEGOTIATE ||
	    h->command == NWB_SMB2_SESSION_SETUP || h->command == NWB_SMB2_ECHO)
		return NWB_STATUS_SUCCESS;
	if (!s->is_authenticated || s->is_deleted ||
	    h->session_id != s->session_id)
		return NWB_STATUS_USER_SESSION_DELETED;
	if (h->command == NWB_SMB2_TREE_CONNECT ||
	    h->command == NWB_SMB2_LOGOFF)
		return NWB_STATUS_SUCCESS;
	if (!s->tree_id || h->tree_id != s->tree_id)
		return NWB_STATUS_NETWORK_NAME_DELETED;
	return NWB_STATUS_SUCCESS;
}

typedef void (*handler_fn)(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			   const uint8_t *p, size_t len);

static const handler_fn handlers[] = {
	[NWB_SMB2_NEGOTIATE] = negotiate,
	[NWB_SMB2_SESSION_SETUP] = session_setup,
	[NWB_SMB2_LOGOFF] = simple,
	[NWB_SMB2_TREE_CONNECT] = tree_connect,
	[NWB_SMB2_TREE_DISCONNECT] = simple,
	[NWB_SMB2_CREATE] = nwb_fake_smb2_create,
	[NWB_SMB2_CLOSE] = nwb_fake_smb2_close,
	[NWB_SMB2_FLUSH] = nwb_fake_smb2_flush,
	[NWB_SMB2_READ] = nwb_fake_smb2_read,
	[NWB_SMB2_WRITE] = nwb_fake_smb2_write,
	[NWB_SMB2_ECHO] = simple,
	[NWB_SMB2_QUERY_INFO] = nwb_fake_smb2_query,
	[NWB_SMB2_SET_INFO] = nwb_fake_smb2_set,
};

/* Return: bytes up to the next element of the frame; 0: there is none. */
static size_t handle_one(struct fake_conn *c, const uint8_t *p, size_t len)
{
	struct fake_smb2 *s = state_of(c);
	struct nwb_smb2_hdr h;
	size_t next;
	const char *why;
	uint32_t status;

	if (nwb_smb2_hdr_decode(p, len, &h) ||
	    (h.flags & NWB_SMB2_F_RESPONSE) || h.next_command >= len ||
	    h.next_command % 8) {
		nwb_fake_violation(c, "not an SMB2 request");
		return 0;
	}
	next = h.next_command;
	if (next)
		len = next;
	/* CANCEL has the MessageId of another request and gets no answer; smbd
	 * ignores it for a running write. */
	if (h.command == NWB_SMB2_CANCEL)
		return next;
	why = nwb_fake_credits_take(&s->credits, h.message_id, charge_of(&h));
	if (why) {
		nwb_fake_violation(c, why);
		return 0;
	}
	if (!s->dialect && h.command != NWB_SMB2_NEGOTIATE) {
		nwb_fake_violation(c, "no NEGOTIATE first");
		return 0;
	}
	s->credits.open++;
	status = check_ids(s, &h);
	/* of compounds those of unrelated requests only */
	if (!status && (h.flags & NWB_SMB2_F_RELATED))
		status = NWB_STATUS_NOT_SUPPORTED;
	if (h.command > NWB_SMB2_OPLOCK_BREAK)
		status = NWB_STATUS_INVALID_PARAMETER;
	else if (!status && (h.command >= NWB_ARRAY_SIZE(handlers) ||
			     !handlers[h.command]))
		status = NWB_STATUS_NOT_SUPPORTED;
	if (status)
		nwb_fake_smb2_error(c, &h, status);
	else
		handlers[h.command](c, &h, p, len);
	return next;
}

static void handle(struct fake_conn *c, uint8_t *frame, size_t len)
{
	const uint8_t *p = frame + NWB_SMB2_NBT_LEN;
	size_t next;

	/* What lost its connection takes the rest of the frame along. */
	for (len -= NWB_SMB2_NBT_LEN;
	     (next = handle_one(c, p, len)) && !c->is_dead; len -= next)
		p += next;
}

static const char *frame(struct fake_conn *c, const uint8_t *head,
			 size_t *ret_rest)
{
	uint32_t len;

	(void)c;
	if (nwb_smb2_nbt_decode(head, &len))
		return "not a session message";
	*ret_rest = len;
	return NULL;
}

static int init(struct fake_conn *c)
{
	struct fake_smb2 *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	nwb_list_init(&s->opens);
	if (nwb_fake_credits_init(&s->credits, c->fake->opts.max_credits)) {
		free(s);
		return -ENOMEM;
	}
	c->state = s;
	return 0;
}

static void fini(struct fake_conn *c)
{
	struct fake_smb2 *s = state_of(c);

	nwb_fake_smb2_close_all(s);
	nwb_fake_credits_fini(&s->credits);
	free(s);
}

const struct fake_proto nwb_fake_proto_smb2 = {
	.head = NWB_SMB2_NBT_LEN,
	.init = init,
	.fini = fini,
	.frame = frame,
	.handle = handle,
	.write_begin = nwb_fake_smb2_write_begin,
	.write_done = nwb_fake_smb2_write_done,
	.no_space = NWB_STATUS_DISK_FULL,
};
