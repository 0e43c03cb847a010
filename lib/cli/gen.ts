// bpf-ringbuf gen: a typed module of an object.
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { BpfError } from '../errors/errors.js'
import { generateModule } from '../gen/module.js'
import { packageFolder } from '../gen/package-folder.js'
import { BpfObject } from '../object/object.js'
import type { Command } from './command.js'
import { keepInputs, onFile } from './files.js'
import { differenceOfTexts } from './text-difference.js'
import { byName, parseCommandLine, UsageError } from './usage.js'

const usage = `Usage: bpf-ringbuf gen OBJECT [OPTION]...
Writes a TypeScript module of a BPF object file: the structs that its maps, records and
global variables use, as types and decoders, and a class that has its maps, rings,
programs, global variables and links as properties. Its open() opens the object, which
it finds beside the module or beside the module's source. Needs no privileges.

  -o, --output FILE     where to, such as agent.bpf.ts; without it to the standard output
      --type NAME       also this struct; again for more. clang keeps a struct in an object
                        when a global refers to it: struct NAME *unused
      --ring RING=NAME  the records of this ring are of this struct; BPFRB_RECORD_OF() in the
                        program, or a declaration tag record:NAME on the map, says it, too
      --embed           put the object into the module
      --import NAME     import the library as NAME, by default bpf-ringbuf
      --check           write nothing; exit with status 1, and say where they differ, when
                        FILE is not what would be written
      --help            print this
`

export const gen: Command = {
  name: 'gen',
  summary: "write a typed module of an object's maps, programs, globals and structs",
  usage,
  run(args, output, errors) {
    const options = parse(args)
    const text = generate(options, (leftOut) => {
      errors.write(`bpf-ringbuf gen: ${leftOut}\n`)
    })
    if (options.output === undefined) {
      output.write(text)
    } else if (options.check) {
      const difference = differenceOfTexts(readModule(options.output), text)
      if (difference === undefined) return Promise.resolve(0)
      output.write(
        `${options.output} is not what the object makes:\n${difference}\n` +
          `Make it again: ${commandOf(options)}\n`,
      )
      return Promise.resolve(1)
    } else {
      keepInputs(options.output, [options.object])
      writeModule(options.output, text)
    }
    return Promise.resolve(0)
  },
}

interface Options {
  object: string
  output: string | undefined
  types: string[]
  rings: Map<string, string>
  embed: boolean
  specifier: string
  check: boolean
}

function parse(args: readonly string[]): Options {
  const { values, positionals } = parseCommandLine({
    args: [...args],
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o' },
      type: { type: 'string', multiple: true },
      ring: { type: 'string', multiple: true },
      embed: { type: 'boolean' },
      import: { type: 'string' },
      check: { type: 'boolean' },
    },
  })
  const [object, ...others] = positionals
  if (object === undefined) throw new UsageError('Expected an object file')
  if (others[0] !== undefined) throw new UsageError(`Unexpected argument '${others[0]}'`)
  const { output, embed = false, check = false, import: specifier = 'bpf-ringbuf' } = values
  if (output === '') throw new UsageError("Expected a file for '--output'")
  if (output !== undefined && /\.[cm]?jsx?$/.test(output)) {
    throw new UsageError(
      `The module is TypeScript: expected a name such as agent.bpf.ts, not '${output}'`,
    )
  }
  if (check && output === undefined) throw new UsageError("'--check' needs '--output FILE'")
  if (specifier === '') throw new UsageError("Expected a name for '--import'")
  const rings = byName('--ring', (values.ring ?? []).map(parseRing))
  return { object, output, types: values.type ?? [], rings, embed, specifier, check }
}

function parseRing(text: string): [string, string] {
  const [, ring, type] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (ring !== undefined && type !== undefined) return [ring, type]
  throw new UsageError(`Expected RING=NAME for '--ring' but received '${text}'`)
}

function generate(options: Options, onLeftOut: (text: string) => void): string {
  using object = BpfObject.open(options.object)
  const { types, rings, specifier } = options
  return generateModule(object, {
    types,
    rings,
    specifier,
    fileName: basename(options.object),
    file: placeInPackage(options),
    command: commandOf(options),
    onLeftOut,
    embedded: options.embed ? readFileSync(options.object) : undefined,
  })
}

/** The object's file from the folder of the module's package; outside of it the name alone. */
function placeInPackage(options: Options): string {
  const path = fromPackage(options, options.object)
  return path.startsWith('..') ? basename(options.object) : path
}

/** The same wherever it is run. */
function fromPackage({ output, object }: Options, path: string): string {
  const folder = dirname(resolve(output ?? object))
  return relative(packageFolder(folder) ?? folder, resolve(path)) || '.'
}

function commandOf(options: Options): string {
  const { output, types, rings, embed, specifier } = options
  const words = ['npx', 'bpf-ringbuf', 'gen', fromPackage(options, options.object)]
  if (output !== undefined) words.push('-o', fromPackage(options, output))
  for (const type of types) words.push('--type', type)
  for (const [ring, type] of rings) words.push('--ring', `${ring}=${type}`)
  if (embed) words.push('--embed')
  if (specifier !== 'bpf-ringbuf') words.push('--import', specifier)
  return words.map(shellWord).join(' ')
}

function shellWord(word: string): string {
  return /^[\w./=@:+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** Nothing when there is none. */
function readModule(path: string): string {
  try {
    return onFile('read', path, () => readFileSync(path, 'utf8'))
  } catch (error) {
    if (isMissing(error)) return ''
    throw error
  }
}

function writeModule(path: string, text: string): void {
  try {
    onFile('write', path, () => {
      writeFileSync(path, text)
    })
  } catch (error) {
    if (!isMissing(error)) throw error
    const { operation, target, errno, cause } = error
    const problem = `there is no folder ${join(path, '..')}`
    throw new BpfError('ERR_FILE_NOT_FOUND', problem, { operation, target, errno, cause })
  }
}

function isMissing(error: unknown): error is BpfError {
  return error instanceof BpfError && error.code === 'ERR_FILE_NOT_FOUND'
}
