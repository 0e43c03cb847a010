import { BpfError, checkFlags, checkInteger, describeErrno, invalidType } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import { lsmProblem } from '../machine/diagnose.js'
import { type AttachTarget, attachTo } from '../link/attach.js'
import type { IterTarget } from '../link/iter.js'
import { Iteration, lineSplitter, recordSplitter } from '../link/iteration.js'
import { checkText, descriptorOf } from '../link/kind.js'
import { BpfLink } from '../link/link.js'
import {
  type AttachType,
  attachTypes,
  flagsOf,
  nameOf,
  numberOf,
  type ProgramFlag,
  programFlagBits,
  type ProgramType,
  programTypes,
} from '../link/program-types.js'
import { checkLayout, type Described } from '../types/layout.js'
import { array, checkType, type Type } from '../types/struct.js'
import type { Session } from '../addon/session.js'
import type { NativeLink } from '../addon/link.js'
import type { NativeProgram } from '../addon/program.js'
import { decodeProgramInfo, type ProgramInfo } from './program-info.js'
import { runProblem, type TestRun, testRun, type TestRunOptions } from './test-run.js'

type Adopt = (link: BpfLink<BpfProgram>) => void

const defaultLogBytes = 1 << 20
const largestLogBytes = 1 << 26

/** What a program of a type may be attached to, where its section need not say it. */
const exampleTargets: Readonly<Record<string, string>> = {
  kprobe: '{ kprobe: { symbol: "vfs_read" } }',
  sched_cls: '{ tcx: { interface: "eth0", direction: "ingress" } }',
  xdp: '{ xdp: { interface: "eth0" } }',
  perf_event: '{ perfEvent: { type: "cpu-clock", hz: 99 } }',
  tracepoint: '{ tracepoint: { category: "sched", name: "sched_switch" } }',
  raw_tracepoint: '{ rawTracepoint: { name: "sched_switch" } }',
  socket_filter: '{ socket: fd }',
  sk_reuseport: '{ reuseport: fd }',
  sk_lookup: '{ netns: "/proc/self/ns/net" }',
  flow_dissector: '{ netns: "/proc/self/ns/net" }',
  sk_msg: '{ sockmap: map }',
  sk_skb: '{ sockmap: map }',
  netfilter: '{ netfilter: { family: "ipv4", hook: "output", priority: 0 } }',
}

/** One program of an object. Valid as long as the object is open. */
export class BpfProgram {
  /** Its name in C. */
  readonly name: string
  /** Its ELF section, such as `tp_btf/sched_process_exec`. */
  readonly section: string
  readonly #session: Session
  readonly #native: NativeProgram
  readonly #object: Described
  readonly #adopt: Adopt
  #logLevel = 0
  #logBytes = 0

  private constructor(session: Session, native: NativeProgram, object: Described, adopt: Adopt) {
    this.#session = session
    this.#object = object
    this.#adopt = adopt
    this.name = native.name()
    this.section = native.section()
    this.#native = native
  }

  /**
   * @internal
   * @param object Its types.
   * @param adopt Makes a new link the object's.
   */
  static ofObject(
    session: Session,
    native: NativeProgram,
    object: Described,
    adopt: Adopt,
  ): BpfProgram {
    return new BpfProgram(session, native, object, adopt)
  }

  /**
   * Whether `object.load()` loads it. Setting it is possible until then.
   *
   * @throws {BpfError} `ERR_STATE` after load.
   */
  get autoload(): boolean {
    return this.#read(() => this.#native.autoload())
  }

  set autoload(autoload: boolean) {
    this.#checkBoolean(autoload, 'autoload')
    this.#configure(() => this.#native.setAutoload(autoload))
  }

  /** Whether `object.attach()` attaches it. Can be set at any time. */
  get autoattach(): boolean {
    return this.#read(() => this.#native.autoattach())
  }

  set autoattach(autoattach: boolean) {
    this.#checkBoolean(autoattach, 'autoattach')
    this.#session.checkOpen('configure', this.#target())
    this.#checked('configure', this.#native.setAutoattach(autoattach))
  }

