/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Builds of git revisions, in the cache, with the compiler and the flags of
 * the build that runs; and the same program linked anew with its objects in
 * another order, so that what depends on where functions lie shows itself.
 *
 *	$XDG_CACHE_HOME/netwb/rev/COMMIT-FLAGS/
 *		src/	a clone that borrows the objects of the repository
 *		build/
 *		log	of git, meson and ninja
 *		done	it is whole
 */
#include "gate_i.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* What changes code: taken over from the build that runs. */
static const char *const flags[] = {
	"optimization", "debug",    "b_ndebug", "b_lto",       "b_pie",
	"b_sanitize",	"b_lundef", "c_args",	"c_link_args", "mutants"};
#define NR_FLAGS NWB_ARRAY_SIZE(flags)

int gate_cache_dir(char *ret_path, size_t size, struct nwb_err *err)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n;

	if (xdg && xdg[0] == '/')
		n = snprintf(ret_path, size, "%s/netwb", xdg);
	else if (home && home[0] == '/')
		n = snprintf(ret_path, size, "%s/.cache/netwb", home);
	else
		return nwb_err_set(err, -ENOENT,
				   "no cache directory: set XDG_CACHE_HOME or "
				   "HOME");
	if (n < 0 || (size_t)n >= size || n > 3000)
		return nwb_err_set(err, -ENAMETOOLONG,
				   "the cache directory's name is too long");
	for (char *p = ret_path + 1; *p; p++)
		if (*p == '/') {
			*p = 0;
			mkdir(ret_path, 0700);
			*p = '/';
		}
	if (mkdir(ret_path, 0700) && errno != EEXIST)
		return nwb_err_set(err, -errno, "cache directory %.160s: %s",
				   ret_path, strerror(errno));
	return 0;
}

int gate_git(const char *repo, const char *const *args, char *ret, size_t size)
{
	const char *argv[16] = {"git", "-C", repo};
	unsigned int n = 3;
	int rc;

	while (*args && n < NWB_ARRAY_SIZE(argv) - 1)
		argv[n++] = *args++;
	rc = gate_command_text(argv, NULL, ret, size);
	ret[strcspn(ret, "\n")] = 0;
	return !rc && ret[0] ? 0 : -ENOENT;
}

static bool is_our_repo(const char *dir)
{
	char name[PATH_MAX], line[256];
	bool ours = false;
	FILE *f;

	snprintf(name, sizeof(name), "%.4000s/meson.build", dir);
	f = fopen(name, "re");
	while (f && !ours && fgets(line, sizeof(line), f))
		ours = !strncmp(line, "project('netwb'", 15);
	if (f)
		fclose(f);
	return ours;
}

/* The sources that this build was made from, as meson wrote them down. */
static int source_dir(const char *build_dir, char *ret, size_t size)
{
	char path[PATH_MAX];
	json_t *info, *v;
	int rc = -ENOENT;

	snprintf(path, sizeof(path), "%.3900s/meson-info/meson-info.json",
		 build_dir);
	info = json_load_file(path, 0, NULL);
	v = json_object_get(json_object_get(info, "directories"), "source");
	if (json_is_string(v) && json_string_length(v) < size) {
		snprintf(ret, size, "%s", json_string_value(v));
		rc = 0;
	}
	json_decref(info);
	return rc;
}

int gate_repo(char *ret_path, size_t size, struct nwb_err *err)
{
	static const char *const top[] = {"rev-parse", "--show-toplevel", NULL};
	struct gate_side *self = calloc(1, sizeof(*self));
	char src[PATH_MAX];
	int rc = -ENOENT;

	if (!gate_git(".", top, ret_path, size) && is_our_repo(ret_path)) {
		rc = 0;
	} else if (self && !gate_side_self(self, err) && self->build_dir[0] &&
		   !source_dir(self->build_dir, src, sizeof(src)) &&
		   !gate_git(src, top, ret_path, size) &&
		   is_our_repo(ret_path)) {
		rc = 0;
	}
	free(self);
	if (rc)
		nwb_err_set(err, rc,
			    "no git repository of netwb here, nor where this "
			    "build came from");
	return rc;
}

/* --- a revision ----------------------------------------------------------- */

/* "-Dname=value" of each flag that this build says of itself. */
static unsigned int our_flags(char text[NR_FLAGS][512])
{
	struct gate_side *self = calloc(1, sizeof(*self));
	char path[PATH_MAX];
	unsigned int nr = 0;
	json_t *all = NULL, *o;
	size_t i;

	if (self && !gate_side_self(self, NULL) && self->build_dir[0]) {
		snprintf(path, sizeof(path),
			 "%.3900s/meson-info/intro-buildoptions.json",
			 self->build_dir);
		all = json_load_file(path, 0, NULL);
	}
	free(self);
	json_array_foreach(all, i, o)
	{
		const char *name =
			json_string_value(json_object_get(o, "name"));
		json_t *v = json_object_get(o, "value");
		char *json;

		for (size_t k = 0; name && k < NR_FLAGS && nr < NR_FLAGS; k++) {
			if (strcmp(flags[k], name))
				continue;
			/* older revisions do not know it */
			if (!strcmp(name, "mutants") && !json_is_true(v))
				continue;
			if (json_is_string(v)) {
				snprintf(text[nr++], 512, "-D%s=%.400s", name,
					 json_string_value(v));
				continue;
			}
			json = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
			for (char *p = json; p && *p; p++)
				*p = *p == '"' ? '\'' : *p;
			snprintf(text[nr++], 512, "-D%s=%.400s", name,
				 json ? json : "");
			free(json);
		}
	}
	json_decref(all);
	return nr;
}

