// The life of a reader, as a model: random calls in random order, from callbacks,
// microtasks, timers, signals, loops and worker threads, over ring and perf buffers,
// with a producer in between. After each scenario every record is accounted for and
// in order, every promise is settled, and nothing is left open.
//
//   node build/test/life/life/life.js [--duration SECONDS] [--seed N] [--path P]
//       [--runs N] [--workers N]
//
// Prints the seed. A scenario that fails is made as small as it can be, and printed
// with the seed and path that repeat it. With --workers, so many threads do this at
// once, and others are terminated meanwhile.
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { setTimeout as wait } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import fc from 'fast-check'
import { openDescriptors, pollThreads } from '../descriptors.js'
import { until } from '../until.js'
import { Run } from './run.js'
import { type Scenario, scenario } from './scenario.js'

/** A scenario that takes longer hangs. */
const hangMs = 60_000

interface Plan {
  seed: number
  path: string | undefined
  runs: number
  seconds: number
}

interface Outcome {
  runs: number
  problem: string | undefined
}

function held(): string {
  return [...openDescriptors(), ...pollThreads()].join('\n')
}

async function runOne(drawn: Scenario): Promise<void> {
  const before = isMainThread ? held() : ''
  await new Run(drawn).run()
  // The threads of a process share these.
  if (isMainThread)
    await until(
      () => held() === before,
      () => `${held()}\nas before:\n${before}`,
    )
}

async function check({ seed, path, runs, seconds }: Plan): Promise<Outcome> {
  const details = await fc.check(fc.asyncProperty(scenario, runOne), {
    seed,
    numRuns: runs,
    interruptAfterTimeLimit: 1000 * seconds,
    timeout: hangMs,
    ...(path !== undefined && { path }),
  })
  const { failed, counterexample, counterexamplePath, errorInstance, numRuns } = details
  if (!failed || counterexample === null) return { runs: numRuns, problem: undefined }
  const text = errorInstance instanceof Error ? errorInstance.message : String(errorInstance)
  const repeat = `--seed ${seed} --path ${counterexamplePath}`
  const problem = `${text}\n${repeat}\n${fc.stringify(counterexample[0])}`
  return { runs: numRuns, problem }
}

async function checkInWorkers(plan: Plan, workers: number): Promise<Outcome[]> {
  const before = held()
  const over = new AbortController()
  const outcomes = Array.from({ length: workers }, async (_, i) => {
    const worker = new Worker(__filename, { workerData: { ...plan, seed: plan.seed + i } })
    const [outcome] = (await once(worker, 'message')) as [Outcome]
    await once(worker, 'exit')
    return outcome
  })
  const found = Promise.all(outcomes).finally(() => over.abort())
  for (let seed = plan.seed + workers; !over.signal.aborted; seed++) {
    const worker = new Worker(__filename, { workerData: { ...plan, seed, path: undefined } })
    await Promise.race([once(worker, 'message'), wait(100 + (seed % 300))])
    await worker.terminate()
  }
  const all = await found
  await until(
    () => held() === before,
    () => `${held()}\nas before:\n${before}`,
  )
  return all
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      duration: { type: 'string', default: '60' },
      seed: { type: 'string' },
      path: { type: 'string' },
      runs: { type: 'string' },
      workers: { type: 'string' },
    },
  })
  const plan: Plan = {
    seed: Number(values.seed ?? randomInt(2 ** 31)),
    path: values.path,
    runs: Number(values.runs ?? 2 ** 31 - 1),
    seconds: Number(values.duration),
  }
  console.log(`life: seed ${plan.seed}`)
  // With the first pipe libuv opens a descriptor that it keeps.
  await once(spawn('true'), 'exit')
  // Of a step that was coalesced with another one.
  process.on('SIGUSR2', () => undefined)
  const outcomes =
    values.workers === undefined
      ? [await check(plan)]
      : await checkInWorkers(plan, Number(values.workers))
  for (const { problem } of outcomes) if (problem !== undefined) console.log(problem)
  const runs = outcomes.reduce((sum, outcome) => sum + outcome.runs, 0)
  const isOk = runs > 0 && outcomes.every(({ problem }) => problem === undefined)
  console.log(`${isOk ? 'ok' : 'not ok'} life: ${runs} scenarios`)
  process.exit(isOk ? 0 : 1)
}

if (isMainThread) {
  void main()
} else {
  void check(workerData as Plan).then((outcome) => parentPort?.postMessage(outcome))
}
