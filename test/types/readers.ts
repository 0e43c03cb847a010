// What readers are to a user's compiler. Compiled, never run.
import { type BpfError, BpfObject, cstring, RingBuffer, struct, u32, u64 } from 'bpf-ringbuf'

const Exec = struct('exec', { pid: u32, comm: cstring(16) })

export async function read(object: BpfObject): Promise<void> {
  const events = object.map('events')

  using ring = new RingBuffer(events, Exec, (event) => {
    const pid: number = event.pid
    const comm: string = event.comm
    // @ts-expect-error it has no such field
    void event.ppid
    void [pid, comm]
  })
  ring.add(events, u64, (time) => {
    const nanoseconds: bigint = time
    void nanoseconds
  })
  // @ts-expect-error the callback does not take what the decoder makes
  ring.add(events, u64, (time: string) => void time)
  // @ts-expect-error there is no such option
  new RingBuffer(events, Exec, { coalesceMs: 1 })
  // @ts-expect-error a map is not its name
  new RingBuffer('events', Exec)

  for await (const event of new RingBuffer(events, Exec).records()) {
    const comm: string = event.comm
    void comm
  }
  for await (const batch of new RingBuffer(events, Exec).batches()) {
    const first: { pid: number; comm: string } | undefined = batch[0]
    void first
  }
  const lost: number | undefined = ring.stats().lost
  void lost
}

export function configure(): void {
  using object = BpfObject.open('exec-snoop.bpf.o')
  object.map('events').maxEntries = 1 << 20
  object.globals['min_uid'] = 1000
  object.load().attach()
  // @ts-expect-error a global is a number, a bigint, a boolean or a string
  object.globals['min_uid'] = {}
}

export function explain(error: BpfError): string {
  const code: string = error.code
  const hint: string | undefined = error.hint
  return `${code} ${hint ?? ''}`
}
