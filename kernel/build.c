/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UML from a tree, beside it: kbuild with O= in the cache, again and again in
 * the same place, so that a change costs what it touches.
 *
 *	CACHE/NAME-HASH/	of the tree's real path
 *		wanted		uml.config, what KCONFIG_ALLCONFIG names
 *		obj/		kbuild's
 *		log		all that make has said, the last time
 *		image, config	copies: of a build that was whole
 *		about
 *
 * The configuration is made anew each time (allnoconfig and the fragment): it
 * depends on the tree only, and kbuild touches nothing when it comes out as
 * before.
 */
#include "kernel_i.h"

#include <ctype.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>

struct build {
	char tree[KERNEL_DIR]; /* real path */
	char dir[KERNEL_DIR + 128];
	char name[128];
	char wanted[KERNEL_PATH], obj[KERNEL_PATH], log[KERNEL_PATH];
	const struct nwb_kernel_progress *p;
	unsigned int compiled;
	bool kasan;
};

static const char kasan_config[] = "\n# @required\nCONFIG_KASAN=y\n"
				   "CONFIG_KASAN_GENERIC=y\n"
				   "# @optional\nCONFIG_STACKTRACE=y\n"
				   "CONFIG_FRAME_WARN=0\n";

static int tools(struct nwb_err *err)
{
	static const char *const need[][2] = {
		{"make", "make"},   {"gcc", "gcc"}, {"flex", "flex"},
		{"bison", "bison"}, {"bc", "bc"},
	};
	int rc = 0;

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(need) && !rc; i++)
		rc = kernel_tool(need[i][0], need[i][1], err);
	return rc;
}

static bool has_file(const char *tree, const char *name)
{
	char path[KERNEL_PATH];

	return !kernel_path(path, sizeof(path), "%s/%s", tree, name) &&
	       !access(path, F_OK);
}

static int check_tree(const char *tree, struct nwb_err *err)
{
	/* what kbuild itself looks at before it takes another directory */
	static const char *const builds[] = {".config", "include/config",
					     "arch/um/include/generated",
					     "arch/x86/include/generated"};
	struct stat st;

	if (stat(tree, &st))
		return nwb_err_set(err, -errno, "%.300s: %s", tree,
				   strerror(errno));
	if (!S_ISDIR(st.st_mode) || !has_file(tree, "Kbuild") ||
	    !has_file(tree, "Kconfig") || !has_file(tree, "arch/um/Kconfig"))
		return nwb_err_set(err, -ENOTDIR,
				   "%.300s is no tree of the kernel's source "
				   "(with arch/um in it)",
				   tree);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(builds); i++)
		if (has_file(tree, builds[i]))
			return nwb_err_set(
				err, -EBUSY,
				"%.160s has been built in (there is %s), and "
				"kbuild then builds nowhere else: `make "
				"mrproper` there, or give a clean copy, as "
				"`git worktree add` makes it",
				tree, builds[i]);
	return 0;
}

static uint32_t hash_path(const char *path)
{
	uint32_t h = 2166136261u;

	for (; *path; path++)
		h = (h ^ (uint8_t)*path) * 16777619u;
	return h;
}

static int name_build(struct build *b, const char *base, struct nwb_err *err)
{
	const char *last = strrchr(b->tree, '/') + 1;
	char clean[48];
	size_t n = 0;
	int rc;

	for (; *last && n < sizeof(clean) - 1; last++)
		clean[n++] =
			isalnum((unsigned char)*last) || strchr("._-", *last)
				? *last
				: '_';
	clean[n] = 0;
	snprintf(b->name, sizeof(b->name), "%s%s-%08x%s",
		 clean[0] == '.' ? "tree" : "", clean, hash_path(b->tree),
		 b->kasan ? "-kasan" : "");
	rc = kernel_path(b->dir, sizeof(b->dir), "%s/%s", base, b->name);
	rc = rc ? rc
		: kernel_path(b->wanted, sizeof(b->wanted), "%s/wanted",
			      b->dir);
	rc = rc ? rc : kernel_path(b->obj, sizeof(b->obj), "%s/obj", b->dir);
	rc = rc ? rc : kernel_path(b->log, sizeof(b->log), "%s/log", b->dir);
	rc = rc ? rc : kernel_mkdirs(b->obj);
	return rc ? nwb_err_set(err, rc, "%.300s/%s: %s", base, b->name,
				strerror(-rc))
		  : 0;
}

