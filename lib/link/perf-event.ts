// Events of perf: a program that runs on every so many of them.
import { readdirSync } from 'node:fs'
import { checkInteger, invalidType, outOfRange } from '../errors/errors.js'
import { onlineCpus } from '../machine/cpus.js'
import {
  type Attempt,
  checkCookie,
  checkList,
  checkPid,
  checkTarget,
  checkWord,
  cookieNeeds,
  type Kind,
  largestNumber,
  withDescriptor,
  type WithCookie,
} from './kind.js'

const hardware = 0
const software = 1
const hardwareCache = 3

/** linux/perf_event.h: type and config of an event. Names as `perf list` has them. */
const events = {
  'cpu-cycles': [hardware, 0],
  instructions: [hardware, 1],
  'cache-references': [hardware, 2],
  'cache-misses': [hardware, 3],
  'branch-instructions': [hardware, 4],
  'branch-misses': [hardware, 5],
  'bus-cycles': [hardware, 6],
  'stalled-cycles-frontend': [hardware, 7],
  'stalled-cycles-backend': [hardware, 8],
  'ref-cycles': [hardware, 9],
  'cpu-clock': [software, 0],
  'task-clock': [software, 1],
  'page-faults': [software, 2],
  'context-switches': [software, 3],
  'cpu-migrations': [software, 4],
  'minor-faults': [software, 5],
  'major-faults': [software, 6],
  'alignment-faults': [software, 7],
  'emulation-faults': [software, 8],
  'cgroup-switches': [software, 11],
  'LLC-loads': [hardwareCache, 2],
  'LLC-load-misses': [hardwareCache, 2 | (1 << 16)],
} as const

/** A software or hardware event by its name. */
export type PerfEventName = keyof typeof events

/** When the program runs: so often a second, or every so many events. */
type Rate =
  | {
      /** So often a second, on each CPU that has any. */
      hz: number
      period?: undefined
    }
  | {
      /** Once in so many events; of clocks in nanoseconds. */
      period: number
      hz?: undefined
    }

type Scope =
  | {
      /** On these CPUs, whatever runs there. Default `all`: those that are online. */
      cpus?: 'all' | readonly number[] | undefined
      pid?: undefined
      /** Only what runs in this cgroup and below, a path or a descriptor. */
      cgroup?: string | number | undefined
    }
  | {
      /** The threads of this process, and all that they start, wherever they run. */
      pid: number
      cpus?: undefined
      cgroup?: undefined
    }

type Event =
  | { type: PerfEventName; config?: undefined }
  | {
      /** The number of a PMU, /sys/bus/event_source/devices/NAME/type. */
      type: number
      config: bigint
    }

/**
 * An event of perf, which the program samples. It is one link of several, one for
 * each CPU or thread: it is closed as one, keeps its program, and cannot be pinned
 * unless it is of one.
 */
export type PerfEventTarget = Event & Rate & Scope & WithCookie

const perfEvent: Kind<PerfEventTarget> = {
  types: ['perf_event'],
  attach: (program, target): Attempt => {
    const known = ['type', 'config', 'hz', 'period', 'cpus', 'pid', 'cgroup', 'cookie'] as const
    const given = checkTarget(target, 'perfEvent', known)
    const [type, config] = checkEvent(given)
    const [sample, isFrequency] = checkRate(given)
    const cookie = checkCookie(given.cookie)
    const attach = (targets: number[], ofCgroup: boolean): Attempt => ({
      link: program.attachPerfEvents(
        type,
        config,
        BigInt(sample),
        isFrequency,
        Int32Array.from(targets),
        ofCgroup,
        cookie,
      ),
      place: `perf_event/${String(target.type)}`,
      perfEvent: {
        isSoftware: typeof target.type === 'string' && type === software,
        ofCgroup,
        hz: target.hz,
      },
      ...cookieNeeds(cookie),
    })
    const { pid, cgroup } = given
    if (pid !== undefined) {
      if (given.cpus !== undefined || cgroup !== undefined) {
        throw invalidType('either pid or cpus and cgroup', 'perfEvent', target)
      }
      return attach(
        threadsOf(checkPid(pid)).flatMap((thread) => [thread, -1]),
        false,
      )
    }
    const cpus = checkCpus(given.cpus)
    if (cgroup === undefined) {
      return attach(
        cpus.flatMap((cpu) => [-1, cpu]),
        false,
      )
    }
    return withDescriptor(cgroup, 'cgroup', (fd) =>
      attach(
        cpus.flatMap((cpu) => [fd, cpu]),
        true,
      ),
    )
  },
}

type Given = Partial<Record<'type' | 'config' | 'hz' | 'period', unknown>>

function checkEvent({ type, config }: Given): [type: number, config: bigint] {
  if (typeof type === 'number') {
    return [checkInteger(type, 'type', 0, 2 ** 32 - 1), checkWord(config, 'config')]
  }
  if (typeof type !== 'string' || !Object.hasOwn(events, type)) {
    throw invalidType(`one of ${Object.keys(events).join(', ')} or a number`, 'type', type)
  }
  if (config !== undefined) throw invalidType('nothing, with a named event,', 'config', config)
  const [number, event] = events[type as PerfEventName]
  return [number, BigInt(event)]
}

function checkRate({ hz, period }: Given): [sample: number, isFrequency: boolean] {
  if ((hz === undefined) === (period === undefined)) {
    throw invalidType('one of hz and period', 'perfEvent', { hz, period })
  }
  return hz === undefined
    ? [checkInteger(period, 'period', 1, largestNumber), false]
    : [checkInteger(hz, 'hz', 1, 1e6), true]
}

function checkCpus(cpus: unknown): number[] {
  if (cpus === undefined || cpus === 'all') return onlineCpus()
  if (!Array.isArray(cpus)) throw invalidType("'all' or an array of numbers", 'cpus', cpus)
  const list = checkList(cpus, 'cpus', (cpu, what) => checkInteger(cpu, what, 0, 2 ** 16))
  if (new Set(list).size !== list.length) throw outOfRange('each CPU once', 'cpus', cpus)
  return list
}

/** The ids of a process's threads; its own where there is no /proc, or no such process. */
function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${String(pid)}/task`).map(Number)
  } catch {
    return [pid]
  }
}

export const perfEvents = { perfEvent }
