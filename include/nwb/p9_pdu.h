/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 9P2000.L messages: bytes <-> structs, both directions and both sides.
 *
 *	size[4] type[1] tag[2] body			(all little-endian)
 *
 * A struct nwb_p9_msg is a decoded message. Strings and payloads are never
 * copied: they point into the frame (decode) or into the caller's memory
 * (encode). The payload of Twrite, Rread and Rreaddir is never encoded either:
 * the encoder writes what stands before it, with size[] and count[] that
 * include it, and the caller sends the data behind it as further segments.
 *
 * Sources: 9P2000.L protocol description (diod, protocol.md), the Plan 9 manual
 * section 5 for the messages that .L took over, net/9p/client.c for the wire
 * order of Tsetattr and Tgetattr.
 *
 * Pure functions, no state, no allocation, any thread. Input of a decoder may
 * be hostile.
 */
#ifndef NWB_P9_PDU_H
#define NWB_P9_PDU_H

#include "nwb/util.h"

#define NWB_P9_HDR_SIZE	    7u	/* size[4] type[1] tag[2] */
#define NWB_P9_TWRITE_HDR   23u /* Twrite without its data */
#define NWB_P9_RREAD_HDR    11u /* Rread without its data */
#define NWB_P9_IOHDR	    24u /* room for either (P9_IOHDRSZ) */
#define NWB_P9_MSIZE_MIN    4096u
#define NWB_P9_MAXWELEM	    16u
#define NWB_P9_NOTAG	    0xffffu
#define NWB_P9_NOFID	    0xffffffffu
#define NWB_P9_NONUNAME	    0xffffffffu
#define NWB_P9_VERSION_L    "9P2000.L"
#define NWB_P9_VERSION_NONE "unknown"

/* Message types. A reply is its request + 1; Rlerror answers any request. */
enum nwb_p9_type {
	NWB_P9_RLERROR = 7,
	NWB_P9_RERROR = 107, /* nfs-ganesha's Rlerror; decoded as such */
	NWB_P9_TSTATFS = 8,
	NWB_P9_RSTATFS = 9,
	NWB_P9_TLOPEN = 12,
	NWB_P9_RLOPEN = 13,
	NWB_P9_TLCREATE = 14,
	NWB_P9_RLCREATE = 15,
	NWB_P9_TSYMLINK = 16,
	NWB_P9_RSYMLINK = 17,
	NWB_P9_TRENAME = 20, /* where there is no Trenameat */
	NWB_P9_RRENAME = 21,
	NWB_P9_TREADLINK = 22,
	NWB_P9_RREADLINK = 23,
	NWB_P9_TGETATTR = 24,
	NWB_P9_RGETATTR = 25,
	NWB_P9_TSETATTR = 26,
	NWB_P9_RSETATTR = 27,
	NWB_P9_TXATTRWALK = 30,
	NWB_P9_RXATTRWALK = 31,
	NWB_P9_TXATTRCREATE = 32,
	NWB_P9_RXATTRCREATE = 33,
	NWB_P9_TREADDIR = 40,
	NWB_P9_RREADDIR = 41,
	NWB_P9_TFSYNC = 50,
	NWB_P9_RFSYNC = 51,
	NWB_P9_TLINK = 70,
	NWB_P9_RLINK = 71,
	NWB_P9_TMKDIR = 72,
	NWB_P9_RMKDIR = 73,
	NWB_P9_TRENAMEAT = 74,
	NWB_P9_RRENAMEAT = 75,
	NWB_P9_TUNLINKAT = 76,
	NWB_P9_RUNLINKAT = 77,
	NWB_P9_TVERSION = 100,
	NWB_P9_RVERSION = 101,
	NWB_P9_TATTACH = 104,
	NWB_P9_RATTACH = 105,
	NWB_P9_TFLUSH = 108,
	NWB_P9_RFLUSH = 109,
	NWB_P9_TWALK = 110,
	NWB_P9_RWALK = 111,
	NWB_P9_TREAD = 116,
	NWB_P9_RREAD = 117,
	NWB_P9_TWRITE = 118,
	NWB_P9_RWRITE = 119,
	NWB_P9_TCLUNK = 120,
	NWB_P9_RCLUNK = 121,
	NWB_P9_TREMOVE = 122, /* where there is no Tunlinkat */
	NWB_P9_RREMOVE = 123,
};

/* Tlopen and Tlcreate flags: fixed by the protocol, equal to Linux on x86. */
#define NWB_P9_DOTL_RDONLY  00000000u
#define NWB_P9_DOTL_WRONLY  00000001u
#define NWB_P9_DOTL_RDWR    00000002u
#define NWB_P9_DOTL_ACCMODE 00000003u
#define NWB_P9_DOTL_CREATE  00000100u
#define NWB_P9_DOTL_EXCL    00000200u
#define NWB_P9_DOTL_TRUNC   00001000u
#define NWB_P9_DOTL_APPEND  00002000u
#define NWB_P9_DOTL_DIR	    00200000u
#define NWB_P9_DOTL_DSYNC   00010000u
#define NWB_P9_DOTL_SYNC    04000000u

