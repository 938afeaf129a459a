/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private lists of the archives that this machine's own apt configuration
 * names, for other suites of the same archives: the mirror, its options and
 * its keys are the machine's; lists, cache and status are not.
 *
 *	sources.list, sources.list.d/ ─► lines of our suite ─► the same, with
 *	                                 and of "main"         other suites
 *
 *	DIR/apt.conf	what -c gives to apt: directories, nobody's hooks
 *	DIR/parts/	the private sources
 *	DIR/lists/	what update has read, cache/ what download holds half
 *	DIR/debs/	what download has completed
 */
#include "kernel_i.h"

#include <ctype.h>
#include <dirent.h>
#include <sys/stat.h>

void kernel_apt_home(char *ret, size_t size)
{
	char *text = kernel_text("/etc/os-release");
	const char *p = text ? strstr(text, "\nVERSION_CODENAME=") : NULL;

	snprintf(ret, size, "stable");
	if (p) {
		p += strlen("\nVERSION_CODENAME=");
		p += *p == '"';
		if (isalpha((unsigned char)*p))
			snprintf(ret, size, "%.*s",
				 (int)strspn(p, "abcdefghijklmnopqrstuvwxyz"),
				 p);
	}
	free(text);
}

static bool is_home(const char *suite, const char *home)
{
	static const char *const aliases[] = {"stable", "oldstable", "testing",
					      "unstable", "sid"};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(aliases); i++)
		if (!strcmp(suite, aliases[i]))
			return true;
	return !strcmp(suite, home);
}

/* Is one of the words of @list (ended by a newline or NUL) @want? */
static bool has_word(const char *list, const char *want)
{
	size_t len = strlen(want);

	while (*list && *list != '\n') {
		size_t n;

		list += strspn(list, " \t");
		n = strcspn(list, " \t\n");
		if (n == len && !strncmp(list, want, len))
			return true;
		list += n;
	}
	return false;
}

bool kernel_apt_line(const char *line, const char *home, const char *suite,
		     char *ret, size_t size)
{
	char options[512] = "", uri[1024], own[128];
	int at = 0, n;

	line += strspn(line, " \t");
	if (strncmp(line, "deb", 3) || !strchr(" \t", line[3]) || !line[3])
		return false;
	line += 3 + strspn(line + 3, " \t");
	if (*line == '[') {
		size_t len = strcspn(line, "]\n");

		if (line[len] != ']' || len >= sizeof(options))
			return false;
		snprintf(options, sizeof(options), "%.*s ", (int)len - 1,
			 line + 1);
		line += len + 1;
	}
	if (sscanf(line, " %1023s %127s %n", uri, own, &at) != 2 || !at ||
	    !is_home(own, home) || !has_word(line + at, "main"))
		return false;
	n = snprintf(ret, size, "deb [%starget=Packages] %s %s main", options,
		     uri, suite);
	return n > 0 && (size_t)n < size;
}

static bool is_field(const char *line, const char *name)
{
	size_t len = strlen(name);

	return !strncasecmp(line, name, len) && line[len] == ':';
}

static size_t append(char *ret, size_t size, size_t at, const char *text,
		     size_t len)
{
	if (at < size)
		snprintf(ret + at, size - at, "%.*s", (int)len, text);
	return at + len;
}

