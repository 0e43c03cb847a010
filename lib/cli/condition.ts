// What the operators of --where do with values of fields.

/** What a part of a condition is for a record. */
export type Evaluate = (record: unknown) => unknown

const words = new Map<string, (a: string, b: string) => boolean>([
  ['contains', (a, b) => a.includes(b)],
  ['startswith', (a, b) => a.startsWith(b)],
])

/** The comparisons of texts. */
export const wordOperators: readonly string[] = [...words.keys()]

export function memberOf(value: unknown, name: string | number): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  // Members of a union are the accessors of a class.
  if (name in Object.prototype) return undefined
  return (value as Record<string | number, unknown>)[name]
}

export function isTrue(value: unknown): boolean {
  return typeof value === 'object' ? value !== null : Boolean(value)
}

export const either =
  (a: Evaluate, b: Evaluate): Evaluate =>
  (record) =>
    isTrue(a(record)) || isTrue(b(record))

export const both =
  (a: Evaluate, b: Evaluate): Evaluate =>
  (record) =>
    isTrue(a(record)) && isTrue(b(record))

const isInteger = (value: unknown): value is number | bigint =>
  typeof value === 'bigint' || Number.isSafeInteger(value)

export const mask =
  (a: Evaluate, b: Evaluate): Evaluate =>
  (record) => {
    const [left, right] = [a(record), b(record)]
    return isInteger(left) && isInteger(right) ? BigInt(left) & BigInt(right) : undefined
  }

/** What is missing or of another kind is neither equal nor less nor more: only different. */
export function compare(operator: string, a: Evaluate, b: Evaluate): Evaluate {
  const word = words.get(operator)
  return (record) => {
    const [left, right] = [comparable(a(record)), comparable(b(record))]
    if (word !== undefined) return word(String(left ?? ''), String(right ?? ''))
    const alike = typeof left === typeof right
    const isNumeric = isNumber(left) && isNumber(right)
    if (left === undefined || right === undefined || (!alike && !isNumeric)) {
      return operator === '!='
    }
    switch (operator) {
      // A bigint and a number that are the same are not ===.
      case '==':
        return left <= right && left >= right
      case '!=':
        return !(left <= right && left >= right)
      case '<':
        return left < right
      case '<=':
        return left <= right
      case '>':
        return left > right
      default:
        return left >= right
    }
  }
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

/** Truth counts as 1 and 0, as in C. */
function comparable(value: unknown): number | bigint | string | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0
  return isNumber(value) || typeof value === 'string' ? value : undefined
}
