// What readers are to a user's compiler. Compiled, never run.
import {
  type BpfError,
  type BpfErrorCode,
  BpfLink,
  BpfMap,
  BpfObject,
  BpfProgram,
  cstring,
  FlightRecorder,
  openEventStream,
  PerfBuffer,
  RingBuffer,
  type RingBufferOptions,
  struct,
  u32,
  u64,
  UserRingBuffer,
  UserRingReservation,
  VerifierError,
} from 'bpf-ringbuf'

const Exec = struct('exec', { pid: u32, comm: cstring(16) })
const Exit = struct('exit', { pid: u32, code: u32 })

export async function read(object: BpfObject): Promise<void> {
  const events = object.map('events')

  using ring = new RingBuffer(events, Exec, (event) => {
    const pid: number = event.pid
    const comm: string = event.comm
    // @ts-expect-error it has no such field
    void event.ppid
    // @ts-expect-error a name is no number
    const wrong: number = event.comm
    void [pid, comm, wrong]
  })
  using recorder = new FlightRecorder(events, Exec, { orderBy: 'pid' })
  const snapshot = recorder.snapshot()
  const comms: string[] = snapshot.map(({ comm }) => comm)
  const overwritten: number | undefined = snapshot.overwritten
  // @ts-expect-error it may not be known
  const missed: number = snapshot.overwritten
  // @ts-expect-error nothing calls back
  new FlightRecorder(events, Exec, () => undefined)
  void [comms, overwritten, missed]
  ring.add(events, u64, (time) => {
    const nanoseconds: bigint = time
    void nanoseconds
  })
  new RingBuffer(events, Exec, (event, source) => {
    const name: string = source
    void [event.pid, name]
  })
  ring.add(events, Exec.view(), (view) => {
    const pid: number = view.pid
    // @ts-expect-error a view cannot be written to
    view.pid = pid
  })
  // @ts-expect-error the callback does not take what the decoder makes
  ring.add(events, u64, (time: string) => void time)
  // @ts-expect-error a decoder is no function
  ring.add(events, (event) => void event)
  // @ts-expect-error there is no such option
  new RingBuffer(events, Exec, { coalesceMs: 1 })
  // @ts-expect-error there is no such option
  new RingBuffer(events, Exec, (event) => void event.pid, { coalesceMs: 1 })
  // @ts-expect-error a number of microseconds
  new RingBuffer(events, Exec, { coalesceUs: '1' })
  // @ts-expect-error a map is not its name
  new RingBuffer('events', Exec)
  // @ts-expect-error a decoder is not its name
  new RingBuffer(events, 'exec')

  const options: RingBufferOptions = { coalesceUs: 0, signal: AbortSignal.timeout(1000) }
  for await (const event of new RingBuffer(events, Exec, options).records()) {
    const comm: string = event.comm
    void comm
  }
  for await (const event of new RingBuffer(events, Exec)) {
    const comm: string = event.comm
    void comm
  }
  for await (const batch of new RingBuffer(events, Exec).batches()) {
    const first: { pid: number; comm: string } | undefined = batch[0]
    // @ts-expect-error a batch may be empty
    const certain: { pid: number; comm: string } = batch[0]
    void [first, certain]
  }

  const both = new RingBuffer(events, Exec).add(object.map('exits'), Exit)
  for await (const { source, record: event } of both.records()) {
    const map: string = source
    void map
    const pid: number = event.pid
    // @ts-expect-error not each of them has a name
    void event.comm
    if ('code' in event) {
      const code: number = event.code
      void code
    } else {
      const comm: string = event.comm
      void comm
    }
    void pid
  }

  const lost: number | undefined = ring.stats().lost
  const available: number | undefined = ring.stats().rings[0]?.availableBytes
  const consumed: number = ring.consume()
  await ring.ref().unref().flush()
  ring.close()
  void [lost, available, consumed]
  await using other = new RingBuffer(events, Exec, () => undefined)
  void other
}

