// SPDX-License-Identifier: MIT
/* What makes generating a module hard: names, layouts and types of all kinds. */
#include <stdbool.h>

#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Names of one name, and those of the language and the library. */
struct foo_bar {
	__u32 value;
};
struct fooBar {
	__u64 value;
};
struct object {
	__u8 constructor;
	__u8 class;
	__u8 toString;
};
struct bpf_map_ {
	struct object object;
	__u16 function;
};
typedef struct {
	__u32 x, y;
} point_t;

enum color {
	RED = 1,
	GREEN = 2,
	LIME = 2,
	BLACK = -1,
};
enum wide {
	WIDE_LOW = 1,
	WIDE_HIGH = 0x8000000000000001ULL,
};
enum a_long_list_of_names {
	THE_FIRST_NAME_OF_A_LONG_LIST,
	THE_SECOND_NAME_OF_A_LONG_LIST,
	THE_THIRD_NAME_OF_A_LONG_LIST,
	THE_FOURTH_NAME_OF_A_LONG_LIST,
};

union address {
	__u8 bytes[16];
	__u32 words[4];
	struct {
		__u64 high, low;
	} halves;
};

/* Layouts. */
struct nested {
	__u8 first;
	struct {
		__u16 a;
		struct {
			__u8 b;
		} deeper;
	} inner;
	union {
		__u32 either;
		float or_not;
	};
	struct {
		__u8 flat;
	};
	point_t points[2][3];
	union address address;
	enum color color;
	enum a_long_list_of_names long_list;
	enum wide wide;
	void *pointer;
	int (*callback)(const void *, int);
	double ratio;
	bool flags[4];
	char names[2][8];
	signed char small;
	__int128 huge;
};
struct __attribute__((packed)) packed {
	__u8 first;
	__u32 second;
	__u64 third;
	struct foo_bar last;
};
struct aligned {
	__u8 first;
	__u32 second __attribute__((aligned(32)));
} __attribute__((aligned(128)));
struct bits {
	__u32 a : 3;
	__u32 b : 7;
	__s32 c : 22;
	__u64 d : 40;
	__u64 : 4;
	__u64 e : 20;
	__u8 last;
};
struct __attribute__((packed)) packed_bits {
	__u32 a : 3;
	__u32 b : 30;
	__u16 c : 15;
	__u8 last;
};
struct tail {
	__u32 count;
	__u64 values[];
};
struct list {
	struct list *next;
	__u32 value;
};
struct a_struct_with_a_rather_long_name {
	__u8 a_field_with_a_name_that_is_so_long_that_its_line_has_no_room_for_the_call[8][16];
};
struct empty {
};

struct fooBar *unused_foo_bar __attribute__((unused));
struct tail *unused_tail __attribute__((unused));
struct bits *unused_bits __attribute__((unused));
struct packed_bits *unused_packed_bits __attribute__((unused));
struct empty *unused_empty __attribute__((unused));

#define MAP(name, map_type, key_type, value_type) \
	struct {                                  \
		__uint(type, map_type);           \
		__uint(max_entries, 8);           \
		__type(key, key_type);            \
		__type(value, value_type);        \
	} name SEC(".maps")

MAP(nested, BPF_MAP_TYPE_HASH, struct foo_bar, struct nested);
MAP(packed, BPF_MAP_TYPE_PERCPU_HASH, struct packed, struct aligned);
MAP(toString, BPF_MAP_TYPE_HASH, enum color, struct bpf_map_);
MAP(
	anonymous, BPF_MAP_TYPE_ARRAY, __u32, struct {
		__u32 a;
		point_t point;
	});
MAP(constructor, BPF_MAP_TYPE_HASH, struct list, struct a_struct_with_a_rather_long_name);
MAP(per_cpu_of_a_long_name, BPF_MAP_TYPE_PERCPU_ARRAY, __u32,
    struct a_struct_with_a_rather_long_name);
MAP(__proto__, BPF_MAP_TYPE_ARRAY, __u32, union address);

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 8);
	__type(value, struct object);
} queue SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 8);
	__uint(key_size, 4);
	__uint(value_size, 8 * 20);
} stacks SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__uint(key_size, 12);
	__uint(value_size, 20);
} untyped SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8);
	__uint(key_size, 4);
	__uint(value_size, 4);
} programs SEC(".maps");

BPFRB_RINGBUF_OF(events, 1 << 12, struct nested);
BPFRB_PERFBUF(samples);
BPFRB_RECORD_OF(samples, struct packed);
BPFRB_EVENT_STREAM(stream, 1 << 12, 64);

struct list first;
enum color colors[3] = {RED, GREEN, BLACK};
union address *pointers[2];
const volatile struct nested settings = {};
volatile bool await = true;

SEC("raw_tp")
int open(void *ctx)
{
	return await + settings.first + first.value + colors[0] + (pointers[0] != 0);
}

SEC("raw_tp")
int load(void *ctx)
{
	return 0;
}
