// An initramfs: a cpio archive in the format "newc" of the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path/posix'

const directoryMode = 0o040755
const fileMode = 0o100755 // executable, as that harms nothing

export class CpioWriter {
  #descriptor
  #inode = 0
  #directories = new Set(['.'])

  constructor(path) {
    this.#descriptor = openSync(path, 'w')
  }

  /** Adds an empty directory, and those above it. */
  addDirectory(path) {
    if (this.#directories.has(path)) return
    this.#directories.add(path)
    this.addDirectory(dirname(path))
    this.#write(path, directoryMode, Buffer.of())
  }

  /** Adds the contents of a file of this machine. */
  addFile(path, from) {
    this.addDirectory(dirname(path))
    this.#write(path, fileMode, readFileSync(from))
  }

  close() {
    this.#write('TRAILER!!!', 0, Buffer.of())
    closeSync(this.#descriptor)
  }

  #write(path, mode, contents) {
    const name = Buffer.from(`${path}\0`)
    const [links, time, device] = [1, 0, 0]
    const fields = [
      ...[++this.#inode, mode, 0, 0, links, time, contents.length],
      ...[device, device, device, device, name.length, 0],
    ]
    const header = Buffer.from(
      '070701' + fields.map((n) => n.toString(16).padStart(8, '0')).join(''),
    )
    const pad = (length) => Buffer.alloc(-length & 3)
    const start = [header, name, pad(header.length + name.length)]
    for (const part of [Buffer.concat(start), contents, pad(contents.length)]) {
      if (part.length > 0) writeSync(this.#descriptor, part)
    }
  }
}
