// The kernel's own BTF, read once for a process.
import { readFileSync } from 'node:fs'
import { BpfError, describeErrno, invalidType } from '../errors/errors.js'
import { trust } from './trusted.js'

const directory = '/sys/kernel/btf'

/** By class and name. What nobody holds any more is collected. */
const known = new WeakMap<object, Map<string, WeakRef<object>>>()

/** @internal */
export function openKernelBtf<T extends object>(
  Btf: new (data: Uint8Array, options?: { base?: T | undefined }) => T,
  module?: string,
): T {
  // As when it was taken out of its class.
  if (typeof Btf !== 'function') throw invalidType('Btf', 'this of Btf.kernel()', Btf)
  if (module === undefined) return open(Btf, 'vmlinux')
  // The kernel writes every dash as an underscore.
  if (typeof module !== 'string' || !/^[\w-]+$/.test(module)) {
    throw invalidType('the name of a module', 'the name of a kernel module', module)
  }
  return open(Btf, module.replaceAll('-', '_'), open(Btf, 'vmlinux'))
}

function open<T extends object>(
  Btf: new (data: Uint8Array, options?: { base?: T | undefined }) => T,
  name: string,
  base?: T,
): T {
  let ofClass = known.get(Btf)
  if (ofClass === undefined) known.set(Btf, (ofClass = new Map<string, WeakRef<object>>()))
  const found = ofClass.get(name)?.deref() as T | undefined
  if (found !== undefined) return found
  const opened = new Btf(trust(readKernelBtf(name)), { base })
  ofClass.set(name, new WeakRef(opened))
  return opened
}

/**
 * The data of the kernel, `vmlinux`, or of a module.
 *
 * @throws {BpfError} `ERR_UNSUPPORTED`, `ERR_NOT_FOUND`, `ERR_PERMISSION`, `ERR_KERNEL`
 */
export function readKernelBtf(name: string): Buffer {
  try {
    return readFileSync(`${directory}/${name}`)
  } catch (error) {
    const { code, errno } = error as NodeJS.ErrnoException
    const details = { operation: 'read', target: `${directory}/${name}`, errno, cause: error }
    if (code === 'EACCES' || code === 'EPERM') {
      throw new BpfError('ERR_PERMISSION', 'permission denied', details)
    }
    if (code !== 'ENOENT') throw new BpfError('ERR_KERNEL', describeErrno(Number(errno)), details)
    if (name === 'vmlinux') {
      const hint = 'It takes a kernel that was configured with CONFIG_DEBUG_INFO_BTF'
      throw new BpfError('ERR_UNSUPPORTED', 'the kernel has no BTF', { ...details, hint })
    }
    const hint =
      `"modprobe ${name}" loads it, lsmod lists those that are loaded; what is compiled into ` +
      'the kernel is in vmlinux; modules have BTF since Linux 5.11, with CONFIG_DEBUG_INFO_BTF_MODULES'
    throw new BpfError('ERR_NOT_FOUND', 'no such module is loaded, or it has no BTF', {
      ...details,
      hint,
    })
  }
}
