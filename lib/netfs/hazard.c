/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which flavour has which hazard. The reasons stand in nwb/hazard.h, the
 * switches where the kernel has its defect.
 */
#include "internal.h"

#include "nwb/hazard.h"

#define K6   (1u << NWB_LINUX_6_12)
#define K7   (1u << NWB_LINUX_7_2)
#define BOTH (K6 | K7)

enum who {
	NETFS, /* every filesystem on netfs */
	SMB,
	P9,
	FUSE, /* temp pages of 6.12; in place it cannot be told from netfs */
};

static const struct {
	uint32_t kernels;
	enum who who;
	const char *text;
} hazards[NWB_NR_HAZARDS] = {
	[NWB_H1] = {K7, SMB, "a retry that cannot be prepared loses its error"},
	[NWB_H2] = {K7, SMB, "an ill-timed reconnect is a permanent EAGAIN"},
	[NWB_H3] = {BOTH, P9, "the rest of a short write goes to its start"},
	[NWB_H4] = {BOTH, NETFS, "without a handle dirty data is dropped"},
	[NWB_H5] = {BOTH, P9, "a count of 0 is asked again for ever"},
	[NWB_H6] = {K6, NETFS, "a failed direct write returns 0"},
	[NWB_H7] = {K6, FUSE, "a short count passes for all of it"},
	[NWB_H8] = {BOTH, NETFS, "a misaligned cache write goes elsewhere"},
	[NWB_H9] = {BOTH, NETFS, "retries have no limit and no delay"},
	[NWB_H10] = {BOTH, NETFS, "a retry waits for the other stream"},
	[NWB_H11] = {BOTH, SMB, "without a credit it waits for ever"},
	[NWB_H12] = {BOTH, NETFS, "a failed upload stays in the local cache"},
	[NWB_H13] = {K7, NETFS, "the retryer waits for what it holds"},
	[NWB_H14] = {BOTH, NETFS, "no request: dirty data is dropped"},
	[NWB_H15] = {K7, NETFS, "writing through flushes under its own lock"},
	[NWB_H16] = {BOTH, SMB, "a wrong signature is believed"},
	[NWB_H17] = {BOTH, NETFS, "acked and not flushed is forgotten"},
};

static const char *const flavours[NWB_NR_FLAVOURS] = {"strict", "linux-6.12",
						      "linux-7.2"};

const char *nwb_flavour_name(enum nwb_flavour flavour)
{
	return (unsigned int)flavour < NWB_NR_FLAVOURS ? flavours[flavour]
						       : "?";
}

int nwb_flavour_find(const char *name)
{
	for (int i = 0; i < NWB_NR_FLAVOURS; i++)
		if (!strcmp(flavours[i], name))
			return i;
	return -1;
}

static const char *const strategies[NWB_NR_RETRY_STRATEGIES] = {
	"combine", "resplit-each", "smaller-bits"};

const char *nwb_retry_strategy_name(enum nwb_retry_strategy strategy)
{
	return (unsigned int)strategy < NWB_NR_RETRY_STRATEGIES
		       ? strategies[strategy]
		       : "?";
}

int nwb_retry_strategy_find(const char *name)
{
	for (int i = 0; i < NWB_NR_RETRY_STRATEGIES; i++)
		if (!strcmp(strategies[i], name))
			return i;
	return -1;
}

static bool concerns(enum who who, const char *fs, bool is_temp_page)
{
	switch (who) {
	case SMB:
		return strcmp(fs, "9p") != 0;
	case P9:
		return strcmp(fs, "smb") != 0;
	case FUSE:
		return is_temp_page;
	default:
		return true;
	}
}

uint32_t nwb_flavour_hazards(enum nwb_flavour flavour, const char *fs,
			     bool is_temp_page)
{
	uint32_t bits = 0;

	for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS; h++)
		if (hazards[h].kernels & (1u << flavour) &&
		    concerns(hazards[h].who, fs, is_temp_page))
			bits |= NWB_HAZARD_BIT(h);
	return bits;
}

const char *nwb_hazard_text(enum nwb_hazard h)
{
	return h >= NWB_H1 && h < NWB_NR_HAZARDS ? hazards[h].text : "?";
}

/* One word: h3, -h3, all, -all. */
static int parse_word(const char *s, size_t len, uint32_t *on, uint32_t *off)
{
	uint32_t *to = on;
	unsigned long h = 0;

	if (len && *s == '-') {
		to = off;
		s++;
		len--;
	}
	if (len == 3 && !strncmp(s, "all", 3)) {
		*to |= NWB_HAZARDS_ALL;
		return 0;
	}
	if (len < 2 || len > 3 || (*s != 'h' && *s != 'H'))
		return -EINVAL;
	for (size_t i = 1; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EINVAL;
		h = h * 10 + (unsigned long)(s[i] - '0');
	}
	if (h < NWB_H1 || h >= NWB_NR_HAZARDS)
		return -EINVAL;
	*to |= NWB_HAZARD_BIT(h);
	return 0;
}

int nwb_hazards_parse(const char *text, uint32_t *ret_on, uint32_t *ret_off,
		      struct nwb_err *err)
{
	uint32_t on = 0, off = 0;

	for (const char *s = text;;) {
		size_t len = strcspn(s, ",");

		if (parse_word(s, len, &on, &off))
			return nwb_err_set(err, -EINVAL,
					   "hazard \"%.*s\": h1 to h17 or all, "
					   "with a minus to switch it off",
					   (int)nwb_min(len, (size_t)20), s);
		if (!s[len])
			break;
		s += len + 1;
	}
	*ret_on = on;
	*ret_off = off;
	return 0;
}

/* --- of a mount ----------------------------------------------------------- */

bool nwb_netfs_hazard(const struct nwb_netfs *nf, enum nwb_hazard h)
{
	return nwb_hazard(nf, h);
}

void nwb_netfs_hazard_fired(struct nwb_netfs *nf, enum nwb_hazard h)
{
	nwb_assert(nwb_hazard(nf, h)); /* what is off changes nothing */
	nwb_count(nf, hazards_fired[h], 1);
}

uint32_t nwb_netfs_hazards(const struct nwb_netfs_opts *opts, const char *fs)
{
	uint32_t bits = nwb_flavour_hazards(opts->flavour, fs,
					    opts->mode == NWB_TEMP_PAGE);

	return (bits | opts->hazards) & ~opts->no_hazards & NWB_HAZARDS_ALL;
}
