import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a C program prints. */
export function runC(source: string): string {
  return inDirectory((directory) => {
    writeFileSync(join(directory, 'program.c'), source)
    run('cc', ['-o', 'program', 'program.c'], directory)
    return run('./program', [], directory)
  })
}

/** The BPF object file that clang makes of C source. */
export function compileBpf(source: string): Buffer {
  return inDirectory((directory) => {
    writeFileSync(join(directory, 'object.bpf.c'), source)
    run('clang', ['-g', '-O2', '-target', 'bpf', '-c', 'object.bpf.c'], directory)
    return readFileSync(join(directory, 'object.bpf.o'))
  })
}

export function inDirectory<T>(use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'bpf-ringbuf-'))
  try {
    return use(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

export function run(command: string, parameters: string[], directory: string): string {
  return execFileSync(command, parameters, { cwd: directory, encoding: 'utf8', stdio: 'pipe' })
}
