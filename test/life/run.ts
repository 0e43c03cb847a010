// One scenario: takes its steps, and says what was not as it should be.
import { getEventListeners } from 'node:events'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { bytes, PerfBuffer, RingBuffer } from 'bpf-ringbuf'
import { spin } from '../until.js'
import { type Counts, Numbered, OtherSource, queuedBytes, Source } from './producer.js'
import type { Call, Place, Scenario, Step } from './scenario.js'

/** Within which everything that was promised is settled. */
const boundMs = 2000

/** What callbacks throw, and signals abort with, on purpose. */
class Planned extends Error {}

type Item = Numbered | Uint8Array
type Given = Item | { source: string; record: Item }
type AnyReader = RingBuffer<Item> | PerfBuffer<Item>

interface Iteration {
  iterator: AsyncIterableIterator<Given | Given[], undefined>
  isLoop: boolean
  begun: boolean
  /** Undefined: that cannot be told. */
  over: boolean | undefined
}

/** One reader, and what it was seen to do. */
class Session {
  received = 0
  inside = 0
  ends = false
  hasOther = false
  /** Whether a callback has returned a promise, or all do. */
  isAsync = false
  /** Whether a callback's promise is pending. */
  isPending = false
  late = 0
  newest = 0n
  readonly iterations: Iteration[] = []

  constructor(
    readonly reader: AnyReader,
    readonly iterates: boolean,
    readonly controller: AbortController,
    /** Of all records that were committed, how many it can no longer receive. */
    readonly base: number,
  ) {}

  /** Whether an iterator is in use. */
  get inUse(): boolean | undefined {
    if (this.iterations.some(({ over }) => over === false)) return true
    return this.iterations.some(({ over }) => over === undefined) ? undefined : false
  }

  /** Closed, or nearly so: the kernel's side may be gone already. */
  get over(): boolean {
    return this.reader.closed || (this.iterates && this.ends)
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Planned) return 'planned'
  return (error as { code?: string }).code ?? String(error)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

export class Run {
  readonly #scenario: Scenario
  readonly #source: Source
  #other: OtherSource | undefined
  readonly #sessions: Session[] = []
  readonly #problems: string[] = []
  readonly #outstanding = new Map<Promise<unknown>, string>()
  /** Steps that wait for a callback; the number of those that surely come. */
  readonly #forCallback: Step[] = []
  #coming = 0
  readonly #forSignal: (() => void)[] = []
  #throwsNext = false
  /** How the promises of the next callbacks settle. */
  readonly #promises: number[] = []
  #thrown = 0
  #caught = 0
  /** What was received, in order: each call of next() has its place at once. */
  readonly #places: Given[][] = []
  readonly #endSignals: AbortController[] = []
  #isExact = true

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    this.#source = new Source(scenario)
    this.#open(scenario.iterates, scenario.pollThread)
  }

