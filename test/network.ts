// Packets and connections of this process with itself, and frames of cables of its own.
import { execFileSync, spawnSync } from 'node:child_process'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'

/** Sends a datagram over lo, and waits until it is there. */
export async function sendDatagram(): Promise<void> {
  using socket = await openDatagrams()
  await socket.receive()
}

/** A socket that sends to itself. */
export interface Datagrams {
  readonly fd: number
  readonly port: number
  /** How many came in. */
  readonly received: number
  /** To its own port, where others may be as well. */
  send: () => void
  /** The same, and waits until it came in. */
  receive: () => Promise<void>
  [Symbol.dispose]: () => void
}

/** @param atPort Where another one is, which shares its port. */
export async function openDatagrams(atPort = 0): Promise<Datagrams> {
  const socket = createSocket('udp4')
  socket.bind(atPort, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  let received = 0
  socket.on('message', () => received++)
  const send = (): void => {
    socket.send('datagram', port, '127.0.0.1')
  }
  return {
    fd: descriptorOf(socket),
    port,
    get received() {
      return received
    },
    send,
    receive: async () => {
      const arrived = once(socket, 'message')
      send()
      await arrived
    },
    [Symbol.dispose]: () => {
      socket.close()
    },
  }
}

/** Sends a line through a connection over lo, and waits until it is echoed. */
export async function connectToSelf(): Promise<void> {
  const server = createServer((peer) => peer.pipe(peer))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write('line\n')
  await once(socket, 'data')
  socket.destroy()
  server.close()
  await once(server, 'close')
}

/** Node keeps it in what it does not document. */
function descriptorOf(socket: UdpSocket): number {
  const symbol = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  ) as symbol
  const state = (socket as unknown as Record<symbol, { handle: { fd: number } }>)[symbol]
  return state?.handle.fd ?? -1
}

/** Makes a congestion control that of new connections, until `action` is over. */
export async function withCongestionControl(
  name: string,
  action: () => Promise<void>,
): Promise<void> {
  const chosen = '/proc/sys/net/ipv4/tcp_congestion_control'
  const before = readFileSync(chosen, 'utf8')
  try {
    writeFileSync(chosen, name)
    await action()
  } finally {
    writeFileSync(chosen, before)
  }
}

const framesProgram = join(__dirname, '../build/test/frames')

/** Two network devices, the ends of one cable. What is sent at the far one comes in at the near. */
export class Cable {
  static #made = 0
  readonly near: string
  readonly far: string

  /** @throws what `ip` said, where the kernel or this `ip` knows no such devices. */
  constructor() {
    const name = `rb${String(process.pid)}n${String(Cable.#made++)}`
    this.near = `${name}a`
    this.far = `${name}b`
    ip('link', 'add', this.near, 'type', 'veth', 'peer', 'name', this.far)
    for (const end of [this.near, this.far]) ip('link', 'set', end, 'up')
  }

  /** Frames of the Ethernet type for experiments, 0x88b5. */
  send(count: number): void {
    execFileSync(framesProgram, ['send', this.far, String(count)])
  }

  /** Runs a process with an AF_XDP socket of the near end as descriptor 3. */
  receiveWith(...command: string[]): { stdout: string; status: number | null; stderr: string } {
    return spawnSync(framesProgram, ['take', this.near, ...command], { encoding: 'utf8' })
  }

  [Symbol.dispose](): void {
    ip('link', 'delete', this.near)
  }
}

/** Two network devices of the type netkit: what is sent at one comes in at the other. */
export class NetkitPair {
  readonly primary = `rb${String(process.pid)}nk`
  readonly peer = `${this.primary}p`

  /** @throws what the kernel said, where it has none. */
  constructor() {
    execFileSync(framesProgram, ['netkit', this.primary, this.peer], { stdio: 'pipe' })
  }

  /** Frames, from one of them. */
  send(from: string, count: number): void {
    execFileSync(framesProgram, ['send', from, String(count)])
  }

  [Symbol.dispose](): void {
    ip('link', 'delete', this.primary)
  }
}

/** As the kernel counts network devices, from 1 on. */
export function indexOfInterface(name: string): number {
  return Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'))
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Of a connection or a server of Node, which keeps it in what it does not document. */
export function descriptorOfConnection(socket: Socket | Server): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd
}

/** Two connected sockets of this process. */
export class Connection {
  readonly client: Socket
  /** Its other end. */
  readonly server: Socket
  readonly #listener: Server

  private constructor(listener: Server, client: Socket, server: Socket) {
    this.#listener = listener
    this.client = client
    this.server = server
  }

  static async open(): Promise<Connection> {
    const listener = createServer().listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const accepted = once(listener, 'connection') as Promise<[Socket]>
    const client = connect((listener.address() as AddressInfo).port, '127.0.0.1')
    const [server] = await accepted
    return new Connection(listener, client, server)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = [this.#listener, this.client, this.server].map((it) => once(it, 'close'))
    this.client.destroy()
    this.server.destroy()
    this.#listener.close()
    await Promise.all(ended)
  }
}
