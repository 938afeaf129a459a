/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apt-get and apt-cache on the private lists of apt.c: what there is, bring it
 * here; and what they complain of, in one sentence that says what to do.
 */
#include "kernel_i.h"

#include <ctype.h>
#include <dirent.h>

bool kernel_series_ok(const char *series)
{
	unsigned int dots = 0;
	const char *p;

	for (p = series; *p; p++) {
		if (*p == '.' && isdigit((unsigned char)p[1]) && p > series)
			dots++;
		else if (!isdigit((unsigned char)*p))
			return false;
	}
	return dots >= 1 && dots <= 2 && p - series < 32;
}

bool kernel_pkg_release(const char *name, const char *series, char *ret,
			size_t size)
{
	static const char head[] = "linux-image-", tail[] = "-amd64";
	size_t len = strlen(name), n = strlen(series), bare;
	const char *r = name + sizeof(head) - 1, *dash;

	if (len < sizeof(head) + sizeof(tail) ||
	    strncmp(name, head, sizeof(head) - 1) != 0 ||
	    strcmp(name + len - (sizeof(tail) - 1), tail) != 0)
		return false;
	if (strncmp(r, series, n) != 0 || isdigit((unsigned char)r[n]))
		return false;
	/* an ABI's number may follow the version, a flavour may not */
	bare = len - (sizeof(head) - 1) - (sizeof(tail) - 1);
	dash = memchr(r, '-', bare);
	for (const char *p = dash ? dash + 1 : r + bare; p < r + bare; p++)
		if (!isdigit((unsigned char)*p) && *p != '.')
			return false;
	return !kernel_path(ret, size, "%s", r);
}

/* --- paragraphs ----------------------------------------------------------- */

static void field(const char *text, const char *name, char *ret, size_t size)
{
	size_t len = strlen(name);

	ret[0] = 0;
	for (const char *p = text; p && *p; p = strchr(p, '\n')) {
		/* the paragraph ends with an empty line */
		if (*p == '\n' && *++p == '\n')
			return;
		if (strncmp(p, name, len) != 0 || p[len] != ':')
			continue;
		p += len + 1;
		p += strspn(p, " ");
		snprintf(ret, size, "%.*s",
			 (int)nwb_min(strcspn(p, "\n"), size - 1), p);
		return;
	}
}

int kernel_pkg_parse(const char *text, struct kernel_pkg *ret)
{
	struct kernel_pkg pkg = {0};
	char number[32];

	field(text, "Package", pkg.name, sizeof(pkg.name));
	field(text, "Version", pkg.version, sizeof(pkg.version));
	field(text, "Depends", pkg.depends, sizeof(pkg.depends));
	field(text, "SHA256", pkg.sha256, sizeof(pkg.sha256));
	field(text, "Size", number, sizeof(number));
	pkg.size = strtoull(number, NULL, 10);
	field(text, "Installed-Size", number, sizeof(number));
	pkg.installed = strtoull(number, NULL, 10) * 1024;
	/* both become words of commands and parts of paths */
	if (!isalnum((unsigned char)pkg.name[0]) ||
	    !isalnum((unsigned char)pkg.version[0]) ||
	    strpbrk(pkg.name, "/ \t") || strpbrk(pkg.version, "/ \t"))
		return -EBADMSG;
	*ret = pkg;
	return 0;
}

int kernel_pkg_needs(const struct kernel_pkg *pkg, const char *release,
		     unsigned int nth, char *ret, size_t size)
{
	for (const char *p = pkg->depends; *p;) {
		size_t len = strcspn(p, ",|"), n;
		const char *at;
		char name[160];

		p += strspn(p, " ");
		len = strcspn(p, ",|");
		n = strcspn(p, " (,|");
		snprintf(name, sizeof(name), "%.*s",
			 (int)nwb_min(n, sizeof(name) - 1), p);
		p += len + (p[len] != 0);
		at = strstr(name, release);
		if (strncmp(name, "linux-", 6) != 0 || !at ||
		    at[strlen(release)] || nth--)
			continue;
		return kernel_path(ret, size, "%s", name);
	}
	return -ENOENT;
}

