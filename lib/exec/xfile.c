/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files: the rules of whole blocks, and whose turn it is. */
#include "exec_i.h"

#include "nwb/xfile.h"

#include <errno.h>

int nwb_xfile_open(struct nwb_exec *ex, const char *dir,
		   struct nwb_xfile **ret_file, struct nwb_err *err)
{
	return ex->ops->file_open(ex, dir, ret_file, err);
}

static bool is_whole(uint64_t n)
{
	return n % NWB_XFILE_BLOCK == 0;
}

/* As O_DIRECT has it on a disk with sectors of 512 bytes, whatever it is here,
 * so that all executors agree. A disk with larger ones refuses some more. */
static bool is_aligned(const struct nwb_xfile_io *io)
{
	if (io->pos % NWB_XFILE_SECTOR || !io->nr_iov)
		return false;
	for (unsigned int i = 0; i < io->nr_iov; i++)
		if (!is_whole((uintptr_t)io->iov[i].iov_base) ||
		    !is_whole(io->iov[i].iov_len) || !io->iov[i].iov_len)
			return false;
	return true;
}

void nwb_xfile_submit(struct nwb_xfile_io *io)
{
	if (!is_aligned(io)) {
		io->result = -EINVAL;
		io->done(io);
		return;
	}
	io->file->ops->submit(io);
}

bool nwb_xfile_is_direct(const struct nwb_xfile *file)
{
	return file->is_direct;
}

void nwb_xfile_close(struct nwb_xfile *file)
{
	if (file)
		file->ops->close(file);
}
