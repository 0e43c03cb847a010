// What the doctor asks about a machine, and what each answer means for a person.
import type { Feature } from '../machine/feature.js'
import type { Features } from '../machine/features.js'

/** One feature as the doctor reports it. */
export interface Check {
  /** What there is to be, such as `ring buffer`. */
  readonly name: string
  /** `needed` is what ring buffers cannot do without. */
  readonly group: 'needed' | 'attach' | 'other'
  readonly answer: Feature['answer']
  readonly why: string
  readonly value?: string | number
  /** What does not work without it, unless it is there. */
  readonly stops?: string
  /** What to do about it, a command where there is one. */
  readonly mend?: string
}

interface Question {
  name: string
  group: Check['group']
  ask: (machine: Features) => Feature
  stops: string
  /** When it is not there; without one the feature's own reason says what to do. */
  mend?: string
  /** When it cannot be told, likewise. */
  tell?: string
}

const everything = 'everything that loads a program'
const newerLibbpf =
  'install a newer libbpf, then run "npm_config_build_from_source=true npm rebuild bpf-ringbuf"'

const questions: Question[] = [
  {
    name: 'native addon',
    group: 'needed',
    ask: ({ libbpfVersion, kernel }) =>
      libbpfVersion === undefined
        ? { answer: 'no', why: kernel.programs.why }
        : { answer: 'yes', why: 'It was loaded', value: `libbpf ${libbpfVersion}` },
    stops: 'everything but decoding records',
  },
  {
    name: 'loading programs',
    group: 'needed',
    ask: ({ kernel }) => kernel.programs,
    stops: everything,
  },
  {
    name: 'first user namespace',
    group: 'needed',
    ask: ({ process }) => process.initialUserNamespace,
    stops: everything,
    mend: 'run outside of it, or have root start the container',
  },
  {
    name: 'no seccomp in the way',
    group: 'needed',
    ask: ({ process }) => process.seccompPermits,
    stops: everything,
    mend: 'start the container with --security-opt seccomp=unconfined',
  },
  {
    name: 'no lockdown in the way',
    group: 'needed',
    ask: ({ system }) => system.lockdownPermits,
    stops: 'programs that read memory of the kernel or of processes',
    mend: 'boot with "lockdown=integrity"',
    tell: 'mount -t securityfs securityfs /sys/kernel/security',
  },
  {
    name: 'no memlock limit',
    group: 'needed',
    ask: ({ process }) => process.memlockPermits,
    stops: 'maps and rings larger than the limit',
    mend: 'ulimit -l unlimited; of a container --ulimit memlock=-1, of a service LimitMEMLOCK=infinity',
  },
  {
    name: 'ring buffer',
    group: 'needed',
    ask: ({ buffers }) => buffers.ring,
    stops: 'RingBuffer',
    mend: 'use Linux 5.8 or newer, or meanwhile PerfBuffer or openEventStream()',
  },
  {
    name: 'raw_tp',
    group: 'attach',
    ask: ({ attach }) => attach.rawTracepoint,
    stops: 'SEC("raw_tp/…")',
  },
  {
    name: 'tp_btf',
    group: 'attach',
    ask: ({ attach }) => attach.tpBtf,
    stops: 'SEC("tp_btf/…")',
  },
  {
    name: 'tracepoint',
    group: 'attach',
    ask: ({ attach }) => attach.tracepoint,
    stops: 'SEC("tp/…")',
  },
  {
    name: 'kprobe',
    group: 'attach',
    ask: ({ attach }) => attach.kprobe,
    stops: 'SEC("kprobe/…"), kretprobe, ksyscall',
    mend: 'use a kernel with CONFIG_KPROBES=y, or tracepoints',
  },
  {
    name: 'kprobe.multi',
    group: 'attach',
    ask: ({ attach }) => attach.kprobeMulti,
    stops: 'SEC("kprobe.multi/…")',
  },
  {
    name: 'fentry',
    group: 'attach',
    ask: ({ attach }) => attach.fentry,
    stops: 'SEC("fentry/…"), fexit, fmod_ret',
  },
  {
    name: 'lsm',
    group: 'attach',
    ask: ({ attach }) => attach.lsm,
    stops: 'SEC("lsm/…")',
  },
  {
    name: 'uprobe',
    group: 'attach',
    ask: ({ attach }) => attach.uprobe,
    stops: 'SEC("uprobe/…"), uretprobe, usdt',
  },
  {
    name: 'uprobe.multi',
    group: 'attach',
    ask: ({ attach }) => attach.uprobeMulti,
    stops: 'SEC("uprobe.multi/…")',
    mend: 'use uprobe, one program for each place',
  },
  {
    name: 'iter',
    group: 'attach',
    ask: ({ attach }) => attach.iter,
    stops: 'SEC("iter/…")',
  },
  {
    name: 'perf_event',
    group: 'attach',
    ask: ({ attach }) => attach.perfEvent,
    stops: 'SEC("perf_event"), profilers',
  },
  {
    name: 'cgroup',
    group: 'attach',
    ask: ({ attach }) => attach.cgroup,
    stops: 'programs of cgroups',
    mend: 'mount -t cgroup2 none /sys/fs/cgroup',
  },
  {
    name: 'xdp',
    group: 'attach',
    ask: ({ attach }) => attach.xdp,
    stops: 'SEC("xdp")',
  },
  {
    name: 'tc',
    group: 'attach',
    ask: ({ attach }) => attach.tc,
    stops: 'SEC("tc") on a clsact qdisc',
    mend: 'modprobe sch_ingress cls_bpf, or use tcx',
  },
  {
    name: 'tcx',
    group: 'attach',
    ask: ({ attach }) => attach.tcx,
    stops: 'SEC("tcx/…")',
    mend: 'use Linux 6.6 or newer',
  },
  {
    name: 'netkit',
    group: 'attach',
    ask: ({ attach }) => attach.netkit,
    stops: 'SEC("netkit/…")',
    mend: 'use Linux 6.7 or newer with CONFIG_NETKIT=y',
  },
  {
    name: 'netfilter',
    group: 'attach',
    ask: ({ attach }) => attach.netfilter,
    stops: 'SEC("netfilter")',
    mend: 'use Linux 6.4 or newer',
  },
  {
    name: 'perf buffer',
    group: 'other',
    ask: ({ buffers }) => buffers.perf,
    stops: 'PerfBuffer',
  },
  {
    name: 'user ring buffer',
    group: 'other',
    ask: ({ buffers }) => buffers.userRing,
    stops: 'records from here to programs',
    mend: 'use Linux 6.1 or newer',
  },
  {
    name: 'overwriting ring',
    group: 'other',
    ask: ({ buffers }) => buffers.overwritingRing,
    stops: 'flight recorders in a ring',
    mend: 'use Linux 6.19 or newer, or meanwhile a perf buffer',
  },
  {
    name: 'kernel BTF',
    group: 'other',
    ask: ({ kernel }) => kernel.btf,
    stops: 'CO-RE, tp_btf, fentry, lsm, iter',
    mend: 'use a kernel with CONFIG_DEBUG_INFO_BTF=y',
  },
  {
    name: 'JIT',
    group: 'other',
    ask: ({ kernel }) => kernel.jit,
    stops: 'nothing, but programs take several times longer',
    mend: 'sysctl net.core.bpf_jit_enable=1',
  },
  {
    name: 'tracefs',
    group: 'other',
    ask: ({ system }) => system.tracefs,
    stops: 'SEC("tp/…")',
    mend: 'mount -t tracefs tracefs /sys/kernel/tracing',
  },
  {
    name: 'bpffs',
    group: 'other',
    ask: ({ system }) => system.bpffs,
    stops: 'pinning maps, programs and links',
    mend: 'mount -t bpf bpf /sys/fs/bpf',
  },
  {
    name: 'cgroup2',
    group: 'other',
    ask: ({ system }) => system.cgroup2,
    stops: 'attaching to cgroups',
    mend: 'mount -t cgroup2 none /sys/fs/cgroup',
  },
  {
    name: 'CAP_NET_ADMIN',
    group: 'other',
    ask: ({ process }) => process.capNetAdmin,
    stops: 'programs of networks and cgroups: XDP, TC, sockets',
    mend: 'run it as root, or start the container with --cap-add NET_ADMIN',
  },
  {
    name: 'run statistics',
    group: 'other',
    ask: ({ kernel }) => kernel.stats,
    stops: 'run counts and times of programs',
    mend: 'use Linux 5.1 or newer',
  },
  {
    name: 'all of libbpf',
    group: 'other',
    ask: ({ libbpf, libbpfVersion }) => allOf(libbpf, libbpfVersion),
    stops: 'what it lacks',
    mend: newerLibbpf,
  },
]

