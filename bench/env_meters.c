/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See env_meters.h. */
#include "env_meters.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The line of a file that begins with @key (""; the first), without it. */
static bool line_of(const char *root, const char *path, const char *key,
		    char *buf, size_t size)
{
	char full[PATH_MAX], line[4096];
	bool is_found = false;
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	f = fopen(full, "re");
	if (!f)
		return false;
	while (!is_found && fgets(line, sizeof(line), f)) {
		const char *v = line + strlen(key);

		line[strcspn(line, "\n")] = 0;
		if (strncmp(line, key, strlen(key)))
			continue;
		v += strspn(v, " \t:");
		snprintf(buf, size, "%.*s", (int)size - 1, v);
		is_found = buf[0];
	}
	fclose(f);
	return is_found;
}

static void set_text(json_t *env, const char *name, const char *text)
{
	/* not UTF-8: null */
	json_t *v = text ? json_string(text) : NULL;

	json_object_set_new(env, name, v ? v : json_null());
}

struct meter {
	const char *name, *path, *key;
};

static void add(json_t *env, const char *root, const struct meter *m, size_t nr)
{
	char buf[256];

	for (size_t i = 0; i < nr; i++)
		set_text(env, m[i].name,
			 line_of(root, m[i].path, m[i].key, buf, sizeof(buf))
				 ? buf
				 : NULL);
}

#define CPU0 "/sys/devices/system/cpu/"
#define VM   "/proc/sys/vm/"

static const struct meter fixed[] = {
	{"cpu.governor", CPU0 "cpu0/cpufreq/scaling_governor", ""},
	{"cpu.khz_max", CPU0 "cpu0/cpufreq/cpuinfo_max_freq", ""},
	{"cpu.boost", CPU0 "cpufreq/boost", ""},
	{"cpu.smt", CPU0 "smt/control", ""},
	{"cpu.isolated", CPU0 "isolated", ""},
	{"cgroup.cpu_max", "/sys/fs/cgroup/cpu.max", ""},
	{"cgroup.memory_max", "/sys/fs/cgroup/memory.max", ""},
	{"mem.thp", "/sys/kernel/mm/transparent_hugepage/enabled", ""},
	{"vm.dirty_bytes", VM "dirty_bytes", ""},
	{"vm.dirty_background_bytes", VM "dirty_background_bytes", ""},
	{"vm.dirty_ratio", VM "dirty_ratio", ""},
	{"vm.dirty_background_ratio", VM "dirty_background_ratio", ""},
	{"vm.dirty_expire_centisecs", VM "dirty_expire_centisecs", ""},
	{"vm.dirty_writeback_centisecs", VM "dirty_writeback_centisecs", ""},
	{"vm.swappiness", VM "swappiness", ""},
	{"clocksource",
	 "/sys/devices/system/clocksource/clocksource0/current_clocksource",
	 ""},
	{"virt.product", "/sys/class/dmi/id/product_name", ""},
	{"virt.vendor", "/sys/class/dmi/id/sys_vendor", ""},
	{"virt.hypervisor", "/sys/hypervisor/type", ""},
};

static const struct meter moving[] = {
	{"psi.cpu", "/proc/pressure/cpu", ""},
	{"psi.io", "/proc/pressure/io", ""},
	{"psi.memory", "/proc/pressure/memory", ""},
	{"loadavg", "/proc/loadavg", ""},
	{"mem.available", "/proc/meminfo", "MemAvailable"},
	{"mem.swap_free", "/proc/meminfo", "SwapFree"},
	{"mem.dirty", "/proc/meminfo", "Dirty"},
};

/* proc(5), /proc/stat: user nice system idle iowait irq softirq steal. */
static void add_steal(json_t *env, const char *root)
{
	unsigned long long t[8], sum = 0;
	char buf[256];
	bool has = line_of(root, "/proc/stat", "cpu ", buf, sizeof(buf)) &&
		   sscanf(buf, "%llu %llu %llu %llu %llu %llu %llu %llu", &t[0],
			  &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) == 8;

	for (int i = 0; has && i < 8; i++)
		sum += t[i];
	json_object_set_new(env, "cpu.steal_ticks",
			    has ? json_integer((json_int_t)t[7]) : json_null());
	json_object_set_new(env, "cpu.all_ticks",
			    has ? json_integer((json_int_t)sum) : json_null());
}

