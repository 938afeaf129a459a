/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nwb/err.h"
#include "nwb/list.h"

#include "nwb_test.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

NWB_TEST(err, set_and_wrap_build_a_sentence)
{
	struct nwb_err err = {0};

	nwb_check_eq(nwb_err_set(&err, -EIO, "write of %d bytes", 4096), -EIO);
	nwb_check_eq(nwb_err_wrap(&err, -EIO, "connect to %s", "smbd"), -EIO);
	nwb_check_eq(err.code, -EIO);
	nwb_check_streq(err.text, "connect to smbd: write of 4096 bytes");
}

NWB_TEST(err, wrap_keeps_the_first_code_and_fills_a_missing_one)
{
	struct nwb_err err = {0};

	nwb_check_eq(nwb_err_wrap(&err, -ENOSPC, "fsync"), -ENOSPC);
	nwb_check_eq(err.code, -ENOSPC);
	nwb_check_streq(err.text, "fsync: ENOSPC");
	nwb_check_eq(nwb_err_wrap(&err, -EIO, "close"), -EIO);
	nwb_check_eq(err.code, -ENOSPC);
	nwb_check_streq(err.text, "close: fsync: ENOSPC");
}

NWB_TEST(err, null_is_allowed)
{
	nwb_check_eq(nwb_err_set(NULL, -EIO, "%s", "x"), -EIO);
	nwb_check_eq(nwb_err_wrap(NULL, -EIO, "%s", "x"), -EIO);
}

NWB_TEST(err, overlong_text_loses_its_tail_not_its_prefix)
{
	char longer[2 * NWB_ERR_TEXT_MAX];
	struct nwb_err err = {0};

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	(void)nwb_err_set(&err, -EIO, "%s", longer);
	nwb_check_eq(strlen(err.text), NWB_ERR_TEXT_MAX - 1);
	(void)nwb_err_wrap(&err, -EIO, "here");
	nwb_check_eq(strlen(err.text), NWB_ERR_TEXT_MAX - 1);
	nwb_check(!strncmp(err.text, "here: xxx", 9));
	(void)nwb_err_wrap(&err, -EIO, "%s", longer);
	nwb_check_eq(strlen(err.text), NWB_ERR_TEXT_MAX - 1);
}

NWB_TEST(err, names_and_values_are_inverse)
{
	nwb_check_streq(nwb_errno_name(-EIO), "EIO");
	nwb_check_streq(nwb_errno_name(EIO), "EIO");
	nwb_check_streq(nwb_errno_name(-EAGAIN), "EAGAIN");
	nwb_check_streq(nwb_errno_name(-EDEADLK), "EDEADLK");
	nwb_check_streq(nwb_errno_name(-EOPNOTSUPP), "EOPNOTSUPP");
	nwb_check_streq(nwb_errno_name(0), "E?");
	nwb_check_streq(nwb_errno_name(99999), "E?");
	nwb_check_eq(nwb_errno_value("EWOULDBLOCK"), EAGAIN);
	nwb_check_eq(nwb_errno_value("ENOTSUP"), EOPNOTSUPP);
	nwb_check_eq(nwb_errno_value("EBOGUS"), -1);
	nwb_check_eq(nwb_errno_value(""), -1);
	for (int code = 1; code < 200; code++) {
		const char *name = nwb_errno_name(code);

		if (strcmp(name, "E?"))
			nwb_check_eq(nwb_errno_value(name), code);
		else
			nwb_check(!strerrorname_np(code));
	}
}

NWB_TEST(util, minimum_and_maximum_nest_and_evaluate_once)
{
	int a = 1;

	nwb_check_eq(nwb_min(nwb_max(3, 5), nwb_max(4, 2)), 4);
	nwb_check_eq(nwb_min(a++, 7), 1);
	nwb_check_eq(a, 2);
	nwb_check_eq(NWB_ROUND_UP(4097, 4096), 8192);
	nwb_check_eq(NWB_ROUND_DOWN(4097, 4096), 4096);
	nwb_check_eq(NWB_DIV_ROUND_UP(0, 4), 0);
}

NWB_TEST(util, a_broken_invariant_says_where_and_aborts)
{
	char text[512] = "";
	ssize_t len;
	int fd[2], status = 0;
	pid_t pid;

	nwb_check(!pipe(fd));
	pid = fork();
	nwb_check(pid >= 0);
	if (!pid) {
		(void)signal(SIGABRT, SIG_DFL);
		(void)dup2(fd[1], 2);
		nwb_assert(1 + 1 == 3);
		_exit(0);
	}
	(void)close(fd[1]);
	nwb_check_eq(waitpid(pid, &status, 0), pid);
	len = read(fd[0], text, sizeof(text) - 1);
	(void)close(fd[0]);
	nwb_check(len > 0);
	nwb_check(strstr(text, "1 + 1 == 3"));
	nwb_check(strstr(text, "err_test.c:"));
	nwb_check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

struct item {
	int value;
	struct nwb_list link;
};

static int sum_in_order(struct nwb_list *head)
{
	struct item *it;
	int sum = 0;

	nwb_list_for_each_entry (it, head, link)
		sum = sum * 10 + it->value;
	return sum;
}

NWB_TEST(list, keeps_order_through_add_splice_and_delete)
{
	struct item a = {1}, b = {2}, c = {3}, d = {4}, *it, *next;
	struct nwb_list one, two;

	nwb_list_init(&one);
	nwb_list_init(&two);
	nwb_list_add_tail(&one, &b.link);
	nwb_list_add(&one, &a.link);
	nwb_list_add_tail(&two, &c.link);
	nwb_list_add_tail(&two, &d.link);
	nwb_list_splice_tail(&one, &two);
	nwb_check(nwb_list_empty(&two));
	nwb_check_eq(sum_in_order(&one), 1234);
	nwb_list_splice_tail(&one, &two);
	nwb_list_del(&b.link);
	nwb_list_del(&b.link); /* out already: harmless */
	nwb_check_eq(sum_in_order(&one), 134);
	nwb_check(nwb_list_last(&one, struct item, link) == &d);
	nwb_list_for_each_entry_safe (it, next, &one, link)
		nwb_list_del(&it->link);
	nwb_check(nwb_list_empty(&one));
}

/* What a walk takes for its last entry is made of the head, and that is aligned
 * as a list only: under UBSan this ends the program if it is looked at. */
NWB_TEST(list, walks_entries_that_are_aligned_wider_than_their_head)
{
	struct wide {
		_Alignas(64) int value;
		struct nwb_list link;
	} a = {1}, b = {2}, *it, *next;
	struct nwb_list heads[8];
	int sum = 0;

	for (size_t i = 0; i < NWB_ARRAY_SIZE(heads); i++) {
		nwb_list_init(&heads[i]);
		nwb_list_add_tail(&heads[i], &a.link);
		nwb_list_add_tail(&heads[i], &b.link);
		nwb_list_for_each_entry (it, &heads[i], link)
			sum = (sum * 10 + it->value) % 1000;
		nwb_list_for_each_entry_safe (it, next, &heads[i], link)
			nwb_list_del(&it->link);
		nwb_check(nwb_list_empty(&heads[i]));
	}
	nwb_check_eq(sum, 212);
}
