// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Reports HTTP/1 requests of Node processes when they are answered: those that a server got
 * and those that a client made.
 *
 * What comes in is the text that Node gives to its parser, llhttp_execute(parser, text, size),
 * of HTTP and of HTTPS. What goes out is the text that Node gives to SSL_write(connection,
 * text, size), or to uv_try_write(stream, buffers, count), of which the first buffer begins
 * with the head. Of all of them only the arguments are read, as their C interfaces have them,
 * and no field of any struct of Node, libuv, llhttp or OpenSSL.
 *
 * A connection is the socket that the thread has read last before the parser, or that it
 * writes to within uv_try_write(); with TLS it is the argument of SSL_read() and SSL_write().
 * The latency is from head to head. Requests that come before the last one was answered,
 * pipelined, which browsers and Node do not send, are seen as one.
 */
#include <stdbool.h>

#include "bpf-ringbuf.bpf.h"

#include "node-peer.h"
#include "registers.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define REQUEST_SIZE 256
#define RESPONSE_SIZE 16

enum role {
	SERVER = 1,
	CLIENT = 2,
};

struct exchange {
	__u64 start_ns;
	enum role role;
	struct peer peer;
	__u8 request[REQUEST_SIZE]; /* how it begins */
};

struct event {
	__u64 end_ns;
	__u32 pid;
	__u32 tid;
	struct exchange exchange;
	__u8 response[RESPONSE_SIZE];
	__u8 is_tls;
};

/* Only this process; 0 is any. */
const volatile __u32 only_pid = 0;
/* Who asks. */
const volatile __u32 ignored_pid = 0;

BPFRB_RINGBUF_OF(events, 1 << 20, struct event);

/* The processes that have a parser: others' sockets are not looked at. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} users SEC(".maps");

struct connection {
	__u64 pid;
	__u64 id; /* struct sock *, or SSL * */
};

/* What a thread is doing. */
struct thread {
	__u64 input;	  /* the connection that it has read last */
	__u64 ssl;	  /* within SSL_read() */
	__u64 output;	  /* within uv_try_write(): the text */
	struct peer peer; /* of input */
	__u8 is_tls;	  /* input is */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct thread);
} threads SEC(".maps");

/* What was asked and not answered yet. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct connection);
	__type(value, struct exchange);
} exchanges SEC(".maps");

static __always_inline bool is_user(__u32 pid)
{
	return bpf_map_lookup_elem(&users, &pid);
}

static __always_inline struct thread *this_thread(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id;
	struct thread none = {};
	struct thread *thread;

	if (!is_user(id >> 32))
		return NULL;
	thread = bpf_map_lookup_elem(&threads, &tid);
	if (thread)
		return thread;
	bpf_map_update_elem(&threads, &tid, &none, BPF_ANY);
	return bpf_map_lookup_elem(&threads, &tid);
}

enum head {
	OTHER,
	REQUEST,
	RESPONSE,
};

static __always_inline enum head head_of(const char *text, char *head)
{
	int i;

	if (bpf_probe_read_user(head, RESPONSE_SIZE, text))
		return OTHER;
	if (head[0] == 'H' && head[1] == 'T' && head[2] == 'T' && head[3] == 'P' && head[4] == '/')
		/* What is informational, such as 100 Continue, is no answer; 101 is. */
		return head[9] == '1' && head[11] != '1' ? OTHER : RESPONSE;
	for (i = 0; i < RESPONSE_SIZE - 1; i++) {
		char c = head[i];

		if (c == ' ' && i > 2)
			return head[i + 1] == '/' || head[i + 1] == '*' || head[i + 1] == 'h' ||
					       head[0] == 'C'
				       ? REQUEST
				       : OTHER;
		if ((c < 'A' || c > 'Z') && c != '-')
			return OTHER;
	}
	return OTHER;
}

