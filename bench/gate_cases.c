/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is compared: lines of text, see bench/gate/cases.txt. */
#include "gate_i.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char builtin[] =
#include "gate_cases.inc"
	;

/* Of the published experiment of the kernel's FUSE (1 KiB, 4 KiB, 1 MiB
 * buffered writes), timed to the return of fsync. */
static const char *const shapes[] = {"seq1k", "seq4k", "seq1m"};
#define SHAPE_BYTES (128 * NWB_MIB)

static const char *known_server(const char *name)
{
	if (bench_is_fake(name))
		return strcmp(name, "fake") ? "fake-9p" : "fake";
	return nwb_server_find(name);
}

static const char *known_fault(const char *name)
{
	for (unsigned int i = 0; i < bench_nr_faults; i++)
		if (!strcmp(bench_faults[i].name, name))
			return bench_faults[i].name;
	return NULL;
}

int gate_parse_bytes(const char *s, uint64_t *ret)
{
	unsigned long long v, unit = 1;
	char *end;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (*end == 'K' || *end == 'M' || *end == 'G')
		unit = *end == 'K'   ? 1024
		       : *end == 'M' ? NWB_MIB
				     : 1024 * NWB_MIB;
	if (errno || !v || v > (1ull << 40) / unit || (unit > 1 && end[1]) ||
	    (unit == 1 && *end))
		return -EINVAL;
	*ret = v * unit;
	return 0;
}

static int parse_word(struct gate_case *c, const char *w)
{
	const char *v = strchr(w, '=');
	uint64_t n;

	if (!strcmp(w, "sentinel")) {
		c->is_sentinel = true;
		return 0;
	}
	if (!strcmp(w, "model")) {
		c->is_model = true;
		return 0;
	}
	if (!v)
		return -EINVAL;
	v++;
	if (!strncmp(w, "fault=", 6)) {
		c->fault = known_fault(v);
		return c->fault ? 0 : -EINVAL;
	}
	if (gate_parse_bytes(v, &n))
		return -EINVAL;
	if (!strncmp(w, "write=", 6))
		c->bytes = n;
	else if (!strncmp(w, "fsyncs=", 7) && n <= 100000)
		c->fsyncs = (unsigned int)n;
	else if (!strncmp(w, "wsize=", 6) && n <= 1u << 30)
		c->wsize = n;
	else
		return -EINVAL;
	return 0;
}

static void name_case(struct gate_case *c, bool has_client, bool has_server)
{
	int at = 0;

	c->name[0] = 0;
	if (!has_server)
		at += snprintf(c->name + at, sizeof(c->name) - (size_t)at,
			       "%s.", c->server);
	if (!has_client)
		at += snprintf(c->name + at, sizeof(c->name) - (size_t)at,
			       "%s.", c->client);
	at += snprintf(c->name + at, sizeof(c->name) - (size_t)at, "%s",
		       c->workload->name);
	if (c->wsize)
		at += snprintf(c->name + at, sizeof(c->name) - (size_t)at,
			       ".w%llu", (unsigned long long)c->wsize);
	if (c->fault)
		snprintf(c->name + at, sizeof(c->name) - (size_t)at, ".%s",
			 c->fault);
}

static int find_case(const struct gate_cases *all, const char *name)
{
	for (unsigned int i = 0; i < all->nr; i++)
		if (!strcmp(all->c[i].name, name))
			return (int)i;
	return -1;
}

static int wrong_word(struct nwb_err *err, const char *name, unsigned int line,
		      const char *word, const char *what)
{
	return nwb_err_set(err, -EINVAL, "%s:%u: \"%.40s\" is no %s", name,
			   line, word, what);
}

static int parse_line(const char *name, unsigned int line, char *text,
		      struct gate_cases *all, struct nwb_err *err)
{
	struct gate_case c = {.fsyncs = 1};
	char *save = NULL, *w;
	unsigned int nr = 0;

	for (w = strtok_r(text, " \t", &save); w && *w != '#';
	     w = strtok_r(NULL, " \t", &save), nr++) {
		int kind;

		switch (nr) {
		case 0:
			c.server = known_server(w);
			if (!c.server)
				return wrong_word(err, name, line, w, "server");
			break;
		case 1:
			kind = nwb_subject_kind_find(w);
			if (kind < 0)
				return wrong_word(err, name, line, w, "client");
			c.client = nwb_subject_kind_name(
				(enum nwb_subject_kind)kind);
			break;
		case 2:
			c.workload = nwb_workload_find(w);
			if (!c.workload)
				return wrong_word(err, name, line, w,
						  "workload");
			break;
		default:
			if (parse_word(&c, w))
				return wrong_word(err, name, line, w,
						  "option of a case");
		}
	}
	if (!nr)
		return 0;
	if (nr < 3)
		return nwb_err_set(err, -EINVAL,
				   "%s:%u: a case is SERVER CLIENT WORKLOAD "
				   "[OPTIONS]",
				   name, line);
	name_case(&c, false, false);
	if (find_case(all, c.name) >= 0)
		return nwb_err_set(err, -EEXIST, "%s:%u: a second case %s",
				   name, line, c.name);
	if (all->nr == GATE_CASES_MAX)
		return nwb_err_set(err, -E2BIG, "%s:%u: more than %d cases",
				   name, line, GATE_CASES_MAX);
	all->c[all->nr++] = c;
	return 0;
}

int gate_cases_parse(const char *name, const char *text, struct gate_cases *ret,
		     struct nwb_err *err)
{
	struct gate_cases *all = calloc(1, sizeof(*all));
	unsigned int line = 0;
	int rc = 0;

