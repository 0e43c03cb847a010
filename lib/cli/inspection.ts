// What is in an object, and what of it this machine can run.
import type { BtfReader as Btf } from '../btf/reader.js'
import { BpfError, VerifierError } from '../errors/errors.js'
import type { AttachFeatures } from '../machine/attach-features.js'
import { otherUsdtHeader } from '../machine/diagnose-attach.js'
import type { Feature } from '../machine/feature.js'
import type { Features } from '../machine/features.js'
import { usdtSpecBytes } from '../machine/libbpf-features.js'
import type { BpfMap } from '../map/map.js'
import { BpfObject } from '../object/object.js'
import { kernelStructs, namedStructs } from './named-structs.js'
import { prepareRing } from './prepare-ring.js'
import { recordTypeOf } from './record-type.js'
import { UsageError } from './usage.js'

/** One part of the object, and whether it runs here. */
interface Part {
  readonly name: string
  readonly runs: Feature['answer']
  /** Why not, or why that cannot be told. */
  readonly why?: string
}

export interface InspectedMap extends Part {
  readonly type: string
  /** In C; null where the object does not say, or there is none. */
  readonly key: string | null
  readonly value: string | null
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  /** Of a ring or perf buffer: what `tail` would take its records for; null when it asks. */
  readonly record?: string | null
  /** Why `tail` would show its records as bytes. */
  readonly recordProblem?: string
}

export interface InspectedProgram extends Part {
  readonly section: string
  readonly type: string
  /** Whether `load()` loads it unless it is told otherwise. */
  readonly autoload: boolean
}

export interface InspectedGlobal {
  readonly name: string
  readonly section: string
  /** In C. */
  readonly type: string
  readonly size: number
  /** Its initial value; nothing when JavaScript cannot read it. */
  readonly value?: unknown
}

export interface InspectedType {
  readonly kind: 'struct' | 'union'
  readonly name: string
  readonly size: number
  readonly members: readonly {
    readonly name: string
    /** In C. */
    readonly type: string
    /** In C, with its name. */
    readonly declaration: string
    /** In bits, from the start of the struct. */
    readonly bitOffset: number
    /** Of a bit-field; 0 otherwise. */
    readonly bitSize: number
  }[]
}

/** What came of loading it, with `--load`. */
export interface LoadResult {
  /** Nothing for the object as a whole. */
  readonly program: string | null
  readonly loads: boolean
  readonly code?: string
  readonly why?: string
}

/**
 * What `bpf-ringbuf inspect --json` prints. Fields may be added; `version` changes when
 * one of them goes or means something else.
 */
export interface Inspection {
  readonly version: 1
  readonly name: string
  readonly maps: readonly InspectedMap[]
  readonly programs: readonly InspectedProgram[]
  readonly globals: readonly InspectedGlobal[]
  /** Without those that the kernel has, too. */
  readonly types: readonly InspectedType[]
  readonly load?: readonly LoadResult[]
}

/** Loads nothing of the object; what the machine has is tried out. */
export function inspect(object: BpfObject, machine: Features): Inspection {
  const { btf, name } = object
  return {
    version: 1,
    name,
    maps: [...object.maps.values()].map((map) => {
      const { name, type, keySize, valueSize, maxEntries, kernel } = map
      const describe = (id: number): string | null =>
        btf === undefined || id === 0 ? null : btf.describe(id)
      return {
        name,
        type,
        key: describe(kernel.btfId('key')),
        value: describe(kernel.btfId('value')),
        keySize,
        valueSize,
        maxEntries,
        ...(type === 'ringbuf' || type === 'perf_event_array' ? recordOf(object, map) : {}),
        ...answerOf(map.overwrites ? machine.buffers.overwritingRing : machine.mapTypes[type]),
      }
    }),
    programs: [...object.programs.values()].map((program) => {
      const { name, section, type, autoload } = program
      const feature = usdtProblem(object, section, machine) ?? featureOf(section, type, machine)
      return { name, section, type, autoload, ...answerOf(feature) }
    }),
    globals: btf === undefined ? [] : globalsOf(object, btf),
    types: btf === undefined ? [] : typesOf(btf),
  }
}

function recordOf(object: BpfObject, map: BpfMap): Pick<InspectedMap, 'record' | 'recordProblem'> {
  try {
    const { name, note } = recordTypeOf(object, map)
    return note === undefined ? { record: name } : { record: null, recordProblem: note }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return { record: null }
  }
}

