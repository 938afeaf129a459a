/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_WIRE_P9_CODEC_FUZZ_H
#define TESTS_WIRE_P9_CODEC_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Was the last input a message? */
extern bool p9_codec_accepts;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
