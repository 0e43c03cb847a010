import { BpfError, bytesOf, invalidType } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import { lsmProblem } from '../machine/diagnose.js'
import { BpfLink } from '../link/link.js'
import type { Session } from '../addon/session.js'
import type { NativeProgram } from '../addon/program.js'

type Adopt = (link: BpfLink<BpfProgram>) => void

/** One program of an object. Valid as long as the object is open. */
export class BpfProgram {
  /** Its name in C. */
  readonly name: string
  /** Its ELF section, such as `tp_btf/sched_process_exec`. */
  readonly section: string
  readonly #session: Session
  readonly #native: NativeProgram
  readonly #adopt: Adopt

  /**
   * @internal
   * @param adopt Makes a new link the object's.
   */
  constructor(session: Session, native: NativeProgram, adopt: Adopt) {
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
   * The descriptor, owned by the object.
   *
   * @throws {BpfError} `ERR_STATE` before load, and when its autoload is false.
   */
  get fd(): number {
    this.#checkLoaded('use')
    return this.#native.fd()
  }

  /**
   * Attaches this program where its section says, `bpf_program__attach()`, once
   * more if it is attached already. The object's `close()` closes the link too.
   * Blocks for the system call.
   *
   * @throws {BpfError} `ERR_STATE` before load, `ERR_UNSUPPORTED` when the
   *   section does not say where to attach or the kernel lacks it,
   *   `ERR_NOT_FOUND` and `ERR_FILE_NOT_FOUND` of a symbol and a file that it
   *   names, `ERR_PERMISSION`, `ERR_KERNEL`.
   */
  attach(): BpfLink<BpfProgram> {
    const link = this.autoAttach()
    if (link !== undefined) return link
    throw new BpfError('ERR_UNSUPPORTED', 'its section alone does not say where', {
      operation: 'attach',
      target: this.#target(),
      hint: 'A section such as "tp_btf/sched_process_exec" does; cgroups, network devices and sockets have none that does',
    })
  }

  /**
   * Attaches unless libbpf knows no place for the section, as of `socket` or
   * `cgroup_skb/egress`.
   *
   * @internal
   */
  autoAttach(): BpfLink<BpfProgram> | undefined {
    this.#checkLoaded('attach')
    const target = this.#target()
    const lsm = lsmProblem(this.section)
    if (lsm !== undefined) {
      const problem = 'the kernel would never run it, as BPF is none of its security modules'
      throw new BpfError(lsm.code, problem, { operation: 'attach', target, hint: lsm.hint })
    }
    const native = this.#native.attach()
    if (native === undefined) return undefined
    if (typeof native === 'number') {
      throw failure('attach', target, native, { section: this.section })
    }
    const link = new BpfLink<BpfProgram>(this, native)
    this.#adopt(link)
    return link
  }

  /**
   * Runs the program once on the calling thread, `BPF_PROG_TEST_RUN`: for tests
   * of BPF programs. Linux 5.10 for `raw_tp`, 5.14 for `syscall` sections.
   *
   * @param context The program's context; for `raw_tp` the arguments as 64-bit
   *   words. The program gets a copy.
   * @returns The program's return value, as an unsigned 32-bit number.
   * @throws {BpfError} `ERR_STATE` before load, `ERR_UNSUPPORTED`, `ERR_KERNEL`.
   */
  testRun(context?: Uint8Array): number {
    if (context !== undefined && !ArrayBuffer.isView(context)) {
      throw invalidType('a Uint8Array', 'context', context)
    }
    this.#checkLoaded('run')
    // The kernel writes what a "syscall" program made of it back into it.
    const copy = context === undefined ? undefined : bytesOf(context).slice()
    const result = this.#native.testRun(copy)
    if (result < 0)
      throw failure('run', `program "${this.name}"`, result, { section: this.section })
    return result
  }

  #target(): string {
    return `program "${this.name}" (section "${this.section}")`
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