/** One answer for what newer releases of libbpf added. */
function allOf(libbpf: Features['libbpf'], version = ''): Feature {
  const lacks = Object.entries<Feature>({ ...libbpf }).filter(([, { answer }]) => answer !== 'yes')
  const [first] = lacks
  if (first === undefined) return { answer: 'yes', why: 'It has all that newer releases added' }
  const [, { answer, why }] = first
  if (answer === 'unknown') return { answer, why }
  const names = lacks.map(([name]) => name).join(', ')
  return { answer, why: `libbpf ${version} is without ${names}` }
}

/** What a machine has, in the order of the report. */
export function checkMachine(machine: Features): Check[] {
  return questions.map(({ name, group, ask, stops, mend, tell }) => {
    const { answer, why, value } = ask(machine)
    const given = value === undefined ? {} : { value }
    if (answer === 'yes') return { name, group, answer, why, ...given }
    const hint = splitHint(why)
    const explained =
      answer === 'unknown'
        ? { ...hint, ...(tell === undefined ? {} : { mend: tell }) }
        : mend === undefined
          ? hint
          : { why, mend }
    return { name, group, answer, ...explained, ...given, stops }
  })
}

/** This library's hints are "what is wrong: what to do". */
function splitHint(text: string): { why: string; mend?: string } {
  const at = text.indexOf(': ')
  return at < 0 ? { why: text } : { why: text.slice(0, at), mend: text.slice(at + 2) }
}
