/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "same.h"
#include "nwb_test_exec.h"
#include "server_util.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct server_dialer {
	struct nwb_dialer dialer;
	struct nwb_server *srv;
};

struct run {
	script_fn script;
	enum nwb_fake_proto proto;
	struct nwb_server *srv; /* NULL: the fake */
	struct trace trace;
};

void trace_add(struct trace *t, const char *what, long long value)
{
	nwb_check(t->nr < TRACE_MAX);
	t->what[t->nr] = what;
	t->value[t->nr++] = value;
}

static int dial(struct nwb_dialer *d, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct server_dialer *sd =
		nwb_container_of(d, struct server_dialer, dialer);
	int fd, rc = nwb_server_dial(sd->srv, &fd, err);

	return rc ? rc : nwb_sock_from_fd(ex, fd, ret_sock);
}

static void body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct run *r = te->arg;
	struct nwb_fake_opts opts = {.proto = r->proto};
	struct server_dialer sd = {{dial}, r->srv};
	struct nwb_server_info info;
	struct nwb_fake *f;

	if (r->srv) {
		nwb_server_info(r->srv, &info);
		r->script(&r->trace, te->ex, &sd.dialer, info.share);
		return;
	}
	nwb_check_eq(nwb_fake_new(te->ex, &opts, &f), 0);
	r->script(&r->trace, te->ex, nwb_fake_dialer(f), "/any");
	nwb_fake_free(f);
}

void same_on_both(script_fn script, enum nwb_fake_proto proto, const char *name)
{
	struct nwb_server_opts opts = {.name = name};
	struct run fake = {.script = script, .proto = proto};
	struct run real = fake;
	struct nwb_err err = {0};
	unsigned int i, different = 0;

	/* The scripts attach as root, whom diod takes only where it is that. */
	if (proto == NWB_FAKE_9P && geteuid())
		skip_unless_namespaces();
	skip_unless_servers();
	if (nwb_server_start(&opts, &real.srv, &err))
		nwb_check_streq(err.text, "");
	nwb_test_on_real(true, body, &fake);
	nwb_test_on_real(true, body, &real);
	nwb_server_free(real.srv);
	nwb_check(fake.trace.nr > 0);
	nwb_check_eq(fake.trace.nr, real.trace.nr);
	for (i = 0; i < fake.trace.nr; i++) {
		nwb_check_streq(fake.trace.what[i], real.trace.what[i]);
		if (fake.trace.value[i] == real.trace.value[i])
			continue;
		fprintf(stderr, "%s: fake %lld (0x%llx), %s %lld (0x%llx)\n",
			fake.trace.what[i], fake.trace.value[i],
			(unsigned long long)fake.trace.value[i], name,
			real.trace.value[i],
			(unsigned long long)real.trace.value[i]);
		different++;
	}
	nwb_check_eq(different, 0);
}
