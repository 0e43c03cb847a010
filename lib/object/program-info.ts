// What the kernel says of a program, struct bpf_prog_info of linux/bpf.h.
import { nameOf, type ProgramType } from '../link/program-types.js'
import { littleEndian } from '../types/memory.js'

/** What the kernel says of a loaded program. */
export interface ProgramInfo {
  /** `bpftool prog show id ID`. */
  id: number
  /** The type of the program, as `BpfProgram.type`. */
  type: ProgramType
  /** A hash of its instructions. */
  tag: string
  /** Its name in the kernel, which keeps 15 characters. */
  name: string
  /** When it was loaded, in nanoseconds since the machine was started. */
  loadTimeNs: bigint
  /** Of whom loaded it. */
  uid: number
  /** Whether its licence lets it call helpers that are for GPL programs only. */
  gplCompatible: boolean
  /** The maps that it uses, those of global variables too. */
  mapIds: number[]
  /** Of its types. */
  btfId: number
  /** As the verifier left it, in bytes; 0 where that is not told. */
  translatedBytes: number
  /** As machine code, in bytes; 0 without a JIT compiler. */
  jitedBytes: number
  /** Runs, and the time that they took: counted while somebody has `enableStats()`. */
  runCount: bigint
  /** The time that all runs took, in nanoseconds. */
  runTimeNs: bigint
  /** Runs that were left out, as the program was running on that CPU. Linux 5.12. */
  recursionMisses: bigint | undefined
  /** Instructions that the verifier looked at. Linux 5.16. */
  verifiedInstructions: number | undefined
}

/** @param bytes As native code gives them: the struct, as much as the kernel has, and map ids. */
export function decodeProgramInfo(bytes: Uint8Array): ProgramInfo {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const u32 = (at: number): number => view.getUint32(at, littleEndian)
  const u64 = (at: number): bigint => view.getBigUint64(at, littleEndian)
  const mapCount = u32(52)
  const end = bytes.length - 4 * mapCount
  const name = Buffer.from(bytes.subarray(64, 80)).toString()
  return {
    id: u32(4),
    type: nameOf('program', u32(0)),
    tag: Buffer.from(bytes.subarray(8, 16)).toString('hex'),
    name: name.replace(/\0.*$/s, ''),
    loadTimeNs: u64(40),
    uid: u32(48),
    gplCompatible: (u32(84) & 1) === 1,
    mapIds: Array.from({ length: mapCount }, (_, i) => u32(end + 4 * i)),
    btfId: u32(128),
    translatedBytes: u32(20),
    jitedBytes: u32(16),
    runCount: u64(200),
    runTimeNs: u64(192),
    recursionMisses: end < 216 ? undefined : u64(208),
    verifiedInstructions: end < 220 ? undefined : u32(216),
  }
}
