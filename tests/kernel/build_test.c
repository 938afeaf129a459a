/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building a tree, on one whose Makefile does as kbuild does, in a second: the
 * configuration is the fragment, the image a text. How a real tree is built is
 * shown by `netwb kernel build` itself.
 */
#include "tree.h"

static const char makefile[] =
	"ifneq ($(ARCH),um)\n$(error not for um)\nendif\n"
	"allnoconfig:\n"
	"\t@grep -v '^CONFIG_CIFS_STATS2=' $(KCONFIG_ALLCONFIG) > $(O)/.config"
	"\n\t@[ ! -e $(CURDIR)/old ] || sed -i '/^CONFIG_FUSE_FS=/d' "
	"$(O)/.config\n"
	"\t@[ -e $(CURDIR)/poor ] || echo CONFIG_CIFS_STATS2=y >> $(O)/.config"
	"\nlinux:\n"
	"\t@echo '  CC      fs/x.o'\n"
	"\t@[ ! -e $(CURDIR)/bad ] || { echo \"fs/x.c:3:1: error: broken\"; "
	"echo later; exit 1; }\n"
	"\t@mkdir -p $(O)/include/config\n"
	"\t@echo 9.9.1-uml > $(O)/include/config/kernel.release\n"
	"\t@cat $(CURDIR)/version > $(O)/linux\n";

static void tree_source(const struct tree *t)
{
	tree_text(t, "linux/Makefile", makefile);
	tree_text(t, "linux/Kbuild", "");
	tree_text(t, "linux/Kconfig", "");
	tree_text(t, "linux/arch/um/Kconfig", "");
	tree_text(t, "linux/version", "one");
}

static int build(const struct tree *t, bool kasan, struct nwb_kernel *k,
		 struct nwb_err *err)
{
	struct nwb_kernel_build b = {.jobs = 1, .kasan = kasan};
	int rc = nwb_kernel_build(tree_path(t, "linux"), &b, NULL, k, err);

	if (!rc)
		nwb_check(!access(b.log, R_OK) && b.seconds >= 0);
	return rc;
}

/* Programs that only a real tree needs: it is enough that they are there. */
static void fake_tools(const struct tree *t)
{
	static const char *const tools[] = {"bin/flex", "bin/bison", "bin/bc"};
	const char *path = getenv("PATH");
	char text[4096];

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(tools); i++)
		tree_put(t, tools[i], "", 0, 0700);
	snprintf(text, sizeof(text), "%s:%s", tree_path(t, "bin"),
		 path ? path : "/usr/bin:/bin");
	nwb_check_eq(setenv("PATH", text, 1), 0);
}

static void check_image(const struct nwb_kernel *k, const char *want)
{
	char *text = kernel_text(k->image);

	nwb_check(text != NULL);
	nwb_check_streq(text, want);
	free(text);
}

NWB_TEST(kernel_build, is_beside_the_tree_and_found_again)
{
	struct nwb_err err = {0};
	struct nwb_kernel k, again;
	struct tree t;

	tree_make(&t);
	fake_tools(&t);
	tree_source(&t);
	nwb_check_eq(build(&t, false, &k, &err), 0);
	nwb_check_eq(k.kind, NWB_KERNEL_UML);
	nwb_check_streq(k.release, "9.9.1-uml");
	nwb_check(!strncmp(k.name, "linux-", 6));
	nwb_check_streq(k.from, tree_path(&t, "linux"));
	nwb_check(k.is_config_known && k.has & NWB_KERNEL_HAS_FUSE);
	nwb_check(!(k.has & NWB_KERNEL_HAS_KASAN));
	check_image(&k, "one");
	/* the tree is as it was */
	nwb_check(!tree_has(&t, "linux/.config"));
	nwb_check(!tree_has(&t, "linux/linux"));
	nwb_check_eq(nwb_kernel_resolve("9.9-uml", NULL, NULL, &again, &err),
		     0);
	nwb_check_streq(again.name, k.name);
	/* a tree as a word is built again, in the same place */
	tree_text(&t, "linux/version", "two");
	nwb_check_eq(nwb_kernel_resolve(tree_path(&t, "linux"), NULL, NULL,
					&again, &err),
		     0);
	nwb_check_streq(again.name, k.name);
	check_image(&again, "two");
	/* KASAN's has a place of its own */
	nwb_check_eq(build(&t, true, &again, &err), 0);
	nwb_check(strcmp(again.name, k.name) != 0);
	nwb_check(again.has & NWB_KERNEL_HAS_KASAN);
	tree_drop(&t);
}

NWB_TEST(kernel_build, failing_keeps_the_kernel_of_before)
{
	struct nwb_err err = {0};
	struct nwb_kernel k;
	struct tree t;

	tree_make(&t);
	fake_tools(&t);
	tree_source(&t);
	nwb_check_eq(build(&t, false, &k, &err), 0);
	tree_text(&t, "linux/bad", "");
	tree_text(&t, "linux/version", "two");
	nwb_check_eq(build(&t, false, &k, &err), -ENOEXEC);
	nwb_check(strstr(err.text, "fs/x.c:3:1: error: broken") != NULL);
	nwb_check_eq(nwb_kernel_resolve("9.9-uml", NULL, NULL, &k, &err), 0);
	check_image(&k, "one");
	tree_drop(&t);
}

NWB_TEST(kernel_build, options_that_the_tree_does_not_give_are_named)
{
	struct nwb_err err = {0};
	struct nwb_kernel k;
	struct tree t;

	tree_make(&t);
	fake_tools(&t);
	tree_source(&t);
	tree_text(&t, "linux/poor", "");
	tree_text(&t, "linux/old", "");
	nwb_check_eq(build(&t, false, &k, &err), -ENODATA);
	nwb_check(strstr(err.text, "2 of the options") != NULL);
	nwb_check(strstr(err.text, "CONFIG_CIFS_STATS2") != NULL);
	nwb_check(strstr(err.text, "CONFIG_FUSE_FS") != NULL);
	tree_drop(&t);
}

NWB_TEST(kernel_build, missing_tools_are_asked_for_first)
{
	struct nwb_err err = {0};
	struct nwb_kernel k;
	struct tree t;

	tree_make(&t);
	tree_source(&t);
	tree_put(&t, "bin/make", "", 0, 0700);
	tree_put(&t, "bin/gcc", "", 0, 0700);
	nwb_check_eq(setenv("PATH", tree_path(&t, "bin"), 1), 0);
	nwb_check_eq(build(&t, false, &k, &err), -ENOEXEC);
	nwb_check(strstr(err.text, "apt-get install flex") != NULL);
	tree_drop(&t);
}

NWB_TEST(kernel_build, refuses_what_it_cannot_build_beside)
{
	struct nwb_err err = {0};
	struct nwb_kernel k;
	struct tree t;

	tree_make(&t);
	tree_source(&t);
	tree_text(&t, "linux/.config", "");
	nwb_check_eq(build(&t, false, &k, &err), -EBUSY);
	nwb_check(strstr(err.text, "make mrproper") != NULL);
	nwb_check_eq(unlink(tree_path(&t, "linux/Kbuild")), 0);
	nwb_check_eq(build(&t, false, &k, &err), -ENOTDIR);
	nwb_check_eq(kernel_rmtree(tree_path(&t, "linux")), 0);
	nwb_check_eq(build(&t, false, &k, &err), -ENOENT);
	tree_drop(&t);
}
