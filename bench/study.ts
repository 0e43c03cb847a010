// Measures the rows of a study and writes what was found.
//
//   [--quick] [--json] [--row NAME]... [--rounds N] [--write] [--check DIVISOR]
//
// Prints tables, or with --json everything, and writes both with plots to
// bench/results/whole/ (or quick/, or rows/ of --row); --write writes docs/ too.
// --check fails when a claim is missed by more than a factor DIVISOR.
import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { fail, parseOptions, UsageError } from '../test/stress/options.js'
import { meets } from './figures.js'
import { isPinned, machine } from './machine.js'
import { buildDir } from './processes.js'
import { terminalText, writeDocument } from './report.js'
import type { Claim, MeasuredRow, Measurement, Results, Row, Study, Window } from './types.js'

async function measureRow(row: Row, rounds: number, window: Window): Promise<MeasuredRow> {
  const names = row.sides
  const sides: Record<string, Record<string, number[]>> = {}
  for (const name of names) sides[name] = {}
  // In turns, so that a slow moment of the machine hits all, and in the reverse
  // order every other round, so that none always runs after the same other one.
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      for (const [of, value] of Object.entries(await runUntilMade(row, name, window))) {
        const measured = sides[name] ?? {}
        ;(measured[of] ??= []).push(value)
      }
    }
  }
  return { ...row, sides }
}

/** Again when the producer did not get to run: a virtual machine stands still at times. */
async function runUntilMade(row: Row, side: string, window: Window): Promise<Measurement> {
  for (let attempt = 0; attempt < 3; attempt++) {
    const measurement = await row.run(side, window)
    if (Object.values(measurement).every(Number.isFinite)) return measurement
  }
  throw new Error(`${row.name}, ${side}: three times in a row the producer made nothing`)
}

async function measure(
  study: Study,
  rows: readonly Row[],
  rounds: number,
  window: Window,
): Promise<Results> {
  const before = loadavg()[0] ?? NaN
  const measured: MeasuredRow[] = []
  for (const row of rows) {
    const start = performance.now()
    measured.push(await measureRow(row, rounds, window))
    console.error(`  ${row.name}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
  }
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(...study.versions()),
    rounds,
    window,
    load: [before, loadavg()[0] ?? NaN],
    rows: measured,
    claims: study.claims(measured),
  }
}

function integerOf(option: string, text: string, least: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least) return value
  throw new UsageError(`--${option}: expected an integer of at least ${least}`)
}

/** The row of this name, or else those of this group. */
function rowsNamed(rows: readonly Row[], name: string): Row[] {
  for (const key of ['name', 'group'] as const) {
    const found = rows.filter((row) => row[key] === name)
    if (found.length > 0) return found
  }
  const known = [...new Set(rows.flatMap((row) => [row.group, row.name]))].join(', ')
  throw new UsageError(`--row: no row is called that; rows: ${known}`)
}

function check(claims: readonly Claim[], divisor: number): void {
  // Short runs on a busy machine lose records now and then.
  const compared = claims.filter(({ ratio }) => ratio !== undefined)
  // Nor is much said by a ratio whose sides' runs lie across each other, as what little a
  // workload is slowed by does on some machines.
  const missed = compared.filter((claim) => !meets(claim, divisor) && !claim.isWithinSpread)
  for (const { what, row, ratio = NaN } of missed) {
    console.log(`missed by more than a factor ${divisor}: ${what}, row ${row}: ${ratio}`)
  }
  if (compared.length < claims.length / 2) {
    throw new Error(`${compared.length} of ${claims.length} claims could be compared`)
  }
  if (missed.length > 0) process.exitCode = 1
}

async function run(study: Study): Promise<void> {
  const values = parseOptions({
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      row: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      write: { type: 'boolean', default: false },
      check: { type: 'string' },
    },
  })
  const length = values.quick ? 'quick' : 'whole'
  const rounds = integerOf('rounds', values.rounds ?? String(study.rounds[length]), 1)
  const divisor = values.check === undefined ? undefined : integerOf('check', values.check, 1)
  const named = values.row.flatMap((name) => rowsNamed(study.rows, name))
  const isChosen = (row: Row): boolean => !values.quick || row.isQuick === true
  const rows = named.length > 0 ? named : study.rows.filter(isChosen)
  if (values.write && (values.quick || named.length > 0)) {
    throw new UsageError('--write: the documents are of whole runs, without --quick and --row')
  }
  if (!isPinned()) return
  const minutes = study.limitMinutes[length]
  setTimeout(() => fail(study.name, `not done within ${minutes} minutes`), minutes * 60e3).unref()

  const results = await measure(study, rows, rounds, study.window[length])
  const json = JSON.stringify(results, null, 2)
  const blocks = study.document(results)
  console.log(values.json ? json : `${results.machine}\n\n${terminalText(blocks)}`)
  const directory = join(buildDir, '../bench/results', named.length > 0 ? 'rows' : length)
  writeDocument(blocks, directory, study.name)
  writeFileSync(join(directory, `${study.name}.json`), `${json}\n`)
  if (values.write) writeDocument(blocks, join(buildDir, '../docs'), study.name)
  if (divisor !== undefined) check(results.claims, divisor)
}

export function main(study: Study): void {
  run(study).catch((error: unknown) => fail(study.name, error))
}
