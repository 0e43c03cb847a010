// Runs a script of scripts/ as a process of its own.
import type { SpawnOptions } from 'node:child_process'
import { join } from 'node:path'
import { type Ended, Example } from './example.js'

export function startScript(
  name: string,
  args: readonly string[] = [],
  options: SpawnOptions = {},
): Example {
  const script = join(__dirname, 'scripts', `${name}.cjs`)
  return new Example(process.execPath, ['--expose-gc', script, ...args], options)
}

export function runScript(name: string, ...args: string[]): Promise<Ended> {
  return startScript(name, args).ended
}
