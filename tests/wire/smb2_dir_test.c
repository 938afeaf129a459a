/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QUERY_DIRECTORY, its entries, and the buffers of names and attributes:
 * against bytes written by hand from [MS-SMB2] and [MS-FSCC], round, and cut
 * short at every byte.
 */
#include "nwb/smb2_info.h"
#include "nwb_test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOB(s_) ((struct nwb_smb2_blob){(const uint8_t *)s_, sizeof(s_) - 1})

/* Exactly so long, so that a read past it is an ASan report. */
static uint8_t *exact(const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, p, len);
	return copy;
}

NWB_TEST(smb2_dir, query_directory_goes_round)
{
	static const uint8_t want[] = {
		33, 0, 38, 1, 7, 0, 0, 0, /* size, class, flags, index */
		1,  0, 0,  0, 0, 0, 0, 0, /* FileId */
		2,  0, 0,  0, 0, 0, 0, 0, /* */
		96, 0, 2,  0, 0, 0, 1, 0, '*', 0, /* name, most bytes */
	};
	struct nwb_smb2_query_dir_req m = {
		.class = NWB_SMB2_FILE_ID_FULL_DIR_INFO,
		.flags = NWB_SMB2_DIR_RESTART,
		.index = 7,
		.fid = {1, 2},
		.pattern = BLOB("*\0"),
		.max_len = 65536,
	};
	struct nwb_smb2_query_dir_req got;
	uint8_t pdu[256] = {0};
	int n = nwb_smb2_query_dir_req_encode(pdu, sizeof(pdu), &m);

	nwb_check_eq(n, NWB_SMB2_HDR_LEN + (int)sizeof(want));
	nwb_check(!memcmp(pdu + NWB_SMB2_HDR_LEN, want, sizeof(want)));
	for (int cut = 0; cut <= n; cut++) {
		uint8_t *p = exact(pdu, (size_t)cut);

		nwb_check_eq(
			nwb_smb2_query_dir_req_decode(p, (size_t)cut, &got),
			cut < n ? -EBADMSG : 0);
		free(p);
	}
	nwb_check_eq(nwb_smb2_query_dir_req_decode(pdu, (size_t)n, &got), 0);
	nwb_check(got.class == m.class && got.flags == m.flags &&
		  got.index == 7 && got.fid.volatil == 2 &&
		  got.max_len == 65536 && got.pattern.len == 2);
	for (int max = 0; max < n; max++)
		nwb_check_eq(
			nwb_smb2_query_dir_req_encode(pdu, (size_t)max, &m),
			-ENOSPC);
}

NWB_TEST(smb2_dir, answers_are_bounded)
{
	const struct nwb_smb2_query_dir_rsp m = {.entries = BLOB("entries!")};
	struct nwb_smb2_query_dir_rsp got;
	uint8_t pdu[128] = {0};
	int n = nwb_smb2_query_dir_rsp_encode(pdu, sizeof(pdu), &m);

	nwb_check_eq(n, NWB_SMB2_HDR_LEN + 8 + 8);
	for (int cut = 0; cut <= n; cut++) {
		uint8_t *p = exact(pdu, (size_t)cut);

		nwb_check_eq(
			nwb_smb2_query_dir_rsp_decode(p, (size_t)cut, &got),
			cut < n ? -EBADMSG : 0);
		free(p);
	}
	nwb_check_eq(nwb_smb2_query_dir_rsp_decode(pdu, (size_t)n, &got), 0);
	nwb_check(got.entries.len == 8 &&
		  !memcmp(got.entries.data, "entries!", 8));
}

NWB_TEST(smb2_dir, entries_follow_each_other)
{
	struct nwb_smb2_dir_entry a = {.creation_time = 1,
				       .access_time = 2,
				       .write_time = 3,
				       .change_time = 4,
				       .eof = 5,
				       .allocation = 4096,
				       .attributes = NWB_SMB2_ATTR_DIRECTORY,
				       .ea_size = 6,
				       .number = 1ull << 40,
				       .name = BLOB("a\0b\0c\0")};
	struct nwb_smb2_dir_entry b = {.name = BLOB("d\0")}, got;
	uint8_t buf[256];
	size_t next;
	int n = nwb_smb2_dir_entry_encode(buf, sizeof(buf), &a, false), k;

	nwb_check_eq(n, 88); /* 80 + 6, rounded up */
	k = nwb_smb2_dir_entry_encode(buf + n, sizeof(buf) - 88, &b, true);
	nwb_check_eq(k, 82);
	nwb_check_eq(nwb_smb2_dir_entry_decode(buf, 170, &got, &next), 0);
	nwb_check_eq(next, 88);
	nwb_check(got.creation_time == 1 && got.access_time == 2 &&
		  got.write_time == 3 && got.change_time == 4 && got.eof == 5 &&
		  got.allocation == 4096 && got.ea_size == 6 &&
		  got.attributes == NWB_SMB2_ATTR_DIRECTORY &&
		  got.number == 1ull << 40 && got.name.len == 6);
	nwb_check_eq(nwb_smb2_dir_entry_decode(buf + 88, 82, &got, &next), 0);
	nwb_check(!next && got.name.len == 2 && got.name.data[0] == 'd');
	for (size_t cut = 0; cut < 82; cut++) {
		uint8_t *p = exact(buf + 88, cut);

		nwb_check_eq(nwb_smb2_dir_entry_decode(p, cut, &got, &next),
			     -EBADMSG);
		free(p);
	}
	/* the next one begins before this one ends, or behind the buffer */
	buf[0] = 80;
	nwb_check_eq(nwb_smb2_dir_entry_decode(buf, 170, &got, &next),
		     -EBADMSG);
	buf[0] = 171;
	nwb_check_eq(nwb_smb2_dir_entry_decode(buf, 170, &got, &next),
		     -EBADMSG);
	buf[0] = 88;
	memset(buf + 60, 0xff, 4); /* a name of 4 GiB */
	nwb_check_eq(nwb_smb2_dir_entry_decode(buf, 170, &got, &next),
		     -EBADMSG);
	nwb_check_eq(nwb_smb2_dir_entry_encode(buf, 87, &a, false), -ENOSPC);
}

