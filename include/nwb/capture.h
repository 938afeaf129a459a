/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A capture of a run's wire that Wireshark opens, with the faults in it.
 *
 *	lo of the run's namespace
 *	   │ AF_PACKET socket, made inside by the agent
 *	   ▼
 *	ring ──thread──► unlinked temporary file
 *	                        │ nwb_capture_finish(): find each FAULT
 *	   ledger ──────────────┤ record's PDU among the packets
 *	                        ▼
 *	                 FILE (pcapng, 0600, renamed into place)
 *
 * Each packet is taken once (when it leaves; it also arrives), whole: loopback
 * sends 64 KiB at a time. A fault becomes a comment on the packet in which its
 * PDU ends, which is where Wireshark shows the PDU: on the reply when one was
 * sent after the fault, else on the request. A fault whose packet is not there
 * becomes a comment of the section. Packets that the kernel had to drop are
 * counted and told in the same place.
 *
 * The room stands on base, ledger and wire; it knows no plan and no server.
 */
#ifndef NWB_CAPTURE_H
#define NWB_CAPTURE_H

#include "nwb/err.h"
#include "nwb/ledger.h"

struct nwb_capture;

/* Behind the name of a capture: how to decrypt it. */
#define NWB_CAPTURE_KEYS ".keys"

/**
 * struct nwb_capture_opts - what is captured, and to where.
 * @path: the file to be written; replaced when it exists. Temporary files are
 *	made beside it
 * @packet_fd: AF_PACKET socket of the run's network namespace, unbound (see
 *	nwb_server_packet_socket()); stays the caller's, may be closed at once
 * @iface: interface to take packets from; NULL: lo, where every packet leaves
 *	and arrives and is taken once. Of another, both directions are taken
 * @port: TCP port of the server
 * @is_9p: it speaks 9P, else SMB
 * @password: of the user that logs in, NULL: none. NTLMSSP's keys are made of
 *	it, so whoever has it can decrypt: when something was encrypted it goes
 *	into FILE.keys (0600), never into the capture
 * @about: one line for the section's comment (the command, say), may be NULL
 */
struct nwb_capture_opts {
	const char *path;
	int packet_fd;
	const char *iface;
	uint16_t port;
	bool is_9p;
	const char *password;
	const char *about;
};

/**
 * struct nwb_capture_rule - a fault rule by the number the ledger gives it.
 * @name: "cut"
 * @what: what it does: "drop, rst after"; goes before the PDU's name
 * @cuts: it ends connections: the RST or FIN is marked too
 */
struct nwb_capture_rule {
	const char *name;
	const char *what;
	bool cuts;
};

/**
 * struct nwb_capture_notes - what is written between the packets.
 * @rec, @nr_rec: the ledger's records; FAULT, PDU_REQ and PDU_REPLY are looked
 *	at
 * @rule, @nr_rules: by rule number; a FAULT of another is "rule #n"
 */
struct nwb_capture_notes {
	const struct nwb_lrec *rec;
	uint64_t nr_rec;
	const struct nwb_capture_rule *rule;
	unsigned int nr_rules;
};

/**
 * struct nwb_capture_stats - what came of it.
 * @packets, @bytes: written
 * @drops: packets that the kernel dropped because the disk was too slow
 * @faults: FAULT records; @placed of them stand on a packet, @by_time of these
 *	on the packet that was nearest in time (no MessageId or tag to go by)
 * @encrypted: frames with an SMB3 transform header
 * @resent: segments that TCP sent again; Wireshark must be told to put them in
 *	order (tcp.reassemble_out_of_order), or it reports errors
 */
struct nwb_capture_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t drops;
	uint64_t faults;
	uint64_t placed;
	uint64_t by_time;
	uint64_t encrypted;
	uint64_t resent;
};

/**
 * nwb_capture_start() - capture from now on.
 *
 * Return: 0; negative errno with the reason in @err: the directory cannot be
 * written, no memory for the ring.
 * Context: makes a thread that has all signals blocked.
 */
int nwb_capture_start(const struct nwb_capture_opts *opts,
		      struct nwb_capture **ret_c,
		      struct nwb_err *err) nwb_must_check;
/**
 * nwb_capture_finish() - stop, put the faults in, write the file.
 * @n: NULL: no faults
 * @ret_stats: may be NULL
 *
 * What was sent before the call is in the file. Once only; nwb_capture_free()
 * is still needed.
 * Return: 0; negative errno: nothing is left behind, an older file stays.
 * Context: blocks some 50 ms and for as long as copying takes.
 */
int nwb_capture_finish(struct nwb_capture *c, const struct nwb_capture_notes *n,
		       struct nwb_capture_stats *ret_stats,
		       struct nwb_err *err) nwb_must_check;
/** nwb_capture_free() - NULL is fine; without nwb_capture_finish() nothing is
 * written. */
void nwb_capture_free(struct nwb_capture *c);

/**
 * nwb_capture_command() - the command that shows the capture.
 * @st: what came of it
 * @buf: gets "tshark -r FILE ..." with the options that the port (when it is
 *	not the protocol's own), encryption and what was sent again make
 *	necessary
 *
 * Return: @buf.
 */
const char *nwb_capture_command(const struct nwb_capture_opts *opts,
				const struct nwb_capture_stats *st, char *buf,
				size_t size);

#endif
