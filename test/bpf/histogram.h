/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Histograms whose slots are powers of two. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdbool.h>

#define SLOTS 27

struct histogram {
	__u32 slots[SLOTS];
};

static __always_inline __u32 log2_of(__u64 value)
{
	__u32 result = 0;

#pragma unroll
	for (int shift = 32; shift > 0; shift /= 2) {
		if (value >> shift) {
			value >>= shift;
			result += shift;
		}
	}
	return result;
}

static __always_inline void add_to_histogram(struct histogram *histogram, __u64 value)
{
	__u32 slot = log2_of(value);

	if (slot >= SLOTS)
		slot = SLOTS - 1;
	__sync_fetch_and_add(&histogram->slots[slot], 1);
}

#endif /* HISTOGRAM_H */
