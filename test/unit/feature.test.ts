import { judge } from '../../lib/machine/feature.js'
import type { SystemFacts } from '../../lib/machine/facts.js'
import { libbpfFeatures } from '../../lib/machine/libbpf-features.js'
import { features } from '../../lib/machine/features.js'
import { able } from './able-machine.js'

const tracingOnly = { capabilities: (1n << 38n) | (1n << 39n) }

describe('judge()', () => {
  const attached = { operation: 'attach' as const, section: 'fentry/vfs_read' }
  test.each<
    [
      string,
      Partial<Parameters<typeof judge>[0]>,
      Partial<SystemFacts>,
      'yes' | 'no' | 'unknown',
      RegExp,
    ]
  >([
    ['what worked', { result: 0 }, {}, 'yes', /^It worked$/],
    ['what a probe of libbpf found', { result: 1, lacks: 'Not there' }, {}, 'yes', /^It worked$/],
    ['what it did not find', { result: 0, lacks: 'Not there' }, {}, 'no', /^Not there$/],
    [
      'an argument that the kernel does not know',
      { result: -22, needs: 'Linux 6.19' },
      {},
      'no',
      /^It needs Linux 6\.19, this is 6\.1\.0-13-amd64: EINVAL/,
    ],
    ['what is not supported', { result: -524 }, {}, 'no', /does not support it/],
    ['a call that the kernel lacks', { result: -38 }, {}, 'no', /^ENOSYS/],
    [
      'a call that a filter may hide',
      { result: -38 },
      { seccompFilter: true },
      'unknown',
      /^ENOSYS/,
    ],
    ['what is not permitted', { result: -1 }, { capabilities: 0n }, 'unknown', /lacks CAP_BPF/],
    [
      'what networks need',
      { result: -1 },
      tracingOnly,
      'unknown',
      /^EPERM .*: give the process CAP_NET_ADMIN$/,
    ],
    ['what nobody explains', { result: -1 }, {}, 'unknown', /^EPERM \(operation not permitted\)$/],
    [
      'trampolines refused to all',
      { result: -1, ...attached },
      {},
      'no',
      /refuses BPF trampolines/,
    ],
    ['a lack of descriptors', { result: -24 }, {}, 'unknown', /limit of open files/],
    ['a lack of memory', { result: -12 }, {}, 'unknown', /memory limit/],
    ['an interruption', { result: -4 }, {}, 'unknown', /^EINTR/],
    [
      'a uprobe that takes more than CAP_PERFMON',
      { result: -13, operation: 'attach', section: 'uprobe' },
      tracingOnly,
      'unknown',
      /lets only CAP_SYS_ADMIN attach such probes/,
    ],
  ])('tells %s', (_, tried, facts, answer, why) => {
    const found = judge({ result: 0, worked: 'It worked', ...tried }, { ...able, ...facts })
    expect(found).toEqual({ answer, why: expect.stringMatching(why) as string })
    expect(Object.isFrozen(found)).toBe(true)
  })
})

describe('what libbpf lacks', () => {
  test.each([
    ['1.0', '1.0', 'no', 'no', /It needs libbpf 1\.3, this is 1\.0/],
    ['1.3', '1.3', 'yes', 'no', /It needs libbpf 1\.5, this is 1\.3/],
    ['1.7', '1.1', 'no', 'no', /It needs libbpf 1\.5, the addon was compiled with 1\.1/],
    ['1.1', '1.7', 'no', 'no', /It needs libbpf 1\.5, this is 1\.1/],
    ['1.5', '1.6', 'yes', 'yes', /libbpf 1\.5 has it, since 1\.5/],
    ['2.0', '2.0', 'yes', 'yes', /libbpf 2\.0 has it, since 1\.5/],
  ])('%s, compiled with %s', (loaded, headers, tcx, consumeN, why) => {
    const found = libbpfFeatures({ loaded, headers })
    expect([found.tcx.answer, found.consumeN.answer]).toEqual([tcx, consumeN])
    expect(`${found.consumeN.why}; ${found.tcx.why}`).toMatch(why)
  })

  test('an addon that is not there says nothing', () => {
    const answers = Object.values(libbpfFeatures({ problem: 'it is not there' }))
    expect(
      new Set(answers.map(({ answer, why }: { answer: string; why: string }) => answer + why)),
    ).toEqual(new Set(['unknownit is not there']))
  })
})

describe('features()', () => {
  test.each([
    ['an option that there is not', { again: true }, /Expected one of fresh/],
    ['a fresh that is none', { fresh: 1 }, /Expected a boolean for fresh but received 1/],
  ])('refuses %s', (_, options, message) => {
    expect(() => features(options as never)).toThrow(message)
  })

  test.each([
    [[1, 'bpf_loop'], /Expected a string for programType but received 1/],
    [['kprobe', undefined], /Expected a string for helper but received undefined/],
    [['kprobes', 'bpf_loop'], /Expected one of socket_filter, kprobe, .* but received 'kprobes'/],
  ])('helper(%p) is refused', (args, message) => {
    expect(() => features().helper(...(args as [string, string]))).toThrow(message)
  })

  test('is printed as JSON whole', () => {
    const groups = JSON.parse(JSON.stringify(features())) as Record<string, object>
    expect(Object.keys(groups)).toEqual([
      'kernelRelease',
      'architecture',
      'libbpfVersion',
      'kernel',
      'buffers',
      'attach',
      'process',
      'system',
      'libbpf',
      'mapTypes',
      'programTypes',
    ])
    expect(Object.keys(groups['attach'] ?? {})).toContain('kprobeMulti')
  })
})
