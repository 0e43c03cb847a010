// Where the object of a generated module is.
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleFolder } from '../addon/locate.js'
import { BpfError } from '../errors/errors.js'
import type { SkeletonParts } from './parts.js'

/** Deeper than any file is. */
const maxFolders = 256

/**
 * Finds the object's file beside the module, wherever that was compiled to or
 * copied, else at its place in the module's package, beside its source. Never in the
 * working directory: who may choose that would choose what is loaded.
 *
 * @param folders Where the module may be.
 * @throws {BpfError} `ERR_FILE_NOT_FOUND`, saying where it was looked for.
 */
export function locateObject(
  { name, file, command }: SkeletonParts,
  folders: readonly string[],
): string {
  const places = new Set(folders.flatMap((folder) => placesOf(file, folder)))
  const found = [...places].find((place) => existsSync(place))
  if (found !== undefined) return found
  const problem =
    places.size === 0
      ? 'where its module is cannot be known here'
      : `it is not at ${[...places].join(' and not at ')}`
  throw new BpfError('ERR_FILE_NOT_FOUND', problem, {
    operation: 'find',
    target: `the object "${name}"`,
    hint: `Copy it beside the module, or beside the bundle that the module is in; give its path, open({ object: … }); or put it into the module: ${command} --embed`,
  })
}

function placesOf(file: string, folder: string): string[] {
  const places = [join(folder, basename(file))]
  for (let depth = 0; depth < maxFolders; depth++) {
    if (existsSync(join(folder, 'package.json'))) places.push(join(folder, file))
    const above = dirname(folder)
    if (above === folder) break
    folder = above
  }
  return places
}

/** Where the module may be that calls this library: in the same bundle, else by the stack. */
export function foldersOfModule(): string[] {
  const module = callingModule()
  const folders = [bundleFolder(), module === undefined ? undefined : dirname(module)]
  return folders.filter((folder) => folder !== undefined)
}

/**
 * The file of the first function on the stack that is not this library's. Neither
 * `__dirname` nor `import.meta` is in each kind of module; a stack is.
 */
export function callingModule(): string | undefined {
  const prepare = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace')
  const { stackTraceLimit } = Error
  try {
    const holder: { stack?: unknown } = {}
    Error.stackTraceLimit = 16
    Error.prepareStackTrace = (_, sites) => sites.map((site) => site.getFileName())
    Error.captureStackTrace(holder, callingModule)
    const files = holder.stack
    if (!Array.isArray(files)) return undefined
    const [file] = files.filter((each): each is string => isOthers(each))
    return file === undefined ? undefined : pathOf(file)
  } catch {
    // Error cannot be changed: --frozen-intrinsics.
    return undefined
  } finally {
    if (!Object.isFrozen(Error)) {
      Error.stackTraceLimit = stackTraceLimit
      if (prepare === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace')
      else Object.defineProperty(Error, 'prepareStackTrace', prepare)
    }
  }
}

/** A module has a whole path: `node:…` and Bun's `[source:3]` are the runtime's own. */
function isOthers(file: unknown): boolean {
  return typeof file === 'string' && /^(file:|\/)/.test(file) && dirname(pathOf(file)) !== __dirname
}

function pathOf(file: string): string {
  return file.startsWith('file:') ? fileURLToPath(file) : file
}
