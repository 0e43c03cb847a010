import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { Btf } from '../btf/btf.js'
import { checkElf } from '../btf/elf.js'
import { BpfError, bytesOf, describeErrno, invalidType } from '../errors/errors.js'
import { libbpfReason, loadFailure } from '../machine/failure.js'
import { createGlobals, type GlobalValue, listNames } from './globals.js'
import type { BpfLink } from '../link/link.js'
import { BpfMap, MapType } from '../map/map.js'
import { type Phase, Session } from '../addon/session.js'
import { addon } from '../addon/addon.js'
import type { NativeMap } from '../addon/map.js'
import type { NativeObject } from '../addon/object.js'
import { BpfProgram } from './program.js'

/**
 * A BPF object file, compiled by clang: its maps, programs, global variables
 * and types.
 *
 * Configure between `open()` and `load()`, stream between `attach()` and
 * `close()`. An object that is garbage-collected without `close()` is closed,
 * and its programs are detached; a reader of one of its maps keeps it alive.
 *
 * @example
 * ```ts
 * using object = BpfObject.open('exec-snoop.bpf.o')
 * object.map('events').maxEntries = 1 << 20
 * object.globals.min_uid = 1000
 * object.load().attach()
 * ```
 */
export class BpfObject {
  /** Its name: the file's without `.bpf.o`, or as given. */
  readonly name: string
  /** Its maps by their names in C, without those of global variables. */
  readonly maps: ReadonlyMap<string, BpfMap>
  /** Its programs by their names in C. */
  readonly programs: ReadonlyMap<string, BpfProgram>
  /**
   * Its global variables by their names in C, typed by the object's BTF.
   * `.rodata` can be set until `load()`, the others at any time. A copy,
   * `{ ...object.globals }`, and `JSON.stringify()` leave out what JavaScript
   * cannot use, such as pointers and structs.
   *
   * Errors when used: `ERR_NOT_FOUND`, `ERR_NO_BTF`, `ERR_STATE`,
   * `ERR_UNSUPPORTED` for pointers and structs; a `TypeError` for a value of
   * the wrong type, a `RangeError` for one that does not fit.
   */
  readonly globals: Record<string, GlobalValue>
  /** Its types; nothing when it was compiled without `-g`. */
  readonly btf: Btf | undefined
  readonly #session: Session
  readonly #links = new Set<BpfLink>()

