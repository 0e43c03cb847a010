// What the benches have in common.

/** How long a run warms up and is measured, in milliseconds. */
export interface Window {
  warmUpMs: number
  measuredMs: number
}

/** What one run gives, by name; sides are compared by their `value`. */
export type Measurement = Readonly<Record<string, number>> & { readonly value: number }

/** By name, one value a round. */
export type Values = Readonly<Record<string, readonly number[]>>

/** Sides that take turns under the same load. */
export interface Row {
  name: string
  /** Rows of one group stand in one section. */
  group: string
  title: string
  unit: string
  better: 'more' | 'less'
  sides: readonly string[]
  /** Producer and consumer run at the same time, each with a CPU of its own. */
  isParallel?: boolean
  /** More threads than CPUs: the scheduler is measured too. */
  isOversubscribed?: boolean
  isQuick?: boolean
  run(side: string, window: Window): Promise<Measurement>
}

export interface MeasuredRow extends Omit<Row, 'run' | 'sides'> {
  sides: Record<string, Values>
}

/** What is promised: a ratio of medians, or whatever else has a bound. */
export interface Claim {
  what: string
  row: string
  against: string
  /** Nothing where a side lost records. */
  ratio: number | undefined
  /** The runs of both lie so far apart that it may as well be met. */
  isWithinSpread: boolean
  target: { atLeast: number } | { atMost: number }
}

export interface Results {
  date: string
  machine: string
  rounds: number
  window: Window
  /** Of the last minute, before and after: others may work on this machine too. */
  load: [before: number, after: number]
  rows: MeasuredRow[]
  claims: Claim[]
}

/** The first column is text, the others are figures. */
export interface Table {
  head: readonly string[]
  rows: readonly (readonly string[])[]
}

/** The ring buffer's, the perf buffer's, and what is neither. */
export type Tone = 'ring' | 'perf' | 'other'

export interface Bar {
  label: string
  tone: Tone
  values: readonly number[]
}

export interface Series {
  label: string
  tone: Tone
  isDashed: boolean
  points: readonly (readonly [x: number, y: number])[]
  /** Drawn as dots. */
  measured: readonly (readonly [x: number, y: number])[]
}

export interface Bars {
  plot: 'bars'
  /** Of its file: NAME.svg beside the document, which begins it with its own name. */
  name: string
  title: string
  axis: string
  unit: string
  scale: 'linear' | 'log'
  groups: readonly { heading: string; bars: readonly Bar[] }[]
}

export interface Lines {
  plot: 'lines'
  name: string
  title: string
  axis: string
  series: readonly Series[]
  label: (value: number) => string
}

/** Of a document: Markdown that is wrapped when it is written, a table, a plot. */
export type Block = string | Table | Bars | Lines

/** A document in docs/, and the rows whose figures are in it. */
export interface Study {
  name: string
  rows: readonly Row[]
  rounds: { quick: number; whole: number }
  window: { quick: Window; whole: Window }
  /** After so long something hangs. */
  limitMinutes: { quick: number; whole: number }
  /** Versions of what else took part. */
  versions: () => readonly string[]
  claims: (rows: readonly MeasuredRow[]) => Claim[]
  document: (results: Results) => Block[]
}
