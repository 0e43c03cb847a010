// What an event costs when two CPUs produce at once: the CPUs share a ring and
// its lock, each has a perf buffer of its own.
import { checkCounts, openCompare, openUndrained } from './rows.js'
import { perfRecordBytes, ringRecordBytes, roomFor } from './memory.js'
import { Producer, pageBytes } from '../processes.js'

export interface TogetherRun {
  /** Nanoseconds an event more than untraced, one CPU producing. */
  alone: number
  /** The same, both CPUs producing. */
  together: number
}

/** One run of both kinds, into buffers that hold everything. */
export async function together(calls: number): Promise<Record<'ring' | 'perf', TogetherRun>> {
  const both = [0, 1]
  const base = { alone: await nsPerCall([0], calls), together: await nsPerCall(both, calls) }
  const one = async (kind: 'ring' | 'perf'): Promise<TogetherRun> => ({
    alone: (await nsPerCall([0], calls, kind)) - base.alone,
    together: (await nsPerCall(both, calls, kind)) - base.together,
  })
  return { ring: await one('ring'), perf: await one('perf') }
}

/** Of the producers on these CPUs at once, by default untraced. */
async function nsPerCall(
  producerCpus: readonly number[],
  calls: number,
  kind?: 'ring' | 'perf',
): Promise<number> {
  const producers = producerCpus.map((cpu) => new Producer({ cpu, calls }))
  const run = async (): Promise<number> => {
    const runs = await Promise.all(producers.map((producer) => producer.run()))
    return runs.reduce((sum, { ns }) => sum + ns / calls, 0) / runs.length
  }
  if (kind === undefined) return run()
  using object = openCompare(`event_to_${kind}`, producers, 1)
  const made = calls * producers.length
  object.map('ring').maxEntries = kind === 'ring' ? roomFor(made * ringRecordBytes) : pageBytes
  object.load()
  let received = 0
  const pages = roomFor(calls * perfRecordBytes) / pageBytes
  using reader = openUndrained(object, kind, pages, () => received++)
  object.attach()
  const ns = await run()
  object.detach()
  reader.consume()
  checkCounts(`events of ${producers.length} CPUs, ${kind}`, made, received, 0)
  return ns
}
