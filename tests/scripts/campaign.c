/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many scripts on a fake and on the real server.
 *
 * From the environment: NWB_SCRIPTS, how many (default 40); NWB_SEED, the first
 * one; NWB_VERBOSE, print both transcripts; NWB_SHARD, k/n: the k-th of n
 * parts. With 500 or more an exception that excused nothing is a failure: it
 * has lost its reason.
 */
#include "../../bench/shard.h"
#include "../servers/server_util.h"
#include "nwb_test_exec.h"
#include "scripts.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NR_DEFAULT  40u
#define NR_CAMPAIGN 500u
#define CONTENT_MAX (4u * 1024 * 1024)

struct server_dialer {
	struct nwb_dialer dialer;
	struct nwb_server *srv;
};

/* @sabotage: the fake fails its third WRITE */
struct campaign {
	script_fn script;
	enum nwb_fake_proto proto;
	const char *name, *server;
	uint64_t first, nr, done;
	unsigned int shard, shards; /* 0: all */
	bool is_loud;
	bool sabotage;
	struct nwb_server *srv;
	struct exceptions x;
	uint64_t nr_lines;
	uint64_t different;
};

static uint64_t from_env(const char *name, uint64_t def)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 0) : def;
}

static int dial(struct nwb_dialer *d, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct server_dialer *sd =
		nwb_container_of(d, struct server_dialer, dialer);
	int fd, rc = nwb_server_dial(sd->srv, &fd, err);

	return rc ? rc : nwb_sock_from_fd(ex, fd, ret_sock);
}

static void fake_content(struct world *w, const char *name, uint64_t *ret_size,
			 uint64_t *ret_hash)
{
	uint8_t *buf = malloc(CONTENT_MAX);
	ssize_t n;

	nwb_check(buf);
	n = nwb_fake_get(w->arg, name, false, 0, buf, CONTENT_MAX, ret_size);
	nwb_check(n >= 0 && (uint64_t)n == *ret_size);
	*ret_hash = hash_bytes(HASH_START, buf, (size_t)n);
	free(buf);
}

static void real_content(struct world *w, const char *name, uint64_t *ret_size,
			 uint64_t *ret_hash)
{
	uint8_t *buf = malloc(CONTENT_MAX);
	struct nwb_err err = {0};
	ssize_t n;
	int fd;

	nwb_check(buf);
	nwb_check_eq(nwb_server_open(w->arg, name, O_RDWR, &fd, &err), 0);
	n = pread(fd, buf, CONTENT_MAX, 0);
	nwb_check(n >= 0);
	*ret_size = (uint64_t)n;
	*ret_hash = hash_bytes(HASH_START, buf, (size_t)n);
	nwb_check_eq(ftruncate(fd, 0), 0);
	close(fd);
	free(buf);
}

static void on_fake(struct campaign *c, struct nwb_exec *ex, uint64_t seed,
		    bool sabotage, struct transcript *t)
{
	struct nwb_fake_opts opts = {.proto = c->proto};
	struct nwb_fake_faults ft = {.fail_at = 3, .fail_code = 0xc000007f};
	struct world w = {.ex = ex,
			  .export = "/any",
			  .seed = seed,
			  .t = t,
			  .content = fake_content,
			  .rng = seed};
	struct nwb_fake *f;

	nwb_check_eq(nwb_fake_new(ex, &opts, &f), 0);
	if (c->proto == NWB_FAKE_9P)
		ft.fail_code = ENOSPC;
	if (sabotage)
		nwb_fake_set_faults(f, &ft);
	w.dialer = nwb_fake_dialer(f);
	w.arg = f;
	c->script(&w);
	nwb_fake_free(f);
}

static void on_real(struct campaign *c, struct nwb_exec *ex, uint64_t seed,
		    struct transcript *t)
{
	struct server_dialer sd = {{dial}, c->srv};
	struct nwb_server_info info;
	struct world w = {.ex = ex,
			  .seed = seed,
			  .t = t,
			  .content = real_content,
			  .rng = seed};

	nwb_server_info(c->srv, &info);
	w.export = info.share;
	w.dialer = &sd.dialer;
	w.arg = c->srv;
	w.is_loud = c->is_loud;
	c->script(&w);
}

