// What rings and maps of generated modules are to a user's compiler. Compiled, never run.
import {
  type BpfMap,
  type BpfPerfRing,
  type BpfRing,
  type BpfStream,
  cstring,
  ipv4,
  struct,
  tagged,
  u32,
  u64,
} from 'bpf-ringbuf'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Expect<T extends true> = T

const Exec = struct('exec', { type: u32, time: u64, comm: cstring(16) })
const Exit = struct('exit', { type: u32, code: u32 })
const Event = tagged('type', { 1: Exec, 2: Exit })

interface Module {
  rings: {
    ring: BpfRing<{ time: bigint }>
    perf: BpfPerfRing<{ time: bigint }>
    stream: BpfStream<{ time: bigint }>
  }
  maps: { denied: BpfMap<number, bigint> }
}

export async function read({ rings }: Module): Promise<void> {
  rings.ring.read(({ time }, ring) => void (ring + time.toFixed()), { integers: 'number' })
  rings.ring.read(async ({ time }) => Promise.resolve(void BigInt.asIntN(8, time)))
  rings.perf.read(({ time }, cpu) => void (time * cpu), { integers: 'number', pagesPerCpu: 8 })
  rings.stream.read(({ time }) => void time.concat('ns'), { integers: 'string' })
  for await (const { time } of rings.ring.read({ integers: 'number' })) void time.toFixed()
  for await (const { time } of rings.perf.read({ integers: 'string' })) void time.concat('')
  for await (const { time } of rings.ring.read()) void BigInt.asIntN(8, time)
  // @ts-expect-error it is a number
  rings.ring.read(({ time }) => void BigInt.asIntN(8, time), { integers: 'number' })
  // @ts-expect-error there is no such option
  rings.ring.read({ coalesceMs: 1 })
  // @ts-expect-error it is not tagged
  rings.ring.read({ 1: () => undefined, 2: () => undefined })
  // @ts-expect-error neither callback nor options
  rings.ring.read('x')

  const both = { 1: () => undefined, 2: () => undefined }
  const ring = rings.ring.as(Event).read(
    {
      1: ({ time, comm }, name) => void (name + comm + time.toFixed()),
      2: ({ code }) => void code,
    },
    { integers: 'number' },
  )
  for await (const event of ring) if (event.type === 1) void event.time.toFixed()
  rings.perf.as(Event).read({ 1: ({ comm }, cpu) => void (comm + String(cpu + 1)), 2: both[2] })
  rings.stream.as(Event).read({ 1: ({ comm }) => void comm, 2: both[2] })
  rings.stream.as(Event).read((event) => void (event.type === 2 ? event.code : event.comm))
  rings.ring.as(Event).read({ coalesceUs: 0 })
  // @ts-expect-error the callback for 2 is missing
  rings.ring.as(Event).read({ 1: both[1] })
  // @ts-expect-error the callback for 2 is missing
  rings.perf.as(Event).read({ 1: both[1] })
  // @ts-expect-error the callback for 2 is missing
  rings.stream.as(Event).read({ 1: both[1] })
}

export function write({ maps }: Module): void {
  const denied = maps.denied.as({ key: ipv4, value: u64.number })
  denied.set('192.0.2.1', 1)
  // @ts-expect-error a key is text
  denied.set(1, 1)
}

type Denied = ReturnType<typeof types>
function types({ maps }: Module) {
  return {
    denied: maps.denied.as({ key: ipv4, value: u64.number }),
    perCpu: maps.denied.as({ key: u32, value: u64, perCpu: true }),
    queue: maps.denied.as({ value: u32 }),
  }
}
export type Types = [
  Expect<Same<Denied['denied'], BpfMap<string, number>>>,
  Expect<Same<Denied['perCpu'], BpfMap<number, bigint[], bigint | readonly bigint[]>>>,
  Expect<Same<Denied['queue'], BpfMap<number, number>>>,
]
