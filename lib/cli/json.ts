// Values as JSON: integers of 64 bits are numbers where that is exact and strings otherwise,
// bytes are hexadecimal digits, and what JSON has no number for is a string.
import type { Type } from '../types/struct.js'
import { printableJson } from './printable.js'

const simple = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

/** In one line that is safe for a terminal. */
export function jsonOf(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? String(value) : `"${String(value)}"`
    case 'bigint':
      return isExact(value) ? String(value) : `"${String(value)}"`
    case 'string':
      return simple.test(value) ? `"${value}"` : printableJson(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      break
    default:
      return 'null'
  }
  if (value === null) return 'null'
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`
  if (value instanceof Uint8Array) return `"${hexOf(value)}"`
  let members = ''
  // Members of a union are the accessors of a class, which Object.keys() leaves out.
  for (const name in value) {
    if (members !== '') members += ','
    members += `${jsonOf(name)}:${jsonOf((value as Record<string, unknown>)[name])}`
  }
  return `{${members}}`
}

/**
 * Writes the values of a type, faster than {@link jsonOf}.
 *
 * @param type What all values are; structs may lack members.
 */
export function jsonWriter({ shape }: Type): (value: unknown) => string {
  if (shape.kind !== 'struct') return jsonOf
  const fields = shape.fields.map(({ name, type }) => ({
    name,
    prefix: `${jsonOf(name)}:`,
    write: jsonWriter(type),
  }))
  return (value) => {
    const record = value as Record<string, unknown>
    let text = '{'
    for (const { name, prefix, write } of fields) {
      const member = record[name]
      if (member === undefined) continue
      if (text.length > 1) text += ','
      text += prefix + write(member)
    }
    return `${text}}`
  }
}

const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Faster than Buffer's for the few bytes that records have. */
export function hexOf(bytes: Uint8Array): string {
  if (bytes.length > 64) {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
  }
  let text = ''
  for (const byte of bytes) text += digits[byte] as string
  return text
}

function isExact(value: bigint): boolean {
  return value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER
}
