// Records as lines of a table: columns as wide as their types need and the terminal allows.
import type { Type } from '../types/struct.js'
import { hexOf, jsonOf } from './json.js'
import { fit, printable, widthOf } from './printable.js'

interface Column {
  /** Where its value is in a record. */
  readonly path: readonly string[]
  readonly header: string
  /** What its values need at most, as far as that is not too much. */
  readonly natural: number
  readonly isNumber: boolean
  width: number
}

/** Structs in structs are columns of their own, as deep as this. */
const deepest = 4
const gap = 2
const widestText = 32
const leastNumber = 7
const leastText = 8

/** The lines of one type's records. */
export class Table {
  readonly #columns: Column[]
  readonly #most: number
  /** The headers of columns for which there was no room. */
  readonly omitted: readonly string[]

  /**
   * @param type What the rows are; or what they are made of, by name.
   * @param columns Of the terminal; nothing when lines may have any length.
   */
  constructor(type: Type | ReadonlyMap<string, Type>, columns: number | undefined) {
    const all =
      type instanceof Map
        ? [...(type as ReadonlyMap<string, Type>)].flatMap(([name, part]) =>
            columnsOf(part, [name], 1),
          )
        : columnsOf(type as Type, [], 0)
    this.#most = columns ?? Infinity
    this.#columns = all.slice(0, fitColumns(all, this.#most))
    this.omitted = all.slice(this.#columns.length).map(({ header }) => header)
  }

  get header(): string {
    return this.#line(this.#columns.map(({ header }) => header))
  }

  row(record: unknown): string {
    return this.#line(
      this.#columns.map(({ path }) => {
        let value = record
        for (const name of path) value = (value as Record<string, unknown> | undefined)?.[name]
        return cellOf(value)
      }),
    )
  }

  #line(cells: readonly string[]): string {
    const last = this.#columns.length - 1
    const isCut = this.#most !== Infinity
    let line = ''
    this.#columns.forEach(({ isNumber, width }, index) => {
      const whole = cells[index] ?? ''
      const cell = isCut && !isNumber ? fit(whole, width) : whole
      const padding = ' '.repeat(Math.max(0, width - widthOf(cell)))
      line += isNumber ? padding + cell : index === last ? cell : cell + padding
      if (index < last) line += ' '.repeat(gap)
    })
    return isCut ? fit(line, this.#most) : line
  }
}

function cellOf(value: unknown): string {
  if (value === undefined) return '-'
  if (typeof value === 'string') return printable(value)
  if (value instanceof Uint8Array) return hexOf(value)
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : jsonOf(value)
}

function columnsOf(type: Type, path: readonly string[], depth: number): Column[] {
  const { shape } = type
  if (shape.kind === 'struct' && depth < deepest) {
    return shape.fields.flatMap(({ name, type }) => columnsOf(type, [...path, name], depth + 1))
  }
  if (shape.kind === 'tagged') return columnsOfAny(shape.cases.map((each) => each.type))
  const header = path.length === 0 ? type.name : path.join('.')
  const isNumber = ['int', 'bits', 'float'].includes(shape.kind)
  const natural = Math.max(header.length, Math.min(widthOfType(type), widestText))
  return [{ path, header, natural, isNumber, width: natural }]
}

/** Those that any of several structs has; a record has some of them. */
function columnsOfAny(types: readonly Type[]): Column[] {
  const columns = new Map<string, Column>()
  for (const column of types.flatMap((type) => columnsOf(type, [], 0))) {
    const same = columns.get(column.header) ?? column
    const natural = Math.max(same.natural, column.natural)
    const isNumber = same.isNumber && column.isNumber
    columns.set(column.header, { ...column, natural, isNumber, width: natural })
  }
  return [...columns.values()]
}

/** What the values of a type need at most. */
function widthOfType(type: Type): number {
  const { shape } = type
  switch (shape.kind) {
    case 'int': {
      const digits = { 1: 3, 2: 5, 4: 10, 8: 20, 16: 39 }[shape.size]
      return digits + (shape.signed && shape.size < 8 ? 1 : 0)
    }
    case 'bits':
      return Math.ceil(shape.width * Math.log10(2)) + (shape.signed ? 1 : 0)
    case 'enum':
      return shape.names.reduce((most, [name]) => Math.max(most, name.length), 10)
    case 'float':
      return 12
    case 'bool':
      return 5
    case 'cstring':
      return shape.length === undefined ? widestText : Math.max(1, shape.length - 1)
    case 'bytes':
      return shape.length === undefined ? widestText : 2 * shape.length
    case 'array':
      return 2 + (shape.length ?? widestText) * (1 + widthOfType(shape.element))
    case 'map':
      // Of BTF these are addresses: IPv4, of hardware, or IPv6.
      return { 4: 15, 6: 17, 16: 39 }[type.size] ?? 16
    default:
      return 16
  }
}

/**
 * Gives each column its width, as far as there is room.
 *
 * @returns How many of the columns there is room for: one at least.
 */
function fitColumns(columns: Column[], most: number): number {
  const least = ({ natural, isNumber }: Column): number =>
    Math.min(natural, isNumber ? leastNumber : leastText)
  let count = 0
  let used = -gap
  for (const column of columns) {
    const needed = gap + least(column)
    if (count > 0 && used + needed > most) break
    used += needed
    count++
  }
  const shown = columns.slice(0, count)
  let room = most - (shown.reduce((sum, { natural }) => sum + gap + natural, 0) - gap)
  if (room >= 0) return count
  for (const column of shown) column.width = least(column)
  room = most - used
  // Numbers first, as they are not cut.
  for (const isNumber of [true, false]) {
    for (let grown = true; grown && room > 0;) {
      grown = false
      for (const column of shown) {
        if (column.isNumber !== isNumber || column.width >= column.natural || room <= 0) continue
        column.width++
        room--
        grown = true
      }
    }
  }
  return count
}
