// Which name may have been meant.

/** Beyond this many letters nobody mistypes a name, and comparing takes long. */
const longestName = 64
/** Of hostile objects, which have as many names as they like. */
const mostNames = 1000

/**
 * The name that is nearest to one that there is not: a third of its letters, at
 * most, are others, are missing, are too many, or are swapped. Case counts for
 * nothing.
 */
export function nearestName(wrong: string, names: Iterable<string>): string | undefined {
  if (wrong === '' || wrong.length > longestName) return undefined
  let nearest: string | undefined
  let least = Math.max(1, Math.floor(wrong.length / 3)) + 1
  let compared = 0
  for (const name of names) {
    if (++compared > mostNames) break
    if (name === '' || Math.abs(name.length - wrong.length) >= least) continue
    const steps = stepsBetween(wrong.toLowerCase(), name.toLowerCase())
    if (steps < least) [nearest, least] = [name, steps]
  }
  return nearest
}

/** To be put behind a message: `; did you mean "events"?`, or nothing. */
export function didYouMean(wrong: string, names: Iterable<string>): string {
  const nearest = nearestName(wrong, names)
  return nearest === undefined ? '' : `; did you mean "${nearest}"?`
}

/** Letters to be changed, added, left out or swapped with the next one. */
function stepsBetween(from: string, to: string): number {
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, j) => j)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const isSame = from[i - 1] === to[j - 1]
      let steps = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (isSame ? 0 : 1))
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        steps = Math.min(steps, at(before, j - 2) + 1)
      }
      row.push(steps)
    }
    before = last
    last = row
  }
  return at(last, to.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity
}
