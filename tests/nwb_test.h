/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one way to write a unit test here.
 *
 *	NWB_TEST(hist, quantile_of_empty_is_zero)
 *	{
 *		nwb_check_eq(nwb_hist_quantile(&h, 0.5), 0);
 *	}
 *
 * Normally this is Criterion: each test in a process of its own. Under
 * ThreadSanitizer, where Debian's Criterion aborts, it is a sequential runner
 * with the same macros and the same closing line (tests/nwb_test_runner.c).
 * A failed check ends the test.
 */
#ifndef NWB_TEST_H
#define NWB_TEST_H

#ifdef NWB_TEST_SEQUENTIAL

#include <stdio.h>
#include <string.h>

struct nwb_test_case {
	const char *suite;
	const char *name;
	void (*fn)(void);
	struct nwb_test_case *next;
};

void nwb_test_register(struct nwb_test_case *tc);
void nwb_test_fail(const char *file, int line, const char *text)
	__attribute__((noreturn));
void nwb_test_skip(const char *reason) __attribute__((noreturn));

#define NWB_TEST(suite_, name_)                                                \
	static void nwb_t_##suite_##_##name_(void);                            \
	__attribute__((constructor)) static void nwb_tr_##suite_##_##name_(    \
		void)                                                          \
	{                                                                      \
		static struct nwb_test_case tc = {                             \
			#suite_, #name_, nwb_t_##suite_##_##name_, NULL};      \
		nwb_test_register(&tc);                                        \
	}                                                                      \
	static void nwb_t_##suite_##_##name_(void)

#define nwb_check(cond)                                                        \
	do {                                                                   \
		if (!(cond))                                                   \
			nwb_test_fail(__FILE__, __LINE__, #cond);              \
	} while (0)
#define nwb_check_eq(a, b)                                                     \
	do {                                                                   \
		long long nwb_va_ = (long long)(a), nwb_vb_ = (long long)(b);  \
		if (nwb_va_ != nwb_vb_) {                                      \
			char nwb_t_[400];                                      \
			snprintf(nwb_t_, sizeof(nwb_t_),                       \
				 "%s == %s: %lld != %lld", #a, #b, nwb_va_,    \
				 nwb_vb_);                                     \
			nwb_test_fail(__FILE__, __LINE__, nwb_t_);             \
		}                                                              \
	} while (0)
#define nwb_check_streq(a, b)                                                  \
	do {                                                                   \
		const char *nwb_sa_ = (a), *nwb_sb_ = (b);                     \
		if (strcmp(nwb_sa_, nwb_sb_)) {                                \
			char nwb_t_[1200];                                     \
			snprintf(nwb_t_, sizeof(nwb_t_),                       \
				 "\"%.590s\" != \"%.590s\"", nwb_sa_,          \
				 nwb_sb_);                                     \
			nwb_test_fail(__FILE__, __LINE__, nwb_t_);             \
		}                                                              \
	} while (0)

#else /* Criterion */

#include <criterion/criterion.h>

#define NWB_TEST(suite_, name_) Test(suite_, name_)
#define nwb_check(cond)		cr_assert((cond), "%s", #cond)
#define nwb_check_eq(a, b)                                                     \
	do {                                                                   \
		long long nwb_va_ = (long long)(a), nwb_vb_ = (long long)(b);  \
		cr_assert(nwb_va_ == nwb_vb_, "%s == %s: %lld != %lld", #a,    \
			  #b, nwb_va_, nwb_vb_);                               \
	} while (0)
#define nwb_check_streq(a, b)                                                  \
	do {                                                                   \
		const char *nwb_sa_ = (a), *nwb_sb_ = (b);                     \
		cr_assert(!strcmp(nwb_sa_, nwb_sb_), "\"%s\" != \"%s\"",       \
			  nwb_sa_, nwb_sb_);                                   \
	} while (0)
#define nwb_test_skip(reason) cr_skip_test("%s", reason)

#endif
#endif
