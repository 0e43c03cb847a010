// tcp-life against what a client and a server sent each other, and what `ss` says of them.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { endpoint } from '../../examples/kit/address.js'
import { until } from '../until.js'
import { describeTool, printed, type Row, testInTerminal, Tool } from './tool.js'

/** A session of this process with itself. */
async function session(host: string, sent: number, answered: number, ends: 'fin' | 'reset') {
  const server = createServer({ allowHalfOpen: true }).listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const accepting = once(server, 'connection') as Promise<[Socket]>
  const startMs = performance.now()
  const client = connect(port, host)
  const [peer] = await accepting
  const closed = [client, peer].map((socket) => new Promise((done) => socket.on('close', done)))
  peer.resume().on('error', () => undefined)
  peer.on('end', () => peer.end(Buffer.alloc(answered)))
  client.resume().write(Buffer.alloc(sent))
  await until(() => peer.bytesRead === sent)
  const localPort = client.localPort as number
  const listed = execFileSync('ss', ['-tnH', 'state', 'established'], { encoding: 'utf8' })
  if (ends === 'fin') client.end()
  else client.resetAndDestroy()
  await Promise.all(closed)
  server.close()
  return { port, localPort, listed, ms: performance.now() - startMs }
}

const escape = (text: string) => text.replace(/[.[\]]/g, '\\$&')

const isOf = (localPort: number) => (row: Row) => row['localPort'] === localPort

describeTool('tcp-life', () => {
  testInTerminal('tcp-life', {
    happens: async () => {
      await session('127.0.0.1', 300_001, 70_001, 'fin')
      await session('::1', 5, 0, 'fin')
      await session('127.0.0.1', 1, 0, 'reset')
    },
    shows: /( ::1\s[^]*){2}( 127\.0\.0\.1\s[^]*){2}/,
  })

  test.each([
    ['127.0.0.1', 300_001, 70_001, 'fin'],
    ['::1', 5, 0, 'fin'],
    ['127.0.0.1', 1, 0, 'reset'],
  ] as const)(
    'both ends of a session on %s, to the byte: %i and %i, ended by %s',
    async (host, sent, answered, ends) => {
      const tool = await Tool.start('tcp-life')
      const { port, localPort, listed, ms } = await session(host, sent, answered, ends)
      const client = await tool.until(isOf(localPort))
      const server = await tool.until(isOf(port))
      const { rows, code, stderr } = await tool.stop()
      const [one, other] = [endpoint(host, localPort), endpoint(host, port)]
      expect(listed).toMatch(new RegExp(` ${escape(one)} +${escape(other)} *\n`))
      expect(listed).toMatch(new RegExp(` ${escape(other)} +${escape(one)} *\n`))
      const both = { pid: process.pid, localAddress: host, remoteAddress: host }
      expect(client).toMatchObject({
        ...both,
        localPort,
        remotePort: port,
        sent,
        received: answered,
      })
      expect(server).toMatchObject({
        ...both,
        localPort: port,
        remotePort: localPort,
        sent: answered,
        received: sent,
      })
      for (const { durationMs } of [client, server]) {
        expect(durationMs).toBeGreaterThan(0)
        expect(durationMs).toBeLessThan(ms + 50)
      }
      expect(rows.filter((row) => [port, localPort].includes(row['localPort'] as number))).toEqual([
        client,
        server,
      ])
      expect({ code, lost: / 0 lost/.test(stderr) }).toEqual({ code: 0, lost: true })
    },
  )

  test('its filters, and a session that began before it', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined)).listen(0)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const early = connect(port, '127.0.0.1')
    await once(early, 'connect')
    const { stdout } = await printed('tcp-life', ['--remote-port', String(port)], async () => {
      early.destroy()
      await once(early, 'close')
      await session('127.0.0.1', 1, 0, 'fin')
      server.close()
    })
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(/^ +PID COMM +SENT RECEIVED +MS +PORT REMOTE +LOCAL$/)
    expect(lines[1]?.trim().split(/\s+/).slice(2)).toEqual([
      '0',
      '0',
      '?',
      expect.stringMatching(/^\d+$/),
      `127.0.0.1:${port}`,
      '127.0.0.1',
    ])
  })
})
