/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The second session: what was found worse is measured again, in new
 * processes of programs whose objects lie in another order, so that a
 * difference that only layout made does not come back.
 */
#include "gate_i.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the library is that @s preloads; the new program lies elsewhere. */
static void find_shim(const struct gate_side *s, char *ret, size_t size)
{
	char dir[4096];
	char *slash;

	if (s->shim[0]) {
		snprintf(ret, size, "%s", s->shim);
		return;
	}
	snprintf(dir, sizeof(dir), "%.4000s", s->binary);
	slash = strrchr(dir, '/');
	if (slash)
		*slash = 0;
	snprintf(ret, size, "%.4000s/../faults/libnwb-shim.so", dir);
}

static void link_anew(struct gate_session *s, unsigned int k, const char *dir)
{
	const struct gate_side *from = k ? &s->o->b : &s->o->a;
	struct nwb_err err = {0};
	char path[4096], shim[4096];

	s->again[k] = *from;
	snprintf(path, sizeof(path), "%.4000s/%c", dir, "ab"[k]);
	if (gate_relink(from, gate_random(s), path, &err)) {
		gate_tell_line(s,
			       "%c is confirmed as it is, in new processes: %s",
			       'A' + (int)k, err.text);
		return;
	}
	find_shim(from, shim, sizeof(shim));
	snprintf(s->again[k].shim, sizeof(s->again[k].shim), "%s", shim);
	snprintf(s->again[k].binary, sizeof(s->again[k].binary), "%s", path);
}

static bool is_suspect(const struct gate_stream *st)
{
	for (unsigned int k = 0; k < GATE_METRICS; k++)
		if (!st->m[k].skip[0] && st->m[k].is_kept &&
		    !st->m[k].is_observed &&
		    st->m[k].dec.verdict == NWB_GATE_WORSE)
			return true;
	return false;
}

static void drop(const char *dir)
{
	static const char *const names[] = {"a", "b"};
	char path[4096];

	for (unsigned int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%.4000s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

int gate_confirm(struct gate_session *s, struct nwb_err *err)
{
	unsigned int first = s->nr_streams, nr = 0;
	char dir[3400], cache[3072];
	int rc;

	for (unsigned int i = 0; i < first; i++)
		nr += s->stream[i].role == GATE_MEASURE &&
		      is_suspect(&s->stream[i]);
	if (!nr)
		return 0;
	rc = gate_cache_dir(cache, sizeof(cache), err);
	if (rc)
		return rc;
	snprintf(dir, sizeof(dir), "%s/again-%d", cache, getpid());
	if (mkdir(dir, 0700))
		return nwb_err_set(err, -errno, "%.160s: %s", dir,
				   strerror(errno));
	gate_tell_line(s, "%u suspect: measured again, linked anew", nr);
	link_anew(s, 0, dir);
	link_anew(s, 1, dir);
	s->deadline = s->o->confirm_ns ? gate_now_ns() + s->o->confirm_ns : 0;
	for (unsigned int i = 0; i < first; i++) {
		struct gate_stream *st = &s->stream[i], *again;

		if (st->role != GATE_MEASURE || !is_suspect(st))
			continue;
		again = gate_add_stream(s, st->c, GATE_CONFIRM);
		for (unsigned int k = 0; k < GATE_METRICS; k++) {
			again->m[k].is_observed = st->m[k].is_observed;
			if (st->m[k].dec.verdict == NWB_GATE_WORSE &&
			    st->m[k].is_kept)
				st->m[k].second = &again->m[k];
		}
	}
	rc = gate_rounds(s, first, err);
	drop(dir);
	return rc;
}
