// What a newer libbpf than Debian 12's has: `make test-libbpf` runs it over some.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BpfErrorCode, BpfObject, features } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { errorOf, judge } from '../features.js'
import { connectToSelf, withCongestionControl } from '../network.js'
import { objectPath, openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'

const { libbpf, kernel } = features()
const hits = (object: BpfObject): number => Number(object.globals['hits'])

describeBpf('a link of struct_ops', () => {
  expectNothingLeftOpen()

  test('has another map in the place of its own, where libbpf makes such links', async () => {
    if (libbpf.structOpsLinks.answer !== 'yes') return
    using object = openObject('struct-ops-link')
    const error = errorOf(() => object.load())
    judge('struct_ops', error, ['ERR_UNSUPPORTED', /refuses BPF trampolines|does not support/])
    if (error !== undefined) return
    const link = object.program('one_init').attach({ structOps: 'one' })
    const connectWith = (): Promise<void> => withCongestionControl('bpfrb_linked', connectToSelf)
    expect(link.info()).toMatchObject({ type: 'struct_ops', mapId: object.map('one').info().id })
    await connectWith()
    expect(hits(object)).toBeGreaterThan(0)
    expect(hits(object)).toBeLessThan(1_000_000)
    const refused: [string, BpfErrorCode][] = [
      ['stranger', 'ERR_UNSUPPORTED'],
      ['nobody', 'ERR_NOT_FOUND'],
    ]
    for (const [structOps, code] of refused) {
      expect(thrownBy(() => link.update({ structOps })).code).toBe(code)
    }
    link.update({ structOps: 'other' })
    expect(link.info().mapId).toBe(object.map('other').info().id)
    await connectWith()
    expect(hits(object)).toBeGreaterThanOrEqual(1_000_000)
    link.close()
    await expect(connectWith()).rejects.toThrow('ENOENT')
    expect(thrownBy(() => link.update({ structOps: 'one' })).code).toBe('ERR_CLOSED')
  })
})

/** Opens an object without a descriptor left. */
const withoutDescriptors = `
  const { openSync, readFileSync } = require('node:fs')
  const { BpfObject } = require(${JSON.stringify(join(__dirname, '../../dist'))})
  const bytes = readFileSync(process.argv[1])
  BpfObject.open(bytes).close()
  let outcome = 'opened'
  try {
    for (;;) openSync('/dev/null')
  } catch {
    try {
      BpfObject.open(bytes)
    } catch ({ code, hint }) {
      outcome = code + ': ' + hint
    }
  }
  process.stdout.write(outcome)`

describeBpf('an object', () => {
  test('that is opened without a descriptor left is told so, where libbpf opens any', () => {
    const command = [process.execPath, '-e', withoutDescriptors, objectPath('records')]
    const limited = ['-c', 'ulimit -n 64 && exec "$@"', '-', ...command]
    const { stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8' })
    expect(stderr).toBe('')
    // One for each map, since libbpf 1.5.
    expect(stdout).toMatch(libbpf.consumeN.answer === 'yes' ? /^ERR_KERNEL: .*ulimit/ : /^opened$/)
  })
})

/** Loads an object without and with a token, and has it make records. */
const inNamespace = `
  const { BpfObject } = require(${JSON.stringify(join(__dirname, '../../dist'))})
  const [, path, tokenPath] = process.argv
  const outcomes = []
  for (const options of [{}, { tokenPath }]) {
    try {
      const object = BpfObject.open(path, options).load()
      const context = new Uint8Array(Uint32Array.of(3, 1, 0, 0).buffer)
      outcomes.push(object.program('make_events').testRun({ context }).returnValue)
    } catch ({ code }) {
      outcomes.push(code)
    }
  }
  console.log(JSON.stringify(outcomes))`

describeBpf('a token', () => {
  test.each(['/no/such/place', '/proc'])(
    'of %s, where none can be, is told with who names it',
    (path) => {
      if (libbpf.tokens.answer !== 'yes') return
      const object = BpfObject.open(objectPath('records'), { tokenPath: path })
      expect(thrownBy(() => object.load())).toMatchObject({
        message: expect.stringContaining(path) as string,
        hint: expect.stringMatching(/LIBBPF_BPF_TOKEN_PATH names that path/) as string,
      })
      object.close()
    },
  )

  test('stands for the capabilities that a user namespace does not have', () => {
    if (libbpf.tokens.answer !== 'yes' || kernel.tokens.answer !== 'yes') return
    const directory = mkdtempSync(join(tmpdir(), 'token-'))
    const command = [process.execPath, '-e', inNamespace, objectPath('records'), directory]
    const program = join(__dirname, '../../build/test/token')
    const { stdout, stderr } = spawnSync(program, [directory, ...command], { encoding: 'utf8' })
    rmdirSync(directory)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual(['ERR_PERMISSION', 3])
  })
})
