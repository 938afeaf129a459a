/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shards into one session: what fits, what is refused, what is written. */
#include "nwb/store.h"
#include "rep_test.h"

struct base {
	char dir[256];
	char path[8][300];
	const char *in[8];
	char out[300];
};

static void base_init(struct base *b)
{
	tmp_dir(b->dir, sizeof(b->dir));
	for (int i = 0; i < 8; i++) {
		snprintf(b->path[i], sizeof(b->path[i]), "%s/s%d", b->dir, i);
		b->in[i] = b->path[i];
	}
	snprintf(b->out, sizeof(b->out), "%s/out", b->dir);
}

static unsigned int entries(const char *dir)
{
	unsigned int nr = 0;
	DIR *d = opendir(dir);
	struct dirent *e;

	nwb_check(d != NULL);
	while ((e = readdir(d)))
		nr += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	return nr;
}

static void base_fini(struct base *b)
{
	for (int i = 0; i < 8; i++)
		if (!access(b->path[i], F_OK))
			tmp_dir_remove(b->path[i]);
	if (!access(b->out, F_OK))
		tmp_dir_remove(b->out);
	/* rmdir fails if a temporary directory was left behind */
	tmp_dir_remove(b->dir);
}

struct shard_opts {
	int k, n;
	const char *verdict; /* of its one run; NULL: it runs nothing */
	int exit;
	const char *build;
	const char *ran; /* case */
	bool is_killed;
};

static void make_shard(const char *dir, struct shard_opts o)
{
	static const char *const all[] = {"smbd.seq1m.a", "smbd.seq1m.b",
					  "smbd.seq1m.c"};
	struct nwb_store *s = NULL;
	json_t *rec = session_rec(), *out = json_array(), *ran = json_array();
	char command[64];

	snprintf(command, sizeof(command), "netwb check --shard %d/%d --seed 3",
		 o.k, o.n);
	json_object_set_new(rec, "command", json_string(command));
	json_object_set_new(rec, "build",
			    json_string(o.build ? o.build : "b1"));
	nwb_check_eq(nwb_store_create(dir, &s, NULL), 0);
	nwb_check_eq(nwb_store_add(s, rec, NULL), 0);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(all); i++)
		json_array_append_new(o.ran && !strcmp(o.ran, all[i]) ? ran
								      : out,
				      json_string(all[i]));
	if (o.ran && !json_array_size(ran))
		json_array_append_new(ran, json_string(o.ran));
	nwb_check_eq(nwb_store_add(s,
				   json_pack("{s:s,s:i,s:i,s:o,s:o}", "type",
					     "shard", "k", o.k, "n", o.n, "ran",
					     ran, "left_out", out),
				   NULL),
		     0);
	if (o.verdict)
		nwb_check_eq(nwb_store_add(s,
					   run_rec("in-place",
						   strrchr(o.ran, '.') + 1, o.k,
						   o.verdict, 1000),
					   NULL),
			     0);
	if (!o.is_killed) {
		rec = end_rec(o.exit);
		json_object_set_new(rec, "duration_ns", json_integer(o.k * 10));
		nwb_check_eq(nwb_store_add(s, rec, NULL), 0);
	}
	nwb_check_eq(nwb_store_close(s), 0);
}

/* Three shards with these exits; the third runs nothing. */
static int code_of(int a, int b, int c)
{
	struct base x;
	int code = -1;

	base_init(&x);
	make_shard(x.in[0],
		   (struct shard_opts){1, 3, "PASS", a, .ran = "smbd.seq1m.a"});
	make_shard(x.in[1],
		   (struct shard_opts){2, 3, "PASS", b, .ran = "smbd.seq1m.b"});
	make_shard(x.in[2], (struct shard_opts){3, 3, .exit = c});
	nwb_check_eq(nwb_store_merge(x.out, x.in, 3, false, &code, NULL), 0);
	base_fini(&x);
	return code;
}

