// `bpf-ringbuf doctor` as a process: on this machine, with less, and with too little.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Report } from '../../lib/cli/report.js'
import { describeBpf } from '../require-bpf.js'

const root = join(__dirname, '../..')
const main = join(root, 'dist/cli/main.js')

interface Ran {
  status: number | null
  stdout: string
}

/** Runs the doctor; `before` is what starts node. */
function run(args: string[], before: string[] = [], program = main): Ran {
  const [command = '', ...others] = [...before, process.execPath, program, 'doctor', ...args]
  const { status, stdout, stderr } = spawnSync(command, others, { encoding: 'utf8' })
  expect(stderr).toBe('')
  return { status, stdout }
}

function runJson(...before: string[]): { status: number | null; report: Report } {
  const { status, stdout } = run(['--json'], before)
  return { status, report: JSON.parse(stdout) as Report }
}

function answerTo(report: Report, name: string): unknown {
  return report.checks.find((check) => check.name === name)
}

describeBpf('bpf-ringbuf doctor', () => {
  test('as root receives a record, and says what there is', () => {
    const { status, stdout } = run([])
    expect(stdout).toMatch(/\n {2}yes {5}ring buffer\n/)
    expect(stdout).toMatch(/\nRing buffers work here\.\n$/)
    expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([])
    expect(stdout).not.toContain('\x1b')
    expect(status).toBe(0)
  })

  test('its JSON has what is documented', () => {
    const { status, report } = runJson()
    expect(Object.keys(report)).toEqual([
      'version',
      'package',
      'node',
      'kernel',
      'architecture',
      'libbpf',
      'works',
      'proofs',
      'checks',
      'features',
    ])
    expect(report).toMatchObject({ version: 1, node: process.version, works: true })
    expect(report.proofs).toEqual([
      { buffer: 'ring', received: true, milliseconds: expect.any(Number) as number },
    ])
    expect(report.features.buffers.ring.answer).toBe('yes')
    expect(status).toBe(0)
  })

  test('as another user says what to do, and fails', () => {
    const before = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    const { status, report } = runJson(...before)
    expect(report.works).toBe(false)
    expect(report.proofs).toEqual([
      {
        buffer: 'ring',
        received: false,
        milliseconds: expect.any(Number) as number,
        code: 'ERR_PERMISSION',
        why: 'Cannot load object "doctor": EPERM (operation not permitted)',
        mend: expect.stringMatching(/^The process lacks CAP_BPF and CAP_PERFMON: run it/) as string,
      },
    ])
    expect(answerTo(report, 'loading programs')).toMatchObject({
      answer: 'no',
      why: 'The process lacks CAP_BPF and CAP_PERFMON',
      stops: 'everything that loads a program',
      mend: expect.stringMatching(/^run it as root/) as string,
    })
    expect(status).toBe(1)
  })

  test('with CAP_BPF and CAP_PERFMON alone it works', () => {
    const { status, report } = runJson('setpriv', '--bounding-set', '-all,+bpf,+perfmon')
    expect(report.works).toBe(true)
    expect(answerTo(report, 'CAP_NET_ADMIN')).toMatchObject({ answer: 'no' })
    expect(status).toBe(0)
  })

  test('in a user namespace says so', () => {
    const { status, report } = runJson('unshare', '--map-root-user')
    expect(answerTo(report, 'first user namespace')).toMatchObject({ answer: 'no' })
    expect(status).toBe(1)
  })

  test('needs no tracefs, and says what that stops', () => {
    const unmount = 'umount /sys/kernel/tracing /sys/kernel/debug/tracing 2>/dev/null; exec "$@"'
    const { status, report } = runJson('unshare', '--mount', 'sh', '-c', unmount, 'sh')
    expect(answerTo(report, 'tracefs')).toEqual({
      name: 'tracefs',
      group: 'other',
      answer: 'no',
      why: 'It is not mounted at /sys/kernel/tracing',
      stops: 'SEC("tp/…")',
      mend: 'mount -t tracefs tracefs /sys/kernel/tracing',
    })
    expect(answerTo(report, 'tracepoint')).toMatchObject({ answer: 'no' })
    expect(status).toBe(0)
  })

  test('and with tracefs finds tracepoints', () => {
    const mount = 'mount -t tracefs tracefs /sys/kernel/tracing && exec "$@"'
    const { report } = runJson('unshare', '--mount', 'sh', '-c', mount, 'sh')
    expect(answerTo(report, 'tracefs')).toMatchObject({ value: '/sys/kernel/tracing' })
    expect(answerTo(report, 'tracepoint')).toMatchObject({ answer: 'yes' })
  })

  test('ends when nobody reads what it says', () => {
    const script = 'exec 3>&1; { "$@"; echo $? >&3; } | true'
    const args = ['-c', script, 'sh', process.execPath, main, 'doctor', '--json']
    const { stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8' })
    expect([stdout, stderr]).toEqual(['0\n', ''])
  })
})

test('without its addon the doctor says how to build it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bpf-ringbuf-'))
  try {
    for (const part of ['package.json', 'dist']) {
      cpSync(join(root, part), join(directory, part), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
    const { status, stdout } = run([], [], join(directory, 'dist/cli/main.js'))
    expect(stdout).toMatch(/\n {2}no {6}native addon /)
    expect(stdout.replace(/\s+/g, ' ')).toMatch(/libbpf not loaded.*run "npm rebuild bpf-ringbuf"/)
    expect(stdout).toMatch(/\nRing buffers do not work here\.\n$/)
    expect(status).toBe(1)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('npm installs the command', () => {
  const { bin } = jest.requireActual('../../package.json') satisfies { bin: object }
  expect(bin).toEqual({ 'bpf-ringbuf': 'dist/cli/main.js' })
  expect(statSync(main).mode & 0o111).toBe(0o111)
})
