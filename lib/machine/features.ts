// What this machine has for BPF, found out by trying rather than by versions,
// because distributions port features back.
import { existsSync } from 'node:fs'
import { BpfError, checkOptions, invalidType, outOfRange } from '../errors/errors.js'
import { type AttachFeatures, attachKinds, tryToAttach } from './attach-features.js'
import { readSystemFacts, readText, type SystemFacts } from './facts.js'
import {
  addonProblem,
  ask,
  type Feature,
  feature,
  judge,
  loadedAddon,
  no,
  unknown,
  yes,
} from './feature.js'
import { type LibbpfFeatures, libbpfFeatures } from './libbpf-features.js'
import {
  type ProcessFeatures,
  processFeatures,
  type SystemFeatures,
  systemFeatures,
} from './settings.js'

/** What the kernel has of BPF at large. */
export interface KernelFeatures {
  /** This process may load tracing programs. Where it may not, most other answers are `unknown`. */
  readonly programs: Feature
  /** /sys/kernel/btf/vmlinux, which CO-RE, `tp_btf`, `fentry`, `lsm` and `iter` need. */
  readonly btf: Feature
  /** Programs are compiled to machine code. */
  readonly jit: Feature
  /** Run counts and times of programs; the value is 1 while they are counted for everybody. */
  readonly stats: Feature
  /** BPF tokens: Linux 6.9. */
  readonly tokens: Feature
}

/** The kernel's buffers between programs and processes. */
export interface BufferFeatures {
  /** `RingBuffer`: Linux 5.8, and RHEL 8. */
  readonly ring: Feature
  /** Rings that overwrite their oldest records: Linux 6.19. */
  readonly overwritingRing: Feature
  /** Records from this process to programs: Linux 6.1. */
  readonly userRing: Feature
  /** `PerfBuffer`. */
  readonly perf: Feature
}

/** What {@link features} found. A group is asked about when it is read first. */
export interface Features {
  /** As `uname -r` says. */
  readonly kernelRelease: string
  /** As Node calls it: `x64`, `arm64`. */
  readonly architecture: string
  /** Of the libbpf that is loaded, such as "1.1"; nothing where the addon cannot be loaded. */
  readonly libbpfVersion: string | undefined
  /** What the kernel has of BPF at large. */
  readonly kernel: KernelFeatures
  /** The buffers between programs and processes. */
  readonly buffers: BufferFeatures
  /** Each kind is tried when it is read first: some take 50 ms. */
  readonly attach: AttachFeatures
  /** What this process may do. */
  readonly process: ProcessFeatures
  /** How the machine is set up. */
  readonly system: SystemFeatures
  /** What the libbpf that is linked in has. */
  readonly libbpf: LibbpfFeatures
  /** By libbpf's names, such as `lru_hash`. */
  readonly mapTypes: Readonly<Record<string, Feature>>
  /** By libbpf's names, such as `sched_cls`. */
  readonly programTypes: Readonly<Record<string, Feature>>
  /**
   * Whether programs of a type may call a helper: has the verifier look at a
   * program that does. Of `tracing`, `lsm`, `ext` and `struct_ops` it cannot be
   * told: there it depends on what they are attached to.
   *
   * @param programType One of the names of `programTypes`.
   * @param helper Its name in C, such as `bpf_get_stackid`.
   * @throws {RangeError} for a program type that libbpf does not know.
   */
  helper(programType: string, helper: string): Feature
}

let found: Features | undefined

/**
 * What this machine has for BPF: each feature is `yes`, `no`, or `unknown`, with
 * the reason. Features are tried out, with what was made for that closed again,
 * and remembered for the process (in each worker thread on its own). Never
 * throws because of the machine: a process that may not try gets `unknown`,
 * and so it does where the addon cannot be loaded. Reading a group blocks, for
 * some milliseconds.
 *
 * @param options `fresh: true` asks again, as after dropping privileges.
 * @example
 * ```ts
 * const { buffers } = features()
 * if (buffers.ring.answer === 'no') console.log(buffers.ring.why)
 * ```
 */
