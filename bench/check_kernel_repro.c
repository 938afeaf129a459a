/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same without netwb: one C file that does what the job did and knows what
 * is owed, and a script that mounts somebody's server, calls it, and breaks
 * what the plan broke, as far as commands can.
 *
 *	job   ─► op_write(0, 65536, 4096, 16, 4096, 0); ...   reproducer.c
 *	plan  ─► case dirty) ss -K ... ;;		      reproducer.sh
 *
 * What commands cannot do (a reset at the third WRITE to the byte) is done near
 * by, and the script says so.
 */
#include "check_kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 12u

static const char head[] =
#include "reproducer.c.inc"
	;

struct line {
	char text[512];
	char *word[WORDS_MAX];
	unsigned int nr;
	bool is_cut; /* there was more of it */
};

static void split(struct line *l, const char *s, size_t len)
{
	char *save = NULL, *w;

	l->is_cut = len >= sizeof(l->text);
	len = nwb_min(len, sizeof(l->text) - 1);
	memcpy(l->text, s, len);
	l->text[len] = '\0';
	l->nr = 0;
	for (w = strtok_r(l->text, " \t\r", &save); w && *w != '#';
	     w = strtok_r(NULL, " \t\r", &save)) {
		if (l->nr == WORDS_MAX) {
			l->is_cut = true;
			return;
		}
		l->word[l->nr++] = w;
	}
}

static bool number(const char *s, unsigned long long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(s, &end, 10);
	if (errno || end == s || *s == '-')
		return false;
	for (const char *u = "KMG"; *u; u++) {
		unsigned int shift = (unsigned int)(u - "KMG" + 1) * 10;

		if (*end == *u && *ret >> (64 - shift) == 0 && !end[1]) {
			*ret <<= shift;
			return true;
		}
	}
	return !*end;
}

/* FD OFF LEN [x COUNT [STEP]] [fsync EVERY]; append has no OFF and STEP */
struct shape {
	unsigned long long fd, off, len, count, step, every;
};

static bool read_shape(const struct line *l, bool is_append, struct shape *s)
{
	unsigned int i = 1;

	*s = (struct shape){.count = 1};
	if (l->nr < (is_append ? 3u : 4u) || !number(l->word[i++], &s->fd) ||
	    (!is_append && !number(l->word[i++], &s->off)) ||
	    !number(l->word[i++], &s->len))
		return false;
	s->step = s->len;
	if (i + 1 < l->nr && !strcmp(l->word[i], "x")) {
		if (!number(l->word[i + 1], &s->count))
			return false;
		i += 2;
		if (!is_append && i < l->nr && number(l->word[i], &s->step))
			i++;
	}
	if (i + 1 < l->nr && !strcmp(l->word[i], "fsync")) {
		if (!number(l->word[i + 1], &s->every))
			return false;
		i += 2;
	}
	return i == l->nr;
}

static bool put_write(FILE *f, const struct line *l, bool is_append)
{
	struct shape s;

	if (!read_shape(l, is_append, &s))
		return false;
	if (is_append)
		fprintf(f, "\top_append(%llu, %lluu, %lluu, %lluu);\n", s.fd,
			s.len, s.count, s.every);
	else
		fprintf(f,
			"\top_write(%llu, %lluu, %lluu, %lluu, %lluu, "
			"%lluu);\n",
			s.fd, s.off, s.len, s.count, s.step, s.every);
	return true;
}

static bool put_open(FILE *f, const struct line *l)
{
	static const struct {
		const char *word, *flag;
	} flags[] = {
		{"rdwr", "O_RDWR"},	{"rdonly", "O_RDONLY"},
		{"wronly", "O_WRONLY"}, {"creat", "O_CREAT"},
		{"trunc", "O_TRUNC"},	{"append", "O_APPEND"},
		{"sync", "O_SYNC"},	{"dsync", "O_DSYNC"},
		{"excl", "O_EXCL"},
	};
	unsigned long long fd, file;
	char *save = NULL, *w;
	bool has_mode = false;

	if (l->nr < 3 || l->nr > 4 || !number(l->word[1], &fd) ||
	    !number(l->word[2], &file) || file != 1)
		return false;
	fprintf(f, "\top_open(%llu, ", fd);
	for (w = l->nr == 4 ? strtok_r(l->word[3], ",", &save) : NULL; w;
	     w = strtok_r(NULL, ",", &save)) {
		unsigned int i = 0;

		while (i < NWB_ARRAY_SIZE(flags) && strcmp(w, flags[i].word))
			i++;
		if (i == NWB_ARRAY_SIZE(flags))
			return false;
		has_mode |= i < 3;
		fprintf(f, "%s | ", flags[i].flag);
	}
	fprintf(f, "%s);\n", has_mode ? "0" : "O_RDWR");
	return true;
}

