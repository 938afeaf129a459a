/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shadow judges: a directory that is treated as it was told passes, one
 * that differs in whatever way is found. No mount is needed for that.
 */
#include "nwb/shadow.h"

#include "nwb_test.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE (3u << 20)

static struct nwb_shadow *sh;
static struct nwb_snode *root, *file;
static char dir[] = "/tmp/netwb-shadow-XXXXXX";
static int dirfd_, fd;
static uint8_t buf[SIZE], back[SIZE];

static void remove_all(int at)
{
	DIR *d = fdopendir(dup(at));
	struct dirent *de;

	while (d && (de = readdir(d)) != NULL)
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, "..") &&
		    unlinkat(at, de->d_name, 0))
			unlinkat(at, de->d_name, AT_REMOVEDIR);
	if (d)
		closedir(d);
}

static void set_up(void)
{
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	nwb_check(mkdtemp(dir) != NULL);
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
	fd = openat(dirfd_, "f", O_RDWR | O_CREAT, 0600);
	nwb_check(fd >= 0);
	nwb_check_eq(nwb_shadow_new(64 << 20, &sh), 0);
	root = nwb_shadow_root(sh);
	file = nwb_shadow_make(sh, root, "f", NWB_SNODE_FILE, NULL);
	nwb_check(file != NULL);
	for (unsigned int i = 0; i < SIZE; i++)
		buf[i] = (uint8_t)(i * 2654435761u >> 13);
}

static void tear_down(void)
{
	nwb_snode_put(sh, file);
	nwb_snode_put(sh, root);
	nwb_shadow_free(sh);
	close(fd);
	remove_all(dirfd_);
	close(dirfd_);
	rmdir(dir);
}

static void tell(uint64_t off, uint64_t len)
{
	unsigned int token;

	nwb_shadow_begin(sh, file, off, len, &token);
	nwb_shadow_write(sh, file, token, buf + off, len);
}

static void tell_size(uint64_t size)
{
	unsigned int token;

	nwb_shadow_begin(sh, file, size, UINT64_MAX, &token);
	nwb_shadow_truncate(sh, file, token);
}

/* Told and done. */
static void put(uint64_t off, uint64_t len)
{
	tell(off, len);
	nwb_check_eq(pwrite(fd, buf + off, len, (off_t)off), (ssize_t)len);
}

static bool is_gone(const char *name)
{
	return !strncmp(name, ".gone", 5);
}

/* Return: findings so far. */
static uint64_t judge(const char **ret_kind)
{
	const struct nwb_shadow_finding *f;
	struct nwb_err err = {0};
	uint64_t found;
	unsigned int nr;

	nwb_check_eq(nwb_shadow_compare(sh, dirfd_, is_gone, &err), 0);
	nr = nwb_shadow_findings(sh, &f, &found);
	nwb_check(nr == found || nr == NWB_SHADOW_FINDINGS);
	*ret_kind = nr ? f[0].kind : "";
	return found;
}

static void judged(uint64_t want, const char *want_kind)
{
	const char *kind;
	uint64_t found = judge(&kind);

	nwb_check_eq(found, want);
	nwb_check_streq(kind, want_kind);
}

NWB_TEST(mount_shadow, what_was_told_passes)
{
	struct nwb_shadow_stats st;

	set_up();
	put(0, 100000);
	put(5000, 3);
	put(2500000, 70000); /* and a hole before it */
	tell_size(2510000);
	nwb_check_eq(ftruncate(fd, 2510000), 0);
	tell_size(2600000);
	nwb_check_eq(ftruncate(fd, 2600000), 0);
	nwb_check_eq(mkdirat(dirfd_, "d", 0700), 0);
	nwb_snode_put(sh, nwb_shadow_make(sh, root, "d", NWB_SNODE_DIR, NULL));
	nwb_check_eq(symlinkat("f", dirfd_, "l"), 0);
	nwb_snode_put(sh, nwb_shadow_make(sh, root, "l", NWB_SNODE_LINK, "f"));
	nwb_check_eq(linkat(dirfd_, "f", dirfd_, "f2", 0), 0);
	nwb_shadow_link(sh, root, "f2", file);
	close(openat(dirfd_, ".gone1", O_CREAT | O_WRONLY, 0600));
	judged(0, "");
	nwb_shadow_get_stats(sh, &st);
	nwb_check_eq(st.nr_files, 2);
	nwb_check_eq(st.nr_dirs, 2);
	nwb_check_eq(st.nr_links, 1);
	nwb_check(st.bytes >= 2 * 100000);
	tear_down();
}

