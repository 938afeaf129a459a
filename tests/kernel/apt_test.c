/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private lists, names of packages, and what apt complains of. */
#include "tree.h"

static const char *line(const char *text)
{
	static char out[1024];

	return kernel_apt_line(text, "bookworm", "trixie-backports", out,
			       sizeof(out))
		       ? out
		       : "";
}

NWB_TEST(kernel_apt, lines_of_our_suite_get_another)
{
	nwb_check_streq(line("deb http://m/debian bookworm main contrib"),
			"deb [target=Packages] http://m/debian "
			"trixie-backports main");
	nwb_check_streq(line("  deb\t[ signed-by=/k.gpg trusted=yes ] "
			     "file:/d stable main"),
			"deb [ signed-by=/k.gpg trusted=yes  target=Packages] "
			"file:/d trixie-backports main");
	nwb_check_streq(line("deb [arch=amd64] http://m/debian "
			     "bookworm non-free main"),
			"deb [arch=amd64 target=Packages] http://m/debian "
			"trixie-backports main");
}

NWB_TEST(kernel_apt, lines_of_others_are_left_alone)
{
	nwb_check_streq(line("deb-src http://m/debian bookworm main"), "");
	nwb_check_streq(line("deb http://m/debian bookworm-updates main"), "");
	nwb_check_streq(line("deb https://d.example bookworm stable"), "");
	nwb_check_streq(line("deb https://d.example flat/"), "");
	nwb_check_streq(line("debmain x bookworm main"), "");
	nwb_check_streq(line("deb"), "");
	nwb_check_streq(line("deb [signed-by=/k http://m bookworm main"), "");
	nwb_check_streq(line(""), "");
	nwb_check_streq(line("# deb http://m/debian bookworm main"), "");
}

static const char *stanza(const char *text)
{
	static char out[1024];

	return kernel_apt_stanza(text, "bookworm", "a b", out, sizeof(out))
		       ? out
		       : "";
}

NWB_TEST(kernel_apt, stanzas_keep_their_mirror_and_key)
{
	nwb_check_streq(stanza("Types: deb deb-src\nURIs: http://m/debian\n"
			       "# words\nSuites: bookworm bookworm-updates\n"
			       "Components: main contrib\nSigned-By:\n"
			       " -----BEGIN\n .\n x\nTrusted: yes"),
			"URIs: http://m/debian\nSigned-By:\n -----BEGIN\n .\n"
			" x\nTrusted: yes\nTypes: deb\nSuites: a b\n"
			"Components: main\nTargets: Packages\n");
	/* what we replace goes with the lines that continue it */
	nwb_check_streq(stanza("types: deb\nuris: file:/d\nsuites: bookworm\n"
			       "components: main\ntargets: Packages\n"
			       " Contents-deb\n"),
			"uris: file:/d\nTypes: deb\nSuites: a b\n"
			"Components: main\nTargets: Packages\n");
}

NWB_TEST(kernel_apt, stanzas_of_others_are_left_alone)
{
	static const char rest[] = "\nURIs: http://m\nSuites: bookworm\n"
				   "Components: main\n";
	char text[256];

	snprintf(text, sizeof(text), "Types: deb-src%s", rest);
	nwb_check_streq(stanza(text), "");
	snprintf(text, sizeof(text), "Enabled: no\nTypes: deb%s", rest);
	nwb_check_streq(stanza(text), "");
	snprintf(text, sizeof(text), "Enabled: yes\nTypes: deb%s", rest);
	nwb_check(stanza(text)[0] != 0);
	nwb_check_streq(stanza("Types: deb\nURIs: u\nSuites: nodistro\n"
			       "Components: main\n"),
			"");
	nwb_check_streq(stanza("Types: deb\nURIs: u\nSuites: bookworm\n"
			       "Components: stable\n"),
			"");
	nwb_check_streq(stanza("Types: deb\nURIs: u\n"
			       "Suites: bookworm-security\n"
			       "Components: main\n"),
			"");
	nwb_check_streq(stanza(""), "");
}

