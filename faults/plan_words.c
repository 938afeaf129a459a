/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The vocabulary of plans, and what to say about words outside of it.
 */
#include "plan_i.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct pl_word_id pl_sides[] = {
	{"client", NWB_SIDE_CLIENT},
	{"wire", NWB_SIDE_WIRE},
	{"server", NWB_SIDE_SERVER},
	{"backend", NWB_SIDE_BACKEND},
	{NULL, 0},
};

const struct pl_word_id pl_ops[] = {
	{"write", NWB_OP_WRITE},   {"flush", NWB_OP_FLUSH},
	{"create", NWB_OP_CREATE}, {"close", NWB_OP_CLOSE},
	{"reply", NWB_OP_REPLY},   {"connect", NWB_OP_CONNECT},
	{"pwrite", NWB_OP_PWRITE}, {"fsync", NWB_OP_FSYNC},
	{"grant", NWB_OP_GRANT},   {"any", NWB_OP_ANY},
	{"mark", NWB_OP_MARK},	   {NULL, 0},
};

const struct pl_word_id pl_actions[] = {
	{"error", NWB_ACT_ERROR},
	{"drop", NWB_ACT_DROP},
	{"hold", NWB_ACT_HOLD},
	{"delay", NWB_ACT_DELAY},
	{"short", NWB_ACT_SHORT},
	{"rst", NWB_ACT_RST},
	{"fin", NWB_ACT_FIN},
	{"kill", NWB_ACT_KILL},
	{"restart", NWB_ACT_RESTART},
	{"grant", NWB_ACT_GRANT},
	{"dup", NWB_ACT_DUP},
	{"seq", NWB_ACT_SEQ},
	{"arm", NWB_ACT_ARM},
	{"disarm", NWB_ACT_DISARM},
	{"corrupt", NWB_ACT_CORRUPT},
	{"kill-child", NWB_ACT_KILL_CHILD},
	{"freeze", NWB_ACT_FREEZE},
	{"blackhole", NWB_ACT_BLACKHOLE},
	{"power-off", NWB_ACT_POWER_OFF},
	{"intrude", NWB_ACT_INTRUDE},
	{NULL, 0},
};

const struct pl_word_id pl_statements[] = {
	{"plan", 0},  {"seed", 1}, {"server", 2}, {"client", 3}, {"needs", 4},
	{"phase", 5}, {"heal", 6}, {"expect", 7}, {"on", 8},	 {NULL, 0},
};

const struct pl_word_id pl_servers[] = {
	{"smbd", 0}, {"diod", 1}, {"fake", 2}, {"ganesha", 3}, {NULL, 0},
};

const struct pl_word_id pl_clients[] = {
	{"temp-page", 0},
	{"in-place", 1},
	{"kernel", 2},
	{NULL, 0},
};

/* [MS-ERREF] 2.3.1, as far as SMB2 servers answer with them; an error of 9P
 * is given by the name of its errno. */
const struct pl_word_id pl_statuses[] = {
	{"STATUS_SUCCESS", 0},
	{"STATUS_PENDING", 0x00000103u},
	{"STATUS_INVALID_HANDLE", 0xc0000008u},
	{"STATUS_INVALID_PARAMETER", 0xc000000du},
	{"STATUS_MORE_PROCESSING_REQUIRED", 0xc0000016u},
	{"STATUS_NO_MEMORY", 0xc0000017u},
	{"STATUS_ACCESS_DENIED", 0xc0000022u},
	{"STATUS_OBJECT_NAME_NOT_FOUND", 0xc0000034u},
	{"STATUS_OBJECT_NAME_COLLISION", 0xc0000035u},
	{"STATUS_SHARING_VIOLATION", 0xc0000043u},
	{"STATUS_DISK_FULL", 0xc000007fu},
	{"STATUS_INSUFFICIENT_RESOURCES", 0xc000009au},
	{"STATUS_IO_TIMEOUT", 0xc00000b5u},
	{"STATUS_NOT_SUPPORTED", 0xc00000bbu},
	{"STATUS_REQUEST_NOT_ACCEPTED", 0xc00000d0u},
	{"STATUS_UNEXPECTED_NETWORK_ERROR", 0xc00000c4u},
	{"STATUS_NETWORK_NAME_DELETED", 0xc00000c9u},
	{"STATUS_CANCELLED", 0xc0000120u},
	{"STATUS_FILE_CLOSED", 0xc0000128u},
	{"STATUS_IO_DEVICE_ERROR", 0xc0000185u},
	{"STATUS_USER_SESSION_DELETED", 0xc0000203u},
	{"STATUS_NETWORK_SESSION_EXPIRED", 0xc000035cu},
	{"STATUS_FILE_NOT_AVAILABLE", 0xc0000467u},
	{NULL, 0},
};

