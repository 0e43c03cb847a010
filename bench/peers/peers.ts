// Measures this library against other ways to read the same ring.
//
//   node build/bench/peers/peers.js [--quick] [--json] [--write]
//
// Prints tables, or with --json everything, and writes bench/results/peers.json.
// --write makes docs/peers.md of it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { measure, type Plan } from './measure.js'
import { describe, page, plots, tables } from './report.js'
import { fail, parseOptions } from '../options.js'
import { buildDir } from '../processes.js'
import { isPinned } from '../summary.js'

const full: Plan = { rounds: 5, seconds: 1, searched: ['record', 'event'], halvings: 5 }
const quick: Plan = { rounds: 2, seconds: 0.25, searched: ['event'], halvings: 3 }

async function main(): Promise<void> {
  const values = parseOptions({
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  })
  if (!isPinned()) return
  const measured = await measure(values.quick ? quick : full, (what) => {
    console.error(`peers: ${what}`)
  })
  const json = JSON.stringify({ machine: describe(measured), ...measured }, null, 2)
  if (values.json) console.log(json)
  else console.log(`${describe(measured)}; median (minimum – maximum)\n\n${tables(measured)}`)
  const results = join(buildDir, '../bench/results')
  mkdirSync(results, { recursive: true })
  writeFileSync(join(results, 'peers.json'), `${json}\n`)
  if (!values.write) return
  const docs = join(buildDir, '../docs')
  writeFileSync(join(docs, 'peers.md'), page(measured))
  for (const [name, svg] of Object.entries(plots(measured))) {
    writeFileSync(join(docs, `peers-${name}.svg`), svg)
  }
}

main().catch((error: unknown) => fail('peers', error))
