/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The distribution's kernels and sources, by their series.
 *
 *	series ─► newest package of it ─► what it needs of its own release
 *	       ─► downloaded, verified by apt ─► unpacked in a directory that
 *	          nobody sees ─► kernel_take(): whole, or not at all
 *
 * First in the backports of bookworm and trixie, whose lists are small; then,
 * when they have none, in the machine's own suite.
 */
#include "kernel_i.h"

#include <sys/stat.h>

/* Unpacked, packages and lists included, a kernel needs about so much more. */
#define SPARE (64 * NWB_MIB)

static int best_of(char *names,
		   bool (*pick)(void *arg, const char *name, char *best,
				size_t size),
		   void *arg, char *ret, size_t size)
{
	ret[0] = 0;
	for (char *save = NULL, *w = strtok_r(names, "\n", &save); w;
	     w = strtok_r(NULL, "\n", &save))
		pick(arg, w, ret, size);
	return ret[0] ? 0 : -ENOENT;
}

static int look(const char *dir, const char *prefix,
		bool (*pick)(void *arg, const char *name, char *best,
			     size_t size),
		void *arg, struct kernel_pkg *ret, struct nwb_err *err)
{
	char best[128], *names = NULL;
	int rc = kernel_apt_names(dir, prefix, &names, err);

	if (rc)
		return rc;
	rc = best_of(names, pick, arg, best, sizeof(best));
	free(names);
	return rc ? nwb_err_set(err, rc, "the archives have no %s*", prefix)
		  : kernel_apt_show(dir, best, ret, err);
}

int kernel_find(const char *dir, const char *prefix,
		bool (*pick)(void *arg, const char *name, char *best,
			     size_t size),
		void *arg, const struct nwb_kernel_progress *p,
		struct kernel_pkg *ret, struct nwb_err *err)
{
	static const char *const backports[] = {"bookworm-backports",
						"trixie-backports", NULL};
	char home[64], own[96], updates[96];
	const char *suites[] = {home, updates, own, NULL};
	struct nwb_err first = {0};
	int rc, known;

	kernel_apt_home(home, sizeof(home));
	snprintf(own, sizeof(own), "%s-backports", home);
	snprintf(updates, sizeof(updates), "%s-updates", home);
	rc = kernel_apt_setup(dir, backports, err);
	if (rc)
		return rc;
	/* a suite that cannot be read may be one that is not needed */
	known = kernel_apt_update(dir, p, &first);
	rc = look(dir, prefix, pick, arg, ret, err);
	if (rc != -ENOENT)
		return rc;
	if (known && known != -ENOENT) {
		if (err)
			*err = first;
		return known;
	}
	rc = kernel_apt_setup(dir, suites, err);
	if (rc)
		return rc;
	known = kernel_apt_update(dir, p, &first);
	rc = look(dir, prefix, pick, arg, ret, err);
	if (rc == -ENOENT && known && known != -ENOENT) {
		if (err)
			*err = first;
		return known;
	}
	return rc;
}

/* --- a kernel ------------------------------------------------------------- */

static bool pick_image(void *arg, const char *name, char *best, size_t size)
{
	char release[96], have[96];

	if (!kernel_pkg_release(name, arg, release, sizeof(release)))
		return false;
	if (best[0] && kernel_pkg_release(best, arg, have, sizeof(have)) &&
	    strverscmp(release, have) <= 0)
		return false;
	return !kernel_path(best, size, "%s", name);
}

/* @pkgs[0] is the image; what it and those need of the same release. */
static int add_needed(const char *dir, const char *release,
		      struct kernel_pkg *pkgs, unsigned int *nr,
		      struct nwb_err *err)
{
	char name[160];

	for (unsigned int i = 0; i < *nr; i++)
		for (unsigned int nth = 0;; nth++) {
			bool is_there = false;
			int rc;

			if (kernel_pkg_needs(&pkgs[i], release, nth, name,
					     sizeof(name)))
				break;
			for (unsigned int k = 0; k < *nr; k++)
				is_there |= !strcmp(pkgs[k].name, name);
			if (is_there)
				continue;
			if (*nr == KERNEL_PKGS_MAX)
				return nwb_err_set(err, -E2BIG,
						   "%.100s needs too many "
						   "packages",
						   pkgs[0].name);
			rc = kernel_apt_show(dir, name, &pkgs[*nr], err);
			if (rc)
				return rc;
			++*nr;
		}
	return 0;
}

static int bring(const char *base, const char *dir, struct kernel_pkg *pkgs,
		 unsigned int nr, char *stage, size_t size,
		 const struct nwb_kernel_progress *p, struct nwb_err *err)
{
	uint64_t need = SPARE;
	char deb[KERNEL_PATH];
	int rc;

	for (unsigned int i = 0; i < nr; i++)
		need += pkgs[i].size + pkgs[i].installed;
	rc = kernel_space(base, need, err);
	if (!rc)
		rc = kernel_apt_download(dir, pkgs, nr, p, err);
	if (rc)
		return rc;
	rc = kernel_stage(base, stage, size, err);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < nr && !rc; i++) {
		rc = kernel_apt_deb(dir, &pkgs[i], deb, sizeof(deb), err);
		kernel_say(p, -1, "unpacking %s", pkgs[i].name);
		if (!rc)
			rc = kernel_unpack(deb, stage, err);
	}
	if (rc)
		kernel_rmtree(stage);
	return rc;
}

