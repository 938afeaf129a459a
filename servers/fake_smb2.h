/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State of one SMB2 connection of the fake, and smbd's credit rules.
 *
 * MessageIds, source3/smbd/smb2_server.c (smb2_validate_message_id,
 * smb2_set_operation_credit):
 *
 *	      seq_low              seq_low + seq_range
 *	 used │ used free used ... │ not yet granted
 *	      └── window: each may be used once; the low end moves up over what
 *	          was used; granting widens the high end
 *
 *	granted: credits the client holds, spent when a request arrives
 */
#ifndef NWB_SERVERS_FAKE_SMB2_H
#define NWB_SERVERS_FAKE_SMB2_H

#include "fake_i.h"

/**
 * struct fake_credits - see above.
 * @used: ring of 2 * @max, by MessageId
 * @withheld: granted in truth, kept back by a fault
 * @open: requests that have no final answer yet
 */
struct fake_credits {
	uint64_t seq_low;
	uint32_t seq_range;
	uint32_t granted;
	uint32_t max;
	bool *used;
	uint32_t withheld;
	uint32_t open;
};

int nwb_fake_credits_init(struct fake_credits *cr, uint32_t max) nwb_must_check;
void nwb_fake_credits_fini(struct fake_credits *cr);
/** nwb_fake_credits_take() - a request of @charge >= 1 arrived.
 * Return: NULL, or what rule was broken; then the connection must end. */
const char *nwb_fake_credits_take(struct fake_credits *cr, uint64_t mid,
				  uint32_t charge) nwb_must_check;
/** nwb_fake_credits_due() - what smbd's rules grant for a request.
 * @additional_max: 0 for NEGOTIATE and unfinished SESSION_SETUPs, else any */
uint32_t nwb_fake_credits_due(const struct fake_credits *cr, uint32_t charge,
			      uint32_t requested, uint32_t additional_max);
/** nwb_fake_credits_give() - @n go to the client. */
void nwb_fake_credits_give(struct fake_credits *cr, uint32_t n);

struct fake_open {
	struct nwb_list link;
	struct nwb_smb2_fid fid;
	struct fake_file *file;
};

/**
 * struct fake_smb2 - @session_id, @tree_id: 0 = none. @is_deleted: another
 * session named this one as its predecessor.
 */
struct fake_smb2 {
	struct fake_credits credits;
	uint16_t dialect;
	uint64_t session_id;
	bool is_authenticated;
	bool is_deleted;
	uint32_t tree_id;
	struct nwb_list opens;
};

/**
 * nwb_fake_smb2_answer() - finish a response and queue it.
 * @r: body encoded at bytes + 4 + 64
 * @req: header of the request
 * @status, @len: NTSTATUS; length of the PDU
 * @delay: send it that much later
 * @async: credits went with the interim response, which bore this AsyncId;
 *	0 = none
 */
void nwb_fake_smb2_answer(struct fake_conn *c, struct fake_reply *r,
			  const struct nwb_smb2_hdr *req, uint32_t status,
			  int len, uint64_t delay, uint64_t async);
/** nwb_fake_smb2_error() - an answer with an error body. */
void nwb_fake_smb2_error(struct fake_conn *c, const struct nwb_smb2_hdr *req,
			 uint32_t status);

/* --- fake_smb2_file.c: requests on files; @p is the PDU ------------------- */
void nwb_fake_smb2_create(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			  const uint8_t *p, size_t len);
void nwb_fake_smb2_close(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			 const uint8_t *p, size_t len);
void nwb_fake_smb2_flush(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			 const uint8_t *p, size_t len);
void nwb_fake_smb2_read(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			const uint8_t *p, size_t len);
void nwb_fake_smb2_write(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			 const uint8_t *p, size_t len);
void nwb_fake_smb2_query(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			 const uint8_t *p, size_t len);
void nwb_fake_smb2_set(struct fake_conn *c, const struct nwb_smb2_hdr *h,
		       const uint8_t *p, size_t len);
void nwb_fake_smb2_write_begin(struct fake_conn *c, struct fake_op *op);
void nwb_fake_smb2_write_done(struct fake_conn *c, struct fake_op *op);
void nwb_fake_smb2_close_all(struct fake_smb2 *s);

#endif
