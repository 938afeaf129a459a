/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run is one point of, over sessions. */
#include "nwb/store.h"

#include <stdio.h>
#include <string.h>

void nwb_series_name(const json_t *run, char *buf, size_t size)
{
	static const char *const keys[] = {"flavour", "hazards", "retry",
					   "options"};
	const char *s = json_string_value(json_object_get(run, "cell"));
	const char *sep = "@";

	if (!s) /* of a latency record */
		s = json_string_value(json_object_get(run, "case"));
	snprintf(buf, size, "%s", s ? s : "");
	for (size_t i = 0; i < NWB_ARRAY_SIZE(keys); i++) {
		size_t at = strlen(buf);

		s = json_string_value(json_object_get(run, keys[i]));
		if (!s || !*s)
			continue;
		snprintf(buf + at, size - at, "%s%s", sep, s);
		sep = ",";
	}
}
