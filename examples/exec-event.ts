// What the small examples have in common: the record, how it is printed, and
// when they end.
import { once } from 'node:events'
import { cstring, struct, u32, type Value } from 'bpf-ringbuf'
import { printable } from './printable.js'

/** `struct exec_event` of bpf/exec-event.h. */
export const ExecEvent = struct('exec_event', {
  pid: u32,
  comm: cstring(16),
  filename: cstring(256),
})

export function printHeader(): void {
  print('PID', 'COMM', 'FILENAME')
}

export function printEvent({ pid, comm, filename }: Value<typeof ExecEvent>): void {
  print(String(pid), comm, filename)
}

function print(pid: string, comm: string, filename: string): void {
  console.log(`${pid.padStart(7)} ${printable(comm).padEnd(16)} ${printable(filename)}`)
}

/** Resolves on Ctrl-C, when asked to terminate, and when nobody reads the output any more. */
export async function untilStopped(): Promise<void> {
  await Promise.race([
    once(process, 'SIGINT'),
    once(process, 'SIGTERM'),
    // To stay: each line that is still printed is another error.
    new Promise((resolve) => process.stdout.on('error', resolve)),
  ])
}
