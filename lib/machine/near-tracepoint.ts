// Which tracepoint may have been meant.
import { readdirSync } from 'node:fs'
import { didYouMean } from '../errors/near.js'

/**
 * To be put behind a message: the tracepoint of tracefs that is nearest to one that there
 * is not, or the nearest category.
 *
 * @param place Such as `sched/sched_process_exek`.
 * @param events The folder of tracefs that has a folder for each category.
 */
export function didYouMeanTracepoint(place: string, events = '/sys/kernel/tracing/events'): string {
  const [category = '', name = ''] = place.split('/')
  const categories = namesIn(events)
  if (!categories.includes(category)) return didYouMean(category, categories)
  return didYouMean(name, namesIn(`${events}/${category}`))
}

/**
 * The same of a raw tracepoint, whose name has no category.
 *
 * @param name Such as `sched_process_exek`.
 */
export function didYouMeanRawTracepoint(
  name: string,
  events = '/sys/kernel/tracing/events',
): string {
  // Those of system calls are none, they are made of two others; and there are hundreds.
  const categories = namesIn(events).filter((category) => category !== 'syscalls')
  const names = categories.flatMap((category) => namesIn(`${events}/${category}`))
  const isNear = (other: string): boolean => Math.abs(other.length - name.length) <= 2
  return didYouMean(name, names.filter(isNear))
}

/** None where tracefs is mounted elsewhere or may not be read. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
