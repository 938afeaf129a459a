/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unpacked files become a directory of the cache: where the packages put what.
 *
 *	6.12 and before	boot/vmlinuz-R, boot/config-R, lib/modules/R/
 *	7.2		usr/lib/modules/R/{vmlinuz,config}, in packages of
 *			their own: linux-image-R is empty
 *	user-mode-linux	usr/bin/linux.uml, usr/lib/uml/modules/R/
 */
#include "kernel_i.h"

#include <dirent.h>
#include <sys/stat.h>
#include <time.h>

/* The first of the places below @root that is there; "" when none is. */
static void first_of(const char *root, const char *release,
		     const char *const *places, char *ret, size_t size)
{
	for (ret[0] = 0; *places; places++) {
		char place[512];
		size_t at = strcspn(*places, "*");

		/* '*' stands for the release */
		snprintf(place, sizeof(place), "%.*s%s%s", (int)at, *places,
			 (*places)[at] ? release : "",
			 (*places)[at] ? *places + at + 1 : "");
		if (!kernel_path(ret, size, "%s/%s", root, place) &&
		    !access(ret, R_OK))
			return;
		ret[0] = 0;
	}
}

/* The one name in a directory; false: there is none, or several. */
static bool only_entry(const char *path, char *ret, size_t size)
{
	DIR *d = opendir(path);
	unsigned int nr = 0;
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (de->d_name[0] != '.' && !nr++)
			snprintf(ret, size, "%.*s", (int)size - 1, de->d_name);
	if (d)
		closedir(d);
	return nr == 1;
}

static bool find_release(const char *root, struct nwb_kernel *k)
{
	static const struct {
		const char *dir;
		enum nwb_kernel_kind kind;
	} places[] = {{"usr/lib/uml/modules", NWB_KERNEL_UML},
		      {"usr/lib/modules", NWB_KERNEL_QEMU},
		      {"lib/modules", NWB_KERNEL_QEMU}};
	char path[KERNEL_PATH];

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(places); i++) {
		if (kernel_path(path, sizeof(path), "%s/%s", root,
				places[i].dir) ||
		    !only_entry(path, k->release, sizeof(k->release)))
			continue;
		k->kind = places[i].kind;
		return true;
	}
	return false;
}

int kernel_unpack(const char *deb, const char *stage, struct nwb_err *err)
{
	char root[KERNEL_PATH], log[KERNEL_PATH];
	const char *argv[] = {"dpkg-deb", "-x", deb, root, NULL};
	struct kernel_cmd c = {.argv = argv, .log = log};
	int rc = kernel_tool("dpkg-deb", "dpkg", err);

	if (rc)
		return rc;
	if (kernel_path(root, sizeof(root), "%s/files", stage) ||
	    kernel_path(log, sizeof(log), "%s/log", stage))
		return nwb_err_set(err, -ENAMETOOLONG, "%.300s: too long",
				   stage);
	rc = kernel_run(&c);
	if (rc) {
		char *text = kernel_text(log);

		rc = nwb_err_set(err,
				 text && strstr(text, "No space left")
					 ? -ENOSPC
					 : -EBADMSG,
				 "%.200s cannot be unpacked: %.160s", deb,
				 text ? text : "?");
		free(text);
		if (err)
			err->text[strcspn(err->text, "\n")] = 0;
	}
	return rc;
}

/* What is not in the packages: said by name. */
static int incomplete(const struct nwb_kernel *k, const char *what,
		      struct nwb_err *err)
{
	return nwb_err_set(err, -EINVAL,
			   "%.200s: no %s in it; a kernel in several packages "
			   "(linux-binary-, linux-modules-) needs them all",
			   k->from, what);
}

static int take_files(const char *stage, const char *image, const char *config,
		      const char *modules, const struct nwb_kernel_progress *p,
		      struct nwb_kernel *k, struct nwb_err *err)
{
	char to[KERNEL_PATH];
	unsigned int nr = 0;
	char *text;
	int rc;

