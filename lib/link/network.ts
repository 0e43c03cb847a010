// Network devices, and what passes them.
import { addon } from '../addon/addon.js'
import { BpfError, checkInteger, invalidType } from '../errors/errors.js'
import { checkOneOf, checkTarget, checkText, descriptorOf, type Kind } from './kind.js'
import { numberOf } from './program-types.js'

/** A network interface of this network namespace: its name, or its index. */
export type Interface = string | number

/** The receiving side of a network device, before the kernel's own network stack. Linux 5.9. */
export interface XdpTarget {
  /** The device. */
  interface: Interface
  /**
   * `skb`: for any device, after the packet has memory of its own; `driver`:
   * before, where the driver can; `hardware`: on the device. By default the
   * kernel chooses.
   */
  mode?: 'skb' | 'driver' | 'hardware' | undefined
}

/**
 * Traffic control: a filter of the device's `clsact` qdisc, which is made when it
 * is missing and is left when the link closes. It is no link of the kernel's: it
 * cannot be pinned, and stays when the process is killed.
 */
export interface TcTarget {
  /** The device. */
  interface: Interface
  /** What the device receives, or what it sends. */
  direction: 'ingress' | 'egress'
  /** Lower ones come first. Default: the kernel chooses. */
  priority?: number | undefined
  /** The number of the filter. Default: the kernel chooses. */
  handle?: number | undefined
}

/**
 * Among the programs of a device, which run one after another: before or after that of a
 * link, or `all` of them. By default the program comes last.
 */
export type Order =
  | { before?: BesideLink | 'all' | undefined; after?: undefined }
  | { after?: BesideLink | 'all' | undefined; before?: undefined }

/** A `BpfLink` of the same device and direction. */
export interface BesideLink {
  /** The descriptor of the link. */
  readonly fd: number
}

/** Traffic control without a qdisc. Linux 6.6. */
export type TcxTarget = Order & {
  /** The device. */
  interface: Interface
  /** What the device receives, or what it sends. */
  direction: 'ingress' | 'egress'
}

/** A netkit device's programs. Linux 6.7 with CONFIG_NETKIT, which not every distribution has. */
export type NetkitTarget = Order & {
  /** The primary device. */
  interface: Interface
  /** What leaves the primary device, or its peer. Default `primary`. */
  side?: 'primary' | 'peer' | undefined
}

const families = { ipv4: 2, ipv6: 10 } as const
const hooks = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const

/** A hook of netfilter, of this network namespace. Linux 6.4. */
export interface NetfilterTarget {
  /** Packets of which protocol. */
  family: keyof typeof families
  /** Where in the way of a packet. */
  hook: (typeof hooks)[number]
  /** Lower ones come first; neither -2^31 nor 2^31 - 1. */
  priority: number
  /** Put fragments together before. */
  defragment?: boolean | undefined
}

function checkInterface(value: unknown): number {
  if (typeof value === 'number') return checkInteger(value, 'interface', 1, 2 ** 31 - 1)
  if (typeof value !== 'string') {
    throw invalidType('the name or the index of a network interface', 'interface', value)
  }
  const name = checkText(value, 'interface')
  const index = addon().interfaceIndex(name)
  if (index > 0) return index
  throw new BpfError('ERR_NOT_FOUND', 'there is no such network interface', {
    operation: 'attach to',
    target: `interface "${name}"`,
    errno: index,
  })
}

const attachNumber = (name: string): number => numberOf('attach', name) ?? NaN

const xdp: Kind<XdpTarget> = {
  types: ['xdp'],
  attach: (program, target) => {
    checkTarget(target, 'xdp', ['interface', 'mode'])
    const { mode } = target
    const modes = ['skb', 'driver', 'hardware'] as const
    // XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE, XDP_FLAGS_HW_MODE
    const flags = mode === undefined ? 0 : 2 << modes.indexOf(checkOneOf(mode, 'mode', modes))
    return {
      link: program.attachDevice(checkInterface(target.interface), attachNumber('xdp'), flags, -1),
      place: `xdp/${String(target.interface)}`,
      xdpMode: mode,
      needs: { feature: 'XDP by a link', kernel: [5, 9] },
    }
  },
}

