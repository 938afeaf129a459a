/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flavours of the reference client, and what is wrong with Linux'.
 *
 * strict (the default) does what a correct client must. linux-6.12 and
 * linux-7.2 do what those kernels do, the defects included that reading their
 * sources suggests. Each of these hazards is a switch of its own: the damage
 * that it does can be shown, and that nothing else does it.
 *
 *	flavour ──► its hazards for this protocol and mode
 *	              + opts.hazards - opts.no_hazards ──► nwb_netfs_hazard()
 *
 * "Fired" counts how often a hazard changed what happened, so that a campaign
 * can say by name what it met.
 */
#ifndef NWB_HAZARD_H
#define NWB_HAZARD_H

#include "nwb/err.h"
#include "nwb/util.h"

#include <stdbool.h>
#include <stdint.h>

enum nwb_flavour {
	NWB_STRICT,
	NWB_LINUX_6_12,
	NWB_LINUX_7_2,
	NWB_NR_FLAVOURS
};

/* Where each lies: function of the kernel, 6.12 and 7.2 unless said
 * otherwise. */
enum nwb_hazard {
	/* 7.2, netfs_reissue_write(): the error of a failed preparation is
	 * zeroed, so the loss of the upload is recorded nowhere */
	NWB_H1 = 1,
	/* 7.2, cifs_issue_write(): -EAGAIN without NEED_RETRY is permanent */
	NWB_H2,
	/* v9fs_issue_write(): what is left is sent to the start again */
	NWB_H3,
	/* ->begin_writeback() has no handle: dirty data is dropped silently
	 * (netfs_write_folio(), cancel-store) */
	NWB_H4,
	/* p9_client_write(): a count of 0 makes it send the same for ever */
	NWB_H5,
	/* 6.12, netfs_unbuffered_write(): a failed direct write returns 0, and
	 * a paused one may wait for itself */
	NWB_H6,
	/* FUSE, fuse_writepage_end(): a short count passes for all of it */
	NWB_H7,
	/* cachefiles_issue_write(): the start that was skipped is not */
	NWB_H8,
	/* netfs_retry_writes(): no limit, and no delay (soft mounts) */
	NWB_H9,
	/* netfs_retry_writes(): waits for the other stream, too */
	NWB_H10,
	/* smb2_wait_mtu_credits(): waits for a credit without an end */
	NWB_H11,
	/* netfs_write_collection(): a failed upload leaves in the local cache
	 * what the server does not have */
	NWB_H12,
	/* 7.2, netfs_retry_write_stream(): waits for subrequests of the pool
	 * while it holds those that would go back there */
	NWB_H13,
	/* netfs_kill_dirty_pages(): when no request can be made, what is dirty
	 * is dropped, and only who asked for writeback learns of it */
	NWB_H14,
	/* 7.2, netfs_begin_writethrough(): holds the writeback lock that a
	 * flush from its own copy loop would wait for */
	NWB_H15,
	/* smb2_check_receive(): a wrong signature is only logged */
	NWB_H16,
	/* acknowledged bytes are forgotten before they were flushed; a server
	 * that restarts loses them (folio_end_writeback() at the reply) */
	NWB_H17,
	NWB_NR_HAZARDS
};

#define NWB_HAZARD_BIT(h) (1u << (h))
#define NWB_HAZARDS_ALL	  ((1u << NWB_NR_HAZARDS) - 2)

/** nwb_flavour_name() - "strict", "linux-6.12", "linux-7.2". */
const char *nwb_flavour_name(enum nwb_flavour flavour);
/** nwb_flavour_find() - Return: the flavour, or -1. */
int nwb_flavour_find(const char *name);

/**
 * nwb_flavour_hazards() - what @flavour has.
 * @fs: "smb", "9p": only what concerns its client; any other name: all
 * @is_temp_page: FUSE's way, which netfs never had
 * Return: NWB_HAZARD_BIT()s.
 */
uint32_t nwb_flavour_hazards(enum nwb_flavour flavour, const char *fs,
			     bool is_temp_page);
/** nwb_hazard_text() - one line on @h, without its number. */
const char *nwb_hazard_text(enum nwb_hazard h);
/**
 * nwb_hazards_parse() - "h1,h17", "all", "-h9,h3": switched on, or off with a
 * minus.
 * @ret_on, @ret_off: NWB_HAZARD_BIT()s
 * Return: 0, or -EINVAL with @err.
 */
int nwb_hazards_parse(const char *text, uint32_t *ret_on, uint32_t *ret_off,
		      struct nwb_err *err) nwb_must_check;

#endif
