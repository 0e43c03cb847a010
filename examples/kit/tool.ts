// What all tools share: a command line, a beginning, Ctrl-C, and a last word.
import { setTimeout as sleep } from 'node:timers/promises'
import { BpfError, ktimeNow, type ReaderOptions, type Type, type Value } from 'bpf-ringbuf'
import { type Column, header, indented, type Paper, rowLine } from './columns.js'
import { drawn, type Histogram } from './histogram.js'
import {
  describe,
  flag,
  type Options,
  parse,
  seconds,
  UsageError,
  type ValuesOf,
  wrap,
} from './options.js'
import { printableJson } from './printable.js'

export interface Tool<O extends Options> {
  readonly name: string
  /** What it does, in one sentence. */
  readonly about: string
  /** The least privileges, and the oldest kernel where it is not 5.8. */
  readonly needs: string
  readonly options: O
  /** Does it, until `session.ended`. */
  trace(session: Session, options: ValuesOf<O>): Promise<void>
}

/** A tool that can be started. */
export interface Program {
  readonly name: string
  readonly about: string
  readonly needs: string
  /** Runs it to its end; gives the exit status: 2 when the command line is wrong. */
  main(args: readonly string[]): Promise<number>
}

const common = {
  json: flag('print one JSON object a line'),
  duration: seconds('end after this time'),
  help: flag('print this'),
}

/** What is followed: an object with one ring. */
interface Traced<R> {
  readonly rings: R
  detach(): void
}

type Rings<R> = Record<keyof R, { readonly type: Type }>

type EventOf<R extends Rings<R>> = Value<R[keyof R]['type']>

interface Ring<E> {
  read(options: ReaderOptions): Stream<E>
}

interface Stream<E> extends Disposable {
  batches(): AsyncIterable<readonly E[]>
  end(): Promise<unknown>
  stats(): { readonly lost: number | undefined }
}

/**
 * How long records are gathered before they are printed. What comes after a pause is printed
 * at once, and soon what comes seldom: the process that it is of may not be there for long.
 */
function frameMs(records: number): number {
  if (records < 16) return 10
  return records < 512 ? 50 : 0
}

/** Nor is there any use in fetching them much sooner. */
const reading = { coalesceUs: 10_000 }

/** One run of a tool. */
export class Session {
  readonly json: boolean
  /** Resolves at Ctrl-C, at SIGTERM and after --duration. */
  readonly ended: Promise<void>
  readonly #durationMs: number | undefined
  /** From the kernel's clock, which may load the addon and so comes first, to the wall's. */
  readonly #clockOffsetMs = -Number(ktimeNow()) / 1e6 + performance.timeOrigin + performance.now()
  #end: () => void = () => undefined
  /** Keeps the process alive, which signals do not. */
  #timer: NodeJS.Timeout | undefined

