// One map that bpf-ringbuf tail reads: what its records are, and how they are printed.
import { RecordTooShortError } from '../errors/errors.js'
import type { BpfMap } from '../map/map.js'
import type { BpfObject } from '../object/object.js'
import { FlightRecorder } from '../stream/flight-recorder.js'
import { PerfBuffer } from '../stream/perf-buffer.js'
import { RingBuffer } from '../stream/ring-buffer.js'
import { Memory } from '../types/memory.js'
import { createRead, type Read } from '../types/read.js'
import type { Type } from '../types/struct.js'
import { tagType } from '../types/tagged.js'
import type { TaggedShape } from '../types/type.js'
import { jsonWriter } from './json.js'
import { didYouMean } from './nearest.js'
import { type RecordType, recordTypeOf } from './record-type.js'
import { Table } from './table.js'
import type { TailOptions } from './tail-options.js'
import { ValueError } from './usage.js'

/** A map and the type of its records, before the object is loaded. */
export interface Chosen extends RecordType {
  /** As the object's author calls it: of a stream the ring. */
  readonly map: BpfMap
}

/**
 * The maps to read, with the types of their records.
 *
 * @throws {ValueError} for maps and types that there are not, and types that have to be
 *   given.
 */
export function chooseMaps(object: BpfObject, options: TailOptions): Chosen[] {
  const readable = new Map(
    [...object.maps].filter(
      ([name, { type, recorder }]) =>
        type === 'ringbuf' || (type === 'perf_event_array' && !isHalf(object, name, recorder)),
    ),
  )
  const { maps, types } = options
  for (const name of [...maps, ...types.keys()]) {
    if (name === '' || readable.has(name)) continue
    const there = object.maps.get(name)
    const problem =
      there === undefined ? `there is no map "${name}"` : `"${name}" is a map of type ${there.type}`
    throw new ValueError(`${problem}; ${didYouMean(name, readable.keys())}`)
  }
  const names = maps.length === 0 ? [...readable.keys()] : [...new Set(maps)]
  return names.map((name) => {
    const map = readable.get(name) as BpfMap
    return { map, ...recordTypeOf(object, map, types.get(name) ?? types.get('')) }
  })
}

/** The perf buffer of a stream, which goes by its ring's name. */
function isHalf({ maps }: BpfObject, name: string, recorder: BpfMap | undefined): boolean {
  const ring = maps.get(name.replace(/__perf$/, ''))
  return recorder !== undefined || (name.endsWith('__perf') && ring?.controls.isStream === true)
}

/** What is read of a map, once the object is loaded. */
export class Source {
  readonly name: string
  readonly type: Type
  readonly table: Table
  /** Records, those of them that were wanted, and that were shorter than their type. */
  records = 0
  shown = 0
  short = 0
  readonly #reader: RingBuffer<unknown> | PerfBuffer<unknown> | undefined
  readonly #recorder: FlightRecorder<unknown> | undefined
  readonly #writeJson: (record: unknown) => string
  readonly #prefix: string
  /** Of records that are too short, made when there is one. */
  readonly #reads = new Map<Type, Read>()

  /**
   * @param isAlone Its name need not be told.
   * @param columns Of the terminal.
   */
  constructor({ map, type }: Chosen, isAlone: boolean, columns: number | undefined) {
    this.name = map.name
    this.type = type
    this.table = new Table(type, columns)
    this.#writeJson = jsonWriter(type)
    this.#prefix = isAlone ? '' : `{"map":"${map.name}","record":`
    if (map.overwrites || map.recorder !== undefined) {
      this.#recorder = new FlightRecorder<unknown>(map, type)
      return
    }
    const half = map.controls.isStream && map.usePerfBuffer ? map.perfHalf : undefined
    const used = half ?? map
    this.#reader = used.type === 'ringbuf' ? new RingBuffer(used, type) : new PerfBuffer(used, type)
  }

  /** It is printed when all is over. */
  get isRecorder(): boolean {
    return this.#recorder !== undefined
  }

  /** Gives records to `take` until the end, or until that says that it is enough. */
  async run(take: (records: readonly unknown[]) => Promise<boolean>): Promise<void> {
    const reader = this.#reader
    if (reader === undefined) return
    for (let isOver = false; !isOver;) {
      try {
        isOver = true
        for await (const records of reader.batches()) {
          this.records += records.length
          if (!(await take(records))) reader.close()
        }
      } catch (error) {
        if (!(error instanceof RecordTooShortError)) throw error
        isOver = false
        this.records++
        this.short++
        if (!(await take([this.partOf(error.bytes)]))) reader.close()
      }
    }
  }

  /** What there is at the end. */
  async end(): Promise<void> {
    await this.#reader?.end()
  }

  /** What a flight recorder holds. */
  snapshot(): readonly unknown[] {
    if (this.#recorder === undefined) return []
    let records: readonly unknown[]
    try {
      records = this.#recorder.snapshot()
    } catch (error) {
      if (!(error instanceof RecordTooShortError)) throw error
      this.short++
      records = [this.partOf(error.bytes)]
    }
    this.records = records.length
    return records
  }

  close(): void {
    this.#reader?.close()
    this.#recorder?.close()
  }

  get lost(): number | undefined {
    return this.#reader?.stats().lost
  }

  get discarded(): number {
    const stats = this.#reader?.stats()
    return (stats !== undefined && 'discarded' in stats ? stats.discarded : undefined) ?? 0
  }

  /** Records that were taken from the kernel and not printed. */
  get undelivered(): number {
    return this.#reader?.stats().undelivered ?? 0
  }

  json(record: unknown): string {
    if (this.#prefix === '') return this.#writeJson(record)
    return `${this.#prefix}${this.#writeJson(record)}}`
  }

  /** The members that a record has which is shorter than its type; of other types its bytes. */
  partOf(record: Uint8Array): unknown {
    const memory = Memory.ofSize(Math.max(this.type.size, record.length))
    memory.u8.set(record)
    const { shape: own } = this.type
    const type = own.kind === 'tagged' ? this.#caseOf(memory, record.length, own) : this.type
    if (type?.shape.kind !== 'struct') return record
    const whole = this.#readOf(type)(memory, 0, memory.u8.length) as Record<string, unknown>
    const there: [string, unknown][] = []
    for (const { name, offset, type: member } of type.shape.fields) {
      const left = record.length - offset
      if (left >= member.size) there.push([name, whole[name]])
      else if (left > 0) there.push([name, cut(whole[name], left)])
    }
    return Object.fromEntries(there)
  }

  /** The type of a record that may be too short for it. */
  #caseOf(memory: Memory, length: number, { tag, cases }: TaggedShape): Type | undefined {
    const { offset, type } = tag
    if (length < offset + type.size) return undefined
    const value = createRead(tagType(type))(memory, offset, length) as number | bigint
    return cases.find((each) => each.tag === BigInt(value))?.type
  }

  #readOf(type: Type): Read {
    let read = this.#reads.get(type)
    if (read === undefined) this.#reads.set(type, (read = createRead(type)))
    return read
  }
}

/** Of records whose last member is as long as it has to be. */
function cut(value: unknown, sizeBytes: number): unknown {
  if (value instanceof Uint8Array) return value.subarray(0, sizeBytes)
  return typeof value === 'string' ? value : undefined
}
