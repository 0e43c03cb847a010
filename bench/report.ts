// Documents: prose, tables and plots, as Markdown or for the terminal.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { figure, isComparable, median, meets, percent, spread } from './figures.js'
import { drawing } from './plots.js'
import type { Bar, Block, Claim, MeasuredRow, Table, Tone } from './types.js'

const proseColumns = 100
const tableColumns = 120

/** Aligned as prettier does it. */
function markdownTable({ head, rows }: Table): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  // One that is too wide is split, each part with the first column.
  let end = 1
  for (let total = 1 + (widths[0] ?? 0) + 3; end < widths.length; end++) {
    total += (widths[end] ?? 0) + 3
    if (end > 1 && total > tableColumns) break
  }
  if (end < widths.length) {
    const part = (cells: readonly string[], from: number, to?: number): string[] => [
      cells[0] ?? '',
      ...cells.slice(from, to),
    ]
    const split = (from: number, to?: number): string =>
      markdownTable({ head: part(head, from, to), rows: rows.map((row) => part(row, from, to)) })
    return `${split(1, end)}\n\n${split(end)}`
  }
  const line = (cells: readonly string[]): string =>
    `| ${widths
      .map((width, i) =>
        i === 0 ? (cells[i] ?? '').padEnd(width) : (cells[i] ?? '').padStart(width),
      )
      .join(' | ')} |`
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