NWB_TEST(kernel_apt, what_does_not_fit_is_not_taken)
{
	char out[64];

	nwb_check(!kernel_apt_line("deb http://mirror.example.org/debian "
				   "bookworm main",
				   "bookworm", "trixie-backports", out, 40));
	nwb_check(!kernel_apt_stanza("Types: deb\nURIs: u\nSuites: bookworm\n"
				     "Components: main\n",
				     "bookworm", "a", out, 30));
}

NWB_TEST(kernel_apt, series_are_numbers)
{
	nwb_check(kernel_series_ok("6.12"));
	nwb_check(kernel_series_ok("7.2.12"));
	nwb_check(!kernel_series_ok("7"));
	nwb_check(!kernel_series_ok("6.12.1.2"));
	nwb_check(!kernel_series_ok("6..12"));
	nwb_check(!kernel_series_ok(".6"));
	nwb_check(!kernel_series_ok("6.12."));
	nwb_check(!kernel_series_ok("6.12-rc1"));
	nwb_check(!kernel_series_ok("../6.12"));
	nwb_check(!kernel_series_ok(""));
}

static const char *release(const char *name, const char *series)
{
	static char out[96];

	return kernel_pkg_release(name, series, out, sizeof(out)) ? out : "";
}

NWB_TEST(kernel_apt, plain_kernels_of_a_series_are_told)
{
	nwb_check_streq(release("linux-image-6.12.95+deb12-amd64", "6.12"),
			"6.12.95+deb12-amd64");
	nwb_check_streq(release("linux-image-6.12.95+deb12-amd64", "6.12.95"),
			"6.12.95+deb12-amd64");
	nwb_check_streq(release("linux-image-6.1.0-37-amd64", "6.1"),
			"6.1.0-37-amd64");
	nwb_check_streq(release("linux-image-6.12.95+deb12-amd64", "6.1"), "");
	nwb_check_streq(release("linux-image-6.12.95+deb12-amd64", "6.12.9"),
			"");
	nwb_check_streq(release("linux-image-6.12.95+deb12-rt-amd64", "6.12"),
			"");
	nwb_check_streq(
		release("linux-image-6.12.95+deb12-cloud-amd64", "6.12"), "");
	nwb_check_streq(
		release("linux-image-6.12.95+deb12-amd64-unsigned", "6.12"),
		"");
	nwb_check_streq(release("linux-image-6.12.95+deb12-amd64-dbg", "6.12"),
			"");
	nwb_check_streq(release("linux-image-amd64", "6.12"), "");
	nwb_check_streq(release("linux-headers-6.12.95-amd64", "6.12"), "");
}

static const char paragraph[] =
	"Package: linux-image-7.2.12+deb13-amd64\n"
	"Source: linux\nVersion: 7.2.12-1~bpo13+1\nInstalled-Size: 12\n"
	"Depends: kmod, linux-base-7.2.12+deb13-amd64 (= 7.2.12-1), "
	"linux-binary-7.2.12+deb13-amd64 | other, "
	"linux-modules-7.2.12+deb13-amd64, linux-base (>= 4.3), "
	"linux-modules-7.2.12+deb13-amd64-extra\n"
	"Size: 1900\nSHA256: 00ff\n"
	"\nPackage: other\nVersion: 1\n";

