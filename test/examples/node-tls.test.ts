// What node-tls prints, against what a server and its clients say that they sent and got.
import { Example } from '../process/example.js'
import { type Answer, ask, nodeBinaries, Server, startScript } from './node-activity.js'
import { describeTool, printed, type Row, testInTerminal, Tool } from './tool.js'

/** All that a process sent or received, in its order. */
function textOf(rows: Row[], pid: number, direction: 'sent' | 'received'): string {
  const ofIt = rows.filter((row) => row['pid'] === pid && row['direction'] === direction)
  expect(ofIt.map(({ truncated }) => truncated)).not.toContain(true)
  return ofIt.map(({ text }) => text).join('')
}

function expectAnswers(text: string, answers: Answer[]): void {
  const heads = answers.map(({ status }) => `HTTP/1.1 ${status} `)
  expect(text.match(/^HTTP\/1.1 \d+ /gm)).toEqual(heads)
  for (const answer of answers) expect(text).toContain(answer.text)
}

describeTool('node-tls', () => {
  testInTerminal('node-tls', {
    args: ['--name', 'https'],
    happens: async () => {
      const server = await Server.start(startScript(process.execPath, 'https.cjs', ['serve']))
      await ask(process.execPath, 'ask', server, 2)
      await server.stop()
    },
    shows: /recv/,
  })

  test.each(nodeBinaries)('what a server and a client exchange: Node %s', async (_, node) => {
    const tool = await Tool.start('node-tls', ['--data', '--binary', node])
    const server = await Server.start(startScript(node, 'https.cjs', ['serve']))
    const client = await ask(node, 'ask', server, 3)
    const served = await server.stop()
    const { rows, stderr, code } = await tool.stop()
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/, 0 lost,/) as string,
    })

    const requests = textOf(rows, client.pid, 'sent')
    expect(requests.match(/(GET|POST) \S+ HTTP\/1.1$/gm)).toEqual(
      served.map(({ method, url }) => `${method} ${url} HTTP/1.1`),
    )
    for (const { body } of served) expect(requests).toContain(body)
    expect(textOf(rows, server.pid, 'received')).toBe(requests)

    const responses = textOf(rows, server.pid, 'sent')
    expectAnswers(responses, client.answers)
    expect(textOf(rows, client.pid, 'received')).toBe(responses)

    // Both ends by their sockets.
    const peers = (pid: number): unknown[] => [
      ...new Set(rows.filter((row) => row['pid'] === pid).map(({ peer }) => peer)),
    ]
    expect(peers(client.pid)).toEqual([`127.0.0.1:${server.port}`])
    expect(peers(server.pid)).toEqual([`127.0.0.1:${client.answers[0]?.localPort}`])
    expect(rows.every(({ process }) => process === 'https.cjs')).toBe(true)
  })

  test('several processes at once, later ones, and one whose binary only it can open', async () => {
    const tool = await Tool.start('node-tls')
    const script = `${__dirname}/scripts/https.cjs`
    const inside = `mount -t tmpfs none /mnt && cp ${process.execPath} /mnt/own && exec /mnt/own ${script} serve`
    const [contained, plain] = await Promise.all([
      Server.start(new Example('unshare', ['--mount', 'sh', '-c', inside])),
      Server.start(startScript(process.execPath, 'https.cjs', ['serve'])),
    ])
    const both = await Promise.all([
      ask(process.execPath, 'ask', plain, 2),
      ask(process.execPath, 'ask', plain, 2),
    ])
    for (const { pid } of both) {
      const ofIt = (row: Row): boolean => row['pid'] === pid && row['direction'] === 'received'
      await tool.until((row) => ofIt(row) && row['text'] === 'HTTP/1.1 200 OK')
    }
    // Within the second in which a new binary is found.
    const isSeen = (): boolean => tool.rows.some((row) => row['pid'] === contained.pid)
    for (let tries = 0; !isSeen() && tries < 50; tries++) {
      await ask(process.execPath, 'ask', contained, 1)
    }
    await tool.until((row) => row['pid'] === contained.pid && row['text'] === 'HTTP/1.1 200 OK')
    const { stderr } = await tool.stop()
    expect(stderr).toMatch(/, 0 lost,/)
  })

  test('as lines, where nothing that a terminal obeys is left', async () => {
    const server = await Server.start(startScript(process.execPath, 'https.cjs', ['serve']))
    const { stdout } = await printed('node-tls', ['--data', '--pid', String(server.pid)], () =>
      ask(process.execPath, 'ask', server, 1),
    )
    expect(stdout).toMatch(
      / https.cjs +recv 127\.0\.0\.1:\d+ +\d+ POST \/number\/0\S+ HTTP\/1\.1\n/,
    )
    expect(stdout).toContain('\n    body 0 é\\x07\n')
    expect(stdout).toContain('\n    you said body 0 é\\x07 – ümlaut\\x1b[31m\n')
    expect(stdout).not.toMatch(/[^\P{Cc}\n]/u)
  })

  test('without text, and of what is no Node', async () => {
    const server = await Server.start(startScript(process.execPath, 'https.cjs', ['serve']))
    const tool = await Tool.start('node-tls', ['--bytes', '0', '--name', 'https.cjs'])
    await ask(process.execPath, 'ask', server, 1)
    const row = await tool.until(({ pid }) => pid === server.pid)
    expect(row).toMatchObject({ text: '', truncated: true })
    expect(row['bytes']).toBeGreaterThan(100)
    await tool.stop()

    const ended = await Example.start('node-tls', ['--binary', '/bin/true']).ended
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^node-tls: .*\/bin\/true.*no function SSL_write.*stripped.*\n$/)
  })
})
