/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a module says of itself, and which of them a guest gets. */
#include "make_elf.h"
#include "tree.h"

#define INFO(text) text, sizeof(text)

NWB_TEST(kernel_modinfo, reads_values_by_key_and_turn)
{
	uint8_t elf[1024];
	char value[32];
	size_t len = elf_make(INFO("license=GPL\0depends=a,b\0softdep=pre: c\0"
				   "softdep=post: d\0depend=x"),
			      elf);

	nwb_check_eq(
		kernel_modinfo(elf, len, "depends", 0, value, sizeof(value)),
		0);
	nwb_check_streq(value, "a,b");
	nwb_check_eq(
		kernel_modinfo(elf, len, "depends", 1, value, sizeof(value)),
		-ENOENT);
	nwb_check_eq(
		kernel_modinfo(elf, len, "softdep", 1, value, sizeof(value)),
		0);
	nwb_check_streq(value, "post: d");
	nwb_check_eq(kernel_modinfo(elf, len, "softdep", 1, value, 7), -ENOSPC);
	nwb_check_eq(kernel_modinfo(elf, len, "softdep", 1, value, 8), 0);
	nwb_check_eq(kernel_modinfo(elf, len, "alias", 0, value, sizeof(value)),
		     -ENOENT);
}

/* Under AddressSanitizer a byte too far ends the test. */
NWB_TEST(kernel_modinfo, a_cut_or_changed_file_is_refused_or_read)
{
	uint8_t elf[1024];
	char value[32];
	size_t len = elf_make(INFO("depends=a,b\0vermagic=6.12"), elf);
	unsigned int refused = 0;

	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = malloc(n ? n : 1);

		nwb_check(cut != NULL);
		memcpy(cut, elf, n);
		refused += kernel_modinfo(cut, n, "vermagic", 0, value,
					  sizeof(value)) == -EBADMSG;
		free(cut);
	}
	/* the section headers are its end: without all of them, nothing */
	nwb_check_eq(refused, len);
	for (size_t bit = 0; bit < len * 8; bit++) {
		uint8_t *bad = malloc(len);
		int rc;

		nwb_check(bad != NULL);
		memcpy(bad, elf, len);
		bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		rc = kernel_modinfo(bad, len, "vermagic", 0, value,
				    sizeof(value));
		nwb_check(rc == 0 || rc == -EBADMSG || rc == -ENOENT ||
			  rc == -ENOSPC);
		free(bad);
	}
}

/* --- packing -------------------------------------------------------------- */

static void put_module(const struct tree *t, const char *path, const char *info,
		       size_t len)
{
	uint8_t elf[1024];
	char full[256];

	snprintf(full, sizeof(full), "lib/kernel/%s", path);
	tree_put(t, full, elf, elf_make(info, len, elf), 0600);
}

/* All that the lane cannot do without, but cifs. */
static const char builtin[] = "kernel/fs/fuse/fuse.ko\n"
			      "kernel/drivers/virtio/virtio_pci.ko\n"
			      "kernel/drivers/net/virtio_net.ko\n"
			      "kernel/drivers/char/virtio_console.ko\n"
			      "kernel/fs/netfs/netfs.ko\n"
			      "kernel/net/9p/9pnet_fd.ko\n"
			      "kernel/fs/9p/9p.ko\n";

static char *order_of(const struct tree *t)
{
	char *text = kernel_text(tree_path(t, "mod/order"));

	nwb_check(text != NULL);
	return text;
}

NWB_TEST(kernel_modules, what_is_needed_comes_first)
{
	struct nwb_err err = {0};
	unsigned int nr = 0;
	struct tree t;
	char *order;

	tree_make(&t);
	tree_text(&t, "lib/modules.builtin", builtin);
	put_module(&t, "fs/smb/client/cifs.ko",
		   INFO("depends=cifs-arc4,dns_resolver\0softdep=pre: ccm "
			"nosuch"));
	put_module(&t, "fs/smb/common/cifs_arc4.ko", INFO("depends="));
	put_module(&t, "net/dns_resolver.ko", INFO("depends="));
	put_module(&t, "crypto/ccm.ko", INFO("depends=ctr"));
	put_module(&t, "crypto/ctr.ko", INFO("license=GPL"));
	put_module(&t, "net/unwanted.ko", INFO("depends="));
	nwb_check_eq(kernel_modules_pack(tree_path(&t, "lib"),
					 tree_path(&t, "mod"), false, &nr,
					 &err),
		     0);
	nwb_check_eq(nr, 5);
	order = order_of(&t);
	nwb_check_streq(order, "cifs_arc4.ko\ndns_resolver.ko\nctr.ko\n"
			       "ccm.ko\ncifs.ko\n");
	free(order);
	nwb_check(tree_has(&t, "mod/cifs.ko"));
	nwb_check(!tree_has(&t, "mod/unwanted.ko"));
	tree_drop(&t);
}

