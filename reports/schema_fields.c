/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The schema of run.jsonl, as tables; docs/reports.md explains the fields.
 *
 * Ratios of a comparison are natural logarithms of cost_B / cost_A, where a
 * cost grows as things get worse (time, CPU; 1 / throughput): above 0 means
 * that B is worse. An end of an interval that is null is infinite.
 */
#include "schema_i.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
/* One field a line is easier to read and to merge. */
/* clang-format off */
#define TABLE(f)     {.field = f, .nr = NWB_ARRAY_SIZE(f)}
#define RECORD(n, f) {.name = n, .field = f, .nr = NWB_ARRAY_SIZE(f)}
#define F(n, k, ...) {.name = n, .kind = NWB_F_##k, __VA_ARGS__}
#define STR(n)	       F(n, STR)
#define STR_MUST(n)    F(n, STR_MUST)
#define WORD(n, ...)   F(n, WORD, .word = WORDS(__VA_ARGS__))
#define NUM(n)	       F(n, NUM)
#define REAL(n)	       F(n, REAL)
#define INT(n)	       F(n, INT)
#define INT_MUST(n)    F(n, INT_MUST)
#define BOOL(n)	       F(n, BOOL)
#define SCALAR(n)      F(n, SCALAR)
#define FREE(n)	       F(n, FREE)
#define NUMS(n)	       F(n, NUMS)
#define BINS(n)	       F(n, BINS)
#define STRS(n)	       F(n, STRS)
#define OBJ(n, t)      F(n, OBJ, .table = &(t))
#define OBJ_MUST(n, t) F(n, OBJ_MUST, .table = &(t))
#define OBJS(n, t)     F(n, OBJS, .table = &(t))
#define MAP(n, t)      F(n, MAP, .table = &(t))

#define VERDICT                                                                \
	WORD("verdict", "PASS", "FAIL", "VACUOUS", "INCONCLUSIVE", "SKIP",     \
	     "KNOWN", "UNEXPECTED-PASS")
/* What a pair, and what is made of it, was for. */
#define ROLE WORD("role", "measure", "control", "confirm")

/* --- parts ---------------------------------------------------------------- */

static const struct nwb_field lat_fields[] = {
	/* low end of a bucket, count, low end, count, ... */
	BINS("bins"),
	NUM("max"),
	NUM("mean"),
	NUM("n"),
	NUM("p50"),
	NUM("p90"),
	NUM("p99"),
	NUM("p999"),
};
static const struct nwb_table lat = TABLE(lat_fields);

/* Bytes of each bin of bin_ns; the first begins with the first write. */
static const struct nwb_field series_fields[] = {
	BINS("acked"),
	STR("acked_by"),
	NUM("bin_ns"),
	BINS("durable"),
	NUM("span_ns"),
	BINS("written"),
};
static const struct nwb_table series = TABLE(series_fields);

static const struct nwb_field mark_fields[] = {
	STR_MUST("kind"),
	STR("rule"),
	NUM("t_ns"),
};
static const struct nwb_table mark = TABLE(mark_fields);

static const struct nwb_field fault_fields[] = {
	NUM("bytes_again"),
	NUM("first_ns"),
	NUM("hits"),
	NUM("recovered"),
	NUM("recovery_ns"),
	NUM("retries"),
};
static const struct nwb_table fault = TABLE(fault_fields);

static const struct nwb_field finding_fields[] = {
	STR_MUST("kind"),
	STR_MUST("oracle"),
	STR_MUST("text"),
	VERDICT,
};
static const struct nwb_table finding = TABLE(finding_fields);

/* One side of a comparison: what it is, once for the session. */
static const struct nwb_field ident_fields[] = {
	STR("build"),
	STR("compiler"),
	STR("date"),
	STR("flags"),
	STR_MUST("id"),
	STR("kind"),
	STR("netwb"),
	STR("revision"),
	STR("summary"),
};
static const struct nwb_table ident = TABLE(ident_fields);

/* One side of a pair: one run in a process of its own. */
static const struct nwb_field side_fields[] = {
	INT("exit"),
	NUMS("meters"),
	NUMS("metrics"),
	STR("reason"),
	STR("repro"),
	NUMS("samples"),
	VERDICT,
};
static const struct nwb_table side = TABLE(side_fields);