/* Tgetattr request_mask and Rgetattr valid. */
#define NWB_P9_GETATTR_MODE  0x00000001ull
#define NWB_P9_GETATTR_SIZE  0x00000200ull
#define NWB_P9_GETATTR_BASIC 0x000007ffull

/* Tsetattr valid. */
#define NWB_P9_SETATTR_MODE	 0x00000001u
#define NWB_P9_SETATTR_UID	 0x00000002u
#define NWB_P9_SETATTR_GID	 0x00000004u
#define NWB_P9_SETATTR_SIZE	 0x00000008u
#define NWB_P9_SETATTR_ATIME	 0x00000010u
#define NWB_P9_SETATTR_MTIME	 0x00000020u
#define NWB_P9_SETATTR_ATIME_SET 0x00000080u /* to this, not to now */
#define NWB_P9_SETATTR_MTIME_SET 0x00000100u

/* Tunlinkat flags: AT_REMOVEDIR */
#define NWB_P9_DOTL_REMOVEDIR 0x200u

/* qid[13] */
#define NWB_P9_QTDIR  0x80u
#define NWB_P9_QTFILE 0x00u

struct nwb_p9_qid {
	uint8_t type;
	uint32_t version;
	uint64_t path;
};

/* Body of Rstatfs, in wire order. */
struct nwb_p9_statfs {
	uint32_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree, fsid;
	uint32_t namelen;
};

/* A string of the wire: length and bytes, not terminated, without NULs. */
struct nwb_p9_str {
	const char *s;
	uint16_t len;
};

/* Body of Rgetattr, in wire order. */
struct nwb_p9_attr {
	uint64_t valid;
	struct nwb_p9_qid qid;
	uint32_t mode, uid, gid;
	uint64_t nlink, rdev, size, blksize, blocks;
	uint64_t atime_sec, atime_nsec, mtime_sec, mtime_nsec;
	uint64_t ctime_sec, ctime_nsec, btime_sec, btime_nsec;
	uint64_t gen, data_version;
};

/* Body of Tsetattr behind the fid, in wire order. */
struct nwb_p9_iattr {
	uint32_t valid, mode, uid, gid;
	uint64_t size;
	uint64_t atime_sec, atime_nsec, mtime_sec, mtime_nsec;
};

/**
 * struct nwb_p9_msg - one message.
 * @type: enum nwb_p9_type; says which member of the union counts
 * @tag: NWB_P9_NOTAG for Tversion only
 */
struct nwb_p9_msg {
	uint8_t type;
	uint16_t tag;
	union {
		struct {
			uint32_t msize;
			struct nwb_p9_str version;
		} version; /* Tversion, Rversion */
		struct {
			uint32_t fid, afid;
			struct nwb_p9_str uname, aname;
			uint32_t n_uname;
		} tattach;
		struct nwb_p9_qid rattach;
		struct {
			uint32_t ecode; /* positive Linux errno */
		} rlerror;
		struct {
			uint16_t oldtag;
		} tflush;
		struct {
			uint32_t fid, newfid;
			uint16_t nwname; /* <= NWB_P9_MAXWELEM */
			struct nwb_p9_str wname[NWB_P9_MAXWELEM];
		} twalk;
		struct {
			uint16_t nwqid; /* <= NWB_P9_MAXWELEM */
			struct nwb_p9_qid wqid[NWB_P9_MAXWELEM];
		} rwalk;
		struct {
			uint32_t fid, flags;
		} tlopen;
		struct {
			uint32_t fid;
			struct nwb_p9_str name;
			uint32_t flags, mode, gid;
		} tlcreate;
		struct {
			struct nwb_p9_qid qid;
			uint32_t iounit;
		} rlopen; /* Rlopen, Rlcreate */
		struct {
			uint32_t fid;
			uint64_t offset;
			uint32_t count;
		} tread;
		struct {
			uint32_t count;
			const void *data; /* decode only */
		} rread;
		struct {
			uint32_t fid;
			uint64_t offset;
			uint32_t count;
			const void *data; /* decode only */
		} twrite;
		struct {
			uint32_t count;
		} rwrite;
		struct {
			uint32_t fid;
		} tclunk;
		struct {
			uint32_t fid;
			uint64_t request_mask;
		} tgetattr;
		struct nwb_p9_attr rgetattr;
		struct {
			uint32_t fid;
			struct nwb_p9_iattr attr;
		} tsetattr;
		struct {
			uint32_t fid;
			uint32_t datasync;
			/* The form without datasync[4], as diod 1.0.24 parses
			 * it; set by the decoder, obeyed by the encoder. */
			bool is_short;
		} tfsync;
		struct {
			uint32_t fid;
		} tstatfs;
		struct nwb_p9_statfs rstatfs;
		struct {
			uint32_t fid; /* directory */
			struct nwb_p9_str name, target;
			uint32_t gid;
		} tsymlink;
		struct {
			struct nwb_p9_qid qid;
		} rsymlink; /* Rsymlink, Rmkdir */
		struct {
			uint32_t fid;
		} treadlink;
		struct {
			struct nwb_p9_str target;
		} rreadlink;
		struct {
			uint32_t fid, newfid;
			struct nwb_p9_str name; /* empty: the list of names */
		} txattrwalk;
		struct {
			uint64_t size;
		} rxattrwalk;
		struct {
			uint32_t fid;
			struct nwb_p9_str name;
			uint64_t attr_size;
			uint32_t flags; /* of setxattr(2) */
		} txattrcreate;
		struct {
			uint32_t fid;
			uint64_t offset;
			uint32_t count;
		} treaddir;
		struct {
			uint32_t count;
			const void *data; /* decode only; nwb_p9_dirent() */
		} rreaddir;
		struct {
			uint32_t dfid, fid;
			struct nwb_p9_str name;
		} tlink;
		struct {
			uint32_t dfid;
			struct nwb_p9_str name;
			uint32_t mode, gid;
		} tmkdir;
		struct {
			uint32_t olddirfid;
			struct nwb_p9_str oldname;
			uint32_t newdirfid;
			struct nwb_p9_str newname;
		} trenameat;
		struct {
			uint32_t dirfid;
			struct nwb_p9_str name;
			uint32_t flags; /* NWB_P9_DOTL_REMOVEDIR */
		} tunlinkat;
		struct {
			uint32_t fid, dfid;
			struct nwb_p9_str name;
		} trename;
		struct {
			uint32_t fid; /* is clunked, whatever the answer */
		} tremove;
	};
};

