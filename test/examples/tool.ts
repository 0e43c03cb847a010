// Runs a tool of examples/ as a process of its own.
import type { SpawnOptions } from 'node:child_process'
import { type Ended, Example, killRunning } from '../process/example.js'
import { describeBpf } from '../require-bpf.js'
import { until } from '../until.js'
import { type Scene, terminalLines, writePicture } from './terminal.js'

/** A row, as --json prints it. */
export type Row = Record<string, unknown>

function rowsOf(text: string): Row[] {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Row)
}

/** A tool that runs with --json. */
export class Tool {
  readonly #example: Example

  private constructor(example: Example) {
    this.#example = example
  }

  /** Starts it, and waits until everything is attached. */
  static async start(
    name: string,
    args: readonly string[] = [],
    options?: SpawnOptions,
  ): Promise<Tool> {
    const example = Example.start(name, ['--json', ...args], options)
    await example.until('stderr', /^Tracing .*\n/m)
    return new Tool(example)
  }

  /** What it printed so far. */
  get rows(): Row[] {
    return rowsOf(this.#example.stdout)
  }

  /** Waits for a row. */
  async until(isIt: (row: Row) => boolean): Promise<Row> {
    let found: Row | undefined
    await until(
      () => (found = this.rows.find(isIt)) !== undefined,
      () => `${String(isIt)} of\n${this.#example.stdout}${this.#example.stderr}`,
    )
    return found ?? {}
  }

  /** Ctrl-C. */
  async stop(): Promise<Ended & { rows: Row[] }> {
    const ended = await this.#example.stop()
    return { ...ended, rows: rowsOf(ended.stdout) }
  }
}

/** What a tool prints until Ctrl-C while something happens, as lines. */
export async function printed(
  name: string,
  args: readonly string[],
  happens: () => unknown,
): Promise<Ended> {
  const example = Example.start(name, args)
  await example.until('stderr', /^Tracing .*\n/m)
  await happens()
  return example.stop()
}

/**
 * A test that the tool's lines fit a terminal, and end with a summary at Ctrl-C. With
 * PICTURES=1 it writes docs/NAME.svg.
 */
export function testInTerminal(name: string, scene: Scene): void {
  test('fits a terminal, and ends with a summary at Ctrl-C', async () => {
    const lines = await terminalLines(name, scene)
    const plain = lines.map((line) => line.replaceAll(/\x1b\[\d+m/g, ''))
    for (const line of plain) expect(line).toMatch(/^.{0,98}$/)
    expect(plain[0]).toMatch(/^Tracing .*, Ctrl-C to end$/)
    expect(plain.at(-1)).toMatch(/\d/)
    expect(lines.length).toBeGreaterThan(3)
    const command = ['$ npx bpf-ringbuf run', name, ...(scene.args ?? [])].join(' ')
    writePicture(name, `What ${name} shows`, [`\x1b[34m${command}\x1b[0m`, ...lines])
  })
}

/**
 * A `describe` for the tests of a tool, which also demands what all tools have: a usage
 * with their privileges, and one clear error for a wrong command line.
 */
export function describeTool(name: string, tests: () => void): void {
  describeBpf(name, () => {
    afterEach(killRunning)

    test('says what it takes and needs', async () => {
      const ended = await Example.start(name, ['--help']).ended
      expect(ended).toMatchObject({ code: 0, stderr: '' })
      expect(ended.stdout).toMatch(new RegExp(`^Usage: ${name} .*\\n[A-Z][^]*?\\.\\n\\n`))
      for (const option of ['--json', '--duration SECONDS', '--help']) {
        expect(ended.stdout).toContain(`      ${option} `)
      }
      expect(ended.stdout).toMatch(/\nNeeds: [^]+\n$/)
      expect(ended.stdout).not.toMatch(/.{81}/)
      const refused = await Example.start(name, ['--duration', 'x']).ended
      expect(refused).toMatchObject({ code: 2, stdout: '' })
      expect(refused.stderr).toMatch(new RegExp(`^${name}: .*--duration.*'x'\\n$`))
    })

    tests()
  })
}
