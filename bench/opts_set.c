/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each of the options of opts.c sets, and what it accepts. */
#include "cli.h"
#include "opts_i.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_MAX (1024 * 1024 * NWB_MIB)
#define DIRTY_MIN (64 * NWB_KIB)
#define DEPTH_MAX 4096u /* each has memory of its own */

int bench_parse_size(const char *s, uint64_t *ret)
{
	static const char units[] = "KMG";
	unsigned int shift = 0;
	const char *unit;
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || *s < '0' || *s > '9') /* it takes blanks and signs */
		return -EINVAL;
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		shift = 10 * (unsigned int)(unit - units + 1);
		end++;
	}
	if (*end || v > UINT64_MAX >> shift)
		return -EINVAL;
	*ret = v << shift;
	return 0;
}

/* Options that only say that something is so. */
static const struct {
	int opt;
	size_t at;
} switches[] = {
	{OPT_KERNEL_CACHE, offsetof(struct bench_cli, kernel_cache)},
	{OPT_ENGINE, offsetof(struct bench_cli, engine)},
	{OPT_NO_SHADOW, offsetof(struct bench_cli, no_shadow)},
	{OPT_SHIM_COST, offsetof(struct bench_cli, shim_cost)},
	{OPT_RETRY_COST, offsetof(struct bench_cli, retry_cost)},
	{OPT_INVAL_COST, offsetof(struct bench_cli, inval_cost)},
	{OPT_SPEED, offsetof(struct bench_cli, speed)},
	{OPT_SIGNING_COST, offsetof(struct bench_cli, signing_cost)},
	{OPT_PIN, offsetof(struct bench_cli, run.pin)},
	{OPT_HARD, offsetof(struct bench_cli, run.hard)},
	{OPT_NO_SHIM, offsetof(struct bench_cli, run.no_shim)},
	{OPT_NO_LEDGER, offsetof(struct bench_cli, run.no_ledger)},
	{OPT_NO_COPY, offsetof(struct bench_cli, run.no_copy)},
	{OPT_SECOND_USER, offsetof(struct bench_cli, run.second_user)},
};

/* Options whose value is taken as it is. */
static const struct {
	int opt;
	size_t at;
} texts[] = {
	{OPT_PUBLISH, offsetof(struct bench_cli, publish)},
	{OPT_NAME, offsetof(struct bench_cli, run_name)},
	{OPT_DIR, offsetof(struct bench_cli, out)},
	{OPT_OUT, offsetof(struct bench_cli, out)},
	{OPT_MOUNT_DIR, offsetof(struct bench_cli, mount_dir)},
	{OPT_FILTER, offsetof(struct bench_cli, filter)},
	{OPT_MUTANT, offsetof(struct bench_cli, mutant)},
	{OPT_BINARY, offsetof(struct bench_cli, run.server_binary)},
	{OPT_LEDGER, offsetof(struct bench_cli, run.ledger_path)},
	{OPT_CAPTURE, offsetof(struct bench_cli, run.capture_path)},
	{OPT_FSCACHE, offsetof(struct bench_cli, run.fscache)},
	{OPT_TRACE, offsetof(struct bench_cli, run.trace_path)},
};

static int set_plain(struct bench_cli *c, int opt, const char *value)
{
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(switches); i++)
		if (switches[i].opt == opt) {
			*(bool *)((char *)c + switches[i].at) = true;
			return 0;
		}
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(texts); i++)
		if (texts[i].opt == opt) {
			const char **at = (void *)((char *)c + texts[i].at);

			*at = value;
			return 0;
		}
	return 1;
}

static int set_crypto(struct bench_cli *c, const char *value)
{
	uint64_t unit = 4096;

	if (value && (bench_parse_size(value, &unit) || unit < 512 ||
		      unit > 4096 || (unit & (unit - 1))))
		return bench_bad_value("crypto", value,
				       "512, 1024, 2048 or 4096");
	c->run.crypto_unit = (uint32_t)unit;
	return 0;
}

