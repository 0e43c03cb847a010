// vmlinux.h: the kernel's types as C declarations, from its BTF.
import { createHash } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { addon } from '../addon/addon.js'
import { checkElf } from '../btf/elf.js'
import { readKernelBtf } from '../btf/kernel.js'
import { BtfReader } from '../btf/reader.js'
import { BpfError, describeErrno } from '../errors/errors.js'
import { makeTemporaryFolder, readBytes, writeWhole } from './files.js'

const kernelBtf = '/sys/kernel/btf/vmlinux'

/** Goes up when the text around the declarations changes: a part of the cache's key. */
const format = 1

/** What of the types a header has. */
export interface HeaderNames {
  /** Structs, unions, enums, typedefs, enumerators, and members whose types are wanted, too. */
  readonly names: readonly string[]
  /** Typedefs and enumerators. */
  readonly aliases?: readonly string[]
}

/** Types that a header is made of. */
export interface HeaderSource {
  /** Where they come from, for messages. */
  readonly path: string
  readonly bytes: Buffer
  /** What they are split from, of a kernel module. */
  readonly base?: HeaderSource
}

/**
 * BTF: of the kernel that runs, a file of BTF, or a BPF object.
 *
 * @throws {BpfError} `ERR_UNSUPPORTED` when the kernel has none.
 */
export function readHeaderSource(path?: string): HeaderSource {
  if (path === undefined && !existsSync(kernelBtf)) {
    throw new BpfError('ERR_UNSUPPORTED', 'this kernel has no BTF', {
      operation: 'read',
      target: kernelBtf,
      hint: 'Give a file of BTF or a header, or do without vmlinux.h; kernels that are compiled with CONFIG_DEBUG_INFO_BTF have it',
    })
  }
  const from = path ?? kernelBtf
  const bytes = readBytes(from)
  if (!isElf(bytes)) return { path: from, bytes }
  const section = checkElf(bytes, from).get('.BTF')
  if (section === undefined) {
    throw new BpfError('ERR_NO_BTF', 'it has no section .BTF', {
      operation: 'read',
      target: from,
      hint: 'Compile it with clang -g',
    })
  }
  return { path: from, bytes: Buffer.from(section) }
}

/**
 * What a kernel module adds to types.
 *
 * @param module The name of one that is loaded, or a path, with a slash, of a file of BTF.
 * @param base The path of what it is split from; without one, the kernel that runs.
 * @throws {BpfError} `ERR_UNSUPPORTED` when the kernel has no BTF, `ERR_NOT_FOUND` when
 * no such module is loaded or it has no BTF.
 */
export function readModuleSource(module: string, base?: string): HeaderSource {
  const types = readHeaderSource(base)
  if (module.includes('/')) return { path: module, bytes: readBytes(module), base: types }
  // The kernel writes every dash as an underscore.
  const name = module.replaceAll('-', '_')
  return { path: join(dirname(kernelBtf), name), bytes: readKernelBtf(name), base: types }
}

/** Whether a file is BTF or an object with BTF, and no header. */
export function hasTypes(bytes: Uint8Array): boolean {
  const [first, second] = bytes
  return isElf(bytes) || (first === 0x9f && second === 0xeb) || (first === 0xeb && second === 0x9f)
}

function isElf(bytes: Uint8Array): boolean {
  return [0x7f, 0x45, 0x4c, 0x46].every((byte, i) => bytes[i] === byte)
}

/**
 * The header; of a kernel module, with its own types alone. Blocks for some tenths of a second.
 *
 * @param wanted All types without it.
 * @throws {BpfError} `ERR_OBJECT_FORMAT`, `ERR_ADDON`, or `ERR_NOT_FOUND` when
 * none of the names is there.
 */