	if (!all)
		return nwb_err_set(err, -ENOMEM, "no memory for cases");
	while (*text && !rc) {
		size_t len = strcspn(text, "\n");
		char buf[512];

		line++;
		if (len >= sizeof(buf)) {
			rc = nwb_err_set(err, -EINVAL, "%s:%u: line too long",
					 name, line);
			break;
		}
		memcpy(buf, text, len);
		buf[len] = 0;
		rc = parse_line(name, line, buf, all, err);
		text += len + (text[len] == '\n');
	}
	if (!rc && !all->nr)
		rc = nwb_err_set(err, -ENOENT, "%s: no case in it", name);
	if (!rc)
		*ret = *all;
	free(all);
	return rc;
}

int gate_cases_builtin(struct gate_cases *ret, struct nwb_err *err)
{
	return gate_cases_parse("bench/gate/cases.txt", builtin, ret, err);
}

int gate_cases_shapes(const char *servers, struct gate_cases *ret,
		      struct nwb_err *err)
{
	char list[256], *save = NULL, *w;

	ret->nr = 0;
	if (strlen(servers) >= sizeof(list))
		return nwb_err_set(err, -EINVAL, "--servers: too many");
	strcpy(list, servers);
	for (w = strtok_r(list, ",", &save); w; w = strtok_r(NULL, ",", &save))
		for (unsigned int i = 0; i < NWB_ARRAY_SIZE(shapes); i++) {
			struct gate_case c = {
				.server = known_server(w),
				.client = "in-place",
				.workload = nwb_workload_find(shapes[i]),
				.bytes = SHAPE_BYTES,
				.fsyncs = 1,
				.is_sentinel = !strcmp(shapes[i], "seq4k"),
			};

			if (!c.server)
				return nwb_err_set(err, -EINVAL,
						   "--servers: \"%.40s\" is "
						   "no server; smbd, diod, "
						   "ganesha, fake, fake-9p",
						   w);
			name_case(&c, false, false);
			if (find_case(ret, c.name) >= 0)
				continue;
			if (ret->nr == GATE_CASES_MAX)
				return nwb_err_set(err, -E2BIG,
						   "--servers: too many");
			ret->c[ret->nr++] = c;
		}
	return ret->nr ? 0 : nwb_err_set(err, -EINVAL, "--servers: none");
}

void gate_cases_rename(struct gate_cases *c, bool has_client, bool has_server)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < c->nr; i++) {
		struct gate_case one = c->c[i];
		int before = -1;

		name_case(&one, has_client, has_server);
		for (unsigned int k = 0; k < kept && before < 0; k++)
			if (!strcmp(c->c[k].name, one.name))
				before = (int)k;
		if (before < 0)
			c->c[kept++] = one;
		else
			c->c[before].is_sentinel |= one.is_sentinel;
	}
	c->nr = kept;
}

void gate_cases_shard(struct gate_cases *c, struct bench_shard *shard)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < c->nr; i++)
		if (bench_shard_takes(shard, c->c[i].name))
			c->c[kept++] = c->c[i];
	c->nr = kept;
}

void gate_cases_resize(struct gate_cases *c, uint64_t bytes)
{
	for (unsigned int i = 0; i < c->nr; i++) {
		size_t at = strlen(c->c[i].name);

		c->c[i].bytes = bytes;
		snprintf(c->c[i].name + at, sizeof(c->c[i].name) - at, ".%lluK",
			 (unsigned long long)(bytes / 1024));
	}
}

void gate_cases_turns(struct gate_cases *c, uint64_t bytes)
{
	for (unsigned int i = 0; i < c->nr; i++) {
		struct gate_case *one = &c->c[i];
		uint64_t all =
			one->bytes ? one->bytes : one->workload->bytes_default;
		uint64_t turn = bytes ? bytes : GATE_TURN_BYTES;
		size_t at = strlen(one->name);

		if (one->fsyncs > 1)
			continue;
		one->fsyncs = (unsigned int)nwb_max(all / turn, 1ull);
		if (bytes)
			snprintf(
				one->name + at, sizeof(one->name) - at,
				bytes % NWB_MIB ? ".t%lluK" : ".t%lluM",
				(unsigned long long)(bytes % NWB_MIB
							     ? bytes / 1024
							     : bytes / NWB_MIB));
	}
}

void gate_cases_real(struct gate_cases *c)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < c->nr; i++)
		if (!c->c[i].is_model)
			c->c[kept++] = c->c[i];
	c->nr = kept;
}

static bool fits(const char *name, const char *globs)
{
	char list[512], *save = NULL, *w;

	snprintf(list, sizeof(list), "%s", globs);
	for (w = strtok_r(list, ",", &save); w; w = strtok_r(NULL, ",", &save))
		if (!fnmatch(w, name, 0))
			return true;
	return false;
}

int gate_cases_filter(struct gate_cases *c, const char *globs,
		      struct nwb_err *err)
{
	unsigned int kept = 0;
	char have[160] = "";

	for (unsigned int i = 0; i < c->nr; i++) {
		size_t at = strlen(have);

		snprintf(have + at, sizeof(have) - at, " %s", c->c[i].name);
	}
	for (unsigned int i = 0; i < c->nr; i++)
		if (fits(c->c[i].name, globs))
			c->c[kept++] = c->c[i];
	if (!kept)
		return nwb_err_set(err, -ENOENT,
				   "--cases %.80s fits none of%.150s%s", globs,
				   have, strlen(have) > 150 ? "..." : "");
	c->nr = kept;
	return 0;
}
