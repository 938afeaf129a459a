/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files for tests of the kernel room; each test has a directory of its own. */
#ifndef NWB_TESTS_KERNEL_TREE_H
#define NWB_TESTS_KERNEL_TREE_H

#include "nwb_test.h"

#include "kernel_i.h"

struct tree {
	char root[64];
};

/** tree_make() - a fresh directory, and XDG_CACHE_HOME in it. */
void tree_make(struct tree *t);
/** tree_drop() - away with it; PATH and HOME are as they were. */
void tree_drop(struct tree *t);
/** tree_put() - the file @path below it, with its directories. */
void tree_put(const struct tree *t, const char *path, const void *data,
	      size_t len, unsigned int mode);
/** tree_text() - the same for a text. */
void tree_text(const struct tree *t, const char *path, const char *text);
/** tree_path() - static, one of four in turn. */
const char *tree_path(const struct tree *t, const char *path);
/** tree_has() - is there such a file? */
bool tree_has(const struct tree *t, const char *path);
/** tree_kernel() - a kernel in the cache, as if it had been got. */
void tree_kernel(const struct tree *t, const char *name,
		 enum nwb_kernel_kind kind, const char *release);
/** tree_kernel_from() - the same, made of the tree @from. */
void tree_kernel_from(const struct tree *t, const char *name,
		      enum nwb_kernel_kind kind, const char *release,
		      const char *from);

#endif