/* [MS-SMB2] 2.2.1.2, field Command. */
const struct pl_word_id pl_smb_ops[] = {
	{"NEGOTIATE", 0},    {"SESSION_SETUP", 1},   {"LOGOFF", 2},
	{"TREE_CONNECT", 3}, {"TREE_DISCONNECT", 4}, {"CREATE", 5},
	{"CLOSE", 6},	     {"FLUSH", 7},	     {"READ", 8},
	{"WRITE", 9},	     {"LOCK", 10},	     {"IOCTL", 11},
	{"CANCEL", 12},	     {"ECHO", 13},	     {"QUERY_DIRECTORY", 14},
	{"QUERY_INFO", 16},  {"CHANGE_NOTIFY", 15},  {"SET_INFO", 17},
	{NULL, 0},
};

/* 9P2000.L message types; both names of a pair give the T-message. */
const struct pl_word_id pl_9p_ops[] = {
	{"Tlopen", 12},	  {"Rlopen", 12},    {"Tlcreate", 14},
	{"Rlcreate", 14}, {"Tgetattr", 24},  {"Rgetattr", 24},
	{"Tsetattr", 26}, {"Rsetattr", 26},  {"Tfsync", 50},
	{"Rfsync", 50},	  {"Tversion", 100}, {"Rversion", 100},
	{"Tattach", 104}, {"Rattach", 104},  {"Tflush", 108},
	{"Rflush", 108},  {"Twalk", 110},    {"Rwalk", 110},
	{"Tread", 116},	  {"Rread", 116},    {"Twrite", 118},
	{"Rwrite", 118},  {"Tclunk", 120},   {"Rclunk", 120},
	{"Tremove", 122}, {"Rremove", 122},  {NULL, 0},
};

const struct pl_word_id pl_features[] = {
	{"shim", 0},	 {"ns", 1},	  {"userns", 2}, {"signing", 3},
	{"volatile", 4}, {"io_uring", 5}, {NULL, 0},
};

/* As nwb_verdict_name() has them, in small letters. */
const struct pl_word_id pl_verdicts[] = {
	{"pass", 0}, {"fail", 1},  {"vacuous", 2}, {"inconclusive", 3},
	{"skip", 4}, {"known", 5}, {NULL, 0},
};

const struct pl_word_id pl_fd_classes[] = {
	{"every-fd", 0},
	{"any-fd", 1},
	{NULL, 0},
};

/* The kinds of findings of the oracles. */
const struct pl_word_id pl_invariants[] = {
	{"lost", 1},	    {"zeroed", 1},
	{"short", 1},	    {"foreign", 2},
	{"displaced", 2},   {"unissued", 2},
	{"torn", 2},	    {"stale-retry", 3},
	{"unfenced", 3},    {"unlicensed", 4},
	{"swallowed", 6},   {"spurious", 6},
	{"credits", 7},	    {"hang", 8},
	{"gave-up", 15},    {"too-often", 4},
	{"twice", 6},	    {"long", 9},
	{"shrunk", 9},	    {"lost-durable", 10},
	{"stale-read", 12}, {"unstable", 13},
	{NULL, 0},
};

const struct pl_word_id pl_errnos[] = {
	{"EIO", EIO},
	{"ENOSPC", ENOSPC},
	{"EDQUOT", EDQUOT},
	{"EFBIG", EFBIG},
	{"EACCES", EACCES},
	{"EPERM", EPERM},
	{"EROFS", EROFS},
	{"EBADF", EBADF},
	{"EAGAIN", EAGAIN},
	{"ENOMEM", ENOMEM},
	{"EINTR", EINTR},
	{"EINVAL", EINVAL},
	{"ENOENT", ENOENT},
	{"ESTALE", ESTALE},
	{"ENXIO", ENXIO},
	{"ENODEV", ENODEV},
	{"EBUSY", EBUSY},
	{"ETIMEDOUT", ETIMEDOUT},
	{"ECONNRESET", ECONNRESET},
	{"EHOSTDOWN", EHOSTDOWN},
	{"ENOTCONN", ENOTCONN},
	{NULL, 0},
};

/* of the client; the numbers are enum nwb_smb2_signing, on: the best */
static const struct pl_word_id sign_words[] = {
	{"on", 0},   {"off", NWB_PLAN_SIGN_OFF},
	{"hmac", 1}, {"cmac", 2},
	{"gmac", 3}, {NULL, 0},
};

/* of a server: also what its client does */
static const struct pl_word_id server_sign_words[] = {
	{"on", 1},
	{"off", 0},
	{"mandatory", 2},
	{NULL, 0},
};

static const struct pl_word_id dialect_words[] = {
	{"2.0.2", 0x202}, {"2.1", 0x210},  {"3.0.2", 0x302},
	{"3.1.1", 0x311}, {"any", 0xffff}, {NULL, 0},
};

