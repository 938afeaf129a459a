/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NTLMSSP through GSSAPI: raw NTLMSSP tokens ([MS-NLMP]), no SPNEGO around
 * them, which SMB2 servers accept as they are ([MS-SMB2] 3.3.5.5.3).
 *
 * The mechanism is gss-ntlmssp, loaded by MIT krb5's mechglue, which finds it
 * in /etc/gss/mech.d. An empty user logs in with a name that no server knows:
 * one that maps bad users to guest lets it in as guest, any other says no.
 */
#include "nwb/auth.h"
#include "nwb/mem.h"

#include <errno.h>
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <stdio.h>
#include <string.h>

/*
 * gss-ntlmssp 1.2.0 fetches a digest from OpenSSL for every password and never
 * gives it back: about 6 KiB a login, seen by LeakSanitizer. Nothing of ours
 * is allocated between these two.
 */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#define leak_of_gssntlmssp_begin() __lsan_disable()
#define leak_of_gssntlmssp_end()   __lsan_enable()
#else
#define leak_of_gssntlmssp_begin() ((void)0)
#define leak_of_gssntlmssp_end()   ((void)0)
#endif

#define GUEST_USER     "nwb-guest"
#define GUEST_PASSWORD "guest"

/* 1.3.6.1.4.1.311.2.2.10 */
static gss_OID_desc ntlmssp_oid = {
	10, (void *)"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"};
/* GSS_C_INQ_SSPI_SESSION_KEY, 1.2.840.113554.1.2.2.5.5 */
static gss_OID_desc session_key_oid = {
	11, (void *)"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x05"};

struct nwb_auth {
	gss_cred_id_t cred;
	gss_name_t target;
	gss_ctx_id_t ctx;
	gss_buffer_desc out;
	bool is_done;
	bool is_guest;
};

static int gss_err(struct nwb_err *err, int code, const char *what,
		   OM_uint32 major, OM_uint32 minor)
{
	gss_buffer_desc maj = GSS_C_EMPTY_BUFFER, min = GSS_C_EMPTY_BUFFER;
	OM_uint32 more = 0, ignored;

	(void)gss_display_status(&ignored, major, GSS_C_GSS_CODE, GSS_C_NO_OID,
				 &more, &maj);
	more = 0;
	(void)gss_display_status(&ignored, minor, GSS_C_MECH_CODE, &ntlmssp_oid,
				 &more, &min);
	(void)nwb_err_set(err, code, "%s: %.*s (%.*s)", what, (int)maj.length,
			  maj.length ? (const char *)maj.value : "",
			  (int)min.length,
			  min.length ? (const char *)min.value : "");
	(void)gss_release_buffer(&ignored, &maj);
	(void)gss_release_buffer(&ignored, &min);
	return code;
}

/* A name for @text; @type says how it is to be read. */
static int import_name(const char *what, const char *text, gss_OID type,
		       gss_name_t *ret_name, struct nwb_err *err)
{
	gss_buffer_desc buf = {strlen(text), (void *)text};
	OM_uint32 major, minor;

	major = gss_import_name(&minor, &buf, type, ret_name);
	if (GSS_ERROR(major))
		return gss_err(err, -EINVAL, what, major, minor);
	return 0;
}

static int acquire(struct nwb_auth *a, const char *user, const char *password,
		   const char *domain, struct nwb_err *err)
{
	gss_OID_set_desc mechs = {1, &ntlmssp_oid};
	gss_buffer_desc pw = {strlen(password), (void *)password};
	gss_name_t name = GSS_C_NO_NAME;
	OM_uint32 major, minor, ignored;
	char text[300];
	int rc;

	rc = snprintf(text, sizeof(text), "%s%s%s", domain, *domain ? "\\" : "",
		      user);
	if (rc < 0 || (size_t)rc >= sizeof(text))
		return nwb_err_set(err, -EINVAL, "user name too long");
	rc = import_name("user name", text, GSS_C_NT_USER_NAME, &name, err);
	if (rc)
		return rc;
	leak_of_gssntlmssp_begin();
	major = gss_acquire_cred_with_password(
		&minor, name, &pw, GSS_C_INDEFINITE, &mechs, GSS_C_INITIATE,
		&a->cred, NULL, NULL);
	leak_of_gssntlmssp_end();
	(void)gss_release_name(&ignored, &name);
	if (GSS_ERROR(major)) {
		(void)gss_err(err, -ENOPKG, "NTLMSSP credentials", major,
			      minor);
		return nwb_err_wrap(err, -ENOPKG,
				    "is the package gss-ntlmssp installed?");
	}
	return 0;
}

