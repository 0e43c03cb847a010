// What a command line may say.
import { parseArgs, type ParseArgsConfig } from 'node:util'

/** A command line that is wrong; its message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** One in which a value is wrong: how the command is used is not in question. */
export class ValueError extends UsageError {}

/** As node:util's, but what it does not know is a UsageError. */
export function parseCommandLine<T extends ParseArgsConfig>(
  config: T,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (error) {
    const { message } = error as Error
    // Its first sentence names the argument, the others give advice.
    const [problem = ''] = message.split(/\.?\n|\. /, 1)
    // Only there it says how to write a value that begins with a "-".
    const written = / use ('--.*'.*)\.$/.exec(message)?.[1]
    throw new UsageError(written === undefined ? problem : `${problem}: write ${written}`)
  }
}

/** What stands before a "--", and what stands behind it for somebody else. */
export function splitExtra(args: readonly string[]): [own: string[], extra: string[]] {
  const at = args.indexOf('--')
  return at < 0 ? [[...args], []] : [args.slice(0, at), args.slice(at + 1)]
}

/** What an option that comes again says of several names. @throws {ValueError} for two of one name. */
export function byName<Value>(
  option: string,
  pairs: readonly (readonly [string, Value])[],
): Map<string, Value> {
  const map = new Map<string, Value>()
  for (const [name, value] of pairs) {
    const before = map.get(name)
    if (before !== undefined && before !== value) {
      const both = `'${String(before)}' and '${String(value)}'`
      throw new ValueError(`${option} says both ${both}${name === '' ? '' : ` of '${name}'`}`)
    }
    map.set(name, value)
  }
  return map
}

/** @throws {ValueError} for what is no number from `min` to `max`. */
export function parseNumber(
  option: string,
  text: string,
  min: number,
  max: number,
  isInteger = false,
): number {
  const number = Number(text)
  const pattern = isInteger ? /^\d+$/ : /^(\d+\.?\d*|\.\d+)$/
  if (pattern.test(text) && number >= min && number <= max) return number
  const kind = isInteger ? 'an integer' : 'a number'
  throw new ValueError(
    `Expected ${kind} from ${min} to ${max} for ${option} but received ${JSON.stringify(text)}`,
  )
}
