/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See fio_opts.h. */
#include "fio_opts.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char about[] =
	"usage: netwb bench JOB.fio [OPTIONS]\n\n"
	"Your own fio job file, unchanged, on every subject, interleaved in\n"
	"random order, compared in one table. A directory= of the job is where "
	"\nthe subject is mounted, for the job alone; without one the subject "
	"is\nthe current directory. docs/fio.md has more.\n\n"
	"  --subjects LIST    of ";

static const char options_text[] =
	"\n                     (default: all, -engine with --engine)\n"
	"  --server LIST      smbd, diod (default: both)\n"
	"  --pairs N          rounds of all subjects (default 8)\n"
	"  --time SECONDS     begin no round that would end later (default "
	"240)\n"
	"  --limit TIME       of one run of fio (default 10m)\n"
	"  --directory DIR    in place of the job's directory=: a path on the\n"
	"                     subject, '.' is its root\n"
	"  --engine PATH      also without the kernel, with the external "
	"engine\n                     that `make fio-engine` builds\n"
	"  --plan FILE        faults below; may be given several times\n"
	"  -e LINE            one more line of the plan\n"
	"  --fault NAME       a standard fault, see `netwb list`\n"
	"  --seed N           of order and faults (default 1)\n"
	"  --shard K/N        run the K-th of N parts of the rounds; see "
	"`netwb "
	"merge`\n"
	"  --out DIR          results go to a new directory in DIR\n"
	"  --isolation STEP   ns, userns or none\n"
	"  --help             this text\n";

bool bench_fio_is_wanted(int argc, char **argv)
{
	static const char *const ends[] = {".fio", ".job", ".ini"};

	for (int i = 1; i < argc; i++)
		for (size_t k = 0; k < NWB_ARRAY_SIZE(ends); k++) {
			size_t len = strlen(argv[i]);

			if (len > 4 && argv[i][0] != '-' &&
			    !strcmp(argv[i] + len - 4, ends[k]))
				return true;
		}
	return false;
}

static int bad(const char *opt, const char *value, const char *want)
{
	fprintf(stderr, "netwb: --%s %s: %s\n", opt, value, want);
	return -EINVAL;
}

static int print_help(void)
{
	printf("%s", about);
	for (unsigned int i = 0; i < bench_fio_nr_subjects; i++)
		printf("%s%s", i ? ", " : "", bench_fio_subjects[i].name);
	printf("%s", options_text);
	return 1;
}

/* --- lists ---------------------------------------------------------------- */

static int add_subject(struct bench_fio_opts *o, const char *word)
{
	for (unsigned int i = 0; i < bench_fio_nr_subjects; i++) {
		if (strcmp(bench_fio_subjects[i].name, word))
			continue;
		for (unsigned int k = 0; k < o->nr_subjects; k++)
			if (o->subject[k] == &bench_fio_subjects[i])
				return bad("subjects", word, "given twice");
		o->subject[o->nr_subjects++] = &bench_fio_subjects[i];
		return 0;
	}
	return bad("subjects", word, "no such subject; see --help");
}

static int add_server(struct bench_fio_opts *o, const char *word)
{
	const char *name = nwb_server_find(word);

	if (!name)
		return bad("server", word, "no such server; see `netwb list`");
	for (unsigned int k = 0; k < o->nr_servers; k++)
		if (!strcmp(o->server[k], name))
			return bad("server", word, "given twice");
	if (o->nr_servers == BENCH_FIO_SERVERS)
		return bad("server", word, "too many");
	o->server[o->nr_servers++] = name;
	return 0;
}

static int each_word(struct bench_fio_opts *o, const char *list,
		     int (*fn)(struct bench_fio_opts *o, const char *word))
{
	char *copy = strdup(list), *save = NULL, *word;
	int rc = copy ? 0 : -ENOMEM;

	for (word = copy ? strtok_r(copy, ",", &save) : NULL; word && !rc;
	     word = strtok_r(NULL, ",", &save))
		rc = fn(o, word);
	free(copy);
	return rc;
}