bool kernel_apt_stanza(const char *stanza, const char *home, const char *suites,
		       char *ret, size_t size)
{
	static const char *const ours[] = {"Types", "Suites", "Components",
					   "Enabled", "Targets"};
	bool deb = false, suite = false, main = false, enabled = true;
	bool skip = false;
	size_t at = 0, len;

	for (const char *p = stanza; *p; p += len) {
		const char *value;

		len = strcspn(p, "\n");
		len += p[len] == '\n';
		if (*p == '#')
			continue;
		value = strchr(p, ':');
		if (*p != ' ' && *p != '\t') {
			skip = false;
			for (unsigned int i = 0; i < NWB_ARRAY_SIZE(ours); i++)
				skip |= is_field(p, ours[i]);
		}
		if (value && is_field(p, "Types"))
			deb = has_word(value + 1, "deb");
		if (value && is_field(p, "Components"))
			main = has_word(value + 1, "main");
		if (value && is_field(p, "Enabled"))
			enabled = !has_word(value + 1, "no");
		if (value && is_field(p, "Suites"))
			for (const char *w = value + 1; *w && *w != '\n';) {
				char word[128];
				int n = 0;

				if (sscanf(w, " %127[^ \t\n]%n", word, &n) != 1)
					break;
				suite |= is_home(word, home);
				w += n;
			}
		if (!skip)
			at = append(ret, size, at, p, len);
	}
	if (!deb || !suite || !main || !enabled || at + 1 >= size)
		return false;
	if (at && ret[at - 1] != '\n')
		at = append(ret, size, at, "\n", 1);
	if (at >= size)
		return false;
	at += (size_t)snprintf(ret + at, size - at,
			       "Types: deb\nSuites: %s\nComponents: main\n"
			       "Targets: Packages\n",
			       suites);
	return at < size;
}

/* --- the machine's files -------------------------------------------------- */

struct sources {
	const char *home;
	const char *const *suites;
	FILE *lines, *stanzas;
	unsigned int nr;
};

static void add_list(struct sources *s, const char *text)
{
	for (const char *p = text; *p; p += *p == '\n') {
		char line[2048], out[2400];
		size_t len = strcspn(p, "\n");

		snprintf(line, sizeof(line), "%.*s",
			 (int)nwb_min(len, sizeof(line) - 1), p);
		line[strcspn(line, "#")] = 0;
		p += len;
		for (unsigned int i = 0; s->suites[i]; i++)
			if (kernel_apt_line(line, s->home, s->suites[i], out,
					    sizeof(out))) {
				fprintf(s->lines, "%s\n", out);
				s->nr++;
			}
	}
}

static void add_sources(struct sources *s, char *text)
{
	char suites[512] = "";

	for (unsigned int i = 0; s->suites[i]; i++) {
		size_t at = strlen(suites);

		snprintf(suites + at, sizeof(suites) - at, "%s%s", i ? " " : "",
			 s->suites[i]);
	}
	for (char *next, *p = text; *p; p = next) {
		static char out[16384];
		char *end = strstr(p, "\n\n");

		next = end ? end + 2 : p + strlen(p);
		if (end)
			end[1] = 0;
		if (!kernel_apt_stanza(p, s->home, suites, out, sizeof(out)))
			continue;
		fprintf(s->stanzas, "%s\n", out);
		s->nr++;
	}
}

static bool ends(const char *name, const char *suffix)
{
	size_t n = strlen(name), len = strlen(suffix);

	return n > len && !strcmp(name + n - len, suffix);
}

static void add_one(struct sources *s, const char *path)
{
	char *text = kernel_text(path);

	if (text && ends(path, ".sources"))
		add_sources(s, text);
	else if (text)
		add_list(s, text);
	free(text);
}

/* Where apt says that they are. */
static int machine_places(char *list, char *parts, size_t size)
{
	const char *argv[] = {"apt-config", "shell",
			      "l",	    "Dir::Etc::sourcelist/f",
			      "p",	    "Dir::Etc::sourceparts/d",
			      NULL};
	char text[8192];
	struct kernel_cmd c = {
		.argv = argv, .out = text, .out_size = sizeof(text)};
	char *to[2] = {list, parts};
	static const char *const keys[2] = {"l='", "p='"};

	list[0] = parts[0] = 0;
	if (kernel_run(&c))
		return -ENOEXEC;
	for (int i = 0; i < 2; i++) {
		const char *p = strstr(text, keys[i]);

		if (p)
			snprintf(to[i], size, "%.*s", (int)strcspn(p + 3, "'"),
				 p + 3);
	}
	return 0;
}

static int write_sources(const char *dir, struct sources *s,
			 struct nwb_err *err)
{
	char list[1024], parts[1024], path[KERNEL_PATH];
	struct dirent *de;
	DIR *d;
	int rc = machine_places(list, parts, sizeof(list));

