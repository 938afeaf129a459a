/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of this room. */
#ifndef NWB_CAPTURE_I_H
#define NWB_CAPTURE_I_H

#include "nwb/capture.h"
#include <stdio.h>

#define CAP_SNAPLEN  262144u /* Wireshark takes no larger Ethernet packet */
#define CAP_LINKTYPE 1u	     /* Ethernet, which is what lo pretends to be */
#define CAP_NO_MID   UINT64_MAX
#define CAP_NOWHERE  UINT64_MAX

/* --- pcapng.c: blocks ----------------------------------------------------- */

/* The file takes errors with it: look at ferror() at the end. */
void cap_put_shb(FILE *f, const char *app, const char *const *comment,
		 unsigned int nr);
void cap_put_idb(FILE *f, const char *name);
void cap_put_epb(FILE *f, uint64_t t_ns, const void *data, uint32_t len,
		 uint32_t orig_len, const char *const *comment,
		 unsigned int nr);
void cap_put_isb(FILE *f, uint64_t t_first, uint64_t t_last, uint64_t packets,
		 uint64_t drops);

/* --- the packets in between: a private, memory-mapped file -----------------
 */

/* Each packet: this and @len bytes. */
struct cap_pkt {
	uint64_t t_ns; /* CLOCK_REALTIME */
	uint32_t len;
	uint32_t orig_len;
};

struct cap_packets {
	const uint8_t *data;
	size_t len;
};

/** cap_next() - the packet at @*at, which moves on; NULL: no more. The header
 * is copied out: it stands anywhere. */
const uint8_t *cap_next(const struct cap_packets *p, size_t *at,
			struct cap_pkt *ret_h);

/* --- stream.c: packets to PDUs ---------------------------------------------
 */

enum cap_what {
	CAP_REQUEST,
	CAP_REPLY,
	CAP_CUT, /* RST or FIN of the server */
};

/* A PDU, by the packet in which it ends. */
struct cap_pdu {
	uint64_t t_ns;
	uint64_t packet;
	uint64_t mid; /* MessageId or tag; CAP_NO_MID: encrypted */
	uint32_t port;
	uint8_t what;
	bool is_whole; /* false: the connection ended in the middle */
};

struct cap_pdus {
	struct cap_pdu *v; /* by packet */
	uint64_t nr;
	uint64_t encrypted, resent;
	bool is_short; /* memory ran out: the rest is not here */
};

/** cap_pdus_find() - follow the TCP streams from and to @port. */
void cap_pdus_find(const struct cap_packets *p, uint16_t port, bool is_9p,
		   struct cap_pdus *ret);
void cap_pdus_free(struct cap_pdus *p);

/* --- match.c: faults to PDUs -----------------------------------------------
 */

struct cap_note {
	uint64_t packet; /* CAP_NOWHERE: of the section */
	uint64_t seq;	 /* in order of the ledger */
	char text[208];
};

struct cap_notes {
	struct cap_note *v; /* by packet, then seq */
	uint64_t nr, max;
	uint64_t faults, placed, by_time;
	bool is_short;
};

/** cap_match() - @real_minus_mono: CLOCK_REALTIME - CLOCK_MONOTONIC, ns. */
void cap_match(const struct nwb_capture_notes *n, const struct cap_pdus *p,
	       bool is_9p, int64_t real_minus_mono, struct cap_notes *ret);
void cap_notes_free(struct cap_notes *n);

/* --- write.c: all of it together -------------------------------------------
 */

struct cap_job {
	struct cap_packets packets;
	const struct nwb_capture_notes *notes; /* may be NULL */
	uint16_t port;
	bool is_9p;
	const char *about; /* may be NULL */
	const char *iface; /* NULL: lo */
	int64_t real_minus_mono;
	uint64_t drops;
};

/** cap_write() - the whole file; errors stay in @f. */
void cap_write(const struct cap_job *job, FILE *f,
	       struct nwb_capture_stats *ret);

/* --- capture.c, keys.c -----------------------------------------------------
 */

/** cap_temp_name() - "PATH.XXXXXX" for mkostemp(); nwb_free() it. NULL: no
 * memory. */
char *cap_temp_name(const char *path);
/** cap_write_keys() - PATH.keys: the options that decrypt; with an empty
 * @password an old one is removed. */
int cap_write_keys(const char *path, const char *password,
		   struct nwb_err *err) nwb_must_check;

#endif