NWB_TEST(report_merge, the_whole_is_as_bad_as_its_worst_part)
{
	nwb_check_eq(code_of(0, 0, 0), 0);
	nwb_check_eq(code_of(0, 1, 0), 1);
	nwb_check_eq(code_of(2, 1, 0), 1);
	nwb_check_eq(code_of(2, 0, 0), 2);
	nwb_check_eq(code_of(130, 0, 0), 2);
	nwb_check_eq(code_of(77, 0, 0), 0);
	nwb_check_eq(code_of(77, 77, 0), 77);
	nwb_check_eq(code_of(77, 2, 0), 2);
}

static const char *run_cell(const json_t *recs, size_t i)
{
	return json_string_value(
		json_object_get(json_array_get(recs, i), "cell"));
}

NWB_TEST(report_merge, has_all_records_in_the_order_of_the_shards)
{
	struct nwb_store_check c;
	struct nwb_err err = {0};
	char path[400];
	struct base x;
	json_t *recs, *v;
	int code = -1;

	base_init(&x);
	make_shard(x.in[0],
		   (struct shard_opts){2, 2, "FAIL", 1, .ran = "smbd.seq1m.b"});
	make_shard(x.in[1],
		   (struct shard_opts){1, 2, "PASS", 0, .ran = "smbd.seq1m.a"});
	nwb_check_eq(mkdir(x.out, 0700), 0); /* empty: may be there */
	nwb_check_eq(nwb_store_merge(x.out, x.in, 2, false, &code, &err), 0);
	nwb_check_streq(err.text, "");
	nwb_check_eq(code, 1);
	nwb_check_eq(nwb_store_verify(x.out, &c, NULL), 0);
	snprintf(path, sizeof(path), "%s/run.jsonl", x.out);
	recs = load(path);
	nwb_check_eq(json_array_size(recs), 5);
	v = json_array_get(recs, 0);
	nwb_check_streq(json_string_value(json_object_get(v, "command")),
			"netwb check --seed 3");
	nwb_check_streq(json_string_value(json_object_get(v, "id")), "out");
	v = json_object_get(json_array_get(recs, 1), "from");
	nwb_check_streq(json_string_value(
				json_object_get(json_array_get(v, 1), "shard")),
			"2/2");
	nwb_check_streq(run_cell(recs, 2), "smbd.in-place.seq1m.a");
	nwb_check_streq(run_cell(recs, 3), "smbd.in-place.seq1m.b");
	v = json_array_get(recs, 4);
	nwb_check_eq(json_integer_value(json_object_get(v, "exit")), 1);
	nwb_check_eq(json_integer_value(json_object_get(v, "duration_ns")), 20);
	json_decref(recs);
	base_fini(&x);
}

static void check_refused(struct base *x, unsigned int nr, int want,
			  const char *text)
{
	struct nwb_err err = {0};
	unsigned int before = entries(x->dir);
	int code = -1;

	nwb_check_eq(nwb_store_merge(x->out, x->in, nr, false, &code, &err),
		     want);
	if (!strstr(err.text, text))
		nwb_check_streq(err.text, text);
	nwb_check_eq(code, -1);
	nwb_check_eq(entries(x->dir), before);
}

/* With force it works, and the merge record says @text. */
static void check_forced(struct base *x, unsigned int nr, const char *text)
{
	struct nwb_err err = {0};
	const char *forced;
	char path[400];
	json_t *recs;
	int code;

	nwb_check_eq(nwb_store_merge(x->out, x->in, nr, true, &code, &err), 0);
	nwb_check_streq(err.text, "");
	snprintf(path, sizeof(path), "%s/run.jsonl", x->out);
	recs = load(path);
	forced = json_string_value(
		json_object_get(json_array_get(recs, 1), "forced"));
	nwb_check(forced != NULL);
	if (!strstr(forced, text))
		nwb_check_streq(forced, text);
	json_decref(recs);
}

