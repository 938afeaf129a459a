/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is this a pcapng file? Reads every byte of it, shares nothing with the
 * writer. For the unit tests and the fuzzer; tshark is asked in tests/e2e.
 */
#ifndef NWB_PCAPNG_CHECK_H
#define NWB_PCAPNG_CHECK_H

#include "nwb/util.h"

struct pcapng_seen {
	uint64_t packets, bytes;
	uint64_t comments; /* of packets */
	uint64_t section_comments;
	uint64_t received, dropped; /* of the interface's statistics */
	uint64_t last_t;
	const char *why; /* what is wrong, NULL: nothing */
	/* may be NULL; @packet counts from 0, UINT64_MAX: of the section */
	void (*on_comment)(void *arg, uint64_t packet, const char *text,
			   size_t len);
	void *arg;
};

/** pcapng_check() - Return: it is; @s is filled up to what is wrong. */
bool pcapng_check(const void *file, size_t size, struct pcapng_seen *s);

#endif