/* --- complaints ----------------------------------------------------------- */

/* The last line of the log that has @mark in it, addresses taken out. */
static void telling_line(const char *log, const char *mark, char *ret,
			 size_t size)
{
	const char *best = NULL;
	size_t len, at = 0;

	for (const char *p = log; p && *p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, mark, strlen(mark)))
			best = p;
	}
	ret[0] = 0;
	if (!best)
		return;
	len = strcspn(best, "\n");
	for (size_t i = 0; i < len && at + 4 < size; i++) {
		if (!strncmp(best + i, "://", 3)) {
			while (at && isalpha((unsigned char)ret[at - 1]))
				at--;
			at += (size_t)snprintf(ret + at, size - at, "...");
			while (i < len && !strchr(" '\"", best[i]))
				i++;
			i--;
			continue;
		}
		ret[at++] = best[i];
	}
	ret[at] = 0;
}

int kernel_apt_why(const char *log, const char *what, struct nwb_err *err)
{
	static const struct {
		const char *says;
		int code;
		const char *text;
	} known[] = {
		{"No space left on device", -ENOSPC,
		 "the disk is full; XDG_CACHE_HOME may name another place"},
		{"enough free space", -ENOSPC,
		 "the disk is full; XDG_CACHE_HOME may name another place"},
		{"NO_PUBKEY", -EKEYREJECTED,
		 "the archive is signed with a key that this machine does not "
		 "trust; is the package debian-archive-keyring up to date?"},
		{"is not signed", -EKEYREJECTED,
		 "the archive is not signed, and apt refuses it"},
		{"BADSIG", -EKEYREJECTED, "the archive's signature is wrong"},
		{"EXPKEYSIG", -EKEYREJECTED,
		 "the key of the archive's signature has expired; is the "
		 "package debian-archive-keyring up to date?"},
		{"signatures were invalid", -EKEYREJECTED,
		 "the archive's signature is wrong"},
		{"is expired", -ESTALE,
		 "the archive's index has expired (an old mirror or a clock "
		 "that is wrong); Acquire::Check-Valid-Until \"false\" in "
		 "apt's configuration accepts it"},
		{"is not valid yet", -ESTALE,
		 "the archive's index is of the future: the clock is wrong"},
		{"Could not resolve", -ENETUNREACH,
		 "the archive cannot be reached (no network?)"},
		{"Temporary failure resolving", -ENETUNREACH,
		 "the archive cannot be reached (no network?)"},
		{"Could not connect", -ENETUNREACH,
		 "the archive cannot be reached (no network?)"},
		{"Unable to connect", -ENETUNREACH,
		 "the archive cannot be reached (no network?)"},
		{"Connection timed out", -ENETUNREACH,
		 "the archive does not answer"},
		{"Connection failed", -ENETUNREACH,
		 "the archive cannot be reached (no network?)"},
		{"Hash Sum mismatch", -EBADMSG,
		 "what came is not what the archive's index says; the mirror "
		 "is being updated, or something on the way changes it"},
		{"does not have a Release file", -ENOENT,
		 "the archive has no such suite"},
		{"404  Not Found", -ENOENT, "the archive does not have it"},
		{"File not found", -ENOENT, "the archive does not have it"},
	};
	char line[200];

	telling_line(log, "E: ", line, sizeof(line));
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(known); i++)
		if (strstr(log, known[i].says))
			return nwb_err_set(err, known[i].code, "%.80s: %s",
					   what, known[i].text);
	return nwb_err_set(err, -ENOEXEC, "%.80s: apt fails: %s", what,
			   line[0] ? line : "and does not say why");
}

/* --- commands ------------------------------------------------------------- */

struct follow {
	const struct nwb_kernel_progress *p;
	const char *what;
	int percent;
};

