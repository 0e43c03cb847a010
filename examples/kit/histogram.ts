// Histograms of powers of two, as BPF programs count them.

/** How often each size was seen: slot 0 counts 0 and 1, slot N from 2^N below 2^(N+1). */
export interface Histogram {
  /** What it is of, such as a process; nothing when there is but one. */
  readonly title?: string | undefined
  /** Of the sizes, such as µs. */
  readonly unit: string
  readonly slots: ArrayLike<number | bigint>
  /** Of all sizes together, in the same unit. */
  readonly total?: number | undefined
  /** What else --json has of it, such as the process. */
  readonly of?: Readonly<Record<string, string | number>> | undefined
}

const eighths = ' ▏▎▍▌▋▊▉'

function bar(part: number, width: number): string {
  const cells = Math.round(part * width * 8)
  const rest = cells % 8
  return '█'.repeat(Math.floor(cells / 8)) + (rest === 0 ? '' : (eighths[rest] ?? ''))
}

/** As lines, no wider than so many columns. */
export function drawn({ title, unit, slots, total }: Histogram, columns = 80): string[] {
  const counts = Array.from(slots, Number)
  const lines = title === undefined ? [] : [title]
  const first = counts.findIndex((count) => count > 0)
  if (first < 0) return [...lines, `  no ${unit} were counted`]
  const last = counts.findLastIndex((count) => count > 0)
  const most = Math.max(...counts)
  const rows = counts.slice(first, last + 1).map((count, index) => {
    const slot = first + index
    const from = slot === 0 ? 0 : 2 ** slot
    return [from.toLocaleString('en'), (2 ** (slot + 1) - 1).toLocaleString('en'), count] as const
  })
  const widest = (texts: readonly string[]): number => Math.max(...texts.map((each) => each.length))
  const fromWidth = widest([...rows.map(([from]) => from), ''])
  const toWidth = widest([...rows.map(([, to]) => to), unit])
  const countWidth = widest([...rows.map(([, , count]) => count.toLocaleString('en')), 'COUNT'])
  const used = fromWidth + toWidth + countWidth + 9
  const room = Math.max(8, Math.min(40, columns - used))
  lines.push(`  ${unit.padStart(fromWidth + toWidth + 3)}  ${'COUNT'.padStart(countWidth)}`)
  for (const [from, to, count] of rows) {
    const range = `${from.padStart(fromWidth)} – ${to.padStart(toWidth)}`
    const shown = `${count.toLocaleString('en').padStart(countWidth)}  ${bar(count / most, room)}`
    lines.push(`  ${range}  ${shown}`)
  }
  if (total !== undefined) {
    const average = total / counts.reduce((sum, count) => sum + count, 0)
    lines.push(`  average ${average.toFixed(average < 10 ? 1 : 0)} ${unit}`)
  }
  return lines
}