/** nwb_p9_str() - a wire string over the terminated @s; longer than 65535
 * bytes is cut, which no encoder buffer would hold anyway. */
struct nwb_p9_str nwb_p9_str(const char *s);
/** nwb_p9_str_eq() - is @a the same bytes as the terminated @s? */
bool nwb_p9_str_eq(const struct nwb_p9_str *a, const char *s);

/**
 * nwb_p9_encode() - @m to bytes.
 * @buf, @max: where to, and the room there
 * @ret_len: bytes written; for Twrite, Rread and Rreaddir the @count data bytes
 *	are to be sent behind them
 *
 * Return: 0; -ENOSPC: @max is too small, or size[] would exceed 32 bits;
 * -EINVAL: unknown type, too many names, or a string with a NUL byte.
 */
int nwb_p9_encode(const struct nwb_p9_msg *m, void *buf, size_t max,
		  size_t *ret_len) nwb_must_check;

/**
 * nwb_p9_frame_size() - size of a frame from its first four bytes.
 * @hdr: at least four bytes
 * @msize: most that was negotiated
 * @ret_size: bytes of the whole frame, including these four
 *
 * Return: 0; -EPROTO: smaller than a header; -EMSGSIZE: larger than @msize.
 * In both cases the stream cannot be read on.
 */
int nwb_p9_frame_size(const void *hdr, uint32_t msize,
		      uint32_t *ret_size) nwb_must_check;

/**
 * nwb_p9_decode() - one whole frame to @ret_m.
 * @frame, @len: all bytes of one message; size[] must equal @len
 * @ret_m: strings and data point into @frame
 *
 * Strict: bytes left over, fields cut short, strings with NULs, more than 16
 * names and counts that disagree with the length are errors. On error nothing
 * but @ret_m->type and @ret_m->tag may be used, and these only when @len >= 7.
 *
 * Return: 0; -EPROTO: malformed; -EOPNOTSUPP: a type not listed above.
 */
int nwb_p9_decode(const void *frame, size_t len,
		  struct nwb_p9_msg *ret_m) nwb_must_check;

/* One entry of Rreaddir's data: qid[13] offset[8] type[1] name[s]. */
struct nwb_p9_dirent {
	struct nwb_p9_qid qid;
	uint64_t offset; /* Treaddir from here gives what follows */
	uint8_t type;	 /* DT_* */
	struct nwb_p9_str name;
};

/**
 * nwb_p9_dirent() - the entry that @data begins with.
 * @ret_len: bytes of it
 * Return: 0; -EPROTO: cut short, or the name has a NUL.
 */
int nwb_p9_dirent(const void *data, size_t len, struct nwb_p9_dirent *ret_d,
		  size_t *ret_len) nwb_must_check;
/** nwb_p9_dirent_encode() - Return: bytes written, or -ENOSPC, -EINVAL. */
int nwb_p9_dirent_encode(void *buf, size_t max,
			 const struct nwb_p9_dirent *d) nwb_must_check;

/** nwb_p9_type_name() - "Twrite", or "type?" for an unknown one. */
const char *nwb_p9_type_name(uint8_t type);

#endif
