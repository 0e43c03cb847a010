// tcp-states against the states that a connection goes through, and what `ss` says meanwhile.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { until } from '../until.js'
import { describeTool, printed, type Row, testInTerminal, Tool } from './tool.js'

/** What `ss` lists in a state, of a port of this side. */
function listed(state: string, port: number): number {
  const args = ['-tnH', 'state', state, 'sport', `:${port}`]
  return execFileSync('ss', args, { encoding: 'utf8' }).trim().split('\n').filter(Boolean).length
}

/** A connection whose client is the first to end, seen by `ss` while only that has. */
async function connection(host: string) {
  const server = createServer({ allowHalfOpen: true }).listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const accepting = once(server, 'connection') as Promise<[Socket]>
  const client = connect(port, host)
  const [peer] = await accepting
  const closed = [client, peer].map((socket) => new Promise((done) => socket.on('close', done)))
  const ended = once(peer.resume(), 'end')
  const endMs = performance.now()
  client.resume().end('some')
  await ended
  const { localPort = 0 } = client
  // The peer need not acknowledge at once.
  await until(() => listed('fin-wait-2', localPort) > 0)
  const startMs = performance.now()
  const states = {
    LISTEN: listed('listening', port),
    'CLOSE-WAIT': listed('close-wait', port),
    'FIN-WAIT-2': listed('fin-wait-2', localPort),
  }
  const halfOpenMs = performance.now() - startMs
  peer.end()
  await Promise.all(closed)
  const mostMs = performance.now() - endMs
  server.close()
  await once(server, 'close')
  return { port, localPort, states, halfOpenMs, mostMs }
}

const changes = (rows: readonly Row[]) => rows.map(({ from, to }) => [from, to].join(' '))

describeTool('tcp-states', () => {
  testInTerminal('tcp-states', {
    happens: () => connection('127.0.0.1'),
    shows: /LAST-ACK +CLOSED/,
  })

  test.each(['127.0.0.1', '::1'])('the states of a connection on %s, in order', async (host) => {
    const tool = await Tool.start('tcp-states')
    const { port, localPort, states, halfOpenMs, mostMs } = await connection(host)
    await tool.until(
      (row) => row['localPort'] === port && row['from'] === 'LISTEN' && row['to'] === 'CLOSED',
    )
    const { rows, code, stderr } = await tool.stop()
    expect(states).toEqual({ LISTEN: 1, 'CLOSE-WAIT': 1, 'FIN-WAIT-2': 1 })
    const { socket } = rows.find((row) => row['localPort'] === localPort) ?? {}
    // A socket that ended before may have had the same address.
    const client = rows.filter((row) => row['socket'] === socket && row['remotePort'] === port)
    expect(changes(client)).toEqual([
      'CLOSED SYN-SENT',
      'SYN-SENT ESTABLISHED',
      'ESTABLISHED FIN-WAIT-1',
      'FIN-WAIT-1 FIN-WAIT-2',
      'FIN-WAIT-2 CLOSED',
    ])
    for (const row of client) {
      expect(row).toMatchObject({ pid: process.pid, remoteAddress: host, remotePort: port })
    }
    const ofServer = rows.filter((row) => row['localPort'] === port)
    const accepted = ofServer.filter((row) => row['remotePort'] === localPort)
    expect(changes(accepted)).toEqual([
      'LISTEN SYN-RECV',
      'SYN-RECV ESTABLISHED',
      'ESTABLISHED CLOSE-WAIT',
      'CLOSE-WAIT LAST-ACK',
      'LAST-ACK CLOSED',
    ])
    expect(accepted.map((row) => row['pid']).slice(3)).toEqual([process.pid, process.pid])
    const listener = ofServer.filter((row) => !accepted.includes(row))
    expect(changes(listener)).toEqual(['CLOSED LISTEN', 'LISTEN CLOSED'])
    expect(listener.map((row) => row['pid'])).toEqual([process.pid, process.pid])
    // Half of it was closed while `ss` looked.
    const { durationMs } = accepted[3] ?? {}
    expect(durationMs).toBeGreaterThan(halfOpenMs)
    expect(durationMs).toBeLessThan(mostMs)
    expect({ code, lost: / 0 lost/.test(stderr) }).toEqual({ code: 0, lost: true })
  })

  test('its filters, and what it prints', async () => {
    let port = 0
    const pid = String(process.pid)
    const { stdout } = await printed(
      'tcp-states',
      ['--state', 'CLOSE-WAIT', '--pid', pid],
      async () => ({ port } = await connection('127.0.0.1')),
    )
    const [title = '', ...lines] = stdout.trimEnd().split('\n')
    expect(title.trim().split(/ +/)).toEqual([
      'TIME',
      'PID',
      'PORT',
      'FROM',
      'TO',
      'MS',
      'REMOTE',
      'COMM',
      'LOCAL',
    ])
    const words = lines.map((line) => line.trim().split(/ +/).slice(1, 5))
    expect(words).toContainEqual([pid, String(port), 'CLOSE-WAIT', 'LAST-ACK'])
    expect(new Set(words.map(([id]) => id))).toEqual(new Set([pid]))
  })
})
