// Searches all states of handoff.pml: of the model as the code is, which must
// have no error, and of each mistake, which must have the one that it leads to.
// Usage: run.mjs [--quick]
//   --quick: without the largest searches, and every fourth mistake
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { check, mustRun, root, run, summarize } from '../checks.mjs'

const model = join(import.meta.dirname, 'handoff.pml')
const buildDirectory = join(root, 'build/model')
const searchTimeoutSeconds = 600

const deadlock = 'invalid end state'
const outOfOrder = 'assertion violated ((pos==next_pos)'
const skipped = 'assertion violated (length[next_pos]==2)'
const rungTwice = 'assertion violated ( !(ring)||may_ring)'
const notImmediate = 'assertion violated  !(stop_)'
const miscounted = 'assertion violated (consumer_pos==(delivered+undelivered))'
const circle = 'acceptance cycle'

// FIRST, SECOND: records of each producer; BATCH: records that fill a batch;
// see handoff.pml. One flush() is a lot: it drains beside the poll thread.
const small = { FIRST: 1, SECOND: 1 }
const noFlush = { FLUSHES: 0 }

/** Each is searched for errors; with `circles` for what never ends, too. */
const searches = [
  { name: 'one batch', defines: { ...small, BATCHES: 1, DISCARDS: 1 } },
  { name: 'one batch, closed at any time', defines: { ...small, BATCHES: 1, CLOSES_EARLY: 1 } },
  { name: 'two batches', defines: small },
  { name: 'two batches of two records', defines: { ...small, BATCH: 2, DISCARDS: 1 } },
  { name: 'two batches, closed at any time', defines: { ...small, CLOSES_EARLY: 1 }, large: true },
  { name: 'three records', defines: { BATCHES: 1, BATCH: 2 }, large: true },
  { name: 'four records, no flush()', defines: { ...noFlush, SECOND: 2, DISCARDS: 1 } },
  {
    name: 'three records, no flush(), closed at any time',
    defines: { ...noFlush, DISCARDS: 1, CLOSES_EARLY: 1 },
  },
  { name: 'a source that fails', defines: { ...noFlush, FAILS: 1 } },
  { name: 'a source that fails, and flush()', defines: { ...small, FAILS: 1 }, large: true },
  { name: 'it ends', defines: { ...small, BATCHES: 1, BATCH: 2 }, circles: true },
  { name: 'it ends, no flush()', defines: noFlush, circles: true },
  {
    name: 'it ends when closed at any time',
    defines: { ...noFlush, CLOSES_EARLY: 1 },
    circles: true,
  },
]

const mistakes = [
  // Of the bell and the queue.
  { name: 'BELL_NEVER_RESET', finds: deadlock, defines: noFlush },
  { name: 'BELL_RESET_LATE', finds: deadlock, defines: noFlush },
  { name: 'BELL_FOR_EACH_BATCH', finds: rungTwice, defines: noFlush },
  { name: 'DELIVERS_ONE_BATCH', finds: deadlock, defines: noFlush },
  { name: 'TAKES_NEWEST', finds: skipped, defines: noFlush },
  { name: 'FAILS_SILENTLY', finds: deadlock, defines: { ...noFlush, FAILS: 1 } },
  // Of back-pressure.
  { name: 'GIVE_BACK_WAKES_NOBODY', finds: deadlock, defines: { ...noFlush, BATCHES: 1 } },
  { name: 'RELEASE_WAKES_NOBODY', finds: deadlock, defines: { ...small, BATCHES: 1 } },
  { name: 'STARVED_AFTER_CHECK', finds: deadlock, defines: { ...noFlush, BATCHES: 1 } },
  // Of the kernel's wake-up.
  { name: 'EDGE_TRIGGERED', finds: deadlock, defines: noFlush },
  { name: 'DISCARD_WAKES_NOBODY', finds: deadlock, defines: { ...noFlush, DISCARDS: 1 } },
  { name: 'STRANDS_THE_REST', finds: deadlock, defines: small },
  { name: 'LOOKS_ONCE', finds: deadlock, defines: { ...small, BATCH: 2 } },
  { name: 'DRAINS_UNLOCKED', finds: outOfOrder, defines: small },
  { name: 'FLUSH_ONLY_DRAINS', finds: circle, defines: { ...small, BATCHES: 1 }, circles: true },
  // Of the end.
  { name: 'STOP_WAKES_NOBODY', finds: deadlock, defines: noFlush },
  { name: 'STOP_CANNOT_END_SLEEP', finds: notImmediate, defines: { ...noFlush, CLOSES_EARLY: 1 } },
  { name: 'STOP_ASKED_BEFORE_CLEAR', finds: deadlock, defines: small },
  { name: 'STATS_BEFORE_STOP', finds: miscounted, defines: { ...noFlush, CLOSES_EARLY: 1 } },
]

/** What pan, the search that spin writes, printed. */
async function search(directory, defines, circles) {
  const cwd = join(buildDirectory, directory)
  mkdirSync(cwd, { recursive: true })
  const flags = Object.entries(defines).map(([name, value]) => `-D${name}=${value}`)
  await mustRun('spin', ['-a', ...flags, model], { cwd })
  // Deadlocks and assertions without the claim that it ends, or that claim.
  const kind = circles ? ['-DNFAIR=3'] : ['-DSAFETY', '-DNOCLAIM']
  await mustRun('gcc', ['-O1', '-DMEMLIM=3000', ...kind, '-o', 'pan', 'pan.c'], { cwd })
  return run('./pan', ['-m100000', ...(circles ? ['-a', '-f'] : [])], {
    cwd,
    timeoutSeconds: searchTimeoutSeconds,
  })
}

/** Why the output of a search is not what was expected, or nothing. */
function problemOf(output, finds) {
  if (!output.includes('Full statespace search')) return 'the search was not exhaustive'
  if (finds !== undefined) {
    if (output.includes(`pan:1: ${finds}`)) return undefined
    return `it did not find: ${finds}`
  }
  if (!/errors: 0$/m.test(output)) return 'there is an error'
  if (/not completed|max search depth too small|out of memory/.test(output)) {
    return 'the search was cut short'
  }
  return undefined
}

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
rmSync(buildDirectory, { recursive: true, force: true })

async function checkSearch({ name, defines, finds, circles = false }) {
  const label = finds === undefined ? `model: ${name}` : `model: finds ${name}`
  const all = finds === undefined ? defines : { ...defines, [name]: 1 }
  try {
    const { stdout, status, end } = await search(name.replace(/\W+/g, '-'), all, circles)
    const problem = status === 0 ? problemOf(stdout, finds) : end
    const states = /^ *(\d+) states, stored/m.exec(stdout)?.[1]
    const told = stdout.match(/^pan:1.*|.*errors: .*|^Warning.*/gm) ?? []
    check(
      states === undefined ? label : `${label} (${states} states)`,
      problem === undefined && states !== undefined,
      [problem ?? 'it searched nothing', ...told].join('\n'),
    )
  } catch (error) {
    check(label, false, error.message)
  }
}

const isQuick = ({ large = false, circles = false }) => !large && !circles
const chosen = values.quick
  ? [...searches.filter(isQuick), ...mistakes.filter((_, index) => index % 4 === 0)]
  : [...searches, ...mistakes]
// The largest first, so that no CPU waits for it at the end.
const queue = chosen.sort((a, b) => (b.large ?? false) - (a.large ?? false))
async function work() {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) await checkSearch(next)
}
await Promise.all(Array.from({ length: availableParallelism() }, work))
summarize()
