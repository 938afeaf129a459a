/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that the commands share, and their help. */
#include "bench_i.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPT_SERVER = 256,
	OPT_CLIENT,
	OPT_WORKLOAD,
	OPT_WRITE,
	OPT_FSYNCS,
	OPT_SEED,
	OPT_SIGN,
	OPT_DIALECT,
	OPT_ENCRYPT,
	OPT_SIGNING_COST,
	OPT_LEVEL,
	OPT_WSIZE,
	OPT_DEPTH,
	OPT_CACHE,
	OPT_DURABLE,
	OPT_HARD,
	OPT_SOFT,
	OPT_RETRANS,
	OPT_CHANNELS,
	OPT_NO_SHIM,
	OPT_PLAN,
	OPT_FAULT,
	OPT_OUT,
	OPT_PAIRS,
	OPT_FILTER,
	OPT_REPEAT,
	OPT_MUTANT,
	OPT_WITH_MUTANT,
	OPT_LEDGER,
	OPT_CAPTURE,
	OPT_TRACE,
	OPT_FSCACHE,
	OPT_CRYPTO,
	OPT_COMPOUND,
	OPT_BINARY,
	OPT_NO_LEDGER,
	OPT_FAULT_PAIRS,
	OPT_TIME,
	OPT_SHIM_COST,
	OPT_RETRY_COST,
	OPT_INVAL_COST,
	OPT_SPEED,
	OPT_NO_COPY,
	OPT_FLAVOUR,
	OPT_HAZARD,
	OPT_RETRY,
	OPT_PUBLISH,
	OPT_FOR,
	OPT_NAME,
	OPT_DIR,
	OPT_ISOLATION,
	OPT_MOUNT_CLIENT,
	OPT_MOUNT_DIR,
	OPT_KERNEL_CACHE,
	OPT_NO_SHADOW,
	OPT_ENGINE,
	OPT_PLANT,
	OPT_PIN,
	OPT_TURNS,
	OPT_SHARD,
	OPT_SECOND_USER,
	OPT_MIRROR,
	OPT_DIRTY,
	OPT_DIRTY_BG,
	OPT_STRICTLIMIT,
	OPT_FSCACHE_SHORT,
};

