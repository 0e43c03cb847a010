// What an object declares of a map: it can be changed until load().
import type { NativeMap } from '../addon/map.js'
import { BpfError } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import type { KernelMap } from './kernel-map.js'
import { shapeDifferences } from './shape.js'

/** @param index In what the kernel says of a map without an object. */
export function readDeclared(
  kernel: KernelMap,
  property: (declared: NativeMap) => number,
  index: number,
): number {
  const { declared, owner, target } = kernel
  if (declared === undefined || owner === undefined) return kernel.facts('read')[index] ?? 0
  owner.session.checkOpen('read', target)
  const result = property(declared)
  if (result < 0) throw failure('read', target, result)
  return result
}

export function configure(kernel: KernelMap, set: (declared: NativeMap) => number): void {
  const { declared, owner, target } = kernel
  if (declared === undefined || owner === undefined) {
    kernel.handle('configure')
    throw new BpfError('ERR_STATE', 'it is in the kernel already', {
      operation: 'configure',
      target,
    })
  }
  owner.session.checkPhase('configure', target, 'open')
  const result = set(declared)
  if (result < 0) throw failure('configure', target, result)
}

/** Uses another map in its place. */
export function reuse(
  kernel: KernelMap,
  other: { readonly name: string; readonly kernel: KernelMap; readonly fd: number },
): void {
  const { owner, target } = kernel
  owner?.session.checkPhase('configure', target, 'open')
  const differences = shapeDifferences(kernel, other.kernel)
  if (differences !== undefined) {
    throw new BpfError('ERR_LAYOUT', `map "${other.name}" has another shape: ${differences}`, {
      operation: 'configure',
      target,
    })
  }
  const { fd } = other
  configure(kernel, (declared) => declared.reuse(fd))
}
