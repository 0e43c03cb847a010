// What is mapped into a process where it may execute.
import { BpfError, describeErrno } from '../errors/errors.js'
import { readText } from '../machine/facts.js'
import { errnoOf, readProc } from './source.js'
import { toNumber } from './symbol-table.js'

/** A file, or other memory, in a process's addresses. */
export interface Mapping {
  /** Its line in /proc/PID/maps. */
  line: string
  start: number
  end: number
  /** How /proc/PID/map_files names it. */
  range: string
  /** Where in the file it begins. */
  fileOffset: number
  device: bigint
  inode: bigint
  /** The file as the process sees it, a name in brackets, or nothing. */
  path: string
  /** The key of the file in the cache, once it was opened; empty when it could not be. */
  fileKey: string | undefined
}

const ENOENT = -2
const ESRCH = -3
const EPERM = -1
const EACCES = -13

/** Of a process with as many mappings as the kernel allows, and long paths. */
const longestMaps = 32 << 20

/** A process as it was at one time. */
export class ProcessMaps {
  readonly pid: number
  readonly readAtMs = performance.now()
  /** When it was started, by the clock of the files; 0 when that is unknown. */
  readonly startedMs: number
  /** Its number in its own pid namespace: what it calls itself. */
  readonly ownPid: number
  /** The user that it runs as. */
  readonly userId: number
  /** In the order of their addresses. */
  readonly #mappings: readonly Mapping[]

  /** By {@link ProcessMaps.read}. */
  constructor(pid: number, mappings: readonly Mapping[]) {
    this.pid = pid
    this.#mappings = mappings
    const status = readText(`/proc/${pid}/status`)
    const last = (name: string): string | undefined =>
      new RegExp(`^${name}:.*\\t(\\d+)$`, 'm').exec(status)?.[1]
    this.ownPid = Number(last('NStgid') ?? last('Tgid') ?? pid)
    this.userId = Number(/^Uid:\t\d+\t(\d+)/m.exec(status)?.[1] ?? NaN)
    this.startedMs = startedMs(pid)
  }

  /**
   * Reads them.
   *
   * @param before The same process as it was before: what it knows of mappings
   *   that are still there is kept.
   * @returns Nothing when there is no such process, or it has ended and nobody has
   *   waited for it.
   * @throws {BpfError} `ERR_PERMISSION`
   */
  static read(pid: number, before: ProcessMaps | undefined): ProcessMaps | undefined {
    let text: string
    try {
      text = readProc(`/proc/${pid}/maps`, longestMaps).toString()
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === ENOENT || errno === ESRCH) return undefined
      const isForbidden = errno === EPERM || errno === EACCES
      throw new BpfError(isForbidden ? 'ERR_PERMISSION' : 'ERR_KERNEL', describeErrno(errno), {
        operation: 'read',
        target: `/proc/${pid}/maps`,
        errno,
        hint: isForbidden
          ? 'Processes of other users need CAP_SYS_PTRACE, and those of other containers too'
          : undefined,
        cause: error,
      })
    }
    if (text === '') return undefined
    const known = new Map<string, Mapping>()
    if (before !== undefined) for (const one of before.#mappings) known.set(one.line, one)
    const mappings: Mapping[] = []
    for (const line of text.split('\n')) {
      const mapping = known.get(line) ?? parseMapping(line)
      if (mapping === undefined) continue
      if (mapping.fileKey === '') mapping.fileKey = undefined // perhaps it can be by now
      mappings.push(mapping)
    }
    mappings.sort((a, b) => a.start - b.start)
    return new ProcessMaps(pid, mappings)
  }

  /** In memory. */
  get bytes(): number {
    return this.#mappings.reduce((sum, { line }) => sum + 400 + 2 * line.length, 200)
  }

  find(address: number): Mapping | undefined {
    const mappings = this.#mappings
    let low = 0
    let high = mappings.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((mappings[middle] as Mapping).start <= address) low = middle + 1
      else high = middle
    }
    const mapping = mappings[low - 1]
    return mapping !== undefined && address < mapping.end ? mapping : undefined
  }
}

const executable = /^(([\da-f]+)-([\da-f]+)) ..x. ([\da-f]+) ([\da-f]+):([\da-f]+) (\d+) *([^]*)$/

/** A line of /proc/PID/maps, when it is executable. */
export function parseMapping(line: string): Mapping | undefined {
  const fields = executable.exec(line)
  if (fields === null) return undefined
  const [, range = '', start, end, offset = '', major, minor, inode = '', path = ''] = fields
  return {
    line,
    range,
    start: toNumber(BigInt(`0x${start ?? ''}`)),
    end: toNumber(BigInt(`0x${end ?? ''}`)),
    fileOffset: Number.parseInt(offset, 16),
    device: deviceOf(BigInt(`0x${major ?? ''}`), BigInt(`0x${minor ?? ''}`)),
    inode: BigInt(inode),
    // The kernel escapes nothing else.
    path: path.replaceAll('\\012', '\n'),
    fileKey: undefined,
  }
}

/** As stat() has it, makedev() of sys/sysmacros.h. */
function deviceOf(major: bigint, minor: bigint): bigint {
  return (
    ((major & 0xfffff000n) << 32n) |
    ((major & 0xfffn) << 8n) |
    ((minor & 0xffffff00n) << 12n) |
    (minor & 0xffn)
  )
}

function startedMs(pid: number): number {
  // A program's name may hold spaces and parentheses.
  const fields = readText(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ')
  const boot = /^btime (\d+)$/m.exec(readText('/proc/stat'))?.[1]
  const ticks = fields[19] // starttime, proc_pid_stat(5), after pid and comm
  if (boot === undefined || ticks === undefined) return 0
  return 1000 * Number(boot) + 10 * Number(ticks)
}
