// Names of the numbers that the kernel has.
import { constants as files } from 'node:fs'
import { constants } from 'node:os'

const signals = new Map(
  Object.entries(constants.signals)
    .reverse() // the usual one of several names comes first
    .map(([name, number]) => [number, name]),
)

export function signalName(signal: number): string {
  return signals.get(signal) ?? `SIG${signal}`
}

/** Of a name, with or without SIG, or a number; nothing when there is none. */
export function signalNumber(text: string): number | undefined {
  const name = text.toUpperCase().replace(/^(SIG)?/, 'SIG')
  const found = Object.entries(constants.signals).find(([known]) => known === name)
  const number = found?.[1] ?? Number(text)
  return Number.isInteger(number) && number > 0 && number <= 64 ? number : undefined
}

const errors = new Map([
  ...Object.entries(constants.errno)
    .reverse()
    .map(([name, number]): [number, string] => [number, name]),
  [constants.errno.EOPNOTSUPP, 'EOPNOTSUPP'],
  // Of calls that a signal interrupted: they are made again, or fail with EINTR.
  [512, 'ERESTARTSYS'],
  [513, 'ERESTARTNOINTR'],
  [514, 'ERESTARTNOHAND'],
  [516, 'ERESTART_RESTARTBLOCK'],
])

/** Of a positive error number. */
export function errorName(error: number): string {
  return errors.get(error) ?? `error ${error}`
}

/** Of what a system call returned; null when that is no error. */
export function errorOf(result: number): string | null {
  return result < 0 ? errorName(-result) : null
}

/** The bits of a number, as C programs write them; those without a name in hexadecimal. */
export function bitNames(bits: number, names: Readonly<Record<string, number>>): string[] {
  let left = bits >>> 0
  const found: string[] = []
  // Those of several bits have higher numbers than those that are in them.
  for (const [name, value] of Object.entries(names).sort(([, a], [, b]) => b - a)) {
    if (value === 0 || (left & value) >>> 0 !== value) continue
    found.unshift(name)
    left = (left & ~value) >>> 0
  }
  return left === 0 ? found : [...found, `0x${left.toString(16)}`]
}

const accessModes = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE']
const openNames = {
  ...Object.fromEntries(Object.entries(files).filter(([name]) => name.startsWith('O_'))),
  // Those that Node does not know.
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
  O_TMPFILE: 0o20000000 | files.O_DIRECTORY,
}

const openFlagsOf = new Map<number, string>()

/** What open(2) is told. */
export function openFlags(flags: number): string {
  const known = openFlagsOf.get(flags)
  if (known !== undefined) return known
  const text = [accessModes[flags & 3], ...bitNames(flags & ~3, openNames)].join('|')
  openFlagsOf.set(flags, text)
  return text
}
