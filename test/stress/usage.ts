// What this process holds.
import { readdirSync, readlinkSync } from 'node:fs'

const MiB = 1024 * 1024

export interface Usage {
  /** What is in use after a garbage collection: JavaScript's heap, and memory outside it. */
  liveMiB: number
  /** With what V8 and malloc keep for later, which moves with the load. */
  rssMiB: number
  descriptors: number
  threads: number
}

export async function usage(): Promise<Usage> {
  // Finalizers run after a collection, and free what the next one sees.
  for (let i = 0; i < 2; i++) {
    global.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  // Nothing runs between the last ones: a collection leaves the memory of
  // ArrayBuffers to another thread, and the next one waits for that.
  global.gc?.()
  global.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  return {
    liveMiB: (heapUsed + external) / MiB,
    rssMiB: rss / MiB,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
  }
}

/** What the open descriptors refer to, sorted. */
export function openDescriptors(): string[] {
  const targets: string[] = []
  for (const descriptor of readdirSync('/proc/self/fd')) {
    try {
      targets.push(readlinkSync(`/proc/self/fd/${descriptor}`).replace(/\d+/, 'N'))
    } catch {
      // The one that listed the directory is closed again.
    }
  }
  return targets.sort()
}
