// Writes C values, and refuses what does not fit: compiled for their type, and by
// functions where code cannot be made.
import { compileSource, isCompilable } from './compile.js'
import { interpretWrite, type Write } from './interpret-write.js'
import { Memory } from './memory.js'
import { Names } from './place.js'
import { type Field, isOpen, isRecordOnly, requiredBytes, type Type } from './type.js'
import { runtime, WriteSource } from './write-source.js'
import { bytesIn, encoded, fieldsOf, listIn, textOf } from './written.js'

export type { Write } from './interpret-write.js'

/**
 * The opposite of reading, compiled where code may be made of strings: for what is
 * written again and again. The memory has `sizeToWrite()` bytes from `at` on.
 *
 * @param baseAlign The power of two, up to 8, that `at` is always a multiple of.
 */
export function createWrite(type: Type, baseAlign = 8): Write {
  if (isRecordOnly(type) || !isCompilable(type)) return interpretWrite(type)
  const names = new Names()
  const source = new WriteSource(baseAlign, names).of(type)
  const given = { runtime, values: names.values }
  const compiled = compileSource(type.name, given, source) as Write | undefined
  return compiled ?? interpretWrite(type)
}

/** The bytes that `value` takes, with those of a field that takes the rest of the record. */
export function sizeToWrite(type: Type, value: unknown, what: string): number {
  if (!isOpen(type)) return type.size
  const { shape } = type
  switch (shape.kind) {
    case 'struct': {
      const last = shape.fields.at(-1) as Field
      const tail = fieldsOf(value, what)[last.name]
      const end = last.offset + sizeToWrite(last.type, tail, `${what}.${last.name}`)
      return Math.max(requiredBytes(type), end)
    }
    case 'map':
      return sizeToWrite(shape.type, encoded(shape, value, what), what)
    case 'array':
      return shape.element.size * listIn(value, undefined, what).length
    case 'cstring':
      return Buffer.byteLength(textOf(value, undefined, what)) + 1
    default:
      return bytesIn(value, undefined, what).length
  }
}

/** Memory for `encode()` up to this size is used again. */
const largestScratch = 64 * 1024
let scratch: Memory | undefined
const writes = new WeakMap<Type, Write>()

/**
 * The bytes of a value, for what is written once: nothing is compiled.
 *
 * @param what How messages call the value.
 * @throws What {@link Write} throws.
 */
export function encode(type: Type, value: unknown, what: string): Uint8Array {
  const size = sizeToWrite(type, value, what)
  let write = writes.get(type)
  if (write === undefined) writes.set(type, (write = interpretWrite(type)))
  // A getter of the value may encode, too.
  const memory =
    scratch === undefined || scratch.u8.length < size
      ? Memory.ofSize(Math.max(size, largestScratch))
      : scratch
  scratch = undefined
  try {
    memory.u8.fill(0, 0, size)
    write(memory, 0, value, what)
    return memory.u8.slice(0, size)
  } finally {
    if (memory.u8.length <= largestScratch) scratch = memory
  }
}
