import type * as nativeModule from '../../lib/addon/addon.js'
import { addon } from '../../lib/addon/addon.js'
import { type Thrown, thrownBy } from '../thrown.js'

const missing = 'Cannot load the native addon of bpf-ringbuf: '

/** What addon() throws when loading it fails so. */
function failing(cause: unknown): Thrown {
  let error: Thrown | undefined
  jest.isolateModules(() => {
    jest.doMock('bindings', () => () => {
      throw cause
    })
    const native = jest.requireActual<typeof nativeModule>('../../lib/addon/addon.js')
    error = thrownBy(() => native.addon())
  })
  jest.dontMock('bindings')
  return error as Thrown
}

describe('an addon that cannot be loaded', () => {
  test.each<[string, unknown, RegExp]>([
    [
      'for want of libbpf names the package',
      new Error(
        'libbpf.so.1: cannot open shared object file: No such file or directory\n' +
          'Require stack:\n- /app/node_modules/bindings/bindings.js',
      ),
      /^libbpf\.so\.1 is not installed\. Install it: "apt-get install libbpf1"/,
    ],
    [
      'for want of libelf names the library',
      new Error('libelf.so.1: cannot open shared object file: No such file or directory'),
      /^libelf\.so\.1 is not installed\. Install it/,
    ],
    [
      'for want of libbpf where the C library is musl names the package',
      new Error(
        'Error loading shared library libbpf.so.1: No such file or directory (needed by ' +
          '/app/node_modules/bpf-ringbuf/build/Release/bpf_ringbuf.node)',
      ),
      /^libbpf\.so\.1 is not installed\. Install it/,
    ],
    [
      'because it was not built says how to build it',
      new Error(
        'Could not locate the bindings file. Tried:\n → /app/node_modules/bpf-ringbuf/build/bpf_ringbuf.node\n',
      ),
      /^it was not built for this machine\. Install a compiler and libbpf, .* then run "npm rebuild bpf-ringbuf"/,
    ],
    [
      'for another reason says it in one line',
      new Error(
        '/app/build/Release/bpf_ringbuf.node: invalid ELF header\nRequire stack:\n- /app/index.js',
      ),
      /^\/app\/build\/Release\/bpf_ringbuf\.node: invalid ELF header\. If it was built for another machine or Node, run "npm rebuild bpf-ringbuf"$/,
    ],
    ['for what is no error says it', 'out of luck', /^out of luck\. If it was built/],
  ])('%s', (_, cause, problem) => {
    const error = failing(cause)
    expect(error).toMatchObject({ name: 'BpfError', code: 'ERR_ADDON', operation: 'load', cause })
    expect(error.message.startsWith(missing)).toBe(true)
    expect(error.message.slice(missing.length)).toMatch(problem)
  })
})

describe('the addon', () => {
  test('is loaded once', () => {
    expect(addon()).toBe(addon())
    expect(addon().libbpfVersion).toMatch(/^v?\d+\.\d+/)
    expect(addon().possibleCpus()).toBeGreaterThanOrEqual(1)
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
