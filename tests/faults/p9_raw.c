/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "p9_raw.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t *put16(uint8_t *p, uint32_t v)
{
	*p++ = (uint8_t)v;
	*p++ = (uint8_t)(v >> 8);
	return p;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	return put16(put16(p, v & 0xffff), v >> 16);
}

static uint8_t *put64(uint8_t *p, uint64_t v)
{
	return put32(put32(p, (uint32_t)v), (uint32_t)(v >> 32));
}

static uint8_t *put_str(uint8_t *p, const char *s)
{
	size_t n = strlen(s);

	p = put16(p, (uint32_t)n);
	memcpy(p, s, n);
	return p + n;
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static int send_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k <= 0)
			return -errno;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

static int recv_all(int fd, uint8_t *p, size_t n)
{
	while (n) {
		ssize_t k = recv(fd, p, n, 0);

		if (k <= 0)
			return k ? -errno : -EPIPE;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

int p9_raw_recv(struct p9_raw *p)
{
	int rc = recv_all(p->fd, p->buf, 4);

	if (rc)
		return rc;
	p->len = get32(p->buf);
	if (p->len < 7 || p->len > sizeof(p->buf))
		return -EPROTO;
	return recv_all(p->fd, p->buf + 4, p->len - 4);
}

uint8_t p9_raw_type(const struct p9_raw *p)
{
	return p->buf[4];
}

uint16_t p9_raw_tag(const struct p9_raw *p)
{
	return (uint16_t)(p->buf[5] | p->buf[6] << 8);
}

uint32_t p9_raw_value(const struct p9_raw *p)
{
	return p->len >= 11 ? get32(p->buf + 7) : 0;
}

/* Rlerror, and what nfs-ganesha takes for it. */
static bool is_error(const struct p9_raw *p)
{
	return p9_raw_type(p) == 7 || p9_raw_type(p) == 107;
}

/* begin() - the header; its size comes when it is sent. */
static uint8_t *begin(uint8_t *buf, uint8_t type, uint16_t tag)
{
	buf[4] = type;
	return put16(buf + 5, tag);
}

/* call() - send what ends at @end and take the reply. */
static int call(struct p9_raw *p, uint8_t *buf, uint8_t *end)
{
	int rc;

	put32(buf, (uint32_t)(end - buf));
	rc = send_all(p->fd, buf, (size_t)(end - buf));
	if (!rc)
		rc = p9_raw_recv(p);
	if (!rc && is_error(p))
		rc = -(int)p9_raw_value(p);
	return rc;
}

int p9_raw_attach(struct p9_raw *p, int fd, const char *aname)
{
	uint8_t b[512], *e;
	int rc;

	p->fd = fd;
	e = begin(b, 100, 0xffff);
	e = put_str(put32(e, P9_RAW_MAX), "9P2000.L");
	rc = call(p, b, e);
	if (rc)
		return rc;
	e = put32(put32(begin(b, 104, 1), P9_RAW_ROOT), 0xffffffffu);
	e = put32(put_str(put_str(e, ""), aname), p->uid);
	return call(p, b, e);
}

static int walk(struct p9_raw *p, const char *name)
{
	uint8_t b[512], *e;

	e = put32(put32(begin(b, 110, 1), P9_RAW_ROOT), P9_RAW_FILE);
	e = put16(e, name ? 1 : 0);
	if (name)
		e = put_str(e, name);
	return call(p, b, e);
}

int p9_raw_create(struct p9_raw *p, const char *name)
{
	uint8_t b[512], *e;
	int rc = walk(p, NULL);

	if (rc)
		return rc;
	e = put_str(put32(begin(b, 14, 1), P9_RAW_FILE), name);
	e = put32(put32(put32(e, 2 | 0100), 0666), 0);
	return call(p, b, e);
}

int p9_raw_open(struct p9_raw *p, const char *name)
{
	uint8_t b[512], *e;
	int rc = walk(p, name);

	if (rc)
		return rc;
	e = put32(put32(begin(b, 12, 1), P9_RAW_FILE), 2);
	return call(p, b, e);
}

int p9_raw_send_write(struct p9_raw *p, uint16_t tag, uint64_t off,
		      const void *data, uint32_t len)
{
	uint8_t b[23], *e;
	int rc;

	e = put64(put32(begin(b, 118, tag), P9_RAW_FILE), off);
	put32(e, len);
	put32(b, 23 + len);
	rc = send_all(p->fd, b, sizeof(b));
	return rc ? rc : send_all(p->fd, data, len);
}

int p9_raw_write(struct p9_raw *p, uint64_t off, const void *data, uint32_t len)
{
	int rc = p9_raw_send_write(p, 1, off, data, len);

	if (!rc)
		rc = p9_raw_recv(p);
	if (rc)
		return rc;
	return is_error(p) ? -(int)p9_raw_value(p) : (int)p9_raw_value(p);
}

int p9_raw_send_flush(struct p9_raw *p, uint16_t tag, uint16_t oldtag)
{
	uint8_t b[9];

	put16(begin(b, 108, tag), oldtag);
	put32(b, sizeof(b));
	return send_all(p->fd, b, sizeof(b));
}

int p9_raw_fsync(struct p9_raw *p)
{
	uint8_t b[32], *e;

	e = put32(put32(begin(b, 50, 1), P9_RAW_FILE), 0);
	return call(p, b, e);
}
