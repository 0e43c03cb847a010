// Maps at paths of a BPF file system.
import { existsSync, unlinkSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { NativeMapHandle } from '../addon/map-handle.js'
import { BpfError } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import { dottedName, makePinDirectory, noBpfFs, pinFailure } from '../machine/pin.js'
import { countersPath } from './counters.js'
import { KernelMap } from './kernel-map.js'
import { checkPath, openPin } from './open.js'
import { shapeDifferences } from './shape.js'

const EINVAL = -22

/** The counters of a ring, which are pinned beside it. */
interface Beside {
  pin(path: string): unknown
  unpin(path: string): void
  info(): { readonly id: number }
}

/** Where a map was pinned by this program, or found by it. */
export class Pins {
  /** The pin that the map was opened from. */
  openedFrom: string | undefined
  readonly #kernel: KernelMap
  readonly #paths: string[] = []

  constructor(kernel: KernelMap) {
    this.#kernel = kernel
  }

  /** What is removed when no path is given. */
  #own(): string[] {
    const byName = this.#kernel.declared?.pinPath() ?? ''
    const made = [...new Set([...this.#paths, byName])].filter((path) => path !== '')
    return made.length === 0 && this.openedFrom !== undefined ? [this.openedFrom] : made
  }

  /**
   * `BPF_OBJ_PIN`, all or nothing.
   *
   * @param countersOf Looks for them, which takes a map that is open.
   */
  add(path: string, countersOf: () => Beside | undefined): void {
    checkPath(path, 'path')
    const { target } = this.#kernel
    const handle = this.#kernel.handle('pin')
    const counters = countersOf()
    makePinDirectory(dirname(path))
    const result = handle.pin(path)
    if (result < 0) throw pinFailure('pin', target, path, result)
    try {
      counters?.pin(countersPath(path))
    } catch (error) {
      unlinkSync(path)
      throw error
    }
    this.#paths.push(path)
  }

  /** @param path Its own, unless it is given. */
  remove(path: string | undefined, countersOf: () => Beside | undefined): void {
    if (path !== undefined) checkPath(path, 'path')
    const { target } = this.#kernel
    const id = idOf(this.#kernel.handle('unpin'))
    const counters = countersOf()
    const paths = path !== undefined ? [path] : this.#own()
    const details = { operation: 'unpin', target }
    if (paths.length === 0) throw new BpfError('ERR_STATE', 'it was not pinned here', details)
    for (const pinned of paths) {
      if (!isPinnedAt(pinned, id)) {
        throw new BpfError('ERR_STATE', `another map is pinned at ${pinned}`, details)
      }
      try {
        unlinkSync(pinned)
      } catch (error) {
        throw failure('unpin', target, (error as NodeJS.ErrnoException).errno ?? EINVAL)
      }
      const index = this.#paths.indexOf(pinned)
      if (index >= 0) this.#paths.splice(index, 1)
      if (pinned === this.openedFrom) this.openedFrom = undefined
      if (counters !== undefined) removeCounters(countersPath(pinned), counters)
    }
  }
}

/** Leaves alone what is not theirs. */
function removeCounters(path: string, counters: Beside): void {
  let there: NativeMapHandle
  try {
    there = openPin(path)
  } catch {
    return
  }
  const isTheirs = idOf(there) === counters.info().id
  there.close()
  if (isTheirs) counters.unpin(path)
}

/** @throws {BpfError} As `openPin()`. */
function isPinnedAt(path: string, id: number | undefined): boolean {
  const there = openPin(path)
  const isSame = idOf(there) === id
  there.close()
  return isSame
}

/**
 * libbpf would take what is pinned there in silence, not the map that is to be reused.
 *
 * @param id Of the map to be reused.
 * @throws {BpfError} `ERR_EXISTS`; as `openPin()`.
 */
export function checkReusable(target: string, path: string, id: number): void {
  if (!existsSync(path) || isPinnedAt(path, id)) return
  throw new BpfError(
    'ERR_EXISTS',
    `it is to reuse map ${String(id)}, and another one is pinned at ${path}`,
    {
      operation: 'load',
      target,
      hint: 'Remove that pin if nobody needs it, or open the object with another pinRoot, or with null',
    },
  )
}

function idOf(handle: NativeMapHandle): number | undefined {
  return handle.info()[0]
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
  for (const { kernel } of maps.values()) {
    const pinPath = kernel.declared?.pinPath() ?? ''
    const dotted = pinPath && dottedName('load', kernel.target, pinPath, errno ?? 0)
    if (dotted) return dotted
  }
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
