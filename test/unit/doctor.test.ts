// What the doctor says of machines that are made up.
import { checkMachine } from '../../lib/cli/checks.js'
import type { Proof } from '../../lib/cli/proof.js'
import { makeReport, renderReport, type Report } from '../../lib/cli/report.js'
import type { Feature } from '../../lib/machine/feature.js'
import type { Features } from '../../lib/machine/features.js'
import { runCommandLine } from '../command-line.js'

/** A machine that gives the same answer to everything but these. */
function machineWith(
  all: Feature,
  but: Record<string, Feature> = {},
  libbpfVersion?: string,
): Features {
  const group = new Proxy<Record<string, Feature>>(
    {},
    {
      get: (_, name) => but[String(name)] ?? all,
      ownKeys: () => ['tcx'],
      getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    },
  )
  const facts = { kernelRelease: '6.1.0', architecture: 'x64', libbpfVersion }
  return new Proxy(facts as unknown as Features, {
    get: (target, name) => (name in facts ? Reflect.get(target, name) : group) as unknown,
  })
}

const there: Feature = { answer: 'yes', why: 'It was tried' }
const notThere: Feature = { answer: 'no', why: 'It is not there: get it' }
const untold: Feature = { answer: 'unknown', why: 'This process may not ask: run it as root' }

const arrived: Proof = { buffer: 'ring', received: true, milliseconds: 3 }
const refused: Proof = {
  buffer: 'ring',
  received: false,
  milliseconds: 1,
  code: 'ERR_UNSUPPORTED',
  why: 'Cannot load object "doctor": EINVAL (invalid argument)',
  mend: 'BPF ring buffers need Linux 5.8 or newer',
}
const perfArrived: Proof = { ...arrived, buffer: 'perf' }

function reportOf(machine: Features, ...proofs: Proof[]): Report {
  return makeReport('1.2.3', machine, proofs)
}

function textOf(machine: Features, ...proofs: Proof[]): string {
  return renderReport(reportOf(machine, ...proofs), false)
}

describe('the verdict', () => {
  test.each([
    ['a record arrived', [arrived], true, 'Ring buffers work here.'],
    ['none did', [refused], false, 'Ring buffers do not work here.'],
    [
      'one did by a perf buffer',
      [refused, perfArrived],
      false,
      'Ring buffers do not work here; perf buffers do.',
    ],
  ])('is that of the proof: %s', (_, proofs, works, last) => {
    // Whatever the features say.
    for (const all of [there, notThere, untold]) {
      expect(reportOf(machineWith(all), ...proofs).works).toBe(works)
      expect(
        textOf(machineWith(all), ...proofs)
          .trimEnd()
          .split('\n')
          .at(-1),
      ).toBe(last)
    }
  })
})

