// How long the kernel's BTF takes to be indexed and what it holds; and how long a decoder of
// one struct of an object takes: the first in a process, also when V8 has compiled all of
// the library before, and that of another object.
//
//   node build/bench/btf.js [OBJECT]
//
// Each figure is the median of 21 processes, with the least and the most.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { BpfObject, Btf } from 'bpf-ringbuf'
import { buildDir } from './processes.js'

const rounds = 21
const MiB = 2 ** 20

type Figures = Record<string, number>

function indexKernel(): Figures {
  const rss = process.memoryUsage.rss()
  const start = performance.now()
  const kernel = Btf.kernel()
  kernel.find('task_struct', 'struct')
  const indexMs = performance.now() - start
  return { indexMs, heldMiB: (process.memoryUsage.rss() - rss) / MiB }
}

function findStruct(object: string): number {
  using opened = BpfObject.open(object)
  const before = performance.now()
  opened.btf?.struct('event')
  return performance.now() - before
}

const measures: Record<string, (object: string) => Figures> = {
  kernel: indexKernel,
  structs: (object) => ({ firstStructMs: findStruct(object), nextStructMs: findStruct(object) }),
  compiled: (object) => ({ firstStructCompiledMs: findStruct(object) }),
}

function report(name: string, object: string): void {
  const options = name === 'compiled' ? ['--no-lazy'] : []
  const runs = Array.from({ length: rounds }, () => {
    const args = [...options, __filename, object, name]
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Figures
  })
  for (const figure of Object.keys(runs[0] ?? {})) {
    const sorted = runs.map((run) => run[figure] ?? NaN).sort((a, b) => a - b)
    const [least = NaN, most = NaN] = [sorted[0], sorted.at(-1)]
    const middle = sorted[(rounds - 1) / 2] ?? NaN
    console.log(`${figure}: ${middle.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`)
  }
}

const [object = join(buildDir, 'bpf/exec-snoop.bpf.o'), child] = process.argv.slice(2)
if (child === undefined) for (const name of Object.keys(measures)) report(name, object)
else console.log(JSON.stringify(measures[child]?.(object)))
