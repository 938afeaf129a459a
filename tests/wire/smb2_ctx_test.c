/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Create contexts, breaks and the buffers of IOCTLs: against the layout that
 * [MS-SMB2] prints, against themselves, and against hostile input in copies of
 * exactly the right size.
 */
#include "nwb/smb2_ctx.h"
#include "nwb/smb2_ioctl.h"
#include "nwb/smb2_pdu.h"
#include "nwb_test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define H NWB_SMB2_HDR_LEN

static const struct nwb_smb2_fid fid = {0x1122334455667788u,
					0x99aabbccddeeff00u};

static struct nwb_smb2_durable_v2 durable(void)
{
	struct nwb_smb2_durable_v2 d = {.timeout_ms = 60000, .fid = fid};

	for (unsigned int i = 0; i < NWB_SMB2_GUID_LEN; i++)
		d.create_guid[i] = (uint8_t)(i + 1);
	return d;
}

static struct nwb_smb2_lease lease(void)
{
	struct nwb_smb2_lease l = {
		.version = 2, .state = NWB_SMB2_LEASE_RWH, .epoch = 7};

	memset(l.key, 0x5a, sizeof(l.key));
	return l;
}

/* All contexts of a client, in one list. */
static size_t all_of_them(uint8_t *buf, size_t size)
{
	struct nwb_smb2_ctx_list list = {.buf = buf, .size = size};
	struct nwb_smb2_durable_v2 d = durable();
	struct nwb_smb2_lease l = lease();

	if (nwb_smb2_ctx_add_durable_v1(&list) ||
	    nwb_smb2_ctx_add_reclaim_v1(&list, &fid) ||
	    nwb_smb2_ctx_add_durable_v2(&list, &d) ||
	    nwb_smb2_ctx_add_reclaim_v2(&list, &d) ||
	    nwb_smb2_ctx_add_lease(&list, &l))
		return 0;
	return list.len;
}

/* [MS-SMB2] 2.2.13.2: offsets from the context's start, data 8-aligned, Next
 * to the following one, none in the last. */
NWB_TEST(smb2_ctx, layout_is_that_of_the_specification)
{
	uint8_t buf[512];
	size_t len = all_of_them(buf, sizeof(buf));
	const uint8_t first[24] = {40, 0, 0,  0, 16, 0, 4,   0,	  0,   0,
				   24, 0, 16, 0, 0,  0, 'D', 'H', 'n', 'Q'};

	nwb_check_eq(len, 40 + 40 + 56 + 64 + 24 + 52);
	nwb_check(memcmp(buf, first, sizeof(first)) == 0);
	nwb_check(memcmp(buf + 40 + 16, "DHnC", 4) == 0);
	nwb_check(memcmp(buf + 80 + 16, "DH2Q", 4) == 0);
	nwb_check(memcmp(buf + 136 + 16, "DH2C", 4) == 0);
	nwb_check_eq(buf[136 + 12], 36);
	nwb_check_eq(buf[136], 64); /* 24 + 36, and 4 of padding */
	nwb_check(memcmp(buf + 200 + 16, "RqLs", 4) == 0);
	nwb_check_eq(buf[200], 0);
	for (size_t n = 0; n < len; n++)
		nwb_check_eq(all_of_them(buf, n), 0);
}

