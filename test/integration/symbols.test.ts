// Stacks of the kernel and of this process, against /proc/kallsyms read naively.
import { readFileSync, statSync } from 'node:fs'
import {
  array,
  type BpfObject,
  type Frame,
  i32,
  RingBuffer,
  struct,
  Symbolizer,
  u64,
  type Value,
} from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'

const Stacks = struct('stacks', {
  kernel_bytes: i32,
  user_bytes: i32,
  kernel: array(u64, 48),
  user: array(u64, 48),
})

const digits = (address: bigint): string => address.toString(16).padStart(16, '0')

/** What the kernel lists: lines that begin with 16 digits, which compare as the addresses do. */
function listed(): string[] {
  const lines = readFileSync('/proc/kallsyms', 'latin1').trimEnd().split('\n')
  return lines.filter((line) => !line.startsWith(digits(0n)))
}

/** The frames of a stack by that list; where functions return to, a byte before. */
function expected(lines: readonly string[], stack: readonly bigint[]): unknown[] {
  return stack.map((address, i) => {
    const at = `${digits(i === 0 ? address : address - 1n)} ~`
    let best = ''
    for (const line of lines) {
      if (line < at && line > best && line.slice(0, 16) !== best.slice(0, 16)) best = line
    }
    const [start = '', , name, module] = best.split(/[ \t]/)
    return {
      address,
      name,
      module: module?.slice(1, -1),
      offset: Number(address - BigInt(`0x${start}`)),
    }
  })
}

const known = ({ address, name, module, offset }: Frame): unknown => ({
  address,
  name,
  module,
  offset,
})

function loadStacks(): BpfObject {
  const object = openObject('stacks')
  object.program('on_call').autoload = true
  object.globals['only_tgid'] = process.pid
  return object.load().attach()
}

/** The stacks of a few system calls of this process. */
async function stacksOf(object: BpfObject): Promise<Value<typeof Stacks>[]> {
  const stacks: Value<typeof Stacks>[] = []
  using ring = new RingBuffer(object.map('events'), Stacks, (record) => stacks.push(record))
  statSync('/')
  await ring.flush()
  return stacks
}

describeBpf('the symbols of stacks', () => {
  expectNothingLeftOpen()

  // Read by the first test: in a guest that takes seconds.
  const symbolizer = new Symbolizer()
  let symbols: string[] = []

  test('of the kernel, and of the BPF program that took them', async () => {
    using object = loadStacks()
    const [stacks] = await stacksOf(object)
    const stack = (stacks?.kernel ?? []).filter((address) => address !== 0n)
    expect(stack.length).toBeGreaterThan(3)
    // Others may load programs meanwhile: each time it reads again, for a part of the time.
    const clock = jest.spyOn(performance, 'now').mockReturnValue(performance.now())
    // A zero ends a stack.
    const frames = symbolizer.kernel(stacks?.kernel ?? [])
    clock.mockRestore()
    symbols = listed()
    expect(frames.map(known)).toEqual(expected(symbols, stack))
    expect(frames[0]).toMatchObject({
      name: expect.stringMatching(/^bpf_prog_[\da-f]{16}_on_call$/) as string,
      module: 'bpf',
      demangled: undefined,
      fileAddress: undefined,
    })

    // A program that is loaded later is known at once.
    using later = loadStacks()
    const [newer] = (await stacksOf(later)).slice(-1)
    const [top] = symbolizer.kernel(newer?.kernel ?? [])
    expect(top?.address).not.toBe(stack[0])
    expect(top).toMatchObject({ name: frames[0]?.name, offset: frames[0]?.offset })
  })

  test('of the kernel, all over its own code: of several names the first', () => {
    const first = symbols.findIndex((line) => line.endsWith(' _stext'))
    const last = symbols.findIndex((line) => line.endsWith(' _etext'))
    const sample = symbols.slice(first, last).filter((_, i) => i % 97 === 0)
    expect(sample.length).toBeGreaterThan(100)
    const sampled = sample.map((line) => symbolizer.kernel([BigInt(`0x${line.slice(0, 16)}`)])[0])
    const firstNames = new Map<string, string | undefined>()
    for (const line of symbols) {
      const at = line.slice(0, 16)
      if (!firstNames.has(at)) firstNames.set(at, line.split(/[ \t]/)[2])
    }
    expect(sampled).toMatchObject(
      sample.map((line) => ({ name: firstNames.get(line.slice(0, 16)), offset: 0 })),
    )
  })

  test('of the kernel, by their names: also those at the address of another', () => {
    const addresses = new Map<string, Set<bigint>>()
    for (const line of symbols) {
      const [at = '', , name = ''] = line.split(/[ \t]/)
      const found = addresses.get(name) ?? new Set()
      if (!/^0+$/.test(at)) addresses.set(name, found.add(BigInt(`0x${at}`)))
    }
    const names = [...addresses.keys()]
    const sample = names.filter((name, i) => i < 10 || i % 2003 === 0 || name === 'vfs_read')
    expect(sample.length).toBeGreaterThan(50)
    for (const name of sample) {
      const expected = [...(addresses.get(name) ?? [])].sort((a, b) => (a < b ? -1 : 1))
      expect([name, ...symbolizer.kernelAddresses(name)]).toEqual([name, ...expected])
    }
    expect(symbolizer.kernelAddresses('vfs_rea')).toEqual([])
  })

  test('of this process', async () => {
    using object = loadStacks()
    const stacks = await stacksOf(object)
    const frames = stacks.flatMap(({ user }) => symbolizer.user(process.pid, user))
    expect(frames.map(({ name }) => name)).toEqual(expect.arrayContaining(['syscall']))
    expect(frames.map(({ demangled }) => demangled)).toContain('node::Start(int, char**)')
    expect(frames.map(({ module }) => module)).toContain(process.execPath)
  })

  test('of no process', () => {
    const nothing = { name: undefined, demangled: undefined, offset: undefined, module: undefined }
    // The largest that there may be, and a thread of the kernel.
    for (const pid of [2 ** 22 - 1, 2]) {
      expect(symbolizer.user(pid, [1n, 2n ** 64n - 1n])).toMatchObject([nothing, nothing])
      expect(symbolizer.user(pid, [])).toEqual([])
    }
  })
})