/* "dlstatus:1:12.34:Downloading file 1 of 2 (3min left)" */
static void on_status(void *arg, const char *line)
{
	struct follow *f = arg;
	double percent;

	if (sscanf(line, "dlstatus:%*[^:]:%lf", &percent) == 1 &&
	    percent >= 0 && percent <= 100)
		f->percent = (int)percent;
}

static void on_tick(void *arg)
{
	struct follow *f = arg;

	kernel_say(f->p, f->percent, "%s", f->what);
}

/* apt with @args, which end with NULL; @log has what it said. */
static int run_apt(const char *dir, const char *cwd, const char *const *args,
		   struct follow *f, char *log, size_t size)
{
	char conf[KERNEL_PATH];
	const char *argv[KERNEL_PKGS_MAX + 12] = {
		args[0], "-c", conf, "-q", "-o", "APT::Status-Fd=3"};
	unsigned int n = 6;
	struct kernel_cmd c = {.argv = argv,
			       .dir = cwd,
			       .log = log,
			       .has_status = true,
			       .line = on_status,
			       .tick = on_tick,
			       .arg = f};
	int rc = kernel_path(conf, sizeof(conf), "%s/apt.conf", dir);

	rc = rc ? rc : kernel_path(log, size, "%s/log", dir);
	if (rc)
		return rc;
	while (*++args && n < NWB_ARRAY_SIZE(argv) - 1)
		argv[n++] = *args;
	argv[n] = NULL;
	unlink(log);
	return kernel_run(&c);
}

static int complain(const char *log, const char *what, struct nwb_err *err)
{
	char *text = kernel_text(log);
	int rc = kernel_apt_why(text ? text : "", what, err);

	free(text);
	return rc;
}

int kernel_apt_update(const char *dir, const struct nwb_kernel_progress *p,
		      struct nwb_err *err)
{
	static const char *const args[] = {"apt-get", "update", NULL};
	struct follow f = {p, "reading the archives' indexes", -1};
	char log[KERNEL_PATH], *text;
	int rc = run_apt(dir, NULL, args, &f, log, sizeof(log));

	if (rc < 0)
		return nwb_err_set(err, rc, "apt-get cannot be started: %s",
				   strerror(-rc));
	text = kernel_text(log);
	/* what could not be read is only warned of, with exit 0 */
	if (rc ||
	    (text && (strstr(text, "\nErr:") || !strncmp(text, "Err:", 4) ||
		      strstr(text, "\nW: Failed to fetch"))))
		rc = complain(log, "the archives' indexes", err);
	free(text);
	return rc;
}

static int ask(const char *dir, const char *verb, const char *word, char *ret,
	       size_t size)
{
	char conf[KERNEL_PATH];
	const char *argv[] = {
		"apt-cache", "-c",
		conf,	     verb,
		word,	     strcmp(verb, "show") ? NULL : "--no-all-versions",
		NULL};
	struct kernel_cmd c = {.argv = argv, .out = ret, .out_size = size};
	int rc = kernel_path(conf, sizeof(conf), "%s/apt.conf", dir);

	return rc ? rc : kernel_run(&c);
}

int kernel_apt_names(const char *dir, const char *prefix, char **ret,
		     struct nwb_err *err)
{
	const size_t room = 1 << 18;
	char *text = malloc(room);
	int rc = text ? ask(dir, "pkgnames", prefix, text, room) : -ENOMEM;

	if (rc) {
		free(text);
		return nwb_err_set(err, rc < 0 ? rc : -ENOEXEC,
				   "apt-cache pkgnames fails (%d)", rc);
	}
	*ret = text;
	return 0;
}

int kernel_apt_show(const char *dir, const char *name, struct kernel_pkg *ret,
		    struct nwb_err *err)
{
	const size_t room = 1 << 16;
	char *text = malloc(room);
	int rc = text ? ask(dir, "show", name, text, room) : -ENOMEM;

	if (rc == -ENOMEM)
		return nwb_err_set(err, rc, "no memory");
	rc = rc || kernel_pkg_parse(text, ret) || strcmp(ret->name, name) != 0;
	free(text);
	return rc ? nwb_err_set(err, -ENOENT,
				"the archives have no package %.100s", name)
		  : 0;
}