  private constructor(native: NativeObject, name: string) {
    this.name = name
    const session = new Session(name, native)
    this.#session = session
    session.beforeClose(() => {
      this.detach()
    })
    const btf = native.btf()
    this.btf = btf === undefined ? undefined : new Btf(btf)
    const dataMaps = new Map<string, NativeMap | undefined>()
    this.globals = createGlobals(session, this.btf, (section) => {
      if (!dataMaps.has(section)) dataMaps.set(section, native.dataMap(section))
      return dataMaps.get(section)
    })
    const maps = new Map<string, BpfMap>()
    const owner = { session, btf: this.btf, globals: this.globals, maps }
    for (const nativeMap of native.maps()) {
      const map = new BpfMap(owner, nativeMap)
      maps.set(map.name, map)
    }
    this.maps = maps
    this.programs = new Map(
      native.programs().map((nativeProgram) => {
        const program = new BpfProgram(session, nativeProgram, (link) => this.#adopt(link))
        return [program.name, program]
      }),
    )
  }

  /**
   * Opens an object file, or its bytes, without loading anything into the
   * kernel: needs no privileges. Blocks for reading and parsing.
   *
   * @param source A path, or the bytes of the file, which are copied.
   * @throws {BpfError} `ERR_NOT_FOUND` or `ERR_PERMISSION` when the file cannot
   *   be read, `ERR_OBJECT_FORMAT` when it is no BPF object, `ERR_NO_BTF` when
   *   its maps need BTF and it has none, `ERR_ADDON`.
   */
  static open(source: string | Uint8Array): BpfObject {
    const [bytes, name] = readSource(source)
    const target = typeof source === 'string' ? source : `object of ${String(bytes.length)} bytes`
    const btf = checkElf(bytes, target).get('.BTF')
    if (btf !== undefined) new Btf(btf).validate()
    const native = new (addon().Object)()
    const result = native.open(bytes, name)
    if (result < 0) throw openFailure(target, -result, addon().takeLog())
    try {
      return new BpfObject(native, name)
    } catch (error) {
      native.close()
      throw error
    }
  }

  get phase(): Phase {
    return this.#session.phase
  }

  /**
   * The map of this name in C.
   *
   * @throws {BpfError} `ERR_NOT_FOUND`, naming those there are.
   */
  map(name: string): BpfMap {
    return find(this.maps, 'map', name, this.name)
  }

  /**
   * The program of this name in C.
   *
   * @throws {BpfError} `ERR_NOT_FOUND`, naming those there are.
   */
  program(name: string): BpfProgram {
    return find(this.programs, 'program', name, this.name)
  }

  /**
   * Creates the maps and loads the programs, `bpf_object__load()`. Blocks while
   * the kernel verifies, some milliseconds a program. Needs CAP_BPF and
   * CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8).
   *
   * @throws {VerifierError} when the verifier rejects a program.
   * @throws {BpfError} `ERR_STATE` when it was loaded before, `ERR_PERMISSION`,
   *   `ERR_UNSUPPORTED`, `ERR_KERNEL`.
   */
  load(): this {
    this.#session.checkPhase('load', `object "${this.name}"`, 'open')
    for (const map of this.maps.values()) map.prepareLoad()
    const ringBuffer = [...this.maps.values()].some(({ type }) => type === MapType.RINGBUF)
    const result = this.#session.native.load()
    this.#session.loaded(result >= 0)
    if (result < 0) {
      const sections = new Map([...this.programs.values()].map((p) => [p.name, p.section]))
      throw loadFailure(`object "${this.name}"`, result, ringBuffer, sections)
    }
    return this
  }

  /**
   * Attaches every program whose section says where it goes. All or nothing:
   * when one fails, those before it are detached again and the error names it.
   * Programs with `autoload = false` are left out.
   *
   * @throws {BpfError} `ERR_STATE` before load and when programs are attached
   *   already; otherwise as `BpfProgram.attach()`.
   */
  attach(): this {
    this.#session.checkPhase('attach', `object "${this.name}"`, 'loaded')
    if (this.links.length > 0) {
      throw new BpfError('ERR_STATE', 'programs of it are attached already', {
        operation: 'attach',
        target: `object "${this.name}"`,
      })
    }
    try {
      for (const program of this.programs.values()) program.autoAttach()
    } catch (error) {
      this.detach()
      throw error
    }
    return this
  }

  /** Closes all links. They can be made again with `attach()`. */
  detach(): void {
    // Newest first, as they were made on top of each other.
    for (const link of [...this.#links].reverse()) link.close()
    this.#links.clear()
  }

  /** The open links of its programs. */
  get links(): readonly BpfLink[] {
    return [...this.#links].filter((link) => !link.closed)
  }

  /**
   * Detaches the programs and releases everything. Idempotent, never throws.
   * A reader of one of its maps goes on with what is in the ring.
   */
  close(): void {
    this.#session.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #adopt(link: BpfLink): BpfLink {
    for (const known of this.#links) if (known.closed) this.#links.delete(known)
    this.#links.add(link)
    return link
  }
}

function readSource(source: string | Uint8Array): [Uint8Array, string] {
  if (typeof source === 'string') {
    try {
      return [readFileSync(source), basename(source).replace(/(\.bpf)?\.o$/, '')]
    } catch (cause) {
      throw fileFailure(source, cause as NodeJS.ErrnoException)
    }
  }
  if (!ArrayBuffer.isView(source)) throw invalidType('a path or a Uint8Array', 'source', source)
  const bytes = bytesOf(source)
  // Other threads may write to shared memory between a check and its use.
  return [bytes.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes), 'object']
}

function fileFailure(path: string, cause: NodeJS.ErrnoException): BpfError {
  const errno = cause.errno === undefined ? undefined : -cause.errno
  const details = { operation: 'open', target: path, errno, cause }
  switch (cause.code) {
    case 'EISDIR':
      return new BpfError('ERR_OBJECT_FORMAT', 'it is a directory', details)
    case 'ENOENT':
    case 'ENOTDIR':
      return new BpfError('ERR_NOT_FOUND', 'there is no such file', {
        ...details,
        hint: 'Compile it first: clang -g -O2 -target bpf -c NAME.bpf.c -o NAME.bpf.o',
      })
    case 'EACCES':
    case 'EPERM':
      return new BpfError('ERR_PERMISSION', 'the file is not readable', details)
    default:
      return new BpfError('ERR_KERNEL', cause.message, details)
  }
}

function openFailure(target: string, errno: number, log: string): BpfError {
  const details = { operation: 'open', target, errno, log }
  if (/BTF is required/.test(log)) {
    return new BpfError('ERR_NO_BTF', 'its maps need BTF and it has none', {
      ...details,
      hint: 'Compile it with clang -g',
    })
  }
  return new BpfError('ERR_OBJECT_FORMAT', libbpfReason(log) ?? describeErrno(errno), details)
}

function find<T>(items: ReadonlyMap<string, T>, kind: string, name: string, object: string): T {
  if (typeof name !== 'string') throw invalidType('a string', `the name of a ${kind}`, name)
  const item = items.get(name)
  if (item !== undefined) return item
  throw new BpfError(
    'ERR_NOT_FOUND',
    `object "${object}" has no such ${kind}; it has ${listNames(items.keys())}`,
    { operation: 'find', target: `${kind} "${name}"` },
  )
}
