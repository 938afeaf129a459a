/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who A and B are. A word is tried as everything that it can be; what fits
 * more than one reading is refused with the explicit forms.
 */
#include "gate_i.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const kind_names[] = {
	[GATE_SIDE_BUILD] = "build",   [GATE_SIDE_REV] = "rev",
	[GATE_SIDE_CLIENT] = "client", [GATE_SIDE_MODE] = "mode",
	[GATE_SIDE_SERVER] = "server",
};

const char *gate_side_kind_name(enum gate_side_kind k)
{
	return kind_names[k];
}

static void set_build_dir(struct gate_side *s)
{
	char path[PATH_MAX];
	char *slash;

	s->build_dir[0] = 0;
	snprintf(path, sizeof(path), "%.4000s", s->binary);
	for (int i = 0; i < 2; i++) {
		slash = strrchr(path, '/');
		if (!slash)
			return;
		*slash = 0;
	}
	snprintf(s->build_dir, sizeof(s->build_dir), "%.4000s/build.ninja",
		 path);
	if (access(s->build_dir, R_OK))
		s->build_dir[0] = 0;
	else
		snprintf(s->build_dir, sizeof(s->build_dir), "%.4000s", path);
}

/* A build directory, a directory with netwb in it, or the binary. */
static int find_binary(const char *path, char *ret, size_t size)
{
	static const char *const in[] = {"/bench/netwb", "/netwb", ""};
	char name[PATH_MAX], real[PATH_MAX];
	struct stat st;

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(in); i++) {
		snprintf(name, sizeof(name), "%.3900s%s", path, in[i]);
		if (!stat(name, &st) && S_ISREG(st.st_mode) &&
		    !access(name, X_OK) && realpath(name, real)) {
			snprintf(ret, size, "%s", real);
			return 0;
		}
	}
	return -ENOENT;
}

static int set_build(const char *path, struct gate_side *s, struct nwb_err *err)
{
	if (find_binary(path, s->binary, sizeof(s->binary)))
		return nwb_err_set(err, -ENOENT,
				   "build:%.160s: no netwb there (a build "
				   "directory, or the binary)",
				   path);
	set_build_dir(s);
	return 0;
}

int gate_side_self(struct gate_side *ret, struct nwb_err *err)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	const char *shim = getenv("NWB_SHIM_PATH");

	memset(ret, 0, sizeof(*ret));
	if (n < 0)
		return nwb_err_set(err, -errno, "/proc/self/exe: %s",
				   strerror(errno));
	exe[n] = 0;
	ret->kind = GATE_SIDE_BUILD;
	snprintf(ret->binary, sizeof(ret->binary), "%.4000s", exe);
	snprintf(ret->id, sizeof(ret->id), "this build");
	if (shim)
		snprintf(ret->shim, sizeof(ret->shim), "%s", shim);
	set_build_dir(ret);
	return 0;
}

static bool is_server(const char *name)
{
	return nwb_server_find(name) || bench_is_fake(name);
}

/* "in-place wsize=64K": a mode, then options of a plan's client line. */
static int check_client(const char *words, struct nwb_err *err)
{
	struct nwb_plan *plan;
	char line[300];
	int rc;

	snprintf(line, sizeof(line), "client %.250s", words);
	rc = bench_plan_text("client", line, &plan, err);
	if (!rc)
		nwb_plan_free(plan);
	return rc;
}

static bool is_revision(const char *word, char *ret, size_t size)
{
	char repo[PATH_MAX], spec[300];
	const char *const args[] = {"rev-parse", "--verify", "--quiet", spec,
				    NULL};

	if (*word == '-' || gate_repo(repo, sizeof(repo), NULL))
		return false;
	snprintf(spec, sizeof(spec), "%.250s^{commit}", word);
	return !gate_git(repo, args, ret, size);
}

static bool is_client(const char *word)
{
	char mode[32];
	size_t len = strcspn(word, " \t");

	if (!word[len] || len >= sizeof(mode))
		return false;
	memcpy(mode, word, len);
	mode[len] = 0;
	return nwb_subject_kind_find(mode) >= 0;
}

