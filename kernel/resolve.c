/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A word, and the kernel that it means; what the cache holds. */
#include "kernel_i.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/utsname.h>

/* --- the cache ------------------------------------------------------------ */

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

static int is_entry(const struct dirent *de)
{
	return de->d_name[0] != '.' && strcmp(de->d_name, "apt") != 0 &&
	       strcmp(de->d_name, "source") != 0;
}

int nwb_kernel_list(int (*each)(void *arg, const struct nwb_kernel *k),
		    void *arg, struct nwb_err *err)
{
	struct nwb_kernel *k = calloc(1, sizeof(*k));
	struct dirent **list = NULL;
	char base[KERNEL_DIR];
	int nr, rc = k ? nwb_kernel_cache(base, sizeof(base), err)
		       : nwb_err_set(err, -ENOMEM, "no memory");

	if (rc) {
		free(k);
		return rc;
	}
	nr = scandir(base, &list, is_entry, by_name);
	if (nr < 0)
		rc = nwb_err_set(err, -errno, "%.300s: %s", base,
				 strerror(errno));
	for (int i = 0; i < nr; i++) {
		/* a build that has not succeeded yet is no kernel */
		if (!rc && !kernel_about_read(base, list[i]->d_name, k))
			rc = each(arg, k);
		free(list[i]);
	}
	free(list);
	free(k);
	return rc;
}

static int no_dots(const struct dirent *de)
{
	return de->d_name[0] != '.';
}

int nwb_kernel_list_sources(int (*each)(void *arg, const char *name,
					const char *path, int64_t made),
			    void *arg, struct nwb_err *err)
{
	char base[KERNEL_DIR], dir[KERNEL_DIR + 16], path[KERNEL_PATH];
	struct dirent **list = NULL;
	struct stat st;
	int nr, rc = nwb_kernel_cache(base, sizeof(base), err);

	if (rc)
		return rc;
	snprintf(dir, sizeof(dir), "%s/source", base);
	nr = scandir(dir, &list, no_dots, by_name);
	for (int i = 0; i < nr; i++) {
		if (!rc &&
		    !kernel_path(path, sizeof(path), "%s/%s", dir,
				 list[i]->d_name) &&
		    !stat(path, &st))
			rc = each(arg, list[i]->d_name, path, st.st_ctime);
		free(list[i]);
	}
	free(list);
	return rc;
}

int nwb_kernel_remove(const char *name, struct nwb_err *err)
{
	char base[KERNEL_DIR], path[KERNEL_PATH], stage[KERNEL_DIR + 64];
	int rc;

	if (!name[0] || name[0] == '.' || strchr(name, '/') ||
	    !strcmp(name, "apt") || !strcmp(name, "source"))
		return nwb_err_set(err, -ENOENT,
				   "\"%.100s\" is no name of the list", name);
	rc = nwb_kernel_cache(base, sizeof(base), err);
	for (int i = 0; i < 2 && !rc; i++) {
		rc = i ? kernel_path(path, sizeof(path), "%s/source/%s", base,
				     name)
		       : kernel_path(path, sizeof(path), "%s/%s", base, name);
		if (rc || access(path, F_OK))
			continue;
		/* out of sight at once, gone when it is gone */
		rc = kernel_stage(base, stage, sizeof(stage), err);
		if (!rc && rename(path, stage))
			rc = -errno;
		if (!rc)
			rc = kernel_rmtree(stage);
		return rc ? nwb_err_set(err, rc, "%.300s: %s", path,
					strerror(-rc))
			  : 0;
	}
	return rc ? rc
		  : nwb_err_set(err, -ENOENT,
				"there is no kernel \"%.100s\": `netwb kernel "
				"list`",
				name);
}

/* --- words ---------------------------------------------------------------- */

static int host(struct nwb_kernel *ret)
{
	static const struct {
		const char *fs;
		uint32_t has;
	} known[] = {{"\tcifs\n", NWB_KERNEL_HAS_CIFS},
		     {"\t9p\n", NWB_KERNEL_HAS_9P},
		     {"\tfuse\n", NWB_KERNEL_HAS_FUSE}};
	struct nwb_kernel k = {.kind = NWB_KERNEL_HOST};
	char path[KERNEL_PATH], *text;
	struct utsname uts;

	if (uname(&uts))
		return -errno;
	snprintf(k.name, sizeof(k.name), "host");
	snprintf(k.from, sizeof(k.from), "the running kernel");
	snprintf(k.release, sizeof(k.release), "%.90s", uts.release);
	snprintf(k.flavour, sizeof(k.flavour), "%s",
		 nwb_kernel_flavour(k.release));
	snprintf(path, sizeof(path), "/boot/config-%s", k.release);
	text = kernel_text(path);
	if (text) {
		k.has = kernel_facts(text);
		k.is_config_known = true;
		snprintf(k.config, sizeof(k.config), "%s", path);
		free(text);
	}
	/* what is registered now, whatever a configuration says */
	text = kernel_text("/proc/filesystems");
	for (unsigned int i = 0; text && i < NWB_ARRAY_SIZE(known); i++)
		if (strstr(text, known[i].fs))
			k.has |= known[i].has;
	free(text);
	*ret = k;
	return 0;
}

struct wish {
	const char *series;
	size_t len;
	enum nwb_kernel_kind kind;
	char sources[KERNEL_DIR + 16]; /* where those of the distribution lie */
	struct nwb_kernel *best;
	bool found;
};

