// bpf-ringbuf vmlinux: the kernel's types as a C header.
import { BpfError } from '../errors/errors.js'
import { compileFlags, compileOptions, compileUsage, readCompilation } from './compile-flags.js'
import type { Command } from './command.js'
import { keepInputs, readBytes, writeWhole } from './files.js'
import {
  type HeaderNames,
  makeHeader,
  readHeaderSource,
  readModuleSource,
} from './kernel-header.js'
import { usedNames } from './source-names.js'
import { findClang } from './toolchain.js'
import { parseCommandLine, splitExtra, UsageError } from './usage.js'

const usage = `Usage: bpf-ringbuf vmlinux [OPTION]... [-- CLANG-OPTION...]
Prints vmlinux.h: the types of the kernel that runs, as C declarations for BPF programs; or
a header with what one of its modules adds, which includes vmlinux.h.

  -o, --output FILE write it to a file
  --btf FILE        of these types: a file of BTF, or a BPF object
  --module NAME     only what this module adds to them, a module that is loaded; with a
                    slash, a file of its BTF
  --type NAME       only this type and what it needs; several times for more
  --prune SOURCE    only what a program uses, by the names in its source; --target and
                    what follows are for its preprocessor
${compileUsage}
  --help            print this
`

export const vmlinux: Command = {
  name: 'vmlinux',
  summary: "print vmlinux.h, the kernel's types as a C header",
  usage,
  run(args, output, errors) {
    const [own, extra] = splitExtra(args)
    const { values } = parseCommandLine({
      args: own,
      options: {
        ...compileOptions,
        output: { type: 'string', short: 'o' },
        btf: { type: 'string' },
        module: { type: 'string' },
        type: { type: 'string', multiple: true },
        prune: { type: 'string' },
      },
    })
    const { module } = values
    if (module !== undefined && !/^(?!vmlinux$)[\w-]+$|\/./.test(module)) {
      throw new UsageError(
        `Expected the name of a kernel module for --module but received ${JSON.stringify(module)}`,
      )
    }
    if (module !== undefined && values.prune !== undefined) {
      throw new UsageError('--module and --prune exclude each other: give --type')
    }
    let wanted: HeaderNames | undefined
    if (values.type !== undefined) {
      if (values.prune !== undefined) throw new UsageError('--type and --prune exclude each other')
      wanted = { names: values.type }
    } else if (values.prune !== undefined) {
      readBytes(values.prune)
      const flags = compileFlags(readCompilation(values, extra))
      const color = errors.colored ? ['-fcolor-diagnostics'] : []
      const used = usedNames(findClang(), [...flags, ...color], values.prune)
      if ('status' in used) {
        errors.write(used.stderr)
        return Promise.resolve(used.status)
      }
      wanted = used
    }
    const source =
      module === undefined ? readHeaderSource(values.btf) : readModuleSource(module, values.btf)
    const header = makeHeader(source, wanted)
    for (const name of values.type ?? []) {
      // libbpf's dumper numbers those of one name.
      if (new RegExp(`\\b${escaped(name)}(___\\d+)?\\b`).test(header)) continue
      throw new BpfError('ERR_NOT_FOUND', `it has no type ${JSON.stringify(name)}`, {
        operation: 'read',
        target: source.path,
      })
    }
    if (values.output === undefined) {
      output.write(header)
    } else {
      keepInputs(values.output, [values.prune, values.btf, module])
      writeWhole(values.output, header)
    }
    return Promise.resolve(0)
  },
}

function escaped(text: string): string {
  return text.replace(/[^\w]/g, '\\$&')
}
