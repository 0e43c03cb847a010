// Iterators as users may call them: calls that overlap, return() at any time, one after another.
import { turnMs } from './turns.js'

/** Records that were decoded together, and the error that the decoding ended with. */
interface Chunk<T> {
  readonly records: T[]
  readonly error: Error | undefined
}

interface Request {
  readonly resolve: (result: IteratorResult<never, undefined>) => void
  readonly reject: (error: Error) => void
}

/** Records between two looks at the clock. */
const recordsPerLook = 16

/**
 * What a reader that is iterated over has decoded, and who waits for it. The
 * calls of next() form a queue; what one iteration leaves, the next one gets.
 *
 * @typeParam T A record, or what stands for it.
 */
export class Iterations<T> {
  readonly #decode: () => boolean
  readonly #ended: () => void
  readonly #chunks: Chunk<T>[] = []
  /** Of the first chunk, how many records were taken. */
  #taken = 0
  #requests: Request[] = []
  /** The iteration in use. */
  #current: object | undefined
  #whole = false
  /** No more records will be decoded. */
  #final = false
  #begun = false
  #turnEnd = 0
  #served = 0
  #turn: NodeJS.Immediate | undefined
  #overWaiters: (() => void)[] = []

  /**
   * @param decode Decodes some more, with push(); false when nothing is there. What it
   *   throws ends the iteration.
   * @param ended Called when the last record after finish() has been taken.
   */
  constructor(decode: () => boolean, ended: () => void) {
    this.#decode = decode
    this.#ended = ended
  }

  /** Records that were decoded and not taken. */
  get ahead(): number {
    return this.#chunks.reduce((sum, { records }) => sum + records.length, 0) - this.#taken
  }

  /** Whether an iteration is in use. */
  get inUse(): boolean {
    return this.#current !== undefined
  }

  /** Whether there ever was an iteration. */
  get begun(): boolean {
    return this.#begun
  }

  /** Whether the consumer is elsewhere: it has what it asked for, and has not asked again. */
  get consumerIsBusy(): boolean {
    return this.#current !== undefined && this.#requests.length === 0
  }

  /** An iteration over records, or over whole chunks of them. */
  begin<V>(whole: boolean): RecordIterator<V> {
    const iterator: RecordIterator<V> = {
      next: () =>
        this.#current === iterator ? this.#request<V>() : Promise.resolve(endOfIteration),
      return: () => {
        if (this.#current === iterator) this.#end()
        return Promise.resolve(endOfIteration)
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
    this.#current = iterator
    this.#whole = whole
    this.#begun = true
    return iterator
  }

  push(records: T[], error: Error | undefined): void {
    if (records.length > 0 || error !== undefined) this.#chunks.push({ records, error })
  }

  /** Answers requests, as far as there are records: call when some may have come. */
  serve(): void {
    this.#turnEnd = performance.now() + turnMs
    this.#answer()
  }

  /** Rejects the oldest request, and so ends the iteration; false when there is none. */
  fail(error: Error): boolean {
    const request = this.#requests.shift()
    if (request === undefined) return false
    this.#end()
    request.reject(error)
    return true
  }

  /** What was decoded is all that there will be: the iteration is over after it. */
  finish(): void {
    this.#final = true
    if (this.#current === undefined) this.#endIfEmpty()
    else this.serve()
  }

  /** Ends the iteration, and drops what was decoded. */
  close(): void {
    this.#final = true
    this.#chunks.length = 0
    this.#taken = 0
    this.#end()
  }

  /** Resolves when no iteration is in use; at once when none is. */
  over(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#current === undefined) resolve()
      else this.#overWaiters.push(resolve)
    })
  }

  #request<V>(): Promise<IteratorResult<V, undefined>> {
    return new Promise((resolve, reject) => {
      this.#requests.push({ resolve, reject })
      if (this.#turn !== undefined) return
      if (++this.#served % (this.#whole ? 1 : recordsPerLook) !== 0) {
        this.#answer()
      } else if (performance.now() < this.#turnEnd) {
        this.#answer()
      } else {
        // A consumer that asks again as soon as it is answered lives in microtasks.
        const turn = setImmediate(() => {
          if (this.#turn !== turn) return
          this.#turn = undefined
          this.serve()
        })
        this.#turn = turn
      }
    })
  }

  #answer(): void {
    while (this.#requests.length > 0) {
      const chunk = this.#chunks[0]
      if (chunk === undefined) {
        if (this.#final) this.#end()
        else if (this.#decodeOrFail()) continue
        return
      }
      if (this.#taken < chunk.records.length) {
        this.#requests.shift()?.resolve({ done: false, value: this.#takeFrom(chunk) as never })
        if (this.#taken >= chunk.records.length && chunk.error === undefined) this.#dropFirst()
      } else {
        this.#dropFirst()
        if (chunk.error !== undefined) this.fail(chunk.error)
      }
    }
  }

  /** What is thrown is for the oldest request: whoever rang may have nobody to tell. */
  #decodeOrFail(): boolean {
    try {
      return this.#decode()
    } catch (error) {
      return this.fail(error as Error)
    }
  }

  #takeFrom({ records }: Chunk<T>): T | T[] {
    if (!this.#whole) return records[this.#taken++] as T
    const rest = this.#taken === 0 ? records : records.slice(this.#taken)
    this.#taken = records.length
    return rest
  }

  #dropFirst(): void {
    this.#chunks.shift()
    this.#taken = 0
  }

  #end(): void {
    this.#current = undefined
    // Not cleared: when the immediate before it throws, and an 'uncaughtException' listener has
    // this one cleared, Node (20, 24 and 26) throws a TypeError of its own, for ever.
    this.#turn?.unref()
    this.#turn = undefined
    const requests = this.#requests
    this.#requests = []
    for (const { resolve } of requests) resolve(endOfIteration)
    const waiters = this.#overWaiters
    this.#overWaiters = []
    for (const resolve of waiters) resolve()
    if (this.#final) this.#endIfEmpty()
  }

  #endIfEmpty(): void {
    if (this.#chunks.length === 0) this.#ended()
  }
}

const endOfIteration: IteratorReturnResult<undefined> = { done: true, value: undefined }

/**
 * Iterates over records, or batches of them. `AsyncIterableIterator` of
 * TypeScript before 5.6 cannot say that nothing comes at the end.
 */
export interface RecordIterator<T> extends AsyncIterator<T, undefined, unknown> {
  /** Itself: for `for await`. */
  [Symbol.asyncIterator](): RecordIterator<T>
}
