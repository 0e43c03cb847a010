// Damaged and random input for all that reads any: object files, BTF, records,
// command lines; and readers in any order of calls (test/life). It gives a result or
// one of the errors that are declared; never a crash, a hang, an error of another
// kind, lost descriptors, or ever more memory.
//
//   node build/test/fuzz/test/fuzz/fuzz.js [--duration SECONDS] [--quick]
//       [--long] [--target NAME] [--seed N] [--cases N]
//
// Replays test/fuzz/corpus first. --quick takes as many cases as it takes
// elsewhere, the same each time; --long a million of BTF. Otherwise the first seed is a random one, printed,
// and --seed repeats it. A case that fails is printed with its seed and, when it has
// bytes, written to the corpus, where it stays once the library withstands it.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { Random } from '../unit/random.js'
import { type CommandLine, problemOf, randomCommandLine } from './cli.js'
import { root, targets } from './targets.js'

const corpus = join(root, 'test/fuzz/corpus')

/** Shares of the time, and cases of the short form and, where that has a number, the long one. */
const plan: Record<string, { share: number; quickCases: number; longCases?: number }> = {
  'elf-open': { share: 0.2, quickCases: 3000 },
  'elf-load': { share: 0.15, quickCases: 200 },
  'elf-reader': { share: 0.05, quickCases: 20_000 },
  'elf-symbols': { share: 0.05, quickCases: 500 },
  'symbol-lists': { share: 0.02, quickCases: 500 },
  btf: { share: 0.08, quickCases: 6000, longCases: 1_000_000 },
  'btf-dump': { share: 0.05, quickCases: 500 },
  decoder: { share: 0.1, quickCases: 2000 },
  walker: { share: 0.05, quickCases: 1000 },
  cli: { share: 0.1, quickCases: 25 },
  life: { share: 0.15, quickCases: 50 },
  'life-workers': { share: 0.05, quickCases: 30 },
}

const hangMs = 60_000
/** How often it is looked how far a process is. */
const lookMs = 500
/** A leak of a small object file a case would be more. */
const mostGrowthMiB = 64
const mostProblems = 10
/** Of the long form: it takes hours, so it says that it is going on. */
const casesBetweenLines = 50_000
/** Of what is told how many cases to take. */
const longestSeconds = { short: 600, long: 6 * 3600 }

interface Outcome {
  cases: number
  problems: { seed: number; problem: string }[]
}

interface Line {
  seed?: number
  problem?: string
  cases?: number
  growthMiB?: number
  descriptors?: number
}

const allocation = {
  // Freed memory is overwritten, so that its use shows.
  MALLOC_PERTURB_: '165',
  // What is large goes back when it is freed: what grows all the same leaks.
  MALLOC_MMAP_THRESHOLD_: String(1 << 17),
}