	if (kernel_path(to, sizeof(to), "%s/image", stage))
		return nwb_err_set(err, -ENAMETOOLONG, "%.300s", stage);
	rc = kernel_copy(image, to, 0700);
	if (!rc && config[0]) {
		rc = kernel_path(to, sizeof(to), "%s/config", stage);
		rc = rc ? rc : kernel_copy(config, to, 0600);
	}
	if (rc)
		return nwb_err_set(err, rc, "%.300s: %s", to, strerror(-rc));
	text = config[0] ? kernel_text(config) : NULL;
	k->is_config_known = text != NULL;
	k->has = text ? kernel_facts(text) : UINT32_MAX;
	free(text);
	kernel_say(p, -1, "%s: modules", k->release);
	if (kernel_path(to, sizeof(to), "%s/mod", stage))
		return nwb_err_set(err, -ENAMETOOLONG, "%.300s", stage);
	rc = kernel_modules_pack(modules, to, k->kind == NWB_KERNEL_UML, &nr,
				 err);
	if (!rc)
		kernel_say(p, 100, "%s: %u modules", k->release, nr);
	snprintf(k->modules, sizeof(k->modules), "mod");
	return rc;
}

/* The kernel in @stage is complete: it becomes @k->name. */
static int finish(const char *base, const char *stage, struct nwb_kernel *k,
		  struct nwb_err *err)
{
	char path[KERNEL_PATH];
	int rc = kernel_path(path, sizeof(path), "%s/files", stage);

	if (!rc)
		rc = kernel_rmtree(path);
	if (!rc)
		rc = kernel_path(path, sizeof(path), "%s/log", stage);
	if (!rc && unlink(path) && errno != ENOENT)
		rc = -errno;
	if (rc)
		return nwb_err_set(err, rc, "%.300s: %s", stage, strerror(-rc));
	k->made = time(NULL);
	rc = kernel_about_write(stage, k, err);
	if (!rc)
		rc = kernel_commit(base, stage, k->name, err);
	if (!rc) {
		rc = kernel_about_read(base, k->name, k);
		if (rc)
			nwb_err_set(err, rc, "%.200s: not to be read again",
				    k->name);
	}
	return rc;
}

int kernel_take(const char *base, const char *stage, const char *from,
		const struct nwb_kernel_progress *p, struct nwb_kernel *ret,
		struct nwb_err *err)
{
	static const char *const images[] = {
		"boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz",
		"lib/modules/*/vmlinuz", "usr/bin/linux.uml", NULL};
	static const char *const configs[] = {
		"boot/config-*", "usr/lib/modules/*/config",
		"lib/modules/*/config", "usr/share/doc/user-mode-linux/config",
		NULL};
	static const char *const modules[] = {"usr/lib/uml/modules/*",
					      "usr/lib/modules/*",
					      "lib/modules/*", NULL};
	char root[KERNEL_DIR + 300], image[KERNEL_PATH], config[KERNEL_PATH];
	char mod[KERNEL_PATH];
	struct nwb_kernel *k = calloc(1, sizeof(*k));
	int rc = -ENOMEM;

	if (!k)
		return nwb_err_set(err, rc, "no memory");
	snprintf(k->from, sizeof(k->from), "%.*s", (int)strcspn(from, "\n"),
		 from);
	rc = kernel_path(root, sizeof(root), "%s/files", stage);
	if (!rc && !find_release(root, k))
		rc = incomplete(k, "modules", err);
	if (!rc) {
		first_of(root, k->release, images, image, sizeof(image));
		first_of(root, k->release, configs, config, sizeof(config));
		first_of(root, k->release, modules, mod, sizeof(mod));
		rc = image[0] ? 0 : incomplete(k, "image (vmlinuz)", err);
	}
	if (!rc) {
		snprintf(k->name, sizeof(k->name), "%s%s",
			 k->kind == NWB_KERNEL_UML ? "uml-" : "", k->release);
		rc = take_files(stage, image, config, mod, p, k, err);
	}
	if (!rc)
		rc = finish(base, stage, k, err);
	if (!rc)
		*ret = *k;
	free(k);
	return rc;
}

/* Is the file that it comes from in the cache already, as it is now? */
static bool is_taken(const char *name, const char *from, time_t mtime,
		     struct nwb_kernel *ret)
{
	struct nwb_kernel *k = calloc(1, sizeof(*k));
	char base[KERNEL_DIR];
	bool is = k && !nwb_kernel_cache(base, sizeof(base), NULL) &&
		  !kernel_about_read(base, name, k) && !strcmp(k->from, from) &&
		  k->made > mtime;

	if (is)
		*ret = *k;
	free(k);
	return is;
}

/* --- an image of UML that is there already -------------------------------- */

