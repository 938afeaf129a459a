/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is done to the running kernel's page cache, and what must come of it.
 *
 *	four rounds over one file: 64 KiB in sequence, 4 KiB at random, 1 MiB in
 *	sequence, stores into a mapping; each ends with fsync (msync)
 *
 * Each page of the file is in one of three states:
 *
 *	          write            fsync is ok
 *	 KNOWN ──────────► DIRTY ─────────────► KNOWN
 *	                     │ fsync fails, or the write itself
 *	                     ▼
 *	                  UNKNOWN ──write──► DIRTY
 *
 * After an error that the kernel has told, a page may hold any of its versions;
 * what it told nothing about is owed. After each round all is read with
 * O_DIRECT, so that the server answers, and at the end once more through an
 * emptied page cache.
 */
#include "bench_i.h"
#include "check_host.h"

#include "nwb/stamp.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORK_FILE "netwb.dat"
#define PAGE	  4096u
#define BYTES	  (8 * NWB_MIB)
#define PAGES	  (BYTES / PAGE)
#define CHUNK	  NWB_MIB
#define AT_RANDOM 256u
#define LAST_MAX  5u

enum page_state {
	KNOWN,
	DIRTY,
	UNKNOWN
};

struct work {
	struct nwb_stamp_key key;
	uint64_t chance;
	uint32_t version;
	int fd;
	uint8_t *want; /* what the file must hold */
	uint8_t *buf;  /* CHUNK bytes, aligned for O_DIRECT */
	uint8_t state[PAGES];
	unsigned int nr_fsyncs, nr_errors;
	int first_error;
	uint64_t written;
};

static void set_pages(struct work *w, uint64_t off, size_t len,
		      enum page_state state)
{
	for (uint64_t p = off / PAGE; p < (off + len + PAGE - 1) / PAGE; p++)
		w->state[p] = (uint8_t)state;
}

static void told(struct work *w, int error)
{
	w->nr_errors++;
	if (!w->first_error)
		w->first_error = error;
}

/* A new version of those bytes, in memory. */
static void stamp(struct work *w, uint64_t off, size_t len)
{
	w->version++;
	nwb_stamp_fill(&w->key, 1, w->version, off, w->want + off, len);
	w->written += len;
}

