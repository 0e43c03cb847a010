// What the kernel says of a link, struct bpf_link_info of linux/bpf.h.
import { littleEndian } from '../types/memory.js'
import { type AttachType, type LinkType, nameOf } from './program-types.js'

/** What the kernel says of a link; what it does not say, or not of this kind, is left out. */
export interface LinkInfo {
  /** `bpftool link show id ID`. */
  id: number
  /** The kind of the link. */
  type: LinkType
  /** The program that is attached now. */
  programId: number
  /** What the program is attached as; of tracing, cgroups, network devices and maps. */
  attachType?: AttachType
  /** The tracepoint, function, file or what an iterator visits. Linux 6.6 of probes. */
  name?: string
  /** The offset from the beginning of the function, or of the file. */
  offset?: number
  /** What `bpf_get_attach_cookie()` gives in the program. */
  cookie?: bigint
  /** Of probes: runs that were missed. */
  missed?: bigint
  /** Of a cgroup. */
  cgroupId?: bigint
  /** Of a network device. */
  ifindex?: number
  /** The inode of a network namespace. */
  netnsInode?: number
  /** Of struct_ops and sockmap, and of an iterator for a map. */
  mapId?: number
}

const headBytes = 256

const uprobeEvents = new Set([1, 2]) // BPF_PERF_EVENT_UPROBE, BPF_PERF_EVENT_URETPROBE
const kprobeEvents = new Set([3, 4]) // BPF_PERF_EVENT_KPROBE, BPF_PERF_EVENT_KRETPROBE
const tracepointEvent = 5
const plainEvent = 6

/** @param bytes As native code gives them: the struct, 256 bytes, and a name. */
export function decodeLinkInfo(bytes: Uint8Array): LinkInfo {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const u32 = (at: number): number => view.getUint32(at, littleEndian)
  const u64 = (at: number): bigint => view.getBigUint64(at, littleEndian)
  const type = nameOf('link', u32(0))
  const info: LinkInfo = { id: u32(4), type, programId: u32(8) }
  if (bytes.length > headBytes) {
    info.name = Buffer.from(bytes.buffer, bytes.byteOffset + headBytes).toString()
  }
  const attachedAs = (at: number): void => {
    info.attachType = nameOf('attach', u32(at))
  }
  switch (type) {
    case 'raw_tracepoint':
      info.cookie = u64(32)
      break
    case 'tracing':
      attachedAs(16)
      info.cookie = u64(32)
      break
    case 'cgroup':
      info.cgroupId = u64(16)
      attachedAs(24)
      break
    case 'iter':
      if (info.name?.startsWith('bpf_map_elem') === true) info.mapId = u32(32)
      break
    case 'netns':
      info.netnsInode = u32(16)
      attachedAs(20)
      break
    case 'xdp':
      info.ifindex = u32(16)
      break
    case 'tcx':
    case 'netkit':
      info.ifindex = u32(16)
      attachedAs(20)
      break
    case 'sockmap':
      info.mapId = u32(16)
      attachedAs(20)
      break
    case 'struct_ops':
      info.mapId = u32(16)
      break
    case 'kprobe_multi':
      info.missed = u64(32)
      break
    case 'perf_event':
      decodePerfEvent(info, u32, u64)
      break
  }
  return info
}

function decodePerfEvent(
  info: LinkInfo,
  u32: (at: number) => number,
  u64: (at: number) => bigint,
): void {
  const event = u32(16)
  if (uprobeEvents.has(event)) {
    info.offset = u32(36)
    info.cookie = u64(40)
  } else if (kprobeEvents.has(event)) {
    info.offset = u32(36)
    info.missed = u64(48)
    info.cookie = u64(56)
  } else if (event === tracepointEvent || event === plainEvent) {
    info.cookie = u64(40)
  }
}
