/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The smallest ELF file that has a section .modinfo. */
#ifndef NWB_TESTS_KERNEL_ELF_H
#define NWB_TESTS_KERNEL_ELF_H

#include <stddef.h>
#include <stdint.h>

/**
 * elf_make() - a file with that section.
 * @info, @info_len: "key=value\0key=value\0"
 * @ret: at least 512 + @info_len bytes
 *
 * Return: its length.
 */
size_t elf_make(const char *info, size_t info_len, uint8_t *ret);

#endif
