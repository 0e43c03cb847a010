// What a process needs that does nothing but consume.
//
//   node build/bench/memory.js CONSUMER MS    (the child: prints its resident MiB)
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type ConsumerName, isNode, startConsumer } from './consumers.js'
import { openBench, words } from './load.js'
import { Producer } from './processes.js'
import { producerCpu } from './records.js'

async function nodePrints(...args: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, args)).stdout
}

export function residentMiBIn(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
}

/** A consumer's memory after full speed, in a process of its own; or that of a Node which runs nothing. */
export async function residentMiB(side: ConsumerName | 'empty Node', ms: number): Promise<number> {
  if (side === 'empty Node') {
    const script = "console.log(require('fs').readFileSync('/proc/self/status', 'utf8'))"
    return residentMiBIn(await nodePrints('-e', script))
  }
  if (isNode(side)) return Number(await nodePrints(__filename, side, String(ms)))
  return streamAndMeasure(side, ms)
}

async function streamAndMeasure(name: ConsumerName, ms: number): Promise<number> {
  const producer = new Producer({ cpu: producerCpu })
  using object = openBench(name, words, producer.pid)
  const consumer = await startConsumer(name, object, words)
  object.attach()
  producer.start()
  await setTimeout(ms)
  const resident = residentMiBIn(readFileSync(`/proc/${consumer.pid}/status`, 'utf8'))
  await producer.stop()
  await consumer.finish(0)
  return resident
}

if (require.main === module) {
  const [, , name = '', ms = ''] = process.argv
  void streamAndMeasure(name as ConsumerName, Number(ms)).then(console.log)
}
