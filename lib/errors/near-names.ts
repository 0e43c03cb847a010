// What somebody may have meant who misspelt a name.

/** The most that are suggested. */
const mostSuggested = 3

/**
 * ` Did you mean "event"?`, or nothing when no name is near: to be put behind a
 * sentence.
 */
export function didYouMean(name: string, names: Iterable<string>): string {
  const near = nearNames(name, names)
  const listed = near.map((each) => `"${each}"`).join(' or ')
  return near.length === 0 ? '' : ` Did you mean ${listed}?`
}

/** The names that may have been meant, the nearest first. */
export function nearNames(name: string, names: Iterable<string>): string[] {
  const wanted = name.toLowerCase()
  const most = Math.max(1, Math.floor(name.length / 3))
  const near: { name: string; steps: number }[] = []
  for (const known of new Set(names)) {
    const given = known.toLowerCase()
    if (given === '' || Math.abs(given.length - wanted.length) > most) continue
    const steps = stepsBetween(wanted, given)
    if (steps <= most) near.push({ name: known, steps })
  }
  near.sort((a, b) => a.steps - b.steps || (a.name < b.name ? -1 : 1))
  return near.slice(0, mostSuggested).map((each) => each.name)
}

/** Letters that were left out, put in, changed, or swapped with the next one. */
function stepsBetween(from: string, to: string): number {
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const changed = (last[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1)
      let steps = Math.min(changed, (last[j] as number) + 1, (row[j - 1] as number) + 1)
      const isSwapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      if (isSwapped) steps = Math.min(steps, (before[j - 2] as number) + 1)
      row.push(steps)
    }
    before = last
    last = row
  }
  return last[to.length] as number
}
