// What the small examples have in common: how an event is printed, and when they end.
import { once } from 'node:events'
import { printable } from './kit/printable.js'
import type { ExecEvent } from './ringbuf-output.bpf.js'

export function printHeader(): void {
  print('PID', 'COMM', 'FILENAME')
}

export function printEvent({ pid, comm, filename }: ExecEvent): void {
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
