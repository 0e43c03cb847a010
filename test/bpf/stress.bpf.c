// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Records of mixed sizes with a sequence number for each CPU. All attempts are
 * numbered, so that a receiver sees lost and discarded ones as gaps.
 */
#include <stdbool.h>

#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Whose system calls produce. */
const volatile __u32 producer_tgid = 0;
/* Of 16 attempts, how many are discarded after the reservation. */
const volatile __u32 discard_of_16 = 1;

BPFRB_RINGBUF(events, 1 << 20);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} produced SEC(".maps");

/* The first 8 bytes of each record; the other words are filled from it. */
struct head {
	__u32 sequence;
	__u16 cpu;
	__u16 size;
};

static __always_inline void produce(__u32 size, __u64 word, bool discard)
{
	__u64 *record = bpfrb_reserve(events, size);

	if (!record)
		return;
	for (__u32 i = 0; i < size / 8; i++)
		record[i] = word + i;
	if (discard)
		bpfrb_discard(events, record);
	else
		bpfrb_submit(events, record);
}

SEC("raw_tp/sys_enter")
int on_sys_enter(void *ctx)
{
	struct head head;
	__u64 *attempts;
	__u64 word;
	__u32 zero = 0, hash;
	bool discard;

	if (bpf_get_current_pid_tgid() >> 32 != producer_tgid)
		return 0;
	attempts = bpf_map_lookup_elem(&produced, &zero);
	if (!attempts)
		return 0;
	head.sequence = (*attempts)++;
	head.cpu = bpf_get_smp_processor_id();
	hash = head.sequence * 2654435761U >> 16;
	discard = (hash >> 8 & 15) < discard_of_16;
	/*
	 * Most are small. Each size is a power of two or, to have lengths that
	 * are padded, 8 more.
	 */
	switch (hash & 31) {
	case 0:
		head.size = 16384;
		break;
	case 1:
		head.size = 4104;
		break;
	case 2 ... 3:
		head.size = 1032;
		break;
	case 4 ... 7:
		head.size = 264;
		break;
	case 8 ... 15:
		head.size = 64;
		break;
	default:
		head.size = 8;
	}
	__builtin_memcpy(&word, &head, sizeof(word));
	switch (head.size) {
	case 16384:
		produce(16384, word, discard);
		break;
	case 4104:
		produce(4104, word, discard);
		break;
	case 1032:
		produce(1032, word, discard);
		break;
	case 264:
		produce(264, word, discard);
		break;
	case 64:
		produce(64, word, discard);
		break;
	default:
		produce(8, word, discard);
	}
	return 0;
}
