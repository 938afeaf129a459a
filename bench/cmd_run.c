/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb run: one run, judged, told in a few lines. */
#include "bench_i.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char about[] =
	"One run: a real server in its own namespaces, the reference client,\n"
	"a workload, the faults of a plan; judged from ledgers.\n\n"
	"  netwb run -e 'cut: on server.write nth=5 after do drop, rst'\n"
	"  netwb run --server diod --client temp-page --fault slow-acks";

static void tell_rule(const char *name, uint64_t hits,
		      const struct nwb_tl_rule *r)
{
	printf("  rule %s: %llu hits", name, (unsigned long long)hits);
	if (r->recovery_ns != NWB_TL_NONE && r->hits)
		printf(", recovery %.3f ms",
		       (double)r->recovery_ns / (double)NWB_MSEC);
	if (r->bytes_again != NWB_TL_NONE && r->bytes_again)
		printf(", sent again %llu bytes",
		       (unsigned long long)r->bytes_again);
	putchar('\n');
}

/* What only some clients do. */
static void tell_client(const struct bench_run_opts *o,
			const struct bench_run_result *r)
{
	if (r->stats.opens != UINT64_MAX)
		printf("  handles: %llu opened, %llu reclaimed, %llu not given "
		       "back; acked bytes sent again %llu\n",
		       (unsigned long long)r->stats.opens,
		       (unsigned long long)r->stats.reclaims,
		       (unsigned long long)r->stats.reclaims_refused,
		       (unsigned long long)r->stats.unstable_resent);
	if (r->stats.channels != UINT64_MAX && r->stats.channels > 1)
		printf("  channels: %llu carried writes, %llu losses while "
		       "another one went on\n",
		       (unsigned long long)r->stats.channels,
		       (unsigned long long)r->stats.channels_lost);
	if (o->flavour || o->hazards) {
		char fired[80];

		bench_hazard_names(r->stats.hazards_fired, fired,
				   sizeof(fired));
		printf("  flavour %s, hazards that fired: %s\n",
		       nwb_flavour_name(o->flavour), fired[0] ? fired : "none");
	}
	bench_client_tell(o, r);
	if (o->vectored)
		printf("  compounds: %llu WRITEs went with others\n",
		       (unsigned long long)r->stats.chained);
	if (r->stats.crypto_bytes)
		printf("  content crypto: units of %u, %llu bytes encrypted, "
		       "%llu folios read for it, %llu units read again\n",
		       o->crypto_unit,
		       (unsigned long long)r->stats.crypto_bytes,
		       (unsigned long long)r->stats.crypto_fills,
		       (unsigned long long)r->stats.crypto_refreshed);
}

static void tell(const struct bench_run_opts *o,
		 const struct bench_run_result *r)
{
	const struct nwb_workload_result *w = &r->work;
	double mib = (double)w->bytes / (double)NWB_MIB;
	double s = (double)w->durable_ns / (double)NWB_SEC;

	printf("%s %s, %s, %s: %.1f MiB in %.3f s to durable = %.0f MiB/s\n",
	       o->server, r->server_version, nwb_subject_kind_name(o->subject),
	       o->workload->name, mib, s, s > 0 ? mib / s : 0.0);
	printf("  isolation %s%s%s%s, I/O %s, signing %s, encryption %s, "
	       "wsize %u\n",
	       r->isolation, r->isolation_why[0] ? " (" : "", r->isolation_why,
	       r->isolation_why[0] ? ")" : "", r->io, r->stats.signing,
	       r->stats.cipher, r->stats.wsize);
	printf("  CPU ns/MiB: client %.0f, server ",
	       (double)w->client_cpu_ns / mib);
	if (r->server_cpu_ns == UINT64_MAX)
		printf("not measured\n");
	else
		printf("%.0f\n", (double)r->server_cpu_ns / mib);
	printf("  %llu RPCs, %llu of them writes; sent %.3f byte per byte "
	       "dirtied\n",
	       (unsigned long long)r->stats.rpcs,
	       (unsigned long long)r->stats.write_rpcs,
	       r->stats.bytes_dirtied ? (double)r->stats.bytes_sent /
						(double)r->stats.bytes_dirtied
				      : 0.0);
	printf("  retries %llu, reconnects %llu, allocations in the window "
	       "%llu\n",
	       (unsigned long long)r->stats.retries,
	       (unsigned long long)r->stats.reconnects,
	       (unsigned long long)w->nr_allocs);
	tell_client(o, r);
	if (r->stats.lost_why[0])
		printf("  the connection lost last: %s\n", r->stats.lost_why);
	for (unsigned int i = 0; i < r->nr_rules; i++)
		tell_rule(o->plan->rule[i].name, r->hits[i],
			  &r->timeline.rule[i]);
	if (r->timeline.nr_bins && r->timeline.drain_ns != NWB_TL_NONE)
		printf("  drain after the heal: %.3f ms\n",
		       (double)r->timeline.drain_ns / (double)NWB_MSEC);
	if (r->nr_died)
		printf("  %s (%u of %u attempts); made again\n", r->died,
		       r->nr_died, r->nr_died + 1);
	fputs(r->capture, stdout);
	if (w->first_error)
		printf("  the application saw %s\n",
		       nwb_errno_name(w->first_error));
}