NWB_TEST(smb2_ctx, each_is_found_again)
{
	uint8_t buf[512];
	struct nwb_smb2_blob b, list = {buf, 0};
	struct nwb_smb2_durable_v2 d, want = durable();
	struct nwb_smb2_lease l;
	struct nwb_smb2_fid f;

	list.len = (uint32_t)all_of_them(buf, sizeof(buf));
	nwb_check_eq(nwb_smb2_ctx_find(&list, "DHnQ", &b), 0);
	nwb_check_eq(b.len, 16);
	nwb_check_eq(nwb_smb2_ctx_find_reclaim_v1(&list, &f), 0);
	nwb_check(f.persistent == fid.persistent && f.volatil == fid.volatil);
	nwb_check_eq(nwb_smb2_ctx_find_durable_v2(&list, &d), 0);
	nwb_check_eq(d.timeout_ms, 60000);
	nwb_check(memcmp(d.create_guid, want.create_guid, 16) == 0);
	nwb_check_eq(nwb_smb2_ctx_find_reclaim_v2(&list, &d), 0);
	nwb_check(d.fid.volatil == fid.volatil);
	nwb_check(memcmp(d.create_guid, want.create_guid, 16) == 0);
	nwb_check_eq(nwb_smb2_ctx_find_lease(&list, &l), 0);
	nwb_check_eq(l.version, 2);
	nwb_check_eq(l.state, NWB_SMB2_LEASE_RWH);
	nwb_check_eq(l.epoch, 7);
	nwb_check_eq(nwb_smb2_ctx_find(&list, "MxAc", &b), -ENOENT);
	/* a request's DH2Q is no answer's */
	nwb_check_eq(nwb_smb2_ctx_granted_v2(&list, NULL, &d.flags), -EBADMSG);
	list.len = 0;
	nwb_check_eq(nwb_smb2_ctx_find_lease(&list, &l), -ENOENT);
}

NWB_TEST(smb2_ctx, answers_survive_the_round_trip)
{
	uint8_t buf[256];
	struct nwb_smb2_ctx_list list = {.buf = buf, .size = sizeof(buf)};
	struct nwb_smb2_lease l = lease();
	struct nwb_smb2_blob b;
	uint32_t ms, flags;

	l.version = 1;
	nwb_check_eq(nwb_smb2_ctx_grant_v1(&list), 0);
	nwb_check_eq(nwb_smb2_ctx_grant_v2(&list, 1234, 2), 0);
	nwb_check_eq(nwb_smb2_ctx_add_lease(&list, &l), 0);
	b = (struct nwb_smb2_blob){buf, (uint32_t)list.len};
	nwb_check_eq(nwb_smb2_ctx_granted_v2(&b, &ms, &flags), 0);
	nwb_check_eq(ms, 1234);
	nwb_check_eq(flags, 2);
	nwb_check_eq(nwb_smb2_ctx_find_lease(&b, &l), 0);
	nwb_check_eq(l.version, 1);
}

/* Cut anywhere and with random bytes: an answer, never a byte outside. */
NWB_TEST(smb2_ctx, hostile_lists_do_no_harm)
{
	uint64_t rng = 0x9e3779b97f4a7c15u;
	uint8_t whole[512];
	size_t len = all_of_them(whole, sizeof(whole));
	unsigned int refused = 0;

	for (unsigned int round = 0; round < 20000; round++) {
		size_t n = round <= len ? round : len;
		uint8_t *copy = malloc(n ? n : 1);
		struct nwb_smb2_blob data = {0}, list = {copy, (uint32_t)n};
		int rc;

		memcpy(copy, whole, n);
		for (unsigned int k = 0; n && round > len && k < 3; k++) {
			rng ^= rng << 13;
			rng ^= rng >> 7;
			rng ^= rng << 17;
			copy[rng % n] = (uint8_t)(rng >> 32);
		}
		rc = nwb_smb2_ctx_find(&list, "RqLs", &data);
		nwb_check(rc == 0 || rc == -ENOENT || rc == -EBADMSG);
		if (!rc && data.len)
			nwb_check(data.data >= copy &&
				  data.data + data.len <= copy + n);
		refused += rc == -EBADMSG;
		free(copy);
	}
	nwb_check(refused > 1000);
}

