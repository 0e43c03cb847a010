// Code that was made at run time: /tmp/perf-PID.map, which the runtime appends to.
// Each line is "ADDRESS SIZE NAME" in hexadecimal digits.
import { Pace } from './pace.js'
import type { Source } from './source.js'
import { SymbolList, type SymbolTable } from './symbol-table.js'

/** The file, or what stands for it. */
export type JitSource = Pick<Source, 'read' | 'sizeBytes' | 'inode'>

/** How much is read at once. */
const pieceBytes = 1 << 18

/** What a file like this has said so far. */
export class JitMap {
  /** The file that was read, and may since have been replaced. */
  readonly #inode: bigint
  readonly #maxBytes: number
  readonly #symbols = new SymbolList()
  /** The lines, each ended by a 0 in the place of its end. */
  #text = Buffer.allocUnsafeSlow(1 << 12)
  /** What has been read of the file, all of it whole lines. */
  #length = 0
  #table: SymbolTable | undefined
  readonly #pace = new Pace()

  /** @param maxBytes In memory: what would take more is not read. */
  constructor(source: JitSource, maxBytes: number) {
    this.#inode = source.inode
    this.#maxBytes = maxBytes
  }

  /** In memory. */
  get bytes(): number {
    return this.#symbols.bytes + (this.#table?.bytes ?? this.#text.length)
  }

  /** It is time to look at the file again. */
  get isDue(): boolean {
    return this.#pace.isDue
  }

  /** It is of this file, which has not been written anew. */
  isOf(source: JitSource): boolean {
    return source.inode === this.#inode && source.sizeBytes >= this.#length
  }

  /** Reads what has been appended. True when there was something. */
  update(source: JitSource): boolean {
    if (source.sizeBytes === this.#length) return false
    return this.#pace.run(() => {
      const before = this.#length
      while (this.#readPiece(source));
      const hasGrown = this.#length > before
      if (hasGrown) this.#table = this.#symbols.toTable(this.#text, 'latest')
      return hasGrown
    })
  }

  find(address: number): ReturnType<SymbolTable['find']> {
    return this.#table?.find(address)
  }

  /** False when there is no whole line more, or no room for it. */
  #readPiece(source: JitSource): boolean {
    const length = Math.min(pieceBytes, source.sizeBytes - this.#length)
    // With what the lines may need besides.
    if (this.#maxBytes < 2 * (this.#length + length) + 4 * this.#symbols.bytes) return false
    const piece = source.read(this.#length, length)
    const end = piece?.lastIndexOf(newline) ?? -1
    if (piece === undefined || end < 0) return false
    this.#reserve(this.#length + end + 1)
    piece.copy(this.#text, this.#length, 0, end + 1)
    this.#parse(this.#length, this.#length + end + 1)
    this.#length += end + 1
    return true
  }

  #reserve(length: number): void {
    if (length <= this.#text.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#text.length))
    this.#text.copy(grown, 0, 0, this.#length)
    this.#text = grown
  }

  #parse(from: number, to: number): void {
    const text = this.#text
    for (let at = from; at < to;) {
      const end = text.indexOf(newline, at)
      text[end] = 0
      const start = hexadecimal(text, at)
      const size = hexadecimal(text, start.end + 1)
      const name = size.end + 1
      const isWhole = text[start.end] === space && text[size.end] === space && name < end
      if (isWhole && size.value > 0 && Number.isSafeInteger(start.value + size.value)) {
        this.#symbols.add(start.value, start.value + size.value, name)
      }
      at = end + 1
    }
  }
}

const newline = 10
const space = 32

/** The number that begins at `at`, also after "0x"; it ends before `end`. */
function hexadecimal(text: Buffer, at: number): { value: number; end: number } {
  let value = 0
  let end = at
  if (text[at] === 0x30 && ((text[at + 1] as number) | 0x20) === 0x78) end += 2
  for (; ; end++) {
    const byte = text[end] ?? 0
    let digit = byte - 0x30
    if (digit < 0 || digit > 9) {
      const letter = (byte | 0x20) - 0x61
      if (letter < 0 || letter > 5) break
      digit = letter + 10
    }
    value = value * 16 + digit
  }
  return { value, end }
}
