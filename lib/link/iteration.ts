// What an iterator writes, read piece by piece.
import { read, readSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import { promisify } from 'node:util'
import type { NativeDescriptor } from '../addon/descriptor.js'
import type { NativeLink } from '../addon/link.js'
import {
  BpfError,
  closed,
  invalidType,
  outOfRange,
  RecordTooShortError,
  UnknownTagError,
} from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import { Memory } from '../types/memory.js'
import { createRead, type Read } from '../types/read.js'
import { requiredBytes, type TaggedShape, type Type } from '../types/type.js'
import { tagType } from '../types/tagged.js'

const readAsync = promisify(read)

/** The kernel's own buffer for an iterator is half of that. */
const pieceBytes = 64 * 1024
const longestLine = 1024 * 1024

/** Where an iteration reads: opened for each anew. */
export interface IterationSource {
  /** For messages. */
  readonly target: string
  /** Attaches the iterator. */
  attach: () => NativeLink
  /** Calls back before the object closes; the result ends that. */
  beforeClose: (callback: () => void) => () => void
}

/** One run of an iterator in the kernel. */
class Run {
  readonly #target: string
  readonly #link: NativeLink
  readonly #file: NativeDescriptor
  readonly #forget: () => void
  readonly #piece = new Uint8Array(pieceBytes)
  #reading = false
  #ended: 'no' | 'closed' | 'object closed' = 'no'

  constructor(source: IterationSource) {
    this.#target = source.target
    this.#link = source.attach()
    const file = this.#link.iterate()
    if (typeof file === 'number') {
      this.#link.close()
      throw failure('iterate', source.target, file)
    }
    this.#file = file
    this.#forget = source.beforeClose(() => {
      this.#end('object closed')
    })
  }

  /** The next piece, valid until the next call; nothing at the end. */
  next(): Uint8Array | undefined {
    for (;;) {
      this.#check()
      try {
        return this.#pieceOf(readSync(this.#file.fd(), this.#piece))
      } catch (error) {
        this.#explain(error)
      }
    }
  }

  /** The same, off this thread. */
  async nextAsync(): Promise<Uint8Array | undefined> {
    for (;;) {
      this.#check()
      this.#reading = true
      try {
        const { bytesRead } = await readAsync(this.#file.fd(), this.#piece, 0, pieceBytes, null)
        return this.#pieceOf(bytesRead)
      } catch (error) {
        this.#explain(error)
      } finally {
        this.#reading = false
        if (this.#ended !== 'no') this.#release()
      }
    }
  }

  close(): void {
    this.#end('closed')
  }

  #check(): void {
    if (this.#ended === 'object closed') throw closed('iterate', this.#target)
  }

  #pieceOf(count: number): Uint8Array | undefined {
    return count === 0 ? undefined : this.#piece.subarray(0, count)
  }

  /** Nothing when it is to be tried again. */
  #explain(thrown: unknown): void {
    const { code, errno = 0 } = thrown as NodeJS.ErrnoException
    // The kernel visited a million and none of them wrote anything.
    if (code === 'EAGAIN') return
    if (code === 'E2BIG') {
      throw new BpfError('ERR_FULL', 'it wrote more of one item than the kernel has room for', {
        operation: 'iterate',
        target: this.#target,
        errno,
      })
    }
    throw failure('iterate', this.#target, errno)
  }

  #end(why: 'closed' | 'object closed'): void {
    if (this.#ended === 'no') this.#ended = why
    this.#forget()
    // Its number may be another file's before the read begins.
    if (!this.#reading) this.#release()
  }

  #release(): void {
    this.#file.close()
    this.#link.close()
  }
}

/** Makes items of pieces. */
interface Splitter<T> {
  take: (piece: Uint8Array) => Iterable<T>
  end: () => Iterable<T>
}

/**
 * What an iterator writes: lines of text, or records. Each `for` loop runs the
 * iterator anew, from the beginning; `for await` reads off this thread. Memory is
 * bounded: the next piece is read when the one before is used up.
 *
 * @throws {BpfError} From its iterators: `ERR_CLOSED` when the object closes
 *   meanwhile, `ERR_FULL` for a line longer than 1 MiB, or one item of which the
 *   program writes more than the kernel's 32 KiB, `ERR_PERMISSION`, `ERR_KERNEL`.
 */