/* The C compiler of this build, "ccache cc"; "" when that is not known. */
static void our_compiler(char *buf, size_t size)
{
	struct gate_side *self = calloc(1, sizeof(*self));
	json_t *all = NULL, *target, *source, *word;
	char path[PATH_MAX];
	size_t i, k, w;

	buf[0] = 0;
	if (self && !gate_side_self(self, NULL) && self->build_dir[0]) {
		snprintf(path, sizeof(path),
			 "%.3900s/meson-info/intro-targets.json",
			 self->build_dir);
		all = json_load_file(path, 0, NULL);
	}
	free(self);
	json_array_foreach(all, i, target) json_array_foreach(
		json_object_get(target, "target_sources"), k, source)
	{
		json_t *lang = json_object_get(source, "language");

		if (buf[0] || !json_is_string(lang) ||
		    strcmp(json_string_value(lang), "c") != 0)
			continue;
		json_array_foreach(json_object_get(source, "compiler"), w, word)
		{
			size_t at = strlen(buf);

			if (json_is_string(word))
				snprintf(buf + at, size - at, "%s%s",
					 at ? " " : "",
					 json_string_value(word));
		}
	}
	json_decref(all);
}

static uint64_t hash_flags(char text[NR_FLAGS][512], unsigned int nr,
			   const char *compiler)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (unsigned int i = 0; i <= nr; i++)
		for (const char *p = i < nr ? text[i] : compiler; *p; p++)
			h = (h ^ (uint8_t)*p) * 0x100000001b3ull;
	return h;
}

static int build_failed(struct nwb_err *err, const struct gate_side *s,
			const char *what, const char *log)
{
	char tail[160] = "", line[512];
	FILE *f = fopen(log, "re");

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "rror") || strstr(line, "fatal"))
			snprintf(tail, sizeof(tail), "%.*s",
				 (int)strcspn(line, "\n"), line);
	if (f)
		fclose(f);
	return nwb_err_set(err, -ENOEXEC,
			   "revision %.12s (%.40s) cannot be built: %s failed: "
			   "%.80s; all of it: %s",
			   s->revision, s->id, what, tail, log);
}

static int build_steps(const struct gate_side *s, const char *dir,
		       char text[NR_FLAGS][512], unsigned int nr,
		       struct nwb_err *err)
{
	char repo[PATH_MAX], src[PATH_MAX], build[PATH_MAX], log[PATH_MAX];
	const char *clone[] = {"git",	   "clone", "-q",
			       "--shared", "-n",    "--no-hardlinks",
			       repo,	   src,	    NULL};
	const char *checkout[] = {"git", "-C",	      src, "checkout",
				  "-q",	 s->revision, NULL};
	const char *ninja[] = {
		"ninja", "-C", build, "bench/netwb", "faults/libnwb-shim.so",
		NULL};
	const char *setup[NR_FLAGS + 6] = {"meson", "setup"};
	unsigned int n = 2;
	int rc = gate_repo(repo, sizeof(repo), err);

	if (rc)
		return rc;
	snprintf(src, sizeof(src), "%.3900s/src", dir);
	snprintf(build, sizeof(build), "%.3900s/build", dir);
	snprintf(log, sizeof(log), "%.3900s/log", dir);
	unlink(log);
	for (unsigned int i = 0; i < nr; i++)
		setup[n++] = text[i];
	setup[n++] = build;
	setup[n++] = src;
	if (access(src, F_OK) && gate_command(clone, NULL, log))
		return build_failed(err, s, "git clone", log);
	if (gate_command(checkout, NULL, log))
		return build_failed(err, s, "git checkout", log);
	snprintf(repo, sizeof(repo), "%.3900s/build.ninja", build);
	if (access(repo, F_OK) && gate_command(setup, NULL, log))
		return build_failed(err, s, "meson setup", log);
	if (gate_command(ninja, NULL, log))
		return build_failed(err, s, "ninja", log);
	return 0;
}

int gate_build_rev(struct gate_side *s, struct nwb_err *err)
{
	static char text[NR_FLAGS][512];
	char cache[3072], dir[3300], name[PATH_MAX], compiler[512];
	unsigned int nr = our_flags(text);
	int fd, rc = gate_cache_dir(cache, sizeof(cache), err);

	if (rc)
		return rc;
	our_compiler(compiler, sizeof(compiler));
	/* for meson, which is told by the environment; nothing else reads it */
	if (compiler[0] && setenv("CC", compiler, 1))
		return nwb_err_set(err, -ENOMEM, "no memory to build");
	snprintf(dir, sizeof(dir), "%s/rev", cache);
	mkdir(dir, 0700);
	snprintf(dir, sizeof(dir), "%s/rev/%.40s-%08x", cache, s->revision,
		 (unsigned int)hash_flags(text, nr, compiler));
	if (mkdir(dir, 0700) && errno != EEXIST)
		return nwb_err_set(err, -errno, "%.160s: %s", dir,
				   strerror(errno));
	/* two sessions may want the same one */
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX)) {
		rc = nwb_err_set(err, -errno, "%.160s: %s", dir,
				 strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	snprintf(name, sizeof(name), "%s/done", dir);
	if (access(name, F_OK)) {
		fprintf(stderr, "building %.12s (%s) ...\n", s->revision,
			s->id);
		rc = build_steps(s, dir, text, nr, err);
		if (!rc) {
			int made = open(name, O_CREAT | O_WRONLY | O_CLOEXEC,
					0600);

			if (made >= 0)
				close(made);
		}
	}
	close(fd);
	snprintf(s->binary, sizeof(s->binary), "%s/build/bench/netwb", dir);
	snprintf(s->build_dir, sizeof(s->build_dir), "%s/build", dir);
	return rc;
}
