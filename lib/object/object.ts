import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { Btf } from '../types/btf.js'
import { checkElf } from '../btf/elf.js'
import { BtfReader } from '../btf/reader.js'
import { trust } from '../btf/trusted.js'
import {
  BpfError,
  bytesOf,
  checkInteger,
  checkOptions,
  describeErrno,
  invalidType,
  EMFILE,
  ENFILE,
} from '../errors/errors.js'
import { didYouMean } from '../errors/near.js'
import { failure, libbpfReason, loadFailure } from '../machine/failure.js'
import { createGlobals, type GlobalValue, listNames } from './globals.js'
import { type DetachedOptions, waitUntilDetached } from '../link/detached.js'
import { checkText } from '../link/kind.js'
import type { BpfLink } from '../link/link.js'
import type { Descriptor } from '../map/codec.js'
import type {
  KeyAndCpuValues,
  KeyAndValue,
  KeyOnly,
  MapTypes,
  ValueOnly,
} from '../map/entry-types.js'
import { BpfMap } from '../map/map.js'
import { checkPath } from '../map/open.js'
import { pinProblem } from '../map/pin.js'
import { type Phase, Session } from '../addon/session.js'
import { addon } from '../addon/addon.js'
import type { NativeMap } from '../addon/map.js'
import type { NativeObject } from '../addon/object.js'
import { BpfProgram } from './program.js'

