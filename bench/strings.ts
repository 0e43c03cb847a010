// What a reader's cache of strings gains and costs: exec events of this machine,
// recorded now, and the same events with strings that are new each time.
//
//   make build-bench && node build/bench/strings.js [--rounds N]    (root, 10 s)
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BpfObject, bytes, cstring, RingBuffer, struct, u32, u64 } from 'bpf-ringbuf'
import type * as Batch from '../dist/stream/batch.js'
import type * as Walk from '../dist/stream/walk.js'
import type * as Cstring from '../dist/types/cstring.js'

// Parts of the library that the package does not export.
const dist = join(__dirname, '../../dist')
const load = createRequire(__filename)
const { Arena } = load(join(dist, 'stream/batch.js')) as typeof Batch
const { compile } = load(join(dist, 'stream/walk.js')) as typeof Walk
const { readCstring, createCachedCstrings } = load(join(dist, 'types/cstring.js')) as typeof Cstring

/** `struct event` of bpf/exec-snoop.h; of its strings the first, which is the file's name. */
const Event = struct('event', {
  time_ns: u64,
  duration_ns: u64,
  kind: u32,
  pid: u32,
  ppid: u32,
  uid: u32,
  exit_status: u32,
  args_size: u32,
  strings_size: u32,
  reserved: u32,
  comm: cstring(16),
  filename: cstring(),
})
const commOffset = 48
const filenameOffset = 64
const kindOffset = 16
const kindExec = 1

/** What people and their scripts do: the same few dozen programs, again and again. */
const work = `
cd "$1"
for i in 1 2 3 4 5 6 7 8; do
  git status --short; git log --oneline -n 3; git diff --stat; make -n build
  find lib -name '*.ts' -exec wc -l {} ';' | sort -n | tail -n 3
  for f in native/*/*.cc; do
    name=$(basename "$f"); dir=$(dirname "$f")
    grep -c include "$f" | tr -d ' ' | cut -c 1-3
    sed -n 1p "$dir/$name" | awk '{ print $1 }' | xargs echo
  done
  for command in date id hostname uname whoami 'ps -e' 'df /' 'env true' 'ls -l' nproc; do $command; done
  ls lib | xargs -n 1 echo | head -n 5; seq 9 | sort -r | uniq | wc -l
  cat package.json | sha256sum; stat README.md; readlink -f .; mktemp -u; expr $i + 1; sleep 0.001
done`

function record(): Uint8Array[] {
  const root = join(__dirname, '../..')
  const events: Uint8Array[] = []
  using object = BpfObject.open(join(root, 'build/bpf/exec-snoop.bpf.o'))
  object.load()
  object.attach()
  const take = (event: Uint8Array): void => {
    if (new DataView(event.buffer).getUint32(kindOffset, true) === kindExec) events.push(event)
  }
  using ring = new RingBuffer(object.map('events'), bytes(), take)
  const { status, stderr } = spawnSync('bash', ['-c', work, 'work', root], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the work that is recorded failed: ${stderr}`)
  ring.consume()
  return events
}

const batchRecords = 400
const strideBytes = 8 + 1024
const arena = new Arena(new ArrayBuffer(batchRecords * strideBytes), 1)
let end = 0

/** A batch of these events from the one at `first` on. */
function fill(events: readonly Uint8Array[], first: number): void {
  let at = 0
  for (let i = 0; i < batchRecords; i++) {
    const event = events[(first + i) % events.length] as Uint8Array
    arena.u32[at / 4] = event.length
    arena.u32[at / 4 + 1] = 0
    arena.u8.set(event, at + 8)
    at += 8 + ((event.length + 7) & ~7)
  }
  end = at
}

let made = 0

/** Makes the strings at these offsets of each event of the batch unlike all before. */
function renew(offsets: readonly number[]): void {
  const { u8, u32 } = arena
  for (let at = 0; at < end; at += 8 + (((u32[at / 4] as number) + 7) & ~7)) {
    made++
    for (const offset of offsets) {
      const start = at + 8 + offset
      let stop = start
      while (u8[stop] !== 0) stop++
      // Six digits at the end, or instead of less.
      stop = Math.max(stop, start + 6)
      u8[stop] = 0
      for (let rest = made, i = 1; i <= 6; i++, rest = Math.floor(rest / 26)) {
        u8[stop - i] = 0x61 + (rest % 26)
      }
    }
  }
}

interface Side {
  walk: Walk.Walk
  characters: number
  onRecord: (event: { comm: string; filename: string }) => void
}

function createSide(cstrings: () => Cstring.ReadCstring): Side {
  const side: Side = {
    walk: compile(Event, 'ring', 'events', cstrings),
    characters: 0,
    onRecord: (event) => {
      side.characters += event.comm.length + event.filename.length
    },
  }
  return side
}

const raise = (error: unknown): never => {
  throw error
}

/** Nanoseconds an event. */
function measure(side: Side, events: readonly Uint8Array[], newOffsets: readonly number[]): number {
  const batches = 300
  let ns = 0n
  for (let batch = 0; batch < batches; batch++) {
    fill(events, batch * batchRecords)
    renew(newOffsets)
    const cursor = { position: 0, end, records: 0, limit: Infinity, raise, returned: raise }
    const start = process.hrtime.bigint()
    side.walk(arena, cursor, 0, side.onRecord)
    ns += process.hrtime.bigint() - start
    if (cursor.records !== batchRecords) throw new Error('records were left out')
  }
  return Number(ns) / (batches * batchRecords)
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.round(share * (sorted.length - 1))] ?? NaN
}

function summary(values: readonly number[], digits: number): string {
  const [low, median, high] = [0, 0.5, 1].map((share) => quantile(values, share).toFixed(digits))
  return `${median ?? ''} (${low ?? ''} to ${high ?? ''})`
}

function compare(
  what: string,
  events: readonly Uint8Array[],
  newOffsets: readonly number[],
  rounds: number,
): void {
  const sides = [createSide(() => readCstring), createSide(createCachedCstrings())] as const
  const ns: [number[], number[]] = [[], []]
  // The first rounds warm the compiled loops up; who is first takes turns.
  for (let round = -2; round < rounds; round++) {
    for (const i of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const value = measure(sides[i], events, newOffsets)
      if (round >= 0) ns[i].push(value)
    }
  }
  if (sides[0].characters !== sides[1].characters) throw new Error('the strings differ')
  const ratios = ns[1].map((value, i) => value / (ns[0][i] as number))
  console.log(
    `${what}: ${summary(ns[0], 1)} ns without, ${summary(ns[1], 1)} ns with the cache, ` +
      `ratio ${summary(ratios, 2)}`,
  )
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '11' } } })
const events = record()
const texts = (offset: number): string[] =>
  events.map((event) => Buffer.from(event).subarray(offset).toString().split('\0', 1)[0] ?? '')
const [comms, filenames] = [texts(commOffset), texts(filenameOffset)]
console.log(
  `${String(events.length)} exec events with ${String(new Set(comms).size)} names and ` +
    `${String(new Set(filenames).size)} files, ` +
    `${String(filenames.join('').length / events.length)} characters a file`,
)
const rounds = Number(values.rounds)
compare('as recorded', events, [], rounds)
compare('new files', events, [filenameOffset], rounds)
compare('all new', events, [commOffset, filenameOffset], rounds)