static const struct {
	struct option opt;
	unsigned int groups;
	const char *arg;
	const char *help;
} options[] = {
	{{"server", 1, NULL, OPT_SERVER},
	 BENCH_CLI_RUN | BENCH_CLI_BENCH,
	 "NAME",
	 "smbd, diod or ganesha (run: default smbd)"},
	{{"client", 1, NULL, OPT_CLIENT},
	 BENCH_CLI_RUN,
	 "NAME",
	 "in-place, temp-page, raw-cold, raw-hot"},
	{{"client", 1, NULL, OPT_MOUNT_CLIENT},
	 BENCH_CLI_MOUNT,
	 "NAME",
	 "in-place, temp-page or raw, which caches nothing"},
	{{"workload", 1, NULL, OPT_WORKLOAD},
	 BENCH_CLI_RUN,
	 "NAME",
	 "see `netwb list` (default seq1m)"},
	{{"write", 1, NULL, OPT_WRITE},
	 BENCH_CLI_RUN,
	 "SIZE",
	 "bytes to write (K, M, G)"},
	{{"fsyncs", 1, NULL, OPT_FSYNCS},
	 BENCH_CLI_RUN,
	 "N",
	 "fsync so often, the last at the end (default 1)"},
	{{"dialect", 1, NULL, OPT_DIALECT},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "VERSION",
	 "SMB: 2.0.2, 2.1, 3.0.2, 3.1.1 (default) or any"},
	{{"sign", 2, NULL, OPT_SIGN},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "[=ALG]",
	 "SMB: sign every request, with hmac, cmac or gmac"},
	{{"encrypt", 2, NULL, OPT_ENCRYPT},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "[=WHEN]",
	 "SMB: encrypt on (bare), off, auto (as the server wants)"},
	{{"level", 1, NULL, OPT_LEVEL},
	 BENCH_CLI_RUN,
	 "NAME",
	 "ledger: bench or check (default check)"},
	{{"wsize", 1, NULL, OPT_WSIZE},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "SIZE",
	 "largest write request (default 1M, 9P: msize - 24)"},
	{{"depth", 1, NULL, OPT_DEPTH},
	 BENCH_CLI_RUN,
	 "N",
	 "raw: requests in flight (default 16)"},
	{{"cache", 1, NULL, OPT_CACHE},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "MODE",
	 "always (default), none, strict or loose"},
	{{"durable", 1, NULL, OPT_DURABLE},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "off|v1|v2",
	 "SMB: handles that outlive a connection"},
	{{"soft", 0, NULL, OPT_SOFT},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 NULL,
	 "give up when patience ends (the default)"},
	{{"hard", 0, NULL, OPT_HARD},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 NULL,
	 "wait for the server for ever"},
	{{"channels", 1, NULL, OPT_CHANNELS},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "N",
	 "SMB: connections of the session, 1 to 4 (multichannel)"},
	{{"retrans", 1, NULL, OPT_RETRANS},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "N",
	 "give a write up after N attempts (default 64)"},
	{{"flavour", 1, NULL, OPT_FLAVOUR},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "NAME",
	 "strict (default), linux-6.12 or linux-7.2: as those kernels do"},
	{{"hazard", 1, NULL, OPT_HAZARD},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "LIST",
	 "a kernel's defects one by one: h1 to h17, -h9: not that one"},
	{{"retry", 1, NULL, OPT_RETRY},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "HOW",
	 "combine (default), resplit-each or smaller-bits"},
	{{"no-copy", 0, NULL, OPT_NO_COPY},
	 BENCH_CLI_RUN,
	 NULL,
	 "temp-page: take temp pages, but send the folio (no kernel did)"},
	{{"no-shim", 0, NULL, OPT_NO_SHIM},
	 BENCH_CLI_RUN,
	 NULL,
	 "do not preload anything into the server"},
	{{"plan", 1, NULL, OPT_PLAN},
	 BENCH_CLI_PLAN,
	 "FILE",
	 "fault plan; may be given several times"},
	{{"expr", 1, NULL, 'e'},
	 BENCH_CLI_PLAN,
	 "LINE",
	 "one more line of the plan (-e)"},
	{{"fault", 1, NULL, OPT_FAULT},
	 BENCH_CLI_PLAN,
	 "NAME",
	 "a standard fault, see `netwb list`"},
	{{"seed", 1, NULL, OPT_SEED},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN | BENCH_CLI_BENCH | BENCH_CLI_CHECK |
		 BENCH_CLI_SERVE,
	 "N",
	 "of everything random (default 1)"},
	{{"out", 1, NULL, OPT_OUT},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN | BENCH_CLI_BENCH | BENCH_CLI_CHECK,
	 "DIR",
	 "results go to a new directory in DIR (default results)"},
	{{"pairs", 1, NULL, OPT_PAIRS},
	 BENCH_CLI_BENCH,
	 "N",
	 "interleaved pairs of the clean cells (default 8)"},
	{{"filter", 1, NULL, OPT_FILTER},
	 BENCH_CLI_BENCH | BENCH_CLI_CHECK,
	 "GLOB",
	 "only cells whose name fits, e.g. 'smbd.*.seq1m.*'"},
	{{"shard", 1, NULL, OPT_SHARD},
	 BENCH_CLI_BENCH | BENCH_CLI_CHECK | BENCH_CLI_SHARD,
	 "K/N",
	 "run the K-th of N parts only; see `netwb merge`"},
	{{"repeat", 1, NULL, OPT_REPEAT},
	 BENCH_CLI_CHECK,
	 "N",
	 "run the whole list N times (default 1)"},
	{{"mutant", 1, NULL, OPT_MUTANT},
	 BENCH_CLI_CHECK,
	 "NAME",
	 "a deliberate defect that must be killed, or \"all\""},
	{{"with-mutant", 1, NULL, OPT_WITH_MUTANT},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "NAME",
	 "drive a client that has this deliberate defect"},
	{{"ledger", 1, NULL, OPT_LEDGER},
	 BENCH_CLI_MOUNT | BENCH_CLI_ONE | BENCH_CLI_SERVE,
	 "FILE",
	 "keep the ledger of the run"},
	{{"capture", 1, NULL, OPT_CAPTURE},
	 BENCH_CLI_MOUNT | BENCH_CLI_ONE | BENCH_CLI_SERVE,
	 "FILE",
	 "capture the wire as pcapng, faults as packet comments"},
	{{"fscache", 1, NULL, OPT_FSCACHE},
	 BENCH_CLI_ONE,
	 "DIR",
	 "keep what is written and read in a scratch file below DIR, too"},
	{{"crypto", 2, NULL, OPT_CRYPTO},
	 BENCH_CLI_ONE,
	 "[=UNIT]",
	 "content crypto: the server gets AES-XTS of units of 512 to 4096 "
	 "bytes"},
	{{"compound", 1, NULL, OPT_COMPOUND},
	 BENCH_CLI_ONE,
	 "N",
	 "SMB: small WRITEs to different places go N in a frame, 2 to 4"},
	{{"trace", 1, NULL, OPT_TRACE},
	 BENCH_CLI_ONE,
	 "FILE",
	 "tracepoints of the client; .json: for Perfetto, else tracefs' text"},
	{{"no-ledger", 0, NULL, OPT_NO_LEDGER},
	 BENCH_CLI_RUN,
	 NULL,
	 "preload, but record nothing (and judge nothing)"},
	{{"fault-pairs", 1, NULL, OPT_FAULT_PAIRS},
	 BENCH_CLI_BENCH,
	 "N",
	 "interleaved pairs of the faulted cells (default 6)"},
	{{"time", 1, NULL, OPT_TIME},
	 BENCH_CLI_BENCH,
	 "SECONDS",
	 "begin no further round of faulted pairs after that (default 240)"},
	{{"shim-cost", 0, NULL, OPT_SHIM_COST},
	 BENCH_CLI_BENCH,
	 NULL,
	 "instead: what the idle shim costs the servers"},
	{{"speed", 0, NULL, OPT_SPEED},
	 BENCH_CLI_BENCH,
	 NULL,
	 "instead: the reference client against its limit, and the modes"},
	{{"retry-cost", 0, NULL, OPT_RETRY_COST},
	 BENCH_CLI_BENCH,
	 NULL,
	 "instead: the three ways to retry under the same faults"},
	{{"inval-cost", 0, NULL, OPT_INVAL_COST},
	 BENCH_CLI_BENCH,
	 NULL,
	 "instead: forgetting a cache in one pass, and folio by folio"},
	{{"signing-cost", 0, NULL, OPT_SIGNING_COST},
	 BENCH_CLI_BENCH,
	 NULL,
	 "instead: what signing and encrypting cost on smbd"},
	{{"server-binary", 1, NULL, OPT_BINARY},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN | BENCH_CLI_SERVE,
	 "PATH",
	 "start this server instead of the distribution's"},
	{{"isolation", 1, NULL, OPT_ISOLATION},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN | BENCH_CLI_SERVE | BENCH_CLI_BENCH |
		 BENCH_CLI_CHECK,
	 "STEP",
	 "ns, userns or none (default: the first that works here)"},
	{{"publish", 1, NULL, OPT_PUBLISH},
	 BENCH_CLI_SERVE,
	 "[ADDR:]PORT",
	 "also on the host's loopback (0: any port)"},
	{{"for", 1, NULL, OPT_FOR},
	 BENCH_CLI_SERVE,
	 "TIME",
	 "serve so long (90, 500ms, 5m; default until ^C)"},
	{{"name", 1, NULL, OPT_NAME},
	 BENCH_CLI_MOUNT | BENCH_CLI_SERVE,
	 "NAME",
	 "for `netwb exec` (default a number)"},
	{{"dir", 1, NULL, OPT_DIR},
	 BENCH_CLI_SERVE,
	 "DIR",
	 "keep ledger and verdict in a new directory in DIR"},
	{{"pin", 0, NULL, OPT_PIN},
	 BENCH_CLI_RUN,
	 NULL,
	 "half of the CPUs for the server, half for the client"},
	{{"turns", 1, NULL, OPT_TURNS},
	 BENCH_CLI_TURNS,
	 "FD",
	 "pause behind each fsync; see bench/turns.h"},
	{{"plant", 1, NULL, OPT_PLANT},
	 BENCH_CLI_FAKE,
	 "WHAT",
	 "a regression on purpose: cpu=15% or throughput=-25%"},
	{{"dir", 1, NULL, OPT_MOUNT_DIR},
	 BENCH_CLI_MOUNT,
	 "DIR",
	 "mount there; without a COMMAND on the host, until ^C"},
	{{"kernel-cache", 0, NULL, OPT_KERNEL_CACHE},
	 BENCH_CLI_MOUNT,
	 NULL,
	 "the kernel's page cache and writeback, over a raw client"},
	{{"engine", 0, NULL, OPT_ENGINE},
	 BENCH_CLI_MOUNT,
	 NULL,
	 "also files without the kernel, for fio (docs/fio.md)"},
	{{"no-shadow", 0, NULL, OPT_NO_SHADOW},
	 BENCH_CLI_MOUNT,
	 NULL,
	 "for measuring: keep no copy, so content is not judged"},
	{{"second-user", 0, NULL, OPT_SECOND_USER},
	 BENCH_CLI_RUN,
	 NULL,
	 "SMB: the first user may only read; a second one may write"},
	{{"mirror", 1, NULL, OPT_MIRROR},
	 BENCH_CLI_RUN,
	 "NAME[:SIZE]",
	 "a second server that gets all that is written; SIZE: its disk"},
	{{"dirty", 1, NULL, OPT_DIRTY},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "SIZE",
	 "writers wait while more is dirty or under writeback"},
	{{"dirty-bg", 1, NULL, OPT_DIRTY_BG},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "SIZE",
	 "writeback begins above that (default half of --dirty)"},
	{{"strictlimit", 1, NULL, OPT_STRICTLIMIT},
	 BENCH_CLI_MOUNT | BENCH_CLI_RUN,
	 "SIZE",
	 "a limit of the mount's own; temp pages count, too"},
	{{"fscache-short", 1, NULL, OPT_FSCACHE_SHORT},
	 BENCH_CLI_ONE,
	 "SIZE",
	 "a fault: one write to --fscache stops after that, at 4K or more"},
	{{"help", 0, NULL, 'h'}, ~0u, NULL, "this text"},
};