NWB_TEST(smb2_dir, names_to_rename_to)
{
	static const uint8_t want[] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0,   0,
				       0, 0, 0, 0, 0, 2, 0, 0, 0, 'x', 0};
	const struct nwb_smb2_blob x = BLOB("x\0");
	struct nwb_smb2_blob name;
	uint8_t buf[64];
	bool replace = false;

	nwb_check_eq(nwb_smb2_rename_info_encode(buf, sizeof(buf), true, &x),
		     22);
	nwb_check(!memcmp(buf, want, sizeof(want)));
	for (size_t cut = 0; cut < 22; cut++)
		nwb_check_eq(
			nwb_smb2_rename_info_decode(buf, cut, &replace, &name),
			-EBADMSG);
	nwb_check_eq(nwb_smb2_rename_info_decode(buf, 22, &replace, &name), 0);
	nwb_check(replace && name.len == 2 && name.data[0] == 'x');
	nwb_check_eq(nwb_smb2_rename_info_encode(buf, 21, true, &x), -ENOSPC);
}

NWB_TEST(smb2_dir, attributes_and_sizes)
{
	const struct nwb_smb2_basic_info m = {1, 2, 3, 4, 0x20};
	struct nwb_smb2_basic_info got;
	struct nwb_smb2_fs_size st;
	uint8_t buf[NWB_SMB2_BASIC_INFO_LEN], fs[NWB_SMB2_FS_SIZE_LEN] = {0};
	uint64_t number;

	nwb_smb2_basic_info_encode(buf, &m);
	nwb_check_eq(nwb_smb2_basic_info_decode(buf, 36, &got), 0);
	nwb_check(got.creation_time == 1 && got.access_time == 2 &&
		  got.write_time == 3 && got.change_time == 4 &&
		  got.attributes == 0x20);
	nwb_check_eq(nwb_smb2_basic_info_decode(buf, 35, &got), -EBADMSG);
	nwb_check_eq(nwb_smb2_internal_info_decode(buf, 8, &number), 0);
	nwb_check_eq(number, 1);
	nwb_check_eq(nwb_smb2_internal_info_decode(buf, 7, &number), -EBADMSG);
	fs[0] = 100;
	fs[8] = 50;
	fs[16] = 60;
	fs[24] = 8;
	fs[29] = 2;
	nwb_check_eq(nwb_smb2_fs_size_decode(fs, sizeof(fs), &st), 0);
	nwb_check(st.total == 100 && st.avail == 50 && st.free == 60 &&
		  st.unit_bytes == 4096);
	nwb_check_eq(nwb_smb2_fs_size_decode(fs, sizeof(fs) - 1, &st),
		     -EBADMSG);
	fs[29] = 0;
	nwb_check_eq(nwb_smb2_fs_size_decode(fs, sizeof(fs), &st), -EBADMSG);
}

NWB_TEST(smb2_dir, times_go_round)
{
	static const int64_t seconds[] = {
		0, 1, -1, 1234567890, -11644473599ll, 253402300799ll};
	uint32_t nsec;
	int64_t sec;

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(seconds); i++) {
		nwb_smb2_time(nwb_smb2_filetime(seconds[i], 123456700), &sec,
			      &nsec);
		nwb_check_eq(sec, seconds[i]);
		nwb_check_eq(nsec, 123456700);
	}
	nwb_smb2_time(116444736000000000ull, &sec, &nsec);
	nwb_check(sec == 0 && nsec == 0);
	/* what there is no time for; 0 and negative ones mean something else */
	nwb_check_eq(nwb_smb2_filetime(INT64_MIN, 0), 1);
	nwb_check_eq(nwb_smb2_filetime(-NWB_SMB2_EPOCH_SECONDS, 0), 1);
	nwb_check((int64_t)nwb_smb2_filetime(INT64_MAX, 999999999) > 0);
}
