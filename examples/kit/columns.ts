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
  // Most rows are of the same second as the one before.
  let second = NaN
  let text = ''
  return left('TIME', 12, ({ time }) => {
    const ms = time.getTime()
    if (Math.floor(ms / 1000) !== second) {
      second = Math.floor(ms / 1000)
      text = time.toTimeString().slice(0, 'hh:mm:ss'.length)
    }
    return `${text}.${String(ms - 1000 * second).padStart(3, '0')}`
  })
}

/** What came of a call: its error, in red, or what else there is to say. */
export function outcome<Row extends { error: string | null }>(
  width: number,
  done: (row: Row) => string,
): Column<Row> {
  return left(
    'RESULT',
    width,
    (row) => row.error ?? done(row),
    (row) => (row.error === null ? undefined : 'red'),
  )
}

/** What lines may have: on a terminal they are cut to its columns, and coloured. */
export interface Paper {
  readonly columns: number | undefined
  readonly isColoured: boolean
}

export function header<Row>(columns: readonly Column<Row>[], paper: Paper): string {
  return line(columns, paper, ({ title }) => title)
}

export function rowLine<Row>(columns: readonly Column<Row>[], row: Row, paper: Paper): string {
  return line(columns, paper, textOf, row)
}

function textOf<Row>(column: Column<Row>, row: Row | undefined): string {
  const value = column.of(row as Row)
  return typeof value === 'string' ? printable(value) : String(value ?? '')
}

/** It is called for each record: it makes no objects. */
function line<Row>(
  columns: readonly Column<Row>[],
  paper: Paper,
  of: (column: Column<Row>, row: Row | undefined) => string,
  row?: Row,
): string {
  let room = paper.columns ?? Infinity
  let painted = ''
  for (const column of columns) {
    const text = of(column, row)
    const isLast = column === columns.at(-1)
    const padded =
      column.side === 'right'
        ? text.padStart(column.width)
        : isLast
          ? text
          : text.padEnd(column.width)
    if (painted !== '' && room > 1) {
      painted += ' '
      room--
    }
    if (room <= 0) break
    const cell = room === Infinity ? padded : fit(padded, room)
    room -= cell === padded ? cell.length : room
    const colour = paper.isColoured && row !== undefined ? column.colour?.(row) : undefined
    painted += colour === undefined ? cell : `\x1b[${colours[colour]}m${cell}\x1b[0m`
  }
  return painted
}

/** A line that stands below a row. */
export function indented(text: string, { columns }: Paper): string {
  const whole = `    ${printable(text)}`
  return columns === undefined ? whole : fit(whole, columns)
}
