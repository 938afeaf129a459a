/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shim_util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct world world;

static int page_fd = -1, ledger_fd = -1;
static struct nwb_ledger ledger;
static struct nwb_plan *plan;

static uint64_t w_now(void)
{
	return world.now;
}

static void w_out(const void *buf, size_t len)
{
	if (!world.half_len)
		world.half_of = (size_t)sh_frame_len(
			buf, (enum nwb_fc_proto)sh.page->proto);
	memcpy(world.half + world.half_len, buf, len);
	world.half_len += len;
	if (world.half_len < world.half_of)
		return;
	nwb_check_eq(world.half_len, world.half_of);
	memcpy(world.out[world.nr_out], world.half, world.half_len);
	world.out_len[world.nr_out++] = world.half_len;
	world.half_len = 0;
}

static ssize_t w_send(int fd, const void *buf, size_t len)
{
	size_t n = nwb_min(len, world.room);

	(void)fd;
	if (!n) {
		errno = EAGAIN;
		return -1;
	}
	world.room -= n;
	w_out(buf, n);
	return (ssize_t)n;
}

static ssize_t w_server_send(void *arg, const struct iovec *iov, int nr)
{
	uint8_t all[1024];
	size_t n = 0;

	(void)arg;
	for (int i = 0; i < nr; i++) {
		memcpy(all + n, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	return w_send(0, all, n);
}

static void w_rst(int fd)
{
	(void)fd;
	world.nr_rst++;
}

static void w_fin(int fd)
{
	(void)fd;
	world.nr_fin++;
}

static void w_wake(_Atomic uint32_t *word)
{
	(void)word;
}

static void w_wait(_Atomic uint32_t *word, uint32_t seen, uint64_t ns)
{
	(void)word;
	(void)seen;
	world.now += ns;
	world.slept += ns;
}

static void w_start_sender(void)
{
	world.nr_senders++;
}

static void w_die(int main_pid)
{
	world.died_with = main_pid;
	world.nr_die++;
}

static uint64_t w_file_size(int fd)
{
	(void)fd;
	return world.file_size;
}

static const struct sh_ops ops = {
	.now = w_now,
	.send = w_send,
	.rst = w_rst,
	.fin = w_fin,
	.wake = w_wake,
	.wait = w_wait,
	.start_sender = w_start_sender,
	.die = w_die,
	.file_size = w_file_size,
};

void world_begin(const char *server, const char *text, uint32_t level)
{
	static const uint8_t key[16] = "key of the tests";
	struct nwb_err err = {0};

	memset(&world, 0, sizeof(world));
	world.now = 1000;
	world.room = SIZE_MAX;
	nwb_check_eq(nwb_plan_new(&plan), 0);
	if (nwb_plan_add_text(plan, "t", text, strlen(text), &err) ||
	    nwb_plan_finish(plan, &err))
		fprintf(stderr, "%s\n", err.text);
	nwb_check_eq(nwb_fc_create(&page_fd, &sh.page), 0);
	if (nwb_plan_compile(plan, sh.page, server, &err))
		fprintf(stderr, "%s\n", err.text);
	nwb_check_eq(err.code, 0);
	ledger_fd = memfd_create("ledger", MFD_CLOEXEC);
	nwb_check_eq(nwb_ledger_create(ledger_fd, 4096, key, level, &ledger),
		     0);
	nwb_check_eq(nwb_ledger_add_file(&ledger, "a.dat"), 1);
	sh.ledger = &ledger;
	nwb_stamp_key_init(&sh.key, key);
	sh.ops = &ops;
	sh_queue_reset_after_fork();
}

void world_end(void)
{
	nwb_plan_free(plan);
	nwb_fc_unmap(sh.page);
	nwb_ledger_unmap(&ledger);
	close(page_fd);
	close(ledger_fd);
	memset(&sh, 0, sizeof(sh));
	sh.durable_fd = -1;
}

struct sh_conn *world_conn(void)
{
	struct sh_conn *c =
		sh_conn_new(7, 4711, (enum nwb_fc_proto)sh.page->proto);

	nwb_check(c);
	c->is_attached = true;
	c->nr_setups = 1;
	sh_handle_set(c, 5, "a.dat");
	return c;
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)v);
	put16(p + 2, (uint16_t)(v >> 16));
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static void smb_frame(uint8_t *buf, uint16_t cmd, uint64_t mid, size_t body)
{
	memset(buf, 0, 4 + 64 + body);
	buf[2] = (uint8_t)((64 + body) >> 8);
	buf[3] = (uint8_t)(64 + body);
	memcpy(buf + 4, "\xfeSMB", 4);
	put16(buf + 8, 64);
	put16(buf + 16, cmd);
	put64(buf + 28, mid);
}

size_t smb_request(uint8_t *buf, uint16_t cmd, uint64_t mid, uint16_t charge,
		   uint64_t off, uint32_t len)
{
	size_t body = cmd == SMB_WRITE ? 48 + 16 : 48;

	smb_frame(buf, cmd, mid, body);
	put16(buf + 10, charge);
	put16(buf + 18, 1);
	put16(buf + 70, 112);
	if (cmd == SMB_WRITE || cmd == SMB_READ) {
		put32(buf + 68 + 4, len);
		put64(buf + 68 + 8, off);
		put64(buf + 68 + 16, 5);
	} else {
		put64(buf + 68 + 8, 5);
	}
	return 4 + 64 + body;
}

size_t smb_reply(uint8_t *buf, uint16_t cmd, uint64_t mid, uint32_t status,
		 uint32_t flags, uint16_t credits)
{
	smb_frame(buf, cmd, mid, 16);
	put32(buf + 12, status);
	put16(buf + 18, credits);
	put32(buf + 20, flags | SMB_FLAG_RESPONSE);
	put32(buf + 68 + 4, 16);
	return 4 + 64 + 16;
}

size_t p9_twrite(uint8_t *buf, uint16_t tag, uint32_t fid, uint64_t off,
		 uint32_t count)
{
	memset(buf, 0, 23 + count);
	put32(buf, 23 + count);
	buf[4] = P9_TWRITE;
	put16(buf + 5, tag);
	put32(buf + 7, fid);
	put64(buf + 11, off);
	put32(buf + 19, count);
	return 23 + count;
}

size_t p9_reply(uint8_t *buf, uint8_t type, uint16_t tag, uint32_t value)
{
	put32(buf, 11);
	buf[4] = type;
	put16(buf + 5, tag);
	put32(buf + 7, value);
	return 11;
}

ssize_t world_rx(struct sh_conn *c, uint8_t *frame, size_t len)
{
	return sh_rx(c, &(struct iovec){frame, len}, 1, (ssize_t)len);
}

ssize_t world_tx(struct sh_conn *c, uint8_t *frame, size_t len)
{
	/* in pieces, as smbd hands it over */
	struct iovec iov[3] = {
		{frame, 4}, {frame + 4, 0}, {frame + 4, len - 4}};

	return sh_tx(c, iov, 3, w_server_send, NULL);
}

const struct nwb_lrec *find_record(unsigned int kind, unsigned int nth)
{
	uint64_t n = atomic_load(&ledger.hdr->next);

	for (uint64_t i = 0; i < n; i++)
		if (ledger.hdr->slot[i].kind == kind && !nth--)
			return &ledger.hdr->slot[i];
	return NULL;
}

unsigned int count_records(unsigned int kind)
{
	unsigned int n = 0;

	while (find_record(kind, n))
		n++;
	return n;
}

uint64_t hits(const char *rule)
{
	return nwb_fc_hits(sh.page,
			   (unsigned int)nwb_plan_find_rule(plan, rule));
}

uint64_t matches(const char *rule)
{
	return nwb_fc_matches(sh.page,
			      (unsigned int)nwb_plan_find_rule(plan, rule));
}
