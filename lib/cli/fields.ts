// Whether the records of a type have a field, as --where names it.
import type { Type } from '../types/struct.js'
import { didYouMean } from './nearest.js'
import type { FieldPath } from './where.js'

/** What is wrong with a field, to be read after where it stands; nothing when it is there. */
export function problemOfField(type: Type, path: FieldPath): string | undefined {
  let current = type
  let before = ''
  for (const part of path) {
    const { shape } = current
    switch (shape.kind) {
      case 'struct':
      case 'union': {
        const field = shape.fields.find(({ name }) => name === part)
        if (field === undefined) {
          const names = shape.fields.map(({ name }) => name)
          return `${before || current.name} has no "${part}"; ${didYouMean(String(part), names)}`
        }
        current = field.type
        break
      }
      case 'array':
        if (typeof part !== 'number') return `${before} is an array: ${before}[0]`
        if (shape.length !== undefined && part >= shape.length)
          return `${before} has ${shape.length} elements`
        current = shape.element
        break
      case 'bytes':
        return typeof part === 'number' ? undefined : `${before || 'a record'} has no "${part}"`
      case 'int':
      case 'bits':
      case 'enum':
      case 'float':
      case 'bool':
      case 'cstring':
        return `${before || 'a record'} is ${current.name}: it has no "${part}"`
      case 'tagged': {
        // One of them has to have it.
        const [first] = path
        const having = shape.cases.filter(({ type }) => namesOf(type).includes(String(first)))
        if (having.length === 0) {
          const names = new Set(shape.cases.flatMap((each) => namesOf(each.type)))
          return `${type.name} has no "${first ?? ''}"; ${didYouMean(String(first), names)}`
        }
        const problems = having.map((each) => problemOfField(each.type, path))
        return problems.every((problem) => problem !== undefined) ? problems[0] : undefined
      }
      default:
        // What it has shows when it is read.
        return undefined
    }
    before += typeof part === 'number' ? `[${part}]` : before === '' ? part : `.${part}`
  }
  return undefined
}

function namesOf({ shape }: Type): string[] {
  return shape.kind === 'struct' ? shape.fields.map(({ name }) => name) : []
}
