// Files that a command reads and writes.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { BpfError, type BpfErrorCode, describeErrno } from '../errors/errors.js'

/** @throws {BpfError} `ERR_FILE_NOT_FOUND`, `ERR_PERMISSION`, `ERR_KERNEL` */
export function readBytes(path: string): Buffer {
  return onFile('read', path, () => readFileSync(path))
}

/**
 * Writes a file in one step: whoever reads it meanwhile has the old one or the
 * new one. Makes its folder.
 */
export function writeWhole(path: string, contents: string | Uint8Array): void {
  const part = `${path}.${process.pid}.part`
  onFile('write', path, () => {
    mkdirSync(dirname(path), { recursive: true })
    try {
      writeFileSync(part, contents)
      renameSync(part, path)
    } catch (error) {
      rmSync(part, { force: true })
      throw error
    }
  })
}

const codes: Partial<Record<string, BpfErrorCode>> = {
  ENOENT: 'ERR_FILE_NOT_FOUND',
  EACCES: 'ERR_PERMISSION',
  EPERM: 'ERR_PERMISSION',
  EROFS: 'ERR_PERMISSION',
  EEXIST: 'ERR_EXISTS',
}

/** Runs what may fail at a file; the system's error is then a {@link BpfError}. */
export function onFile<T>(operation: string, target: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    const { code, errno } = cause as NodeJS.ErrnoException
    if (code === undefined || errno === undefined) throw cause
    const problem = describeErrno(errno)
    throw new BpfError(codes[code] ?? 'ERR_KERNEL', problem, { operation, target, errno, cause })
  }
}
