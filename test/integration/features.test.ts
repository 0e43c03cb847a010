// features() and the doctor against what then really happens.
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { BpfError, type Feature, features, RingBuffer } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { errorOf } from '../features.js'
import { make, openObject, Sample } from '../objects.js'
import { describeBpf } from '../require-bpf.js'

const doctor = join(__dirname, '../../dist/cli/main.js')

/** Whether a record of a ring arrives in this process. */
async function recordArrives(): Promise<boolean> {
  let records = 0
  try {
    using object = openObject('records').load()
    using ring = new RingBuffer(object.map('events'), Sample, () => records++)
    make(object, 'events', { count: 3 })
    await ring.flush()
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
  }
  return records === 3
}

describeBpf('what this machine can do', () => {
  expectNothingLeftOpen()

  test('the verdict of the doctor is what happens', async () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [doctor, 'doctor', '--json'], {
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    const arrives = await recordArrives()
    expect(JSON.parse(stdout)).toMatchObject({
      works: arrives,
      proofs: [{ buffer: 'ring', received: arrives }],
      kernel: features().kernelRelease,
    })
    expect(status).toBe(arrives ? 0 : 1)
    expect(features().buffers.ring.answer).toBe(arrives ? 'yes' : 'no')
  })

  test('each answer has a reason, and asking again gives the same', () => {
    const first = features()
    expect(features()).toBe(first)
    const again = features({ fresh: true })
    expect(again).not.toBe(first)
    const groups = ['kernel', 'buffers', 'attach', 'mapTypes', 'programTypes'] as const
    for (const group of groups) {
      const answers = (of: object) =>
        Object.entries(of).map(([name, { answer, why }]: [string, Feature]) => {
          expect(['yes', 'no', 'unknown']).toContain(answer)
          expect(why).not.toBe('')
          return `${name} ${answer}`
        })
      expect(answers(again[group])).toEqual(answers(first[group]))
      expect(answers(first[group]).length).toBeGreaterThan(3)
    }
  })

  test('a helper is known by program type', () => {
    const ask = (...of: [string, string]) => features().helper(...of).answer
    expect(ask('raw_tracepoint', 'bpf_perf_event_output')).toBe('yes')
    expect(ask('raw_tracepoint', 'bpf_skb_load_bytes')).toBe('no')
    expect(ask('socket_filter', 'bpf_skb_load_bytes')).toBe('yes')
    expect(ask('tracing', 'bpf_d_path')).toBe('unknown')
    expect(ask('raw_tracepoint', 'bpf_no_such')).toBe('unknown')
    expect(() => features().helper('raw_tp', 'bpf_loop')).toThrow(
      /Expected one of socket_filter, .* for programType but received 'raw_tp'/,
    )
  })
})

/** The answers of a child that is started so; `prelude` is run before it asks. */
function childAnswers(before: string[], prelude = ''): Record<string, Feature> {
  const code = `
    const { features } = require(${JSON.stringify(join(__dirname, '../../dist'))})
    ${prelude}
    const { kernel, buffers, attach, mapTypes, programTypes } = features()
    const { programs } = kernel
    const { ring } = buffers
    const { rawTracepoint, xdp } = attach
    const { hash } = mapTypes, { raw_tracepoint } = programTypes
    const helper = features().helper('raw_tracepoint', 'bpf_skb_load_bytes')
    console.log(JSON.stringify({ programs, ring, rawTracepoint, hash, raw_tracepoint, helper, xdp }))`
  const [command, ...args] = [...before, process.execPath, '-e', code]
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  expect(stderr).toBe('')
  return JSON.parse(stdout) as Record<string, Feature>
}

describeBpf('network devices', () => {
  expectNothingLeftOpen()
  /** The devices of this network namespace, and what is attached to the one that all have. */
  const seen = (): string[] => [
    ...readdirSync('/sys/class/net'),
    readlinkSync('/proc/self/ns/net'),
    execFileSync('ip', ['link', 'show', 'lo'], { encoding: 'utf8' }),
  ]

  test.each([
    ['xdp', 'network_device', { xdp: { interface: 'lo', mode: 'skb' } }],
    ['tc', 'traffic_control', { tc: { interface: 'lo', direction: 'ingress' } }],
  ] as const)(
    'what is said of %s is what happens, and asking leaves no trace',
    (kind, name, target) => {
      const before = seen()
      const { answer } = features({ fresh: true }).attach[kind]
      expect(seen()).toEqual(before)
      using object = openObject('targets')
      object.program(name).autoload = true
      const error = errorOf(() => object.load().program(name).attach(target))
      expect(answer).toBe(error === undefined ? 'yes' : 'no')
    },
  )
})

describeBpf('what cannot be tried is not taken for missing', () => {
  const unknown = (why: RegExp) => ({
    answer: 'unknown',
    why: expect.stringMatching(why) as string,
  })

  test('without capabilities', () => {
    const lacks = unknown(/^The process lacks CAP_BPF and CAP_PERFMON/)
    expect(childAnswers(['setpriv', '--bounding-set', '-all'])).toEqual({
      programs: { ...lacks, answer: 'no' },
      ring: lacks,
      rawTracepoint: lacks,
      hash: lacks,
      raw_tracepoint: lacks,
      helper: lacks,
      xdp: lacks,
    })
  })

  test('without CAP_SYS_ADMIN, which a network namespace of its own takes', () => {
    const { ring, xdp } = childAnswers(['setpriv', '--bounding-set', '-sys_admin'])
    expect(ring).toMatchObject({ answer: 'yes' })
    expect(xdp).toEqual(unknown(/network namespace of its own, .* CAP_SYS_ADMIN$/))
  })

  test('without descriptors', () => {
    const open = `
      const fs = require('node:fs')
      features().libbpfVersion
      for (;;) try { fs.openSync('/dev/null') } catch { break }`
    const scarce = unknown(/limit of open files/)
    const answers = childAnswers(['sh', '-c', 'ulimit -n 64 && exec "$@"', 'sh'], open)
    expect(answers).toMatchObject({ ring: scarce, rawTracepoint: scarce, raw_tracepoint: scarce })
  })

  test('asking again after becoming another user', () => {
    const become = `
      if (features().kernel.programs.answer !== 'yes') throw new Error('not yet')
      process.setuid(65534)
      if (features().kernel.programs.answer !== 'yes') throw new Error('it is remembered')
      features({ fresh: true })`
    expect(childAnswers([], become)).toMatchObject({ programs: { answer: 'no' } })
  })
})