/* What has numbers only. */
static bool put_simple(FILE *f, const struct line *l)
{
	const char *verb = l->word[0];
	unsigned long long a = 0, b = 0;

	if ((l->nr > 1 && !number(l->word[1], &a)) ||
	    (l->nr > 2 && !number(l->word[2], &b)))
		return false;
	if (!strcmp(verb, "fsync") && l->nr == 2)
		fprintf(f, "\top_fsync(%llu, 0);\n", a);
	else if (!strcmp(verb, "fdatasync") && l->nr == 2)
		fprintf(f, "\top_fsync(%llu, 1);\n", a);
	else if (!strcmp(verb, "close") && l->nr == 2)
		fprintf(f, "\top_close(%llu);\n", a);
	else if (!strcmp(verb, "truncate") && l->nr == 3)
		fprintf(f, "\top_truncate(%llu, %lluu);\n", a, b);
	else if (!strcmp(verb, "sleep") && l->nr == 2)
		fprintf(f, "\tusleep(%llu);\n", a * 1000);
	else if (!strcmp(verb, "sync") && l->nr == 1)
		fprintf(f, "\tsync();\n");
	else if (!strcmp(verb, "drop_caches") && l->nr <= 2)
		fprintf(f, "\top_drop();\n");
	else
		return false;
	return true;
}

/* What the script does, or what is netwb's own business. */
static bool is_left_out(const char *verb)
{
	static const char *const verbs[] = {
		"key",	"file", "mount",    "umount", "trace",
		"stat", "done", "on-error", "ls",     "echo"};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(verbs); i++)
		if (!strcmp(verb, verbs[i]))
			return true;
	return false;
}

