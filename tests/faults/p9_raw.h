/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A 9P2000.L client of bytes: blocking, one message at a time unless the test
 * wants it otherwise, no code shared with the project's own client.
 */
#ifndef NWB_TEST_P9_RAW_H
#define NWB_TEST_P9_RAW_H

#include <stddef.h>
#include <stdint.h>

#define P9_RAW_ROOT 1u
#define P9_RAW_FILE 2u
#define P9_RAW_MAX  65536u

struct p9_raw {
	int fd;
	uint32_t uid; /* as whom to attach */
	uint8_t buf[P9_RAW_MAX];
	size_t len; /* of the last reply */
};

/** p9_raw_attach() - Tversion and Tattach to @aname; 0 or -errno. */
int p9_raw_attach(struct p9_raw *p, int fd, const char *aname);
/** p9_raw_create() - Tlcreate @name as P9_RAW_FILE; 0 or -errno. */
int p9_raw_create(struct p9_raw *p, const char *name);
/** p9_raw_open() - Twalk and Tlopen. */
int p9_raw_open(struct p9_raw *p, const char *name);
/** p9_raw_send_write() - a Twrite, not waiting for its reply. */
int p9_raw_send_write(struct p9_raw *p, uint16_t tag, uint64_t off,
		      const void *data, uint32_t len);
/** p9_raw_send_flush() - a Tflush, not waiting for its reply. */
int p9_raw_send_flush(struct p9_raw *p, uint16_t tag, uint16_t oldtag);
/** p9_raw_recv() - one reply: 0, or -errno of the connection (EOF: -EPIPE). */
int p9_raw_recv(struct p9_raw *p);
uint8_t p9_raw_type(const struct p9_raw *p);
uint16_t p9_raw_tag(const struct p9_raw *p);
/** p9_raw_value() - the first four bytes of the body: count or errno. */
uint32_t p9_raw_value(const struct p9_raw *p);
/** p9_raw_write() - Twrite and its reply: bytes written or -errno. */
int p9_raw_write(struct p9_raw *p, uint64_t off, const void *data,
		 uint32_t len);
/** p9_raw_fsync() - 0 or -errno. */
int p9_raw_fsync(struct p9_raw *p);

#endif
