/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The merged session: its records, and the files beside them. */
#include "merge_i.h"
#include "nwb/mem.h"
#include "nwb/report.h"
#include "nwb/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP (256 * NWB_KIB)

static const char *text_of(const json_t *rec, const char *key)
{
	const char *s = json_string_value(json_object_get(rec, key));

	return s ? s : "";
}

/* --- files ---------------------------------------------------------------- */

static int copy_bytes(int from, int to)
{
	char *buf = nwb_alloc(STEP);
	ssize_t n;
	int r = buf ? 0 : -ENOMEM;

	while (!r && (n = read(from, buf, STEP)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = -errno;
			break;
		}
		for (ssize_t at = 0, w; at < n && !r; at += w > 0 ? w : 0) {
			w = write(to, buf + at, (size_t)(n - at));
			if (w < 0 && errno != EINTR)
				r = -errno;
		}
	}
	nwb_free(buf);
	return r;
}

static int copy_file(struct nwb_merge *m, const struct nwb_merge_in *in,
		     const char *name, const char *as, struct nwb_err *err)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct stat st;
	int fd, out, r;

	if (snprintf(from, sizeof(from), "%s/%s", in->dir, name) >=
		    (int)sizeof(from) ||
	    snprintf(to, sizeof(to), "%s/%s", m->tmp, as) >= (int)sizeof(to))
		return nwb_err_set(err, -ENAMETOOLONG, "%s: too long", name);
	fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st))
		r = errno == ELOOP ? 0 : -errno;
	else if (!S_ISREG(st.st_mode))
		r = 0;
	else {
		out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		r = out < 0 ? -errno : copy_bytes(fd, out);
		if (out >= 0 && close(out) && !r)
			r = -errno;
	}
	if (fd >= 0)
		close(fd);
	return r ? nwb_err_set(err, r, "%s: %s", from, strerror(-r)) : 0;
}

/* A record that names a file follows it to its new name. */
static void rename_in_records(const struct nwb_merge_in *in, const char *name,
			      const char *as)
{
	size_t i;
	json_t *rec;

	json_array_foreach(in->recs, i, rec)
	{
		if (!strcmp(text_of(rec, "json"), name))
			json_object_set_new(rec, "json", json_string(as));
	}
}

static int pick(const struct dirent *de)
{
	return nwb_store_is_kept(de->d_name) &&
	       strcmp(de->d_name, NWB_STORE_NAME);
}

static int copy_files(struct nwb_merge *m, const struct nwb_merge_in *in,
		      struct nwb_err *err)
{
	char as[NAME_MAX + 32], path[PATH_MAX + NAME_MAX + 40];
	struct dirent **list;
	int r = 0, nr = scandir(in->dir, &list, pick, alphasort);

	if (nr < 0)
		return nwb_err_set(err, -errno, "%s: %s", in->dir,
				   strerror(errno));
	for (int i = 0; i < nr; i++) {
		const char *name = list[i]->d_name;

		snprintf(as, sizeof(as), "%s", name);
		snprintf(path, sizeof(path), "%s/%s", m->tmp, as);
		if (!access(path, F_OK)) {
			snprintf(as, sizeof(as), "shard%lld-%s",
				 (long long)in->k, name);
			rename_in_records(in, name, as);
		}
		if (!r)
			r = copy_file(m, in, name, as, err);
		free(list[i]);
	}
	free(list);
	return r;
}

/* --- records -------------------------------------------------------------- */

/* The command of the whole: without its " --shard k/n" and "--shard=k/n". */
static void cut_shard(char *command)
{
	char *at = strstr(command, " --shard"), *end;

	if (!at)
		return;
	end = at + strlen(" --shard");
	end += *end == '=' || *end == ' ';
	end += strcspn(end, " ");
	memmove(at, end, strlen(end) + 1);
}

static json_t *session_record(const struct nwb_merge *m)
{
	json_t *rec = json_deep_copy(m->in[0].session);
	const char *date = text_of(m->in[0].session, "date");
	const char *slash = strrchr(m->out, '/');
	char command[4096];

	for (unsigned int i = 1; i < m->nr; i++) {
		const char *d = text_of(m->in[i].session, "date");

		if (*d && strcmp(d, date) < 0)
			date = d;
	}
	snprintf(command, sizeof(command), "%s", text_of(rec, "command"));
	cut_shard(command);
	json_object_set_new(rec, "date", json_string(date));
	json_object_set_new(rec, "command", json_string(command));
	json_object_set_new(
		rec, "id", json_string(slash && slash[1] ? slash + 1 : m->out));
	return rec;
}

