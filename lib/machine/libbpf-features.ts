// What the libbpf that is loaded can do, by its version: its functions are what
// its releases added.
import type { Feature } from './feature.js'
import { unknown, whether } from './feature.js'

/** What newer releases of libbpf added. */
export interface LibbpfFeatures {
  /** The user ring buffer, `user_ring_buffer__*`: libbpf 1.1. */
  readonly userRingBuffer: Feature
  /** Links of `struct_ops`, `.struct_ops.link` and `bpf_link__update_map()`: libbpf 1.2. */
  readonly structOpsLinks: Feature
  /** `uprobe.multi`, `bpf_program__attach_uprobe_multi()`: libbpf 1.3. */
  readonly uprobeMulti: Feature
  /** `bpf_program__attach_tcx()`: libbpf 1.3. */
  readonly tcx: Feature
  /** `bpf_program__attach_netkit()`: libbpf 1.3. */
  readonly netkit: Feature
  /** `bpf_program__attach_netfilter()`: libbpf 1.3. */
  readonly netfilter: Feature
  /** A ring's own functions, `ring__*`: libbpf 1.3. */
  readonly rings: Feature
  /** BPF tokens, `bpf_token_create()`: libbpf 1.4. */
  readonly tokens: Feature
  /** `ring_buffer__consume_n()`: libbpf 1.5. */
  readonly consumeN: Feature
}

/** The first minor version of libbpf 1 that has it. */
const since: Record<keyof LibbpfFeatures, number> = {
  userRingBuffer: 1,
  structOpsLinks: 2,
  uprobeMulti: 3,
  tcx: 3,
  netkit: 3,
  netfilter: 3,
  rings: 3,
  tokens: 4,
  consumeN: 5,
}

/**
 * @param loaded The version that is loaded, such as "1.1".
 * @param headers The one that the addon was compiled with.
 */
export function libbpfFeatures(
  versions: { loaded: string; headers: string } | { problem: string },
): LibbpfFeatures {
  const features = Object.entries(since).map(([name, minor]): [string, Feature] => {
    if ('problem' in versions) return [name, unknown(versions.problem)]
    const { loaded, headers } = versions
    const old = !atLeast(loaded, minor) || !atLeast(headers, minor)
    const what = atLeast(loaded, minor) ? 'the addon was compiled with' : 'this is'
    const version = atLeast(loaded, minor) ? headers : loaded
    return [
      name,
      whether(
        !old,
        old
          ? `It needs libbpf 1.${minor}, ${what} ${version}`
          : `libbpf ${loaded} has it, since 1.${minor}`,
      ),
    ]
  })
  return Object.freeze(Object.fromEntries(features)) as unknown as LibbpfFeatures
}

/**
 * The size of what this libbpf writes for usdt.bpf.h, a value of `__bpf_usdt_specs`; nothing
 * of one that is newer than what is known here.
 *
 * @param version Such as "1.7".
 */
export function usdtSpecBytes(version: string): number | undefined {
  if (!atLeast(version, 7)) return 208
  return atLeast(version, 8) ? undefined : 304
}

function atLeast(version: string, minor: number): boolean {
  const [major = 0, found = 0] = version.split('.').map(Number)
  return major > 1 || (major === 1 && found >= minor)
}
