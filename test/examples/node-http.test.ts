// What node-http prints, against what a server counted and its clients measured.
import { Example } from '../process/example.js'
import { ask, nodeBinaries, type Served, Server, startScript } from './node-activity.js'
import { describeTool, type Row, testInTerminal, Tool } from './tool.js'

function ofProcess(rows: Row[], pid: number): Row[] {
  return rows.filter((row) => row['pid'] === pid)
}

const cases = nodeBinaries.flatMap(([version, node]) =>
  (['http', 'https'] as const).map((protocol): [string, string, string] => [
    version,
    protocol,
    node,
  ]),
)

describeTool('node-http', () => {
  testInTerminal('node-http', {
    args: ['--name', 'https'],
    happens: async () => {
      const server = await Server.start(startScript(process.execPath, 'https.cjs', ['http-serve']))
      await ask(process.execPath, 'http-ask', server, 4)
      await server.stop()
    },
    shows: /POST|GET/,
  })

  test.each(cases)('what is served and asked: Node %s, %s', async (_, protocol, node) => {
    const prefix = protocol === 'http' ? 'http-' : ''
    const tool = await Tool.start('node-http', ['--binary', node])
    const server = await Server.start(startScript(node, 'https.cjs', [`${prefix}serve`]))
    const clients = await Promise.all([
      ask(node, `${prefix}ask`, server, 4),
      ask(node, `${prefix}ask`, server, 3),
    ])
    const served = await server.stop()
    const { rows, stderr } = await tool.stop()
    expect(stderr).toMatch(/, 0 lost,/)

    // The server: each request once, with the port of who asked.
    const key = (method: unknown, url: unknown, peer: unknown): string =>
      [method, url, peer].map(String).join(' ')
    const ofServer = ofProcess(rows, server.pid)
    expect(ofServer.map(({ method, url, peer }) => key(method, url, peer)).sort()).toEqual(
      served.map(({ method, url, port }: Served) => key(method, url, `127.0.0.1:${port}`)).sort(),
    )
    for (const { url, latencyMs, ...row } of ofServer) {
      expect(row).toMatchObject({ role: 'server', protocol, process: 'https.cjs' })
      // It waits so long; timers may be early by the part of a millisecond.
      expect(latencyMs).toBeGreaterThan(Number(/ms=(\d+)/.exec(String(url))?.[1]) - 1.5)
    }

    for (const { pid, answers } of clients) {
      const ofClient = ofProcess(rows, pid)
      expect(ofClient).toMatchObject(
        answers.map(({ method, path, status }) => ({
          role: 'client',
          protocol,
          method,
          url: path,
          status,
          peer: `127.0.0.1:${server.port}`,
        })),
      )
      answers.forEach(({ path, ms, localPort, status }, index) => {
        const latencyMs = Number(ofClient[index]?.['latencyMs'])
        const atServer = ofServer.find(
          ({ url, peer }) => url === path && peer === `127.0.0.1:${localPort}`,
        )
        expect(atServer).toMatchObject({ status })
        expect(latencyMs).toBeLessThan(ms)
        expect(latencyMs).toBeGreaterThan(Number(atServer?.['latencyMs']))
      })
    }
  })

  test('only what is slow, only clients', async () => {
    const server = await Server.start(startScript(process.execPath, 'https.cjs', ['http-serve']))
    const tool = await Tool.start('node-http', ['--role', 'client', '--min-ms', '15'])
    const { pid } = await ask(process.execPath, 'http-ask', server, 4)
    await tool.until((row) => row['pid'] === pid && row['url'] === '/number/3?status=200&ms=30')
    const { rows } = await tool.stop()
    expect(ofProcess(rows, server.pid)).toEqual([])
    expect(ofProcess(rows, pid).every(({ latencyMs }) => Number(latencyMs) >= 15)).toBe(true)
    const refused = await Example.start('node-http', ['--binary', '/bin/true']).ended
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.stderr).toMatch(/^node-http: .*\/bin\/true.*no function llhttp_init.*\n$/)
  })
})
