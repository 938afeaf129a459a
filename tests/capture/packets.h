/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets by hand: a capture as the thread would have left it, and what the
 * writer makes of it.
 */
#ifndef NWB_TEST_PACKETS_H
#define NWB_TEST_PACKETS_H

#include "capture_i.h"

#define PACKETS_MAX (1u << 20)
#define SERVER_PORT 445u
#define FIN	    0x01u
#define SYN	    0x02u
#define RST	    0x04u

struct packets {
	uint8_t raw[PACKETS_MAX];
	size_t len;
	uint64_t nr;
	uint32_t seq[2]; /* of the one connection that segments are made for */
	uint16_t port;	 /* its client's */
	bool is_v6;
};

/** pk_raw() - a packet as it is. */
void pk_raw(struct packets *p, uint64_t t, const void *data, size_t len);
/** pk_segment() - @n bytes from the client, or from the server (@is_reply), in
 * one TCP segment with @flags; moves the sequence on. Return: its number. */
uint64_t pk_segment(struct packets *p, uint64_t t, bool is_reply, uint8_t flags,
		    const void *data, size_t n);
/** pk_smb() - an SMB2 frame of @len payload bytes behind the header in @buf.
 * Return: its length. */
size_t pk_smb(uint8_t *buf, uint64_t mid, size_t len);
/** pk_9p() - a 9P message. Return: its length. */
size_t pk_9p(uint8_t *buf, uint8_t type, uint16_t tag, size_t len);
/** pk_write() - the file; free() *@ret_file. */
size_t pk_write(const struct packets *p, bool is_9p,
		const struct nwb_capture_notes *n, char **ret_file,
		struct nwb_capture_stats *st);

#endif
