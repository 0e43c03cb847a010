// Batches as native/core/batch.h frames them, by hand.
import { Arena, type LentBatch } from '../../lib/stream/batch.js'
import { compile, type Cursor, type Flavour } from '../../lib/stream/walk.js'
import type { Type } from '../../lib/types/struct.js'

export interface TestRecord {
  bytes: Uint8Array
  source?: number
  cpu?: number
}

/** A batch of these records; between and after them lies `filler`. */
export function writeBatch(records: readonly TestRecord[], filler = 0xa5): LentBatch {
  const paddedBytes = records.map(({ bytes }) => 8 * Math.ceil(bytes.length / 8))
  const sizeBytes = paddedBytes.reduce((sum, length) => sum + 8 + length, 0)
  const memory = new ArrayBuffer(sizeBytes + 64)
  const contents = new Uint8Array(memory).fill(filler)
  const header = new Uint32Array(memory)
  let position = 0
  records.forEach(({ bytes, source = 0, cpu = 0 }, i) => {
    header[position / 4] = bytes.length
    header[position / 4 + 1] = source * 0x10000 + cpu
    contents.set(bytes, position + 8)
    position += 8 + (paddedBytes[i] as number)
  })
  return {
    index: 0,
    arena: new Arena(memory, 0),
    sizeBytes,
    recordBytes: records.reduce((sum, { bytes }) => sum + bytes.length, 0),
  }
}

export function cursorOf(batch: LentBatch): Cursor & { errors: unknown[]; results: object[] } {
  const errors: unknown[] = []
  const results: object[] = []
  return {
    position: 0,
    end: batch.sizeBytes,
    records: 0,
    limit: Infinity,
    raise: (error) => errors.push(error),
    returned: (value) => results.push(value),
    errors,
    results,
  }
}

/** What a walk over these records hands out. Throws what the walk raises. */
export function decodeAll<T>(
  type: Type<T>,
  records: readonly Uint8Array[],
  flavour: Flavour = 'ring',
): T[] {
  const batch = writeBatch(records.map((bytes) => ({ bytes })))
  const cursor = cursorOf(batch)
  const values: T[] = []
  compile(type, flavour)(batch.arena, cursor, 0, (value: T) => values.push(value))
  if (cursor.errors.length > 0) throw cursor.errors[0]
  return values
}

export function decode<T>(type: Type<T>, record: Uint8Array): T {
  return decodeAll(type, [record])[0] as T
}
