/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Histograms whose slots are powers of two, of microseconds. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#define SLOTS 32

struct histogram {
	__u64 total_ns;
	__u32 slots[SLOTS]; /* the first: 0 and 1, the next: 2 and 3, then 4 to 7 */
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

/* Zeros are too many for a program's stack. */
static const struct histogram empty_histogram;

/* Adds to one of a hash map; how many were not, as there was no room for another, is in missed. */
#define add_to_histogram(map, key, ns, missed)                                        \
	do {                                                                          \
		struct histogram *histogram = bpf_map_lookup_elem(map, key);          \
                                                                                      \
		if (!histogram) {                                                     \
			bpf_map_update_elem(map, key, &empty_histogram, BPF_NOEXIST); \
			histogram = bpf_map_lookup_elem(map, key);                    \
		}                                                                     \
		if (histogram)                                                        \
			count_in_histogram(histogram, ns);                            \
		else                                                                  \
			__sync_fetch_and_add(&missed, 1);                             \
	} while (0)

static __always_inline void count_in_histogram(struct histogram *histogram, __u64 ns)
{
	__u32 slot = log2_of(ns / 1000);

	if (slot >= SLOTS)
		slot = SLOTS - 1;
	__sync_fetch_and_add(&histogram->slots[slot], 1);
	__sync_fetch_and_add(&histogram->total_ns, ns);
}

#endif /* HISTOGRAM_H */
