// Node processes for the tests of the tools that look into Node.
import type { SpawnOptions } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Ended, Example } from '../process/example.js'

const cache = join(__dirname, '../../.cache/nodes')

function installed(): string[] {
  const names = existsSync(cache) ? readdirSync(cache) : []
  return names
    .filter((name) => /^node-linux-\w+@\d+\.\d+\.\d+$/.test(name))
    .map((name) => join(cache, name, 'node_modules', name.replace(/@.*/, ''), 'bin/node'))
    .filter((path) => existsSync(path))
}

/** This Node, and those that `make test-nodes` has got, by their major version. */
export const nodeBinaries = [
  ...new Map([
    ...installed().map((path): [string, string] => [/@(\d+)/.exec(path)?.[1] ?? '', path]),
    [process.version.replace(/^v|\..*/g, ''), process.execPath],
  ]),
]

export interface Served {
  method: string
  url: string
  body: string
  port: number
}

export interface Answer {
  method: string
  path: string
  status: number
  text: string
  ms: number
  localPort: number
}

export function startScript(
  node: string,
  name: string,
  args: readonly (string | number)[],
  flags: readonly string[] = [],
  options?: SpawnOptions,
): Example {
  const script = join(__dirname, 'scripts', name)
  return new Example(node, [...flags, script, ...args.map(String)], options)
}

/** One that is to have a CPU whenever it wants one, whatever else runs. */
export function startFirst(
  node: string,
  name: string,
  args: readonly (string | number)[],
  flags: readonly string[] = [],
  options?: SpawnOptions,
): Example {
  return startScript('nice', name, args, ['-n', '-20', node, ...flags], options)
}

/** A server that listens; it tells what it has served when it is asked to end. */
export class Server {
  private constructor(
    readonly example: Example,
    readonly port: number,
  ) {}

  get pid(): number {
    return this.example.child.pid ?? 0
  }

  static async start(example: Example): Promise<Server> {
    await example.until('stdout', /^\d+\n/)
    return new Server(example, Number.parseInt(example.stdout, 10))
  }

  async stop(): Promise<Served[]> {
    const { stdout } = await this.example.stop('SIGTERM')
    return JSON.parse(stdout.split('\n')[1] ?? '') as Served[]
  }
}

/** What a client was answered, and which process it was. */
export async function ask(
  node: string,
  kind: string,
  server: Server,
  count: number,
): Promise<{ pid: number; answers: Answer[] }> {
  const example = startScript(node, 'https.cjs', [kind, server.port, count])
  const { stdout, stderr }: Ended = await example.ended
  if (stdout === '') throw new Error(stderr)
  return { pid: example.child.pid ?? 0, answers: JSON.parse(stdout) as Answer[] }
}
