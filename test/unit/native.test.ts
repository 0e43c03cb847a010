import { join } from 'node:path'
import type * as nativeModule from '../../lib/addon/addon.js'
import { addon, setAddonFile } from '../../lib/addon/addon.js'
import { type Thrown, thrownBy } from '../thrown.js'

const root = join(__dirname, '../..')
const missing = 'Cannot load the native addon of bpf-ringbuf: '

type Bindings = (options: { try: string[][] }) => unknown

/** What addon() of a fresh copy of the library throws when bindings does this. */
function failing(bindings: Bindings): Thrown {
  let error: Thrown | undefined
  jest.isolateModules(() => {
    jest.doMock('bindings', () => bindings)
    const native = jest.requireActual<typeof nativeModule>('../../lib/addon/addon.js')
    error = thrownBy(() => native.addon())
  })
  jest.dontMock('bindings')
  return error as Thrown
}

const places = ['build/Debug', 'build/Release', `prebuilds/linux-${process.arch}`]
const absent = new Error('Could not locate the bindings file. Tried:\n → /app/bpf_ringbuf.node\n')

/** Of the places that are tried the last one fails so, and the others have no file. */
function lastFails(cause: unknown): Bindings {
  return ({ try: [place] }) => {
    throw place?.includes('prebuilds') === true ? cause : absent
  }
}

describe('an addon that cannot be loaded', () => {
  test.each<[string, unknown, RegExp]>([
    [
      'for want of libbpf names the package',
      new Error(
        'libbpf.so.1: cannot open shared object file: No such file or directory\n' +
          'Require stack:\n- /app/node_modules/bindings/bindings.js',
      ),
      /\(libbpf\.so\.1: cannot open .*directory\)\. libbpf\.so\.1 is not installed: run "apt-get install libbpf1"/,
    ],
    [
      'for want of libelf names the library',
      new Error('libelf.so.1: cannot open shared object file: No such file or directory'),
      /libelf\.so\.1 is not installed: run/,
    ],
    [
      'for want of libbpf where the C library is musl names the package',
      new Error(
        'Error loading shared library libbpf.so.1: No such file or directory (needed by ' +
          '/app/node_modules/bpf-ringbuf/build/Release/bpf_ringbuf.node)',
      ),
      /libbpf\.so\.1 is not installed: run/,
    ],
    [
      'because there is none says how to compile it, by each package manager',
      absent,
      /\(no such file\)\. To compile it .*"npm rebuild bpf-ringbuf".*"pnpm approve-builds".*"yarn rebuild/,
    ],
    [
      'for another reason says it in one line',
      new Error('/app/bpf_ringbuf.node: invalid ELF header\nRequire stack:\n- /app/index.js'),
      /\(\/app\/bpf_ringbuf\.node: invalid ELF header\)\. To compile it/,
    ],
    [
      'because the file system may not be executed from says so',
      new Error('/app/bpf_ringbuf.node: failed to map segment from shared object'),
      /\. Its file system may be mounted with noexec$/,
    ],
    ['for what is no error says it', 'out of luck', /\(out of luck\)\. To compile it/],
  ])('%s', (_, cause, problem) => {
    const error = failing(lastFails(cause))
    expect(error).toMatchObject({ name: 'BpfError', code: 'ERR_ADDON', operation: 'load', cause })
    expect(error.message.startsWith(`${missing}of the files in ${root} none loads: `)).toBe(true)
    expect(error.message.match(/[\w/-]+\/bpf_ringbuf\.node(?= \()/g)).toEqual(
      places.map((folder) => `${folder}/bpf_ringbuf.node`),
    )
    expect(error.message).toMatch(problem)
  })

  test("is refused when it is another's", () => {
    expect(failing(() => ({ Reader: Object })).message).toMatch(
      /\/bpf_ringbuf\.node \(it is not the addon of bpf-ringbuf\)/,
    )
  })
})

describe('the addon', () => {
  test('is loaded once', () => {
    expect(addon()).toBe(addon())
    expect(addon().libbpfVersion).toMatch(/^v?\d+\.\d+/)
    expect(addon().possibleCpus()).toBeGreaterThanOrEqual(1)
  })

  test('is named before it is loaded, by an absolute path', () => {
    expect(() => setAddonFile('bpf_ringbuf.node')).toThrow(
      new RangeError(
        "Expected an absolute path for the addon's file but received 'bpf_ringbuf.node'",
      ),
    )
    expect(() => setAddonFile('/app/bpf_ringbuf.node\0')).toThrow(/a path without NUL/)
    expect(() => setAddonFile(5 as never)).toThrow(TypeError)
    addon()
    expect(thrownBy(() => setAddonFile('/app/bpf_ringbuf.node'))).toMatchObject({
      code: 'ERR_STATE',
    })
  })

  test.each(['darwin', 'win32', 'freebsd'] as const)('needs Linux, not %s', (platform) => {
    const actual = Object.getOwnPropertyDescriptor(process, 'platform') as PropertyDescriptor
    Object.defineProperty(process, 'platform', { ...actual, value: platform })
    try {
      jest.isolateModules(() => {
        const native = jest.requireActual<typeof nativeModule>('../../lib/addon/addon.js')
        expect(() => native.addon()).toThrow(
          expect.objectContaining({
            code: 'ERR_ADDON',
            message: `${missing}BPF needs Linux, this is ${platform}`,
          }) as Error,
        )
      })
    } finally {
      Object.defineProperty(process, 'platform', actual)
    }
  })
})
