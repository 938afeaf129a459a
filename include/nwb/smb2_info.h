/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QUERY_DIRECTORY ([MS-SMB2] 2.2.33, 2.2.34) and the information buffers that
 * names and attributes travel in ([MS-FSCC] 2.4, 2.5). The requests QUERY_INFO
 * and SET_INFO are in nwb/smb2_pdu.h. Pure, as everything there.
 */
#ifndef NWB_SMB2_INFO_H
#define NWB_SMB2_INFO_H

#include "nwb/smb2_pdu.h"

/* Classes of QUERY_INFO, SET_INFO (FILE), of QUERY_DIRECTORY, and of the file
 * system. */
#define NWB_SMB2_FILE_BASIC_INFO       4u
#define NWB_SMB2_FILE_INTERNAL_INFO    6u
#define NWB_SMB2_FILE_RENAME_INFO      10u
#define NWB_SMB2_FILE_LINK_INFO	       11u
#define NWB_SMB2_FILE_DISPOSITION_INFO 13u
#define NWB_SMB2_FILE_ID_FULL_DIR_INFO 38u
#define NWB_SMB2_INFO_FILESYSTEM       2u
#define NWB_SMB2_FS_ATTRIBUTE_INFO     5u
#define NWB_SMB2_FS_FULL_SIZE_INFO     7u

/* FileAttributes, [MS-FSCC] 2.6 */
#define NWB_SMB2_ATTR_READONLY	0x001u
#define NWB_SMB2_ATTR_DIRECTORY 0x010u
#define NWB_SMB2_ATTR_REPARSE	0x400u

/* 100 ns since 1601, as all times of SMB; and the epoch in it. */
#define NWB_SMB2_TICKS_A_SECOND 10000000ull
#define NWB_SMB2_EPOCH_SECONDS	11644473600ll

/** nwb_smb2_time() - FILETIME to seconds since the epoch and nanoseconds. */
void nwb_smb2_time(uint64_t filetime, int64_t *ret_sec, uint32_t *ret_nsec);
/** nwb_smb2_filetime() - and back; what is before 1601 or after the last one is
 * the nearest there is. Never 0, which means "as it is". */
uint64_t nwb_smb2_filetime(int64_t sec, uint32_t nsec);

#define NWB_SMB2_DIR_RESTART 0x01u
/**
 * struct nwb_smb2_query_dir_req - [MS-SMB2] 2.2.33.
 * @flags: NWB_SMB2_DIR_*
 * @pattern: UTF-16LE, "*" for all
 * @max_len: most bytes of entries
 */
struct nwb_smb2_query_dir_req {
	uint8_t class;
	uint8_t flags;
	uint32_t index;
	struct nwb_smb2_fid fid;
	struct nwb_smb2_blob pattern;
	uint32_t max_len;
};
struct nwb_smb2_query_dir_rsp {
	struct nwb_smb2_blob entries;
};
/** query_dir_req - as in nwb/smb2_pdu.h; @index counts if @flags has 4. */
NWB_SMB2_CODEC(query_dir_req);
/** query_dir_rsp - 2.2.34; entries are of the class that was asked for. */
NWB_SMB2_CODEC(query_dir_rsp);

/* FileBasicInformation: 40 bytes; a time or attributes of 0: as they are */
#define NWB_SMB2_BASIC_INFO_LEN 40u
struct nwb_smb2_basic_info {
	uint64_t creation_time, access_time, write_time, change_time;
	uint32_t attributes;
};
/** nwb_smb2_basic_info_encode() - [MS-FSCC] 2.4; times are FILETIMEs
 * (nwb_smb2_filetime()). Writes all 40 bytes. */
void nwb_smb2_basic_info_encode(uint8_t buf[NWB_SMB2_BASIC_INFO_LEN],
				const struct nwb_smb2_basic_info *m);
/** nwb_smb2_basic_info_decode() - the same from @len bytes. 36 are enough: the
 * last four are reserved. Return: 0, or -EBADMSG: there are less. */
int nwb_smb2_basic_info_decode(const void *buf, size_t len,
			       struct nwb_smb2_basic_info *ret_m)
	nwb_must_check;

/** nwb_smb2_internal_info_decode() - FileInternalInformation, [MS-FSCC] 2.4:
 * the file's number on its volume. Return: 0, or -EBADMSG: less than 8
 * bytes. */
int nwb_smb2_internal_info_decode(const void *buf, size_t len,
				  uint64_t *ret_number) nwb_must_check;

/**
 * nwb_smb2_rename_info_encode() - FileRenameInformation and
 * FileLinkInformation, [MS-FSCC] 2.4.42.2 and 2.4.27.2.
 * @name: UTF-16LE, from the root of the share
 * Return: bytes, or -ENOSPC.
 */
#define NWB_SMB2_RENAME_INFO_LEN 20u /* without the name */
int nwb_smb2_rename_info_encode(uint8_t *buf, size_t size, bool replace,
				const struct nwb_smb2_blob *name)
	nwb_must_check;
/** nwb_smb2_rename_info_decode() - the same from @len bytes, of type 2 (64-bit
 * RootDirectory, which is not read). @ret_name leads into @buf.
 * Return: 0, or -EBADMSG: cut, or the name is longer than what is there. */
int nwb_smb2_rename_info_decode(const void *buf, size_t len, bool *ret_replace,
				struct nwb_smb2_blob *ret_name) nwb_must_check;

/* One entry of FileIdFullDirectoryInformation; @name is UTF-16LE. */
#define NWB_SMB2_DIR_ENTRY_LEN 80u /* without the name */
struct nwb_smb2_dir_entry {
	uint64_t creation_time, access_time, write_time, change_time;
	uint64_t eof, allocation;
	uint32_t attributes;
	uint32_t ea_size;
	uint64_t number;
	struct nwb_smb2_blob name;
};
/** nwb_smb2_dir_entry_encode() - @is_last: none follows. Return: bytes with
 * the padding, or -ENOSPC. */
int nwb_smb2_dir_entry_encode(uint8_t *buf, size_t size,
			      const struct nwb_smb2_dir_entry *m,
			      bool is_last) nwb_must_check;
/** nwb_smb2_dir_entry_decode() - the entry that @buf begins with.
 * @ret_next: where the next one begins, 0: this is the last.
 * Return: 0, or -EBADMSG. */
int nwb_smb2_dir_entry_decode(const void *buf, size_t len,
			      struct nwb_smb2_dir_entry *ret_m,
			      size_t *ret_next) nwb_must_check;

/** struct nwb_smb2_fs_size - FileFsFullSizeInformation, [MS-FSCC] 2.5; in units
 * of @unit_bytes. */
#define NWB_SMB2_FS_SIZE_LEN 32u
struct nwb_smb2_fs_size {
	uint64_t total, avail, free;
	uint32_t unit_bytes;
};
/** nwb_smb2_fs_size_decode() - from @len bytes. @ret_m->avail: what the caller
 * may have, @ret_m->free: what there is. Return: 0, or -EBADMSG: less than
 * FS_SIZE_LEN, or a unit (sectors times bytes of one) of 0 or of 4 GiB and
 * more. */
int nwb_smb2_fs_size_decode(const void *buf, size_t len,
			    struct nwb_smb2_fs_size *ret_m) nwb_must_check;

#endif