NWB_TEST(smb2_ctx, create_carries_them)
{
	uint8_t ctx[512], pdu[1024], name[] = {'a', 0, 'b', 0, 'c', 0};
	struct nwb_smb2_create_req q = {.oplock = NWB_SMB2_OPLOCK_LEASE,
					.name = {name, sizeof(name)},
					.contexts = {ctx, 0}},
				   q2;
	struct nwb_smb2_create_rsp r = {.fid = fid}, r2;
	struct nwb_smb2_lease l;
	int n;

	q.contexts.len = (uint32_t)all_of_them(ctx, sizeof(ctx));
	r.contexts = q.contexts;
	n = nwb_smb2_create_req_encode(pdu, sizeof(pdu), &q);
	nwb_check_eq(n, H + 56 + 8 + q.contexts.len);
	nwb_check_eq(nwb_smb2_create_req_decode(pdu, (size_t)n, &q2), 0);
	nwb_check_eq(q2.name.len, 6);
	nwb_check_eq(q2.contexts.len, q.contexts.len);
	nwb_check_eq(nwb_smb2_ctx_find_lease(&q2.contexts, &l), 0);
	nwb_check_eq(nwb_smb2_create_req_decode(pdu, (size_t)n - 1, &q2),
		     -EBADMSG);
	n = nwb_smb2_create_rsp_encode(pdu, sizeof(pdu), &r);
	nwb_check_eq(nwb_smb2_create_rsp_decode(pdu, (size_t)n, &r2), 0);
	nwb_check_eq(nwb_smb2_ctx_find_lease(&r2.contexts, &l), 0);
	nwb_check_eq(nwb_smb2_create_rsp_decode(pdu, (size_t)n - 1, &r2),
		     -EBADMSG);
}

NWB_TEST(smb2_ctx, breaks_survive_the_round_trip)
{
	struct nwb_smb2_oplock_break o = {NWB_SMB2_OPLOCK_II, fid}, o2;
	struct nwb_smb2_lease_break b = {.epoch = 3,
					 .flags = NWB_SMB2_BREAK_ACK_REQUIRED,
					 .current_state = 7,
					 .new_state = 3},
				    b2;
	struct nwb_smb2_lease_ack a = {.state = 3}, a2;
	uint8_t pdu[H + 44];

	memset(b.key, 9, sizeof(b.key));
	memset(a.key, 9, sizeof(a.key));
	nwb_check_eq(nwb_smb2_oplock_break_encode(pdu, sizeof(pdu), &o),
		     H + 24);
	nwb_check(!nwb_smb2_break_is_lease(pdu, H + 24));
	nwb_check_eq(nwb_smb2_oplock_break_decode(pdu, H + 24, &o2), 0);
	nwb_check(o2.level == o.level && o2.fid.volatil == fid.volatil);
	nwb_check_eq(nwb_smb2_oplock_break_decode(pdu, H + 23, &o2), -EBADMSG);
	nwb_check_eq(nwb_smb2_lease_break_encode(pdu, sizeof(pdu), &b), H + 44);
	nwb_check(nwb_smb2_break_is_lease(pdu, H + 44));
	nwb_check_eq(nwb_smb2_lease_break_decode(pdu, H + 44, &b2), 0);
	nwb_check(b2.epoch == 3 && b2.flags == b.flags);
	nwb_check(b2.current_state == 7 && b2.new_state == 3);
	nwb_check(memcmp(b.key, b2.key, sizeof(b.key)) == 0);
	nwb_check_eq(nwb_smb2_lease_break_decode(pdu, H + 43, &b2), -EBADMSG);
	nwb_check_eq(nwb_smb2_lease_ack_encode(pdu, sizeof(pdu), &a), H + 36);
	nwb_check(nwb_smb2_break_is_lease(pdu, H + 36));
	nwb_check_eq(nwb_smb2_lease_ack_decode(pdu, H + 36, &a2), 0);
	nwb_check(memcmp(&a, &a2, sizeof(a)) == 0);
	nwb_check_eq(nwb_smb2_lease_ack_decode(pdu, H + 35, &a2), -EBADMSG);
}

