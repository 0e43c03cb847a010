// SPDX-License-Identifier: GPL-2.0 OR MIT
/* A global variable of each kind in each section. */
#include <stdbool.h>

#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum mode {
	MODE_OFF,
	MODE_ON,
	MODE_AUTO = 100,
};

typedef __u32 limit_t;

/* .rodata */
const volatile bool const_bool = true;
const volatile __s8 const_s8 = -8;
const volatile __u8 const_u8 = 8;
const volatile __s16 const_s16 = -16;
const volatile __u16 const_u16 = 16;
const volatile __s32 const_s32 = -32;
const volatile __u32 const_u32 = 32;
const volatile __s64 const_s64 = -64;
const volatile __u64 const_u64 = 64;
const volatile enum mode const_mode = MODE_AUTO;
const volatile char const_text[16] = "constant";
const volatile __u8 const_octets[6] = {1, 2, 3};

/* .data */
bool data_bool = true;
__s8 data_s8 = -8;
__u8 data_u8 = 8;
__s16 data_s16 = -16;
__u16 data_u16 = 16;
__s32 data_s32 = -32;
__u32 data_u32 = 32;
__s64 data_s64 = -64;
__u64 data_u64 = 64;
enum mode data_mode = MODE_AUTO;
char data_text[16] = "data";
__u8 data_octets[6] = {1, 2, 3};
limit_t data_typedef = 7;
static volatile __u32 data_static = 5;

/* .bss */
bool bss_bool;
__s8 bss_s8;
__u8 bss_u8;
__s16 bss_s16;
__u16 bss_u16;
__s32 bss_s32;
__u32 bss_u32;
__s64 bss_s64;
__u64 bss_u64;
enum mode bss_mode;
char bss_text[16];
__u8 bss_octets[6];
static volatile __u64 bss_static;

/* Sections of their own. */
__u32 custom_data SEC(".data.custom") = 9;
const volatile __u32 custom_const SEC(".rodata.custom") = 10;

/* Structs and arrays. */
struct histogram {
	__u32 slots[4];
	char comm[8];
};
struct histogram data_histogram = {{1, 2, 3, 4}, "init"};
struct histogram data_histograms[2];
__u64 data_matrix[2][3] = {{1, 2, 3}, {4, 5, 6}};

struct {
	union {
		int number;
		char octets[4];
	} u;
} data_union = {{1}};
struct {
	int left;
	struct {
		__u32 low : 4;
		__u32 high : 28;
	} inner;
} data_bits = {1, {2, 3}};
/* What JavaScript cannot use. */
__u64 *unsupported_pointer;

/* Copies what was set, so that a test sees what BPF sees. */
SEC("raw_tp")
int copy(void *context)
{
	bss_bool = const_bool;
	bss_s8 = const_s8;
	bss_u8 = const_u8;
	bss_s16 = const_s16;
	bss_u16 = const_u16;
	bss_s32 = const_s32;
	bss_u32 = const_u32;
	bss_s64 = const_s64;
	bss_u64 = const_u64;
	bss_mode = const_mode;
	for (int i = 0; i < sizeof(bss_text); i++)
		bss_text[i] = const_text[i];
	bss_static += data_static + custom_data + custom_const;
	data_histograms[1] = data_histogram;
	return data_u32;
}
