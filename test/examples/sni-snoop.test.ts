// sni-snoop against the names that clients ask for, and that servers are asked for.
import { once } from 'node:events'
import { connect as connectTcp, createServer as createTcpServer, type AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'
import { connect, type ConnectionOptions, createServer } from 'node:tls'
import { parseClientHello } from '../../examples/kit/client-hello.js'
import { Example } from '../process/example.js'
import { until } from '../until.js'
import { describeTool, printed, testInTerminal, Tool } from './tool.js'

/** A server without a certificate, which keeps what it is asked for. */
async function listen(host: string) {
  const asked: string[] = []
  const server = createServer({
    SNICallback: (name, answer) => {
      asked.push(name)
      answer(new Error('it has no certificate'))
    },
  }).on('tlsClientError', () => undefined)
  server.listen(0, host)
  await once(server, 'listening')
  return { server, asked, port: (server.address() as AddressInfo).port }
}

async function ask(options: ConnectionOptions): Promise<number> {
  const client = connect(options).on('error', () => undefined)
  await once(client, 'connect')
  const { localPort } = client
  await new Promise((resolve) => client.on('close', resolve))
  return localPort ?? 0
}

/** What a client says first. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer) => {
        resolve(chunk)
      },
    })
    connect({ ...options, socket }).on('error', () => undefined)
  })
}

describeTool('sni-snoop', () => {
  testInTerminal('sni-snoop', {
    happens: async () => {
      const host = '127.0.0.1'
      const { server, port } = await listen(host)
      await ask({ host, port, servername: 'registry.example', ALPNProtocols: ['h2', 'http/1.1'] })
      await ask({ host, port, servername: 'old.example', maxVersion: 'TLSv1.2' })
      server.close()
    },
    shows: /old\.example/,
  })

  test.each(['127.0.0.1', '::1'])('names that Node and openssl ask %s for', async (host) => {
    const { server, asked, port } = await listen(host)
    const tool = await Tool.start('sni-snoop', ['--interface', 'lo', '--port', String(port)])
    const ALPNProtocols = ['h2', 'http/1.1']
    const first = await ask({ host, port, servername: 'node.test', ALPNProtocols })
    await ask({ host, port, servername: 'old.test', maxVersion: 'TLSv1.2' })
    const target = `${host === '::1' ? '[::1]' : host}:${port}`
    const args = ['s_client', '-connect', target, '-servername', 'openssl.test', '-alpn', 'smtp']
    await new Example('openssl', args).ended
    await ask({ host, port })
    await tool.until((row) => row['serverName'] === null)
    const { rows, code, stderr } = await tool.stop()
    server.close()
    expect(asked).toEqual(['node.test', 'old.test', 'openssl.test'])
    const both = { interface: 'lo', client: host, server: host, serverPort: port }
    const more = { ...both, isEncrypted: false, time: expect.any(String) as string }
    const clientPort = expect.any(Number) as number
    expect(rows).toEqual([
      {
        ...more,
        clientPort: first,
        serverName: 'node.test',
        protocols: ALPNProtocols,
        version: '1.3',
      },
      { ...more, clientPort, serverName: 'old.test', protocols: [], version: '1.2' },
      { ...more, clientPort, serverName: 'openssl.test', protocols: ['smtp'], version: '1.3' },
      { ...more, clientPort, serverName: null, protocols: [], version: '1.3' },
    ])
    expect({ code, lost: / 0 lost/.test(stderr) }).toEqual({ code: 0, lost: true })
  })

  test('a name that is in several packets, and what it prints', async () => {
    const hello = await helloOf({ servername: `${'long.'.repeat(40)}test` })
    const server = createTcpServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { stdout } = await printed(
      'sni-snoop',
      ['--host', 'long.', '--port', String(port)],
      async () => {
        const accepting = once(server, 'connection')
        const client = connectTcp({ port, host: '127.0.0.1', noDelay: true })
        const [peer] = (await accepting) as [ReturnType<typeof connectTcp>]
        peer.resume()
        // One after the other has arrived.
        for (const [start, end] of [
          [0, 7],
          [7, 100],
          [100, hello.length],
        ] as const) {
          client.write(hello.subarray(start, end))
          await until(() => peer.bytesRead === end)
        }
        client.destroy()
        server.close()
        await once(server, 'close')
      },
    )
    const [, row = ''] = stdout.split('\n')
    expect(row).toMatch(
      new RegExp(`^[\\d:.]+ lo +127\\.0\\.0\\.1:\\d+ +127\\.0\\.0\\.1:${port} +1\\.3 +`),
    )
    expect(row).toContain(` ${'long.'.repeat(40)}test`)
  })

  test('a hello that is cut off anywhere has what is there of it', async () => {
    const hello = await helloOf({ servername: 'a.test', ALPNProtocols: ['h2'] })
    expect(parseClientHello(hello)).toEqual({
      serverName: 'a.test',
      protocols: ['h2'],
      version: '1.3',
      isEncrypted: false,
    })
    for (let size = 0; size < hello.length; size++) {
      const { serverName } = parseClientHello(hello.subarray(0, size))
      expect('a.test'.startsWith(serverName ?? '')).toBe(true)
    }
  })

  test('there is no such device', async () => {
    const refused = await Example.start('sni-snoop', ['--interface', 'none']).ended
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(/^sni-snoop: .*no such network interface\n$/)
  })
})
