/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What comes from a guest, and jobs. Properties: a record that is taken is one
 * that could have been put, cutting the stream elsewhere changes nothing, and
 * what is parsed lies within its bounds.
 */
#include "fuzz.h"
#include "guest/job.h"
#include "machine_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void payloads(const struct nwb_chan_rec *rec)
{
	char name[NWB_CHAN_NAME_MAX + 1];
	struct nwb_chan_found found;
	struct nwb_chan_done done;
	struct nwb_chan_op op;
	const char *text;
	uint32_t len;

	if (!nwb_chan_get_op(rec, &op))
		nwb_assert(op.off + op.len <= INT64_MAX);
	if (!nwb_chan_get_found(rec, &found))
		nwb_assert(found.off + found.len <= INT64_MAX);
	if (!nwb_chan_get_done(rec, &done))
		nwb_assert(strlen(done.text) <= NWB_CHAN_NAME_MAX);
	if (!nwb_chan_get_name(rec, name))
		nwb_assert(strlen(name) == rec->len);
	if (!nwb_chan_get_stat(rec, name, &text, &len))
		nwb_assert(strlen(name) + 1 + len == rec->len);
}

/* Return: how many records came; *@ret_sum depends on all of them. */
static unsigned int read_stream(const uint8_t *p, size_t size, size_t step,
				uint64_t *ret_sum)
{
	static struct nwb_chan_parser parser;
	static uint8_t again[NWB_CHAN_FRAME_MAX];
	struct nwb_chan_rec rec;
	unsigned int nr = 0;
	int rc = 0;

	parser.has = parser.used = 0;
	parser.is_broken = false;
	*ret_sum = 0;
	while (size && !rc) {
		uint8_t *at;
		size_t n = nwb_min(nwb_min(step, size),
				   nwb_chan_room(&parser, &at));

		memcpy(at, p, n);
		nwb_chan_fed(&parser, n);
		p += n;
		size -= n;
		while ((rc = nwb_chan_next(&parser, &rec)) == 1) {
			nwb_assert(rec.len <= NWB_CHAN_PAYLOAD_MAX);
			nwb_assert(nwb_chan_put(&rec, again) ==
				   NWB_CHAN_HEAD + rec.len);
			nwb_assert(!memcmp(again, rec.payload - NWB_CHAN_HEAD,
					   NWB_CHAN_HEAD + rec.len));
			*ret_sum = *ret_sum * 31 + rec.seq + rec.type;
			payloads(&rec);
			nr++;
		}
	}
	return nr;
}

static void read_job(const char *text, size_t len)
{
	char why[256];
	struct job job;
	int rc = job_parse(text, len, &job, why, sizeof(why));

	if (rc) {
		nwb_assert(rc == -EINVAL && strlen(why) < sizeof(why));
		return;
	}
	for (unsigned int i = 0; i < job.nr_verbs; i++) {
		const struct job_verb *v = &job.verb[i];

		nwb_assert(v->fd < JOB_FDS && v->file < JOB_FILES);
		nwb_assert(v->kind != JOB_THREAD ||
			   (v->to > i && v->to < job.nr_verbs));
		if (v->r.count)
			nwb_assert(v->r.off + (v->r.count - 1) * v->r.step +
					   v->r.len <=
				   INT64_MAX);
		if (v->r.count)
			nwb_assert(job_at(&v->r, v->r.count - 1) < v->r.count);
	}
	job_fini(&job);
}

static void read_console(const uint8_t *p, size_t size)
{
	static struct nwb_console c;
	char excerpt[512];

	memset(&c, 0, sizeof(c));
	while (size--) {
		const char *line = nwb_console_byte(&c, (char)*p++);

		if (line)
			(void)nwb_console_kind(line);
	}
	nwb_console_excerpt(&c, excerpt, sizeof(excerpt));
	nwb_assert(strlen(excerpt) < sizeof(excerpt));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t one, other;
	unsigned int nr;

	if (size < 2)
		return 0;
	switch (data[0] % 3) {
	case 0:
		nr = read_stream(data + 2, size - 2, SIZE_MAX, &one);
		nwb_assert(read_stream(data + 2, size - 2, 1u + data[1],
				       &other) == nr);
		nwb_assert(one == other);
		payloads(&(struct nwb_chan_rec){
			.payload = data + 2,
			.len = (uint32_t)nwb_min(size - 2,
						 (size_t)NWB_CHAN_PAYLOAD_MAX),
		});
		break;
	case 1:
		read_job((const char *)data + 2, size - 2);
		break;
	default:
		read_console(data + 2, size - 2);
	}
	return 0;
}

static void seed_of(uint8_t what, const void *p, size_t len)
{
	static uint8_t buf[2 * NWB_CHAN_FRAME_MAX];

	buf[0] = what;
	buf[1] = 5;
	memcpy(buf + 2, p, len);
	fuzz_seed(buf, len + 2);
}

void fuzz_seeds(void)
{
	static const char job[] =
		"key 000102030405060708090a0b0c0d0e0f\nfile 1 /mnt/a\n"
		"mount cifs //a/s /mnt ip=1\nopen 0 1 creat,trunc,direct\n"
		"write 0 4K 1M x 16 2M fsync 4 shuffle 7\nappend 0 5 x 3\n"
		"thread t\nmark m\nend\njoin\ntrace on 64 netfs cifs:x\n"
		"umount /mnt lazy\non-error stop\npressure 1M 5\ndone\n";
	static const char console[] =
		"[ 1.0] Kernel panic - not syncing: x\r\nOops: y\nhalf";
	static uint8_t frame[NWB_CHAN_FRAME_MAX];
	struct nwb_chan_op op = {.op = NWB_CHAN_OP_WRITE, .id = 1, .len = 9};
	struct nwb_chan_rec rec = {.type = NWB_CHAN_OP_BEGIN, .seq = 1};
	uint8_t buf[128];
	size_t n;

	rec.payload = buf;
	rec.len = (uint32_t)nwb_chan_put_op(&op, buf);
	n = nwb_chan_put(&rec, frame);
	rec.type = NWB_CHAN_SAY;
	rec.seq = 2;
	n += nwb_chan_put(&rec, frame + n);
	seed_of(0, frame, n);
	seed_of(1, job, sizeof(job) - 1);
	seed_of(2, console, sizeof(console) - 1);
}
