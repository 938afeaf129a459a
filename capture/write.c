/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The second pass: packets, with the comments between them, as pcapng.
 */
#include "capture_i.h"

#include "nwb/mem.h"
#include <string.h>

#define APP	    "netwb"
#define SECTION_MAX 64u	 /* comments of the section, the rest is counted */
#define PACKET_MAX  256u /* comments of one packet */

/* put_section() - the first block: what was run, what is missing. */
static void put_section(const struct cap_job *job,
			const struct cap_notes *notes, bool is_short, FILE *f)
{
	const char *comment[SECTION_MAX + 4];
	char drops[128], more[64];
	unsigned int nr = 0;
	uint64_t first = notes->nr;

	while (first && notes->v[first - 1].packet == CAP_NOWHERE)
		first--;
	if (job->about)
		comment[nr++] = job->about;
	if (job->drops) {
		snprintf(drops, sizeof(drops),
			 "netwb: %llu packets are missing: the kernel dropped "
			 "them, writing was too slow",
			 (unsigned long long)job->drops);
		comment[nr++] = drops;
	}
	if (is_short)
		comment[nr++] = "netwb: memory ran out: faults are missing";
	for (uint64_t i = first; i < notes->nr && i - first < SECTION_MAX; i++)
		comment[nr++] = notes->v[i].text;
	if (notes->nr - first > SECTION_MAX) {
		snprintf(more, sizeof(more), "netwb: and %llu more faults",
			 (unsigned long long)(notes->nr - first - SECTION_MAX));
		comment[nr++] = more;
	}
	cap_put_shb(f, APP, comment, nr);
}

/* notes_of() - the comments of packet @number; @*at moves on behind them. */
static unsigned int notes_of(const struct cap_notes *notes, uint64_t number,
			     uint64_t *at, const char **comment, char *more,
			     size_t size)
{
	unsigned int nr = 0;
	uint64_t left = 0;

	for (; *at < notes->nr && notes->v[*at].packet == number; ++*at) {
		if (nr < PACKET_MAX)
			comment[nr++] = notes->v[*at].text;
		else
			left++;
	}
	if (left) {
		snprintf(more, size, "netwb: and %llu more faults",
			 (unsigned long long)left);
		comment[nr++] = more;
	}
	return nr;
}

static void put_packets(const struct cap_job *job,
			const struct cap_notes *notes, FILE *f,
			struct nwb_capture_stats *st)
{
	const char *comment[PACKET_MAX + 1];
	uint64_t first = 0, last = 0, at_note = 0;
	struct cap_pkt h;
	const uint8_t *d;
	size_t at = 0;
	char more[64];

	while ((d = cap_next(&job->packets, &at, &h)) != NULL) {
		unsigned int nr = notes_of(notes, st->packets, &at_note,
					   comment, more, sizeof(more));

		cap_put_epb(f, h.t_ns, d, nwb_min(h.len, CAP_SNAPLEN),
			    h.orig_len, comment, nr);
		if (!st->packets)
			first = h.t_ns;
		last = nwb_max(last, h.t_ns);
		st->packets++;
		st->bytes += h.len;
	}
	cap_put_isb(f, first, last, st->packets + job->drops, job->drops);
}

void cap_write(const struct cap_job *job, FILE *f,
	       struct nwb_capture_stats *ret)
{
	struct cap_pdus pdus = {0};
	struct cap_notes notes = {0};

	*ret = (struct nwb_capture_stats){.drops = job->drops};
	cap_pdus_find(&job->packets, job->port, job->is_9p, &pdus);
	if (job->notes)
		cap_match(job->notes, &pdus, job->is_9p, job->real_minus_mono,
			  &notes);
	put_section(job, &notes, pdus.is_short || notes.is_short, f);
	cap_put_idb(f, job->iface ? job->iface : "lo");
	put_packets(job, &notes, f, ret);
	ret->faults = notes.faults;
	ret->placed = notes.placed;
	ret->by_time = notes.by_time;
	ret->encrypted = pdus.encrypted;
	ret->resent = pdus.resent;
	cap_pdus_free(&pdus);
	cap_notes_free(&notes);
}
