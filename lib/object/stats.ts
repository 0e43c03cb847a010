// The kernel's statistics of programs.
import { addon } from '../addon/addon.js'
import type { NativeDescriptor } from '../addon/descriptor.js'
import { failure } from '../machine/failure.js'

/** As long as it is open the kernel counts and times the runs of all programs. */
export class RunStats {
  readonly #descriptor: NativeDescriptor

  /** @internal */
  constructor(descriptor: NativeDescriptor) {
    this.#descriptor = descriptor
  }

  /** Idempotent, never throws. */
  close(): void {
    this.#descriptor.close()
  }

  /** As `close()`: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }
}

/**
 * Has the kernel count and time the runs of all programs of the machine, some
 * nanoseconds a run, until the result is closed: see `BpfProgram.info()`. Somebody
 * else, or the sysctl kernel.bpf_stats_enabled, may do so as well. Linux 5.8,
 * CAP_SYS_ADMIN.
 *
 * @throws {BpfError} `ERR_PERMISSION`, `ERR_UNSUPPORTED`.
 * @example
 * ```ts
 * using stats = enableStats()
 * ```
 */
export function enableStats(): RunStats {
  const descriptor = addon().enableStats()
  if (typeof descriptor !== 'number') return new RunStats(descriptor)
  throw failure('enable', 'the statistics of programs', descriptor, {
    privilege: 'CAP_SYS_ADMIN',
    needs: { feature: 'Counting runs', kernel: [5, 8] },
  })
}
