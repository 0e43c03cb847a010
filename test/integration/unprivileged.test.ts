// With CAP_BPF and CAP_PERFMON a program is loaded and attached, and a reader made;
// to go on reading takes none.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { objectPath } from '../objects.js'
import { describeBpf } from '../require-bpf.js'

/**
 * Loads, attaches and reads; becomes another user, after which no thread has a
 * capability; reads on. Prints what it saw.
 */
const code = `
  const { readdirSync, readFileSync } = require('node:fs')
  const { BpfObject, RingBuffer, u32 } = require(${JSON.stringify(join(__dirname, '../../dist'))})

  /** CapEff and CapPrm of each thread, each once. */
  function capabilities() {
    const sets = readdirSync('/proc/self/task').flatMap((thread) =>
      readFileSync('/proc/self/task/' + thread + '/status', 'utf8').match(/^Cap(Eff|Prm).*$/gm))
    return [...new Set(sets.map((set) => BigInt('0x' + set.split('\\t')[1]).toString(16)))]
  }

  async function main() {
    const object = BpfObject.open(${JSON.stringify(objectPath('attach'))})
    object.program('raw_tracepoint').autoload = true
    object.globals.only_tgid = process.pid
    object.load()
    let events = 0
    const ring = new RingBuffer(object.map('events'), u32, (tgid) => {
      if (tgid === process.pid) events++
    })
    object.attach()
    const seen = []
    async function see() {
      events = 0
      for (let i = 0; i < 10; i++) process.getuid()
      // By the poll thread, not by this one.
      const deadline = Date.now() + 5000
      while (events < 10 && Date.now() < deadline) await new Promise((next) => setImmediate(next))
      seen.push({ received: events >= 10, capabilities: capabilities() })
    }
    await see()
    if (process.argv[1] === 'drop') {
      process.setgroups([])
      process.setgid(65534)
      process.setuid(65534)
      await see()
      await ring.flush()
      try { BpfObject.open(${JSON.stringify(objectPath('flood'))}).load() } catch ({ code }) {
        seen.push(code)
      }
    }
    object.detach()
    await ring.end()
    object.close()
    console.log(JSON.stringify(seen))
  }
  main()`

function withCapabilities(capabilities: string[], script: string, ...args: string[]) {
  const set = ['-all', ...capabilities.map((capability) => `+${capability}`)].join()
  return spawnSync('setpriv', ['--bounding-set', set, process.execPath, '-e', script, ...args], {
    encoding: 'utf8',
  })
}

function run(capabilities: string[], ...args: string[]): unknown {
  const { stdout, stderr } = withCapabilities(capabilities, code, ...args)
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

/** Prints why these failed. */
const askForIds = `
  const { BpfMap, enableStats } = require(${JSON.stringify(join(__dirname, '../../dist'))})
  for (const ask of [() => BpfMap.fromId(1), () => enableStats()]) {
    try { ask() } catch ({ code, hint }) { console.log(code, hint) }
  }`

/** Loads a program of cgroups; prints why that failed. */
const loadOfNetworks = `
  const { BpfObject } = require(${JSON.stringify(join(__dirname, '../../dist'))})
  const object = BpfObject.open(${JSON.stringify(objectPath('targets'))})
  object.program(process.argv[1]).autoload = true
  try { object.load() } catch ({ code, hint }) { console.log(code, hint) }`

const bpfAndPerfmon = ((1n << 39n) | (1n << 38n)).toString(16)
// To become another user, and for nothing else.
const withSetuid = ((1n << 39n) | (1n << 38n) | (1n << 7n) | (1n << 6n)).toString(16)

describeBpf('capabilities', () => {
  test('CAP_BPF and CAP_PERFMON alone are enough', () => {
    expect(run(['bpf', 'perfmon'])).toEqual([{ received: true, capabilities: [bpfAndPerfmon] }])
  })

  test.each(['share_port', 'network_device'])('%s needs CAP_NET_ADMIN, too', (program) => {
    const { stdout } = withCapabilities(['bpf', 'perfmon'], loadOfNetworks, program)
    expect(stdout).toMatch(/^ERR_PERMISSION The process lacks CAP_NET_ADMIN/)
  })

  test('all that a program of networks needs is named at once', () => {
    const { stdout } = withCapabilities([], loadOfNetworks, 'network_device')
    expect(stdout).toMatch(/^ERR_PERMISSION The process lacks CAP_BPF, CAP_PERFMON and CAP_NET_AD/)
  })

  test.each([[[]], [['bpf', 'perfmon']]])('with %j ids and counts need CAP_SYS_ADMIN', (given) => {
    const { stdout } = withCapabilities(given, askForIds)
    expect(stdout.match(/^ERR_PERMISSION The process lacks CAP_SYS_ADMIN,/gm)).toHaveLength(2)
  })

  test('a reader goes on reading when no thread has any left', () => {
    expect(run(['bpf', 'perfmon', 'setuid', 'setgid'], 'drop')).toEqual([
      { received: true, capabilities: [withSetuid] },
      { received: true, capabilities: ['0'] },
      'ERR_PERMISSION',
    ])
  })
})
