/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SMB2 on the wire: bytes <-> structs, for clients, fake servers, the shim and
 * captures ([MS-SMB2] section 2.2, dialects 2.0.2 to 3.1.1).
 *
 *	| NBT: 0, 24-bit length | 64-byte header | body: fixed part, buffer |
 *	                        ^ "pdu": all offsets count from here
 *
 * The header and the body are coded apart. *_encode() write the body behind
 * the header's place, at pdu + 64, and return the length of the whole PDU, or
 * -ENOSPC when it does not fit. *_decode() read a PDU of @len bytes that
 * starts with its header and return 0 or -EBADMSG; every byte may be hostile.
 * Pointers in decoded structs lead into the PDU. Strings are UTF-16LE without
 * a terminator and their lengths count bytes.
 *
 * Nothing here allocates, keeps state or does I/O; any thread or signal
 * handler may call it. A PDU needs no alignment.
 */
#ifndef NWB_SMB2_PDU_H
#define NWB_SMB2_PDU_H

#include "nwb/util.h"
#include <sys/types.h>

#define NWB_SMB2_NBT_LEN   4u
#define NWB_SMB2_HDR_LEN   64u
#define NWB_SMB2_FRAME_MAX 0xffffffu
/* A WRITE request's payload follows its fixed part at once, as Linux sends. */
#define NWB_SMB2_WRITE_HDR_LEN (NWB_SMB2_HDR_LEN + 48u)
/* A READ response up to its payload. */
#define NWB_SMB2_READ_HDR_LEN (NWB_SMB2_HDR_LEN + 16u)

/* Where things are in a header, for those who rewrite it in place. */
#define NWB_SMB2_OFF_CHARGE	6u
#define NWB_SMB2_OFF_STATUS	8u
#define NWB_SMB2_OFF_COMMAND	12u
#define NWB_SMB2_OFF_CREDITS	14u
#define NWB_SMB2_OFF_FLAGS	16u
#define NWB_SMB2_OFF_MESSAGE_ID 24u
#define NWB_SMB2_OFF_TREE_ID	36u
#define NWB_SMB2_OFF_SESSION_ID 40u
#define NWB_SMB2_OFF_SIGNATURE	48u

enum nwb_smb2_command {
	NWB_SMB2_NEGOTIATE = 0,
	NWB_SMB2_SESSION_SETUP = 1,
	NWB_SMB2_LOGOFF = 2,
	NWB_SMB2_TREE_CONNECT = 3,
	NWB_SMB2_TREE_DISCONNECT = 4,
	NWB_SMB2_CREATE = 5,
	NWB_SMB2_CLOSE = 6,
	NWB_SMB2_FLUSH = 7,
	NWB_SMB2_READ = 8,
	NWB_SMB2_WRITE = 9,
	NWB_SMB2_LOCK = 10,
	NWB_SMB2_IOCTL = 11,
	NWB_SMB2_CANCEL = 12,
	NWB_SMB2_ECHO = 13,
	NWB_SMB2_QUERY_DIRECTORY = 14,
	NWB_SMB2_CHANGE_NOTIFY = 15,
	NWB_SMB2_QUERY_INFO = 16,
	NWB_SMB2_SET_INFO = 17,
	NWB_SMB2_OPLOCK_BREAK = 18,
};

/* Header flags, [MS-SMB2] 2.2.1 */
#define NWB_SMB2_F_RESPONSE 0x00000001u
#define NWB_SMB2_F_ASYNC    0x00000002u
#define NWB_SMB2_F_RELATED  0x00000004u
#define NWB_SMB2_F_SIGNED   0x00000008u
#define NWB_SMB2_F_REPLAY   0x20000000u

/* MessageId of what the server says unasked (oplock break). */
#define NWB_SMB2_MID_NONE UINT64_MAX

#define NWB_SMB2_DIALECT_0202 0x0202u
#define NWB_SMB2_DIALECT_0210 0x0210u
#define NWB_SMB2_DIALECT_0300 0x0300u
#define NWB_SMB2_DIALECT_0302 0x0302u
#define NWB_SMB2_DIALECT_0311 0x0311u

#define NWB_SMB2_SECMODE_ENABLED  1u
#define NWB_SMB2_SECMODE_REQUIRED 2u

/* Capabilities of NEGOTIATE, [MS-SMB2] 2.2.3 */
#define NWB_SMB2_CAP_LEASING	   0x02u
#define NWB_SMB2_CAP_LARGE_MTU	   0x04u
#define NWB_SMB2_CAP_MULTI_CHANNEL 0x08u
#define NWB_SMB2_CAP_ENCRYPTION	   0x40u

