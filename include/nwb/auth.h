/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Authentication as a token exchange: step until done, then take the session
 * key. lib/smb2 knows this vtable only; lib/auth implements it with GSSAPI
 * (NTLMSSP by gss-ntlmssp). One context a session set-up, one task at a time.
 */
#ifndef NWB_AUTH_H
#define NWB_AUTH_H

#include "nwb/err.h"

struct nwb_auth;

struct nwb_auth_ops {
	const char *name; /* "gssapi-ntlmssp" */
	/* @ret_auth: a fresh context for one session set-up. An empty user is
	 * anonymous. */
	int (*start)(const char *user, const char *password,
		     const char *domain, const char *target,
		     struct nwb_auth **ret_auth, struct nwb_err *err);
	/* One round: server's token in (NULL, 0 at first), ours out (owned by
	 * the context until the next step). Return: 1 to go on, 0 when done
	 * (@ret_out may still hold a last token to be sent), negative errno. */
	int (*step)(struct nwb_auth *a, const void *in, size_t in_len,
		    const void **ret_out, size_t *ret_out_len,
		    struct nwb_err *err);
	/* 16 bytes, after the last step. -ENOKEY for anonymous contexts. */
	int (*session_key)(struct nwb_auth *a, uint8_t ret_key[16],
			   struct nwb_err *err);
	void (*finish)(struct nwb_auth *a);
};

/** nwb_auth_gssapi() - NTLMSSP through GSSAPI; static storage. Blocking calls
 * into the GSSAPI library, files of its configuration are read. */
const struct nwb_auth_ops *nwb_auth_gssapi(void);

#endif
