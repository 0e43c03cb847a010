import { addon } from '../addon/addon.js'
import { checkInteger, checkOptions, invalidType, outOfRange } from '../errors/errors.js'
import { KernelSymbols } from './kernel-symbols.js'
import { toNumber } from './symbol-table.js'
import { UserSymbols } from './user-symbols.js'

/** Options of a {@link Symbolizer}. */
export interface SymbolizerOptions {
  /**
   * How much memory the symbols of processes may take, in bytes; 128 MiB by
   * default, 16 MiB at least. What was used longest ago goes first. A file whose
   * symbols need more than a quarter of it, or a JIT's list, has no names. The kernel's
   * symbols, about 6 MB, come on top.
   */
  maxBytes?: number | undefined
}

/** An address, and what is known of it: a property is `undefined` when that is not. */
export interface Frame {
  /** As it stands in the stack. */
  address: bigint
  /** The function, as the file, the kernel or the JIT compiler calls it. */
  name: string | undefined
  /** A C++ function as C++ has it, with its parameters; `undefined` for others. */
  demangled: string | undefined
  /** How far behind the function's beginning the address is, in bytes. */
  offset: number | undefined
  /**
   * In the kernel the module, `bpf` for BPF programs, nothing for the kernel itself.
   * In a process the path of the file, or what stands in the place of one in
   * /proc/PID/maps, such as `[vdso]`. Nothing for code that was made at run time.
   */
  module: string | undefined
  /** The address within that file, as `addr2line -e FILE` takes it. */
  fileAddress: bigint | undefined
}

const smallestMaxBytes = 16 << 20
const defaultMaxBytes = 128 << 20

/**
 * Tells which functions the addresses of stacks belong to: those of the kernel, its
 * modules and BPF programs, by /proc/kallsyms; those of processes, by the symbols of
 * their ELF files, also in containers and when the file was replaced, or of the
 * separate debug file; and code that was made at run time, by /tmp/perf-PID.map,
 * which for example `node --perf-basic-prof` writes.
 *
 * A stack is what `bpf_get_stack()` or a map of stack traces has: its first address
 * was being executed, the others are where functions will return to. Therefore the
 * others are looked up one byte before, at the call. A zero ends a stack.
 *
 * It blocks: the first look into the kernel's symbols takes some 100 ms, into a file
 * some milliseconds, with 100,000 symbols some 100 ms, and after that an address
 * takes microseconds. Files on a file system that does not answer block it for as
 * long. It holds memory, but no descriptors: there is nothing to close. A process is
 * read again after a second, or when an address is not in it: for that, 5 % of the time
 * is spent at most, and in between such addresses have no names.
 *
 * @example
 * const symbolizer = new Symbolizer()
 * for (const { address, name, demangled, module } of symbolizer.user(pid, stack)) {
 *   console.log(demangled ?? name ?? `0x${address.toString(16)}`, module)
 * }
 */
export class Symbolizer {
  readonly #kernel = new KernelSymbols()
  readonly #user: UserSymbols

  /**
   * Reads nothing yet.
   *
   * @throws {TypeError | RangeError} for wrong options.
   */
  constructor(options: SymbolizerOptions = {}) {
    checkOptions(options, ['maxBytes'])
    const { maxBytes = defaultMaxBytes } = options
    checkInteger(maxBytes, 'maxBytes', smallestMaxBytes, Number.MAX_SAFE_INTEGER)
    this.#user = new UserSymbols(maxBytes)
  }

  /** How much memory the symbols take that it keeps, in bytes, the kernel's included. */
  get bytes(): number {
    return this.#kernel.bytes + this.#user.bytes
  }