NWB_TEST(report_merge, names_what_is_missing_and_what_is_double)
{
	struct base x;

	base_init(&x);
	make_shard(x.in[0],
		   (struct shard_opts){4, 4, "PASS", 0, .ran = "smbd.seq1m.a"});
	make_shard(x.in[1],
		   (struct shard_opts){2, 4, "PASS", 0, .ran = "smbd.seq1m.b"});
	make_shard(x.in[2],
		   (struct shard_opts){2, 4, "PASS", 0, .ran = "smbd.seq1m.b"});
	check_refused(&x, 2, -EINVAL, "missing: shard 1/4, 3/4; --force");
	check_refused(&x, 3, -EEXIST, "shard 2/4 is there twice: ");
	check_forced(&x, 2, "missing: shard 1/4, 3/4");
	base_fini(&x);
}

NWB_TEST(report_merge, refuses_two_builds)
{
	struct base x;

	base_init(&x);
	make_shard(x.in[0],
		   (struct shard_opts){1, 2, "PASS", 0, .ran = "smbd.seq1m.a"});
	make_shard(x.in[1], (struct shard_opts){2, 2, "PASS", 0, .build = "b2",
						.ran = "smbd.seq1m.b"});
	check_refused(&x, 2, -EINVAL, "\"build\" differs: \"b1\" in ");
	check_forced(&x, 2, "\"build\" differs");
	base_fini(&x);
}

NWB_TEST(report_merge, refuses_a_shard_that_was_cut_short)
{
	struct base x;

	base_init(&x);
	make_shard(x.in[0],
		   (struct shard_opts){1, 1, "PASS", 0, .ran = "smbd.seq1m.a",
				       .is_killed = true});
	check_refused(&x, 1, -EINVAL, "cut short");
	check_forced(&x, 1, "cut short");
	base_fini(&x);
}

NWB_TEST(report_merge, refuses_what_was_changed_and_what_is_no_campaign)
{
	struct base x;
	char path[400];
	struct nwb_store *s;

	base_init(&x);
	make_shard(x.in[0],
		   (struct shard_opts){1, 2, "PASS", 0, .ran = "smbd.seq1m.a"});
	make_shard(x.in[1], (struct shard_opts){2, 2, "PASS", 0,
						.ran = "smbd.seq1m.zzz"});
	check_refused(&x, 2, -EINVAL, "knows the case smbd.seq1m.zzz");
	tmp_dir_remove(x.in[1]);
	make_shard(x.in[1],
		   (struct shard_opts){2, 3, "PASS", 0, .ran = "smbd.seq1m.b"});
	check_refused(&x, 2, -EINVAL, "not one campaign");
	tmp_dir_remove(x.in[1]);
	nwb_check_eq(nwb_store_create(x.in[1], &s, NULL), 0);
	nwb_check_eq(nwb_store_add(s, session_rec(), NULL), 0);
	nwb_check_eq(nwb_store_add(s, end_rec(0), NULL), 0);
	nwb_check_eq(nwb_store_close(s), 0);
	check_refused(&x, 2, -EINVAL, "is no shard");
	tmp_dir_remove(x.in[1]);
	make_shard(x.in[1],
		   (struct shard_opts){2, 2, "PASS", 0, .ran = "smbd.seq1m.b"});
	snprintf(path, sizeof(path), "%s/" NWB_STORE_SUMS, x.in[1]);
	spill(path, "", 0);
	check_refused(&x, 2, -EINVAL, "does not name run.jsonl");
	check_refused(&x, 0, -EINVAL, "nothing to merge");
	base_fini(&x);
}

