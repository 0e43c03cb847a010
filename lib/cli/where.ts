// The conditions of --where: comparisons of fields, joined by && and ||. Nothing of them is
// ever run as code.
//
//   or         = and { "||" and }
//   and        = not { "&&" not }
//   not        = "!" not | comparison
//   comparison = bits [ ("==" | "!=" | "<" | "<=" | ">" | ">=" | "contains" | "startswith") bits ]
//   bits       = value { "&" value }
//   value      = number | string | "true" | "false" | field | "(" or ")"
//   field      = name { "." name | "[" number "]" }
import {
  both,
  compare,
  either,
  type Evaluate,
  isTrue,
  mask,
  memberOf,
  wordOperators,
} from './condition.js'
import { ValueError } from './usage.js'

/** Whether a record is wanted. */
export type Condition = (record: unknown) => boolean

/** A field as a condition names it: names, and numbers for elements of arrays. */
export type FieldPath = readonly (string | number)[]

interface Token {
  kind: 'number' | 'string' | 'name' | 'sign' | 'end'
  text: string
  value?: number | bigint | string
  /** In the expression. */
  at: number
}

const signs = /^(&&|\|\||[=!<>]=|[<>!&().[\]])/
const comparisons = ['==', '!=', '<=', '>=', '<', '>', ...wordOperators]
const deepest = 100

/**
 * @param checkField Throws what is wrong with a field that the record does not have; its
 *   message is shown at the field's place.
 * @throws {ValueError} with the column of what is wrong.
 */
export function parseCondition(
  expression: string,
  checkField: (path: FieldPath) => void = () => undefined,
): Condition {
  const tokens = tokensOf(expression)
  let position = 0
  let depth = 0

  const peek = (): Token => tokens[position] as Token
  const take = (text: string): boolean => {
    const { kind, text: there } = peek()
    if ((kind !== 'sign' && kind !== 'name') || there !== text) return false
    position++
    return true
  }
  const expect = (text: string): void => {
    if (!take(text)) throw wrong(expression, peek(), `expected "${text}"`)
  }

  function or(): Evaluate {
    if (++depth > deepest) throw wrong(expression, peek(), 'it is nested too deep')
    let left = and()
    while (take('||')) left = either(left, and())
    depth--
    return left
  }
  function and(): Evaluate {
    let left = not()
    while (take('&&')) left = both(left, not())
    return left
  }
  function not(): Evaluate {
    let times = 0
    while (take('!')) times++
    const inner = comparison()
    if (times === 0) return inner
    return (record) => isTrue(inner(record)) === (times % 2 === 0)
  }
  function comparison(): Evaluate {
    const left = bits()
    const operator = comparisons.find((each) => take(each))
    return operator === undefined ? left : compare(operator, left, bits())
  }
  function bits(): Evaluate {
    let left = value()
    while (take('&')) left = mask(left, value())
    return left
  }
  function value(): Evaluate {
    const token = peek()
    if (take('(')) {
      const inner = or()
      expect(')')
      return inner
    }
    position++
    const { value } = token
    if (value !== undefined) return () => value
    if (token.kind !== 'name') {
      throw wrong(expression, token, 'expected a field, a number or a string')
    }
    if (token.text === 'true' || token.text === 'false') return () => token.text === 'true'
    return field(token)
  }
  function field(first: Token): Evaluate {
    const path: (string | number)[] = [first.text]
    for (;;) {
      const isMember = take('.')
      if (!isMember && !take('[')) break
      const token = peek()
      position++
      if (token.kind !== (isMember ? 'name' : 'number')) {
        throw wrong(expression, token, `expected ${isMember ? 'a name' : 'a number'}`)
      }
      path.push(isMember ? token.text : Number(token.value))
      if (!isMember) expect(']')
    }
    try {
      checkField(path)
    } catch (error) {
      throw wrong(expression, first, (error as Error).message)
    }
    return (record) => path.reduce<unknown>(memberOf, record)
  }

  const evaluate = or()
  if (peek().kind !== 'end') throw wrong(expression, peek(), 'expected "&&", "||" or the end')
  return (record) => isTrue(evaluate(record))
}

function tokensOf(expression: string): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < expression.length;) {
    const rest = expression.slice(at)
    const add = (kind: Token['kind'], text: string, value?: Token['value']): void => {
      tokens.push({ kind, text, at, ...(value === undefined ? {} : { value }) })
      at += text.length
    }
    const space = /^\s+/.exec(rest)?.[0]
    const number = /^-?(0[xX][\da-fA-F]+|\d+(\.\d+)?)(?!\w)/.exec(rest)?.[0]
    const name = /^[A-Za-z_]\w*/.exec(rest)?.[0]
    const string = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/.exec(rest)?.[0]
    const sign = signs.exec(rest)?.[0]
    if (space !== undefined) at += space.length
    else if (number !== undefined) add('number', number, numberOf(number))
    else if (name !== undefined) add('name', name)
    else if (string !== undefined)
      add('string', string, string.slice(1, -1).replace(/\\(.)/g, '$1'))
    else if (sign !== undefined) add('sign', sign)
    else
      throw wrong(
        expression,
        { at },
        /^["']/.test(rest) ? 'a string without an end' : 'what is this?',
      )
  }
  return [...tokens, { kind: 'end', text: '', at: expression.length }]
}

function numberOf(text: string): number | bigint {
  const number = Number(text.replace(/^-/, ''))
  const signed = text.startsWith('-') ? -number : number
  if (Number.isSafeInteger(number) || text.includes('.')) return signed
  const wide = BigInt(text.replace(/^-/, ''))
  return text.startsWith('-') ? -wide : wide
}

function wrong(expression: string, { at }: { at: number }, problem: string): ValueError {
  const place = `${' '.repeat(at)}^`
  return new ValueError(
    `--where, column ${at + 1}: ${problem}\n  ${expression.replace(/\s/g, ' ')}\n  ${place}`,
  )
}
