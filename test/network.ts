// Packets and connections of this process with itself.
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'

/** Sends a datagram over lo, and waits until it is there. */
export async function sendDatagram(): Promise<void> {
  using socket = await openDatagrams()
  await socket.receive()
}

/** A socket that sends to itself. */
export async function openDatagrams(): Promise<{
  fd: number
  receive: () => Promise<void>
  [Symbol.dispose]: () => void
}> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    fd: descriptorOf(socket),
    receive: async () => {
      const received = once(socket, 'message')
      socket.send('datagram', socket.address().port, '127.0.0.1')
      await received
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
