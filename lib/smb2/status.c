/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NTSTATUS to errno, as fs/smb/client/smb2maperror.c maps them, for the
 * statuses that writeback and a file system meet; everything else is -EIO, as
 * there. Where a program expects another errno than that map has:
 * TOO_MANY_LINKS, NAME_TOO_LONG, NO_MORE_FILES is the end of a directory and no
 * error.
 */
#include "nwb/smb2.h"
#include "nwb/smb2_pdu.h"

#include <errno.h>
#include <stdio.h>

static const struct {
	uint32_t status;
	int errnum;
} errno_of[] = {
	{NWB_STATUS_SUCCESS, 0},
	{NWB_STATUS_BUFFER_OVERFLOW, -E2BIG},
	{NWB_STATUS_NOT_IMPLEMENTED, -EOPNOTSUPP},
	{NWB_STATUS_NOT_SUPPORTED, -EOPNOTSUPP},
	{NWB_STATUS_INVALID_HANDLE, -EBADF},
	{NWB_STATUS_FILE_CLOSED, -EBADF},
	{NWB_STATUS_INVALID_PARAMETER, -EINVAL},
	{NWB_STATUS_NO_SUCH_FILE, -ENOENT},
	{NWB_STATUS_OBJECT_NAME_NOT_FOUND, -ENOENT},
	{NWB_STATUS_OBJECT_PATH_NOT_FOUND, -ENOENT},
	{NWB_STATUS_OBJECT_NAME_INVALID, -ENOENT},
	{NWB_STATUS_BAD_NETWORK_NAME, -ENOENT},
	{NWB_STATUS_OBJECT_NAME_COLLISION, -EEXIST},
	{NWB_STATUS_END_OF_FILE, -ENODATA},
	{NWB_STATUS_NO_MEMORY, -ENOMEM},
	{NWB_STATUS_ACCESS_DENIED, -EACCES},
	{NWB_STATUS_FILE_LOCK_CONFLICT, -EACCES},
	{NWB_STATUS_LOGON_FAILURE, -EACCES},
	{NWB_STATUS_SHARING_VIOLATION, -EBUSY},
	{NWB_STATUS_NETWORK_BUSY, -EBUSY},
	{NWB_STATUS_FILE_IS_A_DIRECTORY, -EISDIR},
	{NWB_STATUS_NO_MORE_FILES, -ENODATA},
	{NWB_STATUS_STOPPED_ON_SYMLINK, -EOPNOTSUPP},
	{NWB_STATUS_OBJECT_PATH_SYNTAX_BAD, -ENOENT},
	{NWB_STATUS_DELETE_PENDING, -ENOENT},
	{NWB_STATUS_PRIVILEGE_NOT_HELD, -EPERM},
	{NWB_STATUS_MEDIA_WRITE_PROTECTED, -EROFS},
	{NWB_STATUS_NOT_SAME_DEVICE, -EXDEV},
	{NWB_STATUS_DIRECTORY_NOT_EMPTY, -ENOTEMPTY},
	{NWB_STATUS_NOT_A_DIRECTORY, -ENOTDIR},
	{NWB_STATUS_NAME_TOO_LONG, -ENAMETOOLONG},
	{NWB_STATUS_TOO_MANY_OPENED_FILES, -ENFILE},
	{NWB_STATUS_CANNOT_DELETE, -EACCES},
	{NWB_STATUS_TOO_MANY_LINKS, -EMLINK},
	{NWB_STATUS_QUOTA_EXCEEDED, -EDQUOT},
	{NWB_STATUS_DISK_FULL, -ENOSPC},
	{NWB_STATUS_INSUFFICIENT_RESOURCES, -EAGAIN},
	{NWB_STATUS_IO_TIMEOUT, -EAGAIN},
	{NWB_STATUS_RETRY, -EAGAIN},
	{NWB_STATUS_SERVER_UNAVAILABLE, -EAGAIN},
	{NWB_STATUS_FILE_NOT_AVAILABLE, -EAGAIN},
	{NWB_STATUS_CONNECTION_DISCONNECTED, -ECONNABORTED},
	{NWB_STATUS_CONNECTION_ABORTED, -ECONNABORTED},
	{NWB_STATUS_NETWORK_NAME_DELETED, -EREMCHG},
};

int nwb_smb2_status_errno(uint32_t status)
{
	for (size_t i = 0; i < NWB_ARRAY_SIZE(errno_of); i++)
		if (errno_of[i].status == status)
			return errno_of[i].errnum;
	return -EIO;
}

const char *nwb_smb2_status_name(uint32_t status, char buf[16])
{
	switch (status) {
#define NAME(name, value)                                                      \
	case NWB_STATUS_##name:                                                \
		return "STATUS_" #name;
		NWB_SMB2_STATUSES(NAME)
#undef NAME
	default:
		(void)snprintf(buf, 16, "0x%08x", status);
		return buf;
	}
}
