/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several tasks at once on the same few names of a real server, whose
 * connection is dropped meanwhile: nothing hangs, every error is one that a
 * program can make sense of, what a file says is what was written to it last
 * while it was open, and nothing is left of what was removed.
 */
#include "ops_rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define TASKS 5u
#define OPS   150u

struct worker {
	struct ops_rig *rig;
	unsigned int nr;
	uint64_t rng;
	unsigned int nr_done;
	int strange; /* an error that nobody may see */
	const char *what;
};

static uint32_t rnd(struct worker *w, uint32_t below)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return (uint32_t)((w->rng >> 11) % below);
}

/* What a program can make sense of, and what not. */
static void expect(struct worker *w, const char *what, long long rc)
{
	switch (rc) {
	case -ENOENT:
	case -EEXIST:
	case -ENOTEMPTY:
	case -EISDIR:
	case -ENOTDIR:
	case -EINVAL:
		return;
	default:
		w->nr_done += rc >= 0;
		if (rc >= 0 || w->strange)
			return;
		w->strange = (int)rc;
		w->what = what;
	}
}

static const char *const names[] = {"a", "b", "c", "d"};

static void one_file(struct worker *w, struct nwb_node *dir, const char *name)
{
	struct nwb_mount *mnt = w->rig->mnt;
	uint8_t buf[3000], got[3000];
	struct nwb_node *node;
	struct nwb_file *f;
	struct nwb_attr a;
	/* a part of each file is each one's own */
	uint64_t pos = w->nr * 4096;
	int rc = nwb_ns_create(mnt, dir, name, 0644, &node, &a, &f, NULL);

	if (rc == -EEXIST) {
		rc = nwb_ns_lookup(mnt, dir, name, &node, &a, NULL);
		if (!rc && (rc = nwb_ns_open(mnt, node, false, &f, NULL)))
			nwb_ns_forget(mnt, node, 1);
	}
	expect(w, "create or open", rc);
	if (rc)
		return;
	memset(buf, (int)rnd(w, 256), sizeof(buf));
	expect(w, "write", nwb_file_write(f, buf, sizeof(buf), pos));
	if (rnd(w, 2))
		expect(w, "fsync", nwb_file_fsync(f));
	expect(w, "read", nwb_file_read(f, got, sizeof(got), pos));
	if (memcmp(buf, got, sizeof(got)) && !w->strange) {
		w->strange = -EBADMSG;
		w->what = "reads what it wrote";
	}
	expect(w, "getattr", nwb_ns_getattr(mnt, node, &a, NULL));
	expect(w, "close", nwb_ns_close(mnt, node, f));
	nwb_ns_forget(mnt, node, 1);
}

static void one_dir(struct worker *w, struct nwb_node *dir, const char *name)
{
	struct nwb_mount *mnt = w->rig->mnt;
	struct nwb_node *node;
	struct nwb_attr a;
	int rc = nwb_ns_mkdir(mnt, dir, name, 0755, &node, &a, NULL);

	expect(w, "mkdir", rc);
	if (rc)
		return;
	one_file(w, node, names[rnd(w, 4)]);
	nwb_ns_forget(mnt, node, 1);
}

static void one_op(struct worker *w)
{
	struct nwb_mount *mnt = w->rig->mnt;
	struct nwb_node *root = nwb_ns_root(mnt), *dir = root;
	const char *name = names[rnd(w, 4)], *to = names[rnd(w, 4)];
	struct nwb_attr a = {0};

	if (rnd(w, 2)) {
		if (nwb_ns_lookup(mnt, root, names[rnd(w, 4)], &dir, &a, NULL))
			dir = root;
		else if (!S_ISDIR(a.mode)) {
			nwb_ns_forget(mnt, dir, 1);
			dir = root;
		}
	}
	switch (rnd(w, 7)) {
	case 0:
		one_dir(w, dir, name);
		break;
	case 1:
		expect(w, "unlink", nwb_ns_unlink(mnt, dir, name, NULL));
		break;
	case 2:
		expect(w, "rmdir", nwb_ns_rmdir(mnt, dir, name, NULL));
		break;
	case 3:
		expect(w, "rename",
		       nwb_ns_rename(mnt, root, name, dir, to, 0, NULL));
		break;
	default:
		one_file(w, dir, name);
	}
	if (dir != root)
		nwb_ns_forget(mnt, dir, 1);
}

static void work(void *arg)
{
	struct worker *w = arg;

	for (unsigned int i = 0; i < OPS; i++)
		one_op(w);
}

/* Every name that is on the server is one that a user gave. */
static void check_nothing_is_left(struct ops_rig *r)
{
	struct dirent *e;
	int fd = -1;
	DIR *dir;

	nwb_check_eq(
		nwb_server_open(r->srv, ".", O_RDONLY | O_DIRECTORY, &fd, NULL),
		0);
	dir = fdopendir(fd);
	nwb_check(dir != NULL);
	while ((e = readdir(dir)))
		nwb_check(strncmp(e->d_name, NWB_NS_GONE,
				  sizeof(NWB_NS_GONE) - 1));
	closedir(dir);
}

static void storm(struct ops_rig *r)
{
	struct worker w[TASKS] = {{0}};
	struct nwb_task *task[TASKS];

	for (unsigned int i = 0; i < TASKS; i++) {
		w[i] = (struct worker){.rig = r,
				       .nr = i,
				       .rng = 0x9e3779b97f4a7c15ull * (i + 1)};
		nwb_check_eq(
			nwb_task_spawn(r->ex, "storm", work, &w[i], &task[i]),
			0);
	}
	for (unsigned int i = 0; i < TASKS; i++)
		nwb_task_join(task[i]);
	for (unsigned int i = 0; i < TASKS; i++) {
		if (w[i].strange)
			fprintf(stderr, "%s: %s\n", w[i].what,
				nwb_errno_name(w[i].strange));
		nwb_check_eq(w[i].strange, 0);
		nwb_check(w[i].nr_done > OPS / 4);
	}
	check_nothing_is_left(r);
}

#define STORM(server_, name_, ...)                                             \
	NWB_TEST(ops_storm, server_##_##name_)                                 \
	{                                                                      \
		struct ops_rig r = {                                           \
			.server = #server_, .body = storm, __VA_ARGS__};       \
                                                                               \
		r.netfs.cache_bytes = NWB_MIB;                                 \
		ops_rig_run(&r);                                               \
	}

STORM(diod, calm)
STORM(diod, resets, .resets = true)
STORM(smbd, calm)
STORM(smbd, resets, .resets = true)
