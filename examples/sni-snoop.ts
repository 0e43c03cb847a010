// Prints whom TLS clients want to talk to: the server names of their first packets.
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { BpfError } from 'bpf-ringbuf'
import { addressOf, endpoint } from './kit/address.js'
import { type ClientHello, Hellos, parseClientHello } from './kit/client-hello.js'
import { clock, type Column, left } from './kit/columns.js'
import { integer, text } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { open, type SniSnoop } from './sni-snoop.bpf.js'

interface Row extends ClientHello {
  time: Date
  interface: string
  client: string
  clientPort: number
  server: string
  serverPort: number
}

const columns: Column<Row>[] = [
  clock(),
  left('DEVICE', 8, (row) => row.interface),
  left('CLIENT', 21, (row) => endpoint(row.client, row.clientPort)),
  left('SERVER', 21, (row) => endpoint(row.server, row.serverPort)),
  left('TLS', 3, (row) => row.version),
  left('NAME', 0, (row) => [row.serverName ?? '-', ...row.protocols].join(' ')),
]

function indexOf(device: string): number {
  return Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8'))
}

/** What passes a device, where the kernel and libbpf have it without a qdisc. */
function attach(object: SniSnoop, device: string): void {
  // All that the loopback device sends, it receives.
  const directions = device === 'lo' ? (['egress'] as const) : (['ingress', 'egress'] as const)
  for (const direction of directions) {
    const place = { interface: device, direction }
    try {
      object.programs.on_packet.attach({ tcx: place })
    } catch (error) {
      if (!(error instanceof BpfError) || error.code !== 'ERR_UNSUPPORTED') throw error
      object.programs.on_packet.attach({ tc: place })
    }
  }
}

export const tool = define({
  name: 'sni-snoop',
  about: 'Prints whom TLS clients want to talk to, by the names in their first packets.',
  needs: 'CAP_BPF and CAP_NET_ADMIN, Linux 5.8',
  options: {
    interface: text('NAME', 'only what passes this device; otherwise all that have an address'),
    port: integer('N', 'only to this port', [1, 2 ** 16 - 1]),
    host: text('TEXT', 'only servers with TEXT in their name'),
  },
  async trace(session, { interface: only, port, host = '' }) {
    const names = only === undefined ? Object.keys(networkInterfaces()) : [only]
    const hellos = new Hellos()
    using object = open()
    if (port !== undefined) object.globals.only_port = port
    object.load()
    for (const name of names) attach(object, name)
    const nameOf = new Map(names.map((name) => [indexOf(name), name]))
    await session.follow('TLS clients', object, columns, (piece): Row | undefined => {
      const time = session.timeOf(piece.time_ns)
      const bytes = hellos.add(piece, time)
      if (bytes === undefined) return undefined
      const hello = parseClientHello(bytes)
      if (!(hello.serverName ?? '').includes(host)) return undefined
      const { client, server, client_port, server_port } = piece.flow
      return {
        time,
        interface: nameOf.get(piece.interface) ?? String(piece.interface),
        client: addressOf(client),
        clientPort: client_port,
        server: addressOf(server),
        serverPort: server_port,
        ...hello,
      }
    })
  },
})
if (require.main === module) void run(tool)
