/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger: layout, order of tickets, fullness, many writers. */
#include "nwb/ledger.h"
#include "nwb_test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint8_t key[16] = "0123456789abcdef";

static int new_ledger(uint64_t slots, struct nwb_ledger *l)
{
	int fd = memfd_create("ledger", MFD_CLOEXEC);

	nwb_check(fd >= 0);
	nwb_check_eq(nwb_ledger_create(fd, slots, key, 1, l), 0);
	return fd;
}

NWB_TEST(ledger, create_then_map)
{
	struct nwb_ledger a, b;
	int fd = new_ledger(10, &a);

	nwb_check_eq(nwb_ledger_map(fd, false, &b), 0);
	nwb_check_eq(b.hdr->nr_slots, 10);
	nwb_check_eq(b.hdr->level, 1);
	nwb_check(!memcmp(b.hdr->key, key, 16));
	nwb_check_eq(nwb_ledger_count(&b), 0);
	nwb_ledger_prefault(&a, 10);
	nwb_check_eq(nwb_ledger_count(&b), 0);
	nwb_ledger_unmap(&a);
	nwb_ledger_unmap(&a);
	nwb_ledger_unmap(&b);
	close(fd);
}

NWB_TEST(ledger, what_is_not_a_ledger_is_refused)
{
	struct nwb_ledger l, m;
	int fd = memfd_create("no", MFD_CLOEXEC);

	nwb_check_eq(nwb_ledger_map(fd, false, &m), -EINVAL);
	nwb_check_eq(ftruncate(fd, 1 << 16), 0);
	nwb_check_eq(nwb_ledger_map(fd, false, &m), -EINVAL);
	nwb_check_eq(nwb_ledger_create(fd, 0, key, 0, &l), -EINVAL);
	nwb_check_eq(nwb_ledger_create(fd, 4, key, 2, &l), -EINVAL);
	nwb_check_eq(nwb_ledger_create(-1, 4, key, 0, &l), -EBADF);
	nwb_check_eq(nwb_ledger_create(fd, 4, key, 0, &l), 0);
	l.hdr->nr_slots = 5;
	nwb_check_eq(nwb_ledger_map(fd, false, &m), -EINVAL);
	l.hdr->nr_slots = UINT64_MAX;
	nwb_check_eq(nwb_ledger_map(fd, false, &m), -EINVAL);
	l.hdr->nr_slots = 4;
	l.hdr->version++;
	nwb_check_eq(nwb_ledger_map(fd, false, &m), -EINVAL);
	nwb_ledger_unmap(&l);
	close(fd);
}

NWB_TEST(ledger, files_by_base_name)
{
	struct nwb_ledger l;
	int fd = new_ledger(1, &l);
	char name[80];

	nwb_check_eq(nwb_ledger_add_file(&l, "a.dat"), 1);
	nwb_check_eq(nwb_ledger_add_file(&l, "b.dat"), 2);
	nwb_check_eq(nwb_ledger_add_file(&l, "/x/a.dat"), 1);
	nwb_check_eq(nwb_ledger_find_file(&l, "/export/dir/b.dat"), 2);
	nwb_check_eq(nwb_ledger_find_file(&l, "b.da"), 0);
	nwb_check_eq(nwb_ledger_find_file(&l, "b.dat2"), 0);
	nwb_check_eq(nwb_ledger_add_file(&l, "dir/"), -ENAMETOOLONG);
	memset(name, 'n', sizeof(name));
	name[62] = 0;
	nwb_check_eq(nwb_ledger_add_file(&l, name), -ENAMETOOLONG);
	nwb_check_eq(nwb_ledger_find_file(&l, name), 0);
	name[61] = 0;
	nwb_check_eq(nwb_ledger_add_file(&l, name), 3);
	for (int i = 4; i <= (int)NWB_LEDGER_FILES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		nwb_check_eq(nwb_ledger_add_file(&l, name), i);
	}
	nwb_check_eq(nwb_ledger_add_file(&l, "one-more"), -ENOSPC);
	nwb_ledger_unmap(&l);
	close(fd);
}

