// Callbacks may return what depends on the reader that is just being made. Compiled, never
// run; the oldest TypeScript wants a block around it, also where nothing is returned.
import { type BpfObject, RingBuffer, struct, u32 } from 'bpf-ringbuf'

const Exec = struct('exec', { pid: u32 })

export function readWithin(object: BpfObject): void {
  const events = object.map('events')
  const closes = new RingBuffer(events, Exec, () => closes.close())
  const counts = new RingBuffer(events, Exec, () => counts.stats().records)
  const ends = new RingBuffer(events, Exec, () => ends.end())
  const flushes = new RingBuffer(events, Exec, async () => flushes.flush())
}
