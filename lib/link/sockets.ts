// Sockets, and what groups them: cgroups, network namespaces, maps.
import { checkDescriptor, descriptorOf, type Kind, withDescriptor } from './kind.js'
import { numberOf } from './program-types.js'

/** A cgroup of version 2: a path such as `/sys/fs/cgroup/NAME`, or a descriptor. */
export type CgroupTarget = string | number

/**
 * A network namespace: a path such as `/proc/self/ns/net`, or a descriptor. For
 * `sk_lookup` and `flow_dissector` programs.
 */
export type NetnsTarget = string | number

/**
 * The descriptor of a socket. It is no link of the kernel's: it cannot be pinned,
 * and lasts as long as the socket. Closing the link detaches only while the
 * descriptor refers to that socket.
 */
export type SocketTarget = number

/**
 * A map of type `sockmap` or `sockhash`, whose sockets the program is for: those that
 * are set after it was attached, as the kernel looks for programs when a socket is set.
 */
export interface SockmapTarget {
  /** The descriptor of the map. */
  readonly fd: number
}

const cgroup: Kind<CgroupTarget> = {
  types: [
    'cgroup_skb',
    'cgroup_sock',
    'cgroup_sock_addr',
    'cgroup_device',
    'cgroup_sysctl',
    'cgroup_sockopt',
    'sock_ops',
    'lsm',
  ],
  attach: (program, target) =>
    withDescriptor(target, 'cgroup', (fd) => ({
      link: program.attachCgroup(fd),
      place: `cgroup/${String(target)}`,
      needs: { feature: 'A cgroup by a link', kernel: [5, 7] },
    })),
}

const netns: Kind<NetnsTarget> = {
  types: ['sk_lookup', 'flow_dissector'],
  attach: (program, target) =>
    withDescriptor(target, 'netns', (fd) => ({
      link: program.attachNetns(fd),
      place: `netns/${String(target)}`,
      needs: { feature: 'A network namespace by a link', kernel: [5, 9] },
    })),
}

const socket: Kind<SocketTarget> = {
  types: ['socket_filter'],
  attach: (program, target) => ({
    link: program.attachSocket(checkDescriptor(target, 'socket'), false),
    place: 'socket',
  }),
}

const reuseport: Kind<SocketTarget> = {
  types: ['sk_reuseport', 'socket_filter'],
  attach: (program, target) => ({
    link: program.attachSocket(checkDescriptor(target, 'reuseport'), true),
    place: 'sk_reuseport',
  }),
}

const sockmap: Kind<SockmapTarget> = {
  types: ['sk_skb', 'sk_msg'],
  attach: (program, target) => {
    const fd = descriptorOf(target, 'BpfMap', 'sockmap')
    // A section that says only "sk_skb" leaves it open.
    const type = program.expectedAttachType() || numberOf('attach', 'sk_skb_verdict')
    return { link: program.attachSockmap(fd, type ?? NaN), place: 'sockmap' }
  },
}

export const sockets = { cgroup, netns, socket, reuseport, sockmap }