#define NWB_SMB2_SIGN_HMAC_SHA256 0u
#define NWB_SMB2_SIGN_AES_CMAC	  1u
#define NWB_SMB2_SIGN_AES_GMAC	  2u

/* EncryptionAlgorithms; 3.0 and 3.0.2 know the first one only. */
#define NWB_SMB2_CIPHER_NONE	    0u /* chosen: no common one */
#define NWB_SMB2_CIPHER_AES_128_CCM 1u
#define NWB_SMB2_CIPHER_AES_128_GCM 2u

/* Flag of a SESSION_SETUP request: one more channel of that session. */
#define NWB_SMB2_SESSION_BINDING 1u

#define NWB_SMB2_SESSION_F_GUEST   1u
#define NWB_SMB2_SESSION_F_NULL	   2u
#define NWB_SMB2_SESSION_F_ENCRYPT 4u

/* TREE_CONNECT: ShareFlags */
#define NWB_SMB2_SHARE_F_ENCRYPT 0x00008000u

/* IOCTL */
#define NWB_SMB2_IOCTL_IS_FSCTL		  1u
#define NWB_SMB2_FSCTL_VALIDATE_NEGOTIATE 0x00140204u
#define NWB_SMB2_FSCTL_QUERY_INTERFACES	  0x001401fcu
#define NWB_SMB2_FSCTL_REQUEST_RESUME_KEY 0x00140078u
#define NWB_SMB2_FSCTL_COPYCHUNK_WRITE	  0x001480f2u
#define NWB_SMB2_FSCTL_SET_ZERO_DATA	  0x000980c8u
#define NWB_SMB2_FSCTL_SET_SPARSE	  0x000900c4u
/* Both halves of the FileId of an IOCTL that is about no file. */
#define NWB_SMB2_FID_NONE UINT64_MAX

/* CREATE */
#define NWB_SMB2_FILE_SUPERSEDE	   0u
#define NWB_SMB2_FILE_OPEN	   1u
#define NWB_SMB2_FILE_CREATE	   2u
#define NWB_SMB2_FILE_OPEN_IF	   3u
#define NWB_SMB2_FILE_OVERWRITE	   4u
#define NWB_SMB2_FILE_OVERWRITE_IF 5u
#define NWB_SMB2_OPT_DIRECTORY	   0x01u
#define NWB_SMB2_OPT_NON_DIRECTORY 0x40u
#define NWB_SMB2_SHARE_ALL	   7u
#define NWB_SMB2_ATTR_NORMAL	   0x80u
#define NWB_SMB2_IMPERSONATION	   2u
#define NWB_SMB2_ACCESS_READ_ATTR  0x00000080u /* breaks no lease */
#define NWB_SMB2_ACCESS_WRITE_ATTR 0x00000100u
#define NWB_SMB2_ACCESS_LIST	   0x00000001u
#define NWB_SMB2_ACCESS_DELETE	   0x00010000u
#define NWB_SMB2_ACCESS_RW                                                     \
	0x0012019fu /* read/write data, EA and attributes; append;             \
		       READ_CONTROL, SYNCHRONIZE */

#define NWB_SMB2_ACCESS_RO                                                     \
	0x00120089u /* read data, EA and attributes; READ_CONTROL,             \
		       SYNCHRONIZE */

/* WRITE */
#define NWB_SMB2_WRITE_THROUGH 1u

/* QUERY_INFO, SET_INFO */
#define NWB_SMB2_INFO_FILE	    1u
#define NWB_SMB2_FILE_STANDARD_INFO 5u
#define NWB_SMB2_FILE_EOF_INFO	    20u

