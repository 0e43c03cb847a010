// What `bpf-ringbuf build` and its neighbours work out without a compiler or a kernel.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostArchitecture, readCompilation } from '../../lib/cli/compile-flags.js'
import { quoteForShell } from '../../lib/cli/include.js'
import { problemOfName } from '../../lib/cli/init.js'
import { cacheDirectory, hasTypes } from '../../lib/cli/kernel-header.js'
import { dependenciesOf, findInclusions, namesIn } from '../../lib/cli/source-names.js'
import { findClang, howToInstall, shellWords } from '../../lib/cli/toolchain.js'
import { splitExtra, UsageError } from '../../lib/cli/usage.js'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bpf-ringbuf-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

function file(name: string, text = '', mode = 0o644): string {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text, { mode })
  return path
}

describe('the compiler', () => {
  test('is clang before any version of it, and $CLANG before both', () => {
    const [old, one] = ['clang-9', 'clang-14'].map((name) => file(`versions/${name}`, '', 0o755))
    const PATH = join(folder, 'versions')
    expect(findClang({ PATH })).toBe(one)
    const plain = file('plain/clang', '', 0o755)
    expect(findClang({ PATH: `${PATH}:${join(folder, 'plain')}` })).toBe(plain)
    expect(findClang({ PATH, CLANG: old })).toBe(old)
  })

  test('that is missing is one line with what to install', () => {
    expect(() => findClang({ PATH: folder })).toThrow(
      expect.objectContaining({
        code: 'ERR_FILE_NOT_FOUND',
        message: expect.stringMatching(
          /^Cannot run clang: it is not installed\. Install .*$/,
        ) as string,
      }) as Error,
    )
  })

  test.each([
    ['ID=debian', 'clang', 'Install it: apt-get install clang llvm'],
    [
      'ID=linuxmint\nID_LIKE="ubuntu debian"\n',
      'headers',
      'Install it: apt-get install libbpf-dev',
    ],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"', 'headers', 'Install it: dnf install libbpf-devel'],
    ["ID='alpine'", 'headers', 'Install it: apk add libbpf-dev linux-headers'],
    ['ID=opensuse-leap\nID_LIKE="suse opensuse"', 'clang', 'Install it: zypper install clang llvm'],
    ['ID=arch', 'clang', 'Install it: pacman -S clang llvm'],
    ['ID=another', 'headers', "Install your distribution's package of libbpf's headers"],
    ['', 'clang', "Install your distribution's package of clang"],
  ] as const)('is installed as the distribution has it: %j', (osRelease, what, hint) => {
    expect(howToInstall(what, osRelease)).toBe(hint)
  })
})

test('the words of pkg-config are those of a shell', () => {
  expect(shellWords('-I/opt/a\\ b  "-Ic d" -D\'e f\'g \n')).toEqual([
    '-I/opt/a b',
    '-Ic d',
    '-De fg',
  ])
  expect(shellWords('\n')).toEqual([])
})

test('flags are printed as a shell reads them', () => {
  expect(['-I/usr', "-Ia b's", '', '-D(x)'].map(quoteForShell)).toEqual([
    '-I/usr',
    "'-Ia b'\\''s'",
    "''",
    "'-D(x)'",
  ])
})

describe('the command line', () => {
  test('has clang options behind a "--"', () => {
    expect(splitExtra(['a', '--', '-b', '--', 'c'])).toEqual([['a'], ['-b', '--', 'c']])
    expect(splitExtra(['a'])).toEqual([['a'], []])
  })

  test('names machines as libbpf does', () => {
    expect(['x64', 'arm64', 'riscv64', 's390x', 'ppc64', 'other'].map(hostArchitecture)).toEqual([
      'x86',
      'arm64',
      'riscv',
      's390',
      'powerpc',
      'other',
    ])
  })

  test('refuses targets and machines that there are not', () => {
    expect(() => readCompilation({ target: 'x86_64' }, [])).toThrow(UsageError)
    expect(() => readCompilation({ arch: 'x86_64' }, [])).toThrow(/^Expected x86, arm64.* but/)
    expect(readCompilation({ arch: 'arm64', target: 'bpfeb' }, ['-v'])).toEqual({
      target: 'bpfeb',
      architecture: 'arm64',
      include: [],
      define: [],
      extra: ['-v'],
    })
  })
})

