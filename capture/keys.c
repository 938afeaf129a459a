/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How to look at a capture, and the keys for what is encrypted in it.
 *
 * Wireshark computes the session keys of SMB3 itself when it sees the login
 * and is told the NT password ([MS-NLMP] 3.3.2 and [MS-SMB2] 3.1.4.2), so no
 * key has to leave client or server.
 */
#include "capture_i.h"

#include "nwb/mem.h"
#include "nwb/shell.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int put_keys(const char *path, const char *temp, const char *password,
		    int fd)
{
	FILE *f = fdopen(fd, "we");
	int rc = 0;

	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	fprintf(f,
		"# what tshark and Wireshark need to decrypt the capture\n"
		"-o ntlmssp.nt_password:%s\n",
		password);
	if (ferror(f))
		rc = -EIO;
	if (fclose(f))
		rc = -errno;
	if (!rc && rename(temp, path))
		rc = -errno;
	return rc;
}

int cap_write_keys(const char *path, const char *password, struct nwb_err *err)
{
	size_t size = strlen(path) + sizeof(NWB_CAPTURE_KEYS);
	char *name = nwb_alloc(size), *temp = NULL;
	int fd, rc = -ENOMEM;

	if (name)
		snprintf(name, size, "%s" NWB_CAPTURE_KEYS, path);
	if (name && !password[0]) {
		/* of an older capture of that name */
		rc = unlink(name) && errno != ENOENT ? -errno : 0;
	} else if (name && (temp = cap_temp_name(name)) != NULL) {
		fd = mkostemp(temp, O_CLOEXEC);
		rc = fd < 0 ? -errno : put_keys(name, temp, password, fd);
		if (rc && fd >= 0)
			unlink(temp);
	}
	nwb_free(temp);
	nwb_free(name);
	if (rc)
		return nwb_err_set(err, rc,
				   "%s" NWB_CAPTURE_KEYS
				   ": cannot be written: %s",
				   path, nwb_errno_name(rc));
	return 0;
}

const char *nwb_capture_command(const struct nwb_capture_opts *opts,
				const struct nwb_capture_stats *st, char *buf,
				size_t size)
{
	const char *proto = opts->is_9p ? "9p" : "nbss";
	uint16_t own = opts->is_9p ? 564 : 445;
	char decode[64] = "", key[160] = "";
	size_t at;

	if (opts->port != own)
		snprintf(decode, sizeof(decode), " -d tcp.port==%u,%s",
			 opts->port, proto);
	if (st->encrypted && opts->password)
		snprintf(key, sizeof(key), " -o ntlmssp.nt_password:%s",
			 opts->password);
	at = (size_t)snprintf(buf, size, "tshark -r");
	at = nwb_shell_word(buf, size, at, opts->path);
	if (at < size)
		snprintf(buf + at, size - at, "%s%s%s", decode,
			 st->resent ? " -o tcp.reassemble_out_of_order:TRUE"
				    : "",
			 key);
	return buf;
}
