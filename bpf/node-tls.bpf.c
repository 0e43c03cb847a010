// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Reports what programs give to OpenSSL to be sent and what they get of it: the plain text.
 *
 * Node's OpenSSL reads and writes memory, not sockets, so that SSL_get_fd() knows nothing. But
 * a thread of Node reads a socket and gives that to the connection's SSL_read() at once: the
 * socket that was read last before it is the connection's.
 */
#include <stdbool.h>

#include "bpf-ringbuf.bpf.h"

#include "node-peer.h"
#include "registers.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum direction {
	SENT = 1,
	RECEIVED = 2,
};

struct event {
	__u64 time_ns;
	__u64 ssl;
	__u64 bytes;
	__u32 pid;
	__u32 tid;
	__u32 captured; /* of data */
	enum direction direction;
	struct peer peer;
	char comm[16];
	__u8 data[];
};

/* Only this process; 0 is any. */
const volatile __u32 only_pid = 0;
/* Who asks. */
const volatile __u32 ignored_pid = 0;
/* How much of the text is copied; 0 is none. */
const volatile __u32 capture_bytes = 512;

BPFRB_RINGBUF_OF(events, 1 << 22, struct event);

/* What a thread called and has not returned from. */
struct call {
	__u64 ssl;
	__u64 data;
	__u64 size; /* where SSL_..._ex() puts how much it was; 0 of the others, which return it */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32); /* thread */
	__type(value, struct call);
} calls SEC(".maps");

/* The processes that use OpenSSL: others' sockets are not looked at. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} users SEC(".maps");

/* The socket that a thread has read, until it reads the next one or decrypts it. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32); /* thread */
	__type(value, struct peer);
} sockets SEC(".maps");

struct connection {
	__u64 pid;
	__u64 ssl;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct connection);
	__type(value, struct peer);
} peers SEC(".maps");

static __always_inline bool is_wanted(__u32 pid)
{
	return pid != ignored_pid && (!only_pid || pid == only_pid);
}

/* In the context of the thread that reads, each time that it got something of a TCP socket. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_socket_read, struct sock *sk)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 pid = id >> 32;
	__u32 tid = id;
	struct peer peer = {};

	if (!bpf_map_lookup_elem(&users, &pid))
		return 0;
	read_peer(&peer, sk);
	bpf_map_update_elem(&sockets, &tid, &peer, BPF_ANY);
	return 0;
}

static __always_inline bool is_user(__u64 id)
{
	__u32 pid = id >> 32;
	__u8 one = 1;

	if (!is_wanted(pid))
		return false;
	if (!bpf_map_lookup_elem(&users, &pid))
		bpf_map_update_elem(&users, &pid, &one, BPF_ANY);
	return true;
}

/* A connection begins, before its first byte is read. */
SEC("uretprobe")
int BPF_KRETPROBE(on_new, __u64 ssl)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct connection connection = {.pid = id >> 32, .ssl = ssl};
	struct peer unknown = {};

	if (is_user(id))
		bpf_map_update_elem(&peers, &connection, &unknown, BPF_ANY);
	return 0;
}

static __always_inline int enter(__u64 ssl, __u64 data, __u64 size)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call call = {.ssl = ssl, .data = data, .size = size};
	__u32 tid = id;

	if (is_user(id))
		bpf_map_update_elem(&calls, &tid, &call, BPF_ANY);
	return 0;
}

/*
 * Until plain text has passed, the latest is right. Of a connection that was there before
 * us, what is written may be the answer to anything that was read.
 */
static __always_inline void learn_peer(__u64 ssl, bool is_read)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct connection connection = {.pid = id >> 32, .ssl = ssl};
	__u32 tid = id;
	struct peer *socket = bpf_map_lookup_elem(&sockets, &tid);
	struct peer *known;

	if (!socket)
		return;
	known = bpf_map_lookup_elem(&peers, &connection);
	if (known ? !known->is_certain : is_read)
		bpf_map_update_elem(&peers, &connection, socket, BPF_ANY);
	if (is_read)
		bpf_map_delete_elem(&sockets, &tid);
}

SEC("uprobe")
int BPF_KPROBE(on_write, __u64 ssl, __u64 data)
{
	learn_peer(ssl, false);
	return enter(ssl, data, 0);
}

SEC("uprobe")
int BPF_KPROBE(on_write_ex, __u64 ssl, __u64 data, __u64 bytes, __u64 size)
{
	learn_peer(ssl, false);
	return enter(ssl, data, size);
}

SEC("uprobe")
int BPF_KPROBE(on_read, __u64 ssl, __u64 data)
{
	learn_peer(ssl, true);
	return enter(ssl, data, 0);
}

SEC("uprobe")
int BPF_KPROBE(on_read_ex, __u64 ssl, __u64 data, __u64 bytes, __u64 size)
{
	learn_peer(ssl, true);
	return enter(ssl, data, size);
}

static __always_inline void describe(struct event *event, struct call *call, __u64 bytes,
				     enum direction direction)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct connection connection = {.pid = id >> 32, .ssl = call->ssl};
	struct peer *peer = bpf_map_lookup_elem(&peers, &connection);

	event->time_ns = bpf_ktime_get_ns();
	event->ssl = call->ssl;
	event->bytes = bytes;
	event->pid = id >> 32;
	event->tid = id;
	event->direction = direction;
	if (peer) {
		peer->is_certain = peer->family != 0;
		event->peer = *peer;
	} else {
		event->peer = (struct peer){};
	}
	bpf_get_current_comm(event->comm, sizeof(event->comm));
}

/* A record is reserved with a size that is a constant: one of two. */
#define REPORT(room)                                                                       \
	do {                                                                               \
		struct event *event = bpfrb_reserve(events, sizeof(*event) + (room));      \
                                                                                           \
		if (!event)                                                                \
			return 0;                                                          \
		describe(event, call, bytes, direction);                                   \
		event->captured = wanted > (room) ? (room) : wanted;                       \
		if (bpf_probe_read_user(event->data, event->captured, (void *)call->data)) \
			event->captured = 0;                                               \
		bpfrb_submit(events, event);                                               \
	} while (0)

/* Not inlined: there are two who call it. */
static __noinline int report(struct call *call, __u64 bytes, enum direction direction)
{
	__u64 wanted = bytes > capture_bytes ? capture_bytes : bytes;

	if (wanted <= 512)
		REPORT(512);
	else
		REPORT(16384);
	return 0;
}

static __always_inline int leave(long result, enum direction direction)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &tid);
	__u64 bytes = result;

	if (!call)
		return 0;
	if (call->size && bpf_probe_read_user(&bytes, sizeof(bytes), (void *)call->size))
		bytes = 0;
	if (result > 0)
		report(call, bytes, direction);
	bpf_map_delete_elem(&calls, &tid);
	return 0;
}

SEC("uretprobe")
int BPF_KRETPROBE(on_written, int result)
{
	return leave(result, SENT);
}

SEC("uretprobe")
int BPF_KRETPROBE(on_was_read, int result)
{
	return leave(result, RECEIVED);
}

/* The next connection may get this one's address. */
SEC("uprobe")
int BPF_KPROBE(on_free, __u64 ssl)
{
	struct connection connection = {.pid = bpf_get_current_pid_tgid() >> 32, .ssl = ssl};

	bpf_map_delete_elem(&peers, &connection);
	return 0;
}
