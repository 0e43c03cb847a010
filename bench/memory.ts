// What a process needs that does nothing but consume.
//
//   node build/bench/memory.js CONSUMER    (the child: prints its resident MiB)
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type ConsumerName, consumers, isNode, startConsumer, type Workload } from './consumers.js'
import { openBench, type Window, words } from './load.js'
import { Producer } from './processes.js'
import { producerCpu } from './records.js'

function residentOf(pid: number): number {
  const [, kib = 'NaN'] =
    /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}

/** A consumer's memory after the window, in a process of its own. */
export async function residentMiB(
  name: ConsumerName,
  workload: Workload,
  window: Window,
): Promise<number> {
  if (!isNode(name)) return streamAndMeasure(name, workload, window)
  const args = [__filename, name, String(window.warmUpMs + window.measuredMs)]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return Number(stdout)
}

async function streamAndMeasure(
  name: ConsumerName,
  workload: Workload,
  { warmUpMs, measuredMs }: Window,
): Promise<number> {
  const producer = new Producer({ cpu: producerCpu })
  using object = openBench(name, workload, producer.pid)
  const consumer = await startConsumer(name, object, workload)
  object.attach()
  producer.start()
  await setTimeout(warmUpMs + measuredMs)
  const resident = residentOf(consumer.pid)
  await producer.stop()
  await consumer.finish(0)
  return resident
}

/** Of a Node that runs nothing. */
export async function emptyNodeMiB(): Promise<number> {
  const script = "console.log(require('fs').readFileSync('/proc/self/status', 'utf8'))"
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script])
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(stdout)?.[1]) / 1024
}

if (require.main === module) {
  const [, , name = '', ms = ''] = process.argv
  if (!(name in consumers)) throw new RangeError(`no consumer is called "${name}"`)
  const window = { warmUpMs: 0, measuredMs: Number(ms) }
  void streamAndMeasure(name as ConsumerName, words, window).then(console.log)
}