describe('each thing', () => {
  test('that is there stops nothing', () => {
    const checks = checkMachine(machineWith(there, {}, '1.1'))
    expect(checks.length).toBeGreaterThan(25)
    for (const check of checks) {
      expect(check).toMatchObject({ answer: 'yes' })
      expect(check).not.toHaveProperty('stops')
      expect(check).not.toHaveProperty('mend')
    }
  })

  test('that is missing stops something, and something mends it', () => {
    for (const check of checkMachine(machineWith(notThere))) {
      expect(check).toMatchObject({
        answer: 'no',
        stops: expect.stringMatching(/./) as string,
        mend: expect.stringMatching(/./) as string,
      })
    }
  })

  test('that cannot be told is mended as its reason says', () => {
    const ring = checkMachine(machineWith(untold, {}, '1.1')).find(
      ({ name }) => name === 'ring buffer',
    )
    expect(ring).toMatchObject({
      answer: 'unknown',
      why: 'This process may not ask',
      mend: 'run it as root',
    })
  })

  test('has a name of its own', () => {
    const names = checkMachine(machineWith(there)).map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('the text', () => {
  test('is in lines of at most 100 columns', () => {
    const long = { answer: 'no', why: 'A long reason with many words. '.repeat(20) } as const
    for (const all of [there, notThere, untold, long]) {
      const lines = textOf(machineWith(all), refused, perfArrived).split('\n')
      expect(lines.filter((line) => line.length > 100)).toEqual([])
    }
  })

  test('says what is missing, what it stops and what mends it', () => {
    const text = textOf(machineWith(there, { bpffs: notThere }, '1.1'), arrived)
    expect(text).toContain(`
  no      bpffs                   It is not there: get it
                                  stops: pinning maps, programs and links
                                  mend:  mount -t bpf bpf /sys/fs/bpf
`)
    expect(text).toContain('\n  yes     ring buffer\n')
    expect(text.match(/stops:/g)).toHaveLength(1)
    expect(text.split('\n')[0]).toBe(
      `bpf-ringbuf 1.2.3, Linux 6.1.0 on x64, Node ${process.versions.node}, libbpf 1.1`,
    )
  })

  test('gives a reason that many share once', () => {
    const text = textOf(machineWith(untold, {}, '1.1'), refused)
    expect(text.match(/run it as root/g)).toHaveLength(1)
    expect(text.replace(/\s+/g, ' ')).toContain(
      'raw_tp, tp_btf, tracepoint, kprobe, kprobe.multi, fentry, lsm, uprobe, uprobe.multi, iter, ' +
        'perf_event, cgroup, xdp, tc, tcx, netkit, netfilter: This process may not ask',
    )
  })

  test('shows where things are mounted', () => {
    const mounted: Feature = { ...there, value: '/mnt/bpf' }
    expect(textOf(machineWith(there, { bpffs: mounted }), arrived)).toMatch(/bpffs +\/mnt\/bpf\n/)
  })

  test('has colours only for a terminal', () => {
    const report = reportOf(machineWith(notThere), arrived)
    const colored = renderReport(report, true)
    expect(colored).toContain('\x1b[31mno      \x1b[0m')
    expect(colored).toContain('\x1b[32mRing buffers work here.\x1b[0m')
    expect(colored.replace(/\x1b\[\d*m/g, '')).toBe(renderReport(report, false))
  })
})

describe('the command line', () => {
  const { version } = jest.requireActual('../../package.json') satisfies { version: string }

  test.each<[string[], number, RegExp, RegExp]>([
    [['--version'], 0, new RegExp(`^${version}\n$`), /^$/],
    [['--help'], 0, /^Usage: bpf-ringbuf COMMAND.*\n[^]* {2}doctor +say/, /^$/],
    [['doctor', '--help'], 0, /^Usage: bpf-ringbuf doctor/, /^$/],
    [[], 2, /^$/, /^Usage: bpf-ringbuf COMMAND/],
    [['tial'], 2, /^$/, /there is no command "tial"; did you mean "tail"\?\n\nUsage/],
    [['nurse'], 2, /^$/, /^bpf-ringbuf: there is no command "nurse"\n\nUsage/],
    [['--nurse'], 2, /^$/, /^bpf-ringbuf: there is no option "--nurse"\n\nUsage/],
    [['\x1b[31m'], 2, /^$/, /^bpf-ringbuf: there is no command "\\u001b\[31m"\n/],
    [['doctor', '--nurse'], 2, /^$/, /^bpf-ringbuf doctor: Unknown option '--nurse'\n\nUsage/],
    [['doctor', 'me'], 2, /^$/, /^bpf-ringbuf doctor: Unexpected argument 'me'\n\nUsage/],
    [['doctor', '--json=yes'], 2, /^$/, /^bpf-ringbuf doctor: Option '--json' does not take/],
  ])('%j', async (args, status, out, err) => {
    expect(await runCommandLine(args)).toEqual({
      status,
      out: expect.stringMatching(out) as string,
      err: expect.stringMatching(err) as string,
    })
  })
})
