// What somebody may have meant who wrote a name that there is not.
import { nearestName } from '../errors/near.js'

const most = 20

/** To be read after what is wrong: the nearest name, or all of them when none is near. */
export function didYouMean(name: string, names: Iterable<string>): string {
  const all = [...names]
  const near = nearestName(name, all)
  if (near !== undefined) return `did you mean "${near}"?`
  if (all.length === 0) return 'there are none'
  const rest = all.length > most ? `, and ${all.length - most} more` : ''
  return `there is ${all.slice(0, most).join(', ')}${rest}`
}