static bool put_verb(FILE *f, const struct line *l)
{
	const char *verb = l->word[0];

	if (is_left_out(verb))
		return true;
	if (l->is_cut)
		return false;
	if (!strcmp(verb, "open"))
		return put_open(f, l);
	if (!strcmp(verb, "write") || !strcmp(verb, "append"))
		return put_write(f, l, *verb == 'a');
	if ((!strcmp(verb, "mark") || !strcmp(verb, "wait")) && l->nr == 2 &&
	    strspn(l->word[1], "abcdefghijklmnopqrstuvwxyz"
			       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
		    strlen(l->word[1])) {
		fprintf(f, "\top_mark(\"%s\");\n", l->word[1]);
		return true;
	}
	return put_simple(f, l);
}

int kc_repro_c(FILE *f, const char *job, struct nwb_err *err)
{
	unsigned int nr = 0;

	fputs(head, f);
	fputs("\nstatic void job(void)\n{\n", f);
	while (*job) {
		size_t len = strcspn(job, "\n");
		struct line l;

		nr++;
		split(&l, job, len);
		if (l.nr && !put_verb(f, &l))
			return nwb_err_set(err, -EINVAL,
					   "line %u of the job cannot be done "
					   "without netwb",
					   nr);
		job += len + (job[len] == '\n');
	}
	fputs("}\n", f);
	return ferror(f) ? nwb_err_set(err, -EIO, "reproducer: write error")
			 : 0;
}

/* --- the script ----------------------------------------------------------- */

static void put_seconds(FILE *f, uint64_t ns)
{
	fprintf(f, "%llu.%03llu", (unsigned long long)(ns / NWB_SEC),
		(unsigned long long)(ns % NWB_SEC / NWB_MSEC));
}

/* With volatile storage it is the machine that crashes, not the program. */
static void put_kill(FILE *f, const struct nwb_plan *plan, bool starts_again)
{
	if (nwb_plan_server_opt_nr(plan, "volatile", 0)) {
		fprintf(f, "\t# what was not synced is lost; it must start "
			   "$SERVER_PROCESS at boot\n"
			   "\ton_server \"echo b >/proc/sysrq-trigger\"\n");
		return;
	}
	fprintf(f, "\ton_server \"pkill -KILL $SERVER_PROCESS\"\n");
	if (starts_again)
		fprintf(f, "\ton_server \"$SERVER_START\"\n");
}

/* One action of a rule, as commands. */
static void put_action(FILE *f, const struct nwb_plan *plan,
		       const struct nwb_plan_action *a)
{
	switch (a->kind) {
	case NWB_ACT_RST:
	case NWB_ACT_FIN:
		fprintf(f, "\tss -K dst \"$SERVER\" dport = \"$PORT\"\n");
		break;
	case NWB_ACT_DROP:
		fprintf(f, "\tiptables -I INPUT -s \"$SERVER\" -j DROP\n"
			   "\tsleep 0.2\n"
			   "\tiptables -D INPUT -s \"$SERVER\" -j DROP\n");
		break;
	case NWB_ACT_KILL:
	case NWB_ACT_RESTART:
		put_kill(f, plan, a->kind == NWB_ACT_RESTART);
		break;
	case NWB_ACT_KILL_CHILD:
		fprintf(f, "\ton_server \"pkill -KILL -n "
			   "$SERVER_PROCESS\"\n");
		break;
	case NWB_ACT_FREEZE:
		fprintf(f, "\ton_server \"pkill -STOP $SERVER_PROCESS\"\n"
			   "\tsleep ");
		put_seconds(f, a->nr);
		fprintf(f, "\n\ton_server \"pkill -CONT $SERVER_PROCESS\"\n");
		break;
	case NWB_ACT_BLACKHOLE:
		fprintf(f, "\tiptables -I INPUT -s \"$SERVER\" -j DROP\n"
			   "\tiptables -I OUTPUT -d \"$SERVER\" -j DROP\n"
			   "\tsleep ");
		put_seconds(f, a->nr);
		fprintf(f, "\n\tiptables -D INPUT -s \"$SERVER\" -j DROP\n"
			   "\tiptables -D OUTPUT -d \"$SERVER\" -j DROP\n");
		break;
	case NWB_ACT_POWER_OFF:
		fprintf(f, "\techo b >/proc/sysrq-trigger # the power goes\n");
		break;
	case NWB_ACT_ERROR:
		fprintf(f,
			"\t# %s: with a full disk, ENOSPC; until the heal\n"
			"\ton_server \"fallocate -l \\$(df --output=avail -B1 "
			"$EXPORT | tail -1) $EXPORT/filler\"\n",
			a->arg);
		break;
	case NWB_ACT_ARM:
	case NWB_ACT_DISARM:
		break;
	default:
		fprintf(f, "\techo 'by hand: see \"plan\"'\n");
		break;
	}
}

static void put_rule(FILE *f, const struct nwb_plan *plan,
		     const struct nwb_plan_rule *r)
{
	char what[256];

	nwb_plan_print_actions(r, what, sizeof(what));
	fprintf(f, "\t# rule %s: %s\n", r->name, what);
	for (unsigned int i = 0; i < r->nr_actions; i++)
		put_action(f, plan, &r->action[i]);
}

static bool only_arms(const struct nwb_plan_rule *r)
{
	for (unsigned int i = 0; i < r->nr_actions; i++)
		if (r->action[i].kind != NWB_ACT_ARM &&
		    r->action[i].kind != NWB_ACT_DISARM)
			return false;
	return true;
}

/*
 * Rules of the server that a mark arms fire in the writeback that comes next:
 * a little later will do. The job goes on meanwhile, but not before a fault of
 * the mark's own has begun.
 */
static void put_mark(FILE *f, const struct nwb_plan *plan,
		     const struct nwb_plan_rule *r)
{
	fprintf(f, "%s)\n", r->op_name[0] ? r->op_name : "*");
	for (unsigned int i = 0; i < r->nr_actions; i++) {
		int at = r->action[i].kind == NWB_ACT_ARM
				 ? nwb_plan_find_rule(plan, r->action[i].arg)
				 : -1;

		if (at < 0)
			continue;
		fprintf(f, "\t(\n\tsleep \"${LATER:-0.02}\"\n");
		put_rule(f, plan, &plan->rule[at]);
		fprintf(f, "\t) </dev/null &\n");
	}
	if (!only_arms(r)) {
		fprintf(f, "\t(\n");
		put_rule(f, plan, r);
		fprintf(f, "\t) </dev/null &\n\tsleep 0.2\n");
	}
	fprintf(f, "\t;;\n");
}

static void put_faults(FILE *f, const struct nwb_plan *plan)
{
	fprintf(f, "fault() {\n\tcase $1 in\n");
	for (unsigned int i = 0; i < plan->nr_rules; i++)
		if (nwb_plan_is_mark(&plan->rule[i]))
			put_mark(f, plan, &plan->rule[i]);
	fprintf(f, "heal)\n\ton_server \"rm -f $EXPORT/filler\"\n\t;;\n"
		   "\tesac\n}\n\n");
}

static void put_mounting(FILE *f, const struct kc_run_opts *o)
{
	bool is_9p = !strcmp(o->cell.mount->type, "9p");

	fprintf(f, "mkdir -p \"$MNT\"\n");
	if (is_9p)
		fprintf(f,
			"mount -t 9p -o \"trans=tcp,port=$PORT,aname=$SHARE,"
			"uname=$USER_NAME,%s\" \"$SERVER\" \"$MNT\"\n",
			o->mount_options);
	else
		fprintf(f,
			"mount -t cifs -o \"port=$PORT,username=$USER_NAME,"
			"password=$PASSWORD,%s\" \"//$SERVER/$SHARE\" "
			"\"$MNT\"\n",
			o->mount_options);
}

int kc_repro_sh(FILE *f, const struct kc_run_opts *o, const char *about,
		struct nwb_err *err)
{
	bool is_9p = !strcmp(o->cell.mount->type, "9p");

	fprintf(f,
		"#!/bin/sh\n"
		"# %.400s\n"
		"# Linux %s. Made by netwb, needs none. As root on the "
		"client:\n"
		"#\n"
		"#	SERVER=192.0.2.1 SHARE=%s EXPORT=/srv/share "
		"./reproducer.sh\n"
		"#\n"
		"# SERVER runs %s; commands go there by ssh (ON_SERVER). "
		"EXPORT is the\n"
		"# directory of the share, there. What netwb does to the "
		"byte is done near by\n"
		"# here: it may take some attempts, or another LATER.\n"
		"set -eu\n"
		"cd \"$(dirname \"$0\")\"\n"
		": \"${SERVER:?}\" \"${SHARE:?}\" \"${EXPORT:?}\"\n"
		"PORT=${PORT:-%u} MNT=${MNT:-/mnt/reproducer}\n"
		"USER_NAME=${USER_NAME:-%s} PASSWORD=${PASSWORD:-}\n"
		"SERVER_PROCESS=${SERVER_PROCESS:-%s}\n"
		"SERVER_START=${SERVER_START:-systemctl start %s}\n"
		"export SERVER SHARE EXPORT PORT MNT USER_NAME PASSWORD\n\n"
		"on_server() {\n"
		"\t${ON_SERVER:-ssh \"root@$SERVER\"} \"$1\"\n"
		"}\n\n",
		about, o->kernel->release, is_9p ? "/srv/share" : "share",
		o->cell.mount->server, is_9p ? 564 : 445,
		is_9p ? "root" : "user", o->cell.mount->server,
		o->cell.mount->server);
	put_faults(f, o->plan);
	fprintf(f, "[ \"${1-}\" != fault ] || {\n"
		   "\tfault \"$2\"\n"
		   "\texit\n"
		   "}\n"
		   "cc -O2 -o reproducer reproducer.c\n");
	put_mounting(f, o);
	fprintf(f, "./reproducer run \"$MNT/" KC_FILE "\" owed\n"
		   "umount \"$MNT\"\n"
		   "on_server \"cat $EXPORT/" KC_FILE "\" >copy\n"
		   "./reproducer check copy owed\n");
	return ferror(f) ? nwb_err_set(err, -EIO, "reproducer: write error")
			 : 0;
}
