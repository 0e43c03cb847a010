// Without root, and with some of its capabilities only.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describeBpf } from '../require-bpf.js'

const nobody = '65534'
const script = join(__dirname, 'scripts/load.cjs')

function run(command: string, ...args: string[]): unknown[] {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  expect(stderr).toBe('')
  return JSON.parse(stdout) as unknown[]
}

/** Runs the script as root with these capabilities. */
function runWith(...capabilities: string[]): unknown[] {
  const set = ['-all', ...capabilities.map((capability) => `+${capability}`)].join()
  return run('setpriv', '--bounding-set', set, process.execPath, script)
}

function refused(hint: string): unknown {
  return {
    name: 'BpfError',
    code: 'ERR_PERMISSION',
    errno: -1,
    hint: expect.stringContaining(hint) as string,
    message: expect.stringContaining('Cannot load object "flood": EPERM') as string,
  }
}

describeBpf('privileges', () => {
  test('as another user an object can be opened only', () => {
    expect(run(process.execPath, script, nobody)).toEqual([
      'open',
      refused('The process lacks CAP_BPF and CAP_PERFMON: run it as root, '),
    ])
  })

  test('as root without capabilities too', () => {
    expect(runWith()).toEqual(['open', refused('with --cap-add BPF --cap-add PERFMON (')])
  })

  test('what is missing is named', () => {
    expect(runWith('bpf')).toEqual(['open', refused('with --cap-add PERFMON (')])
    expect(runWith('perfmon')).toEqual(['open', refused('with --cap-add BPF (')])
  })

  test('a user namespace is told from missing capabilities', () => {
    expect(run('unshare', '--map-root-user', process.execPath, script)).toEqual([
      'open',
      refused('This is a user namespace'),
    ])
  })

  test('with CAP_BPF and CAP_PERFMON it works', () => {
    // Only CAP_SYS_ADMIN may ask whether a link is gone.
    const steps = ['open', 'loaded', 'attached', 'detached, perhaps']
    expect(runWith('bpf', 'perfmon')).toEqual(steps)
  })

  test('a file that is not readable is an error of its own', () => {
    const code = `
      const { BpfObject } = require(${JSON.stringify(join(__dirname, '../..'))})
      process.setuid(${nobody})
      try { BpfObject.open('/proc/1/mem') } catch ({ code, message }) {
        console.log(JSON.stringify([code, message]))
      }`
    expect(run(process.execPath, '-e', code)).toEqual([
      'ERR_PERMISSION',
      'Cannot open /proc/1/mem: the file is not readable',
    ])
  })
})
