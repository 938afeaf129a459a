/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What goes into the buffers of SMB2 IOCTLs that copy on the server, zero a
 * range and make a file sparse ([MS-SMB2] 2.2.31.1, 2.2.32.1; [MS-FSCC] 2.3).
 * The requests themselves are in nwb/smb2_pdu.h. Pure, as everything there.
 */
#ifndef NWB_SMB2_IOCTL_H
#define NWB_SMB2_IOCTL_H

#include "nwb/smb2_pdu.h"

#define NWB_SMB2_RESUME_KEY_LEN	   24u
#define NWB_SMB2_COPYCHUNK_RSP_LEN 12u
#define NWB_SMB2_ZERO_DATA_LEN	   16u
/* What Windows and smbd take in one request (ServerSideCopyMaxNumberofChunks);
 * each at most 1 MiB, 16 MiB together, [MS-SMB2] 3.3.3. */
#define NWB_SMB2_CHUNKS_MAX  256u
#define NWB_SMB2_CHUNK_BYTES (1u << 20)
#define NWB_SMB2_COPY_BYTES  (16u << 20)

struct nwb_smb2_chunk {
	uint64_t from, to;
	uint32_t len;
};

/* SRV_COPYCHUNK_COPY */
struct nwb_smb2_copychunk {
	uint8_t key[NWB_SMB2_RESUME_KEY_LEN];
	uint32_t nr_chunks;
	struct nwb_smb2_chunk chunk[NWB_SMB2_CHUNKS_MAX];
};

/* SRV_COPYCHUNK_RESPONSE; with INVALID_PARAMETER: the server's limits */
struct nwb_smb2_copychunk_rsp {
	uint32_t chunks, chunk_bytes, total;
};

/** nwb_smb2_copychunk_encode() - input of FSCTL_SRV_COPYCHUNK_WRITE, [MS-SMB2]
 * 2.2.31.1. Return: bytes, or -ENOSPC: they do not fit, or there are more than
 * CHUNKS_MAX. */
int nwb_smb2_copychunk_encode(uint8_t *buf, size_t size,
			      const struct nwb_smb2_copychunk *m)
	nwb_must_check;
/** nwb_smb2_copychunk_decode() - the same from @len bytes; what is longer than
 * its chunks is not refused, nor are chunks that overlap or are empty.
 * Return: 0, or -EBADMSG: cut, or more than CHUNKS_MAX; @ret_m is as it was. */
int nwb_smb2_copychunk_decode(const void *buf, size_t len,
			      struct nwb_smb2_copychunk *ret_m) nwb_must_check;
/** nwb_smb2_copychunk_rsp_encode() - output of the same, 2.2.32.1. */
void nwb_smb2_copychunk_rsp_encode(uint8_t buf[NWB_SMB2_COPYCHUNK_RSP_LEN],
				   const struct nwb_smb2_copychunk_rsp *m);
/** nwb_smb2_copychunk_rsp_decode() - from @len bytes; whether they are what was
 * copied or the limits the status says, and the caller looks at it.
 * Return: 0, or -EBADMSG: less than COPYCHUNK_RSP_LEN. */
int nwb_smb2_copychunk_rsp_decode(const void *buf, size_t len,
				  struct nwb_smb2_copychunk_rsp *ret_m)
	nwb_must_check;
/** nwb_smb2_zero_data_encode() - FILE_ZERO_DATA_INFORMATION, bytes [@from,
 * @end). */
void nwb_smb2_zero_data_encode(uint8_t buf[NWB_SMB2_ZERO_DATA_LEN],
			       uint64_t from, uint64_t end);
/** nwb_smb2_zero_data_decode() - the same from @len bytes. Return: 0, or
 * -EBADMSG: less than ZERO_DATA_LEN, or @end is below @from. */
int nwb_smb2_zero_data_decode(const void *buf, size_t len, uint64_t *ret_from,
			      uint64_t *ret_end) nwb_must_check;

#endif
