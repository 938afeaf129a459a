/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "make_elf.h"

#include <elf.h>
#include <string.h>

size_t elf_make(const char *info, size_t info_len, uint8_t *ret)
{
	static const char names[] = "\0.shstrtab\0.modinfo";
	Elf64_Ehdr eh = {.e_shentsize = sizeof(Elf64_Shdr),
			 .e_shnum = 3,
			 .e_shstrndx = 1};
	Elf64_Shdr sh[3] = {0};
	size_t at = sizeof(eh);

	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	sh[1].sh_type = SHT_STRTAB;
	sh[1].sh_name = 1;
	sh[1].sh_offset = at;
	sh[1].sh_size = sizeof(names);
	memcpy(ret + at, names, sizeof(names));
	at += sizeof(names);
	sh[2].sh_type = SHT_PROGBITS;
	sh[2].sh_name = 11;
	sh[2].sh_offset = at;
	sh[2].sh_size = info_len;
	memcpy(ret + at, info, info_len);
	at = (at + info_len + 7) / 8 * 8;
	eh.e_shoff = at;
	memcpy(ret, &eh, sizeof(eh));
	memcpy(ret + at, sh, sizeof(sh));
	return at + sizeof(sh);
}
