// bpf-ringbuf tail: prints the records of any object.
import { BpfError } from '../errors/errors.js'
import { BpfObject } from '../object/object.js'
import { setGlobals } from './assignments.js'
import type { Command, Output } from './command.js'
import { problemOfField } from './fields.js'
import { didYouMean } from './nearest.js'
import { prepareRing } from './prepare-ring.js'
import { parseTail, type TailOptions, usage } from './tail-options.js'
import { chooseMaps, type Chosen, Source } from './tail-source.js'
import { ValueError } from './usage.js'
import { type Condition, parseCondition } from './where.js'

export const tail: Command = {
  name: 'tail',
  summary: "load an object and print its rings' and perf buffers' records",
  usage,
  async run(args, output, errors) {
    const options = parseTail(args)
    // Not those of an agent that runs: two readers of a ring take records from each other.
    using object = BpfObject.open(options.path, { pinRoot: null })
    setGlobals(object, options.assignments)
    const chosen = chooseMaps(object, options)
    if (chosen.length === 0) {
      throw new BpfError('ERR_NOT_FOUND', 'it has no ring and no perf buffer', {
        operation: 'read',
        target: options.path,
      })
    }
    const wanted = conditionOf(options, chosen)
    chooseProgramsOf(object, options.programs)
    for (const map of object.maps.values()) prepareRing(map)
    object.load()
    const tailing = new Tail(options, chosen, wanted, output, errors)
    await tailing.run(object)
    return 0
  },
}

/** Of maps with several types, one has to have the fields. */
function conditionOf({ where }: TailOptions, chosen: readonly Chosen[]): Condition | undefined {
  if (where === undefined) return undefined
  return parseCondition(where, (path) => {
    const problems = chosen.map(({ type }) => problemOfField(type, path))
    if (problems.every((problem) => problem !== undefined)) throw new ValueError(problems[0] ?? '')
  })
}

class Tail {
  readonly #options: TailOptions
  readonly #wanted: Condition | undefined
  readonly #output: Output
  readonly #errors: Output
  readonly #sources: readonly Source[]
  readonly #nameWidth: number
  readonly #startMs = performance.now()
  /** Whose header was printed last. */
  #headed: Source | undefined
  #left: number
  #ended = false
  #end: () => void = () => undefined
  /** Writes are in turn, so that each waits for those before it. */
  #written: Promise<void> = Promise.resolve()

