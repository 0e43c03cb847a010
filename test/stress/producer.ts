// test/native/producer.c as a child process.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

export const root = join(__dirname, '../../..')

/** It waits for a line on its standard input, and ends when that is closed. */
export function startProducer(...args: string[]): ChildProcess {
  return spawn(join(root, 'build/test/producer'), args, { stdio: ['pipe', 'pipe', 'inherit'] })
}

/** Stops this thread. */
export function stall(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}