export function makeHeader(source: HeaderSource, wanted?: HeaderNames): string {
  const { path, bytes, base } = source
  const problem = (
    code: 'ERR_OBJECT_FORMAT' | 'ERR_NOT_FOUND',
    text: string,
    errno?: number,
  ): BpfError =>
    new BpfError(code, text, { operation: 'read', target: path, errno, log: addon().takeLog() })
  readTypes(source)
  const { names = [], aliases = [] } = wanted ?? {}
  const text = addon().dumpBtf(bytes, base?.bytes, wanted === undefined, [...names], [...aliases])
  if (typeof text === 'number') {
    throw problem('ERR_OBJECT_FORMAT', `its types are none of C: ${describeErrno(text)}`, text)
  }
  if (text.length === 0) {
    const verb = base === undefined ? 'has' : `adds, to ${base.path},`
    const [name, another] = [...names]
    const what =
      name === undefined || another !== undefined
        ? 'none of the types that are asked for'
        : `no type ${JSON.stringify(name)}`
    throw problem('ERR_NOT_FOUND', `it ${verb} ${what}`)
  }
  const declarations = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
  return header(declarations.toString('latin1'), base === undefined ? undefined : basename(path))
}

/** @throws {BpfError} `ERR_OBJECT_FORMAT`, which names the file. */
function readTypes({ path, bytes, base }: HeaderSource): BtfReader {
  const options = { base: base && readTypes(base) }
  try {
    return new BtfReader(bytes, options)
  } catch (cause) {
    if (!(cause instanceof BpfError) || cause.code !== 'ERR_OBJECT_FORMAT') throw cause
    throw new BpfError('ERR_OBJECT_FORMAT', cause.message.replace(/^Cannot read BTF: /, ''), {
      operation: 'read',
      target: path,
    })
  }
}

function header(declarations: string, module?: string): string {
  const guard =
    module === undefined
      ? '__VMLINUX_H__'
      : `__VMLINUX_${module.replace(/[^A-Za-z0-9]/g, '_').toUpperCase()}_H__`
  return `/* Made by bpf-ringbuf from BTF: do not edit. */
#ifndef ${guard}
#define ${guard}
${module === undefined ? '' : '\n#include "vmlinux.h"\n'}
/* Loading finds where each field is on the kernel that runs. */
#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif

${declarations.trim()}

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* ${guard} */
`
}

/**
 * Where made headers are kept: `$XDG_CACHE_HOME/bpf-ringbuf`, or `~/.cache/bpf-ringbuf`.
 */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const { XDG_CACHE_HOME = '' } = environment
  // As its specification has it, a relative path does not count.
  const base = XDG_CACHE_HOME.startsWith('/') ? XDG_CACHE_HOME : join(homedir(), '.cache')
  return join(base, 'bpf-ringbuf')
}

/** A folder that has the header as vmlinux.h. */
export interface HeaderFolder {
  readonly path: string
  /** Removes what is not kept. */
  remove(): void
}

/**
 * Makes the header unless the cache has it. A cache that cannot be written to
 * is done without.
 */
export function headerFolder(source: HeaderSource, wanted?: HeaderNames): HeaderFolder {
  const key = createHash('sha256')
  key.update(JSON.stringify([format, addon().libbpfVersion, wanted ?? null]))
  key.update(source.bytes)
  return keep(key.digest('hex'), () => makeHeader(source, wanted))
}

/** A folder that has a given header as vmlinux.h. */
export function givenHeaderFolder(bytes: Buffer): HeaderFolder {
  return keep(createHash('sha256').update(bytes).digest('hex'), () => bytes)
}

function keep(key: string, make: () => string | Uint8Array): HeaderFolder {
  const path = join(cacheDirectory(), `vmlinux-${key.slice(0, 32)}`)
  const kept = { path, remove: (): void => undefined }
  if (existsSync(join(path, 'vmlinux.h'))) return kept
  const contents = make()
  try {
    writeWhole(join(path, 'vmlinux.h'), contents)
    return kept
  } catch {
    const made = makeTemporaryFolder()
    writeWhole(join(made, 'vmlinux.h'), contents)
    return {
      path: made,
      remove: () => {
        rmSync(made, { recursive: true, force: true })
      },
    }
  }
}
