/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"

#include <fcntl.h>
#include <sys/stat.h>

const char *tree_path(const struct tree *t, const char *path)
{
	static char buf[4][512];
	static unsigned int n;
	char *p = buf[n++ % 4];

	snprintf(p, sizeof(buf[0]), "%s/%s", t->root, path);
	return p;
}

/* Where all tests share a process, the next one wants them as they were. */
static char *path_before, *home_before;

static void restore(const char *name, char *value)
{
	if (value)
		nwb_check_eq(setenv(name, value, 1), 0);
	free(value);
}

static char *copy_of(const char *name)
{
	const char *value = getenv(name);

	return value ? strdup(value) : NULL;
}

void tree_make(struct tree *t)
{
	path_before = copy_of("PATH");
	home_before = copy_of("HOME");
	snprintf(t->root, sizeof(t->root), "/tmp/nwb-kernel-XXXXXX");
	nwb_check(mkdtemp(t->root) != NULL);
	nwb_check_eq(setenv("XDG_CACHE_HOME", tree_path(t, "cache"), 1), 0);
}

void tree_drop(struct tree *t)
{
	nwb_check_eq(kernel_rmtree(t->root), 0);
	restore("PATH", path_before);
	restore("HOME", home_before);
	nwb_check_eq(unsetenv("XDG_CACHE_HOME"), 0);
}

void tree_put(const struct tree *t, const char *path, const void *data,
	      size_t len, unsigned int mode)
{
	char dir[512];
	int fd;

	snprintf(dir, sizeof(dir), "%s", tree_path(t, path));
	*strrchr(dir, '/') = 0;
	nwb_check_eq(kernel_mkdirs(dir), 0);
	fd = open(tree_path(t, path), O_CREAT | O_TRUNC | O_WRONLY, mode);
	nwb_check(fd >= 0);
	nwb_check_eq(write(fd, data, len), (ssize_t)len);
	nwb_check_eq(close(fd), 0);
}

void tree_text(const struct tree *t, const char *path, const char *text)
{
	tree_put(t, path, text, strlen(text), 0600);
}

bool tree_has(const struct tree *t, const char *path)
{
	return !access(tree_path(t, path), F_OK);
}

void tree_kernel(const struct tree *t, const char *name,
		 enum nwb_kernel_kind kind, const char *release)
{
	tree_kernel_from(t, name, kind, release, "a test");
}

void tree_kernel_from(const struct tree *t, const char *name,
		      enum nwb_kernel_kind kind, const char *release,
		      const char *from)
{
	struct nwb_kernel k = {.kind = kind, .has = NWB_KERNEL_HAS_CIFS};
	struct nwb_err err = {0};
	char path[256];

	snprintf(path, sizeof(path), "cache/netwb/kernel/%s/image", name);
	tree_put(t, path, "image", 5, 0700);
	snprintf(k.release, sizeof(k.release), "%s", release);
	snprintf(k.from, sizeof(k.from), "%s", from);
	k.made = 1000;
	snprintf(path, sizeof(path), "cache/netwb/kernel/%s", name);
	nwb_check_eq(kernel_about_write(tree_path(t, path), &k, &err), 0);
}
