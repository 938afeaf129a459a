/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb serve: the command line; see serve_i.h. */
#include "serve_i.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char about[] =
	"  netwb serve SERVER [OPTIONS] [-- COMMAND [ARGUMENTS]]\n\n"
	"A real server with the plan's faults armed, for your own client:\n\n"
	"  netwb serve smbd -e 'cut: on server.write nth=5 after do rst' \\\n"
	"      -- sh -c 'smbclient //$NWB_ADDR/$NWB_SHARE -p $NWB_PORT \\\n"
	"          -U $NWB_USER%$NWB_PASSWORD -c \"put FILE\"'\n"
	"  netwb serve diod --fault slow-acks --publish 5640\n\n"
	"SERVER is smbd, diod or ganesha. COMMAND runs in the server's "
	"network\n"
	"with its own files, terminal and environment; NWB_ADDR, NWB_PORT,\n"
	"NWB_SHARE, NWB_USER, NWB_PASSWORD and NWB_EXPORT tell where the "
	"server\n"
	"is. It ends when COMMAND ends, at ^C or after --for; then the wire "
	"is\n"
	"judged (docs/serve.md). Exit: the verdict's; COMMAND's is printed.";

/* What stands behind "--" is the command's. Return: how many are ours. */
static int split_command(struct serve *s, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--")) {
			if (argv[i + 1])
				s->command = argv + i + 1;
			argv[i] = NULL;
			return i;
		}
	return argc;
}

static int read_plan(struct serve *s, const char *server, struct nwb_err *err)
{
	struct bench_cli *c = &s->cli;
	char why[256], version[64];
	int rc;

	if (server) {
		c->run.server = server;
		c->has_server = true;
	}
	rc = bench_cli_plan(c, err);
	if (!rc && !server && !(c->plan && c->plan->server.name[0]))
		rc = nwb_err_set(err, -EINVAL,
				 "which server? netwb %s smbd|diod%s", s->name,
				 s->mount ? "" : "|ganesha");
	if (!rc)
		rc = serve_refuse_plan(c->plan, err);
	/* one that is not installed is told of when it is started */
	if (!rc && nwb_server_probe(c->run.server, version, sizeof(version),
				    err) == -EINVAL)
		rc = -EINVAL;
	if (!rc)
		rc = bench_needs(&c->run, why, sizeof(why), err);
	s->server = c->run.server;
	if (rc > 0)
		fprintf(s->out, "verdict: SKIP  %s\n", why);
	return rc;
}

static int exit_of(int rc)
{
	return rc == -EINVAL || rc == -EOPNOTSUPP ? NWB_EXIT_USAGE
						  : NWB_EXIT_BROKEN;
}

static int check_address(const struct serve *s, struct nwb_err *err)
{
	struct sockaddr_storage sa;
	int rc = s->cli.publish ? bench_relay_address(s->cli.publish, &sa, err)
				: 0;

	return rc ? nwb_err_wrap(err, -EINVAL, "--publish") : 0;
}

/* Where the results go: what cannot take them is told of before COMMAND has
 * done its work. What is not there yet will be made. */
static int check_out(const struct serve *s, struct nwb_err *err)
{
	const char *out = s->cli.out, *option = s->mount ? "out" : "dir";
	struct stat st;

	if (!out || stat(out, &st))
		return 0;
	if (!S_ISDIR(st.st_mode))
		return nwb_err_set(err, -EINVAL, "--%s %s: not a directory",
				   option, out);
	if (access(out, W_OK | X_OK))
		return nwb_err_set(err, -EINVAL, "--%s %s: %s", option, out,
				   strerror(errno));
	return 0;
}

int serve_command(int argc, char **argv, unsigned int groups,
		  const char *about_it, struct bench_mount *mount)
{
	static struct serve s;
	struct nwb_err err = {0};
	int at, rc;

	s = (struct serve){
		.name = argv[0],
		.mount = mount,
		.inside = NWB_INSIDE_NONE,
		.l = {.ledger_fd = -1, .page_fd = -1},
		.sigfd = -1,
		.event_fd = -1,
		.warden = {.sock = -1},
		.dir = {.listen_fd = -1, .stop_fd = -1},
		.out = stdout,
	};
	argc = split_command(&s, argc, argv);
	if (s.command)
		s.out = stderr;
	at = bench_cli_parse(&s.cli, argc, argv, groups | BENCH_CLI_PLAN,
			     about_it);
	if (at < 0)
		return at == -2 ? NWB_EXIT_OK : NWB_EXIT_USAGE;
	rc = check_address(&s, &err);
	if (!rc)
		rc = check_out(&s, &err);
	if (!rc && at + 1 < argc)
		rc = nwb_err_set(&err, -EINVAL,
				 "%s: a command stands behind \"--\"",
				 argv[at + 1]);
	if (!rc)
		rc = read_plan(&s, at < argc ? argv[at] : NULL, &err);
	if (!rc && mount)
		rc = mount_check(&s, &err);
	if (rc) {
		if (rc < 0)
			fprintf(stderr, "netwb: %s\n", err.text);
		bench_cli_fini(&s.cli);
		return rc > 0 ? 77 : NWB_EXIT_USAGE;
	}
	rc = serve_all(&s, &err);
	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		rc = exit_of(rc);
	} else {
		serve_report(&s);
		rc = nwb_verdict_exit(&s.verdict, 1);
		if (!rc && mount)
			rc = mount_exit(&s);
	}
	serve_drop(&s);
	return rc;
}

int bench_cmd_serve(int argc, char **argv)
{
	return serve_command(argc, argv, BENCH_CLI_SERVE, about, NULL);
}