NWB_TEST(mount_shadow, one_byte_is_found)
{
	const struct nwb_shadow_finding *f;
	uint64_t found;

	set_up();
	put(0, SIZE);
	nwb_check_eq(pwrite(fd, "\xff\xfe", 2, 1234567), 2);
	judged(1, "LOST");
	nwb_shadow_findings(sh, &f, &found);
	nwb_check(f->off == 1234567 || f->off == 1234568);
	nwb_check_eq(f->oracle, 1);
	nwb_check_streq(f->path, "f");
	nwb_check(strstr(f->detail, "ff") || strstr(f->detail, "fe"));
	tear_down();
}

NWB_TEST(mount_shadow, a_hole_is_found)
{
	set_up();
	put(0, 65536);
	nwb_check_eq(pwrite(fd, back, 4096, 8192), 4096); /* zeros */
	judged(1, "ZEROED");
	tear_down();
}

NWB_TEST(mount_shadow, what_never_came_is_found)
{
	set_up();
	put(0, 4096);
	tell(4096, 4096);
	judged(1, "SHORT");
	tear_down();
}

NWB_TEST(mount_shadow, what_is_too_long_is_found)
{
	set_up();
	put(0, 8192);
	tell_size(100);
	judged(1, "LONG");
	tear_down();
}

NWB_TEST(mount_shadow, data_where_nobody_wrote_is_found)
{
	set_up();
	put(0, 1);
	tell_size(2u << 20);
	nwb_check_eq(ftruncate(fd, 2u << 20), 0);
	nwb_check_eq(pwrite(fd, "x", 1, 1500000), 1);
	judged(1, "LOST");
	tear_down();
}

NWB_TEST(mount_shadow, names_are_judged)
{
	set_up();
	nwb_snode_put(sh, nwb_shadow_make(sh, root, "d", NWB_SNODE_DIR, NULL));
	judged(1, "LOST"); /* not on the server */
	nwb_shadow_unlink(sh, root, "d");
	close(openat(dirfd_, "extra", O_CREAT | O_WRONLY, 0600));
	judged(2, "LOST");
	nwb_check_eq(unlinkat(dirfd_, "extra", 0), 0);
	nwb_check_eq(symlinkat("elsewhere", dirfd_, "l"), 0);
	nwb_snode_put(sh, nwb_shadow_make(sh, root, "l", NWB_SNODE_LINK, "f"));
	judged(3, "LOST");
	tear_down();
}

NWB_TEST(mount_shadow, a_rename_takes_the_content_along)
{
	set_up();
	put(0, 10000);
	nwb_snode_put(sh,
		      nwb_shadow_make(sh, root, "old", NWB_SNODE_FILE, NULL));
	nwb_shadow_rename(sh, root, "f", root, "old", false);
	nwb_check_eq(renameat(dirfd_, "f", dirfd_, "old"), 0);
	judged(0, "");
	/* and back, not done on the server: no f, and a stranger */
	nwb_shadow_rename(sh, root, "old", root, "f", false);
	judged(2, "LOST");
	tear_down();
}

NWB_TEST(mount_shadow, an_error_releases)
{
	unsigned int token;
	struct nwb_shadow_stats st;

	set_up();
	put(0, 16384);
	nwb_shadow_begin(sh, file, 4096, 100, &token);
	nwb_check_eq(pwrite(fd, back, 100, 4096), 100);
	nwb_shadow_release(sh, file, token, false);
	judged(0, "");
	nwb_shadow_get_stats(sh, &st);
	nwb_check_eq(st.bytes_released, 100);
	/* just outside of it */
	nwb_check_eq(pwrite(fd, back, 1, 4095), 1);
	judged(1, "ZEROED");
	/* written again: owed again */
	tell(4096, 100);
	judged(2, "ZEROED");
	tear_down();
}

NWB_TEST(mount_shadow, a_refusal_releases_nothing)
{
	unsigned int token;

	set_up();
	put(0, 4096);
	nwb_shadow_begin(sh, file, 0, 4096, &token);
	nwb_shadow_release(sh, file, token, true);
	nwb_check_eq(pwrite(fd, back, 4096, 0), 4096);
	judged(1, "ZEROED");
	tear_down();
}