export class Iteration<T> implements Iterable<T>, AsyncIterable<T> {
  readonly #source: IterationSource
  readonly #splitter: () => Splitter<T>

  /** @internal */
  constructor(source: IterationSource, splitter: () => Splitter<T>) {
    this.#source = source
    this.#splitter = splitter
  }

  /** Runs the iterator from its beginning; each step blocks for one read. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    const run = new Run(this.#source)
    try {
      const splitter = this.#splitter()
      for (let piece = run.next(); piece !== undefined; piece = run.next()) {
        yield* splitter.take(piece)
      }
      yield* splitter.end()
    } finally {
      run.close()
    }
  }

  /** The same, with the event loop turning between the reads. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    const run = new Run(this.#source)
    try {
      const splitter = this.#splitter()
      for (let piece = await run.nextAsync(); piece !== undefined; piece = await run.nextAsync()) {
        yield* splitter.take(piece)
      }
      yield* splitter.end()
    } finally {
      run.close()
    }
  }

  /** All that it writes, as one text. Blocks while it runs. */
  text(): string {
    const run = new Run(this.#source)
    try {
      const decoder = new StringDecoder('utf8')
      let text = ''
      for (let piece = run.next(); piece !== undefined; piece = run.next()) {
        text += decoder.write(piece)
      }
      return text + decoder.end()
    } finally {
      run.close()
    }
  }
}

/** Lines without their ends, as UTF-8. */
export function lineSplitter(target: string): Splitter<string> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  return {
    take: (piece) => {
      const lines = (rest + decoder.write(piece)).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > longestLine) {
        throw new BpfError('ERR_FULL', 'it wrote a line longer than 1 MiB', {
          operation: 'iterate',
          target,
          hint: 'Read records, by a type, or all of it by text()',
        })
      }
      return lines
    },
    end: () => {
      rest += decoder.end()
      return rest === '' ? [] : [rest]
    },
  }
}

/**
 * Records of one type, one behind the other, whatever their type's alignment. Of tagged
 * ones each has the size of its case; what an unknown one has nobody knows.
 */
export function recordSplitter<T>(type: Type<T>): () => Splitter<T>
export function recordSplitter(type: Type): () => Splitter<unknown> {
  const { shape } = type
  if (shape.kind === 'tagged') {
    if (shape.unknown !== 'error') {
      throw invalidType('unknown tags that are an error', 'an iterator', shape.unknown)
    }
    for (const each of shape.cases) checkSize(each.type)
    const find = createFind(type, shape)
    return () => splitRecords(type, find)
  }
  checkSize(type)
  const found = { type, read: createRead(type) }
  return () => splitRecords(type, () => found)
}

function checkSize(type: Type): void {
  if (type.size === 0) throw outOfRange('a type with a size', 'type', type.name)
}

/** The type of the record at `start`; nothing when too little of it is there to say. */
type Find = (memory: Memory, start: number, end: number) => Found | undefined

interface Found {
  readonly type: Type
  readonly read: Read
}

function createFind(type: Type, { tag, cases }: TaggedShape): Find {
  const needed = requiredBytes(type)
  const readTag = createRead(tagType(tag.type))
  const readValue = createRead(tag.type)
  const byTag = new Map(
    cases.map((each) => [each.tag, { type: each.type, read: createRead(each.type) }]),
  )
  return (memory, start, end) => {
    if (end - start < needed) return undefined
    const at = start + tag.offset
    const found = byTag.get(BigInt(readTag(memory, at, end) as number | bigint))
    if (found !== undefined) return found
    const value = readValue(memory, at, end) as UnknownTagError['tag']
    throw new UnknownTagError(type.name, tag.name, value, memory.u8.slice(start, end))
  }
}

function splitRecords(type: Type, find: Find): Splitter<unknown> {
  let rest = new Uint8Array(0)
  return {
    *take(piece) {
      const bytes = new Uint8Array(rest.length + piece.length)
      bytes.set(rest)
      bytes.set(piece, rest.length)
      const memory = Memory.of(bytes)
      const end = bytes.length
      let start = 0
      for (;;) {
        const found = find(memory, start, end)
        if (found === undefined || start + found.type.size > end) break
        yield found.read(memory, start, start + found.type.size)
        start += found.type.size
      }
      rest = bytes.slice(start)
    },
    end: () => {
      if (rest.length > 0) throw new RecordTooShortError(type.name, type.size, rest)
      return []
    },
  }
}
