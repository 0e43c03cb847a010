// Counts how long block devices took for their requests.
import { release } from 'node:os'
import { Btf } from 'bpf-ringbuf'
import { open } from './block-latency.bpf.js'
import { countOf, followHistograms, microseconds } from './kit/histograms.js'
import { flag, integer, otherwise, seconds, text, UsageError } from './kit/options.js'
import { define, run } from './kit/tool.js'

// enum req_op of linux/blk_types.h
const names = new Map([
  ...(['read', 'write', 'flush', 'discard'].entries() as Iterable<[number, string]>),
  [5, 'secure erase'],
  [7, 'write same'],
  [9, 'write zeroes'],
  [34, 'driver in'],
  [35, 'driver out'],
])

/** Whether the tracepoint has the queue before the request: until Linux 5.11, and 5.10.137. */
function takesQueue(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  if (major > 5 || (major === 5 && minor > 10)) return false
  const kernel = Btf.kernel()
  const typedef = kernel.type(kernel.find('btf_trace_block_rq_issue', 'typedef') ?? 0)
  const pointer = 'to' in typedef ? kernel.type(typedef.to) : typedef
  const prototype = 'to' in pointer ? kernel.type(pointer.to) : pointer
  // Its first parameter is the program's own.
  return 'parameters' in prototype && prototype.parameters.length === 3
}

export const tool = define({
  name: 'block-latency',
  about: 'Counts how long block devices took for their requests, by device and operation.',
  needs: 'CAP_BPF and CAP_PERFMON, Linux 5.8',
  options: {
    disk: text('NAME', 'only this one of /sys/block, such as sda'),
    operation: text('NAME', 'only this one, such as read, write, flush or discard'),
    queued: flag('since the request was made, not since the device has it'),
    top: otherwise(integer('N', 'of those that took most time, so many'), 20),
    interval: seconds('print at this interval, each time what is new'),
  },
  async trace(session, { disk, operation, queued, top, interval }) {
    using object = open()
    if (disk !== undefined) {
      if (Buffer.byteLength(disk) > 31) throw new UsageError('Expected at most 31 bytes for --disk')
      object.globals.only_disk = disk
    }
    object.globals.with_queue = queued
    const isOld = takesQueue()
    object.programs.on_issue.autoload = !isOld
    object.programs.on_issue_of_queue.autoload = isOld
    object.load().attach()
    await followHistograms(session, {
      what: 'requests to block devices',
      interval,
      top,
      object,
      take: () =>
        object.maps.histograms.takeAll().flatMap(([{ disk, number }, histogram]) => {
          const name = names.get(number) ?? `operation ${number}`
          if (operation !== undefined && name !== operation) return []
          const title = `${disk} ${name}, ${countOf(histogram)} requests`
          return microseconds(histogram, title, { disk, operation: name })
        }),
      missed: () => object.globals.missed,
    })
  },
})
if (require.main === module) void run(tool)
