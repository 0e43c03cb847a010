// Stacks of programs that are made here, against what addr2line and readelf say of
// the files. Each program calls, from code that it makes at run time, down to a system
// call at which its stack is taken.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  array,
  type Frame,
  functionsOf,
  i32,
  RingBuffer,
  struct,
  Symbolizer,
  u64,
  type Value,
} from '../../lib/index.js'
import { ElfFile } from '../../lib/symbols/elf-file.js'
import { Source } from '../../lib/symbols/source.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { until, untilBlocking } from '../until.js'

const source = `
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cstdio>
#include <cstring>
#define NOINLINE __attribute__((noinline))

#if defined(__x86_64__)
// push %rbp; mov %rsp,%rbp; call *%rdi; pop %rbp; ret
const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
#else
// stp x29,x30,[sp,#-16]!; mov x29,sp; blr x0; ldp x29,x30,[sp],#16; ret
const unsigned char code[] = {0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 0x03, 0x00, 0x91, 0x00, 0x00,
                              0x3f, 0xd6, 0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6};
#endif

namespace outer {
namespace {
// The one above the system call has no frame of its own in what is walked.
NOINLINE long leaf() { return syscall(SYS_getppid) + 1; }
NOINLINE long middle(long n) { return leaf() + n; }
}  // namespace
template <typename T>
struct Box {
  NOINLINE long work(T value);
};
template <typename T>
long Box<T>::work(T value) { return middle(value) + 1; }
template struct Box<int>;
}  // namespace outer

extern "C" NOINLINE long enter() { return outer::Box<int>().work(1) + 1; }

int main() {
  void* jit = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(jit, code, sizeof(code));
  __builtin___clear_cache(static_cast<char*>(jit), static_cast<char*>(jit) + sizeof(code));
  char path[64];
  snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
  if (FILE* map = fopen(path, "w")) {
    fprintf(map, "%lx %zx made at run time\\n", reinterpret_cast<unsigned long>(jit), sizeof(code));
    fclose(map);
  }
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF) {
    reinterpret_cast<long (*)(long (*)())>(jit)(enter);
    puts("done");
    fflush(stdout);
  }
}
`

const Stacks = struct('stacks', {
  kernel_bytes: i32,
  user_bytes: i32,
  kernel: array(u64, 48),
  user: array(u64, 48),
})

/** What each stack has, besides how it began. */
const calls = ['outer::(anonymous namespace)::middle(long)', 'outer::Box<int>::work(int)', 'enter']
const jitted = 'made at run time'

let directory: string
const children: ChildProcess[] = []

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { cwd: directory, encoding: 'utf8', maxBuffer: 2 ** 28 })
}

/** Links the program. */
function link(name: string, ...flags: string[]): string {
  run('g++', 'program.o', '-o', name, ...flags)
  return join(directory, name)
}