static bool can_be(enum gate_side_kind k, const char *word, char *rev,
		   size_t size)
{
	char path[4096];

	switch (k) {
	case GATE_SIDE_BUILD:
		return !find_binary(word, path, sizeof(path));
	case GATE_SIDE_REV:
		return is_revision(word, rev, size);
	case GATE_SIDE_CLIENT:
		return is_client(word);
	case GATE_SIDE_MODE:
		return nwb_subject_kind_find(word) >= 0;
	default:
		return is_server(word);
	}
}

static int set_side(enum gate_side_kind k, const char *word,
		    struct gate_side *s, struct nwb_err *err)
{
	int kind;

	if (k == GATE_SIDE_BUILD)
		return set_build(word, s, err);
	if (k == GATE_SIDE_REV) {
		if (!is_revision(word, s->revision, sizeof(s->revision)))
			return nwb_err_set(err, -ENOENT,
					   "rev:%.160s: no such revision of "
					   "this program's repository",
					   word);
		return gate_build_rev(s, err);
	}
	if (k == GATE_SIDE_CLIENT) {
		snprintf(s->client_line, sizeof(s->client_line),
			 "client %.240s", word);
		return check_client(word, err);
	}
	if (k == GATE_SIDE_SERVER) {
		s->server = word;
		return is_server(word)
			       ? 0
			       : nwb_err_set(err, -ENOENT,
					     "server:%.80s: no such server; "
					     "see `netwb list`",
					     word);
	}
	kind = nwb_subject_kind_find(word);
	if (kind < 0)
		return nwb_err_set(err, -ENOENT,
				   "mode:%.80s: no such mode; in-place, "
				   "temp-page, raw-cold, raw-hot",
				   word);
	s->client = nwb_subject_kind_name((enum nwb_subject_kind)kind);
	return 0;
}

/* Without a prefix: exactly one reading, or it is refused. */
static int guess(const char *word, enum gate_side_kind *ret_k,
		 struct nwb_err *err)
{
	char forms[200] = "", rev[64];
	unsigned int nr = 0;

	for (unsigned int k = 0; k < NWB_ARRAY_SIZE(kind_names); k++) {
		size_t at = strlen(forms);

		if (!can_be((enum gate_side_kind)k, word, rev, sizeof(rev)))
			continue;
		*ret_k = (enum gate_side_kind)k;
		snprintf(forms + at, sizeof(forms) - at, "%s%s:%.40s",
			 nr++ ? " or " : "", kind_names[k], word);
	}
	if (nr == 1)
		return 0;
	if (nr)
		return nwb_err_set(err, -EINVAL,
				   "\"%.60s\" can be %s: say "
				   "which",
				   word, forms);
	return nwb_err_set(err, -ENOENT,
			   "\"%.80s\" is no build, git revision, client, mode "
			   "or server (build:PATH, rev:REF, \"client:MODE "
			   "OPTION=...\", mode:NAME, server:NAME)",
			   word);
}

int gate_side_parse(const char *word, struct gate_side *ret,
		    struct nwb_err *err)
{
	struct gate_side *s = calloc(1, sizeof(*s));
	const char *rest = word;
	int rc, found = -1;

	if (!s)
		return nwb_err_set(err, -ENOMEM, "no memory for a side");
	for (unsigned int k = 0; k < NWB_ARRAY_SIZE(kind_names); k++) {
		size_t len = strlen(kind_names[k]);

		if (!strncmp(word, kind_names[k], len) && word[len] == ':') {
			found = (int)k;
			rest = word + len + 1;
		}
	}
	rc = gate_side_self(s, err);
	if (!rc && found < 0) {
		enum gate_side_kind k;

		rc = guess(word, &k, err);
		found = rc ? 0 : (int)k;
	}
	if (!rc) {
		s->kind = (enum gate_side_kind)found;
		if (gate_is_binary_side(s))
			s->shim[0] = 0;
		snprintf(s->id, sizeof(s->id), "%.200s", rest);
		rc = set_side(s->kind, rest, s, err);
	}
	if (!rc)
		*ret = *s;
	free(s);
	return rc;
}
