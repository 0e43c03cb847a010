// Maps of type struct_ops have one entry, which the kernel uses while they are attached.
import { BpfError, outOfRange } from '../errors/errors.js'
import type { KernelMap } from './kernel-map.js'

const ENOENT = -2
const EOPNOTSUPP = -95
const EINPROGRESS = -115

/**
 * Takes a map out of the kernel's use: also what a process left behind that has ended.
 *
 * @returns Whether it was in use.
 * @throws {BpfError} `ERR_STATE` for one of `.struct_ops.link`, which ends with its link.
 */
export function unregister(map: KernelMap, key: unknown): boolean {
  if (key !== 0) throw outOfRange('0, its only key,', `the key of ${map.target}`, key)
  const operation = 'delete from'
  const native = map.handle(operation)
  map.memory.u8.fill(0, map.keyAt, map.keyAt + 4)
  const result = native.delete(map.keyAt)
  if (result === 0) return true
  if (result === ENOENT || result === EINPROGRESS) return false
  if (result !== EOPNOTSUPP) throw map.failure(operation, result)
  throw new BpfError('ERR_STATE', 'it is in use as long as its link is', {
    operation,
    target: map.target,
    errno: result,
    hint: 'Close the link, or detach() one that was found by its id or pin',
  })
}