export function features(options: { fresh?: boolean | undefined } = {}): Features {
  checkOptions(options, ['fresh'])
  const { fresh = false } = options
  if (typeof fresh !== 'boolean') throw invalidType('a boolean', 'fresh', fresh)
  if (!fresh && found !== undefined) return found
  const facts = readSystemFacts()
  const machine = new Machine(facts)
  // Without a descriptor left next to nothing can be told: it is asked again.
  const isBlind = facts.capabilities === undefined && existsSync('/proc/self')
  found = isBlind ? undefined : machine
  return machine
}

type Types = Readonly<Record<string, Feature>>

class Machine implements Features {
  readonly #facts: SystemFacts
  readonly #known = new Map<string, unknown>()

  readonly kernelRelease: string
  readonly architecture: string = process.arch
  readonly libbpfVersion: string | undefined

  constructor(facts: SystemFacts) {
    this.#facts = facts
    this.kernelRelease = facts.kernelRelease
    const native = loadedAddon()
    this.libbpfVersion = native instanceof BpfError ? undefined : plain(native.libbpfVersion)
    // Own properties, so that they are listed and printed as JSON.
    for (const [name, make] of Object.entries(this.#groups)) {
      Object.defineProperty(this, name, { enumerable: true, get: () => this.#once(name, make) })
    }
    Object.freeze(this)
  }

  declare readonly kernel: KernelFeatures
  declare readonly buffers: BufferFeatures
  declare readonly attach: AttachFeatures
  declare readonly process: ProcessFeatures
  declare readonly system: SystemFeatures
  declare readonly libbpf: LibbpfFeatures
  declare readonly mapTypes: Types
  declare readonly programTypes: Types

  helper(programType: string, helper: string): Feature {
    if (typeof programType !== 'string') throw invalidType('a string', 'programType', programType)
    if (typeof helper !== 'string') throw invalidType('a string', 'helper', helper)
    return this.#once(`${programType} ${helper}`, () => this.#askForHelper(programType, helper))
  }

  get #groups(): Record<string, () => unknown> {
    return {
      kernel: () => this.#kernel(),
      buffers: () => this.#buffers(),
      attach: () => this.#attach(),
      process: () => processFeatures(this.#facts, this.#accountsByCgroup()),
      system: () => systemFeatures(this.#facts),
      libbpf: () => this.#libbpf(),
      mapTypes: () => this.#types('map'),
      programTypes: () => this.#types('program'),
    }
  }

  #once<T>(name: string, make: () => T): T {
    if (!this.#known.has(name)) this.#known.set(name, make())
    return this.#known.get(name) as T
  }

  #kernel(): KernelFeatures {
    const vmlinux = '/sys/kernel/btf/vmlinux'
    const stats = '/proc/sys/kernel/bpf_stats_enabled'
    const counted = readText(stats).trim()
    const value = counted === '' ? undefined : Number(counted)
    return Object.freeze({
      programs: this.#programs(),
      btf: existsSync(vmlinux) ? yes(`There is ${vmlinux}`) : no(`There is no ${vmlinux}`),
      jit: this.#jit(),
      stats: existsSync(stats) ? yes(`There is ${stats}`, value) : no(`There is no ${stats}`),
      tokens: this.#probe('token', 'The kernel knows the command', { needs: 'Linux 6.9' }),
    })
  }

  #buffers(): BufferFeatures {
    const { ringbuf, user_ringbuf, perf_event_array } = this.mapTypes
    const without = ask(() => unknown('This libbpf does not know it'))
    return Object.freeze({
      ring: ringbuf ?? without,
      overwritingRing: this.#probe('overwritingRing', 'Such a map was created', {
        needs: 'Linux 6.19',
      }),
      userRing: user_ringbuf ?? without,
      perf: perf_event_array ?? without,
    })
  }