/* NTSTATUS values with a name here ([MS-ERREF] 2.3). */
#define NWB_SMB2_STATUSES(X)                                                   \
	X(SUCCESS, 0x00000000)                                                 \
	X(PENDING, 0x00000103)                                                 \
	X(BUFFER_OVERFLOW, 0x80000005)                                         \
	X(NO_MORE_FILES, 0x80000006)                                           \
	X(STOPPED_ON_SYMLINK, 0x8000002d)                                      \
	X(UNSUCCESSFUL, 0xc0000001)                                            \
	X(NOT_IMPLEMENTED, 0xc0000002)                                         \
	X(INVALID_HANDLE, 0xc0000008)                                          \
	X(INVALID_PARAMETER, 0xc000000d)                                       \
	X(INVALID_DEVICE_REQUEST, 0xc0000010)                                  \
	X(NO_SUCH_FILE, 0xc000000f)                                            \
	X(END_OF_FILE, 0xc0000011)                                             \
	X(MORE_PROCESSING_REQUIRED, 0xc0000016)                                \
	X(NO_MEMORY, 0xc0000017)                                               \
	X(ACCESS_DENIED, 0xc0000022)                                           \
	X(OBJECT_NAME_INVALID, 0xc0000033)                                     \
	X(OBJECT_NAME_NOT_FOUND, 0xc0000034)                                   \
	X(OBJECT_NAME_COLLISION, 0xc0000035)                                   \
	X(OBJECT_PATH_NOT_FOUND, 0xc000003a)                                   \
	X(OBJECT_PATH_SYNTAX_BAD, 0xc000003b)                                  \
	X(DELETE_PENDING, 0xc0000056)                                          \
	X(PRIVILEGE_NOT_HELD, 0xc0000061)                                      \
	X(MEDIA_WRITE_PROTECTED, 0xc00000a2)                                   \
	X(NOT_SAME_DEVICE, 0xc00000d4)                                         \
	X(DIRECTORY_NOT_EMPTY, 0xc0000101)                                     \
	X(NOT_A_DIRECTORY, 0xc0000103)                                         \
	X(NAME_TOO_LONG, 0xc0000106)                                           \
	X(TOO_MANY_OPENED_FILES, 0xc000011f)                                   \
	X(CANNOT_DELETE, 0xc0000121)                                           \
	X(TOO_MANY_LINKS, 0xc0000265)                                          \
	X(SHARING_VIOLATION, 0xc0000043)                                       \
	X(QUOTA_EXCEEDED, 0xc0000044)                                          \
	X(FILE_LOCK_CONFLICT, 0xc0000054)                                      \
	X(LOGON_FAILURE, 0xc000006d)                                           \
	X(DISK_FULL, 0xc000007f)                                               \
	X(INSUFFICIENT_RESOURCES, 0xc000009a)                                  \
	X(FILE_IS_A_DIRECTORY, 0xc00000ba)                                     \
	X(NOT_SUPPORTED, 0xc00000bb)                                           \
	X(BAD_NETWORK_NAME, 0xc00000cc)                                        \
	X(IO_TIMEOUT, 0xc00000b5)                                              \
	X(NETWORK_BUSY, 0xc00000bf)                                            \
	X(NETWORK_NAME_DELETED, 0xc00000c9)                                    \
	X(REQUEST_NOT_ACCEPTED, 0xc00000d0)                                    \
	X(CANCELLED, 0xc0000120)                                               \
	X(INVALID_OPLOCK_PROTOCOL, 0xc00000e3)                                 \
	X(FILE_CLOSED, 0xc0000128)                                             \
	X(IO_DEVICE_ERROR, 0xc0000185)                                         \
	X(USER_SESSION_DELETED, 0xc0000203)                                    \
	X(INSUFF_SERVER_RESOURCES, 0xc0000205)                                 \
	X(CONNECTION_DISCONNECTED, 0xc000020c)                                 \
	X(RETRY, 0xc000022d)                                                   \
	X(CONNECTION_ABORTED, 0xc0000241)                                      \
	X(NETWORK_SESSION_EXPIRED, 0xc000035c)                                 \
	X(SERVER_UNAVAILABLE, 0xc0000466)                                      \
	X(FILE_NOT_AVAILABLE, 0xc0000467)

#define NWB_SMB2_STATUS_ENUM_(name, value) NWB_STATUS_##name = value##u,
enum nwb_smb2_status {
	NWB_SMB2_STATUSES(NWB_SMB2_STATUS_ENUM_)
};
#undef NWB_SMB2_STATUS_ENUM_

/**
 * struct nwb_smb2_hdr - the 64-byte header, [MS-SMB2] 2.2.1.
 * @credit_charge: credits the request costs (0 = 1)
 * @status: NTSTATUS of a response; of a request the ChannelSequence (low half)
 * @command: enum nwb_smb2_command
 * @credits: CreditRequest, CreditResponse
 * @flags: NWB_SMB2_F_*; ASYNC says which of @async_id and @tree_id is there
 * @next_command: offset of the next PDU of a compound, 0 = none
 */
struct nwb_smb2_hdr {
	uint16_t credit_charge;
	uint32_t status;
	uint16_t command;
	uint16_t credits;
	uint32_t flags;
	uint32_t next_command;
	uint64_t message_id;
	uint64_t async_id;
	uint32_t tree_id;
	uint64_t session_id;
	uint8_t signature[16];
};

struct nwb_smb2_fid {
	uint64_t persistent;
	uint64_t volatil;
};

/* Bytes of a PDU, borrowed. */
struct nwb_smb2_blob {
	const uint8_t *data;
	uint32_t len;
};

