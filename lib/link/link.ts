import { dirname } from 'node:path'
import { inspect, type InspectOptions } from 'node:util'
import { addon } from '../addon/addon.js'
import type { NativeLink } from '../addon/link.js'
import { BpfError, closed, invalidType } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import { makePinDirectory, pinFailure, type Refusal, whatIsPinned } from '../machine/pin.js'
import { type DetachedOptions, isGone, waitUntilDetached } from './detached.js'
import { checkText, descriptorOf, noMap } from './kind.js'
import { decodeLinkInfo, type LinkInfo } from './link-info.js'

const notOne =
  'It is not one link of the kernel: USDT, tc and sockets never are, probes since Linux 5.15'

/** A `struct_ops` map of the link's object, by its name. */
export interface StructOpsUpdate {
  /** The name of the map in C. */
  structOps: string
}

function isStructOps(to: object): to is StructOpsUpdate {
  // What is no object at all is refused as a program.
  return Object(to) === to && Object.hasOwn(to, 'structOps')
}

const notPinned: Refusal = {
  code: 'ERR_UNSUPPORTED',
  problem: 'the kernel does not pin such a link',
  hint: 'Those of probes and perf events can be pinned since Linux 5.15',
}

/** Links, and programs of what is no link of the kernel's, that keep their program. */
const keepers: ReadonlySet<string> = new Set([
  'raw_tracepoint',
  'tracing',
  'perf_event',
  'kprobe_multi',
  'uprobe_multi',
  'netfilter',
  'struct_ops',
  'kprobe',
  'tracepoint',
])

/** What a `BpfProgram` is; nothing of what only looks like one. */
function typeOf(program: object | undefined): string | undefined {
  const type = program !== undefined && 'type' in program ? program.type : undefined
  return typeof type === 'string' ? type : undefined
}

/** What can be said of any program. */
export interface NamedProgram {
  /** Its name in C. */
  readonly name: string
  /** Its ELF section. */
  readonly section: string
  /** Its descriptor, owned by its object. */
  readonly fd: number
}

/**
 * One attachment of a program. It lives until it is closed, its object with it;
 * one that nobody refers to any more stays as long as its object is open.
 *
 * All kinds have the same methods. What a kind cannot do is `ERR_UNSUPPORTED`: it
 * is no link of the kernel's, or the kernel's links of this kind cannot do it.
 */
export class BpfLink<P extends NamedProgram | undefined = NamedProgram> {
  #program: P
  readonly #native: NativeLink
  /** For messages, when there is no program. */
  readonly #name: string
  #closed = false
  #pinPath: string | undefined
  /** Of the kernel's links, after it was closed; 0 for one that is not known. */
  #ids: readonly number[] = []

  private constructor(program: P, native: NativeLink, pinPath?: string) {
    this.#program = program
    this.#native = native
    this.#pinPath = pinPath
    this.#name = pinPath === undefined ? '' : `the link pinned at ${pinPath}`
  }

  /** @internal One that was just made. */
  static ofProgram<P extends NamedProgram>(program: P, native: NativeLink): BpfLink<P> {
    return new BpfLink(program, native)
  }

  /**
   * Opens a link that is pinned, from whichever process. Closing it does not
   * detach: call {@link unpin} before.
   *
   * @param path In a bpffs.
   * @throws {BpfError} `ERR_FILE_NOT_FOUND`, `ERR_PERMISSION`, `ERR_KERNEL` when
   *   there is another thing than a link.
   */
  static fromPin(path: string): BpfLink<NamedProgram | undefined> {
    checkText(path, 'path')
    const native = addon().openLink(path)
    if (typeof native === 'number') {
      throw pinFailure('open', `the link pinned at ${path}`, path, native, () => ({
        code: 'ERR_KERNEL',
        ...whatIsPinned(path, 'link'),
      }))
    }
    return new BpfLink<NamedProgram | undefined>(undefined, native, path)
  }

  /** The program that is attached, a `BpfProgram`; of another process's link nothing. */
  get program(): P {
    return this.#program
  }

  /** Whether the link was closed. */
  get closed(): boolean {
    return this.#closed
  }

  /** Where it is pinned by this object, if it is. */
  get pinPath(): string | undefined {
    return this.#pinPath
  }

