/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See cpio.h. */
#include "cpio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES 110u
#define BLOCK	   512u /* an archive behind this one begins at a block */

void nwb_cpio_init(struct nwb_cpio *c, int fd)
{
	*c = (struct nwb_cpio){.fd = fd};
}

static void put(struct nwb_cpio *c, const void *data, size_t len)
{
	const char *p = data;

	c->off += len;
	while (len && !c->rc) {
		ssize_t n = write(c->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			c->rc = n ? -errno : -EIO;
			return;
		}
		p += n;
		len -= (size_t)n;
	}
}

static void pad(struct nwb_cpio *c, unsigned int align)
{
	static const char zero[BLOCK];

	put(c, zero, NWB_ROUND_UP(c->off, (uint64_t)align) - c->off);
}

static void entry(struct nwb_cpio *c, const char *name, unsigned int mode,
		  const void *data, size_t len)
{
	char head[HEAD_BYTES + 1];
	size_t name_len = strlen(name) + 1;
	unsigned int links = S_ISDIR(mode) ? 2 : 1;

	nwb_assert(len <= UINT32_MAX && *name && *name != '/');
	/* inode mode uid gid links mtime size major minor of the file's device
	 * and of its own, length of the name, checksum (of another form) */
	snprintf(head, sizeof(head),
		 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		 ++c->ino, mode, 0u, 0u, links, 0u, (unsigned int)len, 0u, 0u,
		 0u, 0u, (unsigned int)name_len, 0u);
	put(c, head, HEAD_BYTES);
	put(c, name, name_len);
	pad(c, 4);
	put(c, data, len);
	pad(c, 4);
}

void nwb_cpio_dir(struct nwb_cpio *c, const char *name)
{
	entry(c, name, S_IFDIR | 0755, NULL, 0);
}

void nwb_cpio_file(struct nwb_cpio *c, const char *name, unsigned int mode,
		   const void *data, size_t len)
{
	entry(c, name, S_IFREG | mode, data, len);
}

int nwb_cpio_copy(struct nwb_cpio *c, const char *name, unsigned int mode,
		  const char *path, struct nwb_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	void *map = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		rc = -errno;
	if (!rc && (!S_ISREG(st.st_mode) || st.st_size > UINT32_MAX))
		rc = -EINVAL;
	if (!rc && st.st_size) {
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
			   0);
		if (map == MAP_FAILED)
			rc = -errno;
	}
	if (!rc)
		nwb_cpio_file(c, name, mode, map, (size_t)st.st_size);
	if (!rc && map)
		munmap(map, (size_t)st.st_size);
	if (fd >= 0)
		close(fd);
	return rc ? nwb_err_set(err, rc, "%s: %s", path, nwb_errno_name(rc))
		  : 0;
}

int nwb_cpio_end(struct nwb_cpio *c)
{
	c->ino = (uint32_t)-1; /* the trailer's is 0 */
	entry(c, "TRAILER!!!", 0, NULL, 0);
	pad(c, BLOCK);
	return c->rc;
}
