/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real smbd, diod and nfs-ganesha: start, hello, files, signals, crash,
 * restart, failure.
 */
#include "server_util.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct nwb_server *start(const struct nwb_server_opts *opts)
{
	struct nwb_server *srv = NULL;
	struct nwb_err err = {0};

	if (nwb_server_start(opts, &srv, &err))
		nwb_check_streq(err.text, "");
	return srv;
}

static void start_hello_stop(const char *name, enum nwb_isolation step)
{
	struct nwb_server_opts opts = {.name = name, .isolation = step};
	struct nwb_server_info info;
	struct nwb_server *srv;
	uint64_t before, after;
	char log[512];

	skip_unless_isolated(step);
	srv = start(&opts);
	nwb_check_eq(dial_hello(srv), 0);
	nwb_check_eq(nwb_server_cpu_ns(srv, &before), 0);
	nwb_check(before > 0);
	nwb_check_eq(dial_hello(srv), 0);
	nwb_check_eq(nwb_server_cpu_ns(srv, &after), 0);
	nwb_check(after >= before);
	nwb_server_info(srv, &info);
	nwb_check_streq(info.name, name);
	nwb_check_streq(info.isolation, nwb_isolation_name(step));
	nwb_check(info.main_pid_in_ns > 1);
	nwb_check(info.version[0] >= '0' && info.version[0] <= '9');
	nwb_check_eq(nwb_server_log_tail(srv, log, sizeof(log)), 0);
	nwb_server_free(srv);
}

NWB_TEST(server, smbd_starts_answers_stops)
{
	start_hello_stop("smbd", NWB_ISOLATION_NS);
}

NWB_TEST(server, diod_starts_answers_stops)
{
	start_hello_stop("diod", NWB_ISOLATION_NS);
}

NWB_TEST(server, smbd_works_in_a_user_namespace)
{
	start_hello_stop("smbd", NWB_ISOLATION_USERNS);
}

NWB_TEST(server, diod_works_in_a_user_namespace)
{
	start_hello_stop("diod", NWB_ISOLATION_USERNS);
}

NWB_TEST(server, ganesha_starts_answers_stops)
{
	skip_unless_ganesha();
	start_hello_stop("ganesha", NWB_ISOLATION_NS);
}

NWB_TEST(server, two_at_once_are_apart)
{
	struct nwb_server_opts a = {.name = "smbd"}, b = {.name = "smbd"};
	struct nwb_server_opts c = {.name = "diod"};
	struct nwb_server *sa, *sb, *sc;
	char buf[16];
	int fd;

	skip_unless_servers();
	sa = start(&a);
	sb = start(&b);
	sc = start(&c);
	export_put(sa, "f", "of a");
	nwb_check_eq(nwb_server_open(sb, "f", O_RDONLY, &fd, NULL), -ENOENT);
	nwb_check_eq(nwb_server_open(sc, "f", O_RDONLY, &fd, NULL), -ENOENT);
	nwb_check_eq(dial_hello(sa), 0);
	nwb_check_eq(dial_hello(sb), 0);
	nwb_check_eq(dial_hello(sc), 0);
	nwb_server_free(sa);
	nwb_check_eq(dial_hello(sb), 0);
	export_put(sb, "f", "of b");
	export_get(sb, "f", buf, sizeof(buf));
	nwb_check_streq(buf, "of b");
	nwb_server_free(sb);
	nwb_server_free(sc);
}

static uint64_t netns_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		nwb_test_skip("needs SO_NETNS_COOKIE (Linux 5.14)");
	return cookie;
}

NWB_TEST(server, network_is_its_own)
{
	struct nwb_server_opts opts = {.name = "diod"};
	struct nwb_server *a, *b;
	int here, in_a, in_b;

	skip_unless_namespaces();
	a = start(&opts);
	b = start(&opts);
	here = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	nwb_check_eq(nwb_server_dial(a, &in_a, NULL), 0);
	nwb_check_eq(nwb_server_dial(b, &in_b, NULL), 0);
	nwb_check(netns_of(in_a) != netns_of(here));
	nwb_check(netns_of(in_b) != netns_of(here));
	nwb_check(netns_of(in_a) != netns_of(in_b));
	close(here);
	close(in_a);
	close(in_b);
	nwb_server_free(a);
	nwb_server_free(b);
}

