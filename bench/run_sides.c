/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verdict on what the client keeps in other places than its server.
 *
 *	mirror		(its own judgement: mirror.c) has what the file has, if
 *			it was not left behind and nobody was told of an error
 *								O1
 *	local cache	what it has is what the server has		O12
 */
#include "bench_i.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE 65536u

static ssize_t read_all(int fd, uint8_t *buf, size_t len, uint64_t pos)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, buf + got, len - got, (off_t)(pos + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* Bytes that differ, a missing one counts. */
static int compare(int fd, int other, struct bench_run_result *res)
{
	static uint8_t a[PIECE], b[PIECE];

	for (uint64_t pos = 0;; pos += PIECE) {
		ssize_t n = read_all(fd, a, PIECE, pos);
		ssize_t m = read_all(other, b, PIECE, pos);

		if (n < 0 || m < 0)
			return n < 0 ? (int)n : (int)m;
		for (ssize_t i = 0; i < nwb_max(n, m); i++) {
			if (i < n && i < m && a[i] == b[i])
				continue;
			if (!res->mirror_wrong++)
				res->mirror_wrong_at = pos + (uint64_t)i;
		}
		if (nwb_max(n, m) < (ssize_t)PIECE)
			return 0;
	}
}

int bench_mirror_compare(struct bench_mirror *m, struct nwb_server *srv,
			 const char *file, struct bench_run_result *res,
			 struct nwb_err *err)
{
	int fd = -1, other = -1, rc;

	/* nothing is known of a client that stands still */
	if (!m->srv || !srv || res->stats.mirror_is_behind ||
	    !res->stats.mirror_bytes)
		return 0;
	rc = nwb_server_open(srv, file, O_RDONLY, &fd, err);
	if (!rc)
		rc = nwb_server_open(m->srv, file, O_RDONLY, &other, err);
	if (!rc) {
		rc = compare(fd, other, res);
		if (rc)
			(void)nwb_err_set(err, rc, "reading %s: %s", file,
					  strerror(-rc));
		res->is_mirror_read = !rc;
	}
	if (fd >= 0)
		close(fd);
	if (other >= 0)
		close(other);
	/* no file there, and none here: nothing was written */
	return rc == -ENOENT ? 0 : rc;
}

void bench_judgement_add(struct nwb_judgement *j, const struct nwb_finding *f)
{
	unsigned int nr = j->nr_findings, at = 0;

	while (at < nr && nwb_verdict_weight(j->finding[at].verdict) >=
				  nwb_verdict_weight(f->verdict))
		at++;
	/* of a full list the lightest goes */
	if (at < NWB_FINDINGS_MAX) {
		nr = nwb_min(nr, NWB_FINDINGS_MAX - 1u);
		memmove(&j->finding[at + 1], &j->finding[at],
			(nr - at) * sizeof(*f));
		j->finding[at] = *f;
		j->nr_findings = nr + 1;
	}
	j->nr_found++;
	j->ran |= 1u << f->oracle;
	if (f->verdict == NWB_FAIL)
		j->failed |= 1u << f->oracle;
	if (nwb_verdict_weight(f->verdict) > nwb_verdict_weight(j->verdict))
		j->verdict = f->verdict;
}

/* Then each of the two may have kept what the other one lost. */
static bool was_told(const struct bench_run_result *res)
{
	return res->work.first_error || res->final_error ||
	       res->work.close_error;
}

void bench_judge_sides(struct bench_run_result *res, uint16_t file_id)
{
	const struct nwb_subject_stats *st = &res->stats;
	struct nwb_finding f = {.verdict = NWB_FAIL,
				.file = file_id,
				.rec_a = UINT64_MAX,
				.rec_b = UINT64_MAX};

	if (res->mirror_wrong && !was_told(res)) {
		f.oracle = 1;
		f.kind = "LOST";
		f.off = res->mirror_wrong_at;
		f.len = res->mirror_wrong;
		snprintf(f.text, sizeof(f.text),
			 "the mirror was not left behind, and %llu of its "
			 "bytes are not the file's, the first at %llu",
			 (unsigned long long)f.len, (unsigned long long)f.off);
		bench_judgement_add(&res->judgement, &f);
	}
	if (st->fscache_wrong) {
		f.oracle = 12;
		f.kind = "STALE-READ";
		f.off = st->fscache_wrong_at;
		f.len = st->fscache_wrong;
		snprintf(f.text, sizeof(f.text),
			 "the local cache gives %llu bytes that the server "
			 "has not, the first at %llu",
			 (unsigned long long)f.len, (unsigned long long)f.off);
		bench_judgement_add(&res->judgement, &f);
	}
}