#define NWB_SMB2_DIALECTS_MAX  8u
#define NWB_SMB2_SIGN_ALGS_MAX 4u
#define NWB_SMB2_SALT_LEN      32u
#define NWB_SMB2_CIPHERS_MAX   4u

/**
 * struct nwb_smb2_negotiate_req - [MS-SMB2] 2.2.3.
 * @dialects, @nr_dialects: offered; decoding keeps the first 8
 * @guid: ClientGuid
 * @has_preauth: contexts are sent or were found: SHA-512 and @salt
 * @sign_algs, @nr_sign_algs: NWB_SMB2_SIGN_*, best first; 0 = no such context
 * @ciphers, @nr_ciphers: NWB_SMB2_CIPHER_*, best first; 0 = no such context
 */
struct nwb_smb2_negotiate_req {
	uint16_t dialects[NWB_SMB2_DIALECTS_MAX];
	unsigned int nr_dialects;
	uint16_t security_mode;
	uint32_t capabilities;
	uint8_t guid[16];
	bool has_preauth;
	uint8_t salt[NWB_SMB2_SALT_LEN];
	uint16_t sign_algs[NWB_SMB2_SIGN_ALGS_MAX];
	unsigned int nr_sign_algs;
	uint16_t ciphers[NWB_SMB2_CIPHERS_MAX];
	unsigned int nr_ciphers;
};

/**
 * struct nwb_smb2_negotiate_rsp - [MS-SMB2] 2.2.4.
 * @sign_alg: chosen, -1 when the response has no signing context
 * @cipher: chosen, CIPHER_NONE when none is common to both, -1 when the
 *	response has no encryption context
 */
struct nwb_smb2_negotiate_rsp {
	uint16_t security_mode;
	uint16_t dialect;
	uint8_t guid[16];
	uint32_t capabilities;
	uint32_t max_transact, max_read, max_write;
	uint64_t system_time, start_time;
	struct nwb_smb2_blob token;
	bool has_preauth;
	uint8_t salt[NWB_SMB2_SALT_LEN];
	int sign_alg;
	int cipher;
};

struct nwb_smb2_session_setup_req {
	uint8_t flags;
	uint8_t security_mode;
	uint32_t capabilities;
	uint64_t previous_session_id;
	struct nwb_smb2_blob token;
};

struct nwb_smb2_session_setup_rsp {
	uint16_t flags; /* NWB_SMB2_SESSION_F_* */
	struct nwb_smb2_blob token;
};

struct nwb_smb2_tree_connect_req {
	uint16_t flags;
	struct nwb_smb2_blob path; /* UTF-16LE \\server\share */
};

struct nwb_smb2_tree_connect_rsp {
	uint8_t type; /* 1 disk, 2 pipe, 3 printer */
	uint32_t share_flags;
	uint32_t capabilities;
	uint32_t access;
};

/* @contexts: a list made or to be read by nwb/smb2_ctx.h; may be empty */
struct nwb_smb2_create_req {
	uint8_t oplock;
	uint32_t impersonation;
	uint32_t access;
	uint32_t attributes;
	uint32_t share_access;
	uint32_t disposition;
	uint32_t options;
	struct nwb_smb2_blob name; /* UTF-16LE, relative to the share */
	struct nwb_smb2_blob contexts;
};

struct nwb_smb2_create_rsp {
	uint8_t oplock;
	uint32_t action;
	uint64_t creation_time, access_time, write_time, change_time;
	uint64_t allocation;
	uint64_t eof;
	uint32_t attributes;
	struct nwb_smb2_fid fid;
	struct nwb_smb2_blob contexts;
};

struct nwb_smb2_close_req {
	uint16_t flags;
	struct nwb_smb2_fid fid;
};

struct nwb_smb2_close_rsp {
	uint16_t flags;
	uint64_t allocation;
	uint64_t eof;
	uint32_t attributes;
};

struct nwb_smb2_flush_req {
	struct nwb_smb2_fid fid;
};

struct nwb_smb2_read_req {
	uint32_t len;
	uint64_t offset;
	struct nwb_smb2_fid fid;
	uint32_t min_count;
};

/**
 * struct nwb_smb2_read_rsp - a READ response up to its payload.
 * @data_offset: of the payload from the start of the PDU
 * @len: of the payload
 */
struct nwb_smb2_read_rsp {
	uint8_t data_offset;
	uint32_t len;
	uint32_t remaining;
};

/**
 * struct nwb_smb2_write_req - a WRITE request without its payload.
 * @data_offset: of the payload from the start of the PDU; encoding ignores it
 *	and says NWB_SMB2_WRITE_HDR_LEN
 * @len: of the payload
 */
