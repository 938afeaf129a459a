/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives, read by a reader of the test's own and by cpio(1) where it is. */
#include "cpio.h"
#include "nwb_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char text[65536];

static size_t archive(int fd)
{
	struct nwb_cpio c;

	nwb_cpio_init(&c, fd);
	nwb_cpio_dir(&c, "dir");
	nwb_cpio_file(&c, "dir/a", 0644, "hello", 5);
	nwb_cpio_file(&c, "empty", 0600, NULL, 0);
	nwb_cpio_file(&c, "init", 0755, text, 4097);
	nwb_check_eq(nwb_cpio_end(&c), 0);
	return (size_t)c.off;
}

static unsigned long field(const char *head, unsigned int i)
{
	char hex[9] = {0};

	memcpy(hex, head + 6 + 8 * i, 8);
	return strtoul(hex, NULL, 16);
}

NWB_TEST(cpio, what_a_reader_sees)
{
	static const struct {
		const char *name;
		unsigned long mode, size;
	} want[] = {
		{"dir", S_IFDIR | 0755, 0},   {"dir/a", S_IFREG | 0644, 5},
		{"empty", S_IFREG | 0600, 0}, {"init", S_IFREG | 0755, 4097},
		{"TRAILER!!!", 0, 0},
	};
	static char buf[65536];
	int fd = memfd_create("cpio", MFD_CLOEXEC);
	size_t len, at = 0;

	memset(text, 'i', sizeof(text));
	len = archive(fd);
	nwb_check_eq(len % 512, 0);
	nwb_check_eq(pread(fd, buf, sizeof(buf), 0), (ssize_t)len);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(want); i++) {
		const char *h = buf + at, *name = h + 110;

		nwb_check(!memcmp(h, "070701", 6));
		nwb_check_streq(name, want[i].name);
		nwb_check_eq(field(h, 11), strlen(name) + 1);
		nwb_check_eq(field(h, 1), want[i].mode);
		nwb_check_eq(field(h, 6), want[i].size);
		at = NWB_ROUND_UP(at + 110 + strlen(name) + 1, (size_t)4);
		if (i == 1)
			nwb_check(!memcmp(buf + at, "hello", 5));
		at = NWB_ROUND_UP(at + want[i].size, (size_t)4);
	}
	nwb_check(at <= len);
	close(fd);
}

NWB_TEST(cpio, what_cpio_sees)
{
	char path[] = "/tmp/nwb-cpio-XXXXXX", cmd[128], got[256] = "";
	int fd = mkstemp(path);
	FILE *p;
	size_t n;

	nwb_check(fd >= 0);
	archive(fd);
	close(fd);
	if (access("/usr/bin/cpio", X_OK) && access("/bin/cpio", X_OK)) {
		unlink(path);
		nwb_test_skip("no cpio(1) here");
	}
	snprintf(cmd, sizeof(cmd), "cpio -it --quiet <%s", path);
	p = popen(cmd, "re");
	nwb_check(p);
	n = fread(got, 1, sizeof(got) - 1, p);
	got[n] = '\0';
	nwb_check_eq(pclose(p), 0);
	unlink(path);
	nwb_check_streq(got, "dir\ndir/a\nempty\ninit\n");
}

NWB_TEST(cpio, errors)
{
	struct nwb_err err = {0};
	struct nwb_cpio c;

	nwb_cpio_init(&c, -1);
	nwb_cpio_dir(&c, "d");
	nwb_check_eq(nwb_cpio_end(&c), -EBADF);
	nwb_check_eq(nwb_cpio_copy(&c, "x", 0644, "/nonexistent/x", &err),
		     -ENOENT);
	nwb_check(strstr(err.text, "/nonexistent/x"));
	nwb_check_eq(nwb_cpio_copy(&c, "x", 0644, "/proc", &err), -EINVAL);
}
