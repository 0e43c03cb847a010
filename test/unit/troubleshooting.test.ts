// docs/guide/troubleshooting.md has each code and each hint.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const read = (path: string): string => readFileSync(join(__dirname, '../..', path), 'utf8')
const page = read('docs/guide/troubleshooting.md')

test('each error code has a section', () => {
  const [, union = ''] = /type BpfErrorCode =\n((?: {2}\|.*\n)+)/.exec(
    read('lib/errors/errors.ts'),
  ) ?? ['', '']
  const codes = Array.from(union.matchAll(/'(ERR_\w+)'/g), ([, code]) => code)
  expect(codes.length).toBeGreaterThan(18)
  const sections = Array.from(page.matchAll(/^### (ERR_\w+)$/gm), ([, code]) => code)
  expect(sections).toStrictEqual(codes)
})

test('each hint about the machine is explained', () => {
  const text = page.replace(/\s+/g, ' ')
  // The parts of the hints that are the same on each machine, as they are in the source.
  const sources = ['lib/machine/diagnose.ts', 'lib/machine/diagnose-attach.ts']
  const source = sources
    .map(read)
    .join('')
    .replace(/' \+\s*'/g, '')
  const hints = source.matchAll(/(?<=hint:[^'"`]*?)(?:'([^'\n]*)'|"([^"\n]*)"|`([^`]*)`)/g)
  const parts = Array.from(hints, ([, ...texts]) => texts.find(Boolean) ?? '')
    .map((hint) => hint.split(/\$\{(?:[^{}]|\{[^{}]*\})*\}/))
    .map((parts) => parts.reduce((a, b) => (b.length > a.length ? b : a)).trim())
    .map((part) => part.replace(/^[.,:) ]+|[,:( ]+$/g, ''))
  expect(parts.length).toBeGreaterThan(35)
  expect(parts.filter((part) => !text.includes(part))).toStrictEqual([])
})