NWB_TEST(kernel_modules, compressed_ones_are_decompressed)
{
	struct nwb_err err = {0};
	char command[256], *elf;
	struct tree t;

	if (kernel_tool("xz", "xz-utils", &err))
		nwb_test_skip("there is no xz");
	tree_make(&t);
	tree_text(&t, "lib/modules.builtin", builtin);
	put_module(&t, "cifs.ko", INFO("depends="));
	snprintf(command, sizeof(command), "xz '%s'",
		 tree_path(&t, "lib/kernel/cifs.ko"));
	nwb_check_eq(system(command), 0);
	nwb_check_eq(kernel_modules_pack(tree_path(&t, "lib"),
					 tree_path(&t, "mod"), false, NULL,
					 &err),
		     0);
	elf = kernel_text(tree_path(&t, "mod/cifs.ko"));
	nwb_check(elf != NULL && !memcmp(elf, "\177ELF", 4));
	free(elf);
	/* a file that is cut is refused by its name */
	tree_put(&t, "lib/kernel/cifs.ko.xz",
		 "\375"
		 "7zXZ",
		 5, 0600);
	nwb_check_eq(kernel_rmtree(tree_path(&t, "mod")), 0);
	nwb_check_eq(kernel_modules_pack(tree_path(&t, "lib"),
					 tree_path(&t, "mod"), false, NULL,
					 &err),
		     -ENOEXEC);
	nwb_check(strstr(err.text, "module cifs") != NULL);
	tree_drop(&t);
}

NWB_TEST(kernel_modules, what_the_lane_needs_and_is_missing_is_named)
{
	struct nwb_err err = {0};
	struct tree t;

	tree_make(&t);
	tree_text(&t, "lib/modules.builtin", builtin);
	put_module(&t, "other.ko", INFO("depends="));
	nwb_check_eq(kernel_modules_pack(tree_path(&t, "lib"),
					 tree_path(&t, "mod"), false, NULL,
					 &err),
		     -ENOENT);
	nwb_check(strstr(err.text, "no module cifs") != NULL);
	/* so is what one of those needs */
	put_module(&t, "cifs.ko", INFO("depends=lost"));
	nwb_check_eq(kernel_modules_pack(tree_path(&t, "lib"),
					 tree_path(&t, "mod"), false, NULL,
					 &err),
		     -ENOENT);
	nwb_check(strstr(err.text, "no module lost") != NULL);
	tree_drop(&t);
}

NWB_TEST(kernel_modules, circles_end)
{
	struct nwb_err err = {0};
	struct tree t;
	char *order;

	tree_make(&t);
	tree_text(&t, "lib/modules.builtin", builtin);
	put_module(&t, "cifs.ko", INFO("depends=\0softdep=pre: gcm"));
	put_module(&t, "gcm.ko", INFO("depends=\0softdep=post: cifs"));
	nwb_check_eq(kernel_modules_pack(tree_path(&t, "lib"),
					 tree_path(&t, "mod"), false, NULL,
					 &err),
		     0);
	order = order_of(&t);
	nwb_check_streq(order, "gcm.ko\ncifs.ko\n");
	free(order);
	tree_drop(&t);
}

NWB_TEST(kernel_modules, uml_has_its_own_network)
{
	struct nwb_err err = {0};
	struct tree t;

	tree_make(&t);
	tree_text(&t, "lib/modules.builtin",
		  "kernel/fs/fuse/fuse.ko\nkernel/fs/netfs/netfs.ko\n"
		  "kernel/net/9p/9pnet_fd.ko\nkernel/fs/9p/9p.ko\n");
	put_module(&t, "cifs.ko", INFO("depends="));
	nwb_check_eq(kernel_modules_pack(tree_path(&t, "lib"),
					 tree_path(&t, "mod"), true, NULL,
					 &err),
		     0);
	nwb_check_eq(kernel_rmtree(tree_path(&t, "mod")), 0);
	nwb_check_eq(kernel_modules_pack(tree_path(&t, "lib"),
					 tree_path(&t, "mod"), false, NULL,
					 &err),
		     -ENOENT);
	nwb_check(strstr(err.text, "no module virtio_pci") != NULL);
	tree_drop(&t);
}