static bool mentions_uml(const char *image)
{
	static const char magic[] = "User Mode Linux";
	FILE *f = fopen(image, "re");
	bool found = false;
	size_t n, kept = 0;

	while (f && !found) {
		static char buf[1 << 16];

		n = fread(buf + kept, 1, sizeof(buf) - kept, f);
		if (!n)
			break;
		n += kept;
		found = memmem(buf, n, magic, sizeof(magic) - 1) != NULL;
		kept = nwb_min(n, sizeof(magic) - 1);
		memmove(buf, buf + n - kept, kept);
	}
	if (f)
		fclose(f);
	return found;
}

int kernel_uml_ask(const char *image, char *ret_release, size_t size,
		   char **ret_config, struct nwb_err *err)
{
	const char *version[] = {image, "--version", NULL};
	const char *show[] = {image, "--showconfig", NULL};
	const size_t room = 1 << 20;
	char *config;
	struct kernel_cmd c = {
		.argv = version, .out = ret_release, .out_size = size};
	struct stat st;

	/* it is started to be asked: only what says that it is one */
	if (stat(image, &st) || !S_ISREG(st.st_mode) || access(image, X_OK) ||
	    !mentions_uml(image) || kernel_run(&c))
		return nwb_err_set(err, -EINVAL,
				   "%.300s is no image of User Mode Linux",
				   image);
	ret_release[strcspn(ret_release, "\n")] = 0;
	if (ret_release[0] < '0' || ret_release[0] > '9' ||
	    strpbrk(ret_release, "/ "))
		return nwb_err_set(err, -EINVAL,
				   "%.200s --version says \"%.60s\", no "
				   "release",
				   image, ret_release);
	config = malloc(room);
	if (!config)
		return nwb_err_set(err, -ENOMEM, "no memory");
	c.argv = show;
	c.out = config;
	c.out_size = room;
	if (kernel_run(&c) || !strstr(config, "CONFIG_UML=y")) {
		free(config);
		return nwb_err_set(err, -EINVAL,
				   "%.300s --showconfig shows none", image);
	}
	*ret_config = config;
	return 0;
}

static int pack_uml(const char *image, const char *config, const char *modules,
		    const struct nwb_kernel_progress *p, struct nwb_kernel *k,
		    struct nwb_err *err)
{
	char base[KERNEL_DIR], stage[KERNEL_DIR + 64], path[KERNEL_PATH];
	FILE *f = NULL;
	int rc = nwb_kernel_cache(base, sizeof(base), err);

	if (rc)
		return rc;
	rc = kernel_stage(base, stage, sizeof(stage), err);
	if (rc)
		return rc;
	rc = kernel_path(path, sizeof(path), "%s/config.in", stage);
	f = rc ? NULL : fopen(path, "we");
	if (!f || fputs(config, f) < 0)
		rc = -EIO;
	if (f && fclose(f))
		rc = -EIO;
	if (rc)
		rc = nwb_err_set(err, rc, "%.300s: cannot be written", path);
	if (!rc)
		rc = take_files(stage, image, path, modules, p, k, err);
	unlink(path);
	if (!rc)
		rc = finish(base, stage, k, err);
	if (rc)
		kernel_rmtree(stage);
	return rc;
}

int kernel_take_uml(const char *image, const struct nwb_kernel_progress *p,
		    struct nwb_kernel *ret, struct nwb_err *err)
{
	static const char *const modules[] = {"usr/lib/uml/modules/*",
					      "lib/modules/*", NULL};
	struct nwb_kernel *k = calloc(1, sizeof(*k));
	char mod[KERNEL_PATH], *config = NULL;
	struct stat st;
	int rc;

	if (!k)
		return nwb_err_set(err, -ENOMEM, "no memory");
	k->kind = NWB_KERNEL_UML;
	rc = kernel_uml_ask(image, k->release, sizeof(k->release), &config,
			    err);
	if (!rc && (!realpath(image, k->image) || stat(image, &st)))
		rc = nwb_err_set(err, -errno, "%.300s: %s", image,
				 strerror(errno));
	if (rc) {
		free(k);
		free(config);
		return rc;
	}
	snprintf(k->name, sizeof(k->name), "%.100s",
		 strrchr(k->image, '/') + 1);
	snprintf(k->from, sizeof(k->from), "%.500s", k->image);
	snprintf(k->flavour, sizeof(k->flavour), "%s",
		 nwb_kernel_flavour(k->release));
	k->has = kernel_facts(config);
	k->is_config_known = true;
	k->size = (uint64_t)st.st_blocks * 512;
	k->made = st.st_mtime;
	first_of("/", k->release, modules, mod, sizeof(mod));
	if (mod[0] && kernel_config_has(config, "CONFIG_MODULES", "y")) {
		snprintf(k->name, sizeof(k->name), "uml-%s", k->release);
		if (!is_taken(k->name, k->from, st.st_mtime, k))
			rc = pack_uml(image, config, mod, p, k, err);
	}
	if (!rc)
		*ret = *k;
	free(k);
	free(config);
	return rc;
}

