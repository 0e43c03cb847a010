// A program before load, what the kernel says of it, and its runs on demand.
import { availableParallelism } from 'node:os'
import { type BpfObject, enableStats, type ProgramType, VerifierError } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'

function openWith(...names: string[]): BpfObject {
  const object = openObject('targets')
  for (const name of names) object.program(name).autoload = true
  return object
}

describeBpf('before load a program', () => {
  expectNothingLeftOpen()

  test('is what its section says, or what it is made', () => {
    using object = openWith('netfilter')
    const { programs } = object
    expect(programs.get('network_device')?.type).toBe('xdp')
    expect(programs.get('cgroup_egress')).toMatchObject({
      type: 'cgroup_skb',
      expectedAttachType: 'cgroup_inet_egress',
      flags: [],
      logLevel: 0,
    })
    const program = object.program('netfilter')
    program.type = 'socket_filter'
    program.flags = ['test_rnd_hi32', 'strict_alignment']
    expect(program.flags).toEqual(['strict_alignment', 'test_rnd_hi32'])
    program.flags = []
    expect(object.load().program('netfilter').info()).toMatchObject({ type: 'socket_filter' })
  })

  test('takes only what there is', () => {
    using object = openWith()
    const program = object.program('raw_tracepoint')
    const wrong: [() => unknown, string][] = [
      [() => (program.type = 'xdb' as ProgramType), 'TypeError'],
      [() => (program.type = 3 as unknown as ProgramType), 'TypeError'],
      [() => (program.expectedAttachType = 'toString' as never), 'TypeError'],
      [() => (program.flags = ['sleepy'] as never), 'TypeError'],
      [() => (program.flags = 'sleepable' as never), 'TypeError'],
      [() => (program.autoattach = 1 as never), 'TypeError'],
      [() => (program.logLevel = 8), 'RangeError'],
      [() => (program.logBytes = 2 ** 30), 'RangeError'],
      [() => program.setAttachTarget(''), 'RangeError'],
      [() => program.setAttachTarget('vfs_read', {} as never), 'TypeError'],
    ]
    for (const [action, name] of wrong) expect(thrownBy(action).name).toBe(name)
  })

  test('is given a target that there is', () => {
    using object = openWith()
    const program = object.program('typed_tracepoint')
    expect(thrownBy(() => program.setAttachTarget('no_such_tracepoint'))).toMatchObject({
      code: 'ERR_NOT_FOUND',
      message: expect.stringContaining('no_such_tracepoint') as string,
    })
    program.setAttachTarget('sched_switch')
    const notLoaded = object.program('replaced')
    expect(thrownBy(() => object.program('replacement').setAttachTarget('f', notLoaded)).code).toBe(
      'ERR_STATE',
    )
  })

  test('may have the verifier explain what it accepts', () => {
    using object = openWith('which_cpu', 'replaced')
    object.program('which_cpu').logLevel = 2
    object.load()
    expect(object.program('which_cpu').verifierLog).toMatch(/call bpf_get_smp_processor_id#8/)
    expect(object.program('replaced').verifierLog).toBe('')
  })

  test('has what the verifier rejects in the error, whoever keeps the log', () => {
    using object = openObject('rejected')
    const program = object.program('unchecked')
    program.logLevel = 1
    const error = thrownBy(() => object.load())
    expect(error).toBeInstanceOf(VerifierError)
    expect((error as unknown as VerifierError).verifierLog).toBe(program.verifierLog)
    expect(program.verifierLog).toMatch(/invalid mem access/)
  })
})

describeBpf('attach() of an object', () => {
  expectNothingLeftOpen()

  test('leaves out what is not to be attached, and says so', () => {
    using object = openObject('programs')
    object.program('on_exec').autoattach = false
    object.load().attach()
    expect(object.links.map(({ program }) => program.name)).toEqual(['on_enter'])
    expect(object.unattached.map(({ name }) => name)).toEqual(['on_exec', 'without_place'])
    object.program('on_exec').attach()
    expect(object.unattached.map(({ name }) => name)).toEqual(['without_place'])
    object.detach()
    expect(object.unattached).toHaveLength(3)
  })
})

describeBpf('info()', () => {
  expectNothingLeftOpen()

  test('says what the kernel knows, and counts runs while somebody wants it', () => {
    using object = openWith('uprobe').load()
    const program = object.program('uprobe')
    expect(program.info()).toMatchObject({
      id: expect.any(Number) as number,
      type: 'kprobe',
      name: 'uprobe',
      tag: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      uid: 0,
      gplCompatible: true,
      mapIds: expect.arrayContaining([expect.any(Number)]) as number[],
    })
    const { translatedBytes, jitedBytes, verifiedInstructions = 1 } = program.info()
    expect(Math.min(translatedBytes, jitedBytes, verifiedInstructions)).toBeGreaterThan(0)
    program.attach({ uprobe: { path: 'libc.so.6', symbol: 'getuid', pid: process.pid } })
    const runs = (): bigint => {
      const before = program.info().runCount
      process.getuid?.()
      return program.info().runCount - before
    }
    // Somebody else may have them counted as well.
    const otherwise = runs()
    {
      using stats = enableStats()
      expect(stats).toBeDefined()
      expect(runs()).toBe(1n)
      expect(program.info().runTimeNs).toBeGreaterThan(0n)
    }
    expect(runs()).toBe(otherwise)
  })
})

describeBpf('testRun() of a packet', () => {
  expectNothingLeftOpen()

  test('gives back what the program made of it, and leaves alone what it was given', () => {
    using object = openWith('change_packet').load()
    const data = new Uint8Array(100).fill(1)
    const context = new Uint8Array(192) // struct __sk_buff
    new DataView(context.buffer).setUint32(8, 41, true) // mark
    const run = object.program('change_packet').testRun({ data, context })
    expect(run.returnValue).toBe(9)
    expect(run.data).toHaveLength(60)
    expect(Array.from(run.data?.subarray(0, 2) ?? [])).toEqual([0x7f, 1])
    expect(new DataView((run.context as Uint8Array).buffer).getUint32(8, true)).toBe(42)
    expect(data).toEqual(new Uint8Array(100).fill(1))
    expect(context.at(8)).toBe(41)
    // They own their memory.
    expect(run.data?.buffer.byteLength).toBe(60)
  })

  test('repeats it, and measures', () => {
    using object = openWith('network_device').load()
    const program = object.program('network_device')
    const run = program.testRun({ data: new Uint8Array(64), repeat: 1000 })
    expect(run).toMatchObject({ returnValue: 2, context: undefined })
    expect(run.durationNs).toBeGreaterThanOrEqual(0)
    expect(Number(object.globals['hits'])).toBe(1000)
  })

  test.each([
    ['network_device', 0, /a packet of at least 14 bytes/],
    ['network_device', 13, /a packet of at least 14 bytes/],
    ['network_device', 1 << 20, /data may be too large/],
    ['replaced', 1 << 20, /data may be too large/],
    ['which_cpu', 64, /take no data, only a context/],
  ])('of %s with %i bytes is refused with what fits', (name, length, hint) => {
    using object = openWith(name).load()
    const data = new Uint8Array(length)
    expect(thrownBy(() => object.program(name).testRun({ data }))).toMatchObject({
      code: 'ERR_KERNEL',
      hint: expect.stringMatching(hint) as string,
    })
  })

  test.each([
    [{ cpu: 9999, context: new Uint8Array(64) }, /^That CPU is not online$/],
    [{ repeat: 2 }, /are run once: give no repeat$/],
    [{ context: new Uint8Array(4) }, /^It may read more than 4 bytes of context: give 8 bytes for/],
  ])('of a raw tracepoint with %j is refused with what fits', (options, hint) => {
    using object = openObject('records').load()
    const [program] = object.programs.values()
    expect(thrownBy(() => program?.testRun(options))).toMatchObject({
      code: 'ERR_KERNEL',
      hint: expect.stringMatching(hint) as string,
    })
  })

  test('runs on a CPU', () => {
    using object = openWith('which_cpu').load()
    const program = object.program('which_cpu')
    for (let cpu = 0; cpu < availableParallelism(); cpu++) {
      expect(program.testRun({ cpu }).returnValue).toBe(cpu)
    }
    expect(thrownBy(() => program.testRun({ cpu: 8191 })).name).toBe('BpfError')
    expect(thrownBy(() => program.testRun({ cpu: -1 })).name).toBe('RangeError')
    expect(thrownBy(() => program.testRun({ flags: ['fast'] as never })).name).toBe('TypeError')
  })

  test('is refused with words where the kernel runs no such programs', () => {
    using object = openObject('programs').load()
    const error = thrownBy(() => object.program('on_exec').testRun())
    expect([error.code, error.message]).toEqual([
      'ERR_UNSUPPORTED',
      expect.stringMatching(/does not run such programs on demand: it runs packets' programs/),
    ])
  })

  test('is what a program is for that is called, not attached', () => {
    using object = openObject('attach')
    object.program('run_only').autoload = true
    const error = thrownBy(() => object.load().program('run_only').attach())
    const problem = {
      attach: /programs of its kind are called\. Run it: testRun\(\)$/,
      load: /"syscall" programs need Linux 5\.14/,
    }[error.operation as 'attach' | 'load']
    expect([error.code, error.message]).toEqual(['ERR_UNSUPPORTED', expect.stringMatching(problem)])
  })

  test('follows a tail call', () => {
    using object = openObject('tails').load()
    expect(object.program('calls_tail').testRun().returnValue).toBe(77)
  })
})
