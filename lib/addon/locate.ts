// Where the addon's file may be.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { basename, isAbsolute, join } from 'node:path'

/** Folders below a root, in the order in which they are tried. */
export interface Places {
  root: string
  folders: readonly (readonly string[])[]
  /** Whether the root is the folder of a bundle, and not that of the package. */
  isBundle?: boolean
}

/** The dynamic linker that a program names, the start of whose file this is. */
function interpreterOf(head: string): string | undefined {
  const path = /\/[^\0]*\/ld[-.\w]*(?=\0)/.exec(head)?.[0]
  return path === undefined ? undefined : basename(path)
}

/** Whether this process runs on musl's C library and not on glibc. */
function onMusl(): boolean {
  try {
    const head = Buffer.alloc(4096)
    const program = openSync(process.execPath, 'r')
    try {
      readSync(program, head, 0, head.length, 0)
    } finally {
      closeSync(program)
    }
    const interpreter = interpreterOf(head.toString('latin1'))
    if (interpreter !== undefined) return interpreter.startsWith('ld-musl')
  } catch {
    // It may not be read: --permission.
  }
  // Takes ten times as long, and more when it looks up the names of hosts.
  const { report } = process as { report?: NodeJS.ProcessReport & { excludeNetwork?: boolean } }
  if (report === undefined) return false
  const before = report.excludeNetwork
  report.excludeNetwork = true
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } }
  report.excludeNetwork = before ?? false
  return header !== undefined && header.glibcVersionRuntime === undefined
}

/** The folder of this process's addon in prebuilds/, such as "linux-x64-musl". */
export function prebuiltName(): string {
  return `${process.platform}-${process.arch}${onMusl() ? '-musl' : ''}`
}

function ownFolder(): string | undefined {
  // Modules of ECMAScript have none, and bundlers give relative ones.
  return typeof __dirname === 'undefined' || !isAbsolute(__dirname) ? undefined : __dirname
}

/** The folder of the bundle that this library is in; nothing where it is in none, or that is not known. */
export function bundleFolder(): string | undefined {
  const own = ownFolder()
  return own === undefined || packageRoot(own) !== undefined ? undefined : own
}

/**
 * Where to look: in this package's own folder, or beside the bundle that this
 * file is part of. Never in the working directory, nor where an environment
 * variable says. Undefined in a bundle that does not know where it is.
 */
export function placesOfAddon(): Places | undefined {
  const own = ownFolder()
  if (own === undefined) return undefined
  const prebuilt = ['prebuilds', prebuiltName()]
  const root = packageRoot(own)
  if (root === undefined) return { root: own, folders: [[], prebuilt], isBundle: true }
  // What was compiled on this machine is what somebody asked for.
  return { root, folders: [['build', 'Debug'], ['build', 'Release'], prebuilt] }
}

/** This package's folder, of one in it that has code; bundles may be in a dist/ of their own. */
export function packageRoot(directory: string): string | undefined {
  const root = /^(.*)\/(?:dist|lib)(?:\/(?:addon|cli))?$/.exec(directory)?.[1]
  if (root === undefined) return undefined
  try {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as unknown
    const isOurs = (manifest as { name?: unknown } | null)?.name === 'bpf-ringbuf'
    return isOurs ? root : undefined
  } catch (error) {
    // Without a descriptor it cannot be told, and bundles in such a folder are few.
    const { code = '' } = error as NodeJS.ErrnoException
    return code === 'EMFILE' || code === 'ENFILE' ? root : undefined
  }
}
