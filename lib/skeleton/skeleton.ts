import type { Phase } from '../addon/session.js'
import { checkOptions } from '../errors/errors.js'
import type { DetachedOptions } from '../link/detached.js'
import type { BpfLink } from '../link/link.js'
import type { BpfMap } from '../map/map.js'
import { BpfObject, type OpenOptions } from '../object/object.js'
import type { BpfProgram } from '../object/program.js'
import { bytes } from '../types/struct.js'
import { foldersOfModule, locateObject } from './locate.js'
import { checkMatch } from './match.js'
import type { SkeletonMap, SkeletonParts } from './parts.js'
import { SkeletonRing } from './ring.js'

/** How the object of a generated module is opened. */
export interface SkeletonOptions extends OpenOptions {
  /** The object's path, or its bytes, where it is neither beside the module nor in it. */
  object?: string | Uint8Array | undefined
}

/**
 * The class that modules of `bpf-ringbuf gen` extend: a BPF object whose maps, rings,
 * programs, global variables and links are properties, each of its own type, as
 * libbpf's skeletons have them. A name that the object does not have does not compile.
 *
 * Its life is that of the {@link BpfObject} in it.
 *
 * @typeParam M Its maps. @typeParam R Its rings. @typeParam P Its programs.
 * @typeParam G Its global variables.
 * @example
 * ```ts
 * import { open } from './exec-snoop.bpf.js'
 *
 * using snoop = open()
 * snoop.globals.only_uid = 1000
 * snoop.load()
 * using ring = snoop.rings.events.read((event) => console.log(event.pid, event.comm))
 * snoop.attach()
 * ```
 */
export class BpfSkeleton<M, R, P, G> {
  /** What has no property here is to be found there. */
  readonly object: BpfObject
  /** The maps by their names in C. */
  readonly maps: Readonly<M>
  /** Its ring and perf buffers, of streams one. Flight recorders are among the maps. */
  readonly rings: Readonly<R>
  /** The programs by their names in C. */
  readonly programs: Readonly<P>
  /** By their names in C; see {@link BpfObject.globals}. */
  readonly globals: G
  /** Of each program the link that was made last, as long as it is open. */
  readonly links: { readonly [Name in keyof P]: BpfLink<BpfProgram> | undefined }

  /**
   * @param parts What the module was made from.
   * @throws {BpfError} `ERR_FILE_NOT_FOUND` when the object is not found, `ERR_LAYOUT` when
   *   it is another one than the module was made from, naming what moved; as
   *   `BpfObject.open()` otherwise.
   */
  constructor(parts: SkeletonParts, options: SkeletonOptions = {}) {
    checkOptions(options, ['object', 'name', 'pinRoot', 'tokenPath'])
    const { object: given, ...others } = options
    const object = BpfObject.open(given ?? sourceOf(parts), { name: parts.name, ...others })
    this.object = object
    try {
      checkMatch(object, parts)
      this.maps = properties(Object.keys(parts.maps), (name) =>
        typedMap(object, name, parts.maps[name]),
      ) as M
      this.rings = properties(
        Object.keys(parts.rings),
        (name) => new SkeletonRing(object, object.map(name), parts.rings[name] ?? bytes()),
      ) as R
      this.programs = properties(parts.programs, (name) => object.program(name)) as P
    } catch (error) {
      object.close()
      throw error
    }
    this.globals = object.globals as G
    const links = Object.create(null) as BpfSkeleton<M, R, P, G>['links']
    for (const name of parts.programs) {
      const get = (): BpfLink | undefined =>
        object.links.findLast(({ program }) => program.name === name)
      Object.defineProperty(links, name, { get, enumerable: true })
    }
    this.links = Object.freeze(links)
  }

  /** How far the object is. */
  get phase(): Phase {
    return this.object.phase
  }

  /**
   * Creates the maps and loads the programs.
   *
   * @throws {BpfError} As {@link BpfObject.load}.
   */
  load(): this {
    this.object.load()
    return this
  }

  /**
   * Attaches every program whose section says where it goes: `links` has what came of it.
   *
   * @throws {BpfError} As {@link BpfObject.attach}.
   */
  attach(): this {
    this.object.attach()
    return this
  }

  /** Closes all links. */
  detach(): void {
    this.object.detach()
  }

  /** As {@link BpfObject.detached}. */
  detached(options?: DetachedOptions): Promise<boolean> {
    return this.object.detached(options)
  }

  /** Detaches the programs and releases everything. Idempotent, never throws. */
  close(): void {
    this.object.close()
  }

  /** As `close()`: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** Detaches the programs, waits for their end for a second at most, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.object[Symbol.asyncDispose]()
  }
}

function sourceOf(parts: SkeletonParts): string | Uint8Array {
  if (parts.embedded !== undefined) return Buffer.from(parts.embedded, 'base64')
  return locateObject(parts, foldersOfModule())
}

function typedMap(object: BpfObject, name: string, declared: SkeletonMap | undefined): BpfMap {
  const map = object.map(name)
  if (declared?.key === undefined && declared?.value === undefined) return map
  const { key, value, perCpu } = declared
  return map.typed({ ...(key && { key }), ...(value && { value }), ...(perCpu && { perCpu }) })
}

function properties(names: readonly string[], find: (name: string) => unknown): object {
  const made = Object.create(null) as object
  for (const name of names) {
    Object.defineProperty(made, name, { value: find(name), enumerable: true })
  }
  return Object.freeze(made)
}
