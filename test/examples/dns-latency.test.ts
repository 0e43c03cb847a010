// dns-latency against lookups that a process times itself, of a name server that takes its time.
import { execFileSync } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { Example } from '../process/example.js'
import { describeTool, printed, testInTerminal, Tool } from './tool.js'

const namespace = `dns-latency-${process.pid}`
const files = '/etc/netns'

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** A name server that knows one name and takes 40 ms, and lookups with their times. */
const lookups = `
import json, os, socket, sys, threading, time
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', 53))
def serve():
    while True:
        query, peer = server.recvfrom(512)
        time.sleep(0.04)
        known = query[12:].startswith(b'\\x05known\\x04test\\x00')
        question = query[12:query.index(b'\\0', 12) + 5]
        flags = b'\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0' if known else b'\\x81\\x83\\0\\1\\0\\0\\0\\0\\0\\0'
        answer = b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\0\\0\\4\\xc0\\0\\2\\7' if known else b''
        server.sendto(query[:2] + flags + question + answer, peer)
threading.Thread(target=serve, daemon=True).start()
rows = []
for name in sys.argv[1:]:
    begin = time.monotonic_ns()
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET)[0][4][0]
    except socket.gaierror as error:
        found = error.errno
    rows.append([name, (time.monotonic_ns() - begin) / 1e6, found])
print(json.dumps([os.getpid(), rows]))`

type Timed = [name: string, ms: number, found: string | number]

async function lookUp(...names: string[]): Promise<{ pid: number; rows: Timed[] }> {
  const args = ['netns', 'exec', namespace, 'python3', '-c', lookups, ...names]
  const { stdout, stderr } = await new Example('ip', args).ended
  if (stdout === '') throw new Error(stderr)
  const [pid, rows] = JSON.parse(stdout) as [number, Timed[]]
  return { pid, rows }
}

describeTool('dns-latency', () => {
  const isThere = existsSync(files)

  beforeAll(() => {
    ip('netns', 'add', namespace)
    ip('netns', 'exec', namespace, 'ip', 'link', 'set', 'lo', 'up')
    // In the place of those in /etc, for whom `ip netns exec` starts.
    mkdirSync(`${files}/${namespace}`, { recursive: true })
    writeFileSync(`${files}/${namespace}/resolv.conf`, 'nameserver 127.0.0.1\n')
    writeFileSync(`${files}/${namespace}/nsswitch.conf`, 'hosts: files dns\n')
  })
  afterAll(() => {
    ip('netns', 'delete', namespace)
    rmSync(`${files}/${namespace}`, { recursive: true })
    // Another test may have some there.
    if (!isThere) execFileSync('rmdir', ['--ignore-fail-on-non-empty', files])
  })

  testInTerminal('dns-latency', {
    happens: () => lookUp('localhost', 'known.test', 'unknown.test'),
    shows: /unknown/,
  })

  test('names, times and errors, as the process has them', async () => {
    const tool = await Tool.start('dns-latency')
    const { pid, rows: timed } = await lookUp(
      'localhost',
      'known.test',
      'unknown.test',
      '127.0.0.1',
    )
    const ended = await tool.stop()
    const rows = ended.rows.filter((row) => row['pid'] === pid)
    const known = timed.map(([, , found]) => found)
    expect(known).toEqual(['127.0.0.1', '192.0.2.7', -2, '127.0.0.1'])
    expect(rows.map(({ host, error }) => [host, error])).toEqual([
      ['localhost', null],
      ['known.test', null],
      ['unknown.test', 'EAI_NONAME'],
      ['127.0.0.1', null],
    ])
    timed.forEach(([name, ms], index) => {
      const { durationMs } = rows[index] ?? {}
      expect(durationMs).toBeLessThanOrEqual(ms)
      // What the name server was asked for.
      expect(durationMs).toBeGreaterThan(name.endsWith('.test') ? 40 : 0)
    })
    expect(ended.code).toBe(0)
    expect(ended.stderr).toContain(' 0 lost')
  })

  test('its filters, and what it prints', async () => {
    const args = ['--min-ms', '30', '--failed', '--host', 'unknown', '--name', 'python']
    const { stdout } = await printed('dns-latency', args, () =>
      lookUp('localhost', 'known.test', 'unknown.test', 'nowhere.test'),
    )
    expect(stdout).toMatch(
      /^TIME +PID COMM +MS ERROR +HOST\n[\d:.]+ +\d+ python3\S* +\d\d+\.\d\d EAI_NONAME +unknown\.test\n$/,
    )
  })

  test('one process, and a file that has no such function', async () => {
    const tool = await Tool.start('dns-latency', ['--pid', String(process.pid)])
    execFileSync('getent', ['ahosts', 'localhost'])
    await lookup('localhost')
    const { rows } = await tool.stop()
    expect(rows).toEqual([expect.objectContaining({ pid: process.pid, host: 'localhost' })])
    const refused = await Example.start('dns-latency', ['--libc', '/bin/true']).ended
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(/^dns-latency: .*getaddrinfo/)
  })
})