static const struct pl_word_id server_dialect_words[] = {
	{"2.0.2", 0x202}, {"2.1", 0x210}, {"3.0.2", 0x302},
	{"3.1.1", 0x311}, {NULL, 0},
};

/* enum nwb_smb2_encryption */
static const struct pl_word_id encrypt_words[] = {
	{"auto", 0},
	{"on", 1},
	{"off", 2},
	{NULL, 0},
};

/* enum nwb_server_signing, enum nwb_server_encrypt */
static const struct pl_word_id signing_words[] = {
	{"default", 0},
	{"mandatory", 1},
	{"disabled", 2},
	{NULL, 0},
};

static const struct pl_word_id server_encrypt_words[] = {
	{"default", 0},	 {"off", 1},   {"desired", 2},
	{"required", 3}, {"share", 4}, {NULL, 0},
};

/* struct nwb_server_security */
static const struct pl_word_id sign_alg_words[] = {
	{"hmac", 1},
	{"cmac", 2},
	{"gmac", 3},
	{NULL, 0},
};

static const struct pl_word_id cipher_words[] = {
	{"ccm", 1},
	{"gcm", 2},
	{NULL, 0},
};

static const struct pl_word_id cache_words[] = {
	{"always", 0}, {"none", 1}, {"strict", 2}, {"loose", 3}, {NULL, 0},
};

static const struct pl_word_id durable_words[] = {
	{"off", 0},
	{"v1", 1},
	{"v2", 2},
	{NULL, 0},
};

/* enum nwb_flavour, enum nwb_retry_strategy */
static const struct pl_word_id flavour_words[] = {
	{"strict", 0},
	{"linux-6.12", 1},
	{"linux-7.2", 2},
	{NULL, 0},
};

static const struct pl_word_id retry_words[] = {
	{"combine", 0},
	{"resplit-each", 1},
	{"smaller-bits", 2},
	{NULL, 0},
};

/* bytes of a data unit */
static const struct pl_word_id crypto_words[] = {
	{"4096", 4096}, {"2048", 2048}, {"1024", 1024}, {"512", 512}, {NULL, 0},
};

static const struct pl_word_id mirror_words[] = {
	{"smbd", 0},
	{"diod", 1},
	{"ganesha", 2},
	{NULL, 0},
};

const struct pl_opt_desc pl_server_opts[] = {
	{"credits", PL_OPT_COUNT, 1, 8192, NULL, "smbd"},
	{"sign", PL_OPT_WORD, 0, 0, server_sign_words, "smbd"},
	{"signing", PL_OPT_WORD, 0, 0, signing_words, "smbd"},
	{"sign-alg", PL_OPT_WORD, 0, 0, sign_alg_words, "smbd"},
	{"encrypt", PL_OPT_WORD, 0, 0, server_encrypt_words, "smbd",
	 "required"},
	{"cipher", PL_OPT_WORD, 0, 0, cipher_words, "smbd"},
	{"guest", PL_OPT_FLAG, 0, 1, NULL, "smbd"},
	{"dialect", PL_OPT_WORD, 0, 0, server_dialect_words, "smbd"},
	{"min-dialect", PL_OPT_WORD, 0, 0, server_dialect_words, "smbd"},
	{"max-dialect", PL_OPT_WORD, 0, 0, server_dialect_words, "smbd"},
	{"multichannel", PL_OPT_FLAG, 0, 1, NULL, "smbd"},
	{"msize", PL_OPT_SIZE, 4096, 8 * NWB_MIB, NULL, "ganesha"},
	{"volatile", PL_OPT_FLAG, 0, 1, NULL, NULL},
	{"ignore-sigpipe", PL_OPT_FLAG, 0, 1, NULL, NULL},
	{NULL, 0, 0, 0, NULL, NULL},
};

