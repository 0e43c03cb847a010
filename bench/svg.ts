// Plots as SVG, readable on light and on dark pages.

const width = 760
const font = 'system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif'

/** The ring buffer's, the perf buffer's, and what is neither. */
export type Tone = 'ring' | 'perf' | 'other'

const style = `
  text { font: 13px ${font}; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .small { font-size: 12px; fill: #59636e; }
  .page { fill: #ffffff; }
  .grid { stroke: #d1d9e0; stroke-width: 1; }
  .spread { stroke: #1f2328; stroke-width: 1.5; }
  .bar.ring { fill: #1f77b4; } .bar.perf { fill: #d9730d; } .bar.other { fill: #8c959f; }
  .line { fill: none; stroke-width: 2; }
  .line.ring { stroke: #1f77b4; } .line.perf { stroke: #d9730d; } .line.other { stroke: #8c959f; }
  .dashed { stroke-dasharray: 6 4; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .small { fill: #9da7b3; }
    .page { fill: #0d1117; }
    .grid { stroke: #30363d; }
    .spread { stroke: #e6edf3; }
    .bar.ring { fill: #58a6ff; } .bar.perf { fill: #f0a35e; } .bar.other { fill: #7d8590; }
    .line.ring { stroke: #58a6ff; } .line.perf { stroke: #f0a35e; } .line.other { stroke: #7d8590; }
  }`

function escape(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}

function text(
  x: number,
  y: number,
  content: string,
  options: { anchor?: 'start' | 'middle' | 'end'; kind?: string; rotate?: boolean } = {},
): string {
  const { anchor = 'start', kind, rotate = false } = options
  const at = `x="${x.toFixed(1)}" y="${y.toFixed(1)}"`
  const turned = rotate ? ` transform="rotate(-90 ${x.toFixed(1)} ${y.toFixed(1)})"` : ''
  const named = kind === undefined ? '' : ` class="${kind}"`
  return `<text ${at} text-anchor="${anchor}"${named}${turned}>${escape(content)}</text>`
}

function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map((value) => value.toFixed(1))
  return `<line x1="${a ?? ''}" y1="${b ?? ''}" x2="${c ?? ''}" y2="${d ?? ''}" class="${kind}"/>`
}

