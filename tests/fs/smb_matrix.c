/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every cell of dialect x signing x encryption x cache mode x channels, on one
 * real smbd: a small file is written, flushed and compared, or the cell is
 * refused and says why. The result is a page of docs/; with --compare the page
 * must be what the run found.
 *
 *	smb_matrix [--only CELL] [--write FILE | --compare FILE]
 *
 * A cell is named DIALECT.SIGNING.ENCRYPTION.CACHE.CHANNELS, for example
 * 3.1.1.gmac.on.strict.2.
 */
#include "nwb/auth.h"
#include "nwb/exec.h"
#include "nwb/fs.h"
#include "nwb/server.h"
#include "nwb/smb2.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES	    200000u /* no multiple of anything */
#define PAGE_BYTES  65536u
#define REASONS_MAX 32u
#define NR_DIALECTS 4u
#define NR_SIGNS    4u
#define NR_ENCS	    2u
#define NR_CACHES   3u
#define NR_CHANS    2u
#define NR_ROWS	    (NR_DIALECTS * NR_SIGNS * NR_ENCS)
#define NR_COLS	    (NR_CACHES * NR_CHANS)

static const struct {
	const char *name;
	uint16_t dialect;
} dialects[NR_DIALECTS] = {{"2.0.2", 0x0202},
			   {"2.1", 0x0210},
			   {"3.0.2", 0x0302},
			   {"3.1.1", 0x0311}};

static const struct {
	const char *name;
	bool sign;
	enum nwb_smb2_signing how;
	const char *alg;
} signs[NR_SIGNS] = {
	{"none", false, NWB_SIGNING_BEST, "none"},
	{"hmac", true, NWB_SIGNING_HMAC, "HMAC-SHA256"},
	{"cmac", true, NWB_SIGNING_CMAC, "AES-CMAC"},
	{"gmac", true, NWB_SIGNING_GMAC, "AES-GMAC"},
};

static const struct {
	const char *name;
	enum nwb_smb2_encryption how;
} encs[NR_ENCS] = {{"off", NWB_ENCRYPT_AUTO}, {"on", NWB_ENCRYPT_ON}};

static const struct {
	const char *name;
	enum nwb_cache_mode mode;
} caches[NR_CACHES] = {
	{"none", NWB_CACHE_NONE},
	{"strict", NWB_CACHE_STRICT},
	{"loose", NWB_CACHE_LOOSE},
};

/**
 * struct cell - what is tried, and what came of it.
 * @reason: why it was refused; "": it works
 * @wrong: what it did that it must not; "": nothing
 */
struct cell {
	unsigned int dialect, sign, enc, cache, chans;
	char name[40];
	bool was_run;
	char reason[480];
	char wrong[480];
};

struct matrix {
	struct nwb_dialer dialer;
	struct nwb_server *srv;
	struct nwb_server_info info;
	struct nwb_exec *ex;
	const char *only;
	uint8_t data[BYTES];
	uint8_t back[BYTES + 1];
	struct cell cell[NR_ROWS][NR_COLS];
	unsigned int nr_works, nr_refused, nr_wrong;
};

static struct matrix matrix;

static int dial_to(struct nwb_dialer *d, struct nwb_exec *ex, uint32_t addr,
		   struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct matrix *m = nwb_container_of(d, struct matrix, dialer);
	int fd, rc = nwb_server_dial_to(m->srv, addr, &fd, err);

	return rc ? rc : nwb_sock_from_fd(ex, fd, ret_sock);
}

static int dial(struct nwb_dialer *d, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	return dial_to(d, ex, NWB_SERVER_ADDR, ret_sock, err);
}

static void wrong(struct cell *c, const char *what)
{
	if (!c->wrong[0])
		snprintf(c->wrong, sizeof(c->wrong), "%s", what);
}

/* Is the session what was asked for? */
static void check_session(struct cell *c, struct nwb_smb2 *smb2)
{
	bool on = encs[c->enc].how == NWB_ENCRYPT_ON;
	struct nwb_smb2_stats st;
	const char *cipher;

	nwb_smb2_get_stats(smb2, &st);
	cipher = !on			? "none"
		 : st.dialect == 0x0311 ? "AES-128-GCM"
					: "AES-128-CCM";
	if (st.dialect != dialects[c->dialect].dialect)
		wrong(c, "another dialect");
	/* what is encrypted is not signed as well */
	if (strcmp(st.signing_alg, on ? "none" : signs[c->sign].alg) != 0)
		wrong(c, "another signature");
	if (strcmp(st.cipher, cipher) != 0)
		wrong(c, "another cipher");
	if (st.nr_channels != c->chans)
		wrong(c, "another number of channels");
	if (st.lost_why[0])
		wrong(c, st.lost_why);
}

/* What smbd's file has in it, seen from the server's side. */
static void check_export(struct matrix *m, struct cell *c, const char *name)
{
	struct nwb_err err = {0};
	ssize_t n;
	int fd;

	if (nwb_server_open(m->srv, name, O_RDONLY, &fd, &err)) {
		wrong(c, err.text);
		return;
	}
	n = pread(fd, m->back, sizeof(m->back), 0);
	close(fd);
	if (n != BYTES || memcmp(m->back, m->data, BYTES) != 0)
		wrong(c, "the export has other bytes");
}

