// A process that runs cases of one target, for fuzz.ts: which outlives it.
//
//   child.js TARGET FIRST_SEED COUNT SECONDS   or   child.js TARGET FILE
//
// Writes each case's seed at the start of descriptor 3 before it begins, each problem on
// standard output as a line of JSON, and at the end what it holds.
import { readdirSync, readFileSync, writeSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { Random } from '../unit/random.js'
import { type Target, targets } from './targets.js'

const progressFd = 3
const warmUpCases = 300
/** Left to itself V8 grows its heap before it collects, and that looks like a leak. Of CPU time. */
const collectEveryMs = 500
/** The clock of CPU time is a system call. */
const casesBetweenLooks = 64
const MiB = 1024 * 1024

function held(): number {
  return readdirSync('/proc/self/fd').length
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

async function rssMiB(): Promise<number> {
  // Finalizers run after a collection.
  for (let i = 0; i < 3; i++) {
    global.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage.rss() / MiB
}

function say(line: object): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

/** Runs a case; what it threw is a problem. */
function tryCase(seed: number, run: () => void): void {
  try {
    run()
  } catch (error) {
    say({ seed, problem: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}

async function runCases(
  target: Target,
  first: number,
  count: number,
  seconds: number,
): Promise<void> {
  const { run, parse, make } = target
  const end = performance.now() + 1000 * seconds
  const progress = new Uint32Array(1)
  const held0 = held()
  let rss0 = 0
  let nextCollection = 0
  let cases = 0
  for (; cases < count && performance.now() < end; cases++) {
    const seed = first + cases
    progress[0] = seed
    writeSync(progressFd, progress, 0, 4, 0)
    tryCase(seed, () => {
      const random = new Random(seed)
      if (run !== undefined) run(random)
      else if (parse !== undefined && make !== undefined) parse(make(random))
    })
    if (cases === warmUpCases) rss0 = await rssMiB()
    else if (cases % casesBetweenLooks === 0 && cpuMs() > nextCollection) {
      await rssMiB()
      nextCollection = cpuMs() + collectEveryMs
    }
  }
  const growthMiB = cases > warmUpCases ? (await rssMiB()) - rss0 : 0
  say({ cases, growthMiB, descriptors: held() - held0 })
}

const [name = '', first = '', count, seconds] = process.argv.slice(2)
const target = targets[name]
if (target === undefined) throw new RangeError(`there is no target ${name}`)
if (count === undefined) {
  tryCase(0, () => target.parse?.(gunzipSync(readFileSync(first))))
  say({ cases: 1, growthMiB: 0, descriptors: 0 })
} else {
  void runCases(target, Number(first), Number(count), Number(seconds))
}
