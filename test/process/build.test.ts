// `bpf-ringbuf build`, `vmlinux` and `include` as processes, with the system's clang.
import { spawnSync, type SpawnSyncOptions } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { endianness, tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkElf } from '../../lib/btf/elf.js'
import { Btf, BpfObject } from '../../lib/index.js'
import { describeBpf } from '../require-bpf.js'
import { Example, killRunning } from './example.js'

const root = join(__dirname, '../..')
const main = join(root, 'dist/cli/main.js')

const program = `
#include "vmlinux.h"
#include "agent.h"
#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

BPFRB_RINGBUF(events, 1 << 18);
struct event *unused_event __attribute__((unused));

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct event *event = bpfrb_reserve(events, sizeof(*event));

	if (!event)
		return 0;
	event->pid = task->tgid;
	event->parent_pid = BPF_CORE_READ(task, real_parent, tgid);
	event->owner_pid = BPF_CORE_READ(task, mm, owner, tgid);
	event->is_script = bprm->interp != bprm->filename ? true : false;
	bpfrb_submit(events, event);
	return 0;
}
`

const header = `
struct event {
	u32 pid;
	u32 parent_pid;
	u32 owner_pid;
	bool is_script;
};
`

let folder: string
let cache: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bpf ringbuf '))
  cache = join(folder, 'cache')
  writeFileSync(join(folder, 'agent.bpf.c'), program)
  writeFileSync(join(folder, 'agent.h'), header)
})

afterEach(async () => {
  await killRunning()
  rmSync(folder, { recursive: true })
})

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, XDG_CACHE_HOME: cache }
}

