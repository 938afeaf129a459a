/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a page costs over the size of its file, beside the machine's own memcpy
 * curve, as a picture:
 *
 *	ns a page
 *	    |              o---o----o   write to durable, one file
 *	    |            x    x         the same bytes in many files
 *	    |   .--.----'               a copy of 4 KiB
 *	    +-------------------------- bytes, log
 *
 * Input: lines of JSON, {"files":N,"bytes":N,"ns":X} or
 * {"copy_bytes":N,"ns":X}; a line whose ns is null was not timed and is left
 * out.
 */
#include "nwb/report.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#define POINTS_MAX 64u
#define W	   640.0
#define H	   320.0
#define LEFT	   60.0
#define TOP	   20.0
#define BOTTOM	   40.0
#define RIGHT	   20.0

struct point {
	double bytes, ns;
	uint64_t files; /* 0: a copy */
};

struct plot {
	struct point p[POINTS_MAX];
	unsigned int nr;
	double lo, hi, max_ns; /* log2 of bytes */
};

static double number(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);
	double d = json_is_number(v) ? json_number_value(v) : NAN;

	return d > 0 && d < 1e18 ? d : NAN;
}

/* Return: 0; 1: nothing to draw; -EINVAL. Less than a byte is no size. */
static int parse_line(const char *line, struct point *ret)
{
	json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	double copy = number(o, "copy_bytes"), files = number(o, "files");
	bool is_copy = isfinite(copy);
	int rc = -EINVAL;

	*ret = (struct point){
		.bytes = is_copy ? copy : number(o, "bytes"),
		.ns = number(o, "ns"),
		.files = is_copy || !isfinite(files) ? 0 : (uint64_t)files,
	};
	if (json_is_object(o) && isfinite(ret->bytes) && ret->bytes >= 1 &&
	    (is_copy || ret->files)) {
		if (isfinite(ret->ns))
			rc = 0;
		else if (json_is_null(json_object_get(o, "ns")))
			rc = 1;
	}
	json_decref(o);
	return rc;
}

static int load(FILE *in, struct plot *pl, struct nwb_err *err)
{
	char line[512];
	unsigned int nr = 0;

	*pl = (struct plot){.lo = INFINITY, .hi = -INFINITY};
	while (fgets(line, sizeof(line), in)) {
		struct point p;
		int rc = parse_line(line, &p);

		nr++;
		if (rc < 0)
			return nwb_err_set(err, rc,
					   "line %u: not a figure of `make "
					   "pages`",
					   nr);
		if (rc)
			continue;
		if (pl->nr == POINTS_MAX)
			return nwb_err_set(err, -E2BIG, "more than %u figures",
					   POINTS_MAX);
		pl->p[pl->nr++] = p;
		pl->lo = fmin(pl->lo, log2(p.bytes));
		pl->hi = fmax(pl->hi, log2(p.bytes));
		pl->max_ns = fmax(pl->max_ns, p.ns);
	}
	if (!pl->nr || !(pl->hi > pl->lo))
		return nwb_err_set(err, -ENODATA,
				   "fewer than two sizes were timed");
	return 0;
}

static double x_of(const struct plot *pl, double log2_bytes)
{
	return LEFT +
	       (log2_bytes - pl->lo) / (pl->hi - pl->lo) * (W - LEFT - RIGHT);
}

static double y_of(const struct plot *pl, double ns)
{
	return TOP + (H - TOP - BOTTOM) * (1 - ns / (1.1 * pl->max_ns));
}

static void put_axes(const struct plot *pl, FILE *out)
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double step = pow(10, floor(log10(pl->max_ns)));

	if (pl->max_ns / step < 3)
		step /= 4;
	for (double ns = 0; ns < 1.1 * pl->max_ns; ns += step)
		fprintf(out,
			"<path class=\"grid\" d=\"M%.0f %.1fH%.0f\"/><text "
			"x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%.0f"
			"</text>\n",
			LEFT, y_of(pl, ns), W - RIGHT, LEFT - 6,
			y_of(pl, ns) + 4, ns);
	for (int b = (int)ceil(pl->lo / 4) * 4; b <= (int)pl->hi; b += 4)
		fprintf(out,
			"<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%d "
			"%s</text>\n",
			x_of(pl, b), H - BOTTOM + 16, 1 << b % 10,
			unit[b < 50 ? b / 10 : 4]);
	fprintf(out,
		"<text x=\"%.0f\" y=\"%.0f\">ns a 4 KiB page, over bytes of "
		"the file, of all files, or copied round and round</text>\n",
		LEFT, H - 6);
}

static bool is_of(const struct point *p, char kind)
{
	return kind == 'c'   ? !p->files
	       : kind == 'f' ? p->files == 1
			     : p->files > 1;
}

static void put_series(const struct plot *pl, char kind, const char *name,
		       unsigned int row, FILE *out)
{
	bool is_first = true;

	fprintf(out, "<path class=\"%c\" d=\"", kind);
	for (unsigned int i = 0; i < pl->nr && kind != 'm'; i++) {
		if (!is_of(&pl->p[i], kind))
			continue;
		fprintf(out, "%c%.1f %.1f", is_first ? 'M' : 'L',
			x_of(pl, log2(pl->p[i].bytes)), y_of(pl, pl->p[i].ns));
		is_first = false;
	}
	fprintf(out, "\"/>\n");
	for (unsigned int i = 0; i < pl->nr; i++) {
		const struct point *p = &pl->p[i];

		if (!is_of(p, kind))
			continue;
		fprintf(out,
			"<circle class=\"%c\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\">"
			"<title>%.0f bytes, %llu files, %.0f ns</title>"
			"</circle>\n",
			kind, x_of(pl, log2(p->bytes)), y_of(pl, p->ns),
			p->bytes, (unsigned long long)p->files, p->ns);
	}
	fprintf(out,
		"<circle class=\"%c\" cx=\"%.0f\" cy=\"%.0f\" r=\"3\"/><text "
		"x=\"%.0f\" y=\"%.0f\">%s</text>\n",
		kind, LEFT + 14, TOP + 10 + 16.0 * row, LEFT + 22,
		TOP + 14 + 16.0 * row, name);
}

int nwb_report_pages(FILE *in, FILE *out, struct nwb_err *err)
{
	static const char style[] =
		"<style>text{font:12px sans-serif;fill:#444}.grid{stroke:#ccc}"
		"path{fill:none}path.f{stroke:#05a}path.c{stroke:#888}"
		"circle.f{fill:#05a}circle.c{fill:#888}circle.m{fill:#c40}"
		"</style>\n";
	struct plot pl;
	int rc = load(in, &pl, err);

	if (rc)
		return rc;
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f "
		"%.0f\" width=\"%.0f\" height=\"%.0f\">\n%s<rect "
		"width=\"100%%\" "
		"height=\"100%%\" fill=\"#fff\"/>\n",
		W, H, W, H, style);
	put_axes(&pl, out);
	put_series(&pl, 'f', "write(2) to durable, one file", 0, out);
	put_series(&pl, 'm', "the same bytes in many files", 1, out);
	put_series(&pl, 'c', "a copy of 4 KiB", 2, out);
	fputs("</svg>\n", out);
	return ferror(out) ? nwb_err_set(err, -EIO, "cannot be written") : 0;
}
