/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What kernels, packages and the machine's apt configuration say. The first
 * byte chooses who reads. Properties: a value that a module gives has no NUL in
 * it and fits; a package that is understood has a name that is no path; a
 * fragment misses nothing of itself.
 */
#include "fuzz.h"
#include "kernel_i.h"
#include "make_elf.h"

static char text[1 << 16], out[1 << 16];

static void read_module(const uint8_t *data, size_t size)
{
	char value[128];

	for (unsigned int nth = 0; nth < 4; nth++)
		if (!kernel_modinfo(data, size, "depends", nth, value,
				    sizeof(value)))
			nwb_assert(strlen(value) < sizeof(value));
}

static void read_package(void)
{
	struct kernel_pkg pkg;
	char need[64], release[96];

	if (kernel_pkg_parse(text, &pkg))
		return;
	nwb_assert(pkg.name[0] && !strchr(pkg.name, '/'));
	for (unsigned int nth = 0; nth < 4; nth++)
		if (!kernel_pkg_needs(&pkg, "7.2", nth, need, sizeof(need)))
			nwb_assert(strstr(need, "7.2"));
	if (kernel_pkg_release(pkg.name, "7.2", release, sizeof(release)))
		nwb_assert(!strncmp(release, "7.2", 3));
}

static void read_sources(void)
{
	nwb_unused bool is;

	is = kernel_apt_stanza(text, "bookworm", "a b", out, sizeof(out));
	text[strcspn(text, "\n")] = 0;
	is = kernel_apt_line(text, "bookworm", "a", out, sizeof(out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nwb_err err = {0};
	char missing[64];

	if (!size)
		return 0;
	if (data[0] % 5 == 0) {
		read_module(data + 1, size - 1);
		return 0;
	}
	size = nwb_min(size - 1, sizeof(text) - 1);
	memcpy(text, data + 1, size);
	text[size] = 0;
	switch (data[0] % 5) {
	case 1:
		read_package();
		break;
	case 2:
		read_sources();
		break;
	case 3:
		kernel_apt_why(text, "x", &err);
		nwb_assert(err.code && err.text[0]);
		break;
	case 4:
		kernel_facts(text);
		kernel_config_missing(text, "", missing, sizeof(missing));
		nwb_assert(strlen(missing) < sizeof(missing));
		break;
	}
	return 0;
}

static void seed(uint8_t who, const char *s)
{
	int n = snprintf(out, sizeof(out), "%c%s", who, s);

	fuzz_seed(out, (size_t)n);
}

void fuzz_seeds(void)
{
	static const char info[] = "depends=a,b\0softdep=pre: c\0depends=";
	static uint8_t elf[1024];
	size_t len = elf_make(info, sizeof(info), elf + 1);

	fuzz_seed(elf, len + 1);
	seed(1, "Package: linux-image-7.2.1-amd64\nVersion: 7.2.1-1\n"
		"Depends: linux-modules-7.2 (= 1) | x, linux-base-7.2\n"
		"Size: 12\nInstalled-Size: 3\n\nPackage: b\n");
	seed(2, "Types: deb\nURIs: http://m/\nSuites: bookworm x\n"
		"Components: main\nSigned-By:\n .\n k\nEnabled: yes\n");
	seed(2, "deb [a=b trusted=yes] http://m/ bookworm main contrib");
	seed(3, "Err:1 http://m\nE: no 'https://m/x y' here\n");
	seed(4, "# @optional\nCONFIG_A=y\n# @required\nCONFIG_FUSE_FS=m\n");
}
