// Stacks of functions, how often each was seen, and the files in which they are looked at.
import { readFileSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import type { Frame } from 'bpf-ringbuf'
import { printable } from './printable.js'

/** A function as it is shown. Those of the kernel end with [k], as in folded stacks of perf. */
export function functionName(frame: Frame, isKernel = false): string {
  const { name, demangled, module, address } = frame
  const known = demangled ?? (name === undefined ? undefined : javaScriptName(name))
  const place = module === undefined ? `0x${address.toString(16)}` : `[${basename(module)}]`
  return printable(`${known ?? place}${isKernel ? '_[k]' : ''}`.replaceAll(';', ':'))
}

/** "JS:*fib /app/a.js:3:13" is "fib /app/a.js:3:13": V8 says first how it was compiled. */
function javaScriptName(name: string): string {
  return name
    .replace(/^(?:JS|LazyCompile|Function|Eval|Script|RegExp|Builtin):(?:o?[*~^+])*/, '')
    .replace(/^(?= )/, '(anonymous)')
}

/** Something that was seen with a stack, from the outermost function on. */
export interface Weighed<F> {
  readonly frames: readonly F[]
  readonly weight: number
}

/** Where most of the weight is: from the outermost function on always the heaviest. */
export function heaviestPath<F extends { name: string }>(stacks: readonly Weighed<F>[]): F[] {
  const path: F[] = []
  for (let rest = stacks.filter(({ frames }) => frames.length > 0); ;) {
    const groups = new Map<string, { frame: F | undefined; weight: number; of: Weighed<F>[] }>()
    for (const stack of rest) {
      const frame = stack.frames[path.length]
      const group = groups.get(frame?.name ?? '') ?? { frame, weight: 0, of: [] }
      group.weight += stack.weight
      group.of.push(stack)
      groups.set(frame?.name ?? '', group)
    }
    const [most] = [...groups.values()].sort((a, b) => b.weight - a.weight)
    if (most?.frame === undefined) return path
    path.push(most.frame)
    rest = most.of
  }
}

/** Stacks from the outermost function to the innermost, with a weight each. */
export class Stacks {
  readonly #weights = new Map<string, number>()

  /** @param unit Of the weights, such as samples. */
  constructor(readonly unit: 'samples' | 'microseconds') {}

  add(functions: readonly string[], weight = 1): void {
    const stack = functions.join(';')
    this.#weights.set(stack, (this.#weights.get(stack) ?? 0) + weight)
  }

  get total(): number {
    return [...this.#weights.values()].reduce((sum, weight) => sum + weight, 0)
  }

  /** The heaviest first. */
  entries(): { functions: string[]; weight: number }[] {
    const stacks = [...this.#weights].sort(([, a], [, b]) => b - a)
    return stacks.map(([stack, weight]) => ({ functions: stack.split(';'), weight }))
  }

  /** By function: what it executed itself, and with all that it called. */
  functions(): { name: string; self: number; total: number }[] {
    const byName = new Map<string, { name: string; self: number; total: number }>()
    for (const { functions, weight } of this.entries()) {
      for (const name of new Set(functions)) {
        const sum = byName.get(name) ?? { name, self: 0, total: 0 }
        sum.total += weight
        if (name === functions.at(-1)) sum.self += weight
        byName.set(name, sum)
      }
    }
    return [...byName.values()].sort((a, b) => b.self - a.self || b.total - a.total)
  }

  /** What a file of this name has: by its ending a flame graph, a profile or folded stacks. */
  file(path: string, title: string): string {
    const format = extname(path)
    if (format === '.html') return this.#flameGraph(title)
    return format === '.json' ? this.#speedscope(title) : this.folded()
  }

  /** Lines "outer;inner WEIGHT", as flamegraph.pl and others read them. */
  folded(): string {
    return [...this.#weights].map(([stack, weight]) => `${stack} ${Math.round(weight)}\n`).join('')
  }

  /** As https://www.speedscope.app reads it. */
  #speedscope(title: string): string {
    const places = new Map<string, number>()
    const placeOf = (name: string): number => {
      const place = places.get(name) ?? places.size
      places.set(name, place)
      return place
    }
    const stacks = this.entries()
    const samples = stacks.map(({ functions }) => functions.map(placeOf))
    const unit = this.unit === 'samples' ? 'none' : this.unit
    const weights = stacks.map(({ weight }) => weight)
    const range = { startValue: 0, endValue: this.total }
    return JSON.stringify({
      $schema: 'https://www.speedscope.app/file-format-schema.json',
      shared: { frames: [...places.keys()].map((name) => ({ name })) },
      profiles: [{ type: 'sampled', name: title, unit, ...range, samples, weights }],
    })
  }

  /** One page that needs nothing else, drawn by d3-flame-graph. */
  #flameGraph(title: string): string {
    const root: Node = { name: 'all', value: this.total, children: new Map() }
    for (const { functions, weight } of this.entries()) {
      let node = root
      for (const name of functions) {
        const child = node.children.get(name) ?? { name, value: 0, children: new Map() }
        child.value += weight
        node.children.set(name, child)
        node = child
      }
    }
    // A name must not end the script.
    const data = JSON.stringify({ title, unit: this.unit, root: plain(root) })
    const page = readFileSync(join(__dirname, 'flame-graph.html'), 'utf8')
    return page.replace('"DATA"', () => data.replaceAll('<', '\\u003c'))
  }
}

interface Node {
  name: string
  value: number
  children: Map<string, Node>
}

function plain({ name, value, children }: Node): object {
  return { name, value, children: [...children.values()].map(plain) }
}
