import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import type { BpfErrorCode } from '../../lib/errors/errors.js'
import { diagnose, lsmProblem, verifierHint } from '../../lib/machine/diagnose.js'
import type { DeclaredMap, Failure } from '../../lib/machine/diagnosis.js'
import {
  kernelAtLeast,
  missingCapabilities,
  readSystemFacts,
  type SystemFacts,
} from '../../lib/machine/facts.js'
import { able } from './able-machine.js'

const CAP_SYS_ADMIN = 1n << 21n
const CAP_PERFMON = 1n << 38n
const CAP_BPF = 1n << 39n

describe('kernelAtLeast()', () => {
  test.each<[string, number, number, boolean]>([
    ['5.8.0', 5, 8, true],
    ['5.7.19', 5, 8, false],
    ['5.10.0-27-amd64', 5, 8, true],
    ['5.4.0-150-generic', 5, 8, false],
    ['6.0.0', 5, 8, true],
    ['4.18.0-513.el8.x86_64', 5, 8, false],
    ['10.1', 5, 8, true],
    ['5.15.0-rc1+', 5, 15, true],
    ['5.8-rc7', 5, 8, true],
    ['6.18.0-microsoft-standard-WSL2', 6, 18, true],
    ['unknown', 5, 8, true],
    ['', 5, 8, true],
  ])('%j is at least %d.%d: %p', (kernelRelease, major, minor, expected) => {
    expect(kernelAtLeast({ ...able, kernelRelease }, major, minor)).toBe(expected)
  })
})

describe('missingCapabilities()', () => {
  test.each<[string, bigint, string, string[]]>([
    ['nothing for root', (1n << 41n) - 1n, '6.1.0', []],
    ['nothing with CAP_SYS_ADMIN', CAP_SYS_ADMIN, '6.1.0', []],
    ['nothing with CAP_BPF and CAP_PERFMON', CAP_BPF | CAP_PERFMON, '6.1.0', []],
    ['CAP_PERFMON with CAP_BPF', CAP_BPF, '6.1.0', ['CAP_PERFMON']],
    ['CAP_BPF with CAP_PERFMON', CAP_PERFMON, '6.1.0', ['CAP_BPF']],
    ['both for a user', 0n, '6.1.0', ['CAP_BPF', 'CAP_PERFMON']],
    ['CAP_PERFMON where an old kernel has it', CAP_BPF, '4.18.0-513.el8', ['CAP_PERFMON']],
    ['CAP_SYS_ADMIN before 5.8', CAP_BPF | CAP_PERFMON, '5.4.0', ['CAP_SYS_ADMIN']],
    ['nothing with CAP_SYS_ADMIN before 5.8', CAP_SYS_ADMIN, '5.4.0', []],
  ])('finds %s', (_, capabilities, kernelRelease, missing) => {
    const lastCapability = kernelRelease === '5.4.0' ? 37 : 40
    const facts = { ...able, capabilities, kernelRelease, lastCapability }
    expect(missingCapabilities(facts)).toEqual(missing)
  })

  test('goes by the version where /proc does not say what capabilities there are', () => {
    const facts = { ...able, capabilities: 0n, lastCapability: NaN }
    expect(missingCapabilities(facts)).toHaveLength(2)
    expect(missingCapabilities({ ...facts, kernelRelease: '5.4.0' })).toEqual(['CAP_SYS_ADMIN'])
  })
})

describe('verifierHint()', () => {
  const facts = { ...able, capabilities: CAP_BPF | (1n << 12n) }

  test.each([
    ['program of this type cannot use helper bpf_get_current_comm#16', /lacks CAP_PERFMON/],
    ['unknown func bpf_get_current_comm#16', /lacks CAP_PERFMON/],
    ["R0 invalid mem access 'scalar'", undefined],
  ])('%s', (log, hint) => {
    const given = verifierHint(log, 'cgroup_sock_addr', facts)
    expect(given).toEqual(hint === undefined ? undefined : expect.stringMatching(hint))
    expect(verifierHint(log, 'cgroup_sock_addr', able)).toBeUndefined()
  })
})

