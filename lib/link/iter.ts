// Iterators: programs that the kernel runs for each of something.
import { checkInteger, invalidType } from '../errors/errors.js'
import {
  type Attempt,
  checkOneOf,
  checkTarget,
  descriptorOf,
  type Kind,
  withDescriptor,
} from './kind.js'

const orders = ['default', 'self', 'descendants_pre', 'descendants_post', 'ancestors'] as const

/**
 * What an iterator visits: all of its kind, `{}`; the entries of a map, or what is
 * stored in it; one process or thread (Linux 6.1); a cgroup and those below or
 * above it (Linux 6.1). Which of these one takes is a matter of its section: a `map`
 * those of `iter/bpf_map_elem`, `iter/bpf_sk_storage_map` and `iter/sockmap`, `pid` and
 * `tid` those of `iter/task`, `iter/task_file` and `iter/task_vma`, `cgroup` that of
 * `iter/cgroup`.
 */
export type IterTarget =
  | { map?: undefined; pid?: undefined; tid?: undefined; cgroup?: undefined; order?: undefined }
  | {
      map: { readonly fd: number }
      pid?: undefined
      tid?: undefined
      cgroup?: undefined
      order?: undefined
    }
  | { pid: number; map?: undefined; tid?: undefined; cgroup?: undefined; order?: undefined }
  | { tid: number; map?: undefined; pid?: undefined; cgroup?: undefined; order?: undefined }
  | {
      /** A path or a descriptor. */
      cgroup: string | number
      /** Default `descendants_pre`. */
      order?: 'self' | 'descendants_pre' | 'descendants_post' | 'ancestors' | undefined
      map?: undefined
      pid?: undefined
      tid?: undefined
    }

const processes = ['task', 'task_file', 'task_vma']

/** The iterators that take a target. */
const takers = {
  map: ['bpf_map_elem', 'bpf_sk_storage_map', 'sockmap'],
  pid: processes,
  tid: processes,
  cgroup: ['cgroup'],
} as const

/** Those that take none: they visit all there is, and the kernel ignores what it is given. */
const withoutTarget = [
  'bpf_link',
  'bpf_map',
  'bpf_prog',
  'dmabuf',
  'ipv6_route',
  'kmem_cache',
  'ksym',
  'netlink',
  'tcp',
  'udp',
  'unix',
]

const known = new Set([...Object.values(takers).flat(), ...withoutTarget])

/** Refuses what an iterator does not take. One that is not known may take anything. */
function checkTaken(section: string, target: keyof typeof takers): void {
  const name = section.replace(/^iter(\.s)?\//, '')
  const names: readonly string[] = takers[target]
  if (names.includes(name) || !known.has(name)) return
  throw invalidType(`an iterator of ${names.join(' or ')}`, `a target with ${target}`, section)
}

const iter: Kind<IterTarget> = {
  types: ['tracing'],
  attach: (program, target): Attempt => {
    const { map, pid, tid, cgroup, order } = checkTarget(target, 'iter', [
      'map',
      'pid',
      'tid',
      'cgroup',
      'order',
    ])
    const given = Object.entries({ map, pid, tid, cgroup }).filter(
      ([, value]) => value !== undefined,
    )
    if (given.length > 1 || (order !== undefined && cgroup === undefined)) {
      throw invalidType('one of map, pid, tid, or cgroup with its order', 'iter', target)
    }
    for (const [name] of given) checkTaken(program.section(), name as keyof typeof takers)
    const attach = (words: number[]): Attempt => ({
      link: program.attachIter(new Uint8Array(Uint32Array.from(words).buffer)),
      place: program.section(),
      ...(words.length < 2 ? {} : { needs: { feature: 'Such a target', kernel: [6, 1] } }),
    })
    if (map !== undefined) return attach([descriptorOf(map, 'BpfMap', 'map')])
    // union bpf_iter_link_info: { tid, pid, pid_fd }
    if (tid !== undefined) return attach([checkInteger(tid, 'tid', 1, 2 ** 31 - 1), 0, 0])
    if (pid !== undefined) return attach([0, checkInteger(pid, 'pid', 1, 2 ** 31 - 1), 0])
    if (cgroup !== undefined) {
      const number = orders.indexOf(checkOneOf(order ?? 'descendants_pre', 'order', orders))
      // { order, cgroup_fd, cgroup_id }
      return withDescriptor(cgroup, 'cgroup', (fd) => attach([number, fd, 0, 0]))
    }
    return attach([])
  },
}

export const iterators = { iter }
