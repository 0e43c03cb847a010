// What the figures say. No sentence names a winner that the figures did not.
import { figure, listed, median, quantile, valuesOf } from '../figures.js'
import type { MeasuredRow } from '../types.js'
import { computedBytes, type Spread } from './runs.js'

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

function capital(sentence: string): string {
  return sentence.replace(/^./, (letter) => letter.toUpperCase())
}

/** Two sides round by round. */
function duel(
  question: string,
  ring: readonly number[],
  perf: readonly number[],
  unit: string,
  better: 'less' | 'more',
): Verdict {
  const medians = { ring: median(ring), perf: median(perf) }
  const isBetter = (a: number, b: number): boolean => (better === 'less' ? a < b : a > b)
  const leader = isBetter(medians.perf, medians.ring) ? 'perf' : 'ring'
  const other = leader === 'ring' ? 'perf' : 'ring'
  const [lead, rest] = leader === 'ring' ? [ring, perf] : [perf, ring]
  const won = lead.filter((value, round) => isBetter(value, rest[round] ?? NaN)).length
  const small = Math.min(medians.ring, medians.perf)
  const large = Math.max(medians.ring, medians.perf)
  const figures = `Ring buffer ${figure(medians.ring)} ${unit}, perf buffer ${figure(medians.perf)} ${unit}`
  // The middle halves of both must lie apart: its bad rounds beat the other's good ones.
  const [bad, good] = better === 'less' ? [0.75, 0.25] : [0.25, 0.75]
  const isClear =
    won >= clearPart * lead.length &&
    (small <= 0 || large / small >= clearRatio) &&
    isBetter(quantile(lead, bad), quantile(rest, good))
  if (!isClear) return { question, winner: 'neither', sentence: `${figures}: no clear difference.` }
  const factor = small > 0 ? `${(large / small).toFixed(1)} times ${better}` : better
  const rounds = won === lead.length ? `in all ${won} rounds` : `in ${won} of ${lead.length} rounds`
  const sentence = `${figures}: ${factor} for ${names[leader]} than for ${names[other]}, ${rounds}.`
  return { question, winner: leader, sentence }
}

function memoryVerdict(question: string, spread: Spread): Verdict {
  const cpus = 64
  const ratio = (count: number): number =>
    computedBytes('perf', count, spread) / computedBytes('ring', count, spread)
  const sign = Math.sign(ratio(cpus) - 1)
  if (sign === 0) return { question, winner: 'neither', sentence: `The same on ${cpus} CPUs.` }
  const [winner, other] = sign > 0 ? (['ring', 'perf'] as const) : (['perf', 'ring'] as const)
  const times = (count: number): string => `${figure(ratio(count) ** sign)} times`
  const sentence = `${names[other]} needs ${times(2)} the memory of ${names[winner]} on 2 CPUs, ${times(cpus)} on ${cpus}.`
  return { question, winner, sentence: capital(sentence) }
}

export function verdicts(rows: readonly MeasuredRow[]): Verdict[] {
  const of = (row: string, side: string, name?: string): number[] =>
    valuesOf(
      rows.find((one) => one.name === row),
      side,
      name,
    )
  const duelOf = (
    question: string,
    unit: string,
    better: 'less' | 'more',
    row: string,
    name?: string,
    sides: readonly [ring: string, perf: string] = ['rb-node', 'pb-node'],
  ): Verdict[] => {
    const [ring, perf] = [of(row, sides[0], name), of(row, sides[1], name)]
    return ring.length === 0 ? [] : [duel(question, ring, perf, unit, better)]
  }
  // A wake-up for each event is the perf buffer's quicker way when it is idle.
  const isEachQuicker = median(of('idle', 'pb-node-each')) < median(of('idle', 'pb-node'))
  const quickPerf = isEachQuicker ? 'pb-node-each' : 'pb-node'
  const dropSides = ['reserve_in_ring', 'prepare_for_perf'] as const
  return [
    memoryVerdict('Memory, bursts on any one CPU', 'one'),
    memoryVerdict('Memory, bursts split evenly over the CPUs', 'split'),
    memoryVerdict('Memory, a burst on every CPU at once', 'each'),
    ...duelOf('Processes whose fork, exec and exit arrive out of order', '%', 'less', 'order'),
    ...duelOf('Work for an event that is then dropped', 'ns', 'less', 'drop', 'value', dropSides),
    ...duelOf('Cost to the traced workload', 'ns an event', 'less', 'cost'),
    ...duelOf(
      'The same when two CPUs produce at once',
      'ns an event',
      'less',
      'together',
      'value',
      ['ring', 'perf'],
    ),
    ...duelOf('Throughput, 1 record a system call', 'M records/s', 'more', 'speed-1'),
    ...duelOf('Throughput, 500 records a system call', 'M records/s', 'more', 'speed-500'),
    ...duelOf('Latency when idle, defaults', 'µs', 'less', 'idle'),
    ...duelOf(
      'Latency when idle, the perf buffer’s quicker setting',
      'µs',
      'less',
      'idle',
      'value',
      ['rb-node', quickPerf],
    ),
    ...duelOf('Wake-ups without any event, defaults', 'a second', 'less', 'idle', 'wakeups'),
  ]
}

/** The answer, in a few sentences. */
export function answer(all: readonly Verdict[]): string {
  const of = (winner: Verdict['winner']): string[] =>
    all.filter((one) => one.winner === winner).map(({ question }) => `“${question}”`)
  const won = { ring: of('ring'), perf: of('perf') }
  const neither = of('neither')
  const [first, second] =
    won.ring.length >= won.perf.length ? (['ring', 'perf'] as const) : (['perf', 'ring'] as const)
  const isTie = won.ring.length === won.perf.length
  const parts = isTie
    ? [
        `Here each kind is better in ${won.ring.length} of ${all.length} questions.`,
        `For ${names.ring}: ${listed(won.ring)}.`,
        `For ${names.perf}: ${listed(won.perf)}.`,
      ]
    : [
        `**Use ${names[first]}**: it is better in ${won[first].length} of these ${all.length} questions.`,
        won[second].length === 0
          ? `In none of them is ${names[second]} better.`
          : `${capital(names[second])} is better in ${listed(won[second])}: take it when that decides for you.`,
      ]
  if (neither.length > 0) parts.push(`There is no clear difference in ${listed(neither)}.`)
  if (first === 'ring') {
    parts.push(
      'Kernels before 5.8 have no ring buffer; `BPFRB_EVENT_STREAM()` then uses the perf buffer from the same program.',
    )
  }
  return parts.join(' ')
}
