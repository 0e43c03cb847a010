// Tables, for people and for Markdown alike.
import { type Summary } from './summary.js'

/** The first column is text, the others are figures. */
export interface Table {
  head: readonly string[]
  rows: readonly (readonly string[])[]
}

/** Aligned as prettier does it. */
export function markdownTable({ head, rows }: Table): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const joined = (cells: readonly string[]): string => {
    const padded = widths.map((width, column) => {
      const cell = cells[column] ?? ''
      return column === 0 ? cell.padEnd(width) : cell.padStart(width)
    })
    return `| ${padded.join(' | ')} |`
  }
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  )
  return [joined(head), `| ${rule.join(' | ')} |`, ...rows.map(joined)].join('\n')
}

/** Three digits, more of large numbers. */
export function figure(value: number): string {
  const size = Math.abs(value)
  if (size >= 100) return Math.round(value).toLocaleString('en')
  if (size >= 10) return value.toFixed(1)
  return value.toFixed(size >= 1 || size === 0 ? 2 : 3)
}

export function spread({ median, min, max }: Summary): string {
  return `${figure(median)} (${figure(min)} – ${figure(max)})`
}

export function kibibytes(bytes: number): string {
  const kib = bytes / 1024
  if (kib < 1024) return `${kib} KiB`
  return kib < 1024 * 1024 ? `${kib / 1024} MiB` : `${kib / 1024 / 1024} GiB`
}

/** "A", "A and B", "A, B and C". */
export function listed(items: readonly string[]): string {
  if (items.length < 2) return items.join('')
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`
}
