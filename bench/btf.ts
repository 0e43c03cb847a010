// How long the kernel's BTF takes to be indexed, what it holds, and a decoder of one struct.
//
//   node build/bench/btf.js [OBJECT]
//
// Each figure is the median of seven processes, with the least and the most.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { BpfObject, Btf } from 'bpf-ringbuf'
import { buildDir } from './processes.js'

const rounds = 7
const MiB = 2 ** 20

function measure(object: string): Record<string, number> {
  const rss = process.memoryUsage.rss()
  const start = performance.now()
  const kernel = Btf.kernel()
  kernel.find('task_struct', 'struct')
  const indexMs = performance.now() - start
  const heldMiB = (process.memoryUsage.rss() - rss) / MiB
  using opened = BpfObject.open(object)
  const before = performance.now()
  opened.btf?.struct('event')
  return { indexMs, heldMiB, structMs: performance.now() - before }
}

const [object = join(buildDir, 'bpf/exec-snoop.bpf.o'), isChild] = process.argv.slice(2)
if (isChild === undefined) {
  const runs = Array.from({ length: rounds }, () => {
    const text = execFileSync(process.execPath, [__filename, object, 'child'], { encoding: 'utf8' })
    return JSON.parse(text) as Record<string, number>
  })
  for (const name of Object.keys(runs[0] ?? {})) {
    const sorted = runs.map((run) => run[name] ?? NaN).sort((a, b) => a - b)
    const [least = NaN, middle = NaN, most = NaN] = [sorted[0], sorted[3], sorted.at(-1)]
    console.log(`${name}: ${middle.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`)
  }
} else {
  console.log(JSON.stringify(measure(object)))
}
