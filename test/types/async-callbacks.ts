// Callbacks that return promises, to a user's compiler and linter. Compiled, never run.
import {
  type AwaitedCallback,
  type BpfObject,
  cstring,
  openEventStream,
  PerfBuffer,
  RingBuffer,
  struct,
  tagged,
  u32,
} from 'bpf-ringbuf'

const Exec = struct('exec', { type: u32, pid: u32, comm: cstring(16) })
const Exit = struct('exit', { type: u32, pid: u32, code: u32 })
const Event = tagged('type', { 1: Exec, 2: Exit })

declare function save(pid: number): Promise<void>
declare function count(pid: number): Promise<number>

export function readWithPromises(object: BpfObject): void {
  const events = object.map('events')

  const ring = new RingBuffer(events, Exec, async (event, source) => {
    const pid: number = event.pid
    const name: string = source
    // @ts-expect-error it has no such field
    void event.ppid
    await save(pid)
    if (name === '') await ring.end()
  })
  ring.add(events, Exit, ({ code }) => save(code))
  // What a promise is fulfilled with does not matter, nor whether there is one.
  ring.add(events, Exit, async ({ code }) => count(code))
  ring.add(events, Exit, ({ code }) => (code === 0 ? undefined : save(code)))
  ring.add(events, Exit, ({ code }) => count(code))

  new RingBuffer(events, Event, {
    1: async ({ comm }) => {
      const name: string = comm
      await save(name.length)
    },
    2: ({ code }) => void code,
  })
  // @ts-expect-error the callback does not take what the decoder makes
  ring.add(events, Exec, async (event: string) => save(event.length))

  const perf = new PerfBuffer(
    object.map('samples'),
    Exec,
    async ({ pid }, cpu) => {
      await save(pid + cpu)
      await perf.flush()
    },
    {
      onLost: async (lost, cpu) => {
        await save(lost + cpu)
      },
    },
  )
  perf.add(object.map('samples'), Event, { 1: ({ pid }) => save(pid), 2: async () => perf.end() })

  const stream = openEventStream(object, 'events', Exec, async ({ pid }) => {
    await save(pid)
    stream.close()
  })
  // @ts-expect-error it is called with the record only
  openEventStream(object, 'events', Exec, (...all: [unknown, number]) => void all)

  const callback: AwaitedCallback<[pid: number, source: string]> = async (pid, source) => {
    await save(pid + source.length)
  }
  const plain: AwaitedCallback<[pid: number]> = (pid) => void pid
  void [callback, plain]
}
