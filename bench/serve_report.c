/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What came of a `netwb serve`: for people, and as JSON lines. */
#include "serve_i.h"

#include "nwb/p9_pdu.h"
#include "nwb/smb2_pdu.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HITS_TOLD 8u

typedef unsigned long long ull;

static const char *command_name(const struct serve *s, const struct nwb_lrec *r)
{
	return s->is_9p ? nwb_p9_type_name((uint8_t)r->cmd)
			: nwb_smb2_command_name(r->cmd);
}

/* Names come from a client, and go to a terminal and into JSON. */
static const char *file_name(const struct serve *s, uint16_t id, char buf[64])
{
	const struct nwb_ledger_hdr *h = s->l.ledger.hdr;

	buf[0] = 0;
	for (uint32_t i = 0; id && i < h->nr_files && i < NWB_LEDGER_FILES; i++)
		if (h->file[i].id == id)
			snprintf(buf, 64, "%s", h->file[i].name);
	for (char *p = buf; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return buf;
}

/* "WRITE MessageId 12 on connection 40112, put.bin 8388608+1048576" */
static void name_pdu(const struct serve *s, const struct nwb_lrec *r, char *buf,
		     size_t size)
{
	char name[64];
	const char *file = file_name(s, r->file, name);
	int n = snprintf(buf, size, "%s %s %llu, connection %u",
			 command_name(s, r), s->is_9p ? "tag" : "MessageId",
			 (ull)r->mid, r->conn);

	if (file[0] && n > 0 && (size_t)n < size)
		n += snprintf(buf + n, size - (size_t)n, ", %s", file);
	if (r->len && n > 0 && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, " offset %llu length %llu",
			 (ull)r->off, (ull)r->len);
}

static double seconds(const struct serve_wire *w, const struct nwb_lrec *r)
{
	return r->t_begin < w->t0
		       ? 0.0
		       : (double)(r->t_begin - w->t0) / (double)NWB_SEC;
}

static void tell_hits(const struct serve *s, const struct serve_wire *w,
		      unsigned int rule)
{
	const struct nwb_ledger_hdr *h = s->l.ledger.hdr;
	uint64_t nr = nwb_ledger_count(&s->l.ledger), told = 0, hits;
	char what[160], pdu[256];

	hits = nwb_fc_hits(s->l.page, rule);
	nwb_plan_print_actions(&s->cli.plan->rule[rule], what, sizeof(what));
	fprintf(s->out, "rule %s: %llu %s (%s)\n", s->cli.plan->rule[rule].name,
		(ull)hits, hits == 1 ? "hit" : "hits", what);
	for (uint64_t i = 0; i < nr; i++) {
		const struct nwb_lrec *r = &h->slot[i];

		if (r->kind != NWB_L_FAULT || r->rule != rule)
			continue;
		/* the first ones and the last one */
		if (++told >= HITS_TOLD && told < hits) {
			if (told == HITS_TOLD)
				fprintf(s->out, "    ...\n");
			continue;
		}
		name_pdu(s, r, pdu, sizeof(pdu));
		fprintf(s->out, "  %llu: %.3f s, %s\n", (ull)r->aux,
			seconds(w, r), pdu);
	}
}

static void tell_findings(const struct serve *s, const struct serve_wire *w)
{
	const struct nwb_ledger_hdr *h = s->l.ledger.hdr;
	uint64_t nr = nwb_ledger_count(&s->l.ledger);
	char pdu[256];

	for (unsigned int i = 0; i < s->judgement.nr_findings; i++) {
		const struct nwb_finding *f = &s->judgement.finding[i];

		fprintf(s->out, "O%u %s %s: %s\n", f->oracle,
			nwb_verdict_name(f->verdict), f->kind, f->text);
		if (f->rec_a >= nr || h->slot[f->rec_a].conn == 0)
			continue;
		name_pdu(s, &h->slot[f->rec_a], pdu, sizeof(pdu));
		fprintf(s->out, "  %.3f s, %s\n",
			seconds(w, &h->slot[f->rec_a]), pdu);
	}
	if (s->judgement.nr_found > s->judgement.nr_findings)
		fprintf(s->out, "  and %llu more\n",
			(ull)(s->judgement.nr_found -
			      s->judgement.nr_findings));
}

static void tell_judged(const struct serve *s, const struct serve_wire *w)
{
	const struct nwb_ledger_hdr *h = s->l.ledger.hdr;

	fprintf(s->out, "judged:%s\n",
		w->nr_requests || s->judgement.ran & 1u << 11 ? ""
							      : " nothing");
	if (w->nr_requests)
		fprintf(s->out, "  O7   protocol: %llu requests on %llu %s\n",
			(ull)w->nr_requests, (ull)w->nr_conns,
			w->nr_conns == 1 ? "connection" : "connections");
	if (s->judgement.ran & 1u << 11)
		fprintf(s->out, "  O11  what each rule hit, and what was at "
				"stake then\n");
	fprintf(s->out,
		"not judged:\n"
		"%s%s"
		"  O1 O2 O3 O5 O6 O8 O9 O10 O12 O15  no intent ledger\n"
		"  O4 O13 O14  the inside of the client is not seen\n",
		w->nr_requests ? "" : "  O7   no client talked\n",
		s->judgement.ran & 1u << 11 ? "" : "  O11  no rules\n");
	if (h->unnamed)
		fprintf(s->out,
			"  O11's stakes: more than %u files, which are not "
			"told "
			"apart\n",
			NWB_LEDGER_FILES);
}

static void tell_command(const struct serve *s)
{
	int st = s->wait_status;

	if (!s->command)
		return;
	if (!s->has_command_ended)
		fprintf(s->out, "command: was still running\n");
	else if (WIFSIGNALED(st))
		fprintf(s->out, "command: killed by signal %d\n", WTERMSIG(st));
	else
		fprintf(s->out, "command: exit %d\n", WEXITSTATUS(st));
}

void serve_report(const struct serve *s)
{
	struct serve_wire w;

	serve_look_at_wire(s, &w);
	fprintf(s->out,
		"%s %s: %llu writes, %.1f MiB, %llu flushes; %llu %s cut\n",
		s->server, s->server_version, (ull)w.nr_writes,
		(double)w.bytes_written / (double)NWB_MIB, (ull)w.nr_flushes,
		(ull)w.nr_cuts, w.nr_cuts == 1 ? "connection" : "connections");
	for (unsigned int i = 0; s->cli.plan && i < s->cli.plan->nr_rules; i++)
		tell_hits(s, &w, i);
	tell_findings(s, &w);
	fputs(s->capture_text, s->out);
	if (s->mount)
		mount_tell_judged(s);
	else
		tell_judged(s, &w);
	tell_command(s);
	fprintf(s->out, "verdict: %s%s%s\n", nwb_verdict_name(s->verdict),
		s->reason[0] ? "  " : "", s->reason);
	if (s->results[0])
		fprintf(s->out, "kept: %s\n", s->results);
	fflush(s->out);
}

/* --- kept ----------------------------------------------------------------- */

static json_t *json_of(const struct serve *s, const struct serve_wire *w,
		       const struct nwb_lrec *r)
{
	char name[64];

	return json_pack("{s:f,s:s,s:I,s:I,s:s,s:I,s:I}", "t_s", seconds(w, r),
			 "command", command_name(s, r), "id",
			 (json_int_t)r->mid, "conn", (json_int_t)r->conn,
			 "file", file_name(s, r->file, name), "off",
			 (json_int_t)r->off, "len", (json_int_t)r->len);
}

static int put_line(FILE *f, json_t *o)
{
	int rc = o ? json_dumpf(o, f, JSON_COMPACT) : -1;

	json_decref(o);
	return rc || putc('\n', f) == EOF ? -EIO : 0;
}

static int put_head(FILE *f, const struct serve *s, const struct serve_wire *w)
{
	return put_line(
		f,
		json_pack("{s:i,s:s,s:s,s:s,s:s,s:b,s:I,s:I,s:I,s:I,s:I}", "v",
			  1, "type", "serve", "server", s->server, "version",
			  s->server_version, "isolation", s->isolation, "9p",
			  s->is_9p, "connections", (json_int_t)w->nr_conns,
			  "requests", (json_int_t)w->nr_requests, "writes",
			  (json_int_t)w->nr_writes, "bytes",
			  (json_int_t)w->bytes_written, "cuts",
			  (json_int_t)w->nr_cuts));
}

static int put_hits(FILE *f, const struct serve *s, const struct serve_wire *w)
{
	const struct nwb_ledger_hdr *h = s->l.ledger.hdr;
	uint64_t nr = nwb_ledger_count(&s->l.ledger);
	int rc = 0;

	for (uint64_t i = 0; i < nr && !rc; i++) {
		const struct nwb_lrec *r = &h->slot[i];

		if (r->kind != NWB_L_FAULT || !s->cli.plan ||
		    r->rule >= s->cli.plan->nr_rules)
			continue;
		rc = put_line(f, json_pack("{s:i,s:s,s:s,s:I,s:o}", "v", 1,
					   "type", "hit", "rule",
					   s->cli.plan->rule[r->rule].name,
					   "hit", (json_int_t)r->aux, "pdu",
					   json_of(s, w, r)));
	}
	return rc;
}

static int put_findings(FILE *f, const struct serve *s,
			const struct serve_wire *w)
{
	const struct nwb_ledger_hdr *h = s->l.ledger.hdr;
	uint64_t nr = nwb_ledger_count(&s->l.ledger);
	int rc = 0;

	for (unsigned int i = 0; i < s->judgement.nr_findings && !rc; i++) {
		const struct nwb_finding *x = &s->judgement.finding[i];

		rc = put_line(
			f, json_pack("{s:i,s:s,s:i,s:s,s:s,s:s,s:o}", "v", 1,
				     "type", "finding", "oracle", x->oracle,
				     "verdict", nwb_verdict_name(x->verdict),
				     "kind", x->kind, "text", x->text, "pdu",
				     x->rec_a < nr
					     ? json_of(s, w, &h->slot[x->rec_a])
					     : json_null()));
	}
	return rc;
}

static int put_end(FILE *f, const struct serve *s)
{
	json_t *end = json_pack("{s:i,s:s,s:s,s:s}", "v", 1, "type", "verdict",
				"verdict", nwb_verdict_name(s->verdict),
				"reason", s->reason);

	if (s->has_command_ended && WIFEXITED(s->wait_status))
		json_object_set_new(end, "command_exit",
				    json_integer(WEXITSTATUS(s->wait_status)));
	return put_line(f, end);
}

int serve_keep(struct serve *s, struct nwb_err *err)
{
	char path[4200];
	struct serve_wire w;
	FILE *f;
	int rc;

	if (!s->results[0])
		return 0;
	snprintf(path, sizeof(path), "%s/serve.ledger", s->results);
	rc = bench_keep_ledger(&s->l.ledger, path, err);
	if (rc)
		return rc;
	serve_look_at_wire(s, &w);
	snprintf(path, sizeof(path), "%s/serve.jsonl", s->results);
	f = fopen(path, "wxe");
	if (!f)
		return nwb_err_set(err, -errno, "%s: %s", path,
				   strerror(errno));
	rc = put_head(f, s, &w);
	if (!rc)
		rc = put_hits(f, s, &w);
	if (!rc)
		rc = put_findings(f, s, &w);
	if (!rc)
		rc = put_end(f, s);
	if (fclose(f))
		rc = -EIO;
	return rc ? nwb_err_set(err, rc, "%s: cannot be written", path) : 0;
}