describe('diagnose() explains', () => {
  const EPERM = -1
  const ENOENT = -2
  const ESRCH = -3
  const E2BIG = -7
  const ENOMEM = -12
  const EACCES = -13
  const EBADF = -9
  const EEXIST = -17
  const EINVAL = -22
  const EOPNOTSUPP = -95
  const ENOTSUPP = -524

  // What libbpf prints, word for word.
  const memlockLog = `libbpf: Error in bpf_object__probe_loading():Operation not permitted(1). Couldn't load trivial BPF program. Make sure your kernel supports BPF (CONFIG_BPF_SYSCALL=y) and/or that RLIMIT_MEMLOCK is set to big enough value.\n`
  const ulimitLog = `libbpf: map 'events': failed to create: Operation not permitted(-1)\nlibbpf: permission error while running as root; try raising 'ulimit -l'? current value: 64.0 KiB\n`
  const noBtfLog = `libbpf: failed to find valid kernel BTF\nlibbpf: Error loading vmlinux BTF: -3\n`
  const noTypeLog = `libbpf: prog 'on_exec': failed to find kernel BTF type ID of 'no_such': -3\nlibbpf: prog 'on_exec': failed to prepare load attributes: -3\n`
  const rawLog = `libbpf: prog 'on_exec': failed to attach to raw tracepoint 'no_such': No such file or directory\n`

  const user = { capabilities: 0n }
  const old = { kernelRelease: '5.4.0-150-generic', lastCapability: 37 }
  const memlocked = { kernelRelease: '5.10.0-27-amd64' }

  const anyMap = { name: 'm', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 4 }
  const noEntries = { type: 'perf_event_array', maxEntries: 0 }

  const cases: [
    string,
    Partial<Failure> & { errno: number },
    Partial<SystemFacts>,
    BpfErrorCode,
    RegExp | undefined,
  ][] = [
    [
      'a later libbpf',
      {
        operation: 'attach',
        errno: -38,
        section: 'uprobe.multi/libc.so.6',
        needs: { feature: 'uprobe.multi', kernel: [6, 6], libbpf: '1.3' },
      },
      {},
      'ERR_UNSUPPORTED',
      /^uprobe\.multi needs libbpf 1\.3 or newer where this package was built: .*npm rebuild/,
    ],
    [
      'a later kernel',
      {
        operation: 'attach',
        errno: -22,
        section: 'tcx/lo',
        needs: { feature: 'TCX', kernel: [6, 6] },
      },
      { kernelRelease: '6.1.0-56' },
      'ERR_UNSUPPORTED',
      /^TCX needs Linux 6\.6 or newer, this is 6\.1\.0-56$/,
    ],
    [
      'a hardware event of a virtual machine',
      { operation: 'attach', errno: -2, section: 'perf_event/cpu-cycles' },
      {},
      'ERR_UNSUPPORTED',
      /no such event, or no such CPU/,
    ],
    ...(
      [
        [ENOENT, { isSoftware: true, ofCgroup: true }, 'ERR_KERNEL', /of version 1 where that has/],
        [EBADF, { isSoftware: false, ofCgroup: true }, 'ERR_KERNEL', /^Its cgroup has to be a dir/],
        [ENOENT, { isSoftware: false, ofCgroup: true }, 'ERR_UNSUPPORTED', /hardware events/],
        [
          EINVAL,
          { isSoftware: true, ofCgroup: false, hz: 100_001 },
          'ERR_KERNEL',
          /^The sysctl kernel\.perf_event_max_sample_rate is 100000: give fewer hz/,
        ],
        [
          EINVAL,
          { isSoftware: true, ofCgroup: false, hz: 100_000 },
          'ERR_UNSUPPORTED',
          /no such CPU: see \/sys\/devices\/system\/cpu\/online$/,
        ],
      ] as const
    ).map(([errno, perfEvent, code, hint]): (typeof cases)[number] => [
      `a perf event that fails with ${String(errno)}: ${JSON.stringify(perfEvent)}`,
      { operation: 'attach', errno, section: 'perf_event/any', perfEvent },
      {},
      code,
      hint,
    ]),
    [
      'what is no cgroup',
      { operation: 'attach', errno: -9, section: 'cgroup//tmp' },
      {},
      'ERR_KERNEL',
      /cgroup version 2/,
    ],
    ...(
      [
        [
          ENOENT,
          'usdt//bin/a:b:c',
          { missing: undefined },
          'ERR_NOT_FOUND',
          /no probe b:c: see "readelf -n \/bin\/a"$/,
        ],
        [
          ENOENT,
          'uprobe.multi//bin/a',
          { missing: ['f', 'g'] },
          'ERR_NOT_FOUND',
          /^It has no function f, g$/,
        ],
        [
          ENOENT,
          'uprobe.multi//bin/a',
          { missing: [] },
          'ERR_NOT_FOUND',
          /^libbpf looks .* in \.symtab/,
        ],
        [ENOENT, 'uprobe.multi//bin/a:f*', {}, 'ERR_NOT_FOUND', /that the pattern matches$/],
        [
          ESRCH,
          'uprobe.multi//bin/a',
          { log: "libbpf: elf: ambiguous match found 'f@1'" },
          'ERR_KERNEL',
          /^The file has several functions of this name/,
        ],
        [
          ENOTSUPP,
          'uprobe//bin/a:f',
          {},
          'ERR_KERNEL',
          /give an offset at which an instruction begins/,
        ],
        [
          EINVAL,
          'uprobe//bin/a:f',
          { log: "libbpf: prog 'p': failed to create uprobe '/bin/a:0x1' perf event" },
          'ERR_KERNEL',
          /at which an instruction begins/,
        ],
        [EINVAL, 'uprobe.multi', {}, 'ERR_KERNEL', undefined],
        [
          EINVAL,
          'xdp/eth0',
          { xdpMode: 'hardware' },
          'ERR_UNSUPPORTED',
          /no XDP of the mode 'hardware': give 'skb'/,
        ],
        [
          EOPNOTSUPP,
          'xdp/lo',
          { xdpMode: 'driver' },
          'ERR_UNSUPPORTED',
          /no XDP of the mode 'driver'/,
        ],
        [EEXIST, 'tcx/lo', {}, 'ERR_EXISTS', /takes each program once$/],
        [ENOENT, 'netkit/nk', {}, 'ERR_NOT_FOUND', /not of this interface and direction$/],
        [EINVAL, 'tcx/lo', {}, 'ERR_NOT_FOUND', /not of this interface and direction$/],
      ] as const
    ).map(([errno, section, more, code, hint]): (typeof cases)[number] => [
      `${String(errno)} of ${section} ${JSON.stringify(more)}`,
      { operation: 'attach', errno, section, ...more },
      {},
      code,
      hint,
    ]),
    [
      'an object without usdt.bpf.h',
      {
        operation: 'attach',
        errno: -3,
        section: 'usdt/node:a:b',
        log: 'libbpf: USDT support BPF maps are not found',
      },
      {},
      'ERR_KERNEL',
      /has to include usdt\.bpf\.h/,
    ],
    [
      'the usdt.bpf.h of another libbpf',
      { operation: 'attach', errno: -71, section: 'usdt/node:a:b' },
      {},
      'ERR_UNSUPPORTED',
      /than v1\.\d+, which is loaded; .*\/blob\/v1\.\d+\.0\/src\/usdt\.bpf\.h .* npm rebuild bpf-ringbuf/,
    ],
    [
      'the capability of networks missing',
      { operation: 'load', errno: EPERM, type: 'cgroup_sock_addr' },
      { capabilities: CAP_BPF | CAP_PERFMON },
      'ERR_PERMISSION',
      /^The process lacks CAP_NET_ADMIN: .* give it CAP_BPF, CAP_PERFMON and, for programs of networks/,
    ],
    [
      'all three missing',
      { operation: 'attach', errno: EPERM, type: 'cgroup_skb' },
      user,
      'ERR_PERMISSION',
      /^The process lacks CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN: /,
    ],
    [
      'what all programs of an object need, whichever failed',
      { operation: 'load', errno: EPERM, type: 'tracing', types: ['tracing', 'xdp'] },
      user,
      'ERR_PERMISSION',
      /^The process lacks CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN: /,
    ],
    [
      'what only CAP_SYS_ADMIN may',
      { errno: EPERM, privilege: 'CAP_SYS_ADMIN' },
      { capabilities: CAP_BPF | CAP_PERFMON },
      'ERR_PERMISSION',
      /^The process lacks CAP_SYS_ADMIN: run it as root, or give it CAP_SYS_ADMIN \(/,
    ],
    [
      'nothing of CAP_SYS_ADMIN to who has it',
      { errno: EPERM, privilege: 'CAP_SYS_ADMIN' },
      { capabilities: CAP_SYS_ADMIN },
      'ERR_PERMISSION',
      undefined,
    ],
    [
      'both capabilities missing',
      { errno: EPERM },
      user,
      'ERR_PERMISSION',
      /^The process lacks CAP_BPF and CAP_PERFMON: run it as root/,
    ],
    [
      'one capability missing',
      { errno: EPERM },
      { capabilities: CAP_BPF },
      'ERR_PERMISSION',
      /^The process lacks CAP_PERFMON:/,
    ],
    [
      'a capability missing in spite of a seccomp filter',
      { errno: EPERM },
      { ...user, seccompFilter: true, lockdown: 'confidentiality' },
      'ERR_PERMISSION',
      /lacks CAP_BPF and CAP_PERFMON: run it as root, or give it both CAP_BPF and CAP_PERFMON \(/,
    ],
    [
      'capabilities that its container was not given',
      { errno: EPERM },
      { ...user, boundingSet: 0n },
      'ERR_PERMISSION',
      /which not even root has here: start the container with --cap-add BPF --cap-add PERFMON \(/,
    ],
    [
      'a capability that its container was not given',
      { errno: EPERM },
      { capabilities: CAP_BPF, boundingSet: CAP_BPF },
      'ERR_PERMISSION',
      /^The process lacks CAP_PERFMON, which .* with --cap-add PERFMON \(/,
    ],
    [
      'a capability that its container was not given and one that its user has not',
      { errno: EPERM },
      { capabilities: 0n, boundingSet: CAP_BPF },
      'ERR_PERMISSION',
      /^The process lacks CAP_BPF and CAP_PERFMON, which .* with --cap-add PERFMON \(/,
    ],
    [
      'what its container was not given, and its profile',
      { errno: EPERM },
      { ...user, boundingSet: 0n, seccompFilter: true },
      'ERR_PERMISSION',
      /--cap-add BPF --cap-add PERFMON --security-opt seccomp=unconfined \(/,
    ],
    [
      'the one capability of an old kernel',
      { errno: EPERM },
      { ...user, ...old },
      'ERR_PERMISSION',
      /^The process lacks CAP_SYS_ADMIN: run it as root, or give it CAP_SYS_ADMIN \(/,
    ],
    [
      'the one capability of an old kernel, which the default profile goes by',
      { errno: EPERM },
      { ...user, ...old, boundingSet: 0n, seccompFilter: true },
      'ERR_PERMISSION',
      /start the container with --cap-add SYS_ADMIN \(/,
    ],
    [
      'a user namespace, whatever its capabilities',
      { errno: EPERM },
      { userNamespace: true },
      'ERR_PERMISSION',
      /^This is a user namespace, as in a rootless container/,
    ],
    [
      'a user namespace before what is missing in it',
      { errno: EPERM },
      { ...user, userNamespace: true, seccompFilter: true },
      'ERR_PERMISSION',
      /^This is a user namespace/,
    ],
    [
      'a seccomp filter',
      { errno: EPERM },
      { seccompFilter: true },
      'ERR_PERMISSION',
      /start the container with --security-opt seccomp=unconfined, or with a profile/,
    ],
    [
      'lockdown',
      { errno: EPERM },
      { lockdown: 'confidentiality' },
      'ERR_PERMISSION',
      /lockdown is in confidentiality mode/,
    ],
    [
      'nothing by the milder lockdown',
      { errno: EPERM },
      { lockdown: 'integrity' },
      'ERR_PERMISSION',
      undefined,
    ],
    [
      'an old memlock limit that keeps programs from loading',
      { errno: EPERM, log: memlockLog },
      memlocked,
      'ERR_PERMISSION',
      /RLIMIT_MEMLOCK/,
    ],
    [
      'an old memlock limit that keeps maps from being made',
      { errno: EPERM, log: ulimitLog },
      memlocked,
      'ERR_PERMISSION',
      /RLIMIT_MEMLOCK/,
    ],
    [
      'no memlock limit since 5.11, whatever libbpf guesses',
      { errno: EPERM, log: ulimitLog },
      {},
      'ERR_PERMISSION',
      undefined,
    ],
    [
      'a kernel too old for rings that overwrite',
      { errno: EINVAL, lacksOverwriting: true },
      old,
      'ERR_UNSUPPORTED',
      /^Rings that overwrite .* need Linux 6\.19 or newer, this is 5\.4\.0-150-generic: declare BPFRB_FLIGHT/,
    ],
    [
      'a kernel without user ring buffers',
      { errno: EINVAL, lacksUserRingBuffers: true },
      { kernelRelease: '5.10.0' },
      'ERR_UNSUPPORTED',
      /User ring buffers need Linux 6.1 or newer, this is 5.10.0/,
    ],
    [
      'a kernel too old for ring buffers',
      { errno: EINVAL, lacksRingBuffers: true },
      old,
      'ERR_UNSUPPORTED',
      /^BPF ring buffers need Linux 5\.8 or newer, this is 5\.4\.0-150-generic; use a perf buffer/,
    ],
    [
      'what is not permitted before what an old kernel with new capabilities lacks',
      { errno: EPERM, lacksRingBuffers: true },
      { capabilities: CAP_BPF, kernelRelease: '4.18.0-513.el8.x86_64' },
      'ERR_PERMISSION',
      /^The process lacks CAP_PERFMON:/,
    ],
    ['nothing on an old kernel without a ring', { errno: EINVAL }, old, 'ERR_KERNEL', undefined],
    [
      'a kernel without BTF',
      { errno: ESRCH, log: noBtfLog },
      { kernelBtf: false },
      'ERR_UNSUPPORTED',
      /CONFIG_DEBUG_INFO_BTF=y/,
    ],
    [
      'a kernel without BTF, by the number that libbpf gives',
      { errno: ENOENT, log: noBtfLog },
      { kernelBtf: false },
      'ERR_UNSUPPORTED',
      /CONFIG_DEBUG_INFO_BTF=y/,
    ],
    [
      'a tp_btf or fentry target that the kernel does not have',
      { errno: ESRCH, log: noTypeLog },
      {},
      'ERR_UNSUPPORTED',
      /6\.1\.0-13-amd64\) has no such tracepoint or function/,
    ],
    [
      'a tp_btf target on a kernel without BTF',
      { errno: ESRCH, log: noBtfLog + noTypeLog },
      { kernelBtf: false },
      'ERR_UNSUPPORTED',
      /CONFIG_DEBUG_INFO_BTF=y/,
    ],
    [
      'an unmounted tracefs',
      { operation: 'attach', errno: ENOENT, section: 'tp/syscalls/sys_enter_execve' },
      { tracefs: false },
      'ERR_UNSUPPORTED',
      /mount -t tracefs tracefs \/sys\/kernel\/tracing" on the host, .* -v \/sys\/kernel\/tracing:/,
    ],
    [
      'an unreadable tracefs',
      { operation: 'attach', errno: EACCES, section: 'tracepoint/sched/sched_switch' },
      {},
      'ERR_PERMISSION',
      /tracefs is not readable/,
    ],
    ...(
      [
        ['attach', EACCES, 'uprobe//bin/true:main'],
        ['load', EACCES, 'tracepoint/sched/sched_switch'],
        ['attach', EPERM, 'tracepoint/sched/sched_switch'],
      ] as const
    ).map(([operation, errno, section]): (typeof cases)[number] => [
      `nothing of tracefs when to ${operation} ${section} is refused with ${String(errno)}`,
      { operation, errno, section },
      {},
      'ERR_PERMISSION',
      undefined,
    ]),
    [
      'a tracepoint that the kernel does not have',
      { operation: 'attach', errno: ENOENT, section: 'tracepoint/sched/no_such' },
      {},
      'ERR_UNSUPPORTED',
      /has no tracepoint sched\/no_such: see \/sys\/kernel\/tracing\/available_events/,
    ],
    [
      'a raw tracepoint that the kernel does not have',
      { operation: 'attach', errno: ENOENT, section: 'raw_tp/no_such', log: rawLog },
      {},
      'ERR_UNSUPPORTED',
      /has no raw tracepoint no_such$/,
    ],
    [
      'a raw tracepoint that the kernel does not have, even without tracefs',
      { operation: 'attach', errno: ENOENT, section: 'raw_tracepoint/no_such', log: rawLog },
      { tracefs: false },
      'ERR_UNSUPPORTED',
      /has no raw tracepoint no_such$/,
    ],
    ...[ENOENT, EINVAL, EOPNOTSUPP].map((errno): (typeof cases)[number] => [
      `a kprobe that the kernel refuses with ${String(errno)}`,
      { operation: 'attach', errno, section: 'kprobe/no_such' },
      {},
      'ERR_UNSUPPORTED',
      /no such function to probe, or no kprobes/,
    ]),
    ...['ksyscall/openat', 'kretsyscall/openat'].map((section): (typeof cases)[number] => [
      `${section} on a kernel without kprobes`,
      { operation: 'attach', errno: ENOENT, section },
      {},
      'ERR_UNSUPPORTED',
      /no such function to probe, or no kprobes/,
    ]),
    ...['kprobe/vfs_read', 'ksyscall/openat'].map((section): (typeof cases)[number] => [
      `${section} without kprobes, before what tracefs lacks`,
      { operation: 'attach', errno: ENOENT, section },
      { kprobes: false, tracefs: false },
      'ERR_UNSUPPORTED',
      /^This kernel \(6\.1\.0-13-amd64\) has no kprobes, .*: use tp_btf, raw_tp or a tracepoint$/,
    ]),
    [
      'kprobe.multi where there is no kprobe either',
      { operation: 'attach', errno: EOPNOTSUPP, section: 'kprobe.multi/vfs_*' },
      { kprobes: false },
      'ERR_UNSUPPORTED',
      /with CONFIG_FPROBE, .*: use tp_btf, raw_tp or a tracepoint$/,
    ],
    ...['kprobe.multi/vfs_*', 'kretprobe.multi/vfs_*'].flatMap((section): typeof cases => [
      [
        `${section} on a kernel before 5.18`,
        { operation: 'attach', errno: EINVAL, section },
        memlocked,
        'ERR_UNSUPPORTED',
        /needs Linux 5\.18 or newer with CONFIG_FPROBE, this is 5\.10\.0-27-amd64: use kprobe$/,
      ],
      [
        `${section} on a kernel without fprobe`,
        { operation: 'attach', errno: EOPNOTSUPP, section },
        {},
        'ERR_UNSUPPORTED',
        /with CONFIG_FPROBE/,
      ],
      [
        `${section} that names no function`,
        { operation: 'attach', errno: EINVAL, section },
        {},
        'ERR_UNSUPPORTED',
        /no such function to probe/,
      ],
    ]),
    [
      'a raw tracepoint that has the program already',
      { operation: 'attach', errno: EEXIST, section: 'raw_tp/sys_enter' },
      {},
      'ERR_UNSUPPORTED',
      /^Before Linux 6\.10 a raw tracepoint takes a program once, this is 6\.1\.0-13-amd64/,
    ],
    [
      'nothing else that there is already',
      { operation: 'attach', errno: EEXIST, section: 'tp_btf/sys_enter' },
      {},
      'ERR_EXISTS',
      undefined,
    ],
    ['what somebody else has', { operation: 'attach', errno: -16 }, {}, 'ERR_BUSY', undefined],
    ['a lack of descriptors', { errno: -24 }, {}, 'ERR_KERNEL', /ulimit -n/],
    ['a lack of descriptors of the machine', { errno: -23 }, {}, 'ERR_KERNEL', /file-max/],
    [
      'a program that cannot be run on demand',
      { operation: 'run', errno: ENOTSUPP, section: 'tp_btf/sys_enter' },
      {},
      'ERR_UNSUPPORTED',
      /does not run such programs on demand/,
    ],
    [
      'a section without the target that it needs',
      {
        errno: EINVAL,
        log: "libbpf: prog 'f': no BTF-based attach target is specified, use x()\n",
      },
      {},
      'ERR_KERNEL',
      /has to name what it attaches to/,
    ],
    ...(
      [
        ['a map without entries', { maxEntries: 0 }, /max_entries is 0/],
        ['a ring without a size', { type: 'ringbuf', maxEntries: 0 }, /max_entries is 0/],
        ['a ring with a value', { type: 'ringbuf', valueSize: 8 }, /neither key nor value/],
        ['a map whose value has no size', { valueSize: 0 }, /__type\(value, …\)/],
        ['no other map', {}, undefined],
        ['no perf buffer, which has as many as CPUs', noEntries, undefined],
      ] as [string, Partial<DeclaredMap>, RegExp | undefined][]
    ).map(([name, map, hint]): (typeof cases)[number] => [
      name,
      { errno: EINVAL, map: { ...anyMap, ...map } },
      {},
      'ERR_KERNEL',
      hint,
    ]),
    [
      'a file that a section names',
      {
        operation: 'attach',
        errno: ENOENT,
        section: 'uprobe/libno.so:f',
        log: "libbpf: prog 'p': failed to resolve full path for 'libno.so': -2\n",
      },
      {},
      'ERR_FILE_NOT_FOUND',
      undefined,
    ],
    [
      'a program without USDT notes',
      {
        operation: 'attach',
        errno: ENOENT,
        section: 'usdt//bin/true:a:b',
        log: "libbpf: usdt: no USDT notes section (.note.stapsdt) found in '/bin/true'\n",
      },
      {},
      'ERR_NOT_FOUND',
      undefined,
    ],
    [
      'the section of a tracepoint that has no category',
      { operation: 'attach', errno: EINVAL, section: 'tp/abc' },
      {},
      'ERR_KERNEL',
      /"tp\/CATEGORY\/NAME"/,
    ],
    [
      'a "syscall" program before 5.14',
      { errno: EINVAL, section: 'syscall' },
      memlocked,
      'ERR_UNSUPPORTED',
      /^"syscall" programs need Linux 5\.14/,
    ],
    [
      'nothing of a "syscall" program since',
      { errno: EINVAL, section: 'syscall' },
      {},
      'ERR_KERNEL',
      undefined,
    ],
    [
      'a kretprobe that the kernel refuses',
      { operation: 'attach', errno: ENOENT, section: 'kretprobe/no_such' },
      {},
      'ERR_UNSUPPORTED',
      /no such function to probe/,
    ],
    ...[
      'fentry/vfs_read',
      'fexit/vfs_read',
      'fmod_ret/f',
      'fentry.s/f',
      'lsm/file_open',
      'lsm.s/f',
    ].flatMap((section): typeof cases => [
      [
        `${section} on a kernel that refuses trampolines`,
        { errno: EPERM, section },
        {},
        'ERR_UNSUPPORTED',
        /refuses BPF trampolines/,
      ],
      [
        `${section} on a machine without trampolines, such as arm64 before Linux 6.4`,
        { operation: 'attach', errno: ENOTSUPP, section },
        {},
        'ERR_UNSUPPORTED',
        /refuses BPF trampolines/,
      ],
    ]),
    [
      'nothing when root may not, but for no known reason',
      { errno: EPERM, section: 'tp_btf/sched_switch' },
      {},
      'ERR_PERMISSION',
      undefined,
    ],
    ['what is not supported', { errno: ENOTSUPP }, {}, 'ERR_UNSUPPORTED', /does not support it/],
    ['what is not supported', { errno: EOPNOTSUPP }, {}, 'ERR_UNSUPPORTED', /does not support it/],
    ['a lack of memory', { errno: ENOMEM }, {}, 'ERR_KERNEL', /maxEntries/],
    ['no other error', { errno: E2BIG }, {}, 'ERR_KERNEL', undefined],
    [
      'no other thing that was not found',
      { errno: ESRCH, log: 'libbpf: no such thing' },
      {},
      'ERR_KERNEL',
      undefined,
    ],
    [
      'what is not supported where the section says',
      { operation: 'attach', errno: EOPNOTSUPP, section: 'tp_btf/sched_switch' },
      {},
      'ERR_UNSUPPORTED',
      /does not support it/,
    ],
    [
      'no missing file of a uprobe',
      { operation: 'attach', errno: ENOENT, section: 'uprobe//bin/none:main' },
      { tracefs: false },
      'ERR_KERNEL',
      undefined,
    ],
  ]

  test.each(cases)('%s', (_, failure, facts, code, hint) => {
    const diagnosis = diagnose({ operation: 'load', log: '', ...failure }, { ...able, ...facts })
    expect(diagnosis).toEqual(
      hint === undefined ? { code } : { code, hint: expect.stringMatching(hint) as string },
    )
  })
})

describe('lsmProblem()', () => {
  test.each(['lsm/file_open', 'lsm.s/file_open'])('%s needs BPF among the modules', (section) => {
    expect(lsmProblem(section, 'lockdown,yama\n')).toEqual({
      code: 'ERR_UNSUPPORTED',
      hint: 'Boot the kernel with "lsm=lockdown,yama,bpf"',
    })
    expect(lsmProblem(section, 'lockdown,bpfx')).toBeDefined()
    for (const modules of ['lockdown,yama,bpf\n', 'bpf', 'bpf,yama']) {
      expect(lsmProblem(section, modules)).toBeUndefined()
    }
  })

  test('says nothing when the modules are not known, and of other sections', () => {
    expect(lsmProblem('lsm/file_open', '')).toBeUndefined()
    expect(lsmProblem('fmod_ret/security_file_open', 'yama')).toBeUndefined()
  })
})

describe('readSystemFacts() of this machine', () => {
  const facts = readSystemFacts()
  const uidMap = readFileSync('/proc/self/uid_map', 'utf8')
  const status = readFileSync('/proc/self/status', 'utf8').split('\n')

  function ofStatus(name: string): string {
    const line = status.find((known) => known.startsWith(`${name}:`)) ?? ''
    return line.slice(name.length + 1).trim()
  }

  test('has sane values', () => {
    expect(facts).toEqual({
      kernelRelease: release(),
      lastCapability: Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8')),
      capabilities: BigInt(`0x${ofStatus('CapEff')}`),
      boundingSet: BigInt(`0x${ofStatus('CapBnd')}`),
      // The first one maps all users to themselves (user_namespaces(7)).
      userNamespace: !/^\s*0\s+0\s+4294967295\s*$/.test(uidMap),
      seccompFilter: ofStatus('Seccomp') === '2',
      kernelBtf: existsSync('/sys/kernel/btf/vmlinux'),
      tracefs: expect.any(Boolean) as boolean,
      kprobes: existsSync('/sys/bus/event_source/devices/kprobe'),
      maxSampleRate: expect.any(Number) as number,
      lockdown: expect.stringMatching(/^(none|integrity|confidentiality)$/) as string,
    })
    expect(facts.kernelRelease).toMatch(/^\d+\.\d+/)
  })

  test('says what diagnose() goes by when it is not told', () => {
    const failure = { operation: 'load', errno: -1, log: '' }
    expect(diagnose(failure)).toEqual(diagnose(failure, facts))
  })
})