static bool is_distributions(const struct wish *w, const struct nwb_kernel *k)
{
	return !strncmp(k->from, w->sources, strlen(w->sources));
}

/* A tree of somebody's own says what it says, and may have any defect: a series
 * means the distribution's source as long as that was built, too. */
static bool is_better(const struct wish *w, const struct nwb_kernel *k)
{
	bool is_theirs = is_distributions(w, k);
	int newer = strverscmp(k->release, w->best->release);

	if (w->kind == NWB_KERNEL_UML &&
	    is_theirs != is_distributions(w, w->best))
		return is_theirs;
	return newer ? newer > 0 : k->made > w->best->made;
}

static int consider(void *arg, const struct nwb_kernel *k)
{
	struct wish *w = arg;
	bool is_kasan = strstr(k->name, "-kasan") != NULL;

	/* KASAN's is taken by its name, or of a tree, not by chance */
	if (k->kind != w->kind || is_kasan ||
	    strncmp(k->release, w->series, w->len) != 0 ||
	    (k->release[w->len] >= '0' && k->release[w->len] <= '9'))
		return 0;
	if (!w->found || is_better(w, k))
		*w->best = *k;
	w->found = true;
	return 0;
}

static int by_series(const char *word, struct nwb_kernel *ret,
		     struct nwb_err *err)
{
	static const char uml[] = "-uml";
	size_t len = strlen(word);
	bool is_uml = len > 4 && !strcmp(word + len - 4, uml);
	struct nwb_kernel *best = calloc(1, sizeof(*best));
	char series[48], base[KERNEL_DIR];
	struct wish w = {.series = series,
			 .kind = is_uml ? NWB_KERNEL_UML : NWB_KERNEL_QEMU,
			 .best = best};
	int rc;

	if (!best)
		return nwb_err_set(err, -ENOMEM, "no memory");
	snprintf(series, sizeof(series), "%.*s", (int)(is_uml ? len - 4 : len),
		 word);
	w.len = strlen(series);
	rc = nwb_kernel_cache(base, sizeof(base), err);
	snprintf(w.sources, sizeof(w.sources), "%s/source/", rc ? "" : base);
	if (!rc)
		rc = nwb_kernel_list(consider, &w, err);
	if (!rc && w.found)
		*ret = *best;
	else if (!rc && is_uml)
		rc = nwb_err_set(err, -ENOENT,
				 "no UML build of %s is there: `netwb kernel "
				 "get %s --source`, then `netwb kernel build` "
				 "on the tree that it names",
				 series, series);
	else if (!rc)
		rc = nwb_err_set(err, -ENOENT,
				 "kernel %s is not there: `netwb kernel get "
				 "%s`",
				 series, series);
	free(best);
	return rc;
}

static bool is_series(const char *word)
{
	char series[48];
	size_t len = strlen(word);

	if (len > 4 && !strcmp(word + len - 4, "-uml"))
		len -= 4;
	if (len >= sizeof(series))
		return false;
	memcpy(series, word, len);
	series[len] = 0;
	return kernel_series_ok(series);
}

static int of_directory(const char *dir, struct nwb_kernel_build *b,
			const struct nwb_kernel_progress *p,
			struct nwb_kernel *ret, struct nwb_err *err)
{
	struct nwb_kernel_build own = {0};
	char image[KERNEL_PATH], kconfig[KERNEL_PATH];

	if (kernel_path(image, sizeof(image), "%s/linux", dir) ||
	    kernel_path(kconfig, sizeof(kconfig), "%s/Kconfig", dir))
		return nwb_err_set(err, -ENAMETOOLONG, "%.300s", dir);
	if (access(kconfig, F_OK) && !access(image, X_OK))
		return kernel_take_uml(image, p, ret, err);
	return nwb_kernel_build(dir, b ? b : &own, p, ret, err);
}

/* A word without a slash that may be a name of the cache. */
static bool of_cache(const char *word, struct nwb_kernel *ret)
{
	static const char head[] = "linux-image-";
	char base[KERNEL_DIR];

	if (!word[0] || word[0] == '.' || strchr(word, '/') ||
	    nwb_kernel_cache(base, sizeof(base), NULL))
		return false;
	if (!strncmp(word, head, sizeof(head) - 1))
		word += sizeof(head) - 1;
	return !kernel_about_read(base, word, ret);
}

int nwb_kernel_resolve(const char *word, struct nwb_kernel_build *b,
		       const struct nwb_kernel_progress *p,
		       struct nwb_kernel *ret, struct nwb_err *err)
{
	size_t len = strlen(word);
	struct stat st;
	int rc;

	if (!strcmp(word, "host")) {
		rc = host(ret);
		return rc ? nwb_err_set(err, rc, "uname: %s", strerror(-rc))
			  : 0;
	}
	if (of_cache(word, ret))
		return 0;
	if (is_series(word))
		return by_series(word, ret, err);
	if (stat(word, &st))
		return nwb_err_set(err, -ENOENT,
				   "\"%.200s\" is no kernel that is there, no "
				   "tree and no file: `netwb kernel list` "
				   "shows what is there, `netwb kernel get "
				   "6.12` gets one",
				   word);
	if (S_ISDIR(st.st_mode))
		return of_directory(word, b, p, ret, err);
	if (len > 4 && !strcmp(word + len - 4, ".deb"))
		return kernel_take_deb(word, p, ret, err);
	return kernel_take_uml(word, p, ret, err);
}
