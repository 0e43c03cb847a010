// Prints each time that a process needs a capability.
import { open } from './cap-able.bpf.js'
import { clock, type Column, left, right } from './kit/columns.js'
import { hasTracepoint } from './kit/kernel.js'
import { filters, flag } from './kit/options.js'
import { define, run } from './kit/tool.js'

interface Row {
  time: Date
  pid: number
  uid: number
  comm: string
  capability: string
  granted: boolean
}

const columns: Column<Row>[] = [
  clock(),
  right('PID', 7, (row) => row.pid),
  right('UID', 6, (row) => row.uid),
  left('COMM', 15, (row) => row.comm),
  left(
    'ANSWER',
    7,
    (row) => (row.granted ? 'granted' : 'denied'),
    (row) => (row.granted ? 'green' : 'red'),
  ),
  left('CAPABILITY', 0, (row) => row.capability),
]

// linux/capability.h, by their numbers
const names = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE ' +
  'NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO ' +
  'SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME ' +
  'SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG ' +
  'WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
).split(' ')

export const tool = define({
  name: 'cap-able',
  about: 'Prints each time that the kernel asks for a capability of a process, until Ctrl-C.',
  needs: 'CAP_BPF and CAP_PERFMON; Linux 6.14, or 5.8 with trampolines (6.4 on arm64)',
  options: {
    ...filters,
    denied: flag('only what is denied'),
    unique: flag('each capability of a process once'),
  },
  async trace(session, { pid, uid, name = '', denied, unique }) {
    using object = open()
    const isTold = hasTracepoint('cap_capable')
    object.programs.on_ask.autoload = isTold
    object.programs.on_answer.autoload = !isTold
    if (pid !== undefined) object.globals.only_pid = pid
    if (uid !== undefined) object.globals.only_uid = uid
    object.globals.only_denied = denied
    object.load()
    object.attach()
    const seen = new Set<string>()
    await session.follow('capabilities', object, columns, (event): Row | undefined => {
      const { time_ns, pid, uid, comm, capability, is_granted: granted } = event
      const key = `${pid} ${comm} ${capability} ${granted}`
      if (!comm.includes(name) || (unique && seen.has(key))) return undefined
      if (unique) seen.add(key)
      return {
        time: session.timeOf(time_ns),
        pid,
        uid,
        comm,
        capability: `CAP_${names[capability] ?? capability}`,
        granted,
      }
    })
  },
})
if (require.main === module) void run(tool)
