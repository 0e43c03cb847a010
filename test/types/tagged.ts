// What tagged records are to a user's compiler. Compiled, never run.
import {
  type BpfMap,
  type BpfObject,
  cstring,
  enumeration,
  FlightRecorder,
  openEventStream,
  PerfBuffer,
  RingBuffer,
  struct,
  tagged,
  type Type,
  u32,
  u64,
  type Value,
} from 'bpf-ringbuf'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Expect<T extends true> = T

const Exec = struct('exec', { type: u32, time: u64, comm: cstring(16) })
const Exit = struct('exit', { type: u32, code: u32 })
const Event = tagged('type', { 1: Exec, 2: Exit })
const Other = tagged('type', { 1: Exec, 2: Exit.view() }, { unknown: 'bytes' })
const Kind = enumeration(u32, { EXEC: 1, EXIT: 2 })
const Named = tagged('kind', {
  EXEC: struct('exec', { kind: Kind, pid: u32 }),
  EXIT: struct('exit', { kind: Kind, code: u32 }),
})
const Wide = tagged('type', { 1: struct('wide', { type: u64 }) })

type ExecEvent = { type: 1; time: bigint; comm: string }
type ExitEvent = { type: 2; code: number }

export type Values = [
  Expect<Same<Value<typeof Event>, ExecEvent | ExitEvent>>,
  Expect<Same<Value<typeof Named>['kind'], 'EXEC' | 'EXIT'>>,
  Expect<Same<Value<typeof Wide>, { type: 1n }>>,
  Expect<Same<Extract<Value<typeof Other>, { type: 2 }>, Readonly<ExitEvent>>>,
  Expect<Same<Value<typeof Other>['type'], 1 | 2 | 'unknown'>>,
]

export function narrow(event: Value<typeof Other>): string | number {
  // @ts-expect-error not each of them has a name
  void event.comm
  switch (event.type) {
    case 1:
      // @ts-expect-error it is an exec event
      void event.code
      return event.comm
    case 2:
      return event.code
    case 'unknown':
      return event.value + event.bytes.length
  }
}

export async function read(object: BpfObject): Promise<void> {
  const events: BpfMap = object.map('events')
  const ignored = () => undefined

  new RingBuffer(events, Event, {
    1: (exec, ring) => {
      const record: ExecEvent = exec
      const name: string = ring
      // @ts-expect-error it has no such field
      void exec.code
      void [record, name]
    },
    2: (exit) => void exit.code,
  })
  const ring = new RingBuffer(events, Event, (event) => {
    if (event.type === 1) void event.comm
    else void event.code
  })
  ring.add(events, Event, { 1: (exec) => void exec.comm, 2: (exit) => void exit.code })
  new PerfBuffer(
    events,
    Event,
    { 1: (exec, cpu) => void [exec.comm, cpu + 1], 2: () => undefined },
    {
      orderBy: 'time',
    },
  )
  new RingBuffer(events, Named, { EXEC: (exec) => void exec.pid, EXIT: (exit) => void exit.code })
  new RingBuffer(events, Other, {
    1: () => undefined,
    2: () => undefined,
    unknown: ({ value, bytes }) => void (value + bytes.length),
  })
  openEventStream(object, 'events', Event, { 1: (exec) => void exec.comm, 2: () => undefined })

  // One declaration takes both, so that an error says what of them is missing.
  type Both = ((event: Value<typeof Event>) => void) | { 1: () => void; 2: () => void }
  const either: Both = Math.random() < 0.5 ? () => undefined : { 1: ignored, 2: ignored }
  new RingBuffer(events, Event, either)
  ring.add(events, Event, either)
  new PerfBuffer(events, Event, either)
  openEventStream(object, 'events', Event, either)

  // @ts-expect-error the callback for 2 is missing
  new RingBuffer(events, Event, { 1: () => undefined })
  // @ts-expect-error the callback for 2 is missing
  ring.add(events, Event, { 1: () => undefined })
  // @ts-expect-error the callback for 2 is missing
  new PerfBuffer(events, Event, { 1: () => undefined })
  // @ts-expect-error the callback for 2 is missing
  openEventStream(object, 'events', Event, { 1: () => undefined })
  // @ts-expect-error there is no case 3
  new RingBuffer(events, Event, { 1: () => undefined, 2: () => undefined, 3: () => undefined })
  // On one line, as compilers differ in what of a call they point at.
  // @ts-expect-error unknown ones are an error, which has no callback
  new RingBuffer(events, Event, { 1: ignored, 2: ignored, unknown: ignored })
  // @ts-expect-error unknown ones have a callback, too
  new RingBuffer(events, Other, { 1: () => undefined, 2: () => undefined })
  // @ts-expect-error it is not tagged
  new RingBuffer(events, Exec, { 1: () => undefined })
  // @ts-expect-error a tag is not called so
  new RingBuffer(events, Named, { EXEC: () => undefined, EXITS: () => undefined })

  for await (const event of new RingBuffer(events, Event)) {
    if (event.type === 1) void event.comm
    else void event.code
    // @ts-expect-error no case has this tag
    void (event.type === 3)
  }
  for await (const batch of new RingBuffer(events, Event, { coalesceUs: 0 }).batches()) {
    const [first] = batch
    if (first?.type === 1) void first.comm
  }
  for await (const { record } of new RingBuffer(events, Event).add(events, Exit)) void record.type
  const codes: number[] = new FlightRecorder(events, Event)
    .snapshot()
    .map((event) => (event.type === 2 ? event.code : 0))
  for (const event of object.program('walk').iterate(Event)) {
    if (event.type === 1) void event.comm
  }
  void codes
}

