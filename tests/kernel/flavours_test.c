/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flavours held to the kernels: each recorded workload is run again, by the
 * reference client over a fake server in a simulated world, and what it traces
 * is compared with what the kernel did (docs/kernel-traces.md).
 *
 * Folios are as large as the kernel's would be: cifs takes the size of the
 * write, 9p has pages. Only fsync writes anything back, as in the recording.
 *
 * Where the two part for a listed reason, what the flavour does is kept as well
 * (tests/data/traces/KERNEL/differs): else a new difference could hide behind
 * the listed one. NWB_DIFFERS=DIR writes these anew.
 */
#include "../../kernel/guest/job.h"
#include "nwb/fake.h"
#include "nwb/fs.h"
#include "nwb/ktrace.h"
#include "nwb/netfs_vm.h"
#include "nwb/trace.h"
#include "nwb_test_exec.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define NEVER	  (3000 * NWB_SEC)
#define BUF_BYTES (4u << 20) /* the largest write of a workload */

struct play {
	const struct nwb_ktrace *ref;
	enum nwb_flavour flavour;
	bool is_9p;
	struct job job;
	struct nwb_mount *mnt;
	struct nwb_file *f[JOB_FDS];
	struct nwb_trace *ring;
	uint8_t *buf;
	char wrong[256];
};

static void wrong(struct play *p, const struct job_verb *v, int rc)
{
	if (!p->wrong[0])
		snprintf(p->wrong, sizeof(p->wrong), "line %u: %s", v->line,
			 strerror(-rc));
}

static int play_row(struct play *p, const struct job_verb *v)
{
	struct nwb_file *f = p->f[v->fd];
	ssize_t n;
	int rc = 0;

	for (uint64_t i = 0; i < v->r.count && !rc; i++) {
		uint64_t off = v->r.off + job_at(&v->r, i) * v->r.step;

		n = nwb_file_write(f, p->buf, v->r.len, off);
		if (n != (ssize_t)v->r.len)
			return n < 0 ? (int)n : -EIO;
		if (v->r.fsync_every && (i + 1) % v->r.fsync_every == 0)
			rc = nwb_file_fsync(f);
	}
	return rc;
}

/* The guest maps a page for each store and unmaps it again, upon which 9p
 * writes it (v9fs_mmap_vm_close()). */
static int play_store(struct play *p, const struct job_verb *v)
{
	struct nwb_file *f = p->f[v->fd];
	int rc = 0;

	for (uint64_t i = 0; i < v->r.count && !rc; i++) {
		uint64_t off = v->r.off + job_at(&v->r, i) * v->r.step;
		struct nwb_writeback_control wbc = {
			.sync_mode = NWB_WB_SYNC_ALL,
			.range_start = NWB_ROUND_DOWN(off, 4096ull),
			.range_end = NWB_ROUND_UP(off + v->r.len, 4096ull) - 1,
		};

		rc = nwb_map_store(f, p->buf, v->r.len, off);
		if (!rc && p->is_9p)
			(void)nwb_inode_writepages(nwb_file_inode(f), &wbc);
	}
	return rc;
}

static int play_open(struct play *p, const struct job_verb *v)
{
	uint32_t flags = 0;
	int rc = nwb_mount_open(p->mnt, "f",
				v->flags & O_CREAT ? NWB_O_CREATE : 0, 1,
				&p->f[v->fd], NULL);

	if (v->flags & O_DSYNC)
		flags |= NWB_F_DSYNC;
	if (v->flags & O_DIRECT)
		flags |= NWB_F_DIRECT;
	if (v->flags & O_APPEND)
		flags |= NWB_F_APPEND;
	if (!rc)
		nwb_file_set_flags(p->f[v->fd], flags);
	return rc;
}

