import { BpfError, bytesOf, invalidType } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import { lsmProblem } from '../machine/diagnose.js'
import { BpfLink } from '../link/link.js'
import type { Session } from '../addon/session.js'
import type { NativeProgram } from '../addon/program.js'

const EOPNOTSUPP = 95

/** One program of an object. Valid as long as the object is open. */
export class BpfProgram {
  /** Its name in C. */
  readonly name: string
  /** Its ELF section, such as `tp_btf/sched_process_exec`. */
  readonly section: string
  readonly #session: Session
  readonly #native: NativeProgram
  readonly #adopt: (link: BpfLink) => BpfLink

  /**
   * @internal
   * @param adopt Makes a new link the object's.
   */
  constructor(session: Session, native: NativeProgram, adopt: (link: BpfLink) => BpfLink) {
    this.#session = session
    this.#adopt = adopt
    this.name = native.name()
    this.section = native.section()
    this.#native = native
  }

  /**
   * Whether `object.load()` loads it, and `object.attach()` attaches it.
   * Setting it is possible until `load()`.
   *
   * @throws {BpfError} `ERR_STATE` after load.
   */
  get autoload(): boolean {
    this.#session.checkOpen('read', `program "${this.name}"`)
    return this.#native.autoload()
  }

  set autoload(autoload: boolean) {
    if (typeof autoload !== 'boolean') {
      throw invalidType('a boolean', `autoload of program "${this.name}"`, autoload)
    }
    this.#session.checkPhase('configure', `program "${this.name}"`, 'open')
    const result = this.#native.setAutoload(autoload)
    if (result < 0) throw failure('configure', `program "${this.name}"`, result)
  }

  /**
   * Attaches this program where its section says, `bpf_program__attach()`. The
   * object's `close()` closes the link too. Blocks for the system call.
   *
   * @throws {BpfError} `ERR_STATE` before load, `ERR_UNSUPPORTED` when the
   *   section does not say where to attach or the kernel lacks it,
   *   `ERR_PERMISSION`, `ERR_KERNEL`.
   */
  attach(): BpfLink {
    this.#checkLoaded('attach')
    const target = `program "${this.name}" (section "${this.section}")`
    const lsm = lsmProblem(this.section)
    if (lsm !== undefined) {
      const problem = 'the kernel would never run it, as BPF is none of its security modules'
      throw new BpfError(lsm.code, problem, { operation: 'attach', target, hint: lsm.hint })
    }
    const link = this.#native.attach()
    if (typeof link === 'number') {
      throw failure('attach', target, link, { section: this.section })
    }
    return this.#adopt(new BpfLink(this.name, link))
  }

  /**
   * Attaches unless the section names no place, as `socket` or `syscall` do.
   *
   * @internal
   */
  autoAttach(): BpfLink | undefined {
    if (!this.autoload) return undefined
    try {
      return this.attach()
    } catch (error) {
      // libbpf says EOPNOTSUPP for sections without a target; with a target
      // the same number comes from the kernel.
      const { errno } = error as { errno?: number }
      if (errno === EOPNOTSUPP && !this.section.includes('/')) return undefined
      throw error
    }
  }

  /**
   * Runs the program once on the calling thread, `BPF_PROG_TEST_RUN`: for tests
   * of BPF programs. Linux 5.10 for `raw_tp`, 5.14 for `syscall` sections.
   *
   * @param context The program's context; for `raw_tp` the arguments as 64-bit words.
   * @returns The program's return value, as an unsigned 32-bit number.
   * @throws {BpfError} `ERR_STATE` before load, `ERR_UNSUPPORTED`, `ERR_KERNEL`.
   */
  testRun(context?: Uint8Array): number {
    if (context !== undefined && !ArrayBuffer.isView(context)) {
      throw invalidType('a Uint8Array', 'context', context)
    }
    this.#checkLoaded('run')
    const result = this.#native.testRun(context === undefined ? undefined : bytesOf(context))
    if (result < 0) throw failure('run', `program "${this.name}"`, result)
    return result
  }

  #checkLoaded(operation: string): void {
    const target = `program "${this.name}"`
    this.#session.checkPhase(operation, target, 'loaded')
    if (this.autoload) return
    throw new BpfError('ERR_STATE', 'it was left out of the load, its autoload is false', {
      operation,
      target,
    })
  }
}