function run(args: string[], options: SpawnSyncOptions & { program?: string } = {}) {
  const { program = main, ...others } = options
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    env: environment(),
    maxBuffer: 2 ** 28,
    ...others,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

function kept(): string[] {
  const directory = join(cache, 'bpf-ringbuf')
  return existsSync(directory) ? readdirSync(directory) : []
}

function btfOf(path: string): Btf {
  const btf = checkElf(readFileSync(path), path).get('.BTF')
  return new Btf(btf ?? new Uint8Array())
}

const strict = ['--', '-Werror']

describeBpf('bpf-ringbuf build', () => {
  test('makes an object that loads, and keeps vmlinux.h', () => {
    const built = run(['build', '--no-gen', 'agent.bpf.c', ...strict])
    expect(built).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^agent\.bpf\.o: \d+ ms\n$/) as string,
      stderr: '',
    })
    expect(kept()).toEqual([expect.stringMatching(/^vmlinux-[0-9a-f]{32}$/)])
    using object = BpfObject.open(join(folder, 'agent.bpf.o'))
    object.load()
    expect(object.btf?.structs('event')[0]?.size).toBe(16)
    const [made = ''] = kept().map((name) => join(cache, 'bpf-ringbuf', name, 'vmlinux.h'))
    const before = statSync(made)
    expect(run(['build', '--no-gen', 'agent.bpf.c']).status).toBe(0)
    expect([kept().length, statSync(made).mtimeMs]).toEqual([1, before.mtimeMs])
  })

  test('with --prune makes the same object of a small vmlinux.h', () => {
    expect(run(['build', '--no-gen', 'agent.bpf.c', ...strict]).status).toBe(0)
    const whole = readFileSync(join(folder, 'agent.bpf.o'))
    const built = run(['build', '--no-gen', '--prune', 'agent.bpf.c', '-o', 'out/', ...strict])
    expect(built).toMatchObject({ status: 0, stderr: '' })
    const pruned = readFileSync(join(folder, 'out/agent.bpf.o'))
    const code = (bytes: Buffer): unknown => checkElf(bytes, 'it').get('tp_btf/sched_process_exec')
    expect(code(pruned)).toEqual(code(whole))
    using object = BpfObject.open(join(folder, 'out/agent.bpf.o'))
    object.load()
    const sizes = kept().map((name) => statSync(join(cache, 'bpf-ringbuf', name, 'vmlinux.h')).size)
    expect(Math.min(...sizes) * 20).toBeLessThan(Math.max(...sizes))
  })

  test("shows clang's errors as they are, fails, and leaves the old object", () => {
    writeFileSync(join(folder, 'agent.bpf.o'), 'old')
    writeFileSync(join(folder, 'agent.h'), header.replace('u32 pid;', 'u32 pid'))
    const { status, stdout, stderr } = run(['build', 'agent.bpf.c'])
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^In file included from agent\.bpf\.c:3:\n\.\/agent\.h:3:9: error: /)
    expect(stderr).not.toContain('\x1b')
    expect(readFileSync(join(folder, 'agent.bpf.o'), 'utf8')).toBe('old')
    expect(readdirSync(folder).sort()).toEqual(['agent.bpf.c', 'agent.bpf.o', 'agent.h', 'cache'])
  })

  test.each([
    'BPFRB_RECORD_OF(evnets, struct event);',
    'BPFRB_RECORD_TAGGED(evnets, pid, 1, struct event);',
  ])('of a ring whose name is misspelt is an error of clang: %s', (record) => {
    writeFileSync(join(folder, 'agent.bpf.c'), `${program}${record}\n`)
    const { status, stderr } = run(['build', '--no-gen', 'agent.bpf.c'])
    expect(stderr).toMatch(/error: use of undeclared identifier 'evnets'; did you mean 'events'\?/)
    expect(status).toBe(1)
  })

  test('on a terminal in colours', () => {
    writeFileSync(join(folder, 'agent.h'), '#error it')
    const command = `'${process.execPath}' '${main}' build agent.bpf.c`
    const { status, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
      cwd: folder,
      env: { ...environment(), TERM: 'xterm', NO_COLOR: '' },
      encoding: 'utf8',
    })
    expect(stdout).toMatch(/\x1b\[[\d;]*merror: /)
    expect(status).toBe(1)
  })

  test('says in one line what to install when clang is missing', () => {
    const { status, stderr } = run(['build', 'agent.bpf.c'], {
      env: { ...environment(), PATH: folder },
    })
    expect(stderr).toMatch(
      /^bpf-ringbuf build: Cannot run clang: it is not installed\. Install .*\n$/,
    )
    expect(status).toBe(1)
  })

  test.each([
    ['bpfel', '01'],
    ['bpfeb', '02'],
  ])('makes objects of either byte order: %s', (target, order) => {
    const built = run(['build', '--no-gen', '--target', target, '--arch', 'arm64', 'agent.bpf.c'])
    expect(built).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/vmlinux\.h is of this machine's kernel/) as string,
    })
    expect(readFileSync(join(folder, 'agent.bpf.o')).subarray(5, 6).toString('hex')).toBe(order)
  })

  test('of the other byte order there is an object without a module, which is no failure', () => {
    const foreign = endianness() === 'LE' ? 'bpfeb' : 'bpfel'
    writeFileSync(join(folder, 'plain.bpf.c'), 'int limit = 1;\n')
    expect(run(['build', '--target', foreign, 'plain.bpf.c'])).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^plain\.bpf\.o: \d+ ms\n$/) as string,
      stderr: expect.stringMatching(
        /^bpf-ringbuf build: no module, .* on one of that order\n$/,
      ) as string,
    })
    expect(existsSync(join(folder, 'plain.bpf.ts'))).toBe(false)
  })

  test('takes folders, macros and options of clang', () => {
    mkdirSync(join(folder, 'some headers'))
    writeFileSync(join(folder, 'some headers/limit.h'), 'int limit = LIMIT + EXTRA;\n')
    writeFileSync(join(folder, 'small.bpf.c'), '#include <limit.h>\n')
    const args = ['-I', 'some headers', '-DLIMIT=40', '-o', 'small.o', '--', '-DEXTRA=2']
    expect(run(['build', '--no-gen', 'small.bpf.c', ...args])).toMatchObject({
      status: 0,
      stderr: '',
    })
    const data = checkElf(readFileSync(join(folder, 'small.o')), 'it').get('.data')
    expect([...(data ?? [])]).toEqual([42, 0, 0, 0])
  })

  test('uses a vmlinux.h that is beside the source, or given, or none', () => {
    writeFileSync(join(folder, 'own.bpf.c'), '#include "vmlinux.h"\nnumber limit = 1;\n')
    const build = (...args: string[]) => run(['build', '--no-gen', 'own.bpf.c', ...args])
    expect(build('--vmlinux', 'none')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/'vmlinux\.h' file not found/) as string,
    })
    writeFileSync(join(folder, 'types.h'), 'typedef int number;\n')
    expect(build('--vmlinux', 'types.h')).toMatchObject({ status: 0, stderr: '' })
    renameSync(join(folder, 'types.h'), join(folder, 'vmlinux.h'))
    expect(build()).toMatchObject({ status: 0, stderr: '' })
    rmSync(join(folder, 'vmlinux.h'))
    expect(build('--vmlinux', 'missing.h')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/Cannot read missing\.h: ENOENT/) as string,
    })
  })

  test('works from a read-only package with spaces, without a cache', () => {
    const installed = join(folder, 'node modules/bpf-ringbuf')
    mkdirSync(installed, { recursive: true })
    for (const part of ['package.json', 'dist', 'bpf']) {
      cpSync(join(root, part), join(installed, part), { recursive: true })
    }
    for (const name of readdirSync(installed, { recursive: true, encoding: 'utf8' }))
      chmodSync(join(installed, name), 0o555)
    // Behind these, where others write meanwhile, nobody is to look for files.
    for (const part of ['build', 'node_modules'])
      symlinkSync(join(root, part), join(installed, part))
    writeFileSync(cache, 'no folder')
    const script =
      'mount --bind -o ro "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    const args = [process.execPath, join(installed, 'dist/cli/main.js'), 'build', 'agent.bpf.c']
    const { status, stderr } = spawnSync(
      'unshare',
      ['--mount', 'sh', '-c', script, 'sh', installed, ...args],
      { cwd: folder, env: environment(), encoding: 'utf8' },
    )
    expect([status, stderr]).toEqual([0, ''])
    expect(btfOf(join(folder, 'agent.bpf.o')).structs('event')).toHaveLength(1)
  })

  test.each([
    [['build'], /Expected one source but received 0/],
    [['build', 'a.bpf.c', 'b.bpf.c'], /Expected one source but received 2/],
    [['build', 'agent.h'], /Expected a C source, NAME\.bpf\.c, but received agent\.h/],
    [['build', '--arch', 'vax', 'agent.bpf.c'], /for --arch but received vax/],
    [['build', '--target', 'x86', 'agent.bpf.c'], /for --target but received x86/],
    [['build', '--prune', '--vmlinux', 'none', 'agent.bpf.c'], /--prune needs types/],
    [['vmlinux', '--type', 'a', '--prune', 'agent.bpf.c'], /exclude each other/],
  ])('refuses %j', (args, message) => {
    const { status, stderr } = run(args)
    expect(stderr).toMatch(message)
    expect(status).toBe(2)
  })

  test('a source that is missing is an error', () => {
    const { status, stderr } = run(['build', 'missing.bpf.c'])
    expect(stderr).toMatch(/^bpf-ringbuf build: Cannot read missing\.bpf\.c: ENOENT .*\n$/)
    expect(status).toBe(1)
  })
})