/* The packages have served. */
static void drop_debs(const char *dir, const struct kernel_pkg *pkgs,
		      unsigned int nr)
{
	char deb[KERNEL_PATH];

	for (unsigned int i = 0; i < nr; i++)
		if (!kernel_apt_deb(dir, &pkgs[i], deb, sizeof(deb), NULL))
			unlink(deb);
}

static int get_locked(const char *base, const char *dir, const char *series,
		      bool update, const struct nwb_kernel_progress *p,
		      struct nwb_kernel *ret, struct nwb_err *err)
{
	struct kernel_pkg *pkgs = calloc(KERNEL_PKGS_MAX, sizeof(*pkgs));
	char stage[KERNEL_DIR + 64], from[512], release[96] = "";
	unsigned int nr = 1;
	int rc;

	if (!pkgs)
		return nwb_err_set(err, -ENOMEM, "no memory");
	rc = 0;
	if (!update && !nwb_kernel_resolve(series, NULL, NULL, ret, NULL))
		goto out;
	rc = kernel_find(dir, "linux-image-", pick_image,
			 (void *)(uintptr_t)series, p, pkgs, err);
	if (rc == -ENOENT && err && strstr(err->text, "linux-image-*"))
		nwb_err_set(err, rc,
			    "the archives have no kernel %s: it may be in none "
			    "of bookworm, bookworm-backports, "
			    "trixie-backports, or no longer",
			    series);
	if (!rc &&
	    !kernel_pkg_release(pkgs[0].name, series, release, sizeof(release)))
		rc = nwb_err_set(err, -EBADMSG, "%.100s: no release in it",
				 pkgs[0].name);
	if (rc)
		goto out;
	snprintf(from, sizeof(from), "%s %s", pkgs[0].name, pkgs[0].version);
	if (!kernel_about_read(base, release, ret) && !strcmp(ret->from, from))
		goto out;
	rc = add_needed(dir, release, pkgs, &nr, err);
	if (!rc)
		rc = bring(base, dir, pkgs, nr, stage, sizeof(stage), p, err);
	if (rc)
		goto out;
	rc = kernel_take(base, stage, from, p, ret, err);
	if (rc)
		kernel_rmtree(stage);
	else
		drop_debs(dir, pkgs, nr);
out:
	free(pkgs);
	return rc;
}

/* The cache, the directory of apt in it, and the lock of that. */
static int enter(const char *series, char *base, size_t size, char *dir,
		 size_t dir_size, const struct nwb_kernel_progress *p,
		 struct nwb_err *err)
{
	char path[KERNEL_PATH];
	int rc;

	if (!kernel_series_ok(series))
		return nwb_err_set(err, -EINVAL,
				   "\"%.60s\" is no series of kernels; 6.12 "
				   "and 7.2 are",
				   series);
	rc = nwb_kernel_cache(base, size, err);
	if (rc)
		return rc;
	rc = kernel_path(dir, dir_size, "%s/apt", base);
	if (!rc)
		rc = kernel_mkdirs(dir);
	if (!rc)
		rc = kernel_path(path, sizeof(path), "%s/lock", dir);
	if (!rc)
		rc = kernel_lock(path, p, "gets a kernel");
	if (rc < 0)
		nwb_err_set(err, rc, "%.300s/apt: %s", base, strerror(-rc));
	return rc;
}

int nwb_kernel_get(const char *series, bool update,
		   const struct nwb_kernel_progress *p, struct nwb_kernel *ret,
		   struct nwb_err *err)
{
	char base[KERNEL_DIR], dir[KERNEL_DIR + 16];
	int rc, fd;

	fd = enter(series, base, sizeof(base), dir, sizeof(dir), p, err);
	if (fd < 0)
		return fd;
	rc = get_locked(base, dir, series, update, p, ret, err);
	close(fd);
	return rc;
}

/* --- a source ------------------------------------------------------------- */

static bool pick_source(void *arg, const char *name, char *best, size_t size)
{
	static const char head[] = "linux-source-";

	if (strncmp(name, head, sizeof(head) - 1) != 0 ||
	    strcmp(name + sizeof(head) - 1, arg) != 0)
		return false;
	return !kernel_path(best, size, "%s", name);
}

/* "7.2.12-1~bpo13+1": "linux-7.2.12" */
static void source_name(const struct kernel_pkg *pkg, char *ret, size_t size)
{
	const char *v = strchr(pkg->version, ':');

	v = v ? v + 1 : pkg->version;
	snprintf(ret, size, "linux-%.*s", (int)strcspn(v, "-~+"), v);
}

