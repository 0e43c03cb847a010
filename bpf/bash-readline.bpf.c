// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Reports each line that is typed at a prompt of bash: what its readline() returns. */
#include <stddef.h>

#include "bpf-ringbuf.bpf.h"

#include "registers.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ANY_UID 0xffffffffU
#define LINE_SIZE 4096

struct line {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 pid;
	__u32 uid;
	char text[]; /* what is longer is cut off */
};

const volatile __u32 only_pid = 0; /* 0 is any */
const volatile __u32 only_uid = ANY_UID;

BPFRB_RINGBUF_OF(lines, 1 << 18, struct line);

/* Where a record is put together, as its size is known only then. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct line) + LINE_SIZE);
} scratch SEC(".maps");

SEC("uretprobe")
int BPF_KRETPROBE(on_line, const char *text)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32, uid = bpf_get_current_uid_gid(), zero = 0;
	struct line *line = bpf_map_lookup_elem(&scratch, &zero);
	long size;

	if (!line || (only_pid && pid != only_pid) || (only_uid != ANY_UID && uid != only_uid))
		return 0;
	line->time_ns = bpf_ktime_get_ns();
	line->pid = pid;
	line->uid = uid;
	/* There is none at the end of the input. */
	size = bpf_probe_read_user_str(line->text, LINE_SIZE, text);
	if (size > 0 && size <= LINE_SIZE)
		bpfrb_output(lines, line, offsetof(struct line, text) + size);
	return 0;
}
