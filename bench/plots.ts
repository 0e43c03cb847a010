// Plots as SVG, drawn by echarts: the same figures give the same bytes.
import { type EChartsOption, init, type SeriesOption } from 'echarts'
import { figure, summary } from './figures.js'
import type { Bars, Lines, Tone } from './types.js'

const width = 760
const font = 'system-ui, sans-serif'

// Each colour is used for one thing only, so that a style sheet in the image can
// give another one on dark pages.
const text = '#1f2328'
const small = '#59636e'
const page = '#ffffff'
const grid = '#d1d9e0'
const tones: Record<Tone, string> = { ring: '#1f77b4', perf: '#d9730d', other: '#8c959f' }
const onDark: Record<string, string> = {
  [text]: '#e6edf3',
  [small]: '#9da7b3',
  [page]: '#0d1117',
  [grid]: '#30363d',
  [tones.ring]: '#58a6ff',
  [tones.perf]: '#f0a35e',
  [tones.other]: '#7d8590',
}

function render(title: string, height: number, option: EChartsOption): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height })
  chart.setOption({
    animation: false,
    backgroundColor: page,
    textStyle: { fontFamily: font },
    title: { text: title, left: 12, top: 8, textStyle: { color: text, fontSize: 15 } },
    ...option,
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  const rules = Object.entries(onDark).flatMap(([light, dark]) => [
    `[fill="${light}"]{fill:${dark}}`,
    `[stroke="${light}"]{stroke:${dark}}`,
  ])
  const style = `<style>@media (prefers-color-scheme:dark){${rules.join('')}}</style>`
  return (
    svg
      // What is for the mouse, with numbers that count the charts of the process.
      .replace(/<style ?><!\[CDATA\[.*?\]\]>\s*<\/style>\n?/s, '')
      .replace(/ (class|ecmeta_\w+|pointer-events)="[^"]*"/g, '')
      .replace('</svg>', `${style}\n</svg>\n`)
  )
}

const axisStyle = {
  axisLine: { lineStyle: { color: grid } },
  axisTick: { show: false },
  minorTick: { show: false },
  splitLine: { show: true, lineStyle: { color: grid } },
  nameTextStyle: { color: small },
}
const axisLabel = { color: small, fontSize: 12 }

/** A line with the ends of the runs for each value: a series of its own. */
function whiskers(
  points: readonly (readonly [y: number, min: number, max: number])[],
): SeriesOption {
  return {
    type: 'custom',
    silent: true,
    data: points.filter(([, min, max]) => max > min).map(([y, min, max]) => [min, y, max]),
    encode: { x: [0, 2], y: 1 },
    renderItem: (_, api) => {
      const [x1 = 0, y = 0] = api.coord([api.value(0), api.value(1)])
      const [x2 = 0] = api.coord([api.value(2), api.value(1)])
      const line = (from: number[], to: number[]): object => ({
        type: 'line',
        shape: { x1: from[0], y1: from[1], x2: to[0], y2: to[1] },
        style: { stroke: text, lineWidth: 1.5 },
      })
      const ends = [x1, x2].map((x) => line([x, y - 4], [x, y + 4]))
      return { type: 'group', children: [line([x1, y], [x2, y]), ...ends] } as never
    },
  }
}

/** On a logarithmic scale, which has no zero for a bar to begin at, dots. */
function drawBars({ title, axis, unit, scale, groups }: Bars): string {
  const lines = groups.flatMap(({ heading, bars }) => [
    ...(heading === '' ? [] : [{ heading }]),
    ...bars,
  ])
  const found = lines.flatMap((line, y) =>
    'values' in line ? [{ ...line, ...summary(line.values), y }] : [],
  )
  const least = Math.min(...found.map(({ min }) => min).filter((min) => min > 0))
  const end = scale === 'log' ? { min: 10 ** Math.floor(Math.log10(least)) } : { min: 0 }
  const marks: SeriesOption = {
    type: scale === 'log' ? 'scatter' : 'bar',
    silent: true,
    ...(scale === 'log' ? { symbolSize: 12 } : { barWidth: 18 }),
    data: found.map(({ y, median, tone }) => ({
      value: [Math.max(median, end.min), y],
      itemStyle: { color: tones[tone], opacity: 1 },
    })),
  }
  // Beside the whisker, not beside the mark.
  const texts: SeriesOption = {
    type: 'scatter',
    silent: true,
    symbolSize: 1,
    data: found.map(({ y, max, median }) => ({
      value: [Math.max(max, end.min), y],
      itemStyle: { opacity: 0 },
      label: {
        show: true,
        position: 'right',
        distance: 10,
        color: text,
        opacity: 1,
        formatter: `${figure(median)} ${unit}`,
      },
    })),
  }
  return render(title, 100 + 28 * lines.length, {
    grid: { left: 264, right: 110, top: 44, bottom: 56 },
    xAxis: {
      ...axisStyle,
      type: scale === 'log' ? 'log' : 'value',
      ...end,
      name: axis,
      nameLocation: 'middle',
      nameGap: 30,
      axisLabel: { ...axisLabel, formatter: (value: number) => value.toLocaleString('en') },
    },
    yAxis: {
      ...axisStyle,
      type: 'category',
      inverse: true,
      splitLine: { show: false },
      data: lines.map((line) =>
        'heading' in line ? { value: line.heading, textStyle: { fontWeight: 'bold' } } : line.label,
      ),
      axisLabel: { color: text, fontSize: 13, interval: 0, width: 250, overflow: 'truncate' },
    },
    series: [marks, whiskers(found.map(({ y, min, max }) => [y, min, max] as const)), texts],
  })
}

/** On two logarithmic axes. */
function drawLines({ title, axis, series, label }: Lines): string {
  const xs = series.flatMap(({ points }) => points.map(([x]) => x))
  const ys = series.flatMap(({ points }) => points.map(([, y]) => y)).filter((y) => y > 0)
  const height = 410 + 22 * series.length
  return render(title, height, {
    grid: { left: 96, right: 32, top: 48, height: 290 },
    legend: {
      orient: 'vertical',
      left: 84,
      top: 392,
      itemWidth: 36,
      textStyle: { color: text, fontSize: 13 },
      data: series.map((one) => one.label),
    },
    xAxis: {
      ...axisStyle,
      type: 'log',
      logBase: 2,
      min: Math.min(...xs),
      max: Math.max(...xs),
      name: axis,
      nameLocation: 'middle',
      nameGap: 28,
      axisLabel,
    },
    yAxis: {
      ...axisStyle,
      type: 'log',
      logBase: 4,
      min: 4 ** Math.floor(Math.log(Math.min(...ys)) / Math.log(4)),
      max: 4 ** Math.ceil(Math.log(Math.max(...ys)) / Math.log(4)),
      axisLabel: { ...axisLabel, formatter: label },
    },
    series: series.flatMap((one): SeriesOption[] => [
      {
        type: 'line',
        name: one.label,
        silent: true,
        showSymbol: false,
        data: one.points.map((point) => [...point]),
        itemStyle: { color: tones[one.tone] },
        lineStyle: { color: tones[one.tone], width: 2, type: one.isDashed ? 'dashed' : 'solid' },
      },
      {
        type: 'scatter',
        silent: true,
        symbolSize: 10,
        data: one.measured.map((point) => [...point]),
        itemStyle: { color: tones[one.tone], opacity: 1 },
      },
    ]),
  })
}

export function drawing(plot: Bars | Lines): string {
  return plot.plot === 'bars' ? drawBars(plot) : drawLines(plot)
}