int kernel_apt_deb(const char *dir, const struct kernel_pkg *pkg, char *ret,
		   size_t size, struct nwb_err *err)
{
	char want[256], debs[KERNEL_PATH];
	struct dirent *de;
	bool found = false;
	size_t at = 0;
	DIR *d;

	/* NAME_VERSION_ARCH.deb; an epoch's colon is written as %3a */
	snprintf(want, sizeof(want), "%s_", pkg->name);
	for (const char *p = pkg->version; *p; p++) {
		at = strlen(want);
		snprintf(want + at, sizeof(want) - at,
			 *p == ':' ? "%%3a" : "%c", *p);
	}
	at = strlen(want);
	snprintf(want + at, sizeof(want) - at, "_");
	if (kernel_path(debs, sizeof(debs), "%s/debs", dir))
		return nwb_err_set(err, -ENAMETOOLONG, "%.300s: too long", dir);
	d = opendir(debs);
	while (d && !found && (de = readdir(d))) {
		size_t n = strlen(de->d_name);

		found = !strncmp(de->d_name, want, strlen(want)) && n > 4 &&
			!strcmp(de->d_name + n - 4, ".deb") &&
			!kernel_path(ret, size, "%s/%s", debs, de->d_name);
	}
	if (d)
		closedir(d);
	return found ? 0
		     : nwb_err_set(err, -ENOENT, "%.100s was not downloaded",
				   pkg->name);
}

/*
 * Is it there, of an earlier call that was cut short? apt believes a file that
 * has the right name and size, and begins a shorter one anew.
 */
static bool is_there(const char *dir, const struct kernel_pkg *pkg)
{
	char file[KERNEL_PATH], sum[256];
	const char *argv[] = {"sha256sum", "-b", file, NULL};
	struct kernel_cmd c = {
		.argv = argv, .out = sum, .out_size = sizeof(sum)};

	if (kernel_apt_deb(dir, pkg, file, sizeof(file), NULL))
		return false;
	if (strlen(pkg->sha256) == 64 && !kernel_run(&c) &&
	    !strncmp(sum, pkg->sha256, 64))
		return true;
	unlink(file);
	return false;
}

int kernel_apt_download(const char *dir, const struct kernel_pkg *pkgs,
			unsigned int nr, const struct nwb_kernel_progress *p,
			struct nwb_err *err)
{
	char words[KERNEL_PKGS_MAX][256], debs[KERNEL_PATH], log[KERNEL_PATH];
	const char *args[KERNEL_PKGS_MAX + 3] = {"apt-get", "download"};
	char what[128];
	struct follow f = {p, what, -1};
	uint64_t bytes = 0;
	unsigned int n = 2;
	int rc;

	nwb_assert(nr && nr <= KERNEL_PKGS_MAX);
	for (unsigned int i = 0; i < nr; i++) {
		if (is_there(dir, &pkgs[i]))
			continue;
		snprintf(words[i], sizeof(words[i]), "%s=%s", pkgs[i].name,
			 pkgs[i].version);
		args[n++] = words[i];
		bytes += pkgs[i].size;
	}
	if (n == 2)
		return 0;
	snprintf(what, sizeof(what), "downloading %.80s%s, %llu MiB",
		 pkgs[0].name, nr > 1 ? " ..." : "",
		 (unsigned long long)(bytes / NWB_MIB));
	if (kernel_path(debs, sizeof(debs), "%s/debs", dir))
		return nwb_err_set(err, -ENAMETOOLONG, "%.300s: too long", dir);
	kernel_say(p, -1, "%s", what);
	rc = run_apt(dir, debs, args, &f, log, sizeof(log));
	if (rc < 0)
		return nwb_err_set(err, rc, "apt-get cannot be started: %s",
				   strerror(-rc));
	if (rc)
		return complain(log, pkgs[0].name, err);
	kernel_say(p, 100, "%s", what);
	return 0;
}
