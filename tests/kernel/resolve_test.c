/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words, and the kernels that they mean. */
#include "tree.h"

#include <sys/stat.h>
#include <sys/utsname.h>

static int resolve(const char *word, struct nwb_kernel *k, struct nwb_err *err)
{
	return nwb_kernel_resolve(word, NULL, NULL, k, err);
}

NWB_TEST(kernel_resolve, series_means_the_newest_of_its_kind)
{
	struct nwb_err err = {0};
	struct nwb_kernel k;
	struct tree t;

	tree_make(&t);
	tree_kernel(&t, "6.12.9-amd64", NWB_KERNEL_QEMU, "6.12.9-amd64");
	tree_kernel(&t, "6.12.43-amd64", NWB_KERNEL_QEMU, "6.12.43-amd64");
	tree_kernel(&t, "6.120.1-amd64", NWB_KERNEL_QEMU, "6.120.1-amd64");
	tree_kernel(&t, "linux-1", NWB_KERNEL_UML, "6.12.99-uml");
	tree_kernel(&t, "linux-1-kasan", NWB_KERNEL_UML, "6.12.100-uml");
	nwb_check_eq(resolve("6.12", &k, &err), 0);
	nwb_check_streq(k.name, "6.12.43-amd64");
	nwb_check_eq(resolve("6.12.9", &k, &err), 0);
	nwb_check_streq(k.name, "6.12.9-amd64");
	nwb_check_eq(resolve("6.12-uml", &k, &err), 0);
	nwb_check_streq(k.name, "linux-1");
	nwb_check_eq(resolve("linux-1-kasan", &k, &err), 0);
	nwb_check_streq(k.release, "6.12.100-uml");
	nwb_check_eq(resolve("linux-image-6.12.9-amd64", &k, &err), 0);
	nwb_check_streq(k.name, "6.12.9-amd64");
	nwb_check_eq(resolve("7.2", &k, &err), -ENOENT);
	nwb_check(strstr(err.text, "`netwb kernel get 7.2`") != NULL);
	nwb_check_eq(resolve("7.2-uml", &k, &err), -ENOENT);
	nwb_check(strstr(err.text, "get 7.2 --source") != NULL);
	tree_drop(&t);
}

/* The build of a tree that somebody has changed must not pass for the series.
 */
NWB_TEST(kernel_resolve, series_means_the_distributions_source_first)
{
	struct nwb_err err = {0};
	struct nwb_kernel k;
	struct tree t;

	tree_make(&t);
	tree_kernel_from(&t, "linux-1", NWB_KERNEL_UML, "7.2.12-uml",
			 tree_path(&t, "cache/netwb/kernel/source/linux"));
	tree_kernel_from(&t, "linux-2", NWB_KERNEL_UML, "7.2.13-uml", "/mine");
	nwb_check_eq(resolve("7.2-uml", &k, &err), 0);
	nwb_check_streq(k.name, "linux-1");
	/* by its release it is still to be had, and by its name */
	nwb_check_eq(resolve("7.2.13-uml", &k, &err), 0);
	nwb_check_streq(k.name, "linux-2");
	nwb_check_eq(resolve("linux-2", &k, &err), 0);
	nwb_check_streq(k.from, "/mine");
	tree_drop(&t);
}

NWB_TEST(kernel_resolve, host_is_what_runs)
{
	struct nwb_err err = {0};
	struct utsname uts;
	struct nwb_kernel k;

	nwb_check_eq(uname(&uts), 0);
	nwb_check_eq(resolve("host", &k, &err), 0);
	nwb_check_eq(k.kind, NWB_KERNEL_HOST);
	nwb_check_streq(k.release, uts.release);
	nwb_check_streq(k.image, "");
	nwb_check_streq(k.flavour, nwb_kernel_flavour(uts.release));
}

