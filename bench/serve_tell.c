/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How to get to the server that is being served: variables and commands. */
#include "serve_i.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ADDR "127.0.0.1"

bool serve_vars(struct serve *s)
{
	struct bench_vars *v = &s->vars;
	const struct nwb_server_info *i = &s->info;
	bool ok = bench_vars_add(v, "NWB_RUN=%s", s->dir.name) &&
		  bench_vars_add(v, "NWB_SERVER=%s", i->name) &&
		  bench_vars_add(v, "NWB_ADDR=" ADDR) &&
		  bench_vars_add(v, "NWB_PORT=%u", i->port) &&
		  bench_vars_add(v, "NWB_SHARE=%s", i->share) &&
		  bench_vars_add(v, "NWB_USER=%s", i->user) &&
		  bench_vars_add(v, "NWB_PASSWORD=%s", i->password) &&
		  bench_vars_add(v, "NWB_UID=%u", i->uid) &&
		  bench_vars_add(v, "NWB_ISOLATION=%s", i->isolation);

	if (s->inside.mnt >= 0)
		ok = ok &&
		     bench_vars_add(v, "NWB_EXPORT=%s/export", s->dir.path);
	else
		ok = ok && bench_vars_add(v, "NWB_EXPORT=%s", i->export_path);
	if (!i->is_9p)
		ok = ok &&
		     bench_vars_add(v, "NTLM_USER_FILE=%s/ntlm", s->dir.path);
	if (s->relay)
		ok = ok && bench_vars_add(v, "NWB_PUBLISHED=%s",
					  bench_relay_name(s->relay));
	return ok && bench_vars_add(v, "NWB_PID=%d", getpid());
}

int serve_write_ntlm(const struct serve *s, struct nwb_err *err)
{
	char path[320];
	FILE *f;
	int fd, bad;

	if (s->info.is_9p)
		return 0;
	snprintf(path, sizeof(path), "%s/ntlm", s->dir.path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		return nwb_err_set(err, -errno, "%s: %s", path,
				   strerror(errno));
	bad = fprintf(f, "NWB:%s:%s\n", s->info.user, s->info.password) < 0;
	bad |= fclose(f) != 0;
	return bad ? nwb_err_set(err, -EIO, "%s: cannot be written", path) : 0;
}

/* @host may be "[::1]"; @run "": from the host itself. */
static void tell_smb(const struct serve *s, const char *run, const char *host,
		     const char *port)
{
	const struct nwb_server_info *i = &s->info;

	fprintf(s->out, "  %ssmbclient //%s/%s -p %s -U %s%%%s\n", run, host,
		i->share, port, i->user, i->password);
	fprintf(s->out,
		"  %smount -t cifs //%s/%s DIR \\\n"
		"      -o port=%s,username=%s,password=%s,vers=3.1.1\n",
		run, host, i->share, port, i->user, i->password);
	/* a command inside has the variable already */
	if (*run)
		fprintf(s->out, "  %sCLIENT smb://%s@%s:%s/%s/\n", run, i->user,
			host, port, i->share);
	else
		fprintf(s->out,
			"  NTLM_USER_FILE=%s/ntlm \\\n"
			"      CLIENT smb://%s@%s:%s/%s/\n",
			s->dir.path, i->user, host, port, i->share);
}

static void tell_9p(const struct serve *s, const char *run, const char *host,
		    const char *port)
{
	const struct nwb_server_info *i = &s->info;

	fprintf(s->out, "  %sdiodls -s %s:%s -a %s\n", run, host, port,
		i->share);
	fprintf(s->out,
		"  %smount -t 9p %s DIR -o trans=tcp,port=%s \\\n"
		"      -o version=9p2000.L,aname=%s,uname=%s,access=any\n",
		run, host, port, i->share, i->user);
}

static void tell_commands(const struct serve *s)
{
	void (*tell)(const struct serve *, const char *, const char *,
		     const char *) = s->info.is_9p ? tell_9p : tell_smb;
	char run[64], port[16], host[64];
	char *colon;

	snprintf(run, sizeof(run), "netwb exec %s -- ", s->dir.name);
	snprintf(port, sizeof(port), "%u", s->info.port);
	if (s->inside.net >= 0)
		tell(s, run, ADDR, port);
	else
		tell(s, "", ADDR, port);
	if (!s->relay)
		return;
	snprintf(host, sizeof(host), "%s", bench_relay_name(s->relay));
	colon = strrchr(host, ':');
	if (!colon)
		return;
	*colon = 0;
	fprintf(s->out, "PUBLISHED on this host's loopback, %s:\n",
		bench_relay_name(s->relay));
	tell(s, "", host, colon + 1);
}

void serve_tell(const struct serve *s)
{
	const struct nwb_server_info *i = &s->info;
	const struct nwb_plan *plan = s->cli.plan;

	fprintf(s->out, "serving %s %s as run %s, isolation %s%s%s\n", i->name,
		i->version, s->dir.name, i->isolation,
		i->isolation_why[0] ? ": " : "", i->isolation_why);
	fprintf(s->out, "  %s %s port %u, %s %s%s%s%s%s\n",
		s->inside.net >= 0 ? "inside:" : "on this host:", ADDR, i->port,
		i->is_9p ? "aname" : "share", i->share,
		i->is_9p ? "" : ", user ", i->is_9p ? "" : i->user,
		i->is_9p ? "" : ", password ", i->is_9p ? "" : i->password);
	for (unsigned int r = 0; plan && r < plan->nr_rules; r++) {
		char what[160];

		nwb_plan_print_actions(&plan->rule[r], what, sizeof(what));
		fprintf(s->out, "  armed: %s: %s\n", plan->rule[r].name, what);
	}
	if (s->mount) {
		fprintf(s->out, "  mounted: %s, client %s\n", s->mount->path,
			mount_subject(s));
		if (!s->command)
			fprintf(s->out, "^C ends it; then it is judged.\n");
		fflush(s->out);
		return;
	}
	if (plan && plan->client.name[0])
		fprintf(s->out, "  the plan's client line is not used: the "
				"client is yours\n");
	if (!s->command || s->relay)
		tell_commands(s);
	if (!s->command)
		fprintf(s->out, "^C ends it; then it is judged.\n");
	fflush(s->out);
}
