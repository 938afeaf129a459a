/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NTLMSSP messages of an anonymous login ([MS-NLMP] 2.2.1.1, 2.2.1.3): all
 * fields empty. Enough for the in-process fake; no session key comes of it.
 */
#include "client.h"

/* signature 8, MessageType 4, flags 4 (UNICODE, REQUEST_TARGET, NTLM), then
 * domain and workstation: length, length, offset */
static const uint8_t negotiate_message[32] = {
	'N', 'T', 'L', 'M', 'S', 'S', 'P', 0, 1, 0, 0, 0, 0x05, 0x02, 0, 0,
	0,   0,	  0,   0,   32,	 0,   0,   0, 0, 0, 0, 0, 32,	0,    0, 0,
};

/* six empty fields at offset 64, then flags (with ANONYMOUS, 0x800); the LM
 * response of an anonymous login is one zero byte */
static const uint8_t authenticate_message[65] = {
	'N',  'T',  'L', 'M', 'S', 'S', 'P', 0, 3, 0, 0, 0, /* */
	1,    0,    1,	 0,   64,  0,	0,   0,		    /* LM */
	0,    0,    0,	 0,   64,  0,	0,   0,		    /* NT */
	0,    0,    0,	 0,   64,  0,	0,   0,		    /* domain */
	0,    0,    0,	 0,   64,  0,	0,   0,		    /* user */
	0,    0,    0,	 0,   64,  0,	0,   0,		    /* workstation */
	0,    0,    0,	 0,   64,  0,	0,   0,		    /* key */
	0x05, 0x0a, 0,	 0,   0,
};

const void *nwb_smb2_anon_token(unsigned int step, size_t *ret_len)
{
	if (step == 0) {
		*ret_len = sizeof(negotiate_message);
		return negotiate_message;
	}
	*ret_len = sizeof(authenticate_message);
	return authenticate_message;
}
