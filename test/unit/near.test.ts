import { didYouMean, nearestName } from '../../lib/errors/near.js'

const names = ['events', 'exits', 'deny', 'events__counters']

test.each([
  ['evnets', 'events'],
  ['Events', 'events'],
  ['event', 'events'],
  ['exitss', 'exits'],
  ['dny', 'deny'],
  ['events_counters', 'events__counters'],
])('%s means %s', (wrong, right) => {
  expect(nearestName(wrong, names)).toBe(right)
  expect(didYouMean(wrong, names)).toBe(`; did you mean "${right}"?`)
})

test.each(['packets', 'x', '', 'a'.repeat(100_000)])('%.20s means none of them', (wrong) => {
  expect(nearestName(wrong, names)).toBeUndefined()
  expect(didYouMean(wrong, names)).toBe('')
})

test('of several the first one is meant', () => {
  expect(nearestName('map', ['maps', 'mapp'])).toBe('maps')
})

test('of a million names only some are looked at', () => {
  let looked = 0
  function* many(): Generator<string> {
    for (; looked < 1_000_000; looked++) yield `${'x'.repeat(60)}${String(looked % 10)}`
  }
  nearestName(`y${'x'.repeat(60)}`, many())
  expect(looked).toBe(1000)
})
