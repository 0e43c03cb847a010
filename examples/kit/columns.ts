// Rows as lines of a terminal.
import { fit, printable } from './printable.js'

export type Cell = string | number | bigint | null | undefined

const colours = { red: 31, green: 32, yellow: 33, blue: 34, grey: 90 }

export interface Column<Row> {
  readonly title: string
  /** In characters; 0 is what is left of the line, and stands last. */
  readonly width: number
  readonly side: 'left' | 'right'
  readonly of: (row: Row) => Cell
  readonly colour?: ((row: Row) => keyof typeof colours | undefined) | undefined
}

/** Text; what is longer than the column moves the others of its line. */
export function left<Row>(
  title: string,
  width: number,
  of: (row: Row) => Cell,
  colour?: Column<Row>['colour'],
): Column<Row> {
  return { title, width, side: 'left', of, colour }
}

/** Numbers. */
export function right<Row>(
  title: string,
  width: number,
  of: (row: Row) => Cell,
  colour?: Column<Row>['colour'],
): Column<Row> {
  return { title, width, side: 'right', of, colour }
}

/** When it was, of this place. */
export function clock(): Column<{ time: Date }> {
  return left('TIME', 12, ({ time }) => {
    const parts = [time.getHours(), time.getMinutes(), time.getSeconds()]
    const [hours, minutes, seconds] = parts.map((part) => String(part).padStart(2, '0'))
    const milliseconds = String(time.getMilliseconds()).padStart(3, '0')
    return `${hours}:${minutes}:${seconds}.${milliseconds}`
  })
}

/** What lines may have: on a terminal they are cut to its columns, and coloured. */
export interface Paper {
  readonly columns: number | undefined
  readonly isColoured: boolean
}

export function header<Row>(columns: readonly Column<Row>[], paper: Paper): string {
  return line(
    columns.map((column) => ({ ...column, text: column.title })),
    paper,
  )
}

export function rowLine<Row>(columns: readonly Column<Row>[], row: Row, paper: Paper): string {
  const cells = columns.map((column) => {
    const value = column.of(row)
    const text = value === null || value === undefined ? '' : printable(String(value))
    return { ...column, text, paint: column.colour?.(row) }
  })
  return line(cells, paper)
}

interface Painted {
  readonly text: string
  readonly width: number
  readonly side: 'left' | 'right'
  readonly paint?: keyof typeof colours | undefined
}

function line(cells: readonly Painted[], { columns, isColoured }: Paper): string {
  let used = 0
  let painted = ''
  cells.forEach(({ text, width, side, paint }, index) => {
    const gap = index === 0 ? '' : ' '
    const isLast = index === cells.length - 1
    const whole = side === 'right' ? text.padStart(width) : isLast ? text : text.padEnd(width)
    const room = columns === undefined ? Infinity : columns - used - gap.length
    if (room <= 0) return
    const cell = room === Infinity ? whole : fit(whole, room)
    used += gap.length + Math.max(cell.length, whole === cell ? whole.length : room)
    painted += gap + (isColoured && paint !== undefined ? colour(cell, paint) : cell)
  })
  return painted
}

function colour(text: string, name: keyof typeof colours): string {
  return `\x1b[${colours[name]}m${text}\x1b[0m`
}
