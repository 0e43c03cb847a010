// One build: compile, strip, generate.
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { endianness } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Output } from './command.js'
import {
  compileFlags,
  type Compilation,
  headerDirectory,
  hostArchitecture,
  type Target,
} from './compile-flags.js'
import { makeTemporaryFolder, onFile, readBytes } from './files.js'
import {
  givenHeaderFolder,
  type HeaderFolder,
  headerFolder,
  hasTypes,
  readHeaderSource,
} from './kernel-header.js'
import { readText } from '../machine/facts.js'
import { dependenciesOf, findInclusions, usedNames } from './source-names.js'
import { gen } from './gen.js'
import { findClang, findStrip, runClang, startClang } from './toolchain.js'

export interface BuildPlan {
  readonly source: string
  readonly object: string
  readonly compilation: Compilation
  /** auto, none, or a file. */
  readonly vmlinux: string
  readonly prune: boolean
  /** What `bpf-ringbuf gen` is told beside the object and the module; without it nothing is generated. */
  readonly generate: readonly string[] | undefined
}

/** What goes beside a build that is one of many. */
export interface Watching {
  /** Ends the compiler. */
  readonly signal: AbortSignal
  /** Told what the object is made of, or would be: before the compiler reads it, and after. */
  onInputs(paths: ReadonlySet<string>): void
}

/**
 * Builds once; gives the exit status. What clang says is passed on as it is, and a failed build leaves
 * the object that was there.
 *
 * @throws {BpfError} for what is missing, or cannot be read or written.
 */
export async function buildOnce(
  plan: BuildPlan,
  output: Output,
  errors: Output,
  watching?: Watching,
): Promise<number> {
  const start = performance.now()
  const clang = findClang()
  const { compilation, source, object } = plan
  const inclusions = findInclusions(source, [...compilation.include, headerDirectory])
  watching?.onInputs(inclusions.files)
  const color = errors.colored ? ['-fcolor-diagnostics'] : []
  const work = makeTemporaryFolder()
  let kernelHeader: HeaderFolder | undefined
  try {
    if (inclusions.wantsKernelHeader && plan.vmlinux !== 'none') {
      const made = makeKernelHeader(plan, clang, color, errors)
      if (typeof made === 'number') return made
      kernelHeader = made
    }
    const flags = compileFlags(compilation, kernelHeader?.path)
    const rule = join(work, 'rule.d')
    const part = `${object}.${process.pid}.part`
    onFile('write', object, () => mkdirSync(dirname(object), { recursive: true }))
    try {
      const args = [...flags, ...color, '-MMD', '-MF', rule, '-c', source, '-o', part]
      const { status, stderr } = await startClang(clang, args, watching?.signal)
      errors.write(stderr)
      const read = dependenciesOf(readText(rule)).map((path) => resolve(path))
      watching?.onInputs(new Set([...inclusions.files, ...read]))
      if (status !== 0) return 1
      // The object keeps BTF; what goes is DWARF.
      const strip = findStrip(clang)
      if (strip !== undefined) runClang(strip, ['-g', part])
      onFile('write', object, () => {
        renameSync(part, object)
      })
    } finally {
      rmSync(part, { force: true })
    }
    let made = object
    if (plan.generate !== undefined && isForeign(compilation.target)) {
      errors.write(
        'bpf-ringbuf build: no module, as the byte order is not of this machine: ' +
          'run bpf-ringbuf gen on one of that order\n',
      )
    } else if (plan.generate !== undefined) {
      const module = object.replace(/o$/, 'ts')
      await gen.run([object, '--output', module, ...plan.generate], output, errors)
      made = `${object}, ${module}`
    }
    output.write(`${made}: ${Math.round(performance.now() - start)} ms\n`)
    return 0
  } finally {
    kernelHeader?.remove()
    rmSync(work, { recursive: true, force: true })
  }
}

/** Whether this machine cannot open the object. */
function isForeign(target: Target): boolean {
  return target === (endianness() === 'LE' ? 'bpfeb' : 'bpfel')
}

/** A folder with vmlinux.h, or the exit status when the source is wrong. */
function makeKernelHeader(
  { vmlinux, prune, compilation, source }: BuildPlan,
  clang: string,
  color: readonly string[],
  errors: Output,
): HeaderFolder | number {
  let from: string | undefined
  if (vmlinux !== 'auto') {
    const bytes = readBytes(vmlinux)
    if (!hasTypes(bytes)) return givenHeaderFolder(bytes)
    from = vmlinux
  } else if (compilation.architecture !== hostArchitecture()) {
    errors.write(
      `bpf-ringbuf build: vmlinux.h is of this machine's kernel, not of one for ${compilation.architecture}: --vmlinux FILE gives another\n`,
    )
  }
  const types = readHeaderSource(from)
  if (!prune) return headerFolder(types)
  const used = usedNames(clang, [...compileFlags(compilation), ...color], source)
  if (!('status' in used)) return headerFolder(types, used)
  errors.write(used.stderr)
  return 1
}
