// The tools that make a BPF object: found, or what to install.
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { BpfError } from '../errors/errors.js'
import { readText } from '../machine/facts.js'

/** The packages by the distribution's name in os-release, in its field ID or ID_LIKE. */
const installers: Readonly<Record<string, { command: string; clang: string; headers: string }>> = {
  debian: { command: 'apt-get install', clang: 'clang llvm', headers: 'libbpf-dev' },
  ubuntu: { command: 'apt-get install', clang: 'clang llvm', headers: 'libbpf-dev' },
  fedora: { command: 'dnf install', clang: 'clang llvm', headers: 'libbpf-devel' },
  rhel: { command: 'dnf install', clang: 'clang llvm', headers: 'libbpf-devel' },
  suse: { command: 'zypper install', clang: 'clang llvm', headers: 'libbpf-devel' },
  arch: { command: 'pacman -S', clang: 'clang llvm', headers: 'libbpf' },
  alpine: { command: 'apk add', clang: 'clang llvm', headers: 'libbpf-dev linux-headers' },
}

/**
 * What to install for one of the tools here.
 *
 * @param osRelease The contents of /etc/os-release.
 */
export function howToInstall(
  what: 'clang' | 'headers',
  osRelease = readText('/etc/os-release'),
): string {
  const field = (name: string): string[] =>
    (new RegExp(`^${name}=["']?([^"'\\n]*)`, 'm').exec(osRelease)?.[1] ?? '').split(/\s+/)
  const installer = [...field('ID'), ...field('ID_LIKE')]
    .map((name) => installers[name])
    .find((found) => found !== undefined)
  return installer === undefined
    ? `Install your distribution's package of ${what === 'clang' ? 'clang' : "libbpf's headers"}`
    : `Install it: ${installer.command} ${installer[what]}`
}

/**
 * The compiler: `$CLANG`, `clang`, or the newest `clang-N` on the PATH.
 *
 * @throws {BpfError} `ERR_FILE_NOT_FOUND` with what to install.
 */
export function findClang(environment: NodeJS.ProcessEnv = process.env): string {
  const { CLANG = '', PATH = '' } = environment
  if (CLANG !== '') return CLANG
  const directories = PATH.split(delimiter).filter((directory) => directory !== '')
  const plain = directories.map((directory) => join(directory, 'clang')).find(isExecutable)
  if (plain !== undefined) return plain
  const version = (name: string): number => Number(/^clang-(\d+)$/.exec(name)?.[1] ?? 0)
  const [newest] = directories
    .flatMap((directory) => listOf(directory).map((name) => ({ directory, name })))
    .filter(({ name }) => version(name) > 0)
    .sort((one, other) => version(other.name) - version(one.name))
  if (newest !== undefined) return join(newest.directory, newest.name)
  throw clangIsMissing('clang')
}

/** llvm-strip of the same LLVM; undefined when it is not installed. */
export function findStrip(clang: string): string | undefined {
  const { status, stdout } = spawnSync(clang, ['-print-prog-name=llvm-strip'], { encoding: 'utf8' })
  const found = stdout.trim()
  return status === 0 && found.includes('/') && isExecutable(found) ? found : undefined
}

/**
 * The flags for libbpf's headers, as pkg-config or the folder of the system says.
 *
 * @throws {BpfError} `ERR_FILE_NOT_FOUND` with what to install.
 */
export function libbpfFlags(): string[] {
  const { error, status, stdout } = spawnSync('pkg-config', ['--cflags', 'libbpf'], {
    encoding: 'utf8',
  })
  if (error === undefined && status === 0) return shellWords(stdout)
  if (existsSync('/usr/include/bpf/bpf_helpers.h')) return []
  throw new BpfError('ERR_FILE_NOT_FOUND', "libbpf's headers are not installed", {
    operation: 'compile',
    target: 'BPF programs',
    hint: howToInstall('headers'),
  })
}

export interface ToolRun {
  status: number
  stdout: string
  stderr: string
}

/**
 * Runs the compiler and waits for it.
 *
 * @throws {BpfError} `ERR_FILE_NOT_FOUND` with what to install.
 */
export function runClang(clang: string, args: readonly string[]): ToolRun {
  const ran: SpawnSyncReturns<string> = spawnSync(clang, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  })
  if (ran.error !== undefined) throw clangIsMissing(clang, ran.error)
  return { status: ran.status ?? 1, stdout: ran.stdout, stderr: ran.stderr }
}

/** The same without blocking; a signal ends the compiler. */
export function startClang(
  clang: string,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<ToolRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(clang, args, { stdio: ['ignore', 'pipe', 'pipe'], signal })
    const texts = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => (texts[name] += text))
    }
    child.on('error', (error) => {
      if (error.name === 'AbortError') resolve({ status: 1, ...texts })
      else reject(clangIsMissing(clang, error))
    })
    child.on('close', (status) => {
      resolve({ status: status ?? 1, ...texts })
    })
  })
}

function clangIsMissing(clang: string, cause?: unknown): BpfError {
  return new BpfError('ERR_FILE_NOT_FOUND', 'it is not installed', {
    operation: 'run',
    target: clang,
    hint: howToInstall('clang'),
    cause,
  })
}

/** The words of what pkg-config prints, which escapes spaces as a shell has it. */
export function shellWords(text: string): string[] {
  const words = text.match(/(?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\s"'\\])+/g) ?? []
  return words.map((word) =>
    word.replace(
      /\\(.)|"((?:\\.|[^"\\])*)"|'([^']*)'/g,
      (_, escaped?: string, double?: string, single?: string) =>
        escaped ?? double?.replace(/\\(.)/g, '$1') ?? single ?? '',
    ),
  )
}

function listOf(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
