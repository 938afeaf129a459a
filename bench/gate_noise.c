/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The noise of a machine, as a text: the pairs of a build against itself, for
 * simulations that shall be about a real machine.
 *
 *	# comments
 *	CASE METRIC D D D ...
 *
 * METRIC is cpu, wall (time per byte) or p99.
 * D is ln(cost B / cost A), pairs in the order in which they were measured:
 * what drifts, drifts in here too.
 */
#include "gate_i.h"

#include <stdio.h>
#include <string.h>

static void write_series(FILE *f, const struct gate_stream *st,
			 enum gate_metric_id id)
{
	const struct gate_series *m = &st->m[id];

	if (m->skip[0] || !m->n)
		return;
	fprintf(f, "%s %s", st->c->name, gate_metrics[id].brief);
	for (unsigned int i = 0; i < m->n; i++)
		fprintf(f, " %.5f", m->d[i]);
	fputc('\n', f);
}

int gate_write_noise(const struct gate_session *s, struct nwb_err *err)
{
	const char *path = s->o->record_noise;
	FILE *f = fopen(path, "we");
	int rc = 0;

	if (!f)
		return nwb_err_set(err, -errno, "%.160s: %s", path,
				   strerror(errno));
	fprintf(f,
		"# netwb gate --record-noise: ln(cost B / cost A) of pairs of "
		"one build\n# against itself, in the order measured; build "
		"%s, seed %llu\n",
		s->o->a.build, (unsigned long long)s->o->seed);
	for (unsigned int i = 0; i < s->nr_streams; i++)
		for (unsigned int k = 0; k < GATE_METRICS; k++)
			write_series(f, &s->stream[i], (enum gate_metric_id)k);
	if (ferror(f))
		rc = -EIO;
	if (fclose(f) && !rc)
		rc = -errno;
	return rc ? nwb_err_set(err, rc, "%.160s: %s", path, strerror(-rc)) : 0;
}
