/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dialects, signatures and encryption against the scripted server: what each
 * combination says on the wire, what is refused and how, and what an answer
 * that is not protected as it must be leads to.
 */
#include "harness.h"

#include <errno.h>
#include <string.h>

/* What the next world is; on_all() takes no argument. */
static struct combo {
	uint16_t dialect;
	bool sign;
	enum nwb_smb2_signing signing;
	int alg; /* that the server chooses */
	enum nwb_smb2_encryption encryption;
	int cipher;
	uint32_t caps, share_flags;
	uint16_t session_flags;
	const char *says; /* the error, or why the connection was lost */
	int rc;
} combo;

static void setup(struct world *w)
{
	w->s->user = true;
	w->s->dialect = combo.dialect;
	w->s->expect_sign = combo.sign;
	w->s->sign_alg = combo.alg;
	w->s->cipher = combo.cipher;
	w->s->caps = combo.caps;
	w->s->share_flags = combo.share_flags;
	w->s->session_flags = combo.session_flags;
	if (combo.dialect == NWB_SMB2_DIALECT_0202)
		w->s->max_write = 65536;
	w->opts.auth = script_auth();
	w->opts.user = "u";
	w->opts.dialect = combo.dialect;
	w->opts.sign = combo.sign;
	w->opts.signing = combo.signing;
	w->opts.encryption = combo.encryption;
}

/* Writes of one and of many credits, flush, read back. */
static void transfer(struct world *w)
{
	uint32_t len = combo.dialect == NWB_SMB2_DIALECT_0202 ? 65536 : 200000;
	uint32_t epoch, status;
	uint8_t buf[1000];

	OPEN(w);
	EXPECT(w, job_run(w, 0, 1000, NULL) == 1000);
	EXPECT(w, job_run(w, 1000, len, NULL) == len);
	EXPECT(w, content_is(w, 0, 1000 + len));
	EXPECT(w, !nwb_smb2_flush(w->f, &epoch, &status));
	EXPECT(w, nwb_smb2_read(w->f, 500, buf, sizeof(buf), &status) ==
			  sizeof(buf));
	for (unsigned int i = 0; i < sizeof(buf); i++)
		EXPECT(w, buf[i] == byte_at(500 + i));
	EXPECT(w, stats_of(w).dialect == combo.dialect);
}

NWB_TEST(smb2_secure, every_dialect_signs_in_its_way)
{
	static const struct combo list[] = {
		{0x0202, .sign = true},
		{0x0210, .sign = true, .signing = NWB_SIGNING_HMAC},
		{0x0302, .sign = true, .signing = NWB_SIGNING_CMAC},
		{0x0311, true, NWB_SIGNING_HMAC, NWB_SMB2_SIGN_HMAC_SHA256},
		{0x0311, true, NWB_SIGNING_CMAC, NWB_SMB2_SIGN_AES_CMAC},
		{0x0311, true, NWB_SIGNING_CMAC, -1}, /* means the same */
		{0x0311, true, NWB_SIGNING_GMAC, NWB_SMB2_SIGN_AES_GMAC},
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(list); i++) {
		combo = list[i];
		combo.cipher = -1;
		on_all(setup, transfer);
	}
}

NWB_TEST(smb2_secure, every_dialect_does_without)
{
	static const uint16_t list[] = {0x0202, 0x0210, 0x0302, 0x0311};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(list); i++) {
		combo = (struct combo){.dialect = list[i],
				       .alg = NWB_SMB2_SIGN_AES_GMAC,
				       .cipher = -1};
		on_all(setup, transfer);
	}
}

static void sealed_transfer(struct world *w)
{
	transfer(w);
	EXPECT(w, w->s->nr_unsealed >= 5);
	EXPECT(w, strcmp(stats_of(w).cipher, "none") != 0);
	EXPECT(w, !stats_of(w).is_signed);
}

