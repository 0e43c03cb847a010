// Counts the round-trip times of TCP connections, by the address at the other end.
import { addressOf } from './kit/address.js'
import { countOf, followHistograms, microseconds } from './kit/histograms.js'
import { flag, integer, otherwise, seconds } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { open } from './tcp-rtt.bpf.js'

const port = [1, 2 ** 16 - 1] as const

export const tool = define({
  name: 'tcp-rtt',
  about: 'Counts the smoothed round-trip time of TCP at each packet received, by remote address.',
  needs: 'CAP_BPF and CAP_PERFMON, Linux 5.8',
  options: {
    localPort: integer('N', 'only with this port here', port),
    remotePort: integer('N', 'only with this port at the other end', port),
    together: flag('one histogram of all addresses'),
    top: otherwise(integer('N', 'of the addresses with the largest sum, so many'), 20),
    interval: seconds('print at this interval, each time what is new'),
  },
  async trace(session, { localPort, remotePort, together, top, interval }) {
    using object = open()
    if (localPort !== undefined) object.globals.only_local_port = localPort
    if (remotePort !== undefined) object.globals.only_remote_port = remotePort
    object.globals.by_address = !together
    object.load().attach()
    await followHistograms(session, {
      what: 'round trips of TCP',
      interval,
      top,
      object,
      take: () =>
        object.maps.histograms.takeAll().map(([{ address: bytes }, histogram]) => {
          const address = addressOf(bytes)
          const title = `${address}, ${countOf(histogram)} packets`
          return together ? microseconds(histogram) : microseconds(histogram, title, { address })
        }),
      missed: () => object.globals.missed,
    })
  },
})
if (require.main === module) void run(tool)