/** Starts it; gives the process once it waits. */
async function start(command: string, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(command, args, { cwd: directory, stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  await once(child.stdout as NodeJS.ReadableStream, 'data')
  return child
}

/** The stack at its system call. */
async function stackOf(child: ChildProcess, pid = child.pid as number): Promise<bigint[]> {
  using object = openObject('stacks')
  object.program('on_call').autoload = true
  object.globals['only_tgid'] = pid
  object.load().attach()
  const stacks: Value<typeof Stacks>[] = []
  using ring = new RingBuffer(object.map('events'), Stacks, (record) => stacks.push(record))
  const done = once(child.stdout as NodeJS.ReadableStream, 'data')
  child.stdin?.write('\n')
  await done
  await ring.flush()
  // The deepest: that of write() has no such calls.
  const deepest = stacks.reduce((a, b) => (a.user_bytes > b.user_bytes ? a : b))
  return deepest.user.slice(0, deepest.user_bytes / 8)
}

const nameOf = ({ demangled, name }: Frame): string | undefined => demangled ?? name

/** The names of those that a file has. */
function within(frames: Frame[], module: string): (string | undefined)[] {
  return frames.filter((frame) => frame.module === module).map(nameOf)
}

/** What addr2line calls the functions, by a file with symbols. */
function named(file: string, frames: Frame[], module: string): string[] {
  const addresses = frames
    .filter((frame) => frame.module === module)
    .map(({ fileAddress }) => `0x${((fileAddress ?? 0n) - 1n).toString(16)}`)
  const lines = run('addr2line', '-f', '-C', '-e', file, ...addresses).split('\n')
  return lines.filter((_, i) => i % 2 === 0 && i < 2 * addresses.length)
}

describeBpf('stacks of a program in C++', () => {
  expectNothingLeftOpen()

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'symbols-'))
    writeFileSync(join(directory, 'program.cc'), source)
    const flags = ['-O1', '-fPIE', '-fno-omit-frame-pointer', '-fno-optimize-sibling-calls']
    run('g++', ...flags, '-c', 'program.cc')
  }, 60_000)

  afterEach(async () => {
    for (const child of children.splice(0)) {
      rmSync(`/tmp/perf-${child.pid ?? 0}.map`, { force: true })
      if (child.exitCode !== null || child.signalCode !== null) continue
      const ended = once(child, 'close')
      child.stdin?.end()
      child.kill('SIGKILL')
      await ended
    }
  })

  afterAll(() => {
    rmSync(directory, { recursive: true, force: true })
  })

  test.each([
    ['at any address (PIE)', ['-pie']],
    ['at fixed addresses', ['-no-pie']],
  ])('%s', async (_, flags) => {
    const file = link('program', ...flags)
    const child = await start(file)
    const stack = await stackOf(child)
    const frames = new Symbolizer().user(child.pid as number, stack)
    expect(frames.map(({ address }) => address)).toEqual(stack)
    expect(within(frames, file).slice(0, 3)).toEqual(calls)
    const inProgram = frames.filter(({ name, module }) => module === file && name !== undefined)
    expect(inProgram.map(nameOf)).toEqual(named(file, inProgram, file))
    const made = frames.find(({ name }) => name === jitted)
    expect(made).toMatchObject({ module: undefined, fileAddress: undefined, demangled: undefined })
    expect([6, 12]).toContain(made?.offset)
    expect(frames[0]).toMatchObject({
      name: 'syscall',
      module: expect.stringMatching(/libc/) as string,
    })
  })

  test('stripped, with a link to its symbols, and without', async () => {
    const file = link('stripped', '-Wl,--build-id=none')
    copyFileSync(file, join(directory, 'whole'))
    run('objcopy', '--only-keep-debug', 'stripped', 'stripped.debug')
    run('strip', 'stripped')
    run('objcopy', '--add-gnu-debuglink=stripped.debug', 'stripped')
    const child = await start(file)
    const pid = child.pid as number
    const stack = await stackOf(child)
    const frames = new Symbolizer().user(pid, stack)
    expect(within(frames, file).slice(0, 3)).toEqual(calls)
    expect(named(join(directory, 'whole'), frames, file).slice(0, 3)).toEqual(calls)

    // Another file of this name is not taken for it.
    const debug = readFileSync(join(directory, 'stripped.debug'))
    writeFileSync(join(directory, 'stripped.debug'), Buffer.concat([debug, Buffer.alloc(1)]))
    const without = new Symbolizer().user(pid, stack)
    expect(within(without, file).slice(0, 3)).toEqual([undefined, undefined, undefined])
    expect(without.map(({ fileAddress }) => fileAddress)).toEqual(
      frames.map(({ fileAddress }) => fileAddress),
    )
  })

  test('stripped, by the symbols that it exports', async () => {
    const file = link('exporting', '-rdynamic')
    run('strip', 'exporting')
    const child = await start(file)
    const frames = new Symbolizer().user(child.pid as number, await stackOf(child))
    // Nobody else can use the one of an anonymous namespace.
    expect(within(frames, file).slice(0, 3)).toEqual([undefined, ...calls.slice(1)])
  })

  test('found by a pattern of names: with symbols, a debug file, and exports alone', () => {
    const file = link('searched', '-rdynamic')
    const found = functionsOf(file, /^(_ZN5outer|enter$)/)
    // As binutils have it.
    const symbols = run('nm', '-S', 'searched').matchAll(
      /^(\w+) (\w+) [tTW] (_ZN5outer.*|enter)$/gm,
    )
    const segment = /LOAD +(\w+) (\w+) .* R E /.exec(run('readelf', '-lW', 'searched'))
    const base = Number(segment?.[2]) - Number(segment?.[1])
    const expected = [...symbols].map(([, start, size, name]) => ({
      name,
      offset: Number(`0x${start}`) - base,
      sizeBytes: Number(`0x${size}`),
    }))
    expect(expected).toHaveLength(4)
    const places = found.map(({ name, offset, sizeBytes }) => ({ name, offset, sizeBytes }))
    expect(new Set(places)).toEqual(new Set(expected))
    expect(found.map(({ demangled }) => demangled)).toContain('outer::Box<int>::work(int)')

    const names = found.map(({ name }) => name)
    const byNames = (): string[] => functionsOf(file, names).map(({ name }) => name)
    run('objcopy', '--only-keep-debug', 'searched', 'searched.debug')
    run('strip', 'searched')
    run('objcopy', '--add-gnu-debuglink=searched.debug', 'searched')
    expect(new Set(byNames())).toEqual(new Set(names))
    rmSync(join(directory, 'searched.debug'))
    expect(new Set(byNames())).toEqual(new Set(['enter', '_ZN5outer3BoxIiE4workEi']))
    expect(() => functionsOf('/proc/self/maps', [])).toThrow(
      expect.objectContaining({ code: 'ERR_OBJECT_FORMAT' }) as Error,
    )
    expect(() => functionsOf('/no/such', [])).toThrow(
      expect.objectContaining({ code: 'ERR_FILE_NOT_FOUND' }) as Error,
    )
  })

  test('whose file was replaced', async () => {
    const file = link('replaced')
    const child = await start(file)
    const stack = await stackOf(child)
    copyFileSync('/bin/true', join(directory, 'other'))
    renameSync(join(directory, 'other'), file)
    const frames = new Symbolizer().user(child.pid as number, stack)
    expect(within(frames, `${file} (deleted)`).slice(0, 3)).toEqual(calls)
  })

  test('that has ended, as far as it was seen', async () => {
    const file = link('ended')
    const child = await start(file)
    const pid = child.pid as number
    const stack = await stackOf(child)
    const symbolizer = new Symbolizer()
    expect(symbolizer.user(pid, [])).toEqual([])
    const ended = once(child, 'close')
    child.stdin?.end()
    await ended
    const frames = symbolizer.user(pid, stack)
    expect(within(frames, file).slice(0, 3)).toEqual(calls)
    expect(frames.map(({ name }) => name)).toContain(jitted)
    rmSync(`/tmp/perf-${pid}.map`)
    const nothing = { name: undefined, module: undefined, fileAddress: undefined }
    const unseen = new Symbolizer().user(pid, stack)
    expect(unseen).toMatchObject(stack.map((address) => ({ address, ...nothing })))
  })

  test('that has ended, and nobody has waited for it', async () => {
    const child = await start(link('zombie'))
    const pid = child.pid as number
    const stack = await stackOf(child)
    const symbolizer = new Symbolizer()
    const before = symbolizer.user(pid, stack)
    child.kill('SIGKILL')
    // Node waits for it as soon as the event loop turns.
    untilBlocking(() => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')))
    // What is not known makes it look again.
    expect(symbolizer.user(pid, [1n, ...stack]).slice(1)).toEqual(before)
  })

  test('in a container, with a debug file there', async () => {
    const root = join(directory, 'root')
    const file = link('root-program', '-static', '-Wl,--build-id=0x0123456789abcdef')
    const debug = join(root, 'usr/lib/debug/.build-id/01')
    mkdirSync(debug, { recursive: true })
    mkdirSync(join(root, 'tmp'))
    run('objcopy', '--only-keep-debug', file, join(debug, '23456789abcdef.debug'))
    run('strip', '-o', join(root, 'program'), file)
    mkdirSync(join(root, 'old'))
    const enter = `mount --bind ${root} ${root} && cd ${root} && pivot_root . old && exec /program`
    const unshared = ['--pid', '--mount', '--fork', '--kill-child']
    const child = await start('unshare', ...unshared, 'sh', '-c', enter)
    const pid = Number(
      readFileSync(`/proc/${child.pid ?? 0}/task/${child.pid ?? 0}/children`, 'utf8').trim(),
    )
    const frames = new Symbolizer().user(pid, await stackOf(child, pid))
    expect(frames.map(nameOf)).toEqual(expect.arrayContaining([...calls, jitted, 'main']))
    expect(within(frames, '/program').slice(1, 4)).toEqual(calls)
    expect(readFileSync(join(root, 'tmp/perf-1.map'), 'utf8')).toContain(jitted)
  })

  test('of thousands of processes: one table for each file, and no more memory than allowed', async () => {
    const file = link('shared')
    copyFileSync(file, join(directory, 'copy'))
    const symbolizer = new Symbolizer({ maxBytes: 16 << 20 })
    const one = await start(file)
    const stack = await stackOf(one)
    symbolizer.user(one.pid as number, stack)
    const before = symbolizer.bytes
    for (const program of [file, join(directory, 'copy'), file]) {
      const child = await start(program)
      const frames = symbolizer.user(child.pid as number, await stackOf(child))
      expect(within(frames, program).slice(0, 3)).toEqual(calls)
    }
    expect(symbolizer.bytes - before).toBeLessThan(100_000)
    // Node's are more than a quarter of that.
    expect(symbolizer.user(process.pid, [0x1000000n])[0]?.name).toBeUndefined()
    expect(symbolizer.bytes).toBeLessThan(16 << 20)
  })

  test('of JavaScript', async () => {
    const script = `
      function aFunctionThatIsBusy(ms) {
        const end = performance.now() + ms
        let sum = 0
        while (performance.now() < end) for (let i = 0; i < 1e5; i++) sum += Math.sqrt(i)
        return sum
      }
      console.log('ready')
      process.stdin.on('data', () => { for (;;) aFunctionThatIsBusy(100) })
      `
    const child = await start(process.execPath, '--perf-basic-prof', '-e', script)
    const pid = child.pid as number
    using object = openObject('stacks')
    object.program('on_tick').autoload = true
    object.globals['only_tgid'] = pid
    object.load().attach()
    const symbolizer = new Symbolizer()
    const seen = new Set<string | undefined>()
    using ring = new RingBuffer(object.map('events'), Stacks, ({ user }) => {
      for (const { name } of symbolizer.user(pid, user)) seen.add(name)
    })
    child.stdin?.write('\n')
    const isIts = (name: string | undefined): boolean =>
      /^JS:\S*aFunctionThatIsBusy /.test(name ?? '')
    await until(
      () => [...seen].some(isIts),
      () => `its name among ${[...seen].join(', ')}`,
    )
    expect(ring.closed).toBe(false)
  })
})