/* The client wants it, the session says so, the share says so. */
NWB_TEST(smb2_secure, all_is_encrypted_whoever_wants_it)
{
	static const struct combo list[] = {
		{0x0311, .encryption = NWB_ENCRYPT_ON,
		 .cipher = NWB_SMB2_CIPHER_AES_128_GCM},
		{0x0311, .encryption = NWB_ENCRYPT_ON,
		 .cipher = NWB_SMB2_CIPHER_AES_128_CCM},
		{0x0311, .sign = true, .encryption = NWB_ENCRYPT_ON,
		 .cipher = NWB_SMB2_CIPHER_AES_128_GCM},
		{0x0302, .encryption = NWB_ENCRYPT_ON,
		 .caps = NWB_SMB2_CAP_ENCRYPTION},
		{0x0311, .cipher = NWB_SMB2_CIPHER_AES_128_GCM,
		 .session_flags = NWB_SMB2_SESSION_F_ENCRYPT},
		{0x0302, .caps = NWB_SMB2_CAP_ENCRYPTION,
		 .session_flags = NWB_SMB2_SESSION_F_ENCRYPT},
		{0x0311, .cipher = NWB_SMB2_CIPHER_AES_128_GCM,
		 .share_flags = NWB_SMB2_SHARE_F_ENCRYPT},
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(list); i++) {
		combo = list[i];
		combo.alg = NWB_SMB2_SIGN_AES_GMAC;
		on_all(setup, sealed_transfer);
	}
}

/* A reconnect has new keys; both ends agree. */
static void again_body(struct world *w)
{
	uint32_t epoch;

	OPEN(w);
	EXPECT(w, job_run(w, 0, 5000, NULL) == 5000);
	nwb_smb2_disconnect(w->c);
	EXPECT(w, !nwb_smb2_file_ready(w->f, &epoch, NULL));
	EXPECT(w, job_run(w, 5000, 5000, NULL) == 5000);
	EXPECT(w, content_is(w, 0, 10000));
	EXPECT(w, w->s->nr_conns == 2);
}

NWB_TEST(smb2_secure, encryption_outlives_a_reconnect)
{
	combo = (struct combo){.dialect = 0x0311,
			       .alg = NWB_SMB2_SIGN_AES_GMAC,
			       .encryption = NWB_ENCRYPT_ON,
			       .cipher = NWB_SMB2_CIPHER_AES_128_GCM};
	on_all(setup, again_body);
}

/* --- refusals ------------------------------------------------------------- */

static void refused_body(struct world *w)
{
	struct nwb_err err = {0};

	EXPECT(w, nwb_smb2_connect(w->c, &err) == combo.rc);
	if (!strstr(err.text, combo.says))
		fprintf(stderr, "says: %s\n", err.text);
	EXPECT(w, strstr(err.text, combo.says));
}

NWB_TEST(smb2_secure, refusals_say_what_was_asked_and_answered)
{
	static const struct combo list[] = {
		/* another algorithm than the one that was offered */
		{0x0311, true, NWB_SIGNING_GMAC, NWB_SMB2_SIGN_AES_CMAC,
		 .cipher = -1, .rc = -EOPNOTSUPP,
		 .says = "signing with AES-GMAC was asked for, the server "
			 "chose AES-CMAC"},
		{0x0311, .alg = 7, .cipher = -1, .rc = -EPROTO,
		 .says = "an algorithm that was not offered"},
		{0x0311, .alg = 2, .cipher = 4, .rc = -EPROTO,
		 .says = "an algorithm that was not offered"},
		/* no common cipher, two ways to say so */
		{0x0311, .alg = 2, .encryption = NWB_ENCRYPT_ON, .cipher = 0,
		 .rc = -EOPNOTSUPP, .says = "no common cipher"},
		{0x0311, .alg = 2, .encryption = NWB_ENCRYPT_ON, .cipher = -1,
		 .rc = -EOPNOTSUPP, .says = "AES-128-GCM, AES-128-CCM"},
		{0x0302, .encryption = NWB_ENCRYPT_ON, .rc = -EOPNOTSUPP,
		 .says = "encryption was asked for (AES-128-CCM)"},
		/* the server wants what the session cannot give */
		{0x0210, .session_flags = NWB_SMB2_SESSION_F_ENCRYPT,
		 .rc = -EOPNOTSUPP, .says = "use dialect 3.0.2 or 3.1.1"},
		{0x0311, .alg = 2, .cipher = -1, .encryption = NWB_ENCRYPT_OFF,
		 .share_flags = NWB_SMB2_SHARE_F_ENCRYPT, .rc = -EOPNOTSUPP,
		 .says = "tree connect: the server wants encryption"},
		/* a cipher although none was offered */
		{0x0311, .alg = 2, .cipher = 2, .encryption = NWB_ENCRYPT_OFF,
		 .rc = -EPROTO, .says = "that was not offered"},
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(list); i++) {
		combo = list[i];
		on_all(setup, refused_body);
	}
}

static void any_setup(struct world *w)
{
	setup(w);
	w->opts.dialect = NWB_SMB2_DIALECT_ANY;
}