  /**
   * The frames of a stack of the kernel. Modules and BPF programs that were loaded
   * since the last call are found; where that happens all the time, reading the list
   * again takes 5 % of the time, and in between modules and programs have no names.
   *
   * @throws {BpfError} `ERR_PERMISSION` when the kernel shows no addresses: it needs
   *   CAP_SYSLOG and kernel.kptr_restrict below 2, or kernel.kptr_restrict 0 and
   *   kernel.perf_event_paranoid below 2. `ERR_UNSUPPORTED` without /proc/kallsyms.
   * @throws {TypeError | RangeError} for what are no addresses.
   */
  kernel(addresses: Iterable<bigint>): Frame[] {
    const stack = checkStack(addresses)
    if (stack.length === 0) return []
    const lookup = this.#kernel.lookup()
    return stack.map((address, i) => {
      const at = toNumber(address)
      const { place } = look(i, at, lookup, (found) => found !== undefined)
      return {
        address,
        name: place?.name,
        demangled: undefined,
        offset: place && at - place.start,
        module: place?.module,
        fileAddress: undefined,
      }
    })
  }

  /**
   * Where the kernel's symbols of this name are, functions and data: several, when
   * more than one file of it has a static one of this name, and none when there is no
   * such symbol.
   *
   * @throws {BpfError} as `kernel()` does.
   */
  kernelAddresses(name: string): bigint[] {
    if (typeof name !== 'string') throw invalidType('a string', 'name', name)
    return this.#kernel.startsOf(name).map((start) => BigInt.asUintN(64, BigInt(start)))
  }

  /**
   * The frames of a stack of a process.
   *
   * Of a process that has ended, what was read of it before is used: a call with an
   * empty stack while it runs reads that. Without, its frames have addresses only,
   * and the names of its JIT compiler where /tmp/perf-PID.map is still there.
   *
   * @param pid The process, or a thread of it, as this process sees it in /proc:
   *   where that is mounted for another pid namespace than BPF programs have,
   *   `bpf_get_ns_current_pid_tgid()` gives it.
   * @throws {BpfError} `ERR_PERMISSION` when the process may not be looked at: those of
   *   other users need CAP_SYS_PTRACE. Their files need CAP_SYS_ADMIN or
   *   CAP_CHECKPOINT_RESTORE when they were replaced.
   * @throws {TypeError | RangeError} for what is no process or are no addresses.
   */
  user(pid: number, addresses: Iterable<bigint>): Frame[] {
    checkInteger(pid, 'pid', 1, 2 ** 31 - 1)
    const stack = checkStack(addresses)
    const lookup = this.#user.lookup(pid)
    return stack.map((address, i) => {
      const at = toNumber(address)
      const { place, skipped } = look(i, at, lookup, ({ found }) => found !== undefined)
      const { path, found } = place
      const fileAddress = place.fileAddress && place.fileAddress + skipped
      // Without the version that the linker may append: memcpy@@GLIBC_2.14.
      const name = fileAddress === undefined ? found?.name : found?.name.replace(/(?<=.)@.*$/s, '')
      return {
        address,
        name,
        demangled: name?.startsWith('_Z') === true ? addon().demangle(name) : undefined,
        offset: found && (fileAddress ?? at) - found.start,
        module: path,
        fileAddress: fileAddress === undefined ? undefined : BigInt(fileAddress),
      }
    })
  }
}

/**
 * Looks up an address of a stack. Where a function will return to may be the
 * beginning of the next one, when the call was the last that it did.
 */
function look<Place>(
  index: number,
  at: number,
  lookup: (address: number) => Place,
  isFound: (place: Place) => boolean,
): { place: Place; skipped: number } {
  if (index > 0) {
    const place = lookup(at - 1)
    // The kernel lets signal handlers return to where nothing has called.
    if (isFound(place)) return { place, skipped: 1 }
  }
  return { place: lookup(at), skipped: 0 }
}

/** The addresses before the first zero. */
function checkStack(addresses: unknown): bigint[] {
  const iterable = addresses as Iterable<unknown> | null | undefined
  if (typeof iterable?.[Symbol.iterator] !== 'function') {
    throw invalidType('an iterable of bigints', 'addresses', addresses)
  }
  const stack: bigint[] = []
  let hasEnded = false
  for (const address of iterable) {
    const what = `addresses[${stack.length}]`
    if (typeof address !== 'bigint') throw invalidType('a bigint', what, address)
    if (address !== BigInt.asUintN(64, address)) {
      throw outOfRange('an address of 64 bits', what, address)
    }
    hasEnded ||= address === 0n
    if (!hasEnded) stack.push(address)
  }
  return stack
}
