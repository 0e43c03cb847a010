// What the figures say. No sentence names a winner that the figures did not.
import type { Comparison } from './compare.js'
import { computedBytes, type Spread } from './memory.js'
import { type Side, sides } from './rows.js'
import { quantile, summary } from '../summary.js'
import { figure, listed } from '../table.js'

export interface Verdict {
  question: string
  winner: 'ring' | 'perf' | 'neither'
  sentence: string
}

const names = { ring: 'the ring buffer', perf: 'the perf buffer' } as const

/** Of the rounds, how many one side must win to be called better. */
export const clearPart = 0.8
/** And by how much. */
export const clearRatio = 1.05

/**
 * Two sides round by round.
 *
 * @param unit Of the values; the sentence also says how often the better side was it.
 */
export function duel(
  question: string,
  ring: readonly number[],
  perf: readonly number[],
  unit: string,
  better: 'less' | 'more',
): Verdict {
  const medians = { ring: summary(ring).median, perf: summary(perf).median }
  const isBetter = (a: number, b: number): boolean => (better === 'less' ? a < b : a > b)
  const leader = isBetter(medians.perf, medians.ring) ? 'perf' : 'ring'
  const other = leader === 'ring' ? 'perf' : 'ring'
  const [lead, rest] = leader === 'ring' ? [ring, perf] : [perf, ring]
  const won = lead.filter((value, round) => isBetter(value, rest[round] ?? NaN)).length
  const [small, large] = [medians.ring, medians.perf].sort((a, b) => a - b) as [number, number]
  const figures =
    `ring buffer ${figure(medians.ring)} ${unit}, ` + `perf buffer ${figure(medians.perf)} ${unit}`
  // The middle halves of both must lie apart: its bad rounds beat the other's good ones.
  const [bad, good] = better === 'less' ? [0.75, 0.25] : [0.25, 0.75]
  const isClear =
    won >= clearPart * lead.length &&
    (small <= 0 || large / small >= clearRatio) &&
    isBetter(quantile(lead, bad), quantile(rest, good))
  if (!isClear) {
    return { question, winner: 'neither', sentence: `No clear difference: ${figures}.` }
  }
  const factor = small > 0 ? `${(large / small).toFixed(1)} times ${better}` : better
  const rounds = won === lead.length ? `in all ${won} rounds` : `in ${won} of ${lead.length} rounds`
  return {
    question,
    winner: leader,
    sentence: capital(
      `${figures}: ${factor} for ${names[leader]} than for ${names[other]}, ${rounds}.`,
    ),
  }
}

function capital(sentence: string): string {
  return sentence.replace(/^./, (letter) => letter.toUpperCase())
}

function memoryVerdict(
  { burstEvents }: Comparison,
  cpus: number,
  spread: Spread,
  question: string,
): Verdict {
  const ring = computedBytes('ring', burstEvents, cpus, spread)
  const perf = computedBytes('perf', burstEvents, cpus, spread)
  const winner = ring < perf ? 'ring' : perf < ring ? 'perf' : 'neither'
  const times = (count: number): string => {
    const [less, more] =
      winner === 'perf' ? (['perf', 'ring'] as const) : (['ring', 'perf'] as const)
    const bytes = (kind: 'ring' | 'perf'): number => computedBytes(kind, burstEvents, count, spread)
    return `${figure(bytes(more) / bytes(less))} times`
  }
  const sentence =
    winner === 'neither'
      ? `The same on ${cpus} CPUs.`
      : `${names[winner === 'ring' ? 'perf' : 'ring']} needs ${times(2)} the memory of ` +
        `${names[winner]} on 2 CPUs, ${times(cpus)} on ${cpus}.`
  return { question, winner, sentence: capital(sentence) }
}

