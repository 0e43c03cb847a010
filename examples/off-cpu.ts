// Sums up for how long threads were off the CPU, and in which stacks they left it.
import { writeFileSync } from 'node:fs'
import { BpfError, Symbolizer } from 'bpf-ringbuf'
import { filters, flag, integer, otherwise, outputFile } from './kit/options.js'
import { printable, printableJson } from './kit/printable.js'
import { functionName, Stacks } from './kit/stacks.js'
import { define, run } from './kit/tool.js'
import { open, type StacksOf, type Sum } from './off-cpu.bpf.js'

interface Row {
  pid: number
  comm: string
  us: number
  count: number
  /** Functions, the innermost first. */
  kernel: string[]
  user: string[]
}

const symbolizer = new Symbolizer()

/** What leads from the scheduler to the program, which is at the top. */
const ofTracing = /^(bpf_|__bpf_|__traceiter_)/

function textOf({ pid, comm, us, count, kernel, user }: Row): string {
  const frames = [...kernel, '-', ...user].map((name) => `    ${name}\n`).join('')
  return `${us.toFixed(0)} µs, ${count} times: ${printable(comm)} (process ${pid})\n${frames}\n`
}

export const tool = define({
  name: 'off-cpu',
  about: 'Sums up for how long threads were off the CPU, by the stacks in which they left it.',
  needs: 'CAP_BPF, CAP_PERFMON and CAP_SYSLOG; CAP_SYS_PTRACE for names of others’ processes',
  options: {
    pid: filters.pid,
    name: filters.name,
    minUs: otherwise(integer('N', 'only when it was so many microseconds', [0, 2 ** 40]), 1),
    top: otherwise(integer('N', 'print so many stacks, the longest first'), 20),
    folded: flag('print all as folded stacks, in microseconds, for flamegraph.pl and others'),
    output: outputFile('write a flame graph (.html), for speedscope (.json), or folded stacks'),
    stacks: otherwise(integer('N', 'room for so many different stacks', [1, 2 ** 20]), 16_384),
  },
  async trace(session, { pid, name = '', minUs, top, folded, output, stacks: room }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    object.globals.shortest_ns = BigInt(minUs) * 1000n
    object.maps.stacks.maxEntries = room
    object.load().attach()
    symbolizer.kernel([0xffffffff81000000n])
    const { sums } = object.maps
    session.tracing('time off the CPU')
    const processes = new Set<number>()
    for await (const isLast of session.intervals(1)) {
      if (isLast) object.detach()
      // What has ended at the end cannot be looked at then.
      for (const { pid } of sums.keys()) {
        if (!processes.has(pid)) functionsOf(pid, [])
        processes.add(pid)
      }
    }
    const rows = [...sums]
      .map(([key, sum]) => rowOf(key, sum))
      .filter(({ comm }) => comm.includes(name))
      .sort((a, b) => b.us - a.us)
    const all = new Stacks('microseconds')
    for (const { comm, kernel, user, us } of rows) {
      all.add([comm, ...user.toReversed(), ...kernel.toReversed()], us)
    }
    const print = session.json ? (row: Row) => `${printableJson(row)}\n` : textOf
    await session.write(folded ? all.folded() : rows.slice(0, top).map(print).join(''))
    const title = pid === undefined ? 'Off the CPU' : `Process ${pid} off the CPU`
    if (output !== undefined) writeFileSync(output, all.file(output, title))
    const { missed, missed_stacks } = object.globals
    session.note(`${rows.length} stacks of ${processes.size} processes, ${missed} times lost`)
    if (missed_stacks > 0n) session.note(`${missed_stacks} stacks lost: raise --stacks`)

    function rowOf({ pid, comm, kernel_stack, user_stack }: StacksOf, sum: Sum): Row {
      const kernel = symbolizer.kernel(addressesOf(kernel_stack))
      const names = kernel.map((frame) => functionName(frame, true))
      return {
        pid,
        comm,
        us: Number(sum.total_ns / 1000n),
        count: Number(sum.count),
        kernel: names.slice(names.findLastIndex((name) => ofTracing.test(name)) + 1),
        user: functionsOf(pid, addressesOf(user_stack)),
      }
    }

    function addressesOf(stack: number): bigint[] {
      return stack < 0 ? [] : (object.maps.stacks.get(stack) ?? [])
    }

    function functionsOf(pid: number, addresses: readonly bigint[]): string[] {
      try {
        return symbolizer.user(pid, addresses).map((frame) => functionName(frame))
      } catch (error) {
        if (!(error instanceof BpfError)) throw error
        return ['[not to be looked at]']
      }
    }
  },
})
if (require.main === module) void run(tool)
