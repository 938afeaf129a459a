/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "needs FEATURE" of a plan: what is not there makes a SKIP with the reason;
 * what nobody knows is an error, never skipped in silence.
 */
#include "bench_i.h"

#include <stdio.h>
#include <string.h>

static bool has_io_uring(void)
{
	struct nwb_exec *ex;
	bool has;

	if (nwb_exec_real_new(NULL, &ex, NULL))
		return false;
	has = !strcmp(nwb_exec_io_name(ex), "io_uring");
	nwb_exec_free(ex);
	return has;
}

/* At least that much isolation: the run will get the same. */
static bool is_isolated(const struct bench_run_opts *o,
			enum nwb_isolation least)
{
	enum nwb_isolation step;
	char why[96];

	return !nwb_isolation_try(o->isolation, &step, why, sizeof(why),
				  NULL) &&
	       step <= least;
}

static int check_need(const struct bench_run_opts *o, const char *need,
		      char *why, size_t size, struct nwb_err *err)
{
	bool ok;

	if (!strcmp(need, "shim") || !strcmp(need, "volatile"))
		ok = !o->no_shim;
	else if (!strcmp(need, "ns"))
		ok = is_isolated(o, NWB_ISOLATION_NS);
	else if (!strcmp(need, "userns"))
		ok = is_isolated(o, NWB_ISOLATION_USERNS);
	else if (!strcmp(need, "signing"))
		ok = bench_signs(o);
	else if (!strcmp(need, "io_uring"))
		ok = has_io_uring();
	else
		return nwb_err_set(err, -EOPNOTSUPP,
				   "plan %s needs \"%s\", which nothing here "
				   "can tell",
				   o->plan->name, need);
	if (ok)
		return 0;
	snprintf(why, size, "the plan needs %s", need);
	return 1;
}

/* Some servers want more isolation than there is. */
static int check_server(const struct bench_run_opts *o, char *why, size_t size)
{
	enum nwb_isolation step;
	struct nwb_err err = {0};
	char reason[96];

	if (bench_is_fake(o->server) ||
	    !nwb_server_check_step(o->server, NWB_ISOLATION_NONE, NULL) ||
	    nwb_isolation_try(o->isolation, &step, reason, sizeof(reason),
			      NULL) ||
	    !nwb_server_check_step(o->server, step, &err))
		return 0;
	snprintf(why, size, "%s", err.text);
	return 1;
}

int bench_opts_check(const struct bench_run_opts *o, struct nwb_err *err)
{
	int rc = bench_client_check(o, err);

	if (!rc && o->workload &&
	    nwb_workload_check(o->workload, o->bytes, err))
		rc = -EOPNOTSUPP;
	return rc;
}

int bench_needs(const struct bench_run_opts *o, char *why, size_t size,
		struct nwb_err *err)
{
	int rc = bench_opts_check(o, err);

	if (rc)
		return rc;
	rc = check_server(o, why, size);
	if (!rc && o->second_user && !is_isolated(o, NWB_ISOLATION_USERNS)) {
		snprintf(why, size, "a second user needs namespaces");
		rc = 1;
	}
	for (unsigned int i = 0; o->plan && i < o->plan->nr_needs && !rc; i++)
		rc = check_need(o, o->plan->needs[i], why, size, err);
	return rc;
}