export function verdicts(result: Comparison): Verdict[] {
  const { speed, addedNs, drops, latency, idle, order } = result
  const onBoth = (kind: 'ring' | 'perf'): number[] =>
    result.together[kind].map((run) => run.together)
  const rates = (records: 1 | 500, side: 'ring' | 'perf'): number[] =>
    speed[records][side].map(({ rate }) => rate)
  const broken = (side: 'perf' | 'perfEach', kind: 'ring' | 'perf'): number[] =>
    order[side].map((run) => (100 * run[kind].invertedProcesses) / run[kind].processes)
  // A wake-up for each event is the perf buffer's quicker way when it is idle.
  const quickPerf =
    summary(latency.perf.medians).median < summary(latency.perfEach.medians).median
      ? latency.perf
      : latency.perfEach
  return [
    memoryVerdict(result, 64, 'one', 'Memory, bursts on any one CPU'),
    memoryVerdict(result, 64, 'split', 'Memory, bursts split evenly over the CPUs'),
    memoryVerdict(result, 64, 'each', 'Memory, a burst on every CPU at once'),
    duel(
      'Order: processes whose fork, exec and exit arrive out of order',
      broken('perf', 'ring'),
      broken('perf', 'perf'),
      '%',
      'less',
    ),
    duel(
      'Work for an event that is then dropped',
      drops.reserve_in_ring,
      drops.prepare_for_perf,
      'ns',
      'less',
    ),
    duel('Cost to the traced workload', addedNs.ring, addedNs.perf, 'ns an event', 'less'),
    duel(
      'Cost to the workload when two CPUs produce at once',
      onBoth('ring'),
      onBoth('perf'),
      'ns an event',
      'less',
    ),
    duel(
      'Throughput, 1 record a system call',
      rates(1, 'ring'),
      rates(1, 'perf'),
      'M records/s',
      'more',
    ),
    duel(
      'Throughput, 500 records a system call',
      rates(500, 'ring'),
      rates(500, 'perf'),
      'M records/s',
      'more',
    ),
    duel('Latency when idle, defaults', latency.ring.medians, latency.perf.medians, 'µs', 'less'),
    duel(
      "Latency when idle, the perf buffer's quicker setting",
      latency.ring.medians,
      quickPerf.medians,
      'µs',
      'less',
    ),
    duel(
      'Wake-ups without any event, defaults',
      idle.ring.wakeups,
      idle.perf.wakeups,
      'a second',
      'less',
    ),
  ]
}

/** The answer, in a few sentences. */
export function answer(all: readonly Verdict[]): string {
  const of = (winner: Verdict['winner']): Verdict[] => all.filter((one) => one.winner === winner)
  const [ring, perf, neither] = [of('ring'), of('perf'), of('neither')]
  const questions = (some: readonly Verdict[]): string =>
    listed(some.map(({ question }) => `“${question}”`))
  const [first, more, less] =
    ring.length >= perf.length ? (['ring', ring, perf] as const) : (['perf', perf, ring] as const)
  const second = first === 'ring' ? 'perf' : 'ring'
  const parts: string[] = []
  if (more.length === less.length) {
    parts.push(`Here each kind is better in ${more.length} of ${all.length} questions.`)
    parts.push(`For ${names.ring}: ${questions(ring)}.`)
    parts.push(`For ${names.perf}: ${questions(perf)}.`)
  } else {
    parts.push(
      `**Use ${names[first]}**: it is better in ${more.length} of these ${all.length} questions.`,
    )
    parts.push(
      less.length === 0
        ? `In none of them is ${names[second]} better.`
        : `${names[second].replace(/^t/, 'T')} is better in ${questions(less)}: ` +
            'take it when that decides for you.',
    )
  }
  if (neither.length > 0) parts.push(`No clear difference: ${questions(neither)}.`)
  if (first === 'ring') {
    parts.push(
      'Kernels before 5.8 have no ring buffer; `BPFRB_EVENT_STREAM()` then uses the perf buffer from the same program.',
    )
  }
  return parts.join('\n')
}

/** A requirement on the ratio of two medians. */
export interface Target {
  what: string
  ratio: number
  atLeast: number
}

/** What the library's perf buffer is to reach against C: medians of the rounds' ratios. */
export function perfTargets({ speed }: Comparison): Target[] {
  const rates = (side: Side): number[] => speed[500][side].map(({ rate }) => rate)
  const median = (side: Side): number => summary(rates(side)).median
  const best = (['cPerf', 'cPerfWatermark', 'cPerfTimer'] as const).reduce((a, b) =>
    median(b) > median(a) ? b : a,
  )
  const ratio = (side: Side): number => {
    const c = rates(side)
    return summary(rates('perf').map((rate, round) => rate / (c[round] ?? NaN))).median
  }
  return [
    {
      what: `PerfBuffer / ${sides.cPerf.label}, 500 a call`,
      ratio: ratio('cPerf'),
      atLeast: 10,
    },
    {
      what: `PerfBuffer / the best C perf row (${sides[best].label}), 500 a call`,
      ratio: ratio(best),
      atLeast: 0.9,
    },
  ]
}
