/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the reference client has besides a server: a second identity, a mirror,
 * limits of dirty bytes, a local cache. Their words on the command line and in
 * a plan's "client" line, and what a run tells of them.
 *
 * Flavour, hazards and strategy of a plan are taken over here, too.
 */
#include "bench_i.h"

#include "nwb/netfs.h"
#include "nwb/plan.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static_assert(NWB_PLAN_HAZARDS == NWB_NR_HAZARDS - 1,
	      "a plan knows all hazards and no others");
static_assert(NWB_RETRY_SMALLER_BITS == 2 && NWB_LINUX_7_2 == 2,
	      "words of a plan (faults/plan_words.c) are these numbers");

int bench_set_mirror(struct bench_run_opts *o, const char *value)
{
	const char *room = strchr(value, ':');
	size_t len = room ? (size_t)(room - value) : strlen(value);

	if (len >= sizeof(o->mirror))
		return -EINVAL;
	memcpy(o->mirror, value, len);
	o->mirror[len] = 0;
	if (!nwb_server_find(o->mirror))
		return -EINVAL;
	o->mirror_room = 0;
	if (room && (bench_parse_size(room + 1, &o->mirror_room) ||
		     o->mirror_room < NWB_MIB))
		return -EINVAL;
	return 0;
}

void bench_client_from_plan(struct bench_run_opts *o,
			    const struct nwb_plan *plan)
{
	uint64_t hazards = nwb_plan_client_opt_nr(plan, "hazard", 0);
	const char *mirror = nwb_plan_client_opt(plan, "mirror");

	o->flavour = (enum nwb_flavour)nwb_plan_client_opt_nr(plan, "flavour",
							      o->flavour);
	o->strategy = (unsigned int)nwb_plan_client_opt_nr(plan, "retry",
							   o->strategy);
	if (hazards) {
		o->hazards = (uint32_t)hazards;
		o->no_hazards = (uint32_t)(hazards >> 32);
	}
	o->crypto_unit = (uint32_t)nwb_plan_client_opt_nr(plan, "crypto",
							  o->crypto_unit);
	o->vectored = (unsigned int)nwb_plan_client_opt_nr(plan, "compound",
							   o->vectored);
	o->second_user |= nwb_plan_client_opt_nr(plan, "second-user", 0) != 0;
	if (mirror)
		snprintf(o->mirror, sizeof(o->mirror), "%s", mirror);
	o->mirror_room =
		nwb_plan_client_opt_nr(plan, "mirror-room", o->mirror_room);
	o->dirty = nwb_plan_client_opt_nr(plan, "dirty", o->dirty);
	o->dirty_bg = nwb_plan_client_opt_nr(plan, "dirty-bg", o->dirty_bg);
	o->strictlimit =
		nwb_plan_client_opt_nr(plan, "strictlimit", o->strictlimit);
	o->fscache_short =
		nwb_plan_client_opt_nr(plan, "fscache-short", o->fscache_short);
}

static bool is_cached(enum nwb_subject_kind kind)
{
	return kind == NWB_SUBJ_IN_PLACE || kind == NWB_SUBJ_TEMP_PAGE;
}

int bench_client_check(const struct bench_run_opts *o, struct nwb_err *err)
{
	const char *what = NULL;

	if (bench_is_fake(o->server) && (o->second_user || o->mirror[0]))
		what = "a second user and a mirror need a real server";
	else if (o->plan && nwb_plan_has_mirror_rules(o->plan) && !o->mirror[0])
		what = "the plan has rules for a mirror, and there is no "
		       "mirror; --mirror, or \"client ... mirror=SERVER\"";
	else if (bench_plan_intrudes(o->plan) &&
		 strcmp(o->workload->name, "part"))
		what = "intrude writes where --workload part does not, and "
		       "others do";
	else if (bench_plan_intrudes(o->plan) &&
		 (o->no_ledger || o->no_shim ||
		  nwb_plan_server_opt_nr(o->plan, "volatile", 0)))
		what = "intrude needs the shim's ledger, and is not kept by a "
		       "volatile server";
	else if (o->mirror_room && !o->mirror[0])
		what = "room for a mirror, and no mirror";
	else if (o->fscache_short && !o->fscache)
		what = "fscache-short is a fault of --fscache, which is not "
		       "given";
	else if (o->no_ledger && o->ledger_path)
		what = "--ledger: with --no-ledger nothing is recorded";
	else if (o->dirty_bg && !o->dirty)
		what = "dirty-bg is a part of --dirty, which is not given";
	else if (o->dirty_bg >= nwb_max(o->dirty, (uint64_t)1))
		what = "the limit of dirty bytes must be above the background "
		       "limit";
	else if (o->no_copy && o->subject != NWB_SUBJ_TEMP_PAGE)
		what = "--no-copy: only temp-page copies; --client temp-page";
	else if (o->depth && is_cached(o->subject))
		what = "--depth is of raw-cold and raw-hot: how much the "
		       "reference client has in flight follows from --wsize, "
		       "the server's credits and the dirty limits";
	return what ? nwb_err_set(err, -EOPNOTSUPP, "%s", what) : 0;
}

