/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The writer: what is in the file after each call, and what is refused. */
#include "rep_test.h"

#include <signal.h>
#include <sys/resource.h>

static struct nwb_store *create(const char *dir)
{
	struct nwb_store *s = NULL;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_store_create(dir, &s, &err), 0);
	nwb_check_streq(err.text, "");
	return s;
}

static char *jsonl(const char *dir)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/run.jsonl", dir);
	return slurp(path, NULL);
}

NWB_TEST(report_store, makes_a_private_directory_and_its_parents)
{
	char base[256], mid[300], dir[400];
	struct nwb_store *s;
	struct stat st;

	tmp_dir(base, sizeof(base));
	snprintf(mid, sizeof(mid), "%s/a", base);
	snprintf(dir, sizeof(dir), "%s/b/", mid);
	s = create(dir);
	nwb_check_eq(stat(dir, &st), 0);
	nwb_check_eq(st.st_mode & 07777, 0700);
	nwb_check_eq(nwb_store_close(s), 0);
	tmp_dir_remove(dir);
	tmp_dir_remove(mid);
	tmp_dir_remove(base);
}

NWB_TEST(report_store, never_overwrites)
{
	char dir[256];
	struct nwb_store *s, *again = NULL;
	struct nwb_err err = {0};

	tmp_dir(dir, sizeof(dir));
	s = create(dir);
	nwb_check_eq(nwb_store_create(dir, &again, &err), -EEXIST);
	nwb_check(again == NULL);
	nwb_check(strstr(err.text, "never overwritten") != NULL);
	nwb_check_eq(nwb_store_close(s), 0);
	tmp_dir_remove(dir);
}

