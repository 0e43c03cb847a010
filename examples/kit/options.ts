// What a tool may be told on its command line: read, checked and explained in one place.
import { closeSync, openSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { printable } from './printable.js'

/** A command line that is wrong; its message says how. */
export class UsageError extends Error {}

/** One option: what it takes, and what the tool gets. */
export interface Option<T> {
  /** What stands behind it in the usage, such as N; nothing when it takes no value. */
  readonly takes?: string
  readonly about: string
  /** Of what was given; nothing was when it is undefined. */
  read(option: string, given: string | undefined): T
}

export type Options = Readonly<Record<string, Option<unknown>>>

export type ValuesOf<O extends Options> = {
  readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never
}

export function flag(about: string): Option<boolean> {
  return { about, read: (_, given) => given !== undefined }
}

export function text(takes: string, about: string): Option<string | undefined> {
  const read = (option: string, given: string | undefined): string | undefined => {
    if (given === '') throw new UsageError(`Expected a text for ${option} but received none`)
    return given
  }
  return { takes, about, read }
}

/** A file to be written at the end: that it can be is found out at the beginning. */
export function outputFile(about: string): Option<string | undefined> {
  const read = (option: string, given: string | undefined): string | undefined => {
    if (given === undefined) return undefined
    try {
      closeSync(openSync(given, 'a'))
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      throw new UsageError(`${option}: '${printable(given)}' cannot be written (${code})`)
    }
    return given
  }
  return { takes: 'FILE', about, read }
}

/** One of some words. */
export function choice<const W extends string>(words: readonly W[], about: string): Option<W> {
  const read = (option: string, given: string = words[0] ?? ''): W => {
    const word = words.find((each) => each === given)
    if (word !== undefined) return word
    const all = words.join(', ')
    throw new UsageError(`Expected one of ${all} for ${option} but received '${printable(given)}'`)
  }
  return { takes: 'WORD', about: `${about}: ${words.join(', ')}`, read }
}

function number(
  kind: 'an integer' | 'seconds',
  takes: string,
  about: string,
  [min, max]: readonly [min: number, max: number],
): Option<number | undefined> {
  const pattern = kind === 'an integer' ? /^\d+$/ : /^(\d+\.?\d*|\.\d+)$/
  const read = (option: string, given: string | undefined): number | undefined => {
    if (given === undefined) return undefined
    const value = Number(given)
    if (pattern.test(given) && value >= min && value <= max) return value
    const shown = printable(given)
    throw new UsageError(
      `Expected ${kind} from ${min} to ${max} for ${option} but received '${shown}'`,
    )
  }
  return { takes, about, read }
}

/** A whole number of a range; undefined when none was given. */
export function integer(
  takes: string,
  about: string,
  range: readonly [min: number, max: number] = [1, 2 ** 31 - 1],
): Option<number | undefined> {
  return number('an integer', takes, about, range)
}

export function seconds(about: string): Option<number | undefined> {
  return number('seconds', 'SECONDS', about, [0.001, 2_000_000])
}

/** What an option is when it was not given. */
export function otherwise<T>(option: Option<T | undefined>, value: T): Option<T> {
  return {
    ...option,
    about: `${option.about} (${String(value)})`,
    read: (name, given) => option.read(name, given) ?? value,
  }
}

/** Those that many tools have. */
export const filters = {
  pid: integer('N', 'only process N'),
  uid: integer('N', 'only processes of user N', [0, 2 ** 32 - 2]),
  name: text('TEXT', 'only processes whose name has TEXT in it'),
}

/** As it is typed: "minUs" is --min-us. */
function typed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** In lines of so many columns; those below the first begin below it. */
export function wrap(text: string, columns: number, indent = 0): string {
  const room = Math.max(columns - indent, 20)
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line === undefined || line.length + 1 + word.length > room) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines.join(`\n${' '.repeat(indent)}`)
}

/** What each option is, in so many columns. */
export function describe(options: Options, columns: number): string {
  const lines = Object.entries(options).map(([name, { takes, about }]) => [
    `      --${typed(name)}${takes === undefined ? '' : ` ${takes}`}  `,
    about,
  ])
  const width = Math.max(...lines.map(([left = '']) => left.length))
  return lines
    .map(([left = '', right = '']) => `${left.padEnd(width)}${wrap(right, columns, width)}\n`)
    .join('')
}

/** @throws {UsageError} For what is no option, or no value of it. */
export function parse<O extends Options>(options: O, args: readonly string[]): ValuesOf<O> {
  const given = readCommandLine(options, args)
  const values = Object.entries(options).map(([name, option]): [string, unknown] => {
    const value = given[typed(name)]
    return [name, option.read(`--${typed(name)}`, value === true ? '' : value)]
  })
  return Object.fromEntries(values) as ValuesOf<O>
}

function readCommandLine(
  options: Options,
  args: readonly string[],
): Partial<Record<string, string | true>> {
  const types = Object.entries(options).map(
    ([name, { takes }]): [string, { type: 'boolean' | 'string' }] => [
      typed(name),
      { type: takes === undefined ? 'boolean' : 'string' },
    ],
  )
  try {
    const config = { args: [...args], options: Object.fromEntries(types) }
    return parseArgs(config).values as Partial<Record<string, string | true>>
  } catch (error) {
    // Its first sentence names the argument, the others give advice.
    const [problem = ''] = (error as Error).message.split(/\.?\n|\. /, 1)
    throw new UsageError(printable(problem))
  }
}