/* The processor itself says whether it is a virtual one (x86). */
static void add_virt(json_t *env, const char *root)
{
	static const char *const marks[][2] = {
		{"/.dockerenv", "docker"},
		{"/run/.containerenv", "podman"},
	};
	char buf[4096], path[PATH_MAX];
	const char *container = NULL;
	bool has = line_of(root, "/proc/cpuinfo", "flags", buf, sizeof(buf));

	json_object_set_new(env, "virt.is_guest",
			    has ? json_boolean(strstr(buf, "hypervisor"))
				: json_null());
	for (size_t i = 0; i < NWB_ARRAY_SIZE(marks); i++) {
		snprintf(path, sizeof(path), "%s%s", root, marks[i][0]);
		if (!access(path, F_OK))
			container = marks[i][1];
	}
	set_text(env, "virt.container", container);
}

void bench_env_bdi(json_t *env, const char *root, const char *dir)
{
	static const char *const names[] = {"min_ratio", "max_ratio",
					    "strict_limit", "read_ahead_kb"};
	char path[128], key[64], buf[64], dev[32] = "";
	struct stat st;

	if (dir && !stat(dir, &st))
		snprintf(dev, sizeof(dev), "%u:%u", major(st.st_dev),
			 minor(st.st_dev));
	set_text(env, "bdi.dev", dev[0] ? dev : NULL);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(names); i++) {
		snprintf(key, sizeof(key), "bdi.%s", names[i]);
		snprintf(path, sizeof(path), "/sys/class/bdi/%s/%s", dev,
			 names[i]);
		set_text(env, key,
			 dev[0] && line_of(root, path, "", buf, sizeof(buf))
				 ? buf
				 : NULL);
	}
}

json_t *bench_env_after(const char *root)
{
	json_t *env = json_object();

	add(env, root, moving, NWB_ARRAY_SIZE(moving));
	add_steal(env, root);
	return env;
}

json_t *bench_env_meters(const char *root, const char *dir)
{
	json_t *env = bench_env_after(root);

	add(env, root, fixed, NWB_ARRAY_SIZE(fixed));
	add_virt(env, root);
	bench_env_bdi(env, root, dir);
	return env;
}

/* --- this program --------------------------------------------------------- */

struct id {
	char *buf;
	size_t size;
};

/* elf(5): notes are aligned to four bytes. */
static void find_note(const uint8_t *at, size_t len, struct id *id)
{
	ElfW(Nhdr) n;

	while (len >= sizeof(n)) {
		size_t name, desc;

		memcpy(&n, at, sizeof(n));
		name = NWB_ROUND_UP((size_t)n.n_namesz, 4);
		desc = NWB_ROUND_UP((size_t)n.n_descsz, 4);
		if (len - sizeof(n) < name || len - sizeof(n) - name < desc)
			return;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 &&
		    !memcmp(at + sizeof(n), "GNU", 4) &&
		    id->size > 2 * (size_t)n.n_descsz) {
			for (size_t i = 0; i < n.n_descsz; i++)
				snprintf(id->buf + 2 * i, 3, "%02x",
					 at[sizeof(n) + name + i]);
			return;
		}
		at += sizeof(n) + name + desc;
		len -= sizeof(n) + name + desc;
	}
}

/* The first object is the program. */
static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_NOTE)
			find_note((const uint8_t *)(uintptr_t)(info->dlpi_addr +
							       p->p_vaddr),
				  p->p_memsz, arg);
	}
	return 1;
}

void bench_env_build_id(char *buf, size_t size)
{
	struct id id = {buf, size};

	buf[0] = '\0';
	dl_iterate_phdr(look, &id);
}

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif
#ifdef __OPTIMIZE__
#define OPTIMISED ", optimised"
#else
#define OPTIMISED ", not optimised"
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED ", AddressSanitizer"
#elif defined(__SANITIZE_THREAD__)
#define SANITIZED ", ThreadSanitizer"
#else
#define SANITIZED ""
#endif

const char *bench_env_compiler(void)
{
	return COMPILER OPTIMISED SANITIZED;
}