NWB_TEST(ledger, begin_is_seen_before_end)
{
	struct nwb_lrec proto = {
		.kind = NWB_L_WRITE, .file = 1, .off = 16, .fid = 99};
	struct nwb_ledger l;
	int fd = new_ledger(4, &l);
	struct nwb_lrec *a = nwb_ledger_begin(&l, &proto), *b;

	nwb_check(a == &l.hdr->slot[0]);
	nwb_check_eq(a->state, NWB_LS_BEGUN);
	nwb_check(a->end == NWB_TICKET_OPEN);
	nwb_check(a->begin > 0 && a->t_begin > 0);
	nwb_check_eq(a->off, 16);
	nwb_check_eq(a->fid, 99);
	b = nwb_ledger_point(&l, &proto);
	nwb_check_eq(b->state, NWB_LS_ENDED);
	a->result = 16;
	nwb_ledger_end(&l, a);
	nwb_check_eq(a->state, NWB_LS_ENDED);
	nwb_check(a->begin < b->begin && b->begin < b->end && b->end < a->end);
	nwb_ledger_end(&l, NULL);
	nwb_check_eq(nwb_ledger_count(&l), 2);
	nwb_ledger_unmap(&l);
	close(fd);
}

NWB_TEST(ledger, full_drops_and_counts)
{
	struct nwb_lrec proto = {.kind = NWB_L_HEARTBEAT};
	struct nwb_ledger l;
	int fd = new_ledger(2, &l);

	nwb_check(nwb_ledger_point(&l, &proto) != NULL);
	nwb_check(nwb_ledger_begin(&l, &proto) != NULL);
	nwb_check(nwb_ledger_point(&l, &proto) == NULL);
	nwb_check(nwb_ledger_begin(&l, &proto) == NULL);
	nwb_check_eq(l.hdr->lost, 2);
	nwb_check_eq(nwb_ledger_count(&l), 2);
	nwb_ledger_unmap(&l);
	close(fd);
}

NWB_TEST(ledger, every_kind_has_a_name)
{
	for (unsigned int k = 0; k < NWB_L_KINDS; k++)
		nwb_check(strcmp(nwb_ledger_kind_name(k), "?"));
	nwb_check_streq(nwb_ledger_kind_name(NWB_L_GIVEUP), "GIVEUP");
	nwb_check_streq(nwb_ledger_kind_name(NWB_L_KINDS), "?");
}

#define WRITERS	 4u
#define PER_HAND 2000u

static void write_many(struct nwb_ledger *l, uint32_t who)
{
	struct nwb_lrec proto = {.kind = NWB_L_WRITE, .instance = who};

	for (uint32_t i = 0; i < PER_HAND; i++) {
		struct nwb_lrec *r;

		proto.version = i;
		r = nwb_ledger_begin(l, &proto);
		if (r)
			r->result = i;
		if (i % 100 != 99) /* some never end */
			nwb_ledger_end(l, r);
	}
}

/* Every slot once, tickets unique, each writer's own records in its order. */
static void check_many(struct nwb_ledger *l)
{
	uint64_t nr = nwb_ledger_count(l), last_end[WRITERS] = {0};
	uint32_t seen[WRITERS] = {0};
	uint8_t *drawn = calloc(1, l->hdr->tick);

	nwb_check(drawn != NULL);
	nwb_check_eq(nr, WRITERS * PER_HAND);
	nwb_check_eq(l->hdr->lost, 0);
	for (uint64_t i = 0; i < nr; i++) {
		const struct nwb_lrec *r = &l->hdr->slot[i];

		nwb_check(r->instance < WRITERS);
		nwb_check_eq(r->version, seen[r->instance]++);
		nwb_check(r->begin < l->hdr->tick && !drawn[r->begin]++);
		nwb_check(r->begin > last_end[r->instance]);
		if (r->state == NWB_LS_BEGUN) {
			nwb_check(r->end == NWB_TICKET_OPEN);
			last_end[r->instance] = r->begin;
			continue;
		}
		nwb_check_eq(r->state, NWB_LS_ENDED);
		nwb_check_eq(r->result, r->version);
		nwb_check(r->end < l->hdr->tick && !drawn[r->end]++);
		nwb_check(r->begin < r->end);
		last_end[r->instance] = r->end;
	}
	free(drawn);
}

NWB_TEST(ledger, many_processes)
{
	struct nwb_ledger l;
	int fd = new_ledger(WRITERS * PER_HAND, &l);
	pid_t pid[WRITERS];

	for (uint32_t w = 0; w < WRITERS; w++) {
		pid[w] = fork();
		nwb_check(pid[w] >= 0);
		if (!pid[w]) {
			struct nwb_ledger mine;

			if (nwb_ledger_map(fd, true, &mine))
				_exit(1);
			write_many(&mine, w);
			_exit(0);
		}
	}
	for (uint32_t w = 0; w < WRITERS; w++) {
		int status = -1;

		nwb_check(waitpid(pid[w], &status, 0) == pid[w]);
		nwb_check_eq(status, 0);
	}
	check_many(&l);
	nwb_ledger_unmap(&l);
	close(fd);
}

struct hand {
	pthread_t thread;
	struct nwb_ledger *l;
	uint32_t who;
};

