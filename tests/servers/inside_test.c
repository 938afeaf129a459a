/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The place for a user's commands: the server's network and export are there,
 * nothing of the outside is hidden, and mounts are seen by the next command.
 */
#include "server_util.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct scene {
	struct nwb_server *srv;
	struct nwb_server_info info;
	struct nwb_inside place;
	char at[32]; /* where the export shall be */
};

static void scene_open(struct scene *s, const char *name)
{
	struct nwb_server_opts opts = {.name = name};
	struct nwb_err err = {0};

	skip_unless_namespaces();
#ifdef NWB_TEST_SEQUENTIAL
	nwb_test_skip("ThreadSanitizer has a thread of its own after fork");
#endif
	strcpy(s->at, "/tmp/nwb-place-XXXXXX");
	nwb_check(mkdtemp(s->at));
	if (nwb_server_start(&opts, &s->srv, &err))
		nwb_check_streq(err.text, "");
	nwb_server_info(s->srv, &s->info);
	if (nwb_server_inside(s->srv, s->at, &s->place, &err))
		nwb_check_streq(err.text, "");
}

static void scene_close(struct scene *s)
{
	nwb_inside_close(&s->place);
	nwb_server_free(s->srv);
	nwb_check(!rmdir(s->at));
}

/* Run @body over there. Return: its exit status. */
static int over_there(struct scene *s, int (*body)(struct scene *s))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct nwb_err err = {0};

		if (nwb_inside_enter(&s->place, &err)) {
			fprintf(stderr, "%s\n", err.text);
			_exit(99);
		}
		_exit(body(s));
	}
	nwb_check_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int connects(struct scene *s)
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET,
		.sin_port = htons(s->info.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return 1;
	return say_hello(fd, s->info.is_9p) ? 2 : 0;
}

static int sees_the_export(struct scene *s)
{
	char path[64], buf[8] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/there", s->at);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, buf, sizeof(buf)) != 5)
		return 1;
	return strcmp(buf, "hello") ? 2 : 0;
}

static struct stat outside[4];
static const char *const hidden[] = {"/etc/passwd", "/etc/group", "/mnt",
				     "/proc/self/ns/pid"};

static int sees_the_outside(struct scene *s)
{
	char cwd[64];
	struct stat st;

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(hidden); i++)
		if (stat(hidden[i], &st) || st.st_dev != outside[i].st_dev ||
		    st.st_ino != outside[i].st_ino)
			return 1 + (int)i;
	if (!getcwd(cwd, sizeof(cwd)) || strcmp(cwd, s->at))
		return 9;
	return 0;
}

static int mounts(struct scene *s)
{
	(void)s;
	return mount("nwb-place", "/mnt", "tmpfs", 0, NULL) ||
	       mkdir("/mnt/seen", 0700);
}

static int sees_the_mount(struct scene *s)
{
	struct stat st;

	(void)s;
	return stat("/mnt/seen", &st) ? 1 : 0;
}

static void all_is_there(const char *name)
{
	struct scene s = {0};
	struct stat st;

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(hidden); i++)
		nwb_check(!stat(hidden[i], &outside[i]));
	scene_open(&s, name);
	nwb_check(!chdir(s.at));
	export_put(s.srv, "there", "hello");
	nwb_check_eq(over_there(&s, connects), 0);
	nwb_check_eq(over_there(&s, sees_the_export), 0);
	nwb_check_eq(over_there(&s, sees_the_outside), 0);
	nwb_check_eq(over_there(&s, sees_the_mount), 1);
	nwb_check_eq(over_there(&s, mounts), 0);
	nwb_check_eq(over_there(&s, sees_the_mount), 0);
	/* ... and neither outside nor for the server, which lives on */
	nwb_check(stat("/mnt/seen", &st) && errno == ENOENT);
	nwb_check(!dial_hello(s.srv));
	nwb_check(!chdir("/"));
	scene_close(&s);
}

NWB_TEST(place, smbd)
{
	all_is_there("smbd");
}

NWB_TEST(place, diod)
{
	all_is_there("diod");
}

NWB_TEST(place, a_directory_that_is_not_there_is_told)
{
	struct scene s = {0};
	struct nwb_err err = {0};
	struct nwb_inside p;

	scene_open(&s, "diod");
	nwb_check_eq(nwb_server_inside(s.srv, "/nowhere", &p, &err), -ENOENT);
	nwb_check(strstr(err.text, "/nowhere"));
	nwb_check(!dial_hello(s.srv));
	scene_close(&s);
}
