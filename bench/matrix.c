/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See matrix.h. */
#include "matrix.h"

#include "nwb/mem.h"
#include <fnmatch.h>
#include <string.h>

static const char *const matrix_workloads[] = {"seq1m", "seq4k", "rand4k",
					       "rewrite"};

static int add_job(struct bench_matrix *m, const struct bench_run_opts *o,
		   unsigned int pair)
{
	char cell[128];

	bench_cell_name(o, cell, sizeof(cell));
	if (m->filter && fnmatch(m->filter, cell, 0))
		return 0;
	m->nr_all++;
	bench_case_key(o, cell, sizeof(cell));
	if (!bench_shard_takes(m->shard, cell))
		return 0;
	if (m->nr == m->room) {
		unsigned int room = m->room ? 2 * m->room : 64;
		struct bench_job *job = nwb_zalloc(room * sizeof(*job));

		if (!job)
			return -ENOMEM;
		if (m->nr)
			memcpy(job, m->job, m->nr * sizeof(*job));
		nwb_free(m->job);
		m->job = job;
		m->room = room;
	}
	m->job[m->nr] = (struct bench_job){
		.run = *o, .pair = pair, .order = m->nr_all - 1};
	m->nr++;
	return 0;
}

/* The members of one group, each once, in random order. */
static int add_group(struct bench_matrix *m, struct bench_run_opts o,
		     const enum nwb_subject_kind *kinds, unsigned int nr,
		     unsigned int pair)
{
	enum nwb_subject_kind k[NWB_SUBJ_KINDS];
	int rc = 0;

	nwb_assert(nr <= NWB_SUBJ_KINDS);
	memcpy(k, kinds, nr * sizeof(*k));
	for (unsigned int i = nr; i > 1; i--) {
		unsigned int j = (unsigned int)(nwb_splitmix64(&m->rnd) % i);
		enum nwb_subject_kind t = k[i - 1];

		k[i - 1] = k[j];
		k[j] = t;
	}
	o.seed = (uint64_t)(uint32_t)nwb_splitmix64(&m->rnd);
	for (unsigned int i = 0; i < nr && !rc; i++) {
		o.subject = k[i];
		o.judge = k[i] != NWB_SUBJ_RAW_HOT;
		rc = add_job(m, &o, pair);
	}
	return rc;
}

static const enum nwb_subject_kind all_kinds[] = {
	NWB_SUBJ_IN_PLACE,
	NWB_SUBJ_TEMP_PAGE,
	NWB_SUBJ_RAW_COLD,
	NWB_SUBJ_RAW_HOT,
};

static int add_clean(struct bench_matrix *m, unsigned int pairs)
{
	int rc = 0;

	for (unsigned int p = 1; p <= pairs; p++)
		for (unsigned int s = 0; s < m->nr_servers; s++)
			for (unsigned int w = 0; w < 4 && !rc; w++) {
				struct bench_run_opts o = {
					.server = m->server[s],
					.workload = nwb_workload_find(
						matrix_workloads[w]),
					.fault = "none",
					.fsyncs = 1,
				};

				/* the limit is taken at one shape */
				rc = add_group(m, o, all_kinds, w ? 2 : 4, p);
			}
	return rc;
}

static int add_fault_round(struct bench_matrix *m, unsigned int f,
			   unsigned int pair)
{
	const struct bench_fault *bf = &bench_faults[f];
	int rc = 0;

	for (unsigned int i = 0; i < 4 * m->nr_servers && !rc; i++) {
		struct bench_run_opts o = {
			.server = m->server[i / 4],
			.workload = nwb_workload_find(matrix_workloads[i % 4]),
			.fault = bf->name,
			.plan = m->plan[f],
			.fsyncs = 2,
			.level = 1,
		};

		if (bf->smbd_only && strcmp(o.server, "smbd"))
			continue;
		rc = add_group(m, o, all_kinds, 2, pair);
	}
	return rc;
}

static int add_faulted(struct bench_matrix *m, unsigned int pairs,
		       struct nwb_err *err)
{
	int rc = 0;

	for (unsigned int f = 1; f < bench_nr_faults && !rc; f++)
		rc = bench_plan_text(bench_faults[f].name, bench_faults[f].text,
				     &m->plan[f], err);
	for (unsigned int p = 1; p <= pairs && !rc; p++)
		for (unsigned int f = 1; f < bench_nr_faults && !rc; f++)
			rc = add_fault_round(m, f, p);
	return rc;
}

int bench_matrix_build(struct bench_matrix *m, unsigned int pairs,
		       unsigned int fault_pairs, uint64_t seed,
		       const char *server, const char *filter,
		       struct bench_shard *shard, struct nwb_err *err)
{
	int rc;

	_Static_assert(NWB_ARRAY_SIZE(m->plan) >= 8, "room for the plans");
	nwb_assert(bench_nr_faults <= NWB_ARRAY_SIZE(m->plan));
	*m = (struct bench_matrix){.rnd = seed,
				   .server = {"smbd", "diod"},
				   .nr_servers = 2,
				   .filter = filter,
				   .shard = shard};
	if (server) {
		m->server[0] = server;
		m->nr_servers = 1;
	}
	rc = add_clean(m, pairs);
	if (!rc)
		rc = add_faulted(m, fault_pairs, err);
	if (rc == -ENOMEM)
		nwb_err_set(err, rc, "no memory for the matrix");
	if (!rc && !m->nr_all)
		rc = nwb_err_set(err, -ENOENT,
				 "--filter %s fits no cell; a "
				 "cell is server.client.workload.fault",
				 filter ? filter : "");
	if (rc)
		bench_matrix_fini(m);
	return rc;
}

void bench_matrix_fini(struct bench_matrix *m)
{
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(m->plan); i++)
		nwb_plan_free(m->plan[i]);
	nwb_free(m->job);
	*m = (struct bench_matrix){0};
}