static void one(struct campaign *c, struct nwb_exec *ex, uint64_t seed)
{
	struct transcript fake = {0}, real = {0};
	int at;

	if (c->is_loud)
		fprintf(stderr, "%s, seed %llu\n", c->server,
			(unsigned long long)seed);
	on_fake(c, ex, seed, c->sabotage, &fake);
	if (c->srv)
		on_real(c, ex, seed, &real);
	else
		on_fake(c, ex, seed, false, &real);
	at = transcripts_differ(&fake, &real, c->name, &c->x);
	if (at >= 0 && !c->sabotage) {
		fprintf(stderr,
			"%s: seed %llu differs at %d; again: NWB_SEED=%llu "
			"NWB_SCRIPTS=1 NWB_VERBOSE=1 scripts_%s_test\n",
			c->server, (unsigned long long)seed, at,
			(unsigned long long)seed, c->name);
		transcripts_print(&fake, &real, at);
	} else if (c->is_loud) {
		transcripts_print(&fake, &real, -1);
	}
	c->different += at >= 0;
	c->nr_lines += real.nr;
	transcript_free(&fake);
	transcript_free(&real);
}

static void body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct campaign *c = te->arg;

	for (uint64_t i = 0; i < c->nr; i++) {
		char key[64];

		snprintf(key, sizeof(key), "scripts-%s.%llu", c->name,
			 (unsigned long long)(c->first + i));
		if (c->shards && bench_shard_of(key, c->shards) != c->shard)
			continue;
		one(c, te->ex, c->first + i);
		c->done++;
	}
}

static void shard_from_env(struct campaign *c)
{
	const char *text = getenv("NWB_SHARD");
	struct bench_shard s;

	if (!text)
		return;
	if (bench_shard_parse(text, &s))
		nwb_check_streq(text, "k/n");
	c->shard = s.k;
	c->shards = s.n;
}

void run_on_both(script_fn script, enum nwb_fake_proto proto, const char *name,
		 const char *server)
{
	struct campaign st = {.script = script,
			      .proto = proto,
			      .name = name,
			      .server = server};
	struct campaign *c = &st;
	struct nwb_server_opts opts = {
		.name = server,
		.ignore_sigpipe = true,
	};
	struct nwb_err err = {0};

	c->first = from_env("NWB_SEED", 1);
	c->nr = from_env("NWB_SCRIPTS", NR_DEFAULT);
	c->is_loud = from_env("NWB_VERBOSE", 0);
	shard_from_env(c);
	exceptions_load(&c->x, NWB_EXCEPTIONS);
	skip_unless_servers();
	/* The scripts attach as root, whom diod takes only where it is that. */
	if (c->proto == NWB_FAKE_9P && geteuid())
		skip_unless_namespaces();
	if (nwb_server_start(&opts, &c->srv, &err))
		nwb_check_streq(err.text, "");
	nwb_test_on_real(true, body, c);
	nwb_server_free(c->srv);
	fprintf(stderr,
		"%s: %llu scripts from seed %llu, %llu requests, %llu "
		"scripts differ\n",
		c->server, (unsigned long long)c->done,
		(unsigned long long)c->first, (unsigned long long)c->nr_lines,
		(unsigned long long)c->different);
	for (unsigned int i = 0; i < c->x.nr; i++) {
		struct exception *e = &c->x.e[i];

		if (strcmp(e->proto, c->name))
			continue;
		fprintf(stderr, "  exception of line %u: %u times\n", e->line,
			e->used);
		if (c->done >= NR_CAMPAIGN)
			nwb_check(e->used > 0);
	}
	nwb_check_eq(c->different, 0);
}

/* One wrong answer among hundreds is found. */
void find_sabotage(script_fn script, enum nwb_fake_proto proto,
		   const char *name)
{
	struct campaign c = {.script = script,
			     .proto = proto,
			     .name = name,
			     .server = "fake",
			     .first = 1,
			     .nr = 10};

	exceptions_load(&c.x, NWB_EXCEPTIONS);
	nwb_test_on_real(true, body, &c);
	nwb_check_eq(c.different, 0);
	c.sabotage = true;
	nwb_test_on_real(true, body, &c);
	nwb_check_eq(c.different, 10);
}