/* --- a package in a file -------------------------------------------------- */

static int deb_ask(const char *deb, struct kernel_pkg *ret, struct nwb_err *err)
{
	const char *argv[] = {"dpkg-deb", "-f", deb, NULL};
	char text[8192];
	struct kernel_cmd c = {
		.argv = argv, .out = text, .out_size = sizeof(text)};
	int rc = kernel_tool("dpkg-deb", "dpkg", err);

	if (rc)
		return rc;
	if (kernel_run(&c) || kernel_pkg_parse(text, ret))
		return nwb_err_set(err, -EINVAL, "%.300s is no Debian package",
				   deb);
	return 0;
}

/* The file of the package @name beside @deb. */
static bool deb_beside(const char *deb, const char *name, char *ret,
		       size_t size)
{
	const char *slash = strrchr(deb, '/');
	int dir_len = slash ? (int)(slash - deb) : 1;
	size_t len = strlen(name);
	char dir[KERNEL_DIR];
	struct dirent *de;
	bool found = false;
	DIR *d;

	snprintf(dir, sizeof(dir), "%.*s", slash ? dir_len + 1 : 1,
		 slash ? deb : ".");
	d = opendir(dir);
	while (d && !found && (de = readdir(d))) {
		size_t n = strlen(de->d_name);

		found = !strncmp(de->d_name, name, len) &&
			de->d_name[len] == '_' && n > 4 &&
			!strcmp(de->d_name + n - 4, ".deb") &&
			!kernel_path(ret, size, "%s/%s", dir, de->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

static int unpack_all(const char *deb, const struct kernel_pkg *pkg,
		      const char *stage, struct nwb_err *err)
{
	const char *release = pkg->name + strlen("linux-image-");
	char name[160], file[KERNEL_PATH];
	int rc = kernel_unpack(deb, stage, err);

	if (strncmp(pkg->name, "linux-image-", 12))
		return rc;
	for (unsigned int i = 0; !rc; i++) {
		if (kernel_pkg_needs(pkg, release, i, name, sizeof(name)))
			return 0;
		if (!deb_beside(deb, name, file, sizeof(file)))
			return nwb_err_set(err, -ENOENT,
					   "%.200s needs the package %.100s, "
					   "which is not beside it",
					   deb, name);
		rc = kernel_unpack(file, stage, err);
	}
	return rc;
}

int kernel_take_deb(const char *deb, const struct nwb_kernel_progress *p,
		    struct nwb_kernel *ret, struct nwb_err *err)
{
	static const char image[] = "linux-image-";
	char base[KERNEL_DIR], stage[KERNEL_DIR + 64], from[512];
	struct kernel_pkg *pkg = calloc(1, sizeof(*pkg));
	struct stat st;
	int rc = pkg ? nwb_kernel_cache(base, sizeof(base), err)
		     : nwb_err_set(err, -ENOMEM, "no memory");

	if (!rc)
		rc = deb_ask(deb, pkg, err);
	if (!rc && stat(deb, &st))
		rc = nwb_err_set(err, -errno, "%.300s: %s", deb,
				 strerror(errno));
	if (!rc)
		snprintf(from, sizeof(from), "%s %s, file", pkg->name,
			 pkg->version);
	if (!rc && !strncmp(pkg->name, image, sizeof(image) - 1) &&
	    is_taken(pkg->name + sizeof(image) - 1, from, st.st_mtime, ret)) {
		free(pkg);
		return 0;
	}
	if (!rc)
		rc = kernel_stage(base, stage, sizeof(stage), err);
	if (rc) {
		free(pkg);
		return rc;
	}
	kernel_say(p, -1, "%s: unpacking", pkg->name);
	rc = unpack_all(deb, pkg, stage, err);
	if (!rc)
		rc = kernel_take(base, stage, from, p, ret, err);
	if (rc)
		kernel_rmtree(stage);
	free(pkg);
	return rc;
}