/** How an object is opened. */
export interface OpenOptions {
  /** What messages call it. Default the file's name without `.bpf.o`, of bytes `object`. */
  name?: string | undefined
  /**
   * A directory in a BPF file system, for maps that are declared with LIBBPF_PIN_BY_NAME;
   * `null`: they are this object's own, and not pinned.
   */
  pinRoot?: string | null | undefined
  /** A BPF file system that was mounted with delegation: Linux 6.9, libbpf 1.4. */
  tokenPath?: string | undefined
}

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
   * cannot use, such as pointers.
   *
   * Structs and arrays are read and written whole: what is read is a copy, and
   * changing the copy changes nothing. Writing is not atomic to a program that runs.
   *
   * Errors when used: `ERR_NOT_FOUND`, `ERR_NO_BTF`, `ERR_STATE`,
   * `ERR_UNSUPPORTED` for pointers and what JavaScript has no type for; a `TypeError`
   * for a value of the wrong type, also of a member, a `RangeError` for one that does
   * not fit.
   */
  readonly globals: Record<string, GlobalValue>
  /** Its types; nothing when it was compiled without `-g`. */
  readonly btf: Btf | undefined
  readonly #session: Session
  /** Also those that are closed and that the kernel has not let go of. */
  readonly #links = new Set<BpfLink<BpfProgram>>()

  private constructor(native: NativeObject, name: string) {
    this.name = name
    const session = new Session(name, native)
    this.#session = session
    session.beforeClose(() => {
      this.detach()
    })
    // open() has validated what libbpf made it of.
    const btf = trust(native.btf())
    this.btf = btf === undefined ? undefined : new Btf(btf)
    const dataMaps = new Map<string, NativeMap | undefined>()
    this.globals = createGlobals(session, this.btf, (section) => {
      if (!dataMaps.has(section)) dataMaps.set(section, native.dataMap(section))
      return dataMaps.get(section)
    })
    const maps = new Map<string, BpfMap>()
    session.programsEnded = () => this.#programsEnded()
    const owner = { name, session, btf: this.btf, globals: this.globals, maps }
    for (const nativeMap of native.maps()) {
      const map = BpfMap.ofObject(owner, nativeMap)
      maps.set(map.name, map)
    }
    this.maps = maps
    this.programs = new Map(
      native.programs().map((nativeProgram) => {
        const program = BpfProgram.ofObject(session, nativeProgram, this, (link) => {
          this.#adopt(link)
        })
        return [program.name, program]
      }),
    )
  }

  /**
   * Opens an object file, or its bytes, without loading anything into the
   * kernel: needs no privileges. Blocks for reading and parsing.
   *
   * @param source A path, or the bytes of the file, which are copied.
   * @param options `pinRoot`: where maps that are declared with LIBBPF_PIN_BY_NAME are
   *   pinned by `load()`, or found, a directory in a BPF file system. Default
   *   /sys/fs/bpf; with `null` they are made anew, for this object alone, and not pinned.
   *   `tokenPath`: a BPF file system that was mounted with delegation, whose token stands
   *   for capabilities that this process lacks; Linux 6.9, libbpf 1.4. Default what the
   *   environment variable LIBBPF_BPF_TOKEN_PATH says. `name`: what messages call the
   *   object.
   * @throws {BpfError} `ERR_FILE_NOT_FOUND` or `ERR_PERMISSION` when the file
   *   cannot be read, `ERR_OBJECT_FORMAT` when it is no BPF object, `ERR_NO_BTF` when
   *   its maps need BTF and it has none, `ERR_UNSUPPORTED` for a `tokenPath` that this
   *   libbpf has no use for, `ERR_ADDON`.
   */
  static open(source: string | Uint8Array, options: OpenOptions = {}): BpfObject {
    checkOptions(options, ['name', 'pinRoot', 'tokenPath'])
    const { pinRoot, tokenPath } = options
    if (options.name !== undefined) checkText(options.name, 'name')
    if (pinRoot !== undefined && pinRoot !== null) checkPath(pinRoot, 'pinRoot')
    if (tokenPath !== undefined) checkPath(tokenPath, 'tokenPath')
    const [bytes, ownName] = readSource(source)
    const name = options.name ?? ownName
    const target = typeof source === 'string' ? source : `object of ${String(bytes.length)} bytes`
    const btf = checkElf(bytes, target).get('.BTF')
    if (btf !== undefined) new BtfReader(btf)
    const native = new (addon().Object)()
    const result = native.open(bytes, name, pinRoot ?? '', tokenPath ?? '')
    if (result === ENOTSUP && tokenPath !== undefined) throw noTokens(target)
    // Newer libbpf opens one for each map.
    if (result === EMFILE || result === ENFILE) throw failure('open', target, result)
    if (result < 0) throw openFailure(target, result, addon().takeLog())
    if (pinRoot === null) native.forgetPins()
    try {
      return new BpfObject(native, name)
    } catch (error) {
      native.close()
      throw error
    }
  }

  /** How far it is. */
  get phase(): Phase {
    return this.#session.phase
  }

  /**
   * The map of this name in C. Its keys and values are what the object's BTF says, or
   * what is given: `{ key, value }`, of a per-CPU map with `perCpu: true`, of a queue,
   * stack or bloom filter `{ value }`, of maps that hold descriptors `{ key }`.
   *
   * @throws {BpfError} `ERR_NOT_FOUND`, naming those there are; `ERR_LAYOUT` when a
   *   type has not the map's size, or a struct does not match the object's BTF;
   *   `ERR_MAP_TYPE` when `perCpu` is missing or too much.
   */
  map<K, V>(name: string, types: KeyAndCpuValues<K, V>): BpfMap<K, V[], V | readonly V[]>
  map<K, V>(name: string, types: KeyAndValue<K, V>): BpfMap<K, V>
  map<V>(name: string, types: ValueOnly<V>): BpfMap<V, V>
  map<K>(name: string, types: KeyOnly<K>): BpfMap<K, number, Descriptor>
  map(name: string): BpfMap
  map(name: string, types?: MapTypes): BpfMap {
    const map = find(this.maps, 'map', name, this.name)
    return types === undefined ? map : map.typed(types)
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
   * The version that the kernel is told, LINUX_VERSION_CODE of linux/version.h: by
   * default that of this kernel, or what a section `version` says. Since Linux 5.0
   * it makes no difference. Setting it is possible until `load()`.
   *
   * @throws {BpfError} `ERR_STATE` after load.
   */
  get kernelVersion(): number {
    this.#session.checkOpen('read', `object "${this.name}"`)
    return this.#session.native.kernelVersion()
  }

  set kernelVersion(version: number) {
    const target = `object "${this.name}"`
    checkInteger(version, `kernelVersion of ${target}`, 0, 2 ** 32 - 1)
    this.#session.checkPhase('configure', target, 'open')
    const result = this.#session.native.setKernelVersion(version)
    if (result < 0) throw failure('configure', target, result)
  }

  /**
   * Creates the maps and loads the programs, `bpf_object__load()`. Blocks while
   * the kernel verifies, some milliseconds a program. Needs CAP_BPF and
   * CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8), and a file descriptor for each
   * map and program, and some more.
   *
   * @throws {VerifierError} when the verifier rejects a program.
   * @throws {BpfError} `ERR_STATE` when it was loaded before, `ERR_EXISTS` when what is
   *   pinned under a map's name has another shape, `ERR_PERMISSION`, `ERR_UNSUPPORTED`,
   *   `ERR_KERNEL`.
   */
  load(): this {
    this.#session.checkPhase('load', `object "${this.name}"`, 'open')
    for (const map of this.maps.values()) map.prepareLoad()
    const result = this.#session.native.load()
    this.#session.loaded(result >= 0)
    if (result < 0) {
      const sections = new Map([...this.programs.values()].map((p) => [p.name, p.section]))
      const wanted = [...this.programs.values()].filter((p) => p.autoload)
      const types = new Map(wanted.map((p) => [p.name, p.type]))
      const error = loadFailure(`object "${this.name}"`, result, {
        sections,
        types,
        maps: this.maps,
        logOf: (program) => this.programs.get(program)?.verifierLog ?? '',
      })
      throw pinProblem(error, this.maps) ?? error
    }
    return this
  }

  /**
   * Attaches every program whose section says where it goes and that is not
   * attached yet. All or nothing: when one fails, those that this call attached
   * are detached again and the error names it. Left out, and named by
   * {@link unattached}, are programs with `autoattach = false`, iterators, which run
   * when they are read, and those whose sections do not say where, such as `xdp`,
   * `perf_event` and `cgroup_skb/egress`: give them a target, `program.attach()`.
   *
   * @throws {BpfError} `ERR_STATE` before load; otherwise as
   *   `BpfProgram.attach()`.
   */
  attach(): this {
    this.#session.checkPhase('attach', `object "${this.name}"`, 'loaded')
    const attached = new Set(this.links.map(({ program }) => program))
    const made: BpfLink[] = []
    try {
      for (const program of this.programs.values()) {
        if (attached.has(program) || !program.autoload) continue
        if (!program.autoattach || program.isIterator) continue
        const link = program.autoAttach()
        if (link !== undefined) made.push(link)
      }
    } catch (error) {
      for (const link of made.reverse()) link.close()
      throw error
    }
    return this
  }

  /**
   * The programs that are loaded and that no open link attaches: what `attach()`
   * left out, and what was detached.
   *
   * @throws {BpfError} `ERR_STATE` before load, `ERR_CLOSED`.
   */
  get unattached(): readonly BpfProgram[] {
    this.#session.checkPhase('ask about', `object "${this.name}"`, 'loaded')
    const attached = new Set(this.links.map(({ program }) => program))
    return [...this.programs.values()].filter(
      (program) => program.autoload && !attached.has(program),
    )
  }

  /**
   * Closes all links. They can be made again with `attach()`. A program may go on
   * for a moment, see `BpfLink.close()`; {@link detached} waits for its end.
   */
  detach(): void {
    // Newest first, as they were made on top of each other.
    for (const link of [...this.#links].reverse()) link.close()
  }

  /**
   * Resolves when the programs have ended for good after `detach()`: from then on
   * they make no records and count nothing. Does not block. As
   * {@link BpfLink.detached} for all links that were closed and are not pinned.
   *
   * @returns Whether that is certain; false where the kernel may not be asked.
   * @throws {BpfError} `ERR_STATE` while programs are attached, `ERR_TIMEOUT`.
   */
  async detached(options: DetachedOptions = {}): Promise<boolean> {
    const target = `object "${this.name}"`
    if (this.links.length > 0) {
      throw new BpfError('ERR_STATE', 'programs of it are attached', {
        operation: 'wait for the end of',
        target,
      })
    }
    const links = [...this.#links]
    const known = await waitUntilDetached(
      links.flatMap(({ ids }) => ids),
      target,
      options,
    )
    for (const link of links) this.#links.delete(link)
    return known
  }

  /** The open links of its programs. */
  get links(): readonly BpfLink<BpfProgram>[] {
    return [...this.#links].filter((link) => !link.closed)
  }

  /**
   * Detaches the programs and releases everything. Idempotent, never throws.
   * A reader of one of its maps goes on with what is in the ring.
   */
  close(): void {
    this.#session.close()
  }

  /** As `close()`: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /**
   * Detaches the programs, waits as {@link detached} does for a second at most,
   * and closes the object.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.detach()
    try {
      await this.detached()
    } catch {
      // The time ran out: somebody else keeps the programs attached.
    }
    this.close()
  }

  /** For readers that end. The time may run out: somebody else keeps the programs attached. */
  #programsEnded(): Promise<void> | undefined {
    if (this.#links.size === 0 || this.links.length > 0) return undefined
    return this.detached().then(
      () => undefined,
      () => undefined,
    )
  }

  #adopt(link: BpfLink<BpfProgram>): void {
    for (const known of this.#links) if (known.isOver) this.#links.delete(known)
    this.#links.add(link)
  }
}

function readSource(source: string | Uint8Array): [Uint8Array, string] {
  if (typeof source === 'string') {
    try {
      // Some devices never end.
      if (statSync(source).isCharacterDevice()) throw noFile(source)
      return [readFileSync(source), basename(source).replace(/(\.bpf)?\.o$/, '')]
    } catch (cause) {
      if (cause instanceof BpfError) throw cause
      throw fileFailure(source, cause as NodeJS.ErrnoException)
    }
  }
  if (!ArrayBuffer.isView(source)) throw invalidType('a path or a Uint8Array', 'source', source)
  const bytes = bytesOf(source)
  // Other threads may write to shared memory between a check and its use.
  return [bytes.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes), 'object']
}

function noFile(target: string): BpfError {
  return new BpfError('ERR_OBJECT_FORMAT', 'it is a device', { operation: 'open', target })
}

function fileFailure(path: string, cause: NodeJS.ErrnoException): BpfError {
  const { errno } = cause
  const details = { operation: 'open', target: path, errno, cause }
  switch (cause.code) {
    case 'EISDIR':
      return new BpfError('ERR_OBJECT_FORMAT', 'it is a directory', details)
    case 'ENOENT':
    case 'ENOTDIR':
      return new BpfError('ERR_FILE_NOT_FOUND', 'there is no such file', {
        ...details,
        hint: 'Compile it first: npx bpf-ringbuf build NAME.bpf.c',
      })
    case 'EACCES':
    case 'EPERM':
      return new BpfError('ERR_PERMISSION', 'the file is not readable', details)
    default:
      return new BpfError('ERR_KERNEL', cause.message, details)
  }
}

/** EOPNOTSUPP, which is the same number. */
const ENOTSUP = -95

function noTokens(target: string): BpfError {
  return new BpfError('ERR_UNSUPPORTED', 'this libbpf has no BPF tokens', {
    operation: 'open',
    target,
    errno: ENOTSUP,
    hint: `tokenPath needs libbpf 1.4 or newer, and bpf-ringbuf compiled against it; this is ${addon().libbpfVersion}`,
  })
}

function openFailure(target: string, errno: number, log: string): BpfError {
  const details = { operation: 'open', target, errno, log }
  const needsBtf = /(BTF is required)|BTF for extern|externs without BTF/.exec(log)
  if (needsBtf !== null) {
    const what = needsBtf[1] === undefined ? 'extern variables' : 'maps'
    return new BpfError('ERR_NO_BTF', `its ${what} need BTF and it has none`, {
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
    `object "${object}" has no such ${kind}; it has ${listNames(items.keys())}` +
      didYouMean(name, items.keys()),
    { operation: 'find', target: `${kind} "${name}"` },
  )
}
