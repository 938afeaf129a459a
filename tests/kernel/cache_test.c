/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories that appear whole, and child processes. */
#include "tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

NWB_TEST(kernel_cache, is_ours_alone)
{
	struct nwb_err err = {0};
	char path[4096];
	struct stat st;
	struct tree t;

	tree_make(&t);
	nwb_check_eq(nwb_kernel_cache(path, sizeof(path), &err), 0);
	nwb_check_streq(path, tree_path(&t, "cache/netwb/kernel"));
	nwb_check_eq(stat(path, &st), 0);
	nwb_check_eq(st.st_mode & 0777, 0700);
	/* what is run from there must not be anybody's to change */
	nwb_check_eq(chmod(path, 0770), 0);
	nwb_check_eq(nwb_kernel_cache(path, sizeof(path), &err), -EPERM);
	nwb_check_eq(nwb_kernel_cache(path, 4, &err), -ENAMETOOLONG);
	nwb_check_eq(setenv("XDG_CACHE_HOME", "/tmp/a\"b", 1), 0);
	nwb_check_eq(nwb_kernel_cache(path, sizeof(path), &err), -ENAMETOOLONG);
	nwb_check_eq(unsetenv("XDG_CACHE_HOME"), 0);
	nwb_check_eq(setenv("HOME", tree_path(&t, "home"), 1), 0);
	nwb_check_eq(nwb_kernel_cache(path, sizeof(path), &err), 0);
	nwb_check_streq(path, tree_path(&t, "home/.cache/netwb/kernel"));
	tree_drop(&t);
}

/* A process number that is nobody's. */
static pid_t dead_pid(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	nwb_check(pid > 0);
	nwb_check_eq(waitpid(pid, NULL, 0), pid);
	return pid;
}

