// What a process holds: descriptors and poll threads.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { until } from './until.js'

/** What the open descriptors of this process refer to, sorted. */
export function openDescriptors(): string[] {
  const targets: string[] = []
  for (const descriptor of readdirSync('/proc/self/fd')) {
    try {
      targets.push(readlinkSync(`/proc/self/fd/${descriptor}`))
    } catch {
      // The one that listed the directory is closed again.
    }
  }
  return targets.sort()
}

/** The thread ids of a process's poll threads. */
export function pollThreads(pid: number | 'self' = 'self'): string[] {
  return readdirSync(`/proc/${String(pid)}/task`).filter((thread) => {
    try {
      return readFileSync(`/proc/${String(pid)}/task/${thread}/comm`, 'utf8') === 'bpf-ringbuf\n'
    } catch {
      return false // it has ended
    }
  })
}

/** Fails a test file that leaves more open than it found. */
export function expectNothingLeftOpen(): void {
  const held = (): string => [...openDescriptors(), ...pollThreads()].join('\n')
  let before: string
  beforeAll(() => {
    before = held()
  })
  // A thread that was joined, and the pipes of a child that has ended, may need
  // a moment to go.
  afterAll(() =>
    until(
      () => held() === before,
      () => `nothing left open; before:\n${before}\nafter:\n${held()}`,
    ),
  )
}
