// Files of a BPF file system: what can be wrong with one.
import { accessSync, constants, mkdirSync, statfsSync, statSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { addon } from '../addon/addon.js'
import { BpfError, type BpfErrorCode } from '../errors/errors.js'
import { failure } from './failure.js'

const EPERM = -1
const ENOENT = -2
const EACCES = -13
const EEXIST = -17
const EINVAL = -22

/** BPF_FS_MAGIC, linux/magic.h */
const bpfFsMagic = 0xcafe4a11

const mountHint = 'Mount one: mount -t bpf bpf /sys/fs/bpf'

/** What it means that the kernel does not take it. */
export interface Refusal {
  readonly code: BpfErrorCode
  readonly problem: string
  readonly hint?: string
}

/**
 * The error for what could not be pinned at a path, or opened there.
 *
 * @param target What was to be pinned, or where it is.
 * @param refusal Of what EINVAL says, where the path is one for pins.
 */
export function pinFailure(
  operation: 'pin' | 'open',
  target: string,
  path: string,
  errno: number,
  refusal?: () => Refusal,
): BpfError {
  const details = { operation, target, errno }
  const isNew = operation === 'pin'
  const place = isNew ? existing(dirname(path)) : path
  if (isNew && [ENOENT, EPERM, EACCES, EINVAL].includes(errno) && isOnBpfFs(place) === false) {
    return noBpfFs(operation, target, dirname(path), errno)
  }
  switch (errno) {
    case ENOENT:
      return isNew
        ? new BpfError('ERR_FILE_NOT_FOUND', `there is no directory for ${path}`, details)
        : new BpfError('ERR_FILE_NOT_FOUND', 'nothing is pinned there', details)
    case EEXIST:
      return new BpfError('ERR_EXISTS', `${path} exists already`, details)
    case EPERM:
    case EACCES:
    case EINVAL: {
      const dotted = dottedName(operation, target, path, errno)
      if (dotted !== undefined) return dotted
      if (isOnBpfFs(place) === false) {
        return new BpfError('ERR_FILE_NOT_FOUND', 'it is a file of no BPF file system', details)
      }
      if (errno === EINVAL && refusal !== undefined) {
        const { code, problem, hint } = refusal()
        return new BpfError(code, problem, { ...details, hint })
      }
      if (!isNew && isDirectory(place)) {
        return new BpfError('ERR_FILE_NOT_FOUND', 'it is a directory', details)
      }
      if (errno === EINVAL || isAccessible(place, isNew)) break
      return new BpfError(
        'ERR_PERMISSION',
        `the mode of ${place}, or of a directory above it, forbids it`,
        {
          ...details,
          hint: 'What is in a BPF file system is open to its owner alone: run as that user, or have the owner change modes with chmod',
        },
      )
    }
  }
  return failure(operation, target.includes(path) ? target : `${target} at ${path}`, errno)
}

/** The error for a path with a name that no BPF file system takes: EPERM says so, of root too. */
export function dottedName(
  operation: string,
  target: string,
  path: string,
  errno: number,
): BpfError | undefined {
  const above = existing(path)
  const [name = ''] = relative(above, path).split('/')
  if (errno !== EPERM || !name.includes('.') || isOnBpfFs(above) !== true) return undefined
  const problem = `a BPF file system takes no name with a dot, and ${path} has "${name}"`
  return new BpfError('ERR_FILE_NOT_FOUND', problem, { operation, target, errno })
}

/** What a pin is, by which it could not be opened as something else. */
export function whatIsPinned(
  path: string,
  wanted: 'map' | 'link',
): Pick<Refusal, 'problem' | 'hint'> {
  const other = wanted === 'map' ? addon().openLink(path) : addon().mapFromPin(path)
  if (typeof other === 'number') return { problem: `what is pinned there is no ${wanted}` }
  other.close()
  return wanted === 'map'
    ? { problem: 'a link is pinned there and no map', hint: 'Open it by BpfLink.fromPin()' }
    : { problem: 'a map is pinned there and no link', hint: 'Open it by BpfMap.fromPin()' }
}

/** The error for a directory that is in no BPF file system. */
export function noBpfFs(
  operation: string,
  target: string,
  directory: string,
  errno?: number,
): BpfError {
  return new BpfError('ERR_STATE', `${directory} is in no BPF file system`, {
    operation,
    target,
    errno,
    hint: mountHint,
  })
}

/** Makes a directory, with those above it, in a BPF file system alone. What uses it says what failed. */
export function makePinDirectory(directory: string): void {
  const above = existing(directory)
  if (above === directory || isOnBpfFs(above) !== true) return
  try {
    mkdirSync(directory, { recursive: true })
  } catch {
    // As said.
  }
}

/** The directory, or the nearest above it that can be seen. */
function existing(directory: string): string {
  while (isOnBpfFs(directory) === undefined && dirname(directory) !== directory) {
    directory = dirname(directory)
  }
  return directory
}

/** Nothing when that cannot be told. */
function isOnBpfFs(path: string): boolean | undefined {
  try {
    // Signed on some machines.
    return statfsSync(path).type >>> 0 === bpfFsMagic
  } catch {
    return undefined
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function isAccessible(path: string, isDirectory: boolean): boolean {
  try {
    accessSync(
      path,
      isDirectory ? constants.W_OK | constants.X_OK : constants.R_OK | constants.W_OK,
    )
    return true
  } catch {
    return false
  }
}
