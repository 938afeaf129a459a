/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deliberate defects, each of which some seed must show to some check.
 *
 * Sections: A, B, ... of the catalogue of bugs that real clients had; H of the
 * hazards seen in Linux; "own" for what came up while writing the engine.
 */
#include "sim_i.h"

#include "nwb/netfs_mutants.h"

const struct nwb_sim_mutant nwb_sim_mutants[] = {
	{"retry-dropped", "A3", "a retry after a reset is not sent",
	 NWB_MUT_RETRY_DROPPED},
	{"retry-offset", "A11", "the rest is sent to the wrong offset",
	 NWB_MUT_RETRY_OFFSET},
	{"older-after-newer", "D8", "older data is sent after newer was acked",
	 NWB_MUT_OLDER_AFTER_NEWER},
	{"fsync-swallows", "E1", "fsync forgets an upload error",
	 NWB_MUT_FSYNC_SWALLOWS},
	{"unstable-forgotten", "H17", "acked is taken for durable",
	 NWB_MUT_UNSTABLE_FORGOTTEN},
	{"lost-wakeup", "A4", "nobody calls the retryer", NWB_MUT_LOST_WAKEUP},
	{"gives-up-early", "A3", "the first lost connection is final",
	 NWB_MUT_GIVES_UP_EARLY},
	{"skips-page", "A17", "what does not fit any more is stepped over",
	 NWB_MUT_SKIPS_PAGE},
	{"sync-skips-busy", "A18", "fsync passes by what is in flight",
	 NWB_MUT_SYNC_SKIPS_BUSY},
	{"congested-clean", "A19", "a page that was refused room is clean",
	 NWB_MUT_CONGESTED_CLEAN},
	{"no-last-wake", "A7", "nobody collects after all was queued",
	 NWB_MUT_NO_LAST_WAKE},
	{"short-is-full", "H7", "a short count is taken for all of it",
	 NWB_MUT_SHORT_IS_FULL},
	{"redirty-lost", "A18", "what is written in flight does not get dirty",
	 NWB_MUT_REDIRTY_LOST},
	{"dirty-no-hull", "own",
	 "a write forgets the folio's other dirty bytes",
	 NWB_MUT_DIRTY_NO_HULL},
	{"claim-cleans", "own", "claiming a part cleans the whole folio",
	 NWB_MUT_CLAIM_CLEANS},
	{"ends-early", "T3", "writeback ends when issued, not when acked",
	 NWB_MUT_ENDS_EARLY},
	{"issued-early", "T5", "issued_to runs ahead of the subrequests",
	 NWB_MUT_ISSUED_EARLY},
	{"told-twice", "E1", "an error is told again and again",
	 NWB_MUT_TOLD_TWICE},
	{"retry-error-lost", "H1", "the error of a retried upload is dropped",
	 NWB_MUT_RETRY_ERR_LOST},
	{"cancel-store", "H4", "what cannot be begun is silently clean",
	 NWB_MUT_CANCEL_STORE},
	{"flush-no-wait", "own", "fsync flushes before the acks are in",
	 NWB_MUT_FLUSH_NO_WAIT},
	{"settles-late", "own", "a flush covers what was acked after it",
	 NWB_MUT_SETTLES_LATE},
	{"settles-any", "H17", "a flush of another instance counts",
	 NWB_MUT_SETTLES_ANY},
	{"other-lost", "H17", "bytes of an older instance are forgotten",
	 NWB_MUT_OTHER_LOST},
	{"trunc-tail", "own", "truncate leaves the bytes behind the end",
	 NWB_MUT_TRUNC_TAIL},
	{"fill-over", "own", "reading around dirty bytes overwrites them",
	 NWB_MUT_FILL_OVER},
	{"size-forgotten", "T16", "acked bytes do not extend the known size",
	 NWB_MUT_SIZE_FORGOTTEN},
	{"stable-ignored", "A21", "pages change while they are sent, signed",
	 NWB_MUT_STABLE_IGNORED},
	{"no-quiesce", "T8", "a retry begins while others are in flight",
	 NWB_MUT_NO_QUIESCE},
	{"surplus-kept", "T9", "subrequests that are left over are kept",
	 NWB_MUT_SURPLUS_KEPT},
	{"request-leak", "A2", "a piece more takes a reference too many",
	 NWB_MUT_REQUEST_LEAK},
	{"no-limit", "H9", "there is no end of retries", NWB_MUT_NO_LIMIT},
	{"busy-claimed", "D8", "bytes in flight are sent a second time",
	 NWB_MUT_BUSY_CLAIMED},
	{"short-dropped", "A3", "the rest of a short write is forgotten",
	 NWB_MUT_SHORT_DROPPED},
	{"failed-again", "T10", "what has failed is sent once more",
	 NWB_MUT_FAILED_AGAIN},
	{"old-start", "H3", "a retry begins at the old start",
	 NWB_MUT_OLD_START},
	{"copy-short", "own", "the last byte of a temp page is not copied",
	 NWB_MUT_COPY_SHORT},
	{"reads-zeros", "T16", "what is not cached is taken for zeros",
	 NWB_MUT_READS_ZEROS},
	{"cuts-always", "T7", "what follows on is cut for no reason",
	 NWB_MUT_CUTS_ALWAYS},
	{"skip-uncounted", "T12", "who skips a busy file does not say so",
	 NWB_MUT_SKIP_UNCOUNTED},
	{"no-memory-clean", "T13", "for want of memory dirty is clean",
	 NWB_MUT_NO_MEMORY_CLEAN},
	{"cut-early", "T7", "a subrequest is cut before it is full",
	 NWB_MUT_CUT_EARLY},
	{"cache-kept", "H12", "the cache keeps what the server refused",
	 NWB_MUT_CACHE_KEPT},
	{"credits-twice", "P2", "credits of the old connection are counted",
	 SIM_MUT_CREDITS_TWICE},
	{"no-settle", "P.fence", "a 9P reconnect does not wait",
	 SIM_MUT_NO_SETTLE},
};
const unsigned int nwb_sim_nr_mutants = NWB_ARRAY_SIZE(nwb_sim_mutants);

bool nwb_sim_has_mutants(void)
{
#ifdef NWB_MUTANTS
	return true;
#else
	return false;
#endif
}
