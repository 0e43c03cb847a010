// Samples what the CPUs execute: the hottest functions, or a flame graph.
import { writeFileSync } from 'node:fs'
import { BpfError, Symbolizer } from 'bpf-ringbuf'
import { left, right } from './kit/columns.js'
import { filters, integer, otherwise, outputFile } from './kit/options.js'
import { functionName, Stacks } from './kit/stacks.js'
import { define, run } from './kit/tool.js'
import { open, type Sample } from './profile.bpf.js'

interface Row {
  self: number
  total: number
  function: string
}

const symbolizer = new Symbolizer()

/** From the process's name to the innermost function. */
function functionsOf({ pid, comm, addresses, kernel_count, user_count }: Sample): string[] {
  const kernel = addresses.slice(0, kernel_count)
  const user = addresses.slice(kernel_count, kernel_count + user_count)
  const names = [
    ...symbolizer.kernel(kernel).map((frame) => functionName(frame, true)),
    ...(pid === 0 ? [] : symbolizer.user(pid, user).map((frame) => functionName(frame))),
  ]
  return [comm, ...names.reverse()]
}

export const tool = define({
  name: 'profile',
  about: 'Samples what the CPUs execute, until Ctrl-C: the hottest functions, or a flame graph.',
  needs: 'CAP_BPF, CAP_PERFMON and CAP_SYSLOG; CAP_SYS_PTRACE for names of others’ processes',
  options: {
    pid: filters.pid,
    tid: integer('N', 'only thread N'),
    name: filters.name,
    hz: otherwise(integer('N', 'samples a second of each CPU', [1, 10_000]), 99),
    top: otherwise(integer('N', 'print so many functions'), 20),
    output: outputFile('write a flame graph (.html), for speedscope (.json), or folded stacks'),
  },
  async trace(session, { pid, tid, name = '', hz, top, output }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    if (tid !== undefined) object.globals.only_tid = tid
    object.load()
    // Before there is anything to be asked: its list is long.
    symbolizer.kernel([0xffffffff81000000n])
    const stacks = new Stacks('samples')
    const processes = new Set<number>()
    using stream = object.rings.samples.read((sample) => {
      if (!sample.comm.includes(name)) return
      try {
        stacks.add(functionsOf(sample))
        processes.add(sample.pid)
      } catch (error) {
        if (!(error instanceof BpfError)) throw error
        stacks.add([sample.comm, '[not to be looked at]'])
      }
    })
    const target = { perfEvent: { type: 'cpu-clock', hz, cpus: 'all' } } as const
    using link = object.programs.on_sample.attach(target)
    session.tracing(`at ${hz} Hz`)
    await session.ended
    link.close()
    await stream.end()

    const rows = stacks.functions().map(({ name, self, total }): Row => {
      const percent = (weight: number): number => Number(((100 * weight) / stacks.total).toFixed(2))
      return { self: percent(self), total: percent(total), function: name }
    })
    const columns = [
      right<Row>('SELF %', 7, (row) => row.self.toFixed(1)),
      right<Row>('TOTAL %', 8, (row) => row.total.toFixed(1)),
      left<Row>('FUNCTION', 0, (row) => row.function),
    ]
    await session.rows(columns, rows.slice(0, top))
    const title = pid === undefined ? 'All CPUs' : `Process ${pid}`
    if (output !== undefined) writeFileSync(output, stacks.file(output, `${title} at ${hz} Hz`))
    const { lost = 0 } = stream.stats()
    session.note(`${stacks.total} samples of ${processes.size} processes, ${lost} lost`)
  },
})
if (require.main === module) void run(tool)
