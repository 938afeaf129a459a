/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Simulated files: memory that grows. A transfer takes effect when its time has
 * come, as late as a disk's might, so transfers under way at the same time may
 * end in any order.
 */
#include "sim_i.h"

#include "nwb/mem.h"
#include "nwb/xfile.h"

#include <string.h>

#define LATENCY_MAX  (200 * NWB_USEC)
#define SECTOR	     512u
#define SIZE_MAX_MEM ((uint64_t)64 * NWB_MIB) /* ENOSPC behind it */

struct sim_file {
	struct nwb_xfile file;
	struct nwb_list link; /* sim_exec.files */
	uint8_t *mem;
	uint64_t size;
};

static struct sim_file *to_file(struct nwb_xfile *file)
{
	return nwb_container_of(file, struct sim_file, file);
}

static int grow(struct sim_file *f, uint64_t size)
{
	uint64_t want = nwb_max(f->size, (uint64_t)NWB_MIB);
	uint8_t *mem;

	while (want < size)
		want *= 2;
	if (want == f->size)
		return 0;
	if (size > SIZE_MAX_MEM)
		return -ENOSPC;
	mem = nwb_zalloc(want);
	if (!mem)
		return -ENOMEM;
	if (f->mem)
		memcpy(mem, f->mem, f->size);
	nwb_free(f->mem);
	f->mem = mem;
	f->size = want;
	return 0;
}

/* How much of @len bytes a write stores: all, or some sectors. */
static uint64_t shorten(struct sim_file *f, uint64_t len)
{
	struct sim_exec *se = to_sim(f->file.ex);

	if (!se->short_percent ||
	    nwb_random_u64(&se->ex) % 100 >= se->short_percent)
		return len;
	return (1 + nwb_random_u64(&se->ex) % (len / SECTOR)) * SECTOR;
}

static ssize_t transfer(struct sim_file *f, const struct nwb_xfile_io *io)
{
	uint64_t pos = io->pos, end = f->size;
	int rc = 0;

	for (unsigned int i = 0; i < io->nr_iov; i++)
		pos += io->iov[i].iov_len;
	if (io->is_write)
		rc = grow(f, pos);
	if (rc)
		return rc;
	if (io->is_write)
		end = io->pos + shorten(f, pos - io->pos);
	pos = io->pos;
	for (unsigned int i = 0; i < io->nr_iov && pos < end; i++) {
		size_t n = (size_t)nwb_min((uint64_t)io->iov[i].iov_len,
					   end - pos);

		if (io->is_write)
			memcpy(f->mem + pos, io->iov[i].iov_base, n);
		else
			memcpy(io->iov[i].iov_base, f->mem + pos, n);
		pos += n;
	}
	return (ssize_t)(pos - io->pos);
}

static void sim_main(struct nwb_work *work)
{
	struct nwb_timer *timer =
		nwb_container_of(work, struct nwb_timer, work);
	struct nwb_xfile_io *io =
		nwb_container_of(timer, struct nwb_xfile_io, timer);

	io->result = transfer(to_file(io->file), io);
	io->done(io);
}

static void sim_submit(struct nwb_xfile_io *io)
{
	struct nwb_exec *ex = io->file->ex;

	nwb_timer_init(&io->timer, ex, sim_main, "exec file");
	nwb_timer_arm(&io->timer,
		      nwb_now_ns(ex) + nwb_random_u64(ex) % LATENCY_MAX);
}

static void file_free(struct sim_file *f)
{
	nwb_list_del(&f->link);
	nwb_free(f->mem);
	nwb_free(f);
}

static void sim_close(struct nwb_xfile *file)
{
	file_free(to_file(file));
}

static const struct nwb_xfile_ops file_ops = {
	.submit = sim_submit,
	.close = sim_close,
};

void nwb_exec_sim_short_files(struct nwb_exec *ex, unsigned int percent)
{
	to_sim(ex)->short_percent = percent;
}

int nwb_sim_file_open(struct nwb_exec *ex, const char *dir,
		      struct nwb_xfile **ret_file, struct nwb_err *err)
{
	struct sim_file *f = nwb_zalloc(sizeof(*f));

	(void)dir;
	if (!f)
		return nwb_err_set(err, -ENOMEM, "file: no memory");
	f->file.ex = ex;
	f->file.ops = &file_ops;
	f->file.is_direct = true;
	nwb_list_add_tail(&to_sim(ex)->files, &f->link);
	*ret_file = &f->file;
	return 0;
}

void nwb_sim_file_free_all(struct sim_exec *se)
{
	while (!nwb_list_empty(&se->files))
		file_free(nwb_list_first(&se->files, struct sim_file, link));
}