describe('what a source includes', () => {
  test('is followed, once each, through folders of headers', () => {
    const source = file(
      'src/agent.bpf.c',
      '#include "agent.h"\n# include <lib.h>\n//include "no.h"\n',
    )
    const header = file('src/agent.h', '#include "agent.h"\n#include "missing.h"\n')
    const library = file('include/lib.h', '#include <stdint.h>')
    const { files, wantsKernelHeader } = findInclusions(source, [join(folder, 'include')])
    expect([...files].sort()).toEqual(
      [
        source,
        header,
        library,
        // There one may appear.
        join(folder, 'src/missing.h'),
      ].sort(),
    )
    expect(wantsKernelHeader).toBe(false)
  })

  test('may be a vmlinux.h that is to be made, or one that is there', () => {
    const source = file('agent.bpf.c', '#include "agent.h"\n')
    file('agent.h', '#include "vmlinux.h"\n')
    expect(findInclusions(source, []).wantsKernelHeader).toBe(true)
    file('vmlinux.h')
    expect(findInclusions(source, []).wantsKernelHeader).toBe(false)
  })

  test('is read from the rule that clang writes, with spaces', () => {
    const rule = 'a\\ b.o: a\\ b.bpf.c \\\n  c.h \\\n  d$$e.h\\#\nc.h:\n'
    expect(dependenciesOf(rule)).toEqual(['a b.bpf.c', 'c.h', 'd$e.h#'])
    expect(dependenciesOf('')).toEqual([])
  })

  test('names: its own, and of libbpf those that are no structs', () => {
    const { names, aliases } = namesIn(
      [
        '# 1 "agent.bpf.c"',
        'struct task_struct *task; char text[] = "in_a_string"; u32 both;',
        '# 1 "/usr/include/bpf/bpf_helper_defs.h" 1 3 4',
        'struct xdp_md; static __u64 (*helper)(u32 both);',
        '# 3 "agent.bpf.c" 2',
        'int after;',
      ].join('\n'),
    )
    expect(names).toEqual(
      ['after', 'both', 'char', 'int', 'struct', 'task', 'task_struct', 'text', 'u32'].sort(),
    )
    expect(aliases).toEqual(['__u64', 'helper', 'static', 'xdp_md'])
  })
})

describe('vmlinux.h', () => {
  test('is kept where the system keeps such files', () => {
    expect(cacheDirectory({ XDG_CACHE_HOME: '/a/b' })).toBe('/a/b/bpf-ringbuf')
    expect(cacheDirectory({ XDG_CACHE_HOME: 'relative' })).toMatch(/\/\.cache\/bpf-ringbuf$/)
    expect(cacheDirectory({})).toMatch(/\/\.cache\/bpf-ringbuf$/)
  })

  test('is made of BTF of both byte orders and of objects, and of no text', () => {
    const bytes = [[0x9f, 0xeb], [0xeb, 0x9f], [0x7f, 0x45, 0x4c, 0x46], [0x23, 0x69], []]
    expect(bytes.map((each) => hasTypes(Uint8Array.from(each)))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ])
  })
})

test.each([
  ['my-agent', undefined],
  ['@scope/agent', undefined],
  ['agent2.0', undefined],
  ['', /empty/],
  ['.agent', /dot/],
  ['_agent', /underscore/],
  ['Agent', /capital/],
  ['my agent', /characters/],
  ['agent$', /characters/],
  ['node_modules', /Node has/],
  ['http', /Node has/],
  ['bpf-ringbuf', /depend/],
  ['a'.repeat(215), /214/],
] as const)('a package called %j', (name, problem) => {
  if (problem === undefined) expect(problemOfName(name)).toBeUndefined()
  else expect(problemOfName(name)).toMatch(problem)
})