/** One child, until it has done all, crashes or hangs. */
async function runChild(args: string[], outcome: Outcome): Promise<number | undefined> {
  // A file, and no pipe: nobody is woken for each case.
  const file = join(tmpdir(), `fuzz-${randomUUID()}`)
  const progress = openSync(file, 'wx+')
  unlinkSync(file)
  const child: ChildProcess = spawn(
    process.execPath,
    ['--expose-gc', join(__dirname, 'child.js'), ...args],
    { stdio: ['ignore', 'pipe', 'pipe', progress], env: { ...process.env, ...allocation } },
  )
  const first = Number(args[1])
  let seed = first
  let nextLine = first + casesBetweenLines
  const state = { done: false, hangs: false }
  let printed = ''
  let movedAt = performance.now()
  const word = Buffer.alloc(4)
  const look = (): void => {
    const before = seed
    if (readSync(progress, word, 0, 4, 0) === 4) seed = word.readUInt32LE()
    const now = performance.now()
    if (seed !== before) movedAt = now
    if (seed >= nextLine) {
      console.log(`  ${args[0] ?? ''}: past seed ${seed}, ${seed - first} cases`)
      nextLine = seed + casesBetweenLines
    }
    if (now - movedAt < hangMs) return
    state.hangs = true
    child.kill('SIGKILL')
  }
  const watch = setInterval(look, lookMs)
  child.stderr?.on('data', (data: Buffer) => (printed = (printed + data.toString()).slice(-2000)))
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  lines.on('line', (text) => {
    const line = JSON.parse(text) as Line
    if (line.problem !== undefined) {
      outcome.problems.push({ seed: line.seed ?? 0, problem: line.problem })
    }
    if (line.cases === undefined) return
    state.done = true
    outcome.cases += line.cases
    const { growthMiB = 0, descriptors = 0 } = line
    if (growthMiB > mostGrowthMiB) {
      outcome.problems.push({ seed, problem: `memory grew by ${growthMiB.toFixed(0)} MiB` })
    }
    if (descriptors !== 0) {
      outcome.problems.push({ seed, problem: `${descriptors} descriptors were left open` })
    }
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  clearInterval(watch)
  if (!state.hangs) look()
  closeSync(progress)
  if (state.done && code === 0) return undefined
  const how = state.hangs
    ? `no end within ${hangMs / 1000} s`
    : `ended by ${signal ?? `status ${code}`}`
  outcome.problems.push({ seed, problem: `the process: ${how}\n${printed}`.trimEnd() })
  return seed
}

/** As many processes as there are CPUs, each with its part of the seeds. */
async function runCases(
  name: string,
  first: number,
  cases: number,
  seconds: number,
): Promise<Outcome> {
  const share = Math.ceil(cases / Math.min(availableParallelism(), cases))
  const parts: Promise<Outcome>[] = []
  for (let done = 0; done < cases; done += share) {
    parts.push(runPart(name, first + done, Math.min(share, cases - done), seconds))
  }
  const outcomes = await Promise.all(parts)
  return {
    cases: outcomes.reduce((sum, outcome) => sum + outcome.cases, 0),
    problems: outcomes.flatMap(({ problems }) => problems),
  }
}

async function runPart(
  name: string,
  first: number,
  cases: number,
  seconds: number,
): Promise<Outcome> {
  const outcome: Outcome = { cases: 0, problems: [] }
  const end = performance.now() + 1000 * seconds
  let seed = first
  const last = first + cases
  while (seed < last && outcome.problems.length < mostProblems) {
    const left = Math.max(0.1, (end - performance.now()) / 1000)
    const crashed = await runChild([name, String(seed), String(last - seed), String(left)], outcome)
    if (crashed === undefined) break
    outcome.cases += crashed + 1 - seed
    seed = crashed + 1
  }
  return outcome
}

async function runCommandLines(first: number, cases: number, seconds: number): Promise<Outcome> {
  const outcome: Outcome = { cases: 0, problems: [] }
  const end = performance.now() + 1000 * seconds
  for (let seed = first; seed < first + cases && performance.now() < end; seed++) {
    const line = randomCommandLine(new Random(seed))
    const problem = await problemOf(line)
    outcome.cases++
    if (problem === undefined) continue
    outcome.problems.push({ seed, problem: `${JSON.stringify(line)}: ${problem}` })
    if (outcome.problems.length >= mostProblems) break
  }
  return outcome
}

/** The model of a reader's life, in one thread or several: it makes what fails small itself. */
async function runLife(
  seed: number,
  runs: number,
  seconds: number,
  args: readonly string[],
): Promise<Outcome> {
  const script = join(root, 'build/test/life/life/life.js')
  const options = ['--seed', seed, '--runs', runs, '--duration', seconds].map(String)
  const child = spawn(process.execPath, [script, ...options, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 1000 * seconds + 6 * hangMs,
    killSignal: 'SIGKILL',
  })
  const [printed, [code, signal]] = (await Promise.all([
    text(child.stdout),
    once(child, 'close'),
  ])) as [string, [number | null, string | null]]
  const cases = Number(/(\d+) scenarios/.exec(printed)?.[1] ?? 0)
  if (code === 0) return { cases, problems: [] }
  const how = code === 1 ? '' : `ended by ${signal ?? `status ${code ?? ''}`}\n`
  return { cases, problems: [{ seed, problem: `${how}${printed}`.trimEnd() }] }
}

/** Keeps the input of a case for the corpus; nothing when it is a seed alone. */
function keep(name: string, seed: number): string | undefined {
  const directory = join(corpus, name)
  const file = join(directory, `found-${seed}`)
  mkdirSync(directory, { recursive: true })
  if (name === 'cli') {
    writeFileSync(`${file}.json`, `${JSON.stringify(randomCommandLine(new Random(seed)))}\n`)
    return `${file}.json`
  }
  const input = targets[name]?.make?.(new Random(seed))
  if (input === undefined) return undefined
  writeFileSync(`${file}.gz`, gzipSync(input, { level: 9 }))
  return `${file}.gz`
}

let passed = 0
let failed = 0

function report(name: string, { cases, problems }: Outcome): void {
  for (const { seed, problem } of problems) {
    console.log(`  seed ${seed}: ${problem.replaceAll('\n', '\n    ')}`)
  }
  const isOk = problems.length === 0 && cases > 0
  console.log(`${isOk ? 'ok' : 'not ok'} fuzz: ${name} (${cases} cases)`)
  if (isOk) passed++
  else failed++
}

async function replay(isRoot: boolean): Promise<void> {
  for (const name of readdirSync(corpus)) {
    if (targets[name]?.needsRoot === true && !isRoot) continue
    const outcome: Outcome = { cases: 0, problems: [] }
    for (const file of readdirSync(join(corpus, name))) {
      const path = join(corpus, name, file)
      const before = outcome.problems.length
      if (name === 'cli') {
        const problem = await problemOf(JSON.parse(readFileSync(path, 'utf8')) as CommandLine)
        if (problem !== undefined) outcome.problems.push({ seed: 0, problem })
        outcome.cases++
      } else {
        await runChild([name, path], outcome)
      }
      for (const found of outcome.problems.slice(before)) {
        found.problem = `${path}: ${found.problem}`
      }
    }
    report(`corpus of ${name}`, outcome)
  }
}

function number(text: string | undefined, option: string, min: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value < 2 ** 32) return value
  throw new RangeError(`expected an integer from ${min} on for ${option}`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      duration: { type: 'string' },
      seed: { type: 'string' },
      cases: { type: 'string' },
      target: { type: 'string' },
      quick: { type: 'boolean', default: false },
      long: { type: 'boolean', default: false },
    },
  })
  const seconds = number(values.duration, '--duration', 1) ?? 60
  const cases = number(values.cases, '--cases', 1)
  const seed = number(values.seed, '--seed', 0) ?? (values.quick ? 1 : randomInt(2 ** 31))
  const names = Object.keys(plan)
  if (values.target !== undefined && !names.includes(values.target)) {
    throw new RangeError(`expected one of ${names.join(', ')} for --target`)
  }
  const isRoot = process.getuid?.() === 0
  console.log(`fuzz: seed ${seed}`)
  if (values.target === undefined) await replay(isRoot)
  for (const [name, { share, quickCases, longCases }] of Object.entries(plan)) {
    if (values.target !== undefined && values.target !== name) continue
    const needsRoot = name.startsWith('life') || targets[name]?.needsRoot === true
    if (needsRoot && !isRoot) {
      console.log(`fuzz: ${name} needs root: left out`)
      continue
    }
    const wanted = cases ?? (values.quick ? quickCases : values.long ? longCases : undefined)
    const count = wanted ?? 2 ** 31
    const limitSeconds =
      wanted === undefined
        ? seconds * (values.target === undefined ? share : 1)
        : longestSeconds[values.long ? 'long' : 'short']
    let outcome: Outcome
    if (name === 'cli') outcome = await runCommandLines(seed, count, limitSeconds)
    else if (name === 'life') outcome = await runLife(seed, count, limitSeconds, [])
    else if (name === 'life-workers')
      outcome = await runLife(seed, count, limitSeconds, ['--workers', '3'])
    else outcome = await runCases(name, seed, count, limitSeconds)
    for (const found of outcome.problems) {
      const file = name.startsWith('life') ? undefined : keep(name, found.seed)
      if (file !== undefined) found.problem += `\n(kept as ${file})`
    }
    report(name, outcome)
  }
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

main().catch((error: unknown) => {
  console.error(`fuzz: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 2
})