/* --- make ----------------------------------------------------------------- */

/* The first line that says what is wrong; else the last one. */
static int make_failed(const struct build *b, const char *target, int code,
		       struct nwb_err *err)
{
	char *text = kernel_text(b->log);
	const char *best = NULL, *last = "";

	for (const char *p = text; p && *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");
		const char *bad = memmem(p, len, "error:", 6);

		bad = bad ? bad : memmem(p, len, "*** ", 4);
		if (bad && !best)
			best = p;
		if (len)
			last = p;
		p += len;
	}
	best = best ? best : last;
	nwb_err_set(err, -ENOEXEC,
		    "make %s fails (%d): %.*s; all of it: %.160s", target, code,
		    (int)nwb_min(strcspn(best, "\n"), (size_t)200), best,
		    b->log);
	free(text);
	return -ENOEXEC;
}

static void on_line(void *arg, const char *line)
{
	struct build *b = arg;

	if (!strncmp(line, "  CC ", 5) || !strncmp(line, "  AS ", 5))
		b->compiled++;
}

static void on_tick(void *arg)
{
	struct build *b = arg;

	kernel_say(b->p, -1, "compiling: %u files", b->compiled);
}

static int make(struct build *b, unsigned int jobs, const char *target,
		struct nwb_err *err)
{
	char out[KERNEL_PATH + 8], all[KERNEL_PATH + 32], j[16];
	const char *argv[] = {"make",	       "-C", b->tree, out,
			      "ARCH=um",       all,  j,	      target,
			      "LOCALVERSION=", NULL};
	struct kernel_cmd c = {
		.argv = argv, .log = b->log, .line = on_line, .arg = b};
	int rc;

	snprintf(out, sizeof(out), "O=%s", b->obj);
	snprintf(all, sizeof(all), "KCONFIG_ALLCONFIG=%s", b->wanted);
	snprintf(j, sizeof(j), "-j%u", jobs);
	if (!strcmp(target, "linux"))
		c.tick = on_tick;
	rc = kernel_run(&c);
	return rc ? make_failed(b, target, rc, err) : 0;
}

static int write_wanted(const struct build *b, struct nwb_err *err)
{
	FILE *f = fopen(b->wanted, "we");
	int rc = 0;

	if (f) {
		fputs(kernel_uml_config, f);
		if (b->kasan)
			fputs(kasan_config, f);
	}
	if (!f || ferror(f))
		rc = -EIO;
	if (f && fclose(f))
		rc = -errno;
	return rc ? nwb_err_set(err, rc, "%.300s: cannot be written", b->wanted)
		  : 0;
}

static int configure(struct build *b, struct nwb_err *err)
{
	char path[KERNEL_PATH], missing[256];
	char *wanted, *config;
	unsigned int nr;
	int rc = write_wanted(b, err);

	if (rc)
		return rc;
	kernel_say(b->p, -1, "configuring");
	rc = make(b, 1, "allnoconfig", err);
	if (rc)
		return rc;
	rc = kernel_path(path, sizeof(path), "%s/.config", b->obj);
	wanted = rc ? NULL : kernel_text(b->wanted);
	config = rc ? NULL : kernel_text(path);
	if (!wanted || !config) {
		rc = nwb_err_set(err, -EIO, "%.300s: cannot be read", path);
	} else {
		nr = kernel_config_missing(wanted, config, missing,
					   sizeof(missing));
		if (nr)
			rc = nwb_err_set(err, -ENODATA,
					 "this tree does not give %u of the "
					 "options that the lane needs: %s",
					 nr, missing);
	}
	free(wanted);
	free(config);
	return rc;
}

/* --- what comes out ------------------------------------------------------- */

static int copy_new(const struct build *b, const char *from, const char *to,
		    unsigned int mode, struct nwb_err *err)
{
	char in[KERNEL_PATH], tmp[KERNEL_PATH], out[KERNEL_PATH];
	int rc = kernel_path(in, sizeof(in), "%s/%s", b->obj, from);

	rc = rc ? rc : kernel_path(tmp, sizeof(tmp), "%s/%s.new", b->dir, to);
	rc = rc ? rc : kernel_path(out, sizeof(out), "%s/%s", b->dir, to);
	rc = rc ? rc : kernel_copy(in, tmp, mode);
	if (!rc && rename(tmp, out))
		rc = -errno;
	return rc ? nwb_err_set(err, rc, "%.300s: %s", out, strerror(-rc)) : 0;
}