  #attach(): AttachFeatures {
    const kinds = {}
    for (const kind of attachKinds) {
      const get = () => this.#once(`attach ${kind}`, () => tryToAttach(kind, this.#facts))
      Object.defineProperty(kinds, kind, { enumerable: true, get })
    }
    return Object.freeze(kinds) as AttachFeatures
  }

  #libbpf(): LibbpfFeatures {
    const native = loadedAddon()
    if (native instanceof BpfError) return libbpfFeatures({ problem: addonProblem(native) })
    return libbpfFeatures({ loaded: plain(native.libbpfVersion), headers: native.libbpfHeaders })
  }

  #probe(name: string, worked: string, told: { section?: string; needs?: string }): Feature {
    return ask((native) => {
      const result = native.probe(name, '')
      return judge({ result, worked, log: native.takeLog(), ...told }, this.#facts)
    })
  }

  #programs(): Feature {
    return ask((native) => {
      const result = native.probe('programs', '')
      const tried = { result, worked: 'A program was loaded', section: 'raw_tp' }
      const { answer, why } = judge({ ...tried, log: native.takeLog() }, this.#facts)
      // Who may not is told so; the kernel itself could not be asked.
      const mayNot = answer === 'unknown' && !wantsMore.has(result)
      return mayNot ? no(why) : feature(answer, why)
    })
  }

  #jit(): Feature {
    return ask((native) => {
      const result = native.probe('jit', '')
      if (result === EOPNOTSUPP) return no('The kernel interpreted a program')
      const log = native.takeLog()
      return judge(
        { result, worked: 'A program was compiled', section: 'raw_tp', log },
        this.#facts,
      )
    })
  }

  #types(kind: 'map' | 'program'): Types {
    const native = loadedAddon()
    if (native instanceof BpfError) return Object.freeze({})
    const names = kind === 'map' ? native.mapTypeNames() : native.programTypeNames()
    const types = names.map((name, type): [string, Feature] => {
      const result = kind === 'map' ? native.probeMapType(type) : native.probeProgramType(type)
      return [
        name,
        judge(
          {
            result,
            worked: kind === 'map' ? 'Such a map was created' : 'Such a program was loaded',
            lacks: `The kernel knows no such ${kind} type`,
            section: name === 'lsm' ? 'lsm/ptrace_traceme' : undefined,
            log: native.takeLog(),
          },
          this.#facts,
        ),
      ]
    })
    return Object.freeze(Object.fromEntries(types.slice(1))) // not "unspec"
  }

  #askForHelper(programType: string, helper: string): Feature {
    return ask((native) => {
      const type = native.programTypeNames().indexOf(programType)
      if (type < 1) {
        const known = native.programTypeNames().slice(1).join(', ')
        throw outOfRange(`one of ${known}`, 'programType', programType)
      }
      const number = native.helperNames().indexOf(helper)
      if (number < 1) {
        return unknown('The headers that the addon was compiled with have no such helper')
      }
      const ofType = this.programTypes[programType]
      if (ofType !== undefined && ofType.answer !== 'yes') return ofType
      const result = native.probeHelper(type, number)
      if (result === EOPNOTSUPP) {
        return unknown('It depends on what such a program is attached to')
      }
      return judge(
        {
          result,
          worked: 'The verifier knows the call',
          lacks: `Programs of type ${programType} cannot call it`,
        },
        this.#facts,
      )
    })
  }

  /** As libbpf finds it out: both came with Linux 5.11. */
  #accountsByCgroup(): Feature {
    return this.helper('socket_filter', 'bpf_ktime_get_coarse_ns')
  }
}

const EOPNOTSUPP = -95
/** ENOMEM, ENFILE, EMFILE: what may be otherwise in a moment. */
const wantsMore = new Set([-12, -23, -24])

function plain(version: string): string {
  return version.replace(/^v/, '')
}
