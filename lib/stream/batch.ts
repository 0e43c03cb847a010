// Arenas of records as native/core/batch.h frames them.
import type { NativeReader } from '../addon/reader.js'
import { Memory } from '../types/memory.js'

/** The bytes before each record: its length, then source and CPU. */
export const frameHeaderBytes = 8

/** In the second word of a header: no record but the number of those lost, kLostFrame. */
export const lostFrame = 0x80000000

/** The memory of one batch. */
export class Arena extends Memory {
  constructor(
    memory: ArrayBuffer,
    readonly generation: number,
  ) {
    super(memory)
  }
}

/** A batch that the reader has taken and must give back. */
export interface LentBatch {
  readonly index: number
  readonly arena: Arena
  /** The used part of the arena. */
  readonly sizeBytes: number
  /** Bytes of the records alone, without frames. */
  readonly recordBytes: number
}

// The order of enum Taken in native/binding/reader.cc.
const SIZE_BYTES = 0
const RECORD_BYTES = 1
const GENERATION = 2
const IN_WINDOW = 3
const ERROR = 4
const MORE = 5
const TAKEN_FIELDS = 6

/** Takes batches from a native reader and keeps the views of their arenas. */
export class BatchTaker {
  // An ArrayBuffer of its own: the addon keeps a pointer to it, and V8 moves
  // the contents of small typed arrays that have none.
  readonly taken: Float64Array = new Float64Array(new ArrayBuffer(8 * TAKEN_FIELDS))
  readonly #arenas: (Arena | undefined)[] = []
  #index = -1

  /** The oldest published batch, or nothing. */
  take(native: NativeReader): LentBatch | undefined {
    // Kept until the batch is made: should that throw, the next call makes it.
    if (this.#index < 0) this.#index = native.take()
    const index = this.#index
    if (index < 0) return undefined
    const batch = {
      index,
      arena: this.#arena(native, index),
      sizeBytes: this.#field(SIZE_BYTES),
      recordBytes: this.#field(RECORD_BYTES),
    }
    this.#index = -1
    return batch
  }

  /** After take() found nothing: the error number that ended the poll thread, or 0. */
  get errno(): number {
    return -this.#field(ERROR)
  }

  /** After drain(): the batch became full, and there may be more. */
  get more(): boolean {
    return this.#field(MORE) !== 0
  }

  #arena(native: NativeReader, index: number): Arena {
    const generation = this.#field(GENERATION)
    if (this.#field(IN_WINDOW) === 0) return new Arena(native.contents(index), generation)
    const known = this.#arenas[index]
    if (known?.generation === generation) return known
    const arena = new Arena(native.arena(index), generation)
    this.#arenas[index] = arena
    return arena
  }

  #field(index: number): number {
    return this.taken[index] as number
  }
}

/** The bytes of the records in a part of an arena, without frames. */
export function recordBytesBetween(arena: Arena, start: number, end: number): number {
  let bytes = 0
  for (let position = start; position < end;) {
    const length = arena.u32[position >>> 2] as number
    const stream = arena.u32[(position >>> 2) + 1] as number
    if ((stream & lostFrame) === 0) bytes += length
    position += frameHeaderBytes + ((length + 7) & ~7)
  }
  return bytes
}
