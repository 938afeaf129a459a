/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a file must hold: all writes of the job in their order, played again
 * into a buffer. Slow and plainly right; verify is rare.
 */
#include "guest.h"

#include <stdlib.h>
#include <string.h>

void owed_add(struct worker *w, unsigned int file, uint64_t off, uint64_t len,
	      uint32_t version, bool is_unknown)
{
	struct file *f = &w->file[file];

	pthread_mutex_lock(&w->lock);
	if (f->nr_owed == f->room_owed) {
		size_t room = nwb_max(2 * f->room_owed, (size_t)256);
		struct owed *o = realloc(f->owed, room * sizeof(*o));

		if (!o) {
			pthread_mutex_unlock(&w->lock);
			work_fail(w, 1, "out of memory for what is owed");
			return;
		}
		f->owed = o;
		f->room_owed = room;
	}
	f->owed[f->nr_owed++] = (struct owed){off, len, version, is_unknown};
	pthread_mutex_unlock(&w->lock);
}

static void play(struct worker *w, unsigned int file, uint64_t off, size_t len,
		 uint8_t *expect, uint8_t *unknown)
{
	const struct file *f = &w->file[file];

	memset(expect, 0, len);
	memset(unknown, 0, len);
	for (size_t i = 0; i < f->nr_owed; i++) {
		const struct owed *o = &f->owed[i];
		uint64_t from = nwb_max(o->off, off);
		uint64_t to = nwb_min(o->off + o->len, off + len);

		if (from >= to)
			continue;
		memset(unknown + (from - off), o->is_unknown, to - from);
		if (o->version)
			nwb_stamp_fill(&w->key, (uint16_t)file, o->version,
				       from, expect + (from - off), to - from);
		else
			memset(expect + (from - off), 0, to - from);
	}
}

bool owed_differs(struct worker *w, unsigned int file, uint64_t off,
		  const uint8_t *buf, size_t len, uint64_t *ret_at)
{
	uint8_t expect[4096], unknown[4096];
	bool is_found = false;

	pthread_mutex_lock(&w->lock);
	while (len && !is_found) {
		size_t n = nwb_min(len, sizeof(expect));

		play(w, file, off, n, expect, unknown);
		for (size_t i = 0; i < n && !is_found; i++)
			if (buf[i] != expect[i] && !unknown[i]) {
				is_found = true;
				*ret_at = off + i;
			}
		off += n;
		buf += n;
		len -= n;
	}
	pthread_mutex_unlock(&w->lock);
	return is_found;
}

uint64_t owed_end(struct worker *w, unsigned int file, bool *ret_known)
{
	const struct file *f = &w->file[file];
	uint64_t end = 0;

	*ret_known = true;
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < f->nr_owed; i++) {
		const struct owed *o = &f->owed[i];

		if (o->is_unknown)
			*ret_known = false;
		else if (!o->version) /* a truncation: all behind it */
			end = o->off;
		else
			end = nwb_max(end, o->off + o->len);
	}
	pthread_mutex_unlock(&w->lock);
	return end;
}
