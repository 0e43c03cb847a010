// --set NAME=VALUE: global variables by the text of a command line.
import { BpfError } from '../errors/errors.js'
import type { BpfObject } from '../object/object.js'
import { typeFromBtf } from '../types/from-btf.js'
import type { GlobalValue } from '../object/globals.js'
import type { Type } from '../types/struct.js'
import { didYouMean } from './nearest.js'
import { ValueError } from './usage.js'

/**
 * Sets global variables of an object that is open.
 *
 * @throws {ValueError} for a name that there is not, and a value that its type is not.
 */
export function setGlobals(object: BpfObject, assignments: readonly string[]): void {
  for (const assignment of assignments) {
    const [, name, text] = /^\s*([A-Za-z_]\w*)\s*=([^]*)$/.exec(assignment) ?? []
    if (name === undefined || text === undefined) {
      throw new ValueError(`--set takes NAME=VALUE, not ${JSON.stringify(assignment)}`)
    }
    setGlobal(object, name, text)
  }
}

function setGlobal(object: BpfObject, name: string, text: string): void {
  const { btf, globals } = object
  const variable = btf?.variables().find((each) => each.name === name)
  if (btf === undefined || variable === undefined) {
    const problem =
      btf === undefined
        ? 'the object has no types: compile it with clang -g'
        : didYouMean(name, Object.keys(globals))
    throw new ValueError(`--set: there is no global variable "${name}"; ${problem}`)
  }
  const type = typeFromBtf(btf, variable.type)
  try {
    const value = type === undefined ? text : valueOf(type, text)
    // Of a struct, members that are not mentioned keep what they are.
    const isPartial = type?.shape.kind === 'struct' && isMembers(value)
    const before = isPartial ? (globals[name] as object) : undefined
    globals[name] = (
      before === undefined ? value : { ...before, ...(value as object) }
    ) as GlobalValue
  } catch (error) {
    const isOfValue = error instanceof TypeError || error instanceof RangeError
    if (!isOfValue && !(error instanceof BpfError && error.code === 'ERR_UNSUPPORTED')) throw error
    throw new ValueError(`--set ${name}: ${error.message}`)
  }
}

/** What a text says for a type; the type itself then judges it. */
export function valueOf(type: Type, text: string): unknown {
  const { shape } = type
  switch (shape.kind) {
    case 'cstring':
      return text
    case 'bool':
      return truths.get(text.trim().toLowerCase()) ?? text
    case 'int':
    case 'float':
      return numberOf(text.trim(), shape.kind === 'float') ?? text
    case 'bytes':
      return bytesOfHex(text) ?? fromJson(type, parsed(text))
    case 'array':
    case 'struct':
    case 'view':
      break
    default:
      // By name or by number.
      return numberOf(text.trim(), false) ?? fromJson(type, parsed(text))
  }
  return fromJson(type, parsed(text))
}

const truths = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['false', false],
  ['0', false],
  ['no', false],
])

function numberOf(text: string, isFloat: boolean): number | bigint | undefined {
  if (/^[+-]?(0x[\da-f]+|0b[01]+|0o[0-7]+|\d+)$/i.test(text)) {
    const wide = BigInt(text.replace(/^[+-]/, '')) * (text.startsWith('-') ? -1n : 1n)
    return isFloat || Number.isSafeInteger(Number(wide)) ? Number(wide) : wide
  }
  return isFloat && text !== '' && !Number.isNaN(Number(text)) ? Number(text) : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

/** JSON has no bigint and no bytes: texts and lists stand for them. */
function fromJson(type: Type, value: unknown): unknown {
  const { shape } = type
  if (shape.kind === 'array' && Array.isArray(value)) {
    return (value as unknown[]).map((item) => fromJson(shape.element, item))
  }
  if (shape.kind === 'struct' && isMembers(value)) {
    const members = Object.entries(value as Record<string, unknown>)
    return Object.fromEntries(
      members.map(([name, member]) => {
        const field = shape.fields.find((each) => each.name === name)
        if (field !== undefined) return [name, fromJson(field.type, member)]
        const near = didYouMean(
          name,
          shape.fields.map((each) => each.name),
        )
        throw new ValueError(`${type.name} has no member "${name}"; ${near}`)
      }),
    )
  }
  if (shape.kind === 'bytes') {
    if (typeof value === 'string') return bytesOfHex(value) ?? value
    return Array.isArray(value) ? Uint8Array.from(value as number[]) : value
  }
  const isNumeric = shape.kind === 'int' || shape.kind === 'float'
  return isNumeric && typeof value === 'string' ? valueOf(type, value) : value
}

function isMembers(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function bytesOfHex(text: string): Uint8Array | undefined {
  const digits = /^\s*(?:0x)?((?:[\da-fA-F]{2})+)\s*$/.exec(text)?.[1]
  return digits === undefined ? undefined : new Uint8Array(Buffer.from(digits, 'hex'))
}