static int set_mutant(struct bench_cli *c, const char *name)
{
	const struct bench_mutant *m = bench_mutant_find(name);

	if (!m)
		return bench_bad_value("with-mutant", name,
				       "no such mutant; see `netwb list`");
	if (bench_mutants_missing())
		return -1;
	c->run.mutants = m->netfs;
	c->run.mutant_credits = m->credits;
	c->run.mutant_channel = m->channel;
	return 0;
}

static int set_security(struct bench_cli *c, int opt, const char *value)
{
	const char *want, *name;
	int rc;

	switch (opt) {
	case OPT_DIALECT:
		name = "dialect";
		rc = bench_set_dialect(&c->run, value, &want);
		break;
	case OPT_SIGN:
		name = "sign";
		rc = bench_set_sign(&c->run, value, &want);
		break;
	case OPT_ENCRYPT:
		name = "encrypt";
		rc = bench_set_encrypt(&c->run, value, &want);
		break;
	default:
		return 1;
	}
	return rc ? bench_bad_value(name, value, want) : 0;
}

static int set_flavour(struct bench_cli *c, int opt, const char *value)
{
	struct nwb_err err = {0};

	switch (opt) {
	case OPT_FLAVOUR:
		return bench_set_flavour(&c->run, value)
			       ? bench_bad_value(
					 "flavour", value,
					 "strict, linux-6.12 or linux-7.2")
			       : 0;
	case OPT_HAZARD:
		return bench_set_hazards(&c->run, value, &err)
			       ? bench_bad_value("hazard", value, err.text)
			       : 0;
	case OPT_RETRY:
		return bench_set_strategy(&c->run, value)
			       ? bench_bad_value("retry", value,
						 "combine, resplit-each or "
						 "smaller-bits")
			       : 0;
	default:
		return 1;
	}
}

static const char *const cache_names[] = {"always", "none", "strict", "loose"};

const char *bench_cache_name(unsigned int mode)
{
	return mode < NWB_ARRAY_SIZE(cache_names) ? cache_names[mode] : "?";
}

static int bench_cache_find(const char *name)
{
	for (size_t i = 0; i < NWB_ARRAY_SIZE(cache_names); i++)
		if (!strcmp(cache_names[i], name))
			return (int)i;
	return -1;
}

/* "raw" is the reference client with nothing in it that caches. */
static int set_mount_client(struct bench_cli *c, const char *value)
{
	int kind = nwb_subject_kind_find(value);

	c->is_raw = !strcmp(value, "raw");
	if (c->is_raw)
		kind = NWB_SUBJ_IN_PLACE;
	if (kind != NWB_SUBJ_IN_PLACE && kind != NWB_SUBJ_TEMP_PAGE)
		return bench_bad_value("client", value,
				       "in-place, temp-page or raw");
	c->run.subject = (enum nwb_subject_kind)kind;
	c->has_client = true;
	return 0;
}

/* How the client and its ledger behave. */
static int set_behaviour(struct bench_cli *c, int opt, const char *value)
{
	int kind;

	switch (opt) {
	case OPT_LEVEL:
		if (strcmp(value, "bench") && strcmp(value, "check"))
			return bench_bad_value("level", value,
					       "bench or check");
		c->run.level = !strcmp(value, "check");
		return 0;
	case OPT_CACHE:
		kind = bench_cache_find(value);
		if (kind < 0)
			return bench_bad_value("cache", value,
					       "always, none, strict or loose");
		c->run.cache = (unsigned int)kind;
		return 0;
	case OPT_DURABLE:
		if (strcmp(value, "off") && strcmp(value, "v1") &&
		    strcmp(value, "v2"))
			return bench_bad_value("durable", value,
					       "off, v1 or v2");
		c->run.durable = value[0] == 'v' ? value[1] - '0' : 0;
		return 0;
	default:
		return 1;
	}
}