/* The server chooses one that cannot do it. */
NWB_TEST(smb2_secure, the_chosen_dialect_must_do_what_was_asked)
{
	combo = (struct combo){.dialect = 0x0210,
			       .encryption = NWB_ENCRYPT_ON,
			       .rc = -EOPNOTSUPP,
			       .says = "encryption was asked for, SMB 2.1 has "
				       "none"};
	on_all(any_setup, refused_body);
	combo = (struct combo){.dialect = 0x0302,
			       .sign = true,
			       .signing = NWB_SIGNING_GMAC,
			       .rc = -EOPNOTSUPP,
			       .says = "SMB 3.0.2 signs with AES-CMAC only"};
	on_all(any_setup, refused_body);
}

static void no_dialect_setup(struct world *w)
{
	setup(w);
	w->s->negotiate_status = NWB_STATUS_NOT_SUPPORTED;
}

NWB_TEST(smb2_secure, no_common_dialect)
{
	combo = (struct combo){.dialect = 0x0210,
			       .rc = -EPROTONOSUPPORT,
			       .says = "SMB 2.1 was offered, the server "
				       "answered STATUS_NOT_SUPPORTED"};
	on_all(no_dialect_setup, refused_body);
}

NWB_TEST(smb2_secure, what_no_server_can_grant_needs_no_server)
{
	static const struct {
		uint16_t dialect;
		enum nwb_smb2_signing signing;
		enum nwb_smb2_encryption encryption;
		int rc;
		const char *says;
	} list[] = {
		{0x0202, NWB_SIGNING_CMAC, NWB_ENCRYPT_AUTO, -EOPNOTSUPP,
		 "SMB 2.0.2 signs with HMAC-SHA256 only"},
		{0x0302, NWB_SIGNING_HMAC, NWB_ENCRYPT_AUTO, -EOPNOTSUPP,
		 "SMB 3.0.2 signs with AES-CMAC only"},
		{0x0210, NWB_SIGNING_BEST, NWB_ENCRYPT_ON, -EOPNOTSUPP,
		 "SMB 2.1 has none; use dialect 3.0.2 or 3.1.1"},
		{0x0300, NWB_SIGNING_BEST, NWB_ENCRYPT_AUTO, -EINVAL,
		 "no such dialect: 0x0300"},
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(list); i++) {
		struct nwb_smb2_opts opts = {.dialect = list[i].dialect,
					     .sign = true,
					     .signing = list[i].signing,
					     .encryption = list[i].encryption};
		struct nwb_err err = {0};
		struct nwb_smb2 *c;

		nwb_check_eq(nwb_smb2_new(NULL, &opts, &c, &err), list[i].rc);
		nwb_check(strstr(err.text, list[i].says));
	}
}

/* --- before 3.1.1 the negotiation is proven ------------------------------- */

static void validated_body(struct world *w)
{
	transfer(w);
	EXPECT(w, w->s->nr_validates == 1);
}

NWB_TEST(smb2_secure, negotiation_of_3_0_2_is_proven)
{
	combo = (struct combo){.dialect = 0x0302};
	on_all(setup, validated_body);
	/* talked down to 2.1: asked as well */
	combo = (struct combo){.dialect = 0x0210};
	on_all(any_setup, validated_body);
}

static void not_validated_body(struct world *w)
{
	transfer(w);
	EXPECT(w, w->s->nr_validates == 0);
}

NWB_TEST(smb2_secure, nothing_to_prove_where_nothing_better_was_offered)
{
	combo = (struct combo){.dialect = 0x0210};
	on_all(setup, not_validated_body);
	combo = (struct combo){
		.dialect = 0x0311, .alg = NWB_SMB2_SIGN_AES_GMAC, .cipher = -1};
	on_all(setup, not_validated_body);
}

static void lies_setup(struct world *w)
{
	setup(w);
	w->s->lies = true;
}

NWB_TEST(smb2_secure, a_changed_negotiation_is_noticed)
{
	combo = (struct combo){.dialect = 0x0302,
			       .rc = -EPROTO,
			       .says = "somebody changed it on the way"};
	on_all(lies_setup, refused_body);
}

static void old_server_setup(struct world *w)
{
	setup(w);
	w->s->validate_status = NWB_STATUS_FILE_CLOSED;
}

NWB_TEST(smb2_secure, old_servers_cannot_prove_it)
{
	combo = (struct combo){.dialect = 0x0210};
	on_all(old_server_setup, transfer);
}

/* --- answers that are not protected --------------------------------------- */