NWB_TEST(kernel_cache, a_stage_becomes_a_name_and_leaves_nothing)
{
	struct nwb_err err = {0};
	char stage[512], left[64], path[600];
	struct tree t;

	tree_make(&t);
	nwb_check_eq(kernel_stage(t.root, stage, sizeof(stage), &err), 0);
	snprintf(path, sizeof(path), "%s/file", stage);
	nwb_check_eq(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	nwb_check_eq(kernel_commit(t.root, stage, "k", &err), 0);
	nwb_check(tree_has(&t, "k/file"));
	nwb_check(access(stage, F_OK) != 0);
	/* again: the new one instead of the old one */
	nwb_check_eq(kernel_stage(t.root, stage, sizeof(stage), &err), 0);
	nwb_check_eq(kernel_commit(t.root, stage, "k", &err), 0);
	nwb_check(tree_has(&t, "k") && !tree_has(&t, "k/file"));
	/* what the dead have left is swept, what the living do is not */
	snprintf(left, sizeof(left), ".new-%d-0/deep/file", dead_pid());
	tree_text(&t, left, "half");
	tree_text(&t, ".new-1-0/file", "init lives");
	nwb_check_eq(kernel_stage(t.root, stage, sizeof(stage), &err), 0);
	left[strcspn(left, "/")] = 0;
	nwb_check(!tree_has(&t, left));
	nwb_check(tree_has(&t, ".new-1-0/file"));
	tree_drop(&t);
}

NWB_TEST(kernel_cache, removing_follows_no_link)
{
	struct tree t;

	tree_make(&t);
	tree_text(&t, "mine/file", "x");
	tree_text(&t, "gone/a", "x");
	nwb_check_eq(symlink(tree_path(&t, "mine"), tree_path(&t, "gone/l")),
		     0);
	nwb_check_eq(kernel_rmtree(tree_path(&t, "gone")), 0);
	nwb_check(tree_has(&t, "mine/file") && !tree_has(&t, "gone"));
	nwb_check_eq(kernel_rmtree(tree_path(&t, "gone")), 0);
	tree_drop(&t);
}

NWB_TEST(kernel_cache, about_is_read_as_it_was_written)
{
	struct nwb_kernel k;
	struct tree t;
	char base[4096];

	tree_make(&t);
	tree_kernel(&t, "k1", NWB_KERNEL_QEMU, "6.12.95+deb12-amd64");
	nwb_check_eq(nwb_kernel_cache(base, sizeof(base), NULL), 0);
	nwb_check_eq(kernel_about_read(base, "k1", &k), 0);
	nwb_check_eq(k.kind, NWB_KERNEL_QEMU);
	nwb_check_streq(k.name, "k1");
	nwb_check_streq(k.release, "6.12.95+deb12-amd64");
	nwb_check_streq(k.flavour, "linux-6.12");
	nwb_check_streq(k.from, "a test");
	nwb_check_eq(k.has, NWB_KERNEL_HAS_CIFS);
	nwb_check_eq(k.made, 1000);
	nwb_check_streq(k.modules, "");
	nwb_check(!k.is_config_known);
	nwb_check_eq(kernel_about_read(base, "k2", &k), -ENOENT);
	tree_text(&t, "cache/netwb/kernel/k1/about", "kind host\nrelease 1\n");
	nwb_check_eq(kernel_about_read(base, "k1", &k), -EBADMSG);
	tree_text(&t, "cache/netwb/kernel/k1/about", "");
	nwb_check_eq(kernel_about_read(base, "k1", &k), -EBADMSG);
	tree_drop(&t);
}

NWB_TEST(kernel_cache, a_full_disk_is_said_before)
{
	struct nwb_err err = {0};

	nwb_check_eq(kernel_space("/tmp", 1, &err), 0);
	nwb_check_eq(kernel_space("/tmp", UINT64_MAX, &err), -ENOSPC);
	nwb_check(strstr(err.text, "MiB are free") != NULL);
}

/* --- children ------------------------------------------------------------- */

struct heard {
	char line[4][64];
	unsigned int nr;
};

static void hear(void *arg, const char *line)
{
	struct heard *h = arg;

	if (h->nr < NWB_ARRAY_SIZE(h->line))
		snprintf(h->line[h->nr++], sizeof(h->line[0]), "%s", line);
}

NWB_TEST(kernel_spawn, output_goes_where_it_shall)
{
	const char *argv[] = {"sh", "-c",
			      "echo out; echo err >&2; echo st >&3; "
			      "echo $LC_ALL$MAKEFLAGS; exit 7",
			      NULL};
	char out[256], log[512], *text;
	struct heard h = {.nr = 0};
	struct kernel_cmd c = {.argv = argv,
			       .log = log,
			       .has_status = true,
			       .line = hear,
			       .arg = &h};
	struct tree t;

	tree_make(&t);
	snprintf(log, sizeof(log), "%s", tree_path(&t, "log"));
	nwb_check_eq(setenv("MAKEFLAGS", "x", 1), 0);
	nwb_check_eq(kernel_run(&c), 7);
	nwb_check_eq(h.nr, 1);
	nwb_check_streq(h.line[0], "st");
	text = kernel_text(log);
	nwb_check(text != NULL);
	nwb_check_streq(text, "out\nerr\nC\n");
	free(text);
	/* without a status, lines are those of stdout */
	h.nr = 0;
	c.has_status = false;
	argv[2] = "printf 'a\\rb\\n'; kill -9 $$";
	nwb_check_eq(kernel_run(&c), 128 + 9);
	nwb_check_eq(h.nr, 2);
	nwb_check_streq(h.line[1], "b");
	/* a buffer takes stdout only, cut */
	c = (struct kernel_cmd){.argv = argv, .out = out, .out_size = 4};
	argv[2] = "echo err >&2; echo 12345";
	nwb_check_eq(kernel_run(&c), 0);
	nwb_check_streq(out, "123");
	argv[0] = "/no/such/program";
	nwb_check_eq(kernel_run(&c), 127);
	nwb_check_eq(unsetenv("MAKEFLAGS"), 0);
	tree_drop(&t);
}

NWB_TEST(kernel_spawn, missing_tools_name_their_package)
{
	struct nwb_err err = {0};
	struct tree t;

	tree_make(&t);
	nwb_check_eq(kernel_tool("sh", "dash", &err), 0);
	nwb_check_eq(kernel_tool("no-such-tool", "pkg", &err), -ENOEXEC);
	nwb_check_streq(err.text,
			"no-such-tool is not installed: apt-get install pkg");
	nwb_check_eq(setenv("PATH", "", 1), 0);
	nwb_check_eq(kernel_tool("sh", "dash", &err), -ENOEXEC);
	tree_drop(&t);
}
