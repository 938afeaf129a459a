/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The picture of what a page costs. */
#include "nwb/report.h"
#include "nwb_test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int draw(const char *text, char **ret_svg, struct nwb_err *err)
{
	size_t size;
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	FILE *out = open_memstream(ret_svg, &size);
	int rc = nwb_report_pages(in, out, err);

	fclose(in);
	fclose(out);
	return rc;
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

NWB_TEST(pages, each_figure_is_drawn_once)
{
	static const char text[] =
		"{\"files\":1,\"bytes\":16777216,\"netfs_ir\":900,\"ns\":700.5}"
		"\n"
		"{\"files\":1,\"bytes\":8589934592,\"ns\":720}\n"
		"{\"files\":1,\"bytes\":268435456,\"ns\":null}\n"
		"{\"files\":10000,\"bytes\":10485760000,\"ns\":800}\n"
		"{\"copy_bytes\":65536,\"ns\":90}\n"
		"{\"copy_bytes\":67108864,\"ns\":400}\n";
	struct nwb_err err = {0};
	char *svg;

	nwb_check_eq(draw(text, &svg, &err), 0);
	nwb_check(!strncmp(svg, "<svg ", 5));
	nwb_check(strstr(svg, "</svg>\n") != NULL);
	nwb_check_eq(count(svg, "<title>"), 5);
	nwb_check_eq(count(svg, "class=\"m\" cx"), 2); /* and the legend */
	nwb_check(strstr(svg, "10485760000 bytes, 10000 files, 800 ns") !=
		  NULL);
	free(svg);
}

NWB_TEST(pages, what_is_no_figure_is_refused)
{
	static const struct {
		const char *text;
		int rc;
	} bad[] = {
		{"no JSON\n", -EINVAL},
		{"{}\n", -EINVAL},
		{"[1]\n", -EINVAL},
		{"{\"files\":0,\"bytes\":4096,\"ns\":1}\n", -EINVAL},
		{"{\"files\":1,\"bytes\":-1,\"ns\":1}\n", -EINVAL},
		{"{\"copy_bytes\":1,\"ns\":\"1\"}\n", -EINVAL},
		{"{\"copy_bytes\":4096,\"ns\":1}\n", -ENODATA},
		{"{\"files\":1,\"bytes\":4096,\"ns\":null}\n", -ENODATA},
		{"\n", -EINVAL},
		{"{\"files\":1,\"bytes\":1e-300,\"ns\":1}\n", -EINVAL},
		{"{\"copy_bytes\":0.5,\"ns\":1}\n", -EINVAL},
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(bad); i++) {
		struct nwb_err err = {0};
		char *svg;

		nwb_check_eq(draw(bad[i].text, &svg, &err), bad[i].rc);
		nwb_check(err.text[0]);
		nwb_check(!svg[0]);
		free(svg);
	}
}
