// Counts how long tasks that could run waited for a CPU.
import { countOf, followHistograms, microseconds } from './kit/histograms.js'
import { filters, flag, integer, otherwise, seconds } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { open } from './runq-latency.bpf.js'

export const tool = define({
  name: 'runq-latency',
  about: 'Counts how long tasks that could run waited for a CPU, in a histogram.',
  needs: 'CAP_BPF and CAP_PERFMON, Linux 5.8',
  options: {
    pid: filters.pid,
    pids: flag('a histogram for each process'),
    top: otherwise(integer('N', 'of those that waited most, so many'), 10),
    interval: seconds('print at this interval, each time what is new'),
  },
  async trace(session, { pid, pids, top, interval }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    object.globals.by_process = pids
    object.load().attach()
    await followHistograms(session, {
      what: 'waits for a CPU',
      interval,
      top,
      object,
      take: () =>
        object.maps.histograms.takeAll().map(([{ pid, comm }, histogram]) => {
          const title = `${comm} (process ${pid}), ${countOf(histogram)} waits`
          return pids ? microseconds(histogram, title, { pid, comm }) : microseconds(histogram)
        }),
      missed: () => object.globals.missed,
    })
  },
})
if (require.main === module) void run(tool)