/* One direction of a fio job. */
static const struct nwb_field fio_dir_fields[] = {
	NUM("bytes"),
	OBJ("clat", lat),
	NUM("iops"),
	OBJ("lat", lat),
	NUM("mib_s"),
	NUM("runtime_ns"),
	OBJ("slat", lat),
	NUM("total_ios"),
};
static const struct nwb_table fio_dir = TABLE(fio_dir_fields);

static const struct nwb_field source_fields[] = {
	STR("build"),
	STR("date"),
	STR_MUST("id"),
	NUM("records"),
	STR("sha256"),
	STR("shard"),
};
static const struct nwb_table source = TABLE(source_fields);

/* --- records -------------------------------------------------------------- */

static const struct nwb_field session_fields[] = {
	STR("build"),
	STR("build_id"),
	STR("command"),
	STR("compiler"),
	STR("cpu"),
	STR("date"),
	FREE("env"),
	STR("id"),
	STR("io"),
	STR("isolation"),
	STR("kernel"),
	NUM("mem_bytes"),
	NUM("ncpu"),
	STR("netwb"),
	INT("seed"),
	FREE("servers"),
	FREE("shim_idle"),
};

static const struct nwb_field run_fields[] = {
	NUM("allocs"),
	NUM("boot_ns"),
	STR("bundle"),
	NUM("bytes"),
	NUM("bytes_copied"),
	NUM("bytes_dirtied"),
	NUM("bytes_sent"),
	STR_MUST("cell"),
	NUM("channels"),
	NUM("channels_lost"),
	STR("cipher"),
	NUM("client_cpu_ns"),
	STR("console"),
	NUM("console_warnings"),
	NUM("depth"),
	NUM("dirty_max"),
	NUM("drain_ns"),
	NUM("durable_ns"),
	STR_MUST("fault"),
	MAP("faults", fault),
	OBJS("findings", finding),
	STR("flavour"),
	NUM("fscache_bytes"),
	NUM("fscache_wrong"),
	OBJ("fsync_lat", lat),
	STR("guest_end"),
	STR("hazards"),
	STR("hazards_fired"),
	NUMS("hits"),
	STR("kernel"),
	STR("kernel_kind"),
	STR("kernel_name"),
	STR("level"),
	OBJS("marks", mark),
	NUM("marks_left_out"),
	STR("mirror"),
	BOOL("mirror_away"),
	BOOL("mirror_behind"),
	NUM("mirror_bytes"),
	STR("mount"),
	NUM("opens"),
	STR("options"),
	INT("order"),
	INT("pair"),
	STR("policy"),
	STR("reason"),
	NUM("reclaims"),
	NUM("reconnects"),
	STR("repro"),
	NUM("retries"),
	STR("retry"),
	NUM("rotations"),
	NUM("rpcs"),
	INT("seed"),
	OBJ("series", series),
	STR_MUST("server"),
	NUM("server_cpu_ns"),
	NUM("server_died"),
	STR("server_died_how"),
	SCALAR("signing"),
	NUM("stable_waits"),
	STR_MUST("subject"),
	NUM("temp_bytes_max"),
	NUM("throttled"),
	NUM("throttled_ns"),
	NUMS("told"),
	NUM("unstable_resent"),
	VERDICT,
	NUM("wall_ns"),
	STR_MUST("workload"),
	OBJ("write_lat", lat),
	NUM("write_rpcs"),
	NUM("wsize"),
};

/* What a session compares: A, the older or simpler one, and B. */
static const struct nwb_field compare_fields[] = {
	OBJ_MUST("a", ident),
	NUM("alpha"),
	OBJ_MUST("b", ident),
	NUM("budget_ns"),
	NUM("cases"),
	STR("differs"),
	BINS("looks"),
	NUM("pairs"),
	STR("summary"),
	STR_MUST("what"),
};

static const struct nwb_field pair_fields[] = {
	OBJ_MUST("a", side),
	OBJ_MUST("b", side),
	STR_MUST("case"),
	STR("contaminated"),
	BOOL("is_extra"),
	WORD("order", "AB", "BA"),
	INT_MUST("pair"),
	ROLE,
	INT("seed"),
	STR("server"),
	STR("subject"),
	NUM("t_ns"),
	STR("workload"),
};

