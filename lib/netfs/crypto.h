/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Content crypto inside lib/netfs; the model stands in crypto.c. */
#ifndef NWB_NETFS_CRYPTO_H
#define NWB_NETFS_CRYPTO_H

#include "issue.h"

#define NWB_CRYPTO_BLOCK    16u /* of AES */
#define NWB_CRYPTO_UNIT_MIN 512u

/* crypto.c */
void nwb_crypto_units(const struct nwb_netfs *nf, bool is_encrypting,
		      uint64_t pos, uint8_t *mem, size_t len);

/* crypto_rmw.c */
void nwb_crypto_fill_main(struct nwb_work *work);
int nwb_crypto_read(struct nwb_inode *inode, uint64_t pos, uint8_t *buf,
		    size_t len, uint64_t remote_size,
		    bool *ret_from_server) nwb_must_check;

/* buffered_read.c: bytes as the server, or the local cache, has them; zeros
 * behind @remote_size. @ret_from_server: set if some came from there; NULL: all
 * have to. */
int nwb_read_raw(struct nwb_inode *inode, uint64_t pos, uint8_t *buf,
		 size_t len, uint64_t remote_size,
		 bool *ret_from_server) nwb_must_check;

#endif
