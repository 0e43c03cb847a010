// From end to end: a BPF program of the package's own, and its record.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { BpfError } from '../errors/errors.js'
import { problemOf } from '../machine/feature.js'
import { BpfObject } from '../object/object.js'
import { openEventStream } from '../stream/event-stream.js'
import { cstring, struct } from '../types/struct.js'

/** Whether a record arrived. */
export interface Proof {
  readonly buffer: 'ring' | 'perf'
  readonly received: boolean
  /** From opening the object until the record was there. */
  readonly milliseconds: number
  /** Why not, with the code of the error; `mend` says what to do. */
  readonly code?: string
  readonly why?: string
  readonly mend?: string
}

const RenameEvent = struct('rename_event', { comm: cstring(16) })

const objectPath = join(__dirname, '../bpf/doctor.bpf.o')

/**
 * Loads and attaches a program, makes it write a record, and waits for that. For
 * a moment this process has another title.
 */
export async function prove(buffer: Proof['buffer'], timeoutMs = 10_000): Promise<Proof> {
  const start = performance.now()
  const ended = () => Math.round((performance.now() - start) * 10) / 10
  try {
    const received = await receive(buffer, timeoutMs)
    const milliseconds = ended()
    if (received) return { buffer, received, milliseconds }
    const why = `No record arrived within ${timeoutMs} ms`
    return { buffer, received, milliseconds, code: 'ERR_TIMEOUT', why }
  } catch (error) {
    const milliseconds = ended()
    if (!(error instanceof BpfError)) {
      return { buffer, received: false, milliseconds, why: String(error) }
    }
    const { code, hint } = error
    const mend = hint === undefined ? {} : { mend: hint }
    return { buffer, received: false, milliseconds, code, why: problemOf(error), ...mend }
  }
}

async function receive(buffer: Proof['buffer'], timeoutMs: number): Promise<boolean> {
  using object = BpfObject.open(objectPath)
  object.map('renames').usePerfBuffer = buffer === 'perf'
  object.load()
  const title = process.title
  // Also the name of this thread, by which its record is known: process numbers
  // are others outside of a container.
  const name = `doctor-${randomBytes(4).toString('hex')}`
  let resolve: (received: boolean) => void = () => undefined
  const arrived = new Promise<boolean>((settle) => {
    resolve = settle
  })
  const stream = openEventStream(object, 'renames', RenameEvent, ({ comm }) => {
    if (comm === name) resolve(true)
  })
  const timer = setTimeout(() => resolve(false), timeoutMs)
  try {
    process.title = name
    object.attach()
    process.title = title
    return await arrived
  } finally {
    process.title = title
    clearTimeout(timer)
    stream.close()
  }
}