static void transfer(struct matrix *m, struct cell *c, struct nwb_mount *mnt)
{
	struct nwb_err err = {0};
	struct nwb_file *f;
	char name[48];

	snprintf(name, sizeof(name), "%s", c->name);
	if (nwb_mount_open(mnt, name, NWB_O_CREATE | NWB_O_TRUNC, 1, &f,
			   &err)) {
		wrong(c, err.text);
		return;
	}
	/* a first and a last piece that overlap what is between them */
	if (nwb_file_write(f, m->data, 70000, 0) != 70000 ||
	    nwb_file_write(f, m->data + 60001, BYTES - 60001, 60001) !=
		    BYTES - 60001)
		wrong(c, "write failed");
	if (nwb_file_fsync(f))
		wrong(c, "fsync failed");
	check_export(m, c, name);
	memset(m->back, 0, sizeof(m->back));
	if (nwb_file_read(f, m->back, BYTES, 0) != BYTES ||
	    memcmp(m->back, m->data, BYTES) != 0)
		wrong(c, "other bytes were read back");
	check_session(c, nwb_mount_smb2(mnt));
	if (nwb_mount_close(mnt, f))
		wrong(c, "close failed");
}

static void run_cell(struct matrix *m, struct cell *c)
{
	struct nwb_smb2_opts so = {
		.dialer = &m->dialer,
		.auth = nwb_auth_gssapi(),
		.server_name = "netwb",
		.share = m->info.share,
		.user = m->info.user,
		.password = m->info.password,
		.domain = "",
		.dialect = dialects[c->dialect].dialect,
		.sign = signs[c->sign].sign,
		.signing = signs[c->sign].how,
		.encryption = encs[c->enc].how,
		.channels = c->chans,
		.timeout_ns = 20 * NWB_SEC,
	};
	struct nwb_netfs_opts no = {
		.mode = NWB_IN_PLACE,
		.cache_mode = caches[c->cache].mode,
		.wsize = 64 * NWB_KIB,
		.cache_bytes = 4 * NWB_MIB,
		.patience_ns = 20 * NWB_SEC,
	};
	struct nwb_err err = {0};
	struct nwb_mount *mnt;
	int rc = nwb_mount_smb(m->ex, &so, &no, NULL, &mnt, &err);

	c->was_run = true;
	if (!rc) {
		transfer(m, c, mnt);
		nwb_mount_free(mnt);
	} else {
		snprintf(c->reason, sizeof(c->reason), "%s", err.text);
		/* whatever else went wrong is no property of the cell */
		if (rc != -EOPNOTSUPP)
			wrong(c, err.text);
	}
	m->nr_wrong += c->wrong[0] != 0;
	m->nr_refused += c->reason[0] != 0;
	m->nr_works += !c->wrong[0] && !c->reason[0];
}

static void run_all(void *arg)
{
	struct matrix *m = arg;

	for (unsigned int r = 0; r < NR_ROWS; r++)
		for (unsigned int i = 0; i < NR_COLS; i++) {
			struct cell *c = &m->cell[r][i];

			c->dialect = r / (NR_SIGNS * NR_ENCS);
			c->sign = r / NR_ENCS % NR_SIGNS;
			c->enc = r % NR_ENCS;
			c->cache = i % NR_CACHES;
			c->chans = 1 + i / NR_CACHES;
			snprintf(c->name, sizeof(c->name), "%s.%s.%s.%s.%u",
				 dialects[c->dialect].name, signs[c->sign].name,
				 encs[c->enc].name, caches[c->cache].name,
				 c->chans);
			if (m->only && strcmp(m->only, c->name) != 0)
				continue;
			run_cell(m, c);
			if (c->wrong[0])
				fprintf(stderr, "%s: %s\n", c->name, c->wrong);
			else if (m->only)
				printf("%s: %s\n", c->name,
				       c->reason[0] ? c->reason : "works");
		}
}

/* --- the page ------------------------------------------------------------- */

/* The number of @reason among those that were met, from 1. */
static unsigned int number_of(const char *reason, const char *list[REASONS_MAX],
			      unsigned int *nr)
{
	for (unsigned int i = 0; i < *nr; i++)
		if (!strcmp(list[i], reason))
			return i + 1;
	nwb_assert(*nr < REASONS_MAX);
	list[(*nr)++] = reason;
	return *nr;
}

static void print_row(FILE *f, const struct matrix *m, unsigned int r,
		      const char *list[REASONS_MAX], unsigned int *nr)
{
	const struct cell *c = m->cell[r];

	fprintf(f, "| %s | %s | %s |", dialects[c->dialect].name,
		signs[c->sign].name, encs[c->enc].name);
	for (unsigned int i = 0; i < NR_COLS; i++) {
		if (c[i].wrong[0])
			fprintf(f, " **broken** |");
		else if (c[i].reason[0])
			fprintf(f, " refused (%u) |",
				number_of(c[i].reason, list, nr));
		else
			fprintf(f, " works |");
	}
	fputc('\n', f);
}

