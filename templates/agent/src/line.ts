import type { ExecEvent } from './agent.bpf.js'

/** An event as a line of text; control characters of names do not reach the terminal. */
export function lineOf({ pid, parent_pid, uid, comm, filename }: ExecEvent): string {
  const names = `${comm} ${filename}`.replace(/[^\x20-\x7e]/g, '?')
  return `pid ${pid}, parent ${parent_pid}, uid ${uid}: ${names}`
}