static void lost_body(struct world *w)
{
	OPEN(w);
	EXPECT(w, job_run(w, 0, 1000, NULL) == 1000);
	w->note = 1; /* be rude from now on */
	EXPECT(w, job_run(w, 1000, 1000, NULL) == -ECONNABORTED);
	EXPECT(w, nwb_smb2_epoch(w->c) == 0);
	if (strcmp(stats_of(w).lost_why, combo.says) != 0)
		fprintf(stderr, "lost: %s\n", stats_of(w).lost_why);
	EXPECT(w, !strcmp(stats_of(w).lost_why, combo.says));
}

static int clear_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	(void)m;
	c->s->in_the_clear = w->note;
	return 0;
}

static void clear_setup(struct world *w)
{
	setup(w);
	w->s->hook = clear_hook;
}

NWB_TEST(smb2_secure, clear_answers_end_an_encrypted_session)
{
	combo = (struct combo){
		.dialect = 0x0311,
		.alg = NWB_SMB2_SIGN_AES_GMAC,
		.encryption = NWB_ENCRYPT_ON,
		.cipher = NWB_SMB2_CIPHER_AES_128_GCM,
		.says = "an answer in the clear in an encrypted session",
	};
	on_all(clear_setup, lost_body);
}

static int spoil_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	(void)m;
	c->s->spoil_seal = w->note;
	return 0;
}

static void spoil_setup(struct world *w)
{
	setup(w);
	w->s->hook = spoil_hook;
}

NWB_TEST(smb2_secure, what_cannot_be_decrypted_ends_the_session)
{
	combo = (struct combo){
		.dialect = 0x0302,
		.encryption = NWB_ENCRYPT_ON,
		.caps = NWB_SMB2_CAP_ENCRYPTION,
		.says = "an encrypted answer cannot be decrypted",
	};
	on_all(spoil_setup, lost_body);
}

static int unsigned_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	(void)m;
	if (w->note)
		c->s->expect_sign = c->is_signing = false;
	return 0;
}

static void unsigned_setup(struct world *w)
{
	setup(w);
	w->s->hook = unsigned_hook;
}

NWB_TEST(smb2_secure, unsigned_answers_end_a_signed_session)
{
	combo = (struct combo){
		.dialect = 0x0210,
		.sign = true,
		.says = "an answer without a signature in a signed session",
	};
	on_all(unsigned_setup, lost_body);
}

static int forge_hook(struct sconn *c, const struct smsg *m)
{
	struct world *w = c->s->arg;

	(void)m;
	if (w->note) {
		nwb_signer_fini(&c->out);
		nwb_assert(
			!nwb_signer_init(&c->out, NWB_SMB2_SIGN_AES_CMAC,
					 (const uint8_t *)"another key 1234"));
	}
	return 0;
}

static void forge_setup(struct world *w)
{
	setup(w);
	w->s->hook = forge_hook;
}

NWB_TEST(smb2_secure, wrong_signatures_end_the_session)
{
	combo = (struct combo){
		.dialect = 0x0302,
		.sign = true,
		.says = "an answer carries a wrong signature",
	};
	on_all(forge_setup, lost_body);
}

/* H16: in Linux such an answer counts. */
static void believe_setup(struct world *w)
{
	forge_setup(w);
	w->opts.believe_bad_signatures = true;
}

static void believed_body(struct world *w)
{
	OPEN(w);
	EXPECT(w, job_run(w, 0, 1000, NULL) == 1000);
	EXPECT(w, stats_of(w).nr_bad_believed == 0);
	w->note = 1;
	EXPECT(w, job_run(w, 1000, 1000, NULL) == 1000);
	EXPECT(w, stats_of(w).nr_bad_believed == 1);
}

NWB_TEST(smb2_secure, h16_a_wrong_signature_is_believed)
{
	combo = (struct combo){.dialect = 0x0302, .sign = true};
	on_all(believe_setup, believed_body);
}

static int stray_hook(struct sconn *c, const struct smsg *m)
{
	static const uint8_t frame[NWB_SMB2_NBT_LEN + 200] = {
		0, 0, 0, 200, 0xfd, 'S', 'M', 'B'};
	struct world *w = c->s->arg;

	(void)m;
	if (w->note)
		script_raw(c, frame, sizeof(frame));
	return w->note ? 1 : 0;
}

static void stray_setup(struct world *w)
{
	setup(w);
	w->s->hook = stray_hook;
}

NWB_TEST(smb2_secure, encryption_that_nobody_agreed_on)
{
	combo = (struct combo){
		.dialect = 0x0311,
		.alg = NWB_SMB2_SIGN_AES_GMAC,
		.cipher = NWB_SMB2_CIPHER_AES_128_GCM,
		.says = "an encrypted answer in a session without encryption",
	};
	on_all(stray_setup, lost_body);
}
