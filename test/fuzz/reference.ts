// Records for the second decoder of random types, read() of random-struct.ts: slow, through
// a DataView, from the layout that is worked out there.
import type { Random } from '../unit/random.js'
import { placed, type StructModel } from '../unit/random-struct.js'

/** What a record must have: all its fields. */
export function neededBytes(model: StructModel): number {
  return placed(model).end
}

/** Bytes of which some spell text and small numbers, so that all paths are taken. */
export function randomBytes(random: Random, length: number): Uint8Array {
  const bytes = random.bytes(length)
  const kind = random.integer(0, 3)
  for (let i = 0; i < length; i++) {
    if (kind === 1) bytes[i] = random.pick([0, 0, 0, 1, 0x61, 0xff])
    if (kind === 2) bytes[i] = 0x61 + ((bytes[i] as number) & 15)
    if (kind === 3 && i % 8 > 3) bytes[i] = 0
  }
  return bytes
}
