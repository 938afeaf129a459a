/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is recorded of a machine: what there is, and null for what is not. */
#include "../../bench/env_meters.h"

#include "nwb_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A file below @root, with its directories. */
static void put(const char *root, const char *path, const char *text)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *c = full + strlen(root) + 1; *c; c++)
		if (*c == '/') {
			*c = '\0';
			mkdir(full, 0700);
			*c = '/';
		}
	f = fopen(full, "w");
	nwb_check(f != NULL);
	fputs(text, f);
	nwb_check_eq(fclose(f), 0);
}

static void remove_tree(const char *root)
{
	char command[400];

	snprintf(command, sizeof(command), "rm -r '%s'", root);
	nwb_check_eq(system(command), 0);
}

static const char *text_of(const json_t *env, const char *name)
{
	return json_string_value(json_object_get(env, name));
}

NWB_TEST(bench_env, records_what_the_kernel_says)
{
	char root[] = "/tmp/nwb-env-XXXXXX", path[128];
	struct stat st;
	json_t *env;

	nwb_check(mkdtemp(root) != NULL);
	nwb_check_eq(stat(root, &st), 0);
	put(root, "/proc/sys/vm/dirty_bytes", "536870912\n");
	put(root, "/proc/pressure/cpu",
	    "some avg10=1.50 total=7\nfull avg10=0.00 total=0\n");
	put(root, "/proc/stat", "cpu  1 2 3 4 5 6 7 8 0 0\ncpu0 1 1 1 1\n");
	put(root, "/proc/meminfo",
	    "MemTotal:  10 kB\nMemAvailable:   7 kB\nDirty: 0 kB\n");
	put(root, "/proc/cpuinfo", "flags\t\t: fpu vme hypervisor\n");
	put(root, "/.dockerenv", "");
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/max_ratio",
		 major(st.st_dev), minor(st.st_dev));
	put(root, path, "1\n");
	env = bench_env_meters(root, root);
	nwb_check_streq(text_of(env, "vm.dirty_bytes"), "536870912");
	nwb_check_streq(text_of(env, "psi.cpu"), "some avg10=1.50 total=7");
	nwb_check_streq(text_of(env, "mem.available"), "7 kB");
	nwb_check_streq(text_of(env, "bdi.max_ratio"), "1");
	nwb_check_streq(text_of(env, "virt.container"), "docker");
	nwb_check(json_is_true(json_object_get(env, "virt.is_guest")));
	nwb_check_eq(
		json_integer_value(json_object_get(env, "cpu.steal_ticks")), 8);
	nwb_check_eq(json_integer_value(json_object_get(env, "cpu.all_ticks")),
		     36);
	nwb_check(json_is_null(json_object_get(env, "bdi.strict_limit")));
	json_decref(env);
	remove_tree(root);
}

/* A machine that tells nothing: every meter is there, and is null. */
NWB_TEST(bench_env, what_is_absent_is_null)
{
	char root[] = "/tmp/nwb-env-XXXXXX";
	json_t *env, *real, *v;
	const char *key;

	nwb_check(mkdtemp(root) != NULL);
	env = bench_env_meters(root, NULL);
	real = bench_env_meters("", "/");
	nwb_check(json_object_size(env) > 30);
	nwb_check_eq(json_object_size(env), json_object_size(real));
	json_object_foreach(env, key, v)
	{
		nwb_check(json_is_null(v));
		nwb_check(json_object_get(real, key) != NULL);
	}
	json_decref(env);
	json_decref(real);
	remove_tree(root);
}

NWB_TEST(bench_env, bytes_that_are_no_text_are_null)
{
	char root[] = "/tmp/nwb-env-XXXXXX";
	json_t *env;

	nwb_check(mkdtemp(root) != NULL);
	put(root, "/sys/class/dmi/id/product_name", "\xff\xfe\n");
	put(root, "/proc/stat", "cpu  1 2 nothing\n");
	env = bench_env_meters(root, NULL);
	nwb_check(json_is_null(json_object_get(env, "virt.product")));
	nwb_check(json_is_null(json_object_get(env, "cpu.steal_ticks")));
	json_decref(env);
	remove_tree(root);
}

NWB_TEST(bench_env, names_the_program_and_its_compiler)
{
	char id[64], small[8];

	bench_env_build_id(id, sizeof(id));
	/* a linker may leave it out, but not half of it */
	nwb_check(!id[0] || strspn(id, "0123456789abcdef") == strlen(id));
	nwb_check(strlen(id) % 2 == 0);
	bench_env_build_id(small, sizeof(small));
	nwb_check_streq(small, "");
	nwb_check(strstr(bench_env_compiler(), "gcc ") ||
		  strstr(bench_env_compiler(), "clang "));
}