  constructor(
    options: TailOptions,
    chosen: readonly Chosen[],
    wanted: Condition | undefined,
    output: Output,
    errors: Output,
  ) {
    this.#options = options
    this.#wanted = wanted
    this.#output = output
    this.#errors = errors
    this.#left = options.count
    const isAlone = chosen.length === 1
    const longest = Math.max(...chosen.map(({ map }) => map.name.length))
    this.#nameWidth = isAlone ? 0 : Math.min(longest, 16) + 2
    const { columns } = output
    const room = columns === undefined ? undefined : Math.max(1, columns - this.#nameWidth)
    const sources: Source[] = []
    try {
      for (const each of chosen) sources.push(new Source(each, isAlone, room))
    } catch (error) {
      for (const source of sources) source.close()
      throw error
    }
    this.#sources = sources
    for (const { note, map } of chosen) {
      if (note !== undefined)
        this.#say(`${map.name}: ${note}; its records are shown as bytes, --type says what they are`)
    }
    for (const { table, name } of sources) {
      if (options.json || options.rate || table.omitted.length === 0) continue
      this.#say(`${name}: no room for ${table.omitted.join(', ')}; --json has them`)
    }
    const names = chosen.map(({ map, name }) => `${map.name} (${name})`)
    this.#started = `Reading ${names.join(', ')}, Ctrl-C to end`
  }

  readonly #started: string

  async run(object: BpfObject): Promise<void> {
    const { durationMs, rate } = this.#options
    const ended = new Promise<void>((resolve) => {
      this.#end = resolve
    })
    const stop = (): void => this.#end()
    // Once: the second Ctrl-C ends the process even when nobody reads its output.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
    const timers: NodeJS.Timeout[] = []
    try {
      const runs = this.#sources.map((source) =>
        source.run((records) => this.#take(source, records)),
      )
      const over = Promise.all(runs)
      over.catch(stop)
      attach(object, (text) => this.#say(text))
      this.#say(this.#started)
      if (durationMs !== undefined) timers.push(setTimeout(stop, durationMs))
      if (rate) timers.push(this.#tellRates())
      await ended
      object.detach()
      await object.detached().catch(() => undefined)
      if (this.#ended) for (const source of this.#sources) source.close()
      else await Promise.all(this.#sources.map((source) => source.end()))
      await over
      await this.#tellSnapshots()
      this.#summarize()
    } finally {
      for (const timer of timers) clearTimeout(timer)
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop)
      for (const source of this.#sources) source.close()
    }
  }

  /** Prints records, and waits until there is room for more; false when it is enough. */
  async #take(source: Source, records: readonly unknown[]): Promise<boolean> {
    const wanted = this.#wanted
    let shown = wanted === undefined ? records : records.filter(wanted)
    if (shown.length > this.#left) shown = shown.slice(0, this.#left)
    this.#left -= shown.length
    source.shown += shown.length
    if (!this.#options.rate && shown.length > 0) await this.#print(source, shown)
    if (this.#left <= 0 || this.#output.closed) {
      this.#ended = true
      this.#end()
    }
    return !this.#ended
  }

  #print(source: Source, records: readonly unknown[]): Promise<void> {
    this.#written = this.#written.then(async () => {
      const lines: string[] = []
      if (this.#options.json) {
        for (const record of records) lines.push(source.json(record))
      } else {
        const name = this.#nameWidth === 0 ? '' : nameCell(source.name, this.#nameWidth)
        if (this.#headed !== source) lines.push(this.#header(source))
        this.#headed = source
        for (const record of records) lines.push(name + source.table.row(record))
      }
      this.#output.write(`${lines.join('\n')}\n`)
      await this.#output.drained()
    })
    return this.#written
  }

  #header({ table }: Source): string {
    const header = (this.#nameWidth === 0 ? '' : nameCell('map', this.#nameWidth)) + table.header
    return this.#output.colored ? `\x1b[1m${header}\x1b[0m` : header
  }

  #tellRates(): NodeJS.Timeout {
    let before = { records: 0, lost: 0, ms: performance.now() }
    return setInterval(() => {
      const now = { records: this.#shown, lost: this.#lost ?? 0, ms: performance.now() }
      const seconds = (now.ms - before.ms) / 1000
      const records = Math.round((now.records - before.records) / seconds)
      const lost = this.#lost === undefined ? null : Math.round((now.lost - before.lost) / seconds)
      before = now
      const time = new Date().toISOString()
      this.#output.write(
        this.#options.json
          ? `${JSON.stringify({ time, records, lost })}\n`
          : `${time.slice(11, 19)}  ${records} records/s  ${lost ?? 'unknown'} lost/s\n`,
      )
      if (this.#output.closed) this.#end()
    }, 1000)
  }

  async #tellSnapshots(): Promise<void> {
    for (const source of this.#sources) {
      if (!source.isRecorder || this.#ended) continue
      await this.#take(source, source.snapshot())
    }
  }

  get #shown(): number {
    return this.#sources.reduce((sum, { shown }) => sum + shown, 0)
  }

  /** Nothing when one of the maps does not count. */
  get #lost(): number | undefined {
    let sum = 0
    for (const { isRecorder, lost } of this.#sources) {
      if (isRecorder) continue
      if (lost === undefined) return undefined
      sum += lost
    }
    return sum
  }

  #summarize(): void {
    const seconds = (performance.now() - this.#startMs) / 1000
    for (const source of this.#sources) {
      const { name, records, shown, short, discarded, undelivered, lost, type } = source
      const parts = [
        `${shown} record${shown === 1 ? '' : 's'}${shown === records ? '' : ` of ${records}`}`,
        source.isRecorder ? 'held at the end' : lostText(lost),
        ...(discarded > 0 ? [`${discarded} discarded`] : []),
        ...(undelivered > 0 ? [`${undelivered} not printed`] : []),
        ...(short > 0 ? [`${short} shorter than ${type.name}`] : []),
        `${(records / seconds).toFixed(1)} records per second`,
      ]
      this.#say(`${this.#sources.length === 1 ? '' : `${name}: `}${parts.join(', ')}`)
    }
  }

  #say(text: string): void {
    this.#errors.write(`${text}\n`)
  }
}

function lostText(lost: number | undefined): string {
  return lost === undefined ? 'losses not counted (that takes BPFRB_RINGBUF)' : `${lost} lost`
}

function nameCell(name: string, width: number): string {
  return name.slice(0, width - 2).padEnd(width)
}

/**
 * Attaches what can be attached, and says what cannot.
 *
 * @throws {BpfError} when that is all of it.
 */
function attach(object: BpfObject, say: (text: string) => void): void {
  let attached = 0
  const problems: string[] = []
  let failed: BpfError | undefined
  for (const program of object.programs.values()) {
    const { name, section } = program
    if (!program.autoload || !program.autoattach) continue
    try {
      if (!program.isIterator && program.autoAttach() !== undefined) {
        attached++
        continue
      }
      problems.push(`${name} is not attached: its section "${section}" alone does not say where`)
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      failed ??= error
      problems.push(error.message)
    }
  }
  if (attached === 0 && failed !== undefined) throw failed
  for (const problem of problems) say(problem)
  if (attached > 0 || object.programs.size === 0) return
  const isLeftOut = [...object.programs.values()].every(({ autoload }) => !autoload)
  const problem = isLeftOut
    ? 'its programs are only loaded when they are asked for, SEC("?…")'
    : 'none of its programs says where it goes'
  throw new BpfError('ERR_UNSUPPORTED', problem, {
    operation: 'attach',
    target: `object "${object.name}"`,
    ...(isLeftOut ? { hint: 'Name them: --program NAME' } : {}),
  })
}

/** Leaves out all programs but those that were asked for. */
function chooseProgramsOf({ programs }: BpfObject, names: readonly string[]): void {
  for (const name of names) {
    if (programs.has(name)) continue
    throw new ValueError(`there is no program "${name}"; ${didYouMean(name, programs.keys())}`)
  }
  if (names.length === 0) return
  for (const program of programs.values()) program.autoload = names.includes(program.name)
}