static int install(const struct build *b, const char *base,
		   struct nwb_kernel *ret, struct nwb_err *err)
{
	struct nwb_kernel *k = calloc(1, sizeof(*k));
	char path[KERNEL_PATH], *text;
	int rc;

	if (!k)
		return nwb_err_set(err, -ENOMEM, "no memory");
	rc = copy_new(b, "linux", "image", 0700, err);
	rc = rc ? rc : copy_new(b, ".config", "config", 0600, err);
	if (!rc)
		rc = kernel_path(path, sizeof(path), "%s/config", b->dir);
	text = rc ? NULL : kernel_text(path);
	k->kind = NWB_KERNEL_UML;
	k->is_config_known = text != NULL;
	k->has = text ? kernel_facts(text) : UINT32_MAX;
	free(text);
	if (!rc)
		rc = kernel_path(path, sizeof(path),
				 "%s/include/config/kernel.release", b->obj);
	text = rc ? NULL : kernel_text(path);
	if (text)
		snprintf(k->release, sizeof(k->release), "%.*s",
			 (int)strcspn(text, "\n"), text);
	else if (!rc)
		rc = nwb_err_set(err, -EIO, "%.300s: cannot be read", path);
	free(text);
	snprintf(k->from, sizeof(k->from), "%.500s", b->tree);
	k->made = time(NULL);
	if (!rc)
		rc = kernel_about_write(b->dir, k, err);
	if (!rc) {
		rc = kernel_about_read(base, b->name, ret);
		if (rc)
			nwb_err_set(err, rc, "%.200s: not to be read again",
				    b->name);
	}
	free(k);
	return rc;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int build_locked(struct build *b, const char *base,
			struct nwb_kernel_build *o, struct nwb_kernel *ret,
			struct nwb_err *err)
{
	double begin = now_s();
	unsigned int jobs = o->jobs;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int rc;

	if (!jobs)
		jobs = cpus > 0 ? (unsigned int)cpus : 1;
	unlink(b->log);
	snprintf(o->log, sizeof(o->log), "%s", b->log);
	rc = configure(b, err);
	if (!rc && !has_file(b->obj, "linux"))
		rc = kernel_space(b->dir, (b->kasan ? 1000 : 400) * NWB_MIB,
				  err);
	if (!rc)
		rc = make(b, jobs, "linux", err);
	if (!rc)
		rc = install(b, base, ret, err);
	o->seconds = now_s() - begin;
	return rc;
}

int nwb_kernel_build(const char *tree, struct nwb_kernel_build *o,
		     const struct nwb_kernel_progress *p,
		     struct nwb_kernel *ret, struct nwb_err *err)
{
	char base[KERNEL_DIR], lock[KERNEL_PATH], real[PATH_MAX];
	struct build *b;
	int rc, fd;

	rc = check_tree(tree, err);
	rc = rc ? rc : tools(err);
	rc = rc ? rc : nwb_kernel_cache(base, sizeof(base), err);
	if (rc)
		return rc;
	b = calloc(1, sizeof(*b));
	if (!b)
		return nwb_err_set(err, -ENOMEM, "no memory");
	b->p = p;
	b->kasan = o->kasan;
	if (!realpath(tree, real) ||
	    kernel_path(b->tree, sizeof(b->tree), "%s", real))
		rc = nwb_err_set(err, -ENAMETOOLONG, "%.300s", tree);
	rc = rc ? rc : name_build(b, base, err);
	if (!rc)
		rc = kernel_path(lock, sizeof(lock), "%s/lock", b->dir);
	if (!rc) {
		fd = kernel_lock(lock, p, "builds this tree");
		if (fd < 0) {
			rc = nwb_err_set(err, fd, "%.300s: %s", lock,
					 strerror(-fd));
		} else {
			rc = build_locked(b, base, o, ret, err);
			close(fd);
		}
	}
	free(b);
	return rc;
}