static int judge_and_tell(const struct bench_run_opts *o,
			  const struct bench_run_result *r)
{
	char reason[256], repro[2560];
	enum nwb_verdict v = bench_verdict(r, o->plan, reason, sizeof(reason));

	for (unsigned int i = 0; i < r->judgement.nr_findings; i++) {
		const struct nwb_finding *f = &r->judgement.finding[i];

		printf("  O%u %s %s: %s\n", f->oracle,
		       nwb_verdict_name(f->verdict), f->kind, f->text);
	}
	printf("verdict: %s%s%s\n", nwb_verdict_name(v), reason[0] ? "  " : "",
	       reason);
	if (bench_explain(r, repro, sizeof(repro)))
		printf("explain: %s\n", repro);
	if (v != NWB_PASS) {
		bench_repro(o, repro, sizeof(repro));
		printf("again: %s\n", repro);
	}
	return nwb_verdict_exit(&v, 1);
}

static void tell_hang(void *arg, const struct bench_run_opts *o,
		      const struct bench_run_result *r)
{
	int code;

	(void)arg;
	printf("%s, %s, %s: the client stands still\n", o->server,
	       nwb_subject_kind_name(o->subject), o->workload->name);
	code = judge_and_tell(o, r);
	fflush(NULL);
	_exit(code);
}

int bench_cmd_run(int argc, char **argv)
{
	struct bench_run_result res;
	struct nwb_err err = {0};
	struct bench_cli c;
	int rc = bench_cli_parse(&c, argc, argv,
				 BENCH_CLI_RUN | BENCH_CLI_PLAN | BENCH_CLI_ONE,
				 about);

	if (rc < 0)
		return rc == -2 ? NWB_EXIT_OK : NWB_EXIT_USAGE;
	if (bench_cli_stray(&c, rc, argc, argv))
		return NWB_EXIT_USAGE;
	rc = bench_interrupt_setup();
	if (rc)
		return NWB_EXIT_BROKEN;
	rc = bench_cli_plan(&c, &err);
	if (rc) {
		fprintf(stderr, "%s\n", err.text);
		bench_cli_fini(&c);
		return NWB_EXIT_USAGE;
	}
	/* raw-hot's payload repeats by design; without a ledger nothing is */
	if (c.run.subject == NWB_SUBJ_RAW_HOT || c.run.no_ledger)
		c.run.judge = false;
	c.run.on_hang = tell_hang;
	c.run.keep_failed = true;
	c.run.results_base = c.out;
	rc = bench_run_one(&c.run, &res, &err);
	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		rc = rc == -EOPNOTSUPP ? NWB_EXIT_USAGE : NWB_EXIT_BROKEN;
	} else {
		if (!res.skip[0])
			tell(&c.run, &res);
		rc = judge_and_tell(&c.run, &res);
	}
	bench_cli_fini(&c);
	return rc;
}
