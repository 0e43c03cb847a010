// What the kernel says of a map.
import { flagsOfBits, type MapFlag } from './kinds.js'
import type { KernelMap } from './kernel-map.js'

/** What the kernel says of a map. */
export interface MapInfo {
  /** Its number in the kernel, which `BpfMap.fromId()` takes. */
  id: number
  /** As the kernel keeps it: at most 15 characters. */
  name: string
  /** As `BpfMap.type`, such as `hash`. */
  type: string
  /** In bytes. */
  keySize: number
  /** In bytes, of one CPU. */
  valueSize: number
  /** How many entries it has room for; of rings, bytes. */
  maxEntries: number
  /** Its flags, such as `no_prealloc` or `mmapable`. */
  flags: MapFlag[]
  /** What it takes of the kernel's memory; nothing where /proc does not say. */
  memoryBytes: number | undefined
  /** `freeze()` was called: programs alone may write. */
  isFrozen: boolean
}

export function mapInfo(kernel: KernelMap): MapInfo {
  const handle = kernel.handle('read')
  const [id = 0, keySize = 0, valueSize = 0, maxEntries = 0, flags = 0] = handle.info()
  const { memoryBytes, frozen } = kernel.state('read')
  return {
    id,
    name: handle.name(),
    type: kernel.type,
    keySize,
    valueSize,
    maxEntries,
    flags: flagsOfBits(flags),
    memoryBytes,
    isFrozen: frozen,
  }
}