NWB_TEST(report_merge, takes_files_along_and_never_overwrites)
{
	struct base x;
	char path[400], *text;
	int code;

	base_init(&x);
	for (int i = 0; i < 2; i++) {
		make_shard(x.in[i],
			   (struct shard_opts){i + 1, 2, "PASS", 0,
					       .ran = i ? "smbd.seq1m.b"
							: "smbd.seq1m.a"});
		snprintf(path, sizeof(path), "%s/a.ledger", x.in[i]);
		spill(path, i ? "two" : "one", 3);
	}
	nwb_check_eq(nwb_store_merge(x.out, x.in, 2, false, &code, NULL), 0);
	snprintf(path, sizeof(path), "%s/a.ledger", x.out);
	text = slurp(path, NULL);
	nwb_check_streq(text, "one");
	free(text);
	snprintf(path, sizeof(path), "%s/shard2-a.ledger", x.out);
	text = slurp(path, NULL);
	nwb_check_streq(text, "two");
	free(text);
	check_refused(&x, 2, -EEXIST, "never overwritten");
	base_fini(&x);
}

/* A shard of a comparison: A and B, one decision, what the controls said. */
static void make_compare(const char *dir, int k, const char *b,
			 const char *unusable)
{
	struct nwb_store *s = NULL;
	json_t *rec, *ran = json_array(), *out = json_array();

	json_array_append_new(k == 1 ? ran : out, json_string("c1"));
	json_array_append_new(k == 2 ? ran : out, json_string("c2"));
	nwb_check_eq(nwb_store_create(dir, &s, NULL), 0);
	nwb_check_eq(nwb_store_add(s, session_rec(), NULL), 0);
	nwb_check_eq(nwb_store_add(s,
				   json_pack("{s:s,s:i,s:i,s:o,s:o}", "type",
					     "shard", "k", k, "n", 2, "ran",
					     ran, "left_out", out),
				   NULL),
		     0);
	rec = json_pack("{s:s,s:s,s:{s:s},s:{s:s}}", "type", "compare", "what",
			"mode", "a", "id", "in-place", "b", "id", b);
	nwb_check_eq(nwb_store_add(s, rec, NULL), 0);
	rec = json_pack("{s:s,s:s,s:s,s:i,s:s}", "type", "decision", "case",
			k == 1 ? "c1" : "c2", "metric", "cpu_ns_mib", "n", 10,
			"verdict", "SAME");
	nwb_check_eq(nwb_store_add(s, rec, NULL), 0);
	rec = end_rec(unusable ? 2 : 0);
	json_object_set_new(rec, "control_max", json_real(k * 0.01));
	if (unusable)
		json_object_set_new(rec, "unusable", json_string(unusable));
	nwb_check_eq(nwb_store_add(s, rec, NULL), 0);
	nwb_check_eq(nwb_store_close(s), 0);
}

NWB_TEST(report_merge, a_comparison_is_one_and_as_usable_as_its_worst_part)
{
	char path[400];
	struct base x;
	json_t *recs, *v;
	int code;

	base_init(&x);
	make_compare(x.in[0], 1, "temp-page", NULL);
	make_compare(x.in[1], 2, "temp-page", "steal");
	nwb_check_eq(nwb_store_merge(x.out, x.in, 2, false, &code, NULL), 0);
	nwb_check_eq(code, 2);
	snprintf(path, sizeof(path), "%s/run.jsonl", x.out);
	recs = load(path);
	/* session, merge, compare, two decisions, end */
	nwb_check_eq(json_array_size(recs), 6);
	v = json_array_get(recs, 5);
	nwb_check_streq(json_string_value(json_object_get(v, "unusable")),
			"shard 2: steal");
	nwb_check(fabs(json_number_value(json_object_get(v, "control_max")) -
		       0.02) < 1e-9);
	json_decref(recs);
	tmp_dir_remove(x.out);
	tmp_dir_remove(x.in[1]);
	make_compare(x.in[1], 2, "raw-cold", NULL);
	check_refused(&x, 2, -EINVAL, "side b is not the same");
	base_fini(&x);
}