  /**
   * The descriptor of the kernel's link, owned by this object.
   *
   * @throws {BpfError} `ERR_CLOSED`; `ERR_UNSUPPORTED` when it is no link of the
   *   kernel's, or several.
   */
  get fd(): number {
    return this.#checked('use', this.#open('use').fd())
  }

  /**
   * What the kernel says of it, of several links of the first.
   *
   * @throws {BpfError} `ERR_CLOSED`; `ERR_UNSUPPORTED` when it is no link of the
   *   kernel's: USDT, `tc`, sockets, and probes before Linux 5.15.
   */
  info(): LinkInfo {
    const bytes = this.#open('ask about').info()
    if (typeof bytes === 'number') throw this.#failure('ask about', bytes)
    return decodeLinkInfo(bytes)
  }

  /**
   * Pins the link: the program stays attached after this process, until the file
   * is removed. Makes the directory when it is missing. Links of probes need Linux
   * 5.15.
   *
   * @param path A new file in a bpffs, such as `/sys/fs/bpf/NAME`.
   * @throws {BpfError} `ERR_CLOSED`, `ERR_STATE` when it is pinned already,
   *   or in no bpffs, `ERR_EXISTS` when there is such a file, `ERR_UNSUPPORTED` when it
   *   is not one link of the kernel's, `ERR_PERMISSION`, `ERR_KERNEL`.
   */
  pin(path: string): void {
    const native = this.#open('pin')
    checkText(path, 'path')
    if (this.#pinPath !== undefined) {
      throw new BpfError('ERR_STATE', `it is pinned at ${this.#pinPath}`, {
        operation: 'pin',
        target: this.#ownTarget(),
        hint: 'Call unpin() before: a link has one path',
      })
    }
    this.#checked('pin', native.fd())
    makePinDirectory(dirname(path))
    const result = native.pin(path)
    if (result < 0) {
      throw pinFailure('pin', `${this.#target()} at ${path}`, path, result, () => notPinned)
    }
    this.#pinPath = path
  }

  /**
   * Removes the file that it is pinned at: from then on closing detaches. A file
   * that is gone already counts as removed.
   *
   * @throws {BpfError} `ERR_CLOSED`, `ERR_STATE` when it is not pinned,
   *   `ERR_PERMISSION`.
   */
  unpin(): void {
    const native = this.#open('unpin')
    if (this.#pinPath === undefined) {
      throw new BpfError('ERR_STATE', 'it is not pinned', {
        operation: 'unpin',
        target: this.#target(),
      })
    }
    this.#checked('unpin', native.unpin(this.#pinPath))
    this.#pinPath = undefined
  }

  /**
   * Puts another program in the place of this one, at once and without a gap. It
   * has to be loaded and of the same type. Of cgroups, network namespaces and
   * devices, `tc`, sockets, sockmaps and iterators.
   *
   * Of `struct_ops` it puts another map of the object in the place of this one, by
   * its name: both declared in `SEC(".struct_ops.link")`. Linux 6.4, libbpf 1.2.
   *
   * @param to A program, or `{ structOps: 'NAME' }`.
   * @throws {TypeError} when the program is of another type.
   * @throws {BpfError} `ERR_CLOSED`, `ERR_STATE` when it is detached or the program
   *   is not loaded, `ERR_UNSUPPORTED` when links of this kind keep what they have,
   *   `ERR_NOT_FOUND` when there is no such map, `ERR_KERNEL`.
   */
  update(to: NonNullable<P> | StructOpsUpdate): void {
    const native = this.#open('update')
    if (isStructOps(to)) {
      const name = checkText(to.structOps, 'structOps')
      const result = native.updateMap(name)
      const ENOENT = -2
      if (result === ENOENT) throw noMap('update', name)
      this.#checked('update', result)
    } else {
      const result = native.update(descriptorOf(to, 'BpfProgram', 'update()'))
      const EINVAL = -22
      if (result === EINVAL && !this.#keepsProgram()) throw this.#wrongProgram(to)
      this.#checked('update', result)
      this.#program = to
    }
  }

  /**
   * Detaches the program now, whoever else has the link: pins and other processes
   * are left with a link that does nothing. Other than `close()`, for links that
   * the kernel can detach so: cgroups, network namespaces and devices, `tc`,
   * sockets, sockmaps, struct_ops.
   *
   * @throws {BpfError} `ERR_CLOSED`, `ERR_UNSUPPORTED` for links of tracing, which
   *   end with the last who has them.
   */
  detach(): void {
    this.#checked('detach', this.#open('detach').detach())
  }

  /**
   * Detaches the program, unless the link is pinned. Idempotent, never throws.
   * Blocks until the kernel has let go, which for tracepoints is a grace period of
   * some milliseconds.
   *
   * When another thread of this process is just starting a program, its child
   * holds copies of all descriptors until it executes; the program stays
   * attached as long. {@link detached} waits for that.
   */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    try {
      this.#ids = this.#native.ids()
    } finally {
      this.#native.close()
    }
  }