NWB_TEST(server, open_stays_in_the_export)
{
	struct nwb_server_opts opts = {.name = "diod"};
	struct nwb_server *srv;
	struct stat st;
	int fd;

	skip_unless_servers();
	srv = start(&opts);
	nwb_check_eq(
		nwb_server_open(srv, "../log/server.log", O_RDONLY, &fd, NULL),
		-EXDEV);
	umask(077);
	export_put(srv, "f", "x");
	nwb_check_eq(nwb_server_open(srv, "f", O_RDONLY, &fd, NULL), 0);
	nwb_check_eq(fstat(fd, &st), 0);
	nwb_check_eq(st.st_mode & 0777, 0666);
	close(fd);
	nwb_check_eq(nwb_server_open(srv, "/etc/passwd", O_RDONLY, &fd, NULL),
		     -EXDEV);
	nwb_server_free(srv);
}

static void crash_is_told(const char *name)
{
	struct event_log log;
	struct nwb_server_opts opts = {
		.name = name,
		.on_event = event_log_add,
		.event_arg = &log,
	};
	struct nwb_server *srv;
	uint64_t before, after;
	int fd;

	skip_unless_servers();
	event_log_init(&log);
	srv = start(&opts);
	export_put(srv, "f", "stays");
	nwb_check_eq(nwb_server_cpu_ns(srv, &before), 0);
	nwb_check_eq(nwb_server_kill(srv, SIGKILL, true, NULL), 0);
	nwb_check(event_log_wait(&log, 2));
	nwb_check_eq(log.ev[0], NWB_SERVER_READY);
	nwb_check_eq(log.ev[1], NWB_SERVER_DIED);
	nwb_check(WIFSIGNALED(log.status[1]));
	nwb_check_eq(WTERMSIG(log.status[1]), SIGKILL);
	nwb_check_eq(nwb_server_dial(srv, &fd, NULL), -ECONNREFUSED);
	nwb_check_eq(nwb_server_restart(srv, NULL), 0);
	nwb_check(event_log_wait(&log, 3));
	nwb_check_eq(log.ev[2], NWB_SERVER_READY);
	nwb_check_eq(dial_hello(srv), 0);
	nwb_check_eq(nwb_server_cpu_ns(srv, &after), 0);
	nwb_check(after > before);
	nwb_check_eq(nwb_server_open(srv, "f", O_RDONLY, &fd, NULL), 0);
	close(fd);
	nwb_server_free(srv);
	nwb_check_eq(log.nr, 3); /* a wanted stop is no crash */
}

NWB_TEST(server, smbd_crash_is_told)
{
	crash_is_told("smbd");
}

NWB_TEST(server, diod_crash_is_told)
{
	crash_is_told("diod");
}

NWB_TEST(server, main_process_alone_ends_smbd)
{
	struct event_log log;
	struct nwb_server_opts opts = {
		.name = "smbd",
		.on_event = event_log_add,
		.event_arg = &log,
		.auto_restart = true,
	};
	struct nwb_server *srv;

	skip_unless_servers();
	event_log_init(&log);
	srv = start(&opts);
	nwb_check_eq(nwb_server_kill(srv, SIGKILL, false, NULL), 0);
	nwb_check(event_log_wait(&log, 3));
	nwb_check_eq(log.ev[1], NWB_SERVER_DIED);
	nwb_check_eq(log.ev[2], NWB_SERVER_READY);
	nwb_check_eq(dial_hello(srv), 0);
	nwb_server_free(srv);
}

