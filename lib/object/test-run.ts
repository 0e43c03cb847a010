// BPF_PROG_TEST_RUN
import type { NativeProgram, NativeRun } from '../addon/program.js'
import { bytesOf, checkFlags, checkInteger, checkOptions, invalidType } from '../errors/errors.js'
import { nameOf, type ProgramType } from '../link/program-types.js'

const ENXIO = -6
const ENOMEM = -12
const EINVAL = -22

/** How a program is run on demand; which of these depends on its type. */
export interface TestRunOptions {
  /**
   * What the program gets as its context: of `raw_tp` the arguments as 64-bit
   * words, of `xdp` a `struct xdp_md`, of packets a `struct __sk_buff`, of
   * `syscall` anything. The program gets a copy.
   */
  context?: ArrayBufferView | undefined
  /** The packet, of at least 14 bytes. The program gets a copy. */
  data?: ArrayBufferView | undefined
  /** How often it is run, of packets. Default: once. */
  repeat?: number | undefined
  /** The CPU to run on, of `raw_tp`. Default: this one. */
  cpu?: number | undefined
  /**
   * `xdp_live_frames`: do with the packet what the program says, Linux 5.18;
   * `skb_checksum_complete`: Linux 6.18.
   */
  flags?: readonly TestRunFlag[] | undefined
  /** Packets at a time, with `xdp_live_frames`. */
  batchSize?: number | undefined
}

/** A flag of {@link TestRunOptions}. */
export type TestRunFlag = 'xdp_live_frames' | 'skb_checksum_complete'

const flagBits: Record<TestRunFlag, number> = { xdp_live_frames: 2, skb_checksum_complete: 4 }

/** What a run gave. */
export interface TestRun {
  /** An unsigned 32-bit number. */
  returnValue: number
  /** The packet that the program left, when there was one. */
  data: Uint8Array | undefined
  /** The context that it left, of packets and of `syscall`, when one was given. */
  context: Uint8Array | undefined
  /** What one run took, on average; 0 where the kernel does not measure. */
  durationNs: number
}

/** Those of which the kernel gives the context back by itself. */
const givesContext: readonly ProgramType[] = [
  'socket_filter',
  'sched_cls',
  'sched_act',
  'xdp',
  'cgroup_skb',
  'lwt_in',
  'lwt_out',
  'lwt_xmit',
  'lwt_seg6local',
  'sk_skb',
  'sk_lookup',
]

/** @returns What native code gives: the run, or an error number. */
export function testRun(program: NativeProgram, options: TestRunOptions): NativeRun | number {
  checkOptions(options, ['context', 'data', 'repeat', 'cpu', 'flags', 'batchSize'])
  const context = checkBytes(options.context, 'context')
  const data = checkBytes(options.data, 'data')
  const repeat = checkInteger(options.repeat ?? 0, 'repeat', 0, 2 ** 31 - 1)
  const cpu = options.cpu === undefined ? -1 : checkInteger(options.cpu, 'cpu', 0, 2 ** 31 - 1)
  const flags = checkFlags(options.flags ?? [], 'flags', flagBits)
  const batchSize = checkInteger(options.batchSize ?? 0, 'batchSize', 0, 2 ** 32 - 1)
  const contextBack = givesContext.includes(nameOf('program', program.type()))
  return program.testRun(context, contextBack, data, repeat, cpu, flags, batchSize)
}

/** The Ethernet header, and less than what any page has room for. */
const [leastPacket, surePacket] = [14, 3000]

/** What is wrong with the options, if that may be why the kernel did not run the program. */
export function runProblem(
  errno: number,
  type: ProgramType,
  { context, data, repeat }: TestRunOptions,
): string | undefined {
  if (errno === ENXIO) return 'That CPU is not online'
  if (errno !== EINVAL && errno !== ENOMEM) return undefined
  const sizeBytes = data?.byteLength ?? 0
  if (type === 'raw_tracepoint' || type === 'syscall' || type === 'sk_lookup') {
    if (data !== undefined) return `Programs of type ${type} take no data, only a context`
    if (type !== 'raw_tracepoint') return undefined
    if (repeat !== undefined) return 'Programs of type raw_tracepoint are run once: give no repeat'
    const given = `${String(context?.byteLength ?? 0)} bytes of context`
    return `It may read more than ${given}: give 8 bytes for each argument of the tracepoint`
  }
  const isOfPackets = type === 'flow_dissector' || givesContext.includes(type)
  if (!isOfPackets || (sizeBytes >= leastPacket && sizeBytes <= surePacket)) return undefined
  return sizeBytes < leastPacket
    ? 'Give data, a packet of at least 14 bytes, its Ethernet header'
    : 'Its data may be too large: it has to fit into a page of memory with some 600 bytes beside it, of xdp into 17 pages since Linux 5.18'
}

function checkBytes(bytes: unknown, what: string): Uint8Array | undefined {
  if (bytes === undefined) return undefined
  if (!ArrayBuffer.isView(bytes)) throw invalidType('a Uint8Array', what, bytes)
  return bytesOf(bytes)
}
