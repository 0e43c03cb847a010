// Numbers of several runs, and how they are written.
import type { Claim, MeasuredRow, Values } from './types.js'

export interface Summary {
  median: number
  min: number
  max: number
}

/** Between two values in proportion. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = part * (sorted.length - 1)
  const lower = sorted[Math.floor(place)] ?? NaN
  return lower + (place - Math.floor(place)) * ((sorted[Math.ceil(place)] ?? NaN) - lower)
}

export function median(values: readonly number[] = []): number {
  return quantile(values, 0.5)
}

export function summary(values: readonly number[]): Summary {
  return { median: median(values), min: quantile(values, 0), max: quantile(values, 1) }
}

/** Of one side of a row. */
export function valuesOf(row: MeasuredRow | undefined, side: string, name = 'value'): number[] {
  return [...(row?.sides[side]?.[name] ?? [])]
}

/** Three digits, more of large numbers. */
export function figure(value: number): string {
  const size = Math.abs(value)
  if (size >= 100) return Math.round(value).toLocaleString('en')
  if (size >= 10) return value.toFixed(1)
  return value.toFixed(size >= 1 || size === 0 ? 2 : 3)
}

export function spread(values: readonly number[]): string {
  if (values.length === 0) return ''
  const { median, min, max } = summary(values)
  return min === max ? figure(median) : `${figure(median)} (${figure(min)} – ${figure(max)})`
}

export function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`
}

export function kibibytes(bytes: number): string {
  const kib = bytes / 1024
  if (kib < 1024) return `${kib} KiB`
  return kib < 1024 * 1024 ? `${kib / 1024} MiB` : `${kib / 1024 / 1024} GiB`
}

/** "A", "A and B", "A, B and C". */
export function listed(items: readonly string[]): string {
  if (items.length < 2) return items.join('')
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`
}

/** A side that lost more than this part of the records is not compared. */
export const comparableDrop = 0.01

export function isComparable(values: Values | undefined): boolean {
  return values !== undefined && !(median(values['dropped'] ?? [0]) > comparableDrop)
}

export function meets({ ratio, target }: Claim, divisor = 1): boolean {
  if (ratio === undefined) return false
  return 'atLeast' in target ? ratio >= target.atLeast / divisor : ratio <= target.atMost * divisor
}

/**
 * Two sides of a row, by their medians.
 *
 * @returns Nothing when the row was not measured for both.
 */
export function claimRatio(
  what: string,
  row: MeasuredRow | undefined,
  side: string,
  against: string | undefined,
  target: Claim['target'],
): Claim[] {
  const ours = row?.sides[side]
  const theirs = row?.sides[against ?? '']
  if (row === undefined || ours === undefined || theirs === undefined) return []
  const [a, b] = [summary(ours['value'] ?? []), summary(theirs['value'] ?? [])]
  // What was dropped is not made good by being fast.
  const ratio = isComparable(ours) && b.median > 0 ? a.median / b.median : undefined
  // The best of the one's runs and the worst of the other's.
  const isWithinSpread =
    'atLeast' in target ? a.max / b.min >= target.atLeast : a.min / b.max <= target.atMost
  return [{ what, row: row.name, against: against ?? '', ratio, isWithinSpread, target }]
}

/** What has a bound of its own; `values` are parts of it. */
export function claimBound(what: string, row: string, bound: string, values: number[]): Claim[] {
  if (values.length === 0) return []
  const { median: ratio, min } = summary(values)
  return [{ what, row, against: bound, ratio, isWithinSpread: min <= 1, target: { atMost: 1 } }]
}
