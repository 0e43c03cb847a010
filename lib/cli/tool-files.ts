// The tools that the package brings, each a program with its object.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** What examples/kit/tool.ts makes of a tool. */
export interface Program {
  readonly name: string
  readonly about: string
  readonly needs: string
  main(args: readonly string[]): Promise<number>
}

const directory = join(__dirname, '../../dist/tools')
const ending = '.bpf.js'

export function toolNames(): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length))
    .sort()
}

export async function loadTool(name: string): Promise<Program> {
  const module = (await import(join(directory, `${name}.js`))) as { tool: Program }
  return module.tool
}
