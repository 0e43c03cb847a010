import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs'

/** What a failed call of node:fs says: negative, as everywhere. */
export function errnoOf(error: unknown): number {
  return (error as NodeJS.ErrnoException).errno ?? 0
}

/** What can be read in pieces, each of them exactly or not at all. */
export type Pieces = Pick<Source, 'read'>

/**
 * Something that is read in pieces: a regular file, or a part of a process's
 * memory. Whoever opens it closes it.
 */
export class Source {
  readonly sizeBytes: number
  /** The same for the same file as long as nobody writes to it. */
  readonly identity: string
  readonly device: bigint
  readonly inode: bigint
  readonly modifiedMs: number
  readonly ownerId: number
  readonly #fd: number
  readonly #base: number

  private constructor(fd: number, base: number, sizeBytes?: number) {
    const { dev, ino, mtimeNs, size, uid } = fstatSync(fd, { bigint: true })
    this.#fd = fd
    this.#base = base
    this.sizeBytes = sizeBytes ?? Number(size)
    this.device = dev
    this.inode = ino
    this.modifiedMs = Number(mtimeNs / 1_000_000n)
    this.ownerId = Number(uid)
    this.identity = [dev, ino, mtimeNs, size].map(String).join(':')
  }

  /** Nothing unless it is a regular file that can be read. Does not wait for a FIFO. */
  static open(path: string, flags = 0): Source | undefined {
    let fd: number | undefined
    try {
      // Of devices also opening alone may have an effect.
      if (!statSync(path).isFile()) return undefined
      fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | flags)
      if (fstatSync(fd).isFile()) {
        const source = new Source(fd, 0)
        fd = undefined
        return source
      }
    } catch {
      // It is not there any more, or not for us.
    } finally {
      if (fd !== undefined) closeSync(fd)
    }
    return undefined
  }

  /** A part of a process's memory, which the kernel lets tracers read. */
  static openMemory(pid: number, base: number, sizeBytes: number): Source | undefined {
    let fd: number | undefined
    try {
      fd = openSync(`/proc/${pid}/mem`, constants.O_RDONLY)
      return new Source(fd, base, sizeBytes)
    } catch {
      if (fd !== undefined) closeSync(fd)
      return undefined
    }
  }

  /** Exactly these bytes; nothing when they are not all there. */
  read(offset: number, length: number): Buffer | undefined {
    if (!Number.isSafeInteger(offset + length) || offset < 0 || length < 0) return undefined
    if (offset + length > this.sizeBytes) return undefined
    // With memory of its own, which typed arrays may look at.
    const bytes = Buffer.allocUnsafeSlow(length)
    try {
      for (let done = 0; done < length;) {
        const count = readSync(this.#fd, bytes, done, length - done, this.#base + offset + done)
        if (count === 0) return undefined
        done += count
      }
    } catch {
      return undefined
    }
    return bytes
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/**
 * A file of /proc, whose size nobody knows before.
 *
 * @param maxBytes What follows after so many is not read.
 * @throws What node:fs throws.
 */
export function readProc(path: string, maxBytes: number): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    let bytes = Buffer.allocUnsafeSlow(Math.min(1 << 16, maxBytes))
    let length = 0
    for (;;) {
      const count = readSync(fd, bytes, length, bytes.length - length, null)
      length += count
      if (count === 0 || length === maxBytes) return bytes.subarray(0, length)
      if (length === bytes.length) {
        const grown = Buffer.allocUnsafeSlow(Math.min(2 * length, maxBytes))
        bytes.copy(grown)
        bytes = grown
      }
    }
  } finally {
    closeSync(fd)
  }
}
