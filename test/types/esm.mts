// The package as an ECMAScript module imports it. Compiled, never run.
import { BpfObject, RingBuffer, struct, u32, type u64, type Value } from 'bpf-ringbuf'
import * as bpf from 'bpf-ringbuf'

const Event = struct('event', { pid: u32, time: bpf.u64 })
type Event = Value<typeof Event>

export async function* read(path: string): AsyncGenerator<Event> {
  using object = BpfObject.open(path).load()
  await using ring = new RingBuffer(object.map('events'), Event)
  yield* ring.records()
}

export const sameType: typeof u64 = bpf.u64