/* --- options -------------------------------------------------------------- */

static int set_number(const char *name, const char *value, uint64_t max,
		      uint64_t *ret)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(value, &end, 10);
	if (errno || *value < '0' || *value > '9' || *end)
		return bad(name, value, "not a number");
	if (v > max || (!v && max != UINT64_MAX))
		return bad(name, value, "out of range");
	*ret = v;
	return 0;
}

static int set_limit(struct bench_fio_opts *o, const char *value)
{
	char *end;
	unsigned long long v = strtoull(value, &end, 10);
	uint64_t unit = !strcmp(end, "m")			  ? 60
			: (!strcmp(end, "h"))			  ? 3600
			: (!strcmp(end, "s") || !strcmp(end, "")) ? 1
								  : 0;

	if (*value < '1' || *value > '9' || !unit || v > 100000)
		return bad("limit", value, "a time: 90, 10m, 2h");
	o->limit_ns = v * unit * NWB_SEC;
	return 0;
}

static int set_plan(struct bench_fio_opts *o, int opt, const char *value)
{
	struct bench_cli *c = &o->cli;

	if (opt == 'f') {
		if (strcmp(value, "none") && !bench_fault_text(value))
			return bad("fault", value,
				   "no such fault; see `netwb list`");
		c->run.fault = value;
		o->fault = strcmp(value, "none") ? value : NULL;
		return 0;
	}
	if (opt == 'p') {
		if (c->nr_plan_files == NWB_ARRAY_SIZE(c->plan_files))
			return bad("plan", value, "too many plans");
		c->plan_files[c->nr_plan_files++] = value;
		return 0;
	}
	if (c->nr_lines == NWB_ARRAY_SIZE(c->lines))
		return bad("expr", value, "too many lines");
	c->lines[c->nr_lines++] = value;
	return 0;
}

static int set_option(struct bench_fio_opts *o, int opt, const char *value)
{
	uint64_t n = 0;
	int rc;

	switch (opt) {
	case 'S':
		return each_word(o, value, add_subject);
	case 's':
		return each_word(o, value, add_server);
	case 'n':
		rc = set_number("pairs", value, 64, &n);
		o->pairs = (unsigned int)n;
		return rc;
	case 't':
		rc = set_number("time", value, 1000000, &n);
		o->time_s = (unsigned int)n;
		return rc;
	case 'r':
		o->cli.has_seed = true;
		return set_number("seed", value, UINT64_MAX, &o->cli.run.seed);
	case 'l':
		return set_limit(o, value);
	case 'd':
		o->directory = value;
		return 0;
	case 'E':
		o->engine = value;
		return 0;
	case 'o':
		o->cli.out = value;
		return 0;
	case 'i':
		rc = nwb_isolation_find(value);
		if (rc < 0)
			return bad("isolation", value,
				   "ns, userns, none or auto");
		o->cli.run.isolation = (enum nwb_isolation)rc;
		return 0;
	case 'f':
	case 'p':
	case 'e':
		return set_plan(o, opt, value);
	case 'k':
		return bench_shard_parse(value, &o->cli.shard)
			       ? bad("shard", value, "K/N, such as 2/4")
			       : 0;
	case 'h':
		return print_help();
	default:
		fprintf(stderr, "netwb: `netwb bench JOB.fio --help` lists the "
				"options\n");
		return -EINVAL;
	}
}

static int set_defaults(struct bench_fio_opts *o)
{
	int rc = 0;

	if (!o->nr_subjects)
		for (unsigned int i = 0; i < bench_fio_nr_subjects; i++)
			if (!bench_fio_subjects[i].engine || o->engine)
				o->subject[o->nr_subjects++] =
					&bench_fio_subjects[i];
	if (!o->nr_servers)
		rc = each_word(o, "smbd,diod", add_server);
	return rc;
}

