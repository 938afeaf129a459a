/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What descriptors have in common when they ask a server or a binary.
 */
#ifndef NWB_SERVERS_PROBE_H
#define NWB_SERVERS_PROBE_H

#include "nwb/util.h"

/** nwb_probe_exchange() - send @len bytes of @req, receive exactly @size of
 * the answer. Return: 0; negative errno, -ECONNRESET at end of stream. */
int nwb_probe_exchange(int fd, const void *req, size_t len, void *buf,
		       size_t size) nwb_must_check;
/** nwb_probe_output() - run "@path @arg", return the line's rest behind
 * @prefix. Context: any thread; blocks until it ends. */
int nwb_probe_output(const char *path, const char *arg, const char *prefix,
		     char *buf, size_t size) nwb_must_check;
/** nwb_probe_text() - find a string that begins with @prefix and a digit in
 * the file @path, return what follows the prefix. */
int nwb_probe_text(const char *path, const char *prefix, char *buf,
		   size_t size) nwb_must_check;
/** nwb_probe_9p() - Tversion; -EPROTO when something else answers. */
int nwb_probe_9p(int fd) nwb_must_check;

#endif
