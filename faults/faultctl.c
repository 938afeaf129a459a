/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The harness's end of the shared page: making, mapping, healing, waiting.
 */
#include "nwb/faultctl.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* map() - NULL and errno on failure. */
static struct nwb_fc_page *map(int fd)
{
	void *p = mmap(NULL, sizeof(struct nwb_fc_page), PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

int nwb_fc_create(int *ret_fd, struct nwb_fc_page **ret_page)
{
	int fd = memfd_create("nwb-faultctl", MFD_CLOEXEC), err;
	struct nwb_fc_page *page = NULL;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, sizeof(*page)))
		page = map(fd);
	if (!page) {
		err = -errno;
		close(fd);
		return err;
	}
	page->magic = NWB_FC_MAGIC;
	page->version = NWB_FC_VERSION;
	page->size = sizeof(*page);
	*ret_fd = fd;
	*ret_page = page;
	return 0;
}

int nwb_fc_map(int fd, struct nwb_fc_page **ret_page)
{
	struct nwb_fc_page *page;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size != (off_t)sizeof(*page))
		return -EINVAL;
	page = map(fd);
	if (!page)
		return -errno;
	if (page->magic != NWB_FC_MAGIC || page->version != NWB_FC_VERSION ||
	    page->size != sizeof(*page) || page->nr_rules > NWB_FC_RULES) {
		nwb_fc_unmap(page);
		return -EINVAL;
	}
	*ret_page = page;
	return 0;
}

void nwb_fc_unmap(struct nwb_fc_page *page)
{
	if (page)
		munmap(page, sizeof(*page));
}

uint64_t nwb_fc_hits(const struct nwb_fc_page *page, unsigned int rule)
{
	nwb_assert(rule < page->nr_rules);
	return atomic_load(&page->state[rule].hits);
}

uint64_t nwb_fc_matches(const struct nwb_fc_page *page, unsigned int rule)
{
	nwb_assert(rule < page->nr_rules);
	return atomic_load(&page->state[rule].matches);
}

static void kick(struct nwb_fc_page *page)
{
	atomic_fetch_add(&page->kick, 1);
	syscall(SYS_futex, &page->kick, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void nwb_fc_heal(struct nwb_fc_page *page)
{
	atomic_store(&page->healed, 1);
	kick(page);
}

void nwb_fc_set_phase(struct nwb_fc_page *page, unsigned int phase)
{
	nwb_assert(phase <= page->nr_phases);
	atomic_store(&page->phase, phase);
}

void nwb_fc_arm(struct nwb_fc_page *page, unsigned int rule, bool armed)
{
	nwb_assert(rule < page->nr_rules);
	atomic_store(&page->state[rule].armed, armed);
}

static bool wants_pdus(const struct nwb_fc_page *page)
{
	return page->ev_mask & (1u << NWB_FC_EV_REQUEST |
				1u << NWB_FC_EV_REPLY | 1u << NWB_FC_EV_GRANT);
}

static const char *seal_refusal(const struct nwb_fc_page *page)
{
	switch ((enum nwb_fc_seal)atomic_load(&page->seal)) {
	case NWB_FC_SEAL_MISSING:
		return "the session is encrypted; its messages can be read in "
		       "Samba 4.17.12-Debian only, this is another version";
	case NWB_FC_SEAL_SHAPE:
		return "the session is encrypted, and smb2_signing_decrypt_pdu "
		       "or smb2_signing_encrypt_pdu was called with something "
		       "that is no message";
	default:
		return "the session is encrypted, and smbd encrypts or "
		       "decrypts without passing the shim";
	}
}

const char *nwb_fc_refusal(const struct nwb_fc_page *page)
{
	if (!atomic_load(&page->attached))
		return "the server runs without the shim";
	if (wants_pdus(page) && atomic_load(&page->nr_encrypted))
		return seal_refusal(page);
	if (atomic_load(&page->nr_written) && !atomic_load(&page->nr_pwrites))
		return "the server writes files in a way that the shim does "
		       "not see";
	if (!(page->ev_mask & 1u << NWB_FC_EV_GRANT))
		return NULL;
	switch ((enum nwb_fc_sign)atomic_load(&page->sign)) {
	case NWB_FC_SIGN_MISSING:
		/* Sessions that do not sign can do without. */
		if (!atomic_load(&page->nr_signed))
			return NULL;
		return "credits of signed sessions can be rewritten in Samba "
		       "4.17.12-Debian only, this is another version";
	case NWB_FC_SIGN_SHAPE:
		return "smb2_signing_sign_pdu was called with something that "
		       "is no SMB2 header";
	case NWB_FC_SIGN_BYPASSED:
		return "smbd signs replies without passing the shim";
	default:
		return NULL;
	}
}