	if (rc)
		return nwb_err_set(err, rc, "apt-config fails");
	rc = kernel_path(path, sizeof(path), "%s/parts/machine.list", dir);
	s->lines = rc ? NULL : fopen(path, "we");
	if (!rc)
		rc = kernel_path(path, sizeof(path), "%s/parts/machine.sources",
				 dir);
	s->stanzas = rc ? NULL : fopen(path, "we");
	if (s->lines && s->stanzas) {
		add_one(s, list);
		d = opendir(parts);
		while (d && (de = readdir(d)))
			if ((ends(de->d_name, ".list") ||
			     ends(de->d_name, ".sources")) &&
			    !kernel_path(path, sizeof(path), "%s/%s", parts,
					 de->d_name))
				add_one(s, path);
		if (d)
			closedir(d);
	} else {
		rc = -EIO;
	}
	if (s->lines && fclose(s->lines))
		rc = -EIO;
	if (s->stanzas && fclose(s->stanzas))
		rc = -EIO;
	if (rc)
		return nwb_err_set(err, rc, "%.300s/parts: cannot be written",
				   dir);
	if (!s->nr)
		return nwb_err_set(err, -ENOENT,
				   "this machine's apt configuration names no "
				   "archive of Debian %.40s (main)",
				   s->home);
	return 0;
}

static int write_conf(const char *dir, struct nwb_err *err)
{
	char path[KERNEL_PATH];
	int rc = kernel_path(path, sizeof(path), "%s/apt.conf", dir);
	FILE *f = rc ? NULL : fopen(path, "we");

	if (f) {
		/* what others have hooked in is about the machine's own lists;
		 * nor are their pins */
		fprintf(f, "#clear APT::Update;\n"
			   "Dir::Etc::SourceList \"/dev/null\";\n"
			   "Dir::Etc::Preferences \"/dev/null\";\n"
			   "Dir::Etc::PreferencesParts \"/dev/null\";\n");
		fprintf(f, "Dir::Etc::SourceParts \"%s/parts\";\n", dir);
		fprintf(f, "Dir::State::Lists \"%s/lists\";\n", dir);
		fprintf(f, "Dir::State::Status \"%s/status\";\n", dir);
		fprintf(f, "Dir::Cache \"%s/cache\";\n", dir);
		fprintf(f, "Dir::Cache::Archives \"%s/cache/archives\";\n",
			dir);
		fprintf(f, "Acquire::Languages \"none\";\n"
			   "Acquire::Retries \"2\";\n"
			   "Acquire::http::Timeout \"20\";\n"
			   "Acquire::https::Timeout \"20\";\n"
			   /* root's sandbox could not write to a cache of
			    * mode 0700 */
			   "APT::Sandbox::User \"root\";\n");
		rc = ferror(f) ? -EIO : 0;
		if (fclose(f) && !rc)
			rc = -errno;
	} else if (!rc) {
		rc = -errno;
	}
	if (!rc)
		rc = kernel_path(path, sizeof(path), "%s/status", dir);
	f = rc ? NULL : fopen(path, "ae");
	if (f)
		fclose(f);
	if (rc || !f)
		return nwb_err_set(err, rc ? rc : -errno,
				   "%.300s: cannot be written", path);
	return 0;
}

int kernel_apt_setup(const char *dir, const char *const *suites,
		     struct nwb_err *err)
{
	static const char *const below[] = {"parts", "lists/partial",
					    "cache/archives/partial", "debs"};
	char home[64], path[KERNEL_PATH];
	struct sources s = {.home = home, .suites = suites};
	int rc = kernel_tool("apt-get", "apt (a Debian system)", err);

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(below) && !rc; i++) {
		rc = kernel_path(path, sizeof(path), "%s/%s", dir, below[i]);
		rc = rc ? rc : kernel_mkdirs(path);
		if (rc)
			nwb_err_set(err, rc, "%.300s/%s: %s", dir, below[i],
				    strerror(-rc));
	}
	kernel_apt_home(home, sizeof(home));
	if (!rc)
		rc = write_sources(dir, &s, err);
	return rc ? rc : write_conf(dir, err);
}