struct nwb_smb2_write_req {
	uint16_t data_offset;
	uint32_t len;
	uint64_t offset;
	struct nwb_smb2_fid fid;
	uint32_t remaining;
	uint32_t flags;
};

struct nwb_smb2_write_rsp {
	uint32_t count;
	uint32_t remaining;
};

struct nwb_smb2_query_info_req {
	uint8_t type;
	uint8_t class;
	uint32_t max_len;
	uint32_t additional;
	uint32_t flags;
	struct nwb_smb2_fid fid;
};

struct nwb_smb2_query_info_rsp {
	struct nwb_smb2_blob info;
};

struct nwb_smb2_set_info_req {
	uint8_t type;
	uint8_t class;
	uint32_t additional;
	struct nwb_smb2_fid fid;
	struct nwb_smb2_blob info;
};

/* FileStandardInformation, [MS-FSCC] 2.4.41: 24 bytes */
#define NWB_SMB2_STANDARD_INFO_LEN 24u
struct nwb_smb2_standard_info {
	uint64_t allocation;
	uint64_t eof;
	uint32_t links;
	bool delete_pending;
	bool directory;
};

/**
 * struct nwb_smb2_ioctl_req - [MS-SMB2] 2.2.31.
 * @fid: NWB_SMB2_FID_NONE twice when it is about no file
 * @max_out: most bytes of output in the response
 * @flags: NWB_SMB2_IOCTL_IS_FSCTL
 */
struct nwb_smb2_ioctl_req {
	uint32_t code;
	struct nwb_smb2_fid fid;
	uint32_t max_out;
	uint32_t flags;
	struct nwb_smb2_blob in;
};

struct nwb_smb2_ioctl_rsp {
	uint32_t code;
	struct nwb_smb2_fid fid;
	struct nwb_smb2_blob out;
};

/**
 * struct nwb_smb2_iface - one entry of FSCTL_QUERY_NETWORK_INTERFACE_INFO's
 * answer, [MS-SMB2] 2.2.32.5.
 * @speed: bits a second
 * @ipv4: host order; 0: another family
 */
#define NWB_SMB2_IFACE_LEN 152u
struct nwb_smb2_iface {
	uint32_t index;
	uint32_t capability;
	uint64_t speed;
	uint32_t ipv4;
};

/* FSCTL_VALIDATE_NEGOTIATE_INFO, [MS-SMB2] 2.2.31.4 and 2.2.32.6; the answer
 * has one dialect. */
#define NWB_SMB2_VALIDATE_REQ_MAX (24u + 2 * NWB_SMB2_DIALECTS_MAX)
#define NWB_SMB2_VALIDATE_RSP_LEN 24u
struct nwb_smb2_validate_info {
	uint32_t capabilities;
	uint8_t guid[16];
	uint16_t security_mode;
	uint16_t dialects[NWB_SMB2_DIALECTS_MAX];
	unsigned int nr_dialects;
};

/**
 * struct nwb_smb2_transform - what stands before an encrypted message,
 * [MS-SMB2] 2.2.41; the ciphertext follows.
 * @signature: the cipher's tag
 * @nonce: 12 bytes for GCM, 11 for CCM, the rest zero
 * @size: of the message inside
 * @flags: 1: encrypted (before 3.1.1: AES-128-CCM, also 1)
 */
#define NWB_SMB2_TRANSFORM_LEN	     52u
#define NWB_SMB2_TRANSFORM_AUTH	     20u /* authenticated from here on */
#define NWB_SMB2_TRANSFORM_ENCRYPTED 1u
struct nwb_smb2_transform {
	uint8_t signature[16];
	uint8_t nonce[16];
	uint32_t size;
	uint16_t flags;
	uint64_t session_id;
};

struct nwb_smb2_error_rsp {
	uint8_t context_count;
	struct nwb_smb2_blob data;
};

/* --- frame and header ---------------------------------------------------- */

/** nwb_smb2_nbt_encode() - the 4 bytes before a PDU of @len <= FRAME_MAX. */
void nwb_smb2_nbt_encode(uint8_t *buf, uint32_t len);
/** nwb_smb2_nbt_decode() - length of the PDU that follows. -EBADMSG: not a
 * session message. */
int nwb_smb2_nbt_decode(const uint8_t *buf, uint32_t *ret_len) nwb_must_check;
/** nwb_smb2_hdr_encode() - write 64 bytes. */
void nwb_smb2_hdr_encode(uint8_t *pdu, const struct nwb_smb2_hdr *hdr);
/** nwb_smb2_hdr_decode() - -EBADMSG: short, not SMB2 (protocol id or
 * structure size), or next_command points outside @len. */
