// Every method of a reader in every state, over rings and perf buffers.
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { addon } from '../../lib/addon/addon.js'
import { type BpfMap, type BpfObject, PerfBuffer, RingBuffer, tagged } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { loadStreams, makeNumbered, Numbered } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { rejectionOf, thrownBy } from '../thrown.js'
import { deadlineMs, spin, until } from '../until.js'

/** In what take() fills in, where the thread's error number is: see native/binding/reader.cc. */
const errorField = 4

type Kind = 'ring' | 'perf' | 'perf, ordered'
type Reader = RingBuffer<Numbered> | PerfBuffer<Numbered>
type Records = AsyncIterableIterator<Numbered, undefined>

let kind: Kind
let object: BpfObject
let other: BpfObject
let closedObject: BpfObject

function mapOf(of: BpfObject): BpfMap {
  return of.map(kind === 'ring' ? 'events' : 'samples')
}

function make(count: number): void {
  makeNumbered(object, kind === 'ring' ? 'events' : 'samples', count)
}

function read(onRecord?: () => void | Promise<void>): Reader {
  const map = mapOf(object)
  if (onRecord === undefined) {
    return kind === 'ring' ? new RingBuffer(map, Numbered) : new PerfBuffer(map, Numbered)
  }
  if (kind === 'ring') return new RingBuffer(map, Numbered, onRecord)
  return new PerfBuffer(map, Numbered, onRecord, {
    ...(kind === 'perf, ordered' && { orderBy: 'time_ns' }),
  })
}

function add(reader: Reader, map: BpfMap, onRecord?: () => void): void {
  // Both kinds have it, and TypeScript knows no call that fits both.
  const add = reader.add.bind(reader) as (...parameters: unknown[]) => Reader
  add(map, Numbered, onRecord)
}

/** Ordered readers refuse that before they look at anything else. */
function addWithout(reader: Reader, map: BpfMap): void {
  if (kind !== 'perf, ordered') {
    add(reader, map)
    return
  }
  expect(thrownBy(() => add(reader, map)).code).toBe('ERR_INVALID_ARG_TYPE')
  throw Object.assign(new Error(), { code: reader.closed ? 'ERR_CLOSED' : 'ERR_STATE' })
}

function ignore(): void {
  // the records do not matter
}

/** What a call gives, or throws, to be had later. */
function resultOf(call: () => unknown): () => unknown {
  try {
    const result = call()
    return () => result
  } catch (error) {
    return () => {
      throw error as Error
    }
  }
}

/** A reader in a state, its iterator, and what is pending there. */
interface Subject {
  reader: Reader
  records?: Records
  /** Makes the call, where the state is that of a moment. */
  within?: (call: () => unknown) => Promise<unknown>
  pending?: Promise<unknown>
}

/** Makes a call within a callback, which runs `run`. */
function fromACallback(): { run: () => void } & Required<Pick<Subject, 'within'>> {
  let inside: (() => void) | undefined
  return {
    run: () => {
      inside?.()
      inside = undefined
    },
    within: async (call) => {
      const result = await new Promise<() => unknown>((resolve) => {
        inside = () => resolve(resultOf(call))
        make(3)
      })
      return result()
    },
  }
}

/** Readers with callbacks. */
const calling: Record<string, () => Subject | Promise<Subject>> = {
  idle: () => ({ reader: read(ignore) }),

  async flooded() {
    let delivered = 0
    const reader = read(() => {
      delivered++
      make(1)
    })
    make(50)
    await until(() => delivered > 0 || kind === 'perf, ordered')
    return { reader }
  },

  'in a callback'() {
    const { run, within } = fromACallback()
    return { reader: read(run), within }
  },

  async 'in an async callback'() {
    const { run, within } = fromACallback()
    const reader = read(async () => {
      await turn()
      run()
      // Of callbacks that await the call, reader-life-async.test.ts tells.
      await wait(1)
    })
    await turn()
    return { reader, within }
  },

  /** Called from elsewhere. */
  async waiting() {
    let isWaiting = false
    const reader = read(async () => {
      isWaiting = true
      await wait(5)
    })
    make(3)
    await until(() => isWaiting)
    return { reader }
  },

  draining() {
    const reader = read(() => spin(0.5))
    make(30)
    return { reader, pending: reader.flush() }
  },

  ending() {
    const reader = read(() => spin(0.5))
    make(30)
    return { reader, pending: reader.end() }
  },

  closed() {
    const reader = read(ignore)
    reader.close()
    return { reader }
  },
}