static int set_names(struct bench_cli *c, int opt, const char *value)
{
	int kind;

	switch (opt) {
	case OPT_SERVER:
		if (!nwb_server_find(value) &&
		    !(c->may_fake && bench_is_fake(value)))
			return bench_bad_value(
				"server", value,
				"no such server; see `netwb list`");
		c->run.server = value;
		c->has_server = true;
		return 0;
	case OPT_CLIENT:
		kind = nwb_subject_kind_find(value);
		if (kind < 0)
			return bench_bad_value(
				"client", value,
				"no such subject; see `netwb list`");
		c->run.subject = (enum nwb_subject_kind)kind;
		c->has_client = true;
		return 0;
	case OPT_MOUNT_CLIENT:
		return set_mount_client(c, value);
	case OPT_WORKLOAD:
		c->run.workload = nwb_workload_find(value);
		if (!c->run.workload)
			return bench_bad_value(
				"workload", value,
				"no such workload; see `netwb list`");
		c->has_workload = true;
		return 0;
	case OPT_FAULT:
		if (strcmp(value, "none") && !bench_fault_text(value))
			return bench_bad_value(
				"fault", value,
				"no such fault; see `netwb list`");
		c->run.fault = value;
		return 0;
	case OPT_WITH_MUTANT:
		return set_mutant(c, value);
	case OPT_ISOLATION:
		kind = nwb_isolation_find(value);
		if (kind < 0)
			return bench_bad_value("isolation", value,
					       "ns, userns, none or auto");
		c->run.isolation = (enum nwb_isolation)kind;
		return 0;
	default:
		return 1;
	}
}

/* Options whose value is a number from @min to @max, else @want is said. */
static const struct {
	int opt;
	size_t at;
	size_t size; /* of what it sets */
	uint64_t min, max;
	const char *want;
} numbers[] = {
#define NUMBER(member)                                                         \
	offsetof(struct bench_cli, member),                                    \
		sizeof(((struct bench_cli *)0)->member)
	{OPT_SEED, NUMBER(run.seed), 0, UINT64_MAX, ""},
	{OPT_WRITE, NUMBER(run.bytes), 1, WRITE_MAX, "at most 1024G"},
	{OPT_FSYNCS, NUMBER(run.fsyncs), 1, UINT32_MAX, "too large"},
	{OPT_WSIZE, NUMBER(run.wsize), 4096, 8 * NWB_MIB, "4K to 8M"},
	{OPT_CHANNELS, NUMBER(run.channels), 1, NWB_SMB2_CHANNELS_MAX,
	 "at most 4"},
	{OPT_RETRANS, NUMBER(run.retrans), 1, UINT32_MAX, "too large"},
	{OPT_DEPTH, NUMBER(run.depth), 1, DEPTH_MAX, "at most 4096"},
	/* as the word of a plan */
	{OPT_DIRTY, NUMBER(run.dirty), DIRTY_MIN, UINT32_MAX, "64K at least"},
	{OPT_DIRTY_BG, NUMBER(run.dirty_bg), 1, UINT32_MAX, "too large"},
	{OPT_STRICTLIMIT, NUMBER(run.strictlimit), DIRTY_MIN, UINT32_MAX,
	 "64K at least"},
	{OPT_FSCACHE_SHORT, NUMBER(run.fscache_short), 4096, UINT32_MAX,
	 "4K at least"},
	{OPT_PAIRS, NUMBER(pairs), 1, 512, "at most 64, with --speed 512"},
	{OPT_FAULT_PAIRS, NUMBER(fault_pairs), 1, 64, "at most 64"},
	{OPT_TIME, NUMBER(time_s), 1, UINT32_MAX, "too large"},
	{OPT_REPEAT, NUMBER(repeat), 1, UINT32_MAX, "too large"},
#undef NUMBER
};

