/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb compare: two of anything, in interleaved pairs. */
#include "gate_cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char about[] =
	"Measure A and B in interleaved pairs, each run a fresh process with a "
	"fresh\nserver, and say what differs, with intervals. A and B are two "
	"of one kind:\n\n"
	"  build:PATH           a build directory of netwb, or the binary\n"
	"  rev:REF              a git revision, built for you\n"
	"  \"client:in-place wsize=64K\"  a client, in the words of a plan\n"
	"  mode:NAME            in-place, temp-page, raw-cold, raw-hot\n"
	"  server:NAME          smbd, diod, ganesha, fake, fake-9p\n\n"
	"The prefix may be left out where only one reading fits.\n\n"
	"  netwb compare in-place temp-page --servers smbd,diod,fake --cover\n"
	"  netwb compare v1.0 HEAD --cases 'smbd.*'\n\n"
	"Exit: 0 measured, whatever it says; 1 a run broke a promise; 2 "
	"unusable or could\nnot run; 3 bad usage.";

static int check_sides(const struct gate_opts *o, struct nwb_err *err)
{
	bool a = gate_is_binary_side(&o->a), b = gate_is_binary_side(&o->b);
	bool is_client_a =
		o->a.kind == GATE_SIDE_CLIENT || o->a.kind == GATE_SIDE_MODE;
	bool is_client_b =
		o->b.kind == GATE_SIDE_CLIENT || o->b.kind == GATE_SIDE_MODE;

	if ((a && b) || (is_client_a && is_client_b) || o->a.kind == o->b.kind)
		return 0;
	return nwb_err_set(err, -EINVAL,
			   "a %s and a %s cannot be compared: say two builds "
			   "or revisions, two modes or clients, or two servers",
			   gate_side_kind_name(o->a.kind),
			   gate_side_kind_name(o->b.kind));
}

static int choose_cases(const struct gate_cli *c, struct gate_opts *o,
			struct nwb_err *err)
{
	bool has_client =
		!gate_is_binary_side(&o->a) && o->a.kind != GATE_SIDE_SERVER;
	bool has_server = o->a.kind == GATE_SIDE_SERVER;
	int rc;

	if (c->servers && has_server)
		return nwb_err_set(err, -EINVAL,
				   "--servers: A and B are servers already");
	if (c->servers || !gate_is_binary_side(&o->a))
		rc = gate_cases_shapes(c->servers   ? c->servers
				       : has_server ? "smbd"
						    : "smbd,diod",
				       &o->cases, err);
	else
		rc = gate_cases_builtin(&o->cases, err);
	if (!rc)
		gate_cases_rename(&o->cases, has_client, has_server);
	return rc;
}

int bench_cmd_compare(int argc, char **argv)
{
	struct gate_opts *o = calloc(1, sizeof(*o));
	struct nwb_err err = {0};
	struct gate_cli c;
	int at = gate_cli_parse(&c, argc, argv, false, about), rc;

	if (at < 0 || !o) {
		free(o);
		return at == -2 ? NWB_EXIT_OK : NWB_EXIT_USAGE;
	}
	if (argc - at != 2) {
		fprintf(stderr, "netwb: compare takes A and B; `netwb compare "
				"--help`\n");
		free(o);
		return NWB_EXIT_USAGE;
	}
	o->argc = argc;
	o->argv = argv;
	rc = gate_side_parse(argv[at], &o->a, &err);
	if (!rc)
		rc = gate_side_parse(argv[at + 1], &o->b, &err);
	if (!rc)
		rc = check_sides(o, &err);
	if (!rc)
		rc = choose_cases(&c, o, &err);
	if (!rc)
		rc = gate_cli_apply(&c, o, &err);
	if (rc)
		fprintf(stderr, "netwb: %s\n", err.text);
	if (!rc && c.is_list)
		gate_cli_list(&o->cases);
	else if (!rc)
		rc = gate_run_session(o);
	else
		rc = rc == -ENOEXEC ? NWB_EXIT_BROKEN : NWB_EXIT_USAGE;
	free(o);
	return rc;
}