static void *hand_main(void *arg)
{
	struct hand *h = arg;

	write_many(h->l, h->who);
	return NULL;
}

NWB_TEST(ledger, many_threads)
{
	struct nwb_ledger l;
	int fd = new_ledger(WRITERS * PER_HAND, &l);
	struct hand hand[WRITERS];

	for (uint32_t w = 0; w < WRITERS; w++) {
		hand[w].l = &l;
		hand[w].who = w;
		nwb_check_eq(pthread_create(&hand[w].thread, NULL, hand_main,
					    &hand[w]),
			     0);
	}
	for (uint32_t w = 0; w < WRITERS; w++)
		nwb_check_eq(pthread_join(hand[w].thread, NULL), 0);
	check_many(&l);
	nwb_ledger_unmap(&l);
	close(fd);
}

NWB_TEST(ledger, a_killed_writer_leaves_a_begun_record)
{
	struct nwb_lrec proto = {.kind = NWB_L_EFFECT_WRITE, .off = 5};
	struct nwb_ledger l;
	int fd = new_ledger(8, &l), status = -1;
	pid_t pid = fork();

	if (!pid) {
		nwb_ledger_begin(&l, &proto);
		_exit(0);
	}
	nwb_check(waitpid(pid, &status, 0) == pid);
	nwb_check_eq(l.hdr->slot[0].state, NWB_LS_BEGUN);
	nwb_check_eq(l.hdr->slot[0].off, 5);
	nwb_check(l.hdr->slot[0].end == NWB_TICKET_OPEN);
	nwb_ledger_unmap(&l);
	close(fd);
}

NWB_TEST(ledger, names_are_learned_once_only_when_wanted)
{
	struct nwb_ledger l;
	char name[80];
	int fd = new_ledger(10, &l);

	nwb_check_eq(nwb_ledger_learn_file(&l, "a"), 0);
	l.hdr->learns = 1;
	nwb_check_eq(nwb_ledger_learn_file(&l, "dir/a"), 1);
	nwb_check_eq(nwb_ledger_learn_file(&l, "b"), 2);
	nwb_check_eq(nwb_ledger_learn_file(&l, "a"), 1);
	nwb_check_eq(nwb_ledger_find_file(&l, "x/b"), 2);
	nwb_check_eq(nwb_ledger_learn_file(&l, ""), 0);
	memset(name, 'n', sizeof(name));
	name[62] = 0;
	nwb_check_eq(l.hdr->unnamed, 0);
	nwb_check_eq(nwb_ledger_learn_file(&l, name), 0);
	nwb_check_eq(l.hdr->unnamed, 1);
	for (unsigned int i = 3; i <= NWB_LEDGER_FILES; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		nwb_check_eq(nwb_ledger_learn_file(&l, name), i);
	}
	nwb_check_eq(nwb_ledger_learn_file(&l, "late"), 0);
	nwb_check_eq(l.hdr->unnamed, 2);
	nwb_check_eq(nwb_ledger_learn_file(&l, "f9"), 9);
	nwb_ledger_unmap(&l);
	close(fd);
}

/* Killed while it named an entry: the others go on without that one. */
NWB_TEST(ledger, a_name_that_was_never_finished_is_passed_over)
{
	struct nwb_ledger l;
	int fd = new_ledger(10, &l);

	l.hdr->learns = 1;
	l.hdr->file[0].id = NWB_LEDGER_NAMING;
	memcpy(l.hdr->file[0].name, "a", 2);
	nwb_check_eq(nwb_ledger_find_file(&l, "a"), 0);
	nwb_check_eq(nwb_ledger_learn_file(&l, "a"), 2);
	nwb_check_eq(nwb_ledger_find_file(&l, "a"), 2);
	nwb_ledger_unmap(&l);
	close(fd);
}

static void *learn_all(void *arg)
{
	struct nwb_ledger *l = arg;
	char name[16];

	for (unsigned int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		if (!nwb_ledger_learn_file(l, name))
			return arg;
	}
	return NULL;
}

NWB_TEST(ledger, names_learned_at_the_same_time_are_one)
{
	struct nwb_ledger l;
	pthread_t t[4];
	void *bad;
	int fd = new_ledger(10, &l);

	l.hdr->learns = 1;
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(t); i++)
		nwb_check(!pthread_create(&t[i], NULL, learn_all, &l));
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(t); i++) {
		nwb_check(!pthread_join(t[i], &bad));
		nwb_check(!bad);
	}
	nwb_check_eq(l.hdr->nr_files, 50);
	nwb_ledger_unmap(&l);
	close(fd);
}