int nwb_smb2_hdr_decode(const uint8_t *pdu, size_t len,
			struct nwb_smb2_hdr *ret_hdr) nwb_must_check;
/** nwb_smb2_charge() - CreditCharge for @len bytes of payload or expected
 * response: max(1, ceil(@len / 64 KiB)), [MS-SMB2] 3.1.5.2. */
uint32_t nwb_smb2_charge(uint64_t len);
/** nwb_smb2_command_name() - "WRITE"; "?" when unknown. */
const char *nwb_smb2_command_name(unsigned int command);

/** nwb_smb2_transform_encode() - write TRANSFORM_LEN bytes. */
void nwb_smb2_transform_encode(uint8_t *buf,
			       const struct nwb_smb2_transform *m);
/** nwb_smb2_transform_decode() - @len: of the whole frame. -EBADMSG: short, no
 * transform header, not encrypted, or @size is not what follows it. */
int nwb_smb2_transform_decode(const uint8_t *buf, size_t len,
			      struct nwb_smb2_transform *ret_m) nwb_must_check;
/** nwb_smb2_is_transform() - does the frame begin like an encrypted one? */
bool nwb_smb2_is_transform(const uint8_t *buf, size_t len);

/* --- bodies -------------------------------------------------------------- */

/*
 * Two functions for each body that has a struct.
 *
 * nwb_smb2_X_encode() - write @m as the body of the PDU at @pdu, which has room
 * for @size bytes with the header's 64; those are not touched. Reserved fields
 * are 0. What a blob of @m leads to is copied.
 * Return: length of the PDU (header, fixed part and buffer), or -ENOSPC: that
 * is more than @size, or a blob is too long for the field that says its length.
 *
 * nwb_smb2_X_decode() - read the body of a PDU of @len bytes, header included;
 * the command is the caller's to look at. Blobs of @ret_m lead into @pdu and
 * live as long; their offsets are checked against @len, and they may overlap.
 * Flags and enumerations are handed on as they came, known or not.
 * Return: 0, or -EBADMSG: too short, another StructureSize, or a buffer that is
 * not wholly in the PDU; @ret_m is as it was.
 */
#define NWB_SMB2_CODEC(x)                                                      \
	int nwb_smb2_##x##_encode(uint8_t *pdu, size_t size,                   \
				  const struct nwb_smb2_##x *m)                \
		nwb_must_check;                                                \
	int nwb_smb2_##x##_decode(const uint8_t *pdu, size_t len,              \
				  struct nwb_smb2_##x *ret_m) nwb_must_check

/** negotiate_req - 2.2.3, contexts 2.2.3.1. At most DIALECTS_MAX dialects,
 * SIGN_ALGS_MAX and CIPHERS_MAX algorithms (asserted). Encoding asks for room
 * for the most there can be, whatever there is. Contexts are read only if 3.1.1
 * is among the dialects kept: before it these bytes are a time. -EBADMSG: no
 * dialect, too, or a context of those known that is cut or empty. */
NWB_SMB2_CODEC(negotiate_req);
/** negotiate_rsp - 2.2.4. Contexts are read if the dialect is 3.1.1 and written
 * if there is something to say; of a list of algorithms the first counts. The
 * token has 65,535 bytes at most. */
NWB_SMB2_CODEC(negotiate_rsp);
/** session_setup_req - 2.2.5; one round of a GSS-API exchange, its token. */
NWB_SMB2_CODEC(session_setup_req);
/** session_setup_rsp - 2.2.6; with MORE_PROCESSING_REQUIRED in the header it is
 * not the last. */
NWB_SMB2_CODEC(session_setup_rsp);
/** tree_connect_req - 2.2.9 without extension; the path is not looked at. */
NWB_SMB2_CODEC(tree_connect_req);
/** tree_connect_rsp - 2.2.10. */
NWB_SMB2_CODEC(tree_connect_rsp);
/** create_req - 2.2.13. An empty name takes one byte of buffer all the same;
 * the contexts begin at a multiple of 8 behind the name. Names are not looked
 * at: separators and characters are the caller's. */
NWB_SMB2_CODEC(create_req);
/** create_rsp - 2.2.14. Times are FILETIMEs (nwb_smb2_time()), sizes bytes. */
NWB_SMB2_CODEC(create_rsp);
/** close_req - 2.2.15. @flags: 1: with attributes in the response. */
NWB_SMB2_CODEC(close_req);
/** close_rsp - 2.2.16. Sizes and attributes count if @flags has 1. The four
 * times are written as 0 and not read. */