/** Paragraphs and items of lists to lines of some columns; headings stay as they are. */
export function wrapped(text: string): string {
  return text
    .split('\n')
    .map((paragraph) => {
      if (paragraph.startsWith('#')) return paragraph
      const indent = paragraph.startsWith('- ') ? '  ' : ''
      const lines = ['']
      // Code in backticks keeps its spaces and its line.
      for (const word of paragraph.match(/(?:`[^`]*`|\S)+/g) ?? []) {
        const last = lines.at(-1) ?? ''
        const next = last === '' ? word : `${last} ${word}`
        if (next.length <= proseColumns) lines[lines.length - 1] = next
        else lines.push(indent + word)
      }
      return lines.join('\n')
    })
    .join('\n')
}

/** The document, with its plots as files beside it. */
export function writeDocument(blocks: readonly Block[], directory: string, name: string): void {
  mkdirSync(directory, { recursive: true })
  const parts = blocks.map((block) => {
    if (typeof block === 'string') return wrapped(block)
    if ('head' in block) return markdownTable(block)
    const file = `${name}-${block.name}.svg`
    writeFileSync(join(directory, file), drawing(block))
    return `![${block.title}](${file})`
  })
  writeFileSync(join(directory, `${name}.md`), `${parts.join('\n\n')}\n`)
}

/** Headings and tables. */
export function terminalText(blocks: readonly Block[]): string {
  const parts = blocks.flatMap((block) => {
    if (typeof block === 'string') return /^(#|\*\*)/.test(block) ? [wrapped(block)] : []
    return 'head' in block ? [markdownTable(block)] : []
  })
  return parts.join('\n\n')
}

// Tables and plots of what every study has

export interface Column {
  /** The row's unit unless said. */
  title?: string
  /** The name of the values. */
  of?: string
  as?: 'spread' | 'median' | 'percent'
  scale?: number
  /** Instead: to the side that this returns. */
  ratioTo?: (side: string, row: MeasuredRow) => string | undefined
}

function cell(row: MeasuredRow, side: string, column: Column): string {
  const { of: name = 'value', as = 'spread', scale = 1, ratioTo } = column
  const values = row.sides[side]
  if (ratioTo !== undefined) {
    const base = ratioTo(side, row) ?? side
    if (base === side) return '1'
    if (!isComparable(values) || !isComparable(row.sides[base])) return 'not compared'
    return figure(median(values?.[name]) / median(row.sides[base]?.[name]))
  }
  const scaled = (values?.[name] ?? []).map((value) => value * scale)
  if (scaled.length === 0) return ''
  if (as === 'percent') return percent(median(scaled))
  return as === 'spread' ? spread(scaled) : figure(median(scaled))
}

/** A side a line; columns without any value are left out. */
function rowTable(
  row: MeasuredRow,
  title: string,
  columns: readonly Column[],
  label: (side: string) => string = String,
): Table {
  const sides = Object.keys(row.sides)
  const shown = columns.filter((column) => sides.some((side) => cell(row, side, column) !== ''))
  return {
    head: [title, ...shown.map((column) => column.title ?? row.unit)],
    rows: sides.map((side) => [label(side), ...shown.map((column) => cell(row, side, column))]),
  }
}

/** A side a line, a row a column, with medians; what was lost is said. */
function pivotTable(rows: readonly MeasuredRow[], title: string): Table {
  const sides = [...new Set(rows.flatMap((row) => Object.keys(row.sides)))]
  const columns = rows.map((row) => row.title + (row.isOversubscribed === true ? '*' : ''))
  return {
    head: [title, ...columns],
    rows: sides.map((side) => [
      side,
      ...rows.map((row) => {
        const lost = isComparable(row.sides[side])
          ? ''
          : cell(row, side, { of: 'dropped', as: 'percent' })
        return cell(row, side, { as: 'median' }) + (lost === '' ? '' : `, ${lost} lost`)
      }),
    ]),
  }
}

export function bars(
  row: MeasuredRow,
  tone: (side: string) => Tone,
  { of: name = 'value', scale = 1 }: { of?: string; scale?: number } = {},
  label: (side: string) => string = String,
): Bar[] {
  return Object.keys(row.sides).flatMap((side) => {
    const values = (row.sides[side]?.[name] ?? []).map((value) => value * scale)
    return values.length === 0 ? [] : [{ label: label(side), tone: tone(side), values }]
  })
}

export type PlotsOf = (rows: readonly MeasuredRow[]) => Block[]

/** Of a document: what the rows of a group are, their figures and plots. */
export interface Section {
  group: string
  title: string
  about: (row: MeasuredRow) => string
  columns?: readonly Column[]
  /** All rows in one table with this head, instead of a table each. */
  pivot?: string
  /** Instead of both. */
  tables?: (rows: readonly MeasuredRow[]) => Block[]
  plots?: PlotsOf
  after?: (row: MeasuredRow) => Block[]
}

/** Sections whose rows were measured. */
export function sectionBlocks(
  rows: readonly MeasuredRow[],
  sections: readonly Section[],
  label: (side: string) => string = String,
): Block[] {
  return sections.flatMap(({ group, title, about, columns, pivot, tables, plots, after }) => {
    const found = rows.filter((row) => row.group === group)
    const [first] = found
    if (first === undefined) return []
    const perRow = (): Block[] =>
      pivot === undefined
        ? found.map((row) => rowTable(row, row.title, columns ?? [{}], label))
        : [pivotTable(found, pivot)]
    return [
      `## ${title}`,
      about(first),
      ...(plots?.(found) ?? []),
      ...(tables ?? perRow)(found),
      ...(after?.(first) ?? []),
    ]
  })
}

function metText(claim: Claim): string {
  if (meets(claim)) return 'yes'
  if (claim.ratio === undefined) return '–'
  return claim.isWithinSpread ? 'no, but within the spread' : 'no'
}

export function claimsTable(claims: readonly Claim[]): Table {
  return {
    head: ['claim', 'row', 'against', 'ratio', 'target', 'met'],
    rows: claims.map((claim) => [
      claim.what,
      claim.row,
      claim.against,
      claim.ratio === undefined ? 'not compared' : figure(claim.ratio),
      'atLeast' in claim.target
        ? `≥ ${figure(claim.target.atLeast)}`
        : `≤ ${figure(claim.target.atMost)}`,
      metText(claim),
    ]),
  }
}
