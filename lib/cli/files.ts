// Files that a command reads and writes.
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { BpfError, type BpfErrorCode, describeErrno } from '../errors/errors.js'

/** @throws {BpfError} As `readBytes()`. */
export function makeTemporaryFolder(): string {
  return onFile('make', `a temporary folder in ${tmpdir()} (TMPDIR)`, () =>
    mkdtempSync(join(tmpdir(), 'bpf-ringbuf-')),
  )
}

/** @throws {BpfError} `ERR_FILE_NOT_FOUND`, `ERR_PERMISSION`, `ERR_KERNEL` */
export function readBytes(path: string): Buffer {
  return onFile('read', path, () => readFileSync(path))
}

/**
 * Writes a file in one step: whoever reads it meanwhile has the old one or the
 * new one. Makes its folder. What is no file, such as /dev/null, is written to.
 */
export function writeWhole(path: string, contents: string | Uint8Array): void {
  onFile('write', path, () => {
    const there = statSync(path, { throwIfNoEntry: false })
    if (there !== undefined && !there.isFile()) {
      writeFileSync(path, contents)
      return
    }
    mkdirSync(dirname(path), { recursive: true })
    const place = there === undefined ? path : realpathSync(path) // a link stays one
    const part = `${place}.${process.pid}.part`
    try {
      writeFileSync(part, contents)
      renameSync(part, place)
    } catch (error) {
      rmSync(part, { force: true })
      throw error
    }
  })
}

/** Refuses to write over what a command reads, by whatever path. */
export function keepInputs(output: string, inputs: readonly (string | undefined)[]): void {
  const there = (operation: string, path: string): Stats | undefined =>
    onFile(operation, path, () => statSync(path, { throwIfNoEntry: false }))
  const written = there('write', output)
  if (written?.isFile() !== true) return
  for (const input of inputs) {
    const read = input === undefined ? undefined : there('read', input)
    if (read === undefined || read.dev !== written.dev || read.ino !== written.ino) continue
    throw new BpfError('ERR_EXISTS', 'it is what is read', {
      operation: 'write',
      target: output,
      hint: 'Give the output another name',
    })
  }
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