static void print_help(unsigned int groups, const char *name, const char *about)
{
	printf("usage: netwb %s [OPTIONS]\n\n%s\n\n", name, about);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(options); i++) {
		char left[40];

		if (!(options[i].groups & groups))
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", options[i].opt.name,
			 options[i].opt.has_arg == 2 ? "" : " ",
			 options[i].arg ? options[i].arg : "");
		printf("  %-18s %s\n", left, options[i].help);
	}
}

int bench_parse_size(const char *s, uint64_t *ret)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || end == s || *s == '-')
		return -EINVAL;
	switch (*end) {
	case 'G':
		v *= 1024; /* fall through */
	case 'M':
		v *= 1024; /* fall through */
	case 'K':
		v *= 1024;
		end++;
		break;
	default:
		break;
	}
	if (*end)
		return -EINVAL;
	*ret = v;
	return 0;
}

static int bad_value(const char *opt, const char *value, const char *want)
{
	fprintf(stderr, "netwb: --%s %s: %s\n", opt, value, want);
	return -1;
}

static int set_crypto(struct bench_cli *c, const char *value)
{
	uint64_t unit = 4096;

	if (value && (bench_parse_size(value, &unit) || unit < 512 || unit > 4096 ||
		      (unit & (unit - 1))))
		return bad_value("crypto", value, "512, 1024, 2048 or 4096");
	c->run.crypto_unit = (uint32_t)unit;
	return 0;
}

