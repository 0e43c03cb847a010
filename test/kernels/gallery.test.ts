// Each tool of the gallery on a kernel: it shows what happens, or says in one line why it
// cannot here. What it shows is compared with independent sources by test/examples.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { connect, createServer as createTcpServer } from 'node:net'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readdirSync } from 'node:fs'
import { Example, killRunning } from '../process/example.js'
import { describeBpf } from '../require-bpf.js'
import { spin, timeScale } from '../until.js'

const directory = join(__dirname, '../../build/examples')
const tools = readdirSync(directory)
  .filter((name) => name.endsWith('.bpf.js'))
  .map((name) => name.slice(0, -'.bpf.js'.length))
  .filter((name) => readFileSync(join(directory, `${name}.js`), 'utf8').includes('exports.tool ='))

/** Tools of what does not happen here: no disk, no lack of memory, no resolver, no OpenSSL, no prompt. */
const withoutEvents = new Set([
  'block-latency',
  'oom-kill',
  'dns-latency',
  'sni-snoop',
  'node-tls',
  'bash-readline',
])

/** Something for each tool. */
async function makeEvents(): Promise<void> {
  const place = mkdtempSync(join(tmpdir(), 'gallery-'))
  try {
    writeFileSync(join(place, 'file'), 'text')
    rmSync(join(place, 'file'))
    process.kill(process.pid, 'SIGWINCH')
    spawnSync('sh', ['-c', `mount -t tmpfs none ${place} && umount ${place}`])
    spawnSync('sh', ['-c', 'kill -SEGV $$'])
    const server = createServer((_, response) => response.end('answer')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const [response] = (await once(get({ port, host: '127.0.0.1', agent: false }), 'response')) as [
      NodeJS.ReadableStream,
    ]
    await once(response.resume(), 'end')
    server.close()
    const tcp = createTcpServer((socket) => socket.end('bytes')).listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    await once(connect((tcp.address() as AddressInfo).port, '127.0.0.1').resume(), 'close')
    tcp.close()
    spin(300)
    globalThis.gc?.()
    const garbage: object[][] = []
    for (let i = 0; i < 200; i++) garbage.push(Array.from({ length: 5000 }, () => ({ i })))
    await new Promise((resolve) => setTimeout(resolve, 100))
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

describeBpf('the gallery', () => {
  afterEach(killRunning)

  test.each(tools)(
    '%s shows what happens, or says why not',
    async (name) => {
      const tool = Example.start(name, ['--json'])
      const isAttached = await tool.until('stderr', /^Tracing .*\n/m).then(
        () => true,
        () => false,
      )
      if (!isAttached) {
        const { code, stdout, stderr } = await tool.ended
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
        // What failed, why, and what to do.
        expect(stderr).toMatch(new RegExp(`^${name}: Cannot .*: .+\\n$`))
        return
      }
      await makeEvents()
      const { code, stdout, stderr } = await tool.stop()
      expect({ code, stderr }).toMatchObject({ code: 0 })
      const rows = stdout.trimEnd().split('\n').filter(Boolean)
      for (const row of rows) JSON.parse(row)
      if (!withoutEvents.has(name)) expect(rows.length).toBeGreaterThan(0)
    },
    30_000 * timeScale,
  )
})