NWB_TEST(smb2_ctx, ioctl_buffers_survive_the_round_trip)
{
	static struct nwb_smb2_copychunk c, c2;
	struct nwb_smb2_copychunk_rsp r = {1, 2, 3}, r2;
	uint8_t buf[128];
	uint64_t from, end;

	c.nr_chunks = 2;
	c.chunk[1] = (struct nwb_smb2_chunk){1, 2, 3};
	memset(c.key, 4, sizeof(c.key));
	nwb_check_eq(nwb_smb2_copychunk_encode(buf, 79, &c), -ENOSPC);
	nwb_check_eq(nwb_smb2_copychunk_encode(buf, 80, &c), 80);
	nwb_check_eq(nwb_smb2_copychunk_decode(buf, 80, &c2), 0);
	nwb_check(memcmp(&c, &c2, sizeof(c)) == 0);
	nwb_check_eq(nwb_smb2_copychunk_decode(buf, 79, &c2), -EBADMSG);
	nwb_smb2_copychunk_rsp_encode(buf, &r);
	nwb_check_eq(nwb_smb2_copychunk_rsp_decode(buf, 12, &r2), 0);
	nwb_check(memcmp(&r, &r2, sizeof(r)) == 0);
	nwb_check_eq(nwb_smb2_copychunk_rsp_decode(buf, 11, &r2), -EBADMSG);
	nwb_smb2_zero_data_encode(buf, 5, 9);
	nwb_check_eq(nwb_smb2_zero_data_decode(buf, 16, &from, &end), 0);
	nwb_check(from == 5 && end == 9);
	nwb_smb2_zero_data_encode(buf, 9, 5);
	nwb_check_eq(nwb_smb2_zero_data_decode(buf, 16, &from, &end), -EBADMSG);
}

/* As smbd 4.17 answers FSCTL_QUERY_NETWORK_INTERFACE_INFO on two addresses. */
NWB_TEST(smb2_iface, entries_follow_one_another)
{
	const struct nwb_smb2_iface a = {
		.index = 1,
		.capability = 1,
		.speed = 1000000000,
		.ipv4 = 0x7f000001,
	};
	struct nwb_smb2_iface b = a, m;
	uint8_t buf[2 * NWB_SMB2_IFACE_LEN];
	size_t next = 0, len = sizeof(buf);

	b.ipv4 = 0x7f000002;
	nwb_check_eq(nwb_smb2_iface_encode(buf, len, &a, false),
		     (int)NWB_SMB2_IFACE_LEN);
	nwb_check_eq(nwb_smb2_iface_encode(buf + NWB_SMB2_IFACE_LEN,
					   NWB_SMB2_IFACE_LEN, &b, true),
		     (int)NWB_SMB2_IFACE_LEN);
	nwb_check_eq(
		nwb_smb2_iface_encode(buf, NWB_SMB2_IFACE_LEN - 1, &a, true),
		-ENOSPC);
	nwb_check(!memcmp(buf + 24, "\x02\0\0\0\x7f\0\0\x01", 8));
	nwb_check_eq(nwb_smb2_iface_decode(buf, len, &m, &next), 0);
	nwb_check_eq(next, NWB_SMB2_IFACE_LEN);
	nwb_check_eq(m.index, 1);
	nwb_check_eq(m.capability, 1);
	nwb_check_eq(m.speed, 1000000000);
	nwb_check_eq(m.ipv4, 0x7f000001);
	nwb_check_eq(nwb_smb2_iface_decode(buf + next, len - next, &m, &next),
		     0);
	nwb_check_eq(next, 0);
	nwb_check_eq(m.ipv4, 0x7f000002);
	/* IPv6 is another family: no address that is of use here */
	buf[24] = 0x17;
	nwb_check_eq(nwb_smb2_iface_decode(buf, len, &m, &next), 0);
	nwb_check_eq(m.ipv4, 0);
}

NWB_TEST(smb2_iface, nonsense_is_refused)
{
	uint8_t buf[2 * NWB_SMB2_IFACE_LEN] = {0};
	struct nwb_smb2_iface m;
	size_t next;

	for (size_t len = 0; len < NWB_SMB2_IFACE_LEN; len++)
		nwb_check_eq(nwb_smb2_iface_decode(buf, len, &m, &next),
			     -EBADMSG);
	buf[0] = NWB_SMB2_IFACE_LEN - 1; /* into itself */
	nwb_check_eq(nwb_smb2_iface_decode(buf, sizeof(buf), &m, &next),
		     -EBADMSG);
	buf[0] = 0x31; /* beyond the end */
	buf[1] = 0x01;
	nwb_check_eq(nwb_smb2_iface_decode(buf, sizeof(buf), &m, &next),
		     -EBADMSG);
}
