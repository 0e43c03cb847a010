// Command lines with hostile arguments and environments: exit status 0, 1 or 2,
// with one line that says why when it is not 0. Never a stack trace or a hang.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Random } from '../unit/random.js'
import { root } from './targets.js'

export interface CommandLine {
  program: string
  args: string[]
  /** Besides the usual one; `null` takes a variable away. */
  env: Record<string, string | null>
}

const timeLimitMs = 60_000

/** With what makes each end soon when all its other arguments are good. */
const programs: readonly { program: string; options: readonly string[]; last: string[] }[] = [
  {
    program: 'examples/exec-snoop',
    options: ['exits', 'pid', 'uid', 'name', 'perf', 'json', 'duration', 'help'],
    last: ['--duration', '0.05'],
  },
  // These know no good command line that ends soon: one argument is bad.
  {
    program: 'bench/bench',
    options: ['quick', 'json', 'row', 'rounds', 'check'],
    last: ['--no-such'],
  },
  { program: 'bench/compare/compare', options: ['quick'], last: ['--no-such'] },
  { program: 'test/stress/stress', options: ['duration', 'rounds', 'json'], last: ['--no-such'] },
  { program: 'test/stress/soak', options: ['duration', 'leak'], last: ['--no-such'] },
]

const values = [
  '',
  '0',
  '1',
  '-1',
  '1e9',
  '0x10',
  '1.5',
  'NaN',
  'Infinity',
  '4294967296',
  '99999999999999999999999',
  ' 1 ',
  '٣',
  '--',
  '-',
  '--help',
  '-h',
  '=',
  '/etc/passwd',
  '../../..',
  'a\nb',
  '\u001b[2J',
  '\u{1f41d}',
  '%s%n',
  '$(reboot)',
  '"',
  '__proto__',
  'x'.repeat(5000),
]

const environments: readonly Record<string, string | null>[] = [
  {},
  {},
  { PATH: '' },
  { HOME: null, PATH: null, USER: null, LANG: null },
  { TZ: 'Nowhere/At_All' },
  { LANG: 'xx_XX.none', LC_ALL: '\u0001' },
  { COLUMNS: '-1', LINES: 'x', TERM: '\u001b' },
  { TMPDIR: '/nowhere', NODE_PATH: '/nowhere', NODE_BINDINGS_COMPILED_DIR: '/nowhere' },
  { NO_COLOR: '1', DEBUG: '*' },
]

export function randomCommandLine(random: Random): CommandLine {
  // Most of them at the one that is written for everybody.
  const { program, options, last } = random.chance(0.5)
    ? (programs[0] as (typeof programs)[0])
    : random.pick(programs)
  const args: string[] = []
  for (let left = random.integer(0, 5); left > 0; left--) {
    const option = random.chance(0.8)
      ? `--${random.pick(options)}`
      : random.pick(['--x', '-v', '---'])
    const value = random.pick(values)
    const kind = random.integer(0, 4)
    if (kind === 0) args.push(value)
    else if (kind === 1) args.push(option)
    else if (kind === 2) args.push(`${option}=${value}`)
    else args.push(option, value)
  }
  return { program, args: [...args, ...last], env: random.pick(environments) }
}

/** Runs it to its end. Returns what was wrong. */
export async function problemOf({ program, args, env }: CommandLine): Promise<string | undefined> {
  const environment = Object.fromEntries(
    Object.entries({ ...process.env, ...env }).filter(([, value]) => value !== null),
  ) as NodeJS.ProcessEnv
  const script = join(root, 'build', `${program}.js`)
  const child = spawn(process.execPath, ['--expose-gc', script, ...args], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeLimitMs,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<[number | null, string | null]>((resolve) => {
      child.once('close', (...ended) => {
        resolve(ended)
      })
    }),
  ])
  const said = `stderr:\n${stderr.slice(0, 2000)}`
  if (signal !== null) return `ended by ${signal} (the time limit is ${timeLimitMs} ms), ${said}`
  if (![0, 1, 2].includes(code ?? -1)) return `exit status ${code}, ${said}`
  if (/^\s+at .*:\d+:\d+\)?$|node:internal/m.test(stderr + stdout)) return `a stack trace, ${said}`
  const lines = stderr.split('\n').filter((line) => line !== '')
  if (code !== 0 && lines.length !== 1)
    return `exit status ${code} with ${lines.length} lines, ${said}`
  if (/[\u0000-\u0009\u000b-\u001f\u007f]/.test(stderr)) return `control characters, ${said}`
  return undefined
}
