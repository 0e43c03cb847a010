// What the kernel has loaded, by its own lists.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { BpfObject } from '../lib/index.js'
import { until } from './until.js'

/** `program 1`, `map 2`, `link 3`, … */
function loaded(): Set<string> {
  const listed = execFileSync(join(__dirname, '../build/test/loaded'), { encoding: 'utf8' })
  return new Set(listed.trimEnd().split('\n'))
}

/** The kernel's ids of an object's programs, of the maps that they use, and of its links. */
export function idsOf(object: BpfObject): string[] {
  const programs = [...object.programs.values()].filter(({ autoload }) => autoload)
  const infos = programs.map((program) => program.info())
  return [
    ...infos.map(({ id }) => `program ${String(id)}`),
    ...new Set(infos.flatMap(({ mapIds }) => mapIds.map((id) => `map ${String(id)}`))),
    ...object.links.map((link) => `link ${String(link.info().id)}`),
  ]
}

/** Which of these the kernel has. */
export function stillLoaded(ids: readonly string[]): string[] {
  const now = loaded()
  return ids.filter((id) => now.has(id))
}

/** Waits until the kernel has let go of all of these, which it does a moment later. */
export async function untilGone(ids: readonly string[]): Promise<void> {
  await until(
    () => stillLoaded(ids).length === 0,
    () => `gone: ${stillLoaded(ids).join(', ')}`,
  )
}
