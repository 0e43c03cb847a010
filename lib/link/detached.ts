// Waiting until links that were closed are gone.
import { setTimeout as pause } from 'node:timers/promises'
import { addon } from '../addon/addon.js'
import { BpfError, checkInteger, checkOptions } from '../errors/errors.js'

/** How long to wait until programs have ended. */
export interface DetachedOptions {
  /** How long to wait. Default 1000. */
  timeoutMs?: number | undefined
}

/** 1 and 0 are the answers, everything else is none. */
export function isGone(id: number): boolean {
  return addon().linkExists(id) !== 1
}

/**
 * Waits until the kernel has let go of links, and the runs of programs that were
 * under way then are over.
 *
 * @param ids Of the links; 0 for one whose id is not known.
 * @returns Whether it is known of all of them.
 * @throws {BpfError} `ERR_TIMEOUT`.
 */
export async function waitUntilDetached(
  ids: readonly number[],
  target: string,
  options: DetachedOptions,
): Promise<boolean> {
  checkOptions(options, ['timeoutMs'])
  const timeoutMs = checkInteger(options.timeoutMs ?? 1000, 'timeoutMs', 0, 2 ** 31 - 1)
  const deadline = performance.now() + timeoutMs
  let known = true
  for (const id of ids) {
    let answer = id === 0 ? -1 : addon().linkExists(id)
    for (let delayMs = 1; answer === 1; delayMs = Math.min(2 * delayMs, 16)) {
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) {
        throw new BpfError('ERR_TIMEOUT', `after ${String(timeoutMs)} ms a process has it still`, {
          operation: 'detach',
          target,
          hint: 'A child between fork and exec holds copies of all descriptors, and with them links',
        })
      }
      await pause(Math.min(delayMs, leftMs))
      answer = addon().linkExists(id)
    }
    known &&= answer === 0
  }
  const runsEnded = await within(
    addon().programsEnded(),
    Math.max(deadline - performance.now(), shortestRunMs),
  )
  return known && runsEnded
}

/** A grace period of RCU takes some milliseconds, also when there is no time left. */
const shortestRunMs = 100

/** Whether the promise resolves in time: one of native code may not, when Node-API fails there. */
async function within(promise: Promise<void>, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController()
  try {
    return await Promise.race([
      promise.then(() => true),
      pause(timeoutMs, false, { signal: timer.signal }),
    ])
  } finally {
    timer.abort()
  }
}
