// The comparison's plots.
import type { Comparison } from './compare.js'
import { computedBytes } from './memory.js'
import { cpuCounts } from './report.js'
import { dropPrograms, sides } from './rows.js'
import { summary } from '../summary.js'
import { type Bar, bars, lines, type Series, type Tone } from '../svg.js'
import { figure, kibibytes } from '../table.js'

function bar(label: string, tone: Tone, values: readonly number[], unit: string): Bar {
  const { median, min, max } = summary(values)
  return { label, tone, value: median, min, max, text: `${figure(median)} ${unit}` }
}

function memory({ burstEvents, memory: found }: Comparison): string {
  const series = (kind: 'ring' | 'perf', spread: 'one' | 'split', label: string): Series => ({
    label,
    tone: kind,
    dashed: spread === 'split',
    points: cpuCounts.map((cpus) => [cpus, computedBytes(kind, burstEvents, cpus, spread)]),
    measured: found
      .filter((one) => one.kind === kind && one.spread === spread)
      .map(({ cpus, bytes }) => [cpus, bytes]),
  })
  const events = burstEvents.toLocaleString('en')
  return lines(
    `Memory to hold a burst of ${events} events without loss`,
    'CPUs (dots: measured, lines: computed)',
    'buffers in total',
    [
      series('ring', 'one', 'ring buffer, either way'),
      series('perf', 'one', 'perf buffer, the burst may be on any one CPU'),
      series('perf', 'split', 'perf buffer, the burst always splits evenly over the CPUs'),
    ],
    kibibytes,
  )
}

function drops({ drops: found }: Comparison): string {
  const all = Object.keys(dropPrograms) as (keyof typeof dropPrograms)[]
  return bars(
    'Work for an event that is then dropped',
    'ns of the traced workload, less is better',
    [
      {
        heading: '',
        bars: all.map((program) => {
          const { kind, label } = dropPrograms[program]
          return bar(label, kind, found[program], 'ns')
        }),
      },
    ],
  )
}

function cost({ addedNs }: Comparison): string {
  const all = ['ring', 'ringImmediate', 'perf', 'perfEach'] as const
  return bars(
    'Cost of an event to the traced workload',
    'ns more than untraced, less is better, logarithmic',
    [
      {
        heading: '',
        bars: all.map((side) => bar(sides[side].label, sides[side].kind, addedNs[side], 'ns')),
      },
    ],
    'log',
  )
}

function throughput({ speed }: Comparison): string {
  const all = Object.keys(sides) as (keyof typeof sides)[]
  return bars(
    'Throughput at full speed',
    'M records received a second, more is better, logarithmic',
    ([1, 500] as const).map((records) => ({
      heading: `${records} record${records === 1 ? '' : 's'} a system call`,
      bars: all.map((side) => {
        const rates = speed[records][side].map(({ rate }) => rate)
        return bar(sides[side].label, sides[side].kind, rates, 'M/s')
      }),
    })),
    'log',
  )
}

function latency({ latency: found }: Comparison): string {
  const all = ['ring', 'perf', 'perfEach'] as const
  return bars(
    'Latency when idle',
    'µs from the BPF program to the callback, less is better, logarithmic',
    [
      {
        heading: 'median',
        bars: all.map((side) =>
          bar(sides[side].label, sides[side].kind, found[side].medians, 'µs'),
        ),
      },
      {
        heading: '99th percentile',
        bars: all.map((side) => bar(sides[side].label, sides[side].kind, found[side].p99s, 'µs')),
      },
    ],
    'log',
  )
}

/** By name, SVG. */
export function plots(result: Comparison): Record<string, string> {
  return {
    memory: memory(result),
    drops: drops(result),
    cost: cost(result),
    throughput: throughput(result),
    latency: latency(result),
  }
}