static int set_number(struct bench_cli *c, int opt, const char *name,
		      const char *value)
{
	unsigned int i;
	uint64_t n;
	char *at;

	for (i = 0; numbers[i].opt != opt; i++)
		nwb_assert(i + 1 < NWB_ARRAY_SIZE(numbers));
	if (bench_parse_size(value, &n))
		return bench_bad_value(name, value, "not a number");
	if (!n && numbers[i].min)
		return bench_bad_value(name, value, "must be above 0");
	if (n > UINT32_MAX && numbers[i].max <= UINT32_MAX)
		return bench_bad_value(name, value, "too large");
	if (n < numbers[i].min || n > numbers[i].max)
		return bench_bad_value(name, value, numbers[i].want);
	at = (char *)c + numbers[i].at;
	if (numbers[i].size == sizeof(uint64_t))
		memcpy(at, &n, sizeof(n));
	else
		memcpy(at, &(uint32_t){(uint32_t)n}, sizeof(uint32_t));
	c->has_seed |= opt == OPT_SEED;
	c->has_time |= opt == OPT_TIME;
	c->has_fault_pairs |= opt == OPT_FAULT_PAIRS;
	return 0;
}

static int parse_time(const char *s, uint64_t *ret_ns)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {{"", NWB_SEC},
		     {"ms", NWB_MSEC},
		     {"s", NWB_SEC},
		     {"m", 60 * NWB_SEC},
		     {"h", 3600 * NWB_SEC}};
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || *s < '0' || *s > '9' || !v || v > 10000000)
		return -EINVAL;
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(units); i++)
		if (!strcmp(end, units[i].unit)) {
			*ret_ns = v * units[i].ns;
			return 0;
		}
	return -EINVAL;
}

static int set_other(struct bench_cli *c, int opt, const char *value)
{
	switch (opt) {
	case OPT_FOR:
		return parse_time(value, &c->for_ns)
			       ? bench_bad_value("for", value,
						 "a time: 90, 500ms, 5m, 2h")
			       : 0;
	case OPT_PLANT:
		return bench_plant_parse(value, &c->run.plant)
			       ? bench_bad_value("plant", value,
						 "cpu=15% or throughput=-25%")
			       : 0;
	case OPT_TURNS:
		if (bench_turns_parse(value, &c->turns_fd))
			return bench_bad_value("turns", value,
					       "not the number of a socket");
		c->run.turns_fd = &c->turns_fd;
		return 0;
	case OPT_SHARD:
		return bench_shard_parse(value, &c->shard)
			       ? bench_bad_value("shard", value,
						 "k/n with 1 <= k <= n <= 1000")
			       : 0;
	case OPT_SOFT:
		c->run.hard = false;
		return 0;
	case OPT_COMPOUND:
		if (value[0] < '2' || value[0] > '4' || value[1])
			return bench_bad_value("compound", value, "2 to 4");
		c->run.vectored = (unsigned int)(value[0] - '0');
		return 0;
	case OPT_CRYPTO:
		return set_crypto(c, value);
	case OPT_MIRROR:
		if (bench_set_mirror(&c->run, value))
			return bench_bad_value("mirror", value,
					       "a server, see `netwb list`, "
					       "and :SIZE of 1M or more");
		return 0;
	case OPT_PLAN:
		if (c->nr_plan_files == NWB_ARRAY_SIZE(c->plan_files))
			return bench_bad_value("plan", value, "too many plans");
		c->plan_files[c->nr_plan_files++] = value;
		return 0;
	case 'e':
		if (c->nr_lines == NWB_ARRAY_SIZE(c->lines))
			return bench_bad_value("expr", value, "too many lines");
		c->lines[c->nr_lines++] = value;
		return 0;
	default:
		return 1;
	}
}

int bench_opt_set(struct bench_cli *c, int opt, const char *name,
		  const char *value)
{
	int rc = set_plain(c, opt, value);

	if (rc > 0)
		rc = set_names(c, opt, value);
	if (rc > 0)
		rc = set_behaviour(c, opt, value);
	if (rc > 0)
		rc = set_security(c, opt, value);
	if (rc > 0)
		rc = set_flavour(c, opt, value);
	if (rc > 0)
		rc = set_other(c, opt, value);
	if (rc > 0)
		rc = set_number(c, opt, name, value);
	return rc;
}
