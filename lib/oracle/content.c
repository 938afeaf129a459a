/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The final content of a file, cut into runs by its stamps and those into
 * pieces by the atoms, each with its origin.
 */
#include "judge_i.h"

struct visit {
	struct judge *J;
	struct jfile *f;
	uint32_t atom;
	content_fn fn;
	void *arg;
};

static int visit_run(void *arg, const struct nwb_stamp_run *run)
{
	struct visit *v = arg;
	const struct jfile *f = v->f;
	uint64_t at = run->offset, end = run->offset + run->len;

	while (at < end) {
		struct jcontent c = {.lo = at, .run = run};
		int err;

		while (f->atom[v->atom + 1] <= at)
			v->atom++;
		c.atom = v->atom;
		c.hi = nwb_min(end, f->atom[v->atom + 1]);
		c.o = nwb_j_origin_of(v->J, f, c.atom, run, c.lo, c.hi, OPEN);
		err = v->fn(v->arg, &c);
		if (err)
			return err;
		at = c.hi;
	}
	return 0;
}

/* What is not there: as good as a hole. */
static int visit_beyond(struct visit *v, uint64_t size)
{
	static const struct nwb_stamp_run zeros = {.kind = NWB_STAMP_ZERO};
	const struct jfile *f = v->f;
	uint64_t at = size;
	int err = 0;

	while (!err && at < FOREVER) {
		struct jcontent c = {.lo = at};

		while (f->atom[v->atom + 1] <= at)
			v->atom++;
		c.atom = v->atom;
		c.hi = f->atom[v->atom + 1];
		c.o = nwb_j_origin_of(v->J, f, c.atom, &zeros, c.lo, c.hi,
				      OPEN);
		err = v->fn(v->arg, &c);
		at = c.hi;
	}
	return err;
}

/**
 * nwb_j_content_visit() - call @fn for each piece, in order, then for each atom
 * beyond the end of the file. Return: 0, or the first non-zero value of @fn.
 */
int nwb_j_content_visit(struct judge *J, struct jfile *f, content_fn fn,
			void *arg)
{
	struct visit v = {.J = J, .f = f, .fn = fn, .arg = arg};
	uint64_t size = f->content->is_missing ? 0 : f->content->size;
	int err = 0;

	if (size)
		err = nwb_stamp_scan(&J->key, 0, f->content->data, size,
				     visit_run, &v);
	return err ? err : visit_beyond(&v, size);
}
