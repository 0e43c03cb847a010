// Prints what is mounted and unmounted on this machine.
import { clock, type Column, left, outcome, right } from './kit/columns.js'
import { bitNames, errorOf } from './kit/names.js'
import { filters, flag } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { type Mount, open } from './mount-snoop.bpf.js'

interface Row {
  time: Date
  pid: number
  uid: number
  comm: string
  /** As in /proc/PID/ns/mnt. */
  mountNamespace: number
  call: string
  type: string
  source: string
  target: string
  options: string
  flags: string
  error: string | null
}

/** As mount(8) lists what is mounted. */
function describe({ call, type, source, target, options, flags }: Row): string {
  const option = call === 'fsconfig' ? `${type}=${options}`.replace(/=$/, '') : options
  const parts = [
    source,
    target && (source ? `on ${target}` : target),
    type && call !== 'fsconfig' && `type ${type}`,
    option && `(${option})`,
    flags,
  ]
  return parts.filter((part) => part).join(' ')
}

const columns: Column<Row>[] = [
  clock(),
  right('PID', 7, (row) => row.pid),
  left('COMM', 15, (row) => row.comm),
  outcome(7, () => 'done'),
  left('CALL', 13, (row) => row.call),
  left('WHAT', 0, describe),
]

// linux/mount.h, sys/mount.h
const mountFlags = Object.fromEntries(
  (
    'RDONLY NOSUID NODEV NOEXEC SYNCHRONOUS REMOUNT MANDLOCK DIRSYNC NOSYMFOLLOW - NOATIME ' +
    'NODIRATIME BIND MOVE REC SILENT POSIXACL UNBINDABLE PRIVATE SLAVE SHARED RELATIME ' +
    'KERNMOUNT I_VERSION STRICTATIME LAZYTIME'
  )
    .split(' ')
    .map((name, bit): [string, number] => [`MS_${name}`, name === '-' ? 0 : 1 << bit]),
)
const unmountFlags = { MNT_FORCE: 1, MNT_DETACH: 2, MNT_EXPIRE: 4, UMOUNT_NOFOLLOW: 8 }
const commands = [
  ...['SET_FLAG', 'SET_STRING', 'SET_BINARY', 'SET_PATH', 'SET_PATH_EMPTY', 'SET_FD'],
  ...['CMD_CREATE', 'CMD_RECONFIGURE', 'CMD_CREATE_EXCL'],
]

function flagsOf({ call, flags }: Mount): string {
  const number = Number(flags)
  if (call === 'FSCONFIG') return `FSCONFIG_${commands[number] ?? number}`
  const names = call === 'MOUNT' ? mountFlags : call === 'UMOUNT2' ? unmountFlags : {}
  return bitNames(number, names).join('|')
}

export const tool = define({
  name: 'mount-snoop',
  about: 'Prints what is mounted and unmounted on this machine, until Ctrl-C.',
  needs: 'CAP_BPF and CAP_PERFMON, Linux 5.8',
  options: { ...filters, failed: flag('only what failed') },
  async trace(session, { pid, uid, name = '', failed }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    if (uid !== undefined) object.globals.only_uid = uid
    object.globals.only_failed = failed
    object.load()
    object.attach()
    await session.follow('mounts', object, columns, (event): Row | undefined => {
      const { pid, uid, comm, type, source, target, options, result } = event
      if (!comm.includes(name)) return undefined
      return {
        time: session.timeOf(event.time_ns),
        pid,
        uid,
        comm,
        mountNamespace: event.mount_namespace,
        call: String(event.call).toLowerCase(),
        type,
        source,
        target,
        options,
        flags: flagsOf(event),
        error: errorOf(result),
      }
    })
  },
})
if (require.main === module) void run(tool)