describeBpf('bpf-ringbuf build --watch', () => {
  const built = (times: number): RegExp => new RegExp(`^(agent\\.bpf\\.o: \\d+ ms\\n){${times},}$`)

  test('builds again after changes of headers, survives errors, and ends by Ctrl-C', async () => {
    const args = [main, 'build', '--watch', '--no-gen', '--prune', 'agent.bpf.c']
    const watching = new Example(process.execPath, args, { cwd: folder, env: environment() })
    await watching.until('stdout', built(1))
    writeFileSync(join(folder, 'agent.h'), '#error broken\n')
    await watching.until('stderr', /error: broken[^]*waiting for a change\n$/)
    // As editors do: another file in its place.
    writeFileSync(join(folder, 'agent.h~'), header.replace('is_script;', 'is_script, more;'))
    renameSync(join(folder, 'agent.h~'), join(folder, 'agent.h'))
    await watching.until('stdout', built(2))
    expect(btfOf(join(folder, 'agent.bpf.o')).structs('event')[0]?.members.at(-1)?.name).toBe(
      'more',
    )
    writeFileSync(join(folder, 'agent.bpf.c'), program.replace('unused_event', 'kept_event'))
    await watching.until('stdout', built(3))
    expect(await watching.stop('SIGINT')).toMatchObject({ code: 130, signal: null })
    expect(readdirSync(folder).sort()).toEqual(['agent.bpf.c', 'agent.bpf.o', 'agent.h', 'cache'])
  }, 60_000)

  test('builds again when the folder was removed and comes back', async () => {
    const args = [main, 'build', '--watch', '--no-gen', 'sub/tiny.bpf.c']
    mkdirSync(join(folder, 'sub'))
    writeFileSync(join(folder, 'sub/tiny.bpf.c'), 'int one;\n')
    const watching = new Example(process.execPath, args, { cwd: folder, env: environment() })
    await watching.until('stdout', /^.*: \d+ ms\n$/)
    rmSync(join(folder, 'sub'), { recursive: true })
    await watching.until('stderr', /waiting for a change\n/)
    // A build that was on its way may have made it again, for its object.
    mkdirSync(join(folder, 'sub'), { recursive: true })
    writeFileSync(join(folder, 'sub/tiny.bpf.c'), 'int another;\n')
    await watching.until('stdout', /^(.*: \d+ ms\n)+.*: \d+ ms\n$/)
    expect(await watching.stop('SIGINT')).toMatchObject({ code: 130, signal: null })
  }, 60_000)
})