NWB_TEST(mount_shadow, a_failed_fsync_releases_what_it_owed)
{
	set_up();
	put(0, 4096);
	nwb_shadow_fsynced(sh, file, nwb_shadow_fsync_begin(sh, file), 0, true);
	tell(8192, 4096); /* lost, and told so */
	nwb_shadow_fsynced(sh, file, nwb_shadow_fsync_begin(sh, file), -EIO,
			   true);
	judged(0, "");
	/* what a good one has covered stays owed */
	nwb_check_eq(pwrite(fd, back, 10, 0), 10);
	judged(1, "ZEROED");
	tear_down();
}

NWB_TEST(mount_shadow, a_doubtful_name_is_not_judged)
{
	struct nwb_shadow_stats st;

	set_up();
	nwb_shadow_doubt(sh, root, "f");
	nwb_shadow_doubt(sh, root, "g");
	nwb_check_eq(unlinkat(dirfd_, "f", 0), 0);
	judged(0, "");
	nwb_shadow_get_stats(sh, &st);
	nwb_check_eq(st.nr_doubtful, 2);
	tear_down();
}

static void read_is(uint64_t off, uint64_t got, uint64_t want)
{
	uint64_t token = nwb_shadow_read_begin(sh, file);

	nwb_shadow_read(sh, file, token, back, got, want, off);
}

NWB_TEST(mount_shadow, reads_are_judged)
{
	const struct nwb_shadow_finding *f;
	unsigned int change;
	uint64_t found, token;

	set_up();
	tell(0, 10000);
	memcpy(back, buf, 10000);
	read_is(0, 10000, 10000);
	read_is(0, 10000, 20000);
	nwb_shadow_findings(sh, &f, &found);
	nwb_check_eq(found, 0);
	read_is(0, 5000, 10000);
	nwb_shadow_findings(sh, &f, &found);
	nwb_check_eq(found, 1);
	nwb_check_streq(f[0].kind, "SHORT");
	back[7777] ^= 1;
	read_is(0, 10000, 10000);
	nwb_shadow_findings(sh, &f, &found);
	nwb_check_eq(found, 2);
	nwb_check_streq(f[1].kind, "STALE-READ");
	nwb_check_eq(f[1].off, 7777);
	nwb_check_eq(f[1].oracle, 12);
	/* a write meanwhile: who knows what the read had to see */
	token = nwb_shadow_read_begin(sh, file);
	nwb_shadow_begin(sh, file, 0, 10, &change);
	nwb_shadow_read(sh, file, token, back, 10000, 10000, 0);
	nwb_shadow_write(sh, file, change, buf, 10);
	nwb_shadow_absent(sh, root, "g");
	nwb_shadow_findings(sh, &f, &found);
	nwb_check_eq(found, 2);
	nwb_shadow_absent(sh, root, "f");
	nwb_shadow_findings(sh, &f, &found);
	nwb_check_eq(found, 3);
	tear_down();
}

NWB_TEST(mount_shadow, it_says_when_it_is_full)
{
	struct nwb_shadow *small;
	struct nwb_snode *top, *n;
	unsigned int token;

	set_up();
	nwb_check_eq(nwb_shadow_new(16384, &small), 0);
	top = nwb_shadow_root(small);
	n = nwb_shadow_make(small, top, "x", NWB_SNODE_FILE, NULL);
	nwb_shadow_begin(small, n, 0, 40000, &token);
	nwb_shadow_write(small, n, token, buf, 40000);
	nwb_check(nwb_shadow_trouble(small) != NULL);
	nwb_snode_put(small, n);
	nwb_snode_put(small, top);
	nwb_shadow_free(small);
	nwb_check(nwb_shadow_trouble(sh) == NULL);
	tear_down();
}

/* Many operations of any kind, done and told: nothing is ever found; then one
 * of them only told, and it is. */
NWB_TEST(mount_shadow, any_sequence_passes)
{
	uint64_t x = 1;

	set_up();
	for (int i = 0; i < 3000; i++) {
		uint64_t off, len;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		off = (x >> 33) % (SIZE - 70000);
		len = 1 + (x >> 20) % (x >> 60 ? 300 : 65536);
		if ((x >> 50) % 16 == 0) {
			tell_size(off);
			nwb_check_eq(ftruncate(fd, (off_t)off), 0);
		} else {
			for (uint64_t k = 0; k < len; k++)
				buf[off + k] = (uint8_t)(x >> (k % 48));
			put(off, len);
		}
	}
	judged(0, "");
	buf[0] = 1;
	put(0, 1);
	buf[0] = 2;
	tell(0, 1);
	tell_size(1);
	nwb_check_eq(ftruncate(fd, 1), 0);
	judged(1, "LOST");
	tear_down();
}