  constructor(json: boolean, durationSeconds: number | undefined) {
    this.json = json
    this.#durationMs = durationSeconds === undefined ? undefined : durationSeconds * 1000
    this.ended = new Promise((resolve) => (this.#end = resolve))
  }

  /** Of the terminal, if it is one. */
  get paper(): Paper {
    const { isTTY, columns } = process.stdout
    const { NO_COLOR = '', TERM } = process.env
    const isColoured = isTTY && NO_COLOR === '' && TERM !== 'dumb'
    return { columns: isTTY ? columns || 80 : undefined, isColoured }
  }

  /** Says that everything is attached: from now on the session can end. */
  tracing(what: string): void {
    // Once: the second Ctrl-C ends the process even when nobody reads its output.
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, this.#end)
    const isBounded = this.#durationMs !== undefined
    this.#timer = isBounded
      ? setTimeout(this.#end, this.#durationMs)
      : setInterval(() => undefined, 2 ** 30)
    this.note(`Tracing ${what}, Ctrl-C to end`)
  }

  /** Lets the process end. */
  close(): void {
    clearTimeout(this.#timer)
  }

  /** Of bpf_ktime_get_ns(). */
  timeOf(ns: bigint): Date {
    return new Date(this.#clockOffsetMs + Number(ns) / 1e6)
  }

  /** To the person who looks on, beside the output. */
  note(text: string): void {
    process.stderr.write(`${text}\n`)
  }

  /** Resolves when the text has left this process; until then nothing is read ahead. */
  write(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      process.stdout.write(text, (error) => {
        if (error) reject(error)
        else resolve()
      })
    })
  }

  /** Lines below a header, or JSON. */
  async rows<Row extends object>(
    columns: readonly Column<Row>[],
    rows: readonly Row[],
  ): Promise<void> {
    await this.#header(columns)
    await this.#lines(columns, rows)
  }

  async histogram(histogram: Histogram): Promise<void> {
    const { title, unit, slots, total, of } = histogram
    const json = (): string =>
      printableJson({ title, unit, ...of, total, slots: Array.from(slots, Number) })
    await this.write(
      this.json ? `${json()}\n` : `${drawn(histogram, this.paper.columns).join('\n')}\n`,
    )
  }

  /** Every so many seconds, and at the end, which is the last and gives true. */
  async *intervals(interval: number | undefined): AsyncGenerator<boolean> {
    for (let isLast = false; !isLast;) {
      const timer = new AbortController()
      const { signal } = timer
      const tick =
        interval === undefined ? [] : [sleep(interval * 1000, false, { signal }).catch(() => true)]
      isLast = await Promise.race([this.ended.then(() => true), ...tick])
      timer.abort()
      yield isLast
    }
  }

  /**
   * Prints what is read until the session ends, then how many there were and were lost.
   *
   * @param what Is traced, such as "opens".
   * @param object Is attached, and its ring is read. It is detached at the end; what happened
   *   until then is still printed.
   * @param toRow Gives the row of a record; nothing for a record that is not wanted.
   * @param below Gives the lines that stand below a row; --json has none.
   */
  async follow<R extends Rings<R>, Row extends object>(
    what: string,
    object: Traced<R>,
    columns: readonly Column<Row>[],
    toRow: (event: EventOf<R>) => Row | undefined,
    below?: (row: Row) => readonly string[],
  ): Promise<void> {
    const [ring] = Object.values(object.rings) as unknown as Ring<EventOf<R>>[]
    if (ring === undefined) throw new TypeError('Expected an object with a ring')
    using stream = ring.read(reading)
    const startMs = performance.now()
    void this.ended.then(() => {
      object.detach()
      return stream.end()
    })
    this.tracing(what)
    let events = 0
    try {
      await this.#header(columns)
      for await (const batch of stream.batches()) {
        const rows = rowsOf(batch, toRow)
        events += rows.length
        await this.#lines(columns, rows, below)
        // Nobody reads faster; waking up for each record is most of what a tool costs.
        const ms = frameMs(batch.length)
        if (ms > 0) await sleep(ms)
      }
    } catch (error) {
      if (!isOfReader(error)) throw error
    } finally {
      const rate = events / ((performance.now() - startMs) / 1000)
      const { lost = 0 } = stream.stats()
      this.note(`${events} events, ${lost} lost, ${rate.toFixed(1)} events per second`)
    }
  }

  async #header<Row>(columns: readonly Column<Row>[]): Promise<void> {
    if (!this.json) await this.write(`${header(columns, this.paper)}\n`)
  }

  async #lines<Row extends object>(
    columns: readonly Column<Row>[],
    rows: readonly Row[],
    below?: (row: Row) => readonly string[],
  ): Promise<void> {
    const { json, paper } = this
    let text = ''
    for (const row of rows) {
      text += `${json ? printableJson(row) : rowLine(columns, row, paper)}\n`
      if (json || below === undefined) continue
      for (const line of below(row)) text += `${indented(line, paper)}\n`
    }
    if (text !== '') await this.write(text)
  }
}

function rowsOf<E, Row>(batch: readonly E[], toRow: (event: E) => Row | undefined): Row[] {
  const rows: Row[] = []
  for (const event of batch) {
    const row = toRow(event)
    if (row !== undefined) rows.push(row)
  }
  return rows
}

/** Whoever read the output has seen enough. */
function isOfReader(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EPIPE'
}

/** Makes a program of a tool. */
export function define<O extends Options>(tool: Tool<O>): Program {
  const { name, about, needs } = tool
  const options = { ...tool.options, ...common }

  function usage({ columns = 80 }: Paper): string {
    const first = `Usage: ${name} [OPTION]...\n${wrap(about, columns)}`
    const last = wrap(`Needs: ${needs}`, columns)
    return `${first}\n\n${describe(options, columns)}\n${last}\n`
  }

  async function trace(args: readonly string[]): Promise<void> {
    const values = parse(options, args)
    const { json, duration, help } = values as ValuesOf<typeof common>
    const session = new Session(json, duration)
    if (help) await session.write(usage(session.paper))
    else await tool.trace(session, values).finally(() => session.close())
  }

  async function main(args: readonly string[]): Promise<number> {
    // Reported to write(), too.
    process.stdout.on('error', () => undefined)
    try {
      await trace(args)
      return 0
    } catch (error) {
      if (isOfReader(error)) return 0
      const { syscall, message } = error as NodeJS.ErrnoException
      if (syscall === 'write') {
        process.stderr.write(`${name}: Cannot write the output: ${message}\n`)
        return 1
      }
      if (!(error instanceof UsageError || error instanceof BpfError)) throw error
      process.stderr.write(`${name}: ${error.message}\n`)
      return error instanceof UsageError ? 2 : 1
    }
  }
  return { name, about, needs, main }
}

/** Runs it as this process's program. */
export async function run(program: Program): Promise<void> {
  process.exitCode = await program.main(process.argv.slice(2))
}
