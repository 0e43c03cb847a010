// tcp-rtt against what `ss` says of the same connection, over a loopback device that is slow.
import { execFileSync } from 'node:child_process'
import { countOf } from '../../examples/kit/histograms.js'
import { Example } from '../process/example.js'
import { describeTool, testInTerminal, Tool } from './tool.js'

const namespace = `tcp-rtt-${process.pid}`

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Sends a line to and fro over one connection, and asks `ss` after each time. */
const exchange = `
const { execFileSync } = require('node:child_process')
const { connect, createServer } = require('node:net')
const rtts = []
const server = createServer((peer) => peer.pipe(peer)).listen(0, process.argv[1], () => {
  const { port } = server.address()
  const client = connect(port, process.argv[1], () => client.write('a line '.repeat(150)))
  client.on('data', () => {
    const listed = execFileSync('ss', ['-tinH', 'dport', ':' + port], { encoding: 'utf8' })
    rtts.push(1000 * Number(/ rtt:([\\d.]+)/.exec(listed)[1]))
    if (rtts.length < 8) return client.write('a line '.repeat(150))
    console.log(JSON.stringify({ rtts }))
    process.exit()
  })
})`

async function exchanged(address: string): Promise<{ rtts: number[] }> {
  const args = ['netns', 'exec', namespace, process.execPath, '-e', exchange, address]
  const { stdout, stderr } = await new Example('ip', args).ended
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as { rtts: number[] }
}

describeTool('tcp-rtt', () => {
  beforeAll(() => {
    ip('netns', 'add', namespace)
    const inside = (...args: string[]) => ip('netns', 'exec', namespace, ...args)
    inside('ip', 'link', 'set', 'lo', 'up')
    // 1,100 bytes take 45 ms, when those before have used up what may pass at once.
    inside(...'tc qdisc add dev lo root tbf rate 200kbit burst 1600 limit 100000'.split(' '))
  })
  afterAll(() => ip('netns', 'delete', namespace))

  testInTerminal('tcp-rtt', {
    happens: () => Promise.all([exchanged('127.0.0.1'), exchanged('::1')]),
  })

  test.each(['127.0.0.1', '::1'])('has the times that `ss` says, to %s', async (address) => {
    const [tool, together, other] = await Promise.all([
      Tool.start('tcp-rtt'),
      Tool.start('tcp-rtt', ['--together']),
      Tool.start('tcp-rtt', ['--together', '--local-port', '1']),
    ])
    const { rtts } = await exchanged(address)
    const { rows, code, stderr } = await tool.stop()
    const all = (await together.stop()).rows
    expect(all.map((each) => each['address'])).toEqual([undefined])
    expect((await other.stop()).rows).toEqual([])
    const row = rows.find((each) => each['address'] === address)
    const { slots, total } = row as unknown as { slots: number[]; total: number }
    const [least, most] = [Math.min(...rtts), Math.max(...rtts)]
    // It is slow indeed, and there is something to be told apart.
    expect(most).toBeGreaterThan(10_000)
    expect(countOf({ slots })).toBeGreaterThanOrEqual(rtts.length)
    const average = total / countOf({ slots })
    expect(average).toBeGreaterThan(least / 2)
    expect(average).toBeLessThan(most * 1.1)
    // The slot of the largest one, give or take what ss did not see between two lines.
    const last = slots.findLastIndex((count) => count > 0)
    expect(Math.abs(last - Math.floor(Math.log2(most)))).toBeLessThanOrEqual(1)
    expect({ code, lost: / 0 lost\n$/.test(stderr) }).toEqual({ code: 0, lost: true })
  })
})
