// Source code in lines of a width, as prettier breaks them.

/** Of a line, in columns. */
export const width = 100
const step = '  '

/**
 * Text, parts in a row, a list that is on one line where it fits, else on one each, or a
 * text that goes to the next line where it does not fit.
 */
export type Piece = string | readonly Piece[] | List | Movable

/** Such as a string, behind the name of what has it. */
interface Movable {
  readonly movable: string
}

/** A property with a string. */
export function labelled(label: string, text: string): Piece {
  return [`${label}:`, { movable: text }]
}

export interface List {
  readonly open: string
  readonly items: readonly Piece[]
  readonly close: string
  /** Between the brackets and the items on one line. */
  readonly padding: '' | ' '
  /** Behind the last one of several lines. */
  readonly trailing: '' | ','
  /** Always on several lines, and so is all that it is in. */
  readonly isBroken?: boolean
}

export function call(name: string, ...items: Piece[]): Piece {
  return [name, { open: '(', items, close: ')', padding: '', trailing: ',' }]
}

export function object(...items: Piece[]): Piece {
  return items.length === 0 ? '{}' : { open: '{', items, close: '}', padding: ' ', trailing: ',' }
}

export function tuple(...items: Piece[]): Piece {
  return { open: '[', items, close: ']', padding: '', trailing: ',' }
}

export function generic(name: string, ...items: Piece[]): Piece {
  return [name, { open: '<', items, close: '>', padding: '', trailing: '' }]
}

/** An object with a line for each of its entries. */
export function lines(...items: Piece[]): Piece {
  return { open: '{', items, close: '}', padding: ' ', trailing: ',', isBroken: true }
}

function isBroken(piece: Piece): boolean {
  if (typeof piece === 'string') return false
  if (isMovable(piece)) return false
  if (!isList(piece)) return piece.some(isBroken)
  return piece.isBroken === true || piece.items.some(isBroken)
}

export function flat(piece: Piece): string {
  if (typeof piece === 'string') return piece
  if (isMovable(piece)) return ` ${piece.movable}`
  if (!isList(piece)) return piece.map(flat).join('')
  const { open, items, close, padding } = piece
  return open + padding + items.map(flat).join(', ') + padding + close
}

/**
 * The lines of one piece, the first one with its indent.
 *
 * @param indent Of the line that it begins on.
 * @param end What follows on its last line, such as a comma.
 */
export function render(piece: Piece, indent = '', end = ''): string {
  const out = { text: indent, column: indent.length }
  put(out, [piece, end], indent, 0)
  return out.text
}

interface Out {
  text: string
  column: number
}

function put(out: Out, piece: Piece, indent: string, after: number): void {
  if (typeof piece === 'string') {
    out.text += piece
    out.column += piece.length
  } else if (isMovable(piece)) {
    const fits = out.column + 1 + piece.movable.length + after <= width
    const before = fits ? ' ' : `\n${indent}${step}`
    out.text += before + piece.movable
    out.column = (fits ? out.column : indent.length) + before.length + piece.movable.length
  } else if (!isList(piece)) {
    piece.forEach((part, index) => {
      const rest = piece
        .slice(index + 1)
        .map(flat)
        .join('').length
      put(out, part, indent, rest + after)
    })
  } else {
    putList(out, piece, indent, after)
  }
}

function putList(out: Out, list: List, indent: string, after: number): void {
  const onOneLine = flat(list)
  const fits = out.column + onOneLine.length + after <= width && !isBroken(list)
  if (list.items.length === 0 || fits) {
    out.text += onOneLine
    out.column += onOneLine.length
    return
  }
  const inner = indent + step
  out.text += list.open
  list.items.forEach((item, index) => {
    const comma = index < list.items.length - 1 ? ',' : list.trailing
    out.text += `\n${inner}`
    out.column = inner.length
    put(out, item, inner, comma.length)
    out.text += comma
  })
  out.text += `\n${indent}${list.close}`
  out.column = indent.length + list.close.length
}

function isMovable(piece: Exclude<Piece, string>): piece is Movable {
  return 'movable' in piece
}

function isList(piece: Exclude<Piece, string>): piece is List {
  return 'open' in piece
}
