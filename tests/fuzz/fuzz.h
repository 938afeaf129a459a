/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzzers share. Each is one file with LLVMFuzzerTestOneInput(), run
 * by libFuzzer under ASan and UBSan, and fuzz_seeds(), which makes its corpus
 * to begin with: FUZZER --seeds DIR writes it.
 *
 * A finding is a crash, a sanitizer's report, a broken property (nwb_assert)
 * or an input that takes longer than ten seconds.
 */
#ifndef NWB_FUZZ_H
#define NWB_FUZZ_H

#include "nwb/util.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/** fuzz_seeds() - call fuzz_seed() for each input to begin with. */
void fuzz_seeds(void);
/** fuzz_seed() - write one input to the corpus. */
void fuzz_seed(const void *p, size_t n);

/* Numbers from the input; zeros when it is used up. */
struct fuzz_in {
	const uint8_t *p;
	size_t n;
};

static inline void fuzz_get(struct fuzz_in *in, void *to, size_t n)
{
	size_t have = nwb_min(n, in->n);

	memset(to, 0, n);
	if (have)
		memcpy(to, in->p, have);
	in->p += have;
	in->n -= have;
}

static inline uint8_t fuzz_u8(struct fuzz_in *in)
{
	uint8_t v;

	fuzz_get(in, &v, sizeof(v));
	return v;
}

static inline uint16_t fuzz_u16(struct fuzz_in *in)
{
	uint16_t v;

	fuzz_get(in, &v, sizeof(v));
	return v;
}

static inline uint64_t fuzz_u64(struct fuzz_in *in)
{
	uint64_t v;

	fuzz_get(in, &v, sizeof(v));
	return v;
}

#endif