/* A head that goes over a connection, in or out. */
static __noinline int see(__u64 id, const char *text, struct thread *thread, bool is_output,
			  bool is_tls)
{
	__u64 task = bpf_get_current_pid_tgid();
	struct connection connection = {.pid = task >> 32, .id = id};
	char head[RESPONSE_SIZE] = {};
	enum head kind = head_of(text, head);
	struct exchange *known;
	struct event *event;

	if (!thread || kind == OTHER)
		return 0;
	if (kind == REQUEST) {
		struct exchange exchange = {
			.start_ns = bpf_ktime_get_ns(),
			.role = is_output ? CLIENT : SERVER,
		};

		if (!is_output)
			exchange.peer = thread->peer;
		/* The text may end at the end of what is mapped. */
		if (bpf_probe_read_user_str(exchange.request, REQUEST_SIZE, text) < 0)
			return 0;
		bpf_map_update_elem(&exchanges, &connection, &exchange, BPF_ANY);
		return 0;
	}
	known = bpf_map_lookup_elem(&exchanges, &connection);
	if (!known || (known->role == CLIENT) == is_output)
		return 0;
	event = bpfrb_reserve(events, sizeof(*event));
	if (event) {
		event->end_ns = bpf_ktime_get_ns();
		event->pid = task >> 32;
		event->tid = task;
		__builtin_memcpy(&event->exchange, known, sizeof(*known));
		if (!is_output)
			event->exchange.peer = thread->peer;
		__builtin_memcpy(event->response, head, RESPONSE_SIZE);
		event->is_tls = is_tls;
		bpfrb_submit(events, event);
	}
	bpf_map_delete_elem(&exchanges, &connection);
	return 0;
}

/* A parser or a TLS connection begins, before it is given anything. */
SEC("uprobe")
int on_begin(void *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u8 one = 1;

	if (pid != ignored_pid && (!only_pid || pid == only_pid) && !is_user(pid))
		bpf_map_update_elem(&users, &pid, &one, BPF_ANY);
	return 0;
}

/* In the context of the thread that reads, each time that it got something of a TCP socket. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_socket_read, struct sock *sk)
{
	struct thread *thread = this_thread();

	if (!thread)
		return 0;
	thread->input = (__u64)sk;
	thread->is_tls = 0;
	read_peer(&thread->peer, sk);
	return 0;
}

SEC("uprobe")
int BPF_KPROBE(on_ssl_read, __u64 ssl)
{
	struct thread *thread = this_thread();

	if (thread)
		thread->ssl = ssl;
	return 0;
}

SEC("uretprobe")
int BPF_KRETPROBE(on_ssl_was_read, int size)
{
	struct thread *thread = this_thread();

	if (!thread || !thread->ssl)
		return 0;
	if (size > 0) {
		thread->input = thread->ssl;
		thread->is_tls = 1;
	}
	thread->ssl = 0;
	return 0;
}

SEC("uprobe")
int BPF_KPROBE(on_parse, void *parser, const char *text)
{
	struct thread *thread = this_thread();

	if (thread && thread->input)
		see(thread->input, text, thread, false, thread->is_tls);
	return 0;
}

SEC("uprobe")
int BPF_KPROBE(on_ssl_write, __u64 ssl, const char *text)
{
	struct thread *thread = this_thread();

	if (thread)
		see(ssl, text, thread, true, true);
	return 0;
}

/* A uv_buf_t is a struct iovec: the address comes first. */
SEC("uprobe")
int BPF_KPROBE(on_try_write, void *stream, const void *buffers)
{
	struct thread *thread = this_thread();

	if (thread && bpf_probe_read_user(&thread->output, sizeof(thread->output), buffers))
		thread->output = 0;
	return 0;
}

static __always_inline int send(struct sock *sk)
{
	struct thread *thread = this_thread();

	if (!thread || !thread->output)
		return 0;
	see((__u64)sk, (const char *)thread->output, thread, true, false);
	thread->output = 0;
	return 0;
}

/* Since Linux 6.3. */
SEC("?tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk)
{
	return send(sk);
}

/* Before. */
SEC("?fentry/tcp_sendmsg")
int BPF_PROG(on_tcp_send, struct sock *sk)
{
	return send(sk);
}