static int play_verb(struct play *p, const struct job_verb *v)
{
	switch (v->kind) {
	case JOB_OPEN:
		return play_open(p, v);
	case JOB_WRITE:
	case JOB_APPEND:
		return play_row(p, v);
	case JOB_STORE:
		return play_store(p, v);
	case JOB_MSYNC:
	case JOB_FSYNC:
		return nwb_file_fsync(p->f[v->fd]);
	case JOB_TRUNCATE:
		return nwb_file_truncate(p->f[v->fd], v->nr);
	case JOB_CLOSE:
		return nwb_mount_close(p->mnt, p->f[v->fd]);
	case JOB_DROP: /* nothing is open: nothing is cached */
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static uint32_t wsize_of(const struct nwb_ktrace *ref)
{
	const char *w = strstr(ref->head.mount, "wsize=");

	return w ? (uint32_t)strtoul(w + 6, NULL, 10) : 4 * 1024 * 1024;
}

static int play_mount(struct play *p, struct nwb_exec *ex, struct nwb_fake *srv)
{
	struct nwb_netfs_opts no = {
		.flavour = p->flavour,
		.strategy = NWB_RETRY_COMBINE,
		.trace = p->ring,
		.dirty_kick_bytes = NWB_MIB * 64,
		.dirty_age_ns = NEVER,
		.folio_bytes_max = p->is_9p ? 4096 : 2 * 1024 * 1024,
		.cache_bytes = 24 * NWB_MIB,
		.wsize = p->is_9p ? 0 : wsize_of(p->ref),
		.patience_ns = NWB_NEVER,
	};
	struct nwb_smb2_opts smb = {.dialer = nwb_fake_dialer(srv),
				    .server_name = "fake",
				    .share = "s"};
	struct nwb_p9_opts p9 = {.dialer = nwb_fake_dialer(srv),
				 .aname = "s",
				 .uname = "root",
				 .msize = 65536};

	if (p->is_9p)
		return nwb_mount_9p(ex, &p9, &no, NULL, &p->mnt, NULL);
	return nwb_mount_smb(ex, &smb, &no, NULL, &p->mnt, NULL);
}

static void play_main(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct play *p = te->arg;
	struct nwb_fake_opts fo = {
		.proto = p->is_9p ? NWB_FAKE_9P : NWB_FAKE_SMB2, .share = "s"};
	struct nwb_fake_faults faults = {0};
	struct nwb_fake *srv;
	int rc;

	if (nwb_fake_new(te->ex, &fo, &srv))
		return;
	if (!strcmp(p->ref->head.workload, "cut-retry"))
		faults.reset_at = 3;
	nwb_fake_set_faults(srv, &faults);
	rc = play_mount(p, te->ex, srv);
	if (rc) {
		snprintf(p->wrong, sizeof(p->wrong), "mount: %s",
			 strerror(-rc));
	} else {
		for (unsigned int i = 0; i < p->job.nr_verbs; i++) {
			rc = play_verb(p, &p->job.verb[i]);
			if (rc)
				wrong(p, &p->job.verb[i], rc);
		}
		nwb_mount_free(p->mnt);
	}
	nwb_fake_free(srv);
}

static int add_ring(struct nwb_trace *ring, struct nwb_ktrace *t)
{
	struct nwb_trace_event e;
	uint64_t pos = 0;
	char line[320];
	int rc = 0;

	while (!rc && nwb_trace_next(ring, &pos, &e)) {
		size_t n = nwb_trace_text(&e, line, sizeof(line));

		rc = nwb_ktrace_add_text(t, (struct nwb_ktext){line, n});
	}
	return rc;
}

/* The kernel tells of a request before its length is known, the reference
 * after; what matters is what is submitted. */
static void no_req_len(struct nwb_ktrace *t)
{
	for (size_t i = 0; i < t->nr; i++)
		if (t->step[i].kind == NWB_KS_REQ)
			t->step[i].len = 0;
}

/*
 * Where they part, and why. Each must differ just so: another difference fails,
 * and so does one that is gone and still stands here.
 */
static const struct {
	const char *name;
	const char *differs; /* how the sentence begins */
	const char *kernel;  /* NULL: in both */
} known[] = {
	/* v9fs_fid_add_modes(): O_DSYNC takes the file past the cache
	 * (P9L_NOWRITECACHE), so 9p never has a writethrough; the reference
	 * knows no such mode of a single file */
	{"9p-osync", "the requests, step 1: kernel has \"req 1 UW f1 0+0\", "
		     "flavour has \"req 1 WT f1 0+0\""},
	/* truncate_inode_partial_folio() splits a large folio at the new end,
	 * in smaller pieces in 6.12 than in 7.2; the reference keeps it whole
	 */
	{"cifs-truncate", "request 2: what the issuer does, step 2: kernel has "
			  "\"store 2 10+"},
	/* cifs makes -EAGAIN of every loss of a connection; the reference keeps
	 * the socket's errno. And 6.12 traces a netfs_failure for what it will
	 * retry, too */
	{"cifs-cut-retry", "the life of subrequest 2.1, step 2: kernel has "},
	/* readahead makes folios of four pages there, and a store makes all of
	 * a folio dirty, so that nothing is left out between two stores; the
	 * reference reads what a fault asks for */
	{"cifs-mapped", "request 1: what the issuer does, step ", "6.12."},
};

static const char *known_for(const char *name, const char *kernel)
{
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(known); i++)
		if (!strcmp(known[i].name, name) &&
		    (!known[i].kernel || !strncmp(known[i].kernel, kernel,
						  strlen(known[i].kernel))))
			return known[i].differs;
	return NULL;
}

/* @t is what it was when somebody looked at the difference. */
static void check_kept(const char *dir, const char *name,
		       const struct nwb_ktrace *ref, struct nwb_ktrace *t)
{
	const char *to = getenv("NWB_DIFFERS");
	struct nwb_ktrace kept = {0};
	struct nwb_err err = {0};
	struct nwb_kdiff d;
	char path[512];
	int rc;

	snprintf(path, sizeof(path), "%s/%s/differs/%s.txt",
		 to ? to : TRACES_DIR, dir, name);
	if (to) {
		snprintf(t->head.kernel, sizeof(t->head.kernel), "flavour %s",
			 dir);
		memcpy(t->head.workload, ref->head.workload,
		       sizeof(t->head.workload));
		memcpy(t->head.fs, ref->head.fs, sizeof(t->head.fs));
		nwb_check_eq(nwb_ktrace_save(t, path, &err), 0);
	}
	nwb_check_eq(nwb_ktrace_load(path, &kept, &err), 0);
	rc = nwb_ktrace_diff(&kept, "kept", t, "flavour", NULL, &d);
	if (rc)
		fprintf(stderr, "%s: %s\n", path, d.text);
	nwb_check_eq(rc, 0);
	nwb_ktrace_fini(&kept);
}

static void check_one(const char *dir, const char *name,
		      const struct nwb_ktrace *ref, struct nwb_ktrace *t)
{
	const char *differs = known_for(name, ref->head.kernel);
	struct nwb_kdiff d = {.text = "the same"};
	int rc = nwb_ktrace_diff(ref, "kernel", t, "flavour", NULL, &d);

	nwb_check(rc >= 0);
	if (differs ? strncmp(d.text, differs, strlen(differs)) != 0 : rc != 0)
		fprintf(stderr, "%s of %s: %s\n", name, ref->head.kernel,
			d.text);
	if (!differs) {
		nwb_check_eq(rc, 0);
		return;
	}
	nwb_check(!strncmp(d.text, differs, strlen(differs)));
	check_kept(dir, name, ref, t);
}

/* What the flavour does with the reference's workload. */
static void compare(const char *dir, enum nwb_flavour flavour, const char *fs,
		    const char *workload)
{
	struct nwb_ktrace ref = {0}, t = {0};
	struct nwb_err err = {0};
	struct play p = {.ref = &ref, .flavour = flavour};
	char path[512], name[64], why[256], *text;

	snprintf(name, sizeof(name), "%s-%s", fs, workload);
	snprintf(path, sizeof(path), "%s/%s/%s.gz", TRACES_DIR, dir, name);
	nwb_check_eq(nwb_ktrace_load(path, &ref, &err), 0);
	p.is_9p = !strcmp(fs, "9p");
	nwb_check(asprintf(&text,
			   "key 00112233445566778899aabbccddeeff\n"
			   "file 1 /mnt/f\n%s",
			   ref.head.job) > 0);
	nwb_check_eq(job_parse(text, strlen(text), &p.job, why, sizeof(why)),
		     0);
	p.ring = nwb_trace_new(1 << 16);
	p.buf = calloc(1, BUF_BYTES);
	nwb_check(p.ring && p.buf);
	nwb_check_eq(nwb_test_on_seed(1, play_main, &p, NULL, &err), 0);
	nwb_check_streq(p.wrong, "");
	nwb_check_eq(add_ring(p.ring, &t), 0);
	no_req_len(&ref);
	no_req_len(&t);
	check_one(dir, name, &ref, &t);
	nwb_ktrace_fini(&ref);
	nwb_ktrace_fini(&t);
	nwb_trace_free(p.ring);
	job_fini(&p.job);
	free(p.buf);
	free(text);
}

static void compare_all(const char *dir, enum nwb_flavour flavour)
{
	static const char *const on_both[] = {
		"append",    "fsync",	 "mapped",    "osync",
		"rand-1m",   "rand-4k",	 "seq-1m",    "seq-4k",
		"streaming", "truncate", "unaligned",
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(on_both); i++) {
		compare(dir, flavour, "cifs", on_both[i]);
		compare(dir, flavour, "9p", on_both[i]);
	}
	compare(dir, flavour, "cifs", "direct");
	compare(dir, flavour, "cifs", "small-wsize");
	compare(dir, flavour, "cifs", "cut-retry");
	compare(dir, flavour, "9p", "short-write");
}

NWB_TEST(flavours, s4_linux_6_12_does_what_6_12_did)
{
	compare_all("linux-6.12", NWB_LINUX_6_12);
}

NWB_TEST(flavours, s4_linux_7_2_does_what_7_2_did)
{
	compare_all("linux-7.2", NWB_LINUX_7_2);
}