static void auth_finish(struct nwb_auth *a)
{
	OM_uint32 ignored;

	if (!a)
		return;
	(void)gss_release_buffer(&ignored, &a->out);
	if (a->ctx != GSS_C_NO_CONTEXT)
		(void)gss_delete_sec_context(&ignored, &a->ctx,
					     GSS_C_NO_BUFFER);
	if (a->target != GSS_C_NO_NAME)
		(void)gss_release_name(&ignored, &a->target);
	if (a->cred != GSS_C_NO_CREDENTIAL)
		(void)gss_release_cred(&ignored, &a->cred);
	nwb_free(a);
}

static int auth_start(const char *user, const char *password,
		      const char *domain, const char *target,
		      struct nwb_auth **ret_auth, struct nwb_err *err)
{
	struct nwb_auth *a = nwb_zalloc(sizeof(*a));
	char text[300];
	int rc;

	if (!a)
		return nwb_err_set(err, -ENOMEM, "out of memory");
	a->is_guest = !user || !*user;
	if (a->is_guest) {
		user = GUEST_USER;
		password = GUEST_PASSWORD;
	}
	rc = acquire(a, user, password ? password : "", domain ? domain : "",
		     err);
	if (!rc) {
		(void)snprintf(text, sizeof(text), "cifs@%s",
			       target && *target ? target : "localhost");
		rc = import_name("target name", text,
				 GSS_C_NT_HOSTBASED_SERVICE, &a->target, err);
	}
	if (rc) {
		auth_finish(a);
		return rc;
	}
	*ret_auth = a;
	return 0;
}

static int auth_step(struct nwb_auth *a, const void *in, size_t in_len,
		     const void **ret_out, size_t *ret_out_len,
		     struct nwb_err *err)
{
	gss_buffer_desc token = {in_len, (void *)in};
	OM_uint32 major, minor, ignored;

	if (a->is_done)
		return nwb_err_set(err, -EPROTO,
				   "a token after the exchange was over");
	(void)gss_release_buffer(&ignored, &a->out);
	major = gss_init_sec_context(
		&minor, a->cred, &a->ctx, a->target, &ntlmssp_oid,
		GSS_C_INTEG_FLAG | GSS_C_SEQUENCE_FLAG, 0,
		GSS_C_NO_CHANNEL_BINDINGS, in ? &token : GSS_C_NO_BUFFER, NULL,
		&a->out, NULL, NULL);
	if (GSS_ERROR(major))
		return gss_err(err, -EACCES, "NTLMSSP", major, minor);
	*ret_out = a->out.value;
	*ret_out_len = a->out.length;
	a->is_done = major == GSS_S_COMPLETE;
	return a->is_done ? 0 : 1;
}

static int auth_session_key(struct nwb_auth *a, uint8_t ret_key[16],
			    struct nwb_err *err)
{
	gss_buffer_set_t set = GSS_C_NO_BUFFER_SET;
	OM_uint32 major, minor, ignored;
	int rc = 0;

	if (a->is_guest || !a->is_done)
		return nwb_err_set(err, -ENOKEY, "no session key");
	major = gss_inquire_sec_context_by_oid(&minor, a->ctx, &session_key_oid,
					       &set);
	if (GSS_ERROR(major))
		return gss_err(err, -ENOKEY, "session key", major, minor);
	if (set->count < 1 || set->elements[0].length < 16)
		rc = nwb_err_set(err, -ENOKEY, "session key is too short");
	else
		memcpy(ret_key, set->elements[0].value, 16);
	(void)gss_release_buffer_set(&ignored, &set);
	return rc;
}

const struct nwb_auth_ops *nwb_auth_gssapi(void)
{
	static const struct nwb_auth_ops ops = {
		.name = "gssapi-ntlmssp",
		.start = auth_start,
		.step = auth_step,
		.session_key = auth_session_key,
		.finish = auth_finish,
	};

	return &ops;
}