  /** @throws With all problems. */
  async run(): Promise<void> {
    const onUncaught = (error: unknown): void => {
      if (error instanceof Planned) this.#caught++
      else this.#problem(`uncaught: ${codeOf(error)}`)
    }
    const onSignal = (): void => {
      for (const make of this.#forSignal.splice(0)) make()
    }
    process.on('uncaughtException', onUncaught)
    process.on('unhandledRejection', onUncaught)
    process.on('SIGUSR2', onSignal)
    try {
      this.#source.start()
      for (const step of this.#scenario.steps) await this.#take(step)
      await this.#until(() => this.#coming === 0)
      if (this.#coming > 0) this.#problem(`${this.#coming} steps were not taken`)
      this.#forCallback.length = 0
      this.#throwsNext = false
      this.#promises.length = 0
      if (this.#scenario.finallyEnds) await this.#finish()
      await this.#source.stop()
      for (const controller of this.#endSignals) controller.abort(new Planned())
      // Where nobody but callbacks has to take records, nothing waits for close().
      if (!this.#session.iterates) await this.#settled('before close()')
      this.#session.reader.close()
      await this.#settled('after close()')
      // What close() did not wait for may still be rejected.
      while (this.#sessions.some((session) => session.isPending)) await turn()
      await turn()
      await this.#account()
    } finally {
      this.#session.reader.close()
      await this.#source.stop()
      this.#source.close()
      this.#other?.close()
      process.off('uncaughtException', onUncaught)
      process.off('unhandledRejection', onUncaught)
      process.off('SIGUSR2', onSignal)
    }
    if (this.#problems.length > 0) throw new Error(this.#problems.join('\n'))
  }

  get #session(): Session {
    return this.#sessions.at(-1) as Session
  }

  async #until(condition: () => boolean): Promise<void> {
    const end = performance.now() + boundMs
    while (!condition() && performance.now() < end) await wait(1)
  }

  #problem(text: string): void {
    if (this.#problems.length < 10) this.#problems.push(text)
  }

  // What is there to be received.

  #counts(): Counts {
    const { produced, lost, discarded } = this.#source.counts()
    const other = this.#other?.counts() ?? { produced: 0, lost: 0, discarded: 0 }
    return {
      produced: produced + other.produced,
      lost: lost + other.lost,
      discarded: discarded + other.discarded,
    }
  }

  #committed(): number {
    const { produced, lost, discarded } = this.#counts()
    return produced - lost - discarded
  }

  /** How many records the session has to have received of those that were committed until now. */
  #target(session: Session): number {
    return this.#scenario.races ? 0 : this.#committed() - session.base
  }

  /** Of a session that was not closed since. */
  #expectReceived(session: Session, target: number, what: string): void {
    if (session.reader.closed || session.received >= target) return
    this.#problem(`${what}: ${session.received} received of ${target}`)
  }

  // Readers.

  #open(iterates: boolean, pollThread: boolean): void {
    const { kind, batchBytes, batchCount, coalesceUs, small, wakeupBytes } = this.#scenario
    const isRing = kind === 'ring'
    // What a perf buffer held went with its reader.
    const base = isRing ? this.#taken() : this.#committed()
    const controller = new AbortController()
    const { signal } = controller
    const common = { batchBytes, batchCount, coalesceUs, pollThread, signal }
    const perf = {
      ...common,
      pagesPerCpu: small ? 1 : 16,
      ...(wakeupBytes > 0 && { watermarkBytes: wakeupBytes }),
      ...(kind === 'ordered' && { orderBy: 'time_ns', orderWindowMs: 6 }),
    }
    const plain = (record: Item): unknown => this.#onRecord(session, record)
    const onRecord = this.#callback(plain)
    const { map } = this.#source
    let reader: AnyReader
    if (isRing) {
      reader = iterates
        ? new RingBuffer<Item>(map, Numbered, common)
        : new RingBuffer<Item>(map, Numbered, onRecord, common)
    } else {
      reader = iterates
        ? new PerfBuffer<Item>(map, Numbered, perf)
        : new PerfBuffer<Item>(map, Numbered, onRecord, perf)
    }
    const session = new Session(reader, iterates, controller, base)
    session.isAsync = this.#scenario.isAsync && !iterates
    this.#sessions.push(session)
    if (this.#other !== undefined) this.#addOther(session)
  }

  /** Records that all readers until now have taken from the kernel. */
  #taken(): number {
    return sum(
      this.#sessions.map(({ reader }) => {
        const { records, undelivered } = reader.stats()
        return records + undelivered
      }),
    )
  }

  #addOther(session: Session): void {
    const { reader } = session
    this.#other ??= new OtherSource()
    const { map } = this.#other
    if (!(reader instanceof RingBuffer)) throw new Error('it reads rings')
    if (session.iterates) reader.add(map, bytes())
    else
      reader.add(
        map,
        bytes(),
        this.#callback((record) => this.#onRecord(session, record)),
      )
    session.hasOther = true
  }

  // Receiving.

  #callback(plain: (record: Item) => unknown): (record: Item) => unknown {
    return this.#scenario.isAsync ? async (record) => await plain(record) : plain
  }

  #onRecord(session: Session, record: Item): Promise<void> | undefined {
    if (session.inside > 0 || session.isPending) this.#problem('a callback within a callback')
    if (session.reader.closed) this.#problem('a callback after close()')
    session.inside++
    try {
      this.#places.push([record])
      session.received++
      if (this.#scenario.kind === 'ordered' && 'time_ns' in record) {
        if (record.time_ns < session.newest) session.late++
        else session.newest = record.time_ns
      }
      if (this.#inside()) {
        this.#thrown++
        throw new Planned()
      }
      const n = this.#promises.shift()
      return n === undefined ? undefined : this.#settleLater(session, n)
    } finally {
      session.inside--
    }
  }

  /** What goes on in a callback after it has returned its promise. */
  async #settleLater(session: Session, n: number): Promise<void> {
    const wasAsync = session.isAsync
    session.isAsync = true
    session.isPending = true
    try {
      if (n % 4 === 1) await turn()
      else if (n % 4 === 2) await wait(n % 7)
      else if (n % 4 === 3) await Promise.resolve()
      // A plain function's first promise may not wait for its own reader.
      if (wasAsync) await this.#within(session, n)
      if (n % 5 === 0) {
        this.#thrown++
        throw new Planned()
      }
    } finally {
      session.isPending = false
    }
  }

  /** Calls that wait for themselves if they wait for their callback. */
  async #within(session: Session, n: number): Promise<void> {
    const { reader } = session
    if (reader.closed || n % 3 !== 0) return
    if (n % 40 !== 0) {
      await reader.flush()
      return
    }
    session.ends = true
    if (this.#scenario.races && this.#scenario.kind !== 'ring') this.#isExact = false
    await reader.end()
  }

  /** Within a callback, or the body of a loop: whether it is to throw. */
  #inside(): boolean {
    const step = this.#forCallback.shift()
    if (step !== undefined) void this.#make(step)
    const throws = this.#throwsNext
    this.#throwsNext = false
    return throws
  }

  #receive(session: Session, place: Given[], given: Given | Given[]): void {
    const items = [given].flat()
    place.push(...items)
    session.received += items.length
  }

  // Steps.

  async #take(step: Step): Promise<void> {
    if (step.at === 'callback') {
      this.#forCallback.push(step)
      return
    }
    if (step.at === 'here') {
      await this.#make(step)
      return
    }
    this.#coming++
    this.#later[step.at](() => {
      this.#coming--
      void this.#make(step)
    }, step.n)
  }

  readonly #later: Record<
    Exclude<Place, 'here' | 'callback'>,
    (make: () => void, n: number) => void
  > = {
    microtask: (make) => queueMicrotask(make),
    tick: (make) => process.nextTick(make),
    immediate: (make) => setImmediate(make),
    timer: (make, n) => setTimeout(make, n % 3),
    abort: (make) => {
      const controller = new AbortController()
      controller.signal.addEventListener('abort', make)
      controller.abort()
    },
    // Only the main thread gets signals.
    signal: (make) => {
      this.#forSignal.push(make)
      if (isMainThread) process.kill(process.pid, 'SIGUSR2')
      else setImmediate(() => process.emit('SIGUSR2', 'SIGUSR2'))
    },
  }

  async #make({ call, n }: Step): Promise<void> {
    try {
      await this.#calls[call](this.#session, n)
    } catch (error) {
      this.#problem(`${call}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`)
    }
  }

  /** Makes a call that has one of some outcomes: 'ok', or an error's code. */
  #expect<T>(what: string, outcomes: readonly string[], call: () => T): T | undefined {
    let result: T | undefined
    let outcome = 'ok'
    try {
      result = call()
    } catch (error) {
      outcome = codeOf(error)
    }
    if (!outcomes.includes(outcome)) {
      this.#problem(`${what}: ${outcome} instead of ${outcomes.join(' or ')}`)
    }
    return result
  }

  /** The same of a call that gives a promise, and what follows when it is kept. */
  #follow<T>(
    what: string,
    outcomes: readonly string[],
    call: () => Promise<T>,
    kept?: (result: T) => void,
    broken?: () => void,
  ): void {
    let promise: Promise<T>
    try {
      promise = call()
    } catch (error) {
      this.#problem(`${what} threw ${codeOf(error)}`)
      return
    }
    const followed = promise
      .then(
        (result) => {
          if (!outcomes.includes('ok')) this.#problem(`${what}: ok, not ${outcomes.join(' or ')}`)
          kept?.(result)
        },
        (error: unknown) => {
          const code = codeOf(error)
          if (!outcomes.includes(code)) {
            this.#problem(`${what}: ${code} instead of ${outcomes.join(' or ')}`)
          }
          broken?.()
        },
      )
      .finally(() => this.#outstanding.delete(followed))
    this.#outstanding.set(followed, what)
  }

  async #settled(when: string): Promise<void> {
    await this.#until(() => this.#outstanding.size === 0)
    const waiting = [...new Set(this.#outstanding.values())]
    if (waiting.length > 0) this.#problem(`never settled ${when}: ${waiting.join(', ')}`)
  }

  readonly #calls: Record<Call, (session: Session, n: number) => void | Promise<void>> = {
    produce: ({ hasOther }, n) => {
      if (this.#source.object.phase !== 'loaded') return
      if (hasOther && n % 2 === 1) this.#other?.make(n)
      else this.#source.make(n)
    },

    turn: async (_, n) => {
      for (let i = 0; i <= n % 3; i++) await turn()
    },

    wait: async (_, n) => {
      await wait(n % 8)
    },

    block: (_, n) => {
      spin(n / 40)
    },

    consume: (session) => {
      const outcomes = session.reader.closed
        ? ['ERR_CLOSED']
        : session.inside > 0 || (session.isAsync && !session.iterates)
          ? ['ERR_STATE']
          : session.iterates
            ? ['ERR_STATE', ...(session.ends ? ['ERR_CLOSED'] : [])]
            : ['ok']
      const target = this.#target(session)
      const before = session.received
      const count = this.#expect('consume()', outcomes, () => session.reader.consume())
      if (count === undefined) return
      if (count !== session.received - before) {
        this.#problem(`consume() gave ${count}, delivered ${session.received - before}`)
      }
      // What is held back for its order, it does not deliver; nor what waits for a promise.
      if (this.#scenario.kind === 'ordered' || session.isAsync) return
      this.#expectReceived(session, target, 'consume()')
    },

    flush: (session) => {
      const { closed } = session.reader
      // Of an async callback's own it is not known whether it waits.
      const isOwn = session.inside > 0
      const target = this.#target(session)
      this.#follow(
        'flush()',
        closed ? ['ERR_CLOSED'] : session.over ? ['ok', 'ERR_CLOSED'] : ['ok'],
        () => session.reader.flush(),
        () => {
          if (!session.iterates && !isOwn) this.#expectReceived(session, target, 'flush()')
        },
      )
    },

    end: (session) => {
      this.#end(session, 'end()', ['ok'], () => session.reader.end())
    },

    endInTime: (session, n) => {
      const timeoutMs = (n % 20) + 1
      const what = `end({ timeoutMs: ${timeoutMs} })`
      this.#end(session, what, ['ok', 'ERR_TIMEOUT'], () => session.reader.end({ timeoutMs }))
    },

    endBySignal: (session, n) => {
      const controller = new AbortController()
      const { signal } = controller
      this.#endSignals.push(controller)
      setTimeout(() => controller.abort(new Planned()), n % 20)
      const outcomes = ['ok', 'planned']
      this.#end(session, 'end({ signal })', outcomes, () => session.reader.end({ signal }))
    },

    close: (session) => this.#expectClosed(session, () => session.reader.close()),
    dispose: (session) => this.#expectClosed(session, () => session.reader[Symbol.dispose]()),
    abort: (session) => this.#expectClosed(session, () => session.controller.abort()),

    asyncDispose: (session) => {
      this.#end(session, 'asyncDispose()', ['ok'], () => session.reader[Symbol.asyncDispose]())
    },

    stats: (session) => {
      const stats = this.#expect('stats()', ['ok'], () => session.reader.stats())
      if (stats === undefined) return
      const { records, undelivered } = stats
      if (undelivered < 0) this.#problem(`undelivered: ${undelivered}`)
      // What an iterator has handed out may not have arrived yet.
      const isExact = session.iterates ? records >= session.received : records === session.received
      if (!isExact) this.#problem(`stats(): ${records} records of ${session.received}`)
    },

    ref: ({ reader }) => void this.#expect('ref()', ['ok'], () => reader.ref()),
    unref: ({ reader }) => void this.#expect('unref()', ['ok'], () => reader.unref()),

    add: (session) => {
      if (!(session.reader instanceof RingBuffer)) return
      const begun = session.iterations.length > 0
      const hasBegun = session.iterations.some(({ begun }) => begun)
      let outcomes = ['ok']
      if (session.reader.closed) outcomes = ['ERR_CLOSED']
      else if (session.ends) outcomes = ['ERR_CLOSED', 'ERR_STATE']
      else if (session.hasOther) outcomes = begun ? ['ERR_BUSY', 'ERR_STATE'] : ['ERR_BUSY']
      else if (begun) outcomes = hasBegun ? ['ERR_STATE'] : ['ok', 'ERR_STATE']
      this.#expect('add()', outcomes, () => this.#addOther(session))
    },

    again: (session) => {
      if (session.over || this.#source.object.phase !== 'loaded') return
      const { map } = this.#source
      this.#expect('a second reader', ['ERR_BUSY'], () =>
        this.#scenario.kind === 'ring'
          ? new RingBuffer(map, Numbered)
          : new PerfBuffer(map, Numbered),
      )
    },

    records: (session) => void this.#iterate(session, 'records'),
    batches: (session) => void this.#iterate(session, 'batches'),

    next: (session, n) => {
      const { iterations } = session
      const iteration = iterations.at(n % 4 === 0 ? -2 : -1)
      // Those of a loop are in its order.
      if (iteration === undefined || iteration.isLoop) return
      const place: Given[] = []
      this.#places.push(place)
      const { over } = iteration
      iteration.begun = true
      this.#follow(
        'next()',
        ['ok'],
        () => iteration.iterator.next(),
        (result) => {
          if (result.done === true) {
            iteration.over = true
            return
          }
          if (over === true) this.#problem('an iterator that was over gave a record')
          this.#receive(session, place, result.value)
          // Not what is planned to throw: nobody would catch it.
          const step = this.#forCallback.shift()
          if (step !== undefined) void this.#make(step)
        },
      )
    },

    return: ({ iterations }, n) => {
      const iteration = iterations.at(n % 4 === 0 ? -2 : -1)
      if (iteration === undefined) return
      if (iteration.over === false) iteration.over = undefined
      const { iterator } = iteration
      const call = async (): Promise<unknown> => iterator.return?.()
      this.#follow('return()', ['ok'], call, () => (iteration.over = true))
    },

    loop: (session, n) => {
      const iteration = this.#iterate(session, n % 2 === 0 ? 'records' : 'batches')
      if (iteration === undefined) return
      iteration.begun = true
      iteration.isLoop = true
      this.#follow('for await', ['ok', 'planned'], async () => {
        let left = (n >> 3) + 1
        try {
          for await (const given of iteration.iterator) {
            const place: Given[] = []
            this.#places.push(place)
            this.#receive(session, place, given)
            const throws = this.#inside()
            if (n % 8 < 2) await turn()
            else if (n % 8 === 2) await wait(1)
            if (!throws && --left > 0) continue
            iteration.over = undefined
            if (throws) throw new Planned()
            break
          }
        } finally {
          iteration.over = true
        }
      })
    },

    throw: () => {
      this.#throwsNext = true
    },

    promise: (session, n) => {
      if (!session.iterates) this.#promises.push(n)
    },

    closeObject: (session) => {
      if (this.#scenario.races) return
      // Nobody can say what comes into a ring without a reader.
      if (session.over && this.#scenario.kind === 'ring') this.#isExact = false
      this.#source.close()
    },

    reopen: (session, n) => {
      if (!session.reader.closed || this.#source.object.phase !== 'loaded') return
      if (session.inside > 0) return
      this.#open(this.#scenario.kind !== 'ordered' && n % 2 === 0, n % 8 > 1)
    },
  }

  #expectClosed(session: Session, call: () => void): void {
    if (!session.reader.closed && this.#scenario.races && this.#scenario.kind !== 'ring') {
      // What comes while a perf buffer is closed, nobody counts.
      this.#isExact = false
    }
    this.#expect('close()', ['ok'], call)
    if (!session.reader.closed) this.#problem('it is not closed')
  }

  #end(session: Session, what: string, outcomes: string[], call: () => Promise<void>): void {
    if (this.#scenario.races && this.#scenario.kind !== 'ring') this.#isExact = false
    const { closed } = session.reader
    session.ends = true
    const isOwn = session.inside > 0
    const after = (): void => {
      // In an async callback it does not wait for it.
      if (isOwn && session.isAsync) return
      if (!session.iterates && !session.reader.closed) this.#problem(`${what} left it open`)
    }
    this.#follow(what, closed ? ['ok'] : outcomes, call, after, after)
  }

  #iterate(session: Session, method: 'records' | 'batches'): Iteration | undefined {
    const { inUse, iterates } = session
    let outcomes = ['ok', 'ERR_STATE']
    if (!iterates || (inUse === true && !session.over)) outcomes = ['ERR_STATE']
    else if (inUse === false) outcomes = ['ok']
    const iterator = this.#expect(`${method}()`, outcomes, () => session.reader[method]())
    if (iterator === undefined) return undefined
    // The others are over, or this one had been refused.
    for (const iteration of session.iterations) iteration.over = true
    const iteration = { iterator, isLoop: false, begun: false, over: false }
    session.iterations.push(iteration)
    return iteration
  }

  // The end.

  /** Ends a reader that nobody has ended, and expects all that there is. */
  async #finish(): Promise<void> {
    const session = this.#session
    if (session.ends || session.reader.closed || session.inUse === undefined) return
    if (session.inUse && session.iterations.at(-1)?.isLoop === true) return
    await this.#source.stop()
    const target = this.#target(session)
    if (session.iterates && !session.inUse) this.#iterate(session, 'records')
    void this.#calls.end(session, 0)
    const iteration = session.iterations.at(-1)
    await this.#until(() => {
      for (let i = 0; i < 50 && iteration?.over === false; i++) void this.#calls.next(session, 1)
      return iteration?.over !== false
    })
    await this.#settled('at the end')
    const { undelivered } = session.reader.stats()
    if (undelivered !== 0 || session.received < target) {
      this.#problem(`end(): ${session.received} received of ${target}, ${undelivered} undelivered`)
    }
  }

  async #account(): Promise<void> {
    const isRing = this.#scenario.kind === 'ring'
    if (this.#caught !== this.#thrown) {
      this.#problem(`${this.#caught} of ${this.#thrown} exceptions were raised`)
    }
    if (isRing && this.#source.object.phase === 'loaded') {
      // What is left in the ring is the next reader's.
      this.#open(false, false)
      await this.#session.reader.flush()
      this.#session.reader.close()
    }
    let queuedInBytes = 0
    for (const session of this.#sessions) {
      const stats = session.reader.stats()
      if (stats.records !== session.received) {
        this.#problem(`${stats.records} records in stats(), ${session.received} received`)
      }
      if ('maps' in stats) {
        queuedInBytes += sum(stats.maps.map((map) => map.availableBytes))
        if (stats.late !== session.late) {
          this.#problem(`${stats.late} late in stats(), ${session.late} received`)
        }
      } else if (session === this.#session) {
        queuedInBytes = sum(stats.rings.map((ring) => ring.availableBytes))
      }
      const listeners = getEventListeners(session.controller.signal, 'abort').length
      if (listeners > 0) this.#problem(`${listeners} listeners were left on the signal`)
    }
    const { produced, lost, discarded } = this.#counts()
    const taken = this.#taken()
    const queued = produced - lost - discarded - taken
    // Besides there may be discarded records in a ring, the kernel's own messages in a perf buffer.
    const rest = queuedInBytes - (isRing ? queuedBytes.ring : queuedBytes.perf) * queued
    const fits = rest >= 0 && rest % queuedBytes.other === 0
    if (queued < 0 || (this.#isExact && !fits)) {
      this.#problem(
        `${taken} taken + ${lost} lost + ${discarded} discarded + ` +
          `${queuedInBytes} bytes queued, of ${produced} produced`,
      )
    }
    this.#checkOrder()
  }

  #checkOrder(): void {
    const last = new Map<string, number>()
    for (const given of this.#places.flat()) {
      const record = 'source' in given ? given.record : given
      const isOther = record instanceof Uint8Array
      if ('source' in given && given.source !== (isOther ? 'others' : 'events')) {
        this.#problem(`a record of ${given.source} that is of another`)
      }
      const stream = isOther ? 'others' : `cpu ${record.cpu}`
      const sequence = isOther
        ? new DataView(record.buffer, record.byteOffset).getUint32(16, true)
        : record.sequence
      const before = last.get(stream) ?? -1
      if (sequence <= before) this.#problem(`${stream}: ${sequence} after ${before}`)
      last.set(stream, sequence)
    }
  }
}