int bench_fio_opts(struct bench_fio_opts *o, int argc, char **argv)
{
	static const struct option opts[] = {
		{"subjects", 1, NULL, 'S'},
		{"server", 1, NULL, 's'},
		{"servers", 1, NULL, 's'},
		{"pairs", 1, NULL, 'n'},
		{"time", 1, NULL, 't'},
		{"seed", 1, NULL, 'r'},
		{"limit", 1, NULL, 'l'},
		{"directory", 1, NULL, 'd'},
		{"engine", 1, NULL, 'E'},
		{"out", 1, NULL, 'o'},
		{"isolation", 1, NULL, 'i'},
		{"fault", 1, NULL, 'f'},
		{"plan", 1, NULL, 'p'},
		{"expr", 1, NULL, 'e'},
		{"shard", 1, NULL, 'k'},
		{"help", 0, NULL, 'h'},
		{0},
	};
	int opt, rc;

	*o = (struct bench_fio_opts){
		.cli = {.run = {.fault = "none", .seed = 1}},
		.pairs = 8,
		.time_s = 240,
		.limit_ns = 600 * NWB_SEC,
	};
	optind = 1;
	while ((opt = getopt_long(argc, argv, "he:", opts, NULL)) != -1) {
		rc = set_option(o, opt, optarg);
		if (rc)
			return rc;
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "netwb: one job file, please\n");
		return -EINVAL;
	}
	o->job = argv[optind];
	return set_defaults(o);
}

/* --- copies --------------------------------------------------------------- */

/* What a copy says otherwise than the job file; NULL: the same. */
struct change {
	const char *directory;
	const char *engine;
};

static bool is_key(const char *line, size_t len, const char *key)
{
	size_t at = strspn(line, " \t"), n = strlen(key);

	return at + n <= len && !strncmp(line + at, key, n) &&
	       strchr(" \t=\n", line[at + n]);
}

static int write_copy(int fd, const char *text, const struct change *ch)
{
	FILE *f = fdopen(fd, "w");
	const char *p = text;
	int rc = 0;

	if (!f)
		return -errno;
	if (ch->engine)
		fprintf(f, "[global]\nioengine=external:%s\n", ch->engine);
	while (*p) {
		size_t len = strcspn(p, "\n");

		if (ch->directory && is_key(p, len, "directory"))
			fprintf(f, "directory=%s", ch->directory);
		else if (ch->engine && is_key(p, len, "ioengine"))
			fprintf(f, "ioengine=external:%s", ch->engine);
		else
			fwrite(p, 1, len, f);
		p += len;
		if (*p)
			fputc(*p++, f);
	}
	if (fflush(f) || ferror(f))
		rc = -EIO;
	return fclose(f) ? -EIO : rc;
}

static int copy_to(const struct bench_fio_opts *o, int fd,
		   const struct change *ch, struct nwb_err *err)
{
	size_t len;
	char *text;
	int rc = bench_read_file(o->job, &text, &len, err);

	if (rc)
		return rc;
	text[len] = 0;
	rc = write_copy(fd, text, ch);
	free(text);
	return rc ? nwb_err_set(err, rc, "copy of %s: %s", o->job,
				strerror(-rc))
		  : 0;
}

/* What fio makes of the copy, before there is a place to keep it in. */
static int read_copy(const struct bench_fio_opts *o,
		     struct bench_fio_file *file, struct nwb_err *err)
{
	const struct change ch = {.directory = o->directory};
	char path[64];
	int fd = memfd_create("netwb-job", MFD_CLOEXEC), mine, rc;

	if (fd < 0)
		return nwb_err_set(err, -errno, "memfd: %s", strerror(errno));
	mine = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	rc = mine < 0 ? nwb_err_set(err, -errno, "dup: %s", strerror(errno))
		      : copy_to(o, mine, &ch, err);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	if (!rc)
		rc = bench_fio_file_read(path, file, err);
	close(fd);
	return rc;
}