  /**
   * What it is, by its section unless that says nothing. Setting it is possible
   * until `load()`.
   *
   * @throws {BpfError} `ERR_STATE` after load.
   */
  get type(): ProgramType {
    return this.#read(() => nameOf('program', this.#native.type()))
  }

  set type(type: ProgramType) {
    const number = numberOf('program', type)
    if (number === undefined) {
      throw invalidType(`one of ${programTypes.join(', ')}`, this.#what('type'), type)
    }
    this.#configure(() => this.#native.setType(number))
  }

  /**
   * Where the kernel lets it be attached, by its section unless that says nothing;
   * of types that have no choice it means nothing. Setting it is possible until
   * `load()`.
   *
   * @throws {BpfError} `ERR_STATE` after load.
   */
  get expectedAttachType(): AttachType {
    return this.#read(() => nameOf('attach', this.#native.expectedAttachType()))
  }

  set expectedAttachType(type: AttachType) {
    const number = numberOf('attach', type)
    if (number === undefined) {
      throw invalidType(`one of ${attachTypes.join(', ')}`, this.#what('expectedAttachType'), type)
    }
    this.#configure(() => this.#native.setExpectedAttachType(number))
  }

  /**
   * How it is loaded, `BPF_F_*`: `sleepable`, `xdp_has_frags`, … Setting them is
   * possible until `load()`, and sets those and no others.
   *
   * @throws {BpfError} `ERR_STATE` after load.
   */
  get flags(): readonly ProgramFlag[] {
    return this.#read(() => flagsOf(this.#native.flags()))
  }

  set flags(flags: readonly ProgramFlag[]) {
    const bits = checkFlags(flags, this.#what('flags'), programFlagBits)
    this.#configure(() => this.#native.setFlags(bits))
  }

  /**
   * How much the verifier writes to {@link verifierLog} also when it accepts the
   * program: 0, the default, nothing, 1 its result, 2 each instruction, 4 only
   * statistics. Setting it is possible until `load()`.
   *
   * @throws {BpfError} `ERR_STATE` after load.
   */
  get logLevel(): number {
    return this.#read(() => this.#logLevel)
  }

  set logLevel(level: number) {
    checkInteger(level, this.#what('logLevel'), 0, 7)
    this.#setLog(level, level === 0 ? 0 : this.#logBytes || defaultLogBytes)
  }

  /**
   * Room for {@link verifierLog}, in bytes. Default 1 MiB with a
   * {@link logLevel}, otherwise 0. Loading fails with ENOSPC when it is too small.
   * Setting it is possible until `load()`.
   *
   * @throws {BpfError} `ERR_STATE` after load.
   */
  get logBytes(): number {
    return this.#read(() => this.#logBytes)
  }

  set logBytes(sizeBytes: number) {
    checkInteger(sizeBytes, this.#what('logBytes'), 0, largestLogBytes)
    this.#setLog(this.#logLevel, sizeBytes)
  }

  /**
   * What the verifier wrote about it, with a {@link logLevel}. When it rejects a
   * program, the error of `load()` has that in any case.
   *
   * @throws {BpfError} `ERR_CLOSED`.
   */
  get verifierLog(): string {
    return this.#read(() => this.#native.verifierLog())
  }

  /**
   * Sets where a `tp_btf`, `fentry`, `fexit`, `fmod_ret`, `lsm` or `freplace`
   * program is to be attached, in the place of what its section says. Possible
   * until `load()`.
   *
   * @param name A tracepoint, or a function of the kernel; with `program` a function
   *   of that program.
   * @param program One that is loaded, of another object.
   * @throws {BpfError} `ERR_STATE` after load, or when `program` is not loaded;
   *   `ERR_NOT_FOUND` when there is no such function, `ERR_UNSUPPORTED` when the
   *   kernel has no BTF.
   */
  setAttachTarget(name: string, program?: BpfProgram): void {
    checkText(name, 'the name of a target')
    this.#session.checkPhase('configure', this.#target(), 'open')
    const fd = program === undefined ? 0 : descriptorOf(program, 'BpfProgram', 'program')
    const result = this.#native.setAttachTarget(fd, name)
    const [ENOENT, ESRCH] = [-2, -3]
    if (result === ENOENT || result === ESRCH) {
      throw new BpfError('ERR_NOT_FOUND', `there is no such function or tracepoint: ${name}`, {
        operation: 'configure',
        target: this.#target(),
        errno: result,
      })
    }
    this.#checked('configure', result)
  }

  /**
   * The descriptor, owned by the object.
   *
   * @throws {BpfError} `ERR_STATE` before load, `ERR_CLOSED`.
   */
  get fd(): number {
    this.#checkLoaded('use')
    return this.#native.fd()
  }

  /**
   * What the kernel says of it.
   *
   * @throws {BpfError} `ERR_STATE` before load, `ERR_CLOSED`, `ERR_KERNEL`.
   */
  info(): ProgramInfo {
    this.#checkLoaded('ask about')
    const bytes = this.#native.info()
    if (typeof bytes === 'number') throw failure('ask about', this.#target(), bytes)
    return decodeProgramInfo(bytes)
  }

  /**
   * Attaches this program where its section or {@link setAttachTarget} says,
   * `bpf_program__attach()`, or to a target; once more if it is attached already.
   * The object's `close()` closes the link too. Blocks for the system call.
   *
   * @throws {TypeError} when the target is not exactly one that there is, or not
   *   for programs of this type.
   * @throws {BpfError} `ERR_STATE` before load, `ERR_UNSUPPORTED` when the
   *   section does not say where to attach or the kernel or libbpf lacks it,
   *   `ERR_NOT_FOUND` and `ERR_FILE_NOT_FOUND` of a symbol, interface, process and
   *   file that it names, `ERR_EXISTS` and `ERR_BUSY` when another program is there,
   *   `ERR_PERMISSION`, `ERR_KERNEL`.
   * @example
   * ```ts
   * program.attach({ uprobe: { path: 'libssl.so.3', symbol: 'SSL_write' } })
   * program.attach({ perfEvent: { type: 'cpu-clock', hz: 99 } })
   * ```
   */
  attach(target?: AttachTarget): BpfLink<BpfProgram> {
    if (target !== undefined) {
      this.#checkLoaded('attach')
      return this.#link(attachTo(this.#native, this.#described(), target))
    }
    const link = this.autoAttach()
    if (link !== undefined) return link
    const isCalled = this.type === 'syscall'
    throw new BpfError(
      'ERR_UNSUPPORTED',
      isCalled ? 'programs of its kind are called' : 'its section alone does not say where',
      {
        operation: 'attach',
        target: this.#described(),
        hint: isCalled
          ? 'Run it: testRun()'
          : `Give a target, such as attach(${exampleTargets[this.type] ?? '{ cgroup: "/sys/fs/cgroup" }'}); a section such as "tp_btf/sched_process_exec" says it`,
      },
    )
  }

  /**
   * Attaches unless libbpf knows no place for the section, as of `socket` or
   * `cgroup_skb/egress`.
   *
   * @internal
   */
  autoAttach(): BpfLink<BpfProgram> | undefined {
    this.#checkLoaded('attach')
    const target = this.#described()
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
    return this.#link(native)
  }

  /** @internal It runs when somebody reads what it writes. */
  get isIterator(): boolean {
    return this.#native.expectedAttachType() === numberOf('attach', 'trace_iter')
  }

  /**
   * Reads what an iterator writes: lines of text, or records of a type. Nothing
   * runs until the result is iterated, which can be done again. Linux 5.8.
   *
   * @param type Of the records, which follow each other. A struct is compared with
   *   the one of its name in the object's BTF.
   * @param target What the iterator visits, by default all there is.
   * @throws {BpfError} `ERR_STATE` before load, `ERR_UNSUPPORTED` when it is no
   *   iterator, `ERR_LAYOUT` when the struct does not match.
   * @throws {RangeError} for a type without a size.
   * @example
   * ```ts
   * for await (const line of program.iterate()) console.log(line)
   * for (const task of program.iterate(Task, { pid })) console.log(task.comm)
   * ```
   */
  iterate(type?: undefined, target?: IterTarget): Iteration<string>
  iterate<T>(type: Type<T>, target?: IterTarget): Iteration<T>
  iterate<T>(type?: Type<T>, target: IterTarget = {}): Iteration<T> | Iteration<string> {
    if (type !== undefined) checkType(type, 'type')
    this.#checkLoaded('iterate')
    if (!this.isIterator) {
      throw new BpfError('ERR_UNSUPPORTED', 'it is no iterator', {
        operation: 'iterate',
        target: this.#described(),
        hint: 'Its section has to be such as "iter/task"',
      })
    }
    const source = {
      target: this.#target(),
      attach: () => {
        this.#checkLoaded('iterate')
        return attachTo(this.#native, this.#described(), { iter: target })
      },
      beforeClose: (callback: () => void) => this.#session.beforeClose(callback),
    }
    if (type === undefined) return new Iteration(source, () => lineSplitter(source.target))
    const splitter = recordSplitter(type)
    // Its size counts too, as others follow it.
    const { shape } = type
    for (const each of shape.kind === 'tagged' ? shape.cases.map((one) => one.type) : [type]) {
      checkLayout(array(each, 1), this.#object)
    }
    return new Iteration(source, splitter)
  }

  /**
   * Runs the program on demand, `BPF_PROG_TEST_RUN`, and blocks meanwhile: for
   * tests of BPF programs, and for `syscall` programs. Linux 5.10 for `raw_tp`,
   * 5.14 for `syscall` sections; packets on all kernels. The kernel does not run
   * those of `tp_btf`, iterators, tracepoints, probes and perf events.
   *
   * @throws {BpfError} `ERR_STATE` before load, `ERR_UNSUPPORTED`, `ERR_KERNEL`.
   */
  testRun(options: TestRunOptions = {}): TestRun {
    this.#checkLoaded('run')
    const run = testRun(this.#native, options)
    if (typeof run === 'number') {
      const [EFAULT, EOPNOTSUPP] = [-14, -95]
      const hint = runProblem(run, this.type, options)
      if (hint !== undefined) {
        const details = { operation: 'run', target: this.#target(), errno: run, hint }
        throw new BpfError('ERR_KERNEL', describeErrno(run), details)
      }
      // What bpf_prog_test_run_tracing() says of all that is no trampoline.
      const errno = run === EFAULT && this.type === 'tracing' ? EOPNOTSUPP : run
      throw failure('run', this.#target(), errno, { section: this.section })
    }
    const [returnValue, durationNs, context, data] = run
    return { returnValue, context, data, durationNs }
  }

  #link(native: NativeLink): BpfLink<BpfProgram> {
    const link = BpfLink.ofProgram<BpfProgram>(this, native)
    this.#adopt(link)
    return link
  }

  #setLog(level: number, sizeBytes: number): void {
    this.#configure(() => this.#native.setLog(level, sizeBytes))
    this.#logLevel = level
    this.#logBytes = sizeBytes
  }

  #target(): string {
    return `program "${this.name}"`
  }

  #described(): string {
    return `program "${this.name}" (section "${this.section}")`
  }

  #what(property: string): string {
    return `${property} of program "${this.name}"`
  }

  #checkBoolean(value: unknown, property: string): void {
    if (typeof value !== 'boolean') throw invalidType('a boolean', this.#what(property), value)
  }

  #read<T>(property: () => T): T {
    this.#session.checkOpen('read', this.#target())
    return property()
  }

  #configure(set: () => number): void {
    this.#session.checkPhase('configure', this.#target(), 'open')
    this.#checked('configure', set())
  }

  #checked(operation: string, result: number): void {
    if (result < 0) throw failure(operation, this.#target(), result, { section: this.section })
  }

  #checkLoaded(operation: string): void {
    this.#session.checkPhase(operation, this.#target(), 'loaded')
    if (this.autoload) return
    throw new BpfError('ERR_STATE', 'it was left out of the load, its autoload is false', {
      operation,
      target: this.#target(),
    })
  }
}