export async function write(object: BpfObject): Promise<void> {
  using ring = new UserRingBuffer(object.map('requests'), { signal: AbortSignal.timeout(1000) })
  ring.write(Exec, { pid: 1, comm: 'sh' })
  ring.write(u64, 5n)
  // @ts-expect-error a name is no number
  ring.write(Exec, { pid: 1, comm: 5 })
  // @ts-expect-error a field is missing
  ring.write(Exec, { pid: 1 })
  // @ts-expect-error it has no such field
  ring.write(Exec, { pid: 1, comm: 'sh', ppid: 2 })
  // @ts-expect-error there is no such option
  await ring.writeWhenFree(Exec, { pid: 1, comm: 'sh' }, { timeout: 1 })
  await ring.writeWhenFree(Exec, { pid: 1, comm: 'sh' }, { timeoutMs: 1 })
  using reservation: UserRingReservation = await ring.reserveWhenFree(8)
  const bytes: Uint8Array = reservation.bytes
  bytes.fill(1)
  reservation.submit()
}

export async function readPerf(object: BpfObject): Promise<void> {
  const events = object.map('events')

  using perf = new PerfBuffer(
    events,
    Exec,
    (event, cpu) => {
      const pid: number = event.pid
      const where: number = cpu
      void [pid, where]
    },
    { pagesPerCpu: 8, cpus: [0], onLost: (lost, cpu) => void (lost + cpu) },
  )
  perf.add(events, u64, (time, cpu) => void [time + 1n, cpu + 1])
  // @ts-expect-error a CPU is a number
  perf.add(events, u64, (time, cpu: string) => void [time, cpu])
  // @ts-expect-error a ring has no CPUs
  new RingBuffer(events, Exec, { cpus: [0] })
  // @ts-expect-error it has a name instead
  new RingBuffer(events, Exec, (event, cpu: number) => void [event, cpu])

  for await (const { record } of new PerfBuffer(events, Exec).add(events, Exit)) {
    const either: { pid: number; comm: string } | { pid: number; code: number } = record
    void either
  }
  const lost: number | undefined = perf.stats().maps[0]?.lostByCpu[0]
  void lost

  using stream = openEventStream(object, 'events', Exec, (event) => void event.comm, {
    coalesceUs: 0,
    perf: { pagesPerCpu: 8 },
  })
  for await (const batch of openEventStream(object, 'events', Exec).batches()) {
    const comm: string | undefined = batch[0]?.comm
    void comm
  }
  // @ts-expect-error the perf buffer's own options stand apart
  openEventStream(object, 'events', Exec, undefined, { pagesPerCpu: 8 })
  const either:
    RingBuffer<{ pid: number; comm: string }> | PerfBuffer<{ pid: number; comm: string }> = stream
  void either
}

export function configure(): void {
  using object = BpfObject.open('exec-snoop.bpf.o')
  object.map('events').maxEntries = 1 << 20
  object.globals['min_uid'] = 1000
  object.program('on_exit').autoload = false
  object.load().attach()
  object.globals['key'] = Uint8Array.of(1, 2)
  object.globals['histogram'] = { slots: [1, 2], comm: 'text', next: 0n }
  // @ts-expect-error a global has a value
  object.globals['min_uid'] = undefined
  // @ts-expect-error and so has each member of a struct
  object.globals['histogram'] = { slots: [undefined] }
  // @ts-expect-error an object is made by open()
  new BpfObject('exec-snoop.bpf.o')
  // @ts-expect-error a link is made by attach()
  new BpfLink()
  // @ts-expect-error a map by its object, create() or from...()
  new BpfMap()
  // @ts-expect-error a program by its object
  new BpfProgram()
  // @ts-expect-error a reservation by reserve()
  new UserRingReservation()
  // @ts-expect-error a path or bytes
  BpfObject.open(5)
  // @ts-expect-error the maps are those of the file
  object.maps = new Map()
}

export function explain(error: BpfError): string {
  const code: BpfErrorCode = error.code
  const hint: string | undefined = error.hint
  const errno: number | undefined = error.errno
  // @ts-expect-error no code is called so
  const never = error.code === 'ERR_NO_SUCH_CODE'
  if (error instanceof VerifierError) return error.verifierLog
  return `${code} ${hint ?? ''} ${String(errno)} ${String(never)}`
}