static void print_page(FILE *f, const struct matrix *m)
{
	const char *list[REASONS_MAX];
	unsigned int nr = 0;

	fprintf(f,
		"# SMB: what works with what\n\n"
		"Every cell was run on smbd %s: a file is written, flushed, "
		"compared in\nthe export and read back, and the session is "
		"what was asked for; or it is\nrefused, with the reason below "
		"as the client tells it. Generated by\n`tests/fs/smb_matrix "
		"--write docs/smb-matrix.md`; the test `fs-smb-matrix` runs\n"
		"all cells again and compares. One cell alone: `--only "
		"DIALECT.SIGNING.ENCRYPTION.CACHE.CHANNELS`,\nfor example "
		"`--only 3.1.1.gmac.off.strict.2`.\n\n"
		"What is encrypted is not signed as well. 3.0.2 encrypts with "
		"AES-128-CCM,\n3.1.1 with AES-128-GCM.\n\n"
		"%u cells work, %u are refused.\n\n",
		m->info.version, m->nr_works, m->nr_refused);
	fprintf(f, "| dialect | signing | encryption |");
	for (unsigned int i = 0; i < NR_COLS; i++)
		fprintf(f, " cache %s, %u channel%s |",
			caches[i % NR_CACHES].name, 1 + i / NR_CACHES,
			i / NR_CACHES ? "s" : "");
	fprintf(f, "\n|---|---|---|");
	for (unsigned int i = 0; i < NR_COLS; i++)
		fprintf(f, "---|");
	fputc('\n', f);
	for (unsigned int r = 0; r < NR_ROWS; r++)
		print_row(f, m, r, list, &nr);
	fputc('\n', f);
	for (unsigned int i = 0; i < nr; i++)
		fprintf(f, "%u. %s\n", i + 1, list[i]);
}

/* Return: 0: @path is the page of this run. */
static int compare_page(const struct matrix *m, const char *path)
{
	static char ours[PAGE_BYTES], theirs[PAGE_BYTES];
	FILE *f = fmemopen(ours, sizeof(ours), "w");
	size_t n;

	if (!f)
		return -1;
	print_page(f, m);
	fclose(f);
	f = fopen(path, "re");
	n = f ? fread(theirs, 1, sizeof(theirs) - 1, f) : 0;
	if (f)
		fclose(f);
	theirs[n] = '\0';
	if (!strcmp(ours, theirs))
		return 0;
	fprintf(stderr,
		"%s is not what this run found; look at the difference with\n"
		"  smb_matrix --write NEW && diff %s NEW\n",
		path, path);
	return -1;
}

/* --- the program ---------------------------------------------------------- */

static int start(struct matrix *m)
{
	struct nwb_server_opts opts = {
		.name = "smbd",
		.multichannel = true,
		.ctl_fd = -1,
		.ledger_fd = -1,
	};
	struct nwb_err err = {0};
	char version[64];

	if (nwb_server_probe("smbd", version, sizeof(version), &err)) {
		printf("skipped: %s\n0 passed, 0 failed, 1 skipped\n",
		       err.text);
		return 77;
	}
	for (unsigned int i = 0; i < BYTES; i++)
		m->data[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + (i >> 16));
	m->dialer.dial = dial;
	m->dialer.dial_to = dial_to;
	m->dialer.addr = NWB_SERVER_ADDR;
	if (nwb_server_start(&opts, &m->srv, &err) ||
	    nwb_exec_real_new(NULL, &m->ex, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	nwb_server_info(m->srv, &m->info);
	return 0;
}

static int finish(struct matrix *m, const char *write_to, const char *compare)
{
	FILE *f;

	printf("%u work, %u refused, %u wrong\n", m->nr_works, m->nr_refused,
	       m->nr_wrong);
	if (m->nr_wrong || (m->only && !m->nr_works && !m->nr_refused))
		return 1;
	if (compare)
		return compare_page(m, compare) ? 1 : 0;
	if (!write_to)
		return 0;
	f = fopen(write_to, "we");
	if (!f) {
		perror(write_to);
		return 1;
	}
	print_page(f, m);
	return fclose(f) ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *write_to = NULL, *compare = NULL;
	struct matrix *m = &matrix;
	struct nwb_err err = {0};
	int rc;

	nwb_server_maybe_agent(argc, argv);
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--only"))
			m->only = argv[i + 1];
		else if (!strcmp(argv[i], "--write"))
			write_to = argv[i + 1];
		else if (!strcmp(argv[i], "--compare"))
			compare = argv[i + 1];
		else
			argc = 0;
	}
	if (argc % 2 == 0) {
		fprintf(stderr, "usage: smb_matrix [--only CELL] [--write FILE "
				"| --compare FILE]\n");
		return 3;
	}
	rc = start(m);
	if (!rc && nwb_exec_run(m->ex, run_all, m, 0, &err)) {
		fprintf(stderr, "%s\n", err.text);
		rc = 1;
	}
	if (!rc)
		rc = finish(m, write_to, compare);
	if (m->ex)
		nwb_exec_free(m->ex);
	nwb_server_free(m->srv);
	return rc;
}