/** An iterator that gave the first of many records. */
async function held(): Promise<{ reader: Reader; records: Records }> {
  make(30)
  const reader = read()
  const records = reader.records()
  // A perf buffer has only what comes while it is read.
  if (kind !== 'ring') make(30)
  await records.next()
  return { reader, records }
}

/** Readers without. */
const iterating: Record<string, () => Subject | Promise<Subject>> = {
  new: () => ({ reader: read() }),

  waiting() {
    const reader = read()
    const records = reader.records()
    return { reader, records, pending: records.next() }
  },

  held,

  async ending() {
    const subject = await held()
    return { ...subject, pending: subject.reader.end({ timeoutMs: 60_000 }) }
  },

  async ended() {
    const subject = await held()
    await subject.reader.end()
    return subject
  },

  closed() {
    const reader = read()
    reader.close()
    return { reader }
  },

  async failed() {
    const fail = failNextThread()
    const reader = read()
    const next = reader.records().next()
    fail()
    expect(await rejectionOf(next)).toMatchObject({ code: 'ERR_KERNEL', operation: 'read' })
    expect(reader.closed).toBe(true)
    return { reader }
  },
}

/**
 * Lets the poll thread of the next reader end with an error when the result is
 * called. Nothing that can be done to one from outside makes it.
 */