export function declare(): void {
  // @ts-expect-error struct exit has no such field
  tagged('time', { 1: Exec, 2: Exit })
  // @ts-expect-error a name is no tag
  tagged('type', { EXEC: Exec })
  // @ts-expect-error the enum has no such name
  tagged('kind', { EXCE: struct('exec', { kind: Kind }) })
  // @ts-expect-error records have the names of the enum, not its numbers
  tagged('kind', { 1: struct('exec', { kind: Kind }) })
  tagged('kind', { 1: struct('exec', { kind: Kind.number }) })
  // @ts-expect-error a bare integer has no fields
  tagged('type', { 1: u32 })
  // @ts-expect-error there is no such way
  tagged('type', { 1: Exec }, { unknown: 'drop' })
}

/** 64-bit integers that JSON takes. */
export async function toJson(events: BpfMap, object: BpfObject): Promise<void> {
  new RingBuffer(
    events,
    Exec,
    (event) => {
      const time: number = event.time
      void time
    },
    { integers: 'number' },
  )
  new PerfBuffer(
    events,
    Event,
    {
      1: (exec) => {
        const time: string = exec.time
        void time
      },
      2: () => undefined,
    },
    { integers: 'string' },
  )
  for await (const { time } of new RingBuffer(events, Exec, { integers: 'string' })) {
    const text: string = time
    void text
  }
  for await (const { time } of new RingBuffer(events, Exec, { integers: 'bigint' })) {
    const integer: bigint = time
    void integer
  }
  const both = new RingBuffer(events, Exec, { integers: 'number' }).add(events, Exec)
  for await (const { record } of both) {
    const time: number = record.time
    void time
  }
  const [first] = new FlightRecorder(events, Exec, { integers: 'number' }).snapshot()
  const time: number | undefined = first?.time
  openEventStream(object, 'events', Exec, (event) => void (event.time * 2), { integers: 'number' })
  // @ts-expect-error it is a number
  new RingBuffer(events, Exec, (event) => void BigInt.asIntN(8, event.time), {
    integers: 'number',
  })
  // @ts-expect-error there is no such way
  new RingBuffer(events, Exec, { integers: 'hex' })
  void time
}

/** A function of the user's that takes any decoder. */
export function recordsOf<T>(map: BpfMap, decoder: Type<T>): AsyncIterable<T> {
  return new RingBuffer(map, decoder)
}