static int unpack_source(const char *stage, const char *series,
			 const struct nwb_kernel_progress *p,
			 struct nwb_err *err)
{
	char tar[KERNEL_PATH], tree[KERNEL_PATH], log[KERNEL_PATH];
	const char *argv[] = {
		"tar", "-xf", tar, "-C", tree, "--strip-components=1", NULL};
	struct kernel_cmd c = {.argv = argv, .log = log};
	char *text;
	int rc = kernel_tool("xz", "xz-utils", err);

	if (rc)
		return rc;
	if (kernel_path(tar, sizeof(tar),
			"%s/files/usr/src/linux-source-%s.tar.xz", stage,
			series) ||
	    kernel_path(tree, sizeof(tree), "%s/tree", stage) ||
	    kernel_path(log, sizeof(log), "%s/log", stage))
		return nwb_err_set(err, -ENAMETOOLONG, "%.300s", stage);
	if (access(tar, R_OK) || mkdir(tree, 0700))
		return nwb_err_set(err, -errno, "%.300s: %s", tar,
				   strerror(errno));
	kernel_say(p, -1, "unpacking the source, about a minute");
	rc = kernel_run(&c);
	if (!rc)
		return 0;
	text = kernel_text(log);
	rc = nwb_err_set(
		err, text && strstr(text, "No space left") ? -ENOSPC : -EBADMSG,
		"the source cannot be unpacked: %.200s", text ? text : "?");
	if (err)
		err->text[strcspn(err->text, "\n")] = 0;
	free(text);
	return rc;
}

struct have {
	const char *series;
	char name[128], path[KERNEL_PATH];
};

static int newest_tree(void *arg, const char *name, const char *path,
		       int64_t made)
{
	const char *release = name + strlen("linux-");
	struct have *h = arg;
	size_t len = strlen(h->series);

	(void)made;
	if (strlen(name) > strlen("linux-") &&
	    !strncmp(release, h->series, len) &&
	    !(release[len] >= '0' && release[len] <= '9') &&
	    strverscmp(name, h->name) > 0) {
		snprintf(h->name, sizeof(h->name), "%s", name);
		snprintf(h->path, sizeof(h->path), "%s", path);
	}
	return 0;
}

/* Is there a tree of the series already? */
static bool have_tree(const char *series, char *ret, size_t size)
{
	struct have *h = calloc(1, sizeof(*h));
	bool is = false;

	if (h) {
		h->series = series;
		is = !nwb_kernel_list_sources(newest_tree, h, NULL) &&
		     h->name[0] && !kernel_path(ret, size, "%s", h->path);
	}
	free(h);
	return is;
}

static int source_locked(const char *base, const char *dir, const char *series,
			 const struct nwb_kernel_progress *p, char *ret_tree,
			 size_t size, struct nwb_err *err)
{
	char stage[KERNEL_DIR + 128], tree[KERNEL_PATH], sources[KERNEL_DIR];
	char want[64], name[128];
	struct kernel_pkg pkg;
	int rc;

	/* the package is of a series, whatever release was asked for */
	snprintf(want, sizeof(want), "%.*s",
		 (int)(strcspn(series, ".") + 1 +
		       strcspn(strchr(series, '.') + 1, ".")),
		 series);
	rc = kernel_find(dir, "linux-source-", pick_source, want, p, &pkg, err);
	if (rc)
		return rc;
	source_name(&pkg, name, sizeof(name));
	if (kernel_path(sources, sizeof(sources), "%s/source", base) ||
	    kernel_path(tree, sizeof(tree), "%s/%s", sources, name) ||
	    strlen(tree) >= size)
		return nwb_err_set(err, -ENAMETOOLONG, "%.300s", base);
	if (strncmp(name + strlen("linux-"), series, strlen(series)) != 0)
		return nwb_err_set(err, -ENOENT,
				   "the archives have no source of %s, but of "
				   "%s",
				   series, name);
	if (access(tree, F_OK)) {
		rc = kernel_mkdirs(sources);
		if (!rc)
			rc = kernel_space(sources, 2500 * NWB_MIB, err);
		if (!rc)
			rc = bring(sources, dir, &pkg, 1, stage, sizeof(stage),
				   p, err);
		if (rc)
			return rc;
		rc = unpack_source(stage, want, p, err);
		if (!rc) {
			char inner[KERNEL_PATH];

			rc = kernel_path(inner, sizeof(inner), "%s/tree",
					 stage);
			rc = rc ? rc : kernel_commit(sources, inner, name, err);
		}
		kernel_rmtree(stage);
		if (!rc)
			drop_debs(dir, &pkg, 1);
	}
	if (!rc)
		snprintf(ret_tree, size, "%s", tree);
	return rc;
}

int nwb_kernel_get_source(const char *series, bool update,
			  const struct nwb_kernel_progress *p, char *ret_tree,
			  size_t size, struct nwb_err *err)
{
	char base[KERNEL_DIR], dir[KERNEL_DIR + 16];
	int rc, fd;

	fd = enter(series, base, sizeof(base), dir, sizeof(dir), p, err);
	if (fd < 0)
		return fd;
	rc = 0;
	if (update || !have_tree(series, ret_tree, size))
		rc = source_locked(base, dir, series, p, ret_tree, size, err);
	close(fd);
	return rc;
}