function answerOf(feature: Feature | undefined): Omit<Part, 'name'> {
  if (feature === undefined) return { runs: 'unknown', why: 'This libbpf does not know the type' }
  const { answer, why } = feature
  return answer === 'yes' ? { runs: answer } : { runs: answer, why }
}

const places: [section: RegExp, kind: keyof AttachFeatures][] = [
  [/^(raw_tp|raw_tracepoint)\b/, 'rawTracepoint'],
  [/^tp_btf\b/, 'tpBtf'],
  [/^(tp|tracepoint)\b/, 'tracepoint'],
  [/^k(ret)?probe\.multi\b/, 'kprobeMulti'],
  [/^k(ret)?(probe|syscall)\b/, 'kprobe'],
  [/^u(ret)?probe\.multi\b/, 'uprobeMulti'],
  [/^(u(ret)?probe|usdt)\b/, 'uprobe'],
  [/^(fentry|fexit|fmod_ret)\b/, 'fentry'],
  [/^lsm\b/, 'lsm'],
  [/^iter\b/, 'iter'],
  [/^perf_event\b/, 'perfEvent'],
  [/^(cgroup|sockops|sk_msg|getsockopt)/, 'cgroup'],
  [/^tcx\b/, 'tcx'],
  [/^netkit\b/, 'netkit'],
  [/^netfilter\b/, 'netfilter'],
]

/** Of the type, where the kernel lacks that, otherwise of the place. */
function featureOf(section: string, type: string, machine: Features): Feature | undefined {
  const ofType = machine.programTypes[type]
  if (ofType !== undefined && ofType.answer === 'no') return ofType
  const place = places.find(([pattern]) => pattern.test(section.replace(/^\?/, '')))
  return place === undefined ? ofType : machine.attach[place[1]]
}

/** That a program's usdt.bpf.h is of another libbpf, as far as its map says that. */
function usdtProblem(
  { maps }: BpfObject,
  section: string,
  { libbpfVersion }: Features,
): Feature | undefined {
  const specs = maps.get('__bpf_usdt_specs')
  if (!section.startsWith('usdt') || specs === undefined || libbpfVersion === undefined) {
    return undefined
  }
  const size = usdtSpecBytes(libbpfVersion) ?? specs.valueSize
  if (size === specs.valueSize) return undefined
  return { answer: 'no', why: otherUsdtHeader(`v${libbpfVersion}`).hint ?? '' }
}

function globalsOf(object: BpfObject, btf: Btf): InspectedGlobal[] {
  return btf.variables().map(({ name, section, type, size }) => {
    const global = { name, section, type: btf.describe(type), size }
    try {
      return { ...global, value: object.globals[name] }
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      return global
    }
  })
}

function typesOf(btf: Btf): InspectedType[] {
  const kernel = kernelStructs()
  return [...namedStructs(btf)].flatMap(([name, id]) => {
    const type = btf.type(id)
    if (kernel.has(name) || (type.kind !== 'struct' && type.kind !== 'union')) return []
    const members = type.members.map(({ name, type, bitOffset, bitSize }) => ({
      name,
      type: btf.describe(type),
      declaration: btf.describe(type, name) + (bitSize === 0 ? '' : `:${bitSize}`),
      bitOffset,
      bitSize,
    }))
    return [{ kind: type.kind, name, size: type.size, members }]
  })
}

/** Loads the object; when that fails, each program alone, to find out which it is. */
export function tryToLoad(path: string): LoadResult[] {
  const whole = load(path)
  if (whole.loads) return [whole]
  using object = BpfObject.open(path)
  const names = [...object.programs.values()].filter(({ autoload }) => autoload)
  return [whole, ...names.map(({ name }) => load(path, name))]
}

function load(path: string, program?: string): LoadResult {
  using object = BpfObject.open(path, { pinRoot: null })
  for (const map of object.maps.values()) prepareRing(map)
  for (const each of object.programs.values()) {
    if (program !== undefined) each.autoload = each.name === program
  }
  try {
    object.load()
    return { program: program ?? null, loads: true }
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
    const { code, message } = error
    const log = error instanceof VerifierError ? `\n${error.verifierLog.trimEnd()}` : ''
    return { program: program ?? null, loads: false, code, why: message + log }
  }
}