function failNextThread(): () => void {
  const native = addon()
  const { Reader: Native } = native
  const EIO = 5
  let fail: (() => void) | undefined
  native.Reader = class extends Native {
    #failed = false
    readonly #taken: Float64Array

    constructor(...args: ConstructorParameters<typeof Native>) {
      super(...args)
      native.Reader = Native
      this.#taken = args.at(-1) as Float64Array
    }

    override start(pump: () => void, libuvThreads: boolean): number {
      fail = () => {
        this.#failed = true
        pump()
      }
      return super.start(pump, libuvThreads)
    }

    override take(): number {
      const index = super.take()
      if (this.#failed) this.#taken[errorField] = -EIO
      return index
    }
  }
  return () => fail?.()
}

/** What callbacks need is far less; a consumer that is stuck needs all of it. */
function endMs(records: Records | undefined): number {
  return records === undefined ? deadlineMs : 100
}

const methods: Record<string, (subject: Subject) => unknown> = {
  'consume()': ({ reader }) => reader.consume(),
  'flush()': ({ reader }) => reader.flush(),
  'end()': ({ reader }) => reader.end(),
  'end({ timeoutMs })': ({ reader, records }) => reader.end({ timeoutMs: endMs(records) }),
  'end({ signal })': ({ reader, records }) => {
    const controller = new AbortController()
    setTimeout(
      () => controller.abort(Object.assign(new Error(), { code: 'the reason' })),
      endMs(records),
    )
    return reader.end({ signal: controller.signal })
  },
  'close()': ({ reader }) => reader.close(),
  '[Symbol.dispose]()': ({ reader }) => reader[Symbol.dispose](),
  '[Symbol.asyncDispose]()': ({ reader }) => reader[Symbol.asyncDispose](),
  'stats()': ({ reader }) => reader.stats(),
  'ref()': ({ reader }) => reader.ref(),
  'unref()': ({ reader }) => reader.unref(),
  'add() with a callback': ({ reader }) => add(reader, mapOf(other), ignore),
  'add() with one for each tag': ({ reader }) => {
    const add = reader.add.bind(reader) as (...parameters: unknown[]) => Reader
    add(mapOf(other), tagged('cpu', { 0: Numbered }, { unknown: 'skip' }), { 0: ignore })
  },
  'add() without one': ({ reader }) => addWithout(reader, mapOf(other)),
  'add() of its map, with': ({ reader }) => add(reader, mapOf(object), ignore),
  'add() of its map, without': ({ reader }) => addWithout(reader, mapOf(object)),
  // For one reason or the other.
  'add() of a closed map': ({ reader }) => {
    for (const onRecord of [ignore, undefined]) {
      const { code = '' } = thrownBy(() => add(reader, mapOf(closedObject), onRecord))
      expect(['ERR_CLOSED', 'ERR_STATE', 'ERR_INVALID_ARG_TYPE']).toContain(code)
    }
    throw Object.assign(new Error(), { code: 'refused' })
  },
  'records()': ({ reader }) => void reader.records(),
  'batches()': ({ reader }) => void reader.batches(),
  '[Symbol.asyncIterator]()': ({ reader }) => void reader[Symbol.asyncIterator](),
  'next()': ({ reader, records }) => (records ?? reader.records()).next(),
  'return()': ({ reader, records }) => (records ?? reader.records()).return?.(),
}

/** The outcomes, one a line of the matrix: a state's are those of its column. */
function matrix(text: string): (state: string) => Record<string, string> {
  const [header = '', ...rows] = text
    .trim()
    .split('\n')
    .map((row) => row.trim())
  const states = header.split(/ *\| */).slice(1)
  return (state) =>
    Object.fromEntries(
      rows.map((row) => {
        const [method = '', ...outcomes] = row.split(/ *\| */)
        return [method, outcomes[states.indexOf(state)] ?? '']
      }),
    )
}

const ofCalling = matrix(`
                                 | idle       | flooded    | in a callback | in an async callback | waiting   | draining   | ending     | closed
  consume()                      | ok         | ok         | ERR_STATE     | ERR_STATE            | ERR_STATE | ok         | ok         | ERR_CLOSED
  flush()                        | ok         | ok         | ok            | ok                   | ok        | ok         | ok         | ERR_CLOSED
  end()                          | ok         | ok         | ok            | ok                   | ok        | ok         | ok         | ok
  end({ timeoutMs })             | ok         | ok         | ok            | ok                   | ok        | ok         | ok         | ok
  end({ signal })                | ok         | ok         | ok            | ok                   | ok        | ok         | ok         | ok
  close()                        | ok         | ok         | ok            | ok                   | ok        | ok         | ok         | ok
  [Symbol.dispose]()             | ok         | ok         | ok            | ok                   | ok        | ok         | ok         | ok
  [Symbol.asyncDispose]()        | ok         | ok         | ok            | ok                   | ok        | ok         | ok         | ok
  stats()                        | ok         | ok         | ok            | ok                   | ok        | ok         | ok         | ok
  ref()                          | ok         | ok         | ok            | ok                   | ok        | ok         | ok         | ok
  unref()                        | ok         | ok         | ok            | ok                   | ok        | ok         | ok         | ok
  add() with a callback          | ok         | ok         | ok            | ok                   | ok        | ok         | ERR_STATE  | ERR_CLOSED
  add() with one for each tag    | ok         | ok         | ok            | ok                   | ok        | ok         | ERR_STATE  | ERR_CLOSED
  add() without one              | ERR_STATE  | ERR_STATE  | ERR_STATE     | ERR_STATE            | ERR_STATE | ERR_STATE  | ERR_STATE  | ERR_CLOSED
  add() of its map, with         | ERR_BUSY   | ERR_BUSY   | ERR_BUSY      | ERR_BUSY             | ERR_BUSY  | ERR_BUSY   | ERR_STATE  | ERR_CLOSED
  add() of its map, without      | ERR_STATE  | ERR_STATE  | ERR_STATE     | ERR_STATE            | ERR_STATE | ERR_STATE  | ERR_STATE  | ERR_CLOSED
  add() of a closed map          | refused    | refused    | refused       | refused              | refused   | refused    | refused    | refused
  records()                      | ERR_STATE  | ERR_STATE  | ERR_STATE     | ERR_STATE            | ERR_STATE | ERR_STATE  | ERR_STATE  | ERR_STATE
  batches()                      | ERR_STATE  | ERR_STATE  | ERR_STATE     | ERR_STATE            | ERR_STATE | ERR_STATE  | ERR_STATE  | ERR_STATE
  [Symbol.asyncIterator]()       | ERR_STATE  | ERR_STATE  | ERR_STATE     | ERR_STATE            | ERR_STATE | ERR_STATE  | ERR_STATE  | ERR_STATE
  next()                         | ERR_STATE  | ERR_STATE  | ERR_STATE     | ERR_STATE            | ERR_STATE | ERR_STATE  | ERR_STATE  | ERR_STATE
  return()                       | ERR_STATE  | ERR_STATE  | ERR_STATE     | ERR_STATE            | ERR_STATE | ERR_STATE  | ERR_STATE  | ERR_STATE
`)

const ofIterating = matrix(`
                                 | new        | waiting   | held        | ending      | ended       | closed     | failed
  consume()                      | ERR_STATE  | ERR_STATE | ERR_STATE   | ERR_STATE   | ERR_STATE   | ERR_CLOSED | ERR_CLOSED
  flush()                        | ok         | ok        | ok          | ok          | ok          | ERR_CLOSED | ERR_CLOSED
  end()                          | ok         | ok        | ok          | ok          | ok          | ok         | ok
  end({ timeoutMs })             | ok         | ok        | ERR_TIMEOUT | ERR_TIMEOUT | ERR_TIMEOUT | ok         | ok
  end({ signal })                | ok         | ok        | the reason  | the reason  | the reason  | ok         | ok
  close()                        | ok         | ok        | ok          | ok          | ok          | ok         | ok
  [Symbol.dispose]()             | ok         | ok        | ok          | ok          | ok          | ok         | ok
  [Symbol.asyncDispose]()        | ok         | ok        | ok          | ok          | ok          | ok         | ok
  stats()                        | ok         | ok        | ok          | ok          | ok          | ok         | ok
  ref()                          | ok         | ok        | ok          | ok          | ok          | ok         | ok
  unref()                        | ok         | ok        | ok          | ok          | ok          | ok         | ok
  add() with a callback          | ERR_STATE  | ERR_STATE | ERR_STATE   | ERR_STATE   | ERR_STATE   | ERR_CLOSED | ERR_CLOSED
  add() with one for each tag    | ERR_STATE  | ERR_STATE | ERR_STATE   | ERR_STATE   | ERR_STATE   | ERR_CLOSED | ERR_CLOSED
  add() without one              | ok         | ERR_STATE | ERR_STATE   | ERR_STATE   | ERR_STATE   | ERR_CLOSED | ERR_CLOSED
  add() of its map, with         | ERR_STATE  | ERR_STATE | ERR_STATE   | ERR_STATE   | ERR_STATE   | ERR_CLOSED | ERR_CLOSED
  add() of its map, without      | ERR_BUSY   | ERR_STATE | ERR_STATE   | ERR_STATE   | ERR_STATE   | ERR_CLOSED | ERR_CLOSED
  add() of a closed map          | refused    | refused   | refused     | refused     | refused     | refused    | refused
  records()                      | ok         | ERR_STATE | ERR_STATE   | ERR_STATE   | ERR_STATE   | ok         | ok
  batches()                      | ok         | ERR_STATE | ERR_STATE   | ERR_STATE   | ERR_STATE   | ok         | ok
  [Symbol.asyncIterator]()       | ok         | ERR_STATE | ERR_STATE   | ERR_STATE   | ERR_STATE   | ok         | ok
  next()                         | waits      | waits     | a record    | a record    | a record    | done       | done
  return()                       | done       | done      | done        | done        | done        | done       | done
`)

/** A call of next() waits for a record, however long. */
const nextMs = 50

/** What comes of a call, and of its promise. */
async function outcomeOf(subject: Subject, name: string, expected = ''): Promise<string> {
  const call = (): unknown => methods[name]?.(subject)
  const { within = (run: () => unknown) => Promise.resolve().then(run) } = subject
  const settled = within(call)
  return Promise.race([
    settled.then(
      (result) => {
        const { done } = (result ?? {}) as { done?: boolean }
        return done === undefined ? 'ok' : done ? 'done' : 'a record'
      },
      (error: unknown) => (error as { code?: string }).code ?? String(error),
    ),
    wait(expected === 'waits' ? nextMs : deadlineMs, 'waits', { ref: false }),
  ])
}

/** The outcome of each method in a state. */
async function columnOf(
  setUp: () => Subject | Promise<Subject>,
  expected: Record<string, string>,
): Promise<Record<string, string>> {
  const column: Record<string, string> = {}
  for (const name of Object.keys(methods)) {
    const subject = await setUp()
    const { reader, pending } = subject
    try {
      column[name] = await outcomeOf(subject, name, expected[name])
      // An iterator may wait until then.
      if (subject.records !== undefined) reader.close()
      const isKept =
        (await Promise.race([pending, wait(deadlineMs, 'never', { ref: false })])) !== 'never'
      if (!isKept) column[name] += ', and what was pending is so for ever'
    } finally {
      reader.close()
      await turn()
    }
  }
  return column
}

function testStates(
  states: Record<string, () => Subject | Promise<Subject>>,
  expected: (state: string) => Record<string, string>,
): void {
  for (const [state, setUp] of Object.entries(states)) {
    test(
      `${state}: each method`,
      async () => {
        const outcomes = expected(state)
        expect(await columnOf(setUp, outcomes)).toEqual(outcomes)
      },
      4 * deadlineMs,
    )
  }
}

const kinds: Kind[] = ['ring', 'perf', 'perf, ordered']

describe.each(kinds)('%s', (of) => {
  describeBpf('a reader', () => {
    expectNothingLeftOpen()

    beforeEach(() => {
      kind = of
      object = loadStreams()
      other = loadStreams()
      closedObject = loadStreams()
      closedObject.close()
    })

    afterEach(() => {
      object.close()
      other.close()
    })

    describe('with callbacks', () => {
      testStates(calling, ofCalling)
    })

    if (of !== 'perf, ordered') {
      describe('without', () => {
        testStates(iterating, ofIterating)
      })
    }
  })
})