NWB_TEST(report_store, a_file_in_the_way_is_an_error)
{
	char dir[256], path[300];
	struct nwb_store *s = NULL;
	struct nwb_err err = {0};

	tmp_dir(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	spill(path, "x", 1);
	nwb_check_eq(nwb_store_create(path, &s, &err), -ENOTDIR);
	nwb_check(s == NULL);
	nwb_check_eq(nwb_store_create("", &s, &err), -ENAMETOOLONG);
	tmp_dir_remove(dir);
}

/* Whole lines in the file before close, keys sorted, 64-bit numbers exact. */
NWB_TEST(report_store, a_line_is_in_the_file_when_add_returns)
{
	const long long big = 9223372036854775807ll;
	char dir[256], *text;
	struct nwb_store *s;
	json_t *rec = json_pack("{s:s, s:I, s:s}", "type", "session", "seed",
				(json_int_t)big, "id", "x");

	tmp_dir(dir, sizeof(dir));
	s = create(dir);
	nwb_check_eq(nwb_store_add(s, rec, NULL), 0);
	text = jsonl(dir);
	nwb_check_streq(text, "{\"id\":\"x\",\"seed\":9223372036854775807,"
			      "\"type\":\"session\",\"v\":1}\n");
	free(text);
	nwb_check_eq(nwb_store_add(s, end_rec(0), NULL), 0);
	text = jsonl(dir);
	nwb_check(strstr(text, "\n{\"duration_ns\":5,\"exit\":0,"
			       "\"interrupted\":false,\"type\":\"end\","
			       "\"v\":1}\n") != NULL);
	free(text);
	nwb_check_eq(nwb_store_close(s), 0);
	nwb_check_eq(nwb_store_close(NULL), 0);
	tmp_dir_remove(dir);
}

/* One record with one field replaced must be refused, and leave no trace. */
static void check_refused(json_t *rec, const char *key, json_t *value,
			  const char *want)
{
	struct nwb_err err = {0};
	char dir[256], *text;
	struct nwb_store *s;

	if (key)
		nwb_check_eq(json_object_set_new(rec, key, value), 0);
	tmp_dir(dir, sizeof(dir));
	s = create(dir);
	if (strcmp(json_string_value(json_object_get(rec, "type")), "session"))
		nwb_check_eq(nwb_store_add(s, session_rec(), NULL), 0);
	text = jsonl(dir);
	nwb_check_eq(nwb_store_add(s, rec, &err), -EINVAL);
	if (!strstr(err.text, want))
		nwb_check_streq(err.text, want);
	{
		char *after = jsonl(dir);

		nwb_check_streq(after, text);
		free(after);
	}
	free(text);
	nwb_check_eq(nwb_store_close(s), 0);
	tmp_dir_remove(dir);
}

static json_t *good_run(void)
{
	return run_rec("in-place", "none", 0, "PASS", 1000);
}

NWB_TEST(report_store, refuses_fields_of_the_wrong_type)
{
	check_refused(good_run(), "bytes", json_string("1"), "\"bytes\"");
	check_refused(good_run(), "bytes", json_integer(-1), ">= 0");
	check_refused(good_run(), "pair", json_real(1.5), "\"pair\"");
	check_refused(good_run(), "verdict", json_string("pass"), "a verdict");
	check_refused(good_run(), "verdict", json_integer(0), "a verdict");
	check_refused(good_run(), "workload", json_string(""), "not empty");
	check_refused(good_run(), "server", json_null(), "not empty");
	check_refused(good_run(), "reason", json_integer(1), "a string or");
	check_refused(good_run(), "signing", json_array(), "single value");
	check_refused(good_run(), "write_lat", json_integer(4), "\"write_lat");
	check_refused(good_run(), "write_lat", json_pack("{s:s}", "p50", "x"),
		      "write_lat: field \"p50\"");
	check_refused(good_run(), "hits", json_array(), "\"hits\"");
	check_refused(good_run(), "hits", json_pack("{s:b}", "cut", 1),
		      "hits: field \"cut\"");
	check_refused(good_run(), "findings", json_object(), "an array");
	check_refused(good_run(), "findings", json_pack("[i]", 1), "of obj");
	check_refused(good_run(), "findings",
		      json_pack("[{s:s,s:s}]", "oracle", "O1", "text", "t"),
		      "findings[0]: field \"kind\"");
	check_refused(session_rec(), "servers", json_array(), "an object");
	check_refused(session_rec(), "ncpu", json_true(), "\"ncpu\"");
	check_refused(end_rec(0), "exit", json_null(), "an integer");
	check_refused(end_rec(0), "interrupted", json_integer(0), "a boolean");
}

NWB_TEST(report_store, refuses_what_is_no_record_of_this_schema)
{
	check_refused(good_run(), "type", json_string("rnu"), "unknown type");
	check_refused(good_run(), "v", json_string("1"), "no schema version");
	check_refused(session_rec(), "type", json_string("end"), "\"exit\"");
	check_refused(session_rec(), "type", json_string("truncated"),
		      "unknown type");
}

/* One good record of each further type; the names are those of the docs. */
static const char *const more[] = {
	"{'type':'compare','what':'mode','a':{'id':'in-place'},"
	"'b':{'id':'temp-page'},'looks':[10,20,30]}",
	"{'type':'pair','case':'smbd.seq4k','pair':3,'order':'BA','role':"
	"'measure','a':{'metrics':{'cpu_ns_mib':812.5,'mib_s':401},'meters':"
	"{'steal_ns':0,'psi_some_ns':null},'exit':0},'b':{'metrics':{}},"
	"'contaminated':'b: steal 2.1 % of wall'}",
	"{'type':'decision','case':'smbd.seq4k','metric':'cpu_ns_mib','n':10,"
	"'verdict':'WORSE','hl':-0.04,'lo':null,'hi':0.5,'better':'lower',"
	"'delta':0.05,'look':1,'is_confirmed':false}",
	"{'type':'latency','case':'c','server':'smbd','subject':'in-place',"
	"'workload':'seq4k','fault':'none','step':'load','share':0.7,"
	"'response':{'n':10000,'p50':1,'p90':2,'p99':3,'p999':4,'max':9,"
	"'bins':[1,5000,2,5000]},'refused':0}",
	"{'type':'fio','server':'diod','subject':'kernel-fuse','job':'j',"
	"'fault':'none','write':{'iops':1.5,'clat':{'p99':7}},"
	"'warnings':['fsync_on_close'],'invalid':null}",
	"{'type':'shard','k':2,'n':4,'left_out':['a.b.c.d'],'total':9}",
	"{'type':'merge','from':[{'id':'x','shard':'1/4'}]}",
	"{'type':'note','text':'3 runs left out'}",
};

static json_t *more_rec(size_t i)
{
	char text[1024];
	json_t *r;

	snprintf(text, sizeof(text), "%s", more[i]);
	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	r = json_loads(text, 0, NULL);
	nwb_check(r != NULL);
	return r;
}

NWB_TEST(report_store, takes_every_type_of_record_and_gives_it_back)
{
	struct nwb_err err = {0};
	char dir[256], path[300];
	struct nwb_store *s;
	json_t *recs;

	tmp_dir(dir, sizeof(dir));
	s = create(dir);
	nwb_check_eq(nwb_store_add(s, session_rec(), NULL), 0);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(more); i++) {
		nwb_check_eq(nwb_store_add(s, more_rec(i), &err), 0);
		nwb_check_streq(err.text, "");
	}
	nwb_check_eq(nwb_store_add(s, end_rec(0), NULL), 0);
	nwb_check_eq(nwb_store_close(s), 0);
	snprintf(path, sizeof(path), "%s/run.jsonl", dir);
	recs = load(path);
	nwb_check_eq(json_array_size(recs), NWB_ARRAY_SIZE(more) + 2);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(more); i++) {
		json_t *want = more_rec(i);

		nwb_check_eq(json_object_set_new(want, "v", json_integer(1)),
			     0);
		nwb_check(json_equal(want, json_array_get(recs, i + 1)));
		json_decref(want);
	}
	json_decref(recs);
	tmp_dir_remove(dir);
}

