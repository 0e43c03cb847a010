// The doctor's report: what it is made of, and how it reads.
import type { Features } from '../machine/features.js'
import { type Check, checkMachine } from './checks.js'
import type { Proof } from './proof.js'

/**
 * What `bpf-ringbuf doctor --json` prints. Fields may be added; `version` changes
 * when one of them goes or means something else.
 */
export interface Report {
  readonly version: 1
  /** Of this package. */
  readonly package: string
  /** As `process.version` says. */
  readonly node: string
  readonly kernel: string
  readonly architecture: string
  /** Its version; null where the addon cannot be loaded. */
  readonly libbpf: string | null
  /** Whether ring buffers work here: a record was received from one. */
  readonly works: boolean
  /** Of a ring buffer; where that failed, of a perf buffer too. */
  readonly proofs: readonly Proof[]
  readonly checks: readonly Check[]
  /** All that `features()` found. */
  readonly features: Features
}

export function makeReport(version: string, machine: Features, proofs: readonly Proof[]): Report {
  return {
    version: 1,
    package: version,
    node: process.version,
    kernel: machine.kernelRelease,
    architecture: machine.architecture,
    libbpf: machine.libbpfVersion ?? null,
    works: proofs.some(({ buffer, received }) => buffer === 'ring' && received),
    proofs,
    checks: checkMachine(machine),
    features: machine,
  }
}

const columns = 100
const indent = '  '
const answerWidth = 8
const nameWidth = 24
const textColumn = indent.length + answerWidth + nameWidth

const titles = {
  needed: 'What ring buffers need',
  attach: 'Where programs can be attached',
  other: 'What else there is',
}

const colors = { yes: 32, no: 31, unknown: 33 }

/** The report as text, in lines of at most 100 columns. */
export function renderReport(report: Report, colored: boolean): string {
  const paint = (color: number, text: string): string =>
    colored ? `\x1b[${color}m${text}\x1b[0m` : text
  const answer = (of: keyof typeof colors): string => paint(colors[of], of.padEnd(answerWidth))
  const lines = [
    `bpf-ringbuf ${report.package}, Linux ${report.kernel} on ${report.architecture}, ` +
      `Node ${report.node.replace(/^v/, '')}, libbpf ${report.libbpf ?? 'not loaded'}`,
  ]
  const told = new Set<string | undefined>()
  for (const [group, title] of Object.entries(titles)) {
    lines.push('', title)
    const checks = report.checks.filter((check) => check.group === group)
    for (const row of joinUntold(checks)) {
      // What makes many unknown is said once.
      const mend = row.answer === 'unknown' && told.has(row.mend) ? undefined : row.mend
      told.add(row.mend)
      lines.push(...renderRow({ ...row, mend }, answer(row.answer)))
    }
  }
  lines.push('', 'Proof')
  for (const proof of report.proofs) {
    const row = {
      name: `${proof.buffer} buffer`,
      answer: proof.received ? 'yes' : 'no',
      why: proof.why ?? `A program was loaded and its record received, ${proof.milliseconds} ms`,
      mend: proof.mend,
    } as const
    lines.push(...renderRow(row, answer(row.answer), true))
  }
  const verdict = paint(report.works ? colors.yes : colors.no, verdictOf(report))
  return [...lines, '', verdict, ''].join('\n')
}

function verdictOf({ works, proofs }: Report): string {
  if (works) return 'Ring buffers work here.'
  const perf = proofs.some(({ buffer, received }) => buffer === 'perf' && received)
  return `Ring buffers do not work here${perf ? '; perf buffers do' : ''}.`
}

type Row = Pick<Check, 'name' | 'answer' | 'why' | 'value' | 'stops'> & {
  mend?: string | undefined
}

/** What cannot be told for one and the same reason is one row, with the reason once. */
function joinUntold(checks: readonly Check[]): Row[] {
  const rows: Row[] = []
  const untold = new Map<string, string[]>()
  for (const check of checks) {
    if (check.answer !== 'unknown') {
      rows.push(check)
      continue
    }
    const names = untold.get(check.why)
    if (names !== undefined) {
      names.push(check.name)
      continue
    }
    untold.set(check.why, [check.name])
    rows.push(check)
  }
  return rows.map((row) => {
    const names = row.answer === 'unknown' ? untold.get(row.why) : undefined
    if (names === undefined || names.length === 1) return row
    const { answer, why, mend } = row
    return { name: '', answer, why: `${names.join(', ')}: ${why}`, mend }
  })
}

function renderRow(row: Row, answer: string, told = false): string[] {
  const { name, answer: is, value, why, stops, mend } = row
  const head = `${indent}${answer}${name.padEnd(nameWidth)}`
  if (is === 'yes' && !told) return [`${head}${typeof value === 'string' ? value : ''}`.trimEnd()]
  const text = wrap(why, columns - textColumn)
  const details = [
    ...(stops === undefined || is === 'unknown' ? [] : labelled('stops', stops)),
    ...(mend === undefined ? [] : labelled('mend', mend)),
  ]
  const [first = '', ...others] = [...text, ...details]
  return [`${head}${first}`.trimEnd(), ...others.map((line) => ' '.repeat(textColumn) + line)]
}

function labelled(label: string, text: string): string[] {
  const width = 7
  return wrap(text, columns - textColumn - width).map(
    (line, index) => (index === 0 ? `${label}:` : '').padEnd(width) + line,
  )
}

/** Breaks a text between words; a word that is too long stays whole. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ''
    }
    line += line === '' ? word : ` ${word}`
  }
  return [...lines, line]
}