static json_t *merge_record(const struct nwb_merge *m)
{
	json_t *from = json_array();

	for (unsigned int i = 0; i < m->nr; i++) {
		const struct nwb_merge_in *in = &m->in[i];
		char shard[48];

		snprintf(shard, sizeof(shard), "%lld/%lld", (long long)in->k,
			 (long long)in->n);
		json_array_append_new(
			from,
			json_pack("{s:s,s:s,s:s,s:s,s:s,s:i}", "id",
				  *text_of(in->session, "id")
					  ? text_of(in->session, "id")
					  : in->dir,
				  "date", text_of(in->session, "date"), "build",
				  text_of(in->session, "build"), "shard", shard,
				  "sha256", in->hex, "records",
				  (int)json_array_size(in->recs)));
	}
	return json_pack("{s:s,s:o,s:s?}", "type", "merge", "from", from,
			 "forced", m->forced[0] ? m->forced : NULL);
}

/* A shard that failed makes the whole fail; one that is not sure, or did not
 * end, makes it not sure; skipped is what all skipped. An empty shard has no
 * say in that. */
static int code_of(const struct nwb_merge *m)
{
	bool is_bad = false, is_unsure = false;
	unsigned int skipped = 0, empty = 0;

	for (unsigned int i = 0; i < m->nr; i++) {
		const struct nwb_merge_in *in = &m->in[i];
		json_int_t e =
			json_integer_value(json_object_get(in->end, "exit"));

		is_bad |= in->end && e == 1;
		is_unsure |= !in->end || (e && e != 1 && e != 77);
		skipped += in->end && e == 77;
		empty += in->end && !e &&
			 !json_array_size(json_object_get(in->shard, "ran"));
	}
	if (is_bad)
		return 1;
	if (is_unsure)
		return 2;
	return skipped && skipped + empty == m->nr ? 77 : 0;
}

static json_t *end_record(const struct nwb_merge *m, int code)
{
	double control = NAN;
	json_int_t longest = 0;
	bool is_cut = false;
	char unusable[1024] = "";
	json_t *rec;

	for (unsigned int i = 0; i < m->nr; i++) {
		const json_t *end = m->in[i].end;
		json_int_t t =
			json_integer_value(json_object_get(end, "duration_ns"));

		const char *why = text_of(end, "unusable");
		size_t at = strlen(unusable);

		longest = nwb_max(longest, t);
		if (json_is_number(json_object_get(end, "control_max")))
			control =
				fmax(control, json_number_value(json_object_get(
						      end, "control_max")));
		if (*why)
			snprintf(unusable + at, sizeof(unusable) - at,
				 "%sshard %lld: %s", at ? "; " : "",
				 (long long)m->in[i].k, why);
		is_cut |= !end ||
			  json_is_true(json_object_get(end, "interrupted"));
	}
	rec = json_pack("{s:s,s:i,s:I,s:b,s:s?}", "type", "end", "exit", code,
			"duration_ns", longest, "interrupted", (int)is_cut,
			"unusable", unusable[0] ? unusable : NULL);
	if (!isnan(control))
		json_object_set_new(rec, "control_max", json_real(control));
	return rec;
}

static bool is_own(const json_t *rec)
{
	static const char *const types[] = {"session", "shard", "merge", "end",
					    "truncated"};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(types); i++)
		if (!strcmp(text_of(rec, "type"), types[i]))
			return true;
	return false;
}

static int add_records(const struct nwb_merge *m, struct nwb_store *s, int code,
		       struct nwb_err *err)
{
	int r = nwb_store_add(s, session_record(m), err);

	if (!r)
		r = nwb_store_add(s, merge_record(m), err);
	for (unsigned int k = 0; k < m->nr; k++) {
		size_t i;
		json_t *rec;

		json_array_foreach(m->in[k].recs, i, rec)
		{
			/* what is compared is said once */
			if (k && !strcmp(text_of(rec, "type"), "compare"))
				continue;
			if (!r && !is_own(rec))
				r = nwb_store_add(s, json_incref(rec), err);
		}
	}
	return r ? r : nwb_store_add(s, end_record(m, code), err);
}

int nwb_merge_write(struct nwb_merge *m, int *ret_code, struct nwb_err *err)
{
	struct nwb_store *s = NULL;
	int r = 0, r2, code = code_of(m);

	for (unsigned int i = 0; i < m->nr && !r; i++)
		r = copy_files(m, &m->in[i], err);
	if (!r)
		r = nwb_store_create(m->tmp, &s, err);
	if (!r)
		r = add_records(m, s, code, err);
	r2 = nwb_store_close(s);
	if (!r && r2)
		r = nwb_err_set(err, r2, "%s: %s", m->out, strerror(-r2));
	if (!r)
		*ret_code = code;
	return r;
}

void nwb_merge_drop(struct nwb_merge *m)
{
	DIR *d = opendir(m->tmp);
	struct dirent *e;

	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(m->tmp);
}