NWB_TEST(report_store, refuses_what_is_wrong_in_any_type_of_record)
{
	check_refused(more_rec(0), "a", json_null(), "must be an object");
	check_refused(more_rec(0), "b", json_object(), "b: field \"id\"");
	check_refused(more_rec(1), "order", json_string("AA"), "\"AB\" or");
	check_refused(more_rec(1), "b",
		      json_pack("{s:{s:s}}", "metrics", "x", "1"),
		      "b: metrics: field \"x\"");
	check_refused(more_rec(1), "role", json_integer(1), "\"role\"");
	check_refused(more_rec(2), "verdict", json_string("PASS"), "verdict");
	check_refused(more_rec(2), "hl", json_string("1"), "a number or null");
	check_refused(more_rec(2), "n", json_null(), "an integer");
	check_refused(more_rec(3), "response", json_pack("{s:i}", "p999", -1),
		      "response: field \"p999\"");
	check_refused(more_rec(4), "write",
		      json_pack("{s:{s:s}}", "clat", "n", "1"),
		      "write: clat: field \"n\"");
	check_refused(more_rec(4), "warnings", json_pack("[s,s]", "a", ""),
		      "strings, not empty");
	check_refused(more_rec(5), "k", json_real(1.5), "an integer");
	check_refused(more_rec(6), "from", json_pack("[{s:s}]", "sha256", "x"),
		      "from[0]: field \"id\"");
	check_refused(more_rec(7), "text", json_string(""), "not empty");
}

NWB_TEST(report_store, refuses_a_cell_that_its_fields_contradict)
{
	check_refused(good_run(), "fault", json_string("famine"), "\"fault\"");
	check_refused(good_run(), "server", json_string("smb"), "\"server\"");
	check_refused(good_run(), "workload", json_string("seq"),
		      "\"workload\"");
	check_refused(good_run(), "cell",
		      json_string("smbd.in-place.seq1m.none.x"), "\"fault\"");
	check_refused(good_run(), "cell", json_string("smbd"), "\"server\"");
}

NWB_TEST(report_store, refuses_records_out_of_order)
{
	struct nwb_err err = {0};
	char dir[256];
	struct nwb_store *s;

	tmp_dir(dir, sizeof(dir));
	s = create(dir);
	nwb_check_eq(nwb_store_add(s, good_run(), &err), -EINVAL);
	nwb_check(strstr(err.text, "first record") != NULL);
	nwb_check_eq(nwb_store_add(s, session_rec(), NULL), 0);
	nwb_check_eq(nwb_store_add(s, session_rec(), &err), -EINVAL);
	nwb_check(strstr(err.text, "second session") != NULL);
	nwb_check_eq(nwb_store_add(s, end_rec(0), NULL), 0);
	nwb_check_eq(nwb_store_add(s, good_run(), &err), -EINVAL);
	nwb_check(strstr(err.text, "after the end") != NULL);
	nwb_check_eq(nwb_store_add(s, NULL, &err), -ENOMEM);
	nwb_check_eq(nwb_store_close(s), 0);
	tmp_dir_remove(dir);
}

/* The disk takes ten bytes of a line: they are taken back, and the store goes
 * on when there is room again. */
NWB_TEST(report_store, takes_back_a_line_that_was_cut_off)
{
	struct nwb_err err = {0};
	struct rlimit old, tight;
	char dir[256], *before, *after;
	struct nwb_store *s;
	size_t len;

	tmp_dir(dir, sizeof(dir));
	s = create(dir);
	nwb_check_eq(nwb_store_add(s, session_rec(), NULL), 0);
	before = jsonl(dir);
	len = strlen(before);

	signal(SIGXFSZ, SIG_IGN);
	nwb_check_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = old;
	tight.rlim_cur = len + 10;
	nwb_check_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
	nwb_check_eq(nwb_store_add(s, good_run(), &err), -EFBIG);
	nwb_check_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	after = jsonl(dir);
	nwb_check_streq(after, before);
	free(after);

	nwb_check_eq(nwb_store_add(s, good_run(), NULL), 0);
	after = jsonl(dir);
	nwb_check(strlen(after) > len && after[strlen(after) - 1] == '\n');
	nwb_check(!strncmp(after, before, len) && after[len] == '{');
	free(after);
	free(before);
	nwb_check_eq(nwb_store_close(s), 0);
	tmp_dir_remove(dir);
}