static int keep_copy(const struct bench_fio_opts *o, const char *path,
		     const struct change *ch, struct nwb_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return nwb_err_set(err, -errno, "%s: %s", path,
				   strerror(errno));
	return copy_to(o, fd, ch, err);
}

int bench_fio_keep_copies(const struct bench_fio_opts *o,
			  struct bench_fio_file *file, const char *dir,
			  char ret_engine[4096], struct nwb_err *err)
{
	const char *slash = strrchr(o->job, '/');
	const char *name = slash ? slash + 1 : o->job;
	struct change ch = {.directory = o->directory};
	char path[4096];
	int rc;

	ret_engine[0] = 0;
	snprintf(path, sizeof(path), "%.3800s/%.200s", dir, name);
	rc = keep_copy(o, path, &ch, err);
	if (!rc && o->directory)
		memcpy(file->path, path, sizeof(path));
	if (!rc && o->engine) {
		ch.engine = o->engine;
		snprintf(ret_engine, 4096, "%.3800s/engine-%.200s", dir, name);
		rc = keep_copy(o, ret_engine, &ch, err);
	}
	return rc;
}

/* --- does it all fit ------------------------------------------------------ */

static int check_dirs(const struct bench_fio_opts *o,
		      const struct bench_fio_file *f, struct nwb_err *err)
{
	struct stat st;

	for (unsigned int i = 0; i < f->nr_dirs; i++) {
		if (!strcmp(f->dir[i], "/"))
			return nwb_err_set(err, -EINVAL,
					   "%s: a subject cannot be mounted "
					   "over /",
					   o->job);
		if (stat(f->dir[i], &st) || !S_ISDIR(st.st_mode))
			return nwb_err_set(
				err, -ENOENT,
				"%s: directory %s is not there, and nothing is "
				"made on this machine; --directory . takes the "
				"subject's root instead",
				o->job, f->dir[i]);
	}
	for (unsigned int i = 0; i < f->nr_subdirs; i++)
		if (strstr(f->subdir[i], ".."))
			return nwb_err_set(err, -EINVAL,
					   "%s: directory %s may lead out of "
					   "the subject",
					   o->job, f->subdir[i]);
	return 0;
}

static int check_engine(const struct bench_fio_opts *o, struct nwb_err *err)
{
	bool is_needed = false;

	for (unsigned int i = 0; i < o->nr_subjects; i++)
		is_needed |= o->subject[i]->engine;
	if (is_needed && !o->engine)
		return nwb_err_set(err, -EINVAL,
				   "which engine? --engine PATH of what `make "
				   "fio-engine` builds");
	if (o->engine && (o->engine[0] != '/' || access(o->engine, R_OK)))
		return nwb_err_set(err, -EINVAL,
				   "--engine %s: not the absolute path of a "
				   "library",
				   o->engine);
	return 0;
}

int bench_fio_opts_check(struct bench_fio_opts *o, struct bench_fio_file *file,
			 struct nwb_err *err)
{
	int rc = bench_cli_plan(&o->cli, err);

	if (rc)
		return rc;
	rc = check_engine(o, err);
	if (rc)
		return rc;
	if (o->directory && o->directory[0] == '/')
		return nwb_err_set(err, -EINVAL,
				   "--directory %s: a path on the subject, "
				   "'.' is its root",
				   o->directory);
	rc = o->directory ? read_copy(o, file, err)
			  : bench_fio_file_read(o->job, file, err);
	if (!rc && !realpath(o->job, file->path))
		rc = nwb_err_set(err, -errno, "%s: %s", o->job,
				 strerror(errno));
	if (!rc && o->engine && file->includes)
		rc = nwb_err_set(err, -EINVAL,
				 "%s: a job file that includes others has no "
				 "copy for the external engine",
				 o->job);
	return rc ? rc : check_dirs(o, file, err);
}