  /**
   * Resolves when the program has ended for good after `close()`: no process
   * holds a copy of the link any more, and runs that were under way are over.
   * Does not block. Asking the kernel needs CAP_SYS_ADMIN, and Linux 5.8; of
   * kprobes, uprobes and tracepoints 5.15.
   *
   * @returns Whether that is certain; false where the kernel may not be asked.
   * @throws {BpfError} `ERR_STATE` when the link is not closed, or pinned,
   *   `ERR_TIMEOUT`.
   */
  async detached(options: DetachedOptions = {}): Promise<boolean> {
    if (!this.#closed || this.#pinPath !== undefined) {
      const problem = this.#closed ? 'its link is pinned' : 'its link is not closed'
      throw new BpfError('ERR_STATE', problem, {
        operation: 'wait for the end of',
        target: this.#target(),
      })
    }
    return waitUntilDetached(this.#ids, this.#target(), options)
  }

  /** As `close()`: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal What `console.log()` shows. */
  [inspect.custom](_: number, options: InspectOptions): string {
    const { program, pinPath, closed } = this
    const shown = { ...(program && { program: program.name }), ...(pinPath && { pinPath }), closed }
    return `BpfLink ${inspect(shown, options)}`
  }

  /** @internal Of what is to be waited for after it was closed; 0 for one that is not known. */
  get ids(): readonly number[] {
    return this.#pinPath === undefined ? this.#ids : []
  }

  /** @internal There is nothing to wait for. */
  get isOver(): boolean {
    return this.#closed && this.ids.every((id) => id === 0 || isGone(id))
  }

  #target(): string {
    const program = this.#program
    return program === undefined ? this.#name : `program "${program.name}"`
  }

  #ownTarget(): string {
    return this.#program === undefined ? this.#name : `the link of ${this.#target()}`
  }

  #open(operation: string): NativeLink {
    if (this.#closed) throw closed(operation, this.#ownTarget())
    return this.#native
  }

  #checked(operation: string, result: number): number {
    if (result < 0) throw this.#failure(operation, result)
    return result
  }

  /** Whether links of this kind cannot be updated, or not with a program. */
  #keepsProgram(): boolean {
    const info = this.#native.info()
    // Of what is no link of the kernel's, the program says it.
    const kind = typeof info === 'number' ? typeOf(this.#program) : decodeLinkInfo(info).type
    return kind === undefined || keepers.has(kind)
  }

  #wrongProgram(to: NamedProgram): Error {
    const [own, other] = [typeOf(this.#program), typeOf(to)]
    if (own !== undefined && other !== undefined && own !== other) {
      const given = `program "${to.name}" of type ${other}`
      return invalidType(`a program of type ${own}`, `update() of ${this.#ownTarget()}`, given)
    }
    return new BpfError('ERR_KERNEL', 'the kernel does not take this program for it', {
      operation: 'update',
      target: this.#ownTarget(),
      hint: 'It has to be of the type, and for the kind of place, that the present program is',
    })
  }

  #failure(operation: string, errno: number): BpfError {
    const target = this.#ownTarget()
    const ENOLINK = -67
    if (errno === ENOLINK) {
      return new BpfError('ERR_STATE', 'it is detached', { operation, target, errno })
    }
    const EINVAL = -22
    const EOPNOTSUPP = -95
    if (errno !== EINVAL && errno !== EOPNOTSUPP) return failure(operation, target, errno)
    const hint = {
      use: notOne,
      pin: notOne,
      'ask about': notOne,
      update:
        'Links of this kind keep their program: attach the other one, and close() this; of struct_ops both maps have to be in ".struct_ops.link"',
      detach: 'Links of this kind end with the last who has them: close() it, unpin() it before',
    }[operation]
    return new BpfError('ERR_UNSUPPORTED', 'this kind of link cannot', {
      operation,
      target,
      errno,
      hint,
    })
  }
}
