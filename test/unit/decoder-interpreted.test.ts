// The same tests over what makes no code of strings.
import type * as walkModule from '../../lib/stream/walk.js'
import type * as structModule from '../../lib/types/struct.js'
import './decoder.test.js'
import './shapes.test.js'
import './tagged.test.js'
import './write.test.js'

const native = globalThis.Function
const refused = jest.fn(() => {
  throw new EvalError('Code generation from strings disallowed for this context')
})
const warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)

beforeAll(() => {
  globalThis.Function = refused
})

afterAll(() => {
  globalThis.Function = native
})

test('the process is warned once that this is slower', () => {
  jest.isolateModules(() => {
    const walk = jest.requireActual<typeof walkModule>('../../lib/stream/walk.js')
    const { u32 } = jest.requireActual<typeof structModule>('../../lib/types/struct.js')
    refused.mockClear()
    warnings.mockClear()
    walk.compile(u32, 'ring')
    walk.compile(u32, 'ring')
  })
  expect(refused).toHaveBeenCalledTimes(2)
  expect(warnings.mock.calls).toEqual([
    [
      expect.stringMatching(/slowly/),
      expect.objectContaining({ code: 'BPF_RINGBUF_SLOW_DECODER' }),
    ],
  ])
})