NWB_SMB2_CODEC(close_rsp);
/** flush_req - 2.2.17; the response is nwb_smb2_empty_decode()'s. */
NWB_SMB2_CODEC(flush_req);
/** read_req - 2.2.19. Asks for the data behind READ_HDR_LEN of the response.
 * Not written and not read: channels, flags, RemainingBytes. */
NWB_SMB2_CODEC(read_req);
/** write_rsp - 2.2.22. @count: bytes written, not compared with what was asked
 * for. */
NWB_SMB2_CODEC(write_rsp);
/** query_info_req - 2.2.37 without an input buffer; decoding skips one. */
NWB_SMB2_CODEC(query_info_req);
/** query_info_rsp - 2.2.38; what @info is, the request says. */
NWB_SMB2_CODEC(query_info_rsp);
/** set_info_req - 2.2.39. The response is nwb_smb2_set_info_rsp_decode()'s. */
NWB_SMB2_CODEC(set_info_req);
/** ioctl_req - 2.2.31. MaxInputResponse is 0. @in: by @code, one of those at
 * the end of this file, or of nwb/smb2_ioctl.h. */
NWB_SMB2_CODEC(ioctl_req);
/** ioctl_rsp - 2.2.32. An input buffer in the response is not read. */
NWB_SMB2_CODEC(ioctl_rsp);
/** error_rsp - 2.2.2, the body of every failed response. Empty data takes one
 * byte all the same. Contexts of 3.1.1 are left in @data as they are. */
NWB_SMB2_CODEC(error_rsp);

/** nwb_smb2_iface_encode() - one entry. @is_last: none follows at once.
 * Return: bytes written, or -ENOSPC. */
int nwb_smb2_iface_encode(uint8_t *buf, size_t size,
			  const struct nwb_smb2_iface *m,
			  bool is_last) nwb_must_check;
/** nwb_smb2_iface_decode() - the entry that @buf begins with.
 * @ret_next: where the next one begins, 0: this is the last.
 * Return: 0, or -EBADMSG. */
int nwb_smb2_iface_decode(const void *buf, size_t len,
			  struct nwb_smb2_iface *ret_m,
			  size_t *ret_next) nwb_must_check;

/** nwb_smb2_empty_encode() - a body of 4 bytes that says nothing: LOGOFF,
 * TREE_DISCONNECT and ECHO both ways, CANCEL, and the response of FLUSH
 * ([MS-SMB2] 2.2.7, 2.2.8, 2.2.11, 2.2.12, 2.2.18, 2.2.28 to 2.2.30). @size:
 * room at @pdu, with the header's 64 bytes. Return: 68, or -ENOSPC. */
int nwb_smb2_empty_encode(uint8_t *pdu, size_t size) nwb_must_check;
/** nwb_smb2_empty_decode() - is it such a body? Return: 0, or -EBADMSG: @len is
 * below 68, or StructureSize is not 4. */
int nwb_smb2_empty_decode(const uint8_t *pdu, size_t len) nwb_must_check;
/** nwb_smb2_set_info_rsp_encode() - SET_INFO Response, 2.2.40: its
 * StructureSize of 2 and nothing else. Return: 66, or -ENOSPC. */
int nwb_smb2_set_info_rsp_encode(uint8_t *pdu, size_t size) nwb_must_check;
/** nwb_smb2_set_info_rsp_decode() - Return: 0, or -EBADMSG: @len is below 66,
 * or StructureSize is not 2. */
int nwb_smb2_set_info_rsp_decode(const uint8_t *pdu, size_t len) nwb_must_check;

/*
 * Those with a payload of their own, which is sent from and received into other
 * memory than the rest of the PDU.
 */

/**
 * nwb_smb2_write_req_encode() - WRITE Request up to its payload, [MS-SMB2]
 * 2.2.21.
 * @size: room at @pdu, with the header's 64 bytes, without the payload
 * Return: WRITE_HDR_LEN, or -ENOSPC. The PDU is longer by @m->len, which is the
 * caller's to send behind it.
 */
int nwb_smb2_write_req_encode(uint8_t *pdu, size_t size,
			      const struct nwb_smb2_write_req *m)
	nwb_must_check;
/**
 * nwb_smb2_write_req_decode() - the same from the first @len bytes of a PDU of
 * @total bytes.
 * @len: at least WRITE_HDR_LEN; what is behind need not be there yet
 * Return: 0; -EBADMSG: @len is too short or above @total, another
 * StructureSize, or the payload does not lie between WRITE_HDR_LEN and @total.
 */
