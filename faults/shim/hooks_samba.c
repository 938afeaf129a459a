/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Samba's private functions that sign, encrypt and decrypt a message
 * (libcli/smb/smb2_signing.c). All take (key, iov, n): iov[0] of sign is the
 * SMB2 header, of the others the transform header with the message behind it.
 * They are taken by the version that was looked at, nothing else will do; the
 * first message of a session proves that they are really called.
 */
#include "hooks_i.h"

#include <stdio.h>

#define SAMBA_VERSION "SAMBA_4.17.12_DEBIAN_SAMBA4"
/* What makes smbd end the connection, [MS-ERREF] 2.3. */
#define STATUS_CONNECTION_RESET 0xc000020du

/* NTSTATUS is a struct of one uint32_t; it comes back in the same register. */
uint32_t smb2_signing_sign_pdu(void *key, struct iovec *iov, int nr);
uint32_t smb2_signing_encrypt_pdu(void *key, struct iovec *iov, int nr);
uint32_t smb2_signing_decrypt_pdu(void *key, struct iovec *iov, int nr);

typedef uint32_t (*pdu_fn)(void *key, struct iovec *iov, int nr);

/* @pinned: the one that was looked at; @other: of whatever version */
struct samba_fn {
	const char *name;
	pdu_fn pinned, other;
};

static struct samba_fn sign_fn = {.name = "smb2_signing_sign_pdu"};
static struct samba_fn encrypt_fn = {.name = "smb2_signing_encrypt_pdu"};
static struct samba_fn decrypt_fn = {.name = "smb2_signing_decrypt_pdu"};

static pdu_fn real(struct samba_fn *f)
{
	if (!f->pinned && !f->other) {
		*(void **)&f->pinned =
			dlvsym(RTLD_NEXT, f->name, SAMBA_VERSION);
		*(void **)&f->other = dlsym(RTLD_NEXT, f->name);
	}
	return f->pinned ? f->pinned : f->other;
}

EXPORT uint32_t smb2_signing_sign_pdu(void *key, struct iovec *iov, int nr)
{
	pdu_fn fn = real(&sign_fn);

	if (sh_pdus && sign_fn.pinned && nr > 0)
		sh_sign(key, iov[0].iov_base, iov[0].iov_len);
	return fn(key, iov, nr);
}

EXPORT uint32_t smb2_signing_encrypt_pdu(void *key, struct iovec *iov, int nr)
{
	pdu_fn fn = real(&encrypt_fn);
	uint32_t status;

	if (!sh_pdus || !encrypt_fn.pinned)
		return fn(key, iov, nr);
	sh_seal(iov, nr);
	status = fn(key, iov, nr);
	if (!status)
		sh_sealed(iov[0].iov_base);
	return status;
}

EXPORT uint32_t smb2_signing_decrypt_pdu(void *key, struct iovec *iov, int nr)
{
	pdu_fn fn = real(&decrypt_fn);
	uint32_t status = fn(key, iov, nr);

	if (!sh_pdus || !decrypt_fn.pinned)
		return status;
	return sh_unsealed(iov, nr, !status) ? status : STATUS_CONNECTION_RESET;
}

/* sh_check_samba() - say at once whether protected replies can be read and
 * rewritten. */
void sh_check_samba(struct nwb_fc_page *page)
{
	const char *(*version)(void);

	if (!real(&sign_fn))
		return; /* not smbd */
	if (!sign_fn.pinned)
		atomic_store(&page->sign, NWB_FC_SIGN_MISSING);
	(void)real(&encrypt_fn);
	(void)real(&decrypt_fn);
	if (!encrypt_fn.pinned || !decrypt_fn.pinned)
		atomic_store(&page->seal, NWB_FC_SEAL_MISSING);
	*(void **)&version = dlsym(RTLD_DEFAULT, "samba_version_string");
	if (version)
		snprintf(page->samba, sizeof(page->samba), "%s", version());
}