describeBpf('bpf-ringbuf vmlinux', () => {
  function compile(text: string): { status: number | null; stderr: string } {
    writeFileSync(join(folder, 'vmlinux.h'), text)
    const args = ['build', '--no-gen', '--vmlinux', 'none', 'agent.bpf.c', ...strict]
    return run(args)
  }

  test('prints what a program compiles with, without a warning', () => {
    const { status, stdout, stderr } = run(['vmlinux'])
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^struct task_struct \{$/m)
    expect(compile(stdout)).toMatchObject({ status: 0, stderr: '' })
  })

  test('pruned has what the program names, and compiles, too', () => {
    const { status, stdout, stderr } = run(['vmlinux', '--prune', 'agent.bpf.c'])
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^struct mm_struct \{$/m)
    expect(stdout).toMatch(/^struct vm_area_struct;$/m)
    expect(stdout).not.toMatch(/^struct (vm_area_struct|xdp_md) \{$/m)
    expect(compile(stdout)).toMatchObject({ status: 0, stderr: '' })
    // Also with what it made before in its place.
    expect(run(['vmlinux', '--prune', 'agent.bpf.c']).stdout).toBe(stdout)
  })

  test('of one type has what that needs', () => {
    const { stdout } = run(['vmlinux', '--type', 'list_head', '--type', 'pid_t'])
    expect(stdout).toMatch(/^struct list_head \{$/m)
    expect(stdout).toMatch(/^typedef __kernel_pid_t pid_t;$/m)
    expect(stdout).not.toMatch(/task_struct/)
  })

  test('says which type there is not', () => {
    const { status, stdout, stderr } = run(['vmlinux', '--type', 'list_head', '--type', 'nobody'])
    expect(stderr).toMatch(
      /^bpf-ringbuf vmlinux: Cannot read .*vmlinux: it has no type "nobody"\n$/,
    )
    expect([status, stdout]).toEqual([1, ''])
    expect(run(['vmlinux', '--type', 'nobody']).stderr).toMatch(/: it has no type "nobody"\n$/)
  })

  test('of an object, into a file', () => {
    const object = join(root, 'build/bpf/exec-snoop.bpf.o')
    expect(run(['vmlinux', '--btf', object, '-o', 'object.h'])).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    })
    expect(readFileSync(join(folder, 'object.h'), 'utf8')).toMatch(/^struct event \{$/m)
  })

  test('is not written over what it is made of', () => {
    const text = 'struct list_head *unused;'
    writeFileSync(join(folder, 'own.bpf.c'), text)
    const { status, stderr } = run(['vmlinux', '--prune', 'own.bpf.c', '-o', './own.bpf.c'])
    expect(stderr).toBe(
      'bpf-ringbuf vmlinux: Cannot write ./own.bpf.c: it is what is read. Give the output another name\n',
    )
    expect(status).toBe(1)
    expect(readFileSync(join(folder, 'own.bpf.c'), 'utf8')).toBe(text)
  })

  test('leaves a device and a link what they are', () => {
    const object = join(root, 'build/bpf/exec-snoop.bpf.o')
    writeFileSync(join(folder, 'linked.h'), '')
    for (const [link, file] of [
      ['null', '/dev/null'],
      ['link.h', 'linked.h'],
    ] as const) {
      symlinkSync(file, join(folder, link))
      expect(run(['vmlinux', '--btf', object, '-o', link]).stderr).toBe('')
      expect(readlinkSync(join(folder, link))).toBe(file)
    }
    expect(readFileSync(join(folder, 'linked.h'), 'utf8')).toMatch(/^struct event \{$/m)
  })

  test.each([
    ['nothing', ''],
    ['a text', 'int x;'],
    ['cut off BTF', readFileSync('/sys/kernel/btf/vmlinux').subarray(0, 100_000)],
    ['a cut off object', readFileSync(main).subarray(0, 100)],
  ])('%s is an error', (_, bytes) => {
    writeFileSync(join(folder, 'types'), bytes)
    const { status, stdout, stderr } = run(['vmlinux', '--btf', 'types'])
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^bpf-ringbuf vmlinux: Cannot read types: .*\n$/)
  })
})

describeBpf('bpf-ringbuf include', () => {
  test('prints flags that a shell can give to clang', () => {
    writeFileSync(
      join(folder, 'plain.bpf.c'),
      '#include <bpf-ringbuf.bpf.h>\nBPFRB_RINGBUF(r, 4096);\n',
    )
    const script = 'eval clang -Werror "$("$@")" -c plain.bpf.c -o plain.o'
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', script, 'sh', process.execPath, main, 'include', '-I', "it's here"],
      { cwd: folder, encoding: 'utf8' },
    )
    expect([status, stderr]).toEqual([0, ''])
  })

  test("are those of the project's Makefile", () => {
    const { stdout } = spawnSync(
      'make',
      ['-s', '--eval=bpf-cflags: ; @echo $(BPF_CFLAGS)', 'bpf-cflags'],
      { cwd: root, encoding: 'utf8' },
    )
    const ours = run(['include'])
      .stdout.replace(root + '/', '')
      .trim()
      .split(' ')
    const its = stdout.trim().split(' ')
    // These the project's own programs do without, or are compiled with by their rules.
    const other = ['-g', '-mcpu=v3', '-Werror']
    const sorted = (flags: string[]) => flags.filter((flag) => !other.includes(flag)).sort()
    expect(sorted(ours)).toEqual(sorted(its))
  })

  test('prints the folder of the header, which a package finds, too', () => {
    const { stdout } = run(['include', '--directory'])
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(root, join(folder, 'node_modules/bpf-ringbuf'))
    const script = `console.log(require.resolve('bpf-ringbuf/bpf/include/bpf-ringbuf.bpf.h'))`
    const found = spawnSync(process.execPath, ['-e', script], { cwd: folder, encoding: 'utf8' })
    expect(found.stdout.trim()).toBe(join(stdout.trim(), 'bpf-ringbuf.bpf.h'))
  })
})