NWB_TEST(kernel_resolve, what_is_no_kernel_is_refused)
{
	struct nwb_err err = {0};
	struct nwb_kernel k;
	struct tree t;

	tree_make(&t);
	tree_text(&t, "dir/file", "x");
	tree_text(&t, "text", "User Mode Linux");
	nwb_check_eq(resolve(tree_path(&t, "nothing"), &k, &err), -ENOENT);
	nwb_check(strstr(err.text, "netwb kernel list") != NULL);
	nwb_check_eq(resolve("", &k, &err), -ENOENT);
	nwb_check_eq(resolve(tree_path(&t, "dir"), &k, &err), -ENOTDIR);
	nwb_check_eq(resolve(tree_path(&t, "dir/file"), &k, &err), -EINVAL);
	/* a file is not run to be asked unless it could be one */
	nwb_check_eq(resolve(tree_path(&t, "text"), &k, &err), -EINVAL);
	nwb_check_eq(resolve("/bin/true", &k, &err), -EINVAL);
	tree_text(&t, "x.deb", "no package");
	nwb_check_eq(resolve(tree_path(&t, "x.deb"), &k, &err), -EINVAL);
	tree_drop(&t);
}

NWB_TEST(kernel_resolve, an_image_is_asked_what_it_is)
{
	static const char image[] =
		"#!/bin/sh\n# User Mode Linux, in a test\n"
		"case $1 in --version) echo 6.99.1-x ;;\n"
		"--showconfig) echo CONFIG_UML=y; echo CONFIG_CIFS=y ;; esac\n";
	struct nwb_err err = {0};
	struct nwb_kernel k;
	struct tree t;

	tree_make(&t);
	tree_put(&t, "obj/linux", image, sizeof(image) - 1, 0700);
	nwb_check_eq(resolve(tree_path(&t, "obj/linux"), &k, &err), 0);
	nwb_check_eq(k.kind, NWB_KERNEL_UML);
	nwb_check_streq(k.name, "linux");
	nwb_check_streq(k.release, "6.99.1-x");
	nwb_check_streq(k.flavour, "linux-7.2");
	nwb_check_eq(k.has, NWB_KERNEL_HAS_CIFS);
	nwb_check_streq(k.modules, "");
	/* the directory of a build means its image */
	nwb_check_eq(resolve(tree_path(&t, "obj"), &k, &err), 0);
	nwb_check_streq(k.release, "6.99.1-x");
	tree_drop(&t);
}

struct names {
	char text[256];
};

static int add_name(void *arg, const struct nwb_kernel *k)
{
	struct names *n = arg;
	size_t at = strlen(n->text);

	snprintf(n->text + at, sizeof(n->text) - at, "%s ", k->name);
	return 0;
}

static int add_tree(void *arg, const char *name, const char *path, int64_t made)
{
	struct names *n = arg;
	size_t at = strlen(n->text);

	nwb_check(made > 0 && path[0] == '/');
	snprintf(n->text + at, sizeof(n->text) - at, "%s ", name);
	return 0;
}

NWB_TEST(kernel_resolve, list_and_remove_know_the_same_names)
{
	struct nwb_err err = {0};
	struct names n = {""};
	struct tree t;

	tree_make(&t);
	tree_kernel(&t, "k10", NWB_KERNEL_UML, "7.2.10-uml");
	tree_kernel(&t, "k9", NWB_KERNEL_QEMU, "7.2.9-amd64");
	tree_text(&t, "cache/netwb/kernel/unfinished/log", "x");
	tree_text(&t, "cache/netwb/kernel/apt/apt.conf", "x");
	tree_text(&t, "cache/netwb/kernel/source/linux-7.2.9/Kbuild", "x");
	nwb_check_eq(nwb_kernel_list(add_name, &n, &err), 0);
	nwb_check_streq(n.text, "k9 k10 ");
	nwb_check_eq(nwb_kernel_list_sources(add_tree, &n, &err), 0);
	nwb_check_streq(n.text, "k9 k10 linux-7.2.9 ");
	nwb_check_eq(nwb_kernel_remove("k10", &err), 0);
	nwb_check_eq(nwb_kernel_remove("linux-7.2.9", &err), 0);
	nwb_check_eq(nwb_kernel_remove("unfinished", &err), 0);
	nwb_check_eq(nwb_kernel_remove("k10", &err), -ENOENT);
	nwb_check_eq(nwb_kernel_remove("apt", &err), -ENOENT);
	nwb_check_eq(nwb_kernel_remove("../kernel/k9", &err), -ENOENT);
	nwb_check_eq(nwb_kernel_remove("", &err), -ENOENT);
	n.text[0] = 0;
	nwb_check_eq(nwb_kernel_list(add_name, &n, &err), 0);
	nwb_check_streq(n.text, "k9 ");
	nwb_check(tree_has(&t, "cache/netwb/kernel/apt/apt.conf"));
	tree_drop(&t);
}
