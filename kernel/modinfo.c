/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a module says of itself: the section .modinfo, "key=value" strings one
 * after the other, each with its NUL (include/linux/moduleparam.h of the
 * kernel: __MODULE_INFO). The packages have no modules.dep, for that is made
 * where they are installed.
 */
#include "kernel_i.h"

#include <elf.h>

/* Is [@off, @off + @n) inside? */
static bool is_inside(size_t len, uint64_t off, uint64_t n)
{
	return off <= len && n <= len - off;
}

static int section(const uint8_t *elf, size_t len, const Elf64_Ehdr *eh,
		   unsigned int i, Elf64_Shdr *ret)
{
	uint64_t off = eh->e_shoff + (uint64_t)i * sizeof(*ret);

	if (eh->e_shoff > len || !is_inside(len, off, sizeof(*ret)))
		return -EBADMSG;
	memcpy(ret, elf + off, sizeof(*ret));
	if (ret->sh_type != SHT_NOBITS &&
	    !is_inside(len, ret->sh_offset, ret->sh_size))
		return -EBADMSG;
	return 0;
}

static int find_modinfo(const uint8_t *elf, size_t len, const char **ret,
			size_t *ret_len)
{
	static const char want[] = ".modinfo";
	Elf64_Shdr names, sh;
	Elf64_Ehdr eh;
	int rc;

	if (len < sizeof(eh))
		return -EBADMSG;
	memcpy(&eh, elf, sizeof(eh));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) ||
	    eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_ident[EI_DATA] != ELFDATA2LSB ||
	    eh.e_shentsize != sizeof(sh) || eh.e_shstrndx >= eh.e_shnum)
		return -EBADMSG;
	rc = section(elf, len, &eh, eh.e_shstrndx, &names);
	if (rc || names.sh_type == SHT_NOBITS)
		return -EBADMSG;
	for (unsigned int i = 0; i < eh.e_shnum; i++) {
		rc = section(elf, len, &eh, i, &sh);
		if (rc)
			return rc;
		if (sh.sh_type == SHT_NOBITS || sh.sh_name > names.sh_size ||
		    names.sh_size - sh.sh_name < sizeof(want) ||
		    memcmp(elf + names.sh_offset + sh.sh_name, want,
			   sizeof(want)))
			continue;
		*ret = (const char *)elf + sh.sh_offset;
		*ret_len = sh.sh_size;
		return 0;
	}
	return -ENOENT;
}

int kernel_modinfo(const uint8_t *elf, size_t len, const char *key,
		   unsigned int nth, char *ret, size_t size)
{
	size_t info_len, key_len = strlen(key);
	const char *info;
	int rc = find_modinfo(elf, len, &info, &info_len);

	while (!rc && info_len) {
		size_t n = strnlen(info, info_len);

		if (n == info_len)
			return -EBADMSG;
		if (n > key_len && !memcmp(info, key, key_len) &&
		    info[key_len] == '=' && !nth--) {
			if (n - key_len > size)
				return -ENOSPC;
			memcpy(ret, info + key_len + 1, n - key_len);
			return 0;
		}
		info += n + 1;
		info_len -= n + 1;
	}
	return rc ? rc : -ENOENT;
}
