// Maps that are in the kernel already, by what leads to them.
import { addon } from '../addon/addon.js'
import type { NativeMapHandle } from '../addon/map-handle.js'
import { BpfError, invalidType } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import { pinFailure, whatIsPinned } from '../machine/pin.js'

const ENOENT = -2
const EINVAL = -22

export function checkPath(path: unknown, what: string): asserts path is string {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return
  throw invalidType('a path', what, path)
}

/** @throws {BpfError} `ERR_FILE_NOT_FOUND`, `ERR_MAP_TYPE`, `ERR_STATE`, `ERR_PERMISSION`. */
export function openPin(path: string): NativeMapHandle {
  checkPath(path, 'path')
  const handle = addon().mapFromPin(path)
  if (typeof handle !== 'number') return handle
  throw pinFailure('open', path, path, handle, () => ({
    code: 'ERR_MAP_TYPE',
    ...whatIsPinned(path, 'map'),
  }))
}

/** @throws {BpfError} `ERR_NOT_FOUND`, `ERR_PERMISSION`. */
export function openId(id: number): NativeMapHandle {
  const handle = addon().mapFromId(id)
  if (typeof handle !== 'number') return handle
  const target = `map ${String(id)}`
  if (handle !== ENOENT) throw failure('open', target, handle, { privilege: 'CAP_SYS_ADMIN' })
  throw new BpfError('ERR_NOT_FOUND', 'the kernel has no map of this id', {
    operation: 'open',
    target,
    errno: handle,
  })
}

/** @throws {BpfError} `ERR_MAP_TYPE`, `ERR_KERNEL`. */
export function openFd(fd: number): NativeMapHandle {
  const handle = addon().mapFromFd(fd)
  if (typeof handle !== 'number') return handle
  const details = { operation: 'open', target: `descriptor ${String(fd)}`, errno: handle }
  if (handle === EINVAL) throw new BpfError('ERR_MAP_TYPE', 'it is no map', details)
  throw failure('open', details.target, handle)
}