int nwb_smb2_write_req_decode(const uint8_t *pdu, size_t len, size_t total,
			      struct nwb_smb2_write_req *ret_m) nwb_must_check;
/** nwb_smb2_read_rsp_encode() - READ Response up to its payload, 2.2.20.
 * Return: READ_HDR_LEN, or -ENOSPC; @m->len bytes follow, sent by the
 * caller. */
int nwb_smb2_read_rsp_encode(uint8_t *pdu, size_t size,
			     const struct nwb_smb2_read_rsp *m) nwb_must_check;
/** nwb_smb2_read_rsp_decode() - as nwb_smb2_write_req_decode(), with
 * READ_HDR_LEN. @ret_m->len is not compared with what was asked for. */
int nwb_smb2_read_rsp_decode(const uint8_t *pdu, size_t len, size_t total,
			     struct nwb_smb2_read_rsp *ret_m) nwb_must_check;

/* --- information buffers -------------------------------------------------- */

/** nwb_smb2_standard_info_encode() - FileStandardInformation, [MS-FSCC] 2.4:
 * the data of a QUERY_INFO response. Writes all 24 bytes. */
void nwb_smb2_standard_info_encode(uint8_t buf[NWB_SMB2_STANDARD_INFO_LEN],
				   const struct nwb_smb2_standard_info *m);
/** nwb_smb2_standard_info_decode() - the same; @buf has @len bytes. 22 are
 * enough: the last two are reserved, and not all servers send them. Return: 0,
 * or -EBADMSG: there are less. */
int nwb_smb2_standard_info_decode(const void *buf, size_t len,
				  struct nwb_smb2_standard_info *ret_m)
	nwb_must_check;
/** nwb_smb2_eof_info_encode() - FileEndOfFileInformation, [MS-FSCC] 2.4: the
 * data of a SET_INFO that cuts or extends a file to @eof bytes. */
void nwb_smb2_eof_info_encode(uint8_t buf[8], uint64_t eof);
/** nwb_smb2_eof_info_decode() - what it sets. Return: 0, or -EBADMSG: less than
 * 8 bytes. The sign bit is the caller's to refuse. */
int nwb_smb2_eof_info_decode(const void *buf, size_t len,
			     uint64_t *ret_eof) nwb_must_check;

/** nwb_smb2_validate_req_encode() - input of FSCTL_VALIDATE_NEGOTIATE_INFO,
 * [MS-SMB2] 2.2.31.4: what the client said in its NEGOTIATE, sent again signed.
 * @m: DIALECTS_MAX dialects at most (asserted).
 * Return: bytes written to @buf, or -ENOSPC. */
int nwb_smb2_validate_req_encode(uint8_t *buf, size_t size,
				 const struct nwb_smb2_validate_info *m)
	nwb_must_check;
/** nwb_smb2_validate_req_decode() - the same from @len bytes.
 * Return: 0, or -EBADMSG: cut, no dialect, or more than DIALECTS_MAX. */
int nwb_smb2_validate_req_decode(const void *buf, size_t len,
				 struct nwb_smb2_validate_info *ret_m)
	nwb_must_check;
/** nwb_smb2_validate_rsp_encode() - the server's answer, 2.2.32.6: what it said
 * itself, and the one dialect that it chose (asserted).
 * Return: VALIDATE_RSP_LEN, or -ENOSPC. */
int nwb_smb2_validate_rsp_encode(uint8_t *buf, size_t size,
				 const struct nwb_smb2_validate_info *m)
	nwb_must_check;
/** nwb_smb2_validate_rsp_decode() - the same; @ret_m->dialects has one.
 * Return: 0, or -EBADMSG: not exactly VALIDATE_RSP_LEN bytes. */
int nwb_smb2_validate_rsp_decode(const void *buf, size_t len,
				 struct nwb_smb2_validate_info *ret_m)
	nwb_must_check;

/* --- strings ---------------------------------------------------------------
 */

/** nwb_smb2_utf16_encode() - UTF-8 @s to UTF-16LE.
 * Return: bytes written to @buf, -ENOSPC, or -EILSEQ. */
int nwb_smb2_utf16_encode(uint8_t *buf, size_t size,
			  const char *s) nwb_must_check;
/** nwb_smb2_utf16_decode() - UTF-16LE to NUL-terminated UTF-8.
 * Return: strlen of @buf, -ENOSPC, or -EILSEQ (odd length, lone surrogate,
 * embedded NUL). */
int nwb_smb2_utf16_decode(char *buf, size_t size, const uint8_t *s,
			  size_t len) nwb_must_check;

#endif
