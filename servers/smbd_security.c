/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What smbd insists on, as lines of smb.conf(5). */
#include "desc.h"
#include <stdio.h>
#include <string.h>

static const char *protocol(uint16_t dialect)
{
	switch (dialect) {
	case 0x0210:
		return "SMB2_10";
	case 0x0300:
		return "SMB3_00";
	case 0x0302:
		return "SMB3_02";
	case 0x0311:
		return "SMB3_11";
	default:
		return "SMB2_02";
	}
}

static const char *const signings[] = {
	[NWB_SERVER_SIGNING_DEFAULT] = "default",
	[NWB_SERVER_SIGNING_MANDATORY] = "mandatory",
	[NWB_SERVER_SIGNING_DISABLED] = "disabled",
};

static const char *const encrypts[] = {
	[NWB_SERVER_ENCRYPT_DEFAULT] = "default",
	[NWB_SERVER_ENCRYPT_OFF] = "off",
	[NWB_SERVER_ENCRYPT_DESIRED] = "desired",
	[NWB_SERVER_ENCRYPT_REQUIRED] = "required",
	[NWB_SERVER_ENCRYPT_SHARE] = "default",
};

static const char *const sign_algs[] = {"HMAC-SHA256", "AES-128-CMAC",
					"AES-128-GMAC"};
static const char *const ciphers[] = {"AES-128-CCM", "AES-128-GCM"};

void nwb_smbd_security(const struct nwb_server_security *sec, char *buf,
		       size_t size)
{
	int n = snprintf(buf, size,
			 "server min protocol = %s\n"
			 "server max protocol = %s\n"
			 "server signing = %s\n"
			 "server smb encrypt = %s\n",
			 protocol(sec->min_dialect),
			 protocol(sec->max_dialect ? sec->max_dialect : 0x0311),
			 signings[sec->signing], encrypts[sec->encrypt]);

	nwb_assert(sec->sign_alg <= NWB_ARRAY_SIZE(sign_algs));
	nwb_assert(sec->cipher <= NWB_ARRAY_SIZE(ciphers));
	if (sec->sign_alg)
		n += snprintf(buf + n, size - (size_t)n,
			      "server smb3 signing algorithms = %s\n",
			      sign_algs[sec->sign_alg - 1]);
	if (sec->cipher)
		n += snprintf(buf + n, size - (size_t)n,
			      "server smb3 encryption algorithms = %s\n",
			      ciphers[sec->cipher - 1]);
	nwb_assert(n > 0 && (size_t)n < size);
}

void nwb_smbd_share_security(const struct nwb_server_security *sec, char *buf,
			     size_t size)
{
	int n = snprintf(buf, size, "%s",
			 sec->encrypt == NWB_SERVER_ENCRYPT_SHARE
				 ? "server smb encrypt = required\n"
				 : "");

	nwb_assert(n >= 0 && (size_t)n < size);
}
