// Where programs can be attached, each tried out.
import { lsmProblem } from './diagnose.js'
import type { SystemFacts } from './facts.js'
import { ask, type Feature, judge, no, unknown } from './feature.js'
import { findMount } from './settings.js'

/**
 * Where programs can be attached. Each is tried with an empty program, on what
 * happens seldom, and detached again at once; `xdp` and `tc` on the device `lo` of
 * a network namespace that is made for it, which takes CAP_SYS_ADMIN; `tcx`,
 * `netkit` and `cgroup` by asking what is attached. Of sockets see `programTypes`.
 */
export interface AttachFeatures {
  /** `tp/…`, which needs tracefs. */
  readonly tracepoint: Feature
  /** `raw_tp/…`. */
  readonly rawTracepoint: Feature
  /** `tp_btf/…`. */
  readonly tpBtf: Feature
  /** `kprobe/…`, `kretprobe/…`, `ksyscall/…` and `kretsyscall/…`. */
  readonly kprobe: Feature
  /** `kprobe.multi/…` and `kretprobe.multi/…`: Linux 5.18. */
  readonly kprobeMulti: Feature
  /** `uprobe/…`, `uretprobe/…` and `usdt/…`. */
  readonly uprobe: Feature
  /** `uprobe.multi/…`: Linux 6.6. */
  readonly uprobeMulti: Feature
  /** `fentry/…`, `fexit/…` and `fmod_ret/…`: BPF trampolines. */
  readonly fentry: Feature
  /** `lsm/…`: BPF is among the security modules that the kernel booted with. */
  readonly lsm: Feature
  /** `iter/…`. */
  readonly iter: Feature
  /** `perf_event`, on software events. */
  readonly perfEvent: Feature
  /** `cgroup_skb/…` and all others that are attached to a cgroup. */
  readonly cgroup: Feature
  /** `xdp`, in the mode that any device has: Linux 5.9. */
  readonly xdp: Feature
  /** `tc`: the kernel has the clsact qdisc, as a module perhaps, which this loads. */
  readonly tc: Feature
  /** `tcx/…`: Linux 6.6. */
  readonly tcx: Feature
  /** `netkit/…`: Linux 6.7. */
  readonly netkit: Feature
  /** `netfilter`: Linux 6.4. */
  readonly netfilter: Feature
}

/** The section of the program that is tried. */
const sections: Record<keyof AttachFeatures, string> = {
  tracepoint: 'tp/task/task_rename',
  rawTracepoint: 'raw_tp/task_rename',
  tpBtf: 'tp_btf/task_rename',
  kprobe: 'kprobe/kernel_restart',
  kprobeMulti: 'kprobe.multi/kernel_restart',
  uprobe: 'uprobe',
  uprobeMulti: 'uprobe.multi',
  fentry: 'fentry/kernel_restart',
  lsm: 'lsm/ptrace_traceme',
  iter: 'iter/task',
  perfEvent: 'perf_event',
  cgroup: 'cgroup_skb/egress',
  xdp: 'xdp/lo',
  tc: 'tc/lo',
  tcx: 'tcx/ingress',
  netkit: 'netkit/primary',
  netfilter: 'netfilter',
}

export const attachKinds = Object.keys(sections) as (keyof AttachFeatures)[]

/** Attaches something of this kind for a moment. */
export function tryToAttach(kind: keyof AttachFeatures, facts: SystemFacts): Feature {
  const section = sections[kind]
  const cgroup2 = findMount('cgroup2')
  if (kind === 'cgroup' && cgroup2 === undefined) return no('cgroup2 is not mounted')
  return ask((native) => {
    const result = native.probe(kind, cgroup2 ?? '')
    const log = native.takeLog()
    if (result === ENOENT && kind === 'kprobe') {
      return no('The kernel has no kprobes: there is no /sys/bus/event_source/devices/kprobe')
    }
    if (result === ENONET) return unknown(noNetwork)
    const lsm = result === 0 ? lsmProblem(section) : undefined
    if (lsm?.hint !== undefined) return no(lsm.hint)
    return judge(
      {
        result,
        worked: worked[kind] ?? 'It was attached',
        section,
        operation: 'attach',
        log,
        needs: since[kind],
      },
      facts,
    )
  })
}

const ENOENT = -2
const ENONET = -64

const noNetwork =
  'It is tried in a network namespace of its own, which this process cannot make: run it as root, or give it CAP_SYS_ADMIN'

const queried = 'The kernel was asked what is attached'
const worked: Partial<Record<keyof AttachFeatures, string>> = {
  tcx: queried,
  netkit: queried,
  cgroup: queried,
  netfilter: 'Such a program was loaded',
}

/** The kernel's first that has it. */
const since: Partial<Record<keyof AttachFeatures, string>> = {
  uprobeMulti: 'Linux 6.6',
  xdp: 'Linux 5.9',
  tc: 'CONFIG_NET_CLS_ACT and the module sch_ingress',
  tcx: 'Linux 6.6',
  netkit: 'Linux 6.7 with CONFIG_NETKIT',
  netfilter: 'Linux 6.4',
}