NWB_TEST(server, auto_restart_comes_back_each_time)
{
	struct event_log log;
	struct nwb_server_opts opts = {
		.name = "diod",
		.on_event = event_log_add,
		.event_arg = &log,
		.auto_restart = true,
		.restart_delay_ns = 20 * NWB_MSEC,
	};
	struct nwb_server *srv;
	unsigned int i;

	skip_unless_servers();
	event_log_init(&log);
	srv = start(&opts);
	for (i = 0; i < 3; i++) {
		nwb_check_eq(nwb_server_kill(srv, SIGSEGV, false, NULL), 0);
		nwb_check(event_log_wait(&log, 3 + 2 * i));
		nwb_check_eq(log.ev[1 + 2 * i], NWB_SERVER_DIED);
		nwb_check_eq(WTERMSIG(log.status[1 + 2 * i]), SIGSEGV);
		nwb_check_eq(log.ev[2 + 2 * i], NWB_SERVER_READY);
		nwb_check_eq(dial_hello(srv), 0);
	}
	nwb_server_free(srv);
	nwb_check_eq(log.nr, 7);
}

NWB_TEST(server, free_interrupts_a_long_restart_delay)
{
	struct event_log log;
	struct nwb_server_opts opts = {
		.name = "diod",
		.on_event = event_log_add,
		.event_arg = &log,
		.auto_restart = true,
		.restart_delay_ns = 3600 * NWB_SEC,
	};
	struct nwb_server *srv;

	skip_unless_servers();
	event_log_init(&log);
	srv = start(&opts);
	nwb_check_eq(nwb_server_kill(srv, SIGKILL, false, NULL), 0);
	nwb_check(event_log_wait(&log, 2));
	nwb_server_free(srv);
	nwb_check_eq(log.nr, 2);
}

NWB_TEST(server, stopped_server_can_be_freed)
{
	struct nwb_server_opts opts = {.name = "smbd"};
	struct nwb_server *srv;

	skip_unless_servers();
	srv = start(&opts);
	nwb_check_eq(nwb_server_kill(srv, SIGSTOP, true, NULL), 0);
	nwb_server_free(srv);
}

NWB_TEST(server, missing_binary_is_one_clear_message)
{
	struct nwb_server_opts opts = {
		.name = "smbd",
		.binary_path = "/nonexistent/smbd",
	};
	struct nwb_server *srv = NULL;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_server_start(&opts, &srv, &err), -ENOENT);
	nwb_check(!srv);
	nwb_check_streq(err.text,
			"cannot start smbd: smbd is not installed "
			"(/nonexistent/smbd: ENOENT): apt-get install samba");
}

NWB_TEST(server, unknown_server_is_refused)
{
	struct nwb_server_opts opts = {.name = "smdb"};
	struct nwb_server *srv = NULL;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_server_start(&opts, &srv, &err), -EINVAL);
	nwb_check(strstr(err.text, "\"smdb\""));
}

NWB_TEST(server, early_end_is_reported_with_its_status)
{
	struct nwb_server_opts opts = {
		.name = "diod",
		.binary_path = "/bin/false",
	};
	struct nwb_server *srv = NULL;
	struct nwb_err err = {0};

	skip_unless_servers();
	nwb_check_eq(nwb_server_start(&opts, &srv, &err), -EIO);
	nwb_check(!srv);
	nwb_check_streq(err.text, "cannot start diod: /bin/false ended before "
				  "it answered (status 1)");
}

NWB_TEST(server, log_is_in_the_message)
{
	struct nwb_server_opts opts = {
		.name = "diod",
		.binary_path = "/bin/ls", /* complains about the options */
	};
	struct nwb_server *srv = NULL;
	struct nwb_err err = {0};

	skip_unless_servers();
	nwb_check_eq(nwb_server_start(&opts, &srv, &err), -EIO);
	nwb_check(strstr(err.text, "its log ends: "));
	nwb_check(strstr(err.text, "ls"));
}

NWB_TEST(server, bad_shim_path_is_refused)
{
	struct nwb_server_opts opts = {
		.name = "diod",
		.shim_path = "/nonexistent/shim.so",
	};
	struct nwb_server *srv = NULL;
	struct nwb_err err = {0};

	skip_unless_servers();
	nwb_check_eq(nwb_server_start(&opts, &srv, &err), -ENOENT);
	nwb_check_streq(err.text, "cannot start diod: open "
				  "/nonexistent/shim.so: ENOENT");
}