static const struct nwb_field decision_fields[] = {
	REAL("a"),
	NUM("alpha"),
	REAL("b"),
	WORD("better", "lower", "higher"),
	STR_MUST("case"),
	NUM("contaminated"),
	NUM("delta"),
	REAL("hi"),
	REAL("hl"),
	BOOL("is_bimodal"),
	BOOL("is_confirmed"),
	WORD("kind", "noisy", "exact"),
	REAL("lo"),
	INT("look"),
	STR_MUST("metric"),
	INT_MUST("n"),
	NUM("p"),
	STR("reason"),
	ROLE,
	STR("server"),
	STR("subject"),
	STR("unit"),
	WORD("verdict", "WORSE", "BETTER", "SAME", "UNCLEAR", "OBSERVE",
	     "SKIP", "INVALID"),
	STR("workload"),
};

/* One step of the open-loop generator: one rate, one side. */
static const struct nwb_field latency_fields[] = {
	NUM("achieved_ops_s"),
	WORD("arrival", "fixed", "poisson"),
	NUM("backlog_max"),
	NUM("bytes"),
	STR_MUST("case"),
	NUM("client_cpu_ns"),
	NUM("depth"),
	OBJ("durable", lat),
	NUM("errors"),
	STR_MUST("fault"),
	OBJS("findings", finding),
	STR("flavour"),
	NUM("fsync_every"),
	STR("hazards"),
	NUMS("hits"),
	NUM("knee_ops_s"),
	NUM("lag_avg_ns"),
	NUM("lag_max_ns"),
	NUM("n"),
	NUM("not_durable"),
	NUM("op_bytes"),
	STR("options"),
	INT("order"),
	INT("pair"),
	NUM("rate_ops_s"),
	STR("reason"),
	NUM("refused"),
	STR("repro"),
	OBJ("response", lat),
	STR("retry"),
	INT("seed"),
	STR_MUST("server"),
	NUM("server_cpu_ns"),
	OBJ("service", lat),
	NUM("share"),
	WORD("side", "A", "B"),
	NUM("span_ns"),
	WORD("step", "knee", "load"),
	STR_MUST("subject"),
	NUM("unfinished"),
	VERDICT,
	STR_MUST("workload"),
};

/* One job (or group of jobs) of one fio run. */
static const struct nwb_field fio_fields[] = {
	NUM("bs"),
	NUM("client_cpu_ns"),
	REAL("cpu_sys"),
	REAL("cpu_usr"),
	STR_MUST("fault"),
	OBJS("findings", finding),
	STR("fio"),
	NUMS("hits"),
	STR("invalid"),
	NUM("iodepth"),
	STR_MUST("job"),
	STR("jobfile"),
	STR("json"),
	NUM("numjobs"),
	INT("order"),
	INT("pair"),
	OBJ("read", fio_dir),
	STR("reason"),
	NUM("reconnects"),
	STR("repro"),
	NUM("run_bytes"),
	NUM("runtime_ns"),
	STR("rw"),
	INT("seed"),
	STR_MUST("server"),
	NUM("server_cpu_ns"),
	STR_MUST("subject"),
	OBJ("sync", lat),
	OBJ("trim", fio_dir),
	VERDICT,
	NUM("verify_errors"),
	STRS("warnings"),
	OBJ("write", fio_dir),
};

/* Which part of a campaign this session is, and what it left to others. */
static const struct nwb_field shard_fields[] = {
	INT_MUST("k"),
	STRS("left_out"),
	INT_MUST("n"),
	STRS("ran"),
	NUM("total"),
};

/* This session was put together from those. */
static const struct nwb_field merge_fields[] = {
	STR("forced"),
	OBJS("from", source),
};

/* Something that a person was told and that the numbers do not show. */
static const struct nwb_field note_fields[] = {
	STR("about"),
	STR_MUST("text"),
};

static const struct nwb_field end_fields[] = {
	REAL("control_max"),
	NUM("duration_ns"),
	FREE("env"),
	INT_MUST("exit"),
	BOOL("interrupted"),
	STR("unusable"),
};

const struct nwb_table nwb_record_tables[] = {
	RECORD("session", session_fields),
	{"run", run_fields, NWB_ARRAY_SIZE(run_fields), .has_cell = true},
	RECORD("compare", compare_fields),
	RECORD("pair", pair_fields),
	RECORD("decision", decision_fields),
	RECORD("latency", latency_fields),
	RECORD("fio", fio_fields),
	RECORD("shard", shard_fields),
	RECORD("merge", merge_fields),
	RECORD("note", note_fields),
	RECORD("end", end_fields),
};
const size_t nwb_nr_record_tables = NWB_ARRAY_SIZE(nwb_record_tables);
