// A failure of the kernel, and what it means.
import type { BpfErrorCode } from '../errors/errors.js'
import type { CapabilityName } from './facts.js'

/** What an object declares about a map. */
export interface DeclaredMap {
  name: string
  /** As libbpf calls it, such as `ringbuf`. */
  type: string
  keySize: number
  valueSize: number
  maxEntries: number
  /** Whether the load was to create it. */
  autocreate?: boolean
  /** A ring that overwrites its oldest records, BPF_F_RB_OVERWRITE. */
  overwrites?: boolean
}

/** What an operation needs, when the kernel or libbpf may lack it. */
export interface Needs {
  feature: string
  /** Linux, the major and the minor number. */
  kernel?: readonly [major: number, minor: number]
  /** libbpf, such as "1.3". */
  libbpf?: string
}

/** What a perf event was to be, to explain why there is none. */
export interface PerfEventFacts {
  isSoftware: boolean
  ofCgroup: boolean
  /** How often a second, unless it is once in so many. */
  hz?: number | undefined
}

/** A failure of the kernel, to be explained. */
export interface Failure {
  operation: string
  /** Negative, as everywhere in this library. */
  errno: number
  log: string
  /** The section of the program that was loaded or attached, or one for where it was. */
  section?: string | undefined
  /** The type of that program, as libbpf calls it. */
  type?: string | undefined
  /** The types of all programs and maps that were to be loaded. */
  types?: readonly string[] | undefined
  /** The one capability that the kernel asks for, in the place of those for BPF. */
  privilege?: CapabilityName | undefined
  needs?: Needs | undefined
  perfEvent?: PerfEventFacts | undefined
  /** The functions of a list that their file does not have. */
  missing?: readonly string[] | undefined
  /** The mode that an XDP program was to have. */
  xdpMode?: string | undefined
  /** The map that the kernel did not create, if it was one. */
  map?: DeclaredMap | undefined
  /** What a probe says of the map's type, when this kernel does not have it. */
  lacksMaps?: string | undefined
  /** A probe says that this kernel has no rings that overwrite. */
  lacksOverwriting?: boolean | undefined
  /** A probe says that this kernel has no ring buffers. */
  lacksRingBuffers?: boolean | undefined
  /** The same of user ring buffers. */
  lacksUserRingBuffers?: boolean | undefined
}

/** What a failure means: which kind it is, and what to do. */
export interface Diagnosis {
  code: BpfErrorCode
  hint?: string
}