NWB_TEST(kernel_apt, packages_say_what_they_need_of_their_release)
{
	static const char rel[] = "7.2.12+deb13-amd64";
	struct kernel_pkg pkg;
	char need[160];

	nwb_check_eq(kernel_pkg_parse(paragraph, &pkg), 0);
	nwb_check_streq(pkg.name, "linux-image-7.2.12+deb13-amd64");
	nwb_check_streq(pkg.version, "7.2.12-1~bpo13+1");
	nwb_check_eq(pkg.size, 1900);
	nwb_check_streq(pkg.sha256, "00ff");
	nwb_check_eq(pkg.installed, 12 * 1024);
	nwb_check_eq(kernel_pkg_needs(&pkg, rel, 0, need, sizeof(need)), 0);
	nwb_check_streq(need, "linux-base-7.2.12+deb13-amd64");
	nwb_check_eq(kernel_pkg_needs(&pkg, rel, 1, need, sizeof(need)), 0);
	nwb_check_streq(need, "linux-binary-7.2.12+deb13-amd64");
	nwb_check_eq(kernel_pkg_needs(&pkg, rel, 2, need, sizeof(need)), 0);
	nwb_check_streq(need, "linux-modules-7.2.12+deb13-amd64");
	nwb_check_eq(kernel_pkg_needs(&pkg, rel, 3, need, sizeof(need)),
		     -ENOENT);
}

NWB_TEST(kernel_apt, no_package_is_no_package)
{
	struct kernel_pkg pkg;

	nwb_check_eq(kernel_pkg_parse("", &pkg), -EBADMSG);
	nwb_check_eq(kernel_pkg_parse("Package: a\n", &pkg), -EBADMSG);
	nwb_check_eq(kernel_pkg_parse("\n\nPackage: a\nVersion: 1\n", &pkg),
		     -EBADMSG);
	nwb_check_eq(kernel_pkg_parse("Package: ../a\nVersion: 1\n", &pkg),
		     -EBADMSG);
	nwb_check_eq(kernel_pkg_parse("Package: -o\nVersion: 1\n", &pkg),
		     -EBADMSG);
	nwb_check_eq(kernel_pkg_parse("Package: a\nVersion: 1", &pkg), 0);
}

NWB_TEST(kernel_apt, complaints_have_a_remedy)
{
	static const struct {
		const char *log;
		int code;
		const char *says;
	} cases[] = {
		{"Err:1 http://m x\n  Could not resolve 'm'\nW: Failed\n",
		 -ENETUNREACH, "no network"},
		{"E: Write error - write (28: No space left on device)\n",
		 -ENOSPC, "XDG_CACHE_HOME"},
		{"E: You don't have enough free space in /x/\n", -ENOSPC,
		 "disk is full"},
		{"W: GPG error: http://m s InRelease: The following "
		 "signatures couldn't be verified because the public key is "
		 "not available: NO_PUBKEY 0123\n",
		 -EKEYREJECTED, "debian-archive-keyring"},
		{"E: The repository 'file:/r s InRelease' is not signed.\n",
		 -EKEYREJECTED, "not signed"},
		{"E: Release file for http://m is expired (invalid since 3d)."
		 "\n",
		 -ESTALE, "Check-Valid-Until"},
		{"E: The repository 'http://m s Release' does not have a "
		 "Release file.\n",
		 -ENOENT, "no such suite"},
		{"Err:7 file:/r s\n  File not found - /r/Packages (2: x)\n",
		 -ENOENT, "does not have it"},
		{"E: Failed to fetch http://m/x  Hash Sum mismatch\n", -EBADMSG,
		 "mirror is being updated"},
	};
	struct nwb_err err;

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(cases); i++) {
		err = (struct nwb_err){0};
		nwb_check_eq(kernel_apt_why(cases[i].log, "it", &err),
			     cases[i].code);
		nwb_check(strstr(err.text, cases[i].says) != NULL);
		nwb_check(!strncmp(err.text, "it: ", 4));
	}
	/* the unknown is quoted, without the archive's address */
	nwb_check_eq(kernel_apt_why("x\nE: first\nE: no 'http://user:pw@m/x' "
				    "today\n",
				    "it", &err),
		     -ENOEXEC);
	nwb_check_streq(err.text, "it: apt fails: E: no '...' today");
	nwb_check_eq(kernel_apt_why("", "it", &err), -ENOEXEC);
	nwb_check(err.text[0] != 0);
}