static void write_at(struct work *w, uint64_t off, size_t len)
{
	size_t at = 0;

	stamp(w, off, len);
	set_pages(w, off, len, DIRTY);
	while (at < len) {
		ssize_t n = pwrite(w->fd, w->want + off + at, len - at,
				   (off_t)(off + at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			told(w, n ? errno : EIO);
			set_pages(w, off + at, len - at, UNKNOWN);
			return;
		}
		at += (size_t)n;
	}
}

static bool sync_all(struct work *w, int rc, int error)
{
	w->nr_fsyncs++;
	if (rc)
		told(w, error);
	for (unsigned int p = 0; p < PAGES; p++)
		if (w->state[p] == DIRTY)
			w->state[p] = rc ? UNKNOWN : KNOWN;
	return !rc;
}

static bool fsync_file(struct work *w)
{
	int rc = fsync(w->fd);

	return sync_all(w, rc, errno);
}

static void store_at_random(struct work *w)
{
	uint8_t *map =
		mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
	int rc;

	if (map == MAP_FAILED) {
		told(w, errno);
		return;
	}
	for (unsigned int i = 0; i < AT_RANDOM / 4; i++) {
		uint64_t off = nwb_splitmix64(&w->chance) % PAGES * PAGE;

		stamp(w, off, PAGE);
		set_pages(w, off, PAGE, DIRTY);
		memcpy(map + off, w->want + off, PAGE);
	}
	rc = msync(map, BYTES, MS_SYNC);
	sync_all(w, rc, errno);
	munmap(map, BYTES);
}

/* --- what came of it ------------------------------------------------------ */

struct bad {
	const char *kind;
	uint64_t off, len;
	char text[160];
};

static void name_bad(const struct work *w, uint64_t off, const uint8_t *got,
		     struct bad *ret)
{
	static const uint8_t zero[NWB_LANE];
	struct nwb_lane want, is;
	uint64_t at = off / NWB_LANE * NWB_LANE;
	const uint8_t *lane = got - (off - at);

	ret->off = off;
	if (!nwb_stamp_decode(&w->key, w->want + at, &want))
		want.version = 0;
	if (!memcmp(lane, zero, NWB_LANE)) {
		ret->kind = "ZEROED";
		snprintf(ret->text, sizeof(ret->text),
			 "zeroes instead of version %u, and fsync said it was "
			 "durable",
			 want.version);
	} else if (!nwb_stamp_decode(&w->key, lane, &is)) {
		ret->kind = "FOREIGN";
		snprintf(ret->text, sizeof(ret->text),
			 "bytes that nobody wrote instead of version %u",
			 want.version);
	} else if (is.offset != at) {
		ret->kind = "SHIFTED";
		snprintf(ret->text, sizeof(ret->text),
			 "bytes of offset %llu instead of version %u",
			 (unsigned long long)is.offset, want.version);
	} else {
		ret->kind = is.version < want.version ? "LOST" : "UNISSUED";
		snprintf(ret->text, sizeof(ret->text),
			 "version %u instead of %u, and fsync said it was "
			 "durable",
			 is.version, want.version);
	}
}

/* The first byte of a page that is owed and not there. */
static bool compare(const struct work *w, uint64_t off, size_t len,
		    struct bad *ret)
{
	for (size_t at = 0; at < len; at += PAGE) {
		size_t n = nwb_min(len - at, (size_t)PAGE), i = 0;
		const uint8_t *want = w->want + off + at, *got = w->buf + at;

		if (w->state[(off + at) / PAGE] != KNOWN ||
		    !memcmp(want, got, n))
			continue;
		while (want[i] == got[i])
			i++;
		name_bad(w, off + at + i, got + i, ret);
		while (i < n && want[i] != got[i]) {
			i++;
			ret->len++;
		}
		return false;
	}
	return true;
}

/* Return: 0 as it shall be, 1 not, and @ret says where; -errno. */
static int read_back(struct work *w, int flags, struct bad *ret)
{
	int fd = open(WORK_FILE, O_RDONLY | O_CLOEXEC | flags), rc = 0;
	struct stat st;

	/* some file systems have no O_DIRECT; then an empty page cache it is */
	if (fd < 0 && errno == EINVAL && flags)
		return read_back(w, 0, ret);
	if (fd < 0)
		return -errno;
	if (!flags)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (fstat(fd, &st))
		rc = -errno;
	for (uint64_t off = 0; off < BYTES && !rc; off += CHUNK) {
		ssize_t n = pread(fd, w->buf, CHUNK, (off_t)off);

		if (n < 0) {
			rc = -errno;
			break;
		}
		/* what is behind the end is not there */
		memset(w->buf + n, 0, CHUNK - (size_t)n);
		if (!compare(w, off, CHUNK, ret))
			rc = 1;
	}
	close(fd);
	return rc;
}

static void write_all(struct work *w, size_t chunk)
{
	for (uint64_t off = 0; off < BYTES; off += chunk)
		write_at(w, off, chunk);
	fsync_file(w);
}

static void write_at_random(struct work *w)
{
	for (unsigned int i = 0; i < AT_RANDOM; i++)
		write_at(w, nwb_splitmix64(&w->chance) % PAGES * PAGE, PAGE);
	fsync_file(w);
}

static int rounds(struct work *w, struct bad *ret)
{
	int rc;

	write_all(w, 64 * NWB_KIB);
	rc = read_back(w, O_DIRECT, ret);
	if (rc)
		return rc;
	write_at_random(w);
	rc = read_back(w, O_DIRECT, ret);
	if (rc)
		return rc;
	write_all(w, CHUNK);
	rc = read_back(w, O_DIRECT, ret);
	if (rc)
		return rc;
	store_at_random(w);
	/* the faults may outlast the rounds; what was dropped by an error that
	 * was told stays dropped, and is not owed */
	for (unsigned int i = 0; i < LAST_MAX && !fsync_file(w); i++)
		;
	rc = read_back(w, O_DIRECT, ret);
	return rc ? rc : read_back(w, 0, ret);
}

static int tell(struct work *w)
{
	struct bad bad = {.len = 0};
	unsigned int unknown = 0;
	int rc = rounds(w, &bad);

	if (rc < 0) {
		printf("host-work: cannot read it back: %s\n", strerror(-rc));
		return NWB_EXIT_BROKEN;
	}
	if (rc) {
		printf("host-work: FAIL %s %llu %llu %s\n", bad.kind,
		       (unsigned long long)bad.off, (unsigned long long)bad.len,
		       bad.text);
		return NWB_EXIT_FAIL;
	}
	for (unsigned int p = 0; p < PAGES; p++)
		unknown += w->state[p] != KNOWN;
	printf("host-work: PASS written %llu fsyncs %u errors %u first %s "
	       "unknown %u\n",
	       (unsigned long long)w->written, w->nr_fsyncs, w->nr_errors,
	       w->first_error ? nwb_errno_name(w->first_error) : "none",
	       unknown);
	return NWB_EXIT_OK;
}

int bench_cmd_host_work(int argc, char **argv)
{
	static struct work w;
	uint8_t key[16];
	void *mem;
	int rc;

	if (argc != 2)
		return NWB_EXIT_USAGE;
	w.chance = strtoull(argv[1], NULL, 10);
	bench_key(w.chance, key);
	nwb_stamp_key_init(&w.key, key);
	w.want = calloc(1, BYTES);
	if (!w.want || posix_memalign(&mem, PAGE, CHUNK))
		return NWB_EXIT_BROKEN;
	w.buf = mem;
	w.fd = open(WORK_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (w.fd < 0) {
		printf("host-work: cannot create the file: %s\n",
		       strerror(errno));
		return NWB_EXIT_BROKEN;
	}
	rc = tell(&w);
	close(w.fd);
	free(w.want);
	free(w.buf);
	return rc;
}
