/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What Linux clients promise, by kernel, file system and mount options. */
#include "nwb/oracle.h"
#include "nwb_test.h"

#include <errno.h>
#include <string.h>

static struct nwb_policy policy(const char *flavour, const char *type,
				const char *options)
{
	struct nwb_policy p = {0};
	struct nwb_err err;

	nwb_check_eq(nwb_policy_linux(flavour, type, options, &p, &err), 0);
	nwb_check(p.foreign);
	nwb_check(!p.redirty);
	nwb_check_eq(p.max_attempts, 0);
	return p;
}

static bool retries(const struct nwb_policy *p, uint32_t status)
{
	for (unsigned int i = 0; i < p->nr_retryable; i++)
		if (p->retryable[i] == status)
			return true;
	return false;
}

NWB_TEST(policy, cifs_is_soft_unless_told)
{
	nwb_check(!policy("linux-7.2", "cifs", NULL).hard);
	nwb_check_eq(policy("linux-7.2", "cifs", "").patience_ns, 10 * NWB_SEC);
	nwb_check(policy("linux-7.2", "cifs", "vers=3.1.1,hard").hard);
	nwb_check(!policy("linux-7.2", "cifs", "hard,soft").hard);
	nwb_check(policy("linux-7.2", "cifs", "hard,soft").cut_is_final);
	nwb_check(!policy("linux-6.12", "cifs", "hard").cut_is_final);
	nwb_check(policy("linux-7.2", "smb3", "soft,hard,cache=loose").hard);
	nwb_check(!policy("linux-7.2", "cifs", "hardly,nohard").hard);
}

NWB_TEST(policy, cifs_kernels_differ)
{
	struct nwb_policy old = policy("linux-6.12", "cifs", "sign");
	struct nwb_policy new = policy("linux-7.2", "cifs", "sign");

	nwb_check(!old.stable_pages);
	nwb_check(new.stable_pages);
	nwb_check(!old.short_is_final);
	nwb_check(new.short_is_final);
	nwb_check(!retries(&old, 0xc0000241));
	nwb_check(retries(&new, 0xc0000241));
	nwb_check(retries(&old, 0xc000009a) && retries(&new, 0xc000009a));
	nwb_check(!retries(&new, 0xc000007f)); /* DISK_FULL */
	nwb_check(new.flush_on_close &&new.close_volatile);
	nwb_check(!policy("linux-7.2", "cifs", "sec=ntlmssp").stable_pages);
	nwb_check(policy("linux-7.2", "cifs", "sec=ntlmsspi").stable_pages);
}

NWB_TEST(policy, cache_modes_are_checked)
{
	struct nwb_policy p = {0};
	struct nwb_err err;

	nwb_check_eq(policy("linux-7.2", "cifs", "cache=none").folio_max, 1);
	nwb_check_eq(policy("linux-7.2", "cifs", "cache=loose").folio_max,
		     NWB_FOLIO_MAX);
	nwb_check_eq(policy("linux-7.2", "9p", "cache=mmap,ignoreqv").folio_max,
		     4096);
	nwb_check_eq(policy("linux-7.2", "9p", NULL).folio_max, 1);
	nwb_check_eq(
		nwb_policy_linux("linux-7.2", "cifs", "cache=mmap", &p, &err),
		-EINVAL);
	nwb_check_streq(err.text, "cifs has no cache=mmap");
	nwb_check_eq(
		nwb_policy_linux("linux-7.2", "9p", "cache=strict", &p, &err),
		-EINVAL);
	nwb_check_eq(nwb_policy_linux("linux-7.2", "nfs", NULL, &p, &err),
		     -EINVAL);
	nwb_check_eq(nwb_policy_linux("strict", "cifs", NULL, &p, &err),
		     -EINVAL);
	nwb_check(!p.foreign); /* written on success only */
}

NWB_TEST(policy, the_others)
{
	struct nwb_policy p = policy("linux-6.12", "9p", "trans=tcp");

	nwb_check(p.is_9p && !p.flush_on_close && !p.nr_retryable);
	nwb_check_eq(p.fence, NWB_FENCE_NONE);
	p = policy("linux-6.12", "fuse", "writeback");
	nwb_check(p.stable_pages && p.flush_on_close && !p.is_9p);
	nwb_check(!policy("linux-6.12", "fuse", NULL).stable_pages);
	nwb_check(!policy("linux-7.2", "fuse", "writeback").stable_pages);
}

NWB_TEST(policy, text_is_one_line_and_cut)
{
	struct nwb_policy p = policy("linux-7.2", "cifs", "hard");
	char text[300], small[16];

	nwb_check(strstr(nwb_policy_text(&p, text, sizeof(text)),
			 "waits for ever, any number of attempts"));
	nwb_check(strstr(text, "close promises writeback"));
	nwb_check(!strchr(text, '\n'));
	nwb_policy_text(&p, small, sizeof(small));
	nwb_check_eq(strlen(small), sizeof(small) - 1);
	p = policy("linux-7.2", "cifs", NULL);
	nwb_check(
		strstr(nwb_policy_text(&p, text, sizeof(text)), "waits 10 s"));
}
