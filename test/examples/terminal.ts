// What a tool shows in a terminal, and the picture of it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../until.js'

const root = join(__dirname, '../..')
/** Of the terminal. */
const columns = 98

/** What makes a tool show something. */
export interface Scene {
  readonly args?: readonly string[]
  /** Happens while the tool runs. */
  happens(): unknown
  /** What has been shown before Ctrl-C; nothing where all comes at the end. */
  readonly shows?: RegExp
}

/** Runs a tool in a terminal until Ctrl-C; gives the lines, with their colours. */
export async function terminalLines(name: string, scene: Scene): Promise<string[]> {
  const command = ['node', `build/examples/${name}.js`, ...(scene.args ?? [])]
  const quoted = command.map((word) => `'${word}'`).join(' ')
  const script = `stty -echo cols ${columns} rows 50; exec ${quoted}`
  // It gives its child a terminal, and passes on what is typed.
  const terminal = spawn('script', ['-qec', script, '/dev/null'], {
    cwd: root,
    env: { ...process.env, TERM: 'xterm', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  terminal.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  const ended = once(terminal, 'close')
  try {
    const shown = (): string => text
    await until(() => /^Tracing .*[\r\n]/m.test(text) || terminal.exitCode !== null, shown)
    await scene.happens()
    const { shows = /^/ } = scene
    await until(() => shows.test(text) || terminal.exitCode !== null, shown)
    terminal.stdin.write('\x03')
    await ended
  } finally {
    terminal.kill('SIGKILL')
  }
  return text.replaceAll('\r', '').trimEnd().split('\n')
}

const colours: Readonly<Record<string, string>> = {
  31: '#ff938a',
  32: '#7ee787',
  33: '#f2cc60',
  34: '#79c0ff',
  90: '#9198a1',
}

/** Parts of a line with a colour each. */
function* parts(line: string): Generator<{ text: string; colour: string; at: number }> {
  let colour = '#e6edf3'
  let at = 0
  for (const piece of line.split(/(\x1b\[\d+m)/)) {
    const [, code] = /^\x1b\[(\d+)m$/.exec(piece) ?? []
    if (code !== undefined) colour = colours[code] ?? '#e6edf3'
    else if (piece !== '') {
      yield { text: piece, colour, at }
      at += piece.length
    }
  }
}

/** Writes docs/NAME.svg when PICTURES=1 asks for it: the lines, as they stand in a terminal. */
export function writePicture(name: string, about: string, lines: readonly string[]): void {
  if (process.env['PICTURES'] !== '1') return
  const [character, height, top] = [8.4, 20, 42]
  const escaped = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
  const width = Math.ceil(columns * character + 40)
  const drawn = lines.flatMap((line, index) =>
    [...parts(line)].map(({ text, colour, at }) => {
      // As wide in any font as its characters are many.
      const length = (text.length * character).toFixed(1)
      const [x, y] = [(20 + at * character).toFixed(1), top + index * height + 20]
      return `<text x="${x}" y="${y}" fill="${colour}" textLength="${length}" lengthAdjust="spacingAndGlyphs" xml:space="preserve">${escaped(text)}</text>`
    }),
  )
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
    (colour, i) => `<circle cx="${22 + 20 * i}" cy="20" r="6" fill="${colour}"/>`,
  )
  const size = `width="${width}" height="${top + lines.length * height + 10}"`
  const box = `viewBox="0 0 ${width} ${top + lines.length * height + 10}"`
  const font = `font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14"`
  const picture = [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${box} role="img" aria-label="${escaped(about)}" ${font}>`,
    '<rect width="100%" height="100%" rx="8" fill="#0d1117"/>',
    ...dots,
    ...drawn,
    '</svg>\n',
  ].join('\n')
  writeFileSync(join(root, 'docs', `${name}.svg`), picture)
}