const directions = ['ingress', 'egress'] as const

const tc: Kind<TcTarget> = {
  types: ['sched_cls'],
  attach: (program, target) => {
    checkTarget(target, 'tc', ['interface', 'direction', 'priority', 'handle'])
    const direction = checkOneOf(target.direction, 'direction', directions)
    const priority = checkInteger(target.priority ?? 0, 'priority', 0, 2 ** 16 - 1)
    const handle = checkInteger(target.handle ?? 0, 'handle', 0, 2 ** 32 - 1)
    const attachPoint = 1 << directions.indexOf(direction) // BPF_TC_INGRESS, BPF_TC_EGRESS
    return {
      link: program.attachTc(checkInterface(target.interface), attachPoint, handle, priority),
      place: `tc/${String(target.interface)}`,
    }
  },
}

/** The flags, and the descriptor of the link beside it or -1. */
function checkOrder({
  before,
  after,
}: {
  before?: unknown
  after?: unknown
}): [flags: number, relativeFd: number] {
  if (before !== undefined && after !== undefined) {
    throw invalidType('one of before and after', 'the order', { before, after })
  }
  const beside = before ?? after
  if (beside === undefined) return [0, -1]
  const flag = before === undefined ? 1 << 4 : 1 << 3 // BPF_F_AFTER, BPF_F_BEFORE
  if (beside === 'all') return [flag, -1]
  const isLink = 1 << 13 // BPF_F_LINK
  return [flag | isLink, descriptorOf(beside, 'BpfLink', before === undefined ? 'after' : 'before')]
}

const tcx: Kind<TcxTarget> = {
  types: ['sched_cls'],
  attach: (program, target) => {
    checkTarget(target, 'tcx', ['interface', 'direction', 'before', 'after'])
    const type = `tcx_${checkOneOf(target.direction, 'direction', directions)}`
    return {
      link: program.attachDevice(
        checkInterface(target.interface),
        attachNumber(type),
        ...checkOrder(target),
      ),
      place: `tcx/${String(target.interface)}`,
      needs: { feature: 'TCX', kernel: [6, 6] },
    }
  },
}

const netkit: Kind<NetkitTarget> = {
  types: ['sched_cls'],
  attach: (program, target) => {
    checkTarget(target, 'netkit', ['interface', 'side', 'before', 'after'])
    const type = `netkit_${checkOneOf(target.side ?? 'primary', 'side', ['primary', 'peer'])}`
    return {
      link: program.attachDevice(
        checkInterface(target.interface),
        attachNumber(type),
        ...checkOrder(target),
      ),
      place: `netkit/${String(target.interface)}`,
      needs: { feature: 'netkit', kernel: [6, 7] },
    }
  },
}

const netfilter: Kind<NetfilterTarget> = {
  types: ['netfilter'],
  attach: (program, target) => {
    checkTarget(target, 'netfilter', ['family', 'hook', 'priority', 'defragment'])
    const family = checkOneOf(target.family, 'family', ['ipv4', 'ipv6'])
    const hook = checkOneOf(target.hook, 'hook', hooks)
    // The kernel keeps the first and the last for itself.
    const priority = checkInteger(target.priority, 'priority', 1 - 2 ** 31, 2 ** 31 - 2)
    const { defragment = false } = target
    if (typeof defragment !== 'boolean') throw invalidType('a boolean', 'defragment', defragment)
    return {
      link: program.attachNetfilter(
        families[family],
        hooks.indexOf(hook),
        priority,
        defragment ? 1 : 0,
      ),
      place: `netfilter/${hook}`,
      needs: { feature: 'netfilter', kernel: [6, 4] },
    }
  },
}

export const network = { xdp, tc, tcx, netkit, netfilter }
