// bpf-ringbuf build: from the source of a BPF program to its object, and on to
// its typed module.
import { statSync } from 'node:fs'
import { basename, join, resolve, sep } from 'node:path'
import { compileOptions, compileUsage, readCompilation } from './compile-flags.js'
import type { Command } from './command.js'
import { type BuildPlan, buildOnce } from './compile.js'
import { readBytes } from './files.js'
import { parseCommandLine, splitExtra, UsageError } from './usage.js'
import { watch } from './watch.js'

const usage = `Usage: bpf-ringbuf build [OPTION]... SOURCE.bpf.c [-- CLANG-OPTION...]
Compiles a BPF program with clang, and writes the typed module of its object. When the
source includes vmlinux.h and there is none, it is made of the kernel that runs, and kept in
$XDG_CACHE_HOME/bpf-ringbuf (~/.cache/bpf-ringbuf).

  -o, --output PATH the object, a name that ends in .o, or the folder for it; without it,
                    beside the source
  --watch           build again whenever the source or a header changes, until Ctrl-C
  --vmlinux WHICH   auto (default), none, or a file: a header, BTF, or a BPF object
  --prune           vmlinux.h has only what the source uses
  --type NAME       the module has this struct, too; several times for more
  --embed           the module has the object in it
  --no-gen          do not write the module
${compileUsage}
  --help            print this
`

export const build: Command = {
  name: 'build',
  summary: 'compile a BPF program, and write its typed module',
  usage,
  async run(args, output, errors) {
    const plan = readPlan(args)
    if (!plan.watch) return await buildOnce(plan, output, errors)
    return await watch((watching) => buildOnce(plan, output, errors, watching), errors)
  },
}

/** @throws UsageError */
function readPlan(args: readonly string[]): BuildPlan & { watch: boolean } {
  const [own, extra] = splitExtra(args)
  const { values, positionals } = parseCommandLine({
    args: own,
    allowPositionals: true,
    options: {
      ...compileOptions,
      output: { type: 'string', short: 'o' },
      watch: { type: 'boolean' },
      vmlinux: { type: 'string' },
      prune: { type: 'boolean' },
      type: { type: 'string', multiple: true },
      embed: { type: 'boolean' },
      'no-gen': { type: 'boolean' },
    },
  })
  const [source, ...others] = positionals
  if (source === undefined || others.length > 0) {
    throw new UsageError(`Expected one source but received ${positionals.length}`)
  }
  if (!source.endsWith('.c')) {
    throw new UsageError(`Expected a C source, NAME.bpf.c, but received ${source}`)
  }
  readBytes(source)
  const { vmlinux = 'auto', prune = false } = values
  if (prune && vmlinux === 'none') throw new UsageError('--prune needs types: not --vmlinux none')
  return {
    source,
    object: objectPath(source, values.output),
    compilation: readCompilation(values, extra),
    vmlinux,
    prune,
    generate: values['no-gen'] === true ? undefined : generateOptions(values),
    watch: values.watch ?? false,
  }
}

function generateOptions(values: {
  type?: string[] | undefined
  embed?: boolean | undefined
}): string[] {
  const types = (values.type ?? []).flatMap((name) => ['--type', name])
  return values.embed === true ? [...types, '--embed'] : types
}

function objectPath(source: string, output: string | undefined): string {
  const beside = source.replace(/c$/, 'o')
  if (output === undefined) return beside
  if (output.endsWith('.o') && !isDirectory(output)) return output
  return join(output, basename(beside))
}

function isDirectory(path: string): boolean {
  return (
    path.endsWith(sep) || statSync(resolve(path), { throwIfNoEntry: false })?.isDirectory() === true
  )
}
