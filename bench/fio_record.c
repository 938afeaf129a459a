/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a run of a job file came to, a record for each job. Numbers of an
 * INVALID run are null: its json+ file is kept, whoever wants them knows where
 * they are.
 */
#include "fio_i.h"

#include "nwb/shell.h"
#include <stdio.h>
#include <string.h>

static json_t *number(uint64_t v)
{
	return v == UINT64_MAX ? json_null() : json_integer((json_int_t)v);
}

static json_t *record_dir(const struct bench_fio_dir *d)
{
	double s = (double)d->runtime_ns / NWB_SEC;

	if (!d->ios || !d->runtime_ns)
		return json_null();
	return json_pack("{s:I,s:I,s:I,s:f,s:f,s:o}", "bytes",
			 (json_int_t)d->bytes, "total_ios", (json_int_t)d->ios,
			 "runtime_ns", (json_int_t)d->runtime_ns, "mib_s",
			 (double)d->bytes / NWB_MIB / s, "iops",
			 (double)d->ios / s, "clat",
			 bench_record_latency(&d->clat));
}

static const struct bench_fio_spec *spec_of(const struct bench_fio_file *f,
					    const char *name)
{
	for (unsigned int i = 0; i < f->nr_jobs; i++)
		if (!strcmp(f->job[i].name, name))
			return &f->job[i];
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static json_t *warnings(const struct bench_fio_setup *s,
			const struct bench_fio_run *r)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < s->file->nr_remarks; i++)
		json_array_append_new(a, json_string(s->file->remark[i]));
	if (r->res.note[0])
		json_array_append_new(a, json_string(r->res.note));
	return a;
}

static json_t *record_head(const struct bench_fio_setup *s,
			   const struct bench_fio_run *r, const char *job)
{
	const char *name = base_name(s->file->path);
	char repro[2600];
	size_t at = (size_t)snprintf(repro, sizeof(repro), "netwb bench");

	at = nwb_shell_word(repro, sizeof(repro), at, name);
	if (at < sizeof(repro))
		snprintf(repro + at, sizeof(repro) - at,
			 " --subjects %s%s%s%.2048s --pairs 1 --seed %llu",
			 r->subject->name,
			 r->subject->client ? " --server " : "",
			 r->subject->client ? r->server : "",
			 s->cli->run.plan_args ? s->cli->run.plan_args : "",
			 (unsigned long long)s->cli->run.seed);
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:I,s:s,s:s,s:s,s:o}",
			 "type", "fio", "server", r->server, "subject",
			 r->subject->name, "job", job, "fault",
			 r->subject->client && s->cli->plan ? s->cli->run.fault
							    : "none",
			 "pair", (int)r->pair, "order", (int)r->order, "seed",
			 (json_int_t)r->seed, "repro", repro, "jobfile", name,
			 "json", r->json, "warnings", warnings(s, r));
}

/* @j: NULL when the numbers of all jobs are void. */
static void record_verdict(json_t *rec, const struct bench_fio_run *r,
			   const struct bench_fio_job *j)
{
	const char *why = !r->has_numbers ? r->invalid : j ? j->why : "";
	enum nwb_verdict v = bench_fio_verdict(r);
	bool has = r->is_judged || v != NWB_PASS;

	json_object_set_new(rec, "verdict",
			    has ? json_string(nwb_verdict_name(v))
				: json_null());
	json_object_set_new(rec, "reason",
			    json_string(r->reason[0] ? r->reason : why));
	json_object_set_new(rec, "invalid",
			    *why ? json_string(why) : json_null());
	json_object_set_new(rec, "findings", json_array());
	json_object_set_new(rec, "reconnects", number(r->reconnects));
	if (r->res.error == EILSEQ && r->verdict == NWB_FAIL)
		json_array_append_new(json_object_get(rec, "findings"),
				      json_pack("{s:s,s:s,s:s,s:s}", "oracle",
						"fio", "kind", "VERIFY", "text",
						r->reason, "verdict", "FAIL"));
}

static void record_spec(json_t *rec, const struct bench_fio_spec *s)
{
	if (!s)
		return;
	json_object_set_new(rec, "rw", json_string(s->rw));
	json_object_set_new(rec, "iodepth", json_integer(s->iodepth));
	json_object_set_new(rec, "numjobs", json_integer(s->numjobs));
	json_object_set_new(rec, "bs",
			    s->bs_bytes ? json_integer((json_int_t)s->bs_bytes)
					: json_null());
}

static void record_numbers(json_t *rec, const struct bench_fio_run *r,
			   const struct bench_fio_job *j, uint64_t run_bytes)
{
	uint64_t cpu = r->fio_cpu_ns;

	/* who drives the mount pays for it: fio and the mount together */
	if (cpu != UINT64_MAX && r->subject->client)
		cpu = r->client_cpu_ns == UINT64_MAX ? UINT64_MAX
						     : cpu + r->client_cpu_ns;
	json_object_set_new(rec, "fio", json_string(r->res.version));
	json_object_set_new(rec, "runtime_ns", number(j->runtime_ns));
	for (int d = 0; d < BENCH_FIO_DDIRS; d++)
		json_object_set_new(rec,
				    bench_fio_ddir_name((enum bench_fio_ddir)d),
				    record_dir(&j->dir[d]));
	json_object_set_new(rec, "sync", bench_record_latency(&j->sync));
	json_object_set_new(rec, "cpu_usr",
			    json_real(j->usr / nwb_max(j->nr, 1u)));
	json_object_set_new(rec, "cpu_sys",
			    json_real(j->sys / nwb_max(j->nr, 1u)));
	json_object_set_new(rec, "run_bytes", number(run_bytes));
	json_object_set_new(rec, "client_cpu_ns", number(cpu));
	json_object_set_new(rec, "server_cpu_ns", number(r->server_cpu_ns));
}

static uint64_t bytes_of(const struct bench_fio_result *res)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < res->nr_jobs; i++)
		for (int d = 0; d < BENCH_FIO_DDIRS; d++)
			sum += res->job[i].dir[d].bytes;
	return sum;
}

int bench_fio_records(const struct bench_fio_setup *s,
		      const struct bench_fio_run *r, struct nwb_store *store,
		      struct nwb_err *err)
{
	const struct bench_fio_file *f = s->file;
	uint64_t bytes = bytes_of(&r->res);
	json_t *rec;
	int rc = 0;

	for (unsigned int i = 0; i < r->res.nr_jobs && r->has_numbers && !rc;
	     i++) {
		const struct bench_fio_job *j = &r->res.job[i];

		rec = record_head(s, r, j->name);
		record_verdict(rec, r, j);
		record_spec(rec, spec_of(f, j->name));
		if (!j->why[0])
			record_numbers(rec, r, j, bytes);
		rc = bench_store_add(store, rec, err);
	}
	/* void for all of them: one record a job of the file */
	for (unsigned int i = 0; i < f->nr_jobs && !r->has_numbers && !rc;
	     i++) {
		bool is_again = false;

		for (unsigned int k = 0; k < i; k++)
			is_again |= !strcmp(f->job[k].name, f->job[i].name);
		if (is_again)
			continue;
		rec = record_head(s, r, f->job[i].name);
		record_verdict(rec, r, NULL);
		record_spec(rec, &f->job[i]);
		rc = bench_store_add(store, rec, err);
	}
	return rc;
}