int bench_subject_check(const struct bench_run_opts *o, struct nwb_err *err)
{
	static const struct nwb_subject_peer some;
	struct nwb_subject_opts so = {
		.is_9p = nwb_server_is_9p(o->server) ||
			 !strcmp(o->server, "fake-9p"),
		.second_user = o->second_user ? "" : NULL,
		.mirror = o->mirror[0] ? &some : NULL,
	};

	bench_client_opts(o, &so);
	return nwb_subject_check(&so, err);
}

static void add(char *buf, size_t size, const char *fmt, ...) nwb_printf(3, 4);

static void add(char *buf, size_t size, const char *fmt, ...)
{
	size_t at = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + at, size - at, fmt, ap);
	va_end(ap);
}

static void add_size(char *buf, size_t size, const char *option, uint64_t v)
{
	if (v)
		add(buf, size, " --%s %llu", option, (unsigned long long)v);
}

void bench_client_args(const struct bench_run_opts *o, char *buf, size_t size)
{
	buf[0] = 0;
	if (o->second_user)
		add(buf, size, " --second-user");
	if (o->mirror[0])
		add(buf, size, " --mirror %s", o->mirror);
	if (o->mirror[0] && o->mirror_room)
		add(buf, size, ":%llu", (unsigned long long)o->mirror_room);
	add_size(buf, size, "dirty", o->dirty);
	add_size(buf, size, "dirty-bg", o->dirty_bg);
	add_size(buf, size, "strictlimit", o->strictlimit);
	add_size(buf, size, "fscache-short", o->fscache_short);
}

void bench_client_tell(const struct bench_run_opts *o,
		       const struct bench_run_result *r)
{
	const struct nwb_subject_stats *st = &r->stats;

	if (bench_plan_intrudes(o->plan))
		printf("  a second client wrote %u times\n", r->nr_intruded);
	if (o->second_user)
		printf("  second user: %s\n",
		       st->rotations ? "wrote, the first was refused"
				     : "was not needed");
	if (o->mirror[0] && st->mirror_was_away)
		printf("  mirror %s: did not answer when the file was opened\n",
		       o->mirror);
	if (o->mirror[0] && st->mirror_is_behind)
		printf("  mirror %s: left behind after %llu bytes\n", o->mirror,
		       (unsigned long long)st->mirror_bytes);
	else if (o->mirror[0])
		printf("  mirror %s: %llu bytes, %s\n", o->mirror,
		       (unsigned long long)st->mirror_bytes,
		       !r->is_mirror_read ? "not compared"
		       : r->mirror_wrong  ? "another content than the file"
					  : "the file's content");
	if (o->dirty || o->strictlimit)
		printf("  dirty limits: writers waited %llu times, %.3f ms in "
		       "all; at most %llu bytes were dirty\n",
		       (unsigned long long)st->throttled,
		       (double)st->throttled_ns / (double)NWB_MSEC,
		       (unsigned long long)st->dirty_max);
	if (o->fscache)
		printf("  local cache: %llu bytes compared with the server's, "
		       "%llu wrong\n",
		       (unsigned long long)st->fscache_bytes,
		       (unsigned long long)st->fscache_wrong);
}

static void set(json_t *rec, const char *key, uint64_t v)
{
	json_object_set_new(rec, key, json_integer((json_int_t)v));
}

void bench_client_record(json_t *rec, const struct bench_run_opts *o,
			 const struct bench_run_result *r)
{
	const struct nwb_subject_stats *st = &r->stats;

	if (o->second_user)
		set(rec, "rotations", st->rotations);
	if (o->mirror[0]) {
		json_object_set_new(rec, "mirror", json_string(o->mirror));
		set(rec, "mirror_bytes", st->mirror_bytes);
		json_object_set_new(rec, "mirror_away",
				    json_boolean(st->mirror_was_away));
		json_object_set_new(rec, "mirror_behind",
				    json_boolean(st->mirror_is_behind));
	}
	if (o->dirty || o->strictlimit) {
		set(rec, "throttled", st->throttled);
		set(rec, "throttled_ns", st->throttled_ns);
		set(rec, "dirty_max", st->dirty_max);
	}
	if (o->fscache) {
		set(rec, "fscache_bytes", st->fscache_bytes);
		set(rec, "fscache_wrong", st->fscache_wrong);
	}
}
