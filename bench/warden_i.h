/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words between netwb and its warden; warden.c and warden_fuse.c only. */
#ifndef NWB_BENCH_WARDEN_I_H
#define NWB_BENCH_WARDEN_I_H

#include "warden.h"

#define WARDEN_TEXT 65536u
#define WARDEN_PATH 4096u

#define WARDEN_HAS_CWD 8u /* in @has */

enum warden_op {
	OP_RUN = 1, /* nr[0] arguments, nr[1] of environment, perhaps a working
		     * directory; files of the place */
	OP_SIGNAL,  /* nr[0] */
	OP_STARTED, /* result, text */
	OP_ENDED,   /* nr[0]: wait status */
	OP_MOUNT,   /* nr[0]: on the host; path, source; files of the place */
	OP_UMOUNT,  /* likewise */
	OP_MOUNTED, /* result, text; with the connection */
};

struct warden_msg {
	uint32_t op;
	int32_t result;
	uint32_t nr[2];
	uint32_t has; /* bit n: file n of the place comes along; the next */
	uint32_t len;
	char text[WARDEN_TEXT];
};

int warden_send(int sock, const struct warden_msg *m, const int *fds,
		unsigned int nr) nwb_must_check;
/** warden_recv() - @fds: -1 where none came; may be NULL. */
int warden_recv(int sock, struct warden_msg *m, int fds[3]) nwb_must_check;
/** warden_put_place() - say in @m which files of @place come along in @fds.
 * Return: how many. */
unsigned int warden_put_place(struct warden_msg *m,
			      const struct nwb_inside *place, int fds[3]);

/* warden_fuse.c */
/** warden_fuse_child() - do what OP_MOUNT or OP_UMOUNT says, and answer.
 * @place: NULL: on the host. Context: a child that exits with the result. */
int warden_fuse_child(int sock, struct warden_msg *m,
		      const struct nwb_inside *place);
/** warden_fuse_drop() - take away what was mounted on the host, whoever still
 * uses it. */
void warden_fuse_drop(const char *path);

#endif
