/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See shard.h. */
#include "shard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_count(const char **at, unsigned int *ret)
{
	char *end;
	unsigned long v;

	if (**at < '0' || **at > '9')
		return -EINVAL;
	errno = 0;
	v = strtoul(*at, &end, 10);
	if (errno || !v || v > BENCH_SHARDS_MAX)
		return -EINVAL;
	*at = end;
	*ret = (unsigned int)v;
	return 0;
}

int bench_shard_parse(const char *text, struct bench_shard *ret)
{
	unsigned int k, n;

	if (parse_count(&text, &k) || *text++ != '/' ||
	    parse_count(&text, &n) || *text || k > n)
		return -EINVAL;
	*ret = (struct bench_shard){.k = k, .n = n};
	return 0;
}

/* FNV-1a's low bits are weak for short strings that end alike: mixed by the
 * finaliser of MurmurHash3 (fmix64, public domain). */
unsigned int bench_shard_of(const char *key, unsigned int n)
{
	uint64_t h = 0xcbf29ce484222325ull;

	nwb_assert(n > 0);
	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * 0x100000001b3ull;
	h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdull;
	h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ull;
	h ^= h >> 33;
	return (unsigned int)(h % n) + 1;
}

static bool holds(const json_t *names, const char *name)
{
	size_t i;
	json_t *v;

	json_array_foreach(names, i, v)
	{
		if (!strcmp(json_string_value(v), name))
			return true;
	}
	return false;
}

bool bench_shard_takes(struct bench_shard *s, const char *key)
{
	bool is_here;
	json_t **list;

	if (!s || !s->n)
		return true;
	is_here = bench_shard_of(key, s->n) == s->k;
	list = is_here ? &s->ran : &s->left_out;
	if (!*list)
		*list = json_array();
	if (!holds(*list, key))
		json_array_append_new(*list, json_string(key));
	return is_here;
}

json_t *bench_shard_record(const struct bench_shard *s)
{
	size_t ran = json_array_size(s->ran);
	size_t out = json_array_size(s->left_out);

	if (!s->n)
		return NULL;
	return json_pack("{s:s,s:i,s:i,s:i,s:o,s:o}", "type", "shard", "k",
			 (int)s->k, "n", (int)s->n, "total", (int)(ran + out),
			 "ran", s->ran ? json_incref(s->ran) : json_array(),
			 "left_out",
			 s->left_out ? json_incref(s->left_out) : json_array());
}

void bench_shard_say(const struct bench_shard *s)
{
	size_t ran = json_array_size(s->ran);
	size_t out = json_array_size(s->left_out);

	if (s->n)
		fprintf(stderr,
			"shard %u/%u: %zu of %zu cases are run here, %zu are "
			"left to the others\n",
			s->k, s->n, ran, ran + out, out);
}

void bench_shard_fini(struct bench_shard *s)
{
	json_decref(s->ran);
	json_decref(s->left_out);
	*s = (struct bench_shard){0};
}
