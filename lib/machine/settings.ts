// How this machine is set up, as /proc and /sys tell.
import { accessSync, constants, existsSync } from 'node:fs'
import { hasOwnCapabilities, includes, readText, statusProblem, type SystemFacts } from './facts.js'
import { ask, type Feature, no, unknown, whether, yes } from './feature.js'

/** What this process may do. */
export interface ProcessFeatures {
  /**
   * CAP_BPF is in force. It and CAP_PERFMON are enough for tracing since Linux 5.8;
   * before, and for some features since, CAP_SYS_ADMIN is needed.
   */
  readonly capBpf: Feature
  /** CAP_PERFMON is in force, which programs for tracing need. */
  readonly capPerfmon: Feature
  /** CAP_SYS_ADMIN is in force, which stands for both of them. */
  readonly capSysAdmin: Feature
  /** Programs of networks and cgroups need it. */
  readonly capNetAdmin: Feature
  /** Lets it raise limits by itself. */
  readonly capSysResource: Feature
  /** It is in the machine's first user namespace: in no other do capabilities count for BPF. */
  readonly initialUserNamespace: Feature
  /** No seccomp filter keeps `bpf(2)` and `perf_event_open(2)` from the kernel. */
  readonly seccompPermits: Feature
  /**
   * RLIMIT_MEMLOCK, whose value this has, does not limit the memory of maps: as
   * since Linux 5.11, or because it is unlimited.
   */
  readonly memlockPermits: Feature
}

/** How the machine is set up. */
export interface SystemFeatures {
  /** Kernel lockdown, whose mode is the value, lets programs read memory. */
  readonly lockdownPermits: Feature
  /** tracefs is mounted and this process may read it; where is the value. */
  readonly tracefs: Feature
  /** A BPF file system, for pins, is mounted; where is the value. */
  readonly bpffs: Feature
  /** cgroup2 is mounted; where is the value. */
  readonly cgroup2: Feature
  /** Processes without capabilities may use a little of BPF; `unprivileged_bpf_disabled` is the value. */
  readonly unprivilegedBpf: Feature
  /** Processes without capabilities may observe themselves; `perf_event_paranoid` is the value. */
  readonly unprivilegedPerf: Feature
}

const capabilities = {
  capBpf: 'CAP_BPF',
  capPerfmon: 'CAP_PERFMON',
  capSysAdmin: 'CAP_SYS_ADMIN',
  capNetAdmin: 'CAP_NET_ADMIN',
  capSysResource: 'CAP_SYS_RESOURCE',
} as const

export function processFeatures(facts: SystemFacts, accountsByCgroup: Feature): ProcessFeatures {
  const own = Object.fromEntries(
    Object.entries(capabilities).map(([key, name]) => {
      if (!hasOwnCapabilities(facts) && (name === 'CAP_BPF' || name === 'CAP_PERFMON')) {
        return [key, no('This kernel has no such capability: CAP_SYS_ADMIN covers it')]
      }
      if (facts.capabilities === undefined) return [key, unknown(statusProblem())]
      const has = includes(facts.capabilities, name)
      return [key, whether(has, `CapEff of /proc/self/status ${has ? 'has' : 'lacks'} it`)]
    }),
  ) as unknown as Record<keyof typeof capabilities, Feature>
  return Object.freeze({
    ...own,
    initialUserNamespace: whether(
      !facts.userNamespace,
      `/proc/self/ns/user is ${facts.userNamespace ? 'another' : "the machine's first"}`,
    ),
    seccompPermits: seccompPermits(facts),
    memlockPermits: memlockPermits(facts, accountsByCgroup),
  })
}

function seccompPermits(facts: SystemFacts): Feature {
  if (!facts.seccompFilter) return yes('No filter is in force')
  return ask((native) => {
    const calls = ['bpf', 'perf_event_open'].map((call) => ({
      call: `${call}(2)`,
      result: native.probe(call, ''),
    }))
    const refused = calls.filter(({ result }) => result !== 0).map(({ call }) => call)
    if (refused.length === 0) return yes('A filter is in force, and lets both calls through')
    const why = `${refused.join(' and ')} did not come through`
    // Without these the kernel itself may have refused.
    const able = (['CAP_SYS_ADMIN', 'CAP_BPF'] as const).some((name) =>
      includes(facts.capabilities, name),
    )
    return able && facts.capabilities !== undefined && !facts.userNamespace
      ? no(`A filter is in force: ${why}`)
      : unknown(`A filter is in force, or capabilities are missing: ${why}`)
  })
}

function memlockPermits(facts: SystemFacts, accountsByCgroup: Feature): Feature {
  const limits = readText('/proc/self/limits')
  const limit = /^Max locked memory +(\S+)/m.exec(limits)?.[1]
  const value = limit === undefined || limit === 'unlimited' ? limit : Number(limit)
  if (limit === 'unlimited') return yes('The limit is unlimited', value)
  if (accountsByCgroup.answer === 'yes') {
    return yes('This kernel counts BPF memory for the cgroup, not against the limit', value)
  }
  if (facts.capabilities === undefined) return unknown(statusProblem(), value)
  if (includes(facts.capabilities, 'CAP_SYS_RESOURCE')) {
    return yes('The process may raise the limit, and libbpf does', value)
  }
  if (accountsByCgroup.answer === 'unknown') return unknown(accountsByCgroup.why, value)
  return no('This kernel counts BPF memory against the limit', value)
}

export function systemFeatures(facts: SystemFacts): SystemFeatures {
  const { lockdown } = facts
  const mounted = (type: string): Feature => {
    const path = findMount(type)
    return path === undefined
      ? no('/proc/self/mounts has none')
      : yes('/proc/self/mounts has it', path)
  }
  const setting = (name: string, permits: (value: number) => boolean): Feature => {
    const path = `/proc/sys/kernel/${name}`
    const text = readText(path).trim()
    if (text === '') {
      return existsSync(path) ? unknown(`${path} cannot be read`) : no(`There is no ${path}`)
    }
    return whether(permits(Number(text)), `${path} is ${text}`, Number(text))
  }
  return Object.freeze({
    lockdownPermits: existsSync('/sys/kernel/security/lockdown')
      ? whether(
          lockdown !== 'confidentiality',
          `/sys/kernel/security/lockdown is ${lockdown}`,
          lockdown,
        )
      : unknown('/sys/kernel/security/lockdown cannot be read'),
    tracefs: tracefs(facts),
    bpffs: mounted('bpf'),
    cgroup2: mounted('cgroup2'),
    unprivilegedBpf: setting('unprivileged_bpf_disabled', (value) => value === 0),
    unprivilegedPerf: setting('perf_event_paranoid', (value) => value < 3),
  })
}

function tracefs(facts: SystemFacts): Feature {
  if (!facts.tracefs) return no('It is not mounted at /sys/kernel/tracing')
  const path = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'].find((path) =>
    existsSync(`${path}/events`),
  )
  if (path === undefined) return no('It is mounted, but this user may not read it')
  try {
    accessSync(`${path}/events`, constants.R_OK)
    return yes('It is mounted', path)
  } catch {
    return no('It is mounted, but this user may not read it', path)
  }
}

/** Where the first file system of a type is mounted. */
export function findMount(type: string): string | undefined {
  for (const line of readText('/proc/self/mounts').split('\n')) {
    const [, path, kind] = line.split(' ')
    // Blanks and the like are in octal.
    if (kind === type)
      return path?.replace(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(parseInt(octal, 8)),
      )
  }
  return undefined
}
