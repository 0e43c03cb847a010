// Maps at paths of a BPF file system.
import { basename, dirname } from 'node:path'
import { addon } from '../addon/addon.js'
import type { NativeMapHandle } from '../addon/map-handle.js'
import { BpfError, invalidType } from '../errors/errors.js'
import { noBpfFs, pinFailure } from '../machine/pin.js'
import { flagsOfBits } from './kinds.js'
import { KernelMap } from './kernel-map.js'

export function checkPath(path: unknown, what: string): asserts path is string {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return
  throw invalidType('a path', what, path)
}

/** @throws {BpfError} `ERR_FILE_NOT_FOUND`, `ERR_MAP_TYPE`, `ERR_STATE`, `ERR_PERMISSION`. */
export function openPin(path: string): NativeMapHandle {
  checkPath(path, 'path')
  const handle = addon().mapFromPin(path)
  if (typeof handle !== 'number') return handle
  throw pinFailure('open', path, path, handle, {
    code: 'ERR_MAP_TYPE',
    problem: 'what is pinned there is no map',
  })
}

/**
 * The error for a load that did not find the directory of its pins in a BPF file
 * system, or a pin of another shape under a map's name; nothing when it failed for
 * another reason.
 */
export function pinProblem(
  { log, errno, target }: BpfError,
  maps: ReadonlyMap<string, { readonly kernel: KernelMap }>,
): BpfError | undefined {
  const outside = /specified path (.*) is not on BPF FS/.exec(log)?.[1]
  if (outside !== undefined) return noBpfFs('load', target, dirname(outside), errno)
  const path = /couldn't reuse pinned map at '(.*)': parameter mismatch/.exec(log)?.[1]
  const map = maps.get(basename(path ?? ''))
  if (path === undefined || map === undefined) return undefined
  let differences: string | undefined
  try {
    const pinned = new KernelMap({ handle: openPin(path) })
    differences = shapeDifferences(map.kernel, pinned)
    pinned.close()
  } catch {
    return undefined
  }
  const problem = `the map that is pinned at ${path} has another shape`
  return new BpfError('ERR_EXISTS', `${problem}: ${differences ?? 'its extra differs'}`, {
    operation: 'load',
    target,
    errno,
    log,
    hint: 'Remove it if nobody needs it, or open the object with another pinRoot',
  })
}

/** In what another map is not as one is declared; nothing when it is the same. */
export function shapeDifferences(declared: KernelMap, other: KernelMap): string | undefined {
  const native = declared.declared
  if (native === undefined) return undefined
  const [, keySize = 0, valueSize = 0, maxEntries = 0, flags = 0] = other.facts('reuse')
  const [declaredFlags = 0] = native.declared()
  const rows: [what: string, there: string | number, here: string | number][] = [
    ['type', other.type, declared.type],
    ['keySize', keySize, native.keySize()],
    ['valueSize', valueSize, native.valueSize()],
    ['maxEntries', maxEntries, native.maxEntries()],
    ['flags', nameFlags(flags), nameFlags(declaredFlags)],
  ]
  const differing = rows.filter(([, there, here]) => there !== here)
  if (differing.length === 0) return undefined
  return differing
    .map(([what, there, here]) => `${what} ${String(there)} there and ${String(here)} here`)
    .join(', ')
}

function nameFlags(bits: number): string {
  const names = flagsOfBits(bits)
  return names.length === 0 ? 'none' : names.join('+')
}
