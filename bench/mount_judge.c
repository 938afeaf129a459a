/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the shadow knows, in the words of the oracles.
 *
 * A command that was not told of an error is owed everything that it did; the
 * shadow has it. A file system that nobody used proves nothing about content,
 * but the command decides what it does: that is told, not judged.
 */
#include "mount_i.h"
#include "serve_i.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef unsigned long long ull;

static bool is_clients_own(const char *name)
{
	return !strncmp(name, NWB_NS_GONE, strlen(NWB_NS_GONE));
}

void mount_compare(struct serve *s)
{
	struct bench_mount *m = s->mount;
	struct nwb_err err = {0};
	int fd, rc;

	if (!m->shadow || !m->stats.nr_requests)
		return;
	rc = nwb_server_open(s->srv, ".", O_RDONLY | O_DIRECTORY, &fd, &err);
	if (!rc) {
		rc = nwb_shadow_compare(m->shadow, fd, is_clients_own, &err);
		close(fd);
	}
	if (rc && !m->trouble[0])
		snprintf(m->trouble, sizeof(m->trouble), "%.180s", err.text);
	if (nwb_shadow_trouble(m->shadow) && !m->trouble[0])
		snprintf(m->trouble, sizeof(m->trouble), "%.180s",
			 nwb_shadow_trouble(m->shadow));
	nwb_shadow_get_stats(m->shadow, &m->compared);
}

/* Before the others: nothing weighs more than lost data. */
static void add_findings(struct nwb_judgement *j,
			 const struct nwb_shadow_finding *f, unsigned int nr,
			 uint64_t found)
{
	unsigned int keep = nwb_min(j->nr_findings, NWB_FINDINGS_MAX - nr);

	memmove(j->finding + nr, j->finding, keep * sizeof(*j->finding));
	for (unsigned int i = 0; i < nr; i++) {
		j->finding[i] = (struct nwb_finding){
			.oracle = f[i].oracle,
			.verdict = NWB_FAIL,
			.kind = f[i].kind,
			.off = f[i].off,
			.len = f[i].len,
			.rec_a = UINT64_MAX,
			.rec_b = UINT64_MAX,
		};
		snprintf(j->finding[i].text, sizeof(j->finding[i].text),
			 "%.90s:%llu: %.80s", f[i].path[0] ? f[i].path : "/",
			 (ull)f[i].off, f[i].text);
		j->failed |= 1u << f[i].oracle;
	}
	j->nr_findings = keep + nr;
	j->nr_found += found;
	j->verdict = NWB_FAIL;
}

void mount_judge(struct serve *s)
{
	const struct nwb_shadow_finding *f;
	struct nwb_judgement *j = &s->judgement;
	struct bench_mount *m = s->mount;
	uint64_t found;
	unsigned int nr;

	if (!m->shadow)
		return;
	nr = nwb_shadow_findings(m->shadow, &f, &found);
	j->ran |= 1u << 1 | 1u << 2 | 1u << 9 | 1u << 12;
	if (nr)
		add_findings(j, f, nr, found);
	if (m->trouble[0] && !s->trouble[0])
		snprintf(s->trouble, sizeof(s->trouble), "%s", m->trouble);
}

static void tell_details(const struct serve *s)
{
	const struct nwb_shadow_finding *f;
	uint64_t found;
	unsigned int nr;

	nr = nwb_shadow_findings(s->mount->shadow, &f, &found);
	for (unsigned int i = 0; i < nr; i++)
		if (f[i].detail[0])
			fprintf(s->out, "%s:%llu\n%s", f[i].path, (ull)f[i].off,
				f[i].detail);
}

void mount_tell_judged(const struct serve *s)
{
	const struct bench_mount *m = s->mount;
	const struct nwb_shadow_stats *c = &m->compared;
	const struct nwb_fuse_stats *f = &m->stats;

	fprintf(s->out,
		"mount: %llu requests, %llu writes %.1f MiB, %llu reads %.1f "
		"MiB, %llu fsyncs, %llu errors\n"
		"client %s: %llu WRITEs %.1f MiB, %llu sent again, %llu "
		"reconnects\n",
		(ull)f->nr_requests, (ull)f->nr_writes,
		(double)f->bytes_written / (double)NWB_MIB, (ull)f->nr_reads,
		(double)f->bytes_read / (double)NWB_MIB, (ull)f->nr_fsyncs,
		(ull)f->nr_errors, mount_subject(s), (ull)m->client.write_rpcs,
		(double)m->client.bytes_sent / (double)NWB_MIB,
		(ull)m->client.retries, (ull)m->client.reconnects);
	if (!f->has_mmap)
		fprintf(s->out, "  this kernel has no MAP_SHARED for direct "
				"files\n");
	if (m->shadow)
		tell_details(s);
	fprintf(s->out, "judged:\n");
	if (m->shadow)
		fprintf(s->out,
			"  O1 O2 O9  %llu files, %llu directories, %llu links: "
			"%.1f MiB on the server compared\n"
			"  O12  %llu reads, %.1f MiB; %llu raced with a "
			"write\n",
			(ull)c->nr_files, (ull)c->nr_dirs, (ull)c->nr_links,
			(double)c->bytes / (double)NWB_MIB, (ull)c->nr_reads,
			(double)c->bytes_read / (double)NWB_MIB,
			(ull)c->nr_reads_raced);
	if (c->bytes_released || c->nr_doubtful)
		fprintf(s->out,
			"       after errors unknown, not compared: %llu "
			"bytes, %llu names\n",
			(ull)c->bytes_released, (ull)c->nr_doubtful);
	fprintf(s->out, "  O7   protocol\n%s",
		s->judgement.ran & 1u << 11
			? "  O11  what each rule hit, and what was at stake "
			  "then\n"
			: "");
	fprintf(s->out,
		"not judged:\n%s"
		"  O3 O4 O5 O6 O10 O13 O14 O15  need a workload of netwb's "
		"own: netwb run\n",
		m->shadow ? "" : "  O1 O2 O9 O12  no shadow was kept\n");
}

int mount_exit(const struct serve *s)
{
	if (!s->command || !s->has_command_ended ||
	    (WIFEXITED(s->wait_status) && !WEXITSTATUS(s->wait_status)))
		return NWB_EXIT_OK;
	fprintf(s->out, "the file system passed, the command failed\n");
	return NWB_EXIT_FAIL;
}
