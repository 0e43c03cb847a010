// How clang is called for a BPF program. The Makefile compiles the project's own
// programs alike: test/process/build.test.ts compares the two.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { libbpfFlags } from './toolchain.js'
import { ValueError } from './usage.js'

/** Byte orders, as clang calls them; `bpf` is this machine's. */
export const targets = ['bpf', 'bpfel', 'bpfeb'] as const
export type Target = (typeof targets)[number]

interface Architecture {
  /** As Node calls it. */
  node: readonly string[]
  /** As Debian calls it, in the names of folders. */
  multiarch: readonly string[]
}

/** By the names of libbpf, `__TARGET_ARCH_…`. */
const architectures: Readonly<Record<string, Architecture>> = {
  x86: { node: ['x64', 'ia32'], multiarch: ['x86_64-linux-gnu', 'i386-linux-gnu'] },
  arm64: { node: ['arm64'], multiarch: ['aarch64-linux-gnu'] },
  arm: { node: ['arm'], multiarch: ['arm-linux-gnueabihf', 'arm-linux-gnueabi'] },
  riscv: { node: ['riscv64'], multiarch: ['riscv64-linux-gnu'] },
  powerpc: { node: ['ppc64', 'ppc'], multiarch: ['powerpc64le-linux-gnu', 'powerpc64-linux-gnu'] },
  s390: { node: ['s390x', 's390'], multiarch: ['s390x-linux-gnu'] },
  loongarch: { node: ['loong64'], multiarch: ['loongarch64-linux-gnu'] },
  mips: { node: ['mips', 'mipsel'], multiarch: ['mips64el-linux-gnuabi64'] },
}

/** This machine's, as libbpf calls it. */
export function hostArchitecture(nodeName: string = process.arch): string {
  const found = Object.entries(architectures).find(([, { node }]) => node.includes(nodeName))
  return found?.[0] ?? nodeName
}

/** What a command line says of the compilation. */
export interface Compilation {
  readonly target: Target
  /** As libbpf calls it. */
  readonly architecture: string
  /** Folders of headers. */
  readonly include: readonly string[]
  /** NAME or NAME=VALUE. */
  readonly define: readonly string[]
  /** For clang as they are. */
  readonly extra: readonly string[]
}

/** The options of a command line that say it. */
export const compileOptions = {
  target: { type: 'string' },
  arch: { type: 'string' },
  include: { type: 'string', short: 'I', multiple: true },
  define: { type: 'string', short: 'D', multiple: true },
} as const

export const compileUsage = `
  --target TARGET   bpf: this machine's byte order (default), bpfel or bpfeb
  --arch ARCH       registers of which machine: ${Object.keys(architectures).join(', ')}
  -I, --include DIR
                    look for headers there, too
  -D, --define NAME[=VALUE]
                    define a macro`.slice(1)

/** @throws ValueError for what clang or libbpf does not have. */
export function readCompilation(
  values: {
    target?: string | undefined
    arch?: string | undefined
    include?: string[] | undefined
    define?: string[] | undefined
  },
  extra: readonly string[],
): Compilation {
  const { arch = hostArchitecture(), include = [], define = [] } = values
  const target = targets.find((name) => name === (values.target ?? 'bpf'))
  if (target === undefined) {
    throw new ValueError(
      `Expected ${targets.join(', ')} for --target but received ${values.target ?? ''}`,
    )
  }
  if (arch !== hostArchitecture() && architectures[arch] === undefined) {
    const known = Object.keys(architectures).join(', ')
    throw new ValueError(`Expected ${known} for --arch but received ${arch}`)
  }
  return { target, architecture: arch, include, define, extra }
}

/** The folder of bpf-ringbuf.bpf.h. */
export const headerDirectory = join(__dirname, '../../bpf/include')

/**
 * The flags of clang, without the input and the output.
 *
 * @param kernelHeader The folder of vmlinux.h, if one was made.
 * @throws {BpfError} `ERR_FILE_NOT_FOUND` when libbpf's headers are not installed.
 */
export function compileFlags(compilation: Compilation, kernelHeader?: string): string[] {
  const { target, architecture, include, define, extra } = compilation
  // Of the kernel's headers, those in asm/.
  const asm = (architectures[architecture]?.multiarch ?? [])
    .map((name) => `/usr/include/${name}`)
    .filter((path) => existsSync(join(path, 'asm')))
    .slice(0, 1)
  return [
    '-g',
    '-O2',
    '-target',
    target,
    // Of all kernels since 5.1, older than ring buffers; newer clangs take it by default.
    '-mcpu=v3',
    `-D__TARGET_ARCH_${architecture}`,
    '-Wall',
    ...include.map((path) => `-I${path}`),
    ...define.map((macro) => `-D${macro}`),
    `-I${headerDirectory}`,
    // As a system's header: its warnings are nobody's here.
    ...(kernelHeader === undefined ? [] : ['-isystem', kernelHeader]),
    ...asm.flatMap((path) => ['-idirafter', path]),
    ...libbpfFlags(),
    ...extra,
  ]
}
