// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Reports each host name that a process looks up by getaddrinfo(), and how long that took. */

#include "bpf-ringbuf.bpf.h"

#include "registers.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define HOST_SIZE 256

struct lookup {
	__u64 end_ns; /* CLOCK_MONOTONIC */
	__u64 duration_ns;
	__u32 pid;
	__s32 result; /* 0, or EAI_NONAME and so on of netdb.h */
	char comm[16];
	char host[HOST_SIZE];
};

struct start {
	__u64 time_ns;
	char host[HOST_SIZE];
};

/* Only those that took so long. */
const volatile __u64 shortest_ns = 0;

BPFRB_RINGBUF_OF(lookups, 1 << 20, struct lookup);

/* By thread. A thread that is killed meanwhile leaves its own behind. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct start);
} starts SEC(".maps");

SEC("uprobe")
int BPF_KPROBE(on_call, const char *host)
{
	struct start start = {.time_ns = bpf_ktime_get_ns()};
	__u32 thread = bpf_get_current_pid_tgid();

	/* Without a name, it asks for the addresses of this machine. */
	if (host)
		bpf_probe_read_user_str(start.host, sizeof(start.host), host);
	bpf_map_update_elem(&starts, &thread, &start, BPF_ANY);
	return 0;
}

SEC("uretprobe")
int BPF_KRETPROBE(on_return, int result)
{
	__u64 now = bpf_ktime_get_ns(), id = bpf_get_current_pid_tgid();
	struct lookup *lookup;
	struct start *start;
	__u32 thread = id;

	start = bpf_map_lookup_elem(&starts, &thread);
	if (!start)
		return 0;
	if (now - start->time_ns >= shortest_ns) {
		lookup = bpfrb_reserve(lookups, sizeof(*lookup));
		if (lookup) {
			lookup->end_ns = now;
			lookup->duration_ns = now - start->time_ns;
			lookup->pid = id >> 32;
			lookup->result = result;
			bpf_get_current_comm(lookup->comm, sizeof(lookup->comm));
			__builtin_memcpy(lookup->host, start->host, sizeof(lookup->host));
			bpfrb_submit(lookups, lookup);
		}
	}
	bpf_map_delete_elem(&starts, &thread);
	return 0;
}
