// The names of linux/bpf.h's numbers, as libbpf prints them.

/** enum bpf_prog_type, in its order. */
const programTypes = [
  'unspec',
  'socket_filter',
  'kprobe',
  'sched_cls',
  'sched_act',
  'tracepoint',
  'xdp',
  'perf_event',
  'cgroup_skb',
  'cgroup_sock',
  'lwt_in',
  'lwt_out',
  'lwt_xmit',
  'sock_ops',
  'sk_skb',
  'cgroup_device',
  'sk_msg',
  'raw_tracepoint',
  'cgroup_sock_addr',
  'lwt_seg6local',
  'lirc_mode2',
  'sk_reuseport',
  'flow_dissector',
  'cgroup_sysctl',
  'raw_tracepoint_writable',
  'cgroup_sockopt',
  'tracing',
  'struct_ops',
  'ext',
  'lsm',
  'sk_lookup',
  'syscall',
  'netfilter',
] as const

/** enum bpf_attach_type, in its order. */
const attachTypes = [
  'cgroup_inet_ingress',
  'cgroup_inet_egress',
  'cgroup_inet_sock_create',
  'cgroup_sock_ops',
  'sk_skb_stream_parser',
  'sk_skb_stream_verdict',
  'cgroup_device',
  'sk_msg_verdict',
  'cgroup_inet4_bind',
  'cgroup_inet6_bind',
  'cgroup_inet4_connect',
  'cgroup_inet6_connect',
  'cgroup_inet4_post_bind',
  'cgroup_inet6_post_bind',
  'cgroup_udp4_sendmsg',
  'cgroup_udp6_sendmsg',
  'lirc_mode2',
  'flow_dissector',
  'cgroup_sysctl',
  'cgroup_udp4_recvmsg',
  'cgroup_udp6_recvmsg',
  'cgroup_getsockopt',
  'cgroup_setsockopt',
  'trace_raw_tp',
  'trace_fentry',
  'trace_fexit',
  'modify_return',
  'lsm_mac',
  'trace_iter',
  'cgroup_inet4_getpeername',
  'cgroup_inet6_getpeername',
  'cgroup_inet4_getsockname',
  'cgroup_inet6_getsockname',
  'xdp_devmap',
  'cgroup_inet_sock_release',
  'xdp_cpumap',
  'sk_lookup',
  'xdp',
  'sk_skb_verdict',
  'sk_reuseport_select',
  'sk_reuseport_select_or_migrate',
  'perf_event',
  'trace_kprobe_multi',
  'lsm_cgroup',
  'struct_ops',
  'netfilter',
  'tcx_ingress',
  'tcx_egress',
  'trace_uprobe_multi',
  'cgroup_unix_connect',
  'cgroup_unix_sendmsg',
  'cgroup_unix_recvmsg',
  'cgroup_unix_getpeername',
  'cgroup_unix_getsockname',
  'netkit_primary',
  'netkit_peer',
  'trace_kprobe_session',
  'trace_uprobe_session',
  'trace_fsession',
] as const

/** enum bpf_link_type, in its order. */
const linkTypes = [
  'unspec',
  'raw_tracepoint',
  'tracing',
  'cgroup',
  'iter',
  'netns',
  'xdp',
  'perf_event',
  'kprobe_multi',
  'struct_ops',
  'netfilter',
  'tcx',
  'uprobe_multi',
  'netkit',
  'sockmap',
] as const

/** BPF_F_* of BPF_PROG_LOAD, from bit 0 on. */
const programFlags = [
  'strict_alignment',
  'any_alignment',
  'test_rnd_hi32',
  'test_state_freq',
  'sleepable',
  'xdp_has_frags',
  'xdp_dev_bound_only',
  'test_reg_invariants',
] as const

/** What a program is, `enum bpf_prog_type`; one that this library does not know is `unknown`. */
export type ProgramType = (typeof programTypes)[number] | 'unknown'
/** Where a program is to be attached, `enum bpf_attach_type`. */
export type AttachType = (typeof attachTypes)[number] | 'unknown'
/** What a link of the kernel is, `enum bpf_link_type`. */
export type LinkType = (typeof linkTypes)[number] | 'unknown'
/** How a program is loaded, `BPF_F_*`. */
export type ProgramFlag = (typeof programFlags)[number]

const names = {
  program: programTypes,
  attach: attachTypes,
  link: linkTypes,
} as const

type Names = typeof names

/** The name of a number; `unknown` when there is none. */
export function nameOf<K extends keyof Names>(
  kind: K,
  number: number,
): Names[K][number] | 'unknown' {
  return names[kind][number] ?? 'unknown'
}

/** The number of a name; nothing when there is none. */
export function numberOf(kind: keyof Names, name: unknown): number | undefined {
  const number = (names[kind] as readonly unknown[]).indexOf(name)
  return number < 0 ? undefined : number
}

/** Names of the bits of flags. */
export function flagsOf(bits: number): ProgramFlag[] {
  return programFlags.filter((_, bit) => ((bits >>> bit) & 1) === 1)
}

/** Each flag's bit. */
export const programFlagBits: Readonly<Record<string, number>> = Object.fromEntries(
  programFlags.map((name, bit) => [name, 2 ** bit]),
)

export { programTypes, attachTypes, programFlags }