static int set_mutant(struct bench_cli *c, const char *name)
{
	const struct bench_mutant *m = bench_mutant_find(name);

	if (!m)
		return bad_value("with-mutant", name,
				 "no such mutant; see `netwb list`");
	if (bench_mutants_missing())
		return -1;
	c->run.mutants = m->netfs;
	c->run.mutant_credits = m->credits;
	c->run.mutant_channel = m->channel;
	return 0;
}

static bool is_server(const char *name)
{
	const char *s;

	for (unsigned int i = 0; (s = nwb_server_name(i)); i++)
		if (!strcmp(s, name))
			return true;
	return false;
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
	return rc ? bad_value(name, value, want) : 0;
}

static int set_flavour(struct bench_cli *c, int opt, const char *value)
{
	struct nwb_err err = {0};

	switch (opt) {
	case OPT_FLAVOUR:
		return bench_set_flavour(&c->run, value)
			       ? bad_value("flavour", value,
					   "strict, linux-6.12 or linux-7.2")
			       : 0;
	case OPT_HAZARD:
		return bench_set_hazards(&c->run, value, &err)
			       ? bad_value("hazard", value, err.text)
			       : 0;
	case OPT_RETRY:
		return bench_set_strategy(&c->run, value)
			       ? bad_value("retry", value,
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
		return bad_value("client", value, "in-place, temp-page or raw");
	c->run.subject = (enum nwb_subject_kind)kind;
	c->has_client = true;
	return 0;
}

static int set_names(struct bench_cli *c, int opt, const char *value)
{
	int kind;

	switch (opt) {
	case OPT_SERVER:
		if (!is_server(value) && !(c->may_fake && bench_is_fake(value)))
			return bad_value("server", value,
					 "no such server; see `netwb list`");
		c->run.server = value;
		c->has_server = true;
		return 0;
	case OPT_CLIENT:
		kind = nwb_subject_kind_find(value);
		if (kind < 0)
			return bad_value("client", value,
					 "no such subject; see `netwb list`");
		c->run.subject = (enum nwb_subject_kind)kind;
		c->has_client = true;
		return 0;
	case OPT_MOUNT_CLIENT:
		return set_mount_client(c, value);
	case OPT_WORKLOAD:
		c->run.workload = nwb_workload_find(value);
		if (!c->run.workload)
			return bad_value("workload", value,
					 "no such workload; see `netwb list`");
		c->has_workload = true;
		return 0;
	case OPT_FAULT:
		if (strcmp(value, "none") && !bench_fault_text(value))
			return bad_value("fault", value,
					 "no such fault; see `netwb list`");
		c->run.fault = value;
		return 0;
	case OPT_LEVEL:
		if (strcmp(value, "bench") && strcmp(value, "check"))
			return bad_value("level", value, "bench or check");
		c->run.level = !strcmp(value, "check");
		return 0;
	case OPT_CACHE:
		kind = bench_cache_find(value);
		if (kind < 0)
			return bad_value("cache", value,
					 "always, none, strict or loose");
		c->run.cache = (unsigned int)kind;
		return 0;
	case OPT_DURABLE:
		if (strcmp(value, "off") && strcmp(value, "v1") &&
		    strcmp(value, "v2"))
			return bad_value("durable", value, "off, v1 or v2");
		c->run.durable = value[0] == 'v' ? value[1] - '0' : 0;
		return 0;
	case OPT_WITH_MUTANT:
		return set_mutant(c, value);
	case OPT_ISOLATION:
		kind = nwb_isolation_find(value);
		if (kind < 0)
			return bad_value("isolation", value,
					 "ns, userns, none or auto");
		c->run.isolation = (enum nwb_isolation)kind;
		return 0;
	default:
		return 1;
	}
}

static int set_number(struct bench_cli *c, int opt, const char *name,
		      const char *value)
{
	uint64_t n;

	if (bench_parse_size(value, &n))
		return bad_value(name, value, "not a number");
	if (!n && opt != OPT_SEED)
		return bad_value(name, value, "must be above 0");
	if (n > UINT32_MAX && opt != OPT_SEED && opt != OPT_WRITE)
		return bad_value(name, value, "too large");
	switch (opt) {
	case OPT_WRITE:
		c->run.bytes = n;
		break;
	case OPT_FSYNCS:
		c->run.fsyncs = (unsigned int)n;
		break;
	case OPT_SEED:
		c->run.seed = n;
		c->has_seed = true;
		break;
	case OPT_WSIZE:
		c->run.wsize = (uint32_t)n;
		break;
	case OPT_CHANNELS:
		if (n > NWB_SMB2_CHANNELS_MAX)
			return bad_value(name, value, "at most 4");
		c->run.channels = (unsigned int)n;
		break;
	case OPT_RETRANS:
		c->run.retrans = (uint32_t)n;
		break;
	case OPT_DEPTH:
		c->run.depth = (uint32_t)n;
		break;
	case OPT_DIRTY:
		c->run.dirty = n;
		break;
	case OPT_DIRTY_BG:
		c->run.dirty_bg = n;
		break;
	case OPT_STRICTLIMIT:
		c->run.strictlimit = n;
		break;
	case OPT_FSCACHE_SHORT:
		if (n < 4096)
			return bad_value(name, value, "4K at least");
		c->run.fscache_short = n;
		break;
	case OPT_PAIRS:
		if (n > 64)
			return bad_value(name, value, "at most 64");
		c->pairs = (unsigned int)n;
		break;
	case OPT_FAULT_PAIRS:
		if (n > 64)
			return bad_value(name, value, "at most 64");
		c->fault_pairs = (unsigned int)n;
		break;
	case OPT_TIME:
		c->time_s = (unsigned int)n;
		break;
	default:
		c->repeat = (unsigned int)n;
		break;
	}
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
	case OPT_PUBLISH:
		c->publish = value;
		return 0;
	case OPT_NAME:
		c->run_name = value;
		return 0;
	case OPT_DIR:
		c->out = value;
		return 0;
	case OPT_MOUNT_DIR:
		c->mount_dir = value;
		return 0;
	case OPT_KERNEL_CACHE:
		c->kernel_cache = true;
		return 0;
	case OPT_ENGINE:
		c->engine = true;
		return 0;
	case OPT_NO_SHADOW:
		c->no_shadow = true;
		return 0;
	case OPT_FOR:
		return parse_time(value, &c->for_ns)
			       ? bad_value("for", value,
					   "a time: 90, 500ms, 5m, 2h")
			       : 0;
	case OPT_PLANT:
		return bench_plant_parse(value, &c->run.plant)
			       ? bad_value("plant", value,
					   "cpu=15% or throughput=-25%")
			       : 0;
	case OPT_TURNS:
		if (bench_turns_parse(value, &c->turns_fd))
			return bad_value("turns", value,
					 "not the number of a socket");
		c->run.turns_fd = &c->turns_fd;
		return 0;
	case OPT_PIN:
		c->run.pin = true;
		return 0;
	case OPT_SHARD:
		return bench_shard_parse(value, &c->shard)
			       ? bad_value("shard", value,
					   "k/n with 1 <= k <= n <= 1000")
			       : 0;
	case OPT_HARD:
		c->run.hard = true;
		return 0;
	case OPT_SOFT:
		c->run.hard = false;
		return 0;
	case OPT_NO_SHIM:
		c->run.no_shim = true;
		return 0;
	case OPT_OUT:
		c->out = value;
		return 0;
	case OPT_FILTER:
		c->filter = value;
		return 0;
	case OPT_NO_LEDGER:
		c->run.no_ledger = true;
		return 0;
	case OPT_SHIM_COST:
		c->shim_cost = true;
		return 0;
	case OPT_RETRY_COST:
		c->retry_cost = true;
		return 0;
	case OPT_INVAL_COST:
		c->inval_cost = true;
		return 0;
	case OPT_SPEED:
		c->speed = true;
		return 0;
	case OPT_NO_COPY:
		c->run.no_copy = true;
		return 0;
	case OPT_SIGNING_COST:
		c->signing_cost = true;
		return 0;
	case OPT_BINARY:
		c->run.server_binary = value;
		return 0;
	case OPT_LEDGER:
		c->run.ledger_path = value;
		return 0;
	case OPT_CAPTURE:
		c->run.capture_path = value;
		return 0;
	case OPT_FSCACHE:
		c->run.fscache = value;
		return 0;
	case OPT_COMPOUND:
		if (value[0] < '2' || value[0] > '4' || value[1])
			return bad_value("compound", value, "2 to 4");
		c->run.vectored = (unsigned int)(value[0] - '0');
		return 0;
	case OPT_CRYPTO:
		return set_crypto(c, value);
	case OPT_TRACE:
		c->run.trace_path = value;
		return 0;
	case OPT_SECOND_USER:
		c->run.second_user = true;
		return 0;
	case OPT_MIRROR:
		return bench_set_mirror(&c->run, value)
			       ? bad_value("mirror", value,
					   "a server, see `netwb list`, and "
					   ":SIZE "
					   "of 1M or more")
			       : 0;
	case OPT_MUTANT:
		c->mutant = value;
		return 0;
	case OPT_PLAN:
		if (c->nr_plan_files == NWB_ARRAY_SIZE(c->plan_files))
			return bad_value("plan", value, "too many plans");
		c->plan_files[c->nr_plan_files++] = value;
		return 0;
	case 'e':
		if (c->nr_lines == NWB_ARRAY_SIZE(c->lines))
			return bad_value("expr", value, "too many lines");
		c->lines[c->nr_lines++] = value;
		return 0;
	default:
		return 1;
	}
}

int bench_cli_parse(struct bench_cli *c, int argc, char **argv,
		    unsigned int groups, const char *about)
{
	struct option opts[NWB_ARRAY_SIZE(options) + 1] = {0};
	unsigned int nr = 0;
	int opt, at;

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(options); i++)
		if (options[i].groups & groups)
			opts[nr++] = options[i].opt;
	*c = (struct bench_cli){
		.run = {.server = "smbd",
			.subject = NWB_SUBJ_IN_PLACE,
			.workload = nwb_workload_find("seq1m"),
			.fault = "none",
			.fsyncs = 1,
			.seed = 1,
			.level = 1,
			.judge = true},
		.pairs = 8,
		.fault_pairs = 6,
		.time_s = 240,
		.repeat = 1,
		.may_fake = groups & BENCH_CLI_FAKE,
	};
	optind = 1;
	while ((opt = getopt_long(argc, argv,
				  groups & BENCH_CLI_PLAN ? "he:" : "h", opts,
				  &at)) != -1) {
		const char *name = opt > 255 ? opts[at].name : "";
		int rc;

		if (opt == 'h') {
			print_help(groups, argv[0], about);
			return -2;
		}
		if (opt == '?') {
			fprintf(stderr,
				"netwb: `netwb %s --help` lists the "
				"options\n",
				argv[0]);
			return -1;
		}
		rc = set_names(c, opt, optarg);
		if (rc > 0)
			rc = set_security(c, opt, optarg);
		if (rc > 0)
			rc = set_flavour(c, opt, optarg);
		if (rc > 0)
			rc = set_other(c, opt, optarg);
		if (rc > 0)
			rc = set_number(c, opt, name, optarg);
		if (rc)
			return -1;
	}
	return optind;
}

void bench_cli_fini(struct bench_cli *c)
{
	nwb_plan_free(c->plan);
	c->plan = NULL;
	bench_shard_fini(&c->shard);
}
