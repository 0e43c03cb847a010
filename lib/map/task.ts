import { closeSync } from 'node:fs'
import { addon } from '../addon/addon.js'
import { BpfError, checkInteger, closed } from '../errors/errors.js'
import { failure } from '../machine/failure.js'

const ESRCH = -3

/**
 * A descriptor of a process, as task storage takes it for a key. Linux 5.3.
 *
 * @example
 * ```ts
 * using task = TaskDescriptor.open(process.pid)
 * object.map('tasks', { key: i32, value: u64 }).get(task.fd)
 * ```
 */
export class TaskDescriptor {
  #fd: number

  private constructor(fd: number) {
    this.#fd = fd
  }

  /**
   * Opens that of a process, by its number in this PID namespace.
   *
   * @throws {BpfError} `ERR_NOT_FOUND` when there is no such process, `ERR_KERNEL`.
   */
  static open(pid: number): TaskDescriptor {
    checkInteger(pid, 'pid', 1, 2 ** 31 - 1)
    const fd = addon().openTask(pid)
    if (fd >= 0) return new TaskDescriptor(fd)
    const target = `process ${String(pid)}`
    if (fd !== ESRCH) throw failure('open', target, fd)
    throw new BpfError('ERR_NOT_FOUND', 'there is no such process', {
      operation: 'open',
      target,
      errno: fd,
    })
  }

  /** @throws {BpfError} `ERR_CLOSED` */
  get fd(): number {
    if (this.#fd < 0) throw closed('use', 'a task descriptor')
    return this.#fd
  }

  /** Idempotent, never throws. */
  close(): void {
    if (this.#fd < 0) return
    closeSync(this.#fd)
    this.#fd = -1
  }

  /** As `close()`: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }
}
