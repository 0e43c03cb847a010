// What a BPF program's source includes and names.
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { readText } from '../machine/facts.js'
import type { HeaderNames } from './kernel-header.js'
import { makeTemporaryFolder } from './files.js'
import { runClang, type ToolRun } from './toolchain.js'

const inclusion = /^[ \t]*#[ \t]*include[ \t]*(["<])(.+?)[">]/gm

/** What a source and the headers beside it include. */
export interface Inclusions {
  /** The source, its headers that are there, and where those would be that are not. */
  readonly files: ReadonlySet<string>
  /** It includes vmlinux.h, and there is none yet. */
  readonly wantsKernelHeader: boolean
}

/**
 * Follows the lines with `#include`, also those that the preprocessor would
 * skip: enough to know what to watch, and whether to make vmlinux.h.
 */
export function findInclusions(source: string, directories: readonly string[]): Inclusions {
  const files = new Set<string>()
  let wantsKernelHeader = false
  const visit = (path: string): void => {
    if (files.has(path)) return
    files.add(path)
    for (const [, open, name = ''] of readText(path).matchAll(inclusion)) {
      const candidates = [dirname(path), ...directories].map((from) => resolve(from, name))
      const found = candidates.find((candidate) => existsSync(candidate))
      if (found !== undefined) visit(found)
      else if (name === 'vmlinux.h') wantsKernelHeader = true
      // Others are the system's.
      else if (open === '"' && candidates[0] !== undefined) files.add(candidates[0])
    }
  }
  visit(resolve(source))
  return { files, wantsKernelHeader }
}

/** The files in a rule that clang wrote for make, without the target. */
export function dependenciesOf(rule: string): string[] {
  const [, list = ''] =
    /^(?:\\.|[^:\\])*:(?=\s)([^]*?)(?:\n(?!\s)|$)/.exec(rule.replace(/\\\r?\n/g, ' ')) ?? []
  const words = list.match(/(?:\\[ #]|[^\s])+/g) ?? []
  return words.map((word) => word.replace(/\\([ #])/g, '$1').replaceAll('$$', '$'))
}

/** Headers of libbpf: what they name in declarations is not what the program uses. */
const libbpfHeader = /\/bpf\/(?:bpf_\w+|usdt\.bpf)\.h$/

/** The names in a preprocessed source, by who wrote them. */
export function namesIn(preprocessed: string): HeaderNames {
  const names = new Set<string>()
  const aliases = new Set<string>()
  let into = names
  for (const line of preprocessed.split('\n')) {
    const [, file] = /^# \d+ "((?:\\.|[^"\\])*)"/.exec(line) ?? []
    if (file !== undefined) {
      into = libbpfHeader.test(file) ? aliases : names
      continue
    }
    const code = line.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, ' ')
    for (const [name] of code.matchAll(/\b[A-Za-z_]\w*/g)) into.add(name)
  }
  for (const name of names) aliases.delete(name)
  return { names: [...names].sort(), aliases: [...aliases].sort() }
}

/**
 * The names that a source uses after the preprocessor, without those of
 * vmlinux.h; or what clang says against the source.
 */
export function usedNames(
  clang: string,
  flags: readonly string[],
  source: string,
): HeaderNames | ToolRun {
  const directory = makeTemporaryFolder()
  try {
    writeFileSync(join(directory, 'vmlinux.h'), '')
    // One that is there already is skipped by its guard.
    const args = [...flags, '-D__VMLINUX_H__', '-isystem', directory, '-E', source]
    const ran = runClang(clang, args)
    return ran.status === 0 ? namesIn(ran.stdout) : ran
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