describeBpf('without privileges', () => {
  test("the kernel's symbols and other users' processes are refused", () => {
    const code = `
      const { Symbolizer } = require(${JSON.stringify(join(__dirname, '../..'))})
      process.setuid(65534)
      const symbolizer = new Symbolizer()
      const said = [() => symbolizer.kernel([1n]), () => symbolizer.user(1, [1n])].map((call) => {
        try { return String(call().length) } catch ({ code, message }) { return code + ' ' + message }
      })
      const isHidden = !/^(?!0{16} )/m.test(require('fs').readFileSync('/proc/kallsyms', 'utf8').trim())
      console.log(JSON.stringify([isHidden, ...said, symbolizer.user(process.pid, []).length]))`
    const [isHidden, kernel, user, own] = JSON.parse(
      execFileSync(process.execPath, ['-e', code], { encoding: 'utf8' }),
    ) as [boolean, string, string, number]
    const refusal = /^ERR_PERMISSION Cannot read \/proc\/kallsyms: the kernel shows no addresses\. /
    expect(kernel).toMatch(isHidden ? refusal : /^1$/)
    expect(user).toMatch(
      /^ERR_PERMISSION Cannot read \/proc\/1\/maps: EACCES .*need CAP_SYS_PTRACE/,
    )
    expect(own).toBe(0)
  })
})

test('the functions of node are those that readelf lists', () => {
  const pieces = Source.open(process.execPath)
  if (pieces === undefined) throw new Error('it cannot be read')
  const elf = new ElfFile(pieces)
  const table = elf.symbols(pieces, 'symtab', elf, 2 ** 28)?.toTable()
  pieces.close()
  const at = new Map<number, Set<string>>()
  const list = execFileSync('readelf', ['-sW', process.execPath], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  const functions = /^ *\d+: ([\da-f]+) +[1-9]\S* FUNC +\w+ +\w+ +\d+ (\S+)$/gm
  for (const [, address = '', name = ''] of list.matchAll(functions)) {
    const start = Number.parseInt(address, 16)
    at.set(start, (at.get(start) ?? new Set()).add(name))
  }
  expect(at.size).toBeGreaterThan(10_000)
  const wrong = [...at].filter(([start, names]) => {
    const found = table?.find(start)
    return found === undefined || found.start !== start || !names.has(found.name)
  })
  expect(wrong).toEqual([])
})
