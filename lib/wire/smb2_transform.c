/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The header of an encrypted message ([MS-SMB2] 2.2.41):
 *
 *	| 0xfd SMB | tag 16 | nonce 16 | size 4 | 0 | flags 2 | session 8 |
 *	                    ^ authenticated from here on, with the ciphertext
 */
#include "smb2_le.h"

static const uint8_t transform_id[4] = {0xfd, 'S', 'M', 'B'};

void nwb_smb2_transform_encode(uint8_t *buf, const struct nwb_smb2_transform *m)
{
	memcpy(buf, transform_id, 4);
	memcpy(buf + 4, m->signature, 16);
	memcpy(buf + 20, m->nonce, 16);
	put32(buf + 36, m->size);
	put16(buf + 40, 0);
	put16(buf + 42, m->flags);
	put64(buf + 44, m->session_id);
}

bool nwb_smb2_is_transform(const uint8_t *buf, size_t len)
{
	return len >= 4 && memcmp(buf, transform_id, 4) == 0;
}

int nwb_smb2_transform_decode(const uint8_t *buf, size_t len,
			      struct nwb_smb2_transform *ret_m)
{
	struct nwb_smb2_transform m;

	if (len < NWB_SMB2_TRANSFORM_LEN || !nwb_smb2_is_transform(buf, len))
		return -EBADMSG;
	memcpy(m.signature, buf + 4, 16);
	memcpy(m.nonce, buf + 20, 16);
	m.size = get32(buf + 36);
	m.flags = get16(buf + 42);
	m.session_id = get64(buf + 44);
	if (m.flags != NWB_SMB2_TRANSFORM_ENCRYPTED ||
	    m.size != len - NWB_SMB2_TRANSFORM_LEN)
		return -EBADMSG;
	*ret_m = m;
	return 0;
}