const struct pl_opt_desc pl_client_opts[] = {
	{"wsize", PL_OPT_SIZE, 4096, 8 * NWB_MIB, NULL, NULL},
	{"msize", PL_OPT_SIZE, 4096, 8 * NWB_MIB, NULL, NULL},
	{"settle", PL_OPT_TIME, 0, 3600 * NWB_SEC, NULL, NULL},
	{"patience", PL_OPT_TIME, 0, 3600 * NWB_SEC, NULL, NULL},
	{"credits", PL_OPT_COUNT, 1, 8192, NULL, NULL},
	{"attempts", PL_OPT_COUNT, 1, 1000000, NULL, NULL},
	{"depth", PL_OPT_COUNT, 1, 4096, NULL, NULL},
	{"durable", PL_OPT_WORD, 0, 0, durable_words, NULL},
	{"cache", PL_OPT_WORD, 0, 0, cache_words, NULL},
	{"soft", PL_OPT_FLAG, 0, 1, NULL, NULL},
	{"hard", PL_OPT_FLAG, 0, 1, NULL, NULL},
	{"retrans", PL_OPT_COUNT, 1, 1000000, NULL, NULL},
	{"dialect", PL_OPT_WORD, 0, 0, dialect_words, NULL},
	{"sign", PL_OPT_WORD, 0, 0, sign_words, NULL, "on"},
	{"encrypt", PL_OPT_WORD, 0, 0, encrypt_words, NULL, "on"},
	{"channels", PL_OPT_COUNT, 1, 4, NULL, NULL},
	{"flavour", PL_OPT_WORD, 0, 0, flavour_words, NULL},
	{"hazard", PL_OPT_HAZARDS, 0, 0, NULL, NULL},
	{"retry", PL_OPT_WORD, 0, 0, retry_words, NULL},
	{"crypto", PL_OPT_WORD, 0, 0, crypto_words, NULL, "4096"},
	{"compound", PL_OPT_COUNT, 2, 4, NULL, NULL},
	{"second-user", PL_OPT_FLAG, 0, 1, NULL, NULL},
	{"mirror", PL_OPT_WORD, 0, 0, mirror_words, NULL},
	{"mirror-room", PL_OPT_SIZE, NWB_MIB, 1024 * NWB_MIB, NULL, NULL},
	{"dirty", PL_OPT_SIZE, 65536, 1024 * 1024 * NWB_MIB, NULL, NULL},
	{"dirty-bg", PL_OPT_SIZE, 4096, 1024 * 1024 * NWB_MIB, NULL, NULL},
	{"strictlimit", PL_OPT_SIZE, 65536, 1024 * 1024 * NWB_MIB, NULL, NULL},
	{"fscache-short", PL_OPT_SIZE, 4096, 1024 * NWB_MIB, NULL, NULL},
	{NULL, 0, 0, 0, NULL, NULL},
};

const struct pl_word_id *pl_find(const struct pl_word_id *tab,
				 const struct pl_tok *t)
{
	for (; tab->word; tab++)
		if (pl_is(t, tab->word))
			return tab;
	return NULL;
}

const char *pl_id_word(const struct pl_word_id *tab, uint32_t id)
{
	for (; tab->word; tab++)
		if (tab->id == id)
			return tab->word;
	return "?";
}

static char lower(char ch)
{
	return ch >= 'A' && ch <= 'Z' ? (char)(ch - 'A' + 'a') : ch;
}

#define WORD_MAX 40u

unsigned int pl_distance(const char *a, size_t alen, const char *b, size_t blen)
{
	unsigned char row[3][WORD_MAX + 1];

	if (alen > WORD_MAX || blen > WORD_MAX)
		return 255;
	for (size_t j = 0; j <= blen; j++)
		row[0][j] = (unsigned char)j;
	for (size_t i = 1; i <= alen; i++) {
		unsigned char *cur = row[i % 3], *up = row[(i + 2) % 3];
		const unsigned char *up2 = row[(i + 1) % 3];

		cur[0] = (unsigned char)i;
		for (size_t j = 1; j <= blen; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);
			unsigned int d = up[j - 1] + (same ? 0u : 1u);

			d = nwb_min(d, up[j] + 1u);
			d = nwb_min(d, cur[j - 1] + 1u);
			if (i > 1 && j > 1 &&
			    lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				d = nwb_min(d, up2[j - 2] + 1u);
			cur[j] = (unsigned char)d;
		}
	}
	return row[alen % 3][blen];
}

int pl_unknown(struct pl_cur *c, const char *what, const struct pl_tok *t,
	       const struct pl_word_id *const *tabs, unsigned int nr_tabs)
{
	int shown = (int)nwb_min(t->len, (size_t)40);
	const char *best = NULL;
	unsigned int least = 255;

	for (unsigned int i = 0; i < nr_tabs; i++) {
		for (const struct pl_word_id *w = tabs[i]; w->word; w++) {
			size_t len = strlen(w->word);
			unsigned int d =
				pl_distance(t->s, t->len, w->word, len);

			/* A third of the word may be wrong, one at least. */
			if (d < least && d < len && d <= 1 + len / 3) {
				least = d;
				best = w->word;
			}
		}
	}
	if (best)
		return pl_fail(c, t->s, -EINVAL,
			       "unknown %s \"%.*s\"; did you mean \"%s\"?",
			       what, shown, t->s, best);
	return pl_fail(c, t->s, -EINVAL, "unknown %s \"%.*s\"", what, shown,
		       t->s);
}

int pl_lookup(struct pl_cur *c, const char *what, const struct pl_tok *t,
	      const struct pl_word_id *tab, uint32_t *ret)
{
	const struct pl_word_id *w = pl_find(tab, t);

	if (!w)
		return pl_unknown(c, what, t, &tab, 1);
	*ret = w->id;
	return 0;
}
