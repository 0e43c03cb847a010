// Files are not trusted: whatever is in them, opening one gives an object or an
// error. A process of its own, as a mistake here would end it.
import { runScript } from './script.js'

test('an object with damaged BTF is opened or refused', async () => {
  await opensOrRefuses('damaged')
}, 180_000)

test('an object that another thread changes meanwhile is opened or refused', async () => {
  await opensOrRefuses('shared')
}, 180_000)

async function opensOrRefuses(script: string) {
  const { code, signal, stdout, stderr } = await runScript(script)
  expect([code, signal, stderr]).toEqual([0, null, ''])
  const codes = JSON.parse(stdout) as string[]
  expect(codes).toContain('ERR_OBJECT_FORMAT')
  const known = ['opened', 'ERR_NO_BTF', 'ERR_OBJECT_FORMAT']
  expect(codes.filter((name) => !known.includes(name))).toEqual([])
}
