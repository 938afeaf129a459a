/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of N runs, how many were what. */
#include "check_kernel.h"

#include <stdio.h>
#include <string.h>

static void kind_of(enum nwb_verdict v, const struct nwb_judgement *j,
		    char *buf, size_t size)
{
	buf[0] = '\0';
	for (unsigned int i = 0; j && i < j->nr_findings; i++) {
		if (j->finding[i].verdict != v)
			continue;
		snprintf(buf, size, "O%u %s", j->finding[i].oracle,
			 j->finding[i].kind);
		return;
	}
}

void kc_row_add(struct kc_row *row, enum nwb_verdict v,
		const struct nwb_judgement *j, uint64_t wall_ns,
		const char *bundle)
{
	char what[sizeof(row->kind->what)];
	unsigned int i = 0;

	kind_of(v, j, what, sizeof(what));
	row->nr++;
	row->wall_ns += wall_ns;
	row->wall_max_ns = nwb_max(row->wall_max_ns, wall_ns);
	if (v == NWB_FAIL && !row->bundle[0])
		snprintf(row->bundle, sizeof(row->bundle), "%s", bundle);
	while (i < row->nr_kinds &&
	       (row->kind[i].verdict != v || strcmp(row->kind[i].what, what)))
		i++;
	if (i == row->nr_kinds) {
		/* what is left over goes with the last */
		if (i == KC_KINDS_MAX)
			i--;
		else
			row->nr_kinds++;
		row->kind[i].verdict = v;
		memcpy(row->kind[i].what, what, sizeof(what));
	}
	row->kind[i].nr++;
}

void kc_row_told(struct kc_row *row, const struct kc_told *told,
		 unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		unsigned int k = 0;

		while (k < row->nr_told && row->told[k].error != told[i].error)
			k++;
		if (k == KC_TOLD_MAX)
			continue;
		if (k == row->nr_told)
			row->told[row->nr_told++].error = told[i].error;
		row->told[k].nr++;
	}
}

const char *kc_row_text(const struct kc_row *row, char *buf, size_t size)
{
	size_t at = 0;

	snprintf(buf, size, "not run");
	for (unsigned int i = 0; i < row->nr_kinds && at < size; i++) {
		const struct kc_kind *k = &row->kind[i];

		at += (size_t)snprintf(
			buf + at, size - at, "%s%s%s%s %u/%u", i ? ", " : "",
			nwb_verdict_name(k->verdict), k->what[0] ? " " : "",
			k->what, k->nr, row->nr);
	}
	for (unsigned int i = 0; i < row->nr_told && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s %u/%u",
				       i ? ", " : "; told ",
				       nwb_errno_name(row->told[i].error),
				       row->told[i].nr, row->nr);
	return buf;
}

void kc_tell(FILE *out, const struct nwb_kernel *k, const struct kc_choice *c,
	     const struct kc_row *row)
{
	uint64_t all = 0;
	char text[256];

	fprintf(out, "\nkernel %s (%s), %s from %s\n",
		k->release[0] ? k->release : k->name,
		nwb_kernel_kind_name(k->kind), k->name, k->from);
	for (unsigned int i = 0; i < c->nr; i++) {
		char name[96];

		snprintf(name, sizeof(name), "%s.%s", c->cell[i].mount->name,
			 c->cell[i].scenario->name);
		fprintf(out, "  %-24s %-36s", name,
			kc_row_text(&row[i], text, sizeof(text)));
		if (row[i].nr)
			fprintf(out, " %5.1f s",
				(double)row[i].wall_ns / row[i].nr /
					(double)NWB_SEC);
		if (row[i].nr > 1)
			fprintf(out, ", at most %.1f s",
				(double)row[i].wall_max_ns / (double)NWB_SEC);
		fputc('\n', out);
		if (row[i].bundle[0])
			fprintf(out, "    %s\n", row[i].bundle);
		all += row[i].wall_ns;
	}
	fprintf(out, "  all of it: %.1f s\n", (double)all / (double)NWB_SEC);
}