function page(height: number, title: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
      `width="${width}" height="${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<style>${style}\n</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    text(16, 26, title, { kind: 'title' }),
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

/** 1, 2 or 5 times a power of ten, so that about five fit. */
function stepFor(limit: number): number {
  const power = 10 ** Math.floor(Math.log10(limit / 5))
  return power * ([1, 2, 5].find((factor) => factor * power >= limit / 5) ?? 10)
}

export interface Bar {
  label: string
  tone: Tone
  value: number
  /** The spread of the runs. */
  min: number
  max: number
  /** Written at the end of the bar. */
  text: string
}

interface Scale {
  place: (value: number) => number
  ticks: readonly number[]
}

function linearScale(limit: number, left: number, right: number): Scale {
  const step = stepFor(limit)
  const count = Math.floor((limit / step) * 1.0001)
  return {
    place: (value) => left + (Math.max(0, value) / limit) * (right - left),
    ticks: Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(6))),
  }
}

/** From a power of ten to another. */
function logScale(least: number, most: number, left: number, right: number): Scale {
  const first = Math.floor(Math.log10(least))
  const last = Math.max(first + 1, Math.ceil(Math.log10(most)))
  const part = (value: number): number =>
    (Math.log10(Math.max(value, 10 ** first)) - first) / (last - first)
  return {
    place: (value) => left + part(value) * (right - left),
    ticks: Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i)),
  }
}

/**
 * A row for each value, in groups with a heading each; whiskers show the spread.
 * On a linear scale they are bars; on a logarithmic one, which has no zero for a
 * bar to begin at, dots.
 */
export function bars(
  title: string,
  axis: string,
  groups: readonly { heading: string; bars: readonly Bar[] }[],
  scale: 'linear' | 'log' = 'linear',
): string {
  const left = 264
  const right = width - 110
  const top = 44
  const barHeight = 18
  const rowHeight = 28
  const all = groups.flatMap(({ bars }) => bars)
  const most = Math.max(...all.map(({ max }) => max), 1e-9)
  const least = Math.max(Math.min(...all.map(({ min }) => min)), most / 1e6)
  const { place, ticks } =
    scale === 'log' ? logScale(least, most, left, right) : linearScale(most, left, right)
  const heads = groups.filter(({ heading }) => heading !== '').length
  const bottom = top + (all.length + heads) * rowHeight
  const grid = ticks.flatMap((tick) => [
    line(place(tick), top, place(tick), bottom, 'grid'),
    text(place(tick), bottom + 18, tick.toLocaleString('en'), { anchor: 'middle', kind: 'small' }),
  ])
  const parts: string[] = []
  let y = top
  for (const group of groups) {
    if (group.heading !== '') {
      parts.push(text(16, y + 18, group.heading))
      y += rowHeight
    }
    for (const bar of group.bars) {
      const { value, min, max } = bar
      const middle = y + rowHeight / 2
      parts.push(text(left - 8, middle + 4, bar.label, { anchor: 'end' }))
      if (scale === 'linear') {
        const barWidth = Math.max(1, place(value) - left).toFixed(1)
        parts.push(
          `<rect class="bar ${bar.tone}" x="${left}" y="${middle - barHeight / 2}" ` +
            `width="${barWidth}" height="${barHeight}"/>`,
        )
      }
      if (max > min) {
        parts.push(line(place(min), middle, place(max), middle, 'spread'))
        for (const end of [min, max]) {
          parts.push(line(place(end), middle - 4, place(end), middle + 4, 'spread'))
        }
      }
      if (scale === 'log') {
        const at = `cx="${place(value).toFixed(1)}" cy="${middle}"`
        parts.push(`<circle class="bar ${bar.tone}" ${at} r="6"/>`)
      }
      parts.push(text(place(Math.max(value, max)) + 10, middle + 4, bar.text))
      y += rowHeight
    }
  }
  const label = text((left + right) / 2, bottom + 40, axis, { anchor: 'middle', kind: 'small' })
  return page(bottom + 54, title, [...grid, ...parts, label])
}

export interface Series {
  label: string
  tone: Tone
  dashed: boolean
  points: readonly (readonly [x: number, y: number])[]
  /** Drawn as dots: what was measured. */
  measured: readonly (readonly [x: number, y: number])[]
}

/** Lines on two logarithmic axes, with a tick at each power of two of x and of four of y. */
export function lines(
  title: string,
  xAxis: string,
  yAxis: string,
  series: readonly Series[],
  yLabel: (value: number) => string,
): string {
  const left = 96
  const right = width - 24
  const top = 44
  const bottom = 344
  const xs = series.flatMap(({ points }) => points.map(([x]) => x))
  const ys = series.flatMap(({ points }) => points.map(([, y]) => y))
  const xRange = [Math.log2(Math.min(...xs)), Math.log2(Math.max(...xs))] as const
  const yRange = [
    Math.floor(Math.log2(Math.min(...ys))) - 1,
    Math.ceil(Math.log2(Math.max(...ys))),
  ] as const
  const placeX = (x: number): number =>
    left + ((Math.log2(x) - xRange[0]) / (xRange[1] - xRange[0])) * (right - left)
  const placeY = (y: number): number =>
    bottom - ((Math.log2(y) - yRange[0]) / (yRange[1] - yRange[0])) * (bottom - top)
  const parts: string[] = []
  for (let power = xRange[0]; power <= xRange[1]; power++) {
    const x = placeX(2 ** power)
    parts.push(line(x, top, x, bottom, 'grid'))
    parts.push(text(x, bottom + 18, String(2 ** power), { anchor: 'middle', kind: 'small' }))
  }
  for (let power = yRange[0]; power <= yRange[1]; power += 2) {
    const y = placeY(2 ** power)
    parts.push(line(left, y, right, y, 'grid'))
    parts.push(text(left - 8, y + 4, yLabel(2 ** power), { anchor: 'end', kind: 'small' }))
  }
  series.forEach(({ label, tone, dashed, points, measured }, index) => {
    const kind = `line ${tone}${dashed ? ' dashed' : ''}`
    const path = points.map(([x, y]) => `${placeX(x).toFixed(1)},${placeY(y).toFixed(1)}`)
    parts.push(`<polyline class="${kind}" points="${path.join(' ')}"/>`)
    for (const [x, y] of measured) {
      const at = `cx="${placeX(x).toFixed(1)}" cy="${placeY(y).toFixed(1)}"`
      parts.push(`<circle class="bar ${tone}" ${at} r="5"/>`)
    }
    const legendY = bottom + 68 + 22 * index
    parts.push(line(left, legendY - 4, left + 36, legendY - 4, kind))
    parts.push(text(left + 46, legendY, label))
  })
  parts.push(
    text((left + right) / 2, bottom + 40, xAxis, { anchor: 'middle', kind: 'small' }),
    text(22, (top + bottom) / 2, yAxis, { anchor: 'middle', kind: 'small', rotate: true }),
  )
  return page(bottom + 68 + 22 * series.length, title, parts)
}
