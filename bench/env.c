/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a run took place, and where things are: the session record, the
 * results directory, the preload library, our own CPU time.
 */
#include "bench_i.h"
#include "build_id.h"
#include "env_meters.h"
#include "reserve.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

uint64_t bench_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

static void first_line_of(const char *path, const char *key, char *buf,
			  size_t size)
{
	FILE *f = fopen(path, "re");
	char line[512];

	buf[0] = 0;
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		const char *v = line;

		line[strcspn(line, "\n")] = 0;
		if (key[0] && strncmp(line, key, strlen(key)))
			continue;
		if (key[0]) {
			v = strchr(line, ':');
			v = v ? v + 1 : line;
			v += strspn(v, " \t");
		}
		snprintf(buf, size, "%.*s", (int)size - 1, v);
		break;
	}
	fclose(f);
}

static json_t *server_versions(void)
{
	json_t *o = json_object();
	const char *name;
	char v[64];

	for (unsigned int i = 0; (name = nwb_server_name(i)); i++)
		json_object_set_new(o, name,
				    nwb_server_probe(name, v, sizeof(v), NULL)
					    ? json_null()
					    : json_string(v));
	return o;
}

/* What the client's I/O goes through here: io_uring may be refused. */
static json_t *io_name(void)
{
	struct nwb_exec *ex;
	json_t *name;

	if (nwb_exec_real_new(NULL, &ex, NULL))
		return json_null();
	name = json_string(nwb_exec_io_name(ex));
	nwb_exec_free(ex);
	return name;
}

json_t *bench_env_session(const char *id, const char *isolation, uint64_t seed,
			  int argc, char **argv)
{
	char date[64], cpu[256], command[1024] = "netwb";
	time_t now = time(NULL);
	struct utsname un = {0};
	struct sysinfo si = {0};
	char id_text[64];
	struct tm tm;
	json_t *rec;

	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	uname(&un);
	sysinfo(&si);
	first_line_of("/proc/cpuinfo", "model name", cpu, sizeof(cpu));
	for (int i = 0; i < argc; i++) {
		const char *quote = strpbrk(argv[i], " \t*?$\"\\") ? "'" : "";
		size_t at = strlen(command);

		snprintf(command + at, sizeof(command) - at, " %s%s%s", quote,
			 argv[i], quote);
	}
	rec = json_pack(
		"{s:i,s:s,s:s,s:s,s:s,s:s,s:I,s:s,s:s,s:s,s:i,s:I,"
		"s:s,s:o,s:o,s:n,s:o}",
		"v", 1, "type", "session", "id", id, "date", date, "netwb",
		NWB_PROGRAM_VERSION, "build", NWB_BUILD_ID, "seed",
		(json_int_t)seed, "command", command, "kernel", un.release,
		"cpu", cpu, "ncpu", (int)sysconf(_SC_NPROCESSORS_ONLN),
		"mem_bytes", (json_int_t)si.totalram * si.mem_unit, "isolation",
		isolation, "io", io_name(), "servers", server_versions(),
		"shim_idle", "env", bench_env_meters("", "."));
	json_object_set_new(json_object_get(rec, "env"), "mem.reserve",
			    json_integer((json_int_t)bench_reserve_bytes()));
	bench_env_build_id(id_text, sizeof(id_text));
	json_object_set_new(rec, "build_id",
			    id_text[0] ? json_string(id_text) : json_null());
	json_object_set_new(rec, "compiler", json_string(bench_env_compiler()));
	return rec;
}

int bench_results_dir(const char *base, char *ret_path, size_t size,
		      struct nwb_err *err)
{
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;

	if (!base)
		base = "results";
	if (mkdir(base, 0700) && errno != EEXIST)
		return nwb_err_set(err, -errno,
				   "cannot make the directory "
				   "%s: %s",
				   base, strerror(errno));
	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	for (int i = 0; i < 100; i++) {
		int n = i ? snprintf(ret_path, size, "%s/%s-%d", base, stamp, i)
			  : snprintf(ret_path, size, "%s/%s", base, stamp);

		if (n < 0 || (size_t)n >= size)
			return nwb_err_set(err, -ENAMETOOLONG,
					   "%s: path too long", base);
		if (!mkdir(ret_path, 0700))
			return 0;
		if (errno != EEXIST)
			break;
	}
	return nwb_err_set(err, -errno, "cannot make the directory %s: %s",
			   ret_path, strerror(errno));
}

int bench_shim_path(char *ret_path, size_t size, struct nwb_err *err)
{
	const char *env = getenv("NWB_SHIM_PATH");
	char exe[PATH_MAX];
	ssize_t n;
	char *slash;

	if (env) {
		snprintf(ret_path, size, "%s", env);
		goto check;
	}
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n < 0)
		return nwb_err_set(err, -errno, "/proc/self/exe: %s",
				   strerror(errno));
	exe[n] = 0;
	/* build tree: BUILD/<room>/program beside BUILD/faults/ */
	slash = strrchr(exe, '/');
	*slash = 0;
	if ((size_t)snprintf(ret_path, size, "%s/../faults/libnwb-shim.so",
			     exe) >= size)
		return nwb_err_set(err, -ENAMETOOLONG, "path too long");
check:
	if (access(ret_path, R_OK))
		return nwb_err_set(err, -ENOENT,
				   "%s: %s; build it with `make "
				   "build` or name it in NWB_SHIM_PATH",
				   ret_path, strerror(errno));
	return 0;
}
