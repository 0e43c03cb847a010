// The benchmark's plots.
import type { MeasuredRow, Results } from './bench.js'
import { namesOf } from './claims.js'
import { type ConsumerName, consumers, isNode } from './consumers.js'
import type { Group } from './rows.js'
import { summary } from './summary.js'
import { type Bar, bars, lines, type Series, type Tone } from './svg.js'
import { figure } from './table.js'

function toneOf(name: ConsumerName): Tone {
  return isNode(name) ? consumers[name].kind : 'other'
}

function rowBars(row: MeasuredRow, unit: string): Bar[] {
  return namesOf(row).map((name) => {
    const { values = [] } = row.consumers[name] ?? {}
    const { median, min, max } = summary(values)
    const text = `${figure(median)} ${unit}`
    return { label: name, tone: toneOf(name), value: median, min, max, text }
  })
}

/** One line a consumer over the rows' titles, which are numbers. */
function series(rows: readonly MeasuredRow[], names: readonly ConsumerName[]): Series[] {
  return names.map((name) => {
    const points = rows.flatMap((row): [number, number][] => {
      const values = row.consumers[name]?.values
      return values === undefined ? [] : [[Number(row.title), summary(values).median]]
    })
    const tone = name.endsWith('custom') ? 'other' : consumers[name].kind
    const isDashed = !isNode(name)
    const label = `${name}: ${consumers[name].label}`
    return { label, tone, dashed: isDashed, points, measured: points }
  })
}

/** By name, SVG. */
export function plots(results: Results): Record<string, string> {
  const of = (group: Group): MeasuredRow[] => results.rows.filter((row) => row.group === group)
  const found: Record<string, string> = {}
  const addBars = (group: Group, title: string, axis: string, unit: string): void => {
    const rows = of(group)
    if (rows.length === 0) return
    const parts = rows.map((row) => ({ heading: row.title, bars: rowBars(row, unit) }))
    found[group] = bars(title, `${axis}, logarithmic`, parts, 'log')
  }
  addBars(
    'parallel',
    'Producer and consumer in parallel',
    'M records a second, more is better',
    'M/s',
  )
  addBars('workload', 'Cost to the traced workload', 'ns more a system call, less is better', 'ns')
  addBars('latency', 'Latency, 99th percentile', 'µs, less is better', 'µs')
  const rate = (value: number): string => `${figure(value)} M/s`
  const rates = of('sample-rate')
  if (rates.length > 1) {
    const title = 'Back-to-back, by sample rate'
    const axis = 'records a call and a wake-up'
    found['sample-rate-ring'] = lines(
      title,
      axis,
      'throughput',
      series(rates, ['rb-node', 'rb-libbpf', 'rb-custom']),
      rate,
    )
    found['sample-rate-perf'] = lines(
      title,
      axis,
      'throughput',
      series(rates, ['pb-node', 'pb-libbpf', 'pb-custom']),
      rate,
    )
  }
  const sizes = of('size')
  if (sizes.length > 1) {
    found['size'] = lines(
      'Throughput by size of the records',
      'bytes a record',
      'throughput',
      series(sizes, ['rb-node', 'rb-libbpf', 'rb-custom', 'pb-node', 'pb-libbpf-watermark']),
      rate,
    )
  }
  return found
}
